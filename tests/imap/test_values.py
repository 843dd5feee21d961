from __future__ import annotations

import pytest

from mailproto.errors import LocalProtocolError
from mailproto.imap.values import MAX_DEPTH, Message, Omitted, Streamed, Value, check_value, nesting

NOT_CASES: list[object] = [
    "",
    "NIL",
    "nil",
    "123",
    "007",
    "a b",
    "a\r\nb",
    "a\0",
    "a(b",
    'a"b',
    "{5}",
    "é",
    "\ud800",
    b"a\0b",
    -1,
    10**20,
    True,
    1.5,
    [],
    ("a", ["b"]),
]


@pytest.mark.parametrize("value", NOT_CASES, ids=repr)
def test_what_would_not_read_back_is_no_value(value: object) -> None:
    with pytest.raises(LocalProtocolError):
        check_value(value)


@pytest.mark.parametrize(
    "value", ["a", "1" * 21, "\\*", "a]", b"\r\n", b"", 0, None, (), Streamed(5), Omitted(5)]
)
def test_what_reads_back_is_a_value(value: Value) -> None:
    check_value(value)


def _nested(depth: int) -> Value:
    value: Value = ()
    for _ in range(depth - 1):
        value = (value,)
    return value


def test_nesting_is_bounded() -> None:
    check_value(_nested(MAX_DEPTH))
    assert nesting(_nested(MAX_DEPTH)) == MAX_DEPTH
    assert nesting("a") == 0
    for depth in (MAX_DEPTH + 1, 50_000):
        with pytest.raises(LocalProtocolError):
            check_value(_nested(depth))


def test_a_streamed_size_is_not_negative() -> None:
    with pytest.raises(LocalProtocolError):
        Streamed(-1)


def test_messages_compare_and_do_not_show_their_octets() -> None:
    message = Message(b"a LOGIN joe {6}\r\n", (b"secret",))
    assert message == Message(b"a LOGIN joe {6}\r\n", (b"secret",))
    assert message != Message(b"a LOGIN joe {6}\r\n", (b"SECRET",))
    assert message != "a"
    assert len({message, Message(message.text, message.literals)}) == 1
    assert repr(message) == "Message(17 octets, 1 literals)"
