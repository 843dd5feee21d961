from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from functools import partial
from typing import Any, ClassVar

import pytest

from mailproto.errors import ConnectionClosed, ConnectionTimeout
from mailproto.flow import Call, Flow, Receive, ServerStopping, TLSInfo
from mailproto.limits import SMTPLimits
from mailproto.sasl import (
    Authenticator,
    External,
    ExternalClient,
    LoginClient,
    PasswordAuthenticator,
    PlainClient,
    Request,
)
from mailproto.smtp import (
    DOMAIN_ACCEPTS_NO_MAIL,
    ETRN,
    EXTENSIONS,
    HOST_ACCEPTS_NO_MAIL,
    SENDER_ACCEPTS_NO_MAIL,
    SMTPUTF8_EXTENSION,
    Expn,
    Extension,
    Mail,
    MessageSink,
    Noop,
    Quit,
    Rcpt,
    Reply,
    SMTPClientConnection,
    SMTPHandler,
    SMTPServerConnection,
    SMTPSession,
    UnknownCommand,
    Vrfy,
)
from mailproto.smtp.client_flows import send_message
from mailproto.smtp.server_flow import HandlerFailed, Report, Service, serve
from mailproto.smtp.session_flows import authenticate, open_session
from mailproto.wants import Wants
from support_flows import END, TLS, FlowRun, run_to_end
from support_sinks import Sink

BODY = b"Subject: x\r\n\r\ntext\r\n"
USERS = PasswordAuthenticator({"tim": "secret"})


class Handler(SMTPHandler):
    """Gives each message to the next of its sinks, and notes the end."""

    def __init__(self, *answers: Any) -> None:
        self.sinks: list[Sink] = []
        self.answers = list(answers)
        self.closed_sessions: list[SMTPSession] = []

    def message(self, session: SMTPSession) -> MessageSink:
        self.sinks.append(Sink(self.answers.pop(0) if self.answers else None))
        return self.sinks[-1]

    def closed(self, session: SMTPSession) -> None:
        self.closed_sessions.append(session)


def server(
    handler: SMTPHandler | None = None,
    *,
    authenticator: Authenticator | None = None,
    allow_cleartext: bool = False,
    start_tls: bool = False,
    tls: TLSInfo | None = None,
    shaken: TLSInfo = TLS,
    greet_delay: float = 0,
    report: Report | None = None,
    **arguments: Any,
) -> FlowRun[None]:
    conn = SMTPServerConnection(hostname="mx.example", **arguments)
    if tls is not None:
        conn.tls_started()
    service = Service(
        handler=handler or SMTPHandler(),
        authenticator=authenticator,
        allow_cleartext=allow_cleartext,
        start_tls=start_tls,
        greet_delay=greet_delay,
    )
    flow = serve(conn, service, peer=("192.0.2.1", 1025), local=("192.0.2.2", 25), tls=tls, report=report)
    return FlowRun(conn, flow, shaken)


def greeted(
    handler: SMTPHandler | None = None, hello: bytes = b"EHLO me\r\n", **arguments: Any
) -> FlowRun[None]:
    run = server(handler, **arguments)
    run.feed(hello)
    run.take_sent()
    return run


def say(run: FlowRun[None], octets: bytes) -> bytes:
    run.feed(octets)
    return run.take_sent()


async def one_after_another(answers: Iterable[Any]) -> AsyncIterator[Any]:
    for answer in answers:
        yield answer


ENVELOPE = b"MAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nDATA\r\n"
ENVELOPE_OK = (
    b"250 2.1.0 sender accepted\r\n250 2.1.5 recipient accepted\r\n354 end the message with <CRLF>.<CRLF>\r\n"
)
TAKEN = b"250 2.0.0 message accepted\r\n"

DIALOGUE = {
    "EHLO": (
        b"EHLO me.example\r\n",
        b"250-mx.example\r\n250-PIPELINING\r\n250-SIZE 52428800\r\n250-8BITMIME\r\n250-CHUNKING\r\n"
        b"250-ENHANCEDSTATUSCODES\r\n250-LIMITS RCPTMAX=1000\r\n250 HELP\r\n",
    ),
    "HELO": (b"HELO me.example\r\n", b"250 mx.example\r\n"),
    "NOOP": (b"NOOP x\r\n", b"250 2.0.0 nothing done\r\n"),
    "HELP": (b"HELP\r\n", b"214 2.0.0 see RFC 5321\r\n"),
    "VRFY": (b"VRFY x\r\n", b"252 2.0.0 cannot say, but will take mail for it\r\n"),
    "EXPN": (b"EXPN x\r\n", b"502 5.5.1 no list is shown\r\n"),
    "RSET": (b"RSET\r\n", b"250 2.0.0 forgotten\r\n"),
    "QUIT": (b"QUIT\r\n", b"221 2.0.0 closing the connection\r\n"),
    "order": (b"RCPT TO:<a@x>\r\n", b"503 5.5.1 bad sequence of commands\r\n"),
    "unknown": (b"FOO\r\n", b"500 5.5.1 command unknown\r\n"),
    "AUTH without users": (b"EHLO me\r\nAUTH PLAIN\r\n", b"502 5.5.1 not offered\r\n"),
    "STARTTLS without a certificate": (b"EHLO me\r\nSTARTTLS\r\n", b"502 5.5.1 not offered\r\n"),
}


class TestDialogue:
    @pytest.mark.parametrize("command, answer", DIALOGUE.values(), ids=DIALOGUE)
    def test_default_answers(self, command: bytes, answer: bytes) -> None:
        run = server()
        assert run.take_sent() == b"220 mx.example ESMTP ready\r\n"
        assert say(run, command).endswith(answer)

    def test_everything_is_accepted_by_default(self) -> None:
        run = greeted()
        assert say(run, ENVELOPE) == ENVELOPE_OK
        assert say(run, BODY + b".\r\n") == TAKEN
        assert say(run, ENVELOPE) == ENVELOPE_OK
        assert say(run, b".\r\nQUIT\r\n") == TAKEN + b"221 2.0.0 closing the connection\r\n"
        assert run.is_done
        assert run.error is None

    def test_lmtp(self) -> None:
        run = server(lmtp=True)
        assert run.take_sent() == b"220 mx.example LMTP ready\r\n"
        assert say(run, b"LHLO me\r\n").startswith(b"250-mx.example\r\n")
        say(run, b"MAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nRCPT TO:<c@x>\r\nDATA\r\n")
        assert say(run, b".\r\n") == TAKEN * 2

    def test_end_of_the_client(self) -> None:
        handler = Handler()
        run = greeted(handler)
        run.feed(b"NOOP\r\n")
        run.feed(END)
        assert run.take_sent() == b"250 2.0.0 nothing done\r\n"
        assert run.is_done
        assert run.error is None
        assert len(handler.closed_sessions) == 1

    def test_budget_of_bad_commands(self) -> None:
        run = greeted(limits=SMTPLimits(max_bad_commands=2))
        assert say(run, b"FOO\r\nFOO\r\nFOO\r\nNOOP\r\n").endswith(b"421 4.7.0 too many bad commands\r\n")
        assert run.is_done


