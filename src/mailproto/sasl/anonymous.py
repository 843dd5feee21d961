"""ANONYMOUS (RFC 4505), both ends: access without a name, if the server wants that.

A server offers it only if its authenticator does.
"""

from __future__ import annotations

from typing import Final

from mailproto.errors import LocalProtocolError
from mailproto.sasl._mechanism import (
    NOWHERE,
    Anonymous,
    Challenge,
    Need,
    Refused,
    Setting,
    Step,
    accepted_or_refused,
)
from mailproto.sasl._prep import is_trace

__all__ = ["AnonymousClient", "AnonymousServer"]

_MAX_TRACE: Final = 255
"""Characters of a trace (RFC 4505 section 2); no address is longer (RFC 5321 section 4.5.3.1.3)."""


class AnonymousClient:
    """Says nothing of itself, or *trace*: an address or another text, of at most 255 characters.

    Whoever gives a trace gives up some privacy: have the user's consent (RFC 4505 section 5).
    """

    name = "ANONYMOUS"
    is_cleartext = False

    def __init__(self, trace: str = "") -> None:
        if not _is_message(trace):
            raise LocalProtocolError(f"trace: expected an address or at most {_MAX_TRACE} characters")
        self._message = trace.encode()

    def initial_response(self, setting: Setting = NOWHERE) -> bytes | None:
        """Return the trace, which may be empty."""
        return self._message

    def respond(self, challenge: bytes) -> bytes:
        """Return the trace."""
        return self._message

    def finish(self) -> None:
        """Accept: the server has nothing to prove."""


class AnonymousServer:
    """Takes the trace and needs the identity of nobody in particular (`Anonymous`)."""

    name = "ANONYMOUS"

    def step(self, response: bytes | None) -> Step:
        """Ask for the trace, or read it."""
        if response is None:
            return Challenge()
        try:
            trace = response.decode()
        except UnicodeDecodeError:
            return Refused("expected a trace in UTF-8")
        return Need(Anonymous(trace)) if _is_message(trace) else Refused("expected a trace")

    def resume(self, answer: object) -> Step:
        """Take the identity; there are no credentials."""
        return accepted_or_refused(answer, "")


def _is_message(trace: str) -> bool:
    """Return whether *trace* is `[ email / token ]`, of which only the characters are looked at."""
    return len(trace) <= _MAX_TRACE and is_trace(trace)
