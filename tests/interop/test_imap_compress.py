"""COMPRESS=DEFLATE with a server that we did not write, and with our own over sockets."""

from __future__ import annotations

import pytest

from mailproto.errors import LocalProtocolError
from mailproto.imap.fetch import BodySection
from mailproto.sync import IMAPClient

pytestmark = pytest.mark.interop

BODY = b"Subject: large\r\n\r\n" + b"a line of text that comes again\r\n" * 20_000


def test_dovecot(dovecot: int) -> None:
    received = 0

    def count(direction: str, octets: bytes) -> None:
        nonlocal received
        received += len(octets) if direction == "received" else 0

    with IMAPClient.connect("127.0.0.1", dovecot, tls="none", trace=count) as client:
        client.login("compress@example.org", "pass", allow_cleartext=True)
        client.compress()
        client.select("INBOX")
        client.append("INBOX", BODY)
        (message,) = client.uid_fetch("1:*", BodySection())
        assert message[BodySection()] == BODY
        assert received > len(BODY)
        with pytest.raises(LocalProtocolError, match="compressed already"):
            client.compress()
        client.noop()
