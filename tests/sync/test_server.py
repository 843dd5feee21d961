from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from mailproto._network import Accepted, Admission
from mailproto.errors import ConnectionClosed, LocalProtocolError
from mailproto.flow import Call, Connection, Flow, Receive, Received, Sleep
from mailproto.sync._server import Server
from support_lines import LineConnection, client_context, serve_lines, server_context
from support_servers import host_and_port, make_lines


def dial(server: Server) -> socket.socket:
    host, port = host_and_port(server.addresses[0])
    return socket.create_connection((host, port), timeout=10)


def read_all(sock: socket.socket) -> bytes:
    """Read to the end and close."""
    pieces = []
    with sock:
        while piece := sock.recv(65_536):
            pieces.append(piece)
    return b"".join(pieces)


def making(flow: Callable[[LineConnection, Accepted], Flow[None]], **arguments: Any) -> Any:
    """Return a factory of connections that run *flow*."""

    def make(accepted: Accepted) -> tuple[Connection[object], Flow[None]]:
        conn = LineConnection(**arguments)
        return conn, flow(conn, accepted)

    return make


def test_it_listens_at_once_and_until_stop() -> None:
    with Server(make_lines, "127.0.0.1") as server, dial(server) as sock:
        assert sock.recv(100) == b"hello\r\n"
    with pytest.raises(OSError):
        dial(server)
    server.stop()


def test_all_addresses_of_a_host_have_one_port() -> None:
    with Server(make_lines, "localhost") as server:
        assert len({host_and_port(address)[1] for address in server.addresses}) == 1


def test_what_cannot_be_listened_on() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        with pytest.raises(ConnectionClosed) as caught:
            Server(make_lines, "127.0.0.1", taken.getsockname()[1])
        assert caught.value.phase == "listen"
    bad: tuple[dict[str, Any], ...] = (
        {},
        {"host": "a", "tls": "opportunistic"},
        {"host": "a", "tls": "implicit"},
    )
    for arguments in bad:
        with pytest.raises(LocalProtocolError):
            Server(make_lines, **arguments)


def test_stop_lets_a_waiting_flow_say_its_last_words() -> None:
    with Server(make_lines, "127.0.0.1") as server:
        sock = dial(server)
        assert sock.recv(100) == b"hello\r\n"
        server.stop()
        assert read_all(sock) == b"stopping\r\n"


def test_stop_does_not_interrupt_a_call() -> None:
    events: list[str] = []
    began, go_on = threading.Event(), threading.Event()

    def work() -> None:
        began.set()
        go_on.wait(10)
        events.append("ended")

    def flow(conn: LineConnection, _accepted: Accepted) -> Flow[None]:
        yield Call(work)
        conn.send(b"done")
        try:
            yield Receive()
        finally:
            events.append("stopped")

    with Server(making(flow), "127.0.0.1") as server:
        sock = dial(server)
        began.wait(10)
        threading.Timer(0.02, go_on.set).start()
        server.stop()
        assert events == ["ended", "stopped"]
        assert read_all(sock) == b"done\r\n"


def test_stop_ends_a_sleep() -> None:
    began = threading.Event()

    def flow(_conn: LineConnection, _accepted: Accepted) -> Flow[None]:
        yield Call(began.set)
        yield Sleep(100)

    with Server(making(flow), "127.0.0.1") as server:
        sock = dial(server)
        began.wait(10)
        server.stop()
        assert read_all(sock) == b""


def test_after_the_grace_what_is_left_is_cut_off() -> None:
    began, go_on = threading.Event(), threading.Event()

    def flow(_conn: LineConnection, _accepted: Accepted) -> Flow[None]:
        yield Call(began.set)
        yield Call(go_on.wait, (10,))

    server = Server(making(flow), "127.0.0.1")
    sock = dial(server)
    began.wait(10)
    server.stop(grace=0.01)
    assert read_all(sock) == b""
    go_on.set()


def test_stop_in_the_middle_of_a_handshake() -> None:
    with Server(make_lines, "127.0.0.1", tls="implicit", ssl_context=server_context()) as server:
        sock = dial(server)
        server.stop()
        assert read_all(sock) == b""


