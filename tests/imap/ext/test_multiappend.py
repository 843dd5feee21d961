from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.errors import IMAPStatusError, LocalProtocolError, MailboxMissing
from mailproto.imap.appending import AppendMessage
from mailproto.imap.client_flows import Appended, MessageSource
from mailproto.imap.codec import parse_commands, serialize
from mailproto.imap.commands import Append, TaggedCommand, parse_command
from mailproto.imap.cursor import ParseError
from mailproto.imap.events import LiteralData, LiteralEnded, LiteralOffered, LiteralWanted
from mailproto.imap.ext.binary import BinaryMessage
from mailproto.imap.ext.multiappend import MultiAppend
from mailproto.imap.items_flows import MessageToAppend, append_messages
from mailproto.imap.server import IMAPServerConnection
from mailproto.imap.values import Streamed
from mailproto.limits import IMAPLimits
from support_imap import feed, logged_in_client, logged_in_server, sent, server_events
from support_imap_ext import check_refused
from support_imap_strategies import append_messages as some_messages
from support_imap_strategies import mailboxes
from support_imap_wire import command_octets, frame, parse_octets
from support_inbox import Line

DATE = datetime(1994, 2, 7, 22, 43, 4, tzinfo=UTC)
SEEN = frozenset({"\\Seen"})

CASES: list[tuple[bytes, MultiAppend]] = [
    (b"APPEND x {1}\r\na {1}\r\nb", MultiAppend("x", (AppendMessage(b"a"), AppendMessage(b"b")))),
    (
        b'APPEND x (\\Seen) {1}\r\na (\\Seen) " 7-Feb-1994 22:43:04 +0000" {0}\r\n ~{1}\r\n\0',
        MultiAppend(
            "x",
            (AppendMessage(b"a", SEEN), AppendMessage(b"", SEEN, DATE), AppendMessage(BinaryMessage(b"\0"))),
        ),
    ),
]


@pytest.mark.parametrize(("wire", "command"), CASES)
def test_both_directions(wire: bytes, command: MultiAppend) -> None:
    assert parse_octets(b"a " + wire + b"\r\n") == command
    assert command_octets(command) == b"a " + wire + b"\r\n"


def test_one_message_is_an_append() -> None:
    assert parse_octets(b"a APPEND x (\\Seen) {1}\r\na\r\n") == Append("x", b"a", SEEN)


@pytest.mark.parametrize(
    "wire",
    [
        b"APPEND x {1}\r\na ",
        b"APPEND x {1}\r\na (\\Seen)",
        b"APPEND x {1}\r\na{1}\r\nb",
        b"APPEND x {1}\r\na  {1}\r\nb",
    ],
)
def test_what_is_no_command(wire: bytes) -> None:
    with pytest.raises(ParseError):
        parse_command(frame(b"a " + wire + b"\r\n"))


ATTACKS: list[Callable[[], object]] = [
    lambda: MultiAppend("x", ()),
    lambda: MultiAppend("x", (AppendMessage(b"a"),)),
    lambda: MultiAppend("x", (b"a", b"b")),  # type: ignore[arg-type]  # the mistake
    lambda: MultiAppend("a\0", (AppendMessage(b"a"), AppendMessage(b"b"))),
    lambda: AppendMessage(b"\0"),
    lambda: AppendMessage("text"),  # type: ignore[arg-type]  # the mistake
    lambda: AppendMessage(b"", frozenset({"a b"})),
    lambda: AppendMessage(b"", frozenset(), datetime(1994, 2, 7)),  # the mistake
]


@pytest.mark.parametrize("build", ATTACKS)
def test_attacks(build: Callable[[], object]) -> None:
    with pytest.raises(LocalProtocolError):
        build()


def test_equality_knows_zones_and_other_things() -> None:
    assert AppendMessage(b"a") != b"a"
    assert {AppendMessage(b"a", SEEN): 1}[AppendMessage(b"a", SEEN)] == 1
    assert Append("x", b"a") != AppendMessage(b"a")


@given(mailboxes, st.lists(some_messages, min_size=2, max_size=4))
def test_round_trip(mailbox: str, messages: list[AppendMessage]) -> None:
    command = TaggedCommand("a", MultiAppend(mailbox, tuple(messages)))
    assert parse_commands(serialize(command), strict=True) == [command]


def test_a_server_refuses_what_it_does_not_offer() -> None:
    check_refused(CASES[0][1], "MULTIAPPEND")


