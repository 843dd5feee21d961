"""What an application is told of changes that it did not ask for: made from unsolicited responses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias, cast, final

from mailproto.imap.ext.annotate import CHANGED_ANNOTATIONS
from mailproto.imap.ext.notify import NOTIFICATIONOVERFLOW
from mailproto.imap.ext.qresync import VanishedData
from mailproto.imap.ext.uidonly import UIDFetchData
from mailproto.imap.fetch import FLAGS, UID
from mailproto.imap.fetch_data import FetchData
from mailproto.imap.responses import (
    CapabilityData,
    DataResponse,
    EnabledData,
    ExistsData,
    ExpungeData,
    RecentData,
    UnreadResponse,
)
from mailproto.imap.sequence import UIDSet
from mailproto.imap.status import Bad, Bye, No, Ok, PreAuth, StatusResponse
from mailproto.imap.view import MailboxView

__all__ = [
    "Alert",
    "AnnotationsChanged",
    "Expunged",
    "FlagsChanged",
    "MailboxChanged",
    "NewMessages",
    "News",
    "NotificationsStopped",
    "Update",
    "Vanished",
    "abridged",
    "annotations_changed",
    "flags_changed",
    "news_of",
]


@final
@dataclass(frozen=True, slots=True)
class NewMessages:
    """Messages have come: their UIDs, and how many messages the mailbox has now.

    `messages` are what else has come of them, where something was asked for: by NOTIFY (RFC 5465 section 5.2)
    or by `watch`. What is too much to be kept until somebody takes it is left out, but for UID and flags. The
    UIDs are empty if the server does not tell them.
    """

    uids: UIDSet
    exists: int
    messages: tuple[FetchData, ...] = ()


@final
@dataclass(frozen=True, slots=True)
class Expunged:
    """A message is gone: the sequence number that it had, and its UID if that was known."""

    sequence_number: int
    uid: int | None


@final
@dataclass(frozen=True, slots=True)
class Vanished:
    """Messages are gone: their UIDs, as a server tells it after ENABLE QRESYNC (RFC 7162) or UIDONLY."""

    uids: UIDSet


@final
@dataclass(frozen=True, slots=True)
class FlagsChanged:
    """The flags of a message are others now; the UID is None if it is not known.

    After ENABLE UIDONLY (RFC 9586) there is always a UID, and `sequence_number` is None.
    """

    sequence_number: int | None
    uid: int | None
    flags: frozenset[str]


@final
@dataclass(frozen=True, slots=True)
class AnnotationsChanged:
    """Somebody else has changed annotations of a message: the entries, as "/comment" (RFC 5257 section 4.4).

    A server tells it after `select` with `annotate`; the UID is None if it is not known, the
    sequence number after ENABLE UIDONLY.
    """

    sequence_number: int | None
    uid: int | None
    entries: tuple[str, ...]


@final
@dataclass(frozen=True, slots=True)
class MailboxChanged:
    """Something else has changed, of this mailbox or of another one; `data` is the response that says so."""

    data: DataResponse


@final
@dataclass(frozen=True, slots=True)
class Alert:
    """The server wants the user to read this (RFC 3501 section 7.1, ALERT)."""

    text: str


@final
@dataclass(frozen=True, slots=True)
class NotificationsStopped:
    """The server tells no more of what NOTIFY has asked for: it was too much (RFC 5465 section 5.8)."""

    text: str = ""


Update: TypeAlias = (
    NewMessages
    | Expunged
    | Vanished
    | FlagsChanged
    | AnnotationsChanged
    | MailboxChanged
    | NotificationsStopped
    | Alert
)

News: TypeAlias = Update | ExistsData | FetchData
"""What a response that answers no command says.

EXISTS stands for new messages whose UIDs are not known, FETCH for what may be one, under NOTIFY.
"""


def news_of(event: object, view: MailboxView | None) -> News | None:
    """Return what *event*, a response that answers no command, says as *view* stands now; None: nothing."""
    return _NEWS.get(type(event), _changed)(event, view)


def flags_changed(event: object, view: MailboxView | None) -> FlagsChanged | None:
    """Return what FETCH says of flags, None if it says nothing."""
    data = cast(FetchData, event)
    flags = data.get(FLAGS)
    if flags is None:
        return None
    return FlagsChanged(_number_of(data), _uid_of(data, view), flags)


def _uid_of(data: FetchData, view: MailboxView | None) -> int | None:
    uid = data.get(UID)
    return view.uid(data.sequence_number) if uid is None and view is not None else uid


def annotations_changed(data: FetchData, view: MailboxView | None) -> AnnotationsChanged | None:
    """Return what *data* says of annotations that somebody has changed; None: nothing."""
    if CHANGED_ANNOTATIONS not in data:
        return None
    return AnnotationsChanged(_number_of(data), _uid_of(data, view), data[CHANGED_ANNOTATIONS])


def abridged(data: FetchData) -> FetchData:
    """Return *data*, which has a UID, with nothing but that and its flags."""
    flags = data.get(FLAGS)
    return type(data)(data.number, UID.answer(data.uid), *(() if flags is None else (FLAGS.answer(flags),)))


def _number_of(data: FetchData) -> int | None:
    """Return the sequence number of the message, None where there are none (RFC 9586)."""
    return None if isinstance(data, UIDFetchData) else data.number


def _expunged(event: object, view: MailboxView | None) -> News | None:
    number = cast(ExpungeData, event).sequence_number
    return Expunged(number, None if view is None else view.expunged_uid)


def _vanished(event: object, _view: MailboxView | None) -> News | None:
    vanished = cast(VanishedData, event)
    return None if vanished.is_earlier else Vanished(vanished.uids)


def _said(event: object, _view: MailboxView | None) -> News | None:
    status = cast(StatusResponse, event)
    kind = NotificationsStopped if status.code == NOTIFICATIONOVERFLOW else Alert
    return kind(status.text)


def _exists(event: object, _view: MailboxView | None) -> News | None:
    return cast(ExistsData, event)


def _changed(event: object, _view: MailboxView | None) -> News | None:
    return MailboxChanged(cast(DataResponse, event))


def _nothing(_event: object, _view: MailboxView | None) -> News | None:
    return None


_NEWS: Final[dict[type, Callable[[object, MailboxView | None], News | None]]] = {
    FetchData: flags_changed,
    UIDFetchData: flags_changed,
    ExpungeData: _expunged,
    VanishedData: _vanished,
    ExistsData: _exists,
    RecentData: _nothing,
    CapabilityData: _nothing,
    EnabledData: _nothing,
    UnreadResponse: _nothing,
    **dict.fromkeys((Ok, No, Bad, Bye, PreAuth), _said),
}
"""Kind of response -> what it says, if it answers no command; `MailboxChanged` for one that is not here."""
