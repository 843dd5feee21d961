"""CHUNKING and BINARYMIME in the flows of both ends."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.errors import (
    ConnectionClosed,
    ConnectionTimeout,
    LocalProtocolError,
    SMTPRecipientsRefused,
    SMTPReplyError,
)
from mailproto.flow import ServerStopping
from mailproto.limits import SMTPLimits
from mailproto.smtp import (
    BINARYMIME,
    EXTENSIONS,
    Bdat,
    MessageSink,
    Reply,
    SMTPClientConnection,
    SMTPHandler,
    SMTPServerConnection,
    SMTPSession,
)
from mailproto.smtp.client_flows import Body, SendResult, send_message
from mailproto.smtp.server_flow import HandlerFailed, Service, serve
from mailproto.smtp.session_flows import exchange, open_session
from mailproto.smtp.sources import CHUNK
from mailproto.wants import Wants
from support_flows import END, FlowRun, run_script, run_to_end
from support_sinks import Sink
from support_smtp import ready_client

Script = list[tuple[bytes | None, Any]]

OFFER = b"250-mx\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-BINARYMIME\r\n250 CHUNKING\r\n"
CHUNKING_ONLY = b"250-mx\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 CHUNKING\r\n"
ONE_BY_ONE = b"250-mx\r\n250 CHUNKING\r\n"
NOT_OFFERED = b"250-mx\r\n250-PIPELINING\r\n250 8BITMIME\r\n"
BODY = b"Subject: x\r\n\r\n.text\r\n"
ENVELOPE = b"MAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\n"
ACCEPTED = b"250\r\n250\r\n"


def send(
    conn: SMTPClientConnection, script: Script, message: Any = BODY, to: Any = "b@x", **arguments: Any
) -> SendResult:
    flow = send_message(conn, message, reverse_path="a@x", forward_paths=to, **arguments)
    return run_script(conn, flow, script)


def client(
    offer: bytes = OFFER, *, lmtp: bool = False, limits: SMTPLimits | None = None
) -> SMTPClientConnection:
    return ready_client(SMTPClientConnection(limits or SMTPLimits(), lmtp=lmtp), offer)


LONG = b"x" * 999 + b"\r\n"
BDAT, DATA = b"BDAT", b"DATA"
# offer, message, arguments, what MAIL says of BODY, and how the message goes
CHOICES: dict[str, tuple[bytes, bytes, dict[str, Any], bytes, bytes]] = {
    "text": (OFFER, b"a\r\n", {}, b"", DATA),
    "text, asked for": (OFFER, b"a\r\n", {"chunking": True}, b"", BDAT),
    "text, asked for and not offered": (NOT_OFFERED, b"a\r\n", {"chunking": True}, b"", DATA),
    "8-bit": (OFFER, b"\xe4\r\n", {}, b" BODY=8BITMIME", DATA),
    "8-bit, asked for": (OFFER, b"\xe4\r\n", {"chunking": True}, b" BODY=8BITMIME", BDAT),
    "NUL": (OFFER, b"a\0\r\n", {}, b" BODY=BINARYMIME", BDAT),
    "NUL, not offered": (CHUNKING_ONLY, b"a\0\r\n", {}, b"", DATA),
    "NUL, not wanted": (OFFER, b"a\0\r\n", {"chunking": False}, b"", DATA),
    "NUL, said to be 7-bit": (OFFER, b"a\0\r\n", {"body": "7BIT"}, b" BODY=7BIT", DATA),
    "998 octets": (OFFER, LONG[1:], {}, b"", DATA),
    "999 octets": (OFFER, LONG, {}, b" BODY=BINARYMIME", BDAT),
    "bare LF": (OFFER, b"a\n", {}, b"", DATA),
    "bare LF kept": (OFFER, b"a\n", {"newlines": "keep"}, b" BODY=BINARYMIME", BDAT),
    "CR at the end kept": (OFFER, b"a\r", {"newlines": "keep"}, b" BODY=BINARYMIME", BDAT),
    "CRLF kept": (OFFER, b"a\r\n", {"newlines": "keep"}, b"", DATA),
    "said": (OFFER, b"a\r\n", {"body": "BINARYMIME"}, b" BODY=BINARYMIME", BDAT),
    "said, 8BITMIME, asked for": (
        OFFER, b"a\r\n", {"body": "8BITMIME", "chunking": True}, b" BODY=8BITMIME", BDAT,
    ),
}  # fmt: skip


@pytest.mark.parametrize("form", [bytes, io.BytesIO], ids=["bytes", "file"])
@pytest.mark.parametrize("offer, message, arguments, body, how", CHOICES.values(), ids=CHOICES)
def test_how_a_message_goes(
    offer: bytes,
    message: bytes,
    arguments: dict[str, Any],
    body: bytes,
    how: bytes,
    form: Callable[[bytes], Any],
) -> None:
    mail = b"MAIL FROM:<a@x>%b\r\nRCPT TO:<b@x>\r\n" % body
    if how == DATA:
        octets = message.replace(b"\n", b"\r\n").replace(b"\r\r", b"\r")
        script: Script = [(mail + b"DATA\r\n", ACCEPTED + b"354\r\n"), (octets + b".\r\n", b"250\r\n")]
    else:
        script = [(mail, ACCEPTED), (b"BDAT %d LAST\r\n%b" % (len(message), message), b"250\r\n")]
    send(client(offer), script, form(message), **arguments)


REFUSED: dict[str, tuple[bytes, bytes, dict[str, Any]]] = {
    "said and not offered": (NOT_OFFERED, b"a\r\n", {"body": "BINARYMIME"}),
    "said, CHUNKING only": (CHUNKING_ONLY, b"a\r\n", {"body": "BINARYMIME"}),
    "said and not wanted": (OFFER, b"a\r\n", {"body": "BINARYMIME", "chunking": False}),
    "bare LF kept, not offered": (NOT_OFFERED, b"a\n", {"newlines": "keep"}),
    "bare LF kept, and 7-bit": (OFFER, b"a\n", {"newlines": "keep", "body": "7BIT"}),
}


@pytest.mark.parametrize("form", [bytes, io.BytesIO], ids=["bytes", "file"])
@pytest.mark.parametrize("offer, message, arguments", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_sent_is_not_begun(
    offer: bytes, message: bytes, arguments: dict[str, Any], form: Callable[[bytes], Any]
) -> None:
    conn = client(offer)
    with pytest.raises(LocalProtocolError, match=r"BINARYMIME|bare CR or LF"):
        send(conn, [], form(message), **arguments)
    assert conn.state.value == "ready"


def test_an_email_message_is_never_kept_with_its_bare_newlines() -> None:
    message = EmailMessage()
    message.set_content("text\n")
    run = FlowRun(
        conn := client(),
        send_message(conn, message, reverse_path="a@x", forward_paths="b@x", body="BINARYMIME"),
    )
    run.take_sent()
    run.feed(ACCEPTED)
    assert b"\n" not in run.sent.replace(b"\r\n", b"")
    run.feed(b"250\r\n")
    assert run.error is None


def pieces_of(*sizes: int, end: bytes = b"\r\n") -> Iterator[bytes]:
    return iter([*(b"x" * size for size in sizes), end])


class TestClient:
    def test_small_pieces_go_together_and_large_ones_are_cut(self) -> None:
        script: Script = [
            (b"MAIL FROM:<a@x> BODY=BINARYMIME\r\nRCPT TO:<b@x>\r\n", ACCEPTED),
            (
                b"BDAT 30\r\n" + b"x" * 30
                + b"BDAT 65536\r\n" + b"x" * 65_536
                + b"BDAT 4470 LAST\r\n" + b"x" * 4_469 + b"!",
                b"250\r\n250\r\n250 done\r\n",
            ),
        ]  # fmt: skip
        result = send(client(), script, pieces_of(10, 20, 70_000, 0, 5, end=b"!"), body="BINARYMIME")
        assert result == SendResult(("b@x",), {}, Reply(250, ("done",)))

    def test_an_empty_message(self) -> None:
        script: Script = [(ENVELOPE, ACCEPTED), (b"BDAT 0 LAST\r\n", b"250\r\n")]
        send(client(), script, iter(()), chunking=True)

    @pytest.mark.parametrize(
        "form", [bytes, io.BytesIO, lambda octets: [octets]], ids=["bytes", "file", "chunks"]
    )
    def test_text_arrives_as_by_data(self, form: Callable[[bytes], Any]) -> None:
        script: Script = [
            (ENVELOPE, ACCEPTED),
            (b"BDAT 10 LAST\r\n.\r\n.a\r\nb\r\n", b"250\r\n"),
        ]
        send(client(), script, form(b".\n.a\rb"), chunking=True)

    def test_without_pipelining_each_chunk_waits(self) -> None:
        script: Script = [
            (b"MAIL FROM:<a@x>\r\n", b"250\r\n"),
            (b"RCPT TO:<b@x>\r\n", b"250\r\n"),
            (b"BDAT 65536\r\n" + b"x" * 65_536, b"250\r\n"),
            (b"BDAT 3 LAST\r\nx\r\n", b"250\r\n"),
        ]
        send(client(ONE_BY_ONE), script, pieces_of(65_537), chunking=True)

    def test_a_message_of_more_chunks_than_may_be_pending(self) -> None:
        conn = client(limits=SMTPLimits(max_pending=3))
        run = FlowRun(
            conn,
            send_message(
                conn, pieces_of(*[CHUNK] * 6), reverse_path="a@x", forward_paths="b@x", chunking=True
            ),
        )
        run.feed(ACCEPTED)
        counts = []
        while not run.is_done:
            counts.append(run.take_sent().count(b"BDAT"))
            run.feed(b"250\r\n")
        assert run.error is None
        assert counts == [3, 1, 1, 1, 1, 0, 0]

    def test_nobody_is_accepted(self) -> None:
        conn = client()
        script: Script = [(ENVELOPE, b"250\r\n550 no\r\n"), (b"RSET\r\n", b"250\r\n")]
        with pytest.raises(SMTPRecipientsRefused, match="550 no"):
            send(conn, script, chunking=True)
        send(conn, [(ENVELOPE, ACCEPTED), (None, b"250\r\n")], chunking=True)

    def test_one_of_two_is_accepted(self) -> None:
        script: Script = [
            (ENVELOPE + b"RCPT TO:<c@x>\r\n", b"250\r\n550 no\r\n250\r\n"),
            (b"BDAT 21 LAST\r\n" + BODY, b"250 ok\r\n"),
        ]
        result = send(client(), script, to=["b@x", "c@x"], chunking=True)
        assert result == SendResult(("c@x",), {"b@x": Reply(550, ("no",))}, Reply(250, ("ok",)))

    def test_the_last_chunk_is_refused(self) -> None:
        """Then too "a RSET command MUST be issued [...] before additional commands may be sent"."""
        conn = client()
        script: Script = [(ENVELOPE, ACCEPTED), (None, b"554 spam\r\n"), (b"RSET\r\n", b"250\r\n")]
        with pytest.raises(SMTPReplyError, match="message: 554 spam") as caught:
            send(conn, script, chunking=True)
        assert not caught.value.is_outcome_unknown
        send(conn, [(ENVELOPE, ACCEPTED), (None, b"250\r\n")], chunking=True)

    def test_connection_lost_while_resetting_behind_the_last_chunk(self) -> None:
        conn = client()
        script: Script = [(ENVELOPE, ACCEPTED), (None, b"554 spam\r\n"), (b"RSET\r\n", END)]
        with pytest.raises(SMTPReplyError, match="message: 554 spam"):
            send(conn, script, chunking=True)
        assert conn.wants is Wants.CLOSED

    def test_lmtp_refuses_the_last_chunk_for_everybody(self) -> None:
        conn = client(lmtp=True)
        script: Script = [
            (ENVELOPE + b"RCPT TO:<c@x>\r\n", b"250\r\n250\r\n250\r\n"),
            (None, b"552 full\r\n452 full\r\n"),
            (b"RSET\r\n", b"250\r\n"),
        ]
        with pytest.raises(SMTPRecipientsRefused, match="message: 452 full"):
            send(conn, script, to=["b@x", "c@x"], chunking=True)

    def test_a_chunk_is_refused_when_all_are_sent(self) -> None:
        conn = client()
        script: Script = [
            (ENVELOPE, ACCEPTED),
            (None, b"452 full\r\n503 no\r\n"),
            (b"RSET\r\n", b"250\r\n"),
        ]
        with pytest.raises(SMTPReplyError, match="BDAT: 452 full") as caught:
            send(conn, script, pieces_of(CHUNK), chunking=True)
        assert not caught.value.is_outcome_unknown
        send(conn, [(ENVELOPE, ACCEPTED), (None, b"250\r\n")], chunking=True)

    def test_a_chunk_is_refused_before_all_are_sent(self) -> None:
        conn = client(ONE_BY_ONE)
        script: Script = [
            (b"MAIL FROM:<a@x>\r\n", b"250\r\n"),
            (b"RCPT TO:<b@x>\r\n", b"250\r\n"),
            (b"BDAT 65536\r\n" + b"x" * 65_536, b"452 full\r\n"),
            (b"RSET\r\n", b"250\r\n"),
        ]
        taken = []

        def many() -> Iterator[bytes]:
            for number in range(10):
                taken.append(number)
                yield b"x" * CHUNK

        with pytest.raises(SMTPReplyError, match="BDAT: 452 full"):
            send(conn, script, many(), chunking=True)
        assert taken == [0, 1]
        assert conn.wants is Wants.DATA

    def test_a_chunk_is_refused_while_the_next_ones_are_sent(self) -> None:
        """Each of them has a reply of its own before that to RSET."""
        conn = client()

        def pieces() -> Iterator[bytes]:
            yield from [b"x" * CHUNK] * 3
            conn.receive_data(b"452 full\r\n")
            yield b"x" * CHUNK

        run = FlowRun(
            conn, send_message(conn, pieces(), reverse_path="a@x", forward_paths="b@x", chunking=True)
        )
        run.feed(ACCEPTED)
        said = run.take_sent()
        assert said.count(b"BDAT 65536\r\n") == conn.pending + 1 == 3
        run.feed(b"503 no\r\n")
        assert run.take_sent() == b""
        run.feed(b"503 no\r\n")
        assert run.take_sent() == b"RSET\r\n"
        run.feed(b"250\r\n")
        assert isinstance(run.error, SMTPReplyError)
        assert (run.error.reply.code, conn.pending) == (452, 0)
        send(conn, [(ENVELOPE, ACCEPTED), (None, b"250\r\n")], chunking=True)

    def test_the_session_ends_while_the_next_ones_are_sent(self) -> None:
        conn = client()

        def pieces() -> Iterator[bytes]:
            yield from [b"x" * CHUNK] * 3
            conn.receive_data(b"421 bye\r\n")
            yield b"x" * CHUNK

        run = FlowRun(
            conn, send_message(conn, pieces(), reverse_path="a@x", forward_paths="b@x", chunking=True)
        )
        run.feed(ACCEPTED)
        assert isinstance(run.error, ConnectionClosed)
        assert (run.error.retriable, run.error.is_outcome_unknown) == (("b@x",), False)

    def test_connection_lost_while_resetting_keeps_the_refusal(self) -> None:
        script: Script = [(ENVELOPE, ACCEPTED), (None, b"452 full\r\n503\r\n"), (b"RSET\r\n", b"421 bye\r\n")]
        with pytest.raises(SMTPReplyError, match="BDAT: 452 full"):
            send(client(), script, pieces_of(CHUNK), chunking=True)

    @pytest.mark.parametrize(
        "answer", [b"421 bye\r\n", END, ConnectionTimeout("late")], ids=["421", "end", "late"]
    )
    @pytest.mark.parametrize("before", [b"", b"250\r\n"])
    def test_outcome_unknown(self, answer: Any, before: bytes) -> None:
        conn = client()
        run = FlowRun(
            conn, send_message(conn, pieces_of(CHUNK), reverse_path="a@x", forward_paths="b@x", chunking=True)
        )
        run.feed(ACCEPTED)
        if before:
            run.feed(before)
        run.feed(answer)
        assert isinstance(run.error, ConnectionClosed)
        assert run.error.is_outcome_unknown

    @pytest.mark.parametrize("answer", [b"421 bye\r\n", END], ids=["421", "end"])
    def test_lost_between_two_chunks(self, answer: Any) -> None:
        conn = client(ONE_BY_ONE)
        script: Script = [
            (b"MAIL FROM:<a@x>\r\n", b"250\r\n"),
            (b"RCPT TO:<b@x>\r\n", b"250\r\n"),
            (None, answer),
        ]
        with pytest.raises(ConnectionClosed) as caught:
            send(conn, script, pieces_of(CHUNK), chunking=True)
        assert not caught.value.is_outcome_unknown
        assert conn.wants is Wants.CLOSED

    def test_lmtp(self) -> None:
        script: Script = [
            (ENVELOPE + b"RCPT TO:<c@x>\r\n", b"250\r\n250\r\n250\r\n"),
            (b"BDAT 21 LAST\r\n" + BODY, b"250 ok\r\n552 full\r\n"),
        ]
        result = send(client(lmtp=True), script, to=["b@x", "c@x"], chunking=True)
        assert result == SendResult(("b@x",), {"c@x": Reply(552, ("full",))}, Reply(250, ("ok",)))

    @pytest.mark.parametrize("bad, newlines", [(b"\xe4\r\n", "convert"), (b"a\n", "reject")])
    def test_a_piece_that_cannot_be_sent_resets_the_transaction(self, bad: bytes, newlines: Any) -> None:
        conn = client()
        script: Script = [(ENVELOPE, ACCEPTED), (b"RSET\r\n", b"250\r\n")]
        with pytest.raises(LocalProtocolError):
            send(conn, script, [b"a\r\n", bad], chunking=True, newlines=newlines)
        send(conn, [(ENVELOPE, ACCEPTED), (None, b"250\r\n")], chunking=True)

    def test_a_bare_newline_behind_an_announcement_closes(self) -> None:
        conn = client()
        with pytest.raises(LocalProtocolError, match="bare CR or LF"):
            send(conn, [(None, ACCEPTED)], [b"a\n"], chunking=True, newlines="keep", body="7BIT")
        assert conn.wants is Wants.CLOSED

    def test_a_source_that_fails_closes(self) -> None:
        def failing() -> Iterator[bytes]:
            yield b"a" * CHUNK
            yield b"a" * CHUNK
            raise OSError("disk")

        conn = client()
        run = FlowRun(
            conn, send_message(conn, failing(), reverse_path="a@x", forward_paths="b@x", chunking=True)
        )
        run.feed(ACCEPTED)
        assert isinstance(run.error, OSError)
        assert conn.wants is Wants.CLOSED
        assert b"LAST" not in run.sent

    def test_exchange_refuses_bdat(self) -> None:
        conn = client()
        with pytest.raises(LocalProtocolError, match="has a method of its own"):
            run_script(conn, exchange(conn, Bdat(1)), [])


class Handler(SMTPHandler):
    """Gives each message the next of its answers, and notes resets."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.sinks: list[Sink] = []
        self.resets = 0

    def message(self, session: SMTPSession) -> MessageSink | Reply:
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, Reply) and answer.is_transient:
            return answer
        self.sinks.append(Sink(answer))
        return self.sinks[-1]

    def reset(self, session: SMTPSession) -> None:
        self.resets += 1

    @property
    def ends(self) -> list[list[str]]:
        return [sink.ends for sink in self.sinks]


