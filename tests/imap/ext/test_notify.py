from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given

from mailproto.errors import LocalProtocolError, RemoteProtocolError
from mailproto.imap.codes import ResponseCode, SimpleCode, UnknownCode, parse_resp_text_code
from mailproto.imap.commands import Command, Fetch, Search, TaggedCommand, UIDFetch, UIDSearch
from mailproto.imap.events import CommandCompleted, InvalidCommand
from mailproto.imap.ext.metadata import MetadataChangedData
from mailproto.imap.ext.notify import (
    ANNOTATION_CHANGE,
    FLAG_CHANGE,
    MAILBOX_METADATA_CHANGE,
    MAILBOX_NAME,
    MESSAGE_EXPUNGE,
    MESSAGE_NEW,
    NOACCESS,
    NOTIFICATIONOVERFLOW,
    SERVER_METADATA_CHANGE,
    SUBSCRIPTION_CHANGE,
    BadEventCode,
    EventGroup,
    Notify,
    NotifyEvent,
    items_of_new,
    watches_selected,
)
from mailproto.imap.ext.preview import PREVIEW
from mailproto.imap.ext.qresync import VanishedData
from mailproto.imap.ext.unauthenticate import Unauthenticate
from mailproto.imap.fetch import FLAGS, UID, BodySection
from mailproto.imap.fetch_data import FetchData
from mailproto.imap.mailbox_filter import MailboxFilter
from mailproto.imap.responses import (
    ExistsData,
    ExpungeData,
    FlagsData,
    ListData,
    Response,
    StatusData,
)
from mailproto.imap.search import All, Not, SequenceNumbers
from mailproto.imap.sequence import SequenceSet, UIDSet
from mailproto.imap.server import IMAPServerConnection
from mailproto.imap.status import No, Ok
from support_imap import (
    client_events,
    feed,
    logged_in_client,
    logged_in_server,
    now,
    selected_client,
    selected_server,
    sent,
    server_events,
)
from support_imap_admin import (
    check_command_at_both_ends,
    check_no_command,
    check_refusal_to_build,
    check_response_at_both_ends,
)
from support_imap_ext import check_code
from support_imap_strategies import bad_event_codes, notifications
from support_imap_wire import command_octets, cursor_at, parse_octets

HEADER = BodySection((), "HEADER.FIELDS", ("FROM", "TO", "SUBJECT"))
SELECTED, DELAYED = MailboxFilter("selected"), MailboxFilter("selected-delayed")
PERSONAL = MailboxFilter("personal")
BOTH = (MESSAGE_NEW, MESSAGE_EXPUNGE)
OFFERED = ("IMAP4rev1", "NOTIFY", "UNAUTHENTICATE")

CASES: list[tuple[bytes, Command]] = [
    (b"NOTIFY NONE", Notify()),
    (b"NOTIFY SET (selected NONE)", Notify((EventGroup(SELECTED),))),
    (
        b"NOTIFY SET STATUS (selected (MessageNew (UID BODY.PEEK[HEADER.FIELDS (FROM TO SUBJECT)])"
        b" MessageExpunge)) (subtree Lists (MessageNew MessageExpunge))",
        Notify(
            (
                EventGroup(SELECTED, (NotifyEvent("MessageNew", (UID, HEADER)), MESSAGE_EXPUNGE)),
                EventGroup(MailboxFilter("subtree", ("Lists",)), BOTH),
            ),
            status=True,
        ),
    ),
    (
        b"NOTIFY SET (selected-delayed (MessageNew MessageExpunge FlagChange AnnotationChange))",
        Notify((EventGroup(DELAYED, (*BOTH, FLAG_CHANGE, ANNOTATION_CHANGE)),)),
    ),
    (
        b"NOTIFY SET (inboxes (MailboxName)) (personal (SubscriptionChange))"
        b' (subscribed (MailboxMetadataChange)) (mailboxes ("a b" INBOX) (ServerMetadataChange X-OTHER))'
        b" (subtree (a b) NONE)",
        Notify(
            (
                EventGroup(MailboxFilter("inboxes"), (MAILBOX_NAME,)),
                EventGroup(PERSONAL, (SUBSCRIPTION_CHANGE,)),
                EventGroup(MailboxFilter("subscribed"), (MAILBOX_METADATA_CHANGE,)),
                EventGroup(
                    MailboxFilter("mailboxes", ("a b", "inbox")),
                    (SERVER_METADATA_CHANGE, NotifyEvent("x-other")),
                ),
                EventGroup(MailboxFilter("subtree", ("a", "b"))),
            )
        ),
    ),
]


