from __future__ import annotations

import hashlib

import pytest

from mailproto.errors import LocalProtocolError
from mailproto.smtp import MTRK, Tracking
from support_smtp import check_refused_value, check_value

CASES = [
    ("AAECAw:86400", Tracking(bytes(range(4)), 86_400)),
    ("AAECAwQ", Tracking(bytes(range(5)))),
    ("AAECAwQF:0", Tracking(bytes(range(6)), 0)),
]


@pytest.mark.parametrize("text, value", CASES)
def test_mtrk(text: str, value: Tracking) -> None:
    check_value(MTRK, text, value)


@pytest.mark.parametrize("text", [None, ":1", "AAAA:", "AAAA:1000000000", "AAAAA", "A", "AA?A"])
def test_refuses(text: str | None) -> None:
    check_refused_value(MTRK, text)


def test_of_a_secret() -> None:
    secret = bytes(range(16))
    assert Tracking.of_secret(secret, 60) == Tracking(hashlib.sha1(secret).digest(), 60)


@pytest.mark.parametrize("size", [15, 129])
def test_a_secret_of_another_size(size: int) -> None:
    with pytest.raises(LocalProtocolError):
        Tracking.of_secret(bytes(size))


@pytest.mark.parametrize("certifier, timeout", [(b"", None), (b"a", -1), (b"a", 10**9)])
def test_cannot_be_built(certifier: bytes, timeout: int | None) -> None:
    with pytest.raises(LocalProtocolError):
        Tracking(certifier, timeout)
