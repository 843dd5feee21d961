"""Copies of mailboxes in SQLite: steps and states are stored together."""

from __future__ import annotations

import sqlite3
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mailproto.cache import CachedMessage, MailboxCache
from mailproto.errors import LocalProtocolError
from mailproto.imap.fetch import FLAGS, INTERNALDATE, RFC822_SIZE, UID, BodySection
from mailproto.imap.fetch_data import FetchData
from mailproto.imap.mirror import (
    AddMessage,
    Changed,
    ExpungeMessages,
    InSync,
    MirrorState,
    MirrorStep,
    MoveMessages,
    New,
    Reset,
    StoreFlags,
    Vanished,
)
from mailproto.imap.sequence import UIDSet
from support_mirror import KINDS, Copy, Mailbox, Server, synchronize

DATE = datetime(2024, 2, 29, 12, 0, 0, tzinfo=UTC)


def state(known: str, uid_validity: int = 7) -> MirrorState:
    return MirrorState(uid_validity=uid_validity, uid_next=9, mod_seq=5, known=UIDSet(known))


def message(uid: int, *flags: str) -> FetchData:
    return FetchData(1, UID.answer(uid), FLAGS.answer(frozenset(flags)))


def whole(uid: int) -> FetchData:
    items = INTERNALDATE.answer(DATE), RFC822_SIZE.answer(5), BodySection().answer(b"hello")
    return message(uid).replaced(*items)


STEPS: list[tuple[MirrorStep, list[CachedMessage]]] = [
    (
        New((message(1, "\\Seen", "$Junk", "\\Recent"), whole(3)), state("1,3")),
        [
            CachedMessage(1, frozenset({"\\Seen", "$Junk"}), None, None, None),
            CachedMessage(3, frozenset(), DATE, 5, b"hello"),
        ],
    ),
    (
        Changed((message(1), message(3, "\\Deleted")), state("1,3")),
        [
            CachedMessage(1, frozenset(), None, None, None),
            CachedMessage(3, frozenset({"\\Deleted"}), DATE, 5, b"hello"),
        ],
    ),
    (Vanished(UIDSet("2:9"), state("1")), [CachedMessage(1, frozenset(), None, None, None)]),
    (InSync(state("1")), [CachedMessage(1, frozenset(), None, None, None)]),
    (Reset(MirrorState(uid_validity=8)), []),
]


def test_what_each_step_does_stays_when_the_file_is_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "cache.sqlite"
    for step, expected in STEPS:
        with MailboxCache(path) as cache:
            cache.store("INBOX", step)
        with MailboxCache(str(path)) as cache:
            assert list(cache.messages("INBOX")) == expected
            assert cache.state("INBOX") == step.state
            assert cache.mailboxes() == ("INBOX",)
    assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0


def test_mailboxes_do_not_share_anything(tmp_path: Path) -> None:
    names = ["INBOX", "../x", "a\r\nb\0", "Gr\xf6\xdfe \U0001f4e7", "\udcff\ud800", ""]
    with MailboxCache(tmp_path / "cache") as cache:
        for number, name in enumerate(names, 1):
            assert cache.state(name) == MirrorState()
            cache.store(name, New((message(number),), state(str(number))))
        assert sorted(cache.mailboxes()) == sorted(names)
        for number, name in enumerate(names, 1):
            assert [each.uid for each in cache.messages(name)] == [number]
        cache.forget("INBOX")
        cache.forget("INBOX")
        assert cache.state("INBOX") == MirrorState()
        assert list(cache.messages("INBOX")) == []
        assert [each.uid for each in cache.messages("../x")] == [2]


def test_a_step_that_cannot_be_stored_changes_neither_messages_nor_state(tmp_path: Path) -> None:
    with MailboxCache(tmp_path / "cache") as cache:
        cache.store("INBOX", New((message(1),), state("1")))
        with pytest.raises(sqlite3.IntegrityError):
            cache.store("INBOX", New((message(2), message(1)), state("1:2")))
        assert [each.uid for each in cache.messages("INBOX")] == [1]
        assert cache.state("INBOX") == state("1")
        cache.store("INBOX", New((message(2),), state("1:2")))


def test_what_is_queued_shows_and_changes_nothing_of_the_copy(tmp_path: Path) -> None:
    with MailboxCache(tmp_path / "cache") as cache:
        step = New((message(1, "\\Flagged"), message(2), message(3), message(4)), state("1:4"))
        cache.store("INBOX", step)
        changes = (
            StoreFlags(UIDSet("1:2"), frozenset({"\\Seen"}), frozenset({"\\Flagged"})),
            AddMessage("draft"),
            MoveMessages(UIDSet("3"), "Archive"),
            ExpungeMessages(UIDSet("4")),
        )
        cache.queue("INBOX", *changes[:1])
        cache.queue("INBOX", *changes[1:])
        assert cache.state("INBOX").changes == changes
        seen = frozenset({"\\Seen"})
        assert [(each.uid, each.flags) for each in cache.messages("INBOX")] == [(1, seen), (2, seen)]
        with pytest.raises(LocalProtocolError, match="messages that are known, got 5"):
            cache.queue("INBOX", ExpungeMessages(UIDSet("5")))
        cache.store("INBOX", InSync(state("1:4")))
        assert [len(each.flags) for each in cache.messages("INBOX")] == [1, 0, 0, 0]


def test_files_of_something_else_are_left_alone(tmp_path: Path) -> None:
    for name, setting in {"other": "CREATE TABLE x (y)", "later": "PRAGMA user_version = 2"}.items():
        path = tmp_path / name
        connection = sqlite3.connect(path)
        connection.execute(setting)
        connection.close()
        with pytest.raises(LocalProtocolError, match=f"{name}: expected copies of mailboxes of version 1"):
            MailboxCache(path)
    (tmp_path / "text").write_text("no database at all, however long it is" * 100)
    with pytest.raises(sqlite3.DatabaseError):
        MailboxCache(tmp_path / "text")


@pytest.mark.parametrize("kind", KINDS)
def test_a_cache_that_is_opened_anew_after_each_step_gets_in_sync(tmp_path: Path, kind: str) -> None:
    """What is stored is what a copy in memory has, which nothing is told twice."""
    box, copy = Mailbox(), Copy()
    for _ in range(9):
        box.add()
    for turn in range(8):
        for step in synchronize(Server(box, kind), copy, batch=2, stop_after=turn):
            with MailboxCache(tmp_path / "cache") as cache:
                cache.store("INBOX", step)
                assert cache.state("INBOX") == step.state
                assert [each.uid for each in cache.messages("INBOX")] == list(step.state.known)
        with MailboxCache(tmp_path / "cache") as cache:
            assert {each.uid: each.flags for each in cache.messages("INBOX")} == copy.flags
        box.expunge(min(box.flags))
        box.set_flags(box.add(), "\\Seen")
        if turn == 4:
            box.reset(box.uid_validity + 1)
