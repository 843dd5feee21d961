"""PRDR at both ends (draft-hall-prdr-00, as Exim speaks it)."""

from __future__ import annotations

from typing import Any

import pytest

from mailproto.address import Mailbox, Path
from mailproto.errors import (
    ConnectionClosed,
    LocalProtocolError,
    RemoteProtocolError,
    SMTPRecipientsRefused,
    SMTPReplyError,
)
from mailproto.smtp import (
    EXTENSIONS,
    PRDR,
    PRDR_EXTENSION,
    Bdat,
    BodyEnded,
    ClientEvent,
    Command,
    Data,
    Mail,
    MessageBody,
    MessageSink,
    Parameters,
    Rcpt,
    Reply,
    SMTPClientConnection,
    SMTPHandler,
    SMTPServerConnection,
    SMTPSession,
    State,
)
from mailproto.smtp.client_flows import SendResult, send_message
from mailproto.smtp.server_flow import HandlerFailed, Service, serve
from mailproto.smtp.session_flows import open_session
from support_flows import END, FlowRun, run_script, run_to_end
from support_sinks import Sink
from support_smtp import pull, ready_client, ready_server, sent
from support_smtp import serve as serve_all
from support_split import for_every_split

A, B, C = (Path(Mailbox(name, "x")) for name in "abc")
ASKING = Parameters([PRDR.pair(True)])
OFFER = b"250-mx\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 PRDR\r\n"
MAIL = b"MAIL FROM:<a@x> PRDR\r\n"
TWO = b"RCPT TO:<b@x>\r\nRCPT TO:<c@x>\r\n"
BODY = b"Subject: x\r\n\r\ntext\r\n"
OK, NO, LATER = (
    Reply.of(250, "2.0.0", "yes"),
    Reply.of(550, "5.0.0", "no"),
    Reply.of(451, "4.0.0", "later"),
)

ENDS: dict[str, tuple[bytes, bytes]] = {"DATA": (b"DATA\r\n", b".\r\n"), "BDAT": (b"", b"BDAT 0 LAST\r\n")}


class TestServerConnection:
    def make(self) -> SMTPServerConnection:
        return ready_server(SMTPServerConnection(hostname="mx", extensions=(*EXTENSIONS, PRDR_EXTENSION)))

    def ended(self, envelope: bytes, how: str) -> SMTPServerConnection:
        conn = self.make()
        begin, end = ENDS[how]
        serve_all(conn, [envelope + begin])
        conn.receive_data(end)
        while not isinstance(conn.next_event(), BodyEnded):
            pass
        sent(conn)
        return conn

    @pytest.mark.parametrize("how", ENDS)
    def test_verdicts(self, how: str) -> None:
        conn = self.ended(MAIL + TWO, how)
        assert (conn.has_verdicts, conn.replies_due) == (True, 1)
        conn.send_reply(Reply(353))
        assert (conn.state, conn.replies_due, conn.recipients) == (State.VERDICTS, 3, 2)
        for reply in (OK, NO):
            conn.send_reply(reply)
            assert conn.state is State.VERDICTS
        with pytest.raises(LocalProtocolError, match="353 is no answer"):
            conn.send_reply(Reply(353))
        conn.send_reply(OK)
        assert (conn.state, conn.replies_due, conn.recipients) == (State.READY, 0, 0)
        assert sent(conn) == b"353 \r\n250 2.0.0 yes\r\n550 5.0.0 no\r\n250 2.0.0 yes\r\n"

    @pytest.mark.parametrize("how", ENDS)
    def test_one_answer_for_all(self, how: str) -> None:
        conn = self.ended(MAIL + TWO, how)
        conn.send_reply(NO)
        assert (conn.state, conn.replies_due) == (State.READY, 0)

    @pytest.mark.parametrize("how", ENDS)
    @pytest.mark.parametrize(
        "envelope", [MAIL + TWO[:15], b"MAIL FROM:<a@x>\r\n" + TWO], ids=["one", "not asked"]
    )
    def test_no_353(self, how: str, envelope: bytes) -> None:
        conn = self.ended(envelope, how)
        assert not conn.has_verdicts
        with pytest.raises(LocalProtocolError, match="353 is no answer"):
            conn.send_reply(Reply(353))

    def test_it_is_not_offered_by_default(self) -> None:
        conn = ready_server()
        serve_all(conn, [MAIL])
        assert sent(conn) == b"555 5.5.4 parameter not offered\r\n"

    def test_what_is_unchecked_is_a_refusal(self) -> None:
        conn = self.ended(MAIL + TWO, "DATA")
        conn.send_reply(Reply(353))
        conn.send_unchecked(b"what\r\n", replies=3)
        assert conn.state is State.READY


