from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given

from mailproto.errors import IMAPStatusError, ItemMissing, LocalProtocolError
from mailproto.imap.admin_flows import Metadata, get_metadata, set_metadata
from mailproto.imap.client_flows import exchange, noop
from mailproto.imap.codec import parse_commands, parse_responses, serialize
from mailproto.imap.codes import ResponseCode, UnknownCode, parse_resp_text_code
from mailproto.imap.commands import Command, TaggedCommand
from mailproto.imap.events import (
    CommandCompleted,
    InvalidCommand,
    LiteralData,
    LiteralEnded,
    LiteralOffered,
    LiteralStarted,
    LiteralWanted,
)
from mailproto.imap.ext.metadata import (
    GetMetadata,
    MetadataChangedData,
    MetadataCode,
    MetadataData,
    MetadataReason,
    SetMetadata,
)
from mailproto.imap.responses import DataValue, EnabledData, Response
from mailproto.imap.status import Ok
from mailproto.imap.updates import MailboxChanged
from mailproto.imap.values import Omitted, Streamed
from mailproto.limits import IMAPLimits
from support_imap import (
    client_events,
    feed,
    logged_in_client,
    logged_in_server,
    pull,
    sent,
    server_events,
)
from support_imap_admin import (
    ask,
    check_command_at_both_ends,
    check_no_command,
    check_not_sent,
    check_refusal_to_build,
    check_response_at_both_ends,
    check_unread,
)
from support_imap_ext import check_code, check_refused
from support_imap_strategies import metadata_commands, metadata_responses
from support_imap_wire import cursor_at, parse_octets
from support_inbox import Line

COMMENT, SHARED = "/private/comment", "/shared/comment"

COMMANDS: list[tuple[bytes, Command]] = [
    (b'GETMETADATA "" /shared/comment', GetMetadata("", (SHARED,))),
    (b"GETMETADATA INBOX (/shared/comment /private/comment)", GetMetadata("inbox", (SHARED, COMMENT))),
    (
        b"GETMETADATA (MAXSIZE 1024) INBOX (/shared/comment /private/comment)",
        GetMetadata("INBOX", (SHARED, COMMENT), max_size=1024),
    ),
    (
        b"GETMETADATA (MAXSIZE 0 DEPTH 1) INBOX /private/filters/values",
        GetMetadata("INBOX", ("/private/filters/values",), max_size=0, depth=1),
    ),
    (b"GETMETADATA (DEPTH 0) x /a", GetMetadata("x", ("/a",), depth=0)),
    (b"GETMETADATA (DEPTH infinity) x /a", GetMetadata("x", ("/a",), depth="infinity")),
    (
        b'GETMETADATA (X-A X-B 5 X-C 1:* X-D ("s" NIL)) x /a',
        GetMetadata(
            "x", ("/a",), more_options=(("x-a", None), ("X-B", 5), ("X-C", "1:*"), ("X-D", (b"s", None)))
        ),
    ),
    (b'GETMETADATA x "/private/a b"', GetMetadata("x", ("/private/a b",))),
    (
        b'SETMETADATA INBOX (/private/comment "My new comment")',
        SetMetadata("INBOX", ((COMMENT, b"My new comment"),)),
    ),
    (
        b"SETMETADATA INBOX (/private/comment {35}\r\nMy new comment across\r\ntwo lines.\r\n)",
        SetMetadata("INBOX", ((COMMENT, b"My new comment across\r\ntwo lines.\r\n"),)),
    ),
    (b"SETMETADATA &AOk- (/private/comment NIL)", SetMetadata("é", ((COMMENT, None),))),
    (
        b'SETMETADATA "" (/private/a "" /shared/comment ~{3}\r\na\0b /shared/b "NIL")',
        SetMetadata("", (("/private/a", b""), (SHARED, b"a\0b"), ("/shared/b", b"NIL"))),
    ),
]
RESPONSES: list[tuple[bytes, Response]] = [
    (b'METADATA "" (/shared/comment "Shared comment")', MetadataData("", ((SHARED, b"Shared comment"),))),
    (
        b'METADATA INBOX (/private/filters/values/small "SMALLER 5000" '
        b'/private/filters/values/boss "FROM \\"boss@example.com\\"")',
        MetadataData(
            "INBOX",
            (
                ("/private/filters/values/small", b"SMALLER 5000"),
                ("/private/filters/values/boss", b'FROM "boss@example.com"'),
            ),
        ),
    ),
    (b"METADATA x (/a NIL /b ~{2}\r\n\0\0)", MetadataData("x", (("/a", None), ("/b", b"\0\0")))),
    (b'METADATA "" /shared/comment', MetadataChangedData("", (SHARED,))),
    (b"METADATA INBOX /shared/comment /private/comment", MetadataChangedData("inbox", (SHARED, COMMENT))),
]
CODES: list[tuple[bytes, ResponseCode]] = [
    (b"METADATA LONGENTRIES 2199", MetadataCode(MetadataReason.LONG_ENTRIES, 2199)),
    (b"METADATA MAXSIZE 1024", MetadataCode(MetadataReason.MAX_SIZE, 1024)),
    (b"METADATA TOOMANY", MetadataCode(MetadataReason.TOO_MANY)),
    (b"METADATA NOPRIVATE", MetadataCode(MetadataReason.NO_PRIVATE)),
]


