from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.smtp.state import (
    GROUPABLE,
    TRANSITIONS,
    Condition,
    Replies,
    State,
    next_state,
    replies_due,
    row_of,
    subjects_of,
    timeout_of,
)

NAMES = sorted({name for _, name in TRANSITIONS})

LEGAL = {
    State.GREETING: "greeting",
    State.REFUSED: "QUIT",
    State.START: "EHLO EXPN HELO HELP LHLO NOOP QUIT RSET VRFY XCLIENT",
    State.READY: "AUTH EHLO ETRN EXPN HELO HELP LHLO MAIL NOOP QUIT RSET STARTTLS VRFY XCLIENT XFORWARD",
    State.TRANSACTION: "EHLO EXPN HELO HELP LHLO NOOP QUIT RCPT RSET VRFY",
    State.RECIPIENTS: (
        "BDAT BDAT LAST BURL BURL LAST DATA EHLO EXPN HELO HELP LHLO NOOP QUIT RCPT RSET VRFY"
    ),
    State.CHUNKS: "BDAT BDAT LAST BURL BURL LAST EHLO EXPN HELO HELP LHLO NOOP QUIT RSET VRFY",
    State.FAILED: "EHLO EXPN HELO HELP LHLO NOOP QUIT RSET VRFY",
    State.BODY: "message",
    State.ENDED: "message",
    State.VERDICTS: "message",
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
        (State.ENDED, "message", 353, State.VERDICTS),
        (State.VERDICTS, "message", 250, State.READY),
        (State.VERDICTS, "message", 550, State.READY),
        (State.VERDICTS, "message", 353, None),
        (State.RECIPIENTS, "BDAT", 250, State.CHUNKS),
        (State.RECIPIENTS, "BDAT", 354, None),
        (State.RECIPIENTS, "BDAT", 452, State.FAILED),
        (State.CHUNKS, "BDAT", 250, State.CHUNKS),
        (State.CHUNKS, "BDAT", 552, State.FAILED),
        (State.CHUNKS, "BDAT LAST", 250, State.READY),
        (State.CHUNKS, "BDAT LAST", 550, State.READY),
        (State.CHUNKS, "BDAT LAST", 353, State.VERDICTS),
        (State.CHUNKS, "BURL", 250, State.CHUNKS),
        (State.CHUNKS, "BURL LAST", 554, State.READY),
        (State.CHUNKS, "DATA", 503, State.FAILED),
        (State.CHUNKS, "DATA", 354, None),
        (State.CHUNKS, "RSET", 250, State.READY),
        (State.TRANSACTION, "BDAT", 554, State.FAILED),
        (State.TRANSACTION, "BDAT LAST", 554, State.FAILED),
        (State.FAILED, "BDAT", 503, State.FAILED),
        (State.FAILED, "BDAT LAST", 503, State.FAILED),
        (State.FAILED, "BDAT LAST", 250, State.FAILED),
        (State.FAILED, "RSET", 250, State.READY),
        (State.READY, "BDAT LAST", 503, State.READY),
        (State.START, "BDAT", 503, State.START),
        (State.REFUSED, "BDAT", 503, State.REFUSED),
        (State.REFUSED, "BURL LAST", 503, State.REFUSED),
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
    assert (tls.extensions, tls.unless) == (("STARTTLS",), Condition.TLS_ACTIVE)
    assert auth is not None
    assert (auth.extensions, auth.unless) == (("AUTH",), Condition.AUTHENTICATED)
    assert message is not None
    assert message.replies is Replies.PER_RECIPIENT
    assert {"MAIL", "RCPT", "RSET", "message", "BDAT", "BURL"} == GROUPABLE
    assert row_of(State.READY, "XFOO", known=False) is row_of(State.READY, "NOOP")


@pytest.mark.parametrize(
    "name, extensions, needs",
    [
        ("BDAT", ("CHUNKING",), None),
        ("BDAT LAST", ("CHUNKING",), None),
        ("BURL", ("BURL", "CHUNKING"), Condition.AUTHENTICATED),
        ("BURL LAST", ("BURL",), Condition.AUTHENTICATED),
    ],
)
@pytest.mark.parametrize("state", [State.RECIPIENTS, State.CHUNKS])
def test_columns_of_chunks(
    state: State, name: str, extensions: tuple[str, ...], needs: Condition | None
) -> None:
    row = TRANSITIONS[state, name]
    assert (row.extensions, row.needs) == (extensions, needs)


REPLIES = [
    (State.RECIPIENTS, "RCPT", 1, 1),
    (State.ENDED, "message", 1, 2),
    (State.VERDICTS, "message", 3, 3),
    (State.CHUNKS, "BDAT", 1, 1),
    (State.CHUNKS, "BDAT LAST", 1, 2),
    (State.CHUNKS, "BURL LAST", 1, 2),
    (State.FAILED, "BDAT", 1, 1),
    (State.FAILED, "BDAT LAST", 1, 2),
    (State.READY, "BDAT LAST", 1, 1),
]


@pytest.mark.parametrize("state, name, smtp, lmtp", REPLIES)
def test_how_many_replies_are_due_for_two_recipients(state: State, name: str, smtp: int, lmtp: int) -> None:
    row = TRANSITIONS[state, name]
    assert [replies_due(row, 2, lmtp=is_lmtp) for is_lmtp in (False, True)] == [smtp, lmtp]
    assert [len(subjects_of(row, "ab", lmtp=is_lmtp)) for is_lmtp in (False, True)] == [smtp, lmtp]


def test_what_the_replies_are_about() -> None:
    assert subjects_of(TRANSITIONS[State.ENDED, "message"], "ab", lmtp=False) == [None]
    assert subjects_of(TRANSITIONS[State.ENDED, "message"], "ab", lmtp=True) == ["a", "b"]
    assert subjects_of(TRANSITIONS[State.VERDICTS, "message"], "ab", lmtp=False) == ["a", "b", None]


def test_lmtp_has_no_reply_to_the_last_bdat_without_recipients() -> None:
    row = TRANSITIONS[State.TRANSACTION, "BDAT LAST"]
    assert [replies_due(row, 0, lmtp=is_lmtp) for is_lmtp in (False, True)] == [1, 0]


def test_353_answers_only_what_has_asked_for_it() -> None:
    row = TRANSITIONS[State.ENDED, "message"]
    assert row.under({Condition.PRDR}) is row
    assert row.under({Condition.BINARY_MIME}).after(353) is None
    assert row.under(()).after(250) is State.READY
    data = TRANSITIONS[State.RECIPIENTS, "DATA"]
    assert data.under(()) is data


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
