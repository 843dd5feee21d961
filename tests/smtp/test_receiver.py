from __future__ import annotations

from typing import Any

import pytest

from mailproto.flow import Call, Flow
from mailproto.smtp import Mail, Rcpt, Receiver, Reply, SMTPHandler, SMTPServerConnection, SMTPSession
from mailproto.smtp.server_flow import HandlerFailed, Service, serve
from support_flows import FlowRun

NO, LATER, CLOSING = Reply.of(550, "5.1.1", "no"), Reply.of(451, "4.3.0", "later"), Reply(421, ("bye",))


class Saying(SMTPHandler):
    """Gives one answer to every MAIL and RCPT, in one of three ways."""

    def __init__(self, answer: Any, way: str = "plain") -> None:
        self.answer = answer
        self.way = way
        self.asked: list[str] = []

    def mail(self, session: SMTPSession, mail: Mail) -> Any:
        return self._give(str(mail.reverse_path))

    def rcpt(self, session: SMTPSession, rcpt: Rcpt) -> Any:
        return self._give(str(rcpt.forward_path))

    def _give(self, path: str) -> Any:
        self.asked.append(path)
        if self.way == "plain":
            return self.answer
        return self._later() if self.way == "async" else self._flow()

    async def _later(self) -> Any:
        return self.answer

    def _flow(self) -> Flow[Any]:
        return (yield Call(lambda: self.answer))


def answers(handler: SMTPHandler, *lines: str, domains: tuple[str, ...] = ()) -> list[bytes]:
    """Return the code of the reply to each of *lines*, behind EHLO."""
    conn = SMTPServerConnection(hostname="MX.example")
    run = FlowRun(conn, serve(conn, Service(handler=Receiver(handler, domains))))
    run.feed(b"EHLO me\r\n")
    said = []
    for line in lines:
        run.take_sent()
        run.feed(line.encode() + b"\r\n")
        said.append(run.take_sent()[:3])
    return said


@pytest.mark.parametrize("way", ["plain", "async", "flow"])
@pytest.mark.parametrize(
    "path, answer, code",
    [
        ("<>", NO, b"250"),
        ("<>", None, b"250"),
        ("<>", Reply(250, ("hi",)), b"250"),
        ("<>", LATER, b"451"),
        ("<>", CLOSING, b"421"),
        ("<a@x.example>", NO, b"550"),
        ("<a@x.example>", LATER, b"451"),
        ("<a@x.example>", None, b"250"),
    ],
)
def test_the_null_reverse_path(way: str, path: str, answer: Reply | None, code: bytes) -> None:
    handler = Saying(answer, way)
    assert answers(handler, f"MAIL FROM:{path}") == [code]
    assert handler.asked == [path]


POSTMASTERS = {
    "<Postmaster>": b"250",
    "<postMASTER>": b"250",
    "<postmaster@mx.example>": b"250",
    "<Postmaster@X.Example>": b"250",
    "<postmaster@y.example>": b"550",
    "<postmaster@[192.0.2.1]>": b"550",
    "<postmasters@x.example>": b"550",
    "<a@x.example>": b"550",
}


class Refusing(SMTPHandler):
    def __init__(self, answer: Reply) -> None:
        self.answer = answer

    def rcpt(self, session: SMTPSession, rcpt: Rcpt) -> Reply:
        return self.answer


@pytest.mark.parametrize("path", POSTMASTERS)
def test_the_postmaster(path: str) -> None:
    lines = ("MAIL FROM:<a@x.example>", f"RCPT TO:{path}")
    assert answers(Refusing(NO), *lines, domains=("x.EXAMPLE",)) == [b"250", POSTMASTERS[path]]
    assert answers(Refusing(LATER), *lines, domains=("x.EXAMPLE",)) == [b"250", b"451"]


def test_what_is_no_answer_is_none_here_either() -> None:
    conn = SMTPServerConnection(hostname="mx.example")
    reported: list[HandlerFailed] = []
    service = Service(handler=Receiver(Saying("250 ok")))
    run = FlowRun(conn, serve(conn, service, report=reported.append))
    run.feed(b"EHLO me\r\n")
    run.take_sent()
    run.feed(b"MAIL FROM:<>\r\n")
    assert run.take_sent().startswith(b"451 4.3.0 ")
    assert len(reported) == 1


def test_the_other_methods_are_those_of_the_handler() -> None:
    class Whole(SMTPHandler):
        def vrfy(self, session: SMTPSession, vrfy: Any) -> Reply:
            return NO

    methods = Service(handler=Receiver(Whole())).methods
    assert set(methods) == {"mail", "rcpt", "vrfy"}
    assert answers(Whole(), "VRFY x", "NOOP", "MAIL FROM:<>") == [b"550", b"250", b"250"]