class TestClientConnection:
    def ended(self, how: str, parameters: Parameters = ASKING) -> SMTPClientConnection:
        conn = ready_client(offer=OFFER)
        commands: list[Command] = [Mail(A, parameters), Rcpt(B), Rcpt(C)]
        for command in [*commands, *([Data()] if how == "DATA" else [])]:
            conn.send_command(command)
        conn.receive_data(b"250 \r\n250 \r\n250 \r\n" + (b"354 \r\n" if how == "DATA" else b""))
        pull(conn)
        if how == "DATA":
            conn.end_body()
        else:
            conn.send_command(Bdat(0, last=True))
        return conn

    @pytest.mark.parametrize("how", ENDS)
    def test_verdicts_cut_anywhere(self, how: str) -> None:
        def run(pieces: list[bytes]) -> list[ClientEvent]:
            conn = self.ended(how)
            events: list[ClientEvent] = []
            for piece in pieces:
                conn.receive_data(piece)
                events += pull(conn)
            assert (conn.state, conn.pending, conn.recipients) == (State.READY, 0, ())
            return events

        events = for_every_split(b"353 wait\r\n250 b\r\n550 c\r\n250 all\r\n", run)
        assert [(event.code, event.command) for event in events if isinstance(event, Reply)] == [
            (353, MessageBody()), (250, MessageBody(B)), (550, MessageBody(C)), (250, MessageBody()),
        ]  # fmt: skip

    def test_what_is_pipelined_behind(self) -> None:
        conn = self.ended("DATA")
        conn.send_command(Mail(B))
        conn.receive_data(b"353 \r\n250 \r\n250 \r\n250 \r\n250 \r\n")
        assert [event.command for event in pull(conn) if isinstance(event, Reply)][-2:] == [
            MessageBody(),
            Mail(B),
        ]
        assert conn.state is State.TRANSACTION

    @pytest.mark.parametrize("how", ENDS)
    def test_353_that_was_not_asked_for(self, how: str) -> None:
        conn = self.ended(how, Parameters())
        conn.receive_data(b"353 wait\r\n")
        with pytest.raises(RemoteProtocolError, match="got 353"):
            conn.next_event()

    def test_not_offered(self) -> None:
        conn = ready_client()
        with pytest.raises(LocalProtocolError, match="does not offer PRDR"):
            conn.send_command(Mail(A, ASKING))


RCPTS = MAIL + TWO
RESULTS: dict[str, tuple[bytes, tuple[str, ...], dict[str, int], int]] = {
    "both": (b"353\r\n250\r\n250\r\n250 2.0.0 all\r\n", ("b@x", "c@x"), {}, 250),
    "one": (b"353\r\n250\r\n550\r\n250\r\n", ("b@x",), {"c@x": 550}, 250),
    "not asked, for all": (b"250\r\n", ("b@x", "c@x"), {}, 250),
}
FAILURES: dict[str, tuple[bytes, type[SMTPReplyError], int]] = {
    "nobody": (b"353\r\n550\r\n451\r\n550\r\n", SMTPRecipientsRefused, 451),
    "nobody in the end": (b"353\r\n250\r\n451\r\n554\r\n", SMTPRecipientsRefused, 451),
    "positive in the end, and nobody": (b"353\r\n550\r\n550\r\n250\r\n", SMTPRecipientsRefused, 550),
    "one answer, permanent": (b"554\r\n", SMTPReplyError, 554),
    "one answer, transient": (b"451\r\n", SMTPReplyError, 451),
}


class TestClientFlow:
    def send(self, answer: Any, *, is_reset: bool = False, **arguments: Any) -> SendResult:
        conn = ready_client(offer=OFFER)
        flow = send_message(conn, BODY, reverse_path="a@x", forward_paths=["b@x", "c@x"], **arguments)
        if arguments.get("chunking"):
            said = [(RCPTS, b"250\r\n" * 3), (b"BDAT 20 LAST\r\n" + BODY, answer)]
            said += [(b"RSET\r\n", b"250\r\n")] * is_reset
        else:
            said = [(RCPTS + b"DATA\r\n", b"250\r\n" * 3 + b"354\r\n"), (BODY + b".\r\n", answer)]
        return run_script(conn, flow, said)

    @pytest.mark.parametrize("chunking", [False, True])
    @pytest.mark.parametrize("answer, accepted, refused, code", RESULTS.values(), ids=RESULTS)
    def test_results(
        self, answer: bytes, accepted: tuple[str, ...], refused: dict[str, int], code: int, chunking: bool
    ) -> None:
        result = self.send(answer, chunking=chunking)
        assert (result.accepted, result.reply.code) == (accepted, code)
        assert {recipient: reply.code for recipient, reply in result.refused.items()} == refused

    @pytest.mark.parametrize("chunking", [False, True])
    @pytest.mark.parametrize("answer, error, code", FAILURES.values(), ids=FAILURES)
    def test_failures(self, answer: bytes, error: type[SMTPReplyError], code: int, chunking: bool) -> None:
        with pytest.raises(error) as caught:
            self.send(answer, chunking=chunking, is_reset=True)
        assert type(caught.value) is error
        assert caught.value.code == code
        assert not caught.value.is_outcome_unknown

    @pytest.mark.parametrize("answer", [b"353\r\n", b"353\r\n250\r\n", b"353\r\n250\r\n550\r\n"])
    def test_lost_between_the_verdicts(self, answer: bytes) -> None:
        conn = ready_client(offer=OFFER)
        run = FlowRun(conn, send_message(conn, BODY, reverse_path="a@x", forward_paths=["b@x", "c@x"]))
        run.feed(b"250\r\n" * 3 + b"354\r\n")
        run.feed(answer)
        run.feed(END)
        assert isinstance(run.error, ConnectionClosed)
        assert run.error.is_outcome_unknown
        # None of the verdicts counts before the last reply.
        assert (run.error.accepted, run.error.retriable) == ((), ())

    def test_it_is_not_asked_for_by_one(self) -> None:
        conn = ready_client(offer=OFFER)
        run_script(
            conn,
            send_message(conn, BODY, reverse_path="a@x", forward_paths="b@x"),
            [
                (b"MAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nDATA\r\n", b"250\r\n250\r\n354\r\n"),
                (BODY + b".\r\n", b"250\r\n"),
            ],
        )

    def test_nor_in_lmtp(self) -> None:
        conn = ready_client(SMTPClientConnection(lmtp=True), OFFER)
        run = FlowRun(conn, send_message(conn, BODY, reverse_path="a@x", forward_paths=["b@x", "c@x"]))
        assert run.take_sent().startswith(b"MAIL FROM:<a@x>\r\n")

    def test_asked_for_by_the_caller(self) -> None:
        conn = ready_client(offer=OFFER)
        flow = send_message(
            conn, BODY, reverse_path="a@x", forward_paths=["b@x", "c@x"], mail_parameters=ASKING
        )
        assert FlowRun(conn, flow).take_sent().count(b"PRDR") == 1


