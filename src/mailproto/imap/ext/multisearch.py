"""MULTISEARCH: the command ESEARCH, a search in several mailboxes (RFC 7377).

Its answers are `ESearchData` with a mailbox, one for each in which something was found.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Final, Self, final

from mailproto.errors import LocalProtocolError
from mailproto.imap.command import register_command
from mailproto.imap.cursor import Cursor
from mailproto.imap.mailbox_filter import MailboxFilter, parse_mailbox_filter, write_mailbox_filter
from mailproto.imap.needs import Need
from mailproto.imap.parameters import Parameters, ParameterTable, needs_of
from mailproto.imap.search import SearchKey, check_charset, check_key, parse_search_keys, write_search_keys
from mailproto.imap.search_commands import KeyedCommand, check_returning, parse_returning, write_returning
from mailproto.imap.writer import Writer

__all__ = ["SCOPE_OPTIONS", "ESearch"]

SCOPE_OPTIONS: Final = ParameterTable("scope option of ESEARCH")
"""What may stand behind the mailboxes; RFC 7377 itself defines none."""


@final
@register_command
@dataclass(frozen=True, slots=True)
class ESearch(KeyedCommand):
    """ESEARCH: the UIDs of what *key* matches in the mailboxes of `sources` (section 2).

    Without sources that is the selected mailbox. `returning` are options of `SEARCH_RETURNS`, None: ALL.
    `charset` is as in `Search`.
    """

    name: ClassVar[str] = "ESEARCH"
    key: SearchKey
    charset: str | None = None
    sources: tuple[MailboxFilter, ...] = field(default=(), kw_only=True)
    scope: Parameters = field(default=(), kw_only=True)
    returning: Parameters | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        check_key(self.key)
        object.__setattr__(self, "charset", check_charset(self.key, self.charset))
        object.__setattr__(self, "sources", tuple(self.sources))
        object.__setattr__(self, "scope", SCOPE_OPTIONS.check(self.scope, self.name))
        object.__setattr__(self, "returning", check_returning(self.returning, self.name))
        self._check_sources()

    def _check_sources(self) -> None:
        for source in self.sources:
            if not isinstance(source, MailboxFilter):
                raise LocalProtocolError(f"expected a MailboxFilter, got {type(source).__name__}")
            if source.kind == "selected-delayed":
                raise LocalProtocolError("ESEARCH: expected another filter than selected-delayed")
        if self.scope and not self.sources:
            raise LocalProtocolError("ESEARCH: expected a scope only beside sources")
        # Section 2.2: SAVE "is valid only if "selected" is specified or defaulted to as the sole mailbox".
        is_saving = any(option.name == "SAVE" for option in self.returning or ())
        if is_saving and any(not source.is_selected for source in self.sources):
            raise LocalProtocolError("ESEARCH: expected SAVE only where the selected mailbox is searched")

    # esearch             = "ESEARCH" [SP esearch-source-opts] [SP search-return-opts] SP search-program
    # esearch-source-opts = "IN" SP "(" source-mbox [SP "(" scope-options ")"] ")"
    # source-mbox         = filter-mailboxes *(SP filter-mailboxes)
    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `[SP esearch-source-opts] [search-return-opts] SP search-program`."""
        sources: list[MailboxFilter] = []
        scope: Parameters = ()
        if cursor.accept_word(b" IN ("):
            sources.append(parse_mailbox_filter(cursor))
            while not cursor.accept(b")"):
                cursor.sp()
                if cursor.peek() == b"(":
                    scope = SCOPE_OPTIONS.parse(cursor)
                    cursor.expect(b")")
                    break
                sources.append(parse_mailbox_filter(cursor))
        returning = parse_returning(cursor)
        key, charset = parse_search_keys(cursor)
        return cls(key, charset, sources=tuple(sources), scope=scope, returning=returning)

    def write(self, writer: Writer) -> None:
        """Write the sources and what to return, if they are there, and the keys."""
        for index, source in enumerate(self.sources):
            writer.write(b" " if index else b" IN (")
            write_mailbox_filter(writer, source)
        if self.sources:
            SCOPE_OPTIONS.write_any(writer, self.scope)
            writer.write(b")")
        write_returning(writer, self.returning)
        write_search_keys(writer, self.key, self.charset)

    @property
    def options(self) -> Parameters:
        """The scope and the options of RETURN."""
        return self.scope + (self.returning or ())

    @property
    def needs(self) -> tuple[Need, ...]:
        """What scope, options and keys need."""
        return needs_of(self.options) + self.key.needs

    @property
    def needs_selected(self) -> bool:
        """Whether the selected mailbox is among the sources, or has to be updated (section 2.2)."""
        is_selected = not self.sources or any(source.is_selected for source in self.sources)
        return is_selected or any(option.name == "UPDATE" for option in self.options)
