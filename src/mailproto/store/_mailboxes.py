"""The commands about mailboxes, over a store (RFC 3501 section 6.3, RFC 2342, RFC 3691)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from mailproto.flow import Call, Flow
from mailproto.imap.capability import Capabilities
from mailproto.imap.codes import (
    CANNOT,
    NONEXISTENT,
    READ_ONLY,
    READ_WRITE,
    PermanentFlagsCode,
    UIDNextCode,
    UIDValidityCode,
    UnseenCode,
)
from mailproto.imap.commands import (
    Create,
    Delete,
    Examine,
    List,
    LSub,
    Rename,
    Select,
    Subscribe,
    Unsubscribe,
)
from mailproto.imap.commands import Status as StatusCommand
from mailproto.imap.ext.appendlimit import append_limit
from mailproto.imap.ext.namespace import Namespace
from mailproto.imap.flags import SEEN, SYSTEM_FLAGS, WILDCARD
from mailproto.imap.responses import (
    ExistsData,
    FlagsData,
    ListData,
    LSubData,
    NamespaceData,
    NamespacePrefix,
    RecentData,
    StatusData,
)
from mailproto.imap.sequence import UIDSet
from mailproto.imap.server import IMAPServerConnection
from mailproto.imap.session import Status, flush_if_full
from mailproto.imap.status import Bad, No, Ok
from mailproto.store._context import Context, Selected
from mailproto.store._messages import transfer
from mailproto.store._names import (
    DELIMITER,
    INBOX,
    canonical_name,
    check_new_name,
    list_names,
    list_subscribed,
    superiors,
)
from mailproto.store._protocol import NOTHING_SINCE, Changes, MailboxInfo, StoreError

__all__ = [
    "create",
    "delete",
    "list_",
    "lsub",
    "namespace",
    "rename",
    "select",
    "status",
    "subscribe",
]

_MISSING: Final = No("no such mailbox", NONEXISTENT)


def select(context: Context, conn: IMAPServerConnection, command: Select | Examine) -> Flow[Status]:
    """Select a mailbox and say how it is; a failure leaves none selected (RFC 3501 section 6.3.1)."""
    context.unselect()
    is_read_only = isinstance(command, Examine)
    name = canonical_name(command.mailbox)
    selected = yield from context.in_one_call(context.select(name, is_read_only=is_read_only))
    describe(conn, selected)
    if is_read_only:
        return Ok("EXAMINE completed", READ_ONLY)
    return Ok("SELECT completed", READ_WRITE)


def describe(conn: IMAPServerConnection, selected: Selected) -> None:
    """Send what every SELECT says."""
    infos = selected.messages.values()
    selected.keywords.update(flag for info in infos for flag in info.flags if not flag.startswith("\\"))
    flags = SYSTEM_FLAGS | selected.keywords
    conn.send(FlagsData(flags))
    conn.send(ExistsData(len(selected.tracker)))
    conn.send(RecentData(selected.count_recent()))
    unseen = next((number for number, uid in selected.tracker if SEEN not in selected.messages[uid].flags), 0)
    if unseen:
        conn.send(Ok("the first that was not seen", UnseenCode(unseen)))
    permanent = frozenset[str]() if selected.is_read_only else flags | {WILDCARD}
    conn.send(Ok("flags that can be changed", PermanentFlagsCode(permanent)))
    conn.send(Ok("the next UID", UIDNextCode(selected.uid_next)))
    conn.send(Ok("UIDs are valid", UIDValidityCode(selected.uid_validity)))


def create(context: Context, conn: IMAPServerConnection, command: Create) -> Flow[Status]:
    """Create a mailbox; names above it exist by themselves (section 6.3.3)."""
    yield Call(context.store.create, (check_new_name(command.mailbox),), context.store)
    return Ok("CREATE completed")


def delete(context: Context, conn: IMAPServerConnection, command: Delete) -> Flow[Status]:
    """Delete a mailbox, never INBOX nor a name that only stands above others (section 6.3.4)."""
    name = canonical_name(command.mailbox)
    if name == INBOX:
        return No("INBOX cannot be deleted", CANNOT)
    names = yield from _names(context)
    if name not in names and _inferiors(names, name):
        return No("it is no mailbox, and there are mailboxes below it", CANNOT)
    yield Call(context.store.delete, (name,), context.store)
    return Ok("DELETE completed")


def _names(context: Context) -> Flow[set[str]]:
    """Return the names of the mailboxes that exist."""
    infos: Iterable[MailboxInfo] = yield Call(context.store.mailboxes, (), context.store)
    return {info.name for info in infos if info.exists}


def _inferiors(names: Iterable[str], name: str) -> list[str]:
    return sorted(each for each in names if each.startswith(name + DELIMITER))


def rename(context: Context, conn: IMAPServerConnection, command: Rename) -> Flow[Status]:
    """Rename a mailbox with all below it; the messages of INBOX move, INBOX stays (section 6.3.5)."""
    old, new = canonical_name(command.mailbox), check_new_name(command.new)
    names = yield from _names(context)
    if old == INBOX:
        yield from context.in_one_call(_empty_inbox(context, new))
        return Ok("RENAME completed")
    moves = {name: new + name.removeprefix(old) for name in _inferiors(names, old)}
    if old in names:
        moves[old] = new
    if not moves:
        return _MISSING
    if old in superiors(new):
        return No("a mailbox cannot be put below itself", CANNOT)
    if new in names or names & set(moves.values()):
        raise StoreError("ALREADYEXISTS", "there is such a mailbox")
    for name in moves.values():
        check_new_name(name)
    yield from context.in_one_call(_rename_all(context, moves))
    if context.selected is not None:
        context.selected.name = moves.get(context.selected.name, context.selected.name)
    return Ok("RENAME completed")


def _rename_all(context: Context, moves: dict[str, str]) -> Flow[None]:
    """Rename all or none; a procedure."""
    done: list[tuple[str, str]] = []
    try:
        for old, new in moves.items():
            yield Call(context.store.rename, (old, new))
            done.append((old, new))
    except Exception:
        for old, new in reversed(done):
            yield Call(context.store.rename, (new, old))
        raise


def _empty_inbox(context: Context, new: str) -> Flow[None]:
    """Move everything in INBOX to a mailbox that is made for it; a procedure."""
    store = context.store
    yield Call(store.create, (new,))
    changes: Changes = yield Call(store.changes, (INBOX, 0))
    uids = UIDSet.of(info.uid for info in changes.messages)
    try:
        if uids:
            yield from transfer(store, INBOX, uids, new, is_move=True)
    except Exception:
        yield Call(store.delete, (new,))
        raise


def subscribe(context: Context, conn: IMAPServerConnection, command: Subscribe | Unsubscribe) -> Flow[Status]:
    """Put a name on the list of subscriptions or take it off (sections 6.3.6 and 6.3.7)."""
    is_subscribed = isinstance(command, Subscribe)
    name = check_new_name(command.mailbox) if is_subscribed else canonical_name(command.mailbox)
    yield Call(context.store.subscribe, (name, is_subscribed), context.store)
    return Ok(f"{command.name} completed")


def list_(context: Context, conn: IMAPServerConnection, command: List) -> Flow[Status]:
    """List names; the empty pattern asks for the delimiter (section 6.3.8)."""
    if command.pattern:
        infos: Iterable[MailboxInfo] = yield Call(context.store.mailboxes, (), context.store)
        for name, attributes in list_names(infos, command.reference + command.pattern):
            conn.send(ListData(frozenset(attributes), DELIMITER, name))
            yield from flush_if_full(conn)
    else:
        conn.send(ListData(frozenset({"\\Noselect"}), DELIMITER, ""))
    return Ok("LIST completed")


def lsub(context: Context, conn: IMAPServerConnection, command: LSub) -> Flow[Status]:
    """List what is subscribed to (section 6.3.9)."""
    infos: Iterable[MailboxInfo] = yield Call(context.store.mailboxes, (), context.store)
    for name, attributes in list_subscribed(infos, command.reference + command.pattern):
        conn.send(LSubData(frozenset(attributes), DELIMITER, name))
        yield from flush_if_full(conn)
    return Ok("LSUB completed")


def namespace(context: Context, conn: IMAPServerConnection, command: Namespace) -> Flow[Status]:
    """Say that all mailboxes are the user's own, without a prefix."""
    yield from ()
    conn.send(NamespaceData(personal=(NamespacePrefix("", DELIMITER),)))
    return Ok("NAMESPACE completed")


