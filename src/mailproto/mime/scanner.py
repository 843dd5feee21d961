"""One pass over the raw octets of a message: its parts and their offsets (RFC 2046 section 5.1).

Only offsets are kept. Malformed mail is never an error:

- a multipart without a boundary parameter, or in which no boundary line comes, is text/plain, as is
  everything with a Content-Type that cannot be read (RFC 2045 section 5.2);
- a multipart that does not end, ends with what surrounds it;
- a header without a blank line is all that there is of its part;
- parts nested deeper than `MAX_DEPTH` stay closed: such a multipart or message is application/octet-stream;
- of more than `MAX_PARTS` parts the last one that is opened holds the rest of the message.

The time is linear in the size of the message, the memory in the number of its parts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, final

from mailproto.mime.headers import Span, content_type_field
from mailproto.mime.parameters import parameter, parse_content_type

__all__ = ["MAX_BOUNDARY", "MAX_DEPTH", "MAX_PARTS", "Part", "scan"]

MAX_DEPTH: Final = 100
"""Levels of multiparts and messages inside one another that are opened."""
MAX_PARTS: Final = 10_000
"""Parts of a message, at all levels, after which no boundary is looked for."""
MAX_BOUNDARY: Final = 250
"""Octets of a boundary; RFC 2046 section 5.1.1 allows 70."""

_TEXT: Final = b"text/plain"
_MESSAGE: Final = b"message/rfc822"
_OPAQUE: Final = b"application/octet-stream"

_BLANK_LINE = re.compile(rb"\n\r?\n")
_BLANK_OR_DASHES = re.compile(rb"\n(?:\r?\n|--)")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A message or a part of one: offsets into the octets that were scanned.

    The header is `octets[start:body]` with its blank line, the body `octets[body:end]`; the line end before
    a boundary line belongs to neither (RFC 2046 section 5.1.1). A plain value: it can be kept and pickled.
    """

    start: int
    body: int
    end: int
    content_type: bytes = _TEXT
    """The media type in lower case as the part is treated, defaults applied."""
    children: tuple[Part, ...] = ()
    """The parts of a multipart, or the message in a message/rfc822."""

    @property
    def header_span(self) -> Span:
        """Offsets of the header, with the blank line if there is one."""
        return self.start, self.body

    @property
    def body_span(self) -> Span:
        """Offsets of the body."""
        return self.body, self.end

    @property
    def span(self) -> Span:
        """Offsets of header and body."""
        return self.start, self.end

    @property
    def is_multipart(self) -> bool:
        """True if `children` are the parts of a multipart, of which there is at least one."""
        return self.content_type.startswith(b"multipart/")

    @property
    def is_message(self) -> bool:
        """True if `children` has one element, the enclosed message."""
        return self.content_type == _MESSAGE

    def walk(self) -> Iterator[Part]:
        """Yield this part and all inside it, in the order of the octets."""
        waiting: list[Part] = [self]
        while waiting:
            part = waiting.pop()
            yield part
            waiting.extend(reversed(part.children))


def scan(octets: bytes) -> Part:
    """Return the structure of the message *octets*; never raises."""
    return _Scanner(octets).scan()


class _Open:
    """A part whose end is not yet found."""

    __slots__ = ("body", "boundary", "children", "content_type", "shadowed", "start")

    def __init__(self, start: int, body: int, content_type: bytes) -> None:
        self.start = start
        self.body = body
        self.content_type = content_type
        self.boundary = b""
        self.shadowed: int | None = None
        self.children: list[Part] = []

    def close(self, end: int) -> Part:
        start, body = min(self.start, end), min(self.body, end)
        if self.content_type == _MESSAGE and not self.children:
            self.children.append(Part(start=end, body=end, end=end))
        elif self.content_type.startswith(b"multipart/") and not self.children:
            self.content_type = _TEXT
        return Part(
            start=start, body=body, end=end, content_type=self.content_type, children=tuple(self.children)
        )


