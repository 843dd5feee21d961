"""What the SMTP clients and servers of both adapters share: ports, names, the making of connections."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from mailproto._connection import Trace
from mailproto._network import Accepted, Address, Admission, ClientTLS, ServerTLS, entropy
from mailproto.address import AddressError, parse_domain_or_literal, to_a_label
from mailproto.errors import LocalProtocolError
from mailproto.flow import Flow
from mailproto.limits import SMTPLimits
from mailproto.sasl._authenticator import Authenticator, Stored, authenticator_for
from mailproto.smtp._offered import require_needed
from mailproto.smtp.client import SMTPClientConnection
from mailproto.smtp.data import NewlinePolicy, require_newline_policy
from mailproto.smtp.extensions import Extension
from mailproto.smtp.handler import SMTPHandler
from mailproto.smtp.reply import Reply
from mailproto.smtp.server import SMTPServerConnection
from mailproto.smtp.server_flow import Service, serve

__all__ = [
    "Users",
    "admission_of",
    "client_connection",
    "default_port",
    "host_name",
    "local_name",
    "server_factory",
]

Users = Mapping[str, Stored] | Authenticator
"""Who may log in: names and passwords or verifiers, or an authenticator."""

_PORTS: Final[dict[str, int]] = {"implicit": 465, "starttls": 587, "none": 25, "opportunistic": 25}
_LMTP_PORT: Final = 24
_TOO_MANY: Final = Reply.of(421, "4.7.0", "too many connections")


def default_port(tls: str, *, lmtp: bool) -> int:
    """Return the port for a mode of TLS (RFC 8314 section 3.3); 24 for LMTP, which none of these is for."""
    return _LMTP_PORT if lmtp else _PORTS.get(tls, 25)


def host_name() -> str:
    """Return the name of this machine as a domain; "localhost" if it has none that is one."""
    try:
        return to_a_label(parse_domain_or_literal(socket.gethostname()))
    except AddressError:
        return "localhost"


def local_name(address: Address) -> str:
    """Return what a client says in EHLO: its name if it is qualified, else the literal of its *address*.

    "An address literal SHOULD be substituted for the domain name" (RFC 5321 section 4.1.4).
    """
    name = host_name()
    if "." in name or not isinstance(address, tuple):
        return name
    host = address[0].partition("%")[0]
    return f"[IPv6:{host}]" if ":" in host else f"[{host}]"


def client_connection(
    tls: ClientTLS, *, lmtp: bool, limits: SMTPLimits | None, strict: bool, trace: Trace | None
) -> SMTPClientConnection:
    """Return a connection; one with implicit TLS knows of it before the first octet comes."""
    conn = SMTPClientConnection(limits or SMTPLimits(), lmtp=lmtp, strict=strict)
    conn.trace = trace
    if tls == "implicit":
        conn.tls_started()
    return conn


def server_factory(
    handler: SMTPHandler,
    *,
    tls: ServerTLS,
    has_context: bool,
    lmtp: bool,
    hostname: str | None,
    authenticator: Users | None,
    allow_cleartext: bool,
    require_tls: bool,
    require_auth: bool,
    greet_delay: float,
    extensions: Iterable[Extension],
    newlines: NewlinePolicy,
    strict: bool,
    limits: SMTPLimits | None,
    trace: Trace | None,
) -> Callable[[Accepted], tuple[SMTPServerConnection, Flow[None]]]:
    """Return what makes connection and flow for each connection that a server accepts.

    Raises LocalProtocolError if something is required that no client can give, for *extensions* of which one
    is missing, and for a *hostname* that is neither a domain nor an address literal.
    """
    require_newline_policy(newlines)
    if require_tls and not has_context:
        raise LocalProtocolError("require_tls: needs ssl_context")
    if require_auth and authenticator is None:
        raise LocalProtocolError("require_auth: needs authenticator")
    rows = tuple(extensions)
    require_needed(rows, lmtp=lmtp)
    name = to_a_label(hostname) if hostname else host_name()
    bounds = limits or SMTPLimits()
    service = Service(
        handler=handler,
        authenticator=authenticator_for(authenticator),
        entropy=entropy,
        allow_cleartext=allow_cleartext,
        start_tls=has_context and tls != "implicit",
        greet_delay=greet_delay,
    )
    wants_addresses = bool(service.methods)

    def make(accepted: Accepted) -> tuple[SMTPServerConnection, Flow[None]]:
        conn = SMTPServerConnection(
            bounds,
            hostname=name,
            lmtp=lmtp,
            strict=strict,
            newlines=newlines,
            extensions=rows,
            require_tls=require_tls,
            require_auth=require_auth,
        )
        conn.trace = trace
        if accepted.tls is not None:
            conn.tls_started()
        return conn, serve(
            conn,
            service,
            peer=accepted.peer,
            local=accepted.local if wants_addresses else "",
            tls=accepted.tls,
            report=accepted.report,
        )

    return make


def admission_of(limits: SMTPLimits | None, tls: ServerTLS) -> Admission | None:
    """Return what counts connections by *limits*; None if they are not bounded.

    With implicit TLS there is nothing to say before a handshake, so that is left out.
    """
    if limits is None or not (limits.max_connections or limits.max_connections_per_peer):
        return None
    return Admission(
        b"" if tls == "implicit" else _TOO_MANY.serialize(),
        most=limits.max_connections,
        most_per_peer=limits.max_connections_per_peer,
    )
