"""Ranges against plain sets."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from mailproto import _ranges

PAIRS = st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40)), max_size=12)


def expand(pairs: list[tuple[int, int]]) -> set[int]:
    return {value for low, high in pairs for value in range(min(low, high), max(low, high) + 1)}


def is_normal(ranges: _ranges.Ranges) -> bool:
    gaps = all(left[1] + 1 < right[0] for left, right in pairwise(ranges))
    return gaps and all(low <= high for low, high in ranges)


@given(PAIRS)
def test_merge_keeps_the_numbers_and_is_normal(pairs: list[tuple[int, int]]) -> None:
    merged = _ranges.merge(pairs)
    assert is_normal(merged)
    assert list(_ranges.numbers(merged)) == sorted(expand(pairs))
    assert _ranges.count(merged) == len(expand(pairs))
    assert _ranges.from_numbers(expand(pairs)) == merged


@given(PAIRS, PAIRS)
def test_intersection_and_difference(left: list[tuple[int, int]], right: list[tuple[int, int]]) -> None:
    a, b = _ranges.merge(left), _ranges.merge(right)
    both, rest = _ranges.intersection(a, b), _ranges.difference(a, b)
    assert set(_ranges.numbers(both)) == expand(left) & expand(right)
    assert set(_ranges.numbers(rest)) == expand(left) - expand(right)
    assert is_normal(both)
    assert is_normal(rest)


@given(PAIRS, st.integers(0, 60))
def test_contains_and_tail(pairs: list[tuple[int, int]], number: int) -> None:
    ranges = _ranges.merge(pairs)
    assert _ranges.contains(ranges, number) == (number in expand(pairs))
    greatest = sorted(expand(pairs))[max(0, len(expand(pairs)) - number) :]
    assert list(_ranges.numbers(_ranges.tail(ranges, number))) == greatest


def test_the_greatest_range_costs_one_pair() -> None:
    everything = _ranges.merge([(4294967295, 1)])
    assert everything == ((1, 4294967295),)
    assert _ranges.count(everything) == 4294967295
    assert _ranges.contains(everything, 4294967295)
    assert _ranges.tail(everything, 2) == ((4294967294, 4294967295),)
