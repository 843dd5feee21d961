from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.errors import LocalProtocolError
from mailproto.imap.cursor import Cursor, ParseError
from mailproto.imap.fetch import (
    ALL,
    BODY,
    BODYSTRUCTURE,
    ENVELOPE,
    FAST,
    FLAGS,
    FULL,
    INTERNALDATE,
    ITEMS,
    RFC822,
    RFC822_HEADER,
    RFC822_SIZE,
    RFC822_TEXT,
    UID,
    Answer,
    BodySection,
    FetchItem,
    NamedItem,
    OtherItem,
    SectionData,
    check_fetch_items,
    parse_fetch_items,
    register_item,
    write_fetch_items,
)
from mailproto.imap.sections import Section
from mailproto.imap.values import Omitted, Streamed
from mailproto.imap.writer import Writer
from mailproto.mime.body_structure import SinglePartExtension, TextPart
from support_fetch import body_sections
from support_imap_wire import cursor_at, frame, written

Items = tuple[FetchItem[object], ...]

CASES: list[tuple[bytes, Items]] = [
    (b"FLAGS", (FLAGS,)),
    (b"BODY", (BODY,)),
    (b"BODYSTRUCTURE", (BODYSTRUCTURE,)),
    (b"RFC822", (RFC822,)),
    (b"(UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)", (UID, FLAGS, INTERNALDATE, RFC822_SIZE, ENVELOPE)),
    (b"(RFC822.HEADER RFC822.TEXT)", (RFC822_HEADER, RFC822_TEXT)),
    (b"(FLAGS FLAGS)", (FLAGS, FLAGS)),
    (b"BODY[]", (BodySection(peek=False),)),
    (b"BODY.PEEK[]", (BodySection(),)),
    (b"BODY[]<0.1>", (BodySection(partial=(0, 1), peek=False),)),
    (b"BODY.PEEK[1.2.TEXT]<100.4294967295>", (BodySection((1, 2), "TEXT", partial=(100, 4294967295)),)),
    (
        b"BODY[]<9223372036854775807.9223372036854775807>",
        (BodySection(partial=(2**63 - 1, 2**63 - 1), peek=False),),
    ),
    # RFC 3501 section 6.4.5
    (
        b"(FLAGS BODY[HEADER.FIELDS (DATE FROM)])",
        (FLAGS, BodySection((), "HEADER.FIELDS", ("DATE", "FROM"), peek=False)),
    ),
    (b"X-MSGID", (OtherItem("X-MSGID"),)),
    (b"(X-PREVIEW (LAZY) UID)", (OtherItem("X-PREVIEW", ("LAZY",)), UID)),
    (
        b"(X.PEEK[1.2]<0.10> X.SIZE[3])",
        (OtherItem("X.PEEK[1.2]<0.10>"), OtherItem("X.SIZE[3]")),
    ),
]

OTHER_SPELLINGS: list[tuple[bytes, Items]] = [
    (b"ALL", ALL),
    (b"fast", FAST),
    (b"Full", FULL),
    (b"(uid)", (UID,)),
    (b"body.peek[text]", (BodySection((), "TEXT"),)),
    (b"x-foo", (OtherItem("X-FOO"),)),
]

NOT_CASES = [
    b"",
    b"()",
    b"(",
    b"(UID",
    b"(UID  FLAGS)",
    b"(UID ALL)",
    b"( UID)",
    b"(UID )",
    b'"UID"',
    b"BODY[",
    b"BODY[X]",
    b"BODY[]<0>",
    b"BODY[]<0.0>",
    b"BODY[]<-1.5>",
    b"BODY[]<1.9223372036854775808>",
    b"BODY[]<9223372036854775808.1>",
    b"BODY.PEEK",
    b"(UID (X))",
    b"X (" + b"(" * 500,
]

ITEM_OF_NAME: list[tuple[FetchItem[object], str, str]] = [
    (UID, "UID", "UID"),
    (RFC822_SIZE, "RFC822.SIZE", "RFC822_SIZE"),
    (BodySection((1,), "HEADER.FIELDS", ("From",), partial=(5, 7)), "BODY[1.HEADER.FIELDS (FROM)]<5>", ""),
    (OtherItem("x-foo"), "X-FOO", ""),
]


@pytest.mark.parametrize(("octets", "items"), CASES, ids=repr)
def test_both_directions(octets: bytes, items: Items) -> None:
    cursor = cursor_at(octets, strict=True)
    assert parse_fetch_items(cursor) == items
    cursor.expect_end()
    assert written(lambda writer: write_fetch_items(writer, items)) == octets


@pytest.mark.parametrize(("octets", "items"), OTHER_SPELLINGS, ids=repr)
def test_other_spellings(octets: bytes, items: Items) -> None:
    cursor = cursor_at(octets, strict=True)
    assert parse_fetch_items(cursor) == items
    cursor.expect_end()


@pytest.mark.parametrize("octets", NOT_CASES, ids=lambda octets: repr(octets[:20]))
def test_not_fetch_items(octets: bytes) -> None:
    cursor = cursor_at(octets)
    with pytest.raises(ParseError):
        parse_fetch_items(cursor)
        cursor.expect_end()


