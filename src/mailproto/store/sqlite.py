"""A mail store in a file, on the standard library's sqlite3: many accounts, many processes, one file.

It is not imported with `mailproto.store`: say `from mailproto.store.sqlite import SQLiteStore`.

What a method did when it returned is kept whatever happens to the process. It is kept when the power fails,
too, as far as the disk keeps what it says it wrote; only the last changes of flags, of subscriptions and of
what is recent may then be undone. The file stands in WAL mode with two more beside it, `-wal` and `-shm`: it
needs a local disk. Room of removed messages is used again; the file itself does not get smaller.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, NamedTuple, Self

from mailproto import _ranges
from mailproto._ranges import Ranges
from mailproto.imap.sequence import UIDSet
from mailproto.store._flags import changed_flags
from mailproto.store._protocol import Body, Changes, MailboxInfo, MessageGone, MessageInfo, StoreError
from mailproto.store._sqlite_bodies import dump_structure, insert_body, load_structure, open_body
from mailproto.store._sqlite_database import Database
from mailproto.store._sqlite_watch import State, select_states, watchers_of
from mailproto.store._structure import Structure

__all__ = ["SQLiteStore"]

MAX_HISTORY: Final = 10_000
"""Ranges of removed UIDs that a mailbox remembers; older ones are told without their mod-sequences."""
MAX_CACHED_FLAGS: Final = 1_024
TICKS: Final = 1_000_000
"""Mod-sequences in a second."""


class SQLiteStore:
    """One account in an SQLite file, a `MailStore` with every optional method but `search`.

    The file, which only its owner can read, and the account are made if they are not there. Stores of other
    accounts, further stores of this one and other processes may use the file at the same time; a method waits
    up to 30 seconds for a writer. It may be called from any thread: calls wait for one another. While a
    message is appended the file is locked for other writers, so its octets should be at hand, not on their
    way.

    Raises StoreError if the file cannot be opened or written, is damaged, belongs to another application or
    to a later version; its text names the file. Close it in the end; bodies that are open can still be read.
    """

    blocking = True

    def __init__(self, path: Path | str, account: str) -> None:
        resolved = str(Path(path).resolve())
        self._database = Database(resolved)
        self._watchers = watchers_of(resolved)
        self._watches: dict[object, Callable[[], None]] = {}
        try:
            self._account = self._find_account(account)
        except BaseException:
            self._database.close()
            raise

    def _find_account(self, name: str) -> int:
        with self._database.reading() as connection:
            account = _select_account(connection, name)
        if account is None:
            with self._database.writing() as connection:
                account = _insert_account(connection, name)
        with self._database.reading() as connection:
            self._watchers.learn(account, select_states(connection, account))
        return account

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and end what `watch` began; later calls raise StoreError."""
        while self._watches:
            self._watches.popitem()[1]()
        self._watchers.settle()
        self._database.close()

    def mailboxes(self) -> list[MailboxInfo]:
        """Return every mailbox and every name that is subscribed to, sorted."""
        with self._database.reading() as connection:
            states = select_states(connection, self._account)
            rows = connection.execute("SELECT name FROM subscription WHERE account = ?", (self._account,))
            subscribed = {name for (name,) in rows}
        return [
            MailboxInfo(name, states[name][0] if name in states else 0, name in subscribed)
            for name in sorted(states.keys() | subscribed)
        ]

    def create(self, mailbox: str) -> None:
        """Create an empty mailbox."""
        with self._changing() as change:
            change.require_free(mailbox)
            _insert_mailbox(change.connection, self._account, mailbox)
            change.touch(mailbox)

    def delete(self, mailbox: str) -> None:
        """Remove a mailbox with its messages."""
        with self._changing() as change:
            found = change.mailbox(mailbox)
            change.connection.execute("DELETE FROM mailbox WHERE id = ?", (found.id,))
            change.touch(mailbox)

    def rename(self, mailbox: str, new: str) -> None:
        """Rename one mailbox; its UIDs and its `uid_validity` stay."""
        with self._changing() as change:
            found = change.mailbox(mailbox)
            change.require_free(new)
            change.connection.execute("UPDATE mailbox SET name = ? WHERE id = ?", (new, found.id))
            change.touch(mailbox, new)

    def subscribe(self, mailbox: str, subscribed: bool) -> None:
        """Put a name on the list of subscriptions, or take it off."""
        statement = _SUBSCRIBE if subscribed else _UNSUBSCRIBE
        with self._database.writing(durable=False) as connection:
            connection.execute(statement, (self._account, mailbox))

    def changes(self, mailbox: str, since: int) -> Changes:
        """Return what happened after the mod-sequence *since*."""
        with self._database.reading() as connection:
            found = _select_mailbox(connection, self._account, mailbox)
            is_behind = since < found.mod_seq
            return Changes(
                messages=_select_changed(connection, found.id, since) if is_behind else [],
                vanished=_select_vanished(connection, found, since) if is_behind and since else (),
                uid_validity=found.uid_validity,
                uid_next=found.uid_next,
                highest_mod_seq=found.mod_seq,
                first_recent=found.first_recent,
            )

    def open(self, mailbox: str, uid: int) -> Body:
        """Return the octets of a message; those of a large one stay in the file until they are read."""
        with self._database.reading() as connection:
            found = _select_mailbox(connection, self._account, mailbox)
            message = _select_message(connection, found.id, uid)
            return open_body(connection, self._database.path, uid, message.body, message.size)

    def append(self, mailbox: str, octets: BinaryIO, flags: frozenset[str], internal_date: datetime) -> int:
        """Add a message and return its UID; its octets pass through memory in pieces."""
        with self._changing() as change:
            found = change.mailbox(mailbox)
            body, size = insert_body(change.connection, octets)
            text = _dump_flags(changed_flags(frozenset(), flags, frozenset()))
            message = _Message(
                found.uid_next, text, internal_date.isoformat(), size, found.next_mod_seq, body
            )
            _insert_messages(change.connection, found, [message])
            change.touch(mailbox)
            return message.uid

    def set_flags(
        self,
        mailbox: str,
        uid: int,
        add: frozenset[str],
        remove: frozenset[str],
        unchanged_since: int | None,
    ) -> int | None:
        """Change the flags of a message and return its mod-sequence; None if it was changed since."""
        with self._changing(durable=False) as change:
            found = change.mailbox(mailbox)
            message = _select_message(change.connection, found.id, uid)
            if unchanged_since is not None and message.mod_seq > unchanged_since:
                return None
            before = _load_flags(message.flags)
            flags = changed_flags(before, add, remove)
            if flags == before:
                return message.mod_seq
            values = (_dump_flags(flags), found.next_mod_seq, found.id, uid)
            change.connection.execute(_SET_FLAGS, values)
            _set_mod_seq(change.connection, found)
            change.touch(mailbox)
            return found.next_mod_seq

    def expunge(self, mailbox: str, uids: UIDSet) -> None:
        """Remove messages; who has one open can still read it."""
        with self._changing() as change:
            found = change.mailbox(mailbox)
            messages = _select_messages(change.connection, found.id, uids)
            if messages:
                _remove(change.connection, found, messages)
                change.touch(mailbox)

    def copy(self, mailbox: str, uids: UIDSet, destination: str) -> list[tuple[int, int]]:
        """Copy messages; both share their octets."""
        with self._changing() as change:
            _, pairs = _copy(change, mailbox, uids, destination)
            return pairs

    def move(self, mailbox: str, uids: UIDSet, destination: str) -> list[tuple[int, int]]:
        """Move messages in one step."""
        with self._changing() as change:
            messages, pairs = _copy(change, mailbox, uids, destination)
            if messages:
                _remove(change.connection, change.mailbox(mailbox), messages)
                change.touch(mailbox)
            return pairs

    def watch(self, callback: Callable[[str], object]) -> Callable[[], object]:
        """Call *callback* with the name of each mailbox that changes; call the result to end that.

        Changes by stores of this process are told at once, those of other processes within a second or two,
        from a thread. Exceptions of the callback are dropped.
        """
        key = object()
        self._watches[key] = self._watchers.add(self._account, callback)
        return lambda: self._watches.pop(key, _nothing)()

    def structure(self, mailbox: str, uid: int) -> Structure | None:
        """Return what was kept for this message, or for one that it was copied from, or None."""
        with self._database.reading() as connection:
            found = _select_mailbox(connection, self._account, mailbox)
            message = _select_message(connection, found.id, uid)
            (text,) = connection.execute(
                "SELECT structure FROM body WHERE id = ?", (message.body,)
            ).fetchone()
        return load_structure(text) if text else None

    def keep_structure(self, mailbox: str, uid: int, structure: Structure) -> None:
        """Keep *structure* beside the message, if it is still there and the file can be written."""
        with suppress(StoreError), self._database.writing(durable=False) as connection:
            found = _select_mailbox(connection, self._account, mailbox)
            message = _select_message(connection, found.id, uid)
            values = (dump_structure(structure), message.body)
            connection.execute("UPDATE body SET structure = ? WHERE id = ?", values)

    def claim_recent(self, mailbox: str) -> int:
        """Return the lowest UID that nobody has been told of, and count all as told."""
        with self._database.reading() as connection:
            found = _select_mailbox(connection, self._account, mailbox)
        if found.first_recent < found.uid_next:
            with self._database.writing(durable=False) as connection:
                found = _select_mailbox(connection, self._account, mailbox)
                connection.execute("UPDATE mailbox SET first_recent = uid_next WHERE id = ?", (found.id,))
        return found.first_recent

    @contextmanager
    def _changing(self, *, durable: bool = True) -> Iterator[_Change]:
        """Change mailboxes in one transaction, and tell the watchers when it is done."""
        with self._database.writing(durable=durable) as connection:
            change = _Change(connection, self._account)
            yield change
            states = change.states()
        if states:
            self._watchers.tell(self._account, states)


