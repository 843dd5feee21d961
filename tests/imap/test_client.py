"""The client's end: greeting, gates, capabilities, states, the view, and what a server may break."""

from __future__ import annotations

import pytest

from mailproto._secret import Secret
from mailproto.errors import Defect, LimitExceeded, LocalProtocolError, RemoteProtocolError
from mailproto.imap.capability import Capabilities
from mailproto.imap.client import IMAPClientConnection
from mailproto.imap.codes import (
    CLOSED,
    CapabilityCode,
    PermanentFlagsCode,
    UIDNextCode,
    UIDValidityCode,
    UnseenCode,
)
from mailproto.imap.commands import (
    Append,
    Authenticate,
    Capability,
    Close,
    Command,
    Create,
    Examine,
    Expunge,
    Fetch,
    Login,
    Logout,
    Noop,
    Search,
    Select,
    StartTLS,
    UIDFetch,
    UnknownCommand,
)
from mailproto.imap.events import (
    CommandCompleted,
    ConnectionLost,
    ContinuationRequested,
    LiteralData,
    LiteralEnded,
    LiteralStarted,
    LiteralWanted,
    Unchecked,
)
from mailproto.imap.ext.enable import Enable
from mailproto.imap.ext.idle import Idle
from mailproto.imap.fetch import FLAGS, RFC822, UID, BodySection
from mailproto.imap.responses import (
    CapabilityData,
    ExistsData,
    ExpungeData,
    FetchData,
    FlagsData,
    ListData,
    RecentData,
    SearchData,
    UnknownData,
    UnreadResponse,
)
from mailproto.imap.search import All
from mailproto.imap.sequence import SequenceSet, UIDSet
from mailproto.imap.state import State
from mailproto.imap.status import Bad, Bye, No, Ok, PreAuth
from mailproto.imap.values import Omitted, Streamed
from mailproto.limits import IMAPLimits
from mailproto.wants import Wants
from support_imap import (
    client_events,
    feed,
    greeted_client,
    logged_in_client,
    now,
    pull,
    selected_client,
    sent,
)

LOGIN = Login("fred", Secret("x y"))
LINES = UnknownCommand("X", (b"a\r\nb",))
SMALL = IMAPLimits(max_inline_literal=10)


def completed(tag: str, command: Command | Unchecked, status: Ok | No | Bad) -> CommandCompleted:
    return CommandCompleted(tag=tag, command=command, status=status)


@pytest.mark.parametrize(
    "octets, status, state",
    [
        (b"* OK hello\r\n", Ok("hello"), State.NOT_AUTHENTICATED),
        (b"* PREAUTH hello\r\n", PreAuth("hello"), State.AUTHENTICATED),
        (b"* BYE too many\r\n", Bye("too many"), State.LOGOUT),
    ],
)
def test_greeting(octets: bytes, status: Ok | PreAuth | Bye, state: State) -> None:
    assert client_events(octets, IMAPClientConnection) == [status]
    client = greeted_client(octets)
    assert (client.greeting, client.state, client.next_state) == (status, state, state)
    assert now(client.wants) is (Wants.CLOSED if state is State.LOGOUT else Wants.DATA)


@pytest.mark.parametrize(
    "octets", [b"* BAD no\r\n", b"* 3 EXISTS\r\n", b"+ go\r\n", b"a OK\r\n", b"SSH-2.0\r\n"]
)
def test_what_is_no_greeting_ends_the_connection(octets: bytes) -> None:
    client = IMAPClientConnection()
    client.receive_data(octets)
    with pytest.raises(RemoteProtocolError) as first:
        client.next_event()
    with pytest.raises(RemoteProtocolError) as second:
        client.next_event()
    assert second.value is first.value
    assert now(client.wants) is Wants.CLOSED


def test_nothing_is_sent_before_the_greeting() -> None:
    with pytest.raises(LocalProtocolError):
        IMAPClientConnection().send_command(Noop())


def test_a_command_and_its_answer() -> None:
    client = greeted_client()
    command = Noop()
    assert client.send_command(command) == "A1"
    assert sent(client) == b"A1 NOOP\r\n"
    assert now(client.pending) == ("A1",)
    events = feed(client, b"* 3 EXISTS\r\nA1 OK done\r\n")
    assert events == [ExistsData(3), completed("A1", command, Ok("done"))]
    assert isinstance(events[1], CommandCompleted)
    assert events[1].command is command
    assert client.pending == ()


def test_tags_are_routed_in_any_order() -> None:
    client = logged_in_client()
    first, second = client.send_command(Create("a")), client.send_command(Create("b"))
    events = feed(client, f"{second} NO x\r\n{first} OK y\r\n".encode())
    assert events == [completed(second, Create("b"), No("x")), completed(first, Create("a"), Ok("y"))]


