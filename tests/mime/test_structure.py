from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.mime.body_structure import (
    BasicPart,
    BodyStructure,
    Disposition,
    MessagePart,
    MultiPart,
    MultiPartExtension,
    SinglePartExtension,
    TextPart,
)
from mailproto.mime.envelope import Envelope, EnvelopeAddress
from mailproto.mime.scanner import scan
from mailproto.mime.structure import build_body_structure
from support_mime import RFC2046_MIXED, RFC3501_PARTS, crlf

US_ASCII = ((b"CHARSET", b"US-ASCII"),)
NO_EXTENSION = SinglePartExtension()


def build(octets: bytes) -> BodyStructure:
    return build_body_structure(octets, scan(octets))


CASES: dict[str, tuple[bytes, BodyStructure]] = {
    "no header": (crlf("\na\nb"), TextPart(parameters=US_ASCII, size=4, lines=1, extension=NO_EXTENSION)),
    "nothing": (b"", TextPart(parameters=US_ASCII, extension=NO_EXTENSION)),
    "a bad type": (
        crlf("Content-Type: text\nContent-Transfer-Encoding:\n\na\n"),
        TextPart(parameters=US_ASCII, size=3, lines=1, extension=NO_EXTENSION),
    ),
    "as written": (
        crlf(
            "Content-Type: TEXT/Html; Charset=UTF-8\nContent-Transfer-Encoding: Quoted-Printable (x)\n\na\n"
        ),
        TextPart(
            type=b"TEXT",
            subtype=b"Html",
            parameters=((b"Charset", b"UTF-8"),),
            encoding=b"Quoted-Printable",
            size=3,
            lines=1,
            extension=NO_EXTENSION,
        ),
    ),
    "everything": (
        crlf(
            "Content-Type: application/pdf; name=a.pdf\nContent-Transfer-Encoding: base64\n"
            "Content-ID: <id@example.org>\nContent-Description: =?utf-8?q?=C3=A4?=\n x\n"
            "Content-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==\n"
            'Content-Disposition: attachment; filename="a b.pdf"; size=3\n'
            "Content-Language: de, en (English)\nContent-Location: http://example.org/a\n\nAAAA\n"
        ),
        BasicPart(
            type=b"application",
            subtype=b"pdf",
            parameters=((b"name", b"a.pdf"),),
            content_id=b"<id@example.org>",
            description=b"=?utf-8?q?=C3=A4?= x",
            encoding=b"base64",
            size=6,
            extension=SinglePartExtension(
                md5=b"Q2hlY2sgSW50ZWdyaXR5IQ==",
                disposition=Disposition(b"attachment", ((b"filename", b"a b.pdf"), (b"size", b"3"))),
                language=(b"de", b"en"),
                location=b"http://example.org/a",
            ),
        ),
    ),
    "empty fields": (
        crlf("Content-Type:\nContent-ID:\nContent-Disposition:\nContent-Language:\nContent-MD5:\n\n"),
        TextPart(parameters=US_ASCII, content_id=b"", extension=SinglePartExtension(md5=b"")),
    ),
    "RFC 2046 section 5.1.1": (
        RFC2046_MIXED,
        MultiPart(
            subtype=b"mixed",
            parts=(
                TextPart(parameters=US_ASCII, size=80, lines=1, extension=NO_EXTENSION),
                TextPart(
                    type=b"text",
                    subtype=b"plain",
                    parameters=((b"charset", b"us-ascii"),),
                    size=78,
                    lines=2,
                    extension=NO_EXTENSION,
                ),
            ),
            extension=MultiPartExtension(parameters=((b"boundary", b"simple boundary"),)),
        ),
    ),
    "a multipart with extension data": (
        crlf(
            "Content-Type: multipart/Related; boundary=b; type=text/html\nContent-Disposition: inline\n"
            "Content-Language: de\nContent-Location: x\n\n--b\n\na\n--b--"
        ),
        MultiPart(
            subtype=b"Related",
            parts=(TextPart(parameters=US_ASCII, size=1, extension=NO_EXTENSION),),
            extension=MultiPartExtension(
                parameters=((b"boundary", b"b"), (b"type", b"text/html")),
                disposition=Disposition(b"inline"),
                language=(b"de",),
                location=b"x",
            ),
        ),
    ),
    "a message": (
        crlf("Content-Type: message/rfc822; name=x\n\nSubject: inner\nFrom: a@b\n\none\ntwo\n"),
        MessagePart(
            type=b"message",
            subtype=b"rfc822",
            parameters=((b"name", b"x"),),
            size=39,
            lines=5,
            extension=NO_EXTENSION,
            envelope=Envelope(
                subject=b"inner",
                from_=(EnvelopeAddress(None, None, b"a", b"b"),),
                sender=(EnvelopeAddress(None, None, b"a", b"b"),),
                reply_to=(EnvelopeAddress(None, None, b"a", b"b"),),
            ),
            body=TextPart(parameters=US_ASCII, size=10, lines=2, extension=NO_EXTENSION),
        ),
    ),
    "the default type in a digest": (
        crlf("Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: x\n\na\n--b--"),
        MultiPart(
            subtype=b"digest",
            parts=(
                MessagePart(
                    size=15,
                    lines=2,
                    extension=NO_EXTENSION,
                    envelope=Envelope(subject=b"x"),
                    body=TextPart(parameters=US_ASCII, size=1, extension=NO_EXTENSION),
                ),
            ),
            extension=MultiPartExtension(parameters=((b"boundary", b"b"),)),
        ),
    ),
    "a multipart without parts": (
        crlf("Content-Type: multipart/mixed; boundary=b\n\nbody"),
        TextPart(parameters=US_ASCII, size=4, extension=NO_EXTENSION),
    ),
    "NUL in a field": (
        b"Content-Type: text/plain\nContent-Description: a\0b\n\n",
        TextPart(type=b"text", subtype=b"plain", description=b"a\x80b", extension=NO_EXTENSION),
    ),
}


