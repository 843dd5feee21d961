"""SORT (RFC 5256), SORT=DISPLAY (RFC 5957) and ESORT (RFC 5267 section 3).

What to sort by is in the table `SORT_KEYS`, and in `SORT_READERS` if it has arguments; with RETURN the answer
is ESEARCH.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import ClassVar, Final, Self, TypeAlias, final

from mailproto.errors import Defect, LocalProtocolError
from mailproto.imap._response import DataResponse, register_response
from mailproto.imap.command import checked_atom, register_command
from mailproto.imap.cursor import Cursor, ParseError
from mailproto.imap.mailbox_data import check_found, parse_found, write_found
from mailproto.imap.needs import Need
from mailproto.imap.parameters import Parameters, needs_of
from mailproto.imap.search import (
    SearchKey,
    check_charset,
    check_key,
    parse_charset,
    parse_keys,
    write_keys,
)
from mailproto.imap.search_commands import KeyedCommand, check_returning, parse_returning, write_returning
from mailproto.imap.values import Message
from mailproto.imap.writer import Writer

__all__ = [
    "SORT_KEYS",
    "SORT_READERS",
    "Sort",
    "SortCriteria",
    "SortCriterion",
    "SortData",
    "UIDSort",
    "register_sort_key",
    "sort_criteria",
]

SORT_KEYS: Final[dict[str, tuple[str, ...]]] = {}
"""What can be sorted by -> capabilities of which one must be offered; the modules of the RFCs fill it."""


def register_sort_key(name: str, *capabilities: str) -> None:
    """Add the row of *name* to `SORT_KEYS`."""
    SORT_KEYS[name] = capabilities


for _name in ("ARRIVAL", "CC", "DATE", "FROM", "SIZE", "SUBJECT", "TO"):
    register_sort_key(_name, "SORT")
# RFC 5957 section 3: by the name of the first address, or by its address if it has none.
for _name in ("DISPLAYFROM", "DISPLAYTO"):
    register_sort_key(_name, "SORT=DISPLAY")


@dataclass(frozen=True, slots=True)
class SortCriterion:
    """One criterion: a name of `SORT_KEYS`, or one that no module knows, and whether greater comes first.

    A key with arguments has a class of its own, whose module adds it to `SORT_READERS`.
    """

    name: str
    reverse: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", checked_atom(self.name, "a sort key"))
        if self.name == "REVERSE":
            raise LocalProtocolError("expected a sort key, got REVERSE, which stands before one")
        if type(self) is SortCriterion and self.name in SORT_READERS:
            raise LocalProtocolError(f"{self.name}: expected the criterion of this name")

    def write_arguments(self, writer: Writer) -> None:
        """Write what follows the name, with its leading space: nothing, unless the key has a class."""

    @property
    def needs(self) -> tuple[Need, ...]:
        """What the server must offer for it."""
        return (Need(self.name, SORT_KEYS.get(self.name, ())),)


SORT_READERS: Final[dict[str, Callable[[Cursor, bool], SortCriterion]]] = {}
"""Name of a key with arguments -> what reads these, given whether greater comes first."""


# sort-criterion  = ["REVERSE" SP] sort-key
def _parse_criterion(cursor: Cursor) -> SortCriterion:
    reverse = cursor.accept_word(b"REVERSE ")
    name = cursor.word()
    read = SORT_READERS.get(name)
    return SortCriterion(name, reverse) if read is None else read(cursor, reverse)


SortCriteria: TypeAlias = str | Iterable[SortCriterion]
"""Criteria, the first one first, or how they are written: "REVERSE DATE SUBJECT"."""


def sort_criteria(criteria: SortCriteria) -> tuple[SortCriterion, ...]:
    """Return *criteria*, which may be as they are written: "REVERSE DATE SUBJECT". One or more."""
    if isinstance(criteria, str):
        words = re.split(" +", criteria.strip(" "))
        criteria = _read_criteria(f"({' '.join(words)})")
    checked = tuple(criteria)
    if not checked or not all(isinstance(criterion, SortCriterion) for criterion in checked):
        raise LocalProtocolError("expected one sort criterion or more")
    return checked


def _read_criteria(text: str) -> tuple[SortCriterion, ...]:
    cursor = Cursor(Message(text.encode("utf-8", "surrogatepass")))
    try:
        criteria = _parse_criteria(cursor)
        cursor.expect_end()
    except ParseError:
        raise LocalProtocolError(f"expected sort criteria, got {text[:40]!r}") from None
    return criteria


# sort-criteria   = "(" sort-criterion *(SP sort-criterion) ")"
def _parse_criteria(cursor: Cursor) -> tuple[SortCriterion, ...]:
    cursor.expect(b"(")
    criteria = [_parse_criterion(cursor)]
    while not cursor.accept(b")"):
        cursor.sp()
        criteria.append(_parse_criterion(cursor))
    return tuple(criteria)


def _write_criteria(writer: Writer, criteria: tuple[SortCriterion, ...]) -> None:
    for index, each in enumerate(criteria):
        writer.write(b" " if index else b"(")
        writer.atom(f"REVERSE {each.name}" if each.reverse else each.name)
        each.write_arguments(writer)
    writer.write(b")")


# RFC 5267: ESORT and CONTEXT=SORT are for SORT what ESEARCH and CONTEXT=SEARCH are for SEARCH.
_FOR_SORT: Final = {"ESEARCH": "ESORT", "CONTEXT=SEARCH": "CONTEXT=SORT"}

_RETURN: Final = Need("RETURN", ("ESORT",))


def _needs_in_sort(returning: Parameters) -> tuple[Need, ...]:
    return tuple(
        need._replace(capabilities=tuple(_FOR_SORT.get(name, name) for name in need.capabilities))
        for need in needs_of(returning)
    )


@dataclass(frozen=True, slots=True)
class _SortCommand(KeyedCommand):
    criteria: tuple[SortCriterion, ...]
    key: SearchKey
    charset: str = "UTF-8"
    returning: Parameters | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "criteria", sort_criteria(self.criteria))
        check_key(self.key)
        object.__setattr__(self, "charset", check_charset(self.key, self.charset) or "UTF-8")
        object.__setattr__(self, "returning", check_returning(self.returning, self.name))

    # sort            = ["UID" SP] "SORT" [search-return-opts] SP sort-criteria SP search-criteria
    # search-criteria = charset 1*(SP search-key)
    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `[search-return-opts] SP sort-criteria SP charset 1*(SP search-key)`."""
        returning = parse_returning(cursor)
        cursor.sp()
        criteria = _parse_criteria(cursor)
        cursor.sp()
        charset = parse_charset(cursor)
        cursor.sp()
        return cls(criteria, parse_keys(cursor, charset), charset, returning=returning)

    def write(self, writer: Writer) -> None:
        """Write what to return if that is said, the criteria, the charset and the keys."""
        write_returning(writer, self.returning)
        writer.write(b" ")
        _write_criteria(writer, self.criteria)
        writer.write(b" ")
        writer.astring(self.charset.encode("ascii"))
        writer.write(b" ")
        write_keys(writer, self.key, self.charset)

    @property
    def options(self) -> Parameters:
        """The options of RETURN."""
        return self.returning or ()

    @property
    def answers(self) -> tuple[str, ...] | None:
        """ESEARCH, if it is said what to return."""
        return None if self.returning is None else ("ESEARCH",)

    @property
    def needs(self) -> tuple[Need, ...]:
        """What criteria, options and keys need; `RETURN ()` needs ESORT."""
        returning = (_RETURN,) if self.returning == () else _needs_in_sort(self.options)
        return (*returning, *(need for each in self.criteria for need in each.needs), *self.key.needs)


