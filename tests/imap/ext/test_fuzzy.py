from __future__ import annotations

from functools import reduce

import pytest
from hypothesis import given

from mailproto.errors import LocalProtocolError
from mailproto.imap.commands import Search, parse_command
from mailproto.imap.cursor import ParseError
from mailproto.imap.ext.fuzzy import Fuzzy
from mailproto.imap.search import Answered, From, SearchKey, Subject
from mailproto.imap.values import MAX_DEPTH
from support_imap_ext import check_key, check_refused
from support_imap_strategies import keys
from support_imap_wire import command_octets, frame, parse_octets

KEYS: list[tuple[bytes, SearchKey]] = [
    (b'FUZZY SUBJECT "IMAP break"', Fuzzy(Subject("IMAP break"))),
    (b"FUZZY SUBJECT work FROM user@example.com", Fuzzy(Subject("work")) & From("user@example.com")),
    (b"FUZZY (ANSWERED FROM x)", Fuzzy(Answered() & From("x"))),
    (b"NOT FUZZY ANSWERED", ~Fuzzy(Answered())),
]


@pytest.mark.parametrize(("wire", "key"), KEYS)
def test_both_directions(wire: bytes, key: SearchKey) -> None:
    check_key(wire, key)


def test_with_parentheses_around_one_key() -> None:
    assert parse_octets(b'a SEARCH FUZZY (SUBJECT "IMAP break")\r\n') == Search(KEYS[0][1])


@pytest.mark.parametrize("wire", [b"FUZZY", b"FUZZY ", b"FUZZY ()", b"FUZZY " * (MAX_DEPTH + 1) + b"ALL"])
def test_what_is_no_key(wire: bytes) -> None:
    with pytest.raises(ParseError):
        parse_command(frame(b"a SEARCH " + wire + b"\r\n"))


def test_depth_and_kind_are_checked() -> None:
    deepest = reduce(lambda key, _: Fuzzy(key), range(MAX_DEPTH), Answered())  # type: ignore[arg-type,return-value]  # any key
    with pytest.raises(LocalProtocolError):
        Fuzzy(deepest)
    with pytest.raises(LocalProtocolError):
        Fuzzy("ANSWERED")  # type: ignore[arg-type]  # the mistake


def test_the_charset_holds_for_what_is_inside() -> None:
    assert Search(Fuzzy(Subject("é"))).charset == "UTF-8"


@given(keys)
def test_round_trip(key: SearchKey) -> None:
    command = Search(Fuzzy(key))
    assert parse_octets(command_octets(command)) == command


def test_a_server_refuses_what_it_does_not_offer() -> None:
    check_refused(Search(Fuzzy(Answered())), "SEARCH=FUZZY")
