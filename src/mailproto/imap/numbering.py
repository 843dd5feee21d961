"""What became of sequence numbers since they were written down: each EXPUNGE moves those above it.

A command by number that is sent in parts, or goes on where a server has stopped, means the messages that had
these numbers at the beginning. RFC 3501 section 7.4.1 lets no EXPUNGE come while FETCH, STORE and SEARCH are
in progress, but between two of them, and during COPY and MOVE, it may.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from typing import Final, final

from mailproto import _ranges
from mailproto._ranges import Ranges

__all__ = ["Numbering"]

MAX_GONE: Final = 100_000
"""Messages that are gone of which it is known which numbers they had; beyond that none is known any more."""


@final
class Numbering:
    """Which numbers messages have now, and which they had when this was made: the original ones.

    `is_lost`: it cannot be told any more, since VANISHED says which UIDs are gone, or too many are. Moments
    count the responses of a session that move numbers; this was made at *begun*.
    """

    __slots__ = ("_begun", "_gone", "_log", "is_lost")

    def __init__(self, begun: int = 0) -> None:
        self._begun = begun
        # The original numbers of those that are gone, ascending.
        self._gone: list[int] = []
        # The numbers that they had when they went, in the order in which they did; None for VANISHED.
        self._log: list[int | None] = []
        self.is_lost: bool = False

    @property
    def gone(self) -> int:
        """How many messages are known to be gone."""
        return len(self._gone)

    @property
    def has_moved(self) -> bool:
        """Whether a number may mean another message than it did."""
        return bool(self._log)

    def expunge(self, sequence_number: int | None) -> None:
        """Note that the message that has this number now is gone; None: some that are not known are."""
        if sequence_number is None or len(self._log) >= MAX_GONE:
            self.is_lost = True
        else:
            insort(self._gone, self.original(sequence_number))
        if len(self._log) < MAX_GONE:
            self._log.append(sequence_number)

    def at(self, moment: int) -> Numbering:
        """Return what was known at a moment."""
        return _replayed(self._log[: max(0, moment - self._begun)])

    def since(self, moment: int) -> Numbering:
        """Return what became of the numbers that there were at a moment."""
        numbering = _replayed(self._log[max(0, moment - self._begun) :])
        if self.is_lost and len(self._log) >= MAX_GONE:
            numbering.is_lost = True
        return numbering

    def original(self, sequence_number: int) -> int:
        """Return the original number of the message that has this one now."""
        gone = self._gone
        # The i-th that is gone stood below the n-th that is left if at most n of those left were up to it.
        return sequence_number + bisect_right(
            range(len(gone)), sequence_number, key=lambda index: gone[index] - index
        )

    def left(self, originals: Ranges) -> Ranges:
        """Return those of *originals* that are not gone."""
        return _ranges.difference(originals, _ranges.from_numbers(self._gone))

    def current(self, originals: Ranges) -> Ranges:
        """Return which numbers those of *originals* have now that are not gone."""
        gone = self._gone
        return _ranges.merge(
            (low - bisect_left(gone, low), high - bisect_left(gone, low))
            for low, high in self.left(originals)
        )


def _replayed(log: list[int | None]) -> Numbering:
    numbering = Numbering()
    for number in log:
        numbering.expunge(number)
    return numbering
