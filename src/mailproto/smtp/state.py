"""The states of a session and what each command does to them, as one table that knows no role.

A client checks with it what it sends and a server what it receives; the diagrams of the documentation are
drawn from it. The rows are RFC 5321 sections 3.3, 4.1.4 and 4.3.2, RFC 3207, RFC 4954 and RFC 2033.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

__all__ = [
    "Condition",
    "EXEMPT",
    "GROUPABLE",
    "HELLO",
    "REFUSED_HELLO",
    "Row",
    "State",
    "TIMEOUTS",
    "TRANSITIONS",
    "has_reply_per_recipient",
    "next_state",
    "row_of",
    "timeout_of",
]


class State(enum.Enum):
    """Where a session stands."""

    GREETING = "greeting"
    """Connected; the server has not said anything."""
    REFUSED = "refused"
    """The greeting was negative: nothing but QUIT (RFC 5321 section 3.1)."""
    START = "start"
    """Greeted, and no EHLO accepted; also right after a TLS handshake."""
    READY = "ready"
    """EHLO, HELO or LHLO was accepted; no transaction."""
    TRANSACTION = "transaction"
    """MAIL was accepted, no recipient yet."""
    RECIPIENTS = "recipients"
    """At least one RCPT was accepted."""
    BODY = "body"
    """DATA was answered with 354: the client sends the message."""
    ENDED = "ended"
    """The message is complete and its answer due, in LMTP one for each recipient."""
    AUTH = "auth"
    """A SASL exchange: the client responds to a challenge."""
    TLS = "tls"
    """STARTTLS was accepted: a TLS handshake follows."""
    CLOSED = "closed"
    """Nothing more is said."""

    if not TYPE_CHECKING:  # to a type checker it would be an override of unclear type
        # Enum hashes by name, in Python: a fifth of the time that a command takes at a server.
        __hash__ = object.__hash__


class Condition(enum.Enum):
    """What forbids a command although the state allows it; or what a server may require for it."""

    TLS_ACTIVE = "TLS is active"
    AUTHENTICATED = "authenticated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What a command leads to in a state, by the first digit of the reply.

    `positive` for 2yz, `intermediate` for 3yz, `negative` for 4yz and 5yz; None: there is no such reply.
    `extension` is the EHLO keyword that must have been offered, `unless` what must not hold,
    `is_per_recipient` that LMTP has one reply for each accepted recipient. `is_legal` is False for what is
    out of order and may have been sent all the same, in a group of which an earlier command failed: a
    server refuses it or, as RFC 2920 section 3.1 foresees for DATA, does not.
    """

    positive: State | None
    negative: State
    intermediate: State | None = None
    extension: str | None = None
    unless: Condition | None = None
    is_per_recipient: bool = False
    is_legal: bool = True

    @property
    def success(self) -> State:
        """The state to expect when commands are sent ahead of their replies."""
        return self.intermediate or self.positive or self.negative

    def after(self, code: int) -> State | None:
        """Return the state after a reply of *code*; None if such a reply answers nothing."""
        if code >= 400:
            return self.negative
        return self.intermediate if code >= 300 else self.positive


HELLO: Final = {False: ("EHLO", "HELO"), True: ("LHLO",)}
"""The greetings of the client in SMTP (False) and in LMTP (True)."""
REFUSED_HELLO: Final = {False: frozenset({"LHLO"}), True: frozenset({"EHLO", "HELO"})}
"""Those that belong to the other protocol and are as good as unknown (RFC 2033 section 4.1)."""
EXEMPT: Final = {
    Condition.TLS_ACTIVE: frozenset({"EHLO", "LHLO", "NOOP", "QUIT", "STARTTLS"}),
    Condition.AUTHENTICATED: frozenset(
        {"AUTH", "EHLO", "HELO", "HELP", "LHLO", "NOOP", "QUIT", "RSET", "STARTTLS"}
    ),
}
"""What is answered without the condition at a server that requires it; all else gets 530.

RFC 3207 section 4 names the first set, RFC 4954 section 6 the second; HELP is no action that needs a login.
"""
GROUPABLE: Final = frozenset({"MAIL", "RCPT", "RSET", "message"})
"""What may stand anywhere in a pipelined group; all else only at its end (RFC 2920 section 3.1)."""

