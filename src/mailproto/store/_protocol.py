"""What a mail store is: one account with mailboxes, messages with UIDs, flags and mod-sequences.

A store knows nothing of sessions, sequence numbers or the wire. Each method may be plain or async; a store
with `blocking = True` is called in a thread, and no store that does not say `concurrent = True` is called
twice at once. What makes a store fast is optional and stands in the `Supports...` protocols.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, Protocol, TypeAlias, TypeVar, runtime_checkable

from mailproto._ranges import Ranges

if TYPE_CHECKING:
    from mailproto.imap.search import SearchKey
    from mailproto.imap.sequence import UIDSet
    from mailproto.store._structure import Structure

__all__ = [
    "NOTHING_SINCE",
    "Body",
    "Changes",
    "MailStore",
    "MailboxInfo",
    "MessageGone",
    "MessageInfo",
    "Result",
    "StoreError",
    "SupportsCopy",
    "SupportsMove",
    "SupportsRecent",
    "SupportsSearch",
    "SupportsStructure",
    "SupportsWatch",
]

ResultT = TypeVar("ResultT")

Result: TypeAlias = ResultT | Awaitable[ResultT]
"""What a method of a store returns: the value, or an awaitable of it."""

NOTHING_SINCE = 2**63 - 1
"""As `since` of `changes`: above every mod-sequence (RFC 7162 section 3.1), so no message is listed."""


class StoreError(Exception):
    """A store refuses; the session answers a tagged NO with this code and text.

    `code` is the name of a response code without arguments (RFC 3501 section 7.1, RFC 5530), such as
    "NONEXISTENT" or "OVERQUOTA"; "" for none.
    """

    def __init__(self, code: str, text: str) -> None:
        super().__init__(code, text)
        self.code = code
        self.text = text

    def __str__(self) -> str:
        return f"[{self.code}] {self.text}" if self.code else self.text


class MessageGone(StoreError):
    """There is no message with this UID (any more)."""

    def __init__(self, uid: int) -> None:
        super().__init__("EXPUNGEISSUED", f"no message with UID {uid}")
        self.uid = uid


@dataclass(frozen=True, slots=True)
class MailboxInfo:
    """One name of an account.

    `name` is the decoded name with "/" between levels; INBOX is written so. `uid_validity` is 0 for a name
    that is subscribed to and names no mailbox (RFC 3501 section 6.3.9). `special_use` holds attributes of
    RFC 6154, such as `\\\\Sent`.
    """

    name: str
    uid_validity: int
    subscribed: bool = False
    special_use: frozenset[str] = frozenset()

    @property
    def exists(self) -> bool:
        """True if there is a mailbox of this name."""
        return self.uid_validity != 0


class MessageInfo(NamedTuple):
    """What is known of a message without its octets; `size` is in octets, `internal_date` has a zone.

    Flags are as clients write them, system flags spelled as in RFC 3501 section 2.3.2; `\\\\Recent` is never
    among them, since it belongs to sessions.
    """

    uid: int
    flags: frozenset[str]
    internal_date: datetime
    size: int
    mod_seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What happened in a mailbox after a mod-sequence.

    `messages` are those that came or whose flags changed, ascending by UID. `vanished` holds every UID that
    was removed since, as ascending ranges; it may hold more UIDs that do not exist (RFC 7162 section 3.2.10).
    `uid_next` is above every UID given so far. `first_recent` is the lowest UID that no session has been told
    of yet, None if the store does not know (RFC 3501 section 2.3.2, `\\\\Recent`).
    """

    messages: Sequence[MessageInfo]
    vanished: Ranges
    uid_validity: int
    uid_next: int
    highest_mod_seq: int
    first_recent: int | None = None


class Body(Protocol):
    """The octets of one message, readable until closed, whatever happens to the message."""

    @property
    def size(self) -> int:
        """Octets of the whole message."""
        ...

    def read(self, start: int, stop: int) -> Result[bytes]:
        """Return the octets from *start* to before *stop*, fewer only where the message ends."""
        ...

    def close(self) -> Result[None]:
        """Let go of it; it is called once."""
        ...


