"""The blocking server: one thread for each accepted connection, up to a bound."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable
from math import inf
from types import TracebackType
from typing import Final, final

from mailproto._network import (
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
from mailproto.errors import ConnectionClosed, LocalProtocolError, MailProtoError
from mailproto.flow import Connection, Flow, ServerStopping
from mailproto.sync._driver import Driver
from mailproto.sync._wait import Signal, wait_for_signal, waiter_of

__all__ = ["Factory", "Server"]

Factory = Callable[[Accepted], tuple[Connection[object], Flow[None]]]
"""Makes connection and flow for one accepted connection, after the handshake of implicit TLS."""

_log: Final = logging.getLogger("mailproto.sync")
_PAUSE: Final = 0.5
"""Seconds before it accepts again when the system has no file descriptors left."""


@final
class Server:
    """A listening server: it accepts as soon as it is made, in a thread of its own, until `stop`.

    *factory* makes `(connection, flow)` for each accepted connection, in the thread of that connection. At
    most *max_connections* are served at once; further ones wait in the system's queue. *ssl_context* is used
    at once with *tls* "implicit", otherwise when the flow yields `StartTLS`; *certificate* is the one in it.
    *timeout* caps what a connection grants its client, in seconds. *admission* turns away connections that
    are too many; if it bounds them all, so many more are served, and none waits. With *proxy_protocol* each
    connection must begin with a header of the PROXY protocol. Raises `ConnectionClosed` with phase "listen".
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
        sock: socket.socket | None = None,
        timeout: float | None = None,
        max_connections: int = 256,
        admission: Admission | None = None,
        proxy_protocol: bool = False,
    ) -> None:
        check_mode(tls, ("implicit", "starttls", "none"))
        if tls != "none" and ssl_context is None:
            raise LocalProtocolError(f"ssl_context: tls={tls!r} needs one")
        check_target(host, path, sock)
        self._factory = factory
        self._is_implicit = tls == "implicit"
        self._context = ssl_context
        self._certificate: bytes | None = None if certificate is None else certificate_in(certificate)
        self._timeout = timeout
        # Of those that wait for the header of a proxy nobody knows yet whether they are too many.
        self._max_connections: int = max_connections + (0 if admission is None else admission.most)
        self._admission = admission
        self._proxy_protocol = proxy_protocol
        self._path = path
        self._stopping = Signal()
        self._changed = threading.Condition()
        self._drivers: dict[threading.Thread, Driver] = {}
        self._listeners = bind(host, port, path=path, sock=sock)
        self._addresses = tuple(address_of(bound.getsockname()) for bound in self._listeners)
        self._acceptors = [
            threading.Thread(target=self._accept_all, args=(bound,), daemon=True, name="mailproto-accept")
            for bound in self._listeners
        ]
        for thread in self._acceptors:
            thread.start()

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Where it listens: (host, port) pairs, or the path of a Unix socket."""
        return self._addresses

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def serve_forever(self) -> None:
        """Wait until somebody calls `stop`; KeyboardInterrupt stops the server."""
        try:
            wait_for_signal(self._stopping)
        except BaseException:
            self.stop()
            raise

    def stop(self, grace: float = 30) -> None:
        """Stop listening, let every flow say its last words, and return when all connections are closed.

        A call that runs is not interrupted; after *grace* seconds what is left is cut off, and a thread
        that is still in a call is left to itself.
        """
        self._stopping.set()
        with self._changed:
            self._changed.notify_all()
        for thread in self._acceptors:
            thread.join()
        if self._path is not None and self._acceptors:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._path)
        self._acceptors.clear()
        if not self._wait_until_empty(grace):
            for driver in self._cut_off():
                driver.shut_down()
            self._wait_until_empty(min(grace, 1.0))
        self._stopping.close()

    def _wait_until_empty(self, seconds: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: not self._drivers, seconds)

    def _cut_off(self) -> list[Driver]:
        with self._changed:
            return list(self._drivers.values())

    def _accept_all(self, listener: socket.socket) -> None:
        with listener:
            waiter = waiter_of(listener.fileno())
            while self._wait_for_room():
                if waiter.wait(True, False, (self._stopping,), inf).read:
                    self._accept(listener)

    def _wait_for_room(self) -> bool:
        """Wait until there may be one more connection; False if the server stops."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._stopping.is_set or len(self._drivers) < self._max_connections
            )
        return not self._stopping.is_set

    def _accept(self, listener: socket.socket) -> None:
        try:
            sock, address = listener.accept()
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                _log.warning("cannot accept: %s", error)
                time.sleep(_PAUSE)
            return
        peer = address_of(address)
        # Behind a proxy the client is known, and counted, once the header is there.
        admission = None if self._proxy_protocol else self._admission
        if admission is not None and not admission.admit(peer):
            _turn_away(sock, admission.refusal)
            return
        driver = Driver(
            sock,
            server_side=True,
            context=self._context,
            certificate=self._certificate,
            timeout=self._timeout,
            stopping=self._stopping,
        )
        thread = threading.Thread(
            target=self._serve,
            args=(driver, None if admission is None else peer),
            daemon=True,
            name="mailproto-serve",
        )
        with self._changed:
            self._drivers[thread] = driver
        thread.start()

    def _serve(self, driver: Driver, admitted: Address | None) -> None:
        try:
            early = b""
            if self._proxy_protocol:
                early = driver.read_proxy_header()
                admitted = self._admit_behind_proxy(driver)
            self._drive(driver, early)
        except ConnectionClosed:
            driver.abort()
        except (MailProtoError, ServerStopping):
            pass
        except BaseException as error:
            driver.report(error)
        finally:
            driver.finish()
            if self._admission is not None and admitted is not None:
                self._admission.release(admitted)
            with self._changed:
                del self._drivers[threading.current_thread()]
                self._changed.notify_all()

    def _admit_behind_proxy(self, driver: Driver) -> Address | None:
        """Count the client of the proxy. Raises ConnectionClosed, and turns it away, if it is too many."""
        if self._admission is None:
            return None
        peer = driver.peer
        if not self._admission.admit(peer):
            driver.turn_away(self._admission.refusal)
            raise ConnectionClosed("too many connections", phase="read")
        return peer

    def _drive(self, driver: Driver, early: bytes) -> None:
        if self._is_implicit:
            driver.shake_hands(None, early)
        driver.conn, flow = self._factory(driver)
        if self._is_implicit:
            driver.feed_decrypted()
        elif early:
            driver.feed(early)
        driver.drive(flow)


def _turn_away(sock: socket.socket, refusal: bytes) -> None:
    with sock, contextlib.suppress(OSError):
        sock.setblocking(False)
        sock.send(refusal)
