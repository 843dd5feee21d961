"""What both ends have in common over asyncio: flows stepped from the callbacks of a protocol.

There is one timer for all connections of a server, and one for each client, armed when something waits and
looked at again when it fires, so that a `Receive` costs none.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
from abc import abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from math import inf
from typing import Any, Final, Generic, TypeVar, cast, final

from mailproto._network import (
    CONNECT_TIMEOUT,
    LINGER_SECONDS,
    Address,
    address_of,
    closed,
    timed_out,
)
from mailproto._tls import TLSStream, client_context
from mailproto.asyncio._alarm import Alarm
from mailproto.asyncio._stores import call_in_turn
from mailproto.errors import ConnectionClosed, LocalProtocolError
from mailproto.flow import (
    Call,
    Connection,
    Flow,
    Flush,
    Receive,
    Received,
    ServerStopping,
    Sleep,
    StartTLS,
    TLSInfo,
    Wake,
)
from mailproto.wants import Wants

__all__ = ["Driver", "Handshake", "PENDING", "Run"]

ResultT = TypeVar("ResultT")

PENDING: Final = object()
"""Stands for the result of an instruction whose flow will be stepped later."""
_RECEIVED: Final = Received.RECEIVED
_SALVAGE: Final = 65_536


@final
@dataclass(frozen=True, slots=True)
class Handshake:
    """The instruction of implicit TLS: shake hands at once, before there is a connection."""

    server_hostname: str | None = None


class Run(Generic[ResultT]):
    """One flow on its way: what it waits for, and until when."""

    __slots__ = (
        "deadline",
        "driver",
        "flow",
        "is_own_deadline",
        "postponed",
        "send",
        "waits_for",
        "wake",
        "was_receiving",
    )

    def __init__(self, driver: Driver, flow: Flow[ResultT]) -> None:
        self.driver: Driver = driver
        self.flow: Flow[ResultT] = flow
        self.send: Callable[[Any], object] = flow.send
        self.deadline: float = inf
        self.is_own_deadline: bool = False
        self.was_receiving: bool = False
        self.waits_for: type | None = None
        self.wake: Wake | None = None
        self.postponed: Receive | None = None

    def step(self, value: object = None, resume: Callable[[Any], object] | None = None) -> None:
        """Send *value* into the flow, or give it to *resume*, and carry on until the flow waits or ends."""
        self.waits_for = None
        driver = self.driver
        go_on = resume or self.send
        while True:
            try:
                instruction = go_on(value)
            except StopIteration as stop:
                # It may be an error that was thrown in, whose traceback refers back to this frame.
                del value
                self.finish(stop.value, None)
                return
            except BaseException as error:
                del value
                self.finish(None, error)
                return
            go_on = self.send
            try:
                # These two first: nearly all instructions of a server are one of them.
                if type(instruction) is Receive:
                    value = driver.begin_receive(self, instruction)
                elif type(instruction) is Call:
                    value = driver.begin_call(self, instruction)
                else:
                    value = driver.begin(self, instruction)
            except BaseException as error:
                go_on, value = self.flow.throw, error
            if value is PENDING:
                return

    def flushed(self) -> None:
        """Step the flow that waited for a `Flush`, or begin the `Receive` that had to wait for one."""
        instruction, self.postponed = self.postponed, None
        if instruction is None:
            self.step()
        else:
            self.step(instruction, _give_back)

    def throw(self, error: BaseException) -> None:
        """Throw *error* into the flow and carry on until it waits or ends."""
        try:
            self.step(error, self.flow.throw)
        finally:
            del error

    @abstractmethod
    def finish(self, result: ResultT | None, error: BaseException | None) -> None:
        """Take what the flow ended with."""

    @abstractmethod
    def await_result(self, awaitable: Awaitable[object]) -> None:
        """Wait for *awaitable*, then step with its result or throw its error."""


def _give_back(instruction: object) -> object:
    """Stand in for a flow that yields *instruction* again."""
    return instruction


class _Wake:
    """Ends the `Receive` of one connection; the event loop's thread is told through its self-pipe."""

    __slots__ = ("_driver", "is_set")

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self.is_set: bool = False

    def set(self) -> None:
        """End the `Receive` that waits with this signal, or the next one."""
        if not self.is_set:
            self.is_set = True
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._driver.loop.call_soon_threadsafe(self._driver.woken, self)


