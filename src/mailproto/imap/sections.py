"""The part of a message that a BODY[...] item names (RFC 3501 sections 6.4.5 and 9, `section-spec`).

What stands at that place in a message is found by `mailproto.mime`; here is only the name of the place.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal, TypeAlias, cast

from mailproto.errors import LocalProtocolError
from mailproto.imap.cursor import Cursor, ParseError
from mailproto.imap.values import Message, check_octets
from mailproto.imap.writer import LiteralForm, Writer

__all__ = ["Section", "Specifier", "parse_section", "section_key", "write_section"]

Specifier: TypeAlias = Literal["HEADER", "HEADER.FIELDS", "HEADER.FIELDS.NOT", "MIME", "TEXT"]
"""What of a part is meant; None in its place is the whole part."""

_SPECIFIERS: Final = frozenset({"HEADER", "HEADER.FIELDS", "HEADER.FIELDS.NOT", "MIME", "TEXT"})
_WITH_FIELDS: Final = frozenset({"HEADER.FIELDS", "HEADER.FIELDS.NOT"})

MAX_NUMBER: Final = 2**32 - 1

# section-spec    = section-msgtext / (section-part ["." section-text])
# section-msgtext = "HEADER" / "HEADER.FIELDS" [".NOT"] SP header-list / "TEXT"
# section-part    = nz-number *("." nz-number)
# section-text    = section-msgtext / "MIME"
_SPEC: Final = re.compile(
    rb"(?:([1-9][0-9]{0,9}(?:\.[1-9][0-9]{0,9})*)(?:\.(?=[A-Z])|(?=\])))?"
    rb"(HEADER(?:\.FIELDS(?:\.NOT)?)?|MIME|TEXT)?",
    re.IGNORECASE,
)

# A section without strings; the same few come with every message, so they are read once.
_PLAIN: Final = re.compile(rb"\[[A-Za-z0-9. ()_-]{0,200}\]")


@dataclass(frozen=True, slots=True)
class Section:
    """A `section-spec`: part numbers, and what of that part.

    `part` is () for the message itself. `fields` are names of header fields as written, and stand with
    HEADER.FIELDS and HEADER.FIELDS.NOT only; MIME needs a part. Raises LocalProtocolError for anything else.
    """

    part: tuple[int, ...] = ()
    specifier: Specifier | None = None
    fields: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for number in self.part:
            if not 1 <= number <= MAX_NUMBER:
                raise LocalProtocolError(f"expected part numbers from 1 to {MAX_NUMBER}, got {number}")
        if self.specifier is not None and self.specifier not in _SPECIFIERS:
            raise LocalProtocolError(f"expected a section specifier, got {self.specifier[:40]!r}")
        if self.specifier == "MIME" and not self.part:
            raise LocalProtocolError("MIME: expected a part number before it, got none")
        if (self.specifier in _WITH_FIELDS) != bool(self.fields):
            raise LocalProtocolError("expected names of fields with HEADER.FIELDS and only there")
        for field in self.fields:
            check_octets(_octets(field), "field name")

    @classmethod
    def parse(cls, text: str) -> Section:
        """Return the section that *text* names, such as `1.2.HEADER`. Raises LocalProtocolError."""
        cursor = Cursor(Message(b"[%b]" % _octets(text)), strict=True)
        try:
            section = parse_section(cursor)
            cursor.expect_end()
        except ParseError as error:
            raise LocalProtocolError(f"section {text[:40]!r}: {error}") from error
        return section

    def __str__(self) -> str:
        """Return the `section-spec` as in a FETCH response, names of fields as written."""
        return section_key(self)[1:-1]


def parse_section(cursor: Cursor) -> Section:
    """Read a `section`, brackets included."""
    match = _PLAIN.match(cursor.text, cursor.position)
    section = _plain_section(match.group()) if match else None
    if match is None or section is None:
        return _parse_section(cursor)
    cursor.position = match.end()
    return section


@lru_cache(maxsize=256)
def _plain_section(octets: bytes) -> Section | None:
    cursor = Cursor(Message(octets), strict=True)
    try:
        return _parse_section(cursor)
    except ParseError:
        return None


def _parse_section(cursor: Cursor) -> Section:
    """Read a `section` without the memory of earlier ones."""
    cursor.expect(b"[")
    start = cursor.position
    match = cursor.expect_match(_SPEC, "a section")
    part = tuple(map(int, match[1].split(b"."))) if match[1] else ()
    specifier = cast("Specifier | None", match[2].decode("ascii").upper() if match[2] else None)
    fields = _parse_fields(cursor) if specifier in _WITH_FIELDS else ()
    cursor.expect(b"]")
    try:
        return Section(part, specifier, fields)
    except LocalProtocolError:
        raise cursor.error("a section", start) from None


def _parse_fields(cursor: Cursor) -> tuple[str, ...]:
    cursor.expect(b" (")
    fields = [_text(cursor.astring())]
    while not cursor.accept(b")"):
        cursor.sp()
        fields.append(_text(cursor.astring()))
    return tuple(fields)


def write_section(writer: Writer, section: Section) -> None:
    """Write a `section`, brackets included."""
    names = [".".join(map(str, section.part))] if section.part else []
    if section.specifier:
        names.append(section.specifier)
    writer.write(b"[" + ".".join(names).encode("ascii"))
    if section.fields:
        for index, field in enumerate(section.fields):
            writer.write(b" " if index else b" (")
            writer.astring(_octets(field))
        writer.write(b")")
    writer.write(b"]")


def section_key(section: Section) -> str:
    """Return the section as text with brackets; equal for two sections only if they are equal."""
    writer = Writer(LiteralForm.SERVER)
    write_section(writer, section)
    return _text(writer.getvalue())


def _octets(field: str) -> bytes:
    try:
        return field.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise LocalProtocolError(f"expected a text without lone surrogates, got {field[:40]!r}") from error


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "surrogateescape")
