"""What bounds a client of our servers, over sockets: how many, how early, how slow, and what is no mail."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

import mailproto.asyncio
import mailproto.sync
from mailproto.errors import LocalProtocolError
from mailproto.limits import SMTPLimits
from mailproto.smtp import (
    EXTENSIONS,
    Extension,
    Mail,
    Noop,
    Rcpt,
    Reply,
    SMTPHandler,
    SMTPSession,
    UnknownCommand,
)
from mailproto.sync import SMTPClient
from support_lines import client_context, server_context
from support_smtp_clients import CLIENTS, connected
from support_smtp_servers import KINDS, Accepting, Running, serving
from support_smtp_sockets import Client, is_served

TOO_MANY = b"421 4.7.0 too many connections\r\n"
USERS = {"tim": "secret"}
PLAIN = b"AUTH PLAIN AHRpbQBzZWNyZXQ=\r\n"


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def wait_until_served(server: Running) -> None:
    """Wait until a connection that was closed counts no more."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with contextlib.suppress(AssertionError, ConnectionError):
            assert is_served(server.port)
            return
    raise AssertionError("a closed connection still counts")


@pytest.mark.parametrize("limit", ["max_connections", "max_connections_per_peer"])
def test_connections_beyond_the_limit_are_turned_away(kind: str, limit: str) -> None:
    handler = Accepting()
    with serving(kind, handler, limits=SMTPLimits(**{limit: 2})) as server:
        with Client(server.port) as first, Client(server.port) as second:
            for client in (first, second):
                assert client.say(b"", b"\r\n").startswith(b"220 ")
            for _ in range(3):
                with Client(server.port) as third:
                    assert third.read_all() == TOO_MANY
            assert len(handler.sessions) == 2
            second.say(b"QUIT\r\n", b"221 ")
            second.read_all()
            wait_until_served(server)
            assert first.say(b"NOOP\r\n", b"\r\n").startswith(b"250 ")
        wait_until_served(server)


def test_peers_of_a_unix_socket_are_no_one_peer(kind: str, tmp_path: Path) -> None:
    limits = SMTPLimits(max_connections_per_peer=1)
    with serving(kind, Accepting(), path=tmp_path / "lmtp", lmtp=True, limits=limits) as server:
        arguments: dict[str, Any] = {"path": server.address, "tls": "none", "lmtp": True, "timeout": 10}
        with SMTPClient.connect(**arguments) as one, SMTPClient.connect(**arguments) as other:
            assert (one.noop().code, other.noop().code) == (250, 250)


def test_with_implicit_tls_a_connection_too_many_is_closed(kind: str) -> None:
    tls: dict[str, Any] = {"tls": "implicit", "ssl_context": server_context()}
    with (
        serving(kind, Accepting(), limits=SMTPLimits(max_connections=1), **tls) as server,
        Client(server.port) as first,
    ):
        first.sock = client_context().wrap_socket(first.sock, server_hostname="127.0.0.1")
        first.say(b"", b"220 ")
        with Client(server.port) as second:
            assert second.read_all() == b""


def test_whoever_talks_before_the_greeting_is_turned_away(kind: str) -> None:
    with serving(kind, Accepting(), greet_delay=0.2) as server:
        with Client(server.port) as client:
            client.sock.sendall(b"EHLO me\r\n")
            assert client.read_all() == b"554 5.5.1 you talked before the greeting\r\n"
        begin = time.monotonic()
        assert is_quiet_client_served(server.port)
        assert time.monotonic() - begin >= 0.2


def is_quiet_client_served(port: int) -> bool:
    with Client(port) as client:
        return client.say(b"", b"\r\n").startswith(b"220 ") and client.say(b"NOOP\r\n", b"250 ") != b""


