"""What clients may do to our servers, over sockets: the next connection is served, and no message half."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import ssl
import threading
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from mailproto.limits import SMTPLimits
from mailproto.smtp import MessageSink, Reply, SMTPHandler, SMTPSession, WholeMessages
from support_lines import client_context, server_context
from support_smtp_clients import CLIENTS, connected
from support_smtp_servers import KINDS, Accepting, serving
from support_smtp_sockets import Client, is_served

ENVELOPE: dict[str, Any] = {"reverse_path": "a@x.example", "forward_paths": ["b@x.example"]}
DATA = b"EHLO me.example\r\nMAIL FROM:<a@x.example>\r\nRCPT TO:<b@x.example>\r\nDATA\r\n"
COMMANDS = [
    b"EHLO me.example\r\n",
    b"HELO me\r\n",
    b"EHLO me\r\nMAIL FROM:<a@x.example> SIZE=1 BODY=8BITMIME\r\n",
    b'EHLO me\r\nMAIL FROM:<>\r\nRCPT TO:<"a b"@[192.0.2.1]>\r\n',
    b"EHLO me\r\nAUTH PLAIN AGEAYg==\r\n",
    b"EHLO me\r\nAUTH LOGIN\r\nYQ==\r\nYg==\r\n",
    b"EHLO me\r\nSTARTTLS\r\n",
    b"VRFY a\r\nEXPN a\r\nHELP a\r\nNOOP a\r\nRSET\r\n",
    DATA + b"x\r\n.\r\nQUIT\r\n",
]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("command", COMMANDS, ids=repr)
def test_every_command_cut_at_every_octet_and_then_the_end(kind: str, command: bytes) -> None:
    arguments: dict[str, Any] = {"authenticator": {"a": "c"}, "allow_cleartext": True}
    handler = Accepting()
    with serving(kind, handler, ssl_context=server_context(), **arguments) as server:
        for at in range(len(command) + 1):
            with Client(server.port) as client:
                client.sock.sendall(command[:at])
                client.sock.shutdown(socket.SHUT_WR)
                assert client.read_all().startswith(b"220 ")
        assert is_served(server.port)
    whole = [taken for taken in handler.taken if taken[2] == b"x\r\n"]
    assert whole == handler.taken


def test_random_octets(kind: str) -> None:
    draw = random.Random(7)
    words = [b"EHLO a\r\n", b"MAIL FROM:<>\r\n", b"RCPT TO:<a@b>\r\n", b"DATA\r\n", b".\r\n", b"\0", b"\n"]
    with serving(kind, Accepting()) as server:
        for _ in range(60):
            octets = b"".join(
                draw.choice(words) if draw.random() < 0.6 else draw.randbytes(draw.randrange(200))
                for _ in range(20)
            )
            with Client(server.port) as client:
                with contextlib.suppress(ConnectionError):
                    client.sock.sendall(octets)
                    client.sock.shutdown(socket.SHUT_WR)
                client.read_all()
        assert is_served(server.port)


@pytest.mark.parametrize("start", [b"", DATA, b"EHLO me\r\nAUTH PLAIN\r\n"], ids=["command", "body", "AUTH"])
def test_ten_mebibytes_without_a_line_end(kind: str, start: bytes) -> None:
    arguments: dict[str, Any] = {"authenticator": {"a": "c"}, "allow_cleartext": True}
    chunk = b"x" * 65_536
    with serving(kind, SMTPHandler(), **arguments) as server, Client(server.port) as client:
        client.say(start, b"\r\n" if not start else b"354 " if start is DATA else b"334 ")
        tracemalloc.start()
        try:
            for _ in range(160):
                client.sock.sendall(chunk)
            said = client.say(b"\r\n.\r\nNOOP\r\n", b"nothing done\r\n")
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 2 * 1_048_576
        assert (b"line too long" in said) is (start is not DATA)
        assert is_served(server.port)


INJECTED = [b"MAIL FROM:<evil@x.example>\r\n", b"RSE", b"EHLO evil\r\nMAIL FROM:<evil@x.example>\r\n" * 99]


@pytest.mark.parametrize("octets", INJECTED, ids=len)
def test_clear_text_behind_starttls_never_reaches_the_session(kind: str, octets: bytes) -> None:
    handler = Accepting()
    with serving(kind, handler, tls="starttls", ssl_context=server_context()) as server:
        with Client(server.port) as client:
            client.say(b"EHLO me\r\n", b"HELP\r\n")
            assert client.say(b"STARTTLS\r\n" + octets, b"\r\n") == b"220 2.0.0 ready for TLS\r\n"
            client.sock = client_context().wrap_socket(client.sock, server_hostname="127.0.0.1")
            assert client.say(b"NOOP\r\n", b"\r\n") == b"250 2.0.0 nothing done\r\n"
            assert client.say(b"RCPT TO:<b@x.example>\r\n", b"\r\n").startswith(b"503 ")
            assert client.say(b"MAIL FROM:<a@x.example>\r\n", b"\r\n").startswith(b"503 ")
            assert b"STARTTLS" not in client.say(b"EHLO me\r\n", b"HELP\r\n")
        assert is_served(server.port)


def test_a_handshake_that_is_none(kind: str) -> None:
    with serving(kind, SMTPHandler(), tls="starttls", ssl_context=server_context()) as server:
        with Client(server.port) as client:
            client.say(b"EHLO me\r\nSTARTTLS\r\n", b"ready for TLS\r\n")
            client.sock.sendall(b"MAIL FROM:<evil@x.example>\r\n" * 10)
            assert b"250" not in client.read_all()
        assert is_served(server.port)


FALSE_ENDS = [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r", b"\r.\r\n"]
SMUGGLED = b"MAIL FROM:<evil@x.example>\r\nRCPT TO:<b@x.example>\r\nDATA\r\nevil\r\n"


@pytest.mark.parametrize("end", FALSE_ENDS, ids=repr)
@pytest.mark.parametrize("relay", CLIENTS)
def test_nothing_is_smuggled_through_server_and_client(kind: str, relay: str, end: bytes) -> None:
    """What a server that lets bare newlines pass has taken is sent on by our client as one message."""
    first, second = Accepting(), Accepting()
    with serving(kind, first, newlines="pass") as server, serving(kind, second) as onward:
        with Client(server.port) as client:
            octets = DATA + b"harmless" + end + SMUGGLED + b".\r\nQUIT\r\n"
            assert client.say(octets, b"221 ").count(b"\r\n250 2.0.0 message accepted") == 1
        (message,) = [octets for _, _, octets in first.taken]
        with connected(relay, onward.port) as smtp:
            smtp.send_message(message, **ENVELOPE)
    assert [envelope for envelope, _, _ in second.taken] == ["<a@x.example>"]
    assert second.taken[0][2].endswith(SMUGGLED)
    assert b"\n" not in second.taken[0][2].replace(b"\r\n", b"")


class Sinks(SMTPHandler):
    """Notes what becomes of each message; one that says so is refused by an error."""

    def __init__(self) -> None:
        self.ends: list[str] = []
        self.is_closed = threading.Event()
        self.is_taking = threading.Event()

    def message(self, session: SMTPSession) -> MessageSink:
        return _Sink(self)

    def closed(self, session: SMTPSession) -> None:
        self.is_closed.set()


class _Sink:
    def __init__(self, handler: Sinks) -> None:
        self._handler = handler

    def write(self, chunk: bytes, /) -> None:
        self._handler.is_taking.set()
        if b"raise in write" in chunk:
            raise OSError("disk full")
        self._is_fatal = b"raise in finish" in chunk

    def finish(self) -> None:
        self._handler.ends.append("finish")
        if self._is_fatal:
            raise OSError("disk full")

    def abort(self) -> None:
        self._handler.ends.append("abort")


END = b"\r\n.\r\n"
ENDS: dict[str, tuple[bytes, Callable[[Client, Any], object], bytes, list[str]]] = {
    "finished": (b"x" + END, lambda c, s: c.say(b"QUIT\r\n", b"221 "), b"250 2.0.0 message", ["finish"]),
    "lost": (b"x", lambda c, s: c.sock.shutdown(socket.SHUT_WR), b"", ["abort"]),
    "reset": (b"x", lambda c, s: c.reset(), b"", ["abort"]),
    "too big": (b"x" * 2_000 + END, lambda c, s: c.sock.shutdown(socket.SHUT_WR), b"552 ", ["abort"]),
    "bare LF": (b"x\ny" + END, lambda c, s: c.sock.shutdown(socket.SHUT_WR), b"550 ", ["abort"]),
    "too slow": (b"x", lambda c, s: None, b"421 4.4.2 ", ["abort"]),
    "stopped": (b"x", lambda c, s: s.stop(10), b"421 4.3.2 ", ["abort"]),
    "write raises": (b"raise in write" + END, lambda c, s: c.say(b"QUIT\r\n", b"221 "), b"451 ", ["abort"]),
    "finish raises": (
        b"raise in finish" + END,
        lambda c, s: c.say(b"QUIT\r\n", b"221 "),
        b"451 ",
        ["finish"],
    ),
}


@pytest.mark.parametrize("octets, then, said, ends", ENDS.values(), ids=ENDS)
def test_each_message_has_one_end(
    kind: str, octets: bytes, then: Callable[[Client, Any], object], said: bytes, ends: list[str]
) -> None:
    handler = Sinks()
    timeout = 0.3 if said == b"421 4.4.2 " else 10
    with serving(kind, handler, timeout=timeout, limits=SMTPLimits(max_message=1_000)) as server:
        with Client(server.port) as client:
            client.say(DATA, b"354 ")
            client.sock.sendall(octets)
            assert handler.is_taking.wait(10)
            answer = b""
            if said[:3] in (b"250", b"451", b"552", b"550"):
                answer = client.say(b"", said)
            then(client, server)
            if client.sock.fileno() >= 0:
                answer += client.read_all()
        assert handler.is_closed.wait(10)
        assert said in answer
    assert handler.ends == ends


def test_an_unfinished_line_does_not_buy_time(kind: str) -> None:
    with serving(kind, SMTPHandler(), timeout=0.4) as server, Client(server.port) as client:
        client.say(b"", b"220 ")
        begin = time.monotonic()
        with contextlib.suppress(OSError):
            client.sock.settimeout(0.05)
            while time.monotonic() - begin < 5:
                client.sock.sendall(b"x")
                with contextlib.suppress(TimeoutError):
                    assert client.sock.recv(100).startswith(b"421 4.4.2 ")
                    break
        assert 0.3 < time.monotonic() - begin < 2


@pytest.mark.parametrize("relay", CLIENTS)
def test_stop_while_a_message_is_sent_loses_none_that_was_acknowledged(kind: str, relay: str) -> None:
    handler = Accepting()
    acknowledged = 0
    with serving(kind, handler) as server, connected(relay, server.port) as smtp:
        stopper = threading.Timer(0.1, server.stop, (10,))
        stopper.start()
        with contextlib.suppress(ConnectionError):
            while True:
                smtp.send_message(b"x" * 100_000, **ENVELOPE)
                acknowledged += 1
        stopper.join()
    assert acknowledged <= len(handler.taken) <= acknowledged + 1
    assert all(octets == b"x" * 100_000 + b"\r\n" for _, _, octets in handler.taken)


def test_a_message_that_is_being_taken_is_answered_by_a_server_that_stops(kind: str) -> None:
    """The call is not interrupted, its 250 is true, and then comes the 421, at once."""
    is_taking, may_go_on = threading.Event(), threading.Event()

    def take(session: SMTPSession, octets: bytes) -> None:
        is_taking.set()
        assert may_go_on.wait(10)

    async def take_async(session: SMTPSession, octets: bytes) -> None:
        await asyncio.to_thread(take, session, octets)

    handler = WholeMessages(take if kind == "sync" else take_async)
    with serving(kind, handler) as server, Client(server.port) as client:
        client.say(DATA, b"<CRLF>.<CRLF>\r\n")
        client.sock.sendall(b"x\r\n.\r\nNOOP\r\n")
        assert is_taking.wait(10)
        stopper = threading.Thread(target=server.stop, args=(30,))
        stopper.start()
        with contextlib.suppress(ConnectionError):
            while True:  # a server that stops does not listen any more
                socket.create_connection(("127.0.0.1", server.port), 10).close()
        may_go_on.set()
        assert client.read_all() == (
            b"250 2.0.0 message accepted\r\n250 2.0.0 nothing done\r\n421 4.3.2 the server stops\r\n"
        )
        stopper.join(10)
        assert not stopper.is_alive()


def test_a_failing_authenticator_and_failing_ends_hurt_one_session_only(kind: str) -> None:
    class Failing(WholeMessages):
        def __init__(self) -> None:
            super().__init__(lambda session, octets: Reply(354))

        def closed(self, session: SMTPSession) -> None:
            raise OSError("log full")

    class Broken:
        mechanisms = ("PLAIN",)

        def answer(self, request: object) -> object:
            raise OSError("no database")

    with serving(kind, Failing(), authenticator=Broken(), allow_cleartext=True) as server:
        with Client(server.port) as client:
            client.say(b"EHLO me\r\nAUTH PLAIN AGEAYg==\r\n", b"\r\n454 4.7.0 ")
            client.say(DATA, b"354 ")
            client.say(b"x\r\n.\r\n", b"451 4.3.0 ")
            assert client.say(b"QUIT\r\n", b"\r\n") == b"221 2.0.0 closing the connection\r\n"
        assert is_served(server.port)


def test_guesses_end_with_421(kind: str) -> None:
    arguments: dict[str, Any] = {"authenticator": {"a": "c"}, "allow_cleartext": True}
    with serving(kind, SMTPHandler(), **arguments) as server, Client(server.port) as client:
        client.sock.sendall(b"EHLO me\r\n" + b"AUTH PLAIN AGEAYg==\r\n" * 50)
        said = client.read_all()
        assert said.count(b"535 ") == SMTPLimits().max_bad_logins
        assert said.endswith(b"421 4.7.0 too many failed logins\r\n")


def test_a_tls_client_at_a_server_in_the_clear(kind: str) -> None:
    with serving(kind, SMTPHandler()) as server:
        with Client(server.port) as client, pytest.raises(ssl.SSLError):
            client_context().wrap_socket(client.sock, server_hostname="127.0.0.1")
        assert is_served(server.port)
