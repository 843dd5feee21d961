from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.mime.scanner import scan
from mailproto.mime.sections import Section, Specifier, find_part, section
from support_mime import RFC3501_PARTS, crlf

ROOT = scan(RFC3501_PARTS)


def read(
    octets: bytes,
    numbers: tuple[int, ...] = (),
    specifier: Specifier | None = None,
    fields: tuple[bytes | str, ...] = (),
) -> bytes | None:
    found = section(octets, scan(octets), numbers, specifier, fields)
    if found is None:
        return None
    text = found.read(octets)
    assert found.size == len(text)
    return text


HEADER = crlf("Subject: top\nFrom: top@example.org\nContent-Type: multipart/mixed; boundary=A\n\n")
HEADER_3 = crlf("Subject: three\nFrom: three@example.org\nContent-Type: multipart/mixed; boundary=B\n\n")
TEXT_3 = crlf("--B\n\n[3.1]\n--B\nContent-Type: application/octet-stream\n\n[3.2]\n--B--\n")
HEADER_42 = crlf("Subject: four\nFrom: four@example.org\nContent-Type: multipart/mixed; boundary=D\n\n")

# RFC 3501 section 6.4.5: "an example of a complex message with some of its part specifiers".
CASES: list[tuple[tuple[int, ...], Specifier | None, bytes | None]] = [
    ((), None, RFC3501_PARTS),
    ((), "HEADER", HEADER),
    ((), "TEXT", RFC3501_PARTS[len(HEADER) :]),
    ((), "MIME", None),
    ((1,), None, b"[1]"),
    ((1,), "MIME", b"\r\n"),
    ((1,), "HEADER", None),
    ((1,), "TEXT", None),
    ((1, 1), None, None),
    ((2,), None, b"[2]"),
    ((2,), "MIME", b"Content-Type: application/octet-stream\r\n\r\n"),
    ((3,), None, HEADER_3 + TEXT_3),
    ((3,), "HEADER", HEADER_3),
    ((3,), "TEXT", TEXT_3),
    ((3,), "MIME", b"Content-Type: message/rfc822\r\n\r\n"),
    ((3, 1), None, b"[3.1]"),
    ((3, 2), None, b"[3.2]"),
    ((3, 2), "MIME", b"Content-Type: application/octet-stream\r\n\r\n"),
    ((3, 3), None, None),
    ((4,), "MIME", b"Content-Type: multipart/mixed; boundary=C\r\n\r\n"),
    ((4,), "HEADER", None),
    ((4, 1), None, b"[4.1]"),
    ((4, 1), "MIME", b"Content-Type: image/gif\r\n\r\n"),
    ((4, 2), "HEADER", HEADER_42),
    ((4, 2, 1), None, b"[4.2.1]"),
    ((4, 2, 2, 1), None, b"[4.2.2.1]"),
    ((4, 2, 2, 2), None, b"[4.2.2.2]"),
    ((4, 2, 2, 2), "MIME", b"Content-Type: text/richtext\r\n\r\n"),
    ((4, 2, 2, 3), None, None),
    ((5,), None, None),
    ((0,), None, None),
    ((4, 2, 0), None, None),
]


@pytest.mark.parametrize("numbers, specifier, octets", CASES)
def test_rfc_3501_section_6_4_5(
    numbers: tuple[int, ...], specifier: Specifier | None, octets: bytes | None
) -> None:
    assert read(RFC3501_PARTS, numbers, specifier) == octets


PLAIN = crlf("Subject: x\n\nbody\n")
WRAPPED = crlf("X: outer\nContent-Type: message/rfc822\n\nY: inner\n\nbody")


@pytest.mark.parametrize(
    "octets, numbers, specifier, expected",
    [
        (PLAIN, (1,), None, b"body\r\n"),
        (PLAIN, (1,), "MIME", b"Subject: x\r\n\r\n"),
        (PLAIN, (1, 1), None, None),
        (PLAIN, (2,), None, None),
        (PLAIN, (1,), "HEADER", None),
        (WRAPPED, (1,), None, b"Y: inner\r\n\r\nbody"),
        (WRAPPED, (1,), "HEADER", b"Y: inner\r\n\r\n"),
        (WRAPPED, (1,), "TEXT", b"body"),
        (WRAPPED, (1, 1), None, b"body"),
        (WRAPPED, (1, 1), "MIME", b"Y: inner\r\n\r\n"),
        (WRAPPED, (1, 2), None, None),
        (WRAPPED, (1, 1, 1), None, None),
        (b"", (), None, b""),
        (b"", (), "HEADER", b""),
        (b"", (1,), None, b""),
        (b"Subject: x", (), "HEADER", b"Subject: x"),
        (b"Subject: x", (), "TEXT", b""),
    ],
)
def test_without_a_multipart(
    octets: bytes, numbers: tuple[int, ...], specifier: Specifier | None, expected: bytes | None
) -> None:
    assert read(octets, numbers, specifier) == expected


