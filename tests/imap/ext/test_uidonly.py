from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given

from mailproto.errors import IMAPStatusError, ItemMissing, LocalProtocolError
from mailproto.imap import client_flows as flows
from mailproto.imap import search
from mailproto.imap.capability import Capabilities
from mailproto.imap.client import IMAPClientConnection
from mailproto.imap.codec import parse_responses, serialize
from mailproto.imap.codes import UIDNOTSTICKY, UnseenCode
from mailproto.imap.commands import (
    Command,
    Copy,
    Fetch,
    Noop,
    Search,
    Select,
    Store,
    StoreAction,
    TaggedCommand,
    UIDFetch,
    UIDSearch,
)
from mailproto.imap.downloads import Downloading
from mailproto.imap.events import InvalidCommand, LiteralData, LiteralEnded, LiteralStarted
from mailproto.imap.ext.condstore import MODSEQ
from mailproto.imap.ext.enable import Enable
from mailproto.imap.ext.esearch import ESearchData
from mailproto.imap.ext.message_limit import UIDAfter
from mailproto.imap.ext.move import Move
from mailproto.imap.ext.notify import MESSAGE_EXPUNGE, EventGroup, NotifyEvent
from mailproto.imap.ext.qresync import QResync, VanishedData
from mailproto.imap.ext.sort import Sort, sort_criteria
from mailproto.imap.ext.thread import Thread, UIDThread
from mailproto.imap.ext.uidonly import UIDONLY, UIDREQUIRED, PreparedUIDFetch, UIDFetchData
from mailproto.imap.fetch import FLAGS, RFC822_SIZE, UID, BodySection
from mailproto.imap.fetch_data import FetchData, PreparedFetch, prepare
from mailproto.imap.fetching import Fetching
from mailproto.imap.idling import Idling, poll, take_news
from mailproto.imap.mailbox_filter import MailboxFilter
from mailproto.imap.notify_flows import notify
from mailproto.imap.pipelining import conflict
from mailproto.imap.responses import (
    EnabledData,
    ExistsData,
    ExpungeData,
    Response,
    SearchData,
    UnreadResponse,
)
from mailproto.imap.search import All, Seen, SequenceNumbers
from mailproto.imap.sequence import SequenceSet, UIDSet
from mailproto.imap.server import IMAPServerConnection
from mailproto.imap.session_flows import ENABLED_BY_DEFAULT
from mailproto.imap.status import Bad, Ok
from mailproto.imap.updates import AnnotationsChanged, FlagsChanged, NewMessages, Vanished
from mailproto.imap.values import Streamed
from mailproto.limits import IMAPLimits
from support_imap import client_events, feed, logged_in_client, logged_in_server, now, sent
from support_imap_scripts import ADAPTERS, converse
from support_imap_strategies import uid_fetches
from support_imap_wire import check_response, command_octets, read_response
from support_inbox import Line

OFFERED = (
    "IMAP4rev1",
    "CONDSTORE",
    "ENABLE",
    "ESEARCH",
    "MESSAGELIMIT=1000",
    "MOVE",
    "PARTIAL",
    "QRESYNC",
    "REPLACE",
    "SEARCHRES",
    "SORT",
    "THREAD=REFERENCES",
    "UIDONLY",
    "UIDPLUS",
)
SEEN = FLAGS.answer(frozenset({"\\Seen"}))
ALL_BUT_SETS = search.UID(UIDSet("1:*,5")) & ~Seen() & UIDAfter(5)

RESPONSES: list[tuple[bytes, Response]] = [
    (b"* 25996 UIDFETCH (FLAGS (\\Seen))", UIDFetchData(25996, SEEN)),
    (b"* 25900 UIDFETCH (FLAGS (\\Seen) UID 25900)", UIDFetchData(25900, SEEN, UID.answer(25900))),
    (b"* 4294967295 UIDFETCH (MODSEQ (7))", UIDFetchData(4294967295, MODSEQ.answer(7))),
    (b"* 7 UIDFETCH (BODY[1] {2}\r\nhi)", UIDFetchData(7, BodySection((1,)).answer(b"hi"))),
    (b"* 7 UIDFETCH (X-NEW (1 a))", read_response(b"* 7 uidfetch (x-new (1 a))")),
]


@pytest.mark.parametrize(("wire", "response"), RESPONSES)
def test_responses_in_both_directions(wire: bytes, response: Response) -> None:
    check_response(wire, response)


