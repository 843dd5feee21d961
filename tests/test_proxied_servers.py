"""Servers behind a proxy, in both adapters, over real sockets: the header comes before all else."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

import mailproto.asyncio
import mailproto.sync
from mailproto._network import Accepted
from mailproto.flow import Connection, Flow
from mailproto.limits import SMTPLimits
from mailproto.proxy_protocol import ProxyHeader, Transport
from mailproto.store import MemoryStore
from support_lines import LineConnection, client_context, serve_lines, server_context
from support_servers import KINDS
from support_servers import serving as serving_flows
from support_smtp_servers import Accepting, serving

CLIENT, SERVER = ("192.0.2.1", 1_025), ("198.51.100.1", 25)
V1 = ProxyHeader(version=1, transport=Transport.TCP4, source=CLIENT, destination=SERVER)
V2 = ProxyHeader(transport=Transport.TCP4, source=CLIENT, destination=SERVER, has_checksum=True)
PATHS = ProxyHeader(transport=Transport.UNIX_STREAM, source="/run/client", destination="/run/server")
SILENT = [ProxyHeader(version=1), ProxyHeader(), ProxyHeader(is_local=True)]
HEADERS = {"v1": V1, "v2": V2, "paths": PATHS, "unknown": SILENT[0], "unspec": SILENT[1], "local": SILENT[2]}
GREETING = b"220 mx.example ESMTP ready\r\n"
SAID = GREETING + b"221 2.0.0 closing the connection\r\n"


def dial(port: int) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", port), timeout=10)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def read_all(sock: socket.socket) -> bytes:
    """Read to the end, which may be a reset where octets were left unread."""
    pieces = []
    with contextlib.suppress(ConnectionResetError):
        while piece := sock.recv(65_536):
            pieces.append(piece)
    return b"".join(pieces)


def say(port: int, *pieces: bytes) -> bytes:
    """Send *pieces*, each by itself, and return all that comes."""
    with dial(port) as sock:
        with contextlib.suppress(ConnectionError):
            for piece in pieces:
                sock.sendall(piece)
        return read_all(sock)


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_peer_is_the_client_of_the_proxy(kind: str, header: ProxyHeader) -> None:
    handler = Accepting()
    with serving(kind, handler, proxy_protocol=True) as running, dial(running.port) as sock:
        sock.sendall(header.serialize())
        own = sock.getsockname()
        assert sock.recv(100) == GREETING
        sock.sendall(b"QUIT\r\n")
        read_all(sock)
    assert [session.peer for session in handler.sessions] == [header.source or own]


@pytest.mark.parametrize("header", [V1, V2], ids=["v1", "v2"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_cut(kind: str, header: ProxyHeader) -> None:
    octets = header.serialize() + b"QUIT\r\n"
    with serving(kind, Accepting(), proxy_protocol=True) as running:
        assert say(running.port, octets) == SAID
        assert say(running.port, *(octets[at : at + 1] for at in range(len(octets)))) == SAID
        for at in range(1, len(octets)):
            assert say(running.port, octets[:at], octets[at:]) == SAID


@pytest.mark.parametrize("kind", KINDS)
def test_the_clients_of_a_proxy_are_counted_each_for_itself(kind: str) -> None:
    limits = SMTPLimits(max_connections_per_peer=1)
    other = ProxyHeader(version=1, transport=Transport.TCP4, source=("192.0.2.2", 9), destination=SERVER)
    with serving(kind, Accepting(), proxy_protocol=True, limits=limits) as running:
        with dial(running.port) as first:
            first.sendall(V1.serialize())
            assert first.recv(100) == GREETING
            assert say(running.port, V1.serialize() + b"QUIT\r\n").startswith(b"421 4.7.0 ")
            assert say(running.port, other.serialize() + b"QUIT\r\n") == SAID
            first.sendall(b"QUIT\r\n")
            read_all(first)
        # The first has gone once the server has seen it.
        assert any(say(running.port, V1.serialize() + b"QUIT\r\n") == SAID for _ in range(1_000))


NO_HEADERS = [
    b"EHLO a\r\n",
    b"\x16\x03\x01\x02\x00",
    b"PROXY TCP4 1.2.3.4\r\n",
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff",
    b"\r\n\r\n\0\r\nQUIT\r\n",
    b"PROXY UNKNOWN " + b"x" * 100_000,
]


@pytest.mark.parametrize("octets", NO_HEADERS, ids=range(len(NO_HEADERS)))
@pytest.mark.parametrize("kind", KINDS)
def test_without_a_header_it_closes_without_a_word(kind: str, octets: bytes) -> None:
    handler = Accepting()
    with serving(kind, handler, proxy_protocol=True) as running:
        assert say(running.port, octets) == b""
        assert say(running.port, V1.serialize() + b"QUIT\r\n") == SAID
    assert len(handler.sessions) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_the_connection_ends_within_the_header(kind: str) -> None:
    handler = Accepting()
    octets = V2.serialize()
    with serving(kind, handler, proxy_protocol=True) as running:
        for at in (0, 1, 12, 16, len(octets) - 1):
            with dial(running.port) as sock:
                sock.sendall(octets[:at])
                sock.shutdown(socket.SHUT_WR)
                assert read_all(sock) == b""
    assert handler.sessions == []


@pytest.mark.parametrize("begun", [b"", b"PROXY TCP4"], ids=["nothing", "begun"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_header_that_does_not_come_is_not_waited_for(kind: str, begun: bytes) -> None:
    handler = Accepting()
    with serving(kind, handler, proxy_protocol=True, timeout=0.1) as running:
        assert say(running.port, begun) == b""
    assert handler.sessions == []


@pytest.mark.parametrize("kind", KINDS)
def test_octets_of_a_header_do_not_start_the_clock_again(kind: str) -> None:
    with serving(kind, Accepting(), proxy_protocol=True, timeout=0.2) as running, dial(running.port) as sock:
        began = time.monotonic()
        with contextlib.suppress(ConnectionError):
            for octet in V1.serialize():
                sock.sendall(bytes((octet,)))
                time.sleep(0.02)
        assert read_all(sock) == b""
        assert time.monotonic() - began < 5


@pytest.mark.parametrize("kind", KINDS)
def test_stop_does_not_wait_for_a_header(kind: str) -> None:
    with serving(kind, Accepting(), proxy_protocol=True) as running, dial(running.port) as sock:
        # A whole session on another connection: the first is accepted by then.
        assert say(running.port, V1.serialize() + b"QUIT\r\n") == SAID
        began = time.monotonic()
        running.stop(30)
        assert time.monotonic() - began < 10
        assert read_all(sock) == b""


def hello_behind(header: ProxyHeader, sock: socket.socket, size: int) -> ssl.SSLSocket | ssl.SSLObject:
    """Shake hands with the first octets of TLS in the same packets as the header; *size* octets a packet."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = client_context().wrap_bio(incoming, outgoing, server_hostname="server.test")
    early = header.serialize()
    while True:
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            pass
        else:
            break
        octets = early + outgoing.read()
        early = b""
        for at in range(0, len(octets), size):
            sock.sendall(octets[at : at + size])
        incoming.write(sock.recv(65_536))
    sock.sendall(outgoing.read())
    while True:
        try:
            assert tls.read(100) == GREETING
        except ssl.SSLWantReadError:
            incoming.write(sock.recv(65_536))
        else:
            return tls


