"""FETCH responses that one pattern reads: of flags, one or many in a row, and of one body section.

These come in great numbers. What no pattern here matches is read by `parse_fetch_data`, item by item, with
the same result.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final, TypeAlias

from mailproto.imap.cursor import Cursor, ParseError
from mailproto.imap.fetch import SectionData
from mailproto.imap.fetch_data import FetchData, known_flags, parse_section_data
from mailproto.imap.sections import Section
from mailproto.imap.values import Message

__all__ = ["LONGEST", "parse_flags_run", "parse_sections_run", "parse_short_fetch"]

MAX_FLAGS: Final = 150
"""Octets of a list of flags up to which it is read here."""

LONGEST: Final = 512
"""Octets that no line has which is read here, with its end: the longest has the name of a section."""

_NUMBER: Final = rb"[1-9][0-9]{0,8}"
# A list of flags that has no defect, whatever atoms they are.
_FLAG: Final = rb"\\?[^\x00-\x20\x7f-\xff(){%*\"\\\]]++"
_FLAGS: Final = rb"\((?=[^)]{0,%d}\))(?:%b(?: %b)*+)?+\)" % (MAX_FLAGS - 2, _FLAG, _FLAG)
_GROUPS: Final = {b"number": rb"(%b)" % _NUMBER, b"flags": rb"(%b)" % _FLAGS}
_NO_GROUPS: Final = {b"number": _NUMBER, b"flags": _FLAGS}

_Row: TypeAlias = tuple[bytes, ...]
_of_parsed: Final = FetchData.of_parsed


def _uid_first(rows: list[_Row]) -> list[FetchData]:
    return [
        _of_parsed(int(number), {"UID": int(uid), "FLAGS": known_flags(flags)}, ())
        for number, uid, flags in rows
    ]


def _uid_last(rows: list[_Row]) -> list[FetchData]:
    return [
        _of_parsed(int(number), {"FLAGS": known_flags(flags), "UID": int(uid)}, ())
        for number, flags, uid in rows
    ]


def _no_uid(rows: list[_Row]) -> list[FetchData]:
    return [_of_parsed(int(number), {"FLAGS": known_flags(flags)}, ()) for number, flags in rows]


_Form: TypeAlias = tuple[re.Pattern[bytes], re.Pattern[bytes], Callable[[list[_Row]], list[FetchData]]]


def _form(items: bytes, read: Callable[[list[_Row]], list[FetchData]]) -> _Form:
    """Return what finds the end of a run of responses with these items, what finds each, and *read*."""
    line = rb"\* %(number)b FETCH \(" + items + rb"\)\r\n"
    return re.compile(rb"(?:%b)++" % (line % _NO_GROUPS)), re.compile(line % _GROUPS), read


_FORMS: Final = (
    _form(rb"UID %(number)b FLAGS %(flags)b", _uid_first),
    _form(rb"FLAGS %(flags)b UID %(number)b", _uid_last),
    _form(rb"FLAGS %(flags)b", _no_uid),
)


def parse_flags_run(octets: bytes, start: int) -> tuple[list[FetchData], int]:
    """Read the responses of flags that stand at *start*, each with its CRLF, all of the same items.

    Returns them and where the last one ends; [] and *start* if there is none.
    """
    for run, each, read in _FORMS:
        match = run.match(octets, start)
        if match is not None:
            return read(each.findall(octets, start, match.end())), match.end()
    return [], start


_SHORT: Final = re.compile(
    rb"\* (%b) FETCH \((?:UID (%b) )?FLAGS (%b)(?: UID (%b))?\)\Z" % (_NUMBER, _NUMBER, _FLAGS, _NUMBER)
)


def parse_short_fetch(text: bytes) -> FetchData | None:
    """Read a response of flags, with a UID or none; None: it is another one."""
    match = _SHORT.match(text)
    if match is None:
        return None
    number, uid, flags, uid_behind = match.groups()
    if uid is not None and uid_behind is not None:
        return None
    values: dict[str, object] = {} if uid is None else {"UID": int(uid)}
    values["FLAGS"] = known_flags(flags)
    if uid_behind is not None:
        values["UID"] = int(uid_behind)
    return _of_parsed(int(number), values, ())


# A response up to the octets of a body section, and what stands behind them.
_SECTION: Final = re.compile(
    rb"\* (%b) FETCH \((?:UID (%b) )?(?:FLAGS (%b) )?"
    rb"(BODY\[[A-Za-z0-9. ()_-]{0,200}\](?:<[0-9]{1,18}>)?) \{([0-9]{1,9})\}\r\n" % (_NUMBER, _NUMBER, _FLAGS)
)
_END: Final = b")\r\n"


def parse_sections_run(octets: bytes, start: int, max_literal: int) -> tuple[list[FetchData], int]:
    """Read the responses at *start* that have one body section, and a UID and flags before it or not.

    The section is a literal of at most *max_literal* octets. All have a UID, or none has. Returns them and
    where the last one ends; [] and *start* if there is none.
    """
    fetched: list[FetchData] = []
    has_uid = None
    while (match := _SECTION.match(octets, start)) is not None:
        number, uid, flags, name, size = match.groups()
        begin = match.end()
        end = begin + int(size)
        known = _known_section(name)
        if end - begin > max_literal or known is None or not octets.startswith(_END, end):
            break
        literal = octets[begin:end]
        if 0 in literal or has_uid is (uid is None):
            break
        has_uid = uid is not None
        key, section, origin = known
        values: dict[str, object] = {} if uid is None else {"UID": int(uid)}
        if flags is not None:
            values["FLAGS"] = known_flags(flags)
        values[key] = SectionData(section, origin, literal)
        fetched.append(_of_parsed(int(number), values, ()))
        start = end + len(_END)
    return fetched, start


@lru_cache(maxsize=256)
def _known_section(name: bytes) -> tuple[str, Section, int | None] | None:
    """Return the key of a section, the section and its origin; None if *name* has a defect."""
    cursor = Cursor(Message(name + b" NIL"), strict=True)
    cursor.position = len(b"BODY")
    try:
        key, data = parse_section_data(cursor)
    except ParseError:
        return None
    return key, data.section, data.origin
