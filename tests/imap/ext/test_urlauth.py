from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given

from mailproto._secret import Secret
from mailproto.errors import ItemMissing, LocalProtocolError
from mailproto.imap.admin_flows import generate_urlauth, reset_key, url_fetch
from mailproto.imap.codec import parse_responses, serialize
from mailproto.imap.codes import ResponseCode, UnknownCode, parse_resp_text_code
from mailproto.imap.commands import Command, parse_command
from mailproto.imap.cursor import ParseError
from mailproto.imap.events import InvalidCommand, LiteralData, LiteralEnded, LiteralStarted
from mailproto.imap.ext.urlauth import (
    GenURLAuth,
    GenURLAuthData,
    ResetKey,
    URLFetch,
    URLFetchData,
    URLMechCode,
)
from mailproto.imap.responses import DataValue, Response, UnreadResponse
from mailproto.imap.status import Ok
from mailproto.imap.url import IMAPURL
from mailproto.imap.values import Streamed
from mailproto.limits import IMAPLimits
from support_imap import client_events, feed, logged_in_client, logged_in_server, pull, sent
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
from support_imap_strategies import urlauth_responses
from support_imap_wire import cursor_at, frame, parse_octets
from support_inbox import Line

TOKEN = "91354a473744909de610943775f92038"
RUMP = "imap://joe@example.com/INBOX/;uid=20/;section=1.2;urlauth=submit+fred"
FULL = f"{RUMP}:internal:{TOKEN}"

COMMANDS: list[tuple[bytes, Command]] = [
    (b"RESETKEY", ResetKey()),
    (b"RESETKEY INBOX", ResetKey("inbox")),
    (b"RESETKEY &AOk- INTERNAL X-A.1", ResetKey("é", ("internal", "x-a.1"))),
    (b"GENURLAUTH " + RUMP.encode() + b" INTERNAL", GenURLAuth(((RUMP, "internal"),))),
    (b'GENURLAUTH "a b" INTERNAL c X', GenURLAuth((("a b", "INTERNAL"), ("c", "X")))),
    (b'URLFETCH "' + FULL.encode() + b'"', URLFetch((FULL,))),
    (b"URLFETCH a {2}\r\n\xc3\xa9", URLFetch(("a", "é"))),
]
RESPONSES: list[tuple[bytes, Response]] = [
    (b'GENURLAUTH "' + FULL.encode() + b'"', GenURLAuthData((FULL,))),
    (b"GENURLAUTH a {2}\r\n\xc3\xa9", GenURLAuthData(("a", "é"))),
    (
        b'URLFETCH "' + FULL.encode() + b'" {28}\r\nSi vis pacem, para bellum.\r\n',
        URLFetchData(((FULL, b"Si vis pacem, para bellum.\r\n"),)),
    ),
    (b'URLFETCH a NIL b "" c "x"', URLFetchData((("a", None), ("b", b""), ("c", b"x")))),
]
CODES: list[tuple[bytes, ResponseCode]] = [
    (b"URLMECH INTERNAL", URLMechCode()),
    (
        b"URLMECH INTERNAL XSAMPLE=P34OKhO7VEkCbsiYY8rGEg== X",
        URLMechCode((("xsample", Secret(bytes.fromhex("3f7e0e2a13bb5449026ec89863cac612"))), ("X", None))),
    ),
    (b"URLMECH INTERNAL X=", URLMechCode((("X", Secret(b"")),))),
]


@pytest.mark.parametrize(("wire", "command"), COMMANDS)
def test_commands(wire: bytes, command: Command) -> None:
    check_command_at_both_ends(wire, command, "URLAUTH LITERAL+")
    check_refused(command, "URLAUTH")


@pytest.mark.parametrize(("wire", "response"), RESPONSES)
def test_responses(wire: bytes, response: Response) -> None:
    check_response_at_both_ends(wire, response)


@pytest.mark.parametrize(("wire", "code"), CODES)
def test_codes(wire: bytes, code: ResponseCode) -> None:
    check_code(wire, code)


def test_urls_as_values() -> None:
    assert URLFetch((IMAPURL(FULL),)) == URLFetch((FULL,))  # type: ignore[arg-type]  # what is converted
    assert GenURLAuth(((IMAPURL(RUMP), "INTERNAL"),)) == GenURLAuth(((RUMP, "INTERNAL"),))  # type: ignore[arg-type]  # what is converted
    assert parse_octets(b"a urlfetch " + FULL.encode() + b"\r\n") == URLFetch((FULL,))


@pytest.mark.parametrize(
    "wire",
    [
        b"RESETKEY ",
        b"RESETKEY INBOX INTERNAL ",
        b"RESETKEY INBOX X_Y",
        b'RESETKEY INBOX "INTERNAL"',
        b"GENURLAUTH",
        b"GENURLAUTH imap://h/",
        b"GENURLAUTH imap://h/ INTERNAL imap://h/",
        b"GENURLAUTH imap://h/ (INTERNAL)",
        b"URLFETCH",
        b"URLFETCH ",
        b"URLFETCH a  b",
        b"URLFETCH ((a))",
        b"URLFETCH {3}\r\na\0b",
    ],
)
def test_what_is_no_command(wire: bytes) -> None:
    check_no_command(wire)


