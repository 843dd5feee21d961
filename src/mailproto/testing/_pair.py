"""The two ends of a protocol joined in memory: no sockets, no threads, no clock."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Generic, Literal, TypeVar, final

from mailproto._connection import Connection
from mailproto.errors import LocalProtocolError
from mailproto.imap.client import ClientEvent as IMAPClientEvent
from mailproto.imap.client import IMAPClientConnection
from mailproto.imap.server import DEFAULT_CAPABILITIES, IMAPServerConnection
from mailproto.imap.server import ServerEvent as IMAPServerEvent
from mailproto.limits import IMAPLimits, SMTPLimits
from mailproto.smtp import events as smtp_events
from mailproto.smtp.client import SMTPClientConnection
from mailproto.smtp.server import SMTPServerConnection
from mailproto.testing._dialogue import CLIENT, SERVER, Dialogue, Speaker
from mailproto.wants import Wants

__all__ = ["ConnectionPair", "IMAPPair", "SMTPPair", "imap_pair", "smtp_pair"]

ClientEventT = TypeVar("ClientEventT")
ServerEventT = TypeVar("ServerEventT")
EventT = TypeVar("EventT")


class ConnectionPair(Generic[ClientEventT, ServerEventT]):
    """A client's connection and a server's, with octets carried between them in pieces of *piece* octets.

    With `piece=1` each octet comes alone, which finds what a test with whole lines does not; None carries all
    at once.
    """

    def __init__(
        self, client: Connection[ClientEventT], server: Connection[ServerEventT], piece: int | None = None
    ) -> None:
        if piece is not None and piece < 1:
            raise LocalProtocolError(f"piece: expected a positive number, got {piece}")
        self._client = client
        self._server = server
        self._piece = piece
        self._dialogue = Dialogue()
        _listen(client, self._dialogue, CLIENT)
        _listen(server, self._dialogue, SERVER)

    @property
    def client(self) -> Connection[ClientEventT]:
        """The client's end."""
        return self._client

    @property
    def server(self) -> Connection[ServerEventT]:
        """The server's end."""
        return self._server

    @property
    def transcript(self) -> list[str]:
        """What both have said so far, as lines "C: ..." and "S: ...", without secrets."""
        return self._dialogue.lines

    def pump(self) -> None:
        """Carry what both ends have queued, and pull no events: a connection says nothing by itself."""
        self._carry(self._client, self._server)
        self._carry(self._server, self._client)

    def client_events(self) -> list[ClientEventT]:
        """Carry, then pull all events of the client."""
        self.pump()
        return _events(self._client)

    def server_events(self) -> list[ServerEventT]:
        """Carry, then pull all events of the server: up to one that waits for an answer."""
        self.pump()
        return _events(self._server)

    def start_tls(self) -> None:
        """Pretend that a handshake was done. Raises LocalProtocolError unless both ends wait for one."""
        self.pump()
        if not self._client.wants is self._server.wants is Wants.TLS:
            raise LocalProtocolError("TLS: no handshake is due")
        self._client.tls_started()
        self._server.tls_started()

    def close_client(self) -> None:
        """Carry, then let the server see that the client sends no more."""
        self.pump()
        self._server.receive_eof()

    def close_server(self) -> None:
        """Carry, then let the client see that the server sends no more."""
        self.pump()
        self._client.receive_eof()

    def _carry(self, source: Connection[object], sink: Connection[object]) -> None:
        octets = b"".join(source.data_to_send())
        step = self._piece or max(1, len(octets))
        for at in range(0, len(octets), step):
            sink.receive_data(octets[at : at + step])


@final
class SMTPPair(ConnectionPair[smtp_events.ClientEvent, smtp_events.ServerEvent]):
    """The two ends of SMTP or LMTP."""

    _client: SMTPClientConnection
    _server: SMTPServerConnection

    @property
    def client(self) -> SMTPClientConnection:
        """The client's end."""
        return self._client

    @property
    def server(self) -> SMTPServerConnection:
        """The server's end."""
        return self._server


@final
class IMAPPair(ConnectionPair[IMAPClientEvent, IMAPServerEvent]):
    """The two ends of IMAP."""

    _client: IMAPClientConnection
    _server: IMAPServerConnection

    @property
    def client(self) -> IMAPClientConnection:
        """The client's end."""
        return self._client

    @property
    def server(self) -> IMAPServerConnection:
        """The server's end."""
        return self._server


def smtp_pair(
    piece: int | None = None,
    *,
    lmtp: bool = False,
    strict: bool = False,
    hostname: str = "mx.example.org",
    auth_mechanisms: Iterable[str] = (),
    start_tls: bool = False,
    limits: SMTPLimits | None = None,
) -> SMTPPair:
    """Return the two ends of SMTP or LMTP; the server has yet to send its greeting."""
    bounds = limits or SMTPLimits()
    client = SMTPClientConnection(bounds, lmtp=lmtp, strict=strict)
    server = SMTPServerConnection(
        bounds,
        hostname=hostname,
        lmtp=lmtp,
        strict=strict,
        auth_mechanisms=auth_mechanisms,
        start_tls=start_tls,
    )
    return SMTPPair(client, server, piece)


def imap_pair(
    piece: int | None = None,
    *,
    strict: bool = False,
    capabilities: Iterable[str] = DEFAULT_CAPABILITIES,
    allow_cleartext: bool = True,
    limits: IMAPLimits | None = None,
) -> IMAPPair:
    """Return the two ends of IMAP; the server has yet to send its greeting."""
    client = IMAPClientConnection(limits, strict=strict)
    server = IMAPServerConnection(
        limits, capabilities=capabilities, allow_cleartext=allow_cleartext, strict=strict
    )
    return IMAPPair(client, server, piece)


def _listen(conn: Any, dialogue: Dialogue, speaker: Speaker) -> None:
    """Hear what *conn* sends, besides whoever listens already."""
    other = conn.trace

    def trace(direction: Literal["sent", "received"], octets: bytes) -> None:
        if direction == "sent":
            dialogue.hear(speaker, octets)
        if other is not None:
            other(direction, octets)

    conn.trace = trace


def _events(conn: Connection[EventT]) -> list[EventT]:
    events = []
    while (event := conn.next_event()) is not None:
        events.append(event)
    return events
