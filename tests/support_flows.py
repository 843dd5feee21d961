"""Runs flows in memory: against a script, or two of them against one another. No sockets, no clock."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from inspect import iscoroutine
from typing import Any, Generic, TypeVar, cast

from mailproto._connection import Connection
from mailproto.flow import Call, Flow, Flush, Receive, Received, Sleep, StartTLS, TLSInfo
from mailproto.wants import Wants

__all__ = ["END", "FlowRun", "run_pair", "run_script", "run_to_end"]

ResultT = TypeVar("ResultT")
END = object()
"""In a script, in place of what the other end says: it closes."""
TLS = TLSInfo(version="TLSv1.3", cipher="TLS_AES_128_GCM_SHA256")

Event = bytes | BaseException | object


class FlowRun(Generic[ResultT]):
    """One flow over one connection; `sent` keeps what it has said, `calls` what it has called."""

    def __init__(self, conn: Connection[Any], flow: Flow[ResultT], tls: TLSInfo = TLS) -> None:
        self.conn = conn
        self.flow = flow
        self.tls = tls
        self.sent = b""
        self.instruction: object = None
        self.result: ResultT | None = None
        self.error: BaseException | None = None
        self.is_done = False
        self.is_fed = False
        self.flushes: list[bytes] = []
        self._step(self.flow.send, None)

    def feed(self, data: Event) -> None:
        """Give the flow octets, `END`, or an error that its driver throws."""
        if isinstance(data, BaseException):
            self._step(self.flow.throw, data)
            return
        if data is END:
            self.conn.receive_eof()
        else:
            self.conn.receive_data(cast(bytes, data))
        self.is_fed = True
        self.go_on()

    def time_out(self) -> None:
        """Let the time pass that the flow gave its `Receive`."""
        assert isinstance(self.instruction, Receive)
        assert self.instruction.timeout is not None
        self._step(self.flow.send, Received.TIMED_OUT)

    def go_on(self) -> None:
        """Step the flow if what it waits for has come."""
        if self.is_done:
            return
        if isinstance(self.instruction, Receive) and self.is_fed:
            self.is_fed = False
            self._step(self.flow.send, Received.RECEIVED)

    def shake_hands(self) -> None:
        """Let a flow that waits in StartTLS go on."""
        assert isinstance(self.instruction, StartTLS)
        self.conn.tls_started()
        self._step(self.flow.send, self.tls)

    def take_sent(self) -> bytes:
        """Return what was said since this was asked last."""
        sent, self.sent = self.sent, b""
        return sent

    def _drain(self) -> None:
        self.sent += b"".join(self.conn.data_to_send())

    def _step(self, resume: Callable[[Any], object], value: object) -> None:
        while True:
            try:
                instruction = resume(value)
            except StopIteration as stop:
                self.is_done, self.result = True, stop.value
                self._drain()
                return
            except BaseException as error:
                self.is_done, self.error = True, error
                self._drain()
                return
            resume, value = self.flow.send, None
            try:
                is_waiting, value = self._carry_out(instruction)
            except BaseException as error:
                resume, value, is_waiting = self.flow.throw, error, False
            if is_waiting:
                self.instruction = instruction
                return

    def _carry_out(self, instruction: object) -> tuple[bool, object]:
        if isinstance(instruction, Call):
            result = instruction.function(*instruction.args)
            return False, _awaited(result) if iscoroutine(result) or hasattr(result, "__await__") else result
        assert isinstance(instruction, Receive | Flush | StartTLS | Sleep), instruction
        self._drain()
        if isinstance(instruction, Flush):
            self.flushes.append(self.sent)
            return False, None
        if isinstance(instruction, StartTLS):
            self.conn.next_event()
            return True, None
        if isinstance(instruction, Receive) and self.is_fed:
            self.is_fed = False
            return False, Received.RECEIVED
        return isinstance(instruction, Receive), None


def _awaited(awaitable: Any) -> object:
    iterator = cast("Coroutine[Any, Any, object]", awaitable).__await__()
    try:
        next(iterator)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("a test's coroutine must not wait")


def _outcome(run: FlowRun[ResultT]) -> ResultT:
    assert run.is_done, f"waits in {run.instruction}, after {run.sent!r}"
    if run.error is not None:
        raise run.error
    return cast(ResultT, run.result)


def run_script(
    conn: Connection[Any], flow: Flow[ResultT], script: Iterable[tuple[bytes | None, Event]]
) -> ResultT:
    """Run *flow*: each entry is what it must have said by the time it waits, and what is fed to it then.

    None: not looked at. `b"TLS"` in place of what is fed shakes hands. Nothing may be said beyond the last.
    """
    run = FlowRun(conn, flow)
    for said, answer in script:
        sent = run.take_sent()
        assert said is None or sent == said
        assert not run.is_done, run.error
        if answer == b"TLS":
            run.shake_hands()
        else:
            run.feed(answer)
    assert run.sent == b"" or run.is_done
    if run.is_done and run.error is None:
        assert run.take_sent() in (b"", b"QUIT\r\n")
    return _outcome(run)


def run_pair(client: FlowRun[Any], server: FlowRun[Any]) -> None:
    """Carry octets between two flows until none comes any more."""
    while _carry(client, server) or _carry(server, client) or _shake_hands(client, server):
        pass


def _carry(source: FlowRun[Any], sink: FlowRun[Any]) -> bool:
    octets = source.take_sent()
    if octets:
        sink.feed(octets)
    return bool(octets)


def _shake_hands(client: FlowRun[Any], server: FlowRun[Any]) -> bool:
    if not (client.conn.wants is Wants.TLS and server.conn.wants is Wants.TLS):
        return False
    server.shake_hands()
    client.shake_hands()
    return True


def run_to_end(client: FlowRun[ResultT], server: FlowRun[Any]) -> ResultT:
    """Carry octets until the client's flow has ended; return its result."""
    run_pair(client, server)
    return _outcome(client)
