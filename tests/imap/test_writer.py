from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given

from mailproto.errors import LocalProtocolError
from mailproto.imap.capability import Capabilities
from mailproto.imap.cursor import Cursor
from mailproto.imap.values import Omitted, Streamed, Value
from mailproto.imap.writer import GATE, Fragment, Gate, LiteralForm, SecretOctets, StreamedLiteral, Writer
from support_imap_strategies import octets, values
from support_imap_wire import cursor_at, frame, written

Write = Callable[[Writer], None]

CASES: list[tuple[str, Write, bytes]] = [
    ("number", lambda w: w.number(4294967295), b"4294967295"),
    ("atom", lambda w: w.atom("FLAGS"), b"FLAGS"),
    ("astring bare", lambda w: w.astring(b"a]b"), b"a]b"),
    ("astring empty", lambda w: w.astring(b""), b'""'),
    ("astring NIL", lambda w: w.astring(b"nil"), b'"nil"'),
    ("astring with a space", lambda w: w.astring(b"a b"), b'"a b"'),
    ("astring with a line end", lambda w: w.astring(b"a\r\n"), b"{3}\r\na\r\n"),
    ("astring that looks like a literal", lambda w: w.astring(b"{3}"), b'"{3}"'),
    ("string", lambda w: w.string(b'a"b\\c'), b'"a\\"b\\\\c"'),
    ("string with a tab and DEL", lambda w: w.string(b"\t\x7f"), b'"\t\x7f"'),
    ("string in 8 bit", lambda w: w.string(b"\xe9"), b"{1}\r\n\xe9"),
    ("string of 1,000", lambda w: w.string(b"a" * 1000), b'"' + b"a" * 1000 + b'"'),
    ("string of 1,001", lambda w: w.string(b"a" * 1001), b"{1001}\r\n" + b"a" * 1001),
    ("nstring NIL", lambda w: w.nstring(None), b"NIL"),
    ("nstring empty", lambda w: w.nstring(b""), b'""'),
    ("literal", lambda w: w.literal(b""), b"{0}\r\n"),
    ("value", lambda w: w.value(("a", b"b", 1, None, ())), b'(a "b" 1 NIL ())'),
    ("values", lambda w: w.values(("a", ("b", "c"))), b" a (b c)"),
]


