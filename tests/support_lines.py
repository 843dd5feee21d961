"""A protocol of lines for the tests of the drivers: small, but with bodies of octets, TLS and time."""

from __future__ import annotations

import ssl
from functools import cache

import trustme

from mailproto._connection import FallibleEndpoint
from mailproto.errors import ConnectionClosed, RemoteProtocolError
from mailproto.flow import Flow, Flush, Receive, ServerStopping, StartTLS
from mailproto.wants import Wants

LOST = b"<lost>"


class LineConnection(FallibleEndpoint[bytes]):
    """Gives each line without its CRLF, then `LOST`; the line "tls" makes it want TLS."""

    __slots__ = ("is_closed", "is_tls_wanted", "max_buffered", "max_unsent", "timeout", "was_lost")

    def __init__(self, *, timeout: float | None = 30) -> None:
        super().__init__()
        self.timeout: float | None = timeout
        self.max_buffered = 262_144
        self.max_unsent = 65_536
        self.is_tls_wanted = False
        self.is_closed = False
        self.was_lost = False

    @property
    def wants(self) -> Wants:
        if self.is_closed or self.was_lost or self._failure:
            return Wants.CLOSED
        return Wants.TLS if self.is_tls_wanted else Wants.DATA

    def _next_event(self) -> bytes | None:
        if self.is_tls_wanted:
            if self._input.clear():
                raise RemoteProtocolError("octets behind STARTTLS")
            return None
        end = self._input.find(b"\r\n")
        if end >= 0:
            line = self._input.take(end + 2)[:-2]
            if line == b"broken":
                raise RemoteProtocolError("a broken line")
            return line
        if self._eof and not self.was_lost:
            self.was_lost = True
            return LOST
        return None

    def send(self, line: bytes) -> None:
        self._queue(line + b"\r\n")
        self._progress += 1

    def send_octets(self, octets: bytes) -> None:
        self._queue(octets)

    def want_tls(self) -> None:
        self.is_tls_wanted = True

    def tls_started(self) -> None:
        self.is_tls_wanted = False

    def abort(self) -> None:
        self.is_closed = True


def next_line(conn: LineConnection) -> Flow[bytes]:
    """Return the next line; raises ConnectionClosed at the end."""
    while (line := conn.next_event()) is None:
        yield Receive()
    if line == LOST:
        raise ConnectionClosed("the peer has closed", phase="read")
    return line


def ask(conn: LineConnection, line: bytes) -> Flow[bytes]:
    """Send one line and return the answer."""
    conn.send(line)
    return (yield from next_line(conn))


def start_tls(conn: LineConnection, hostname: str | None = "server.test") -> Flow[object]:
    """Ask for TLS and shake hands."""
    conn.send(b"tls")
    yield from next_line(conn)
    conn.want_tls()
    return (yield StartTLS(hostname))


def serve_lines(conn: LineConnection) -> Flow[None]:
    """Answer each line with itself, "tls" by starting it, "big N" with N octets, "quit" by closing."""
    conn.send(b"hello")
    try:
        while True:
            while (line := conn.next_event()) is None:
                yield Receive()
            if line == LOST:
                return
            yield from _answer(conn, line)
            if conn.is_closed:
                return
    except ServerStopping:
        conn.send(b"stopping")


def _answer(conn: LineConnection, line: bytes) -> Flow[None]:
    if line == b"tls":
        conn.send(b"go")
        conn.want_tls()
        yield StartTLS()
    elif line.startswith(b"big "):
        for _ in range(int(line[4:]) // 65_536):
            conn.send_octets(b"x" * 65_536)
            yield Flush()
        conn.send(b"")
    else:
        conn.send(line)
        yield Flush()
        conn.is_closed = line == b"quit"


@cache
def authority() -> trustme.CA:
    return trustme.CA()


def server_context(version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = version
    authority().issue_cert("server.test", "127.0.0.1", "localhost").configure_cert(context)
    return context


def client_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority().configure_trust(context)
    return context
