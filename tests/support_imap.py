"""What the tests of the IMAP connections share: feeding them, and bringing them into a state."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from mailproto._connection import Endpoint
from mailproto.imap.client import ClientEvent, IMAPClientConnection
from mailproto.imap.commands import Authenticate, Examine, Logout, Select, TaggedCommand
from mailproto.imap.events import IdleDone, InvalidCommand, LiteralOffered, SASLResponse
from mailproto.imap.ext.annotate import AnnotationsCode
from mailproto.imap.ext.idle import Idle
from mailproto.imap.server import DEFAULT_CAPABILITIES, IMAPServerConnection, ServerEvent
from mailproto.imap.status import Ok, PreAuth
from mailproto.limits import IMAPLimits
from support_split import for_every_split

__all__ = [
    "client_events",
    "complete",
    "complete_select",
    "feed",
    "greeted_client",
    "greeted_server",
    "logged_in_client",
    "logged_in_server",
    "now",
    "pull",
    "selected_client",
    "selected_server",
    "sent",
    "serve",
    "server_events",
]

EventT = TypeVar("EventT")


def now(value: EventT) -> EventT:
    """Return *value*: so that a type checker does not take it for what it was a few lines before."""
    return value


def pull(conn: Endpoint[EventT]) -> list[EventT]:
    """Return all events that *conn* has."""
    events = []
    while (event := conn.next_event()) is not None:
        events.append(event)
    return events


def sent(conn: Endpoint[EventT]) -> bytes:
    """Return what *conn* has queued."""
    return b"".join(conn.data_to_send())


def feed(conn: Endpoint[EventT], *pieces: bytes) -> list[EventT]:
    """Give *pieces* to *conn*, and return the events."""
    events = []
    for piece in pieces:
        conn.receive_data(piece)
        events += pull(conn)
    return events


def greeted_client(
    greeting: bytes = b"* OK ready\r\n", limits: IMAPLimits | None = None, *, strict: bool = False
) -> IMAPClientConnection:
    """Return a client that has read *greeting*."""
    client = IMAPClientConnection(limits, strict=strict)
    assert len(feed(client, greeting)) == 1
    return client


def logged_in_client(
    capabilities: str = "IMAP4rev1", limits: IMAPLimits | None = None, *, strict: bool = False
) -> IMAPClientConnection:
    """Return a client that was greeted by PREAUTH."""
    return greeted_client(f"* PREAUTH [CAPABILITY {capabilities}] hi\r\n".encode(), limits, strict=strict)


def selected_client(
    capabilities: str = "IMAP4rev1",
    exists: int = 10,
    limits: IMAPLimits | None = None,
    *,
    strict: bool = False,
) -> IMAPClientConnection:
    """Return a client that has INBOX selected."""
    client = logged_in_client(capabilities, limits, strict=strict)
    client.send_command(Select("INBOX"), "S1")
    sent(client)
    feed(client, b"* %d EXISTS\r\nS1 OK [READ-WRITE] selected\r\n" % exists)
    return client


def greeted_server(
    limits: IMAPLimits | None = None,
    greeting: Ok | PreAuth | None = None,
    *,
    capabilities: Sequence[str] = tuple(DEFAULT_CAPABILITIES),
    allow_cleartext: bool = True,
    strict: bool = False,
) -> IMAPServerConnection:
    """Return a server that has sent its greeting."""
    server = IMAPServerConnection(
        limits, capabilities=capabilities, allow_cleartext=allow_cleartext, strict=strict
    )
    server.send_greeting(greeting or Ok("ready"))
    sent(server)
    return server


def logged_in_server(
    limits: IMAPLimits | None = None,
    *,
    capabilities: Sequence[str] = tuple(DEFAULT_CAPABILITIES),
    strict: bool = False,
) -> IMAPServerConnection:
    """Return a server to which somebody has logged in."""
    return greeted_server(limits, PreAuth("hi"), capabilities=capabilities, strict=strict)


def selected_server(
    limits: IMAPLimits | None = None, *, capabilities: Sequence[str] = tuple(DEFAULT_CAPABILITIES)
) -> IMAPServerConnection:
    """Return a server with a selected mailbox."""
    server = logged_in_server(limits, capabilities=capabilities)
    feed(server, b"s SELECT INBOX\r\n")
    complete_select(server, "s")
    sent(server)
    return server


DONE: Final = Ok()


def complete_select(server: IMAPServerConnection, tag: str, status: Ok = DONE) -> None:
    """Complete SELECT with OK, and with how large annotations may be if there can be any (RFC 5257)."""
    if "ANNOTATE-EXPERIMENT-1" in server.capabilities:
        server.send(Ok("told", AnnotationsCode(20_480)))
    server.complete(tag, status)


def client_events(
    octets: bytes, make: Callable[[], IMAPClientConnection] = logged_in_client
) -> list[ClientEvent]:
    """Return the events that *octets* give, the same for every way to cut them."""
    return for_every_split(octets, lambda pieces: feed(make(), *pieces))


def server_events(
    octets: bytes,
    make: Callable[[], IMAPServerConnection] = logged_in_server,
    answer: Callable[[IMAPServerConnection, ServerEvent], None] | None = None,
) -> list[ServerEvent]:
    """Return the events that *octets* give, the same for every way to cut them; *answer* answers each."""

    def run(pieces: list[bytes]) -> list[ServerEvent]:
        server = make()
        events: list[ServerEvent] = []
        for piece in pieces:
            server.receive_data(piece)
            while (event := server.next_event()) is not None:
                events.append(event)
                (answer or complete)(server, event)
        return events

    return for_every_split(octets, run)


def complete(server: IMAPServerConnection, event: ServerEvent) -> None:
    """Answer a command with OK, or as was suggested; accept each literal."""
    match event:
        case InvalidCommand():
            server.complete(event.tag, event.status)
        case LiteralOffered():
            server.accept_literal()
        case TaggedCommand(command=Select() | Examine()):
            complete_select(server, event.tag)
        case TaggedCommand():
            server.complete(event.tag, Ok())


def _answer_any(server: IMAPServerConnection, event: ServerEvent) -> None:
    """Answer as a server would, and leave where the client says LOGOUT or the end of an exchange."""
    match event:
        case TaggedCommand(command=Authenticate()):
            server.challenge(b"")
        case TaggedCommand(command=Idle()):
            server.accept_idle()
        case TaggedCommand(command=Logout()) | SASLResponse() | IdleDone():
            server.abort()
        case _:
            complete(server, event)


def serve(server: IMAPServerConnection, *pieces: bytes) -> list[ServerEvent]:
    """Give *pieces* to *server*, and return the events, each of them answered."""
    events: list[ServerEvent] = []
    for piece in pieces:
        server.receive_data(piece)
        while (event := server.next_event()) is not None:
            events.append(event)
            _answer_any(server, event)
    return events