class Driver(asyncio.Protocol):
    """One connection and the flows that run on it.

    Any number of flows may be in `Flush`, `Call` or `Sleep`; one at a time may be in `Receive`.
    """

    __slots__ = (
        "_alarm",
        "_certificate",
        "_clock",
        "_context",
        "_failure",
        "_is_closing",
        "_is_eof",
        "_is_fed",
        "_is_reading_paused",
        "_is_stopping",
        "_is_writing_paused",
        "_last_size",
        "_max_timeout",
        "_now",
        "_progress",
        "_receiver",
        "_server_side",
        "_shaker",
        "_tls",
        "_transport",
        "_waiting",
        "_wake",
        "conn",
        "loop",
        "tls",
    )

    conn: Connection[object]
    _transport: asyncio.Transport
    """There from `connection_made` on."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        server_side: bool,
        context: ssl.SSLContext | None = None,
        certificate: bytes | None = None,
        timeout: float | None = None,
        alarm: Alarm,
    ) -> None:
        self.loop: asyncio.AbstractEventLoop = loop
        self._now = loop.time
        self._alarm = alarm
        self.tls: TLSInfo | None = None
        self._server_side = server_side
        self._context = context
        self._certificate = certificate
        self._max_timeout = inf if timeout is None else timeout
        self._tls: TLSStream | None = None
        self._receiver: Run[Any] | None = None
        self._shaker: Run[Any] | None = None
        self._waiting: tuple[Run[Any], ...] = ()
        self._failure: ConnectionClosed | None = None
        self._wake: _Wake | None = None
        self._clock = 0.0
        self._progress = -1
        self._last_size = 0
        self._is_fed = False
        self._is_eof = False
        self._is_closing = False
        self._is_stopping = False
        self._is_reading_paused = False
        self._is_writing_paused = False

    # What the flows ask for.

    def begin(self, run: Run[Any], instruction: object) -> object:
        """Begin *instruction*; return its result, or `PENDING` if *run* will be stepped later."""
        run.was_receiving = False
        begin = _BEGIN.get(type(instruction))
        if begin is None:
            raise TypeError(f"a flow yielded {instruction!r}, which is no instruction")
        return begin(self, run, instruction)

    def begin_receive(self, run: Run[Any], instruction: Receive) -> object:
        """Begin a `Receive`, by far the most frequent instruction, as `begin` does the others."""
        if self.conn.unsent:
            self._send()
        if self._is_fed or self._is_eof or self._is_stopping or instruction.wake is not None:
            result = self._received_already(instruction)
            if result is not None:
                return result
        if self._receiver is not None:
            raise LocalProtocolError("two flows read from one connection at a time")
        if self._is_writing_paused:
            return self._wait_to_receive(run, instruction)
        if self._is_reading_paused:
            self._resume_reading()
        self._receiver = run
        run.waits_for = Receive
        run.wake = instruction.wake
        self._start_clock(run, instruction.timeout)
        return PENDING

    def _wait_to_receive(self, run: Run[Any], instruction: Receive) -> object:
        """Flush first: to a peer that takes nothing, what it asks for would pile up."""
        self._start_clock(run, None)
        run.postponed = instruction
        return self._wait(run, Flush)

    def _received_already(self, instruction: Receive) -> Received | None:
        if self._is_stopping:
            self._is_stopping = False
            raise ServerStopping
        if self._is_fed:
            self._is_fed = False
            return Received.RECEIVED
        if self._is_eof:
            raise self._failure or closed(None, "read")
        wake = instruction.wake
        if isinstance(wake, _Wake) and wake.is_set:
            wake.is_set = False
            return Received.WOKEN
        return None

    def _begin_flush(self, run: Run[Any], _instruction: Flush) -> object:
        if self.conn.unsent:
            self._send()
        if self._failure is not None:
            raise self._failure
        transport = self._transport
        if not self._is_writing_paused and not transport.is_closing():
            return None
        self._start_clock(run, None)
        return self._wait(run, Flush)

    def begin_call(self, run: Run[Any], instruction: Call) -> object:
        """Begin a `Call`, as `begin` does other instructions."""
        run.was_receiving = False
        function, args, owner = instruction.function, instruction.args, instruction.owner
        result = function(*args) if owner is None else call_in_turn(owner, function, args)
        if result is None or not hasattr(result, "__await__"):
            return result
        run.waits_for = Call
        run.await_result(cast("Awaitable[object]", result))
        if self.conn.unsent:
            self._send_during(run)
        return PENDING

    def _send_during(self, run: Run[Any]) -> None:
        """Send what is queued, since what *run* has called may take its time."""
        self._send()

    def _begin_sleep(self, run: Run[Any], instruction: Sleep) -> object:
        if self.conn.unsent:
            self._send()
        if self._is_stopping:
            self._is_stopping = False
            raise ServerStopping
        run.deadline = self.loop.time() + instruction.seconds
        self._alarm.arm(run.deadline)
        return self._wait(run, Sleep)

    def _begin_start_tls(self, run: Run[Any], instruction: StartTLS) -> object:
        if self.conn.unsent:
            self._send()
        self.conn.next_event()
        return self._begin_handshake(run, Handshake(instruction.server_hostname), StartTLS)

    def _begin_handshake(self, run: Run[Any], instruction: Handshake, kind: type = Handshake) -> object:
        """Shake hands; whatever is received from here on belongs to the handshake."""
        if self._is_eof:
            raise self._failure or closed(None, "tls")
        self._tls = TLSStream(
            self._context or client_context(),
            server_side=self._server_side,
            server_hostname=None if self._server_side else instruction.server_hostname,
            certificate=self._certificate,
        )
        self._shaker = run
        run.waits_for = kind
        run.is_own_deadline = False
        run.deadline = self.loop.time() + min(CONNECT_TIMEOUT, self._max_timeout)
        self._alarm.arm(run.deadline)
        if self._is_reading_paused:
            self._resume_reading()
        return self._shake_hands()

    def _shake_hands(self) -> object:
        """Go on with the handshake; return what it gave once it is done."""
        tls = cast(TLSStream, self._tls)
        try:
            if not tls.shake_hands():
                return PENDING
        except ssl.SSLError as error:
            self._shaker = None
            raise closed(error, "tls") from error
        finally:
            self._write(tls.data_to_send())
        run, self._shaker = cast("Run[Any]", self._shaker), None
        self.tls = tls.info()
        if run.waits_for is StartTLS:
            self.conn.tls_started()
        return self.tls

    def _wait(self, run: Run[Any], kind: type) -> object:
        run.waits_for = kind
        self._waiting = (*self._waiting, run)
        return PENDING

    def forget(self, run: Run[Any]) -> None:
        """Take *run* from among those that wait: it is about to be stepped by another way."""
        if self._receiver is run:
            self._receiver = None
        if self._shaker is run:
            self._shaker = None
        if run in self._waiting:
            self._waiting = tuple(other for other in self._waiting if other is not run)

    # Time.

    def _start_clock(self, run: Run[Any], own_timeout: float | None) -> None:
        """Set the deadline of *run*: what is granted since the last progress, or what the flow asked for.

        The cap of the application is for answers: a flow that asks for a time, where the connection grants
        one too, waits on purpose.
        """
        conn = self.conn
        progress = conn.progress
        if progress != self._progress or not run.was_receiving:
            self._progress = progress
            self._clock = self._now()
        run.was_receiving = run.waits_for is Receive
        granted, most = conn.timeout, self._max_timeout
        if own_timeout is None:
            run.is_own_deadline = False
            deadline = self._clock + (most if granted is None or granted > most else granted)
        else:
            deadline = self._clock + (most if granted is None else granted)
            own_deadline = self.loop.time() + own_timeout
            run.is_own_deadline = own_deadline <= deadline
            deadline = min(deadline, own_deadline)
        run.deadline = deadline
        if deadline < self._alarm.at:
            self._alarm.arm(deadline)

    def ring(self, now: float) -> float:
        """Time out what is late at *now*; return the next deadline, `inf` if nothing has one."""
        following = inf
        for run in (self._receiver, self._shaker, *self._waiting):
            if run is None:
                continue
            if run.deadline <= now:
                self.forget(run)
                self._time_out(run)
            else:
                following = min(following, run.deadline)
        return following

    def _time_out(self, run: Run[Any]) -> None:
        if run.waits_for is Sleep:
            run.step(None)
        elif run.is_own_deadline:
            run.step(Received.TIMED_OUT)
        else:
            run.throw(timed_out(_PHASES[run.waits_for]))

    # Reading.

    def data_received(self, data: bytes) -> None:
        """Feed what came, and step the flow that waits for it."""
        self._last_size = len(data)
        if self._tls is not None:
            self._decrypt(data)
            return
        self.conn.receive_data(data)
        receiver = self._receiver
        if receiver is None:
            self._fed_early()
        else:
            self._receiver = None
            receiver.step(_RECEIVED)

    def _fed(self) -> None:
        receiver = self._receiver
        if receiver is None:
            self._fed_early()
        else:
            self._receiver = None
            receiver.step(_RECEIVED)

    def _fed_early(self) -> None:
        """Note that the next `Receive` has its octets already; stop reading if they are too many."""
        self._is_fed = True
        if self.conn.buffered > self.conn.max_buffered and not self._is_reading_paused:
            self._is_reading_paused = True
            self._transport.pause_reading()

    def _resume_reading(self) -> None:
        self._is_reading_paused = False
        if not self._is_eof:
            self._transport.resume_reading()

    def _decrypt(self, data: bytes) -> None:
        tls = cast(TLSStream, self._tls)
        if data:
            tls.receive_data(data)
        run = self._shaker
        if run is not None:
            try:
                value = self._shake_hands()
            except BaseException as error:
                run.throw(error)
                return
            if value is PENDING:
                return
            run.step(value)
            if self._shaker is not None:
                return
        self._feed_decrypted(tls)

    def _feed_decrypted(self, tls: TLSStream) -> None:
        try:
            pieces = tls.read_all()
        except ssl.SSLError as error:
            self._fail(error, "tls")
            return
        finally:
            self._write(tls.data_to_send())
        for piece in pieces:
            self.conn.receive_data(piece)
        if tls.is_ended and not self._is_eof:
            self._is_eof = True
            self.conn.receive_eof()
            self._fed()
        elif pieces:
            self._fed()

    def eof_received(self) -> bool:
        """Feed the end; the connection stays open for the answers that are still to be sent."""
        if self._is_closing:
            return False
        if self._tls is not None:
            self._tls.receive_eof()
            self._decrypt(b"")
        elif not self._is_eof:
            self._is_eof = True
            self.conn.receive_eof()
            self._fed()
        return not self._is_closing

    def woken(self, wake: _Wake) -> None:
        """Step the flow that waits with *wake*, if it is still set."""
        receiver = self._receiver
        if receiver is not None and receiver.wake is wake and wake.is_set:
            wake.is_set = False
            self._receiver = None
            receiver.step(Received.WOKEN)

    @property
    def wake(self) -> Wake:
        """A signal that ends the `Receive` that waits with it; it may be set from any thread."""
        if self._wake is None:
            self._wake = _Wake(self)
        return self._wake

    # Writing.

    def _send(self) -> None:
        """Give everything that is queued to the transport, which sends at once what it can."""
        chunks = self.conn.data_to_send()
        if self._failure is not None or self._is_closing:
            return
        transport = self._transport
        if self._tls is not None:
            self._tls.write(chunks)
            self._write(self._tls.data_to_send())
        elif len(chunks) == 1:
            transport.write(chunks[0])
        else:
            transport.writelines(chunks)

    def _write(self, octets: bytes) -> None:
        if octets and self._failure is None:
            self._transport.write(octets)

    def pause_writing(self) -> None:
        """Note that more than `max_unsent` octets wait in the transport."""
        self._is_writing_paused = True

    def resume_writing(self) -> None:
        """Step the flows that wait for a flush."""
        self._is_writing_paused = False
        for run in self._waiting:
            if run.waits_for is Flush:
                self.forget(run)
                run.flushed()

    # The two ends of a connection.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport; nothing is read or written yet."""
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        """Feed what can still be read, and EOF; then tell every flow that waits."""
        if error is not None and not self._is_closing and self._tls is None and hasattr(self, "conn"):
            self._salvage()
        is_writing = any(run.waits_for is Flush for run in self._waiting)
        self._fail(error, "tls" if self._shaker else "write" if is_writing else "read")

    def _salvage(self) -> None:
        """Feed the octets that came before the connection broke: the peer's last reply may be among them."""
        own = self._transport.get_extra_info("socket")
        with contextlib.suppress(OSError):
            while self.conn.buffered <= self.conn.max_buffered:
                data = os.read(own.fileno(), _SALVAGE)
                if not data:
                    return
                self.conn.receive_data(data)
                self._is_fed = True

    def _fail(self, error: BaseException | None, phase: str) -> None:
        """Note that nothing more can be sent or received; a flow that can learn why from the peer goes on."""
        if self._failure is None:
            self._failure = closed(error, phase)
        if not hasattr(self, "conn"):
            is_told = False
        else:
            is_told = self._is_fed or self.conn.buffered > 0 or (error is None and not self._is_eof)
            self._is_eof = True
            self.conn.receive_eof()
        waiting = [run for run in (self._receiver, self._shaker, *self._waiting) if run is not None]
        for run in waiting:
            if run.waits_for is Sleep:
                continue
            self.forget(run)
            if is_told and run.waits_for is Receive:
                self._is_fed = False
                run.step(Received.RECEIVED)
            elif is_told and run.waits_for is Flush:
                self._is_fed = True
                run.flushed()
            else:
                run.throw(self._failure)

    @property
    def peer(self) -> Address:
        """The address of the other end."""
        return address_of(self._extra("peername"))

    @property
    def local(self) -> Address:
        """The address of this end."""
        return address_of(self._extra("sockname"))

    def _extra(self, name: str) -> object:
        return self._transport.get_extra_info(name) if hasattr(self, "_transport") else None

    @property
    def is_open(self) -> bool:
        """Whether the session is usable, as far as is known without IO."""
        return (
            not self._is_closing
            and self._failure is None
            and not self._is_eof
            and self.conn.wants is not Wants.CLOSED
        )

    def close(self) -> None:
        """Send what is queued, without waiting longer than `LINGER_SECONDS` for it, and close."""
        if self._is_closing or not hasattr(self, "_transport"):
            return
        transport = self._transport
        self._send_last()
        self._is_closing = True
        transport.close()
        if transport.get_write_buffer_size():
            self.loop.call_later(LINGER_SECONDS, transport.abort)

    def _send_last(self) -> None:
        """Send what is queued, and close_notify."""
        if self.conn.unsent:
            self._send()
        if self._tls is not None and self._failure is None:
            self._tls.close()
            self._write(self._tls.data_to_send())

    def close_sending(self) -> None:
        """Send what is queued and end the octets sent; reading goes on."""
        transport = self._transport
        self._send_last()
        self._is_closing = True
        transport.write_eof()
        if self._is_reading_paused:
            self._resume_reading()

    def let_go(self) -> None:
        """Forget what refers back to this, at the very end: else only the garbage collector would free it."""
        self._wake = None
        self._failure = None

    def abort(self) -> None:
        """Close at once; what is queued is lost."""
        self._is_closing = True
        if hasattr(self, "_transport"):
            self._transport.abort()


_BEGIN: Final[dict[type, Callable[[Driver, Run[Any], Any], object]]] = {
    Flush: Driver._begin_flush,
    Sleep: Driver._begin_sleep,
    StartTLS: Driver._begin_start_tls,
    Handshake: Driver._begin_handshake,
}
_PHASES: Final[dict[type | None, str]] = {
    Receive: "read",
    Flush: "write",
    StartTLS: "tls",
    Handshake: "tls",
}
