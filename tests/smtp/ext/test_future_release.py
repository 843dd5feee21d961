from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from mailproto.errors import LocalProtocolError
from mailproto.smtp import HOLDFOR, HOLDUNTIL, Extensions, FutureReleaseLimits, Parameter, future_release
from support_smtp import check_refused_value, check_value

NOON = datetime(2030, 2, 28, 12, 0, 0, tzinfo=UTC)
UNTIL = [
    ("2030-02-28T12:00:00Z", NOON, None),
    ("2030-02-28t12:00:00z", NOON, "2030-02-28T12:00:00Z"),
    ("2030-02-28T12:00:00+00:00", NOON, "2030-02-28T12:00:00Z"),
    ("2030-02-28T12:00:00.25Z", NOON + timedelta(microseconds=250_000), "2030-02-28T12:00:00.250000Z"),
    ("2016-12-31T23:59:60Z", datetime(2017, 1, 1, tzinfo=UTC), "2017-01-01T00:00:00Z"),
]
NOT_CASES: list[tuple[Parameter[object], str | None]] = [
    *((HOLDFOR, text) for text in (None, "0", "01", "-1", "1000000000", "\u0661")),
    *((HOLDUNTIL, text) for text in (None, "2030-02-30T12:00:00Z", "2030-02-28", "2030-02-28T12:00:00")),
    (HOLDUNTIL, "2030-02-28T12:00:00+01:00"),
    (HOLDUNTIL, "0000-01-01T00:00:00Z"),
    (HOLDUNTIL, "9999-12-31T23:59:60Z"),
    (HOLDUNTIL, "2030-02-28T24:00:00Z"),
    (HOLDUNTIL, "2030-02-28T12:00:61Z"),
]


def test_holdfor() -> None:
    check_value(HOLDFOR, "1", 1)
    check_value(HOLDFOR, "999999999", 999_999_999)
    with pytest.raises(LocalProtocolError):
        HOLDFOR.pair(0)


@pytest.mark.parametrize("text, value, written", UNTIL)
def test_holduntil(text: str, value: datetime, written: str | None) -> None:
    check_value(HOLDUNTIL, text, value, written)


@pytest.mark.parametrize("row, text", NOT_CASES)
def test_refuses(row: Parameter[object], text: str | None) -> None:
    check_refused_value(row, text)


def test_a_date_and_time_is_sent_in_utc_and_needs_its_zone() -> None:
    local = NOON.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert HOLDUNTIL.pair(local) == ("HOLDUNTIL", "2030-02-28T12:00:00Z")
    with pytest.raises(LocalProtocolError, match="with a time zone"):
        HOLDUNTIL.pair(datetime(2030, 2, 28))
    with pytest.raises(LocalProtocolError, match="from 1 to 9999"):
        HOLDUNTIL.pair(datetime.min.replace(tzinfo=timezone(timedelta(hours=1))))


LIMITS = [
    ("FUTURERELEASE 3600 2030-02-28T12:00:00Z", FutureReleaseLimits(3600, NOON)),
    ("FUTURERELEASE 3600 2030-02-28T13:00:00+01:00", FutureReleaseLimits(3600, NOON)),
    ("FUTURERELEASE", None),
    ("FUTURERELEASE 0 2030-02-28T12:00:00Z", None),
    ("FUTURERELEASE 3600 tomorrow", None),
    ("FUTURERELEASE 3600 0001-01-01T00:00:00+23:59", None),
    ("SIZE", None),
]


@pytest.mark.parametrize("line, limits", LIMITS)
def test_what_ehlo_says(line: str, limits: FutureReleaseLimits | None) -> None:
    assert Extensions.parse([line]).future_release == limits


@pytest.mark.parametrize("interval, moment", [(0, NOON), (10**9, NOON), (1, datetime(2030, 1, 1))])
def test_rows_that_cannot_be_built(interval: int, moment: datetime) -> None:
    with pytest.raises(LocalProtocolError):
        future_release(interval, moment)
