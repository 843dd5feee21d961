"""The codec without a connection: what one end sent, as a list of values, for tools, tests and transcripts.

It assumes consent: 354 to each DATA, 220 to each STARTTLS. Order is not judged and nothing raises, unless
strict. Octets are all in memory: for streams use the connections.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from mailproto.errors import Defect, RemoteProtocolError, excerpt
from mailproto.limits import SMTPLimits
from mailproto.smtp._grammar import CommandSyntaxError, find_bare_newline
from mailproto.smtp.commands import (
    Auth,
    Bdat,
    Command,
    Data,
    Request,
    SASLResponse,
    StartTLS,
    add_defects,
    parse_command,
    parse_sasl_response,
)
from mailproto.smtp.data import DotDecoder, DotEncoder
from mailproto.smtp.events import BodyData, BodyEnded, ChunkData, InvalidCommand
from mailproto.smtp.reply import EnhancedCode, Reply, ReplyReader

__all__ = [
    "Incomplete",
    "Opaque",
    "ParsedCommand",
    "ParsedReply",
    "parse_commands",
    "parse_replies",
    "serialize",
]


@dataclass(frozen=True, slots=True)
class Incomplete:
    """Octets at the end that are no whole unit; they begin at `offset`."""

    octets: bytes
    offset: int = field(compare=False, default=0)


@dataclass(frozen=True, slots=True)
class Opaque:
    """What cannot be read begins at `offset`: TLS, or what follows when framing is lost."""

    offset: int


ParsedReply: TypeAlias = Reply | Incomplete | Opaque
ParsedCommand: TypeAlias = (
    Command | SASLResponse | BodyData | BodyEnded | InvalidCommand | Incomplete | Opaque
)

_NO_LIMITS: Final = SMTPLimits(max_reply_lines=2**31)


def parse_replies(data: bytes, *, strict: bool = False) -> list[ParsedReply]:
    """Read what a server sent, from its greeting on or from anywhere.

    A 220 that is not the first reply is taken for an answer to STARTTLS: what follows is `Opaque`. Behind one
    to XCLIENT, which looks the same, read on from there. Offsets of defects count in *data*. Raises
    RemoteProtocolError for a defect or for what is no reply, if *strict*; else what follows is `Opaque`.
    """
    replies: list[ParsedReply] = []
    start = position = 0
    reader = ReplyReader(_NO_LIMITS)
    while (end := data.find(b"\n", position)) >= 0:
        try:
            reply = reader.read_line(data[position : end + 1])
        except RemoteProtocolError:
            if strict:
                raise
            return [*replies, Opaque(start)]
        position = end + 1
        if reply is None:
            continue
        _check_strictly(reply.defects, strict)
        replies.append(reply)
        start = position
        reader = ReplyReader(_NO_LIMITS, start)
        if reply.code == 220 and len(replies) > 1:
            return [*replies, *_opaque(data, start)]
    return [*replies, *_incomplete(data, start)]


def parse_commands(data: bytes, *, exchanges: int = 0, strict: bool = False) -> list[ParsedCommand]:
    """Read what a client sent, to an SMTP or an LMTP server.

    *exchanges* is how many SASL responses follow each AUTH. Behind DATA come one `BodyData`, unless the
    message is empty, and `BodyEnded`, whose defects name the first bare CR or LF; behind a BDAT one
    `ChunkData`, unless it announces none. Behind STARTTLS all is `Opaque`, and behind a BDAT that cannot be
    read. Offsets of defects count in *data*. Raises RemoteProtocolError for a defect or a malformed
    command if *strict*; else a malformed one is an `InvalidCommand`.
    """
    return list(_CommandReader(data, exchanges, strict).read())


class _CommandReader:
    __slots__ = ("_data", "_exchanges", "_position", "_strict")

    def __init__(self, data: bytes, exchanges: int, strict: bool) -> None:
        self._data = data
        self._exchanges = exchanges
        self._strict = strict
        self._position = 0

    def read(self) -> Iterator[ParsedCommand]:
        while (line := self._take_line()) is not None:
            command = self._parse(line, parse_command)
            yield command
            match command:
                case StartTLS():
                    yield from _opaque(self._data, self._position)
                    return
                case Auth():
                    yield from self._read_exchange()
                case Data():
                    yield from self._read_body()
                case Bdat():
                    yield from self._read_chunk(command.size)
                case InvalidCommand(name="BDAT"):
                    yield from _opaque(self._data, self._position)
                    return
        yield from _incomplete(self._data, self._position)

    def _take_line(self) -> bytes | None:
        end = self._data.find(b"\n", self._position)
        if end < 0:
            return None
        line = self._data[self._position : end + 1]
        self._position = end + 1
        return line

    def _parse(
        self, line: bytes, parse: Callable[[bytes, int], Command | SASLResponse]
    ) -> Command | SASLResponse | InvalidCommand:
        offset = self._position - len(line)
        is_bare = not line.endswith(b"\r\n")
        content = line[:-1] if is_bare else line[:-2]
        try:
            command = parse(content, offset)
        except CommandSyntaxError as error:
            return self._malformed(error, content, offset, parse is _parse_response)
        if is_bare:
            command = add_defects(command, (Defect("bare-lf", self._position - 1, b"\n"),))
        _check_strictly(command.defects, self._strict)
        return command

    def _malformed(
        self, error: CommandSyntaxError, line: bytes, offset: int, is_response: bool
    ) -> InvalidCommand:
        if self._strict:
            raise RemoteProtocolError(error.text, offset=offset + error.offset) from None
        reply = Reply(error.code, (error.text,), EnhancedCode.parse(error.enhanced_code))
        if is_response:
            return InvalidCommand(b"***", reply, SASLResponse.name)
        verb = line.partition(b" ")[0].upper()
        shown = b"AUTH ***" if line.lstrip()[:4].upper() == b"AUTH" else excerpt(line)
        return InvalidCommand(shown, reply, verb.decode("ascii") if verb.isalpha() else "")

    def _read_exchange(self) -> Iterator[ParsedCommand]:
        for _ in range(self._exchanges):
            line = self._take_line()
            if line is None:
                return
            response = self._parse(line, _parse_response)
            yield response
            if response == SASLResponse(None):
                return

    def _read_chunk(self, size: int) -> Iterator[ParsedCommand]:
        octets = self._data[self._position : self._position + size]
        if len(octets) == size:
            self._position += size
            if octets:
                yield ChunkData(octets)
        else:
            yield from _incomplete(self._data, self._position)
            self._position = len(self._data)

    def _read_body(self) -> Iterator[ParsedCommand]:
        decoder = DotDecoder()
        start = position = self._position
        pieces = []
        while position < len(self._data):
            piece, position, is_end = decoder.decode(self._data, position)
            pieces.append(piece)
            if is_end:
                self._position = position
                yield from self._body(b"".join(pieces), start, position, decoder.bare_newline is not None)
                return
        self._position = len(self._data)
        yield from _incomplete(self._data, start)

    def _body(self, message: bytes, start: int, stop: int, is_bare: bool) -> Iterator[ParsedCommand]:
        defects: tuple[Defect, ...] = ()
        if is_bare:
            at = find_bare_newline(self._data, start, stop)
            defects = (Defect("bare-newline", at, excerpt(self._data, at)),)
            _check_strictly(defects, self._strict)
        if message:
            yield BodyData(message)
        yield BodyEnded(len(message), defects=defects)


def _parse_response(line: bytes, offset: int) -> SASLResponse:
    return parse_sasl_response(line)


def serialize(value: Request | Reply | BodyData | BodyEnded | Incomplete) -> bytes:
    """Return *value* as octets; `BodyData` with its dots stuffed, as if it began a line, but `ChunkData` not.

    Raises LocalProtocolError for a `BodyData` with a bare CR or LF.
    """
    match value:
        case ChunkData():
            return value.data
        case BodyData():
            return b"".join(DotEncoder().encode(value.data))
        case BodyEnded():
            return b".\r\n"
        case Incomplete():
            return value.octets
        case _:
            return value.serialize()


def _check_strictly(defects: tuple[Defect, ...], strict: bool) -> None:
    for defect in itertools.islice(defects, 1 if strict else 0):
        raise RemoteProtocolError(f"{defect.rule}: {defect.excerpt!r}", offset=defect.offset)


def _opaque(data: bytes, start: int) -> list[Opaque]:
    return [Opaque(start)] if start < len(data) else []


def _incomplete(data: bytes, start: int) -> list[Incomplete]:
    return [Incomplete(data[start:], start)] if start < len(data) else []
