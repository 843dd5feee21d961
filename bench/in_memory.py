"""Transactions at a server without sockets, ours and Twisted's.

`python -m bench.in_memory NAME KIB COUNT EACH`: COUNT sessions of EACH transactions. Both get the same
octets in the same pieces, from the greeting to QUIT, and drop the messages. It prints one line of JSON:
`seconds`.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Final

LINE: Final = b"X" * 78 + b"\r\n"


def pieces_of(size: int, transactions: int) -> tuple[bytes, ...]:
    """Return what a client says that sends messages of *size* KiB, in the pieces that arrive."""
    transaction = (
        b"MAIL FROM:<a@ex.org>\r\n",
        b"RCPT TO:<b@ex.org>\r\n",
        b"DATA\r\n",
        LINE * (size * 1024 // len(LINE)) + b".\r\n",
    )
    return (b"EHLO bench.example\r\n", *transaction * transactions, b"QUIT\r\n")


def mailproto(octets: tuple[bytes, ...]) -> Callable[[], None]:
    """Return what runs one session through our connection and its flow."""
    from mailproto.flow import Call, Receive
    from mailproto.limits import SMTPLimits
    from mailproto.smtp import SMTPServerConnection, WholeMessages
    from mailproto.smtp.server_flow import Service, serve
    from mailproto.wants import Wants

    service, limits = Service(handler=WholeMessages(lambda session, octets: None)), SMTPLimits()

    def session() -> None:
        conn = SMTPServerConnection(limits, hostname="bench.example")
        flow = serve(conn, service, peer=("127.0.0.1", 1))
        pieces, result = iter(octets), None
        try:
            while True:
                instruction = flow.send(result)
                result = None
                if type(instruction) is Receive:
                    conn.data_to_send()
                    conn.receive_data(next(pieces))
                elif type(instruction) is Call:
                    result = instruction.function(*instruction.args)
        except StopIteration:
            if conn.wants is not Wants.CLOSED:
                raise SystemExit("the session did not end at QUIT") from None

    return session


def twisted(octets: tuple[bytes, ...]) -> Callable[[], None]:
    """Return what runs one session through Twisted's server, over its transport for tests."""
    from twisted.internet.testing import StringTransport

    from bench.twisted_server import factory

    servers = factory()

    def session() -> None:
        transport = StringTransport()
        server = servers.buildProtocol(transport.getPeer())
        server.timeout = None
        server.makeConnection(transport)
        for piece in octets:
            server.dataReceived(piece)
        if b"\r\n221 " not in transport.value():
            raise SystemExit("the session did not end at QUIT")

    return session


SERVERS: dict[str, Callable[[tuple[bytes, ...]], Callable[[], None]]] = {
    "mailproto": mailproto,
    "twisted": twisted,
}


def main() -> None:
    """Warm up, then time the sessions."""
    name, size, count, each = sys.argv[1], *map(int, sys.argv[2:])
    session = SERVERS[name](pieces_of(size, each))
    for _ in range(1 + 200 // each):
        session()
    begin = time.perf_counter()
    for _ in range(count):
        session()
    print(json.dumps({"seconds": time.perf_counter() - begin}))


if __name__ == "__main__":
    main()
