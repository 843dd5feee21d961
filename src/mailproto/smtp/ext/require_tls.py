"""REQUIRETLS: a message that travels over TLS only (RFC 8689)."""

from __future__ import annotations

from typing import Final

from mailproto.smtp.rows import Extension, Offer, flag

__all__ = ["EXTENSION", "REQUIRETLS"]

REQUIRETLS: Final = flag("REQUIRETLS", "REQUIRETLS", needs_tls=True)
"""REQUIRETLS of MAIL, so that the message goes on over TLS, to servers that offer this, or not at all.

Whoever sends it has verified the certificate of the server, by its chain or by DANE, and its name, if that is
from an MX record, by DNSSEC or MTA-STS (section 4.2.1): a connection knows of neither. So it does not go
with opportunistic TLS.
"""


def _offer_require_tls(offer: Offer) -> str | None:
    return "" if offer.is_tls_active else None


EXTENSION: Final = Extension("REQUIRETLS", _offer_require_tls)
"""REQUIRETLS, offered under TLS only; for a server whose application keeps the promise on its way on."""
