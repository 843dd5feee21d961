"""The command line: what it prints, what it ends with, and that no password shows."""

from __future__ import annotations

import argparse
import io
import re
import smtplib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailproto.cli import main
from mailproto.cli._exit import Exit, Failure
from mailproto.cli._mail_system import MailSystem, parse_user, store_factory
from mailproto.cli._output import Dialogue, print_table, with_progress
from mailproto.cli._server_url import parse_server_url, ssl_context, tls_mode
from support_interop import OTHER, PASSWORD, USER, MailServer, start_mail_server, stop

MESSAGE = b"From: a@example.net\r\nSubject: =?utf-8?q?Gr=C3=B6=C3=9Fe?=\r\n\r\nhello\r\n.dot\r\n"
ENCODED_USER = USER.replace("@", "%40")


@pytest.fixture(scope="module")
def server() -> Iterator[MailServer]:
    """Serve without TLS."""
    listeners = ["--smtp", "127.0.0.1:0", "--lmtp", "127.0.0.1:0", "--imap", "127.0.0.1:0"]
    users = ["--user", f"{USER}:{PASSWORD}", "--user", f"{OTHER}:{PASSWORD}"]
    started = start_mail_server(*listeners, *users, "--allow-cleartext-login")
    try:
        yield started
    finally:
        assert stop(started.process) == Exit.DONE


def imap_arguments(server: MailServer, *action: str, mailbox: str = "") -> list[str]:
    url = f"imap://{ENCODED_USER}:{PASSWORD}@127.0.0.1:{server.ports['imap']}/{mailbox}"
    return ["imap", url, "--tls", "none", "--allow-cleartext-login", *action]


