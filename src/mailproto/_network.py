"""What both adapters share beside TLS: modes, addresses, listening sockets, errors of the network.

The two adapters import nothing of one another; what is the same in both, and is IO, stands here.
"""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
import socket
import stat
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final, Literal, Protocol, TypeAlias, final

from mailproto.errors import (
    CommandError,
    ConnectionClosed,
    ConnectionTimeout,
    ItemMissing,
    LocalProtocolError,
)
from mailproto.flow import TLSInfo, Wake
from mailproto.sasl._mechanism import Setting

__all__ = [
    "Accepted",
    "Address",
    "Admission",
    "CONNECT_TIMEOUT",
    "ClientTLS",
    "LINGER_OCTETS",
    "LINGER_SECONDS",
    "LONG_READ",
    "PROXY_TIMEOUT",
    "ServerTLS",
    "address_of",
    "bind",
    "check_mode",
    "check_target",
    "client_setting",
    "closed",
    "entropy",
    "is_survivable",
    "timed_out",
]

ClientTLS: TypeAlias = Literal["implicit", "starttls", "none", "opportunistic"]
ServerTLS: TypeAlias = Literal["implicit", "starttls", "none"]
Address: TypeAlias = tuple[str, int] | str
"""(host, port), or the path of a Unix socket: empty for a peer without a name."""

CONNECT_TIMEOUT: Final = 60.0
"""Seconds for connecting, and for the handshake of implicit TLS, unless `timeout` is shorter."""
PROXY_TIMEOUT: Final = 10.0
"""Seconds for the header of the PROXY protocol, unless `timeout` is shorter: a proxy sends it at once."""
LINGER_SECONDS: Final = 5.0
"""Seconds for which a server reads on after its last words, so that they are not lost in a reset."""
LINGER_OCTETS: Final = 1_048_576
"""Octets that it reads at most in that time."""
LONG_READ: Final = 1_024
"""A client whose last octets came in such a piece, or a larger one, may be sending still."""
_BACKLOG: Final = 1_024


class Accepted(Protocol):
    """What a server knows of a connection that it accepted, for the one who makes its flow."""

    @property
    def peer(self) -> Address:
        """The address of the client."""

    @property
    def local(self) -> Address:
        """The address that the client connected to."""

    @property
    def tls(self) -> TLSInfo | None:
        """What the handshake of implicit TLS gave; None without."""

    @property
    def wake(self) -> Wake:
        """A signal that ends a `Receive` of this connection's flow."""

    def report(self, error: BaseException) -> None:
        """Let whoever runs the server know of *error*, after which the connection goes on."""


@final
class Admission:
    """Counts the connections of a server, in all and for each peer; safe from any thread.

    *refusal* is what those beyond a bound are told, octets; 0 is no bound. The peers of a Unix socket have no
    address and count in all only.
    """

    def __init__(self, refusal: bytes, *, most: int = 0, most_per_peer: int = 0) -> None:
        self.refusal: bytes = refusal
        self.most: int = most
        self._most_per_peer = most_per_peer
        self._all = 0
        self._of_peers: Counter[str] = Counter()
        self._lock = threading.Lock()

    def admit(self, peer: Address) -> bool:
        """Count a connection of *peer* and return True, or return False if that is one too many."""
        key = _network_of(peer)
        with self._lock:
            if 0 < self.most <= self._all:
                return False
            if key and 0 < self._most_per_peer <= self._of_peers.get(key, 0):
                return False
            self._all += 1
            self._of_peers[key] += 1
            return True

    def release(self, peer: Address) -> None:
        """Forget a connection of *peer* that was admitted."""
        key = _network_of(peer)
        with self._lock:
            self._all -= 1
            self._of_peers[key] -= 1
            if not self._of_peers[key]:
                del self._of_peers[key]


def _network_of(peer: Address) -> str:
    """Return what connections are counted by: who has one address of an IPv6 /64 mostly has all of it."""
    if not isinstance(peer, tuple):
        return ""
    try:
        address = ipaddress.ip_address(peer[0])
    except ValueError:
        return peer[0]
    if address.version == 4:
        return peer[0]
    mapped = address.ipv4_mapped
    return address.packed[:8].hex() if mapped is None else str(mapped)


entropy: Final = os.urandom
"""Where the random octets come from that `mailproto.sasl` needs."""


def client_setting(service: tuple[str | None, int], tls: TLSInfo | None) -> Setting:
    """Return what a client's mechanism may know: host and port of the server, the channel."""
    host, port = service
    return Setting(channel=tls, host=host, port=None if host is None else port, entropy=entropy)


