"""PLAIN (RFC 4616), both ends: `[authzid] NUL authcid NUL passwd` in one message."""

from __future__ import annotations

from mailproto._secret import Secret
from mailproto.sasl._mechanism import (
    NOWHERE,
    Challenge,
    Need,
    Refused,
    Setting,
    Step,
    Verify,
    accepted_or_refused,
    secret_text,
    text_octets,
    text_or_none,
)

__all__ = ["PlainClient", "PlainServer"]


class PlainClient:
    """Sends a name and a password. Raises LocalProtocolError for an empty one and for NUL in any."""

    name = "PLAIN"
    is_cleartext = True

    def __init__(self, authcid: str, password: str | Secret[str], *, authzid: str | None = None) -> None:
        authorization = b"" if authzid is None else text_octets(authzid, "authzid")
        secret = secret_text(password, "password").reveal()
        self._message = Secret(b"\0".join((authorization, text_octets(authcid, "authcid"), secret)))

    def initial_response(self, setting: Setting = NOWHERE) -> bytes | None:
        """Return the one message."""
        return self._message.reveal()

    def respond(self, challenge: bytes) -> bytes:
        """Return the one message, whatever *challenge* says: some servers put a prompt there."""
        return self._message.reveal()

    def finish(self) -> None:
        """Accept: the server has nothing to prove."""


class PlainServer:
    """Takes a name and a password and needs a `Verify` of them."""

    name = "PLAIN"

    def __init__(self) -> None:
        self._authcid = ""

    def step(self, response: bytes | None) -> Step:
        """Ask for the message, or read it."""
        if response is None:
            return Challenge()
        authzid, *fields = response.split(b"\0")
        texts = [text_or_none(field) for field in fields]
        if len(texts) != 2 or texts[0] is None or texts[1] is None:
            return Refused("expected authzid, authcid and password")
        authorization = text_or_none(authzid)
        if authzid and authorization is None:
            return Refused("expected an authzid in UTF-8")
        self._authcid = texts[0]
        return Need(Verify(texts[0], Secret(texts[1]), authorization))

    def resume(self, answer: object) -> Step:
        """Take the identity that was found."""
        return accepted_or_refused(answer, self._authcid)
