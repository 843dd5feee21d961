from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.errors import ItemMissing, LocalProtocolError
from mailproto.imap import client_flows as flows
from mailproto.imap.codec import parse_commands, parse_responses, serialize
from mailproto.imap.commands import Append, Command, Fetch, TaggedCommand, UIDFetch, parse_command
from mailproto.imap.cursor import ParseError
from mailproto.imap.downloads import Downloading
from mailproto.imap.events import (
    InvalidCommand,
    LiteralData,
    LiteralEnded,
    LiteralOffered,
    LiteralStarted,
    LiteralWanted,
)
from mailproto.imap.ext.binary import (
    UNKNOWN_CTE,
    BinaryMessage,
    BinarySection,
    BinarySize,
)
from mailproto.imap.fetch import UID, FetchItem, OtherItem
from mailproto.imap.fetch_data import FetchData
from mailproto.imap.items_flows import append_form
from mailproto.imap.responses import Response
from mailproto.imap.sequence import SequenceSet, UIDSet
from mailproto.imap.server import IMAPServerConnection
from mailproto.imap.status import Bad, Ok
from mailproto.imap.values import Omitted, Streamed
from mailproto.imap.writer import LiteralForm
from mailproto.limits import IMAPLimits
from support_imap import (
    client_events,
    feed,
    logged_in_client,
    logged_in_server,
    selected_server,
    sent,
    server_events,
)
from support_imap_ext import check_code, check_items, check_refused, check_response, defects_of
from support_imap_wire import command_octets, frame, parse_octets
from support_inbox import Line

ONE = SequenceSet("1")
SMALL = IMAPLimits(max_inline_literal=10)

ITEMS: list[tuple[bytes, tuple[FetchItem[object], ...]]] = [
    (b"BINARY[]", (BinarySection(peek=False),)),
    (b"BINARY.PEEK[1.2]", (BinarySection((1, 2)),)),
    (b"(UID BINARY.PEEK[2]<0.10>)", (UID, BinarySection((2,), partial=(0, 10)))),
    (
        b"(BINARY[3]<5.4294967295> BINARY.SIZE[3])",
        (BinarySection((3,), partial=(5, 2**32 - 1), peek=False), BinarySize((3,))),
    ),
    (b"BINARY.SIZE[]", (BinarySize(),)),
]
RESPONSES: list[tuple[bytes, Response]] = [
    (b"1 FETCH (BINARY[1] {2}\r\nhi UID 3)", FetchData(1, BinarySection((1,)).answer(b"hi"), UID.answer(3))),
    (b"1 FETCH (BINARY[1.2] ~{3}\r\na\0b)", FetchData(1, BinarySection((1, 2)).answer(b"a\0b"))),
    (b"1 FETCH (BINARY[]<7> ~{1}\r\n\0)", FetchData(1, BinarySection(partial=(7, 1)).answer(b"\0"))),
    (b"1 FETCH (BINARY[9] NIL)", FetchData(1, BinarySection((9,)).answer(None))),
    (b"1 FETCH (BINARY[1] {0}\r\n)", FetchData(1, BinarySection((1,)).answer(b""))),
    (b"1 FETCH (BINARY.SIZE[1.2] 9000000000)", FetchData(1, BinarySize((1, 2)).answer(9_000_000_000))),
    (b"1 FETCH (BINARY.SIZE[] 0)", FetchData(1, BinarySize().answer(0))),
]
COMMANDS: list[tuple[bytes, Command]] = [
    (b"APPEND x ~{3}\r\na\0b", Append("x", BinaryMessage(b"a\0b"))),
    (b"APPEND x (\\Seen) ~{1}\r\na", Append("x", BinaryMessage(b"a"), frozenset({"\\Seen"}))),
    (b"APPEND x ~{0}\r\n", Append("x", BinaryMessage(b""))),
]


@pytest.mark.parametrize(("wire", "items"), ITEMS)
def test_items(wire: bytes, items: tuple[FetchItem[object], ...]) -> None:
    check_items(wire, items)


@pytest.mark.parametrize(("wire", "response"), RESPONSES)
def test_responses(wire: bytes, response: Response) -> None:
    check_response(wire, response)


@pytest.mark.parametrize(("wire", "command"), COMMANDS)
def test_commands(wire: bytes, command: Command) -> None:
    assert parse_octets(b"a " + wire + b"\r\n") == command
    assert command_octets(command) == b"a " + wire + b"\r\n"
    assert command_octets(command, LiteralForm.PLUS) == b"a " + wire.replace(b"}", b"+}") + b"\r\n"


def test_the_code() -> None:
    check_code(b"UNKNOWN-CTE", UNKNOWN_CTE)


