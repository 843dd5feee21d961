from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto._ranges import Ranges
from mailproto.errors import LocalProtocolError
from mailproto.imap.cursor import ParseError
from mailproto.imap.sequence import (
    STAR,
    NumberSet,
    SequenceSet,
    UIDSet,
    parse_sequence_set,
    parse_uid_range_set,
    write_sequence_set,
)
from support_imap_strategies import ranges, sequence_sets
from support_imap_wire import cursor_at, written

CASES: list[tuple[str, Ranges]] = [
    ("1", ((1, 1),)),
    ("*", ((STAR, STAR),)),
    ("1:*", ((1, STAR),)),
    ("*:4", ((STAR, 4),)),
    ("4:2", ((4, 2),)),
    ("2,4:7,9,12:*", ((2, 2), (4, 7), (9, 9), (12, STAR))),
    ("1:4294967295", ((1, 4294967295),)),
    ("5,5,1", ((5, 5), (5, 5), (1, 1))),
]


@pytest.mark.parametrize(("text", "pairs"), CASES)
@pytest.mark.parametrize("kind", [SequenceSet, UIDSet])
def test_reads_and_writes(text: str, pairs: Ranges, kind: type[SequenceSet] | type[UIDSet]) -> None:
    numbers = kind(text)
    assert numbers.ranges == pairs
    assert str(numbers) == text
    assert kind.from_ranges(pairs) == numbers
    cursor = cursor_at(text.encode())
    assert parse_sequence_set(cursor, kind) == numbers
    assert cursor.is_at_end
    assert written(lambda writer: write_sequence_set(writer, numbers)) == text.encode()


def _parse_whole(octets: bytes) -> None:
    cursor = cursor_at(octets)
    parse_sequence_set(cursor, UIDSet)
    cursor.expect_end()


NOT_CASES = [
    "0",
    "01",
    "1:0",
    "4294967296",
    "9999999999",
    "99999999999",
    "1:4294967296",
    "1:2:3",
    "1,",
    ",1",
    "1,,2",
    "1:",
    ":1",
    "**",
    "1 ",
    " 1",
    "-1",
    "a",
    "1\r\n",
    "١",
    "1" * 100_000,
]


@pytest.mark.parametrize("text", NOT_CASES, ids=lambda text: repr(text[:20]))
def test_refuses(text: str) -> None:
    with pytest.raises(LocalProtocolError):
        SequenceSet(text)
    with pytest.raises(ParseError):
        _parse_whole(text.encode())


@pytest.mark.parametrize("pairs", [((0, 1),), ((1, STAR + 1),), ((True, 1),), ((1.5, 2),), (("1", 2),)])
def test_refuses_pairs_out_of_range(pairs: Ranges) -> None:
    with pytest.raises(LocalProtocolError):
        UIDSet.from_ranges(pairs)


@pytest.mark.parametrize("text", [5, None, b"1"])
def test_refuses_what_is_not_text(text: str) -> None:
    with pytest.raises(LocalProtocolError):
        SequenceSet(text)


def test_the_two_kinds_are_not_interchangeable() -> None:
    sequence_numbers: NumberSet = SequenceSet("1")
    uids: NumberSet = UIDSet("1")
    assert sequence_numbers != uids
    assert len({sequence_numbers, uids, UIDSet("1")}) == 2
    assert sequence_numbers != "1"
    with pytest.raises(TypeError):
        sequence_numbers | uids
    with pytest.raises(TypeError):
        sequence_numbers & uids
    with pytest.raises(TypeError):
        sequence_numbers - uids


@pytest.mark.parametrize(
    ("text", "largest", "expected"),
    [
        ("2,4:7,9,12:*", 15, ((2, 2), (4, 7), (9, 9), (12, 15))),
        ("*:4,5:7", 10, ((4, 10),)),
        ("3291:*", 100, ((100, 3291),)),
        ("*", 7, ((7, 7),)),
        ("*,1:*,3", 0, ((3, 3),)),
        ("1:4294967295", 10, ((1, 4294967295),)),
    ],
)
def test_resolve_puts_the_largest_number_for_the_star(text: str, largest: int, expected: Ranges) -> None:
    assert SequenceSet(text).resolve(largest) == expected


def test_of_takes_numbers_in_any_order() -> None:
    assert str(UIDSet.of([5, 3, 4, 9, 3])) == "3:5,9"
    assert UIDSet.of([]) == UIDSet()
    with pytest.raises(LocalProtocolError):
        UIDSet.of([0])