@pytest.mark.parametrize(
    "wire",
    [b"* 0 UIDFETCH (FLAGS ())", b"* 4294967296 UIDFETCH (FLAGS ())", b"* 5 UIDFETCH", b"* 5 UIDFETCH x"],
)
def test_what_cannot_be_read(wire: bytes) -> None:
    assert isinstance(read_response(wire, strict=False), UnreadResponse)


@pytest.mark.parametrize("wire", [b"* UIDFETCH (FLAGS ())", b"* 5 UIDFETCHES (FLAGS ())"])
def test_what_is_another_response(wire: bytes) -> None:
    assert not isinstance(read_response(wire, strict=False), UIDFetchData)


def test_a_response_about_two_messages_is_not_read() -> None:
    data = read_response(b"* 5 UIDFETCH (FLAGS () UID 6)", strict=False)
    assert isinstance(data, UnreadResponse)
    assert [defect.rule for defect in data.defects] == ["the UID that the response begins with"]


@given(uid_fetches)
def test_a_round_trip(data: UIDFetchData) -> None:
    assert parse_responses(serialize(data), strict=True) == [data]


def test_it_is_a_fetch_response_without_a_sequence_number() -> None:
    data = UIDFetchData(40, SEEN)
    assert isinstance(data, FetchData)
    assert (data.uid, data[UID], data.number, UID in data, data.keys, data.told) == (
        40,
        40,
        40,
        True,
        ("FLAGS",),
        ("UID", "FLAGS"),
    )
    assert UIDFetchData(40, UID.answer(40)).told == ("UID",)
    assert RFC822_SIZE not in data
    with pytest.raises(ItemMissing, match="UIDFETCH has none"):
        _ = data.sequence_number
    assert getattr(data, "sequence_number", None) is None
    assert data != FetchData(40, SEEN)
    assert hash(data) != hash(FetchData(40, SEEN))
    assert repr(data) == "UIDFetchData(40, FLAGS=frozenset({'\\\\Seen'}))"
    assert pickle.loads(pickle.dumps(data)) == data
    assert type(data.joined(UIDFetchData(40, RFC822_SIZE.answer(5)))) is UIDFetchData
    assert type(data.replaced(RFC822_SIZE.answer(5))) is UIDFetchData


def test_items_are_prepared() -> None:
    response = PreparedUIDFetch(7, (prepare(SEEN), RFC822_SIZE.answer(3)))
    assert serialize(response) == b"* 7 UIDFETCH (FLAGS (\\Seen) RFC822.SIZE 3)\r\n"


ATTACKS: list[Callable[[], object]] = [
    lambda: UIDFetchData(5),
    lambda: UIDFetchData(0, SEEN),
    lambda: UIDFetchData(2**32, SEEN),
    lambda: UIDFetchData(True, SEEN),
    lambda: UIDFetchData("5\r\nz NOOP", SEEN),  # type: ignore[arg-type]  # the attack
    lambda: UIDFetchData(5, SEEN, SEEN),
    lambda: UIDFetchData(5, UID.answer(6)),
]


@pytest.mark.parametrize("build", ATTACKS)
def test_attacks(build: Callable[[], object]) -> None:
    with pytest.raises(LocalProtocolError):
        build()


# Connections: which commands have sequence numbers.

BY_NUMBER: dict[str, Command] = {
    "FETCH": Fetch(SequenceSet("10000:14589"), (UID, FLAGS)),
    "FETCH star": Fetch(SequenceSet("*"), (FLAGS,)),
    "FETCH saved": Fetch(SequenceSet("$"), (FLAGS,)),
    "STORE": Store(SequenceSet("1"), StoreAction.ADD, frozenset({"a"})),
    "COPY": Copy(SequenceSet("1"), "x"),
    "MOVE": Move(SequenceSet("1"), "x"),
    "SEARCH": Search(All()),
    "SORT": Sort(sort_criteria("DATE"), All()),
    "THREAD": Thread("REFERENCES", All()),
    "UID SEARCH by number": UIDSearch(SequenceNumbers(SequenceSet("1:5"))),
    "UID SEARCH saved": UIDSearch(SequenceNumbers(SequenceSet("$"))),
    "UID SEARCH deep": UIDSearch(~(Seen() | (All() & SequenceNumbers(SequenceSet("1"))))),
    "UID THREAD": UIDThread("REFERENCES", SequenceNumbers(SequenceSet("1"))),
    "QRESYNC": Select("x", (QResync(1, 2, matches=(SequenceSet("1"), UIDSet("7"))),)),
}
BY_UID: dict[str, Command] = {
    "UID FETCH": UIDFetch(UIDSet("1:*"), (FLAGS,)),
    "UID SEARCH": UIDSearch(ALL_BUT_SETS),
    "UID SEARCH saved": UIDSearch(search.UID(UIDSet("$"))),
    "QRESYNC": Select("x", (QResync(1, 2, UIDSet("1:5")),)),
    "NOOP": Noop(),
}


