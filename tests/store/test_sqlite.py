"""Tests of mailproto.store.sqlite."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import closing
from io import BytesIO, RawIOBase
from pathlib import Path
from threading import Event, Thread
from typing import BinaryIO, cast

import pytest

from mailproto.imap.sequence import UIDSet
from mailproto.store import _sqlite_bodies, _sqlite_database, _sqlite_schema, _sqlite_watch, sqlite
from mailproto.store._protocol import MessageGone, StoreError
from mailproto.store._sqlite_bodies import CHUNK, MAX_EAGER
from mailproto.store._structure import Structure
from mailproto.store.sqlite import SQLiteStore
from support_store import DATE, MESSAGE, NONE, Plain, StoreContract, flags

LARGE = bytes(range(251)) * 4_000
"""Octets of a message that is not read when it is opened."""

NESTED = (
    b"Subject: n\xc3\xa4\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n--b\r\n"
    b"Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ntwo\r\n--b--\r\n"
)

Opener = Callable[..., SQLiteStore]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the file will be."""
    return tmp_path / "mail.db"


@pytest.fixture
def open_store(path: Path) -> Iterator[Opener]:
    """Return what opens a store that is closed after the test."""
    stores: list[SQLiteStore] = []

    def opener(account: str = "alice") -> SQLiteStore:
        stores.append(SQLiteStore(path, account))
        return stores[-1]

    yield opener
    for store in stores:
        store.close()


class TestSQLiteStore(StoreContract):
    """The contract."""

    @pytest.fixture(autouse=True)
    def _opener(self, open_store: Opener) -> None:
        self.open_store = open_store

    def make_store(self) -> SQLiteStore:
        return self.open_store()


