"""A whole mail system for tests: an SMTP and an IMAP server over one store in memory."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self, final

from mailproto._network import ServerTLS
from mailproto.smtp.handler import SMTPSession
from mailproto.store._protocol import MailStore
from mailproto.store.delivery import received_lines
from mailproto.testing._imap import IMAPTestServer
from mailproto.testing._server import USER
from mailproto.testing._smtp import ReceivedMessage, SMTPTestServer

__all__ = ["MailTestServer"]


@final
class MailTestServer:
    """Two servers, `smtp` and `imap`, of one user: what `smtp` accepts is in the INBOX of `imap` at once.

    Whoever a message is for, it is delivered once, behind a Return-Path and a Received line as a mail server
    writes them; clients that are connected are told of it. *tls* is that of both; *smtp* has more options for
    `SMTPTestServer`, *store* and the others are those of `IMAPTestServer`. A context manager.
    """

    def __init__(
        self,
        *,
        tls: ServerTLS = "none",
        user: str = USER,
        password: str = "secret",
        store: MailStore | None = None,
        smtp: dict[str, Any] | None = None,
    ) -> None:
        with ExitStack() as started:
            self.imap: IMAPTestServer = started.enter_context(
                IMAPTestServer(tls=tls, user=user, password=password, store=store)
            )
            """The IMAP server."""
            self.smtp: SMTPTestServer = started.enter_context(
                _Delivering(
                    self.imap.append, **{"tls": tls, "user": user, "password": password, **(smtp or {})}
                )
            )
            """The SMTP server: `answer` and `drop` script its failures."""
            self._stack = started.pop_all()

    @property
    def user(self) -> str:
        """Who may log in at both."""
        return self.imap.user

    @property
    def password(self) -> str:
        """The password of `user`."""
        return self.imap.password

    @property
    def client_context(self) -> ssl.SSLContext | None:
        """What a client needs to trust both; None without TLS."""
        return self.imap.client_context

    @property
    def messages(self) -> list[ReceivedMessage]:
        """The messages that came by SMTP, in the order in which they came, with their envelopes."""
        return self.smtp.messages

    def stop(self) -> None:
        """Stop both, the one that mail comes by first."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


@final
class _Delivering(SMTPTestServer):
    """Delivers each message before it counts as accepted."""

    def __init__(self, deliver: Callable[[bytes], int], **options: Any) -> None:
        self._deliver = deliver
        super().__init__(**options)

    def _keep(self, message: ReceivedMessage, session: SMTPSession) -> None:
        trace = received_lines(session, self._hostname, datetime.now(UTC))
        self._deliver(trace + message.octets)
        super()._keep(message, session)
