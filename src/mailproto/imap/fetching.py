"""FETCH as an iterator without IO: windows of messages, results as they come.

An adapter takes from `ready` and runs `fill` whenever that is empty. Nothing is kept of what was taken.
"""

from __future__ import annotations

from collections import deque
from typing import Final, TypeAlias, cast, final

from mailproto import _ranges
from mailproto._ranges import Ranges
from mailproto.errors import LocalProtocolError
from mailproto.flow import Flow, Flush
from mailproto.imap.answers import Inbox
from mailproto.imap.client_flows import lowest_processed, raise_refusal
from mailproto.imap.commands import Fetch, UIDFetch
from mailproto.imap.ext.condstore import ChangedSince
from mailproto.imap.ext.partial import PartialFetch
from mailproto.imap.ext.qresync import VANISHED, VanishedData
from mailproto.imap.fetch import FetchItem, check_fetch_items
from mailproto.imap.fetch_data import FetchData
from mailproto.imap.inbox import Inboxes
from mailproto.imap.parameters import Parameters
from mailproto.imap.sequence import STAR, SequenceSet, UIDSet

__all__ = ["Fetching", "Items", "Windows", "fetch_modifiers"]

Items: TypeAlias = FetchItem[object] | tuple[FetchItem[object], ...]
"""An item, or a macro such as ALL, which is several."""

WINDOW: Final = 1_000
"""Messages that one command should ask for."""
MAX_WIDTH: Final = 2**20
"""UIDs that one command asks for at most, however few messages have them."""
MAX_RANGES: Final = 500
"""Ranges in one command, which keeps its line well below the least that servers take."""
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
    that reaches to `*` is cut up to *uid_next*, the rest is the last window; without it nothing is cut.
    """

    __slots__ = ("_ranges", "_width")

    def __init__(self, uids: UIDSet, uid_next: int | None) -> None:
        self._ranges: list[tuple[int, int]] = list(reversed(_bounded(uids, uid_next)))
        self._width = WINDOW

    def next(self, found: int | None) -> UIDSet | None:
        """Return the next window, None at the end; *found* is how many messages the last one had."""
        if found is not None:
            self._adapt(found)
        window: list[tuple[int, int]] = []
        room = self._width
        while self._ranges and room > 0 and len(window) < MAX_RANGES:
            low, high = self._ranges.pop()
            if high < LAST_UID and high - low >= room:
                self._ranges.append((low + room, high))
                high = low + room - 1
            room = 0 if high >= LAST_UID else room - (high - low + 1)
            if window and window[-1][1] + 1 == low:
                low = window.pop()[0]
            window.append((low, high))
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


@final
class Fetching:
    """The results of FETCH or UID FETCH, in the order in which they come.

    `ready` holds what has come, `vanished` the UIDs of what the server says is gone (RFC 7162 section 3.2.6).
    `is_finished` says that nothing more will come.
    """

    __slots__ = (
        "_found",
        "_inbox",
        "_items",
        "_keys",
        "_modifiers",
        "_place",
        "_session",
        "_vanished",
        "_windows",
        "is_finished",
        "ready",
    )

    def __init__(
        self,
        session: Inboxes,
        numbers: SequenceSet | UIDSet,
        items: tuple[Items, ...],
        modifiers: Parameters = (),
    ) -> None:
        self._session = session
        self._items = check_fetch_items(_flattened(items))
        self._keys = frozenset(item.key for item in self._items)
        self._windows: Windows | list[SequenceSet | UIDSet]
        # PARTIAL counts in the set of one command.
        if isinstance(numbers, UIDSet) and not any(each.name == "PARTIAL" for each in modifiers):
            view = session.conn.view
            self._windows = Windows(numbers, None if view is None else view.uid_next)
        else:
            self._windows = [numbers] if numbers else []
        self._place: tuple[str, int | None] | None = None
        self._found: int | None = None
        self._inbox: Inbox | None = None
        self._modifiers = modifiers
        self.ready: deque[FetchData] = deque()
        self._vanished: list[tuple[int, int]] = []
        self.is_finished: bool = not numbers

    @property
    def vanished(self) -> UIDSet:
        """The UIDs of the messages that the server says are gone."""
        return UIDSet.of_parsed(_ranges.merge(self._vanished))

    def fill(self) -> Flow[None]:
        """Wait until there is a message in `ready`, or no more to come. Raises IMAPStatusError."""
        try:
            while not self.ready and not self.is_finished:
                yield from self._advance()
        except BaseException:
            self.close()
            raise

    def _advance(self) -> Flow[None]:
        inbox = self._inbox
        if inbox is None:
            yield from self._begin()
            return
        yield from self._session.wait(inbox)
        events = self._session.take(inbox)
        self._found = len(events) + cast(int, self._found)
        for event in events:
            if isinstance(event, VanishedData):
                self._vanished += event.uids.ranges
            else:
                self.ready.append(cast(FetchData, event))
        if inbox.status is not None:
            self._inbox = None
            raise_refusal(inbox)
            self._ask_again(inbox)
            yield from self._begin()

    def _ask_again(self, inbox: Inbox) -> None:
        """Ask for what the server has left out, because it was more than its limit (RFC 9738)."""
        uid = lowest_processed(inbox)
        command = inbox.command
        if uid is None or not isinstance(command, UIDFetch) or command.sequence_set.is_saved:
            return
        asked = command.sequence_set.merged
        left = _ranges.intersection(asked, ((1, uid - 1),)) if uid > 1 else ()
        if left and left != asked:
            self._windows.append(UIDSet.of_parsed(left))

    def _begin(self) -> Flow[None]:
        """Ask for the next window, before the last one has been looked at."""
        command = self._next_command()
        if command is None:
            self.is_finished = True
            return
        yield from self._session.wait_to_send(command)
        self._check_place()
        self._inbox = yield from self._session.send(command, keys=self._keys)
        self._found = 0
        yield _FLUSH

    def _check_place(self) -> None:
        """Raise LocalProtocolError if the numbers would mean other messages than in the windows before."""
        place = _place_of(self._session)
        if self._place is not None and place != self._place:
            raise LocalProtocolError(f"{self._place[0]} was left while messages of it were fetched")
        self._place = place

    def _next_command(self) -> Fetch | UIDFetch | None:
        if isinstance(self._windows, Windows):
            numbers: SequenceSet | UIDSet | None = self._windows.next(self._found)
        else:
            numbers = self._windows.pop() if self._windows else None
        if numbers is None:
            return None
        if isinstance(numbers, UIDSet):
            return UIDFetch(numbers, self._items, modifiers=self._modifiers)
        return Fetch(numbers, self._items, modifiers=self._modifiers)

    def close(self) -> None:
        """Want no more: what is still on its way is thrown away as it comes."""
        self.is_finished = True
        self.ready.clear()
        inbox, self._inbox = self._inbox, None
        if inbox is not None and inbox.status is None:
            self._session.drain(inbox)


def _place_of(session: Inboxes) -> tuple[str, int | None] | None:
    view = session.conn.view
    return None if view is None else (view.mailbox, view.uid_validity)


def _flattened(
    items: tuple[FetchItem[object] | tuple[FetchItem[object], ...], ...],
) -> list[FetchItem[object]]:
    """Return *items* with macros, which are tuples, as what they stand for."""
    flat: list[FetchItem[object]] = []
    for item in items:
        flat.extend(item if isinstance(item, tuple) else (item,))
    return flat
