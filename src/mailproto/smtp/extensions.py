"""Extensions: those that an EHLO reply lists, and the rows that a server offers (RFC 5321 section 4.1.1.1).

A new extension is a row in `EXTENSIONS`, and rows for its parameters in `mailproto.smtp.parameters`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from mailproto.errors import LocalProtocolError
from mailproto.smtp._grammar import match_keyword, require_text
from mailproto.smtp.parameters import PARAMETERS

__all__ = ["EXTENSIONS", "NO_EXTENSIONS", "Extension", "Extensions", "Offer"]


@dataclass(frozen=True, slots=True)
class Extensions:
    """The extensions of an EHLO reply: pairs of keyword, in capital letters, and its parameters as text.

    Order and unknown ones are kept; a keyword that comes again counts where it came first. Raises
    LocalProtocolError for what cannot stand in a line of the reply.
    """

    pairs: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        for keyword, text in self.pairs:
            if match_keyword(keyword) is None or keyword != keyword.upper() or text != text.strip():
                raise LocalProtocolError(f"expected an EHLO keyword and its parameters, got {keyword[:40]!r}")
            require_text(text, keyword)

    @classmethod
    def parse(cls, lines: Iterable[str]) -> Extensions:
        """Read the lines of a reply but the first; one that is no keyword is left out.

        `AUTH=LOGIN PLAIN`, which old servers send beside or instead of AUTH, counts as AUTH.
        """
        pairs: dict[str, str] = {}
        for line in lines:
            keyword, _, text = line.strip().partition(" ")
            keyword, is_old, mechanism = keyword.upper().partition("=")
            if match_keyword(keyword) is None:
                continue
            text = f"{mechanism} {text}".strip() if is_old else text.strip()
            if keyword == "AUTH" and keyword in pairs:
                text = " ".join(dict.fromkeys(f"{pairs[keyword]} {text}".split()))
                pairs[keyword] = text
            pairs.setdefault(keyword, text)
        return cls(tuple(pairs.items()))

    def lines(self) -> tuple[str, ...]:
        """Return the lines that an EHLO reply has behind its first."""
        return tuple(f"{keyword} {text}".rstrip() for keyword, text in self.pairs)

    def __contains__(self, keyword: str) -> bool:
        return self.get(keyword) is not None

    def get(self, keyword: str) -> str | None:
        """Return the parameters of *keyword*, in any case, as text; None if it is not offered."""
        return dict(self.pairs).get(keyword.upper())

    @property
    def size(self) -> int | None:
        """SIZE: the octets that a message may have, 0 for no bound; None if not offered (RFC 1870)."""
        text = self.get("SIZE")
        if text is None:
            return None
        return int(text) if text.isascii() and text.isdigit() and len(text) <= 20 else 0

    @property
    def auth(self) -> tuple[str, ...]:
        """AUTH: the SASL mechanisms, in capital letters; empty if not offered (RFC 4954)."""
        return tuple((self.get("AUTH") or "").upper().split())

    @property
    def pipelining(self) -> bool:
        """PIPELINING (RFC 2920)."""
        return "PIPELINING" in self

    @property
    def start_tls(self) -> bool:
        """STARTTLS (RFC 3207)."""
        return "STARTTLS" in self

    @property
    def eight_bit_mime(self) -> bool:
        """8BITMIME (RFC 6152)."""
        return "8BITMIME" in self

    @property
    def enhanced_status_codes(self) -> bool:
        """ENHANCEDSTATUSCODES (RFC 2034)."""
        return "ENHANCEDSTATUSCODES" in self

    @property
    def smtputf8(self) -> bool:
        """SMTPUTF8 (RFC 6531)."""
        return "SMTPUTF8" in self


NO_EXTENSIONS: Final = Extensions()


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a server has when it answers EHLO; each row decides by it."""

    start_tls: bool
    auth_mechanisms: tuple[str, ...]
    max_message: int


@dataclass(frozen=True, slots=True, eq=False)
class Extension:
    """An extension that a server can offer: its EHLO keyword, when, and what it adds; equal only to itself.

    `offered` returns the parameters of the keyword as text, None if it is not offered now. `verbs` are the
    commands that it adds: the server gives them as `UnknownCommand` and does not answer 500 by itself.
    `parameters` maps MAIL and RCPT to keywords that are allowed beside those of `PARAMETERS`.
    """

    keyword: str
    offered: Callable[[Offer], str | None] = lambda offer: ""
    verbs: frozenset[str] = frozenset()
    parameters: tuple[tuple[str, str], ...] = ()

    def allows(self, command: str, parameter: str) -> bool:
        """Return whether *command*, MAIL or RCPT, may have *parameter* under this extension."""
        row = PARAMETERS.get(parameter)
        if row is not None and row.extension == self.keyword and command in row.commands:
            return True
        return (command, parameter) in self.parameters


def _offer_size(offer: Offer) -> str:
    return str(offer.max_message) if offer.max_message else ""


def _offer_start_tls(offer: Offer) -> str | None:
    return "" if offer.start_tls else None


def _offer_auth(offer: Offer) -> str | None:
    return " ".join(offer.auth_mechanisms) or None


EXTENSIONS: Final = (
    Extension("PIPELINING"),
    Extension("SIZE", _offer_size),
    Extension("8BITMIME"),
    Extension("STARTTLS", _offer_start_tls),
    Extension("AUTH", _offer_auth),
    Extension("ENHANCEDSTATUSCODES"),
    Extension("HELP"),
)
"""What a server offers unless told otherwise."""
