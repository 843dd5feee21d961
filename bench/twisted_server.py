"""The SMTP server of Twisted, as it is measured: it takes every message, whole, and drops it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet import defer, protocol
from twisted.mail import smtp
from zope.interface import implementer

__all__ = ["factory"]


@implementer(smtp.IMessage)
class _Whole:
    """A message: Twisted gives it line by line."""

    def __init__(self) -> None:
        self._lines: list[bytes] = []

    def lineReceived(self, line: bytes) -> None:  # noqa: N802
        self._lines.append(line)

    def eomReceived(self) -> defer.Deferred[None]:  # noqa: N802
        b"\r\n".join(self._lines)
        return defer.succeed(None)

    def connectionLost(self) -> None:  # noqa: N802
        self._lines.clear()


@implementer(smtp.IMessageDelivery)
class _Delivery:
    """Takes mail from everybody for everybody."""

    def receivedHeader(self, helo: object, origin: object, recipients: object) -> bytes:  # noqa: N802
        return b"Received: by bench"

    def validateFrom(self, helo: object, origin: Any) -> Any:  # noqa: N802
        return origin

    def validateTo(self, user: object) -> Callable[[], _Whole]:  # noqa: N802
        return _Whole


def factory() -> Any:
    """Return what makes a server for each connection."""
    servers = protocol.ServerFactory()
    servers.noisy = False

    def build(address: object) -> Any:
        server = smtp.ESMTP()
        server.delivery = _Delivery()
        server.factory = servers
        server.host = b"bench"
        return server

    servers.buildProtocol = build
    return servers
