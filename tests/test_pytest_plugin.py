"""The plugin in pytest runs of its own: fixtures, markers, that it is quiet and light."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

PLUGIN = ("-p", "mailproto.pytest_plugin")
STRICT = "[pytest]\nfilterwarnings = error\naddopts = --strict-markers --strict-config\n"

SEND = """
import asyncio

import pytest
import mailproto.asyncio
from mailproto.errors import ConnectionClosed, SMTPReplyError, SMTPRecipientsRefused
from mailproto.sync import IMAPClient, SMTPClient

ENVELOPE = dict(reverse_path="a@x.example", forward_paths="b@y.example")

def send(server, octets=b"Subject: hi\\r\\n\\r\\n", tls="none", login=False, **options):
    connecting = SMTPClient.connect(
        server.host, server.port, tls=tls, ssl_context=server.client_context, timeout=10, **options
    )
    with connecting as smtp:
        if login:
            smtp.login(server.user, server.password)
        return smtp.send_message(octets, **ENVELOPE)
"""


@pytest.fixture
def own_run(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeini(STRICT)
    return pytester


def passes(pytester: pytest.Pytester, source: str, count: int, *arguments: str) -> pytest.RunResult:
    pytester.makepyfile(SEND + source)
    result = pytester.runpytest(*PLUGIN, *arguments)
    result.assert_outcomes(passed=count)
    return result


def test_sync_and_async_tests_use_the_same_fixture(own_run: pytest.Pytester) -> None:
    passes(
        own_run,
        """
def test_sync(smtp_server):
    send(smtp_server)
    assert smtp_server.messages[0].email["Subject"] == "hi"

def test_async(smtp_server):
    async def main():
        async with mailproto.asyncio.SMTPClient.connect(
            smtp_server.host, smtp_server.port, tls="none"
        ) as smtp:
            await smtp.send_message(b"x\\r\\n", **ENVELOPE)
        assert len(smtp_server.messages) == 1

    asyncio.run(main())

@pytest.mark.parametrize("count", [1, 2])
def test_each_test_has_a_server_of_its_own(smtp_server, count):
    assert smtp_server.messages == []
    send(smtp_server)
    assert len(smtp_server.messages) == 1
""",
        4,
    )


def test_failures_drops_auth_and_tls(own_run: pytest.Pytester) -> None:
    passes(
        own_run,
        """
def test_refusal(smtp_server):
    smtp_server.answer("RCPT", "450 4.2.0 try later")
    with pytest.raises(SMTPRecipientsRefused):
        send(smtp_server)
    send(smtp_server)

def test_drop(smtp_server):
    smtp_server.drop(after="message")
    with pytest.raises(ConnectionClosed):
        send(smtp_server)
    assert smtp_server.messages == []

@pytest.mark.smtp_server(tls="starttls", require_auth=True)
class TestSubmission:
    def test_login_is_needed(self, smtp_server):
        with pytest.raises(SMTPReplyError, match="530"):
            send(smtp_server, tls="starttls")

    def test_login_under_tls(self, smtp_server):
        send(smtp_server, tls="starttls", login=True)
        (message,) = smtp_server.messages
        assert message.is_tls and message.identity == smtp_server.user

    @pytest.mark.smtp_server(require_auth=False)
    def test_the_nearest_marker_wins(self, smtp_server):
        send(smtp_server, tls="starttls")

@pytest.mark.smtp_server(tls="implicit")
def test_implicit(smtp_server):
    send(smtp_server, tls="implicit")
    assert smtp_server.messages[0].is_tls

def test_lmtp(lmtp_server):
    send(lmtp_server, lmtp=True)
    assert lmtp_server.dialogue[0] == "S: 220 mx.example.org LMTP ready"

@pytest.mark.lmtp_server(require_auth=True)
def test_lmtp_options(lmtp_server):
    with pytest.raises(SMTPReplyError, match="530"):
        send(lmtp_server, lmtp=True)

