"""MOVE and UID MOVE: messages to another mailbox in one step (RFC 6851)."""

from __future__ import annotations

from typing import ClassVar, final

from mailproto.imap.command import register_command
from mailproto.imap.commands import ToMailboxCommand
from mailproto.imap.sequence import SequenceSet, UIDSet

__all__ = ["Move", "UIDMove"]


@final
@register_command
class Move(ToMailboxCommand[SequenceSet]):
    """MOVE: add messages to the end of a mailbox and expunge them here (RFC 6851 section 3.1)."""

    __slots__ = ()
    name: ClassVar[str] = "MOVE"
    _kind = SequenceSet


@final
@register_command
class UIDMove(ToMailboxCommand[UIDSet]):
    """UID MOVE: the same by UID (RFC 6851 section 3.2)."""

    __slots__ = ()
    name: ClassVar[str] = "UID MOVE"
    _kind = UIDSet
