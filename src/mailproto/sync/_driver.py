"""The blocking driver: flows stepped in the caller's thread, over one socket that never blocks by itself.

It tries to send first and waits only when that would block; while it waits to send, it reads.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable
from math import inf
from typing import Any, Final, TypeVar, cast, final

from mailproto._network import (
    CONNECT_TIMEOUT,
    LINGER_OCTETS,
    LINGER_SECONDS,
    LONG_READ,
    PROXY_TIMEOUT,
    Address,
    ClientTLS,
    address_of,
    check_mode,
    check_target,
    closed,
    is_survivable,
    timed_out,
)
from mailproto._tls import TLSStream, client_context, unverified_context
from mailproto.errors import ConnectionClosed, LocalProtocolError, RemoteProtocolError
from mailproto.flow import (
    Call,
    Connection,
    Flow,
    Flush,
    Receive,
    Received,
    ServerStopping,
    Sleep,
    StartTLS,
    TLSInfo,
)
from mailproto.proxy_protocol import ProxyHeader, ProxyProtocolReader
from mailproto.sync._stores import call_in_turn
from mailproto.sync._wait import READABLE, Ready, Signal, waiter_of
from mailproto.wants import Wants

__all__ = ["ClientDriver", "Driver"]

ResultT = TypeVar("ResultT")

_log: Final = logging.getLogger("mailproto.sync")
_CHUNK: Final = 65_536
"""Octets read at a time: a larger buffer may be mapped and unmapped by the system for each read."""
_BULK: Final = 262_144
"""Octets read at a time while reads are full, so that fewer lines and literals lie across their ends."""
_SMALL: Final = 16_384
"""Octets up to which chunks are joined, which is cheaper than to give the system several."""
_BATCH: Final = 64
"""Chunks given to the system at a time."""
# On Python 3.11 a member of an enumeration takes four times as long to reach as a name of the module.
_RECEIVED: Final = Received.RECEIVED
_WOKEN: Final = Received.WOKEN


class Driver:
    """One connection and the flow that runs on it."""

    conn: Connection[object]

    def __init__(
        self,
        sock: socket.socket,
        *,
        server_side: bool,
        context: ssl.SSLContext | None = None,
        certificate: bytes | None = None,
        timeout: float | None = None,
        stopping: Signal | None = None,
    ) -> None:
        sock.setblocking(False)
        if sock.family != getattr(socket, "AF_UNIX", None):
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.tls: TLSInfo | None = None
        self._sock = sock
        self._waiter = waiter_of(sock.fileno())
        self._server_side = server_side
        self._context = context
        self._certificate = certificate
        self._max_timeout = inf if timeout is None else timeout
        self._stopping = stopping
        self._tls: TLSStream | None = None
        self._wake: Signal | None = None
        self._output: deque[bytes | memoryview] = deque()
        self._unsent = 0
        self._last_size = 0
        self._clock = 0.0
        self._progress = -1
        self._was_receiving = False
        self._is_fed = False
        self._is_eof = False
        self._is_closed = False
        self._is_waiting = False
        self._failure: ConnectionClosed | None = None
        self._header: ProxyHeader | None = None

    def drive(self, flow: Flow[ResultT]) -> ResultT:
        """Run *flow* to its end; errors of IO, of calls and of the keyboard are thrown into it."""
        resume: Callable[[Any], object] = flow.send
        value: object = None
        self._was_receiving = False
        try:
            while True:
                try:
                    instruction = resume(value)
                except StopIteration as stop:
                    return cast(ResultT, stop.value)
                carry_out = _CARRY_OUT.get(type(instruction), _refuse)
                try:
                    resume, value = flow.send, carry_out(self, instruction)
                except BaseException as error:
                    resume, value = flow.throw, error
                self._was_receiving = carry_out is _RECEIVE
        finally:
            # The traceback of an error refers back to this frame.
            del value

    # What the flows ask for.

    def _receive(self, instruction: Receive) -> Received:
        self._send()
        if self._unsent and self._unsent > self.conn.max_unsent:
            # To a peer that takes nothing, what it asks for would pile up.
            self._flush()
        if self._stopping is not None:
            self._check_stopping()
        wake = instruction.wake if isinstance(instruction.wake, Signal) else None
        if self._is_fed or self._is_eof or wake is not None:
            result = self._received_already(wake)
            if result is not None:
                return result
        own = instruction.timeout
        own_deadline = inf if own is None else time.monotonic() + own
        is_on_purpose = own is not None and self.conn.timeout is not None
        deadline = self._deadline(inf if is_on_purpose else self._max_timeout)
        until = deadline if deadline < own_deadline else own_deadline
        while not self._is_fed:
            ready = self._wait(True, bool(self._output), until, self._stopping, wake)
            if wake is not None and wake.is_set:
                wake.clear()
                return _WOKEN
            if not any(ready):
                if own_deadline <= deadline:
                    return Received.TIMED_OUT
                raise timed_out("read")
            if ready is READABLE:
                self._read()
            else:
                self._progress_io(ready)
        self._is_fed = False
        return _RECEIVED

    def _received_already(self, wake: Signal | None) -> Received | None:
        if self._is_fed:
            self._is_fed = False
            return _RECEIVED
        if self._is_eof:
            raise self._failure or closed(None, "read")
        if wake is not None and wake.is_set:
            wake.clear()
            return _WOKEN
        return None

    def _flush(self, _instruction: Flush | None = None) -> None:
        self._flush_to(self.conn.max_unsent, is_reading=True)

    def _flush_to(self, size: int, *, is_reading: bool) -> None:
        """Send until at most *size* octets are left; each octet that goes out starts the clock again."""
        self._send()
        if self._failure is not None and not self._is_fed:
            raise self._failure
        while self._unsent > size:
            unsent = self._unsent
            deadline = self._deadline(self._max_timeout)
            while self._unsent == unsent:
                may_read = is_reading and not self._is_eof and self.conn.buffered <= self.conn.max_buffered
                ready = self._wait(may_read, True, deadline)
                if not (ready.read or ready.write):
                    raise timed_out("write")
                self._progress_io(ready)

    def _start_tls(self, instruction: StartTLS) -> TLSInfo:
        self._flush_to(0, is_reading=False)
        self.conn.next_event()
        info = self.shake_hands(instruction.server_hostname)
        self.conn.tls_started()
        self.feed_decrypted()
        return info

    def _call(self, instruction: Call) -> object:
        function, args, owner = instruction.function, instruction.args, instruction.owner
        result = function(*args) if owner is None else call_in_turn(owner, function, args)
        if hasattr(result, "__await__"):
            close = getattr(result, "close", None)
            if close is not None:
                close()
            raise TypeError(f"{function!r} returned an awaitable, which only asyncio can wait for")
        return result

    def _sleep(self, instruction: Sleep) -> None:
        self._send()
        deadline = time.monotonic() + instruction.seconds
        while deadline > time.monotonic():
            self._check_stopping()
            self._wait(False, False, deadline, self._stopping)

    def read_proxy_header(self) -> bytes:
        """Wait for the header of the PROXY protocol, and return the octets that came behind it.

        Raises RemoteProtocolError if there is none, ConnectionClosed with phase "proxy".
        """
        proxy = ProxyProtocolReader()
        deadline = time.monotonic() + min(PROXY_TIMEOUT, self._max_timeout)
        while self._header is None:
            ready = self._wait(True, False, deadline, self._stopping)
            if ready.signal:
                raise ServerStopping
            if not ready.read:
                raise timed_out("proxy")
            self._feed_proxy(proxy)
            self._header = proxy.next_event()
        return proxy.take_rest()

    def _feed_proxy(self, proxy: ProxyProtocolReader) -> None:
        try:
            data = self._recv()
        except OSError as error:
            raise closed(error, "proxy") from error
        if data:
            proxy.receive_data(data)
        elif data is not None:
            proxy.receive_eof()

    def feed(self, data: bytes) -> None:
        """Feed *data*, which was received before there was a connection."""
        self.conn.receive_data(data)
        self._is_fed = True

    def shake_hands(self, server_hostname: str | None, early: bytes = b"") -> TLSInfo:
        """Shake hands; *early* and whatever is received from here on is TLS. Errors have phase "tls".

        What came right behind the handshake is kept for `feed_decrypted`, once the connection knows of TLS.
        """
        if self._is_eof:
            raise self._failure or closed(None, "tls")
        tls = TLSStream(
            self._context or client_context(),
            server_side=self._server_side,
            server_hostname=None if self._server_side else server_hostname,
            certificate=self._certificate,
        )
        tls.receive_data(early)
        deadline = time.monotonic() + min(CONNECT_TIMEOUT, self._max_timeout)
        try:
            while not self._go_on_shaking_hands(tls):
                self._exchange_handshake(tls, deadline)
        except ConnectionClosed:
            raise
        except OSError as error:
            raise closed(error, "tls") from error
        self._tls = tls
        self.tls = tls.info()
        return self.tls

    def _go_on_shaking_hands(self, tls: TLSStream) -> bool:
        try:
            return tls.shake_hands()
        finally:
            self._enqueue(tls.data_to_send())
            self._send_output()

    def _exchange_handshake(self, tls: TLSStream, deadline: float) -> None:
        ready = self._wait(True, bool(self._output), deadline, self._stopping)
        if not any(ready):
            raise timed_out("tls")
        if ready.write:
            self._send_output()
        if ready.signal:
            raise ServerStopping
        if ready.read:
            data = self._recv()
            if data == b"":
                tls.receive_eof()
            elif data is not None:
                tls.receive_data(data)

    # Time.

    def _deadline(self, most: float) -> float:
        """Return until when the connection lets its peer be silent, counted from its last progress.

        The cap of the application is for answers: a flow that asks for a time, where the connection grants
        one too, waits on purpose.
        """
        now = time.monotonic()
        progress = self.conn.progress
        if progress != self._progress or not self._was_receiving:
            self._progress = progress
            self._clock = now
        granted = self.conn.timeout
        return self._clock + (most if granted is None else min(granted, most))

    def _wait(self, is_reading: bool, is_writing: bool, deadline: float, *signals: Signal | None) -> Ready:
        seconds = inf if deadline == inf else max(0.0, deadline - time.monotonic())
        self._is_waiting = True
        asked = tuple(filter(None, signals))
        ready = self._waiter.wait(is_reading, is_writing, asked, seconds)
        self._is_waiting = False
        return ready

    def _check_stopping(self) -> None:
        """Throw `ServerStopping` once."""
        if self._stopping is not None and self._stopping.is_set:
            self._stopping = None
            raise ServerStopping

    # Reading and writing.

    def _progress_io(self, ready: Ready) -> None:
        if ready.signal:
            self._check_stopping()
        if ready.write:
            self._send_output()
        if ready.read and not self._is_eof:
            self._read()

    def _recv(self) -> bytes | None:
        try:
            data = self._sock.recv(_BULK if self._last_size >= _CHUNK else _CHUNK)
        except (BlockingIOError, InterruptedError):
            return None
        self._last_size = len(data)
        return data

    def _read(self) -> None:
        """Feed what can be read now."""
        try:
            data = self._recv()
        except OSError as error:
            self._fail(error, "read")
            return
        if data is None:
            return
        if self._tls is not None:
            if data:
                self._tls.receive_data(data)
            else:
                self._tls.receive_eof()
            self.feed_decrypted()
        elif data:
            self.conn.receive_data(data)
            self._is_fed = True
        else:
            self._feed_eof()

    def feed_decrypted(self) -> None:
        """Feed what TLS has received and not given out."""
        tls = cast(TLSStream, self._tls)
        try:
            pieces = tls.read_all()
        except ssl.SSLError as error:
            self._fail(error, "tls")
            return
        finally:
            self._enqueue(tls.data_to_send())
        for piece in pieces:
            self.conn.receive_data(piece)
            self._is_fed = True
        if tls.is_ended:
            self._feed_eof()

    def _feed_eof(self) -> None:
        if not self._is_eof:
            self._is_eof = True
            self._is_fed = True
            self.conn.receive_eof()

    def _fail(self, error: OSError, phase: str) -> None:
        """Feed the octets that came before the connection broke, and EOF: the peer's last reply may be there.

        If there is nothing that the flow could learn from, the error is raised.
        """
        self._failure = closed(error, phase)
        self._output.clear()
        self._unsent = 0
        with contextlib.suppress(OSError):
            while self._tls is None and self.conn.buffered <= self.conn.max_buffered:
                data = self._sock.recv(_CHUNK)
                if not data:
                    break
                self.conn.receive_data(data)
        self._is_eof = True
        self.conn.receive_eof()
        if not self.conn.buffered:
            raise self._failure
        self._is_fed = True

    def _send(self) -> None:
        """Send what can be sent now of all that is queued."""
        size = self.conn.unsent
        if size:
            chunks = self.conn.data_to_send()
            if self._failure is not None:
                return
            if size <= _SMALL:
                chunks = [b"".join(chunks)]
            if self._tls is not None:
                self._tls.write(chunks)
                self._enqueue(self._tls.data_to_send())
            else:
                self._output.extend(filter(None, chunks))
                # Deflate may have made less of it, or more.
                self._unsent += sum(map(len, chunks))
        if self._output:
            self._send_output()

    def _enqueue(self, octets: bytes) -> None:
        if octets:
            self._output.append(octets)
            self._unsent += len(octets)

    def _send_output(self) -> None:
        output = self._output
        try:
            while output:
                sent = self._sock.send(output[0]) if len(output) == 1 else self._send_some()
                self._unsent -= sent
                while output and sent >= len(output[0]):
                    sent -= len(output.popleft())
                if sent:
                    output[0] = memoryview(output[0])[sent:]
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._fail(error, "write")

    def _send_some(self) -> int:
        output = self._output
        if not hasattr(self._sock, "sendmsg"):
            return self._sock.send(output[0])
        return self._sock.sendmsg([output[i] for i in range(min(len(output), _BATCH))])

    # The two ends of a connection.

    @property
    def wake(self) -> Signal:
        """A signal that ends the `Receive` that waits with it; it may be set from any thread."""
        if self._wake is None:
            self._wake = Signal()
        return self._wake

    @property
    def peer(self) -> Address:
        """The address of the other end; behind a proxy what the proxy says, if it says something."""
        source = None if self._header is None else self._header.source
        return _name(self._sock.getpeername) if source is None else source

    @property
    def local(self) -> Address:
        """The address of this end, behind a proxy the one that the client connected to."""
        destination = None if self._header is None else self._header.destination
        return _name(self._sock.getsockname) if destination is None else destination

    def report(self, error: BaseException) -> None:
        """Log *error*, after which the session goes on."""
        _log.error("a server flow failed", exc_info=error)

    @property
    def is_open(self) -> bool:
        """Whether the session is usable, as far as is known without IO."""
        return (
            not self._is_closed
            and self._failure is None
            and not self._is_eof
            and self.conn.wants is not Wants.CLOSED
        )

    def finish(self) -> None:
        """Close after a server's flow has ended, in such a way that its last words arrive."""
        if self._is_closed:
            return
        if not hasattr(self, "conn"):
            self.abort()
        elif self._is_eof or not (self.conn.buffered or self._last_size >= LONG_READ):
            self.close()
        else:
            self._linger()

    def turn_away(self, octets: bytes) -> None:
        """Send *octets* as far as that can be done at once, and close: there is no session."""
        with contextlib.suppress(OSError):
            self._sock.send(octets)
        self.abort()

    def close(self) -> None:
        """Send what is queued, without waiting longer than `LINGER_SECONDS` for it, and close."""
        if self._is_closed:
            return
        with contextlib.suppress(ConnectionClosed, OSError):
            self._send_last()
        self.abort()

    def _send_last(self) -> None:
        """Send what is queued, and close_notify."""
        if self._failure is not None:
            return
        self._send()
        if self._tls is not None:
            self._tls.close()
            self._enqueue(self._tls.data_to_send())
            self._send_output()
        deadline = time.monotonic() + LINGER_SECONDS
        while self._output and self._wait(False, True, deadline).write:
            self._send_output()

    def _linger(self) -> None:
        """Close the sending side and read on for a while: a reset would destroy the last words."""
        with contextlib.suppress(ConnectionClosed, OSError):
            self._send_last()
            self._sock.shutdown(socket.SHUT_WR)
            deadline = time.monotonic() + LINGER_SECONDS
            left = LINGER_OCTETS
            while left > 0 and self._wait(True, False, deadline).read:
                data = self._recv()
                if data == b"":
                    break
                left -= len(data or b"")
        self.abort()

    def shut_down(self) -> None:
        """End the connection under a thread that works with it; safe from any other thread."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def abort(self) -> None:
        """Close at once; what is queued is lost."""
        if not self._is_closed:
            self._is_closed = True
            # Its traceback refers back to this.
            self._failure = None
            self._sock.close()
            if self._wake is not None:
                self._wake.close()


def _name(get: Callable[[], object]) -> Address:
    try:
        return address_of(get())
    except OSError:
        return ""


_RECEIVE: Final = Driver._receive


def _refuse(driver: Driver, instruction: object) -> object:
    raise TypeError(f"a flow yielded {instruction!r}, which is no instruction")


_CARRY_OUT: Final[dict[type, Callable[[Driver, Any], object]]] = {
    Receive: _RECEIVE,
    Flush: Driver._flush,
    StartTLS: Driver._start_tls,
    Call: Driver._call,
    Sleep: Driver._sleep,
}


@final
class ClientDriver(Driver):
    """The driver of a client: made by `connect`, runs one flow after another, for one thread at a time."""

    def __init__(
        self,
        conn: Connection[object],
        sock: socket.socket,
        *,
        context: ssl.SSLContext | None = None,
        timeout: float | None = None,
        is_shared: bool = False,
    ) -> None:
        super().__init__(sock, server_side=False, context=context, timeout=timeout)
        self.conn = conn
        self.is_shared = is_shared
        self.service: tuple[str | None, int] = (None, 0)
        self._in_use = threading.Lock()

    @classmethod
    def connect(
        cls,
        conn: Connection[object],
        host: str | None,
        port: int,
        *,
        tls: ClientTLS = "implicit",
        ssl_context: ssl.SSLContext | None = None,
        path: str | os.PathLike[str] | None = None,
        sock: socket.socket | None = None,
        source_address: tuple[str, int] | None = None,
        timeout: float | None = None,
        is_shared: bool = False,
    ) -> ClientDriver:
        """Connect *conn* to *host*, *path* or over the connected *sock*; shake hands if *tls* is "implicit".

        For the other modes the flow yields `StartTLS`, and the context is ready for it. `timeout` caps what
        the connection grants, in seconds. With *is_shared* a flow that is interrupted while it waits does not
        close the connection unless it has aborted it. Raises `ConnectionClosed` or `ConnectionTimeout` with
        phase "connect" or "tls".
        """
        check_mode(tls, ("implicit", "starttls", "none", "opportunistic"))
        check_target(host, path, sock)
        context = ssl_context or (unverified_context() if tls == "opportunistic" else None)
        if sock is None:
            sock = _connected(host, port, path, source_address, timeout)
        driver = cls(conn, sock, context=context, timeout=timeout, is_shared=is_shared)
        driver.service = host, port
        if tls == "implicit":
            try:
                driver.shake_hands(host)
                driver.feed_decrypted()
            except BaseException:
                driver.abort()
                raise
        return driver

    def run(self, flow: Flow[ResultT]) -> ResultT:
        """Run *flow* to its end and return its result.

        After an error that ends the session the connection is closed. Raises LocalProtocolError at once if
        the connection is closed, or runs another flow, for whatever thread.
        """
        if self._is_closed:
            raise LocalProtocolError("the connection is closed")
        if not self._in_use.acquire(blocking=False):
            raise LocalProtocolError("the connection is in use, by another thread or by a running call")
        self._is_waiting = False
        try:
            result = self.drive(flow)
            if self.conn.wants is Wants.CLOSED:
                self.close()
            return result
        except BaseException as error:
            self._close_after(error)
            raise
        finally:
            self._in_use.release()

    def _close_after(self, error: BaseException) -> None:
        if self.conn.wants is Wants.CLOSED or isinstance(error, RemoteProtocolError):
            self.close()
        elif isinstance(error, ConnectionClosed) or not (self._is_whole_after(error) or is_survivable(error)):
            self.abort()

    def _is_whole_after(self, error: BaseException) -> bool:
        """Return whether nothing was lost when *error* ended a flow; others may go on then.

        KeyboardInterrupt comes anywhere, between reading octets and feeding them too, but mostly while the
        driver waits, when nothing is on its way.
        """
        return self.is_shared and (self._is_waiting or isinstance(error, Exception))


def _connected(
    host: str | None,
    port: int,
    path: str | os.PathLike[str] | None,
    source_address: tuple[str, int] | None,
    timeout: float | None,
) -> socket.socket:
    limit = CONNECT_TIMEOUT if timeout is None else min(CONNECT_TIMEOUT, timeout)
    try:
        if path is None:
            return socket.create_connection((cast(str, host), port), limit, source_address)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.settimeout(limit)
            sock.connect(os.fspath(path))
        except BaseException:
            sock.close()
            raise
        return sock
    except OSError as error:
        raise closed(error, "connect") from error
