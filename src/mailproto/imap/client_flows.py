"""The client's procedures, written once: one flow for each command family.

Each is a flow (`mailproto.flow`) over the `Inboxes` of a connection; a driver runs it. A tagged NO or BAD is
an `IMAPStatusError`, after which the session is usable. Greeting and login are in
`mailproto.imap.session_flows`; what streams is in `mailproto.imap.fetching`, `downloads` and `idling`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Final, Protocol, TypeAlias, TypeVar, cast

from mailproto import _ranges
from mailproto._ranges import Ranges
from mailproto.errors import (
    AuthenticationFailed,
    IMAPStatusError,
    ItemMissing,
    LocalProtocolError,
    ServerUnavailable,
)
from mailproto.flow import Call, Flow, Flush
from mailproto.imap import search as search_keys
from mailproto.imap.answers import Inbox
from mailproto.imap.appending import AppendOctets
from mailproto.imap.capability import Capabilities
from mailproto.imap.codes import ResponseCode
from mailproto.imap.commands import (
    Append,
    Authenticate,
    Capability,
    Command,
    Copy,
    Create,
    Examine,
    List,
    Login,
    LSub,
    Noop,
    Search,
    Select,
    StartTLS,
    Status,
    Store,
    StoreAction,
    UIDCopy,
    UIDSearch,
    UIDStore,
)
from mailproto.imap.events import LiteralWanted
from mailproto.imap.ext.enable import Enable
from mailproto.imap.ext.esearch import ESearchData
from mailproto.imap.ext.id import ID, IDParameters
from mailproto.imap.ext.message_limit import MessageLimitCode
from mailproto.imap.ext.move import Move, UIDMove
from mailproto.imap.ext.namespace import Namespace
from mailproto.imap.ext.objectid import MailboxIDCode
from mailproto.imap.ext.uidplus import AppendUIDCode, CopyUIDCode
from mailproto.imap.fetch import FLAGS
from mailproto.imap.fetch_data import FetchData
from mailproto.imap.inbox import Inboxes
from mailproto.imap.parameters import Parameters
from mailproto.imap.quirks import is_throttled
from mailproto.imap.responses import (
    CapabilityData,
    DataResponse,
    IDData,
    ListData,
    LSubData,
    NamespaceData,
    Response,
    SearchData,
    StatusData,
)
from mailproto.imap.search import All, SearchKey, all_of
from mailproto.imap.sequence import STAR, NumberSet, SequenceSet, UIDSet
from mailproto.imap.status import Bad, No, Ok
from mailproto.imap.values import Streamed
from mailproto.imap.view import MailboxView
from mailproto.wants import Wants

__all__ = [
    "Appended",
    "Exchange",
    "MessageSource",
    "Numbers",
    "append",
    "capabilities",
    "complete",
    "data_of",
    "copy",
    "create",
    "enable",
    "exchange",
    "identify",
    "last_of",
    "joined_keys",
    "list_mailboxes",
    "list_subscribed",
    "lowest_processed",
    "literal_of",
    "mailbox_status",
    "move",
    "namespace",
    "noop",
    "raise_refusal",
    "run",
    "run_with_literals",
    "search",
    "select",
    "sequence_set",
    "store",
    "store_action",
    "store_command",
    "uid_search",
    "uid_set",
]

Numbers: TypeAlias = str | int | Iterable[int]
"""What stands for a set of numbers beside the set itself: its wire form, one number, or several."""

CHUNK: Final = 65_536
"""Octets of a message that are read, and given on, at once."""

_FLUSH: Final = Flush()
_ALSO_THROTTLING: Final = (None, "LIMIT")
"""Names of the codes whose text has to say whether waiting helps."""
_LINE_END: Final = re.compile(rb"\r\n|\r|\n")

DataT = TypeVar("DataT", bound=DataResponse | FetchData)
SetT = TypeVar("SetT", bound=NumberSet)


class SupportsAsBytes(Protocol):
    """An `email.message.EmailMessage`, or whatever else gives its octets."""

    def as_bytes(self) -> bytes:
        """Return the message, header and body."""


MessageSource: TypeAlias = bytes | SupportsAsBytes | BinaryIO | Iterable[bytes]
"""A message to append: octets, a file that can seek, or chunks whose size the caller says."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """What answered a command that `exchange` sent: the tagged status, and what came before it."""

    status: Ok | No | Bad
    responses: tuple[Response, ...]


@dataclass(frozen=True, slots=True)
class Appended:
    """Where an appended message is now (RFC 4315 section 3)."""

    uid_validity: int
    uid: int


# Numbers and keys as callers write them.


def uid_set(numbers: UIDSet | Numbers) -> UIDSet:
    """Return the set that *numbers* stands for. Raises LocalProtocolError."""
    return _set_of(UIDSet, numbers)


def sequence_set(numbers: SequenceSet | Numbers) -> SequenceSet:
    """Return the set that *numbers* stands for. Raises LocalProtocolError."""
    return _set_of(SequenceSet, numbers)


def _set_of(kind: type[SetT], numbers: NumberSet | Numbers) -> SetT:
    if isinstance(numbers, kind):
        return numbers
    if isinstance(numbers, NumberSet):
        raise LocalProtocolError(f"expected a {kind.__name__}, got a {type(numbers).__name__}")
    if isinstance(numbers, str):
        return kind(numbers)
    return kind.of((numbers,) if isinstance(numbers, int) else numbers)


# The frame of all commands.


def run(session: Inboxes, command: Command, keys: frozenset[str] = frozenset()) -> Flow[Inbox]:
    """Send *command* and wait for its tagged OK. Raises IMAPStatusError for NO and BAD.

    *keys* names the items that answer it, if FETCH responses do.
    """
    inbox = yield from session.send(command, keys=keys)
    yield from complete(session, inbox)
    return inbox


def complete(session: Inboxes, inbox: Inbox) -> Flow[None]:
    """Wait until the command of *inbox* is completed; if that ends early, its rest is thrown away."""
    try:
        yield from session.wait(inbox, is_whole=True)
    except BaseException:
        session.drain(inbox)
        raise
    raise_refusal(inbox)


def raise_refusal(inbox: Inbox) -> None:
    """Raise IMAPStatusError if the command was refused."""
    status = inbox.status
    if isinstance(status, No | Bad):
        if isinstance(inbox.command, Login | Authenticate) and isinstance(status, No):
            raise AuthenticationFailed.of_login(status, inbox.name)
        if status.code_name in _ALSO_THROTTLING and is_throttled(status.text):
            raise ServerUnavailable(status, inbox.name)
        raise IMAPStatusError.of(status, inbox.name)


def data_of(session: Inboxes, inbox: Inbox, kind: type[DataT]) -> tuple[DataT, ...]:
    """Take the answers of this kind that have come."""
    return tuple(event for event in session.take(inbox) if isinstance(event, kind))


def last_of(session: Inboxes, inbox: Inbox, kind: type[DataT]) -> DataT:
    """Return the last answer. Raises ItemMissing if there was none."""
    found = data_of(session, inbox, kind)
    if not found:
        raise ItemMissing(inbox.name)
    return found[-1]


def exchange(session: Inboxes, command: Command | bytes) -> Flow[Exchange]:
    """Send a command, or octets exactly as they are; return what came, a refusal too.

    What makes the two ends take turns has flows of its own: AUTHENTICATE, STARTTLS, IDLE and a streamed
    APPEND are refused with LocalProtocolError unless they are given as octets.
    """
    if isinstance(command, Authenticate | StartTLS) or getattr(command, "name", "") == "IDLE":
        raise LocalProtocolError("expected a command without a dialogue; this one has a method of its own")
    if isinstance(command, Command) and command.streamed:
        raise LocalProtocolError(f"{command.name}: expected the octets of the message")
    inbox = yield from session.send_exchange(command)
    try:
        yield from session.wait(inbox, is_whole=True)
    except BaseException:
        session.drain(inbox)
        raise
    events = session.take(inbox)
    return Exchange(cast("Ok | No | Bad", inbox.status), tuple(cast("list[Response]", events)))


# Mailboxes.


def capabilities(session: Inboxes) -> Flow[Capabilities]:
    """Ask for the capabilities."""
    inbox = yield from run(session, Capability())
    return last_of(session, inbox, CapabilityData).capabilities


def select(
    session: Inboxes, mailbox: str, *, is_read_only: bool = False, parameters: Parameters = ()
) -> Flow[MailboxView]:
    """Select *mailbox* and return what is known of it, which the connection keeps up to date."""
    command = (Examine if is_read_only else Select)(mailbox, parameters)
    yield from run(session, command)
    return cast(MailboxView, session.conn.view)


def create(session: Inboxes, mailbox: str, parameters: Parameters = ()) -> Flow[str | None]:
    """Make a mailbox; the result is its object identifier, if the server has OBJECTID (RFC 8474)."""
    inbox = yield from run(session, Create(mailbox, parameters))
    code = inbox.status.code if inbox.status is not None else None
    return code.object_id if isinstance(code, MailboxIDCode) else None


def list_mailboxes(session: Inboxes, reference: str, pattern: str) -> Flow[tuple[ListData, ...]]:
    """Return the mailboxes whose names match."""
    inbox = yield from run(session, List(reference, pattern))
    return data_of(session, inbox, ListData)


def list_subscribed(session: Inboxes, reference: str, pattern: str) -> Flow[tuple[LSubData, ...]]:
    """Return the subscribed names that match."""
    inbox = yield from run(session, LSub(reference, pattern))
    return data_of(session, inbox, LSubData)


def mailbox_status(session: Inboxes, mailbox: str, items: Sequence[str]) -> Flow[StatusData]:
    """Return numbers of a mailbox that need not be selected."""
    inbox = yield from run(session, Status(mailbox, tuple(items)))
    return last_of(session, inbox, StatusData)


def namespace(session: Inboxes) -> Flow[NamespaceData]:
    """Return where personal, other users' and shared mailboxes begin (RFC 2342)."""
    inbox = yield from run(session, Namespace())
    return last_of(session, inbox, NamespaceData)


