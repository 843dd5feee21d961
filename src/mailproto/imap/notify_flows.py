"""The client's procedure of NOTIFY (RFC 5465): what the server is to tell, in many mailboxes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, final

from mailproto.flow import Flow
from mailproto.imap.client_flows import run
from mailproto.imap.ext.notify import (
    FLAG_CHANGE,
    MESSAGE_EXPUNGE,
    MESSAGE_NEW,
    NOACCESS,
    EventGroup,
    Notify,
    NotifyEvent,
)
from mailproto.imap.fetch import UID
from mailproto.imap.inbox import Inboxes
from mailproto.imap.mailbox_filter import MailboxFilter
from mailproto.imap.responses import ListData, StatusData
from mailproto.imap.updates import MailboxChanged

__all__ = ["UNTIL_NOTIFY", "Notified", "notify"]

UNTIL_NOTIFY: Final = (
    EventGroup(MailboxFilter("selected-delayed"), (MESSAGE_NEW, MESSAGE_EXPUNGE, FLAG_CHANGE)),
)
"""What a server tells before the first NOTIFY (section 3.1); NOTIFY NONE would leave nothing of it."""


@final
@dataclass(frozen=True, slots=True)
class Notified:
    """What a server says to NOTIFY: numbers of the mailboxes, if it was asked for them.

    Of those in `inaccessible` no events come, since rights are missing (section 3.1).
    """

    statuses: tuple[StatusData, ...]
    inaccessible: tuple[ListData, ...]


def notify(session: Inboxes, groups: Iterable[EventGroup], *, status: bool = False) -> Flow[Notified]:
    """Have the server tell of what happens, in place of what it was told before; no groups are NOTIFY NONE.

    To the items of new messages UID is added, so that updates can name the messages.
    """
    inbox = yield from run(session, Notify(tuple(map(_with_uid, groups)), status))
    statuses: list[StatusData] = []
    inaccessible: list[ListData] = []
    for event in session.take(inbox):
        if isinstance(event, StatusData):
            statuses.append(event)
        elif isinstance(event, ListData) and NOACCESS in event.attributes:
            inaccessible.append(event)
        elif isinstance(event, ListData):
            # An event of what was asked for before.
            session.news.append(MailboxChanged(event))
    return Notified(tuple(statuses), tuple(inaccessible))


def _with_uid(group: EventGroup) -> EventGroup:
    """Return *group* with UID among the items of new messages, where they are told by FETCH or have to be."""
    if not group.mailboxes.is_selected:
        return group
    is_needed = group.mailboxes.kind == "selected"
    return replace(group, events=tuple(_naming(event, is_needed=is_needed) for event in group.events))


def _naming(event: NotifyEvent, *, is_needed: bool) -> NotifyEvent:
    is_told = event.name == MESSAGE_NEW.name and (is_needed or event.items)
    return replace(event, items=(UID, *event.items)) if is_told and UID not in event.items else event
