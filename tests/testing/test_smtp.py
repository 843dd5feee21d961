"""The SMTP test server: what it keeps, how it fails on demand, that it ends cleanly."""

from __future__ import annotations

import asyncio
import gc
import smtplib
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

import mailproto.asyncio
from mailproto.address import Path as MailPath
from mailproto.errors import (
    ConnectionClosed,
    LocalProtocolError,
    SMTPAuthenticationFailed,
    SMTPRecipientsRefused,
    SMTPReplyError,
    TLSUnavailable,
)
from mailproto.smtp import Mail, Noop, Parameters, Rcpt, Reply
from mailproto.sync import SMTPClient
from mailproto.testing import SMTPTestServer

OCTETS = b"Subject: hi\r\n\r\nhello\r\n"
ENVELOPE: dict[str, Any] = {"reverse_path": "a@x.example", "forward_paths": ["b@y.example", "c@y.example"]}


def connect(server: SMTPTestServer, **arguments: Any) -> SMTPClient:
    arguments = {"tls": "none", "timeout": 10, "local_hostname": "me.example", **arguments}
    return SMTPClient.connect(server.host, server.port, ssl_context=server.client_context, **arguments)


def send(server: SMTPTestServer, **arguments: Any) -> Any:
    with connect(server, **arguments) as smtp:
        return smtp.send_message(OCTETS, **ENVELOPE)


def test_a_message_is_kept_with_its_envelope() -> None:
    with SMTPTestServer() as server:
        send(server)
        (message,) = server.messages
    assert (message.reverse_path, message.forward_paths) == ("a@x.example", ("b@y.example", "c@y.example"))
    assert message.octets == OCTETS
    assert message.email["Subject"] == "hi"
    assert message.email.get_content() == "hello\n"
    assert message.mail == Mail(MailPath.of("a@x.example"), Parameters.of(size=len(OCTETS)))
    assert message.recipients == (Rcpt(MailPath.of("b@y.example")), Rcpt(MailPath.of("c@y.example")))
    assert (message.identity, message.is_tls, message.hello) == (None, False, "me.example")


def test_the_null_reverse_path_is_empty_text() -> None:
    with SMTPTestServer() as server:
        with connect(server) as smtp:
            smtp.send_message(OCTETS, reverse_path="", forward_paths="b@y.example")
        assert server.messages[0].reverse_path == ""


def test_the_library_of_the_standard_can_be_tested_too() -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@x.example", "b@y.example", "hi"
    message.set_content("hello")
    with SMTPTestServer(tls="starttls", require_auth=True) as server:
        with smtplib.SMTP(server.host, server.port, timeout=10) as smtp:
            smtp.starttls(context=server.client_context)
            smtp.login(server.user, server.password)
            smtp.send_message(message)
        (received,) = server.messages
    assert received.email["Subject"] == "hi"
    assert (received.identity, received.is_tls) == (server.user, True)


def test_async_code_is_tested_by_the_same_server() -> None:
    async def main(server: SMTPTestServer) -> None:
        async with mailproto.asyncio.SMTPClient.connect(server.host, server.port, tls="none") as smtp:
            await smtp.send_message(OCTETS, **ENVELOPE)
        assert [message.octets for message in server.messages] == [OCTETS]
        assert await asyncio.to_thread(server.wait_for, 1) == server.messages

    with SMTPTestServer() as server:
        asyncio.run(main(server))


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_tls_with_a_certificate_that_is_checked(tls: Any) -> None:
    with SMTPTestServer(tls=tls) as server:
        send(server, tls=tls)
        assert server.messages[0].is_tls
        assert (server.authority or b"").startswith(b"-----BEGIN CERTIFICATE-----")
        with pytest.raises(ConnectionClosed):
            SMTPClient.connect(server.host, server.port, tls=tls)


def test_without_tls_there_is_no_context() -> None:
    with SMTPTestServer() as server:
        assert (server.client_context, server.authority) == (None, None)


def test_without_trustme_one_sentence_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['trustme'] = None\n"
        "from mailproto.testing import SMTPTestServer\n"
        "SMTPTestServer().stop()\n"
        "try:\n    SMTPTestServer(tls='starttls')\n"
        "except ModuleNotFoundError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "a test server with TLS needs trustme: pip install 'mailproto[testing]'\n"


