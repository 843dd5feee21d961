"""Modified UTF-7, in which mailbox names travel (RFC 3501 section 5.1.3).

Names are str here. Any octets decode, and encode back to what they were: an octet that is not modified
UTF-7 (above 127, a control, an `&` that starts no valid sequence) becomes the lone surrogate U+DC00 + octet,
which no valid name holds.
"""

from __future__ import annotations

import binascii
import re
from typing import Final

from mailproto.errors import LocalProtocolError

__all__ = ["check", "decode", "encode"]

_ESCAPED: Final = 0xDC00

_DIRECT = re.compile(rb"[\x20-\x25\x27-\x7e]*\Z")

# A shifted sequence, or one octet that does not stand for itself; what lies between does.
_SPECIAL = re.compile(rb"&([A-Za-z0-9+,]*)-|[^\x20-\x25\x27-\x7e]")

# In a str: what is neither printable ASCII nor an escaped octet travels in base64, as a whole run.
_ENCODED = re.compile("[^\x20-\x7e\udc00-\udcff]+|&|[\udc00-\udcff]")

_PRINTABLE = re.compile("[\x20-\x7e]")


def encode(name: str) -> bytes:
    """Return *name* in modified UTF-7. Raises LocalProtocolError for what no octets decode to."""
    if name.isascii() and name.isprintable() and "&" not in name:
        return name.encode("ascii")
    try:
        octets = _ENCODED.sub(_encoded, name).encode("latin-1")
    except UnicodeEncodeError as error:
        raise LocalProtocolError(f"mailbox name: expected valid Unicode, got {name[:40]!r}") from error
    if decode(octets) != name:
        raise LocalProtocolError(f"mailbox name: expected valid Unicode, got {name[:40]!r}")
    return octets


def check(name: str) -> None:
    """Raise LocalProtocolError unless *name* is what its own octets decode to, and without NUL."""
    encode(name)
    if "\0" in name or "\udc00" in name:
        raise LocalProtocolError(f"mailbox name: expected no NUL, got {name[:40]!r}")


def _encoded(match: re.Match[str]) -> str:
    run = match.group()
    if run == "&":
        return "&-"
    if len(run) == 1 and _ESCAPED <= ord(run) <= _ESCAPED + 0xFF:
        return chr(ord(run) - _ESCAPED)
    return f"&{_base64(run).decode('ascii')}-"


def _base64(run: str) -> bytes:
    return binascii.b2a_base64(run.encode("utf-16-be"), newline=False).rstrip(b"=").replace(b"/", b",")


def decode(octets: bytes) -> str:
    """Return the name that *octets* say; never raises."""
    if _DIRECT.match(octets):
        return octets.decode("ascii")
    pieces: list[str] = []
    position = 0
    shifted_until = -1
    while (match := _SPECIAL.search(octets, position)) is not None:
        pieces.append(octets[position : match.start()].decode("ascii"))
        name = _shifted(match, is_adjacent=match.start() == shifted_until)
        if name is None:
            pieces.append(chr(_ESCAPED + octets[match.start()]))
            position = match.start() + 1
            continue
        pieces.append(name)
        position = match.end()
        if match.end() - match.start() > 2:
            shifted_until = position
    pieces.append(octets[position:].decode("ascii"))
    return "".join(pieces)


def _shifted(match: re.Match[bytes], *, is_adjacent: bool) -> str | None:
    """Return what a shifted sequence says, or None if it is not one that `encode` writes."""
    base64: bytes | None = match[1]
    if base64 is None:
        return None
    if not base64:
        return "&"
    if is_adjacent:
        return None
    padded = base64.replace(b",", b"/") + b"=" * (-len(base64) % 4)
    try:
        name = binascii.a2b_base64(padded).decode("utf-16-be")
    except ValueError:
        return None
    return None if _PRINTABLE.search(name) or _base64(name) != base64 else name
