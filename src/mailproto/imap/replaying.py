"""Carrying out on the server what was done to a copy offline (RFC 4549 section 4.2), without IO.

A change leaves the queue in the state of the step that tells its end. If that step is lost the change is
carried out again: to change flags, to expunge, and to MOVE again does no harm. What would come twice, a
message that is added or copied, is preceded by a `Started` step, whose state tells what the mailbox was like.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Any, Final, TypeAlias, cast, final

from mailproto.errors import IMAPStatusError
from mailproto.flow import Call, Flow, Instruction
from mailproto.imap.capability import Capabilities
from mailproto.imap.client_flows import (
    Appended,
    append,
    copy,
    mailbox_status,
    move,
    run,
    store,
    store_command,
    uid_expunge,
    uid_search,
)
from mailproto.imap.commands import Expunge, StoreAction, UIDCopy, UIDStore
from mailproto.imap.condstore_flows import store_unchanged
from mailproto.imap.ext.move import UIDMove
from mailproto.imap.fetch import FLAGS
from mailproto.imap.fetch_data import FetchData
from mailproto.imap.fetching import Fetching
from mailproto.imap.inbox import Inboxes
from mailproto.imap.local_changes import (
    AddMessage,
    Attempt,
    ExpungeMessages,
    LocalChange,
    MoveMessages,
    StoreFlags,
    uids_of,
)
from mailproto.imap.mirror import MessageFinder, MirrorStep, Refused, Replayed, Started, Uncertain
from mailproto.imap.mirror_state import StateBuilder
from mailproto.imap.search import UID, Deleted, Header
from mailproto.imap.sequence import STAR, UIDSet

__all__ = ["Replaying"]

Script: TypeAlias = Generator[Instruction | MirrorStep, Any, None]

_DELETED: Final = ("\\Deleted",)


@final
class Replaying:
    """The queue of *builder* carried out in the mailbox that is selected, whose UIDNEXT is *uid_next*.

    *changed* are the messages whose flags others have changed, as far as this synchronization has told.
    """

    __slots__ = ("_builder", "_changed", "_find", "_kept", "_session", "_uid_next")

    def __init__(
        self,
        session: Inboxes,
        builder: StateBuilder,
        uid_next: int | None,
        changed: UIDSet,
        find: MessageFinder | None,
    ) -> None:
        self._session = session
        self._builder = builder
        self._uid_next = uid_next or 1
        self._changed = changed
        self._find = find
        # Changes at the head of the queue that stay there.
        self._kept = 0

    def run(self) -> Script:
        """Carry out one change after the other, and tell how each ends."""
        while self._kept < len(self._builder.changes):
            change = self._builder.changes[self._kept]
            try:
                yield from _ACTIONS[type(change)](self, change)
            except IMAPStatusError as error:
                yield self._refuse(error)

    def _refuse(self, error: IMAPStatusError) -> Refused:
        change = self._builder.changes[self._kept]
        if error.is_transient:
            self._kept += 1
        else:
            self._put()
        return Refused(change, error, self._builder.state)

    def _put(self, *changes: LocalChange) -> None:
        """Put *changes* in the place of the one that is carried out."""
        queue, at = self._builder.changes, self._kept
        self._builder.changes = (*queue[:at], *changes, *queue[at + 1 :])

    def _offers(self, name: str) -> bool:
        return (self._session.conn.capabilities or Capabilities()).offers(name)

    def _divided(self, change: LocalChange) -> tuple[UIDSet, UIDSet]:
        """Return which messages of *change* are there, and which are gone."""
        known = UIDSet.of_parsed(self._builder.known)
        return uids_of(change) & known, uids_of(change) - known

    # Flags.

    def _store(self, change: StoreFlags) -> Script:
        uids, vanished = self._divided(change)
        modified = yield from self._store_flags(uids, change)
        conflicts = yield from self._conflicts(modified, change)
        self._put()
        yield Replayed(change, self._builder.state, vanished=vanished, conflicts=conflicts)

    def _store_flags(self, uids: UIDSet, change: StoreFlags) -> Flow[UIDSet]:
        """Change the flags of *uids*, and return those that others have changed: they are left alone."""
        since, modified = change.unchanged_since, UIDSet()
        if since is not None and not self._offers("CONDSTORE"):
            modified, since = uids & self._changed, None
        for action, flags in ((StoreAction.ADD, change.add), (StoreAction.REMOVE, change.remove)):
            left = uids - modified
            if flags and left:
                command = cast(UIDStore, store_command(left, action, flags, silent=True))
                modified |= yield from self._store_unless_changed(command, since)
                # What was changed by us a moment ago is not as it was.
                since = None
        return modified

    def _store_unless_changed(self, command: UIDStore, since: int | None) -> Flow[UIDSet]:
        if since is None:
            yield from store(self._session, command)
            return UIDSet()
        stored = yield from store_unchanged(self._session, command, since)
        return UIDSet.of_parsed(stored.modified.merged)

    def _conflicts(self, uids: UIDSet, change: StoreFlags) -> Flow[tuple[FetchData, ...]]:
        """Return those of *uids* that do not have the flags that they were to get, or lose, anyhow."""
        found: list[FetchData] = []
        fetching = Fetching(self._session, uids, (FLAGS,))
        try:
            while not fetching.is_finished:
                yield from fetching.fill()
                while fetching.ready:
                    message = fetching.ready.popleft()
                    if not change.add <= message.flags or change.remove & message.flags:
                        found.append(message)
        finally:
            fetching.close()
        return tuple(found)

    # Removing.

    def _expunge(self, change: ExpungeMessages) -> Script:
        uids, vanished = self._divided(change)
        if uids:
            yield from self._set_deleted(uids, StoreAction.ADD)
            yield from self._remove(uids)
        self._put()
        yield Replayed(change, self._builder.state, vanished=vanished)

    def _set_deleted(self, uids: UIDSet, action: StoreAction) -> Flow[None]:
        yield from store(self._session, cast(UIDStore, store_command(uids, action, _DELETED, silent=True)))

    def _remove(self, uids: UIDSet) -> Flow[None]:
        """Expunge *uids* only; without UIDPLUS others lose `\\Deleted` meanwhile (section 4.2.4)."""
        if self._offers("UIDPLUS"):
            yield from uid_expunge(self._session, uids)
            return
        others = (yield from uid_search(self._session, (Deleted(),))) - uids
        if others:
            yield from self._set_deleted(others, StoreAction.REMOVE)
        yield from run(self._session, Expunge())
        if others:
            yield from self._set_deleted(others, StoreAction.ADD)

    # Moving.

    def _move(self, change: MoveMessages) -> Script:
        uids, vanished = self._divided(change)
        if uids and not self._offers("MOVE"):
            yield from self._copy(change, uids, vanished)
            return
        copied = (yield from move(self._session, UIDMove(uids, change.mailbox))) if uids else None
        self._put()
        yield Replayed(change, self._builder.state, vanished=vanished, copied=copied)

    def _copy(self, change: MoveMessages, uids: UIDSet, vanished: UIDSet) -> Script:
        """Copy, and let the removal be the next change: it may be carried out again, this may not."""
        now = yield from self._attempt_in(change.mailbox)
        if change.attempt is None:
            change = replace(change, attempt=now)
            self._put(change)
            yield Started(change, self._builder.state)
        elif change.attempt != now:
            self._put()
            yield Uncertain(change, self._builder.state)
            return
        copied = yield from copy(self._session, UIDCopy(uids, change.mailbox))
        self._put(ExpungeMessages(uids))
        yield Replayed(change, self._builder.state, vanished=vanished, copied=copied)

    def _attempt_in(self, mailbox: str) -> Flow[Attempt]:
        status = yield from mailbox_status(self._session, mailbox, ("UIDNEXT", "UIDVALIDITY"))
        return Attempt(status.uid_validity, status.uid_next)

    # Adding.

    def _add(self, change: AddMessage) -> Script:
        arrived = yield from self._has_arrived(change)
        if arrived is None:
            self._put()
            yield Uncertain(change, self._builder.state)
            return
        if arrived:
            validity = cast(int, self._builder.uid_validity)
            appended: Appended | None = Appended(validity, arrived.last(1).ranges[0][0])
        else:
            change = replace(change, attempt=Attempt(cast(int, self._builder.uid_validity), self._uid_next))
            self._put(change)
            yield Started(change, self._builder.state)
            appended = yield from self._append(change)
        self._put()
        yield Replayed(change, self._builder.state, appended=appended)

    def _has_arrived(self, change: AddMessage) -> Flow[UIDSet | None]:
        """Return the messages of which one is what an attempt before has added; None if nobody can tell."""
        attempt = change.attempt
        if attempt is None:
            return UIDSet()
        is_same = attempt.uid_validity == self._builder.uid_validity
        if change.message_id is None:
            return UIDSet() if is_same and attempt.uid_next == self._uid_next else None
        since = UIDSet.of_parsed(((attempt.uid_next if is_same else 1, STAR),))
        keys = UID(since), Header("Message-ID", change.message_id)
        # The last message is among n:* though its UID may be less.
        return (yield from uid_search(self._session, keys)) & UIDSet.of_parsed(
            ((since.ranges[0][0], STAR - 1),)
        )

    def _append(self, change: AddMessage) -> Flow[Appended | None]:
        view = self._session.conn.view
        mailbox = "" if view is None else view.mailbox
        message = yield Call(cast(MessageFinder, self._find), (change.message,))
        appended = yield from append(self._session, mailbox, message, change.flags, change.internal_date)
        if appended is not None:
            self._uid_next = max(self._uid_next, appended.uid + 1)
        return appended


_ACTIONS: Final[dict[type[LocalChange], Callable[[Replaying, Any], Script]]] = {
    StoreFlags: Replaying._store,
    AddMessage: Replaying._add,
    MoveMessages: Replaying._move,
    ExpungeMessages: Replaying._expunge,
}
"""Kind of change -> how it is carried out."""
