"""Accepted sockets as transports, for servers: made, read, written and closed with few calls.

An event loop's own transports cost a task, two futures and five callbacks for each connection. These stand
on `add_reader` and `add_writer`, which all event loops over selectors have, and do what a server needs.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
import sys
from collections.abc import Callable, Iterable
from typing import Any, Final, cast, final

__all__ = ["Acceptor", "SocketTransport"]

_log: Final = logging.getLogger("mailproto.asyncio")

_MORE: Final = getattr(socket, "MSG_MORE", 0)
"""Where the system has it, it keeps the last octets for the segment that ends the connection."""
_TRANSPARENT: Final[int | None] = getattr(socket, "IP_TRANSPARENT", None)
_ANY: Final = "0.0.0.0"  # compared with, not bound to
_CHUNK: Final = 65_536
"""Octets read at a time: a larger buffer would be mapped and unmapped by the system for each read."""
_BATCH: Final = 100
"""Connections accepted at a time, before others have their turn."""
_PAUSE: Final = 0.5
"""Seconds before it accepts again when the system has no file descriptors left."""
_EXHAUSTED: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_NOBODY: Final = asyncio.Protocol()
"""Who is told of what happens behind the end: a protocol that refers to a lost transport lives no longer."""


@final
class Acceptor:
    """A listening socket: for each connection *make* makes a protocol, which gets a `SocketTransport`.

    Raises NotImplementedError if the loop cannot watch sockets.
    """

    __slots__ = ("_loop", "_make", "_retry", "_sets_no_delay", "_sock", "_sockname")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, sock: socket.socket, make: Callable[[], asyncio.Protocol]
    ) -> None:
        self._loop = loop
        self._sock = sock
        self._make = make
        self._sockname = _sockname_of_all(sock)
        self._retry: asyncio.TimerHandle | None = None
        is_tcp = sock.family in (socket.AF_INET, socket.AF_INET6)
        if is_tcp:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # On Linux what is accepted inherits it.
        self._sets_no_delay = is_tcp and sys.platform != "linux"
        loop.add_reader(sock.fileno(), self._accept)

    def _accept(self) -> None:
        for _ in range(_BATCH):
            try:
                sock, address = self._sock.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                self._rest(error)
                return
            sock.setblocking(False)
            if self._sets_no_delay:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            SocketTransport(self._loop, sock, self._make(), address, self._sockname)

    def _rest(self, error: OSError) -> None:
        """Stop accepting for a moment if the system is exhausted, else for good."""
        _log.warning("cannot accept: %s", error)
        self._loop.remove_reader(self._sock.fileno())
        if error.errno in _EXHAUSTED:
            self._retry = self._loop.call_later(_PAUSE, self._resume)

    def _resume(self) -> None:
        self._retry = None
        self._loop.add_reader(self._sock.fileno(), self._accept)

    def close(self) -> None:
        """Stop listening; calling it again does nothing."""
        if self._retry is not None:
            self._retry.cancel()
        if self._sock.fileno() >= 0:
            self._loop.remove_reader(self._sock.fileno())
            self._sock.close()


def _sockname_of_all(listener: socket.socket) -> object:
    """Return the address at this end of all that *listener* accepts; None: each has to be asked for its own.

    A transparent proxy listens at one address and accepts what was sent to others.
    """
    if listener.family != socket.AF_INET or _TRANSPARENT is None:
        return None
    name: tuple[str, int] = listener.getsockname()
    is_one = name[0] != _ANY and not listener.getsockopt(socket.IPPROTO_IP, _TRANSPARENT)
    return name if is_one else None


@final
class SocketTransport(asyncio.Transport):
    """A connected socket; the protocol is told of the connection at once, and of a close with nothing unsent.

    Otherwise it is what asyncio's documentation says of `Transport`.
    """

    __slots__ = (
        "_fileno",
        "_high",
        "_is_closing",
        "_is_eof_wanted",
        "_is_full",
        "_is_reading",
        "_loop",
        "_output",
        "_peername",
        "_protocol",
        "_sock",
        "_sockname",
        "is_ending",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: socket.socket,
        protocol: asyncio.Protocol,
        peername: object,
        sockname: object = None,
    ) -> None:
        self._loop = loop
        self._sock = sock
        self._fileno = sock.fileno()
        self._peername = peername
        self._sockname = sockname
        self._protocol = protocol
        self._output: bytearray | None = None
        self._high = 65_536
        self._is_closing = False
        self._is_eof_wanted = False
        self._is_full = False
        self._is_reading = True
        self.is_ending = False
        """Whether nothing is written after the next `write`: its octets then leave together with the end."""
        loop.add_reader(self._fileno, self._read)
        protocol.connection_made(self)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return the "socket", its "peername" or its "sockname"."""
        if name == "peername":
            return self._peername
        if name == "sockname":
            if self._sockname is not None:
                return self._sockname
            with contextlib.suppress(OSError):
                return self._sock.getsockname()
        return self._sock if name == "socket" else default

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Tell *protocol* from now on of what happens."""
        self._protocol = cast(asyncio.Protocol, protocol)

    # Reading.

    def _read(self) -> None:
        try:
            data = self._sock.recv(_CHUNK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._fail(error)
            return
        if data:
            self._protocol.data_received(data)
            return
        self.pause_reading()
        if not self._protocol.eof_received():
            self.close()

    def is_reading(self) -> bool:
        """Whether what comes is read."""
        return self._is_reading and not self._is_closing

    def pause_reading(self) -> None:
        """Read nothing until `resume_reading`."""
        if self.is_reading():
            self._is_reading = False
            self._loop.remove_reader(self._fileno)

    def resume_reading(self) -> None:
        """Read again."""
        if not self._is_reading and not self._is_closing:
            self._is_reading = True
            self._loop.add_reader(self._fileno, self._read)

    # Writing.

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        """Send *data*, at once as far as the system takes it."""
        if self._is_closing or not data:
            return
        if self._output is not None:
            self._output += data
        else:
            try:
                sent = self._sock.send(data, _MORE if self.is_ending else 0)
            except (BlockingIOError, InterruptedError):
                sent = 0
            except OSError as error:
                self._fail(error)
                return
            if sent == len(data):
                return
            self._output = bytearray(memoryview(data)[sent:])
            self._loop.add_writer(self._fileno, self._write_more)
        if len(self._output) > self._high and not self._is_full:
            self._is_full = True
            self._protocol.pause_writing()

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview[Any]]) -> None:
        """Send all of it as one."""
        self.write(b"".join(list_of_data))

    def _write_more(self) -> None:
        output = self._output
        if output is None:
            return
        try:
            del output[: self._sock.send(output)]
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._fail(error)
            return
        if not output:
            self._end_output()
        if self._is_full and len(output) <= self._high // 4:
            self._is_full = False
            self._protocol.resume_writing()

    def _end_output(self) -> None:
        self._output = None
        self._loop.remove_writer(self._fileno)
        if self._is_closing:
            self._lose(None)
        elif self._is_eof_wanted:
            self._shut_down()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set how many octets may wait before the protocol is told; *low* is a quarter of that."""
        self._high = 65_536 if high is None else high

    def get_write_buffer_size(self) -> int:
        """Return how many octets wait."""
        return 0 if self._output is None else len(self._output)

    def can_write_eof(self) -> bool:
        """Return True: sockets can."""
        return True

    def write_eof(self) -> None:
        """Close the sending side once everything is sent."""
        self._is_eof_wanted = True
        if self._output is None and not self._is_closing:
            self._shut_down()

    def _shut_down(self) -> None:
        try:
            self._sock.shutdown(socket.SHUT_WR)
        except OSError as error:
            self._fail(error)

    # The end.

    def is_closing(self) -> bool:
        """Whether it is closed, or will be once everything is sent."""
        return self._is_closing

    def close(self) -> None:
        """Close once everything is sent; the protocol is told at once if nothing waits."""
        if not self._is_closing:
            self.pause_reading()
            self._is_closing = True
            if self._output is None:
                self._lose(None)

    def abort(self) -> None:
        """Close at once; what waits is lost. The protocol is told soon."""
        self._fail(None)

    def _fail(self, error: OSError | None) -> None:
        if self._is_closing and self._output is None:
            return
        if not self._is_closing:
            self.pause_reading()
            self._is_closing = True
        if self._output is not None:
            self._output = None
            self._loop.remove_writer(self._fileno)
        self._loop.call_soon(self._lose, error)

    def _lose(self, error: OSError | None) -> None:
        protocol, self._protocol = self._protocol, _NOBODY
        try:
            protocol.connection_lost(error)
        finally:
            self._sock.close()
