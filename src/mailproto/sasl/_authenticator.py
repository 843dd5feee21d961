"""Who may log in: what answers the requests of server mechanisms."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Mapping
from typing import Protocol

from mailproto._secret import Secret
from mailproto.sasl._mechanism import Request, Verify

__all__ = ["Authenticator", "PasswordAuthenticator", "authenticator_for"]


class Authenticator(Protocol):
    """Knows the users. Its answers may be awaitable where the driver is asyncio's."""

    @property
    def mechanisms(self) -> tuple[str, ...]:
        """The names of the mechanisms that it has answers for, strongest first."""

    def answer(self, request: Request) -> object | Awaitable[object]:
        """Return what the class of *request* says, None to refuse."""


class PasswordAuthenticator:
    """Knows users by a mapping of names to passwords. Nobody may act as somebody else.

    The mapping is read at each request, so users may come and go. Comparison takes the same time whether the
    name is unknown or the password is wrong.
    """

    mechanisms: tuple[str, ...] = ("PLAIN", "LOGIN")

    def __init__(self, passwords: Mapping[str, str | Secret[str]]) -> None:
        self._passwords = passwords

    def answer(self, request: Request) -> object:
        """Return the name of the user if the password of a `Verify` is right, None for all else."""
        if not isinstance(request, Verify):
            return None
        stored = self._passwords.get(request.authcid)
        is_right = _are_equal(request.password, _UNKNOWN if stored is None else stored)
        may_act_as = request.authzid in (None, request.authcid)
        return request.authcid if is_right and may_act_as and stored is not None else None

    def __repr__(self) -> str:
        return f"PasswordAuthenticator(<{len(self._passwords)} users>)"


_UNKNOWN = Secret("an unknown user is compared with this")


def _are_equal(given: Secret[str], stored: str | Secret[str]) -> bool:
    expected = stored.reveal() if isinstance(stored, Secret) else stored
    return hmac.compare_digest(given.reveal().encode(), expected.encode()) and bool(expected)


def authenticator_for(users: Mapping[str, str | Secret[str]] | Authenticator | None) -> Authenticator | None:
    """Return the authenticator that an argument `authenticator=` means; None: nobody can log in."""
    return PasswordAuthenticator(users) if isinstance(users, Mapping) else users
