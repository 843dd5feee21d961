"""CRAM-MD5 (RFC 2195), both ends: the password does not travel, but MD5 guards it, and the server has it.

It is used only where somebody names it: whoever listens can guess passwords at leisure, and no verifier can
take the place of the password.
"""

from __future__ import annotations

import hmac
import re
from typing import Final

from mailproto._secret import Secret
from mailproto.errors import Denial
from mailproto.sasl._mechanism import (
    NOWHERE,
    AuthenticationAborted,
    Authorize,
    Challenge,
    Credentials,
    Need,
    Refused,
    Setting,
    Step,
    accepted_or_refused,
    secret_text,
    text_octets,
    text_or_none,
)
from mailproto.sasl.verifier import made_up_octets

__all__ = ["CramMD5Client", "CramMD5Server"]

_RESPONSE: Final = re.compile(rb"(?P<authcid>.+) (?P<digest>[0-9a-f]{32})", re.DOTALL)


class CramMD5Client:
    """Answers the challenge with a keyed digest of it. Raises LocalProtocolError as `PlainClient` does."""

    name = "CRAM-MD5"
    is_cleartext = False

    def __init__(self, authcid: str, password: str | Secret[str]) -> None:
        self._authcid = text_octets(authcid, "authcid")
        self._password = secret_text(password, "password")
        self._is_answered = False

    def initial_response(self, setting: Setting = NOWHERE) -> bytes | None:
        """Begin anew; the server speaks first."""
        self._is_answered = False
        return None

    def respond(self, challenge: bytes) -> bytes:
        """Return name and digest; raises AuthenticationAborted at a second challenge or an empty one."""
        if self._is_answered or not challenge:
            raise AuthenticationAborted("CRAM-MD5: expected one challenge with a text")
        self._is_answered = True
        return self._authcid + b" " + _digest(self._password, challenge)

    def finish(self) -> None:
        """Accept: the server has nothing to prove."""


class CramMD5Server:
    """Needs the `Credentials` of the user, which must be a password, and then to know who that is."""

    name = "CRAM-MD5"

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._challenge = b""
        self._digest = b""
        self._authcid = ""
        self._is_proved = False

    def step(self, response: bytes | None) -> Step:
        """Challenge, then read the answer. An initial response has nothing to answer."""
        if response is None and not self._challenge:
            nonce = self._setting.nonce()
            self._challenge = f"<{nonce}@{self._setting.host or 'localhost'}>".encode()
            return Challenge(self._challenge)
        found = _RESPONSE.fullmatch(response or b"")
        authcid = None if found is None else text_or_none(found["authcid"])
        if found is None or authcid is None or not self._challenge:
            return Refused("expected a name and a digest")
        self._authcid, self._digest = authcid, found["digest"]
        return Need(Credentials(authcid, self.name))

    def resume(self, answer: object) -> Step:
        """Take the password, then the identity."""
        if self._is_proved:
            return accepted_or_refused(answer, self._authcid, otherwise=Denial.AUTHORIZATION)
        if isinstance(answer, Denial):
            return Refused("the authenticator refuses", answer)
        is_known = isinstance(answer, str | Secret)
        password = answer if isinstance(answer, str | Secret) else self._made_up()
        secret = (password.reveal() if isinstance(password, Secret) else password).encode()
        is_right = hmac.compare_digest(_digest(Secret(secret), self._challenge), self._digest)
        if not (is_right and is_known and secret):
            return Refused("the password is not right")
        self._is_proved = True
        return Need(Authorize(self._authcid))

    def _made_up(self) -> str:
        return made_up_octets(self._setting.secret or Secret(b""), "password", self._authcid).hex()


def _digest(password: Secret[bytes], challenge: bytes) -> bytes:
    return hmac.new(password.reveal(), challenge, "md5").hexdigest().encode("ascii")