@pytest.mark.parametrize(("wire", "command"), CASES)
def test_commands_in_both_directions(wire: bytes, command: Command) -> None:
    check_command_at_both_ends(wire, command, "NOTIFY")


def test_other_spellings_are_read() -> None:
    assert parse_octets(
        b"a notify set status (SELECTED (messagenew (uid) MESSAGEEXPUNGE)) (Personal none)\r\n"
    ) == Notify(
        (EventGroup(SELECTED, (NotifyEvent("MessageNew", (UID,)), MESSAGE_EXPUNGE)), EventGroup(PERSONAL)),
        status=True,
    )


def test_a_mailbox_in_a_literal_is_read_however_it_comes() -> None:
    command = Notify((EventGroup(MailboxFilter("mailboxes", ("a b", "c")), (MAILBOX_NAME,)),))
    octets = b"a NOTIFY SET (mailboxes ({3}\r\na b {1+}\r\nc) (MailboxName))\r\n"
    events = server_events(octets, lambda: logged_in_server(capabilities=(*OFFERED, "LITERAL+")))
    assert events == [TaggedCommand("a", command)]


NOT_CASES = [
    # What the examples of the RFC have, against its grammar and against its rules.
    b"NOTIFY SET (selected MessageNew (uid) MessageExpunge)",
    b"NOTIFY SET (subtree Lists MessageNew)",
    b"NOTIFY SET (personal (MessageNew))",
    b"NOTIFY SET (personal (MessageExpunge))",
    b"NOTIFY SET (personal (FlagChange))",
    b"NOTIFY SET (personal (AnnotationChange MailboxName))",
    b"NOTIFY SET (selected (MailboxName))",
    b"NOTIFY SET (selected-delayed (MessageNew MessageExpunge SubscriptionChange))",
    b"NOTIFY SET (personal (MessageNew (UID) MessageExpunge))",
    b"NOTIFY SET (selected (MessageNew MessageExpunge (UID)))",
    b"NOTIFY SET (selected (MessageNew () MessageExpunge))",
    b"NOTIFY SET (selected (MessageNew MessageExpunge)) (selected-delayed NONE)",
    b"NOTIFY SET (personal (MailboxName MailboxName))",
    b"NOTIFY SET (personal (NONE))",
    b"NOTIFY SET (personal ())",
    b"NOTIFY SET (personal)",
    b"NOTIFY SET (mailboxes NONE)",
    b"NOTIFY SET (mailboxes () NONE)",
    b"NOTIFY SET (subtree-one a (MailboxName))",
    b"NOTIFY SET (everything (MailboxName))",
    b"NOTIFY SET",
    b"NOTIFY SET STATUS",
    b"NOTIFY SET STATUS NONE",
    b"NOTIFY SET NONE",
    b"NOTIFY NONE STATUS",
    b"NOTIFY",
    b"NOTIFY SET(personal NONE)",
]


@pytest.mark.parametrize("wire", NOT_CASES)
def test_what_is_no_command(wire: bytes) -> None:
    check_no_command(wire)
    [event] = feed(logged_in_server(capabilities=OFFERED), b"a " + wire + b"\r\n")
    assert isinstance(event, InvalidCommand)
    assert event.status.name == "BAD"


@given(notifications)
def test_a_round_trip(command: Notify) -> None:
    assert parse_octets(command_octets(command)) == command


