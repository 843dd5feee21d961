"""The commands on messages: FETCH, STORE, COPY and their UID forms (RFC 3501 sections 6.4.5 to 6.4.8)."""

from __future__ import annotations

import enum
import re
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar, Final, Generic, Protocol, Self, TypeVar, cast, final

from mailproto.errors import LocalProtocolError
from mailproto.imap.command import Command, register_command
from mailproto.imap.cursor import Cursor
from mailproto.imap.fetch import (
    BodySection,
    FetchItem,
    NamedItem,
    check_fetch_items,
    needs_of_items,
    parse_fetch_items,
    write_fetch_items,
    write_item_list,
)
from mailproto.imap.flags import flag_set, parse_flag, parse_flag_list, write_flag_list
from mailproto.imap.mailbox import check_mailbox, parse_mailbox, write_mailbox
from mailproto.imap.needs import Need
from mailproto.imap.parameters import FETCH_MODIFIERS, STORE_MODIFIERS, Parameters, needs_of
from mailproto.imap.sequence import (
    NumberSet,
    SequenceSet,
    UIDSet,
    parse_sequence_set,
    write_sequence_set,
)
from mailproto.imap.writer import Writer

__all__ = [
    "Copy",
    "Fetch",
    "STORE_ITEMS",
    "SetCommand",
    "Store",
    "StoreAction",
    "StoreActionCommand",
    "StoreCommand",
    "ToMailboxCommand",
    "UIDCopy",
    "UIDFetch",
    "UIDStore",
    "register_store",
]

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

    @property
    def needs(self) -> tuple[Need, ...]:
        """What the set and the modifiers need."""
        return self.sequence_set.needs + needs_of(self.options)


def _check_set(numbers: object, kind: type[NumberSet]) -> None:
    if not isinstance(numbers, kind):
        raise LocalProtocolError(f"expected a {kind.__name__}, got {type(numbers).__name__}")
    if not numbers:
        raise LocalProtocolError(f"expected a {kind.__name__} that is not empty")


