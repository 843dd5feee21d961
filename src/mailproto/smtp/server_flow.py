"""The server's procedure, written once: from the greeting to the end, over an `SMTPServerConnection`.

It answers what the connection reads, asks an `SMTPHandler` where there is something to decide, and keeps the
promises of `MessageSink`. Nothing here checks order, syntax or sizes: the connection has done that.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import GeneratorType
from typing import Any, Final, TypeAlias, cast, final

from mailproto._secret import Secret
from mailproto.errors import ConnectionTimeout, Denial, LocalProtocolError, MailProtoError
from mailproto.flow import Call, Flow, Flush, Receive, ServerStopping, StartTLS, TLSInfo
from mailproto.sasl._authenticator import Authenticator
from mailproto.sasl._mechanism import (
    SECRET_OCTETS,
    Accepted,
    Challenge,
    Need,
    Refused,
    ServerMechanism,
    Setting,
    Step,
)
from mailproto.sasl._registry import server_mechanism, usable_mechanisms
from mailproto.smtp import commands
from mailproto.smtp.events import BodyData, BodyEnded, ConnectionLost, InvalidCommand
from mailproto.smtp.handler import (
    DiscardingSink,
    Finish,
    Hello,
    MessageSink,
    SMTPHandler,
    SMTPSession,
    Transaction,
)
from mailproto.smtp.reply import Reply
from mailproto.smtp.server import SMTPServerConnection
from mailproto.wants import Wants

__all__ = ["HandlerFailed", "Service", "serve"]

_CLOSED: Final = Wants.CLOSED
_RECEIVE: Final = Receive()
_FLUSH: Final = Flush()
_DISCARDING_SINK: Final = DiscardingSink()

_MAIL_OK: Final = Reply.of(250, "2.1.0", "sender accepted")
_RCPT_OK: Final = Reply.of(250, "2.1.5", "recipient accepted")
_SEND_IT: Final = Reply(354, ("end the message with <CRLF>.<CRLF>",))
_MESSAGE_OK: Final = Reply.of(250, "2.0.0", "message accepted")
_RESET_OK: Final = Reply.of(250, "2.0.0", "forgotten")
_BYE: Final = Reply.of(221, "2.0.0", "closing the connection")
_TLS_OK: Final = Reply.of(220, "2.0.0", "ready for TLS")
_NOOP_OK: Final = Reply.of(250, "2.0.0", "nothing done")
_LOGIN_OK: Final = Reply.of(235, "2.7.0", "authenticated")
_LOGIN_REFUSED: Final = {
    Denial.CREDENTIALS: Reply.of(535, "5.7.8", "credentials not accepted"),
    Denial.AUTHORIZATION: Reply.of(535, "5.7.8", "not allowed to act as that user"),
    Denial.EXPIRED: Reply.of(535, "5.7.8", "credentials have expired"),
    Denial.TRANSITION: Reply.of(432, "4.7.12", "a password transition is needed"),
    Denial.TOO_WEAK: Reply.of(534, "5.7.9", "mechanism is too weak"),
    Denial.ENCRYPTION: Reply.of(538, "5.7.11", "encryption required for this mechanism"),
    Denial.UNAVAILABLE: Reply.of(454, "4.7.0", "temporary authentication failure"),
    Denial.OTHER: Reply.of(535, "5.7.0", "authentication failed"),
}
"""RFC 4954 section 6."""
_LOGIN_CANCELLED: Final = Reply.of(501, "5.7.0", "authentication cancelled")
_NO_VRFY: Final = Reply.of(252, "2.0.0", "cannot say, but will take mail for it")
_NO_EXPN: Final = Reply.of(502, "5.5.1", "no list is shown")
_SHOWN: Final = (250, 251, 252, 550, 551, 553)
_HIDDEN_VRFY: Final = dict.fromkeys(_SHOWN, Reply.of(252, "2.6.8", "the answer needs SMTPUTF8"))
_HIDDEN_EXPN: Final = dict.fromkeys(_SHOWN, Reply.of(550, "5.6.8", "the answer needs SMTPUTF8"))
_HIDDEN_FORWARD: Final = {251: _RCPT_OK, 551: Reply.of(550, "5.6.8", "the new address needs SMTPUTF8")}
_HELP: Final = Reply.of(214, "2.0.0", "see RFC 5321")
_NOT_IMPLEMENTED: Final = Reply.of(502, "5.5.1", "not implemented")
_STOPPING: Final = Reply.of(421, "4.3.2", "the server stops")
_TOO_SLOW: Final = Reply.of(421, "4.4.2", "nothing came in time")
_FAILED: Final = Reply.of(421, "4.3.0", "internal error")

_BATCHED: Final = frozenset({commands.Mail, commands.Rcpt, commands.Rset, BodyData})
"""After these a reply may wait for those that follow it (RFC 2920 section 3.2)."""


Answering: TypeAlias = Callable[["_Server", Any], Flow[None] | None]
"""Answers an event at once, or returns the flow that does."""
Then: TypeAlias = Callable[["_Server", Any, Reply], None]
"""Takes a command and the reply that was given to it."""


class HandlerFailed(RuntimeError):
    """A handler or a sink raised, which is the cause, or gave what is no answer. The client got a 421."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What all connections of a server share. `methods` holds what the handler overrides, by name.

    `answers` holds what answers each kind of event.

    Without `authenticator` AUTH is not offered. `start_tls` says that the driver can shake hands. `entropy`
    gives random octets; without it mechanisms with a nonce are not offered. `secret`, drawn from it unless
    given, is that of `mailproto.sasl.Setting`.
    """

    handler: SMTPHandler
    authenticator: Authenticator | None = None
    allow_cleartext: bool = False
    start_tls: bool = False
    entropy: Callable[[int], bytes] | None = field(default=None, repr=False)
    secret: Secret[bytes] | None = None
    methods: Mapping[str, Callable[..., object]] = field(init=False, repr=False)
    answers: Mapping[type, Answering] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        methods = _overridden(self.handler)
        object.__setattr__(self, "methods", methods)
        object.__setattr__(self, "answers", {kind: row.answering(methods) for kind, row in _ANSWERS.items()})
        if self.secret is None and self.entropy is not None:
            object.__setattr__(self, "secret", Secret(self.entropy(SECRET_OCTETS)))


def _overridden(handler: SMTPHandler) -> dict[str, Callable[..., object]]:
    names = (name for name, value in vars(SMTPHandler).items() if callable(value) and name[0] != "_")
    bound = {name: getattr(handler, name) for name in names}
    return {
        name: method
        for name, method in bound.items()
        if getattr(method, "__func__", None) is not vars(SMTPHandler)[name]
    }


def serve(
    conn: SMTPServerConnection,
    service: Service,
    *,
    peer: tuple[str, int] | str = "",
    tls: TLSInfo | None = None,
) -> Flow[None]:
    """Serve one connection to its end.

    *tls* is what the handshake of implicit TLS gave, of which *conn* knows already. `ServerStopping` and
    timeouts become a 421; so does an error of the handler, which is then raised as `HandlerFailed`.
    """
    session = SMTPSession(peer=peer, is_lmtp=conn.is_lmtp, tls=tls)
    server = _Server(conn, service, session)
    is_driven = True
    try:
        yield from server.run()
    except GeneratorExit:
        # Dropped by its driver: there is nobody left to carry out a Call.
        is_driven = False
        raise
    except ServerStopping:
        yield from _say_last(conn, _STOPPING)
    except ConnectionTimeout:
        yield from _say_last(conn, _TOO_SLOW)
    except HandlerFailed:
        yield from _say_last(conn, _FAILED)
        raise
    finally:
        if is_driven:
            yield from server.clean_up()


def _say_last(conn: SMTPServerConnection, reply: Reply) -> Flow[None]:
    if conn.wants is not Wants.CLOSED:
        conn.send_reply(reply)
        with contextlib.suppress(MailProtoError, ServerStopping):
            yield _FLUSH


def _checked(answer: object) -> Reply:
    if not isinstance(answer, Reply):
        raise HandlerFailed(f"expected a reply, got {answer!r}")
    return answer


@lru_cache(maxsize=64)
def _greeting(hostname: str, protocol: str) -> Reply:
    return Reply(220, (f"{hostname} {protocol} ready",))


@final
class _Server:
    """The procedure of one connection; each method answers one kind of event."""

    __slots__ = ("_conn", "_mechanism", "_methods", "_outcome", "_service", "_session", "_sink")

    def __init__(self, conn: SMTPServerConnection, service: Service, session: SMTPSession) -> None:
        self._conn = conn
        self._service = service
        self._methods = service.methods
        self._session = session
        self._sink: MessageSink | None = None
        self._mechanism: ServerMechanism | None = None
        self._outcome: Accepted | Refused | None = None

    def run(self) -> Flow[None]:
        """Greet, then answer until there is nothing more to come."""
        conn = self._conn
        self._offer()
        yield from self._greet()
        answers = self._service.answers
        last: type | None = commands.Noop
        while True:
            event = conn.next_event()
            if event is None:
                if conn.wants is _CLOSED:
                    return
                # Receive flushes first.
                yield _RECEIVE
                last = None
                continue
            if last is not None and (last not in _BATCHED or conn.unsent > conn.max_unsent):
                yield _FLUSH
            last = type(event)
            answering = answers[last](self, event)
            if answering is not None:
                yield from answering

    def clean_up(self) -> Flow[None]:
        """Abort a message that did not end, and tell the handler that all is over."""
        yield from self._abort()
        yield from self._tell("closed")

    def _ask(self, name: str, *arguments: object) -> Flow[Reply | None]:
        """Return the handler's answer; None without asking if it does not override the method."""
        if name not in self._methods:
            return None
        answer = yield from self._tell(name, *arguments)
        return None if answer is None else _checked(answer)

    def _tell(self, name: str, *arguments: object) -> Flow[object]:
        """Call a method of the handler, if it overrides it, and return what it returns."""
        method = self._methods.get(name)
        return None if method is None else (yield from self._call(method, self._session, *arguments))

    def _call(self, function: Callable[..., object], *arguments: object) -> Flow[Any]:
        """Call into the application; run what it returns if that is a flow."""
        try:
            result = yield Call(function, arguments)
            return (yield from result) if isinstance(result, GeneratorType) else result
        except Exception as error:
            raise HandlerFailed(f"{getattr(function, '__qualname__', function)} failed") from error

    def _reply(self, reply: Reply) -> None:
        try:
            self._conn.send_reply(reply)
        except LocalProtocolError as error:
            raise HandlerFailed("a handler gave an answer that does not fit") from error

    def _offer(self) -> None:
        """Tell the connection what the next EHLO reply offers."""
        conn, service = self._conn, self._service
        conn.start_tls = service.start_tls
        if service.authenticator is not None:
            conn.auth_mechanisms = usable_mechanisms(
                service.authenticator.mechanisms, self._setting(), allow_cleartext=service.allow_cleartext
            )

    def _setting(self) -> Setting:
        """Return what a mechanism may know."""
        conn, service = self._conn, self._service
        return Setting(
            channel=self._session.tls,
            offered=frozenset(conn.auth_mechanisms),
            host=conn.hostname,
            entropy=service.entropy,
            secret=service.secret,
        )

    def _greet(self) -> Flow[None]:
        answer = yield from self._ask("connect")
        self._reply(answer or _greeting(self._conn.hostname, "LMTP" if self._conn.is_lmtp else "ESMTP"))

    def _hello(self, hello: Hello) -> Flow[None] | None:
        if "hello" in self._methods or self._session.transaction is not None:
            return self._ask_hello(hello)
        self._accept_hello(hello)
        return None

    def _ask_hello(self, hello: Hello) -> Flow[None]:
        answer = yield from self._ask("hello", hello)
        if answer is not None and answer.is_negative:
            self._reply(answer)
            return
        yield from self._reset()
        self._accept_hello(hello)

    def _accept_hello(self, hello: Hello) -> None:
        self._session.hello = hello
        self._reply(self._conn.ehlo_reply())

    def _mail_answered(self, mail: commands.Mail, answer: Reply) -> None:
        if answer.is_positive:
            self._session.transaction = Transaction(mail)

    def _rcpt_answered(self, rcpt: commands.Rcpt, answer: Reply) -> None:
        if answer.is_positive and self._session.transaction is not None:
            self._session.transaction.recipients.append(rcpt)

    def _answered(self, event: object, answer: Reply) -> None:
        """Do nothing more."""

    def _takes_utf8(self, command: object) -> bool:
        """Return whether the reply to *command* may be in UTF-8 (RFC 6531 section 3.7.4)."""
        if isinstance(command, commands.Vrfy | commands.Expn):
            return command.smtputf8
        transaction = self._session.transaction
        return transaction is not None and transaction.mail.parameters.smtputf8

    def _data(self, data: commands.Data) -> Flow[None]:
        method = self._methods.get("message")
        answer = _DISCARDING_SINK if method is None else (yield from self._call(method, self._session))
        if isinstance(answer, Reply) and answer.is_negative:
            self._reply(answer)
            return
        if not hasattr(answer, "finish"):
            raise HandlerFailed(f"expected a refusal or a sink for the message, got {answer!r}")
        self._sink = cast(MessageSink, answer)
        self._reply(_SEND_IT)

    def _body_data(self, event: BodyData) -> Flow[None] | None:
        sink = self._sink
        return None if sink is None or sink is _DISCARDING_SINK else self._call(sink.write, event.data)

    def _body_ended(self, event: BodyEnded) -> Flow[None]:
        sink, self._sink = self._sink, None
        finish: Finish = None
        if sink is not None and sink is not _DISCARDING_SINK:
            finish = yield from self._call(sink.finish)
        self._session.transaction = None
        for reply in self._replies_of(finish):
            self._reply(reply)
            if reply.code == 421:
                return

    def _replies_of(self, finish: Finish) -> tuple[Reply, ...]:
        """Return as many replies as are due.

        SMTP has one for all recipients: where they differ it is a refusal, so that no message is lost.
        """
        due = self._conn.replies_due
        if not isinstance(finish, tuple):
            return (_MESSAGE_OK if finish is None else _checked(finish),) * due
        if not finish or (self._conn.is_lmtp and len(finish) != due):
            raise HandlerFailed(f"expected {due} replies to a message, got {len(finish)}")
        if not self._conn.is_lmtp:
            return (next((reply for reply in finish if _checked(reply).is_negative), finish[0]),)
        return tuple(map(_checked, finish))

    def _invalid(self, event: InvalidCommand) -> Flow[None]:
        if event.name == commands.MessageBody.name:
            yield from self._abort()
            self._session.transaction = None
        self._mechanism = self._outcome = None
        while self._conn.replies_due:
            self._reply(event.reply)

    def _rset(self, rset: commands.Rset) -> Flow[None]:
        yield from self._reset()
        self._reply(_RESET_OK)

    def _quit(self, quit_: commands.Quit) -> None:
        self._reply(_BYE)

    def _start_tls(self, command: commands.StartTLS) -> Flow[None]:
        self._reply(_TLS_OK)
        session = self._session
        session.tls = cast(TLSInfo, (yield StartTLS()))
        session.hello = session.identity = None
        yield from self._reset()
        self._offer()

    def _auth(self, auth: commands.Auth) -> Flow[None]:
        authenticator = self._service.authenticator
        offers = () if authenticator is None else authenticator.mechanisms
        mechanism = self._mechanism = server_mechanism(auth.mechanism, self._setting(), offers)
        if mechanism is None:
            self._reply(_NOT_IMPLEMENTED)
            return
        initial = auth.initial_response
        yield from self._go_on(mechanism, mechanism.step(None if initial is None else initial.reveal()))

    def _sasl_response(self, response: commands.SASLResponse) -> Flow[None]:
        mechanism, outcome, data = self._mechanism, self._outcome, response.data
        if isinstance(outcome, Refused):
            # Whatever it says: cancelling does not make a failure another one.
            self._end_login(outcome)
        elif data is None or mechanism is None:
            self._mechanism = self._outcome = None
            self._reply(_LOGIN_CANCELLED)
        elif outcome is not None:
            is_empty = not data.reveal()
            self._end_login(outcome if is_empty else Refused("expected an empty response"))
        else:
            yield from self._go_on(mechanism, mechanism.step(data.reveal()))

    def _go_on(self, mechanism: ServerMechanism, step: Step) -> Flow[None]:
        """Do what *step* says, up to the next reply."""
        authenticator = self._service.authenticator
        while isinstance(step, Need):
            answer = None
            if authenticator is not None:
                answer = yield from self._call(authenticator.answer, step.request)
            step = mechanism.resume(answer)
        if isinstance(step, Challenge):
            self._reply(Reply.of_challenge(step.data))
        elif step.data is None:
            self._end_login(step)
        else:
            # RFC 4954 section 4: what comes with success is a challenge, and its answer is empty.
            self._outcome = step
            self._reply(Reply.of_challenge(step.data))

    def _end_login(self, outcome: Accepted | Refused) -> None:
        self._mechanism = self._outcome = None
        if isinstance(outcome, Accepted):
            self._session.identity = outcome.identity
            self._reply(_LOGIN_OK)
        else:
            self._reply(_LOGIN_REFUSED[outcome.denial])

    def _lost(self, event: ConnectionLost) -> None:
        """Do nothing: the next event ends the flow."""

    def _reset(self) -> Flow[None]:
        if self._session.transaction is not None:
            yield from self._tell("reset")
            self._session.transaction = None

    def _abort(self) -> Flow[None]:
        sink, self._sink = self._sink, None
        if sink is not None:
            yield from self._call(sink.abort)