ATTACKS: list[Callable[[], object]] = [
    lambda: NotifyEvent(""),
    lambda: NotifyEvent("none"),
    lambda: NotifyEvent("a b"),
    lambda: NotifyEvent("FlagChange", (UID,)),
    lambda: NotifyEvent("MessageNew", ("UID",)),  # type: ignore[arg-type]  # the mistake
    lambda: EventGroup(PERSONAL, (MESSAGE_NEW,)),
    lambda: EventGroup(PERSONAL, (*BOTH, MESSAGE_NEW)),
    lambda: EventGroup(PERSONAL, ("MessageNew",)),  # type: ignore[arg-type]  # the mistake
    lambda: EventGroup(PERSONAL, MAILBOX_NAME),  # type: ignore[arg-type]  # the mistake
    lambda: EventGroup(MailboxFilter("subtree-one", ("a",)), (MAILBOX_NAME,)),
    lambda: Notify(status=True),
    lambda: Notify((PERSONAL,)),  # type: ignore[arg-type]  # the mistake
    lambda: Notify(EventGroup(PERSONAL)),  # type: ignore[arg-type]  # the mistake
    lambda: Notify((EventGroup(SELECTED, BOTH), EventGroup(SELECTED))),
    lambda: BadEventCode(()),
    lambda: BadEventCode("MessageNew"),  # type: ignore[arg-type]  # the mistake
    lambda: BadEventCode(("a b",)),
]


@pytest.mark.parametrize("build", ATTACKS)
def test_attacks(build: Callable[[], object]) -> None:
    check_refusal_to_build(build)


def test_what_is_asked_of_the_selected_mailbox() -> None:
    event = NotifyEvent("MessageNew", (UID, FLAGS))
    groups = (EventGroup(PERSONAL, BOTH), EventGroup(DELAYED, (event, MESSAGE_EXPUNGE)))
    assert items_of_new(groups) == (UID, FLAGS)
    assert watches_selected(groups) == frozenset()
    assert watches_selected([EventGroup(SELECTED, BOTH)]) == {"MessageNew", "MessageExpunge"}
    assert items_of_new([EventGroup(PERSONAL, BOTH)]) == ()


# Response codes, and what tells of the events.


CODES: list[tuple[bytes, ResponseCode]] = [
    (b"NOTIFICATIONOVERFLOW", NOTIFICATIONOVERFLOW),
    (b"BADEVENT (MessageNew)", BadEventCode(("messagenew",))),
    (b"BADEVENT (MessageNew X-OTHER)", BadEventCode(("MessageNew", "x-other"))),
]


@pytest.mark.parametrize(("wire", "code"), CODES)
def test_codes_in_both_directions(wire: bytes, code: ResponseCode) -> None:
    check_code(wire, code)


@given(bad_event_codes)
def test_codes_go_round(code: BadEventCode) -> None:
    [event] = feed(logged_in_client(), b"* NO [" + b"BADEVENT (%s)] x\r\n" % " ".join(code.events).encode())
    assert event == No("x", code)


@pytest.mark.parametrize(
    "wire", [b"BADEVENT", b"BADEVENT ()", b"BADEVENT (a", b"BADEVENT (a,(b))", b"BADEVENT (a  b)"]
)
def test_what_is_no_code(wire: bytes) -> None:
    code = parse_resp_text_code(cursor_at(wire + b"]"))
    assert code == UnknownCode.of_parsed("BADEVENT", wire.removeprefix(b"BADEVENT").removeprefix(b" "))


