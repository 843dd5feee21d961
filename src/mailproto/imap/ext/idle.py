"""IDLE: the server says at once what changes, until the client sends DONE (RFC 2177).

The line DONE is no command and has no tag; the connections read and write it.
"""

from __future__ import annotations

from typing import ClassVar, final

from mailproto.imap.command import BareCommand, register_command

__all__ = ["Idle"]


@final
@register_command
class Idle(BareCommand):
    """IDLE: wait for changes; it completes after DONE (RFC 2177 section 3)."""

    __slots__ = ()
    name: ClassVar[str] = "IDLE"
