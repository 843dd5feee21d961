from __future__ import annotations

from email.header import Header, decode_header, make_header
from encodings import aliases

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.mime.text import charset_name, codec_name, decode_charset, decode_text, parameter_text

WORDS: dict[bytes, str] = {
    # RFC 2047 section 8
    b"=?US-ASCII?Q?Keith_Moore?=": "Keith Moore",
    b"=?ISO-8859-1?Q?Keld_J=F8rn_Simonsen?=": "Keld Jørn Simonsen",
    b"=?ISO-8859-1?Q?Andr=E9?= Pirard": "André Pirard",
    b"=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?="
    b" =?ISO-8859-2?B?dSB1bmRlcnN0YW5kIHRoZSBleGFtcGxlLg==?=": (
        "If you can read this you understand the example."
    ),
    b"=?ISO-8859-1?Q?Olle_J=E4rnefors?=": "Olle Järnefors",
    b"Time for ISO 10646?": "Time for ISO 10646?",
    b"=?ISO-8859-1?Q?Patrik_F=E4ltstr=F6m?=": "Patrik Fältström",
    b"Nathaniel Borenstein (=?iso-8859-8?b?7eXs+SDv4SDp7Oj08A==?=)": "Nathaniel Borenstein (םולש ןב ילטפנ)",
    b"(=?ISO-8859-1?Q?a?=)": "(a)",
    b"(=?ISO-8859-1?Q?a?= b)": "(a b)",
    b"(=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=)": "(ab)",
    b"(=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?=)": "(ab)",
    b"(=?ISO-8859-1?Q?a?=\r\n    =?ISO-8859-1?Q?b?=)": "(ab)",
    b"(=?ISO-8859-1?Q?a_b?=)": "(a b)",
    b"(=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=)": "(a b)",
    # RFC 2231 section 5
    b"=?US-ASCII*EN?Q?Keith_Moore?=": "Keith Moore",
    # What mailers write
    b"": "",
    b"plain": "plain",
    b"a =?utf-8?q?b?= c =?utf-8?q?d?= e": "a b c d e",
    b"=?utf-8?q?=C3?= =?UTF-8?q?=A4?=": "ä",
    b"=?utf-8?b?w6Q?=": "ä",
    b"=?utf-8?b?w6=?= =?utf-8?q?x?=": "\ufffdx",
    b"=?utf-8?q?a b?=": "a b",
    b"a=?utf-8?q?b?=c": "abc",
    b"=?utf-8?q??= a": " a",
    b"=?utf-8?q?=ZZ=?=": "=ZZ",
    b"=?unknown-8bit?q?=E4?=": "ä",
    b"=?utf-8?q?=E4?=": "\ufffd",
    b"=?us-ascii?q?=C3=A4?=": "ä",
    "Grüße".encode(): "Grüße",
    "Grüße".encode("latin-1"): "Grüße",
    "ä =?utf-8?q?=C3=A4?= ä".encode(): "ä ä ä",
    b"=?utf-8?x?a?=": "=?utf-8?x?a?=",
    b"=?utf-8?q?a": "=?utf-8?q?a",
    b"=??q?a?=": "=??q?a?=",
    b"=?gb2312?b?1tDOxA==?=": "中文",
    b"=?iso-2022-jp?b?GyRCRnxLXBsoQg==?=": "日本",
}


@pytest.mark.parametrize("value", WORDS, ids=repr)
def test_decode_text(value: bytes) -> None:
    assert decode_text(value) == WORDS[value]


TEXTS = st.text(st.sampled_from("aZ äß€日 ?=_\t"), max_size=60).map(str.strip)
CHARSETS = "utf-8 utf-7 utf-16 utf-32 iso-2022-jp hz big5 gb2312 euc-kr cp1252"


@given(TEXTS, st.sampled_from(["utf-8", "utf-16"]))
def test_what_the_standard_library_encodes(text: str, charset: str) -> None:
    encoded = Header(text, charset).encode(linesep="\r\n").replace("\r\n", "")
    if str(make_header(decode_header(encoded))) == text:
        assert decode_text(encoded.encode()) == text


