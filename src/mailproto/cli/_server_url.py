"""The URL of a server, and how to reach it: `smtps://user:password@host:port`, `imap://host/mailbox`."""

from __future__ import annotations

import argparse
import getpass
import os
import ssl
import sys
from dataclasses import dataclass
from typing import Final, Literal, get_args
from urllib.parse import unquote, urlsplit

from mailproto._secret import Secret
from mailproto.cli._exit import Failure

__all__ = ["ServerURL", "TLSMode", "add_connection_options", "parse_server_url", "ssl_context", "tls_mode"]

TLSMode = Literal["implicit", "starttls", "none"]

PASSWORD_VARIABLE: Final = "MAILPROTO_PASSWORD"
SCHEMES: Final[dict[str, tuple[int, TLSMode]]] = {
    "smtp": (587, "starttls"),
    "smtps": (465, "implicit"),
    "lmtp": (24, "none"),
    "imap": (143, "starttls"),
    "imaps": (993, "implicit"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerURL:
    """A server and who logs in there; `user` is None if nobody does, `mailbox` "" if none is named."""

    scheme: str
    host: str
    port: int
    user: str | None
    password: Secret[str] | None
    mailbox: str

    def ask_password(self) -> str:
        """Return the password of the URL, of the environment, or of whoever sits at the terminal."""
        if self.password is not None:
            return self.password.reveal()
        if PASSWORD_VARIABLE in os.environ:
            return os.environ[PASSWORD_VARIABLE]
        if sys.stdin.isatty():
            return getpass.getpass(f"password of {self.user} at {self.host}: ")
        raise Failure(f"no password: put it in the URL or in the environment as {PASSWORD_VARIABLE}")


def parse_server_url(text: str, schemes: tuple[str, ...]) -> ServerURL:
    """Return the parts of *text*; raises Failure unless its scheme is one of *schemes*."""
    parts = urlsplit(text)
    if parts.scheme not in schemes or not parts.hostname:
        expected = " or ".join(f"{scheme}://host" for scheme in schemes)
        raise Failure(f"expected a URL like {expected}")
    try:
        port = parts.port or SCHEMES[parts.scheme][0]
    except ValueError as error:
        raise Failure(f"the URL of {parts.hostname}: {error}") from None
    return ServerURL(
        scheme=parts.scheme,
        host=parts.hostname,
        port=port,
        user=unquote(parts.username) if parts.username else None,
        password=Secret(unquote(parts.password)) if parts.password else None,
        mailbox=unquote(parts.path.removeprefix("/")),
    )


def add_connection_options(parser: argparse.ArgumentParser, *more_modes: str) -> None:
    """Add what every subcommand that connects understands."""
    group = parser.add_argument_group("connection")
    group.add_argument(
        "--tls",
        choices=(*get_args(TLSMode), *more_modes),
        help="default: implicit for smtps and imaps, else starttls",
    )
    group.add_argument("--ca-file", metavar="FILE", help="trust the authorities in FILE (PEM) only")
    group.add_argument("--insecure", action="store_true", help="do not verify the server's certificate")
    group.add_argument("--timeout", type=float, metavar="SECONDS", help="cap the timeouts of the RFCs")
    group.add_argument(
        "--allow-cleartext-login", action="store_true", help="send a password even without TLS"
    )
    group.add_argument("--trace", action="store_true", help="print the dialogue on standard error")


def tls_mode(url: ServerURL, arguments: argparse.Namespace) -> TLSMode:
    """Return the TLS mode that was asked for, or the one that the scheme stands for.

    What *more_modes* of `add_connection_options` adds is the caller's to allow.
    """
    mode: TLSMode = arguments.tls or SCHEMES[url.scheme][1]
    return mode


def ssl_context(arguments: argparse.Namespace) -> ssl.SSLContext:
    """Return a context for a client, verifying unless `--insecure`."""
    context = ssl.create_default_context(cafile=arguments.ca_file)
    if arguments.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
