from __future__ import annotations

import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.errors import Denial, LocalProtocolError
from mailproto.sasl import (
    Accepted,
    AuthenticationAborted,
    Authorize,
    Challenge,
    CramMD5Client,
    CramMD5Server,
    Credentials,
    Need,
    PasswordAuthenticator,
    Refused,
    ScramVerifier,
    Secret,
)
from mailproto.sasl.verifier import made_up_octets
from support_sasl import SECRET, exchange, setting

# RFC 2195 section 2
CHALLENGE = b"<1896.697170952@postoffice.reston.mci.net>"
RESPONSE = b"tim b913a602c7eda7a495b4e6e7334d3890"
USERS = PasswordAuthenticator({"tim": "tanstaaftanstaaf", "a b": Secret("pässwörd")})


def begun() -> CramMD5Server:
    server = CramMD5Server(setting())
    assert isinstance(server.step(None), Challenge)
    return server


def test_the_example_of_the_rfc() -> None:
    client = CramMD5Client("tim", "tanstaaftanstaaf")
    for _ in range(2):
        assert client.initial_response() is None
        assert client.respond(CHALLENGE) == RESPONSE
        client.finish()


def test_the_challenge_is_an_address_that_is_never_the_same() -> None:
    where = setting()
    challenges = [CramMD5Server(where).step(None) for _ in range(2)]
    assert challenges[0] != challenges[1]
    for challenge in challenges:
        assert isinstance(challenge, Challenge)
        assert challenge.data.startswith(b"<")
        assert challenge.data.endswith(b"@mx.example>")


@pytest.mark.parametrize("name, password", [("tim", "tanstaaftanstaaf"), ("a b", "pässwörd")])
def test_both_ends(name: str, password: str) -> None:
    assert exchange(CramMD5Client(name, password), CramMD5Server(setting()), USERS, setting()) == Accepted(
        name, name
    )


@pytest.mark.parametrize("name, password", [("tim", "wrong"), ("tom", "tanstaaftanstaaf")])
def test_refused_alike(name: str, password: str) -> None:
    outcome = exchange(CramMD5Client(name, password), CramMD5Server(setting()), USERS, setting())
    assert outcome == Refused("the password is not right")


def test_what_the_authenticator_is_asked() -> None:
    server = begun()
    assert server.step(RESPONSE) == Need(Credentials("tim", "CRAM-MD5"))
    assert server.resume(Denial.UNAVAILABLE) == Refused("the authenticator refuses", Denial.UNAVAILABLE)
    server = CramMD5Server(setting())
    challenge = server.step(None)
    assert isinstance(challenge, Challenge)
    server.step(CramMD5Client("tim", "x").respond(challenge.data))
    assert server.resume("x") == Need(Authorize("tim"))
    assert isinstance(server.resume(None), Refused)


def test_the_password_that_is_made_up_for_nobody_is_of_no_use() -> None:
    password = made_up_octets(SECRET, "password", "tom").hex()
    outcome = exchange(CramMD5Client("tom", password), CramMD5Server(setting()), USERS, setting())
    assert outcome == Refused("the password is not right")


@pytest.mark.parametrize("stored", ["", Secret("")], ids=repr)
def test_no_password_lets_nobody_in(stored: str | Secret[str]) -> None:
    server = CramMD5Server(setting())
    challenge = server.step(None)
    assert isinstance(challenge, Challenge)
    server.step(b"tim " + hmac.new(b"", challenge.data, "md5").hexdigest().encode())
    assert server.resume(stored) == Refused("the password is not right")


def test_a_verifier_is_of_no_use() -> None:
    verifier = ScramVerifier.of_password("x", salt=b"salt", iterations=1)
    users = PasswordAuthenticator({"tim": verifier}, mechanisms=["CRAM-MD5"])
    assert isinstance(
        exchange(CramMD5Client("tim", "x"), CramMD5Server(setting()), users, setting()), Refused
    )


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"tim",
        RESPONSE[:-1],
        RESPONSE.upper(),
        b" " + RESPONSE[4:],
        b"\xff" + RESPONSE,
        b"a\0" + RESPONSE,
    ],
    ids=repr,
)
def test_server_refuses(answer: bytes) -> None:
    assert begun().step(answer) == Refused("expected a name and a digest")


def test_an_initial_response_answers_nothing() -> None:
    assert isinstance(CramMD5Server(setting()).step(RESPONSE), Refused)


def test_client_cancels() -> None:
    client = CramMD5Client("tim", "x")
    client.initial_response()
    with pytest.raises(AuthenticationAborted):
        client.respond(b"")
    client.respond(CHALLENGE)
    with pytest.raises(AuthenticationAborted):
        client.respond(CHALLENGE)


@pytest.mark.parametrize("value", ["", "a\0b", "\udc80"], ids=ascii)
def test_client_refuses(value: str) -> None:
    with pytest.raises(LocalProtocolError):
        CramMD5Client(value, "x")
    with pytest.raises(LocalProtocolError):
        CramMD5Client("x", value)


def test_the_password_is_not_shown() -> None:
    client = CramMD5Client("tim", "tanstaaf")
    server = begun()
    server.step(RESPONSE)
    server.resume("tanstaaf")
    assert "tanstaaf" not in repr(client) + repr(server) + repr(vars(server)) + repr(vars(client))


@given(st.binary(max_size=60))
def test_random_octets(message: bytes) -> None:
    assert isinstance(begun().step(message), Need | Refused)
