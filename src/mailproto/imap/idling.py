"""What happens in the selected mailbox, as updates without IO: IDLE (RFC 2177), and what NOOP brings.

The server tells how many messages there are; the UIDs of new ones are asked for between two IDLEs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from math import inf
from typing import Final, final

from mailproto.errors import IMAPStatusError, LocalProtocolError
from mailproto.flow import Flow, Flush
from mailproto.imap import search
from mailproto.imap._weight import weight
from mailproto.imap.answers import Inbox
from mailproto.imap.client_flows import noop, raise_refusal, uid_search
from mailproto.imap.commands import Command, Fetch, UIDFetch, UIDSearch
from mailproto.imap.ext.idle import Idle
from mailproto.imap.ext.uidonly import UIDONLY
from mailproto.imap.fetch import UID
from mailproto.imap.fetch_data import FetchData
from mailproto.imap.inbox import Inboxes
from mailproto.imap.responses import ExistsData
from mailproto.imap.sequence import STAR, SequenceSet, UIDSet
from mailproto.imap.status import Bad, No
from mailproto.imap.updates import (
    Expunged,
    NewMessages,
    News,
    Update,
    Vanished,
    abridged,
    flags_changed,
)

__all__ = ["Idling", "poll", "take_news"]

REISSUE: Final = 28 * 60.0
"""Seconds after which IDLE is issued anew: RFC 2177 says before 29 minutes."""

MAX_TOLD: Final = 1_000
"""New messages that are told of at once, of which more than the UID is asked for."""

_UID_ONLY: Final = frozenset({UID.key})


def poll(session: Inboxes) -> Flow[tuple[Update, ...]]:
    """Send NOOP and return all updates since the last ones were taken."""
    yield from noop(session)
    return tuple((yield from take_news(session)))


def take_news(session: Inboxes) -> Flow[list[Update]]:
    """Return the updates that have come.

    Of new messages of which the server did not tell it by itself the UIDs are asked for, which ends an IDLE.
    """
    can_ask = session.conn.has_certain_numbers or _is_by_uid(session)
    if can_ask and any(isinstance(event, ExistsData) for event in session.news):
        # Until nothing is in progress that lets the server expunge, sequence numbers are not certain.
        yield from session.wait_to_send(_question(session))
    reading = _Reading(session)
    first, exists = reading.first_unknown, session.known_exists
    if first is None:
        return reading.updates
    if not can_ask:
        return [*reading.updates, NewMessages(UIDSet(), exists)]
    ask = _new_messages_by_uid if _is_by_uid(session) else _new_messages
    new = yield from ask(session, first, exists)
    return reading.updates if new is None else [*reading.updates, new]


def _is_by_uid(session: Inboxes) -> bool:
    return UIDONLY in session.conn.enabled


def _question(session: Inboxes) -> Command:
    """Return a command as it is asked for UIDs with."""
    return UIDSearch(_uids_from(1)) if _is_by_uid(session) else Fetch(SequenceSet("1"), (UID,))


def _uids_from(first: int) -> search.UID:
    return search.UID(UIDSet.from_ranges(((first, STAR - 1),)))


class _Reading:
    """The news of a session are taken, and said in `updates`."""

    def __init__(self, session: Inboxes) -> None:
        self._session = session
        self._arrived: list[FetchData] = []
        self.updates: list[Update] = []
        self._first: int | None = None
        while session.news:
            self._read(session.news.popleft())
        self._tell_arrived()

    @property
    def first_unknown(self) -> int | None:
        """The number of the first new message whose UID is not known; None: there is none."""
        is_there = self._first is not None and self._first <= self._session.known_exists
        return self._first if is_there else None

    def _read(self, event: News) -> None:
        if isinstance(event, ExistsData):
            self._read_exists(event.count)
        elif isinstance(event, FetchData):
            self._read_fetch(event)
        else:
            self._tell_arrived()
            self.updates.append(event)
            if isinstance(event, Expunged):
                self._remove(event.sequence_number)
            elif isinstance(event, Vanished):
                # Where they stood is not known; if it was below the new ones, none of these is missed.
                self._remove(1, len(event.uids))

    def _read_exists(self, count: int) -> None:
        session = self._session
        if self._first is None and count > session.known_exists:
            self._first = session.known_exists + 1
        session.known_exists = count

    def _read_fetch(self, data: FetchData) -> None:
        """Take what the server tells of a new message by itself (RFC 5465 section 5.2), or flags."""
        session, number = self._session, data.sequence_number
        if number == self._first:
            self._first += 1
            self._arrived.append(data)
        elif number > session.known_exists:
            session.known_exists = number
            self._arrived.append(data)
        elif (changed := flags_changed(data, session.conn.view)) is not None:
            self.updates.append(changed)

    def _tell_arrived(self) -> None:
        if self._arrived:
            view = self._session.conn.view
            exists = view.exists if view is not None and view.exists is not None else 0
            self.updates.append(_told(self._arrived, max(exists, self._session.known_exists)))
            self._arrived = []

    def _remove(self, number: int, count: int = 1) -> None:
        session = self._session
        if number <= session.known_exists:
            session.known_exists = max(0, session.known_exists - count)
        if self._first is not None and number < self._first:
            self._first = max(1, self._first - count)


def _told(messages: Sequence[FetchData], exists: int) -> NewMessages:
    """Return the update of messages of which the UID has come, and maybe more than that."""
    is_more = any(not _UID_ONLY.issuperset(data.keys) for data in messages)
    return NewMessages(UIDSet.of(data.uid for data in messages), exists, tuple(messages) if is_more else ())


def _new_messages(session: Inboxes, first: int, exists: int) -> Flow[NewMessages | None]:
    """Ask for the UIDs of the messages from *first* on, and for what else is wanted of new ones."""
    wanted = session.wanted_of_new if exists - first < MAX_TOLD else ()
    numbers = SequenceSet.from_ranges(((first, exists),))
    messages = yield from _fetch_new(session, Fetch(numbers, (UID, *wanted)))
    return NewMessages(UIDSet(), exists) if messages is None else _told(messages, exists)


def _fetch_new(session: Inboxes, command: Fetch | UIDFetch) -> Flow[list[FetchData] | None]:
    """Return what is told of new messages, within `max_backlog`; None if the server refuses."""
    messages: list[FetchData] = []
    octets = 0
    inbox = yield from session.send(command, keys=frozenset(item.key for item in command.items))
    while inbox.status is None or inbox.events:
        yield from session.wait(inbox)
        for data in session.take(inbox):
            if isinstance(data, FetchData) and UID in data:
                octets += weight(data)
                messages.append(data if octets <= session.limits.max_backlog else abridged(data))
    return None if isinstance(inbox.status, No | Bad) else messages


def _new_messages_by_uid(session: Inboxes, first: int, exists: int) -> Flow[NewMessages | None]:
    """Ask for UIDs where there are no numbers (RFC 9586): as many of the new ones as EXISTS has told of.

    New messages have greater UIDs than all before. Where nothing says from which UID on, the server is asked
    for all of them, whose places among these are their numbers. None if they are gone again.
    """
    lowest = session.lowest_new_uid
    try:
        found = yield from uid_search(session, (_uids_from(lowest),))
    except IMAPStatusError:
        return NewMessages(UIDSet(), exists)
    new = found.last(max(0, len(found) - (first - 1 if lowest == 1 else 0)))
    new = next(new.slices(exists - first + 1), new)
    if not new:
        return None
    session.newest_uid = new.merged[-1][1]
    wanted = session.wanted_of_new if len(new) <= MAX_TOLD else ()
    messages = (yield from _fetch_new(session, UIDFetch(new, (UID, *wanted)))) if wanted else None
    return NewMessages(new, exists, tuple(messages or ()))


@final
class Idling:
    """Updates of the selected mailbox as they come. `ready` holds those that have come.

    IDLE is issued anew when a command of another flow, or of the same between two updates, has ended it.
    """

    __slots__ = ("_begun", "_inbox", "_session", "ready")

    def __init__(self, session: Inboxes) -> None:
        self._session = session
        self._inbox: Inbox | None = None
        self._begun = 0.0
        self.ready: deque[Update] = deque()

    def open(self) -> Flow[None]:
        """Begin. Raises LocalProtocolError if the server does not offer IDLE."""
        if "IDLE" not in (self._session.conn.capabilities or ()):
            raise LocalProtocolError("IDLE: the server does not offer it; use poll")
        yield from self._begin()
        # The server is to know it now, not when somebody looks for updates.
        yield Flush()

    def _begin(self) -> Flow[Inbox]:
        inbox = self._inbox = yield from self._session.send(Idle())
        self._begun = self._session.sharing.now()
        return inbox

    def fill(self, timeout: float | None = None) -> Flow[bool]:
        """Wait until there is an update in `ready`; False if *timeout*, in seconds, passes first."""
        session = self._session
        now = session.sharing.now
        end = inf if timeout is None else now() + timeout
        while not self.ready:
            if session.news:
                self.ready.extend((yield from take_news(session)))
                continue
            inbox = yield from self._idle(None if timeout is None else max(0.0, end - now()))
            if inbox is None:
                return False
            reissue = self._begun + REISSUE
            is_done = yield from session.wait_until(
                lambda inbox=inbox: bool(session.news) or inbox.status is not None,  # type: ignore[misc]  # bound now
                max(0.0, min(end, reissue) - now()),
            )
            if not is_done:
                if end <= reissue:
                    return False
                self._end()
        return True

    def _idle(self, timeout: float | None) -> Flow[Inbox | None]:
        """Issue IDLE if it is not in progress, and return its inbox; None if *timeout* seconds pass first."""
        inbox = self._inbox
        if inbox is not None and inbox.status is not None:
            raise_refusal(inbox)
            inbox = None
        if inbox is None or not self._session.conn.is_idling:
            if inbox is not None and not (
                yield from self._session.wait(inbox, is_whole=True, timeout=timeout)
            ):
                return None
            inbox = yield from self._begin()
        return inbox

    def _end(self) -> None:
        conn = self._session.conn
        if conn.is_idling and self._inbox is not None and self._inbox.status is None:
            conn.send_done()

    def close(self) -> Flow[None]:
        """End IDLE and wait until the server has said so."""
        inbox = self._inbox
        if inbox is None or inbox.status is not None or self._session.error is not None:
            return
        self._end()
        yield from self._session.wait(inbox, is_whole=True)
