"""The client's procedures of CONDSTORE and QRESYNC (RFC 7162), as those of `mailproto.imap.client_flows`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, cast, final

from mailproto.flow import Flow
from mailproto.imap.client import IMAPClientConnection
from mailproto.imap.client_flows import messages_of, run
from mailproto.imap.commands import Command, Examine, Select
from mailproto.imap.cutting import covering, fits, room_for_set
from mailproto.imap.ext.condstore import MODSEQ, ModifiedCode, UnchangedSince
from mailproto.imap.ext.qresync import QResync, VanishedData
from mailproto.imap.fetch import UID
from mailproto.imap.fetch_data import FetchData
from mailproto.imap.inbox import Inboxes
from mailproto.imap.message_commands import StoreActionCommand, StoreCommand
from mailproto.imap.parts import Part, in_parts
from mailproto.imap.sequence import NumberSet, UIDSet
from mailproto.imap.view import MailboxView

__all__ = ["Resynced", "Stored", "fitted", "resync", "store_unchanged"]


@final
@dataclass(frozen=True, slots=True)
class Resynced:
    """What happened to a mailbox since it was seen last (RFC 7162 section 3.2.5).

    Nothing is told if `view.uid_validity` is another one than was known, or `view.has_mod_seqs` is False:
    then all that was known of the mailbox is to be forgotten.
    """

    view: MailboxView
    vanished: UIDSet
    changed: tuple[FetchData, ...]


@final
@dataclass(frozen=True, slots=True)
class Stored:
    """What a STORE with UNCHANGEDSINCE did (RFC 7162 section 3.1.3).

    `messages` have their new flags, labels or mod-sequences. `modified` are those that others had changed,
    and that are as they were: sequence numbers, or UIDs after UID STORE.
    """

    messages: tuple[FetchData, ...]
    modified: NumberSet


def resync(session: Inboxes, mailbox: str, known: QResync, *, is_read_only: bool = False) -> Flow[Resynced]:
    """Select *mailbox* and return what happened there since what is *known* of it.

    If the known UIDs are too long for a line the server is asked about more, and what it tells of the others
    is left out.
    """

    def selecting(asked: QResync) -> Command:
        return (Examine if is_read_only else Select)(mailbox, (asked,))

    inbox = yield from run(session, selecting(fitted(session.conn, known, selecting)))
    events = session.take(inbox)
    gone = UIDSet.from_ranges(
        pair for event in events if isinstance(event, VanishedData) for pair in event.uids.ranges
    )
    changed = tuple(event for event in events if isinstance(event, FetchData))
    if known.known_uids is not None:
        gone &= known.known_uids
        changed = tuple(event for event in changed if _is_of(event, known.known_uids))
    return Resynced(cast(MailboxView, session.conn.view), gone, changed)


def _is_of(message: FetchData, uids: UIDSet) -> bool:
    uid = message.get(UID)
    return uid is None or uid in uids


def fitted(conn: IMAPClientConnection, known: QResync, make: Callable[[QResync], Command]) -> QResync:
    """Return *known* with more UIDs in fewer ranges if that is needed for the command to fit into a line.

    RFC 7162 section 3.2.5.1 lets a client leave the set out, which then stands for all UIDs.
    """
    uids = known.known_uids
    if uids is None or fits(conn, make(known)):
        return known
    room = room_for_set(conn, make(replace(known, known_uids=UIDSet.of((1,)))))
    return replace(known, known_uids=UIDSet.of_parsed(covering(uids.merged, room)))


def store_unchanged(session: Inboxes, command: StoreCommand[Any], mod_seq: int) -> Flow[Stored]:
    """Carry out *command*, a STORE without modifiers, on the messages that did not change after *mod_seq*.

    Section 3.1.3: a server tells the new mod-sequences even if the command is silent.
    """
    command = replace(command, modifiers=(UnchangedSince(mod_seq),))
    kind = type(command.sequence_set)
    is_answered = isinstance(command, StoreActionCommand) and not command.silent
    keys = frozenset({command.item if is_answered else MODSEQ.key})
    return (yield from in_parts(session, command, lambda parts: _stored(parts, kind), keys))


def _stored(parts: tuple[Part, ...], kind: type[NumberSet]) -> Stored:
    codes = (part.status.code for part in parts)
    modified = (code.numbers.ranges for code in codes if isinstance(code, ModifiedCode))
    return Stored(messages_of(parts), kind.of_parsed(tuple(pair for ranges in modified for pair in ranges)))
