"""Every code block of README.md and docs/ runs, and what the feature matrix names is there.

The names `smtp.example.org` and `imap.example.org` of the examples lead to servers on loopback, with a
certificate that the examples trust. So do the addresses of the mail hosts of `example.org` and `example.com`,
which a resolver knows that asks nobody.
"""

from __future__ import annotations

import importlib.util
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
from dataclasses import fields
from pathlib import Path
from types import FunctionType
from typing import Any, get_type_hints

import dns.asyncresolver
import pytest
import trustme

from mailproto import smtp
from mailproto.address import Mailbox
from mailproto.address import Path as MailPath
from mailproto.errors import OAuthFailure
from mailproto.imap import IMAPServerConnection, quirks
from mailproto.limits import IMAPLimits, RouteLimits, SASLLimits, SMTPLimits
from mailproto.sasl import SERVER_MECHANISMS, PasswordAuthenticator, VerifyToken
from mailproto.smtp import (
    BodyData,
    Data,
    Ehlo,
    Mail,
    Quit,
    Rcpt,
    Reply,
    SMTPClientConnection,
    SMTPServerConnection,
    State,
)
from mailproto.smtp.dane import TLSA
from mailproto.store import Delivery, Destination, MemoryStore
from mailproto.sync import serve_imap, serve_smtp
from support_dns import Zone, resolver_of
from support_interop import free_port, start_mail_server, stop
from support_proxy import connect_proxy

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.rst"))]
MARKDOWN_BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
CONSOLE_BLOCK = re.compile(r"^\.\. code-block:: console\n\n((?:   .*\n|\n)+)", re.MULTILINE)
RST_BLOCK = re.compile(r"^\.\. code-block:: python\n\n((?:   .*\n|\n)+)", re.MULTILINE)
TEST_NAMED = re.compile(r"`(tests/[a-z_/]+\.py)::(test_\w+)`")
AS_TESTS = "testing-mail-code.rst"
"""A page whose blocks are tests."""
IN_A_PROCESS = "drive-from-twisted.rst"
"""A page that runs a reactor, which can be done once in a process."""
TOKEN = "ya29.an-access-token"
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

    def check_token(request: VerifyToken) -> object:
        is_right = request.token.reveal() == TOKEN and request.authzid in USERS
        return request.authzid if is_right else OAuthFailure("invalid_token", "mail")

    authenticator = PasswordAuthenticator(USERS, tokens=check_token)
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
                authenticator=authenticator,
                hostname="smtp.example.org",
            )
        )
        imap = stack.enter_context(
            serve_imap(
                *(stores.__getitem__, "127.0.0.1", 0),
                tls="implicit",
                ssl_context=server_context,
                authenticator=authenticator,
            )
        )
        ports = {"smtp.example.org": smtp.addresses[0][1], "imap.example.org": imap.addresses[0][1]}
        ports["proxy.example.org"] = stack.enter_context(connect_proxy())[1]
        ports |= dict.fromkeys(("192.0.2.25", "192.0.2.26"), smtp.addresses[0][1])

        def lookup_example(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
            if host in ports:
                host, port = "127.0.0.1", ports[host]
            return lookup(host, port, *args, **kwargs)

        monkeypatch.setattr(socket, "getaddrinfo", lookup_example)
        yield


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if blocks_of(page) and page.name not in (AS_TESTS, IN_A_PROCESS)],
    ids=lambda page: str(page.relative_to(ROOT)),
)
@pytest.mark.usefixtures("example_servers")
def test_the_code_of_a_page_runs_from_top_to_bottom(page: Path) -> None:
    namespace: dict[str, Any] = {"__name__": "example"}
    for line, block in blocks_of(page):
        exec(compile("\n" * line + block, str(page), "exec"), namespace)


def test_the_tests_of_the_testing_page_pass(pytester: pytest.Pytester) -> None:
    source = "\n".join(block for _, block in blocks_of(ROOT / "docs" / "howto" / AS_TESTS))
    pytester.makeini("[pytest]\nfilterwarnings = error\naddopts = --strict-markers\n")
    pytester.makepyfile(source)
    result = pytester.runpytest("-p", "mailproto.pytest_plugin")
    assert result.ret is pytest.ExitCode.OK
    assert len(re.findall(r"^def test_", source, re.MULTILINE)) >= 15
    result.assert_outcomes(passed=25)


def test_the_code_of_the_twisted_page_runs_in_a_process() -> None:
    program = "\n".join(block for _, block in blocks_of(ROOT / "docs" / "howto" / IN_A_PROCESS))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "sent and received\n", "")


@pytest.mark.parametrize("page", ["drive-from-trio.rst", "drive-from-twisted.rst"])
def test_the_first_driver_of_a_page_has_thirty_lines(page: str) -> None:
    (_, block), *_ = blocks_of(ROOT / "docs" / "howto" / page)
    driver = block[block.index("class ") :]
    assert 25 <= len([line for line in driver.splitlines() if line]) <= 32


