from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from hypothesis import given

from mailproto.errors import IMAPStatusError, LocalProtocolError
from mailproto.imap.appending import AppendMessage
from mailproto.imap.client_flows import Appended, MessageSource
from mailproto.imap.codec import parse_commands, serialize
from mailproto.imap.codes import UnknownCode, parse_resp_text_code
from mailproto.imap.commands import Append, Command, TaggedCommand, parse_command
from mailproto.imap.cursor import ParseError
from mailproto.imap.events import InvalidCommand, LiteralData, LiteralEnded, LiteralOffered, LiteralWanted
from mailproto.imap.ext.catenate import BadURLCode, Catenate, TextLiteral, URLPart
from mailproto.imap.ext.multiappend import MultiAppend
from mailproto.imap.ext.replace import Replace
from mailproto.imap.items_flows import catenate
from mailproto.imap.server import IMAPServerConnection
from mailproto.imap.values import Streamed
from mailproto.limits import IMAPLimits
from support_imap import feed, logged_in_client, logged_in_server, sent, server_events
from support_imap_ext import check_code, check_refused
from support_imap_strategies import catenations
from support_imap_wire import command_octets, cursor_at, frame, parse_octets
from support_inbox import Line

URL = "/Drafts;UIDVALIDITY=385759045/;UID=20/;section=HEADER"
BOTH = Catenate((URLPart(URL), TextLiteral(b"ab"), URLPart("a b")))

CASES: list[tuple[bytes, Command]] = [
    (
        b'APPEND Drafts (\\Seen) CATENATE (URL %b TEXT {2}\r\nab URL "a b")' % URL.encode(),
        Append("Drafts", BOTH, frozenset({"\\Seen"})),
    ),
    (b"APPEND x CATENATE (TEXT {0}\r\n)", Append("x", Catenate((TextLiteral(b""),)))),
    (b"APPEND x CATENATE (URL {2}\r\n\xc3\xa9)", Append("x", Catenate((URLPart("é"),)))),
    (
        b"APPEND x {1}\r\na CATENATE (URL u) {1}\r\nb",
        MultiAppend(
            "x", (AppendMessage(b"a"), AppendMessage(Catenate((URLPart("u"),))), AppendMessage(b"b"))
        ),
    ),
    (
        b"REPLACE 4 x CATENATE (URL u TEXT {1}\r\na)",
        Replace(4, "x", AppendMessage(Catenate((URLPart("u"), TextLiteral(b"a"))))),
    ),
]


@pytest.mark.parametrize(("wire", "command"), CASES)
def test_both_directions(wire: bytes, command: Command) -> None:
    assert parse_octets(b"a " + wire + b"\r\n") == command
    assert command_octets(command) == b"a " + wire + b"\r\n"


def test_the_code() -> None:
    check_code(b"BADURL " + URL.encode(), BadURLCode(URL))
    check_code(b'BADURL "/INBOX;UID=1"', BadURLCode('"/INBOX;UID=1"'))
    check_code(b"BADURL \xe9", BadURLCode("\udce9"))


def test_a_code_without_a_url_is_kept() -> None:
    cursor = cursor_at(b"BADURL]")
    assert parse_resp_text_code(cursor) == UnknownCode.of_parsed("BADURL", b"")
    assert len(cursor.defects) == 1


@pytest.mark.parametrize(
    "wire",
    [
        b"CATENATE",
        b"CATENATE ()",
        b"CATENATE (URL)",
        b"CATENATE (URL u",
        b"CATENATE (URL u )",
        b"CATENATE (TEXT u)",
        b'CATENATE (TEXT "u")',
        b"CATENATE (TEXT ~{1}\r\na)",
        b"CATENATE (FILE u)",
        b"CATENATE (TEXT {1}\r\na",
        b"CATENATE (TEXT {1}\r\naURL u)",
    ],
)
def test_what_is_no_command(wire: bytes) -> None:
    with pytest.raises(ParseError):
        parse_command(frame(b"a APPEND x " + wire + b"\r\n"))


ATTACKS: list[Callable[[], object]] = [
    lambda: Catenate(()),
    lambda: Catenate((b"a",)),  # type: ignore[arg-type]  # the mistake
    lambda: TextLiteral(b"\0"),
    lambda: TextLiteral("a"),  # type: ignore[arg-type]  # the mistake
    lambda: URLPart("a\0"),
    lambda: URLPart("\ud800"),
    lambda: BadURLCode(""),
    lambda: BadURLCode("a]"),
    lambda: BadURLCode("a\r\nb"),
    lambda: BadURLCode("a\0"),
]