def test_serve_forever_ends_with_stop() -> None:
    server = Server(make_lines, "127.0.0.1")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    server.stop()
    thread.join(10)
    assert not thread.is_alive()


def test_serve_forever_stops_the_server_when_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    server = Server(make_lines, "127.0.0.1")
    with monkeypatch.context() as patched:
        patched.setattr("mailproto.sync._server.wait_for_signal", interrupt)
        with pytest.raises(KeyboardInterrupt):
            server.serve_forever()
    with pytest.raises(OSError):
        dial(server)


def test_a_flow_that_fails_is_reported_and_the_next_one_served(caplog: pytest.LogCaptureFixture) -> None:
    def flow(conn: LineConnection, _accepted: Accepted) -> Flow[None]:
        yield Receive()
        raise ZeroDivisionError

    with Server(making(flow), "127.0.0.1") as server, caplog.at_level(logging.ERROR, "mailproto.sync"):
        for count in (1, 2):
            sock = dial(server)
            sock.sendall(b"x")
            assert read_all(sock) == b""
            assert len(caplog.records) == count


def test_a_peer_that_is_lost_ends_its_thread_quietly(caplog: pytest.LogCaptureFixture) -> None:
    def flow(_conn: LineConnection, _accepted: Accepted) -> Flow[None]:
        yield Receive()
        yield Receive()

    with Server(making(flow), "127.0.0.1") as server:
        dial(server).close()
    assert caplog.records == []


def test_further_connections_wait_for_room() -> None:
    with Server(make_lines, "127.0.0.1", max_connections=1) as server:
        first, second = dial(server), dial(server)
        assert first.recv(100) == b"hello\r\n"
        second.settimeout(0.05)
        with pytest.raises(TimeoutError):
            second.recv(100)
        first.close()
        second.settimeout(10)
        assert second.recv(100) == b"hello\r\n"
        second.close()


def test_whoever_sends_no_proxy_header_takes_no_thread_beyond_those() -> None:
    """Three at a time are seven in three times the time that each has."""
    arguments: dict[str, Any] = {"max_connections": 2, "proxy_protocol": True, "timeout": 0.2}
    with Server(make_lines, "127.0.0.1", admission=Admission(b"", most=1), **arguments) as server:
        begin = time.monotonic()
        socks = [dial(server) for _ in range(7)]
        assert [read_all(sock) for sock in socks] == [b""] * 7
        assert time.monotonic() - begin >= 0.6


def test_the_last_words_reach_a_client_that_is_still_sending() -> None:
    def flow(conn: LineConnection, _accepted: Accepted) -> Flow[None]:
        yield Receive()
        conn.send(b"too much")

    with Server(making(flow), "127.0.0.1") as server:
        sock = dial(server)
        for _ in range(20):
            sock.sendall(b"x" * 10_000)
        sock.shutdown(socket.SHUT_WR)
        assert read_all(sock) == b"too much\r\n"


def test_accepted_says_who_and_how() -> None:
    seen: list[Any] = []

    def flow(_conn: LineConnection, accepted: Accepted) -> Flow[None]:
        seen.extend((accepted.peer, accepted.local, accepted.tls))
        accepted.wake.set()
        seen.append((yield Receive(wake=accepted.wake)))

    with Server(making(flow), "127.0.0.1", tls="implicit", ssl_context=server_context()) as server:
        sock = client_context().wrap_socket(dial(server), server_hostname="server.test")
        own = sock.getsockname()
        assert read_all(sock) == b""
    assert seen[:2] == [own, server.addresses[0]]
    assert seen[2].version == "TLSv1.3"
    assert seen[3] is Received.WOKEN


def test_a_small_max_unsent() -> None:
    def make(_accepted: Accepted) -> tuple[Connection[object], Flow[None]]:
        conn = LineConnection()
        conn.max_unsent = 1_000
        return conn, serve_lines(conn)

    with Server(make, "127.0.0.1") as server:
        sock = dial(server)
        sock.sendall(b"big 6553600\r\nquit\r\n")
        assert len(read_all(sock)) == len(b"hello\r\n\r\nquit\r\n") + 6_553_600
