"""What OAUTHBEARER and XOAUTH2 share: bearer tokens, and the JSON that says why one is refused."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from typing import ClassVar, Final

from mailproto._secret import Secret
from mailproto.errors import LocalProtocolError, OAuthFailure
from mailproto.sasl._mechanism import (
    NOWHERE,
    AuthenticationAborted,
    Challenge,
    Need,
    Refused,
    Setting,
    Step,
    VerifyToken,
    accepted_or_refused,
    text_octets,
)

__all__ = ["BearerClient", "BearerServer", "parse_failure", "serialize_failure", "token_of"]

_TOKEN: Final = re.compile(r"[!-~]+")
_BEARER: Final = re.compile(r"bearer +(?P<token>[!-~]*)", re.IGNORECASE)
_KEYS: Final = {
    field.name: field.name.replace("_configuration", "-configuration") for field in fields(OAuthFailure)
}


def parse_failure(octets: bytes) -> OAuthFailure:
    """Read the JSON of an error challenge; what is not there, or no text, is None. Never raises."""
    try:
        found = json.loads(octets)
    except (ValueError, RecursionError):
        return OAuthFailure()
    values = found if isinstance(found, dict) else {}
    texts = {name: values.get(key) for name, key in _KEYS.items()}
    return OAuthFailure(**{name: text for name, text in texts.items() if isinstance(text, str)})


def serialize_failure(failure: OAuthFailure) -> bytes:
    """Return the JSON of *failure*, without what is None."""
    pairs = ((key, getattr(failure, name)) for name, key in _KEYS.items())
    return json.dumps(
        {key: value for key, value in pairs if value is not None}, separators=(",", ":")
    ).encode()


def token_of(authorization: str) -> Secret[str] | None:
    """Return the token of `Bearer TOKEN`; an empty one if there is none; None if it is something else.

    A client that sends no token asks what it needs one for (RFC 7628 section 4.3).
    """
    found = _BEARER.fullmatch(authorization)
    if found is not None:
        return Secret(found["token"])
    return None if authorization else Secret("")


class BearerClient:
    """A client that shows a token once. `failure` is what the server said of it; None if it said nothing."""

    name: ClassVar[str]
    is_cleartext: ClassVar[bool] = True
    FAREWELL: ClassVar[bytes]
    """What answers the error challenge."""

    def __init__(self, authzid: str | None, token: str | Secret[str]) -> None:
        text = token.reveal() if isinstance(token, Secret) else token
        if not _TOKEN.fullmatch(text):
            raise LocalProtocolError("token: expected one or more visible ASCII characters")
        if authzid is not None and b"\1" in text_octets(authzid, "authzid"):
            raise LocalProtocolError("authzid: expected no control characters")
        self.failure: OAuthFailure | None = None
        self._authzid = authzid
        self._token = Secret(text)

    def initial_response(self, setting: Setting = NOWHERE) -> bytes | None:
        """Return the one message."""
        self.failure = None
        return self._message(setting)

    def _message(self, setting: Setting) -> bytes:
        raise NotImplementedError

    def respond(self, challenge: bytes) -> bytes:
        """Note why the token is refused, and let the server go on, once."""
        if self.failure is not None:
            raise AuthenticationAborted(f"{self.name}: expected no further challenge")
        self.failure = parse_failure(challenge)
        return self.FAREWELL

    def finish(self) -> None:
        """Accept: the server has nothing to prove."""


class BearerServer:
    """A server that needs a `VerifyToken`; a refusal tells the client why, in JSON."""

    STATUS: ClassVar[str]
    """What is said of a token of which the authenticator only says no."""

    def __init__(self) -> None:
        self._authzid = ""

    def step(self, response: bytes | None) -> Step:
        """Ask for the message, or read it."""
        if response is None:
            return Challenge()
        try:
            request = self._parse(response.decode())
        except ValueError:
            request = None
        if request is None:
            return Refused(
                "expected a message with a bearer token", data=self._said(OAuthFailure("invalid_request"))
            )
        self._authzid = request.authzid or ""
        return Need(request)

    def _parse(self, message: str) -> VerifyToken | None:
        raise NotImplementedError

    def resume(self, answer: object) -> Step:
        """Take the identity, or say why there is none."""
        step = accepted_or_refused(answer, self._authzid)
        if not isinstance(step, Refused):
            return step
        failure = answer if isinstance(answer, OAuthFailure) else OAuthFailure()
        return Refused("the token was not accepted", step.denial, self._said(failure))

    def _said(self, failure: OAuthFailure) -> bytes:
        return serialize_failure(
            OAuthFailure(failure.status or self.STATUS, failure.scope, failure.openid_configuration)
        )
