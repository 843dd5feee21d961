"""NOTIFY: be told of changes in many mailboxes, at any time, without IDLE (RFC 5465).

A client says once what it wants to know of which mailboxes. In the selected one the server then sends EXISTS,
FETCH and EXPUNGE whenever something happens; of the others it sends STATUS, LIST and METADATA.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Final, Self, TypeVar, final

from mailproto.errors import LocalProtocolError
from mailproto.imap.codes import ResponseCode, SimpleCode, register_code
from mailproto.imap.command import Command, checked_atom, register_command, several
from mailproto.imap.cursor import Cursor
from mailproto.imap.fetch import (
    FetchItem,
    check_fetch_items,
    needs_of_items,
    parse_fetch_items,
    write_item_list,
)
from mailproto.imap.mailbox_data import register_list_attributes
from mailproto.imap.mailbox_filter import MailboxFilter, parse_mailbox_filter, write_mailbox_filter
from mailproto.imap.needs import Need
from mailproto.imap.writer import Writer

__all__ = [
    "ANNOTATION_CHANGE",
    "FLAG_CHANGE",
    "MAILBOX_METADATA_CHANGE",
    "MAILBOX_NAME",
    "MESSAGE_EXPUNGE",
    "MESSAGE_NEW",
    "NOACCESS",
    "NOTIFICATIONOVERFLOW",
    "SERVER_METADATA_CHANGE",
    "SUBSCRIPTION_CHANGE",
    "BadEventCode",
    "EventGroup",
    "Notify",
    "NotifyEvent",
    "items_of_new",
    "watches_selected",
]

NOACCESS: Final = "\\NoAccess"
"""In an answer of LIST: of this mailbox no events are told, since the rights are missing (section 3.1)."""
register_list_attributes(NOACCESS)

NOTIFICATIONOVERFLOW: Final = SimpleCode("NOTIFICATIONOVERFLOW")
"""That is too much to be told of: in NO, the command is refused; in an untagged OK, nothing is told any more
(section 5.8)."""

ValueT = TypeVar("ValueT")

_MESSAGE_EVENTS: Final = ("MessageNew", "MessageExpunge", "FlagChange", "AnnotationChange")
_OTHER_EVENTS: Final = (
    "MailboxName",
    "SubscriptionChange",
    "MailboxMetadataChange",
    "ServerMetadataChange",
)
_SPELLING: Final = {name.upper(): name for name in (*_MESSAGE_EVENTS, *_OTHER_EVENTS)}
_MET_TOGETHER: Final = frozenset({"MessageNew", "MessageExpunge"})
_NEED_BOTH: Final = frozenset({"FlagChange", "AnnotationChange"})


def _checked_event(name: object) -> str:
    upper = checked_atom(name, "the name of an event")
    return _SPELLING.get(upper, upper)


@final
@dataclass(frozen=True, slots=True)
class NotifyEvent:
    """What can happen (section 5): a known name as the RFC spells it, another one in upper case.

    `items` are what the server sends of a new message in the selected mailbox; only MessageNew has them.
    """

    name: str
    items: tuple[FetchItem[object], ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", _checked_event(self.name))
        if self.name == "NONE":
            raise LocalProtocolError("NONE: expected no events in its place")
        if self.items:
            object.__setattr__(self, "items", check_fetch_items(self.items))
            if self.name != "MessageNew":
                raise LocalProtocolError(f"{self.name}: expected items with MessageNew only")

    # event           = message-event / mailbox-event / user-event / event-ext
    # message-event   = ("MessageNew" [SP "(" fetch-att *(SP fetch-att) ")"]) / "MessageExpunge" / ...
    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `event`."""
        name = cursor.atom()
        start = cursor.position
        if name.upper() == "MESSAGENEW" and cursor.accept(b" ("):
            cursor.position = start + 1
            return cls(name, parse_fetch_items(cursor))
        return cls(name)

    def write(self, writer: Writer) -> None:
        """Write the name, and the items if there are any."""
        writer.atom(self.name)
        if self.items:
            writer.write(b" ")
            write_item_list(writer, self.items)


