"""What happens in the selected mailbox and in others, as updates without IO, by what the server offers.

NOTIFY (RFC 5465) tells of all of them; IDLE (RFC 2177) of the selected one, so that STATUS of the others is
asked for now and then; a server without IDLE is asked by NOOP. With NOTIFY the connection idles too: then
messages that are gone are told at once, and sequence numbers stay certain between two updates, since that is
what SELECTED-DELAYED means.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Iterable
from math import inf
from typing import Final, final

from mailproto.errors import IMAPStatusError, LocalProtocolError, MailProtoError
from mailproto.flow import Flow
from mailproto.imap.capability import Capabilities
from mailproto.imap.client_flows import list_mailboxes, mailbox_status, noop, run
from mailproto.imap.ext.idle import Idle
from mailproto.imap.ext.notify import (
    FLAG_CHANGE,
    MAILBOX_NAME,
    MESSAGE_EXPUNGE,
    MESSAGE_NEW,
    SUBSCRIPTION_CHANGE,
    EventGroup,
    Notify,
    NotifyEvent,
)
from mailproto.imap.fetch import UID, FetchItem, check_fetch_items, needs_of_items
from mailproto.imap.fetching import Items
from mailproto.imap.idling import REISSUE, Idling, take_news
from mailproto.imap.inbox import Inboxes
from mailproto.imap.mailbox import check_mailbox
from mailproto.imap.mailbox_filter import MailboxFilter
from mailproto.imap.needs import reason_against
from mailproto.imap.notify_flows import UNTIL_NOTIFY, notify
from mailproto.imap.responses import ListData, StatusData
from mailproto.imap.updates import MailboxChanged, Update

__all__ = ["INTERVAL", "Watching"]

INTERVAL: Final = 60.0
"""Seconds after which a server that does not tell by itself is asked again."""

_STATUS_ITEMS: Final = ("MESSAGES", "UIDNEXT", "UIDVALIDITY", "UNSEEN")
_OTHER_EVENTS: Final = (MESSAGE_NEW, MESSAGE_EXPUNGE, FLAG_CHANGE, MAILBOX_NAME, SUBSCRIPTION_CHANGE)
_GONE: Final = frozenset({"\\NonExistent"})


@final
class Watching:
    """Updates of the selected mailbox, and of *mailboxes*. `ready` holds those that have come.

    *items* are wanted of each new message in the selected mailbox. A server without NOTIFY is asked for the
    STATUS of *mailboxes* every *interval* seconds, one without IDLE for what is new in the selected one.
    """

    __slots__ = (
        "_before",
        "_groups",
        "_idling",
        "_interval",
        "_is_told",
        "_items",
        "_known",
        "_mailboxes",
        "_next_look",
        "_session",
        "ready",
    )

    def __init__(
        self,
        session: Inboxes,
        mailboxes: Iterable[str] = (),
        items: Iterable[Items] = (),
        interval: float = INTERVAL,
    ) -> None:
        if not interval > 0:
            raise LocalProtocolError(f"expected an interval of more than 0 seconds, got {interval}")
        self._session = session
        self._mailboxes = tuple(dict.fromkeys(map(check_mailbox, mailboxes)))
        self._items = tuple(item for item in _flat(items) if item != UID)
        self._interval = interval
        self._idling = Idling(session)
        self._groups: tuple[EventGroup, ...] = ()
        self._before: tuple[EventGroup, ...] | None = None
        self._is_told = False
        self._known: dict[str, StatusData | None] = {}
        self._next_look = inf
        self.ready: deque[Update] = self._idling.ready

    def open(self) -> Flow[None]:
        """Begin. Raises LocalProtocolError if no mailbox is selected and none is named, and for the items."""
        session = self._session
        if session.conn.view is None and not self._mailboxes:
            raise LocalProtocolError("expected a selected mailbox, or names of others")
        offered = session.conn.capabilities or Capabilities()
        needs = (need for need in needs_of_items(self._items) if need.capabilities)
        reason = reason_against(needs, offered, session.conn.enabled)
        if reason is not None:
            raise LocalProtocolError(f"items of new messages: {reason}")
        session.wanted_of_new = self._items
        try:
            yield from self._begin()
        except MailProtoError:
            session.wanted_of_new = ()
            yield from self._give_up()
            raise
        except BaseException:
            session.wanted_of_new = ()
            raise

    def _begin(self) -> Flow[None]:
        session = self._session
        # Of what the server has told already it sends nothing again.
        self.ready.extend((yield from take_news(session)))
        if self._offers("NOTIFY"):
            yield from self._notify()
        if not self._is_told:
            yield from self._look_at_others(is_first=True)
        self._next_look = session.sharing.now() + self._period
        if self._may_idle:
            yield from self._idling.open()

    def _offers(self, capability: str) -> bool:
        return capability in (self._session.conn.capabilities or ())

    def _notify(self) -> Flow[None]:
        """Ask to be told; a server that refuses that is asked by the other ways."""
        event = NotifyEvent(MESSAGE_NEW.name, (UID, *self._items))
        # Without IDLE nothing but SELECTED has messages that are gone told at once.
        kind = MailboxFilter("selected-delayed" if self._offers("IDLE") else "selected")
        groups = [EventGroup(kind, (event, MESSAGE_EXPUNGE, FLAG_CHANGE))]
        if self._mailboxes:
            groups.append(EventGroup(MailboxFilter("mailboxes", self._mailboxes), _OTHER_EVENTS))
        before = self._session.conn.notifications
        try:
            notified = yield from notify(self._session, groups)
        except IMAPStatusError:
            return
        self._before, self._groups, self._is_told = before, tuple(groups), True
        self.ready.extend(map(MailboxChanged, notified.inaccessible))

    @property
    def _may_idle(self) -> bool:
        """Whether IDLE is offered, and would tell something."""
        return self._offers("IDLE") and (self._is_told or self._session.conn.view is not None)

    @property
    def _period(self) -> float:
        """Seconds after which something is to be asked."""
        if self._is_told:
            # RFC 3501 section 5.4: a server may log out who says nothing for 30 minutes.
            return inf if self._may_idle else REISSUE
        return inf if self._may_idle and not self._mailboxes else self._interval

    def fill(self, timeout: float | None = None) -> Flow[bool]:
        """Wait until there is an update in `ready`; False if *timeout*, in seconds, passes first."""
        session = self._session
        now = session.sharing.now
        end = inf if timeout is None else now() + timeout
        while not self.ready:
            if session.news:
                self.ready.extend((yield from take_news(session)))
                continue
            if self._is_told and not session.conn.notifications:
                self._is_told, self._next_look = False, now()
            if self._next_look <= min(now(), end):
                yield from self._look()
            elif end <= now():
                return False
            else:
                yield from self._wait(min(end, self._next_look) - now())
        return True

    def _wait(self, seconds: float) -> Flow[None]:
        """Wait for an update, or until *seconds* have passed."""
        limit = None if seconds == inf else seconds
        if self._may_idle:
            try:
                yield from self._idling.fill(limit)
            except IMAPStatusError as error:
                if error.command == Idle.name:
                    yield from self._give_up()
                raise
        else:
            session = self._session
            yield from session.wait_until(lambda: bool(session.news), limit)

    def _look(self) -> Flow[None]:
        """Ask for what the server does not tell by itself."""
        self._next_look = self._session.sharing.now() + self._period
        if not self._may_idle:
            yield from noop(self._session)
        if not self._is_told:
            yield from self._look_at_others()

    def _look_at_others(self, *, is_first: bool = False) -> Flow[None]:
        """Ask for the STATUS of the other mailboxes, and note what is not as it was."""
        for mailbox in self._mailboxes:
            if mailbox == self._session.place[0]:
                # RFC 3501 section 6.3.10: not of the selected one.
                continue
            data = yield from self._status(mailbox)
            if not is_first and data != self._known.get(mailbox):
                self.ready.append(MailboxChanged(data or ListData(_GONE, None, mailbox)))
            self._known[mailbox] = data

    def _status(self, mailbox: str) -> Flow[StatusData | None]:
        """Return the numbers of *mailbox*, None if there is no such mailbox."""
        try:
            return (yield from mailbox_status(self._session, mailbox, _STATUS_ITEMS))
        except IMAPStatusError as error:
            if (yield from self._is_there(mailbox, error)):
                raise
            return None

    def _is_there(self, mailbox: str, refusal: IMAPStatusError) -> Flow[bool]:
        """Return whether there is a mailbox whose STATUS was refused; without a code nobody can tell."""
        if refusal.code is not None:
            return refusal.code_name != "NONEXISTENT"
        listed = yield from list_mailboxes(self._session, "", mailbox)
        return any(data.mailbox == mailbox and not data.attributes & _GONE for data in listed)

    def close(self) -> Flow[None]:
        """End it, and have the server tell what it told before."""
        session = self._session
        session.wanted_of_new = ()
        yield from self._idling.close()
        yield from self._tell_as_before()

    def _tell_as_before(self) -> Flow[None]:
        session = self._session
        if self._is_told and session.error is None and session.conn.notifications == self._groups:
            self._is_told = False
            yield from run(session, Notify(UNTIL_NOTIFY if self._before is None else self._before))

    def _give_up(self) -> Flow[None]:
        """Have the server tell what it told before, if it can be asked; who calls has an error to raise."""
        conn = self._session.conn
        oldest = conn.pending[:1]
        with contextlib.suppress(MailProtoError):
            # What failed may have been one command too many in flight.
            yield from self._session.wait_until(lambda: not oldest or conn.pending[:1] != oldest)
            yield from self._tell_as_before()


def _flat(items: Iterable[Items]) -> tuple[FetchItem[object], ...]:
    """Return the items, each once; a macro is several."""
    every = (item for one in items for item in (one if isinstance(one, tuple) else (one,)))
    found = tuple(dict.fromkeys(every))
    return check_fetch_items(found) if found else ()