class _Change:
    """A transaction on the mailboxes of one account, and the names that it touches."""

    __slots__ = ("_account", "_names", "connection")

    def __init__(self, connection: sqlite3.Connection, account: int) -> None:
        self.connection = connection
        self._account = account
        self._names: dict[str, None] = {}

    def mailbox(self, name: str) -> _Mailbox:
        return _select_mailbox(self.connection, self._account, name)

    def require_free(self, name: str) -> None:
        if _find_mailbox(self.connection, self._account, name) is not None:
            raise StoreError("ALREADYEXISTS", "there is such a mailbox")

    def touch(self, *names: str) -> None:
        self._names.update(dict.fromkeys(names))

    def states(self) -> Mapping[str, State | None]:
        found = {name: _find_mailbox(self.connection, self._account, name) for name in self._names}
        return {name: row and (row.uid_validity, row.mod_seq) for name, row in found.items()}


class _Mailbox(NamedTuple):
    """A row of `mailbox`. Vanished UIDs up to the mod-sequence `forgotten` are not remembered one by one."""

    id: int
    uid_validity: int
    uid_next: int
    mod_seq: int
    first_recent: int
    forgotten: int
    now: int
    """Seconds since 1970."""

    @property
    def next_mod_seq(self) -> int:
        """The mod-sequence of the next change.

        It follows the clock, so that what a power cut undid and clients saw is never given again.
        """
        return max(self.mod_seq + 1, self.now * TICKS)


