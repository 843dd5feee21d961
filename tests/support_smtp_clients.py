"""SMTP clients of both kinds behind one face, and servers that say what a script says."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import mailproto.asyncio
import mailproto.sync

__all__ = ["CLIENTS", "EHLO_OK", "GREETING", "connected", "scripted"]

CLIENTS = ["sync client", "asyncio client"]
GREETING = b"220 mx.example ESMTP\r\n"
EHLO_OK = b"250-mx.example\r\n250-PIPELINING\r\n250-SIZE 1000000\r\n250 8BITMIME\r\n"

Turn = tuple[bytes, bytes]


class _Blocking:
    """An asyncio client whose awaitable results are waited for."""

    def __init__(self, loop: asyncio.AbstractEventLoop, client: Any) -> None:
        self._loop = loop
        self._client = client

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._client, name)
        return self._wrapped(value) if callable(value) else value

    def _wrapped(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            result = method(*args, **kwargs)
            return self._loop.run_until_complete(result) if inspect.isawaitable(result) else result

        return call


@contextlib.contextmanager
def connected(kind: str, port: int | None, **arguments: Any) -> Iterator[Any]:
    """Connect a client of one kind; its methods block, whatever kind it is. It is closed at the end.

    With `path` among *arguments* it connects to that Unix socket; `host` is 127.0.0.1 if it is not there.
    """
    arguments = {"tls": "none", "timeout": 10, "local_hostname": "me.example", **arguments}
    target = () if "path" in arguments else (arguments.pop("host", "127.0.0.1"), port)
    if kind == CLIENTS[0]:
        smtp = mailproto.sync.SMTPClient.connect(*target, **arguments)
        with contextlib.closing(smtp):
            yield smtp
        return
    loop = asyncio.new_event_loop()
    try:
        opening = mailproto.asyncio.SMTPClient.connect(*target, **arguments)
        client = _Blocking(loop, loop.run_until_complete(_opened(opening)))
        try:
            yield client
        finally:
            client.close()
            loop.run_until_complete(asyncio.sleep(0))
    finally:
        loop.close()


async def _opened(opening: Any) -> Any:
    return await opening


class Script:
    """What a scripted server has read, and how it ended."""

    def __init__(self, turns: Sequence[Turn], closes: bool) -> None:
        self.turns = turns
        self.closes = closes
        self.received = b""
        self.rest = b""

    def play(self, listener: socket.socket) -> None:
        """Say each answer once all that is awaited before it was read; then read to the end."""
        sock, _ = listener.accept()
        with sock:
            sock.settimeout(10)
            for awaited, answer in self.turns:
                self._read_to(sock, awaited)
                sock.sendall(answer)
            if not self.closes:
                self._read_on(sock)

    def _read_to(self, sock: socket.socket, awaited: bytes) -> None:
        while awaited not in self.rest:
            octets = sock.recv(65_536)
            if not octets:
                raise AssertionError(f"expected {awaited!r}, got {self.rest!r}")
            self.received += octets
            self.rest += octets
        self.rest = self.rest[self.rest.index(awaited) + len(awaited) :]

    def _read_on(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while octets := sock.recv(65_536):
                self.received += octets


@contextlib.contextmanager
def scripted(*turns: Turn, closes: bool = False) -> Iterator[tuple[int, Script]]:
    """Run a server for one connection: each turn is what it waits for and what it says then."""
    script = Script(turns, closes)
    failures: list[BaseException] = []

    def run() -> None:
        try:
            script.play(listener)
        except BaseException as error:
            failures.append(error)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)
        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield listener.getsockname()[1], script
        finally:
            thread.join()
    if failures:
        raise failures[0]
