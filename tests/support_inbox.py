"""Flows that share one IMAP connection, in memory: pretend tasks, and a server that is a script."""

from __future__ import annotations

from collections import deque
from typing import Any, cast

from mailproto.flow import Call, Flow, Flush, Receive, Received
from mailproto.imap.client import IMAPClientConnection
from mailproto.imap.commands import Select
from mailproto.imap.inbox import Inboxes
from mailproto.imap.sharing import Waiter
from mailproto.limits import IMAPLimits

__all__ = ["Line", "Task"]

GREETING = b"* PREAUTH [CAPABILITY IMAP4rev1 IDLE MOVE UIDPLUS LITERAL+ NAMESPACE ID ENABLE] ready\r\n"
SELECT = b"* 3 EXISTS\r\n* 0 RECENT\r\n* FLAGS (\\Seen)\r\n* OK [UIDVALIDITY 1] .\r\n* OK [UIDNEXT 14] .\r\n"


class Line:
    """One connection, logged in and with INBOX selected, and the tasks that share it."""

    def __init__(
        self, limits: IMAPLimits | None = None, *, selected: str | None = "INBOX", strict: bool = False
    ) -> None:
        self.conn = IMAPClientConnection(limits, strict=strict)
        self.session = Inboxes(self.conn, limits, self)
        self.current: Task | None = None
        self.clock = 0.0
        self.tasks: list[Task] = []
        self.woken: deque[Task] = deque()
        self.conn.receive_data(GREETING)
        self.session.pump()
        if selected is not None:
            tag = self.conn.send_command(Select(selected))
            self.conn.data_to_send()
            self.conn.receive_data(SELECT + tag.encode() + b" OK [READ-WRITE] done\r\n")
            self.session.pump()
            self.session.known_exists = 3
            self.session.news.clear()
        self.conn.data_to_send()

    # The Sharing of the session.

    def owner(self) -> object:
        return self.current

    def is_live(self, owner: object) -> bool:
        return not cast(Task, owner).is_dead

    def waiter(self) -> Waiter:
        return _Waiter(cast(Task, self.current))

    def now(self) -> float:
        return self.clock

    # What tests do.

    def start(self, flow: Flow[Any]) -> Task:
        """Start a flow as a task of its own."""
        task = Task(self)
        self.tasks.append(task)
        task.run(flow)
        return task

    def sent(self) -> list[bytes]:
        """Return the lines that were sent since this was asked last."""
        return b"".join(self.conn.data_to_send()).split(b"\r\n")[:-1]

    def feed(self, *lines: bytes) -> None:
        """Give the reader these lines, and let everybody go on who can."""
        self.feed_octets(b"".join(line + b"\r\n" for line in lines))

    def feed_octets(self, octets: bytes) -> None:
        self.conn.receive_data(octets)
        self._wake_reader()

    def feed_eof(self) -> None:
        self.conn.receive_eof()
        self._wake_reader()

    def go_on(self) -> None:
        """Step the tasks that were woken."""
        while self.woken:
            self.woken.popleft().step(None)

    def _wake_reader(self) -> None:
        readers = [task for task in self.tasks if isinstance(task.waits_for, Receive)]
        assert len(readers) <= 1
        for task in readers:
            task.step(Received.RECEIVED)
        self.go_on()


class Task:
    """A pretend task: runs one flow after the other, as the owner of what they open."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.is_dead = False
        self.waits_for: object = None
        self.result: Any = None
        self.error: BaseException | None = None
        self.is_done = False
        self._flow: Flow[Any] | None = None

    def run(self, flow: Flow[Any]) -> Task:
        """Run *flow* until it waits or ends."""
        self._flow = flow
        self.is_done, self.error = False, None
        self._resume(flow.send, None)
        return self

    def step(self, value: object) -> None:
        assert self._flow is not None
        self._resume(self._flow.send, value)

    def throw(self, error: BaseException) -> None:
        assert self._flow is not None
        self._resume(self._flow.throw, error)

    def _resume(self, resume: Any, value: object) -> None:
        before, self.line.current = self.line.current, self
        try:
            self._advance(resume, value)
        finally:
            self.line.current = before
        if before is None:
            self.line.go_on()

    def _advance(self, resume: Any, value: object) -> None:
        self.waits_for = None
        while True:
            try:
                instruction = resume(value)
            except StopIteration as stop:
                self.result, self.is_done = stop.value, True
                return
            except BaseException as error:
                self.error, self.is_done = error, True
                return
            resume, value = cast("Flow[Any]", self._flow).send, None
            if isinstance(instruction, Flush):
                continue
            if isinstance(instruction, Call):
                try:
                    value = instruction.function(*instruction.args)
                except BaseException as error:
                    resume, value = cast("Flow[Any]", self._flow).throw, error
                    continue
                if not isinstance(value, _Waiter):
                    continue
                if value.is_set:
                    value = None
                    continue
                value.is_waiting = True
            self.waits_for = instruction
            return


class _Waiter:
    def __init__(self, task: Task) -> None:
        self.task = task
        self.is_set = False
        self.is_waiting = False
        self.timeout: float | None = None

    def set(self) -> None:
        """Wake the task, not now but when the one that sets it has finished its step."""
        if not self.is_set:
            self.is_set = True
            if self.is_waiting:
                self.task.line.woken.append(self.task)

    def wait(self, timeout: float | None) -> object:
        self.timeout = timeout
        return self
