from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.errors import LocalProtocolError
from mailproto.imap.commands import Search, parse_command
from mailproto.imap.cursor import ParseError
from mailproto.imap.ext.within import Older, Younger
from mailproto.imap.search import SearchKey, Unseen
from support_imap_ext import check_key, check_refused
from support_imap_wire import command_octets, frame, parse_octets

KEYS: list[tuple[bytes, SearchKey]] = [
    (b"UNSEEN YOUNGER 259200", Unseen() & Younger(259200)),
    (b"OLDER 1", Older(1)),
    (b"NOT OLDER 4294967295", ~Older(4294967295)),
]


@pytest.mark.parametrize(("wire", "key"), KEYS)
def test_both_directions(wire: bytes, key: SearchKey) -> None:
    check_key(wire, key)


@pytest.mark.parametrize("wire", [b"OLDER", b"OLDER 0", b"OLDER x", b"YOUNGER 4294967296", b"YOUNGER -1"])
def test_what_is_no_key(wire: bytes) -> None:
    with pytest.raises(ParseError):
        parse_command(frame(b"a SEARCH " + wire + b"\r\n"))


@pytest.mark.parametrize("seconds", [0, -1, 2**32, "5", True], ids=repr)
def test_attacks(seconds: int) -> None:
    with pytest.raises(LocalProtocolError):
        Older(seconds)
    with pytest.raises(LocalProtocolError):
        Younger(seconds)


@given(st.integers(1, 2**32 - 1))
def test_round_trip(seconds: int) -> None:
    command = Search(Older(seconds) | Younger(seconds))
    assert parse_octets(command_octets(command)) == command


def test_a_server_refuses_what_it_does_not_offer() -> None:
    check_refused(Search(~Older(5)), "WITHIN")
    check_refused(Search(Unseen() & Younger(5)), "WITHIN")