@dataclass(frozen=True, slots=True)
class _FetchCommand(SetCommand[SetT]):
    items: tuple[FetchItem[object], ...]
    modifiers: Parameters = field(default=(), kw_only=True)

    def __post_init__(self) -> None:
        SetCommand.__post_init__(self)
        object.__setattr__(self, "items", check_fetch_items(self.items))
        object.__setattr__(self, "modifiers", FETCH_MODIFIERS.check(self.modifiers, self.name))

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `SP sequence-set SP`, a macro, a `fetch-att` or a list of them, and `[fetch-modifiers]`."""
        numbers = cls._parse_set(cursor)
        cursor.sp()
        items = parse_fetch_items(cursor)
        return cls(numbers, items, modifiers=FETCH_MODIFIERS.accept(cursor))

    def write(self, writer: Writer) -> None:
        """Write the set, the items and the modifiers."""
        self._write_set(writer)
        writer.write(b" ")
        if self.modifiers and not isinstance(self.items[0], NamedItem | BodySection):
            # Behind an item that may have arguments of its own the modifiers would look like these.
            write_item_list(writer, self.items)
        else:
            write_fetch_items(writer, self.items)
        FETCH_MODIFIERS.write_any(writer, self.modifiers)

    @property
    def options(self) -> Parameters:
        """The modifiers."""
        return self.modifiers

    @property
    def needs(self) -> tuple[Need, ...]:
        """What the set, the items and the modifiers need."""
        return self.sequence_set.needs + needs_of_items(self.items) + needs_of(self.modifiers)


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


_STORE_ITEM: Final = re.compile(rb"([+-]?)([A-Z0-9-]+)", re.IGNORECASE)
_SILENT: Final = re.compile(rb"\.SILENT(?= )", re.IGNORECASE)

STORE_ITEMS: Final[dict[tuple[str, str], Callable[[Cursor, NumberSet, Parameters], Command]]] = {}
"""Name of the command and of the item that it changes -> what reads all from the item on."""


class _StoreClass(Protocol):
    name: ClassVar[str]
    item: ClassVar[str]

    @classmethod
    def parse(cls, cursor: Cursor) -> Command: ...

    @classmethod
    def parse_item(cls, cursor: Cursor, numbers: NumberSet, modifiers: Parameters) -> Command: ...


_StoreClassT = TypeVar("_StoreClassT", bound=_StoreClass)


def register_store(command: type[_StoreClassT]) -> type[_StoreClassT]:
    """Add the row of *command*, a form of STORE or UID STORE, to `STORE_ITEMS`; a class decorator."""
    STORE_ITEMS[command.name, command.item] = command.parse_item
    return command


@dataclass(frozen=True, slots=True)
class StoreCommand(SetCommand[SetT]):
    """A STORE of whatever item: what stands before it in the command (RFC 4466 section 2.5).

    `capability` is what a server must offer for the item, "" if it is the flags.
    """

    name: ClassVar[str]
    item: ClassVar[str]
    capability: ClassVar[str] = ""
    modifiers: Parameters = field(default=(), kw_only=True)

    def __post_init__(self) -> None:
        SetCommand.__post_init__(self)
        object.__setattr__(self, "modifiers", STORE_MODIFIERS.check(self.modifiers, self.name))

    @classmethod
    def parse(cls, cursor: Cursor) -> Command:
        """Read `SP sequence-set [store-modifiers] SP`, and the form of the item that stands there."""
        numbers = cls._parse_set(cursor)
        modifiers = STORE_MODIFIERS.accept(cursor)
        cursor.sp()
        start = cursor.position
        item = cursor.expect_match(_STORE_ITEM, "an item to store")[2].decode("ascii").upper()
        cursor.position = start
        parse_item = STORE_ITEMS.get((cls.name, item))
        if parse_item is None:
            raise cursor.error("an item that can be stored", start)
        return parse_item(cursor, numbers, modifiers)

    def write(self, writer: Writer) -> None:
        """Write the set, the modifiers, and the item with what is stored."""
        self._write_set(writer)
        STORE_MODIFIERS.write_any(writer, self.modifiers)
        writer.write(b" ")
        self.write_item(writer)

    @property
    def needs(self) -> tuple[Need, ...]:
        """What the item, the set and the modifiers need."""
        own = (Need(self.item, (self.capability,)),) if self.capability else ()
        return (*own, *self.sequence_set.needs, *needs_of(self.modifiers))

    @abstractmethod
    def write_item(self, writer: Writer) -> None:
        """Write the item and what is stored."""

    @property
    def options(self) -> Parameters:
        """The modifiers."""
        return self.modifiers


@dataclass(frozen=True, slots=True)
class StoreActionCommand(StoreCommand[SetT]):
    """A STORE that replaces, adds or removes; `silent` asks for no FETCH responses."""

    action: StoreAction
    silent: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        StoreCommand.__post_init__(self)
        if not isinstance(self.action, StoreAction):
            raise LocalProtocolError(f"expected a StoreAction, got {type(self.action).__name__}")

    @classmethod
    def _parse_action(cls, cursor: Cursor) -> tuple[StoreAction, bool]:
        """Read `(["+" / "-"] item [".SILENT"]) SP`."""
        sign = cursor.expect_match(_STORE_ITEM, cls.item)[1]
        is_silent = cursor.accept_match(_SILENT) is not None
        cursor.sp()
        return StoreAction(sign.decode("ascii")), is_silent

    def _write_action(self, writer: Writer) -> None:
        suffix = ".SILENT" if self.silent else ""
        writer.write(f"{self.action.value}{self.item}{suffix} ".encode("ascii"))


@dataclass(frozen=True, slots=True)
class _StoreFlags(StoreActionCommand[SetT]):
    item: ClassVar[str] = "FLAGS"
    flags: frozenset[str]

    def __post_init__(self) -> None:
        StoreActionCommand.__post_init__(self)
        object.__setattr__(self, "flags", flag_set(self.flags))

    # store-att-flags = (["+" / "-"] "FLAGS" [".SILENT"]) SP (flag-list / (flag *(SP flag)))
    @classmethod
    def parse_item(cls, cursor: Cursor, numbers: NumberSet, modifiers: Parameters) -> Self:
        """Read `store-att-flags`."""
        action, is_silent = cls._parse_action(cursor)
        flags = _parse_flags(cursor)
        return cls(cast("SetT", numbers), action, flags, silent=is_silent, modifiers=modifiers)

    def write_item(self, writer: Writer) -> None:
        """Write the item, and the flags in parentheses."""
        self._write_action(writer)
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
@register_store
class Store(_StoreFlags[SequenceSet]):
    """STORE: change flags (section 6.4.6); `silent` asks for no FETCH responses."""

    __slots__ = ()
    name: ClassVar[str] = "STORE"
    _kind = SequenceSet


@final
@register_command
@register_store
class UIDStore(_StoreFlags[UIDSet]):
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
