"""The commands of RFC 3501 (sections 6 and 9).

A command is one frozen value, sent by a client and received by a server; its `parse` and `write` stand beside
one another. Commands of extensions stand in `mailproto.imap.ext`, one file for each RFC; what all of them
have in common stands in `mailproto.imap.command`. Those about mailboxes, on messages and of SEARCH stand in
modules of their own, and are all named here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Self, final

from mailproto._secret import Secret
from mailproto.errors import LocalProtocolError
from mailproto.imap.appending import AppendMessage, AppendOctets, AppendOption
from mailproto.imap.command import (
    COMMANDS,
    SECRET_COMMANDS,
    STREAMED_COMMANDS,
    BareCommand,
    Command,
    TaggedCommand,
    UnknownCommand,
    check_tag,
    checked_atom,
    parse_command,
    parse_text,
    register_command,
    text_octets,
    write_command,
)
from mailproto.imap.cursor import Cursor
from mailproto.imap.mailbox import check_mailbox, parse_mailbox, write_mailbox
from mailproto.imap.mailbox_commands import (
    Create,
    Delete,
    Examine,
    List,
    ListCommand,
    LSub,
    MailboxCommand,
    Rename,
    Select,
    Status,
    Subscribe,
    Unsubscribe,
)
from mailproto.imap.message_commands import (
    Copy,
    Fetch,
    SetCommand,
    Store,
    StoreAction,
    ToMailboxCommand,
    UIDCopy,
    UIDFetch,
    UIDStore,
)
from mailproto.imap.needs import Need
from mailproto.imap.search_commands import Search, UIDSearch
from mailproto.imap.values import Streamed
from mailproto.imap.writer import Writer
from mailproto.sasl import _base64

__all__ = [
    # what every command has, from mailproto.imap.command
    "COMMANDS",
    "SECRET_COMMANDS",
    "STREAMED_COMMANDS",
    "Command",
    "TaggedCommand",
    "UnknownCommand",
    "check_tag",
    "parse_command",
    "register_command",
    "write_command",
    # the commands of RFC 3501
    "Append",
    "Authenticate",
    "Capability",
    "Check",
    "Close",
    "Copy",
    "Create",
    "Delete",
    "Examine",
    "Expunge",
    "Fetch",
    "LSub",
    "List",
    "Login",
    "Logout",
    "Noop",
    "Rename",
    "Search",
    "Select",
    "StartTLS",
    "Status",
    "Store",
    "StoreAction",
    "Subscribe",
    "UIDCopy",
    "UIDFetch",
    "UIDSearch",
    "UIDStore",
    "Unsubscribe",
    # what several of them share
    "ListCommand",
    "MailboxCommand",
    "SetCommand",
    "ToMailboxCommand",
]


@final
@register_command
class Capability(BareCommand):
    """CAPABILITY: ask what the server offers (section 6.1.1)."""

    __slots__ = ()
    name: ClassVar[str] = "CAPABILITY"


@final
@register_command
class Noop(BareCommand):
    """NOOP: nothing but a chance to send what is new (section 6.1.2)."""

    __slots__ = ()
    name: ClassVar[str] = "NOOP"


@final
@register_command
class Logout(BareCommand):
    """LOGOUT: end the session (section 6.1.3)."""

    __slots__ = ()
    name: ClassVar[str] = "LOGOUT"


@final
@register_command
class StartTLS(BareCommand):
    """STARTTLS: after its OK both ends shake hands (section 6.2.1)."""

    __slots__ = ()
    name: ClassVar[str] = "STARTTLS"


@final
@register_command
class Check(BareCommand):
    """CHECK: housekeeping of the mailbox (section 6.4.1)."""

    __slots__ = ()
    name: ClassVar[str] = "CHECK"


@final
@register_command
class Close(BareCommand):
    """CLOSE: expunge in silence and unselect (section 6.4.2)."""

    __slots__ = ()
    name: ClassVar[str] = "CLOSE"


@final
@register_command
class Expunge(BareCommand):
    """EXPUNGE: remove the messages with `\\Deleted` (section 6.4.3)."""

    __slots__ = ()
    name: ClassVar[str] = "EXPUNGE"


@final
@register_command
@dataclass(frozen=True, slots=True)
class Authenticate(Command):
    """AUTHENTICATE (section 6.2.2); an initial response needs SASL-IR (RFC 4959), and b"" is one."""

    name: ClassVar[str] = "AUTHENTICATE"
    mechanism: str
    initial_response: Secret[bytes] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "mechanism", checked_atom(self.mechanism, "a mechanism"))
        if self.initial_response is not None and not isinstance(self.initial_response, Secret):
            raise LocalProtocolError("expected an initial response as Secret")

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `SP auth-type [SP (base64 / "=")]`."""
        cursor.sp()
        mechanism = cursor.atom()
        if cursor.is_at_end:
            return cls(mechanism)
        cursor.sp()
        start = cursor.position
        octets = cursor.rest()
        try:
            if octets:
                return cls(mechanism, Secret(_base64.decode(octets)))
        except ValueError:
            pass
        raise cursor.error("base64", start)

    def write(self, writer: Writer) -> None:
        """Write the mechanism and the initial response in base64."""
        writer.write(b" ")
        writer.atom(self.mechanism)
        if self.initial_response is not None:
            writer.write(b" ")
            writer.secret_line(_base64.encode_initial(self.initial_response.reveal()))


