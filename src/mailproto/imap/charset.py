"""The charsets in which the text of SEARCH keys is known (RFC 3501 section 6.4.4).

The table names codecs one by one: the standard library has others that are no charsets, or not linear.
"""

from __future__ import annotations

from typing import Final

from mailproto.errors import LocalProtocolError

__all__ = ["CHARSETS", "codec_of", "decoded", "encoded"]

_CODECS: Final[dict[str, str]] = {
    "US-ASCII": "ascii",
    "ASCII": "ascii",
    "UTF-8": "utf-8",
    "UTF8": "utf-8",
    **{f"ISO-8859-{part}": f"iso8859-{part}" for part in (*range(1, 12), *range(13, 17))},
    **{f"WINDOWS-{page}": f"cp{page}" for page in range(1250, 1259)},
    "KOI8-R": "koi8-r",
    "KOI8-U": "koi8-u",
    "BIG5": "big5",
    "GB2312": "gb2312",
    "GBK": "gbk",
    "GB18030": "gb18030",
    "EUC-JP": "euc-jp",
    "EUC-KR": "euc-kr",
    "ISO-2022-JP": "iso2022-jp",
    "SHIFT_JIS": "shift-jis",
}

CHARSETS: Final = tuple(_CODECS)
"""The charsets in which the text of keys becomes str; in any other one it stays bytes."""


def codec_of(charset: str | None) -> str | None:
    """Return the Python codec of *charset*, given in upper case; of None US-ASCII, of an unknown one None."""
    return "ascii" if charset is None else _CODECS.get(charset)


def encoded(text: str | bytes, codec: str | None) -> bytes:
    """Return *text* in *codec*; bytes as they are. Raises LocalProtocolError for what it cannot say."""
    if isinstance(text, bytes):
        return text
    if codec is None:
        raise LocalProtocolError(f"expected bytes in a charset that is not known, got {text[:40]!r}")
    try:
        return text.encode(codec)
    except UnicodeEncodeError:
        raise LocalProtocolError(f"expected text that the charset can say, got {text[:40]!r}") from None


def decoded(octets: bytes, codec: str | None) -> str | bytes:
    """Return the text, or *octets* if they are none or would not come back as the same text."""
    if codec is None:
        return octets
    try:
        text = octets.decode(codec)
        return text if text.encode(codec).decode(codec) == text else octets
    except UnicodeError:
        return octets
