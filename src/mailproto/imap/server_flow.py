"""The server's procedure: greeting, TLS, login, commands to the session, IDLE, literals, the end (RFC 3501).

`serve` is a flow: it yields IO instructions to a driver. What the commands mean is the session's business
(`mailproto.imap.session`); what is legal when, the connection's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypeVar, cast, final

from mailproto._secret import Secret
from mailproto.errors import ConnectionTimeout, Denial, RemoteProtocolError
from mailproto.flow import (
    Call,
    Flow,
    Flush,
    Instruction,
    Received,
    ServerStopping,
    Sleep,
    TLSInfo,
    Wake,
    receive,
    start_tls,
)
from mailproto.imap.capability import Capabilities
from mailproto.imap.codes import (
    AUTHENTICATIONFAILED,
    AUTHORIZATIONFAILED,
    EXPIRED,
    PRIVACYREQUIRED,
    SERVERBUG,
    UNAVAILABLE,
    CapabilityCode,
)
from mailproto.imap.commands import (
    Authenticate,
    Capability,
    Command,
    Login,
    Logout,
    Noop,
    StartTLS,
    TaggedCommand,
)
from mailproto.imap.events import (
    ConnectionLost,
    IdleDone,
    InvalidCommand,
    LiteralData,
    LiteralEnded,
    LiteralOffered,
    SASLResponse,
)
from mailproto.imap.ext.compress import Compress
from mailproto.imap.ext.id import ID
from mailproto.imap.ext.idle import Idle
from mailproto.imap.ext.unauthenticate import Unauthenticate
from mailproto.imap.responses import CapabilityData, IDData
from mailproto.imap.server import IMAPServerConnection, ServerEvent
from mailproto.imap.session import IMAPSession, LiteralSink, Status, flush_if_full
from mailproto.imap.status import Bad, Bye, No, Ok, PreAuth
from mailproto.sasl._authenticator import Authenticator
from mailproto.sasl._mechanism import (
    SECRET_OCTETS,
    Accepted,
    Challenge,
    Need,
    Refused,
    Request,
    ServerMechanism,
    Setting,
    Step,
    Verify,
    accepted_or_refused,
)
from mailproto.sasl._registry import mechanism_row, usable_mechanisms
from mailproto.wants import Wants

__all__ = ["Service", "SessionMaker", "serve"]

ResultT = TypeVar("ResultT")

SessionMaker = Callable[[str], object]
"""Makes the `IMAPSession` of an identity, or an awaitable of it; None: this user has none."""

MAX_REFUSALS: Final = 5
"""Refused logins after which a client is sent away."""
REFUSAL_DELAY: Final = 1.0
"""Seconds before a login is refused, so that guessing takes time."""
IDLE_POLL: Final = 30.0
"""Seconds between two looks at the mailbox while idling, where neither driver nor session says when."""

_SERVER_BUG: Final = No("internal error", SERVERBUG)
_NOT_NOW: Final = No("it cannot be done now, try again later", UNAVAILABLE)
_REFUSALS: Final = {
    Denial.CREDENTIALS: No("the credentials were not accepted", AUTHENTICATIONFAILED),
    Denial.AUTHORIZATION: No("not allowed to act as that user", AUTHORIZATIONFAILED),
    Denial.EXPIRED: No("the credentials have expired", EXPIRED),
    Denial.TRANSITION: No("a password transition is needed"),
    Denial.TOO_WEAK: No("the mechanism is too weak"),
    Denial.ENCRYPTION: No("the mechanism needs TLS", PRIVACYREQUIRED),
    Denial.UNAVAILABLE: No("it cannot be checked now, try again later", UNAVAILABLE),
    Denial.OTHER: No("authentication failed"),
}
"""RFC 5530 section 3."""
_SERVER_BEGINS: Final = Bad("the server begins this exchange")
_FAILED: Final = Refused("the mechanism failed", Denial.UNAVAILABLE)
_LOG_IN_FIRST: Final = Bad("log in first")


class _Nobody:
    """The session of a client that is not logged in: the connection lets only NOOP through."""

    poll_interval: float | None = None

    def offer(self, offer: LiteralOffered) -> Flow[LiteralSink | No | Bad]:
        yield from ()
        return _LOG_IN_FIRST

    def handle(
        self, conn: IMAPServerConnection, command: Command, literals: tuple[LiteralSink, ...]
    ) -> Flow[Status]:
        yield from ()
        return Ok() if isinstance(command, Noop) else _LOG_IN_FIRST

    def push(self, conn: IMAPServerConnection) -> Flow[None]:
        yield from ()

    def notify(self, wake: Wake | None) -> None:
        """Have nothing to tell."""

    def close(self) -> Flow[None]:
        yield from ()


_NOBODY: Final = _Nobody()


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What all connections of a server share.

    `sessions` makes the session of the identity that logged in. Without `authenticator` nobody logs in: the
    greeting is PREAUTH and the identity "". With `capabilities`, those of the sessions, the flow tells each
    connection what to offer: these, the mechanisms of the authenticator, and STARTTLS if `start_tls` says
    that the driver can shake hands; otherwise a connection offers what it was made with. `server_id` answers
    ID (RFC 2971). A login is refused after `refusal_delay` seconds; the `max_refusals`-th refusal ends the
    connection. `report` is called with what a session raised, of which the client learns nothing. `entropy`
    gives random octets; without it mechanisms with a nonce are not offered. `secret`, drawn from it unless
    given, is that of `mailproto.sasl.Setting`.
    """

    sessions: SessionMaker
    authenticator: Authenticator | None = None
    capabilities: Iterable[str] | None = None
    start_tls: bool = False
    greeting: str = "ready"
    server_id: tuple[tuple[str, str | None], ...] = (("name", "mailproto"),)
    max_refusals: int = MAX_REFUSALS
    refusal_delay: float = REFUSAL_DELAY
    report: Callable[[Exception], object] | None = None
    entropy: Callable[[int], bytes] | None = field(default=None, repr=False)
    secret: Secret[bytes] | None = None

    def __post_init__(self) -> None:
        if self.secret is None and self.entropy is not None:
            object.__setattr__(self, "secret", Secret(self.entropy(SECRET_OCTETS)))


