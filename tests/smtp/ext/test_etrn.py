from __future__ import annotations

from collections.abc import Callable

import pytest

from mailproto.errors import LocalProtocolError, SMTPReplyError
from mailproto.smtp import (
    ETRN,
    EXTENSIONS,
    Etrn,
    EtrnAnswer,
    EtrnOutcome,
    InvalidCommand,
    Noop,
    Reply,
    SMTPClientConnection,
    SMTPHandler,
    SMTPServerConnection,
    SMTPSession,
)
from mailproto.smtp.server_flow import Service, serve
from mailproto.smtp.session_flows import command, open_session
from support_flows import FlowRun, run_script, run_to_end
from support_smtp import ready_client, ready_server
from support_smtp import serve as accept_all
from support_smtp_clients import CLIENTS, connected
from support_smtp_servers import KINDS, serving
from support_split import for_every_split

ROWS = (*EXTENSIONS, ETRN)
OFFER = b"250-mx.example\r\n250-PIPELINING\r\n250 ETRN\r\n"
ENVELOPE = b"MAIL FROM:<a@x.example>\r\nRCPT TO:<b@x.example>\r\n"


class Queues(SMTPHandler):
    """Starts what it is asked for; counts a little."""

    def __init__(self) -> None:
        self.asked: list[Etrn] = []

    def etrn(self, session: SMTPSession, etrn: Etrn) -> Reply | None:
        self.asked.append(etrn)
        answer = {
            "many.example": EtrnAnswer(EtrnOutcome.COUNTED_STARTED, 14),
            "uucp": EtrnAnswer(EtrnOutcome.STARTED),
            "none.example": EtrnAnswer(EtrnOutcome.NOTHING_PENDING),
            "other.example": EtrnAnswer(EtrnOutcome.NOT_ALLOWED, reason="not yours"),
        }.get(etrn.node)
        return None if answer is None else answer.reply(etrn)


def server() -> SMTPServerConnection:
    return SMTPServerConnection(hostname="mx.example", extensions=ROWS)


def test_a_server_reads_it_cut_anywhere() -> None:
    events = for_every_split(
        b"ETRN @x.example\r\netrn #q\r\nNOOP\r\n", lambda pieces: accept_all(ready_server(server()), pieces)
    )
    assert events == [Etrn("x.example", "@"), Etrn("q", "#"), Noop()]


def refusal(octets: bytes, make: Callable[[], SMTPServerConnection]) -> Reply:
    event = for_every_split(octets, lambda pieces: accept_all(ready_server(make()), pieces))[-1]
    assert isinstance(event, InvalidCommand)
    return event.reply


@pytest.mark.parametrize("start", [ENVELOPE[:25], ENVELOPE], ids=["behind MAIL", "behind RCPT"])
def test_in_a_transaction_it_is_out_of_order(start: bytes) -> None:
    assert refusal(start + b"ETRN x.example\r\n", server).code == 503


def test_it_is_not_offered_unless_named() -> None:
    assert "ETRN" not in ready_server().extensions
    assert refusal(b"ETRN x.example\r\n", lambda: SMTPServerConnection(hostname="mx.example")).code == 502


def test_a_client_sends_it_where_it_is_legal() -> None:
    client = ready_client(offer=OFFER)
    assert client.extensions.etrn
    client.send_command(Etrn("x.example"))
    # It is not among the commands that may stand inside a group (RFC 2920 section 3.1).
    with pytest.raises(LocalProtocolError, match="a reply is due"):
        client.send_command(Noop())
    with pytest.raises(LocalProtocolError, match="does not offer ETRN"):
        ready_client().send_command(Etrn("x.example"))


DIALOGUE = {
    b"ETRN x.example": b"458 4.3.0 the queue cannot be started\r\n",
    b"ETRN many.example": b"253 2.0.0 OK, 14 pending messages for node many.example started\r\n",
    b"ETRN @none.example": b"251 2.0.0 OK, no messages waiting for node @none.example\r\n",
    b"ETRN other.example": b"459 4.7.0 Node other.example not allowed: not yours\r\n",
    b"ETRN": b"500 5.5.2 expected a node\r\n",
    b"ETRN localname": b"501 5.5.4 expected a fully qualified domain, or # and the name of a queue\r\n",
}


def serving_run(handler: SMTPHandler) -> FlowRun[None]:
    conn = server()
    run = FlowRun(conn, serve(conn, Service(handler=handler)))
    run.feed(b"EHLO me\r\n")
    assert b"250 ETRN\r\n" in run.take_sent()
    return run


@pytest.mark.parametrize("line, answer", DIALOGUE.items(), ids=map(repr, DIALOGUE))
def test_the_handler_answers(line: bytes, answer: bytes) -> None:
    run = serving_run(Queues())
    run.feed(line + b"\r\n")
    assert run.take_sent() == answer


def test_by_default_no_queue_can_be_started() -> None:
    run = serving_run(SMTPHandler())
    run.feed(b"ETRN x.example\r\n")
    assert run.take_sent() == b"458 4.3.0 the queue cannot be started\r\n"


def test_a_client_whose_server_refuses() -> None:
    client = ready_client(offer=OFFER)
    script = [(b"ETRN x.example\r\n", b"458 4.3.0 Unable to queue messages for node x.example\r\n")]
    with pytest.raises(SMTPReplyError) as caught:
        run_script(client, command(client, Etrn("x.example")), script)
    assert caught.value.is_transient
    reply = caught.value.reply
    assert isinstance(reply, Reply)
    answer = EtrnAnswer.of(reply)
    assert answer is not None
    assert answer.outcome is EtrnOutcome.UNABLE
    client.send_command(Noop())


def test_both_ends() -> None:
    handler = Queues()
    conn, peer = SMTPClientConnection(), server()
    serving_flow = FlowRun(peer, serve(peer, Service(handler=handler)))
    run_to_end(FlowRun(conn, open_session(conn, "me.example")), serving_flow)
    reply = run_to_end(FlowRun(conn, command(conn, Etrn("many.example", "@"))), serving_flow)
    assert EtrnAnswer.of(reply) == EtrnAnswer(EtrnOutcome.COUNTED_STARTED, 14)
    assert handler.asked == [Etrn("many.example", "@")]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("client", CLIENTS)
def test_over_sockets(client: str, kind: str) -> None:
    handler = Queues()
    with serving(kind, handler, extensions=ROWS) as running, connected(client, running.port) as smtp:
        assert smtp.etrn("none.example").code == 251
        assert smtp.etrn("uucp", "#").code == 250
        with pytest.raises(SMTPReplyError, match="not yours"):
            smtp.etrn("other.example", "@")
        assert smtp.noop().code == 250
    assert handler.asked == [Etrn("none.example"), Etrn("uucp", "#"), Etrn("other.example", "@")]
