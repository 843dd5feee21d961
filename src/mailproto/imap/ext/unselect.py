"""UNSELECT: leave the mailbox without expunging it (RFC 3691)."""

from __future__ import annotations

from typing import ClassVar, final

from mailproto.imap.command import BareCommand, register_command

__all__ = ["Unselect"]


@final
@register_command
class Unselect(BareCommand):
    """UNSELECT: as CLOSE, and nothing is expunged (RFC 3691 section 2)."""

    __slots__ = ()
    name: ClassVar[str] = "UNSELECT"
