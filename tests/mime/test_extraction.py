from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.mime.extraction import body_texts, header_text, part_octets, part_text, texts
from mailproto.mime.scanner import scan
from support_mime import crlf

MESSAGE = crlf(
    """\
Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=
 from afar
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

na=EFve
--b
Content-Type: application/pdf; name="report.pdf"
Content-Transfer-Encoding: base64

cGRm
--b
Content-Type: message/rfc822

Subject: inner

inside
--b--
"""
)


def test_body_texts() -> None:
    assert list(body_texts(MESSAGE, scan(MESSAGE))) == [
        "content-type: text/plain; charset=iso-8859-1\ncontent-transfer-encoding: quoted-printable\n",
        "naïve",
        'content-type: application/pdf; name="report.pdf"\ncontent-transfer-encoding: base64\n',
        "content-type: message/rfc822\n",
        "subject: inner\n",
        "inside",
    ]


def test_texts_begin_with_the_header() -> None:
    header, *rest = texts(MESSAGE, scan(MESSAGE))
    assert header == "subject: Grüße from afar\ncontent-type: multipart/mixed; boundary=b\n"
    assert rest == list(body_texts(MESSAGE, scan(MESSAGE)))


def test_a_message_without_parts() -> None:
    octets = "Subject: x\n\nGrüße".encode()
    assert list(body_texts(octets, scan(octets))) == ["Grüße"]


@pytest.mark.parametrize(
    "header, body, text",
    [
        (b"Content-Type: text/plain; charset=utf-8", b"\xc3\xa4", "ä"),
        (b"Content-Type: text/plain; charset=nonsense", b"\xe4", "ä"),
        (b"Content-Type: text/plain; charset*=us-ascii''koi8-r", b"\xc1", "а"),
        (b"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: BASE64", b"w6Q=", "ä"),
        (b"Content-Type: text/html; charset=utf-16be", b"\0a", "a"),
        (b"X: y", b"\xe4", "ä"),
    ],
)
def test_part_text(header: bytes, body: bytes, text: str) -> None:
    octets = header + b"\n\n" + body
    assert part_text(octets, scan(octets)) == text


def test_part_octets() -> None:
    root = scan(MESSAGE)
    assert [part_octets(MESSAGE, part) for part in root.children[:2]] == [b"na\xefve", b"pdf"]


@given(st.binary(max_size=100))
def test_random_octets_never_raise(octets: bytes) -> None:
    assert header_text(octets, scan(octets).header_span) == next(texts(octets, scan(octets)))
    list(texts(octets, scan(octets)))
