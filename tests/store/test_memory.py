"""Tests of mailproto.store.memory."""

from __future__ import annotations

from mailproto.imap.sequence import UIDSet
from mailproto.store._protocol import NOTHING_SINCE
from mailproto.store.memory import MAX_HISTORY, MemoryStore
from support_store import MESSAGE, NONE, Plain, StoreContract, flags


class TestMemoryStore(StoreContract):
    """The contract."""

    def make_store(self) -> MemoryStore:
        return MemoryStore()


def test_a_message_read_whole_is_not_copied() -> None:
    plain = Plain(MemoryStore())
    uid = plain.append()
    assert plain.read(uid) is plain.read(uid)


def test_uid_validity_starts_where_it_is_told() -> None:
    store = MemoryStore(uid_validity=1_700_000_000)
    store.create("work")
    assert [info.uid_validity for info in store.mailboxes()] == [1_700_000_000, 1_700_000_001]


def test_structures_travel_with_copies() -> None:
    store = MemoryStore()
    plain = Plain(store)
    uid = plain.append()
    store.create("work")
    marker = object()
    store.keep_structure("INBOX", uid, marker)  # type: ignore[arg-type]  # any object shows it
    store.copy("INBOX", UIDSet.of([uid]), "work")
    assert store.structure("work", 1) is marker


def test_what_vanished_long_ago_is_told_with_all_that_does_not_exist() -> None:
    store = MemoryStore()
    plain = Plain(store)
    for _ in range(MAX_HISTORY + 10):
        plain.append(octets=b"")
    store.expunge("INBOX", UIDSet("1"))
    since = plain.changes(since=NOTHING_SINCE).highest_mod_seq
    store.expunge("INBOX", UIDSet("3"))
    assert plain.changes(since=since).vanished == ((3, 3),)
    store.expunge("INBOX", UIDSet(f"5:{MAX_HISTORY + 5}"))
    assert plain.changes(since=since).vanished == ((1, 1), (3, 3), (5, MAX_HISTORY + 5))
    late = plain.changes(since=NOTHING_SINCE).highest_mod_seq
    store.expunge("INBOX", UIDSet("*"))
    assert plain.changes(since=late).vanished == ((MAX_HISTORY + 10,) * 2,)


def test_a_star_in_a_uid_set_is_the_last_message() -> None:
    store = MemoryStore()
    plain = Plain(store)
    for _ in range(3):
        plain.append(octets=MESSAGE)
    store.expunge("INBOX", UIDSet("*"))
    assert plain.flags() == {1: NONE, 2: NONE}
    plain.set_flags(2, flags("a"))
    store.expunge("INBOX", UIDSet("1:*"))
    assert plain.flags() == {}
