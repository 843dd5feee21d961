from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given

from mailproto.errors import ItemMissing, LocalProtocolError, RemoteProtocolError
from mailproto.imap.admin_flows import url_fetch, url_fetch_items
from mailproto.imap.codec import parse_responses, serialize
from mailproto.imap.commands import Command
from mailproto.imap.events import InvalidCommand, LiteralData, LiteralEnded, LiteralStarted
from mailproto.imap.ext.urlauth import URLFetch, URLFetchData
from mailproto.imap.ext.urlauth_binary import URLMetadata, URLRequest
from mailproto.imap.responses import DataValue, Response
from mailproto.imap.status import Ok
from mailproto.imap.url import IMAPURL
from mailproto.imap.values import Omitted, Streamed
from mailproto.limits import IMAPLimits
from mailproto.mime.body_structure import BasicPart
from support_imap import client_events, feed, logged_in_client, logged_in_server, sent
from support_imap_admin import (
    ask,
    check_command_at_both_ends,
    check_no_command,
    check_not_sent,
    check_refusal_to_build,
    check_response_at_both_ends,
    check_unread,
)
from support_imap_ext import check_refused
from support_imap_scripts import ADAPTERS, converse
from support_imap_strategies import url_fetch_commands, url_fetch_responses
from support_imap_wire import command_octets, parse_octets
from support_inbox import Line

OFFERED = "URLAUTH URLAUTH=BINARY LITERAL+"
TOKEN = "91354a473744909de610943775f92038"
FULL = f"imap://joe@example.com/INBOX/;uid=20/;section=1.2;urlauth=anonymous:internal:{TOKEN}"
PNG = BasicPart(type=b"IMAGE", subtype=b"PNG", encoding=b"BINARY", size=3)
STRUCTURE = b'(BODYPARTSTRUCTURE ("IMAGE" "PNG" NIL NIL NIL "BINARY" 3))'

COMMANDS: list[tuple[bytes, Command]] = [
    (b'URLFETCH ("' + FULL.encode() + b'" BINARY)', URLFetch((URLRequest(FULL, ("binary",)),))),
    (
        b"URLFETCH (a BODYPARTSTRUCTURE BODY) b (c) (d X-NEW)",
        URLFetch(
            (
                URLRequest("a", ("BODYPARTSTRUCTURE", "BODY")),
                "b",
                URLRequest("c"),
                URLRequest("d", ("X-NEW",)),
            )
        ),
    ),
    (b"URLFETCH ({2}\r\n\xc3\xa9 BINARY)", URLFetch((URLRequest("é", ("BINARY",)),))),
]
RESPONSES: list[tuple[bytes, Response]] = [
    (
        b'URLFETCH "' + FULL.encode() + b'" (BINARY {28}\r\nSi vis pacem, para bellum.\r\n)',
        URLFetchData(((FULL, URLMetadata((("BINARY", b"Si vis pacem, para bellum.\r\n"),))),)),
    ),
    (
        b"URLFETCH a " + STRUCTURE + b" (BINARY ~{3}\r\na\0b) b NIL c (BINARY NIL)",
        URLFetchData(
            (
                ("a", URLMetadata((("BODYPARTSTRUCTURE", PNG), ("binary", b"a\0b")))),
                ("b", None),
                ("c", URLMetadata((("BINARY", None),))),
            )
        ),
    ),
    (
        b'URLFETCH a (BODY "x") (X-NEW (1 NIL a)) b "y"',
        URLFetchData((("a", URLMetadata((("BODY", b"x"), ("X-NEW", (1, None, "a"))))), ("b", b"y"))),
    ),
]


@pytest.mark.parametrize(("wire", "command"), COMMANDS)
def test_commands(wire: bytes, command: Command) -> None:
    check_command_at_both_ends(wire, command, OFFERED)
    check_refused(command, OFFERED)


@pytest.mark.parametrize(("wire", "response"), RESPONSES)
def test_responses(wire: bytes, response: Response) -> None:
    check_response_at_both_ends(wire, response)