@pytest.mark.parametrize(("wire", "command"), COMMANDS)
def test_commands(wire: bytes, command: Command) -> None:
    check_command_at_both_ends(wire, command, "METADATA LITERAL+")
    check_refused(command, "METADATA")


@pytest.mark.parametrize(("wire", "response"), RESPONSES)
def test_responses(wire: bytes, response: Response) -> None:
    check_response_at_both_ends(wire, response)


@pytest.mark.parametrize(("wire", "code"), CODES)
def test_codes(wire: bytes, code: ResponseCode) -> None:
    check_code(wire, code)


def test_options_behind_the_mailbox_as_in_the_examples() -> None:
    expected = GetMetadata("INBOX", (SHARED, COMMENT), max_size=1024)
    assert (
        parse_octets(b'a GETMETADATA "INBOX" (MAXSIZE 1024) (/shared/comment /private/comment)\r\n')
        == expected
    )
    expected = GetMetadata("INBOX", ("/a",), depth="infinity")
    assert parse_octets(b"a getmetadata INBOX (depth Infinity) /a\r\n") == expected
    assert parse_octets(b"a GETMETADATA INBOX (/a)\r\n") == GetMetadata("INBOX", ("/a",))
    assert parse_octets(b'a GETMETADATA INBOX ("/a")\r\n') == GetMetadata("INBOX", ("/a",))


@pytest.mark.parametrize(
    "wire",
    [
        b"GETMETADATA",
        b"GETMETADATA x",
        b"GETMETADATA x ()",
        b"GETMETADATA x comment",
        b"GETMETADATA x /a/",
        b"GETMETADATA x /a//b",
        b'GETMETADATA x "/a*"',
        b'GETMETADATA x "/a%"',
        b"GETMETADATA x {3}\r\n/\xc3\xa9",
        b"GETMETADATA x {4}\r\n/a\r\n",
        b"GETMETADATA x (/a) (/b)",
        b"GETMETADATA x /a /b",
        b"GETMETADATA () x /a",
        b"GETMETADATA (MAXSIZE) x /a",
        b"GETMETADATA (MAXSIZE x) x /a",
        b"GETMETADATA (DEPTH 2) x /a",
        b"GETMETADATA (DEPTH) x /a",
        b"GETMETADATA (DEPTH 1 DEPTH 1) x /a",
        b"GETMETADATA (DEPTH 1) x (MAXSIZE 5) /a",
        b"GETMETADATA (5) x /a",
        b"SETMETADATA x",
        b"SETMETADATA x ()",
        b"SETMETADATA x /a NIL",
        b"SETMETADATA x (/a)",
        b"SETMETADATA x (/a b)",
        b'SETMETADATA x (/a "b" /c)',
        b'SETMETADATA x (/a "b"',
        b'SETMETADATA x (a "b")',
    ],
)
def test_what_is_no_command(wire: bytes) -> None:
    check_no_command(wire)


@pytest.mark.parametrize(
    "wire",
    [
        b"METADATA",
        b"METADATA x",
        b"METADATA x ()",
        b"METADATA x (/a)",
        b"METADATA x (/a b)",
        b"METADATA x (/a NIL",
        b"METADATA x (a NIL)",
        b"METADATA x a",
        b"METADATA x /a ",
    ],
)
def test_what_cannot_be_read(wire: bytes) -> None:
    check_unread(wire)