def server_by_uid(*enabled: str) -> IMAPServerConnection:
    """Return a server that has enabled UIDONLY and has a mailbox selected."""
    server = logged_in_server(capabilities=OFFERED)
    feed(server, f"a ENABLE {' '.join((UIDONLY, *enabled))}\r\n".encode())
    server.send(EnabledData((UIDONLY, *enabled)))
    server.complete("a", Ok())
    feed(server, b"b SELECT INBOX\r\n")
    server.send(ExistsData(9))
    server.complete("b", Ok())
    sent(server)
    return server


def client_by_uid(limits: IMAPLimits | None = None) -> IMAPClientConnection:
    """Return a client that has enabled UIDONLY and has a mailbox selected."""
    client = logged_in_client(" ".join(OFFERED), limits)
    feed(client, b"* ENABLED UIDONLY QRESYNC\r\n")
    client.send_command(Select("INBOX"), "b")
    feed(client, b"* 9 EXISTS\r\nb OK done\r\n")
    sent(client)
    return client


@pytest.mark.parametrize("name", BY_NUMBER)
def test_a_server_refuses_sequence_numbers(name: str) -> None:
    server = server_by_uid("QRESYNC")
    (event,) = feed(server, command_octets(BY_NUMBER[name]))
    assert isinstance(event, InvalidCommand)
    assert isinstance(event.status, Bad)
    assert event.status.code == UIDREQUIRED
    server.complete("a", event.status)
    assert sent(server).startswith(b"a BAD [UIDREQUIRED] ")


@pytest.mark.parametrize("octets", [b"a FETCH 1 FLAGS\r\n", b"a REPLACE 4 Drafts {3+}\r\nx\r\n\r\n"])
def test_a_server_refuses_octets(octets: bytes) -> None:
    server = logged_in_server(capabilities=(*OFFERED, "LITERAL+"))
    server.send(EnabledData((UIDONLY,)))
    feed(server, b"b SELECT INBOX\r\n")
    server.complete("b", Ok())
    (event,) = feed(server, octets)
    assert isinstance(event, InvalidCommand)
    assert event.status.code == UIDREQUIRED


@pytest.mark.parametrize("name", BY_UID)
def test_a_server_takes_uids(name: str) -> None:
    (event,) = feed(server_by_uid("QRESYNC"), command_octets(BY_UID[name]))
    assert event == TaggedCommand("a", BY_UID[name])


@pytest.mark.parametrize("name", BY_NUMBER)
def test_a_client_sends_no_sequence_numbers(name: str) -> None:
    client = client_by_uid()
    with pytest.raises(LocalProtocolError, match="UIDONLY is on"):
        client.send_command(BY_NUMBER[name])
    assert (sent(client), client.pending) == (b"", ())


@pytest.mark.parametrize("name", BY_UID)
def test_a_client_sends_uids(name: str) -> None:
    client = client_by_uid()
    client.send_command(BY_UID[name], "a")
    assert sent(client) == command_octets(BY_UID[name])


@pytest.mark.parametrize("name", BY_NUMBER)
def test_both_ends_take_sequence_numbers_before_it_is_enabled(name: str) -> None:
    server = logged_in_server(capabilities=OFFERED)
    server.send(EnabledData(("QRESYNC",)))
    feed(server, b"b SELECT INBOX\r\n")
    server.complete("b", Ok())
    assert feed(server, command_octets(BY_NUMBER[name])) == [TaggedCommand("a", BY_NUMBER[name])]


@pytest.mark.parametrize("name", ["QRESYNC", "SEARCH", "UID SEARCH by number", "FETCH"])
def test_sequence_numbers_do_not_pass_an_enable(name: str) -> None:
    enable = Enable(Capabilities([UIDONLY]))
    assert conflict(BY_NUMBER[name], [enable]) is not None
    assert conflict(UIDFetch(UIDSet("1"), (FLAGS,)), [enable]) is None
    other = Enable(Capabilities(["CONDSTORE"]))
    assert conflict(BY_NUMBER["QRESYNC"], [other]) is None


# Connections: what a server says.

