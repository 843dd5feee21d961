"""The message sequence numbers of one server session while others expunge (RFC 3501 sections 2.3.1.2, 7.4.1).

A session's numbers are what its client was told: a message that vanished keeps its number until EXPUNGE says
so, and a new one has none before EXISTS. The tracker is fed with what changed in the mailbox, at any time,
and says what may be sent now. It does not know the store, and does no IO.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias, final

from mailproto._ranges import Ranges

__all__ = ["Announced", "Exists", "Expunged", "FlagsChanged", "SequenceTracker"]

_CODE: Final = "Q"


@dataclass(frozen=True, slots=True)
class Expunged:
    """Send `* number EXPUNGE`: the message with this UID is gone."""

    sequence_number: int
    uid: int


@dataclass(frozen=True, slots=True)
class Exists:
    """Send `* count EXISTS`."""

    count: int


@dataclass(frozen=True, slots=True)
class FlagsChanged:
    """Send `* number FETCH (FLAGS ...)`."""

    sequence_number: int
    uid: int


Announced: TypeAlias = Expunged | Exists | FlagsChanged


@final
class SequenceTracker:
    """Numbers and UIDs of one session. *uids* are those of the messages there at SELECT, in any order.

    A number costs one step to find, a UID a binary search; an expunge of many at once is one pass.
    """

    __slots__ = ("_added", "_changed", "_uids", "_vanished")

    def __init__(self, uids: Iterable[int] = ()) -> None:
        self._uids = array(_CODE, sorted(set(uids)))
        self._added: set[int] = set()
        self._vanished: set[int] = set()
        self._changed: set[int] = set()

    def __len__(self) -> int:
        """Return how many messages the client believes that there are: the greatest sequence number."""
        return len(self._uids)

    @property
    def last_uid(self) -> int:
        """The greatest UID that has a number, or 0: what `*` means in a UID set."""
        return self._uids[-1] if self._uids else 0

    @property
    def has_updates(self) -> bool:
        """Whether there is anything to announce, be it only when EXPUNGE is allowed."""
        return bool(self._added or self._vanished or self._changed)

    def uid(self, sequence_number: int) -> int:
        """Return the UID of a number from 1 to `len`; raises LookupError for any other."""
        if not 1 <= sequence_number <= len(self._uids):
            raise LookupError(f"expected a sequence number up to {len(self._uids)}, got {sequence_number}")
        return self._uids[sequence_number - 1]

    def sequence_number(self, uid: int) -> int | None:
        """Return the number of the message with *uid*, or None if the client knows of none.

        A message that vanished still has its number, until EXPUNGE was announced.
        """
        index = bisect_left(self._uids, uid)
        return index + 1 if index < len(self._uids) and self._uids[index] == uid else None

    def is_vanished(self, uid: int) -> bool:
        """Whether the message is gone and still has a number: RFC 2180 section 4.1 says how to answer."""
        return uid in self._vanished

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Yield each (sequence number, UID), ascending."""
        return enumerate(self._uids, start=1)

    def by_number(self, ranges: Ranges) -> Iterator[tuple[int, int]]:
        """Yield (sequence number, UID) of the messages whose numbers lie in *ranges*, ascending."""
        for low, high in ranges:
            first, end = max(low, 1), min(high, len(self._uids))
            yield from enumerate(self._uids[first - 1 : end], start=first)

    def by_uid(self, ranges: Ranges) -> Iterator[tuple[int, int]]:
        """Yield (sequence number, UID) of the messages whose UIDs lie in *ranges*, ascending."""
        for low, high in ranges:
            start = bisect_left(self._uids, low)
            end = bisect_left(self._uids, high + 1, lo=start)
            yield from enumerate(self._uids[start:end], start=start + 1)

    def feed(
        self, *, added: Iterable[int] = (), vanished: Iterable[int] = (), changed: Iterable[int] = ()
    ) -> None:
        """Take in what changed in the mailbox: UIDs of new messages, of gone ones, of ones with other flags.

        UIDs that are known already, or not any more, are no news: feeding a change twice does no harm.
        """
        self._added.update(uid for uid in added if uid > self.last_uid)
        for uid in vanished:
            if uid in self._added:
                self._added.discard(uid)
            elif self.sequence_number(uid) is not None:
                self._vanished.add(uid)
            self._changed.discard(uid)
        self._changed.update(uid for uid in changed if self._is_present(uid))

    def _is_present(self, uid: int) -> bool:
        return uid not in self._vanished and (uid in self._added or self.sequence_number(uid) is not None)

    def forget_change(self, uid: int) -> None:
        """Do not announce the flags of *uid*: the session has just sent them, or was told to be silent."""
        self._changed.discard(uid)

    def take_updates(self, *, may_expunge: bool) -> tuple[Announced, ...]:
        """Return what is to be sent now, in order, and count it as sent.

        Expunges come first, from the highest number down, so that each number is also that of before; then
        one `Exists`, then flags. Without *may_expunge* the expunges wait and all else is told.
        """
        return (*(self._expunge() if may_expunge else ()), *self._append(), *self._tell_flags())

    def _expunge(self) -> tuple[Announced, ...]:
        gone, self._vanished = self._vanished, set()
        numbers = sorted(((bisect_left(self._uids, uid), uid) for uid in gone), reverse=True)
        if len(numbers) <= 16:
            for index, _ in numbers:
                del self._uids[index]
        else:
            self._uids = array(_CODE, (uid for uid in self._uids if uid not in gone))
        return tuple(Expunged(index + 1, uid) for index, uid in numbers)

    def _append(self) -> tuple[Announced, ...]:
        if not self._added:
            return ()
        self._uids.extend(sorted(self._added))
        self._added.clear()
        return (Exists(len(self._uids)),)

    def _tell_flags(self) -> tuple[Announced, ...]:
        changed, self._changed = sorted(self._changed), set()
        numbered = ((self.sequence_number(uid), uid) for uid in changed)
        return tuple(FlagsChanged(number, uid) for number, uid in numbered if number is not None)
