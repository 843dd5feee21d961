from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.errors import LocalProtocolError
from mailproto.limits import MAX_ITERATIONS, SASLLimits
from mailproto.sasl import NoVerifier, ScramVerifier, Secret
from support_sasl import SECRET

SALT = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
HASHES = {"SCRAM-SHA-1": "sha1", "SCRAM-SHA-256": "sha256", "SCRAM-SHA-512": "sha512"}


def hi(name: str, password: bytes, salt: bytes, iterations: int) -> bytes:
    """Hi() as RFC 5802 section 2.2 writes it down."""
    last = hmac.new(password, salt + b"\0\0\0\1", name).digest()
    total = int.from_bytes(last, "big")
    for _ in range(iterations - 1):
        last = hmac.new(password, last, name).digest()
        total ^= int.from_bytes(last, "big")
    return total.to_bytes(len(last), "big")


@pytest.mark.parametrize("mechanism", HASHES)
def test_the_keys_are_those_of_the_rfc(mechanism: str) -> None:
    name = HASHES[mechanism]
    verifier = ScramVerifier.of_password("pencil", salt=SALT, mechanism=mechanism, iterations=4096)
    salted = hi(name, b"pencil", SALT, 4096)
    stored = hashlib.new(name, hmac.new(salted, b"Client Key", name).digest()).digest()
    assert verifier.stored_key == stored
    assert verifier.server_key == hmac.new(salted, b"Server Key", name).digest()


# The verifier of the user in RFC 7677 section 3.
TEXT = (
    "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
    "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
)


def test_text_form() -> None:
    verifier = ScramVerifier.of_password("pencil", salt=SALT, iterations=4096)
    assert verifier.serialize() == TEXT
    assert ScramVerifier.parse(TEXT) == verifier


NOT_CASES = {
    "empty": "",
    "a password": "pencil",
    "unknown hash": TEXT.replace("256", "255"),
    "bound": TEXT.replace("256$", "256-PLUS$"),
    "no iterations": TEXT.replace("4096", "0"),
    "too many iterations": TEXT.replace("4096", "600001"),
    "iterations for an hour": TEXT.replace("4096", "9" * 10),
    "too many digits": TEXT.replace("4096", "4" * 11),
    "no salt": TEXT.replace("W22ZaJ0SNY7soEsUEjb6gQ==", ""),
    "no base64": TEXT.replace("W22", "W=2"),
    "short key": TEXT.replace("WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=", "WG5d"),
    "line end": TEXT + "\n",
}


@pytest.mark.parametrize("text", NOT_CASES.values(), ids=NOT_CASES)
def test_no_verifier(text: str) -> None:
    with pytest.raises(LocalProtocolError) as caught:
        ScramVerifier.parse(text)
    assert not text or text not in str(caught.value)


@given(
    st.binary(min_size=1, max_size=40), st.integers(1, MAX_ITERATIONS), st.binary(min_size=64, max_size=64)
)
def test_round_trip(salt: bytes, iterations: int, key: bytes) -> None:
    for mechanism, size in (("SCRAM-SHA-1", 20), ("SCRAM-SHA-256", 32), ("SCRAM-SHA-512", 64)):
        verifier = ScramVerifier(mechanism, salt, iterations, key[:size], key[::-1][:size])
        assert ScramVerifier.parse(verifier.serialize()) == verifier


def test_no_more_iterations_than_a_client_puts_up_with(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each login costs a server as many: the bound is that of a client, and is seen before any work."""
    assert SASLLimits().max_iterations == MAX_ITERATIONS
    assert ScramVerifier.parse(TEXT.replace("4096", f"{MAX_ITERATIONS}")).iterations == MAX_ITERATIONS
    made_up = NoVerifier(iterations=MAX_ITERATIONS).made_up("SCRAM-SHA-1", "tim", SECRET)
    assert made_up.iterations == MAX_ITERATIONS
    monkeypatch.delattr(hashlib, "pbkdf2_hmac")
    for iterations in (0, -1, MAX_ITERATIONS + 1, 2**31 - 1, 2**64):
        for build in (
            lambda count: ScramVerifier("SCRAM-SHA-1", SALT, count, bytes(20), bytes(20)),
            lambda count: ScramVerifier.of_password("x", salt=SALT, iterations=count),
            lambda count: NoVerifier(iterations=count),
        ):
            with pytest.raises(LocalProtocolError, match="expected 1 to 600000 iterations"):
                build(iterations)


def test_verifies() -> None:
    verifier = ScramVerifier.of_password(Secret("I\u00adX"), salt=SALT, iterations=10)
    assert [verifier.verifies(text) for text in ("IX", "\u2168", "I\u00adX")] == [True] * 3
    assert [verifier.verifies(text) for text in ("ix", "", "IX\0", "\ue000", "\udc80")] == [False] * 5


@pytest.mark.parametrize("password", ["", "\u00ad", "a\0", "\udc80", "\ue000"], ids=ascii)
def test_a_password_that_cannot_be_kept(password: str) -> None:
    with pytest.raises(LocalProtocolError, match="password") as caught:
        ScramVerifier.of_password(password, salt=SALT)
    assert not password or password not in str(caught.value)


def test_keys_are_not_shown() -> None:
    assert repr(ScramVerifier.parse(TEXT)) == (
        f"ScramVerifier(mechanism='SCRAM-SHA-256', salt={SALT!r}, iterations=4096)"
    )


def test_made_up_verifiers() -> None:
    shape = NoVerifier(iterations=5_000, salt_octets=24)
    made_up = shape.made_up("SCRAM-SHA-512", "tim", SECRET)
    assert (made_up.iterations, len(made_up.salt)) == (5_000, 24)
    assert shape.made_up("SCRAM-SHA-512", "tim", SECRET) == made_up
    others = [
        shape.made_up("SCRAM-SHA-512", "tom", SECRET),
        shape.made_up("SCRAM-SHA-512", "tim", Secret(b"another")),
    ]
    salts = {verifier.salt for verifier in (made_up, *others)}
    keys = {key for verifier in (made_up, *others) for key in (verifier.stored_key, verifier.server_key)}
    assert (len(salts), len(keys)) == (3, 6)
