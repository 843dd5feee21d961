"""Cuts octets into messages: lines of text, and literals beside them (RFC 3501 sections 2.2 and 4.3).

The framer knows lines, quoted strings and literal marks, and no other grammar: where a message ends does not
depend on what a parser thinks of it. At each mark it stops and the connection decides: keep the literal,
stream it, drop it, or refuse the message. Nothing of a literal is buffered before that decision.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, Literal, TypeAlias, final

from mailproto._buffer import ReceiveBuffer
from mailproto.errors import Defect, LimitExceeded, RemoteProtocolError, excerpt
from mailproto.imap.values import Content, Message, Omitted, Streamed
from mailproto.limits import IMAPLimits

__all__ = ["CLOSED_QUOTES", "MAX_SIZE", "Framed", "Framer", "LiteralEnd", "Mark"]

MAX_SIZE: Final = 2**63 - 1
"""The greatest size of a literal (`number64`, RFC 9051 section 9)."""

MAX_DIGITS: Final = 20

# literal  = "{" number ["+"] "}" CRLF *CHAR8       literal8 = "~{" number ["+"] "}" CRLF *OCTET
_MARK: Final = re.compile(rb"\{( *)([0-9]+)( *)(\+?)( *)\}\Z")

# A line whose quoted strings are all closed. Each octet matches in one way only, so time is linear.
CLOSED_QUOTES: Final = re.compile(rb'(?:[^"]*+"[^"\\]*+(?:\\.[^"\\]*+)*+")*+[^"]*+\Z', re.DOTALL)


@final
class LiteralEnd:
    """All *size* octets of a streamed literal were given."""

    __slots__ = ("size",)

    def __init__(self, size: int) -> None:
        self.size: int = size


@final
class Mark:
    """A literal is announced: call `keep`, `stream`, `omit`, `refuse` or `discard` of the framer, or `end`.

    `size` is above `MAX_SIZE` if the digits say so, and then not exact. `is_well_placed` is False where the
    grammar has no literal: behind anything but a space or an opening parenthesis.
    """

    __slots__ = ("is_synchronizing", "is_well_placed", "size")

    def __init__(self, size: int, *, is_synchronizing: bool, is_well_placed: bool) -> None:
        self.size: int = size
        self.is_synchronizing: bool = is_synchronizing
        self.is_well_placed: bool = is_well_placed


Framed: TypeAlias = Message | Mark | bytes | LiteralEnd


# What the next octets are. Plain numbers: an enum costs a tenth of the time of a line.
_LINE: Final = 0
_MARK_SEEN: Final = 1
_KEPT: Final = 2
_STREAMED: Final = 3
_OMITTED: Final = 4
_DISCARDED_LITERAL: Final = 5
_DISCARDED_LINE: Final = 6


@final
class Framer:
    """Takes messages out of *octets*, the receive buffer of a connection.

    `max_line` is that of *line_limit*, and may be changed between messages. With *strict*, bare LF and spaces
    in braces raise RemoteProtocolError; else they are noted in `defects`, which belong to the message being
    framed.
    """

    __slots__ = (
        "_discarded",
        "_input",
        "_kept",
        "_limits",
        "_line_limit",
        "_literals",
        "_phase",
        "_remaining",
        "_size",
        "_strict",
        "_taken",
        "_text",
        "_text_size",
        "defects",
        "max_line",
        "show",
    )

    def __init__(
        self,
        octets: ReceiveBuffer,
        limits: IMAPLimits,
        *,
        strict: bool = False,
        line_limit: Literal["max_line", "max_response_line"] = "max_line",
    ) -> None:
        self._input = octets
        self._limits = limits
        self._line_limit = line_limit
        self._strict = strict
        self._phase = _LINE
        self._text: list[bytes] = []
        self._text_size = 0
        self._literals: list[Content] = []
        self._kept = 0
        self._size = 0
        self._remaining = 0
        self._discarded = 0
        self._taken = 0
        self.max_line: int = getattr(limits, line_limit)
        self.defects: list[Defect] = []
        self.show: Callable[[bytes], None] | None = None
        """Called with each line and with the octets of each literal, for a trace."""

    @property
    def text(self) -> bytes:
        """The text of the message so far, marks included: joined anew each time, so not for each mark."""
        return b"".join(self._text)

    @property
    def start(self) -> bytes:
        """The first line of the message so far; cheaper than `text`."""
        return self._text[0] if self._text else b""

    @property
    def last_line(self) -> bytes:
        """The last line of the message so far."""
        return self._text[-1] if self._text else b""

    @property
    def literals(self) -> tuple[Content, ...]:
        """The literals of the message so far."""
        return tuple(self._literals)

    @property
    def is_between_messages(self) -> bool:
        """Whether nothing of a message was read, in which case nothing of it is buffered here."""
        return self._phase is _LINE and not self._text

    @property
    def literal_octets(self) -> int:
        """Octets of literals that have come since the beginning, the unfinished one included."""
        return self._taken + (self._input.size if self._phase is _KEPT else 0)

    def next(self) -> Framed | None:
        """Return the next piece, or None if octets are missing (or a decision about a mark).

        Raises LimitExceeded for a line, a message or a discarded message that is too long.
        """
        while self._phase is not _LINE:
            if self._phase is _STREAMED:
                return self._stream()
            if self._phase is _MARK_SEEN or not self._has_passed():
                return None
        return self._next_line()

    def _next_line(self) -> Message | Mark | None:
        # What _take_line does, without the call: this is done for every line.
        line = self._input.take_line()
        size = len(line) or self._input.size
        if size > self.max_line:
            raise LimitExceeded(self._line_limit, size, self.max_line)
        if not line:
            return None
        if self.show is not None:
            self.show(line)
        end = -2 if line[-2:] == b"\r\n" else self._bare_lf(line)
        if line[end - 1 : end] == b"}":
            mark = self._find_mark(line[:end])
            if mark is not None:
                self._add_text(line)
                self._phase = _MARK_SEEN
                self._size = mark.size
                return mark
        if not self._text:
            return Message(line[:end])
        self._add_text(line)
        return self._finish(end)

    def take_line(self) -> bytes | None:
        """Return a whole line without its end, in which braces mean nothing, or None."""
        return self._without_end(self._take_line(self._line_limit, self.max_line))

    def take_auth_line(self) -> bytes | None:
        """Return the same, of a line of an AUTHENTICATE exchange."""
        return self._without_end(self._take_line("max_auth_line", self._limits.max_auth_line))

    def _without_end(self, line: bytes) -> bytes | None:
        if not line:
            return None
        return line[: -2 if line[-2:] == b"\r\n" else self._bare_lf(line)]

    def _take_line(self, limit: str, maximum: int) -> bytes:
        line = self._input.take_line()
        size = len(line) or self._input.size
        if size > maximum:
            raise LimitExceeded(limit, size, maximum)
        if line and self.show is not None:
            self.show(line)
        return line

    def _bare_lf(self, line: bytes) -> int:
        if self._strict:
            raise RemoteProtocolError(f"expected CRLF at the end of a line, got LF after {excerpt(line)!r}")
        self.defects.append(Defect("CRLF at the end of a line", self._text_size + len(line) - 1, b"\n"))
        return -1

    def _find_mark(self, line: bytes) -> Mark | None:
        start = line.rfind(b"{")
        match = _MARK.match(line, start) if start >= 0 else None
        if match is None or (b'"' in line and not CLOSED_QUOTES.match(line[:start])):
            return None
        if match[1] or match[3] or match[5]:
            self._spaces_in_braces(match[0], start)
        digits = match[2]
        before = line[start - 2 : start - 1] if line[start - 1 : start] == b"~" else line[start - 1 : start]
        return Mark(
            int(digits) if len(digits) <= MAX_DIGITS else 10**MAX_DIGITS,
            is_synchronizing=not match[4],
            is_well_placed=before in (b" ", b"("),
        )

    def _spaces_in_braces(self, mark: bytes, start: int) -> None:
        if self._strict:
            raise RemoteProtocolError(f"expected a literal without spaces, got {excerpt(mark)!r}")
        place = self._text_size + start
        self.defects.append(Defect("no space inside the braces of a literal", place, excerpt(mark)))

    def _add_text(self, line: bytes) -> None:
        self._text.append(line)
        self._text_size += len(line)
        self._count_kept(len(line))

    def _count_kept(self, size: int) -> None:
        self._kept += size
        if self._kept > self._limits.max_message_text:
            raise LimitExceeded("max_message_text", self._kept, self._limits.max_message_text)

    def _finish(self, end: int) -> Message:
        self._text[-1] = self._text[-1][:end]
        message = Message(b"".join(self._text), tuple(self._literals))
        self._reset()
        return message

    def _reset(self) -> None:
        self._text = []
        self._text_size = 0
        self._literals = []
        self._kept = 0
        self._phase = _LINE

    def take_defects(self) -> tuple[Defect, ...]:
        """Return the deviations of the message that was given last, and forget them."""
        defects, self.defects = tuple(self.defects), []
        return defects

    def may_keep(self, size: int) -> bool:
        """Whether a literal of *size* octets can be kept without passing a limit of the whole message."""
        return (
            len(self._literals) < self._limits.max_literals
            and self._kept + size <= self._limits.max_message_text
        )

    def keep(self) -> None:
        """Let the announced literal be part of the message."""
        self._count_kept(self._size)
        self._begin(_KEPT)

    def stream(self) -> None:
        """Let the announced literal come as chunks and `LiteralEnd`, `Streamed` in its place."""
        self._begin(_STREAMED)

    def omit(self) -> None:
        """Read and drop the announced literal, `Omitted` in its place."""
        self._begin(_OMITTED)

    def _begin(self, phase: int) -> None:
        if len(self._literals) >= self._limits.max_literals:
            raise LimitExceeded("max_literals", len(self._literals) + 1, self._limits.max_literals)
        self._phase = phase
        self._remaining = self._size

    def end(self) -> Message:
        """Return the message as it is: what looks like a mark announces nothing."""
        return self._finish(-2 if self._text[-1][-2:] == b"\r\n" else -1)

    def refuse(self) -> None:
        """Forget the message; nothing more of it comes."""
        self._reset()
        self.defects.clear()

    def discard(self) -> None:
        """Forget the message, whose literal and rest come all the same: they are read and dropped.

        Raises LimitExceeded if that is more than `max_discard` octets, now or later.
        """
        self.refuse()
        self._discarded = 0
        self._discard(self._size)

    def _discard(self, size: int) -> None:
        self._discarded += size
        if self._discarded > self._limits.max_discard:
            raise LimitExceeded("max_discard", self._discarded, self._limits.max_discard)
        self._phase = _DISCARDED_LITERAL
        self._remaining = size

    def _has_passed(self) -> bool:
        """Read on in a phase that makes no event of its own; False if octets are missing."""
        if self._phase is _KEPT:
            return self._has_kept()
        if self._phase is _DISCARDED_LINE:
            return self._has_discarded_line()
        return self._has_dropped()

    def _has_kept(self) -> bool:
        if self._input.size < self._size:
            return False
        self._taken += self._size
        octets = self._input.take(self._size) if self._size else b""
        if self.show is not None:
            self.show(octets)
        self._end_literal(octets)
        return True

    def _has_dropped(self) -> bool:
        while self._remaining:
            if not self._take_some():
                return False
        if self._phase is _OMITTED:
            self._end_literal(Omitted(self._size))
        else:
            self._phase = _DISCARDED_LINE
        return True

    def _has_discarded_line(self) -> bool:
        line = self.take_line()
        if line is None:
            return False
        mark = self._find_mark(line) if line.endswith(b"}") else None
        self.defects.clear()
        if mark is None or mark.is_synchronizing:
            self._phase = _LINE
        else:
            self._discarded += len(line)
            self._discard(mark.size)
        return True

    def _stream(self) -> bytes | LiteralEnd | None:
        if not self._remaining:
            self._end_literal(Streamed(self._size))
            return LiteralEnd(self._size)
        return self._take_some() or None

    def _take_some(self) -> bytes:
        chunk = self._input.take_some(self._remaining)
        self._remaining -= len(chunk)
        self._taken += len(chunk)
        if chunk and self.show is not None:
            self.show(chunk)
        return chunk

    def _end_literal(self, content: Content) -> None:
        self._literals.append(content)
        self._phase = _LINE