def test_a_generated_tag_avoids_those_in_use() -> None:
    client = logged_in_client()
    client.send_command(Noop(), "A2")
    client.send_command(Create("a"), "A3")
    assert client.send_command(Noop()) == "A4"
    with pytest.raises(LocalProtocolError):
        client.send_command(Noop(), "A4")
    with pytest.raises(LocalProtocolError):
        client.send_command(Noop(), "a b")


# State checks.


@pytest.mark.parametrize(
    "command",
    [
        Select("x"),
        Fetch(SequenceSet("1"), (FLAGS,)),
        Idle(),
        Append("x", b"m"),
        Enable(Capabilities(["X"])),
    ],
)
def test_commands_that_need_a_login(command: Command) -> None:
    client = greeted_client()
    with pytest.raises(LocalProtocolError, match="not legal"):
        client.send_command(command)
    assert (sent(client), client.pending, client.unsent) == (b"", (), 0)


def test_checks_are_against_the_state_that_will_hold() -> None:
    client = greeted_client()
    login = client.send_command(LOGIN)
    select = client.send_command(Select("INBOX"))
    assert now(client.next_state) is State.SELECTED
    fetch = client.send_command(UIDFetch(UIDSet("1:5"), (FLAGS,)))
    with pytest.raises(LocalProtocolError):
        client.send_command(StartTLS())
    assert feed(client, f"{login} NO wrong\r\n".encode())[0] == completed(login, LOGIN, No("wrong"))
    assert now(client.state) is State.NOT_AUTHENTICATED
    assert now(client.next_state) is State.SELECTED
    events = feed(client, f"{select} BAD no\r\n{fetch} BAD no\r\n".encode())
    assert [type(event) for event in events] == [CommandCompleted, CommandCompleted]
    assert now(client.next_state) is State.NOT_AUTHENTICATED


def test_a_select_that_fails_leaves_nothing_selected() -> None:
    client = selected_client()
    tag = client.send_command(Select("gone"))
    feed(client, f"{tag} NO none\r\n".encode())
    assert (client.state, client.view) == (State.AUTHENTICATED, None)


def test_a_select_answered_by_bad_changes_nothing() -> None:
    client = selected_client()
    tag = client.send_command(Select("x"))
    feed(client, f"{tag} BAD what\r\n".encode())
    assert now(client.state) is State.SELECTED
    assert client.view is not None
    assert client.view.mailbox == "INBOX"


def test_nothing_follows_logout() -> None:
    client = logged_in_client()
    tag = client.send_command(Logout())
    with pytest.raises(LocalProtocolError):
        client.send_command(Noop())
    assert feed(client, b"* BYE see you\r\n") == [Bye("see you")]
    assert now(client.wants) is Wants.DATA
    feed(client, f"{tag} OK out\r\n".encode())
    assert now(client.wants) is Wants.CLOSED
    client.receive_eof()
    assert pull(client) == [ConnectionLost(True)]


def test_bye_comes_at_any_time() -> None:
    client = logged_in_client()
    client.send_command(Noop())
    assert feed(client, b"* BYE shutting down\r\n") == [Bye("shutting down")]
    assert (client.state, client.wants) == (State.LOGOUT, Wants.CLOSED)
    with pytest.raises(LocalProtocolError):
        client.send_command(Noop())


def test_pending_commands_are_limited() -> None:
    client = logged_in_client(limits=IMAPLimits(max_pending=1))
    client.send_command(Noop())
    with pytest.raises(LocalProtocolError):
        client.send_command(Noop())


# Section 5.5.


def test_sequence_numbers_do_not_pass_a_command_that_lets_the_server_expunge() -> None:
    client = selected_client()
    client.send_command(Noop())
    fetch = Fetch(SequenceSet("1"), (FLAGS,))
    assert client.conflict(fetch) is not None
    with pytest.raises(LocalProtocolError, match="NOOP"):
        client.send_command(fetch)
    client.send_command(UIDFetch(UIDSet("1"), (FLAGS,)))


def test_answers_that_could_not_be_told_apart_wait() -> None:
    client = selected_client()
    client.send_command(Search(All()))
    with pytest.raises(LocalProtocolError, match="told"):
        client.send_command(Search(All()))


# Capabilities.


