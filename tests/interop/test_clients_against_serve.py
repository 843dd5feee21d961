"""Clients that we did not write, against `mailproto serve`."""

from __future__ import annotations

import imaplib
import re
import smtplib
import ssl
from email.message import EmailMessage
from pathlib import Path

import pytest

from support_interop import (
    MESSAGE,
    OTHER,
    PASSWORD,
    USER,
    MailServer,
    curl_imap,
    fetch_all_texts,
    program,
    run,
)


def test_smtplib_sends_and_imaplib_reads(mail_server: MailServer) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@example.net", USER, "Größe"
    message.set_content("Hello\n.\n..dots\n")
    with smtplib.SMTP("127.0.0.1", mail_server.ports["smtp"], timeout=20) as smtp:
        smtp.ehlo("client.example")
        assert smtp.has_extn("size")
        assert smtp.has_extn("8bitmime")
        smtp.login(USER, PASSWORD)
        refused = smtp.send_message(message, to_addrs=[USER, "nobody@example.org"])
        assert list(refused) == ["nobody@example.org"]
        assert refused["nobody@example.org"][0] == 550
    with imaplib.IMAP4("127.0.0.1", mail_server.ports["imap"], timeout=20) as imap:
        imap.login(USER, PASSWORD)
        assert imap.select("INBOX") == ("OK", [b"1"])
        assert imap.search(None, "UNSEEN", "BODY", "dots") == ("OK", [b"1"])
        imap.literal = "größe".encode()  # type: ignore[assignment]  # how imaplib sends a literal
        assert imap.uid("SEARCH", "CHARSET", "UTF-8", "SUBJECT") == ("OK", [b"1"])
        status, data = imap.fetch("1", "(UID FLAGS BODY[])")
        assert status == "OK"
        assert isinstance(data[0], tuple)
        octets = data[0][1]
        assert octets.startswith(b"Return-Path: <a@example.net>\r\nReceived: from client.example")
        assert octets.endswith(b"Hello\r\n.\r\n..dots\r\n")
        assert imap.store("1", "+FLAGS", r"(\Deleted $Label)")[0] == "OK"
        assert imap.copy("1", "Archive")[0] == "NO"
        assert imap.create("Archive")[0] == "OK"
        assert imap.copy("1", "Archive")[0] == "OK"
        assert imap.expunge() == ("OK", [b"1"])
        assert imap.status("Archive", "(MESSAGES UIDNEXT)")[1] == [b"Archive (MESSAGES 1 UIDNEXT 2)"]
        assert imap.rename("Archive", '"Old mail"')[0] == "OK"
        assert imap.list()[1] == [rb'(\HasNoChildren) "/" INBOX', rb'(\HasNoChildren) "/" "Old mail"']
        assert imap.append('"Old mail"', r"(\Seen)", imaplib.Time2Internaldate(1e9), MESSAGE)[0] == "OK"
        assert imap.select('"Old mail"') == ("OK", [b"2"])
        assert imap.search(None, "SEEN") == ("OK", [b"1 2"])


def test_smtplib_and_imaplib_over_tls(mail_server: MailServer) -> None:
    context = ssl.create_default_context(cafile=str(mail_server.certificate))
    with smtplib.SMTP("127.0.0.1", mail_server.ports["smtp"], timeout=20) as smtp:
        smtp.starttls(context=context)
        smtp.login(USER, PASSWORD)
        smtp.sendmail("a@example.net", [USER], MESSAGE)
    with smtplib.SMTP_SSL("127.0.0.1", mail_server.ports["smtps"], context=context, timeout=20) as smtp:
        smtp.login(USER, PASSWORD)
        smtp.sendmail("a@example.net", [USER], MESSAGE)
    with imaplib.IMAP4("127.0.0.1", mail_server.ports["imap"], timeout=20) as imap:
        imap.starttls(context)
        imap.login(USER, PASSWORD)
        assert imap.select("INBOX", readonly=True) == ("OK", [b"2"])
    with imaplib.IMAP4_SSL("127.0.0.1", mail_server.ports["imaps"], ssl_context=context, timeout=20) as imap:
        imap.authenticate("PLAIN", lambda _: f"\0{USER}\0{PASSWORD}".encode())
        assert imap.select("INBOX") == ("OK", [b"2"])


