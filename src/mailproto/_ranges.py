"""Sorted, disjoint, inclusive ranges of positive numbers: what sequence sets and UID sets are made of.

No function here expands a range: `1:4294967295` is a legal set and costs one pair.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate

__all__ = [
    "Ranges",
    "contains",
    "count",
    "counter_below",
    "difference",
    "from_numbers",
    "intersection",
    "merge",
    "numbers",
    "tail",
]

Ranges = tuple[tuple[int, int], ...]
"""Pairs of (first, last), both included, ascending, neither overlapping nor touching."""


def merge(pairs: Iterable[tuple[int, int]]) -> Ranges:
    """Return *pairs*, in any order and either way round, as `Ranges`."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted((pair if pair[0] <= pair[1] else (pair[1], pair[0])) for pair in pairs):
        if merged and low <= merged[-1][1] + 1:
            if high > merged[-1][1]:
                merged[-1] = (merged[-1][0], high)
        else:
            merged.append((low, high))
    return tuple(merged)


def from_numbers(values: Iterable[int]) -> Ranges:
    """Return the `Ranges` that hold exactly *values*."""
    ordered = sorted(set(values))
    if not ordered:
        return ()
    if ordered[-1] - ordered[0] < len(ordered):
        # All messages, as a search often finds: no gap, and the loop takes as long as the sorting.
        return ((ordered[0], ordered[-1]),)
    merged: list[tuple[int, int]] = []
    low = high = ordered[0]
    for value in ordered[1:]:
        if value != high + 1:
            merged.append((low, high))
            low = value
        high = value
    return (*merged, (low, high))


def contains(ranges: Ranges, value: int) -> bool:
    """Return whether *value* lies in one of *ranges*."""
    if len(ranges) == 1:
        low, high = ranges[0]
        return low <= value <= high
    index = bisect_right(ranges, value, key=_low) - 1
    return index >= 0 and value <= ranges[index][1]


def count(ranges: Ranges) -> int:
    """Return how many numbers *ranges* hold."""
    return sum(high - low + 1 for low, high in ranges)


def counter_below(ranges: Ranges) -> Callable[[int], int]:
    """Return what says how many numbers of *ranges* are less than a number, by one binary search."""
    before = list(accumulate((high - low + 1 for low, high in ranges), initial=0))

    def count_below(number: int) -> int:
        index = bisect_right(ranges, number - 1, key=_low)
        beyond = max(0, ranges[index - 1][1] - number + 1) if index else 0
        return before[index] - beyond

    return count_below


def numbers(ranges: Ranges) -> Iterator[int]:
    """Yield every number, ascending; check `count` first where the ranges come from a peer."""
    for low, high in ranges:
        yield from range(low, high + 1)


def intersection(left: Ranges, right: Ranges) -> Ranges:
    """Return the numbers that lie in both."""
    found: list[tuple[int, int]] = []
    i = j = 0
    while i < len(left) and j < len(right):
        low, high = max(left[i][0], right[j][0]), min(left[i][1], right[j][1])
        if low <= high:
            found.append((low, high))
        if left[i][1] < right[j][1]:
            i += 1
        else:
            j += 1
    return tuple(found)


def difference(left: Ranges, right: Ranges) -> Ranges:
    """Return the numbers of *left* that do not lie in *right*."""
    kept: list[tuple[int, int]] = []
    j = 0
    for low, high in left:
        while j < len(right) and right[j][1] < low:
            j += 1
        k = j
        while k < len(right) and right[k][0] <= high:
            if low < right[k][0]:
                kept.append((low, right[k][0] - 1))
            low = right[k][1] + 1
            k += 1
        if low <= high:
            kept.append((low, high))
    return tuple(kept)


def tail(ranges: Ranges, size: int) -> Ranges:
    """Return the greatest *size* numbers."""
    kept: list[tuple[int, int]] = []
    for low, high in reversed(ranges):
        if size <= 0:
            break
        low = max(low, high - size + 1)
        kept.append((low, high))
        size -= high - low + 1
    return tuple(reversed(kept))


def _low(pair: tuple[int, int]) -> int:
    return pair[0]
