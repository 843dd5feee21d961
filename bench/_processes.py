"""Processes to measure: servers pinned to one core, clients to the other, each ended by its pid."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

__all__ = [
    "CLIENT_CORE",
    "SERVER_CORE",
    "client",
    "free_port",
    "measured",
    "memory_of",
    "processor_seconds",
    "running",
    "seconds",
    "seconds_of",
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


def printed_by(module: str, *arguments: str) -> dict[str, float]:
    """Run a module on the core that the servers leave free; return the JSON that it printed."""
    command = ["taskset", "--cpu-list", str(CLIENT_CORE), sys.executable, "-m", module, *arguments]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    return dict(json.loads(printed))


def seconds_of(module: str, *arguments: str) -> float:
    """Run a module as `printed_by` does and return its seconds."""
    return printed_by(module, *arguments)["seconds"]


def client(name: str, port: int, *arguments: str) -> dict[str, float]:
    """Run a client of `bench.clients`; return what it printed."""
    return printed_by("bench.clients", name, str(port), *arguments)


def seconds(name: str, port: int, *arguments: str) -> Callable[[], float]:
    """Return a function that runs a client and returns its seconds."""
    return lambda: client(name, port, *arguments)["seconds"]


def memory_of(pid: int) -> int:
    """Return the resident memory of a process in octets."""
    fields = Path(f"/proc/{pid}/status").read_text().split("VmRSS:")[1].split()
    return int(fields[0]) * 1024


def processor_seconds(pid: int) -> float:
    """Return how long a process has had a processor, in seconds."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
