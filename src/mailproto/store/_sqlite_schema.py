"""The tables of the SQLite store, and how a file of an earlier version gets them.

`PRAGMA user_version` counts the steps of `MIGRATIONS` that a file has been through. Octets of messages stand
in rows of their own, `chunk`, that are never updated; messages share them through `body`, which goes, by a
trigger, with the last message that has it.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from mailproto.store._protocol import StoreError

__all__ = ["APPLICATION_ID", "MIGRATIONS", "migrate"]

APPLICATION_ID: Final = 0x6D617073
"""Marks a file as ours, `maps` in ASCII (`PRAGMA application_id`)."""

_FIRST: Final = (
    """CREATE TABLE account (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        uid_validity INTEGER NOT NULL DEFAULT 0
    )""",
    """CREATE TABLE mailbox (
        id INTEGER PRIMARY KEY,
        account INTEGER NOT NULL REFERENCES account ON DELETE CASCADE,
        name TEXT NOT NULL,
        uid_validity INTEGER NOT NULL,
        uid_next INTEGER NOT NULL DEFAULT 1,
        mod_seq INTEGER NOT NULL DEFAULT 1,
        first_recent INTEGER NOT NULL DEFAULT 1,
        forgotten INTEGER NOT NULL DEFAULT 0,
        UNIQUE (account, name)
    )""",
    """CREATE TABLE subscription (
        account INTEGER NOT NULL REFERENCES account ON DELETE CASCADE,
        name TEXT NOT NULL,
        PRIMARY KEY (account, name)
    ) WITHOUT ROWID""",
    """CREATE TABLE body (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        structure TEXT
    )""",
    """CREATE TABLE chunk (
        body INTEGER NOT NULL REFERENCES body ON DELETE CASCADE,
        number INTEGER NOT NULL,
        octets BLOB NOT NULL,
        PRIMARY KEY (body, number)
    )""",
    """CREATE TABLE message (
        mailbox INTEGER NOT NULL REFERENCES mailbox ON DELETE CASCADE,
        uid INTEGER NOT NULL,
        flags TEXT NOT NULL,
        internal_date TEXT NOT NULL,
        size INTEGER NOT NULL,
        mod_seq INTEGER NOT NULL,
        body INTEGER NOT NULL REFERENCES body,
        PRIMARY KEY (mailbox, uid)
    ) WITHOUT ROWID""",
    "CREATE INDEX message_by_mod_seq ON message (mailbox, mod_seq)",
    "CREATE INDEX message_by_body ON message (body)",
    """CREATE TABLE vanished (
        mailbox INTEGER NOT NULL REFERENCES mailbox ON DELETE CASCADE,
        mod_seq INTEGER NOT NULL,
        low INTEGER NOT NULL,
        high INTEGER NOT NULL,
        PRIMARY KEY (mailbox, mod_seq, low)
    ) WITHOUT ROWID""",
    """CREATE TRIGGER message_removed AFTER DELETE ON message
        WHEN NOT EXISTS (SELECT 1 FROM message WHERE body = OLD.body)
        BEGIN DELETE FROM body WHERE id = OLD.body; END""",
    f"PRAGMA application_id = {APPLICATION_ID}",
)

MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (_FIRST,)
"""What leads from each version to the next; a step that was released is never changed."""


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the file to the version of this release.

    Raises StoreError for a file of a later version or of another application, and sqlite3.Error.
    """
    if _version(connection) == len(MIGRATIONS) and _is_ours(connection):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = _checked_version(connection)
        for statements in MIGRATIONS[version:]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _checked_version(connection: sqlite3.Connection) -> int:
    version = _version(connection)
    is_empty = not connection.execute("SELECT 1 FROM sqlite_master").fetchone()
    if not (_is_ours(connection) or (version == 0 and is_empty)):
        raise StoreError("UNAVAILABLE", "the file is a database of another application")
    if version > len(MIGRATIONS):
        known = len(MIGRATIONS)
        raise StoreError("UNAVAILABLE", f"the file has version {version}, this release knows up to {known}")
    return version


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _is_ours(connection: sqlite3.Connection) -> bool:
    return bool(connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID)
