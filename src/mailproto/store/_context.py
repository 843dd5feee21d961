"""What the commands of one session share: the store, the selected mailbox, and how changes are told.

The messages of the selected mailbox are known here by what `store.changes` said; the tracker knows what the
client was told. The two meet in `Context.report`, where the RFC allows it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import lru_cache
from typing import Final, TypeVar

from mailproto import _ranges
from mailproto._ranges import Ranges
from mailproto.flow import Call, Flow, Wake
from mailproto.imap.fetch import FLAGS
from mailproto.imap.fetch_data import PreparedFetch, PreparedItem, prepare
from mailproto.imap.flags import RECENT, SYSTEM_FLAGS
from mailproto.imap.responses import ExistsData, ExpungeData, FlagsData, RecentData
from mailproto.imap.sequence import SequenceSet, UIDSet
from mailproto.imap.server import IMAPServerConnection
from mailproto.imap.session import flush_if_full
from mailproto.imap.status import Bad, No
from mailproto.imap.tracker import Announced, Exists, Expunged, SequenceTracker
from mailproto.store._calls import in_one_call
from mailproto.store._protocol import (
    Changes,
    MailStore,
    MessageInfo,
    StoreError,
    SupportsRecent,
    SupportsStructure,
    SupportsWatch,
)

__all__ = ["Context", "NotSelected", "Refusal", "Selected", "Target", "announce_keywords", "prepared_flags"]

ResultT = TypeVar("ResultT")

Target = tuple[int, int]
"""Sequence number and UID of a message that a command is about."""

MAX_CACHED_FLAGS: Final = 1_024


class Refusal(Exception):
    """Ends a command with this status, which is not a failure of the store."""

    def __init__(self, status: No | Bad) -> None:
        super().__init__(status)
        self.status = status


class NotSelected(Refusal):
    """The command needs a selected mailbox; the connection lets none through without."""

    def __init__(self) -> None:
        super().__init__(Bad("select a mailbox first"))


@lru_cache(MAX_CACHED_FLAGS)
def prepared_flags(flags: frozenset[str]) -> PreparedItem:
    """Return the item FLAGS as it is sent."""
    return prepare(FLAGS.answer(flags))


class Selected:
    """The selected mailbox as this session knows it.

    `messages` are those that exist, numbered or not. Of `recent` this session was told first. `keywords` are
    those that the client heard of in FLAGS.
    """

    __slots__ = (
        "first_unclaimed",
        "is_read_only",
        "keywords",
        "messages",
        "mod_seq",
        "name",
        "recent",
        "tracker",
        "uid_next",
        "uid_validity",
    )

    def __init__(self, name: str, changes: Changes, *, is_read_only: bool) -> None:
        self.name = name
        self.is_read_only = is_read_only
        self.uid_validity = changes.uid_validity
        self.uid_next = changes.uid_next
        self.mod_seq = changes.highest_mod_seq
        self.messages: dict[int, MessageInfo] = {info.uid: info for info in changes.messages}
        self.tracker = SequenceTracker(self.messages)
        self.recent: Ranges = ()
        self.first_unclaimed = changes.first_recent
        self.keywords: set[str] = set()

    def add_recent(self, first: int) -> None:
        """Count the UIDs from *first* on as recent here."""
        if first < self.uid_next:
            self.recent = _ranges.merge((*self.recent, (first, self.uid_next - 1)))

    def count_recent(self) -> int:
        """Return how many messages that have a number are recent."""
        return sum(1 for _ in self.tracker.by_uid(self.recent))

    def flags(self, info: MessageInfo) -> frozenset[str]:
        """Return the flags of a message with `\\\\Recent` where it belongs."""
        is_recent = self.recent and _ranges.contains(self.recent, info.uid)
        return info.flags | {RECENT} if is_recent else info.flags

    def apply(self, changes: Changes) -> None:
        """Take in what happened in the mailbox."""
        added: list[int] = []
        changed: list[int] = []
        for info in changes.messages:
            known = self.messages.get(info.uid)
            if known is None:
                added.append(info.uid)
            elif known.flags != info.flags:
                changed.append(info.uid)
            self.messages[info.uid] = info
        vanished = list(self._known(changes.vanished))
        for uid in vanished:
            del self.messages[uid]
        self.uid_next = changes.uid_next
        self.mod_seq = changes.highest_mod_seq
        self.first_unclaimed = changes.first_recent
        self.tracker.feed(added=added, changed=changed, vanished=vanished)

    def _known(self, ranges: Ranges) -> Iterator[int]:
        if _ranges.count(ranges) <= len(self.messages):
            return (uid for uid in _ranges.numbers(ranges) if uid in self.messages)
        return iter([uid for uid in self.messages if _ranges.contains(ranges, uid)])

    def lose_all(self) -> None:
        """Note that the mailbox is gone: for the client, all was expunged (RFC 2180 section 3.3)."""
        self.tracker.feed(vanished=self.messages)
        self.messages.clear()

    def targets(self, sequence_set: SequenceSet | UIDSet) -> list[Target]:
        """Return the messages that *sequence_set* means, gone ones that still have a number included.

        Raises `Refusal` for numbers that no message has (RFC 3501 section 9, `seq-number`); of UIDs that no
        message has nothing is said (section 6.4.8).
        """
        if isinstance(sequence_set, UIDSet):
            return list(self.tracker.by_uid(sequence_set.resolve(self.tracker.last_uid)))
        count = len(self.tracker)
        ranges = sequence_set.resolve(count)
        if (ranges[-1][1] if ranges else 1) > count:
            raise Refusal(Bad(f"there are {count} messages"))
        return list(self.tracker.by_number(ranges))

    def present(self, targets: list[Target]) -> list[Target]:
        """Return those of *targets* that exist."""
        return [target for target in targets if target[1] in self.messages]


class Context:
    """One session: `selected` is None without a selected mailbox, `clock` says what time it is."""

    __slots__ = ("_is_stale", "_stop_watching", "clock", "selected", "store", "structures", "wake")

    def __init__(self, store: MailStore, clock: Callable[[], datetime]) -> None:
        self.store = store
        self.clock = clock
        self.structures = store if isinstance(store, SupportsStructure) else None
        self.selected: Selected | None = None
        self.wake: Wake | None = None
        self._is_stale = False
        self._stop_watching: Callable[[], object] | None = None

    @property
    def is_watching(self) -> bool:
        """Whether the store says when the selected mailbox changes."""
        return self._stop_watching is not None

    def in_one_call(self, procedure: Flow[ResultT]) -> Flow[ResultT]:
        """Carry out *procedure*, which yields only `Call`, as one call into the store."""
        return in_one_call(procedure, self.store)

    def current(self) -> Selected:
        """Return the selected mailbox."""
        if self.selected is None:
            raise NotSelected
        return self.selected

    def select(self, name: str, *, is_read_only: bool) -> Flow[Selected]:
        """Select a mailbox in the place of the one before; a procedure."""
        self.unselect()
        if isinstance(self.store, SupportsWatch):
            self._stop_watching = self.store.watch(self._changed)
        try:
            changes: Changes = yield Call(self.store.changes, (name, 0))
            selected = Selected(name, changes, is_read_only=is_read_only)
            yield from self._claim_recent(selected)
        except BaseException:
            self.unselect()
            raise
        self._is_stale = False
        self.selected = selected
        return selected

    def unselect(self) -> None:
        """Have no mailbox selected."""
        self.selected = None
        if self._stop_watching is not None:
            self._stop_watching()
            self._stop_watching = None

    def _changed(self, name: str) -> None:
        """Note that a mailbox changed; called by the store, from any thread."""
        selected = self.selected
        if selected is None or selected.name == name:
            self._is_stale = True
            if self.wake is not None:
                self.wake.set()

    def sync(self) -> Flow[None]:
        """Learn what happened in the selected mailbox since the last time, if anything may have."""
        if self.selected is not None and (self._is_stale or not self.is_watching):
            yield from self.in_one_call(self.learn(self.selected))

    def learn(self, selected: Selected) -> Flow[None]:
        """Do as `sync`, whatever the store said; a procedure."""
        self._is_stale = False
        try:
            changes: Changes = yield Call(self.store.changes, (selected.name, selected.mod_seq))
        except BaseException as error:
            if isinstance(error, StoreError) and error.code == "NONEXISTENT":
                selected.lose_all()
                return
            self._is_stale = True
            raise
        if changes.uid_validity != selected.uid_validity:
            selected.lose_all()
            return
        first = selected.uid_next
        selected.apply(changes)
        if selected.uid_next > first:
            yield from self._claim_recent(selected, first)

    def _claim_recent(self, selected: Selected, first: int = 1) -> Flow[None]:
        """Count new messages as recent here, and not in the sessions that come later."""
        if isinstance(self.store, SupportsRecent):
            if selected.is_read_only:
                first = selected.first_unclaimed or first
            else:
                first = yield Call(self.store.claim_recent, (selected.name,))
        selected.add_recent(first)

    def begin(self, conn: IMAPServerConnection) -> Flow[Selected]:
        """Return the selected mailbox as it is now, what is new announced, expunges excepted."""
        selected = self.current()
        yield from self.sync()
        yield from self.report(conn, may_expunge=False)
        return selected

    def finish(self, conn: IMAPServerConnection) -> Flow[None]:
        """Tell the client what happened, as far as the command allows it."""
        yield from self.sync()
        yield from self.report(conn, may_expunge=conn.may_expunge)

    def report(self, conn: IMAPServerConnection, *, may_expunge: bool) -> Flow[None]:
        """Tell the client what is known and not yet told."""
        selected = self.selected
        if selected is None or not selected.tracker.has_updates:
            return
        for update in selected.tracker.take_updates(may_expunge=may_expunge):
            _announce(conn, selected, update)
            yield from flush_if_full(conn)


def _announce(conn: IMAPServerConnection, selected: Selected, update: Announced) -> None:
    if isinstance(update, Expunged):
        conn.send(ExpungeData(update.sequence_number))
    elif isinstance(update, Exists):
        conn.send(ExistsData(update.count))
        conn.send(RecentData(selected.count_recent()))
    else:
        flags = selected.flags(selected.messages[update.uid])
        announce_keywords(conn, selected, flags)
        conn.send(PreparedFetch(update.sequence_number, (prepared_flags(flags),)))


def announce_keywords(conn: IMAPServerConnection, selected: Selected, flags: frozenset[str]) -> None:
    """Send FLAGS again if there are keywords that the client did not hear of (RFC 3501 section 7.2.6)."""
    new = {flag for flag in flags if not flag.startswith("\\")} - selected.keywords
    if new:
        selected.keywords |= new
        conn.send(FlagsData(SYSTEM_FLAGS | selected.keywords))