@pytest.mark.parametrize("header", [V1, V2], ids=["v1", "v2"])
@pytest.mark.parametrize("size", [1, 30, 65_536])
@pytest.mark.parametrize("kind", KINDS)
def test_implicit_tls_behind_the_header(kind: str, header: ProxyHeader, size: int) -> None:
    handler = Accepting()
    arguments: dict[str, Any] = {"tls": "implicit", "ssl_context": server_context()}
    with serving(kind, handler, proxy_protocol=True, **arguments) as running, dial(running.port) as sock:
        hello_behind(header, sock, size)
    (session,) = handler.sessions
    assert session.peer == CLIENT
    assert session.tls is not None


@pytest.mark.parametrize("kind", KINDS)
def test_start_tls_behind_the_header(kind: str) -> None:
    handler = Accepting()
    with serving(kind, handler, proxy_protocol=True, ssl_context=server_context()) as running:
        sock = dial(running.port)
        sock.sendall(V2.serialize())
        arguments: dict[str, Any] = {"tls": "starttls", "ssl_context": client_context()}
        with mailproto.sync.SMTPClient.connect("server.test", sock=sock, **arguments) as smtp:
            assert smtp.tls is not None
            smtp.send_message(b"hello\r\n", reverse_path="a@x.example", forward_paths="b@x.example")
    assert [to for _, to, _ in handler.taken] == [["<b@x.example>"]]
    assert handler.sessions[0].peer == CLIENT


@pytest.mark.parametrize("kind", KINDS)
def test_both_ends_of_the_connection_are_the_clients(kind: str) -> None:
    seen: list[tuple[object, object]] = []

    def make(accepted: Accepted) -> tuple[Connection[object], Flow[None]]:
        seen.append((accepted.peer, accepted.local))
        conn = LineConnection()
        return conn, serve_lines(conn)

    with serving_flows(kind, make, proxy_protocol=True) as address, dial(int(address[1])) as sock:
        sock.sendall(PATHS.serialize() + b"quit\r\n")
        assert read_all(sock) == b"hello\r\nquit\r\n"
    assert seen == [("/run/client", "/run/server")]


@contextlib.contextmanager
def imap(kind: str) -> Iterator[int]:
    """Yield the port of an IMAP server behind a proxy."""
    if kind == "sync":
        with mailproto.sync.serve_imap(MemoryStore(), "127.0.0.1", proxy_protocol=True) as server:
            yield int(server.addresses[0][1])
        return
    started, ended = threading.Event(), threading.Event()
    ports: list[int] = []

    async def main() -> None:
        async with mailproto.asyncio.serve_imap(MemoryStore(), "127.0.0.1", proxy_protocol=True) as server:
            ports.append(int(server.addresses[0][1]))
            started.set()
            await asyncio.to_thread(ended.wait)

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    try:
        assert started.wait(10)
        yield ports[0]
    finally:
        ended.set()
        thread.join()


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
@pytest.mark.parametrize("kind", KINDS)
def test_imap_behind_the_header(kind: str, header: ProxyHeader) -> None:
    with imap(kind) as port:
        greeting, bye, done, end = say(port, header.serialize() + b"a LOGOUT\r\n").split(b"\r\n")
        assert (greeting[:10], bye[:6], done[:5], end) == (b"* PREAUTH ", b"* BYE ", b"a OK ", b"")
        assert say(port, b"a LOGOUT\r\n") == b""
