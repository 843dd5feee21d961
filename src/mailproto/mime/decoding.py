"""Content-transfer encodings (RFC 2045 section 6), decoded leniently and in pieces of any size.

Nothing raises: what is not in the alphabet is passed over, an unfinished end gives what it can, and a
`Defect` says so, the first of each rule.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable
from typing import Final, Protocol, final

from mailproto.errors import Defect, excerpt

__all__ = ["Decoder", "decode", "decoder"]

_NOT_BASE64: Final = bytes(
    set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")
)
_BASE64_TEXT: Final = bytes(set(range(256)) - set(_NOT_BASE64)) + b"\r\n \t"
_PADDING = re.compile(rb"=++")
_BEHIND: Final = {
    False: re.compile(rb"=[^A-Za-z0-9+/]*([A-Za-z0-9+/])"),
    True: re.compile(rb"[A-Za-z0-9+/]"),
}
"""A digit behind the padding: of these octets, or of earlier ones."""
_ASCII: Final = bytes(range(128))
_NO_ESCAPE: Final = re.compile(rb"=(?![0-9A-Fa-f]{2}|[ \t]*(?:\r?\n|\Z))")
_AS_THEY_ARE: Final = frozenset({"", "7bit", "8bit", "binary"})
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

    @property
    def defects(self) -> tuple[Defect, ...]:
        """What was malformed so far, the first of each rule; offsets count encoded octets."""
        ...


def decoder(encoding: bytes | str) -> Decoder:
    """Return a new decoder for a Content-Transfer-Encoding, in any case.

    7BIT, 8BIT and BINARY leave the octets as they are, and so does one that is unknown, which is a defect.
    """
    name = (encoding if isinstance(encoding, str) else encoding.decode("latin-1")).strip().lower()
    if name in _AS_THEY_ARE:
        return _Identity()
    if name not in _DECODERS:
        return _Identity((Defect("a transfer encoding that is known", 0, excerpt(name.encode("utf-8"))),))
    return _DECODERS[name]()


def decode(octets: bytes, encoding: bytes | str) -> bytes:
    """Return all of a body decoded at once."""
    one = decoder(encoding)
    return one.feed(octets) + one.finish()


@final
class _Identity:
    __slots__ = ("defects",)

    def __init__(self, defects: tuple[Defect, ...] = ()) -> None:
        self.defects: tuple[Defect, ...] = defects

    def feed(self, octets: bytes) -> bytes:
        return octets

    def finish(self) -> bytes:
        return b""


class _Checked:
    """Keeps the first defect of each rule, and where the octets stand that are looked at."""

    __slots__ = ("_found", "_position")

    def __init__(self) -> None:
        self._found: dict[str, Defect] = {}
        self._position = 0

    @property
    def defects(self) -> tuple[Defect, ...]:
        return tuple(self._found.values())

    def _note(self, rule: str, octets: bytes, start: int) -> None:
        self._found.setdefault(rule, Defect(rule, self._position + start, excerpt(octets, start)))

    def _note_any(self, rule: str, octets: bytes, valid: bytes) -> None:
        """Note the first of *octets* that is not *valid*."""
        if rule not in self._found and (strange := octets.translate(None, valid)):
            self._note(rule, octets, octets.index(strange[:1]))

    def _note_match(self, rule: str, octets: bytes, pattern: re.Pattern[bytes]) -> None:
        if rule not in self._found and (match := pattern.search(octets)) is not None:
            self._note(rule, octets, match.start(match.lastindex or 0))


@final
class _Base64(_Checked):
    """Padding ends a group of four wherever it stands, since mailers join encoded texts."""

    __slots__ = ("_held", "_is_padded")

    def __init__(self) -> None:
        super().__init__()
        self._held = b""
        self._is_padded = False

    def feed(self, octets: bytes) -> bytes:
        self._check(octets)
        self._position += len(octets)
        *closed, rest = _PADDING.split(self._held + octets.translate(None, _NOT_BASE64))
        whole = len(rest) & ~3
        self._held = rest[whole:]
        return b"".join((*map(_decode_group, closed), _decode_group(rest[:whole])))

    def finish(self) -> bytes:
        held, self._held = self._held, b""
        if held:
            self._note("base64 digits in groups of four", b"", 0)
        return _decode_group(held)

    def _check(self, octets: bytes) -> None:
        self._note_any("base64 digits and line ends only", octets, _BASE64_TEXT)
        if self._is_padded or b"=" in octets:
            self._note_match("no digits behind the padding of base64", octets, _BEHIND[self._is_padded])
            self._is_padded = True


def _decode_group(digits: bytes) -> bytes:
    """Decode base64 digits without padding; a last one alone, which is 6 bits, is dropped."""
    if len(digits) & 3 == 1:
        digits = digits[:-1]
    return binascii.a2b_base64(digits + b"=" * (-len(digits) & 3))


@final
class _QuotedPrintable(_Checked):
    """Decodes line by line: white space at the end of a line is not part of it (RFC 2045 section 6.7)."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        super().__init__()
        self._held = b""

    def feed(self, octets: bytes) -> bytes:
        octets = self._held + octets
        cut = octets.rfind(b"\n") + 1
        if len(octets) - cut > _MAX_LINE:
            cut = _before_escape(octets)
        self._held = octets[cut:]
        return self._decode(octets[:cut])

    def finish(self) -> bytes:
        held, self._held = self._held, b""
        return self._decode(held)

    def _decode(self, octets: bytes) -> bytes:
        self._note_any("7-bit octets in quoted-printable", octets, _ASCII)
        if b"=" in octets:
            self._note_match("= before two hexadecimal digits or a line end", octets, _NO_ESCAPE)
        self._position += len(octets)
        return _decode_lines(octets)


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
