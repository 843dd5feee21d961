from __future__ import annotations

import pytest
from hypothesis import given

from mailproto.errors import Defect, LocalProtocolError
from mailproto.imap.cursor import Cursor, ParseError
from mailproto.imap.fetch import BodySection
from mailproto.imap.sections import Section, parse_section, section_key, write_section
from mailproto.imap.writer import LiteralForm
from support_fetch import body_sections, general_path
from support_imap_wire import cursor_at, frame, written

CASES: list[tuple[bytes, Section]] = [
    (b"[]", Section()),
    (b"[HEADER]", Section((), "HEADER")),
    (b"[TEXT]", Section((), "TEXT")),
    (b"[1]", Section((1,))),
    (b"[4.2.1]", Section((4, 2, 1))),
    (b"[4294967295]", Section((4294967295,))),
    (b"[1.MIME]", Section((1,), "MIME")),
    (b"[4.2.2.MIME]", Section((4, 2, 2), "MIME")),
    (b"[3.HEADER]", Section((3,), "HEADER")),
    (b"[3.TEXT]", Section((3,), "TEXT")),
    (b"[HEADER.FIELDS (DATE FROM)]", Section((), "HEADER.FIELDS", ("DATE", "FROM"))),
    (b"[1.HEADER.FIELDS.NOT (X-Y)]", Section((1,), "HEADER.FIELDS.NOT", ("X-Y",))),
    (b'[HEADER.FIELDS ("a b" "")]', Section((), "HEADER.FIELDS", ("a b", ""))),
    (b"[HEADER.FIELDS ({3}\r\na\rb X)]", Section((), "HEADER.FIELDS", ("a\rb", "X"))),
    (b"[HEADER.FIELDS ({2}\r\n\xc3\xa9)]", Section((), "HEADER.FIELDS", ("é",))),
]

OTHER_SPELLINGS: list[tuple[bytes, Section]] = [
    (b'[header.fields ("From")]', Section((), "HEADER.FIELDS", ("From",))),
    (b"[1.text]", Section((1,), "TEXT")),
]

NOT_CASES = [
    b"",
    b"[",
    b"[0]",
    b"[01]",
    b"[1.]",
    b"[1.0]",
    b"[.1]",
    b"[MIME]",
    b"[4294967296]",
    b"[HEADER.FIELDS]",
    b"[HEADER.FIELDS ()]",
    b"[HEADER.FIELDS (A  B)]",
    b"[HEADER.FIELDS (A]",
    b"[HEADER (A)]",
    b"[TEXT.1]",
    b"[1 .TEXT]",
    b"[FOO]",
    b"[ ]",
]


@pytest.mark.parametrize(("octets", "section"), CASES, ids=repr)
def test_both_directions(octets: bytes, section: Section) -> None:
    message = frame(octets + b"\r\n")
    for _ in range(2):
        cursor = Cursor(message, strict=True)
        assert parse_section(cursor) == section
        cursor.expect_end()
    assert written(lambda writer: write_section(writer, section), LiteralForm.SERVER) == octets


@pytest.mark.parametrize(("octets", "section"), OTHER_SPELLINGS, ids=repr)
def test_other_spellings(octets: bytes, section: Section) -> None:
    assert parse_section(cursor_at(octets, strict=True)) == section


@pytest.mark.parametrize("octets", NOT_CASES, ids=repr)
def test_not_a_section(octets: bytes) -> None:
    with pytest.raises(ParseError):
        parse_section(cursor_at(octets))
    with general_path(), pytest.raises(ParseError):
        parse_section(cursor_at(octets))


def test_a_field_name_in_octets_above_127_is_a_defect() -> None:
    cursor = cursor_at(b"[HEADER.FIELDS (\xff)]")
    assert parse_section(cursor).fields == ("\udcff",)
    assert cursor.defects == [Defect("7-bit octets outside of literals", 16, b"\xff)]")]


@given(body_sections)
def test_round_trip(item: BodySection) -> None:
    octets = written(lambda writer: write_section(writer, item.section), LiteralForm.SERVER)
    cursor = Cursor(frame(octets + b"\r\n"), strict=True)
    assert parse_section(cursor) == item.section
    cursor.expect_end()


@given(body_sections, body_sections)
def test_keys_tell_sections_apart(left: BodySection, right: BodySection) -> None:
    assert (section_key(left.section) == section_key(right.section)) == (left.section == right.section)


@pytest.mark.parametrize(
    "arguments",
    [
        ((0,),),
        ((2**32,),),
        ((), "MIME"),
        ((), "HEADERS"),
        ((), "HEADER.FIELDS"),
        ((), "HEADER", ("From",)),
        ((), None, ("From",)),
        ((), "HEADER.FIELDS", ("a\0b",)),
        ((), "HEADER.FIELDS", ("\ud800",)),
    ],
    ids=repr,
)
def test_what_the_grammar_does_not_have_cannot_be_built(arguments: tuple[object, ...]) -> None:
    with pytest.raises(LocalProtocolError):
        Section(*arguments)  # type: ignore[arg-type]  # wrong on purpose


def test_of_text() -> None:
    assert Section.parse("1.2.HEADER") == Section((1, 2), "HEADER")
    assert Section.parse("") == Section()
    assert str(Section((1,), "HEADER.FIELDS", ("From", "a b"))) == '1.HEADER.FIELDS (From "a b")'
    for text in ("x", "1]", "1.HEADER.FIELDS", "\ud800"):
        with pytest.raises(LocalProtocolError):
            Section.parse(text)
