from __future__ import annotations

import asyncio
import errno
import gc
import socket
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from mailproto._network import Accepted
from mailproto.asyncio._server import Server
from mailproto.errors import ConnectionClosed, LocalProtocolError
from mailproto.flow import Call, Connection, Flow, Flush, Receive, Received, Sleep
from support_asyncio import run_async
from support_lines import LineConnection, client_context, serve_lines, server_context
from support_servers import host_and_port, make_lines

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def dial(server: Server) -> Streams:
    host, port = host_and_port(server.addresses[0])
    return await asyncio.open_connection(host, port)


async def hang_up(streams: Streams) -> None:
    streams[1].close()
    await streams[1].wait_closed()


def making(flow: Callable[[LineConnection, Accepted], Flow[None]], **arguments: Any) -> Any:
    """Return a factory of connections that run *flow*."""

    def make(accepted: Accepted) -> tuple[Connection[object], Flow[None]]:
        conn = LineConnection(**arguments)
        return conn, flow(conn, accepted)

    return make


@pytest.mark.parametrize("listens_at, dialled", [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.2")])
@run_async
async def test_a_connection_knows_both_its_ends(listens_at: str, dialled: str) -> None:
    """What is accepted at one address is not asked for it; at all interfaces each connection has its own."""
    ends: list[tuple[object, object]] = []

    def note(_conn: LineConnection, accepted: Accepted) -> Flow[None]:
        yield from ()
        ends.append((accepted.peer, accepted.local))

    async with Server(making(note), listens_at, 0) as server:
        port = host_and_port(server.addresses[0])[1]
        reader, writer = await asyncio.open_connection(dialled, port)
        assert await reader.read() == b""
        seen = writer.get_extra_info("sockname"), writer.get_extra_info("peername")
        await hang_up((reader, writer))
    assert ends == [seen]


@run_async
async def test_a_server_is_awaited_or_entered() -> None:
    server = Server(make_lines, "127.0.0.1")
    assert not server.addresses
    async with server:
        assert host_and_port(server.addresses[0])[0] == "127.0.0.1"
        assert await server.start() is server
        streams = await dial(server)
        assert await streams[0].readline() == b"hello\r\n"
        await hang_up(streams)
    server = await Server(make_lines, "127.0.0.1")
    await server.stop()
    assert await server.start() is server


@run_async
async def test_all_addresses_of_a_host_have_one_port() -> None:
    async with Server(make_lines, "localhost") as server:
        assert len({host_and_port(address)[1] for address in server.addresses}) == 1


@run_async
async def test_a_bound_socket() -> None:
    bound = socket.create_server(("127.0.0.1", 0))
    async with Server(make_lines, sock=bound) as server:
        assert server.addresses == (bound.getsockname(),)


@run_async
async def test_what_cannot_be_listened_on() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        with pytest.raises(ConnectionClosed) as caught:
            await Server(make_lines, "127.0.0.1", taken.getsockname()[1])
        assert caught.value.phase == "listen"
    bad: tuple[dict[str, Any], ...] = (
        {},
        {"host": "a", "tls": "opportunistic"},
        {"host": "a", "tls": "implicit"},
    )
    for arguments in bad:
        with pytest.raises(LocalProtocolError):
            Server(make_lines, **arguments)


@run_async
async def test_stop_lets_a_waiting_flow_say_its_last_words() -> None:
    async with Server(make_lines, "127.0.0.1") as server:
        reader, writer = await dial(server)
        assert await reader.readline() == b"hello\r\n"
        await server.stop()
        assert await reader.read() == b"stopping\r\n"
        writer.close()
        with pytest.raises(OSError):
            await dial(server)


@run_async
async def test_stop_does_not_interrupt_a_call() -> None:
    events: list[str] = []

    async def work() -> None:
        events.append("began")
        await asyncio.sleep(0.05)
        events.append("ended")

    def flow(conn: LineConnection, _accepted: Accepted) -> Flow[None]:
        yield Call(work)
        conn.send(b"done")
        try:
            yield Receive()
        finally:
            events.append("stopped")

    async with Server(making(flow), "127.0.0.1") as server:
        reader, writer = await dial(server)
        while not events:
            await asyncio.sleep(0)
        await server.stop()
        assert events == ["began", "ended", "stopped"]
        assert await reader.read() == b"done\r\n"
        writer.close()


@run_async
async def test_stop_ends_a_sleep() -> None:
    def flow(conn: LineConnection, _accepted: Accepted) -> Flow[None]:
        yield Call(began.set)
        yield Sleep(100)

    began = asyncio.Event()
    async with Server(making(flow), "127.0.0.1") as server:
        streams = await dial(server)
        await began.wait()
        await server.stop()
        await hang_up(streams)


@run_async
async def test_after_the_grace_what_is_left_is_cut_off() -> None:
    seen: list[type] = []

    def flow(conn: LineConnection, _accepted: Accepted) -> Flow[None]:
        try:
            yield Call(asyncio.sleep, (100,))
        except BaseException as error:
            seen.append(type(error))
            raise

    server = await Server(making(flow), "127.0.0.1")
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
    streams = await dial(server)
    while not server.links:
        await asyncio.sleep(0)
    await server.stop(grace=0.01)
    assert seen == [asyncio.CancelledError]
    await hang_up(streams)


@run_async
async def test_what_somebody_else_cancels_is_an_error_of_the_call() -> None:
    async def work() -> None:
        other = asyncio.ensure_future(asyncio.sleep(100))
        other.cancel()
        await other

    def flow(conn: LineConnection, _accepted: Accepted) -> Flow[None]:
        try:
            yield Call(work)
        except Exception as error:
            conn.send(repr(error.__cause__).encode())

    async with Server(making(flow), "127.0.0.1") as server:
        reader, writer = await dial(server)
        assert await reader.read() == b"CancelledError()\r\n"
        await hang_up((reader, writer))


@run_async
async def test_stop_in_the_middle_of_a_handshake() -> None:
    async with Server(make_lines, "127.0.0.1", tls="implicit", ssl_context=server_context()) as server:
        streams = await dial(server)
        while not server.links:
            await asyncio.sleep(0)
        await server.stop()
        assert await streams[0].read() == b""
        await hang_up(streams)


@run_async
async def test_serve_forever_ends_with_stop_or_cancellation() -> None:
    server = Server(make_lines, "127.0.0.1")
    task = asyncio.create_task(server.serve_forever())
    while not server.addresses:
        await asyncio.sleep(0)
    await server.stop()
    await task
    other = Server(make_lines, "127.0.0.1")
    task = asyncio.create_task(other.serve_forever())
    while not other.addresses:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@run_async
async def test_a_flow_that_fails_is_reported_and_the_next_one_served() -> None:
    reported: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: reported.append(context))

    def flow(conn: LineConnection, accepted: Accepted) -> Flow[None]:
        conn.send(b"hello")
        yield Receive()
        raise ZeroDivisionError

    async with Server(making(flow), "127.0.0.1") as server:
        for count in (1, 2):
            reader, writer = await dial(server)
            assert await reader.readline() == b"hello\r\n"
            writer.write(b"x")
            assert await reader.read() == b""
            writer.close()
            assert len(reported) == count
        assert isinstance(reported[0]["exception"], ZeroDivisionError)


@run_async
async def test_a_connection_that_cannot_be_made_is_reported_and_closed() -> None:
    reported: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: reported.append(context))
    fails = iter([True, False])

    def make(accepted: Accepted) -> tuple[Connection[object], Flow[None]]:
        if next(fails):
            raise ZeroDivisionError
        return make_lines(accepted)

    async with Server(make, "127.0.0.1") as server:
        reader, writer = await dial(server)
        async with asyncio.timeout(5):
            assert await reader.read() == b""
        await hang_up((reader, writer))
        assert [type(context["exception"]) for context in reported] == [ZeroDivisionError]
        await hang_up(await dial(server))
        assert len(reported) == 1


