from __future__ import annotations

import pytest

from mailproto.errors import LocalProtocolError
from mailproto.smtp import BY, ByMode, DeliverBy, Extensions, deliver_by
from support_smtp import check_refused_value, check_value

CASES = [
    ("120;R", DeliverBy(120, ByMode.RETURN), None),
    ("-45;NT", DeliverBy(-45, ByMode.NOTIFY, True), None),
    ("0;N", DeliverBy(0, ByMode.NOTIFY), None),
    ("+0120;rt", DeliverBy(120, ByMode.RETURN, True), "120;RT"),
    ("-0;N", DeliverBy(0, ByMode.NOTIFY), "0;N"),
    ("999999999;R", DeliverBy(999_999_999, ByMode.RETURN), None),
]
NOT_CASES = [None, "120", "120;X", "0;R", "+00;R", "-1;R", "1000000000;N", ";N", "1;N;T", "\u0661;N", "1;RTT"]


@pytest.mark.parametrize("text, value, written", CASES)
def test_by(text: str, value: DeliverBy, written: str | None) -> None:
    check_value(BY, text, value, written)


@pytest.mark.parametrize("text", NOT_CASES)
def test_refuses(text: str | None) -> None:
    check_refused_value(BY, text)


@pytest.mark.parametrize(
    "seconds, mode",
    [(0, ByMode.RETURN), (-1, ByMode.RETURN), (10**9, ByMode.NOTIFY), (-(10**9), ByMode.NOTIFY)],
)
def test_cannot_be_built(seconds: int, mode: ByMode) -> None:
    with pytest.raises(LocalProtocolError):
        DeliverBy(seconds, mode)


@pytest.mark.parametrize(
    "line, least",
    [("DELIVERBY", 0), ("DELIVERBY 240", 240), ("DELIVERBY 240,X-A", 240), ("DELIVERBY ,X", 0),
     ("DELIVERBY x", 0), ("DELIVERBY 1000000000", 0), ("SIZE", None)],
)  # fmt: skip
def test_what_ehlo_says(line: str, least: int | None) -> None:
    assert Extensions.parse([line]).deliver_by == least


@pytest.mark.parametrize("least", [-1, 10**9])
def test_rows_that_cannot_be_built(least: int) -> None:
    with pytest.raises(LocalProtocolError):
        deliver_by(least)