class _Scanner:
    """The parts that are open, outermost first, and the boundaries that may come."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self._open: list[_Open] = []
        self._levels: dict[bytes, int] = {}
        self._lengths: list[int] = []
        self._parts = 0

    def scan(self) -> Part:
        position = self._enter(0, _TEXT)
        find = self._octets.find
        while self._levels and self._parts < MAX_PARTS and (position := find(b"\n--", position)) >= 0:
            boundary = self._boundary_at(position + 3)
            position = self._delimit(boundary, position) if boundary else position + 3
        self._close_above(0, len(self._octets))
        return self._open[0].close(len(self._octets))

    def _enter(self, start: int, default: bytes) -> int:
        """Open the part at *start* and the messages in it; return where to look for boundaries from."""
        while True:
            body, is_whole = self._header_end(start)
            part = _Open(start, body, default)
            self._open.append(part)
            self._parts += 1
            self._classify(part, is_whole)
            if part.content_type != _MESSAGE or not is_whole:
                return max(body - 1, 0)
            start, default = body, _TEXT

    def _header_end(self, start: int) -> tuple[int, bool]:
        """Return where the header at *start* ends, and whether that is a blank line.

        Where it is a boundary line, the offset is that of its first hyphen.
        """
        octets = self._octets
        if start == 0 and octets.startswith((b"\r\n", b"\n")):
            return octets.index(b"\n") + 1, True
        pattern = _BLANK_OR_DASHES if self._levels else _BLANK_LINE
        for found in pattern.finditer(octets, max(start - 1, 0)):
            if octets[found.end() - 1] == 0x0A:
                return found.end(), True
            if self._boundary_at(found.end()):
                return found.start() + 1, False
        return len(octets), False

    def _classify(self, part: _Open, is_whole: bool) -> None:
        value = content_type_field(self._octets, (part.start, part.body))
        stated = parse_content_type(value) if value else None
        if stated is not None:
            part.content_type = stated.name
        is_multipart = part.content_type.startswith(b"multipart/")
        if not is_multipart and part.content_type != _MESSAGE:
            return
        if len(self._open) > MAX_DEPTH:
            part.content_type = _OPAQUE
        elif is_multipart and is_whole and stated is not None:
            self._expect(part, parameter(stated.parameters, b"boundary") or b"")

    def _expect(self, part: _Open, boundary: bytes) -> None:
        boundary = boundary.rstrip()
        if not 0 < len(boundary) <= MAX_BOUNDARY:
            return
        part.boundary = boundary
        part.shadowed = self._levels.get(boundary)
        self._levels[boundary] = len(self._open) - 1
        self._lengths = sorted({len(each) for each in self._levels}, reverse=True)

    def _forget(self, part: _Open) -> None:
        if not part.boundary:
            return
        if part.shadowed is None:
            del self._levels[part.boundary]
            self._lengths = sorted({len(each) for each in self._levels}, reverse=True)
        else:
            self._levels[part.boundary] = part.shadowed
        part.boundary = b""

    def _boundary_at(self, start: int) -> bytes | None:
        """Return the longest boundary in force that the octets at *start* begin with.

        RFC 2046 section 5.1.1: "An exact match of the entire candidate line is not required". The longest,
        because one boundary may be the beginning of another.
        """
        lengths = self._lengths
        line = self._octets[start : start + lengths[0]] if lengths else b""
        if b"\n" in line:
            line = line[: line.index(b"\n")]
        size = len(line)
        for length in lengths:
            if length <= size and line[:length] in self._levels:
                return line[:length]
        return None

    def _delimit(self, boundary: bytes, line_end: int) -> int:
        """Take the boundary line after the line end at *line_end*; return where to look on from."""
        octets = self._octets
        level = self._levels[boundary]
        after = line_end + 3 + len(boundary)
        end = line_end - 1 if line_end and octets[line_end - 1] == 0x0D else line_end
        self._close_above(level, end)
        next_line = octets.find(b"\n", after)
        next_line = len(octets) if next_line < 0 else next_line
        multipart = self._open[level]
        if octets.startswith(b"--", after):
            self._forget(multipart)
            return next_line
        is_digest = multipart.content_type == b"multipart/digest"
        return self._enter(min(next_line + 1, len(octets)), _MESSAGE if is_digest else _TEXT)

    def _close_above(self, level: int, end: int) -> None:
        """Close all that is open inside the part at *level*, which gets the parts so made."""
        while len(self._open) > level + 1:
            part = self._open.pop()
            self._forget(part)
            self._open[-1].children.append(part.close(end))
