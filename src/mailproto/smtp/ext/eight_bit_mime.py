"""8BITMIME and BINARYMIME: what octets a message is made of (RFC 6152, RFC 3030 section 3)."""

from __future__ import annotations

import re
from typing import Final

from mailproto.smtp._grammar import CommandSyntaxError
from mailproto.smtp.rows import Extension, Given, Offered, Parameter

__all__ = ["BINARYMIME", "BODY", "EXTENSION"]

# body-value = "7BIT" / "8BITMIME"                                              (RFC 6152 section 2)
# body-value =/ "BINARYMIME"                                                    (RFC 3030 section 3)
_BODY: Final = re.compile("7BIT|8BITMIME|BINARYMIME", re.IGNORECASE | re.ASCII).fullmatch
_NEEDS: Final = {"BINARYMIME": ("BINARYMIME", "CHUNKING")}


def _check_body(given: Given, offered: Offered) -> None:
    for keyword in _NEEDS.get((given.get("BODY") or "").upper(), ("8BITMIME",)):
        if offered.get(keyword) is None:
            raise CommandSyntaxError(f"BODY: {keyword} not offered", code=555)


BODY: Final = Parameter(
    "BODY", ("8BITMIME", "BINARYMIME"), _BODY, parse=str.upper, serialize=str, check=_check_body
)
"""BODY of MAIL: "7BIT", "8BITMIME" or "BINARYMIME", in capital letters."""

EXTENSION: Final = Extension("8BITMIME")
"""8BITMIME."""

BINARYMIME: Final = Extension("BINARYMIME", needs=("CHUNKING",))
"""BINARYMIME, which a server offers beside CHUNKING.

For a server whose application keeps what RFC 3030 section 3 demands: to "deliver or relay the message in such
a way as to preserve all bits in each octet", NUL and bare CR and LF with them.
"""
