"""The commands of RFC 3501 (sections 6 and 9).

A command is one frozen value, sent by a client and received by a server; its `parse` and `write` stand beside
one another. Commands of extensions stand in `mailproto.imap.ext`, one file for each RFC; what all of them
have in common stands in `mailproto.imap.command`.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Generic, Self, TypeVar, cast, final

from mailproto._secret import Secret
from mailproto.errors import LocalProtocolError
from mailproto.imap.appending import AppendMessage, AppendOctets
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
    checked_atoms,
    parse_command,
    parse_text,
    register_command,
    text_octets,
    write_command,
)
from mailproto.imap.cursor import Cursor
from mailproto.imap.fetch import FetchItem, check_fetch_items, parse_fetch_items, write_fetch_items
from mailproto.imap.flags import flag_set, parse_flag, parse_flag_list, write_flag_list
from mailproto.imap.mailbox import (
    check_list_mailbox,
    check_mailbox,
    parse_list_mailbox,
    parse_mailbox,
    write_list_mailbox,
    write_mailbox,
)
from mailproto.imap.search import SearchKey, check_charset, check_key, parse_search_keys, write_search_keys
from mailproto.imap.sequence import (
    NumberSet,
    SequenceSet,
    UIDSet,
    parse_sequence_set,
    write_sequence_set,
)
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


@dataclass(frozen=True, slots=True)
class MailboxCommand(Command):
    """A command whose one argument is a mailbox."""

    mailbox: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "mailbox", check_mailbox(self.mailbox))

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `SP mailbox`."""
        cursor.sp()
        return cls(parse_mailbox(cursor))

    def write(self, writer: Writer) -> None:
        """Write the name of the mailbox."""
        writer.write(b" ")
        write_mailbox(writer, self.mailbox)


@final
@register_command
class Select(MailboxCommand):
    """SELECT: open a mailbox (section 6.3.1)."""

    __slots__ = ()
    name: ClassVar[str] = "SELECT"


@final
@register_command
class Examine(MailboxCommand):
    """EXAMINE: open a mailbox to read it only (section 6.3.2)."""

    __slots__ = ()
    name: ClassVar[str] = "EXAMINE"


@final
@register_command
class Create(MailboxCommand):
    """CREATE: make a mailbox (section 6.3.3)."""

    __slots__ = ()
    name: ClassVar[str] = "CREATE"


@final
@register_command
class Delete(MailboxCommand):
    """DELETE: remove a mailbox (section 6.3.4)."""

    __slots__ = ()
    name: ClassVar[str] = "DELETE"


@final
@register_command
class Subscribe(MailboxCommand):
    """SUBSCRIBE: add a mailbox to those that LSUB lists (section 6.3.6)."""

    __slots__ = ()
    name: ClassVar[str] = "SUBSCRIBE"


@final
@register_command
class Unsubscribe(MailboxCommand):
    """UNSUBSCRIBE: take a mailbox from those that LSUB lists (section 6.3.7)."""

    __slots__ = ()
    name: ClassVar[str] = "UNSUBSCRIBE"


@final
@register_command
@dataclass(frozen=True, slots=True)
class Rename(Command):
    """RENAME: give a mailbox a new name; of INBOX, move its messages (section 6.3.5)."""

    name: ClassVar[str] = "RENAME"
    mailbox: str
    new: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "mailbox", check_mailbox(self.mailbox))
        object.__setattr__(self, "new", check_mailbox(self.new))

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `SP mailbox SP mailbox`."""
        cursor.sp()
        mailbox = parse_mailbox(cursor)
        cursor.sp()
        return cls(mailbox, parse_mailbox(cursor))

    def write(self, writer: Writer) -> None:
        """Write the two names."""
        writer.write(b" ")
        write_mailbox(writer, self.mailbox)
        writer.write(b" ")
        write_mailbox(writer, self.new)


@dataclass(frozen=True, slots=True)
class ListCommand(Command):
    """A command that lists mailboxes below *reference* whose names match *pattern*."""

    reference: str
    pattern: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "reference", check_mailbox(self.reference))
        check_list_mailbox(self.pattern)

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `SP mailbox SP list-mailbox`."""
        cursor.sp()
        reference = parse_mailbox(cursor)
        cursor.sp()
        return cls(reference, parse_list_mailbox(cursor))

    def write(self, writer: Writer) -> None:
        """Write the reference and the pattern."""
        writer.write(b" ")
        write_mailbox(writer, self.reference)
        writer.write(b" ")
        write_list_mailbox(writer, self.pattern)


@final
@register_command
class List(ListCommand):
    """LIST: mailboxes below *reference* whose names match *pattern*, with `%` and `*` (section 6.3.8)."""

    __slots__ = ()
    name: ClassVar[str] = "LIST"


@final
@register_command
class LSub(ListCommand):
    """LSUB: as LIST, among the subscribed names (section 6.3.9)."""

    __slots__ = ()
    name: ClassVar[str] = "LSUB"


