from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.errors import IMAPStatusError, ItemMissing, LocalProtocolError, OverQuota
from mailproto.imap.capability import Capabilities
from mailproto.imap.codec import parse_responses, serialize
from mailproto.imap.codes import TOOBIG
from mailproto.imap.commands import Status
from mailproto.imap.ext.appendlimit import append_limit
from mailproto.imap.responses import StatusData
from mailproto.imap.status import No
from support_imap_ext import check_code, check_refused, check_response, check_status_items, defects_of


@pytest.mark.parametrize("limit", [None, 0, 257890, 2**32 - 1])
def test_both_directions(limit: int | None) -> None:
    data = StatusData("INBOX", (("APPENDLIMIT", limit),))
    check_response(f"STATUS INBOX (APPENDLIMIT {'NIL' if limit is None else limit})".encode(), data)
    assert data.append_limit == limit


def test_status_asks_for_it() -> None:
    check_status_items(b"APPENDLIMIT", ("APPENDLIMIT",))
    with pytest.raises(ItemMissing, match="APPENDLIMIT"):
        _ = StatusData("x", ()).append_limit


@pytest.mark.parametrize(
    ("capabilities", "limit"),
    [
        ("IMAP4rev1 ID APPENDLIMIT=257890", 257890),
        ("APPENDLIMIT=0", 0),
        ("APPENDLIMIT APPENDLIMIT=5", 5),
        ("APPENDLIMIT", None),
        ("IMAP4rev1", None),
        ("APPENDLIMIT=x", None),
        ("APPENDLIMIT=" + "9" * 5000, None),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_the_limit_of_all_mailboxes(capabilities: str, limit: int | None) -> None:
    assert append_limit(Capabilities(capabilities.split())) == limit


@pytest.mark.parametrize("wire", [b"4294967296", b"-1", b"x", b"(5)"])
def test_what_is_no_limit_is_a_defect(wire: bytes) -> None:
    assert defects_of(b"STATUS x (APPENDLIMIT " + wire + b")") == 1


@pytest.mark.parametrize("limit", [-1, 2**32, "5", True, ()], ids=repr)
def test_attacks(limit: int) -> None:
    with pytest.raises(LocalProtocolError):
        StatusData("x", (("APPENDLIMIT", limit),))


@given(st.none() | st.integers(0, 2**32 - 1))
def test_round_trip(limit: int | None) -> None:
    data = StatusData("x", (("APPENDLIMIT", limit),))
    assert parse_responses(serialize(data), strict=True) == [data]


@pytest.mark.parametrize("offered", ["APPENDLIMIT", "APPENDLIMIT=500"])
def test_a_server_refuses_what_it_does_not_offer(offered: str) -> None:
    check_refused(Status("x", ("APPENDLIMIT",)), offered)


def test_the_code_of_a_message_that_is_too_large() -> None:
    check_code(b"TOOBIG", TOOBIG)
    assert isinstance(IMAPStatusError.of(No("too big", TOOBIG), "APPEND"), OverQuota)
