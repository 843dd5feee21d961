"""Sets of numbers that mean the same messages in one command after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar, final

from mailproto import _ranges
from mailproto._ranges import Ranges
from mailproto.errors import LocalProtocolError
from mailproto.flow import Flow
from mailproto.imap.answers import Inbox
from mailproto.imap.client import ClientEvent
from mailproto.imap.commands import Command, Search
from mailproto.imap.cutting import below
from mailproto.imap.ext.esearch import ESearchData
from mailproto.imap.inbox import Inboxes
from mailproto.imap.numbering import Numbering
from mailproto.imap.responses import SearchData
from mailproto.imap.search import UID
from mailproto.imap.sequence import NumberSet, UIDSet

__all__ = ["Following", "events_of", "found_in"]

CommandT = TypeVar("CommandT", bound=Command)
SetT = TypeVar("SetT", bound=NumberSet)


def events_of(session: Inboxes, inbox: Inbox) -> Flow[list[ClientEvent]]:
    """Wait for the end of a command; what has come is taken as it comes, so that it never fills the inbox."""
    events = session.take(inbox)
    while inbox.status is None:
        yield from session.wait(inbox)
        events += session.take(inbox)
    return events


def found_in(events: Iterable[object]) -> Ranges:
    """Return the numbers that SEARCH, or ESEARCH in IMAP4rev2, says; a set is not expanded."""
    return _ranges.merge(pair for event in events for pair in _found(event))


def _found(event: object) -> Ranges:
    if isinstance(event, SearchData):
        return _ranges.from_numbers(event.numbers)
    numbers = event.all if isinstance(event, ESearchData) else None
    return () if numbers is None else numbers.merged


@final
class Following:
    """What numbers mean: the messages that had them when this was made, in the mailbox of the first command.

    Make one before a command waits to be sent, and `close` it at the end.
    """

    __slots__ = ("_place", "_session", "numbering")

    def __init__(self, session: Inboxes) -> None:
        self._session = session
        self._place: tuple[str, int | None] | None = None
        self.numbering: Numbering = session.follow()

    def close(self) -> None:
        """Follow nothing any more; doing it again does nothing."""
        self._session.unfollow(self.numbering)

    def command_for(self, numbers: SetT, make: Callable[[SetT], CommandT]) -> Flow[CommandT | None]:
        """Return the command on *numbers* when it may be sent, None if all of the messages are gone.

        Raises LocalProtocolError if another mailbox is selected now, or the numbers cannot be told.
        """
        command: CommandT | None = None
        while current := self._current(numbers):
            wanted = make(current)
            if wanted == command:
                return command
            # Numbers may change while it waits.
            command = wanted
            yield from self._session.wait_to_send(command)
            self.check_place()
        return None

    def check_place(self) -> None:
        """Raise LocalProtocolError unless the mailbox is that of the first time."""
        mailbox, uid_validity = self._session.place
        known, validity = self._place or (mailbox, uid_validity)
        if mailbox != known or (uid_validity or validity) != (validity or uid_validity):
            raise LocalProtocolError(f"{known} was left while messages of it were dealt with")
        self._place = known, validity or uid_validity

    def _current(self, numbers: SetT) -> SetT:
        """Return *numbers* as they are now."""
        if isinstance(numbers, UIDSet) or numbers.is_saved or not self.numbering.has_moved:
            return numbers
        if self.numbering.is_lost:
            raise LocalProtocolError("which messages the sequence numbers mean is not known any more")
        return numbers.of_parsed(self.numbering.current(self.originals(numbers)))

    def originals(self, numbers: NumberSet) -> Ranges:
        """Return *numbers* as ranges; `*` among sequence numbers is the last message of the beginning."""
        if isinstance(numbers, UIDSet) or not numbers.has_star:
            return numbers.merged
        view = self._session.conn.view
        exists = 0 if view is None else view.exists or 0
        return numbers.resolve(self.numbering.original(exists) if exists else 0)

    def below_uid(self, numbers: NumberSet, uid: int | None) -> Flow[Ranges | None]:
        """Return those of *numbers* that are below a UID, for which a server may be asked if need be.

        None if that cannot be told.
        """
        if uid is None or numbers.is_saved:
            return None
        if isinstance(numbers, UIDSet):
            return below(numbers.merged, uid)
        original = yield from self._original_of(uid)
        return None if original is None else below(self.originals(numbers), original)

    def _original_of(self, uid: int) -> Flow[int | None]:
        """Return the number that the message with this UID had at the beginning; None: not known."""
        view = self._session.conn.view
        known = None if view is None else view.sequence_number(uid)
        if known is not None:
            return None if self.numbering.is_lost else self.numbering.original(known)
        inbox = yield from self._session.send(Search(UID(UIDSet.of((uid,)))))
        found = found_in((yield from events_of(self._session, inbox)))
        # Since then messages may have gone.
        then = self.numbering.at(inbox.moment)
        return then.original(found[0][0]) if found and not then.is_lost else None
