"""Ten thousand commands or replies at a time, and lines of AUTH as long as they may be and longer.

Each is cut at every octet: the streams by the proof of `check_every_cut`, the lines by running every cut.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import pytest

from mailproto._secret import Secret
from mailproto.address import Path
from mailproto.errors import LimitExceeded, LocalProtocolError
from mailproto.limits import SMTPLimits
from mailproto.smtp import (
    ETRN,
    EXTENSIONS,
    XCLIENT,
    XFORWARD,
    Auth,
    ClientEvent,
    InvalidCommand,
    Mail,
    Noop,
    Rcpt,
    Reply,
    ServerEvent,
    SMTPClientConnection,
    SMTPHandler,
    SMTPServerConnection,
)
from mailproto.smtp.server_flow import Service, serve
from mailproto.wants import Wants
from support_flows import FlowRun
from support_smtp import answer_to, pull, ready_client, ready_server, sent
from support_smtp import serve as accept_all
from support_split import for_every_split
from support_streams import Walk, Watched, calls_made, check_every_cut

TIMES = 10_000
A, B = Path.of("a@x.example"), Path.of("b@x.example")


class Unit(NamedTuple):
    """What is said ten thousand times, the answer of a server, and the last of all if it ends the session."""

    octets: bytes
    answer: bytes
    answered: int = TIMES
    said_last: bytes = b""


TOO_MANY = b"421 4.7.0 too many bad commands\r\n"
COMMANDS = {
    "NOOP": Unit(b"NOOP\r\n", b"250 2.0.0 nothing done\r\n"),
    "HELO": Unit(b"HELO me\r\n", b"250 mx.example\r\n"),
    "MAIL and RSET": Unit(
        b"MAIL FROM:<>\r\nRSET\r\n", b"250 2.1.0 sender accepted\r\n250 2.0.0 forgotten\r\n"
    ),
    "XCLIENT": Unit(b"XCLIENT PORT=1\r\n", b"550 5.7.0 insufficient authorization\r\n"),
    "unknown": Unit(b"FOO\r\n", b"500 5.5.1 command unknown\r\n", 20, TOO_MANY),
    "out of order": Unit(b"DATA\r\n", b"503 5.5.1 bad sequence of commands\r\n", 20, TOO_MANY),
    "empty": Unit(b"\r\n", b"500 5.5.2 expected a command\r\n", 20, TOO_MANY),
    "bare LF": Unit(b"NOOP\n", b"250 2.0.0 nothing done\r\n"),
}


def make_server() -> SMTPServerConnection:
    rows = (*EXTENSIONS, ETRN, XCLIENT, XFORWARD)
    return ready_server(SMTPServerConnection(hostname="mx.example", extensions=rows))


def accept(conn: SMTPServerConnection, event: ServerEvent) -> None:
    conn.send_reply(answer_to(conn, event))


@pytest.mark.parametrize("unit", COMMANDS.values(), ids=COMMANDS)
def test_ten_thousand_commands_at_a_server(unit: Unit) -> None:
    walk = check_every_cut(make_server, accept, unit.octets * TIMES, unit.octets.index(b"\n") + 1)
    is_ended = bool(unit.said_last)
    events = unit.octets.count(b"\n") * unit.answered + is_ended
    assert (len(walk.steps), walk.conn.wants) == (events, Wants.CLOSED if is_ended else Wants.DATA)
    assert walk.most_buffered <= len(unit.octets)


@pytest.mark.parametrize("size", [1, 4_096])
@pytest.mark.parametrize("unit", COMMANDS.values(), ids=COMMANDS)
def test_ten_thousand_commands_at_the_flow_of_a_server(unit: Unit, size: int) -> None:
    """It sees the events alone, which no cut changes: it says the same, whenever it flushes."""
    conn = SMTPServerConnection(hostname="mx.example", extensions=(*EXTENSIONS, ETRN, XCLIENT, XFORWARD))
    run = FlowRun(conn, serve(conn, Service(handler=SMTPHandler())))
    run.feed(b"EHLO me\r\n")
    run.take_sent()
    stream = unit.octets * TIMES
    said = []
    for at in range(0, len(stream), size):
        run.feed(stream[at : at + size])
        said.append(run.take_sent())
        if run.is_done:
            break
        assert conn.buffered < len(unit.octets)
    assert b"".join(said) == unit.answer * unit.answered + unit.said_last
    assert run.error is None


def make_client(replies: int) -> Callable[[], SMTPClientConnection]:
    """Return what makes a client to which *replies* replies are due."""

    def make() -> SMTPClientConnection:
        client = ready_client(SMTPClientConnection(SMTPLimits(max_pending=TIMES)))
        if replies:
            client.send_command(Mail(A))
        for _ in range(replies - 1):
            client.send_command(Rcpt(B))
        sent(client)
        return client

    return make


def nothing(conn: SMTPClientConnection, event: ClientEvent) -> None:
    """Send no more."""


@pytest.mark.parametrize(
    "due, octets",
    [
        (0, b"250 ok\r\n"),
        (2_000, b"250\n"),
        (TIMES, b"250 ok\r\n"),
    ],
)
def test_ten_thousand_replies_to_so_many_commands(due: int, octets: bytes) -> None:
    """The first that nobody asked for ends the connection, and what is behind it is not kept."""
    walk = check_every_cut(make_client(due), nothing, octets * TIMES, len(octets))
    assert len(walk.steps) == min(due + 1, TIMES)
    assert all(isinstance(event, Reply) for event, _ in walk.steps[:due])
    if due < TIMES:
        assert walk.steps[-1][0] == "expected no reply, got 250"
        assert (walk.conn.wants, walk.conn.buffered) == (Wants.CLOSED, 0)
    assert walk.most_buffered <= len(octets)


def calls_for(make: Callable[[], Any], react: Callable[[Any, Any], None], stream: bytes, size: int) -> int:
    """Return how many calls it takes to read *stream* in pieces of *size* octets."""

    def run() -> None:
        walk: Any = Walk(make(), react)
        for at in range(0, len(stream), size):
            walk.feed(stream[at : at + size])

    run()
    return calls_made(run)


@pytest.mark.parametrize("size", [1, 1_000_000])
@pytest.mark.parametrize(
    "make, react, unit",
    [(make_server, accept, b"NOOP\r\n"), (make_client(1_000), nothing, b"250 ok\r\n")],
    ids=["commands", "replies"],
)
def test_twice_as_many_are_twice_the_work(
    make: Callable[[], Any], react: Callable[[Any, Any], None], unit: bytes, size: int
) -> None:
    calls = [calls_for(make, react, unit * times, size) for times in (250, 500, 1_000)]
    assert calls[2] - calls[1] == pytest.approx(2 * (calls[1] - calls[0]), rel=0.01)


@pytest.mark.parametrize(
    "make, react, unit",
    [(make_server, accept, b"NOOP\r\n"), (make_client(TIMES), nothing, b"250 ok\r\n")],
    ids=["commands", "replies"],
)
def test_each_octet_of_them_is_searched_once_and_copied_once(
    make: Callable[[], Any], react: Callable[[Any, Any], None], unit: bytes
) -> None:
    stream = Watched(unit * TIMES)
    walk: Any = Walk(make(), react)
    walk.feed(stream)
    assert len(walk.steps) == TIMES
    assert (stream.searched, stream.copied) == (len(stream), len(stream))


LIMIT = SMTPLimits().max_auth_line


def line_of(size: int, start: bytes = b"") -> bytes:
    """Return a line of *size* octets that is nothing but base64 behind *start*."""
    return start + b"A" * (size - len(start) - 2) + b"\r\n"


def longest_line(start: bytes = b"") -> bytes:
    """Return the longest line with whole groups of base64 behind *start* that is allowed."""
    return line_of(LIMIT - (LIMIT - len(start) - 2) % 4, start)


def in_login() -> SMTPServerConnection:
    conn = in_session()
    conn.receive_data(b"AUTH PLAIN\r\n")
    conn.next_event()
    conn.send_reply(Reply(334))
    sent(conn)
    return conn


def in_session() -> SMTPServerConnection:
    return ready_server(SMTPServerConnection(hostname="mx.example", auth_mechanisms=("PLAIN",)))


INITIAL = b"AUTH PLAIN "
LINES: dict[str, tuple[Callable[[], SMTPServerConnection], bytes, str]] = {
    "response as long as allowed": (in_login, longest_line(), "SASLResponse"),
    "response one octet longer": (in_login, line_of(LIMIT + 1), "500 5.5.6"),
    "response a thousand octets longer": (in_login, line_of(LIMIT + 1_000), "500 5.5.6"),
    "initial response as long as allowed": (in_session, longest_line(INITIAL), "Auth"),
    "initial response one octet longer": (in_session, line_of(LIMIT + 1, INITIAL), "500 5.5.2"),
}


@pytest.mark.parametrize("make, line, outcome", LINES.values(), ids=LINES)
def test_a_line_of_auth_at_a_server(
    make: Callable[[], SMTPServerConnection], line: bytes, outcome: str
) -> None:
    """It is one answer, whatever its length; no more is kept than the limit, and the session goes on."""
    stream = line + b"NOOP\r\n"

    def run(pieces: Sequence[bytes]) -> list[ServerEvent]:
        conn = make()
        events = accept_all(conn, pieces[:1])
        assert conn.buffered <= LIMIT
        events += accept_all(conn, pieces[1:])
        assert (conn.buffered, conn.wants) == (0, Wants.DATA)
        return events

    first, second = for_every_split(stream, run, len(stream))
    assert second == Noop()
    if isinstance(first, InvalidCommand):
        assert b"AAAA" not in first.excerpt
        assert f"{first.reply.code} {first.reply.enhanced_code}" == outcome
    else:
        assert type(first).__name__ == outcome


def test_a_line_of_auth_is_kept_up_to_its_limit_and_no_octet_more() -> None:
    for make, start in ((in_login, b""), (in_session, INITIAL)):
        conn = make()
        for octet in line_of(2 * LIMIT, start):
            conn.receive_data(bytes([octet]))
            conn.next_event()
            assert conn.buffered <= LIMIT
        assert (conn.replies_due, conn.buffered) == (1, 0)


def to_auth() -> SMTPClientConnection:
    client = ready_client()
    client.send_command(Auth("PLAIN"))
    return client


def to_response() -> SMTPClientConnection:
    client = to_auth()
    client.receive_data(b"334 \r\n")
    pull(client)
    client.send_sasl(b"x")
    return client


def test_a_challenge_as_long_as_allowed_to_auth() -> None:
    line = longest_line(b"334 ")

    def run(pieces: Sequence[bytes]) -> list[ClientEvent]:
        client = to_auth()
        events = []
        for piece in pieces:
            client.receive_data(piece)
            events += pull(client)
            assert client.buffered <= LIMIT
        assert (client.buffered, client.wants) == (0, Wants.REPLY)
        return events

    assert for_every_split(line, run, len(line)) == [Reply(334, (line[4:-2].decode(),))]


def test_a_challenge_as_long_as_allowed_to_a_response() -> None:
    line = longest_line(b"334 ")
    walk = check_every_cut(to_response, nothing, line, len(line))
    assert [event for event, _ in walk.steps] == [Reply(334, (line[4:-2].decode(),))]
    assert (walk.conn.wants, walk.most_buffered) == (Wants.REPLY, len(line))


TOO_LONG = {
    "to AUTH": (to_auth, line_of(LIMIT + 1, b"334 ")),
    "to a response, without end": (to_response, line_of(LIMIT + 6, b"334 ")[:-2]),
}


@pytest.mark.parametrize("make, line", TOO_LONG.values(), ids=TOO_LONG)
def test_a_challenge_longer_than_allowed_at_a_client(
    make: Callable[[], SMTPClientConnection], line: bytes
) -> None:
    """It ends the connection as soon as it is too long, and nothing of it is kept."""

    def run(pieces: Sequence[bytes]) -> list[ClientEvent]:
        client = make()
        with pytest.raises(LimitExceeded, match="max_auth_line"):
            for piece in pieces:
                client.receive_data(piece)
                pull(client)
                assert client.buffered <= LIMIT
        assert (client.buffered, client.wants) == (0, Wants.CLOSED)
        return []

    assert for_every_split(line, run, len(line)) == []


def waiting_for_auth() -> SMTPClientConnection:
    client = ready_client()
    sent(client)
    return client


def waiting_for_response() -> SMTPClientConnection:
    client = to_response()
    client.receive_data(b"334 \r\n")
    pull(client)
    sent(client)
    return client


SAID: dict[
    str, tuple[Callable[[], SMTPClientConnection], bytes, Callable[[SMTPClientConnection, bytes], None]]
] = {
    "AUTH": (
        waiting_for_auth,
        INITIAL,
        lambda client, data: client.send_command(Auth("PLAIN", Secret(data))),
    ),
    "a response": (waiting_for_response, b"", lambda client, data: client.send_sasl(data)),
}


@pytest.mark.parametrize("make, start, say", SAID.values(), ids=SAID)
def test_what_a_client_says_in_auth_is_never_longer_than_allowed(
    make: Callable[[], SMTPClientConnection], start: bytes, say: Callable[[SMTPClientConnection, bytes], None]
) -> None:
    """The longest secret is sent; with one octet more it is refused, and nothing is queued."""
    size = (LIMIT - len(start) - 2) // 4 * 3
    client = make()
    for octets in (bytes(size + 1), bytes(10 * LIMIT)):
        with pytest.raises(LocalProtocolError, match=f"at most {LIMIT}"):
            say(client, octets)
        assert (client.unsent, client.pending) == (0, 0)
    say(client, bytes(size))
    assert sent(client) == longest_line(start)