@final
@register_command
@dataclass(frozen=True, slots=True)
class Status(Command):
    """STATUS: numbers of a mailbox without selecting it (section 6.3.10); unknown items are kept."""

    name: ClassVar[str] = "STATUS"
    mailbox: str
    items: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "mailbox", check_mailbox(self.mailbox))
        object.__setattr__(self, "items", checked_atoms(self.items, "a status item"))

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `SP mailbox SP "(" status-att *(SP status-att) ")"`."""
        cursor.sp()
        mailbox = parse_mailbox(cursor)
        cursor.expect(b" (")
        items = [cursor.atom()]
        while not cursor.accept(b")"):
            cursor.sp()
            items.append(cursor.atom())
        return cls(mailbox, tuple(items))

    def write(self, writer: Writer) -> None:
        """Write the mailbox and the items."""
        writer.write(b" ")
        write_mailbox(writer, self.mailbox)
        writer.write(f" ({' '.join(self.items)})".encode("ascii"))


@final
@register_command
@dataclass(frozen=True, slots=True, eq=False)
class Append(Command):
    """APPEND: add a message to a mailbox (section 6.3.11).

    `message` is the whole message, `Streamed(size)` where its octets go through the connection in chunks, or
    a form of an extension (`AppendData`). A message that was received may hold NUL; one with NUL cannot be
    sent. The same moment in two zones makes two commands that are not equal. Several messages are a
    `MultiAppend`.
    """

    name: ClassVar[str] = "APPEND"
    mailbox: str
    message: AppendOctets = field(repr=False)
    flags: frozenset[str] = frozenset()
    internal_date: datetime | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        checked = AppendMessage(self.message, self.flags, self.internal_date)
        object.__setattr__(self, "mailbox", check_mailbox(self.mailbox))
        object.__setattr__(self, "flags", checked.flags)
        object.__setattr__(self, "internal_date", checked.internal_date)

    @property
    def entry(self) -> AppendMessage:
        """The message with its flags and its date."""
        return AppendMessage.of_parsed(self.message, self.flags, self.internal_date)

    @property
    def streamed(self) -> tuple[Streamed, ...]:
        """The literals of the message that travel in chunks, in order."""
        return self.entry.streamed

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Append):
            return NotImplemented
        return self.mailbox == other.mailbox and self.entry == other.entry

    def __hash__(self) -> int:
        return hash((self.mailbox, self.entry))

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `SP mailbox [SP flag-list] [SP date-time] SP append-data`."""
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
        return new

    def write(self, writer: Writer) -> None:
        """Write the arguments, the message never as a quoted string."""
        writer.write(b" ")
        write_mailbox(writer, self.mailbox)
        self.entry.write(writer)


STREAMED_COMMANDS.add(Append.name)

SetT = TypeVar("SetT", bound=NumberSet)


@dataclass(frozen=True, slots=True)
class SetCommand(Command, Generic[SetT]):
    """A command on messages: `sequence_set` is a `SequenceSet`, in the UID commands a `UIDSet`."""

    sequence_set: SetT
    _kind: ClassVar[type[NumberSet]]

    def __post_init__(self) -> None:
        _check_set(self.sequence_set, self._kind)

    @classmethod
    def _parse_set(cls, cursor: Cursor) -> SetT:
        cursor.sp()
        return cast("SetT", parse_sequence_set(cursor, cls._kind))

    def _write_set(self, writer: Writer) -> None:
        writer.write(b" ")
        write_sequence_set(writer, self.sequence_set)


def _check_set(numbers: object, kind: type[NumberSet]) -> None:
    if not isinstance(numbers, kind):
        raise LocalProtocolError(f"expected a {kind.__name__}, got {type(numbers).__name__}")
    if not numbers:
        raise LocalProtocolError(f"expected a {kind.__name__} that is not empty")


