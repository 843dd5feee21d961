"""The date-time of RFC 5322 section 3.3 with its obsolete forms, read leniently."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from mailproto.mime.parameters import strip_comments

__all__ = ["parse_date"]

_MONTHS: Final = {
    name: number
    for number, name in enumerate(
        (b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec"), 1
    )
}
# obs-zone, section 4.3; the single letters, which are unreliable, are taken as -0000.
_ZONES: Final = {
    b"est": -5,
    b"edt": -4,
    b"cst": -6,
    b"cdt": -5,
    b"mst": -7,
    b"mdt": -6,
    b"pst": -8,
    b"pdt": -7,
}

# [ day-of-week "," ] day month year hour ":" minute [ ":" second ] [ zone ]
_DATE = re.compile(
    rb"\s*+(?:[A-Za-z]++\s*+,?\s*+)?([0-9]{1,2})[\s-]\s*+([A-Za-z]{3})[A-Za-z]*+[\s-]\s*+([0-9]{2,4})"
    rb"\s++([0-9]{1,2})\s*+:\s*+([0-9]{2})(?:\s*+:\s*+([0-9]{2}))?"
    rb"\s*+(?:([+-])([0-9]{2}):?([0-9]{2})|([A-Za-z]++))?"
)


def parse_date(value: bytes) -> datetime | None:
    """Return the date in an unfolded field *value*, with its zone, or None if there is none.

    An unknown zone is UTC. Years of two or three digits are read as section 4.3 says.
    """
    match = _DATE.match(strip_comments(value))
    if match is None:
        return None
    day, month, year, hour, minute, second = match.group(1, 2, 3, 4, 5, 6)
    try:
        return datetime(
            _year(year),
            _MONTHS[month.lower()],
            int(day),
            int(hour),
            int(minute),
            min(int(second or 0), 59),
            tzinfo=_zone(match),
        )
    except (ValueError, KeyError):
        return None


def _year(digits: bytes) -> int:
    year = int(digits)
    if len(digits) == 4:
        return year
    return year + (2000 if len(digits) == 2 and year < 50 else 1900)


def _zone(match: re.Match[bytes]) -> timezone:
    sign, hours, minutes, name = match.group(7, 8, 9, 10)
    if name is not None:
        return timezone(timedelta(hours=_ZONES.get(name.lower(), 0)))
    if sign is None or hours > b"23" or minutes > b"59":
        return UTC
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    return timezone(-offset if sign == b"-" else offset)
