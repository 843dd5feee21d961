"""What a SASL mechanism is, at either end (RFC 4422): octets in, octets out, nothing looked up.

A server mechanism that has to know something about a user returns a `Need`; whoever drives it asks the
`Authenticator` and goes on with `resume`. So neither end does IO. What both may know of the connection, and
the only source of randomness, is a `Setting`. Base64 is the business of the protocols.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeAlias

from mailproto._secret import Secret
from mailproto.errors import Denial, LocalProtocolError, OAuthFailure

__all__ = [
    "Accepted",
    "Anonymous",
    "AuthenticationAborted",
    "Authorize",
    "Challenge",
    "Channel",
    "ClientMechanism",
    "Credentials",
    "External",
    "NOWHERE",
    "Need",
    "Refused",
    "Request",
    "SECRET_OCTETS",
    "ServerMechanism",
    "Setting",
    "Step",
    "Verify",
    "VerifyToken",
    "accepted_or_refused",
    "explain",
    "secret_text",
    "text_octets",
    "text_or_none",
]

NONCE_OCTETS: Final = 18
"""Octets of randomness in a nonce; they make 24 characters."""
SECRET_OCTETS: Final = 32
"""Octets of the `secret` of a server."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Where an exchange takes place, at either end.

    `channel` is None without TLS. `offered` are the mechanisms that the server offers now. `host` and `port`
    are those of the server as the client calls it. `entropy` gives so many random octets as it is asked for;
    without it no mechanism with a nonce works. `secret`, at a server, stays the same from one exchange to the
    next and is told to nobody: what is made up for users who do not exist comes from it.
    """

    channel: Channel | None = None
    offered: frozenset[str] = frozenset()
    host: str | None = None
    port: int | None = None
    entropy: Callable[[int], bytes] | None = field(default=None, repr=False)
    secret: Secret[bytes] | None = None

    def nonce(self) -> str:
        """Return printable characters that were never used before. Raises LocalProtocolError."""
        if self.entropy is None:
            raise LocalProtocolError("entropy: expected a source of random octets, got none")
        return b64encode(self.entropy(NONCE_OCTETS), b"-_").decode("ascii")

    @property
    def channel_bindings(self) -> Mapping[str, bytes]:
        """Those of the channel; none without TLS."""
        return {} if self.channel is None else self.channel.channel_bindings

    @property
    def offers_binding(self) -> bool:
        """Whether the server offers any mechanism that binds to the channel."""
        return any(name.endswith("-PLUS") for name in self.offered)


NOWHERE: Final = Setting()
"""Of which nothing is known: without TLS, without randomness."""


class ClientMechanism(Protocol):
    """The client's side of one mechanism; one object serves one exchange after the other."""

    @property
    def name(self) -> str:
        """The name as it is registered, in capital letters."""

    @property
    def is_cleartext(self) -> bool:
        """True if the server, or whoever listens, gets a secret that can be used again."""

    def initial_response(self, setting: Setting) -> bytes | None:
        """Begin an exchange: return what goes with the command, or None if the server speaks first.

        If the command cannot carry it, it answers the first challenge, which is empty. Raises
        LocalProtocolError if the mechanism does not work in this *setting*; nothing was sent then.
        """

    def respond(self, challenge: bytes) -> bytes:
        """Return the answer to *challenge*; raises AuthenticationAborted to cancel the exchange."""

    def finish(self) -> None:
        """Note that the server accepted; raises AuthenticationAborted if it has not proved what it must."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Asks for what is stored of a user, for a mechanism that never sees the password.

    The answer is a password, a `ScramVerifier` of the mechanism, or, for a user who does not exist, None in a
    store of passwords and `NoVerifier` in one of verifiers. `mechanism` is a name without "-PLUS".
    """

    authcid: str
    mechanism: str = ""


@dataclass(frozen=True, slots=True)
class Authorize:
    """Asks who a user is, whose credentials were shown: the answer is the identity, or None.

    `authzid` is who the user wants to act as; None: the one that the credentials belong to.
    """

    authcid: str
    authzid: str | None = None


