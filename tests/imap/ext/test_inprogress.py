from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given

from mailproto.errors import LocalProtocolError
from mailproto.imap.codec import parse_responses, serialize
from mailproto.imap.codes import ResponseCode, UnknownCode, parse_resp_text_code
from mailproto.imap.commands import Search
from mailproto.imap.ext.inprogress import InProgressCode
from mailproto.imap.responses import SearchData
from mailproto.imap.search import Text
from mailproto.imap.status import Bye, No, Ok
from support_imap import client_events, feed, selected_client, selected_server, sent
from support_imap_admin import check_refusal_to_build
from support_imap_ext import check_code
from support_imap_strategies import inprogress_codes
from support_imap_wire import cursor_at

LARGEST = 2**32 - 1

CODES: list[tuple[bytes, ResponseCode]] = [
    (b"INPROGRESS", InProgressCode()),
    (b'INPROGRESS ("tag" NIL NIL)', InProgressCode("tag")),
    (b'INPROGRESS ("tag" 175 NIL)', InProgressCode("tag", 175)),
    (b'INPROGRESS ("A001" 454 1000)', InProgressCode("A001", 454, 1_000)),
    (b"INPROGRESS (NIL 0 4294967295)", InProgressCode(None, 0, LARGEST)),
]


@pytest.mark.parametrize(("wire", "code"), CODES)
def test_codes(wire: bytes, code: ResponseCode) -> None:
    check_code(wire, code)
    octets = b"* OK [" + wire + b"] Hang in there...\r\n"
    assert client_events(octets, selected_client) == [Ok("Hang in there...", code)]


def test_no_details_are_as_good_as_none() -> None:
    code = parse_resp_text_code(cursor_at(b"INPROGRESS (NIL NIL NIL)]", strict=True))
    assert code == InProgressCode()


# RFC 9585 section 6: "In these cases, the notification MUST be disregarded."
@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"()",
        b"(tag 1 2)",
        b'("tag" 1)',
        b'("tag" 1 0)',
        b'("tag" 2 2)',
        b'("tag" 3 2)',
        b'("tag" NIL 2)',
        b'("tag" -1 2)',
        b'("tag" 1 4294967296)',
        b'("a b" 1 2)',
        b'("tag" 1 2) x',
    ],
)
def test_what_makes_no_sense_is_only_kept(text: bytes) -> None:
    cursor = cursor_at(b"INPROGRESS " + text + b"]")
    assert parse_resp_text_code(cursor) == UnknownCode.of_parsed("INPROGRESS", text)
    assert len(cursor.defects) == 1


ATTACKS: list[Callable[[], object]] = [
    lambda: InProgressCode("a]b"),
    lambda: InProgressCode(""),
    lambda: InProgressCode('a"b'),
    lambda: InProgressCode("a\r\n"),
    lambda: InProgressCode(5),  # type: ignore[arg-type]  # the mistake
    lambda: InProgressCode("a", -1),
    lambda: InProgressCode("a", LARGEST + 1),
    lambda: InProgressCode("a", 5, 5),
    lambda: InProgressCode("a", None, 5),
    lambda: InProgressCode("a", 0, 0),
]


@pytest.mark.parametrize("build", ATTACKS)
def test_attacks(build: Callable[[], object]) -> None:
    check_refusal_to_build(build)


@given(inprogress_codes)
def test_round_trip(code: ResponseCode) -> None:
    assert parse_responses(serialize(Ok("x", code)), strict=True) == [Ok("x", code)]


def test_a_server_sends_it_in_an_untagged_ok_only() -> None:
    server = selected_server(capabilities=["IMAP4rev1", "INPROGRESS"])
    feed(server, b"A001 SEARCH TEXT x\r\n")
    code = InProgressCode("A001", 454, 1_000)
    for untagged in (No("x", code), Bye("x", code)):
        with pytest.raises(LocalProtocolError, match="INPROGRESS"):
            server.send(untagged)
    for tagged in (Ok("x", code), No("x", code)):
        with pytest.raises(LocalProtocolError, match="INPROGRESS"):
            server.complete("A001", tagged)
    assert sent(server) == b""
    server.send(Ok("Processed 45% of the items", code))
    server.send(SearchData((447, 735)))
    server.complete("A001", Ok("Search completed"))
    assert sent(server) == (
        b'* OK [INPROGRESS ("A001" 454 1000)] Processed 45% of the items\r\n'
        b"* SEARCH 447 735\r\nA001 OK Search completed\r\n"
    )


def test_it_keeps_a_client_waiting() -> None:
    client = selected_client()
    client.send_command(Search(Text("slow")), "A001")
    before = client.progress
    feed(client, b"* OK [INPROGRESS] Hang in there...\r\n")
    assert client.progress != before