@pytest.mark.parametrize(
    "wire",
    [
        b"GENURLAUTH",
        b"GENURLAUTH a ",
        b"GENURLAUTH (a)",
        b"URLFETCH",
        b"URLFETCH a",
        b"URLFETCH a b",
        b'URLFETCH a "b" c',
    ],
)
def test_what_cannot_be_read(wire: bytes) -> None:
    check_unread(wire)


@pytest.mark.parametrize(
    "text", [b"", b"X", b"X INTERNAL", b"INTERNAL X=x", b"INTERNAL  X", b"INTERNAL=eA=="]
)
def test_other_codes_are_kept(text: bytes) -> None:
    cursor = cursor_at(b"URLMECH " + text + b"]")
    assert parse_resp_text_code(cursor) == UnknownCode.of_parsed("URLMECH", text)
    assert len(cursor.defects) == 1


ATTACKS: list[Callable[[], object]] = [
    lambda: ResetKey("a\0"),
    lambda: ResetKey(None, ("INTERNAL",)),
    lambda: ResetKey("a", ("X Y",)),
    lambda: ResetKey("a", ("",)),
    lambda: GenURLAuth(()),
    lambda: GenURLAuth((("a\0", "INTERNAL"),)),
    lambda: GenURLAuth((("a", "é"),)),
    lambda: URLFetch(()),
    lambda: URLFetch(FULL),  # type: ignore[arg-type]  # the mistake
    lambda: URLFetch(IMAPURL(FULL)),  # type: ignore[arg-type]  # the mistake
    lambda: URLFetch((5,)),  # type: ignore[arg-type]  # the mistake
    lambda: GenURLAuthData(()),
    lambda: GenURLAuthData(("\ud800",)),
    lambda: URLFetchData(()),
    lambda: URLFetchData((("a\0", b""),)),
    lambda: URLFetchData((("a", "text"),)),  # type: ignore[arg-type]  # the mistake
    lambda: serialize(URLFetchData((("a", b"\0"),))),
    lambda: URLMechCode((("X Y", None),)),
    lambda: URLMechCode((("X", b"secret"),)),  # type: ignore[arg-type]  # the mistake
]


@pytest.mark.parametrize("build", ATTACKS)
def test_attacks(build: Callable[[], object]) -> None:
    check_refusal_to_build(build)


@given(urlauth_responses)
def test_round_trip(response: Response) -> None:
    assert parse_responses(serialize(response), strict=True) == [response]


# Whoever has the token may read.


@pytest.mark.parametrize("value", [URLFetch((FULL,)), GenURLAuthData((FULL,)), URLFetchData(((FULL, b"x"),))])
def test_no_repr_shows_a_token(value: object) -> None:
    assert TOKEN not in repr(value)
    assert "submit+fred:***" in repr(value)


def test_no_repr_shows_a_token_of_what_cannot_be_read() -> None:
    (response,) = parse_responses(b'* URLFETCH "%b"\r\n' % FULL.encode())
    assert isinstance(response, UnreadResponse)
    assert TOKEN not in repr(response)
    assert repr(response).startswith("UnreadResponse(text=b'* URLFETCH \"imap://joe@example.com/")


def test_no_repr_shows_the_data_of_a_mechanism() -> None:
    assert "x" not in repr(URLMechCode((("A", Secret(b"xxx")),))).replace("mechanisms", "")


def traced(conn: Any) -> list[bytes]:
    shown: list[bytes] = []
    conn.trace = lambda direction, octets: shown.append(octets)
    return shown


def test_no_trace_shows_a_token() -> None:
    client, server = (
        logged_in_client("IMAP4rev1 URLAUTH"),
        logged_in_server(capabilities=["IMAP4rev1", "URLAUTH"]),
    )
    ours, theirs = traced(client), traced(server)
    client.send_command(URLFetch((FULL,)), "a")
    server.receive_data(sent(client))
    pull(server)
    server.send(URLFetchData(((FULL, b"x"),)))
    server.send(GenURLAuthData((FULL,)))
    server.complete("a", Ok())
    client.receive_data(sent(server))
    assert len(pull(client)) == 3
    assert TOKEN.encode() not in b"".join(ours + theirs)
    assert b"a URLFETCH ***\r\n" in b"".join(ours)
    assert b"submit+fred:***" in b"".join(theirs)


def test_no_error_shows_a_token() -> None:
    server = logged_in_server(capabilities=["IMAP4rev1", "URLAUTH"])
    (event,) = feed(server, b"a URLFETCH " + FULL.encode() + b" (" + FULL.encode() + b")\r\n")
    assert isinstance(event, InvalidCommand)
    assert TOKEN[:8] not in repr(event)
    with pytest.raises(ParseError) as caught:
        parse_command(frame(b"a URLFETCH a ((" + TOKEN.encode() + b"))\r\n"))
    assert TOKEN[:8] not in str(caught.value)
    with pytest.raises(LocalProtocolError) as failed:
        URLFetch((f"{TOKEN}\0",))
    assert TOKEN[:8] not in str(failed.value)


