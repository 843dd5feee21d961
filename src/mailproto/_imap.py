"""What the IMAP clients and servers of both adapters share: ports, arguments, the making of connections."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final, TypeAlias, cast

from mailproto._connection import Trace
from mailproto._network import Accepted, ServerTLS, check_mode, entropy
from mailproto.flow import Flow
from mailproto.imap.client import IMAPClientConnection
from mailproto.imap.server import IMAPServerConnection
from mailproto.imap.server_flow import Service, serve
from mailproto.imap.session_flows import TLSMode
from mailproto.limits import IMAPLimits
from mailproto.sasl._authenticator import Authenticator, Stored, authenticator_for
from mailproto.store._protocol import MailStore
from mailproto.store.session import CAPABILITIES, StoreSession

__all__ = [
    "Stores",
    "Users",
    "client_connection",
    "client_mode",
    "default_port",
    "server_factory",
]

Users: TypeAlias = Mapping[str, Stored] | Authenticator
"""Who may log in: names and passwords or verifiers, or an authenticator."""

Stores: TypeAlias = MailStore | Callable[[str], MailStore]
"""The store that every user sees, or what gives that of an identity."""

_PORTS: Final = {"implicit": 993, "starttls": 143, "none": 143}

_log: Final = logging.getLogger("mailproto.imap")


def client_mode(tls: str) -> TLSMode:
    """Return *tls* if it is a mode of IMAP clients. Raises LocalProtocolError."""
    check_mode(tls, tuple(_PORTS))
    return cast(TLSMode, tls)


def default_port(tls: str) -> int:
    """Return the port for a mode of TLS (RFC 8314 section 3.2)."""
    return _PORTS[tls]


def client_connection(
    limits: IMAPLimits | None, *, strict: bool, trace: Trace | None
) -> IMAPClientConnection:
    """Return a connection."""
    conn = IMAPClientConnection(limits, strict=strict)
    conn.trace = trace
    return conn


def server_factory(
    store: Stores,
    *,
    tls: ServerTLS,
    has_context: bool,
    hostname: str | None,
    authenticator: Users | None,
    allow_cleartext: bool,
    limits: IMAPLimits | None,
    trace: Trace | None,
) -> Callable[[Accepted], tuple[IMAPServerConnection, Flow[None]]]:
    """Return what makes connection and flow for each connection that a server accepts."""
    service = Service(
        sessions=lambda identity: StoreSession(_store_of(store, identity), clock=_now),
        authenticator=authenticator_for(authenticator),
        entropy=entropy,
        capabilities=CAPABILITIES,
        start_tls=has_context and tls != "implicit",
        greeting=f"{hostname} ready" if hostname else "ready",
        report=_report,
    )

    def make(accepted: Accepted) -> tuple[IMAPServerConnection, Flow[None]]:
        conn = IMAPServerConnection(limits, allow_cleartext=allow_cleartext)
        conn.trace = trace
        return conn, serve(conn, service, wake=accepted.wake, tls=accepted.tls)

    return make


def _store_of(store: Stores, identity: str) -> MailStore:
    if hasattr(store, "mailboxes"):
        return cast(MailStore, store)
    return store(identity)


def _now() -> datetime:
    return datetime.now().astimezone()


def _report(error: Exception) -> None:
    _log.error("a session failed", exc_info=error)
