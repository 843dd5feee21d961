"""MULTIAPPEND: several messages in one APPEND, of which all are added or none (RFC 3502)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, Self, final

from mailproto.errors import LocalProtocolError
from mailproto.imap.appending import AppendMessage
from mailproto.imap.command import COMMANDS, Command
from mailproto.imap.commands import Append
from mailproto.imap.cursor import Cursor
from mailproto.imap.mailbox import check_mailbox, parse_mailbox, write_mailbox
from mailproto.imap.needs import Need
from mailproto.imap.values import Streamed
from mailproto.imap.writer import Writer

__all__ = ["MultiAppend"]

CAPABILITY: Final = "MULTIAPPEND"


@final
@dataclass(frozen=True, slots=True)
class MultiAppend(Command):
    """APPEND of two messages or more (section 6.3.11). A message without octets cancels it."""

    name: ClassVar[str] = "APPEND"
    mailbox: str
    messages: tuple[AppendMessage, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "mailbox", check_mailbox(self.mailbox))
        object.__setattr__(self, "messages", tuple(self.messages))
        if len(self.messages) < 2:
            raise LocalProtocolError(f"expected two messages or more, got {len(self.messages)}")
        for message in self.messages:
            if not isinstance(message, AppendMessage):
                raise LocalProtocolError(f"expected an AppendMessage, got {type(message).__name__}")

    @property
    def streamed(self) -> tuple[Streamed, ...]:
        """The literals of all messages that travel in chunks, in order."""
        return tuple(literal for message in self.messages for literal in message.streamed)

    @property
    def message_sizes(self) -> tuple[int, ...]:
        """How many octets each message has."""
        return tuple(message.size for message in self.messages)

    @property
    def needs(self) -> tuple[Need, ...]:
        """MULTIAPPEND, and what the forms of the messages need."""
        several = Need("an APPEND of several messages", (CAPABILITY,))
        return (several, *(need for message in self.messages for need in message.needs))

    @classmethod
    def of_parsed(cls, mailbox: str, messages: tuple[AppendMessage, ...]) -> Self:
        """Return a command as it was read; skips validation."""
        new = cls.__new__(cls)
        object.__setattr__(new, "mailbox", mailbox)
        object.__setattr__(new, "messages", messages)
        return new

    def write(self, writer: Writer) -> None:
        """Write the mailbox and each message."""
        writer.write(b" ")
        write_mailbox(writer, self.mailbox)
        for message in self.messages:
            message.write(writer)


# append          = "APPEND" SP mailbox 1*append-message
def _parse(cursor: Cursor) -> Append | MultiAppend:
    cursor.sp()
    mailbox = parse_mailbox(cursor)
    messages = [AppendMessage.parse(cursor)]
    while not cursor.is_at_end:
        messages.append(AppendMessage.parse(cursor))
    if len(messages) == 1:
        return Append.of_parsed(mailbox, messages[0])
    return MultiAppend.of_parsed(mailbox, tuple(messages))


COMMANDS[Append.name] = _parse
