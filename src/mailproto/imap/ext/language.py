"""LANGUAGE, I18NLEVEL=1 and I18NLEVEL=2: the language of texts, and how strings are compared (RFC 5255).

LANGUAGE asks for texts of statuses in another language, which are UTF-8 then. COMPARATOR, of I18NLEVEL=2
only, says how SEARCH, SORT and THREAD compare; I18NLEVEL=1 promises `i;unicode-casemap` and has no command.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import ClassVar, Final, Self, final

from mailproto.errors import Defect, LocalProtocolError
from mailproto.imap._response import DataResponse, register_response
from mailproto.imap.codes import SimpleCode
from mailproto.imap.command import Command, register_command
from mailproto.imap.cursor import Cursor
from mailproto.imap.writer import Writer

__all__ = [
    "BADCOMPARATOR",
    "DEFAULT_LANGUAGE",
    "Comparator",
    "ComparatorData",
    "Language",
    "LanguageData",
]

DEFAULT_LANGUAGE: Final = "i-default"
"""What a server speaks until a client asks for something else (RFC 5255 section 3.1)."""

BADCOMPARATOR: Final = SimpleCode("BADCOMPARATOR")
"""None of the comparators is known (section 4.9)."""

# language-range  = (1*8ALPHA *("-" 1*8alphanum)) / "*"       ; "*" in the others too (RFC 4647 section 2.2)
_RANGE: Final = re.compile(r"(?:[A-Za-z]{1,8}|\*)(?:-(?:[A-Za-z0-9]{1,8}|\*))*\Z")
# langtag and grandfathered, as far as the characters go      (RFC 4646 section 2.1)
_TAG: Final = re.compile(r"[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*\Z")
# collation-id, collation-order, collation-selected           (RFC 4790 section 3), which have no spaces
_COLLATION: Final = re.compile(r"[!-~]+\Z")


def _checked(texts: Iterable[object], pattern: re.Pattern[str], expected: str) -> tuple[str, ...]:
    if isinstance(texts, str):
        raise LocalProtocolError(f"expected several of {expected}, got the string {texts[:40]!r}")
    members = []
    for text in texts:
        if not isinstance(text, str) or not pattern.match(text):
            raise LocalProtocolError(f"expected {expected}, got {str(text)[:40]!r}")
        members.append(text)
    return tuple(members)


def _parse_one(cursor: Cursor, pattern: re.Pattern[str], expected: str) -> str:
    start = cursor.position
    text = cursor.astring().decode("latin-1")
    if not pattern.match(text):
        raise cursor.error(expected, start)
    return text


def _parse_list(cursor: Cursor, parse: Callable[[Cursor], str]) -> list[str]:
    """Read `"(" item *(SP item) ")"`."""
    cursor.expect(b"(")
    items = [parse(cursor)]
    while not cursor.accept(b")"):
        cursor.sp()
        items.append(parse(cursor))
    return items


def _write_each(writer: Writer, texts: Iterable[str]) -> None:
    for text in texts:
        writer.write(b" ")
        writer.astring(text.encode("ascii"))


def _write_list(writer: Writer, texts: tuple[str, ...]) -> None:
    writer.write(b"(")
    for index, text in enumerate(texts):
        writer.write(b" " if index else b"")
        writer.astring(text.encode("ascii"))
    writer.write(b")")


def _parse_range(cursor: Cursor) -> str:
    return _parse_one(cursor, _RANGE, "a language range")


def _parse_tag(cursor: Cursor) -> str:
    return _parse_one(cursor, _TAG, "a language tag")


def _parse_collation(cursor: Cursor) -> str:
    return _parse_one(cursor, _COLLATION, "a collation")


@final
@register_command
@dataclass(frozen=True, slots=True)
class Language(Command):
    """LANGUAGE: ask for texts in one of these languages, the best first; () asks which there are.

    Each is a range such as "de", "fr-CA" or "default", the one that the administrator prefers (section 3.2).
    """

    name: ClassVar[str] = "LANGUAGE"
    ranges: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "ranges", _checked(self.ranges, _RANGE, "a language range"))

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `*(SP lang-range-quoted)`."""
        ranges: list[str] = []
        while cursor.accept(b" "):
            ranges.append(_parse_range(cursor))
        return cls(tuple(ranges))

    def write(self, writer: Writer) -> None:
        """Write the ranges."""
        _write_each(writer, self.ranges)


@final
@register_response
@dataclass(frozen=True, slots=True)
class LanguageData(DataResponse):
    """LANGUAGE: the language that is spoken from now on; several are those that can be (section 3.3)."""

    name: ClassVar[str] = "LANGUAGE"
    languages: tuple[str, ...]
    defects: tuple[Defect, ...] = field(default=(), compare=False, repr=False, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "languages", _checked(self.languages, _TAG, "a language tag"))
        if not self.languages:
            raise LocalProtocolError("expected a language or more, got none")

    @property
    def active(self) -> str | None:
        """The language that is spoken from now on; None if these are only those that there are."""
        return self.languages[0] if len(self.languages) == 1 else None

    # language-data   = "LANGUAGE" SP "(" lang-tag-quoted *(SP lang-tag-quoted) ")"
    @classmethod
    def parse(cls, cursor: Cursor) -> LanguageData:
        """Read `SP "(" lang-tag-quoted *(SP lang-tag-quoted) ")"`."""
        cursor.sp()
        return cls(tuple(_parse_list(cursor, _parse_tag)))

    def write(self, writer: Writer) -> None:
        """Write the name and the languages."""
        writer.write(b"LANGUAGE ")
        _write_list(writer, self.languages)


@final
@register_command
@dataclass(frozen=True, slots=True)
class Comparator(Command):
    """COMPARATOR: compare by one of these, the best first; () asks which one is used (section 4.7).

    Each is the name of a collation, with `*` for anything, or "default".
    """

    name: ClassVar[str] = "COMPARATOR"
    orders: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "orders", _checked(self.orders, _COLLATION, "a collation"))

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `*(SP comp-order-quoted)`."""
        orders: list[str] = []
        while cursor.accept(b" "):
            orders.append(_parse_collation(cursor))
        return cls(tuple(orders))

    def write(self, writer: Writer) -> None:
        """Write the collations."""
        _write_each(writer, self.orders)


@final
@register_response
@dataclass(frozen=True, slots=True)
class ComparatorData(DataResponse):
    """COMPARATOR: the collation that is used, and all that matched, if several did (section 4.8)."""

    name: ClassVar[str] = "COMPARATOR"
    active: str
    matching: tuple[str, ...] = ()
    defects: tuple[Defect, ...] = field(default=(), compare=False, repr=False, kw_only=True)

    def __post_init__(self) -> None:
        _checked((self.active,), _COLLATION, "a collation")
        object.__setattr__(self, "matching", _checked(self.matching, _COLLATION, "a collation"))

    # comparator-data = "COMPARATOR" SP comp-sel-quoted [SP "(" comp-id-quoted *(SP comp-id-quoted) ")"]
    @classmethod
    def parse(cls, cursor: Cursor) -> ComparatorData:
        """Read `SP comp-sel-quoted [SP "(" comp-id-quoted *(SP comp-id-quoted) ")"]`."""
        cursor.sp()
        active = _parse_collation(cursor)
        return cls(active, tuple(_parse_list(cursor, _parse_collation)) if cursor.accept(b" ") else ())

    def write(self, writer: Writer) -> None:
        """Write the name, the collation, and those that matched."""
        writer.write(b"COMPARATOR")
        _write_each(writer, (self.active,))
        if self.matching:
            writer.write(b" ")
            _write_list(writer, self.matching)
