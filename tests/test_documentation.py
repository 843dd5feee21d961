"""Every code block of README.md and docs/ runs, and what the feature matrix names is there.

The names `smtp.example.org` and `imap.example.org` of the examples lead to servers on loopback, with a
certificate that the examples trust. So do the addresses of the mail hosts of `example.org` and `example.com`,
which a resolver knows that asks nobody.
"""

from __future__ import annotations

import os
import re
import shlex
import socket
import ssl
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import dns.asyncresolver
import pytest
import trustme

from mailproto.address import Mailbox
from mailproto.imap import IMAPServerConnection
from mailproto.smtp import SMTPServerConnection
from mailproto.smtp.dane import TLSA
from mailproto.store import Delivery, Destination, MemoryStore
from mailproto.sync import serve_imap, serve_smtp
from support_dns import Zone, resolver_of
from support_interop import free_port, start_mail_server, stop

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.rst"))]
MARKDOWN_BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
CONSOLE_BLOCK = re.compile(r"^\.\. code-block:: console\n\n((?:   .*\n|\n)+)", re.MULTILINE)
RST_BLOCK = re.compile(r"^\.\. code-block:: python\n\n((?:   .*\n|\n)+)", re.MULTILINE)
USERS = {"alice@example.org": "secret", "bob@example.org": "secret", "alice": "secret", "bob": "secret"}


def blocks_of(page: Path) -> list[tuple[int, str]]:
    """Return each Python block with the line that it begins on."""
    text = page.read_text()
    pattern = MARKDOWN_BLOCK if page.suffix == ".md" else RST_BLOCK
    return [
        (text.count("\n", 0, found.start(1)), textwrap.dedent(found[1])) for found in pattern.finditer(text)
    ]


def example_zone(certificate: trustme.LeafCert) -> Zone:
    """Return the DNS of the examples: example.org has DANE, example.com has MTA-STS."""
    octets = ssl.PEM_cert_to_DER_cert(certificate.cert_chain_pems[0].bytes().decode())
    return {
        ("example.org", "MX"): ["20 mx2.example.org.", "10 mx1.example.org."],
        ("mx1.example.org", "A"): ["192.0.2.25"],
        ("mx2.example.org", "A"): ["192.0.2.27"],
        ("_25._tcp.mx1.example.org", "TLSA"): [str(TLSA.of_certificate(octets))],
        ("null.example.org", "MX"): ["0 ."],
        ("example.com", "MX"): ["10 mx.example.com."],
        ("mx.example.com", "A"): ["192.0.2.26"],
        ("_mta-sts.example.com", "TXT"): ['"v=STSv1; " "id=20261125;"'],
    }


