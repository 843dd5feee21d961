"""What every mail store must do, as a class of tests: a store's test module subclasses `StoreContract`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from io import BytesIO
from typing import Any, cast

import pytest

from mailproto.imap.sequence import UIDSet
from mailproto.store._protocol import (
    NOTHING_SINCE,
    Changes,
    MailboxInfo,
    MailStore,
    MessageGone,
    StoreError,
    SupportsCopy,
    SupportsMove,
    SupportsRecent,
    SupportsStructure,
    SupportsWatch,
)
from mailproto.store._structure import Structure
from mailproto.store.memory import MemoryStore

DATE = datetime(2024, 2, 29, 23, 59, 58, tzinfo=timezone(timedelta(hours=5, minutes=30)))
MESSAGE = b"From: alice@example.org\r\nSubject: hello\r\n\r\nA line.\r\n"
NONE: frozenset[str] = frozenset()


def flags(*names: str) -> frozenset[str]:
    """Return a set of flags."""
    return frozenset(names)


class Plain:
    """A store whose methods are plain, with the types that a plain store gives."""

    def __init__(self, store: MailStore) -> None:
        self.store = store

    def names(self) -> dict[str, MailboxInfo]:
        """Return the names by name."""
        return {info.name: info for info in cast(list[MailboxInfo], self.store.mailboxes())}

    def changes(self, mailbox: str = "INBOX", since: int = 0) -> Changes:
        """Return the changes."""
        return cast(Changes, self.store.changes(mailbox, since))

    def append(
        self,
        mailbox: str = "INBOX",
        octets: bytes = MESSAGE,
        names: frozenset[str] = NONE,
        date: datetime = DATE,
    ) -> int:
        """Append and return the UID."""
        return cast(int, self.store.append(mailbox, BytesIO(octets), names, date))

    def set_flags(
        self, uid: int, add: frozenset[str], remove: frozenset[str] = NONE, since: int | None = None
    ) -> int | None:
        """Change the flags of a message in INBOX."""
        return cast("int | None", self.store.set_flags("INBOX", uid, add, remove, since))

    def flags(self, mailbox: str = "INBOX") -> dict[int, frozenset[str]]:
        """Return the flags of each message."""
        return {info.uid: info.flags for info in self.changes(mailbox).messages}

    def read(self, uid: int, mailbox: str = "INBOX") -> bytes:
        """Return all octets of a message."""
        body = self.store.open(mailbox, uid)
        try:
            return cast(bytes, body.read(0, body.size))  # type: ignore[union-attr]  # a plain store
        finally:
            body.close()  # type: ignore[union-attr]  # a plain store


class Bare:
    """A store with no more than what a store must have."""

    blocking = False

    def __init__(self, store: MemoryStore) -> None:
        self.store = store
        for name in REQUIRED:
            setattr(self, name, getattr(store, name))

    mailboxes: Callable[..., Any]
    create: Callable[..., Any]
    delete: Callable[..., Any]
    rename: Callable[..., Any]
    subscribe: Callable[..., Any]
    changes: Callable[..., Any]
    open: Callable[..., Any]
    append: Callable[..., Any]
    set_flags: Callable[..., Any]
    expunge: Callable[..., Any]


REQUIRED = (
    *("mailboxes", "create", "delete", "rename", "subscribe"),
    *("changes", "open", "append", "set_flags", "expunge"),
)
"""The methods that every store has."""


class Async(Bare):
    """The same, with awaitable results, those of the bodies included."""

    def __init__(self, store: MemoryStore) -> None:
        super().__init__(store)
        for name in REQUIRED:
            setattr(self, name, _awaitable(getattr(store, name)))
        self.open = _awaitable(lambda mailbox, uid: AsyncBody(store.open(mailbox, uid)))


class AsyncBody:
    """A body whose methods are async."""

    def __init__(self, body: Any) -> None:
        self.size: int = body.size
        self.read = _awaitable(body.read)
        self.close = _awaitable(body.close)


def _awaitable(function: Callable[..., Any]) -> Callable[..., Any]:
    async def call(*args: Any) -> Any:
        return function(*args)

    return call


class StoreContract(ABC):
    """The tests; `make_store` returns a new, empty store."""

    @abstractmethod
    def make_store(self) -> MailStore:
        """Return a new store."""

    @pytest.fixture
    def store(self) -> MailStore:
        return self.make_store()

    @pytest.fixture
    def plain(self, store: MailStore) -> Plain:
        return Plain(store)

    def test_a_new_store_has_inbox(self, plain: Plain) -> None:
        (inbox,) = plain.names().values()
        assert inbox.name == "INBOX"
        assert inbox.exists
        assert not inbox.subscribed

    def test_a_new_mailbox_is_empty(self, plain: Plain) -> None:
        plain.store.create("work")
        changes = plain.changes("work")
        assert list(changes.messages) == []
        assert changes.vanished == ()
        assert changes.uid_next == 1
        assert changes.uid_validity == plain.names()["work"].uid_validity
        assert 0 < changes.highest_mod_seq < NOTHING_SINCE

    def test_names_are_kept_as_they_are(self, plain: Plain) -> None:
        names = ["work", "work/2024", "Work", "büro/日本", "a b", 'q"uote', "back\\slash", "per%cent*"]
        for name in names:
            plain.store.create(name)
        assert sorted(plain.names()) == sorted(["INBOX", *names])

    def test_a_mailbox_is_created_once(self, plain: Plain) -> None:
        plain.store.create("work")
        for name in ("work", "INBOX"):
            with pytest.raises(StoreError) as caught:
                plain.store.create(name)
            assert caught.value.code == "ALREADYEXISTS"

    def test_deleting_leaves_what_is_below(self, plain: Plain) -> None:
        plain.store.create("work")
        plain.store.create("work/2024")
        plain.store.delete("work")
        assert sorted(plain.names()) == ["INBOX", "work/2024"]

    def test_a_mailbox_that_comes_again_has_another_uid_validity(self, plain: Plain) -> None:
        plain.store.create("work")
        first = plain.names()["work"].uid_validity
        plain.append("work")
        plain.store.delete("work")
        plain.store.create("work")
        assert plain.names()["work"].uid_validity != first
        assert list(plain.changes("work").messages) == []

    def test_renaming_keeps_messages_and_uids(self, plain: Plain) -> None:
        plain.store.create("work")
        plain.store.create("work/below")
        plain.append("work")
        uid = plain.append("work", names=flags("\\Seen"))
        before = plain.changes("work")
        plain.store.rename("work", "old/work")
        after = plain.changes("old/work")
        assert sorted(plain.names()) == ["INBOX", "old/work", "work/below"]
        assert after.uid_validity == before.uid_validity
        assert after.uid_next == before.uid_next
        assert [info[:4] for info in after.messages] == [info[:4] for info in before.messages]
        assert plain.read(uid, "old/work") == MESSAGE

    def test_renaming_overwrites_nothing(self, plain: Plain) -> None:
        plain.store.create("a")
        plain.store.create("b")
        for new in ("b", "INBOX", "a"):
            with pytest.raises(StoreError) as caught:
                plain.store.rename("a", new)
            assert caught.value.code == "ALREADYEXISTS"

    def test_subscriptions_outlive_mailboxes(self, plain: Plain) -> None:
        plain.store.create("work")
        plain.store.subscribe("work", True)
        plain.store.subscribe("work", True)
        assert plain.names()["work"].subscribed
        plain.store.delete("work")
        assert plain.names()["work"] == MailboxInfo("work", 0, True)
        plain.store.subscribe("work", False)
        plain.store.subscribe("work", False)
        assert sorted(plain.names()) == ["INBOX"]

    def test_append_keeps_octets_flags_and_date(self, plain: Plain) -> None:
        uid = plain.append(octets=b"a\0b\r\n\xff", names=flags("\\Seen", "$Label"))
        (info,) = plain.changes().messages
        assert (info.uid, info.size, info.flags) == (uid, 6, flags("\\Seen", "$Label"))
        assert info.internal_date == DATE
        assert info.internal_date.utcoffset() == DATE.utcoffset()
        assert plain.read(uid) == b"a\0b\r\n\xff"

    def test_an_empty_message_is_a_message(self, plain: Plain) -> None:
        assert plain.read(plain.append(octets=b"")) == b""

    def test_uids_only_grow(self, plain: Plain) -> None:
        uids = [plain.append() for _ in range(3)]
        plain.store.expunge("INBOX", UIDSet.of(uids))
        last = plain.append()
        assert uids == [1, 2, 3]
        assert last == 4
        assert plain.changes().uid_next == 5

    def test_changes_say_what_is_new(self, plain: Plain) -> None:
        plain.append()
        since = plain.changes().highest_mod_seq
        uid = plain.append()
        changes = plain.changes(since=since)
        assert [info.uid for info in changes.messages] == [uid]
        assert changes.highest_mod_seq > since
        assert not plain.changes(since=changes.highest_mod_seq).messages

    def test_changes_say_whose_flags_changed(self, plain: Plain) -> None:
        uids = [plain.append() for _ in range(4)]
        since = plain.changes().highest_mod_seq
        plain.set_flags(uids[2], flags("\\Seen"))
        plain.set_flags(uids[0], flags("$A"))
        changes = plain.changes(since=since)
        assert [(info.uid, info.flags) for info in changes.messages] == [
            (1, flags("$A")),
            (3, flags("\\Seen")),
        ]
        assert max(info.mod_seq for info in changes.messages) == changes.highest_mod_seq

    def test_changes_say_what_vanished(self, plain: Plain) -> None:
        for _ in range(6):
            plain.append()
        plain.store.expunge("INBOX", UIDSet("1"))
        since = plain.changes().highest_mod_seq
        plain.store.expunge("INBOX", UIDSet("3:4,6,900"))
        changes = plain.changes(since=since)
        assert {3, 4, 6} <= {uid for low, high in changes.vanished for uid in range(low, high + 1)}
        assert not {2, 5} & {uid for low, high in changes.vanished for uid in range(low, high + 1)}
        assert [info.uid for info in plain.changes().messages] == [2, 5]

    def test_nothing_is_listed_above_every_mod_sequence(self, plain: Plain) -> None:
        plain.append()
        changes = plain.changes(since=NOTHING_SINCE)
        assert (list(changes.messages), changes.vanished, changes.uid_next) == ([], (), 2)

    def test_setting_flags(self, plain: Plain) -> None:
        uid = plain.append(names=flags("\\Seen", "old"))
        plain.set_flags(uid, flags("\\Flagged", "new"), flags("OLD", "never"))
        assert plain.flags()[uid] == flags("\\Seen", "\\Flagged", "new")

    def test_flags_are_one_whatever_their_case(self, plain: Plain) -> None:
        uid = plain.append(names=flags("$Label"))
        before = plain.changes().highest_mod_seq
        assert plain.set_flags(uid, flags("$LABEL")) == before
        assert plain.flags()[uid] == flags("$Label")

    def test_flags_that_do_not_change_are_no_change(self, plain: Plain) -> None:
        uid = plain.append(names=flags("\\Seen"))
        before = plain.changes()
        assert plain.set_flags(uid, flags("\\Seen"), flags("\\Draft")) == before.messages[0].mod_seq
        assert plain.changes().highest_mod_seq == before.highest_mod_seq

    def test_unchanged_since(self, plain: Plain) -> None:
        uid = plain.append()
        first = plain.changes().messages[0].mod_seq
        second = plain.set_flags(uid, flags("a"), since=first)
        assert second is not None
        assert second > first
        assert plain.set_flags(uid, flags("b"), since=first) is None
        assert plain.flags()[uid] == flags("a")

    def test_a_body_outlives_its_message(self, plain: Plain) -> None:
        uid = plain.append()
        body = plain.store.open("INBOX", uid)
        plain.store.expunge("INBOX", UIDSet.of([uid]))
        assert body.read(6, 11) == b"alice"  # type: ignore[union-attr]  # a plain store
        assert body.read(0, 10_000) == MESSAGE  # type: ignore[union-attr]  # a plain store
        body.close()  # type: ignore[union-attr]  # a plain store

    def test_a_message_that_is_gone(self, plain: Plain) -> None:
        uid = plain.append()
        plain.store.expunge("INBOX", UIDSet.of([uid]))
        with pytest.raises(MessageGone):
            plain.store.open("INBOX", uid)
        with pytest.raises(MessageGone):
            plain.set_flags(uid, flags("a"))

    @pytest.mark.parametrize(
        "call",
        [
            lambda store: store.delete("no"),
            lambda store: store.rename("no", "other"),
            lambda store: store.changes("no", 0),
            lambda store: store.open("no", 1),
            lambda store: store.append("no", BytesIO(b""), NONE, DATE),
            lambda store: store.set_flags("no", 1, NONE, NONE, None),
            lambda store: store.expunge("no", UIDSet("1")),
        ],
        ids=["delete", "rename", "changes", "open", "append", "set_flags", "expunge"],
    )
    def test_a_mailbox_that_is_missing(self, store: MailStore, call: Callable[[MailStore], object]) -> None:
        with pytest.raises(StoreError) as caught:
            call(store)
        assert caught.value.code == "NONEXISTENT"

    def test_copying(self, plain: Plain) -> None:
        if not isinstance(plain.store, SupportsCopy):
            pytest.skip("this store leaves copying to the session")
        plain.store.create("work")
        plain.append("work")
        for names in (flags("a"), flags("b"), flags("c")):
            plain.append(names=names)
        pairs = plain.store.copy("INBOX", UIDSet("1,3,77"), "work")
        assert list(cast(list[tuple[int, int]], pairs)) == [(1, 2), (3, 3)]
        assert plain.flags("work") == {1: NONE, 2: flags("a"), 3: flags("c")}
        assert [info.internal_date for info in plain.changes("work").messages] == [DATE] * 3
        assert plain.read(3, "work") == MESSAGE
        assert len(plain.flags()) == 3
        with pytest.raises(StoreError):
            plain.store.copy("INBOX", UIDSet("1"), "no")

    def test_copying_into_the_same_mailbox(self, plain: Plain) -> None:
        if not isinstance(plain.store, SupportsCopy):
            pytest.skip("this store leaves copying to the session")
        plain.append()
        assert list(cast(list[tuple[int, int]], plain.store.copy("INBOX", UIDSet("1"), "INBOX"))) == [(1, 2)]

    def test_moving(self, plain: Plain) -> None:
        if not isinstance(plain.store, SupportsMove):
            pytest.skip("this store leaves moving to the session")
        plain.store.create("work")
        for names in (flags("a"), flags("b"), flags("c")):
            plain.append(names=names)
        since = plain.changes().highest_mod_seq
        pairs = plain.store.move("INBOX", UIDSet("2:3"), "work")
        assert list(cast(list[tuple[int, int]], pairs)) == [(2, 1), (3, 2)]
        assert plain.flags() == {1: flags("a")}
        assert plain.flags("work") == {1: flags("b"), 2: flags("c")}
        assert plain.changes(since=since).vanished == ((2, 3),)
        with pytest.raises(StoreError):
            plain.store.move("INBOX", UIDSet("1"), "no")
        assert plain.flags() == {1: flags("a")}

    def test_watching(self, plain: Plain) -> None:
        if not isinstance(plain.store, SupportsWatch):
            pytest.skip("this store cannot be watched")
        seen: list[str] = []
        stop = plain.store.watch(seen.append)
        plain.store.create("work")
        uid = plain.append("work")
        plain.store.set_flags("work", uid, flags("a"), NONE, None)
        plain.append()
        plain.store.expunge("work", UIDSet("1"))
        assert set(seen) == {"work", "INBOX"}
        assert len(seen) == 5
        stop()
        plain.append()
        assert len(seen) == 5

    def test_keeping_structures(self, plain: Plain) -> None:
        if not isinstance(plain.store, SupportsStructure):
            pytest.skip("this store keeps no structures")
        structure = Structure.of(MESSAGE)
        uid = plain.append()
        assert plain.store.structure("INBOX", uid) is None
        plain.store.keep_structure("INBOX", uid, structure)
        assert plain.store.structure("INBOX", uid) in (structure, None)
        plain.store.keep_structure("INBOX", uid + 1, structure)

    def test_claiming_what_is_recent(self, plain: Plain) -> None:
        if not isinstance(plain.store, SupportsRecent):
            pytest.skip("this store does not know what is recent")
        plain.append()
        plain.append()
        assert plain.changes().first_recent == 1
        assert plain.store.claim_recent("INBOX") == 1
        assert plain.changes().first_recent == 3
        assert plain.store.claim_recent("INBOX") == 3