class _Message(NamedTuple):
    """A row of `message`; `flags` is a JSON array."""

    uid: int
    flags: str
    internal_date: str
    size: int
    mod_seq: int
    body: int


_NOW: Final = "CAST(strftime('%s', 'now') AS INTEGER)"
_MAILBOX: Final = (
    f"SELECT id, uid_validity, uid_next, mod_seq, first_recent, forgotten, {_NOW} FROM mailbox"
    " WHERE account = ? AND name = ?"
)
_MESSAGE: Final = "SELECT uid, flags, internal_date, size, mod_seq, body FROM message WHERE mailbox = ?"
_INFO: Final = (
    "SELECT uid, flags, internal_date, size, mod_seq FROM message WHERE mailbox = ? AND mod_seq > ?"
)
_INSERT_MESSAGE: Final = (
    "INSERT INTO message (mailbox, uid, flags, internal_date, size, mod_seq, body)"
    " VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_SET_FLAGS: Final = "UPDATE message SET flags = ?, mod_seq = ? WHERE mailbox = ? AND uid = ?"
_SUBSCRIBE: Final = "INSERT OR IGNORE INTO subscription (account, name) VALUES (?, ?)"
_UNSUBSCRIBE: Final = "DELETE FROM subscription WHERE account = ? AND name = ?"
_NEXT_UID_VALIDITY: Final = f"UPDATE account SET uid_validity = max(uid_validity + 1, {_NOW}) WHERE id = ?"
_INSERT_MAILBOX: Final = (
    "INSERT INTO mailbox (account, name, uid_validity) SELECT id, ?, uid_validity FROM account WHERE id = ?"
)
_LAST_TO_FORGET: Final = (
    "SELECT mod_seq FROM vanished WHERE mailbox = ? ORDER BY mod_seq DESC, low DESC LIMIT 1 OFFSET ?"
)


def _nothing() -> None:
    """Stand for the end of a watch that ended before."""


def _select_account(connection: sqlite3.Connection, name: str) -> int | None:
    row = connection.execute("SELECT id FROM account WHERE name = ?", (name,)).fetchone()
    return row[0] if row else None


def _insert_account(connection: sqlite3.Connection, name: str) -> int:
    """Make an account with its INBOX, unless another process did it just now."""
    account = _select_account(connection, name)
    if account is None:
        account = connection.execute("INSERT INTO account (name) VALUES (?)", (name,)).lastrowid or 0
        _insert_mailbox(connection, account, "INBOX")
    return account


def _insert_mailbox(connection: sqlite3.Connection, account: int, name: str) -> None:
    """Make a mailbox; its `uid_validity` is the time, or the next number after the account's last one."""
    connection.execute(_NEXT_UID_VALIDITY, (account,))
    connection.execute(_INSERT_MAILBOX, (name, account))


def _find_mailbox(connection: sqlite3.Connection, account: int, name: str) -> _Mailbox | None:
    row = connection.execute(_MAILBOX, (account, name)).fetchone()
    return _Mailbox(*row) if row else None


def _select_mailbox(connection: sqlite3.Connection, account: int, name: str) -> _Mailbox:
    found = _find_mailbox(connection, account, name)
    if found is None:
        raise StoreError("NONEXISTENT", "no such mailbox")
    return found


def _select_message(connection: sqlite3.Connection, mailbox: int, uid: int) -> _Message:
    row = connection.execute(f"{_MESSAGE} AND uid = ?", (mailbox, uid)).fetchone()
    if row is None:
        raise MessageGone(uid)
    return _Message(*row)


def _select_messages(connection: sqlite3.Connection, mailbox: int, uids: UIDSet) -> list[_Message]:
    (last,) = connection.execute("SELECT max(uid) FROM message WHERE mailbox = ?", (mailbox,)).fetchone()
    return [
        _Message(*row)
        for low, high in uids.resolve(last or 0)
        for row in connection.execute(
            f"{_MESSAGE} AND uid BETWEEN ? AND ? ORDER BY uid", (mailbox, low, high)
        )
    ]


def _select_changed(connection: sqlite3.Connection, mailbox: int, since: int) -> list[MessageInfo]:
    rows = connection.execute(f"{_INFO} ORDER BY uid", (mailbox, since))
    return [
        MessageInfo(uid, _load_flags(flags), datetime.fromisoformat(date), size, mod_seq)
        for uid, flags, date, size, mod_seq in rows
    ]


def _select_vanished(connection: sqlite3.Connection, mailbox: _Mailbox, since: int) -> Ranges:
    if since < mailbox.forgotten:
        rows = connection.execute("SELECT uid FROM message WHERE mailbox = ?", (mailbox.id,))
        there = _ranges.from_numbers(uid for (uid,) in rows)
        return _ranges.difference(((1, mailbox.uid_next - 1),), there)
    values = (mailbox.id, since)
    return _ranges.merge(
        connection.execute("SELECT low, high FROM vanished WHERE mailbox = ? AND mod_seq > ?", values)
    )


def _insert_messages(connection: sqlite3.Connection, mailbox: _Mailbox, messages: list[_Message]) -> None:
    """Add *messages*, which have the next UIDs and the next mod-sequence."""
    connection.executemany(_INSERT_MESSAGE, ((mailbox.id, *message) for message in messages))
    connection.execute(
        "UPDATE mailbox SET uid_next = uid_next + ?, mod_seq = ? WHERE id = ?",
        (len(messages), messages[-1].mod_seq, mailbox.id),
    )


def _copy(
    change: _Change, mailbox: str, uids: UIDSet, destination: str
) -> tuple[list[_Message], list[tuple[int, int]]]:
    """Copy messages; return them, and the pairs of UIDs."""
    messages = _select_messages(change.connection, change.mailbox(mailbox).id, uids)
    target = change.mailbox(destination)
    copies = [
        message._replace(uid=target.uid_next + index, mod_seq=target.next_mod_seq)
        for index, message in enumerate(messages)
    ]
    if copies:
        _insert_messages(change.connection, target, copies)
        change.touch(destination)
    return messages, [(message.uid, new.uid) for message, new in zip(messages, copies, strict=True)]


def _remove(connection: sqlite3.Connection, mailbox: _Mailbox, messages: Iterable[_Message]) -> None:
    gone = _ranges.from_numbers(message.uid for message in messages)
    mod_seq = mailbox.next_mod_seq
    connection.executemany(
        "DELETE FROM message WHERE mailbox = ? AND uid BETWEEN ? AND ?",
        ((mailbox.id, low, high) for low, high in gone),
    )
    connection.executemany(
        "INSERT INTO vanished (mailbox, mod_seq, low, high) VALUES (?, ?, ?, ?)",
        ((mailbox.id, mod_seq, low, high) for low, high in gone),
    )
    _set_mod_seq(connection, mailbox)
    _forget(connection, mailbox.id)


def _set_mod_seq(connection: sqlite3.Connection, mailbox: _Mailbox) -> None:
    values = (mailbox.next_mod_seq, mailbox.id)
    connection.execute("UPDATE mailbox SET mod_seq = ? WHERE id = ?", values)


def _forget(connection: sqlite3.Connection, mailbox: int) -> None:
    """Remember the last `MAX_HISTORY` ranges only, and from which mod-sequence on."""
    row = connection.execute(_LAST_TO_FORGET, (mailbox, MAX_HISTORY)).fetchone()
    if row:
        connection.execute("DELETE FROM vanished WHERE mailbox = ? AND mod_seq <= ?", (mailbox, *row))
        connection.execute("UPDATE mailbox SET forgotten = ? WHERE id = ?", (*row, mailbox))


def _dump_flags(flags: frozenset[str]) -> str:
    return json.dumps(sorted(flags))


@lru_cache(MAX_CACHED_FLAGS)
def _load_flags(text: str) -> frozenset[str]:
    return frozenset(json.loads(text))
