"""The sections of a message: what BODY[section]<partial> of FETCH names (RFC 3501 section 6.4.5)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from mailproto.mime.headers import Span, field_spans
from mailproto.mime.scanner import Part

__all__ = ["Section", "Specifier", "find_part", "section"]

Specifier: TypeAlias = Literal["HEADER", "HEADER.FIELDS", "HEADER.FIELDS.NOT", "MIME", "TEXT"]


@dataclass(frozen=True, slots=True)
class Section:
    """Octets of a message by offset, in order; several spans only for a choice of header fields."""

    spans: tuple[Span, ...]

    @property
    def size(self) -> int:
        """Octets of the section."""
        return sum(end - start for start, end in self.spans)

    def slices(self, start: int = 0, stop: int | None = None) -> Iterator[Span]:
        """Yield offsets into the message for the octets from *start* up to *stop* of the section.

        A *start* beyond the end gives nothing, a *stop* beyond it stops at the end.
        """
        for low, high in self.spans:
            size = high - low
            begin, end = max(start, 0), size if stop is None else min(stop, size)
            if begin < end:
                yield low + begin, low + end
            start -= size
            stop = None if stop is None else stop - size

    def read(self, octets: bytes, start: int = 0, stop: int | None = None) -> bytes:
        """Return the octets from *start* up to *stop* of the section; *octets* is the message."""
        return b"".join(octets[low:high] for low, high in self.slices(start, stop))


def section(
    octets: bytes,
    root: Part,
    numbers: tuple[int, ...] = (),
    specifier: Specifier | None = None,
    fields: Collection[bytes | str] = (),
) -> Section | None:
    """Return the section of the message *root*, or None if there is no such part or it has no such section.

    *octets* is looked at only for a choice of *fields*, and then only at the header. Without *numbers* and
    *specifier* it is the whole message.
    """
    if specifier is None and not numbers:
        return Section((root.span,))
    part = find_part(root, numbers) if numbers else root
    if part is None:
        return None
    if specifier is None:
        return Section((part.body_span,))
    if specifier == "MIME":
        return Section((part.header_span,)) if numbers else None
    if numbers:
        if not part.is_message:
            return None
        part = part.children[0]
    return Section(tuple(_PARTIAL[specifier](octets, part, fields)))


def find_part(root: Part, numbers: Iterable[int]) -> Part | None:
    """Return the part with the given numbers, or None.

    The body of a message that is not a multipart is its part 1; a multipart counts its parts from 1; a
    message/rfc822 counts as the message in it does.
    """
    part, is_message = root, True
    for number in numbers:
        if not is_message and part.is_message:
            part, is_message = part.children[0], True
        if part.is_multipart and 1 <= number <= len(part.children):
            part = part.children[number - 1]
        elif part.is_multipart or not is_message or number != 1:
            return None
        is_message = False
    return part


_Spans = Callable[[bytes, Part, Collection[bytes | str]], Iterable[Span]]


def _header(octets: bytes, message: Part, fields: Collection[bytes | str]) -> Iterable[Span]:
    return (message.header_span,)


def _text(octets: bytes, message: Part, fields: Collection[bytes | str]) -> Iterable[Span]:
    return (message.body_span,)


def _fields(octets: bytes, message: Part, fields: Collection[bytes | str]) -> Iterable[Span]:
    """Return the fields with the names and the blank line, folding kept, neighbours joined."""
    blank = _blank_line(octets, message.header_span)
    wanted = _names(fields)
    chosen = [
        (low, high) for name, low, high in field_spans(octets, (message.start, blank[0])) if name in wanted
    ]
    return _joined((*chosen, blank))


def _fields_not(octets: bytes, message: Part, fields: Collection[bytes | str]) -> Iterable[Span]:
    """Return all of the header but the fields with the names."""
    unwanted = _names(fields)
    spans: list[Span] = []
    start = message.start
    for name, low, high in field_spans(octets, message.header_span):
        if name in unwanted:
            spans.append((start, low))
            start = high
    return _joined((*spans, (start, message.body)))


_PARTIAL: Final[dict[str, _Spans]] = {
    "HEADER": _header,
    "TEXT": _text,
    "HEADER.FIELDS": _fields,
    "HEADER.FIELDS.NOT": _fields_not,
}


def _names(fields: Iterable[bytes | str]) -> frozenset[bytes]:
    return frozenset((name.encode() if isinstance(name, str) else name).lower() for name in fields)


def _blank_line(octets: bytes, header: Span) -> Span:
    """Return where the blank line at the end of *header* is; an empty span if it has none."""
    start, end = header
    for blank in (b"\r\n", b"\n"):
        low = end - len(blank)
        if low >= start and octets.startswith(blank, low) and (low == start or octets[low - 1] == 0x0A):
            return low, end
    return end, end


def _joined(spans: Iterable[Span]) -> Iterator[Span]:
    """Yield *spans* without the empty ones, those that touch as one."""
    low = high = -1
    for start, end in spans:
        if start == high:
            high = end
        else:
            if low < high:
                yield low, high
            low, high = start, end
    if low < high:
        yield low, high
