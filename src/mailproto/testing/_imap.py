"""An IMAP server for tests, over a store in memory."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from io import BytesIO

from mailproto._imap import server_factory
from mailproto._network import Accepted, ServerTLS
from mailproto.flow import Connection, Flow
from mailproto.limits import IMAPLimits
from mailproto.store._protocol import MailStore
from mailproto.store.memory import MemoryStore
from mailproto.sync._stores import call_in_turn
from mailproto.testing._dialogue import Dialogue
from mailproto.testing._server import USER, LoopbackServer

__all__ = ["IMAPTestServer"]


class IMAPTestServer(LoopbackServer):
    """A server with one user and one store, a `MemoryStore` unless *store* is given.

    It runs in threads, so blocking and async code can be tested against it. *tls*: "none", "starttls" or
    "implicit", for which trustme must be installed. Without TLS it takes logins too.
    """

    def __init__(
        self,
        *,
        tls: ServerTLS = "none",
        user: str = USER,
        password: str = "secret",
        store: MailStore | None = None,
        limits: IMAPLimits | None = None,
    ) -> None:
        self.store: MailStore = MemoryStore() if store is None else store
        """What the user sees. While clients are connected, use `append` and an IMAP client to change it."""
        self._factory = server_factory(
            self.store,
            tls=tls,
            has_context=tls != "none",
            hostname=None,
            authenticator={user: password},
            allow_cleartext=True,
            limits=limits,
            trace=None,
        )
        super().__init__(tls=tls, user=user, password=password)

    def _make(self, accepted: Accepted, dialogue: Dialogue) -> tuple[Connection[object], Flow[None]]:
        conn, flow = self._factory(accepted)
        conn.trace = dialogue.trace_server
        return conn, flow

    def append(
        self,
        octets: bytes,
        mailbox: str = "INBOX",
        flags: Iterable[str] = (),
        internal_date: datetime | None = None,
    ) -> int:
        """Put a message into *mailbox* and return its UID; clients are told of it.

        *internal_date* must know its time zone and is now unless it is given. It is safe from any thread, for
        stores that are not async.
        """
        date = internal_date or datetime.now(UTC)
        arguments = (mailbox, BytesIO(octets), frozenset(flags), date)
        uid = call_in_turn(self.store, self.store.append, arguments)
        if not isinstance(uid, int):
            raise TypeError("the store is async: append to it in its own event loop")
        return uid
