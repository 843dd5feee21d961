"""REPLACE and UID REPLACE: append a message and remove another one, as one step (RFC 8508)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self, final

from mailproto.errors import LocalProtocolError
from mailproto.imap.appending import AppendMessage
from mailproto.imap.command import STREAMED_COMMANDS, Command, register_command
from mailproto.imap.cursor import Cursor
from mailproto.imap.mailbox import check_mailbox, parse_mailbox, write_mailbox
from mailproto.imap.needs import Need
from mailproto.imap.sequence import STAR
from mailproto.imap.values import Streamed
from mailproto.imap.writer import Writer

__all__ = ["Replace", "UIDReplace"]


@dataclass(frozen=True, slots=True)
class ReplaceCommand(Command):
    """What both have in common: the message to remove, and the one to add, to a mailbox that may be another.

    `STAR` as the number is the last message of the selected mailbox.
    """

    number: int
    mailbox: str
    message: AppendMessage

    def __post_init__(self) -> None:
        if type(self.number) is not int or not 1 <= self.number <= STAR:
            raise LocalProtocolError(f"expected the number of a message, got {str(self.number)[:40]}")
        object.__setattr__(self, "mailbox", check_mailbox(self.mailbox))
        if not isinstance(self.message, AppendMessage):
            raise LocalProtocolError(f"expected an AppendMessage, got {type(self.message).__name__}")

    @property
    def streamed(self) -> tuple[Streamed, ...]:
        """The literals of the message that travel in chunks, in order."""
        return self.message.streamed

    @property
    def message_sizes(self) -> tuple[int, ...]:
        """How many octets the message has."""
        return (self.message.size,)

    @property
    def needs(self) -> tuple[Need, ...]:
        """What the form of the message needs."""
        return self.message.needs

    # replace        = "REPLACE" SP seq-number SP mailbox append-message
    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `SP seq-number SP mailbox append-message`."""
        cursor.sp()
        number = STAR if cursor.accept(b"*") else cursor.nz_number()
        cursor.sp()
        mailbox = parse_mailbox(cursor)
        return cls(number, mailbox, AppendMessage.parse(cursor))

    def write(self, writer: Writer) -> None:
        """Write the number, the mailbox and the message."""
        writer.write(b" * " if self.number == STAR else b" %d " % self.number)
        write_mailbox(writer, self.mailbox)
        self.message.write(writer)


@final
@register_command
class Replace(ReplaceCommand):
    """REPLACE: put a message in the place of the one with this sequence number (section 3.2)."""

    __slots__ = ()
    name: ClassVar[str] = "REPLACE"


@final
@register_command
class UIDReplace(ReplaceCommand):
    """UID REPLACE: the same by UID (section 3.3)."""

    __slots__ = ()
    name: ClassVar[str] = "UID REPLACE"


STREAMED_COMMANDS.update((Replace.name, UIDReplace.name))
