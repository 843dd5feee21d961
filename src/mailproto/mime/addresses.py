"""Address lists of header fields (RFC 5322 section 3.4 and 4.4), read leniently.

Raw values stay raw: encoded words are not decoded, 8-bit octets are kept. What cannot be understood becomes
an address without a host, so that nothing that a person wrote is lost. The addresses of the SMTP envelope,
which are strict, are in `mailproto.address`.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from mailproto.mime.parameters import comment_end, unquote
from mailproto.mime.text import decode_text

__all__ = ["EnvelopeAddress", "parse_addresses"]


class EnvelopeAddress(NamedTuple):
    """One address structure of an ENVELOPE (RFC 3501 section 7.4.2).

    A group starts with one whose `host` is None and whose `mailbox` is the name of the group, and ends with
    one where both are None. A mailbox without a domain has the host `b""`.
    """

    name: bytes | None = None
    """The display name without quotes, encoded words as they are."""
    adl: bytes | None = None
    """The source route (`@a,@b`), obsolete."""
    mailbox: bytes | None = None
    """The local part without quotes, or the name of a group."""
    host: bytes | None = None
    """The domain, or None at the ends of a group."""

    @property
    def name_text(self) -> str | None:
        """The display name with its encoded words decoded (RFC 2047), or None."""
        return None if self.name is None else decode_text(self.name)

    @property
    def address(self) -> str:
        """`mailbox@host` as text, the local part without quotes; "" at the ends of a group."""
        if self.mailbox is None or self.host is None:
            return ""
        return decode_text(b"%b@%b" % (self.mailbox, self.host) if self.host else self.mailbox)

    @property
    def is_group_start(self) -> bool:
        """True if a group begins here; its name is `mailbox`."""
        return self.host is None and self.mailbox is not None

    @property
    def is_group_end(self) -> bool:
        """True if a group ends here."""
        return self.host is None and self.mailbox is None


_GROUP_END: Final = EnvelopeAddress()

# The forms that nearly all addresses have, with single spaces between the words of the name. A field with
# anything else is read by _Reader, which gives the same for these forms and takes five times as long.
_COMMON = re.compile(
    rb"""[ \t]*+ (?:
        (?: (?: "([^"\\]*+)" | (WORD (?:[ ]WORD)*+) ) [ ]?+ )?+ <(NAME)@(NAME)>
        | (NAME)@(NAME)
    ) [ \t]*+ (?:,|\Z)""".replace(b"WORD", rb"""[^\x00-\x20\x7f()<>@,:;"\[\]\\]++""").replace(
        b"NAME", rb"""[^\x00-\x20\x7f()<>@,:;"\[\]\\?]++"""
    ),
    re.VERBOSE,
)


def parse_addresses(value: bytes) -> tuple[EnvelopeAddress, ...]:
    """Return the addresses of the unfolded field *value*, groups included; never raises."""
    found: list[EnvelopeAddress] = []
    position, size = 0, len(value)
    while position < size:
        match = _COMMON.match(value, position)
        if match is None:
            return _Reader(value).read()
        quoted, words, local, domain, bare_local, bare_domain = match.groups()
        if local is None:
            found.append(EnvelopeAddress(None, None, bare_local, bare_domain))
        else:
            found.append(EnvelopeAddress(quoted or words, None, local, domain))
        position = match.end()
    return tuple(found)


class _Word(NamedTuple):
    text: bytes
    is_spaced: bool
    """True if white space or a comment stands before it."""
    is_special: bool = False
    """True for an unquoted at sign, comma or colon."""


# An encoded word is one token even where it holds a comma or other specials, which it should not.
_TOKEN = re.compile(
    rb"""([ \t\r\n]++)
    | "([^"\\]*+(?:\\.[^"\\]*+)*+)"?
    | ( =\?[^?\s<>@]++\?[BbQq]\?[^?\s<>@]*+\?=
      | [^ \t\r\n()<>@,:;"\[\]\\]++
      | \[[^\]\\]*+(?:\\.[^\]\\]*+)*+\]? )
    | ([<>@,:;(])
    | (\\.?|.)""",
    re.VERBOSE | re.DOTALL,
)
_SPACE, _QUOTED, _ATOM, _SPECIAL = 1, 2, 3, 4


