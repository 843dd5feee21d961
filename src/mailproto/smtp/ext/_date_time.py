"""Dates and times as parameters have them (RFC 3339 section 5.6)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from mailproto.errors import LocalProtocolError

__all__ = ["to_utc", "parse_date_time", "serialize_date_time", "try_date_time"]

# date-time = full-date "T" partial-time time-offset
# time-offset = "Z" / ("+" / "-") time-hour ":" time-minute
_DATE_TIME: Final = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?"
    r"(?:Z|([+-])([01][0-9]|2[0-3]):([0-5][0-9]))",
    re.IGNORECASE | re.ASCII,
).fullmatch


def parse_date_time(text: str) -> datetime:
    """Return the instant in UTC; what is finer than a microsecond is cut off. Raises ValueError.

    A leap second counts as the first second behind it.
    """
    found = _DATE_TIME(text)
    if found is None:
        raise ValueError("expected a date and time")
    *whole, second = (int(group) for group in found.groups()[:6])
    fraction, sign, hours, minutes = found.groups()[6:]
    leap, second = (1, 59) if second == 60 else (0, second)
    year, month, day, hour, minute = whole
    microsecond = int((fraction or "")[:6].ljust(6, "0"))
    moment = datetime(year, month, day, hour, minute, second, microsecond, UTC)
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    try:
        return moment + timedelta(seconds=leap) + (offset if sign == "-" else -offset)
    except OverflowError:
        raise ValueError("expected a year from 1 to 9999") from None


def try_date_time(text: str) -> datetime | None:
    """Return the same, None for what is no date and time."""
    try:
        return parse_date_time(text)
    except ValueError:
        return None


def serialize_date_time(moment: datetime) -> str:
    """Return *moment* in UTC, with a fraction of a second only where it has one."""
    return f"{to_utc(moment).replace(tzinfo=None).isoformat()}Z"


def to_utc(moment: datetime) -> datetime:
    """Return *moment* in UTC. Raises LocalProtocolError if it says no time zone."""
    if moment.utcoffset() is None:
        raise LocalProtocolError(f"expected a date and time with a time zone, got {moment}")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise LocalProtocolError(f"expected a year from 1 to 9999 in UTC, got {moment}") from None
