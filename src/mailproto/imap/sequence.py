"""Sets of message sequence numbers and of UIDs (RFC 3501 section 9, `sequence-set`).

The two are different types, since a number of one means nothing in the other. Ranges are kept as they were
written, `4:2` and all, and never expanded: `1:4294967295` is one pair.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final, Self, TypeVar, final

from mailproto import _ranges
from mailproto._ranges import Ranges
from mailproto.errors import LocalProtocolError
from mailproto.imap._grammar import SEQUENCE_SET
from mailproto.imap.cursor import Cursor
from mailproto.imap.needs import Need
from mailproto.imap.writer import Writer

__all__ = [
    "NumberSet",
    "STAR",
    "SequenceSet",
    "UIDSet",
    "check_known",
    "counter_below",
    "parse_sequence_set",
    "parse_uid_range_set",
    "write_sequence_set",
]

STAR: Final = 2**32
"""Stands for `*`, the largest number in use; it sorts above every number."""


SAVED: Final = STAR + 1
"""Stands for `$`, what the server has saved; a set has nothing beside it."""


_SIGNS: Final = {STAR: "*", SAVED: "$"}

_SAVED_NEED: Final = Need("$", ("SEARCHRES",))


class NumberSet:
    """What the two kinds of set share; a set of one kind never equals or joins one of the other."""

    __slots__ = ("_merged", "_ranges")

    def __init__(self, text: str = "") -> None:
        if not isinstance(text, str):
            raise LocalProtocolError(f"expected a sequence set as str, got {type(text).__name__}")
        octets = text.encode("utf-8", "surrogatepass")
        if octets and not SEQUENCE_SET.fullmatch(octets):
            raise LocalProtocolError(f"expected a sequence set, got {text[:40]!r}")
        self._ranges = _pairs(octets) if octets else ()
        self._merged: Ranges | None = None

    @classmethod
    def of(cls, numbers: Iterable[int]) -> Self:
        """Return the set of *numbers*, in any order, as few ascending ranges as possible."""
        return cls.from_ranges(_ranges.from_numbers(numbers))

    @classmethod
    def from_ranges(cls, ranges: Iterable[tuple[int, int]]) -> Self:
        """Return the set of these (first, last) pairs, kept as they are; `STAR` stands for `*`."""
        return cls.of_parsed(_checked(tuple((first, last) for first, last in ranges)))

    @classmethod
    def of_parsed(cls, ranges: Ranges) -> Self:
        """Return the set of pairs that are known to be in range; skips validation."""
        new = cls.__new__(cls)
        new._ranges = ranges
        new._merged = None
        return new

    @property
    def ranges(self) -> Ranges:
        """The (first, last) pairs as written: in any order, overlapping, either way round."""
        return self._ranges

    @property
    def merged(self) -> Ranges:
        """The same numbers as ascending, disjoint ranges; `STAR` counts as the number above all others."""
        if self._merged is None:
            self._merged = _ranges.merge(self._ranges)
        return self._merged

    @property
    def has_star(self) -> bool:
        """Whether `*` or `$` stands in it, so that only the server can say what it holds."""
        return any(pair[0] >= STAR or pair[1] >= STAR for pair in self._ranges)

    @property
    def is_saved(self) -> bool:
        """Whether it is `$`: what the last SEARCH with SAVE has found (RFC 5182)."""
        return self._ranges == ((SAVED, SAVED),)

    @property
    def needs(self) -> tuple[Need, ...]:
        """What the server must offer for it: SEARCHRES for `$`."""
        return (_SAVED_NEED,) if self.is_saved else ()

    def resolve(self, largest: int) -> Ranges:
        """Return the numbers as ascending, disjoint ranges, with *largest* for `*`.

        Numbers above *largest* stay. With *largest* 0 (an empty mailbox) `*` stands for nothing: a range
        with it is dropped. Raises LocalProtocolError for `$`.
        """
        if self.is_saved:
            raise LocalProtocolError("expected numbers, got $, which the server has saved")
        if largest < 1:
            return _ranges.merge(pair for pair in self._ranges if STAR not in pair)
        return _ranges.merge(
            (min(low, largest) if low == STAR else low, largest if high == STAR else high)
            for low, high in self._ranges
        )

    def _counted(self) -> Ranges:
        if self.has_star:
            raise LocalProtocolError(f"expected numbers only, got {str(self)[:40]}")
        return self.merged

    def __contains__(self, number: object) -> bool:
        return isinstance(number, int) and _ranges.contains(self.merged, number)

    def __len__(self) -> int:
        """Return how many numbers it holds. Raises LocalProtocolError if `*` stands in it."""
        return _ranges.count(self._counted())

    def __bool__(self) -> bool:
        return bool(self._ranges)

    def __iter__(self) -> Iterator[int]:
        """Yield each number, ascending. Raises LocalProtocolError if `*` stands in it."""
        return _ranges.numbers(self._counted())

    def in_order(self) -> Iterator[int]:
        """Yield each number in the order in which the ranges are written, those of a range ascending.

        So an ESEARCH answers a SORT (RFC 5267 section 3.2). Raises LocalProtocolError for `*` and `$`.
        """
        self._counted()
        for first, last in self._ranges:
            yield from range(min(first, last), max(first, last) + 1)

    def last(self, size: int) -> Self:
        """Return the set of the greatest *size* numbers."""
        return self.of_parsed(_ranges.tail(self._counted(), size))

    def slices(self, size: int) -> Iterator[Self]:
        """Yield sets of *size* numbers each, ascending; the last one may have fewer."""
        if size < 1:
            raise LocalProtocolError(f"expected a size of 1 or more, got {size}")
        return map(self.of_parsed, _slices(self._counted(), size))

    def __or__(self, other: Self) -> Self:
        if type(other) is not type(self):
            return NotImplemented
        if self.is_saved or other.is_saved:
            raise LocalProtocolError("expected numbers, got $, which stands alone")
        return self.of_parsed(_ranges.merge(self._ranges + other._ranges))

    def __and__(self, other: Self) -> Self:
        if type(other) is not type(self):
            return NotImplemented
        return self.of_parsed(_ranges.intersection(self._counted(), other._counted()))

    def __sub__(self, other: Self) -> Self:
        if type(other) is not type(self):
            return NotImplemented
        return self.of_parsed(_ranges.difference(self._counted(), other._counted()))

    def __eq__(self, other: object) -> bool:
        """Compare as written: `2:4` and `4:2` hold the same and are not equal."""
        if not isinstance(other, NumberSet) or type(other) is not type(self):
            return NotImplemented
        return self._ranges == other._ranges

    def __hash__(self) -> int:
        return hash((type(self), self._ranges))

    def __str__(self) -> str:
        return ",".join(map(_text, self._ranges))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"


@final
class SequenceSet(NumberSet):
    """A set of message sequence numbers, from text: `SequenceSet("1:*,5")` or "$", or by `of(numbers)`.

    It may be empty, which no command takes. Raises LocalProtocolError for text that is no sequence set.
    """

    __slots__ = ()


@final
class UIDSet(NumberSet):
    """A set of unique identifiers, from text: `UIDSet("1:*,5")` or "$", or by `of(uids)`.

    It may be empty, which no command takes. Raises LocalProtocolError for text that is no sequence set.
    """

    __slots__ = ()


SetT = TypeVar("SetT", bound=NumberSet)


def counter_below(numbers: NumberSet) -> Callable[[int], int]:
    """Return what says how many of *numbers*, in which no `*` stands, are less than a number."""
    return _ranges.counter_below(numbers.merged)


def check_known(numbers: object, kind: type[NumberSet]) -> None:
    """Raise LocalProtocolError unless *numbers* is a *kind* that is not empty, without `*` and `$`."""
    if not isinstance(numbers, kind) or not numbers or numbers.has_star:
        raise LocalProtocolError(f"expected a {kind.__name__} of numbers, got {str(numbers)[:40]!r}")


def parse_sequence_set(cursor: Cursor, kind: type[SetT]) -> SetT:
    """Read a `sequence-set` of *kind*."""
    start = cursor.position
    octets = cursor.expect_match(SEQUENCE_SET, "a sequence set").group()
    if octets.count(b",") >= cursor.max_ranges:
        raise cursor.error(f"at most {cursor.max_ranges} ranges", start)
    try:
        return kind.of_parsed(_pairs(octets))
    except LocalProtocolError:
        raise cursor.error("32-bit numbers in a sequence set", start) from None


def parse_uid_range_set(cursor: Cursor) -> UIDSet:
    """Read a `uid-set` (RFC 4315 section 4): a sequence set of UIDs in which `*` cannot stand."""
    start = cursor.position
    uids = parse_sequence_set(cursor, UIDSet)
    if uids.has_star:
        raise cursor.error("UIDs without *", start)
    return uids


def write_sequence_set(writer: Writer, numbers: NumberSet) -> None:
    """Write a `sequence-set`. Raises LocalProtocolError for an empty one, which has no form."""
    if not numbers:
        raise LocalProtocolError("expected a sequence set that is not empty")
    writer.write(str(numbers).encode("ascii"))


def _pairs(octets: bytes) -> Ranges:
    if octets == b"$":
        return ((SAVED, SAVED),)
    return tuple([_pair(octet_range) for octet_range in octets.split(b",")])


def _pair(octets: bytes) -> tuple[int, int]:
    first, colon, last = octets.partition(b":")
    low = _number(first)
    return (low, _number(last) if colon else low)


def _number(octets: bytes) -> int:
    if octets == b"*":
        return STAR
    number = int(octets)
    if number >= STAR:
        raise _out_of_range(number)
    return number


def _checked(ranges: Ranges) -> Ranges:
    for pair in ranges:
        for number in pair:
            if type(number) is not int or not 1 <= number <= STAR:
                raise _out_of_range(number)
    return ranges


def _out_of_range(number: object) -> LocalProtocolError:
    return LocalProtocolError(f"expected a number from 1 to 4294967295, got {str(number)[:40]}")


def _text(pair: tuple[int, int]) -> str:
    first, last = (_SIGNS.get(number) or str(number) for number in pair)
    return first if first == last else f"{first}:{last}"


def _slices(ranges: Ranges, size: int) -> Iterator[Ranges]:
    taken: list[tuple[int, int]] = []
    room = size
    for low, high in ranges:
        while high - low + 1 >= room:
            taken.append((low, low + room - 1))
            yield tuple(taken)
            low += room
            taken, room = [], size
        if low <= high:
            taken.append((low, high))
            room -= high - low + 1
    if taken:
        yield tuple(taken)
