from __future__ import annotations

import pytest

from mailproto.sasl import Credentials, External, PasswordAuthenticator, Secret, Verify, authenticator_for

USERS: dict[str, str | Secret[str]] = {"tim": "tanstaaf", "jürgen": Secret("pässwörd"), "nobody": ""}
CASES = {
    "right": (Verify("tim", Secret("tanstaaf")), "tim"),
    "right, secret, UTF-8": (Verify("jürgen", Secret("pässwörd")), "jürgen"),
    "right, acting as oneself": (Verify("tim", Secret("tanstaaf"), "tim"), "tim"),
    "acting as another": (Verify("tim", Secret("tanstaaf"), "jürgen"), None),
    "wrong": (Verify("tim", Secret("Tanstaaf")), None),
    "prefix": (Verify("tim", Secret("tanstaa")), None),
    "unknown": (Verify("tom", Secret("tanstaaf")), None),
    "unknown with the fake": (Verify("tom", Secret("an unknown user is compared with this")), None),
    "empty password": (Verify("nobody", Secret("")), None),
    "credentials": (Credentials("tim"), None),
    "certificate": (External(b"DER"), None),
}


@pytest.mark.parametrize("request_, identity", CASES.values(), ids=CASES)
def test_passwords(request_: Verify | Credentials | External, identity: str | None) -> None:
    assert PasswordAuthenticator(USERS).answer(request_) == identity


def test_users_come_and_go() -> None:
    users: dict[str, str | Secret[str]] = {}
    authenticator = PasswordAuthenticator(users)
    users["tim"] = "x"
    assert authenticator.answer(Verify("tim", Secret("x"))) == "tim"
    assert repr(authenticator) == "PasswordAuthenticator(<1 users>)"


def test_authenticator_for() -> None:
    authenticator = authenticator_for(USERS)
    assert isinstance(authenticator, PasswordAuthenticator)
    assert authenticator.mechanisms == ("PLAIN", "LOGIN")
    assert authenticator_for(authenticator) is authenticator
    assert authenticator_for(None) is None