class TestFlush:
    def test_a_group_is_answered_at_once(self) -> None:
        run = greeted()
        run.flushes.clear()
        assert say(run, ENVELOPE) == ENVELOPE_OK
        assert run.flushes == []

    def test_an_answer_that_the_client_may_wait_for_goes_before_the_next_command(self) -> None:
        run = greeted()
        run.flushes.clear()
        run.feed(b"NOOP\r\nRSET\r\nMAIL FROM:<a@x>\r\nNOOP\r\nNOOP\r\n")
        assert [flushed.count(b"\r\n") for flushed in run.flushes] == [1, 4]

    def test_many_answers_are_flushed_before_they_pile_up(self) -> None:
        run = greeted(limits=SMTPLimits(max_unsent=100))
        run.flushes.clear()
        run.feed(b"RSET\r\n" * 9)
        assert [flushed.count(b"\r\n") for flushed in run.flushes] == [5]


class TestHandler:
    def test_session(self) -> None:
        class Looking(Handler):
            def rcpt(self, session: SMTPSession, rcpt: Rcpt) -> None:
                self.seen = (
                    session.peer,
                    session.hello,
                    session.tls,
                    session.identity,
                    session.transaction,
                )
                self.rest = (session.local, session.hostname, session.extensions.lines()[:2])

        handler = Looking()
        run = greeted(handler)
        say(run, ENVELOPE)
        peer, hello, tls, identity, transaction = handler.seen
        assert (peer, tls, identity) == (("192.0.2.1", 1025), None, None)
        assert handler.rest == (("192.0.2.2", 25), "mx.example", ("PIPELINING", "SIZE 52428800"))
        assert hello is not None
        assert hello.domain == "me"
        assert transaction is not None
        assert transaction.mail.serialize() == b"MAIL FROM:<a@x>\r\n"
        assert [rcpt.serialize() for rcpt in transaction.recipients] == [b"RCPT TO:<b@x>\r\n"]
        say(run, b".\r\n")
        assert handler.closed_sessions == []

    def test_refusals(self) -> None:
        class Refusing(SMTPHandler):
            def mail(self, session: SMTPSession, mail: Mail) -> Reply | None:
                return Reply(550, ("no",)) if str(mail.reverse_path) == "<bad@x>" else None

            async def rcpt(self, session: SMTPSession, rcpt: Rcpt) -> Reply | None:
                return Reply(550, ("no",)) if str(rcpt.forward_path) == "<bad@x>" else None

            def vrfy(self, session: SMTPSession, vrfy: Vrfy) -> Reply:
                return Reply(250, (f"<{vrfy.argument}@x>",))

            def message(self, session: SMTPSession) -> Reply:
                return Reply(451, ("not now",))

        run = greeted(Refusing())
        assert say(run, b"MAIL FROM:<bad@x>\r\n") == b"550 5.0.0 no\r\n"
        assert say(run, b"RCPT TO:<a@x>\r\n") == b"503 5.5.1 bad sequence of commands\r\n"
        say(run, b"MAIL FROM:<good@x>\r\n")
        assert (
            say(run, b"RCPT TO:<bad@x>\r\nDATA\r\n") == b"550 5.0.0 no\r\n554 5.5.1 no valid recipients\r\n"
        )
        assert say(run, b"RCPT TO:<good@x>\r\nDATA\r\n").endswith(b"451 4.0.0 not now\r\n")
        assert say(run, b"VRFY joe\r\n") == b"250 2.0.0 <joe@x>\r\n"
        assert say(run, b"RSET\r\n") == b"250 2.0.0 forgotten\r\n"

    def test_replies_in_utf_8_only_where_the_client_takes_them(self) -> None:
        class Forwarding(SMTPHandler):
            def vrfy(self, session: SMTPSession, vrfy: Vrfy) -> Reply:
                return Reply(250, ("<ü@x>",))

            def expn(self, session: SMTPSession, expn: Expn) -> Reply:
                return Reply(250, ("<ü@x>",))

            def rcpt(self, session: SMTPSession, rcpt: Rcpt) -> Reply | None:
                forward_path = str(rcpt.forward_path)
                return {
                    "<251@x>": Reply(251, ("to <ü@x>",)),
                    "<551@x>": Reply(551, ("try <ü@x>",)),
                    "<plain@x>": Reply(551, ("try <u@x>",)),
                }.get(forward_path)

        rcpts = b"RCPT TO:<251@x>\r\nRCPT TO:<551@x>\r\nRCPT TO:<plain@x>\r\nRSET\r\n"
        run = greeted(Forwarding(), extensions=(*EXTENSIONS, SMTPUTF8_EXTENSION))
        assert say(run, b"VRFY a\r\nEXPN a\r\n") == (
            b"252 2.6.8 the answer needs SMTPUTF8\r\n550 5.6.8 the answer needs SMTPUTF8\r\n"
        )
        assert say(run, b"VRFY a SMTPUTF8\r\nEXPN a SMTPUTF8\r\n") == (
            "250 2.0.0 <ü@x>\r\n250 2.0.0 <ü@x>\r\n".encode()
        )
        say(run, b"MAIL FROM:<>\r\n")
        assert say(run, rcpts) == (
            b"250 2.1.5 recipient accepted\r\n550 5.6.8 the new address needs SMTPUTF8\r\n"
            b"551 5.0.0 try <u@x>\r\n250 2.0.0 forgotten\r\n"
        )
        say(run, b"MAIL FROM:<> SMTPUTF8\r\n")
        assert say(run, rcpts).startswith(
            "251 2.0.0 to <ü@x>\r\n551 5.0.0 try <ü@x>\r\n551 5.0.0 try <u@x>\r\n".encode()
        )

    # What a handler answers to each command, and what is said.
    ANSWERS: ClassVar = [
        (Reply(250), b"250 2.0.0 \r\n"),
        (Reply(250, ("a", "b")), b"250-2.0.0 a\r\n250 2.0.0 b\r\n"),
        (Reply(450, ("4.2.1 later",)), b"450 4.2.1 later\r\n"),
        (Reply(550, ("2.1.5 no",)), b"550 5.0.0 2.1.5 no\r\n"),
        (Reply(550, ("größer",)), b"550 5.0.0 gr??er\r\n"),
        (Reply.of(550, "5.1.1", "kein", "ö"), b"550-5.1.1 kein\r\n550 5.1.1 ?\r\n"),
    ]

    @pytest.mark.parametrize("hello", [b"EHLO me\r\n", b"HELO me\r\n", b"EHLO me\r\nHELO me\r\n"])
    @pytest.mark.parametrize("answer, said", ANSWERS)
    def test_each_reply_has_a_code_and_is_ascii(self, answer: Reply, said: bytes, hello: bytes) -> None:
        """RFC 2034 section 4, "regardless of whether or not EHLO is employed", and RFC 6531 section 3.7.4."""

        class Answering(SMTPHandler):
            def noop(self, session: SMTPSession, noop: Noop) -> Reply:
                return answer

            def message(self, session: SMTPSession) -> Reply | MessageSink:
                return answer if answer.is_negative else Sink(answer)

        run = greeted(Answering(), hello)
        assert say(run, b"NOOP\r\n") == said
        is_taken = answer.is_positive
        assert say(run, ENVELOPE).endswith(
            b"354 end the message with <CRLF>.<CRLF>\r\n" if is_taken else said
        )
        assert not is_taken or say(run, b".\r\n") == said

    def test_a_server_without_codes_adds_none(self) -> None:
        class Answering(SMTPHandler):
            def noop(self, session: SMTPSession, noop: Noop) -> Reply:
                return Reply(250, ("ok",))

        rows = [row for row in EXTENSIONS if row.keyword != "ENHANCEDSTATUSCODES"]
        assert say(greeted(Answering(), extensions=rows), b"NOOP\r\n") == b"250 ok\r\n"

    def test_the_greeting_and_the_answers_to_hello_have_no_code_and_are_ascii(self) -> None:
        class Greeting(SMTPHandler):
            def connect(self, session: SMTPSession) -> Reply:
                return Reply(220, ("mx.example grüßt",))

            def hello(self, session: SMTPSession, hello: Any) -> Reply:
                return Reply(550 if hello.domain == "bad" else 250, ("grüß dich",))

        run = server(Greeting())
        assert run.take_sent() == b"220 mx.example gr??t\r\n"
        assert say(run, b"HELO bad\r\n") == b"550 gr?? dich\r\n"
        assert say(run, b"HELO me\r\n") == b"250 mx.example gr?? dich\r\n"

    def test_greeting(self) -> None:
        class Closed(SMTPHandler):
            def connect(self, session: SMTPSession) -> Reply:
                return Reply(554, ("no mail here",))

        run = server(Closed())
        assert run.take_sent() == b"554 no mail here\r\n"
        assert say(run, b"EHLO me\r\nQUIT\r\n").endswith(b"\r\n221 2.0.0 closing the connection\r\n")

    def test_a_host_that_accepts_no_mail(self) -> None:
        class NoMail(SMTPHandler):
            def connect(self, session: SMTPSession) -> Reply:
                return HOST_ACCEPTS_NO_MAIL

        run = server(NoMail())
        greeting = b"521 5.3.2 host does not accept mail\r\n"
        assert run.take_sent() == greeting
        assert say(run, b"EHLO me\r\n") == greeting
        assert say(run, b"QUIT\r\n") == b"221 2.0.0 closing the connection\r\n"

    def test_domains_that_accept_no_mail(self) -> None:
        class NullMX(SMTPHandler):
            def mail(self, session: SMTPSession, mail: Any) -> Reply | None:
                return SENDER_ACCEPTS_NO_MAIL if "null" in str(mail.reverse_path) else None

            def rcpt(self, session: SMTPSession, rcpt: Any) -> Reply | None:
                return DOMAIN_ACCEPTS_NO_MAIL if "null" in str(rcpt.forward_path) else None

        run = greeted(NullMX())
        refused = b"550 5.7.27 domain of the sender does not accept mail\r\n"
        assert say(run, b"MAIL FROM:<a@null.example>\r\n") == refused
        say(run, b"MAIL FROM:<a@x.example>\r\n")
        assert say(run, b"RCPT TO:<b@null.example>\r\n") == b"556 5.1.10 domain does not accept mail\r\n"
        assert say(run, b"RCPT TO:<b@y.example>\r\n").startswith(b"250 ")

    def test_hello_refused_changes_nothing(self) -> None:
        class Picky(Handler):
            def hello(self, session: SMTPSession, hello: Any) -> Reply | None:
                return Reply(550, ("you?",)) if hello.domain == "bad" else None

        run = greeted(Picky())
        say(run, b"MAIL FROM:<a@x>\r\n")
        assert say(run, b"EHLO bad\r\n") == b"550 you?\r\n"
        assert say(run, b"RCPT TO:<a@x>\r\n").startswith(b"250 ")
        say(run, b"EHLO good\r\n")
        assert say(run, b"RCPT TO:<a@x>\r\n").startswith(b"503 ")

    def test_reset_is_told_where_a_transaction_was(self) -> None:
        class Counting(SMTPHandler):
            resets = 0

            def reset(self, session: SMTPSession) -> None:
                assert session.transaction is not None
                self.resets += 1

        handler = Counting()
        run = greeted(handler)
        for octets in (b"RSET\r\n", b"EHLO me\r\n", b"MAIL FROM:<a@x>\r\nRSET\r\nRSET\r\n"):
            say(run, octets)
        assert handler.resets == 1
        say(run, b"MAIL FROM:<a@x>\r\nEHLO me\r\n" + ENVELOPE + b".\r\n")
        assert handler.resets == 2

    def test_verb_of_an_extension(self) -> None:
        class Extended(SMTPHandler):
            def unknown(self, session: SMTPSession, command: UnknownCommand) -> Reply:
                return Reply(250, (command.arguments,))

        rows = (*EXTENSIONS, Extension("XFOO", verbs=frozenset({"XFOO"})))
        assert say(greeted(Extended(), extensions=rows), b"XFOO a b\r\n") == b"250 2.0.0 a b\r\n"
        assert say(greeted(extensions=rows), b"XFOO a b\r\n") == b"502 5.5.1 not implemented\r\n"

    def test_a_method_may_return_a_flow(self) -> None:
        class Flowing(SMTPHandler):
            def rcpt(self, session: SMTPSession, rcpt: Rcpt) -> Flow[Reply | None]:
                answer = yield Call(str.upper, ("no",))
                return Reply(550, (answer,))

        run = greeted(Flowing())
        say(run, b"MAIL FROM:<a@x>\r\n")
        assert say(run, b"RCPT TO:<a@x>\r\n") == b"550 5.0.0 NO\r\n"

    def test_the_text_of_a_hello(self) -> None:
        class Polite(SMTPHandler):
            def hello(self, session: SMTPSession, hello: Any) -> Reply:
                return Reply(250, ("greets you", "never sent"))

        run = server(Polite())
        assert b"\r\n250-mx.example greets you\r\n250-PIPELINING\r\n" in say(run, b"EHLO me\r\n")
        assert say(run, b"HELO me\r\n") == b"250 mx.example greets you\r\n"

    @pytest.mark.parametrize("code", [221, 421])
    def test_quit(self, code: int) -> None:
        class Counting(SMTPHandler):
            async def quit(self, session: SMTPSession, quit_: Quit) -> Reply:
                return Reply.of(code, f"{code // 100}.0.0", "come back")

        run = greeted(Counting())
        assert say(run, b"QUIT\r\n") == b"%d %d.0.0 come back\r\n" % (code, code // 100)
        assert run.is_done


class Recording(SMTPHandler):
    """Notes each call, and what the session is at that moment; refuses what has "bad" in it."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []
        self.sessions: list[SMTPSession] = []
        for name, method in vars(SMTPHandler).items():
            if callable(method) and not name.startswith("_"):
                setattr(self, name, partial(self._note, name))

    def _note(self, name: str, session: SMTPSession, *arguments: Any) -> Any:
        transaction = session.transaction
        envelope = None
        if transaction is not None:
            paths = [str(rcpt.forward_path) for rcpt in transaction.recipients]
            envelope = (str(transaction.mail.reverse_path), *paths)
        hello = None if session.hello is None else session.hello.domain
        self.calls.append((name, hello, session.tls is not None, session.identity, envelope))
        self.sessions.append(session)
        if name == "message":
            return Sink()
        return Reply(550, ("no",)) if "bad" in repr(arguments) else None


EVERY_HOOK: tuple[tuple[bytes, tuple[tuple[object, ...], ...]], ...] = (
    (b"", (("connect", None, False, None, None),)),
    (b"EHLO bad\r\n", (("hello", None, False, None, None),)),
    (b"EHLO me\r\n", (("hello", None, False, None, None),)),
    (b"AUTH PLAIN AHRpbQBzZWNyZXQ=\r\n", (("auth", "me", False, None, None),)),
    (b"NOOP\r\n", (("noop", "me", False, "tim", None),)),
    (b"STARTTLS\r\n", ()),
    (b"NOOP\r\n", (("noop", None, True, None, None),)),
    (b"EHLO you\r\n", (("hello", None, True, None, None),)),
    (b"AUTH PLAIN AHRpbQBzZWNyZXQ=\r\n", (("auth", "you", True, None, None),)),
    (b"VRFY x\r\n", (("vrfy", "you", True, "tim", None),)),
    (b"EXPN x\r\n", (("expn", "you", True, "tim", None),)),
    (b"ETRN x.example\r\n", (("etrn", "you", True, "tim", None),)),
    (b"HELP\r\n", (("help", "you", True, "tim", None),)),
    (b"MAIL FROM:<bad@x>\r\n", (("mail", "you", True, "tim", None),)),
    (b"RSET\r\n", ()),
    (b"MAIL FROM:<a@x>\r\n", (("mail", "you", True, "tim", None),)),
    (b"RCPT TO:<bad@x>\r\n", (("rcpt", "you", True, "tim", ("<a@x>",)),)),
    (b"RCPT TO:<b@x>\r\n", (("rcpt", "you", True, "tim", ("<a@x>",)),)),
    (b"RCPT TO:<c@x>\r\n", (("rcpt", "you", True, "tim", ("<a@x>", "<b@x>")),)),
    (b"RSET\r\n", (("reset", "you", True, "tim", ("<a@x>", "<b@x>", "<c@x>")),)),
    (b"MAIL FROM:<d@x>\r\n", (("mail", "you", True, "tim", None),)),
    (b"RCPT TO:<e@x>\r\n", (("rcpt", "you", True, "tim", ("<d@x>",)),)),
    (b"DATA\r\n", (("message", "you", True, "tim", ("<d@x>", "<e@x>")),)),
    (b"x\r\n.\r\n", ()),
    (b"NOOP\r\n", (("noop", "you", True, "tim", None),)),
    (b"QUIT\r\n", (("quit", "you", True, "tim", None), ("closed", "you", True, "tim", None))),
)


def test_every_hook_is_called_in_order_with_the_session_as_it_is() -> None:
    handler = Recording()
    run = server(
        handler,
        authenticator=USERS,
        allow_cleartext=True,
        start_tls=True,
        extensions=(*EXTENSIONS, ETRN),
    )
    for octets, calls in EVERY_HOOK:
        run.feed(octets)
        if octets == b"STARTTLS\r\n":
            run.shake_hands()
        assert tuple(handler.calls) == calls, octets
        handler.calls.clear()
    assert run.is_done
    assert run.error is None
    assert len(set(map(id, handler.sessions))) == 1


ENVELOPE_LOST = b"503 5.5.1 bad sequence of commands\r\n"
LATER = b"451 4.3.0 internal error, try again later\r\n"
FAILURES: dict[str, tuple[bytes, bytes]] = {
    "hello": (b"EHLO you\r\n", LATER),
    "mail": (b"MAIL FROM:<a@x>\r\n", LATER),
    "rcpt": (b"MAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\n", b"250 2.1.0 sender accepted\r\n" + LATER),
    "message": (ENVELOPE, ENVELOPE_OK[: ENVELOPE_OK.index(b"354")] + LATER),
    "vrfy": (b"VRFY x\r\n", LATER),
    "expn": (b"EXPN x\r\n", LATER),
    "help": (b"HELP\r\n", LATER),
    "noop": (b"NOOP\r\n", LATER),
    "unknown": (b"XFOO\r\n", LATER),
    "auth": (
        b"AUTH PLAIN AHRpbQBzZWNyZXQ=\r\n",
        b"454 4.7.0 the login cannot be checked now, try again later\r\n",
    ),
}
"""What a method that fails answers with: the client may go on."""
WRONG_ANSWERS = ["250 ok", 250, b"250 ok", True, Reply(354)]
XFOO = Extension("XFOO", verbs=frozenset({"XFOO"}))


def failing(method: str, outcome: Any) -> tuple[FlowRun[None], list[HandlerFailed]]:
    """Return a session, past EHLO, whose handler gives *outcome*, or raises it, in one method."""
    reported: list[HandlerFailed] = []
    handler = Handler()
    is_on = False

    def fail(session: SMTPSession, *arguments: object) -> Any:
        if is_on and isinstance(outcome, Exception):
            raise outcome
        return outcome if is_on else None

    setattr(handler, method, fail)
    run = greeted(
        handler,
        authenticator=USERS,
        tls=TLS,
        extensions=(*EXTENSIONS, XFOO),
        report=reported.append,
    )
    is_on = True
    return run, reported


class Breaking(Handler):
    """Gives each message to a sink of one kind."""

    def __init__(self, sink: type[Sink]) -> None:
        super().__init__()
        self.sink = sink

    def message(self, session: SMTPSession) -> MessageSink:
        self.sinks.append(self.sink())
        return self.sinks[-1]


class TestFailures:
    @pytest.mark.parametrize("method", FAILURES)
    def test_a_method_that_raises_costs_one_451(self, method: str) -> None:
        error = ConnectionClosed("of another connection")
        run, reported = failing(method, error)
        octets, answer = FAILURES[method]
        assert say(run, octets) == answer
        assert [failure.__cause__ for failure in reported] == [error]
        assert say(run, b"QUIT\r\n") == b"221 2.0.0 closing the connection\r\n"
        assert run.error is None

    @pytest.mark.parametrize("method", FAILURES)
    @pytest.mark.parametrize("outcome", WRONG_ANSWERS, ids=repr)
    def test_so_does_one_that_gives_no_answer(self, method: str, outcome: Any) -> None:
        run, reported = failing(method, outcome)
        octets, answer = FAILURES[method]
        assert say(run, octets) == answer
        assert len(reported) == 1
        assert not run.is_done

    @pytest.mark.parametrize("outcome", [Reply(250), None, SMTPHandler()], ids=repr)
    def test_what_is_neither_a_refusal_nor_a_sink_takes_no_message(self, outcome: Any) -> None:
        run, reported = failing("message", outcome)
        assert say(run, ENVELOPE).endswith(b"\r\n" + LATER)
        assert len(reported) == 1
        assert say(run, b"DATA\r\n") == LATER

    def test_a_failed_mail_begins_nothing(self) -> None:
        run, _ = failing("mail", OSError())
        assert say(run, ENVELOPE) == LATER + ENVELOPE_LOST * 2

    def test_a_failed_hello_changes_nothing(self) -> None:
        run, _ = failing("hello", OSError())
        assert say(run, b"MAIL FROM:<a@x>\r\nEHLO you\r\nRCPT TO:<b@x>\r\n") == (
            b"250 2.1.0 sender accepted\r\n" + LATER + b"250 2.1.5 recipient accepted\r\n"
        )

    @pytest.mark.parametrize("octets", [b"RSET\r\n", b"EHLO me\r\n"], ids=repr)
    def test_a_reset_cannot_be_refused(self, octets: bytes) -> None:
        run, reported = failing("reset", OSError())
        say(run, b"MAIL FROM:<a@x>\r\n")
        assert say(run, octets).startswith(b"250")
        assert len(reported) == 1
        assert say(run, b"RCPT TO:<b@x>\r\n") == ENVELOPE_LOST

    @pytest.mark.parametrize("outcome", [OSError(), Reply(250), Reply(451), "bye"], ids=repr)
    def test_nor_can_a_quit(self, outcome: Any) -> None:
        run, reported = failing("quit", outcome)
        assert say(run, b"QUIT\r\n") == b"221 2.0.0 closing the connection\r\n"
        assert len(reported) == 1
        assert run.is_done

    @pytest.mark.parametrize("outcome", [OSError(), Reply(354), "220 hi"], ids=repr)
    def test_a_connect_that_fails_ends_the_session(self, outcome: Any) -> None:
        class Failing(Handler):
            def connect(self, session: SMTPSession) -> Any:
                if isinstance(outcome, Exception):
                    raise outcome
                return outcome

        reported: list[HandlerFailed] = []
        handler = Failing()
        run = server(handler, report=reported.append)
        assert run.take_sent() == b"421 4.3.0 internal error\r\n"
        assert run.is_done
        assert run.error is None
        assert len(reported) == len(handler.closed_sessions) == 1

    def test_the_end_of_a_session_cannot_fail(self) -> None:
        run, reported = failing("closed", OSError())
        run.feed(END)
        assert run.is_done
        assert run.error is None
        assert len(reported) == 1

    def test_without_a_report_the_first_error_is_raised_at_the_end(self) -> None:
        class Failing(SMTPHandler):
            def noop(self, session: SMTPSession, noop: Noop) -> Reply:
                raise OSError(noop.argument)

        run = greeted(Failing())
        assert say(run, b"NOOP a\r\nNOOP b\r\n") == LATER * 2
        assert not run.is_done
        run.feed(END)
        assert isinstance(run.error, HandlerFailed)
        assert str(run.error.__cause__) == "a"

    def test_a_stop_during_a_flow_of_the_handler_is_no_failure(self) -> None:
        class Slow(SMTPHandler):
            def noop(self, session: SMTPSession, noop: Noop) -> Flow[Reply | None]:
                yield Receive()
                return None

        reported: list[HandlerFailed] = []
        run = greeted(Slow(), report=reported.append)
        run.feed(b"NOOP\r\n")
        run.feed(ServerStopping())
        assert run.take_sent() == b"421 4.3.2 the server stops\r\n"
        assert run.is_done
        assert reported == []

    @pytest.mark.parametrize("lmtp", [False, True], ids=["SMTP", "LMTP"])
    def test_a_sink_that_raises_in_the_middle(self, lmtp: bool) -> None:
        class Broken(Sink):
            def write(self, chunk: bytes, /) -> None:
                super().write(chunk)
                if b"break" in chunk:
                    raise OSError("disk full")

        reported: list[HandlerFailed] = []
        handler = Breaking(Broken)
        run = greeted(handler, b"LHLO me\r\n" if lmtp else b"EHLO me\r\n", lmtp=lmtp, report=reported.append)
        envelope = ENVELOPE.replace(b"DATA", b"RCPT TO:<c@x>\r\nDATA")
        say(run, envelope)
        assert say(run, b"begin\r\n") == b""
        assert say(run, b"break\r\n") == b""
        assert [sink.ends for sink in handler.sinks] == [["abort"]]
        assert say(run, b"more\r\n" * 9) == b""
        assert say(run, b".\r\n") == LATER * (2 if lmtp else 1)
        assert [sink.ends for sink in handler.sinks] == [["abort"]]
        assert handler.sinks[0].octets == b"begin\r\nbreak\r\n"
        assert len(reported) == 1
        say(run, envelope)
        assert say(run, b"fine\r\n.\r\n") == TAKEN * (2 if lmtp else 1)
        assert handler.sinks[1].ends == ["finish"]

    def test_a_message_that_failed_and_is_refused_too(self) -> None:
        class Broken(Sink):
            def write(self, chunk: bytes, /) -> None:
                raise OSError("disk full")

            def abort(self) -> None:
                super().abort()
                raise OSError("disk still full")

        reported: list[HandlerFailed] = []
        handler = Breaking(Broken)
        run = greeted(handler, report=reported.append)
        say(run, ENVELOPE)
        assert say(run, b"a\nb\r\n.\r\n") == b"550 5.6.0 bare CR or LF in the message\r\n"
        assert handler.sinks[0].ends == ["abort"]
        assert [str(failure.__cause__) for failure in reported] == ["disk full", "disk still full"]

    @pytest.mark.parametrize("answer", ["250 ok", 250, [Reply(250)], ("250 ok",), True], ids=repr)
    def test_an_end_that_is_no_reply(self, answer: Any) -> None:
        reported: list[HandlerFailed] = []
        handler = Handler(answer)
        run = greeted(handler, report=reported.append)
        say(run, ENVELOPE)
        assert say(run, BODY + b".\r\n") == LATER
        assert len(reported) == 1
        assert handler.sinks[0].ends == ["finish"]
        assert say(run, ENVELOPE) == ENVELOPE_OK

    def test_an_end_of_which_one_reply_does_not_fit(self) -> None:
        reported: list[HandlerFailed] = []
        handler = Handler((Reply(250), Reply(354)))
        run = greeted(handler, b"LHLO me\r\n", lmtp=True, report=reported.append)
        say(run, b"MAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nRCPT TO:<c@x>\r\nDATA\r\n")
        assert say(run, b".\r\n") == b"250 2.0.0 \r\n" + LATER
        assert len(reported) == 1


class TestGreetDelay:
    @pytest.mark.parametrize("octets", [b"EHLO me\r\n", b"E", b"\x16\x03\x01"], ids=repr)
    def test_whoever_talks_before_the_greeting_is_turned_away(self, octets: bytes) -> None:
        handler = Handler()
        run = server(handler, greet_delay=3)
        assert run.instruction == Receive(timeout=3)
        assert run.take_sent() == b""
        run.feed(octets)
        assert run.take_sent() == b"554 5.5.1 you talked before the greeting\r\n"
        assert run.is_done
        assert run.conn.wants is Wants.CLOSED
        assert handler.closed_sessions == []

    def test_whoever_waits_is_greeted(self) -> None:
        run = server(greet_delay=3)
        run.time_out()
        assert run.take_sent() == b"220 mx.example ESMTP ready\r\n"
        assert say(run, b"NOOP\r\n") == b"250 2.0.0 nothing done\r\n"

    def test_a_client_that_leaves(self) -> None:
        run = server(greet_delay=3)
        run.feed(END)
        assert run.is_done
        assert run.error is None

    def test_a_server_that_stops(self) -> None:
        run = server(greet_delay=3)
        run.feed(ServerStopping())
        assert run.take_sent() == b"421 4.3.2 the server stops\r\n"
        assert run.is_done
        assert run.error is None


def test_a_421_of_the_handler_ends_the_session() -> None:
    class Tired(SMTPHandler):
        def rcpt(self, session: SMTPSession, rcpt: Rcpt) -> Reply:
            return Reply.of(421, "4.7.0", "enough")

    run = greeted(Tired())
    assert say(run, b"MAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nRCPT TO:<b@x>\r\n").endswith(
        b"\r\n421 4.7.0 enough\r\n"
    )
    assert run.is_done
    assert run.error is None


ENDS: dict[str, tuple[Any, list[str]]] = {
    "finished": (b"more\r\n.\r\n", ["finish"]),
    "finished and lost": (b"more\r\n.\r\nNO", ["finish"]),
    "lost": (END, ["abort"]),
    "connection broken": (ConnectionClosed("reset"), ["abort"]),
    "too slow": (ConnectionTimeout("late"), ["abort"]),
    "stopped": (ServerStopping(), ["abort"]),
    "too big": (b"x" * 1_000 + b"\r\n.\r\n", ["abort"]),
    "bare LF": (b"a\nb\r\n.\r\n", ["abort"]),
    "interrupted": (KeyboardInterrupt(), ["abort"]),
}


class TestSinks:
    @pytest.mark.parametrize("end, ends", ENDS.values(), ids=ENDS)
    def test_exactly_one_end(self, end: Any, ends: list[str]) -> None:
        handler = Handler()
        run = greeted(handler, limits=SMTPLimits(max_message=500))
        say(run, ENVELOPE)
        say(run, b"begin\r\n")
        run.feed(end)
        if not run.is_done:
            run.feed(END)
        assert [sink.ends for sink in handler.sinks] == [ends]
        assert len(handler.closed_sessions) == 1

    def test_octets(self) -> None:
        handler = Handler()
        run = greeted(handler)
        say(run, ENVELOPE + b"a\r\n..b\r\n")
        say(run, b".")
        say(run, b".c\r\n.\r\nNOOP\r\n")
        assert handler.sinks[0].octets == b"a\r\n.b\r\n.c\r\n"

    def test_refused_messages(self) -> None:
        handler = Handler()
        run = greeted(handler, limits=SMTPLimits(max_message=500))
        say(run, ENVELOPE)
        assert say(run, b"x" * 1_000 + b"\r\n.\r\n") == b"552 5.3.4 message too big\r\n"
        say(run, ENVELOPE)
        assert say(run, b"a\nb\r\n.\r\n") == b"550 5.6.0 bare CR or LF in the message\r\n"
        say(run, ENVELOPE)
        assert say(run, b"fine\r\n.\r\n") == TAKEN
        assert [sink.ends for sink in handler.sinks] == [["abort"], ["abort"], ["finish"]]

    def test_refused_message_in_lmtp_has_a_reply_for_each(self) -> None:
        run = greeted(Handler(), b"LHLO me\r\n", lmtp=True, limits=SMTPLimits(max_message=50))
        say(run, b"MAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nRCPT TO:<c@x>\r\nDATA\r\n")
        assert say(run, b"x" * 100 + b"\r\n.\r\n") == b"552 5.3.4 message too big\r\n" * 2

    def test_answer(self) -> None:
        run = greeted(Handler(Reply.of(550, "5.7.1", "spam"), None, Reply.of(250, "2.6.0", "queued")))
        for answer in (b"550 5.7.1 spam\r\n", TAKEN, b"250 2.6.0 queued\r\n"):
            say(run, ENVELOPE)
            assert say(run, BODY + b".\r\n") == answer

    def test_421_in_place_of_an_answer(self) -> None:
        run = greeted(Handler(Reply.of(421, "4.3.0", "disk on fire")), b"LHLO me\r\n", lmtp=True)
        say(run, b"MAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nRCPT TO:<c@x>\r\nDATA\r\n")
        assert say(run, b".\r\n") == b"421 4.3.0 disk on fire\r\n"
        assert run.is_done
        assert run.error is None

    NO, YES = Reply.of(550, "5.7.1", "no"), Reply.of(250, "2.6.0", "yes")

    def test_answers_in_lmtp(self) -> None:
        run = greeted(Handler((self.NO, self.YES)), b"LHLO me\r\n", lmtp=True)
        say(run, b"MAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nRCPT TO:<c@x>\r\nDATA\r\n")
        assert say(run, b".\r\n") == b"550 5.7.1 no\r\n250 2.6.0 yes\r\n"

    @pytest.mark.parametrize(
        "answers, answer",
        [
            ((YES, NO), b"550 5.7.1 no\r\n"),
            ((YES, YES), b"250 2.6.0 yes\r\n"),
            ((YES,), b"250 2.6.0 yes\r\n"),
        ],
    )
    def test_several_answers_in_smtp_are_one(self, answers: tuple[Reply, ...], answer: bytes) -> None:
        run = greeted(Handler(answers))
        say(run, b"MAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nRCPT TO:<c@x>\r\nDATA\r\n")
        assert say(run, b".\r\n") == answer

    THREE = b"MAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nRCPT TO:<c@x>\r\nRCPT TO:<d@x>\r\n"

    @pytest.mark.parametrize("one_by_one", [iter, one_after_another])
    @pytest.mark.parametrize("end", [b"DATA\r\n.\r\n", b"BDAT 0 LAST\r\n"], ids=["DATA", "BDAT"])
    def test_answers_in_lmtp_are_sent_as_they_come(self, one_by_one: Any, end: bytes) -> None:
        """ "The server SHOULD send each reply as soon as possible" (RFC 2033 section 5)."""
        run = greeted(Handler(one_by_one([self.NO, self.YES, self.NO])), b"LHLO me\r\n", lmtp=True)
        say(run, self.THREE)
        run.flushes.clear()
        run.feed(end)
        no, yes = b"550 5.7.1 no\r\n", b"250 2.6.0 yes\r\n"
        assert [flushed.count(no) for flushed in run.flushes][-3:] == [1, 1, 2]
        assert run.take_sent().endswith(no + yes + no)
        assert say(run, self.THREE).count(b"250 ") == 4

    @pytest.mark.parametrize("one_by_one", [iter, one_after_another])
    @pytest.mark.parametrize(
        "answers, said",
        [
            ([], LATER * 3),
            ([NO], b"550 5.7.1 no\r\n" + LATER * 2),
            ([NO] * 4, b"550 5.7.1 no\r\n" * 3),
            ([NO, "250 ok", NO], b"550 5.7.1 no\r\n" + LATER * 2),
            ([NO, OSError("disk"), NO], b"550 5.7.1 no\r\n" + LATER * 2),
        ],
        ids=["none", "too few", "too many", "no reply", "it raises"],
    )
    def test_answers_one_by_one_that_are_wrong(
        self, answers: list[Any], said: bytes, one_by_one: Any
    ) -> None:
        reported: list[HandlerFailed] = []
        handler = Handler(one_by_one(map(self.give, answers)), None)
        run = greeted(handler, b"LHLO me\r\n", lmtp=True, report=reported.append)
        say(run, self.THREE + b"DATA\r\n")
        assert say(run, b".\r\n") == said
        assert len(reported) == 1
        assert handler.sinks[0].ends == ["finish"]
        say(run, self.THREE + b"DATA\r\n")
        assert say(run, b".\r\n") == TAKEN * 3

    @staticmethod
    def give(answer: Any) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    def test_421_among_answers_one_by_one(self) -> None:
        answers = iter([self.YES, Reply.of(421, "4.3.0", "disk on fire"), self.YES])
        run = greeted(Handler(answers), b"LHLO me\r\n", lmtp=True)
        say(run, self.THREE + b"DATA\r\n")
        assert say(run, b".\r\n") == b"250 2.6.0 yes\r\n421 4.3.0 disk on fire\r\n"
        assert run.is_done
        assert [*answers] == [self.YES]

    @pytest.mark.parametrize("one_by_one", [iter, one_after_another])
    def test_answers_one_by_one_in_smtp_are_one(self, one_by_one: Any) -> None:
        run = greeted(Handler(one_by_one([self.YES, self.NO, self.YES])))
        say(run, self.THREE + b"DATA\r\n")
        assert say(run, b".\r\n") == b"550 5.7.1 no\r\n"

    def test_an_iterator_that_does_not_end_is_left_after_one_too_many(self) -> None:
        reported: list[HandlerFailed] = []
        answers = iter([self.YES] * 1_000)
        run = greeted(Handler(answers), report=reported.append)
        say(run, self.THREE + b"DATA\r\n")
        assert say(run, b".\r\n") == b"250 2.6.0 yes\r\n"
        assert len([*answers]) == 996
        assert [str(error) for error in reported] == ["expected no reply number 4 to a message"]

    @pytest.mark.parametrize("answers", [(), (YES,), (YES,) * 3], ids=len)
    def test_wrong_number_of_answers(self, answers: tuple[Reply, ...]) -> None:
        run = greeted(Handler(answers), b"LHLO me\r\n", lmtp=True)
        say(run, b"MAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nRCPT TO:<c@x>\r\nDATA\r\n")
        assert say(run, b".\r\n") == LATER * 2

    def test_a_sink_that_raises_at_the_end_is_not_aborted(self) -> None:
        handler = Handler(OSError("disk full"))
        run = greeted(handler)
        say(run, ENVELOPE)
        assert say(run, BODY + b".\r\n") == LATER
        assert handler.sinks[0].ends == ["finish"]

    def test_async_sink(self) -> None:
        class AsyncSink:
            octets = b""

            async def write(self, chunk: bytes, /) -> None:
                self.octets += chunk

            async def finish(self) -> Reply:
                return Reply.of(250, "2.6.0", str(len(self.octets)))

            async def abort(self) -> None:
                raise AssertionError

        class AsyncHandler(SMTPHandler):
            async def message(self, session: SMTPSession) -> MessageSink:
                return AsyncSink()

        run = greeted(AsyncHandler())
        say(run, ENVELOPE)
        assert say(run, BODY + b".\r\n") == b"250 2.6.0 20\r\n"


class TestEnds:
    @pytest.mark.parametrize(
        "error, answer",
        [
            (ServerStopping(), b"421 4.3.2 the server stops\r\n"),
            (ConnectionTimeout("late"), b"421 4.4.2 nothing came in time\r\n"),
        ],
        ids=["stopping", "timeout"],
    )
    @pytest.mark.parametrize(
        "octets", [b"", b"MAIL FROM:<a@x>\r\n", ENVELOPE, ENVELOPE + b"x", b"NO"], ids=repr
    )
    def test_421(self, octets: bytes, error: Exception, answer: bytes) -> None:
        run = greeted(Handler())
        if octets:
            say(run, octets)
        run.feed(error)
        assert run.take_sent() == answer
        assert run.is_done
        assert run.error is None

    def test_connection_closed_says_nothing(self) -> None:
        run = greeted()
        run.feed(ConnectionClosed("reset"))
        assert run.take_sent() == b""
        assert isinstance(run.error, ConnectionClosed)

    def test_a_flow_that_is_dropped_asks_for_nothing(self) -> None:
        handler = Handler()
        run = greeted(handler)
        say(run, ENVELOPE)
        run.flow.close()
        assert handler.closed_sessions == []

    def test_a_421_that_cannot_be_sent(self) -> None:
        run = greeted()
        run.feed(END)
        assert run.is_done
        run = greeted(limits=SMTPLimits(max_bad_commands=1))
        run.conn.abort()
        run.feed(ServerStopping())
        assert run.take_sent() == b""
        assert run.error is None

    def test_stopping_does_not_take_back_what_is_being_acknowledged(self) -> None:
        class Slow(SMTPHandler):
            def message(self, session: SMTPSession) -> MessageSink:
                sink = Sink()
                sinks.append(sink)
                return sink

        sinks: list[Sink] = []
        run = greeted(Slow())
        say(run, ENVELOPE)
        assert say(run, b".\r\n") == TAKEN
        run.feed(ServerStopping())
        assert sinks[0].ends == ["finish"]


OFFERS: dict[str, tuple[dict[str, Any], bytes | None, bool]] = {
    "no users": ({"tls": TLS}, None, False),
    "in the clear": ({"authenticator": USERS}, None, False),
    "in the clear, allowed": (
        {"authenticator": USERS, "allow_cleartext": True},
        b"250-AUTH PLAIN LOGIN\r\n",
        False,
    ),
    "in the clear, TLS to be had": ({"authenticator": USERS, "start_tls": True}, None, True),
    "TLS": ({"authenticator": USERS, "tls": TLS, "start_tls": True}, b"250-AUTH PLAIN LOGIN\r\n", False),
}


class TestAuthentication:
    @pytest.mark.parametrize("arguments, auth, start_tls", OFFERS.values(), ids=OFFERS)
    def test_offer(self, arguments: dict[str, Any], auth: bytes | None, start_tls: bool) -> None:
        offer = say(server(**arguments), b"EHLO me\r\n")
        assert (b"AUTH" in offer) is (auth is not None)
        assert auth is None or auth in offer
        assert (b"STARTTLS" in offer) is start_tls

    PLAIN = b"AUTH PLAIN AHRpbQBzZWNyZXQ=\r\n"

    @pytest.mark.parametrize(
        "octets, answer",
        [
            (PLAIN, b"235 2.7.0 authenticated\r\n"),
            (b"AUTH PLAIN\r\nAHRpbQBzZWNyZXQ=\r\n", b"334 \r\n235 2.7.0 authenticated\r\n"),
            (b"AUTH PLAIN AHRpbQB4\r\n", b"535 5.7.8 credentials not accepted\r\n"),
            (b"AUTH PLAIN =\r\n", b"535 5.7.8 credentials not accepted\r\n"),
            (b"AUTH PLAIN\r\n*\r\n", b"334 \r\n501 5.7.0 authentication cancelled\r\n"),
            (b"AUTH PLAIN\r\n!\r\n", b"334 \r\n501 5.5.2 expected base64\r\n"),
            (b"AUTH PLAIN !\r\n", b"501 5.5.2 expected base64\r\n"),
            (b"AUTH CRAM-MD5\r\n", b"504 5.5.4 mechanism not offered\r\n"),
            (
                b"AUTH LOGIN\r\ndGlt\r\nc2VjcmV0\r\n",
                b"334 VXNlcm5hbWU6\r\n334 UGFzc3dvcmQ6\r\n235 2.7.0 authenticated\r\n",
            ),
            (
                b"AUTH LOGIN dGlt\r\nc2VjcmV0\r\n",
                b"334 UGFzc3dvcmQ6\r\n235 2.7.0 authenticated\r\n",
            ),
            (b"AUTH LOGIN\r\ndGlt\r\n*\r\n", b"501 5.7.0 authentication cancelled\r\n"),
            (PLAIN + PLAIN, b"503 5.5.1 bad sequence of commands\r\n"),
            (b"MAIL FROM:<a@x>\r\n" + PLAIN, b"503 5.5.1 bad sequence of commands\r\n"),
        ],
        ids=repr,
    )
    def test_dialogue(self, octets: bytes, answer: bytes) -> None:
        run = greeted(authenticator=USERS, tls=TLS)
        assert say(run, octets).endswith(answer)
        assert say(run, b"NOOP\r\n") == b"250 2.0.0 nothing done\r\n"

    def test_identity(self) -> None:
        handler = Handler()
        run = greeted(handler, authenticator=USERS, tls=TLS)
        say(run, self.PLAIN + b"QUIT\r\n")
        session = handler.closed_sessions[0]
        assert session.identity == "tim"
        assert session.protocol == "ESMTPSA"

    def test_async_authenticator_and_external(self) -> None:
        class Certificates:
            mechanisms = ("EXTERNAL", "PLAIN")

            async def answer(self, request: Request) -> object:
                return "tim" if isinstance(request, External) and request.peer_certificate == b"DER" else None

        channel = TLSInfo(version="TLSv1.3", cipher="x", peer_certificate=b"DER")
        run = server(authenticator=Certificates(), tls=channel)
        assert b"AUTH EXTERNAL PLAIN\r\n" in say(run, b"EHLO me\r\n")
        assert say(run, b"AUTH EXTERNAL\r\n=\r\n").endswith(b"235 2.7.0 authenticated\r\n")
        run = greeted(authenticator=Certificates(), tls=TLS)
        assert say(run, b"AUTH EXTERNAL\r\n") == b"504 5.5.4 mechanism not offered\r\n"

    def test_guesses_end_with_421(self) -> None:
        run = greeted(authenticator=USERS, tls=TLS, limits=SMTPLimits(max_bad_logins=3))
        for _ in range(3):
            assert say(run, b"AUTH PLAIN AGEAYg==\r\n") == b"535 5.7.8 credentials not accepted\r\n"
        assert say(run, self.PLAIN + b"NOOP\r\n") == b"421 4.7.0 too many failed logins\r\n"
        assert run.is_done
        assert run.error is None

    def test_authenticator_that_raises(self) -> None:
        class Broken(PasswordAuthenticator):
            def answer(self, request: Request) -> object:
                raise OSError("no database")

        reported: list[HandlerFailed] = []
        run = greeted(authenticator=Broken({}), tls=TLS, report=reported.append)
        assert say(run, self.PLAIN) == FAILURES["auth"][1]
        assert len(reported) == 1
        assert say(run, b"NOOP\r\n") == b"250 2.0.0 nothing done\r\n"

    def test_a_handler_sees_each_login_and_may_refuse_it(self) -> None:
        class Picky(Handler):
            def __init__(self, answer: Reply | None) -> None:
                super().__init__()
                self.answer = answer
                self.seen: list[object] = []

            async def auth(self, session: SMTPSession, identity: str, mechanism: str) -> Reply | None:
                self.seen.append((session.identity, identity, mechanism))
                return self.answer

        answers = {
            None: b"235 2.7.0 authenticated\r\n",
            Reply.of(235, "2.7.0", "hi tim"): b"235 2.7.0 hi tim\r\n",
            Reply.of(535, "5.7.8", "not from here"): b"535 5.7.8 not from here\r\n",
            Reply.of(454, "4.7.0", "later"): b"454 4.7.0 later\r\n",
            # No client but ours would take it for a login (RFC 4954 section 4).
            Reply(250, ("hi tim",)): FAILURES["auth"][1],
        }
        for answer, said in answers.items():
            handler = Picky(answer)
            run = greeted(handler, authenticator=USERS, tls=TLS, report=lambda failure: None)
            assert say(run, self.PLAIN) == said
            assert handler.seen == [(None, "tim", "PLAIN")]
            say(run, b"QUIT\r\n")
            is_accepted = said.startswith(b"235 ")
            assert handler.closed_sessions[0].identity == ("tim" if is_accepted else None)
        assert say(greeted(Picky(None), authenticator=USERS, tls=TLS), b"AUTH PLAIN AHRpbQB4\r\n") == (
            b"535 5.7.8 credentials not accepted\r\n"
        )


class TestStartTLS:
    def test_what_the_client_said_before_is_forgotten(self) -> None:
        handler = Handler()
        run = greeted(handler, start_tls=True, authenticator=USERS)
        assert say(run, b"STARTTLS\r\n") == b"220 2.0.0 ready for TLS\r\n"
        run.shake_hands()
        assert say(run, b"MAIL FROM:<a@x>\r\n").startswith(b"503 ")
        offer = say(run, b"EHLO me\r\n")
        assert b"STARTTLS" not in offer
        assert b"AUTH PLAIN LOGIN\r\n" in offer
        say(run, b"QUIT\r\n")
        assert handler.closed_sessions[0].tls is TLS

    def test_injected_octets_are_dropped(self) -> None:
        run = greeted(start_tls=True)
        assert say(run, b"STARTTLS\r\nEHLO injected\r\nMAIL") == b"220 2.0.0 ready for TLS\r\n"
        run.shake_hands()
        assert say(run, b"NOOP\r\n") == b"250 2.0.0 nothing done\r\n"

    def test_not_twice(self) -> None:
        run = greeted(start_tls=True)
        say(run, b"STARTTLS\r\n")
        run.shake_hands()
        assert say(run, b"EHLO me\r\nSTARTTLS\r\n").endswith(b"503 5.5.1 bad sequence of commands\r\n")

    def test_handshake_that_fails(self) -> None:
        handler = Handler()
        run = greeted(handler, start_tls=True)
        say(run, b"STARTTLS\r\n")
        run.feed(ConnectionClosed("no shared cipher", phase="tls"))
        assert isinstance(run.error, ConnectionClosed)
        assert len(handler.closed_sessions) == 1


class TestBothEnds:
    """The client's flows against the server's."""

    def both(
        self, make: Callable[[SMTPClientConnection], Flow[Any]], *, lmtp: bool = False, **arguments: Any
    ) -> tuple[Any, SMTPClientConnection]:
        conn = SMTPClientConnection(lmtp=lmtp)
        client = FlowRun(conn, make(conn))
        return run_to_end(client, server(lmtp=lmtp, **arguments)), conn

    def test_a_whole_session(self) -> None:
        def session(conn: SMTPClientConnection) -> Flow[Any]:
            yield from open_session(conn, "me.example", tls="starttls", server_hostname="mx.example")
            yield from authenticate(conn, [PlainClient("tim", "secret")])
            return (yield from send_message(conn, BODY, reverse_path="a@x", forward_paths=["b@x", "c@x"]))

        handler = Handler()
        result, _ = self.both(session, handler=handler, start_tls=True, authenticator=USERS)
        assert result.accepted == ("b@x", "c@x")
        assert handler.sinks[0].octets == BODY

    @pytest.mark.parametrize("mechanism", [PlainClient("tim", "secret"), LoginClient("tim", "secret")])
    def test_mechanisms(self, mechanism: PlainClient | LoginClient) -> None:
        def session(conn: SMTPClientConnection) -> Flow[Any]:
            yield from open_session(conn, "me.example")
            return (yield from authenticate(conn, [ExternalClient(), mechanism], allow_cleartext=True))

        reply, conn = self.both(session, authenticator=USERS, allow_cleartext=True)
        assert reply.code == 235
        assert conn.is_authenticated

    def test_lmtp(self) -> None:
        def session(conn: SMTPClientConnection) -> Flow[Any]:
            yield from open_session(conn, "me.example")
            return (yield from send_message(conn, BODY, reverse_path="a@x", forward_paths=["b@x", "c@x"]))

        handler = Handler((Reply(250), Reply(452, ("full",))))
        result, _ = self.both(session, lmtp=True, handler=handler)
        assert result.accepted == ("b@x",)
        assert list(result.refused) == ["c@x"]

    def test_a_large_message_in_both_directions_of_chunks(self) -> None:
        octets = b"".join(b".%d\r\n" % n for n in range(50_000))

        def chunks() -> Iterator[bytes]:
            yield from (octets[at : at + 1_234] for at in range(0, len(octets), 1_234))

        def session(conn: SMTPClientConnection) -> Flow[Any]:
            yield from open_session(conn, "me.example")
            return (yield from send_message(conn, chunks(), reverse_path="a@x", forward_paths="b@x"))

        handler = Handler()
        self.both(session, handler=handler)
        assert handler.sinks[0].octets == octets