def test_send_then_list_then_fetch(
    server: MailServer, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    (tmp_path / "m.eml").write_bytes(MESSAGE)
    url = f"smtp://127.0.0.1:{server.ports['smtp']}"
    envelope = ["--from", "a@example.net", "--to", USER, "--to", "nobody@example.org"]
    assert main(["send", url, str(tmp_path / "m.eml"), "--tls", "none", *envelope]) == Exit.REFUSED
    printed = capfdbinary.readouterr().out.decode().splitlines()
    assert printed[0] == f"accepted\t{USER}"
    assert re.fullmatch(r"refused\tnobody@example.org\t550 .*no such user.*", printed[1])

    assert main(imap_arguments(server, "mailboxes")) == Exit.DONE
    assert capfdbinary.readouterr().out == b"\\HasNoChildren\tINBOX\n"

    assert main(imap_arguments(server, "messages", "--search", "hello")) == Exit.DONE
    columns = capfdbinary.readouterr().out.decode().rstrip("\n").split("\t")
    assert (columns[0], columns[4], columns[5]) == ("1", "a@example.net", "Größe")

    assert main(imap_arguments(server, "messages", "--search", "nowhere to be found")) == Exit.DONE
    assert capfdbinary.readouterr().out == b""

    assert main(imap_arguments(server, "fetch", "1")) == Exit.DONE
    assert capfdbinary.readouterr().out.endswith(MESSAGE)
    target = tmp_path / "part"
    assert main(imap_arguments(server, "fetch", "1", "--part", "1", "--output", str(target))) == Exit.DONE
    assert target.read_bytes() == b"hello\r\n.dot\r\n"


def test_a_part_whose_encoding_is_malformed_is_fetched_all_the_same(
    server: MailServer, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    message = b"Subject: broken\r\nContent-Transfer-Encoding: base64\r\n\r\naGVs!bG8=\r\n"
    (tmp_path / "m.eml").write_bytes(message)
    url = f"smtp://127.0.0.1:{server.ports['smtp']}"
    send = ["send", url, str(tmp_path / "m.eml"), "--tls", "none", "--from", "a@example.net", "--to", USER]
    assert main(send) == Exit.DONE
    assert main(imap_arguments(server, "messages", "--search", "broken")) == Exit.DONE
    uid = capfdbinary.readouterr().out.splitlines()[-1].split(b"\t")[0].decode()
    assert main(imap_arguments(server, "fetch", uid, "--part", "1")) == Exit.DONE
    printed = capfdbinary.readouterr()
    assert printed.out == b"hello"
    expected = b"mailproto: octet 4 of the part: expected base64 digits and line ends only\n"
    assert printed.err.replace(b"\r\n", b"\n") == expected


def test_a_message_from_standard_input_by_lmtp(
    server: MailServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Input:
        buffer = io.BytesIO(MESSAGE)

    monkeypatch.setattr(sys, "stdin", Input())
    url = f"lmtp://127.0.0.1:{server.ports['lmtp']}"
    assert main(["send", url, "--to", OTHER, "-"]) == Exit.DONE
    assert capsys.readouterr().out == f"accepted\t{OTHER}\n"


def test_a_trace_shows_the_dialogue_and_no_password(
    server: MailServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*imap_arguments(server), "--trace", "mailboxes"]) == Exit.DONE
    shown = capsys.readouterr().err
    assert "S: * OK" in shown
    assert re.search(r"C: \S+ (LOGIN|AUTHENTICATE) .*\*\*\*", shown)
    assert PASSWORD not in shown


def test_a_refused_login_ends_with_its_code(server: MailServer, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"imap://{ENCODED_USER}:wrong@127.0.0.1:{server.ports['imap']}"
    arguments = ["imap", url, "--tls", "none", "--allow-cleartext-login", "mailboxes"]
    assert main(arguments) == Exit.REFUSED
    complaint = capsys.readouterr().err
    assert complaint.startswith("mailproto: ")
    assert "AUTHENTICATIONFAILED" in complaint
    assert "wrong" not in complaint


def test_without_tls_a_login_does_not_send_the_password(
    server: MailServer, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [word for word in imap_arguments(server, "mailboxes") if word != "--allow-cleartext-login"]
    assert main([arguments[0], "--trace", *arguments[1:]]) == Exit.DONE
    assert "AUTHENTICATE SCRAM-SHA-512" in "".join(capsys.readouterr())


def test_nobody_listening_ends_with_its_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(["send", "smtp://127.0.0.1:1", "--tls", "none", "--to", USER, "/dev/null"]) == Exit.NO_CONNECTION
    )
    assert capsys.readouterr().err.startswith("mailproto: connect: ")


WRONG_CALLS = [
    (["send", "http://127.0.0.1", "-", "--to", USER], "expected a URL like smtp://host or smtps://host"),
    (["imap", "imap://127.0.0.1", "mailboxes"], "expected a URL with a user"),
    (["imap", "imap://u@127.0.0.1:99999", "mailboxes"], "the URL of 127.0.0.1: Port out of range"),
    (["serve"], "nothing to serve"),
    (["serve", "--smtps", "127.0.0.1:0"], "--smtps needs --tls-cert and --tls-key, or --tls-self-signed"),
    (["serve", "--smtp", "127.0.0.1"], "--smtp: expected HOST:PORT, got '127.0.0.1'"),
    (["serve", "--smtp", "127.0.0.1:0", "--user", "a"], "--user: expected NAME:PASSWORD"),
    (["serve", "--smtp", "127.0.0.1:0", "--store", "paper"], "--store: expected memory or sqlite:PATH"),
    (["serve", "--smtp", "127.0.0.1:0", "--tls-cert", "/nowhere"], "--tls-cert /nowhere"),
]


@pytest.mark.parametrize("arguments, complaint", WRONG_CALLS)
def test_a_wrong_call_is_told_in_one_line(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == Exit.USAGE
    printed = capsys.readouterr().err
    assert printed.startswith(f"mailproto: {complaint}")
    assert printed.count("\n") == 1


@pytest.mark.parametrize("subcommand", ["serve", "demo", "send", "imap"])
def test_every_subcommand_has_help(subcommand: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as done:
        main([subcommand, "--help"])
    assert done.value.code == 0
    assert f"mailproto {subcommand}" in capsys.readouterr().out


def test_the_module_runs_as_a_program() -> None:
    done = subprocess.run([sys.executable, "-m", "mailproto", "--version"], capture_output=True, text=True)
    assert re.fullmatch(r"mailproto \d+\.\d+.*\n", done.stdout)
    assert done.returncode == 0


def test_an_interrupt_has_its_own_code(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(arguments: argparse.Namespace) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("mailproto.cli.demo.run", interrupted)
    assert main(["demo"]) == Exit.INTERRUPTED


def test_without_an_extra_one_sentence_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "trustme", None)
    monkeypatch.setitem(sys.modules, "rich", None)
    assert main(["serve", "--smtp", "127.0.0.1:0", "--tls-self-signed"]) == Exit.NOT_INSTALLED
    expected = "--tls-self-signed needs trustme, which is not installed: pip install 'mailproto[cli]'"
    assert capsys.readouterr().err == f"mailproto: {expected}\n"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    print_table(("a", "b"), [("1", "two\x1b[0m")])
    captured = capsys.readouterr()
    assert captured.out == "1\ttwo\\x1b[0m\n"
    assert captured.err.count("rich") == 1


def test_tables_and_progress_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    print_table(("uid", "subject"), [("1", "[bold]not markup")])
    assert "[bold]not markup" in capsys.readouterr().out
    assert list(with_progress([b"ab", b"c"], 3, "sending")) == [b"ab", b"c"]


def test_a_dialogue_is_marked_escaped_and_cut() -> None:
    file = io.StringIO()
    dialogue = Dialogue(label="SMTP ", file=file)
    dialogue("sent", b"EHLO x\r\nNOOP \x1b[31m\r\n")
    dialogue("received", b"250 " + b"x" * 300 + b"\r\n")
    first, second, third = file.getvalue().splitlines()
    assert (first, second) == ("SMTP C: EHLO x", "SMTP C: NOOP \\x1b[31m")
    assert third == f"SMTP S: 250 {'x' * 196}... (304 octets)"


def test_urls() -> None:
    url = parse_server_url("imaps://bob%40example.org:p%3Aw@mail.example.org/Sent%20mail", ("imap", "imaps"))
    assert (url.host, url.port, url.user, url.mailbox) == (
        "mail.example.org",
        993,
        "bob@example.org",
        "Sent mail",
    )
    assert url.ask_password() == "p:w"
    assert "p:w" not in repr(url)
    options = argparse.Namespace(tls=None, ca_file=None, insecure=True)
    assert tls_mode(url, options) == "implicit"
    assert not ssl_context(options).check_hostname


def test_a_password_from_the_environment_or_none_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    url = parse_server_url("smtp://u@h", ("smtp",))
    monkeypatch.setenv("MAILPROTO_PASSWORD", "from the environment")
    assert url.ask_password() == "from the environment"
    monkeypatch.delenv("MAILPROTO_PASSWORD")
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False)
    with pytest.raises(Failure, match="no password"):
        url.ask_password()


def test_users_by_address_and_by_local_part() -> None:
    users = dict([parse_user("bob:secret"), parse_user("alice@example.org:a:b")])
    assert users["alice@example.org"].reveal() == "a:b"
    system = MailSystem(users, store_factory("memory"), "mx.example.org")
    assert system.store_of("bob") is system.store_of("bob")
    assert system.store_of("bob") is not system.store_of("alice@example.org")


def test_serve_refuses_passwords_in_the_clear(tmp_path: Path) -> None:
    server = start_mail_server("--smtp", "127.0.0.1:0", "--user", f"{USER}:{PASSWORD}", "--tls-self-signed")
    try:
        with smtplib.SMTP("127.0.0.1", server.ports["smtp"], timeout=20) as smtp:
            smtp.ehlo()
            offered = smtp.esmtp_features["auth"].split()
            assert offered == ["SCRAM-SHA-512", "SCRAM-SHA-256", "SCRAM-SHA-1"]
            assert smtp.has_extn("starttls")
    finally:
        assert stop(server.process) == Exit.DONE


def test_the_demo_checks_every_step(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["demo"]) == Exit.DONE
    shown = capfd.readouterr().out
    assert shown.count("   ok: ") == 22
    assert shown.endswith("all 22 checks hold\n")
    for line in ("SMTP S: 220 ", "SMTP C: STARTTLS", "SMTP C: DATA", "IMAP C: ", "IMAP S: * 1 EXISTS"):
        assert line in shown
    assert "correct horse" not in shown
