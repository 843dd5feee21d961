from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.errors import LocalProtocolError
from mailproto.imap import client_flows as flows
from mailproto.imap.capability import Capabilities
from mailproto.imap.client import IMAPClientConnection
from mailproto.imap.codec import parse_commands, parse_responses, serialize
from mailproto.imap.codes import CANNOT
from mailproto.imap.commands import (
    Append,
    Command,
    Create,
    Examine,
    List,
    Noop,
    Rename,
    Search,
    Select,
    Status,
    StoreAction,
    TaggedCommand,
    parse_command,
)
from mailproto.imap.cursor import ParseError
from mailproto.imap.events import (
    CommandCompleted,
    InvalidCommand,
    LiteralData,
    LiteralEnded,
    LiteralOffered,
    LiteralWanted,
)
from mailproto.imap.ext.enable import Enable
from mailproto.imap.ext.gmail import X_GM_LABELS, StoreLabels
from mailproto.imap.ext.utf8 import UTF8Message
from mailproto.imap.fetch import BODYSTRUCTURE, ENVELOPE
from mailproto.imap.fetch_data import FetchData
from mailproto.imap.items_flows import append_form
from mailproto.imap.pipelining import conflict
from mailproto.imap.responses import (
    EnabledData,
    ListData,
    NamespaceData,
    NamespacePrefix,
    Response,
    StatusData,
    UnknownData,
)
from mailproto.imap.search import From, Subject
from mailproto.imap.sequence import SequenceSet
from mailproto.imap.server import IMAPServerConnection
from mailproto.imap.status import Bad, No, Ok
from mailproto.imap.values import Streamed
from mailproto.limits import IMAPLimits
from support_imap import client_events, feed, logged_in_client, logged_in_server, now, sent, server_events
from support_imap_ext import check_refused
from support_imap_strategies import texts
from support_imap_wire import command_octets, frame, parse_octets
from support_inbox import Line

ENABLE = Enable(Capabilities(["UTF8=ACCEPT"]))
OFFERED = ["IMAP4rev1", "ENABLE", "UTF8=ACCEPT", "X-GM-EXT-1"]
NAME = "Entwürfe"
RAW = NAME.encode()

COMMANDS: list[tuple[bytes, Command]] = [
    (b'SELECT "%b"' % RAW, Select(NAME)),
    (b"SELECT a&b", Select("a&b")),
    (b'CREATE "a&%b"' % RAW, Create(f"a&{NAME}")),
    (b'RENAME "%b" INBOX' % RAW, Rename(NAME, "inbox")),
    (b'LIST "%b/" "%b/%%"' % (RAW, RAW), List(f"{NAME}/", f"{NAME}/%")),
    (b'STATUS "\xf0\x9f\x93\xa7" (MESSAGES)', Status("\U0001f4e7", ("MESSAGES",))),
    (b"CREATE {3}\r\na\r\n", Create("a\r\n")),
    (b"CREATE {1}\r\n\xe9", Create("\udce9")),
    (b'SEARCH SUBJECT "%b"' % RAW, Search(Subject(NAME))),
    (b"SEARCH SUBJECT x", Search(Subject("x"))),
    (b'STORE 1 +X-GM-LABELS ("%b")' % RAW, StoreLabels(SequenceSet("1"), StoreAction.ADD, frozenset({NAME}))),
]
RESPONSES: list[tuple[bytes, Response]] = [
    (b'LIST () "/" "%b"' % RAW, ListData(frozenset(), "/", NAME)),
    (b'LIST () "/" a&b', ListData(frozenset(), "/", "a&b")),
    (b'STATUS "%b" (MESSAGES 1)' % RAW, StatusData(NAME, (("MESSAGES", 1),))),
    (b'NAMESPACE (("%b/" "/")) NIL NIL' % RAW, NamespaceData((NamespacePrefix(f"{NAME}/", "/"),))),
    (b'1 FETCH (X-GM-LABELS ("%b"))' % RAW, FetchData(1, X_GM_LABELS.answer(frozenset({NAME})))),
    (b'XYZZY "%b"' % RAW, UnknownData("XYZZY", (RAW,))),
]


@pytest.mark.parametrize(("wire", "command"), COMMANDS)
def test_commands_once_it_is_enabled(wire: bytes, command: Command) -> None:
    tagged = TaggedCommand("a", command)
    octets = b"a " + wire + b"\r\n"
    assert serialize(tagged, utf8=True) == octets
    assert parse_commands(octets, utf8=True, strict=True) == [tagged]


@pytest.mark.parametrize(("wire", "response"), RESPONSES)
def test_responses_once_it_is_enabled(wire: bytes, response: Response) -> None:
    octets = b"* " + wire + b"\r\n"
    assert serialize(response, utf8=True) == octets
    assert parse_responses(octets, utf8=True, strict=True) == [response]


