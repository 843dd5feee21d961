"""IMAP4rev1 and IMAP4rev2 side by side: which is spoken, and what that changes on the wire (RFC 9051)."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mailproto._secret import Secret
from mailproto.errors import LocalProtocolError, RemoteProtocolError
from mailproto.imap.capability import Capabilities
from mailproto.imap.client import IMAPClientConnection
from mailproto.imap.codec import parse_commands, parse_responses, serialize
from mailproto.imap.codes import ALERT, CLOSED, UnseenCode
from mailproto.imap.commands import (
    Append,
    Authenticate,
    Capability,
    Command,
    Create,
    LSub,
    Noop,
    Search,
    Select,
    Store,
    StoreAction,
    TaggedCommand,
    UIDSearch,
)
from mailproto.imap.events import CommandCompleted, InvalidCommand
from mailproto.imap.ext.condstore import HighestModSeqCode
from mailproto.imap.ext.context import UpdateResults
from mailproto.imap.ext.enable import Enable
from mailproto.imap.ext.esearch import ALL, COUNT, MAX, MIN, ESearchData
from mailproto.imap.ext.searchres import SAVE
from mailproto.imap.ext.unauthenticate import Unauthenticate
from mailproto.imap.fetch import FLAGS, RFC822_SIZE, UID
from mailproto.imap.fetch_data import FetchData
from mailproto.imap.mailbox import check_mailbox
from mailproto.imap.mailbox_data import FlagsData, ListData, LSubData, RecentData, SearchData
from mailproto.imap.parameters import Parameter
from mailproto.imap.pipelining import conflict
from mailproto.imap.responses import CapabilityData, EnabledData, ExistsData, Response
from mailproto.imap.revisions import search_answer
from mailproto.imap.search import All, Subject
from mailproto.imap.sequence import SequenceSet, UIDSet
from mailproto.imap.server import IMAPServerConnection
from mailproto.imap.status import Ok
from support_imap import (
    client_events,
    feed,
    greeted_client,
    greeted_server,
    logged_in_client,
    logged_in_server,
    selected_server,
    sent,
    server_events,
)
from support_imap_strategies import commands, mailboxes

REV1 = ("IMAP4rev1", "ENABLE")
BOTH = ("IMAP4rev1", "IMAP4rev2", "ENABLE")
REV2 = ("IMAP4rev2",)
OFFERS = {"rev1": REV1, "both": BOTH, "rev2": REV2}
ENABLE = Enable(Capabilities(["IMAP4rev2"]))
NAME = "Entwürfe"
RAW = NAME.encode()
UTF7 = b"Entw&APw-rfe"


# Which one is spoken


SPOKEN = [("rev1", "", False), ("both", "", False), ("both", "IMAP4rev2", True), ("rev2", "", True)]


@pytest.mark.parametrize(("offer", "enabled", "rev2"), SPOKEN)
def test_which_revision_is_spoken(offer: str, enabled: str, rev2: bool) -> None:
    client = logged_in_client(" ".join(OFFERS[offer]))
    server = logged_in_server(capabilities=OFFERS[offer])
    if enabled:
        client.send_command(ENABLE, "e")
        assert sent(client) == b"e ENABLE IMAP4rev2\r\n"
        feed(server, b"e ENABLE IMAP4rev2\r\n")
        server.send(EnabledData([enabled]))
        feed(client, b"* ENABLED IMAP4rev2\r\n")
        server.complete("e", Ok())
        feed(client, b"e OK done\r\n")
        sent(server)
    assert (client.is_rev2, client.is_utf8) == (rev2, rev2)
    assert (server.is_rev2, server.is_utf8) == (rev2, rev2)
    name = b'"%b"' % RAW if rev2 else UTF7
    client.send_command(Select(NAME), "s")
    assert sent(client) == b"s SELECT " + name + b"\r\n"
    assert feed(server, b"s SELECT " + name + b"\r\n") == [TaggedCommand("s", Select(NAME))]
    data = ListData(frozenset(), "/", NAME)
    server.send(data)
    assert sent(server) == b'* LIST () "/" ' + name + b"\r\n"
    assert feed(client, b'* LIST () "/" ' + name + b"\r\n") == [data]


def test_a_client_does_not_know_before_it_has_the_capabilities() -> None:
    client = greeted_client(b"* OK ready\r\n")
    assert not client.is_rev2
    client.send_command(Capability(), "c")
    feed(client, b"* CAPABILITY IMAP4rev2\r\n")
    assert client.is_rev2


def test_a_server_of_rev2_alone_speaks_it_before_login() -> None:
    server = greeted_server(capabilities=REV2)
    assert server.is_rev2
    (login,) = feed(server, 'a LOGIN "jörg" x\r\n'.encode())
    assert isinstance(login, TaggedCommand)


def test_enabled_takes_effect_for_the_next_message_of_the_client() -> None:
    said = b'* ENABLED IMAP4rev2\r\n* LIST () "/" "%b"\r\na OK d\xc3\xa9j\xc3\xa0\r\n' % RAW

    def make() -> IMAPClientConnection:
        client = logged_in_client(" ".join(BOTH), strict=True)
        client.send_command(ENABLE, "a")
        return client

    assert client_events(said, make) == [
        EnabledData(["IMAP4rev2"]),
        ListData(frozenset(), "/", NAME),
        CommandCompleted(tag="a", command=ENABLE, status=Ok("déjà")),
    ]
    with pytest.raises(RemoteProtocolError):
        feed(make(), b'* LIST () "/" "%b"\r\n' % RAW)


def test_unauthenticate_ends_it() -> None:
    capabilities = (*BOTH, "UNAUTHENTICATE")
    client = logged_in_client(" ".join(capabilities))
    feed(client, b"* ENABLED IMAP4rev2\r\n")
    client.send_command(Unauthenticate(), "u")
    feed(client, b"u OK [CAPABILITY IMAP4rev1 IMAP4rev2] done\r\n")
    assert not client.is_rev2
    server = logged_in_server(capabilities=capabilities)
    feed(server, b"e ENABLE IMAP4rev2\r\n")
    server.send(EnabledData(["IMAP4rev2"]))
    server.complete("e", Ok())
    feed(server, b"u UNAUTHENTICATE\r\n")
    server.complete("u", Ok())
    assert not server.is_rev2


def test_nothing_is_sent_behind_an_enable_whose_answer_decides_how() -> None:
    assert conflict(Select(NAME), [ENABLE]) is not None
    assert conflict(Select(NAME), [Enable(Capabilities(["CONDSTORE"]))]) is None


# The wire


COMMANDS: list[tuple[bytes, Command]] = [
    (b'CREATE "%b"' % RAW, Create(NAME)),
    (b"CREATE a&b", Create("a&b")),
    (b"CREATE {3}\r\na\r\n", Create("a\r\n")),
    (b'SEARCH SUBJECT "%b"' % RAW, Search(Subject(NAME))),
    (b"SEARCH SUBJECT x", Search(Subject("x"))),
    (b"SEARCH CHARSET UTF-8 SUBJECT x", Search(Subject("x"), "UTF-8")),
    (b"SEARCH CHARSET US-ASCII SUBJECT x", Search(Subject("x"), "US-ASCII")),
    (b"SEARCH CHARSET ISO-8859-1 SUBJECT {8}\r\nEntw\xfcrfe", Search(Subject(NAME), "ISO-8859-1")),
    (b'LSUB "" "%b"' % RAW, LSub("", NAME)),
]


@pytest.mark.parametrize(("wire", "command"), COMMANDS)
def test_commands(wire: bytes, command: Command) -> None:
    octets = b"a " + wire + b"\r\n"
    tagged = TaggedCommand("a", command)
    assert serialize(tagged, rev2=True) == octets
    assert parse_commands(octets, rev2=True, strict=True) == [tagged]


def test_octets_that_are_not_utf8_are_a_bad_command_and_a_defect_of_a_response() -> None:
    assert isinstance(parse_commands(b'a SELECT "\xe9"\r\n', rev2=True)[0], InvalidCommand)
    (data,) = parse_responses(b'* LIST () "/" "\xe9"\r\n', rev2=True)
    assert [defect.rule for defect in getattr(data, "defects", ())] == ["UTF-8 in a quoted string"]


def test_a_redundant_charset_is_read() -> None:
    octets = b'a SEARCH CHARSET UTF-8 SUBJECT "%b"\r\n' % RAW
    (tagged,) = parse_commands(octets, rev2=True, strict=True)
    assert tagged == TaggedCommand("a", Search(Subject(NAME)))


def test_no_charset_where_utf8_is_enabled_too() -> None:
    (event,) = parse_commands(b"a SEARCH CHARSET UTF-8 ALL\r\n", utf8=True, rev2=True)
    assert isinstance(event, InvalidCommand)
    with pytest.raises(LocalProtocolError, match="charset"):
        serialize(TaggedCommand("a", Search(Subject("x"), "ISO-8859-1")), utf8=True, rev2=True)


RESPONSES: list[tuple[bytes, Response]] = [
    (b'* LIST () "/" "%b"' % RAW, ListData(frozenset(), "/", NAME)),
    (
        b'* LIST () "/" "%b" ("OLDNAME" ("%b"))' % (RAW, "Entwu\u0308rfe".encode()),
        ListData(frozenset(), "/", NAME, extended=(("OLDNAME", "Entwu\u0308rfe"),)),
    ),
    (b'* ESEARCH (TAG "a") COUNT 0', ESearchData("a", (("COUNT", 0),))),
    (b"* 1 FETCH (RFC822.SIZE 9223372036854775807)", FetchData(1, RFC822_SIZE.answer(2**63 - 1))),
]


@pytest.mark.parametrize(("wire", "response"), RESPONSES)
def test_responses(wire: bytes, response: Response) -> None:
    octets = wire + b"\r\n"
    assert serialize(response, rev2=True) == octets
    assert parse_responses(octets, rev2=True, strict=True) == [response]


@pytest.mark.parametrize(
    ("wire", "status"),
    [(b"* OK ", Ok.of_parsed("", None)), (b"* OK [ALERT] ", Ok.of_parsed("", ALERT))],
)
def test_the_text_of_a_status_may_be_empty(wire: bytes, status: Ok) -> None:
    assert parse_responses(wire + b"\r\n", rev2=True, strict=True) == [status]
    (before,) = parse_responses(wire + b"\r\n")
    assert before == status
    assert len(getattr(before, "defects", ())) == 1


def test_the_space_before_an_empty_text_stays() -> None:
    for wire in (b"* OK\r\n", b"* OK [ALERT]\r\n"):
        (status,) = parse_responses(wire, rev2=True)
        assert len(getattr(status, "defects", ())) == 1


@given(commands, st.booleans())
def test_commands_go_round(command: Command, utf8: bool) -> None:
    """Where UTF8=ACCEPT is enabled too, a charset is not said."""
    tagged = TaggedCommand("a", command)
    assume(not utf8 or getattr(command, "charset", None) is None)
    octets = serialize(tagged, utf8=utf8, rev2=True)
    assert parse_commands(octets, utf8=utf8, rev2=True) == [tagged]


@given(mailboxes, mailboxes)
def test_names_in_responses_go_round(name: str, old: str) -> None:
    data = ListData(frozenset(), "/", name, extended=(("OLDNAME", check_mailbox(old)),))
    assert parse_responses(serialize(data, rev2=True), rev2=True, strict=True) == [data]


def test_the_codec_switches_by_itself() -> None:
    commands = b'a CREATE Entw&APw-rfe\r\nb ENABLE IMAP4rev2\r\nc CREATE "%b"\r\n' % RAW
    assert [getattr(tagged, "command", None) for tagged in parse_commands(commands, strict=True)] == [
        Create(NAME),
        ENABLE,
        Create(NAME),
    ]
    data = ListData(frozenset(), "/", NAME)
    new = b'* LIST () "/" "%b"\r\n' % RAW
    old = b'* LIST () "/" Entw&APw-rfe\r\n'
    assert parse_responses(old + b"* ENABLED IMAP4rev2\r\n" + new, strict=True)[::2] == [data, data]
    for offer in (
        b"* CAPABILITY IMAP4rev2 IDLE\r\n",
        b"* OK [CAPABILITY IMAP4rev2] hi\r\n",
        b"a OK [CAPABILITY IMAP4rev2] in\r\n",
    ):
        assert parse_responses(offer + new, strict=True)[1] == data
        both = offer.replace(b"IMAP4rev2", b"IMAP4rev2 IMAP4rev1")
        assert parse_responses(both + old, strict=True)[1] == data


# What a client may ask for


ASKED: list[tuple[bytes, str]] = [
    (b"CHECK", "rev1 both"),
    (b'LSUB "" *', "rev1 both"),
    (b"FETCH 1 RFC822", "rev1 both"),
    (b"UID FETCH 1 (UID RFC822.HEADER)", "rev1 both"),
    (b"FETCH 1 RFC822.TEXT", "rev1 both"),
    (b"STATUS INBOX (MESSAGES RECENT)", "rev1 both"),
    (b"SEARCH NEW", "rev1 both"),
    (b"SEARCH NOT OLD", "rev1 both"),
    (b"UID SEARCH OR RECENT SEEN", "rev1 both"),
    (b"FETCH 1 (FLAGS RFC822.SIZE BODY[])", "rev1 both rev2"),
    (b"STATUS INBOX (MESSAGES UNSEEN)", "rev1 both rev2"),
    (b"STATUS INBOX (DELETED)", "rev1 both rev2"),
    (b"STATUS INBOX (SIZE)", "both rev2"),
    (b"FETCH 1 (BINARY[1] BINARY.PEEK[2] BINARY.SIZE[1])", "both rev2"),
    (b"UID SEARCH RETURN (SAVE COUNT) ALL", "both rev2"),
    (b"SEARCH RETURN () ALL", "both rev2"),
    (b"UID FETCH $ FLAGS", "both rev2"),
    (b'LIST (SUBSCRIBED RECURSIVEMATCH) "" "%" RETURN (CHILDREN STATUS (MESSAGES))', "both rev2"),
    # One pattern in parentheses is that pattern.
    (b'LIST "" ("%")', "rev1 both rev2"),
    (b'LIST "" ("a" "b")', ""),
    (b'LIST (SPECIAL-USE) "" "%"', ""),
    (b"CREATE x (USE (\\Drafts))", ""),
    (b"APPEND INBOX ~{1}\r\n\0", ""),
    (b"MOVE 1 x", "both rev2"),
    (b"UID MOVE 1 x", "both rev2"),
    (b"UID EXPUNGE 1", "both rev2"),
    (b"UNSELECT", "both rev2"),
    (b"NAMESPACE", "both rev2"),
    (b"IDLE", "both rev2"),
    (b"SORT (DATE) UTF-8 ALL", ""),
    (b"SEARCH LARGER 4294967295", "rev1 both rev2"),
    (b"SEARCH NOT SMALLER 4294967296", "both rev2"),
]


def one_event(server: IMAPServerConnection, octets: bytes) -> object:
    (event,) = feed(server, octets)
    return event


@pytest.mark.parametrize("offer", OFFERS)
@pytest.mark.parametrize(("wire", "offers"), ASKED)
def test_what_a_server_takes(wire: bytes, offers: str, offer: str) -> None:
    event = one_event(selected_server(capabilities=OFFERS[offer]), b"a " + wire + b"\r\n")
    assert isinstance(event, TaggedCommand if offer in offers.split() else InvalidCommand)


def test_what_was_removed_is_refused_by_name() -> None:
    event = one_event(selected_server(capabilities=REV2), b"a FETCH 1 (UID RFC822)\r\n")
    assert isinstance(event, InvalidCommand)
    assert event.status.text == "FETCH: RFC822 needs IMAP4REV1, which is not offered"


def test_binary_is_more_than_its_part_in_rev2() -> None:
    event = one_event(selected_server(capabilities=(*REV2, "BINARY")), b"a APPEND INBOX ~{1}\r\n\0\r\n")
    assert isinstance(event, TaggedCommand)
    several = one_event(selected_server(capabilities=(*REV2, "LIST-EXTENDED")), b'a LIST "" ("a" "b")\r\n')
    assert isinstance(several, TaggedCommand)


# What a server may send


NEWS = FetchData(1, FLAGS.answer(frozenset({"\\Seen"})))
SENT: list[tuple[str, Response, bool]] = [
    ("SEARCH ALL", SearchData((1,)), False),
    ("SEARCH ALL", ESearchData("a", (("ALL", SequenceSet("1")),)), True),
    ("NOOP", RecentData(0), False),
    ("NOOP", LSubData(frozenset(), "/", "x"), False),
    ('LSUB "" *', LSubData(frozenset(), "/", "x"), True),
    ("NOOP", FlagsData(frozenset({"\\Seen", "\\Recent"})), False),
    ("NOOP", FlagsData(frozenset({"\\Seen"})), True),
    ("NOOP", Ok("first", UnseenCode(1)), False),
    ("NOOP", Ok("closed", CLOSED), True),
    ("NOOP", Ok("new", HighestModSeqCode(1)), True),
    ("NOOP", NEWS, False),
    ("NOOP", FetchData(1, UID.answer(7), FLAGS.answer(frozenset())), True),
    ("FETCH 1 FLAGS", NEWS, True),
    ("STORE 1 FLAGS (x)", NEWS, True),
    ("NOOP", ExistsData(2), True),
]


@pytest.mark.parametrize(("line", "response", "is_fine"), SENT)
def test_what_a_server_sends_in_rev2(line: str, response: Response, is_fine: bool) -> None:
    server = selected_server(capabilities=BOTH)
    server.receive_data(f"a {line}\r\n".encode())
    assert isinstance(server.next_event(), TaggedCommand)
    before = serialize(response)
    server.send(response)
    assert sent(server) == before
    server.send(EnabledData(["IMAP4rev2"]))
    sent(server)
    if is_fine:
        server.send(response)
        assert sent(server) == before
        return
    with pytest.raises(LocalProtocolError, match="in IMAP4rev2"):
        server.send(response)
    assert sent(server) == b""


def test_news_without_a_command_has_a_uid() -> None:
    server = selected_server(capabilities=REV2)
    with pytest.raises(LocalProtocolError, match="UID"):
        server.send(NEWS)
    server.send(FetchData(1, UID.answer(7)))


# Literals and initial responses


HOW: list[tuple[str, bytes]] = [
    ("IMAP4rev1", b"a APPEND INBOX {1}\r\n"),
    ("IMAP4rev1 LITERAL-", b"a APPEND INBOX {1+}\r\n\n\r\n"),
    ("IMAP4rev1 IMAP4rev2", b"a APPEND INBOX {1}\r\n"),
    ("IMAP4rev2", b"a APPEND INBOX {1+}\r\n\n\r\n"),
]


@pytest.mark.parametrize(("offered", "octets"), HOW)
def test_literal_minus_is_part_of_rev2(offered: str, octets: bytes) -> None:
    client = logged_in_client(offered)
    client.send_command(Append("INBOX", b"\n"), "a")
    assert sent(client) == octets


def test_literal_minus_once_rev2_is_enabled() -> None:
    client = logged_in_client(" ".join(BOTH))
    feed(client, b"* ENABLED IMAP4rev2\r\n")
    client.send_command(Append("INBOX", b"\n"), "a")
    assert sent(client) == b"a APPEND INBOX {1+}\r\n\n\r\n"


@pytest.mark.parametrize("offer", ["both", "rev2"])
def test_a_server_takes_what_either_client_says(offer: str) -> None:
    capabilities = (*OFFERS[offer], "AUTH=PLAIN")
    octets = b"a AUTHENTICATE PLAIN AHUAcA==\r\n"
    [tagged] = server_events(octets, lambda: greeted_server(capabilities=capabilities))
    assert isinstance(tagged, TaggedCommand)
    assert isinstance(tagged.command, Authenticate)
    [created] = server_events(b"a CREATE {1+}\r\nx\r\n", lambda: logged_in_server(capabilities=capabilities))
    assert created == TaggedCommand("a", Create("x"))


INITIAL = [
    ("IMAP4rev1", False),
    ("IMAP4rev1 SASL-IR", True),
    ("IMAP4rev1 IMAP4rev2", False),
    ("IMAP4rev2", True),
]


@pytest.mark.parametrize(("offered", "is_legal"), INITIAL)
def test_an_initial_response_is_part_of_rev2(offered: str, is_legal: bool) -> None:
    client = greeted_client(f"* OK [CAPABILITY {offered}] hi\r\n".encode())
    assert client.may_respond_initially is is_legal
    command = Authenticate("PLAIN", Secret(b"\0u\0p"))
    if is_legal:
        client.send_command(command)
        return
    with pytest.raises(LocalProtocolError, match="SASL-IR"):
        client.send_command(command)


# The answer to a search


def searching(kind: type[Search | UIDSearch], *returning: Parameter, is_given: bool = True) -> TaggedCommand:
    return TaggedCommand("t", kind(All(), returning=returning if is_given else None))


PLAIN = searching(Search, is_given=False)
ANSWERS: list[tuple[TaggedCommand, Iterable[int], bool, Response | None]] = [
    (PLAIN, [3, 1], False, SearchData((3, 1))),
    (PLAIN, [], False, SearchData(())),
    (PLAIN, [3, 1], True, ESearchData("t", (("ALL", SequenceSet("1,3")),))),
    (PLAIN, [], True, ESearchData("t")),
    (searching(UIDSearch, is_given=False), [5], True, ESearchData("t", (("ALL", UIDSet("5")),), True)),
    (
        searching(UIDSearch, is_given=False),
        UIDSet("1:4294967295"),
        True,
        ESearchData("t", (("ALL", UIDSet("1:4294967295")),), True),
    ),
    (searching(Search), [1], False, ESearchData("t", (("ALL", SequenceSet("1")),))),
    (
        searching(Search, MIN, MAX, COUNT),
        [4, 2, 9],
        False,
        ESearchData("t", (("MIN", 2), ("MAX", 9), ("COUNT", 3))),
    ),
    (searching(Search, MIN, MAX, ALL, COUNT), [], True, ESearchData("t", (("COUNT", 0),))),
    (searching(Search, MIN), [], True, ESearchData("t")),
    (searching(Search, SAVE), [1], True, None),
    (searching(UIDSearch, SAVE, COUNT), [7], True, ESearchData("t", (("COUNT", 1),), True)),
]


@pytest.mark.parametrize(("tagged", "found", "rev2", "answer"), ANSWERS)
def test_the_answer_to_a_search(
    tagged: TaggedCommand, found: Iterable[int], rev2: bool, answer: Response | None
) -> None:
    assert search_answer(tagged, found, rev2=rev2) == answer


def test_the_mod_sequence_of_what_was_found() -> None:
    assert search_answer(PLAIN, [1], rev2=False, mod_seq=9) == SearchData((1,), mod_seq=9)
    expected = ESearchData("t", (("ALL", SequenceSet("1")), ("MODSEQ", 9)))
    assert search_answer(PLAIN, [1], rev2=True, mod_seq=9) == expected


def test_what_is_no_search_or_asks_for_more() -> None:
    with pytest.raises(LocalProtocolError, match="SEARCH"):
        search_answer(TaggedCommand("t", Noop()), [], rev2=True)
    with pytest.raises(LocalProtocolError, match="UPDATE"):
        search_answer(searching(Search, UpdateResults()), [1], rev2=True)


@given(st.lists(st.integers(1, 2**32 - 1), max_size=8), st.booleans())
def test_the_answer_can_be_sent_and_read(found: list[int], is_uid: bool) -> None:
    answer = search_answer(searching(UIDSearch if is_uid else Search, ALL, COUNT, MIN, MAX), found, rev2=True)
    assert isinstance(answer, ESearchData)
    assert parse_responses(serialize(answer), strict=True) == [answer]
    assert answer.count == len(set(found))


def test_values_of_store_and_append_do_not_depend_on_it() -> None:
    for command in (
        Append("INBOX", b"x"),
        Store(SequenceSet("1"), StoreAction.ADD, frozenset({"\\Seen"})),
    ):
        tagged = TaggedCommand("a", command)
        assert serialize(tagged) == serialize(tagged, rev2=True)


def test_capabilities_say_what_rev2_has() -> None:
    rev2 = Capabilities(REV2)
    for name in ("BINARY", "ESEARCH", "LIST-EXTENDED", "MOVE", "SASL-IR", "STATUS=SIZE", "UIDPLUS"):
        assert rev2.offers(name)
    for name in ("SPECIAL-USE", "CONDSTORE", "UTF8=ACCEPT", "LITERAL+", "IMAP4rev1", "SORT"):
        assert not rev2.offers(name)
    assert rev2.is_rev2_only
    assert Capabilities().offers("imap4rev1")
    assert not Capabilities(BOTH).is_rev2_only
    assert CapabilityData(BOTH).capabilities.offers("IMAP4rev1")
