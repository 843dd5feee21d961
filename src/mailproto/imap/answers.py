"""The inbox of one command: which responses answer it, and how those of FETCH are put together."""

from __future__ import annotations

from collections import deque
from typing import Any, Final, cast, final

from mailproto._ranges import contains
from mailproto.errors import AuthenticationFailed, IMAPStatusError, ServerUnavailable
from mailproto.imap._weight import weight
from mailproto.imap.client import ClientEvent
from mailproto.imap.commands import Authenticate, Command, Examine, Login, Select, SetCommand, Status
from mailproto.imap.events import Unchecked
from mailproto.imap.ext.annotate import CHANGED_ANNOTATIONS
from mailproto.imap.ext.convert import ConvertedData
from mailproto.imap.ext.esearch import ESearchData
from mailproto.imap.ext.message_limit import MessageLimitCode
from mailproto.imap.ext.uidonly import UIDFetchData
from mailproto.imap.fetch import UID
from mailproto.imap.fetch_data import FetchData, kinds_of, numbers_and_uids
from mailproto.imap.pipelining import answers_of
from mailproto.imap.quirks import is_left_out, is_throttled
from mailproto.imap.responses import ListData, StatusData
from mailproto.imap.sequence import SequenceSet, UIDSet, counter_below
from mailproto.imap.state import row_of
from mailproto.imap.status import Bad, No, Ok, StatusResponse

__all__ = ["ExchangeInbox", "FetchInbox", "Inbox", "raise_refusal", "refusal_of"]

VOLATILE: Final = frozenset({"FLAGS", "MODSEQ", "UID"})
"""Items that a server may send on its own, of any message, at any time."""

MAX_MOVED: Final = 1_000
"""Responses that wait for their rest while the messages below them are expunged, again and again."""

MAX_SEEN: Final = 262_144
"""Messages of which one FETCH remembers that their flags have come."""

_ALSO_ANSWERS: Final[dict[str, tuple[str, ...]]] = {
    **dict.fromkeys(("SELECT", "EXAMINE"), ("FLAGS", "EXISTS", "RECENT", "OK")),
    # RFC 4315 section 3 has it in the tagged OK; some servers send it before that.
    **dict.fromkeys(("COPY", "UID COPY"), ("COPYUID",)),
}
"""What else answers a command, beside what the table of states says; it may be sent unasked too."""

_ALWAYS: Final = ("MESSAGELIMIT",)
"""Names of the codes that stand in an untagged status for the command that is carried out."""

_ALSO_THROTTLING: Final = (None, "LIMIT")
"""Names of the codes whose text has to say whether waiting helps."""


class Inbox:
    """What has come for one command and was not taken yet.

    `status` is its tagged status once it has come. With `is_drained` set, nobody wants the rest: it is thrown
    away as it comes. `message_limit` says that it was done for some of the messages only, and how far (RFC
    9738 section 3.1): in the tagged status, or in an untagged NO if that has EXPUNGEISSUED. `moment` is that
    of `Numbering` at which the tagged status came.
    """

    __slots__ = (
        "_names",
        "_names_instead",
        "command",
        "events",
        "is_drained",
        "message_limit",
        "moment",
        "octets",
        "owner",
        "status",
        "tag",
    )

    def __init__(self, tag: str, command: Command | Unchecked, owner: object) -> None:
        self.tag: str = tag
        self.command: Command | Unchecked = command
        self.owner: object = owner
        self.events: deque[ClientEvent] = deque()
        self.octets: int = 0
        self.status: Ok | No | Bad | None = None
        self.message_limit: MessageLimitCode | None = None
        self.moment: int = 0
        self.is_drained: bool = False
        self._names: frozenset[str] = frozenset()
        self._names_instead: frozenset[str] = frozenset()
        if isinstance(command, Command):
            self._names = answers_of(command).union(_ALSO_ANSWERS.get(command.name, ()), _ALWAYS)
            if isinstance(command, SetCommand):
                # A FETCH response is offered to the inboxes that can tell whether it is an answer.
                self._names -= {"FETCH"}
            if "ESEARCH" in self._names:
                self._names_instead = frozenset(row_of(command.name).answers)

    @property
    def name(self) -> str:
        """The name of the command."""
        return self.command.name if isinstance(self.command, Command) else "the octets sent unchecked"

    @property
    def is_ready(self) -> bool:
        """Whether there is something to take, or nothing will come any more."""
        return bool(self.events) or self.status is not None

    def claims(self, name: str, event: ClientEvent) -> bool:
        """Whether *event*, a response of this name, answers the command."""
        if isinstance(event, StatusData) and isinstance(self.command, Status):
            return event.mailbox == self.command.mailbox
        if isinstance(event, ESearchData | ConvertedData):
            return event.tag == self.tag
        if isinstance(event, ListData) and isinstance(self.command, Select | Examine):
            # RFC 9051 section 6.3.2: IMAP4rev2 sends it of the mailbox that is selected.
            return self.command.mailbox in (event.mailbox, event.old_name)
        return name in self._names

    def claims_instead(self, name: str) -> bool:
        """Whether a response of this name, which answers no command, is the answer of an older server.

        That is what the command has without its options: SEARCH, where ESEARCH was asked for.
        """
        return name in self._names_instead

    def put(self, event: ClientEvent) -> None:
        """Keep *event*, unless nobody wants it."""
        if not self.is_drained:
            self.events.append(event)

    def take(self) -> list[ClientEvent]:
        """Return what has come, in order, and keep nothing."""
        events = list(self.events)
        self.events.clear()
        self.octets = 0
        return events

    def complete(self, status: Ok | No | Bad) -> tuple[FetchData, ...]:
        """Note the tagged status; return what turned out to be news."""
        self.status = status
        self._note_limit(status)
        return ()

    def put_status(self, status: StatusResponse) -> None:
        """Keep an untagged status that answers the command."""
        if not self._note_limit(status):
            self.put(cast(ClientEvent, status))

    def _note_limit(self, status: StatusResponse) -> bool:
        if isinstance(status.code, MessageLimitCode):
            self.message_limit = status.code
        return isinstance(status.code, MessageLimitCode)