@pytest.mark.parametrize("text", [b"", b"X", b"LONGENTRIES", b"MAXSIZE x", b"TOOMANY 5"])
def test_other_codes_are_kept(text: bytes) -> None:
    cursor = cursor_at(b"METADATA " + text + b"]")
    assert parse_resp_text_code(cursor) == UnknownCode.of_parsed("METADATA", text)
    assert len(cursor.defects) == 1


ATTACKS: list[Callable[[], object]] = [
    lambda: GetMetadata("a\0", ("/a",)),
    lambda: GetMetadata("a", ()),
    lambda: GetMetadata("a", "/a"),  # type: ignore[arg-type]  # the mistake
    *(
        lambda entry=entry: GetMetadata("a", (entry,))
        for entry in ("", "/", "a", "/a/", "//a", "/a*", "/%", "/é", "/a\r\n", "/a\0", "/\x19", "/\ud800", 5)
    ),
    lambda: GetMetadata("a", ("/a",), max_size=-1),
    lambda: GetMetadata("a", ("/a",), depth=2),  # type: ignore[arg-type]  # the mistake
    lambda: GetMetadata("a", ("/a",), depth=True),  # type: ignore[arg-type]  # the mistake
    lambda: GetMetadata("a", ("/a",), more_options=(("DEPTH", 1),)),
    lambda: GetMetadata("a", ("/a",), more_options=(("5", 1),)),
    lambda: GetMetadata("a", ("/a",), more_options=(("X Y", 1),)),
    lambda: GetMetadata("a", ("/a",), more_options=(("X", "y"),)),
    lambda: GetMetadata("a", ("/a",), more_options=(("X", b"y"),)),
    lambda: GetMetadata("a", ("/a",), more_options=(("X", ("a b",)),)),
    lambda: SetMetadata("a\0", (("/a", b""),)),
    lambda: SetMetadata("a", ()),
    lambda: SetMetadata("a", (("a", b""),)),
    lambda: SetMetadata("a", (("/a", "text"),)),  # type: ignore[arg-type]  # the mistake
    lambda: MetadataData("a", ()),
    lambda: MetadataData("a", (("/a*", b""),)),
    lambda: MetadataChangedData("a", ()),
    lambda: MetadataChangedData("a", ("a",)),
    lambda: MetadataCode("TOOMANY"),  # type: ignore[arg-type]  # the mistake
    lambda: MetadataCode(MetadataReason.TOO_MANY, 5),
    lambda: MetadataCode(MetadataReason.MAX_SIZE),
    lambda: MetadataCode(MetadataReason.MAX_SIZE, -1),
]


@pytest.mark.parametrize("build", ATTACKS)
def test_attacks(build: Callable[[], object]) -> None:
    check_refusal_to_build(build)


@given(metadata_commands)
def test_round_trip_of_commands(command: Command) -> None:
    tagged = TaggedCommand("a", command)
    assert parse_commands(serialize(tagged), strict=True) == [tagged]


@given(metadata_responses)
def test_round_trip_of_responses(response: Response) -> None:
    assert parse_responses(serialize(response), strict=True) == [response]


def test_a_server_of_metadata_server_knows_no_mailboxes() -> None:
    server = logged_in_server(capabilities=["IMAP4rev1", "METADATA-SERVER"])
    (event,) = feed(server, b'a GETMETADATA "" /a\r\n')
    assert isinstance(event, TaggedCommand)
    server.complete("a", Ok())
    (event,) = feed(server, b"b GETMETADATA INBOX /a\r\n")
    assert isinstance(event, InvalidCommand)


def test_news_only_for_a_client_that_has_enabled_them() -> None:
    news = MetadataChangedData("", (SHARED,))
    server = logged_in_server(capabilities=["IMAP4rev1", "ENABLE", "METADATA"])
    feed(server, b"a ENABLE METADATA\r\n")
    with pytest.raises(LocalProtocolError, match="ENABLE"):
        server.send(news)
    server.send(EnabledData(["METADATA"]))
    server.complete("a", Ok())
    server.send(news)
    assert sent(server).endswith(b'* METADATA "" /shared/comment\r\n')


# Large values


def small_server() -> Any:
    limits = IMAPLimits(max_inline_literal=3)
    return logged_in_server(limits, capabilities=["IMAP4rev1", "METADATA", "LITERAL+"])


