from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from mailproto.errors import Defect
from mailproto.imap.cursor import Cursor, ParseError
from mailproto.imap.values import Omitted, Streamed
from support_imap_wire import cursor_at

Read = Callable[[Cursor], object]

CASES: list[tuple[Read, bytes, tuple[bytes, ...], object]] = [
    (Cursor.atom, b"FooBar", (), "FooBar"),
    (Cursor.atom, b"a}b", (), "a}b"),
    (Cursor.word, b"fetch", (), "FETCH"),
    (Cursor.tag, b"a.1]", (), "a.1]"),
    (Cursor.number, b"0", (), 0),
    (Cursor.number, b"0042", (), 42),
    (Cursor.number, b"4294967295", (), 4294967295),
    (Cursor.nz_number, b"1", (), 1),
    (Cursor.number64, b"9223372036854775807", (), 2**63 - 1),
    (Cursor.quoted, b'""', (), b""),
    (Cursor.quoted, b'"a b"', (), b"a b"),
    (Cursor.quoted, rb'"a \"b\" \\"', (), rb'a "b" \ '.strip()),
    (Cursor.quoted, b'"{5}"', (), b"{5}"),
    (Cursor.string, b"{3}\r\n", (b"a\r\n",), b"a\r\n"),
    (Cursor.string, b"{3+}\r\n", (b"abc",), b"abc"),
    (Cursor.string, b"~{3}\r\n", (b"abc",), b"abc"),
    (Cursor.string, b"{ 3 }\r\n", (b"abc",), b"abc"),
    (Cursor.string, b"{3}\n", (b"abc",), b"abc"),
    (Cursor.nstring, b"NIL", (), None),
    (Cursor.nstring, b"nil", (), None),
    (Cursor.nstring, b'"NIL"', (), b"NIL"),
    (Cursor.nstring, b'""', (), b""),
    (Cursor.astring, b"INBOX", (), b"INBOX"),
    (Cursor.astring, b"a]b", (), b"a]b"),
    (Cursor.astring, b"NIL", (), b"NIL"),
    (Cursor.astring, b'"a b"', (), b"a b"),
    (Cursor.astring, b"{1}\r\n", (b"\r",), b"\r"),
    (Cursor.value, b"()", (), ()),
    (Cursor.value, b'(a "b" {1}\r\n 5 NIL (\\Seen))', (b"c",), ("a", b"b", b"c", 5, None, ("\\Seen",))),
    (Cursor.value, b"007", (), 7),
    (Cursor.value, b"123456789012345678901", (), "123456789012345678901"),
    (Cursor.value, b"~{1}\r\n", (b"\0",), b"\0"),
    (Cursor.values, b' a (b) "c"', (), ("a", ("b",), b"c")),
    (Cursor.values, b"", (), ()),
    (Cursor.rest, b"any {3} thing", (), b"any {3} thing"),
]


@pytest.mark.parametrize(("read", "text", "literals", "expected"), CASES)
def test_reads_and_ends(read: Read, text: bytes, literals: tuple[bytes, ...], expected: object) -> None:
    cursor = cursor_at(text, *literals, strict=True)
    assert read(cursor) == expected
    cursor.expect_end()
    assert cursor.is_at_end


NOT_CASES: list[tuple[Read, bytes, tuple[bytes, ...], int]] = [
    (Cursor.atom, b"", (), 0),
    (Cursor.atom, b"(", (), 0),
    (Cursor.atom, b"\xe9", (), 0),
    (Cursor.tag, b"+", (), 0),
    (Cursor.number, b"", (), 0),
    (Cursor.number, b"-1", (), 0),
    (Cursor.number, b"4294967296", (), 0),
    (Cursor.number, b"9" * 21, (), 0),
    (Cursor.number, b"9" * 100_000, (), 0),
    (Cursor.nz_number, b"0", (), 0),
    (Cursor.number64, b"9223372036854775808", (), 0),
    (Cursor.quoted, b'"', (), 0),
    (Cursor.quoted, b'"a\r\nb"', (), 0),
    (Cursor.quoted, b'"a\0b"', (), 0),
    (Cursor.quoted, b'"a\\"', (), 0),
    (Cursor.string, b"abc", (), 0),
    (Cursor.string, b"{3}\r\n", (), 0),
    (Cursor.string, b"{3}", (b"abc",), 0),
    (Cursor.string, b"{3-}\r\n", (b"abc",), 0),
    (Cursor.string, b"{" + b"9" * 30 + b"}\r\n", (b"abc",), 0),
    (Cursor.astring, b"", (), 0),
    (Cursor.astring, b"%", (), 0),
    (Cursor.astring, b"{3}\r\n", (b"a\0b",), 0),
    (Cursor.value, b")", (), 0),
    (Cursor.value, b"(a", (), 2),
    (Cursor.value, b"(a  b)", (), 3),
    (Cursor.value, b"(a(b))", (), 2),
    (Cursor.values, b" a b ", (), 5),
    (Cursor.sp, b"\t", (), 0),
    (Cursor.expect_end, b"x", (), 0),
    (Cursor.expect_end, b"", (b"x",), 0),
]


