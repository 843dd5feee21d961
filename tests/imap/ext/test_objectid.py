from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given

from mailproto.errors import ItemMissing, LocalProtocolError
from mailproto.imap.codec import parse_responses, serialize
from mailproto.imap.codes import ResponseCode, UnknownCode, parse_resp_text_code
from mailproto.imap.commands import Fetch, Search, Select, Status
from mailproto.imap.ext.objectid import EMAILID, THREADID, EmailID, MailboxIDCode, ThreadID
from mailproto.imap.fetch import FetchItem
from mailproto.imap.fetch_data import FetchData
from mailproto.imap.responses import Response, StatusData
from mailproto.imap.search import SearchKey, Seen
from mailproto.imap.sequence import SequenceSet
from support_imap import feed, logged_in_client, sent
from support_imap_ext import (
    check_code,
    check_items,
    check_key,
    check_refused,
    check_response,
    check_status_items,
    defects_of,
)
from support_imap_strategies import object_ids
from support_imap_wire import cursor_at

ONE = SequenceSet("1")

ITEMS: list[tuple[bytes, tuple[FetchItem[object], ...]]] = [
    (b"EMAILID", (EMAILID,)),
    (b"(EMAILID THREADID)", (EMAILID, THREADID)),
]
RESPONSES: list[tuple[bytes, Response]] = [
    (
        b"1 FETCH (EMAILID (M6d99ac3275bb4e) THREADID (T64b478a75b7ea9))",
        FetchData(1, EMAILID.answer("M6d99ac3275bb4e"), THREADID.answer("T64b478a75b7ea9")),
    ),
    (b"1 FETCH (THREADID NIL)", FetchData(1, THREADID.answer(None))),
    (b"1 FETCH (EMAILID (0012))", FetchData(1, EMAILID.answer("0012"))),
    (b"1 FETCH (THREADID (NIL))", FetchData(1, THREADID.answer("NIL"))),
    (
        b"STATUS foo (MAILBOXID (F2212ea87-6097-4256-9d51-71338625))",
        StatusData("foo", (("MAILBOXID", "F2212ea87-6097-4256-9d51-71338625"),)),
    ),
    (b"STATUS foo (MAILBOXID (007) MESSAGES 1)", StatusData("foo", (("MAILBOXID", "007"), ("MESSAGES", 1)))),
]
KEYS: list[tuple[bytes, SearchKey]] = [
    (b"EMAILID M6d99ac3275bb4e", EmailID("M6d99ac3275bb4e")),
    (b"OR THREADID -_9 SEEN", ThreadID("-_9") | Seen()),
]
CODES: list[tuple[bytes, ResponseCode]] = [
    (
        b"MAILBOXID (F2212ea87-6097-4256-9d51-71338625)",
        MailboxIDCode("F2212ea87-6097-4256-9d51-71338625"),
    ),
    (b"MAILBOXID (" + b"x" * 255 + b")", MailboxIDCode("x" * 255)),
]


@pytest.mark.parametrize(("wire", "items"), ITEMS)
def test_items(wire: bytes, items: tuple[FetchItem[object], ...]) -> None:
    check_items(wire, items)


@pytest.mark.parametrize(("wire", "response"), RESPONSES)
def test_responses(wire: bytes, response: Response) -> None:
    check_response(wire, response)


@pytest.mark.parametrize(("wire", "key"), KEYS)
def test_keys(wire: bytes, key: SearchKey) -> None:
    check_key(wire, key)


@pytest.mark.parametrize(("wire", "code"), CODES)
def test_codes(wire: bytes, code: ResponseCode) -> None:
    check_code(wire, code)


def test_status_asks_for_it() -> None:
    check_status_items(b"MAILBOXID", ("MAILBOXID",))
    assert StatusData("x", (("MAILBOXID", "F1"),)).mailbox_id == "F1"
    with pytest.raises(ItemMissing, match="MAILBOXID"):
        _ = StatusData("x", ()).mailbox_id


@pytest.mark.parametrize(
    "wire",
    [
        b"1 FETCH (EMAILID NIL)",
        b"1 FETCH (EMAILID M1)",
        b"1 FETCH (EMAILID ())",
        b"1 FETCH (EMAILID (a b))",
        b"1 FETCH (EMAILID (a.b))",
        b"1 FETCH (THREADID (" + b"x" * 256 + b"))",
        b"STATUS x (MAILBOXID F1)",
    ],
)
def test_what_is_no_object_id_is_a_defect(wire: bytes) -> None:
    assert defects_of(wire) == 1


@pytest.mark.parametrize("wire", [b"MAILBOXID F1", b"MAILBOXID ()", b"MAILBOXID (a b)"])
def test_other_arguments_of_the_code_are_kept(wire: bytes) -> None:
    cursor = cursor_at(wire + b"]")
    assert isinstance(parse_resp_text_code(cursor), UnknownCode)
    assert len(cursor.defects) == 1


ATTACKS: list[Callable[[str], object]] = [EMAILID.answer, THREADID.answer, EmailID, ThreadID, MailboxIDCode]


@pytest.mark.parametrize("evil", ["", "a b", "a\r\nb", "a\0", "(a)", "é", "x" * 256, 5], ids=repr)
@pytest.mark.parametrize("build", ATTACKS)
def test_attacks(build: Callable[[str], object], evil: str) -> None:
    with pytest.raises(LocalProtocolError):
        build(evil)


@given(object_ids)
def test_round_trip(object_id: str) -> None:
    data = FetchData(1, EMAILID.answer(object_id), THREADID.answer(object_id))
    assert parse_responses(serialize(data), strict=True) == [data]
    assert data[EMAILID] == data[THREADID] == object_id


@pytest.mark.parametrize(
    "command",
    [Fetch(ONE, (EMAILID,)), Search(~ThreadID("T1")), Status("x", ("MAILBOXID",))],
    ids=lambda command: command.name,
)
def test_a_server_refuses_what_it_does_not_offer(command: Fetch | Search | Status) -> None:
    check_refused(command, "OBJECTID")


def test_the_view_has_the_identifier() -> None:
    client = logged_in_client("IMAP4rev1 OBJECTID")
    client.send_command(Select("foo"), "27")
    sent(client)
    feed(client, b"* 0 EXISTS\r\n* OK [MAILBOXID (F2212)] Ok\r\n27 OK [READ-WRITE] Completed\r\n")
    assert client.view is not None
    assert client.view.mailbox_id == "F2212"