class _Joined:
    """The proxy of the page between two ends in memory, in pieces of so many octets."""

    def __init__(self, piece: int) -> None:
        page = ROOT / "docs" / "howto" / "filtering-proxy.rst"
        names: dict[str, Any] = {"__name__": "example"}
        for _, block in blocks_of(page)[:2]:
            exec(block, names)
        self.proxy = names["FilteringProxy"]("proxy.example.org", names["WordFilter"])
        self.client, self.server = SMTPClientConnection(), SMTPServerConnection(hostname="mx.example.org")
        self.piece = piece
        self.peak = 0
        self.received = b""
        self.replies: list[Reply] = []

    def carry(self) -> None:
        """Carry octets until all four connections are quiet; the server accepts what is not for eve."""
        proxy, is_moving = self.proxy, True
        while is_moving:
            is_moving = self._send(self.client, proxy.down) | self._send(proxy.down, self.client)
            is_moving |= self._send(proxy.up, self.server) | self._send(self.server, proxy.up)
            is_moving |= self._answer()
            while (reply := self.client.next_event()) is not None:
                assert isinstance(reply, Reply)
                self.replies.append(reply)

    def _send(self, source: Any, sink: Any) -> bool:
        octets = b"".join(source.data_to_send())
        for at in range(0, len(octets), self.piece):
            sink.receive_data(octets[at : at + self.piece])
            while self.proxy.step():
                self.peak = max(self.peak, self.proxy.up.unsent)
        return bool(octets)

    def _answer(self) -> bool:
        if self.server.state is State.GREETING:
            self.server.send_reply(Reply(220))
            return True
        event = self.server.next_event()
        if isinstance(event, BodyData):
            self.received += event.data
        elif isinstance(event, Ehlo):
            self.server.send_reply(Reply(250, ("mx.example.org", "PIPELINING", "SIZE 9999999", "X-OTHER")))
        elif event is not None:
            is_eve = isinstance(event, Rcpt) and "eve" in str(event.forward_path)
            self.server.send_reply(Reply(550 if is_eve else 354 if isinstance(event, Data) else 250))
        return event is not None

    def envelope(self) -> None:
        self.carry()
        self.client.send_command(Ehlo("client.example.org"))
        self.carry()
        for command in (
            Mail(MailPath.of("a@x.example")),
            Rcpt(MailPath.of("eve@x.example")),
            Rcpt(MailPath.of("b@x.example")),
        ):
            self.client.send_command(command)
        self.client.send_command(Data())
        self.carry()


@pytest.mark.parametrize("piece", [1, 7, 65_536])
def test_the_proxy_of_the_page_passes_on_what_comes_in_any_pieces(piece: int) -> None:
    joined = _Joined(piece)
    joined.envelope()
    assert joined.client.extensions.pairs == (("PIPELINING", ""), ("SIZE", "9999999"))
    assert [reply.code for reply in joined.replies] == [220, 250, 250, 550, 250, 354]
    joined.client.send_body(b"Subject: x\r\n\r\n..dots\r\nbuy no\r\n")
    joined.client.end_body()
    joined.client.send_command(Quit())
    joined.carry()
    assert joined.received == b"X-Filtered: yes\r\nSubject: x\r\n\r\n..dots\r\nbuy no\r\n"
    assert joined.replies[-2].code == 250


@pytest.mark.parametrize("piece", [1, 7, 65_536])
@pytest.mark.parametrize("message", [b"Buy NOW\r\n", b"x" * 100 + b"buy now\r\nmore\r\n"])
def test_the_proxy_of_the_page_never_ends_what_it_refuses(piece: int, message: bytes) -> None:
    joined = _Joined(piece)
    joined.envelope()
    joined.client.send_body(message)
    joined.client.end_body()
    joined.carry()
    assert joined.replies[-1].code == 554
    assert joined.server.state is State.BODY
    joined.client.send_command(Mail(MailPath.of("a@x.example")))
    joined.carry()
    assert joined.replies[-1].code == 421


def test_the_proxy_of_the_page_holds_no_message() -> None:
    joined = _Joined(65_536)
    joined.envelope()
    for _ in range(100):
        joined.client.send_body(b"a line of text\r\n" * 4_000)
        joined.carry()
    joined.client.end_body()
    joined.carry()
    assert len(joined.received) > 6_000_000
    assert joined.peak < 150_000


def test_the_tests_that_the_pages_name_are_there() -> None:
    named = [found for page in PAGES for found in TEST_NAMED.findall(page.read_text())]
    assert len(named) > 20
    for file, test in named:
        assert f"def {test}(" in (ROOT / file).read_text(), f"{file}::{test}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_code_of_a_page_is_left_out(page: Path) -> None:
    """What is not Python that runs is a drawing, or a dialogue with a shell on a page that is known here."""
    text = page.read_text()
    assert [line for line in text.splitlines() if re.search(r"^(?!\.\. ).*::$", line)] == []
    languages = set(re.findall(r"^(?:```|\.\. code-block:: )(\w+)", text, re.MULTILINE))
    assert languages <= {"python", "console", "text"}
    shells = ["README.md", "command-line.rst", "comparison.rst"]
    assert "console" not in languages or page.name in shells


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