def serve(
    conn: IMAPServerConnection, service: Service, *, wake: Wake | None = None, tls: TLSInfo | None = None
) -> Flow[None]:
    """Serve one connection until it ends; what is still unsent then is for the driver to flush.

    `wake` ends the waiting of IDLE, `tls` is what the handshake of implicit TLS gave. Never raises for what a
    client does; what the driver threw in, other than `ServerStopping` and `ConnectionTimeout`, comes out
    again.
    """
    return _Server(conn, service, wake, tls).run()


@final
class _Server:
    """One connection: its session, and the large literals of the command that is arriving."""

    __slots__ = (
        "_channel",
        "_conn",
        "_driver_error",
        "_is_broken",
        "_refusals",
        "_service",
        "_session",
        "_sinks",
        "_wake",
    )

    def __init__(
        self, conn: IMAPServerConnection, service: Service, wake: Wake | None, tls: TLSInfo | None
    ) -> None:
        self._conn = conn
        self._service = service
        self._wake = wake
        self._channel: TLSInfo | None = tls
        self._session: IMAPSession = _NOBODY
        self._sinks: list[LiteralSink] = []
        self._refusals = 0
        self._is_broken = False
        self._driver_error: BaseException | None = None

    def run(self) -> Flow[None]:
        """Greet, then answer until there is nothing more to come."""
        if self._channel is not None and not self._conn.is_tls:
            self._conn.tls_started()
        self._offer()
        try:
            if (yield from self._greet()):
                yield from self._converse()
        except ServerStopping:
            self._say_bye(Bye("the server stops", UNAVAILABLE))
        except ConnectionTimeout:
            self._say_bye(Bye("idle for too long"))
        except RemoteProtocolError:
            # The connection has said BYE, and why.
            return
        finally:
            yield from self._drop_sinks()
            yield from self._protected(self._session.close(), None)

    def _offer(self) -> None:
        """Tell the connection what it may offer; what is not to be shown now it leaves out itself."""
        service = self._service
        if service.capabilities is None:
            return
        offers = service.authenticator.mechanisms if service.authenticator is not None else ()
        setting = self._setting()
        safe = usable_mechanisms(offers, setting, allow_cleartext=False)
        all_of_them = usable_mechanisms(offers, setting, allow_cleartext=True)
        start_tls = ("STARTTLS",) if service.start_tls else ()
        self._conn.set_capabilities(
            (*service.capabilities, *start_tls, *(f"AUTH={name}" for name in safe)),
            cleartext=[f"AUTH={name}" for name in all_of_them if name not in safe],
        )

    def _setting(self) -> Setting:
        """Return what a mechanism may know."""
        return Setting(
            channel=self._channel,
            offered=self._conn.capabilities.auth,
            entropy=self._service.entropy,
            secret=self._service.secret,
        )

    def _say_bye(self, status: Bye) -> None:
        if self._conn.literal_owed:
            self._conn.abort()
        elif self._conn.wants is not Wants.CLOSED:
            self._conn.send(status)

    def _greet(self) -> Flow[bool]:
        conn = self._conn
        if self._service.authenticator is not None:
            conn.send_greeting(Ok(self._service.greeting, CapabilityCode(Capabilities(conn.capabilities))))
            return True
        refusal = yield from self._open_session("")
        if refusal is not None:
            conn.send_greeting(Bye(refusal.text, refusal.code))
            return False
        conn.send_greeting(PreAuth(self._service.greeting, CapabilityCode(conn.capabilities_after_login)))
        return True

    def _converse(self) -> Flow[None]:
        while (event := (yield from self._next_event())) is not None:
            yield from _ANSWERS[type(event)](self, event)
            yield from flush_if_full(self._conn)

    def _next_event(self) -> Flow[ServerEvent | None]:
        """Return the next event, or None at the end."""
        conn = self._conn
        while (event := conn.next_event()) is None:
            if conn.wants is not Wants.DATA:
                return None
            yield from receive()
        return None if isinstance(event, ConnectionLost) else event

    def _invalid(self, event: ServerEvent) -> Flow[None]:
        """Answer what is no command."""
        event = cast(InvalidCommand, event)
        yield from self._drop_sinks()
        self._conn.complete(event.tag, event.status)

    def _protected(self, flow: Flow[ResultT], otherwise: ResultT) -> Flow[ResultT]:
        """Return what *flow* does, or *otherwise* if it raises; what the driver threw in comes out again."""
        try:
            return (yield from self._marking(flow))
        except Exception as error:
            if error is self._driver_error:
                raise
            if self._service.report is not None:
                self._service.report(error)
            return otherwise

    def _marking(self, flow: Flow[ResultT]) -> Flow[ResultT]:
        """Pass instructions on, and note what the driver throws in, other than the failure of a `Call`."""
        resume: Callable[[], Instruction] = partial(next, flow)
        while True:
            try:
                instruction = resume()
            except StopIteration as stop:
                return cast(ResultT, stop.value)
            try:
                resume = partial(flow.send, (yield instruction))
            except BaseException as error:
                if not isinstance(instruction, Call):
                    self._driver_error = error
                resume = partial(flow.throw, error)

    def _offered(self, event: ServerEvent) -> Flow[None]:
        offer = cast(LiteralOffered, event)
        answer: LiteralSink | No | Bad
        answer = yield from self._protected(self._session.offer(offer), _SERVER_BUG)
        if isinstance(answer, No | Bad):
            self._conn.reject(answer)
            yield from self._drop_sinks()
            return
        self._sinks.append(answer)
        self._conn.accept_literal()

    def _literal(self, event: ServerEvent) -> Flow[None]:
        """Give octets to the sink; after a failure the rest is dropped, and the command refused."""
        if not self._is_broken:
            data = cast(LiteralData, event).data
            is_written = yield from self._protected(_write(self._sinks[-1], data), False)
            self._is_broken = not is_written

    def _literal_ended(self, event: ServerEvent) -> Flow[None]:
        yield from ()

    def _drop_sinks(self) -> Flow[None]:
        sinks, self._sinks = self._sinks, []
        self._is_broken = False
        for sink in sinks:
            yield from self._protected(_abort(sink), None)

    def _command(self, event: ServerEvent) -> Flow[None]:
        event = cast(TaggedCommand, event)
        answer = _COMMANDS.get(type(event.command), _Server._for_session)
        yield from answer(self, event.tag, event.command)

    def _for_session(self, tag: str, command: Command) -> Flow[None]:
        """Let the session carry out a command; a response that it leaves half-sent ends the connection."""
        conn, session = self._conn, self._session
        if self._is_broken:
            yield from self._drop_sinks()
            conn.complete(tag, _SERVER_BUG)
            return
        sinks, self._sinks = tuple(self._sinks), []
        status: Status = yield from self._protected(session.handle(conn, command, sinks), _SERVER_BUG)
        if conn.literal_owed:
            conn.abort()
        elif conn.wants is not Wants.CLOSED:
            conn.complete(tag, status)

    def _capability(self, tag: str, command: Command) -> Flow[None]:
        yield from ()
        self._conn.send(CapabilityData(self._conn.capabilities))
        self._conn.complete(tag, Ok())

    def _id(self, tag: str, command: Command) -> Flow[None]:
        yield from ()
        self._conn.send(IDData(self._service.server_id or None))
        self._conn.complete(tag, Ok())

    def _logout(self, tag: str, command: Command) -> Flow[None]:
        yield from ()
        self._conn.send(Bye("logging out"))
        self._conn.complete(tag, Ok())

    def _start_tls(self, tag: str, command: Command) -> Flow[None]:
        self._conn.complete(tag, Ok("begin TLS now"))
        self._channel = yield from start_tls()
        self._offer()

    def _compress(self, tag: str, command: Command) -> Flow[None]:
        yield from ()
        self._conn.complete(tag, Ok("compressed from here on"))

    def _unauthenticate(self, tag: str, command: Command) -> Flow[None]:
        """Close the session: the next login has one of its own (RFC 8437)."""
        session, self._session = self._session, _NOBODY
        yield from self._protected(session.close(), None)
        self._conn.complete(tag, Ok("log in again"))

    def _login(self, tag: str, command: Command) -> Flow[None]:
        login = cast(Login, command)
        answer = yield from self._ask(Verify(login.user_id, login.password))
        yield from self._finish_login(tag, accepted_or_refused(answer, login.user_id))

    def _ask(self, request: Request) -> Flow[object]:
        """Return the authenticator's answer; one that fails refuses for now."""
        authenticator = self._service.authenticator
        if authenticator is None:
            return None
        answer = _call(authenticator.answer, request)
        return (yield from self._protected(answer, Denial.UNAVAILABLE))

    def _authenticate(self, tag: str, command: Command) -> Flow[None]:
        authenticate = cast(Authenticate, command)
        authenticator = self._service.authenticator
        offers = () if authenticator is None else authenticator.mechanisms
        row, initial = mechanism_row(authenticate.mechanism, offers), authenticate.initial_response
        if row is None:
            self._conn.complete(tag, No("no such mechanism"))
            return
        if row.is_server_first and initial is not None:
            self._conn.complete(tag, _SERVER_BEGINS)
            return
        made = yield from self._protected(_call(row.make, self._setting()), _FAILED)
        if made is _FAILED:
            yield from self._finish_login(tag, _FAILED)
            return
        mechanism = cast(ServerMechanism, made)
        step = yield from self._step(mechanism.step, None if initial is None else initial.reveal())
        while isinstance(step, Challenge | Need):
            if isinstance(step, Need):
                answer = yield from self._ask(step.request)
                step = yield from self._step(mechanism.resume, answer)
                continue
            answered = yield from self._challenge(tag, mechanism, step)
            if answered is None:
                return
            step = answered
        if step.data is None:
            yield from self._finish_login(tag, step)
        else:
            yield from self._part(tag, step, step.data)

    def _challenge(self, tag: str, mechanism: ServerMechanism, step: Challenge) -> Flow[Step | None]:
        """Return what the mechanism says to the client's answer; None if the exchange is over."""
        self._conn.challenge(step.data)
        response = yield from self._sasl_response()
        if isinstance(response, bytes):
            return (yield from self._step(mechanism.step, response))
        yield from self._give_up(tag, response)
        return None

    def _step(self, function: Callable[..., object], argument: object) -> Flow[Step]:
        """Return what a mechanism says, which may be somebody's own; one that fails refuses for now."""
        return (yield from self._protected(_step(function, argument), _FAILED))

    def _part(self, tag: str, outcome: Accepted | Refused, data: bytes) -> Flow[None]:
        """Send *data* as the last challenge, to which an empty answer is due (RFC 3501 section 6.2.2).

        What the client says to a refusal changes nothing: cancelling does not make it another failure.
        """
        self._conn.challenge(data)
        response = yield from self._sasl_response()
        is_over = isinstance(outcome, Refused) and response is not None
        if is_over or response == b"":
            yield from self._finish_login(tag, outcome)
        elif isinstance(response, bytes):
            yield from self._finish_login(tag, Refused("expected an empty response"))
        else:
            yield from self._give_up(tag, response)

    def _sasl_response(self) -> Flow[bytes | ServerEvent | None]:
        """Return what the client answers: octets, or the event that came in their place; None: the end."""
        event = yield from self._next_event()
        if isinstance(event, SASLResponse) and event.data is not None:
            return event.data.reveal()
        return event

    def _give_up(self, tag: str, event: ServerEvent | None) -> Flow[None]:
        """End an exchange that the client cancelled, or broke."""
        if isinstance(event, SASLResponse):
            self._conn.complete(tag, Bad("cancelled"))
        elif isinstance(event, InvalidCommand):
            yield from self._invalid(event)

    def _finish_login(self, tag: str, outcome: Step) -> Flow[None]:
        """Open the session of who was accepted, or refuse."""
        if not isinstance(outcome, Accepted):
            yield from self._refuse_login(
                tag, outcome.denial if isinstance(outcome, Refused) else Denial.OTHER
            )
            return
        refusal = yield from self._open_session(outcome.identity)
        if refusal is None:
            code = CapabilityCode(self._conn.capabilities_after_login)
            self._conn.complete(tag, Ok("logged in", code))
        else:
            self._conn.complete(tag, refusal)

    def _refuse_login(self, tag: str, denial: Denial) -> Flow[None]:
        yield Flush()
        yield Sleep(self._service.refusal_delay)
        self._conn.complete(tag, _REFUSALS[denial])
        self._refusals += 1
        if self._refusals >= self._service.max_refusals:
            self._say_bye(Bye("too many refused logins"))

    def _open_session(self, identity: str) -> Flow[No | None]:
        """Make the session; return why there is none."""
        made = yield from self._protected(_call(self._service.sessions, identity), None)
        if made is None:
            return _NOT_NOW
        self._session = cast(IMAPSession, made)
        return None

    def _idle(self, tag: str, command: Command) -> Flow[None]:
        session = self._session
        self._conn.accept_idle()
        session.notify(self._wake)
        try:
            yield from self._push_until_done(session, tag)
        finally:
            session.notify(None)

    def _push_until_done(self, session: IMAPSession, tag: str) -> Flow[None]:
        conn = self._conn
        interval = session.poll_interval
        if interval is None and self._wake is None:
            interval = IDLE_POLL
        is_due = is_whole = True
        while True:
            if is_due and is_whole:
                is_whole = yield from self._protected(_push(session, conn), False)
            event = conn.next_event()
            if event is not None:
                yield from self._end_idle(event, tag, is_whole)
                return
            if conn.wants is not Wants.DATA:
                return
            is_due = (yield from receive(interval, self._wake)) is not Received.RECEIVED

    def _end_idle(self, event: ServerEvent, tag: str, is_whole: bool) -> Flow[None]:
        if isinstance(event, IdleDone):
            self._conn.complete(tag, Ok() if is_whole else _SERVER_BUG)
        elif isinstance(event, InvalidCommand):
            yield from self._invalid(event)


