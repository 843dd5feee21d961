"""UIDPLUS: UID EXPUNGE, and codes that say which UIDs new messages got (RFC 4315)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self, final

from mailproto.errors import LocalProtocolError
from mailproto.imap.codes import ResponseCode, check_nz_number, register_code
from mailproto.imap.command import Command, register_command
from mailproto.imap.cursor import Cursor
from mailproto.imap.needs import Need
from mailproto.imap.sequence import UIDSet, parse_sequence_set, parse_uid_range_set, write_sequence_set
from mailproto.imap.writer import Writer

__all__ = ["AppendUIDCode", "CopyUIDCode", "UIDExpunge"]


@final
@register_command
@dataclass(frozen=True, slots=True)
class UIDExpunge(Command):
    """UID EXPUNGE: remove those of the UIDs that have `\\\\Deleted` (RFC 4315 section 2.1)."""

    name: ClassVar[str] = "UID EXPUNGE"
    uids: UIDSet

    def __post_init__(self) -> None:
        _check_uids(self.uids)

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `SP sequence-set`."""
        cursor.sp()
        return cls(parse_sequence_set(cursor, UIDSet))

    def write(self, writer: Writer) -> None:
        """Write the UIDs."""
        writer.write(b" ")
        write_sequence_set(writer, self.uids)

    @property
    def needs(self) -> tuple[Need, ...]:
        """What the set needs."""
        return self.uids.needs


@final
@register_code
@dataclass(frozen=True, slots=True)
class AppendUIDCode(ResponseCode):
    """APPENDUID: the UIDs that appended messages got, and the UIDVALIDITY of their mailbox."""

    name: ClassVar[str] = "APPENDUID"
    uid_validity: int
    uids: UIDSet

    def __post_init__(self) -> None:
        check_nz_number(self.uid_validity)
        _check_uids(self.uids, may_have_star=False)

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `SP nz-number SP append-uid`."""
        cursor.sp()
        uid_validity = cursor.nz_number()
        cursor.sp()
        return cls(uid_validity, parse_uid_range_set(cursor))

    def write(self, writer: Writer) -> None:
        """Write both."""
        writer.write(b" %d " % self.uid_validity)
        write_sequence_set(writer, self.uids)


@final
@register_code
@dataclass(frozen=True, slots=True)
class CopyUIDCode(ResponseCode):
    """COPYUID: the UIDs that copies or moved messages got.

    `source` and `destination` correspond one to one in the order of their `ranges`.
    """

    name: ClassVar[str] = "COPYUID"
    uid_validity: int
    source: UIDSet
    destination: UIDSet

    def __post_init__(self) -> None:
        check_nz_number(self.uid_validity)
        _check_uids(self.source, may_have_star=False)
        _check_uids(self.destination, may_have_star=False)
        if _size(self.source) != _size(self.destination):
            raise LocalProtocolError(f"expected as many UIDs in {self.source} as in {self.destination}")

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `SP nz-number SP uid-set SP uid-set`."""
        cursor.sp()
        uid_validity = cursor.nz_number()
        cursor.sp()
        source = parse_uid_range_set(cursor)
        cursor.sp()
        return cls(uid_validity, source, parse_uid_range_set(cursor))

    def write(self, writer: Writer) -> None:
        """Write the three."""
        writer.write(b" %d " % self.uid_validity)
        write_sequence_set(writer, self.source)
        writer.write(b" ")
        write_sequence_set(writer, self.destination)


def _size(uids: UIDSet) -> int:
    return sum(abs(last - first) + 1 for first, last in uids.ranges)


def _check_uids(uids: object, *, may_have_star: bool = True) -> None:
    if not isinstance(uids, UIDSet):
        raise LocalProtocolError(f"expected a UIDSet, got {type(uids).__name__}")
    if not uids:
        raise LocalProtocolError("expected a UIDSet that is not empty")
    if uids.has_star and not may_have_star:
        raise LocalProtocolError("expected UIDs without *")
