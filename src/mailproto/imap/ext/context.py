"""CONTEXT=SEARCH and CONTEXT=SORT: searches whose results are kept up to date (RFC 5267 section 4).

PARTIAL is in `mailproto.imap.ext.partial`, SORT with RETURN in `mailproto.imap.ext.sort`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, NamedTuple, Self, cast, final

from mailproto.errors import LocalProtocolError
from mailproto.imap._response import check_count
from mailproto.imap.codes import ResponseCode, register_code
from mailproto.imap.command import Command, check_tag, register_command, several
from mailproto.imap.cursor import Cursor
from mailproto.imap.ext.esearch import parse_numbers, register_result, write_numbers
from mailproto.imap.fetch import (
    FetchItem,
    check_fetch_items,
    needs_of_items,
    parse_fetch_items,
    write_item_list,
)
from mailproto.imap.needs import Need
from mailproto.imap.parameters import SEARCH_RETURNS, Parameter
from mailproto.imap.sequence import NumberSet, check_known
from mailproto.imap.writer import Writer

__all__ = ["CONTEXT", "CancelUpdate", "ContextUpdate", "NoUpdateCode", "UpdateResults"]

CONTEXT: Final = SEARCH_RETURNS.simple("CONTEXT", "CONTEXT=SEARCH")
"""The return option that says that parts of the same search will be asked for (section 4.2)."""


@final
@SEARCH_RETURNS.register
@dataclass(frozen=True, slots=True)
class UpdateResults(Parameter):
    """UPDATE: tell from now on what is to be added to the results and removed from them (section 4.3).

    `items` are what the server sends of a message that is added, where it offers NOTIFY (RFC 5465 section 7).
    """

    name: ClassVar[str] = "UPDATE"
    items: tuple[FetchItem[object], ...] = ()

    def __post_init__(self) -> None:
        if self.items:
            object.__setattr__(self, "items", check_fetch_items(self.items))

    # modifier-update = "UPDATE" ["(" fetch-att *(SP fetch-att) ")"]
    # The examples have the space that RFC 4466 wants there.
    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `[SP "(" fetch-att *(SP fetch-att) ")"]`."""
        if not cursor.accept(b" ("):
            return cls()
        cursor.position -= 1
        return cls(parse_fetch_items(cursor))

    def write(self, writer: Writer) -> None:
        """Write the items, if there are any."""
        if self.items:
            writer.write(b" ")
            write_item_list(writer, self.items)

    @property
    def needs(self) -> tuple[Need, ...]:
        """CONTEXT=SEARCH; with items, NOTIFY too."""
        context = Need(self.name, ("CONTEXT=SEARCH",))
        if not self.items:
            return (context,)
        return (context, Need(self.name, ("NOTIFY",)), *needs_of_items(self.items))


class ContextUpdate(NamedTuple):
    """Numbers that come to the results, or go from them, at a position from 1 (sections 4.3.3 and 4.3.4).

    Position 0: they are put in mailbox order, or removed wherever they are. A range counts upwards.
    """

    position: int
    numbers: NumberSet


# ret-data-addto  = "ADDTO" SP "(" context-position SP sequence-set *(SP context-position SP sequence-set) ")"
def _parse_updates(cursor: Cursor, kind: type[NumberSet]) -> tuple[ContextUpdate, ...]:
    cursor.expect(b"(")
    updates = [_parse_update(cursor, kind)]
    while not cursor.accept(b")"):
        cursor.sp()
        updates.append(_parse_update(cursor, kind))
    return tuple(updates)


def _parse_update(cursor: Cursor, kind: type[NumberSet]) -> ContextUpdate:
    position = cursor.number()
    cursor.sp()
    return ContextUpdate(position, parse_numbers(cursor, kind))


def _write_updates(writer: Writer, value: object) -> None:
    for index, update in enumerate(cast("tuple[ContextUpdate, ...]", value)):
        writer.write(b" " if index else b"(")
        writer.write(b"%d " % update.position)
        write_numbers(writer, update.numbers)
    writer.write(b")")


def _check_updates(value: object, kind: type[NumberSet]) -> None:
    if not isinstance(value, tuple) or not value:
        raise LocalProtocolError("expected one ContextUpdate or more")
    for update in value:
        if not isinstance(update, ContextUpdate):
            raise LocalProtocolError(f"expected a ContextUpdate, got {type(update).__name__}")
        check_count(update.position)
        check_known(update.numbers, kind)


for _name in ("ADDTO", "REMOVEFROM"):
    register_result(_name, _parse_updates, _write_updates, _check_updates)


# A tag-string: "quoted", which cannot be a literal.
def _parse_quoted_tag(cursor: Cursor) -> str:
    start = cursor.position
    tag = cursor.quoted().decode("utf-8", "surrogateescape")
    try:
        check_tag(tag)
    except LocalProtocolError:
        raise cursor.error("a tag", start) from None
    return tag


@final
@register_command
@dataclass(frozen=True, slots=True)
class CancelUpdate(Command):
    """CANCELUPDATE: no more updates for the searches of these tags, one or more (section 4.3.5)."""

    name: ClassVar[str] = "CANCELUPDATE"
    tags: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "tags", several(self.tags, "tags"))
        if not self.tags:
            raise LocalProtocolError("expected one tag or more, got none")
        for tag in self.tags:
            check_tag(tag)

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `1*(SP quoted)`."""
        tags: list[str] = []
        while not tags or not cursor.is_at_end:
            cursor.sp()
            tags.append(_parse_quoted_tag(cursor))
        return cls(tuple(tags))

    def write(self, writer: Writer) -> None:
        """Write each tag in quotes."""
        for tag in self.tags:
            writer.write(b" ")
            writer.string(tag.encode("ascii"))

    @property
    def needs(self) -> tuple[Need, ...]:
        """One of the contexts."""
        return (Need(self.name, ("CONTEXT=SEARCH", "CONTEXT=SORT")),)


@final
@register_code
@dataclass(frozen=True, slots=True)
class NoUpdateCode(ResponseCode):
    """NOUPDATE: the results of the search with this tag are not kept up to date (section 4.3.1)."""

    name: ClassVar[str] = "NOUPDATE"
    tag: str

    def __post_init__(self) -> None:
        check_tag(self.tag)

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `SP quoted`."""
        cursor.sp()
        return cls(_parse_quoted_tag(cursor))

    def write(self, writer: Writer) -> None:
        """Write the tag in quotes."""
        writer.write(b" ")
        writer.string(self.tag.encode("ascii"))
