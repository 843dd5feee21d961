"""Processes to measure: servers pinned to one core, clients to the other, each ended by its pid."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

__all__ = [
    "CLIENT_CORE",
    "SERVER_CORE",
    "free_port",
    "measured",
    "memory_of",
    "processor_seconds",
    "running",
    "server_script",
]

SERVER_CORE = 0
CLIENT_CORE = max(os.sched_getaffinity(0))


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def wait_for_port(port: int, process: subprocess.Popen[bytes]) -> None:
    """Return once something listens on *port*."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"nothing listens on port {port}")


@contextmanager
def running(
    command: Sequence[str], port: int, core: int | None = SERVER_CORE
) -> Iterator[subprocess.Popen[bytes]]:
    """Run *command*, pinned to *core*, while the block runs; it listens on *port* when the block begins."""
    pin = ["taskset", "--cpu-list", str(core)] if core is not None else []
    process = subprocess.Popen([*pin, *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for_port(port, process)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def server_script(name: str, port: int, *arguments: str) -> list[str]:
    """Return the command that runs a server of `bench.servers`."""
    return [sys.executable, "-m", "bench.servers", name, str(port), *arguments]


def measured(*command: str, core: int | None = None) -> float:
    """Run *command* to its end and return how many seconds that took."""
    pin = ["taskset", "--cpu-list", str(core)] if core is not None else []
    begin = time.perf_counter()
    subprocess.run([*pin, *command], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin


def memory_of(pid: int) -> int:
    """Return the resident memory of a process in octets."""
    fields = Path(f"/proc/{pid}/status").read_text().split("VmRSS:")[1].split()
    return int(fields[0]) * 1024


def processor_seconds(pid: int) -> float:
    """Return how long a process has had a processor, in seconds."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