def _count_recent(changes: Changes) -> int:
    first = changes.first_recent or 1
    return sum(1 for info in changes.messages if info.uid >= first)


_STATUS: Final[dict[str, Callable[[Changes, Capabilities], int | None]]] = {
    "APPENDLIMIT": lambda changes, offered: append_limit(offered),
    "MESSAGES": lambda changes, offered: len(changes.messages),
    "RECENT": lambda changes, offered: _count_recent(changes),
    "UIDNEXT": lambda changes, offered: changes.uid_next,
    "UIDVALIDITY": lambda changes, offered: changes.uid_validity,
    "UNSEEN": lambda changes, offered: sum(1 for info in changes.messages if SEEN not in info.flags),
}
"""The items of STATUS; an extension adds its own."""

_WITHOUT_MESSAGES: Final = frozenset({"APPENDLIMIT", "UIDNEXT", "UIDVALIDITY"})


def status(context: Context, conn: IMAPServerConnection, command: StatusCommand) -> Flow[Status]:
    """Send numbers about a mailbox without selecting it (section 6.3.10)."""
    unknown = [item for item in command.items if item not in _STATUS]
    if unknown:
        return Bad(f"unknown item {unknown[0]}")
    name = canonical_name(command.mailbox)
    since = NOTHING_SINCE if _WITHOUT_MESSAGES.issuperset(command.items) else 0
    changes: Changes = yield Call(context.store.changes, (name, since), context.store)
    values = tuple((item, _STATUS[item](changes, conn.capabilities)) for item in command.items)
    conn.send(StatusData(name, values))
    return Ok("STATUS completed")
