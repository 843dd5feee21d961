"""The client's procedures, written once: one flow for each command family.

Each is a flow (`mailproto.flow`) over the `Inboxes` of a connection; a driver runs it. A tagged NO or BAD is
an `IMAPStatusError`, after which the session is usable. Greeting and login are in
`mailproto.imap.session_flows`; what streams is in `mailproto.imap.fetching`, `downloads` and `idling`.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import BinaryIO, Final, Protocol, TypeAlias, TypeVar, cast

from mailproto.errors import (
    ItemMissing,
    LocalProtocolError,
)
from mailproto.flow import Call, Flow, Flush
from mailproto.imap.answers import Inbox, raise_refusal
from mailproto.imap.appending import AppendOctets, AppendOption
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
from mailproto.imap.ext.annotate import ANNOTATE
from mailproto.imap.ext.condstore import CONDSTORE
from mailproto.imap.ext.enable import Enable
from mailproto.imap.ext.id import ID, IDParameters
from mailproto.imap.ext.move import Move, UIDMove
from mailproto.imap.ext.namespace import Namespace
from mailproto.imap.ext.objectid import MailboxIDCode
from mailproto.imap.ext.uidplus import AppendUIDCode, CopyUIDCode, UIDExpunge
from mailproto.imap.fetch import FLAGS
from mailproto.imap.fetch_data import FetchData
from mailproto.imap.inbox import Inboxes
from mailproto.imap.parameters import Parameters
from mailproto.imap.parts import Part, in_parts
from mailproto.imap.responses import (
    CapabilityData,
    DataResponse,
    IDData,
    ListData,
    LSubData,
    NamespaceData,
    Response,
    StatusData,
)
from mailproto.imap.search import All, SearchKey, all_of
from mailproto.imap.searching import search_all
from mailproto.imap.sequence import NumberSet, SequenceSet, UIDSet
from mailproto.imap.status import Bad, No, Ok
from mailproto.imap.values import Streamed
from mailproto.imap.view import MailboxView
from mailproto.wants import Wants

__all__ = [
    "Appended",
    "Exchange",
    "MessageSource",
    "Numbers",
    "Progress",
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
    "messages_of",
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
    "select_parameters",
    "sequence_set",
    "store",
    "store_action",
    "store_command",
    "uid_expunge",
    "uid_search",
    "uid_set",
]

Numbers: TypeAlias = str | int | Iterable[int]
"""What stands for a set of numbers beside the set itself: its wire form, one number, or several."""

Progress: TypeAlias = Callable[[int, int | None], object]
"""What is told of a transfer: how many octets, or messages, are done, of how many, None if that is not known.

In asyncio it may be a coroutine function. What it raises ends the transfer.
"""

CHUNK: Final = 65_536
"""Octets of a message that are read, and given on, at once."""

_FLUSH: Final = Flush()
_BY_CHUNKS: Final = (next, anext)
"""What gives the next chunk, which may be empty, and None after the last one."""
_LINE_END: Final = re.compile(rb"\r\n|\r|\n")

DataT = TypeVar("DataT", bound=DataResponse | FetchData)
SetT = TypeVar("SetT", bound=NumberSet)


class SupportsAsBytes(Protocol):
    """An `email.message.EmailMessage`, or whatever else gives its octets."""

    def as_bytes(self) -> bytes:
        """Return the message, header and body."""


MessageSource: TypeAlias = bytes | SupportsAsBytes | BinaryIO | Iterable[bytes] | AsyncIterable[bytes]
"""A message to append: octets, a file that can seek, or chunks whose size the caller says.

