"""The client's procedures of extensions that add items, keys and forms of APPEND.

Each is a flow as those of `mailproto.imap.client_flows`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from mailproto.errors import LocalProtocolError
from mailproto.flow import Call, Flow
from mailproto.imap.annotate_flows import AnnotationValues, append_options
from mailproto.imap.appending import AppendMessage, AppendOctets, AppendOption
from mailproto.imap.client_flows import (
    Appended,
    MessageSource,
    Numbers,
    data_of,
    literal_of,
    messages_of,
    run,
    run_with_literals,
    sequence_set,
    store_action,
    uid_set,
)
from mailproto.imap.codes import ResponseCode
from mailproto.imap.commands import Append, StoreAction
from mailproto.imap.ext.binary import BinaryMessage
from mailproto.imap.ext.catenate import Catenate, CatenatePart, TextLiteral, URLPart
from mailproto.imap.ext.gmail import X_GM_LABELS, StoreLabels, UIDStoreLabels, label_set
from mailproto.imap.ext.multiappend import MultiAppend
from mailproto.imap.ext.replace import Replace, UIDReplace
from mailproto.imap.ext.uidplus import AppendUIDCode
from mailproto.imap.ext.utf8 import UTF8Message
from mailproto.imap.ext.xlist import XList, XListData
from mailproto.imap.fetch_data import FetchData
from mailproto.imap.inbox import Inboxes
from mailproto.imap.parts import in_parts
from mailproto.imap.sequence import SequenceSet, UIDSet
from mailproto.imap.values import Streamed

__all__ = [
    "MessageToAppend",
    "append_form",
    "append_messages",
    "catenate",
    "labels_command",
    "replace",
    "store_labels",
    "uid_store_labels",
    "xlist",
]


def append_form(*, binary: bool = False, utf8: bool = False) -> Callable[[bytes | Streamed], AppendOctets]:
    """Return what makes of the octets of a message how they travel in APPEND. Raises LocalProtocolError."""
    if binary and utf8:
        raise LocalProtocolError("expected binary or utf8, got both")
    if utf8:
        return UTF8Message
    return BinaryMessage if binary else _as_it_is


def _as_it_is(octets: bytes | Streamed) -> AppendOctets:
    return octets


@dataclass(frozen=True, slots=True)
class MessageToAppend:
    """One of the messages of `append_messages`, with what `append` takes beside the message."""

    message: MessageSource
    flags: Iterable[str] = ()
    internal_date: datetime | None = None
    size: int | None = field(default=None, kw_only=True)
    binary: bool = field(default=False, kw_only=True)
    utf8: bool = field(default=False, kw_only=True)
    annotations: AnnotationValues | None = field(default=None, kw_only=True)


def append_messages(
    session: Inboxes, mailbox: str, messages: Iterable[MessageToAppend | MessageSource]
) -> Flow[tuple[Appended, ...]]:
    """Add several messages, all or none (RFC 3502); the result says their UIDs, if the server has UIDPLUS."""
    entries: list[AppendMessage] = []
    reads: list[Call] = []
    for message in messages:
        one = message if isinstance(message, MessageToAppend) else MessageToAppend(message)
        octets, read = yield from literal_of(one.message, one.size)
        form = append_form(binary=one.binary, utf8=one.utf8)
        options = append_options(one.annotations)
        entries.append(AppendMessage(form(octets), frozenset(one.flags), one.internal_date, options=options))
        reads += read
    command = _append_of(mailbox, entries)
    codes = yield from run_with_literals(session, command, reads)
    return _appended(codes, len(entries))


def _append_of(mailbox: str, entries: list[AppendMessage]) -> Append | MultiAppend:
    if len(entries) != 1:
        return MultiAppend(mailbox, tuple(entries))
    (entry,) = entries
    return Append(
        mailbox, entry.message, entry.flags, internal_date=entry.internal_date, options=entry.options
    )


def _appended(codes: tuple[ResponseCode, ...], count: int) -> tuple[Appended, ...]:
    """Return the UIDs in the order of the messages; none if the server did not say as many (RFC 4315)."""
    code = next((code for code in codes if isinstance(code, AppendUIDCode)), None)
    if code is None or len(code.uids) != count:
        return ()
    uids = (uid for first, last in code.uids.ranges for uid in _between(first, last))
    return tuple(Appended(code.uid_validity, uid) for uid in uids)


def _between(first: int, last: int) -> range:
    return range(first, last + 1) if first <= last else range(first, last - 1, -1)


def catenate(
    session: Inboxes,
    mailbox: str,
    parts: Iterable[URLPart | MessageSource],
    flags: Iterable[str] = (),
    internal_date: datetime | None = None,
    options: tuple[AppendOption, ...] = (),
) -> Flow[Appended | None]:
    """Add a message of texts and of parts of other messages (RFC 4469); the result is that of `append`."""
    made: list[CatenatePart] = []
    reads: list[Call] = []
    for part in parts:
        if isinstance(part, URLPart):
            made.append(part)
            continue
        octets, read = yield from literal_of(part, None)
        made.append(TextLiteral(octets))
        reads += read
    catenated = Catenate(tuple(made))
    command = Append(mailbox, catenated, frozenset(flags), internal_date=internal_date, options=options)
    return _first(_appended((yield from run_with_literals(session, command, reads)), 1))


def replace(
    session: Inboxes,
    kind: type[Replace] | type[UIDReplace],
    number: int,
    mailbox: str,
    message: MessageSource,
    flags: Iterable[str] = (),
    internal_date: datetime | None = None,
    size: int | None = None,
    *,
    form: Callable[[bytes | Streamed], AppendOctets] = _as_it_is,
    options: tuple[AppendOption, ...] = (),
) -> Flow[Appended | None]:
    """Put a message in the place of another one (RFC 8508); the result is that of `append`."""
    octets, reads = yield from literal_of(message, size)
    entry = AppendMessage(form(octets), frozenset(flags), internal_date, options=options)
    command = kind(number, mailbox, entry)
    return _first(_appended((yield from run_with_literals(session, command, reads)), 1))


def _first(appended: tuple[Appended, ...]) -> Appended | None:
    return appended[0] if appended else None


def labels_command(
    numbers: SequenceSet | UIDSet, action: StoreAction | str, labels: str | Iterable[str], *, silent: bool
) -> StoreLabels | UIDStoreLabels:
    """Return the STORE or UID STORE of Gmail's labels for *numbers*. Raises LocalProtocolError."""
    act = store_action(action, X_GM_LABELS.name)
    names = label_set((labels,) if isinstance(labels, str) else labels)
    if isinstance(numbers, UIDSet):
        return UIDStoreLabels(numbers, act, names, silent=silent)
    return StoreLabels(numbers, act, names, silent=silent)


