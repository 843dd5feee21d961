"""SASL with software that is not ours on the other side."""

from __future__ import annotations

import asyncio
import imaplib
import re
import smtplib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import mailproto.asyncio
import mailproto.sync
from mailproto.errors import AuthenticationFailed, Denial, OAuthFailure
from mailproto.sasl import (
    SERVER_MECHANISMS,
    AnonymousClient,
    ClientMechanism,
    CramMD5Client,
    LoginClient,
    PasswordAuthenticator,
    PlainClient,
    ScramClient,
    ScramVerifier,
    VerifyToken,
)
from mailproto.smtp import WholeMessages
from mailproto.store import MemoryStore
from mailproto.sync import serve_imap, serve_smtp
from support_interop import MESSAGE, PASSWORD, USER, program, run
from support_lines import authority, client_context, server_context

TOKEN = "ya29.t0ken"
VERIFIED = "verified@example.org"


def check_token(request: VerifyToken) -> object:
    is_right = request.token.reveal() == TOKEN and request.authzid == USER
    return USER if is_right else OAuthFailure("invalid_token", "mail")


AUTHENTICATOR = PasswordAuthenticator(
    {USER: PASSWORD, VERIFIED: ScramVerifier.of_password(PASSWORD, salt=b"0123456789abcdef")},
    tokens=check_token,
    mechanisms=[name for name in SERVER_MECHANISMS if name not in ("EXTERNAL", "ANONYMOUS")],
)


@dataclass
class Servers:
    """An SMTP and an IMAP server of ours, and who logged in to the first."""

    smtp: int
    imap: int
    authority: Path
    identities: list[str | None]


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Servers]:
    """Serve over STARTTLS with every mechanism."""
    with serving(AUTHENTICATOR, tmp_path) as running:
        yield running


@contextmanager
def serving(authenticator: PasswordAuthenticator, folder: Path) -> Iterator[Servers]:
    identities: list[str | None] = []
    handler = WholeMessages(lambda session, octets: identities.append(session.identity))
    context, path = server_context(), folder / "ca.pem"
    authority().cert_pem.write_to_path(path)
    options: dict[str, Any] = {"tls": "starttls", "ssl_context": context, "authenticator": authenticator}
    with (
        serve_smtp(handler, "127.0.0.1", 0, hostname="mx.example", **options) as smtp,
        serve_imap(MemoryStore(), "127.0.0.1", 0, **options) as imap,
    ):
        yield Servers(int(smtp.addresses[0][1]), int(imap.addresses[0][1]), path, identities)


@pytest.mark.parametrize(
    "mechanism", ["plain", "login", "cram-md5", "scram-sha-1", "scram-sha-256", "oauthbearer", "xoauth2"]
)
def test_msmtp(servers: Servers, mechanism: str) -> None:
    secret = TOKEN if "oauth" in mechanism else PASSWORD
    command = (
        *(program("msmtp"), "-C", "/dev/null", "--host=127.0.0.1", f"--port={servers.smtp}"),
        *("--tls=on", "--tls-starttls=on", f"--tls-trust-file={servers.authority}", "--timeout=20"),
        *(f"--auth={mechanism}", f"--user={USER}", "--from=a@example.net"),
    )
    said = run(*command, f"--passwordeval=echo {secret}", USER, stdin=MESSAGE)
    assert servers.identities == [USER], said
    said = run(*command, "--passwordeval=echo wrong", USER, stdin=MESSAGE, check=False)
    assert "authentication failed" in said
    assert servers.identities == [USER]


def test_msmtp_logs_in_where_there_is_a_verifier_only(servers: Servers) -> None:
    run(
        *(program("msmtp"), "-C", "/dev/null", "--host=127.0.0.1", f"--port={servers.smtp}", "--tls=on"),
        *(f"--tls-trust-file={servers.authority}", "--auth=scram-sha-256", f"--user={VERIFIED}"),
        *(f"--passwordeval=echo {PASSWORD}", "--timeout=20", "--from=a@example.net", USER),
        stdin=MESSAGE,
    )
    assert servers.identities == [VERIFIED]


CURL = [
    *(("smtp", name, ["--user", f"{USER}:{PASSWORD}"]) for name in ("PLAIN", "LOGIN", "CRAM-MD5")),
    *(("imap", name, ["--user", f"{USER}:{PASSWORD}"]) for name in ("PLAIN", "LOGIN", "CRAM-MD5")),
    *(
        (protocol, name, ["--user", USER, "--oauth2-bearer", TOKEN])
        for protocol in ("smtp", "imap")
        for name in ("OAUTHBEARER", "XOAUTH2")
    ),
]


@pytest.mark.parametrize("protocol, mechanism, user", CURL, ids=[f"{one}-{two}" for one, two, _ in CURL])
def test_curl(tmp_path: Path, protocol: str, mechanism: str, user: list[str]) -> None:
    users = PasswordAuthenticator({USER: PASSWORD}, tokens=check_token, mechanisms=[mechanism])
    with serving(users, tmp_path) as servers:
        check_curl(servers, tmp_path, protocol, mechanism, user)


