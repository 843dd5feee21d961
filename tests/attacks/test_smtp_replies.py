"""Servers that answer wrong: each request of a client, found by introspection, at every cut.

A 354 to everything, replies that change their code from line to line, and replies that nobody asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from mailproto.errors import LocalProtocolError, RemoteProtocolError
from mailproto.smtp import (
    ETRN,
    EXTENSIONS,
    XCLIENT,
    XFORWARD,
    Burl,
    Command,
    Extension,
    InvalidCommand,
    Reply,
    SMTPClientConnection,
    SMTPServerConnection,
    State,
    burl,
)
from mailproto.smtp.state import TRANSITIONS
from mailproto.wants import Wants
from support_smtp import answer_to, greeted_server, sent, serve
from support_smtp_requests import REQUESTS, client_in, client_that_awaits, say
from support_split import for_every_split, splits


def test_every_request_of_the_table_is_answered_here() -> None:
    assert {name for _, name in TRANSITIONS} <= set(REQUESTS)


AWAITS_3YZ = {
    "DATA": (State.BODY, Wants.BODY),
    "AUTH": (State.AUTH, Wants.REPLY),
    "SASL response": (State.AUTH, Wants.REPLY),
    "message by PRDR": (State.VERDICTS, Wants.DATA),
}
"""What has an intermediate reply (RFC 5321 section 4.3.2, RFC 4954, PRDR), and what it leads to."""


@pytest.mark.parametrize("code", [300, 334, 353, 354, 399])
@pytest.mark.parametrize("name", REQUESTS)
def test_an_intermediate_reply_to_everything(name: str, code: int) -> None:
    """Where there is none it ends the connection, and nothing more is sent; at no cut before its end."""
    for pieces in splits(b"%d-go\r\n%d on\r\n" % (code, code)):
        client = client_that_awaits(name)
        before = (client.state, client.wants, client.pending)
        for piece in pieces[:-1]:
            client.receive_data(piece)
            assert client.next_event() is None
            assert (client.state, client.wants, client.pending) == before
        client.receive_data(pieces[-1])
        if name in AWAITS_3YZ:
            assert client.next_event() == Reply(code, ("go", "on"))
            assert (client.state, client.wants) == AWAITS_3YZ[name]
            continue
        with pytest.raises(RemoteProtocolError, match=f"got {code}"):
            client.next_event()
        assert (client.wants, client.buffered, client.unsent) == (Wants.CLOSED, 0, 0)


CHANGING = [
    (250, 550), (550, 250), (250, 354), (354, 250), (354, 550), (220, 250), (235, 334), (334, 235),
    (421, 250), (250, 421), (250, 354, 450), (550, 354, 250),
]  # fmt: skip
"""The codes of the lines of one reply."""


def outcome(client: SMTPClientConnection, pieces: Sequence[bytes]) -> tuple[list[Any], list[object]]:
    """Return the events that *pieces* bring, and all that there is to see of *client* behind them."""
    events: list[Any] = []
    error = ""
    try:
        for piece in pieces:
            client.receive_data(piece)
            while (event := client.next_event()) is not None:
                events.append(event)
    except RemoteProtocolError as caught:
        error = str(caught)
    extensions = client.extensions.pairs if client.hello is None else ()
    flags = [client.is_authenticated, client.is_tls_active, client.hello, extensions, client.recipients]
    state = [client.state, client.wants, client.pending, client.timeout, client.buffered, client.unsent]
    return events, [error, *state, *flags]


@pytest.mark.parametrize("codes", CHANGING, ids=str)
@pytest.mark.parametrize("name", REQUESTS)
def test_a_reply_that_changes_its_code_midway(name: str, codes: tuple[int, ...]) -> None:
    """It does what its last code alone does, at its end, with a defect (RFC 5321 section 4.2.1)."""
    octets = b"".join(b"%d-x\r\n" % code for code in codes[:-1]) + b"%d x\r\n" % codes[-1]
    expected, state = outcome(client_that_awaits(name), [b"%d x\r\n" % codes[-1]])
    for pieces in splits(octets):
        client = client_that_awaits(name)
        before, _ = outcome(client, pieces[:-1])
        assert before == []
        assert client.state is client_that_awaits(name).state
        events, after = outcome(client, pieces[-1:])
        assert [reply.code for reply in events] == [reply.code for reply in expected]
        assert after == state
        assert all({defect.rule for defect in reply.defects} == {"reply-codes-differ"} for reply in events)


@pytest.mark.parametrize("name", REQUESTS)
def test_under_strict_a_reply_that_changes_its_code_ends_the_connection(name: str) -> None:
    for pieces in splits(b"250-x\r\n550 x\r\n"):
        events, (error, *_) = outcome(client_that_awaits(name, strict=True), pieces)
        assert events == []
        assert str(error).startswith("reply-codes-differ")


ACCEPTING = {"greeting": 220, "DATA": 354, "AUTH": 235, "SASL response": 235, "STARTTLS": 220, "QUIT": 221}
UNASKED = [220, 250, 334, 354, 450, 550]


@pytest.mark.parametrize("code", UNASKED)
@pytest.mark.parametrize("name", REQUESTS)
def test_a_reply_too_many_behind_each_answer(name: str, code: int) -> None:
    """What is behind the answers ends the connection instead of answering what is sent next."""
    answer = b"%d ok\r\n" % ACCEPTING.get(name, 250)
    due = 2 if name == "message by LMTP" else 1

    def run(pieces: list[bytes]) -> list[Any]:
        events, (error, _, wants, pending, _, buffered, unsent, *_) = outcome(
            client_that_awaits(name), pieces
        )
        assert (wants, pending, buffered, unsent) == (Wants.CLOSED, 0, 0, 0)
        # How many octets came in the clear by then depends on the cut.
        return [*events, str(error).lstrip("0123456789")]

    *replies, error = for_every_split(answer * due + b"%d-evil\r\n%d evil\r\n" % (code, code), run)
    if name == "QUIT":
        assert error == ""
    elif name == "STARTTLS":
        assert error == " octets came in the clear behind the reply to STARTTLS"
    elif name == "DATA" and code >= 400:
        # The message is refused before its end; it must not be finished (RFC 5321 section 4.1.1.4).
        assert (error, replies.pop()) == ("", Reply(code, ("evil", "evil")))
    else:
        assert error == f"expected no reply, got {code}"
    assert [reply.code for reply in replies] == [ACCEPTING.get(name, 250)] * due


SILENT = [
    State.START, State.READY, State.REFUSED, State.TRANSACTION, State.RECIPIENTS, State.CHUNKS, State.FAILED,
    State.AUTH,
]  # fmt: skip
"""Where it is the client's turn."""