def identify(session: Inboxes, parameters: Mapping[str, str | None] | None) -> Flow[IDParameters]:
    """Say what software this is, or nothing, and return what the server says it is (RFC 2971)."""
    pairs = None if parameters is None else tuple(parameters.items())
    inbox = yield from run(session, ID(pairs))
    found = data_of(session, inbox, IDData)
    return (found[-1].parameters if found else None) or ()


def enable(session: Inboxes, names: Sequence[str]) -> Flow[frozenset[str]]:
    """Switch extensions on and return those that are on now (RFC 5161)."""
    yield from run(session, Enable(Capabilities(names)))
    return session.conn.enabled


def noop(session: Inboxes) -> Flow[None]:
    """Give the server a chance to say what is new."""
    yield from run(session, Noop())


# Messages.


def search(session: Inboxes, keys: Sequence[SearchKey], charset: str | None = None) -> Flow[SequenceSet]:
    """Return the sequence numbers of the messages that all *keys* match."""
    return SequenceSet.from_ranges((yield from _search(session, Search, joined_keys(keys), charset)))


def uid_search(session: Inboxes, keys: Sequence[SearchKey], charset: str | None = None) -> Flow[UIDSet]:
    """Return the UIDs of the messages that all *keys* match."""
    return UIDSet.from_ranges((yield from _search(session, UIDSearch, joined_keys(keys), charset)))


