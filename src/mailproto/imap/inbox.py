"""Sharing one IMAP connection between commands: what belongs to whom, and who reads.

There is no background reader. Whoever waits for a result drives the reading, and puts each event into the
inbox of the command that it answers: completions by tag, untagged data by the table of
`mailproto.imap.state`, FETCH responses by number and items too. What answers nobody is news of the mailbox.

All is without IO: the flows here yield instructions, and a `Sharing` of the adapter supplies the waiting.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import dropwhile
from math import inf
from typing import Final, cast, final

from mailproto.errors import (
    ConnectionClosed,
    ConnectionTimeout,
    LocalProtocolError,
    RemoteProtocolError,
    URLValue,
)
from mailproto.flow import Call, Flow, Flush, Receive, Received, Wake
from mailproto.imap._response import DataValue, NamedValues
from mailproto.imap._weight import Bounded, weight
from mailproto.imap.annotating import reason_against_annotations
from mailproto.imap.answers import ExchangeInbox, FetchInbox, Inbox
from mailproto.imap.capability import Capabilities
from mailproto.imap.client import ClientEvent, IMAPClientConnection
from mailproto.imap.commands import Close, Command, Examine, Select, SetCommand
from mailproto.imap.events import (
    CommandCompleted,
    ConnectionLost,
    ContinuationRequested,
    LiteralData,
    LiteralEnded,
    LiteralStarted,
    LiteralWanted,
    Unchecked,
)
from mailproto.imap.ext.appendlimit import append_limit
from mailproto.imap.ext.convert import ConvertedData
from mailproto.imap.ext.esearch import ESearchData
from mailproto.imap.ext.metadata import MetadataChangedData, MetadataData
from mailproto.imap.ext.notify import NOTIFICATIONOVERFLOW, EventGroup, Notify, items_of_new
from mailproto.imap.ext.qresync import VanishedData
from mailproto.imap.ext.uidonly import UIDONLY, UIDFetchData
from mailproto.imap.ext.unauthenticate import Unauthenticate
from mailproto.imap.ext.unselect import Unselect
from mailproto.imap.ext.urlauth import URLFetchData
from mailproto.imap.fetch import UID, FetchItem, ItemValue
from mailproto.imap.fetch_data import FetchData
from mailproto.imap.kept_literals import KeptLiterals
from mailproto.imap.live_results import LiveSearches
from mailproto.imap.needs import reason_against
from mailproto.imap.numbering import Numbering
from mailproto.imap.responses import (
    DataResponse,
    ExistsData,
    ExpungeData,
    ListData,
    StatusData,
    UnreadResponse,
)
from mailproto.imap.sharing import Sharing, Solitary, Waiter
from mailproto.imap.state import row_of
from mailproto.imap.status import Bad, Bye, No, Ok, PreAuth
from mailproto.imap.updates import (
    Alert,
    MailboxChanged,
    News,
    NotificationsStopped,
    abridged,
    annotations_changed,
    news_of,
)
from mailproto.limits import IMAPLimits
from mailproto.wants import Wants

__all__ = ["Hold", "Inboxes"]

MAX_NEWS: Final = 10_000
"""News that are kept while nobody asks for them, if they take no more memory than `max_backlog` octets."""

MAX_ALERTS: Final = 100
"""Alerts that are kept; beyond that the oldest are forgotten."""

_ALSO_NEWS: Final = frozenset({"EXISTS", "EXPUNGE", "FETCH"})
"""Responses that are news even though `exchange` collects them."""

_LEAVING: Final = (Select, Examine, Close, Unselect, Unauthenticate)
"""The commands that leave the selected mailbox."""

_FLUSH: Final = Flush()


@final
@dataclass(frozen=True, slots=True, eq=False)
class _Wait:
    """A flow that waits for another one: until when, and whether it would read itself."""

    waiter: Waiter
    owner: object
    is_over: Callable[[], bool]
    may_read: bool


@final
@dataclass(frozen=True, slots=True, eq=False)
class Hold:
    """A mailbox that is to stay selected, and for whom."""

    owner: object
    mailbox: str


@final
class Inboxes:
    """The inboxes of one client connection, and the rules of who reads and who waits.

    `news` holds what the responses say that answer no command, the latest last, and `known_exists` the number
    of messages as of what was taken from it; `newest_uid` is the greatest one of those that were told as new
    since the mailbox was selected, 0 if none was; `wanted_of_new` is what is asked for of new ones beside the
    UID. `alerts` are the texts that the user is to read (ALERT, RFC 3501 section 7.1), and `referrals` the
    servers that the last OK with REFERRAL named (RFC 2221 section 4.1). `searches` are those that the server
    keeps up to date. `error` is what ended the session. `wake` is set when a command is sent while another
    flow reads, which waits from then on for an answer.
    """

    def __init__(
        self,
        conn: IMAPClientConnection,
        limits: IMAPLimits | None = None,
        sharing: Sharing | None = None,
    ) -> None:
        self.conn = conn
        self.limits: IMAPLimits = limits or IMAPLimits()
        self.sharing: Sharing = sharing or Solitary()
        self.news: Bounded[News] = Bounded(MAX_NEWS, self.limits.max_backlog)
        self.known_exists: int = 0
        self.newest_uid: int = 0
        self.wanted_of_new: tuple[FetchItem[object], ...] = ()
        self.alerts: deque[str] = deque(maxlen=MAX_ALERTS)
        self.referrals: tuple[URLValue, ...] = ()
        self.searches: LiveSearches = LiveSearches(self.limits)
        self.error: ConnectionClosed | RemoteProtocolError | None = None
        self.wake: Wake | None = None
        self._bye: Bye | None = None
        self._open: dict[str, Inbox] = {}
        self._fetching: list[FetchInbox] = []
        self._is_reading = False
        self._full: Inbox | None = None
        self._exclusive: Inbox | None = None
        self._holds: list[Hold] = []
        self._numberings: list[Numbering] = []
        # Responses that moved sequence numbers.
        self._moment = 0
        self._literals = KeptLiterals(self.limits)
        self._waits: list[_Wait] = []

    # Sending.

    def send(
        self, command: Command, *, keys: frozenset[str] = frozenset(), is_exclusive: bool = False
    ) -> Flow[Inbox]:
        """Send *command* once it may be sent, and return its inbox.

        *keys* names the items that answer it, if FETCH responses do. With *is_exclusive* it has the
        connection to itself until `release`, or until it is completed. An IDLE in progress is ended first.
        Raises LocalProtocolError, which names it, if the server lacks a capability that it needs, for
        sequence numbers after ENABLE UIDONLY, or if it has said that a message is too large for it.
        """
        if self._reason_against(command) is not None:
            # What the server offers may have come and not been looked at.
            self.pump()
            if (reason := self._reason_against(command)) is not None:
                raise LocalProtocolError(f"{command.name}: {reason}")
        yield from self.wait_to_send(command)
        while is_exclusive and (rival := self._rival(keys)) is not None:
            yield from self.wait(rival, is_whole=True)
            yield from self.wait_to_send(command)
        tag = self.conn.send_command(command)
        owner = self.sharing.owner()
        if keys and isinstance(command, SetCommand):
            inbox: Inbox = FetchInbox(tag, command, owner, keys)
        else:
            inbox = Inbox(tag, command, owner)
        if is_exclusive:
            self._exclusive = inbox
        return self._add(inbox)

    def _reason_against(self, command: Command) -> str | None:
        """Say why the server would refuse *command*; what no module knows is the caller's business."""
        offered = self.conn.capabilities or Capabilities()
        capability = row_of(command.name).capability
        if capability and not offered.offers(capability):
            return f"the server does not offer {capability}"
        needs = (need for need in command.needs if need.capabilities)
        return (
            reason_against(needs, offered, self.conn.enabled)
            or _reason_of_size(command, offered)
            or self._reason_of_annotations(command)
        )

    def _reason_of_annotations(self, command: Command) -> str | None:
        """Say which annotation the selected mailbox does not take, as far as the server has told."""
        view = self.conn.view
        if view is None or view.annotations is None or self.leaving is not None:
            return None
        return reason_against_annotations(command, view.mailbox, view.annotations)

    def send_exchange(self, command: Command | bytes) -> Flow[Inbox]:
        """Send *command*, or octets as they are; its inbox takes all that answers no other command."""
        yield from self.wait_to_send(command if isinstance(command, Command) else None)
        owner = self.sharing.owner()
        if isinstance(command, Command):
            return self._add(ExchangeInbox(self.conn.send_command(command), command, owner))
        return self._add(ExchangeInbox(self.conn.send_unchecked(command), Unchecked(command), owner))

    def wait_to_send(self, command: Command | None) -> Flow[None]:
        """Wait until *command* may be sent; None stands for octets. Ends an IDLE that is in progress.

        Raises LocalProtocolError, before it ends anything, if the session has no sequence numbers and
        *command* has.
        """
        reason = None if command is None else self.conn.reason_against_number(command)
        if reason is not None:
            raise LocalProtocolError(reason)
        yield from self._wait_for_turn(command)
        self._end_idle()
        while command is not None and self._open and self.conn.conflict(command) is not None:
            oldest = next(iter(self._open.values()))
            yield from self.wait(oldest, is_whole=True)
            yield from self._wait_for_turn(command)
            self._end_idle()
        self.check()

    def _rival(self, keys: frozenset[str]) -> FetchInbox | None:
        """Return a FETCH in progress for the same item of other messages: its octets would look alike."""
        return next((inbox for inbox in self._fetching if inbox.asks_for(keys)), None)

    def _wait_for_turn(self, command: Command | None) -> Flow[None]:
        """Wait until nobody has the connection to itself, or holds the mailbox that *command* leaves."""
        while True:
            yield from self._wait_for_access()
            if not isinstance(command, _LEAVING) or self._may_leave(command):
                return
            yield from self._wait_for_mailbox(command)

    def _end_idle(self) -> None:
        if self.conn.is_idling:
            self.conn.send_done()

    def _add(self, inbox: Inbox) -> Inbox:
        self._open[inbox.tag] = inbox
        if self._is_reading and self.wake is not None:
            self.wake.set()
        if isinstance(inbox, FetchInbox):
            self._fetching.append(inbox)
        return inbox

    def check(self) -> None:
        """Raise ConnectionClosed, or ConnectionTimeout, if the session has ended, from what ended it."""
        error = self.error
        if isinstance(error, ConnectionClosed):
            kind = ConnectionTimeout if isinstance(error, ConnectionTimeout) else ConnectionClosed
            raise kind(str(error), phase=error.phase, status=error.status) from error
        if error is not None:
            raise ConnectionClosed(str(error), phase="read") from error

    # Exclusive use: downloads, streamed messages, held mailboxes.

    def _wait_for_access(self) -> Flow[None]:
        """Wait until nobody has the connection to itself; the one who has it gets LocalProtocolError."""
        while (exclusive := self._exclusive) is not None:
            if exclusive.owner is self.sharing.owner():
                raise LocalProtocolError(
                    f"{exclusive.name}: what is open has the connection to itself; end it"
                )
            if self.sharing.is_live(exclusive.owner):
                yield from self._wait(lambda: self._exclusive is None)
            else:
                self.drain(exclusive)

    def release(self, inbox: Inbox) -> None:
        """End the exclusive use by *inbox*, if it has that."""
        if self._exclusive is inbox:
            self._exclusive = None
            self._wake()

    @property
    def leaving(self) -> Inbox | None:
        """The last command in progress that leaves the selected mailbox."""
        leaving = [inbox for inbox in self._open.values() if isinstance(inbox.command, _LEAVING)]
        return leaving[-1] if leaving else None

    def hold(self, mailbox: str) -> Hold:
        """Hold *mailbox*, for the one who asks: until `let_go` no other one is selected."""
        hold = Hold(self.sharing.owner(), mailbox)
        self._holds.append(hold)
        return hold

    def let_go(self, hold: Hold) -> None:
        """End *hold*; doing it again does nothing."""
        self._holds = [other for other in self._holds if other is not hold]
        self._wake()

    @property
    def place(self) -> tuple[str, int | None]:
        """The mailbox in which what is sent now is carried out, and its UIDVALIDITY if that is known."""
        leaving = self.leaving
        if leaving is not None:
            return getattr(leaving.command, "mailbox", ""), None
        view = self.conn.view
        return ("", None) if view is None else (view.mailbox, view.uid_validity)

    def follow(self) -> Numbering:
        """Return what is told of every message that goes, until `unfollow`."""
        numbering = Numbering(self._moment)
        self._numberings.append(numbering)
        return numbering

    def unfollow(self, numbering: Numbering) -> None:
        """Tell *numbering* nothing any more; doing it again does nothing."""
        self._numberings = [other for other in self._numberings if other is not numbering]

    def _wait_for_mailbox(self, command: Command) -> Flow[None]:
        if any(hold.owner is self.sharing.owner() for hold in self._holds):
            raise LocalProtocolError(f"{command.name}: the mailbox is held; end that first")
        yield from self._wait(lambda: self._may_leave(command))

    def _may_leave(self, command: Command) -> bool:
        """Whether *command*, which leaves the mailbox, leaves none that is held."""
        self._holds = [hold for hold in self._holds if self.sharing.is_live(hold.owner)]
        mailbox = getattr(command, "mailbox", None)
        return all(hold.mailbox == mailbox for hold in self._holds)

    # Waiting and reading.

    def wait(self, inbox: Inbox, *, is_whole: bool = False, timeout: float | None = None) -> Flow[bool]:
        """Wait until *inbox* has something to take; with *is_whole*, until its command is completed.

        Returns False if *timeout*, in seconds, passes first. What ends the session is raised here, in every
        flow that waits.
        """
        if is_whole:
            return (yield from self.wait_until(lambda: inbox.status is not None, timeout, inbox))
        return (yield from self.wait_until(lambda: inbox.is_ready, timeout, inbox))

    def wait_until(
        self, is_over: Callable[[], bool], timeout: float | None = None, inbox: Inbox | None = None
    ) -> Flow[bool]:
        """Wait until *is_over*, by reading, or by waiting for the flow that reads."""
        self.pump()
        deadline = inf if timeout is None else self.sharing.now() + timeout
        while not is_over():
            self.check()
            if not self._is_reading:
                if not (yield from self._read(is_over, deadline)):
                    return False
            elif deadline <= self.sharing.now():
                return False
            else:
                self._check_not_blocking(inbox)
                yield _FLUSH
                if not is_over() and self.is_being_read:
                    yield from self._wait(is_over, deadline, may_read=True)
        return True

    def _until(self, deadline: float) -> float | None:
        """Return how many seconds are left; None: there is no end."""
        return None if deadline == inf else max(0.0, deadline - self.sharing.now())

    @property
    def is_being_read(self) -> bool:
        """Whether a flow holds the reading."""
        return self._is_reading

    def _check_not_blocking(self, inbox: Inbox | None) -> None:
        """Raise LocalProtocolError if the reader waits for the very one who is about to wait for it."""
        full = self._full
        if full is not None and full is not inbox and full.owner is self.sharing.owner():
            raise self._too_much(full)

    def _too_much(self, full: Inbox) -> LocalProtocolError:
        return LocalProtocolError(
            f"{full.name}: more than {self.limits.max_backlog} octets have come for it and nobody takes them"
        )

    def _read(self, is_over: Callable[[], bool], deadline: float) -> Flow[bool]:
        """Read until *is_over*, then hand the reading on. Returns False if the time passed."""
        self._is_reading = True
        try:
            while not is_over():
                if self._full is not None:
                    yield from self._wait_for_room(self._full)
                elif self.conn.wants is Wants.CLOSED:
                    raise self._closed()
                elif (yield Receive(self._until(deadline), self.wake)) is Received.TIMED_OUT:
                    return False
                self.pump()
                self.check()
        except (RemoteProtocolError, ConnectionClosed) as error:
            self._fail(error)
            raise
        finally:
            self._is_reading = False
            self._wake()
            self._hand_on()
        return True

    def _closed(self) -> ConnectionClosed:
        reason = f": {self._bye.text}" if self._bye is not None else ""
        return ConnectionClosed(f"the server closed the connection{reason}", phase="read", status=self._bye)

    def _wait_for_room(self, full: Inbox) -> Flow[None]:
        """Wait until the owner of *full* has taken what is there."""
        if full.owner is self.sharing.owner():
            raise self._too_much(full)
        if not self.sharing.is_live(full.owner):
            self.drain(full)
            return
        for wait in self._waits:
            if wait.owner is full.owner:
                wait.waiter.set()
        yield from self._wait(lambda: self._full is not full)

    def _wait(
        self, is_over: Callable[[], bool], deadline: float = inf, *, may_read: bool = False
    ) -> Flow[None]:
        wait = _Wait(self.sharing.waiter(), self.sharing.owner(), is_over, may_read)
        self._waits.append(wait)
        try:
            yield Call(wait.waiter.wait, (self._until(deadline),))
        finally:
            self._waits.remove(wait)
            if not self._is_reading:
                self._hand_on()

    def _wake(self) -> None:
        """Wake the flows whose wait is over."""
        for wait in self._waits:
            if wait.is_over():
                wait.waiter.set()

    def _hand_on(self) -> None:
        """Wake one flow that may read now."""
        for wait in self._waits:
            if wait.may_read:
                wait.waiter.set()
                return

    def take(self, inbox: Inbox) -> list[ClientEvent]:
        """Return what has come for *inbox*; a reader that waited for room goes on."""
        events = inbox.take()
        if self._full is inbox:
            self._full = None
            self._wake()
        return events

    def drain(self, inbox: Inbox) -> None:
        """Throw away what has come and will come for *inbox*; its command stays in progress."""
        inbox.is_drained = True
        self.take(inbox)
        self.release(inbox)

    # Routing.

    def pump(self) -> None:
        """Put every event that can be had without reading where it belongs, until an inbox is full.

        Those who wait are woken only if there was one: looking at all of them takes its time.
        """
        try:
            # Compressed, what comes in one read may be hundreds of times as much.
            is_counting = len(self._open) > 1 or self.conn.is_compressed
            has_routed = self._pump_counting() if is_counting else self._pump()
        except RemoteProtocolError as error:
            self._fail(error)
            raise
        if has_routed and self._waits:
            self._wake()

    def _pump(self) -> bool:
        """Route all events; what they took counts for the one command in progress, if there is one.

        Returns whether there were any.
        """
        conn = self.conn
        next_event = conn.next_event
        before = conn.unread
        has_routed = False
        while self._full is None:
            if self._fetching and (fetched := conn.next_fetched()):
                self._route_fetched(fetched)
            elif (event := next_event()) is not None:
                _ROUTES.get(type(event), _route_other)(self, event)
            else:
                break
            has_routed = True
        for inbox in self._open.values():
            self._count(inbox, before - conn.unread)
        return has_routed

    def _pump_counting(self) -> bool:
        """The same, with octets counted for the inbox that an event went to."""
        conn = self.conn
        before = conn.unread
        has_routed = False
        while self._full is None and (event := conn.next_event()) is not None:
            inbox = _ROUTES.get(type(event), _route_other)(self, event)
            has_routed = True
            left = conn.unread
            if inbox is not None:
                self._count(inbox, before - left)
            before = left
        return has_routed

    def _count(self, inbox: Inbox, octets: int) -> None:
        if inbox.events and octets > 0:
            inbox.octets += octets
            if inbox.octets > self.limits.max_backlog:
                self._full = inbox

    def _route_data(self, event: ClientEvent) -> Inbox | None:
        return self._route_named(cast(DataResponse, event).name, event)

    def _route_named(self, name: str, event: ClientEvent) -> Inbox | None:
        """Give *event* to the first command that it answers, else to `exchange`, else it is news."""
        collecting = None
        for inbox in self._open.values():
            if isinstance(inbox, ExchangeInbox):
                collecting = collecting or inbox
            elif inbox.claims(name, event):
                inbox.put(event)
                return inbox
        for inbox in self._open.values():
            if inbox.claims_instead(name):
                inbox.put(event)
                return inbox
        if collecting is not None:
            collecting.put(event)
        if collecting is None or name in _ALSO_NEWS:
            self._note(event)
        return collecting

    def _route_values(self, event: ClientEvent) -> Inbox | None:
        return self._route_data(self._literals.put_into_values(cast(NamedValues, event)))

    def _route_converted(self, event: ClientEvent) -> Inbox | None:
        return self._route_data(self._literals.put_into_converted(cast(ConvertedData, event)))

    def _route_unread(self, event: ClientEvent) -> Inbox | None:
        """Route what cannot be read; what was streamed of it must not get into the next response."""
        self._literals.forget()
        return self._route_unasked(event)

    def _route_unasked(self, event: ClientEvent) -> Inbox | None:
        """Route what answers no command, whatever its name."""
        return self._route_named("", event)

    def _route_search(self, event: ClientEvent) -> Inbox | None:
        self.searches.apply(cast(ESearchData, event))
        return self._route_data(event)

    def _route_expunge(self, event: ClientEvent) -> Inbox | None:
        number = cast(ExpungeData, event).sequence_number
        self._moment += 1
        self.searches.expunge(number)
        for inbox in self._fetching:
            inbox.expunge(number)
        for numbering in self._numberings:
            numbering.expunge(number)
        routed = self._route_data(event)
        self._let_go_of_many()
        return routed

    def _let_go_of_many(self) -> None:
        """Let what waits for its rest be what it is, where that is a lot and the messages move."""
        for inbox in self._fetching:
            if inbox.has_many_waiting:
                self._let_go(inbox)

    def _let_go(self, inbox: FetchInbox) -> None:
        for data in inbox.let_go():
            self._note(data)

    def _route_vanished(self, event: ClientEvent) -> Inbox | None:
        """Give what vanished earlier to the command that asked, and tell what vanishes now."""
        vanished = cast(VanishedData, event)
        if vanished.is_earlier:
            return self._route_data(event)
        self._moment += 1
        self.searches.vanish()
        for inbox in self._fetching:
            inbox.vanish(vanished.uids)
        for numbering in self._numberings:
            numbering.expunge(None)
        collecting = next((inbox for inbox in self._open.values() if isinstance(inbox, ExchangeInbox)), None)
        if collecting is not None:
            collecting.put(event)
        self._note(event)
        self._let_go_of_many()
        return collecting

    def _route_status(self, event: ClientEvent) -> Inbox | None:
        status = cast("Ok | No | Bad | Bye | PreAuth", event)
        if isinstance(status, Bye):
            self._bye = status
        self.searches.note(status)
        answered = self._answered_by(status)
        if answered is not None:
            answered.put_status(status)
        self._heed(status)
        if status.code == NOTIFICATIONOVERFLOW or (
            status.code_name != "ALERT" and answered is None and isinstance(status, No | Bad)
        ):
            self._note(status)
        return answered

    def _heed(self, status: Ok | No | Bad | Bye | PreAuth) -> None:
        """Keep what *status* says to the user, or of other servers, whatever it answers."""
        if status.code_name == "ALERT":
            self.alerts.append(status.text)
            self._note(status)
        elif isinstance(status, Ok) and status.code is not None and status.code.referrals:
            self.referrals = status.code.referrals

    def _answered_by(self, status: Ok | No | Bad | Bye | PreAuth) -> Inbox | None:
        for name in (status.code_name or status.name, status.name):
            for inbox in self._open.values():
                if inbox.claims(name, status):
                    return inbox
        return None

    def _route_fetch(self, event: ClientEvent) -> Inbox | None:
        data: FetchData = event  # type: ignore[assignment]  # by the table; cast() is a call for each message
        if self._literals.are_kept:
            data = self._literals.put_into_fetch(data)
        fetching = self._fetching
        is_alone = len(fetching) == 1
        view = self.conn.view
        changed = annotations_changed(data, view)
        if changed is not None:
            self.news.append(changed)
        uid = None if is_alone or view is None else view.known_uid(data)
        for inbox in fetching:
            if inbox.offer(data, uid, is_alone=is_alone):
                if inbox.waiting > self.limits.max_backlog:
                    self._let_go(inbox)
                if UID in data and data.number > self.known_exists and self.is_told_of_new:
                    # It may be told of a new message as well.
                    self._note(data)
                return inbox
        return self._route_named("FETCH", data)

    def _route_fetched(self, fetched: list[FetchData]) -> None:
        """Route FETCH responses while one FETCH alone is in progress: at once if they are its answers."""
        (inbox,) = self._fetching
        is_answer = not (self._literals.are_kept or self.is_told_of_new) and inbox.offer_all(fetched)
        if not is_answer:
            for data in fetched:
                self._route_fetch(data)

    def _start_literal(self, event: ClientEvent) -> Inbox | None:
        """Keep the octets of a literal if they answer somebody; a download gets them as they come.

        A download is a FETCH that wants them and has the connection to itself.
        """
        start = cast(LiteralStarted, event)
        if isinstance(start.item, DataValue | ItemValue):
            is_wanted = any(_wants_value(inbox, start.item, start) for inbox in self._open.values())
        elif start.tag is not None:
            asked = self._open.get(start.tag)
            is_wanted = asked is not None and not asked.is_drained
        else:
            wanted = next((inbox for inbox in self._fetching if inbox.wants(start.item.key)), None)
            if wanted is not None and wanted is self._exclusive:
                self._literals.hand_on(start, wanted)
                return wanted
            is_wanted = wanted is not None or self._may_collect
        self._literals.begin(start, is_wanted=is_wanted)
        return None

    @property
    def _may_collect(self) -> bool:
        """Whether `exchange` or NOTIFY may have asked for what no other command has."""
        return self.is_told_of_new or any(isinstance(inbox, ExchangeInbox) for inbox in self._open.values())

    def _take_literal(self, event: ClientEvent) -> Inbox | None:
        return self._literals.take(cast(LiteralData, event))

    def _end_literal(self, event: ClientEvent) -> Inbox | None:
        return self._literals.end(cast(LiteralEnded, event))

    def _route_by_tag(self, event: ClientEvent) -> Inbox | None:
        inbox = self._open.get(cast("ContinuationRequested | LiteralWanted", event).tag)
        if inbox is not None:
            inbox.put(event)
        return inbox

    def _complete(self, event: ClientEvent) -> Inbox | None:
        completed = cast(CommandCompleted, event)
        self._heed(completed.status)
        self.searches.complete(completed)
        if isinstance(completed.command, _LEAVING):
            self.searches.leave(dropwhile(lambda tag: tag != completed.tag, self._open))
        inbox = self._open.pop(completed.tag, None)
        if inbox is None:
            return None
        if isinstance(inbox, FetchInbox):
            self._fetching.remove(inbox)
        inbox.moment = self._moment
        for data in inbox.complete(completed.status):
            self._note(data)
        if isinstance(completed.command, _LEAVING):
            self._forget_mailbox()
        self.release(inbox)
        return None

    def _forget_mailbox(self) -> None:
        """Keep of the news only what is not about the mailbox that was selected."""
        kept = [news for news in self.news if _outlives_mailbox(news)]
        self.news.clear()
        self.news.extend(kept)
        view = self.conn.view
        self.known_exists = 0 if view is None else view.exists or 0
        self.newest_uid = 0

    def _lose(self, _event: ClientEvent) -> Inbox | None:
        self._fail(self._closed())
        return None

    def _note(self, event: ClientEvent) -> None:
        """Add to the news what *event* says, as the view stands now."""
        if type(event) is FetchData and UID in event and self.is_told_of_new:
            # A UIDFETCH, which nobody has enabled then, has no number by which it could be of a new message.
            self.news.append(self._fitting(event))
        elif isinstance(event, ExistsData) and self._tells_new(self.conn.notifications):
            # A FETCH of each of them follows, unless they are our own (RFC 5465 section 5.2).
            return
        elif (news := news_of(event, self.conn.view)) is not None:
            self.news.append(news)

    @property
    def lowest_new_uid(self) -> int:
        """The UID from which on a message is new; 1 if nothing has told it."""
        view = self.conn.view
        return max(self.newest_uid + 1, (view.uid_next if view is not None else None) or 1)

    @property
    def is_told_of_new(self) -> bool:
        """Whether the server may send FETCH with the UID of each new message, by itself (RFC 5465).

        Not under UIDONLY: a UIDFETCH does not say whether its message is new, so that is asked for.
        """
        asked = [inbox.command.groups for inbox in self._open.values() if isinstance(inbox.command, Notify)]
        return self._tells_new(asked[-1] if asked else self.conn.notifications)

    def _tells_new(self, groups: tuple[EventGroup, ...] | None) -> bool:
        return UID in items_of_new(groups or ()) and UIDONLY not in self.conn.enabled

    def _fitting(self, data: FetchData) -> FetchData:
        """Return *data*, abridged if older news would be forgotten for it."""
        return abridged(data) if self.news.weight + weight(data) > self.limits.max_backlog else data

    def _fail(self, error: ConnectionClosed | RemoteProtocolError) -> None:
        """Tell every flow that waits that the session is over."""
        if self.error is None:
            self.error = error
        for wait in self._waits:
            wait.waiter.set()