def test_auth_is_asked_for_and_checked() -> None:
    with SMTPTestServer(require_auth=True, user="me@x.example", password="hush") as server:
        with connect(server) as smtp:
            with pytest.raises(SMTPReplyError, match="530"):
                smtp.send_message(OCTETS, **ENVELOPE)
            with pytest.raises(SMTPAuthenticationFailed):
                smtp.login(server.user, "wrong", allow_cleartext=True)
            smtp.login(server.user, server.password, allow_cleartext=True)
            smtp.send_message(OCTETS, **ENVELOPE)
        assert [message.identity for message in server.messages] == ["me@x.example"]
        assert not [line for line in server.dialogue if "hush" in line or "aHVzaA" in line]
        assert "C: AUTH PLAIN ***" in server.dialogue


def test_the_dialogue_shows_both_sides_line_by_line() -> None:
    with SMTPTestServer(hostname="mx.test") as server:
        send(server)
        dialogue = server.dialogue
    assert dialogue[0] == "S: 220 mx.test ESMTP ready"
    assert dialogue[1] == "C: EHLO me.example"
    at = dialogue.index(f"C: MAIL FROM:<a@x.example> SIZE={len(OCTETS)}")
    assert dialogue[at:] == [
        f"C: MAIL FROM:<a@x.example> SIZE={len(OCTETS)}",
        "S: 250 2.1.0 sender accepted",
        "C: RCPT TO:<b@y.example>",
        "S: 250 2.1.5 recipient accepted",
        "C: RCPT TO:<c@y.example>",
        "S: 250 2.1.5 recipient accepted",
        "C: DATA",
        "S: 354 end the message with <CRLF>.<CRLF>",
        "C: Subject: hi",
        "C: ",
        "C: hello",
        "C: .",
        "S: 250 2.0.0 message accepted",
        "C: QUIT",
        "S: 221 2.0.0 closing the connection",
    ]


@pytest.mark.parametrize(
    "command, kind",
    [
        ("connect", SMTPReplyError),
        ("MAIL", SMTPReplyError),
        ("rcpt", SMTPRecipientsRefused),
        ("DATA", SMTPReplyError),
        ("message", SMTPReplyError),
    ],
)
def test_a_scripted_refusal_comes_once_and_has_no_effect(command: str, kind: type[Exception]) -> None:
    with SMTPTestServer() as server:
        server.answer(command, "450 4.2.0 try later", times=2 if command == "rcpt" else 1)
        with pytest.raises(kind, match="450 try later"):
            send(server)
        assert server.messages == []
        send(server)
        assert len(server.messages) == 1


def test_a_refused_recipient_is_not_in_the_envelope() -> None:
    with SMTPTestServer() as server:
        server.answer("RCPT", "550 5.1.1 unknown", times=None, recipient="c@y.example")
        result = send(server)
        assert result.accepted == ("b@y.example",)
        assert result.refused["c@y.example"] == Reply.of(550, "5.1.1", "unknown")
        assert server.messages[0].forward_paths == ("b@y.example",)
        send(server)
        assert server.messages[1].forward_paths == ("b@y.example",)


def test_answers_to_one_command_are_used_up_in_order() -> None:
    with SMTPTestServer() as server, connect(server) as smtp:
        server.answer("NOOP", "250 one")
        server.answer("noop", Reply(451, ("two",)), times=2)
        server.answer("NOOP", "250-three\r\n250 and more")
        texts = [smtp.exchange(Noop()).text for _ in range(5)]
    assert texts == ["one", "two", "two", "three\nand more", "nothing done"]


def test_a_scripted_success_has_its_effect() -> None:
    with SMTPTestServer() as server:
        server.answer("MAIL", "250 2.1.0 welcome")
        server.answer("RCPT", "251 will forward", recipient="b@y.example")
        server.answer("message", "250 2.6.0 queued as 17")
        result = send(server)
        assert result.reply == Reply.of(250, "2.6.0", "queued as 17")
        assert server.messages[0].forward_paths == ("b@y.example", "c@y.example")
        assert "S: 251 will forward" in server.dialogue


def test_what_ehlo_offers_can_be_scripted() -> None:
    with SMTPTestServer() as server:
        server.answer("EHLO", "250-old.example\n250 SIZE 30", times=None)
        with connect(server) as smtp:
            assert smtp.extensions.pairs == (("SIZE", "30"),)
            with pytest.raises(LocalProtocolError):
                smtp.send_message(OCTETS * 2, **ENVELOPE)
        server.reset()
        server.answer("EHLO", "502 5.5.1 no")
        send(server)
        assert "C: HELO me.example" in server.dialogue