MESSAGE_NEW: Final = NotifyEvent("MessageNew")
"""A message has come: EXISTS and FETCH in the selected mailbox, STATUS of another one (section 5.2)."""
MESSAGE_EXPUNGE: Final = NotifyEvent("MessageExpunge")
"""A message is gone: EXPUNGE or VANISHED, or STATUS (section 5.3)."""
FLAG_CHANGE: Final = NotifyEvent("FlagChange")
"""Flags are others now: FETCH, or STATUS (section 5.1)."""
ANNOTATION_CHANGE: Final = NotifyEvent("AnnotationChange")
"""Annotations of a message are others now: FETCH, or STATUS (section 5.1)."""
MAILBOX_NAME: Final = NotifyEvent("MailboxName")
"""A mailbox was made, deleted or renamed: LIST (section 5.4)."""
SUBSCRIPTION_CHANGE: Final = NotifyEvent("SubscriptionChange")
"""A mailbox was subscribed or unsubscribed: LIST (section 5.5)."""
MAILBOX_METADATA_CHANGE: Final = NotifyEvent("MailboxMetadataChange")
"""Annotations of a mailbox are others now: METADATA (section 5.6)."""
SERVER_METADATA_CHANGE: Final = NotifyEvent("ServerMetadataChange")
"""Annotations of the server are others now: METADATA (section 5.7)."""


@final
@dataclass(frozen=True, slots=True)
class EventGroup:
    """Some mailboxes, and what to tell of them; no events stand for NONE.

    MessageNew and MessageExpunge go together, FlagChange and AnnotationChange with both; of the selected
    mailbox there are events of messages only, and only there MessageNew has items (section 8).
    """

    mailboxes: MailboxFilter
    events: tuple[NotifyEvent, ...] = ()

    def __post_init__(self) -> None:
        if self.mailboxes.kind == "subtree-one":
            raise LocalProtocolError("subtree-one: expected a filter of NOTIFY (RFC 5465 section 8)")
        object.__setattr__(self, "events", _checked_events(self.events, self.mailboxes))

    @property
    def names(self) -> frozenset[str]:
        """The names of its events."""
        return frozenset(event.name for event in self.events)

    # event-group     = "(" filter-mailboxes SP events ")"
    # events          = ("(" event *(SP event) ")") / "NONE"
    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `event-group`."""
        cursor.expect(b"(")
        mailboxes = parse_mailbox_filter(cursor)
        cursor.sp()
        events: list[NotifyEvent] = []
        if not cursor.accept_word(b"NONE"):
            cursor.expect(b"(")
            events.append(NotifyEvent.parse(cursor))
            while not cursor.accept(b")"):
                cursor.sp()
                events.append(NotifyEvent.parse(cursor))
        cursor.expect(b")")
        return cls(mailboxes, tuple(events))

    def write(self, writer: Writer) -> None:
        """Write the filter and the events in parentheses."""
        writer.write(b"(")
        write_mailbox_filter(writer, self.mailboxes)
        for index, event in enumerate(self.events):
            writer.write(b" " if index else b" (")
            event.write(writer)
        writer.write(b"))" if self.events else b" NONE)")


def _all_of(kind: type[ValueT], values: object) -> tuple[ValueT, ...]:
    """Return *values* as a tuple. Raises LocalProtocolError unless all of them are of *kind*."""
    checked = tuple(values) if isinstance(values, Iterable) else ()
    if not isinstance(values, Iterable) or not all(isinstance(value, kind) for value in checked):
        raise LocalProtocolError(f"expected several of {kind.__name__}, got {str(values)[:40]!r}")
    return checked


def _checked_events(events: object, mailboxes: MailboxFilter) -> tuple[NotifyEvent, ...]:
    checked = _all_of(NotifyEvent, events)
    names = {event.name for event in checked}
    if len(names) != len(checked):
        raise LocalProtocolError("expected each event once")
    if names & _MET_TOGETHER and not names >= _MET_TOGETHER:
        raise LocalProtocolError("expected both of MessageNew and MessageExpunge (RFC 5465 section 5)")
    if names & _NEED_BOTH and not names >= _MET_TOGETHER:
        raise LocalProtocolError(f"{min(names & _NEED_BOTH)}: expected MessageNew and MessageExpunge too")
    if mailboxes.is_selected and not names.isdisjoint(_OTHER_EVENTS):
        raise LocalProtocolError(f"{mailboxes.kind}: expected events of messages only")
    if not mailboxes.is_selected and any(event.items for event in checked):
        raise LocalProtocolError("MessageNew: expected items for the selected mailbox only")
    return checked


@final
@register_command
@dataclass(frozen=True, slots=True)
class Notify(Command):
    """NOTIFY SET: tell of these events from now on, in place of what was asked for before; () is NOTIFY NONE.

    `status` asks for the STATUS of each mailbox first, where it is not the selected one (section 3.1).
    """

    name: ClassVar[str] = "NOTIFY"
    groups: tuple[EventGroup, ...] = ()
    status: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "groups", _all_of(EventGroup, self.groups))
        if self.status and not self.groups:
            raise LocalProtocolError("NOTIFY NONE: expected no STATUS")
        if sum(group.mailboxes.is_selected for group in self.groups) > 1:
            raise LocalProtocolError("expected the selected mailbox once (RFC 5465 section 6.1)")

    # notify          = "NOTIFY" SP (notify-set / notify-none)
    # notify-set      = "SET" [SP "STATUS"] SP event-groups
    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `SP ("SET" [SP "STATUS"] 1*(SP event-group) / "NONE")`."""
        cursor.sp()
        if cursor.accept_word(b"NONE"):
            return cls()
        start = cursor.position
        if not cursor.accept_word(b"SET"):
            raise cursor.error("SET or NONE", start)
        status = cursor.accept_word(b" STATUS")
        cursor.sp()
        groups = [EventGroup.parse(cursor)]
        while cursor.accept(b" "):
            groups.append(EventGroup.parse(cursor))
        return cls(tuple(groups), status)

    def write(self, writer: Writer) -> None:
        """Write SET with the groups, or NONE."""
        if not self.groups:
            writer.write(b" NONE")
            return
        writer.write(b" SET STATUS" if self.status else b" SET")
        for group in self.groups:
            writer.write(b" ")
            group.write(writer)

    @property
    def needs(self) -> tuple[Need, ...]:
        """What the items of new messages need."""
        events = (event for group in self.groups for event in group.events)
        return tuple(need for event in events for need in needs_of_items(event.items))

    @property
    def answers(self) -> tuple[str, ...]:
        """LIST, of a mailbox that may not be looked into; STATUS, if it asks for that."""
        return ("LIST", "STATUS") if self.status else ("LIST",)


