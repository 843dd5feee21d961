"""NOOPs of one client over a link that takes its time, whose sockets are files in a temporary folder."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from mailproto.asyncio import IMAPClient, serve_imap
from mailproto.store import MemoryStore

__all__ = ["lock_step_seconds", "pipelined_seconds"]


def pipelined_seconds(count: int, delay: float) -> float:
    """Return the seconds of *count* NOOPs of as many tasks; each octet is *delay* seconds on its way."""

    async def work(imap: IMAPClient) -> None:
        await asyncio.gather(*(imap.noop() for _ in range(count)))

    return asyncio.run(_seconds_of(work, delay))


def lock_step_seconds(count: int, delay: float) -> float:
    """Return the seconds of *count* NOOPs of one task, which sends each when the one before is answered."""

    async def work(imap: IMAPClient) -> None:
        for _ in range(count):
            await imap.noop()

    return asyncio.run(_seconds_of(work, delay))


async def _seconds_of(work: Callable[[IMAPClient], Awaitable[None]], delay: float) -> float:
    with tempfile.TemporaryDirectory() as folder:
        server, link = Path(folder, "server"), Path(folder, "link")
        async with serve_imap(MemoryStore(), path=server), _slow_link(link, server, delay):
            async with IMAPClient.connect(path=link, tls="none") as imap:
                begin = time.perf_counter()
                await work(imap)
                return time.perf_counter() - begin


@asynccontextmanager
async def _slow_link(path: Path, target: Path, delay: float) -> AsyncIterator[None]:
    """Take one connection to *path* to the socket *target*, either way in *delay* seconds."""
    is_over = asyncio.Event()

    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_unix_connection(target)
        await asyncio.gather(_carry(reader, far_writer, delay), _carry(far_reader, writer, delay))
        is_over.set()

    async with await asyncio.start_unix_server(join, path):
        yield
        await is_over.wait()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
    loop = asyncio.get_running_loop()
    while data := await reader.read(65_536):
        loop.call_later(delay, writer.write, data)
    await asyncio.sleep(delay)
    writer.close()
