"""The clients that are measured, one a process: `python -m bench.clients NAME PORT ARGUMENTS`.

Each prints one line of JSON: `seconds` of the work alone, and `growth`, how many octets the peak of resident
memory grew during it.
"""

from __future__ import annotations

import json
import resource
import smtplib
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bench._imap_clients import IMAP_CLIENTS
from bench._reading import ITEMS
from bench.servers import PASSWORD, USER


def mailproto_smtp(port: int, count: str, path: str) -> Callable[[], None]:
    """Send the file *count* times over one connection, as octets: smtplib takes nothing else."""
    from mailproto.sync import SMTPClient

    smtp = SMTPClient.connect("127.0.0.1", port, tls="none")

    def work() -> None:
        for _ in range(int(count)):
            octets = Path(path).read_bytes()
            smtp.send_message(octets, reverse_path="a@example.org", forward_paths=["b@example.org"])

    return work


def mailproto_smtp_file(port: int, count: str, path: str) -> Callable[[], None]:
    """Send the file *count* times over one connection, as it is read."""
    from mailproto.sync import SMTPClient

    smtp = SMTPClient.connect("127.0.0.1", port, tls="none")

    def work() -> None:
        for _ in range(int(count)):
            with Path(path).open("rb") as file:
                smtp.send_message(file, reverse_path="a@example.org", forward_paths=["b@example.org"])

    return work


def smtplib_smtp(port: int, count: str, path: str) -> Callable[[], None]:
    """Send the file *count* times over one connection, with the standard library."""
    smtp = smtplib.SMTP("127.0.0.1", port)

    def work() -> None:
        for _ in range(int(count)):
            smtp.sendmail("a@example.org", ["b@example.org"], Path(path).read_bytes())

    return work


def raw_imap(port: int, last: str) -> Callable[[], None]:
    """Ask for the same fetch over a bare socket and read to the tagged line: what a server alone takes."""
    connection = socket.create_connection(("127.0.0.1", port))
    reader = connection.makefile("rb")

    def ask(tag: bytes, command: bytes) -> int:
        connection.sendall(tag + b" " + command + b"\r\n")
        fetched = 0
        for line in reader:
            if line.startswith(tag + b" "):
                if not line.startswith(tag + b" OK"):
                    raise SystemExit(repr(line))
                return fetched
            fetched += b" FETCH (" in line and line.startswith(b"* ")
        raise SystemExit("the server closed the connection")

    ask(b"a", f"LOGIN {USER} {PASSWORD}".encode())
    ask(b"b", b"SELECT INBOX")

    def work() -> None:
        fetched = ask(b"c", f"UID FETCH 1:* ({' '.join(ITEMS)})".encode())
        if fetched != int(last):
            raise SystemExit(f"{fetched} messages of {last}")

    return work


CLIENTS: dict[str, Callable[..., Callable[[], None]]] = {
    "mailproto-smtp": mailproto_smtp,
    "mailproto-smtp-file": mailproto_smtp_file,
    "smtplib": smtplib_smtp,
    "raw-imap": raw_imap,
    **IMAP_CLIENTS,
}


def main() -> None:
    """Set up, then time the work alone."""
    work = CLIENTS[sys.argv[1]](int(sys.argv[2]), *sys.argv[3:])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begin = time.perf_counter()
    work()
    seconds = time.perf_counter() - begin
    growth = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    print(json.dumps({"seconds": seconds, "growth": growth}))


if __name__ == "__main__":
    main()