@run_async
async def test_a_lost_connection_does_not_interrupt_a_call() -> None:
    finished = asyncio.Event()

    def flow(conn: LineConnection, _accepted: Accepted) -> Flow[None]:
        yield Receive()
        yield Call(asyncio.sleep, (0.02,))
        conn.send(b"too late")
        while (line := conn.next_event()) != b"<lost>":
            if line is None:
                yield Receive()
        finished.set()

    async with Server(making(flow), "127.0.0.1") as server:
        _, writer = await dial(server)
        writer.write(b"x\r\n")
        await writer.drain()
        writer.transport.abort()
        await finished.wait()


@run_async
async def test_the_last_words_reach_a_client_that_is_still_sending() -> None:
    def flow(conn: LineConnection, _accepted: Accepted) -> Flow[None]:
        yield Receive()
        conn.send(b"too much")

    async with Server(making(flow), "127.0.0.1") as server:
        reader, writer = await dial(server)
        for _ in range(20):
            writer.write(b"x" * 10_000)
            await asyncio.sleep(0.001)
        assert await reader.read() == b"too much\r\n"
        await hang_up((reader, writer))


@run_async
async def test_a_client_that_never_stops_sending_is_cut_off() -> None:
    def flow(conn: LineConnection, _accepted: Accepted) -> Flow[None]:
        yield Receive()

    async with Server(making(flow), "127.0.0.1") as server:
        _, writer = await dial(server)
        with pytest.raises(OSError):
            await send_forever(writer)
        writer.close()


