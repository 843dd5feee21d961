from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.sasl._gs2 import GS2Header, read_name, write_name

# RFC 5802 section 7.
CASES = {
    "no binding": (GS2Header(), "n,,"),
    "binding not seen": (GS2Header("y"), "y,,"),
    "binding": (GS2Header("p=tls-unique"), "p=tls-unique,,"),
    "authzid": (GS2Header("n", "Ursel"), "n,a=Ursel,"),
    "all": (GS2Header("p=tls-exporter", "a=b,c"), "p=tls-exporter,a=a=3Db=2Cc,"),
}
NOT_CASES = [
    "",
    "n",
    "n,",
    "x,,",
    "p=,,",
    "p=a_b,,",
    "n,a=,",
    "n,a==2c,",
    "n,a=b=,",
    "n,b=c,",
    "n,a=\0,",
    "F,n,,",
]


@pytest.mark.parametrize("header, text", CASES.values(), ids=CASES)
def test_both_ways(header: GS2Header, text: str) -> None:
    assert header.serialize() == text
    assert GS2Header.parse(text + "n=user") == (header, "n=user")


@pytest.mark.parametrize("text", NOT_CASES)
def test_no_header(text: str) -> None:
    with pytest.raises(ValueError, match="expected a GS2 header"):
        GS2Header.parse(text)


def test_the_name_of_the_binding() -> None:
    assert [GS2Header(flag).binding for flag in ("n", "y", "p=tls-unique")] == [None, None, "tls-unique"]


@given(st.text())
def test_names(name: str) -> None:
    assert read_name(write_name(name)) == name
    assert "," not in write_name(name)
