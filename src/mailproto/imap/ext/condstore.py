"""CONDSTORE: mod-sequences, and changes that depend on them (RFC 7162 section 3.1).

QRESYNC, the other half of that RFC, is in `mailproto.imap.ext.qresync`. The mod-sequence of a SEARCH answer
is a field of `SearchData`, that of STATUS a property of `StatusData`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import ClassVar, Final, Literal, Self, TypeAlias, cast, final

from mailproto.errors import LocalProtocolError
from mailproto.imap.capability import IMPLIED_BY
from mailproto.imap.codes import ResponseCode, SimpleCode, register_code
from mailproto.imap.cursor import MAX_NUMBER64, Cursor
from mailproto.imap.fetch import NamedItem, register_item
from mailproto.imap.flags import RECENT, check_flag
from mailproto.imap.mailbox_data import StatusItem, register_status_item
from mailproto.imap.parameters import FETCH_MODIFIERS, SELECT_PARAMETERS, STORE_MODIFIERS, Parameter
from mailproto.imap.search import KeyReader, SearchKey, register_key
from mailproto.imap.sequence import (
    NumberSet,
    SequenceSet,
    UIDSet,
    check_known,
    parse_sequence_set,
    write_sequence_set,
)
from mailproto.imap.values import Value
from mailproto.imap.writer import Writer

__all__ = [
    "CONDSTORE",
    "HIGHESTMODSEQ",
    "MODSEQ",
    "NOMODSEQ",
    "ChangedSince",
    "EntryType",
    "HighestModSeqCode",
    "ModSeq",
    "ModifiedCode",
    "UnchangedSince",
    "check_mod_seq",
]

CAPABILITY: Final = "CONDSTORE"

# Section 3.2: a server with QRESYNC has CONDSTORE, whether it says so or not.
IMPLIED_BY[CAPABILITY] = "QRESYNC"

CONDSTORE: Final = SELECT_PARAMETERS.simple("CONDSTORE", CAPABILITY, enables=CAPABILITY)
"""The parameter of SELECT that asks for mod-sequences from now on (section 3.1.8)."""

HIGHESTMODSEQ: Final = "HIGHESTMODSEQ"
"""The item of STATUS: the highest mod-sequence, 0 if the mailbox has none (section 3.1.7)."""

NOMODSEQ: Final = SimpleCode("NOMODSEQ")
"""The selected mailbox has no mod-sequences (section 3.1.2.2)."""


def check_mod_seq(number: object, *, least: int = 1) -> None:
    """Raise LocalProtocolError unless *number* is a `mod-sequence-value`: 63 bits, from *least*."""
    if type(number) is not int or not least <= number <= MAX_NUMBER64:
        raise LocalProtocolError(f"expected a mod-sequence from {least}, got {str(number)[:40]}")


def _check_or_zero(value: Value) -> None:
    check_mod_seq(value, least=0)


_NEGATIVE: Final = re.compile(rb"-[0-9]{1,19}(?![0-9])")


def _number(cursor: Cursor) -> int:
    """Read a `mod-sequence-valzer`; a negative one is a defect, and is 0."""
    start = cursor.position
    if cursor.accept_match(_NEGATIVE):
        cursor.defect("a mod-sequence that is not negative", start)
        return 0
    return cursor.number64()


def _parse_or_zero(cursor: Cursor) -> Value:
    return _number(cursor)


register_status_item(
    StatusItem(HIGHESTMODSEQ, CAPABILITY, _parse_or_zero, Writer.value, _check_or_zero, enables=CAPABILITY)
)


def _checked(number: int) -> int:
    check_mod_seq(number)
    return number


# fetch-mod-resp      = "MODSEQ" SP "(" permsg-modsequence ")"
def _parse_mod_seq(cursor: Cursor) -> int:
    cursor.expect(b"(")
    start = cursor.position
    number = _number(cursor)
    cursor.expect(b")")
    if not number and not cursor.text.startswith(b"-", start):
        cursor.defect("a mod-sequence of 1 or more", start)
    return number


def _write_mod_seq(writer: Writer, number: int) -> None:
    writer.write(b"(%d)" % number)


MODSEQ: Final[NamedItem[int]] = register_item(
    NamedItem("MODSEQ", _parse_mod_seq, _write_mod_seq, check=_checked, needs=CAPABILITY, enables=CAPABILITY)
)
"""The mod-sequence of a message (section 3.1.4.2)."""


@final
@FETCH_MODIFIERS.register
@dataclass(frozen=True, slots=True)
class ChangedSince(Parameter):
    """CHANGEDSINCE: only messages whose mod-sequence is greater (section 3.1.4.1)."""

    name: ClassVar[str] = "CHANGEDSINCE"
    capabilities: ClassVar[tuple[str, ...]] = (CAPABILITY,)
    enables: ClassVar[str] = CAPABILITY
    mod_seq: int

    def __post_init__(self) -> None:
        check_mod_seq(self.mod_seq)

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `SP mod-sequence-value`."""
        cursor.sp()
        return cls(cursor.number64())

    def write(self, writer: Writer) -> None:
        """Write the mod-sequence."""
        writer.write(b" %d" % self.mod_seq)


