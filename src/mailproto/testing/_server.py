"""What the test servers share: a listener on loopback in threads, the user, TLS, the dialogues."""

from __future__ import annotations

import ssl
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Final, Self

from mailproto._network import Accepted, ServerTLS, check_mode
from mailproto.flow import Connection, Flow
from mailproto.sync._server import Server
from mailproto.testing import _certificate
from mailproto.testing._dialogue import Dialogue

__all__ = ["USER", "LoopbackServer"]

USER: Final = "user@example.org"
_GRACE: Final = 5.0
"""Seconds that connections have for their last words."""


class LoopbackServer(ABC):
    """A server that listens on a free port of 127.0.0.1 until `stop`; a context manager."""

    def __init__(self, *, tls: ServerTLS, user: str, password: str) -> None:
        check_mode(tls, ("implicit", "starttls", "none"))
        self.user: str = user
        """Who may log in."""
        self.password: str = password
        """The password of `user`."""
        self.client_context: ssl.SSLContext | None = None
        """What a client needs to trust the server; None without TLS."""
        self.authority: bytes | None = None
        """The certificate that a client must trust, in PEM; None without TLS."""
        context = None
        if tls != "none":
            context = _certificate.server_context()
            self.client_context = _certificate.client_context()
            self.authority = _certificate.authority_pem()
        self._dialogues: list[Dialogue] = []
        self._server: Server | None = Server(self._accept, "127.0.0.1", tls=tls, ssl_context=context)
        (self._address,) = self._server.addresses

    @abstractmethod
    def _make(self, accepted: Accepted, dialogue: Dialogue) -> tuple[Connection[object], Flow[None]]: ...

    def _accept(self, accepted: Accepted) -> tuple[Connection[object], Flow[None]]:
        dialogue = Dialogue()
        self._dialogues.append(dialogue)
        return self._make(accepted, dialogue)

    @property
    def host(self) -> str:
        """Where it listens: 127.0.0.1; with TLS its certificate is for "localhost" too."""
        return str(self._address[0])

    @property
    def port(self) -> int:
        """The port, a free one that the system has picked."""
        return int(self._address[1])

    @property
    def dialogues(self) -> list[list[str]]:
        """The dialogue of each connection in which something was said, in the order in which they came."""
        return [lines for dialogue in self._dialogues if (lines := dialogue.lines)]

    @property
    def dialogue(self) -> list[str]:
        """All lines, "C: ..." and "S: ...", one connection behind the other, without secrets."""
        return [line for lines in self.dialogues for line in lines]

    def _forget_dialogues(self) -> None:
        for dialogue in self._dialogues:
            dialogue.clear()

    def stop(self) -> None:
        """Stop listening, end the connections that are open, and wait until that is done."""
        # Let go of, it is freed at once: it knows this object, and so both would wait for the collector.
        server, self._server = self._server, None
        if server is not None:
            server.stop(_GRACE)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
