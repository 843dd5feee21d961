"""`make bench`: every row of the table, in one run, with the versions of everything that took part."""

from __future__ import annotations

import argparse
import platform
import resource
import shutil
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path

from bench import _dovecot
from bench._processes import (
    CLIENT_CORE,
    client,
    free_port,
    measured,
    memory_of,
    processor_seconds,
    running,
    seconds,
    seconds_of,
    server_script,
)
from bench._table import Row, compare, memory_row, print_rows, versions
from bench.imap_client import against_dovecot, parsing, pipelining
from bench.messages import varied_messages

SERVED = 1_000
IDLE = 5_000
MIB = 1024 * 1024
MAX_IDLE_OCTETS = 12 * 1024


def program(name: str) -> str:
    """Return the path of a program of the system's packages."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if path is None:
        raise SystemExit(f"make bench needs {name} (Debian: apt-get install postfix dovecot-imapd)")
    return path


SMTP_SERVERS = (
    (4096, 2_000, 15, {"aiosmtpd": 3.0, "twisted": 1.6}),
    (MIB, 100, 5, {"aiosmtpd": 8.0, "smtp-sink": 1.0}),
)
"""Octets of a message, how many of them, rounds, and the peers with the least ratio to each."""


def smtp_server() -> Iterator[Row]:
    """Time our server against others, driven by smtp-source with twenty sessions at a time."""
    for size, count, rounds, peers in SMTP_SERVERS:
        for peer, floor in peers.items():
            with ExitStack() as stack:
                ports = {name: free_port() for name in ("mailproto-smtp", peer)}
                for name, port in ports.items():
                    stack.enter_context(running(smtp_server_command(name, port), port))
                yield compare(
                    f"SMTP server, {size // 1024:,} KiB messages",
                    partial(smtp_load, ports["mailproto-smtp"], size, count),
                    peer,
                    partial(smtp_load, ports[peer], size, count),
                    floor=floor,
                    units=count,
                    rounds=rounds,
                )


def smtp_server_command(name: str, port: int) -> list[str]:
    """Return the command that runs the SMTP server *name*."""
    if name == "smtp-sink":
        return [program("smtp-sink"), "-u", "nobody", f"127.0.0.1:{port}", "64"]
    return server_script(name, port)


def smtp_load(port: int, size: int, count: int, sessions: int = 20) -> float:
    """Send *count* messages of *size* octets, each in a session of its own; return the seconds."""
    options = f"-c -s {sessions} -m {count} -l {size} -f a@ex.org -t b@ex.org".split()
    return measured(program("smtp-source"), *options, f"inet:127.0.0.1:{port}", core=CLIENT_CORE)


def smtp_sessions() -> Iterator[Row]:
    """See what a message costs the server's processor when 1, 20 or 200 sessions run at a time."""
    port, count = free_port(), 2_000
    with running(server_script("mailproto-smtp", port), port) as process:
        smtp_load(port, 4096, count)
        costs: dict[int, list[float]] = {1: [], 20: [], 200: []}
        for _ in range(5):
            for sessions, seconds_taken in costs.items():
                before = processor_seconds(process.pid)
                smtp_load(port, 4096, count, sessions)
                seconds_taken.append((processor_seconds(process.pid) - before) / count)
    cost = {sessions: statistics.median(taken) for sessions, taken in costs.items()}
    most = max(cost.values()) / cost[1]
    figures = ", ".join(f"{taken * 1e6:.0f}" for taken in cost.values())
    yield Row(
        what="SMTP server, processor time with 1, 20, 200 sessions",
        ours=f"{figures} us",
        theirs="",
        result=f"{most:.2f} x",
        floor="<= 1.25 x",
        is_met=most <= 1.25,
    )


def in_memory() -> Iterator[Row]:
    """Time transactions without sockets, through our connection and flow and Twisted's server."""
    for size in (4, 64):
        yield compare(
            f"SMTP transaction in memory, {size} KiB",
            partial(in_memory_seconds, "mailproto", size),
            "twisted",
            partial(in_memory_seconds, "twisted", size),
            floor=2.5,
            units=1_000,
            rounds=9,
        )


def in_memory_seconds(name: str, size: int) -> float:
    """Return the seconds of 1,000 transactions of `bench.in_memory`, ten to a session."""
    return seconds_of("bench.in_memory", name, str(size), "100", "10")


def smtp_client() -> Iterator[Row]:
    """Time our client against smtplib, both sending to smtp-sink; then see what a large file costs.

    Small messages are octets for both; a large one is a file for ours, which smtplib has to read whole.
    """
    port = free_port()
    sink = [program("smtp-sink"), "-u", "nobody", f"127.0.0.1:{port}", "64"]
    with running(sink, port), tempfile.TemporaryDirectory() as folder:
        for ours, size, count, floor in (
            ("mailproto-smtp", 4096, 2_000, 1.3),
            ("mailproto-smtp-file", 10 * MIB, 10, 1.5),
        ):
            path = _message_file(folder, size)
            yield compare(
                f"SMTP client, {size // 1024:,} KiB messages",
                seconds(ours, port, str(count), path),
                "smtplib",
                seconds("smtplib", port, str(count), path),
                floor=floor,
                units=count,
            )
        small = client("mailproto-smtp-file", port, "1", _message_file(folder, MIB))["growth"]
        large = client("mailproto-smtp-file", port, "1", _message_file(folder, 100 * MIB))["growth"]
        yield memory_row("SMTP client, a file of 100 MiB and not 1", large - small, MIB)


def _message_file(folder: str, size: int) -> str:
    path = Path(folder, f"{size}.eml")
    head = b"From: a@example.org\r\nTo: b@example.org\r\nSubject: bench\r\n\r\n"
    line = b"The quick brown fox jumps over the lazy dog, again and again, until the line is full.\r\n"
    path.write_bytes(head + line * ((size - len(head)) // len(line)))
    return str(path)


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
    raise_file_limit(2 * IDLE + 1_000)
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
            yield memory_row(
                f"{name[-4:].upper()} server, each of {IDLE:,} idle connections", growth, MAX_IDLE_OCTETS
            )


def raise_file_limit(files: int) -> None:
    """Let this process and those it starts open *files* files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < files:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(files, hard), hard))


@contextmanager
def _idle_connection(port: int, command: bytes) -> Iterator[None]:
    with closing(socket.create_connection(("127.0.0.1", port))) as connection:
        connection.recv(4096)
        connection.sendall(command)
        connection.recv(4096)
        yield


SECTIONS = {
    "smtp-server": smtp_server,
    "smtp-sessions": smtp_sessions,
    "smtp-memory": in_memory,
    "smtp-client": smtp_client,
    "imap-client": against_dovecot,
    "imap-memory": parsing,
    "imap-pipelining": pipelining,
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
    print(versions("mailproto", "aiosmtpd", "twisted", "imapclient", "pymap") + f", {_dovecot.version()}\n")
    print_rows(rows)
    return 0 if all(row.is_met for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