@pytest.mark.parametrize("tls", ["clear", "starttls", "implicit"])
def test_curl_sends_over_smtp(mail_server: MailServer, tmp_path: Path, tls: str) -> None:
    curl = program("curl")
    (tmp_path / "m.eml").write_bytes(MESSAGE)
    service, options = {
        "clear": ("smtp", []),
        "starttls": ("smtp", ["--ssl-reqd"]),
        "implicit": ("smtps", []),
    }[tls]
    url = f"{service}://127.0.0.1:{mail_server.ports[service]}/client.example"
    run(
        *(curl, "-sv", "--max-time", "20", "--cacert", str(mail_server.certificate), *options, "--url", url),
        *("--user", f"{USER}:{PASSWORD}", "--mail-from", "a@example.net", "--mail-rcpt", USER),
        *("--mail-rcpt", OTHER, "--upload-file", tmp_path / "m.eml"),
    )
    for user in (USER, OTHER):
        [octets] = fetch_all_texts(mail_server.ports["imap"], user)
        assert octets.endswith(MESSAGE)
        assert b"\r\nReceived: from client.example" in octets


def test_curl_manages_a_mailbox_over_imap(mail_server: MailServer, tmp_path: Path) -> None:
    program("curl")
    port = mail_server.ports["imap"]
    (tmp_path / "m.eml").write_bytes(MESSAGE)
    curl_imap(port, "INBOX", "-T", str(tmp_path / "m.eml"))
    curl_imap(port, "INBOX", "-T", str(tmp_path / "m.eml"))
    assert curl_imap(port, "") == '* LIST (\\HasNoChildren) "/" INBOX\r\n'
    assert curl_imap(port, "INBOX;MAILINDEX=1").encode() == MESSAGE
    assert curl_imap(port, "INBOX;UID=2;SECTION=TEXT").encode() == MESSAGE.partition(b"\r\n\r\n")[2]
    header = curl_imap(port, "INBOX;UID=2;SECTION=HEADER.FIELDS%20(SUBJECT)")
    assert header == "Subject: interoperability\r\n\r\n"
    assert curl_imap(port, "INBOX?ALL") == "* SEARCH 1 2\r\n"
    assert curl_imap(port, "INBOX?SUBJECT%20nothing") == "* SEARCH\r\n"
    stored = curl_imap(port, "INBOX", "-X", r"UID STORE 2 +FLAGS (\Flagged)")
    assert re.search(r"\* 2 FETCH \(UID 2 FLAGS \([^)]*\\Flagged[^)]*\)\)", stored)
    assert curl_imap(port, "INBOX?FLAGGED") == "* SEARCH 2\r\n"
    refused = run("curl", "-s", "--user", f"{USER}:wrong", f"imap://127.0.0.1:{port}/", check=False)
    assert refused == ""


@pytest.mark.parametrize(
    "options",
    [["--pipeline"], ["--tls", "--auth", "PLAIN"], ["--tls", "--auth", "LOGIN", "--pipeline"]],
    ids=["pipeline", "tls-plain", "tls-login-pipeline"],
)
def test_swaks_sends(mail_server: MailServer, options: list[str]) -> None:
    said = run(
        *(program("swaks"), "--server", f"127.0.0.1:{mail_server.ports['smtp']}", "--timeout", "20"),
        *("--from", "a@example.net", "--to", f"{USER},{OTHER}", "--helo", "client.example"),
        *(
            "--auth-user",
            USER,
            "--auth-password",
            PASSWORD,
            "--body",
            "hello",
            "--h-Subject",
            "swaks",
            *options,
        ),
    )
    assert re.search(r"<[-~*]+\s+250 2\.\d\.\d .*\n.*QUIT", said)
    assert fetch_all_texts(mail_server.ports["imap"], OTHER)[0].endswith(b"hello\r\n\r\n\r\n")


