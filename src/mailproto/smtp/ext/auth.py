"""AUTH: the mechanisms that EHLO lists, and who submitted a message (RFC 4954 sections 3 and 5).

The exchange itself is in the connections, its mechanisms in `mailproto.sasl`.
"""

from __future__ import annotations

from typing import Final

from mailproto.address import NULL_PATH, AddressError, Mailbox, Path
from mailproto.smtp._xtext import encode_xtext, match_xtext, xtext_octets
from mailproto.smtp.rows import Extension, Offer, Parameter

__all__ = ["AUTH", "EXTENSION"]


def _parse(text: str) -> Path:
    # "<>" is xtext by its grammar too, and no mailbox
    try:
        return Path(Mailbox.parse(xtext_octets(text)))
    except AddressError:
        return NULL_PATH


def _serialize(path: Path) -> str:
    return "<>" if path.mailbox is None else encode_xtext(str(path.mailbox))


AUTH: Final = Parameter("AUTH", ("AUTH",), match_xtext, _parse, _serialize)
"""AUTH of MAIL, who submitted the message, the null path if that is not known.

What is no address counts as not known. So does what a client says that has not logged in, or is not trusted
to say it (RFC 4954 section 5), but it is given all the same, to be logged.
"""


def _offer_auth(offer: Offer) -> str | None:
    return " ".join(offer.auth_mechanisms) or None


EXTENSION: Final = Extension("AUTH", _offer_auth)
"""AUTH, with the mechanisms that the connection has."""
