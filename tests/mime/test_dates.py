from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.mime.dates import parse_date


def zone(hours: float) -> timezone:
    return timezone(timedelta(hours=hours))


CASES: dict[bytes, datetime | None] = {
    # RFC 5322 appendix A
    b"Fri, 21 Nov 1997 09:55:06 -0600": datetime(1997, 11, 21, 9, 55, 6, tzinfo=zone(-6)),
    b"Thu,      13        Feb          1969      23:32               -0330 (Newfoundland Time)": datetime(
        1969, 2, 13, 23, 32, tzinfo=zone(-3.5)
    ),
    b"21 Nov 97 09:55:06 GMT": datetime(1997, 11, 21, 9, 55, 6, tzinfo=UTC),
    b"Fri, 21 Nov 1997 09(comment):   55  :  06  -0600": datetime(1997, 11, 21, 9, 55, 6, tzinfo=zone(-6)),
    # Zones
    b"1 Jan 2024 00:00 +0530": datetime(2024, 1, 1, tzinfo=zone(5.5)),
    b"1 Jan 2024 00:00 +05:30": datetime(2024, 1, 1, tzinfo=zone(5.5)),
    b"1 Jan 2024 00:00 EST": datetime(2024, 1, 1, tzinfo=zone(-5)),
    b"1 Jan 2024 00:00 pdt": datetime(2024, 1, 1, tzinfo=zone(-7)),
    b"1 Jan 2024 00:00 A": datetime(2024, 1, 1, tzinfo=UTC),
    b"1 Jan 2024 00:00 -0000": datetime(2024, 1, 1, tzinfo=UTC),
    b"1 Jan 2024 00:00": datetime(2024, 1, 1, tzinfo=UTC),
    b"1 Jan 2024 00:00 +9999": datetime(2024, 1, 1, tzinfo=UTC),
    b"1 Jan 2024 00:00 +0060": datetime(2024, 1, 1, tzinfo=UTC),
    # Years
    b"1 Jan 49 00:00": datetime(2049, 1, 1, tzinfo=UTC),
    b"1 Jan 50 00:00": datetime(1950, 1, 1, tzinfo=UTC),
    b"1 Jan 124 00:00": datetime(2024, 1, 1, tzinfo=UTC),
    # Odd but plain
    b"Monday, 1 January 2024 7:05:06 +0000": datetime(2024, 1, 1, 7, 5, 6, tzinfo=UTC),
    b"Mon 1-jan-2024 07:05:06 +0000": datetime(2024, 1, 1, 7, 5, 6, tzinfo=UTC),
    b"31 Dec 2016 23:59:60 +0000": datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC),
    b"": None,
    b"yesterday": None,
    b"32 Jan 2024 00:00": None,
    b"1 Foo 2024 00:00": None,
    b"1 Jan 0000 00:00": None,
    b"1 Jan 2024 24:00": None,
    b"1 Jan 2024": None,
    b"2024-01-01T00:00:00Z": None,
}


@pytest.mark.parametrize("value", CASES, ids=repr)
def test_date(value: bytes) -> None:
    parsed, expected = parse_date(value), CASES[value]
    assert parsed == expected
    if parsed is not None and expected is not None:
        assert parsed.utcoffset() == expected.utcoffset()


ZONES: st.SearchStrategy[tzinfo] = st.integers(-1439, 1439).map(lambda n: timezone(timedelta(minutes=n)))


@given(st.datetimes(min_value=datetime(1950, 1, 1), timezones=ZONES))
def test_what_the_standard_library_writes(value: datetime) -> None:
    value = value.replace(microsecond=0)
    assert parse_date(format_datetime(value).encode()) == value


@given(st.binary(max_size=40))
def test_random_octets_never_raise(value: bytes) -> None:
    parse_date(value)
    parse_date(b"1 Jan 2024 00:00 " + value)
