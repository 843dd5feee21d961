"""Temporary files for messages on their way into a store: in memory while small, on disk when large."""

from __future__ import annotations

from tempfile import SpooledTemporaryFile
from typing import BinaryIO, Final, cast

from mailproto.flow import Call, Flow
from mailproto.store._protocol import Body

__all__ = ["Spool", "new_spool", "spooled"]

MAX_IN_MEMORY: Final = 262_144
"""Octets above which a message waits in a file."""
CHUNK: Final = 65_536
"""Octets that are copied at a time."""


def new_spool() -> BinaryIO:
    """Return an empty file for one message; closing it removes it."""
    return cast(BinaryIO, SpooledTemporaryFile(MAX_IN_MEMORY))


class Spool:
    """The sink of a streamed literal."""

    __slots__ = ("file",)

    def __init__(self) -> None:
        self.file = new_spool()

    def write(self, data: bytes) -> None:
        """Take the next octets."""
        self.file.write(data)

    def abort(self) -> None:
        """Forget them."""
        self.file.close()


def spooled(body: Body) -> Flow[BinaryIO]:
    """Return the octets of *body* as a file at its beginning; a procedure."""
    file = new_spool()
    try:
        for start in range(0, body.size, CHUNK):
            file.write((yield Call(body.read, (start, min(start + CHUNK, body.size)))))
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file