@pytest.fixture
def example_servers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Serve smtp.example.org:587 and imap.example.org:993 on loopback."""
    authority = trustme.CA()
    hosts = ("mx1.example.org", "mx.example.com")
    certificate = authority.issue_cert("smtp.example.org", "imap.example.org", *hosts)
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(server_context)
    stores = {name: MemoryStore() for name in [*USERS, "bob@example.com"]}
    resolver = resolver_of(example_zone(certificate))

    def route(mailbox: Mailbox) -> Destination | None:
        store = stores.get(str(mailbox))
        return None if store is None else Destination(store)

    delivery = Delivery(route, hostname="mx.example.org")
    lookup, new_context = socket.getaddrinfo, ssl.create_default_context

    def trusting_context(*args: Any, **kwargs: Any) -> ssl.SSLContext:
        context = new_context(*args, **kwargs)
        authority.configure_trust(context)
        return context

    monkeypatch.setattr(ssl, "create_default_context", trusting_context)
    monkeypatch.setattr(dns.asyncresolver, "Resolver", resolver)
    with ExitStack() as stack:
        smtp = stack.enter_context(
            serve_smtp(
                *(delivery, "127.0.0.1", 0),
                tls="starttls",
                ssl_context=server_context,
                authenticator=USERS,
                hostname="smtp.example.org",
            )
        )
        imap = stack.enter_context(
            serve_imap(
                *(stores.__getitem__, "127.0.0.1", 0),
                tls="implicit",
                ssl_context=server_context,
                authenticator=USERS,
            )
        )
        ports = {"smtp.example.org": smtp.addresses[0][1], "imap.example.org": imap.addresses[0][1]}
        ports |= dict.fromkeys(("192.0.2.25", "192.0.2.26"), smtp.addresses[0][1])

        def lookup_example(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
            if host in ports:
                host, port = "127.0.0.1", ports[host]
            return lookup(host, port, *args, **kwargs)

        monkeypatch.setattr(socket, "getaddrinfo", lookup_example)
        yield


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if blocks_of(page)],
    ids=lambda page: str(page.relative_to(ROOT)),
)
@pytest.mark.usefixtures("example_servers")
def test_the_code_of_a_page_runs_from_top_to_bottom(page: Path) -> None:
    namespace: dict[str, Any] = {"__name__": "example"}
    for line, block in blocks_of(page):
        exec(compile("\n" * line + block, str(page), "exec"), namespace)


def test_the_pages_have_code() -> None:
    assert sum(len(blocks_of(page)) for page in PAGES) >= 20


def test_the_readme_names_its_two_commands() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = re.findall(r"^\$ make (\w+)", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert named == ["demo", "test"]
    assert set(named) <= targets


def matrix() -> str:
    return (ROOT / "docs" / "features.rst").read_text()


def test_the_matrix_names_every_smtp_extension_that_the_server_offers() -> None:
    server = SMTPServerConnection(hostname="mx.example.org")
    offered = {line.split()[0] for line in server.ehlo_reply().lines[1:]}
    assert offered
    assert {keyword for keyword in offered if keyword not in matrix()} == set()


def test_the_matrix_names_every_capability_that_the_imap_server_offers() -> None:
    names = {str(name) for name in IMAPServerConnection().capabilities}
    assert names
    named = matrix().upper()
    assert {name for name in names if not name.startswith("AUTH=") and name not in named} == set()


def console_commands(page: Path) -> list[str]:
    """Return each command that stands behind a `$`, its continued lines joined."""
    text = "".join(CONSOLE_BLOCK.findall(page.read_text())).replace("\\\n", " ")
    return re.findall(r"^ *\$ (.*)$", text, re.MULTILINE)


def test_the_commands_of_the_command_line_page_run(tmp_path: Path) -> None:
    smtp, imap = free_port(), free_port()
    commands = [
        shlex.split(command.replace(":2525", f":{smtp}").replace(":1143", f":{imap}"))
        for command in console_commands(ROOT / "docs" / "howto" / "command-line.rst")
    ]
    assert [command[:2] for command in commands] == [
        ["mailproto", "serve"],
        ["mailproto", "send"],
        *[["mailproto", "imap"]] * 3,
    ]
    (tmp_path / "message.eml").write_bytes(b"Subject: from the page\r\n\r\nhello\r\n")
    server = start_mail_server(*commands[0][2:])
    printed = []
    try:
        assert server.ports == {"smtp": smtp, "imap": imap}
        for command in commands[1:]:
            done = subprocess.run(
                [sys.executable, "-m", *command],
                cwd=tmp_path,
                env={**os.environ, "MAILPROTO_PASSWORD": "secret"},
                capture_output=True,
                text=True,
                timeout=60,
                check=True,
            )
            printed.append(done.stdout)
    finally:
        assert stop(server.process) == 0
    sent, mailboxes, messages, message = printed
    assert sent == "accepted\tbob@example.org\n"
    assert mailboxes == "\\HasNoChildren\tINBOX\n"
    assert messages.rstrip("\n").endswith("from the page")
    assert message.endswith("Subject: from the page\n\nhello\n")
