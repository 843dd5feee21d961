from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.smtp.state import GROUPABLE, TRANSITIONS, Condition, State, next_state, row_of, timeout_of

NAMES = sorted({name for _, name in TRANSITIONS})

LEGAL = {
    State.GREETING: "greeting",
    State.REFUSED: "QUIT",
    State.START: "EHLO EXPN HELO HELP LHLO NOOP QUIT RSET VRFY XCLIENT",
    State.READY: "AUTH EHLO ETRN EXPN HELO HELP LHLO MAIL NOOP QUIT RSET STARTTLS VRFY XCLIENT XFORWARD",
    State.TRANSACTION: "EHLO EXPN HELO HELP LHLO NOOP QUIT RCPT RSET VRFY",
    State.RECIPIENTS: "DATA EHLO EXPN HELO HELP LHLO NOOP QUIT RCPT RSET VRFY",
    State.BODY: "message",
    State.ENDED: "message",
    State.AUTH: "SASL response",
    State.TLS: "",
    State.CLOSED: "",
}


@pytest.mark.parametrize("state", State)
def test_what_is_legal_where(state: State) -> None:
    legal = [name for name in NAMES if (row := row_of(state, name)) is not None and row.is_legal]
    assert " ".join(sorted(legal, key=str)) == LEGAL[state]


def test_a_transaction_from_end_to_end() -> None:
    state = State.GREETING
    for name in ("greeting", "EHLO", "MAIL", "RCPT", "RCPT", "DATA"):
        state = next_state(state, name)
    assert state is State.BODY
    assert next_state(State.ENDED, "message") is State.READY
    assert next_state(State.READY, "QUIT") is State.CLOSED
    assert next_state(State.READY, "RCPT") is State.READY


@pytest.mark.parametrize(
    "state, name, code, after",
    [
        (State.GREETING, "greeting", 220, State.START),
        (State.GREETING, "greeting", 554, State.REFUSED),
        (State.READY, "EHLO", 502, State.READY),
        (State.RECIPIENTS, "EHLO", 250, State.READY),
        (State.RECIPIENTS, "EHLO", 501, State.RECIPIENTS),
        (State.RECIPIENTS, "RSET", 250, State.READY),
        (State.START, "RSET", 250, State.START),
        (State.TRANSACTION, "RCPT", 550, State.TRANSACTION),
        (State.RECIPIENTS, "DATA", 354, State.BODY),
        (State.RECIPIENTS, "DATA", 250, None),
        (State.TRANSACTION, "DATA", 354, State.BODY),
        (State.READY, "MAIL", 354, None),
        (State.READY, "AUTH", 334, State.AUTH),
        (State.READY, "AUTH", 235, State.READY),
        (State.AUTH, "SASL response", 334, State.AUTH),
        (State.AUTH, "SASL response", 535, State.READY),
        (State.READY, "STARTTLS", 220, State.TLS),
        (State.ENDED, "message", 552, State.READY),
        (State.READY, "ETRN", 253, State.READY),
        (State.READY, "ETRN", 459, State.READY),
        (State.READY, "XCLIENT", 220, State.START),
        (State.READY, "XCLIENT", 550, State.READY),
        (State.READY, "XFORWARD", 250, State.READY),
    ],
)
def test_replies_decide(state: State, name: str, code: int, after: State | None) -> None:
    row = row_of(state, name)
    assert row is not None
    assert row.after(code) is after


def test_columns() -> None:
    tls, auth, message = (
        row_of(state, name)
        for state, name in ((State.READY, "STARTTLS"), (State.READY, "AUTH"), (State.ENDED, "message"))
    )
    assert tls is not None
    assert (tls.extension, tls.unless) == ("STARTTLS", Condition.TLS_ACTIVE)
    assert auth is not None
    assert (auth.extension, auth.unless) == ("AUTH", Condition.AUTHENTICATED)
    assert message is not None
    assert message.is_per_recipient
    assert {"MAIL", "RCPT", "RSET", "message"} == GROUPABLE
    assert row_of(State.READY, "XFOO", known=False) is row_of(State.READY, "NOOP")


def test_timeouts_of_rfc_5321() -> None:
    names = ("greeting", "MAIL", "RCPT", "DATA", "body", "message", "server", "EHLO")
    assert [timeout_of(name) for name in names] == [300, 300, 300, 120, 180, 600, 300, 300]


@given(st.sampled_from(list(State)), st.sampled_from(NAMES), st.integers(200, 599))
def test_the_table_leads_only_to_states(state: State, name: str, code: int) -> None:
    row = row_of(state, name)
    if row is None:
        assert next_state(state, name) is state
    else:
        assert row.after(code) in {*State, None}
        assert row.success in State
