"""`make bench`: every row of the table, in one run, with the versions of everything that took part."""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from bench import _dovecot
from bench._processes import CLIENT_CORE, free_port, measured, memory_of, running, server_script
from bench._table import Row, compare, print_rows, versions
from bench.messages import varied_messages

MAILBOX = 20_000
SERVED = 1_000
IDLE = 1_000
MIB = 1024 * 1024
MAX_IDLE_OCTETS = 12 * 1024
MAX_DOWNLOAD_GROWTH = 5 * MIB


def client(name: str, port: int, *arguments: str) -> dict[str, float]:
    """Run a client of `bench.clients` on the core that the servers leave free; return what it printed."""
    command = [
        "taskset",
        "--cpu-list",
        str(CLIENT_CORE),
        sys.executable,
        "-m",
        "bench.clients",
        name,
        str(port),
    ]
    printed = subprocess.run([*command, *arguments], check=True, stdout=subprocess.PIPE).stdout
    return dict(json.loads(printed))


def seconds(name: str, port: int, *arguments: str) -> Callable[[], float]:
    """Return a function that runs a client and returns its seconds."""
    return lambda: client(name, port, *arguments)["seconds"]


def program(name: str) -> str:
    """Return the path of a program of the system's packages."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if path is None:
        raise SystemExit(f"make bench needs {name} (Debian: apt-get install postfix dovecot-imapd)")
    return path


def smtp_server() -> Iterator[Row]:
    """Time our server against aiosmtpd, driven by smtp-source with twenty sessions at a time."""
    for size, count, floor in ((4096, 2_000, 2.5), (MIB, 200, 6.0)):
        with ExitStack() as stack:
            ports = {}
            for name in ("mailproto-smtp", "aiosmtpd"):
                ports[name] = free_port()
                stack.enter_context(running(server_script(name, ports[name]), ports[name]))

            def load(name: str, size: int = size, count: int = count, ports: dict[str, int] = ports) -> float:
                options = (
                    "-c",
                    "-s",
                    "20",
                    "-m",
                    str(count),
                    "-l",
                    str(size),
                    "-f",
                    "a@ex.org",
                    "-t",
                    "b@ex.org",
                )
                target = f"inet:127.0.0.1:{ports[name]}"
                return measured(program("smtp-source"), *options, target, core=CLIENT_CORE)

            label = f"SMTP server, {size // 1024} KiB messages"
            yield compare(
                label,
                lambda: load("mailproto-smtp"),
                "aiosmtpd",
                lambda: load("aiosmtpd"),
                floor=floor,
                units=count,
                rounds=9,
            )


def smtp_client() -> Iterator[Row]:
    """Time our client against smtplib, both sending a file to smtp-sink; then see what a large file costs."""
    port = free_port()
    sink = [program("smtp-sink"), "-u", "nobody", f"127.0.0.1:{port}", "64"]
    with running(sink, port), tempfile.TemporaryDirectory() as folder:
        for size, count, floor in ((4096, 2_000, 1.0), (10 * MIB, 10, 1.3)):
            path = _message_file(folder, size)
            yield compare(
                f"SMTP client, {size // 1024:,} KiB messages",
                seconds("mailproto-smtp", port, str(count), path),
                "smtplib",
                seconds("smtplib", port, str(count), path),
                floor=floor,
                units=count,
            )
        small = client("mailproto-smtp", port, "1", _message_file(folder, MIB))["growth"]
        large = client("mailproto-smtp", port, "1", _message_file(folder, 100 * MIB))["growth"]
        yield _memory_row("SMTP client, a file of 100 MiB and not 1", large - small, MIB)


def _message_file(folder: str, size: int) -> str:
    path = Path(folder, f"{size}.eml")
    head = b"From: a@example.org\r\nTo: b@example.org\r\nSubject: bench\r\n\r\n"
    line = b"The quick brown fox jumps over the lazy dog, again and again, until the line is full.\r\n"
    path.write_bytes(head + line * ((size - len(head)) // len(line)))
    return str(path)


def imap_client() -> Iterator[Row]:
    """Time our client against IMAPClient on a large mailbox in Dovecot; then see what memory it takes."""
    with _dovecot.running_dovecot() as port:
        _dovecot.fill(port, varied_messages(MAILBOX))
        account = (_dovecot.USER, _dovecot.PASSWORD)
        yield compare(
            f"IMAP client, FETCH of {MAILBOX:,} messages",
            seconds("mailproto-imap", port, *account, str(MAILBOX)),
            "IMAPClient",
            seconds("imapclient", port, *account, str(MAILBOX)),
            floor=4.0,
            units=MAILBOX,
            rounds=3,
        )
        small = client("mailproto-imap", port, *account, str(MAILBOX // 10))["growth"]
        large = client("mailproto-imap", port, *account, str(MAILBOX))["growth"]
        yield _memory_row(f"IMAP client, {MAILBOX:,} messages and not a tenth", large - small, MIB)
        uid = _dovecot.append_large(port, 50 * MIB)
        growth = client("mailproto-download", port, *account, str(uid))["growth"]
        yield _memory_row("IMAP client, a body of 50 MiB streamed", growth, MAX_DOWNLOAD_GROWTH)


def imap_server() -> Iterator[Row]:
    """Time our server over the memory store against pymap, both asked by a bare socket."""
    ports = {"mailproto-imap": free_port(), "pymap": free_port()}
    pymap = [str(Path(sys.executable).with_name("pymap")), "--no-service", "admin", "--host", "127.0.0.1"]
    pymap += ["--port", str(ports["pymap"]), "--no-tls", "dict", "--demo-data"]
    with running(server_script("mailproto-imap", ports["mailproto-imap"]), ports["mailproto-imap"]):
        with running(pymap, ports["pymap"]):
            _dovecot.fill(ports["pymap"], varied_messages(SERVED), user="demouser", password="demopass")
            present = _dovecot.count(ports["pymap"], user="demouser", password="demopass")
            yield compare(
                f"IMAP server, FETCH of {SERVED:,} messages",
                seconds("raw-imap", ports["mailproto-imap"], str(SERVED)),
                "pymap",
                lambda: client("raw-imap", ports["pymap"], str(present))["seconds"] * SERVED / present,
                floor=5.0,
                units=SERVED,
                rounds=3,
            )


def idle_connections() -> Iterator[Row]:
    """See what an idle connection costs either asyncio server, in resident memory of the process."""
    for name, greeting in (("mailproto-smtp", b"EHLO bench\r\n"), ("mailproto-imap", b"a NOOP\r\n")):
        port = free_port()
        with running(server_script(name, port), port) as process, ExitStack() as stack:
            for _ in range(50):
                stack.enter_context(_idle_connection(port, greeting))
            before = memory_of(process.pid)
            for _ in range(IDLE):
                stack.enter_context(_idle_connection(port, greeting))
            time.sleep(0.5)
            growth = (memory_of(process.pid) - before) / IDLE
            yield _memory_row(f"{name[-4:].upper()} server, an idle connection", growth, MAX_IDLE_OCTETS)


@contextmanager
def _idle_connection(port: int, command: bytes) -> Iterator[None]:
    with closing(socket.create_connection(("127.0.0.1", port))) as connection:
        connection.recv(4096)
        connection.sendall(command)
        connection.recv(4096)
        yield


def _memory_row(what: str, octets: float, maximum: int) -> Row:
    return Row(
        what=what,
        ours=f"{octets / 1024:,.1f} KiB",
        theirs="",
        result=f"{octets / 1024:,.1f} KiB",
        floor=f"< {maximum // 1024:,} KiB",
        is_met=octets < maximum,
    )


SECTIONS = {
    "smtp-server": smtp_server,
    "smtp-client": smtp_client,
    "imap-client": imap_client,
    "imap-server": imap_server,
    "idle": idle_connections,
}


def main() -> int:
    """Measure the sections that are named, or all, and print the table; the result is the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "sections", nargs="*", metavar="SECTION", help=f"of {', '.join(SECTIONS)}; default: all"
    )
    names = parser.parse_args().sections or list(SECTIONS)
    rows: list[Row] = []
    for name in names:
        for row in SECTIONS[name]():
            print(f"measured: {row.what}: {row.result}", flush=True)
            rows.append(row)
    print(f"\nPython {platform.python_version()}, {platform.system()} {platform.release()}")
    print(versions("mailproto", "aiosmtpd", "imapclient", "pymap") + f", {_dovecot.version()}\n")
    print_rows(rows)
    return 0 if all(row.is_met for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