class MailStore(Protocol):
    """One account. Every mailbox that is named must exist, else StoreError("NONEXISTENT", ...).

    INBOX always exists. Names that arrive are the client's, INBOX already in capitals; a store refuses what
    it cannot hold with StoreError("CANNOT", ...). UIDs only grow, and a mailbox that is deleted and created
    again has another `uid_validity`.
    """

    @property
    def blocking(self) -> bool:
        """True if calls may wait for a disk or another program, so that they need a thread."""
        ...

    def mailboxes(self) -> Result[Iterable[MailboxInfo]]:
        """Return every mailbox, and every name that is subscribed to, in any order."""
        ...

    def create(self, mailbox: str) -> Result[None]:
        """Create an empty mailbox; StoreError("ALREADYEXISTS", ...) if there is one."""
        ...

    def delete(self, mailbox: str) -> Result[None]:
        """Remove a mailbox with its messages; mailboxes below it, and its subscription, stay."""
        ...

    def rename(self, mailbox: str, new: str) -> Result[None]:
        """Rename this one mailbox, never INBOX; its messages keep their UIDs, other names are untouched.

        Raises StoreError("ALREADYEXISTS", ...) if there is a mailbox *new*.
        """
        ...

    def subscribe(self, mailbox: str, subscribed: bool) -> Result[None]:
        """Put a name on the list of subscriptions, or take it off; the mailbox need not exist."""
        ...

    def changes(self, mailbox: str, since: int) -> Result[Changes]:
        """Return what happened after the mod-sequence *since*; 0: everything, `NOTHING_SINCE`: no message."""
        ...

    def open(self, mailbox: str, uid: int) -> Result[Body]:
        """Return the octets of a message; `MessageGone` if there is none."""
        ...

    def append(
        self, mailbox: str, octets: BinaryIO, flags: frozenset[str], internal_date: datetime
    ) -> Result[int]:
        """Add a message, read from *octets* to their end, and return its UID.

        When this returns, the message is kept; when it raises, nothing has changed.
        """
        ...

    def set_flags(
        self,
        mailbox: str,
        uid: int,
        add: frozenset[str],
        remove: frozenset[str],
        unchanged_since: int | None,
    ) -> Result[int | None]:
        """Change the flags of a message at once and return its mod-sequence, a new one if they changed.

        Flags are compared without regard to case. With *unchanged_since*, return None and change nothing if
        the message has a greater mod-sequence. `MessageGone` if there is no such message.
        """
        ...

    def expunge(self, mailbox: str, uids: UIDSet) -> Result[None]:
        """Remove the messages with these UIDs, whatever their flags; others are passed over."""
        ...


@runtime_checkable
class SupportsCopy(Protocol):
    """A store that copies without the octets passing through the session."""

    def copy(self, mailbox: str, uids: UIDSet, destination: str) -> Result[Sequence[tuple[int, int]]]:
        """Copy all of these messages or none, and return pairs of (UID, new UID), ascending.

        Flags and internal dates are kept; UIDs that are not there are passed over.
        """
        ...


@runtime_checkable
class SupportsMove(Protocol):
    """A store that moves in one step."""

    def move(self, mailbox: str, uids: UIDSet, destination: str) -> Result[Sequence[tuple[int, int]]]:
        """Do as `SupportsCopy.copy`, and remove the messages from *mailbox* in the same step (RFC 6851)."""
        ...


@runtime_checkable
class SupportsWatch(Protocol):
    """A store that tells when something changed; without it, sessions ask while they idle."""

    def watch(self, callback: Callable[[str], object]) -> Callable[[], object]:
        """Call *callback* with the name of each mailbox that changes, and return what ends that.

        The callback is quick, may be called from any thread and inside any method, and calls no method of the
        store. This method and what it returns are plain, not async, do not block, and may be called from any
        thread.
        """
        ...


@runtime_checkable
class SupportsStructure(Protocol):
    """A store that keeps, beside each message, what was found when it was scanned."""

    def structure(self, mailbox: str, uid: int) -> Result[Structure | None]:
        """Return what was kept for this message, or None."""
        ...

    def keep_structure(self, mailbox: str, uid: int, structure: Structure) -> Result[None]:
        """Keep *structure* for this message; a store may forget it, and passes over UIDs that are gone."""
        ...


@runtime_checkable
class SupportsRecent(Protocol):
    """A store that knows which messages no session has been told of."""

    def claim_recent(self, mailbox: str) -> Result[int]:
        """Return `Changes.first_recent` and set it to `uid_next`, in one step."""
        ...


@runtime_checkable
class SupportsSearch(Protocol):
    """A store with an index of its own."""

    def search(self, mailbox: str, key: SearchKey) -> Result[Ranges | None]:
        """Return the UIDs that match, as ascending ranges, or None if this key is not one for the index.

        Sequence sets are replaced by UID sets before the call.
        """
        ...
