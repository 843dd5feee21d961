"""SMTP and LMTP over blocking sockets: a client, and a server with a thread for each connection.

Every method is one flow of `mailproto.smtp.client_flows`; `mailproto.asyncio.smtp` has the same ones.
"""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Literal, final

from mailproto._connection import Trace
from mailproto._network import ClientTLS, ServerTLS
from mailproto._secret import Secret
from mailproto._smtp import Users, client_connection, default_port, local_name, server_factory
from mailproto.flow import TLSInfo
from mailproto.limits import SMTPLimits
from mailproto.sasl._mechanism import ClientMechanism
from mailproto.sasl._registry import password_mechanisms
from mailproto.smtp import client_flows as flows
from mailproto.smtp.client import SMTPClientConnection
from mailproto.smtp.client_flows import Pairs, Recipient, SendResult
from mailproto.smtp.commands import Command, Expn, Help, Noop, Rset, Vrfy
from mailproto.smtp.data import NewlinePolicy
from mailproto.smtp.extensions import Extensions
from mailproto.smtp.handler import SMTPHandler
from mailproto.smtp.outgoing import Newlines
from mailproto.smtp.reply import Reply
from mailproto.smtp.sources import Message
from mailproto.sync._driver import ClientDriver
from mailproto.sync._server import Server

__all__ = ["SMTPClient", "serve_smtp"]