RESPONSES: list[tuple[bytes, Response]] = [
    (b'LIST () "/" NewMailbox', ListData(frozenset(), "/", "NewMailbox")),
    (b'LIST (\\NonExistent) "." INBOX.Gone', ListData(frozenset({"\\NonExistent"}), ".", "INBOX.Gone")),
    (
        b'LIST () "/" NewMailbox ("OLDNAME" (OldMailbox))',
        ListData(frozenset(), "/", "NewMailbox", extended=(("OLDNAME", "OldMailbox"),)),
    ),
    (b'LIST (\\Subscribed) "/" x', ListData(frozenset({"\\Subscribed"}), "/", "x")),
    (b'LIST (\\NoAccess) "/" x', ListData(frozenset({NOACCESS}), "/", "x")),
    (b"STATUS misc (UIDNEXT 999 MESSAGES 554)", StatusData("misc", (("UIDNEXT", 999), ("MESSAGES", 554)))),
    (
        b"STATUS x (HIGHESTMODSEQ 65666665 UIDVALIDITY 101)",
        StatusData("x", (("HIGHESTMODSEQ", 65666665), ("UIDVALIDITY", 101))),
    ),
    (b'METADATA "" /shared/comment', MetadataChangedData("", ("/shared/comment",))),
]


@pytest.mark.parametrize(("wire", "response"), RESPONSES)
def test_what_tells_of_an_event_at_both_ends(wire: bytes, response: Response) -> None:
    check_response_at_both_ends(wire, response)


@pytest.mark.parametrize("spelling", [b"\\noaccess", b"\\NOACCESS"])
def test_the_attribute_has_one_spelling(spelling: bytes) -> None:
    [event] = feed(logged_in_client(), b"* LIST (" + spelling + b") NIL x\r\n")
    assert event == ListData(frozenset({NOACCESS}), None, "x")


def test_a_name_in_quotes_is_read() -> None:
    [event] = feed(logged_in_client(strict=True), b'* LIST () "/" "New" ("OLDNAME" ("Old"))\r\n')
    assert isinstance(event, ListData)
    assert event.old_name == "Old"


# The server's end.


def notified(server: IMAPServerConnection, *groups: EventGroup) -> IMAPServerConnection:
    """Let the client of *server* ask for *groups*, and grant it."""
    [event] = feed(server, command_octets(Notify(groups)))
    assert isinstance(event, TaggedCommand)
    server.complete("a", Ok("done"))
    sent(server)
    return server


def test_a_server_keeps_what_was_asked_for() -> None:
    server = selected_server(capabilities=OFFERED)
    assert now(server.notifications) is None
    notified(server, EventGroup(PERSONAL, BOTH))
    assert now(server.notifications) == (EventGroup(PERSONAL, BOTH),)
    feed(server, b"b NOTIFY SET (personal (X-UNKNOWN))\r\n")
    server.complete("b", No("no such event", BadEventCode(("MessageNew", "MessageExpunge"))))
    assert sent(server) == b"b NO [BADEVENT (MessageNew MessageExpunge)] no such event\r\n"
    assert now(server.notifications) == (EventGroup(PERSONAL, BOTH),)
    notified(server)
    assert now(server.notifications) == ()


def test_a_server_that_has_too_much_to_tell_says_so() -> None:
    server = notified(selected_server(capabilities=OFFERED), EventGroup(PERSONAL, BOTH))
    server.send(Ok("too much", SimpleCode("NOTIFICATIONOVERFLOW")))
    assert sent(server) == b"* OK [NOTIFICATIONOVERFLOW] too much\r\n"
    assert now(server.notifications) == ()


def test_another_user_has_asked_for_nothing() -> None:
    server = notified(selected_server(capabilities=OFFERED), EventGroup(PERSONAL, BOTH))
    feed(server, b"b UNAUTHENTICATE\r\n")
    server.complete("b", Ok("done"))
    assert server.notifications is None


@pytest.mark.parametrize(
    "command, may_expunge",
    [(b"", True), (b"b UID FETCH 1 FLAGS\r\n", True), (b"b NOOP\r\n", True), (b"b CLOSE\r\n", False)],
)
def test_a_server_tells_of_the_selected_mailbox_at_any_time(command: bytes, may_expunge: bool) -> None:
    server = notified(selected_server(capabilities=OFFERED), EventGroup(SELECTED, BOTH))
    feed(server, command)
    assert server.may_expunge is may_expunge
    if may_expunge:
        server.send(ExpungeData(1))
        server.send(ExistsData(5))
        server.send(FetchData(5, UID.answer(9)))
        assert sent(server) == b"* 1 EXPUNGE\r\n* 5 EXISTS\r\n* 5 FETCH (UID 9)\r\n"