def server(handler: SMTPHandler, hello: bytes = b"EHLO me\r\n", **arguments: Any) -> FlowRun[None]:
    conn = SMTPServerConnection(hostname="mx", extensions=(*EXTENSIONS, BINARYMIME), **arguments)
    run = FlowRun(conn, serve(conn, Service(handler=handler)))
    run.feed(hello)
    run.take_sent()
    return run


def say(run: FlowRun[None], octets: bytes) -> list[int]:
    run.feed(octets)
    return [int(line[:3]) for line in run.take_sent().splitlines()]


# What is said behind EHLO, the codes, what the first sink got, and the ends of all sinks.
DIALOGUES: dict[str, tuple[bytes, list[int], bytes, list[list[str]]]] = {
    "one": (ENVELOPE + b"BDAT 3 LAST\r\nabc", [250, 250, 250], b"abc", [["finish"]]),
    "three": (
        ENVELOPE + b"BDAT 3\r\nabcBDAT 0\r\nBDAT 1 LAST\r\nd",
        [250, 250, 250, 250, 250], b"abcd", [["finish"]],
    ),
    "none": (ENVELOPE + b"BDAT 0 LAST\r\n", [250, 250, 250], b"", [["finish"]]),
    "reset": (ENVELOPE + b"BDAT 2\r\nabRSET\r\n", [250, 250, 250, 250], b"ab", [["abort"]]),
    "hello": (ENVELOPE + b"BDAT 2\r\nabHELO me\r\n", [250, 250, 250, 250], b"ab", [["abort"]]),
    "quit": (ENVELOPE + b"BDAT 2\r\nabQUIT\r\n", [250, 250, 250, 221], b"ab", [["abort"]]),
    "too big": (
        ENVELOPE + b"BDAT 9\r\n123456789BDAT 2\r\nabBDAT 0 LAST\r\nRSET\r\n",
        [250, 250, 250, 552, 503, 250], b"123456789", [["abort"]],
    ),
    "too big at last": (
        ENVELOPE + b"BDAT 9\r\n123456789BDAT 2 LAST\r\nab" + ENVELOPE + b"BDAT 1 LAST\r\nc",
        [250, 250, 250, 552, 250, 250, 250], b"123456789", [["abort"], ["finish"]],
    ),
    "DATA amid": (
        ENVELOPE + b"BDAT 2\r\nabDATA\r\nBDAT 0 LAST\r\nRSET\r\n",
        [250, 250, 250, 503, 503, 250], b"ab", [["abort"]],
    ),
    "RCPT amid": (
        ENVELOPE + b"BDAT 2\r\nabRCPT TO:<c@x>\r\nBDAT 0 LAST\r\n",
        [250, 250, 250, 503, 250], b"ab", [["finish"]],
    ),
    "unreadable": (ENVELOPE + b"BDAT 2\r\nabBDAT x\r\n", [250, 250, 250, 421], b"ab", [["abort"]]),
}  # fmt: skip


