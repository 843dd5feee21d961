"""What a copy of a mailbox knows between two synchronizations, as a value that goes to JSON and back.

It is small: sets of UIDs are ranges. `mailproto.imap.mirroring` moves it on, step by step.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Final, Self, final

from mailproto import _ranges
from mailproto._ranges import Ranges
from mailproto.errors import LocalProtocolError
from mailproto.imap._json import JSONObject, json_object, member, optional
from mailproto.imap.codes import check_nz_number
from mailproto.imap.ext.condstore import check_mod_seq
from mailproto.imap.fetch import FLAGS
from mailproto.imap.fetch_data import FetchData
from mailproto.imap.flags import RECENT
from mailproto.imap.local_changes import LocalChange, change_of, json_of, uids_of
from mailproto.imap.sequence import UIDSet, check_known

__all__ = ["MirrorState", "StateBuilder", "flags_digest"]

VERSION: Final = 1
MAX_JSON: Final = 67_108_864
"""Octets of a state in JSON that are read; 200,000 messages with UIDs far apart take 2 MiB."""
MAX_DIGESTS: Final = 1_000
"""Combinations of flags that are remembered; messages with others are told as changed every time."""


def flags_digest(flags: Iterable[str]) -> str:
    """Return what stands for *flags* in a state: 16 hexadecimal digits, the same in any order.

    `\\Recent` does not count: it belongs to a session (RFC 3501 section 2.3.2).
    """
    octets = "\n".join(sorted(set(flags) - {RECENT})).encode("utf-8", "surrogateescape")
    return blake2b(octets, digest_size=8).hexdigest()


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorState:
    """What a copy of a mailbox knows; `MirrorState()` knows nothing.

    `known` are the messages that it has: all those below `uid_next`, and perhaps some above. All that
    happened to them up to `mod_seq` has been told. That is None where the server has no mod-sequences, or
    where they cannot be relied on; then `digests` are the flags that have been told (`flags_digest`), each
    with the messages that have them. `changes` is the queue of what is to be done on the server. Raises
    LocalProtocolError for what cannot be.
    """

    uid_validity: int | None = None
    uid_next: int = 1
    mod_seq: int | None = None
    known: UIDSet = field(default_factory=UIDSet)
    digests: tuple[tuple[str, UIDSet], ...] = ()
    changes: tuple[LocalChange, ...] = ()

    def __post_init__(self) -> None:
        check_nz_number(self.uid_next)
        if self.mod_seq is not None:
            check_mod_seq(self.mod_seq)
        if self.uid_validity is not None:
            check_nz_number(self.uid_validity)
        elif self.known or self.mod_seq is not None or self.digests or self.uid_next != 1:
            raise LocalProtocolError("expected nothing to be known without a UIDVALIDITY")
        if self.mod_seq is not None and self.digests:
            raise LocalProtocolError("expected digests of flags only where there is no mod-sequence")
        object.__setattr__(self, "known", _merged(self.known))
        digests = {digest: _merged(uids) for digest, uids in self.digests}
        _check_digests(digests, len(self.digests))
        object.__setattr__(self, "digests", tuple(sorted(digests.items())))
        if not all(isinstance(change, LocalChange) for change in self.changes):
            raise LocalProtocolError(
                "changes: expected StoreFlags, AddMessage, MoveMessages, ExpungeMessages"
            )
        object.__setattr__(self, "changes", tuple(self.changes))

    @classmethod
    def of_parsed(
        cls,
        uid_validity: int | None,
        uid_next: int,
        mod_seq: int | None,
        known: Ranges,
        digests: Mapping[str, Ranges],
        changes: tuple[LocalChange, ...] = (),
    ) -> Self:
        """Return the state of what is known to be right; skips validation."""
        new = cls.__new__(cls)
        sets = tuple((digest, UIDSet.of_parsed(uids)) for digest, uids in sorted(digests.items()))
        values = uid_validity, uid_next, mod_seq, UIDSet.of_parsed(known), sets, changes
        for name, value in zip(cls.__slots__, values, strict=True):
            object.__setattr__(new, name, value)
        return new

    def queued(self, *changes: LocalChange) -> MirrorState:
        """Return the state with *changes* at the end of the queue (RFC 4549 section 4.2).

        Raises LocalProtocolError if one is about messages that the copy does not have.
        """
        for change in changes:
            unknown = uids_of(change) - self.known
            if unknown:
                raise LocalProtocolError(f"expected messages that are known, got {str(unknown)[:40]}")
        return replace(self, changes=(*self.changes, *changes))

    def to_json(self) -> str:
        """Return the state as JSON, in ASCII, on one line."""
        data = {
            "version": VERSION,
            "uid_validity": self.uid_validity,
            "uid_next": self.uid_next,
            "mod_seq": self.mod_seq,
            "known": str(self.known),
            "digests": {digest: str(uids) for digest, uids in self.digests},
            "changes": [json_of(change) for change in self.changes],
        }
        return json.dumps(data, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str | bytes) -> MirrorState:
        """Return the state that `to_json` wrote. Raises LocalProtocolError for anything else."""
        data = _parsed(text)
        if member(data, "version", int) != VERSION:
            raise LocalProtocolError(f"version: expected {VERSION}, got {data['version']}")
        return cls(
            uid_validity=optional(data, "uid_validity", int),
            uid_next=member(data, "uid_next", int),
            mod_seq=optional(data, "mod_seq", int),
            known=UIDSet(member(data, "known", str)),
            digests=tuple(_digests_of(member(data, "digests", dict))),
            changes=tuple(map(change_of, member(data, "changes", list))),
        )


def _parsed(text: str | bytes) -> JSONObject:
    if len(text) > MAX_JSON:
        raise LocalProtocolError(f"expected a state of at most {MAX_JSON} octets, got {len(text)}")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        raise LocalProtocolError("expected a state in JSON") from None
    return json_object(data, "a state in JSON")


def _digests_of(data: JSONObject) -> Iterable[tuple[str, UIDSet]]:
    return ((digest, UIDSet(member(data, digest, str))) for digest in data)


def _merged(uids: UIDSet) -> UIDSet:
    """Return *uids* ascending, as few ranges as possible. Raises LocalProtocolError for `*` and `$`."""
    if uids:
        check_known(uids, UIDSet)
    return uids if uids.merged == uids.ranges else UIDSet.of_parsed(uids.merged)


def _check_digests(digests: Mapping[str, UIDSet], count: int) -> None:
    """Raise LocalProtocolError for what is no digest, and for a message that has two."""
    for digest in digests:
        if len(digest) != 16 or digest.strip("0123456789abcdef"):
            raise LocalProtocolError(f"expected a digest of flags, got {digest[:40]!r}")
    if len(digests) > MAX_DIGESTS or len(digests) != count:
        raise LocalProtocolError(f"expected at most {MAX_DIGESTS} digests, none twice, got {count}")
    every = _ranges.merge(pair for uids in digests.values() for pair in uids.ranges)
    if _ranges.count(every) != sum(map(len, digests.values())):
        raise LocalProtocolError("expected one digest of flags for a message, got two")


@final
class StateBuilder:
    """A state while it moves on; `state` is a picture of it."""

    __slots__ = ("_digests", "_known", "_mod_seq", "changes", "uid_next", "uid_validity")

    def __init__(self, state: MirrorState) -> None:
        self.uid_validity: int | None = state.uid_validity
        self.uid_next: int = state.uid_next
        self._mod_seq: int | None = state.mod_seq
        self._known: Ranges = state.known.merged
        self._digests: dict[str, Ranges] = {digest: uids.merged for digest, uids in state.digests}
        self.changes: tuple[LocalChange, ...] = state.changes

    @property
    def state(self) -> MirrorState:
        """The state as it is now."""
        return MirrorState.of_parsed(
            self.uid_validity, self.uid_next, self._mod_seq, self._known, self._digests, self.changes
        )

    @property
    def known(self) -> Ranges:
        """The messages that the copy has."""
        return self._known

    @property
    def mod_seq(self) -> int | None:
        """The mod-sequence up to which all has been told; with one there are no digests."""
        return self._mod_seq

    @mod_seq.setter
    def mod_seq(self, mod_seq: int | None) -> None:
        self._mod_seq = mod_seq
        if mod_seq is not None:
            self._digests = {}

    def reset(self, uid_validity: int | None) -> tuple[LocalChange, ...]:
        """Know nothing of a mailbox with this UIDVALIDITY; return the changes that mean nothing any more."""
        self.uid_validity, self.uid_next, self._mod_seq = uid_validity, 1, None
        self._known, self._digests = (), {}
        dropped = tuple(change for change in self.changes if uids_of(change))
        self.changes = tuple(change for change in self.changes if not uids_of(change))
        return dropped

    def add(self, messages: Iterable[FetchData]) -> None:
        """Note that the copy has *messages*."""
        self._known = _joined(self._known, _ranges.from_numbers(message.uid for message in messages))

    def forget(self, gone: Ranges) -> None:
        """Note that the copy does not have *gone* any more."""
        self._known = _ranges.difference(self._known, gone)
        self._clear_digests(gone)

    def note_flags(self, messages: Iterable[FetchData]) -> None:
        """Note that the flags of *messages* have been told, unless a mod-sequence says that."""
        if self._mod_seq is not None:
            return
        by_digest: dict[str, list[int]] = {}
        for message in messages:
            by_digest.setdefault(_digest_of(message), []).append(message.uid)
        self._clear_digests(_ranges.from_numbers(uid for uids in by_digest.values() for uid in uids))
        for digest, uids in by_digest.items():
            if digest in self._digests or len(self._digests) < MAX_DIGESTS:
                self._digests[digest] = _joined(self._digests.get(digest, ()), _ranges.from_numbers(uids))

    def is_told(self, message: FetchData) -> bool:
        """Whether the flags of *message* are noted as they are."""
        return _ranges.contains(self._digests.get(_digest_of(message), ()), message.uid)

    def _clear_digests(self, uids: Ranges) -> None:
        left = {digest: _ranges.difference(ranges, uids) for digest, ranges in self._digests.items()}
        self._digests = {digest: ranges for digest, ranges in left.items() if ranges}


def _digest_of(message: FetchData) -> str:
    return flags_digest(message.get(FLAGS) or ())


def _joined(ranges: Ranges, more: Ranges) -> Ranges:
    """Return both; quick where *more* lies above."""
    if ranges and more and ranges[-1][1] + 1 < more[0][0]:
        return ranges + more
    return _ranges.merge((*ranges, *more))
