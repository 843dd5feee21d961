from __future__ import annotations

import asyncio
import contextlib
import gc
import io
import socket
import sys
import tracemalloc
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any

import pytest

from mailproto.asyncio import IMAPClient, serve_imap
from mailproto.errors import (
    AuthenticationFailed,
    ConnectionClosed,
    ConnectionTimeout,
    IMAPStatusError,
    ItemMissing,
    LocalProtocolError,
    TLSUnavailable,
)
from mailproto.imap.commands import Noop, StoreAction
from mailproto.imap.fetch import ENVELOPE, FAST, FLAGS, UID, BodySection
from mailproto.imap.search import Subject, Unseen
from mailproto.imap.sequence import SequenceSet, UIDSet
from mailproto.imap.updates import FlagsChanged, NewMessages
from mailproto.limits import IMAPLimits
from mailproto.store import MemoryStore
from support_asyncio import run_async
from support_imap_servers import MESSAGE, USER, imap_server
from support_lines import client_context, server_context
from support_servers import KINDS, host_and_port

LARGE = b"Subject: large\r\n\r\n" + b"0123456789abcde\r\n" * 60_000


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@contextlib.asynccontextmanager
async def connected(host: str, port: int, **arguments: Any) -> AsyncIterator[IMAPClient]:
    arguments.setdefault("timeout", 10)
    async with IMAPClient.connect(host, port, tls="none", **arguments) as imap:
        await imap.login(*USER, allow_cleartext=True)
        yield imap


@contextlib.asynccontextmanager
async def logged_in(kind: str, *, messages: int = 3, **arguments: Any) -> AsyncIterator[IMAPClient]:
    """Yield a client with INBOX selected, which has so many messages."""
    with imap_server(kind) as (host, port):
        async with connected(host, port, **arguments) as imap:
            for _ in range(messages):
                await imap.append("INBOX", MESSAGE)
            await imap.select("INBOX")
            yield imap


@run_async
async def test_a_session(kind: str) -> None:
    async with logged_in(kind) as imap:
        assert imap.is_open
        assert imap.tls is None
        assert "IDLE" in imap.capabilities
        assert await imap.capability() == imap.capabilities
        assert imap.mailbox is not None
        assert imap.mailbox.exists == 3
        assert [message.uid async for message in imap.uid_fetch("1:*", FLAGS)] == [1, 2, 3]
        assert (await imap.fetch("2", FAST, UID).all())[0].size == len(MESSAGE)
        assert await imap.uid_search(Subject("hello")) == UIDSet("1:3")
        assert await imap.search(Unseen()) == SequenceSet("1:3")
        [changed] = await imap.uid_store(2, "+FLAGS", r"\Seen")
        assert r"\Seen" in changed.flags
        assert await imap.store("3", StoreAction.REPLACE, (r"\Deleted",), silent=True) == ()
        await imap.expunge()
        await imap.noop()
        await imap.check()
        assert imap.mailbox.exists == 2
        await imap.close_mailbox()
    await imap.logout()


@run_async
async def test_mailboxes(kind: str) -> None:
    async with logged_in(kind) as imap:
        await imap.create("Größe")
        await imap.rename("Größe", "Sent")
        await imap.subscribe("Sent")
        assert [data.mailbox for data in await imap.lsub()] == ["Sent"]
        await imap.unsubscribe("Sent")
        assert await imap.uid_copy("1:2", "Sent") is not None
        assert await imap.copy(3, "Sent") is not None
        assert await imap.uid_move(1, "Sent") is not None
        assert await imap.move(1, "Sent") is not None
        assert (await imap.status("Sent", "MESSAGES")).messages == 5
        await imap.uid_store(3, "+FLAGS", [r"\Deleted"])
        await imap.uid_expunge(3)
        assert (await imap.examine("Sent")).is_read_only
        await imap.unselect()
        await imap.delete("Sent")
        assert [data.mailbox for data in await imap.list("", "%")] == ["INBOX"]
        assert (await imap.namespace()).personal[0].prefix == ""
        assert dict(await imap.id({"name": "test"}))["name"] == "mailproto"
        assert await imap.enable("X-NOTHING") == frozenset()
        with pytest.raises(IMAPStatusError):
            await imap.select("nowhere")
        assert (await imap.exchange(Noop())).status.name == "OK"
        assert (await imap.exchange(b"x1 XYZZY\r\n")).status.name == "BAD"


@pytest.mark.parametrize("mode", ["implicit", "starttls"])
@run_async
async def test_tls(kind: str, mode: Any) -> None:
    context = server_context()
    with imap_server(kind, tls=mode, ssl_context=context, allow_cleartext=False) as (host, port):
        opening = IMAPClient.connect(host, port, tls=mode, ssl_context=client_context(), timeout=10)
        async with opening as imap:
            assert imap.tls is not None
            await imap.login(*USER)
            assert await imap.append("INBOX", io.BytesIO(LARGE)) is not None
            await imap.select("INBOX")
            async with imap.download(1) as part:
                assert await part.read() == LARGE


