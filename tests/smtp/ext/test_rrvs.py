from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from mailproto.errors import LocalProtocolError
from mailproto.smtp import RRVS, NoSupport, ValidSince
from support_smtp import check_refused_value, check_value

MOMENT = datetime(2014, 4, 3, 23, 1, 0, tzinfo=UTC)
CASES = [
    ("2014-04-03T23:01:00Z", ValidSince(MOMENT), None),
    ("2014-04-03T23:01:00Z;C", ValidSince(MOMENT, NoSupport.CONTINUE), None),
    ("2014-04-03T23:01:00z;r", ValidSince(MOMENT, NoSupport.REJECT), "2014-04-03T23:01:00Z;R"),
    ("2014-04-04T01:01:00+02:00", ValidSince(MOMENT), "2014-04-03T23:01:00Z"),
    ("2014-04-03T18:01:00-05:00", ValidSince(MOMENT), "2014-04-03T23:01:00Z"),
]
NOT_CASES = [
    None, "2014-04-03T23:01:00.5Z", "2014-04-03T23:01:00Z;X", "2014-04-03T23:01:00Z;", "2014-04-03",
    "2014-13-03T23:01:00Z", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-00:01", ";C",
]  # fmt: skip


@pytest.mark.parametrize("text, value, written", CASES)
def test_rrvs(text: str, value: ValidSince, written: str | None) -> None:
    check_value(RRVS, text, value, written)


@pytest.mark.parametrize("text", NOT_CASES)
def test_refuses(text: str | None) -> None:
    check_refused_value(RRVS, text)


def test_equal_instants_are_equal_values() -> None:
    local = MOMENT.astimezone(timezone(timedelta(hours=2)))
    assert ValidSince(local) == ValidSince(MOMENT)
    assert RRVS.pair(ValidSince(local)) == RRVS.pair(ValidSince(MOMENT))


@pytest.mark.parametrize("moment", [datetime(2014, 4, 3), MOMENT.replace(microsecond=1)])
def test_cannot_be_built(moment: datetime) -> None:
    with pytest.raises(LocalProtocolError):
        ValidSince(moment)
