"""The server's procedure, written once: from the greeting to the end, over an `SMTPServerConnection`.

It answers what the connection reads, asks an `SMTPHandler` where there is something to decide, and keeps the
promises of `MessageSink`. Nothing here checks order, syntax or sizes: the connection has done that.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Mapping
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
)
from mailproto.sasl._registry import mechanism_row, usable_mechanisms
from mailproto.smtp import commands
from mailproto.smtp.events import (
    BodyData,
    BodyEnded,
    ChunkData,
    ChunkEnded,
    ConnectionLost,
    InvalidCommand,
)
from mailproto.smtp.ext.attributes import NO_ATTRIBUTES, Attributes
from mailproto.smtp.extensions import NO_EXTENSIONS
from mailproto.smtp.handler import (
    DiscardingSink,
    Finish,
    Hello,
    MessageSink,
    SMTPHandler,
    SMTPSession,
    Transaction,
    overridden,
)
from mailproto.smtp.reply import EnhancedCode, Reply
from mailproto.smtp.server import SMTPServerConnection
from mailproto.smtp.sources import pull_from
from mailproto.smtp.state import State
from mailproto.wants import Wants

__all__ = ["HandlerFailed", "Report", "Service", "serve"]

_SERVICE_READY: Final = 220
_SERVICE_CLOSING: Final = 421
_CLOSED: Final = State.CLOSED
_RECEIVE: Final = Receive()
_FLUSH: Final = Flush()
_DISCARDING_SINK: Final = DiscardingSink()

_MAIL_OK: Final = Reply.of(250, "2.1.0", "sender accepted")
_RCPT_OK: Final = Reply.of(250, "2.1.5", "recipient accepted")
_SEND_IT: Final = Reply(354, ("end the message with <CRLF>.<CRLF>",))
_MESSAGE_OK: Final = Reply.of(250, "2.0.0", "message accepted")
_MESSAGE_FOR_SOME: Final = Reply.of(250, "2.0.0", "message accepted for some recipients")
_VERDICTS_FOLLOW: Final = Reply(353, ("an answer for each recipient follows",))
_FETCHED: Final = Reply.of(250, "2.5.0", "waiting for more")
_NOT_FETCHED: Final = Reply.of(554, "5.6.6", "the URL cannot be resolved")
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
_SERVER_BEGINS: Final = Reply.of(501, "5.7.0", "the server begins this exchange")
_LOGIN_CANCELLED: Final = Reply.of(501, "5.7.0", "authentication cancelled")
_NO_VRFY: Final = Reply.of(252, "2.0.0", "cannot say, but will take mail for it")
_NO_EXPN: Final = Reply.of(502, "5.5.1", "no list is shown")
_SHOWN: Final = (250, 251, 252, 550, 551, 553)
_HIDDEN_VRFY: Final = dict.fromkeys(_SHOWN, Reply.of(252, "2.6.8", "the answer needs SMTPUTF8"))
_HIDDEN_EXPN: Final = dict.fromkeys(_SHOWN, Reply.of(550, "5.6.8", "the answer needs SMTPUTF8"))
_HIDDEN_FORWARD: Final = {251: _RCPT_OK, 551: Reply.of(550, "5.6.8", "the new address needs SMTPUTF8")}
_HELP: Final = Reply.of(214, "2.0.0", "see RFC 5321")
_NO_QUEUE: Final = Reply.of(458, "4.3.0", "the queue cannot be started")
_NOT_TRUSTED: Final = Reply.of(550, "5.7.0", "insufficient authorization")
_NOT_IMPLEMENTED: Final = Reply.of(502, "5.5.1", "not implemented")
_STOPPING: Final = Reply.of(421, "4.3.2", "the server stops")
_TOO_SLOW: Final = Reply.of(421, "4.4.2", "nothing came in time")
_TOO_EARLY: Final = Reply.of(554, "5.5.1", "you talked before the greeting")
_NO_GREETING: Final = Reply.of(421, "4.3.0", "internal error")
_FAILED: Final = Reply.of(451, "4.3.0", "internal error, try again later")
_LOGIN_FAILED: Final = Reply.of(454, "4.7.0", "the login cannot be checked now, try again later")
_AFTER_FAILURE: Final[dict[type, Reply]] = {
    commands.Auth: _LOGIN_FAILED,
    commands.SASLResponse: _LOGIN_FAILED,
    commands.Quit: _BYE,
}
"""What a command gets in place of 451 when the handler failed.

