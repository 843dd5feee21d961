"""The client's map of sequence numbers, against a plain list."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto._ranges import from_numbers
from mailproto.imap.codes import UIDNOTSTICKY, UIDValidityCode
from mailproto.imap.ext.qresync import VanishedData
from mailproto.imap.fetch import FLAGS, UID
from mailproto.imap.responses import ExistsData, ExpungeData, FetchData, ListData
from mailproto.imap.sequence import UIDSet
from mailproto.imap.status import Ok
from mailproto.imap.view import MAX_RUNS, MailboxView, NumberMap
from support_imap import now

STEPS = st.lists(st.tuples(st.sampled_from(["told", "gone"]), st.integers(1, 30)), max_size=60)


@given(STEPS)
def test_the_map_says_what_a_list_says(steps: list[tuple[str, int]]) -> None:
    uids = [10 * number for number in range(1, 31)]
    known: set[int] = set()
    numbers = NumberMap()
    for kind, number in steps:
        if number > len(uids):
            continue
        if kind == "told":
            numbers.put(number, uids[number - 1])
            known.add(uids[number - 1])
        else:
            numbers.expunge(number)
            known.discard(uids.pop(number - 1))
        assert len(numbers) == len(known)
        for index, uid in enumerate(uids, start=1):
            assert numbers.uid(index) == (uid if uid in known else None)
            assert numbers.sequence_number(uid) == (index if uid in known else None)


GONE = st.lists(st.lists(st.integers(1, 30), max_size=8), max_size=6)


@pytest.mark.parametrize("step_between_uids", [1, 2, 10])
@given(told=st.sets(st.integers(1, 30)), steps=GONE)
def test_what_vanishes_is_as_in_a_list(
    step_between_uids: int, told: set[int], steps: list[list[int]]
) -> None:
    uids = [step_between_uids * number for number in range(1, 31)]
    known = {step_between_uids * number for number in told}
    numbers = NumberMap()
    for number in sorted(told):
        numbers.put(number, step_between_uids * number)
    for step in steps:
        gone = {uids[number - 1] for number in step if number <= len(uids)}
        numbers.vanish(from_numbers(gone))
        uids = [uid for uid in uids if uid not in gone]
        known -= gone
        assert len(numbers) == len(known)
        for index, uid in enumerate(uids, start=1):
            assert numbers.uid(index) == (uid if uid in known else None)


def test_what_cannot_have_vanished_empties_the_map() -> None:
    for gone in (((15, 15),), ((1, 9),), ((1, 2**32 - 1),)):
        numbers = NumberMap()
        numbers.put(1, 10)
        numbers.put(2, 20)
        numbers.vanish(gone)
        assert len(numbers) == 0


def test_much_that_vanishes_from_many_runs_takes_one_pass() -> None:
    numbers = NumberMap()
    for run in range(1_000):
        for place in range(100):
            numbers.put(1_000 * run + place + 1, 1_000 * run + place + 1)
    gone = tuple((uid, uid) for run in range(1_000) for uid in range(1_000 * run + 501, 1_000 * run + 701, 2))
    started = time.process_time()
    numbers.vanish(gone)
    assert time.process_time() - started < 5
    assert len(numbers) == 100_000
    assert [numbers.uid(900 * run + 1) for run in (0, 1, 999)] == [1, 1_001, 999_001]


def test_vanished_and_earlier() -> None:
    view = MailboxView("x", is_read_only=False)
    view.feed(VanishedData(UIDSet("1")))
    view.feed(ExistsData(5))
    view.feed(FetchData(5, UID.answer(50)))
    view.feed(VanishedData(UIDSet("10,30"), is_earlier=True))
    assert (view.exists, view.sequence_number(50)) == (5, 5)
    view.feed(VanishedData(UIDSet("10,30")))
    assert (view.exists, view.sequence_number(50)) == (3, 3)


def test_what_contradicts_empties_the_map() -> None:
    for number, uid in [(2, 99), (1, 20), (3, 20), (3, 5)]:
        numbers = NumberMap()
        numbers.put(2, 20)
        numbers.put(number, uid)
        assert numbers.uid(2) in (None, 20)
        assert len(numbers) <= 1


def test_numbers_that_cannot_be_are_no_news() -> None:
    numbers = NumberMap()
    for number, uid in [(0, 1), (1, 0), (1, 2**32)]:
        numbers.put(number, uid)
    assert len(numbers) == 0
    assert numbers.uid(1) is None
    assert numbers.sequence_number(1) is None


def test_memory_grows_with_what_was_told() -> None:
    numbers = NumberMap()
    numbers.put(2**32 - 1, 7)
    assert numbers.uid(2**32 - 1) == 7
    for index in range(1, 3 * MAX_RUNS):
        numbers.put(2 * index, 2 * index)
    assert len(numbers) <= MAX_RUNS


MANY = st.lists(
    st.tuples(st.integers(1, 30), st.integers(1, 8), st.integers(1, 60), st.integers(0, 3)), max_size=8
)


@given(MANY)
def test_many_at_once_are_as_one_after_the_other(many: list[tuple[int, int, int, int]]) -> None:
    at_once, one_by_one = NumberMap(), NumberMap()
    for first, count, uid, step in many:
        numbers, uids = [first + n for n in range(count)], [uid + step * n for n in range(count)]
        at_once.put_all(numbers, uids)
        for pair in zip(numbers, uids, strict=True):
            one_by_one.put(*pair)
        at_once.put_all(numbers[::-1], uids)
        for pair in zip(numbers[::-1], uids, strict=True):
            one_by_one.put(*pair)
        assert all_of(at_once) == all_of(one_by_one)


def all_of(numbers: NumberMap) -> list[int | None]:
    return [numbers.uid(number) for number in range(1, 80)]


@pytest.mark.parametrize("uids", [[2, 3, 2**32], [1, 2, 3], [2, 4, 3], [5, 6, 7]])
def test_many_that_cannot_be(uids: list[int]) -> None:
    at_once, one_by_one = NumberMap(), NumberMap()
    for numbers in (at_once, one_by_one):
        numbers.put(1, 1)
    at_once.put_all([2, 3, 4], uids)
    for number, uid in enumerate(uids, start=2):
        one_by_one.put(number, uid)
    assert all_of(at_once) == all_of(one_by_one)


def test_many_with_gaps_between_them_are_not_taken_for_neighbours() -> None:
    numbers = NumberMap()
    numbers.put_all([1, 2, 3], [10, 20, 30])
    numbers.put_all([1, 3], [10, 20])
    assert all_of(numbers)[:3] == [None, None, None]


def test_many_more_than_a_run_has_are_known_and_known_again() -> None:
    numbers = NumberMap()
    for first in range(1, 40_001, 1_000):
        numbers.put_all([*range(first, first + 1_000)], [*range(2 * first, 2 * first + 2_000, 2)])
    assert len(numbers) == 40_000
    numbers.put_all([*range(5, 30_000)], [*range(10, 60_000, 2)])
    numbers.expunge(1)
    assert [numbers.uid(number) for number in (1, 16_383, 16_384, 39_999)] == [4, 32_768, 32_770, 80_000]


def test_truncate_forgets_the_numbers_above() -> None:
    numbers = NumberMap()
    for number in (1, 2, 3, 7, 9):
        numbers.put(number, number * 10)
    numbers.truncate(2)
    assert [numbers.uid(number) for number in (1, 2, 3, 7, 9)] == [10, 20, None, None, None]


def test_the_view_follows_responses() -> None:
    view = MailboxView("x", is_read_only=False)
    for response in (
        ExpungeData(1),
        ExistsData(2),
        FetchData(2, UID.answer(9)),
        FetchData(2, FLAGS.answer(frozenset())),
        ListData(frozenset(), "/", "x"),
        Ok("x", UIDNOTSTICKY),
        Ok("x"),
    ):
        view.feed(response)
    assert (view.exists, view.uid(2), view.sequence_number(9)) == (2, 9, 2)
    assert (view.uid_not_sticky, view.is_read_only) == (True, False)
    view.feed(ExistsData(1))
    assert view.uid(2) is None


def test_the_view_keeps_the_list_response_of_its_mailbox() -> None:
    view = MailboxView("Entwu\u0308rfe", is_read_only=False)
    view.feed(ListData(frozenset(), "/", "other"))
    assert now(view.listing) is None
    normalized = ListData(frozenset(), "/", "Entwürfe", extended=(("OLDNAME", view.mailbox),))
    view.feed(normalized)
    assert view.listing == normalized
    same = ListData(frozenset({"\\Sent"}), "/", view.mailbox)
    view.feed(same)
    assert view.listing == same


def test_another_uid_validity_forgets_the_numbers() -> None:
    view = MailboxView("x", is_read_only=False)
    view.feed(Ok("x", UIDValidityCode(1)))
    view.feed(FetchData(2, UID.answer(9)))
    view.feed(Ok("x", UIDValidityCode(1)))
    assert view.uid(2) == 9
    view.feed(Ok("x", UIDValidityCode(2)))
    assert view.uid(2) is None