def check_curl(servers: Servers, tmp_path: Path, protocol: str, mechanism: str, user: list[str]) -> None:
    (tmp_path / "m.eml").write_bytes(MESSAGE)
    port = servers.smtp if protocol == "smtp" else servers.imap
    task = ["--mail-from", "a@example.net", "--mail-rcpt", USER, "--upload-file", str(tmp_path / "m.eml")]
    said = run(
        *(program("curl"), "-sv", "--max-time", "20", "--ssl-reqd", "--cacert", str(servers.authority)),
        *(*user, *(task if protocol == "smtp" else ())),
        f"{protocol}://127.0.0.1:{port}/",
    )
    assert re.search(rf"> (AUTH|\S+ AUTHENTICATE) {mechanism}", said)
    assert re.search(r"< (235 |\S+ OK .*logged in)", said)


def test_curl_hears_why_a_token_is_refused(servers: Servers) -> None:
    said = run(
        *(program("curl"), "-sv", "--max-time", "20", "--ssl-reqd", "--cacert", str(servers.authority)),
        *("--user", USER, "--oauth2-bearer", "expired", f"imap://127.0.0.1:{servers.imap}/"),
        check=False,
    )
    assert "NO [AUTHENTICATIONFAILED]" in said


@pytest.mark.parametrize("name", ["plain", "login", "cram_md5"])
def test_smtplib(servers: Servers, name: str) -> None:
    with smtplib.SMTP("127.0.0.1", servers.smtp, timeout=20) as smtp:
        smtp.starttls(context=client_context())
        smtp.ehlo()
        smtp.user, smtp.password = USER, "wrong"
        authenticate: Callable[..., str] = getattr(smtp, f"auth_{name}")
        with pytest.raises(smtplib.SMTPAuthenticationError):
            smtp.auth(name.upper().replace("_", "-"), authenticate)
        smtp.password = PASSWORD
        assert smtp.auth(name.upper().replace("_", "-"), authenticate)[0] == 235


def test_imaplib(servers: Servers) -> None:
    def bearer(challenge: bytes) -> bytes:
        return b"" if challenge else f"user={USER}\1auth=Bearer {TOKEN}\1\1".encode()

    logins: list[Callable[[imaplib.IMAP4], tuple[str, Any]]] = [
        lambda imap: imap.login_cram_md5(USER, PASSWORD),
        lambda imap: imap.authenticate("PLAIN", lambda _: f"\0{USER}\0{PASSWORD}".encode()),
        lambda imap: imap.authenticate("XOAUTH2", bearer),
    ]
    for login in logins:
        with imaplib.IMAP4("127.0.0.1", servers.imap, timeout=20) as imap:
            imap.starttls(client_context())
            assert login(imap)[0] == "OK"
            assert imap.select("INBOX") == ("OK", [b"0"])


DOVECOT: dict[str, Callable[[str], ClientMechanism]] = {
    "SCRAM-SHA-256": lambda password: ScramClient("tim", password, "SCRAM-SHA-256"),
    "SCRAM-SHA-1": lambda password: ScramClient("tim", password, "SCRAM-SHA-1"),
    "CRAM-MD5": lambda password: CramMD5Client("tim", password),
    "PLAIN": lambda password: PlainClient("tim", password),
    "LOGIN": lambda password: LoginClient("tim", password),
}


@pytest.mark.parametrize("tls", ["none", "starttls"])
@pytest.mark.parametrize("make", DOVECOT.values(), ids=DOVECOT)
def test_our_clients_with_dovecot(dovecot: int, make: Callable[[str], ClientMechanism], tls: str) -> None:
    options: dict[str, Any] = {"tls": tls, "timeout": 20}
    if tls == "starttls":
        options["ssl_context"] = client_context()
    with mailproto.sync.IMAPClient.connect("127.0.0.1", dovecot, **options) as imap:
        with pytest.raises(AuthenticationFailed) as caught:
            imap.authenticate(make("wrong"), allow_cleartext=True)
        assert caught.value.reason is Denial.CREDENTIALS
        imap.authenticate(make("pass"), allow_cleartext=True)
        assert imap.select("INBOX").exists == 0

    async def use() -> None:
        async with mailproto.asyncio.IMAPClient.connect("127.0.0.1", dovecot, **options) as imap:
            await imap.authenticate(make("pass"), allow_cleartext=True)
            assert (await imap.select("INBOX")).exists == 0

    asyncio.run(use())


@pytest.mark.parametrize("tls", ["none", "starttls"])
def test_the_strongest_mechanism_of_dovecot_is_chosen(dovecot: int, tls: str) -> None:
    lines: list[bytes] = []
    options: dict[str, Any] = {"tls": tls, "timeout": 20, "trace": lambda _, octets: lines.append(octets)}
    if tls == "starttls":
        options["ssl_context"] = client_context()
    with mailproto.sync.IMAPClient.connect("127.0.0.1", dovecot, **options) as imap:
        imap.login("tim", "pass")
    assert any(b"AUTHENTICATE SCRAM-SHA-256" in line for line in lines)


def test_dovecot_lets_somebody_in_without_a_name(dovecot: int) -> None:
    with mailproto.sync.IMAPClient.connect("127.0.0.1", dovecot, tls="none", timeout=20) as imap:
        imap.authenticate(AnonymousClient("tim@example.org"))
        assert imap.select("INBOX").exists == 0