@final
@STORE_MODIFIERS.register
@dataclass(frozen=True, slots=True)
class UnchangedSince(Parameter):
    """UNCHANGEDSINCE: change no message whose mod-sequence is greater (section 3.1.3); 0: change none."""

    name: ClassVar[str] = "UNCHANGEDSINCE"
    capabilities: ClassVar[tuple[str, ...]] = (CAPABILITY,)
    enables: ClassVar[str] = CAPABILITY
    mod_seq: int

    def __post_init__(self) -> None:
        check_mod_seq(self.mod_seq, least=0)

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `SP mod-sequence-valzer`."""
        cursor.sp()
        return cls(cursor.number64())

    def write(self, writer: Writer) -> None:
        """Write the mod-sequence."""
        writer.write(b" %d" % self.mod_seq)


EntryType: TypeAlias = Literal["priv", "shared", "all"]
"""Whose metadata is meant: the user's own, that of all users, or both."""

_FLAGS: Final = "/flags/"


@final
@register_key
@dataclass(frozen=True, slots=True)
class ModSeq(SearchKey):
    """Messages whose mod-sequence is that or greater (section 3.1.5).

    With `flag` the mod-sequence of this one flag counts, where a server keeps one for each; `entry_type` says
    whose.
    """

    name: ClassVar[str] = "MODSEQ"
    capability: ClassVar[str] = CAPABILITY
    enables: ClassVar[str] = CAPABILITY
    mod_seq: int
    flag: str | None = None
    entry_type: EntryType = "all"

    def __post_init__(self) -> None:
        check_mod_seq(self.mod_seq, least=0)
        if self.entry_type not in ("priv", "shared", "all"):
            raise LocalProtocolError(f"expected priv, shared or all, got {str(self.entry_type)[:40]!r}")
        if self.flag is None:
            if self.entry_type != "all":
                raise LocalProtocolError("expected a type of entry only with a flag")
        elif check_flag(self.flag) == RECENT:
            raise LocalProtocolError("expected a flag that clients can set, got \\Recent")
        else:
            object.__setattr__(self, "flag", check_flag(self.flag))

    # search-modsequence  = "MODSEQ" [search-modseq-ext] SP mod-sequence-valzer
    # search-modseq-ext   = SP entry-name SP entry-type-req
    # entry-name          = DQUOTE "/flags/" attr-flag DQUOTE
    @classmethod
    def parse(cls, reader: KeyReader) -> Self:
        """Read `[SP entry-name SP entry-type-req] SP mod-sequence-valzer`."""
        cursor = reader.cursor
        cursor.sp()
        if not cursor.is_at_string():
            return cls(cursor.number64())
        start = cursor.position
        entry = cursor.string().decode("utf-8", "surrogateescape")
        if not entry.startswith(_FLAGS):
            raise cursor.error("the name of an entry below /flags/", start)
        cursor.sp()
        entry_type = cursor.atom().lower()
        cursor.sp()
        return cls(cursor.number64(), entry.removeprefix(_FLAGS), cast("EntryType", entry_type))

    def write(self, writer: Writer, codec: str | None) -> None:
        """Write the name, the entry if there is one, and the mod-sequence."""
        writer.write(b"MODSEQ ")
        if self.flag is not None:
            writer.string((_FLAGS + self.flag).encode("ascii"))
            writer.write(f" {self.entry_type} ".encode("ascii"))
        writer.number(self.mod_seq)


@final
@register_code
@dataclass(frozen=True, slots=True)
class HighestModSeqCode(ResponseCode):
    """HIGHESTMODSEQ: the highest mod-sequence of the mailbox (section 3.1.2.1)."""

    name: ClassVar[str] = "HIGHESTMODSEQ"
    mod_seq: int

    def __post_init__(self) -> None:
        check_mod_seq(self.mod_seq)

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `SP mod-sequence-value`."""
        cursor.sp()
        return cls(cursor.number64())

    def write(self, writer: Writer) -> None:
        """Write the mod-sequence."""
        writer.write(b" %d" % self.mod_seq)


@final
@register_code
@dataclass(frozen=True, slots=True)
class ModifiedCode(ResponseCode):
    """MODIFIED: the messages that UNCHANGEDSINCE kept from being changed (section 3.1.3).

    Only the command says what the numbers are: after STORE `sequence_set`, after UID STORE `uids`.
    """

    name: ClassVar[str] = "MODIFIED"
    numbers: NumberSet = field()

    def __post_init__(self) -> None:
        check_known(self.numbers, NumberSet)
        object.__setattr__(self, "numbers", NumberSet.of_parsed(self.numbers.ranges))

    @property
    def sequence_set(self) -> SequenceSet:
        """The numbers as sequence numbers."""
        return SequenceSet.of_parsed(self.numbers.ranges)

    @property
    def uids(self) -> UIDSet:
        """The numbers as UIDs."""
        return UIDSet.of_parsed(self.numbers.ranges)

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `SP sequence-set`."""
        cursor.sp()
        return cls(parse_sequence_set(cursor, NumberSet))

    def write(self, writer: Writer) -> None:
        """Write the numbers."""
        writer.write(b" ")
        write_sequence_set(writer, self.numbers)