def test_without_it_names_are_modified_utf7() -> None:
    assert serialize(TaggedCommand("a", Select(NAME))) == b"a SELECT Entw&APw-rfe\r\n"
    assert serialize(ListData(frozenset(), "/", "a&b")) == b'* LIST () "/" a&-b\r\n'


def test_the_codec_switches_at_enable() -> None:
    octets = b'a CREATE Entw&APw-rfe\r\nb ENABLE UTF8=ACCEPT\r\nc CREATE "%b"\r\n' % RAW
    first, enable, last = parse_commands(octets, strict=True)
    assert first == TaggedCommand("a", Create(NAME))
    assert enable == TaggedCommand("b", ENABLE)
    assert last == TaggedCommand("c", Create(NAME))
    said = b'* LIST () "/" Entw&APw-rfe\r\n* ENABLED UTF8=ACCEPT\r\n* LIST () "/" "%b"\r\n' % RAW
    data = ListData(frozenset(), "/", NAME)
    assert parse_responses(said, strict=True) == [data, EnabledData(["UTF8=ACCEPT"]), data]


def test_strings_of_envelopes_and_structures_may_be_utf8() -> None:
    octets = (
        b'* 1 FETCH (ENVELOPE (NIL "\xc3\xa9" NIL NIL NIL NIL NIL NIL NIL NIL) BODYSTRUCTURE '
        b'("APPLICATION" "PDF" ("NAME" "\xc3\xa9.pdf") NIL NIL "BASE64" 4))\r\n'
    )
    (data,) = parse_responses(octets, utf8=True, strict=True)
    assert isinstance(data, FetchData)
    assert data[ENVELOPE].subject == "é".encode()
    assert data[BODYSTRUCTURE].parameters == ((b"NAME", "é.pdf".encode()),)
    (before,) = parse_responses(octets)
    assert before == data
    assert len(getattr(before, "defects", ())) == 2


def test_octets_that_are_not_utf8_are_a_defect_of_a_response_and_a_bad_command() -> None:
    (data,) = parse_responses(b'* LIST () "/" "\xe9"\r\n', utf8=True)
    assert data == ListData(frozenset(), "/", "\udce9")
    assert [defect.rule for defect in getattr(data, "defects", ())] == ["UTF-8 in a quoted string"]
    with pytest.raises(ParseError):
        parse_command(frame(b'a SELECT "\xe9"\r\n'), utf8=True)


def test_search_names_no_charset() -> None:
    for charset in (b"UTF-8", b"US-ASCII"):
        with pytest.raises(ParseError, match="charset"):
            parse_command(frame(b"a SEARCH CHARSET " + charset + b" ALL\r\n"), utf8=True)
    with pytest.raises(LocalProtocolError, match="charset"):
        serialize(TaggedCommand("a", Search(From("é"), "ISO-8859-1")), utf8=True)


# What has no name in modified UTF-7 is left out: there it reads as another name.
names = texts.filter(lambda text: text.upper() != "INBOX")


@given(names, names)
def test_round_trip(mailbox: str, text: str) -> None:
    for command in (Create(mailbox), List(mailbox, text), Search(Subject(text))):
        tagged = TaggedCommand("a", command)
        assert parse_commands(serialize(tagged, utf8=True), utf8=True, strict=True) == [tagged]
    data = ListData(frozenset(), "/", mailbox)
    assert parse_responses(serialize(data, utf8=True), utf8=True, strict=True) == [data]


# UTF8 (~{n}) of APPEND

FORMS: list[tuple[bytes, Command]] = [
    (b"APPEND x UTF8 (~{2}\r\n\xc3\xa9)", Append("x", UTF8Message("é".encode()))),
    (b"APPEND x (\\Seen) UTF8 (~{0}\r\n)", Append("x", UTF8Message(b""), frozenset({"\\Seen"}))),
]


@pytest.mark.parametrize(("wire", "command"), FORMS)
def test_the_form_of_append(wire: bytes, command: Command) -> None:
    assert parse_octets(b"a " + wire + b"\r\n") == command
    assert command_octets(command) == b"a " + wire + b"\r\n"


@pytest.mark.parametrize(
    "wire",
    [
        b"APPEND x UTF8",
        b"APPEND x UTF8 ~{1}\r\na",
        b"APPEND x UTF8 ({1}\r\na)",
        b"APPEND x UTF8 (~{1}\r\na",
        b"APPEND x UTF8 ()",
        b'APPEND x UTF8 ("a")',
    ],
)
def test_what_is_no_form(wire: bytes) -> None:
    with pytest.raises(ParseError):
        parse_command(frame(b"a " + wire + b"\r\n"))


