"""SMTP and LMTP over asyncio: a client and a server.

Every method is one flow of `mailproto.smtp.session_flows` or `client_flows`; `mailproto.sync.smtp` has the
same ones.
"""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping
from types import TracebackType
from typing import TypeAlias, final

from mailproto._connection import Trace
from mailproto._network import ClientTLS, ServerTLS, client_setting
from mailproto._secret import Secret
from mailproto._smtp import Users, admission_of, client_connection, default_port, local_name, server_factory
from mailproto.asyncio._driver import ClientDriver
from mailproto.asyncio._opening import Opening
from mailproto.asyncio._server import Server
from mailproto.errors import LocalProtocolError, RemoteProtocolError
from mailproto.flow import TLSInfo
from mailproto.limits import SMTPLimits
from mailproto.sasl._mechanism import ClientMechanism
from mailproto.sasl._registry import login_mechanisms
from mailproto.smtp import client_flows as flows
from mailproto.smtp import session_flows
from mailproto.smtp.client import SMTPClientConnection
from mailproto.smtp.client_flows import Body, Pairs, Recipient, SendResult
from mailproto.smtp.commands import Command, Etrn, Expn, Help, Noop, Rset, Vrfy, XClient, XForward
from mailproto.smtp.data import NewlinePolicy
from mailproto.smtp.ext.etrn import EtrnOption
from mailproto.smtp.extensions import EXTENSIONS, Extension, Extensions
from mailproto.smtp.handler import SMTPHandler
from mailproto.smtp.outgoing import Newlines
from mailproto.smtp.reply import Reply
from mailproto.smtp.sources import Message

__all__ = ["SMTPClient", "serve_smtp"]


_Reopen: TypeAlias = Callable[[], Awaitable[tuple[ClientDriver, SMTPClientConnection]]]