NOT_BY_UID: list[Response] = [
    FetchData(1, SEEN),
    PreparedFetch(1, (SEEN,)),
    ESearchData("c", (("COUNT", 5),)),
    Ok("x", UnseenCode(12)),
]


@pytest.mark.parametrize("response", NOT_BY_UID, ids=lambda response: type(response).__name__)
def test_a_server_says_no_sequence_numbers(response: Response) -> None:
    server = server_by_uid()
    feed(server, b"c UID SEARCH ALL\r\n")
    with pytest.raises(LocalProtocolError, match="UIDONLY is on"):
        server.send(response)
    server.complete("c", Ok())
    assert sent(server) == b"c OK completed\r\n"


def test_a_tagged_status_has_no_sequence_number_either() -> None:
    server = server_by_uid()
    feed(server, b"c NOOP\r\n")
    with pytest.raises(LocalProtocolError, match="UNSEEN"):
        server.complete("c", Ok("x", UnseenCode(12)))
    server.complete("c", Ok())


def test_a_server_says_uids() -> None:
    server = server_by_uid()
    feed(server, b"c UID FETCH 7 (FLAGS BODY.PEEK[])\r\n")
    server.send(UIDFetchData(7, SEEN))
    server.send(PreparedUIDFetch(7, (prepare(SEEN), BodySection().answer(Streamed(2)))))
    server.send_literal(b"hi")
    server.send(ESearchData(None, (("ALL", UIDSet("5")),), is_uid=True))
    server.send(SearchData((7,)))
    server.send(ExistsData(10))
    server.complete("c", Ok())
    assert sent(server) == (
        b"* 7 UIDFETCH (FLAGS (\\Seen))\r\n* 7 UIDFETCH (FLAGS (\\Seen) BODY[] {2}\r\nhi)\r\n"
        b"* ESEARCH UID ALL 5\r\n* SEARCH 7\r\n* 10 EXISTS\r\nc OK completed\r\n"
    )


def test_vanished_stands_for_expunge() -> None:
    server = server_by_uid()
    feed(server, b"c EXPUNGE\r\n")
    with pytest.raises(LocalProtocolError, match=r"EXPUNGE: expected VANISHED .* \(RFC 9586"):
        server.send(ExpungeData(3))
    server.send(VanishedData(UIDSet("405,407,410,425")))
    server.complete("c", Ok("expunged"))
    assert sent(server) == b"* VANISHED 405,407,410,425\r\nc OK expunged\r\n"


def test_vanished_comes_while_idling() -> None:
    server = logged_in_server(capabilities=(*OFFERED, "IDLE"))
    server.send(EnabledData((UIDONLY,)))
    feed(server, b"b SELECT INBOX\r\n")
    server.complete("b", Ok())
    feed(server, b"c IDLE\r\n")
    server.accept_idle()
    sent(server)
    server.send(VanishedData(UIDSet("5")))
    server.send(UIDFetchData(6, SEEN))
    assert sent(server) == b"* VANISHED 5\r\n* 6 UIDFETCH (FLAGS (\\Seen))\r\n"


@pytest.mark.parametrize("response", [UIDFetchData(7, SEEN), PreparedUIDFetch(7, (SEEN,))])
def test_uidfetch_needs_enable(response: Response) -> None:
    server = logged_in_server(capabilities=OFFERED)
    feed(server, b"b SELECT INBOX\r\n")
    server.complete("b", Ok())
    feed(server, b"c NOOP\r\n")
    with pytest.raises(LocalProtocolError, match="expected FETCH before ENABLE UIDONLY"):
        server.send(response)
    server.send(FetchData(1, SEEN))


def test_who_offers_it_has_sticky_uids() -> None:
    server = logged_in_server(capabilities=OFFERED)
    feed(server, b"b SELECT INBOX\r\n")
    with pytest.raises(LocalProtocolError, match="UIDNOTSTICKY: not beside"):
        server.send(Ok("x", UIDNOTSTICKY))
    with pytest.raises(LocalProtocolError, match="UIDNOTSTICKY: not beside"):
        server.complete("b", Ok("x", UIDNOTSTICKY))
    other = logged_in_server(capabilities=("IMAP4rev1",))
    other.send(Ok("x", UIDNOTSTICKY))


# Connections: what a client reads.


def test_a_large_literal_has_the_uid() -> None:
    octets = b"* 40 UIDFETCH (FLAGS () BODY[] {12}\r\nhello, world)\r\n"
    events = client_events(octets, lambda: client_by_uid(IMAPLimits(max_inline_literal=8)))
    assert events == [
        LiteralStarted(None, BodySection(), 12, 40),
        LiteralData(b"hello, world"),
        LiteralEnded(12),
        UIDFetchData(40, FLAGS.answer(frozenset()), BodySection().answer(Streamed(12))),
    ]