# Large values


def small_client() -> Any:
    return logged_in_client(limits=IMAPLimits(max_inline_literal=3))


def test_large_values_stream_to_a_client() -> None:
    octets = b"* URLFETCH a {5}\r\nabcde {1}\r\nb {3}\r\nabc c NIL d {4}\r\nabcd\r\n"
    assert client_events(octets, small_client) == [
        LiteralStarted(None, DataValue("URLFETCH", "a"), 5),
        LiteralData(b"abcde"),
        LiteralEnded(5),
        LiteralStarted(None, DataValue("URLFETCH", "d"), 4),
        LiteralData(b"abcd"),
        LiteralEnded(4),
        URLFetchData((("a", Streamed(5)), ("b", b"abc"), ("c", None), ("d", Streamed(4)))),
    ]


def test_large_values_stream_from_a_server() -> None:
    server = logged_in_server(capabilities=["IMAP4rev1", "URLAUTH"])
    feed(server, b"a URLFETCH x y\r\n")
    server.send(URLFetchData((("x", Streamed(5)), ("y", b"z"))))
    assert server.literal_owed == 5
    server.send_literal(b"abcde")
    server.complete("a", Ok())
    assert sent(server) == b'* URLFETCH x {5}\r\nabcde y "z"\r\na OK completed\r\n'


# The client's procedures


def test_a_client_authorizes() -> None:
    answers = (b'* GENURLAUTH "' + FULL.encode() + b'"', b"A1 OK done")
    urls, said = ask(lambda session: generate_urlauth(session, [RUMP]), "URLAUTH", *answers)
    assert said == [b"A1 GENURLAUTH " + RUMP.encode() + b" INTERNAL"]
    assert urls == (IMAPURL(FULL),)
    assert urls[0].token == Secret(TOKEN)


@pytest.mark.parametrize(
    "answers",
    [[b"A1 OK done"], [b"* GENURLAUTH a b", b"A1 OK done"], [b'* GENURLAUTH "a b"', b"A1 OK done"]],
)
def test_a_server_that_authorizes_something_else(answers: list[bytes]) -> None:
    with pytest.raises(ItemMissing, match="GENURLAUTH"):
        ask(lambda session: generate_urlauth(session, [IMAPURL(RUMP)]), "URLAUTH", *answers)


@pytest.mark.parametrize("url", ["imap://h/m/;UID=1;URLAUTH=anonymous", "imap://joe@h/m/;UID=1", FULL, "x"])
def test_what_cannot_be_authorized_is_not_sent(url: str) -> None:
    with pytest.raises(LocalProtocolError, match="URL"):
        ask(lambda session: generate_urlauth(session, [url]), "URLAUTH")


def test_a_client_fetches() -> None:
    answers = (b'* URLFETCH b "x"', b'* URLFETCH "' + FULL.encode() + b'" NIL other "y"', b"A1 OK done")
    found, said = ask(lambda session: url_fetch(session, [IMAPURL(FULL), "b", "c"]), "URLAUTH", *answers)
    assert said == [b'A1 URLFETCH "' + FULL.encode() + b'" b c']
    assert found == (None, b"x", None)


def test_a_large_value_is_put_together() -> None:
    line = Line(IMAPLimits(max_inline_literal=3, max_section=5), selected=None)
    line.conn.receive_data(b"* CAPABILITY IMAP4rev1 URLAUTH\r\n")
    task = line.start(url_fetch(line.session, ["a"]))
    line.feed_octets(b"* URLFETCH a {5}\r\nab")
    line.feed_octets(b"cde\r\nA1 OK done\r\n")
    assert task.result == (b"abcde",)
    task = line.start(url_fetch(line.session, ["a"]))
    line.feed_octets(b"* URLFETCH a {6}\r\nabcdef\r\nA2 OK done\r\n")
    assert isinstance(task.error, ItemMissing)


def test_a_client_takes_back() -> None:
    code, said = ask(lambda session: reset_key(session), "URLAUTH", b"A1 OK All keys removed")
    assert (code, said) == (None, [b"A1 RESETKEY"])
    expected = URLMechCode((("X", None),))
    code, said = ask(
        lambda session: reset_key(session, "x", ["X"]), "URLAUTH", b"A1 OK [URLMECH INTERNAL X] ."
    )
    assert (code, said) == (expected, [b"A1 RESETKEY x X"])
    answers = (b"* OK [URLMECH INTERNAL X] .", b"A1 OK .")
    assert ask(lambda session: reset_key(session, "x"), "URLAUTH", *answers)[0] == expected


def test_a_client_does_not_send_what_is_not_offered() -> None:
    check_not_sent(lambda session: generate_urlauth(session, [RUMP]), "URLAUTH")
    check_not_sent(lambda session: url_fetch(session, [FULL]), "URLAUTH")
    check_not_sent(lambda session: reset_key(session), "URLAUTH")
