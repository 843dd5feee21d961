from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.errors import Defect, ItemMissing, LocalProtocolError
from mailproto.imap._response import DataResponse
from mailproto.imap.cursor import ParseError
from mailproto.imap.mailbox_data import (
    ExistsData,
    ExpungeData,
    FlagsData,
    ListData,
    LSubData,
    RecentData,
    SearchData,
    StatusData,
)
from mailproto.imap.responses import UnreadResponse, parse_response, serialize_response
from mailproto.imap.values import Message
from support_imap_wire import frame

CASES: list[tuple[bytes, DataResponse]] = [
    # RFC 3501 sections 7.2 to 7.4
    (b'* LIST (\\Noselect) "/" ~/Mail/foo', ListData(frozenset({"\\Noselect"}), "/", "~/Mail/foo")),
    (b'* LSUB () "." #news.comp.mail.misc', LSubData(frozenset(), ".", "#news.comp.mail.misc")),
    (b"* LIST () NIL INBOX", ListData(frozenset(), None, "INBOX")),
    (
        b'* LIST (\\HasChildren \\Marked) "\\\\" "a b"',
        ListData(frozenset({"\\HasChildren", "\\Marked"}), "\\", "a b"),
    ),
    (b'* LIST () "\\"" a', ListData(frozenset(), '"', "a")),
    (b'* LIST () "/" Entw&APw-rfe', ListData(frozenset(), "/", "Entwürfe")),
    (
        b'* LIST () "/" foo ("CHILDINFO" ("SUBSCRIBED"))',
        ListData(frozenset(), "/", "foo", extended=(("CHILDINFO", ("SUBSCRIBED",)),)),
    ),
    (
        b"* STATUS blurdybloop (MESSAGES 231 UIDNEXT 44292)",
        StatusData("blurdybloop", (("MESSAGES", 231), ("UIDNEXT", 44292))),
    ),
    (b'* STATUS "" ()', StatusData("", ())),
    (b"* STATUS INBOX (X-ID (F1) X-SIZE 5)", StatusData("INBOX", (("X-ID", ("F1",)), ("X-SIZE", 5)))),
    (b"* SEARCH 2 3 6", SearchData((2, 3, 6))),
    (b"* SEARCH 6 2 2", SearchData((6, 2, 2))),
    (b"* SEARCH", SearchData()),
    (b"* FLAGS ($Forwarded \\Answered \\Seen)", FlagsData(frozenset({"\\Answered", "\\Seen", "$Forwarded"}))),
    (b"* FLAGS ()", FlagsData(frozenset())),
    (b"* 23 EXISTS", ExistsData(23)),
    (b"* 0 EXISTS", ExistsData(0)),
    (b"* 5 RECENT", RecentData(5)),
    (b"* 44 EXPUNGE", ExpungeData(44)),
]

OTHER_SPELLINGS: list[tuple[bytes, DataResponse]] = [
    (b"* list (\\NOSELECT) nil inbox", ListData(frozenset({"\\Noselect"}), None, "INBOX")),
    (b'* LIST () "/" "foo"', ListData(frozenset(), "/", "foo")),
    (b"* STATUS inbox (messages 1)", StatusData("INBOX", (("MESSAGES", 1),))),
    (b"* 007 exists", ExistsData(7)),
]