@pytest.mark.parametrize(("read", "text", "literals", "offset"), NOT_CASES)
def test_refuses_and_says_where(read: Read, text: bytes, literals: tuple[bytes, ...], offset: int) -> None:
    with pytest.raises(ParseError) as caught:
        read(cursor_at(text, *literals, strict=True))
    assert caught.value.offset == offset
    assert len(caught.value.found) <= 40


DEFECTS: list[tuple[Read, bytes, tuple[bytes | Omitted, ...], object, int]] = [
    (Cursor.quoted, b'"caf\xe9"', (), b"caf\xe9", 0),
    (Cursor.quoted, rb'"a\b"', (), b"ab", 0),
    (Cursor.astring, b"caf\xe9", (), b"caf\xe9", 0),
    (Cursor.string, b"{1}\r\n", (b"\0",), b"\0", 0),
    (Cursor.string, b"{9}\r\n", (Omitted(9),), b"", 0),
    (Cursor.nstring, b"{9}\r\n", (Omitted(9),), b"", 0),
]


@pytest.mark.parametrize(("read", "text", "literals", "expected", "offset"), DEFECTS)
def test_reads_deviations_as_defects_unless_strict(
    read: Read, text: bytes, literals: tuple[bytes | Omitted, ...], expected: object, offset: int
) -> None:
    cursor = cursor_at(text, *literals)
    assert read(cursor) == expected
    assert [(defect.offset, defect.excerpt) for defect in cursor.defects] == [(offset, text[:40])]
    with pytest.raises(ParseError):
        read(cursor_at(text, *literals, strict=True))


def test_streamed_literals_stand_only_where_content_may() -> None:
    assert cursor_at(b"{9}\r\n", Streamed(9)).content() == Streamed(9)
    assert cursor_at(b"{9}\r\n", Streamed(9)).ncontent() == Streamed(9)
    assert cursor_at(b"NIL").ncontent() is None
    with pytest.raises(ParseError):
        cursor_at(b"{9}\r\n", Streamed(9)).string()


def test_accept_moves_only_past_what_matches() -> None:
    cursor = cursor_at(b"Nil(x")
    assert not cursor.accept(b"(")
    assert cursor.accept_word(b"NIL")
    assert not cursor.accept_word(b"NIL")
    assert cursor.accept(b"(")
    assert cursor.position == 4
    assert cursor.peek() == b"x"
    with pytest.raises(ParseError):
        cursor.expect(b")")


def test_defects_say_rule_offset_and_excerpt() -> None:
    cursor = cursor_at(b"x" * 100)
    cursor.position = 10
    cursor.defect("a rule")
    assert cursor.defects == [Defect("a rule", 10, b"x" * 40)]


def test_errors_show_no_more_than_forty_octets() -> None:
    error = cursor_at(b"\x00" + b"secret" * 100).error("something else")
    assert len(error.found) == 40
    assert str(error).startswith("expected something else, got b'\\x00secret")


@pytest.mark.parametrize("count", [101, 2_000, 100_000])
def test_nesting_beyond_the_budget_is_refused(count: int) -> None:
    with pytest.raises(ParseError, match="levels"):
        cursor_at(b"(" * count + b")" * count).value()


def test_nesting_within_the_budget_is_read() -> None:
    value = cursor_at(b"(" * 100 + b")" * 100).value()
    depth = 0
    while isinstance(value, tuple):
        value = value[0] if value else None
        depth += 1
    assert depth == 100
    with pytest.raises(ParseError, match="at most 3 levels"):
        cursor_at(b"((((", max_depth=3).value()


HOSTILE = [
    b'"' + b"a" * 1_000_000,
    b'"' + b"\\a" * 500_000,
    b'"' + b'\\"' * 500_000,
    b"(" + b"a " * 500_000,
    b"{" + b"1" * 1_000_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:6]))
def test_hostile_text_takes_linear_time(text: bytes) -> None:
    started = time.process_time()
    with pytest.raises(ParseError):
        cursor_at(text, strict=True).value()
    assert time.process_time() - started < 5
