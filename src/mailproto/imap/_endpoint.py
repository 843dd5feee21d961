"""What both connections of IMAP have beside their base: octets that are compressed from some point on."""

from __future__ import annotations

from typing import TypeVar

from mailproto._connection import FallibleEndpoint
from mailproto.imap.deflate import Deflater, Inflater
from mailproto.limits import IMAPLimits

__all__ = ["IMAPEndpoint"]

EventT = TypeVar("EventT")


class IMAPEndpoint(FallibleEndpoint[EventT]):
    """A `FallibleEndpoint` that compresses both directions after `_compress`.

    A subclass calls `_refill` where it has read all there is, and reads on if that returns True.
    """

    __slots__ = ("_deflater", "_inflater", "_limits", "_plain")

    def __init__(self, limits: IMAPLimits) -> None:
        super().__init__()
        self._limits = limits
        self._deflater: Deflater | None = None
        self._inflater: Inflater | None = None
        self._plain: list[bytes] = []

    @property
    def is_compressed(self) -> bool:
        """Whether what is said from now on is compressed: COMPRESS was completed with OK (RFC 4978)."""
        return self._deflater is not None

    @property
    def buffered(self) -> int:
        """Octets received and not consumed; those that are compressed count as they are."""
        waiting = 0 if self._inflater is None else self._inflater.buffered
        return self._input.size + waiting

    @property
    def unread(self) -> int:
        """A number that falls by one for each octet that is read, as it was before it was compressed."""
        return self._input.size - (0 if self._inflater is None else self._inflater.taken)

    def receive_data(self, data: bytes) -> None:
        """Buffer *data*; never raises for its content. After the end it is dropped."""
        if self._inflater is None or self._failure is not None or self._eof:
            super().receive_data(data)
        else:
            self._inflater.feed(data)

    def data_to_send(self) -> list[bytes]:
        """Drain what is queued, in order; uncompressed, large chunks are the objects that were given."""
        drained = super().data_to_send()
        if self._deflater is None:
            return drained
        plain, self._plain = self._plain, []
        return [*plain, self._deflater.compress(drained)] if drained else plain

    def _compress(self) -> None:
        """Compress what is queued from now on, and take what was received and not read for compressed."""
        self._plain, self._output = self._output, []
        self._deflater = Deflater()
        self._inflater = Inflater(self._limits)
        self._inflater.feed(self._input.take(self._input.size))

    def _refill(self) -> bool:
        """Inflate a piece of what waits; return whether there is more to read. Raises RemoteProtocolError."""
        if self._inflater is None:
            return False
        data = self._inflater.take()
        self._input.feed(data)
        return bool(data)

    def _drop_input(self) -> None:
        """Drop what was received and not consumed, inflated or not."""
        super()._drop_input()
        if self._inflater is not None:
            self._inflater.clear()