RFC 4954 section 6 has a code of its own; to QUIT a server "MUST send" 221 (RFC 5321 section 4.1.1.10).
"""

_BATCHED: Final = frozenset(
    {commands.Mail, commands.Rcpt, commands.Rset, BodyData, commands.Bdat, ChunkData, ChunkEnded}
)
"""After these a reply may wait for those that follow it (RFC 2920 section 3.2)."""
_ITERATORS: Final = (Iterator, AsyncIterator)
_WITHOUT_MESSAGE: Final = frozenset({State.READY, State.FAILED})
"""Where a refusal has left nothing of a message that came in chunks."""


Answering: TypeAlias = Callable[["_Server", Any], Flow[None] | None]
"""Answers an event at once, or returns the flow that does."""
Then: TypeAlias = Callable[["_Server", Any, Reply], None]
"""Takes a command and the reply that was given to it."""


class HandlerFailed(RuntimeError):
    """A handler or a sink raised, which is the cause, or gave what is no answer. The client got a 451.

    It got a 454 where that was an authenticator or a mechanism.
    """


Report = Callable[[HandlerFailed], object]
"""Takes an error of the application that the client was not told more of than 451."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What all connections of a server share. `methods` holds what the handler overrides, by name.

    `answers` holds what answers each kind of event.

    Without `authenticator` AUTH is not offered. `start_tls` says that the driver can shake hands. A client
    that says something in the `greet_delay` seconds before the greeting is turned away with 554: those who
    do not wait are mostly not mail servers. `entropy` gives random octets; without it mechanisms with a nonce
    are not offered. `secret`, drawn from it unless given, is that of `mailproto.sasl.Setting`.
    """

    handler: SMTPHandler
    authenticator: Authenticator | None = None
    allow_cleartext: bool = False
    start_tls: bool = False
    greet_delay: float = 0
    entropy: Callable[[int], bytes] | None = field(default=None, repr=False)
    secret: Secret[bytes] | None = None
    methods: Mapping[str, Callable[..., object]] = field(init=False, repr=False)
    answers: Mapping[type, Answering] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        methods = overridden(self.handler)
        object.__setattr__(self, "methods", methods)
        object.__setattr__(self, "answers", {kind: row.answering(methods) for kind, row in _ANSWERS.items()})
        if self.secret is None and self.entropy is not None:
            object.__setattr__(self, "secret", Secret(self.entropy(SECRET_OCTETS)))


def serve(
    conn: SMTPServerConnection,
    service: Service,
    *,
    peer: tuple[str, int] | str = "",
    local: tuple[str, int] | str = "",
    tls: TLSInfo | None = None,
    report: Report | None = None,
) -> Flow[None]:
    """Serve one connection to its end.

    *tls* is what the handshake of implicit TLS gave, of which *conn* knows already. `ServerStopping` and
    timeouts become a 421. *report* is called with each error of the handler; without it the first one is
    raised when the session is over.
    """
    if service.greet_delay:
        yield from _hold_greeting(conn, service.greet_delay)
        if conn.wants is Wants.CLOSED:
            return
    session = SMTPSession(peer=peer, local=local, hostname=conn.hostname, is_lmtp=conn.is_lmtp, tls=tls)
    server = _Server(conn, service, session, report)
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
    finally:
        if is_driven:
            yield from server.clean_up()
    if server.failure is not None:
        raise server.failure


def _hold_greeting(conn: SMTPServerConnection, seconds: float) -> Flow[None]:
    """Wait before the greeting; end the connection if the client does not (RFC 5321 section 4.3.1)."""
    try:
        yield Receive(timeout=seconds)
    except ServerStopping:
        yield from _say_last(conn, _STOPPING)
        return
    if conn.buffered:
        conn.send_reply(_TOO_EARLY)
        conn.abort()


def _say_last(conn: SMTPServerConnection, reply: Reply) -> Flow[None]:
    if conn.wants is not Wants.CLOSED:
        conn.send_reply(reply)
        with contextlib.suppress(MailProtoError, ServerStopping):
            yield _FLUSH


def _checked(answer: object) -> Reply:
    if not isinstance(answer, Reply):
        raise HandlerFailed(f"expected a reply, got {answer!r}")
    return answer


def _failed(function: Callable[..., object]) -> HandlerFailed:
    return HandlerFailed(f"{getattr(function, '__qualname__', function)} failed")


def _refusing(reply: object) -> Reply:
    if not (isinstance(reply, Reply) and reply.is_negative):
        raise HandlerFailed(f"expected octets or a refusal of the URL, got {reply!r}")
    return reply


def _overall(replies: tuple[Reply, ...]) -> Reply:
    """Return what PRDR says last: positive if the message is accepted for anybody."""
    positive = sum(reply.is_positive for reply in replies)
    if positive:
        return _MESSAGE_OK if positive == len(replies) else _MESSAGE_FOR_SOME
    return next((reply for reply in replies if reply.is_transient), replies[0])


def _with_code(reply: Reply) -> Reply:
    """Return *reply*, which has no enhanced code, with X.0.0; a greeting and a 3yz go without.

    A 220 is the greeting of a new session, of XCLIENT too.
    """
    if reply.is_intermediate or reply.code == _SERVICE_READY:
        return reply
    return Reply(reply.code, reply.lines, EnhancedCode(reply.code // 100, 0, 0))


def _in_ascii(reply: Reply) -> Reply:
    """Return *reply* with `?` for what is not ASCII.

    "SMTPUTF8-aware SMTP servers MUST NOT include non-ASCII characters in replies except in the limited cases
    specifically permitted" (RFC 6531 section 3.7.4.2), and others have none at all.
    """
    if reply.serialize().isascii():
        return reply
    return Reply(reply.code, tuple(map(_ascii, reply.lines)), reply.enhanced_code)


def _ascii(text: str) -> str:
    return text.encode("ascii", "replace").decode("ascii")


@lru_cache(maxsize=64)
def _greeting(hostname: str, protocol: str) -> Reply:
    return Reply(220, (f"{hostname} {protocol} ready",))


def _present(session: SMTPSession, xclient: commands.XClient) -> None:
    """Make *session* that of the client of which *xclient* speaks; what the peer said itself is forgotten."""
    given = xclient.attributes
    known = session.xclient = session.xclient.updated(given)
    if known.has("ADDR") or known.has("PORT"):
        session.peer = _peer_of(known, session.peer)
    session.hello = _hello_of(given, session.is_lmtp)
    session.identity = given.get("LOGIN")
    session.forwarded = NO_ATTRIBUTES


def _peer_of(known: Attributes, peer: tuple[str, int] | str) -> tuple[str, int] | str:
    """Return the address that *known* leaves of *peer*: "" if it is not known."""
    host, port = peer if isinstance(peer, tuple) else ("", 0)
    if known.has("ADDR"):
        host = known.address or ""
    if known.has("PORT"):
        port = known.port or 0
    return (host, port) if host else ""


def _hello_of(given: Attributes, is_lmtp: bool) -> Hello | None:
    domain = given.get("HELO")
    if domain is None:
        return None
    kind = commands.Lhlo if is_lmtp else commands.Helo if given.get("PROTO") == "SMTP" else commands.Ehlo
    return kind._parsed((), domain=domain)


@final
class _Server:
    """The procedure of one connection; each method answers one kind of event."""

    __slots__ = (
        "_conn",
        "_mechanism",
        "_methods",
        "_outcome",
        "_refusal",
        "_report",
        "_service",
        "_session",
        "_sink",
        "failure",
    )

    def __init__(
        self, conn: SMTPServerConnection, service: Service, session: SMTPSession, report: Report | None
    ) -> None:
        self.failure: HandlerFailed | None = None
        self._conn = conn
        self._report = report
        self._service = service
        self._methods = service.methods
        self._session = session
        self._sink: MessageSink | None = None
        self._refusal: Reply | None = None
        self._mechanism: ServerMechanism | None = None
        self._outcome: Accepted | Refused | None = None

    def run(self) -> Flow[None]:
        """Greet, then answer until there is nothing more to come."""
        conn = self._conn
        self._offer()
        try:
            yield from self._greet()
        except HandlerFailed as error:
            yield from self._note(error)
            conn.send_reply(_NO_GREETING)
            return
        answers = self._service.answers
        last: type | None = commands.Noop
        while True:
            event = conn.next_event()
            if event is None:
                if conn.state is _CLOSED:
                    return
                # Receive flushes first.
                yield _RECEIVE
                last = None
                continue
            if last is not None and (last not in _BATCHED or conn.unsent > conn.max_unsent):
                yield _FLUSH
            last = type(event)
            try:
                answering = answers[last](self, event)
                if answering is not None:
                    yield from answering
            except HandlerFailed as error:
                yield from self._fail(last, error)

    def clean_up(self) -> Flow[None]:
        """Abort a message that did not end, and tell the handler that all is over."""
        yield from self._abort()
        yield from self._tell("closed")

    def _fail(self, kind: type, error: HandlerFailed) -> Flow[None]:
        """Forget what failed, answer what waits for it, and let the session live."""
        yield from self._note(error)
        yield from self._abort()
        self._mechanism = self._outcome = None
        if not self._conn.replies_due:
            # In the middle of a message or a chunk: its end gets the answer.
            self._refusal = _FAILED
        while self._conn.replies_due:
            self._conn.send_reply(_AFTER_FAILURE.get(kind, _FAILED))
        self._end_transaction_if_over()

    def _note(self, error: HandlerFailed) -> Flow[None]:
        """Hand *error* to who runs this server, or keep the first one."""
        if self._report is not None:
            yield Call(self._report, (error,))
        elif self.failure is None:
            self.failure = error

    def _ask(self, name: str, *arguments: object) -> Flow[Reply | None]:
        """Return the handler's answer; None without asking if it does not override the method."""
        method = self._methods.get(name)
        if method is None:
            return None
        answer = yield from self._call(method, self._session, *arguments)
        return None if answer is None else _checked(answer)

    def _tell(self, name: str) -> Flow[None]:
        """Tell the handler, if it overrides the method, of what happens whether it likes it or not."""
        method = self._methods.get(name)
        if method is not None:
            yield from self._try(method, self._session)

    def _try(self, function: Callable[..., object], *arguments: object) -> Flow[None]:
        """Call into the application where nobody waits for an answer."""
        try:
            yield from self._call(function, *arguments)
        except HandlerFailed as error:
            yield from self._note(error)

    def _get(self, function: Callable[..., object], *arguments: object) -> Flow[object]:
        """Call into the application and return what it gives, a generator too."""
        try:
            return (yield Call(function, arguments))
        except Exception as error:
            raise _failed(function) from error

    def _call(self, function: Callable[..., object], *arguments: object) -> Flow[Any]:
        """Call into the application; run what it returns if that is a flow."""
        try:
            result = yield Call(function, arguments)
            return (yield from result) if isinstance(result, GeneratorType) else result
        except ServerStopping:
            raise
        except Exception as error:
            raise _failed(function) from error

    def _say(self, reply: Reply) -> None:
        """Send *reply*, which is one of our own."""
        try:
            self._conn.send_reply(reply)
        except LocalProtocolError as error:
            raise HandlerFailed("a handler gave an answer that does not fit") from error

    def _reply(self, answer: Reply, *, is_utf8: bool = False) -> None:
        """Send what a handler has answered: in ASCII, which every client takes, unless *is_utf8*.

        It gets an enhanced code if the server has to say one (RFC 2034 section 4).
        """
        if answer.enhanced_code is None and self._conn.can_offer("ENHANCEDSTATUSCODES"):
            answer = _with_code(answer)
        self._say(answer if is_utf8 else _in_ascii(answer))

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
        usual = _greeting(self._conn.hostname, "LMTP" if self._conn.is_lmtp else "ESMTP")
        self._say(usual if answer is None else _in_ascii(answer))

    def _hello(self, hello: Hello) -> Flow[None] | None:
        if "hello" in self._methods or self._session.transaction is not None:
            return self._ask_hello(hello)
        self._accept_hello(hello)
        return None

    def _ask_hello(self, hello: Hello) -> Flow[None]:
        answer = yield from self._ask("hello", hello)
        if answer is not None and not answer.is_positive:
            self._say(_in_ascii(answer))
            return
        yield from self._reset()
        self._accept_hello(hello, _ascii(answer.lines[0]) if answer is not None and answer.lines else "")

    def _accept_hello(self, hello: Hello, text: str = "") -> None:
        self._say(self._conn.ehlo_reply(text))
        self._session.hello = hello
        self._session.forwarded = NO_ATTRIBUTES
        self._session.extensions = self._conn.extensions

    def _mail_answered(self, mail: commands.Mail, answer: Reply) -> None:
        if answer.code < 300:
            self._session.transaction = Transaction(mail)

    def _rcpt_answered(self, rcpt: commands.Rcpt, answer: Reply) -> None:
        if answer.code < 300 and self._session.transaction is not None:
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
        refusal = yield from self._open_message()
        if refusal is None:
            self._say(_SEND_IT)
        else:
            self._reply(refusal)

    def _open_message(self) -> Flow[Reply | None]:
        """Ask the handler for the sink of the message; return its refusal, if that is what it gives."""
        method = self._methods.get("message")
        answer = _DISCARDING_SINK if method is None else (yield from self._call(method, self._session))
        if isinstance(answer, Reply) and answer.is_negative:
            return answer
        if not hasattr(answer, "finish"):
            raise HandlerFailed(f"expected a refusal or a sink for the message, got {answer!r}")
        self._sink = cast(MessageSink, answer)
        return None

    def _bdat(self, bdat: commands.Bdat) -> Flow[None] | None:
        return None if self._sink is not None else self._open_chunks()

    def _open_chunks(self) -> Flow[None]:
        """Ask at the first chunk; a refusal is said when all its octets have come (RFC 3030 section 2)."""
        self._refusal = yield from self._open_message()

    def _chunk_ended(self, event: ChunkEnded) -> None:
        refusal, self._refusal = self._refusal, None
        self._reply(refusal or Reply.of(250, "2.0.0", f"{event.size} octets received"))

    def _burl(self, burl: commands.Burl) -> Flow[None]:
        refusal = None if self._sink is not None else (yield from self._open_message())
        if refusal is None:
            refusal = yield from self._fetch(burl)
        if refusal is not None:
            yield from self._abort()
            if burl.last:
                self._end_transaction()
            self._reply_to_all(refusal)
        elif burl.last:
            yield from self._finish_message()
        else:
            self._say(_FETCHED)

    def _fetch(self, burl: commands.Burl) -> Flow[Reply | None]:
        """Write to the sink what the handler fetches; return the refusal if it cannot, or it is too big."""
        method = self._methods.get("burl")
        fetched = None if method is None else (yield from self._get(method, self._session, burl))
        if fetched is None or isinstance(fetched, Reply):
            return _NOT_FETCHED if fetched is None else _refusing(fetched)
        if not isinstance(fetched, Iterable | AsyncIterable):
            raise HandlerFailed(f"expected octets or a refusal of the URL, got {fetched!r}")
        pull = pull_from([fetched] if isinstance(fetched, bytes) else fetched)
        while (chunk := (yield from self._get(pull.function, *pull.args))) is not None:
            refusal = yield from self._append(chunk)
            if refusal is not None:
                return refusal
        return None

    def _append(self, chunk: object) -> Flow[Reply | None]:
        """Write *chunk* to the sink, or return the refusal that it is, or that is due."""
        if not isinstance(chunk, bytes):
            return _refusing(chunk)
        refusal = self._conn.count_fetched(len(chunk))
        if refusal is None and self._sink is not None:
            yield from self._call(self._sink.write, chunk)
        return refusal

    def _end_transaction_if_over(self) -> None:
        if self._conn.state is State.READY and self._session.transaction is not None:
            self._end_transaction()

    def _end_transaction(self) -> None:
        self._session.transaction = None
        self._session.forwarded = NO_ATTRIBUTES

    def _reply_to_all(self, reply: Reply) -> None:
        while self._conn.replies_due:
            self._reply(reply)

    def _body_data(self, event: BodyData) -> Flow[None] | None:
        sink = self._sink
        return None if sink is None or sink is _DISCARDING_SINK else self._call(sink.write, event.data)

    def _body_ended(self, event: BodyEnded) -> Flow[None]:
        return self._finish_message()

    def _finish_message(self) -> Flow[None]:
        sink, self._sink = self._sink, None
        # Without a sink it has failed before: the rest of the message went nowhere.
        finish: Finish = self._refusal or (_FAILED if sink is None else None)
        self._refusal = None
        try:
            if sink is not None and sink is not _DISCARDING_SINK:
                finish = yield from self._call(sink.finish)
                if finish is not None and isinstance(finish, _ITERATORS):
                    finish = yield from self._take_one_by_one(finish)
        finally:
            self._end_transaction()
        if not self._conn.replies_due:
            return
        say = self._say if finish is None else self._reply
        for reply in self._replies_of(finish):
            say(reply)
            if reply.code == _SERVICE_CLOSING:
                return

    def _take_one_by_one(self, answers: Iterator[object] | AsyncIterator[object]) -> Flow[tuple[Reply, ...]]:
        """Return the replies that *answers* give; in LMTP each is sent as soon as it is there."""
        conn = self._conn
        pull = pull_from(answers)
        recipients = conn.recipients
        replies: list[Reply] = []
        while conn.state is not _CLOSED:
            answer = yield from self._get(pull.function, *pull.args)
            if answer is None:
                break
            replies.append(_checked(answer))
            if len(replies) > recipients:
                yield from self._note(HandlerFailed(f"expected no reply number {len(replies)} to a message"))
                break
            if conn.is_lmtp:
                self._reply(replies[-1])
                yield _FLUSH
        return tuple(replies)

    def _replies_of(self, finish: Finish) -> tuple[Reply, ...]:
        """Return as many replies as are due.

        SMTP without PRDR has one for all recipients: where they differ it is a refusal, so that no message
        is lost.
        """
        conn = self._conn
        if not isinstance(finish, tuple):
            return (_MESSAGE_OK if finish is None else _checked(finish),) * conn.replies_due
        by_recipient = conn.is_lmtp or conn.has_verdicts
        if not finish or (by_recipient and len(finish) != conn.recipients):
            raise HandlerFailed(f"expected {conn.recipients} replies to a message, got {len(finish)}")
        replies = tuple(map(_checked, finish))
        if conn.is_lmtp:
            return replies
        if conn.has_verdicts:
            return (_VERDICTS_FOLLOW, *replies, _overall(replies))
        return (next((reply for reply in replies if reply.is_negative), replies[0]),)

    def _invalid(self, event: InvalidCommand) -> Flow[None]:
        if event.name == commands.MessageBody.name:
            yield from self._abort()
            self._end_transaction()
        self._mechanism = self._outcome = None
        self._reply_to_all(event.reply)
        if self._conn.state in _WITHOUT_MESSAGE:
            yield from self._abort()
            self._end_transaction_if_over()

    def _rset(self, rset: commands.Rset) -> Flow[None]:
        yield from self._reset()
        self._say(_RESET_OK)

    def _quit(self, quit_: commands.Quit) -> Flow[None] | None:
        if "quit" in self._methods:
            return self._ask_quit(quit_)
        self._say(_BYE)
        return None

    def _ask_quit(self, quit_: commands.Quit) -> Flow[None]:
        answer = (yield from self._ask("quit", quit_)) or _BYE
        if answer.code not in (221, 421):
            raise HandlerFailed(f"expected 221 to QUIT, got {answer.code}")
        self._reply(answer)

    def _xclient_answered(self, xclient: commands.XClient, reply: Reply) -> None:
        if reply.is_positive:
            _present(self._session, xclient)

    def _xforward_answered(self, xforward: commands.XForward, reply: Reply) -> None:
        if reply.is_positive:
            self._session.forwarded = self._session.forwarded.updated(xforward.attributes)

    def _start_tls(self, command: commands.StartTLS) -> Flow[None]:
        self._say(_TLS_OK)
        session = self._session
        session.tls = cast(TLSInfo, (yield StartTLS()))
        session.hello = session.identity = None
        session.extensions = NO_EXTENSIONS
        yield from self._reset()
        self._offer()

    def _auth(self, auth: commands.Auth) -> Flow[None]:
        authenticator = self._service.authenticator
        offers = () if authenticator is None else authenticator.mechanisms
        row, initial = mechanism_row(auth.mechanism, offers), auth.initial_response
        if row is None:
            self._say(_NOT_IMPLEMENTED)
        elif row.is_server_first and initial is not None:
            self._say(_SERVER_BEGINS)
        else:
            mechanism = self._mechanism = yield from self._call(row.make, self._setting())
            yield from self._go_on(mechanism, None if initial is None else initial.reveal())

    def _sasl_response(self, response: commands.SASLResponse) -> Flow[None]:
        mechanism, outcome, data = self._mechanism, self._outcome, response.data
        if data is None or mechanism is None:
            self._mechanism = self._outcome = None
            self._say(_LOGIN_CANCELLED)
        elif isinstance(outcome, Refused):
            yield from self._end_login(outcome)
        elif outcome is not None:
            is_empty = not data.reveal()
            yield from self._end_login(outcome if is_empty else Refused("expected an empty response"))
        else:
            yield from self._go_on(mechanism, data.reveal())

    def _go_on(self, mechanism: ServerMechanism, response: bytes | None) -> Flow[None]:
        """Give *response* to the mechanism and do what it says, up to the next reply."""
        step = yield from self._step(mechanism, response)
        if not isinstance(step, Challenge | Accepted | Refused):
            raise HandlerFailed(f"expected a step of {mechanism.name}, got {type(step).__name__}")
        if isinstance(step, Challenge):
            self._say(Reply.of_challenge(step.data))
        elif step.data is None:
            yield from self._end_login(step)
        else:
            # RFC 4954 section 4: what comes with success is a challenge, and its answer is empty.
            self._outcome = step
            self._say(Reply.of_challenge(step.data))

    def _step(self, mechanism: ServerMechanism, response: bytes | None) -> Flow[object]:
        """Return what the mechanism, which may be somebody's own, says once it needs nothing any more."""
        authenticator = self._service.authenticator
        step = yield from self._call(mechanism.step, response)
        while isinstance(step, Need):
            answer = None
            if authenticator is not None:
                answer = yield from self._call(authenticator.answer, step.request)
            step = yield from self._call(mechanism.resume, answer)
        return step

    def _end_login(self, outcome: Accepted | Refused) -> Flow[None]:
        # An exchange that ends has a mechanism.
        mechanism = cast(ServerMechanism, self._mechanism)
        self._mechanism = self._outcome = None
        if isinstance(outcome, Accepted):
            yield from self._log_in(outcome.identity, mechanism.name)
        else:
            self._say(_LOGIN_REFUSED[outcome.denial])

    def _log_in(self, identity: str, mechanism: str) -> Flow[None]:
        answer = (yield from self._ask("auth", identity, mechanism)) or _LOGIN_OK
        if answer.code != 235 and not answer.is_negative:
            raise HandlerFailed(f"expected 235 or a refusal of the login, got {answer.code}")
        self._reply(answer)
        if answer.is_positive:
            self._session.identity = identity

    def _lost(self, event: ConnectionLost) -> None:
        """Do nothing: the next event ends the flow."""

    def _reset(self) -> Flow[None]:
        self._session.forwarded = NO_ATTRIBUTES
        yield from self._abort()
        if self._session.transaction is not None:
            yield from self._tell("reset")
            self._session.transaction = None

    def _abort(self) -> Flow[None]:
        sink, self._sink = self._sink, None
        self._refusal = None
        if sink is not None:
            yield from self._try(sink.abort)


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
        is_utf8 = answer.code in self.hidden and not answer.text.isascii()
        if is_utf8 and not server._takes_utf8(command):
            answer = self.hidden[answer.code]
        server._reply(answer, is_utf8=is_utf8)
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
    commands.Etrn: _Hook("etrn", _NO_QUEUE),
    commands.XClient: _Hook("xclient", _NOT_TRUSTED, _Server._xclient_answered),
    commands.XForward: _Hook("xforward", _NOT_TRUSTED, _Server._xforward_answered),
    commands.UnknownCommand: _Hook("unknown", _NOT_IMPLEMENTED),
    BodyData: _Own(_Server._body_data),
    commands.Bdat: _Own(_Server._bdat),
    commands.Burl: _Own(_Server._burl),
    ChunkData: _Own(_Server._body_data),
    ChunkEnded: _Own(_Server._chunk_ended),
    BodyEnded: _Own(_Server._body_ended),
    InvalidCommand: _Own(_Server._invalid),
    ConnectionLost: _Own(_Server._lost),
}
"""What answers each kind of event, one row each: a flow, or None if it is answered already."""