@dataclass(frozen=True, slots=True)
class _FetchCommand(SetCommand[SetT]):
    items: tuple[FetchItem[object], ...]

    def __post_init__(self) -> None:
        SetCommand.__post_init__(self)
        object.__setattr__(self, "items", check_fetch_items(self.items))

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `SP sequence-set SP` and a macro, a `fetch-att`, or a list of them."""
        numbers = cls._parse_set(cursor)
        cursor.sp()
        return cls(numbers, parse_fetch_items(cursor))

    def write(self, writer: Writer) -> None:
        """Write the set and the items."""
        self._write_set(writer)
        writer.write(b" ")
        write_fetch_items(writer, self.items)


@final
@register_command
class Fetch(_FetchCommand[SequenceSet]):
    """FETCH: items of messages (section 6.4.5). Macros come as the items that they stand for."""

    __slots__ = ()
    name: ClassVar[str] = "FETCH"
    _kind = SequenceSet


@final
@register_command
class UIDFetch(_FetchCommand[UIDSet]):
    """UID FETCH: items of messages by UID (section 6.4.8)."""

    __slots__ = ()
    name: ClassVar[str] = "UID FETCH"
    _kind = UIDSet


class StoreAction(enum.Enum):
    """What STORE does with the flags; the value is the sign on the wire."""

    REPLACE = ""
    ADD = "+"
    REMOVE = "-"


# store-att-flags = (["+" / "-"] "FLAGS" [".SILENT"]) SP (flag-list / (flag *(SP flag)))
_STORE_ITEM = re.compile(rb"([+-]?)FLAGS(\.SILENT)?(?= )", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _StoreCommand(SetCommand[SetT]):
    action: StoreAction
    flags: frozenset[str]
    silent: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        SetCommand.__post_init__(self)
        if not isinstance(self.action, StoreAction):
            raise LocalProtocolError(f"expected a StoreAction, got {type(self.action).__name__}")
        object.__setattr__(self, "flags", flag_set(self.flags))

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `SP sequence-set SP store-att-flags`."""
        numbers = cls._parse_set(cursor)
        cursor.sp()
        sign, silent = cursor.expect_match(_STORE_ITEM, "FLAGS, +FLAGS or -FLAGS").groups()
        cursor.sp()
        action = StoreAction(sign.decode("ascii"))
        return cls(numbers, action, _parse_flags(cursor), silent=silent is not None)

    def write(self, writer: Writer) -> None:
        """Write the set, the item and the flags in parentheses."""
        self._write_set(writer)
        suffix = ".SILENT" if self.silent else ""
        writer.write(f" {self.action.value}FLAGS{suffix} ".encode("ascii"))
        write_flag_list(writer, self.flags)


def _parse_flags(cursor: Cursor) -> frozenset[str]:
    if cursor.peek() == b"(":
        return parse_flag_list(cursor)
    flags = [parse_flag(cursor)]
    while cursor.accept(b" "):
        flags.append(parse_flag(cursor))
    return frozenset(flags)


@final
@register_command
class Store(_StoreCommand[SequenceSet]):
    """STORE: change flags (section 6.4.6); `silent` asks for no FETCH responses."""

    __slots__ = ()
    name: ClassVar[str] = "STORE"
    _kind = SequenceSet


@final
@register_command
class UIDStore(_StoreCommand[UIDSet]):
    """UID STORE: change flags by UID (section 6.4.8)."""

    __slots__ = ()
    name: ClassVar[str] = "UID STORE"
    _kind = UIDSet


@dataclass(frozen=True, slots=True)
class ToMailboxCommand(SetCommand[SetT]):
    """A command that brings messages to another mailbox."""

    mailbox: str

    def __post_init__(self) -> None:
        SetCommand.__post_init__(self)
        object.__setattr__(self, "mailbox", check_mailbox(self.mailbox))

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `SP sequence-set SP mailbox`."""
        numbers = cls._parse_set(cursor)
        cursor.sp()
        return cls(numbers, parse_mailbox(cursor))

    def write(self, writer: Writer) -> None:
        """Write the set and the mailbox."""
        self._write_set(writer)
        writer.write(b" ")
        write_mailbox(writer, self.mailbox)


@final
@register_command
class Copy(ToMailboxCommand[SequenceSet]):
    """COPY: add messages to the end of a mailbox (section 6.4.7)."""

    __slots__ = ()
    name: ClassVar[str] = "COPY"
    _kind = SequenceSet


@final
@register_command
class UIDCopy(ToMailboxCommand[UIDSet]):
    """UID COPY: add messages, by UID, to the end of a mailbox (section 6.4.8)."""

    __slots__ = ()
    name: ClassVar[str] = "UID COPY"
    _kind = UIDSet


@dataclass(frozen=True, slots=True)
class _SearchCommand(Command):
    key: SearchKey
    charset: str | None = None

    def __post_init__(self) -> None:
        check_key(self.key)
        object.__setattr__(self, "charset", check_charset(self.key, self.charset))

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `[SP "CHARSET" SP astring] 1*(SP search-key)`."""
        return cls(*parse_search_keys(cursor))

    def write(self, writer: Writer) -> None:
        """Write the charset, if there is one, and the keys."""
        write_search_keys(writer, self.key, self.charset)


@final
@register_command
class Search(_SearchCommand):
    """SEARCH: the messages that *key* matches (section 6.4.4).

    `charset` is in upper case; None is US-ASCII, and becomes UTF-8 if the key has other text. In a charset
    that is not in `mailproto.imap.search.CHARSETS` the text of a received key is bytes.
    """

    __slots__ = ()
    name: ClassVar[str] = "SEARCH"


@final
@register_command
class UIDSearch(_SearchCommand):
    """UID SEARCH: as SEARCH, answered with UIDs (section 6.4.8)."""

    __slots__ = ()
    name: ClassVar[str] = "UID SEARCH"
