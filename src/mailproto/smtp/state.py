"""The states of a session and what each command does to them, as one table that knows no role.

A client checks with it what it sends and a server what it receives; the diagrams of the documentation are
drawn from it. The rows are RFC 5321 sections 3.3, 4.1.4 and 4.3.2, RFC 3207, RFC 4954, RFC 2033, RFC 1985,
RFC 3030, RFC 4468, PRDR (draft-hall-prdr-00), and Postfix's XCLIENT_README and XFORWARD_README.
"""

from __future__ import annotations

import enum
from collections.abc import Container, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Final, TypeVar

__all__ = [
    "Condition",
    "EXEMPT",
    "GROUPABLE",
    "HELLO",
    "IN_TRANSACTION",
    "REFUSED_HELLO",
    "Replies",
    "Row",
    "State",
    "TIMEOUTS",
    "TRANSITIONS",
    "next_state",
    "replies_due",
    "row_of",
    "subjects_of",
    "timeout_of",
]

RecipientT = TypeVar("RecipientT")


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
    VERDICTS = "verdicts"
    """353 was said to the message (PRDR): an answer for each recipient is due, then one for all."""
    CHUNKS = "chunks"
    """A BDAT or BURL was accepted, and the last one is still to come (RFC 3030 section 2)."""
    FAILED = "failed"
    """A BDAT or BURL was refused: nothing but RSET, or what forgets a transaction too, leads on."""
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
    """What can hold beside the state, and forbids or allows what a row says, or is required of a client."""

    TLS_ACTIVE = "TLS is active"
    AUTHENTICATED = "authenticated"
    BINARY_MIME = "the message is BINARYMIME"
    PRDR = "MAIL has asked for PRDR"

    if not TYPE_CHECKING:  # as of State
        __hash__ = object.__hash__


class Replies(enum.Enum):
    """How many replies an event is due."""

    ONE = "one"
    PER_RECIPIENT = "one, in LMTP one for each accepted recipient"
    """RFC 2033 sections 4.2 and 4.3: none at all if no recipient was accepted."""
    VERDICTS = "one for each accepted recipient, and one for all"
    """PRDR, behind its 353."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What a command leads to in a state, by the first digit of the reply.

    `positive` for 2yz, `intermediate` for 3yz, `negative` for 4yz and 5yz; None: there is no such reply.
    `extensions` are the EHLO keywords that must have been offered, `unless` what must not hold, `needs` what
    must, `intermediate_if` what must for a 3yz. `is_legal` is False for what is out of order and may have
    been sent all the same, in a group of which an earlier command failed: a server refuses it or, as RFC
    2920 section 3.1 foresees for DATA, does not.
    """

    positive: State | None
    negative: State
    intermediate: State | None = None
    extensions: tuple[str, ...] = ()
    unless: Condition | None = None
    needs: Condition | None = None
    intermediate_if: Condition | None = None
    replies: Replies = Replies.ONE
    is_legal: bool = True
    # Asked for at each command and each reply, so it is no property.
    success: State = field(init=False, repr=False, compare=False)
    """The state to expect when commands are sent ahead of their replies."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "success", self.positive or self.intermediate or self.negative)

    def under(self, conditions: Container[Condition]) -> Row:
        """Return the row for when *conditions* hold: without the 3yz that needs another one."""
        if self.intermediate_if is None or self.intermediate_if in conditions:
            return self
        return _without_intermediate(self)

    def after(self, code: int) -> State | None:
        """Return the state after a reply of *code*; None if such a reply answers nothing."""
        if code >= 400:
            return self.negative
        return self.intermediate if code >= 300 else self.positive


@cache
def _without_intermediate(row: Row) -> Row:
    return replace(row, intermediate=None)


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
GROUPABLE: Final = frozenset({"MAIL", "RCPT", "RSET", "message", "BDAT", "BURL"})
"""What may stand anywhere in a pipelined group; all else only at its end (RFC 2920 section 3.1).