@pytest.mark.parametrize(
    "group", [EventGroup(DELAYED, BOTH), EventGroup(SELECTED), EventGroup(PERSONAL, BOTH)]
)
def test_without_that_it_waits_for_a_command(group: EventGroup) -> None:
    server = notified(selected_server(capabilities=OFFERED), group)
    assert not server.may_expunge
    with pytest.raises(LocalProtocolError):
        server.send(ExpungeData(1))
    feed(server, b"b NOOP\r\n")
    server.send(ExpungeData(1))
    assert sent(server) == b"* 1 EXPUNGE\r\n"


def test_nothing_is_expunged_where_nothing_is_selected() -> None:
    server = notified(logged_in_server(capabilities=OFFERED), EventGroup(SELECTED, BOTH))
    assert not server.may_expunge


@pytest.mark.parametrize("event", [MAILBOX_METADATA_CHANGE, SERVER_METADATA_CHANGE])
def test_annotations_are_told_without_enable(event: NotifyEvent) -> None:
    server = logged_in_server(capabilities=OFFERED)
    with pytest.raises(LocalProtocolError):
        server.send(MetadataChangedData("", ("/shared/comment",)))
    notified(server, EventGroup(PERSONAL, (event,)))
    server.send(MetadataChangedData("", ("/shared/comment",)))
    assert sent(server) == b'* METADATA "" /shared/comment\r\n'


def test_a_server_without_it_says_bad() -> None:
    [event] = feed(logged_in_server(), b"a NOTIFY NONE\r\n")
    assert isinstance(event, InvalidCommand)
    assert event.status.text == "NOTIFY is not offered now"


# The client's end.

CHANGES = (
    b"* 11 EXISTS\r\n* 11 FETCH (UID 99)\r\n* 3 EXPUNGE\r\n* STATUS Lists (MESSAGES 5)\r\n"
    b"* LIST () NIL new\r\n* FLAGS (\\Seen)\r\n* OK [NOTIFICATIONOVERFLOW] too much\r\n"
)


def asking(*groups: EventGroup, answer: bytes = b"a OK done\r\n") -> Callable[[], object]:
    """Return what makes a client that has asked for *groups*."""

    def make() -> object:
        client = selected_client("IMAP4rev1 NOTIFY")
        client.send_command(Notify(groups), "a")
        sent(client)
        feed(client, answer)
        return client

    return make


def test_what_is_told_outside_of_commands_is_read_however_it_comes() -> None:
    make = asking(EventGroup(SELECTED, BOTH), EventGroup(PERSONAL, BOTH))
    events = client_events(CHANGES, make)  # type: ignore[arg-type]  # a client
    assert events == [
        ExistsData(11),
        FetchData(11, UID.answer(99)),
        ExpungeData(3),
        StatusData("Lists", (("MESSAGES", 5),)),
        ListData(frozenset(), None, "new"),
        FlagsData(frozenset({"\\Seen"})),
        Ok("too much", NOTIFICATIONOVERFLOW),
    ]


def test_a_client_knows_what_it_is_told() -> None:
    client = selected_client("IMAP4rev1 NOTIFY")
    assert now(client.notifications) is None
    groups = (EventGroup(PERSONAL, BOTH),)
    client.send_command(Notify(groups), "a")
    assert now(client.notifications) is None
    [event] = feed(client, b"a OK done\r\n")
    assert event == CommandCompleted(tag="a", command=Notify(groups), status=Ok("done"))
    assert now(client.notifications) == groups
    client.send_command(Notify((EventGroup(SELECTED, BOTH),)), "b")
    feed(client, b"b NO [NOTIFICATIONOVERFLOW] too much\r\n")
    assert now(client.notifications) == groups
    feed(client, b"* OK [NOTIFICATIONOVERFLOW] sorry\r\n")
    assert now(client.notifications) == ()