@pytest.mark.parametrize(
    "charset, codec",
    [
        ("utf-8", "utf_8"),
        (" UTF8 ", "utf_8"),
        ("US-ASCII", "ascii"),
        ("ISO-8859-15", "iso8859_15"),
        ("ISO_8859-8-I", "iso8859_8"),
        ("windows-1252", "cp1252"),
        ("GB2312", "gb18030"),
        ("koi8-r", "koi8_r"),
        ("ks_c_5601-1987", "cp949"),
        ("", None),
        ("nonsense", None),
        ("é", None),
        ("../../etc/passwd", None),
        ("base64", None),
        ("zlib", None),
        ("rot13", None),
        ("idna", None),
        ("punycode", None),
        ("unicode_escape", None),
        ("raw-unicode-escape", None),
        ("undefined", None),
        ("mbcs", None),
    ],
)
def test_codec_name(charset: str, codec: str | None) -> None:
    assert codec_name(charset) == codec


@pytest.mark.parametrize(
    "octets, charset, text",
    [
        (b"abc", None, "abc"),
        (b"\xc3\xa4", None, "ä"),
        (b"\xe4", None, "ä"),
        (b"\xe4", "us-ascii", "ä"),
        (b"\xc3\xa4", "nonsense", "ä"),
        (b"\xe4", "utf-8", "\ufffd"),
        (b"\xa4", "iso-8859-15", "€"),
        (b"a\0", "utf-16le", "a"),
        (b"a", "utf-16", "\ufffd"),
        (b"+2AA-", "utf-7", "?"),
        (b"+AOQ-", "utf-7", "ä"),
    ],
)
def test_decode_charset(octets: bytes, charset: str | None, text: str) -> None:
    assert decode_charset(octets, charset) == text


@pytest.mark.parametrize("charset", sorted({*aliases.aliases, *aliases.aliases.values()}))
def test_every_name_gives_a_text(charset: str) -> None:
    for octets in (b"", b"a", b"\xff\xfe\x1b$B\x80~{", bytes(range(256))):
        decode_charset(octets, charset).encode()


PARAMETERS: list[tuple[tuple[tuple[bytes, bytes], ...], str | None]] = [
    ((), None),
    (((b"other", b"x"),), None),
    (((b"title", b"x"), (b"Title", b"y")), "x"),
    # RFC 2231
    (((b"Title*", b"us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A"),), "This is ***fun***"),
    (
        (
            (b"title*0*", b"us-ascii'en'This%20is%20even%20more%20"),
            (b"title*1*", b"%2A%2A%2Afun%2A%2A%2A%20"),
            (b"title*2", b"isn't it!"),
        ),
        "This is even more ***fun*** isn't it!",
    ),
    (((b"title*0", b"a"), (b"title*1", b"b")), "ab"),
    # What mailers write
    (((b"title", b"x"), (b"title*", b"utf-8''%C3%A4")), "ä"),
    (((b"title*", b"utf-8''it's"),), "it's"),
    (((b"title*", b"%C3%A4"),), "ä"),
    (((b"title*", b"a'b"),), "a'b"),
    (((b"title*", b"utf-8''100%"),), "100%"),
    (((b"title*", b"nonsense''%E4"),), "ä"),
    (((b"title*0*", b"utf-8''%C3"), (b"title*1*", b"%A4")), "ä"),
    (((b"title", b"=?utf-8?q?=C3=A4?="),), "ä"),
    (((b"title", "ä".encode()),), "ä"),
]


@pytest.mark.parametrize("parameters, text", PARAMETERS)
def test_parameter_text(parameters: tuple[tuple[bytes, bytes], ...], text: str | None) -> None:
    assert parameter_text(parameters, "title") == text


def test_charset_name() -> None:
    assert charset_name(((b"CHARSET", b" UTF-8 "),)) == "utf-8"
    assert charset_name(()) is None


@given(st.binary(max_size=60), st.text(max_size=12))
def test_random_octets_never_raise(octets: bytes, charset: str) -> None:
    for text in (
        decode_text(octets),
        decode_text(b"=?utf-7?q?" + octets + b"?="),
        decode_charset(octets, charset),
        parameter_text(((b"x*", octets),), "x") or "",
    ):
        text.encode()


@given(st.binary(max_size=40), st.sampled_from(CHARSETS.split(" ")))
def test_every_charset_gives_text_that_can_be_encoded(octets: bytes, charset: str) -> None:
    decode_charset(octets, charset).encode()


@pytest.mark.parametrize("unit", [b"=?", b"=?a?q?", b"=?a?q?b?= ", b"?=", b"=?a?b?====?="])
def test_a_long_value_takes_linear_time(unit: bytes) -> None:
    decode_text(unit * (2**18 // len(unit)))
