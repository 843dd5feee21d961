from __future__ import annotations

import pytest
from hypothesis import given

from mailproto.errors import LocalProtocolError
from mailproto.imap.commands import parse_command
from mailproto.imap.cursor import ParseError
from mailproto.imap.ext.id import ID, IDParameters, parse_id_parameters
from support_imap_strategies import id_parameters
from support_imap_wire import command_octets, cursor_at, frame, parse_octets

CASES: list[tuple[bytes, IDParameters | None]] = [
    (b"NIL", None),
    (b"()", ()),
    (b'("name" "Cyrus" "os" NIL)', (("name", "Cyrus"), ("os", None))),
    (b'("name" {4}\r\na\r\nb "x" "")', (("name", "a\r\nb"), ("x", ""))),
    (b'("name" {1}\r\n\xff)', (("name", "\udcff"),)),
    (b'("name" {4}\r\nNI\xc3\x89)', (("name", "NIÉ"),)),
]


@pytest.mark.parametrize(("wire", "parameters"), CASES)
def test_both_directions(wire: bytes, parameters: IDParameters | None) -> None:
    assert parse_octets(b"a ID " + wire + b"\r\n") == ID(parameters)
    assert command_octets(ID(parameters)) == b"a ID " + wire + b"\r\n"


PAIRS_30 = b" ".join(b'"f%d" "v"' % number for number in range(30))

NOT_CASES = [
    b"ID",
    b"ID ",
    b"ID (name x)",
    b'ID ("name")',
    b'ID ("name" "x"',
    b'ID ("name" "x" )',
    b'ID ("name"  "x")',
    b'ID (NIL "x")',
    b'ID ("a" "b") x',
    b'ID ("Name" "b" "nAME" "c")',
    b'ID ("' + b"n" * 31 + b'" "x")',
    b'ID ("n" "' + b"x" * 1025 + b'")',
    b"ID (" + PAIRS_30 + b' "x" "y")',
    b'ID ("n" {3}\r\na\0b)',
]


@pytest.mark.parametrize("wire", NOT_CASES, ids=lambda wire: repr(wire[:30]))
def test_what_is_no_command(wire: bytes) -> None:
    with pytest.raises(ParseError):
        parse_command(frame(b"a " + wire + b"\r\n"))


def test_the_limits_themselves_are_allowed() -> None:
    command = parse_octets(b"a ID (" + PAIRS_30 + b")\r\n")
    assert isinstance(command, ID)
    assert command.parameters is not None
    assert len(command.parameters) == 30
    assert ID((("n" * 30, "x" * 1024),)).parameters == (("n" * 30, "x" * 1024),)


def test_an_answer_beyond_the_limits_is_read() -> None:
    parameters = parse_id_parameters(cursor_at(b'("n" "' + b"x" * 2_000 + b'")'))
    assert parameters == (("n", "x" * 2_000),)


ATTACKS: list[object] = [
    (("a\0", "b"),),
    (("a", "b\0"),),
    (("a", "\ud800"),),
    (("é" * 16, "b"),),
    (("a", "é" * 513),),
    (("a", b"b"),),
    ((5, "b"),),
    tuple((f"f{number}", "v") for number in range(31)),
    (("a", "b"), ("A", "c")),
]


@pytest.mark.parametrize("parameters", ATTACKS, ids=lambda parameters: repr(parameters)[:40])
def test_attacks(parameters: IDParameters) -> None:
    with pytest.raises(LocalProtocolError):
        ID(parameters)


@given(id_parameters)
def test_round_trip(parameters: IDParameters | None) -> None:
    assert parse_octets(command_octets(ID(parameters))) == ID(parameters)