@final
@register_command
class Sort(_SortCommand):
    """SORT: the messages that *key* matches, in the order of *criteria* (RFC 5256 section 3).

    `charset` is in upper case. With `returning`, options of `SEARCH_RETURNS`, the answer is ESEARCH (RFC
    5267); None: without RETURN.
    """

    __slots__ = ()
    name: ClassVar[str] = "SORT"


@final
@register_command
class UIDSort(_SortCommand):
    """UID SORT: as SORT, answered with UIDs."""

    __slots__ = ()
    name: ClassVar[str] = "UID SORT"


@final
@register_response
@dataclass(frozen=True, slots=True)
class SortData(DataResponse):
    """SORT: the messages that were found, in the order that was asked for (RFC 5256 section 4).

    They are sequence numbers or UIDs as asked. `mod_seq` is the highest mod-sequence of these, if the keys
    had MODSEQ (RFC 7162 section 3.1.6).
    """

    name: ClassVar[str] = "SORT"
    numbers: tuple[int, ...] = ()
    mod_seq: int | None = field(default=None, kw_only=True)
    defects: tuple[Defect, ...] = field(default=(), compare=False, repr=False, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "numbers", check_found(self.numbers, self.mod_seq))

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `[1*(SP nz-number) [SP search-sort-mod-seq]]`, with the defects of SEARCH."""
        numbers, mod_seq = parse_found(cursor)
        return cls(numbers, mod_seq=mod_seq)

    def write(self, writer: Writer) -> None:
        """Write the name, the numbers, and the mod-sequence if there is one."""
        writer.write(b"SORT")
        write_found(writer, self.numbers, self.mod_seq)
