"""A mail store in memory, for tests, demonstrations and small servers; it is lost when the process ends."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import takewhile
from typing import BinaryIO, Final

from mailproto import _ranges
from mailproto._ranges import Ranges
from mailproto.imap.sequence import UIDSet
from mailproto.store._flags import changed_flags
from mailproto.store._protocol import Changes, MailboxInfo, MessageGone, MessageInfo, StoreError
from mailproto.store._structure import Structure

__all__ = ["MemoryStore"]

MAX_HISTORY: Final = 10_000
"""Removed UIDs that a mailbox remembers with their mod-sequences; older ones are told without them."""


class MemoryStore:
    """A `MailStore` of bytes objects, with every optional method but `search`.

    `uid_validity` is that of the first mailbox, INBOX; each later one gets the next number. Give the time in
    seconds to a store that clients meet again after a restart, so that they notice.
    """

    blocking = False

    def __init__(self, *, uid_validity: int = 1) -> None:
        self._mailboxes: dict[str, _Mailbox] = {}
        self._subscribed: set[str] = set()
        self._next_uid_validity = uid_validity
        self._callbacks: dict[object, Callable[[str], object]] = {}
        self.create("INBOX")

    def mailboxes(self) -> list[MailboxInfo]:
        """Return every mailbox and every name that is subscribed to, sorted."""
        names = sorted(self._mailboxes.keys() | self._subscribed)
        return [MailboxInfo(name, self._uid_validity(name), name in self._subscribed) for name in names]

    def _uid_validity(self, name: str) -> int:
        mailbox = self._mailboxes.get(name)
        return mailbox.uid_validity if mailbox else 0

    def create(self, mailbox: str) -> None:
        """Create an empty mailbox."""
        self._require_free(mailbox)
        self._mailboxes[mailbox] = _Mailbox(self._next_uid_validity)
        self._next_uid_validity += 1
        self._tell(mailbox)

    def delete(self, mailbox: str) -> None:
        """Remove a mailbox with its messages."""
        self._mailbox(mailbox)
        del self._mailboxes[mailbox]
        self._tell(mailbox)

    def rename(self, mailbox: str, new: str) -> None:
        """Rename one mailbox; its UIDs and its `uid_validity` stay."""
        self._mailbox(mailbox)
        self._require_free(new)
        self._mailboxes[new] = self._mailboxes.pop(mailbox)
        self._tell(mailbox)
        self._tell(new)

    def subscribe(self, mailbox: str, subscribed: bool) -> None:
        """Put a name on the list of subscriptions, or take it off."""
        if subscribed:
            self._subscribed.add(mailbox)
        else:
            self._subscribed.discard(mailbox)

    def changes(self, mailbox: str, since: int) -> Changes:
        """Return what happened after the mod-sequence *since*."""
        return self._mailbox(mailbox).changes(since)

    def open(self, mailbox: str, uid: int) -> _MemoryBody:
        """Return the octets of a message; reading all of them at once copies nothing."""
        return _MemoryBody(self._mailbox(mailbox).message(uid).octets)

    def append(self, mailbox: str, octets: BinaryIO, flags: frozenset[str], internal_date: datetime) -> int:
        """Add a message and return its UID."""
        uid = self._mailbox(mailbox).add(octets.read(), flags, internal_date)
        self._tell(mailbox)
        return uid

    def set_flags(
        self,
        mailbox: str,
        uid: int,
        add: frozenset[str],
        remove: frozenset[str],
        unchanged_since: int | None,
    ) -> int | None:
        """Change the flags of a message and return its mod-sequence; None if it was changed since."""
        found = self._mailbox(mailbox)
        before = found.message(uid).info
        if unchanged_since is not None and before.mod_seq > unchanged_since:
            return None
        flags = changed_flags(before.flags, add, remove)
        if flags == before.flags:
            return before.mod_seq
        mod_seq = found.set_flags(uid, flags)
        self._tell(mailbox)
        return mod_seq

    def expunge(self, mailbox: str, uids: UIDSet) -> None:
        """Remove messages; who has one open can still read it."""
        found = self._mailbox(mailbox)
        if found.remove(list(found.select(uids))):
            self._tell(mailbox)

    def copy(self, mailbox: str, uids: UIDSet, destination: str) -> list[tuple[int, int]]:
        """Copy messages; both share their octets."""
        source, target = self._mailbox(mailbox), self._mailbox(destination)
        pairs = [(uid, target.adopt(source.message(uid))) for uid in list(source.select(uids))]
        if pairs:
            self._tell(destination)
        return pairs

    def move(self, mailbox: str, uids: UIDSet, destination: str) -> list[tuple[int, int]]:
        """Move messages in one step."""
        pairs = self.copy(mailbox, uids, destination)
        if self._mailbox(mailbox).remove([uid for uid, _ in pairs]):
            self._tell(mailbox)
        return pairs

    def watch(self, callback: Callable[[str], object]) -> Callable[[], object]:
        """Call *callback* with the name of each mailbox that changes; call the result to end that."""
        key = object()
        self._callbacks[key] = callback
        return lambda: self._callbacks.pop(key, None)

    def structure(self, mailbox: str, uid: int) -> Structure | None:
        """Return what was kept for this message, or None."""
        return self._mailbox(mailbox).message(uid).structure

    def keep_structure(self, mailbox: str, uid: int, structure: Structure) -> None:
        """Keep *structure* beside the message, if it is still there."""
        message = self._mailbox(mailbox).messages.get(uid)
        if message is not None:
            message.structure = structure

    def claim_recent(self, mailbox: str) -> int:
        """Return the lowest UID that nobody has been told of, and count all as told."""
        found = self._mailbox(mailbox)
        first, found.first_recent = found.first_recent, found.uid_next
        return first

    def _mailbox(self, name: str) -> _Mailbox:
        mailbox = self._mailboxes.get(name)
        if mailbox is None:
            raise StoreError("NONEXISTENT", "no such mailbox")
        return mailbox

    def _require_free(self, name: str) -> None:
        if name in self._mailboxes:
            raise StoreError("ALREADYEXISTS", "there is such a mailbox")

    def _tell(self, mailbox: str) -> None:
        for callback in tuple(self._callbacks.values()):
            callback(mailbox)


class _Message:
    __slots__ = ("info", "octets", "structure")

    def __init__(self, octets: bytes, info: MessageInfo) -> None:
        self.octets = octets
        self.info = info
        self.structure: Structure | None = None


class _MemoryBody:
    __slots__ = ("_octets",)

    def __init__(self, octets: bytes) -> None:
        self._octets = octets

    @property
    def size(self) -> int:
        return len(self._octets)

    def read(self, start: int, stop: int) -> bytes:
        return self._octets[start:stop]

    def close(self) -> None:
        """Hold nothing back: the octets live as long as somebody has them."""


class _Mailbox:
    """Messages by UID, in the order of their UIDs; `recency` has the UIDs in the order of mod-sequences."""

    __slots__ = ("first_recent", "messages", "mod_seq", "recency", "removed", "uid_next", "uid_validity")

    def __init__(self, uid_validity: int) -> None:
        self.uid_validity = uid_validity
        self.uid_next = 1
        self.mod_seq = 1
        self.first_recent = 1
        self.messages: dict[int, _Message] = {}
        self.recency: dict[int, None] = {}
        self.removed: deque[tuple[int, int]] = deque(maxlen=MAX_HISTORY)

    def message(self, uid: int) -> _Message:
        message = self.messages.get(uid)
        if message is None:
            raise MessageGone(uid)
        return message

    def select(self, uids: UIDSet) -> Iterator[int]:
        wanted = uids.resolve(next(reversed(self.messages), 0))
        if _ranges.count(wanted) < len(self.messages):
            return (uid for uid in _ranges.numbers(wanted) if uid in self.messages)
        return (uid for uid in self.messages if _ranges.contains(wanted, uid))

    def add(self, octets: bytes, flags: frozenset[str], internal_date: datetime) -> int:
        return self._put(octets, changed_flags(frozenset(), flags, frozenset()), internal_date).info.uid

    def adopt(self, other: _Message) -> int:
        message = self._put(other.octets, other.info.flags, other.info.internal_date)
        message.structure = other.structure
        return message.info.uid

    def _put(self, octets: bytes, flags: frozenset[str], internal_date: datetime) -> _Message:
        uid = self.uid_next
        self.uid_next += 1
        self.mod_seq += 1
        message = _Message(octets, MessageInfo(uid, flags, internal_date, len(octets), self.mod_seq))
        self.messages[uid] = message
        self.recency[uid] = None
        return message

    def set_flags(self, uid: int, flags: frozenset[str]) -> int:
        self.mod_seq += 1
        message = self.messages[uid]
        message.info = message.info._replace(flags=flags, mod_seq=self.mod_seq)
        del self.recency[uid]
        self.recency[uid] = None
        return self.mod_seq

    def remove(self, uids: list[int]) -> bool:
        if not uids:
            return False
        self.mod_seq += 1
        for uid in uids:
            del self.messages[uid]
            del self.recency[uid]
            self.removed.append((self.mod_seq, uid))
        return True

    def changes(self, since: int) -> Changes:
        return Changes(
            messages=self._changed(since),
            vanished=self._vanished(since),
            uid_validity=self.uid_validity,
            uid_next=self.uid_next,
            highest_mod_seq=self.mod_seq,
            first_recent=self.first_recent,
        )

    def _changed(self, since: int) -> list[MessageInfo]:
        if since == 0:
            return [message.info for message in self.messages.values()]
        infos = (self.messages[uid].info for uid in reversed(self.recency))
        return sorted(takewhile(lambda info: info.mod_seq > since, infos))

    def _vanished(self, since: int) -> Ranges:
        if since == 0 or since >= self.mod_seq:
            return ()
        if len(self.removed) == MAX_HISTORY and self.removed[0][0] > since:
            return self._missing()
        later = takewhile(lambda removed: removed[0] > since, reversed(self.removed))
        return _ranges.from_numbers(uid for _, uid in later)

    def _missing(self) -> Ranges:
        return _ranges.difference(((1, self.uid_next - 1),), _ranges.from_numbers(self.messages))