@final
class SMTPClient:
    """A client of an SMTP or LMTP server: made by `connect`, and a context manager that says QUIT.

    Methods raise `SMTPReplyError` for a negative reply and `LocalProtocolError` for what cannot be sent;
    the session is usable then. After `ConnectionClosed` and `RemoteProtocolError` it is closed.
    """

    def __init__(self, driver: ClientDriver, conn: SMTPClientConnection) -> None:
        self._driver = driver
        self._conn = conn

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
    ) -> SMTPClient:
        """Connect to *host*, to the Unix socket *path* or over the connected *sock*, and say EHLO.

        *tls*: "implicit" (port 465), "starttls" (587), "none" (25, for LMTP 24), or "opportunistic" (25:
        STARTTLS if offered, unverified). *timeout* caps, in seconds, what RFC 5321 grants for each answer.
        *local_hostname* is said in EHLO. *trace* sees the dialogue, secrets replaced. Raises
        `ConnectionClosed`, `TLSUnavailable` or `SMTPReplyError`.
        """
        conn = client_connection(tls, lmtp=lmtp, limits=limits, strict=strict, trace=trace)
        driver = ClientDriver.connect(
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
            driver.run(flows.open_session(conn, name, tls=tls, server_hostname=host))
        except BaseException:
            driver.close()
            raise
        return cls(driver, conn)

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

    def login(self, user_id: str, password: str | Secret[str], *, allow_cleartext: bool = False) -> Reply:
        """Log in by the strongest mechanism that the server offers too.

        A password goes over a connection without TLS only with *allow_cleartext*. Raises
        `SMTPAuthenticationFailed`, and LocalProtocolError if there is no mechanism.
        """
        return self.authenticate(*password_mechanisms(user_id, password), allow_cleartext=allow_cleartext)

    def authenticate(self, *mechanisms: ClientMechanism, allow_cleartext: bool = False) -> Reply:
        """Log in by the first of *mechanisms* that the server offers (RFC 4954)."""
        return self._driver.run(flows.authenticate(self._conn, mechanisms, allow_cleartext=allow_cleartext))

    def send_message(
        self,
        message: Message,
        *,
        reverse_path: Recipient | None = None,
        forward_paths: Recipient | Iterable[Recipient] | None = None,
        body: Literal["7BIT", "8BITMIME"] | None = None,
        newlines: Newlines = "convert",
        mail_parameters: Pairs = (),
        rcpt_parameters: Pairs | Mapping[Recipient, Pairs] = (),
    ) -> SendResult:
        """Send an EmailMessage, octets, a file or chunks; return who gets it, which is at least one.

        Without *reverse_path* and *forward_paths* they are taken from the header, Bcc included, which is not
        sent. *body* says what an iterator has; *newlines* what becomes of a bare CR or LF.
        *mail_parameters* and *rcpt_parameters* are those of extensions: `[RET.pair(Ret.HDRS)]`. Raises
        `SMTPReplyError` if nobody will get it; see `mailproto.smtp.client_flows.send_message`.
        """
        return self._driver.run(
            flows.send_message(
                self._conn,
                message,
                reverse_path=reverse_path,
                forward_paths=forward_paths,
                body=body,
                newlines=newlines,
                mail_parameters=mail_parameters,
                rcpt_parameters=rcpt_parameters,
            )
        )

    def exchange(self, command: Command | bytes, replies: int = 1) -> Reply:
        """Send a command, or octets exactly as they are; return the reply, whatever it says."""
        return self._driver.run(flows.exchange(self._conn, command, replies))

    def verify(self, argument: str, *, smtputf8: bool = False) -> Reply:
        """Ask whether a user or mailbox exists (VRFY); a 252 means that the server does not say.

        *smtputf8* allows UTF-8 in the reply, if the server offers SMTPUTF8.
        """
        return self._driver.run(flows.command(self._conn, Vrfy(argument, smtputf8)))

    def expand(self, argument: str, *, smtputf8: bool = False) -> Reply:
        """Ask for the members of a mailing list (EXPN); *smtputf8* as for `verify`."""
        return self._driver.run(flows.command(self._conn, Expn(argument, smtputf8)))

    def help(self, argument: str = "") -> Reply:
        """Ask for help, in general or about a command."""
        return self._driver.run(flows.command(self._conn, Help(argument)))

    def noop(self) -> Reply:
        """Do nothing, and see that the server is there."""
        return self._driver.run(flows.command(self._conn, Noop()))

    def reset(self) -> Reply:
        """Say RSET: forget a transaction that `exchange` has begun."""
        return self._driver.run(flows.command(self._conn, Rset()))

    def quit(self) -> None:
        """Say QUIT and close; on a closed session this does nothing."""
        if self.is_open:
            self._driver.run(flows.quit_session(self._conn))
        self.close()

    def close(self) -> None:
        """Close without a word."""
        self._driver.close()

    def __enter__(self) -> SMTPClient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            self.quit()
        else:
            self.close()


def serve_smtp(
    handler: SMTPHandler,
    host: str | None = None,
    port: int = 0,
    *,
    tls: ServerTLS = "none",
    ssl_context: ssl.SSLContext | None = None,
    path: str | os.PathLike[str] | None = None,
    sock: socket.socket | None = None,
    lmtp: bool = False,
    hostname: str | None = None,
    authenticator: Users | None = None,
    allow_cleartext: bool = False,
    newlines: NewlinePolicy = "reject",
    timeout: float | None = None,
    limits: SMTPLimits | None = None,
    trace: Trace | None = None,
    proxy_protocol: bool = False,
) -> Server:
    """Serve SMTP, or LMTP, from now on until `stop()` or the end of its `with` block.

    *handler* decides; without *authenticator* AUTH is not offered, and mechanisms that send a password only
    behind TLS unless *allow_cleartext*. With *ssl_context* STARTTLS is offered unless *tls* is "implicit".
    Port 0 picks one: see `addresses`. *newlines* says what becomes of a message with a bare CR or LF.
    *timeout* caps, in seconds, what a client is granted. With *proxy_protocol* every connection must begin
    with a PROXY header, which says who the client is. Raises `ConnectionClosed` with phase "listen".
    """
    factory = server_factory(
        handler,
        tls=tls,
        has_context=ssl_context is not None,
        lmtp=lmtp,
        hostname=hostname,
        authenticator=authenticator,
        allow_cleartext=allow_cleartext,
        newlines=newlines,
        limits=limits,
        trace=trace,
    )
    return Server(
        factory,
        host,
        port,
        tls=tls,
        ssl_context=ssl_context,
        path=path,
        sock=sock,
        timeout=timeout,
        proxy_protocol=proxy_protocol,
    )
