from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.mime.headers import (
    content_fields,
    content_type_field,
    field_spans,
    fields,
    first_field,
    unfold,
)

FIELDS: dict[bytes, list[tuple[bytes, bytes]]] = {
    b"": [],
    b"Subject: Hello\r\n": [(b"subject", b"Hello")],
    b"Subject: Hello": [(b"subject", b"Hello")],
    b"Subject: Hello\nFrom: a@b\n": [(b"subject", b"Hello"), (b"from", b"a@b")],
    b"Subject:Hello\r\n": [(b"subject", b"Hello")],
    b"Subject \t: Hello\r\n": [(b"subject", b"Hello")],
    b"Subject:\r\n": [(b"subject", b"")],
    b"Subject: \r\n \r\n": [(b"subject", b"")],
    b"Subject: a\r\n b\r\n\tc\r\nX: y\r\n": [(b"subject", b"a b\tc"), (b"x", b"y")],
    b"Subject: a\n b\n": [(b"subject", b"a b")],
    b"Subject: a\r\n  b  \r\n": [(b"subject", b"a  b")],
    b"Subject: a: b\r\n": [(b"subject", b"a: b")],
    b"Subject: \xff\xfe\r\n": [(b"subject", b"\xff\xfe")],
    b"Subject: a\0b\r\n": [(b"subject", b"a\x80b")],
    b"Subject: a\rb\r\n": [(b"subject", b"a\rb")],
    b"S\xfcbject: a\r\n": [(b"s\xfcbject", b"a")],
    b"A: 1\r\nA: 2\r\n": [(b"a", b"1"), (b"a", b"2")],
    b"From alice Mon Mar 4 10:11:12 2024\r\nA: b\r\n": [(b"a", b"b")],
    b"no field\r\n more of it\r\nA: b\r\n": [(b"a", b"b")],
    b"no field\r\n: nameless\r\nA: b\r\n": [(b"a", b"b")],
    b" leading: x\r\nA: b\r\n": [(b"a", b"b")],
    b"A: b\r\n\r\n": [(b"a", b"b")],
    b"Subject\r\n: Hello\r\n": [],
}


@pytest.mark.parametrize("octets", FIELDS, ids=repr)
def test_fields(octets: bytes) -> None:
    assert list(fields(octets, (0, len(octets)))) == FIELDS[octets]


@pytest.mark.parametrize("octets", FIELDS, ids=repr)
def test_fields_of_a_span(octets: bytes) -> None:
    shifted = b"Before: x\n" + octets + b"\nAfter: x\n"
    assert list(fields(shifted, (10, 10 + len(octets)))) == FIELDS[octets]


def test_chosen_fields() -> None:
    octets = b"A: 1\r\nB: 2\r\na: 3\r\n"
    assert list(fields(octets, (0, len(octets)), (b"a",))) == [(b"a", b"1"), (b"a", b"3")]


def test_first_field() -> None:
    octets = b"A: 1\r\nB: 2\r\nb: 3\r\n"
    assert first_field(octets, (0, len(octets)), b"b") == b"2"
    assert first_field(octets, (0, len(octets)), b"c") is None


def test_field_spans_hold_whole_fields() -> None:
    octets = b"A: 1\r\n 2\r\ngarbage\r\nB : 3\r\n\r\n"
    assert list(field_spans(octets, (0, len(octets)))) == [(b"a", 0, 10), (b"b", 19, 26)]


CONTENT: list[tuple[bytes, dict[bytes, bytes]]] = [
    (b"", {}),
    (b"Content-Type: a\r\n", {b"content-type": b"a"}),
    (b"Content-Type:\r\n a\r\nX: y\r\nCONTENT-ID : b\r\n", {b"content-type": b"a", b"content-id": b"b"}),
    (b"X: y\r\nContent-Type: a\r\ncontent-type: b\r\n", {b"content-type": b"a"}),
    (b"X: y\r\n Content-Type: a\r\nContent-\r\nContent-: b\r\n", {}),
]


@pytest.mark.parametrize("octets, found", CONTENT)
def test_content_fields(octets: bytes, found: dict[bytes, bytes]) -> None:
    for before in (b"", b"X: before\n"):
        span = len(before), len(before) + len(octets)
        whole = before + octets + b"Content-Md5: after\n"
        content = {name: value for name, value in content_fields(whole, span).items() if name != b"x"}
        assert content == found
        assert content_type_field(whole, span) == found.get(b"content-type")


@pytest.mark.parametrize("value, unfolded", [(b"a\r\n b", b"a b"), (b" a\n\tb\0 ", b"a\tb\x80"), (b"", b"")])
def test_unfold(value: bytes, unfolded: bytes) -> None:
    assert unfold(value) == unfolded


PIECES = [b"A", b"content-type", b":", b" ", b"\r\n", b"\n", b"x", b"\0", b"\xff"]


@given(st.lists(st.sampled_from(PIECES)).map(b"".join))
def test_the_fast_paths_find_what_the_general_one_finds(octets: bytes) -> None:
    span = 0, len(octets)
    general = list(fields(octets, span))
    assert [name for name, _, _ in field_spans(octets, span)] == [name for name, _ in general]
    assert content_type_field(octets, span) == dict(reversed(general)).get(b"content-type")
    content = {name: value for name, value in reversed(general) if name.startswith(b"content-")}
    found = content_fields(octets, span)
    assert {name: value for name, value in found.items() if name.startswith(b"content-")} == content
