"""SIZE: how big a message is, and how big one may be (RFC 1870)."""

from __future__ import annotations

import re
from typing import Final

from mailproto.smtp.rows import Extension, Offer, Parameter

__all__ = ["EXTENSION", "SIZE"]

# size-value = 1*20DIGIT                                                        (section 3)
SIZE: Final = Parameter("SIZE", ("SIZE",), re.compile(r"[0-9]{1,20}").fullmatch, parse=int, serialize=str)
"""SIZE of MAIL, the octets of the message, as declared."""


def _offer_size(offer: Offer) -> str:
    return str(offer.max_message) if offer.max_message else ""


EXTENSION: Final = Extension("SIZE", _offer_size)
"""SIZE, with `limits.max_message`."""
