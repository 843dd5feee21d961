"""Pairs of connections in memory, as people use them in tests of their own."""

from __future__ import annotations

import pytest

from mailproto.address import Path
from mailproto.errors import LocalProtocolError
from mailproto.imap import Capability, CapabilityData, CommandCompleted, Ok, TaggedCommand
from mailproto.smtp import (
    Auth,
    BodyData,
    BodyEnded,
    ConnectionLost,
    Data,
    Ehlo,
    Mail,
    Rcpt,
    Reply,
    SMTPClientConnection,
    SMTPServerConnection,
    StartTLS,
)
from mailproto.testing import SMTPPair, imap_pair, smtp_pair

OK = Reply(250, ("ok",))


def greeted(pair: SMTPPair) -> SMTPPair:
    pair.server.send_reply(Reply(220, ("mx.example.org",)))
    assert pair.client_events() == [Reply(220, ("mx.example.org",))]
    pair.client.send_command(Ehlo("me.example"))
    assert pair.server_events() == [Ehlo("me.example")]
    pair.server.send_reply(pair.server.ehlo_reply())
    assert len(pair.client_events()) == 1
    return pair


@pytest.mark.parametrize("piece", [None, 1, 3])
def test_a_message_from_one_end_to_the_other(piece: int | None) -> None:
    pair = greeted(smtp_pair(piece))
    for command in (Mail(Path.of("a@x.example")), Rcpt(Path.of("b@y.example")), Data()):
        pair.client.send_command(command)
        assert pair.server_events() == [command]
        pair.server.send_reply(Reply(354) if command == Data() else OK)
        assert [event.command for event in pair.client_events() if isinstance(event, Reply)] == [command]
    pair.client.send_body(b"line\r\n")
    pair.client.end_body()
    events = pair.server_events()
    assert b"".join(event.data for event in events if isinstance(event, BodyData)) == b"line\r\n"
    assert events[-1] == BodyEnded(6)
    assert pair.transcript[-7:] == [
        "S: 250 ok",
        "C: RCPT TO:<b@y.example>",
        "S: 250 ok",
        "C: DATA",
        "S: 354 ",
        "C: line",
        "C: .",
    ]


def test_tls_is_pretended_and_only_where_it_is_due() -> None:
    pair = greeted(smtp_pair(start_tls=True))
    with pytest.raises(LocalProtocolError):
        pair.start_tls()
    pair.client.send_command(StartTLS())
    assert pair.server_events() == [StartTLS()]
    pair.server.send_reply(Reply(220))
    pair.client_events()
    pair.start_tls()
    assert pair.client.is_tls_active
    assert pair.server.is_tls_active


def test_the_transcript_hides_secrets_and_other_traces_still_hear() -> None:
    heard: list[bytes] = []
    client = SMTPClientConnection()
    server = SMTPServerConnection(hostname="mx.example.org", auth_mechanisms=("LOGIN",))
    client.trace = lambda direction, octets: heard.append(octets)
    pair = greeted(SMTPPair(client, server))
    client.send_command(Auth("LOGIN"))
    pair.server_events()
    server.send_reply(Reply.of_challenge(b"?"))
    pair.client_events()
    client.send_sasl(b"secret")
    assert pair.transcript[-3:] == ["C: AUTH LOGIN", "S: 334 Pw==", "C: ***"]
    assert heard[-1] == b"***\r\n"


def test_either_end_can_hang_up() -> None:
    pair = greeted(smtp_pair())
    pair.client.send_command(Mail(Path.of("a@x.example")))
    pair.close_client()
    assert pair.server_events() == [Mail(Path.of("a@x.example"))]
    pair.server.send_reply(OK)
    pair.close_server()
    assert pair.client_events() == [OK, ConnectionLost(clean=False)]


def test_lmtp() -> None:
    pair = smtp_pair(lmtp=True)
    assert pair.client.is_lmtp
    assert pair.server.is_lmtp


def test_imap() -> None:
    pair = imap_pair(piece=1)
    pair.server.send_greeting(Ok("hello"))
    pair.client_events()
    tag = pair.client.send_command(Capability())
    assert pair.server_events() == [TaggedCommand(tag, Capability())]
    pair.server.send(CapabilityData(pair.server.capabilities))
    pair.server.complete(tag, Ok("done"))
    assert pair.client_events()[-1] == CommandCompleted(tag=tag, command=Capability(), status=Ok("done"))
    assert pair.transcript[-1] == f"S: {tag} OK done"


@pytest.mark.parametrize("piece", [0, -1])
def test_a_piece_has_a_size(piece: int) -> None:
    with pytest.raises(LocalProtocolError):
        smtp_pair(piece)
