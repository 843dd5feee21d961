"""Waiting for sockets, and the signal that ends a wait from another thread."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Callable, Sequence
from math import ceil, inf
from typing import Final, NamedTuple, final

__all__ = ["Ready", "Signal", "wait", "wait_for_signal"]


class Ready(NamedTuple):
    """What `wait` found: whether the socket can be read and written, and whether a signal is set."""

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


def _poll(sock: int, is_reading: bool, is_writing: bool, signals: Sequence[Signal], seconds: float) -> Ready:
    poll = select.poll()
    wanted = (_POLL_IN if is_reading else 0) | (_POLL_OUT if is_writing else 0)
    if sock >= 0:
        poll.register(sock, wanted)
    for signal in signals:
        poll.register(signal.fileno(), _POLL_IN)
    is_readable = is_writable = is_set = False
    for number, found in poll.poll(None if seconds == inf else ceil(seconds * 1000)):
        if number != sock:
            is_set = True
        else:
            is_readable = bool(found & ~_POLL_OUT) and is_reading
            is_writable = bool(found & ~_POLL_IN) and is_writing
    return Ready(is_readable, is_writable, is_set)


def _select(
    sock: int, is_reading: bool, is_writing: bool, signals: Sequence[Signal], seconds: float
) -> Ready:
    reading: list[int] = [signal.fileno() for signal in signals]
    if is_reading and sock >= 0:
        reading.append(sock)
    writing = [sock] if is_writing and sock >= 0 else []
    found = select.select(reading, writing, writing, None if seconds == inf else seconds)
    is_set = any(signal.fileno() in found[0] for signal in signals)
    return Ready(sock in found[0], sock in found[1] or sock in found[2], is_set)


_POLL_IN: Final = getattr(select, "POLLIN", 0)
_POLL_OUT: Final = getattr(select, "POLLOUT", 0)

wait: Final[Callable[[int, bool, bool, Sequence[Signal], float], Ready]] = (
    _poll if hasattr(select, "poll") else _select
)
"""Wait for one socket, by number, and any signals, for so many seconds; a number below 0 is no socket.

An error of the socket counts as readiness: reading or writing will tell.
"""


def wait_for_signal(signal: Signal) -> None:
    """Wait until *signal* is set."""
    wait(-1, False, False, (signal,), inf)
