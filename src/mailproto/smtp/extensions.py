"""Extensions: those that an EHLO reply lists, and the rows that a server offers (RFC 5321 section 4.1.1.1).

A new extension is a module in `mailproto.smtp.ext`; what a server offers by itself is in `EXTENSIONS`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from mailproto.errors import LocalProtocolError
from mailproto.smtp._grammar import match_keyword, require_text
from mailproto.smtp.ext import auth, chunking, eight_bit_mime, limits, size
from mailproto.smtp.ext.deliver_by import parse_min_by_time
from mailproto.smtp.ext.future_release import FutureReleaseLimits
from mailproto.smtp.ext.limits import AnnouncedLimits
from mailproto.smtp.ext.no_soliciting import parse_classes
from mailproto.smtp.parameters import PARAMETERS
from mailproto.smtp.rows import Extension, Offer, Parameter

__all__ = ["EXTENSIONS", "NO_EXTENSIONS", "Extension", "Extensions", "Offer", "allowed_parameters"]


@dataclass(frozen=True, slots=True)
class Extensions:
    """The extensions of an EHLO reply: pairs of keyword, in capital letters, and its parameters as text.

    Order and unknown ones are kept; a keyword that comes again counts where it came first. Raises
    LocalProtocolError for what cannot stand in a line of the reply.
    """

    pairs: tuple[tuple[str, str], ...] = ()
    _texts: dict[str, str] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_texts", dict(reversed(self.pairs)))
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
        return keyword in self._texts or keyword.upper() in self._texts

    def get(self, keyword: str) -> str | None:
        """Return the parameters of *keyword*, in any case, as text; None if it is not offered."""
        text = self._texts.get(keyword)
        return self._texts.get(keyword.upper()) if text is None else text

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
    def etrn(self) -> bool:
        """ETRN (RFC 1985)."""
        return "ETRN" in self

    @property
    def xclient(self) -> tuple[str, ...]:
        """XCLIENT: the attributes that may be sent; empty if not offered (Postfix's XCLIENT_README)."""
        return tuple((self.get("XCLIENT") or "").upper().split())

    @property
    def xforward(self) -> tuple[str, ...]:
        """XFORWARD: the attributes that may be sent; empty if not offered (Postfix's XFORWARD_README)."""
        return tuple((self.get("XFORWARD") or "").upper().split())

    @property
    def pipelining(self) -> bool:
        """PIPELINING (RFC 2920)."""
        return "PIPELINING" in self._texts

    @property
    def start_tls(self) -> bool:
        """STARTTLS (RFC 3207)."""
        return "STARTTLS" in self

    @property
    def eight_bit_mime(self) -> bool:
        """8BITMIME (RFC 6152)."""
        return "8BITMIME" in self

    @property
    def chunking(self) -> bool:
        """CHUNKING: BDAT may be used (RFC 3030)."""
        return "CHUNKING" in self

    @property
    def binary_mime(self) -> bool:
        """BINARYMIME, with the CHUNKING that it needs (RFC 3030)."""
        return "BINARYMIME" in self and self.chunking

    @property
    def burl(self) -> tuple[str, ...] | None:
        """BURL: "imap" and servers of which URLs are taken; empty before a login; None if not offered.

        RFC 4468 section 3.1.
        """
        text = self.get("BURL")
        return None if text is None else tuple(text.split())

    @property
    def prdr(self) -> bool:
        """PRDR (draft-hall-prdr-00)."""
        return "PRDR" in self

    @property
    def enhanced_status_codes(self) -> bool:
        """ENHANCEDSTATUSCODES (RFC 2034)."""
        return "ENHANCEDSTATUSCODES" in self

    @property
    def smtputf8(self) -> bool:
        """SMTPUTF8 (RFC 6531)."""
        return "SMTPUTF8" in self

    @property
    def deliver_by(self) -> int | None:
        """DELIVERBY: the least time in seconds, 0 for no bound; None if not offered (RFC 2852)."""
        text = self.get("DELIVERBY")
        return None if text is None else parse_min_by_time(text)

    @property
    def future_release(self) -> FutureReleaseLimits | None:
        """FUTURERELEASE: how long messages are held; None if not offered or malformed (RFC 4865)."""
        return FutureReleaseLimits.parse(self.get("FUTURERELEASE") or "")

    @property
    def mt_priority(self) -> str | None:
        """MT-PRIORITY: the name of the profile, empty if there is none; None if not offered (RFC 6710)."""
        return self.get("MT-PRIORITY")

    @property
    def no_soliciting(self) -> tuple[str, ...] | None:
        """NO-SOLICITING: the classes that are not wanted; None if not offered (RFC 3865)."""
        text = self.get("NO-SOLICITING")
        return None if text is None else parse_classes(text)

    @property
    def limits(self) -> AnnouncedLimits | None:
        """LIMITS: what a session may have; None if not offered or malformed (RFC 9422)."""
        text = self.get("LIMITS")
        return None if text is None else AnnouncedLimits.parse(text)


NO_EXTENSIONS: Final = Extensions()


def allowed_parameters(offered: Iterable[Extension]) -> dict[tuple[str, str], Parameter[object]]:
    """Return the parameters that extensions allow, by the verb of the command and the keyword."""
    extensions = tuple(offered)
    keywords = {extension.keyword for extension in extensions}
    allowed = {
        (verb, row.keyword): row
        for row in PARAMETERS.values()
        if not keywords.isdisjoint(row.extensions)
        for verb in row.commands
    }
    for extension in extensions:
        for verb, keyword in extension.parameters:
            allowed.setdefault((verb, keyword), PARAMETERS.get(keyword, _UNTYPED))
    return allowed


# Stands for each parameter without a row.
_UNTYPED: Final = Parameter("X", (), form=str, parse=str, serialize=str)


def _offer_start_tls(offer: Offer) -> str | None:
    return "" if offer.start_tls else None


EXTENSIONS: Final = (
    Extension("PIPELINING"),
    size.EXTENSION,
    eight_bit_mime.EXTENSION,
    chunking.EXTENSION,
    Extension("STARTTLS", _offer_start_tls),
    auth.EXTENSION,
    Extension("ENHANCEDSTATUSCODES"),
    limits.EXTENSION,
    Extension("HELP"),
)
"""What a server offers unless told otherwise: all that it can honour whatever the application does.

The others stand in `mailproto.smtp`, to be named beside these.
"""
