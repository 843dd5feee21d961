"""What a SASL mechanism is, at either end (RFC 4422): octets in, octets out, nothing looked up.

A server mechanism that has to know something about a user returns a `Need`; whoever drives it asks the
`Authenticator` and goes on with `resume`. So neither end does IO. Base64 is the business of the protocols.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from mailproto._secret import Secret
from mailproto.errors import LocalProtocolError

__all__ = [
    "Accepted",
    "AuthenticationAborted",
    "Challenge",
    "Channel",
    "ClientMechanism",
    "Credentials",
    "External",
    "Need",
    "Refused",
    "Request",
    "ServerMechanism",
    "Step",
    "Verify",
    "secret_text",
    "text_or_none",
]


class AuthenticationAborted(LocalProtocolError):
    """A client mechanism will not go on: the exchange is cancelled, nothing more is sent."""


class Channel(Protocol):
    """What a mechanism may know of the TLS connection it runs in; `mailproto.flow.TLSInfo` is one."""

    @property
    def peer_certificate(self) -> bytes | None:
        """The certificate of the peer in DER, verified; None if it gave none."""

    @property
    def channel_bindings(self) -> Mapping[str, bytes]:
        """Channel bindings by name (RFC 5929, RFC 9266)."""


class ClientMechanism(Protocol):
    """The client's side of one mechanism; one object serves one exchange after the other."""

    @property
    def name(self) -> str:
        """The name as it is registered, in capital letters."""

    @property
    def is_cleartext(self) -> bool:
        """True if the server, or whoever listens, gets a secret that can be used again."""

    def initial_response(self) -> bytes | None:
        """Begin an exchange: return what goes with the command, or None if the server speaks first.

        If the command cannot carry it, it answers the first challenge, which is empty.
        """

    def respond(self, challenge: bytes) -> bytes:
        """Return the answer to *challenge*; raises AuthenticationAborted to cancel the exchange."""

    def finish(self) -> None:
        """Note that the server accepted; raises AuthenticationAborted if it has not proved what it must."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Asks for what is stored of a user: the answer is a password or a verifier; None if there is none."""

    authcid: str


@dataclass(frozen=True, slots=True)
class Verify:
    """Asks whether a password is right: the answer is the identity of the user, or None.

    `authzid` is who the user wants to act as; None: the one that the password belongs to.
    """

    authcid: str
    password: Secret[str]
    authzid: str | None = None


@dataclass(frozen=True, slots=True)
class External:
    """Asks who holds a client certificate (in DER, verified by TLS): the answer is the identity, or None."""

    peer_certificate: bytes
    authzid: str | None = None


Request: TypeAlias = Credentials | Verify | External


@dataclass(frozen=True, slots=True)
class Challenge:
    """Send these octets and give the client's answer to `step`; there may be none."""

    data: bytes = b""


@dataclass(frozen=True, slots=True)
class Need:
    """Ask the authenticator and give its answer to `resume`."""

    request: Request


@dataclass(frozen=True, slots=True)
class Accepted:
    """The client is `identity`, who it acts as; `authcid` is whose credentials it showed."""

    identity: str
    authcid: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The exchange failed. `reason` is for logs: a client is not told more than that."""

    reason: str


Step: TypeAlias = Challenge | Need | Accepted | Refused


class ServerMechanism(Protocol):
    """The server's side of one mechanism; one object serves one exchange."""

    @property
    def name(self) -> str:
        """The name as it is registered, in capital letters."""

    @property
    def is_cleartext(self) -> bool:
        """True if the server, or whoever listens, gets a secret that can be used again."""

    def step(self, response: bytes | None) -> Step:
        """Go on with the client's answer; at first with its initial response, None if it sent none."""

    def resume(self, answer: object) -> Step:
        """Go on with what the authenticator answered to the last `Need`."""


def accepted_or_refused(answer: object, authcid: str) -> Step:
    """Return the outcome that the answer to `Verify` or `External` stands for; an empty one means no."""
    if isinstance(answer, str) and answer:
        return Accepted(answer, authcid)
    return Refused("the credentials were not accepted")


def secret_text(value: str | Secret[str], what: str) -> Secret[bytes]:
    """Return *value* in UTF-8. Raises LocalProtocolError if it is empty or holds NUL (RFC 4616 section 2)."""
    return Secret(text_octets(value.reveal() if isinstance(value, Secret) else value, what))


def text_octets(value: str, what: str) -> bytes:
    """Return *value* in UTF-8. Raises LocalProtocolError, which does not show it, as `secret_text`."""
    try:
        octets = value.encode()
    except UnicodeEncodeError:
        raise LocalProtocolError(f"{what}: expected text that UTF-8 can encode") from None
    if not octets or b"\0" in octets:
        raise LocalProtocolError(f"{what}: expected one or more characters, none of them NUL")
    return octets


def text_or_none(octets: bytes) -> str | None:
    """Return what a peer sent as text; None if it is empty, is not UTF-8 or holds NUL."""
    try:
        text = octets.decode()
    except UnicodeDecodeError:
        return None
    return text if text and "\0" not in text else None
