from __future__ import annotations

import hashlib
from collections.abc import Mapping

import pytest

from mailproto.sasl import (
    Authorize,
    Credentials,
    External,
    NoVerifier,
    PasswordAuthenticator,
    Request,
    ScramVerifier,
    Secret,
    Stored,
    Verify,
    VerifyToken,
    authenticator_for,
)


def verifier(password: str, mechanism: str = "SCRAM-SHA-256", iterations: int = 5_000) -> ScramVerifier:
    return ScramVerifier.of_password(password, salt=b"0123456789", mechanism=mechanism, iterations=iterations)


KEPT = verifier("pässwörd")
USERS: dict[str, Stored] = {"tim": "tanstaaf", "jürgen": Secret("pässwörd"), "nobody": "", "kim": KEPT}
CASES: dict[str, tuple[Request, object]] = {
    "right": (Verify("tim", Secret("tanstaaf")), "tim"),
    "right, secret, UTF-8": (Verify("jürgen", Secret("pässwörd")), "jürgen"),
    "right, prepared": (Verify("ju\u0308rgen", Secret("pa\u0308sswo\u0308rd")), "jürgen"),
    "right, verifier": (Verify("kim", Secret("pässwörd")), "kim"),
    "right, acting as oneself": (Verify("tim", Secret("tanstaaf"), "tim"), "tim"),
    "acting as another": (Verify("tim", Secret("tanstaaf"), "jürgen"), None),
    "wrong": (Verify("tim", Secret("Tanstaaf")), None),
    "wrong, verifier": (Verify("kim", Secret("Pässwörd")), None),
    "the verifier itself": (Verify("kim", Secret(KEPT.serialize())), None),
    "prefix": (Verify("tim", Secret("tanstaa")), None),
    "unknown": (Verify("tom", Secret("tanstaaf")), None),
    "unknown with the fake": (Verify("tom", Secret("an unknown user is compared with this")), None),
    "empty password": (Verify("nobody", Secret("")), None),
    "password that nothing can prepare": (Verify("tim", Secret("\ue000\udc80")), None),
    "credentials": (Credentials("tim", "SCRAM-SHA-1"), "tanstaaf"),
    "credentials for CRAM-MD5": (Credentials("tim", "CRAM-MD5"), "tanstaaf"),
    "credentials, verifier": (Credentials("kim", "SCRAM-SHA-256"), KEPT),
    "credentials, verifier of another hash": (Credentials("kim", "SCRAM-SHA-1"), None),
    "credentials of nobody": (Credentials("tom", "SCRAM-SHA-1"), None),
    "who it is": (Authorize("tim"), "tim"),
    "who it is, prepared": (Authorize("ju\u0308rgen"), "jürgen"),
    "oneself": (Authorize("tim", "tim"), "tim"),
    "oneself, prepared": (Authorize("jürgen", "ju\u0308rgen"), "jürgen"),
    "another": (Authorize("tim", "kim"), None),
    "another, prepared to nothing": (Authorize("tim", "\u00ad"), None),
    "another that nothing can prepare": (Authorize("tim", "tim\ue000"), None),
    "certificate": (External(b"DER"), None),
    "token": (VerifyToken(token=Secret("x")), None),
}


@pytest.mark.parametrize("request_, answer", CASES.values(), ids=CASES)
def test_answers(request_: Request, answer: object) -> None:
    assert PasswordAuthenticator(USERS).answer(request_) == answer


def test_users_come_and_go() -> None:
    users: dict[str, Stored] = {}
    authenticator = PasswordAuthenticator(users)
    users["tim"] = "x"
    assert authenticator.answer(Verify("tim", Secret("x"))) == "tim"
    assert repr(authenticator) == "PasswordAuthenticator(<1 users>)"


def yes(request: object) -> str:
    return "tim"


