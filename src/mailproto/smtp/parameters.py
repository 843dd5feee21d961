"""The parameters of MAIL and RCPT (RFC 5321 section 4.1.2): known ones typed, unknown ones kept.

An extension adds a row to `PARAMETERS`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from mailproto.address import NULL_PATH, AddressError, Mailbox, Path
from mailproto.errors import LocalProtocolError
from mailproto.smtp._grammar import CommandSyntaxError, match_parameter

__all__ = ["NO_PARAMETERS", "PARAMETERS", "Parameter", "Parameters", "decode_xtext", "encode_xtext"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """What is known of a parameter: its keyword, the EHLO keyword that allows it, the form of its value.

    `value` matches the whole value; None: the parameter has none. `commands` are the verbs that take it.
    """

    keyword: str
    extension: str
    value: re.Pattern[str] | None
    commands: frozenset[str] = frozenset({"MAIL"})


# size-value = 1*20DIGIT                                                        (RFC 1870 section 4)
_SIZE = re.compile(r"[0-9]{1,20}")
# body-value = "7BIT" / "8BITMIME"                                              (RFC 6152 section 2)
_BODY = re.compile(r"7BIT|8BITMIME", re.IGNORECASE)
# xtext = *( xchar / hexchar ) ;  hexchar = "+" 2(%x30-39 / %x41-46)            (RFC 3461 section 4)
_XTEXT = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})+")
_HEXCHAR = re.compile(r"\+([0-9A-F]{2})")
_TO_ENCODE = re.compile(r"[^!-*,-<>-~]")

PARAMETERS: Final[dict[str, Parameter]] = {
    row.keyword: row
    for row in (
        Parameter("SIZE", "SIZE", _SIZE),
        Parameter("BODY", "8BITMIME", _BODY),
        Parameter("AUTH", "AUTH", _XTEXT),
        Parameter("SMTPUTF8", "SMTPUTF8", None),
    )
}
"""The rows by keyword, in capital letters."""


def encode_xtext(text: str) -> str:
    """Return ASCII *text* as xtext (RFC 3461 section 4). Raises LocalProtocolError if it is not ASCII."""
    if not text.isascii():
        raise LocalProtocolError("expected ASCII text, which is all that xtext can carry")
    return _TO_ENCODE.sub(lambda found: f"+{ord(found[0]):02X}", text)


def decode_xtext(text: str) -> str:
    """Return what the xtext *text* stands for; a `+` that begins no pair of hexadecimal digits is kept."""
    return _HEXCHAR.sub(lambda found: chr(int(found[1], 16)), text)


class Parameters(tuple[tuple[str, str | None], ...]):
    """Pairs of (keyword, value) in order; the value is None where there is no `=`.

    Keywords are kept in capital letters. Raises LocalProtocolError for what the grammar does not allow, for
    a keyword twice, and for a value that a known parameter cannot have.
    """

    __slots__ = ()

    def __new__(cls, pairs: Iterable[tuple[str, str | None]] = ()) -> Parameters:
        """Validate *pairs*."""
        upper = [(key.upper() if key.isascii() else key, value) for key, value in pairs]
        for keyword, value in upper:
            _require_parameter(keyword, value)
        if len(dict(upper)) != len(upper):
            raise LocalProtocolError("expected each parameter once")
        return tuple.__new__(cls, upper)

    @classmethod
    def of(
        cls,
        *,
        size: int | None = None,
        body: str | None = None,
        auth: Path | None = None,
        smtputf8: bool = False,
    ) -> Parameters:
        """Build the known ones of MAIL: *size* in octets, *body* "7BIT" or "8BITMIME", *auth* a path."""
        pairs: list[tuple[str, str | None]] = []
        if size is not None:
            pairs.append(("SIZE", str(size)))
        if body is not None:
            pairs.append(("BODY", body))
        if auth is not None:
            pairs.append(("AUTH", "<>" if auth.mailbox is None else encode_xtext(str(auth.mailbox))))
        if smtputf8:
            pairs.append(("SMTPUTF8", None))
        return cls(pairs)

    @classmethod
    def parse(cls, octets: bytes, offset: int = 0) -> Parameters:
        """Read what stands behind a path, spaces in front included.

        Raises CommandSyntaxError, whose offset is counted from *offset*.
        """
        pairs: dict[str, str | None] = {}
        for word in octets.split(b" "):
            if word:
                keyword, value = _parse_parameter(word, offset)
                if keyword in pairs:
                    raise CommandSyntaxError("parameter given twice", offset=offset)
                pairs[keyword] = value
            offset += len(word) + 1
        return tuple.__new__(cls, pairs.items())

    def serialize(self) -> bytes:
        """Return the wire form, with a space in front of each parameter."""
        return "".join(f" {key}" if value is None else f" {key}={value}" for key, value in self).encode()

    def get(self, keyword: str) -> str | None:
        """Return the value of *keyword*, in any case; None if it is not there or has no value."""
        return dict(self).get(keyword.upper())

    def has(self, keyword: str) -> bool:
        """Return whether *keyword*, in any case, is there."""
        return keyword.upper() in dict(self)

    @property
    def size(self) -> int | None:
        """SIZE: how many octets the message has, as declared (RFC 1870)."""
        value = self.get("SIZE")
        return None if value is None else int(value)

    @property
    def body(self) -> str | None:
        """BODY in capital letters: "7BIT" or "8BITMIME" (RFC 6152)."""
        value = self.get("BODY")
        return None if value is None else value.upper()

    @property
    def auth(self) -> Path | None:
        """AUTH: who submitted the message, the null path if that is not known (RFC 4954 section 5).

        What is no address counts as not known.
        """
        value = self.get("AUTH")
        if value is None:
            return None
        try:
            return Path(Mailbox.parse(decode_xtext(value)))
        except AddressError:
            return NULL_PATH

    @property
    def smtputf8(self) -> bool:
        """SMTPUTF8: addresses and headers may be UTF-8 (RFC 6531)."""
        return self.has("SMTPUTF8")

    def __repr__(self) -> str:
        return f"Parameters({list(self)!r})" if self else "Parameters()"


def _parse_parameter(word: bytes, offset: int) -> tuple[str, str | None]:
    found = match_parameter(word)
    if found is None:
        raise CommandSyntaxError("malformed parameter", offset=offset)
    keyword = found[1].decode("ascii").upper()
    try:
        value = found[2].decode() if found[2] is not None else None
    except UnicodeDecodeError:
        raise CommandSyntaxError("parameter is not UTF-8", offset=offset) from None
    if not _is_value_of(keyword, value):
        raise CommandSyntaxError(f"bad value of {keyword}", offset=offset)
    return keyword, value


def _require_parameter(keyword: str, value: str | None) -> None:
    word = keyword if value is None else f"{keyword}={value}"
    try:
        found = match_parameter(word.encode())
    except UnicodeEncodeError:
        found = None
    if found is None or len(found[1]) != len(keyword) or not _is_value_of(keyword, value):
        raise LocalProtocolError(f"expected a parameter, got {word[:40]!r}")


def _is_value_of(keyword: str, value: str | None) -> bool:
    row = PARAMETERS.get(keyword)
    if row is None:
        return True
    if row.value is None or value is None:
        return row.value is None and value is None
    # "AUTH=<>" is xtext by its grammar too
    return row.value.fullmatch(value) is not None


NO_PARAMETERS: Final = Parameters()
