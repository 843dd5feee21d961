"""`mailproto serve`: a whole small mail system in one process."""

from __future__ import annotations

import argparse
import asyncio
import signal
import socket
import ssl
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final, NamedTuple

from mailproto.asyncio import Server, serve_imap, serve_smtp
from mailproto.cli._exit import Exit, Failure
from mailproto.cli._mail_system import MailSystem, parse_user, store_factory
from mailproto.cli._output import require
from mailproto.cli._server_url import TLSMode

__all__ = ["add_parser", "self_signed_context"]


class Service(NamedTuple):
    """A kind of listener."""

    help: str
    is_imap: bool = False
    is_lmtp: bool = False
    is_implicit: bool = False


SERVICES: Final = {
    "smtp": Service("SMTP, with STARTTLS if there is a certificate"),
    "lmtp": Service("LMTP, with STARTTLS if there is a certificate", is_lmtp=True),
    "smtps": Service("SMTP over TLS", is_implicit=True),
    "imap": Service("IMAP, with STARTTLS if there is a certificate", is_imap=True),
    "imaps": Service("IMAP over TLS", is_imap=True, is_implicit=True),
}
GRACE: Final = 10.0
"""Seconds that connections have to end once the process is asked to."""


def add_parser(subparsers: Any) -> None:
    """Add the subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "serve", help="run a small mail system", description=__doc__
    )
    for name, service in SERVICES.items():
        parser.add_argument(f"--{name}", metavar="HOST:PORT", help=f"{service.help}; port 0 picks a free one")
    parser.add_argument(
        "--user", action="append", default=[], metavar="NAME:PASSWORD", help="may be repeated"
    )
    parser.add_argument("--store", default="memory", metavar="memory|sqlite:PATH", help="default: memory")
    parser.add_argument("--hostname", default=socket.gethostname(), help="default: %(default)s")
    parser.add_argument("--tls-cert", metavar="FILE", help="certificate chain, PEM")
    parser.add_argument("--tls-key", metavar="FILE", help="private key, PEM")
    parser.add_argument("--tls-self-signed", action="store_true", help="make a certificate for this run")
    parser.add_argument("--allow-cleartext-login", action="store_true", help="take passwords without TLS")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT."""
    asyncio.run(_serve(arguments))
    return Exit.DONE


async def _serve(arguments: argparse.Namespace) -> None:
    users = dict(parse_user(text) for text in arguments.user)
    system = MailSystem(users, store_factory(arguments.store), arguments.hostname)
    context, certificate = _certified(arguments)
    names = [name for name in SERVICES if getattr(arguments, name) is not None]
    if not names:
        raise Failure(f"nothing to serve: give one of {', '.join(f'--{name}' for name in SERVICES)}")
    servers = {name: _server(name, arguments, system, context, certificate) for name in names}
    stopped = _stop_signal()
    async with AsyncExitStack() as stack:
        stack.callback(system.close)
        for name, server in servers.items():
            await stack.enter_async_context(server)
            for address in server.addresses:
                print(f"listening {name} {_shown(address)}")
        print("ready", flush=True)
        await stopped.wait()
        await asyncio.gather(*(server.stop(grace=GRACE) for server in servers.values()))


def _server(
    name: str,
    arguments: argparse.Namespace,
    system: MailSystem,
    context: ssl.SSLContext | None,
    certificate: bytes | None,
) -> Server:
    service = SERVICES[name]
    if service.is_implicit and context is None:
        raise Failure(f"--{name} needs --tls-cert and --tls-key, or --tls-self-signed")
    host, port = _address(name, getattr(arguments, name))
    mode: TLSMode = "implicit" if service.is_implicit else "starttls" if context else "none"
    options: dict[str, Any] = {
        "tls": mode,
        "ssl_context": context,
        "certificate": certificate,
        "hostname": arguments.hostname,
        "authenticator": system.users,
        "allow_cleartext": arguments.allow_cleartext_login,
    }
    if service.is_imap:
        return serve_imap(system.store_of, host, port, **options)
    return serve_smtp(system.delivery, host, port, lmtp=service.is_lmtp, **options)


def _address(name: str, text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not (host and port.isascii() and port.isdigit() and int(port) < 65_536):
        raise Failure(f"--{name}: expected HOST:PORT, got {text!r}")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _shown(address: object) -> str:
    if not isinstance(address, tuple):
        return str(address)
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _certified(arguments: argparse.Namespace) -> tuple[ssl.SSLContext | None, bytes | None]:
    """Return the context and the certificate in it; None and None without TLS."""
    if arguments.tls_self_signed:
        return self_signed_context(arguments.hostname)
    if not arguments.tls_cert:
        return None, None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(arguments.tls_cert, arguments.tls_key)
        return context, Path(arguments.tls_cert).read_bytes()
    except (OSError, ssl.SSLError) as error:
        raise Failure(f"--tls-cert {arguments.tls_cert}: {error}") from error


def self_signed_context(hostname: str) -> tuple[ssl.SSLContext, bytes]:
    """Return a server context with a new certificate, and that, in PEM."""
    require("trustme", "--tls-self-signed")
    import trustme

    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    issued = authority.issue_cert(hostname, "localhost", "127.0.0.1", "::1")
    issued.configure_cert(context)
    return context, issued.cert_chain_pems[0].bytes()


def _stop_signal() -> asyncio.Event:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    return stopped
