"""An IMAP server over a mail store, in memory: octets in, octets out, as many clients as a test wants."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any, cast

from mailproto.errors import ConnectionClosed, ConnectionTimeout
from mailproto.flow import Call, Flush, Receive, Received, ServerStopping, Sleep, StartTLS, TLSInfo, Wake
from mailproto.imap.server import IMAPServerConnection
from mailproto.imap.server_flow import Service, serve
from mailproto.limits import IMAPLimits
from mailproto.sasl import Authenticator, PasswordAuthenticator
from mailproto.store import CAPABILITIES, MailStore, StoreSession

__all__ = ["NOW", "Client", "Signal"]

NOW = datetime(2024, 2, 29, 12, 0, 0, tzinfo=UTC)
TLS = TLSInfo(version="TLSv1.3", cipher="TLS_AES_128_GCM_SHA256")
OFFERED = (*CAPABILITIES, "AUTH=PLAIN", "AUTH=LOGIN")
USERS = PasswordAuthenticator({"user": "secret"})


class Signal:
    """A `Wake` that steps the client that waits with it."""

    def __init__(self) -> None:
        self.count = 0

    def set(self) -> None:
        self.count += 1

    def is_set(self) -> bool:
        """Return whether it was set since it last woke somebody."""
        return self.count > 0


class Client:
    """A client of a server flow: `say` feeds octets and returns what the server answers.

    It is logged in from the start unless an authenticator is given. `most_unsent` is the most that was queued
    at any time, `calls` how many calls were made.
    """

    def __init__(
        self,
        store: MailStore,
        *,
        authenticator: Authenticator | None = None,
        limits: IMAPLimits | None = None,
        capabilities: tuple[str, ...] = OFFERED,
        allow_cleartext: bool = False,
        offered: tuple[str, ...] | None = None,
        wake: Signal | None = None,
        tls: TLSInfo | None = None,
        sessions: Callable[[str], object] | None = None,
        **options: Any,
    ) -> None:
        self.is_done = True
        self.conn = IMAPServerConnection(limits, capabilities=capabilities, allow_cleartext=allow_cleartext)
        self.wake = wake
        self.sent = b""
        self.calls = 0
        self.slept = 0.0
        self.most_unsent = 0
        self.waits: object = None
        self.is_fed = False
        self.error: BaseException | None = None
        service = Service(
            sessions=sessions or (lambda identity: StoreSession(store, clock=lambda: NOW)),
            authenticator=authenticator,
            capabilities=offered,
            **options,
        )
        self.flow = serve(self.conn, service, wake=cast("Wake | None", wake), tls=tls)
        self.is_done = False
        self._step(self.flow.send, None)
        self.greeting = self.take()

    def __del__(self) -> None:
        if not self.is_done:
            self._step(self.flow.throw, ConnectionClosed("the test is over"))

    def take(self) -> bytes:
        """Return what was sent since the last time."""
        sent, self.sent = self.sent, b""
        return sent

    def say(self, octets: bytes) -> bytes:
        """Feed octets and return the answer."""
        self.conn.receive_data(octets)
        self.is_fed = True
        self._go_on(Received.RECEIVED)
        return self.take()

    def hang_up(self) -> None:
        """Close the client's end."""
        self.conn.receive_eof()
        self.is_fed = True
        self._go_on(Received.RECEIVED)

    def wait(self) -> bytes:
        """Let what the server waits for in IDLE happen: its signal, else the end of its timeout."""
        assert isinstance(self.waits, Receive)
        if self.wake is not None and self.waits.wake is self.wake and self.wake.is_set():
            self.wake.count = 0
            self._go_on(Received.WOKEN)
        elif self.waits.timeout is not None:
            self._go_on(Received.TIMED_OUT)
        return self.take()

    def throw(self, error: BaseException) -> bytes:
        """Let the driver throw *error* where the server waits."""
        self._step(self.flow.throw, error)
        return self.take()

    def stop(self) -> bytes:
        """Stop the server."""
        return self.throw(ServerStopping())

    def time_out(self) -> bytes:
        """Let the time of the connection pass."""
        return self.throw(ConnectionTimeout("read"))

    def shake_hands(self) -> None:
        """Do the handshake that the server waits for."""
        assert isinstance(self.waits, StartTLS)
        self.conn.next_event()
        self.conn.tls_started()
        self._step(self.flow.send, TLS)

    def _go_on(self, how: Received) -> None:
        if isinstance(self.waits, Receive) and not self.is_done:
            self.is_fed = False
            self._step(self.flow.send, how)

    def _drain(self) -> None:
        self.most_unsent = max(self.most_unsent, self.conn.unsent)
        self.sent += b"".join(self.conn.data_to_send())

    def _step(self, resume: Callable[[Any], object], value: object) -> None:
        while True:
            try:
                instruction = resume(value)
            except StopIteration:
                self.is_done = True
                self._drain()
                return
            except BaseException as error:
                self.is_done, self.error = True, error
                self._drain()
                return
            resume, value = self.flow.send, None
            if isinstance(instruction, Call):
                self.calls += 1
                try:
                    value = _result(instruction.function(*instruction.args))
                except BaseException as error:
                    resume, value = self.flow.throw, error
                continue
            self._drain()
            self.waits = instruction
            if isinstance(instruction, Receive) and self.is_fed:
                self.is_fed = False
                value = Received.RECEIVED
            elif isinstance(instruction, Sleep):
                self.slept += instruction.seconds
            elif not isinstance(instruction, Flush):
                return


def _result(value: Any) -> object:
    if not hasattr(value, "__await__"):
        return value
    try:
        cast("Coroutine[Any, Any, object]", value).__await__().send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("a test's coroutine must not wait")
