"""The asyncio server: listeners, and for each accepted connection a driver with one flow.

A connection costs no task: its flow is stepped from the callbacks of its protocol, and a task lives only as
long as something that a `Call` returned has to be awaited.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
from collections.abc import Awaitable, Callable, Generator
from math import inf
from socket import socket
from types import TracebackType
from typing import Any, Final, cast, final

from mailproto._network import (
    LINGER_OCTETS,
    LINGER_SECONDS,
    LONG_READ,
    PROXY_TIMEOUT,
    Accepted,
    Address,
    Admission,
    ServerTLS,
    address_of,
    bind,
    check_mode,
    check_target,
)
from mailproto._tls import certificate_in
from mailproto.asyncio._alarm import Alarm
from mailproto.asyncio._link import Driver, Handshake, Run
from mailproto.asyncio._transport import Acceptor, SocketTransport
from mailproto.errors import ConnectionClosed, LocalProtocolError, MailProtoError, RemoteProtocolError
from mailproto.flow import Connection, Flow, Receive, ServerStopping, Sleep
from mailproto.proxy_protocol import ProxyHeader, ProxyProtocolReader

__all__ = ["Factory", "Server"]

Factory = Callable[[Accepted], tuple[Connection[object], Flow[None]]]
"""Makes connection and flow for one accepted connection, after the handshake of implicit TLS."""

_DEFAULT_MAX_UNSENT: Final = 65_536
"""What asyncio's transports have without being told."""


@final
class Server:
    """A listening server; `await` it or enter it with `async with` to start it.

    *factory* makes `(connection, flow)` for each accepted connection. *ssl_context* is used at once with
    *tls* "implicit", otherwise when the flow yields `StartTLS`; *certificate* is the one in it. *timeout*
    caps what a connection grants its client, in seconds. *admission* turns away connections that are too
    many. With *proxy_protocol* each connection must begin with a header of the PROXY protocol.
    """

    def __init__(
        self,
        factory: Factory,
        host: str | None = None,
        port: int = 0,
        *,
        tls: ServerTLS = "none",
        ssl_context: ssl.SSLContext | None = None,
        certificate: bytes | None = None,
        path: str | os.PathLike[str] | None = None,
        sock: socket | None = None,
        timeout: float | None = None,
        admission: Admission | None = None,
        proxy_protocol: bool = False,
    ) -> None:
        check_mode(tls, ("implicit", "starttls", "none"))
        if tls != "none" and ssl_context is None:
            raise LocalProtocolError(f"ssl_context: tls={tls!r} needs one")
        check_target(host, path, sock)
        self.factory = factory
        self.is_implicit: bool = tls == "implicit"
        self.context = ssl_context
        self.certificate: bytes | None = None if certificate is None else certificate_in(certificate)
        self.timeout = timeout
        self.admission = admission
        self.proxy_protocol: bool = proxy_protocol
        self.links: set[_Link] = set()
        self._alarm: Alarm | None = None
        self._target = (host, port, path, sock)
        self._listeners: list[Acceptor | asyncio.AbstractServer] = []
        self._addresses: tuple[Address, ...] = ()
        self._stopped: asyncio.Event = asyncio.Event()
        self._emptied: asyncio.Event = asyncio.Event()
        self._is_stopping = False

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Where it listens: (host, port) pairs, or the path of a Unix socket; empty before the start."""
        return self._addresses

    def __await__(self) -> Generator[Any, Any, Server]:
        return self.start().__await__()

    async def __aenter__(self) -> Server:
        return await self.start()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    async def start(self) -> Server:
        """Bind and listen; starting again does nothing. Raises `ConnectionClosed` with phase "listen"."""
        if self._listeners or self._is_stopping:
            return self
        loop = asyncio.get_running_loop()
        host, port, path, sock = self._target
        alarm = self._alarm = Alarm(loop, self.links)
        sockets = bind(host, port, path=path, sock=sock)
        for bound in sockets:
            self._listeners.append(await self._listen(loop, bound, alarm))
        self._addresses = tuple(address_of(bound.getsockname()) for bound in sockets)
        self._stop_if_late()
        return self

    def _stop_if_late(self) -> None:
        """Close the listeners again if `stop` was called while they were made."""
        if self._is_stopping:
            self._stop_listening()

    async def _listen(
        self, loop: asyncio.AbstractEventLoop, bound: socket, alarm: Alarm
    ) -> Acceptor | asyncio.AbstractServer:
        """Accept by our own transports, or by the loop's if it cannot watch sockets."""

        def make() -> _Link:
            return _Link(loop, self, alarm)

        try:
            return Acceptor(loop, bound, make)
        except NotImplementedError:
            return await loop.create_server(make, sock=bound)

    async def serve_forever(self) -> None:
        """Start if need be, and wait until somebody calls `stop`; a cancelled wait stops the server."""
        await self.start()
        try:
            await self._stopped.wait()
        except asyncio.CancelledError:
            await self.stop()
            raise

    async def stop(self, grace: float = 30) -> None:
        """Stop listening, let every flow say its last words, and return when all connections are closed.

        A call that runs is not interrupted; after *grace* seconds what is left is cut off.
        """
        self._is_stopping = True
        self._stop_listening()
        for link in tuple(self.links):
            link.stop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await self._wait_until_empty()
        for link in tuple(self.links):
            link.cut_off()
        await self._wait_until_empty()
        self._stopped.set()

    def _stop_listening(self) -> None:
        for listener in self._listeners:
            listener.close()
        path = self._target[2]
        if path is not None and self._listeners:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
        self._listeners.clear()

    async def _wait_until_empty(self) -> None:
        while self.links:
            self._emptied.clear()
            await self._emptied.wait()
        if self._alarm is not None:
            self._alarm.cancel()

    def drop(self, link: _Link) -> None:
        """Forget *link*, whose flow and connection have both ended."""
        if self.admission is not None and link.admitted is not None:
            self.admission.release(link.admitted)
            link.admitted = None
        self.links.discard(link)
        link.let_go()
        if not self.links:
            self._emptied.set()


