"""What the four connections have in common: feed, pull, drain, the error that sticks, the trace.

`Connection` is the protocol that drivers and flows rely on; `Endpoint` is its shared half, and
`FallibleEndpoint` that of a connection that can lose framing or order.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Generic, Literal, Protocol, TypeVar

from mailproto._buffer import ReceiveBuffer
from mailproto.errors import RemoteProtocolError
from mailproto.wants import Wants

__all__ = ["Connection", "Endpoint", "FallibleEndpoint", "Trace"]

EventT = TypeVar("EventT")
EventT_co = TypeVar("EventT_co", covariant=True)

Trace = Callable[[Literal["sent", "received"], bytes], None]
"""Called with each line or chunk of the dialogue; secrets stand in it as `***`."""


class Connection(Protocol[EventT_co]):
    """A protocol state machine without IO: octets in, events out; calls in, octets out."""

    @property
    def wants(self) -> Wants:
        """Why `next_event` returned None."""

    @property
    def timeout(self) -> float | None:
        """Seconds that the RFC grants for what is awaited now; None: no bound."""

    @property
    def progress(self) -> int:
        """A number that changes whenever the clock of `timeout` starts again."""

    @property
    def buffered(self) -> int:
        """Octets received and not consumed."""

    @property
    def unsent(self) -> int:
        """Octets queued and not drained."""

    @property
    def max_buffered(self) -> int:
        """Octets received and not consumed above which a driver stops reading."""

    @property
    def max_unsent(self) -> int:
        """Octets queued and not sent up to which `Flush` returns."""

    def receive_data(self, data: bytes) -> None:
        """Buffer *data*; never raises for its content."""

    def receive_eof(self) -> None:
        """Note that the peer sends no more; buffered events still come."""

    def next_event(self) -> EventT_co | None:
        """Return the next event, or None; raises RemoteProtocolError, and nothing else does."""

    def data_to_send(self) -> list[bytes]:
        """Drain what is queued; large chunks pass through uncopied."""

    def tls_started(self) -> None:
        """Note that the handshake is done; what the RFC says must be forgotten is."""

    def abort(self) -> None:
        """End without finishing what is half-sent: nothing more is queued, `wants` is CLOSED."""


class Endpoint(ABC, Generic[EventT]):
    """The half of a connection that does not depend on the protocol.

    A subclass implements `next_event`, `wants`, `progress` and the sends.
    """

    __slots__ = ("_eof", "_input", "_output", "trace", "unsent")

    def __init__(self) -> None:
        self._input = ReceiveBuffer()
        self._output: list[bytes] = []
        self._eof = False
        # Drivers ask for it at each step, so it is no property.
        self.unsent: int = 0
        """Octets queued and not drained."""
        self.trace: Trace | None = None
        """Called with every line and chunk, secrets replaced; None: nobody listens."""

    @property
    @abstractmethod
    def wants(self) -> Wants:
        """Why `next_event` returned None."""

    @property
    @abstractmethod
    def progress(self) -> int:
        """A number that changes whenever the clock of `timeout` starts again, as it does with each event."""

    @property
    def buffered(self) -> int:
        """Octets received and not consumed."""
        return self._input.size

    def receive_data(self, data: bytes) -> None:
        """Buffer *data*; never raises for its content. After the end it is dropped.

        A bytearray or a memoryview is copied, bytes are kept as they are.
        """
        if not self._eof:
            self._input.feed(data)

    def receive_eof(self) -> None:
        """Note that the peer sends no more; what is buffered still gives its events."""
        self._eof = True

    @abstractmethod
    def next_event(self) -> EventT | None:
        """Return the next event, or None: `wants` says why."""

    def data_to_send(self) -> list[bytes]:
        """Drain what is queued, in order; large chunks are the objects that were given."""
        drained, self._output = self._output, []
        self.unsent = 0
        return drained

    def _queue(self, octets: bytes, shown: bytes | None = None) -> None:
        """Queue *octets*; the trace sees *shown* in their place where they hold a secret."""
        self._output.append(octets)
        self.unsent += len(octets)
        if self.trace is not None:
            self.trace("sent", octets if shown is None else shown)

    def _show_received(self, octets: bytes) -> None:
        """Let the trace see *octets*, of which secrets are replaced already."""
        if self.trace is not None:
            self.trace("received", octets)


class FallibleEndpoint(Endpoint[EventT]):
    """An `Endpoint` that can lose framing or order: then the error sticks.

    A subclass has `_next_event`, and counts `_progress` up for what starts the clock again beside events.
    """

    __slots__ = ("_failure", "_progress")

    def __init__(self) -> None:
        super().__init__()
        self._failure: RemoteProtocolError | None = None
        self._progress = 0

    @property
    def progress(self) -> int:
        return self._progress

    def receive_data(self, data: bytes) -> None:
        """Buffer *data*; never raises for its content. After the end, or an error, it is dropped."""
        if self._failure is None and not self._eof:
            self._input.feed(data)

    def next_event(self) -> EventT | None:
        """Return the next event, or None: `wants` says why.

        Raises RemoteProtocolError when framing or order is lost, and the same one at each later call.
        """
        if self._failure is not None:
            raise self._failure
        try:
            event = self._next_event()
        except RemoteProtocolError as error:
            self._fail(error)
            raise
        if event is not None:
            self._progress += 1
        return event

    @abstractmethod
    def _next_event(self) -> EventT | None: ...

    def _fail(self, error: RemoteProtocolError) -> None:
        """Let every call of `next_event` raise *error* from now on."""
        self._failure = error
        self._drop_input()

    def _drop_input(self) -> None:
        """Drop what was received and not consumed."""
        self._input.clear()