def test_large_values_stream_to_a_server() -> None:
    command = SetMetadata("x", ((COMMENT, Streamed(5)), (SHARED, b"abc"), ("/b", Streamed(4))))
    large, small = b"(/private/comment {5+}\r\nabcde", b"/shared/comment {3+}\r\nabc"
    octets = b"a SETMETADATA x " + large + b" " + small + b" /b ~{4+}\r\n\0\0\0\0)\r\n"
    assert server_events(octets, small_server) == [
        LiteralOffered("a", SetMetadata("x", ((COMMENT, Streamed(5)),)), 0, 5, is_synchronizing=False),
        LiteralData(b"abcde"),
        LiteralEnded(5),
        LiteralOffered("a", command, 1, 4, is_synchronizing=False),
        LiteralData(b"\0\0\0\0"),
        LiteralEnded(4),
        TaggedCommand("a", command),
    ]
    assert command.streamed == (Streamed(5), Streamed(4))


def test_a_large_name_does_not_stream() -> None:
    (event,) = feed(small_server(), b"a SETMETADATA x ({5}\r\n")
    assert isinstance(event, InvalidCommand)


def test_a_large_value_streams_from_a_client() -> None:
    client = logged_in_client("IMAP4rev1 METADATA LITERAL+", IMAPLimits(max_nonsync=3))
    client.send_command(SetMetadata("x", (("/a", Streamed(5)), ("/b", b"y"))), "a")
    assert sent(client) == b"a SETMETADATA x (/a {5}\r\n"
    assert feed(client, b"+ go\r\n") == [LiteralWanted("a", 0, 5)]
    client.send_literal(b"abcde")
    assert sent(client) == b'abcde /b "y")\r\n'
    assert feed(client, b"a OK done\r\n") == [
        CommandCompleted(
            tag="a", command=SetMetadata("x", (("/a", Streamed(5)), ("/b", b"y"))), status=Ok("done")
        )
    ]


def small_client() -> Any:
    return logged_in_client(limits=IMAPLimits(max_inline_literal=3))


def test_large_values_stream_to_a_client() -> None:
    octets = b"* METADATA x (/a {3}\r\nabc /b {5}\r\nabcde /c NIL /d ~{4}\r\n\0\0\0\0)\r\n"
    expected = (("/a", b"abc"), ("/b", Streamed(5)), ("/c", None), ("/d", Streamed(4)))
    assert client_events(octets, small_client) == [
        LiteralStarted(None, DataValue("METADATA", "/b"), 5),
        LiteralData(b"abcde"),
        LiteralEnded(5),
        LiteralStarted(None, DataValue("METADATA", "/d"), 4),
        LiteralData(b"\0\0\0\0"),
        LiteralEnded(4),
        MetadataData("x", expected),
    ]


def test_no_value_streams_behind_much_text() -> None:
    long = b"/" + b"a" * 70_000
    client = logged_in_client(limits=IMAPLimits(max_inline_literal=3))
    (data,) = feed(client, b"* METADATA x (" + long + b" {5}\r\nabcde)\r\n")
    assert isinstance(data, MetadataData)
    assert data.values == ((long.decode(), Omitted(5)),)
    assert len(data.defects) == 1


@pytest.mark.parametrize(
    "start", [b"* METADATA {5}\r\nabcde", b"* METADATA x ({5}\r\n/abcd", b"* METADATA x /a {5}\r\n/abcd"]
)
def test_what_is_no_value_does_not_stream(start: bytes) -> None:
    events = feed(small_client(), start + b" NIL)\r\n")
    assert not any(isinstance(event, LiteralStarted) for event in events)
    assert len(events) == 1


# The client's procedures


def test_a_client_asks() -> None:
    answers = (
        b'* METADATA INBOX (/private/comment "mine")',
        b"* METADATA other (/private/comment NIL)",
        b"* METADATA INBOX (/Shared/Comment NIL)",
        b"A1 OK [METADATA LONGENTRIES 2199] done",
    )
    found, said = ask(
        lambda session: get_metadata(session, "inbox", [COMMENT, SHARED], max_size=5, depth=1),
        "METADATA",
        *answers,
    )
    assert said == [b"A1 GETMETADATA (MAXSIZE 5 DEPTH 1) INBOX (/private/comment /shared/comment)"]
    assert found == Metadata(((COMMENT, b"mine"), ("/Shared/Comment", None)), 2199)
    assert found["/PRIVATE/comment"] == b"mine"
    assert (found.get(SHARED), [*found], len(found)) == (None, [COMMENT, "/Shared/Comment"], 2)
    with pytest.raises(ItemMissing, match="/shared/comment"):
        found[SHARED]


