"""What the interoperability tests share: programs, folders, ports, `mailproto serve`, a message."""

from __future__ import annotations

import contextlib
import imaplib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import pytest

USER, PASSWORD = "u9@example.org", "pass"
OTHER = "other@example.org"
START_SECONDS = 20.0
MESSAGE = (
    b"From: a@example.net\r\nTo: b@example.org\r\nSubject: interoperability\r\n"
    b"Message-ID: <1@example.net>\r\n\r\nline one\r\n.line two\r\n"
)


UNPACKED = Path(os.environ.get("INTEROP_PROGRAMS", Path(__file__).parents[1] / ".venv/interop"))
"""Where `.ci/install_programs` unpacks the packages that cannot be installed beside the others."""


def program(name: str) -> str:
    """Return the path of *name*; without it skip, and in CI fail."""
    folders = [
        os.environ["PATH"],
        "/usr/sbin",
        "/sbin",
        "/usr/lib/dovecot",
        *map(str, UNPACKED.glob("*/usr/*bin")),
    ]
    path = shutil.which(name, path=os.pathsep.join(folders))
    if path is not None:
        return path
    if os.environ.get("CI"):
        pytest.fail(f"{name} is not installed, and in CI it must be")
    pytest.skip(f"{name} is not installed")


@dataclass(frozen=True)
class Certificate:
    """Paths of PEM files: a certificate for localhost and 127.0.0.1, its key and its authority."""

    chain: Path
    key: Path
    authority: Path


class Dovecot(NamedTuple):
    """Where a private Dovecot listens. Any user has the password "pass"; nobody@ does not exist."""

    imap_port: int
    lmtp_port: int
    lmtp_path: Path


@contextlib.contextmanager
def private_folder(name: str) -> Iterator[Path]:
    """Yield a new folder that every user may enter, with a path short enough for Unix sockets."""
    base = Path(tempfile.mkdtemp(prefix=f"{name}-"))
    base.chmod(0o755)
    try:
        yield base
    finally:
        shutil.rmtree(base, ignore_errors=True)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def wait_for_port(port: int, alive: subprocess.Popen[bytes] | None = None) -> None:
    """Return once something listens on *port* of loopback."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if alive is not None and alive.poll() is not None:
            pytest.fail(f"the program ended with {alive.returncode} before it listened on port {port}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"nothing listens on port {port} after {START_SECONDS:.0f} seconds")


def stop(process: subprocess.Popen[bytes]) -> int:
    """End *process* by its pid and return its exit code."""
    if process.stdout is not None:
        process.stdout.close()
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        return process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait(timeout=10)


def run(*command: str | Path, stdin: bytes = b"", timeout: float = 60, check: bool = True) -> str:
    """Run a client to its end and return what it printed on both channels."""
    done = subprocess.run(
        [str(part) for part in command],
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=timeout,
        check=False,
    )
    text = done.stdout.decode("utf-8", "replace")
    if check and done.returncode:
        pytest.fail(f"{command[0]} ended with {done.returncode}:\n{text}")
    return text


@dataclass
class MailServer:
    """A running `mailproto serve`: `ports` by service."""

    process: subprocess.Popen[bytes]
    ports: dict[str, int] = field(default_factory=dict)
    certificate: Path | None = None


def start_mail_server(*options: str) -> MailServer:
    """Start `mailproto serve` with *options* and return once it says that it is ready."""
    command = [sys.executable, "-m", "mailproto", "serve", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    server = MailServer(process)
    assert process.stdout is not None
    for line in process.stdout:
        words = line.decode().split()
        if words == ["ready"]:
            return server
        if words[:1] == ["listening"]:
            server.ports[words[1]] = int(words[2].rpartition(":")[2])
    pytest.fail(f"mailproto serve ended with {process.wait()} before it was ready")


def fetch_all_texts(port: int, user: str, mailbox: str = "INBOX") -> list[bytes]:
    """Return every message of a mailbox, read with imaplib."""
    with imaplib.IMAP4("127.0.0.1", port, timeout=20) as imap:
        imap.login(user, PASSWORD)
        imap.select(mailbox, readonly=True)
        return [part[1] for part in imap.fetch("1:*", "(BODY.PEEK[])")[1] if isinstance(part, tuple)]


def curl_imap(port: int, path: str, *options: str) -> str:
    """Run curl on a mailbox and return what it printed."""
    url = f"imap://127.0.0.1:{port}/{path}"
    return run("curl", "-s", "--max-time", "20", "--user", f"{USER}:{PASSWORD}", *options, url)
