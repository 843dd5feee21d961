from __future__ import annotations

import pytest

from mailproto.errors import LocalProtocolError
from mailproto.imap.charset import CHARSETS, codec_of, decoded, encoded

CASES = [
    (None, b"joe", "joe"),
    ("US-ASCII", b"joe", "joe"),
    ("UTF-8", b"\xc3\xa9", "é"),
    ("ISO-8859-15", b"\xa4", "€"),
    ("WINDOWS-1252", b"\x80", "€"),
    ("KOI8-R", b"\xc1", "а"),
    ("SHIFT_JIS", b"\x93\xfa", "日"),
    ("EUC-KR", b"\xb0\xa1", "가"),
    ("GB18030", b"\xc8\xd5", "日"),
]


@pytest.mark.parametrize(("charset", "octets", "text"), CASES)
def test_both_directions(charset: str | None, octets: bytes, text: str) -> None:
    codec = codec_of(charset)
    assert decoded(octets, codec) == text
    assert encoded(text, codec) == octets


@pytest.mark.parametrize("charset", ["KLINGON", "ZLIB", "IDNA", "PUNYCODE", "UNICODE_ESCAPE", "utf-8", ""])
def test_codecs_that_are_no_charset_of_the_table_are_not_used(charset: str) -> None:
    assert codec_of(charset) is None
    assert decoded(b"joe", None) == b"joe"
    assert encoded(b"joe", None) == b"joe"
    with pytest.raises(LocalProtocolError):
        encoded("joe", None)


@pytest.mark.parametrize(
    ("charset", "octets"), [("UTF-8", b"\xff"), ("US-ASCII", b"\xe9"), ("EUC-JP", b"\x8f")]
)
def test_octets_that_are_no_text_stay_bytes(charset: str, octets: bytes) -> None:
    assert decoded(octets, codec_of(charset)) == octets


@pytest.mark.parametrize("charset", CHARSETS)
def test_each_charset_has_its_codec(charset: str) -> None:
    assert decoded(b"joe", codec_of(charset)) == "joe"


def test_what_a_charset_cannot_say_is_a_local_error() -> None:
    with pytest.raises(LocalProtocolError):
        encoded("日", codec_of("ISO-8859-1"))
