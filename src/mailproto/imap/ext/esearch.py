"""ESEARCH: SEARCH that returns as much as is asked for (RFC 4731, RFC 4466 section 2.6.2).

What RETURN may ask for is in the table `SEARCH_RETURNS`, what an ESEARCH response may say in `RESULTS`. The
search correlator of RFC 7377 is read here too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import ClassVar, Final, NamedTuple, cast, final

from mailproto.errors import Defect, LocalProtocolError
from mailproto.imap._grammar import ATOM
from mailproto.imap._response import (
    DataResponse,
    check_count,
    check_sequence_number,
    read_or_leave_out,
    register_response,
)
from mailproto.imap.codes import check_nz_number
from mailproto.imap.command import check_tag
from mailproto.imap.cursor import MAX_NUMBER64, Cursor
from mailproto.imap.mailbox import check_mailbox, parse_mailbox, write_mailbox
from mailproto.imap.parameters import SEARCH_RETURNS
from mailproto.imap.sequence import (
    NumberSet,
    SequenceSet,
    UIDSet,
    check_known,
    parse_sequence_set,
    write_sequence_set,
)
from mailproto.imap.values import Value, check_value
from mailproto.imap.writer import Writer

__all__ = [
    "ALL",
    "COUNT",
    "MAX",
    "MIN",
    "RESULTS",
    "ESearchData",
    "ResultRow",
    "parse_numbers",
    "register_result",
    "write_numbers",
]

MIN: Final = SEARCH_RETURNS.simple("MIN", "ESEARCH")
"""The least number (section 3.1)."""
MAX: Final = SEARCH_RETURNS.simple("MAX", "ESEARCH")
"""The greatest number."""
ALL: Final = SEARCH_RETURNS.simple("ALL", "ESEARCH")
"""All numbers, as a set; `RETURN ()` is the same."""
COUNT: Final = SEARCH_RETURNS.simple("COUNT", "ESEARCH")
"""How many there are."""


class ResultRow(NamedTuple):
    """One kind of result of ESEARCH: how it is read, written and checked.

    The kind of set that is given says whether the numbers are UIDs.
    """

    parse: Callable[[Cursor, type[NumberSet]], object]
    write: Callable[[Writer, object], None]
    check: Callable[[object, type[NumberSet]], None]


RESULTS: Final[dict[str, ResultRow]] = {}
"""Name of each result -> its row; the modules of the RFCs fill it."""


def register_result(
    name: str,
    parse: Callable[[Cursor, type[NumberSet]], object],
    write: Callable[[Writer, object], None],
    check: Callable[[object, type[NumberSet]], None],
) -> None:
    """Add the row of the result *name* to `RESULTS`."""
    RESULTS[name] = ResultRow(parse, write, check)


def parse_numbers(cursor: Cursor, kind: type[NumberSet]) -> NumberSet:
    """Read a `sequence-set` in which neither `*` nor `$` stands."""
    start = cursor.position
    numbers = parse_sequence_set(cursor, kind)
    if numbers.has_star:
        raise cursor.error("numbers without *", start)
    return numbers


def write_numbers(writer: Writer, numbers: object) -> None:
    """Write a `sequence-set` that was checked."""
    write_sequence_set(writer, cast(NumberSet, numbers))


def _write_number(writer: Writer, number: object) -> None:
    writer.number(cast(int, number))


def _check_found(number: object, kind: type[NumberSet]) -> None:
    check_sequence_number(cast(int, number))


def _check_count(number: object, kind: type[NumberSet]) -> None:
    check_count(cast(int, number))


def _check_mod_seq(number: object, kind: type[NumberSet]) -> None:
    if type(number) is not int or not 1 <= number <= MAX_NUMBER64:
        raise LocalProtocolError(f"expected a mod-sequence from 1, got {str(number)[:40]}")


for _name in ("MIN", "MAX"):
    register_result(_name, lambda cursor, kind: cursor.nz_number(), _write_number, _check_found)
register_result("COUNT", lambda cursor, kind: cursor.number(), _write_number, _check_count)
register_result("ALL", parse_numbers, write_numbers, check_known)
# RFC 7162 section 3.1.10: the highest mod-sequence of what is returned.
register_result("MODSEQ", lambda cursor, kind: cursor.number64(), _write_number, _check_mod_seq)

_CORRELATORS: Final = ("TAG", "MAILBOX", "UIDVALIDITY")


@final
@register_response
@dataclass(frozen=True, slots=True)
class ESearchData(DataResponse):
    """ESEARCH: what a SEARCH, SORT or THREAD with RETURN has found (section 3.1).

    `tag` is that of the command, None if none has caused it. `results` are pairs of a name in upper case and
    a value; the properties are None for what was not returned, as MIN, MAX and ALL are where nothing was
    found. Numbers are UIDs if `is_uid`. `mailbox` and `uid_validity` are those of an ESEARCH in several
    mailboxes (RFC 7377 section 2.1).
    """

    name: ClassVar[str] = "ESEARCH"
    tag: str | None = None
    results: tuple[tuple[str, object], ...] = ()
    is_uid: bool = False
    mailbox: str | None = field(default=None, kw_only=True)
    uid_validity: int | None = field(default=None, kw_only=True)
    defects: tuple[Defect, ...] = field(default=(), compare=False, repr=False, kw_only=True)

    def __post_init__(self) -> None:
        if self.tag is not None:
            check_tag(self.tag)
        object.__setattr__(self, "results", _checked_results(self.results, self._kind))
        if self.mailbox is not None:
            object.__setattr__(self, "mailbox", check_mailbox(self.mailbox))
        if self.uid_validity is not None:
            check_nz_number(self.uid_validity)

    @property
    def _kind(self) -> type[NumberSet]:
        return UIDSet if self.is_uid else SequenceSet

    def get(self, name: str) -> object:
        """Return the (first) result of that name, None if there is none."""
        return next((value for other, value in self.results if other == name.upper()), None)

    @property
    def min(self) -> int | None:
        """The least number that was found."""
        return cast("int | None", self.get("MIN"))

    @property
    def max(self) -> int | None:
        """The greatest number that was found."""
        return cast("int | None", self.get("MAX"))

    @property
    def count(self) -> int | None:
        """How many were found."""
        return cast("int | None", self.get("COUNT"))

    @property
    def all(self) -> SequenceSet | UIDSet | None:
        """All that were found: sequence numbers, or UIDs if `is_uid`."""
        return cast("SequenceSet | UIDSet | None", self.get("ALL"))

    @property
    def mod_seq(self) -> int | None:
        """The highest mod-sequence of what was returned (RFC 7162 section 3.1.10)."""
        return cast("int | None", self.get("MODSEQ"))

    # esearch-response  = "ESEARCH" [search-correlator] [SP "UID"] *(SP search-return-data)
    # search-correlator = SP "(" one-correlator *(SP one-correlator) ")"
    # one-correlator    = ("TAG" SP tag-string) / ("MAILBOX" SP astring) / ("UIDVALIDITY" SP nz-number)
    @classmethod
    def parse(cls, cursor: Cursor) -> ESearchData:
        """Read all behind the name. A result that cannot be read is a defect, and left out."""
        correlators = _parse_correlators(cursor) if cursor.accept(b" (") else {}
        is_uid = cursor.accept_match(_UID) is not None
        results = []
        while cursor.accept(b" "):
            result = _parse_result(cursor, UIDSet if is_uid else SequenceSet)
            if result is not None:
                results.append(result)
        new = cls.__new__(cls)
        for name, value in (
            ("tag", correlators.get("TAG")),
            ("results", tuple(results)),
            ("is_uid", is_uid),
            ("mailbox", correlators.get("MAILBOX")),
            ("uid_validity", correlators.get("UIDVALIDITY")),
            ("defects", ()),
        ):
            object.__setattr__(new, name, value)
        return new

    def write(self, writer: Writer) -> None:
        """Write the name, what it answers, and the results."""
        writer.write(b"ESEARCH")
        if self.tag is not None or self.mailbox is not None or self.uid_validity is not None:
            self._write_correlators(writer)
        if self.is_uid:
            writer.write(b" UID")
        for name, value in self.results:
            writer.write(f" {name} ".encode("ascii"))
            row = RESULTS.get(name)
            if row is None:
                writer.value(cast(Value, value))
            else:
                row.write(writer, value)

    def _write_correlators(self, writer: Writer) -> None:
        separator = b" ("
        if self.tag is not None:
            writer.write(separator + b"TAG ")
            writer.string(self.tag.encode("ascii"))
            separator = b" "
        if self.mailbox is not None:
            writer.write(separator + b"MAILBOX ")
            write_mailbox(writer, self.mailbox)
            separator = b" "
        if self.uid_validity is not None:
            writer.write(separator + b"UIDVALIDITY %d" % self.uid_validity)
        writer.write(b")")


def _checked_results(
    results: Iterable[tuple[str, object]], kind: type[NumberSet]
) -> tuple[tuple[str, object], ...]:
    return tuple(_checked_result(name, value, kind) for name, value in results)


def _checked_result(name: object, value: object, kind: type[NumberSet]) -> tuple[str, object]:
    if not isinstance(name, str) or not ATOM.fullmatch(name.encode("utf-8", "surrogatepass")):
        raise LocalProtocolError(f"expected the name of a result, got {str(name)[:40]!r}")
    name = name.upper()
    if name == "UID":
        raise LocalProtocolError("expected the name of a result, got UID, which says what the numbers are")
    row = RESULTS.get(name)
    if row is None:
        check_value(value)
    else:
        row.check(value, kind)
    return name, value


# Behind UID comes a space or the end; a result whose name begins so is one.
_UID: Final = re.compile(rb" UID(?=\Z| )", re.IGNORECASE)


def _parse_correlators(cursor: Cursor) -> dict[str, str | int]:
    correlators: dict[str, str | int] = {}
    while not correlators or not cursor.accept(b")"):
        if correlators:
            cursor.sp()
        start = cursor.position
        name = cursor.word()
        cursor.sp()
        if name not in _CORRELATORS or name in correlators:
            raise cursor.error("TAG, MAILBOX or UIDVALIDITY, each once", start)
        correlators[name] = _PARSERS[name](cursor)
    return correlators


def _parse_tag(cursor: Cursor) -> str:
    start = cursor.position
    tag = cursor.astring().decode("utf-8", "surrogateescape")
    try:
        check_tag(tag)
    except LocalProtocolError:
        raise cursor.error("a tag", start) from None
    return tag


_PARSERS: Final[dict[str, Callable[[Cursor], str | int]]] = {
    "TAG": _parse_tag,
    "MAILBOX": parse_mailbox,
    "UIDVALIDITY": Cursor.nz_number,
}


def _parse_result(cursor: Cursor, kind: type[NumberSet]) -> tuple[str, object] | None:
    name = cursor.word()
    cursor.sp()
    row = RESULTS.get(name)
    if row is None:
        return name, cursor.value()
    value = read_or_leave_out(cursor, lambda cursor: _checked_value(row, cursor, kind), (b"", b" "))
    return None if value is None else (name, value)


def _checked_value(row: ResultRow, cursor: Cursor, kind: type[NumberSet]) -> object:
    value = row.parse(cursor, kind)
    row.check(value, kind)
    return value