def joined_keys(keys: Sequence[SearchKey]) -> SearchKey:
    """Return the key that matches what all *keys* do; all messages if there is none."""
    return all_of(keys) if keys else All()


def _search(
    session: Inboxes, kind: type[Search | UIDSearch], key: SearchKey, charset: str | None
) -> Flow[Ranges]:
    """Return what was found, asking again for what a server has left out (RFC 9738 section 3.1)."""
    found: list[tuple[int, int]] = []
    lowest = STAR
    rest: SearchKey | None = key
    while rest is not None:
        inbox = yield from run(session, kind(rest, charset))
        found += (pair for event in session.take(inbox) for pair in _found(event))
        uid = lowest_processed(inbox)
        rest = key & search_keys.UID(UIDSet.from_ranges([(1, uid - 1)])) if uid and 1 < uid < lowest else None
        lowest = uid or lowest
    return _ranges.merge(found)


def _found(event: object) -> Ranges:
    """Return the numbers that SEARCH, or ESEARCH in IMAP4rev2, says; a set is not expanded."""
    if isinstance(event, SearchData):
        return _ranges.from_numbers(event.numbers)
    numbers = event.all if isinstance(event, ESearchData) else None
    return () if numbers is None else numbers.merged


def lowest_processed(inbox: Inbox) -> int | None:
    """Return down to which UID the command was carried out; None: it was about all messages."""
    code = inbox.status.code if inbox.status is not None else None
    return code.lowest_uid if isinstance(code, MessageLimitCode) else None


def store(session: Inboxes, command: Store | UIDStore) -> Flow[tuple[FetchData, ...]]:
    """Change flags and return the messages with their new flags; none if the command is silent."""
    inbox = yield from run(session, command, frozenset() if command.silent else frozenset({"FLAGS"}))
    return data_of(session, inbox, FetchData)


def copy(session: Inboxes, command: Copy | UIDCopy) -> Flow[CopyUIDCode | None]:
    """Copy messages; the result says which UIDs they got, if the server has UIDPLUS."""
    inbox = yield from run(session, command)
    return _copy_code(session, inbox)


def move(session: Inboxes, command: Move | UIDMove) -> Flow[CopyUIDCode | None]:
    """Move messages (RFC 6851); the result is that of `copy`."""
    inbox = yield from run(session, command)
    return _copy_code(session, inbox)


