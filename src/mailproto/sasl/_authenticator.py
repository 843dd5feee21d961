"""Who may log in: what answers the requests of server mechanisms."""

from __future__ import annotations

import hmac
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final, Protocol, TypeAlias

from mailproto._secret import Secret
from mailproto.sasl._mechanism import (
    Anonymous,
    Authorize,
    Credentials,
    External,
    Request,
    Verify,
    VerifyToken,
)
from mailproto.sasl._prep import prepared_or_same
from mailproto.sasl._registry import SERVER_MECHANISMS, Offer
from mailproto.sasl.verifier import SCRAM_HASHES, NoVerifier, ScramVerifier

__all__ = ["Authenticator", "PasswordAuthenticator", "Stored", "authenticator_for"]

Stored: TypeAlias = str | Secret[str] | ScramVerifier
"""What is kept of a user: a password, or better a verifier."""


class Authenticator(Protocol):
    """Knows the users. Its answers may be awaitable where the driver is asyncio's."""

    @property
    def mechanisms(self) -> Sequence[Offer]:
        """The mechanisms that it has answers for, strongest first: names, or rows of your own."""

    def answer(self, request: Request) -> object | Awaitable[object]:
        """Return what the class of *request* says; None, or a `Denial` that says why, to refuse."""


class PasswordAuthenticator:
    """Knows users by a mapping of names to passwords or verifiers. Nobody may act as somebody else.

    The mapping is read at each request, so users may come and go; which mechanisms there are, and what a
    verifier looks like that is made up for a user who does not exist, is decided by what it holds at first.
    Names and passwords are compared as SASLprep prepares them, so the names should stand there prepared.
    Answers take the same time whether the name is unknown or the password is wrong.

    *tokens*, *certificates* and *anonymous* are called with `VerifyToken`, `External` and `Anonymous` and
    return what these say, or an awaitable of it; with each come the mechanisms that need it, and with an
    empty mapping only those. *mechanisms* are offered instead of all that can be: CRAM-MD5 only so. *secret*
    keeps what is made up the same over a restart; give it if there are verifiers.
    """

    def __init__(
        self,
        passwords: Mapping[str, Stored],
        *,
        tokens: Callable[[VerifyToken], object] | None = None,
        certificates: Callable[[External], object] | None = None,
        anonymous: Callable[[Anonymous], object] | None = None,
        mechanisms: Iterable[Offer] | None = None,
        secret: bytes | Secret[bytes] | None = None,
    ) -> None:
        self._passwords = passwords
        self._others: dict[type, Callable[[Any], object] | None] = {
            VerifyToken: tokens,
            External: certificates,
            Anonymous: anonymous,
        }
        self._secret = Secret(secret) if isinstance(secret, bytes) else secret
        verifiers = [stored for stored in passwords.values() if isinstance(stored, ScramVerifier)]
        shapes = Counter((verifier.iterations, len(verifier.salt)) for verifier in verifiers)
        self._usual = NoVerifier(*shapes.most_common(1)[0][0]) if verifiers else None
        self._has_only_verifiers = bool(verifiers) and len(verifiers) == len(passwords)
        hashes = {verifier.mechanism for verifier in verifiers} if self._has_only_verifiers else SCRAM_HASHES
        usual = (name for name in SERVER_MECHANISMS if self._has_answers(name, hashes))
        self.mechanisms: tuple[Offer, ...] = tuple(usual if mechanisms is None else mechanisms)

    def _has_answers(self, name: str, hashes: Collection[str]) -> bool:
        kind = _ASKED_BY.get(name)
        if kind is not None:
            return self._others[kind] is not None
        if name == "CRAM-MD5" or not (self._passwords or not any(self._others.values())):
            return False
        return not name.startswith("SCRAM-") or name.removesuffix("-PLUS") in hashes

    def answer(self, request: Request) -> object:
        """Return what the class of *request* says."""
        own = _OWN_ANSWERS.get(type(request))
        if own is not None:
            return own(self, request)
        other = self._others.get(type(request))
        return None if other is None else other(request)

    def _verify(self, request: Verify) -> object:
        name, stored = self._find(request.authcid)
        is_right = self._is_right(request, stored)
        identity = self._authorize(Authorize(name, request.authzid))
        return identity if is_right and stored is not None else None

    def _is_right(self, request: Verify, stored: Stored | None) -> bool:
        """Compare; where there are verifiers it takes as long as trying one does, for whatever user."""
        verifier = stored if isinstance(stored, ScramVerifier) else None
        if verifier is None and self._usual is not None:
            verifier = self._usual.made_up("SCRAM-SHA-256", request.authcid, _NO_SECRET)
        is_verified = verifier is not None and verifier.verifies(request.password)
        if isinstance(stored, ScramVerifier):
            return is_verified
        return _are_equal(request.password, _UNKNOWN if stored is None else stored)

    def _credentials(self, request: Credentials) -> object:
        _, stored = self._find(request.authcid)
        is_fit = not isinstance(stored, ScramVerifier) or stored.mechanism == request.mechanism
        if stored is not None and is_fit:
            return stored
        if self._usual is None or not self._has_only_verifiers or request.mechanism not in SCRAM_HASHES:
            return None
        if self._secret is None:
            return self._usual
        return self._usual.made_up(request.mechanism, request.authcid, self._secret)

    def _authorize(self, request: Authorize) -> object:
        name, _ = self._find(request.authcid)
        if request.authzid in (None, name, request.authcid):
            return name
        # "both client and server SHOULD use the SASLprep profile" (RFC 4954 section 4)
        return name if self._find(request.authzid)[0] == name else None

    def _find(self, authcid: str) -> tuple[str, Stored | None]:
        """Return the name that *authcid* means, and what is stored for it."""
        stored = self._passwords.get(authcid)
        name = authcid if stored is not None else prepared_or_same(authcid)
        return name, self._passwords.get(name)

    def __repr__(self) -> str:
        return f"PasswordAuthenticator(<{len(self._passwords)} users>)"


_ASKED_BY: Final[dict[str, type]] = {
    "EXTERNAL": External,
    "OAUTHBEARER": VerifyToken,
    "XOAUTH2": VerifyToken,
    "ANONYMOUS": Anonymous,
}
"""The request of each mechanism that needs something other than passwords."""

_OWN_ANSWERS: Final[dict[type, Callable[[PasswordAuthenticator, Any], object]]] = {
    Verify: PasswordAuthenticator._verify,
    Credentials: PasswordAuthenticator._credentials,
    Authorize: PasswordAuthenticator._authorize,
}

_UNKNOWN: Final = Secret("an unknown user is compared with this")
_NO_SECRET: Final = Secret(b"")
"""Enough for what is compared and never shown."""


def _are_equal(given: Secret[str], stored: str | Secret[str]) -> bool:
    expected = stored.reveal() if isinstance(stored, Secret) else stored
    one, other = (
        prepared_or_same(text).encode("utf-8", "surrogatepass") for text in (given.reveal(), expected)
    )
    return hmac.compare_digest(one, other) and bool(expected)


def authenticator_for(users: Mapping[str, Stored] | Authenticator | None) -> Authenticator | None:
    """Return the authenticator that an argument `authenticator=` means; None: nobody can log in."""
    return PasswordAuthenticator(users) if isinstance(users, Mapping) else users
