from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given

from mailproto.errors import LocalProtocolError
from mailproto.imap.codes import UnknownCode, parse_resp_text_code
from mailproto.imap.commands import Search, parse_command
from mailproto.imap.cursor import ParseError
from mailproto.imap.ext.filters import Filter, UndefinedFilterCode
from mailproto.imap.search import UID, From, SearchKey, Smaller
from mailproto.imap.sequence import UIDSet
from support_imap_ext import check_code, check_key, check_refused
from support_imap_strategies import filter_names
from support_imap_wire import command_octets, cursor_at, frame, parse_octets

KEYS: list[tuple[bytes, SearchKey]] = [
    (b"UID 300:900 FILTER on-the-road FROM x", UID(UIDSet("300:900")) & Filter("on-the-road") & From("x")),
    (b"OR FILTER a SMALLER 5000", Filter("a") | Smaller(5000)),
]


@pytest.mark.parametrize(("wire", "key"), KEYS)
def test_keys(wire: bytes, key: SearchKey) -> None:
    check_key(wire, key)


def test_the_code() -> None:
    check_code(b"UNDEFINED-FILTER on-the-road", UndefinedFilterCode("on-the-road"))


@pytest.mark.parametrize("wire", [b"FILTER", b'FILTER "a"', b"FILTER a/b", b"FILTER a]", b"FILTER (a)"])
def test_what_is_no_key(wire: bytes) -> None:
    with pytest.raises(ParseError):
        parse_command(frame(b"a SEARCH " + wire + b"\r\n"))


@pytest.mark.parametrize("wire", [b"UNDEFINED-FILTER a b", b'UNDEFINED-FILTER "a"', b"UNDEFINED-FILTER a/b"])
def test_other_arguments_of_the_code_are_kept(wire: bytes) -> None:
    cursor = cursor_at(wire + b"]")
    code = parse_resp_text_code(cursor)
    assert code == UnknownCode.of_parsed("UNDEFINED-FILTER", wire.partition(b" ")[2])
    assert len(cursor.defects) == 1


@pytest.mark.parametrize("evil", ["", "a b", "a/b", "a]", "é", "a\r\n", "\0", 5], ids=repr)
@pytest.mark.parametrize("build", [Filter, UndefinedFilterCode])
def test_attacks(build: Callable[[str], object], evil: str) -> None:
    with pytest.raises(LocalProtocolError):
        build(evil)


@given(filter_names)
def test_round_trip(name: str) -> None:
    command = Search(~Filter(name))
    assert parse_octets(command_octets(command)) == command


def test_a_server_refuses_what_it_does_not_offer() -> None:
    check_refused(Search(Filter("x")), "FILTERS")
