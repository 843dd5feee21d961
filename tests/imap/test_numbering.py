from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mailproto import _ranges
from mailproto.imap.numbering import MAX_GONE, Numbering


@given(st.integers(1, 30), st.lists(st.integers(1, 30), max_size=30))
def test_it_is_what_a_list_of_messages_says(count: int, expunges: list[int]) -> None:
    messages = list(range(1, count + 1))
    numbering = Numbering()
    for number in expunges:
        if number <= len(messages):
            del messages[number - 1]
            numbering.expunge(number)
    assert [numbering.original(number) for number in range(1, len(messages) + 1)] == messages
    assert numbering.gone == count - len(messages)
    assert numbering.has_moved is (numbering.gone > 0)
    assert list(_ranges.numbers(numbering.left(((1, count),)))) == messages
    asked = _ranges.from_numbers(range(1, count + 1, 2))
    now = [index for index, message in enumerate(messages, 1) if message % 2]
    assert list(_ranges.numbers(numbering.current(asked))) == now


def test_a_range_is_never_expanded() -> None:
    numbering = Numbering()
    numbering.expunge(5)
    assert numbering.current(((1, 2**32 - 1),)) == ((1, 2**32 - 2),)
    assert numbering.left(((1, 2**32 - 1),)) == ((1, 4), (6, 2**32 - 1))


def test_a_flood_is_bounded() -> None:
    numbering = Numbering()
    for _ in range(MAX_GONE):
        numbering.expunge(1)
    assert (numbering.gone, numbering.is_lost) == (MAX_GONE, False)
    numbering.expunge(1)
    assert (numbering.gone, numbering.is_lost, numbering.has_moved) == (MAX_GONE, True, True)
    assert numbering.since(5).is_lost


@given(st.lists(st.integers(1, 9), max_size=12), st.integers(0, 12), st.integers(0, 50))
def test_what_was_known_at_a_moment_and_what_came_since(expunges: list[int], moment: int, begun: int) -> None:
    numbering = Numbering(begun)
    before, after = Numbering(), Numbering()
    for index, number in enumerate(expunges):
        for each in (numbering, before if index < moment else after):
            each.expunge(number)
    at, since = numbering.at(begun + moment), numbering.since(begun + moment)
    for number in range(1, 30):
        assert at.original(number) == before.original(number)
        assert since.original(number) == after.original(number)
        assert numbering.original(number) == before.original(after.original(number))


def test_only_what_vanishes_later_makes_numbers_unknown() -> None:
    numbering = Numbering(7)
    numbering.expunge(3)
    numbering.expunge(None)
    numbering.expunge(2)
    assert numbering.is_lost
    assert [numbering.at(moment).is_lost for moment in range(7, 11)] == [False, False, True, True]
    assert [numbering.since(moment).is_lost for moment in range(7, 11)] == [True, True, False, False]