def _copy_code(session: Inboxes, inbox: Inbox) -> CopyUIDCode | None:
    statuses = [event for event in session.take(inbox) if isinstance(event, Ok)]
    codes = [status.code for status in (*statuses, inbox.status) if status is not None]
    return next((code for code in codes if isinstance(code, CopyUIDCode)), None)


def append(
    session: Inboxes,
    mailbox: str,
    message: MessageSource,
    flags: Iterable[str] = (),
    internal_date: datetime | None = None,
    size: int | None = None,
    *,
    form: Callable[[bytes | Streamed], AppendOctets] = lambda octets: octets,
) -> Flow[Appended | None]:
    """Add a message to *mailbox*; the result says which UID it got, if the server has UIDPLUS.

    Octets, files and chunks are sent as they are; line ends of what has `as_bytes` become CRLF. Chunks need
    *size*, in octets. If a streamed message ends too early the connection is closed. *form* makes of the
    octets how they travel.
    """
    octets, reads = yield from literal_of(message, size)
    command = Append(mailbox, form(octets), frozenset(flags), internal_date=internal_date)
    codes = yield from run_with_literals(session, command, reads)
    code = next((code for code in codes if isinstance(code, AppendUIDCode)), None)
    return None if code is None else Appended(code.uid_validity, next(iter(code.uids)))


def literal_of(message: MessageSource, size: int | None) -> Flow[tuple[bytes | Streamed, list[Call]]]:
    """Return the octets of a message, or what stands for them and how to get the next chunk."""
    if isinstance(message, bytes):
        return message, []
    if hasattr(message, "as_bytes"):
        return _LINE_END.sub(b"\r\n", cast(SupportsAsBytes, message).as_bytes()), []
    if hasattr(message, "read"):
        file = cast(BinaryIO, message)
        if size is None:
            start = yield Call(file.tell)
            size = cast(int, (yield Call(file.seek, (0, 2)))) - start
            yield Call(file.seek, (start,))
        return Streamed(size), [Call(file.read, (CHUNK,))]
    if size is None:
        raise LocalProtocolError("size: needed for a message in chunks")
    return Streamed(size), [Call(next, (iter(message), b""))]


def run_with_literals(
    session: Inboxes, command: Command, reads: Iterable[Call]
) -> Flow[tuple[ResponseCode, ...]]:
    """Send *command* and the literals of it that are streamed, chunk by chunk as *reads* give them.

    Returns the codes of the statuses that answer it. Raises IMAPStatusError for NO and BAD; what is read is
    then left where it is.
    """
    waiting = list(reads)
    inbox = yield from session.send(command, is_exclusive=bool(waiting))
    statuses: list[Ok | No | Bad | None] = []
    try:
        while waiting and inbox.status is None:
            yield from session.wait(inbox)
            for event in session.take(inbox):
                if isinstance(event, LiteralWanted):
                    yield from _send_chunks(session, waiting.pop(0))
                elif isinstance(event, Ok | No | Bad):
                    statuses.append(event)
    except BaseException:
        if session.conn.literal_owed or waiting:
            session.conn.abort()
        raise
    finally:
        session.release(inbox)
    yield from complete(session, inbox)
    statuses += (event for event in session.take(inbox) if isinstance(event, Ok | No | Bad))
    codes = (None if status is None else status.code for status in (*statuses, inbox.status))
    return tuple(code for code in codes if code is not None)


def _send_chunks(session: Inboxes, read: Call) -> Flow[None]:
    conn = session.conn
    while conn.literal_owed:
        chunk = yield read
        if not chunk:
            raise LocalProtocolError(f"message: ended {conn.literal_owed} octets too early")
        conn.send_literal(chunk)
        yield _FLUSH
        session.pump()
        if conn.wants is Wants.CLOSED:
            session.check()


def store_action(action: StoreAction | str, item: str = FLAGS.name) -> StoreAction:
    """Return the action that is meant: *item*, `+` and *item*, `-` and *item* stand for it as on the wire."""
    if isinstance(action, StoreAction):
        return action
    actions = {f"{known.value}{item}": known for known in StoreAction}
    found = actions.get(action.upper())
    if found is None:
        raise LocalProtocolError(f"action: expected one of {', '.join(actions)}, got {action[:40]!r}")
    return found


def store_command(
    numbers: NumberSet, action: StoreAction, flags: Iterable[str], *, silent: bool
) -> Store | UIDStore:
    """Return the STORE or UID STORE for *numbers*."""
    names = frozenset((flags,) if isinstance(flags, str) else flags)
    if isinstance(numbers, UIDSet):
        return UIDStore(numbers, action, names, silent=silent)
    return Store(cast(SequenceSet, numbers), action, names, silent=silent)
