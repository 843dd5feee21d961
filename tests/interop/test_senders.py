"""Programs that send mail, against `serve_smtp` of both kinds: curl, msmtp, swaks, smtp-source, s-nail."""

from __future__ import annotations

import re
from collections.abc import Callable
from email import message_from_bytes
from pathlib import Path

import pytest

from support_arrivals import OFFERS, SAMPLES, USERS, Receiver, unique
from support_interop import Certificate, program, run

Receivers = dict[tuple[str, str], Receiver]

REVERSE_PATH = "a@example.net"
[(USER, PASSWORD)] = USERS.items()
FILE_DOT = re.compile(rb"^\.", re.MULTILINE)


Send = Callable[[Receiver, str, str, bytes, Path], None]
"""Sends octets from a reverse-path to a recipient, with a folder to write to."""


def curl(receiver: Receiver, reverse_path: str, recipient: str, octets: bytes, folder: Path) -> None:
    """Curl sends a file as it is, dot-stuffed."""
    (folder / "message").write_bytes(octets)
    run(
        *(program("curl"), "-s", "--max-time", "60", "--url", f"smtp://127.0.0.1:{receiver.port}/me.example"),
        *("--mail-from", reverse_path, "--mail-rcpt", recipient, "--upload-file", folder / "message"),
    )


def msmtp(receiver: Receiver, reverse_path: str, recipient: str, octets: bytes, folder: Path) -> None:
    """Msmtp reads lines that end with LF."""
    run(
        *(program("msmtp"), "-C", "/dev/null", "--host=127.0.0.1", f"--port={receiver.port}", "--tls=off"),
        *("--auth=off", "--timeout=60", f"--from={reverse_path}", recipient),
        stdin=octets.replace(b"\r\n", b"\n"),
    )


def swaks(receiver: Receiver, *options: str | Path) -> str:
    target = ("--socket", receiver.path) if receiver.path else ("--server", f"127.0.0.1:{receiver.port}")
    protocol = ("--protocol", "LMTP") if receiver.lmtp else ()
    return run(program("swaks"), *target, *protocol, "--timeout", "60", "--from", REVERSE_PATH, *options)


def swaks_data(receiver: Receiver, reverse_path: str, recipient: str, octets: bytes, folder: Path) -> None:
    """Swaks, left to itself, drops a last line of one dot: it gets the octets of the wire."""
    end = b"" if octets.endswith(b"\r\n") else b"\r\n"
    (folder / "message").write_bytes(FILE_DOT.sub(b"..", octets) + end + b".")
    data = ("--no-data-fixup", "--data", f"@{folder / 'message'}")
    swaks(receiver, "--from", reverse_path, "--to", recipient, *data, "--silent")


def smtp_source(receiver: Receiver, *options: str | Path) -> None:
    target = f"unix:{receiver.path}" if receiver.path else f"127.0.0.1:{receiver.port}"
    run(program("smtp-source"), *(["-L"] if receiver.lmtp else []), "-M", "me.example", *options, target)


def smtp_source_file(
    receiver: Receiver, reverse_path: str, recipient: str, octets: bytes, folder: Path
) -> None:
    """Smtp-source reads lines that end with LF, and puts an empty one behind them."""
    (folder / "message").write_bytes(octets.replace(b"\r\n", b"\n"))
    smtp_source(receiver, "-f", reverse_path, "-t", recipient, "-F", folder / "message")


# Each with the services that it is asked to send to.
SENDERS: list[tuple[Send, str]] = [
    *[(curl, "smtp"), (msmtp, "smtp")],
    *[(swaks_data, service) for service in ("smtp", "lmtp", "lmtp-unix")],
    *[(smtp_source_file, service) for service in ("smtp", "lmtp", "lmtp-unix")],
]


# What a program puts behind each message.
ADDED: dict[Send, bytes] = {smtp_source_file: b"\r\n"}


@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize("send, service", SENDERS)
def test_a_message_arrives_octet_for_octet(
    receivers: Receivers, kind: str, send: Send, service: str, sample: str, tmp_path: Path
) -> None:
    name, receiver = unique(), receivers[kind, service]
    send(receiver, REVERSE_PATH, f"{name}@example.org", SAMPLES[sample].octets, tmp_path)
    arrival = receiver.arrivals.wait(name)
    assert str(arrival.mail.reverse_path) == f"<{REVERSE_PATH}>"
    assert arrival.protocol.startswith("LMTP") is receiver.lmtp
    is_equal = arrival.octets == SAMPLES[sample].arrived + ADDED.get(send, b"")
    assert is_equal, f"{len(arrival.octets)} octets: {arrival.octets[-200:]!r}"