def test_capabilities_come_from_greeting_codes_and_data() -> None:
    client = greeted_client()
    assert client.capabilities is None
    assert feed(client, b"* OK [CAPABILITY IMAP4rev1 IDLE] x\r\n") == [
        Ok("x", CapabilityCode(Capabilities(["IMAP4REV1", "IDLE"])))
    ]
    assert client.capabilities == Capabilities(["IMAP4REV1", "IDLE"])
    assert feed(client, b"* CAPABILITY IMAP4rev1 ID\r\n") == [CapabilityData(["IMAP4REV1", "ID"])]
    assert client.capabilities == Capabilities(["IMAP4REV1", "ID"])
    client = greeted_client(b"* OK [CAPABILITY IMAP4rev1 X] x\r\n")
    assert client.capabilities == Capabilities(["IMAP4REV1", "X"])


@pytest.mark.parametrize("answer, known", [(b"OK", None), (b"OK [CAPABILITY A]", Capabilities(["A"]))])
def test_a_login_forgets_capabilities_unless_it_says_new_ones(
    answer: bytes, known: Capabilities | None
) -> None:
    client = greeted_client(b"* OK [CAPABILITY IMAP4rev1] x\r\n")
    client.send_command(LOGIN, "a")
    feed(client, b"a " + answer + b" done\r\n")
    assert client.capabilities == known


def test_a_failed_login_keeps_capabilities() -> None:
    client = greeted_client(b"* OK [CAPABILITY IMAP4rev1] x\r\n")
    client.send_command(LOGIN, "a")
    feed(client, b"a NO done\r\n")
    assert client.capabilities == Capabilities(["IMAP4REV1"])


def test_login_under_logindisabled_is_refused_here() -> None:
    client = greeted_client(b"* OK [CAPABILITY IMAP4rev1 LOGINDISABLED] x\r\n")
    with pytest.raises(LocalProtocolError):
        client.send_command(LOGIN)
    assert sent(client) == b""


def test_enabled_is_remembered() -> None:
    client = logged_in_client()
    client.send_command(Enable(Capabilities(["CONDSTORE"])), "a")
    feed(client, b"* ENABLED CONDSTORE\r\na OK x\r\n")
    assert client.enabled == {"CONDSTORE"}


# Gates.


def test_a_literal_waits_for_consent_and_so_do_later_commands() -> None:
    client = logged_in_client()
    client.send_command(LINES, "a")
    client.send_command(Noop(), "b")
    assert sent(client) == b"a X {4}\r\n"
    assert feed(client, b"+ go\r\n") == []
    assert sent(client) == b"a\r\nb\r\nb NOOP\r\n"


def test_a_refusal_at_a_closed_gate_drops_the_rest_of_the_command() -> None:
    client = logged_in_client()
    client.send_command(LINES, "a")
    client.send_command(Noop(), "b")
    sent(client)
    assert feed(client, b"a NO too long\r\n") == [completed("a", LINES, No("too long"))]
    assert sent(client) == b"b NOOP\r\n"


def test_a_command_has_as_many_gates_as_literals() -> None:
    client = greeted_client()
    client.send_command(Login("a\r\n", Secret("b\r\n")), "a")
    assert sent(client) == b"a LOGIN {3}\r\n"
    feed(client, b"+ \r\n")
    assert sent(client) == b"a\r\n {3}\r\n"
    feed(client, b"+ \r\n")
    assert sent(client) == b"b\r\n\r\n"


@pytest.mark.parametrize(
    "capability, size, octets",
    [
        ("LITERAL+", 5_000, b"a X {5000+}\r\n"),
        ("LITERAL-", 4_096, b"a X {4096+}\r\n"),
        ("LITERAL-", 4_097, b"a X {4097}\r\n"),
        ("IDLE", 2_000, b"a X {2000}\r\n"),
    ],
)
def test_non_synchronizing_literals(capability: str, size: int, octets: bytes) -> None:
    client = logged_in_client(f"IMAP4rev1 {capability}")
    client.send_command(UnknownCommand("X", (b"x" * size,)), "a")
    assert sent(client) == (octets + b"x" * size + b"\r\n" if b"+" in octets else octets)


def test_an_append_above_max_nonsync_keeps_its_gate() -> None:
    client = logged_in_client("IMAP4rev1 LITERAL+")
    client.send_command(Append("x", b"m" * 4_096), "a")
    assert sent(client).startswith(b"a APPEND x {4096+}\r\nm")
    client.send_command(Append("x", b"m" * 4_097), "b")
    assert sent(client) == b"b APPEND x {4097}\r\n"


def test_capabilities_count_as_advertised_when_the_command_is_queued() -> None:
    client = logged_in_client("IMAP4rev1 LITERAL+")
    feed(client, b"* CAPABILITY IMAP4rev1\r\n")
    client.send_command(LINES, "a")
    assert sent(client) == b"a X {4}\r\n"


# Streamed literals.