def test_a_client_streams_one_after_the_other() -> None:
    client = logged_in_client("IMAP4rev1 MULTIAPPEND")
    messages = (AppendMessage(Streamed(2)), AppendMessage(b"xy"), AppendMessage(Streamed(3), SEEN))
    client.send_command(MultiAppend("x", messages), "a")
    assert sent(client) == b"a APPEND x {2}\r\n"
    assert feed(client, b"+\r\n") == [LiteralWanted("a", 0, 2)]
    client.send_literal(b"ab")
    assert sent(client) == b"ab {2}\r\n"
    assert feed(client, b"+\r\n") == []
    assert sent(client) == b"xy (\\Seen) {3}\r\n"
    assert feed(client, b"+\r\n") == [LiteralWanted("a", 1, 3)]
    client.send_literal(b"cde")
    assert sent(client) == b"cde\r\n"


def small_server() -> IMAPServerConnection:
    limits = IMAPLimits(max_inline_literal=3)
    return logged_in_server(limits, capabilities=["IMAP4rev1", "MULTIAPPEND", "LITERAL+"])


def test_a_server_takes_each_large_message_as_a_stream() -> None:
    octets = b"a APPEND x {4+}\r\nabcd {2+}\r\nef (\\Seen) {5+}\r\nghijk\r\n"
    first = Append("x", Streamed(4))
    small = AppendMessage(b"ef")
    whole = MultiAppend("x", (AppendMessage(Streamed(4)), small, AppendMessage(Streamed(5), SEEN)))
    assert server_events(octets, small_server) == [
        LiteralOffered("a", first, 0, 4, is_synchronizing=False),
        LiteralData(b"abcd"),
        LiteralEnded(4),
        LiteralOffered("a", whole, 1, 5, is_synchronizing=False),
        LiteralData(b"ghijk"),
        LiteralEnded(5),
        TaggedCommand("a", whole),
    ]


def test_a_client_adds_several_messages() -> None:
    line = Line(selected=None)
    line.conn.receive_data(b"* CAPABILITY IMAP4rev1 MULTIAPPEND UIDPLUS\r\n")
    messages: list[MessageToAppend | MessageSource] = [
        io.BytesIO(b"one"),
        MessageToAppend(b"two", ["\\Seen"]),
        MessageToAppend([b"th", b"ree"], size=5),
    ]
    task = line.start(append_messages(line.session, "x", messages))
    assert line.sent() == [b"A1 APPEND x {3}"]
    line.feed(b"+ go")
    assert line.sent() == [b"one (\\Seen) {3}"]
    line.feed(b"+ go")
    assert line.sent() == [b"two {5}"]
    line.feed(b"+ go")
    assert line.sent() == [b"three"]
    line.feed(b"A1 OK [APPENDUID 38505 3957:3955] done")
    assert task.result == (Appended(38505, 3957), Appended(38505, 3956), Appended(38505, 3955))


def test_fewer_uids_than_messages_are_none() -> None:
    line = Line(selected=None)
    line.conn.receive_data(b"* CAPABILITY IMAP4rev1 MULTIAPPEND LITERAL+\r\n")
    task = line.start(append_messages(line.session, "x", [b"a", b"b"]))
    line.feed(b"A1 OK [APPENDUID 1 5] done")
    assert task.result == ()


def test_one_message_alone_needs_no_extension() -> None:
    line = Line(selected=None)
    task = line.start(append_messages(line.session, "x", [b"a"]))
    assert line.sent() == [b"A1 APPEND x {1+}", b"a"]
    line.feed(b"A1 OK done")
    assert task.result == ()


def test_a_refusal_in_between_drops_the_rest_and_the_session_goes_on() -> None:
    line = Line(selected=None)
    line.conn.receive_data(b"* CAPABILITY IMAP4rev1 MULTIAPPEND\r\n")
    task = line.start(append_messages(line.session, "x", [io.BytesIO(b"one"), io.BytesIO(b"two")]))
    line.sent()
    line.feed(b"+ go")
    assert line.sent() == [b"one {3}"]
    line.feed(b"A1 NO [TRYCREATE] no such mailbox")
    assert isinstance(task.error, MailboxMissing)
    task = line.start(append_messages(line.session, "y", [b"a", b"b"]))
    assert line.sent() == [b"A2 APPEND y {1}"]
    line.feed(b"A2 NO no")
    assert isinstance(task.error, IMAPStatusError)


def test_what_is_not_offered_is_not_sent() -> None:
    line = Line(selected=None)
    task = line.start(append_messages(line.session, "x", [b"a", b"b"]))
    assert isinstance(task.error, LocalProtocolError)
    assert "MULTIAPPEND" in str(task.error)
    assert line.sent() == []
