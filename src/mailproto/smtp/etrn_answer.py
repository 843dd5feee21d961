"""What the answers to ETRN say, written and read (RFC 1985 section 5.1)."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import Final

from mailproto.errors import LocalProtocolError
from mailproto.smtp.ext.etrn import Etrn
from mailproto.smtp.reply import Reply

__all__ = ["EtrnAnswer", "EtrnOutcome"]


class EtrnOutcome(enum.Enum):
    """What became of an ETRN (RFC 1985 section 5.1); the value is the reply code."""

    STARTED = 250
    """The queue was started; whether anything waits there is not said."""
    NOTHING_PENDING = 251
    """No messages wait for the node."""
    PENDING_STARTED = 252
    """Messages wait and are sent now."""
    COUNTED_STARTED = 253
    """As many messages as the answer says wait, and are sent now."""
    UNABLE = 458
    """The queue cannot be started now."""
    NOT_ALLOWED = 459
    """The node is not one that this client may ask for; the answer has the reason."""


_TEXTS: Final = {
    EtrnOutcome.STARTED: ("2.0.0", "OK, queuing for node {node} started"),
    EtrnOutcome.NOTHING_PENDING: ("2.0.0", "OK, no messages waiting for node {node}"),
    EtrnOutcome.PENDING_STARTED: ("2.0.0", "OK, pending messages for node {node} started"),
    EtrnOutcome.COUNTED_STARTED: ("2.0.0", "OK, {pending} pending messages for node {node} started"),
    EtrnOutcome.UNABLE: ("4.3.0", "Unable to queue messages for node {node}"),
    EtrnOutcome.NOT_ALLOWED: ("4.7.0", "Node {node} not allowed: {reason}"),
}
_OUTCOMES: Final = {outcome.value: outcome for outcome in EtrnOutcome}
_PENDING: Final = re.compile(r"\b([0-9]{1,10}) pending\b", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class EtrnAnswer:
    """An outcome with what belongs to it: `pending` messages for a 253, the `reason` for a 459.

    Raises LocalProtocolError if `pending` is given for another outcome or missing there, or is negative.
    """

    outcome: EtrnOutcome
    pending: int | None = None
    reason: str = ""

    def __post_init__(self) -> None:
        is_counted = self.outcome is EtrnOutcome.COUNTED_STARTED
        if (self.pending is not None) != is_counted or (self.pending or 0) < 0:
            raise LocalProtocolError("pending: expected a count of messages for 253, and only there")

    @classmethod
    def of(cls, reply: Reply) -> EtrnAnswer | None:
        """Read *reply*; None if its code means nothing here, as a 500 of a server without ETRN.

        A 253 that shows no number is read as 252.
        """
        outcome = _OUTCOMES.get(reply.code)
        if outcome is EtrnOutcome.COUNTED_STARTED:
            found = _PENDING.search(reply.text)
            return cls(EtrnOutcome.PENDING_STARTED) if found is None else cls(outcome, int(found[1]))
        if outcome is EtrnOutcome.NOT_ALLOWED:
            return cls(outcome, reason=reply.text.partition(":")[2].strip())
        return None if outcome is None else cls(outcome)

    def reply(self, etrn: Etrn) -> Reply:
        """Return the answer to *etrn*. Raises LocalProtocolError for a reason that is no printable text."""
        enhanced_code, text = _TEXTS[self.outcome]
        node = f"{etrn.option}{etrn.node}"
        # A node or a reason may hold braces: each is put in once.
        values = {"node": node, "pending": self.pending, "reason": self.reason}
        return Reply.of(self.outcome.value, enhanced_code, text.format(**values).rstrip())