def store_labels(
    session: Inboxes,
    numbers: SequenceSet | Numbers,
    action: StoreAction | str,
    labels: str | Iterable[str],
    *,
    silent: bool,
) -> Flow[tuple[FetchData, ...]]:
    """Change Gmail's labels and return the messages with their new ones; none if it is silent."""
    command = labels_command(sequence_set(numbers), action, labels, silent=silent)
    return (yield from _store(session, command))


def uid_store_labels(
    session: Inboxes,
    uids: UIDSet | Numbers,
    action: StoreAction | str,
    labels: str | Iterable[str],
    *,
    silent: bool,
) -> Flow[tuple[FetchData, ...]]:
    """Change Gmail's labels by UID, as `store_labels`."""
    command = labels_command(uid_set(uids), action, labels, silent=silent)
    return (yield from _store(session, command))


def _store(session: Inboxes, command: StoreLabels | UIDStoreLabels) -> Flow[tuple[FetchData, ...]]:
    keys = frozenset[str]() if command.silent else frozenset({X_GM_LABELS.key})
    return (yield from in_parts(session, command, messages_of, keys))


def xlist(session: Inboxes, reference: str, pattern: str) -> Flow[tuple[XListData, ...]]:
    """Return the mailboxes whose names match, with what they are for."""
    inbox = yield from run(session, XList(reference, pattern))
    return data_of(session, inbox, XListData)