def test_a_streamed_literal() -> None:
    client = logged_in_client()
    client.send_command(Append("x", Streamed(6)), "a")
    client.send_command(Noop(), "b")
    assert sent(client) == b"a APPEND x {6}\r\n"
    assert now(client.wants) is Wants.DATA
    assert feed(client, b"+ go\r\n") == [LiteralWanted("a", 0, 6)]
    assert (client.wants, client.literal_owed) == (Wants.BODY, 6)
    chunk = b"abcd"
    client.send_literal(chunk)
    drained = client.data_to_send()
    assert drained[0] is chunk
    assert feed(client, b"* 1 RECENT\r\n") == [RecentData(1)]
    client.send_literal(b"ef")
    assert sent(client) == b"ef\r\nb NOOP\r\n"
    assert now(client.wants) is Wants.DATA


def test_a_streamed_literal_without_a_gate_is_wanted_at_once() -> None:
    client = logged_in_client("IMAP4rev1 LITERAL+")
    client.send_command(Append("x", Streamed(2)), "a")
    assert sent(client) == b"a APPEND x {2+}\r\n"
    assert pull(client) == [LiteralWanted("a", 0, 2)]
    client.send_literal(b"ab")
    assert sent(client) == b"ab\r\n"


def test_an_empty_streamed_literal_owes_nothing() -> None:
    client = logged_in_client("IMAP4rev1 LITERAL+")
    client.send_command(Append("x", Streamed(0)), "a")
    assert sent(client) == b"a APPEND x {0+}\r\n\r\n"
    assert pull(client) == [LiteralWanted("a", 0, 0)]


def owing_client() -> IMAPClientConnection:
    client = logged_in_client()
    client.send_command(Append("x", Streamed(6)), "a")
    feed(client, b"+ go\r\n")
    sent(client)
    return client


def test_nothing_else_is_sent_while_a_literal_is_owed() -> None:
    client = owing_client()
    for refused in (
        lambda: client.send_command(Noop()),
        lambda: client.send_done(),
        lambda: client.send_sasl(b""),
        lambda: client.send_literal(b"1234567"),
        lambda: client.send_literal(b"\0"),
    ):
        with pytest.raises(LocalProtocolError):
            refused()
    assert (sent(client), client.literal_owed) == (b"", 6)


def test_an_early_refusal_leaves_the_literal_owed() -> None:
    client = owing_client()
    feed(client, b"a NO full\r\n")
    assert now(client.wants) is Wants.BODY
    client.send_literal(b"123456")
    assert sent(client) == b"123456\r\n"


def test_abort_ends_without_finishing() -> None:
    client = owing_client()
    client.send_literal(b"12")
    client.abort()
    assert (sent(client), client.wants) == (b"12", Wants.CLOSED)
    assert feed(client, b"* 1 EXISTS\r\n") == []
    assert client.buffered == 0
    with pytest.raises(LocalProtocolError):
        client.send_literal(b"3")
    with pytest.raises(LocalProtocolError):
        client.send_command(Noop())


# AUTHENTICATE.


def test_authenticate() -> None:
    client = greeted_client()
    command = Authenticate("PLAIN")
    client.send_command(command, "a")
    assert sent(client) == b"a AUTHENTICATE PLAIN\r\n"
    assert feed(client, b"+ \r\n") == [ContinuationRequested(tag="a", command=command, text="", data=b"")]
    assert now(client.wants) is Wants.REPLY
    client.send_sasl(b"\0u\0p")
    assert sent(client) == b"AHUAcA==\r\n"
    assert feed(client, b"+ Zm9v\r\n") == [
        ContinuationRequested(tag="a", command=command, text="", data=b"foo")
    ]
    client.send_sasl(b"")
    assert sent(client) == b"\r\n"
    feed(client, b"a OK welcome\r\n")
    assert (client.state, client.wants) == (State.AUTHENTICATED, Wants.DATA)


def test_authenticate_is_cancelled_with_an_asterisk() -> None:
    client = greeted_client()
    client.send_command(Authenticate("PLAIN"), "a")
    feed(client, b"+ \r\n")
    sent(client)
    client.send_sasl(None)
    assert sent(client) == b"*\r\n"
    feed(client, b"a BAD cancelled\r\n")
    assert now(client.state) is State.NOT_AUTHENTICATED


@pytest.mark.parametrize("data, octets", [(b"u", b"dQ=="), (b"", b"=")])
def test_an_initial_response_needs_sasl_ir(data: bytes, octets: bytes) -> None:
    command = Authenticate("PLAIN", Secret(data))
    with pytest.raises(LocalProtocolError):
        greeted_client().send_command(command)
    client = greeted_client(b"* OK [CAPABILITY IMAP4rev1 SASL-IR] x\r\n")
    client.send_command(command, "a")
    assert sent(client) == b"a AUTHENTICATE PLAIN " + octets + b"\r\n"


