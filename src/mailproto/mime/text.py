"""Decoded texts: encoded words (RFC 2047), extended parameters (RFC 2231), charsets. Nothing here raises."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable
from encodings import aliases, normalize_encoding
from typing import Final

from mailproto.mime.decoding import decode
from mailproto.mime.parameters import join_segments

__all__ = ["charset_name", "codec_name", "decode_charset", "decode_text", "parameter_text"]

# Names are looked up here and not by `codecs.lookup`, which remembers every name that it is asked for and
# knows codecs that are not charsets, of which some take quadratic time.
_NOT_CHARSETS: Final = {"mbcs", "oem", "rot_13"}
_CODECS: Final = {
    alias: codec
    for name, codec in aliases.aliases.items()
    if codec not in _NOT_CHARSETS and not codec.endswith("_codec")
    for alias in (name, codec)
} | {
    # Supersets that mailers mean when they name the subset.
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "ks_c_5601_1987": "cp949",
    "euc_kr": "cp949",
    # Names that are missing from the aliases.
    "cp874": "cp874",
    "windows_874": "cp874",
    "iso_8859_8_i": "iso8859_8",
    "iso_8859_8_e": "iso8859_8",
    "x_gbk": "gb18030",
    "x_sjis": "shift_jis",
    "x_euc_jp": "euc_jp",
    "x_mac_roman": "mac_roman",
}

_ENCODED_WORD = re.compile(rb"=\?([^?\x00-\x20\x7f]++)\?([BbQq])\?([^?]*+)\?=")
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")


def codec_name(charset: str) -> str | None:
    """Return the name of the Python codec for *charset*, in any case, or None if there is none."""
    return _CODECS.get(normalize_encoding(charset.strip().lower()).lower())


def decode_charset(octets: bytes, charset: str | None) -> str:
    """Return *octets* as text; octets that *charset* does not have become U+FFFD.

    No charset, an unknown one, and US-ASCII with 8-bit octets are read as UTF-8, else as Latin-1.
    """
    codec = codec_name(charset) if charset else None
    if codec is None or codec == "ascii":
        return _guess(octets)
    text = octets.decode(codec, "replace")
    return text.encode("utf-8", "replace").decode() if codec == "utf_7" else text


def _guess(octets: bytes) -> str:
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return octets.decode("latin-1")


def decode_text(value: bytes) -> str:
    """Return the unfolded header *value* with its encoded words decoded (RFC 2047 section 6).

    White space between two encoded words is dropped; a character may be cut between two of them.
    """
    if b"=?" not in value:
        return _guess(value)
    texts: list[str] = []
    charset, position = "", 0
    pending: list[bytes] = []
    for word in _ENCODED_WORD.finditer(value):
        between = value[position : word.start()]
        is_apart = not pending or bool(between.strip(b" \t\r\n"))
        named = word[1].decode("latin-1").partition("*")[0].lower()
        if is_apart or named != charset:
            texts.append(decode_charset(b"".join(pending), charset))
            pending.clear()
        if is_apart:
            texts.append(_guess(between))
        charset, position = named, word.end()
        pending.append(_decode_word(word[2], word[3]))
    texts += (decode_charset(b"".join(pending), charset), _guess(value[position:]))
    return "".join(texts)


def _decode_word(encoding: bytes, text: bytes) -> bytes:
    if encoding in b"Bb":
        return decode(text, "base64")
    return binascii.a2b_qp(text, header=True)


def charset_name(parameters: Iterable[tuple[bytes, bytes]]) -> str | None:
    """Return the charset parameter in lower case, or None."""
    text = parameter_text(parameters, "charset")
    return text.strip().lower() if text is not None else None


def parameter_text(parameters: Iterable[tuple[bytes, bytes]], name: str) -> str | None:
    """Return the decoded parameter *name* (in lower case) with its segments joined, or None.

    The extended form of RFC 2231 is preferred to a plain one. Encoded words, which no parameter should
    have, are decoded.
    """
    by_name = {attribute.lower(): value for attribute, value in reversed(join_segments(tuple(parameters)))}
    extended = by_name.get(name.encode() + b"*")
    if extended is not None:
        return _decode_extended(extended)
    plain = by_name.get(name.encode())
    return None if plain is None else decode_text(plain)


def _decode_extended(value: bytes) -> str:
    """Decode `charset'language'text` (RFC 2231 section 4), or just text where that form is not kept."""
    charset, _, rest = value.partition(b"'")
    _, mark, text = rest.partition(b"'")
    if not mark:
        charset, text = b"", value
    return decode_charset(_PERCENT.sub(_octet, text), charset.decode("latin-1"))


def _octet(escape: re.Match[bytes]) -> bytes:
    return bytes.fromhex(escape[1].decode())
