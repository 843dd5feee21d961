"""What answers the commands of one logged-in IMAP client: the interface between server flow and application.

`mailproto.store.StoreSession` is one, over any mail store; write your own to serve something else. Its
methods are flows, so that they work under every driver: what may wait is yielded as a `Call`. This interface
is provisional until version 1.0.
"""

from __future__ import annotations

from typing import Protocol, TypeAlias

from mailproto.flow import Flow, Flush, Wake
from mailproto.imap.commands import Command
from mailproto.imap.events import LiteralOffered
from mailproto.imap.server import IMAPServerConnection
from mailproto.imap.status import Bad, No, Ok

__all__ = ["IMAPSession", "LiteralSink", "Status", "flush_if_full"]

Status: TypeAlias = Ok | No | Bad
"""What completes a command."""


class LiteralSink(Protocol):
    """Where the octets of one large literal go until its command is complete.

    `write` and `abort` may be awaitable where the driver is asyncio's.
    """

    def write(self, data: bytes) -> object:
        """Take the next octets."""

    def abort(self) -> object:
        """Forget them: the command will not come. It is called once, and not after `IMAPSession.handle`."""


class IMAPSession(Protocol):
    """One user's session. The flow calls one method at a time and runs it to its end.

    A session answers every command but those that are the connection's: CAPABILITY, LOGOUT, STARTTLS, LOGIN,
    AUTHENTICATE, IDLE. The connection has checked syntax and state. What a method raises becomes a tagged
    `NO [SERVERBUG]`, and the connection lives on.
    """

    @property
    def poll_interval(self) -> float | None:
        """Seconds between two calls of `push` while the client idles; None: the wake signal says when."""

    def offer(self, offer: LiteralOffered) -> Flow[LiteralSink | No | Bad]:
        """Say where the octets of a large literal go, or refuse it before any octet is sent."""

    def handle(
        self, conn: IMAPServerConnection, command: Command, literals: tuple[LiteralSink, ...]
    ) -> Flow[Status]:
        """Carry out *command*: send its responses, then return its status.

        `literals` are the sinks of its streamed literals, in order, and are the session's from now on.
        After a response that may be large, `yield from flush_if_full(conn)`.
        """

    def push(self, conn: IMAPServerConnection) -> Flow[None]:
        """Send what changed behind the client's back, expunges included; called while the client idles."""

    def notify(self, wake: Wake | None) -> None:
        """From now on, set *wake* whenever `push` would have something to send; None: not any more."""

    def close(self) -> Flow[None]:
        """Let go of everything; it is called once, however the connection ends, and yields only `Call`."""


def flush_if_full(conn: IMAPServerConnection) -> Flow[None]:
    """Wait until the client has taken enough, if more than `max_unsent` octets are queued."""
    if conn.unsent > conn.max_unsent:
        yield Flush()