def test_a_huge_range_is_never_expanded() -> None:
    uids = UIDSet("1:4294967295")
    assert len(uids) == 4294967295
    assert 4_000_000_000 in uids
    assert uids.last(2) == UIDSet("4294967294:4294967295")
    assert next(uids.slices(500)) == UIDSet("1:500")
    assert next(iter(uids)) == 1


def test_membership_and_iteration_follow_the_numbers_not_the_writing() -> None:
    numbers = SequenceSet("7,4:2,3")
    assert list(numbers) == [2, 3, 4, 7]
    assert len(numbers) == 4
    assert [number for number in range(10) if number in numbers] == [2, 3, 4, 7]
    assert "2" not in numbers
    assert 99 in SequenceSet("4:*")
    assert numbers.merged is numbers.merged


def test_a_set_with_a_star_must_be_resolved_to_be_counted() -> None:
    numbers = SequenceSet("1:*")
    assert numbers.has_star
    assert numbers
    for use in (
        len,
        list,
        lambda some: some.last(1),
        lambda some: list(some.slices(1)),
        lambda some: some & some,
    ):
        with pytest.raises(LocalProtocolError):
            use(numbers)


@pytest.mark.parametrize(
    ("text", "size", "expected"),
    [
        ("1:10", 4, ["1:4", "5:8", "9:10"]),
        ("1,3,5,7", 2, ["1,3", "5,7"]),
        ("1,3:6,9", 3, ["1,3:4", "5:6,9"]),
        ("5", 1, ["5"]),
        ("", 3, []),
    ],
)
def test_slices(text: str, size: int, expected: list[str]) -> None:
    assert [str(part) for part in UIDSet(text).slices(size)] == expected


def test_slices_of_nothing_are_refused() -> None:
    with pytest.raises(LocalProtocolError):
        UIDSet("1").slices(0)


def test_sets_join_intersect_and_differ() -> None:
    assert UIDSet("1:3") | UIDSet("4,9:*") == UIDSet("1:4,9:*")
    assert UIDSet("1:5") & UIDSet("4:9") == UIDSet("4:5")
    assert UIDSet("1:5") - UIDSet("2") == UIDSet("1,3:5")


def test_an_empty_set_has_no_wire_form() -> None:
    assert not UIDSet()
    assert repr(UIDSet("1:2")) == "UIDSet('1:2')"
    with pytest.raises(LocalProtocolError):
        written(lambda writer: write_sequence_set(writer, UIDSet()))


def test_ranges_above_the_limit_are_refused() -> None:
    text = b",".join([b"1"] * 11)
    assert len(parse_sequence_set(cursor_at(text, max_ranges=11), UIDSet).ranges) == 11
    with pytest.raises(ParseError, match="at most 10 ranges"):
        parse_sequence_set(cursor_at(text, max_ranges=10), UIDSet)


def test_a_uid_range_set_has_no_star() -> None:
    assert parse_uid_range_set(cursor_at(b"304,319:320")) == UIDSet("304,319:320")
    with pytest.raises(ParseError):
        parse_uid_range_set(cursor_at(b"1:*"))


def test_hostile_text_takes_linear_time() -> None:
    started = time.process_time()
    for text in (b"1:*," * 300_000, b"1:2," * 300_000 + b"x", b"1," * 500_000):
        with pytest.raises(ParseError):
            parse_sequence_set(cursor_at(text), UIDSet)
    assert time.process_time() - started < 5


@given(sequence_sets)
def test_round_trip(numbers: SequenceSet) -> None:
    assert SequenceSet(str(numbers)) == numbers


@given(ranges, st.integers(1, 2**32 - 1))
def test_resolve_holds_no_star(pairs: list[tuple[int, int]], largest: int) -> None:
    for low, high in SequenceSet.from_ranges(pairs).resolve(largest):
        assert 1 <= low <= high < STAR


@given(st.sets(st.integers(1, 200)), st.integers(1, 30))
def test_slices_join_to_the_whole(numbers: set[int], size: int) -> None:
    uids = UIDSet.of(numbers)
    parts = list(uids.slices(size))
    assert [number for part in parts for number in part] == sorted(numbers)
    assert all(len(part) == size for part in parts[:-1])
    assert list(uids.last(size)) == sorted(numbers)[-size:]
