"""What servers may do to our clients, over sockets: 421 and refusals at any point, early, late, injected."""

from __future__ import annotations

import contextlib
import io
import socket
import time
from collections.abc import Callable
from email.message import Message
from typing import Any

import pytest

from mailproto.address import Mailbox, Path
from mailproto.errors import (
    ConnectionClosed,
    ConnectionTimeout,
    LocalProtocolError,
    MailProtoError,
    RemoteProtocolError,
    SMTPRecipientsRefused,
    SMTPReplyError,
    TLSUnavailable,
)
from mailproto.limits import SMTPLimits
from mailproto.sasl import ExternalClient, LoginClient, PlainClient
from mailproto.smtp import (
    ETRN,
    EXTENSIONS,
    XCLIENT,
    XFORWARD,
    Expn,
    Help,
    Mail,
    Noop,
    Parameters,
    Rcpt,
    UnknownCommand,
    Vrfy,
)
from mailproto.sync import SMTPClient
from support_lines import client_context, server_context
from support_proxy import connect_proxy
from support_smtp_clients import CLIENTS, EHLO_OK, GREETING, connected, scripted
from support_smtp_servers import Accepting, serving

ENVELOPE: dict[str, Any] = {"reverse_path": "a@x.example", "forward_paths": ["b@x.example"]}
BODY = b"Subject: x\r\n\r\ntext\r\n"
CLOSING = b"421 4.3.2 closing\r\n"
OPENED = ((b"", GREETING), (b"EHLO me.example\r\n", EHLO_OK))
LARGE = b"x" * 70 + b"\r\n"


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest) -> str:
    return str(request.param)


CLOSED_AT: dict[str, tuple[tuple[bytes, bytes], ...]] = {
    "idle": ((b"", CLOSING),),
    "MAIL": ((b"DATA\r\n", CLOSING),),
    "RCPT": ((b"DATA\r\n", b"250 ok\r\n" + CLOSING),),
    "DATA": ((b"DATA\r\n", b"250 ok\r\n250 ok\r\n" + CLOSING),),
    "body": ((b"DATA\r\n", b"250 ok\r\n250 ok\r\n354 go\r\n" + CLOSING),),
    "message": ((b"DATA\r\n", b"250 ok\r\n250 ok\r\n354 go\r\n"), (b"\r\n.\r\n", CLOSING)),
}


@pytest.mark.parametrize("when", CLOSED_AT)
def test_421_at_any_point(client: str, when: str) -> None:
    with scripted(*OPENED, *CLOSED_AT[when], closes=True) as (port, _), connected(client, port) as smtp:
        if when == "idle":
            time.sleep(0.05)
        with pytest.raises(ConnectionClosed, match="421 closing") as caught:
            smtp.send_message(BODY, **ENVELOPE)
        assert isinstance(caught.value.__cause__, SMTPReplyError)
        assert caught.value.is_outcome_unknown is (when == "message")
        assert not smtp.is_open
        with pytest.raises(LocalProtocolError):
            smtp.noop()


@pytest.mark.parametrize(
    "answer, kind", [(b"552 5.3.4 too much\r\n", SMTPReplyError), (CLOSING, ConnectionClosed)]
)
def test_an_early_reply_in_a_body_that_nobody_reads(
    client: str, answer: bytes, kind: type[MailProtoError]
) -> None:
    turns = (*OPENED, (b"DATA\r\n", b"250 ok\r\n250 ok\r\n354 go\r\n"), (b"\r\n", answer))
    with scripted(*turns, closes=True) as (port, script), connected(client, port) as smtp:
        with pytest.raises(kind) as caught:
            smtp.send_message((LARGE * 1_000 for _ in range(2_000)), **ENVELOPE)
        assert not caught.value.is_outcome_unknown
        assert not smtp.is_open
    assert b"\r\n.\r\n" not in script.received
    assert b"QUIT" not in script.received


def test_354_although_all_recipients_were_refused(client: str) -> None:
    turns = (
        *OPENED,
        (b"DATA\r\n", b"250 ok\r\n550 5.1.1 no\r\n354 go\r\n"),
        (b".\r\n", b"554 5.5.1 no valid recipients\r\n"),
        (b"NOOP\r\n", b"250 ok\r\n"),
        (b"QUIT\r\n", b"221 bye\r\n"),
    )
    with scripted(*turns) as (port, script), connected(client, port) as smtp:
        with pytest.raises(SMTPRecipientsRefused):
            smtp.send_message(BODY, **ENVELOPE)
        assert smtp.noop().code == 250
        smtp.quit()
    assert script.received.endswith(b"DATA\r\n.\r\nNOOP\r\nQUIT\r\n")


