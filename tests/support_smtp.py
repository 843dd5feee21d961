"""What the tests of SMTP share: feeding connections, and running dialogues written as C: and S: lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

import pytest

from mailproto.errors import LocalProtocolError
from mailproto.smtp import (
    BodyEnded,
    ClientEvent,
    Ehlo,
    InvalidCommand,
    Lhlo,
    Opaque,
    Parameter,
    Parameters,
    Reply,
    ServerEvent,
    SMTPClientConnection,
    SMTPServerConnection,
    parse_replies,
)
from mailproto.smtp._grammar import CommandSyntaxError
from mailproto.wants import Wants

__all__ = [
    "OFFER",
    "answer_to",
    "check_refused_value",
    "check_value",
    "greeted_client",
    "greeted_server",
    "pull",
    "read_transcript",
    "ready_client",
    "ready_server",
    "replies_of",
    "serve",
    "sent",
]

OFFER = (
    b"250-mx.example\r\n250-PIPELINING\r\n250-SIZE 1000000\r\n250-8BITMIME\r\n"
    b"250-STARTTLS\r\n250-AUTH PLAIN LOGIN\r\n250 ENHANCEDSTATUSCODES\r\n"
)


T = TypeVar("T")


def check_value(row: Parameter[T], text: str, value: T, written: str | None = None) -> None:
    """Assert that *text* is read as *value*, and that this is written as *written*, else as *text*."""
    written = text if written is None else written
    parameters = Parameters.parse(f" {row.keyword}={text}".encode())
    assert parameters.value(row) == value
    assert parameters.get(row.keyword) == text
    assert row.pair(value) == (row.keyword, written)
    assert Parameters([row.pair(value)]).serialize() == f" {row.keyword}={written}".encode()
    assert row.read(written) == value


def check_refused_value(row: Parameter[object], text: str | None) -> None:
    """Assert that no end takes *text*, None for no value, as a value of *row*."""
    word = row.keyword if text is None else f"{row.keyword}={text}"
    with pytest.raises(CommandSyntaxError) as caught:
        Parameters.parse(f" {word}".encode())
    assert (caught.value.code, caught.value.enhanced_code) == (501, "5.5.4")
    with pytest.raises(LocalProtocolError):
        Parameters([(row.keyword, text)])
    with pytest.raises(LocalProtocolError):
        row.read(text)


def pull(conn: SMTPClientConnection) -> list[ClientEvent]:
    """Return all events that *conn* has."""
    events = []
    while (event := conn.next_event()) is not None:
        events.append(event)
    return events


def sent(conn: SMTPClientConnection | SMTPServerConnection) -> bytes:
    """Return what *conn* has queued."""
    return b"".join(conn.data_to_send())


def replies_of(octets: bytes) -> list[Reply]:
    """Return the replies in *octets*, none of which may be cut."""
    replies: list[Reply] = []
    rest = octets
    while rest:
        parsed = parse_replies(rest)
        replies += [reply for reply in parsed if isinstance(reply, Reply)]
        # Behind a 220 to STARTTLS the codec stops; a dialogue without TLS goes on.
        rest = rest[parsed[-1].offset :] if isinstance(parsed[-1], Opaque) else b""
    assert b"".join(reply.serialize() for reply in replies) == octets
    return replies


def greeted_client(conn: SMTPClientConnection | None = None) -> SMTPClientConnection:
    """Return a client that has read the greeting."""
    client = conn or SMTPClientConnection()
    client.receive_data(b"220 mx.example ESMTP\r\n")
    assert pull(client) == [Reply(220, ("mx.example ESMTP",))]
    return client


def ready_client(conn: SMTPClientConnection | None = None, offer: bytes = OFFER) -> SMTPClientConnection:
    """Return a client that has said EHLO, or LHLO."""
    client = greeted_client(conn)
    client.send_command(Lhlo("me.example") if client.is_lmtp else Ehlo("me.example"))
    sent(client)
    client.receive_data(offer)
    assert len(pull(client)) == 1
    return client


def greeted_server(conn: SMTPServerConnection | None = None) -> SMTPServerConnection:
    """Return a server that has sent its greeting."""
    server = conn or SMTPServerConnection(hostname="mx.example")
    server.send_reply(Reply(220, ("mx.example ESMTP",)))
    sent(server)
    return server


def ready_server(conn: SMTPServerConnection | None = None) -> SMTPServerConnection:
    """Return a server that has accepted EHLO, or LHLO."""
    server = greeted_server(conn)
    server.receive_data(b"LHLO me.example\r\n" if server.is_lmtp else b"EHLO me.example\r\n")
    assert server.next_event() is not None
    server.send_reply(server.ehlo_reply())
    sent(server)
    return server


_ANSWERS = {"DATA": 354, "STARTTLS": 220, "AUTH": 235, "SASL response": 235, "QUIT": 221, "XCLIENT": 220}


def serve(conn: SMTPServerConnection, pieces: Iterable[bytes]) -> list[ServerEvent]:
    """Feed *pieces* and accept everything, what is invalid aside; return the events."""
    events: list[ServerEvent] = []
    for piece in pieces:
        conn.receive_data(piece)
        while (event := conn.next_event()) is not None:
            events.append(event)
            for _ in range(conn.replies_due):
                conn.send_reply(answer_to(conn, event))
            if conn.wants is Wants.TLS:
                conn.tls_started()
    return events


def answer_to(conn: SMTPServerConnection, event: ServerEvent) -> Reply:
    """Return the reply that accepts *event*, or refuses it as suggested if it is invalid."""
    if isinstance(event, InvalidCommand):
        return event.reply
    name = "message" if isinstance(event, BodyEnded) else str(getattr(event, "name", ""))
    if name in ("EHLO", "HELO", "LHLO"):
        return conn.ehlo_reply()
    return Reply(_ANSWERS.get(name, 250))


def read_transcript(text: str) -> list[tuple[str, bytes]]:
    """Return the turns of a dialogue: ("C", lines), ("S", lines) or ("TLS", b"")."""
    turns: list[tuple[str, bytes]] = []
    for line in text.splitlines():
        side, colon, content = line.partition(":")
        if line.startswith("#") or not line.strip():
            continue
        octets = content.removeprefix(" ").encode() + b"\r\n" if colon else b""
        if turns and turns[-1][0] == side != "TLS":
            turns[-1] = (side, turns[-1][1] + octets)
        else:
            turns.append((side, octets))
    return turns


def lines_of(turns: Sequence[tuple[str, bytes]], side: str) -> bytes:
    """Return all that *side* said."""
    return b"".join(octets for name, octets in turns if name == side)