class Handler(SMTPHandler):
    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def message(self, session: SMTPSession) -> MessageSink:
        return Sink(self.answer)


FOLLOWS = b"353 an answer for each recipient follows\r\n"
VERDICTS: dict[str, tuple[Any, bytes]] = {
    "nothing": (None, b"250 2.0.0 message accepted\r\n"),
    "one reply": (NO, b"550 5.0.0 no\r\n"),
    "all": ((OK, OK), FOLLOWS + b"250 2.0.0 yes\r\n250 2.0.0 yes\r\n250 2.0.0 message accepted\r\n"),
    "some": (
        (OK, NO),
        FOLLOWS + b"250 2.0.0 yes\r\n550 5.0.0 no\r\n250 2.0.0 message accepted for some recipients\r\n",
    ),
    "none": ((NO, NO), FOLLOWS + b"550 5.0.0 no\r\n550 5.0.0 no\r\n550 5.0.0 no\r\n"),
    "none now": ((NO, LATER), FOLLOWS + b"550 5.0.0 no\r\n451 4.0.0 later\r\n451 4.0.0 later\r\n"),
}


class TestServerFlow:
    def run(self, answer: Any) -> FlowRun[None]:
        conn = SMTPServerConnection(hostname="mx", extensions=(*EXTENSIONS, PRDR_EXTENSION))
        run = FlowRun(conn, serve(conn, Service(handler=Handler(answer))))
        run.feed(b"EHLO me\r\n")
        run.take_sent()
        return run

    @pytest.mark.parametrize("how", ENDS)
    @pytest.mark.parametrize("answer, said", VERDICTS.values(), ids=VERDICTS)
    def test_what_a_sink_answers(self, answer: Any, said: bytes, how: str) -> None:
        begin, end = ENDS[how]
        run = self.run(answer)
        run.feed(MAIL + TWO + begin)
        run.take_sent()
        run.feed(end)
        assert run.take_sent() == said
        run.feed(MAIL)
        assert run.take_sent() == b"250 2.1.0 sender accepted\r\n"

    @pytest.mark.parametrize(
        "envelope", [MAIL + TWO[:15], b"MAIL FROM:<a@x>\r\n" + TWO], ids=["one", "not asked"]
    )
    def test_a_tuple_is_one_reply_otherwise(self, envelope: bytes) -> None:
        run = self.run((OK, NO))
        run.feed(envelope + b"DATA\r\n")
        run.take_sent()
        run.feed(b".\r\n")
        assert run.take_sent() == b"550 5.0.0 no\r\n"

    def test_too_few_verdicts(self) -> None:
        run = self.run((OK,))
        run.feed(MAIL + TWO + b"DATA\r\n.\r\n")
        assert run.take_sent().endswith(b"\r\n451 4.3.0 internal error, try again later\r\n")
        run.feed(b"QUIT\r\n")
        assert isinstance(run.error, HandlerFailed)

    @pytest.mark.parametrize("chunking", [False, True])
    def test_both_ends(self, chunking: bool) -> None:
        server_conn = SMTPServerConnection(hostname="mx", extensions=(*EXTENSIONS, PRDR_EXTENSION))
        server = FlowRun(server_conn, serve(server_conn, Service(handler=Handler((OK, NO)))))
        conn = SMTPClientConnection()
        run_to_end(FlowRun(conn, open_session(conn, "me.example")), server)
        flow = send_message(conn, BODY, reverse_path="a@x", forward_paths=["b@x", "c@x"], chunking=chunking)
        result = run_to_end(FlowRun(conn, flow), server)
        assert (result.accepted, result.refused) == (("b@x",), {"c@x": NO})