@pytest.mark.parametrize("code", [500, 501, 502, 504, 550, 554])
def test_helo_after_any_5yz(client: str, code: int) -> None:
    turns = (
        (b"", GREETING),
        (b"EHLO me.example\r\n", b"%d\r\n" % code),
        (b"HELO me.example\r\n", b"250\r\n"),
        (b"MAIL FROM:<a@x.example>\r\n", b"250\r\n"),
        (b"RCPT TO:<b@x.example>\r\n", b"250 \xfc\xff\r\n"),
        (b"DATA\r\n", b"354\r\n"),
        (b"\r\n.\r\n", "250 grün\r\n".encode()),
    )
    with scripted(*turns) as (port, _), connected(client, port) as smtp:
        assert smtp.send_message(BODY, **ENVELOPE).reply.text == "grün"
        with pytest.raises(LocalProtocolError, match="offered are none"):
            smtp.login("a", "b", allow_cleartext=True)


def test_no_helo_where_tls_is_asked_for(client: str) -> None:
    with scripted((b"", GREETING), (b"EHLO me.example\r\n", b"502 what\r\n")) as (port, script):
        with pytest.raises(TLSUnavailable), connected(client, port, tls="starttls"):
            raise AssertionError
    assert b"HELO" not in script.received


def test_size_is_checked_before_mail(client: str) -> None:
    turns = (*OPENED, (b"NOOP\r\n", b"250 ok\r\n"))
    with scripted(*turns) as (port, script), connected(client, port) as smtp:
        with pytest.raises(LocalProtocolError, match="SIZE"):
            smtp.send_message(b"x" * 1_000_000, **ENVELOPE)
        smtp.noop()
    assert b"MAIL" not in script.received


@pytest.mark.parametrize("injected", [b"250 evil\r\n", b"2", b"250-mx\r\n250 AUTH PLAIN\r\n"])
@pytest.mark.parametrize("tls", ["starttls", "opportunistic"])
def test_octets_in_the_clear_behind_starttls(client: str, injected: bytes, tls: str) -> None:
    offer = b"250-mx.example\r\n250 STARTTLS\r\n"
    turns = ((b"", GREETING), (b"EHLO me.example\r\n", offer), (b"STARTTLS\r\n", b"220 go\r\n" + injected))
    with scripted(*turns) as (port, script):
        with pytest.raises(RemoteProtocolError, match="in the clear"):
            with connected(client, port, tls=tls, ssl_context=client_context()):
                raise AssertionError
    assert script.received == b"EHLO me.example\r\nSTARTTLS\r\n"


AWAITED: dict[str, tuple[tuple[bytes, bytes], ...]] = {
    "the envelope": (),
    "the message": ((b"DATA\r\n", b"250 ok\r\n250 ok\r\n354 go\r\n"),),
    "the rest of a reply": ((b"DATA\r\n", b"250-ok\r\n250"),),
}


@pytest.mark.parametrize("what", AWAITED)
def test_a_server_that_does_not_answer_in_time(client: str, what: str) -> None:
    with scripted(*OPENED, *AWAITED[what]) as (port, _), connected(client, port, timeout=0.3) as smtp:
        with pytest.raises(ConnectionTimeout) as caught:
            smtp.send_message(BODY, **ENVELOPE)
        assert caught.value.is_outcome_unknown is (what == "the message")
        assert not smtp.is_open


def test_ten_mebibytes_of_reply_without_a_line_end(client: str) -> None:
    turns = (*OPENED, (b"NOOP\r\n", b"250 " + b"x" * 10 * 1_048_576))
    with contextlib.suppress(ConnectionError), scripted(*turns, closes=True) as (port, _):
        with connected(client, port, limits=SMTPLimits(max_buffered=65_536)) as smtp:
            with pytest.raises(RemoteProtocolError, match="max_reply_line"):
                smtp.noop()
            assert not smtp.is_open