@final
class SMTPClient:
    """A client of an SMTP or LMTP server: await or enter what `connect` returns.

    Methods raise `SMTPReplyError` for a negative reply and `LocalProtocolError` for what cannot be sent;
    the session is usable then. After `ConnectionClosed` and `RemoteProtocolError` it is closed.
    """

    def __init__(
        self, driver: ClientDriver, conn: SMTPClientConnection, reopen: _Reopen | None = None
    ) -> None:
        self._driver = driver
        self._conn = conn
        self._reopen = reopen

    @classmethod
    def connect(
        cls,
        host: str | None = None,
        port: int | None = None,
        *,
        tls: ClientTLS = "implicit",
        ssl_context: ssl.SSLContext | None = None,
        path: str | os.PathLike[str] | None = None,
        sock: socket.socket | None = None,
        lmtp: bool = False,
        local_hostname: str | None = None,
        source_address: tuple[str, int] | None = None,
        timeout: float | None = None,
        limits: SMTPLimits | None = None,
        strict: bool = False,
        trace: Trace | None = None,
    ) -> Opening[SMTPClient]:
        """Connect to *host*, to the Unix socket *path* or over the connected *sock*, and say EHLO.

        *tls*: "implicit" (port 465), "starttls" (587), "none" (25), or "opportunistic" (25: STARTTLS if
        offered, unverified); for LMTP the port is 24. *timeout* caps, in seconds, what RFC 5321 grants for
        each answer. *local_hostname* is said in EHLO. *trace* sees the dialogue, secrets replaced. Raises
        `ConnectionClosed`, `TLSUnavailable` or `SMTPReplyError`.
        """

        async def open_it() -> tuple[ClientDriver, SMTPClientConnection]:
            conn = client_connection(tls, lmtp=lmtp, limits=limits, strict=strict, trace=trace)
            driver = await ClientDriver.connect(
                conn,
                host,
                port or default_port(tls, lmtp=lmtp),
                tls=tls,
                ssl_context=ssl_context,
                path=path,
                sock=sock,
                source_address=source_address,
                timeout=timeout,
            )
            try:
                name = local_hostname or local_name(driver.local)
                await driver.run(session_flows.open_session(conn, name, tls=tls, server_hostname=host))
            except BaseException:
                driver.close()
                raise
            return driver, conn

        async def make() -> SMTPClient:
            return cls(*await open_it(), open_it if sock is None else None)

        return Opening(make)

    @property
    def extensions(self) -> Extensions:
        """What the server offers now."""
        return self._conn.extensions

    @property
    def tls(self) -> TLSInfo | None:
        """What the TLS handshake gave; None without TLS."""
        return self._driver.tls

    @property
    def is_open(self) -> bool:
        """Whether the session is usable, as far as is known without IO."""
        return self._driver.is_open

    async def login(
        self,
        user_id: str,
        password: str | Secret[str] | None = None,
        *,
        token: str | Secret[str] | None = None,
        allow_cleartext: bool = False,
        channel_binding: bool = True,
    ) -> Reply:
        """Log in with a password, or with an OAuth *token*, by the strongest mechanism there is.

        What sends a secret is used over a connection without TLS only with *allow_cleartext*. A server that
        offers to bind the login to the TLS connection may not know the way that we do; then, and only then,
        *channel_binding* has to be False. Raises `SMTPAuthenticationFailed`, whose `reason` says why, and
        LocalProtocolError if there is no mechanism.
        """
        channel = self.tls if channel_binding else None
        mechanisms = login_mechanisms(user_id, password, token, channel)
        return await self.authenticate(*mechanisms, allow_cleartext=allow_cleartext)

    async def authenticate(self, *mechanisms: ClientMechanism, allow_cleartext: bool = False) -> Reply:
        """Log in by the first of *mechanisms* that the server offers (RFC 4954)."""
        setting = client_setting(self._driver.service, self.tls)
        return await self._driver.run(
            session_flows.authenticate(
                self._conn, mechanisms, allow_cleartext=allow_cleartext, setting=setting
            )
        )

    async def send_message(
        self,
        message: Message,
        *,
        reverse_path: Recipient | None = None,
        forward_paths: Recipient | Iterable[Recipient] | None = None,
        body: Body | None = None,
        newlines: Newlines = "convert",
        chunking: bool | None = None,
        smtputf8: bool | None = None,
        mail_parameters: Pairs = (),
        rcpt_parameters: Pairs | Mapping[Recipient, Pairs] = (),
    ) -> SendResult:
        """Send an EmailMessage, octets, a file or chunks; return who gets it, which is at least one.

        Without *reverse_path* and *forward_paths* they are taken from the header, Bcc included, which is not
        sent. *body* says what an iterator has; *newlines* what becomes of a bare CR or LF; *chunking* True
        prefers BDAT to DATA, False never uses it; *smtputf8* False sends UTF-8 in the header as it came.
        *mail_parameters* and *rcpt_parameters* are those of extensions: `[RET.pair(Ret.HDRS)]`. Raises
        `SMTPReplyError` if nobody will get it; see `mailproto.smtp.client_flows.send_message`. Chunks from an
        async iterator are for asyncio only; the blocking client raises LocalProtocolError.
        """
        return await self._driver.run(
            flows.send_message(
                self._conn,
                message,
                reverse_path=reverse_path,
                forward_paths=forward_paths,
                body=body,
                newlines=newlines,
                chunking=chunking,
                smtputf8=smtputf8,
                mail_parameters=mail_parameters,
                rcpt_parameters=rcpt_parameters,
            )
        )

    async def send_url(
        self,
        url: str,
        *,
        reverse_path: Recipient,
        forward_paths: Recipient | Iterable[Recipient],
        mail_parameters: Pairs = (),
        rcpt_parameters: Pairs | Mapping[Recipient, Pairs] = (),
    ) -> SendResult:
        """Submit the message that an IMAP URL stands for, which the server fetches itself (BURL).

        Raises what `send_message` does; LocalProtocolError if the server does not offer to fetch it.
        """
        return await self._driver.run(
            flows.send_url(
                self._conn,
                url,
                reverse_path=reverse_path,
                forward_paths=forward_paths,
                mail_parameters=mail_parameters,
                rcpt_parameters=rcpt_parameters,
            )
        )

    async def exchange(self, command: Command | bytes, replies: int = 1) -> Reply:
        """Send a command, or octets exactly as they are; return the reply, whatever it says."""
        return await self._driver.run(session_flows.exchange(self._conn, command, replies))

    async def verify(self, argument: str, *, smtputf8: bool = False) -> Reply:
        """Ask whether a user or mailbox exists (VRFY); a 252 means that the server does not say.

        *smtputf8* allows UTF-8 in the reply, if the server offers SMTPUTF8.
        """
        return await self._driver.run(session_flows.command(self._conn, Vrfy(argument, smtputf8)))

    async def expand(self, argument: str, *, smtputf8: bool = False) -> Reply:
        """Ask for the members of a mailing list (EXPN); *smtputf8* as for `verify`."""
        return await self._driver.run(session_flows.command(self._conn, Expn(argument, smtputf8)))

    async def help(self, argument: str = "") -> Reply:
        """Ask for help, in general or about a command."""
        return await self._driver.run(session_flows.command(self._conn, Help(argument)))

    async def etrn(self, node: str, option: EtrnOption = "") -> Reply:
        """Ask the server to send what waits for a domain; "@": and for all below it, "#": for a queue.

        See `EtrnAnswer.of` for what the reply says; a refusal raises `SMTPReplyError`.
        """
        return await self._driver.run(session_flows.command(self._conn, Etrn(node, option)))

    async def xclient(self, **attributes: str | int | None) -> Reply:
        """Let the server treat the session as that of another client (XCLIENT); say EHLO again.

        *attributes* by name: `addr="192.0.2.1", name="client.example"`; None stands for `[UNAVAILABLE]`.
        """
        return await self._driver.run(session_flows.xclient(self._conn, XClient.of(**attributes)))

    async def xforward(self, **attributes: str | int | None) -> Reply:
        """Tell the server where the next message comes from (XFORWARD); *attributes* as for `xclient`."""
        return await self._driver.run(session_flows.xforward(self._conn, XForward.of(**attributes)))

    async def noop(self) -> Reply:
        """Do nothing, and see that the server is there."""
        return await self._driver.run(session_flows.command(self._conn, Noop()))

    async def reset(self) -> Reply:
        """Say RSET: forget a transaction that `exchange` has begun."""
        return await self._driver.run(session_flows.command(self._conn, Rset()))

    async def quit(self) -> None:
        """Say QUIT and close; on a closed session this does nothing."""
        if self.is_open:
            await self._driver.run(session_flows.quit_session(self._conn))
        await self.close()

    async def reconnect(self) -> None:
        """End the session, if there is one, and connect anew with the arguments of `connect`.

        It does not log in: credentials are not kept. Raises what `connect` does, after which it may be called
        again; LocalProtocolError for a client that was made over a socket of the caller's.
        """
        if self._reopen is None:
            raise LocalProtocolError("reconnect: the client was made over a socket that is given, with sock=")
        with contextlib.suppress(RemoteProtocolError):
            await self.quit()
        self._driver, self._conn = await self._reopen()

    async def close(self) -> None:
        """Close without a word."""
        await self._driver.aclose()

    async def __aenter__(self) -> SMTPClient:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            await self.quit()
        else:
            await self.close()


