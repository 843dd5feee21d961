"""The parameters of MAIL and RCPT (RFC 5321 section 4.1.2): known ones typed, unknown ones kept.

The rows stand in `mailproto.smtp.ext`, in the module of their RFC, and are collected in `PARAMETERS`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeVar

from mailproto.address import Path
from mailproto.errors import LocalProtocolError
from mailproto.smtp._grammar import CommandSyntaxError, match_parameter
from mailproto.smtp._xtext import decode_xtext, encode_xtext
from mailproto.smtp.ext.auth import AUTH
from mailproto.smtp.ext.conversion import CONNEG, CONPERM
from mailproto.smtp.ext.deliver_by import BY
from mailproto.smtp.ext.dsn import ENVID, NOTIFY, ORCPT, RET
from mailproto.smtp.ext.eight_bit_mime import BODY
from mailproto.smtp.ext.future_release import HOLDFOR, HOLDUNTIL
from mailproto.smtp.ext.mt_priority import MT_PRIORITY
from mailproto.smtp.ext.mtrk import MTRK
from mailproto.smtp.ext.no_soliciting import SOLICIT
from mailproto.smtp.ext.prdr import PRDR
from mailproto.smtp.ext.require_tls import REQUIRETLS
from mailproto.smtp.ext.rrvs import RRVS
from mailproto.smtp.ext.size import SIZE
from mailproto.smtp.ext.smtputf8 import SMTPUTF8
from mailproto.smtp.rows import Parameter

__all__ = ["NO_PARAMETERS", "PARAMETERS", "Parameter", "Parameters", "decode_xtext", "encode_xtext"]

T = TypeVar("T")

_ROWS: Final[tuple[Parameter[object], ...]] = (
    *(SIZE, BODY, AUTH, SMTPUTF8),
    *(RET, ENVID, NOTIFY, ORCPT),
    *(BY, HOLDFOR, HOLDUNTIL, MT_PRIORITY, REQUIRETLS, RRVS),
    *(SOLICIT, CONPERM, CONNEG, MTRK, PRDR),
)
PARAMETERS: Final = {row.keyword: row for row in _ROWS}
"""The rows by keyword, in capital letters."""


class Parameters(tuple[tuple[str, str | None], ...]):
    """Pairs of (keyword, value) in order; the value is None where there is no `=`.

    Build them of what `pair` of a row returns: `Parameters([RET.pair(Ret.HDRS), ENVID.pair("x1")])`, or of
    text for a keyword without a row; read them with `value`. Keywords are kept in capital letters. Raises
    LocalProtocolError for what the grammar does not allow, for a keyword twice, and for a value that a known
    parameter cannot have.
    """

    __slots__ = ()

    def __new__(cls, pairs: Iterable[tuple[str, str | None]] = ()) -> Parameters:
        """Validate *pairs*."""
        if isinstance(pairs, Parameters):
            return pairs
        if not pairs:
            return tuple.__new__(cls)
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
        """Build the known ones of MAIL: *size* in octets, *body* as `BODY` has it, *auth* a path."""
        pairs: list[tuple[str, str | None]] = []
        if size is not None:
            pairs.append(SIZE.pair(size))
        if body is not None:
            pairs.append(BODY.pair(body))
        if auth is not None:
            pairs.append(AUTH.pair(auth))
        if smtputf8:
            pairs.append(SMTPUTF8.pair(True))
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
        if not self:
            return b""
        return "".join(f" {key}" if value is None else f" {key}={value}" for key, value in self).encode()

    def value(self, row: Parameter[T]) -> T | None:
        """Return the value of the parameter *row*, typed; None if it is not there.

        Raises LocalProtocolError for a value that *row* cannot read: that is only possible with a row of
        your own, since those of `PARAMETERS` have checked it.
        """
        for keyword, text in self:
            if keyword == row.keyword:
                return row.read(text)
        return None

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
        """BODY in capital letters: "7BIT", "8BITMIME" or "BINARYMIME" (RFC 6152, RFC 3030)."""
        value = self.get("BODY")
        return None if value is None else value.upper()

    @property
    def auth(self) -> Path | None:
        """AUTH: who submitted the message, the null path if that is not known (RFC 4954 section 5).

        What is no address counts as not known.
        """
        return self.value(AUTH)

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
    if row.form is None or value is None:
        return row.form is None and value is None
    return bool(row.form(value))


NO_PARAMETERS: Final = Parameters()
