"""Header fields in raw octets (RFC 5322 section 2.2), found by offset, folded or not, 8-bit or not.

A header is given as a span of the message; nothing is copied but the values asked for. Lines that are not
fields are passed over. Both CRLF and a bare LF end a line.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from typing import TypeAlias

__all__ = ["Span", "content_fields", "content_type_field", "field_spans", "fields", "first_field", "unfold"]

Span: TypeAlias = tuple[int, int]
"""Offsets of the first octet and of the one after the last."""

# field = field-name ":" unstructured CRLF; obsolete syntax has white space before the colon. Possessive
# repeats keep no way back: the time is linear and the stack flat for a header of any shape.
_FIELD = re.compile(rb"^([^\x00-\x20:\x7f]++)[ \t]*+:([^\n]*+(?:\n[ \t][^\n]*+)*+)\n?", re.MULTILINE)
# The Content fields alone, behind the line end before them: a search that begins with a literal octet jumps
# from line to line, and costs a tenth of looking at every field.
_CONTENT = rb"\n([Cc][Oo][Nn][Tt][Ee][Nn][Tt]-%b)[ \t]*+:([^\n]*+(?:\n[ \t][^\n]*+)*+)"
_CONTENT_FIELD = re.compile(_CONTENT % rb"[^\x00-\x20:\x7f]++")
_CONTENT_TYPE = re.compile(_CONTENT % rb"[Tt][Yy][Pp][Ee]")


def unfold(value: bytes) -> bytes:
    """Return a field value without its line ends and outer white space (RFC 5322 section 2.2.3).

    NUL, which no IMAP string can hold, becomes 0x80.
    """
    if b"\n" in value:
        value = value.replace(b"\r\n", b"").replace(b"\n", b"")
    if b"\0" in value:
        value = value.replace(b"\0", b"\x80")
    return value.strip(b" \t\r")


def fields(octets: bytes, span: Span, names: Container[bytes] | None = None) -> Iterator[tuple[bytes, bytes]]:
    """Yield (name in lower case, unfolded value) for each field, or each with one of *names*, in order."""
    for match in _FIELD.finditer(octets, *span):
        name = match[1].lower()
        if names is None or name in names:
            yield name, unfold(match[2])


def content_fields(octets: bytes, span: Span) -> dict[bytes, bytes]:
    """Return the unfolded values of the Content fields by name in lower case; the first of a name counts."""
    start, end = span
    header: dict[bytes, bytes] = {}
    if start == 0 and (first := _FIELD.match(octets, 0, end)):
        header[first[1].lower()] = unfold(first[2])
    for name, value in _CONTENT_FIELD.findall(octets, max(start - 1, 0), end):
        header.setdefault(name.lower(), unfold(value))
    return header


def content_type_field(octets: bytes, span: Span) -> bytes | None:
    """Return the unfolded value of the first Content-Type, or None."""
    start, end = span
    found = _FIELD.match(octets, 0, end) if start == 0 else None
    if found is None or found[1].lower() != b"content-type":
        found = _CONTENT_TYPE.search(octets, max(start - 1, 0), end)
    return unfold(found[2]) if found else None


def field_spans(octets: bytes, span: Span) -> Iterator[tuple[bytes, int, int]]:
    """Yield (name in lower case, start, end) for each field; the end is after its last line end."""
    for match in _FIELD.finditer(octets, *span):
        yield match[1].lower(), match.start(), match.end()


def first_field(octets: bytes, span: Span, name: bytes) -> bytes | None:
    """Return the unfolded value of the first field called *name* (in lower case), or None."""
    return next((value for _, value in fields(octets, span, (name,))), None)
