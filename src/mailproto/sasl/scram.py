"""SCRAM (RFC 5802, RFC 7677), both ends, with SHA-1, SHA-256 and SHA-512, bound to the channel or not.

The password never travels, the server need not have it, and the server proves that it knows the user too.
With "-PLUS" the exchange is tied to the TLS connection it runs in, so that nobody can relay it. The hash is
all that differs between the mechanisms: `SCRAM_HASHES`.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Final, NoReturn

from mailproto._secret import Secret
from mailproto.errors import MAX_EXCERPT, Denial, LocalProtocolError
from mailproto.limits import SASLLimits
from mailproto.sasl import _base64
from mailproto.sasl._gs2 import SASL_NAME, GS2Header, read_name, write_name
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
)
from mailproto.sasl._prep import PreparationError, saslprep
from mailproto.sasl.verifier import (
    MIN_ITERATIONS,
    SCRAM_HASHES,
    NoVerifier,
    ScramVerifier,
    client_key,
    made_up_octets,
    salted_password,
    server_key,
)

__all__ = ["BINDINGS", "SCRAM_MECHANISMS", "ScramClient", "ScramServer", "binding_of"]

PLUS: Final = "-PLUS"
SCRAM_MECHANISMS: Final = (*(name + PLUS for name in SCRAM_HASHES), *SCRAM_HASHES)
"""The mechanisms, best first: being bound to the channel is worth more than a longer hash."""

BINDINGS: Final = ("tls-unique", "tls-exporter", "tls-server-end-point")
"""The channel bindings that are used, in the order in which a client takes them.

