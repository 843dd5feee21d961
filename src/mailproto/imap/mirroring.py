"""The synchronization of a mailbox with its copy, without IO: its steps are in `mailproto.imap.mirror`.

It is one procedure that is written from top to bottom. Beside the instructions of a flow it yields steps;
`Mirroring.fill` runs it from one step to the next. What it asks for depends on what the server has: with
QRESYNC, SELECT tells what changed and vanished (RFC 7162 section 3.2.5); with CONDSTORE, FETCH tells what
changed and SEARCH what is still there (RFC 4549 section 6.1); without both, all flags are fetched and
compared with what was told (section 4.3.1). Then what was done offline is done on the server, and what that
has changed is asked for in the same way. New messages come last, in batches.

What happens on the server after SELECT is found by the next synchronization: its mod-sequences are greater
than HIGHESTMODSEQ was, its UIDs are at or above UIDNEXT, or its flags are others than were told.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias, final

from mailproto import _ranges
from mailproto._ranges import Ranges
from mailproto.errors import LocalProtocolError
from mailproto.flow import Flow, Instruction
from mailproto.imap.answers import raise_refusal
from mailproto.imap.capability import Capabilities
from mailproto.imap.client import ClientEvent
from mailproto.imap.client_flows import enable, uid_search
from mailproto.imap.codes import ResponseCode, UIDNextCode, UIDValidityCode
from mailproto.imap.commands import Examine, Select
from mailproto.imap.condstore_flows import fitted
from mailproto.imap.ext.condstore import CONDSTORE, HighestModSeqCode
from mailproto.imap.ext.qresync import QResync, VanishedData
from mailproto.imap.fetch import FLAGS
from mailproto.imap.fetch_data import FetchData
from mailproto.imap.fetching import LAST_UID, Fetching, Items, fetch_modifiers
from mailproto.imap.inbox import Hold, Inboxes
from mailproto.imap.local_changes import AddMessage
from mailproto.imap.mirror import (
    Changed,
    InSync,
    MessageFinder,
    MirrorState,
    MirrorStep,
    New,
    Reset,
    Vanished,
)
from mailproto.imap.mirror_state import StateBuilder
from mailproto.imap.parameters import Parameters
from mailproto.imap.replaying import Replaying
from mailproto.imap.responses import ExistsData
from mailproto.imap.search import UID
from mailproto.imap.sequence import UIDSet
from mailproto.imap.state import State
from mailproto.imap.status import Ok

__all__ = ["BATCH", "Mirroring"]

BATCH: Final = 500
"""Messages of one step."""
MAX_SEARCHED: Final = 4_000
"""Known messages that one SEARCH is about, so that its answer is a line of some 40 KiB."""
MAX_CHANGED: Final = 20_000
"""Messages with changes that are kept while SELECT tells them; if it tells more, they are asked for again."""

Script: TypeAlias = Generator[Instruction | MirrorStep, Any, None]


@final
@dataclass(slots=True)
class _Selected:
    """The mailbox as SELECT tells it, and what it says happened since the copy was in sync.

    `is_asked` says that QRESYNC asked for that. `is_whole` is False if something came that could not be used:
    then what happened is asked for again.
    """

    is_asked: bool
    uid_validity: int | None = None
    uid_next: int | None = None
    exists: int | None = None
    highest: int | None = None
    is_sticky: bool = True
    gone: Ranges = ()
    changed: list[FetchData] = field(default_factory=list)
    is_whole: bool = True

    def add(self, event: ClientEvent) -> None:
        """Take in one response."""
        if isinstance(event, ExistsData):
            self.exists = event.count
        elif isinstance(event, VanishedData):
            self.gone = _ranges.merge((*self.gone, *event.uids.ranges))
        elif isinstance(event, FetchData):
            self._add_change(event)
        elif isinstance(event, Ok):
            self._add_number(event.code)
            self._add_word(event.code_name)

    def _add_change(self, message: FetchData) -> None:
        if message.known_uid is None or len(self.changed) == MAX_CHANGED:
            self.is_whole = False
            self.changed.clear()
        if self.is_whole:
            self.changed.append(message)

    def _add_number(self, code: ResponseCode | None) -> None:
        if isinstance(code, UIDValidityCode):
            self.uid_validity = code.uid_validity
        elif isinstance(code, UIDNextCode):
            self.uid_next = code.uid
        elif isinstance(code, HighestModSeqCode):
            self.highest = code.mod_seq

    def _add_word(self, name: str | None) -> None:
        if name == "UIDNOTSTICKY":
            self.is_sticky = False
        elif name == "CLOSED":
            # RFC 7162 section 3.2.11: "all responses before the CLOSED response code relate to the mailbox
            # that was closed".
            self.gone, self.is_whole = (), True
            self.changed.clear()


@final
class Mirroring:
    """One synchronization: `ready` holds the next step, which `fill` waits for.

    *items* are fetched of new messages, beside the flags; a step has at most *batch* messages. *find* gives
    those that are to be added. From the first step on the mailbox is held until the last one, or until
    `close`. Raises LocalProtocolError for a *batch* below 1, and for changes that cannot be carried out so.
    """

    __slots__ = (
        "_batch",
        "_builder",
        "_changed",
        "_find",
        "_hold",
        "_is_read_only",
        "_items",
        "_mailbox",
        "_script",
        "_seen",
        "_session",
        "_wanted",
        "is_finished",
        "ready",
    )

    def __init__(
        self,
        session: Inboxes,
        mailbox: str,
        state: MirrorState | None = None,
        items: tuple[Items, ...] = (),
        *,
        is_read_only: bool = False,
        batch: int = BATCH,
        find: MessageFinder | None = None,
    ) -> None:
        if batch < 1:
            raise LocalProtocolError(f"batch: expected 1 or more, got {batch}")
        self._session = session
        self._mailbox = Select(mailbox).mailbox
        self._builder = StateBuilder(state or MirrorState())
        self._items = items
        self._is_read_only = is_read_only
        self._batch = batch
        self._find = find
        self._check_changes()
        self._hold: Hold | None = None
        # Those whose flags were told, and those that the server has told of since SELECT.
        self._changed: Ranges = ()
        self._seen: Ranges = ()
        self._wanted: Ranges = ()
        self._script: Script | None = self._run()
        self.ready: deque[MirrorStep] = deque()
        self.is_finished: bool = False

    def _check_changes(self) -> None:
        changes = self._builder.changes
        if changes and self._is_read_only:
            raise LocalProtocolError("expected no changes in the queue of a mailbox that is only read")
        if self._find is None and any(isinstance(change, AddMessage) for change in changes):
            raise LocalProtocolError("expected find=, which gives the messages to be added")

    def fill(self) -> Flow[None]:
        """Wait until there is a step in `ready`, or no more to come. Raises IMAPStatusError."""
        try:
            while self._script is not None and not self.ready:
                yield from self._advance(self._script)
        except BaseException:
            self.close()
            raise

    def _advance(self, script: Script) -> Flow[None]:
        """Pass instructions on, until there is a step."""
        resume: Callable[[Any], Instruction | MirrorStep] = script.send
        value: object = None
        while True:
            try:
                got = resume(value)
            except StopIteration:
                self.close()
                return
            if isinstance(got, MirrorStep):
                self.ready.append(got)
                return
            resume, value = script.send, None
            try:
                value = yield got
            except BaseException as error:
                resume, value = script.throw, error

    def close(self) -> None:
        """Want no more, and let others select what they want; without IO."""
        self.is_finished = True
        script, self._script = self._script, None
        if script is not None:
            script.close()
        hold, self._hold = self._hold, None
        if hold is not None:
            self._session.let_go(hold)

    def _run(self) -> Script:
        yield from self._enable()
        selected = yield from self._catch_up()
        if self._builder.changes:
            changed = UIDSet.of_parsed(self._changed)
            yield from Replaying(self._session, self._builder, selected.uid_next, changed, self._find).run()
            selected = yield from self._catch_up()
        yield from self._tell_new(selected)
        yield InSync(self._builder.state)

    def _catch_up(self) -> Generator[Instruction | MirrorStep, Any, _Selected]:
        """Select the mailbox, and tell what became of the messages that are known."""
        self._seen = ()
        selected = yield from self._select()
        yield from self._check_validity(selected)
        yield from self._tell_known(selected)
        return selected

    # Selecting.

    def _offers(self, name: str) -> bool:
        return (self._session.conn.capabilities or Capabilities()).offers(name)

    @property
    def _has_qresync(self) -> bool:
        return "QRESYNC" in self._session.conn.enabled

    def _enable(self) -> Flow[None]:
        """Switch QRESYNC on, unless a mailbox is selected: then it is too late (RFC 5161 section 3.1)."""
        is_first = self._session.conn.next_state is State.AUTHENTICATED
        if self._offers("QRESYNC") and not self._has_qresync and is_first:
            yield from enable(self._session, ("QRESYNC",))

    def _select(self) -> Flow[_Selected]:
        """Select the mailbox, hold it, and take in what SELECT tells as it comes."""
        session, parameters = self._session, self._parameters()
        selected = _Selected(any(isinstance(each, QResync) for each in parameters))
        inbox = yield from session.send(self._selecting(parameters))
        self._hold = self._hold or session.hold(self._mailbox)
        try:
            while inbox.status is None:
                yield from session.wait(inbox)
                for event in session.take(inbox):
                    selected.add(event)
        except BaseException:
            session.drain(inbox)
            raise
        raise_refusal(inbox)
        selected.is_whole &= inbox.message_limit is None
        if not self._offers("CONDSTORE"):
            selected.highest = None
        return selected

    def _selecting(self, parameters: Parameters) -> Select | Examine:
        return (Examine if self._is_read_only else Select)(self._mailbox, parameters)

    def _parameters(self) -> Parameters:
        """Return what is asked for with SELECT: changes, or mod-sequences, if the server has them."""
        known = self._builder
        if self._has_qresync:
            if not (known.uid_validity and known.mod_seq and known.known):
                return ()
            asked = QResync(known.uid_validity, known.mod_seq, UIDSet.of_parsed(known.known))
            return (fitted(self._session.conn, asked, lambda each: self._selecting((each,))),)
        return (CONDSTORE,) if self._offers("CONDSTORE") else ()

    def _check_validity(self, selected: _Selected) -> Script:
        """Empty the copy if its UIDs do not mean the messages of the mailbox."""
        builder, validity = self._builder, selected.uid_validity
        if validity is None:
            raise LocalProtocolError(
                f"{self._mailbox}: the server says no UIDVALIDITY, so no UID can be kept"
            )
        is_anew = selected.uid_next is not None and selected.uid_next < builder.uid_next
        if validity != builder.uid_validity or not selected.is_sticky or is_anew:
            was_known = builder.uid_validity is not None
            dropped = builder.reset(validity)
            if was_known:
                yield Reset(builder.state, dropped)

    # What became of the messages that are known.

    def _tell_known(self, selected: _Selected) -> Script:
        builder, highest = self._builder, selected.highest
        if highest is None or highest < (builder.mod_seq or 0):
            # What was told up to it counts no more, even if the connection is lost now.
            builder.mod_seq = None
        if builder.known:
            yield from self._tell_what_happened(selected, builder.mod_seq)
        builder.mod_seq = highest

    def _tell_what_happened(self, selected: _Selected, since: int | None) -> Script:
        if since is None:
            yield from self._tell_by_flags()
        elif selected.is_asked and selected.is_whole:
            yield from self._tell_gone(selected.gone)
            for start in range(0, len(selected.changed), self._batch):
                yield from self._tell_changed(selected.changed[start : start + self._batch])
        elif self._has_qresync:
            yield from self._fetch(
                self._span, (FLAGS,), self._tell_changed, fetch_modifiers(since, vanished=True)
            )
        else:
            yield from self._tell_by_mod_seq(selected, since)

    @property
    def _span(self) -> Ranges:
        """All UIDs below UIDNEXT as it was, and up to the highest that is known."""
        return ((1, max(self._builder.uid_next - 1, self._builder.known[-1][1])),)

    def _tell_by_mod_seq(self, selected: _Selected, since: int) -> Script:
        if since != selected.highest:
            yield from self._fetch(self._span, (FLAGS,), self._tell_changed, fetch_modifiers(since))
        # Nobody is gone if there are as many as before, and none is new.
        builder = self._builder
        if (selected.uid_next, selected.exists) != (builder.uid_next, _ranges.count(builder.known)):
            yield from self._tell_missing()

    def _tell_missing(self) -> Script:
        """Ask which of the known messages are still there."""
        for part in list(UIDSet.of_parsed(self._builder.known).slices(MAX_SEARCHED)):
            span = UIDSet.of_parsed(((part.ranges[0][0], part.ranges[-1][1]),))
            found = yield from uid_search(self._session, (UID(span),))
            self._seen = _ranges.merge((*self._seen, *found.ranges))
            yield from self._tell_gone((part - found).merged)

    def _tell_by_flags(self) -> Script:
        """Fetch all flags: a message that has none to tell is gone (RFC 4549 section 4.3.1)."""
        span = self._span
        yield from self._fetch(span, (FLAGS,), self._tell_changed)
        yield from self._tell_gone(_ranges.difference(self._builder.known, self._seen))

    def _tell_changed(self, messages: list[FetchData]) -> Script:
        builder, latest = self._builder, {message.uid: message for message in messages}
        self._seen = _ranges.merge((*self._seen, *_ranges.from_numbers(latest)))
        changed = tuple(
            message
            for uid, message in latest.items()
            if FLAGS in message and _ranges.contains(builder.known, uid) and not builder.is_told(message)
        )
        if changed:
            builder.note_flags(changed)
            told = _ranges.from_numbers(message.uid for message in changed)
            self._changed = _ranges.merge((*self._changed, *told))
            yield Changed(changed, builder.state)

    def _tell_gone(self, gone: Ranges) -> Script:
        gone = _ranges.intersection(gone, self._builder.known)
        if gone:
            self._builder.forget(gone)
            yield Vanished(UIDSet.of_parsed(gone), self._builder.state)

    def _fetch(
        self,
        uids: Ranges,
        items: tuple[Items, ...],
        tell: Callable[[list[FetchData]], Script],
        modifiers: Parameters = (),
    ) -> Script:
        """Fetch, and tell what comes in batches; and at the end what vanished."""
        fetching = Fetching(self._session, UIDSet.of_parsed(uids), items, modifiers)
        batch: list[FetchData] = []
        try:
            while not fetching.is_finished:
                yield from fetching.fill()
                for message in _taken(fetching.ready):
                    batch.append(message)
                    if len(batch) == self._batch:
                        yield from tell(batch)
                        batch = []
            yield from tell(batch)
            yield from self._tell_gone(fetching.vanished.merged)
        finally:
            fetching.close()

    # New messages.

    def _tell_new(self, selected: _Selected) -> Script:
        """Tell what the copy does not have, though the server does: at UIDNEXT as it was, or seen below."""
        builder = self._builder
        top = LAST_UID if selected.uid_next is None else selected.uid_next - 1
        above = ((builder.uid_next, top),) if builder.uid_next <= top and selected.exists != 0 else ()
        self._wanted = _ranges.difference(_ranges.merge((*above, *self._seen)), builder.known)
        yield from self._fetch(self._wanted, (FLAGS, *self._items), self._tell_batch)
        last = builder.known[-1][1] if builder.known else 0
        builder.uid_next = min(LAST_UID, max(builder.uid_next, selected.uid_next or last + 1))

    def _tell_batch(self, messages: list[FetchData]) -> Script:
        builder = self._builder
        wanted = _ranges.difference(self._wanted, builder.known)
        new = {message.uid: message for message in messages if _ranges.contains(wanted, message.uid)}
        if new:
            builder.add(new.values())
            builder.note_flags(new.values())
            yield New(tuple(new.values()), builder.state)


def _taken(ready: deque[FetchData]) -> Iterable[FetchData]:
    """Take all messages that have a UID, one by one."""
    while ready:
        message = ready.popleft()
        if message.known_uid is not None:
            yield message