# Swaks and smtp-source know no SMTPUTF8, but put what they are told behind "FROM:<", and ">" behind that.
# Over SMTP smtp-source says HELO, which has no parameters.
NAMES_SMTPUTF8 = f"{REVERSE_PATH}> SMTPUTF8 AUTH=<"


@pytest.mark.parametrize(
    "send, service, reverse_path",
    [
        (curl, "extended", REVERSE_PATH),
        *[(swaks_data, service, NAMES_SMTPUTF8) for service in ("extended", "lmtp", "lmtp-unix")],
        *[(smtp_source_file, service, NAMES_SMTPUTF8) for service in ("lmtp", "lmtp-unix")],
    ],
)
def test_a_utf8_address_arrives(
    receivers: Receivers, kind: str, send: Send, service: str, reverse_path: str, tmp_path: Path
) -> None:
    name, receiver = unique("größe"), receivers[kind, service]
    send(receiver, reverse_path, f"{name}@example.org", SAMPLES["8-bit"].octets, tmp_path)
    arrival = receiver.arrivals.wait(name)
    assert arrival.mail.parameters.has("SMTPUTF8")
    assert [str(rcpt.forward_path) for rcpt in arrival.recipients] == [f"<{name}@example.org>"]
    assert arrival.octets == SAMPLES["8-bit"].arrived + ADDED.get(send, b"")


# Name: the service, options of swaks, the protocol that the server saw.
SWAKS_SESSIONS: dict[str, tuple[str, list[str], str]] = {
    "clear": ("smtp", [], "ESMTPA"),
    "pipelined": ("smtp", ["--pipeline"], "ESMTPA"),
    "STARTTLS": ("smtp", ["--tls"], "ESMTPSA"),
    "STARTTLS and pipelined": ("smtp", ["--tls", "--pipeline"], "ESMTPSA"),
    "implicit TLS": ("smtps", ["--tls-on-connect"], "ESMTPSA"),
    "implicit TLS and pipelined": ("smtps", ["--tls-on-connect", "--pipeline"], "ESMTPSA"),
    "LMTP": ("lmtp", [], "LMTPA"),
    "LMTP and STARTTLS": ("lmtp", ["--tls"], "LMTPSA"),
    "LMTP on a Unix socket": ("lmtp-unix", ["--pipeline"], "LMTPA"),
}


@pytest.mark.parametrize("session", SWAKS_SESSIONS)
@pytest.mark.parametrize("mechanism", OFFERS)
def test_swaks_logs_in_and_sends(
    receivers: Receivers, kind: str, certificate: Certificate, session: str, mechanism: str
) -> None:
    service, options, protocol = SWAKS_SESSIONS[session]
    receiver, first, second = receivers[kind, service], unique(), unique()
    said = swaks(
        receiver,
        *("--to", f"{first}@example.org,{second}@example.org", "--helo", "me.example", "--body", "hello"),
        *("--auth", mechanism, "--auth-user", USER, "--auth-password", PASSWORD, *options),
        *(["--tls-verify", "--tls-ca-path", str(certificate.authority)] if "S" in protocol[4:] else []),
    )
    assert " QUIT\n" in said
    assert "***" not in said, "swaks marks what went wrong so"
    arrival = receiver.arrivals.wait(first)
    assert arrival is receiver.arrivals.wait(second)
    assert (arrival.protocol, arrival.identity) == (protocol, USER)
    assert arrival.octets.endswith(b"\r\n\r\nhello\r\n\r\n\r\n")


@pytest.mark.parametrize("mechanism", OFFERS)
def test_swaks_is_refused_with_a_wrong_password(receivers: Receivers, kind: str, mechanism: str) -> None:
    said = run(
        *(program("swaks"), "--server", f"127.0.0.1:{receivers[kind, 'smtp'].port}", "--to", "b@example.org"),
        *("--auth", mechanism, "--auth-user", USER, "--auth-password", "wrong"),
        check=False,
    )
    assert "<** 535 5.7.8 credentials not accepted\n" in said
    assert "*** No authentication type succeeded\n" in said