def _wants_value(inbox: Inbox, value: DataValue | ItemValue, start: LiteralStarted) -> bool:
    """Return whether what *value* is part of answers the command of *inbox*."""
    if isinstance(value, DataValue):
        return inbox.claims(value.response, start)
    return inbox.wants(value.item) if isinstance(inbox, FetchInbox) else isinstance(inbox, ExchangeInbox)


def _outlives_mailbox(news: News) -> bool:
    """Return whether *news* stay true when another mailbox is selected, since they name theirs."""
    if isinstance(news, MailboxChanged):
        return isinstance(news.data, ListData | StatusData | MetadataChangedData)
    return isinstance(news, Alert | NotificationsStopped)


def _reason_of_size(command: Command, offered: Capabilities) -> str | None:
    """Say which message the server would refuse as too large (RFC 7889 section 2)."""
    limit = append_limit(offered)
    if limit is None:
        return None
    sizes = (size for size in command.message_sizes if size > limit)
    return next(
        (f"the message has {size} octets, the server takes {limit} (APPENDLIMIT)" for size in sizes), None
    )


def _route_other(inboxes: Inboxes, event: ClientEvent) -> Inbox | None:
    """Route what has no row: data responses of any name."""
    return inboxes._route_data(event)


_ROUTES: Final[dict[type, Callable[[Inboxes, ClientEvent], Inbox | None]]] = {
    **dict.fromkeys((FetchData, UIDFetchData), Inboxes._route_fetch),
    CommandCompleted: Inboxes._complete,
    ContinuationRequested: Inboxes._route_by_tag,
    LiteralWanted: Inboxes._route_by_tag,
    LiteralStarted: Inboxes._start_literal,
    LiteralData: Inboxes._take_literal,
    LiteralEnded: Inboxes._end_literal,
    ConnectionLost: Inboxes._lose,
    ESearchData: Inboxes._route_search,
    ExpungeData: Inboxes._route_expunge,
    VanishedData: Inboxes._route_vanished,
    UnreadResponse: Inboxes._route_unread,
    ConvertedData: Inboxes._route_converted,
    MetadataData: Inboxes._route_values,
    URLFetchData: Inboxes._route_values,
    MetadataChangedData: Inboxes._route_unasked,
    **dict.fromkeys((Ok, No, Bad, Bye, PreAuth), Inboxes._route_status),
}
"""Kind of event -> where it goes; the result is the inbox that it was put into, if any."""