@pytest.mark.parametrize("code", UNASKED)
@pytest.mark.parametrize("state", SILENT)
def test_a_reply_that_nobody_asked_for(state: State, code: int) -> None:
    for pieces in splits(b"%d-x\r\n%d evil\r\n" % (code, code)):
        events, (error, _, wants, _, _, buffered, unsent, *_) = outcome(client_in(state), pieces)
        assert (events, error) == ([], f"expected no reply, got {code}")
        assert (wants, buffered, unsent) == (Wants.CLOSED, 0, 0)


def speak_early(name: str, octets: bytes) -> SMTPClientConnection:
    """Return a client to which *octets* came before it said *name*."""
    state, _ = REQUESTS[name]
    client = client_in(state, lmtp=name == "LHLO")
    client.receive_data(octets)
    if octets != EARLY:
        assert client.next_event() is None
    say(client, name)
    return client


EARLY = b"250-a\r\n250 b\r\n"
SAID = [name for name in REQUESTS if name != "greeting" and " by " not in name]


@pytest.mark.parametrize("name", SAID)
def test_a_reply_that_began_before_the_request_answers_nothing(name: str) -> None:
    """Nor one that had come whole and was not read."""
    for at in range(1, len(EARLY) + 1):
        client = speak_early(name, EARLY[:at])
        client.receive_data(EARLY[at:] + b"250 the answer\r\n")
        with pytest.raises(RemoteProtocolError, match="expected no reply, got 250"):
            client.next_event()
        assert (client.wants, client.buffered) == (Wants.CLOSED, 0)


@pytest.mark.parametrize("name", SAID)
def test_a_421_that_began_before_the_request_ends_the_session(name: str) -> None:
    octets = EARLY.replace(b"250", b"421")
    for at in range(1, len(octets)):
        client = speak_early(name, octets[:at])
        client.receive_data(octets[at:])
        assert client.next_event() == Reply(421, ("a", "b"))
        assert client.wants is Wants.CLOSED


