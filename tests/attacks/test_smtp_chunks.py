"""BDAT with lengths that lie: nobody takes octets for commands or commands for octets, nothing is kept."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.address import NULL_PATH, Mailbox, Path
from mailproto.errors import LocalProtocolError, RemoteProtocolError
from mailproto.limits import SMTPLimits
from mailproto.smtp import (
    Bdat,
    BodyData,
    BodyEnded,
    ChunkData,
    ClientEvent,
    Command,
    ConnectionLost,
    InvalidCommand,
    Mail,
    Noop,
    Quit,
    Rcpt,
    Reply,
    Rset,
    ServerEvent,
    SMTPClientConnection,
    SMTPServerConnection,
    parse_commands,
)
from mailproto.smtp.client_flows import send_message
from mailproto.wants import Wants
from support_flows import END, FlowRun
from support_smtp import pull, ready_client, ready_server, sent, serve
from support_split import for_every_split, splits

MIB = 1_048_576
ENVELOPE = b"MAIL FROM:<>\r\nRCPT TO:<b@x>\r\n"
B = Path(Mailbox("b", "x"))
LIMITS = SMTPLimits(max_message=100, max_discard=200, max_bad_commands=50)


def seen(octets: bytes) -> tuple[list[str], bytes, list[int]]:
    """Return the names of the commands, the octets of messages, and the codes, the same for every cut."""
    codes: list[list[int]] = []

    def run(pieces: list[bytes]) -> list[ServerEvent]:
        conn = ready_server(SMTPServerConnection(LIMITS, hostname="mx.example"))
        events = serve(conn, pieces)
        codes.append([int(line[:3]) for line in sent(conn).splitlines()])
        return events

    events = for_every_split(octets, run)
    assert all(each == codes[0] for each in codes)
    names = [event.name for event in events if hasattr(event, "name")]
    message = b"".join(event.data for event in events if isinstance(event, BodyData))
    return names, message, codes[0]


COMMANDS = b"RSET\r\nNOOP\r\n"
# octets behind the envelope; what the server takes for commands; what it takes for the message; the codes
LIES: dict[str, tuple[bytes, list[str], bytes, list[int]]] = {
    "commands as octets": (b"BDAT 12 LAST\r\n" + COMMANDS, ["BDAT LAST"], COMMANDS, [250]),
    "the end of DATA as octets": (
        b"BDAT 19 LAST\r\n\r\n.\r\nMAIL FROM:<>\r\nNOOP\r\n",
        ["BDAT LAST", "NOOP"], b"\r\n.\r\nMAIL FROM:<>\r\n", [250, 250],
    ),
    "BDAT as octets": (b"BDAT 10 LAST\r\nBDAT 5\r\n12345", ["BDAT LAST"], b"BDAT 5\r\n12", [250]),
    "too short a length": (
        b"BDAT 5 LAST\r\n12345RSET\r\nNOOP\r\n", ["BDAT LAST", "RSET", "NOOP"], b"12345", [250, 250, 250],
    ),
    "too short by a word": (
        b"BDAT 5 LAST\r\n12345 and more\r\nNOOP\r\n", ["BDAT LAST", "", "NOOP"], b"12345", [250, 500, 250],
    ),
    "too long a length": (
        b"BDAT 9 LAST\r\n12345RSET\r\nNOOP\r\n", ["BDAT LAST", "", "NOOP"], b"12345RSET", [250, 500, 250],
    ),
    "nothing announced": (b"BDAT 0 LAST\r\nRSET\r\n", ["BDAT LAST", "RSET"], b"", [250, 250]),
    "refused, commands as octets": (
        b"BDAT 112 LAST\r\n" + COMMANDS + b"x" * 100 + b"QUIT\r\n", ["BDAT LAST", "QUIT"], b"", [552, 221],
    ),
    "refused, then commands as octets of the next": (
        b"BDAT 101\r\n" + b"x" * 101 + b"BDAT 12\r\n%bBDAT 12 LAST\r\n%bQUIT\r\n" % (COMMANDS, COMMANDS),
        ["BDAT", "BDAT", "BDAT LAST", "QUIT"], b"", [552, 503, 503, 221],
    ),
    "behind the last": (
        b"BDAT 1 LAST\r\nxBDAT 12\r\n" + COMMANDS + b"QUIT\r\n",
        ["BDAT LAST", "BDAT", "QUIT"], b"x", [250, 503, 221],
    ),
    "all but the last octet, so that the message has a bare CR": (
        b"BDAT 11\r\n%bBDAT 0 LAST\r\n" % COMMANDS,
        ["BDAT", "", "BDAT LAST", "BDAT LAST"], COMMANDS[:-1], [250, 500, 550],
    ),
    "leading zeros": (b"BDAT 005 LAST\r\n12345NOOP\r\n", ["BDAT LAST", "NOOP"], b"12345", [250, 250]),
    "zeros up to 20 digits": (
        b"BDAT 00000000000000000005 LAST\r\n12345NOOP\r\n", ["BDAT LAST", "NOOP"], b"12345", [250, 250],
    ),
    "nothing but zeros": (b"BDAT 00000 LAST\r\nNOOP\r\n", ["BDAT LAST", "NOOP"], b"", [250, 250]),
    "over SIZE with all before": (
        b"BDAT 60\r\n%bBDAT 41 LAST\r\n%bNOOP\r\n" % (b"x" * 60, COMMANDS + b"x" * 29),
        ["BDAT", "BDAT LAST", "NOOP"], b"x" * 60, [250, 552, 250],
    ),
    "as much as SIZE": (
        b"BDAT 60\r\n%bBDAT 40 LAST\r\n%bNOOP\r\n" % (b"x" * 60, b"y" * 40),
        ["BDAT", "BDAT LAST", "NOOP"], b"x" * 60 + b"y" * 40, [250, 250, 250],
    ),
    "2^31": (b"BDAT 2147483648 LAST\r\n" + COMMANDS, ["BDAT LAST"], b"", [421]),
    "2^32 and 5": (b"BDAT 4294967301 LAST\r\n12345" + COMMANDS, ["BDAT LAST"], b"", [421]),
    "2^63": (b"BDAT 9223372036854775808 LAST\r\n" + COMMANDS, ["BDAT LAST"], b"", [421]),
    "2^64": (b"BDAT 18446744073709551616 LAST\r\n" + COMMANDS, ["BDAT LAST"], b"", [421]),
    "2^64 and 5": (b"BDAT 18446744073709551621 LAST\r\n12345" + COMMANDS, ["BDAT LAST"], b"", [421]),
    "2^64 less 5": (b"BDAT 18446744073709551611 LAST\r\n" + COMMANDS, ["BDAT LAST"], b"", [421]),
    "NUL behind the number": (b"BDAT 5\0 LAST\r\n12345" + COMMANDS, ["BDAT"], b"", [421]),
    "a tab before the number": (b"BDAT \t5 LAST\r\n12345" + COMMANDS, ["BDAT"], b"", [421]),
    "a fraction": (b"BDAT 5.0 LAST\r\n12345" + COMMANDS, ["BDAT"], b"", [421]),
    "an exponent": (b"BDAT 1e1 LAST\r\n" + COMMANDS, ["BDAT"], b"", [421]),
    "20 digits": (b"BDAT 99999999999999999999 LAST\r\n" + COMMANDS, ["BDAT LAST"], b"", [421]),
    "21 digits": (b"BDAT 000000000000000000001\r\nx" + COMMANDS, ["BDAT"], b"", [421]),
    "4,000 digits": (b"BDAT " + b"1" * 1_500 + b"\r\n" + COMMANDS, ["BDAT"], b"", [421]),
    "negative": (b"BDAT -5 LAST\r\n" + COMMANDS, ["BDAT"], b"", [421]),
    "a sign": (b"BDAT +5 LAST\r\n" + COMMANDS, ["BDAT"], b"", [421]),
    "hexadecimal": (b"BDAT 0x5 LAST\r\n" + COMMANDS, ["BDAT"], b"", [421]),
    "underscore": (b"BDAT 1_0 LAST\r\n" + COMMANDS, ["BDAT"], b"", [421]),
    "other digits": ("BDAT \u0665 LAST\r\n".encode() + COMMANDS, ["BDAT"], b"", [421]),
    "no number": (b"BDAT LAST\r\n" + COMMANDS, ["BDAT"], b"", [421]),
    "two numbers": (b"BDAT 5 5 LAST\r\n" + COMMANDS, ["BDAT"], b"", [421]),
    "a bare CR behind the number": (b"BDAT 5\rLAST\r\n" + COMMANDS, ["BDAT"], b"", [421]),
    "a bare LF behind the line": (b"BDAT 5 LAST\n12345NOOP\r\n", ["BDAT LAST", "NOOP"], b"12345", [250, 250]),
    "above what is dropped": (b"BDAT 201 LAST\r\n" + COMMANDS, ["BDAT LAST"], b"", [421]),
    "as much as is dropped": (
        b"BDAT 200 LAST\r\n" + b"x" * 200 + COMMANDS, ["BDAT LAST", "RSET", "NOOP"], b"", [552, 250, 250],
    ),
}  # fmt: skip


@pytest.mark.parametrize("octets, names, message, codes", LIES.values(), ids=LIES)
def test_lying_lengths(octets: bytes, names: list[str], message: bytes, codes: list[int]) -> None:
    expected = (["MAIL", "RCPT", *names], message, [250, 250, *codes])
    assert seen(ENVELOPE + octets) == expected


def test_huge_lengths_out_of_order_take_no_memory() -> None:
    conn = ready_server(SMTPServerConnection(SMTPLimits(max_discard=10**12), hostname="mx.example"))
    serve(conn, [b"BDAT 999999999999\r\n"])
    piece = b"x" * 65_536
    tracemalloc.start()
    for _ in range(2_000):
        assert serve(conn, [piece]) == []
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < MIB


def test_a_large_chunk_takes_no_memory() -> None:
    conn = ready_server(SMTPServerConnection(SMTPLimits(max_message=0), hostname="mx.example"))
    serve(conn, [ENVELOPE + b"BDAT 1000000000 LAST\r\n"])
    piece = b"x" * 65_536
    tracemalloc.start()
    for _ in range(2_000):
        conn.receive_data(piece)
        assert isinstance(conn.next_event(), ChunkData)
        assert conn.next_event() is None
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < MIB


@pytest.mark.parametrize(
    "octets", [b"BDAT 5\r\nab", b"BDAT 5 LAST\r\nabcd", b"BDAT 101\r\nab", b"BDAT 5", b"BDAT 5\r"]
)
def test_the_end_in_the_middle(octets: bytes) -> None:
    for at in range(len(octets) + 1):
        conn = ready_server(SMTPServerConnection(LIMITS, hostname="mx.example"))
        conn.receive_data(ENVELOPE + octets[:at])
        conn.receive_eof()
        events = serve(conn, [b""])
        assert events[-1] == ConnectionLost(False)
        assert not any(isinstance(event, BodyEnded) for event in events)


words = st.sampled_from([
    b"BDAT 5", b"BDAT 0", b"BDAT 5 LAST", b"BDAT 0 LAST", b"BDAT 300", b"BDAT x", b"BURL a:b",
    b"BURL a:b LAST", b"MAIL FROM:<>", b"MAIL FROM:<> BODY=BINARYMIME", b"RCPT TO:<a@b>", b"DATA", b"RSET",
    b"NOOP", b"EHLO a", b"\r\n", b".", b"12345",
])  # fmt: skip


@given(st.lists(words, max_size=60))
def test_random_words_at_a_server(pieces: list[bytes]) -> None:
    conn = ready_server(SMTPServerConnection(LIMITS, hostname="mx.example"))
    serve(conn, pieces)
    conn.receive_eof()
    serve(conn, [b""])
    assert conn.wants is Wants.CLOSED


@given(st.lists(words, max_size=30))
def test_random_words_in_the_codec(pieces: list[bytes]) -> None:
    parse_commands(b"".join(pieces))


@given(st.lists(st.tuples(st.sampled_from(["take", "refuse"]), st.binary(max_size=30)), max_size=8))
def test_whatever_is_refused_the_stream_is_never_lost(chunks: list[tuple[str, bytes]]) -> None:
    """The octets of chunks, among them what looks like commands, never come out as commands."""
    conn = ready_server(SMTPServerConnection(LIMITS, hostname="mx.example"))
    octets = b"".join(b"BDAT %d\r\n%b" % (len(octets), octets) for _, octets in chunks)
    conn.receive_data(ENVELOPE + octets + b"RSET\r\nNOOP\r\n")
    verdicts = iter([Reply(452 if verdict == "refuse" else 250) for verdict, _ in chunks])
    commands: list[ServerEvent] = []
    while (event := conn.next_event()) is not None:
        if not isinstance(event, Bdat | BodyData | InvalidCommand) and hasattr(event, "name"):
            commands.append(event)
        is_chunk = type(event).__name__ == "ChunkEnded"
        for _ in range(conn.replies_due):
            conn.send_reply(
                event.reply
                if isinstance(event, InvalidCommand)
                else next(verdicts)
                if is_chunk
                else Reply(250)
            )
    assert commands == [Mail(NULL_PATH), Rcpt(B), Rset(), Noop()]


CHUNKING = b"250-mx\r\n250-PIPELINING\r\n250 CHUNKING\r\n"
SIZE = 65_536


def message() -> Iterator[bytes]:
    return (b"x" * SIZE for _ in range(4))


# Where a server that is in no good mood refuses, by the number of its answers that it gives as it should.
ANSWERS = [b"250\r\n", b"250\r\n", b"250\r\n", b"250\r\n", b"250\r\n", b"250\r\n", b"250\r\n"]


@pytest.mark.parametrize(
    "refusal", [b"550 no\r\n", b"421 bye\r\n", b"353 what\r\n", b"garbage\r\n", b"354\r\n", END], ids=repr
)
@pytest.mark.parametrize("good", range(7))
@pytest.mark.parametrize("pipelining", [False, True])
def test_a_client_whose_server_refuses_at_each_point(good: int, refusal: object, pipelining: bool) -> None:
    for pieces in splits(refusal) if isinstance(refusal, bytes) else [[refusal]]:
        check_refusal(good, pieces, pipelining)


def check_refusal(good: int, pieces: Sequence[Any], pipelining: bool) -> None:
    """See that a message is given up as it should be, when *pieces* come behind *good* positive replies."""
    offer = CHUNKING if pipelining else CHUNKING.replace(b"PIPELINING", b"X")
    conn = ready_client(offer=offer)
    run = FlowRun(conn, send_message(conn, message(), reverse_path="a@x", forward_paths="b@x", chunking=True))
    for answer in [*ANSWERS[:good], *pieces]:
        if not run.is_done:
            run.feed(answer)
    for _ in range(10):
        if not run.is_done:
            run.feed(b"503 no\r\n" if b"RSET" not in run.sent else b"250\r\n")
    assert run.is_done
    assert (run.error is not None) or good == 7
    assert conn.owed == 0
    # Whatever a server answers, what was announced was sent, and nothing else.
    for value in parse_commands(run.sent):
        assert isinstance(value, Mail | Rcpt | Bdat | ChunkData | Rset | Quit)
    if conn.wants is Wants.DATA:
        assert conn.pending == 0
        conn.send_command(Mail(NULL_PATH))


EARLY: list[tuple[bytes, type[Exception] | None]] = [
    (b"552 no\r\n", None),
    (b"421 bye\r\n", None),
    (b"250 ok\r\n", RemoteProtocolError),
    (b"353 ok\r\n", RemoteProtocolError),
    (b"552 no\r\n552 no\r\n", RemoteProtocolError),
]


@pytest.mark.parametrize("answer, error", EARLY)
@pytest.mark.parametrize("last", [False, True])
def test_an_answer_before_the_octets(answer: bytes, error: type[Exception] | None, last: bool) -> None:
    for pieces in splits(answer):
        conn = in_transaction()
        conn.send_command(Bdat(5, last))
        conn.send_body(b"ab")
        if error is None:
            assert len(fed(conn, pieces)) == 1
        else:
            with pytest.raises(error):
                fed(conn, pieces)
        if conn.wants is Wants.BODY:
            conn.send_body(b"cde")
        assert conn.wants is not Wants.BODY


def fed(conn: SMTPClientConnection, pieces: Sequence[bytes]) -> list[ClientEvent]:
    """Return the events that *pieces* bring."""
    events: list[ClientEvent] = []
    for piece in pieces:
        conn.receive_data(piece)
        events += pull(conn)
    return events


@pytest.mark.parametrize("size", [-1, -(2**64), 10**20, 2**128])
def test_a_client_announces_no_length_that_cannot_be(size: int) -> None:
    for last in (False, True):
        with pytest.raises(LocalProtocolError, match="BDAT: expected from 0 to"):
            Bdat(size, last)


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("size", [1, 5, 2**31, 2**32 + 5, 2**63, 2**64, 2**64 + 5, 10**20 - 1])
def test_a_client_owes_all_that_it_has_announced(size: int, last: bool) -> None:
    """Until then nothing else can be said, nor more than that; what is not sent ends the connection."""
    conn = in_transaction()
    conn.send_command(Bdat(size, last))
    sent(conn)
    octets = b"QUIT\r\n" * 4
    for at in range(min(size, len(octets) - 1)):
        assert (conn.owed, conn.wants) == (size - at, Wants.BODY)
        for request in (Noop(), Rset(), Quit(), Bdat(0, last=True)):
            with pytest.raises(LocalProtocolError, match="are owed first"):
                conn.send_command(request)
        with pytest.raises(LocalProtocolError):
            conn.end_body()
        if size - at < len(octets):
            with pytest.raises(LocalProtocolError, match="expected at most"):
                conn.send_body(octets[: size - at + 1])
        assert conn.unsent == 0
        conn.send_body(b"x")
        assert sent(conn) == b"x"
    assert conn.owed == max(0, size - len(octets) + 1)
    conn.abort()
    assert (conn.wants, conn.unsent) == (Wants.CLOSED, 0)


def in_transaction() -> SMTPClientConnection:
    conn = ready_client(offer=CHUNKING)
    commands: list[Command] = [Mail(NULL_PATH), Rcpt(B)]
    for command in commands:
        conn.send_command(command)
        conn.receive_data(b"250\r\n")
        pull(conn)
    sent(conn)
    return conn


@pytest.mark.parametrize("octets", [b"QUIT\r\n", b"\r\n.\r\nMAIL FROM:<>\r\n", b"x"])
def test_no_octet_beyond_what_was_announced_leaves_a_client(octets: bytes) -> None:
    conn = in_transaction()
    conn.send_command(Bdat(len(octets) - 1, last=True))
    with pytest.raises(LocalProtocolError):
        conn.send_body(octets)
    assert sent(conn) == b"BDAT %d LAST\r\n" % (len(octets) - 1)
