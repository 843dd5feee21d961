"""swaks tells our server of another client, as one does to test access rules."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from mailproto.address import Path
from mailproto.smtp import EXTENSIONS, XCLIENT, Ehlo, Mail, Reply, SMTPHandler, SMTPSession, XClient
from support_interop import program
from support_smtp_servers import KINDS, serving


class Proxied(SMTPHandler):
    """Trusts everybody, and notes who it is that sends."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def xclient(self, session: SMTPSession, xclient: XClient) -> Reply:
        return Reply(220, ("mx.example ESMTP",))

    def mail(self, session: SMTPSession, mail: Mail) -> None:
        known = session.xclient
        self.seen.append(
            (session.peer, session.hello, session.identity, known.get("NAME"), mail.reverse_path)
        )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("delimiter", [[], ["--xclient-delim"]], ids=["at once", "in two"])
def test_swaks_speaks_for_another_client(kind: str, delimiter: list[str]) -> None:
    handler = Proxied()
    with serving(kind, handler, extensions=(*EXTENSIONS, XCLIENT)) as server:
        done = subprocess.run(
            [
                *(program("swaks"), "--server", f"127.0.0.1:{server.port}", "--timeout", "20"),
                *("--xclient-name", "n.example", "--xclient-port", "1025", *delimiter),
                *("--xclient-addr", "IPV6:2001:db8::7", "--xclient-login", "tim"),
                *("--helo", "c.example", "--from", "a@x.example", "--to", "b@x.example"),
            ],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stdout
    assert handler.seen == [
        (("2001:db8::7", 1025), Ehlo("c.example"), "tim", "n.example", Path.of("a@x.example"))
    ]
