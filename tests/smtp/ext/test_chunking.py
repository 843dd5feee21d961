"""CHUNKING and BINARYMIME at both connections (RFC 3030)."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.address import Mailbox, Path
from mailproto.errors import Defect, LocalProtocolError, RemoteProtocolError
from mailproto.limits import SMTPLimits
from mailproto.smtp import (
    BINARYMIME,
    EXTENSIONS,
    Bdat,
    BodyData,
    BodyEnded,
    ChunkData,
    ChunkEnded,
    ClientEvent,
    Command,
    ConnectionLost,
    Data,
    InvalidCommand,
    Mail,
    MessageBody,
    Noop,
    Parameters,
    Quit,
    Rcpt,
    Reply,
    Rset,
    ServerEvent,
    SMTPClientConnection,
    SMTPServerConnection,
    State,
)
from mailproto.smtp.data import NewlinePolicy
from mailproto.testing import ConnectionPair
from mailproto.wants import Wants
from support_smtp import pull, ready_client, ready_server, sent, serve
from support_split import for_every_split

A, B, C = (Path(Mailbox(name, "x.example")) for name in "abc")
BINARY = Parameters.of(body="BINARYMIME")
ENVELOPE = b"MAIL FROM:<a@x.example>\r\nRCPT TO:<b@x.example>\r\n"
BINARY_ENVELOPE = b"MAIL FROM:<a@x.example> BODY=BINARYMIME\r\nRCPT TO:<b@x.example>\r\n"
TWO = ENVELOPE + b"RCPT TO:<c@x.example>\r\n"
NO_RECIPIENT = b"MAIL FROM:<a@x.example>\r\n"


def server(
    limits: SMTPLimits | None = None,
    *,
    lmtp: bool = False,
    strict: bool = False,
    chunking: bool = True,
    newlines: NewlinePolicy = "reject",
) -> SMTPServerConnection:
    rows = (*EXTENSIONS, BINARYMIME)
    hidden = () if chunking else ("CHUNKING", "BINARYMIME")
    return ready_server(
        SMTPServerConnection(
            limits or SMTPLimits(),
            hostname="mx.example",
            lmtp=lmtp,
            strict=strict,
            newlines=newlines,
            extensions=[row for row in rows if row.keyword not in hidden],
        )
    )


def codes(octets: bytes) -> list[int]:
    return [int(line[:3]) for line in octets.splitlines()]


def run_server(octets: bytes, **arguments: object) -> list[ServerEvent]:
    """Feed *octets* in every way, each time to a new server; the first two events are the envelope."""

    def run(pieces: list[bytes]) -> list[ServerEvent]:
        return serve(server(**arguments), pieces)  # type: ignore[arg-type]  # what the caller gives

    return for_every_split(octets, run)


class TestServer:
    def test_chunks_cut_anywhere(self) -> None:
        octets = ENVELOPE + b"BDAT 7\r\n.\r\nQUITBDAT 0\r\nbdat 4 last\r\n\r\n.xNOOP\r\n"

        def run(pieces: list[bytes]) -> list[ServerEvent]:
            conn = server()
            events = serve(conn, pieces)
            assert codes(sent(conn)) == [250, 250, 250, 250, 250, 250]
            assert (conn.state, conn.recipients, conn.wants) == (State.READY, 0, Wants.DATA)
            return events

        assert for_every_split(octets, run) == [
            Mail(A), Rcpt(B), Bdat(7), ChunkData(b".\r\nQUIT"), ChunkEnded(7), Bdat(0), ChunkEnded(0),
            Bdat(4, last=True), ChunkData(b"\r\n.x"), BodyEnded(11), Noop(),
        ]  # fmt: skip

    def test_example_of_the_rfc(self) -> None:
        conn = server()
        serve(conn, [BINARY_ENVELOPE])
        events = serve(
            conn, [b"BDAT 100000\r\n", b"x" * 100_000, b"BDAT 324\r\n" + b"y" * 324 + b"BDAT 0 LAST\r\n"]
        )
        assert [event for event in events if not isinstance(event, ChunkData)] == [
            Bdat(100_000), ChunkEnded(100_000), Bdat(324), ChunkEnded(324), Bdat(0, last=True),
            BodyEnded(100_324),
        ]  # fmt: skip

    def test_an_empty_message(self) -> None:
        assert run_server(ENVELOPE + b"BDAT 0 LAST\r\n")[2:] == [Bdat(0, last=True), BodyEnded(0)]

    def test_octets_are_not_copied(self) -> None:
        conn = server()
        serve(conn, [ENVELOPE + b"BDAT 3000 LAST\r\n"])
        chunks = [b"x" * 1_000, b"y" * 2_000]
        events = serve(conn, chunks)
        assert [event.data for event in events if isinstance(event, BodyData)] == chunks
        assert all(
            event.data is chunk
            for event, chunk in zip(events, chunks, strict=False)
            if isinstance(event, ChunkData)
        )

    def test_no_reply_is_due_before_the_octets_have_come(self) -> None:
        conn = server()
        serve(conn, [ENVELOPE])
        sent(conn)
        conn.receive_data(b"BDAT 5\r\nab")
        assert (conn.next_event(), conn.replies_due, conn.wants) == (Bdat(5), 0, Wants.DATA)
        assert (conn.next_event(), conn.next_event()) == (ChunkData(b"ab"), None)
        assert (conn.wants, conn.timeout) == (Wants.DATA, 300.0)
        with pytest.raises(LocalProtocolError, match="no command waits"):
            conn.send_reply(Reply(250))
        conn.receive_data(b"cdeNOOP\r\n")
        assert (conn.next_event(), conn.next_event()) == (ChunkData(b"cde"), ChunkEnded(5))
        assert (conn.next_event(), conn.replies_due, conn.wants) == (None, 1, Wants.REPLY)
        with pytest.raises(LocalProtocolError, match="BDAT: 354 is no answer"):
            conn.send_reply(Reply(354))
        conn.send_reply(Reply(250))
        assert conn.state is State.CHUNKS

    @pytest.mark.parametrize("code", [452, 552])
    def test_the_application_refuses_a_chunk(self, code: int) -> None:
        conn = server()
        conn.receive_data(
            ENVELOPE
            + b"BDAT 2\r\nabBDAT 2\r\ncdBDAT 1 LAST\r\neNOOP\r\nMAIL FROM:<>\r\nRSET\r\nMAIL FROM:<>\r\n"
        )
        answers = {Bdat: None, ChunkData: None, ChunkEnded: Reply(code)}
        events = []
        while (event := conn.next_event()) is not None:
            events.append(event)
            reply = event.reply if isinstance(event, InvalidCommand) else answers.get(type(event), Reply(250))
            if reply is not None:
                conn.send_reply(reply)
        assert codes(sent(conn)) == [250, 250, code, 503, 503, 250, 503, 250, 250]
        assert [event.name for event in events if isinstance(event, InvalidCommand)] == [
            "BDAT",
            "BDAT LAST",
            "MAIL",
        ]

    def test_rset_in_the_middle(self) -> None:
        octets = ENVELOPE + b"BDAT 2\r\nabRSET\r\n" + ENVELOPE + b"BDAT 1 LAST\r\nc"
        assert run_server(octets)[2:] == [
            Bdat(2), ChunkData(b"ab"), ChunkEnded(2), Rset(), Mail(A), Rcpt(B), Bdat(1, last=True),
            ChunkData(b"c"), BodyEnded(1),
        ]  # fmt: skip

    def test_the_end_in_the_middle(self) -> None:
        conn = server()
        assert serve(conn, [ENVELOPE + b"BDAT 5\r\nab"])[-1] == ChunkData(b"ab")
        conn.receive_eof()
        assert serve(conn, [b""]) == [ConnectionLost(False)]

    def test_the_end_between_two_chunks(self) -> None:
        conn = server()
        serve(conn, [ENVELOPE + b"BDAT 2\r\nab"])
        conn.receive_eof()
        assert serve(conn, [b""]) == [ConnectionLost(False)]

    def test_progress_of_a_trickle(self) -> None:
        conn = server()
        serve(conn, [ENVELOPE + b"BDAT 5000 LAST\r\n"])
        before = conn.progress
        serve(conn, [b"x"] * 1_000)
        assert conn.progress == before
        serve(conn, [b"x"] * 30)
        assert conn.progress > before

    def test_lmtp_has_a_reply_for_each_recipient_at_the_end_only(self) -> None:
        conn = server(lmtp=True)
        serve(conn, [TWO + b"BDAT 2\r\nabBDAT 0 LAST\r\n"])
        assert codes(sent(conn)) == [250, 250, 250, 250, 250, 250]
        assert (conn.state, conn.replies_due) == (State.READY, 0)

    def test_lmtp_without_recipients_has_none_at_the_end(self) -> None:
        conn = server(lmtp=True)
        events = serve(conn, [NO_RECIPIENT + b"BDAT 2\r\nabBDAT 1 LAST\r\ncRSET\r\nBDAT 1 LAST\r\nd"])
        refused = [event.name for event in events if isinstance(event, InvalidCommand)]
        assert refused == ["BDAT", "BDAT LAST", "BDAT LAST"]
        assert codes(sent(conn)) == [250, 503, 250, 503]

    def test_unchecked_replies_have_their_effect(self) -> None:
        conn = server()
        conn.receive_data(ENVELOPE + b"BDAT 1\r\na")
        while (event := conn.next_event()) is not None:
            if not isinstance(event, Bdat | ChunkData):
                conn.send_unchecked(b"250 x\r\n" if not isinstance(event, ChunkEnded) else b"what\r\n")
        assert conn.state is State.FAILED


# What comes behind the EHLO, and the codes of the answers.
REFUSED: dict[str, tuple[bytes, list[int]]] = {
    "without MAIL": (b"BDAT 6\r\nQUIT\r\nNOOP\r\n", [503, 250]),
    "without recipients": (NO_RECIPIENT + b"BDAT 6\r\nQUIT\r\nNOOP\r\n", [250, 554, 250]),
    "the last one without recipients": (NO_RECIPIENT + b"BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n", [250, 554, 250]),
    "RCPT behind it": (NO_RECIPIENT + b"BDAT 2\r\nabRCPT TO:<b@x>\r\nRSET\r\n", [250, 554, 503, 250]),
    "behind the last": (ENVELOPE + b"BDAT 1 LAST\r\naBDAT 6\r\nQUIT\r\nNOOP\r\n", [250, 250, 250, 503, 250]),
    "RCPT amid": (ENVELOPE + b"BDAT 1\r\naRCPT TO:<c@x>\r\nBDAT 0 LAST\r\n", [250, 250, 250, 503, 250]),
    "DATA behind BDAT": (
        ENVELOPE + b"BDAT 1\r\naDATA\r\nBDAT 6 LAST\r\nQUIT\r\nRSET\r\n",
        [250, 250, 250, 503, 503, 250],
    ),
    "after DATA": (ENVELOPE + b"DATA\r\n.\r\nBDAT 6\r\nQUIT\r\nNOOP\r\n", [250, 250, 354, 250, 503, 250]),
    "DATA with BINARYMIME": (
        BINARY_ENVELOPE + b"DATA\r\nBDAT 1 LAST\r\n\0NOOP\r\n",
        [250, 250, 503, 250, 250],
    ),
    "too big": (ENVELOPE + b"BDAT 101\r\n" + b"x" * 101 + b"NOOP\r\n", [250, 250, 552, 250]),
    "too big at last": (ENVELOPE + b"BDAT 101 LAST\r\n" + b"x" * 101 + ENVELOPE, [250, 250, 552, 250, 250]),
    "too big together": (
        ENVELOPE + b"BDAT 60\r\n" + b"x" * 60 + b"BDAT 41\r\n" + b"x" * 41 + b"BDAT 0 LAST\r\nRSET\r\n",
        [250, 250, 250, 552, 503, 250],
    ),
    "just not too big": (
        ENVELOPE + b"BDAT 60\r\n" + b"x" * 60 + b"BDAT 40 LAST\r\n" + b"x" * 40,
        [250, 250, 250, 250],
    ),
    "too much to discard": (ENVELOPE + b"BDAT 201\r\n" + b"x" * 201, [250, 250, 421]),
    "too much to discard out of order": (b"BDAT 99999999999999999999 LAST\r\nQUIT\r\n", [421]),
    "a size that cannot be read": (ENVELOPE + b"BDAT five\r\nQUIT\r\n", [250, 250, 421]),
    "an argument of DATA between chunks": (
        ENVELOPE + b"BDAT 1\r\naDATA x\r\nBDAT 0 LAST\r\n",
        [250, 250, 250, 501, 503],
    ),
}  # fmt: skip


@pytest.mark.parametrize("octets, expected", REFUSED.values(), ids=REFUSED)
def test_what_is_refused_is_read_all_the_same(octets: bytes, expected: list[int]) -> None:
    def run(pieces: list[bytes]) -> list[ServerEvent]:
        conn = server(SMTPLimits(max_message=100, max_discard=200))
        events = serve(conn, pieces)
        assert codes(sent(conn)) == expected
        return events

    for_every_split(octets, run)


def test_not_offered() -> None:
    conn = server(chunking=False)
    serve(conn, [ENVELOPE + b"BDAT 6\r\nQUIT\r\nNOOP\r\nMAIL FROM:<> BODY=BINARYMIME\r\n"])
    assert codes(sent(conn)) == [250, 250, 502, 250, 503]
    conn = server(chunking=False)
    serve(conn, [BINARY_ENVELOPE])
    assert codes(sent(conn)) == [555, 503]


def test_what_is_dropped_is_never_buffered() -> None:
    conn = server()
    serve(conn, [b"BDAT 10000000\r\n"])
    before = conn.progress
    for _ in range(1_000):
        assert serve(conn, [b"x" * 9_999]) == []
        assert conn.buffered == 0
    assert conn.progress > before
    (event,) = serve(conn, [b"x" * 1_000])
    assert isinstance(event, InvalidCommand)
    assert (event.excerpt, event.name, event.reply.code) == (b"BDAT 10000000", "BDAT", 503)


def test_what_pipelining_strands_is_no_bad_command() -> None:
    conn = server(SMTPLimits(max_bad_commands=1))
    for _ in range(5):
        serve(conn, [NO_RECIPIENT + b"BDAT 1\r\naBDAT 1\r\nbBDAT 0 LAST\r\nRSET\r\n"])
    for _ in range(5):
        conn.receive_data(b"MAIL FROM:<>\r\nRCPT TO:<b@x>\r\nBDAT 1\r\naBDAT 0 LAST\r\n")
        while (event := conn.next_event()) is not None:
            conn.send_reply(event.reply if isinstance(event, InvalidCommand) else Reply(550))
    assert conn.wants is Wants.DATA


# Text, where its first bare CR or LF is, and what "normalize" makes of it.
TEXT: list[tuple[bytes, int | None, bytes]] = [
    (b"a\nb", 1, b"a\r\nb"),
    (b"a\rb", 1, b"a\r\nb"),
    (b"a\r\nb\r", 4, b"a\r\nb\r\n"),
    (b"\r\n\n", 2, b"\r\n\r\n"),
    (b"\r\n.\n", 3, b"\r\n.\r\n"),
    (b"a\r\nb\r\n", None, b"a\r\nb\r\n"),
]


@pytest.mark.parametrize("text, at, normalized", TEXT)
def test_policies_for_a_bare_newline_in_text(text: bytes, at: int | None, normalized: bytes) -> None:
    """They are the same as for DATA: what is passed on may go to a server that has only that."""
    octets = ENVELOPE + b"BDAT 2\r\n" + text[:2] + b"BDAT %d LAST\r\n" % (len(text) - 2) + text[2:]
    defects = () if at is None else (Defect("bare-newline", at),)
    policies: tuple[tuple[NewlinePolicy, bytes], ...] = (("pass", text), ("normalize", normalized))
    for newlines, expected in policies:
        events = run_server(octets, newlines=newlines)
        assert b"".join(event.data for event in events if isinstance(event, ChunkData)) == expected
        ended = events[-1]
        assert ended == BodyEnded(len(expected))
        assert isinstance(ended, BodyEnded)
        assert ended.defects == defects
    for arguments in ({}, {"newlines": "pass", "strict": True}):
        conn = server(**arguments)  # type: ignore[arg-type]  # one of both
        serve(conn, [octets])
        assert codes(sent(conn))[-1] == (250 if at is None else 550)


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("newlines", get_args(NewlinePolicy))
def test_binary_octets_are_left_alone(strict: bool, newlines: NewlinePolicy) -> None:
    octets = bytes(range(256)) + b"\r\n.\r\n\n\r" + b"x" * 2_000
    ended = run_server(
        BINARY_ENVELOPE + b"BDAT %d LAST\r\n" % len(octets) + octets,
        strict=strict,
        newlines=newlines,
        limits=SMTPLimits(max_text_line=998),
    )
    assert ended[2:] == [Bdat(len(octets), last=True), ChunkData(octets), BodyEnded(len(octets))]
    assert isinstance(ended[-1], BodyEnded)
    assert ended[-1].defects == ()


def test_lines_of_text_are_measured() -> None:
    octets = ENVELOPE + b"BDAT 7\r\n1234567BDAT 7 LAST\r\n89\r\nabc"
    (*_, event) = run_server(octets, limits=SMTPLimits(max_text_line=10))
    assert isinstance(event, InvalidCommand)
    assert (event.reply.code, event.name) == (500, "BDAT LAST")


OFFER = b"250-mx.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-BINARYMIME\r\n250 CHUNKING\r\n"
PLAIN_OFFER = b"250-mx.example\r\n250-8BITMIME\r\n250 CHUNKING\r\n"


def client(
    offer: bytes = OFFER, *, lmtp: bool = False, recipients: int = 1, binary: bool = False
) -> SMTPClientConnection:
    """Return a client of which MAIL and RCPT were accepted."""
    conn = ready_client(SMTPClientConnection(lmtp=lmtp), offer)
    mail = Mail(A, BINARY if binary else Parameters())
    commands: list[Command] = [mail, *[Rcpt(B), Rcpt(C)][:recipients]]
    for command in commands:
        conn.send_command(command)
        conn.receive_data(b"250 \r\n")
        assert len(pull(conn)) == 1
    sent(conn)
    return conn


def chunk(conn: SMTPClientConnection, octets: bytes, *, last: bool = False) -> None:
    conn.send_command(Bdat(len(octets), last))
    if octets:
        conn.send_body(octets)


def answered(conn: SMTPClientConnection, octets: bytes) -> list[tuple[int, object]]:
    conn.receive_data(octets)
    return [(event.code, event.command) for event in pull(conn) if isinstance(event, Reply)]


class TestClient:
    def test_chunks(self) -> None:
        conn = client()
        chunk(conn, b".\r\n")
        assert (conn.timeout, conn.wants, conn.can_pipeline) == (180.0, Wants.DATA, True)
        chunk(conn, b".x\r\n")
        chunk(conn, b"", last=True)
        assert sent(conn) == b"BDAT 3\r\n.\r\nBDAT 4\r\n.x\r\nBDAT 0 LAST\r\n"
        assert conn.can_pipeline is False
        assert answered(conn, b"250 \r\n250 \r\n") == [(250, Bdat(3)), (250, Bdat(4))]
        assert (conn.state, conn.timeout, conn.recipients) == (State.ENDED, 600.0, (B,))
        assert answered(conn, b"250 \r\n") == [(250, MessageBody())]
        assert (conn.state, conn.recipients) == (State.READY, ())
        conn.send_command(Mail(A))

    def test_a_whole_transaction_in_one_group(self) -> None:
        conn = ready_client(offer=OFFER)
        conn.send_command(Mail(A, BINARY))
        conn.send_command(Rcpt(B))
        chunk(conn, b"\0\n")
        chunk(conn, b"\r", last=True)
        assert answered(conn, b"250 \r\n250 \r\n250 \r\n250 \r\n") == [
            (250, Mail(A, BINARY)), (250, Rcpt(B)), (250, Bdat(2)), (250, MessageBody()),
        ]  # fmt: skip

    def test_owed_octets(self) -> None:
        conn = client()
        conn.send_command(Bdat(5))
        assert (conn.owed, conn.wants, conn.timeout) == (5, Wants.BODY, 180.0)
        commands: list[Command] = [Bdat(1), Rset(), Noop(), Quit(), Data()]
        for command in commands:
            with pytest.raises(LocalProtocolError, match="5 octets of a BDAT are owed first"):
                conn.send_command(command)
        with pytest.raises(LocalProtocolError, match="expected at most 5 octets, got 6"):
            conn.send_body(b"123456")
        with pytest.raises(LocalProtocolError, match="DATA was not accepted"):
            conn.end_body()
        conn.send_body(b"123")
        conn.send_body(b"")
        assert conn.owed == 2
        conn.send_body(b"45")
        assert (conn.owed, conn.wants) == (0, Wants.DATA)
        with pytest.raises(LocalProtocolError, match="DATA was not accepted"):
            conn.send_body(b"6")
        assert sent(conn) == b"BDAT 5\r\n12345"

    def test_octets_are_not_copied(self) -> None:
        conn = client()
        octets = b".\r\n" * 1_000
        chunk(conn, octets)
        assert conn.data_to_send()[-1] is octets

    def test_a_refusal_while_octets_are_owed(self) -> None:
        conn = client()
        conn.send_command(Bdat(4))
        conn.send_body(b"ab")
        assert answered(conn, b"552 no\r\n") == [(552, Bdat(4))]
        assert (conn.wants, conn.owed, conn.state) == (Wants.BODY, 2, State.FAILED)
        with pytest.raises(LocalProtocolError):
            conn.send_command(Rset())
        conn.send_body(b"cd")
        with pytest.raises(LocalProtocolError, match="not legal in the state 'failed'"):
            conn.send_command(Bdat(1))
        conn.send_command(Rset())
        assert answered(conn, b"250 \r\n") == [(250, Rset())]
        assert conn.state is State.READY

    @pytest.mark.parametrize("lmtp, last", [(False, False), (False, True), (True, True)])
    def test_what_has_not_come_cannot_be_accepted(self, lmtp: bool, last: bool) -> None:
        conn = client(lmtp=lmtp, recipients=2)
        conn.send_command(Bdat(4, last))
        conn.send_body(b"ab")
        conn.receive_data(b"250 ok\r\n")
        with pytest.raises(RemoteProtocolError, match="2 octets of the BDAT are to come"):
            conn.next_event()

    def test_replies_to_what_went_before_are_read_while_octets_are_owed(self) -> None:
        conn = client()
        chunk(conn, b"ab")
        conn.send_command(Bdat(4))
        assert answered(conn, b"250 ok\r\n") == [(250, Bdat(2))]

    def test_what_is_pipelined_behind_a_failure(self) -> None:
        conn = client()
        chunk(conn, b"ab")
        chunk(conn, b"cd")
        chunk(conn, b"", last=True)
        assert answered(conn, b"452 full\r\n503 no\r\n503 no\r\n") == [
            (452, Bdat(2)), (503, Bdat(2)), (503, Bdat(0, last=True)),
        ]  # fmt: skip
        assert conn.state is State.FAILED

    def test_421_ends_what_is_owed(self) -> None:
        conn = client()
        conn.send_command(Bdat(4))
        assert answered(conn, b"421 bye\r\n") == [(421, Bdat(4))]
        assert (conn.owed, conn.wants) == (0, Wants.CLOSED)
        with pytest.raises(LocalProtocolError):
            conn.send_body(b"abcd")

    def test_abort_ends_what_is_owed(self) -> None:
        conn = client()
        conn.send_command(Bdat(4))
        conn.abort()
        assert (conn.owed, conn.wants, conn.timeout) == (0, Wants.CLOSED, None)

    def test_the_end_between_chunks(self) -> None:
        conn = client()
        chunk(conn, b"ab")
        assert answered(conn, b"250 \r\n") == [(250, Bdat(2))]
        conn.receive_eof()
        assert pull(conn) == [ConnectionLost(False)]

    def test_lmtp(self) -> None:
        conn = client(lmtp=True, recipients=2)
        chunk(conn, b"ab")
        chunk(conn, b"cd", last=True)
        assert answered(conn, b"250 \r\n") == [(250, Bdat(2))]
        assert conn.pending == 2
        assert answered(conn, b"250 \r\n550 \r\n") == [(250, MessageBody(B)), (550, MessageBody(C))]
        assert (conn.state, conn.pending) == (State.READY, 0)

    def test_lmtp_without_recipients_has_no_reply_at_the_end(self) -> None:
        conn = ready_client(SMTPClientConnection(lmtp=True), OFFER)
        for command in (Mail(A), Rcpt(B)):
            conn.send_command(command)
        chunk(conn, b"ab", last=True)
        assert answered(conn, b"250 \r\n550 \r\n") == [(250, Mail(A)), (550, Rcpt(B))]
        assert (conn.pending, conn.state) == (0, State.FAILED)
        conn.send_command(Rset())
        assert answered(conn, b"250 \r\n") == [(250, Rset())]

    def test_lmtp_behind_a_chunk_that_failed(self) -> None:
        conn = client(lmtp=True, recipients=2)
        chunk(conn, b"ab")
        chunk(conn, b"cd", last=True)
        assert answered(conn, b"452 \r\n503 \r\n503 \r\n") == [
            (452, Bdat(2)), (503, MessageBody(B)), (503, MessageBody(C)),
        ]  # fmt: skip
        assert (conn.pending, conn.state) == (0, State.FAILED)

    @pytest.mark.parametrize("pieces", [[b"a\nb"], [b"a\r", b"b"], [b"ab\r", b""], [b"a\rb"]])
    def test_a_bare_newline_is_not_sent(self, pieces: list[bytes]) -> None:
        conn = client()
        with pytest.raises(LocalProtocolError, match="bare CR or LF"):
            for piece in pieces:
                chunk(conn, piece, last=piece is pieces[-1])

    @pytest.mark.parametrize("pieces", [[b"a\r", b"\n"], [b"\r\n"], [b"a"]])
    def test_line_ends_cut_in_two(self, pieces: list[bytes]) -> None:
        conn = client()
        for piece in pieces:
            chunk(conn, piece, last=piece is pieces[-1])

    @pytest.mark.parametrize("octets", [b"a\nb\0", b"\r", b"a\r", b"\n"])
    def test_binary_octets_are_sent_as_they_are(self, octets: bytes) -> None:
        conn = client(binary=True)
        chunk(conn, octets, last=True)
        assert sent(conn) == b"BDAT %d LAST\r\n" % len(octets) + octets


REFUSED_TO_SEND: dict[str, tuple[bytes, list[Command], str]] = {
    "not offered": (b"250 mx\r\n", [Mail(A), Rcpt(B), Bdat(1)], "does not offer CHUNKING"),
    "BINARYMIME not offered": (PLAIN_OFFER, [Mail(A, BINARY)], "does not offer|BINARYMIME not offered"),
    "BINARYMIME without CHUNKING": (b"250-mx\r\n250 BINARYMIME\r\n", [Mail(A, BINARY)], "CHUNKING"),
    "DATA with BINARYMIME": (OFFER, [Mail(A, BINARY), Rcpt(B), Data()], "when the message is BINARYMIME"),
    "without recipients": (OFFER, [Mail(A), Bdat(1)], "in the state 'transaction'"),
    "without MAIL": (OFFER, [Bdat(1)], "in the state 'ready'"),
    "DATA behind BDAT": (OFFER, [Mail(A), Rcpt(B), Bdat(0), Data()], "in the state 'chunks'"),
    "RCPT behind BDAT": (OFFER, [Mail(A), Rcpt(B), Bdat(0), Rcpt(C)], "in the state 'chunks'"),
    "BDAT behind the last": (OFFER, [Mail(A), Rcpt(B), Bdat(0, last=True), Bdat(0)], "not legal"),
    "MAIL behind the last": (OFFER, [Mail(A), Rcpt(B), Bdat(0, last=True), Mail(A)], "must be read first"),
    "a group without PIPELINING": (PLAIN_OFFER, [Mail(A), Rcpt(B)], "must be read first"),
}  # fmt: skip


@pytest.mark.parametrize("offer, commands, message", REFUSED_TO_SEND.values(), ids=REFUSED_TO_SEND)
def test_what_a_client_refuses_to_send(offer: bytes, commands: list[Command], message: str) -> None:
    conn = ready_client(offer=offer)
    *good, bad = commands
    for command in good:
        conn.send_command(command)
        if b"PIPELINING" not in offer and bad != Rcpt(B):
            conn.receive_data(b"250 \r\n")
            pull(conn)
    before = sent(conn)
    with pytest.raises(LocalProtocolError, match=message):
        conn.send_command(bad)
    assert (sent(conn), before.count(b"\n")) == (b"", len(good))


def test_replies_come_the_same_however_they_are_cut() -> None:
    octets = b"250-a\r\n250 b\r\n250 \r\n552 5.3.4 too big\r\n503 \r\n"

    def run(pieces: list[bytes]) -> list[ClientEvent]:
        conn = client()
        for size in (1, 2, 3):
            chunk(conn, b"x" * size)
        chunk(conn, b"x", last=True)
        events: list[ClientEvent] = []
        for piece in pieces:
            conn.receive_data(piece)
            events += pull(conn)
        return events

    assert [event.code for event in for_every_split(octets, run) if isinstance(event, Reply)] == [
        250,
        250,
        552,
        503,
    ]


@given(st.lists(st.binary(max_size=40), max_size=8), st.integers(1, 64))
def test_whatever_is_sent_arrives(pieces: list[bytes], cut: int) -> None:
    server_conn = server()
    client_conn = client(binary=True)
    pair = ConnectionPair(client_conn, server_conn, piece=cut)
    serve(server_conn, [BINARY_ENVELOPE])
    sent(server_conn)
    for piece in [*pieces, b""]:
        chunk(client_conn, piece)
    chunk(client_conn, b"", last=True)
    pair.pump()
    events = serve(server_conn, [b""])
    assert b"".join(event.data for event in events if isinstance(event, ChunkData)) == b"".join(pieces)
    assert [event.size for event in events if isinstance(event, ChunkEnded)] == [*map(len, pieces), 0]
    assert events[-1] == BodyEnded(sum(map(len, pieces)))
    assert [event.code for event in pair.client_events() if isinstance(event, Reply)] == [250] * (
        len(pieces) + 2
    )
