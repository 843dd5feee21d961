"""What may be said in a session without sequence numbers (RFC 9586), at either end.

It is such a session once the client has enabled UIDONLY. The values that stand for those with numbers are in
`mailproto.imap.ext.uidonly`.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Final

from mailproto.imap.codes import UIDNOTSTICKY, UnseenCode
from mailproto.imap.commands import Command
from mailproto.imap.ext.convert import ConvertedData
from mailproto.imap.ext.esearch import ESearchData
from mailproto.imap.ext.qresync import QResync
from mailproto.imap.ext.uidonly import UIDONLY, PreparedUIDFetch, UIDFetchData
from mailproto.imap.fetch_data import FetchData, PreparedFetch
from mailproto.imap.responses import Response
from mailproto.imap.search import SearchKey, SequenceNumbers
from mailproto.imap.search_commands import KeyedCommand
from mailproto.imap.state import row_of
from mailproto.imap.status import StatusResponse

__all__ = ["reason_against_number", "reason_not_to_answer"]


def reason_against_number(command: Command) -> str | None:
    """Return why *command* is not sent once UIDONLY is on; None if it has no sequence numbers.

    `$` is refused as a search key, where it stands for a set of numbers: `UID(UIDSet("$"))` is none.
    """
    row = row_of(command.name)
    if row.is_by_number:
        return f"{command.name}: {UIDONLY} is on, use UID {command.name} (RFC 9586 section 3.2)"
    if "CONVERTED" in row.answers:
        return f"{command.name}: {UIDONLY} is on, CONVERTED would have sequence numbers (RFC 9586 section 3)"
    if isinstance(command, KeyedCommand) and _has_number(command.key):
        return f"{command.name}: {UIDONLY} is on, use the key UID for a set (RFC 9586 section 3.5)"
    if any(isinstance(option, QResync) and option.matches is not None for option in command.options):
        return f"{command.name}: {UIDONLY} is on, QRESYNC has no sequence numbers (RFC 9586 section 3.7)"
    return None


def _has_number(key: SearchKey) -> bool:
    return isinstance(key, SequenceNumbers) or any(map(_has_number, key.children))


def reason_not_to_answer(response: Response, offered: Container[str], enabled: Container[str]) -> str | None:
    """Return why a server does not send *response*, untagged or the status of a command; None if it may.

    With UIDONLY on there is no sequence number in any of them, without it no UIDFETCH. EXPUNGE and VANISHED
    are judged in `mailproto.imap.expunging`.
    """
    code = response.code if isinstance(response, StatusResponse) else None
    if UIDONLY in offered and code == UIDNOTSTICKY:
        return f"UIDNOTSTICKY: not beside the capability {UIDONLY} (RFC 9586 section 3.6)"
    if UIDONLY not in enabled:
        if isinstance(response, UIDFetchData | PreparedUIDFetch):
            return f"UIDFETCH: expected FETCH before ENABLE {UIDONLY} (RFC 9586 section 3.3)"
        return None
    if type(response) in _BY_NUMBER:
        return f"expected no response with a sequence number, {UIDONLY} is on (RFC 9586 section 3.3)"
    if isinstance(code, UnseenCode):
        return f"UNSEEN: expected no sequence number, {UIDONLY} is on (RFC 9586 section 3)"
    if isinstance(response, ESearchData) and not response.is_uid:
        return f"ESEARCH: expected UIDs, {UIDONLY} is on (RFC 9586 section 3)"
    return None


_BY_NUMBER: Final = (FetchData, PreparedFetch, ConvertedData)
"""Kinds of response that begin with a sequence number; those that are derived of them begin with a UID."""