class Other:
    """Another process with a store; it does what it is told in lines of Python."""

    def __init__(self, path: Path, account: str = "alice") -> None:
        program = [sys.executable, "-c", "import sys\nfor line in sys.stdin: exec(line)"]
        self.process = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.run(
            "import os; from io import BytesIO; from datetime import datetime, timezone;"
            "from mailproto.imap.sequence import UIDSet; from mailproto.store.sqlite import SQLiteStore;"
            f"store = SQLiteStore({str(path)!r}, {account!r}); now = datetime.now(timezone.utc)"
        )

    def run(self, statements: str) -> str:
        """Run *statements* and return the line that they print at last, "done" if they print nothing."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(f"{statements}; print('done', flush=True)\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def close(self) -> int:
        """End it and return its exit code."""
        self.process.communicate(timeout=60)
        return self.process.returncode


def append(store: SQLiteStore, octets: bytes = MESSAGE, mailbox: str = "INBOX") -> int:
    return store.append(mailbox, BytesIO(octets), NONE, DATE)


def counts(path: Path) -> dict[str, int]:
    """Return how many rows the tables have that hold messages."""
    with closing(sqlite3.connect(path)) as connection:
        tables = ("message", "body", "chunk", "vanished")
        return {name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in tables}


def test_all_is_there_when_it_is_opened_again(open_store: Opener) -> None:
    with open_store() as store:
        store.create("work")
        store.subscribe("other", True)
        for octets in (b"", b"a\0b", LARGE):
            append(store, octets, "work")
        store.set_flags("work", 2, flags("\\Seen", "$Läbel"), NONE, None)
        store.expunge("work", UIDSet("1"))
        store.claim_recent("work")
        names, changes = store.mailboxes(), store.changes("work", 0)
        later = store.changes("work", changes.messages[-1].mod_seq)
    again = open_store()
    assert again.mailboxes() == names
    assert again.changes("work", 0) == changes
    assert again.changes("work", changes.messages[-1].mod_seq) == later
    assert Plain(again).read(2, "work") == b"a\0b"
    assert Plain(again).read(3, "work") == LARGE
    assert append(again, mailbox="work") == 4


def test_a_mailbox_that_comes_again_after_a_restart_has_another_uid_validity(open_store: Opener) -> None:
    with open_store() as store:
        store.create("work")
        first = Plain(store).names()["work"].uid_validity
        store.delete("work")
    again = open_store()
    again.create("work")
    assert Plain(again).names()["work"].uid_validity > first


def test_accounts_share_nothing_but_the_file(open_store: Opener) -> None:
    alice, bob = open_store("alice"), open_store("bob'; --")
    alice.create("work")
    alice.subscribe("work", True)
    append(alice)
    assert sorted(Plain(bob).names()) == ["INBOX"]
    assert list(bob.changes("INBOX", 0).messages) == []
    with pytest.raises(StoreError):
        bob.delete("work")


def test_two_stores_of_one_account_see_what_the_other_does(open_store: Opener) -> None:
    one, other = open_store(), open_store()
    seen: list[str] = []
    stop = other.watch(seen.append)
    one.create("work")
    uid = append(one, mailbox="work")
    since = other.changes("work", 0).highest_mod_seq
    other.set_flags("work", uid, flags("a"), NONE, None)
    assert [info.flags for info in one.changes("work", since).messages] == [flags("a")]
    assert seen == ["work"] * 3
    stop()
    stop()
    one.delete("work")
    assert seen == ["work"] * 3


def test_a_watcher_of_another_account_hears_nothing(open_store: Opener) -> None:
    seen: list[str] = []
    open_store("bob").watch(seen.append)
    append(open_store("alice"))
    assert seen == []


def test_a_watcher_that_fails_is_nobody_elses_trouble(open_store: Opener) -> None:
    store = open_store()
    seen: list[str] = []
    store.watch(lambda name: [][0])
    store.watch(seen.append)
    assert append(store) == 1
    assert seen == ["INBOX"]


def test_a_closed_store_watches_no_more(open_store: Opener) -> None:
    one, other = open_store(), open_store()
    seen: list[str] = []
    other.watch(seen.append)
    other.close()
    append(one)
    assert seen == []
    with pytest.raises(StoreError, match="does not work"):
        other.mailboxes()


def test_another_process_is_heard(open_store: Opener, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_sqlite_watch, "POLL_INTERVAL", 0.02)
    store = open_store()
    store.create("old")
    heard: dict[str, Event] = {name: Event() for name in ("INBOX", "new", "old")}
    stop = store.watch(lambda name: heard[name].set())
    with closing(Other(path)) as other:
        for event in heard.values():
            event.clear()
        other.run("store.append('INBOX', BytesIO(b'x'), frozenset(), now)")
        assert heard["INBOX"].wait(30)
        assert not heard["old"].is_set()
        assert not heard["new"].is_set()
        other.run("store.rename('old', 'new')")
        assert heard["old"].wait(30)
        assert heard["new"].wait(30)
        stop()
        heard["new"].clear()
        restarted = store.watch(lambda name: heard[name].set())
        other.run("store.append('new', BytesIO(b'x'), frozenset(), now)")
        assert heard["new"].wait(30)
        restarted()


def test_a_file_that_cannot_be_read_is_looked_at_again(
    open_store: Opener, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_sqlite_watch, "POLL_INTERVAL", 0.02)
    store = open_store()
    heard, failed = Event(), Event()

    select_states = _sqlite_watch.select_states

    def fail_once(connection: sqlite3.Connection, account: int) -> dict[str, _sqlite_watch.State]:
        if failed.is_set():
            return select_states(connection, account)
        failed.set()
        raise sqlite3.OperationalError

    monkeypatch.setattr(_sqlite_watch, "select_states", fail_once)
    store.watch(lambda name: heard.set())
    with closing(Other(path)) as other:
        other.run("store.append('INBOX', BytesIO(b'x'), frozenset(), now)")
        assert heard.wait(30)
    assert failed.is_set()


@pytest.mark.parametrize("size", [10, len(LARGE)], ids=["small", "large"])
def test_a_process_that_dies_loses_nothing_that_it_acknowledged(
    open_store: Opener, path: Path, size: int
) -> None:
    other = Other(path)
    other.run(f"uid = store.append('INBOX', BytesIO(b'x' * {size}), frozenset(['a']), now)")
    other.run("store.set_flags('INBOX', uid, frozenset(['b']), frozenset(), None)")
    other.run("store.create('work'); store.copy('INBOX', UIDSet('1'), 'work')")
    other.run("os._exit(3)")
    assert other.close() == 3
    store = open_store()
    for mailbox in ("INBOX", "work"):
        assert Plain(store).flags(mailbox) == {1: flags("a", "b")}
        assert Plain(store).read(1, mailbox) == b"x" * size


def test_a_process_that_dies_in_the_middle_leaves_nothing(open_store: Opener, path: Path) -> None:
    other = Other(path)
    other.run("from tempfile import TemporaryFile; from types import SimpleNamespace")
    other.run("chunks = iter([b'x' * 1000000] * 9)")
    other.run("file = SimpleNamespace(read=lambda size: next(chunks, None) or os._exit(3))")
    other.run("store.append('INBOX', file, frozenset(), now)")
    assert other.close() == 3
    store = open_store()
    assert append(store) == 1
    assert counts(path) == {"message": 1, "body": 1, "chunk": 1, "vanished": 0}


def test_processes_that_begin_and_write_at_once_wait_for_one_another(open_store: Opener, path: Path) -> None:
    others: list[Other] = []
    threads = [Thread(target=lambda: others.append(Other(path))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    loop = "[store.append('INBOX', BytesIO(b'x'), frozenset(), now) for _ in range(25)]"
    threads = [Thread(target=other.run, args=(loop,)) for other in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [other.close() for other in others] == [0] * 4
    assert [info.uid for info in open_store().changes("INBOX", 0).messages] == list(range(1, 101))


class Dripping(RawIOBase):
    """A file of *size* octets that gives at most *most* at a time, and fails at its end if told so."""

    def __init__(self, size: int, most: int, *, fails: bool = False) -> None:
        self.left = size
        self.most = most
        self.fails = fails

    def read(self, size: int = -1) -> bytes:
        if self.fails and not self.left:
            raise OSError("no more")
        count = min(size, self.most, self.left)
        self.left -= count
        return b"x" * count


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, MAX_EAGER, MAX_EAGER + 1])
def test_every_size_is_read_as_it_was_appended(open_store: Opener, size: int) -> None:
    store = open_store()
    octets = (LARGE * 2)[:size]
    body = store.open("INBOX", append(store, octets))
    assert body.size == size
    for start, stop in [
        (0, size),
        (0, size + 9),
        (size, size + 9),
        (5, 2),
        (1, CHUNK),
        (CHUNK - 1, CHUNK + 1),
    ]:
        assert body.read(start, stop) == octets[start:stop]
    body.close()


def test_a_file_that_drips_is_kept_in_full_chunks(open_store: Opener, path: Path) -> None:
    store = open_store()
    file = cast(BinaryIO, Dripping(2 * CHUNK + 5, 10_000))
    uid = store.append("INBOX", file, NONE, DATE)
    assert Plain(store).read(uid) == b"x" * (2 * CHUNK + 5)
    assert counts(path)["chunk"] == 3


def test_a_file_that_fails_adds_nothing(open_store: Opener, path: Path) -> None:
    store = open_store()
    seen: list[str] = []
    store.watch(seen.append)
    before = store.changes("INBOX", 0)
    with pytest.raises(OSError, match="no more"):
        store.append("INBOX", cast(BinaryIO, Dripping(3 * CHUNK, CHUNK, fails=True)), NONE, DATE)
    assert store.changes("INBOX", 0) == before
    assert seen == []
    assert counts(path) == {"message": 0, "body": 0, "chunk": 0, "vanished": 0}


def test_memory_does_not_grow_with_the_message(open_store: Opener) -> None:
    store = open_store()
    size = 50 * 2**20
    tracemalloc.start()
    try:
        uid = store.append("INBOX", cast(BinaryIO, Dripping(size, CHUNK)), NONE, DATE)
        body = store.open("INBOX", uid)
        read = sum(len(cast(bytes, body.read(at, at + 100_000))) for at in range(0, size, 100_000))
        body.close()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert read == size
    assert peak < 2**20


@pytest.mark.parametrize("by_other_process", [False, True], ids=["here", "elsewhere"])
def test_a_large_body_outlives_its_message(open_store: Opener, path: Path, by_other_process: bool) -> None:
    store = open_store()
    uid = append(store, LARGE)
    body = store.open("INBOX", uid)
    assert body.read(0, 10) == LARGE[:10]
    if by_other_process:
        with closing(Other(path)) as other:
            other.run("store.expunge('INBOX', UIDSet('1'))")
    else:
        store.expunge("INBOX", UIDSet("1"))
    append(store, LARGE[::-1])
    store.close()
    assert body.read(0, len(LARGE)) == LARGE
    body.close()
    assert counts(path)["body"] == 1


def test_a_large_message_that_goes_while_it_is_opened_is_gone(
    open_store: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, other = open_store(), open_store()
    uid = append(store, LARGE)
    connect = _sqlite_database.connect

    def late(path: str) -> sqlite3.Connection:
        other.expunge("INBOX", UIDSet.of([uid]))
        return connect(path)

    monkeypatch.setattr(_sqlite_bodies, "connect", late)
    with pytest.raises(MessageGone):
        store.open("INBOX", uid)


def test_room_of_removed_messages_is_used_again(open_store: Opener, path: Path) -> None:
    store = open_store()
    sizes: list[int] = []
    for _ in range(4):
        uid = append(store, LARGE)
        store.expunge("INBOX", UIDSet.of([uid]))
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        sizes.append(path.stat().st_size)
    assert counts(path) == {"message": 0, "body": 0, "chunk": 0, "vanished": 4}
    assert sizes[1:] == sizes[:1] * 3


def test_octets_go_with_the_last_message_that_has_them(open_store: Opener, path: Path) -> None:
    store = open_store()
    store.create("work")
    append(store, LARGE)
    store.copy("INBOX", UIDSet("1"), "work")
    store.copy("INBOX", UIDSet("1"), "INBOX")
    assert counts(path)["body"] == 1
    store.expunge("INBOX", UIDSet("1:*"))
    assert Plain(store).read(1, "work") == LARGE
    assert counts(path)["body"] == 1
    store.delete("work")
    assert counts(path) == {"message": 0, "body": 0, "chunk": 0, "vanished": 1}


def test_moving_into_the_same_mailbox_gives_new_uids(open_store: Opener) -> None:
    store = open_store()
    append(store, LARGE)
    since = store.changes("INBOX", 0).highest_mod_seq
    assert store.move("INBOX", UIDSet("1:9"), "INBOX") == [(1, 2)]
    changes = store.changes("INBOX", since)
    assert ([info.uid for info in changes.messages], changes.vanished) == ([2], ((1, 1),))
    assert Plain(store).read(2) == LARGE


def test_nothing_to_copy_move_or_remove_is_no_change(open_store: Opener) -> None:
    store = open_store()
    before = store.changes("INBOX", 0)
    seen: list[str] = []
    store.watch(seen.append)
    assert store.copy("INBOX", UIDSet("1:*"), "INBOX") == []
    assert store.move("INBOX", UIDSet("7"), "INBOX") == []
    store.expunge("INBOX", UIDSet("1:*"))
    assert store.changes("INBOX", 0) == before
    assert seen == []


def test_what_vanished_long_ago_is_told_with_all_that_does_not_exist(
    open_store: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "MAX_HISTORY", 2)
    store = open_store()
    for _ in range(12):
        append(store, b"")
    store.expunge("INBOX", UIDSet("1"))
    since = store.changes("INBOX", 0).highest_mod_seq
    store.expunge("INBOX", UIDSet("3"))
    assert store.changes("INBOX", since).vanished == ((3, 3),)
    later = store.changes("INBOX", 0).highest_mod_seq
    store.expunge("INBOX", UIDSet("5:6"))
    store.expunge("INBOX", UIDSet("8:9"))
    assert store.changes("INBOX", since).vanished == ((1, 1), (3, 3), (5, 6), (8, 9))
    assert store.changes("INBOX", later).vanished == ((5, 6), (8, 9))


@pytest.mark.parametrize("octets", [MESSAGE, NESTED, b""], ids=["plain", "nested", "empty"])
def test_structures_are_kept_and_travel_with_copies(open_store: Opener, octets: bytes) -> None:
    store = open_store()
    store.create("work")
    uid = append(store, octets)
    structure = Structure.of(octets)
    store.keep_structure("INBOX", uid, structure)
    store.copy("INBOX", UIDSet.of([uid]), "work")
    assert store.structure("INBOX", uid) == structure
    assert store.structure("work", 1) == structure


def test_structures_of_another_version_are_forgotten(
    open_store: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store()
    uid = append(store)
    store.keep_structure("INBOX", uid, Structure.of(MESSAGE))
    monkeypatch.setattr(_sqlite_bodies, "STRUCTURE_VERSION", 2)
    assert store.structure("INBOX", uid) is None


@pytest.mark.parametrize("name", ["a'b", 'x"; DROP TABLE message; --', "%_", "nul\0nul", ""])
def test_no_text_is_sql(open_store: Opener, name: str) -> None:
    store = open_store(name)
    store.create(name)
    store.subscribe(name, True)
    store.append(name, BytesIO(MESSAGE), flags(f"f{name}"), DATE)
    assert Plain(store).flags(name) == {1: flags(f"f{name}")}
    store.rename(name, f"{name}{name}2")
    assert Plain(store).names()[f"{name}{name}2"].exists
    assert Plain(store).names()[name].subscribed


def test_text_that_cannot_be_stored_is_refused(open_store: Opener) -> None:
    with pytest.raises(StoreError) as caught:
        open_store().create("\ud800")
    assert caught.value.code == "CANNOT"


def test_a_writer_that_does_not_end_is_a_refusal(
    open_store: Opener, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_sqlite_database, "BUSY_TIMEOUT", 0.05)
    store = open_store()
    uid = append(store)
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError) as caught:
            append(store)
        assert caught.value.code == "INUSE"
        store.keep_structure("INBOX", uid, Structure.of(MESSAGE))
        assert store.structure("INBOX", uid) is None
        assert Plain(store).read(uid) == MESSAGE
    assert append(store) == uid + 1


def test_a_full_disk_is_a_refusal(open_store: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    connect = _sqlite_database.connect

    def limited(path: str) -> sqlite3.Connection:
        connection = connect(path)
        connection.execute("PRAGMA max_page_count = 100")
        return connection

    monkeypatch.setattr(_sqlite_database, "connect", limited)
    store = open_store()
    with pytest.raises(StoreError) as caught:
        append(store, LARGE)
    assert caught.value.code == "OVERQUOTA"
    assert append(store) == 1


def test_only_the_owner_can_read_the_file(open_store: Opener, path: Path) -> None:
    append(open_store())
    assert {file.stat().st_mode & 0o777 for file in path.parent.iterdir()} == {0o600}


def change_file(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(statement)


def make_newer(path: Path) -> None:
    SQLiteStore(path, "alice").close()
    change_file(path, "PRAGMA user_version = 99")


def make_damaged(path: Path) -> None:
    SQLiteStore(path, "alice").close()
    octets = bytearray(path.read_bytes())
    octets[100:4_000] = b"\xff" * 3_900
    path.write_bytes(octets)


UNUSABLE = {
    "newer": (make_newer, "UNAVAILABLE", r"version 99, this release knows up to 1$"),
    "foreign": (
        lambda path: change_file(path, "CREATE TABLE other (x)"),
        "UNAVAILABLE",
        "another application",
    ),
    "foreign version": (
        lambda path: change_file(path, "PRAGMA user_version = 1"),
        "UNAVAILABLE",
        "another application",
    ),
    "no database": (lambda path: path.write_bytes(b"From alice\n" * 999), "CORRUPTION", "not a database"),
    "damaged": (make_damaged, "CORRUPTION", "malformed"),
    "folder": (lambda path: path.mkdir(), "UNAVAILABLE", "unable to open"),
}


@pytest.mark.parametrize("make, code, text", UNUSABLE.values(), ids=UNUSABLE)
def test_a_file_that_cannot_be_used(path: Path, make: Callable[[Path], object], code: str, text: str) -> None:
    make(path)
    with pytest.raises(StoreError, match=text) as caught:
        SQLiteStore(path, "alice")
    assert caught.value.code == code
    assert str(path) in caught.value.text


def test_a_folder_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"cannot open .*none/mail.db: No such file or directory"):
        SQLiteStore(tmp_path / "none" / "mail.db", "alice")


def test_a_file_without_shared_memory(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_sqlite_database, "connect", lambda path: sqlite3.connect(":memory:"))
    with pytest.raises(StoreError, match="got journal mode memory"):
        SQLiteStore(path, "alice")


def test_an_account_that_cannot_be_made_leaves_nothing_open(path: Path) -> None:
    with pytest.raises(StoreError):
        SQLiteStore(path, "\ud800")


def test_an_account_that_another_process_makes_meanwhile_is_that_one(
    open_store: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(open_store())
    calls: list[str] = []
    select_account = sqlite._select_account

    def late(connection: sqlite3.Connection, name: str) -> int | None:
        calls.append(name)
        return None if len(calls) == 1 else select_account(connection, name)

    monkeypatch.setattr(sqlite, "_select_account", late)
    assert Plain(open_store()).read(1) == MESSAGE


def test_an_older_file_is_brought_up_to_date(
    open_store: Opener, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_store() as store:
        append(store)
    steps = (*_sqlite_schema.MIGRATIONS, ("ALTER TABLE mailbox ADD COLUMN colour TEXT",))
    monkeypatch.setattr(_sqlite_schema, "MIGRATIONS", steps)
    assert Plain(open_store()).read(1) == MESSAGE
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT colour FROM mailbox").fetchall() == [(None,)]
        assert connection.execute("PRAGMA user_version").fetchone() == (2,)


def test_a_step_that_fails_changes_nothing(
    open_store: Opener, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_store().close()
    steps = (
        *_sqlite_schema.MIGRATIONS,
        ("ALTER TABLE mailbox ADD COLUMN colour TEXT", "SELECT colours FROM mailbox"),
    )
    monkeypatch.setattr(_sqlite_schema, "MIGRATIONS", steps)
    with pytest.raises(StoreError, match="no such column: colours"):
        open_store()
    with closing(sqlite3.connect(path)) as connection, pytest.raises(sqlite3.OperationalError):
        connection.execute("SELECT colour FROM mailbox")


def test_a_store_is_used_from_many_threads(open_store: Opener) -> None:
    store = open_store()
    threads = [Thread(target=lambda: [append(store) for _ in range(10)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [info.uid for info in store.changes("INBOX", 0).messages] == list(range(1, 41))


def test_importing_the_stores_does_not_import_sqlite() -> None:
    program = "import sys, mailproto.store; sys.exit('sqlite3' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