def test_nul_in_it_is_a_defect_and_cannot_be_sent() -> None:
    tagged = parse_command(frame(b"a APPEND x UTF8 (~{1}\r\n\0)\r\n"))
    assert [defect.rule for defect in tagged.defects] == ["a literal without NUL"]
    with pytest.raises(LocalProtocolError):
        UTF8Message(b"\0")
    with pytest.raises(LocalProtocolError):
        UTF8Message("é")  # type: ignore[arg-type]  # the mistake


@given(st.binary(max_size=40).map(lambda octets: octets.replace(b"\0", b"")))
def test_round_trip_of_the_form(octets: bytes) -> None:
    command = TaggedCommand("a", Append("x", UTF8Message(octets)))
    assert parse_commands(serialize(command), strict=True) == [command]


@pytest.mark.parametrize("offered", ["UTF8=ACCEPT", "UTF8=ACCEPT LITERAL+"])
def test_a_server_refuses_the_form_where_it_is_not_offered(offered: str) -> None:
    check_refused(FORMS[0][1], offered)


# The server's end


def utf8_server(capabilities: list[str] = OFFERED) -> IMAPServerConnection:
    limits = IMAPLimits(max_inline_literal=10)
    server = logged_in_server(limits, capabilities=[*capabilities, "LITERAL+"])
    feed(server, b"e ENABLE UTF8=ACCEPT\r\n")
    server.send(EnabledData(["UTF8=ACCEPT"]))
    server.complete("e", Ok("enabled"))
    sent(server)
    return server


def test_a_server_switches_after_enabled() -> None:
    server = logged_in_server(capabilities=OFFERED)
    assert feed(server, b"a CREATE Entw&APw-rfe\r\n") == [TaggedCommand("a", Create(NAME))]
    assert not now(server.is_utf8)
    server.send(ListData(frozenset(), "/", NAME))
    server.complete("a", Ok("done"))
    assert sent(server) == b'* LIST () "/" Entw&APw-rfe\r\na OK done\r\n'
    # What waits behind ENABLE is read as it means afterwards.
    feed(server, b'b ENABLE UTF8=ACCEPT\r\nc CREATE "%b"\r\n' % RAW)
    server.send(EnabledData(["UTF8=ACCEPT"]))
    server.complete("b", Ok("done"))
    assert server.is_utf8
    assert server.next_event() == TaggedCommand("c", Create(NAME))
    server.send(ListData(frozenset(), "/", NAME))
    server.complete("c", Ok("done"))
    assert sent(server).endswith(b'* LIST () "/" "%b"\r\nc OK done\r\n' % RAW)


def test_a_server_says_bad_to_what_is_not_utf8() -> None:
    (event,) = server_events(b'a SELECT "\xe9"\r\n', utf8_server)
    assert isinstance(event, InvalidCommand)
    assert isinstance(event.status, Bad)


def test_a_server_says_bad_to_a_charset() -> None:
    server = utf8_server()
    feed(server, b"s SELECT INBOX\r\n")
    server.complete("s", Ok("done"))
    (event,) = feed(server, b"a SEARCH CHARSET UTF-8 ALL\r\n")
    assert isinstance(event, InvalidCommand)
    assert isinstance(event.status, Bad)


def test_a_server_streams_what_is_appended_to_a_utf8_name() -> None:
    octets = b'a APPEND "%b" UTF8 (~{12+}\r\n0123456789ab)\r\n' % RAW
    command = Append(NAME, UTF8Message(Streamed(12)))
    assert server_events(octets, utf8_server) == [
        LiteralOffered("a", command, 0, 12, is_synchronizing=False),
        LiteralData(b"0123456789ab"),
        LiteralEnded(12),
        TaggedCommand("a", command),
    ]


@pytest.mark.parametrize(
    "line", [b"SELECT x", b"STATUS x (MESSAGES)", b'LIST "" *', b"IDLE", b"APPEND x {20}"]
)
def test_utf8_only_refuses_what_may_need_it(line: bytes) -> None:
    server = logged_in_server(capabilities=["IMAP4rev1", "ENABLE", "IDLE", "UTF8=ONLY"])
    (event,) = feed(server, b"a " + line + b"\r\n")
    assert isinstance(event, InvalidCommand)
    assert event.status == No("ENABLE UTF8=ACCEPT first", CANNOT)


def test_utf8_only_lets_through_what_does_not_and_all_once_it_is_enabled() -> None:
    only = ["IMAP4rev1", "ENABLE", "UTF8=ONLY"]
    server = logged_in_server(capabilities=only)
    assert feed(server, b"a NOOP\r\n") == [TaggedCommand("a", Noop())]
    assert feed(utf8_server(only), b"a EXAMINE x\r\n") == [TaggedCommand("a", Examine("x"))]
    assert feed(utf8_server(only), b"a APPEND x UTF8 (~{1+}\r\na)\r\n") == [
        TaggedCommand("a", Append("x", UTF8Message(b"a")))
    ]


