"""FETCH responses that have come whole, taken where they lie in the receive buffer, past the framer.

The framer gives each line and each mark of a literal to the connection, and goes on when it has decided. A
FETCH response that is all there, whose lines are ended by CRLF and whose literals are small enough to be kept
for sure, needs no decision: it is cut out at once, and many that have flags alone are read together. All else
is left where it is, for the framer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, final

from mailproto._buffer import ReceiveBuffer
from mailproto.imap.fetch_data import FetchData
from mailproto.imap.framer import CLOSED_QUOTES, Framer
from mailproto.imap.short_fetch import LONGEST, parse_flags_run, parse_sections_run
from mailproto.imap.values import Message
from mailproto.limits import IMAPLimits

__all__ = ["WholeFetches"]

# What begins a response in which a mark is no free text.
_FETCH: Final = re.compile(rb"\* [1-9][0-9]{0,8} FETCH \(")
# The mark of a literal, without a deviation.
_MARK: Final = re.compile(rb"[ (~]\{([0-9]{1,10})\}\r\n")

_CR: Final = 0x0D
_BRACE: Final = 0x7D


@final
class WholeFetches:
    """Takes them out of *octets*, which *framer* reads too."""

    __slots__ = ("_framer", "_input", "_limits", "_max_literal")

    def __init__(self, octets: ReceiveBuffer, framer: Framer, limits: IMAPLimits) -> None:
        self._input = octets
        self._framer = framer
        self._limits = limits
        # In a run, where there are two lines beside the literal.
        self._max_literal = min(limits.max_inline_literal, limits.max_message_text - 2 * LONGEST)

    def take_run(self) -> list[FetchData]:
        """Remove and return the responses that stand next as long as they are of the same short form.

        That is flags, or one body section. All of them have a UID too, or none has.
        """
        if not self._framer.is_between_messages or self._framer.max_line < LONGEST:
            return []
        octets, start = self._input.unsearched()
        fetched, end = parse_flags_run(octets, start)
        if not fetched:
            fetched, end = parse_sections_run(octets, start, self._max_literal)
        if fetched:
            self._input.skip_front(end - start)
        return fetched

    def take(self) -> Iterator[Message]:
        """Remove and yield the messages that stand next, up to where only the framer can tell what comes."""
        if not self._framer.is_between_messages:
            return
        octets, start = self._input.unsearched()
        while _FETCH.match(octets, start) is not None:
            end = self._end_of_line(octets, start)
            if not end:
                return
            if octets[end - 3] == _BRACE:
                message, end = self._find_with_literals(octets, start, end)
            else:
                message = Message(octets[start : end - 2])
            if message is None:
                return
            self._input.skip_front(end - start)
            yield message
            octets, start = (octets, end) if end < len(octets) else self._input.front()

    def _end_of_line(self, octets: bytes, start: int) -> int:
        """Return where the line ends; 0 if its end is not there or is no CRLF, or if it is too long."""
        end = octets.find(b"\n", start) + 1
        is_line = end - start >= 2 and octets[end - 2] == _CR and end - start <= self._framer.max_line
        return end if is_line else 0

    def _find_with_literals(self, octets: bytes, start: int, end: int) -> tuple[Message | None, int]:
        """Return the message at *start*, whose first line ends at *end* with what may be a mark, and its end.

        None if it is not all there, or the framer has to decide about a literal.
        """
        line, lines, literals = start, list[bytes](), list[bytes]()
        while octets[end - 3] == _BRACE:
            size = self._size_of_kept(octets, line, end)
            if size < 0:
                return None, end
            lines.append(octets[line:end])
            line = end + size
            literals.append(octets[end:line])
            end = self._end_of_line(octets, line)
            if not end:
                return None, end
        if len(literals) > self._limits.max_literals or end - start > self._limits.max_message_text:
            return None, end
        lines.append(octets[line : end - 2])
        return Message(b"".join(lines), tuple(literals)), end

    def _size_of_kept(self, octets: bytes, start: int, end: int) -> int:
        """Return the size of the literal that a line announces if it is to be kept, else -1."""
        place = octets.rfind(b"{", start, end)
        match = _MARK.match(octets, place - 1) if place > start else None
        if match is None or match.end() != end:
            return -1
        if octets.find(b'"', start, place) >= 0 and not CLOSED_QUOTES.match(octets[start:place]):
            return -1
        size = int(match[1])
        return size if size <= self._limits.max_inline_literal else -1
