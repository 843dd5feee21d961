from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from mailproto.asyncio._driver import ClientDriver
from mailproto.asyncio._opening import Opening
from mailproto.errors import ConnectionClosed, ConnectionTimeout, LocalProtocolError, RemoteProtocolError
from mailproto.flow import Call, Flow, Flush, Receive, Received, Sleep, StartTLS, TLSInfo
from support_asyncio import run_async
from support_lines import (
    LineConnection,
    ask,
    client_context,
    next_line,
    server_context,
    start_tls,
)
from support_servers import KINDS, serving


async def connect(address: Any, conn: LineConnection, **arguments: Any) -> ClientDriver:
    arguments.setdefault("tls", "none")
    if isinstance(address, str):
        return await ClientDriver.connect(conn, None, 0, path=address, **arguments)
    return await ClientDriver.connect(conn, "127.0.0.1", address[1], **arguments)


@contextlib.asynccontextmanager
async def paired(**arguments: Any) -> AsyncIterator[tuple[ClientDriver, LineConnection, socket.socket]]:
    """Yield a driver, its connection, and the socket of the other end, which does not block."""
    own, other = socket.socketpair()
    conn = LineConnection(timeout=arguments.pop("granted", 30))
    driver = await ClientDriver.connect(conn, None, 0, sock=own, tls="none", **arguments)
    with other:
        other.setblocking(False)
        try:
            yield driver, conn, other
        finally:
            driver.abort()
            await driver.aclose()


def is_open(driver: ClientDriver) -> bool:
    return driver.is_open


def tls_of(driver: ClientDriver) -> TLSInfo | None:
    return driver.tls


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@run_async
async def test_lines_go_back_and_forth(kind: str) -> None:
    conn = LineConnection()
    with serving(kind) as address:
        driver = await connect(address, conn)
        assert driver.peer == address
        assert driver.local[0] == "127.0.0.1"
        assert await driver.run(next_line(conn)) == b"hello"
        assert await driver.run(ask(conn, b"one")) == b"one"
        assert is_open(driver)
        assert await driver.run(ask(conn, b"quit")) == b"quit"
        with pytest.raises(ConnectionClosed):
            await driver.run(next_line(conn))
        assert not is_open(driver)
        await driver.aclose()
        await driver.aclose()


@run_async
async def test_a_unix_socket(kind: str, tmp_path: Path) -> None:
    with serving(kind, path=tmp_path / "lines") as address:
        conn = LineConnection()
        driver = await connect(address, conn)
        assert await driver.run(next_line(conn)) == b"hello"
        assert driver.peer == address
        await driver.aclose()
    assert not (tmp_path / "lines").exists()


@run_async
async def test_implicit_tls(kind: str) -> None:
    conn = LineConnection()
    with serving(kind, tls="implicit", ssl_context=server_context()) as address:
        driver = await connect(address, conn, tls="implicit", ssl_context=client_context())
        assert driver.tls is not None
        assert driver.tls.version == "TLSv1.3"
        assert await driver.run(next_line(conn)) == b"hello"
        assert len(await driver.run(ask(conn, b"big 1048576"))) == 1_048_576
        assert await driver.run(ask(conn, b"quit")) == b"quit"
        await driver.aclose()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@run_async
async def test_starttls(kind: str, version: ssl.TLSVersion) -> None:
    conn = LineConnection()
    with serving(kind, tls="starttls", ssl_context=server_context(version)) as address:
        driver = await connect(address, conn, tls="starttls", ssl_context=client_context())
        assert tls_of(driver) is None
        await driver.run(next_line(conn))
        info = await driver.run(start_tls(conn))
        assert isinstance(info, TLSInfo)
        assert info == tls_of(driver)
        assert await driver.run(ask(conn, b"secret")) == b"secret"
        await driver.aclose()


@run_async
async def test_opportunistic_tls_verifies_nothing(kind: str) -> None:
    conn = LineConnection()
    with serving(kind, tls="starttls", ssl_context=server_context()) as address:
        driver = await connect(address, conn, tls="opportunistic")
        await driver.run(next_line(conn))
        await driver.run(start_tls(conn, "other.test"))
        assert await driver.run(ask(conn, b"hidden")) == b"hidden"
        await driver.aclose()


