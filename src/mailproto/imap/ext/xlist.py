"""XLIST: how Gmail listed mailboxes with their use, before RFC 6154 made that a part of LIST.

Both command and response are those of LIST, with another name and with attributes such as `\\\\Inbox`,
`\\\\AllMail`, `\\\\Spam` and `\\\\Starred`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from mailproto.imap._response import register_response
from mailproto.imap.command import register_command
from mailproto.imap.commands import ListCommand
from mailproto.imap.mailbox_data import MailboxListData

__all__ = ["XList", "XListData"]


@final
@register_command
class XList(ListCommand):
    """XLIST: mailboxes below *reference* whose names match *pattern*, with their use."""

    __slots__ = ()
    name: ClassVar[str] = "XLIST"


@final
@register_response
@dataclass(frozen=True, slots=True)
class XListData(MailboxListData):
    """XLIST: a mailbox with attributes that say what it is for."""

    name: ClassVar[str] = "XLIST"
