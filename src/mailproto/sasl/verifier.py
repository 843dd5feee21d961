"""What a server keeps in place of a password: the verifier of SCRAM (RFC 5802 section 3).

Whoever steals it can neither log in with it nor read the password out of it, other than by guessing.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b64encode
from dataclasses import dataclass, field
from typing import Final

from mailproto._secret import Secret
from mailproto.errors import LocalProtocolError
from mailproto.limits import MAX_ITERATIONS
from mailproto.sasl import _base64
from mailproto.sasl._prep import PreparationError, saslprep

__all__ = [
    "DEFAULT_ITERATIONS",
    "MIN_ITERATIONS",
    "SALT_OCTETS",
    "SCRAM_HASHES",
    "NoVerifier",
    "ScramVerifier",
    "client_key",
    "salted_password",
    "server_key",
]

SCRAM_HASHES: Final = {"SCRAM-SHA-512": "sha512", "SCRAM-SHA-256": "sha256", "SCRAM-SHA-1": "sha1"}
"""The hash function, as hashlib calls it, of each mechanism without "-PLUS"; strongest first."""

MIN_ITERATIONS: Final = 4_096
"""The least that a server should ask for (RFC 7677 section 4)."""
DEFAULT_ITERATIONS: Final = 15_000
"""What a new verifier has (RFC 7677 section 4)."""
SALT_OCTETS: Final = 16
"""Octets of a salt that is made up."""
_MAX_SALT: Final = 1_024

# RFC 5803 section 4: scheme "$" iterations ":" salt "$" stored key ":" server key
_TEXT: Final = re.compile(
    r"(?P<mechanism>[A-Z0-9-]{1,20})\$(?P<iterations>[1-9][0-9]{0,9}):(?P<salt>[A-Za-z0-9+/=]+)"
    r"\$(?P<stored>[A-Za-z0-9+/=]+):(?P<server>[A-Za-z0-9+/=]+)"
)


@dataclass(frozen=True, slots=True)
class ScramVerifier:
    """The verifier of one password for one of the mechanisms of `SCRAM_HASHES`.

    Make it by `of_password`, keep it by `serialize`. Raises LocalProtocolError for keys that do not have the
    size of the hash, for no salt, and for less than one iteration or more than `limits.MAX_ITERATIONS`.
    """

    mechanism: str
    salt: bytes
    iterations: int
    stored_key: bytes = field(repr=False)
    server_key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        size = hashlib.new(_hash_of(self.mechanism)).digest_size
        _check_iterations(self.iterations)
        if not 0 < len(self.salt) <= _MAX_SALT:
            raise LocalProtocolError(f"{self.mechanism}: expected a salt of 1 to {_MAX_SALT} octets")
        if not len(self.stored_key) == len(self.server_key) == size:
            raise LocalProtocolError(f"{self.mechanism}: expected two keys of {size} octets")

    @classmethod
    def of_password(
        cls,
        password: str | Secret[str],
        *,
        salt: bytes,
        mechanism: str = "SCRAM-SHA-256",
        iterations: int = DEFAULT_ITERATIONS,
    ) -> ScramVerifier:
        """Return the verifier of *password*, which is prepared by SASLprep.

        *salt* is random, at least 16 octets, another one for each user: `os.urandom(16)`. This takes time,
        that is what *iterations* are for. Raises LocalProtocolError for a password that is empty, or that
        SASLprep forbids, and before any work for more than `limits.MAX_ITERATIONS`.
        """
        _check_iterations(iterations)
        key = salted_password(password, salt, iterations, mechanism, is_stored=True)
        name = _hash_of(mechanism)
        stored = hashlib.new(name, client_key(key, mechanism)).digest()
        return cls(mechanism, salt, iterations, stored, server_key(key, mechanism))

    def verifies(self, password: str | Secret[str]) -> bool:
        """Return whether *password* is the one; it takes as long as making a verifier does."""
        try:
            key = salted_password(password, self.salt, self.iterations, self.mechanism)
        except LocalProtocolError:
            key = bytes(len(self.server_key))
        return hmac.compare_digest(server_key(key, self.mechanism), self.server_key)

    @classmethod
    def parse(cls, text: str) -> ScramVerifier:
        """Read what `serialize` wrote. Raises LocalProtocolError, which does not show it."""
        found = _TEXT.fullmatch(text)
        if found is None:
            raise LocalProtocolError("expected a verifier: SCRAM-SHA-256$iterations:salt$stored:server")
        try:
            salt, stored, server = (
                _base64.decode(found[name].encode("ascii")) for name in ("salt", "stored", "server")
            )
        except ValueError:
            raise LocalProtocolError("expected a verifier with its parts in base64") from None
        return cls(found["mechanism"], salt, int(found["iterations"]), stored, server)

    def serialize(self) -> str:
        """Return the text form: `SCRAM-SHA-256$15000:salt$stored key:server key` (RFC 5803 section 4)."""
        salt, stored, server = (
            b64encode(octets).decode("ascii") for octets in (self.salt, self.stored_key, self.server_key)
        )
        return f"{self.mechanism}${self.iterations}:{salt}${stored}:{server}"


@dataclass(frozen=True, slots=True)
class NoVerifier:
    """Says that a store of verifiers has none for a user: one is made up that looks like those it has.

    Raises LocalProtocolError for iterations that no `ScramVerifier` may have.
    """

    iterations: int = DEFAULT_ITERATIONS
    salt_octets: int = SALT_OCTETS

    def __post_init__(self) -> None:
        _check_iterations(self.iterations)

    def made_up(self, mechanism: str, authcid: str, secret: Secret[bytes]) -> ScramVerifier:
        """Return a verifier that no password has, always the same one for a user and a *secret*.

        So a client cannot tell whether the user exists, by asking twice either.
        """
        name = _hash_of(mechanism)
        salt = made_up_octets(secret, "salt", authcid, self.salt_octets)
        keys = (hmac.digest(secret.reveal(), f"{what}\0{authcid}".encode(), name) for what in ("1", "2"))
        return ScramVerifier(mechanism, salt, self.iterations, *keys)


def made_up_octets(secret: Secret[bytes], purpose: str, authcid: str, size: int = SALT_OCTETS) -> bytes:
    """Return octets that only who knows *secret* can foretell, always the same for a user."""
    message = f"{purpose}\0{authcid}".encode()
    return hashlib.shake_256(hmac.digest(secret.reveal(), message, "sha256")).digest(size)


def salted_password(
    password: str | Secret[str], salt: bytes, iterations: int, mechanism: str, *, is_stored: bool = False
) -> bytes:
    """Return `SaltedPassword`: Hi() of RFC 5802 section 2.2, which is PBKDF2."""
    text = password.reveal() if isinstance(password, Secret) else password
    return hashlib.pbkdf2_hmac(_hash_of(mechanism), _prepared(text, is_stored), salt, iterations)


def client_key(salted: bytes, mechanism: str) -> bytes:
    """Return `ClientKey`."""
    return hmac.digest(salted, b"Client Key", _hash_of(mechanism))


def server_key(salted: bytes, mechanism: str) -> bytes:
    """Return `ServerKey`."""
    return hmac.digest(salted, b"Server Key", _hash_of(mechanism))


def _check_iterations(iterations: int) -> None:
    if not 0 < iterations <= MAX_ITERATIONS:
        raise LocalProtocolError(f"expected 1 to {MAX_ITERATIONS} iterations, got {iterations}")


def _hash_of(mechanism: str) -> str:
    try:
        return SCRAM_HASHES[mechanism]
    except KeyError:
        names = ", ".join(SCRAM_HASHES)
        raise LocalProtocolError(f"mechanism: expected one of {names}, got {mechanism[:40]!r}") from None


def _prepared(password: str, is_stored: bool) -> bytes:
    try:
        octets = saslprep(password, is_stored=is_stored).encode()
    except (PreparationError, UnicodeEncodeError):
        raise LocalProtocolError("password: expected characters that SASLprep allows") from None
    if not octets:
        raise LocalProtocolError("password: expected at least one character")
    return octets
