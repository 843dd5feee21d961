"""A flow of an IMAP client against a script in memory: whole, octet by octet and cut at every place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mailproto.flow import Flow
from mailproto.imap.inbox import Inboxes
from mailproto.limits import IMAPLimits
from support_inbox import Line, Task
from support_split import splits

__all__ = ["Step", "Told", "tell", "tell_in_pieces"]

Step = tuple[Sequence[bytes], bytes]
"""The lines that are sent, and the octets that the server says then."""


@dataclass(frozen=True)
class Told:
    """How a flow ended: what it returned, or what it raised, and the line on which it ran."""

    result: Any
    error: BaseException | None
    line: Line

    @property
    def outcome(self) -> tuple[Any, str]:
        """What is the same however the octets were cut."""
        return self.result, repr(self.error)


def tell(
    call: Callable[[Inboxes], Flow[Any]],
    *steps: Step,
    capabilities: str = "IDLE MOVE UIDPLUS LITERAL+",
    limits: IMAPLimits | None = None,
    cut: Callable[[bytes], list[bytes]] = lambda octets: [octets],
) -> Told:
    """Run a flow with INBOX selected; the first tag is A2. At the end nothing may be left unsaid."""
    line = Line(limits)
    line.conn.receive_data(f"* CAPABILITY IMAP4rev1 {capabilities}\r\n".encode())
    line.session.pump()
    task = line.start(call(line.session))
    for said, answer in steps:
        assert line.sent() == list(said)
        for piece in cut(answer):
            line.feed_octets(piece)
    assert line.sent() == []
    return _told(line, task)


def _told(line: Line, task: Task) -> Told:
    assert task.is_done, f"waits for {task.waits_for}"
    return Told(task.result, task.error, line)


def tell_in_pieces(
    call: Callable[[Inboxes], Flow[Any]],
    *steps: Step,
    capabilities: str = "IDLE MOVE UIDPLUS LITERAL+",
    limits: IMAPLimits | None = None,
    value: Callable[[Told], object] = lambda told: told.outcome,
) -> Told:
    """Do the same for every way to cut each answer; *value* must be the same each time."""
    whole = tell(call, *steps, capabilities=capabilities, limits=limits)
    for answer in {answer for _, answer in steps}:
        for pieces in splits(answer):

            def cut(octets: bytes, answer: bytes = answer, pieces: list[bytes] = pieces) -> list[bytes]:
                return pieces if octets == answer else [octets]

            told = tell(call, *steps, capabilities=capabilities, limits=limits, cut=cut)
            assert value(told) == value(whole), pieces[:1]
    return whole
