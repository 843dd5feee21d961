"""xtext, in which the values of parameters carry what no value may hold (RFC 3461 section 4)."""

from __future__ import annotations

import re
from typing import Final

from mailproto.errors import LocalProtocolError

__all__ = [
    "XCHAR",
    "decode_xtext",
    "encode_xtext",
    "match_printable_xtext",
    "match_xtext",
    "octets_to_xtext",
    "xtext_octets",
]

# xtext = *( xchar / hexchar ) ;  hexchar = "+" 2(%x30-39 / %x41-46)
XCHAR: Final = "[!-*,-<>-~]"
match_xtext: Final = re.compile(rf"(?:{XCHAR}|\+[0-9A-F]{{2}})+").fullmatch
# "prior to encoding as xtext" only "printable (graphic and white space) characters" (sections 4.2 and 4.4)
match_printable_xtext: Final = re.compile(rf"(?:{XCHAR}|\+(?:09|[2-6][0-9A-F]|7[0-9A-E]))+").fullmatch

_HEXCHAR = re.compile(r"\+([0-9A-F]{2})")
_TO_ENCODE = re.compile(r"[^!-*,-<>-~]")


def encode_xtext(text: str) -> str:
    """Return ASCII *text* as xtext. Raises LocalProtocolError if it is not ASCII."""
    if not text.isascii():
        raise LocalProtocolError("expected ASCII text, which is all that xtext can carry")
    return octets_to_xtext(text.encode("ascii"))


def octets_to_xtext(octets: bytes) -> str:
    """Return *octets* as xtext."""
    return _TO_ENCODE.sub(lambda found: f"+{ord(found[0]):02X}", octets.decode("latin-1"))


def decode_xtext(text: str) -> str:
    """Return what the xtext *text* stands for; a `+` that begins no pair of hexadecimal digits is kept."""
    return _HEXCHAR.sub(lambda found: chr(int(found[1], 16)), text)


def xtext_octets(text: str) -> bytes:
    """Return the octets that *text*, which matches xtext, stands for."""
    return decode_xtext(text).encode("latin-1")