def test_a_challenge_that_is_not_base64_can_only_be_cancelled() -> None:
    client = greeted_client()
    client.send_command(Authenticate("X"), "a")
    (event,) = feed(client, b"+ hello!\r\n")
    assert isinstance(event, ContinuationRequested)
    assert (event.data, len(event.defects)) == (None, 1)
    strict = greeted_client(strict=True)
    strict.send_command(Authenticate("X"), "a")
    with pytest.raises(RemoteProtocolError):
        feed(strict, b"+ hello!\r\n")


def test_two_challenges_need_two_responses() -> None:
    client = greeted_client()
    client.send_command(Authenticate("X"), "a")
    with pytest.raises(RemoteProtocolError):
        feed(client, b"+ \r\n+ \r\n")


def test_nothing_else_is_sent_during_authenticate() -> None:
    client = greeted_client()
    client.send_command(Authenticate("X"), "a")
    with pytest.raises(LocalProtocolError):
        client.send_command(Noop())
    with pytest.raises(LocalProtocolError):
        client.send_sasl(b"x")


# IDLE.


def test_idle() -> None:
    client = logged_in_client()
    command = Idle()
    client.send_command(command, "a")
    assert (sent(client), client.timeout, client.is_idling) == (b"a IDLE\r\n", 1_740.0, True)
    assert feed(client, b"+ idling\r\n") == [ContinuationRequested(tag="a", command=command, text="idling")]
    assert feed(client, b"* 4 EXISTS\r\n") == [ExistsData(4)]
    with pytest.raises(LocalProtocolError):
        client.send_command(Noop())
    client.send_done()
    assert (sent(client), client.timeout) == (b"DONE\r\n", None)
    client.send_command(Noop(), "b")
    assert sent(client) == b"b NOOP\r\n"
    assert feed(client, b"a OK done\r\n") == [completed("a", command, Ok("done"))]


def test_done_before_the_consent_waits_for_it() -> None:
    client = logged_in_client()
    client.send_command(Idle(), "a")
    sent(client)
    client.send_done()
    assert sent(client) == b""
    feed(client, b"+ idling\r\n")
    assert sent(client) == b"DONE\r\n"


def test_done_is_dropped_if_idle_is_refused() -> None:
    client = logged_in_client()
    client.send_command(Idle(), "a")
    sent(client)
    client.send_done()
    feed(client, b"a NO not now\r\n")
    assert sent(client) == b""


def test_idle_ends_if_the_server_ends_it() -> None:
    client = logged_in_client()
    client.send_command(Idle(), "a")
    feed(client, b"+ idling\r\na BAD enough\r\n")
    assert not client.is_idling
    with pytest.raises(LocalProtocolError):
        client.send_done()


# STARTTLS.


def test_starttls() -> None:
    client = greeted_client(b"* OK [CAPABILITY IMAP4rev1 STARTTLS] x\r\n")
    client.send_command(StartTLS(), "a")
    with pytest.raises(LocalProtocolError):
        client.send_command(Noop())
    feed(client, b"a OK go\r\n")
    assert now(client.wants) is Wants.TLS
    with pytest.raises(LocalProtocolError):
        client.send_command(Noop())
    client.tls_started()
    assert (client.capabilities, client.is_tls, client.wants) == (None, True, Wants.DATA)
    with pytest.raises(LocalProtocolError):
        client.tls_started()


def test_starttls_refused() -> None:
    client = greeted_client()
    client.send_command(StartTLS(), "a")
    feed(client, b"a NO never\r\n")
    assert now(client.wants) is Wants.DATA
    client.send_command(Noop())


def test_starttls_is_sent_alone() -> None:
    client = greeted_client()
    client.send_command(Capability())
    with pytest.raises(LocalProtocolError):
        client.send_command(StartTLS())


def test_implicit_tls_starts_before_the_greeting() -> None:
    client = IMAPClientConnection()
    client.tls_started()
    feed(client, b"* OK x\r\n")
    with pytest.raises(LocalProtocolError):
        client.tls_started()


# The view.


def test_the_view_of_a_selected_mailbox() -> None:
    client = logged_in_client()
    client.send_command(Select("box"), "a")
    assert now(client.view) is None
    feed(
        client,
        b"* FLAGS (\\Seen \\Deleted)\r\n* 3 EXISTS\r\n* 1 RECENT\r\n* OK [UNSEEN 2] x\r\n"
        b"* OK [UIDVALIDITY 99] x\r\n* OK [UIDNEXT 12] x\r\n* OK [PERMANENTFLAGS (\\Seen \\*)] x\r\n"
        b"a OK [READ-ONLY] x\r\n",
    )
    view = client.view
    assert view is not None
    assert (view.mailbox, view.exists, view.recent, view.unseen) == ("box", 3, 1, 2)
    assert (view.uid_validity, view.uid_next, view.is_read_only) == (99, 12, True)
    assert view.flags == {"\\Seen", "\\Deleted"}
    assert view.permanent_flags == frozenset({"\\Seen", "\\*"})


