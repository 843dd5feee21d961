"""Deviations of a session, by servers that are scripts: their defects, and what the flows make of them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from mailproto.errors import (
    ConnectionClosed,
    Defect,
    IMAPStatusError,
    ItemMissing,
    RemoteProtocolError,
    ServerUnavailable,
)
from mailproto.flow import Flow
from mailproto.imap import client_flows as flows
from mailproto.imap.capability import Capabilities
from mailproto.imap.client import ClientEvent, IMAPClientConnection
from mailproto.imap.commands import (
    Command,
    Copy,
    Fetch,
    List,
    Logout,
    Noop,
    Search,
    Store,
    StoreAction,
    UIDCopy,
    UIDFetch,
    UIDSearch,
)
from mailproto.imap.events import CommandCompleted, ConnectionLost
from mailproto.imap.ext.enable import Enable
from mailproto.imap.ext.esearch import ESearchData
from mailproto.imap.ext.move import Move
from mailproto.imap.ext.namespace import Namespace
from mailproto.imap.ext.partial import PartialResults
from mailproto.imap.ext.qresync import VanishedData
from mailproto.imap.ext.sort import Sort, SortData, sort_criteria
from mailproto.imap.ext.uidonly import UIDFetchData
from mailproto.imap.ext.uidplus import CopyUIDCode
from mailproto.imap.fetch import FLAGS, INTERNALDATE, BodySection
from mailproto.imap.fetch_data import FetchData
from mailproto.imap.fetching import Fetching, Items
from mailproto.imap.inbox import Inboxes
from mailproto.imap.list_flows import list_command, list_extended
from mailproto.imap.parameters import SEARCH_RETURNS
from mailproto.imap.quirks import SESSION_QUIRKS, is_left_out, is_throttled, quirk_of
from mailproto.imap.responses import ExpungeData, SearchData
from mailproto.imap.search import All
from mailproto.imap.search_flows import esearch, search_command
from mailproto.imap.sequence import SequenceSet, UIDSet
from mailproto.imap.session_flows import logout, open_session
from mailproto.imap.status import Bye, Ok
from mailproto.imap.updates import Expunged, FlagsChanged
from mailproto.wants import Wants
from support_flows import run_script
from support_imap import feed, logged_in_client, selected_client, sent
from support_inbox import Line, Task
from support_split import for_every_split

HEADER = BodySection(specifier="HEADER")

# What each row of the table is tested by.
TESTS = {
    "a greeting other than BYE": "test_bye_as_the_greeting",
    "a tagged answer to LOGOUT": "test_a_logout_without_its_tagged_answer",
    "ESEARCH in answer to a search with RETURN": "test_search_where_esearch_was_asked",
    "MIN and MAX of a sorted search as its first and its last": "test_the_least_of_a_sorted_search",
    "a LIST with the options that are offered": "test_an_extended_list_that_is_refused",
    "an answer to NAMESPACE": "test_namespace_ends_the_session",
    "COPYUID in the tagged OK": "test_copied_uids_without_a_tag",
    "ENABLED in answer to ENABLE": "test_enable_without_enabled",
    "EXPUNGE only while a command is in progress that allows it": "test_an_expunge_during_fetch",
    "an EXPUNGE only of messages that exist": "test_more_expunges_than_messages",
    "FETCH, not UIDFETCH, before ENABLE UIDONLY": "test_uid_fetch_before_uid_only",
    "UIDFETCH, not FETCH, after ENABLE UIDONLY": "test_fetch_by_number_after_uid_only",
    "a FETCH response only once for each message": "test_flags_that_nobody_asked_for_between_the_answers",
    "a response code that says why": "test_a_refusal_for_a_while",
}


def test_each_row_has_a_test() -> None:
    assert [quirk.rule for quirk in SESSION_QUIRKS] == list(TESTS)
    assert all(name in globals() for name in TESTS.values())


# At the connection: commands, what comes while they are in progress, the kind of the event that shows the
# deviation, which is the last one, and the rule.


CAPABILITIES = (
    "IMAP4rev1 ENABLE ESEARCH ESORT SORT LIST-EXTENDED MOVE NAMESPACE QRESYNC SPECIAL-USE UIDONLY UIDPLUS"
)
ONE = SequenceSet("1")
COUNTED = SEARCH_RETURNS.of(["COUNT"])
ENDS = SEARCH_RETURNS.of(["MIN", "MAX", "ALL"])
DATE = sort_criteria("DATE")
UID_ONLY = Enable(Capabilities(["UIDONLY"]))
SPECIAL = list_command("", (), ["SPECIAL-USE"], ())

DEFECTS: list[tuple[Sequence[Command], bytes, type, str]] = [
    ([Logout()], b"* BYE x\r\n* BYE y\r\n", ConnectionLost, "a tagged answer to LOGOUT"),
    ([Logout()], b"", ConnectionLost, "a tagged answer to LOGOUT"),
    ([Namespace()], b"", ConnectionLost, "an answer to NAMESPACE"),
    (
        [Search(All(), returning=COUNTED)],
        b"* SEARCH 1\r\n",
        SearchData,
        "ESEARCH in answer to a search with RETURN",
    ),
    (
        [UIDSearch(All(), returning=COUNTED)],
        b"* SEARCH\r\n",
        SearchData,
        "ESEARCH in answer to a search with RETURN",
    ),
    (
        [Sort(DATE, All(), "UTF-8", returning=COUNTED)],
        b"* SORT 1\r\n",
        SortData,
        "ESEARCH in answer to a search with RETURN",
    ),
    *(
        (
            [Sort(DATE, All(), "UTF-8", returning=ENDS)],
            b'* ESEARCH (TAG "A1") %b ALL 5,3:4,9,7\r\n' % told,
            ESearchData,
            "MIN and MAX of a sorted search as its first and its last",
        )
        for told in (b"MIN 3 MAX 9", b"MIN 3", b"MIN 5 MAX 9")
    ),
    ([SPECIAL], b"A1 BAD what?\r\n", CommandCompleted, "a LIST with the options that are offered"),
    ([Copy(ONE, "x")], b"* OK [COPYUID 1 2 3] x\r\n", Ok, "COPYUID in the tagged OK"),
    ([UIDCopy(UIDSet("1"), "x")], b"* OK [COPYUID 1 2 3] x\r\n", Ok, "COPYUID in the tagged OK"),
    ([Enable(Capabilities(["QRESYNC"]))], b"A1 OK x\r\n", CommandCompleted, "ENABLED in answer to ENABLE"),
    *(
        (commands, octets, kind, "EXPUNGE only while a command is in progress that allows it")
        for octets, kind in ((b"* 1 EXPUNGE\r\n", ExpungeData), (b"* VANISHED 7\r\n", VanishedData))
        for commands in (
            [],
            [Fetch(ONE, (FLAGS,))],
            [Store(ONE, StoreAction.ADD, frozenset({"x"}))],
            [Search(All())],
        )
    ),
    *(
        (commands, b"* 7 UIDFETCH (FLAGS ())\r\n", UIDFetchData, "FETCH, not UIDFETCH, before ENABLE UIDONLY")
        for commands in ([], [Noop()], [UIDFetch(UIDSet("7"), (FLAGS,))])
    ),
    (
        [UID_ONLY],
        b"* 7 UIDFETCH (FLAGS ())\r\n",
        UIDFetchData,
        "FETCH, not UIDFETCH, before ENABLE UIDONLY",
    ),
    (
        [UID_ONLY],
        b"* ENABLED UIDONLY\r\n* 1 FETCH (UID 7 FLAGS ())\r\n",
        FetchData,
        "UIDFETCH, not FETCH, after ENABLE UIDONLY",
    ),
    ([Noop()], b"* 4 EXPUNGE\r\n", ExpungeData, "an EXPUNGE only of messages that exist"),
    ([Noop()], b"* 4294967295 EXPUNGE\r\n", ExpungeData, "an EXPUNGE only of messages that exist"),
]

VALID: list[tuple[Sequence[Command], bytes]] = [
    ([Logout()], b"* BYE x\r\nA1 OK x\r\n"),
    ([Logout()], b"* BYE idle for too long\r\n* BYE x\r\nA1 OK x\r\n"),
    ([Logout()], b"* BYE x\r\nA1 BAD x\r\n"),
    ([UID_ONLY], b"* ENABLED UIDONLY\r\n* 7 UIDFETCH (FLAGS ())\r\nA1 OK x\r\n"),
    ([UID_ONLY], b"* 1 FETCH (UID 7 FLAGS ())\r\n* ENABLED UIDONLY\r\nA1 OK x\r\n"),
    ([Namespace()], b"* NAMESPACE NIL NIL NIL\r\nA1 OK x\r\n"),
    ([Search(All())], b"* SEARCH 1\r\nA1 OK x\r\n"),
    ([Search(All(), returning=COUNTED)], b'* ESEARCH (TAG "A1") COUNT 1\r\nA1 OK x\r\n'),
    ([UIDSearch(All(), returning=COUNTED), UIDSearch(All())], b"* SEARCH 1\r\n"),
    ([Sort(DATE, All(), "UTF-8")], b"* SORT 5 3\r\nA1 OK x\r\n"),
    ([Sort(DATE, All(), "UTF-8", returning=ENDS)], b'* ESEARCH (TAG "A1") MIN 5 MAX 7 ALL 5,3:4,9,7\r\n'),
    ([Sort(DATE, All(), "UTF-8", returning=ENDS)], b'* ESEARCH (TAG "A1")\r\nA1 OK x\r\n'),
    ([Search(All(), returning=ENDS)], b'* ESEARCH (TAG "A1") MIN 3 MAX 9 ALL 5,3,9,7\r\n'),
    ([SPECIAL], b"A1 OK x\r\n"),
    ([SPECIAL], b"A1 NO x\r\n"),
    ([List("", "*")], b"A1 BAD x\r\n"),
    ([list_command("", (), ["X-OPTION"], ())], b"A1 BAD x\r\n"),
    ([Copy(ONE, "x")], b"A1 OK [COPYUID 1 2 3] x\r\n"),
    ([Move(ONE, "x")], b"* OK [COPYUID 1 2 3] x\r\n* 1 EXPUNGE\r\nA1 OK x\r\n"),
    ([Enable(Capabilities(["QRESYNC"]))], b"* ENABLED\r\nA1 OK x\r\n"),
    ([Enable(Capabilities(["QRESYNC"]))], b"A1 BAD x\r\n"),
    ([Noop()], b"* 3 EXPUNGE\r\n* 2 EXPUNGE\r\n* 1 EXPUNGE\r\nA1 OK x\r\n"),
    ([Noop()], b"* VANISHED 7\r\nA1 OK x\r\n"),
    ([UIDFetch(UIDSet("1"), (FLAGS,))], b"* 1 EXPUNGE\r\nA1 OK x\r\n"),
    ([UIDFetch(UIDSet("1"), (FLAGS,))], b"* VANISHED (EARLIER) 7\r\nA1 OK x\r\n"),
    ([UIDSearch(All())], b"* 1 EXPUNGE\r\n* SEARCH 1\r\nA1 OK x\r\n"),
    ([Fetch(ONE, (FLAGS,))], b"* VANISHED (EARLIER) 7\r\nA1 OK x\r\n"),
    ([Fetch(ONE, (FLAGS,))], b"* 1 FETCH (FLAGS ())\r\n* 1 FETCH (FLAGS (x))\r\nA1 OK x\r\n"),
]


def client_with(commands: Sequence[Command], *, strict: bool) -> IMAPClientConnection:
    """Return a client that waits for the answers to *commands*, with three messages unless it enables."""
    is_enabling = any(isinstance(command, Enable) for command in commands)
    client = (
        logged_in_client(CAPABILITIES, strict=strict)
        if is_enabling
        else selected_client(CAPABILITIES, exists=3, strict=strict)
    )
    for number, command in enumerate(commands, start=1):
        client.send_command(command, f"A{number}")
    sent(client)
    return client


def session_events(
    commands: Sequence[Command], octets: bytes, *, strict: bool, ends: bool
) -> list[ClientEvent]:
    """Return what *octets* give, cut in every way, and with *ends* the end of the connection."""

    def run(pieces: list[bytes]) -> list[ClientEvent]:
        client = client_with(commands, strict=strict)
        events = feed(client, *pieces)
        if ends:
            client.receive_eof()
            events += feed(client, b"")
        return events

    return for_every_split(octets, run)


@pytest.mark.parametrize("commands, octets, kind, rule", DEFECTS)
def test_a_deviation_is_a_defect_of_the_event_that_shows_it(
    commands: Sequence[Command], octets: bytes, kind: type, rule: str
) -> None:
    events = session_events(commands, octets, strict=False, ends=kind is ConnectionLost)
    assert type(events[-1]) is kind
    assert [defect.rule for event in events for defect in getattr(event, "defects", ())] == [rule]
    assert not is_left_out(Defect(rule, 0))


@pytest.mark.parametrize("commands, octets, kind, rule", DEFECTS)
def test_a_deviation_is_an_error_under_strict(
    commands: Sequence[Command], octets: bytes, kind: type, rule: str
) -> None:
    with pytest.raises(RemoteProtocolError, match=f"expected {rule}"):
        session_events(commands, octets, strict=True, ends=kind is ConnectionLost)


@pytest.mark.parametrize("commands, octets", VALID)
def test_what_is_allowed_is_no_deviation(commands: Sequence[Command], octets: bytes) -> None:
    """The transcripts of test_transcripts.py, which the RFCs have, run at a strict client too."""
    events = session_events(commands, octets, strict=True, ends=False)
    assert events
    assert events == session_events(commands, octets, strict=False, ends=False)


@pytest.mark.parametrize("command", [Logout(), Namespace(), Noop()], ids=lambda command: command.name)
def test_the_end_that_one_bye_announces_is_no_deviation(command: Command) -> None:
    """A BYE of autologout, or of a server that stops, may cross with any command (RFC 3501 section 7.1.5)."""
    events = session_events([command], b"* BYE idle for too long\r\n", strict=True, ends=True)
    bye, lost = events
    assert bye == Bye("idle for too long")
    assert isinstance(lost, ConnectionLost)
    assert (lost.is_clean, lost.defects) == (True, ())


def test_each_row_is_a_rule_or_allowed() -> None:
    assert {quirk.rule for quirk in SESSION_QUIRKS if not quirk.is_allowed} == {rule for *_, rule in DEFECTS}
    assert all(quirk_of(Defect(quirk.rule, 0)) is quirk for quirk in SESSION_QUIRKS)


def test_nothing_is_said_against_answers_to_octets() -> None:
    client = client_with([], strict=True)
    client.send_unchecked(b"x XEXPUNGE\r\n")
    assert feed(client, b"* 9 EXPUNGE\r\n* OK [COPYUID 1 2 3] x\r\n* SEARCH 1\r\n")
    client.receive_eof()
    assert feed(client, b"") == [ConnectionLost(False)]


# In the flows


def answered(line: Line, flow: Flow[object], *lines: bytes) -> Task:
    """Start *flow*, feed the lines, and return its task."""
    task = line.start(flow)
    line.feed(*lines)
    return task


# The ends


def test_bye_as_the_greeting() -> None:
    conn = IMAPClientConnection()
    with pytest.raises(ConnectionClosed, match="too many connections"):
        run_script(conn, open_session(Inboxes(conn)), [(b"", b"* BYE too many connections\r\n")])
    assert conn.wants is Wants.CLOSED


LOGOUTS = [
    pytest.param(b"* BYE bye\r\n", id="BYE"),
    pytest.param(b"* BYE bye\r\n* BYE again\r\n", id="BYE twice"),
    pytest.param(b"", id="nothing"),
]


@pytest.mark.parametrize("octets", LOGOUTS)
def test_a_logout_without_its_tagged_answer(octets: bytes) -> None:
    line = Line()
    task = line.start(logout(line.session))
    line.feed_octets(octets)
    assert not task.is_done
    line.feed_eof()
    assert (task.is_done, task.error) == (True, None)
    assert line.conn.wants is Wants.CLOSED


@pytest.mark.parametrize("ends", [(b"* BYE idle for too long",), (b"* BYE idle for too long", b"A2 OK bye")])
def test_a_logout_that_crosses_with_the_end_under_strict(ends: tuple[bytes, ...]) -> None:
    line = Line(strict=True)
    task = answered(line, logout(line.session), *ends)
    line.feed_eof()
    assert (task.is_done, task.error) == (True, None)
    assert line.conn.wants is Wants.CLOSED


def test_a_logout_after_the_end_that_was_announced() -> None:
    line = Line(strict=True)
    line.feed(b"* BYE idle for too long")
    line.session.pump()
    task = line.start(logout(line.session))
    assert (task.is_done, task.error, line.sent()) == (True, None, [])
    assert line.conn.wants is Wants.CLOSED


@pytest.mark.parametrize("answer", [b"A2 BYE bye", b"a2 bye bye", b"A2 BYE", b"A2 BAD what?"])
def test_a_logout_that_is_answered_by_something_else(answer: bytes) -> None:
    line = Line()
    task = answered(line, logout(line.session), answer.replace(b"a2", b"A2"))
    assert (task.is_done, task.error) == (True, None)
    assert line.conn.wants is Wants.CLOSED


def test_another_command_that_is_answered_by_bye() -> None:
    line = Line()
    task = answered(line, flows.noop(line.session), b"A2 BYE idle for too long")
    assert isinstance(task.error, IMAPStatusError)
    assert task.error.status.text == "idle for too long"


def test_namespace_ends_the_session() -> None:
    line = Line()
    task = line.start(flows.namespace(line.session))
    line.feed_eof()
    assert isinstance(task.error, ConnectionClosed)
    with_bye = Line()
    task = answered(with_bye, flows.namespace(with_bye.session), b"* BYE internal error")
    assert isinstance(task.error, ConnectionClosed)
    assert "internal error" in str(task.error)


# Answers that are missing, or are others


def test_enable_without_enabled() -> None:
    line = Line(selected=None)
    task = answered(line, flows.enable(line.session, ["CONDSTORE"]), b"A1 OK enabled")
    assert task.result == frozenset()
    assert line.conn.enabled == frozenset()


def test_mailboxes_that_are_not_listed() -> None:
    line = Line()
    assert answered(line, flows.list_mailboxes(line.session, "", "*"), b"A2 OK done").result == ()
    refused = answered(line, flows.list_mailboxes(line.session, "", "*"), b"A3 BAD what?")
    assert isinstance(refused.error, IMAPStatusError)


@pytest.mark.parametrize("wire", [b"* OK [%b] .", b"* [%b] .", b"[%b] .", b"OK [%b] ."])
def test_copied_uids_without_a_tag(wire: bytes) -> None:
    line = Line()
    flow = flows.copy(line.session, UIDCopy(UIDSet("11"), "Sent"))
    task = answered(line, flow, wire % b"COPYUID 5 11 20", b"A2 OK done")
    assert task.result == CopyUIDCode(5, UIDSet("11"), UIDSet("20"))


def test_nothing_was_copied() -> None:
    line = Line()
    flow = flows.copy(line.session, UIDCopy(UIDSet("11"), "Sent"))
    assert answered(line, flow, b"A2 OK [COPYUID 5  ] done").result is None


FOUND = [
    pytest.param(Search, "ALL", b"* SEARCH 5 3 4", {"ALL": SequenceSet("3:5")}, id="all"),
    pytest.param(UIDSearch, "ALL", b"* SEARCH 5 3 4", {"ALL": UIDSet("3:5")}, id="all by UID"),
    pytest.param(UIDSearch, "", b"* SEARCH 5", {"ALL": UIDSet("5")}, id="RETURN ()"),
    pytest.param(Search, "MIN MAX COUNT", b"* SEARCH 5 3 9", {"MIN": 3, "MAX": 9, "COUNT": 3}, id="numbers"),
    pytest.param(Search, "MIN MAX COUNT ALL", b"* SEARCH", {"COUNT": 0}, id="nothing"),
    pytest.param(
        UIDSearch,
        "PARTIAL 2:3",
        b"* SEARCH 9 7 5 3",
        {"PARTIAL": PartialResults(2, 3, UIDSet("5,7"))},
        id="a part",
    ),
    pytest.param(
        UIDSearch,
        "PARTIAL -1:-3",
        b"* SEARCH 9 7 5 3",
        {"PARTIAL": PartialResults(-1, -3, UIDSet("5,7,9"))},
        id="the last part",
    ),
    pytest.param(
        UIDSearch,
        "PARTIAL -1:-9",
        b"* SEARCH 9 7",
        {"PARTIAL": PartialResults(-1, -9, UIDSet("7,9"))},
        id="less than the last part",
    ),
    pytest.param(
        UIDSearch,
        "PARTIAL -5:-9",
        b"* SEARCH 9 7",
        {"PARTIAL": PartialResults(-5, -9, None)},
        id="nothing so far from the end",
    ),
    pytest.param(
        UIDSearch, "COUNT", b"* SEARCH 9 7 (MODSEQ 40)", {"COUNT": 2, "MODSEQ": 40}, id="a mod-sequence"
    ),
    pytest.param(Search, "SAVE COUNT", b"* SEARCH 9 7", {"COUNT": 2}, id="what cannot be made"),
]
OFFERED = b"IMAP4rev1 ESEARCH ESORT SORT SEARCHRES PARTIAL CONDSTORE LIST-EXTENDED SPECIAL-USE LIST-STATUS"


def offering() -> Line:
    """Return a line whose server offers what it does not have."""
    line = Line()
    line.feed(b"* CAPABILITY " + OFFERED)
    line.session.pump()
    return line


@pytest.mark.parametrize("kind, options, wire, results", FOUND)
def test_search_where_esearch_was_asked(
    kind: type[Search] | type[UIDSearch], options: str, wire: bytes, results: dict[str, object]
) -> None:
    line = offering()
    command = kind(All(), returning=SEARCH_RETURNS.of(_options(options)))
    task = answered(line, esearch(line.session, command), wire, b"A2 OK done")
    assert task.error is None
    assert task.result == ESearchData("A2", tuple(results.items()), kind is UIDSearch)
    assert not line.session.news


def _options(text: str) -> list[str]:
    """Return options of one word each, PARTIAL with its range."""
    return [text] if text.startswith("PARTIAL") else text.split()


def test_the_defects_of_the_answers_are_those_of_the_result() -> None:
    line = offering()
    command = search_command(UIDSearch, (), ["COUNT"], None)
    task = answered(line, esearch(line.session, command), b"* SEARCH 9 7", b"A2 OK done")
    assert [defect.rule for defect in task.result.defects] == ["ESEARCH in answer to a search with RETURN"]


def test_the_least_of_a_sorted_search() -> None:
    """It stays as it was told: without ALL nobody could tell."""
    line = offering()
    command = Sort(DATE, All(), "UTF-8", returning=ENDS)
    answer = b'* ESEARCH (TAG "A2") MIN 3 MAX 9 ALL 5,3,9,7'
    task = answered(line, esearch(line.session, command), answer, b"A2 OK done")
    assert (task.result.min, task.result.max) == (3, 9)
    assert list(task.result.all.in_order()) == [5, 3, 9, 7]
    assert [defect.rule for defect in task.result.defects] == [
        "MIN and MAX of a sorted search as its first and its last"
    ]


@pytest.mark.parametrize(
    "options, wanted", [("ALL", [5, 3, 9]), ("PARTIAL 1:2", [5, 3])], ids=["all", "a part"]
)
def test_sort_where_esearch_was_asked(options: str, wanted: list[int]) -> None:
    line = offering()
    returning = SEARCH_RETURNS.of([options, "MIN", "MAX"])
    command = Sort(sort_criteria("DATE"), All(), "UTF-8", returning=returning)
    task = answered(line, esearch(line.session, command), b"* SORT 5 3 9", b"A2 OK done")
    found = task.result.all or task.result.get("PARTIAL").numbers
    assert list(found.in_order()) == wanted
    assert (task.result.min, task.result.max) == (5, 9)


def test_a_search_in_progress_beside_it_keeps_its_answer() -> None:
    """A server may answer the second first: what is asked for is never taken by what is not."""
    line = offering()
    first = line.start(esearch(line.session, search_command(UIDSearch, (), ["COUNT"], None)))
    second = line.start(flows.uid_search(line.session, ()))
    line.feed(b"* SEARCH 7", b'* ESEARCH (TAG "A2") UID COUNT 3', b"A3 OK done", b"A2 OK done")
    assert second.result == UIDSet("7")
    assert first.result == ESearchData("A2", (("COUNT", 3),), True)


REFUSED = [
    pytest.param((), ["SPECIAL-USE"], [(b'LIST "" *', [b'LIST () "/" a'])], ["a"], id="RETURN"),
    pytest.param(
        ["SPECIAL-USE"],
        (),
        [(b'LIST "" *', [b'LIST (\\Sent) "/" a', b'LIST () "/" b'])],
        ["a"],
        id="what has a special use",
    ),
    pytest.param(
        ["SUBSCRIBED"],
        ["STATUS (MESSAGES)"],
        [(b'LIST "" *', [b'LIST () "/" a', b'LIST () "/" b']), (b'LSUB "" *', [b'LSUB () "/" b'])],
        ["b"],
        id="what is subscribed",
    ),
]


@pytest.mark.parametrize("answer", [b"BAD what?", b"OK done"], ids=["BAD", "nothing"])
@pytest.mark.parametrize("selection, returning, plain, names", REFUSED)
def test_an_extended_list_that_is_refused(
    selection: list[str],
    returning: list[str],
    plain: list[tuple[bytes, list[bytes]]],
    names: list[str],
    answer: bytes,
) -> None:
    line = offering()
    task = line.start(list_extended(line.session, list_command("", (), selection, returning)))
    line.sent()
    line.feed(b"A2 " + answer)
    for tag, (command, responses) in enumerate(plain, start=3):
        assert line.sent() == [b"A%d " % tag + command]
        line.feed(*(b"* " + response for response in responses), b"A%d OK done" % tag)
    assert task.error is None
    assert [(listed.data.mailbox, listed.answers) for listed in task.result] == [(name, ()) for name in names]


def test_a_list_of_nothing_is_an_error_under_strict_if_there_is_something() -> None:
    for listed in ([], [b'* LIST () "/" a']):
        line = Line(strict=True)
        line.feed(b"* CAPABILITY " + OFFERED)
        line.session.pump()
        command = list_command("", (), (), ["SPECIAL-USE"])
        task = answered(line, list_extended(line.session, command), b"A2 OK done")
        line.feed(*listed, b"A3 OK done")
        assert isinstance(task.error, RemoteProtocolError) == bool(listed)


def test_a_list_of_several_patterns_that_is_refused() -> None:
    line = offering()
    task = line.start(list_extended(line.session, list_command("", ("a", "b"), (), ())))
    line.feed(b"A2 BAD what?")
    line.feed(b'* LIST () "/" a', b"A3 OK done")
    line.feed(b'* LIST () "/" b', b"A4 OK done")
    assert [listed.data.mailbox for listed in task.result] == ["a", "b"]


def test_a_list_that_is_refused_for_another_reason() -> None:
    for selection, answer in ((["SPECIAL-USE"], b"NO no"), (["SUBSCRIBED", "RECURSIVEMATCH"], b"BAD what?")):
        line = offering()
        command = list_command("", (), selection, ())
        task = answered(line, list_extended(line.session, command), b"A2 " + answer)
        assert isinstance(task.error, IMAPStatusError)


def test_a_list_of_nothing_that_no_plain_one_can_tell() -> None:
    line = offering()
    command = list_command("", (), ["SUBSCRIBED", "RECURSIVEMATCH"], ())
    assert answered(line, list_extended(line.session, command), b"A2 OK done").result == ()


# FETCH


def fetched(line: Line, numbers: SequenceSet | UIDSet, items: Items, *lines: bytes) -> list[FetchData]:
    """Return what a FETCH gives that these lines answer."""
    fetching = Fetching(line.session, numbers, (items,))
    answered(line, fetching.fill(), *lines)
    found = list(fetching.ready)
    fetching.ready.clear()
    while not fetching.is_finished:
        line.start(fetching.fill())
        found += fetching.ready
        fetching.ready.clear()
    return found


def test_an_expunge_during_fetch() -> None:
    line = Line()
    found = fetched(
        line,
        UIDSet("11:13"),
        (FLAGS, HEADER),
        b"* 1 FETCH (UID 11 FLAGS () BODY[HEADER] {1}\r\na)",
        b"* 3 FETCH (UID 13 FLAGS ())",
        b"* 2 EXPUNGE",
        b"* 2 FETCH (UID 13 BODY[HEADER] {1}\r\nc)",
        b"A2 OK done",
    )
    assert [(data.uid, data[HEADER], FLAGS in data) for data in found] == [(11, b"a", True), (13, b"c", True)]
    assert list(line.session.news) == [Expunged(2, None)]
    assert line.conn.view is not None
    assert line.conn.view.exists == 2


def test_more_expunges_than_messages() -> None:
    line = Line()
    answered(line, flows.noop(line.session), *[b"* 3 EXPUNGE"] * 5, b"A2 OK done")
    assert line.conn.view is not None
    assert line.conn.view.exists == 0
    # No EXISTS has told how many there are after these.
    answered(line, flows.noop(line.session), b"* 1 EXISTS", b"A3 OK done")
    assert line.conn.view.exists == 1


def test_flags_that_nobody_asked_for_between_the_answers() -> None:
    line = Line()
    found = fetched(
        line,
        UIDSet("11:12"),
        (HEADER,),
        b"* 1 FETCH (UID 11 BODY[HEADER] {1}\r\na)",
        b"* 2 FETCH (FLAGS (\\Seen))",
        b"* 1 FETCH (FLAGS (\\Seen))",
        b"* 2 FETCH (UID 12 BODY[HEADER] {1}\r\nb)",
        b"* 1 FETCH (FLAGS ())",
        b"A2 OK done",
    )
    assert [(data.uid, data[HEADER]) for data in found] == [(11, b"a"), (12, b"b")]
    assert [type(news) for news in line.session.news] == [FlagsChanged] * 3


def test_flags_of_one_message_twice() -> None:
    line = Line()
    found = fetched(
        line,
        UIDSet("11"),
        (FLAGS,),
        b"* 1 FETCH (UID 11 FLAGS ())",
        b"* 1 FETCH (UID 11 FLAGS (\\Seen))",
        b"A2 OK done",
    )
    assert [data.flags for data in found] == [frozenset()]
    assert [type(news) for news in line.session.news] == [FlagsChanged]


def test_an_item_that_cannot_be_read_costs_that_item() -> None:
    line = Line()
    found = fetched(
        line,
        UIDSet("11:12"),
        (FLAGS, HEADER),
        b"* 1 FETCH (UID 11 BODY[HEADER] FLAGS (\\Seen))",
        b"* 2 FETCH (UID 12 FLAGS () BODY[HEADER] {1}\r\nb)",
        b"A2 OK done",
    )
    assert [data.uid for data in found] == [11, 12]
    assert [HEADER in data for data in found] == [False, True]
    assert [defect.rule for defect in found[0].defects] == ["a value behind each item"]
    assert not line.session.news


def test_a_message_without_a_date_is_an_answer() -> None:
    line = Line()
    nothing = b'"00-Jan-0000 00:00:00 +0000"'
    found = fetched(
        line,
        UIDSet("11:12"),
        INTERNALDATE,
        b"* 1 FETCH (UID 11 INTERNALDATE %b)" % nothing,
        b"* 2 FETCH (INTERNALDATE %b UID 12)" % nothing,
        b"* 3 FETCH (INTERNALDATE %b UID 13)" % nothing,
        b"A2 OK done",
    )
    assert [data.uid for data in found] == [11, 12]
    with pytest.raises(ItemMissing):
        _ = found[0].internal_date


def test_unasked_flags_with_spaces_are_news() -> None:
    line = Line()
    found = fetched(
        line,
        UIDSet("11"),
        (FLAGS, HEADER),
        b"* 1 FETCH (UID 11 FLAGS () BODY[HEADER] {1}\r\na)",
        b"* 1 FETCH (FLAGS (\\Seen ))",
        b"A2 OK done",
    )
    assert [data.uid for data in found] == [11]
    assert [type(news) for news in line.session.news] == [FlagsChanged]


def test_uid_fetch_before_uid_only() -> None:
    """It is news of the message all the same."""
    line = Line()
    found = fetched(line, UIDSet("11"), FLAGS, b"* 11 UIDFETCH (FLAGS (\\Seen))", b"A2 OK done")
    assert [(data.uid, data.flags) for data in found] == [(11, frozenset({"\\Seen"}))]
    assert [defect.rule for data in found for defect in data.defects] == [
        "FETCH, not UIDFETCH, before ENABLE UIDONLY"
    ]


def test_fetch_by_number_after_uid_only() -> None:
    line = Line()
    line.feed(b"* ENABLED UIDONLY")
    line.session.pump()
    answer = b"* 1 FETCH (UID 11 FLAGS (\\Seen))"
    found = fetched(line, UIDSet("11"), FLAGS, answer, b"A2 OK done")
    assert [(data.uid, data.flags) for data in found] == [(11, frozenset({"\\Seen"}))]
    assert [defect.rule for data in found for defect in data.defects] == [
        "UIDFETCH, not FETCH, after ENABLE UIDONLY"
    ]


# Refusals for a while

THROTTLING = [
    "Request is throttled. Suggested Backoff Time: 299961 milliseconds",
    "User is authenticated but not connected.",
    "Server Busy, please try again",
    "Too many requests",
]
OTHERS = ["Command Argument Error. 12", "not throttling", "", "unthrottled", "the server is busybox"]


@pytest.mark.parametrize("text", THROTTLING)
@pytest.mark.parametrize("status", [b"NO", b"BAD"])
def test_a_refusal_for_a_while(status: bytes, text: str) -> None:
    line = Line()
    task = answered(line, flows.noop(line.session), b"A2 %b %b" % (status, text.encode()))
    assert isinstance(task.error, ServerUnavailable)
    assert task.error.is_transient
    assert task.error.status.text == text


def test_a_response_code_says_more_than_the_text() -> None:
    line = Line()
    task = answered(line, flows.noop(line.session), b"A2 NO [OVERQUOTA] Request is throttled.")
    assert not isinstance(task.error, ServerUnavailable)


@pytest.mark.parametrize("text", OTHERS)
def test_other_texts_say_nothing(text: str) -> None:
    assert not is_throttled(text)
