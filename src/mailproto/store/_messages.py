"""The commands that change messages: STORE, COPY, MOVE, EXPUNGE, CLOSE (RFC 3501 section 6.4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mailproto.flow import Call, Flow
from mailproto.imap.codes import EXPUNGEISSUED, LIMIT, READ_ONLY, TRYCREATE
from mailproto.imap.commands import Close, Copy, Expunge, Store, StoreAction, UIDCopy, UIDStore
from mailproto.imap.ext.move import Move, UIDMove
from mailproto.imap.ext.uidplus import CopyUIDCode, UIDExpunge
from mailproto.imap.ext.unselect import Unselect
from mailproto.imap.fetch import UID
from mailproto.imap.fetch_data import PreparedFetch
from mailproto.imap.flags import DELETED, RECENT
from mailproto.imap.sequence import UIDSet
from mailproto.imap.server import IMAPServerConnection
from mailproto.imap.session import Status, flush_if_full
from mailproto.imap.status import No, Ok
from mailproto.store._context import Context, Selected, Target, announce_keywords, prepared_flags
from mailproto.store._flags import changed_flags
from mailproto.store._names import canonical_name
from mailproto.store._protocol import (
    NOTHING_SINCE,
    Body,
    Changes,
    MailStore,
    MessageGone,
    MessageInfo,
    StoreError,
    SupportsCopy,
    SupportsMove,
)
from mailproto.store._spool import spooled

__all__ = ["close", "copy", "expunge", "store", "transfer", "unselect"]

MAX_MESSAGES: Final = 500
"""Messages that are changed in one call into the store."""

MAX_KEYWORDS: Final = 1_000
"""Flags that a mailbox can hold, as far as this session knows of them."""

_READ_ONLY: Final = No("the mailbox is selected read-only", READ_ONLY)
_TOO_MANY_KEYWORDS: Final = No("too many keywords", LIMIT)
_NOTHING_LEFT: Final = No("the messages were expunged", EXPUNGEISSUED)

Pairs = Sequence[tuple[int, int]]
"""UIDs in the source, and in the destination, ascending."""


def store(context: Context, conn: IMAPServerConnection, command: Store | UIDStore) -> Flow[Status]:
    """Change flags, and say how they are now unless told to be silent (RFC 2180 section 4.2)."""
    selected = yield from context.begin(conn)
    if selected.is_read_only:
        return _READ_ONLY
    if command.action is not StoreAction.REMOVE and len(selected.keywords | command.flags) > MAX_KEYWORDS:
        return _TOO_MANY_KEYWORDS
    if command.action is not StoreAction.REMOVE:
        announce_keywords(conn, selected, command.flags)
    is_uid = isinstance(command, UIDStore)
    targets = selected.targets(command.sequence_set)
    count = 0
    for start in range(0, len(targets), MAX_MESSAGES):
        window = targets[start : start + MAX_MESSAGES]
        changed = yield from context.in_one_call(_set_all(context, selected, window, command))
        count += len(changed)
        if not command.silent:
            yield from _tell_flags(conn, selected, changed, is_uid)
    if count == len(targets) or is_uid:
        return Ok("STORE completed")
    return Ok("STORE completed", EXPUNGEISSUED) if count or command.silent else _NOTHING_LEFT


def _set_all(
    context: Context, selected: Selected, targets: list[Target], command: Store | UIDStore
) -> Flow[list[Target]]:
    """Change the flags of those of *targets* that exist, and return them; a procedure."""
    changed: list[Target] = []
    flags = command.flags - {RECENT}
    for target in selected.present(targets):
        info = selected.messages[target[1]]
        add, remove = _difference(info, command.action, flags)
        try:
            mod_seq: int = yield Call(context.store.set_flags, (selected.name, info.uid, add, remove, None))
        except MessageGone:
            continue
        known = changed_flags(info.flags, add, remove)
        selected.messages[info.uid] = info._replace(flags=known, mod_seq=mod_seq)
        changed.append(target)
    return changed


def _difference(
    info: MessageInfo, action: StoreAction, flags: frozenset[str]
) -> tuple[frozenset[str], frozenset[str]]:
    """Return what is to be added and removed."""
    if action is StoreAction.ADD:
        return flags, frozenset()
    if action is StoreAction.REMOVE:
        return frozenset(), flags
    return flags, info.flags


def _tell_flags(
    conn: IMAPServerConnection, selected: Selected, targets: list[Target], is_uid: bool
) -> Flow[None]:
    for number, uid in targets:
        flags = selected.flags(selected.messages[uid])
        announce_keywords(conn, selected, flags)
        items = (UID.answer(uid), prepared_flags(flags)) if is_uid else (prepared_flags(flags),)
        conn.send(PreparedFetch(number, items))
        yield from flush_if_full(conn)


def copy(
    context: Context, conn: IMAPServerConnection, command: Copy | UIDCopy | Move | UIDMove
) -> Flow[Status]:
    """Copy or move messages, all or none, and say which UIDs they have there (RFC 4315, RFC 6851)."""
    is_move = isinstance(command, Move | UIDMove)
    selected = yield from context.begin(conn)
    if is_move and selected.is_read_only:
        return _READ_ONLY
    uids = UIDSet.of(uid for _, uid in selected.present(selected.targets(command.sequence_set)))
    destination = canonical_name(command.mailbox)
    procedure = _copy_to(context, selected.name, uids, destination, is_move=is_move)
    code = yield from context.in_one_call(procedure)
    if code is not None and is_move:
        # RFC 6851 section 4.3: the code of MOVE stands in an untagged OK before the expunges.
        conn.send(Ok("moved", code))
        code = None
    return Ok(f"{command.name} completed", code)


def _copy_to(
    context: Context, mailbox: str, uids: UIDSet, destination: str, *, is_move: bool
) -> Flow[CopyUIDCode | None]:
    """Copy or move; a procedure. A destination that is missing is reported with TRYCREATE (section 6.4.7)."""
    try:
        target: Changes = yield Call(context.store.changes, (destination, NOTHING_SINCE))
    except StoreError as error:
        raise _with_try_create(error) from None
    pairs = (yield from transfer(context.store, mailbox, uids, destination, is_move=is_move)) if uids else ()
    if not pairs:
        return None
    sources, copies = zip(*pairs, strict=True)
    return CopyUIDCode(target.uid_validity, UIDSet.of(sources), UIDSet.of(copies))


def _with_try_create(error: StoreError) -> StoreError:
    return StoreError(TRYCREATE.name, error.text) if error.code == "NONEXISTENT" else error


def transfer(store: MailStore, mailbox: str, uids: UIDSet, destination: str, *, is_move: bool) -> Flow[Pairs]:
    """Copy or move messages by what the store can do, and return the UIDs; a procedure."""
    if is_move and isinstance(store, SupportsMove):
        moved: Pairs = yield Call(store.move, (mailbox, uids, destination))
        return moved
    if isinstance(store, SupportsCopy):
        pairs: Pairs = yield Call(store.copy, (mailbox, uids, destination))
    else:
        pairs = yield from _copy_one_by_one(store, mailbox, uids, destination)
    if is_move and pairs:
        yield Call(store.expunge, (mailbox, UIDSet.of(uid for uid, _ in pairs)))
    return pairs


def _copy_one_by_one(store: MailStore, mailbox: str, uids: UIDSet, destination: str) -> Flow[Pairs]:
    changes: Changes = yield Call(store.changes, (mailbox, 0))
    pairs: list[tuple[int, int]] = []
    try:
        for info in changes.messages:
            if info.uid in uids:
                pairs.append((info.uid, (yield from _copy_one(store, mailbox, info, destination))))
    except Exception:
        if pairs:
            yield Call(store.expunge, (destination, UIDSet.of(new for _, new in pairs)))
        raise
    return pairs


def _copy_one(store: MailStore, mailbox: str, info: MessageInfo, destination: str) -> Flow[int]:
    body: Body = yield Call(store.open, (mailbox, info.uid))
    try:
        octets = yield from spooled(body)
    finally:
        yield Call(body.close)
    with octets:
        uid: int = yield Call(store.append, (destination, octets, info.flags, info.internal_date))
    return uid


def expunge(context: Context, conn: IMAPServerConnection, command: Expunge | UIDExpunge) -> Flow[Status]:
    """Remove what is `\\\\Deleted`, or those of it with the given UIDs (section 6.4.3, RFC 4315)."""
    selected = context.current()
    if selected.is_read_only:
        return _READ_ONLY
    uids = command.uids if isinstance(command, UIDExpunge) else None
    yield from context.in_one_call(_expunge(context, selected, uids))
    return Ok(f"{command.name} completed")


def _expunge(context: Context, selected: Selected, uids: UIDSet | None) -> Flow[None]:
    """Remove messages and learn what else happened; a procedure."""
    yield from context.learn(selected)
    ranges = None if uids is None else UIDSet.from_ranges(uids.resolve(max(selected.messages, default=0)))
    deleted = UIDSet.of(
        uid
        for uid, info in selected.messages.items()
        if DELETED in info.flags and (ranges is None or uid in ranges)
    )
    if deleted:
        yield Call(context.store.expunge, (selected.name, deleted))
        yield from context.learn(selected)


def close(context: Context, conn: IMAPServerConnection, command: Close) -> Flow[Status]:
    """Remove what is `\\\\Deleted` without a word, and have no mailbox selected (section 6.4.2)."""
    selected = context.current()
    if not selected.is_read_only:
        yield from context.in_one_call(_expunge(context, selected, None))
    context.unselect()
    return Ok("CLOSE completed")


def unselect(context: Context, conn: IMAPServerConnection, command: Unselect) -> Flow[Status]:
    """Have no mailbox selected, and remove nothing (RFC 3691)."""
    yield from ()
    context.unselect()
    return Ok("UNSELECT completed")