@pytest.mark.parametrize(
    "wire",
    [
        b"URLFETCH ()",
        b"URLFETCH (a",
        b"URLFETCH (a )",
        b"URLFETCH (a  BODY)",
        b"URLFETCH (a BODY BINARY)",
        b"URLFETCH (a BODY body)",
        b'URLFETCH (a "BODY")',
        b"URLFETCH (a BODY)b",
        b"URLFETCH (a BODY[])",
        b"URLFETCH (a ({1+}\r\nb))",
    ],
)
def test_what_is_no_command(wire: bytes) -> None:
    check_no_command(wire)


@pytest.mark.parametrize(
    "wire",
    [
        b"URLFETCH a ()",
        b"URLFETCH a (BINARY)",
        b'URLFETCH a (BINARY "x"',
        b'URLFETCH a (BINARY "x" BODY)',
        b'URLFETCH a (BINARY "x" )',
        b'URLFETCH a ("BINARY" "x")',
        b'URLFETCH a (BINARY "x") (b)',
    ],
)
def test_what_cannot_be_read(wire: bytes) -> None:
    check_unread(wire)


BROKEN = {
    "a value that is none": (
        b'a (BODYPARTSTRUCTURE 5) (BINARY "x") b "y"',
        (("a", URLMetadata((("BINARY", b"x"),))), ("b", b"y")),
        ["a value as its name has it"],
    ),
    "items in one pair of parentheses": (
        b'a (BODYPARTSTRUCTURE ("IMAGE" "PNG" NIL NIL NIL "BINARY" 3) BINARY ~{3}\r\na\0b X 5) b NIL',
        (
            ("a", URLMetadata((("BODYPARTSTRUCTURE", PNG), ("BINARY", b"a\0b"), ("X", 5)))),
            ("b", None),
        ),
        ["each item of URLFETCH in its own parentheses"] * 2,
    ),
    "an item twice": (
        b'a (BINARY "x") (BINARY "y")',
        (("a", URLMetadata((("BINARY", b"y"),))),),
        ["each item only once"],
    ),
    "parameters as RFC 5524 shows them": (
        b'a (BODYPARTSTRUCTURE ("IMAGE" "PNG" () NIL NIL "BINARY" 3))',
        (("a", URLMetadata((("BODYPARTSTRUCTURE", PNG),))),),
        ["NIL for no parameters"],
    ),
}


@pytest.mark.parametrize(("wire", "values", "rules"), BROKEN.values(), ids=BROKEN)
def test_one_item_costs_no_other(wire: bytes, values: Any, rules: list[str]) -> None:
    octets = b"* URLFETCH " + wire + b"\r\n"
    (response,) = client_events(octets)
    assert response == URLFetchData(values)
    assert [defect.rule for defect in getattr(response, "defects", ())] == rules
    with pytest.raises(RemoteProtocolError):
        parse_responses(octets, strict=True)


def test_a_response_of_which_no_item_can_be_read() -> None:
    (response,) = client_events(b"* URLFETCH a (BODYPARTSTRUCTURE 5)\r\n")
    assert isinstance(response, URLFetchData)
    ((url, value),) = response.values
    assert (url, getattr(value, "items", None)) == ("a", ())


ATTACKS: list[Callable[[], object]] = [
    lambda: URLRequest("a\0", ("BODY",)),
    lambda: URLRequest("a", ("BODY", "BINARY")),
    lambda: URLRequest("a", ("BODY", "body")),
    lambda: URLRequest("a", ("BODY (",)),
    lambda: URLRequest("a", ("",)),
    lambda: URLRequest("a", "BODY"),  # type: ignore[arg-type]  # the mistake
    lambda: URLRequest("a", (5,)),  # type: ignore[arg-type]  # the mistake
    lambda: URLFetch(URLRequest("a")),  # type: ignore[arg-type]  # the mistake
    lambda: URLMetadata(()),
    lambda: URLMetadata((("BODY", b"a"), ("body", b"b"))),
    lambda: URLMetadata((("BO DY", b"a"),)),
    lambda: URLMetadata((("BODY", b"a\0"),)),
    lambda: URLMetadata((("BODY", "text"),)),
    lambda: URLMetadata((("BINARY", "text"),)),
    lambda: URLMetadata((("BODYPARTSTRUCTURE", None),)),
    lambda: URLMetadata((("X", b"\0"),)),
    lambda: URLMetadata((("X", "a b"),)),
    lambda: URLFetchData((("a\0", URLMetadata((("BODY", b""),))),)),
    lambda: serialize(URLFetchData((("a", URLMetadata((("BINARY", Omitted(5)),))),))),
]