def smtp_rows() -> set[str]:
    """Return the words of the first cells of the matrix of SMTP."""
    part = matrix().split("\nIMAP\n----\n")[0]
    cells = re.findall(r"^   \* - (.*)$", part, re.MULTILINE)
    return {word for cell in cells for word in re.findall(r"[A-Z0-9][A-Z0-9-]+", cell)}


FACTORIES = {
    "burl": "BURL",
    "deliver_by": "DELIVERBY",
    "future_release": "FUTURERELEASE",
    "mt_priority": "MT-PRIORITY",
    "no_soliciting": "NO-SOLICITING",
}
"""The functions of `mailproto.smtp` that return an extension, and its keyword."""


def test_the_matrix_has_every_extension_that_is_exported() -> None:
    exported = {name: getattr(smtp, name) for name in smtp.__all__}
    makers = {
        name
        for name, value in exported.items()
        if isinstance(value, FunctionType) and get_type_hints(value).get("return") is smtp.Extension
    }
    assert makers == set(FACTORIES)
    rows = [value for value in exported.values() if isinstance(value, smtp.Extension)]
    keywords = {row.keyword for row in (*rows, *smtp.EXTENSIONS)} - {"AUTH"} | set(FACTORIES.values())
    assert len(keywords) > 20
    assert keywords - smtp_rows() == set()


def test_the_matrix_has_every_mechanism() -> None:
    assert {name.removesuffix("-PLUS") for name in SERVER_MECHANISMS} - smtp_rows() == set()


def test_the_matrix_names_every_capability_that_the_imap_server_offers() -> None:
    names = {str(name) for name in IMAPServerConnection().capabilities}
    assert names
    named = matrix().upper()
    assert {name for name in names if not name.startswith("AUTH=") and name not in named} == set()


Limits = SMTPLimits | IMAPLimits | SASLLimits | RouteLimits


@pytest.mark.parametrize("limits", [SMTPLimits, IMAPLimits, SASLLimits, RouteLimits])
def test_the_table_of_limits_has_every_limit(limits: type[Limits]) -> None:
    rows = list(limits_table().rows_of(limits.__name__))
    assert [row[0] for row in rows] == [field.name for field in fields(limits)]
    assert all(default and meaning for _, default, _, meaning in rows)
    assert f".. limits-table:: {limits.__name__}\n" in (ROOT / "docs" / "topics" / "limits.rst").read_text()


def test_the_table_of_limits_shows_defaults_and_minimums() -> None:
    rows = {name: (default, minimum) for name, default, minimum, _ in limits_table().rows_of("SMTPLimits")}
    assert rows["max_recipients"] == ("1,000", "100 (RFC 5321 section 4.5.3.1.8)")
    assert rows["max_text_line"] == ("none", "1,000 (section 4.5.3.1.6)")
    assert rows["command_timeout"] == ("300", "300 (RFC 5321 section 4.5.3.2.7)")


@pytest.mark.parametrize("name", ["QUIRKS", "SESSION_QUIRKS"])
def test_the_tables_of_quirks_have_every_quirk(name: str) -> None:
    rows = docs_module("quirks_table").rows_of(name)
    assert [row[0] for row in rows] == [quirk.rule for quirk in getattr(quirks, name)]
    assert f".. quirks-table:: {name}\n" in (ROOT / "docs" / "topics" / "quirks.rst").read_text()


@pytest.mark.parametrize("quirk", [*quirks.QUIRKS, *quirks.SESSION_QUIRKS], ids=lambda quirk: quirk.rule)
def test_each_product_of_a_quirk_is_known_from_somewhere(quirk: quirks.Quirk) -> None:
    known = docs_module("quirk_sources").SOURCES.get(quirk.rule, {"several": "no name is known"})
    assert quirk.products == ", ".join(known)
    assert all(known.values())
    assert docs_module("quirks_table").sources_of(quirk)


def test_the_products_of_quirks_are_those_of_quirks() -> None:
    rules = {quirk.rule for quirk in (*quirks.QUIRKS, *quirks.SESSION_QUIRKS)}
    assert set(docs_module("quirk_sources").SOURCES) <= rules


def limits_table() -> Any:
    """Return the module of the directive that draws the tables of limits."""
    return docs_module("limits_table")


def docs_module(name: str) -> Any:
    """Return the module of a directive that draws tables."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_pages_name_every_mechanism() -> None:
    page = (ROOT / "docs" / "topics" / "sasl.rst").read_text()
    names = {name.removesuffix("-PLUS") for name in SERVER_MECHANISMS}
    assert len(names) == 10
    assert {name for name in names if name not in page or name not in matrix()} == set()


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
        *[["mailproto", "imap"]] * 4,
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
    sent, mailboxes, messages, message, saved = printed
    assert sent == "accepted\tbob@example.org\n"
    assert mailboxes == "\\HasNoChildren\tINBOX\n"
    assert messages.rstrip("\n").endswith("from the page")
    assert message.endswith("Subject: from the page\n\nhello\n")
    assert saved == "INBOX\t1\t0\t0\n"
    (file,) = (tmp_path / "saved" / "INBOX").iterdir()
    assert file.read_bytes().endswith(b"Subject: from the page\r\n\r\nhello\r\n")