A server that has "-PLUS" must know the first up to TLS 1.2 (RFC 5802 section 6.1), where alone it is defined,
and the second from TLS 1.3 on (RFC 9266 section 3). It need not know the last, and cannot behind a proxy that
ends TLS, so that comes last, although it is the only one that Python's ssl can give in TLS 1.3.
"""

_EXTENSIONS: Final = r"(?:,[A-Za-ln-z]=[^\0,]+)*"  # all but m=, which makes the exchange fail
_NONCE: Final = r"[!-+\--~]+"
_BASE64: Final = r"[A-Za-z0-9+/]+={0,2}"

# client-first-message-bare = username "," nonce ["," extensions]
_CLIENT_FIRST: Final = re.compile(rf"n=(?P<name>{SASL_NAME}),r=(?P<nonce>{_NONCE}){_EXTENSIONS}", re.DOTALL)
# server-first-message = nonce "," salt "," iteration-count ["," extensions]
_SERVER_FIRST: Final = re.compile(
    rf"r=(?P<nonce>{_NONCE}),s=(?P<salt>{_BASE64}),i=(?P<iterations>[1-9][0-9]{{0,9}}){_EXTENSIONS}",
    re.DOTALL,
)
# client-final-message = channel-binding "," nonce ["," extensions] "," proof
_CLIENT_FINAL: Final = re.compile(
    rf"(?P<without_proof>c=(?P<binding>{_BASE64}),r=(?P<nonce>{_NONCE}){_EXTENSIONS}),p=(?P<proof>{_BASE64})",
    re.DOTALL,
)
# server-final-message = (server-error / verifier) ["," extensions]
_SERVER_FINAL: Final = re.compile(rf"v=(?P<verifier>{_BASE64}){_EXTENSIONS}", re.DOTALL)
_SERVER_ERROR: Final = re.compile(rf"e=(?P<error>[^\0,]+){_EXTENSIONS}", re.DOTALL)


def binding_of(bindings: Mapping[str, bytes]) -> str | None:
    """Return the name of the channel binding to use, or None if there is none."""
    return next((name for name in BINDINGS if bindings.get(name)), None)


class ScramClient:
    """Proves that it knows the password, and has the server prove the same.

    *mechanism* is one of `SCRAM_MECHANISMS`. Name and password are prepared by SASLprep. Raises
    LocalProtocolError for what that forbids, and in `initial_response` if *mechanism* ends in "-PLUS" and the
    channel has no binding. A server that asks for too few or too many iterations, or that proves nothing, is
    left. `server_error` is what the server said went wrong.
    """

    is_cleartext: bool = False

    def __init__(
        self,
        authcid: str,
        password: str | Secret[str],
        mechanism: str = "SCRAM-SHA-256",
        *,
        authzid: str | None = None,
        limits: SASLLimits | None = None,
    ) -> None:
        if mechanism not in SCRAM_MECHANISMS:
            raise LocalProtocolError(f"mechanism: expected one of {', '.join(SCRAM_MECHANISMS)}")
        if authzid is not None:
            text_octets(authzid, "authzid")
        self.name: str = mechanism
        self.server_error: str | None = None
        self._hash_name = mechanism.removesuffix(PLUS)
        self._authcid = _prepared(secret_text(authcid, "authcid"), "authcid")
        self._password = Secret(_prepared(secret_text(password, "password"), "password"))
        self._authzid = authzid
        self._limits = limits or SASLLimits()
        self._start(GS2Header(), b"", "")

    def __repr__(self) -> str:
        return f"ScramClient({self._authcid!r}, mechanism={self.name!r})"

    def _start(self, header: GS2Header, binding: bytes, nonce: str) -> None:
        self._binding = header.serialize().encode() + binding
        self._nonce = nonce
        self._first = f"n={write_name(self._authcid)},r={nonce}"
        self._steps = [ScramClient._prove, ScramClient._verify]
        self._signature = b""
        self._is_verified = False
        self.server_error = None

    def initial_response(self, setting: Setting = NOWHERE) -> bytes | None:
        """Return client-first-message."""
        header = GS2Header(self._flag_in(setting), self._authzid)
        self._start(header, setting.channel_bindings.get(header.binding or "", b""), setting.nonce())
        return (header.serialize() + self._first).encode()

    def _flag_in(self, setting: Setting) -> str:
        """Return the gs2-cbind-flag of RFC 5802 section 6.

        "y" says: we could, and you seem not to. A server that does know then sees that somebody hid it.
        """
        binding = binding_of(setting.channel_bindings)
        if self.name.endswith(PLUS):
            if binding is None:
                raise LocalProtocolError(f"{self.name}: the channel has no binding that is known")
            return f"p={binding}"
        return "n" if binding is None or setting.offers_binding else "y"

    @property
    def note(self) -> str | None:
        """What may help somebody whose login was refused."""
        if self.server_error is not None:
            return f"{self.name}: the server says {self.server_error[:MAX_EXCERPT]!r}"
        if self._binding.startswith(b"p=tls-server-end-point,"):
            return f"{self.name}: a server need not know tls-server-end-point; see channel_binding"
        return None

    def respond(self, challenge: bytes) -> bytes:
        """Answer server-first-message with the proof, server-final-message with nothing."""
        message = self._text_of(challenge)
        error = _SERVER_ERROR.fullmatch(message)
        if error is not None:
            # The refusal that follows says the same in the words of the protocol.
            self.server_error = error["error"]
            self._steps.clear()
            return b""
        if not self._steps:
            self._abort("expected no further challenge")
        return self._steps.pop(0)(self, message)

    def _text_of(self, challenge: bytes) -> str:
        try:
            return challenge.decode()
        except UnicodeDecodeError:
            self._abort("expected a challenge in UTF-8")

    def _prove(self, message: str) -> bytes:
        found = _SERVER_FIRST.fullmatch(message)
        if found is None:
            self._abort("expected a nonce, a salt and a number of iterations")
        nonce, iterations = found["nonce"], int(found["iterations"])
        if not nonce.startswith(self._nonce) or nonce == self._nonce:
            self._abort("expected our nonce with that of the server behind it")
        if not self._limits.min_iterations <= iterations <= self._limits.max_iterations:
            limits = f"{self._limits.min_iterations} to {self._limits.max_iterations}"
            self._abort(f"expected {limits} iterations, got {iterations}")
        salt = self._decoded(found["salt"])
        return self._final(message, nonce, salt, iterations)

    def _final(self, server_first: str, nonce: str, salt: bytes, iterations: int) -> bytes:
        name = SCRAM_HASHES[self._hash_name]
        salted = salted_password(self._password, salt, iterations, self._hash_name)
        key = client_key(salted, self._hash_name)
        without_proof = f"c={_base64.encode(self._binding).decode('ascii')},r={nonce}"
        message = f"{self._first},{server_first},{without_proof}".encode()
        signature = hmac.digest(hashlib.new(name, key).digest(), message, name)
        self._signature = hmac.digest(server_key(salted, self._hash_name), message, name)
        return f"{without_proof},p={_base64.encode(_xor(key, signature)).decode('ascii')}".encode()

    def _verify(self, message: str) -> bytes:
        found = _SERVER_FINAL.fullmatch(message)
        signature = b"" if found is None else self._decoded(found["verifier"])
        if not hmac.compare_digest(signature, self._signature):
            self._abort("the server does not know the password either")
        self._is_verified = True
        return b""

    def _decoded(self, text: str) -> bytes:
        try:
            return _base64.decode(text.encode("ascii"))
        except ValueError:
            self._abort("expected base64")

    def _abort(self, reason: str) -> NoReturn:
        raise AuthenticationAborted(f"{self.name}: {reason}")

    def finish(self) -> None:
        """Raise AuthenticationAborted unless the server has proved that it knows the user."""
        if not self._is_verified:
            self._abort("the server has proved nothing")


class ScramServer:
    """Needs the `Credentials` of the user, and then to know who that is (`Authorize`).

    It works where the `Setting` has `entropy` and a `secret`. For a user who does not exist it goes through
    the same exchange, with a verifier that is made up, and refuses as for a wrong password.
    """

    def __init__(self, mechanism: str, setting: Setting) -> None:
        self.name: str = mechanism
        self._hash_name = mechanism.removesuffix(PLUS)
        self._setting = setting
        self._secret = setting.secret or Secret(b"")
        self._header = GS2Header()
        self._authcid = ""
        self._client_first = self._server_first = self._nonce = ""
        self._verifier: ScramVerifier | None = None
        self._is_known = False
        self._signature = b""

    def step(self, response: bytes | None) -> Step:
        """Read client-first-message, or client-final-message."""
        if response is None:
            return Challenge()
        try:
            message = response.decode()
        except UnicodeDecodeError:
            return _failed("invalid-encoding", "expected UTF-8")
        return self._read_first(message) if self._verifier is None else self._read_final(message)

    def _read_first(self, message: str) -> Step:
        try:
            self._header, self._client_first = GS2Header.parse(message)
        except ValueError:
            return _failed("invalid-encoding", "expected a GS2 header")
        refusal = self._refusal_of(self._header)
        if refusal is not None:
            return refusal
        found = _CLIENT_FIRST.fullmatch(self._client_first)
        if found is None:
            is_extended = self._client_first.startswith("m=")
            error = "extensions-not-supported" if is_extended else "invalid-encoding"
            return _failed(error, "expected a name and a nonce")
        try:
            self._authcid = saslprep(read_name(found["name"]))
        except PreparationError:
            self._authcid = ""
        if not self._authcid:
            return _failed("invalid-username-encoding", "expected a name that SASLprep allows")
        self._nonce = found["nonce"] + self._setting.nonce()
        return Need(Credentials(self._authcid, self._hash_name))

    def _refusal_of(self, header: GS2Header) -> Refused | None:
        """Return what is wrong with the channel binding that the client asks for (RFC 5802 section 6)."""
        if self.name.endswith(PLUS):
            if header.binding is None:
                return _failed("other-error", f"{self.name} without a channel binding")
            if header.binding not in BINDINGS or not self._setting.channel_bindings.get(header.binding):
                return _failed("unsupported-channel-binding-type", f"no binding {header.binding[:40]}")
        elif header.binding is not None:
            return _failed("channel-binding-not-supported", f"{self.name} with a channel binding")
        elif header.flag == "y" and self._setting.offers_binding:
            return _failed("server-does-support-channel-binding", "somebody hid that there is -PLUS")
        return None

    def resume(self, answer: object) -> Step:
        """Take the credentials, then the identity."""
        if self._signature:
            return accepted_or_refused(
                answer,
                self._authcid,
                data=b"v=" + _base64.encode(self._signature),
                otherwise=Denial.AUTHORIZATION,
            )
        if isinstance(answer, Denial):
            return Refused("the authenticator refuses", answer)
        self._is_known = isinstance(answer, str | Secret | ScramVerifier)
        self._verifier = verifier = self._verifier_of(answer)
        salt = _base64.encode(verifier.salt).decode("ascii")
        self._server_first = f"r={self._nonce},s={salt},i={verifier.iterations}"
        return Challenge(self._server_first.encode())

    def _verifier_of(self, answer: object) -> ScramVerifier:
        """Return the verifier to go on with; it takes as long for a user who does not exist."""
        if isinstance(answer, ScramVerifier) and answer.mechanism == self._hash_name:
            return answer
        if isinstance(answer, NoVerifier):
            return answer.made_up(self._hash_name, self._authcid, self._secret)
        salt = made_up_octets(self._secret, "salt", self._authcid)
        for password in (answer, made_up_octets(self._secret, "password", self._authcid).hex()):
            if isinstance(password, str | Secret) and (found := self._derived(password, salt)) is not None:
                return found
            self._is_known = False
        raise AssertionError("unreachable")

    def _derived(self, password: str | Secret[str], salt: bytes) -> ScramVerifier | None:
        try:
            return ScramVerifier.of_password(
                password, salt=salt, mechanism=self._hash_name, iterations=MIN_ITERATIONS
            )
        except LocalProtocolError:
            return None

    def _read_final(self, message: str) -> Step:
        found = _CLIENT_FINAL.fullmatch(message)
        if found is None or self._verifier is None:
            return _failed("invalid-encoding", "expected channel binding, nonce and proof")
        try:
            binding, proof = (_base64.decode(found[name].encode("ascii")) for name in ("binding", "proof"))
        except ValueError:
            return _failed("invalid-encoding", "expected base64")
        if not hmac.compare_digest(binding, self._expected_binding()):
            return _failed("channel-bindings-dont-match", "another channel")
        if not hmac.compare_digest(found["nonce"].encode(), self._nonce.encode()):
            return _failed("other-error", "expected the nonce that was sent")
        auth_message = f"{self._client_first},{self._server_first},{found['without_proof']}".encode()
        return self._check(self._verifier, auth_message, proof)

    def _expected_binding(self) -> bytes:
        octets = self._setting.channel_bindings.get(self._header.binding or "", b"")
        return self._header.serialize().encode() + octets

    def _check(self, verifier: ScramVerifier, message: bytes, proof: bytes) -> Step:
        name = SCRAM_HASHES[self._hash_name]
        signature = hmac.digest(verifier.stored_key, message, name)
        key = _xor(proof, signature) if len(proof) == len(signature) else b""
        is_right = hmac.compare_digest(hashlib.new(name, key).digest(), verifier.stored_key)
        if not (is_right and self._is_known):
            # Without "e=invalid-proof", which is optional and which GNU SASL shows as a broken server.
            return Refused("the password is not right")
        self._signature = hmac.digest(verifier.server_key, message, name)
        return Need(Authorize(self._authcid, self._header.authzid))


def _failed(error: str, reason: str) -> Refused:
    return Refused(reason, data=b"e=" + error.encode())


def _xor(one: bytes, other: bytes) -> bytes:
    return (int.from_bytes(one) ^ int.from_bytes(other)).to_bytes(len(one))


def _prepared(text: Secret[bytes], what: str) -> str:
    try:
        prepared = saslprep(text.reveal().decode())
    except PreparationError:
        raise LocalProtocolError(f"{what}: expected characters that SASLprep allows") from None
    if not prepared:
        raise LocalProtocolError(f"{what}: expected at least one character that SASLprep keeps")
    return prepared
