"""Two servers of SMTP and LMTP behind one interface, for `bench.compare`: they offer all that they can."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final, TypeAlias

import trustme

from bench._mail_clients import HOST, PASSWORD, TOKEN, USER
from bench._processes import free_port
from mailproto import sasl, smtp
from mailproto.limits import SMTPLimits
from mailproto.sync import serve_smtp

__all__ = ["FULL", "MAX_RECIPIENTS", "REFUSED", "SERVERS", "Got", "Server", "contexts", "ours"]

REFUSED: Final = "refused@x.example"
"""A recipient that our server refuses."""
FULL: Final = "full@x.example"
"""One that it refuses when it has the message."""
MAX_RECIPIENTS: Final = 100
OFFERED: Final = (
    *smtp.EXTENSIONS,
    *(smtp.BINARYMIME, smtp.DSN, smtp.SMTPUTF8_EXTENSION, smtp.REQUIRETLS_EXTENSION, smtp.RRVS_EXTENSION),
    *(smtp.PRDR_EXTENSION, smtp.MTRK_EXTENSION, smtp.CONPERM_EXTENSION, smtp.CONNEG_EXTENSION),
    *(smtp.ETRN, smtp.XCLIENT, smtp.XFORWARD, smtp.deliver_by(), smtp.mt_priority(), smtp.no_soliciting()),
    *(smtp.burl("imap://x.example"), smtp.future_release(3600, datetime(2099, 1, 1, tzinfo=UTC))),
)


@dataclass(slots=True)
class Got:
    """What a server has got, and its port: pieces of messages, who logged in, lines."""

    port: int = 0
    pieces: list[bytes] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    lines: list[bytes] = field(default_factory=list)


Server: TypeAlias = Callable[..., AbstractContextManager[Got]]
"""Runs a server; of *mechanism*, *proxy*, *lmtp*, *implicit* and *submission* it is told what it shall do."""


@cache
def contexts() -> tuple[ssl.SSLContext, ssl.SSLContext, bytes]:
    """Return what a server and a client need for TLS, each with a certificate, and the server's."""
    authority = trustme.CA()
    certificate = authority.issue_cert(HOST)
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    certificate.configure_cert(server)
    authority.issue_cert("c.example").configure_cert(client)
    server.verify_mode = ssl.CERT_OPTIONAL
    authority.configure_trust(server)
    authority.configure_trust(client)
    return server, client, certificate.cert_chain_pems[0].bytes()


class _Sink(smtp.DiscardingSink):
    """Keeps the pieces, and has an answer for each recipient."""

    def __init__(self, got: Got, recipients: list[smtp.Rcpt]) -> None:
        self._got, self._recipients = got, recipients

    def write(self, chunk: bytes, /) -> None:
        self._got.pieces.append(chunk)

    def finish(self) -> tuple[smtp.Reply, ...]:
        full, taken = smtp.Reply.of(550, "5.2.2", "full"), smtp.Reply.of(250, "2.0.0", "taken")
        return tuple(full if FULL in str(rcpt.forward_path) else taken for rcpt in self._recipients)


class _Handler(smtp.SMTPHandler):
    """Takes all, but for two recipients."""

    def __init__(self, got: Got) -> None:
        self._got = got

    def auth(self, session: smtp.SMTPSession, identity: str, mechanism: str) -> None:
        self._got.logins.append(identity)

    def rcpt(self, session: smtp.SMTPSession, rcpt: smtp.Rcpt) -> smtp.Reply | None:
        return smtp.Reply.of(550, "5.1.1", "no") if REFUSED in str(rcpt.forward_path) else None

    def message(self, session: smtp.SMTPSession) -> smtp.MessageSink:
        return _Sink(self._got, session.transaction.recipients if session.transaction else [])

    def burl(self, session: smtp.SMTPSession, burl: smtp.Burl) -> bytes:
        return b"Subject: fetched\r\n\r\nx\r\n"

    def expn(self, session: smtp.SMTPSession, expn: smtp.Expn) -> smtp.Reply:
        return smtp.Reply.of(250, "2.0.0", "<b@x.example>")

    def etrn(self, session: smtp.SMTPSession, etrn: smtp.Etrn) -> smtp.Reply:
        return smtp.Reply.of(250, "2.0.0", "begun")

    def xclient(self, session: smtp.SMTPSession, xclient: smtp.XClient) -> smtp.Reply:
        return smtp.Reply(220, ("mx.example",))

    def xforward(self, session: smtp.SMTPSession, xforward: smtp.XForward) -> smtp.Reply:
        return smtp.Reply.of(250, "2.0.0", "noted")