@pytest.mark.parametrize("octets, structure", CASES.values(), ids=CASES.keys())
def test_body_structure(octets: bytes, structure: BodyStructure) -> None:
    assert build(octets) == structure


def test_body_has_no_extension_data() -> None:
    for octets in (RFC2046_MIXED, RFC3501_PARTS):
        body = build_body_structure(octets, scan(octets), with_extension=False)
        assert [part.extension for _, part in body.walk() if part.extension is not None] == []


def test_numbers_of_rfc_3501_section_6_4_5() -> None:
    assert [(number, part.content_type) for number, part in build(RFC3501_PARTS).walk()] == [
        ("TEXT", "multipart/mixed"),
        ("1", "text/plain"),
        ("2", "application/octet-stream"),
        ("3", "message/rfc822"),
        ("3.TEXT", "multipart/mixed"),
        ("3.1", "text/plain"),
        ("3.2", "application/octet-stream"),
        ("4", "multipart/mixed"),
        ("4.1", "image/gif"),
        ("4.2", "message/rfc822"),
        ("4.2.TEXT", "multipart/mixed"),
        ("4.2.1", "text/plain"),
        ("4.2.2", "multipart/alternative"),
        ("4.2.2.1", "text/plain"),
        ("4.2.2.2", "text/richtext"),
    ]


@pytest.mark.parametrize("header", ["multipart/mixed; boundary=b{0:03}\n\n--b{0:03}\n", "message/rfc822\n\n"])
def test_what_is_too_deep_is_opaque(header: str) -> None:
    octets = b"".join(crlf("Content-Type: " + header.format(level)) for level in range(150))
    *_, (_, deepest) = build(octets).walk()
    assert isinstance(deepest, BasicPart)
    assert (deepest.type, deepest.subtype, deepest.parameters) == (b"APPLICATION", b"OCTET-STREAM", ())


PIECES = [
    b"Content-Type: ",
    b"multipart/mixed; boundary=b",
    b"message/rfc822",
    b"text/x",
    b"\r\n",
    b"\r\n--b\r\n",
]
PIECES += [
    b"Content-Disposition: ",
    b"Content-Language: ",
    b"Subject: ",
    b";x=",
    b'"',
    b"(",
    b"a",
    b"\n",
    b"\0",
]


@given(st.lists(st.sampled_from(PIECES), max_size=25).map(b"".join))
def test_any_message_has_a_structure(octets: bytes) -> None:
    parts = list(build(octets).walk())
    for _, part in parts:
        if isinstance(part, TextPart | MessagePart):
            assert 0 <= part.lines <= part.size
    assert [number for number, _ in parts] == list(dict.fromkeys(number for number, _ in parts))
