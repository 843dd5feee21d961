from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone, tzinfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.errors import LocalProtocolError
from mailproto.imap.cursor import ParseError
from mailproto.imap.dates import (
    check_date,
    check_date_time,
    parse_date,
    parse_date_time,
    write_date,
    write_date_time,
)
from support_imap_strategies import date_times
from support_imap_wire import cursor_at, written


def _zone(hours: int, minutes: int = 0) -> timezone:
    return timezone(timedelta(hours=hours, minutes=minutes))


CASES = [
    (b'"17-Jul-1996 02:44:25 -0700"', datetime(1996, 7, 17, 2, 44, 25, tzinfo=_zone(-7))),
    (b'" 1-Jan-2001 00:00:00 +0000"', datetime(2001, 1, 1, tzinfo=UTC)),
    (b'" 7-Feb-1994 21:52:25 +0530"', datetime(1994, 2, 7, 21, 52, 25, tzinfo=_zone(5, 30))),
    (b'"31-Dec-0999 23:59:59 -0330"', datetime(999, 12, 31, 23, 59, 59, tzinfo=_zone(-3, -30))),
]


@pytest.mark.parametrize(("wire", "value"), CASES)
def test_date_times_in_both_directions(wire: bytes, value: datetime) -> None:
    parsed = parse_date_time(cursor_at(wire, strict=True))
    assert parsed == value
    assert parsed.utcoffset() == value.utcoffset()
    assert written(lambda writer: write_date_time(writer, value)) == wire


def test_date_times_read_in_other_spellings() -> None:
    expected = datetime(2001, 1, 1, tzinfo=UTC)
    assert parse_date_time(cursor_at(b'"01-jAN-2001 00:00:00 -0000"', strict=True)) == expected


@pytest.mark.parametrize(
    ("wire", "value"),
    [
        (b'"1-Jan-2001 00:00:00 +0000"', datetime(2001, 1, 1, tzinfo=UTC)),
        (b'"01-Jan-2001 23:59:60 +0000"', datetime(2001, 1, 1, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_date_times_with_a_defect(wire: bytes, value: datetime) -> None:
    cursor = cursor_at(wire)
    assert parse_date_time(cursor) == value
    assert len(cursor.defects) == 1
    with pytest.raises(ParseError):
        parse_date_time(cursor_at(wire, strict=True))


@pytest.mark.parametrize(
    "wire",
    [
        b"",
        b'"32-Jan-2001 00:00:00 +0000"',
        b'"30-Feb-2001 00:00:00 +0000"',
        b'"01-Foo-2001 00:00:00 +0000"',
        b'"01-Jan-0000 00:00:00 +0000"',
        b'"01-Jan-2001 24:00:00 +0000"',
        b'"01-Jan-2001 00:00:00 +2400"',
        b'"01-Jan-2001 00:00:00 +0000',
        b'"01-Jan-2001 00:00:00 GMT"',
        b'"01-Jan-20010 00:00:00 +0000"',
        b"01-Jan-2001 00:00:00 +0000",
    ],
)
def test_what_is_no_date_time(wire: bytes) -> None:
    with pytest.raises(ParseError):
        parse_date_time(cursor_at(wire))


DATES = [
    (b"1-Feb-1994", date(1994, 2, 1)),
    (b"28-Dec-2024", date(2024, 12, 28)),
    (b"5-Mar-0042", date(42, 3, 5)),
]


@pytest.mark.parametrize(("wire", "value"), DATES)
def test_dates_in_both_directions(wire: bytes, value: date) -> None:
    assert parse_date(cursor_at(wire)) == value
    assert parse_date(cursor_at(b'"' + wire + b'"')) == value
    assert written(lambda writer: write_date(writer, value)) == wire


@pytest.mark.parametrize(
    "wire", [b"", b"31-Feb-2001", b"1-Foo-2001", b'"1-Feb-1994', b"1-Feb-94", b"100-Feb-1994"]
)
def test_what_is_no_date(wire: bytes) -> None:
    with pytest.raises(ParseError):
        parse_date(cursor_at(wire))


class _OddZone(tzinfo):
    def __init__(self, offset: timedelta) -> None:
        self.offset = offset

    def utcoffset(self, when: datetime | None) -> timedelta:
        return self.offset

    def dst(self, when: datetime | None) -> None:
        return None

    def tzname(self, when: datetime | None) -> None:
        return None


def test_checked_date_times_have_whole_seconds_and_minutes() -> None:
    checked = check_date_time(
        datetime(2001, 1, 1, 12, 0, 0, 999, _OddZone(timedelta(minutes=53, seconds=28)))
    )
    assert checked.utcoffset() == timedelta(minutes=53)
    assert (checked.second, checked.microsecond) == (32, 0)


NOT_DATE_TIMES: list[object] = [
    datetime(2001, 1, 1),
    datetime(1, 1, 1, 0, 0, 10, tzinfo=_OddZone(timedelta(seconds=29))),
    datetime(2001, 1, 1, tzinfo=_OddZone(timedelta(hours=23, minutes=59, seconds=59))),
    date(2001, 1, 1),
    "2001",
]


@pytest.mark.parametrize("value", NOT_DATE_TIMES, ids=str)
def test_refused_date_times(value: datetime) -> None:
    with pytest.raises(LocalProtocolError):
        check_date_time(value)


def test_checked_dates() -> None:
    assert check_date(date(2001, 1, 1)) == date(2001, 1, 1)
    assert type(check_date(datetime(2001, 1, 1, 23, tzinfo=UTC))) is date
    with pytest.raises(LocalProtocolError):
        check_date("2001")  # type: ignore[arg-type]  # what an untyped caller does


@given(date_times)
def test_date_time_round_trip(value: datetime) -> None:
    checked = check_date_time(value)
    wire = written(lambda writer: write_date_time(writer, checked))
    parsed = parse_date_time(cursor_at(wire, strict=True))
    assert (parsed, parsed.utcoffset()) == (checked, checked.utcoffset())


@given(st.dates())
def test_date_round_trip(value: date) -> None:
    wire = written(lambda writer: write_date(writer, value))
    assert parse_date(cursor_at(wire, strict=True)) == value