SCRAM_512, SCRAM_256, SCRAM_1 = (
    (f"{name}-PLUS", name) for name in ("SCRAM-SHA-512", "SCRAM-SHA-256", "SCRAM-SHA-1")
)
PLUS, BARE = zip(SCRAM_512, SCRAM_256, SCRAM_1, strict=True)
MECHANISMS: dict[str, tuple[PasswordAuthenticator, tuple[str, ...]]] = {
    "passwords": (PasswordAuthenticator({"a": "b"}), (*PLUS, *BARE, "PLAIN", "LOGIN")),
    "nobody yet": (PasswordAuthenticator({}), (*PLUS, *BARE, "PLAIN", "LOGIN")),
    "verifiers": (PasswordAuthenticator({"a": KEPT}), (*SCRAM_256, "PLAIN", "LOGIN")),
    "verifiers of two hashes": (
        PasswordAuthenticator({"a": KEPT, "b": verifier("x", "SCRAM-SHA-512")}),
        (SCRAM_512[0], SCRAM_256[0], SCRAM_512[1], SCRAM_256[1], "PLAIN", "LOGIN"),
    ),
    "both": (PasswordAuthenticator({"a": KEPT, "b": "c"}), (*PLUS, *BARE, "PLAIN", "LOGIN")),
    "tokens": (PasswordAuthenticator({}, tokens=yes), ("OAUTHBEARER", "XOAUTH2")),
    "verifiers and tokens": (
        PasswordAuthenticator({"a": KEPT}, tokens=yes),
        (*SCRAM_256, "OAUTHBEARER", "XOAUTH2", "PLAIN", "LOGIN"),
    ),
    "certificates": (PasswordAuthenticator({}, certificates=yes), ("EXTERNAL",)),
    "named": (PasswordAuthenticator({"a": "b"}, mechanisms=["CRAM-MD5"]), ("CRAM-MD5",)),
}


@pytest.mark.parametrize("authenticator, names", MECHANISMS.values(), ids=MECHANISMS)
def test_mechanisms_follow_from_what_is_known(
    authenticator: PasswordAuthenticator, names: tuple[str, ...]
) -> None:
    assert authenticator.mechanisms == names


def test_what_is_asked_of_functions() -> None:
    authenticator = PasswordAuthenticator({}, certificates=lambda request: request.peer_certificate.decode())
    assert authenticator.answer(External(b"DER")) == "DER"


def test_a_store_of_verifiers_makes_up_what_it_usually_has() -> None:
    users: Mapping[str, Stored] = {
        "a": verifier("x", iterations=5_000),
        "b": verifier("y", iterations=5_000),
        "c": verifier("z", iterations=6_000),
    }
    request = Credentials("nobody", "SCRAM-SHA-256")
    assert PasswordAuthenticator(users).answer(request) == NoVerifier(5_000, 10)
    one, other = (PasswordAuthenticator(users, secret=b"kept") for _ in range(2))
    made_up = one.answer(request)
    assert isinstance(made_up, ScramVerifier)
    assert (made_up.iterations, len(made_up.salt)) == (5_000, 10)
    assert other.answer(request) == made_up
    assert one.answer(Credentials("nobody", "CRAM-MD5")) is None


@pytest.mark.parametrize("name", ["a", "b", "nobody"])
def test_a_password_is_tried_with_the_same_work_for_everybody(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    authenticator = PasswordAuthenticator({"a": KEPT, "b": "password"})
    derive, work = hashlib.pbkdf2_hmac, []

    def count(*arguments: object) -> bytes:
        work.append(arguments[3])
        return derive(*arguments)  # type: ignore[arg-type]  # passed through

    monkeypatch.setattr(hashlib, "pbkdf2_hmac", count)
    assert authenticator.answer(Verify(name, Secret("wrong"))) is None
    assert work == [5_000]


def test_authenticator_for() -> None:
    authenticator = authenticator_for(USERS)
    assert isinstance(authenticator, PasswordAuthenticator)
    assert authenticator_for(authenticator) is authenticator
    assert authenticator_for(None) is None
