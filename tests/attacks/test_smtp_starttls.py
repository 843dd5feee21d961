"""Octets that came in the clear behind STARTTLS never reach the TLS session (RFC 3207 section 6)."""

from __future__ import annotations

import pytest

from mailproto.errors import RemoteProtocolError
from mailproto.smtp import Ehlo, Reply, SMTPClientConnection, SMTPServerConnection, StartTLS
from mailproto.wants import Wants
from support_smtp import greeted_server, pull, ready_client, ready_server, sent

INJECTED = [
    b"MAIL FROM:<evil@x.example>\r\n",
    b"RSE",
    b"\r\n",
    b"E",
    b"EHLO evil\r\nAUTH PLAIN AA==\r\n" * 50,
]


@pytest.mark.parametrize("when", ["same segment", "before the answer", "after the answer"])
@pytest.mark.parametrize("octets", INJECTED)
def test_a_server_drops_and_counts_them(octets: bytes, when: str) -> None:
    server = ready_server(SMTPServerConnection(hostname="mx.example", start_tls=True))
    server.receive_data(b"STARTTLS\r\n" + (octets if when == "same segment" else b""))
    assert server.next_event() == StartTLS()
    if when == "before the answer":
        server.receive_data(octets)
    server.send_reply(Reply(220))
    if when == "after the answer":
        server.receive_data(octets)
    assert (server.next_event(), server.wants) == (None, Wants.TLS)
    assert (server.dropped, server.buffered) == (len(octets), 0)
    server.tls_started()
    server.receive_data(b"EHLO me.example\r\n")
    assert server.next_event() == Ehlo("me.example")


@pytest.mark.parametrize("when", ["same segment", "before the handshake", "found at its end"])
@pytest.mark.parametrize("octets", [b"250 ok\r\n", b"25", b"\n", b"250-mx\r\n250 AUTH PLAIN\r\n" * 50])
def test_a_client_ends_the_connection(octets: bytes, when: str) -> None:
    client = ready_client()
    client.send_command(StartTLS())
    client.receive_data(b"220 go\r\n" + (octets if when == "same segment" else b""))
    assert client.next_event() == Reply(220, ("go",))
    assert client.wants is Wants.TLS
    if when == "before the handshake":
        client.receive_data(octets)
    if when == "found at its end":
        client.receive_data(octets)
        client.tls_started()
    for _ in range(2):
        with pytest.raises(RemoteProtocolError, match="in the clear behind the reply to STARTTLS"):
            client.next_event()
    assert (client.wants, client.buffered) == (Wants.CLOSED, 0)


def test_a_client_forgets_what_was_offered_in_the_clear() -> None:
    client = ready_client()
    client.send_command(StartTLS())
    client.receive_data(b"220 go\r\n")
    pull(client)
    client.tls_started()
    assert client.extensions.pairs == ()


def test_a_greeting_before_implicit_tls_is_refused() -> None:
    client = SMTPClientConnection()
    client.receive_data(b"220 in the clear\r\n")
    client.tls_started()
    with pytest.raises(RemoteProtocolError):
        client.next_event()


def test_octets_before_implicit_tls_are_dropped() -> None:
    server = SMTPServerConnection(hostname="mx.example")
    server.receive_data(b"EHLO evil\r\n")
    server.tls_started()
    greeted_server(server)
    assert (server.next_event(), server.dropped) == (None, 11)


def test_what_is_answered_before_stays_in_the_clear() -> None:
    server = ready_server(SMTPServerConnection(hostname="mx.example", start_tls=True))
    server.receive_data(b"STARTTLS\r\nNOOP\r\n")
    server.next_event()
    server.send_reply(Reply(220))
    assert sent(server) == b"220 \r\n"