_ANYTIME: Final = ("NOOP", "HELP", "VRFY", "EXPN")
_GREETED: Final = (State.START, State.READY, State.TRANSACTION, State.RECIPIENTS)


def _rows() -> dict[tuple[State, str], Row]:
    start, ready, transaction, recipients = _GREETED
    rows = {
        (State.GREETING, "greeting"): Row(positive=start, negative=State.REFUSED),
        (State.REFUSED, "QUIT"): Row(positive=State.CLOSED, negative=State.REFUSED),
        (ready, "MAIL"): Row(positive=transaction, negative=ready),
        (transaction, "RCPT"): Row(positive=recipients, negative=transaction),
        (recipients, "RCPT"): Row(positive=recipients, negative=recipients),
        (recipients, "DATA"): Row(positive=None, intermediate=State.BODY, negative=recipients),
        (transaction, "DATA"): Row(
            positive=None, intermediate=State.BODY, negative=transaction, is_legal=False
        ),
        (ready, "DATA"): Row(positive=None, intermediate=State.BODY, negative=ready, is_legal=False),
        (State.BODY, "message"): Row(positive=None, negative=State.CLOSED),
        (State.ENDED, "message"): Row(positive=ready, negative=ready, is_per_recipient=True),
        (ready, "STARTTLS"): Row(
            positive=State.TLS, negative=ready, extension="STARTTLS", unless=Condition.TLS_ACTIVE
        ),
        (ready, "AUTH"): Row(
            positive=ready,
            intermediate=State.AUTH,
            negative=ready,
            extension="AUTH",
            unless=Condition.AUTHENTICATED,
        ),
        (State.AUTH, "SASL response"): Row(positive=ready, intermediate=State.AUTH, negative=ready),
    }
    for state in _GREETED:
        reset = start if state is start else ready
        rows[state, "RSET"] = Row(positive=reset, negative=state)
        rows[state, "QUIT"] = Row(positive=State.CLOSED, negative=state)
        rows |= {
            (state, name): Row(positive=ready, negative=state) for names in HELLO.values() for name in names
        }
        rows |= {(state, name): Row(positive=state, negative=state) for name in _ANYTIME}
    return rows


TRANSITIONS: Final = _rows()
"""The table. A known command without a legal row is out of order: 503, or LocalProtocolError at a client."""

TIMEOUTS: Final = {
    "greeting": 300.0,
    "MAIL": 300.0,
    "RCPT": 300.0,
    "DATA": 120.0,
    "body": 180.0,
    "message": 600.0,
}
"""Seconds that a client waits for each answer, "body" for a chunk to be sent.

RFC 5321 section 4.5.3.2, which grants at least these.
"""


def timeout_of(name: str) -> float:
    """Return the seconds to wait for the answer to *name*; five minutes where the RFC names none."""
    return TIMEOUTS.get(name, 300.0)


def row_of(state: State, name: str, known: bool = True) -> Row | None:
    """Return the row of *name* in *state*, None if it is not legal there.

    What is not *known*, the command of an extension, is legal wherever NOOP is and changes nothing.
    """
    return TRANSITIONS.get((state, name if known else "NOOP"))


def has_reply_per_recipient(state: State, name: str, *, lmtp: bool) -> bool:
    """Return whether *name* gets one reply for each accepted recipient (RFC 2033 section 4.2)."""
    row = row_of(state, name)
    return lmtp and row is not None and row.is_per_recipient


def next_state(state: State, name: str) -> State:
    """Return the state if *name* succeeds; *state* itself if it is not legal there."""
    row = TRANSITIONS.get((state, name))
    return state if row is None else row.success
