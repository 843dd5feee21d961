"""Copies of mailboxes in one file of SQLite: what `IMAPClient.mirror` tells, kept with its state.

It is small so that it can be read as an example: one transaction stores a step and the state behind it. So a
copy is as it was before the step or as it is after it, whenever the process ends. Methods block; in asyncio
call them in a thread, or live with some milliseconds.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Final, final

from mailproto.errors import LocalProtocolError
from mailproto.imap.fetch import FLAGS, INTERNALDATE, RFC822_SIZE, BodySection
from mailproto.imap.fetch_data import FetchData
from mailproto.imap.flags import RECENT
from mailproto.imap.local_changes import LocalChange, StoreFlags, uids_of
from mailproto.imap.mirror import Changed, MirrorState, MirrorStep, New, Reset, Vanished
from mailproto.imap.sequence import UIDSet

__all__ = ["CachedMessage", "MailboxCache"]

APPLICATION_ID: Final = 0x6D617063
"""Marks a file as ours, `mapc` in ASCII (`PRAGMA application_id`)."""
VERSION: Final = 1
BUSY_TIMEOUT: Final = 30.0
"""Seconds to wait for another process that writes."""

_BODY: Final = BodySection()
_TABLES: Final = """
BEGIN IMMEDIATE;
CREATE TABLE mailbox (
    id INTEGER PRIMARY KEY,
    name BLOB NOT NULL UNIQUE,
    state TEXT NOT NULL
);
CREATE TABLE message (
    mailbox INTEGER NOT NULL REFERENCES mailbox ON DELETE CASCADE,
    uid INTEGER NOT NULL,
    flags BLOB NOT NULL,
    internal_date TEXT,
    size INTEGER,
    octets BLOB,
    PRIMARY KEY (mailbox, uid)
) WITHOUT ROWID;
"""


@final
@dataclass(frozen=True, slots=True)
class CachedMessage:
    """A message of a copy. `octets` are those of the whole message; what was not fetched is None."""

    uid: int
    flags: frozenset[str]
    internal_date: datetime | None
    size: int | None
    octets: bytes | None


@final
class MailboxCache:
    """Copies of mailboxes in the file *path*, which is made if it is not there, readable by its owner only.

    A context manager that closes it. Any one thread at a time may use it. Raises LocalProtocolError for a
    file of something else or of another version, and sqlite3.Error.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        self._connection = sqlite3.connect(
            path, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False
        )
        try:
            self._connection.execute("PRAGMA foreign_keys = ON")
            self._prepare(os.fspath(path))
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self, path: str) -> None:
        """Make the tables of a new file, and check those of another one."""
        found = self._pragma("application_id"), self._pragma("user_version")
        if found == (0, 0) and not self._connection.execute("SELECT * FROM sqlite_master").fetchall():
            marks = f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION}; COMMIT;"
            self._connection.executescript(_TABLES + marks)
        elif found != (APPLICATION_ID, VERSION):
            raise LocalProtocolError(f"{path}: expected copies of mailboxes of version {VERSION}")

    def _pragma(self, name: str) -> int:
        return int(self._connection.execute(f"PRAGMA {name}").fetchone()[0])

    def mailboxes(self) -> tuple[str, ...]:
        """Return the names of the mailboxes that there is a copy of."""
        rows = self._connection.execute("SELECT name FROM mailbox ORDER BY name")
        return tuple(_text(name) for (name,) in rows)

    def state(self, mailbox: str) -> MirrorState:
        """Return the state of the copy of *mailbox*, which is empty if there is none."""
        query = "SELECT state FROM mailbox WHERE name = ?"
        row = self._connection.execute(query, (_octets(mailbox),)).fetchone()
        return MirrorState() if row is None else MirrorState.from_json(row[0])

    def messages(self, mailbox: str) -> Iterator[CachedMessage]:
        """Yield the messages of the copy of *mailbox*, by their UIDs, as they are once its queue is done."""
        changes = self.state(mailbox).changes
        query = (
            "SELECT uid, flags, internal_date, size, octets FROM message"
            " JOIN mailbox ON mailbox = id WHERE name = ? ORDER BY uid"
        )
        for uid, flags, date, size, octets in self._connection.execute(query, (_octets(mailbox),)):
            internal_date = None if date is None else datetime.fromisoformat(date)
            names = _after(changes, uid, frozenset(_text(flags).split()))
            if names is not None:
                yield CachedMessage(uid, names, internal_date, size, octets)

    def store(self, mailbox: str, step: MirrorStep) -> None:
        """Do to the copy of *mailbox* what *step* tells, and keep its state, both or neither."""
        with self._transaction():
            number = self._keep_state(mailbox, step.state)
            if isinstance(step, New):
                self._add(number, step.messages)
            elif isinstance(step, Changed):
                self._change(number, step.messages)
            elif isinstance(step, Vanished):
                self._remove(number, step.uids)
            elif isinstance(step, Reset):
                self._connection.execute("DELETE FROM message WHERE mailbox = ?", (number,))

    def queue(self, mailbox: str, *changes: LocalChange) -> None:
        """Note what the next synchronization of *mailbox* is to do on the server.

        Not while one is under way: its steps bring the queue that it began with. Raises LocalProtocolError
        for messages that the copy does not have.
        """
        with self._transaction():
            self._keep_state(mailbox, self.state(mailbox).queued(*changes))

    def forget(self, mailbox: str) -> None:
        """Remove the copy of *mailbox*."""
        self._connection.execute("DELETE FROM mailbox WHERE name = ?", (_octets(mailbox),))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def _keep_state(self, mailbox: str, state: MirrorState) -> int:
        """Keep the state and return the number of the mailbox in the tables."""
        query = (
            "INSERT INTO mailbox (name, state) VALUES (?, ?)"
            " ON CONFLICT (name) DO UPDATE SET state = excluded.state RETURNING id"
        )
        return int(self._connection.execute(query, (_octets(mailbox), state.to_json())).fetchone()[0])

    def _add(self, number: int, messages: Iterable[FetchData]) -> None:
        query = "INSERT INTO message VALUES (?, ?, ?, ?, ?, ?)"
        self._connection.executemany(query, ((number, *_row(message)) for message in messages))

    def _change(self, number: int, messages: Iterable[FetchData]) -> None:
        query = "UPDATE message SET flags = ? WHERE mailbox = ? AND uid = ?"
        rows = ((_flags(message), number, message.uid) for message in messages)
        self._connection.executemany(query, rows)

    def _remove(self, number: int, uids: UIDSet) -> None:
        query = "DELETE FROM message WHERE mailbox = ? AND uid BETWEEN ? AND ?"
        self._connection.executemany(query, ((number, *pair) for pair in uids.merged))

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def __enter__(self) -> MailboxCache:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _after(changes: Iterable[LocalChange], uid: int, flags: frozenset[str]) -> frozenset[str] | None:
    """Return the flags of a message after *changes*; None if it is gone then."""
    for change in changes:
        if uid in uids_of(change):
            if not isinstance(change, StoreFlags):
                return None
            flags = (flags | change.add) - change.remove
    return flags


def _row(message: FetchData) -> tuple[object, ...]:
    date = message.get(INTERNALDATE)
    internal_date = None if date is None else date.isoformat()
    return message.uid, _flags(message), internal_date, message.get(RFC822_SIZE), message.get(_BODY)


def _flags(message: FetchData) -> bytes:
    # RFC 3501 section 2.3.2: \Recent belongs to a session.
    return _octets(" ".join(sorted((message.get(FLAGS) or frozenset()) - {RECENT})))


def _octets(text: str) -> bytes:
    """Return what stands for *text*, which may have come from octets that are no UTF-8."""
    return text.encode("utf-8", "surrogatepass")


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "surrogatepass")
