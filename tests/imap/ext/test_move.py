from __future__ import annotations

from collections.abc import Callable

import pytest

from mailproto.errors import LocalProtocolError
from mailproto.imap.commands import Command, parse_command
from mailproto.imap.cursor import ParseError
from mailproto.imap.ext.move import Move, UIDMove
from mailproto.imap.sequence import SequenceSet, UIDSet
from support_imap_wire import command_octets, frame, parse_octets

CASES: list[tuple[bytes, Command]] = [
    (b"MOVE 2:4 INBOX", Move(SequenceSet("2:4"), "inbox")),
    (b"UID MOVE 42:69 foo", UIDMove(UIDSet("42:69"), "foo")),
]


@pytest.mark.parametrize(("wire", "command"), CASES)
def test_both_directions(wire: bytes, command: Command) -> None:
    assert parse_octets(b"a " + wire + b"\r\n") == command
    assert command_octets(command) == b"a " + wire + b"\r\n"


@pytest.mark.parametrize("wire", [b"MOVE", b"MOVE 1", b"MOVE 0 x", b"UID MOVE a x", b"MOVE 1 x y"])
def test_what_is_no_command(wire: bytes) -> None:
    with pytest.raises(ParseError):
        parse_command(frame(b"a " + wire + b"\r\n"))


@pytest.mark.parametrize(
    "build",
    [
        lambda: Move(UIDSet("1"), "x"),  # type: ignore[arg-type]  # the mistake
        lambda: UIDMove(SequenceSet("1"), "x"),  # type: ignore[arg-type]  # the mistake
        lambda: Move(SequenceSet(), "x"),
        lambda: UIDMove(UIDSet("1"), "a\0b"),
    ],
)
def test_attacks(build: Callable[[], object]) -> None:
    with pytest.raises(LocalProtocolError):
        build()
