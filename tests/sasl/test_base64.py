from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.sasl._base64 import decode, encode, encode_initial

CASES = {
    "empty": (b"", b""),
    "one octet": (b"\0", b"AA=="),
    "two octets": (b"ab", b"YWI="),
    "three octets": (b"abc", b"YWJj"),
    "RFC 4954": (b"\0test\x001234", b"AHRlc3QAMTIzNA=="),
}
NOT_CASES = {
    "no padding": b"YWI",
    "too much padding": b"YWI==",
    "padding inside": b"YQ==YQ==",
    "space": b"YW Jj",
    "line end": b"YWJj\r\n",
    "other alphabet": b"-_-_",
    "one character": b"A",
    "padding alone": b"==",
    "padding before": b"=YWI",
    "not ASCII": b"YWJj\xc3\xa4ab",
}


@pytest.mark.parametrize("data, text", CASES.values(), ids=CASES)
def test_both_ways(data: bytes, text: bytes) -> None:
    assert encode(data) == text
    assert decode(text) == data


@pytest.mark.parametrize("text", NOT_CASES.values(), ids=NOT_CASES)
def test_no_base64(text: bytes) -> None:
    with pytest.raises(ValueError, match="expected base64"):
        decode(text)


def test_empty_initial_response() -> None:
    assert encode_initial(b"") == b"="
    assert encode_initial(b"a") == b"YQ=="
    assert decode(b"=") == b""


@given(st.binary())
def test_round_trip(data: bytes) -> None:
    assert decode(encode(data)) == decode(encode_initial(data)) == data
