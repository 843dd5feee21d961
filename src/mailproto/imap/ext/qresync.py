"""QRESYNC: what changed and what vanished since a session before (RFC 7162 section 3.2).

It has to be switched on by ENABLE; then VANISHED stands for EXPUNGE. Mod-sequences are in
`mailproto.imap.ext.condstore`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Final, Self, final

from mailproto.errors import Defect, LocalProtocolError
from mailproto.imap._response import DataResponse, register_response
from mailproto.imap.codes import check_nz_number
from mailproto.imap.cursor import Cursor
from mailproto.imap.ext.condstore import ChangedSince, check_mod_seq
from mailproto.imap.parameters import FETCH_MODIFIERS, SELECT_PARAMETERS, Parameter, Parameters
from mailproto.imap.sequence import (
    NumberSet,
    SequenceSet,
    UIDSet,
    check_known,
    parse_sequence_set,
    parse_uid_range_set,
    write_sequence_set,
)
from mailproto.imap.writer import Writer

__all__ = ["VANISHED", "QResync", "VanishedData"]


@final
@SELECT_PARAMETERS.register
@dataclass(frozen=True, slots=True)
class QResync(Parameter):
    """QRESYNC: select, and tell what changed since `mod_seq` (section 3.2.5).

    `known_uids` limits that to messages that the client has; None: to all there were. `matches` is a sample
    of sequence numbers and the UIDs that the client believes they have, ascending, as many of each.
    """

    name: ClassVar[str] = "QRESYNC"
    capabilities: ClassVar[tuple[str, ...]] = ("QRESYNC",)
    enabled: ClassVar[str] = "QRESYNC"
    answers: ClassVar[tuple[str, ...]] = ("VANISHED", "FETCH")
    uid_validity: int
    mod_seq: int
    known_uids: UIDSet | None = None
    matches: tuple[SequenceSet, UIDSet] | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        check_nz_number(self.uid_validity)
        check_mod_seq(self.mod_seq)
        if self.known_uids is not None:
            check_known(self.known_uids, UIDSet)
        if self.matches is not None:
            _check_matches(*self.matches)

    # "QRESYNC" SP "(" uidvalidity SP mod-sequence-value [SP known-uids] [SP seq-match-data] ")"
    # seq-match-data      =  "(" known-sequence-set SP known-uid-set ")"
    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read the arguments in their parentheses."""
        cursor.expect(b" (")
        uid_validity = cursor.nz_number()
        cursor.sp()
        mod_seq = cursor.number64()
        known_uids = matches = None
        if cursor.accept(b" ") and cursor.peek() != b"(":
            known_uids = parse_uid_range_set(cursor)
            cursor.accept(b" ")
        if cursor.accept(b"("):
            numbers = parse_sequence_set(cursor, SequenceSet)
            cursor.sp()
            matches = numbers, parse_uid_range_set(cursor)
            cursor.expect(b")")
        cursor.expect(b")")
        return cls(uid_validity, mod_seq, known_uids, matches=matches)

    def write(self, writer: Writer) -> None:
        """Write the arguments in parentheses."""
        writer.write(b" (%d %d" % (self.uid_validity, self.mod_seq))
        if self.known_uids is not None:
            writer.write(b" ")
            write_sequence_set(writer, self.known_uids)
        if self.matches is not None:
            writer.write(b" (")
            write_sequence_set(writer, self.matches[0])
            writer.write(b" ")
            write_sequence_set(writer, self.matches[1])
            writer.write(b")")
        writer.write(b")")


def _check_matches(numbers: SequenceSet, uids: UIDSet) -> None:
    """Section 3.2.5.2: "Both MUST be provided in ascending order"."""
    check_known(numbers, SequenceSet)
    check_known(uids, UIDSet)
    if any(numbers_.ranges != numbers_.merged for numbers_ in map(_joined, (numbers, uids))):
        raise LocalProtocolError("expected sequence numbers and UIDs in ascending order")
    if len(numbers) != len(uids):
        raise LocalProtocolError(
            f"expected as many sequence numbers as UIDs, got {len(numbers)}, {len(uids)}"
        )


def _joined(numbers: NumberSet) -> NumberSet:
    """Return *numbers* with neighbouring ranges made one, the order kept."""
    joined: list[tuple[int, int]] = []
    for first, last in numbers.ranges:
        if joined and joined[-1][1] + 1 == first:
            first = joined.pop()[0]
        joined.append((first, last))
    return NumberSet.of_parsed(tuple(joined))


def _check_vanished(others: Parameters, command: str) -> None:
    """Section 3.2.6: only with UID FETCH, and "MUST only be specified together with ... CHANGEDSINCE"."""
    if command != "UID FETCH" or not any(isinstance(other, ChangedSince) for other in others):
        raise LocalProtocolError(f"{command}: expected VANISHED only in UID FETCH, beside CHANGEDSINCE")


VANISHED: Final = FETCH_MODIFIERS.simple(
    "VANISHED", "QRESYNC", enabled="QRESYNC", answers=("VANISHED",), check=_check_vanished
)
"""The modifier of UID FETCH that asks for the UIDs that are gone too (section 3.2.6)."""


@final
@register_response
@dataclass(frozen=True, slots=True)
class VanishedData(DataResponse):
    """VANISHED: these messages are gone (section 3.2.10).

    It stands for EXPUNGE once QRESYNC or UIDONLY is switched on. With `is_earlier` it answers QRESYNC or
    VANISHED: they are gone since long, and no sequence number changes.
    """

    name: ClassVar[str] = "VANISHED"
    uids: UIDSet
    is_earlier: bool = field(default=False, kw_only=True)
    defects: tuple[Defect, ...] = field(default=(), compare=False, repr=False, kw_only=True)

    def __post_init__(self) -> None:
        check_known(self.uids, UIDSet)

    # expunged-resp       =  "VANISHED" [SP "(EARLIER)"] SP known-uids
    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `[SP "(EARLIER)"] SP known-uids`."""
        is_earlier = cursor.accept_word(b" (EARLIER)")
        cursor.sp()
        return cls(parse_uid_range_set(cursor), is_earlier=is_earlier)

    def write(self, writer: Writer) -> None:
        """Write the name, the tag and the UIDs."""
        writer.write(b"VANISHED (EARLIER) " if self.is_earlier else b"VANISHED ")
        write_sequence_set(writer, self.uids)
