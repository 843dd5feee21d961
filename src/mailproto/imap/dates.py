"""INTERNALDATE's date-time and SEARCH's date (RFC 3501 section 9).

A date-time is an aware datetime with whole seconds and a zone of whole minutes, a date is a date.
Months are read in any case and never through the locale.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, timezone
from typing import Final

from mailproto.errors import LocalProtocolError
from mailproto.imap.cursor import Cursor
from mailproto.imap.writer import Writer

__all__ = ["check_date", "check_date_time", "parse_date", "parse_date_time", "write_date", "write_date_time"]

_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_NUMBER_OF_MONTH: Final = {name.lower().encode("ascii"): index + 1 for index, name in enumerate(_MONTHS)}

_MONTH_YEAR = rb"-([A-Za-z]{3})-([0-9]{4})"
# date-time       = DQUOTE date-day-fixed "-" date-month "-" date-year SP time SP zone DQUOTE
# date-day-fixed  = (SP DIGIT) / 2DIGIT
# time            = 2DIGIT ":" 2DIGIT ":" 2DIGIT
# zone            = ("+" / "-") 4DIGIT
_DATE_TIME = re.compile(
    rb'"( [0-9]|[0-9]{1,2})' + _MONTH_YEAR + rb' ([0-9]{2}):([0-9]{2}):([0-9]{2}) ([+-])([0-9]{2})([0-9]{2})"'
)
# date            = date-text / DQUOTE date-text DQUOTE
# date-text       = date-day "-" date-month "-" date-year
# date-day        = 1*2DIGIT
_DATE = re.compile(rb'("?)([0-9]{1,2})' + _MONTH_YEAR + rb"\1")


def check_date_time(value: datetime) -> datetime:
    """Return *value* as it travels: microseconds cut off, its zone rounded to whole minutes.

    Raises LocalProtocolError for a naive one, whose zone nobody knows.
    """
    if not isinstance(value, datetime):
        raise LocalProtocolError(f"expected a datetime, got {type(value).__name__}")
    offset = value.utcoffset()
    if offset is None:
        raise LocalProtocolError(f"expected a datetime with a time zone, got {str(value)[:40]}")
    try:
        minutes = timezone(timedelta(minutes=round(offset.total_seconds() / 60)))
        return value.replace(microsecond=0).astimezone(minutes)
    except (OverflowError, ValueError):
        raise LocalProtocolError(f"expected a date-time from year 1 to 9999, got {value}") from None


def check_date(value: date) -> date:
    """Return *value* as a plain date; of a datetime, the day in its own zone."""
    if isinstance(value, datetime):
        return value.date()
    if not isinstance(value, date):
        raise LocalProtocolError(f"expected a date, got {str(value)[:40]!r}")
    return value


def parse_date_time(cursor: Cursor) -> datetime:
    """Read a `date-time`; a day without its space or zero, and second 60, are defects."""
    start = cursor.position
    match = cursor.expect_match(_DATE_TIME, "a date-time")
    day, month, year, hour, minute, second, sign, zone_hours, zone_minutes = match.groups()
    if len(day) == 1:
        cursor.defect("a day of two characters", start)
    if second == b"60":
        cursor.defect("a second up to 59", start)
        second = b"59"
    offset = timedelta(hours=int(zone_hours), minutes=int(zone_minutes))
    try:
        zone = timezone(-offset if sign == b"-" else offset)
        number = _NUMBER_OF_MONTH[month.lower()]
        return datetime(int(year), number, int(day), int(hour), int(minute), int(second), tzinfo=zone)
    except (ValueError, KeyError):
        raise cursor.error("a date-time that exists", start) from None


def write_date_time(writer: Writer, value: datetime) -> None:
    """Write a `date-time` of a value that `check_date_time` has returned."""
    offset = round((value.utcoffset() or timedelta()).total_seconds() / 60)
    hours, minutes = divmod(abs(offset), 60)
    sign = "-" if offset < 0 else "+"
    text = (
        f'"{value.day:2}-{_MONTHS[value.month - 1]}-{value.year:04}'
        f' {value.hour:02}:{value.minute:02}:{value.second:02} {sign}{hours:02}{minutes:02}"'
    )
    writer.write(text.encode("ascii"))


def parse_date(cursor: Cursor) -> date:
    """Read a `date`, quoted or not."""
    start = cursor.position
    match = cursor.expect_match(_DATE, "a date")
    _, day, month, year = match.groups()
    try:
        return date(int(year), _NUMBER_OF_MONTH[month.lower()], int(day))
    except (ValueError, KeyError):
        raise cursor.error("a date", start) from None


def write_date(writer: Writer, value: date) -> None:
    """Write a `date`, without quotes."""
    writer.write(f"{value.day}-{_MONTHS[value.month - 1]}-{value.year:04}".encode("ascii"))
