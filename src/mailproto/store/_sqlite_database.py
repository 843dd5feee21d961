"""Connections to the file of an SQLite store: opened, locked, in transactions, with errors of the store."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock, RLock
from typing import Final

from mailproto.store._protocol import StoreError
from mailproto.store._sqlite_schema import migrate

__all__ = ["Database", "connect", "translated"]

BUSY_TIMEOUT: Final = 30.0
"""Seconds to wait for another process that writes."""
MAX_JOURNAL: Final = 16_777_216
"""Octets that the write-ahead log keeps on disk when it is empty."""

_opening: Final = Lock()
"""Held while a file is opened, since making it and locking it must not overlap in one process."""

_CODES: Final = {
    "SQLITE_BUSY": ("INUSE", "the mail store is in use, try again later"),
    "SQLITE_FULL": ("OVERQUOTA", "there is no room on the disk"),
    "SQLITE_TOOBIG": ("TOOBIG", "the message is too big for the mail store"),
    "SQLITE_CORRUPT": ("CORRUPTION", "the mail store is damaged"),
    "SQLITE_NOTADB": ("CORRUPTION", "the mail store is damaged"),
    "SQLITE_READONLY": ("UNAVAILABLE", "the mail store cannot be written"),
}
"""Code and text of `StoreError` by the primary error of SQLite."""


@contextmanager
def translated() -> Iterator[None]:
    """Raise StoreError in the place of an error of SQLite, or of text that SQLite cannot hold."""
    try:
        yield
    except sqlite3.Error as error:
        raise StoreError(*_refusal(error)) from error
    except UnicodeEncodeError as error:
        raise StoreError("CANNOT", "that text cannot be stored") from error


def _refusal(error: sqlite3.Error) -> tuple[str, str]:
    # An extended error, such as SQLITE_READONLY_DIRECTORY, has the name of the primary one in front.
    name = "_".join(getattr(error, "sqlite_errorname", "").split("_")[:2])
    return _CODES.get(name, ("UNAVAILABLE", "the mail store does not work"))


def connect(path: str) -> sqlite3.Connection:
    """Return a connection in autocommit mode to a file that exists; any one thread at a time may use it.

    Raises sqlite3.Error.
    """
    uri = f"{Path(path).as_uri()}?mode=rw"
    return sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False)


class Database:
    """One connection for reading and writing, one transaction at a time, whatever thread asks."""

    __slots__ = ("_connection", "_is_durable", "_lock", "path")

    def __init__(self, path: str) -> None:
        """Open or create the file; raises StoreError that names it."""
        self.path = path
        self._lock = RLock()
        self._is_durable = False
        try:
            with _opening:
                _create(path)
                self._connection = _open(path)
        except OSError as error:
            raise StoreError("UNAVAILABLE", f"cannot open {path}: {error.strerror}") from error
        except sqlite3.Error as error:
            raise StoreError(_refusal(error)[0], f"cannot open {path}: {error}") from error
        except StoreError as error:
            raise StoreError(error.code, f"cannot open {path}: {error.text}") from None

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Read in a transaction, so that all is of one moment."""
        with self._transaction("BEGIN") as connection:
            yield connection

    @contextmanager
    def writing(self, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        """Write in a transaction that is undone when the block raises.

        A durable one is on the disk when the block ends (`synchronous=FULL`). Another is not lost when the
        process is killed, but may be when the power fails.
        """
        with self._lock:
            if durable is not self._is_durable:
                with translated():
                    self._connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
                self._is_durable = durable
            with self._transaction("BEGIN IMMEDIATE") as connection:
                yield connection

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        connection = self._connection
        with self._lock, translated():
            connection.execute(begin)
            try:
                yield connection
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    def close(self) -> None:
        """Close the file; calls after that raise StoreError."""
        with self._lock:
            self._connection.close()


def _create(path: str) -> None:
    """Make an empty file that only its owner can read, unless there is one.

    An existing one is left alone: closing it would end the locks that SQLite has on it in this process.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def _open(path: str) -> sqlite3.Connection:
    connection = connect(path)
    try:
        mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        if mode != "wal":
            raise StoreError(
                "UNAVAILABLE", f"expected a file system with shared memory, got journal mode {mode}"
            )
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA journal_size_limit = {MAX_JOURNAL}")
        migrate(connection)
    except BaseException:
        connection.close()
        raise
    return connection
