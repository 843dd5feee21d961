"""Certificates for loopback, from an authority that lives as long as the process; trustme makes them."""

from __future__ import annotations

import ssl
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import trustme

__all__ = ["authority_pem", "client_context", "server_context"]

_NAMES = ("localhost", "127.0.0.1", "::1")


@cache
def _authority() -> trustme.CA:
    try:
        import trustme
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "a test server with TLS needs trustme: pip install 'mailproto[testing]'", name="trustme"
        ) from error
    return trustme.CA()


def authority_pem() -> bytes:
    """Return the certificate of the authority in PEM. Raises ModuleNotFoundError without trustme."""
    return _authority().cert_pem.bytes()


def server_context() -> ssl.SSLContext:
    """Return a context with a certificate for localhost, 127.0.0.1 and ::1."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _authority().issue_cert(*_NAMES).configure_cert(context)
    return context


def client_context() -> ssl.SSLContext:
    """Return a context that trusts the authority, and nobody else."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _authority().configure_trust(context)
    return context
