"""8BITMIME: octets above 127 in a message (RFC 6152)."""

from __future__ import annotations

import re
from typing import Final

from mailproto.smtp.rows import Extension, Parameter

__all__ = ["BODY", "EXTENSION"]

# body-value = "7BIT" / "8BITMIME"                                              (section 2)
_BODY: Final = re.compile("7BIT|8BITMIME", re.IGNORECASE | re.ASCII).fullmatch

BODY: Final = Parameter("BODY", ("8BITMIME",), _BODY, parse=str.upper, serialize=str)
"""BODY of MAIL, "7BIT" or "8BITMIME", in capital letters."""

EXTENSION: Final = Extension("8BITMIME")
"""8BITMIME."""
