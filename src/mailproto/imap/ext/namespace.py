"""NAMESPACE: where personal, other users' and shared mailboxes begin (RFC 2342).

The answer, `NamespaceData`, stands in `mailproto.imap.responses`.
"""

from __future__ import annotations

from typing import ClassVar, final

from mailproto.imap.command import BareCommand, register_command

__all__ = ["Namespace"]


@final
@register_command
class Namespace(BareCommand):
    """NAMESPACE: ask for the prefixes of names (RFC 2342 section 5)."""

    __slots__ = ()
    name: ClassVar[str] = "NAMESPACE"
