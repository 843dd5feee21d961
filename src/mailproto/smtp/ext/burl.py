"""BURL: a message, or a part of it, that the server fetches by URL (RFC 4468)."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from mailproto._secret import hide_token
from mailproto.errors import LocalProtocolError
from mailproto.smtp._grammar import CommandSyntaxError
from mailproto.smtp._value import Defects, Value
from mailproto.smtp.rows import Extension, Offer

__all__ = ["Burl", "burl", "can_fetch", "parse_burl"]

# absolute-URI = scheme ":" hier-part [ "?" query ] ; as far as the characters go  (RFC 3986 section 4.3)
_match_url: Final = re.compile(
    rb"[A-Za-z][A-Za-z0-9+.-]*:(?:[A-Za-z0-9._~:/?@!$&'()*+,;=\[\]-]|%[0-9A-Fa-f]{2})+"
).fullmatch

_IMAP: Final = "imap"


@dataclass(frozen=True, slots=True, repr=False)
class Burl(Value):
    """BURL: asks the server to fetch `url` and to append what it is to the message (RFC 4468).

    `url` is an absolute URI as text, of which only the syntax is looked at; the token of an IMAP URL with
    URLAUTH is a secret and never shown. `last` says that it ends the message. Raises LocalProtocolError.
    """

    url: str
    last: bool = False

    def __post_init__(self) -> None:
        if not self.url.isascii() or _match_url(self.url.encode("ascii")) is None:
            raise LocalProtocolError("BURL: expected an absolute URI")

    @property
    def name(self) -> str:  # type: ignore[override]  # the others have it on the class
        """The name of its row in the table of states: "BURL LAST" for the last one, else "BURL"."""
        return "BURL LAST" if self.last else "BURL"

    def serialize(self) -> bytes:
        return f"BURL {self.url}{' LAST' if self.last else ''}\r\n".encode("ascii")

    def shown(self) -> bytes:
        return hide_token(self.serialize())

    def __repr__(self) -> str:
        return f"Burl({hide_token(self.url.encode()).decode()!r}, last={self.last})"


def parse_burl(line: bytes, arguments: bytes, defects: Defects, offset: int) -> Burl:
    """Read the command. Raises CommandSyntaxError."""
    url, _, marker = arguments.partition(b" ")
    if _match_url(url) is None or marker.upper() not in (b"", b"LAST"):
        raise CommandSyntaxError("expected an absolute URI and LAST or nothing", offset=5)
    return Burl._parsed(defects, url=url.decode("ascii"), last=bool(marker))


def can_fetch(arguments: Collection[str], url: str) -> bool:
    """Return whether a server with these *arguments* of its BURL keyword fetches *url*.

    "imap" covers IMAP URLs with URLAUTH, and a server named in full all others of that server; arguments
    that are neither are ignored (RFC 4468 sections 3.1 and 3.3).
    """
    scheme, _, rest = url.lower().partition("://")
    lower = [argument.lower() for argument in arguments]
    if scheme != _IMAP:
        return False
    if ";urlauth=" in rest:
        return _IMAP in lower
    return f"{_IMAP}://{rest.partition('/')[0].rpartition('@')[2]}" in lower


def burl(*arguments: str) -> Extension:
    """Return the row of a server that fetches what *arguments* say, in the form of its EHLO keyword.

    "imap" stands for IMAP URLs with URLAUTH, "imap://imap.example.org" for all URLs of that server. They are
    said after a login only, since BURL needs one; before, the bare keyword says so (RFC 4468 section 3.1).
    The handler has to have `burl`. Raises LocalProtocolError for what is no argument.
    """
    for argument in arguments:
        scheme, colon, rest = argument.partition("://")
        is_form = scheme.lower() == _IMAP and bool(rest) is bool(colon)
        if not (is_form and argument.isascii() and argument.isprintable() and " " not in argument):
            raise LocalProtocolError(f"expected imap or imap://authority, got {argument[:40]!r}")
    text = " ".join(arguments)

    def offer_burl(offer: Offer) -> str:
        return text if offer.is_authenticated else ""

    return Extension("BURL", offer_burl, needs=("8BITMIME",))
