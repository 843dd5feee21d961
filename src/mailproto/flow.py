"""Procedures as generators: the IO instructions that a flow yields, and what a driver owes it.

A flow does no IO. It talks to a connection and yields instructions; a driver carries them out and sends the
results back in. `mailproto.sync` and `mailproto.asyncio` have one driver each; for another event loop, write
one more: everything else is shared.

What a driver owes a flow, beyond what each instruction says:

- It reads while it writes, and during `Call`, until `conn.buffered` passes `conn.max_buffered`; then it stops
  reading, so that a peer cannot fill the memory, and goes on once the flow has consumed.
- IO errors, timeouts, cancellation, KeyboardInterrupt and `ServerStopping` are thrown into the flow, once.
  In a `finally` a flow yields only `Call`.
- When a write fails it first feeds what can still be read, and EOF, so that the flow sees the last reply.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias, TypeVar, cast

from mailproto._connection import Connection, Trace

__all__ = [
    "Call",
    "Connection",
    "Flow",
    "Flush",
    "Instruction",
    "Receive",
    "Received",
    "ServerStopping",
    "Sleep",
    "StartTLS",
    "TLSInfo",
    "Trace",
    "Wake",
    "call",
    "flush",
    "receive",
    "start_tls",
]

ResultT = TypeVar("ResultT")


class Received(enum.Enum):
    """How a `Receive` ended."""

    RECEIVED = "received"
    """Octets or EOF were fed to the connection."""
    WOKEN = "woken"
    """Somebody called `Wake.set`."""
    TIMED_OUT = "timed out"
    """The time that the flow gave has passed."""


class Wake(Protocol):
    """A signal made by a driver; it may be set from any thread, and stays set until a `Receive` saw it."""

    def set(self) -> None:
        """End the `Receive` that waits with this signal, or the next one."""


@dataclass(frozen=True, slots=True)
class Receive:
    """Flush, then wait until octets or EOF were fed to the connection.

    `timeout` is in seconds and gives `TIMED_OUT`; when the connection's own timeout passes, a
    `ConnectionTimeout` is thrown in instead. `wake` gives `WOKEN`.
    """

    timeout: float | None = None
    wake: Wake | None = None


@dataclass(frozen=True, slots=True)
class Flush:
    """Send until at most `max_unsent` octets are left unsent."""


@dataclass(frozen=True, slots=True)
class StartTLS:
    """Stop reading, flush, call `next_event` once more, shake hands, `tls_started()`, read again.

    The result is a `TLSInfo`. `server_hostname` is what a client verifies; a server leaves it None.
    """

    server_hostname: str | None = None


@dataclass(slots=True)
class Call:
    """Call a handler or a store and send its result back, awaited if it is awaitable.

    `owner` is the store that is called into, if any: no two calls of one owner run at once, they run in the
    order in which they were yielded, and in a thread if `owner.blocking` is true.
    """

    function: Callable[..., object]
    args: tuple[object, ...] = ()
    owner: object | None = None


@dataclass(frozen=True, slots=True)
class Sleep:
    """Wait *seconds*; a stopping server ends it early, by throwing `ServerStopping`."""

    seconds: float


Instruction: TypeAlias = Receive | Flush | StartTLS | Call | Sleep
"""What a flow yields."""
Flow: TypeAlias = Generator[Instruction, Any, ResultT]
"""A procedure: yields instructions, is sent their results, returns its own result."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TLSInfo:
    """What a handshake gave: names as OpenSSL spells them, the peer's certificate in DER, channel bindings.

    `peer_chain` has that certificate and those above it as the peer sent them, unverified; before Python 3.13
    it stands alone there. `channel_bindings` maps names of RFC 5929 and 9266 ("tls-unique", "tls-exporter")
    to octets.
    """

    version: str
    cipher: str
    peer_certificate: bytes | None = None
    channel_bindings: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    peer_chain: tuple[bytes, ...] = field(default=(), repr=False)


class ServerStopping(Exception):
    """Thrown into a server flow that waits when its server is stopped: it says 421 or BYE and returns."""


def receive(timeout: float | None = None, wake: Wake | None = None) -> Flow[Received]:
    """Yield a `Receive` and return how it ended, typed."""
    return cast(Received, (yield Receive(timeout, wake)))


def flush() -> Flow[None]:
    """Yield a `Flush`."""
    yield Flush()


def start_tls(server_hostname: str | None = None) -> Flow[TLSInfo]:
    """Yield a `StartTLS` and return what the handshake gave, typed."""
    return cast(TLSInfo, (yield StartTLS(server_hostname)))


def call(function: Callable[..., ResultT], *args: object) -> Flow[Any]:
    """Yield a `Call` and return what the function returned, awaited if it was awaitable."""
    return (yield Call(function, args))