@run_async
async def test_what_cannot_be_opened(kind: str) -> None:
    with imap_server(kind) as (host, port):
        with pytest.raises(TLSUnavailable):
            await IMAPClient.connect(host, port, tls="starttls", timeout=10)
        imap = await IMAPClient.connect(host, port, tls="none", timeout=10)
        with pytest.raises(AuthenticationFailed):
            await imap.login("bob", "wrong", allow_cleartext=True)
        with pytest.raises(ZeroDivisionError):
            async with imap:
                raise ZeroDivisionError
        assert not imap.is_open
    with pytest.raises(LocalProtocolError, match="tls"):
        IMAPClient.connect("a", tls="opportunistic")  # type: ignore[arg-type]  # that is what is refused


@run_async
async def test_downloads(kind: str) -> None:
    async with logged_in(kind, messages=1) as imap:
        await imap.append("INBOX", iter([LARGE[:5], LARGE[5:]]), size=len(LARGE))
        await imap.noop()
        async with imap.download(2) as part:
            assert part.size == len(LARGE)
            with pytest.raises(LocalProtocolError):
                await imap.noop()
            sink = io.BytesIO()
            assert await part.write_to(sink) == len(LARGE)
        assert sink.getvalue() == LARGE
        async with imap.download(2, "1", decode=True) as part:
            async for chunk in part:
                assert LARGE[18:].startswith(chunk)
                break
        assert (await imap.uid_fetch(2, BodySection()).all())[0][BodySection()] == LARGE
        with pytest.raises(ItemMissing):
            await imap.download(7)


@run_async
async def test_idle(kind: str) -> None:
    with imap_server(kind) as (host, port):
        async with connected(host, port) as imap, connected(host, port) as other:
            await imap.select("INBOX")
            async with imap.idle() as updates:
                await other.append("INBOX", MESSAGE)
                assert await anext(updates) == NewMessages(UIDSet("1"), 1)
                await other.select("INBOX")
                await other.uid_store(1, "+FLAGS", r"\Flagged")
                async for update in updates:
                    assert isinstance(update, FlagsChanged)
                    break
                assert await updates.wait(0.02) is None
                waiting = asyncio.create_task(anext(updates))
                await asyncio.sleep(0)
                assert await imap.append("INBOX", MESSAGE) is not None
                assert await waiting == NewMessages(UIDSet("2"), 2)
            assert await imap.poll() == ()


# Several tasks share a connection.


@run_async
async def test_tasks_share_a_connection(kind: str) -> None:
    async with logged_in(kind, messages=20) as imap:
        flags, found, status, envelopes, _ = await asyncio.gather(
            imap.uid_fetch("1:*", FLAGS).all(),
            imap.uid_search(),
            imap.status("INBOX", "MESSAGES"),
            imap.uid_fetch("1:*", ENVELOPE).all(),
            imap.noop(),
        )
        assert [message.uid for message in flags] == list(found) == list(range(1, 21))
        assert status.messages == 20
        assert len(envelopes) == 20


@run_async
async def test_a_fetch_that_is_cancelled_leaves_the_connection_usable(kind: str) -> None:
    async with logged_in(kind, messages=1, limits=IMAPLimits(max_section=2**30)) as imap:
        for _ in range(8):
            await imap.append("INBOX", LARGE)
        await imap.noop()
        for steps in range(12):
            task = asyncio.create_task(imap.uid_fetch("1:*", BodySection()).all())
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert imap.is_open
            assert await imap.uid_search() == UIDSet("1:9")


@run_async
async def test_the_reader_that_is_cancelled_hands_the_reading_on(kind: str) -> None:
    async with logged_in(kind) as imap:
        async with imap.idle() as updates:
            reader = asyncio.create_task(anext(updates))
            await asyncio.sleep(0.01)
            search = asyncio.create_task(imap.uid_search())
            await asyncio.sleep(0)
            reader.cancel()
            assert await search == UIDSet("1:3")


@run_async
async def test_a_download_has_the_connection_to_itself(kind: str) -> None:
    async with logged_in(kind, messages=0) as imap:
        await imap.append("INBOX", LARGE)
        await imap.noop()
        async with imap.download(1) as part:
            other = asyncio.create_task(imap.uid_search())
            await asyncio.sleep(0.01)
            assert not other.done()
            assert await part.read() == LARGE
        assert await other == UIDSet("1")


