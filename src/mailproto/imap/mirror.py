"""The steps of a synchronization of a mailbox with its copy (RFC 4549).

`IMAPClient.mirror` takes the state of the copy and gives these steps. Each carries the state that is right
once the caller has stored that step, so nothing is lost or doubled wherever it stops.

The names here are general: `from mailproto.imap import mirror`, then `mirror.New`. How it is done is in
`mailproto.imap.mirroring`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias, final

from mailproto.imap.fetch_data import FetchData
from mailproto.imap.mirror_state import MirrorState, flags_digest
from mailproto.imap.sequence import UIDSet

__all__ = ["Changed", "InSync", "MirrorState", "MirrorStep", "New", "Reset", "Vanished", "flags_digest"]


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
    """

    state: MirrorState


@final
@dataclass(frozen=True, slots=True)
class InSync:
    """The copy has what the server had when the mailbox was selected: the last step, which always comes."""

    state: MirrorState


MirrorStep: TypeAlias = New | Changed | Vanished | Reset | InSync
"""What `mirror` gives, one after the other."""
