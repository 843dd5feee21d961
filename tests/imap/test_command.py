from __future__ import annotations

import pytest

from mailproto._secret import Secret
from mailproto.errors import LocalProtocolError
from mailproto.imap.command import (
    TaggedCommand,
    UnknownCommand,
    checked_atoms,
    parse_command,
    parse_text,
    text_octets,
)
from mailproto.imap.commands import Login, Noop
from mailproto.imap.cursor import ParseError
from mailproto.imap.values import Message
from support_imap_wire import command_octets, cursor_at, parse_octets


@pytest.mark.parametrize("wire", [b"", b" NOOP", b"+ NOOP", b"\x00", b"(", b"\xff NOOP"])
def test_without_a_tag(wire: bytes) -> None:
    with pytest.raises(ParseError) as caught:
        parse_command(Message(wire))
    assert caught.value.tag is None


def test_the_tag_may_stand_alone() -> None:
    with pytest.raises(ParseError) as caught:
        parse_command(Message(b"a"))
    assert caught.value.tag == "a"


@pytest.mark.parametrize(
    "wire", [b"LOGIN joe s3cret more", b'LOGIN joe "s3cret', b"AUTHENTICATE PLAIN s3cret!"]
)
def test_errors_show_no_credentials(wire: bytes) -> None:
    with pytest.raises(ParseError) as caught:
        parse_command(Message(b"a " + wire))
    assert b"s3cret" not in caught.value.found
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_defects_stand_beside_the_command() -> None:
    tagged = parse_command(Message('a LOGIN "jürgen" pass'.encode()))
    assert tagged.command == Login("jürgen", Secret("pass"))
    assert [(defect.rule, defect.offset) for defect in tagged.defects] == [
        ("7-bit octets in a quoted string", 8)
    ]
    assert tagged == TaggedCommand("a", tagged.command)
    with pytest.raises(ParseError):
        parse_command(Message('a LOGIN "jürgen" pass'.encode()), strict=True)


@pytest.mark.parametrize(
    "tag", ["", "a b", "a\r\n", "+", "a+", "*", "\0", "é", "\ud800", "a{1}", '"', "(", 5], ids=repr
)
def test_attacks_in_the_tag(tag: str) -> None:
    with pytest.raises(LocalProtocolError):
        TaggedCommand(tag, Noop())


CASES: list[tuple[bytes, UnknownCommand]] = [
    (b'XFROB a "b" (1 NIL) {1}\r\n\n', UnknownCommand("xfrob", ("a", b"b", (1, None), b"\n"))),
    (b"UID XFROB 5", UnknownCommand("UID XFROB", (5,))),
    (b'UID "x"', UnknownCommand("UID", (b"x",))),
    (b"UID", UnknownCommand("uid")),
]


@pytest.mark.parametrize(("wire", "command"), CASES)
def test_unknown_commands_in_both_directions(wire: bytes, command: UnknownCommand) -> None:
    assert parse_octets(b"a " + wire + b"\r\n") == command
    assert command_octets(command) == b"a " + wire + b"\r\n"


@pytest.mark.parametrize(
    "name", ["", "a b c", "uid  x", "noop", "UID FETCH", "a\r\n", "\0", "\ud800", "é", 5], ids=ascii
)
def test_attacks_in_the_name(name: str) -> None:
    with pytest.raises(LocalProtocolError):
        UnknownCommand(name)


def test_text_that_is_not_utf_8_comes_back() -> None:
    text = parse_text(cursor_at(b"{2}\r\n", b"a\xff"))
    assert text == "a\udcff"
    assert text_octets(text, "user") == b"a\xff"


@pytest.mark.parametrize("text", ["\ud800", "\udcc3\udca9", "a\0", 5], ids=ascii)
def test_what_no_octets_read_as_is_a_local_error(text: str) -> None:
    for is_secret in (False, True):
        with pytest.raises(LocalProtocolError):
            text_octets(text, "user", is_secret=is_secret)


@pytest.mark.parametrize("atoms", [[], ["a b"], [b"a"], "MESSAGES", ["a", "\r"]], ids=repr)
def test_what_is_no_list_of_atoms_is_a_local_error(atoms: list[str]) -> None:
    with pytest.raises(LocalProtocolError):
        checked_atoms(atoms, "an item")


def test_atoms_are_in_upper_case() -> None:
    assert checked_atoms(["a", "B-c"], "an item") == ("A", "B-C")