class _Reader:
    """Reads one field token by token; each special octet has its method."""

    def __init__(self, value: bytes) -> None:
        self._value = value
        self._position = 0
        self._found: list[EnvelopeAddress] = []
        self._is_in_group = False
        self._is_spaced = False
        self._start_address()

    def read(self) -> tuple[EnvelopeAddress, ...]:
        while match := _TOKEN.match(self._value, self._position):
            self._position = match.end()
            kind = match.lastindex
            if kind == _SPACE:
                self._is_spaced = True
            elif kind == _SPECIAL:
                _SPECIALS[match[0]](self)
            else:
                self._add(unquote(match[_QUOTED]) if kind == _QUOTED else match[0])
        self._end_group()
        return tuple(self._found)

    def _start_address(self) -> None:
        self._words: list[_Word] = []
        self._angle: list[_Word] | None = None
        self._is_in_angle = False
        self._comment = b""

    def _add(self, text: bytes, is_special: bool = False) -> None:
        word = _Word(text, self._is_spaced, is_special)
        self._is_spaced = False
        if self._angle is None:
            self._words.append(word)
        elif self._is_in_angle:
            self._angle.append(word)

    def _open_angle(self) -> None:
        if self._angle is None:
            self._angle = []
            self._is_in_angle = True

    def _close_angle(self) -> None:
        self._is_in_angle = False

    def _at(self) -> None:
        self._add(b"@", is_special=True)

    def _comma(self) -> None:
        if self._is_in_angle and self._angle and self._angle[0].is_special:
            self._add(b",", is_special=True)
        else:
            self._end_address()

    def _colon(self) -> None:
        if self._is_in_angle:
            self._add(b":", is_special=True)
        elif self._angle is not None:
            self._end_address()
        else:
            name = _phrase(self._words)
            self._start_address()
            self._end_group()
            self._found.append(EnvelopeAddress(None, None, name, None))
            self._is_in_group = True

    def _end_group(self) -> None:
        self._end_address()
        if self._is_in_group:
            self._found.append(_GROUP_END)
            self._is_in_group = False

    def _read_comment(self) -> None:
        start = self._position
        end, self._position = comment_end(self._value, start)
        self._comment = unquote(self._value[start:end]).strip()
        self._is_spaced = True

    def _end_address(self) -> None:
        words, angle, comment = self._words, self._angle, self._comment
        self._start_address()
        if angle is None:
            if words:
                self._found.append(_address(comment or None, words))
        else:
            self._found.append(_address(_phrase(words) or comment or None, angle))


_SPECIALS: Final = {
    b"<": _Reader._open_angle,
    b">": _Reader._close_angle,
    b"@": _Reader._at,
    b",": _Reader._comma,
    b":": _Reader._colon,
    b";": _Reader._end_group,
    b"(": _Reader._read_comment,
}


def _address(name: bytes | None, words: list[_Word]) -> EnvelopeAddress:
    route, words = _split_route(words)
    at = max((index for index, word in enumerate(words) if _is(word, b"@")), default=None)
    if at is None:
        return EnvelopeAddress(name, route, _phrase(words), b"")
    domain = b"".join(word.text for word in words[at + 1 :])
    return EnvelopeAddress(name, route, _local_part(words[:at]), domain)


def _split_route(words: list[_Word]) -> tuple[bytes | None, list[_Word]]:
    """Cut off an obsolete route (RFC 5322 section 4.4): `@a,@b:`."""
    if not words or not _is(words[0], b"@"):
        return None, words
    colon = next((index for index, word in enumerate(words) if _is(word, b":")), None)
    if colon is None:
        return None, words
    return b"".join(word.text for word in words[:colon]), words[colon + 1 :]


def _is(word: _Word, special: bytes) -> bool:
    return word.is_special and word.text == special


def _phrase(words: list[_Word]) -> bytes:
    return b"".join(b" " + word.text if word.is_spaced else word.text for word in words).removeprefix(b" ")


def _local_part(words: list[_Word]) -> bytes:
    """Join the words of a local part; obsolete white space around its dots goes (RFC 5322 section 4.4)."""
    texts: list[bytes] = []
    for word in words:
        if word.is_spaced and texts and not texts[-1].endswith(b".") and not word.text.startswith(b"."):
            texts.append(b" ")
        texts.append(word.text)
    return b"".join(texts)
