"""A server session's sequence numbers while others change the mailbox."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.imap.tracker import Exists, Expunged, FlagsChanged, SequenceTracker


def test_numbers_and_uids() -> None:
    tracker = SequenceTracker([9, 3, 5])
    assert (len(tracker), tracker.last_uid) == (3, 9)
    assert [tracker.uid(number) for number in (1, 2, 3)] == [3, 5, 9]
    assert [tracker.sequence_number(uid) for uid in (3, 4, 9, 10)] == [1, None, 3, None]
    assert list(tracker) == [(1, 3), (2, 5), (3, 9)]
    for number in (0, 4):
        with pytest.raises(LookupError):
            tracker.uid(number)
    assert SequenceTracker().last_uid == 0


def test_ranges_are_resolved_without_being_expanded() -> None:
    tracker = SequenceTracker([3, 5, 9])
    assert list(tracker.by_number(((2, 2**32),))) == [(2, 5), (3, 9)]
    assert list(tracker.by_number(((7, 8),))) == []
    assert list(tracker.by_uid(((1, 3), (6, 2**32 - 1)))) == [(1, 3), (3, 9)]


def test_expunges_wait_until_they_are_allowed() -> None:
    tracker = SequenceTracker([1, 2, 3, 4])
    tracker.feed(vanished=[2, 4], added=[7], changed=[1, 2])
    assert tracker.has_updates
    assert tracker.take_updates(may_expunge=False) == (Exists(5), FlagsChanged(1, 1))
    assert tracker.is_vanished(2)
    assert tracker.uid(2) == 2
    assert tracker.take_updates(may_expunge=False) == ()
    assert tracker.take_updates(may_expunge=True) == (Expunged(4, 4), Expunged(2, 2))
    assert list(tracker) == [(1, 1), (2, 3), (3, 7)]
    assert not tracker.has_updates


def test_what_came_and_went_unseen_is_never_told() -> None:
    tracker = SequenceTracker([1])
    tracker.feed(added=[2, 3], changed=[3])
    tracker.feed(vanished=[3, 99])
    assert tracker.take_updates(may_expunge=True) == (Exists(2),)


def test_a_change_fed_twice_is_told_once() -> None:
    tracker = SequenceTracker([1])
    for _ in range(2):
        tracker.feed(added=[1, 2], vanished=[1])
    assert tracker.take_updates(may_expunge=True) == (Expunged(1, 1), Exists(1))
    tracker.feed(vanished=[1], changed=[1])
    assert not tracker.has_updates


def test_own_changes_are_not_told() -> None:
    tracker = SequenceTracker([1, 2])
    tracker.feed(changed=[1, 2])
    tracker.forget_change(1)
    assert tracker.take_updates(may_expunge=False) == (FlagsChanged(2, 2),)


def test_flags_of_a_new_message_follow_its_exists() -> None:
    tracker = SequenceTracker([1])
    tracker.feed(added=[5], changed=[5])
    assert tracker.take_updates(may_expunge=True) == (Exists(2), FlagsChanged(2, 5))


@given(
    st.lists(
        st.tuples(st.sets(st.integers(1, 60), max_size=8), st.sets(st.integers(1, 60)), st.booleans()),
        max_size=12,
    )
)
def test_a_client_that_follows_ends_with_the_mailbox(steps: list[tuple[set[int], set[int], bool]]) -> None:
    mailbox = set(range(1, 31))
    tracker = SequenceTracker(mailbox)
    client = sorted(mailbox)
    greatest = 30
    for added, vanished, may_expunge in [*steps, (set(), set(), True)]:
        new = {greatest + uid for uid in added}
        greatest = max(new, default=greatest)
        tracker.feed(added=new)
        tracker.feed(vanished=vanished)
        mailbox = (mailbox | new) - vanished
        for update in tracker.take_updates(may_expunge=may_expunge):
            match update:
                case Expunged(number, uid):
                    assert client.pop(number - 1) == uid
                case Exists(count):
                    assert count > len(client)
                    client += [tracker.uid(number) for number in range(len(client) + 1, count + 1)]
        assert client == [uid for _, uid in tracker]
    assert client == sorted(mailbox)


def test_a_hundred_thousand_messages_are_no_burden() -> None:
    tracker = SequenceTracker(range(1, 100_001))
    tracker.feed(vanished=range(1, 100_001, 2))
    updates = tracker.take_updates(may_expunge=True)
    assert (len(updates), updates[0], len(tracker)) == (50_000, Expunged(99_999, 99_999), 50_000)
    assert tracker.sequence_number(100_000) == 50_000
