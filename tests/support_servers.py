"""Line servers of both kinds behind one face, so that each client driver meets each server."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import mailproto.asyncio._server as asyncio_server
import mailproto.sync._server as sync_server
from mailproto._network import Accepted, Address
from mailproto.flow import Connection, Flow
from support_lines import LineConnection, serve_lines

KINDS = ["sync", "asyncio"]
Factory = Callable[[Accepted], tuple[Connection[object], Flow[None]]]


def make_lines(accepted: Accepted) -> tuple[Connection[object], Flow[None]]:
    conn = LineConnection()
    return conn, serve_lines(conn)


def host_and_port(address: Address) -> tuple[str, int]:
    """Return *address*, which is no path."""
    assert isinstance(address, tuple)
    return address


@contextlib.contextmanager
def serving(kind: str, factory: Factory = make_lines, **arguments: Any) -> Iterator[Address]:
    """Yield the address of a running server of one kind."""
    if not {"sock", "path"} & set(arguments):
        arguments["host"] = "127.0.0.1"
    with (_serving_sync if kind == "sync" else _serving_asyncio)(factory, arguments) as address:
        yield address


@contextlib.contextmanager
def _serving_sync(factory: Factory, arguments: dict[str, Any]) -> Iterator[Address]:
    with sync_server.Server(factory, **arguments) as server:
        yield server.addresses[0]


@contextlib.contextmanager
def _serving_asyncio(factory: Factory, arguments: dict[str, Any]) -> Iterator[Address]:
    """Run the event loop in a thread of its own."""
    started = threading.Event()
    state: dict[str, Any] = {}

    async def main() -> None:
        state["loop"] = asyncio.get_running_loop()
        state["stop"] = asyncio.Event()
        async with asyncio_server.Server(factory, **arguments) as server:
            state["address"] = server.addresses[0]
            started.set()
            await state["stop"].wait()

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    try:
        assert started.wait(10)
        yield state["address"]
    finally:
        state["loop"].call_soon_threadsafe(state["stop"].set)
        thread.join()