def test_the_view_keeps_uids_under_expunge() -> None:
    client = selected_client(exists=3)
    client.send_command(UIDFetch(UIDSet("1:*"), (FLAGS,)), "a")
    feed(client, b"* 1 FETCH (UID 5)\r\n* 2 FETCH (UID 6)\r\n* 3 FETCH (FLAGS () UID 9)\r\na OK x\r\n")
    client.send_command(Expunge(), "b")
    feed(client, b"* 2 EXPUNGE\r\nb OK x\r\n")
    assert client.view is not None
    assert (client.view.exists, client.view.uid(2), client.view.sequence_number(9)) == (2, 9, 2)
    assert client.view.sequence_number(6) is None


def test_what_comes_before_closed_belongs_to_the_old_mailbox() -> None:
    client = selected_client()
    client.send_command(Select("b"), "a")
    events = feed(client, b"* 9 FETCH (UID 9)\r\n* OK [CLOSED] x\r\n* 1 EXISTS\r\na OK x\r\n")
    assert events[1] == Ok("x", CLOSED)
    assert client.view is not None
    assert (client.view.mailbox, client.view.uid(9), client.view.exists) == ("b", None, 1)


def test_examine_is_read_only_and_close_ends_the_view() -> None:
    client = logged_in_client()
    client.send_command(Examine("b"), "a")
    feed(client, b"a OK x\r\n")
    view = client.view
    assert view is not None
    assert view.is_read_only
    client.send_command(Close(), "b")
    feed(client, b"b OK x\r\n")
    assert (client.view, client.state) == (None, State.AUTHENTICATED)


# Streamed literals of responses.


def body_events(octets: bytes, limits: IMAPLimits = SMALL) -> list[object]:
    return list(client_events(octets, lambda: selected_client(limits=limits)))


def test_a_large_body_streams() -> None:
    octets = b"* 7 FETCH (FLAGS () BODY[1.TEXT]<5> {12}\r\nhello world) UID 8)\r\n"
    section = BodySection((1,), "TEXT", partial=(5, 12))
    *events, fetch = body_events(octets)
    assert events == [LiteralStarted(7, section, 12), LiteralData(b"hello world)"), LiteralEnded(12)]
    assert isinstance(fetch, FetchData)
    assert (fetch.uid, fetch.content(section), fetch.defects) == (8, Streamed(12), ())


@pytest.mark.parametrize(
    "item, expected",
    [
        (b"RFC822", RFC822),
        (b"BODY[]", BodySection()),
        (b"body[header.fields (to from)]", BodySection((), "HEADER.FIELDS", ("TO", "FROM"))),
    ],
)
def test_what_streams(item: bytes, expected: object) -> None:
    events = body_events(b"* 7 FETCH (%b {11}\r\nhello world)\r\n" % item)
    assert isinstance(events[0], LiteralStarted)
    assert events[0].item == expected


def test_the_name_of_a_field_may_be_a_literal() -> None:
    events = body_events(b"* 7 FETCH (BODY[HEADER.FIELDS ({2}\r\nTo)] {11}\r\nhello world)\r\n")
    assert events[0] == LiteralStarted(7, BodySection((), "HEADER.FIELDS", ("To",)), 11)


@pytest.mark.parametrize(
    "octets",
    [
        b"* 7 FETCH (X (BODY[] {11}\r\nhello world))\r\n",
        b"* 7 FETCH (X-BODY {11}\r\nhello world)\r\n",
        b"* XDATA {11}\r\nhello world\r\n",
        b"* LIST () NIL {11}\r\nhello world\r\n",
    ],
)
def test_a_large_literal_elsewhere_is_dropped(octets: bytes) -> None:
    (event,) = body_events(octets)
    assert isinstance(event, FetchData | ListData | UnknownData | UnreadResponse)
    assert event.defects or "Omitted(size=11)" in repr(event)
    with pytest.raises(LimitExceeded):
        feed(selected_client(limits=SMALL, strict=True), octets)


def test_equal_commands_in_flight_count_one_by_one() -> None:
    client = selected_client()
    client.send_command(Noop(), "a")
    client.send_command(Noop(), "b")
    fetch = Fetch(SequenceSet("1"), (FLAGS,))
    for tag in (b"b", b"a"):
        assert client.conflict(fetch) == "FETCH: sequence numbers may change while NOOP is in progress"
        feed(client, tag + b" OK done\r\n")
    assert client.conflict(fetch) is None