def test_responses_come_in_any_pieces() -> None:
    octets = (
        b"* 25996 UIDFETCH (FLAGS (\\Seen))\r\n* VANISHED 405,407\r\n"
        b"* 25900 UIDFETCH (UID 25900 BODY[1] {2}\r\nhi)\r\n* 14590 EXISTS\r\n"
    )
    assert client_events(octets, client_by_uid) == [
        UIDFetchData(25996, SEEN),
        VanishedData(UIDSet("405,407")),
        UIDFetchData(25900, UID.answer(25900), BodySection((1,)).answer(b"hi")),
        ExistsData(14590),
    ]


def test_the_view_has_no_sequence_numbers() -> None:
    client = client_by_uid()
    feed(client, b"* 25996 UIDFETCH (FLAGS () UID 25996)\r\n* 10 EXISTS\r\n* VANISHED 405,407\r\n")
    view = client.view
    assert view is not None
    assert (view.exists, view.uid(1), view.sequence_number(25996), len(view.numbers)) == (8, None, None, 0)
    assert view.known_uid(UIDFetchData(5, SEEN)) == 5


def test_unauthenticate_forgets_it() -> None:
    server = logged_in_server(capabilities=(*OFFERED, "UNAUTHENTICATE"))
    server.send(EnabledData((UIDONLY,)))
    feed(server, b"a UNAUTHENTICATE\r\n")
    server.complete("a", Ok())
    assert now(server.enabled) == frozenset()


# Clients: whose answer a UIDFETCH is.


def line_by_uid(uid_next: int | None = 14, limits: IMAPLimits | None = None) -> Line:
    """Return a session with UIDONLY in a mailbox of three messages, the UIDs of which are not known."""
    line = Line(limits, selected=None)
    line.conn.receive_data(f"* CAPABILITY {' '.join(OFFERED)} IDLE\r\n".encode())
    task = line.start(flows.enable(line.session, [UIDONLY]))
    line.feed(b"* ENABLED UIDONLY", b"A1 OK done")
    assert task.result == {UIDONLY}
    line.start(flows.select(line.session, "INBOX"))
    uids = [] if uid_next is None else [b"* OK [UIDNEXT %d] ." % uid_next]
    line.feed(b"* 3 EXISTS", *uids, b"A2 OK done")
    line.sent()
    return line


def test_results_are_told_from_news() -> None:
    line = line_by_uid()
    fetching = Fetching(line.session, UIDSet("5:9"), (FLAGS, RFC822_SIZE))
    task = line.start(fetching.fill())
    assert line.sent() == [b"A3 UID FETCH 5:9 (FLAGS RFC822.SIZE)"]
    line.feed(
        b"* 5 UIDFETCH (FLAGS (a) RFC822.SIZE 1)",
        # News of another one, and of one in the set.
        b"* 12 UIDFETCH (FLAGS (b))",
        b"* 6 UIDFETCH (FLAGS (c))",
        b"* 9 UIDFETCH (RFC822.SIZE 3)",
        # In two pieces, between which others go.
        b"* VANISHED 1:3,8",
        b"* 9 UIDFETCH (FLAGS (d))",
        b"A3 OK done",
    )
    task.run(fetching.fill())
    assert [(data.uid, data.told) for data in fetching.ready] == [
        (5, ("UID", "FLAGS", "RFC822.SIZE")),
        (9, ("UID", "RFC822.SIZE", "FLAGS")),
    ]
    assert list(line.session.news) == [
        FlagsChanged(None, 12, frozenset({"b"})),
        Vanished(UIDSet("1:3,8")),
        FlagsChanged(None, 6, frozenset({"c"})),
    ]


def test_what_is_gone_before_its_rest_came() -> None:
    line = line_by_uid()
    fetching = Fetching(line.session, UIDSet("5:9"), (FLAGS, RFC822_SIZE))
    task = line.start(fetching.fill())
    line.feed(b"* 9 UIDFETCH (RFC822.SIZE 3)", b"* VANISHED 9", b"A3 OK done")
    assert task.is_done
    assert list(fetching.ready) == []


