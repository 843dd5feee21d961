"""Peers that say the wrong thing at the wrong time: no order is lost, and memory is bounded."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from mailproto.errors import ConnectionClosed, LimitExceeded, LocalProtocolError, RemoteProtocolError
from mailproto.limits import SMTPLimits
from mailproto.sasl import PlainClient
from mailproto.smtp import (
    ETRN,
    EXTENSIONS,
    XCLIENT,
    XFORWARD,
    Auth,
    InvalidCommand,
    Mail,
    Noop,
    Rcpt,
    Reply,
    SASLResponse,
    SMTPClientConnection,
    SMTPHandler,
    SMTPServerConnection,
    StartTLS,
    State,
)
from mailproto.smtp.client_flows import send_message
from mailproto.smtp.server_flow import Service, serve
from mailproto.smtp.session_flows import authenticate, command, open_session
from mailproto.wants import Wants
from support_flows import FlowRun
from support_smtp import pull, ready_client, ready_server, sent
from support_smtp import serve as accept_all
from support_smtp_clients import CLIENTS, EHLO_OK, GREETING, connected, scripted
from support_smtp_requests import A, B, client_in
from support_split import splits

MIB = 1_048_576
ENVELOPE: dict[str, Any] = {"reverse_path": "a@x.example", "forward_paths": ["b@x.example"]}


@pytest.mark.parametrize("code", [220, 250, 334, 354])
def test_a_positive_reply_in_the_middle_of_a_message(code: int) -> None:
    for pieces in splits(b"%d accepted\r\n" % code):
        client = client_in(State.BODY)
        client.send_body(b"half")
        with pytest.raises(RemoteProtocolError, match=f"expected no reply, got {code}"):
            for piece in pieces:
                client.receive_data(piece)
                pull(client)
        client.data_to_send()
        assert client.wants is Wants.CLOSED


UNREAD: dict[str, Callable[[SMTPClientConnection], Any]] = {
    "a command": lambda conn: command(conn, Noop()),
    "a message": lambda conn: send_message(conn, b"x", **ENVELOPE),
    "a login": lambda conn: authenticate(conn, [PlainClient("a", "b")], allow_cleartext=True),
}


@pytest.mark.parametrize("what", UNREAD)
def test_a_reply_that_came_before_its_command_answers_nothing(what: str) -> None:
    """A second reply to the last command must not be taken for that to the next one, wherever it is cut."""
    first, second = b"250 ok\r\n", b"235 and another\r\n"
    for at in range(1, len(second) + 1):
        client = ready_client()
        before = FlowRun(client, command(client, Noop()))
        before.feed(first + second[:at])
        before.take_sent()
        run = FlowRun(client, UNREAD[what](client))
        if at < len(second):
            run.feed(second[at:])
        assert isinstance(run.error, RemoteProtocolError)
        assert at < len(second) or run.take_sent() == b""


@pytest.mark.parametrize("what", UNREAD)
def test_a_421_that_came_before_a_command(what: str) -> None:
    client = ready_client()
    client.receive_data(b"421 4.3.2 closing\r\n")
    run = FlowRun(client, UNREAD[what](client))
    assert isinstance(run.error, ConnectionClosed)
    assert run.take_sent() == b""


@pytest.mark.parametrize("octets", [b"250-go\r\n354 go\r\n", b"354-go\r\n250 go\r\n"])
def test_a_changing_code_opens_no_message_that_was_not_asked_for(octets: bytes) -> None:
    client = client_in(State.READY)
    client.send_command(Noop() if octets.endswith(b"354 go\r\n") else Mail(A))
    client.receive_data(octets)
    if octets.endswith(b"354 go\r\n"):
        with pytest.raises(RemoteProtocolError):
            client.next_event()
    else:
        pull(client)
        assert client.state is State.TRANSACTION


def test_ten_thousand_replies_that_nobody_asked_for() -> None:
    client = client_in(State.READY)
    tracemalloc.start()
    client.receive_data(b"250 evil\r\n" * 10_000)
    with pytest.raises(RemoteProtocolError, match="expected no reply"):
        pull(client)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert client.buffered == 0
    assert peak < MIB


def test_ten_thousand_replies_to_two_thousand_commands() -> None:
    client = client_in(State.READY)
    client.send_command(Mail(A))
    for _ in range(2_000):
        client.send_command(Rcpt(B))
    client.receive_data(b"250 ok\r\n" * 10_000)
    replies = [client.next_event() for _ in range(2_001)]
    assert replies == [Reply(250, ("ok",))] * 2_001
    with pytest.raises(RemoteProtocolError, match="expected no reply"):
        client.next_event()
    assert client.buffered == 0


@pytest.mark.parametrize("kind", CLIENTS)
def test_ten_thousand_replies_over_sockets(kind: str) -> None:
    turns = ((b"", GREETING), (b"EHLO me.example\r\n", EHLO_OK), (b"DATA\r\n", b"250 ok\r\n" * 10_000))
    with scripted(*turns, closes=True) as (port, script), connected(kind, port) as smtp:
        with pytest.raises(RemoteProtocolError, match="expected an answer to DATA, got 250"):
            smtp.send_message(b"x", **ENVELOPE)
        assert not smtp.is_open
    assert script.received.endswith(b"DATA\r\n")


PIPELINED: dict[str, tuple[bytes, bytes, int]] = {
    "NOOP": (b"NOOP\r\n", b"250 2.0.0 nothing done\r\n", 10_000),
    "RSET": (b"RSET\r\n", b"250 2.0.0 forgotten\r\n", 10_000),
    "EHLO": (b"HELO me\r\n", b"250 mx.example\r\n", 10_000),
    "MAIL and RSET": (
        b"MAIL FROM:<>\r\nRSET\r\n",
        b"250 2.1.0 sender accepted\r\n250 2.0.0 forgotten\r\n",
        10_000,
    ),
    "ETRN": (b"ETRN x.example\r\n", b"458 4.3.0 the queue cannot be started\r\n", 10_000),
    "XCLIENT": (b"XCLIENT PORT=1\r\n", b"550 5.7.0 insufficient authorization\r\n", 10_000),
    "unknown": (b"FOO\r\n", b"500 5.5.1 command unknown\r\n", 20),
    "out of order": (b"DATA\r\n", b"503 5.5.1 bad sequence of commands\r\n", 20),
    "empty": (b"\r\n", b"500 5.5.2 expected a command\r\n", 20),
}


@pytest.mark.parametrize("line, answer, answered", PIPELINED.values(), ids=PIPELINED)
def test_ten_thousand_pipelined_commands(line: bytes, answer: bytes, answered: int) -> None:
    """All are answered in order, or the session ends; meanwhile no more waits than is flushed at once."""
    conn = SMTPServerConnection(hostname="mx.example", extensions=(*EXTENSIONS, ETRN, XCLIENT, XFORWARD))
    flow = serve(conn, Service(handler=SMTPHandler()))
    conn.receive_data(b"EHLO me\r\n" + line * 10_000 + b"QUIT\r\n")
    tracemalloc.start()
    waited = [b"".join(conn.data_to_send()) for _ in iter(lambda: next(flow, None), None)]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    said = b"".join([*waited, *conn.data_to_send()])
    is_ended = answered < 10_000
    last = b"421 4.7.0 too many bad commands\r\n" if is_ended else b"221 2.0.0 closing the connection\r\n"
    assert said.partition(b" SOURCE\r\n")[2] == answer * answered + last
    assert conn.wants is Wants.CLOSED
    assert max(map(len, waited)) <= conn.max_unsent + 1_000
    assert peak < 4 * MIB


def auth_server() -> SMTPServerConnection:
    return ready_server(SMTPServerConnection(hostname="mx.example", auth_mechanisms=("PLAIN",)))


LIMIT = SMTPLimits().max_auth_line


@pytest.mark.parametrize("size, codes", [(LIMIT, []), (LIMIT + 4, [500]), (MIB, [500])])
def test_a_sasl_response_longer_than_allowed(size: int, codes: list[int]) -> None:
    response = b"A" * ((size - 2) // 4 * 4) + b"\r\n"

    def run(pieces: list[bytes]) -> list[Any]:
        conn = auth_server()
        conn.receive_data(b"AUTH PLAIN\r\n")
        conn.next_event()
        conn.send_reply(Reply(334))
        events = accept_all(conn, pieces)
        assert conn.buffered == 0
        return events

    in_twenty = [response[at : at + size // 20] for at in range(0, len(response), size // 20)]
    for pieces in ([response], [response[:-1], b"\n"], [response[:100], response[100:]], in_twenty):
        first, second = run([*pieces, b"NOOP\r\n"])
        assert second == Noop()
        if codes:
            assert isinstance(first, InvalidCommand)
            assert [first.reply.code] == codes
            assert (first.excerpt, first.name) == (b"***", "SASL response")
        else:
            assert isinstance(first, SASLResponse)


@pytest.mark.parametrize("state", [State.READY, State.AUTH], ids=["to AUTH", "to a response"])
def test_a_challenge_as_long_as_allowed(state: State) -> None:
    """RFC 4954 section 4: 12,288 octets, which is more than any other reply may have."""
    challenge = b"334 " + b"A" * (LIMIT - 8) + b"\r\n"
    for pieces in ([challenge], [challenge[:5_000], challenge[5_000:]]):
        client = client_in(state)
        client.send_command(Auth("PLAIN")) if state is State.READY else client.send_sasl(b"x")
        for piece in pieces:
            client.receive_data(piece)
            events = pull(client)
        assert [getattr(event, "code", 0) for event in events] == [334]


def test_a_server_sends_a_challenge_as_long_as_a_client_takes() -> None:
    for size, is_sent in ((LIMIT - 8, True), (LIMIT, False)):
        conn = auth_server()
        conn.receive_data(b"AUTH PLAIN\r\n")
        conn.next_event()
        challenge = Reply(334, ("A" * size,))
        if is_sent:
            conn.send_reply(challenge)
        else:
            with pytest.raises(LocalProtocolError, match="at most 12288"):
                conn.send_reply(challenge)
        assert sent(conn) == (challenge.serialize() if is_sent else b"")
    conn = ready_server()
    conn.receive_data(b"NOOP\r\n")
    conn.next_event()
    with pytest.raises(LocalProtocolError, match="at most 4096"):
        conn.send_reply(Reply(250, ("A" * 4_096,)))


@pytest.mark.parametrize("state", [State.READY, State.AUTH], ids=["to AUTH", "to a response"])
@pytest.mark.parametrize("end", [b"\r\n", b""], ids=["a line", "no line end"])
def test_a_challenge_longer_than_allowed(state: State, end: bytes) -> None:
    client = client_in(state)
    client.send_command(Auth("PLAIN")) if state is State.READY else client.send_sasl(b"x")
    client.receive_data(b"334 " + b"A" * LIMIT + end)
    with pytest.raises(LimitExceeded, match="max_auth_line"):
        client.next_event()
    assert client.buffered == 0


STARTTLS_REPLIES = [b"220 go\r\n", b"220-go\r\n220 now\r\n"]


@pytest.mark.parametrize("reply", STARTTLS_REPLIES)
@pytest.mark.parametrize(
    "behind", [b"2", b"250 ok\r\n", b"250-mx\r\n250 AUTH PLAIN\r\n", b"\0", b"\x16\x03\x01"]
)
def test_octets_behind_the_reply_to_starttls_cut_anywhere(reply: bytes, behind: bytes) -> None:
    for pieces in splits(reply + behind):
        client = client_in(State.READY)
        client.send_command(StartTLS())
        with pytest.raises(RemoteProtocolError, match="in the clear behind the reply to STARTTLS"):
            for piece in pieces:
                client.receive_data(piece)
                pull(client)
        assert (client.wants, client.buffered) == (Wants.CLOSED, 0)


@pytest.mark.parametrize(
    "behind", [b"R", b"RSET\r\n", b"EHLO evil\r\nMAIL FROM:<evil@x>\r\n", b"\r\n", b"\n"]
)
def test_octets_behind_starttls_cut_anywhere(behind: bytes) -> None:
    for pieces in splits(b"STARTTLS\r\n" + behind):
        conn = ready_server(SMTPServerConnection(hostname="mx.example", start_tls=True))
        for piece in pieces:
            conn.receive_data(piece)
            if conn.next_event() is not None:
                conn.send_reply(Reply(220))
        assert (conn.dropped, conn.buffered, conn.wants) == (len(behind), 0, Wants.TLS)
        conn.tls_started()
        assert conn.hello is None
        conn.receive_data(b"NOOP\r\n")
        assert conn.next_event() == Noop()


def test_a_server_that_greets_ahead() -> None:
    """Replies sent before the commands that they would answer are none (RFC 5321 section 4.1.4)."""
    client = SMTPClientConnection()
    run = FlowRun(client, open_session(client, "me.example"))
    run.feed(b"220 mx\r\n250-mx\r\n250 AUTH PLAIN\r\n")
    assert isinstance(run.error, RemoteProtocolError)
    assert run.take_sent() == b""
