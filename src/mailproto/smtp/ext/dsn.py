"""DSN: when and how to report on delivery (RFC 3461; RFC 6533 section 3 for addresses in UTF-8)."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Final

from mailproto.errors import LocalProtocolError
from mailproto.smtp._grammar import CommandSyntaxError
from mailproto.smtp._xtext import decode_xtext, encode_xtext, match_printable_xtext, match_xtext, xtext_octets
from mailproto.smtp.rows import RCPT, Extension, Given, Offered, Parameter

__all__ = ["ENVID", "EXTENSION", "NOTIFY", "Notify", "ORCPT", "OriginalRecipient", "RET", "Ret"]

MAX_ENVID: Final = 100
"""Characters of the value of ENVID (section 4.4)."""
MAX_ORCPT: Final = 500
"""Characters of the value of ORCPT (section 4.2)."""


class Ret(enum.Enum):
    """What a report of a failure returns of the message (RFC 3461 section 4.3)."""

    FULL = "FULL"
    HDRS = "HDRS"


class Notify(enum.Flag):
    """When to report to the sender (RFC 3461 section 4.1); joined with `|`, and NEVER is none of them."""

    NEVER = 0
    SUCCESS = enum.auto()
    FAILURE = enum.auto()
    DELAY = enum.auto()


# ret-value = "FULL" / "HDRS"
_RET: Final = re.compile("FULL|HDRS", re.IGNORECASE | re.ASCII).fullmatch
# notify-esmtp-value = "NEVER" / 1#notify-list-element
# notify-list-element = "SUCCESS" / "FAILURE" / "DELAY"
_ELEMENT: Final = "(?:SUCCESS|FAILURE|DELAY)"
_NOTIFY: Final = re.compile(f"NEVER|{_ELEMENT}(?:,{_ELEMENT}){{0,99}}", re.IGNORECASE | re.ASCII).fullmatch
# original-recipient-address = addr-type ";" xtext ;  addr-type = atom, without "="
_IS_ATOM: Final = re.compile(r"[!#-'*+\-/0-9?A-Z^-~]+").fullmatch
# esmtp-value = 1*(%d33-60 / %d62-126 / UTF8-non-ascii)                         (RFC 6531 section 3.3)
# A class of nearly all characters takes 30 times as long to compile as one of those it leaves out.
_IS_VALUE: Final = re.compile("[^\x00-\x20=\x7f\ud800-\udfff]+").fullmatch
# EmbeddedUnicodeChar = %x5C.78 "{" HEXPOINT "}"                                (RFC 6533 section 3)
_HEXPOINT: Final = (
    "[01][1-9]|10|20|2B|3D|7F|5C|[89A-F][0-9A-F]|[1-9A-F][0-9A-F]{2}|[1-9A-CEF][0-9A-F]{3}"
    "|D[0-7][0-9A-F]{2}|[1-9A-F][0-9A-F]{4}|10[0-9A-F]{4}"
)
_EMBEDDED: Final = re.compile(rf"\\x\{{((?i:{_HEXPOINT}))\}}")
# utf-8-addr-xtext   = 1*(QCHAR / EmbeddedUnicodeChar) ; QCHAR: no CTL, SP, "\", "+", "="
# utf-8-addr-unitext = 1*(QUCHAR / EmbeddedUnicodeChar) ; QUCHAR = QCHAR / UTF8-2 / UTF8-3 / UTF8-4
_QCHAR: Final = r"!-*,-<>-\[\]-~"
_NO_QUCHAR: Final = r"\x00-\x20+=\\\x7f"
_IS_UNITEXT: Final = re.compile(rf"(?:[^{_NO_QUCHAR}]|{_EMBEDDED.pattern})+").fullmatch
_NOT_QCHAR: Final = re.compile(f"[^{_QCHAR}]")
_NOT_QUCHAR: Final = re.compile(f"[{_NO_QUCHAR}]")
_NOT_PRINTABLE: Final = re.compile(r"[^\t -~]").search
_HAS_CONTROL: Final = re.compile("[\x00-\x08\x0a-\x1f\x7f]").search
_NOT_IN_UNITEXT: Final = re.compile("[\x00\x0a-\x0f\x1a-\x1f\ud800-\udfff]").search


@dataclass(frozen=True, slots=True)
class OriginalRecipient:
    """Whom the sender named: a type of address, "rfc822" or another one, and the address, decoded.

    An address of the type "utf-8" is any text without CR, LF and NUL, of the others printable ASCII. Raises
    LocalProtocolError for what cannot be encoded.
    """

    address_type: str
    address: str

    def __post_init__(self) -> None:
        if _IS_ATOM(self.address_type) is None:
            raise LocalProtocolError(f"ORCPT: expected a type of address, got {self.address_type[:40]!r}")
        found = _NOT_IN_UNITEXT(self.address) if self.is_utf8 else _NOT_PRINTABLE(self.address)
        if found is not None or not self.address:
            raise LocalProtocolError(f"ORCPT: expected printable text, got {self.address[:40]!r}")

    @classmethod
    def parse(cls, text: str) -> OriginalRecipient:
        """Read the value of ORCPT, in any of its encodings. Raises LocalProtocolError.

        What claims to be "utf-8" and is not encoded so is kept as it is (RFC 6533 section 3); UTF-8 that
        claims to be "rfc822", as from Postfix, is read as "utf-8".
        """
        address_type, _, address = text.partition(";")
        if (hidden := _hidden_utf8(address_type, address)) is not None:
            return cls("utf-8", hidden)
        if address_type.lower() != "utf-8":
            return cls(address_type, decode_xtext(address))
        if _IS_UNITEXT(address) is not None:
            address = _EMBEDDED.sub(lambda found: chr(int(found[1], 16)), address)
        return cls(address_type, address)

    def serialize(self) -> str:
        """Return the value in ASCII, which every server with DSN takes."""
        if self.is_utf8:
            return f"{self.address_type};{_NOT_QCHAR.sub(_embed, self.address)}"
        return f"{self.address_type};{encode_xtext(self.address)}"

    def serialize_utf8(self) -> str:
        """Return the value with its UTF-8 as it is, which only a server with SMTPUTF8 takes."""
        if self.is_utf8:
            return f"{self.address_type};{_NOT_QUCHAR.sub(_embed, self.address)}"
        return self.serialize()

    @property
    def is_utf8(self) -> bool:
        """True if the type is "utf-8"."""
        return self.address_type.lower() == "utf-8"


def _embed(found: re.Match[str]) -> str:
    return f"\\x{{{ord(found[0]):02X}}}"


def _is_envid(text: str) -> bool:
    return len(text) <= MAX_ENVID and match_printable_xtext(text) is not None


def _is_orcpt(text: str) -> bool:
    address_type, _, address = text.partition(";")
    if len(text) > MAX_ORCPT or _IS_ATOM(address_type) is None:
        return False
    is_address = _IS_VALUE if address_type.lower() == "utf-8" else match_printable_xtext
    return is_address(address) is not None or _hidden_utf8(address_type, address) is not None


def _hidden_utf8(address_type: str, address: str) -> str | None:
    """Return the address of a recipient in UTF-8 as Postfix 3 writes it, None if it is no such thing.

    It sends `rfc822;gr+C3+B6+C3+9Fe@x.example`, although that type has only ASCII: refused, mail is lost.
    """
    if address_type.lower() != "rfc822" or match_xtext(address) is None:
        return None
    try:
        text = xtext_octets(address).decode()
    except UnicodeDecodeError:
        return None
    return None if text.isascii() or _HAS_CONTROL(text) else text


def _parse_notify(text: str) -> Notify:
    return reduce(or_, (Notify[name] for name in text.upper().split(",")))


def _serialize_notify(notify: Notify) -> str:
    return ",".join(str(element.name) for element in notify) or "NEVER"


def _check_orcpt(given: Given, offered: Offered) -> None:
    if not (given.get("ORCPT") or "").isascii() and offered.get("SMTPUTF8") is None:
        raise CommandSyntaxError("ORCPT in UTF-8 without SMTPUTF8")


RET: Final = Parameter("RET", ("DSN",), _RET, lambda text: Ret[text.upper()], lambda ret: ret.value)
"""RET of MAIL, what of the message a report returns."""

ENVID: Final = Parameter("ENVID", ("DSN", "MTRK"), _is_envid, decode_xtext, encode_xtext)
"""ENVID of MAIL, what the sender calls this envelope, printable ASCII, at most 100 characters encoded."""

NOTIFY: Final = Parameter("NOTIFY", ("DSN",), _NOTIFY, _parse_notify, _serialize_notify, RCPT)
"""NOTIFY of RCPT, when to report. `Notify.NEVER` is false, so compare with None to see if it is there."""

ORCPT: Final = Parameter(
    "ORCPT",
    ("DSN", "MTRK"),
    _is_orcpt,
    OriginalRecipient.parse,
    OriginalRecipient.serialize,
    RCPT,
    check=_check_orcpt,
)
"""ORCPT of RCPT, whom the sender named, at most 500 characters encoded."""

EXTENSION: Final = Extension("DSN")
"""DSN, for a server whose application sends the reports, or passes the parameters on."""
