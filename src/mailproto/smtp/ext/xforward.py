"""XFORWARD: tells a server behind a filter where a message came from (Postfix's XFORWARD_README).

Unlike XCLIENT it changes nothing of what the session is. The row is not in `EXTENSIONS`: a server names it,
and its handler says whom it trusts.
"""

from __future__ import annotations

import re
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

__all__ = ["XFORWARD", "XFORWARD_ATTRIBUTES", "XForward"]

XFORWARD_ATTRIBUTES: Final[Mapping[str, Attribute]] = {
    "NAME": HOST,
    "ADDR": ADDRESS,
    "PORT": PORT,
    # Not only SMTP: a message may have come by any protocol, whose name has up to 64 characters.
    "PROTO": Attribute(re.compile(r"[!-~]{1,64}").fullmatch),
    "HELO": HELLO,
    "IDENT": TEXT,
    "SOURCE": Attribute(one_of("LOCAL", "REMOTE")),
}
"""The attributes, in the order in which an EHLO reply names them."""

XFORWARD: Final = Extension("XFORWARD", lambda offer: " ".join(XFORWARD_ATTRIBUTES))
"""The row for a server with a handler that has `xforward`."""


@dataclass(frozen=True, slots=True)
class XForward(AttributeCommand):
    """XFORWARD: where the next message came from; several add up, and the end of the transaction resets them.

    Legal outside a transaction, from a client that the server trusts (550 else).
    """

    name: ClassVar[str] = "XFORWARD"
    known: ClassVar[Mapping[str, Attribute]] = XFORWARD_ATTRIBUTES