def test_a_search_of_a_large_mailbox_is_one_line() -> None:
    numbers = tuple(range(1, 170_001))
    line = b"* SEARCH " + b" ".join(b"%d" % number for number in numbers) + b"\r\n"
    assert len(line) > 1_000_000
    (event,) = feed(selected_client(), *(line[at : at + 65_536] for at in range(0, len(line), 65_536)))
    assert isinstance(event, SearchData)
    assert event.numbers == numbers


def test_a_line_of_a_response_has_a_limit() -> None:
    client = selected_client(limits=IMAPLimits(max_line=8, max_response_line=100))
    assert feed(client, b"* SEARCH" + b" 1234" * 18 + b"\r\n")
    with pytest.raises(LimitExceeded, match="max_response_line: 101 is more than 100"):
        feed(client, b"* SEARCH" + b" 1234" * 18 + b" 12")


def test_small_literals_are_part_of_the_value() -> None:
    (event,) = body_events(b"* 7 FETCH (BODY[] {5}\r\nhello)\r\n")
    assert isinstance(event, FetchData)
    assert event[BodySection()] == b"hello"


def test_a_chunk_is_the_received_object() -> None:
    client = selected_client(limits=SMALL)
    feed(client, b"* 7 FETCH (BODY[] {20}\r\n")
    chunk = b"0123456789"
    (event,) = feed(client, chunk)
    assert isinstance(event, LiteralData)
    assert event.data is chunk


def test_slow_octets_of_a_literal_do_not_restart_the_clock() -> None:
    client = selected_client(limits=IMAPLimits(max_inline_literal=10, min_body_progress=100))
    feed(client, b"* 7 FETCH (BODY[] {200}\r\n")
    before = client.progress
    for _ in range(99):
        feed(client, b"x")
    assert client.progress == before
    feed(client, b"x")
    assert client.progress == before + 1


# What a server may break.


@pytest.mark.parametrize(
    "octets",
    [
        b"+ go ahead\r\n",
        b"X9 OK who\r\n",
        b"* 1 FETCH (BODY[] {9223372036854775808}\r\n",
        b"* 1 FETCH (BODY[] {99999999999999999999999}\r\n",
    ],
)
def test_lost_order_or_framing_ends_the_connection(octets: bytes) -> None:
    client = logged_in_client()
    with pytest.raises(RemoteProtocolError):
        feed(client, octets)
    assert now(client.wants) is Wants.CLOSED


def test_a_continuation_to_starttls_is_an_error() -> None:
    client = greeted_client()
    client.send_command(StartTLS(), "a")
    with pytest.raises(RemoteProtocolError):
        feed(client, b"+ go\r\n")


def test_an_answer_to_a_command_behind_an_owed_literal_is_an_error() -> None:
    client = logged_in_client()
    client.send_command(Append("x", Streamed(6)), "a")
    client.send_command(Noop(), "b")
    feed(client, b"+ go\r\n")
    with pytest.raises(RemoteProtocolError):
        feed(client, b"b OK what\r\n")


def test_an_answer_to_a_command_that_was_not_sent_yet_is_an_error() -> None:
    client = logged_in_client()
    client.send_command(LINES, "a")
    client.send_command(Noop(), "b")
    with pytest.raises(RemoteProtocolError):
        feed(client, b"b OK what\r\n")


def test_a_tagged_line_that_cannot_be_read_completes_its_command() -> None:
    client = logged_in_client()
    client.send_command(Noop(), "a")
    (event,) = feed(client, b"a WHAT is this\r\n")
    assert isinstance(event, CommandCompleted)
    assert isinstance(event.status, Bad)
    assert event.defects


def test_stray_lines_are_given_as_they_are() -> None:
    events = client_events(b"\r\nwhat {3}\r\n* 1 EXISTS\r\n")
    assert [type(event) for event in events] == [UnreadResponse, UnreadResponse, ExistsData]
    with pytest.raises(RemoteProtocolError):
        feed(logged_in_client(strict=True), b"\r\n")


def test_defects_of_framing_stand_on_the_value() -> None:
    (event,) = client_events(b"* 5 EXISTS\n")
    assert isinstance(event, ExistsData)
    assert event.defects == (Defect("CRLF at the end of a line", 10, b"\n"),)


