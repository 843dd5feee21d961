"""Waiting for sockets, and the signal that ends a wait from another thread."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Callable
from math import ceil, inf
from typing import Final, NamedTuple, TypeAlias, final

__all__ = ["READABLE", "Ready", "Signal", "Waiter", "wait_for_signal", "waiter_of"]


class Ready(NamedTuple):
    """What a wait has found: whether the socket can be read and written, and whether a signal is set."""

    read: bool
    write: bool
    signal: bool


@final
class Signal:
    """Stays set until it is cleared, and can be set from any thread; costs a socket pair once waited for."""

    __slots__ = ("_lock", "_pair", "is_set")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pair: tuple[socket.socket, socket.socket] | None = None
        self.is_set: bool = False

    def set(self) -> None:
        """End the wait that there is, or the next one."""
        with self._lock:
            if not self.is_set:
                self.is_set = True
                self._tell()

    def clear(self) -> None:
        """Be unset again."""
        with self._lock:
            if self.is_set:
                self.is_set = False
                if self._pair is not None:
                    self._pair[0].recv(1)

    def fileno(self) -> int:
        """Return what becomes readable when it is set."""
        with self._lock:
            if self._pair is None:
                self._pair = socket.socketpair()
                if self.is_set:
                    self._tell()
            return self._pair[0].fileno()

    def _tell(self) -> None:
        if self._pair is not None:
            with contextlib.suppress(OSError):
                self._pair[1].send(b"\0")

    def close(self) -> None:
        """Free the socket pair."""
        with self._lock:
            if self._pair is not None:
                self._pair[0].close()
                self._pair[1].close()
                self._pair = None

    __del__ = close


@final
class _Polled:
    """Waits by poll(); as long as it waits for the same, the object that the system asks for is kept."""

    __slots__ = ("_awaited", "_number", "_poll")

    def __init__(self, number: int) -> None:
        self._number = number
        self._poll = select.poll()
        self._awaited: tuple[object, ...] = ()

    def wait(self, is_reading: bool, is_writing: bool, signals: tuple[Signal, ...], seconds: float) -> Ready:
        awaited = (is_reading, is_writing, signals)
        if awaited != self._awaited:
            self._register(is_reading, is_writing, signals)
            self._awaited = awaited
        ready = self._poll.poll(None if seconds == inf else ceil(seconds * 1000))
        if not ready:
            return _NOTHING
        if is_reading and not (is_writing or signals):
            return READABLE
        is_readable = is_writable = is_set = False
        for number, found in ready:
            if number != self._number:
                is_set = True
            else:
                is_readable = is_reading and found & ~_POLL_OUT != 0
                is_writable = is_writing and found & ~_POLL_IN != 0
        return Ready(is_readable, is_writable, is_set)

    def _register(self, is_reading: bool, is_writing: bool, signals: tuple[Signal, ...]) -> None:
        self._poll = select.poll()
        if is_reading or is_writing:
            self._poll.register(self._number, is_reading * _POLL_IN | is_writing * _POLL_OUT)
        for signal in signals:
            self._poll.register(signal.fileno(), _POLL_IN)


@final
class _Selected:
    """Waits by select(), where there is no poll()."""

    __slots__ = ("_number",)

    def __init__(self, number: int) -> None:
        self._number = number

    def wait(self, is_reading: bool, is_writing: bool, signals: tuple[Signal, ...], seconds: float) -> Ready:
        number = self._number
        reading: list[int] = [signal.fileno() for signal in signals]
        if is_reading:
            reading.append(number)
        writing = [number] if is_writing else []
        found = select.select(reading, writing, writing, None if seconds == inf else seconds)
        is_set = any(signal.fileno() in found[0] for signal in signals)
        return Ready(number in found[0], number in found[1] or number in found[2], is_set)


_POLL_IN: Final = getattr(select, "POLLIN", 0)
_POLL_OUT: Final = getattr(select, "POLLOUT", 0)
_NOTHING: Final = Ready(False, False, False)
READABLE: Final = Ready(True, False, False)
"""What a wait for nothing but octets finds; always this object where there is poll()."""

Waiter: TypeAlias = _Polled | _Selected
"""Waits for one socket and any signals, for so many seconds.

An error of the socket counts as readiness: reading or writing will tell.
"""

waiter_of: Final[Callable[[int], Waiter]] = _Polled if hasattr(select, "poll") else _Selected
"""Make what waits for the socket of this number, as long as that is open."""


def wait_for_signal(signal: Signal) -> None:
    """Wait until *signal* is set."""
    waiter_of(-1).wait(False, False, (signal,), inf)
