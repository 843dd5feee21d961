from __future__ import annotations

import pytest

from mailproto.errors import LocalProtocolError
from mailproto.smtp import SOLICIT, Extensions, no_soliciting
from support_smtp import check_refused_value, check_value

CASES = [
    ("net.example:ADV", ("net.example:ADV",)),
    ("org.example:ADV:ADLT,net.example:ADV", ("org.example:ADV:ADLT", "net.example:ADV")),
    ("a" * 1_000, ("a" * 1_000,)),
]


@pytest.mark.parametrize("text, value", CASES)
def test_solicit(text: str, value: tuple[str, ...]) -> None:
    check_value(SOLICIT, text, value)


@pytest.mark.parametrize("text", [None, ",a", "a,", "1a", "a;b", "a" * 1_001, "\xe9"])
def test_refuses(text: str | None) -> None:
    check_refused_value(SOLICIT, text)


def test_what_ehlo_says() -> None:
    assert Extensions.parse(["NO-SOLICITING net.example:ADV,b"]).no_soliciting == ("net.example:ADV", "b")
    assert Extensions.parse(["NO-SOLICITING"]).no_soliciting == ()
    assert Extensions.parse(["NO-SOLICITING ?"]).no_soliciting == ()
    assert Extensions().no_soliciting is None


@pytest.mark.parametrize("classes", [("a b",), ("a,,b",), ("",), ("a" * 999, "b"), ("a\r\nb",)])
def test_rows_that_cannot_be_built(classes: tuple[str, ...]) -> None:
    with pytest.raises(LocalProtocolError):
        no_soliciting(*classes)