def test_values_have_the_types_of_their_items() -> None:
    data = FetchData(
        1, BinarySection((1,)).answer(b"a\0"), BinarySize((1,)).answer(2), BinarySection().answer(None)
    )
    assert data[BinarySection((1,), peek=False)] == b"a\0"
    assert data[BinarySize((1,))] == 2
    assert data.get(BinarySection()) is None
    assert data.content(BinarySection()) is None
    assert data.keys == ("BINARY[1]", "BINARY.SIZE[1]", "BINARY[]")
    assert data.other == ()
    with pytest.raises(ItemMissing):
        _ = data[BinarySection((2,))]
    streamed = data.replaced(BinarySection((1,)).answer(Streamed(70_000)))
    with pytest.raises(ItemMissing, match="download"):
        _ = streamed[BinarySection((1,))]
    assert streamed.content(BinarySection((1,))) == Streamed(70_000)


def test_a_quoted_answer_is_read() -> None:
    (data,) = parse_responses(b'* 1 FETCH (BINARY[1] "hi")\r\n', strict=True)
    assert data == FetchData(1, BinarySection((1,)).answer(b"hi"))


def test_nul_in_a_literal_that_is_no_literal8_is_a_defect() -> None:
    (data,) = parse_responses(b"* 1 FETCH (BINARY[1] {1}\r\n\0)\r\n")
    assert data == FetchData(1, BinarySection((1,)).answer(b"\0"))
    assert isinstance(data, FetchData)
    assert [defect.rule for defect in data.defects] == ["a literal without NUL"]


@pytest.mark.parametrize(
    "wire",
    [
        b"1 FETCH (BINARY[TEXT] {1}\r\na)",
        b"1 FETCH (BINARY[1.MIME] NIL)",
        b"1 FETCH (BINARY[1] (a))",
        b"1 FETCH (BINARY.SIZE[1] NIL)",
        b"1 FETCH (BINARY.SIZE[1] -1)",
        b"1 FETCH (BINARY.SIZE[HEADER] 1)",
    ],
)
def test_what_cannot_be_read_is_a_defect(wire: bytes) -> None:
    assert defects_of(wire) == 1


@pytest.mark.parametrize(
    "wire",
    [
        b"FETCH 1 BINARY",
        b"FETCH 1 BINARY[TEXT]",
        b"FETCH 1 BINARY[0]",
        b"FETCH 1 BINARY[1]<5>",
        b"FETCH 1 BINARY[1]<5.0>",
        b"FETCH 1 BINARY.SIZE[1]<0.5>",
        b"FETCH 1 BINARY.SIZE",
        b"FETCH 1 BINARY.PEEK",
        b"APPEND x ~",
        b"APPEND x ~5",
        b'APPEND x "a"',
        b"APPEND x ~{1}\r\nab",
        b"APPEND x XFORM {1}\r\na",
    ],
)
def test_what_is_no_command(wire: bytes) -> None:
    with pytest.raises((ParseError, AssertionError)):
        parse_command(frame(b"a " + wire + b"\r\n"))


ATTACKS: list[Callable[[], object]] = [
    lambda: BinarySection((0,)),
    lambda: BinarySection((1,), partial=(-1, 5)),
    lambda: BinarySection((1,), partial=(0, 0)),
    lambda: BinarySize((2**32,)),
    lambda: BinarySize().answer(-1),
    lambda: BinarySize().answer(True),
    lambda: BinarySection().answer("text"),  # type: ignore[arg-type]  # the mistake
    lambda: BinaryMessage("text"),  # type: ignore[arg-type]  # the mistake
    lambda: OtherItem("BINARY[1]"),
    lambda: OtherItem("BINARY.PEEK"),
    lambda: Append("x", b"a\0"),
    lambda: serialize(FetchData(1, BinarySection().answer(Omitted(5)))),
]


@pytest.mark.parametrize("build", ATTACKS)
def test_attacks(build: Callable[[], object]) -> None:
    with pytest.raises(LocalProtocolError):
        build()


@given(st.binary(max_size=40), st.lists(st.integers(1, 2**32 - 1), max_size=3).map(tuple))
def test_round_trip(octets: bytes, part: tuple[int, ...]) -> None:
    data = FetchData(1, BinarySection(part).answer(octets), BinarySize(part).answer(len(octets)))
    assert parse_responses(serialize(data), strict=True) == [data]
    command = TaggedCommand("a", Append("x", BinaryMessage(octets)))
    assert parse_commands(serialize(command), strict=True) == [command]


@pytest.mark.parametrize(
    "command",
    [Fetch(ONE, (BinarySection(),)), UIDFetch(UIDSet("1"), (UID, BinarySize((1,)))), COMMANDS[0][1]],
    ids=repr,
)
def test_a_server_refuses_what_it_does_not_offer(command: Command) -> None:
    check_refused(command, "BINARY LITERAL+") if isinstance(command, Append) else check_refused(
        command, "BINARY"
    )


# Streaming, from the server to the client


@pytest.mark.parametrize("mark", [b"~{12}", b"{12}"])
def test_a_large_part_streams_to_the_client(mark: bytes) -> None:
    octets = b"* 3 FETCH (UID 7 BINARY[1.2]<0> " + mark + b"\r\n0123456789\0x FLAGS ())\r\n"
    events = client_events(octets, lambda: logged_in_client(limits=SMALL))
    started, data, ended, response = events
    assert started == LiteralStarted(3, BinarySection((1, 2), partial=(0, 12)), 12)
    assert data == LiteralData(b"0123456789\0x")
    assert ended == LiteralEnded(12)
    assert isinstance(response, FetchData)
    assert response.content(BinarySection((1, 2), partial=(0, 12))) == Streamed(12)
    assert response.flags == frozenset()