@run_async
async def test_clear_text_behind_the_answer_to_starttls_ends_the_connection() -> None:
    async with paired(ssl_context=client_context()) as (driver, conn, other):
        other.send(b"go\r\ninjected\r\n")
        with pytest.raises(RemoteProtocolError):
            await driver.run(start_tls(conn))
        assert not is_open(driver)


@run_async
async def test_clear_text_in_place_of_a_handshake_has_phase_tls() -> None:
    async with paired(ssl_context=client_context()) as (driver, conn, other):

        def flow() -> Flow[object]:
            conn.want_tls()
            return (yield StartTLS("server.test"))

        other.send(b"500 what?\r\n")
        with pytest.raises(ConnectionClosed) as caught:
            await driver.run(flow())
        assert caught.value.phase == "tls"
        assert isinstance(caught.value.__cause__, ssl.SSLError)


@run_async
async def test_the_end_in_place_of_a_handshake() -> None:
    async with paired(ssl_context=client_context()) as (driver, conn, other):
        other.close()

        def flow() -> Flow[object]:
            conn.want_tls()
            return (yield StartTLS("server.test"))

        with pytest.raises(ConnectionClosed) as caught:
            await driver.run(flow())
        assert caught.value.phase == "tls"


@run_async
async def test_a_certificate_for_another_host_is_refused(kind: str) -> None:
    with serving(kind, tls="implicit", ssl_context=server_context()) as address:
        context = client_context()
        with pytest.raises(ConnectionClosed) as caught:
            await ClientDriver.connect(
                LineConnection(), "other.test", 0, sock=dial(address), tls="implicit", ssl_context=context
            )
        assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)
        assert caught.value.phase == "tls"


def dial(address: Any) -> socket.socket:
    sock = socket.create_connection(address)
    sock.setblocking(False)
    return sock


@run_async
async def test_a_handshake_without_an_answer_times_out() -> None:
    async with paired(timeout=0.05, ssl_context=client_context()) as (driver, conn, _):
        conn.want_tls()

        def flow() -> Flow[object]:
            return (yield StartTLS("server.test"))

        with pytest.raises(ConnectionTimeout) as caught:
            await driver.run(flow())
        assert caught.value.phase == "tls"