def test_two_commands_are_told_apart_by_uid() -> None:
    line = line_by_uid()
    first = Fetching(line.session, UIDSet("5"), (FLAGS,))
    second = Fetching(line.session, UIDSet("6"), (FLAGS,))
    line.start(first.fill())
    line.start(second.fill())
    line.feed(b"* 6 UIDFETCH (FLAGS (b))", b"* 5 UIDFETCH (FLAGS (a))", b"A4 OK done", b"A3 OK done")
    assert [data.uid for data in first.ready] == [5]
    assert [data.uid for data in second.ready] == [6]


def test_a_uidfetch_answers_no_command_by_number() -> None:
    """A server that breaks the rules: nobody has enabled UIDONLY."""
    line = Line()
    fetching = Fetching(line.session, SequenceSet("1:*"), (FLAGS, RFC822_SIZE))
    line.start(fetching.fill())
    line.feed(b"* 1 UIDFETCH (RFC822.SIZE 5)", b"* 2 UIDFETCH (FLAGS (a))", b"A2 OK done")
    assert list(fetching.ready) == []
    assert list(line.session.news) == [FlagsChanged(None, 2, frozenset({"a"}))]


def test_the_parts_of_a_limited_command_go_by_uid() -> None:
    line = line_by_uid()
    task = line.start(
        flows.store(line.session, flows.store_command(UIDSet("1:*"), StoreAction.ADD, ["a"], silent=False))
    )
    line.feed(b"* 90 UIDFETCH (FLAGS (a))", b"A3 OK [MESSAGELIMIT 1 90] partial")
    line.feed(b"* 80 UIDFETCH (FLAGS (a))", b"A4 OK done")
    assert line.sent() == [b"A3 UID STORE 1:* +FLAGS (a)", b"A4 UID STORE 1:89 +FLAGS (a)"]
    assert [data.uid for data in task.result] == [90, 80]


@pytest.mark.parametrize("most", [3, 1_024])
def test_a_download(most: int) -> None:
    line = line_by_uid(limits=IMAPLimits(max_inline_literal=most))
    download = Downloading(line.session, UIDSet("40"), "", is_decoding=False)
    task = line.start(download.open())
    line.feed(b"* 40 UIDFETCH (BODY[] {4}", b"x\r\ny)", b"A3 OK done")
    assert task.error is None
    assert b"".join(download.take()) == b"x\r\ny"


def test_a_large_section_is_part_of_the_result() -> None:
    line = line_by_uid(limits=IMAPLimits(max_inline_literal=3))
    fetching = Fetching(line.session, UIDSet("40"), (BodySection(),))
    task = line.start(fetching.fill())
    line.feed(b"* 40 UIDFETCH (BODY[] {4}", b"x\r\ny)", b"A3 OK done")
    assert task.error is None
    assert [(data.uid, data[BodySection()]) for data in fetching.ready] == [(40, b"x\r\ny")]


def test_nothing_is_sent_for_sequence_numbers() -> None:
    line = line_by_uid()
    idling = Idling(line.session)
    line.start(idling.open())
    line.feed(b"+ idling")
    line.sent()
    for flow in (
        Fetching(line.session, SequenceSet("1"), (FLAGS,)).fill(),
        flows.search(line.session, [Seen()]),
        flows.copy(line.session, Copy(SequenceSet("1"), "x")),
    ):
        task = line.start(flow)
        assert isinstance(task.error, LocalProtocolError)
        assert line.sent() == []
    assert line.conn.is_idling


# Clients: updates.


def test_updates_while_idling() -> None:
    line = line_by_uid()
    idling = Idling(line.session)
    task = line.start(idling.open())
    task.run(idling.fill())
    line.feed(b"+ idling", b"* 5 EXISTS", b"* 11 UIDFETCH (FLAGS (\\Seen))", b"* VANISHED 10")
    line.feed(b"A3 OK done")
    assert line.sent()[-1] == b"A4 UID SEARCH UID 14:4294967295"
    line.feed(b"* SEARCH 14 17", b"A4 OK done")
    assert list(idling.ready) == [
        FlagsChanged(None, 11, frozenset({"\\Seen"})),
        Vanished(UIDSet("10")),
        NewMessages(UIDSet("14,17"), 4),
    ]


def test_changed_annotations_are_told_by_uid() -> None:
    line = line_by_uid()
    line.conn.receive_data(b"* 11 UIDFETCH (ANNOTATION (/comment))\r\n")
    line.session.pump()
    task = line.start(poll(line.session))
    line.feed(b"A3 OK done")
    assert task.result == (AnnotationsChanged(None, 11, ("/comment",)),)


