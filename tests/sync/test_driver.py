from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mailproto.errors import ConnectionClosed, ConnectionTimeout, LocalProtocolError, RemoteProtocolError
from mailproto.flow import Call, Flow, Flush, Receive, Received, Sleep, StartTLS, TLSInfo
from mailproto.sync._driver import ClientDriver
from mailproto.sync._wait import Signal, waiter_of
from support_lines import (
    LineConnection,
    ask,
    client_context,
    next_line,
    server_context,
    start_tls,
)
from support_servers import KINDS, serving


def connect(address: Any, conn: LineConnection, **arguments: Any) -> ClientDriver:
    arguments.setdefault("tls", "none")
    if isinstance(address, str):
        return ClientDriver.connect(conn, None, 0, path=address, **arguments)
    return ClientDriver.connect(conn, "127.0.0.1", address[1], **arguments)


@contextlib.contextmanager
def paired(**arguments: Any) -> Iterator[tuple[ClientDriver, LineConnection, socket.socket]]:
    """Yield a driver, its connection, and the socket of the other end."""
    own, other = socket.socketpair()
    conn = LineConnection(timeout=arguments.pop("granted", 30))
    driver = ClientDriver.connect(conn, None, 0, sock=own, tls="none", **arguments)
    with other:
        other.settimeout(10)
        try:
            yield driver, conn, other
        finally:
            driver.close()


def is_open(driver: ClientDriver) -> bool:
    return driver.is_open


def tls_of(driver: ClientDriver) -> TLSInfo | None:
    return driver.tls


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_lines_go_back_and_forth(kind: str) -> None:
    conn = LineConnection()
    with serving(kind) as address:
        driver = connect(address, conn)
        assert driver.peer == address
        assert driver.local[0] == "127.0.0.1"
        assert driver.run(next_line(conn)) == b"hello"
        assert driver.run(ask(conn, b"one")) == b"one"
        assert is_open(driver)
        assert driver.run(ask(conn, b"quit")) == b"quit"
        with pytest.raises(ConnectionClosed):
            driver.run(next_line(conn))
        assert not is_open(driver)
        driver.close()


def test_a_unix_socket(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "lines"
    for _ in range(2):
        with serving(kind, path=path) as address:
            assert address == str(path)
            conn = LineConnection()
            driver = connect(address, conn)
            assert driver.run(next_line(conn)) == b"hello"
            assert driver.peer == str(path)
            driver.close()
        assert not path.exists()


def test_implicit_tls(kind: str) -> None:
    conn = LineConnection()
    with serving(kind, tls="implicit", ssl_context=server_context()) as address:
        driver = connect(address, conn, tls="implicit", ssl_context=client_context())
        assert driver.tls is not None
        assert driver.tls.version == "TLSv1.3"
        assert driver.run(next_line(conn)) == b"hello"
        assert len(driver.run(ask(conn, b"big 1048576"))) == 1_048_576
        assert driver.run(ask(conn, b"quit")) == b"quit"
        driver.close()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_starttls(kind: str, version: ssl.TLSVersion) -> None:
    conn = LineConnection()
    with serving(kind, tls="starttls", ssl_context=server_context(version)) as address:
        driver = connect(address, conn, tls="starttls", ssl_context=client_context())
        assert tls_of(driver) is None
        driver.run(next_line(conn))
        info = driver.run(start_tls(conn))
        assert isinstance(info, TLSInfo)
        assert info == tls_of(driver)
        assert driver.run(ask(conn, b"secret")) == b"secret"
        driver.close()


def test_clear_text_behind_the_answer_to_starttls_ends_the_connection() -> None:
    with paired(ssl_context=client_context()) as (driver, conn, other):
        other.sendall(b"go\r\ninjected\r\n")
        with pytest.raises(RemoteProtocolError):
            driver.run(start_tls(conn))
        assert not is_open(driver)


def test_clear_text_in_place_of_a_handshake_has_phase_tls() -> None:
    with paired(ssl_context=client_context()) as (driver, conn, other):

        def flow() -> Flow[object]:
            conn.want_tls()
            conn.send(b"")
            return (yield StartTLS("server.test"))

        other.sendall(b"")
        threading.Thread(target=answer_in_clear_text, args=(other,)).start()
        with pytest.raises(ConnectionClosed) as caught:
            driver.run(flow())
        assert caught.value.phase == "tls"
        assert isinstance(caught.value.__cause__, ssl.SSLError)


def answer_in_clear_text(sock: socket.socket) -> None:
    sock.recv(2)
    sock.sendall(b"500 what?\r\n")


def test_a_certificate_for_another_host_is_refused(kind: str) -> None:
    with serving(kind, tls="starttls", ssl_context=server_context()) as address:
        conn = LineConnection()
        driver = connect(address, conn, tls="starttls", ssl_context=client_context())
        driver.run(next_line(conn))
        with pytest.raises(ConnectionClosed) as caught:
            driver.run(start_tls(conn, "other.test"))
        assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)
        assert not is_open(driver)


