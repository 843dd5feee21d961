"""The octets of messages in an SQLite file: rows of `CHUNK` octets, so that nobody needs a whole message.

A small body is read when it is opened. A large one has a connection of its own whose read transaction holds
the file as it was: whoever removes the message meanwhile, in whatever process, it stays readable.
"""

from __future__ import annotations

import json
import sqlite3
from typing import BinaryIO, Final

from mailproto.mime.scanner import Part
from mailproto.store._protocol import MessageGone
from mailproto.store._sqlite_database import connect, translated
from mailproto.store._structure import Structure

__all__ = ["SQLiteBody", "dump_structure", "insert_body", "load_structure", "open_body"]

CHUNK: Final = 65_536
"""Octets in a row of the table `chunk`, fewer only in the last one of a message."""
MAX_EAGER: Final = 262_144
"""Octets of a message that is read when it is opened."""
CACHE: Final = 256
"""Kibioctets of the file that the connection of a large body keeps in memory."""
STRUCTURE_VERSION: Final = 1
"""What was kept with another number is forgotten: it grows when scanning gives other results."""


def insert_body(connection: sqlite3.Connection, octets: BinaryIO) -> tuple[int, int]:
    """Copy *octets*, to their end, into new rows and return the body and its size in octets."""
    body = connection.execute("INSERT INTO body DEFAULT VALUES").lastrowid or 0
    size = number = 0
    while chunk := _read_chunk(octets):
        connection.execute("INSERT INTO chunk VALUES (?, ?, ?)", (body, number, chunk))
        size += len(chunk)
        number += 1
    return body, size


def _read_chunk(octets: BinaryIO) -> bytes:
    """Return `CHUNK` octets, fewer only at the end, from a file that may give less than it is asked for."""
    chunk = octets.read(CHUNK)
    while chunk and len(chunk) < CHUNK and (more := octets.read(CHUNK - len(chunk))):
        chunk += more
    return chunk


def select_octets(connection: sqlite3.Connection, body: int, start: int, stop: int) -> bytes:
    """Return the octets of a body from *start* to before *stop*, fewer where it ends."""
    if stop <= start:
        return b""
    first = start // CHUNK
    rows = connection.execute(
        "SELECT octets FROM chunk WHERE body = ? AND number BETWEEN ? AND ? ORDER BY number",
        (body, first, (stop - 1) // CHUNK),
    )
    chunks: list[bytes] = [octets for (octets,) in rows]
    joined = chunks[0] if len(chunks) == 1 else b"".join(chunks)
    return joined[start - first * CHUNK : stop - first * CHUNK]


def open_body(
    connection: sqlite3.Connection, path: str, uid: int, body: int, size: int
) -> EagerBody | SQLiteBody:
    """Return the octets of a body that *connection* sees now, in the file *path*."""
    if size <= MAX_EAGER:
        return EagerBody(select_octets(connection, body, 0, size))
    return SQLiteBody(path, uid, body, size)


class EagerBody:
    """A `Body` that was read."""

    __slots__ = ("_octets",)

    def __init__(self, octets: bytes) -> None:
        self._octets = octets

    @property
    def size(self) -> int:
        """Octets of the whole message."""
        return len(self._octets)

    def read(self, start: int, stop: int) -> bytes:
        """Return the octets from *start* to before *stop*."""
        return self._octets[start:stop]

    def close(self) -> None:
        """Hold nothing back: the octets live as long as somebody has them."""


class SQLiteBody:
    """A `Body` in the file, as it was when this was made; the log of changes grows until it is closed."""

    __slots__ = ("_body", "_connection", "_size")

    def __init__(self, path: str, uid: int, body: int, size: int) -> None:
        self._body = body
        self._size = size
        with translated():
            self._connection = connect(path)
            try:
                self._connection.execute(f"PRAGMA cache_size = -{CACHE}")
                self._connection.execute("BEGIN")
                found = self._connection.execute("SELECT 1 FROM body WHERE id = ?", (body,)).fetchone()
                if found is None:
                    raise MessageGone(uid)
            except BaseException:
                self._connection.close()
                raise

    @property
    def size(self) -> int:
        """Octets of the whole message."""
        return self._size

    def read(self, start: int, stop: int) -> bytes:
        """Return the octets from *start* to before *stop*."""
        with translated():
            return select_octets(self._connection, self._body, start, min(stop, self._size))

    def close(self) -> None:
        """Let go of the file as it was."""
        self._connection.close()


_Row = tuple[int, int, int, str, list["_Row"]]


def dump_structure(structure: Structure) -> str:
    """Return *structure* as text. It is no pickle: what is read from a file must not run."""
    octets = (structure.envelope, structure.body, structure.body_structure)
    return json.dumps(
        [STRUCTURE_VERSION, _row(structure.root), *(value.decode("latin-1") for value in octets)],
        separators=(",", ":"),
    )


def load_structure(text: str) -> Structure | None:
    """Return what `dump_structure` made, None if another version did."""
    version, *values = json.loads(text)
    if version != STRUCTURE_VERSION:
        return None
    root, *texts = values
    return Structure(_part(root), *(value.encode("latin-1") for value in texts))


def _row(part: Part) -> _Row:
    content_type = part.content_type.decode("latin-1")
    return part.start, part.body, part.end, content_type, [_row(child) for child in part.children]


def _part(row: _Row) -> Part:
    start, body, end, content_type, children = row
    return Part(
        start=start,
        body=body,
        end=end,
        content_type=content_type.encode("latin-1"),
        children=tuple(map(_part, children)),
    )
