"""Programs that send mail, against `serve_smtp` of both kinds: curl, msmtp, swaks, smtp-source, s-nail."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from support_arrivals import MECHANISMS, SAMPLES, USERS, Receiver, unique
from support_interop import Certificate, program, run

Receivers = dict[tuple[str, str], Receiver]

REVERSE_PATH = "a@example.net"
[(USER, PASSWORD)] = USERS.items()
FILE_DOT = re.compile(rb"^\.", re.MULTILINE)


def curl(receiver: Receiver, recipient: str, octets: bytes, folder: Path) -> None:
    """Curl sends a file as it is, dot-stuffed."""
    (folder / "message").write_bytes(octets)
    run(
        *(program("curl"), "-s", "--max-time", "60", "--url", f"smtp://127.0.0.1:{receiver.port}/me.example"),
        *("--mail-from", REVERSE_PATH, "--mail-rcpt", recipient, "--upload-file", folder / "message"),
    )


def msmtp(receiver: Receiver, recipient: str, octets: bytes, folder: Path) -> None:
    """Msmtp reads lines that end with LF."""
    run(
        *(program("msmtp"), "-C", "/dev/null", "--host=127.0.0.1", f"--port={receiver.port}", "--tls=off"),
        *("--auth=off", "--timeout=60", f"--from={REVERSE_PATH}", recipient),
        stdin=octets.replace(b"\r\n", b"\n"),
    )


def swaks(receiver: Receiver, *options: str | Path) -> str:
    target = ("--socket", receiver.path) if receiver.path else ("--server", f"127.0.0.1:{receiver.port}")
    return run(program("swaks"), *target, "--timeout", "60", "--from", REVERSE_PATH, *options)


def swaks_data(receiver: Receiver, recipient: str, octets: bytes, folder: Path) -> None:
    """Swaks, left to itself, drops a last line of one dot: it gets the octets of the wire."""
    end = b"" if octets.endswith(b"\r\n") else b"\r\n"
    (folder / "message").write_bytes(FILE_DOT.sub(b"..", octets) + end + b".")
    swaks(receiver, "--to", recipient, "--no-data-fixup", "--data", f"@{folder / 'message'}", "--silent")


@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize("send", [curl, msmtp, swaks_data])
def test_a_message_arrives_octet_for_octet(
    receivers: Receivers,
    kind: str,
    send: Callable[[Receiver, str, bytes, Path], None],
    sample: str,
    tmp_path: Path,
) -> None:
    name = unique()
    send(receivers[kind, "smtp"], f"{name}@example.org", SAMPLES[sample].octets, tmp_path)
    arrival = receivers[kind, "smtp"].arrivals.wait(name)
    assert str(arrival.mail.reverse_path) == f"<{REVERSE_PATH}>"
    is_equal = arrival.octets == SAMPLES[sample].arrived
    assert is_equal, f"{len(arrival.octets)} octets: {arrival.octets[-200:]!r}"


# Name: the service, options of swaks, the protocol that the server saw.
SWAKS_SESSIONS: dict[str, tuple[str, list[str], str]] = {
    "clear": ("smtp", [], "ESMTPA"),
    "pipelined": ("smtp", ["--pipeline"], "ESMTPA"),
    "STARTTLS": ("smtp", ["--tls"], "ESMTPSA"),
    "STARTTLS and pipelined": ("smtp", ["--tls", "--pipeline"], "ESMTPSA"),
    "implicit TLS": ("smtps", ["--tls-on-connect"], "ESMTPSA"),
    "implicit TLS and pipelined": ("smtps", ["--tls-on-connect", "--pipeline"], "ESMTPSA"),
    "LMTP": ("lmtp", ["--protocol", "LMTP"], "LMTPA"),
    "LMTP and STARTTLS": ("lmtp", ["--protocol", "LMTP", "--tls"], "LMTPSA"),
    "LMTP on a Unix socket": ("lmtp-unix", ["--protocol", "LMTP", "--pipeline"], "LMTPA"),
}


@pytest.mark.parametrize("session", SWAKS_SESSIONS)
@pytest.mark.parametrize("mechanism", MECHANISMS)
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


@pytest.mark.parametrize("mechanism", MECHANISMS)
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
    said = swaks(receiver, "--protocol", "LMTP", "--to", to)
    assert re.findall(r"<(?:-|\*\*) +(250 2.0.0 .*|552 .*)", said)[-2:] == [
        "250 2.0.0 taken",
        "552 5.2.2 mailbox is full",
    ]
    assert receiver.arrivals.wait(good) is receiver.arrivals.wait(bad)


@pytest.mark.parametrize("service", ["smtp", "lmtp", "lmtp-unix"])
def test_smtp_source_sends_in_parallel_sessions(receivers: Receivers, kind: str, service: str) -> None:
    receiver, name = receivers[kind, service], unique("load")
    messages, recipients = 100, 2
    run(
        *(program("smtp-source"), "-s", "8", "-m", str(messages), "-r", str(recipients), "-l", "5000", "-N"),
        *("-f", REVERSE_PATH, "-t", f"{name}@example.org", "-M", "me.example"),
        *(["-L"] if receiver.lmtp else []),
        f"unix:{receiver.path}" if receiver.path else f"127.0.0.1:{receiver.port}",
    )
    arrived = [receiver.arrivals.wait(f"{number}{name}") for number in range(1, messages * recipients + 1)]
    assert len({arrival.octets.partition(b"\r\n\r\n")[0] for arrival in arrived}) == messages
    assert {len(arrival.recipients) for arrival in arrived} == {recipients}
    [body] = {arrival.octets.partition(b"\r\n\r\n")[2] for arrival in arrived}
    assert len(body) == 5_000 + len(b"\r\n")


def test_smtp_source_keeps_sessions_open(receivers: Receivers, kind: str) -> None:
    receiver, name = receivers[kind, "smtp"], unique("load")
    run(
        *(program("smtp-source"), "-d", "-s", "4", "-m", "40", "-N", "-f", REVERSE_PATH),
        *("-t", f"{name}@example.org", f"127.0.0.1:{receiver.port}"),
    )
    for number in range(1, 41):
        receiver.arrivals.wait(f"{number}{name}")


def test_s_nail_sends(receivers: Receivers, kind: str) -> None:
    receiver, name = receivers[kind, "smtp"], unique()
    run(
        *(program("s-nail"), "-:/", "-Sv15-compat", f"-Smta=smtp://127.0.0.1:{receiver.port}"),
        *("-Ssmtp-auth=none", f"-Sfrom={REVERSE_PATH}", "-Sttycharset=utf-8", "-Ssendcharsets=utf-8"),
        *("-s", "Größe", f"{name}@example.org"),
        stdin="hi\n.dot\n.\n..\nGröße\n".encode(),
    )
    octets = receiver.arrivals.wait(name).octets
    assert b"\r\nSubject: =?utf-8?" in octets
    # It writes a line of one dot as =2E, and the others are stuffed on the wire.
    assert octets.endswith(b"\r\n\r\nhi\r\n.dot\r\n=2E\r\n..\r\nGr=C3=B6=C3=9Fe\r\n")