@final
@register_command
@dataclass(frozen=True, slots=True)
class Login(Command):
    """LOGIN (section 6.2.3). Octets that are not UTF-8 stand in the strings as `surrogateescape` has them."""

    name: ClassVar[str] = "LOGIN"
    user_id: str
    password: Secret[str]

    def __post_init__(self) -> None:
        if not isinstance(self.password, Secret):
            raise LocalProtocolError("expected a password as Secret")
        text_octets(self.user_id, "user")
        text_octets(self.password.reveal(), "password", is_secret=True)

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `SP userid SP password`."""
        cursor.sp()
        user_id = parse_text(cursor)
        cursor.sp()
        return cls(user_id, Secret(parse_text(cursor)))

    def write(self, writer: Writer) -> None:
        """Write both; a trace does not see the password."""
        writer.write(b" ")
        writer.astring(text_octets(self.user_id, "user"))
        writer.write(b" ")
        writer.secret(text_octets(self.password.reveal(), "password", is_secret=True))


@final
@register_command
@dataclass(frozen=True, slots=True, eq=False)
class Append(Command):
    """APPEND: add a message to a mailbox (section 6.3.11).

    `message` is the whole message, `Streamed(size)` where its octets go through the connection in chunks, or
    a form of an extension (`AppendData`); `options` are of extensions too. A message that was received may
    hold NUL; one with NUL cannot be sent. The same moment in two zones makes two commands that are not equal.
    Several messages are a `MultiAppend`.
    """

    name: ClassVar[str] = "APPEND"
    mailbox: str
    message: AppendOctets = field(repr=False)
    flags: frozenset[str] = frozenset()
    internal_date: datetime | None = field(default=None, kw_only=True)
    options: tuple[AppendOption, ...] = field(default=(), kw_only=True)

    def __post_init__(self) -> None:
        checked = AppendMessage(self.message, self.flags, self.internal_date, options=self.options)
        object.__setattr__(self, "mailbox", check_mailbox(self.mailbox))
        object.__setattr__(self, "flags", checked.flags)
        object.__setattr__(self, "internal_date", checked.internal_date)

    @property
    def entry(self) -> AppendMessage:
        """The message with its flags, its date and its options."""
        return AppendMessage.of_parsed(self.message, self.flags, self.internal_date, self.options)

    @property
    def streamed(self) -> tuple[Streamed, ...]:
        """The literals of the message that travel in chunks, in order."""
        return self.entry.streamed

    @property
    def message_sizes(self) -> tuple[int, ...]:
        """How many octets the message has."""
        return (self.entry.size,)

    @property
    def needs(self) -> tuple[Need, ...]:
        """What the form of the message and the options need."""
        return self.entry.needs

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Append):
            return NotImplemented
        return self.mailbox == other.mailbox and self.entry == other.entry

    def __hash__(self) -> int:
        return hash((self.mailbox, self.entry))

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `SP mailbox [SP flag-list] [SP date-time] *(SP append-ext) SP append-data`."""
        cursor.sp()
        mailbox = parse_mailbox(cursor)
        return cls.of_parsed(mailbox, AppendMessage.parse(cursor))

    @classmethod
    def of_parsed(cls, mailbox: str, entry: AppendMessage) -> Self:
        """Return a command as it was read; skips validation."""
        new = cls.__new__(cls)
        object.__setattr__(new, "mailbox", mailbox)
        object.__setattr__(new, "message", entry.message)
        object.__setattr__(new, "flags", entry.flags)
        object.__setattr__(new, "internal_date", entry.internal_date)
        object.__setattr__(new, "options", entry.options)
        return new

    def write(self, writer: Writer) -> None:
        """Write the arguments, the message never as a quoted string."""
        writer.write(b" ")
        write_mailbox(writer, self.mailbox)
        self.entry.write(writer)


STREAMED_COMMANDS.add(Append.name)
