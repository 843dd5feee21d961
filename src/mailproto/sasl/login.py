"""LOGIN, both ends: a prompt for the name, a prompt for the password.

It was never a standard (draft-murchison-sasl-login); servers and clients have it for one another's sake.
A client must not look at the prompts, since no two servers write the same.
"""

from __future__ import annotations

from mailproto._secret import Secret
from mailproto.sasl._mechanism import (
    NOWHERE,
    AuthenticationAborted,
    Challenge,
    Need,
    Refused,
    Setting,
    Step,
    Verify,
    accepted_or_refused,
    secret_text,
    text_or_none,
)

__all__ = ["LoginClient", "LoginServer"]


class LoginClient:
    """Answers the first prompt with the name and the second with the password, whatever they say."""

    name = "LOGIN"
    is_cleartext = True

    def __init__(self, authcid: str, password: str | Secret[str]) -> None:
        self._answers = (secret_text(authcid, "authcid"), secret_text(password, "password"))
        self._prompts = 0

    def initial_response(self, setting: Setting = NOWHERE) -> bytes | None:
        """Begin anew; the server speaks first."""
        self._prompts = 0
        return None

    def respond(self, challenge: bytes) -> bytes:
        """Return the name, then the password; raises AuthenticationAborted at a third prompt."""
        if self._prompts == len(self._answers):
            raise AuthenticationAborted("LOGIN: expected two prompts, got a third")
        self._prompts += 1
        return self._answers[self._prompts - 1].reveal()

    def finish(self) -> None:
        """Accept: the server has nothing to prove."""


class LoginServer:
    """Asks for the name and the password and needs a `Verify` of them.

    An initial response, which some clients send, is taken as the name.
    """

    name = "LOGIN"

    def __init__(self) -> None:
        self._authcid: str | None = None

    def step(self, response: bytes | None) -> Step:
        """Ask for what is still missing, or have it verified."""
        if response is None:
            return Challenge(b"Username:")
        text = text_or_none(response)
        if text is None:
            return Refused("expected a name and a password in UTF-8")
        if self._authcid is None:
            self._authcid = text
            return Challenge(b"Password:")
        return Need(Verify(self._authcid, Secret(text)))

    def resume(self, answer: object) -> Step:
        """Take the identity that was found."""
        return accepted_or_refused(answer, self._authcid or "")