In asyncio the chunks may come from an async iterator.
"""


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


def select_parameters(*, condstore: bool, annotate: bool) -> Parameters:
    """Return the parameters of a SELECT that asks for mod-sequences, for news of annotations."""
    return (*((CONDSTORE,) if condstore else ()), *((ANNOTATE,) if annotate else ()))


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
    return SequenceSet.of_parsed((yield from search_all(session, Search(joined_keys(keys), charset))))


def uid_search(session: Inboxes, keys: Sequence[SearchKey], charset: str | None = None) -> Flow[UIDSet]:
    """Return the UIDs of the messages that all *keys* match."""
    return UIDSet.of_parsed((yield from search_all(session, UIDSearch(joined_keys(keys), charset))))


def joined_keys(keys: Sequence[SearchKey]) -> SearchKey:
    """Return the key that matches what all *keys* do; all messages if there is none."""
    return all_of(keys) if keys else All()


def store(session: Inboxes, command: Store | UIDStore) -> Flow[tuple[FetchData, ...]]:
    """Change flags and return the messages with their new flags; none if the command is silent."""
    keys = frozenset[str]() if command.silent else frozenset({"FLAGS"})
    return (yield from in_parts(session, command, messages_of, keys))


def messages_of(parts: tuple[Part, ...]) -> tuple[FetchData, ...]:
    """Return the FETCH responses that answer a command in parts."""
    return tuple(event for part in parts for event in part.events if isinstance(event, FetchData))


def copy(session: Inboxes, command: Copy | UIDCopy) -> Flow[CopyUIDCode | None]:
    """Copy messages; the result says which UIDs they got, if the server has UIDPLUS.

    Sent in parts, it is not all or nothing any more: the error of one part says what was copied before.
    """
    return (yield from in_parts(session, command, _copied))


def move(session: Inboxes, command: Move | UIDMove) -> Flow[CopyUIDCode | None]:
    """Move messages (RFC 6851); the result is that of `copy`."""
    return (yield from in_parts(session, command, _copied))


def uid_expunge(session: Inboxes, uids: UIDSet) -> Flow[None]:
    """Remove those of the messages that have `\\Deleted` (RFC 4315)."""
    return (yield from in_parts(session, UIDExpunge(uids), _nothing))


def _nothing(_parts: tuple[Part, ...]) -> None:
    return None


def _copied(parts: tuple[Part, ...]) -> CopyUIDCode | None:
    """Return one code for all parts; None if there is none, or the mailbox was made anew meanwhile."""
    codes = [code for part in parts for code in _copy_codes(part)]
    if len({code.uid_validity for code in codes}) != 1:
        return None
    if len(codes) == 1:
        return codes[0]
    source = UIDSet.of_parsed(tuple(pair for code in codes for pair in code.source.ranges))
    destination = UIDSet.of_parsed(tuple(pair for code in codes for pair in code.destination.ranges))
    return CopyUIDCode(codes[0].uid_validity, source, destination)


def _copy_codes(part: Part) -> list[CopyUIDCode]:
    """Return the codes of one part: RFC 6851 section 4.3 has it in an untagged OK, some in the tagged one."""
    statuses = [event for event in part.events if isinstance(event, Ok)]
    codes = [status.code for status in (*statuses, part.status) if isinstance(status.code, CopyUIDCode)]
    return codes[:1]


def append(
    session: Inboxes,
    mailbox: str,
    message: MessageSource,
    flags: Iterable[str] = (),
    internal_date: datetime | None = None,
    size: int | None = None,
    *,
    form: Callable[[bytes | Streamed], AppendOctets] = lambda octets: octets,
    options: tuple[AppendOption, ...] = (),
    progress: Progress | None = None,
) -> Flow[Appended | None]:
    """Add a message to *mailbox*; the result says which UID it got, if the server has UIDPLUS.

    Octets, files and chunks are sent as they are; line ends of what has `as_bytes` become CRLF. Chunks need
    *size*, in octets. If a streamed message has more or fewer the connection is closed, and the message is
    not added. *form* makes of the octets how they travel, *options* are of extensions. *progress* is called
    as they are sent.
    """
    octets, reads = yield from literal_of(message, size)
    command = Append(mailbox, form(octets), frozenset(flags), internal_date=internal_date, options=options)
    if progress is not None and isinstance(octets, bytes):
        command = replace(command, message=form(Streamed(len(octets))))
        reads = [Call(next, (_chunks_of(octets), None))]
    codes = yield from run_with_literals(session, command, reads, progress)
    code = next((code for code in codes if isinstance(code, AppendUIDCode)), None)
    return None if code is None else Appended(code.uid_validity, next(iter(code.uids)))


def _chunks_of(octets: bytes) -> Iterator[bytes]:
    for start in range(0, len(octets), CHUNK):
        yield octets[start : start + CHUNK]


def literal_of(message: MessageSource, size: int | None) -> Flow[tuple[bytes | Streamed, list[Call]]]:
    """Return the octets of a message, or what stands for them and how to get the next chunk.

    After the last chunk a file gives b"", others None.
    """
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
        return (yield from _streamed(size, Call(file.read, (CHUNK,))))
    if size is None:
        raise LocalProtocolError("size: needed for a message in chunks")
    if hasattr(message, "__aiter__"):
        return (yield from _streamed(size, Call(anext, (aiter(cast("AsyncIterable[bytes]", message)), None))))
    return (yield from _streamed(size, Call(next, (iter(message), None))))


def _streamed(size: int, read: Call) -> Flow[tuple[bytes | Streamed, list[Call]]]:
    if size:
        return Streamed(size), [read]
    yield from _check_end(0, 0, read)
    return b"", []


def run_with_literals(
    session: Inboxes, command: Command, reads: Iterable[Call], progress: Progress | None = None
) -> Flow[tuple[ResponseCode, ...]]:
    """Send *command* and the literals of it that are streamed, chunk by chunk as *reads* give them.

    Returns the codes of the statuses that answer it. Raises IMAPStatusError for NO and BAD; what is read is
    then left where it is.
    """
    waiting = list(reads)
    told = _Told(progress, sum(streamed.size for streamed in command.streamed))
    inbox = yield from session.send(command, is_exclusive=bool(waiting))
    statuses: list[Ok | No | Bad | None] = []
    try:
        while waiting and inbox.status is None:
            yield from session.wait(inbox)
            for event in session.take(inbox):
                if isinstance(event, LiteralWanted):
                    yield from _send_chunks(session, waiting.pop(0), told)
                elif isinstance(event, Ok | No | Bad):
                    statuses.append(event)
    except BaseException:
        if session.conn.literal_owed or waiting:
            session.conn.abort()
        session.drain(inbox)
        raise
    finally:
        session.release(inbox)
    yield from complete(session, inbox)
    statuses += (event for event in session.take(inbox) if isinstance(event, Ok | No | Bad))
    codes = (None if status is None else status.code for status in (*statuses, inbox.status))
    return tuple(code for code in codes if code is not None)


class _Told:
    """What was told of the progress of one command."""

    __slots__ = ("_progress", "_sent", "_total")

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress = progress
        self._total = total
        self._sent = 0

    def add(self, octets: int) -> Flow[None]:
        self._sent += octets
        if self._progress is not None and octets:
            yield Call(self._progress, (self._sent, self._total))


def _send_chunks(session: Inboxes, read: Call, told: _Told) -> Flow[None]:
    """Send a literal; its last octets only when it is known that no more come."""
    conn = session.conn
    while conn.literal_owed:
        chunk = yield read
        if chunk is None or (chunk == b"" and read.function not in _BY_CHUNKS):
            raise LocalProtocolError(f"message: ended {conn.literal_owed} octets too early")
        if len(chunk) >= conn.literal_owed:
            yield from _check_end(conn.literal_owed, len(chunk), read)
        conn.send_literal(chunk)
        yield _FLUSH
        session.pump()
        if conn.wants is Wants.CLOSED:
            session.check()
        yield from told.add(len(chunk))


def _check_end(owed: int, size: int, read: Call) -> Flow[None]:
    """Raise LocalProtocolError if there is more than was said: what is stored would not be the message."""
    after: bytes | None = b""
    while size <= owed and after == b"":
        after = yield read
        if read.function not in _BY_CHUNKS:
            break
    if size > owed or after:
        raise LocalProtocolError("message: expected its end, got octets beyond the size that was said")


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
