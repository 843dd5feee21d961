"""SAVEDATE: when a message came into the mailbox where it is now, as an item and as keys (RFC 8514)."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Final, final

from mailproto.imap.cursor import Cursor
from mailproto.imap.dates import check_date_time, parse_date_time, write_date_time
from mailproto.imap.fetch import NamedItem, register_item
from mailproto.imap.search import DateKey, SimpleKey, register_key
from mailproto.imap.writer import Writer

__all__ = ["SAVEDATE", "SaveDateSupported", "SavedBefore", "SavedOn", "SavedSince"]

CAPABILITY: Final = "SAVEDATE"


def _parse(cursor: Cursor) -> datetime | None:
    return None if cursor.accept_word(b"NIL") else parse_date_time(cursor)


def _write(writer: Writer, value: datetime | None) -> None:
    if value is None:
        writer.write(b"NIL")
    else:
        write_date_time(writer, value)


def _check(value: datetime | None) -> datetime | None:
    return None if value is None else check_date_time(value)


SAVEDATE: Final[NamedItem[datetime | None]] = register_item(
    NamedItem("SAVEDATE", _parse, _write, check=_check, needs=CAPABILITY)
)
"""When the message was saved in its mailbox, with a time zone; None where that is not kept (section 4.2)."""


@final
@register_key
class SavedBefore(DateKey):
    """Messages that were saved before that day (section 4.3)."""

    __slots__ = ()
    name: ClassVar[str] = "SAVEDBEFORE"
    capability: ClassVar[str] = CAPABILITY


@final
@register_key
class SavedOn(DateKey):
    """Messages that were saved on that day."""

    __slots__ = ()
    name: ClassVar[str] = "SAVEDON"
    capability: ClassVar[str] = CAPABILITY


@final
@register_key
class SavedSince(DateKey):
    """Messages that were saved on that day or later."""

    __slots__ = ()
    name: ClassVar[str] = "SAVEDSINCE"
    capability: ClassVar[str] = CAPABILITY


@final
@register_key
class SaveDateSupported(SimpleKey):
    """All messages if the mailbox keeps the dates on which they were saved, else none."""

    __slots__ = ()
    name: ClassVar[str] = "SAVEDATESUPPORTED"
    capability: ClassVar[str] = CAPABILITY
