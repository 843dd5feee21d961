"""Four clients of SMTP behind one interface, for `bench.compare`.

Each uses implicit TLS where it is told to, else STARTTLS where it is offered.
"""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from mailproto import sasl
from mailproto.sync import SMTPClient

__all__ = ["CLIENTS", "HOST", "PASSWORD", "SECONDS", "SENDER", "TOKEN", "USER", "Client"]

HOST: Final = "127.0.0.1"
SECONDS: Final = 15.0
SENDER: Final = "a@x.example"
USER, PASSWORD, TOKEN = "u@x.example", "pencil", "t0ken"


@dataclass(frozen=True, slots=True)
class Client:
    """What is asked of a client; whatever it raises is a way to say no."""

    port: int
    context: ssl.SSLContext
    lmtp: bool = False
    implicit: bool = False

    @abstractmethod
    def send(self, message: Any, to: Sequence[str], mail: Sequence[str], rcpt: Sequence[str]) -> set[str]:
        """Send with parameters of MAIL and RCPT; return the recipients that are said to be refused."""

    @abstractmethod
    def login(self, mechanism: str) -> object:
        """Log in where only *mechanism* is offered."""

    @abstractmethod
    def ask(self, command: str) -> object:
        """Call the method for *command*; of a peer, the one of that name."""


class Ours(Client):
    """mailproto.sync."""

    def _open(self) -> SMTPClient:
        # Some probes have no TLS; the server of the others is on loopback.
        return SMTPClient.connect(
            *(HOST, self.port),
            tls="implicit" if self.implicit else "opportunistic",
            ssl_context=self.context,
            lmtp=self.lmtp,
        )

    def send(self, message: Any, to: Sequence[str], mail: Sequence[str], rcpt: Sequence[str]) -> set[str]:
        with self._open() as client:
            result = client.send_message(
                message,
                reverse_path=SENDER,
                forward_paths=to,
                body="BINARYMIME" if "BODY=BINARYMIME" in mail else None,
                mail_parameters=[_pair(text) for text in mail if not text.startswith("BODY=")],
                rcpt_parameters=[_pair(text) for text in rcpt],
            )
        return {str(recipient) for recipient in result.refused}

    def login(self, mechanism: str) -> object:
        with self._open() as client:
            known = (
                *sasl.password_mechanisms(USER, PASSWORD, channel=client.tls),
                *sasl.token_mechanisms(USER, TOKEN),
                *(sasl.CramMD5Client(USER, PASSWORD), sasl.ExternalClient(), sasl.AnonymousClient()),
            )
            return client.authenticate(*(each for each in known if each.name == mechanism))

    def ask(self, command: str) -> object:
        with self._open() as client:
            client.login(USER, PASSWORD)
            return _OUR_METHODS[command](client)


def _pair(text: str) -> tuple[str, str | None]:
    keyword, _, value = text.partition("=")
    return keyword, value or None


_OUR_METHODS: Final[dict[str, Callable[[SMTPClient], object]]] = {
    "VRFY": lambda client: client.verify("b"),
    "EXPN": lambda client: client.expand("b"),
    "HELP": lambda client: client.help(),
    "ETRN": lambda client: client.etrn("x.example"),
    "BURL": lambda client: client.send_url("imap://x.example/a", reverse_path=SENDER, forward_paths=USER),
    "XCLIENT": lambda client: client.xclient(addr="192.0.2.1"),
    "XFORWARD": lambda client: client.xforward(addr="192.0.2.1"),
}


def _arguments(command: str) -> tuple[str, ...]:
    return () if command == "HELP" else (USER,)


class SMTPLib(Client):
    """smtplib of the standard library."""

    def _open(self) -> smtplib.SMTP:
        if self.implicit:
            return smtplib.SMTP_SSL(HOST, self.port, context=self.context)
        client = (smtplib.LMTP if self.lmtp else smtplib.SMTP)(HOST, self.port)
        client.ehlo()
        if client.has_extn("starttls"):
            client.starttls(context=self.context)
        return client

    def send(self, message: Any, to: Sequence[str], mail: Sequence[str], rcpt: Sequence[str]) -> set[str]:
        with self._open() as client:
            if isinstance(message, bytes):
                return set(client.sendmail(SENDER, to, message, mail, rcpt))
            return set(client.send_message(message, SENDER, to, mail, rcpt))

    def login(self, mechanism: str) -> object:
        with self._open() as client:
            return client.login(USER, PASSWORD)

    def ask(self, command: str) -> object:
        with self._open() as client:
            return getattr(client, command.lower())(*_arguments(command))


class AIOSMTPLib(Client):
    """aiosmtplib."""

    def _run(self, procedure: Callable[[Any], Awaitable[Any]]) -> Any:
        import aiosmtplib

        async def run() -> Any:
            options = {"tls_context": self.context, "timeout": SECONDS, "use_tls": self.implicit}
            async with aiosmtplib.SMTP(hostname=HOST, port=self.port, **options) as client:
                return await procedure(client)

        return asyncio.run(run())

    def send(self, message: Any, to: Sequence[str], mail: Sequence[str], rcpt: Sequence[str]) -> set[str]:
        def send(client: Any) -> Any:
            if isinstance(message, bytes):
                return client.sendmail(SENDER, to, message, mail_options=mail, rcpt_options=rcpt)
            given = partial(client.send_message, message, sender=SENDER, recipients=to)
            return given(mail_options=mail, rcpt_options=rcpt)

        return set(self._run(send)[0])

    def login(self, mechanism: str) -> object:
        if mechanism == "XOAUTH2":
            return self._run(lambda client: client.auth_xoauth2(USER, TOKEN))
        return self._run(lambda client: client.login(USER, PASSWORD))

    def ask(self, command: str) -> object:
        return self._run(lambda client: getattr(client, command.lower())(*_arguments(command)))


class SMTPProto(Client):
    """smtpproto, which takes an EmailMessage and no parameters of MAIL and RCPT."""

    def _run(self, procedure: Callable[[Any], Awaitable[Any]], **options: Any) -> Any:
        from smtpproto.client import AsyncSMTPClient

        async def run() -> Any:
            client = AsyncSMTPClient(HOST, self.port, timeout=SECONDS, ssl_context=self.context, **options)
            async with client.connect() as session:
                return await procedure(session)

        return asyncio.run(run())

    def send(self, message: Any, to: Sequence[str], mail: Sequence[str], rcpt: Sequence[str]) -> set[str]:
        self._run(lambda session: session.send_message(message, sender=SENDER, recipients=to))
        return set()

    def login(self, mechanism: str) -> object:
        from smtpproto import auth

        class Token(auth.OAuth2Authenticator):  # type: ignore[misc]  # its class has no type here
            async def get_token(self) -> Any:
                return {"access_token": TOKEN, "expires_in": 3600}

        others = {"LOGIN": auth.LoginAuthenticator(USER, PASSWORD), "XOAUTH2": Token(USER)}
        authenticator = others.get(mechanism, auth.PlainAuthenticator(USER, PASSWORD))
        return self._run(lambda session: asyncio.sleep(0), authenticator=authenticator)

    def ask(self, command: str) -> object:
        return self._run(lambda session: session.send_command(getattr(session.protocol, command.lower())))


CLIENTS: Final[dict[str, type[Client]]] = {
    "mailproto": Ours,
    "smtplib": SMTPLib,
    "aiosmtplib": AIOSMTPLib,
    "smtpproto": SMTPProto,
}
