from __future__ import annotations

import pytest

from mailproto.errors import LocalProtocolError
from mailproto.smtp import MT_PRIORITY, Extensions, mt_priority
from support_smtp import check_refused_value, check_value


@pytest.mark.parametrize("priority", range(-9, 10))
def test_priorities(priority: int) -> None:
    check_value(MT_PRIORITY, str(priority), priority)


@pytest.mark.parametrize("text", [None, "10", "-10", "+1", "-0", "00", "x", "\u0661"])
def test_refuses(text: str | None) -> None:
    check_refused_value(MT_PRIORITY, text)


def test_priorities_that_cannot_be_sent() -> None:
    with pytest.raises(LocalProtocolError):
        MT_PRIORITY.pair(10)


def test_what_ehlo_says() -> None:
    assert Extensions.parse(["MT-PRIORITY STANAG4406"]).mt_priority == "STANAG4406"
    assert Extensions.parse(["MT-PRIORITY"]).mt_priority == ""
    assert Extensions().mt_priority is None


@pytest.mark.parametrize("profile", ["a b", "x" * 21, "a\r\nb", "\xe9"])
def test_rows_that_cannot_be_built(profile: str) -> None:
    with pytest.raises(LocalProtocolError):
        mt_priority(profile)
