"""The receive buffer of the connections: immutable octets, an offset and remembered search positions.

A bytearray that is trimmed at its front, or bytes that are sliced anew for each line, cost 1.4 and 3 times
as much a line, and the second is quadratic. Here octets that arrive while nothing is buffered are adopted:
a chunk that is taken whole is the very object that was received.
"""

from __future__ import annotations

from collections import deque
from typing import final

__all__ = ["ReceiveBuffer", "unchanging"]


def unchanging(data: bytes | bytearray | memoryview) -> bytes:
    """Return *data*, or a copy of a bytearray or a memoryview, whose octets may change before they are read.

    Raises TypeError for what is no octets.
    """
    return data if isinstance(data, bytes) else memoryview(data).tobytes()


@final
class ReceiveBuffer:
    """Octets received and not consumed.

    `find` remembers how far it has looked, so a line that arrives in a thousand pieces is searched once.
    """

    __slots__ = (
        "_data",
        "_edge",
        "_needle",
        "_offset",
        "_pending",
        "_scanned",
        "_searched",
        "_searched_from",
        "size",
    )

    def __init__(self) -> None:
        self._data = b""
        self._offset = 0
        self._pending: deque[bytes] = deque()
        self._needle = b""
        self._searched = 0
        self._searched_from = 0
        self._scanned = 0
        self._edge = b""
        self.size: int = 0
        """The number of octets that are buffered. It is asked for all the time, so it is no property."""

    def __len__(self) -> int:
        """Return the number of octets that are buffered."""
        return self.size

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Append *data*, which is kept as the object it is if nothing else is buffered, and it is bytes."""
        if not isinstance(data, bytes):  # the usual read is spared a call
            data = unchanging(data)
        size = self.size
        if size:
            if data:
                self._pending.append(data)
        else:
            self._data = data
            self._offset = 0
            self._needle = b""
        self.size = size + len(data)

    def find(self, needle: bytes, start: int = 0) -> int:
        """Return the distance from the front to the first *needle* at or after *start*, or -1.

        What has been searched for the same needle from the same place on is not searched again.
        """
        is_known = needle == self._needle and self._offset + start >= self._searched_from
        if is_known and self._pending and not self._is_in_new_pieces():
            return -1
        data = self._joined()
        begin = self._offset + start
        found = data.find(needle, max(self._searched, begin) if is_known else begin)
        if found >= 0:
            self._needle = b""
            return found - self._offset
        if not is_known:
            self._needle = needle
            self._searched_from = begin
        self._searched = max(begin, len(data) - len(needle) + 1)
        self._scanned = 0
        self._edge = data[self._searched :]
        return -1

    def _is_in_new_pieces(self) -> bool:
        """Look at the pieces that came since the last search, without joining them to the rest."""
        keep = len(self._needle) - 1
        for index in range(self._scanned, len(self._pending)):
            window = self._edge + self._pending[index]
            if self._needle in window:
                return True
            self._edge = window[len(window) - keep :] if keep else b""
            self._scanned += 1
        return False

    def peek(self, size: int) -> bytes:
        """Return the first *size* octets, or as many as there are, and keep them."""
        if self._pending and self._offset + size > len(self._data):
            # Pieces that were not searched, or one by one, become one: what `find` knows is of no use then.
            self._joined()
            self._needle = b""
        return self._data[self._offset : self._offset + size]

    def take(self, size: int) -> bytes:
        """Remove and return the first *size* octets, of which there must be as many.

        If that is all that was received at once, the result is the received object itself.
        """
        if size > self.size:
            raise ValueError(f"{size} octets asked for, {self.size} buffered")
        missing = self._offset + size - len(self._data)
        if 0 < missing < len(self._pending[0]):
            return self._take_from_two(missing)
        data = self._joined() if missing > 0 else self._data
        end = self._offset + size
        taken = data if self._offset == 0 and end == len(data) else data[self._offset : end]
        self._consume(end)
        return taken

    def _take_from_two(self, missing: int) -> bytes:
        """Return what is left of the piece at the front and *missing* octets of the next one, which stays.

        A literal that lies across the end of what was received at once would have all of both copied.
        """
        piece = self._pending.popleft()
        taken = self._data[self._offset :] + piece[:missing]
        self.size -= len(taken)
        self._data = piece
        self._offset = missing
        self._needle = b""
        return taken

    def take_line(self) -> bytes:
        """Remove and return the octets up to the first LF and with it, or return b"" if there is none."""
        if not self._needle:
            data, offset = self._data, self._offset
            end = data.find(b"\n", offset) + 1
            if end:
                self.size -= end - offset
                if end < len(data):
                    self._offset = end
                    return data[offset:end]
                self._data = b""
                if not offset:
                    return data
                self._offset = 0
                return data[offset:]
            if not self.size:
                return b""
        size = self.find(b"\n") + 1
        return self.take(size) if size else b""

    def take_some(self, limit: int) -> bytes:
        """Remove and return from 0 to *limit* octets, without joining what came in several pieces.

        This is for bodies and literals: as long as *limit* allows, each result is a received object.
        """
        data, offset = self.front()
        end = min(len(data), offset + limit)
        taken = data if offset == 0 and end == len(data) else data[offset:end]
        self._consume(end)
        return taken

    def front(self) -> tuple[bytes, int]:
        """Return the piece at the front, not joined to later ones, and the offset in it of what is left.

        `take_some` removes from it; the piece is empty only if nothing is buffered.
        """
        if self._offset == len(self._data) and self._pending:
            self._data = self._pending.popleft()
            self._offset = 0
            self._needle = b""
        return self._data, self._offset

    def unsearched(self) -> tuple[bytes, int]:
        """Return what `front` does, or nothing while `find` has looked through it in vain.

        Who looks for what is there whole begins here, and looks at no octet again with each piece that comes.
        """
        return (b"", 0) if self._needle else self.front()

    def skip_front(self, size: int) -> None:
        """Drop *size* octets of what `front` has given, which are no more than those."""
        # What _consume does, without the call: this is done for every message that comes whole.
        end = self._offset + size
        self.size -= size
        if end == len(self._data):
            self._data = b""
            end = 0
        self._offset = end
        self._needle = b""

    def skip(self, size: int) -> None:
        """Drop the first *size* octets, of which there must be as many."""
        data = self._joined()
        if size > len(data) - self._offset:
            raise ValueError(f"{size} octets to skip, {self.size} buffered")
        self._consume(self._offset + size)

    def clear(self) -> int:
        """Drop everything and return how many octets that was."""
        size, self.size = self.size, 0
        self._data = b""
        self._offset = 0
        self._pending.clear()
        self._needle = b""
        return size

    def _joined(self) -> bytes:
        if self._pending:
            rest = self._data[self._offset :] if self._offset else self._data
            self._searched -= self._offset
            self._searched_from -= self._offset
            self._data = b"".join((rest, *self._pending))
            self._offset = 0
            self._pending.clear()
        return self._data

    def _consume(self, end: int) -> None:
        self.size -= end - self._offset
        if end == len(self._data):
            self._data = b""
            self._offset = 0
            self._needle = b""
        else:
            self._offset = end
            self._needle = b""