RECEIVED = b"Received: one\r\n\ttwo\r\n"
SUBJECT = b"Subject : x\r\n y\r\n"
FOLDED = b"Date: now\r\n" + RECEIVED + SUBJECT + b"garbage\r\nreceived: three\r\nTo:a\r\n\r\nbody"
FIELDS: list[tuple[tuple[bytes | str, ...], bytes, bytes]] = [
    ((b"date",), b"Date: now\r\n\r\n", FOLDED[11:-4]),
    (
        ("RECEIVED",),
        RECEIVED + b"received: three\r\n\r\n",
        b"Date: now\r\nSubject : x\r\n y\r\ngarbage\r\nTo:a\r\n\r\n",
    ),
    ((b"To", b"DATE"), b"Date: now\r\nTo:a\r\n\r\n", FOLDED[11:-12] + b"\r\n"),
    ((b"Subject",), b"Subject : x\r\n y\r\n\r\n", FOLDED[:-4].replace(SUBJECT, b"")),
    ((b"Sub", b"Subjects"), b"\r\n", FOLDED[:-4]),
    ((), b"\r\n", FOLDED[:-4]),
]


@pytest.mark.parametrize("fields, chosen, others", FIELDS)
def test_header_fields(fields: tuple[bytes | str, ...], chosen: bytes, others: bytes) -> None:
    assert read(FOLDED, (), "HEADER.FIELDS", fields) == chosen
    assert read(FOLDED, (), "HEADER.FIELDS.NOT", fields) == others


@pytest.mark.parametrize(
    "octets, chosen, others",
    [
        # "except in the case of a message which has no body and no blank line"
        (b"A: b\r\nC: d\r\n", b"A: b\r\n", b"C: d\r\n"),
        (b"C: d\r\nA: b", b"A: b", b"C: d\r\n"),
        (b"A: b\nC: d\n\nbody", b"A: b\n\n", b"C: d\n\n"),
        (b"\r\nbody", b"\r\n", b"\r\n"),
        (b"\nbody", b"\n", b"\n"),
        (b"", b"", b""),
        (b"A: b\r\n\r\n", b"A: b\r\n\r\n", b"\r\n"),
        (b"A: b\r\n\nbody", b"A: b\r\n\n", b"\n"),
        (b"A: b\n\r\nbody", b"A: b\n\r\n", b"\r\n"),
    ],
)
def test_the_blank_line(octets: bytes, chosen: bytes, others: bytes) -> None:
    assert read(octets, (), "HEADER.FIELDS", (b"a",)) == chosen
    assert read(octets, (), "HEADER.FIELDS.NOT", (b"a",)) == others


def test_fields_of_an_enclosed_message() -> None:
    assert read(RFC3501_PARTS, (4, 2), "HEADER.FIELDS", (b"from",)) == b"From: four@example.org\r\n\r\n"
    assert read(RFC3501_PARTS, (4, 1), "HEADER.FIELDS", (b"from",)) is None


def test_neighbours_are_one_span() -> None:
    found = section(FOLDED, scan(FOLDED), (), "HEADER.FIELDS.NOT", (b"x",))
    assert found == Section(((0, len(FOLDED) - 4),))


@given(st.integers(0, 60), st.integers(0, 60) | st.none())
def test_a_partial_is_counted_after_the_choice(start: int, stop: int | None) -> None:
    found = section(FOLDED, scan(FOLDED), (), "HEADER.FIELDS", (b"date", b"received"))
    assert found is not None
    assert len(found.spans) > 1
    assert found.read(FOLDED, start, stop) == found.read(FOLDED)[start:stop]
    assert all(low < high for low, high in found.slices(start, stop))


def test_find_part() -> None:
    assert find_part(ROOT, ()) is ROOT
    assert find_part(ROOT, (4, 2, 1)) is ROOT.children[3].children[1].children[0].children[0]
    assert find_part(ROOT, (9,)) is None