# The client's end


def utf8_client() -> IMAPClientConnection:
    client = logged_in_client("IMAP4rev1 ENABLE UTF8=ACCEPT")
    client.send_command(ENABLE, "e")
    sent(client)
    feed(client, b"* ENABLED UTF8=ACCEPT\r\ne OK enabled\r\n")
    return client


def test_a_client_switches_at_enabled() -> None:
    client = logged_in_client("IMAP4rev1 ENABLE UTF8=ACCEPT")
    client.send_command(Create(NAME), "a")
    assert sent(client) == b"a CREATE Entw&APw-rfe\r\n"
    client.send_command(ENABLE, "e")
    assert feed(client, b'* LIST () "/" Entw&APw-rfe\r\n')[0] == ListData(frozenset(), "/", NAME)
    assert not now(client.is_utf8)
    feed(client, b"a OK done\r\n* ENABLED UTF8=ACCEPT\r\ne OK done\r\n")
    assert client.is_utf8
    sent(client)
    client.send_command(Create(NAME), "b")
    assert sent(client) == b'b CREATE "%b"\r\n' % RAW
    assert feed(client, b'* LIST () "/" "%b"\r\n' % RAW) == [ListData(frozenset(), "/", NAME)]


def test_a_client_reads_it_however_it_is_cut() -> None:
    events = client_events(b'* LIST () "/" "%b"\r\n* STATUS "%b" ()\r\n' % (RAW, RAW), utf8_client)
    assert events == [ListData(frozenset(), "/", NAME), StatusData(NAME, ())]
    assert all(getattr(event, "defects", ()) == () for event in events)


def test_nothing_passes_an_enable_that_changes_how_it_is_written() -> None:
    client = logged_in_client("IMAP4rev1 ENABLE UTF8=ACCEPT")
    client.send_command(ENABLE, "e")
    with pytest.raises(LocalProtocolError, match="ENABLE in progress"):
        client.send_command(Create(NAME))
    feed(client, b"e NO not now\r\n")
    client.send_command(Create(NAME), "b")
    assert sent(client).endswith(b"b CREATE Entw&APw-rfe\r\n")
    assert conflict(Noop(), [Enable(Capabilities(["CONDSTORE"]))]) is None


def test_a_client_streams_the_form_of_append() -> None:
    client = utf8_client()
    client.send_command(Append("x", UTF8Message(Streamed(2))), "a")
    assert sent(client) == b"a APPEND x UTF8 (~{2}\r\n"
    assert feed(client, b"+\r\n") == [LiteralWanted("a", 0, 2)]
    client.send_literal("é".encode())
    assert sent(client) == b"\xc3\xa9)\r\n"
    (done,) = feed(client, b"a OK done\r\n")
    assert isinstance(done, CommandCompleted)


def test_flows_under_utf8() -> None:
    line = Line(selected=None)
    line.conn.receive_data(b"* CAPABILITY IMAP4rev1 ENABLE UTF8=ONLY LITERAL+\r\n")
    task = line.start(flows.enable(line.session, ["UTF8=ACCEPT"]))
    waiting = line.start(flows.create(line.session, NAME))
    assert line.sent() == [b"A1 ENABLE UTF8=ACCEPT"]
    line.feed(b"* ENABLED UTF8=ACCEPT", b"A1 OK done")
    line.go_on()
    assert task.result == {"UTF8=ACCEPT"}
    assert line.sent() == [b'A2 CREATE "%b"' % RAW]
    line.feed(b"A2 OK done")
    assert waiting.is_done
    task = line.start(flows.append(line.session, NAME, b"x", form=append_form(utf8=True)))
    assert line.sent() == [b'A3 APPEND "%b" UTF8 (~{1+}' % RAW, b"x)"]
    line.feed(b"A3 OK done")
    assert task.result is None


REFUSED: list[Callable[[], object]] = [lambda: append_form(binary=True, utf8=True)]


@pytest.mark.parametrize("build", REFUSED)
def test_one_form_at_a_time(build: Callable[[], object]) -> None:
    with pytest.raises(LocalProtocolError):
        build()


def test_what_is_not_offered_is_not_sent() -> None:
    line = Line(selected=None)
    task = line.start(flows.append(line.session, "x", b"x", form=append_form(utf8=True)))
    assert isinstance(task.error, LocalProtocolError)
    assert "UTF8=ACCEPT" in str(task.error)
    assert line.sent() == []