@dataclass(frozen=True, slots=True)
class _Own:
    """An event that the procedure answers by itself, or asks about in a way of its own."""

    answer: Answering

    def answering(self, methods: Mapping[str, object]) -> Answering:
        """Return what answers the event."""
        return self.answer


@dataclass(frozen=True, slots=True)
class _Hook:
    """A command that the handler's method *name* answers; *then* takes the reply once it is queued.

    *hidden* stands in place of a reply in UTF-8 of its code, for a client that takes none.
    """

    name: str
    usual: Reply
    then: Then = _Server._answered
    hidden: Mapping[int, Reply] = field(default_factory=dict)

    def answering(self, methods: Mapping[str, object]) -> Answering:
        """Return what answers the command; if the handler has no such method that takes no flow."""
        return self._ask if self.name in methods else self._answer

    def _answer(self, server: _Server, command: object) -> None:
        server._conn.send_reply(self.usual)
        self.then(server, command, self.usual)

    def _ask(self, server: _Server, command: object) -> Flow[None]:
        answer = (yield from server._ask(self.name, command)) or self.usual
        if answer.code in self.hidden and not answer.text.isascii() and not server._takes_utf8(command):
            answer = self.hidden[answer.code]
        server._reply(answer)
        self.then(server, command, answer)


_ANSWERS: Final[dict[type, _Own | _Hook]] = {
    commands.Ehlo: _Own(_Server._hello),
    commands.Lhlo: _Own(_Server._hello),
    commands.Helo: _Own(_Server._hello),
    commands.Mail: _Hook("mail", _MAIL_OK, _Server._mail_answered),
    commands.Rcpt: _Hook("rcpt", _RCPT_OK, _Server._rcpt_answered, _HIDDEN_FORWARD),
    commands.Data: _Own(_Server._data),
    commands.Rset: _Own(_Server._rset),
    commands.Quit: _Own(_Server._quit),
    commands.Vrfy: _Hook("vrfy", _NO_VRFY, hidden=_HIDDEN_VRFY),
    commands.Expn: _Hook("expn", _NO_EXPN, hidden=_HIDDEN_EXPN),
    commands.Help: _Hook("help", _HELP),
    commands.Noop: _Hook("noop", _NOOP_OK),
    commands.StartTLS: _Own(_Server._start_tls),
    commands.Auth: _Own(_Server._auth),
    commands.SASLResponse: _Own(_Server._sasl_response),
    commands.UnknownCommand: _Hook("unknown", _NOT_IMPLEMENTED),
    BodyData: _Own(_Server._body_data),
    BodyEnded: _Own(_Server._body_ended),
    InvalidCommand: _Own(_Server._invalid),
    ConnectionLost: _Own(_Server._lost),
}
"""What answers each kind of event, one row each: a flow, or None if it is answered already."""