@final
class _Link(Driver):
    """An accepted connection: runs one flow, then closes."""

    conn: Connection[object]

    __slots__ = ("_closes_at", "_header", "_is_lost", "_run", "_server", "admitted")

    def __init__(self, loop: asyncio.AbstractEventLoop, server: Server, alarm: Alarm) -> None:
        super().__init__(
            loop,
            server_side=True,
            context=server.context,
            certificate=server.certificate,
            timeout=server.timeout,
            alarm=alarm,
        )
        self._server = server
        self._run: _LinkRun | None = None
        self._is_lost = False
        self._closes_at = inf
        self._header: ProxyHeader | None = None
        self.admitted: Address | None = None
        """Whom the server's `Admission` has counted for this connection."""

    @property
    def peer(self) -> Address:
        """The address of the client; behind a proxy what the proxy says, if it says something."""
        source = None if self._header is None else self._header.source
        return super().peer if source is None else source

    @property
    def local(self) -> Address:
        """The address that the client connected to, which may be the proxy's."""
        destination = None if self._header is None else self._header.destination
        return super().local if destination is None else destination

    @property
    def is_cut_off(self) -> bool:
        """Whether the server has closed the connection under a flow that runs."""
        return self._is_closing

    @property
    def _is_header_due(self) -> bool:
        return self._server.proxy_protocol and self._header is None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the flow, behind the header of a proxy and behind the handshake if TLS is implicit."""
        super().connection_made(transport)
        self._server.links.add(self)
        if self._is_header_due:
            self._transport.set_protocol(_Proxied(self))
            self._close_after(min(PROXY_TIMEOUT, self._max_timeout))
        else:
            self._start()

    def start_behind(self, header: ProxyHeader, rest: bytes) -> None:
        """Start the flow of the client that *header* names, whose octets begin with *rest*."""
        self._header = header
        self._closes_at = inf
        self._transport.set_protocol(self)
        self._start()
        if rest and not self._is_closing:
            self.data_received(rest)

    def _start(self) -> None:
        if self._server.admission is not None and not self._is_admitted(self._server.admission):
            return
        try:
            flow = self._shake_hands_first() if self._server.is_implicit else self._make_flow()
        except Exception as error:
            self.ended(error)
            return
        self._run = _LinkRun(self, flow)
        self._run.step()

    def _is_admitted(self, admission: Admission) -> bool:
        """Count the client, not the proxy in front of it; turn it away if it is one too many."""
        peer = self.peer
        if admission.admit(peer):
            self.admitted = peer
            return True
        self._transport.write(admission.refusal)
        self._is_closing = True
        self._transport.close()
        return False

    def _shake_hands_first(self) -> Flow[None]:
        yield Handshake()  # type: ignore[misc]  # an instruction of this driver only
        yield from self._make_flow()

    def _make_flow(self) -> Flow[None]:
        self.conn, flow = self._server.factory(self)
        if self.conn.max_unsent != _DEFAULT_MAX_UNSENT:
            self._transport.set_write_buffer_limits(self.conn.max_unsent)
        return flow

    def _send_during(self, run: Run[Any]) -> None:
        """Send what is queued if the call does wait: it takes its first step before `_send_unless_done`.

        So a group is answered at once where the handler's methods are coroutines, too (RFC 2920 section 3.2).
        """
        task = cast("asyncio.Future[object]", cast(_LinkRun, run).task)
        self.loop.call_soon(self._send_unless_done, task)

    def _send_unless_done(self, task: asyncio.Future[object]) -> None:
        if not task.done():
            self._send()

    def ended(self, error: BaseException | None) -> None:
        """Close after the flow has ended; an error that the flow should have handled is reported."""
        self._run = None
        if error is not None and not isinstance(error, MailProtoError | ServerStopping):
            self.report(error)
        if self._is_lost:
            self._server.drop(self)
        elif isinstance(error, ConnectionClosed) or not hasattr(self, "conn"):
            self.abort()
        elif self._is_eof or not (self.conn.buffered or self._last_size >= LONG_READ):
            self.close()
        else:
            self._linger()

    def close(self) -> None:
        """Send the last words and close."""
        if isinstance(self._transport, SocketTransport) and self._tls is None:
            self._transport.is_ending = True
        super().close()

    def report(self, error: BaseException) -> None:
        """Give *error* to the exception handler of the event loop."""
        self.loop.call_exception_handler(
            {"message": "a server flow failed", "exception": error, "protocol": self}
        )

    def _linger(self) -> None:
        """Close the sending side only, and read on: a reset would destroy the last words on their way."""
        self.close_sending()
        self._transport.set_protocol(_Lingering(self))
        self._close_after(LINGER_SECONDS)

    def _close_after(self, seconds: float) -> None:
        self._closes_at = self.loop.time() + seconds
        self._alarm.arm(self._closes_at)

    def ring(self, now: float) -> float:
        """Close if that is due, else time out the flow if it is late."""
        if self._closes_at <= now:
            self._closes_at = inf
            self.abort()
        return min(self._closes_at, super().ring(now))

    def connection_lost(self, error: Exception | None) -> None:
        """Let the flow see the end; it may still be busy with a call."""
        self._is_lost = True
        if self._run is not None:
            super().connection_lost(error)
        if self._run is None:
            self._server.drop(self)

    def stop(self) -> None:
        """Throw `ServerStopping` into the flow if it waits, else at its next `Receive` or `Sleep`."""
        run = self._run
        if run is None:
            if self._is_header_due:
                self.abort()
            return
        if run.waits_for in (Receive, Sleep):
            self.forget(run)
            run.throw(ServerStopping())
        elif run.waits_for is Handshake:
            self.abort()
        else:
            self._is_stopping = True

    def cut_off(self) -> None:
        """Close without waiting for anything; a call that can be cancelled is."""
        run = self._run
        self.abort()
        if run is not None and run.task is not None:
            run.task.cancel()


@final
class _Proxied(asyncio.Protocol):
    """What reads a connection up to the end of the header of the PROXY protocol.

    Without a valid one the connection is closed without a word.
    """

    def __init__(self, link: _Link) -> None:
        self._link = link
        self._reader = ProxyProtocolReader()

    def data_received(self, data: bytes) -> None:
        """Let the link start if the header is complete."""
        self._reader.receive_data(data)
        try:
            header = self._reader.next_event()
        except RemoteProtocolError:
            self._link.abort()
            return
        if header is not None:
            self._link.start_behind(header, self._reader.take_rest())

    def eof_received(self) -> bool:
        """Close: there is no header any more."""
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """Let the link go."""
        self._link.connection_lost(error)


@final
class _Lingering(asyncio.Protocol):
    """What reads a connection whose last words are on their way: it drops the octets, up to a limit."""

    def __init__(self, link: _Link) -> None:
        self._link = link
        self._size = 0

    def data_received(self, data: bytes) -> None:
        """Drop what came."""
        self._size += len(data)
        if self._size > LINGER_OCTETS:
            self._link.abort()

    def eof_received(self) -> bool:
        """Close: the end is what was waited for."""
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """Let the link go."""
        self._link.connection_lost(error)


@final
class _LinkRun(Run[None]):
    """The flow of an accepted connection."""

    __slots__ = ("task",)

    driver: _Link

    def __init__(self, driver: _Link, flow: Flow[None]) -> None:
        super().__init__(driver, flow)
        self.task: asyncio.Future[object] | None = None

    def finish(self, result: None, error: BaseException | None) -> None:
        """Let the connection close."""
        self.driver.ended(error)

    def await_result(self, awaitable: Awaitable[object]) -> None:
        """Await it in a task, unless it is a future already."""
        self.task = asyncio.ensure_future(awaitable)
        self.task.add_done_callback(self._resolved)

    def _resolved(self, future: asyncio.Future[object]) -> None:
        self.task = None
        try:
            value = future.result()
        except asyncio.CancelledError as error:
            self.throw(error if self.driver.is_cut_off else _cancelled(error))
        except BaseException as error:
            self.throw(error)
        else:
            self.step(value)


def _cancelled(error: asyncio.CancelledError) -> RuntimeError:
    """Return what a flow is told when not the server has cancelled what it called, but somebody else."""
    failure = RuntimeError("what was awaited was cancelled")
    failure.__cause__ = error
    return failure
