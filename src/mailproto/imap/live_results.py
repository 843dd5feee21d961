"""Results of a search that stay right as the server tells what comes and goes (RFC 5267 section 4.3).

`LiveResults` is one list of numbers; `LiveSearches` are those of a session, and gives each what is for it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Final, cast, final

from mailproto.errors import LocalProtocolError
from mailproto.imap.events import CommandCompleted
from mailproto.imap.ext.context import CancelUpdate, ContextUpdate, NoUpdateCode
from mailproto.imap.ext.esearch import ESearchData
from mailproto.imap.sequence import NumberSet
from mailproto.imap.status import Ok, StatusResponse
from mailproto.limits import IMAPLimits

__all__ = ["LiveResults", "LiveSearches"]


@final
class LiveResults:
    """What a search with UPDATE has found, kept right by the client as it reads what the server sends.

    Numbers are UIDs if `is_uid`, else sequence numbers, which EXPUNGE moves; they ascend, those of a sort are
    as the server has them. `is_live` ends when the server refuses to tell what changes, when that is
    cancelled, when the mailbox is left, and when what is told does not fit or is more than
    `IMAPLimits.max_results`: then it is time to search again. `tag` is what `cancel_update` takes.
    """

    __slots__ = ("_most", "_numbers", "is_live", "is_sorted", "is_uid", "tag")

    def __init__(self, tag: str, *, is_uid: bool, is_sorted: bool, most: int) -> None:
        self.tag: str = tag
        self.is_uid: bool = is_uid
        self.is_sorted: bool = is_sorted
        self.is_live: bool = True
        self._most = most
        self._numbers: list[int] = []

    @property
    def numbers(self) -> tuple[int, ...]:
        """The numbers now: in mailbox order, or in the order that was asked for."""
        return tuple(self._numbers)

    def __len__(self) -> int:
        return len(self._numbers)

    def __repr__(self) -> str:
        return f"LiveResults({self.tag!r}, {len(self)} numbers, is_live={self.is_live})"

    def apply(self, data: ESearchData) -> None:
        """Take the results of *data* in the order in which they stand (section 4.3.2)."""
        for name, value in data.results:
            apply = _RESULTS.get(name)
            if apply is None or not self.is_live:
                continue
            if data.is_uid is not self.is_uid or not apply(self, value):
                self.is_live = False

    def _find(self, value: object) -> bool:
        numbers = cast(NumberSet, value)
        return self._insert(len(self) + 1, numbers) if self.is_sorted else self._merge(numbers)

    def _add(self, value: object) -> bool:
        return all(self._add_one(update) for update in cast("tuple[ContextUpdate, ...]", value))

    def _add_one(self, update: ContextUpdate) -> bool:
        if update.position:
            return self._insert(update.position, update.numbers)
        return not self.is_sorted and self._merge(update.numbers)

    def _has_room(self, numbers: NumberSet) -> bool:
        return len(self) + _length(numbers) <= self._most

    def _merge(self, numbers: NumberSet) -> bool:
        """Put *numbers* where they stand in mailbox order."""
        if not self._has_room(numbers):
            return False
        known = self._numbers
        new = [number for number in numbers if not _has(known, number)]
        # Two ascending runs, which sort joins in one pass.
        known += new
        known.sort()
        return True

    def _insert(self, position: int, numbers: NumberSet) -> bool:
        index = position - 1
        if index > len(self) or not self._has_room(numbers):
            return False
        new = list(numbers.in_order())
        if not self.is_sorted:
            around = [*self._numbers[max(0, index - 1) : index], *new, *self._numbers[index : index + 1]]
            if any(first >= second for first, second in pairwise(around)):
                return False
        self._numbers[index:index] = new
        return True

    def _remove(self, value: object) -> bool:
        return all(self._remove_one(update) for update in cast("tuple[ContextUpdate, ...]", value))

    def _remove_one(self, update: ContextUpdate) -> bool:
        position, numbers = update
        if not position:
            return not self.is_sorted and self._subtract(numbers)
        end = position - 1 + _length(numbers)
        if end > len(self) or self._numbers[position - 1 : end] != list(numbers.in_order()):
            return False
        del self._numbers[position - 1 : end]
        return True

    def _subtract(self, numbers: NumberSet) -> bool:
        """Take *numbers* out wherever they are."""
        known, kept, place = self._numbers, list[int](), 0
        for low, high in numbers.merged:
            start = bisect_left(known, low, place)
            kept += known[place:start]
            place = bisect_right(known, high, start)
        self._numbers = kept + known[place:]
        return True

    def expunge(self, sequence_number: int) -> None:
        """Note that the message with this number is gone: those above it move down."""
        if self.is_live and not self.is_uid:
            self._numbers = [
                number - (number > sequence_number) for number in self._numbers if number != sequence_number
            ]

    def vanish(self) -> None:
        """Note that messages are gone by their UIDs: where they stood is not said, the numbers are lost."""
        if not self.is_uid:
            self.is_live = False


def _has(ascending: list[int], number: int) -> bool:
    index = bisect_left(ascending, number)
    return index < len(ascending) and ascending[index] == number


def _length(numbers: NumberSet) -> int:
    """Return how many numbers `in_order` gives, without giving them."""
    return sum(abs(last - first) + 1 for first, last in numbers.ranges)


_RESULTS: Final[dict[str, Callable[[LiveResults, object], bool]]] = {
    "ALL": LiveResults._find,
    "ADDTO": LiveResults._add,
    "REMOVEFROM": LiveResults._remove,
}
"""Name of a result of ESEARCH -> what it does to the numbers; it returns whether it fits them."""


@final
class LiveSearches:
    """The live results of a session, by the tags of their searches."""

    __slots__ = ("_by_tag", "_limits")

    def __init__(self, limits: IMAPLimits) -> None:
        self._limits = limits
        self._by_tag: dict[str, LiveResults] = {}

    def check_room(self) -> None:
        """Raise LocalProtocolError if there are `max_contexts` of them already."""
        most = self._limits.max_contexts
        if len(self._by_tag) >= most:
            raise LocalProtocolError(f"expected at most {most} searches with UPDATE; cancel one")

    def begin(self, tag: str, *, is_uid: bool, is_sorted: bool) -> LiveResults:
        """Return the results, none yet, of the search that was sent with this tag."""
        results = LiveResults(tag, is_uid=is_uid, is_sorted=is_sorted, most=self._limits.max_results)
        self._by_tag[tag] = results
        return results

    def end(self, tag: str) -> None:
        """Note that the results of the search with this tag are not kept any more."""
        results = self._by_tag.pop(tag, None)
        if results is not None:
            results.is_live = False

    def leave(self, later: Iterable[str]) -> None:
        """Note that a command left the mailbox; *later* are the tags of those that were sent after it."""
        for tag in self._by_tag.keys() - set(later):
            self.end(tag)

    def apply(self, data: ESearchData) -> None:
        """Give *data* to the results that it is about."""
        results = self._by_tag.get(data.tag or "")
        if results is not None:
            results.apply(data)

    def expunge(self, sequence_number: int) -> None:
        """Note that the message with this sequence number is gone."""
        for results in self._by_tag.values():
            results.expunge(sequence_number)

    def vanish(self) -> None:
        """Note that messages are gone whose sequence numbers are not said."""
        for results in self._by_tag.values():
            results.vanish()

    def note(self, status: StatusResponse) -> None:
        """Note that *status* came: it may refuse to keep results (section 4.3.1)."""
        if isinstance(status.code, NoUpdateCode):
            self.end(status.code.tag)

    def complete(self, completed: CommandCompleted) -> None:
        """Note that a command is completed: CANCELUPDATE ends results, as the refusal of a search does."""
        self.note(completed.status)
        if not isinstance(completed.status, Ok):
            self.end(completed.tag)
        elif isinstance(completed.command, CancelUpdate):
            for tag in completed.command.tags:
                self.end(tag)
