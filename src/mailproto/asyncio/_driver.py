"""The asyncio driver of a client: runs flows for the tasks that await them.

What a flow calls is awaited in the task that runs the flow, and is cancelled with it.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Awaitable
from socket import socket
from typing import TypeVar, cast, final
from weakref import WeakSet

from mailproto._network import (
    CONNECT_TIMEOUT,
    ClientTLS,
    check_mode,
    check_target,
    closed,
    is_survivable,
    timed_out,
)
from mailproto._tls import unverified_context
from mailproto.asyncio._alarm import Alarm
from mailproto.asyncio._link import PENDING, Driver, Handshake, Run
from mailproto.errors import ConnectionClosed, LocalProtocolError, RemoteProtocolError
from mailproto.flow import Connection, Flow, TLSInfo
from mailproto.wants import Wants

__all__ = ["ClientDriver"]

ResultT = TypeVar("ResultT")


@final
class _ClientRun(Run[ResultT]):
    """A flow that a task waits for: the task awaits what the flow calls, and is cancelled with it."""

    __slots__ = ("awaitable", "error", "is_done", "result", "waiter")

    def __init__(self, driver: Driver, flow: Flow[ResultT]) -> None:
        super().__init__(driver, flow)
        self.awaitable: Awaitable[object] | None = None
        self.waiter: asyncio.Future[None] | None = None
        self.is_done = False
        self.result: ResultT | None = None
        self.error: BaseException | None = None

    def finish(self, result: ResultT | None, error: BaseException | None) -> None:
        """Keep the result for the task that waits."""
        self.is_done, self.result, self.error = True, result, error
        self._resume_task()

    def await_result(self, awaitable: Awaitable[object]) -> None:
        """Let the task await it."""
        self.awaitable = awaitable
        self._resume_task()

    def _resume_task(self) -> None:
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)

    async def complete(self) -> None:
        """Wait until the flow has ended; cancellation and errors of awaitables are thrown into it."""
        while not self.is_done:
            try:
                value = await self._pause()
            except BaseException as error:
                if self.is_done:
                    raise
                self._drop_awaitable()
                self.driver.forget(self)
                self.throw(error)
            else:
                if value is not PENDING:
                    self.step(value)

    def _drop_awaitable(self) -> None:
        """Close what the flow has called, if the task was cancelled before it came to await it."""
        awaitable, self.awaitable = self.awaitable, None
        close = getattr(awaitable, "close", None)
        if close is not None:
            close()

    async def _pause(self) -> object:
        """Await what the flow called, or until it has gone on by other means."""
        awaitable, self.awaitable = self.awaitable, None
        if awaitable is not None:
            return await awaitable
        self.waiter = self.driver.loop.create_future()
        await self.waiter
        return PENDING


@final
class ClientDriver(Driver):
    """The driver of a client: made by `connect`, runs one flow after another, or several if it is shared."""

    __slots__ = ("__weakref__", "_lost", "_running", "is_shared", "service")

    def __init__(
        self,
        conn: Connection[object],
        loop: asyncio.AbstractEventLoop,
        *,
        context: ssl.SSLContext | None = None,
        timeout: float | None = None,
        is_shared: bool = False,
    ) -> None:
        # Weak: the alarm must not keep who has forgotten it.
        alarm = Alarm(loop, WeakSet((self,)))
        super().__init__(loop, server_side=False, context=context, timeout=timeout, alarm=alarm)
        self.conn = conn
        self.is_shared: bool = is_shared
        self.service: tuple[str | None, int] = (None, 0)
        self._running = 0
        self._lost: asyncio.Future[None] = loop.create_future()

    @classmethod
    async def connect(
        cls,
        conn: Connection[object],
        host: str | None,
        port: int,
        *,
        tls: ClientTLS = "implicit",
        ssl_context: ssl.SSLContext | None = None,
        path: str | os.PathLike[str] | None = None,
        sock: socket | None = None,
        source_address: tuple[str, int] | None = None,
        timeout: float | None = None,
        is_shared: bool = False,
    ) -> ClientDriver:
        """Connect *conn* to *host*, *path* or over the connected *sock*; shake hands if *tls* is "implicit".

        For the other modes the flow yields `StartTLS`, and the context is ready for it. `timeout` caps what
        the connection grants, in seconds. With *is_shared* several flows may run at once, and one that is
        cancelled does not close the connection unless it has aborted it. Raises `ConnectionClosed` or
        `ConnectionTimeout` with phase "connect" or "tls".
        """
        check_mode(tls, ("implicit", "starttls", "none", "opportunistic"))
        check_target(host, path, sock)
        context = ssl_context or (unverified_context() if tls == "opportunistic" else None)
        loop = asyncio.get_running_loop()
        driver = cls(conn, loop, context=context, timeout=timeout, is_shared=is_shared)
        driver.service = host, port
        try:
            async with asyncio.timeout(min(CONNECT_TIMEOUT, driver._max_timeout)):
                await driver._open(host, port, path, sock, source_address)
        except TimeoutError as error:
            raise timed_out("connect", error) from error
        except OSError as error:
            raise closed(error, "connect") from error
        if tls == "implicit":
            try:
                await driver.run(_implicit_tls(host))
            except BaseException:
                driver.abort()
                raise
        return driver

    async def _open(
        self,
        host: str | None,
        port: int,
        path: str | os.PathLike[str] | None,
        sock: socket | None,
        source_address: tuple[str, int] | None,
    ) -> None:
        create = self.loop.create_connection
        if sock is not None:
            await create(lambda: self, sock=sock)
        elif path is not None:
            await self.loop.create_unix_connection(lambda: self, os.fspath(path))
        else:
            await create(
                lambda: self, cast(str, host), port, local_addr=source_address, happy_eyeballs_delay=0.25
            )

    async def run(self, flow: Flow[ResultT]) -> ResultT:
        """Run *flow* to its end and return its result.

        After an error that ends the session the connection is closed. Raises LocalProtocolError at once if
        the connection is closed, belongs to another loop, or runs another flow and is not shared.
        """
        self._check_usable()
        run = _ClientRun(self, flow)
        self._running += 1
        try:
            run.step(None)
            await run.complete()
        except BaseException as error:
            self._close_after(error)
            raise
        finally:
            self._running -= 1
        return self._outcome(run)

    def _outcome(self, run: _ClientRun[ResultT]) -> ResultT:
        error, run.error = run.error, None
        if error is None:
            if self.conn.wants is Wants.CLOSED and not self._running:
                self.close()
            return cast(ResultT, run.result)
        self._close_after(error)
        try:
            raise error
        finally:
            del error

    def _check_usable(self) -> None:
        if asyncio.get_running_loop() is not self.loop:
            raise LocalProtocolError("the connection belongs to another event loop")
        if self._is_closing:
            raise LocalProtocolError("the connection is closed")
        if self._running and not self.is_shared:
            raise LocalProtocolError("the connection is in use by another task")

    def _close_after(self, error: BaseException) -> None:
        if self.conn.wants is Wants.CLOSED or isinstance(error, RemoteProtocolError):
            self.close()
        elif isinstance(error, ConnectionClosed) or not (self.is_shared or is_survivable(error)):
            self.abort()

    def connection_lost(self, error: Exception | None) -> None:
        """Tell the flows, and the one who waits for the close."""
        self._alarm.cancel()
        super().connection_lost(error)
        self._wake = None
        if not self._lost.done():
            self._lost.set_result(None)

    async def aclose(self) -> None:
        """Close and wait until the socket is; calling it again does nothing."""
        self.close()
        if hasattr(self, "_transport"):
            await asyncio.shield(self._lost)


def _implicit_tls(host: str | None) -> Flow[TLSInfo]:
    return cast(TLSInfo, (yield Handshake(host)))  # type: ignore[misc]  # an instruction of this driver only
