"""Tests of mailproto.imap.server_flow: what the flow does itself, and how it treats its session."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mailproto.errors import ConnectionClosed
from mailproto.flow import Call, Flow, Receive, Wake
from mailproto.imap.commands import Command
from mailproto.imap.events import LiteralOffered
from mailproto.imap.fetch import BodySection
from mailproto.imap.responses import ExistsData, PreparedFetch
from mailproto.imap.server import IMAPServerConnection
from mailproto.imap.session import LiteralSink, Status, flush_if_full
from mailproto.imap.status import Bad, No, Ok
from mailproto.imap.values import Streamed
from mailproto.limits import IMAPLimits
from mailproto.sasl import Authenticator
from mailproto.store import MemoryStore, StoreSession
from support_imap_server import OFFERED, TLS, USERS, Client, Signal
from support_store import MESSAGE, Plain

AFTER_LOGIN = (
    b"IMAP4rev1 APPENDLIMIT=52428800 CHILDREN COMPRESS=DEFLATE ENABLE ID IDLE LITERAL+ MOVE NAMESPACE UIDPLUS"
    b" UNSELECT"
)
LOGGED_IN = b"a OK [CAPABILITY %b] logged in\r\n" % AFTER_LOGIN
REFUSED = b"a NO [AUTHENTICATIONFAILED] the credentials were not accepted\r\n"
SERVER_BUG = b"a NO [SERVERBUG] internal error\r\n"
BIG = IMAPLimits(max_inline_literal=10)


def outside(**options: object) -> Client:
    """Return a client that is not logged in and may send its password in the clear."""
    options.setdefault("allow_cleartext", True)
    return Client(MemoryStore(), authenticator=USERS, **options)  # type: ignore[arg-type]  # of the test


def test_the_greeting_says_what_is_offered() -> None:
    assert outside().greeting == (
        b"* OK [CAPABILITY IMAP4rev1 AUTH=LOGIN AUTH=PLAIN CHILDREN COMPRESS=DEFLATE ENABLE ID IDLE"
        b" LITERAL+ MOVE NAMESPACE"
        b" SASL-IR UIDPLUS UNSELECT] ready\r\n"
    )


def test_the_greeting_without_tls_offers_no_password() -> None:
    client = outside(allow_cleartext=False, capabilities=(*OFFERED, "STARTTLS"))
    assert b"AUTH=" not in client.greeting
    assert b" LOGINDISABLED " in client.greeting
    assert b" STARTTLS " in client.greeting


def test_the_flow_can_say_what_is_offered() -> None:
    class Everything(Authenticator):
        mechanisms = ("EXTERNAL", "PLAIN")

        def answer(self, request: object) -> object:
            return "user"

    client = Client(
        MemoryStore(),
        authenticator=Everything(),
        capabilities=(),
        offered=("IMAP4rev1", "IDLE"),
        start_tls=True,
    )
    assert client.greeting == b"* OK [CAPABILITY IMAP4rev1 IDLE LOGINDISABLED STARTTLS] ready\r\n"
    client.say(b"a STARTTLS\r\n")
    client.shake_hands()
    assert client.say(b"a CAPABILITY\r\n") == b"* CAPABILITY IMAP4rev1 AUTH=PLAIN IDLE\r\na OK completed\r\n"
    client = Client(MemoryStore(), capabilities=(), offered=("IMAP4rev1", "IDLE"))
    assert client.greeting == b"* PREAUTH [CAPABILITY IMAP4rev1 APPENDLIMIT=52428800 IDLE] ready\r\n"


def test_without_an_authenticator_everybody_is_logged_in() -> None:
    client = Client(MemoryStore(), greeting="hello")
    assert client.greeting == b"* PREAUTH [CAPABILITY %b] hello\r\n" % AFTER_LOGIN
    assert client.say(b"a NOOP\r\n") == b"a OK NOOP completed\r\n"


def test_without_a_session_the_greeting_is_bye() -> None:
    client = Client(MemoryStore(), sessions=lambda identity: None)
    assert client.greeting == b"* BYE [UNAVAILABLE] it cannot be done now, try again later\r\n"
    assert client.is_done


def test_commands_that_need_no_login() -> None:
    client = outside(server_id=(("name", "test"), ("version", None)))
    assert client.say(b"a NOOP\r\nb ID NIL\r\n") == (
        b'a OK completed\r\n* ID ("name" "test" "version" NIL)\r\nb OK completed\r\n'
    )
    assert client.say(b"c CAPABILITY\r\n") == (
        b"* CAPABILITY IMAP4rev1 AUTH=LOGIN AUTH=PLAIN CHILDREN COMPRESS=DEFLATE ENABLE ID IDLE"
        b" LITERAL+ MOVE NAMESPACE"
        b" SASL-IR UIDPLUS UNSELECT\r\nc OK completed\r\n"
    )
    assert client.say(b"d LOGOUT\r\n") == b"* BYE logging out\r\nd OK completed\r\n"
    assert client.is_done


def test_a_server_without_an_id_says_nil() -> None:
    assert outside(server_id=()).say(b'a ID ("name" "x")\r\n') == b"* ID NIL\r\na OK completed\r\n"


def test_login() -> None:
    client = outside()
    assert client.say(b"a LOGIN user secret\r\n") == LOGGED_IN
    assert client.say(b"b CAPABILITY\r\n") == b"* CAPABILITY %b\r\nb OK completed\r\n" % AFTER_LOGIN
    assert client.say(b'c LIST "" ""\r\n') == b'* LIST (\\Noselect) "/" ""\r\nc OK LIST completed\r\n'


def test_a_refused_login_takes_time() -> None:
    client = outside(refusal_delay=2.5)
    assert client.say(b"a LOGIN user wrong\r\n") == REFUSED
    assert client.say(b"a LOGIN nobody secret\r\n") == REFUSED
    assert client.slept == 5.0
    assert client.say(b"a LOGIN user secret\r\n") == LOGGED_IN


def test_a_client_that_guesses_is_sent_away() -> None:
    client = outside(max_refusals=2)
    assert client.say(b"a LOGIN user wrong\r\n") == REFUSED
    assert client.say(b"a LOGIN user bad\r\n") == REFUSED + b"* BYE too many refused logins\r\n"
    assert client.is_done


def test_a_password_in_the_clear_is_refused() -> None:
    client = outside(allow_cleartext=False)
    assert client.say(b"a LOGIN user secret\r\n").startswith(b"a NO [PRIVACYREQUIRED] ")
    assert client.say(b"a AUTHENTICATE PLAIN\r\n").startswith(b"a NO ")


@pytest.mark.parametrize(
    "dialogue",
    [
        [(b"a AUTHENTICATE PLAIN AHVzZXIAc2VjcmV0\r\n", LOGGED_IN)],
        [(b"a authenticate plain\r\n", b"+ \r\n"), (b"AHVzZXIAc2VjcmV0\r\n", LOGGED_IN)],
        [
            (b"a AUTHENTICATE LOGIN\r\n", b"+ VXNlcm5hbWU6\r\n"),
            (b"dXNlcg==\r\n", b"+ UGFzc3dvcmQ6\r\n"),
            (b"c2VjcmV0\r\n", LOGGED_IN),
        ],
        [(b"a AUTHENTICATE PLAIN AHVzZXIAd3Jvbmc=\r\n", REFUSED)],
        [(b"a AUTHENTICATE PLAIN =\r\n", REFUSED)],
        [(b"a AUTHENTICATE PLAIN\r\n", b"+ \r\n"), (b"*\r\n", b"a BAD cancelled\r\n")],
        [(b"a AUTHENTICATE SCRAM-SHA-256\r\n", b"a NO no such mechanism\r\n")],
    ],
    ids=["initial response", "challenge", "LOGIN", "wrong", "empty", "cancelled", "unknown"],
)
def test_authenticate(dialogue: list[tuple[bytes, bytes]]) -> None:
    client = outside()
    for octets, answer in dialogue:
        assert client.say(octets) == answer
    assert client.say(b"b NOOP\r\n").startswith(b"b OK")


def test_what_is_not_base64_ends_the_exchange() -> None:
    client = outside()
    client.say(b"a AUTHENTICATE PLAIN\r\n")
    assert client.say(b"!!!\r\n").startswith(b"a BAD ")
    assert client.say(b"b NOOP\r\n") == b"b OK completed\r\n"


def test_a_client_that_goes_away_in_an_exchange() -> None:
    client = outside()
    client.say(b"a AUTHENTICATE PLAIN\r\n")
    client.hang_up()
    assert client.is_done
    assert client.error is None


def test_a_mechanism_that_is_offered_and_unknown() -> None:
    client = outside(capabilities=("IMAP4rev1", "AUTH=X-NEW"))
    assert client.say(b"a AUTHENTICATE X-NEW\r\n") == b"a NO no such mechanism\r\n"


def test_an_authenticator_that_fails_refuses() -> None:
    class Broken(Authenticator):
        mechanisms = ("PLAIN",)

        def answer(self, request: object) -> object:
            raise OSError("database")

    errors: list[Exception] = []
    client = Client(
        MemoryStore(), authenticator=Broken(), allow_cleartext=True, report=errors.append, refusal_delay=0
    )
    answer = client.say(b"a LOGIN user secret\r\n")
    assert answer == b"a NO [UNAVAILABLE] it cannot be checked now, try again later\r\n"
    assert [str(error) for error in errors] == ["database"]


def test_a_session_that_cannot_be_made() -> None:
    client = outside(sessions=lambda identity: None)
    assert client.say(b"a LOGIN user secret\r\n") == (
        b"a NO [UNAVAILABLE] it cannot be done now, try again later\r\n"
    )
    assert client.say(b"b NOOP\r\n") == b"b OK completed\r\n"


def test_start_tls() -> None:
    client = outside(allow_cleartext=False, capabilities=(*OFFERED, "STARTTLS"))
    assert client.say(b"a STARTTLS\r\nb LOGIN user secret\r\n") == b"a OK begin TLS now\r\n"
    client.shake_hands()
    assert client.say(b"a LOGIN user secret\r\n") == LOGGED_IN


def test_implicit_tls() -> None:
    client = outside(allow_cleartext=False, tls=TLS)
    assert b"AUTH=PLAIN" in client.greeting
    assert client.say(b"a LOGIN user secret\r\n") == LOGGED_IN


def test_bad_commands_are_answered_until_patience_ends() -> None:
    client = outside(limits=IMAPLimits(max_bad_commands=3))
    assert client.say(b"a FROBNICATE\r\n").startswith(b"a BAD ")
    assert client.say(b"a SELECT INBOX\r\n").startswith(b"a BAD ")
    answer = client.say(b"\r\n")
    assert answer.startswith(b"* BAD ")
    assert answer.endswith(b"\r\n* BYE too many bad commands\r\n")
    assert client.is_done


def test_the_end_of_the_connection() -> None:
    client = outside()
    client.hang_up()
    assert client.is_done
    assert client.error is None


@pytest.mark.parametrize("command", [b"", b"a LOGIN user secret\r\nb IDLE\r\n"], ids=["waiting", "idle"])
def test_a_server_that_stops_says_so(command: bytes) -> None:
    client = outside()
    client.say(command)
    assert client.stop() == b"* BYE [UNAVAILABLE] the server stops\r\n"
    assert client.is_done
    assert client.error is None


def test_a_client_that_says_nothing() -> None:
    client = outside()
    assert client.time_out() == b"* BYE idle for too long\r\n"
    assert client.error is None


def test_a_line_without_an_end() -> None:
    client = outside()
    answer = client.say(b"x" * 100_000)
    assert answer.startswith(b"* BYE max_line")
    assert answer.count(b"\r\n") == 1
    assert client.is_done
    assert client.error is None


def test_other_errors_of_the_driver_come_out() -> None:
    client = outside()
    client.say(b"a LOGIN user secret\r\n")
    error = ConnectionClosed("reset")
    assert client.throw(error) == b""
    assert client.error is error


class Session:
    """A session that does what the test says; `log` notes what it was asked."""

    poll_interval: float | None = None

    def __init__(self) -> None:
        self.log: list[object] = []
        self.wakes: list[Wake | None] = []
        self.answer: Callable[[IMAPServerConnection], Flow[Status]] = self.succeed
        self.sink: LiteralSink | No | Bad | Exception = Sink()
        self.exists = 0

    def succeed(self, conn: IMAPServerConnection) -> Flow[Status]:
        """Succeed."""
        yield from ()
        return Ok("done")

    def offer(self, offer: LiteralOffered) -> Flow[LiteralSink | No | Bad]:
        yield from ()
        if isinstance(self.sink, Exception):
            raise self.sink
        return self.sink

    def handle(
        self, conn: IMAPServerConnection, command: Command, literals: tuple[LiteralSink, ...]
    ) -> Flow[Status]:
        self.log.append((command.name, literals))
        return (yield from self.answer(conn))

    def push(self, conn: IMAPServerConnection) -> Flow[None]:
        yield from ()
        if self.exists < 0:
            raise OSError("store")
        self.log.append("push")

    def notify(self, wake: Wake | None) -> None:
        self.wakes.append(wake)

    def close(self) -> Flow[None]:
        self.log.append((yield Call(lambda: "closed")))


class Sink:
    """A sink that notes what it gets, and can fail."""

    def __init__(self, *, fails: bool = False) -> None:
        self.octets = b""
        self.is_aborted = False
        self.fails = fails

    def write(self, data: bytes) -> None:
        if self.fails:
            raise OSError("disk full")
        self.octets += data

    def abort(self) -> None:
        self.is_aborted = True
        if self.fails:
            raise OSError("disk full")


def with_session(**options: object) -> tuple[Client, Session]:
    """Return a client of a `Session`."""
    session = Session()
    client = Client(MemoryStore(), sessions=lambda identity: session, **options)  # type: ignore[arg-type]
    return client, session


def raising(error: Exception) -> Callable[[IMAPServerConnection], Flow[Status]]:
    """Return an answer that raises *error* out of a call."""

    def answer(conn: IMAPServerConnection) -> Flow[Status]:
        def fail() -> None:
            raise error

        yield Call(fail)
        return Ok("never")

    return answer


@pytest.mark.parametrize("error", [OSError("secret path"), ConnectionClosed("upstream"), ValueError("x")])
def test_a_session_that_raises_is_a_server_bug(error: Exception) -> None:
    errors: list[Exception] = []
    client, session = with_session(report=errors.append)
    session.answer = raising(error)
    assert client.say(b"a CREATE x\r\n") == SERVER_BUG
    assert errors == [error]
    session.answer = session.succeed
    assert client.say(b"b CREATE x\r\n") == b"b OK done\r\n"


def test_without_a_reporter_errors_pass_silently() -> None:
    client, session = with_session()
    session.answer = raising(OSError())
    assert client.say(b"a CREATE x\r\n") == SERVER_BUG


def test_an_error_of_the_driver_inside_a_session_ends_the_connection() -> None:
    client, session = with_session()

    def answer(conn: IMAPServerConnection) -> Flow[Status]:
        yield Receive()
        return Ok("never")

    session.answer = answer
    client.say(b"a CREATE x\r\n")
    error = ConnectionClosed("reset")
    assert client.throw(error) == b""
    assert client.error is error
    assert session.log[-1] == "closed"


def test_a_session_that_leaves_a_literal_owed_ends_the_connection() -> None:
    client, session = with_session()

    def answer(conn: IMAPServerConnection) -> Flow[Status]:
        conn.send(PreparedFetch(1, (BodySection().answer(Streamed(10)),)))
        return (yield from raising(OSError())(conn))

    client.say(b"a SELECT x\r\n")
    session.answer = answer
    assert client.say(b"a FETCH 1 BODY[]\r\n") == b"* 1 FETCH (BODY[] {10}\r\n"
    assert client.is_done
    assert session.log[-1] == "closed"


def test_a_client_that_stops_reading_gets_no_bye_inside_a_literal() -> None:
    client, session = with_session()

    def answer(conn: IMAPServerConnection) -> Flow[Status]:
        conn.send(PreparedFetch(1, (BodySection().answer(Streamed(10)),)))
        yield Receive()
        return Ok("never")

    client.say(b"a SELECT x\r\n")
    session.answer = answer
    client.say(b"a FETCH 1 BODY[]\r\n")
    assert client.time_out() == b""
    assert client.is_done
    assert client.error is None


def test_a_session_is_closed_whatever_happens() -> None:
    client, session = with_session()
    client.say(b"a LOGOUT\r\n")
    assert session.log == ["closed"]


def test_a_session_whose_close_fails_ends_all_the_same() -> None:
    class Stubborn(Session):
        def close(self) -> Flow[None]:
            yield from ()
            raise OSError("store")

    client = Client(MemoryStore(), sessions=lambda identity: Stubborn())
    client.hang_up()
    assert client.error is None


def test_a_large_literal_goes_into_its_sink() -> None:
    client, session = with_session(limits=BIG)
    sink = Sink()
    session.sink = sink
    assert client.say(b"a APPEND x {12}\r\n").startswith(b"+ ")
    assert client.say(b"0123456") == b""
    assert client.say(b"78901\r\n") == b"a OK done\r\n"
    assert sink.octets == b"012345678901"
    assert session.log == [("APPEND", (sink,))]
    assert not sink.is_aborted


@pytest.mark.parametrize("error", [No("no room"), OSError("disk")], ids=["refused", "raises"])
def test_a_large_literal_that_is_refused(error: No | Exception) -> None:
    client, session = with_session(limits=BIG)
    session.sink = error
    expected = b"a NO no room\r\n" if isinstance(error, No) else SERVER_BUG
    assert client.say(b"a APPEND x {12}\r\n") == expected
    assert client.say(b"a APPEND x {12+}\r\n012345678901\r\nb NOOP\r\n") == expected + b"b OK done\r\n"


def test_a_sink_that_fails_fails_the_command() -> None:
    client, session = with_session(limits=BIG)
    sink = Sink(fails=True)
    session.sink = sink
    client.say(b"a APPEND x {12}\r\n")
    assert client.say(b"012345") == b""
    assert client.say(b"678901\r\n") == SERVER_BUG
    assert sink.is_aborted
    assert session.log == []
    session.sink = Sink()
    assert client.say(b"b APPEND x {12+}\r\n012345678901\r\n") == b"b OK done\r\n"


@pytest.mark.parametrize("end", [b"012345678901 nonsense\r\n", b"0123"], ids=["bad syntax", "hang up"])
def test_a_sink_whose_command_does_not_come_is_aborted(end: bytes) -> None:
    client, session = with_session(limits=BIG)
    sink = Sink()
    session.sink = sink
    client.say(b"a APPEND x {12}\r\n")
    client.say(end)
    client.hang_up()
    assert sink.is_aborted
    assert session.log == ["closed"]


def test_idle_pushes_when_woken() -> None:
    wake = Signal()
    client, session = with_session(wake=wake)
    assert client.say(b"a IDLE\r\n").startswith(b"+ ")
    assert session.wakes == [wake]
    assert session.log == ["push"]
    wake.set()
    client.wait()
    assert session.log == ["push", "push"]
    assert client.say(b"DONE\r\n") == b"a OK completed\r\n"
    assert session.wakes == [wake, None]
    assert session.log == ["push", "push"]


@pytest.mark.parametrize(("interval", "expected"), [(None, 30.0), (5.0, 5.0)])
def test_idle_without_a_signal_looks_now_and_then(interval: float | None, expected: float) -> None:
    client, session = with_session()
    session.poll_interval = interval
    client.say(b"a IDLE\r\n")
    assert isinstance(client.waits, Receive)
    assert client.waits.timeout == expected
    client.wait()
    assert session.log == ["push", "push"]


def test_a_push_that_fails_is_told_at_the_end() -> None:
    client, session = with_session()
    session.exists = -1
    client.say(b"a IDLE\r\n")
    client.wait()
    assert client.say(b"DONE\r\n") == SERVER_BUG
    assert client.say(b"b NOOP\r\n") == b"b OK done\r\n"


def test_idle_that_ends_otherwise() -> None:
    client, session = with_session()
    client.say(b"a IDLE\r\n")
    assert client.say(b"NOOP\r\n").startswith(b"a BAD ")
    client.say(b"a IDLE\r\n")
    client.hang_up()
    assert client.is_done
    assert session.log[-1] == "closed"


def test_pipelined_commands_are_answered_in_order() -> None:
    client, _ = with_session()
    answer = client.say(b"a CREATE x\r\nb CREATE y\r\nc LOGOUT\r\n")
    assert answer == b"a OK done\r\nb OK done\r\n* BYE logging out\r\nc OK completed\r\n"


def test_what_is_queued_stays_bounded() -> None:
    client, session = with_session(limits=IMAPLimits(max_unsent=1_000))

    def answer(conn: IMAPServerConnection) -> Flow[Status]:
        for count in range(1_000):
            conn.send(ExistsData(count))
            yield from flush_if_full(conn)
        return Ok("done")

    client.say(b"a SELECT x\r\n")
    session.answer = answer
    client.say(b"a NOOP\r\n")
    assert client.most_unsent < 1_100


def test_store_sessions_fit() -> None:
    store = MemoryStore()
    Plain(store).append(octets=MESSAGE)
    client = Client(store, sessions=lambda identity: _awaitable(StoreSession(store, clock=None)))  # type: ignore[arg-type]
    assert client.say(b"a EXAMINE INBOX\r\n").endswith(b"a OK [READ-ONLY] EXAMINE completed\r\n")


async def _awaitable(session: StoreSession) -> StoreSession:
    return session