@run_async
async def test_a_full_backlog_waits_for_its_owner(kind: str) -> None:
    limits = IMAPLimits(max_backlog=5_000)
    async with logged_in(kind, messages=100, limits=limits) as imap:
        messages = imap.uid_fetch("1:*", BodySection(), ENVELOPE)
        await anext(messages)
        other = asyncio.create_task(imap.uid_search())
        taken = 1
        async for _ in messages:
            taken += 1
            await asyncio.sleep(0)
        assert taken == 100
        assert await other == UIDSet("1:100")


@run_async
async def test_an_iterator_that_is_dropped_is_drained(kind: str) -> None:
    async with logged_in(kind, messages=50, limits=IMAPLimits(max_backlog=1_000)) as imap:
        messages = imap.uid_fetch("1:*", BodySection(), ENVELOPE)
        await anext(messages)
        del messages
        gc.collect()
        assert len(await imap.uid_search()) == 50


@run_async
async def test_a_held_mailbox(kind: str) -> None:
    async with logged_in(kind) as imap:
        await imap.create("Sent")
        async with imap.selected("INBOX") as inbox:
            assert inbox.exists == 3
            with pytest.raises(LocalProtocolError, match="held"):
                await imap.select("Sent")
            other = asyncio.create_task(imap.select("Sent"))
            await asyncio.sleep(0.01)
            assert await imap.uid_search() == UIDSet("1:3")
            assert not other.done()
        assert (await other).exists == 0


@run_async
async def test_a_server_that_vanishes_is_told_to_every_task() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"* PREAUTH [CAPABILITY IMAP4rev1] ready\r\n")
        await reader.readline()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1")
    host, port = server.sockets[0].getsockname()
    imap = await IMAPClient.connect(host, port, tls="none", timeout=10)
    results = await asyncio.gather(*(imap.noop() for _ in range(3)), return_exceptions=True)
    assert all(isinstance(result, ConnectionClosed) for result in results)
    assert not imap.is_open
    await imap.logout()
    server.close()


@run_async
async def test_serve_imap_and_the_size_of_an_idle_connection() -> None:
    store = MemoryStore()
    async with serve_imap(
        store, "127.0.0.1", authenticator={USER[0]: USER[1]}, allow_cleartext=True
    ) as server:
        host, port = host_and_port(server.addresses[0])
        async with connected(host, port) as imap:
            await imap.select("INBOX")
        gc.collect()
        tracemalloc.start()
        try:
            socks = [socket.create_connection((host, port)) for _ in range(100)]
            while len(server.links) < 100:
                await asyncio.sleep(0.01)
            gc.collect()
            size = tracemalloc.get_traced_memory()[0] - sum(map(sys.getsizeof, socks))
        finally:
            tracemalloc.stop()
        for sock in socks:
            sock.close()
        assert size / 100 < 12_288


# What a hostile or a dying server does to those who share a connection.


@contextlib.asynccontextmanager
async def scripted(*answers: bytes, **arguments: Any) -> AsyncIterator[IMAPClient]:
    """Yield a client of a server that answers one line after the other with these octets, then nothing.

    `%s` in an answer stands for the tag of the line.
    """

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"* PREAUTH [CAPABILITY IMAP4rev1 IDLE LITERAL+ UNSELECT] ready\r\n")
        for answer in answers:
            tag = (await reader.readline()).split()[0]
            writer.write(answer.replace(b"%s", tag))
        with contextlib.suppress(ConnectionError):
            await reader.read()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        ended.set()

    ended = asyncio.Event()
    server = await asyncio.start_server(serve, "127.0.0.1")
    host, port = server.sockets[0].getsockname()
    imap = await IMAPClient.connect(host, port, tls="none", **arguments)
    try:
        yield imap
    finally:
        imap.close()
        await ended.wait()
        server.close()


SELECTED = b"* 1 EXISTS\r\n* OK [UIDVALIDITY 1] .\r\n%s OK done\r\n"


@run_async
async def test_a_command_is_not_awaited_longer_because_another_task_idles() -> None:
    async with scripted(SELECTED, b"+ idling\r\n", timeout=0.2) as imap:
        await imap.select("INBOX")
        async with imap.idle() as updates:
            idling = asyncio.create_task(updates.wait(60))
            await asyncio.sleep(0.3)
            assert not idling.done()
            async with asyncio.timeout(5):
                with pytest.raises(ConnectionTimeout):
                    await imap.noop()
            with pytest.raises(ConnectionClosed):
                await idling
    assert not imap.is_open


@run_async
async def test_a_limit_of_waiting_for_updates_holds_while_another_task_reads() -> None:
    async with scripted(SELECTED, b"+ idling\r\n", timeout=10) as imap:
        await imap.select("INBOX")
        async with imap.idle() as updates:
            command = asyncio.create_task(imap.noop())
            await asyncio.sleep(0.05)
            async with asyncio.timeout(5):
                assert await updates.wait(0.05) is None
            imap.close()
            with pytest.raises(ConnectionClosed):
                await command