def closed(error: BaseException | None, phase: str) -> ConnectionClosed:
    """Return *error*, an OSError of the *phase*, as a `ConnectionClosed` with the error as its cause."""
    if isinstance(error, ConnectionClosed):
        return error
    if isinstance(error, TimeoutError):
        return timed_out(phase, error)
    reason = f": {error}" if error is not None else ""
    wrapped = ConnectionClosed(f"{phase}: the connection ended{reason}", phase=phase)
    wrapped.__cause__ = error
    return wrapped


def timed_out(phase: str, error: BaseException | None = None) -> ConnectionTimeout:
    """Return the error for a *phase* that took too long."""
    wrapped = ConnectionTimeout(f"{phase}: the peer did not answer in time", phase=phase)
    wrapped.__cause__ = error
    return wrapped


def is_survivable(error: BaseException) -> bool:
    """Return whether the session is usable after *error* came out of a flow."""
    return isinstance(error, LocalProtocolError | CommandError | ItemMissing)


def check_mode(tls: str, modes: tuple[str, ...]) -> None:
    """Raise LocalProtocolError unless *tls* is one of *modes*."""
    if tls not in modes:
        raise LocalProtocolError(f"tls: expected one of {', '.join(modes)}, got {tls!r}")


def check_target(host: str | None, path: object, sock: object) -> None:
    """Raise LocalProtocolError unless there is something to connect to or to listen on."""
    if path is not None and sock is not None:
        raise LocalProtocolError("path and sock: expected one of them, got both")
    if host is None and path is None and sock is None:
        raise LocalProtocolError("host: expected a host, a path or a sock, got none")


def address_of(name: object) -> Address:
    """Return the socket address *name* as an `Address`."""
    if isinstance(name, tuple) and len(name) >= 2:
        return (str(name[0]), int(name[1]))
    return os.fsdecode(name) if isinstance(name, str | bytes) else ""


def bind(
    host: str | None = None,
    port: int = 0,
    *,
    path: str | os.PathLike[str] | None = None,
    sock: socket.socket | None = None,
) -> list[socket.socket]:
    """Return listening sockets, not blocking: one for each address of *host*, or for *path*, or *sock*.

    An empty *host* stands for all interfaces; port 0 picks one free port for all addresses. A Unix socket
    that was left behind under *path* is replaced. Raises ConnectionClosed with phase "listen".
    """
    check_target(host, path, sock)
    try:
        if sock is not None:
            sockets = [sock]
        elif path is not None:
            sockets = [_bind_path(os.fspath(path))]
        else:
            sockets = _bind_host(host or None, port)
        for listener in sockets:
            listener.listen(_BACKLOG)
            listener.setblocking(False)
    except OSError as error:
        raise closed(error, "listen") from error
    return sockets


def _bind_path(path: str) -> socket.socket:
    with contextlib.suppress(FileNotFoundError):
        if stat.S_ISSOCK(os.stat(path).st_mode):
            os.unlink(path)
    return _bound(socket.AF_UNIX, path)


def _bind_host(host: str | None, port: int) -> list[socket.socket]:
    """Bind all addresses to one port; a port that was free on the first address may be taken on the next."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    targets = list(dict.fromkeys((family, address) for family, _, _, _, address in found))
    for attempt in range(10):
        try:
            return _bind_all(targets)
        except OSError as error:
            if port or attempt == 9 or error.errno != errno.EADDRINUSE:
                raise
    raise AssertionError("unreachable")


def _bind_all(targets: Sequence[tuple[int, tuple[object, ...]]]) -> list[socket.socket]:
    sockets: list[socket.socket] = []
    try:
        for family, address in targets:
            if sockets and not address[1]:
                address = (address[0], sockets[0].getsockname()[1], *address[2:])
            with _absent_family(len(targets)):
                sockets.append(_bound(family, address))
        if not sockets:
            raise OSError(errno.EADDRNOTAVAIL, "no address of the host can be bound")
    except BaseException:
        for bound in sockets:
            bound.close()
        raise
    return sockets


@contextlib.contextmanager
def _absent_family(targets: int) -> Iterator[None]:
    """Pass over an address family that the machine does not have, as long as there are others."""
    try:
        yield
    except OSError as error:
        if targets == 1 or error.errno not in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
            raise


def _bound(family: int, address: object) -> socket.socket:
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        if family != getattr(socket, "AF_UNIX", None) and os.name == "posix":
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind(address)  # type: ignore[arg-type]  # what getaddrinfo gave, or a path
    except BaseException:
        bound.close()
        raise
    return bound
