"""The server's end: one command at a time, literals it may refuse, states, EXPUNGE, TLS, login and IDLE."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mailproto._secret import Secret
from mailproto.errors import Defect, LimitExceeded, LocalProtocolError, RemoteProtocolError
from mailproto.imap.capability import Capabilities
from mailproto.imap.codes import PRIVACYREQUIRED, TOOBIG
from mailproto.imap.commands import (
    Append,
    Authenticate,
    Capability,
    Login,
    Noop,
    Search,
    Select,
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
from mailproto.imap.ext.idle import Idle
from mailproto.imap.fetch import FLAGS, UID, BodySection
from mailproto.imap.responses import (
    CapabilityData,
    ContinuationRequest,
    EnabledData,
    ExistsData,
    ExpungeData,
    FetchData,
    ListData,
    TaggedStatus,
)
from mailproto.imap.search import Text
from mailproto.imap.server import DEFAULT_CAPABILITIES, IMAPServerConnection
from mailproto.imap.state import State
from mailproto.imap.status import Bad, Bye, No, Ok, PreAuth
from mailproto.imap.values import Streamed
from mailproto.limits import IMAPLimits
from mailproto.wants import Wants
from support_imap import (
    complete,
    feed,
    greeted_server,
    logged_in_server,
    now,
    pull,
    selected_server,
    sent,
    server_events,
)

SMALL = IMAPLimits(max_inline_literal=10, max_append=1_000, max_discard=500)


def small_server() -> IMAPServerConnection:
    return logged_in_server(SMALL)


def answered(server: IMAPServerConnection, octets: bytes) -> bytes:
    """Return what the server sends for *octets*, each command completed."""
    server.receive_data(octets)
    while (event := server.next_event()) is not None:
        complete(server, event)
    return sent(server)


@pytest.mark.parametrize(
    "status, octets, state, wants",
    [
        (Ok("hi"), b"* OK hi\r\n", State.NOT_AUTHENTICATED, Wants.DATA),
        (PreAuth("hi"), b"* PREAUTH hi\r\n", State.AUTHENTICATED, Wants.DATA),
        (Bye("no"), b"* BYE no\r\n", State.LOGOUT, Wants.CLOSED),
    ],
)
def test_greeting(status: Ok | PreAuth | Bye, octets: bytes, state: State, wants: Wants) -> None:
    server = IMAPServerConnection()
    assert now(server.wants) is Wants.REPLY
    assert server.next_event() is None
    server.send_greeting(status)
    assert (sent(server), server.state, server.wants) == (octets, state, wants)
    with pytest.raises(LocalProtocolError):
        server.send_greeting(Ok())


def test_nothing_comes_before_the_greeting() -> None:
    server = IMAPServerConnection()
    with pytest.raises(LocalProtocolError):
        server.send(Ok())
    with pytest.raises(LocalProtocolError):
        server.complete("a", Ok())
    with pytest.raises(LocalProtocolError):
        server.send_greeting(No())  # type: ignore[arg-type]  # what a caller without types may do


def test_commands_come_one_at_a_time() -> None:
    server = greeted_server()
    assert feed(server, b"a NOOP\r\nb CAPABILITY\r\n") == [TaggedCommand("a", Noop())]
    assert now(server.wants) is Wants.REPLY
    assert server.command == TaggedCommand("a", Noop())
    server.complete("a", Ok("done"))
    assert sent(server) == b"a OK done\r\n"
    assert pull(server) == [TaggedCommand("b", Capability())]
    server.send(CapabilityData(server.capabilities))
    server.complete("b", Ok("done"))
    assert sent(server).startswith(b"* CAPABILITY IMAP4rev1 ")
    assert now(server.wants) is Wants.DATA


@pytest.mark.parametrize("tag, status", [("b", Ok()), ("A", Ok())])
def test_complete_needs_the_tag_in_progress(tag: str, status: Ok) -> None:
    server = greeted_server()
    with pytest.raises(LocalProtocolError):
        server.complete("a", status)
    feed(server, b"a NOOP\r\n")
    with pytest.raises(LocalProtocolError):
        server.complete(tag, status)
    assert (sent(server), server.wants) == (b"", Wants.REPLY)


@pytest.mark.parametrize(
    "octets, tag, status",
    [
        (b"a LOGIN x\r\n", "a", Bad),
        (b"a XYZZY\r\n", "a", Bad),
        (b"a FETCH 1 FLAGS\r\n", "a", Bad),
        (b"\r\n", "*", Bad),
        (b"a\r\n", "a", Bad),
        (b"+ NOOP\r\n", "*", Bad),
        (b"a NOOP \r\n", "a", Bad),
        (b"a LOGIN {5000}\r\n", "a", Bad),
        (b"a NOOP{3}\r\n", "a", Bad),
        (b"{3}\r\n", "*", Bad),
        (b"a LOGIN {99999999999999999999999999}\r\n", "a", Bad),
        (b"a AUTHENTICATE X\r\n", "a", No),
        (b"a STARTTLS\r\n", "a", Bad),
    ],
)
def test_bad_commands_are_events(octets: bytes, tag: str, status: type[Bad | No]) -> None:
    def make() -> IMAPServerConnection:
        return greeted_server(capabilities=("IMAP4rev1", "LITERAL+"))

    events = server_events(octets + b"z NOOP\r\n", make)
    assert len(events) == 2
    assert isinstance(events[0], InvalidCommand)
    assert (events[0].tag, type(events[0].status)) == (tag, status)
    assert events[1] == TaggedCommand("z", Noop())


def test_an_invalid_command_without_a_tag_is_answered_without_one() -> None:
    assert answered(greeted_server(), b"\r\n").startswith(b"* BAD expected a tag")


def test_too_many_bad_commands_end_the_session() -> None:
    server = greeted_server(IMAPLimits(max_bad_commands=2))
    octets = answered(server, b"a X\r\nb X\r\nc NOOP\r\n")
    assert octets == (b"a BAD unknown command\r\nb BAD unknown command\r\n* BYE too many bad commands\r\n")
    assert now(server.wants) is Wants.CLOSED


def test_errors_about_credentials_show_none() -> None:
    (event,) = server_events(b"a LOGIN fred s3cret oops\r\n", greeted_server)
    assert isinstance(event, InvalidCommand)
    assert "s3cret" not in repr(event)
    (event,) = server_events(b"a AUTHENTICATE PLAIN s3cret=oops\r\n", greeted_server)
    assert "s3cret" not in repr(event)


def test_defects_of_framing_stand_on_the_command() -> None:
    (event,) = server_events(b"a NOOP\n", greeted_server)
    assert isinstance(event, TaggedCommand)
    assert event.defects == (Defect("CRLF at the end of a line", 6, b"\n"),)
    server = greeted_server(strict=True)
    with pytest.raises(RemoteProtocolError):
        feed(server, b"a NOOP\n")
    assert sent(server).startswith(b"* BYE ")


# States.


def test_states_follow_the_answers() -> None:
    server = greeted_server()
    feed(server, b"a LOGIN u p\r\n")
    server.complete("a", No())
    assert now(server.state) is State.NOT_AUTHENTICATED
    feed(server, b"a LOGIN u p\r\n")
    server.complete("a", Ok())
    assert now(server.state) is State.AUTHENTICATED
    feed(server, b"b SELECT x\r\n")
    server.send(ExistsData(3))
    server.complete("b", Ok())
    assert now(server.state) is State.SELECTED
    feed(server, b"c SELECT y\r\n")
    server.complete("c", No())
    assert now(server.state) is State.AUTHENTICATED


def test_logout_needs_bye_before_its_ok() -> None:
    server = greeted_server()
    feed(server, b"a LOGOUT\r\n")
    with pytest.raises(LocalProtocolError):
        server.complete("a", Ok())
    server.send(Bye("see you"))
    server.complete("a", Ok("out"))
    assert sent(server) == b"* BYE see you\r\na OK out\r\n"
    assert now(server.wants) is Wants.CLOSED
    with pytest.raises(LocalProtocolError):
        server.send(Ok())


def test_bye_ends_the_session_at_any_time() -> None:
    server = greeted_server()
    feed(server, b"a NOOP\r\n")
    server.send(Bye("overload"))
    assert (server.wants, server.state, server.command) == (Wants.CLOSED, State.LOGOUT, None)
    assert feed(server, b"b NOOP\r\n") == []
    assert server.buffered == 0


# EXPUNGE.


@pytest.mark.parametrize(
    "command, may_expunge",
    [
        (b"NOOP", True),
        (b"CHECK", True),
        (b"EXPUNGE", True),
        (b"UID FETCH 1 FLAGS", True),
        (b"UID STORE 1 FLAGS ()", True),
        (b"UID SEARCH ALL", True),
        (b"COPY 1 x", True),
        (b"FETCH 1 FLAGS", False),
        (b"STORE 1 FLAGS ()", False),
        (b"SEARCH ALL", False),
        (b"CLOSE", False),
        (b"SELECT x", False),
    ],
)
def test_when_expunge_may_be_sent(command: bytes, may_expunge: bool) -> None:
    server = selected_server()
    assert not now(server.may_expunge)
    with pytest.raises(LocalProtocolError):
        server.send(ExpungeData(1))
    feed(server, b"a " + command + b"\r\n")
    assert server.may_expunge is may_expunge
    if may_expunge:
        server.send(ExpungeData(1))
        assert sent(server) == b"* 1 EXPUNGE\r\n"
    else:
        with pytest.raises(LocalProtocolError):
            server.send(ExpungeData(1))


def test_no_expunge_while_a_command_is_still_coming() -> None:
    server = selected_server(SMALL)
    feed(server, b"a APPEND x {20}\r\n")
    assert not now(server.may_expunge)


def test_expunge_is_sent_during_idle() -> None:
    server = selected_server()
    feed(server, b"a IDLE\r\n")
    server.accept_idle()
    server.send(ExpungeData(2))
    assert sent(server) == b"+ idling\r\n* 2 EXPUNGE\r\n"


def test_mailbox_data_needs_a_mailbox() -> None:
    server = logged_in_server()
    with pytest.raises(LocalProtocolError):
        server.send(ExistsData(1))
    feed(server, b"a SELECT x\r\n")
    server.send(ExistsData(1))
    server.send(ListData(frozenset(), "/", "x"))


@pytest.mark.parametrize("response", [TaggedStatus("a", Ok()), ContinuationRequest("x")])
def test_send_is_for_untagged_responses(response: TaggedStatus | ContinuationRequest) -> None:
    server = greeted_server()
    with pytest.raises(LocalProtocolError):
        server.send(response)


def test_untagged_data_may_come_between_commands() -> None:
    server = selected_server()
    server.send(ExistsData(5))
    assert sent(server) == b"* 5 EXISTS\r\n"


# Literals.


def test_small_literals_are_taken() -> None:
    octets = b"a LOGIN {4}\r\nfred {4+}\r\npass\r\n"
    assert server_events(octets, greeted_server) == [TaggedCommand("a", Login("fred", Secret("pass")))]
    server = greeted_server()
    feed(server, b"a LOGIN {4}\r\n")
    assert sent(server) == b"+ go ahead\r\n"
    feed(server, b"fred {4+}\r\n")
    assert sent(server) == b""


@pytest.mark.parametrize(
    "octets, status",
    [
        (b"a LOGIN {4000000000}\r\n", Bad("a literal of this size only after login", TOOBIG)),
        (b"a APPEND x {10}\r\n", Bad("APPEND is not legal in the state 'not authenticated'")),
    ],
)
def test_a_literal_is_refused_before_an_octet_is_buffered(octets: bytes, status: Bad) -> None:
    server = greeted_server()
    (event,) = feed(server, octets)
    assert isinstance(event, InvalidCommand)
    assert event.status == status
    server.complete("a", event.status)
    assert feed(server, b"b NOOP\r\n") == [TaggedCommand("b", Noop())]


def test_a_huge_non_synchronizing_literal_ends_the_session() -> None:
    server = greeted_server()
    with pytest.raises(LimitExceeded):
        feed(server, b"a LOGIN {4000000000+}\r\n")
    assert sent(server) == b"* BYE [TOOBIG] max_discard: 4000000000 is more than 1048576\r\n"
    assert now(server.wants) is Wants.CLOSED


def test_a_refused_non_synchronizing_literal_is_dropped_with_its_command() -> None:
    octets = b"a LOGIN {5000+}\r\n" + b"z NOOP\r\n" * 625 + b" {3+}\r\nabc x\r\nb NOOP\r\n"
    events = server_events(octets, greeted_server)
    assert [type(event) for event in events] == [InvalidCommand, TaggedCommand]
    assert events[1] == TaggedCommand("b", Noop())


@pytest.mark.parametrize(
    "capabilities, octets, status",
    [
        (("IMAP4rev1",), b"{3+}\r\nabc", Bad("non-synchronizing literals are not offered")),
        (
            ("IMAP4rev1", "LITERAL-"),
            b"{4097+}\r\n" + bytes(4_097),
            Bad("expected a non-synchronizing literal of at most 4096 octets", TOOBIG),
        ),
    ],
)
def test_non_synchronizing_literals_as_offered(
    capabilities: tuple[str, ...], octets: bytes, status: Bad
) -> None:
    server = logged_in_server(capabilities=capabilities)
    (event,) = feed(server, b"a CREATE " + octets)
    assert isinstance(event, InvalidCommand)
    assert event.status == status
    server.complete("a", event.status)
    assert feed(server, b"\r\nb NOOP\r\n") == [TaggedCommand("b", Noop())]


def test_a_literal_too_large_to_keep_is_refused() -> None:
    server = small_server()
    (event,) = feed(server, b"a CREATE {11}\r\n")
    assert isinstance(event, InvalidCommand)
    assert event.status == Bad("a literal of 11 octets is too large here", TOOBIG)


def test_literals_that_are_too_many_are_refused() -> None:
    server = logged_in_server(IMAPLimits(max_literals=1))
    (event,) = feed(server, b"a RENAME {1}\r\na {1}\r\n")
    assert isinstance(event, InvalidCommand)
    assert event.status == Bad("too many or too large literals", TOOBIG)


def test_a_small_append_comes_whole() -> None:
    assert server_events(b"a APPEND x (\\Seen) {3+}\r\nabc\r\n", small_server) == [
        TaggedCommand("a", Append("x", b"abc", frozenset({"\\Seen"})))
    ]


def test_a_large_append_is_offered() -> None:
    octets = b"a APPEND {3}\r\nbox (\\Seen) {12}\r\nhello world!\r\n"
    head = Append("box", Streamed(12), frozenset({"\\Seen"}))
    assert server_events(octets, small_server) == [
        LiteralOffered("a", head, 0, 12, True),
        LiteralData(b"hello world!"),
        LiteralEnded(12),
        TaggedCommand("a", head),
    ]


def test_accepting_sends_the_consent_and_gives_the_received_object() -> None:
    server = small_server()
    feed(server, b"a APPEND x {12}\r\n")
    assert (server.wants, sent(server)) == (Wants.REPLY, b"")
    server.accept_literal()
    assert (server.wants, sent(server)) == (Wants.DATA, b"+ go ahead\r\n")
    chunk = b"hello"
    (data,) = feed(server, chunk)
    assert isinstance(data, LiteralData)
    assert data.data is chunk
    server = small_server()
    feed(server, b"a APPEND x {12+}\r\n")
    server.accept_literal()
    assert sent(server) == b""


def test_rejecting_a_synchronizing_literal() -> None:
    server = small_server()
    feed(server, b"a APPEND x {12}\r\n")
    server.reject(No("full"))
    assert sent(server) == b"a NO full\r\n"
    assert feed(server, b"b NOOP\r\n") == [TaggedCommand("b", Noop())]


def test_rejecting_a_literal_that_comes_anyway() -> None:
    server = small_server()
    feed(server, b"a APPEND x {12+}\r\n")
    server.reject(No("full"))
    assert sent(server) == b"a NO full\r\n"
    assert feed(server, b"z NOOP\r\n5678\r\nb NOOP\r\n") == [TaggedCommand("b", Noop())]


def test_rejecting_more_than_is_read_ends_the_session() -> None:
    server = small_server()
    feed(server, b"a APPEND x {501+}\r\n")
    server.reject(No("full"))
    assert sent(server) == b"a NO full\r\n* BYE [TOOBIG] too large to be skipped\r\n"
    assert now(server.wants) is Wants.CLOSED


def test_a_message_above_the_limit_is_not_offered() -> None:
    server = small_server()
    (event,) = feed(server, b"a APPEND x {1001}\r\n")
    assert isinstance(event, InvalidCommand)
    assert event.status == No("expected a message of at most 1000 octets", TOOBIG)


def test_literals_are_answered_only_when_offered() -> None:
    server = small_server()
    for refused in (server.accept_literal, lambda: server.reject(No())):
        with pytest.raises(LocalProtocolError):
            refused()
    feed(server, b"a APPEND x {12}\r\n")
    with pytest.raises(LocalProtocolError):
        server.reject(Ok())  # type: ignore[arg-type]  # what a caller without types may do
    with pytest.raises(LocalProtocolError):
        server.complete("a", Ok())
    server.accept_literal()


def test_a_quoted_mark_announces_nothing() -> None:
    (event,) = server_events(b'a SEARCH TEXT "{5}"\r\n', selected_server)
    assert event == TaggedCommand("a", Search(Text("{5}")))


# Streamed responses.


def test_a_streamed_body() -> None:
    server = selected_server()
    feed(server, b"a FETCH 1 BODY[]\r\n")
    server.send(FetchData(1, UID.answer(9), BodySection().answer(Streamed(6))))
    assert sent(server) == b"* 1 FETCH (UID 9 BODY[] {6}\r\n"
    assert (server.wants, server.literal_owed) == (Wants.BODY, 6)
    with pytest.raises(LocalProtocolError):
        server.send(Ok())
    with pytest.raises(LocalProtocolError):
        server.complete("a", Ok())
    with pytest.raises(LocalProtocolError):
        server.send_literal(b"1234567")
    chunk = b"abc"
    server.send_literal(chunk)
    assert server.data_to_send()[0] is chunk
    server.send_literal(b"def")
    assert sent(server) == b"def)\r\n"
    assert now(server.wants) is Wants.REPLY
    server.send(FetchData(2, FLAGS.answer(frozenset())))
    server.complete("a", Ok("x"))
    assert sent(server) == b"* 2 FETCH (FLAGS ())\r\na OK x\r\n"


def test_abort_does_not_finish_a_body() -> None:
    server = selected_server()
    feed(server, b"a FETCH 1 BODY[]\r\n")
    server.send(FetchData(1, BodySection().answer(Streamed(6))))
    sent(server)
    server.send_literal(b"ab")
    server.abort()
    assert (sent(server), server.wants) == (b"ab", Wants.CLOSED)
    with pytest.raises(LocalProtocolError):
        server.send_literal(b"c")


# Capabilities, TLS and login.


def test_what_is_offered_changes_with_tls_and_login() -> None:
    all_names = ("IMAP4rev1", "STARTTLS", "AUTH=PLAIN", "AUTH=SCRAM-SHA-256", "SASL-IR", "IDLE")
    server = IMAPServerConnection(capabilities=all_names)
    server.send_greeting(Ok())
    assert server.capabilities == Capabilities(
        ["IMAP4rev1", "STARTTLS", "AUTH=SCRAM-SHA-256", "SASL-IR", "IDLE", "LOGINDISABLED"]
    )
    (event,) = feed(server, b"a LOGIN u p\r\n")
    assert isinstance(event, InvalidCommand)
    assert event.status == No("LOGIN needs TLS", PRIVACYREQUIRED)
    server.complete("a", event.status)
    (event,) = feed(server, b"a AUTHENTICATE PLAIN\r\n")
    assert isinstance(event, InvalidCommand)
    assert event.status == No("this mechanism needs TLS", PRIVACYREQUIRED)
    server.complete("a", event.status)
    feed(server, b"b STARTTLS\r\n")
    server.complete("b", Ok())
    server.tls_started()
    assert server.capabilities == Capabilities(
        ["IMAP4rev1", "AUTH=PLAIN", "AUTH=SCRAM-SHA-256", "SASL-IR", "IDLE"]
    )
    feed(server, b"c LOGIN u p\r\n")
    server.complete("c", Ok())
    assert server.capabilities == Capabilities(["IMAP4rev1", "IDLE", "APPENDLIMIT=52428800"])
    server.set_capabilities(["IMAP4rev1", "X"])
    assert server.capabilities == Capabilities(["IMAP4rev1", "X", "APPENDLIMIT=52428800"])


def test_starttls_drops_and_counts_what_came_in_the_clear() -> None:
    server = greeted_server()
    assert feed(server, b"a STARTTLS\r\nb NOOP\r\nc NO") == [TaggedCommand("a", StartTLS())]
    server.complete("a", Ok("go"))
    assert (server.wants, server.discarded) == (Wants.TLS, 12)
    server.receive_data(b"OP\r\n")
    assert (server.next_event(), server.discarded, server.buffered) == (None, 16, 0)
    with pytest.raises(LocalProtocolError):
        server.send(Ok())
    server.tls_started()
    assert server.is_tls
    assert feed(server, b"d NOOP\r\n") == [TaggedCommand("d", Noop())]


def test_starttls_can_be_refused() -> None:
    server = greeted_server()
    feed(server, b"a STARTTLS\r\nb NOOP\r\n")
    server.complete("a", No())
    assert pull(server) == [TaggedCommand("b", Noop())]


def test_the_handshake_has_its_time() -> None:
    server = IMAPServerConnection()
    server.tls_started()
    assert server.is_tls
    with pytest.raises(LocalProtocolError):
        server.tls_started()
    server.send_greeting(Ok())
    with pytest.raises(LocalProtocolError):
        server.tls_started()


def authenticating_server() -> IMAPServerConnection:
    return greeted_server(capabilities=(*DEFAULT_CAPABILITIES, "AUTH=PLAIN"))


def test_authenticate() -> None:
    server = authenticating_server()
    assert feed(server, b"a AUTHENTICATE PLAIN\r\n") == [TaggedCommand("a", Authenticate("PLAIN"))]
    server.challenge(b"")
    assert sent(server) == b"+ \r\n"
    assert now(server.wants) is Wants.DATA
    assert feed(server, b"AHUAcA==\r\n") == [SASLResponse("a", Secret(b"\0u\0p"))]
    server.challenge(b"more")
    assert sent(server) == b"+ bW9yZQ==\r\n"
    assert feed(server, b"\r\n") == [SASLResponse("a", Secret(b""))]
    server.complete("a", Ok("in"))
    assert (sent(server), server.state) == (b"a OK in\r\n", State.AUTHENTICATED)


@pytest.mark.parametrize("octets, data", [(b"=", b""), (b"dQ==", b"u")])
def test_an_initial_response(octets: bytes, data: bytes) -> None:
    events = server_events(b"a AUTHENTICATE PLAIN " + octets + b"\r\n", authenticating_server)
    assert events == [TaggedCommand("a", Authenticate("PLAIN", Secret(data)))]
    server = greeted_server(capabilities=("IMAP4rev1", "AUTH=PLAIN"))
    (event,) = feed(server, b"a AUTHENTICATE PLAIN dQ==\r\n")
    assert isinstance(event, InvalidCommand)


def test_authenticate_cancelled_or_malformed() -> None:
    server = authenticating_server()
    feed(server, b"a AUTHENTICATE PLAIN\r\n")
    server.challenge(b"")
    assert feed(server, b"*\r\n") == [SASLResponse("a", None)]
    server.complete("a", Bad("cancelled"))
    feed(server, b"b AUTHENTICATE PLAIN\r\n")
    server.challenge(b"")
    (event,) = feed(server, b"not base64!\r\n")
    assert event == InvalidCommand(tag="b", status=Bad("expected base64"), excerpt=b"")
    with pytest.raises(LocalProtocolError):
        server.challenge(b"")
    server.complete("b", Bad())
    assert now(server.state) is State.NOT_AUTHENTICATED


def test_a_challenge_needs_authenticate() -> None:
    server = authenticating_server()
    with pytest.raises(LocalProtocolError):
        server.challenge(b"")
    feed(server, b"a NOOP\r\n")
    with pytest.raises(LocalProtocolError):
        server.challenge(b"")
    with pytest.raises(LocalProtocolError):
        server.accept_idle()


# IDLE.


def test_idle() -> None:
    server = selected_server()
    assert feed(server, b"a IDLE\r\n") == [TaggedCommand("a", Idle())]
    server.accept_idle()
    assert (server.wants, sent(server)) == (Wants.DATA, b"+ idling\r\n")
    assert server.next_event() is None
    server.send(ExistsData(4))
    with pytest.raises(LocalProtocolError):
        server.complete("a", Ok())
    assert feed(server, b"done\r\n") == [IdleDone("a")]
    server.complete("a", Ok("done"))
    assert sent(server) == b"* 4 EXISTS\r\na OK done\r\n"


def test_another_line_than_done_ends_idle() -> None:
    server = selected_server()
    feed(server, b"a IDLE\r\n")
    server.accept_idle()
    (event,) = feed(server, b"b NOOP\r\n")
    assert event == InvalidCommand(tag="a", status=Bad("expected DONE"), excerpt=b"b NOOP")
    server.complete("a", Bad())


def test_enabled_is_what_was_said_to_be() -> None:
    server = logged_in_server()
    feed(server, b"a ENABLE CONDSTORE X\r\n")
    server.send(EnabledData(["CONDSTORE"]))
    server.complete("a", Ok())
    assert server.enabled == {"CONDSTORE"}


# Ends, time, trace.


@pytest.mark.parametrize(
    "octets, is_clean", [(b"", True), (b"a NO", False), (b"a APPEND x {20}\r\nab", False)]
)
def test_eof(octets: bytes, is_clean: bool) -> None:
    server = small_server()
    for event in feed(server, octets):
        complete(server, event)
    pull(server)
    server.receive_eof()
    assert pull(server) == [ConnectionLost(is_clean)]
    assert (server.wants, server.next_event()) == (Wants.CLOSED, None)


def test_answers_are_still_sent_after_eof() -> None:
    server = greeted_server()
    server.receive_data(b"a NOOP\r\n")
    server.receive_eof()
    assert pull(server) == [TaggedCommand("a", Noop())]
    server.complete("a", Ok("x"))
    assert sent(server) == b"a OK x\r\n"
    assert pull(server) == [ConnectionLost(True)]


def test_eof_during_authenticate_is_not_clean() -> None:
    server = authenticating_server()
    feed(server, b"a AUTHENTICATE PLAIN\r\n")
    server.challenge(b"")
    server.receive_eof()
    assert pull(server) == [ConnectionLost(False)]


@pytest.mark.parametrize(
    "make, timeout",
    [(greeted_server, 180.0), (logged_in_server, 1_800.0), (selected_server, 1_800.0)],
)
def test_timeouts(make: Callable[[], IMAPServerConnection], timeout: float) -> None:
    server = make()
    assert server.timeout == timeout
    feed(server, b"a NOOP\r\n")
    assert server.timeout is None


def test_slow_octets_of_a_literal_do_not_restart_the_clock() -> None:
    server = logged_in_server(IMAPLimits(max_inline_literal=10, min_body_progress=100))
    feed(server, b"a APPEND x {200}\r\n")
    server.accept_literal()
    before = server.progress
    for _ in range(99):
        feed(server, b"x")
    assert server.progress == before
    feed(server, b"x")
    assert server.progress == before + 1


def test_the_trace_hides_secrets() -> None:
    server = authenticating_server()
    shown: list[bytes] = []
    server.trace = lambda direction, octets: shown.append(octets)
    answered(server, b"a LOGIN fred s3cret\r\n")
    server = authenticating_server()
    server.trace = lambda direction, octets: shown.append(octets)
    answered(server, b"b LOGIN {4}\r\nfred {6+}\r\ns3cret\r\n")
    server = authenticating_server()
    server.trace = lambda direction, octets: shown.append(octets)
    feed(server, b"c AUTHENTICATE PLAIN czNjcmV0\r\n")
    server.challenge(b"s3cret")
    feed(server, b"czNjcmV0\r\n")
    server.complete("c", Ok())
    dialogue = b"".join(shown)
    assert b"s3cret" not in dialogue
    assert b"czNj" not in dialogue
    assert b"fred" not in dialogue
    assert b"c AUTHENTICATE PLAIN ***\r\n+ ***\r\n***\r\nc OK completed\r\n" in dialogue


def test_unchecked_octets_pass_as_they_are() -> None:
    server = greeted_server()
    server.send_unchecked(b"* 1 EXPUNGE\n")
    assert sent(server) == b"* 1 EXPUNGE\n"


def test_limits_that_a_driver_needs() -> None:
    server = IMAPServerConnection(IMAPLimits(max_buffered=1_000, max_inline_literal=70_000, max_unsent=5))
    assert (server.max_buffered, server.max_unsent) == (70_000, 5)


def test_rev2_has_the_extensions_that_it_took_in() -> None:
    server = logged_in_server(capabilities=("IMAP4rev2",))
    assert feed(server, b"a IDLE\r\n") == [TaggedCommand("a", Idle())]
    server = logged_in_server(capabilities=("IMAP4rev1",))
    (event,) = feed(server, b"a IDLE\r\n")
    assert isinstance(event, InvalidCommand)
    assert event.status == Bad("IDLE is not offered now")


def test_select_is_what_was_parsed() -> None:
    assert server_events(b"a SELECT inbox\r\n") == [TaggedCommand("a", Select("INBOX"))]