@pytest.mark.parametrize("build", ATTACKS)
def test_attacks(build: Callable[[], object]) -> None:
    with pytest.raises(LocalProtocolError):
        build()


@given(catenations)
def test_round_trip(message: Catenate) -> None:
    command = TaggedCommand("a", Append("x", message))
    assert parse_commands(serialize(command), strict=True) == [command]


def test_a_server_refuses_what_it_does_not_offer() -> None:
    check_refused(Append("x", Catenate((URLPart("u"),))), "CATENATE")


def test_a_client_streams_its_texts() -> None:
    client = logged_in_client("IMAP4rev1 CATENATE")
    parts = (TextLiteral(Streamed(2)), URLPart("u"), TextLiteral(Streamed(1)))
    client.send_command(Append("x", Catenate(parts)), "a")
    assert sent(client) == b"a APPEND x CATENATE (TEXT {2}\r\n"
    assert feed(client, b"+\r\n") == [LiteralWanted("a", 0, 2)]
    client.send_literal(b"ab")
    assert sent(client) == b"ab URL u TEXT {1}\r\n"
    assert feed(client, b"+\r\n") == [LiteralWanted("a", 1, 1)]
    client.send_literal(b"c")
    assert sent(client) == b"c)\r\n"


def small_server() -> IMAPServerConnection:
    limits = IMAPLimits(max_inline_literal=3)
    return logged_in_server(limits, capabilities=["IMAP4rev1", "CATENATE", "LITERAL+"])


def test_a_server_takes_large_texts_as_streams() -> None:
    octets = b"a APPEND x CATENATE (TEXT {4+}\r\nabcd URL u TEXT {1+}\r\ne TEXT {5+}\r\nfghij)\r\n"
    first = Append("x", Catenate((TextLiteral(Streamed(4)),)))
    whole = Append(
        "x", Catenate((TextLiteral(Streamed(4)), URLPart("u"), TextLiteral(b"e"), TextLiteral(Streamed(5))))
    )
    assert server_events(octets, small_server) == [
        LiteralOffered("a", first, 0, 4, is_synchronizing=False),
        LiteralData(b"abcd"),
        LiteralEnded(4),
        LiteralOffered("a", whole, 1, 5, is_synchronizing=False),
        LiteralData(b"fghij"),
        LiteralEnded(5),
        TaggedCommand("a", whole),
    ]


@pytest.mark.parametrize("where", [b"URL ", b"TEXT {1+}\r\na URL "])
def test_a_large_url_does_not_stream(where: bytes) -> None:
    (event,) = feed(small_server(), b"a APPEND x CATENATE (" + where + b"{4}\r\n")
    assert isinstance(event, InvalidCommand)
    assert event.status.code_name == "TOOBIG"


def test_a_parenthesis_that_is_missing_after_a_stream_is_bad() -> None:
    *_, last = server_events(b"a APPEND x CATENATE (TEXT {4+}\r\nabcd\r\n", small_server)
    assert isinstance(last, InvalidCommand)


def test_a_client_puts_a_message_together() -> None:
    line = Line(selected=None)
    line.conn.receive_data(b"* CAPABILITY IMAP4rev1 CATENATE LITERAL+\r\n")
    parts: list[URLPart | MessageSource] = [URLPart(URL), b"text", io.BytesIO(b"end")]
    task = line.start(catenate(line.session, "Drafts", parts, ["\\Draft"]))
    assert line.sent() == [
        b"A1 APPEND Drafts (\\Draft) CATENATE (URL %b TEXT {4+}" % URL.encode(),
        b"text TEXT {3+}",
        b"end)",
    ]
    line.feed(b"A1 OK [APPENDUID 385759045 45] append Completed")
    assert task.result == Appended(385759045, 45)
    task = line.start(catenate(line.session, "x", [URLPart("u")]))
    line.feed(b"A2 NO [BADURL u] no such part")
    assert isinstance(task.error, IMAPStatusError)
    assert getattr(task.error.status, "code", None) == BadURLCode("u")


def test_what_is_not_offered_is_not_sent() -> None:
    line = Line(selected=None)
    task = line.start(catenate(line.session, "x", [URLPart("u")]))
    assert isinstance(task.error, LocalProtocolError)
    assert "CATENATE" in str(task.error)
    assert line.sent() == []
