"""APPENDLIMIT: the largest message that a server, or a mailbox, accepts (RFC 7889).

Where the limit is the same everywhere it stands in the capability, else in an item of STATUS. A message that
is larger is refused with the code TOOBIG, which is in `mailproto.imap.codes`; a client does not send it.
"""

from __future__ import annotations

from typing import Final

from mailproto.errors import LocalProtocolError
from mailproto.imap._response import check_count
from mailproto.imap.capability import Capabilities
from mailproto.imap.cursor import MAX_NUMBER, Cursor
from mailproto.imap.mailbox_data import StatusItem, register_status_item
from mailproto.imap.values import Value
from mailproto.imap.writer import Writer

__all__ = ["append_limit", "with_append_limit"]

CAPABILITY: Final = "APPENDLIMIT"


def append_limit(capabilities: Capabilities) -> int | None:
    """Return how many octets a message of any mailbox may have (section 2).

    None if the server does not say, or if it has a limit for each mailbox: then STATUS says it.
    """
    limits = [
        int(value) for value in capabilities.values(CAPABILITY) if value.isdecimal() and len(value) <= 20
    ]
    return min(limits, default=None)


def with_append_limit(known: Capabilities, most: int) -> Capabilities:
    """Return *known* with the limit of all mailboxes: *most* octets, or less if *known* says less.

    Unchanged if *most* is 0, which is no limit, if it is more than a `number` can be, or if *known* says that
    each mailbox has a limit of its own.
    """
    if not 0 < most <= MAX_NUMBER or CAPABILITY in known:
        return known
    limit = append_limit(known)
    least = most if limit is None else min(limit, most)
    others = (name for name in known if not name.startswith(f"{CAPABILITY}="))
    return Capabilities((*others, f"{CAPABILITY}={least}"))


def _parse(cursor: Cursor) -> Value:
    return None if cursor.accept_word(b"NIL") else cursor.number()


def _check(value: Value) -> None:
    if value is not None:
        if not isinstance(value, int):
            raise LocalProtocolError(f"expected a number up to {MAX_NUMBER}, or None")
        check_count(value)


register_status_item(StatusItem(CAPABILITY, CAPABILITY, _parse, Writer.value, check=_check))