def test_auth_and_starttls_are_refused_on_demand() -> None:
    with SMTPTestServer(tls="starttls") as server:
        server.answer("STARTTLS", "454 4.7.0 TLS not available")
        with pytest.raises(TLSUnavailable, match="454"):
            connect(server, tls="starttls")
        server.answer("AUTH", "454 4.7.0 try later")
        with connect(server, tls="starttls") as smtp:
            with pytest.raises(SMTPAuthenticationFailed, match="454"):
                smtp.login(server.user, server.password)
            smtp.login(server.user, server.password)
        server.answer("SASL response", "535 5.7.8 no")
        with connect(server, tls="starttls") as smtp:
            assert smtp.exchange(b"AUTH LOGIN\r\n").code == 334
            assert smtp.exchange(b"dXNlcg==\r\n").code == 535


@pytest.mark.parametrize("octets", [b"garbage\r\n", b"999 no\r\n", b"250-a\r\n251 b\r\n"])
def test_octets_are_sent_exactly_as_they_are(octets: bytes) -> None:
    with SMTPTestServer() as server, socket.create_connection((server.host, server.port), 10) as sock:
        server.answer("EHLO", octets)
        lines = sock.makefile("rwb")
        lines.readline()
        lines.write(b"EHLO me.example\r\n")
        lines.flush()
        assert lines.read(len(octets)) == octets
        lines.close()


def test_a_reply_that_the_rfc_does_not_know_can_be_tested_for() -> None:
    with SMTPTestServer() as server:
        server.answer("DATA", "250 what now")
        server.answer("connect", b"220 octets\r\n")
        with connect(server) as smtp, pytest.raises(Exception, match="expected an answer to DATA, got 250"):
            smtp.send_message(OCTETS, **ENVELOPE)
        assert server.dialogue[0] == "S: 220 octets"


def test_421_ends_the_session() -> None:
    with SMTPTestServer() as server:
        server.answer("MAIL", "421 4.3.2 going down")
        with connect(server) as smtp, pytest.raises(ConnectionClosed, match="421 going down"):
            smtp.send_message(OCTETS, **ENVELOPE)
        send(server)


@pytest.mark.parametrize("answered", [False, True])
@pytest.mark.parametrize("command", ["connect", "EHLO", "MAIL", "RCPT", "DATA", "message"])
def test_a_drop_closes_the_connection(command: str, answered: bool) -> None:
    with SMTPTestServer() as server:
        server.drop(command, answered=answered)
        if command == "message" and answered:
            send(server)
        else:
            with pytest.raises(ConnectionClosed):
                send(server)
        assert len(server.messages) == (command == "message" and answered)
        said, answer = LAST_LINES[command]
        assert server.dialogue[-1:] == ([answer] if answered else [said] if said else [])
        server.reset()
        send(server)
        assert len(server.messages) == 1


LAST_LINES = {
    "connect": ("", "S: 220 mx.example.org ESMTP ready"),
    "EHLO": ("C: EHLO me.example", "S: 250 HELP"),
    "MAIL": (f"C: MAIL FROM:<a@x.example> SIZE={len(OCTETS)}", "S: 250 2.1.0 sender accepted"),
    "RCPT": ("C: RCPT TO:<b@y.example>", "S: 250 2.1.5 recipient accepted"),
    "DATA": ("C: DATA", "S: 354 end the message with <CRLF>.<CRLF>"),
    "message": ("C: .", "S: 250 2.0.0 message accepted"),
}


def test_a_drop_in_the_middle_of_a_message() -> None:
    with SMTPTestServer() as server:
        server.drop("body")
        with connect(server) as smtp, pytest.raises(ConnectionClosed):
            smtp.send_message(iter([b"line\r\n" * 20_000] * 50), **ENVELOPE)
        assert server.messages == []


@pytest.mark.parametrize("answered", [False, True])
def test_a_drop_in_place_of_the_handshake(answered: bool) -> None:
    with SMTPTestServer(tls="starttls") as server:
        server.drop("STARTTLS", answered=answered)
        with pytest.raises(ConnectionClosed) as caught:
            connect(server, tls="starttls")
        assert caught.value.phase in (("tls", "write") if answered else ("read",))
        assert server.dialogue[-1] == ("S: 220 2.0.0 ready for TLS" if answered else "C: STARTTLS")
        send(server, tls="starttls")


