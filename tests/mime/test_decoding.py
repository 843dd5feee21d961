from __future__ import annotations

import base64
import binascii

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.errors import Defect
from mailproto.mime.decoding import decode, decoder
from support_split import splits

CASES: list[tuple[str, bytes, bytes]] = [
    ("base64", b"", b""),
    ("base64", b"aGVsbG8=", b"hello"),
    ("BASE64", b"aGVs\r\nbG8=\r\n", b"hello"),
    ("base64", b"aGVsbG8", b"hello"),
    ("base64", b"aGVsbG8a", b"hello\x1a"),
    ("base64", b"aGVsb", b"hel"),
    ("base64", b"aGVs!*bG8=", b"hello"),
    ("base64", b"aGVsbG8=aGVsbG8=", b"hellohello"),
    ("base64", b"aGVsbG8=\r\n=\r\naGVsbG8=", b"hellohello"),
    ("base64", b"====", b""),
    ("base64", b"\xff\x00", b""),
    ("quoted-printable", b"", b""),
    ("Quoted-Printable", b"a=3Db", b"a=b"),
    ("quoted-printable", b"a=3db=c3=A4", b"a=b\xc3\xa4"),
    ("quoted-printable", b"a=\r\nb", b"ab"),
    ("quoted-printable", b"a=\nb", b"ab"),
    ("quoted-printable", b"a= \t\r\nb", b"ab"),
    ("quoted-printable", b"a \t\r\nb \nc  ", b"a\r\nb\nc  "),
    ("quoted-printable", b"a=20\r\nb", b"a \r\nb"),
    ("quoted-printable", b"a=ZZb=", b"a=ZZb"),
    ("quoted-printable", b"a_b", b"a_b"),
    # RFC 2045 section 6.7
    (
        "quoted-printable",
        b"Now's the time =\r\nfor all folk to come=\r\n to the aid of their country.",
        b"Now's the time for all folk to come to the aid of their country.",
    ),
    ("7bit", b"a=3Db", b"a=3Db"),
    ("8BIT", b"\xff", b"\xff"),
    ("binary", b"\0", b"\0"),
    ("x-unknown", b"a=3Db", b"a=3Db"),
    ("", b"a", b"a"),
]


@pytest.mark.parametrize("encoding, octets, decoded", CASES)
def test_decode(encoding: str, octets: bytes, decoded: bytes) -> None:
    assert decode(octets, encoding) == decoded
    assert decode(octets, f" {encoding} ".encode()) == decoded


@pytest.mark.parametrize("encoding, octets, decoded", CASES)
def test_cut_at_each_place(encoding: str, octets: bytes, decoded: bytes) -> None:
    for cut in range(len(octets) + 1):
        one = decoder(encoding)
        assert one.feed(octets[:cut]) + one.feed(octets[cut:]) + one.finish() == decoded


@pytest.mark.parametrize("encoding, octets, decoded", CASES)
def test_octet_by_octet(encoding: str, octets: bytes, decoded: bytes) -> None:
    one = decoder(encoding)
    pieces = [one.feed(bytes((octet,))) for octet in octets]
    assert b"".join((*pieces, one.finish())) == decoded


@given(st.binary(max_size=300))
def test_round_trips(octets: bytes) -> None:
    assert decode(base64.encodebytes(octets), "base64") == octets
    assert decode(base64.b64encode(octets), "base64") == octets
    # As text the line ends would be made the same.
    encoded = binascii.b2a_qp(octets, quotetabs=True, istext=False)
    assert decode(encoded, "quoted-printable") == octets


PIECES = [b"a", b"=", b"=3D", b"=\r\n", b"\r", b"\n", b" ", b"Z", b"\xff", b"\t"]


@given(
    st.lists(st.sampled_from(PIECES) | st.binary(max_size=3)),
    st.integers(1, 7),
    st.sampled_from(["base64", "quoted-printable"]),
)
def test_pieces_do_not_matter(parts: list[bytes], size: int, encoding: str) -> None:
    octets = b"".join(parts)
    one = decoder(encoding)
    pieces = [one.feed(octets[at : at + size]) for at in range(0, len(octets), size)]
    assert b"".join((*pieces, one.finish())) == decode(octets, encoding)


def test_what_is_held_back_is_bounded() -> None:
    one = decoder("quoted-printable")
    given = 0
    for _ in range(100):
        given += len(one.feed(b"a" * 1_000))
    assert 100_000 - given <= 5_000
    one = decoder("base64")
    assert len(one.feed(b"A" * 1_000_001)) == 750_000


@pytest.mark.parametrize("end", [b"", b"=", b"=3"])
def test_a_long_line_is_not_cut_in_an_escape(end: bytes) -> None:
    one = decoder("quoted-printable")
    line = b"a" * 100_000
    whole = b"=3D" * bool(end)
    first = one.feed(line + end)
    assert first == line
    assert first + one.feed(whole[len(end) :]) + one.finish() == line + b"=" * bool(end)


def test_finish_gives_the_rest_once() -> None:
    for encoding in ("base64", "quoted-printable", "7bit"):
        one = decoder(encoding)
        fed = one.feed(b"YWI")
        assert len(fed + one.finish()) in (2, 3)
        assert one.finish() == b""


DEFECTS: list[tuple[str, bytes, list[Defect]]] = [
    ("base64", b"aGVs\r\nbG8=\r\n", []),
    ("base64", b"aGVsbG8=\r\n\r\n", []),
    ("base64", b"aGVs!b*G8=", [Defect("base64 digits and line ends only", 4, b"!b*G8=")]),
    ("base64", b"aGVsbG8", [Defect("base64 digits in groups of four", 7)]),
    (
        "base64",
        b"aGVsbG8=\r\naGVsbG8=aGVs",
        [Defect("no digits behind the padding of base64", 10, b"aGVsbG8=aGVs")],
    ),
    (
        "base64",
        b"\xffa=\r\nb",
        [
            Defect("base64 digits and line ends only", 0, b"\xffa=\r\nb"),
            Defect("no digits behind the padding of base64", 5, b"b"),
            Defect("base64 digits in groups of four", 6),
        ],
    ),
    ("quoted-printable", b"a=3D=\r\nb= \t\nc=", []),
    (
        "quoted-printable",
        b"a\r\nb=ZZ=3\r\n",
        [Defect("= before two hexadecimal digits or a line end", 4, b"=ZZ=3\r\n")],
    ),
    ("quoted-printable", b"a\r\nb\xe4=3D", [Defect("7-bit octets in quoted-printable", 4, b"\xe4=3D")]),
    ("8bit", b"\xff", []),
    ("", b"\xff", []),
    ("x-uuencode", b"\xff", [Defect("a transfer encoding that is known", 0, b"x-uuencode")]),
]


@pytest.mark.parametrize("encoding, octets, defects", DEFECTS)
def test_what_is_malformed_is_a_defect_however_it_is_cut(
    encoding: str, octets: bytes, defects: list[Defect]
) -> None:
    for pieces in splits(octets):
        one = decoder(encoding)
        for piece in pieces:
            one.feed(piece)
        one.finish()
        assert [(found.rule, found.offset) for found in one.defects] == [
            (found.rule, found.offset) for found in defects
        ]
    one = decoder(encoding)
    one.feed(octets)
    one.finish()
    assert list(one.defects) == defects


def test_only_the_first_defect_of_a_rule_is_kept() -> None:
    one = decoder("base64")
    for _ in range(1_000):
        one.feed(b"!" * 100)
    assert [(found.offset, len(found.excerpt)) for found in one.defects] == [(0, 40)]