@pytest.mark.parametrize("build", ATTACKS)
def test_attacks(build: Callable[[], object]) -> None:
    check_refusal_to_build(build)


@given(url_fetch_responses)
def test_round_trip_of_responses(response: Response) -> None:
    assert parse_responses(serialize(response), strict=True) == [response]


@given(url_fetch_commands)
def test_round_trip_of_commands(command: Command) -> None:
    assert parse_octets(command_octets(command)) == command


@pytest.mark.parametrize("value", [URLRequest(FULL, ("BODY",)), URLFetch((URLRequest(FULL),))])
def test_no_repr_shows_a_token(value: object) -> None:
    assert TOKEN not in repr(value)
    assert "anonymous:***" in repr(value)


def test_no_repr_shows_octets() -> None:
    assert "secret" not in repr(URLMetadata((("BINARY", b"secret"),)))


# What is offered


def test_a_server_without_it_refuses() -> None:
    server = logged_in_server(capabilities=["IMAP4rev1", "URLAUTH"])
    (event,) = feed(server, b"a URLFETCH (a BINARY)\r\n")
    assert isinstance(event, InvalidCommand)
    assert event.status.text == "URLFETCH: a URL with items needs URLAUTH=BINARY, which is not offered"


# Large values


def small_client() -> Any:
    return logged_in_client(limits=IMAPLimits(max_inline_literal=3))


def test_large_values_stream_to_a_client() -> None:
    octets = (
        b"* URLFETCH a " + STRUCTURE + b" (BINARY ~{5}\r\nab\0de) (X {1}\r\ny) b (BODY {4}\r\nabcd) "
        b"c {4}\r\nefgh\r\n"
    )
    assert client_events(octets, small_client) == [
        LiteralStarted(None, DataValue("URLFETCH", "a"), 5),
        LiteralData(b"ab\0de"),
        LiteralEnded(5),
        LiteralStarted(None, DataValue("URLFETCH", "b"), 4),
        LiteralData(b"abcd"),
        LiteralEnded(4),
        LiteralStarted(None, DataValue("URLFETCH", "c"), 4),
        LiteralData(b"efgh"),
        LiteralEnded(4),
        URLFetchData(
            (
                (
                    "a",
                    URLMetadata((("BODYPARTSTRUCTURE", PNG), ("BINARY", Streamed(5)), ("X", b"y"))),
                ),
                ("b", URLMetadata((("BODY", Streamed(4)),))),
                ("c", Streamed(4)),
            )
        ),
    ]


def test_large_values_stream_that_stand_beside_a_structure() -> None:
    octets = b"* URLFETCH a " + STRUCTURE[:-1] + b" BINARY ~{5}\r\nab\0de) b NIL\r\n"
    *_, response = client_events(octets, small_client)
    assert response == URLFetchData(
        (("a", URLMetadata((("BODYPARTSTRUCTURE", PNG), ("BINARY", Streamed(5))))), ("b", None))
    )


def test_a_large_string_of_a_structure_does_not_stream() -> None:
    octets = b'* URLFETCH a (BODYPARTSTRUCTURE ("IMAGE" "PNG" NIL NIL {5}\r\nabcde "BINARY" 3)) b NIL\r\n'
    (response,) = client_events(octets, small_client)
    assert isinstance(response, URLFetchData)
    assert response.values[1] == ("b", None)


