from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.errors import ItemMissing, LocalProtocolError
from mailproto.imap.codec import parse_responses, serialize
from mailproto.imap.commands import Status
from mailproto.imap.responses import StatusData
from support_imap_ext import check_refused, check_response, check_status_items, defects_of

LARGEST = 2**63 - 1


@pytest.mark.parametrize("size", [0, 44421, LARGEST])
def test_both_directions(size: int) -> None:
    data = StatusData("frop", (("MESSAGES", 8), ("SIZE", size), ("UIDNEXT", 242344)))
    check_response(b"STATUS frop (MESSAGES 8 SIZE %d UIDNEXT 242344)" % size, data)
    assert data.size == size


def test_status_asks_for_it() -> None:
    check_status_items(b"MESSAGES SIZE UIDNEXT", ("MESSAGES", "SIZE", "UIDNEXT"))
    with pytest.raises(ItemMissing, match="SIZE"):
        _ = StatusData("x", ()).size


@pytest.mark.parametrize("wire", [b"9223372036854775808", b"-1", b"NIL", b"(5)"])
def test_what_is_no_size_is_a_defect(wire: bytes) -> None:
    assert defects_of(b"STATUS x (SIZE " + wire + b")") == 1


@pytest.mark.parametrize("size", [-1, LARGEST + 1, None, "5", True], ids=repr)
def test_attacks(size: int) -> None:
    with pytest.raises(LocalProtocolError):
        StatusData("x", (("SIZE", size),))


@given(st.integers(0, LARGEST))
def test_round_trip(size: int) -> None:
    data = StatusData("x", (("SIZE", size),))
    assert parse_responses(serialize(data), strict=True) == [data]


def test_a_server_refuses_what_it_does_not_offer() -> None:
    check_refused(Status("x", ("SIZE",)), "STATUS=SIZE")
    check_refused(Status("x", ("SIZE",)), "IMAP4rev2")