def test_macros() -> None:
    assert FAST == (FLAGS, INTERNALDATE, RFC822_SIZE)
    assert ALL == (FLAGS, INTERNALDATE, RFC822_SIZE, ENVELOPE)
    assert FULL == (FLAGS, INTERNALDATE, RFC822_SIZE, ENVELOPE, BODY)


@given(st.lists(body_sections, min_size=1, max_size=3).map(tuple))
def test_round_trip(items: Items) -> None:
    octets = written(lambda writer: write_fetch_items(writer, items))
    cursor = Cursor(frame(octets + b"\r\n"), strict=True)
    assert parse_fetch_items(cursor) == items
    cursor.expect_end()


@pytest.mark.parametrize(("item", "key", "name"), ITEM_OF_NAME, ids=repr)
def test_keys(item: FetchItem[object], key: str, name: str) -> None:
    assert item.key == key
    assert hash(item) == hash(item)
    if name:
        assert repr(item) == key


def test_asked_and_answered_meet() -> None:
    asked = BodySection((), "HEADER.FIELDS", ("From", "subject"), partial=(10, 20), peek=False)
    assert asked.key == BodySection((), "HEADER.FIELDS", ("FROM", "SUBJECT"), partial=(10, 99)).key
    assert asked.key != BodySection((), "HEADER.FIELDS", ("FROM", "SUBJECT")).key


@pytest.mark.parametrize("partial", [(-1, 1), (0, 0), (0, 2**63), (2**63, 1)])
def test_a_partial_out_of_range(partial: tuple[int, int]) -> None:
    with pytest.raises(LocalProtocolError):
        BodySection(partial=partial)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("", None),
        ("a b", None),
        ("a\r\n", None),
        ("UID", None),
        ("all", None),
        ("BODY[]", None),
        ("body.peek[TEXT]", None),
        ("é", None),
        ("X[", None),
        ("X", (b"\0",)),
        ("X", ("a b",)),
    ],
    ids=repr,
)
def test_what_is_no_other_item(name: str, arguments: tuple[object, ...] | None) -> None:
    with pytest.raises(LocalProtocolError):
        OtherItem(name, arguments)  # type: ignore[arg-type]  # wrong on purpose


def test_items_are_checked() -> None:
    assert check_fetch_items([UID, FLAGS]) == (UID, FLAGS)
    with pytest.raises(LocalProtocolError):
        check_fetch_items([])
    with pytest.raises(LocalProtocolError):
        check_fetch_items(["UID"])  # type: ignore[list-item]  # wrong on purpose


ZONE = timezone(timedelta(hours=2))

ANSWERS: list[tuple[Answer, Answer]] = [
    (UID.answer(5), Answer("UID", 5)),
    (FLAGS.answer(frozenset({"\\seen", "a"})), Answer("FLAGS", frozenset({"\\Seen", "a"}))),
    (
        INTERNALDATE.answer(datetime(2024, 5, 6, 7, 8, 9, 10, ZONE)),
        Answer("INTERNALDATE", datetime(2024, 5, 6, 7, 8, 9, 0, ZONE)),
    ),
    (BODY.answer(TextPart(extension=SinglePartExtension())), Answer("BODY", TextPart())),
    (RFC822.answer(b"x"), Answer("RFC822", b"x")),
    (
        BodySection((1,), partial=(5, 9)).answer(Streamed(7)),
        Answer("BODY[1]<5>", SectionData(Section((1,)), 5, Streamed(7))),
    ),
    (BodySection().answer(None), Answer("BODY[]", SectionData(Section(), None, None))),
    (BodySection().answer(Omitted(7)), Answer("BODY[]", SectionData(Section(), None, Omitted(7)))),
    (OtherItem("X").answer((1, b"y")), Answer("X", (1, b"y"))),
]


@pytest.mark.parametrize(("answer", "expected"), ANSWERS, ids=repr)
def test_answers(answer: Answer, expected: Answer) -> None:
    assert answer == expected


WRONG_VALUES: list[tuple[FetchItem[object], object]] = [
    (UID, 0),
    (UID, 2**32),
    (UID, True),
    (RFC822_SIZE, -1),
    (RFC822_SIZE, 2**63),
    (FLAGS, {"a b"}),
    (FLAGS, "\\Seen"),
    (INTERNALDATE, datetime(2024, 5, 6)),
    (RFC822, b"\0"),
    (BodySection(), "text"),
    (BodySection(), b"a\0b"),
    (OtherItem("X"), "a b"),
]


@pytest.mark.parametrize(("item", "value"), WRONG_VALUES, ids=repr)
def test_values_are_checked(item: FetchItem[object], value: object) -> None:
    with pytest.raises(LocalProtocolError):
        item.answer(value)


def test_an_extension_registers_its_item() -> None:
    item = NamedItem("X-TEST-MODSEQ", Cursor.number64, Writer.number)
    try:
        assert register_item(item) is item
        assert parse_fetch_items(cursor_at(b"(X-TEST-MODSEQ UID)")) == (item, UID)
        assert item.answer(5) == Answer("X-TEST-MODSEQ", 5)
    finally:
        del ITEMS["X-TEST-MODSEQ"]


def test_an_item_that_is_none_has_no_methods() -> None:
    bare: FetchItem[int] = FetchItem()
    with pytest.raises(NotImplementedError):
        bare.answer(5)
    with pytest.raises(NotImplementedError):
        bare.write(Writer())
    with pytest.raises(NotImplementedError):
        _ = bare.key
