"""SMTP servers of both kinds behind one face, so that each client meets each server."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import mailproto.asyncio
import mailproto.sync
from mailproto.address import Path
from mailproto.smtp import Mail, Rcpt, Reply, SMTPHandler, SMTPSession, WholeMessages

__all__ = ["KINDS", "Accepting", "Running", "serving"]

KINDS = ["sync", "asyncio"]


class Accepting(WholeMessages):
    """Keeps each message as (envelope, octets); refuses recipients that begin with "bad"."""

    def __init__(self, answer: Any = None) -> None:
        super().__init__(self._take)
        self.answer = answer
        self.taken: list[tuple[str, list[str], bytes]] = []
        self.sessions: list[SMTPSession] = []
        self.is_closed = threading.Event()

    def connect(self, session: SMTPSession) -> None:
        self.sessions.append(session)

    def rcpt(self, session: SMTPSession, rcpt: Rcpt) -> Reply | None:
        return Reply.of(550, "5.1.1", "unknown") if str(rcpt.forward_path).startswith("<bad") else None

    def mail(self, session: SMTPSession, mail: Mail) -> Reply | None:
        return Reply(550, ("not you",)) if mail.reverse_path == Path.of("bad@x.example") else None

    def _take(self, session: SMTPSession, octets: bytes) -> Any:
        transaction = session.transaction
        assert transaction is not None
        to = [str(rcpt.forward_path) for rcpt in transaction.recipients]
        self.taken.append((str(transaction.mail.reverse_path), to, octets))
        return self.answer

    def closed(self, session: SMTPSession) -> None:
        self.is_closed.set()


class Running:
    """A server that listens: where, and how to stop it."""

    def __init__(self, address: Any, stop: Callable[[float], None]) -> None:
        self.address = address
        self.stop = stop

    @property
    def port(self) -> int:
        return int(self.address[1])


@contextlib.contextmanager
def serving(kind: str, handler: SMTPHandler, **arguments: Any) -> Iterator[Running]:
    """Run a server of one kind until the end of the block."""
    arguments.setdefault("hostname", "mx.example")
    if not {"sock", "path"} & set(arguments):
        arguments["host"] = "127.0.0.1"
    with (_serving_sync if kind == "sync" else _serving_asyncio)(handler, arguments) as running:
        yield running


@contextlib.contextmanager
def _serving_sync(handler: SMTPHandler, arguments: dict[str, Any]) -> Iterator[Running]:
    with mailproto.sync.serve_smtp(handler, **arguments) as server:
        yield Running(server.addresses[0], server.stop)


@contextlib.contextmanager
def _serving_asyncio(handler: SMTPHandler, arguments: dict[str, Any]) -> Iterator[Running]:
    """Run the event loop in a thread of its own."""
    started = threading.Event()
    running: list[Running] = []
    end: list[Callable[[], object]] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        async with mailproto.asyncio.serve_smtp(handler, **arguments) as server:

            def stop(grace: float) -> None:
                asyncio.run_coroutine_threadsafe(server.stop(grace), loop).result(30)

            running.append(Running(server.addresses[0], stop))
            end.append(lambda: loop.call_soon_threadsafe(ended.set))
            started.set()
            await ended.wait()

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    try:
        assert started.wait(10)
        yield running[0]
    finally:
        end[0]()
        thread.join()
