"""APPEND over a store (RFC 3501 section 6.3.11): a large message is spooled while it arrives."""

from __future__ import annotations

from io import BytesIO
from typing import BinaryIO

from mailproto.flow import Call, Flow
from mailproto.imap.codes import TRYCREATE
from mailproto.imap.commands import Append
from mailproto.imap.events import LiteralOffered
from mailproto.imap.ext.uidplus import AppendUIDCode
from mailproto.imap.flags import RECENT
from mailproto.imap.sequence import UIDSet
from mailproto.imap.server import IMAPServerConnection
from mailproto.imap.session import LiteralSink, Status
from mailproto.imap.status import Bad, No, Ok
from mailproto.store._context import Context
from mailproto.store._names import canonical_name
from mailproto.store._protocol import NOTHING_SINCE, Changes, StoreError
from mailproto.store._spool import Spool

__all__ = ["append", "offer"]


def offer(context: Context, offered: LiteralOffered) -> Flow[LiteralSink | No | Bad]:
    """Refuse a message for a mailbox that is missing before any octet of it is sent."""
    if not isinstance(offered.command, Append):
        return Bad("no large literal is expected here")
    yield from context.in_one_call(_look_at(context, canonical_name(offered.command.mailbox)))
    return Spool()


def _look_at(context: Context, mailbox: str) -> Flow[Changes]:
    """Return the numbers of a mailbox; a procedure."""
    try:
        changes: Changes = yield Call(context.store.changes, (mailbox, NOTHING_SINCE))
    except StoreError as error:
        if error.code == "NONEXISTENT":
            raise StoreError(TRYCREATE.name, error.text) from None
        raise
    return changes


def append(
    context: Context,
    conn: IMAPServerConnection,
    command: Append,
    literals: tuple[LiteralSink, ...],
) -> Flow[Status]:
    """Add a message to a mailbox and say its UID (RFC 4315 section 3)."""
    sink = literals[0] if literals else None
    if isinstance(sink, Spool):
        sink.file.seek(0)
        octets = sink.file
    elif isinstance(command.message, bytes):
        octets = BytesIO(command.message)
    else:
        return Bad("the message is too large")
    with octets:
        uid_validity, uid = yield from context.in_one_call(_append(context, command, octets))
    return Ok("APPEND completed", AppendUIDCode(uid_validity, UIDSet.of([uid])))


def _append(context: Context, command: Append, octets: BinaryIO) -> Flow[tuple[int, int]]:
    mailbox = canonical_name(command.mailbox)
    changes = yield from _look_at(context, mailbox)
    date = command.internal_date or context.clock()
    uid: int = yield Call(context.store.append, (mailbox, octets, command.flags - {RECENT}, date))
    return changes.uid_validity, uid
