"""What is no mail client gets 421 and nothing that it says afterwards is read (cross-protocol attacks)."""

from __future__ import annotations

import pytest

from mailproto.smtp import EXTENSIONS, Ehlo, Extension, InvalidCommand, ServerEvent, SMTPServerConnection
from mailproto.wants import Wants
from support_smtp import greeted_server, ready_server, sent, serve
from support_split import for_every_split

SMUGGLED = b"\r\nEHLO a\r\nMAIL FROM:<evil@x.example>\r\nRCPT TO:<b@x.example>\r\nDATA\r\nevil\r\n.\r\n"
CLIENT_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(32)) * 9

STRANGERS = {
    "GET": b"GET / HTTP/1.1",
    "get": b"get / http/1.1",
    "GET of a long path": b"GET /" + b"x" * 5_000 + b" HTTP/1.1",
    "GET of octets": b"GET /\xff HTTP/1.1",
    "POST": b"POST / HTTP/1.1\r\nHost: mx.example:25\r\nContent-Length: 99\r\n",
    "PUT": b"PUT /x HTTP/1.1",
    "HEAD": b"HEAD / HTTP/1.0",
    "DELETE": b"DELETE / HTTP/1.0",
    "PATCH": b"PATCH / HTTP/1.0",
    "TRACE": b"TRACE / HTTP/1.0",
    "OPTIONS": b"OPTIONS * HTTP/1.1",
    "CONNECT": b"CONNECT mx.example:25 HTTP/1.1",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "Host": b"Host: mx.example",
    "long field": b"Cookie: " + b"x" * 5_000,
    "field without a value": b"X-Test:",
    "ClientHello": CLIENT_HELLO,
    "ClientHello without LF": CLIENT_HELLO.replace(b"\n", b""),
    "long ClientHello": CLIENT_HELLO.replace(b"\n", b"") * 9,
    "begin of a ClientHello": b"\x16\x03",
}


@pytest.mark.parametrize("octets", STRANGERS.values(), ids=STRANGERS)
@pytest.mark.parametrize("make", [greeted_server, ready_server])
def test_a_stranger_is_turned_away_at_once(make: object, octets: bytes) -> None:
    def run(pieces: list[bytes]) -> list[ServerEvent]:
        conn = SMTPServerConnection(hostname="mx.example")
        (greeted_server if make is greeted_server else ready_server)(conn)
        events = serve(conn, pieces)
        assert sent(conn) == b"421 4.7.0 this is a mail server, and that was no mail client\r\n"
        assert conn.wants is Wants.CLOSED
        return events

    (event,) = for_every_split(octets + SMUGGLED, run)
    assert isinstance(event, InvalidCommand)
    assert event.reply.code == 421


NO_STRANGERS = {
    "unknown verb": b"FETCH / HTTP/1.1",
    "colon behind a space": b"MAIL FRM:<a@x.example>",
    "half a record": b"\x16\x02",
    "colon first": b":x",
}


@pytest.mark.parametrize("octets", NO_STRANGERS.values(), ids=NO_STRANGERS)
def test_a_bad_command_alone_does_not_end_the_session(octets: bytes) -> None:
    def run(pieces: list[bytes]) -> list[ServerEvent]:
        return serve(ready_server(SMTPServerConnection(hostname="mx.example")), pieces)

    event, after = for_every_split(octets + b"\r\nEHLO a\r\n", run)
    assert isinstance(event, InvalidCommand)
    assert event.reply.code in (500, 501)
    assert after == Ehlo("a")


def test_a_verb_that_an_extension_of_ours_has_is_no_stranger() -> None:
    rows = (*EXTENSIONS, Extension("XTRACE", verbs=frozenset({"TRACE"})))
    conn = ready_server(SMTPServerConnection(hostname="mx.example", extensions=rows))
    (event,) = serve(conn, [b"TRACE x\r\n"])
    assert not isinstance(event, InvalidCommand)


@pytest.mark.parametrize("octets", STRANGERS.values(), ids=STRANGERS)
def test_a_message_may_hold_all_of_it(octets: bytes) -> None:
    conn = ready_server(SMTPServerConnection(hostname="mx.example"))
    serve(conn, [b"MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\n"])
    sent(conn)
    serve(conn, [octets, b"\r\n.\r\n"])
    assert conn.wants is Wants.DATA
