"""A client and a server connection joined in memory."""

from __future__ import annotations

from typing import Generic, TypeVar

from mailproto._connection import Connection

__all__ = ["ConnectionPair"]

ClientEventT = TypeVar("ClientEventT")
ServerEventT = TypeVar("ServerEventT")


class ConnectionPair(Generic[ClientEventT, ServerEventT]):
    """Carries octets between two connections, in pieces of at most *piece* octets; `dialogue` keeps them."""

    def __init__(
        self, client: Connection[ClientEventT], server: Connection[ServerEventT], piece: int | None = None
    ) -> None:
        self.client = client
        self.server = server
        self.piece = piece
        self.dialogue: list[tuple[str, bytes]] = []

    def shuttle(self) -> None:
        """Carry what both ends have queued."""
        self._carry("C", self.client, self.server)
        self._carry("S", self.server, self.client)

    def client_events(self) -> list[ClientEventT]:
        """Carry, then pull all events of the client."""
        self.shuttle()
        return _events(self.client)

    def server_events(self) -> list[ServerEventT]:
        """Carry, then pull all events of the server: one command, or a body, since it stops for an answer."""
        self.shuttle()
        return _events(self.server)

    def start_tls(self) -> None:
        """Pretend that a handshake was done."""
        self.shuttle()
        self.client.tls_started()
        self.server.tls_started()

    def _carry(self, name: str, source: Connection[object], sink: Connection[object]) -> None:
        octets = b"".join(source.data_to_send())
        if octets:
            self.dialogue.append((name, octets))
        step = self.piece or max(1, len(octets))
        for at in range(0, len(octets), step):
            sink.receive_data(octets[at : at + step])


def _events(conn: Connection[ClientEventT]) -> list[ClientEventT]:
    events = []
    while (event := conn.next_event()) is not None:
        events.append(event)
    return events
