from __future__ import annotations

import time
from collections.abc import Iterable

import pytest
from hypothesis import given

from mailproto.errors import LocalProtocolError
from mailproto.imap.cursor import ParseError
from mailproto.imap.flags import (
    ANSWERED,
    DELETED,
    SEEN,
    WILDCARD,
    check_flag,
    flag_set,
    keyword,
    parse_flag,
    parse_flag_list,
    write_flag_list,
)
from support_imap_strategies import flags
from support_imap_wire import cursor_at, written

CASES: list[tuple[bytes, frozenset[str]]] = [
    (b"()", frozenset()),
    (b"(\\Seen)", frozenset({SEEN})),
    (b"($Junk \\Answered \\Deleted)", frozenset({ANSWERED, DELETED, "$Junk"})),
    (b"(\\*)", frozenset({WILDCARD})),
    (b"(\\X-Own)", frozenset({"\\X-Own"})),
]


@pytest.mark.parametrize(("wire", "value"), CASES)
def test_lists_in_both_directions(wire: bytes, value: frozenset[str]) -> None:
    cursor = cursor_at(wire, strict=True)
    assert parse_flag_list(cursor) == value
    assert cursor.is_at_end
    assert written(lambda writer: write_flag_list(writer, value)) == wire


def test_system_flags_have_one_spelling_and_keywords_keep_theirs() -> None:
    assert parse_flag_list(cursor_at(b"(\\SEEN \\deleted $jUNK)")) == {SEEN, DELETED, "$jUNK"}
    assert parse_flag(cursor_at(b"\\answered")) == ANSWERED
    assert check_flag("\\seen") == SEEN
    assert keyword("$Forwarded") == "$Forwarded"


@pytest.mark.parametrize(
    ("wire", "value"),
    [
        (b"(\\Seen  a)", {SEEN, "a"}),
        (b"( \\Seen )", {SEEN}),
        (b"( )", set()),
        (b"([Gmail] x)", {"[Gmail]", "x"}),
        (b"(\\Seen\\deleted a)", {SEEN, DELETED, "a"}),
        (b"(a\\Seen)", {"a", SEEN}),
        (b"(a\\x \\Seenx)", {"a\\x", "\\Seenx"}),
        (b'("a" "\\\\Seen")', {"a", SEEN}),
        (b'("")', set()),
        (b"(caf\xc3\xa9 caf\xe9 a\xc2\xa0b)", {"café", "caf\udce9", "a\xa0b"}),
    ],
)
def test_odd_lists_are_kept_with_a_defect(wire: bytes, value: set[str]) -> None:
    cursor = cursor_at(wire)
    assert parse_flag_list(cursor) == value
    assert len(cursor.defects) == 1
    with pytest.raises(ParseError):
        parse_flag_list(cursor_at(wire, strict=True))
    again = written(lambda writer: write_flag_list(writer, value))
    assert parse_flag_list(cursor_at(again)) == value


@pytest.mark.parametrize(
    "wire", [b"", b"\\Seen", b"(\\Seen", b'("a)', b'("\\a")', b"((a))", b"(a\r\n)", b"(a\0)", b"({1}\r\na)"]
)
def test_what_is_no_list(wire: bytes) -> None:
    with pytest.raises(ParseError):
        parse_flag_list(cursor_at(wire))


ATTACKS = [
    "",
    "a b",
    "a\r\nb",
    "a\0",
    "(",
    ")",
    '"',
    "\\",
    "\\\\",
    "a\\b",
    "\\a*",
    "*",
    "%",
    "]",
    "{1}",
    "é",
    "\ud800",
]


@pytest.mark.parametrize("flag", ATTACKS, ids=repr)
def test_what_is_no_flag_is_a_local_error(flag: str) -> None:
    with pytest.raises(LocalProtocolError):
        check_flag(flag)
    with pytest.raises(LocalProtocolError):
        flag_set(["\\Seen", flag])
    with pytest.raises(LocalProtocolError):
        keyword(flag)


@pytest.mark.parametrize("flags", [["\\Seen\\Deleted"], ['"a"'], ['a"'], ["a b"], ["(a"], ["{1}"]], ids=repr)
def test_what_would_be_read_as_other_flags_is_not_written(flags: list[str]) -> None:
    with pytest.raises(LocalProtocolError):
        written(lambda writer: write_flag_list(writer, flags))


@pytest.mark.parametrize("flags", ["\\Seen", [5], [WILDCARD]], ids=repr)
def test_what_is_no_set_of_flags_is_a_local_error(flags: Iterable[str]) -> None:
    with pytest.raises(LocalProtocolError):
        flag_set(flags)


def test_a_keyword_has_no_backslash_and_the_wildcard_has_its_place() -> None:
    with pytest.raises(LocalProtocolError):
        keyword(SEEN)
    assert flag_set([WILDCARD, "\\seen"], wildcard=True) == {WILDCARD, SEEN}


def test_hostile_lists_take_linear_time() -> None:
    started = time.process_time()
    for wire in (b"(" + b"a " * 500_000, b"(" + b"\\a " * 500_000 + b"("):
        with pytest.raises(ParseError):
            parse_flag_list(cursor_at(wire))
    assert time.process_time() - started < 5


@given(flags)
def test_round_trip(value: frozenset[str]) -> None:
    checked = flag_set(value)
    wire = written(lambda writer: write_flag_list(writer, checked))
    assert parse_flag_list(cursor_at(wire, strict=True)) == checked
