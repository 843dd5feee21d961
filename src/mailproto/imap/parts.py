"""Commands on more messages than one command can be about: sent in parts, with one result.

A set whose text does not fit into a line is cut, and a command that a server has carried out for some of its
messages goes on with the others (`mailproto.imap.cutting`). Parts of STORE and UID EXPUNGE are sent together,
where `mailproto.imap.pipelining` allows it; those of COPY and MOVE one after the other, so that none follows
one that was refused. A COPY is all or nothing (RFC 3501 section 6.4.7); one in parts is not, and the error
says which messages were copied.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final, Generic, TypeAlias, TypeVar, cast, final

from mailproto import _ranges
from mailproto._ranges import Ranges
from mailproto.errors import IMAPStatusError, LimitReached, MailProtoError
from mailproto.flow import Flow
from mailproto.imap.answers import Inbox, raise_refusal
from mailproto.imap.client import ClientEvent
from mailproto.imap.commands import Copy, SetCommand, Store, UIDCopy, UIDStore
from mailproto.imap.cutting import cut, halves
from mailproto.imap.ext.annotate import StoreAnnotations, UIDStoreAnnotations
from mailproto.imap.ext.gmail import StoreLabels, UIDStoreLabels
from mailproto.imap.ext.message_limit import MessageLimitCode
from mailproto.imap.ext.move import Move, UIDMove
from mailproto.imap.ext.uidplus import UIDExpunge
from mailproto.imap.following import Following, events_of
from mailproto.imap.inbox import Hold, Inboxes
from mailproto.imap.sequence import NumberSet, UIDSet
from mailproto.imap.status import No, Ok

__all__ = ["MAX_PARTS", "Part", "PartsCommand", "in_parts", "limit_reached"]

MAX_PARTS: Final = 10_000
"""Parts of one command; RFC 9738 section 3 has a server carry out a thousand messages or more of each."""

MAX_IN_FLIGHT: Final = 8
"""Parts of one command that are in progress together."""

PartsCommand: TypeAlias = SetCommand[Any] | UIDExpunge
ResultT = TypeVar("ResultT")

_TOGETHER: Final = (
    Store,
    UIDStore,
    StoreLabels,
    UIDStoreLabels,
    StoreAnnotations,
    UIDStoreAnnotations,
    UIDExpunge,
)
"""Commands of which several parts are in progress: nothing is worse if one of them is refused."""

_ALL_OR_NOTHING: Final = (Copy, UIDCopy)
"""Commands that do nothing if they are about too many messages (RFC 9738 section 3.1)."""

_EXPUNGING: Final = (Move, UIDMove, UIDExpunge)
"""Commands after which the messages that they were carried out for are gone."""


@final
@dataclass(frozen=True, slots=True)
class Part:
    """One command that was completed with OK: for which messages, and what answered it."""

    numbers: NumberSet
    events: tuple[ClientEvent, ...]
    status: Ok


def in_parts(
    session: Inboxes,
    command: PartsCommand,
    result: Callable[[tuple[Part, ...]], ResultT],
    keys: frozenset[str] = frozenset(),
) -> Flow[ResultT]:
    """Send *command* in as many parts as are needed, and return the *result* of all of them.

    *keys* is that of `Inboxes.send`. Raises IMAPStatusError; what is raised when something was done already
    has the messages as `done`, and the *result* for them as `result`.
    """
    return (yield from _InParts(session, command, result, keys).run())


def limit_reached(inbox: Inbox) -> LimitReached:
    """Return the error for a command that was carried out in part, where the rest cannot be named."""
    return LimitReached(cast(Ok, inbox.status), inbox.name)


@final
class _InParts(Generic[ResultT]):
    """One command in parts; sequence numbers are those of the beginning, until they are sent."""

    def __init__(
        self,
        session: Inboxes,
        command: PartsCommand,
        result: Callable[[tuple[Part, ...]], ResultT],
        keys: frozenset[str],
    ) -> None:
        self._session = session
        self._command = command
        self._result = result
        self._keys = keys
        self._following = Following(session)
        self._waiting: deque[NumberSet] = deque()
        # With how many messages were gone when it was sent.
        self._in_flight: deque[tuple[NumberSet, Inbox, int]] = deque()
        self._done: list[Part] = []
        self._refusal: IMAPStatusError | None = None
        self._hold: Hold | None = None

    def run(self) -> Flow[ResultT]:
        """Send all parts; a refusal is raised when no other part is in progress."""
        try:
            self._waiting.extend(cut(self._session.conn, self._set, self._with))
            if len(self._waiting) > 1:
                self._hold_mailbox()
            yield from self._send_all()
        except BaseException as error:
            for _, inbox, _ in self._in_flight:
                self._session.drain(inbox)
            if isinstance(error, MailProtoError) and self._done:
                self._explain(error)
            raise
        finally:
            self._following.close()
            if self._hold is not None:
                self._session.let_go(self._hold)
        return self._result(tuple(self._done))

    def _hold_mailbox(self) -> None:
        """Let others who want another mailbox wait until all parts are done."""
        if self._hold is None:
            self._hold = self._session.hold(self._session.place[0])

    def _send_all(self) -> Flow[None]:
        most = MAX_IN_FLIGHT if isinstance(self._command, _TOGETHER) else 1
        while self._waiting or self._in_flight:
            if self._waiting and len(self._in_flight) < most:
                yield from self._send()
            else:
                yield from self._complete()
        if self._refusal is not None:
            raise self._refusal

    @property
    def _set(self) -> NumberSet:
        command = self._command
        return command.uids if isinstance(command, UIDExpunge) else cast(NumberSet, command.sequence_set)

    def _with(self, numbers: NumberSet) -> PartsCommand:
        """Return the command on other messages."""
        if isinstance(self._command, UIDExpunge):
            return replace(self._command, uids=cast(UIDSet, numbers))
        return replace(self._command, sequence_set=numbers)

    def _send(self) -> Flow[None]:
        """Send the next part, unless all of its messages are gone."""
        numbers = self._waiting.popleft()
        command = yield from self._following.command_for(numbers, self._with)
        if command is not None:
            inbox = yield from self._session.send(command, keys=self._keys)
            self._in_flight.append((numbers, inbox, self._following.numbering.gone))

    def _complete(self) -> Flow[None]:
        """Wait for the oldest part, and keep what is left of it."""
        numbers, inbox, gone = self._in_flight[0]
        events = yield from events_of(self._session, inbox)
        self._in_flight.popleft()
        limit = inbox.message_limit
        if limit is not None and self._is_to_be_halved(inbox) and self._halve(numbers, limit):
            return
        try:
            raise_refusal(inbox)
        except IMAPStatusError as error:
            self._refuse(error)
            return
        has_moved = self._following.numbering.gone > gone
        left = () if limit is None else (yield from self._left_of(numbers, limit, has_moved=has_moved))
        if left is None:
            self._refuse(limit_reached(inbox))
        elif left and self._refusal is None:
            self._waiting.appendleft(numbers.of_parsed(left))
            self._hold_mailbox()
        self._done.append(Part(self._without(numbers, left), tuple(events), cast(Ok, inbox.status)))

    def _refuse(self, error: IMAPStatusError) -> None:
        """Send no part any more, and raise *error* when those in flight are completed."""
        self._refusal = self._refusal or error
        self._waiting.clear()

    def _without(self, numbers: NumberSet, left: Ranges | None) -> NumberSet:
        """Return the messages for which a part was carried out; none where it is not known."""
        if left is None:
            return numbers.of_parsed(())
        if not left:
            return numbers
        return numbers.of_parsed(_ranges.difference(self._following.originals(numbers), left))

    def _is_to_be_halved(self, inbox: Inbox) -> bool:
        is_refused = isinstance(self._command, _ALL_OR_NOTHING) and isinstance(inbox.status, No)
        return is_refused and self._has_room

    @property
    def _has_room(self) -> bool:
        """Whether there may be more parts: a server that stops after each message would have no end."""
        return len(self._done) + len(self._waiting) < MAX_PARTS

    def _halve(self, numbers: NumberSet, limit: MessageLimitCode) -> bool:
        """Let the messages up to the one that would have been the last, and then the others, come next."""
        ranges = () if numbers.is_saved else self._following.originals(numbers)
        divided = halves(ranges, limit.lowest_uid if isinstance(numbers, UIDSet) else None)
        if divided is not None:
            # The lower ones first, so that copies have the order of what was copied.
            self._waiting.extendleft(map(numbers.of_parsed, reversed(divided)))
            self._hold_mailbox()
        return divided is not None

    def _left_of(
        self, numbers: NumberSet, limit: MessageLimitCode, *, has_moved: bool
    ) -> Flow[Ranges | None]:
        """Return which of *numbers* a server has left to be asked for again; None if that is not known."""
        if not self._has_room:
            return None
        uid = limit.lowest_uid
        # The number of what MOVE has moved last cannot be asked for any more, but all that was moved is gone.
        if isinstance(self._command, Move) or (uid is None and isinstance(self._command, _EXPUNGING)):
            return self._still_there(numbers) if has_moved else None
        left = yield from self._following.below_uid(numbers, uid)
        return None if left == self._following.originals(numbers) else left

    def _still_there(self, numbers: NumberSet) -> Ranges | None:
        """Return those of *numbers* that are not known to be gone."""
        numbering, ranges = self._following.numbering, self._following.originals(numbers)
        if isinstance(numbers, UIDSet):
            return None if numbers.is_saved else ranges
        return None if numbering.is_lost else numbering.left(ranges)

    def _explain(self, error: MailProtoError) -> None:
        """Say what was done before *error*."""
        pairs = [pair for part in self._done for pair in part.numbers.ranges]
        done = self._set.of_parsed(_ranges.merge(pairs))
        error.done = done
        error.result = self._result(tuple(self._done))
        error.add_note(f"{self._command.name}: done before for {str(done)[:80]}")