def test_a_client_sets() -> None:
    values = {COMMENT: "é", SHARED: None, "/a": b"x"}
    _, said = ask(lambda session: set_metadata(session, "", values), "METADATA-SERVER LITERAL+", b"A1 OK .")
    assert said == [
        b'A1 SETMETADATA "" (/private/comment {2+}',
        b'\xc3\xa9 /shared/comment NIL /a "x")',
    ]
    with pytest.raises(IMAPStatusError) as caught:
        ask(
            lambda session: set_metadata(session, "x", {COMMENT: None}),
            "METADATA",
            b"A1 NO [METADATA TOOMANY] no",
        )
    assert caught.value.status.code == MetadataCode(MetadataReason.TOO_MANY)


def test_a_client_does_not_send_what_is_not_offered() -> None:
    check_not_sent(lambda session: get_metadata(session, "", [COMMENT]), "METADATA-SERVER")
    check_not_sent(lambda session: set_metadata(session, "x", {COMMENT: None}), "METADATA")
    with pytest.raises(LocalProtocolError, match="needs METADATA, which is not offered"):
        ask(lambda session: get_metadata(session, "x", [COMMENT]), "METADATA-SERVER")


def small_line() -> Line:
    line = Line(IMAPLimits(max_inline_literal=3, max_section=5), selected=None)
    line.conn.receive_data(b"* CAPABILITY IMAP4rev1 METADATA\r\n")
    return line


def test_a_large_value_is_put_together() -> None:
    line = small_line()
    task = line.start(get_metadata(line.session, "x", ["/a"], depth=1))
    line.feed_octets(b"* METADATA x (/a {5}\r\nab")
    line.feed_octets(b"cde /b {6}\r\nabcdef /c {4}\r\nabcd)\r\n* METADATA x (/d NIL)\r\nA1 OK done\r\n")
    assert task.result == Metadata((("/a", b"abcde"), ("/b", Streamed(6)), ("/c", b"abcd"), ("/d", None)))
    with pytest.raises(ItemMissing):
        task.result["/b"]


def test_what_was_streamed_of_an_unread_response_is_in_no_other() -> None:
    line = small_line()
    task = line.start(get_metadata(line.session, "x", ["/a"], depth=1))
    line.feed(b"* METADATA x (/a {4}", b"abcd //)", b"* METADATA x (/b {4}", b"efgh)", b"A1 OK done")
    assert task.result == Metadata((("/b", b"efgh"),))


def test_a_large_value_that_nobody_wants_is_thrown_away() -> None:
    line = small_line()
    task = line.start(noop(line.session))
    line.feed(b"* METADATA x (/a {4}", b"abcd)", b"A1 OK done")
    assert task.is_done
    assert list(line.session.news) == [MailboxChanged(MetadataData("x", (("/a", Streamed(4)),)))]


def test_an_exchange_has_the_large_value() -> None:
    line = small_line()
    task = line.start(exchange(line.session, GetMetadata("x", ("/a",))))
    line.feed(b"* METADATA x (/a {4}", b"abcd)", b"A1 OK done")
    assert task.result.responses[-1] == MetadataData("x", (("/a", b"abcd"),))


def test_what_others_have_changed_is_news_and_no_answer() -> None:
    line = small_line()
    task = line.start(get_metadata(line.session, "x", ["/a"]))
    line.feed(b"* METADATA x /b", b"* METADATA x (/a NIL)", b"A1 OK done")
    assert task.result == Metadata((("/a", None),))
    assert list(line.session.news) == [MailboxChanged(MetadataChangedData("x", ("/b",)))]


def test_a_value_above_the_limit_of_a_response_is_omitted() -> None:
    limits = IMAPLimits(max_inline_literal=3)
    client = logged_in_client(limits=limits)
    client.receive_data(b'* METADATA x (/a {4}\r\nabcd /b "x" ("y" {4}\r\nabcd)\r\n')
    events = pull(client)
    assert not isinstance(events[-1], MetadataData)
    assert any(isinstance(event, LiteralStarted) for event in events)
    assert Omitted(4) in getattr(events[-1], "literals", ())
