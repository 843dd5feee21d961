"""Clear text behind STARTTLS never reaches the TLS session: whole lines, and the prefix of one."""

from __future__ import annotations

import pytest

from mailproto.errors import RemoteProtocolError
from mailproto.imap.commands import StartTLS, TaggedCommand
from mailproto.imap.events import CommandCompleted
from mailproto.imap.status import Ok
from mailproto.wants import Wants
from support_imap import feed, greeted_client, greeted_server, now, pull, sent

INJECTED = [b"b NOOP\r\n", b"b NO", b"b LOGIN {3}\r\n", b"b LOGIN {3+}\r\nab", b"\x16\x03\x01", b"\r\n"]


@pytest.mark.parametrize("injected", INJECTED)
@pytest.mark.parametrize("when", ["with", "before the answer", "after the answer"])
def test_a_server_drops_and_counts(injected: bytes, when: str) -> None:
    server = greeted_server()
    octets = b"a STARTTLS\r\n" + (injected if when == "with" else b"")
    assert feed(server, octets) == [TaggedCommand("a", StartTLS())]
    if when == "before the answer":
        server.receive_data(injected)
    server.complete("a", Ok("go"))
    if when == "after the answer":
        server.receive_data(injected)
    assert pull(server) == []
    assert (server.wants, server.discarded, server.buffered) == (Wants.TLS, len(injected), 0)
    server.tls_started()
    assert sent(server) == b"a OK go\r\n"
    # What completes a dropped prefix is a command of its own, here one that cannot be read.
    assert [getattr(event, "tag", None) for event in feed(server, b"z NOOP\r\n")] == ["z"]


@pytest.mark.parametrize(
    "injected", [b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n", b"* CAPA", b"x", b"\x16\x03\x01"]
)
@pytest.mark.parametrize("is_later", [False, True])
def test_a_client_ends_the_connection(injected: bytes, is_later: bool) -> None:
    client = greeted_client(b"* OK [CAPABILITY IMAP4rev1 STARTTLS] x\r\n")
    client.send_command(StartTLS(), "a")
    client.receive_data(b"a OK go\r\n" + (b"" if is_later else injected))
    assert isinstance(client.next_event(), CommandCompleted)
    assert now(client.wants) is Wants.TLS
    if is_later:
        assert client.next_event() is None
        client.receive_data(injected)
    with pytest.raises(RemoteProtocolError):
        client.next_event()
    assert now(client.wants) is Wants.CLOSED


def test_capabilities_said_in_the_clear_are_forgotten() -> None:
    client = greeted_client(b"* OK [CAPABILITY IMAP4rev1 STARTTLS LITERAL+] x\r\n")
    client.send_command(StartTLS(), "a")
    feed(client, b"a OK [CAPABILITY IMAP4rev1 LITERAL+] go\r\n")
    client.tls_started()
    assert client.capabilities is None


BEHIND = b"b LOGIN x y\r\nc NO"


def test_a_server_drops_what_is_behind_however_it_is_cut() -> None:
    octets = b"a STARTTLS\r\n" + BEHIND
    for at in range(1, len(octets)):
        server = greeted_server()
        events = feed(server, octets[:at])
        if events:
            server.complete("a", Ok("go"))
        server.receive_data(octets[at:])
        if not events:
            assert pull(server) == [TaggedCommand("a", StartTLS())]
            server.complete("a", Ok("go"))
        assert pull(server) == []
        assert (server.wants, server.discarded, server.buffered) == (Wants.TLS, len(BEHIND), 0)


def test_a_client_ends_the_connection_however_it_is_cut() -> None:
    octets = b"a OK go\r\n* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n* OK"
    for at in range(1, len(octets)):
        client = greeted_client(b"* OK [CAPABILITY IMAP4rev1 STARTTLS] x\r\n")
        client.send_command(StartTLS(), "a")
        with pytest.raises(RemoteProtocolError):
            feed(client, octets[:at], octets[at:])
        assert (client.wants, client.buffered) == (Wants.CLOSED, 0)
        assert client.capabilities is None or "AUTH=PLAIN" not in client.capabilities