def test_swaks_delivers_over_lmtp(mail_server: MailServer) -> None:
    run(
        *(program("swaks"), "--server", f"127.0.0.1:{mail_server.ports['lmtp']}", "--protocol", "LMTP"),
        *("--timeout", "20", "--from", "a@example.net", "--to", f"{USER},{OTHER}", "--body", "lmtp"),
    )
    assert b"\r\n\tby " in fetch_all_texts(mail_server.ports["imap"], USER)[0]
    assert b" with LMTP" in fetch_all_texts(mail_server.ports["imap"], OTHER)[0]


def test_msmtp_sends(mail_server: MailServer) -> None:
    run(
        *(program("msmtp"), "-C", "/dev/null", "--host=127.0.0.1", f"--port={mail_server.ports['smtp']}"),
        *("--tls=on", "--tls-starttls=on", f"--tls-trust-file={mail_server.certificate}", "--auth=plain"),
        *(f"--user={USER}", f"--passwordeval=echo {PASSWORD}", "--timeout=20", "--from=a@example.net", USER),
        stdin=b"Subject: m\n\nhi\n.dot\n..\n",
    )
    assert fetch_all_texts(mail_server.ports["imap"], USER)[0].endswith(
        b"Subject: m\r\n\r\nhi\r\n.dot\r\n..\r\n"
    )


MBSYNC = """\
IMAPAccount t
Host 127.0.0.1
Port {port}
User {user}
Pass {password}
SSLType None
AuthMechs LOGIN

IMAPStore far
Account t

MaildirStore near
Path {base}/mail/
Inbox {base}/mail/INBOX
SubFolders Verbatim

Channel c
Far :far:
Near :near:
Patterns *
Create Both
Expunge Both
SyncState {base}/state/
"""


def test_mbsync_syncs_two_mailboxes_both_ways(mail_server: MailServer, tmp_path: Path) -> None:
    mbsync = program("mbsync")
    port = mail_server.ports["imap"]
    configuration = tmp_path / "mbsyncrc"
    configuration.write_text(MBSYNC.format(port=port, user=USER, password=PASSWORD, base=tmp_path))
    (tmp_path / "state").mkdir()
    for name in ("cur", "new", "tmp"):
        (tmp_path / "mail" / "Local" / name).mkdir(parents=True)
    (tmp_path / "mail" / "Local" / "cur" / "1.near:2,S").write_bytes(MESSAGE.replace(b"\r\n", b"\n"))
    with imaplib.IMAP4("127.0.0.1", port, timeout=20) as imap:
        imap.login(USER, PASSWORD)
        imap.create("Work")
        for number in range(5):
            imap.append("Work", "", "", MESSAGE + b"%d\r\n" % number)
        imap.append("INBOX", r"(\Flagged)", "", MESSAGE)

    def maildir(name: str) -> list[Path]:
        return [path for part in ("cur", "new") for path in (tmp_path / "mail" / name / part).iterdir()]

    run(mbsync, "-c", configuration, "c")
    assert (len(maildir("Work")), len(maildir("INBOX"))) == (5, 1)
    assert maildir("INBOX")[0].name.endswith(":2,F")
    with imaplib.IMAP4("127.0.0.1", port, timeout=20) as imap:
        imap.login(USER, PASSWORD)
        assert imap.select("Local") == ("OK", [b"1"])
        assert imap.search(None, "SEEN") == ("OK", [b"1"])
        imap.select("Work")
        imap.store("2,4", "+FLAGS.SILENT", r"(\Deleted)")
        imap.expunge()
    maildir("INBOX")[0].unlink()
    run(mbsync, "-c", configuration, "c")
    assert len(maildir("Work")) == 3
    with imaplib.IMAP4("127.0.0.1", port, timeout=20) as imap:
        imap.login(USER, PASSWORD)
        assert imap.select("INBOX") == ("OK", [b"0"])
    before = {path.name: path.read_bytes() for path in (tmp_path / "state").iterdir()}
    said = run(mbsync, "-c", configuration, "-V", "c")
    assert re.findall(r"[1-9]\d* (?:new|flags|expunge)", said) == []
    assert {path.name: path.read_bytes() for path in (tmp_path / "state").iterdir()} == before