async def send_forever(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"x" * 65_536)
        await writer.drain()


@run_async
async def test_accepted_says_who_and_how() -> None:
    seen: list[Any] = []

    def flow(conn: LineConnection, accepted: Accepted) -> Flow[None]:
        seen.extend((accepted.peer, accepted.local, accepted.tls))
        accepted.wake.set()
        seen.append((yield Receive(wake=accepted.wake)))

    context = server_context()
    async with Server(making(flow), "127.0.0.1", tls="implicit", ssl_context=context) as server:
        host, port = host_and_port(server.addresses[0])
        reader, writer = await asyncio.open_connection(
            host, port, ssl=client_context(), server_hostname="server.test"
        )
        assert await reader.read() == b""
        assert seen[:2] == [writer.get_extra_info("sockname"), (host, port)]
        assert seen[2].version == "TLSv1.3"
        assert seen[3] is Received.WOKEN
        writer.close()


@run_async
async def test_a_small_max_unsent_is_the_mark_of_the_transport() -> None:
    def make(_accepted: Accepted) -> tuple[Connection[object], Flow[None]]:
        conn = LineConnection()
        conn.max_unsent = 1_000
        return conn, serve_lines(conn)

    async with Server(make, "127.0.0.1") as server:
        reader, writer = await dial(server)
        writer.write(b"big 6553600\r\nquit\r\n")
        assert len(await reader.read()) == len(b"hello\r\n\r\nquit\r\n") + 6_553_600
        writer.close()


@run_async
async def test_an_idle_connection_is_small() -> None:
    async with Server(make_lines, "127.0.0.1") as server:
        await hang_up(await dial(server))
        gc.collect()
        tracemalloc.start()
        try:
            host, port = host_and_port(server.addresses[0])
            socks = [socket.create_connection((host, port)) for _ in range(100)]
            while len(server.links) < 100:
                await asyncio.sleep(0.01)
            gc.collect()
            size = tracemalloc.get_traced_memory()[0] - sys_sockets(socks)
        finally:
            tracemalloc.stop()
        for sock in socks:
            sock.close()
        assert size / 100 < 8_192


def sys_sockets(socks: list[socket.socket]) -> int:
    return sum(sock.__sizeof__() for sock in socks)


@run_async
async def test_a_loop_that_cannot_watch_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise NotImplementedError

    monkeypatch.setattr("mailproto.asyncio._server.Acceptor", refuse)
    async with Server(make_lines, "127.0.0.1") as server:
        reader, writer = await dial(server)
        writer.write(b"big 655360\r\nquit\r\n")
        assert len(await reader.read()) == len(b"hello\r\n\r\nquit\r\n") + 655_360
        writer.close()


@run_async
async def test_it_accepts_again_when_descriptors_are_free_again(monkeypatch: pytest.MonkeyPatch) -> None:
    failures = [OSError(errno.EMFILE, "too many open files"), BlockingIOError()]

    class Listener(socket.socket):
        def accept(self) -> tuple[socket.socket, Any]:
            if failures:
                raise failures.pop(0)
            return super().accept()

    monkeypatch.setattr("mailproto.asyncio._transport._PAUSE", 0.01)
    listener = Listener()
    listener.bind(("127.0.0.1", 0))
    async with Server(make_lines, sock=listener) as server:
        reader, writer = await dial(server)
        assert await reader.readline() == b"hello\r\n"
        writer.close()


@run_async
async def test_a_client_that_vanishes_while_it_is_sent_to() -> None:
    lost: list[object] = []

    def flow(conn: LineConnection, _accepted: Accepted) -> Flow[None]:
        try:
            while True:
                conn.send_octets(b"x" * 65_536)
                yield Flush()
        except ConnectionClosed as error:
            lost.append(error.phase)

    async with Server(making(flow), "127.0.0.1") as server:
        _, writer = await dial(server)
        writer.transport.abort()
        while not lost:
            await asyncio.sleep(0.001)
    assert lost == ["write"]