@pytest.mark.parametrize(
    "octets",
    [
        b"* OK quota is {5}\r\n",
        b"* NO [ALERT] {5}\r\n",
        b'* NO [BADCHARSET ("a")] {5}\r\n',
        b"* BYE {5}\r\n",
        b"A1 OK done {5}\r\n",
        b"A1 NO [NONEXISTENT] no {5+}\r\n",
        b'* LIST () "/" "{5}\r\n',
    ],
)
def test_text_that_ends_in_a_mark_announces_no_literal(octets: bytes) -> None:
    def make() -> IMAPClientConnection:
        client = logged_in_client()
        client.send_command(Noop(), "A1")
        return client

    events = client_events(octets + b"* 5 EXISTS\r\n", make)
    assert len(events) == 2
    assert events[1] == ExistsData(5)


def test_a_code_with_strings_announces_literals() -> None:
    (event,) = client_events(b"* NO [BADCHARSET ({5}\r\nUTF-8 {6}\r\nLATIN1)] not {9}\r\n")
    assert isinstance(event, No)
    assert event.text == "not {9}"


def test_eof_in_the_middle_is_not_clean() -> None:
    for octets in (b"* 1 EX", b"* 1 FETCH (BODY[] {10}\r\nab"):
        client = selected_client()
        feed(client, octets)
        client.receive_eof()
        assert pull(client) == [ConnectionLost(False)]
        assert (client.wants, client.next_event()) == (Wants.CLOSED, None)


def test_eof_with_commands_unanswered_is_not_clean() -> None:
    client = selected_client()
    client.send_command(Noop())
    client.receive_eof()
    assert pull(client) == [ConnectionLost(False)]
    idle = selected_client()
    idle.receive_eof()
    assert pull(idle) == [ConnectionLost(True)]


# send_unchecked and the trace.


def test_unchecked_octets_pass_as_they_are() -> None:
    client = greeted_client()
    assert client.send_unchecked(b"x LOGIN a {3}\r\nb c\r\n") == "x"
    assert sent(client) == b"x LOGIN a {3}\r\nb c\r\n"
    command = Unchecked(b"x LOGIN a {3}\r\nb c\r\n")
    assert feed(client, b"+ go\r\n") == [ContinuationRequested(tag="x", command=command, text="go")]
    assert feed(client, b"x OK in\r\n") == [completed("x", command, Ok("in"))]
    assert now(client.state) is State.AUTHENTICATED


def test_several_answers_to_unchecked_octets() -> None:
    client = greeted_client()
    assert client.send_unchecked(b" \r\ny NOOP\r\nz NOOP\r\n", replies=2) == ""
    command = Unchecked(b" \r\ny NOOP\r\nz NOOP\r\n")
    assert feed(client, b"y OK 1\r\nz BAD 2\r\n") == [
        completed("y", command, Ok("1")),
        completed("z", command, Bad("2")),
    ]
    with pytest.raises(RemoteProtocolError):
        feed(client, b"y OK again\r\n")


def test_the_trace_hides_secrets() -> None:
    client = greeted_client(b"* OK [CAPABILITY IMAP4rev1 SASL-IR] x\r\n")
    shown: list[tuple[str, bytes]] = []
    client.trace = lambda direction, octets: shown.append((direction, octets))
    client.send_command(Login("fred", Secret("s3cret")), "a")
    feed(client, b"a NO no\r\n")
    client.send_command(Authenticate("PLAIN", Secret(b"s3cret")), "b")
    feed(client, b"+ czNjcmV0\r\n")
    client.send_sasl(b"s3cret")
    dialogue = b"".join(octets for _, octets in shown)
    assert dialogue == (b"a LOGIN fred ***\r\na NO no\r\nb AUTHENTICATE PLAIN ***\r\n+ ***\r\n***\r\n")


def test_limits_that_a_driver_needs() -> None:
    limits = IMAPLimits(max_buffered=1_000, max_response_line=900, max_inline_literal=70_000, max_unsent=5)
    client = IMAPClientConnection(limits)
    assert (client.max_buffered, client.max_unsent, client.buffered) == (70_000, 5, 0)


def test_data_responses_of_all_kinds_pass() -> None:
    events = client_events(b'* 2 EXPUNGE\r\n* FLAGS (\\Seen)\r\n* XSTUFF 1 (a "b")\r\n', selected_client)
    assert events == [
        ExpungeData(2),
        FlagsData(frozenset({"\\Seen"})),
        UnknownData("XSTUFF", (1, ("a", b"b"))),
    ]


def test_codes_that_the_view_learns_from() -> None:
    events = client_events(b"* OK [UIDNEXT 4] x\r\n* OK [UIDVALIDITY 3] x\r\n* OK [UNSEEN 2] x\r\n")
    assert events == [Ok("x", UIDNextCode(4)), Ok("x", UIDValidityCode(3)), Ok("x", UnseenCode(2))]
    assert PermanentFlagsCode(frozenset({"\\*"})).flags == {"\\*"}
    assert UID.key == "UID"
    assert Omitted(1).size == 1
