"""What was done to a copy of a mailbox offline, to be done on the server (RFC 4549 section 4.2).

Each change is a value that goes to JSON and back, so that the queue of them survives the process. Carrying
them out is in `mailproto.imap.replaying`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypeAlias, final

from mailproto.errors import LocalProtocolError
from mailproto.imap._json import JSONObject, json_object, member, optional, strings
from mailproto.imap.codes import check_nz_number
from mailproto.imap.dates import check_date_time
from mailproto.imap.ext.condstore import check_mod_seq
from mailproto.imap.flags import RECENT, flag_set
from mailproto.imap.mailbox import check_mailbox
from mailproto.imap.sequence import UIDSet, check_known

__all__ = [
    "AddMessage",
    "Attempt",
    "ExpungeMessages",
    "LocalChange",
    "MoveMessages",
    "StoreFlags",
    "change_of",
    "json_of",
    "uids_of",
]


@final
@dataclass(frozen=True, slots=True)
class StoreFlags:
    """Add and remove flags; never replace them all, which would undo what others did (section 4.2.3).

    With `unchanged_since`, the `mod_seq` of the state, no message is touched that others have changed after
    that. Of two such changes of one message the second conflicts with the first. Raises LocalProtocolError if
    there is no flag, or one is to be added and removed.
    """

    uids: UIDSet
    add: frozenset[str] = frozenset()
    remove: frozenset[str] = frozenset()
    unchanged_since: int | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        check_known(self.uids, UIDSet)
        object.__setattr__(self, "add", _flags(self.add))
        object.__setattr__(self, "remove", _flags(self.remove))
        if not self.add | self.remove or self.add & self.remove:
            raise LocalProtocolError("expected flags to add or to remove, none of them both")
        if self.unchanged_since is not None:
            check_mod_seq(self.unchanged_since)


@final
@dataclass(frozen=True, slots=True)
class Attempt:
    """The UIDVALIDITY and the UIDNEXT that a mailbox had when a message was about to be put there."""

    uid_validity: int
    uid_next: int

    def __post_init__(self) -> None:
        check_nz_number(self.uid_validity)
        check_nz_number(self.uid_next)


@final
@dataclass(frozen=True, slots=True)
class AddMessage:
    """Add a message to the mailbox (section 4.2.1); `message` is the name by which its octets are found.

    With `message_id`, as it stands in the message, it can be told whether it arrived when the connection is
    lost before the server has answered. `attempt` is what `mirror` notes for that.
    """

    message: str
    flags: frozenset[str] = frozenset()
    internal_date: datetime | None = field(default=None, kw_only=True)
    message_id: str | None = field(default=None, kw_only=True)
    attempt: Attempt | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if not isinstance(self.message, str):
            raise LocalProtocolError(f"expected the name of a message, got {type(self.message).__name__}")
        object.__setattr__(self, "flags", _flags(self.flags))
        if self.internal_date is not None:
            object.__setattr__(self, "internal_date", check_date_time(self.internal_date))
        if self.message_id is not None and not _is_message_id(self.message_id):
            raise LocalProtocolError(f"expected a Message-ID in ASCII, got {str(self.message_id)[:40]!r}")


@final
@dataclass(frozen=True, slots=True)
class MoveMessages:
    """Move messages to another mailbox (section 4.2.2.1).

    `attempt` is what `mirror` notes of that mailbox where the server has no MOVE.
    """

    uids: UIDSet
    mailbox: str
    attempt: Attempt | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        check_known(self.uids, UIDSet)
        object.__setattr__(self, "mailbox", check_mailbox(self.mailbox))


@final
@dataclass(frozen=True, slots=True)
class ExpungeMessages:
    """Remove messages for good (section 4.2.4): these, and no other that somebody has marked `\\Deleted`."""

    uids: UIDSet

    def __post_init__(self) -> None:
        check_known(self.uids, UIDSet)


LocalChange: TypeAlias = StoreFlags | AddMessage | MoveMessages | ExpungeMessages
"""One change in the queue."""


def uids_of(change: LocalChange) -> UIDSet:
    """Return the messages that *change* is about; none for one that is added."""
    return UIDSet() if isinstance(change, AddMessage) else change.uids


def _is_message_id(value: object) -> bool:
    return isinstance(value, str) and bool(value) and value.isascii() and value.isprintable()


def _flags(flags: frozenset[str]) -> frozenset[str]:
    checked = flag_set(flags)
    if RECENT in checked:
        raise LocalProtocolError("expected flags that clients can set, got \\Recent")
    return checked


# JSON: reading and writing stand together.


def _store_json(change: StoreFlags) -> JSONObject:
    return {
        "uids": str(change.uids),
        "add": sorted(change.add),
        "remove": sorted(change.remove),
        "unchanged_since": change.unchanged_since,
    }


def _store_of(data: JSONObject) -> StoreFlags:
    since = optional(data, "unchanged_since", int)
    return StoreFlags(_uids_of(data), strings(data, "add"), strings(data, "remove"), unchanged_since=since)


def _add_json(change: AddMessage) -> JSONObject:
    return {
        "message": change.message,
        "flags": sorted(change.flags),
        "internal_date": None if change.internal_date is None else change.internal_date.isoformat(),
        "message_id": change.message_id,
        "attempt": _attempt_json(change.attempt),
    }


def _add_of(data: JSONObject) -> AddMessage:
    return AddMessage(
        member(data, "message", str),
        strings(data, "flags"),
        internal_date=_date_of(optional(data, "internal_date", str)),
        message_id=optional(data, "message_id", str),
        attempt=_attempt_of(optional(data, "attempt", dict)),
    )


def _move_json(change: MoveMessages) -> JSONObject:
    return {"uids": str(change.uids), "mailbox": change.mailbox, "attempt": _attempt_json(change.attempt)}


def _move_of(data: JSONObject) -> MoveMessages:
    attempt = _attempt_of(optional(data, "attempt", dict))
    return MoveMessages(_uids_of(data), member(data, "mailbox", str), attempt=attempt)


def _expunge_json(change: ExpungeMessages) -> JSONObject:
    return {"uids": str(change.uids)}


def _expunge_of(data: JSONObject) -> ExpungeMessages:
    return ExpungeMessages(_uids_of(data))


def _uids_of(data: JSONObject) -> UIDSet:
    return UIDSet(member(data, "uids", str))


def _attempt_json(attempt: Attempt | None) -> JSONObject | None:
    return attempt and {"uid_validity": attempt.uid_validity, "uid_next": attempt.uid_next}


def _attempt_of(data: JSONObject | None) -> Attempt | None:
    if data is None:
        return None
    return Attempt(member(data, "uid_validity", int), member(data, "uid_next", int))


def _date_of(text: str | None) -> datetime | None:
    try:
        return None if text is None else datetime.fromisoformat(text)
    except ValueError:
        raise LocalProtocolError(f"internal_date: expected a date, got {str(text)[:40]!r}") from None


_FORMS: Final[dict[str, tuple[type, Callable[[Any], JSONObject], Callable[[JSONObject], LocalChange]]]] = {
    "store": (StoreFlags, _store_json, _store_of),
    "add": (AddMessage, _add_json, _add_of),
    "move": (MoveMessages, _move_json, _move_of),
    "expunge": (ExpungeMessages, _expunge_json, _expunge_of),
}
"""Name in JSON -> the kind of change, and how it is written and read."""

_NAMES: Final = {kind: (name, write) for name, (kind, write, _) in _FORMS.items()}


def json_of(change: LocalChange) -> JSONObject:
    """Return *change* as what JSON has: a mapping of names to strings, numbers, lists."""
    name, write = _NAMES[type(change)]
    return {"change": name, **write(change)}


def change_of(data: object) -> LocalChange:
    """Return the change that `json_of` wrote. Raises LocalProtocolError."""
    found = json_object(data, "a change")
    form = _FORMS.get(member(found, "change", str))
    if form is None:
        raise LocalProtocolError(f"expected one of {', '.join(_FORMS)}, got {str(found['change'])[:40]!r}")
    return form[2](found)
