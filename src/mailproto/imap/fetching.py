"""FETCH as an iterator without IO: windows of messages, results as they come.

An adapter takes from `ready` and runs `fill` whenever that is empty. Nothing is kept of what was taken.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from typing import Final, Generic, TypeAlias, TypeVar, cast, final

from mailproto import _ranges
from mailproto._ranges import Ranges
from mailproto.errors import IMAPStatusError
from mailproto.flow import Call, Flow, Flush
from mailproto.imap.answers import Inbox, refusal_of
from mailproto.imap.client import ClientEvent
from mailproto.imap.client_flows import Progress
from mailproto.imap.commands import Command, Fetch, UIDFetch
from mailproto.imap.cutting import LONGEST_RANGE, cut, range_octets, room_for_set
from mailproto.imap.ext.condstore import ChangedSince
from mailproto.imap.ext.partial import PartialFetch
from mailproto.imap.ext.qresync import VANISHED, VanishedData
from mailproto.imap.fetch import FetchItem, check_fetch_items
from mailproto.imap.fetch_data import FetchData
from mailproto.imap.following import Following
from mailproto.imap.inbox import Inboxes
from mailproto.imap.parameters import Parameters
from mailproto.imap.parts import limit_reached
from mailproto.imap.sequence import STAR, SequenceSet, UIDSet

__all__ = ["Fetching", "Items", "Results", "Windows", "fetch_modifiers"]

ResultT = TypeVar("ResultT")

Items: TypeAlias = FetchItem[object] | tuple[FetchItem[object], ...]
"""An item, or a macro such as ALL, which is several."""

WINDOW: Final = 1_000
"""Messages that one command should ask for."""
MAX_WIDTH: Final = 2**20
"""UIDs that one command asks for at most, however few messages have them."""
MAX_OCTETS: Final = 7_800
"""Octets of a set in one command, unless it is said how many there can be."""
LAST_UID: Final = STAR - 1

_FLUSH: Final = Flush()


def fetch_modifiers(
    changed_since: int | None = None, *, vanished: bool = False, partial: tuple[int, int] | None = None
) -> Parameters:
    """Return the modifiers of a FETCH: only what changed since a mod-sequence, only a part of the set."""
    changed: Parameters = () if changed_since is None else (ChangedSince(changed_since),)
    asked: Parameters = (VANISHED,) if vanished else ()
    return (*changed, *asked, *(() if partial is None else (PartialFetch(*partial),)))


@final
class Windows:
    """Cuts a UID set into sets of about `WINDOW` messages, by how many messages the last ones had.

    UIDs may be sparse: the width doubles where few messages were found, and is halved where many were. A set
    that reaches to `*` is cut up to *uid_next*, the rest is the last window; without it nothing is cut. No
    set has more than *max_octets*.
    """

    __slots__ = ("_max_octets", "_ranges", "_width")

    def __init__(self, uids: UIDSet, uid_next: int | None, max_octets: int = MAX_OCTETS) -> None:
        self._ranges: list[tuple[int, int]] = list(reversed(_bounded(uids, uid_next)))
        self._width = WINDOW
        self._max_octets = max_octets

    def next(self, found: int | None) -> UIDSet | None:
        """Return the next window, None at the end; *found* is how many messages the last one had."""
        if found is not None:
            self._adapt(found)
        window: list[tuple[int, int]] = []
        room, octets = self._width, self._max_octets - LONGEST_RANGE
        while self._ranges and room > 0 and octets >= 0:
            low, high = self._ranges.pop()
            if high < LAST_UID and high - low >= room:
                self._ranges.append((low + room, high))
                high = low + room - 1
            room = 0 if high >= LAST_UID else room - (high - low + 1)
            if window and window[-1][1] + 1 == low:
                low = window.pop()[0]
            window.append((low, high))
            octets -= range_octets((low, high))
        return UIDSet.of_parsed(tuple(window)) if window else None

    def append(self, uids: UIDSet) -> None:
        """Let *uids*, which belong to the last window, come next."""
        self._ranges.extend(reversed(uids.ranges))

    def _adapt(self, found: int) -> None:
        if found < WINDOW // 2:
            self._width = min(self._width * 2, MAX_WIDTH)
        elif found > WINDOW:
            self._width = max(self._width // 2, WINDOW)


def _bounded(uids: UIDSet, uid_next: int | None) -> Ranges:
    """Return the ranges to cut: what lies at or above *uid_next* is one range that is not cut.

    That ends with the greatest UID, not with `*`, which would stand for the last message once more.
    """
    merged = uids.merged
    low, high = merged[-1] if merged else (0, 0)
    if uid_next is None or high < uid_next or low >= uid_next - 1:
        return merged if uid_next is not None or high < LAST_UID else uids.ranges
    return (*merged[:-1], (low, uid_next - 1), (uid_next, min(high, LAST_UID)))


class Results(ABC, Generic[ResultT]):
    """What answers a command on a set of messages, of one kind, in the order in which it comes.

    `ready` holds what has come; `is_finished` says that nothing more will. It may take several commands; then
    sequence numbers mean the messages that had them at the first one. *keys* is that of `Inboxes.send`; with
    *is_whole* the set is never cut.
    """

    __slots__ = (
        "_following",
        "_found",
        "_inbox",
        "_is_whole",
        "_keys",
        "_numbers",
        "_part",
        "_refusal",
        "_session",
        "_windows",
        "is_finished",
        "ready",
    )

    def __init__(
        self,
        session: Inboxes,
        numbers: SequenceSet | UIDSet,
        keys: frozenset[str] = frozenset(),
        *,
        is_whole: bool = False,
    ) -> None:
        self._session = session
        self._numbers = numbers
        self._keys = keys
        self._is_whole = is_whole
        self._windows: Windows | deque[SequenceSet | UIDSet] = deque()
        self._following: Following | None = None
        self._part: SequenceSet | UIDSet | None = None
        self._found: int | None = None
        self._inbox: Inbox | None = None
        self._refusal: IMAPStatusError | None = None
        self.ready: deque[ResultT] = deque()
        self.is_finished: bool = not numbers

    @abstractmethod
    def _command(self, numbers: SequenceSet | UIDSet) -> Command:
        """Return the command on these messages."""

    def _take(self, event: ClientEvent) -> None:
        """Take one event that answers the command."""
        self.ready.append(cast("ResultT", event))

    def _take_all(self, events: list[ClientEvent]) -> None:
        for event in events:
            self._take(event)

    def fill(self) -> Flow[None]:
        """Wait until there is something in `ready`, or no more to come.

        Raises IMAPStatusError, once what came before the refusal has been taken.
        """
        try:
            while not self.ready and not self.is_finished:
                yield from self._advance()
        except BaseException:
            self.close()
            raise

    def _advance(self) -> Flow[None]:
        if self._refusal is not None:
            raise self._refusal
        inbox = self._inbox
        if inbox is None:
            self._following = Following(self._session)
            self._windows = self._cut()
            yield from self._begin()
            return
        yield from self._session.wait(inbox)
        events = self._session.take(inbox)
        self._found = len(events) + cast(int, self._found)
        self._take_all(events)
        yield from self._taken()
        if inbox.status is not None:
            self._inbox = None
            self._refusal = refusal_of(inbox)
            if self._refusal is None:
                yield from self._ask_again(inbox)
                yield from self._begin()

    def _taken(self) -> Flow[None]:
        """Do what is to be done when events have been taken: nothing, of most kinds."""
        yield from ()

    def _cut(self) -> Windows | deque[SequenceSet | UIDSet]:
        """Cut the set: of UIDs into windows, of sequence numbers only if the line is too long."""
        numbers, conn = self._numbers, self._session.conn
        if self._is_whole:
            return deque((numbers,))
        if isinstance(numbers, UIDSet):
            room = room_for_set(conn, self._command(UIDSet.of((1,))))
            return Windows(numbers, None if conn.view is None else conn.view.uid_next, room)
        return deque(cut(conn, numbers, self._command))

    def _ask_again(self, inbox: Inbox) -> Flow[None]:
        """Ask for what the server has left out, because it was more than its limit (RFC 9738)."""
        following, part, limit = self._following, self._part, inbox.message_limit
        if limit is None or part is None or following is None:
            return
        left = yield from following.below_uid(part, limit.lowest_uid)
        if left is None:
            raise limit_reached(inbox)
        if left and left != following.originals(part):
            self._come_next(part.of_parsed(left))

    def _come_next(self, numbers: SequenceSet | UIDSet) -> None:
        if isinstance(self._windows, Windows):
            self._windows.append(cast(UIDSet, numbers))
        else:
            self._windows.appendleft(numbers)

    def _begin(self) -> Flow[None]:
        """Ask for the next window, before the last one has been looked at."""
        command: Command | None = None
        while command is None:
            self._part = self._next()
            if self._part is None:
                self._finish()
                return
            command = yield from cast(Following, self._following).command_for(self._part, self._command)
        self._inbox = yield from self._session.send(command, keys=self._keys)
        self._found = 0
        yield _FLUSH

    def _next(self) -> SequenceSet | UIDSet | None:
        if isinstance(self._windows, Windows):
            return self._windows.next(self._found)
        return self._windows.popleft() if self._windows else None

    def _finish(self) -> None:
        self.is_finished = True
        if self._following is not None:
            self._following.close()

    def close(self) -> None:
        """Want no more: what is still on its way is thrown away as it comes."""
        self._finish()
        self.ready.clear()
        inbox, self._inbox = self._inbox, None
        if inbox is not None and inbox.status is None:
            self._session.drain(inbox)


@final
class Fetching(Results[FetchData]):
    """The results of FETCH or UID FETCH, in the order in which they come.

    `vanished` are the UIDs of what the server says is gone (RFC 7162 section 3.2.6).
    """

    __slots__ = ("_come", "_items", "_modifiers", "_progress", "_vanished")

    def __init__(
        self,
        session: Inboxes,
        numbers: SequenceSet | UIDSet,
        items: tuple[Items, ...],
        modifiers: Parameters = (),
        progress: Progress | None = None,
    ) -> None:
        self._progress = progress
        self._come = 0
        self._items = check_fetch_items(_flattened(items))
        self._modifiers = modifiers
        self._vanished: list[tuple[int, int]] = []
        keys = frozenset(item.key for item in self._items)
        # PARTIAL counts in the set of one command.
        is_whole = any(each.name == "PARTIAL" for each in modifiers)
        super().__init__(session, numbers, keys, is_whole=is_whole)

    @property
    def vanished(self) -> UIDSet:
        """The UIDs of the messages that the server says are gone."""
        return UIDSet.of_parsed(_ranges.merge(self._vanished))

    def _take(self, event: ClientEvent) -> None:
        # In this order: nearly all are FETCH, and the other class is slow to ask for.
        if isinstance(event, FetchData):
            self.ready.append(event)
        elif isinstance(event, VanishedData):
            self._vanished += event.uids.ranges

    def _take_all(self, events: list[ClientEvent]) -> None:
        if {type(event) for event in events} == {FetchData}:
            self.ready.extend(cast("list[FetchData]", events))
        else:
            super()._take_all(events)

    def _taken(self) -> Flow[None]:
        # Nothing is left in `ready` of what came before.
        self._come += len(self.ready)
        if self._progress is not None and self.ready:
            yield Call(self._progress, (self._come, self._most))

    @property
    def _most(self) -> int | None:
        """How many messages can come; None if that is not known."""
        view, numbers = self._session.conn.view, self._numbers
        exists = None if view is None else view.exists
        if exists is None or self._modifiers or numbers.is_saved:
            return None
        # Of UIDs some may be nobody's, so `*` may count for as many as there are.
        most = _ranges.count(numbers.merged if isinstance(numbers, UIDSet) else numbers.resolve(exists))
        return max(self._come, min(most, exists))

    def _command(self, numbers: SequenceSet | UIDSet) -> Fetch | UIDFetch:
        if isinstance(numbers, UIDSet):
            return UIDFetch(numbers, self._items, modifiers=self._modifiers)
        return Fetch(numbers, self._items, modifiers=self._modifiers)


def _flattened(
    items: tuple[FetchItem[object] | tuple[FetchItem[object], ...], ...],
) -> list[FetchItem[object]]:
    """Return *items* with macros, which are tuples, as what they stand for."""
    flat: list[FetchItem[object]] = []
    for item in items:
        flat.extend(item if isinstance(item, tuple) else (item,))
    return flat
