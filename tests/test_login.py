"""Logging in over sockets: both protocols, both adapters at both ends, every mechanism, one of our own."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import mailproto.asyncio
import mailproto.sync
from mailproto._imap import server_factory
from mailproto._tls import certificate_in
from mailproto.errors import (
    AuthenticationFailed,
    CommandError,
    Denial,
    LocalProtocolError,
    OAuthFailure,
    SMTPAuthenticationFailed,
)
from mailproto.sasl import Accepted as LoginAccepted
from mailproto.sasl import (
    Anonymous,
    AnonymousClient,
    Authorize,
    Challenge,
    CramMD5Client,
    Need,
    PasswordAuthenticator,
    PlainClient,
    Refused,
    Request,
    ScramClient,
    ScramVerifier,
    Setting,
    Step,
    Stored,
    VerifyToken,
)
from mailproto.sasl import MechanismRow as Row
from mailproto.smtp import SMTPHandler
from mailproto.store import MemoryStore
from support_lines import authority, client_context
from support_servers import serving as serving_flow
from support_smtp_servers import KINDS
from support_smtp_servers import serving as serving_smtp

PROTOCOLS = ["smtp", "imap"]
CHOICES = [(protocol, client, server) for protocol in PROTOCOLS for client in KINDS for server in KINDS]
SAME = [(protocol, kind, kind) for protocol in PROTOCOLS for kind in KINDS]
"""Where each case takes a second, since a refusal does."""
FAILURE = OAuthFailure("invalid_token", "mail", "https://id.example/.well-known/openid-configuration")
Login = Callable[[Any], Any]


def certified(version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> tuple[ssl.SSLContext, bytes]:
    """Return a server's context and its certificate in PEM."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = version
    issued = authority().issue_cert("localhost", "127.0.0.1")
    issued.configure_cert(context)
    return context, b"".join(blob.bytes() for blob in issued.cert_chain_pems)


@contextmanager
def serving(protocol: str, kind: str, authenticator: Any, **arguments: Any) -> Iterator[int]:
    """Run a server of one kind and yield its port."""
    if protocol == "smtp":
        with serving_smtp(kind, SMTPHandler(), authenticator=authenticator, **arguments) as server:
            yield server.port
        return
    own = {name: arguments.pop(name, value) for name, value in (("allow_cleartext", False), ("trace", None))}
    factory = server_factory(
        MemoryStore(),
        tls=arguments.get("tls", "none"),
        has_context="ssl_context" in arguments,
        hostname=None,
        authenticator=authenticator,
        limits=None,
        **own,
    )
    with serving_flow(kind, factory, **arguments) as address:
        yield int(address[1])


def log_in(protocol: str, kind: str, port: int, login: Login, tls: str = "none") -> list[bytes]:
    """Connect, call *login* with the client, and return the lines that the client sent."""
    lines: list[bytes] = []

    def trace(direction: str, octets: bytes) -> None:
        if direction == "sent":
            lines.append(octets)

    arguments: dict[str, Any] = {"tls": tls, "trace": trace, "timeout": 20}
    arguments["ssl_context"] = client_context() if tls != "none" else None
    package: Any = mailproto.sync if kind == "sync" else mailproto.asyncio
    connect = (package.SMTPClient if protocol == "smtp" else package.IMAPClient).connect

    async def run() -> None:
        async with connect("127.0.0.1", port, **arguments) as client:
            await login(client)

    if kind == "asyncio":
        asyncio.run(run())
    else:
        with connect("127.0.0.1", port, **arguments) as client:
            login(client)
    return lines


def mechanism_in(lines: list[bytes]) -> str:
    """Return the mechanism that a client used."""
    words = [line.split() for line in lines]
    [name] = [
        word[word.index(verb) + 1] for word in words for verb in (b"AUTH", b"AUTHENTICATE") if verb in word
    ]
    return name.decode()


def check_token(request: VerifyToken) -> object:
    is_right = request.token.reveal() == "t0ken" and request.authzid == "tim"
    return "tim" if is_right else FAILURE