The last BDAT or BURL is such an end: a client "MUST wait for the results" (RFC 4468 section 3.2).
"""

_ANYTIME: Final = ("NOOP", "HELP", "VRFY", "EXPN")
_GREETED: Final = (
    State.START,
    State.READY,
    State.TRANSACTION,
    State.RECIPIENTS,
    State.CHUNKS,
    State.FAILED,
)
IN_TRANSACTION: Final = frozenset({*_GREETED[2:], State.BODY, State.ENDED, State.VERDICTS})
"""Where recipients that were accepted count."""


def _rows() -> dict[tuple[State, str], Row]:
    start, ready, transaction, recipients, chunks, failed = _GREETED
    rows = {
        (State.GREETING, "greeting"): Row(positive=start, negative=State.REFUSED),
        (State.REFUSED, "QUIT"): Row(positive=State.CLOSED, negative=State.REFUSED),
        (ready, "MAIL"): Row(positive=transaction, negative=ready),
        (transaction, "RCPT"): Row(positive=recipients, negative=transaction),
        (recipients, "RCPT"): Row(positive=recipients, negative=recipients),
        (recipients, "DATA"): Row(
            positive=None, intermediate=State.BODY, negative=recipients, unless=Condition.BINARY_MIME
        ),
        (transaction, "DATA"): Row(
            positive=None, intermediate=State.BODY, negative=transaction, is_legal=False
        ),
        (ready, "DATA"): Row(positive=None, intermediate=State.BODY, negative=ready, is_legal=False),
        # "DATA and BDAT commands cannot be used in the same transaction" (RFC 3030 section 2)
        (chunks, "DATA"): Row(positive=None, negative=failed, is_legal=False),
        (State.BODY, "message"): Row(positive=None, negative=State.CLOSED),
        (State.ENDED, "message"): _ending(ready),
        (State.VERDICTS, "message"): Row(positive=ready, negative=ready, replies=Replies.VERDICTS),
        (ready, "STARTTLS"): Row(
            positive=State.TLS, negative=ready, extensions=("STARTTLS",), unless=Condition.TLS_ACTIVE
        ),
        (ready, "AUTH"): Row(
            positive=ready,
            intermediate=State.AUTH,
            negative=ready,
            extensions=("AUTH",),
            unless=Condition.AUTHENTICATED,
        ),
        (ready, "ETRN"): Row(positive=ready, negative=ready, extensions=("ETRN",)),
        # Its positive reply is the greeting of what is a new session; another may follow before EHLO.
        (ready, "XCLIENT"): Row(positive=start, negative=ready, extensions=("XCLIENT",)),
        (start, "XCLIENT"): Row(positive=start, negative=start, extensions=("XCLIENT",)),
        (ready, "XFORWARD"): Row(positive=ready, negative=ready, extensions=("XFORWARD",)),
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
    return rows | _chunk_rows()


def _ending(after: State, extensions: tuple[str, ...] = (), needs: Condition | None = None) -> Row:
    """Return the row of what ends a message, which leads to *after* whatever the answer is."""
    return Row(
        positive=after,
        negative=after,
        intermediate=State.VERDICTS,
        intermediate_if=Condition.PRDR,
        extensions=extensions,
        needs=needs,
        replies=Replies.PER_RECIPIENT,
    )


def _chunk_rows() -> dict[tuple[State, str], Row]:
    """Return the rows of BDAT and BURL. The name of the last one of a message ends in LAST.

    A refused one that is not the last leaves a message with a hole, so that nothing but RSET may follow.
    Out of order they are refused, and their octets are read all the same (RFC 3030 section 2).
    """
    start, ready, transaction, recipients, chunks, failed = _GREETED
    rows: dict[tuple[State, str], Row] = {}
    for verb, keyword, needs in (("BDAT", "CHUNKING", None), ("BURL", "BURL", Condition.AUTHENTICATED)):
        last = f"{verb} LAST"
        for state in (recipients, chunks):
            # "A more sophisticated BURL transaction MAY occur when the server also advertises CHUNKING"
            offered = tuple(dict.fromkeys((keyword, "CHUNKING")))
            rows[state, verb] = Row(positive=chunks, negative=failed, extensions=offered, needs=needs)
            rows[state, last] = _ending(ready, (keyword,), needs)
        unchanged = ((state, state) for state in (State.REFUSED, start, ready))
        for state, after in (*unchanged, (transaction, failed), (failed, failed)):
            rows[state, verb] = rows[state, last] = Row(positive=after, negative=after, is_legal=False)
        # RFC 2033 section 4.3: a reply for each accepted recipient, "zero replies" if there is none.
        for state in (transaction, failed):
            rows[state, last] = replace(rows[state, last], replies=Replies.PER_RECIPIENT)
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
    "BDAT": 180.0,
    "BDAT LAST": 600.0,
    "BURL": 600.0,
    "BURL LAST": 600.0,
}
"""Seconds that a client waits for each answer, "body" for a chunk to be sent.

RFC 5321 section 4.5.3.2, which grants at least these. A BURL is given the time of a message, since the
server has it fetched before it answers.
"""


def timeout_of(name: str) -> float:
    """Return the seconds to wait for the answer to *name*; five minutes where the RFC names none."""
    return TIMEOUTS.get(name, 300.0)


def row_of(state: State, name: str, known: bool = True) -> Row | None:
    """Return the row of *name* in *state*, None if it is not legal there.

    What is not *known*, the command of an extension, is legal wherever NOOP is and changes nothing.
    """
    return TRANSITIONS.get((state, name if known else "NOOP"))


def replies_due(row: Row, recipients: int, *, lmtp: bool) -> int:
    """Return how many replies what *row* allows is due, when *recipients* were accepted."""
    if row.replies is Replies.VERDICTS:
        return recipients + 1
    return recipients if lmtp and row.replies is Replies.PER_RECIPIENT else 1


def subjects_of(row: Row, recipients: Sequence[RecipientT], *, lmtp: bool) -> list[RecipientT | None]:
    """Return what each of the replies that *row* allows is about: a recipient, or None: all of them."""
    if row.replies is Replies.VERDICTS:
        return [*recipients, None]
    return [*recipients] if lmtp and row.replies is Replies.PER_RECIPIENT else [None]


def next_state(state: State, name: str) -> State:
    """Return the state if *name* succeeds; *state* itself if it is not legal there."""
    row = TRANSITIONS.get((state, name))
    return state if row is None else row.success
