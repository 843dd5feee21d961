"""STATUS=SIZE: how many octets a mailbox holds, as an item of STATUS (RFC 8438)."""

from __future__ import annotations

from typing import Final

from mailproto.errors import LocalProtocolError
from mailproto.imap.cursor import MAX_NUMBER64, Cursor
from mailproto.imap.mailbox_data import StatusItem, register_status_item
from mailproto.imap.values import Value
from mailproto.imap.writer import Writer

__all__ = ["check_number64"]

CAPABILITY: Final = "STATUS=SIZE"


def check_number64(number: object) -> None:
    """Raise LocalProtocolError unless *number* is a `number64`: 63 bits, not negative."""
    if type(number) is not int or not 0 <= number <= MAX_NUMBER64:
        raise LocalProtocolError(f"expected a number from 0 to {MAX_NUMBER64}, got {str(number)[:40]}")


def _parse(cursor: Cursor) -> Value:
    return cursor.number64()


register_status_item(StatusItem("SIZE", CAPABILITY, _parse, Writer.value, check=check_number64))