LITERAL = b"* 1 FETCH (UID 1 BODY[] {70000}\r\n"
REST = b"x" * 70_000 + b")\r\nA2 OK done\r\n%s OK done\r\n"
OPENINGS = [
    pytest.param(lambda imap: imap.download(1), (LITERAL, REST), b"{70000}", id="download"),
    pytest.param(lambda imap: imap.selected("Sent"), (SELECTED, SELECTED), b"A2 OK", id="selected"),
]


@run_async
@pytest.mark.parametrize("open_it, answers, last", OPENINGS)
async def test_what_is_open_when_its_task_is_cancelled_is_closed(
    open_it: Callable[[IMAPClient], Any], answers: tuple[bytes, ...], last: bytes
) -> None:
    task = asyncio.current_task()
    assert task is not None

    def cancel(_direction: object, octets: bytes) -> None:
        if last in octets:
            task.cancel()

    async with scripted(SELECTED, *answers, trace=cancel) as imap:
        await imap.select("INBOX")
        with pytest.raises(asyncio.CancelledError):
            await open_it(imap)
        await (imap.select("INBOX") if last == b"A2 OK" else imap.noop())


@run_async
async def test_a_connection_that_is_cancelled_in_its_handshake_is_closed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        connecting = asyncio.ensure_future(IMAPClient.connect("127.0.0.1", listener.getsockname()[1]))
        loop = asyncio.get_running_loop()
        listener.setblocking(False)
        accepted, _ = await loop.sock_accept(listener)
        with accepted:
            accepted.setblocking(False)
            await loop.sock_recv(accepted, 65_536)
            connecting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await connecting
            async with asyncio.timeout(5):
                with contextlib.suppress(ConnectionError):
                    assert await loop.sock_recv(accepted, 65_536) == b""


@run_async
@pytest.mark.parametrize("size", [1, 65_536, 200_000, 5_000_000])
async def test_an_append_that_is_cancelled_half_way_closes_the_connection(kind: str, size: int) -> None:
    async with logged_in(kind, messages=0) as imap:
        task = asyncio.current_task()
        assert task is not None

        def chunks() -> Iterator[bytes]:
            yield b"x" * size
            task.cancel()
            while True:
                yield b"y" * 100_000

        with pytest.raises(asyncio.CancelledError):
            await imap.append("INBOX", chunks(), size=50_000_000)
        assert not imap.is_open
        with pytest.raises(LocalProtocolError):
            await imap.noop()


@run_async
async def test_a_hundred_commands_at_once_with_some_cancelled(kind: str) -> None:
    async with logged_in(kind, messages=10) as imap:
        tasks = [asyncio.create_task(command) for _ in range(20) for command in commands_of(imap)]
        for number, task in enumerate(tasks):
            if number % 3 == 0:
                await asyncio.sleep(0)
                task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(result) for result in results[::3]} <= {asyncio.CancelledError, *map(type, results)}
        assert not [result for result in results if isinstance(result, Exception)]
        assert await imap.uid_search() == UIDSet("1:10")


def commands_of(imap: IMAPClient) -> list[Coroutine[Any, Any, object]]:
    return [
        imap.noop(),
        imap.uid_search(Unseen()),
        imap.status("INBOX", "MESSAGES"),
        imap.uid_fetch("1:*", BodySection()).all(),
        imap.list(),
    ]


@run_async
async def test_another_loop_is_refused(kind: str) -> None:
    async with logged_in(kind) as imap:

        def use() -> None:
            with pytest.raises(LocalProtocolError, match="loop"):
                asyncio.run(imap.noop())

        await asyncio.to_thread(use)
        await imap.noop()


@run_async
async def test_an_append_from_an_async_iterator_tells_its_progress(kind: str) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(LARGE), 50_000):
            await asyncio.sleep(0)
            yield LARGE[start : start + 50_000]

    async def note(done: int, total: int | None) -> None:
        await asyncio.sleep(0)
        told.append((done, total))

    told: list[tuple[int, int | None]] = []
    async with logged_in(kind, messages=0) as imap:
        await imap.append("INBOX", chunks(), size=len(LARGE), progress=note)
        expected = [*range(50_000, len(LARGE), 50_000), len(LARGE)]
        assert told == [(done, len(LARGE)) for done in expected]
        await imap.noop()
        told.clear()
        async with imap.download(1, progress=note) as part:
            assert await part.read() == LARGE
        assert told[-1] == (len(LARGE), len(LARGE))
        assert [done for done, _ in told] == sorted({done for done, _ in told})
