"""A bare socket at an SMTP server, for what no client of ours would say."""

from __future__ import annotations

import contextlib
import socket

__all__ = ["Client", "is_served"]


class Client:
    """A bare socket."""

    def __init__(self, port: int) -> None:
        self.sock: socket.socket = socket.create_connection(("127.0.0.1", port), 10)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *error: object) -> None:
        self.sock.close()

    def say(self, octets: bytes, until: bytes) -> bytes:
        """Send *octets* and read until *until* came."""
        self.sock.sendall(octets)
        said = b""
        while until not in said:
            received = self.sock.recv(65_536)
            assert received, said
            said += received
        return said

    def read_all(self) -> bytes:
        """Read to the end; a reset is an end."""
        said = b""
        with contextlib.suppress(ConnectionError):
            while octets := self.sock.recv(65_536):
                said += octets
        return said

    def reset(self) -> None:
        """Break the connection."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.sock.close()


def is_served(port: int) -> bool:
    with Client(port) as client:
        return client.say(b"NOOP\r\n", b"nothing done\r\n").startswith(b"220 ")
