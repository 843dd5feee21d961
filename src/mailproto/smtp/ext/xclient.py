"""XCLIENT: tells a server to treat the session as that of another client (Postfix's XCLIENT_README).

For proxies and for tests of access rules. The row is not in `EXTENSIONS`: a server names it, and its handler
says whom it trusts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from mailproto.smtp.ext.attributes import (
    ADDRESS,
    HELLO,
    HOST,
    PORT,
    TEXT,
    Attribute,
    AttributeCommand,
    one_of,
)
from mailproto.smtp.rows import Extension

__all__ = ["XCLIENT", "XCLIENT_ATTRIBUTES", "XClient"]

XCLIENT_ATTRIBUTES: Final[Mapping[str, Attribute]] = {
    "NAME": HOST,
    "ADDR": ADDRESS,
    "PORT": PORT,
    "PROTO": Attribute(one_of("SMTP", "ESMTP"), frozenset()),
    "HELO": HELLO,
    "LOGIN": TEXT,
    "DESTADDR": ADDRESS,
    "DESTPORT": PORT,
    "REVERSE_NAME": HOST,
}
"""The attributes, in the order in which an EHLO reply names them."""

XCLIENT: Final = Extension("XCLIENT", lambda offer: " ".join(XCLIENT_ATTRIBUTES))
"""The row for a server with a handler that has `xclient`."""


@dataclass(frozen=True, slots=True)
class XClient(AttributeCommand):
    """XCLIENT: who the client really is; a positive reply is a greeting, and the session starts over.

    Legal outside a transaction, from a client that the server trusts (550 else).
    """

    name: ClassVar[str] = "XCLIENT"
    known: ClassVar[Mapping[str, Attribute]] = XCLIENT_ATTRIBUTES

    @property
    def is_authenticated(self) -> bool:
        """True if LOGIN names somebody: the client has logged in elsewhere."""
        return self.attributes.get("LOGIN") is not None