@run_async
async def test_nobody_listens(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        with pytest.raises(ConnectionClosed) as caught:
            await connect(free.getsockname(), LineConnection())
    assert caught.value.phase == "connect"
    assert isinstance(caught.value.__cause__, ConnectionRefusedError)
    with pytest.raises(ConnectionClosed):
        await connect(str(tmp_path / "none"), LineConnection())


@run_async
async def test_both_ends_that_only_write_do_not_deadlock() -> None:
    async with paired() as (driver, conn, other):
        loop = asyncio.get_running_loop()
        size = 8 * 1_048_576

        async def write_then_read() -> int:
            await loop.sock_sendall(other, b"y" * 600_000)
            got = 0
            while got < size:
                got += len(await loop.sock_recv(other, 65_536))
            return got

        conn.max_buffered = 1_000_000
        peer = asyncio.create_task(write_then_read())

        def flow() -> Flow[int]:
            for _ in range(size // 65_536):
                conn.send_octets(b"x" * 65_536)
                yield Flush()
            while conn.buffered < 600_000:
                yield Receive()
            return conn.buffered

        assert await driver.run(flow()) == 600_000
        assert await peer == size


@run_async
async def test_reading_stops_above_max_buffered_during_a_call_and_goes_on_after() -> None:
    async with paired() as (driver, conn, other):
        conn.max_buffered = 1_000
        loop = asyncio.get_running_loop()
        writer = asyncio.create_task(loop.sock_sendall(other, b"y" * 4_000_000))
        buffered = []

        def flow() -> Flow[None]:
            yield Call(asyncio.sleep, (0.05,))
            buffered.append(conn.buffered)
            while conn.buffered < 4_000_000:
                yield Receive()

        await driver.run(flow())
        assert 1_000 < buffered[0] <= 2 * 262_144
        await writer


@run_async
async def test_the_last_reply_is_seen_when_a_write_fails() -> None:
    async with paired() as (driver, conn, other):
        other.send(b"no more\r\n")
        other.close()

        def flow() -> Flow[bytes]:
            for _ in range(100):
                conn.send_octets(b"x" * 65_536)
                yield Flush()
                line = conn.next_event()
                if line is not None:
                    return line
                yield Sleep(0)
            raise AssertionError("not seen")

        assert await driver.run(flow()) == b"no more"


@run_async
async def test_the_last_reply_is_read_after_a_flush_that_failed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        conn = LineConnection()
        driver = await connect(listener.getsockname(), conn)
        other, _ = listener.accept()

        def flow() -> Flow[bytes]:
            conn.send_octets(b"x" * 30_000_000)
            yield Call(finish_with_a_reset, (other,))
            yield Flush()
            return (yield from next_line(conn))

        assert await driver.run(flow()) == b"no more"
        await driver.aclose()


def finish_with_a_reset(sock: socket.socket) -> None:
    sock.send(b"no more\r\n")
    sock.shutdown(socket.SHUT_WR)
    sock.close()


@run_async
async def test_a_reset_is_an_error_with_its_cause() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        conn = LineConnection()
        driver = await connect(listener.getsockname(), conn)
        other, _ = listener.accept()
        other.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        other.close()
        with pytest.raises(ConnectionClosed) as caught:
            await driver.run(next_line(conn))
        assert isinstance(caught.value.__cause__, ConnectionResetError)
        await driver.aclose()


@run_async
async def test_a_receive_after_the_end_is_an_error() -> None:
    async with paired() as (driver, _conn, other):
        other.close()

        def flow() -> Flow[None]:
            assert (yield Receive()) is Received.RECEIVED
            yield Receive()

        with pytest.raises(ConnectionClosed) as caught:
            await driver.run(flow())
        assert caught.value.phase == "read"


@run_async
async def test_timeouts_of_the_connection_and_of_the_flow() -> None:
    async with paired(granted=0.05) as (driver, conn, _):

        def flow() -> Flow[object]:
            return (yield Receive(timeout=0.01))

        assert await driver.run(flow()) is Received.TIMED_OUT
        assert is_open(driver)
        with pytest.raises(ConnectionTimeout) as caught:
            await driver.run(next_line(conn))
        assert isinstance(caught.value, TimeoutError)
        assert not is_open(driver)
        with pytest.raises(LocalProtocolError):
            await driver.run(next_line(conn))


@run_async
async def test_timeout_caps_what_the_connection_grants() -> None:
    async with paired(granted=None, timeout=0.05) as (driver, conn, _):
        with pytest.raises(ConnectionTimeout):
            await driver.run(next_line(conn))


@run_async
async def test_octets_of_an_unfinished_line_do_not_start_the_clock_again() -> None:
    async with paired(granted=0.2) as (driver, conn, other):

        async def drip() -> None:
            while True:
                with contextlib.suppress(OSError):
                    other.send(b"x")
                await asyncio.sleep(0.02)

        peer = asyncio.create_task(drip())
        with pytest.raises(ConnectionTimeout):
            await driver.run(next_line(conn))
        peer.cancel()


@run_async
async def test_a_clock_that_was_started_again_is_not_rung_by_an_old_timer() -> None:
    async with paired(granted=0.1) as (driver, conn, other):

        async def answer() -> None:
            for _ in range(4):
                await asyncio.sleep(0.05)
                other.send(b"line\r\n")

        peer = asyncio.create_task(answer())

        def flow() -> Flow[None]:
            for _ in range(4):
                yield from next_line(conn)

        await driver.run(flow())
        await peer


@run_async
async def test_a_peer_that_does_not_read_times_out() -> None:
    async with paired(granted=0.05) as (driver, conn, _):

        def flow() -> Flow[None]:
            while True:
                conn.send_octets(b"x" * 65_536)
                yield Flush()

        with pytest.raises(ConnectionTimeout) as caught:
            await driver.run(flow())
        assert caught.value.phase == "write"


@run_async
async def test_calls_give_results_and_errors() -> None:
    async def fail() -> None:
        await asyncio.sleep(0)
        raise KeyError("late")

    async with paired() as (driver, conn, other):

        def flow() -> Flow[list[object]]:
            results: list[object] = [(yield Call(divmod, (7, 2)))]
            conn.send(b"before")
            results.append((yield Call(asyncio.sleep, (0, "late"))))
            for instruction in (Call(fail), Call({"no": 0}.__getitem__, ("plain",))):
                try:
                    yield instruction
                except KeyError as error:
                    results.append(error.args[0])
            return results

        assert await driver.run(flow()) == [(3, 1), "late", "late", "plain"]
        assert other.recv(100) == b"before\r\n"


@run_async
async def test_sleep_and_what_is_no_instruction() -> None:
    async with paired() as (driver, conn, other):

        def flow() -> Flow[None]:
            conn.send(b"before")
            yield Sleep(0.01)
            yield "what?"  # type: ignore[misc]  # on purpose

        with pytest.raises(TypeError, match="no instruction"):
            await driver.run(flow())
        assert other.recv(100) == b"before\r\n"


@run_async
async def test_a_signal_ends_a_receive() -> None:
    async with paired() as (driver, _conn, other):
        wake = driver.wake

        def flow() -> Flow[list[object]]:
            results = [(yield Receive(wake=wake))]
            asyncio.get_running_loop().run_in_executor(None, wake.set)
            results.append((yield Receive(wake=wake)))
            other.send(b"x")
            results.append((yield Receive(wake=wake)))
            return results

        wake.set()
        wake.set()
        assert await driver.run(flow()) == [Received.WOKEN, Received.WOKEN, Received.RECEIVED]
        assert driver.wake is wake


@pytest.mark.parametrize("is_shared", [False, True])
@run_async
async def test_cancellation_is_thrown_into_the_flow_once(is_shared: bool) -> None:
    seen: list[str] = []

    def flow(waiting: object) -> Flow[None]:
        try:
            yield waiting  # type: ignore[misc]  # one instruction or another
        finally:
            yield Call(asyncio.sleep, (0,))
            yield Call(seen.append, ("cleaned up",))

    for waiting in (Receive(), Sleep(10), Call(asyncio.sleep, (10,))):
        async with paired(is_shared=is_shared) as (driver, conn, other):
            task = asyncio.create_task(driver.run(flow(waiting)))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert is_open(driver) is is_shared
            if is_shared:
                other.send(b"next\r\n")
                assert await driver.run(next_line(conn)) == b"next"
    assert seen == ["cleaned up"] * 3


@run_async
async def test_who_may_use_a_connection() -> None:
    async with paired() as (driver, conn, other):
        task = asyncio.create_task(driver.run(next_line(conn)))
        await asyncio.sleep(0)
        with pytest.raises(LocalProtocolError, match="in use"):
            await driver.run(next_line(conn))
        other.send(b"line\r\n")
        assert await task == b"line"
        with pytest.raises(LocalProtocolError, match="event loop"):
            await asyncio.to_thread(lambda: asyncio.run(driver.run(next_line(conn))))


@run_async
async def test_flows_of_a_shared_connection_run_side_by_side() -> None:
    async with paired(is_shared=True) as (driver, conn, other):

        def nap() -> Flow[str]:
            yield Flush()
            yield Sleep(0.01)
            return "slept"

        reading = asyncio.create_task(driver.run(next_line(conn)))
        assert await driver.run(nap()) == "slept"

        def second() -> Flow[None]:
            yield Receive()

        with pytest.raises(LocalProtocolError, match="two flows"):
            await driver.run(second())
        other.send(b"line\r\n")
        assert await reading == b"line"


@run_async
async def test_what_leaves_the_session_usable() -> None:
    async with paired() as (driver, conn, other):

        def flow() -> Flow[None]:
            yield Flush()
            raise LocalProtocolError("a mistake")

        with pytest.raises(LocalProtocolError):
            await driver.run(flow())
        assert is_open(driver)
        other.send(b"broken\r\n")
        with pytest.raises(RemoteProtocolError):
            await driver.run(next_line(conn))
        assert not is_open(driver)


@run_async
async def test_an_opening_is_awaited_or_entered() -> None:
    closed: list[object] = []

    class Thing:
        async def __aexit__(self, kind: object, error: object, traceback: object) -> None:
            closed.append(kind)

    async def make() -> Thing:
        return Thing()

    assert isinstance(await Opening(make), Thing)
    assert closed == []
    async with Opening(make) as thing:
        assert isinstance(thing, Thing)
    assert closed == [None]
