"""UNAUTHENTICATE: the session ends, and the connection is there for another login (RFC 8437)."""

from __future__ import annotations

from typing import ClassVar, Final, final

from mailproto.imap.command import BareCommand, register_command

__all__ = ["Unauthenticate"]

CAPABILITY: Final = "UNAUTHENTICATE"


@final
@register_command
class Unauthenticate(BareCommand):
    """UNAUTHENTICATE: forget who has logged in, the mailbox, and all that is enabled (section 3)."""

    __slots__ = ()
    name: ClassVar[str] = "UNAUTHENTICATE"
