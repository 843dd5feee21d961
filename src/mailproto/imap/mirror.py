"""The steps of a synchronization of a mailbox with its copy (RFC 4549).

`IMAPClient.mirror` takes the state of the copy and gives these steps. Each carries the state that is right
once the caller has stored that step, so nothing is lost or doubled wherever it stops.

The names here are general: `from mailproto.imap import mirror`, then `mirror.New`. How it is done is in
`mailproto.imap.mirroring`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias, final

from mailproto.errors import IMAPStatusError
from mailproto.imap.client_flows import Appended, MessageSource
from mailproto.imap.ext.uidplus import CopyUIDCode
from mailproto.imap.fetch_data import FetchData
from mailproto.imap.local_changes import (
    AddMessage,
    Attempt,
    ExpungeMessages,
    LocalChange,
    MoveMessages,
    StoreFlags,
)
from mailproto.imap.mirror_state import MirrorState, flags_digest
from mailproto.imap.sequence import UIDSet

__all__ = [
    "AddMessage",
    "Attempt",
    "Changed",
    "ExpungeMessages",
    "InSync",
    "LocalChange",
    "MessageFinder",
    "MirrorState",
    "MirrorStep",
    "MoveMessages",
    "New",
    "Refused",
    "Replayed",
    "Reset",
    "Started",
    "StoreFlags",
    "Uncertain",
    "Vanished",
    "flags_digest",
]

MessageFinder: TypeAlias = Callable[[str], MessageSource]
"""Gives the octets of the message of an `AddMessage`; in asyncio it may be a coroutine function."""


@final
@dataclass(frozen=True, slots=True)
class New:
    """Messages that the copy does not have yet, with their flags and the items that were asked for."""

    messages: tuple[FetchData, ...]
    state: MirrorState


@final
@dataclass(frozen=True, slots=True)
class Changed:
    """Messages that the copy has, with the flags that they have now; it may have them with the same ones."""

    messages: tuple[FetchData, ...]
    state: MirrorState


@final
@dataclass(frozen=True, slots=True)
class Vanished:
    """Messages that the copy has and the server has no more."""

    uids: UIDSet
    state: MirrorState


@final
@dataclass(frozen=True, slots=True)
class Reset:
    """The UIDs of before mean nothing any more: the copy is to be emptied (RFC 4549 section 4.1).

    UIDVALIDITY is another one, UIDs do not last (UIDNOTSTICKY), or they begin anew although it is the same.
    `dropped` are changes of the queue that named messages by their UIDs: they were not carried out.
    """

    state: MirrorState
    dropped: tuple[LocalChange, ...] = ()


@final
@dataclass(frozen=True, slots=True)
class Started:
    """A change is about to be carried out that must not be carried out twice: store the state first.

    With it, the next synchronization can tell whether it was, if the connection is lost now.
    """

    change: LocalChange
    state: MirrorState


@final
@dataclass(frozen=True, slots=True)
class Replayed:
    """A change of the queue was carried out.

    Not for those of its messages that were gone, `vanished`, perhaps because it was carried out just before
    the connection was lost; and not for `conflicts`, which others have changed meanwhile, with the flags that
    they have now: only a `StoreFlags` with `unchanged_since` has such.
    `appended` says where an added message is, and `copied` which UIDs moved messages have now, if the server
    tells that (UIDPLUS).
    """

    change: LocalChange
    state: MirrorState
    vanished: UIDSet = field(default_factory=UIDSet, kw_only=True)
    conflicts: tuple[FetchData, ...] = field(default=(), kw_only=True)
    appended: Appended | None = field(default=None, kw_only=True)
    copied: CopyUIDCode | None = field(default=None, kw_only=True)


@final
@dataclass(frozen=True, slots=True)
class Refused:
    """The server refused a change. It stays in the queue if `error.is_transient`, else it is dropped."""

    change: LocalChange
    error: IMAPStatusError
    state: MirrorState


@final
@dataclass(frozen=True, slots=True)
class Uncertain:
    """The connection was lost while a change was carried out, and nobody can tell whether it was.

    It is in the queue no more: look, and queue it again or not. This happens to an `AddMessage` without
    `message_id`, and to a `MoveMessages` on a server without MOVE, when something came into the mailbox.
    """

    change: LocalChange
    state: MirrorState


@final
@dataclass(frozen=True, slots=True)
class InSync:
    """The copy has what the server had when the mailbox was selected: the last step, which always comes."""

    state: MirrorState


MirrorStep: TypeAlias = New | Changed | Vanished | Reset | Started | Replayed | Refused | Uncertain | InSync
"""What `mirror` gives, one after the other."""
