"""The codec without a connection: what one end sent, as a list of values, for tools, tests and transcripts.

It assumes consent: `+` to each literal and to IDLE, OK to STARTTLS and COMPRESS. Order is not judged and
nothing raises, unless strict. Octets are all in memory: for streams use the connections.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Final, TypeAlias, final

import mailproto.imap.ext._all  # noqa: F401  # fills the tables by which commands and responses are read
from mailproto._buffer import ReceiveBuffer
from mailproto._secret import Secret
from mailproto.errors import Defect, RemoteProtocolError, excerpt
from mailproto.imap.capability import NO_CAPABILITIES, REV2, Capabilities
from mailproto.imap.codes import CapabilityCode
from mailproto.imap.commands import (
    Authenticate,
    StartTLS,
    TaggedCommand,
    parse_command,
    write_command,
)
from mailproto.imap.cursor import ParseError
from mailproto.imap.events import InvalidCommand, SASLResponse, command_excerpt
from mailproto.imap.ext.compress import Compress
from mailproto.imap.ext.enable import Enable
from mailproto.imap.ext.idle import Idle
from mailproto.imap.ext.utf8 import UTF8_ACCEPT
from mailproto.imap.framer import Framer, Mark
from mailproto.imap.responses import (
    CapabilityData,
    EnabledData,
    PreparedFetch,
    Response,
    TaggedStatus,
    parse_response,
    write_response,
)
from mailproto.imap.status import Bad, StatusResponse
from mailproto.imap.streaming import is_free_text
from mailproto.imap.values import Message
from mailproto.imap.writer import LiteralForm, Writer
from mailproto.limits import IMAPLimits
from mailproto.sasl import _base64

__all__ = [
    "Done",
    "Incomplete",
    "Opaque",
    "ParsedCommand",
    "ParsedResponse",
    "parse_commands",
    "parse_responses",
    "serialize",
]


@final
@dataclass(frozen=True, slots=True)
class Done:
    """The line DONE, which ends IDLE (RFC 2177)."""


@final
@dataclass(frozen=True, slots=True)
class Incomplete:
    """Octets at the end that are no whole unit; they begin at `offset`."""

    octets: bytes
    offset: int = field(compare=False, default=0)


@final
@dataclass(frozen=True, slots=True)
class Opaque:
    """What cannot be read begins at `offset`: TLS, or what follows when framing is lost."""

    offset: int


ParsedResponse: TypeAlias = Response | Incomplete | Opaque
ParsedCommand: TypeAlias = TaggedCommand | SASLResponse | Done | InvalidCommand | Incomplete | Opaque

_MANY: Final = 10**40
_NO_LIMITS: Final = IMAPLimits(
    max_line=_MANY, max_message_text=_MANY, max_literals=_MANY, max_inline_literal=_MANY
)

# A TLS record that carries a handshake begins with this octet (RFC 8446 section 5.1); no line of IMAP does.
_TLS_HANDSHAKE: Final = b"\x16"

_LF: Final = re.compile(rb"\n")


@final
class _Units:
    """The units of *data* in order; `position` is where the next one begins."""

    __slots__ = ("_buffer", "_data", "_framer", "_start", "_strict", "position")

    def __init__(self, data: bytes, strict: bool) -> None:
        self._data = data
        self._buffer = ReceiveBuffer()
        self._buffer.feed(data)
        self._framer = Framer(self._buffer, _NO_LIMITS, strict=strict)
        self._strict = strict
        self._start = 0
        self.position = 0

    @property
    def rest(self) -> bytes:
        """What follows the last unit, its first octet at least."""
        return self._data[self.position : self.position + 1]

    def next_response(self) -> Message | None:
        """Return the next response; a mark in free text announces no literal."""
        framer = self._framer
        while isinstance(piece := framer.next(), Mark):
            if is_free_text(framer.start, framer.last_line):
                return self._end_unit(framer.end())
            framer.keep()
        return self._end_unit(piece) if isinstance(piece, Message) else None

    def next_command(self) -> Message | None:
        """Return the next command."""
        while isinstance(piece := self._framer.next(), Mark):
            self._framer.keep()
        return self._end_unit(piece) if isinstance(piece, Message) else None

    def next_lines(self, count: int) -> Iterator[bytes]:
        """Yield *count* lines without their ends, or as many as there are."""
        for _ in range(count):
            line = self._framer.take_line()
            if line is None:
                return
            self._framer.take_defects()
            self._start = self.position
            self.position = len(self._data) - len(self._buffer)
            yield line

    def malformed_line(self, tag: str, expected: str, line: bytes) -> InvalidCommand:
        """Return the event of a line that is not what follows its command, or raise for a strict caller."""
        if self._strict:
            raise RemoteProtocolError(f"expected {expected}, got something else", offset=self._start)
        return InvalidCommand(tag=tag, status=Bad(f"expected {expected}"), excerpt=excerpt(line))

    def _end_unit(self, message: Message) -> Message:
        self._start = self.position
        self.position = len(self._data) - len(self._buffer)
        return message

    def incomplete(self) -> list[Incomplete]:
        """Return what is left over."""
        rest = self._data[self.position :]
        return [Incomplete(rest, self.position)] if rest else []

    def defects_of(self, message: Message, defects: tuple[Defect, ...]) -> tuple[Defect, ...]:
        """Return *defects* of the last unit and those of its framing, with offsets in the data."""
        defects = self._framer.take_defects() + defects
        if not defects:
            return ()
        place = self._places(message)
        return tuple(replace(defect, offset=place(defect.offset)) for defect in defects)

    def error(self, error: ParseError, message: Message) -> RemoteProtocolError:
        """Return the error of a strict caller."""
        return RemoteProtocolError(str(error), offset=self._places(message)(error.offset))

    def _places(self, message: Message) -> Callable[[int], int]:
        """Return what says where in the data an offset of the text is: literals stand between the lines."""
        ends = [match.end() for match in _LF.finditer(message.text)]
        sizes = (len(octets) if isinstance(octets, bytes) else 0 for octets in message.literals)
        before = list(accumulate(sizes, initial=self._start))
        return lambda offset: offset + before[min(bisect_right(ends, offset), len(before) - 1)]


def parse_responses(
    data: bytes, *, utf8: bool = False, rev2: bool = False, strict: bool = False, max_depth: int = 100
) -> list[ParsedResponse]:
    """Read what a server sent, from its greeting on or from anywhere.

    *utf8* says that UTF-8 is enabled from the beginning, *rev2* that IMAP4rev2 is spoken; ENABLED with
    UTF8=ACCEPT or IMAP4rev2 does it for what follows, and so do capabilities without IMAP4rev1. Where TLS
    begins behind a tagged status, all is `Opaque`. Offsets of defects count in *data*. Raises
    RemoteProtocolError for a defect if *strict*.
    """
    return list(_responses(_Units(data, strict), strict, max_depth, utf8, rev2))


def _responses(
    units: _Units, strict: bool, max_depth: int, utf8: bool, rev2: bool
) -> Iterator[ParsedResponse]:
    while (message := units.next_response()) is not None:
        try:
            response = parse_response(message, strict=strict, max_depth=max_depth, utf8=utf8, rev2=rev2)
        except ParseError as error:
            raise units.error(error, message) from error
        if not isinstance(response, PreparedFetch):
            defects = units.defects_of(message, response.defects)
            if defects:
                # The value is ours alone so far.
                object.__setattr__(response, "defects", defects)
        yield response
        if isinstance(response, EnabledData):
            utf8 = utf8 or UTF8_ACCEPT in response.capabilities
            rev2 = rev2 or REV2 in response.capabilities
        else:
            rev2 = rev2 or _offered_by(response).is_rev2_only
        if isinstance(response, TaggedStatus) and units.rest.startswith(_TLS_HANDSHAKE):
            yield Opaque(units.position)
            return
    yield from units.incomplete()


def _offered_by(response: Response) -> Capabilities:
    """Return the capabilities that *response* tells; none if it tells none."""
    if isinstance(response, CapabilityData):
        return response.capabilities
    status = response.status if isinstance(response, TaggedStatus) else response
    code = status.code if isinstance(status, StatusResponse) else None
    return code.capabilities if isinstance(code, CapabilityCode) else NO_CAPABILITIES


def parse_commands(
    data: bytes,
    *,
    exchanges: int = 0,
    utf8: bool = False,
    rev2: bool = False,
    strict: bool = False,
    max_depth: int = 100,
) -> list[ParsedCommand]:
    """Read what a client sent.

    *exchanges* is how many SASL responses follow each AUTHENTICATE. *utf8* says that UTF-8 is enabled from
    the beginning, *rev2* that IMAP4rev2 is spoken; ENABLE of UTF8=ACCEPT or IMAP4rev2 does it for what
    follows. Behind STARTTLS and COMPRESS all is `Opaque`. Offsets of defects count in *data*. Raises
    RemoteProtocolError for a defect or a malformed command if *strict*; else a malformed one is an
    `InvalidCommand`.
    """
    return list(_commands(_Units(data, strict), exchanges, strict, max_depth, utf8, rev2))


def _commands(
    units: _Units, exchanges: int, strict: bool, max_depth: int, utf8: bool, rev2: bool
) -> Iterator[ParsedCommand]:
    while (message := units.next_command()) is not None:
        try:
            tagged = parse_command(message, strict=strict, max_depth=max_depth, utf8=utf8, rev2=rev2)
        except ParseError as error:
            if strict:
                raise units.error(error, message) from error
            yield _invalid(units, error, message)
            continue
        defects = units.defects_of(message, tagged.defects)
        yield replace(tagged, defects=defects) if defects else tagged
        if isinstance(tagged.command, Enable):
            utf8 = utf8 or UTF8_ACCEPT in tagged.command.capabilities
            rev2 = rev2 or REV2 in tagged.command.capabilities
        if isinstance(tagged.command, StartTLS | Compress):
            yield from [Opaque(units.position)] if units.rest else []
            return
        yield from _lines_behind(units, tagged, exchanges)
    yield from units.incomplete()


def _invalid(units: _Units, error: ParseError, message: Message) -> InvalidCommand:
    defects = units.defects_of(message, (Defect(error.expected, error.offset, error.found),))
    text = str(error).encode("ascii", "replace").decode("ascii")
    return InvalidCommand(
        tag=error.tag or "*", status=Bad(text), excerpt=command_excerpt(message.text), defects=defects
    )


def _lines_behind(
    units: _Units, tagged: TaggedCommand, exchanges: int
) -> Iterator[SASLResponse | Done | InvalidCommand]:
    """Yield what is no command: the responses of AUTHENTICATE, and the end of IDLE."""
    if isinstance(tagged.command, Idle):
        for line in units.next_lines(1):
            yield Done() if line.upper() == b"DONE" else units.malformed_line(tagged.tag, "DONE", line)
    elif isinstance(tagged.command, Authenticate):
        for line in units.next_lines(exchanges):
            yield _sasl_response(units, tagged.tag, line)
            if line == b"*":
                return


def _sasl_response(units: _Units, tag: str, line: bytes) -> SASLResponse | InvalidCommand:
    try:
        return SASLResponse(tag, None if line == b"*" else Secret(_base64.decode(line)))
    except ValueError:
        return units.malformed_line(tag, "base64", b"")


def serialize(
    value: Response | TaggedCommand | SASLResponse | Done | Incomplete,
    *,
    literal_form: LiteralForm = LiteralForm.SYNCHRONIZING,
    utf8: bool = False,
    rev2: bool = False,
) -> bytes:
    """Return *value* as octets, with its CRLF; *literal_form* is that of the literals of a command.

    *utf8* says that UTF-8 is enabled, *rev2* that IMAP4rev2 is spoken.

    Raises LocalProtocolError for a value with a `Streamed` in it, whose octets are elsewhere.
    """
    if isinstance(value, Incomplete):
        return value.octets
    if isinstance(value, Done):
        return b"DONE\r\n"
    if isinstance(value, SASLResponse):
        return (b"*" if value.data is None else _base64.encode(value.data.reveal())) + b"\r\n"
    form = literal_form if isinstance(value, TaggedCommand) else LiteralForm.SERVER
    writer = Writer(form, utf8=utf8, rev2=rev2)
    if isinstance(value, TaggedCommand):
        write_command(writer, value)
    else:
        write_response(writer, value)
    return writer.getvalue()
