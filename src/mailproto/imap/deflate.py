"""Compression of what a connection sends and receives (RFC 4978), as a transform of octets.

What comes is inflated in pieces of a bounded size, only when the connection has nothing else to read. So what
waits is small whatever it may become, and one step never costs more than a piece.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Iterable
from typing import Final, final

from mailproto._buffer import unchanging
from mailproto.errors import LimitExceeded, RemoteProtocolError
from mailproto.limits import IMAPLimits

__all__ = ["Deflater", "Inflater"]

_RAW: Final = -15
"""A window of 32 KiB, without the header and the checksum of zlib (section 4)."""
_LEVEL: Final = 6
_PIECE: Final = 65_536
_GRACE: Final = 67_108_864
"""Octets that may come of anything: a message of zeros is compressed a thousandfold, and is no attack."""


@final
class Deflater:
    """Compresses what is sent."""

    __slots__ = ("_deflate",)

    def __init__(self) -> None:
        self._deflate = zlib.compressobj(_LEVEL, zlib.DEFLATED, _RAW)

    def compress(self, chunks: Iterable[bytes]) -> bytes:
        """Return all of *chunks*, so that the peer can read it at once: it ends with a sync flush."""
        pieces = [self._deflate.compress(chunk) for chunk in chunks]
        return b"".join((*pieces, self._deflate.flush(zlib.Z_SYNC_FLUSH)))


@final
class Inflater:
    """Holds what was received, and inflates it piece by piece."""

    __slots__ = ("_inflate", "_limits", "_pieces", "_received", "_size", "taken")

    def __init__(self, limits: IMAPLimits) -> None:
        self._limits = limits
        self._inflate = zlib.decompressobj(_RAW)
        self._pieces: deque[bytes] = deque()
        self._size = 0
        self._received = 0
        self.taken: int = 0
        """Octets that came of what was fed."""

    @property
    def buffered(self) -> int:
        """Octets that were fed and not inflated."""
        return self._size

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Keep *data*; nothing is inflated yet."""
        data = unchanging(data)
        # What zlib leaves of a piece is copied each time, so pieces are small.
        self._pieces.extend(data[at : at + _PIECE] for at in range(0, len(data), _PIECE))
        self._size += len(data)
        self._received += len(data)

    def take(self) -> bytes:
        """Inflate up to `max_inflate` octets and return them: none only if more has to be received.

        Raises RemoteProtocolError for octets that are no DEFLATE data, or that follow their end, which a
        server may send behind its last words; and LimitExceeded if much more has come of them than
        `max_inflate_ratio` allows.
        """
        while self._pieces:
            piece = self._pieces.popleft()
            self._size -= len(piece)
            data = self._take_of(piece)
            if data:
                return data
        return b""

    def _take_of(self, piece: bytes) -> bytes:
        if self._inflate.eof and piece:
            raise RemoteProtocolError(
                f"expected nothing behind the end of DEFLATE data, got {len(piece)} octets"
            )
        try:
            data = self._inflate.decompress(piece, self._limits.max_inflate)
        except zlib.error as error:
            raise RemoteProtocolError("expected DEFLATE data, got something else") from error
        rest = self._inflate.unconsumed_tail or self._inflate.unused_data
        if rest:
            self._pieces.appendleft(rest)
            self._size += len(rest)
        elif len(data) == self._limits.max_inflate:
            # There may be more inside, without an octet of input to ask for it with.
            self._pieces.appendleft(b"")
        self._count(len(data))
        return data

    def _count(self, octets: int) -> None:
        self.taken += octets
        ratio = self._limits.max_inflate_ratio
        if self.taken > max(_GRACE, ratio * (self._received - self._size)):
            raise LimitExceeded("max_inflate_ratio", self.taken // max(1, self._received), ratio)

    def clear(self) -> None:
        """Drop what was not inflated."""
        self._pieces.clear()
        self._size = 0
