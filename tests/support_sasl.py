"""SASL exchanges in memory: a client against a server, and against a script."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from mailproto.sasl import (
    Accepted,
    Authenticator,
    Authorize,
    Challenge,
    ClientMechanism,
    MechanismRow,
    Need,
    Refused,
    Request,
    Secret,
    ServerMechanism,
    Setting,
    Step,
)

__all__ = [
    "MISTAKES",
    "SECRET",
    "Answering",
    "Everybody",
    "FakeChannel",
    "answered",
    "entropy",
    "exchange",
    "nonces",
    "setting",
    "unmade",
]

SECRET = Secret(b"known to this server only")


@dataclass
class FakeChannel:
    """What a handshake gave."""

    peer_certificate: bytes | None = None
    channel_bindings: Mapping[str, bytes] = field(default_factory=dict)


MISTAKES: dict[bytes | None, Callable[[], object]] = {
    None: lambda: Challenge(b"hi"),
    b"raise": lambda: b"\xff".decode(),
    b"none": lambda: None,
    b"text": lambda: "ok",
    b"text challenge": lambda: Challenge("hi"),  # type: ignore[arg-type]  # the mistake
    b"text reason": lambda: Refused("no", data="hi"),  # type: ignore[arg-type]  # the mistake
    b"text proof": lambda: Accepted("tim", "tim", "hi"),  # type: ignore[arg-type]  # the mistake
    b"need": lambda: Need(Authorize("tim")),
    b"nobody": lambda: Need(Authorize("nobody")),
    b"long challenge": lambda: Challenge(bytes(9_300)),
    b"long reason": lambda: Refused("no", data=bytes(9_300)),
    b"long proof": lambda: Accepted("tim", "tim", bytes(9_300)),
}
"""What `Breaking` does at each response; those in "long" are mistakes in SMTP only."""


class Breaking:
    """A mechanism of somebody's own, with mistakes: the server begins, and the client says which it is."""

    name = "X-OWN"

    def step(self, response: bytes | None) -> Any:
        """Make the mistake."""
        return MISTAKES[response]()

    def resume(self, answer: object) -> Step:
        """Make another one, for somebody who is known and for who is not."""
        return Accepted(answer["identity"] if answer else None, "tim")  # type: ignore[index,arg-type]  # as above


class Everybody:
    """An authenticator with one mechanism, `Breaking` unless it is said how another is made; it knows tim."""

    def __init__(self, make: Callable[[Setting], ServerMechanism] = lambda setting: Breaking()) -> None:
        self.mechanisms = (MechanismRow("X-OWN", make),)

    def answer(self, request: Request) -> object:
        """Say who it is."""
        return request.authcid if request == Authorize("tim") else None


def unmade(setting: Setting) -> Breaking:
    """Fail to make a mechanism."""
    raise KeyError("made")


class Answering:
    """An authenticator that answers each request with the same."""

    mechanisms = ("OAUTHBEARER", "PLAIN")

    def __init__(self, answer: object) -> None:
        self._answer = answer

    def answer(self, request: Request) -> object:
        """Return it."""
        return self._answer


def entropy() -> Callable[[int], bytes]:
    """Return a source of octets that are always the same, and never twice."""
    numbers = itertools.count()
    return lambda size: sha256(b"%d" % next(numbers)).digest()[:size]


@dataclass(frozen=True)
class _Fixed(Setting):
    text: str = ""

    def nonce(self) -> str:
        return self.text


def nonces(text: str, **arguments: object) -> Setting:
    """Return a setting in which every nonce is *text*, as in the examples of the RFCs."""
    return _Fixed(text=text, secret=SECRET, **arguments)  # type: ignore[arg-type]  # of the test


def setting(channel: FakeChannel | None = None, *offered: str) -> Setting:
    """Return a setting with randomness and a secret."""
    return Setting(
        channel=channel, offered=frozenset(offered), host="mx.example", entropy=entropy(), secret=SECRET
    )


def answered(server: ServerMechanism, step: Step, authenticator: Authenticator) -> Step:
    """Return *step*, or what follows it once the authenticator has been asked."""
    while isinstance(step, Need):
        step = server.resume(authenticator.answer(step.request))
    return step


def exchange(
    client: ClientMechanism,
    server: ServerMechanism,
    authenticator: Authenticator,
    where: Setting,
    *,
    tamper: Callable[[int, bytes], bytes] = lambda number, message: message,
) -> Accepted | Refused:
    """Run both ends to the outcome; *tamper* may change each message, counted from 0 in both directions."""
    count = itertools.count()
    response = client.initial_response(where)
    if response is not None:
        response = tamper(next(count), response)
    step = answered(server, server.step(response), authenticator)
    while isinstance(step, Challenge):
        response = client.respond(tamper(next(count), step.data))
        step = answered(server, server.step(tamper(next(count), response)), authenticator)
    assert isinstance(step, Accepted | Refused)
    if step.data is not None:
        last = client.respond(tamper(next(count), step.data))
        if isinstance(step, Accepted):
            assert last == b""
    if isinstance(step, Accepted):
        client.finish()
    return step
