"""Framing and writing of single IMAP units for tests of the values."""

from __future__ import annotations

import re
from collections.abc import Callable

from mailproto.imap.codec import serialize
from mailproto.imap.commands import Command, TaggedCommand, parse_command, write_command
from mailproto.imap.cursor import Cursor
from mailproto.imap.responses import Response, parse_response
from mailproto.imap.values import Content, Message
from mailproto.imap.writer import LiteralForm, Writer

_MARK = re.compile(rb"~?\{([0-9]+)\+?\}\r\n\Z")


def frame(octets: bytes) -> Message:
    """Return the one unit that *octets* are, its final CRLF with them."""
    text = b""
    literals: list[Content] = []
    while True:
        line, end, octets = octets.partition(b"\r\n")
        assert end, "a unit ends with CRLF"
        text += line + end
        mark = _MARK.search(text)
        if mark is None:
            break
        size = int(mark[1])
        literals.append(octets[:size])
        octets = octets[size:]
    assert not octets, f"more than one unit: {octets!r}"
    return Message(text.removesuffix(b"\r\n"), tuple(literals))


def cursor_at(
    octets: bytes,
    *literals: Content,
    strict: bool = False,
    utf8: bool = False,
    rev2: bool = False,
    **limits: int,
) -> Cursor:
    """Return a cursor over text with its marks, without final CRLF."""
    return Cursor(Message(octets, literals), strict=strict, utf8=utf8, rev2=rev2, **limits)


def written(write: Callable[[Writer], None], form: LiteralForm = LiteralForm.SYNCHRONIZING) -> bytes:
    """Return what *write* puts into a new writer."""
    writer = Writer(form)
    write(writer)
    return writer.getvalue()


def command_octets(command: Command, form: LiteralForm = LiteralForm.SYNCHRONIZING) -> bytes:
    """Return the line of *command* with the tag `a`."""
    return written(lambda writer: write_command(writer, TaggedCommand("a", command)), form)


def parse_octets(octets: bytes) -> Command:
    """Return the command of a line with the tag `a`; it must have no defects."""
    tagged = parse_command(frame(octets))
    assert tagged.tag == "a"
    assert tagged.defects == ()
    return tagged.command


def read_response(octets: bytes, *, strict: bool = True) -> Response:
    """Return the response of a line without its CRLF."""
    return parse_response(frame(octets + b"\r\n"), strict=strict)


def check_command(octets: bytes, command: Command) -> None:
    """Assert that the line `a ` + *octets* is *command* in both directions."""
    assert parse_octets(b"a " + octets + b"\r\n") == command
    assert command_octets(command) == b"a " + octets + b"\r\n"


def check_response(octets: bytes, response: Response) -> None:
    """Assert that *octets*, without CRLF, are *response* in both directions, without a defect."""
    assert read_response(octets) == response
    assert serialize(response) == octets + b"\r\n"
