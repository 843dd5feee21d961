"""What a scripted server does at which command: an answer in place of its own, or closing the connection."""

from __future__ import annotations

import threading
from collections.abc import Callable, Container
from dataclasses import dataclass
from typing import Final, TypeAlias, final

from mailproto.address import Path
from mailproto.errors import LocalProtocolError
from mailproto.smtp.codec import parse_replies
from mailproto.smtp.reply import Reply
from mailproto.smtp.state import TRANSITIONS

__all__ = [
    "BODY",
    "CHUNK",
    "CONNECT",
    "MESSAGE",
    "Action",
    "Drop",
    "Script",
    "ScriptedReply",
    "action_of",
    "stage_of",
]

ScriptedReply: TypeAlias = Reply | str | bytes
"""A `Reply`; its text, "450 4.2.0 try later", several lines as on the wire; or octets, sent as they are."""

CONNECT: Final = "connect"
MESSAGE: Final = "message"
CHUNK: Final = "BDAT"
BODY: Final = "body"
_NO_STAGES: Final = {"greeting", "BDAT LAST", "BURL", "BURL LAST"}
"""The greeting is `CONNECT`, the end of the last chunk `MESSAGE`; this server offers no BURL."""
_STAGES: Final = {
    stage.casefold(): stage for stage in ({name for _, name in TRANSITIONS} - _NO_STAGES) | {CONNECT, BODY}
}


@dataclass(frozen=True, slots=True)
class Drop:
    """Close the connection, in place of the answer or behind it."""

    answered: bool


Action: TypeAlias = Reply | bytes | Drop


@dataclass(slots=True)
class _Rule:
    stage: str
    recipient: Path | None
    action: Action
    left: int | None


def stage_of(name: str) -> str:
    """Return the stage that *name*, in any case, means. Raises LocalProtocolError."""
    stage = _STAGES.get(name.casefold())
    if stage is None:
        raise LocalProtocolError(
            f"command: expected one of {', '.join(sorted(_STAGES.values()))}, got {name!r}"
        )
    return stage


def action_of(reply: ScriptedReply) -> Reply | bytes:
    """Return *reply*, with text read as a reply. Raises LocalProtocolError for what is none."""
    if not isinstance(reply, str):
        return reply
    octets = "".join(f"{line}\r\n" for line in reply.splitlines()).encode()
    replies = parse_replies(octets)
    if len(replies) != 1 or not isinstance(replies[0], Reply):
        raise LocalProtocolError(f"reply: expected a code and text, got {reply[:40]!r}")
    return replies[0]


@final
class Script:
    """Rules, in the order in which they were given; the first that fits is used. For threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[_Rule] = []

    def add(self, stage: str, recipient: Path | None, action: Action, times: int | None) -> None:
        """Add a rule that holds for the next *times* times, for ever if that is None."""
        if times is not None and times < 1:
            raise LocalProtocolError(f"times: expected a positive number, got {times}")
        with self._lock:
            self._rules.append(_Rule(stage, recipient, action, times))

    def clear(self) -> None:
        """Forget all rules."""
        with self._lock:
            self._rules.clear()

    def take(
        self, stage: str, recipients: Container[Path | None], accepts: Callable[[Action], bool]
    ) -> Action | None:
        """Use the first rule for *stage* and one of *recipients* (None: any), if it is one to use now."""
        with self._lock:
            for rule in self._rules:
                if rule.stage == stage and rule.recipient in recipients:
                    return self._use(rule) if accepts(rule.action) else None
        return None

    def _use(self, rule: _Rule) -> Action:
        if rule.left is not None:
            rule.left -= 1
            if not rule.left:
                self._rules.remove(rule)
        return rule.action