@pytest.mark.parametrize("service", ["lmtp", "lmtp-unix"])
def test_swaks_reads_a_reply_for_each_recipient_of_lmtp(
    receivers: Receivers, kind: str, service: str
) -> None:
    receiver, good, bad = receivers[kind, service], unique(), unique("late")
    to = f"{good}@example.org,{bad}@example.org"
    said = swaks(receiver, "--to", to)
    assert re.findall(r"<(?:-|\*\*) +(250 2.0.0 .*|552 .*)", said)[-2:] == [
        "250 2.0.0 taken",
        "552 5.2.2 mailbox is full",
    ]
    assert receiver.arrivals.wait(good) is receiver.arrivals.wait(bad)


@pytest.mark.parametrize("service", ["smtp", "lmtp", "lmtp-unix"])
def test_smtp_source_sends_in_parallel_sessions(receivers: Receivers, kind: str, service: str) -> None:
    receiver, name = receivers[kind, service], unique("load")
    messages, recipients = 100, 2
    smtp_source(
        receiver,
        *("-s", "8", "-m", str(messages), "-r", str(recipients), "-l", "5000", "-N"),
        *("-f", REVERSE_PATH, "-t", f"{name}@example.org"),
    )
    arrived = [receiver.arrivals.wait(f"{number}{name}") for number in range(1, messages * recipients + 1)]
    assert len({arrival.octets.partition(b"\r\n\r\n")[0] for arrival in arrived}) == messages
    assert {len(arrival.recipients) for arrival in arrived} == {recipients}
    [body] = {arrival.octets.partition(b"\r\n\r\n")[2] for arrival in arrived}
    assert len(body) == 5_000 + len(b"\r\n")


def test_smtp_source_keeps_sessions_open(receivers: Receivers, kind: str) -> None:
    receiver, name = receivers[kind, "smtp"], unique("load")
    smtp_source(receiver, "-d", "-s", "4", "-m", "40", "-N", "-f", REVERSE_PATH, "-t", f"{name}@example.org")
    for number in range(1, 41):
        receiver.arrivals.wait(f"{number}{name}")


def s_nail(receiver: Receiver, recipient: str, body: bytes, *options: str) -> bytes:
    """Have s-nail send lines that end with LF, and return the message that arrived."""
    run(
        *(program("s-nail"), "-:/", "-Sv15-compat", f"-Smta=smtp://127.0.0.1:{receiver.port}"),
        *("-Ssmtp-auth=none", f"-Sfrom={REVERSE_PATH}", *options, f"{recipient}@example.org"),
        stdin=body.replace(b"\r\n", b"\n"),
    )
    return receiver.arrivals.wait(recipient).octets


def test_s_nail_sends(receivers: Receivers, kind: str) -> None:
    charset = ("-Sttycharset=utf-8", "-Ssendcharsets=utf-8")
    body = "hi\n.dot\n.\n..\nGröße\n".encode()
    octets = s_nail(receivers[kind, "smtp"], unique(), body, *charset, "-s", "Größe")
    assert b"\r\nSubject: =?utf-8?" in octets
    # It writes a line of one dot as =2E, and the others are stuffed on the wire.
    assert octets.endswith(b"\r\n\r\nhi\r\n.dot\r\n=2E\r\n..\r\nGr=C3=B6=C3=9Fe\r\n")


# How a body is encoded that s-nail is told to send as it is, by sample; the others are not encoded.
S_NAIL_ENCODES = {
    "8-bit": "8bit",
    "longest lines": "quoted-printable",
    "no final line end": "quoted-printable",
}


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_body_of_s_nail_arrives_octet_for_octet(receivers: Receivers, kind: str, sample: str) -> None:
    """The header is its own. In ISO 8859-1 each octet is a character."""
    charset = ("-Sttycharset=iso-8859-1", "-Ssendcharsets=iso-8859-1", "-Smime-encoding=8b")
    body = SAMPLES[sample].octets.partition(b"\r\n\r\n")[2]
    octets = s_nail(receivers[kind, "smtp"], unique(), body, *charset)
    message = message_from_bytes(octets)
    assert message["Content-Transfer-Encoding"] == S_NAIL_ENCODES.get(sample)
    is_equal = message.get_payload(decode=True) == body
    assert is_equal, f"{len(octets)} octets: {octets[-200:]!r}"