DEVIATIONS: list[tuple[bytes, DataResponse, tuple[str, int]]] = [
    (b'* LIST () "" foo', ListData(frozenset(), None, "foo"), ("a delimiter of one character", 10)),
    (b'* LIST () "//" foo', ListData(frozenset(), None, "foo"), ("a delimiter of one character", 10)),
    (b'* LIST () "/" foo bar', ListData(frozenset(), "/", "foo bar"), ("a mailbox name in quotes", 14)),
    (
        b"* LIST (\\Marked  \\Noselect) NIL a",
        ListData(frozenset({"\\Marked", "\\Noselect"}), None, "a"),
        ("flags with one space between them", 7),
    ),
    (b"* STATUS a (MESSAGES 1 )", StatusData("a", (("MESSAGES", 1),)), ("one space before each item", 22)),
    (
        b"* STATUS a (MESSAGES 1  UNSEEN 2)",
        StatusData("a", (("MESSAGES", 1), ("UNSEEN", 2))),
        ("one space before each item", 22),
    ),
    (b"* STATUS a ( MESSAGES 1)", StatusData("a", (("MESSAGES", 1),)), ("one space before each item", 12)),
    (b"* STATUS a (MESSAGES 1) ", StatusData("a", (("MESSAGES", 1),)), ("the end of the response", 23)),
    (b"* SEARCH ", SearchData(), ("numbers from 1 on, one space before each", 8)),
    (b"* SEARCH 1  2 ", SearchData((1, 2)), ("numbers from 1 on, one space before each", 8)),
    (b"* SEARCH 0 1 4294967296", SearchData((1,)), ("numbers from 1 on, one space before each", 8)),
    (b"* SEARCH 1 4294967296", SearchData((1,)), ("numbers from 1 on, one space before each", 8)),
    (b"* FLAGS (\\Seen  a)", FlagsData(frozenset({"\\Seen", "a"})), ("flags with one space between them", 8)),
    (b"* 5 EXISTS ", ExistsData(5), ("the end of the response", 10)),
]

UNREAD = [
    b"* LIST",
    b'* LIST "/" foo',
    b'* LIST () "/"',
    b"* LIST () / foo",
    b"* STATUS a",
    b"* STATUS a (MESSAGES)",
    b"* STATUS a (MESSAGES 1",
    b"* STATUS a (MESSAGES 1 (5) 1)",
    b"* FLAGS",
    b"* FLAGS \\Seen",
    b"* 0 EXPUNGE",
    b"* 4294967296 EXISTS",
]


@pytest.mark.parametrize(("octets", "response"), CASES, ids=repr)
def test_both_directions(octets: bytes, response: DataResponse) -> None:
    message = frame(octets + b"\r\n")
    parsed = parse_response(message, strict=True)
    assert parsed == response
    assert isinstance(parsed, DataResponse)
    assert parsed.defects == ()
    assert hash(parsed) == hash(response)
    assert serialize_response(response) == [octets + b"\r\n"]
    assert serialize_response(parsed) == [octets + b"\r\n"]


@pytest.mark.parametrize(("octets", "response"), OTHER_SPELLINGS, ids=repr)
def test_other_spellings(octets: bytes, response: DataResponse) -> None:
    assert parse_response(Message(octets), strict=True) == response


@pytest.mark.parametrize(("octets", "response", "defect"), DEVIATIONS, ids=repr)
def test_deviations(octets: bytes, response: DataResponse, defect: tuple[str, int]) -> None:
    parsed = parse_response(Message(octets))
    assert parsed == response
    assert isinstance(parsed, DataResponse)
    assert (parsed.defects[0].rule, parsed.defects[0].offset) == defect
    assert serialize_response(parsed) == serialize_response(response)
    with pytest.raises(ParseError):
        parse_response(Message(octets), strict=True)


@pytest.mark.parametrize("octets", UNREAD, ids=repr)
def test_unread(octets: bytes) -> None:
    assert isinstance(parse_response(Message(octets)), UnreadResponse)


@pytest.mark.parametrize("octets", [b'* LIST () "/" a&AAA-\r\n', b"* STATUS a&AAA- (MESSAGES 1)\r\n"])
def test_nul_in_a_mailbox_name_goes_on_as_it_came(octets: bytes) -> None:
    parsed = parse_response(frame(octets), strict=True)
    assert isinstance(parsed, ListData | StatusData)
    assert parsed.mailbox == "a\0"
    assert serialize_response(parsed) == [octets]


