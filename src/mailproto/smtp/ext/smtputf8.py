"""SMTPUTF8: addresses and header fields in UTF-8 (RFC 6531).

The parameter of VRFY and EXPN is a field of those commands, and the grammar of addresses is in
`mailproto.address`.
"""

from __future__ import annotations

from typing import Final

from mailproto.smtp.rows import Extension, flag

__all__ = ["EXTENSION", "SMTPUTF8"]

SMTPUTF8: Final = flag("SMTPUTF8", "SMTPUTF8")
"""SMTPUTF8 of MAIL says that the envelope or the message needs UTF-8."""

EXTENSION: Final = Extension("SMTPUTF8", needs=("8BITMIME",))
"""SMTPUTF8, which a server offers beside 8BITMIME if it can store and pass on such messages."""