def test_large_values_stream_from_a_server() -> None:
    server = logged_in_server(capabilities=["IMAP4rev1", "URLAUTH", "URLAUTH=BINARY"])
    feed(server, b"a URLFETCH (x BINARY) y\r\n")
    server.send(URLFetchData((("x", URLMetadata((("BINARY", Streamed(5)),))), ("y", b"z"))))
    assert server.literal_owed == 5
    server.send_literal(b"ab\0de")
    server.complete("a", Ok())
    assert sent(server) == b'* URLFETCH x (BINARY ~{5}\r\nab\0de) y "z"\r\na OK completed\r\n'


# The client's procedure


def test_what_a_client_learns() -> None:
    metadata = URLMetadata((("BODYPARTSTRUCTURE", PNG), ("BINARY", b"a\0b")))
    assert (metadata.octets, metadata.structure) == (b"a\0b", PNG)
    for missing, name in (
        (URLMetadata((("BINARY", None),)), "BINARY"),
        (URLMetadata((("BODY", Omitted(5)),)), "BODY"),
        (URLMetadata((("X", 5),)), "BINARY or BODY"),
    ):
        with pytest.raises(ItemMissing, match=name):
            _ = missing.octets
        with pytest.raises(ItemMissing, match="BODYPARTSTRUCTURE"):
            _ = missing.structure


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_client_fetches(adapter: str) -> None:
    answer = (
        b"* URLFETCH b "
        + STRUCTURE
        + b' (BINARY ~{3}\r\na\0b)\r\n* URLFETCH a NIL c "plain"\r\n{tag} OK done\r\n'
    )
    found, said = converse(
        adapter,
        OFFERED,
        [answer],
        lambda imap: imap.url_fetch_items(IMAPURL("imap://h/a"), "b", "c", "d"),
    )
    assert said == [b" ".join([b"URLFETCH", *(b"(%b BINARY BODYPARTSTRUCTURE)" % url for url in URLS)])]
    assert found[1].octets == b"a\0b"
    assert (found[1].structure, found[2], found[3]) == (PNG, URLMetadata((("BODY", b"plain"),)), None)
    _, said = converse(
        adapter, OFFERED, [b"{tag} OK done\r\n"], lambda imap: imap.url_fetch_items("b", items=["BODY"])
    )
    assert said == [b"URLFETCH (b BODY)"]


URLS = (b"imap://h/a", b"b", b"c", b"d")


def test_items_where_octets_were_asked_for() -> None:
    answers = (b'* URLFETCH a (BODY "x")', b"A1 OK done")
    found, said = ask(lambda session: url_fetch(session, ["a"]), OFFERED, *answers)
    assert (found, said) == ((b"x",), [b"A1 URLFETCH a"])


def test_a_large_value_is_put_together() -> None:
    line = Line(IMAPLimits(max_inline_literal=3, max_section=5), selected=None)
    line.conn.receive_data(f"* CAPABILITY IMAP4rev1 {OFFERED}\r\n".encode())
    task = line.start(url_fetch_items(line.session, ["a", "b"], ["BINARY"]))
    line.feed_octets(b"* URLFETCH a (BINARY ~{5}\r\nab")
    line.feed_octets(b"\0de) b (BINARY NIL)\r\nA1 OK done\r\n")
    first, second = task.result
    assert first.octets == b"ab\0de"
    assert second == URLMetadata((("BINARY", None),))
    task = line.start(url_fetch_items(line.session, ["a"], ["BODY"]))
    line.feed_octets(b"* URLFETCH a (BODY {6}\r\nabcdef)\r\nA2 OK done\r\n")
    (large,) = task.result
    with pytest.raises(ItemMissing):
        _ = large.octets


def test_a_client_does_not_send_what_is_not_offered() -> None:
    check_not_sent(lambda session: url_fetch_items(session, ["a"], ["BODY"]), "URLAUTH")
    line = Line(selected=None)
    line.conn.receive_data(b"* CAPABILITY IMAP4rev1 URLAUTH\r\n")
    error = line.start(url_fetch_items(line.session, ["a"], ["BODY"])).error
    assert isinstance(error, LocalProtocolError)
    assert "URLAUTH=BINARY" in str(error)
    assert line.sent() == []