def test_a_handshake_without_an_answer_times_out() -> None:
    with paired(timeout=0.05, ssl_context=client_context()) as (driver, conn, _):
        conn.want_tls()

        def flow() -> Flow[object]:
            return (yield StartTLS("server.test"))

        with pytest.raises(ConnectionTimeout) as caught:
            driver.run(flow())
        assert caught.value.phase == "tls"


def test_nobody_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        with pytest.raises(ConnectionClosed) as caught:
            connect(free.getsockname(), LineConnection())
    assert caught.value.phase == "connect"
    assert isinstance(caught.value.__cause__, ConnectionRefusedError)


def test_nobody_listens_on_a_path(tmp_path: Path) -> None:
    with pytest.raises(ConnectionClosed):
        connect(str(tmp_path / "none"), LineConnection())


@pytest.mark.parametrize(
    "arguments",
    [{"host": None}, {"host": "a", "tls": "maybe"}, {"host": None, "path": "/x", "sock": object()}],
)
def test_arguments_that_make_no_sense(arguments: dict[str, Any]) -> None:
    host = arguments.pop("host")
    with pytest.raises(LocalProtocolError):
        ClientDriver.connect(LineConnection(), host, 1, **arguments)


def test_both_ends_that_only_write_do_not_deadlock() -> None:
    with paired() as (driver, conn, other):
        size = 8 * 1_048_576
        got: list[bytes] = []

        def write_then_read() -> None:
            other.sendall(b"y" * 600_000)
            while sum(len(piece) for piece in got) < size:
                got.append(other.recv(65_536))

        peer = threading.Thread(target=write_then_read)
        peer.start()

        def flow() -> Flow[int]:
            for _ in range(size // 65_536):
                conn.send_octets(b"x" * 65_536)
                yield Flush()
            while conn.buffered < 600_000:
                yield Receive()
            return conn.buffered

        conn.max_buffered = 1_000_000
        assert driver.run(flow()) == 600_000
        driver.close()
        peer.join()
        assert sum(len(piece) for piece in got) == size


def test_reading_stops_above_max_buffered_while_writing() -> None:
    with paired() as (driver, conn, other):
        conn.max_buffered = 1_000
        writer = threading.Thread(target=write_until_closed, args=(other,))
        reader = threading.Timer(0.05, read_until_closed, args=(other,))
        writer.start()
        reader.start()

        def flow() -> Flow[None]:
            for _ in range(100):
                conn.send_octets(b"x" * 65_536)
                yield Flush()

        driver.run(flow())
        assert 1_000 < conn.buffered <= 1_000 + 131_072
        driver.close()
        reader.join()
        writer.join()


def write_until_closed(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            sock.sendall(b"y" * 65_536)


def read_until_closed(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while sock.recv(65_536):
            pass


def test_the_last_reply_is_seen_when_a_write_fails() -> None:
    with paired() as (driver, conn, other):
        other.sendall(b"no more\r\n")
        other.close()

        def flow() -> Flow[bytes]:
            for _ in range(100):
                conn.send_octets(b"x" * 65_536)
                yield Flush()
                line = conn.next_event()
                if line is not None:
                    return line
            raise AssertionError("not seen")

        assert driver.run(flow()) == b"no more"


def test_a_write_that_fails_with_nothing_to_read_is_an_error() -> None:
    with paired() as (driver, conn, other):
        other.close()

        def flow() -> Flow[None]:
            while True:
                conn.send_octets(b"x" * 65_536)
                yield Flush()

        with pytest.raises(ConnectionClosed) as caught:
            driver.run(flow())
        assert caught.value.phase == "write"
        assert isinstance(caught.value.__cause__, OSError)


def test_a_reset_is_an_error_with_its_cause() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        conn = LineConnection()
        driver = connect(listener.getsockname(), conn)
        other, _ = listener.accept()
        other.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        other.close()
        with pytest.raises(ConnectionClosed) as caught:
            driver.run(next_line(conn))
        assert isinstance(caught.value.__cause__, ConnectionResetError)


def test_a_receive_after_the_end_is_an_error() -> None:
    with paired() as (driver, _conn, other):
        other.close()

        def flow() -> Flow[None]:
            assert (yield Receive()) is Received.RECEIVED
            yield Receive()

        with pytest.raises(ConnectionClosed) as caught:
            driver.run(flow())
        assert caught.value.phase == "read"


def test_timeouts_of_the_connection_and_of_the_flow() -> None:
    with paired(granted=0.05) as (driver, conn, _):

        def flow() -> Flow[object]:
            return (yield Receive(timeout=0.01))

        assert driver.run(flow()) is Received.TIMED_OUT
        assert is_open(driver)
        with pytest.raises(ConnectionTimeout) as caught:
            driver.run(next_line(conn))
        assert isinstance(caught.value, TimeoutError)
        assert not is_open(driver)
        with pytest.raises(LocalProtocolError):
            driver.run(next_line(conn))


def test_timeout_caps_what_the_connection_grants() -> None:
    with paired(granted=None, timeout=0.05) as (driver, conn, _), pytest.raises(ConnectionTimeout):
        driver.run(next_line(conn))


def test_octets_of_an_unfinished_line_do_not_start_the_clock_again() -> None:
    with paired(granted=0.2) as (driver, conn, other):
        stop = threading.Event()

        def drip() -> None:
            while not stop.wait(0.02):
                with contextlib.suppress(OSError):
                    other.sendall(b"x")

        peer = threading.Thread(target=drip)
        peer.start()
        try:
            with pytest.raises(ConnectionTimeout):
                driver.run(next_line(conn))
        finally:
            stop.set()
            peer.join()


def test_a_peer_that_does_not_read_times_out() -> None:
    with paired(granted=0.05) as (driver, conn, _):

        def flow() -> Flow[None]:
            while True:
                conn.send_octets(b"x" * 65_536)
                yield Flush()

        with pytest.raises(ConnectionTimeout) as caught:
            driver.run(flow())
        assert caught.value.phase == "write"


def test_calls_give_results_and_errors() -> None:
    with paired() as (driver, _conn, _):

        def flow() -> Flow[list[object]]:
            results: list[object] = [(yield Call(divmod, (7, 2)))]
            try:
                yield Call(divmod, (1, 0))
            except ZeroDivisionError as error:
                results.append(type(error))
            return results

        assert driver.run(flow()) == [(3, 1), ZeroDivisionError]


def test_an_awaitable_is_closed_and_a_type_error() -> None:
    async def wait() -> None:
        raise AssertionError("never awaited")

    with paired() as (driver, _conn, _):

        def flow() -> Flow[None]:
            yield Call(wait)

        with pytest.raises(TypeError, match="awaitable"):
            driver.run(flow())


def test_sleep_and_what_is_no_instruction() -> None:
    with paired() as (driver, conn, other):

        def flow() -> Flow[None]:
            conn.send(b"before")
            yield Sleep(0.01)
            yield "what?"  # type: ignore[misc]  # on purpose

        with pytest.raises(TypeError, match="no instruction"):
            driver.run(flow())
        assert other.recv(100) == b"before\r\n"


def test_a_signal_ends_a_receive() -> None:
    wake = Signal()
    with paired() as (driver, _conn, other):

        def flow() -> Flow[list[object]]:
            results = [(yield Receive(wake=wake))]
            threading.Timer(0.02, wake.set).start()
            results.append((yield Receive(wake=wake)))
            other.sendall(b"x")
            results.append((yield Receive(wake=wake)))
            return results

        wake.set()
        wake.set()
        assert driver.run(flow()) == [Received.WOKEN, Received.WOKEN, Received.RECEIVED]
        assert driver.wake is driver.wake
    wake.close()


def test_an_interrupt_is_thrown_into_the_flow_once() -> None:
    seen: list[str] = []

    def flow(conn: LineConnection) -> Flow[None]:
        try:
            yield Call(interrupt)
        finally:
            yield Call(seen.append, ("cleaned up",))

    def interrupt() -> None:
        raise KeyboardInterrupt

    with paired() as (driver, conn, _):
        with pytest.raises(KeyboardInterrupt):
            driver.run(flow(conn))
        assert not is_open(driver)
    assert seen == ["cleaned up"]


def test_a_connection_is_used_after_an_interrupt_only_if_it_came_while_nothing_moved(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(*_: object) -> Any:
        raise KeyboardInterrupt

    for is_waiting in (True, False):
        with paired(is_shared=True) as (driver, conn, other):
            with monkeypatch.context() as patched:
                if is_waiting:
                    patched.setattr(type(waiter_of(-1)), "wait", interrupted)
                else:
                    other.sendall(b"lost\r\n")
                    patched.setattr(LineConnection, "receive_data", interrupted)
                with pytest.raises(KeyboardInterrupt):
                    driver.run(next_line(conn))
            assert is_open(driver) is is_waiting


def test_what_leaves_the_session_usable() -> None:
    with paired() as (driver, _conn, _):

        def flow() -> Flow[None]:
            yield Flush()
            raise LocalProtocolError("a mistake")

        with pytest.raises(LocalProtocolError):
            driver.run(flow())
        assert is_open(driver)


def test_a_broken_line_ends_the_session() -> None:
    with paired() as (driver, conn, other):
        other.sendall(b"broken\r\n")
        with pytest.raises(RemoteProtocolError):
            driver.run(next_line(conn))
        assert not is_open(driver)


def test_a_flow_inside_a_call_is_refused() -> None:
    with paired() as (driver, conn, _):

        def flow() -> Flow[None]:
            yield Call(driver.run, (next_line(conn),))

        with pytest.raises(LocalProtocolError, match="in use"):
            driver.run(flow())
        assert is_open(driver)