@pytest.mark.parametrize(("write", "wire"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_writes(write: Write, wire: bytes) -> None:
    assert written(write, LiteralForm.SERVER) == wire


@pytest.mark.parametrize(
    "write",
    [
        lambda w: w.string(b"a\0b"),
        lambda w: w.astring(b"\0"),
        lambda w: w.nstring(b"\0"),
        lambda w: w.literal(b"\0"),
        lambda w: w.secret(b"\0"),
        lambda w: w.message(b"\0"),
        lambda w: w.message(Omitted(3)),
    ],
)
def test_nul_and_what_was_not_kept_are_local_errors(write: Write) -> None:
    with pytest.raises(LocalProtocolError):
        written(write)


def _fragments(form: LiteralForm, write: Write, max_nonsync: int = 4096) -> list[Fragment]:
    writer = Writer(form, max_nonsync=max_nonsync)
    write(writer)
    writer.write(b" end")
    return writer.fragments()


GATES: list[tuple[LiteralForm, int, list[Fragment]]] = [
    (LiteralForm.SYNCHRONIZING, 1, [b"{1}\r\n", GATE, b"\r end"]),
    (LiteralForm.MINUS, 1, [b"{1+}\r\n\r end"]),
    (LiteralForm.MINUS, 4096, [b"{4096+}\r\n" + b"\r" * 4096 + b" end"]),
    (LiteralForm.MINUS, 4097, [b"{4097}\r\n", GATE, b"\r" * 4097 + b" end"]),
    (LiteralForm.PLUS, 4097, [b"{4097+}\r\n" + b"\r" * 4097 + b" end"]),
    (LiteralForm.SERVER, 4097, [b"{4097}\r\n" + b"\r" * 4097 + b" end"]),
]


@pytest.mark.parametrize(("form", "size", "expected"), GATES)
def test_literals_wait_as_the_form_says(form: LiteralForm, size: int, expected: list[Fragment]) -> None:
    assert _fragments(form, lambda w: w.string(b"\r" * size)) == expected


MESSAGE_GATES: list[tuple[LiteralForm, int, list[Fragment]]] = [
    (LiteralForm.SYNCHRONIZING, 10, [b"{10}\r\n", GATE, StreamedLiteral(10), b" end"]),
    (LiteralForm.PLUS, 10, [b"{10+}\r\n", StreamedLiteral(10), b" end"]),
    (LiteralForm.PLUS, 101, [b"{101}\r\n", GATE, StreamedLiteral(101), b" end"]),
    (LiteralForm.MINUS, 101, [b"{101}\r\n", GATE, StreamedLiteral(101), b" end"]),
    (LiteralForm.SERVER, 101, [b"{101}\r\n", StreamedLiteral(101), b" end"]),
]


@pytest.mark.parametrize(("form", "size", "expected"), MESSAGE_GATES)
def test_messages_above_max_nonsync_keep_their_gate(
    form: LiteralForm, size: int, expected: list[Fragment]
) -> None:
    assert _fragments(form, lambda w: w.content(Streamed(size)), max_nonsync=100) == expected


def test_large_literals_are_the_object_that_was_given() -> None:
    message = b"x" * 16_384
    fragments = _fragments(LiteralForm.SERVER, lambda w: w.message(message))
    assert fragments == [b"{16384}\r\n", message, b" end"]
    assert fragments[1] is message


def test_secrets_are_fragments_of_their_own_and_not_shown() -> None:
    fragments = _fragments(LiteralForm.SYNCHRONIZING, lambda w: w.secret(b'pa"ss'))
    assert fragments == [SecretOctets(b'"pa\\"ss"'), b" end"]
    assert "pa" not in repr(fragments[0])
    assert _fragments(LiteralForm.SYNCHRONIZING, lambda w: w.secret(b"\r")) == [
        b"{1}\r\n",
        GATE,
        SecretOctets(b"\r"),
        b" end",
    ]
    assert _fragments(LiteralForm.PLUS, lambda w: w.secret(b"\r")) == [
        b"{1+}\r\n",
        SecretOctets(b"\r"),
        b" end",
    ]
    assert _fragments(LiteralForm.PLUS, lambda w: w.secret_line(b"AA==")) == [SecretOctets(b"AA=="), b" end"]


def test_getvalue_joins_everything_but_streamed_literals() -> None:
    writer = Writer()
    writer.secret(b"a\r")
    writer.write(b" b")
    assert writer.getvalue() == b"{2}\r\na\r b"
    writer.message(Streamed(5))
    with pytest.raises(LocalProtocolError):
        writer.getvalue()


@pytest.mark.parametrize(
    ("names", "form"),
    [
        ([], LiteralForm.SYNCHRONIZING),
        (["literal-"], LiteralForm.MINUS),
        (["IMAP4rev2"], LiteralForm.MINUS),
        (["LITERAL-", "literal+"], LiteralForm.PLUS),
    ],
)
def test_the_form_follows_the_capabilities(names: list[str], form: LiteralForm) -> None:
    assert LiteralForm.offered_by(Capabilities(names)) is form


@given(octets)
def test_strings_read_back(value: bytes) -> None:
    for form in LiteralForm:
        for write, read in ((Writer.string, Cursor.string), (Writer.astring, Cursor.astring)):
            message = frame(written(lambda w, write=write: write(w, value), form) + b"\r\n")  # type: ignore[misc]  # default argument
            assert read(cursor_at(message.text, *message.literals)) == value


@given(values)
def test_values_read_back(value: Value) -> None:
    message = frame(written(lambda w: w.value(value), LiteralForm.SERVER) + b"\r\n")
    cursor = cursor_at(message.text, *message.literals, strict=True)
    assert cursor.value() == value
    cursor.expect_end()


def test_gates_are_equal() -> None:
    assert Gate() == GATE
