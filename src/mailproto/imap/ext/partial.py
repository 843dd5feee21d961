"""PARTIAL: a part of what SEARCH finds or UID FETCH returns (RFC 9394, RFC 5267 section 4.4)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Final, Self, cast, final

from mailproto.errors import LocalProtocolError
from mailproto.imap.cursor import MAX_NUMBER, Cursor
from mailproto.imap.ext.esearch import parse_numbers, register_result, write_numbers
from mailproto.imap.needs import Need
from mailproto.imap.parameters import FETCH_MODIFIERS, SEARCH_RETURNS, Parameter, Parameters
from mailproto.imap.sequence import NumberSet, SequenceSet, UIDSet, check_known
from mailproto.imap.writer import Writer

__all__ = ["Partial", "PartialFetch", "PartialResults"]

# partial-range       = partial-range-first / partial-range-last
# partial-range-first = nz-number ":" nz-number
# partial-range-last  = MINUS nz-number ":" MINUS nz-number
_RANGE: Final = re.compile(rb"(-?)([1-9][0-9]{0,9}):\1([1-9][0-9]{0,9})(?![0-9])")


def _check_range(first: object, last: object) -> None:
    for place in (first, last):
        if type(place) is not int or not 1 <= abs(place) <= MAX_NUMBER:
            raise LocalProtocolError(f"expected a place from 1 or from -1, got {str(place)[:40]}")
    if (cast(int, first) < 0) != (cast(int, last) < 0):
        raise LocalProtocolError(f"expected both places from the same end, got {first}:{last}")


def _parse_range(cursor: Cursor) -> tuple[int, int]:
    sign, first, last = cursor.expect_match(_RANGE, "a range of results").groups()
    return int(sign + first), int(sign + last)


@dataclass(frozen=True, slots=True)
class _Range(Parameter):
    first: int
    last: int

    def __post_init__(self) -> None:
        _check_range(self.first, self.last)

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `SP partial-range`."""
        cursor.sp()
        return cls(*_parse_range(cursor))

    def write(self, writer: Writer) -> None:
        """Write the range."""
        writer.write(b" %d:%d" % (self.first, self.last))


@final
@SEARCH_RETURNS.register
class Partial(_Range):
    """PARTIAL as return option: from the `first` result to the `last` (section 3.1).

    1 is the first one, -1 the last one; places from the end need PARTIAL, others do with CONTEXT= too.
    """

    __slots__ = ()
    name: ClassVar[str] = "PARTIAL"

    @property
    def needs(self) -> tuple[Need, ...]:
        """PARTIAL, or one of the contexts of RFC 5267."""
        contexts = () if self.first < 0 else ("CONTEXT=SEARCH",)
        return (Need(self.name, ("PARTIAL", *contexts)),)

    def check_beside(self, others: Parameters, command: str) -> None:
        """Refuse ALL: "either one PARTIAL, one ALL, or neither"."""
        if any(other.name == "ALL" for other in others):
            raise LocalProtocolError(f"{command}: expected ALL or PARTIAL, not both")


@final
@FETCH_MODIFIERS.register
class PartialFetch(_Range):
    """PARTIAL as modifier of UID FETCH: only the `first` to the `last` message of the set (section 3.3)."""

    __slots__ = ()
    name: ClassVar[str] = "PARTIAL"
    capabilities: ClassVar[tuple[str, ...]] = ("PARTIAL",)

    def check_beside(self, others: Parameters, command: str) -> None:
        """Refuse FETCH: the modifier "extends the UID FETCH command"."""
        if command != "UID FETCH":
            raise LocalProtocolError(f"{command}: expected PARTIAL only in UID FETCH")


@final
@dataclass(frozen=True, slots=True)
class PartialResults:
    """What PARTIAL returned: the range that was asked for, and the numbers in it; None if it has none."""

    first: int
    last: int
    numbers: SequenceSet | UIDSet | None

    def __post_init__(self) -> None:
        _check_range(self.first, self.last)
        if self.numbers is not None:
            check_known(self.numbers, type(self.numbers))


# ret-data-partial    = "PARTIAL" SP "(" partial-range SP partial-results ")"
# partial-results     = sequence-set / "NIL"
def _parse(cursor: Cursor, kind: type[NumberSet]) -> PartialResults:
    cursor.expect(b"(")
    first, last = _parse_range(cursor)
    cursor.sp()
    numbers = None if cursor.accept_word(b"NIL") else parse_numbers(cursor, kind)
    cursor.expect(b")")
    return PartialResults(first, last, cast("SequenceSet | UIDSet | None", numbers))


def _write(writer: Writer, value: object) -> None:
    results = cast(PartialResults, value)
    writer.write(b"(%d:%d " % (results.first, results.last))
    if results.numbers is None:
        writer.write(b"NIL)")
    else:
        write_numbers(writer, results.numbers)
        writer.write(b")")


def _check(value: object, kind: type[NumberSet]) -> None:
    if not isinstance(value, PartialResults):
        raise LocalProtocolError(f"expected PartialResults, got {type(value).__name__}")
    if value.numbers is not None:
        check_known(value.numbers, kind)


register_result("PARTIAL", _parse, _write, _check)