def serve_smtp(
    handler: SMTPHandler,
    host: str | None = None,
    port: int = 0,
    *,
    tls: ServerTLS = "none",
    ssl_context: ssl.SSLContext | None = None,
    certificate: bytes | None = None,
    path: str | os.PathLike[str] | None = None,
    sock: socket.socket | None = None,
    lmtp: bool = False,
    hostname: str | None = None,
    authenticator: Users | None = None,
    allow_cleartext: bool = False,
    require_tls: bool = False,
    require_auth: bool = False,
    greet_delay: float = 0,
    extensions: Iterable[Extension] = EXTENSIONS,
    newlines: NewlinePolicy = "reject",
    strict: bool = False,
    timeout: float | None = None,
    limits: SMTPLimits | None = None,
    trace: Trace | None = None,
    proxy_protocol: bool = False,
) -> Server:
    """Serve SMTP, or LMTP, once the result is awaited or entered, until `stop()` or the end of the block.

    It listens on *host*, where "" is every address of the machine, and *port*, where 0 finds a free one (see
    `addresses`); or on the Unix socket *path*; or on *sock*, which is bound. *hostname* is the name in the
    greeting and in EHLO, else that of the machine.

    *handler* decides; without *authenticator* AUTH is not offered, and mechanisms that send a password only
    behind TLS unless *allow_cleartext*. With *ssl_context* STARTTLS is offered unless *tls* is "implicit".
    *certificate*, the octets of the one in it (DER or PEM), lets logins be bound to it. *newlines* says what
    becomes of a message with a bare CR or LF.
    *timeout* caps, in seconds, what a client is granted. A client that talks in the *greet_delay* seconds
    before the greeting is turned away. *extensions* are the rows that may be offered, your own among them;
    *strict* refuses what deviates from the syntax. *limits* bounds connections too. With
    *proxy_protocol* every connection must begin with a PROXY header, which says who the client is.
    *hostname*, a domain or an address literal, is what the server calls itself.

    With *require_tls* nothing but STARTTLS, EHLO, NOOP and QUIT is answered in the clear, with *require_auth*
    no mail is taken without a login: together they make a submission server (RFC 6409, RFC 8314).

    Errors of the handler are given to the exception handler of the event loop. Raises `ConnectionClosed` with
    phase "listen", LocalProtocolError for arguments that do not fit together.
    """
    factory = server_factory(
        handler,
        tls=tls,
        has_context=ssl_context is not None,
        lmtp=lmtp,
        hostname=hostname,
        authenticator=authenticator,
        allow_cleartext=allow_cleartext,
        require_tls=require_tls,
        require_auth=require_auth,
        greet_delay=greet_delay,
        extensions=extensions,
        newlines=newlines,
        strict=strict,
        limits=limits,
        trace=trace,
    )
    return Server(
        factory,
        host,
        port,
        tls=tls,
        ssl_context=ssl_context,
        certificate=certificate,
        path=path,
        sock=sock,
        timeout=timeout,
        admission=admission_of(limits, tls),
        proxy_protocol=proxy_protocol,
    )