def test_what_is_wanted_of_new_messages_is_fetched_by_uid() -> None:
    line = line_by_uid()
    line.session.wanted_of_new = (RFC822_SIZE,)
    task = line.start(poll(line.session))
    line.feed(b"* 4 EXISTS", b"A3 OK done")
    line.feed(b"* SEARCH 14", b"A4 OK done")
    assert line.sent()[-1] == b"A5 UID FETCH 14 (UID RFC822.SIZE)"
    line.feed(b"* 14 UIDFETCH (RFC822.SIZE 5)", b"A5 OK done")
    assert task.result == (NewMessages(UIDSet("14"), 4, (UIDFetchData(14, RFC822_SIZE.answer(5)),)),)


@pytest.mark.parametrize("uid_next", [14, None])
def test_new_messages_of_which_notify_tells_are_asked_for(uid_next: int | None) -> None:
    """A UIDFETCH does not say that its message is new: no EXISTS is dropped for it (RFC 5465 section 5.2)."""
    line = line_by_uid(uid_next)
    events = (NotifyEvent("MessageNew", (UID,)), MESSAGE_EXPUNGE)
    line.conn.receive_data(b"* CAPABILITY %b NOTIFY\r\n" % " ".join(OFFERED).encode())
    line.session.pump()
    line.start(notify(line.session, [EventGroup(MailboxFilter("selected"), events)]))
    line.feed(b"A3 OK done")
    line.sent()
    line.conn.receive_data(b"* 4 EXISTS\r\n* 14 UIDFETCH (FLAGS (\\Seen))\r\n")
    line.session.pump()
    task = line.start(take_news(line.session))
    first = b"1" if uid_next is None else b"14"
    assert line.sent() == [b"A4 UID SEARCH UID %b:4294967295" % first]
    line.feed(b"* SEARCH 3 9 12 14" if uid_next is None else b"* SEARCH 14", b"A4 OK done")
    flags = FlagsChanged(None, 14, frozenset({"\\Seen"}))
    assert task.result == [flags, NewMessages(UIDSet("14"), 4)]


def test_new_messages_are_told_once() -> None:
    line = line_by_uid()
    task = line.start(poll(line.session))
    line.feed(b"* 4 EXISTS", b"A3 OK done")
    # One more comes before the server has answered.
    line.feed(b"* 5 EXISTS", b"* SEARCH 14 20", b"A4 OK done")
    assert task.result == (NewMessages(UIDSet("14"), 4),)
    task.run(poll(line.session))
    line.feed(b"A5 OK done")
    assert line.sent()[-1] == b"A6 UID SEARCH UID 15:4294967295"
    line.feed(b"* SEARCH 20", b"A6 OK done")
    assert task.result == (NewMessages(UIDSet("20"), 5),)


def test_new_messages_that_are_gone_again_are_no_news() -> None:
    line = line_by_uid()
    task = line.start(poll(line.session))
    line.feed(b"* 4 EXISTS", b"A3 OK done")
    line.feed(b"* VANISHED 14", b"* SEARCH", b"A4 OK done")
    assert task.result == ()


def test_new_messages_where_the_next_uid_is_not_known() -> None:
    line = line_by_uid(uid_next=None)
    task = line.start(poll(line.session))
    line.feed(b"* 5 EXISTS", b"A3 OK done")
    assert line.sent()[-1] == b"A4 UID SEARCH UID 1:4294967295"
    line.feed(b"* SEARCH 2 30 7 40 5", b"A4 OK done")
    assert task.result == (NewMessages(UIDSet("30,40"), 5),)


def test_new_messages_whose_uids_the_server_refuses_to_tell() -> None:
    line = line_by_uid()
    task = line.start(poll(line.session))
    line.feed(b"* 4 EXISTS", b"A3 OK done")
    line.feed(b"A4 NO not now")
    assert task.result == (NewMessages(UIDSet(), 4),)


def test_another_mailbox_has_other_uids() -> None:
    line = line_by_uid()
    task = line.start(poll(line.session))
    line.feed(b"* 4 EXISTS", b"A3 OK done")
    line.feed(b"* SEARCH 500", b"A4 OK done")
    task.run(flows.select(line.session, "other"))
    line.feed(b"* 1 EXISTS", b"* OK [UIDNEXT 7] .", b"A5 OK done")
    task.run(poll(line.session))
    line.feed(b"* 2 EXISTS", b"A6 OK done")
    assert line.sent()[-1] == b"A7 UID SEARCH UID 7:4294967295"


# Clients: the adapters.