def items_of_new(groups: Iterable[EventGroup]) -> tuple[FetchItem[object], ...]:
    """Return what is sent of a new message in the selected mailbox, behind its EXISTS (section 5.2)."""
    events = (event for group in groups if group.mailboxes.is_selected for event in group.events)
    return next((event.items for event in events if event.name == MESSAGE_NEW.name), ())


def watches_selected(groups: Iterable[EventGroup]) -> frozenset[str]:
    """Return the names of the events that are told of the selected mailbox as soon as they happen.

    With MessageExpunge among them a message may be gone at any time, so sequence numbers are not certain
    (section 4). What is told of with a delay (SELECTED-DELAYED) is not among them.
    """
    chosen = (group for group in groups if group.mailboxes.kind == "selected")
    return frozenset(name for group in chosen for name in group.names)


@final
@register_code
@dataclass(frozen=True, slots=True)
class BadEventCode(ResponseCode):
    """BADEVENT: there are no such events; `events` are the names of those that there are (section 3.1).

    Dovecot leaves the parentheses out, which is a defect, and names the events that it does not have.
    """

    name: ClassVar[str] = "BADEVENT"
    events: tuple[str, ...]

    def __post_init__(self) -> None:
        names = several(self.events, "names of events")
        object.__setattr__(self, "events", tuple(map(_checked_event, names)))
        if not self.events:
            raise LocalProtocolError("expected an event or more, got none")

    # unsupported-events-code = "BADEVENT" SP "(" event-name *(SP event-name) ")"
    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `SP "(" event-name *(SP event-name) ")"`, with or without the parentheses."""
        cursor.sp()
        is_list = cursor.accept(b"(")
        if not is_list:
            cursor.defect("events in parentheses")
        names = [cursor.atom()]
        while cursor.accept(b" "):
            names.append(cursor.atom())
        if is_list:
            cursor.expect(b")")
        return cls(tuple(names))

    def write(self, writer: Writer) -> None:
        """Write the names in parentheses."""
        writer.write(b" (")
        for index, name in enumerate(self.events):
            writer.write(b" " if index else b"")
            writer.atom(name)
        writer.write(b")")