class TestServer:
    @pytest.mark.parametrize("octets, codes, written, ends", DIALOGUES.values(), ids=DIALOGUES)
    def test_dialogues(self, octets: bytes, codes: list[int], written: bytes, ends: list[list[str]]) -> None:
        for size in (1, 7, len(octets)):
            handler = Handler()
            run = server(handler, limits=SMTPLimits(max_message=10))
            said: list[int] = []
            for at in range(0, len(octets), size):
                said += say(run, octets[at : at + size])
            assert said == codes
            assert handler.sinks[0].octets == written
            assert handler.ends == ends

    def test_the_handler_refuses(self) -> None:
        handler = Handler(Reply(452, ("full",)))
        run = server(handler)
        assert say(run, ENVELOPE + b"BDAT 2\r\n") == [250, 250]
        assert say(run, b"abBDAT 1 LAST\r\nc") == [452, 503]
        assert say(run, b"RSET\r\n" + ENVELOPE + b"BDAT 1 LAST\r\nd") == [250, 250, 250, 250]
        assert (handler.resets, handler.ends) == (1, [["finish"]])

    def test_the_handler_refuses_the_only_chunk(self) -> None:
        handler = Handler(Reply(452, ("full",)))
        run = server(handler)
        assert say(run, ENVELOPE + b"BDAT 2 LAST\r\nab") == [250, 250, 452]
        assert say(run, ENVELOPE + b"BDAT 1 LAST\r\nd") == [250, 250, 250]
        assert handler.sinks[0].octets == b"d"

    def test_the_sink_refuses(self) -> None:
        handler = Handler(Reply(550, ("spam",)))
        assert say(server(handler), ENVELOPE + b"BDAT 1\r\naBDAT 1 LAST\r\nbRCPT TO:<c@x>\r\n") == [
            250, 250, 250, 550, 503,
        ]  # fmt: skip

    def test_lmtp(self) -> None:
        handler = Handler((Reply(250), Reply(552)))
        run = server(handler, b"LHLO me\r\n", lmtp=True)
        assert say(run, ENVELOPE + b"RCPT TO:<c@x>\r\nBDAT 1\r\naBDAT 1 LAST\r\nb") == [
            250,
            250,
            250,
            250,
            250,
            552,
        ]
        assert say(run, ENVELOPE + b"BDAT 1 LAST\r\na") == [250, 250, 250]
        assert say(run, b"MAIL FROM:<>\r\nBDAT 1 LAST\r\naRSET\r\n") == [250, 250]

    @pytest.mark.parametrize(
        "end", [END, ServerStopping(), ConnectionTimeout("late")], ids=["end", "stop", "late"]
    )
    @pytest.mark.parametrize("octets", [b"BDAT 5\r\n", b"BDAT 5\r\nab", b"BDAT 2\r\nab"])
    def test_a_message_that_does_not_end_is_aborted_once(self, end: Any, octets: bytes) -> None:
        handler = Handler()
        run = server(handler)
        say(run, ENVELOPE + octets)
        run.feed(end)
        assert run.is_done
        assert handler.ends == [["abort"]]

    def test_a_sink_that_raises(self) -> None:
        class Bad(Sink):
            def write(self, chunk: bytes, /) -> None:
                raise ValueError("disk")

        class BadHandler(Handler):
            def message(self, session: SMTPSession) -> MessageSink:
                self.sinks.append(Bad())
                return self.sinks[-1]

        handler = BadHandler()
        run = server(handler)
        assert say(run, ENVELOPE + b"BDAT 1 LAST\r\na") == [250, 250, 451]
        assert handler.ends == [["abort"]]
        # A chunk that was not written is not acknowledged, and no later one is taken for the whole message.
        assert say(run, ENVELOPE + b"BDAT 1\r\naBDAT 1 LAST\r\nbRSET\r\n") == [250, 250, 451, 503, 250]
        assert handler.ends == [["abort"]] * 2
        assert say(run, b"QUIT\r\n") == [221]
        assert isinstance(run.error, HandlerFailed)

    def test_by_default_all_is_accepted(self) -> None:
        assert say(server(SMTPHandler()), ENVELOPE + b"BDAT 1\r\naBDAT 1 LAST\r\nb") == [250, 250, 250, 250]

    def test_replies_to_chunks_go_together(self) -> None:
        run = server(Handler())
        run.flushes.clear()
        run.feed(ENVELOPE + b"BDAT 1\r\na" * 9 + b"BDAT 0 LAST\r\n")
        assert run.flushes == []
        run.take_sent()
        run.feed(ENVELOPE + b"BDAT 1\r\naBDAT 0 LAST\r\nNOOP\r\n")
        assert [flushed.count(b"\r\n") for flushed in run.flushes] == [4]