@final
class FetchInbox(Inbox):
    """The inbox of a FETCH, UID FETCH, STORE or UID STORE: joins what a server sends in pieces.

    A response that has everything that was asked for is an answer, and so is one of which a malformed item
    was left out. Of one that has less, what the server may send unasked (flags) could be either: it waits for
    the rest, and is news if none comes. `waiting` is how many octets of memory that takes, about.
    """

    __slots__ = ("_is_by_uid", "_keys", "_partial", "_ranges", "_seen", "waiting")

    def __init__(
        self,
        tag: str,
        command: SetCommand[Any],
        owner: object,
        keys: frozenset[str],
    ) -> None:
        super().__init__(tag, command, owner)
        numbers: SequenceSet | UIDSet = command.sequence_set
        self._is_by_uid = isinstance(numbers, UIDSet)
        # What `*` and `$` stand for, only the server can say.
        self._ranges = None if numbers.has_star else numbers.merged
        self._keys = keys | {"UID"} if self._is_by_uid else keys
        self._partial: dict[int, FetchData] = {}
        self.waiting: int = 0
        self._seen: set[int] | None = set() if self._keys <= VOLATILE else None

    def asks_for(self, keys: frozenset[str]) -> bool:
        """Whether one of the items with these keys was asked for, and may still come."""
        return not self._keys.isdisjoint(keys)

    def wants(self, key: str) -> bool:
        """Whether the item with this key was asked for, and somebody waits for it."""
        return key in self._keys and not self.is_drained

    def offer(self, data: FetchData, known_uid: int | None, *, is_alone: bool) -> bool:
        """Take *data* if it answers the command; with *is_alone* no other FETCH is in progress."""
        keys = data.told
        if self._keys.issubset(keys):
            if self._seen is None and is_alone:
                self._emit(data)
                return True
            return self._has(data, known_uid) and self._emit_once(data)
        if any(map(is_left_out, data.defects)):
            # The rest cannot come: it is here, and malformed.
            return self._has(data, known_uid) and self._emit_once(data)
        if not self._keys.intersection(keys).difference({"UID"}) or not self._has(data, known_uid):
            return False
        self._join(data)
        return True

    def offer_all(self, fetched: list[FetchData]) -> bool:
        """Take all of *fetched* if `offer` would put each of them in with *is_alone*, else none."""
        if self._partial or not self._are_whole(kinds_of(fetched)):
            return False
        if self._seen is not None and not self._are_unseen(fetched, self._seen):
            return False
        if not self.is_drained:
            self.events.extend(fetched)
        return True

    def _are_whole(self, kinds: set[tuple[str, ...]]) -> bool:
        """Whether responses with these items have all that was asked for, and tell nothing beside it."""
        return all(self._keys.issubset(kind) and CHANGED_ANNOTATIONS.key not in kind for kind in kinds)

    def _are_unseen(self, fetched: list[FetchData], seen: set[int]) -> bool:
        """Note that these have come; False, and nothing is noted, unless each was asked for and is new."""
        asked = numbers_and_uids(fetched)[1] if self._is_by_uid else [data.number for data in fetched]
        messages = set(asked) if self._is_by_uid else {-number for number in asked}
        if len(messages) < len(fetched) or len(seen) + len(messages) > MAX_SEEN:
            return False
        if not (seen.isdisjoint(messages) and self._lie_inside(min(asked), max(asked))):
            return False
        seen |= messages
        return True

    def _lie_inside(self, low: int, high: int) -> bool:
        """Whether all numbers from *low* to *high* are of messages that were asked for."""
        if self._ranges is None:
            return True
        return any(first <= low and high <= last for first, last in self._ranges)

    def _has(self, data: FetchData, known_uid: int | None) -> bool:
        """Whether *data* is of a message that was asked for, as far as can be told."""
        if not self._is_by_uid and isinstance(data, UIDFetchData):
            return False
        number = data.known_uid or known_uid if self._is_by_uid else data.number
        return number is None or self._ranges is None or contains(self._ranges, number)

    def _emit_once(self, data: FetchData) -> bool:
        if self._seen is not None:
            message = self._identity(data)
            if message in self._seen:
                return False
            if len(self._seen) >= MAX_SEEN:
                # More than any mailbox has: from here on what was sent before counts as an answer again.
                self._seen.clear()
            self._seen.add(message)
        self._emit(data)
        return True

    def _identity(self, data: FetchData) -> int:
        """Return what tells one message from another: its UID, since its number may move while UIDs are used.

        RFC 3501 section 7.4.1 lets no EXPUNGE come while a FETCH by sequence numbers is in progress.
        """
        uid = data.known_uid if self._is_by_uid else None
        return -data.number if uid is None else uid

    def _emit(self, data: FetchData) -> None:
        if self._partial:
            data = self._with_begun(data)
            self._weigh(0)
        if not self.is_drained:
            self.events.append(data)

    def _join(self, data: FetchData) -> None:
        joined = self._with_begun(data)
        if self._keys.issubset(joined.told):
            self.put(joined)
            self._weigh(0)
        else:
            self._partial[data.number] = joined
            self._weigh(weight(data))

    def _with_begun(self, data: FetchData) -> FetchData:
        """Return *data* with what waits for it."""
        before = self._partial.pop(data.number, None)
        return data if before is None else before.joined(data)

    def _weigh(self, more: int) -> None:
        """Note that what waits has changed: it has *more*, or there is nothing any more."""
        self.waiting = self.waiting + more if self._partial else 0

    @property
    def has_many_waiting(self) -> bool:
        """Whether so much waits for its rest that to move it with each EXPUNGE would be too much work."""
        return len(self._partial) > MAX_MOVED

    def expunge(self, sequence_number: int) -> None:
        """Move what waits for its rest, as the EXPUNGE of this number moves the messages."""
        if self._partial:
            self._partial = {
                number - (number > sequence_number): data
                for number, data in self._partial.items()
                if number != sequence_number
            }
            self._weigh(0)

    def vanish(self, uids: UIDSet) -> None:
        """The same as `expunge` for VANISHED: of what waits for its rest, the UID says where it was."""
        waiting, self._partial = self._partial, {}
        count_below = counter_below(uids)
        for number, data in waiting.items():
            uid = data.get(UID)
            if uid is None:
                self._partial[number] = data
            elif uid not in uids:
                moved = 0 if isinstance(data, UIDFetchData) else count_below(uid)
                self._partial[number - moved] = data
        self._weigh(0)

    def complete(self, status: Ok | No | Bad) -> tuple[FetchData, ...]:
        """Note the tagged status: nothing waits for its rest any more."""
        super().complete(status)
        return self.let_go()

    def let_go(self) -> tuple[FetchData, ...]:
        """Wait for no rest any more: what has more than flags is an answer, the others are news."""
        news: list[FetchData] = []
        for number, begun in self._partial.items():
            data = begun.at(number)
            if VOLATILE.issuperset(data.keys):
                news.append(data)
            else:
                self.put(data)
        self._partial = {}
        self._weigh(0)
        return tuple(news)


@final
class ExchangeInbox(Inbox):
    """The inbox of `exchange`: all that comes meanwhile and answers no other command."""

    __slots__ = ()

    def claims(self, name: str, event: ClientEvent) -> bool:
        """Return True."""
        return True

    def claims_instead(self, name: str) -> bool:
        """Return False: it has all that is left."""
        return False

    def put_status(self, status: StatusResponse) -> None:
        """Keep every status as it is."""
        self.put(cast(ClientEvent, status))


def raise_refusal(inbox: Inbox) -> None:
    """Raise IMAPStatusError if the command was refused."""
    refusal = refusal_of(inbox)
    if refusal is not None:
        raise refusal


def refusal_of(inbox: Inbox) -> IMAPStatusError | None:
    """Return the error of a command that was refused; None for one that was not, or is in progress."""
    status = inbox.status
    if not isinstance(status, No | Bad):
        return None
    if isinstance(inbox.command, Login | Authenticate) and isinstance(status, No):
        return AuthenticationFailed.of_login(status, inbox.name)
    if status.code_name in _ALSO_THROTTLING and is_throttled(status.text):
        return ServerUnavailable(status, inbox.name)
    return IMAPStatusError.of(status, inbox.name)