VERIFIERS: dict[str, Stored] = {
    "tim": ScramVerifier.of_password("secret", salt=b"0123456789abcdef", mechanism="SCRAM-SHA-256")
}
PASSWORDS = PasswordAuthenticator({"tim": "secret"}, tokens=check_token)
KEPT = PasswordAuthenticator(VERIFIERS, tokens=check_token, secret=b"x")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
@pytest.mark.parametrize("tls", ["implicit", "starttls"])
@pytest.mark.parametrize("protocol, client, server", CHOICES)
def test_a_login_is_bound_to_tls(
    protocol: str, client: str, server: str, tls: str, version: ssl.TLSVersion
) -> None:
    context, pem = certified(version)
    options: dict[str, Any] = {"tls": tls, "ssl_context": context, "certificate": pem}
    with serving(protocol, server, PASSWORDS, **options) as port:
        lines = log_in(protocol, client, port, lambda it: it.login("tim", "secret"), tls)
        assert mechanism_in(lines) == "SCRAM-SHA-512-PLUS"
        lines = log_in(
            protocol, client, port, lambda it: it.login("tim", "secret", channel_binding=False), tls
        )
        assert mechanism_in(lines) == "SCRAM-SHA-512"


@pytest.mark.parametrize("protocol, client, server", SAME)
def test_a_server_with_another_certificate_than_it_says(protocol: str, client: str, server: str) -> None:
    """So it is with somebody in the middle, who has a certificate that the client trusts."""
    context, _ = certified()
    _, pem = certified()
    options: dict[str, Any] = {"tls": "starttls", "ssl_context": context, "certificate": pem}
    with serving(protocol, server, PASSWORDS, **options) as port:
        with pytest.raises((SMTPAuthenticationFailed, AuthenticationFailed)) as caught:
            log_in(protocol, client, port, lambda it: it.login("tim", "secret"), "starttls")
    assert caught.value.__notes__ == ["SCRAM-SHA-512-PLUS: the server says 'channel-bindings-dont-match'"]


LOGINS: dict[str, tuple[Any, Login, str]] = {
    "password": (PASSWORDS, lambda it: it.login("tim", "secret"), "SCRAM-SHA-512"),
    "verifier": (KEPT, lambda it: it.login("tim", "secret"), "SCRAM-SHA-256"),
    "verifier, clear text": (KEPT, lambda it: it.authenticate(PlainClient("tim", "secret")), "PLAIN"),
    "token": (PASSWORDS, lambda it: it.login("tim", token="t0ken"), "OAUTHBEARER"),
    "token, old": (
        PasswordAuthenticator({}, tokens=check_token, mechanisms=["XOAUTH2"]),
        lambda it: it.login("tim", token="t0ken"),
        "XOAUTH2",
    ),
    "CRAM-MD5": (
        PasswordAuthenticator({"tim": "secret"}, mechanisms=["CRAM-MD5", "PLAIN"]),
        lambda it: it.authenticate(CramMD5Client("tim", "secret")),
        "CRAM-MD5",
    ),
    "CRAM-MD5 is not chosen": (
        PasswordAuthenticator({"tim": "secret"}, mechanisms=["CRAM-MD5", "PLAIN"]),
        lambda it: it.login("tim", "secret"),
        "PLAIN",
    ),
    "anonymous": (
        PasswordAuthenticator({}, anonymous=lambda request: "guest"),
        lambda it: it.authenticate(AnonymousClient()),
        "ANONYMOUS",
    ),
}


@pytest.mark.parametrize("authenticator, login, name", LOGINS.values(), ids=LOGINS)
@pytest.mark.parametrize("protocol, client, server", CHOICES)
def test_the_mechanism_follows_from_both_ends(
    protocol: str, client: str, server: str, authenticator: Any, login: Login, name: str
) -> None:
    context, _ = certified()
    served: list[bytes] = []
    options: dict[str, Any] = {"tls": "starttls", "ssl_context": context}
    options["trace"] = lambda direction, octets: served.append(octets)
    with serving(protocol, server, authenticator, **options) as port:
        lines = log_in(protocol, client, port, login, "starttls")
    assert mechanism_in(lines) == name
    for line in (*lines, *served):
        assert b"secret" not in line
        assert b"t0ken" not in line


REFUSALS: dict[str, tuple[Login, Denial, OAuthFailure | None]] = {
    "password": (lambda it: it.login("tim", "wrong"), Denial.CREDENTIALS, None),
    "user": (lambda it: it.login("tom", "secret"), Denial.CREDENTIALS, None),
    "clear text": (lambda it: it.authenticate(PlainClient("tim", "x")), Denial.CREDENTIALS, None),
    "token": (lambda it: it.login("tim", token="old"), Denial.CREDENTIALS, FAILURE),
}


