"""What happens in the selected mailbox, as updates without IO: IDLE (RFC 2177), and what NOOP brings.

The server tells how many messages there are; the UIDs of new ones are asked for between two IDLEs.
"""

from __future__ import annotations

from collections import deque
from math import inf
from typing import Final, final

from mailproto.errors import IMAPStatusError, LocalProtocolError
from mailproto.flow import Flow, Flush
from mailproto.imap import search
from mailproto.imap.answers import Inbox
from mailproto.imap.client_flows import noop, raise_refusal, run, uid_search
from mailproto.imap.commands import Command, Fetch, UIDSearch
from mailproto.imap.ext.idle import Idle
from mailproto.imap.ext.uidonly import UIDONLY
from mailproto.imap.fetch import UID
from mailproto.imap.fetch_data import FetchData
from mailproto.imap.inbox import Inboxes
from mailproto.imap.responses import ExistsData
from mailproto.imap.sequence import STAR, SequenceSet, UIDSet
from mailproto.imap.updates import Expunged, NewMessages, Update, Vanished

__all__ = ["Idling", "poll", "take_news"]

REISSUE: Final = 28 * 60.0
"""Seconds after which IDLE is issued anew: RFC 2177 says before 29 minutes."""

_UID_ONLY: Final = frozenset({"UID"})


def poll(session: Inboxes) -> Flow[tuple[Update, ...]]:
    """Send NOOP and return all updates since the last ones were taken."""
    yield from noop(session)
    return tuple((yield from take_news(session)))


def take_news(session: Inboxes) -> Flow[list[Update]]:
    """Return the updates that have come; for new messages their UIDs are asked for, which ends an IDLE."""
    if any(isinstance(event, ExistsData) for event in session.news):
        # Until nothing is in progress that lets the server expunge, sequence numbers are not certain.
        yield from session.wait_to_send(_question(session))
    updates, first_new = _read(session)
    if first_new is not None:
        ask = _new_messages_by_uid if _is_by_uid(session) else _new_messages
        new = yield from ask(session, first_new)
        updates += () if new is None else (new,)
    return updates


def _is_by_uid(session: Inboxes) -> bool:
    return UIDONLY in session.conn.enabled


def _question(session: Inboxes) -> Command:
    """Return a command as it is asked for UIDs with."""
    return UIDSearch(_uids_from(1)) if _is_by_uid(session) else Fetch(SequenceSet("1"), (UID,))


def _uids_from(first: int) -> search.UID:
    return search.UID(UIDSet.from_ranges(((first, STAR - 1),)))


def _read(session: Inboxes) -> tuple[list[Update], int | None]:
    """Return the updates that need no asking, and the number of the first new message if there is one."""
    updates: list[Update] = []
    first_new: int | None = None
    while session.news:
        event = session.news.popleft()
        if isinstance(event, ExistsData):
            if first_new is None and event.count > session.known_exists:
                first_new = session.known_exists + 1
            session.known_exists = event.count
            continue
        updates.append(event)
        if isinstance(event, Expunged):
            session.known_exists = max(0, session.known_exists - 1)
            if first_new is not None and event.sequence_number < first_new:
                first_new -= 1
        elif isinstance(event, Vanished):
            # Where they stood is not known; that it was below the new ones makes sure that none is missed.
            session.known_exists = max(0, session.known_exists - len(event.uids))
            if first_new is not None:
                first_new = max(1, first_new - len(event.uids))
    return updates, first_new if first_new is not None and first_new <= session.known_exists else None


def _new_messages(session: Inboxes, first: int) -> Flow[NewMessages | None]:
    exists = session.known_exists
    numbers = SequenceSet.from_ranges(((first, exists),))
    try:
        inbox = yield from run(session, Fetch(numbers, (UID,)), _UID_ONLY)
    except IMAPStatusError:
        return NewMessages(UIDSet(), exists)
    uids = [event.uid for event in session.take(inbox) if isinstance(event, FetchData)]
    return NewMessages(UIDSet.of(uids), exists)


def _new_messages_by_uid(session: Inboxes, first: int) -> Flow[NewMessages | None]:
    """Ask for UIDs where there are no numbers (RFC 9586): as many of the new ones as EXISTS has told of.

    New messages have greater UIDs than all before. Where nothing says from which UID on, the server is asked
    for all of them, whose places among these are their numbers. None if they are gone again.
    """
    exists, view = session.known_exists, session.conn.view
    lowest = max(session.newest_uid + 1, (view.uid_next if view is not None else None) or 1)
    try:
        found = yield from uid_search(session, (_uids_from(lowest),))
    except IMAPStatusError:
        return NewMessages(UIDSet(), exists)
    new = found.last(max(0, len(found) - (first - 1 if lowest == 1 else 0)))
    new = next(new.slices(exists - first + 1), new)
    if not new:
        return None
    session.newest_uid = new.merged[-1][1]
    return NewMessages(new, exists)


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