def test_lmtp_has_an_answer_for_each_recipient() -> None:
    with SMTPTestServer(lmtp=True) as server:
        server.answer("message", "452 4.2.2 full", recipient="c@y.example")
        result = send(server, lmtp=True)
        assert result.accepted == ("b@y.example",)
        assert server.messages[0].forward_paths == ("b@y.example",)
        server.answer("message", "451 4.3.0 nobody")
        with pytest.raises(SMTPRecipientsRefused):
            send(server, lmtp=True)
        assert len(server.messages) == 1
        server.drop("message", answered=True)
        assert send(server, lmtp=True).accepted == ("b@y.example", "c@y.example")
        server.answer("message", b"250 one\r\n250 two\r\n")
        assert len(send(server, lmtp=True).accepted) == 2
        assert len(server.messages) == 2


@pytest.mark.parametrize(
    "call",
    [
        lambda server: server.answer("RCTP", "550 no"),
        lambda server: server.answer("body", "550 no"),
        lambda server: server.answer("MAIL", "no"),
        lambda server: server.answer("MAIL", "550 no\n550 twice"),
        lambda server: server.answer("MAIL", "550-unfinished"),
        lambda server: server.answer("MAIL", "550 no", times=0),
        lambda server: server.answer("MAIL", "550 no", recipient="b@y.example"),
        lambda server: server.answer("message", "550 no", recipient="b@y.example"),
        lambda server: server.answer("RCPT", "550 no", recipient="no address"),
        lambda server: server.drop("RCTP"),
        lambda server: server.drop("body", answered=True),
        lambda server: SMTPTestServer(tls="maybe"),  # type: ignore[arg-type]  # what is refused
    ],
    ids=range(12),
)
def test_what_makes_no_sense_is_refused_at_once(call: Any) -> None:
    with SMTPTestServer() as server, pytest.raises(LocalProtocolError):
        call(server)


def test_two_clients_at_once() -> None:
    inside = threading.Barrier(2, timeout=10)

    def work(name: str) -> None:
        with connect(server, local_hostname=f"{name}.example") as smtp:
            for _ in range(5):
                inside.wait()
                smtp.send_message(OCTETS, reverse_path=f"{name}@x.example", forward_paths="b@y.example")

    with SMTPTestServer() as server, ThreadPoolExecutor(2) as pool:
        server.answer("MAIL", "250 2.1.0 once")
        list(pool.map(work, ["one", "two"]))
        received = sorted(message.reverse_path for message in server.messages)
        assert received == ["one@x.example"] * 5 + ["two@x.example"] * 5
        assert server.dialogue.count("S: 250 2.1.0 once") == 1
        assert len(server.dialogues) == 2
        for dialogue in server.dialogues:
            name = dialogue[1].removeprefix("C: EHLO ").removesuffix(".example")
            mails = [line for line in dialogue if line.startswith("C: MAIL")]
            assert len(mails) == 5
            assert all(name in line for line in mails)


def test_waiting_for_a_message_that_is_sent_elsewhere() -> None:
    with SMTPTestServer() as server:
        thread = threading.Thread(target=lambda: [send(server) for _ in range(2)])
        thread.start()
        assert len(server.wait_for(2)) == 2
        thread.join()
        with pytest.raises(TimeoutError, match=r"expected 3 messages in 0\.01 s, got 2"):
            server.wait_for(3, timeout=0.01)


def test_reset_forgets_and_leaves_the_connections_open() -> None:
    with SMTPTestServer() as server, connect(server) as smtp:
        smtp.send_message(OCTETS, **ENVELOPE)
        server.answer("MAIL", "550 no", times=None)
        server.reset()
        assert (server.messages, server.dialogue, server.dialogues) == ([], [], [])
        smtp.send_message(OCTETS, **ENVELOPE)
        assert len(server.messages) == 1
        assert server.dialogue[0].startswith("C: MAIL")


def test_nothing_is_left_when_it_has_stopped() -> None:
    def ours() -> list[threading.Thread]:
        return [thread for thread in threading.enumerate() if thread not in before]

    before = set(threading.enumerate())
    with SMTPTestServer() as server, socket.create_connection((server.host, server.port), 10) as idle:
        send(server)
        assert len(ours()) >= 2
        server.stop()
        for thread in ours():
            thread.join(5)
        assert ours() == []
        said = idle.makefile("rb").read()
        assert said.endswith(b"421 4.3.2 the server stops\r\n")
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((server.host, server.port), 10)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="the system does not list open files")
def test_no_file_stays_open() -> None:
    def open_files() -> int:
        gc.collect()
        return len(list(Path("/proc/self/fd").iterdir()))

    def serve() -> None:
        with SMTPTestServer(tls="starttls") as server:
            send(server, tls="starttls")

    serve()
    before = open_files()
    for _ in range(3):
        serve()
    assert open_files() == before