@contextmanager
def ours(
    *,
    mechanism: str = "PLAIN",
    proxy: bool = False,
    lmtp: bool = False,
    implicit: bool = False,
    submission: bool = False,
    most: int = MAX_RECIPIENTS,
) -> Iterator[Got]:
    """Run mailproto.sync."""
    got = Got()
    context, _, certificate = contexts()
    users = sasl.PasswordAuthenticator(
        {USER: PASSWORD},
        tokens=lambda request: USER if request.token.reveal() == TOKEN else None,
        certificates=lambda request: USER,
        anonymous=lambda request: "anonymous",
        mechanisms=[mechanism],
    )
    with serve_smtp(
        *(_Handler(got), HOST, 0),
        tls="implicit" if implicit else "starttls",
        ssl_context=context,
        require_tls=submission,
        require_auth=submission,
        certificate=certificate,
        lmtp=lmtp,
        authenticator=users,
        extensions=OFFERED,
        limits=SMTPLimits(max_recipients=most),
        trace=lambda direction, octets: got.lines.append(octets) if direction == "received" else None,
        proxy_protocol=proxy,
    ) as server:
        got.port = int(server.addresses[0][1])
        yield got


class _AIOHandler:
    """Takes all, by the names of aiosmtpd's hooks."""

    def __init__(self, got: Got) -> None:
        self._got = got

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        self._got.pieces.append(envelope.content)
        return "250 OK"

    async def handle_PROXY(self, server: Any, session: Any, envelope: Any, data: Any) -> bool:  # noqa: N802
        return True


@contextmanager
def aiosmtpd(
    *,
    mechanism: str = "PLAIN",
    proxy: bool = False,
    lmtp: bool = False,
    implicit: bool = False,
    submission: bool = False,
) -> Iterator[Got]:
    """Run aiosmtpd, with all the mechanisms that it has."""
    from aiosmtpd.controller import Controller
    from aiosmtpd.lmtp import LMTP
    from aiosmtpd.smtp import SMTP, AuthResult

    got = Got(free_port())

    def authenticate(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        got.logins.append(data.login.decode())
        return AuthResult(success=True)

    sessions: list[SMTP] = []

    class _Controller(Controller):
        def factory(self) -> SMTP:
            sessions.append((LMTP if lmtp else SMTP)(self.handler, **self.SMTP_kwargs))
            return sessions[-1]

    async def close() -> None:
        # Its controller stops the loop and leaves what is open.
        for session in sessions:
            if isinstance(session.transport, asyncio.WriteTransport):
                session.transport.abort()
        await asyncio.sleep(0)

    controller = _Controller(
        *(_AIOHandler(got), HOST, got.port),
        ssl_context=contexts()[0] if implicit else None,
        tls_context=None if implicit else contexts()[0],
        require_starttls=submission,
        auth_required=submission,
        authenticator=authenticate,
        proxy_protocol_timeout=5 if proxy else None,
    )
    controller.start()
    try:
        yield got
    finally:
        asyncio.run_coroutine_threadsafe(close(), controller.loop).result()
        controller.stop()


SERVERS: Final[dict[str, Server]] = {"mailproto": ours, "aiosmtpd": aiosmtpd}