def tunnel(proxy: tuple[str, int], port: int) -> socket.socket:
    """Return a socket that leads through *proxy* to a server of ours."""
    sock = socket.create_connection(proxy, timeout=10)
    sock.sendall(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\n\r\n" % port)
    # What follows belongs to the session.
    assert sock.recv(26, socket.MSG_WAITALL) == b"HTTP/1.1 200 connected\r\n\r\n"
    return sock


@pytest.mark.parametrize("tls", ["none", "starttls", "opportunistic", "implicit"])
def test_a_socket_that_is_handed_in_leads_through_a_proxy(client: str, tls: str) -> None:
    handler = Accepting()
    at_server = "implicit" if tls == "implicit" else "starttls"
    context = None if tls == "opportunistic" else client_context()
    with (
        connect_proxy() as proxy,
        serving("sync", handler, tls=at_server, ssl_context=server_context()) as it,
    ):
        with connected(client, None, sock=tunnel(proxy, it.port), tls=tls, ssl_context=context) as smtp:
            assert smtp.send_message(BODY, **ENVELOPE).accepted == ("b@x.example",)
            assert (smtp.tls is not None) is (tls != "none")
            with pytest.raises(LocalProtocolError, match="sock="):
                smtp.reconnect()
            smtp.quit()
    assert [octets for _, _, octets in handler.taken] == [BODY]


@pytest.mark.parametrize(
    "host, error", [("other.example", ConnectionClosed), (None, LocalProtocolError)], ids=["other", "none"]
)
@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_a_socket_that_is_handed_in_is_verified_by_the_name(
    client: str, tls: str, host: str | None, error: type[MailProtoError]
) -> None:
    """Whom the socket leads to says nothing of who is there."""
    handler = Accepting()
    with serving("sync", handler, tls=tls, ssl_context=server_context()) as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as sock:
            arguments = {"host": host, "sock": sock, "tls": tls, "ssl_context": client_context()}
            with pytest.raises(error), connected(client, None, **arguments):
                raise AssertionError
    assert handler.taken == []


BAD = ["\r\nRSET", "\n", "\r", "\0", "a\r\n.\r\n", "\x7f", "\x1b"]
METHODS: dict[str, Callable[[Any, str], object]] = {
    "reverse_path": lambda smtp, bad: smtp.send_message(BODY, reverse_path=f"a{bad}@x", forward_paths="b@x"),
    "reverse_path in brackets": lambda smtp, bad: smtp.send_message(
        BODY, reverse_path=f"<a@x>{bad}", forward_paths="b@x"
    ),
    "forward_paths": lambda smtp, bad: smtp.send_message(
        BODY, reverse_path="a@x", forward_paths=["b@x", f"b@x{bad}"]
    ),
    "forward_paths as octets": lambda smtp, bad: smtp.send_message(
        BODY, reverse_path="a@x", forward_paths=[f"<b{bad}@x>".encode()]
    ),
    "quoted local part": lambda smtp, bad: smtp.send_message(
        BODY, reverse_path="a@x", forward_paths=[f'"b{bad}"@x']
    ),
    "mailbox": lambda smtp, bad: smtp.send_message(
        BODY, reverse_path=Mailbox(f"a{bad}", "x"), forward_paths="b@x"
    ),
    "body": lambda smtp, bad: smtp.send_message(iter([BODY]), **ENVELOPE, body=f"8BITMIME{bad}"),
    "newlines": lambda smtp, bad: smtp.send_message(BODY, **ENVELOPE, newlines=f"convert{bad}"),
    "header of the message": lambda smtp, bad: smtp.send_message(
        f"From: <a\r{bad}@x>\r\nTo: b@x\r\n\r\n".encode()
    ),
    "verify": lambda smtp, bad: smtp.verify(f"a{bad}b"),
    "expand": lambda smtp, bad: smtp.expand(f"a{bad}b"),
    "help": lambda smtp, bad: smtp.help(f"a{bad}b"),
    "send_url": lambda smtp, bad: smtp.send_url(f"imap://h/a{bad}", **ENVELOPE),
    "etrn": lambda smtp, bad: smtp.etrn(f"a{bad}.example"),
    "etrn of a queue": lambda smtp, bad: smtp.etrn(f"a{bad}", "#"),
    "etrn option": lambda smtp, bad: smtp.etrn("a.example", f"@{bad}"),
    "xclient": lambda smtp, bad: smtp.xclient(login=f"a{bad}"),
    "xclient name": lambda smtp, bad: smtp.xclient(**{f"login{bad}": "a"}),
    "xforward": lambda smtp, bad: smtp.xforward(helo=f"a{bad}"),
    "VRFY": lambda smtp, bad: smtp.exchange(Vrfy(f"a{bad}")),
    "EXPN": lambda smtp, bad: smtp.exchange(Expn(f"{bad}a")),
    "HELP": lambda smtp, bad: smtp.exchange(Help(f"a{bad}")),
    "NOOP": lambda smtp, bad: smtp.exchange(Noop(f"a{bad}")),
    "MAIL": lambda smtp, bad: smtp.exchange(Mail(Path.of(f"a@x{bad}"))),
    "MAIL parameter": lambda smtp, bad: smtp.exchange(Mail(Path.of("a@x"), Parameters([("X", f"y{bad}")]))),
    "RCPT": lambda smtp, bad: smtp.exchange(Rcpt(Path.of(f"a@x{bad}"))),
    "unknown": lambda smtp, bad: smtp.exchange(UnknownCommand("XFOO", f"a{bad}b")),
}


ATTACKED_ELSEWHERE = {"connect", "login", "authenticate"}
WITHOUT_ARGUMENTS = {"close", "noop", "quit", "reconnect", "reset"}
MORE_NAMES = {"exchange": "VRFY", "send_message": "reverse_path"}


def test_every_method_is_attacked() -> None:
    methods = {name for name, value in vars(SMTPClient).items() if callable(value) and name[0] != "_"}
    left = methods - ATTACKED_ELSEWHERE - WITHOUT_ARGUMENTS
    assert {name for name in left if MORE_NAMES.get(name, name) not in METHODS} == set()


@pytest.mark.parametrize("bad", BAD, ids=repr)
def test_nul_cr_and_lf_in_every_argument(client: str, bad: str) -> None:
    sent: list[bytes] = []
    handler = Accepting()
    rows = (*EXTENSIONS, ETRN, XCLIENT, XFORWARD)
    with serving("sync", handler, extensions=rows) as server:
        with connected(client, server.port, trace=lambda _, line: sent.append(line)) as smtp:
            smtp.noop()
            sent.clear()
            for name, call in METHODS.items():
                with pytest.raises(LocalProtocolError):
                    call(smtp, bad)
                assert (smtp.is_open, sent) == (True, []), name
            assert smtp.send_message(BODY, **ENVELOPE).accepted == ("b@x.example",)
    assert len(handler.taken) == 1


@pytest.mark.parametrize("bad", BAD, ids=repr)
def test_nul_cr_and_lf_in_what_ehlo_says(client: str, bad: str) -> None:
    with scripted((b"", GREETING)) as (port, script):
        with pytest.raises(LocalProtocolError), connected(client, port, local_hostname=f"me{bad}"):
            raise AssertionError
    assert script.received == b""


def test_credentials_with_nul_cr_and_lf(client: str) -> None:
    users = {"tim\r\nRSET": "se\r\ncret"}
    with serving("sync", Accepting(), authenticator=users, allow_cleartext=True) as server:
        with connected(client, server.port) as smtp:
            for wrong in ("a\0b", ""):
                for mechanism in (LoginClient, PlainClient):
                    with pytest.raises(LocalProtocolError):
                        smtp.authenticate(mechanism(wrong, "x"), allow_cleartext=True)
                    with pytest.raises(LocalProtocolError):
                        smtp.authenticate(mechanism("x", wrong), allow_cleartext=True)
                with pytest.raises(LocalProtocolError):
                    smtp.authenticate(ExternalClient(wrong or "\0"))
            assert smtp.login("tim\r\nRSET", "se\r\ncret", allow_cleartext=True).code == 235


LONE = {
    b"a\nb\rc\r\n": b"a\r\nb\r\nc\r\n",
    b"\n.\r\n\r.\nQUIT\n": b"\r\n.\r\n\r\n.\r\nQUIT\r\n",
    b"x\r": b"x\r\n",
}


@pytest.mark.parametrize("message, taken", LONE.items(), ids=repr)
def test_lone_cr_and_lf(client: str, message: bytes, taken: bytes) -> None:
    handler = Accepting()
    with serving("sync", handler) as server, connected(client, server.port) as smtp:
        smtp.send_message(message, **ENVELOPE)
        smtp.send_message((message[at : at + 1] for at in range(len(message))), **ENVELOPE)
        with pytest.raises(LocalProtocolError):
            smtp.send_message(message, **ENVELOPE, newlines="reject")
        assert smtp.noop().code == 250
    assert [octets for _, _, octets in handler.taken] == [taken, taken]


def injecting() -> Message:
    message = Message()
    message["Subject"] = "x\r\nBcc: evil@x.example"
    return message


NO_MESSAGES: dict[str, Callable[[], Any]] = {
    "a header that injects": injecting,
    "text": io.StringIO,
    "octets that may change": lambda: bytearray(BODY),
}


@pytest.mark.parametrize("what", NO_MESSAGES)
def test_what_is_no_message_is_refused_before_anything_is_sent(client: str, what: str) -> None:
    handler = Accepting()
    with serving("sync", handler) as server, connected(client, server.port) as smtp:
        smtp.send_message(BODY, **ENVELOPE)
        with pytest.raises(LocalProtocolError, match="message: expected"):
            smtp.send_message(NO_MESSAGES[what](), **ENVELOPE)
        smtp.send_message(BODY, **ENVELOPE)
    assert [octets for _, _, octets in handler.taken] == [BODY, BODY]
