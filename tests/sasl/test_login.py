from __future__ import annotations

import pytest

from mailproto.errors import LocalProtocolError
from mailproto.sasl import (
    Accepted,
    AuthenticationAborted,
    Challenge,
    LoginClient,
    LoginServer,
    Need,
    Refused,
    Secret,
    Verify,
)

PROMPTS = {
    "usual": (b"Username:", b"Password:"),
    "Exchange": (b"User Name\0", b"Password\0"),
    "empty": (b"", b""),
    "nonsense": (b"\xff", b"?"),
    "swapped": (b"Password:", b"Username:"),
}


@pytest.mark.parametrize("prompts", PROMPTS.values(), ids=PROMPTS)
def test_client_answers_any_prompt(prompts: tuple[bytes, bytes]) -> None:
    client = LoginClient("tim", "secret")
    for _ in range(2):
        assert client.initial_response() is None
        assert [client.respond(prompt) for prompt in prompts] == [b"tim", b"secret"]
        client.finish()


def test_client_cancels_at_a_third_prompt() -> None:
    client = LoginClient("tim", "secret")
    client.initial_response()
    client.respond(b"")
    client.respond(b"")
    with pytest.raises(AuthenticationAborted):
        client.respond(b"Token:")


@pytest.mark.parametrize("value", ["", "a\0b", "\udc80"], ids=repr)
def test_client_refuses(value: str) -> None:
    with pytest.raises(LocalProtocolError):
        LoginClient(value, "x")
    with pytest.raises(LocalProtocolError):
        LoginClient("x", value)


def test_server() -> None:
    server = LoginServer()
    assert server.step(None) == Challenge(b"Username:")
    assert server.step(b"tim") == Challenge(b"Password:")
    assert server.step("secrät".encode()) == Need(Verify("tim", Secret("secrät")))
    assert server.resume("tim") == Accepted("tim", "tim")


def test_server_takes_an_initial_response_as_the_name() -> None:
    server = LoginServer()
    assert server.step(b"tim") == Challenge(b"Password:")
    assert server.step(b"secret") == Need(Verify("tim", Secret("secret")))
    assert isinstance(server.resume(None), Refused)


@pytest.mark.parametrize("answer", [b"", b"\xff", b"a\0b"], ids=repr)
def test_server_refuses(answer: bytes) -> None:
    assert isinstance(LoginServer().step(answer), Refused)
    server = LoginServer()
    server.step(b"tim")
    assert isinstance(server.step(answer), Refused)