def test_a_refusal_of_the_message_may_begin_before_its_end() -> None:
    octets = EARLY.replace(b"250", b"552")
    for at in range(1, len(octets)):
        client = speak_early("message", octets[:at])
        client.receive_data(octets[at:])
        assert client.next_event() == Reply(552, ("a", "b"))
        assert (client.state, client.pending) == (State.READY, 0)


@pytest.mark.parametrize("ending", ["abort", "421"])
def test_after_the_end_nothing_that_comes_is_read_or_kept(ending: str) -> None:
    for pieces in splits(b"250-x\r\n250 evil\r\n"):
        client = client_in(State.READY)
        if ending == "421":
            client.receive_data(b"421 closing\r\n250-x")
            assert client.next_event() == Reply(421, ("closing",))
        else:
            client.abort()
        assert outcome(client, pieces)[0] == []
        assert (client.wants, client.buffered) == (Wants.CLOSED, 0)


@pytest.mark.parametrize(
    "ending", [b"QUIT\r\n", b"GET / HTTP/1.1\r\n", b"DATA\r\n" * 21], ids=["QUIT", "stranger", "bad"]
)
def test_after_the_end_a_server_reads_and_keeps_nothing(ending: bytes) -> None:
    for pieces in splits(b"MAIL FROM:<evil@x.example>\r\nRSET"):
        conn = greeted_server()
        serve(conn, [ending + b"NOOP\r\nNO"])
        assert serve(conn, pieces) == []
        assert (conn.wants, conn.buffered) == (Wants.CLOSED, 0)


GOES_BEFORE: dict[State, bytes] = {
    State.START: b"",
    State.READY: b"EHLO me.example\r\n",
    State.TRANSACTION: b"EHLO me.example\r\nMAIL FROM:<a@x.example>\r\n",
    State.RECIPIENTS: b"EHLO me.example\r\nMAIL FROM:<a@x.example>\r\nRCPT TO:<b@x.example>\r\n",
}
LEGAL_3YZ = {"DATA", "AUTH"}


def server_in(state: State, command: Command) -> SMTPServerConnection:
    """Return a server in *state* that offers all that *command* needs."""
    rows = (*EXTENSIONS, ETRN, XCLIENT, XFORWARD, burl("imap"), Extension("XFOO", verbs=frozenset({"XFOO"})))
    is_lmtp = command.name == "LHLO"
    conn = SMTPServerConnection(
        hostname="mx.example", lmtp=is_lmtp, extensions=rows, auth_mechanisms=("PLAIN",), start_tls=True
    )
    greeted_server(conn)
    login = b"AUTH PLAIN AGEAYg==\r\n" if isinstance(command, Burl) else b""
    hello, end, rest = GOES_BEFORE[state].partition(b"\r\n")
    serve(conn, [hello + end + login + rest])
    sent(conn)
    assert conn.state is state
    return conn


COMMANDS = {name: (state, command) for name, (state, command) in REQUESTS.items() if command is not None}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_server_cannot_be_made_to_say_354_to_everything(name: str) -> None:
    """Nothing is queued, and the command still waits for its answer."""
    state, command = COMMANDS[name]
    for pieces in splits(command.serialize()):
        conn = server_in(state, command)
        for piece in pieces:
            assert conn.replies_due == 0
            conn.receive_data(piece)
            while (event := conn.next_event()) is not None:
                assert not isinstance(event, InvalidCommand)
        assert conn.replies_due == 1
        if name in LEGAL_3YZ:
            continue
        for code in (300, 334, 353, 354):
            with pytest.raises(LocalProtocolError, match=f"{code} is no answer to it"):
                conn.send_reply(Reply(code))
            assert (conn.replies_due, conn.unsent, conn.wants) == (1, 0, Wants.REPLY)
        conn.send_reply(Reply(550))


@pytest.mark.parametrize("code", [220, 250, 334, 354, 550])
@pytest.mark.parametrize("name", COMMANDS)
def test_a_server_cannot_be_made_to_answer_twice(name: str, code: int) -> None:
    state, command = COMMANDS[name]
    conn = server_in(state, command)
    conn.receive_data(command.serialize())
    while (event := conn.next_event()) is not None:
        if conn.replies_due:
            conn.send_reply(answer_to(conn, event))
    said = sent(conn)
    assert said
    with pytest.raises(LocalProtocolError):
        conn.send_reply(Reply(code))
    assert conn.unsent == 0
