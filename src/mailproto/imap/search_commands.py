"""SEARCH and UID SEARCH, with what they return (RFC 3501 section 6.4.4, RFC 4466 section 2.6.1)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Final, Self, final

from mailproto.imap.command import Command, register_command
from mailproto.imap.cursor import Cursor
from mailproto.imap.needs import Need
from mailproto.imap.parameters import SEARCH_RETURNS, Parameters, needs_of
from mailproto.imap.search import SearchKey, check_charset, check_key, parse_search_keys, write_search_keys
from mailproto.imap.writer import Writer

__all__ = ["KeyedCommand", "Search", "UIDSearch", "check_returning", "parse_returning", "write_returning"]

_RETURN: Final = Need("RETURN", ("ESEARCH",))


def check_returning(returning: Parameters | None, command: str) -> Parameters | None:
    """Return *returning* as a tuple of options of `SEARCH_RETURNS`. Raises LocalProtocolError."""
    return None if returning is None else SEARCH_RETURNS.check(returning, command)


def parse_returning(cursor: Cursor) -> Parameters | None:
    """Read `[SP "RETURN" SP "(" [search-return-opt *(SP search-return-opt)] ")"]`."""
    return SEARCH_RETURNS.parse(cursor) if cursor.accept_word(b" RETURN ") else None


def write_returning(writer: Writer, returning: Parameters | None) -> None:
    """Write `[SP "RETURN" SP "(" [search-return-opt *(SP search-return-opt)] ")"]`."""
    if returning is not None:
        writer.write(b" RETURN ")
        SEARCH_RETURNS.write(writer, returning)


class KeyedCommand(Command):
    """A command that finds messages by a search key."""

    __slots__ = ()

    key: SearchKey


@dataclass(frozen=True, slots=True)
class _SearchCommand(KeyedCommand):
    key: SearchKey
    charset: str | None = None
    returning: Parameters | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        check_key(self.key)
        object.__setattr__(self, "charset", check_charset(self.key, self.charset))
        object.__setattr__(self, "returning", check_returning(self.returning, self.name))

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `[search-return-opts] [SP "CHARSET" SP astring] 1*(SP search-key)`."""
        returning = parse_returning(cursor)
        return cls(*parse_search_keys(cursor), returning=returning)

    def write(self, writer: Writer) -> None:
        """Write what to return and the charset, if they are there, and the keys."""
        write_returning(writer, self.returning)
        write_search_keys(writer, self.key, self.charset)

    @property
    def options(self) -> Parameters:
        """The options of RETURN."""
        return self.returning or ()

    @property
    def answers(self) -> tuple[str, ...] | None:
        """ESEARCH, if it is said what to return."""
        return None if self.returning is None else ("ESEARCH",)

    @property
    def needs(self) -> tuple[Need, ...]:
        """What the options and the keys need; `RETURN ()` needs ESEARCH."""
        returning = (_RETURN,) if self.returning == () else needs_of(self.options)
        return returning + self.key.needs


@final
@register_command
class Search(_SearchCommand):
    """SEARCH: the messages that *key* matches (section 6.4.4).

    `returning` are options of `SEARCH_RETURNS`: with them the answer is ESEARCH (RFC 4731); None: without
    RETURN. `charset` is in upper case; None is US-ASCII, and becomes UTF-8 if the key has other text. In a
    charset that is not in `mailproto.imap.search.CHARSETS` the text of a received key is bytes.
    """

    __slots__ = ()
    name: ClassVar[str] = "SEARCH"


@final
@register_command
class UIDSearch(_SearchCommand):
    """UID SEARCH: as SEARCH, answered with UIDs (section 6.4.8)."""

    __slots__ = ()
    name: ClassVar[str] = "UID SEARCH"