NUL_IN_VALUES = [
    (b"* STATUS a (X {1}\r\n\0)\r\n", 14),
    (b"* LIST () NIL a (X {1}\r\n\0)\r\n", 19),
]


@pytest.mark.parametrize(("octets", "offset"), NUL_IN_VALUES)
def test_nul_in_a_value_is_read_and_not_written(octets: bytes, offset: int) -> None:
    parsed = parse_response(frame(octets))
    assert isinstance(parsed, ListData | StatusData)
    assert parsed.defects == (Defect("a literal without NUL", offset, b"{1}\r\n)"),)
    with pytest.raises(LocalProtocolError):
        serialize_response(parsed)


def test_a_status_value_nested_deeper_than_one_can_be_built_is_read() -> None:
    octets = b"* STATUS a (X " + b"(" * 150 + b")" * 150 + b")"
    assert isinstance(parse_response(Message(octets), max_depth=200), StatusData)


WRONG: list[Callable[[], DataResponse]] = [
    lambda: ListData(frozenset({"a b"}), "/", "x"),
    lambda: ListData(frozenset(), "//", "x"),
    lambda: ListData(frozenset(), "\r", "x"),
    lambda: ListData(frozenset(), "é", "x"),
    lambda: ListData(frozenset(), None, "a\0"),
    lambda: ListData(frozenset(), None, "a", extended=(("X", b"\0"),)),
    lambda: StatusData("a\0", ()),
    lambda: StatusData("a", (("A B", 5),)),
    lambda: StatusData("a", ((5, 5),)),  # type: ignore[arg-type]  # wrong on purpose
    lambda: StatusData("a", (("A", "b c"),)),
    lambda: SearchData((0,)),
    lambda: SearchData((2**32,)),
    lambda: FlagsData(frozenset({"a\r"})),
    lambda: ExistsData(-1),
    lambda: ExistsData(2**32),
    lambda: RecentData(True),
    lambda: ExpungeData(0),
]


@pytest.mark.parametrize("build", WRONG, ids=range(len(WRONG)))
def test_what_cannot_be_built(build: Callable[[], DataResponse]) -> None:
    with pytest.raises(LocalProtocolError):
        build()


def test_list_attributes() -> None:
    def of(*attributes: str) -> ListData:
        return ListData(frozenset(attributes), "/", "a")

    assert of().has_children is None
    assert of("\\haschildren").has_children is True
    assert of("\\HasNoChildren").has_children is False
    assert of("\\Noinferiors").has_children is False
    assert of().is_selectable
    assert not of("\\noselect").is_selectable
    assert of("\\Unknown").attributes == frozenset({"\\Unknown"})


def test_status_items() -> None:
    data = StatusData(
        "a", (("messages", 1), ("RECENT", 2), ("UIDNEXT", 3), ("UIDVALIDITY", 4), ("UNSEEN", 5), ("X", "y"))
    )
    assert (data.messages, data.recent, data.uid_next, data.uid_validity, data.unseen) == (1, 2, 3, 4, 5)
    assert data.get("x") == "y"
    assert data.get("z") is None
    with pytest.raises(ItemMissing):
        _ = StatusData("a", ()).messages


@given(st.lists(st.integers(1, 2**32 - 1), max_size=20))
def test_search_round_trip(numbers: list[int]) -> None:
    (octets,) = serialize_response(SearchData(tuple(numbers)))
    assert isinstance(octets, bytes)
    assert parse_response(Message(octets[:-2]), strict=True) == SearchData(tuple(numbers))


def test_a_status_item_with_a_bad_value_is_left_out_and_the_others_are_read() -> None:
    response = parse_response(frame(b"* STATUS x (MESSAGES 2 SIZE (5) UIDNEXT 3)\r\n"))
    assert response == StatusData("x", (("MESSAGES", 2), ("UIDNEXT", 3)))
    assert isinstance(response, StatusData)
    assert response.defects == (Defect("a 63-bit number", 28, b"(5) UIDNEXT 3)"),)