@dataclass(frozen=True, slots=True)
class Verify:
    """Asks whether a password is right: the answer is the identity of the user, or None.

    `authzid` is who the user wants to act as; None: the one that the password belongs to.
    """

    authcid: str
    password: Secret[str]
    authzid: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyToken:
    """Asks whether an OAuth token is right: the answer is the identity, or an `OAuthFailure`, or None.

    `authzid` is the user that the client names, which proves nothing: the token has to be that user's. `host`
    and `port` are what the client thinks it is connected to, if it says so; one who has several services
    checks them (RFC 7628 section 3.2). An empty token asks what is needed.
    """

    token: Secret[str]
    authzid: str | None = None
    host: str | None = None
    port: int | None = None


@dataclass(frozen=True, slots=True)
class External:
    """Asks who holds a client certificate (in DER, verified by TLS): the answer is the identity, or None."""

    peer_certificate: bytes
    authzid: str | None = None


@dataclass(frozen=True, slots=True)
class Anonymous:
    """Asks whether somebody without a name may come in: the answer is the identity to have, or None.

    `trace` is what the client says of itself, unproved (RFC 4505); it may be empty.
    """

    trace: str = ""


Request: TypeAlias = Credentials | Authorize | Verify | VerifyToken | External | Anonymous
"""What a server mechanism asks an authenticator. To any of them a `Denial` is an answer too."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """Send these octets and give the client's answer to `step`; there may be none."""

    data: bytes = b""

    def __post_init__(self) -> None:
        _require_octets(self.data)


@dataclass(frozen=True, slots=True)
class Need:
    """Ask the authenticator and give its answer to `resume`."""

    request: Request


@dataclass(frozen=True, slots=True)
class Accepted:
    """The client is `identity`, who it acts as; `authcid` is whose credentials it showed.

    `data`, if there is any, is sent as a last challenge, to which the client answers with nothing (RFC 4422
    section 3.6); until then nobody is logged in. Raises LocalProtocolError without an identity.
    """

    identity: str
    authcid: str
    data: bytes | None = None

    def __post_init__(self) -> None:
        if not self.identity:
            raise LocalProtocolError("identity: expected whom the authenticator has named, got nobody")
        _require_octets(self.data or b"")


@dataclass(frozen=True, slots=True)
class Refused:
    """The exchange failed. `reason` is for logs: a client is told `denial`, and no more than that.

    `data`, if there is any, is sent as a last challenge first; whatever the client says to it, it is refused.
    """

    reason: str
    denial: Denial = Denial.CREDENTIALS
    data: bytes | None = None

    def __post_init__(self) -> None:
        _require_octets(self.data or b"")


Step: TypeAlias = Challenge | Need | Accepted | Refused
"""What a server mechanism wants next: to say something, to ask something, or that the exchange is over."""


def _require_octets(data: bytes) -> None:
    """Raise LocalProtocolError, which does not show it, for what cannot be a challenge."""
    if not isinstance(data, bytes):
        raise LocalProtocolError(f"challenge: expected octets, got {type(data).__name__}")


class ServerMechanism(Protocol):
    """The server's side of one mechanism; one object serves one exchange.

    What it raises, a `UnicodeDecodeError` of what the client said too, is reported, and refuses for now.
    """

    @property
    def name(self) -> str:
        """The name as it is registered, in capital letters."""

    def step(self, response: bytes | None) -> Step:
        """Go on with the client's answer; at first with its initial response, None if it sent none."""

    def resume(self, answer: object) -> Step:
        """Go on with what the authenticator answered to the last `Need`."""


class LoginError(Protocol):
    """What `explain` needs of the error that a refused login becomes."""

    oauth: OAuthFailure | None

    def add_note(self, note: str, /) -> None:
        """Say more in the traceback."""


def explain(error: LoginError, mechanism: ClientMechanism) -> None:
    """Put on *error* what *mechanism* knows of it: `failure`, an `OAuthFailure`, and `note`, a text."""
    failure, note = getattr(mechanism, "failure", None), getattr(mechanism, "note", None)
    if isinstance(failure, OAuthFailure):
        error.oauth = failure
    if isinstance(note, str):
        error.add_note(note)


def accepted_or_refused(
    answer: object,
    authcid: str,
    *,
    data: bytes | None = None,
    otherwise: Denial = Denial.CREDENTIALS,
) -> Step:
    """Return the outcome that the answer to a request for an identity stands for; an empty one means no.

    *data* goes with acceptance, *otherwise* with a refusal that has no reason of its own.
    """
    if isinstance(answer, str) and answer:
        return Accepted(answer, authcid, data)
    denial = answer if isinstance(answer, Denial) else otherwise
    return Refused("the credentials were not accepted", denial)


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