def test_a_size_does_not_stream() -> None:
    (event,) = client_events(
        b"* 3 FETCH (BINARY.SIZE[1] {12}\r\n0123456789ab)\r\n", lambda: logged_in_client(limits=SMALL)
    )
    assert event.defects != ()  # type: ignore[union-attr]  # it is a FetchData


def test_a_server_streams_octets_with_nul() -> None:
    server = selected_server(capabilities=["IMAP4rev1", "BINARY"])
    feed(server, b"a FETCH 1 BINARY[1]\r\n")
    server.send(FetchData(1, BinarySection((1,)).answer(Streamed(3))))
    assert server.literal_owed == 3
    server.send_literal(b"a\0")
    server.send_literal(b"b")
    server.complete("a", Ok("done"))
    assert sent(server) == b"* 1 FETCH (BINARY[1] ~{3}\r\na\0b)\r\na OK done\r\n"


def test_a_download_of_a_decoded_part() -> None:
    line = Line(SMALL)
    line.conn.receive_data(b"* CAPABILITY IMAP4rev1 BINARY\r\n")
    download = Downloading(line.session, UIDSet("11"), BinarySection((2,)), is_decoding=True)
    line.start(download.open())
    assert line.sent() == [b"A2 UID FETCH 11 BINARY.PEEK[2]"]
    line.feed_octets(b"* 1 FETCH (UID 11 BINARY[2] ~{12}\r\n0123456789\0x)\r\nA2 OK done\r\n")
    task = line.start(download.fill())
    line.go_on()
    assert download.size == 12
    assert b"".join(download.take()) == b"0123456789\0x"
    assert task.error is None


# Streaming, from the client to the server


def test_a_client_streams_a_message_with_nul() -> None:
    client = logged_in_client("IMAP4rev1 BINARY")
    client.send_command(Append("x", BinaryMessage(Streamed(3))), "a")
    assert sent(client) == b"a APPEND x ~{3}\r\n"
    assert feed(client, b"+ go\r\n") == [LiteralWanted("a", 0, 3)]
    client.send_literal(b"a\0b")
    assert sent(client) == b"a\0b\r\n"


def test_nul_stays_forbidden_in_other_streams() -> None:
    client = logged_in_client("IMAP4rev1 BINARY")
    client.send_command(Append("x", BinaryMessage(Streamed(1))), "a")
    feed(client, b"+ go\r\n")
    client.send_literal(b"\0")
    feed(client, b"a OK done\r\n")
    client.send_command(Append("x", Streamed(1)), "b")
    feed(client, b"+ go\r\n")
    with pytest.raises(LocalProtocolError, match="NUL"):
        client.send_literal(b"\0")


def binary_server() -> IMAPServerConnection:
    return logged_in_server(SMALL, capabilities=["IMAP4rev1", "BINARY", "LITERAL+"])


def test_a_server_takes_a_large_message_with_nul() -> None:
    events = server_events(b"a APPEND x (\\Seen) ~{12+}\r\n0123456789\0x\r\n", binary_server)
    command = Append("x", BinaryMessage(Streamed(12)), frozenset({"\\Seen"}))
    assert events == [
        LiteralOffered("a", command, 0, 12, is_synchronizing=False),
        LiteralData(b"0123456789\0x"),
        LiteralEnded(12),
        TaggedCommand("a", command),
    ]


def test_a_large_message_is_not_offered_where_binary_is_not() -> None:
    server = logged_in_server(SMALL, capabilities=["IMAP4rev1"])
    (event,) = feed(server, b"a APPEND x ~{12}\r\n")
    assert isinstance(event, InvalidCommand)
    assert event.status == Bad("APPEND: this form of a message needs BINARY, which is not offered")
    server.complete("a", event.status)
    assert sent(server) == b"a BAD APPEND: this form of a message needs BINARY, which is not offered\r\n"
    assert feed(server, b"b NOOP\r\n") != []


def test_a_client_appends_in_binary() -> None:
    line = Line(selected=None)
    line.conn.receive_data(b"* CAPABILITY IMAP4rev1 BINARY LITERAL+\r\n")
    task = line.start(flows.append(line.session, "x", b"a\0b", form=append_form(binary=True)))
    assert line.sent() == [b"A1 APPEND x ~{3+}", b"a\0b"]
    line.feed(b"A1 OK [APPENDUID 1 5] done")
    assert task.result == flows.Appended(1, 5)


def test_a_client_does_not_send_binary_where_it_is_not_offered() -> None:
    line = Line(selected=None)
    task = line.start(flows.append(line.session, "x", b"a\0b", form=append_form(binary=True)))
    assert isinstance(task.error, LocalProtocolError)
    assert "BINARY" in str(task.error)
    assert line.sent() == []
