"""LIST that answers more: STATUS, MYRIGHTS and METADATA of each mailbox (RFC 5819, RFC 8440, RFC 9590).

Each is a return option of `LIST_RETURNS`; the answers are those of the commands of these names, one for each
mailbox that can have one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, Self, final

from mailproto.errors import LocalProtocolError
from mailproto.imap.command import checked_atoms, parse_text, several, text_octets
from mailproto.imap.cursor import Cursor
from mailproto.imap.ext.metadata import check_entry
from mailproto.imap.mailbox_data import needs_of_status
from mailproto.imap.needs import Need
from mailproto.imap.parameters import LIST_RETURNS, Parameter
from mailproto.imap.writer import Writer

__all__ = ["MYRIGHTS", "ReturnMetadata", "ReturnStatus"]

MYRIGHTS: Final = LIST_RETURNS.simple("MYRIGHTS", "LIST-MYRIGHTS", answers=("MYRIGHTS",))
"""Return option: what one may do with each mailbox (RFC 8440)."""


@final
@LIST_RETURNS.register
@dataclass(frozen=True, slots=True)
class ReturnStatus(Parameter):
    """STATUS as return option: these items of each mailbox, one or more (RFC 5819)."""

    name: ClassVar[str] = "STATUS"
    items: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "items", checked_atoms(self.items, "a status item"))

    # return-option =/ status-option
    # status-option =  "STATUS" SP "(" status-att *(SP status-att) ")"
    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `SP "(" status-att *(SP status-att) ")"`."""
        cursor.expect(b" (")
        items = [cursor.atom()]
        while not cursor.accept(b")"):
            cursor.sp()
            items.append(cursor.atom())
        return cls(tuple(items))

    def write(self, writer: Writer) -> None:
        """Write the items."""
        writer.write(f" ({' '.join(self.items)})".encode("ascii"))

    @property
    def answers(self) -> tuple[str, ...]:
        """STATUS."""
        return ("STATUS",)

    @property
    def needs(self) -> tuple[Need, ...]:
        """LIST-STATUS, and what the items need."""
        return (Need("STATUS", ("LIST-STATUS",)), *needs_of_status(self.items))


@final
@LIST_RETURNS.register
@dataclass(frozen=True, slots=True)
class ReturnMetadata(Parameter):
    """METADATA as return option: these entries of each mailbox, one or more (RFC 9590)."""

    name: ClassVar[str] = "METADATA"
    capabilities: ClassVar[tuple[str, ...]] = ("LIST-METADATA",)
    entries: tuple[str, ...]

    def __post_init__(self) -> None:
        entries = tuple(map(check_entry, several(self.entries, "entries")))
        if not entries:
            raise LocalProtocolError("expected one entry or more, got none")
        object.__setattr__(self, "entries", entries)

    # return-option =/ "METADATA" SP "(" entry *(SP entry) ")"
    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `SP "(" entry *(SP entry) ")"`."""
        cursor.expect(b" (")
        entries = [parse_text(cursor)]
        while not cursor.accept(b")"):
            cursor.sp()
            entries.append(parse_text(cursor))
        return cls(tuple(entries))

    def write(self, writer: Writer) -> None:
        """Write the entries."""
        for index, entry in enumerate(self.entries):
            writer.write(b" " if index else b" (")
            writer.astring(text_octets(entry, "entry"))
        writer.write(b")")

    @property
    def answers(self) -> tuple[str, ...]:
        """METADATA."""
        return ("METADATA",)
