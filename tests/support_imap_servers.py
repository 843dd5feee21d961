"""IMAP servers of both kinds over a memory store, behind one face."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from mailproto._imap import server_factory
from mailproto.store import MemoryStore
from support_servers import host_and_port, serving

__all__ = ["MESSAGE", "USER", "imap_server"]

USER = ("bob", "secret")
MESSAGE = b"From: alice@example.org\r\nTo: bob@example.org\r\nSubject: hello\r\n\r\nbody\r\n"


@contextlib.contextmanager
def imap_server(kind: str, store: Any = None, **arguments: Any) -> Iterator[tuple[str, int]]:
    """Yield host and port of a server over *store*, or over a new one."""
    factory = server_factory(
        MemoryStore() if store is None else store,
        tls=arguments.get("tls", "none"),
        has_context="ssl_context" in arguments,
        hostname=None,
        authenticator={USER[0]: USER[1]},
        allow_cleartext=arguments.pop("allow_cleartext", True),
        limits=None,
        trace=None,
    )
    with serving(kind, factory, **arguments) as address:
        yield host_and_port(address)