def test_a_client_of_another_user_is_told_nothing() -> None:
    client = logged_in_client("IMAP4rev1 NOTIFY UNAUTHENTICATE")
    client.send_command(Notify((EventGroup(PERSONAL, BOTH),)), "a")
    feed(client, b"a OK done\r\n")
    client.send_command(Unauthenticate(), "b")
    feed(client, b"b OK done\r\n")
    assert client.notifications is None


WITH_NUMBERS: list[Command] = [
    Fetch(SequenceSet("1"), (FLAGS,)),
    Search(Not(SequenceNumbers(SequenceSet("1:5")))),
]
WITHOUT_NUMBERS: list[Command] = [
    UIDFetch(UIDSet("1"), (FLAGS,)),
    UIDSearch(All()),
    Fetch(SequenceSet("$"), (FLAGS,)),
]


@pytest.mark.parametrize("command", WITH_NUMBERS)
def test_sequence_numbers_are_not_certain(command: Command) -> None:
    client = selected_client("IMAP4rev1 NOTIFY SEARCHRES")
    client.send_command(Notify((EventGroup(SELECTED, BOTH),)), "a")
    for _ in range(2):
        assert not client.has_certain_numbers
        with pytest.raises(LocalProtocolError, match="not certain under NOTIFY; use UIDs"):
            client.send_command(command)
        feed(client, b"a OK done\r\n" if client.pending else b"")
    client.send_command(Notify((EventGroup(DELAYED, BOTH),)), "b")
    feed(client, b"b OK done\r\n")
    assert client.has_certain_numbers
    client.send_command(command)


@pytest.mark.parametrize("command", WITHOUT_NUMBERS)
def test_uids_are(command: Command) -> None:
    client = selected_client("IMAP4rev1 NOTIFY SEARCHRES")
    client.send_command(Notify((EventGroup(SELECTED, BOTH),)), "a")
    feed(client, b"a OK done\r\n")
    client.send_command(command)


def test_a_refused_notify_leaves_the_numbers_certain() -> None:
    client = selected_client("IMAP4rev1 NOTIFY")
    client.send_command(Notify((EventGroup(SELECTED, BOTH),)), "a")
    feed(client, b"a NO no\r\n")
    client.send_command(WITH_NUMBERS[0])


def test_a_silent_session_is_to_say_something_in_time() -> None:
    client = selected_client("IMAP4rev1 NOTIFY")
    assert client.timeout == 29 * 60
    client.send_command(Notify((EventGroup(SELECTED, BOTH),)), "a")
    assert client.timeout is None


def test_items_have_their_needs() -> None:
    event = NotifyEvent("MessageNew", (PREVIEW,))
    [need] = Notify((EventGroup(SELECTED, (event, MESSAGE_EXPUNGE)),)).needs
    assert need.capabilities == ("PREVIEW",)


def test_answers_of_status_are_those_of_notify() -> None:
    assert Notify((EventGroup(PERSONAL, BOTH),), status=True).answers == ("LIST", "STATUS")
    assert Notify((EventGroup(PERSONAL, BOTH),)).answers == ("LIST",)


@pytest.mark.parametrize("octets", [b"* 3 EXPUNGE\r\n", b"* VANISHED 5\r\n"])
@pytest.mark.parametrize(("group", "is_right"), [(SELECTED, True), (DELAYED, False)])
def test_what_is_expunged_is_told_at_any_time_where_that_was_asked_for(
    octets: bytes, group: MailboxFilter, is_right: bool
) -> None:
    client = selected_client("IMAP4rev1 NOTIFY", strict=True)
    client.send_command(Notify((EventGroup(group, BOTH),)), "a")
    feed(client, b"a OK done\r\n")
    if is_right:
        [event] = feed(client, octets)
        assert isinstance(event, ExpungeData | VanishedData)
        assert event.defects == ()
    else:
        with pytest.raises(RemoteProtocolError, match="EXPUNGE only while a command is in progress"):
            feed(client, octets)