@pytest.mark.parametrize("login, reason, oauth", REFUSALS.values(), ids=REFUSALS)
@pytest.mark.parametrize("protocol, client, server", SAME)
def test_a_refusal_says_why_and_leaves_the_session_usable(
    protocol: str, client: str, server: str, login: Login, reason: Denial, oauth: OAuthFailure | None
) -> None:
    def check(error: CommandError) -> None:
        assert isinstance(error, SMTPAuthenticationFailed | AuthenticationFailed)
        assert error.reason is reason
        assert error.oauth == oauth
        for secret in ("secret", "wrong", "old"):
            assert secret not in str(error) + repr(error)

    def use(it: Any) -> None:
        with pytest.raises((SMTPAuthenticationFailed, AuthenticationFailed)) as caught:
            login(it)
        check(caught.value)
        it.login("tim", "secret")

    async def use_async(it: Any) -> None:
        with pytest.raises((SMTPAuthenticationFailed, AuthenticationFailed)) as caught:
            await login(it)
        check(caught.value)
        await it.login("tim", "secret")

    context, pem = certified()
    options: dict[str, Any] = {"tls": "starttls", "ssl_context": context, "certificate": pem}
    with serving(protocol, server, PASSWORDS, **options) as port:
        log_in(protocol, client, port, use if client == "sync" else use_async, "starttls")


@pytest.mark.parametrize("protocol, client, server", CHOICES)
def test_what_is_asked_for_by_mistake(protocol: str, client: str, server: str) -> None:
    with serving(protocol, server, PASSWORDS) as port:
        for login, complaint in (
            (lambda it: it.login("tim"), "either a password or a token"),
            (lambda it: it.login("tim", "x", token="y"), "either a password or a token"),
            (lambda it: it.login("tim", token="t0ken"), "expected one of OAUTHBEARER, XOAUTH2"),
            (lambda it: it.authenticate(ScramClient("tim", "x", "SCRAM-SHA-1-PLUS")), "SCRAM-SHA-1-PLUS"),
        ):
            with pytest.raises(LocalProtocolError, match=complaint):
                log_in(protocol, client, port, login)


class ReverseClient:
    """A mechanism of somebody's own: the challenge backwards, and the name."""

    name = "X-REVERSE"
    is_cleartext = True

    def initial_response(self, setting: Setting) -> bytes | None:
        return None

    def respond(self, challenge: bytes) -> bytes:
        return challenge[::-1] + b" tim"

    def finish(self) -> None:
        """Accept."""


class ReverseServer:
    """The server's side of it."""

    name = "X-REVERSE"

    def __init__(self, setting: Setting) -> None:
        self._nonce = setting.nonce()
        self._authcid = ""

    def step(self, response: bytes | None) -> Step:
        if response is None:
            return Challenge(self._nonce.encode())
        answer, _, authcid = response.decode().partition(" ")
        if answer != self._nonce[::-1]:
            return Refused("expected it backwards")
        self._authcid = authcid
        return Need(Authorize(authcid))

    def resume(self, answer: object) -> Step:
        return LoginAccepted(str(answer), self._authcid) if answer else Refused("nobody")


@pytest.mark.parametrize("protocol, client, server", CHOICES)
def test_a_mechanism_of_our_own(protocol: str, client: str, server: str) -> None:
    class Own:
        mechanisms = (Row("X-REVERSE", ReverseServer, is_cleartext=True),)

        def answer(self, request: Request) -> object:
            return request.authcid if isinstance(request, Authorize) else None

    with serving(protocol, server, Own()) as port:
        with pytest.raises(LocalProtocolError, match="offered are"):
            log_in(protocol, client, port, lambda it: it.authenticate(ReverseClient(), allow_cleartext=True))
    with serving(protocol, server, Own(), allow_cleartext=True) as port:
        login = lambda it: it.authenticate(ReverseClient(), allow_cleartext=True)  # noqa: E731  # it has two uses
        assert mechanism_in(log_in(protocol, client, port, login)) == "X-REVERSE"


def test_a_certificate_in_either_form() -> None:
    _, pem = certified()
    der = certificate_in(pem)
    assert certificate_in(der) == der
    assert certificate_in(b"some words\n" + pem) == der
    for octets in (b"", b"0", b"x" * 10, pem[:200], pem.replace(b"MII", b"???")):
        with pytest.raises(LocalProtocolError, match="certificate: expected"):
            certificate_in(octets)


def test_anonymous_is_asked_with_the_trace() -> None:
    traces: list[str] = []

    def welcome(request: Anonymous) -> str:
        traces.append(request.trace)
        return "guest"

    with serving("imap", "sync", PasswordAuthenticator({}, anonymous=welcome)) as port:
        log_in("imap", "sync", port, lambda it: it.authenticate(AnonymousClient("sirhc")))
    assert traces == ["sirhc"]
