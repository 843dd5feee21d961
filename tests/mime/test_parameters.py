from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.mime.parameters import (
    ContentType,
    Parameters,
    join_segments,
    parameter,
    parse_content_type,
    parse_disposition,
    parse_languages,
    parse_token,
    strip_comments,
)

CONTENT_TYPES: dict[bytes, ContentType | None] = {
    b"text/plain": ContentType(b"text", b"plain"),
    b"TEXT/Plain; CharSet=us-ascii": ContentType(b"TEXT", b"Plain", ((b"CharSet", b"us-ascii"),)),
    # RFC 2045 section 5.1
    b'text/plain; charset="us-ascii"': ContentType(b"text", b"plain", ((b"charset", b"us-ascii"),)),
    b"text/plain; charset=us-ascii (Plain text)": ContentType(
        b"text", b"plain", ((b"charset", b"us-ascii"),)
    ),
    # RFC 2231 sections 3, 4 and 4.1
    b'message/external-body; access-type=URL; URL*0="ftp://";'
    b' URL*1="cs.utk.edu/pub/moore/bulk-mailer/bulk-mailer.tar"': ContentType(
        b"message",
        b"external-body",
        (
            (b"access-type", b"URL"),
            (b"URL", b"ftp://cs.utk.edu/pub/moore/bulk-mailer/bulk-mailer.tar"),
        ),
    ),
    b"application/x-stuff; title*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A": ContentType(
        b"application", b"x-stuff", ((b"title*", b"us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A"),)
    ),
    b"application/x-stuff; title*0*=us-ascii'en'This%20is%20even%20more%20;"
    b' title*1*=%2A%2A%2Afun%2A%2A%2A%20; title*2="isn\'t it!"': ContentType(
        b"application",
        b"x-stuff",
        ((b"title*", b"us-ascii'en'This%20is%20even%20more%20%2A%2A%2Afun%2A%2A%2A%20isn%27t%20it!"),),
    ),
    # What mailers write
    b"text/plain;charset=utf-8;": ContentType(b"text", b"plain", ((b"charset", b"utf-8"),)),
    b"text/plain charset=utf-8": ContentType(b"text", b"plain", ((b"charset", b"utf-8"),)),
    b"text / plain ; charset = utf-8": ContentType(b"text", b"plain", ((b"charset", b"utf-8"),)),
    b"a/b; name=my file.pdf; x=y": ContentType(b"a", b"b", ((b"name", b"my file.pdf"), (b"x", b"y"))),
    b'a/b; name="a;b=\\"c\\"(d)"': ContentType(b"a", b"b", ((b"name", b'a;b="c"(d)'),)),
    b'a/b; name="unclosed; x=y': ContentType(b"a", b"b", ((b"name", b"unclosed; x=y"),)),
    b'a/b; name="unclosed\\': ContentType(b"a", b"b", ((b"name", b"unclosed"),)),
    b"multipart/mixed; boundary=----=_Part_1": ContentType(
        b"multipart", b"mixed", ((b"boundary", b"----=_Part_1"),)
    ),
    b"a/b; name=": ContentType(b"a", b"b", ((b"name", b""),)),
    b'a/b; name=""': ContentType(b"a", b"b", ((b"name", b""),)),
    b"a/b; flag; x=y": ContentType(b"a", b"b", ((b"x", b"y"),)),
    b"a/b; =y": ContentType(b"a", b"b"),
    b"a/b (c) ; (d) x=y": ContentType(b"a", b"b", ((b"x", b"y"),)),
    b"": None,
    b"text": None,
    b"/plain": None,
    b"text/": None,
    b"; charset=utf-8": None,
    b"(text/plain)": None,
}


@pytest.mark.parametrize("value", CONTENT_TYPES, ids=repr)
def test_content_type(value: bytes) -> None:
    assert parse_content_type(value) == CONTENT_TYPES[value]