class TestBothEnds:
    def exchange(self, message: Any, *, lmtp: bool = False, **arguments: Any) -> tuple[SendResult, Handler]:
        handler = Handler()
        server_conn = SMTPServerConnection(hostname="mx", extensions=(*EXTENSIONS, BINARYMIME), lmtp=lmtp)
        server_run = FlowRun(server_conn, serve(server_conn, Service(handler=handler)))
        conn = SMTPClientConnection(lmtp=lmtp)
        run_to_end(FlowRun(conn, open_session(conn, "me.example")), server_run)
        flow = send_message(conn, message, reverse_path="a@x", forward_paths=["b@x", "c@x"], **arguments)
        return run_to_end(FlowRun(conn, flow), server_run), handler

    @pytest.mark.parametrize("lmtp", [False, True])
    def test_any_octets(self, lmtp: bool) -> None:
        octets = bytes(range(256)) * 1_000 + b"\r\n.\r\nQUIT\r\n"
        result, handler = self.exchange(octets, body="BINARYMIME", lmtp=lmtp)
        assert (result.accepted, result.refused) == (("b@x", "c@x"), {})
        assert handler.sinks[0].octets == octets
        assert handler.ends == [["finish"]]

    @given(st.lists(st.text(alphabet="a.\r\n", max_size=9).map(str.encode), max_size=9))
    def test_text_is_the_same_by_bdat_and_by_data(self, pieces: Iterable[bytes]) -> None:
        pieces = list(pieces)
        _, by_bdat = self.exchange(iter(pieces), chunking=True)
        _, by_data = self.exchange(iter(pieces), chunking=False)
        assert by_bdat.sinks[0].octets == by_data.sinks[0].octets


@pytest.mark.parametrize("body", ["7BIT", "8BITMIME", "BINARYMIME"])
def test_what_an_iterator_has_is_said(body: Body) -> None:
    mail = b"MAIL FROM:<a@x> BODY=%b\r\nRCPT TO:<b@x>\r\n" % body.encode()
    script: Script = [(mail, ACCEPTED), (b"BDAT 3 LAST\r\na\r\n", b"250\r\n")]
    send(client(), script, iter([b"a", b"\r\n"]), body=body, chunking=True)