def test_behind_implicit_tls_it_counts_from_the_handshake(kind: str) -> None:
    tls: dict[str, Any] = {"tls": "implicit", "ssl_context": server_context()}
    with serving(kind, Accepting(), greet_delay=0.2, **tls) as server:
        for octets, code in ((b"EHLO me\r\n", b"554 "), (b"", b"220 ")):
            with Client(server.port) as client:
                client.sock = client_context().wrap_socket(client.sock, server_hostname="127.0.0.1")
                assert client.say(octets, b"\r\n").startswith(code)


@pytest.mark.parametrize("octets", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\x00"], ids=repr)
def test_a_stranger_is_turned_away(kind: str, octets: bytes) -> None:
    with serving(kind, Accepting()) as server:
        with Client(server.port) as client:
            client.sock.sendall(octets)
            assert client.read_all().endswith(
                b"\r\n421 4.7.0 this is a mail server, and that was no mail client\r\n"
            )
        assert is_served(server.port)


@pytest.mark.parametrize("piece", [b"RSET\r\n", b"NOOP\r\n", b"RSET\r\n" * 5_000], ids=len)
def test_a_client_that_reads_nothing_takes_no_memory_and_not_for_ever(kind: str, piece: bytes) -> None:
    handler = Accepting()
    limits = SMTPLimits(write_timeout=0.5, command_timeout=0.5)
    # What is accepted inherits these; the system's own take megabytes before a server notices anything.
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    with serving(kind, handler, limits=limits, sock=listener) as server, Client(server.port) as client:
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        client.sock.settimeout(0.1)
        tracemalloc.start()
        try:
            deadline = time.monotonic() + 10
            with contextlib.suppress(ConnectionError):
                while not handler.is_closed.is_set() and time.monotonic() < deadline:
                    with contextlib.suppress(TimeoutError):
                        client.sock.sendall(piece * (100 if len(piece) < 100 else 1))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert handler.is_closed.wait(1)
        assert peak < 3 * 1_048_576
        assert is_served(server.port)


ENVELOPE = b"EHLO me\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nDATA\r\n"


@pytest.mark.parametrize(
    "phase, start, until", [("command", b"EHLO me\r\n", b"HELP\r\n"), ("body", ENVELOPE, b"354 ")]
)
def test_each_phase_has_a_time_of_its_own(kind: str, phase: str, start: bytes, until: bytes) -> None:
    times: dict[str, Any] = {"command_timeout": 60, "body_timeout": 60, f"{phase}_timeout": 0.2}
    with serving(kind, Accepting(), limits=SMTPLimits(**times)) as server, Client(server.port) as client:
        begin = time.monotonic()
        client.say(start, until)
        assert client.read_all().endswith(b"421 4.4.2 nothing came in time\r\n")
        assert 0.2 <= time.monotonic() - begin < 5


class Verbose(SMTPHandler):
    """Says 400,000 octets to each RCPT, and counts them."""

    def __init__(self) -> None:
        self.asked = threading.Semaphore(0)

    def rcpt(self, session: SMTPSession, rcpt: Rcpt) -> Reply:
        self.asked.release()
        return Reply(550, ("x" * 4_000,) * 100)


def test_replies_do_not_pile_up_for_a_client_that_sends_one_command_at_a_time(kind: str) -> None:
    handler = Verbose()
    with serving(kind, handler) as server, Client(server.port) as client:
        client.say(b"EHLO me\r\nMAIL FROM:<a@x>\r\n", b"sender accepted\r\n")
        asked = 0
        while asked < 200:
            client.sock.sendall(b"RCPT TO:<b@x>\r\n")
            asked += 1
            if not handler.asked.acquire(timeout=0.5):
                break
        assert asked < 100
        client.sock.sendall(b"QUIT\r\n")
        assert client.read_all().count(b"\r\n550 ") == asked


class AsyncAccepting(Accepting):
    """The same with coroutines, which do not wait for anything."""

    async def rcpt(self, session: SMTPSession, rcpt: Rcpt) -> Reply | None:  # type: ignore[override]  # may be
        return super().rcpt(session, rcpt)

    async def mail(self, session: SMTPSession, mail: Mail) -> Reply | None:  # type: ignore[override]  # may be
        return super().mail(session, mail)


@pytest.mark.parametrize(
    "kind, handler", [("sync", Accepting), ("asyncio", Accepting), ("asyncio", AsyncAccepting)]
)
def test_one_write_answers_a_group(
    kind: str, handler: type[Accepting], monkeypatch: pytest.MonkeyPatch
) -> None:
    """RFC 2920 section 3.2: the replies to MAIL, RCPT and RSET go out with the one that ends the group."""
    writes: list[bytes] = []
    send = socket.socket.send

    def recorded(self: socket.socket, data: Any, *flags: int) -> int:
        writes.append(bytes(data))
        return send(self, data, *flags)

    with serving(kind, handler()) as server, Client(server.port) as client:
        client.say(b"EHLO me\r\n", b"HELP\r\n")
        monkeypatch.setattr(socket.socket, "send", recorded)
        client.say(b"RSET\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nRCPT TO:<bad@x>\r\nDATA\r\n", b"354 ")
        client.say(b"x\r\n.\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nNOOP\r\n", b"nothing done\r\n")
        monkeypatch.undo()
    assert [[line[:3] for line in octets.splitlines()] for octets in writes] == [
        [b"250", b"250", b"250", b"550", b"354"],
        [b"250"],
        [b"250", b"250", b"250"],
    ]


def test_replies_do_not_wait_for_a_handler_that_does() -> None:
    class Slow(SMTPHandler):
        async def rcpt(self, session: SMTPSession, rcpt: Rcpt) -> None:
            while not is_mail_answered.is_set():
                await asyncio.sleep(0.01)

    is_mail_answered = threading.Event()
    with serving("asyncio", Slow()) as server, Client(server.port) as client:
        client.say(b"EHLO me\r\n", b"HELP\r\n")
        client.say(b"MAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\n", b"sender accepted\r\n")
        is_mail_answered.set()
        client.say(b"", b"recipient accepted\r\n")


def test_a_submission_server(kind: str) -> None:
    handler = Accepting()
    with serving(
        kind,
        handler,
        ssl_context=server_context(),
        authenticator=USERS,
        require_tls=True,
        require_auth=True,
    ) as server:
        with Client(server.port) as client:
            assert b"PLAIN" not in client.say(b"EHLO me\r\n", b"HELP\r\n")
            for command in (PLAIN, b"MAIL FROM:<a@x>\r\n", b"RSET\r\n"):
                assert client.say(command, b"\r\n") == b"530 5.7.0 STARTTLS is required first\r\n"
            client.say(b"STARTTLS\r\n", b"220 ")
            client.sock = client_context().wrap_socket(client.sock, server_hostname="127.0.0.1")
            assert b" PLAIN LOGIN\r\n" in client.say(b"EHLO me\r\n", b"HELP\r\n")
            refused = client.say(b"MAIL FROM:<a@x>\r\nRSET\r\n", b"forgotten\r\n")
            assert refused.startswith(b"530 5.7.0 AUTH is required first\r\n250 ")
            assert client.say(PLAIN, b"\r\n").startswith(b"235 ")
            client.say(b"MAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nDATA\r\n", b"354 ")
            client.say(b"x\r\n.\r\nQUIT\r\n", b"221 ")
        session = handler.sessions[0]
        assert (session.identity, session.protocol) == ("tim", "ESMTPSA")
        assert session.local == server.address
    assert len(handler.taken) == 1


NOT_ARGUMENTS: dict[str, tuple[dict[str, Any], str]] = {
    "TLS without a context": ({"require_tls": True}, "needs ssl_context"),
    "logins without users": ({"require_auth": True}, "needs authenticator"),
    "LMTP without what it needs": ({"lmtp": True, "extensions": ()}, "LMTP needs"),
    "two lines as a name": ({"hostname": "mx.example\r\n250 x"}, "expected"),
    "a name that is none": ({"hostname": "our server"}, "expected"),
}


@pytest.mark.parametrize("arguments, reason", NOT_ARGUMENTS.values(), ids=NOT_ARGUMENTS)
def test_what_cannot_be_required(kind: str, arguments: dict[str, Any], reason: str) -> None:
    package: Any = mailproto.sync if kind == "sync" else mailproto.asyncio
    with pytest.raises(LocalProtocolError, match=reason):
        package.serve_smtp(SMTPHandler(), "127.0.0.1", **arguments)


def test_a_name_is_said_in_ascii(kind: str) -> None:
    with serving(kind, SMTPHandler(), hostname="bücher.example") as server, Client(server.port) as client:
        assert client.say(b"", b"\r\n") == b"220 xn--bcher-kva.example ESMTP ready\r\n"


class Extended(Accepting):
    """Has an extension of its own: a verb, and a parameter of MAIL."""

    def unknown(self, session: SMTPSession, command: UnknownCommand) -> Reply:
        return Reply(250, (command.arguments.upper(),))


def test_an_extension_of_your_own(kind: str) -> None:
    mine = Extension("XSHOUT", lambda offer: "loud", frozenset({"XSHOUT"}), (("MAIL", "XVOLUME"),))
    with (
        serving(kind, Extended(), extensions=(*EXTENSIONS, mine)) as server,
        SMTPClient.connect("127.0.0.1", server.port, tls="none", timeout=10) as smtp,
    ):
        assert smtp.extensions.get("XSHOUT") == "loud"
        assert smtp.exchange(UnknownCommand("XSHOUT", "hello")).text == "HELLO"
        assert smtp.exchange(b"MAIL FROM:<a@x.example> XVOLUME=11\r\n").code == 250
    with serving(kind, Extended()) as server, Client(server.port) as client:
        assert client.say(b"EHLO me\r\nXSHOUT hello\r\n", b"command unknown\r\n").endswith(
            b"500 5.5.1 command unknown\r\n"
        )
        assert client.say(b"MAIL FROM:<a@x.example> XVOLUME=11\r\n", b"\r\n").startswith(b"555 ")


@pytest.mark.parametrize("strict, code", [(False, b"250 "), (True, b"501 ")])
def test_strict(kind: str, strict: bool, code: bytes) -> None:
    with serving(kind, Accepting(), strict=strict) as server, Client(server.port) as client:
        client.say(b"EHLO me\r\n", b"HELP\r\n")
        assert client.say(b"MAIL FROM: <a@x.example>\r\n", b"\r\n").startswith(code)


def test_an_error_of_the_handler_is_logged_once(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    class Failing(Accepting):
        def noop(self, session: SMTPSession, noop: Noop) -> Reply:
            raise ZeroDivisionError("by the handler")

    with (
        caplog.at_level(logging.ERROR),
        serving(kind, Failing()) as server,
        Client(server.port) as client,
    ):
        client.say(b"NOOP\r\n", b"451 4.3.0 internal error, try again later\r\n")
        client.say(b"RSET\r\n", b"250 ")
        client.say(b"QUIT\r\n", b"221 ")
        client.read_all()
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert [record.name for record in errors] == ["mailproto.sync" if kind == "sync" else "asyncio"]
    assert "ZeroDivisionError: by the handler" in caplog.text


@pytest.mark.parametrize("client", CLIENTS)
def test_lmtp_over_a_unix_socket(kind: str, client: str, tmp_path: Path) -> None:
    handler = Accepting((Reply(250), Reply.of(452, "4.2.2", "full")))
    path = tmp_path / "lmtp"
    with serving(kind, handler, path=path, lmtp=True) as server:
        assert server.address == str(path)
        with connected(client, None, path=path, lmtp=True) as lmtp:
            result = lmtp.send_message(
                b"x\r\n", reverse_path="a@x.example", forward_paths=["b@x.example", "c@x.example"]
            )
        assert result.accepted == ("b@x.example",)
        assert {name: reply.code for name, reply in result.refused.items()} == {"c@x.example": 452}
        assert handler.sessions[0].protocol == "LMTP"
        assert handler.sessions[0].local == str(path)
    assert not path.exists()