def test_content_type_has_a_name_in_lower_case() -> None:
    assert ContentType(b"TEXT", b"Plain").name == b"text/plain"


DISPOSITIONS: dict[bytes, tuple[bytes, Parameters] | None] = {
    b"inline": (b"inline", ()),
    b"attachment; filename=genome.jpeg; size=12": (
        b"attachment",
        ((b"filename", b"genome.jpeg"), (b"size", b"12")),
    ),
    b'Attachment;filename="a b"': (b"Attachment", ((b"filename", b"a b"),)),
    b"filename=x": (b"filename=x", ()),
    b"": None,
    b" ; ": None,
}


@pytest.mark.parametrize("value", DISPOSITIONS, ids=repr)
def test_disposition(value: bytes) -> None:
    assert parse_disposition(value) == DISPOSITIONS[value]


@pytest.mark.parametrize(
    "value, token",
    [(b"Base64", b"Base64"), (b" 7bit (seven) ", b"7bit"), (b"8bit;", b"8bit"), (b"", None), (b"(x)", None)],
)
def test_token(value: bytes, token: bytes | None) -> None:
    assert parse_token(value) == token


def test_languages() -> None:
    assert parse_languages(b"i-mingo (in the language of X), de,en-GB") == (b"i-mingo", b"de", b"en-GB")


@pytest.mark.parametrize(
    "value, stripped",
    [
        (b"a", b"a"),
        (b"a (b) c", b"a   c"),
        (b"a(b(c)d)e", b"a e"),
        (b'"(a)" (b)', b'"(a)"'),
        (b"(a\\)b)c", b"c"),
        (b"a) b", b"a) b"),
        (b"a) (b) c", b"a)   c"),
        (b"a (unclosed", b"a"),
        (b'(a "b) c', b"c"),
        (b'\\(a "b', b'\\(a "b'),
    ],
)
def test_strip_comments(value: bytes, stripped: bytes) -> None:
    assert strip_comments(value) == stripped


SEGMENTS: list[tuple[Parameters, Parameters]] = [
    ((), ()),
    (((b"a", b"1"), (b"a", b"2")), ((b"a", b"1"), (b"a", b"2"))),
    (((b"n*1", b"b"), (b"x", b"y"), (b"N*0", b"a")), ((b"n", b"ab"), (b"x", b"y"))),
    (((b"n*0", b"a"), (b"n*0", b"b"), (b"n*2", b"c")), ((b"n", b"ac"),)),
    (((b"n*0", b"a b"), (b"n*1*", b"%20")), ((b"n*", b"''a%20b%20"),)),
    (((b"n*", b"utf-8''a"),), ((b"n*", b"utf-8''a"),)),
    (((b"n*x", b"a"),), ((b"n*x", b"a"),)),
    (((b"n*00012", b"a"),), ((b"n*00012", b"a"),)),
]


@pytest.mark.parametrize("parameters, joined", SEGMENTS)
def test_join_segments(parameters: Parameters, joined: Parameters) -> None:
    assert join_segments(parameters) == joined
    assert join_segments(joined) == joined


def test_parameter_takes_the_first_in_any_case() -> None:
    parameters = ((b"X", b"0"), (b"Boundary", b"1"), (b"boundary", b"2"))
    assert parameter(parameters, b"boundary") == b"1"
    assert parameter(parameters, b"charset") is None


@given(st.binary(max_size=100))
def test_random_octets_never_raise(value: bytes) -> None:
    parse_content_type(b"a/b;" + value)
    parse_disposition(value)
    parse_languages(value)
    parse_token(value)


@pytest.mark.parametrize(
    "unit", [b';a="', b';a="\\"', b"(", b")", b'"', b";", b"; ", b"a", b"=", b";a*0=b", b"\\"]
)
def test_a_long_value_takes_linear_time(unit: bytes) -> None:
    parse_content_type(b"a/b" + unit * (2**18 // len(unit)))