def test_several_servers(smtp_server_factory, smtp_server):
    primary, backup = smtp_server_factory(), smtp_server_factory(hostname="mx2.example.org")
    assert len({primary.port, backup.port, smtp_server.port}) == 3
    send(backup)
    assert (len(primary.messages), len(backup.messages)) == (0, 1)
""",
        9,
    )


def test_the_imap_fixtures(own_run: pytest.Pytester) -> None:
    passes(
        own_run,
        """
def count(server):
    with IMAPClient.connect(
        server.host, server.port, tls="starttls", ssl_context=server.client_context, timeout=10
    ) as imap:
        imap.login(server.user, server.password)
        return imap.select("INBOX").exists

@pytest.mark.imap_server(tls="starttls", user="me")
def test_fixture(imap_server):
    assert imap_server.user == "me"
    imap_server.append(b"Subject: hi\\r\\n\\r\\n")
    assert count(imap_server) == 1

def test_factory(imap_server_factory):
    server = imap_server_factory(tls="starttls")
    assert count(server) == 0
""",
        2,
    )


def test_the_servers_are_stopped_when_a_test_fails(own_run: pytest.Pytester) -> None:
    own_run.makepyfile(
        SEND
        + """
ports = []

def test_that_fails(smtp_server):
    ports.append(smtp_server)
    raise RuntimeError("on purpose")

def test_that_comes_next():
    import socket
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((ports[0].host, ports[0].port), 5)
"""
    )
    own_run.runpytest(*PLUGIN).assert_outcomes(passed=1, failed=1)


def test_a_mail_server_is_both(own_run: pytest.Pytester) -> None:
    passes(
        own_run,
        """
@pytest.mark.mail_server(smtp={"require_auth": True}, password="hush")
def test_it(mail_server):
    with SMTPClient.connect(mail_server.smtp.host, mail_server.smtp.port, tls="none") as smtp:
        smtp.login(mail_server.user, "hush", allow_cleartext=True)
        smtp.send_message(b"Subject: hi\\r\\n\\r\\n", **ENVELOPE)
    with IMAPClient.connect(mail_server.imap.host, mail_server.imap.port, tls="none") as imap:
        imap.login(mail_server.user, "hush", allow_cleartext=True)
        assert imap.select("INBOX").exists == 1
""",
        1,
    )


@pytest.mark.parametrize(
    "marker, complaint",
    [
        ("smtp_server('starttls')", "*expected options by name*"),
        ("smtp_server(colour='red')", "*colour*"),
    ],
)
def test_a_marker_that_makes_no_sense_is_an_error(
    own_run: pytest.Pytester, marker: str, complaint: str
) -> None:
    own_run.makepyfile(f"import pytest\n@pytest.mark.{marker}\ndef test_it(smtp_server): pass\n")
    result = own_run.runpytest(*PLUGIN)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([complaint])


def test_the_markers_are_explained(own_run: pytest.Pytester) -> None:
    result = own_run.runpytest(*PLUGIN, "--markers")
    result.stdout.fnmatch_lines(
        [f"@pytest.mark.{name}_server(?*): *" for name in ("smtp", "lmtp", "imap", "mail")]
    )


def test_runs_that_do_not_use_it_do_not_load_it() -> None:
    program = (
        "import sys, mailproto.pytest_plugin\n"
        "print(*(name for name in sys.modules if name.startswith('mailproto.')))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == {"mailproto.errors", "mailproto.pytest_plugin"}


def test_mailproto_does_not_need_pytest() -> None:
    program = (
        "import sys; sys.modules['pytest'] = None\n"
        "import mailproto, mailproto.testing, mailproto.sync, mailproto.asyncio, mailproto.cli\n"
        "mailproto.testing.SMTPTestServer().stop()\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_the_entry_point_is_the_module_by_its_own_name() -> None:
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    ((name, target),) = project["entry-points"]["pytest11"].items()
    assert name == target == "mailproto.pytest_plugin"
