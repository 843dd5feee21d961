"""EXTERNAL (RFC 4422 appendix A), both ends: who the client is was shown before, by its TLS certificate."""

from __future__ import annotations

from mailproto.sasl._mechanism import (
    NOWHERE,
    Challenge,
    Channel,
    External,
    Need,
    Refused,
    Setting,
    Step,
    accepted_or_refused,
    text_octets,
    text_or_none,
)

__all__ = ["ExternalClient", "ExternalServer"]


class ExternalClient:
    """Asks to be who the certificate says, or, with *authzid*, somebody that one may act as."""

    name = "EXTERNAL"
    is_cleartext = False

    def __init__(self, authzid: str | None = None) -> None:
        self._message = b"" if authzid is None else text_octets(authzid, "authzid")

    def initial_response(self, setting: Setting = NOWHERE) -> bytes | None:
        """Return the authorization identity, which may be empty."""
        return self._message

    def respond(self, challenge: bytes) -> bytes:
        """Return the authorization identity."""
        return self._message

    def finish(self) -> None:
        """Accept: the server has nothing to prove."""


class ExternalServer:
    """Needs an `External` of the certificate; without one it refuses."""

    name = "EXTERNAL"

    def __init__(self, channel: Channel | None = None) -> None:
        self._peer_certificate = None if channel is None else channel.peer_certificate

    def step(self, response: bytes | None) -> Step:
        """Ask for the authorization identity, or have it authorized."""
        if response is None:
            return Challenge()
        authzid = text_or_none(response)
        if response and authzid is None:
            return Refused("expected an authzid in UTF-8")
        if self._peer_certificate is None:
            return Refused("no certificate was shown")
        return Need(External(self._peer_certificate, authzid))

    def resume(self, answer: object) -> Step:
        """Take the identity that was found; it stands for the credentials too, which have no name."""
        return accepted_or_refused(answer, answer if isinstance(answer, str) else "")