ENABLED = b"* ENABLED UIDONLY\r\n{tag} OK done\r\n"
SELECTED = b"* 9 EXISTS\r\n* OK [UIDNEXT 100] .\r\n{tag} OK done\r\n"


def talk(adapter: str, answers: list[bytes], *calls: Callable[[Any], Any]) -> tuple[list[Any], list[bytes]]:
    """Return what the *calls* give behind ENABLE and SELECT, and what was sent for them."""

    def call(imap: Any) -> Any:
        if adapter == "sync":
            imap.enable("UIDONLY")
            imap.select("INBOX")
            return [one(imap) for one in calls]

        async def both() -> Any:
            await imap.enable("UIDONLY")
            await imap.select("INBOX")
            return [await one(imap) for one in calls]

        return both()

    capabilities = " ".join(OFFERED[1:])
    found, said = converse(adapter, capabilities, [ENABLED, SELECTED, *answers], call, selected=False)
    return found, said[2:]


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_clients_work_by_uid(adapter: str) -> None:
    answers = [
        b"* 40 UIDFETCH (FLAGS (\\Seen))\r\n* 41 UIDFETCH (UID 41 FLAGS ())\r\n{tag} OK done\r\n",
        b"* 40 UIDFETCH (FLAGS (a))\r\n{tag} OK done\r\n",
        b"* VANISHED 41\r\n* 8 EXISTS\r\n* 40 UIDFETCH (FLAGS ())\r\n{tag} OK done\r\n",
    ]
    (messages, stored, updates), said = talk(
        adapter,
        answers,
        lambda imap: imap.uid_fetch("40:41", FLAGS).all(),
        lambda imap: imap.uid_store(40, "+FLAGS", "a"),
        lambda imap: imap.poll(),
    )
    assert [(message.uid, message.flags) for message in messages] == [
        (40, frozenset({"\\Seen"})),
        (41, frozenset()),
    ]
    assert [message.uid for message in stored] == [40]
    assert updates == (Vanished(UIDSet("41")), FlagsChanged(None, 40, frozenset()))
    assert said == [b"UID FETCH 40:41 FLAGS", b"UID STORE 40 +FLAGS (a)", b"NOOP"]


@pytest.mark.parametrize("adapter", ADAPTERS)
@pytest.mark.parametrize("wanted", [(UIDONLY,), ("CONDSTORE", "UIDONLY")])
def test_it_is_enabled_where_it_is_wanted(wanted: tuple[str, ...], adapter: str) -> None:
    def call(imap: Any) -> Any:
        if adapter == "sync":
            imap.select("INBOX")
            return imap.enabled, imap.mailbox.exists

        async def both() -> Any:
            await imap.select("INBOX")
            return imap.enabled, imap.mailbox.exists

        return both()

    found, said = converse(
        adapter, "ENABLE UIDONLY", [ENABLED, SELECTED], call, selected=False, enable=wanted
    )
    assert found == ({UIDONLY}, 9)
    assert said == [b"ENABLE UIDONLY", b"SELECT INBOX"]


def test_it_is_not_among_what_is_enabled_by_default() -> None:
    assert UIDONLY not in ENABLED_BY_DEFAULT


REFUSED: dict[str, Callable[[Any], Any]] = {
    "fetch": lambda imap: imap.fetch("1", FLAGS).all(),
    "store": lambda imap: imap.store("1", "+FLAGS", "a"),
    "copy": lambda imap: imap.copy("1", "x"),
    "move": lambda imap: imap.move("1", "x"),
    "search": lambda imap: imap.search(Seen()),
    "sort": lambda imap: imap.sort("DATE"),
    "thread": lambda imap: imap.thread(),
    "replace": lambda imap: imap.replace(1, "x", b"hi"),
    "esearch": lambda imap: imap.esearch(Seen()),
    "set as a key": lambda imap: imap.uid_search(SequenceNumbers(SequenceSet("1"))),
}


@pytest.mark.parametrize("adapter", ADAPTERS)
@pytest.mark.parametrize("name", REFUSED)
def test_clients_refuse_sequence_numbers(name: str, adapter: str) -> None:
    with pytest.raises(LocalProtocolError, match="UIDONLY is on"):
        talk(adapter, [], REFUSED[name])


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_the_refusal_of_a_server_is_an_error(adapter: str) -> None:
    def call(imap: Any) -> Any:
        return imap.uid_fetch("1", FLAGS).all()

    with pytest.raises(IMAPStatusError) as caught:
        talk(adapter, [b"{tag} BAD [UIDREQUIRED] no numbers\r\n"], call)
    assert caught.value.code == UIDREQUIRED
