"""Content-transfer encodings (RFC 2045 section 6), decoded leniently and in pieces of any size.

Nothing raises: what is not in the alphabet is passed over, an unfinished end gives what it can.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable
from typing import Final, Protocol, final

__all__ = ["Decoder", "decode", "decoder"]

_NOT_BASE64: Final = bytes(
    set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")
)
_PADDING = re.compile(rb"=++")
_MAX_LINE: Final = 4_096
"""Octets of an unfinished quoted-printable line that are held back."""


class Decoder(Protocol):
    """An incremental decoder of one body: octets in, decoded octets out."""

    def feed(self, octets: bytes) -> bytes:
        """Return what *octets* complete; a few octets may be held back."""
        ...

    def finish(self) -> bytes:
        """Return what was held back; call it once, at the end."""
        ...


def decoder(encoding: bytes | str) -> Decoder:
    """Return a new decoder for a Content-Transfer-Encoding, in any case.

    One that is unknown, 7BIT, 8BIT and BINARY leave the octets as they are.
    """
    name = encoding if isinstance(encoding, str) else encoding.decode("latin-1")
    return _DECODERS.get(name.strip().lower(), _Identity)()


def decode(octets: bytes, encoding: bytes | str) -> bytes:
    """Return all of a body decoded at once."""
    one = decoder(encoding)
    return one.feed(octets) + one.finish()


@final
class _Identity:
    __slots__ = ()

    def feed(self, octets: bytes) -> bytes:
        return octets

    def finish(self) -> bytes:
        return b""


@final
class _Base64:
    """Padding ends a group of four wherever it stands, since mailers join encoded texts."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = b""

    def feed(self, octets: bytes) -> bytes:
        *closed, rest = _PADDING.split(self._held + octets.translate(None, _NOT_BASE64))
        whole = len(rest) & ~3
        self._held = rest[whole:]
        return b"".join((*map(_decode_group, closed), _decode_group(rest[:whole])))

    def finish(self) -> bytes:
        held, self._held = self._held, b""
        return _decode_group(held)


def _decode_group(digits: bytes) -> bytes:
    """Decode base64 digits without padding; a last one alone, which is 6 bits, is dropped."""
    if len(digits) & 3 == 1:
        digits = digits[:-1]
    return binascii.a2b_base64(digits + b"=" * (-len(digits) & 3))


@final
class _QuotedPrintable:
    """Decodes line by line: white space at the end of a line is not part of it (RFC 2045 section 6.7)."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = b""

    def feed(self, octets: bytes) -> bytes:
        octets = self._held + octets
        cut = octets.rfind(b"\n") + 1
        if len(octets) - cut > _MAX_LINE:
            cut = _before_escape(octets)
        self._held = octets[cut:]
        return _decode_lines(octets[:cut])

    def finish(self) -> bytes:
        held, self._held = self._held, b""
        return _decode_lines(held)


def _before_escape(octets: bytes) -> int:
    """Return where an escape begins that *octets* may not have completed, else their size."""
    start = octets.rfind(b"=", len(octets) - 3)
    return len(octets) if start < 0 else start


def _decode_lines(octets: bytes) -> bytes:
    if b" \n" in octets or b"\t\n" in octets or b" \r\n" in octets or b"\t\r\n" in octets:
        octets = b"\n".join(map(_without_trailing_space, octets.split(b"\n")))
    return binascii.a2b_qp(octets)


def _without_trailing_space(line: bytes) -> bytes:
    end = b"\r" if line.endswith(b"\r") else b""
    return line.removesuffix(b"\r").rstrip(b" \t") + end


_DECODERS: Final[dict[str, Callable[[], Decoder]]] = {
    "base64": _Base64,
    "quoted-printable": _QuotedPrintable,
}