def _call(function: Callable[..., object], *args: object) -> Flow[object]:
    return (yield Call(function, args))


def _step(function: Callable[..., object], argument: object) -> Flow[Step]:
    step = yield from _call(function, argument)
    if not isinstance(step, Challenge | Need | Accepted | Refused):
        raise TypeError(f"expected a step of a login, got {type(step).__name__}")
    return step


def _write(sink: LiteralSink, data: bytes) -> Flow[bool]:
    yield Call(sink.write, (data,))
    return True


def _abort(sink: LiteralSink) -> Flow[None]:
    yield Call(sink.abort)


def _push(session: IMAPSession, conn: IMAPServerConnection) -> Flow[bool]:
    yield from session.push(conn)
    return True


_ANSWERS: Final[dict[type, Callable[[_Server, ServerEvent], Flow[None]]]] = {
    TaggedCommand: _Server._command,
    InvalidCommand: _Server._invalid,
    LiteralOffered: _Server._offered,
    LiteralData: _Server._literal,
    LiteralEnded: _Server._literal_ended,
}
"""What to do about each event outside of AUTHENTICATE and IDLE."""

_COMMANDS: Final[dict[type, Callable[[_Server, str, Command], Flow[None]]]] = {
    Capability: _Server._capability,
    ID: _Server._id,
    Logout: _Server._logout,
    StartTLS: _Server._start_tls,
    Compress: _Server._compress,
    Unauthenticate: _Server._unauthenticate,
    Login: _Server._login,
    Authenticate: _Server._authenticate,
    Idle: _Server._idle,
}
"""The commands that are not the session's."""
