"""When a server may say that messages are gone, and by which response (RFC 3501 section 7.4.1, RFC 7162).

Once QRESYNC is switched on, VANISHED stands for EXPUNGE "for all mailboxes that don't return NOMODSEQ when
selected" (RFC 7162 section 3.2.10).
"""

from __future__ import annotations

from collections.abc import Container

from mailproto.imap.commands import Command
from mailproto.imap.ext.qresync import VANISHED, QResync, VanishedData
from mailproto.imap.ext.uidonly import UIDONLY
from mailproto.imap.responses import ExpungeData

__all__ = ["reason_not_to_expunge"]


def reason_not_to_expunge(
    response: ExpungeData | VanishedData,
    command: Command | None,
    enabled: Container[str],
    *,
    may_expunge: bool,
    has_mod_seqs: bool,
) -> str | None:
    """Return why *response* may not be sent while *command* is answered (None: no command), or None."""
    if isinstance(response, VanishedData) and response.is_earlier:
        return (
            None if _asks_for_vanished(command) else "VANISHED: (EARLIER) answers QRESYNC and VANISHED only"
        )
    if not may_expunge:
        return f"{response.name}: not allowed now (RFC 3501 section 7.4.1)"
    is_by_uid = UIDONLY in enabled
    expected = "VANISHED" if is_by_uid or ("QRESYNC" in enabled and has_mod_seqs) else "EXPUNGE"
    if response.name != expected:
        section = "RFC 9586 section 3.4" if is_by_uid else "RFC 7162 section 3.2.10"
        return f"{response.name}: expected {expected} in this session ({section})"
    return None


def _asks_for_vanished(command: Command | None) -> bool:
    options = () if command is None else command.options
    return any(option == VANISHED or isinstance(option, QResync) for option in options)
