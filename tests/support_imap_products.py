"""IMAP servers that we did not write, and our clients of both kinds behind one face to talk to them.

Each server is started once for the whole run, on loopback, with a configuration in a temporary folder.
Cyrus conflicts with Dovecot's package and is only unpacked; it is told where everything of it is, so
that it needs neither a namespace nor a user of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import imaplib
import inspect
import itertools
import os
import shutil
import socketserver
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from threading import Thread
from typing import Any, Final

import pytest

import mailproto.asyncio
import mailproto.sync
from support_interop import UNPACKED, Certificate, free_port, private_folder, stop, wait_for_port

__all__ = [
    "KINDS",
    "PRODUCTS",
    "Connection",
    "Product",
    "cyrus_running",
    "open_connection",
    "pymap_running",
    "reopened",
]

KINDS: Final = ("sync", "asyncio")
PRODUCTS: Final = ("Dovecot", "Cyrus", "pymap")


def _needs_no_index(user: str) -> None:
    """Do nothing."""


@dataclass(frozen=True)
class Product:
    """A server that listens on `port`. With `user` that is the only one there is, else all are.

    `index` makes the index in which searches of a user's mailboxes look, where they do that.
    """

    name: str
    port: int
    context: ssl.SSLContext
    user: str | None = None
    password: str = "pass"
    index: Callable[[str], None] = _needs_no_index


def _missing(name: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(f"{name} is not installed, and in CI it must be")
    pytest.skip(f"{name} is not installed")


# Cyrus

_IMAPD_CONF: Final = """\
    configdirectory: {base}/conf
    cyrus_user: nobody
    cyrus_group: nogroup
    proc_path: {base}/proc
    mboxname_lockpath: {base}/lock
    idlesocket: {base}/sock/idle
    notifysocket: {base}/sock/notify
    sievedir: {base}/sieve
    defaultpartition: default
    partition-default: {base}/part
    servername: localhost
    admins: admin
    sasl_pwcheck_method: saslauthd
    sasl_saslauthd_path: {base}/sasl
    sasl_mech_list: PLAIN LOGIN
    allowplaintext: yes
    failedloginpause: 0
    unixhierarchysep: yes
    altnamespace: yes
    virtdomains: off
    autocreate_users: anyone
    autocreate_quota: 102400
    conversations: no
    expunge_mode: immediate
    delete_mode: immediate
    specialusealways: yes
    annotation_allow_undefined: yes
    jmap_preview_annot: /shared/vendor/mailproto/preview
    search_engine: {search_engine}
    tls_server_cert: {certificate.chain}
    tls_server_key: {certificate.key}
    """

_CYRUS_CONF: Final = """\
    START {{
    }}
    SERVICES {{
      imap cmd="{programs}/imapd -C {base}/imapd.conf" listen="127.0.0.1:{port}" prefork=1
    }}
    DAEMON {{
      idled cmd="{programs}/idled -C {base}/imapd.conf"
    }}
    EVENTS {{
    }}
    """


class _Passwords(socketserver.StreamRequestHandler):
    """saslauthd: four strings, each behind its length in two octets; the second is the password."""

    def handle(self) -> None:
        words = [self.rfile.read(int.from_bytes(self.rfile.read(2), "big")) for _ in range(4)]
        verdict = b"OK" if words[1] == b"pass" else b"NO"
        self.wfile.write(len(verdict).to_bytes(2, "big") + verdict)


@contextlib.contextmanager
def _passwords(path: Path) -> Iterator[None]:
    """Answer on a Unix socket that every user has the password "pass"."""
    with socketserver.ThreadingUnixStreamServer(str(path), _Passwords) as server:
        path.chmod(0o666)
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def cyrus_running(certificate: Certificate, search_engine: str = "none") -> Iterator[Product]:
    """Run a Cyrus until the end of the block: any user, and "admin", who administers it.

    With the engine "squat" it searches in an index, and finds nothing before `index` has made one.
    """
    root = UNPACKED / "cyrus-imapd"
    common = UNPACKED / "cyrus-common"
    master = common / "usr/lib/cyrus/bin/master"
    if not master.exists() or os.geteuid() != 0:
        _missing("cyrus-imapd")
    with private_folder("cyrus") as base, _passwords(base / "sasl"):
        programs = base / "bin"
        programs.mkdir()
        for file in (*root.glob("usr/lib/cyrus/bin/*"), *common.glob("usr/lib/cyrus/bin/*")):
            if not (programs / file.name).exists():
                shutil.copy(file, programs / file.name)
        for name in ("conf", "conf/socket", "proc", "lock", "sock", "sieve", "part"):
            (base / name).mkdir()
            shutil.chown(base / name, "nobody", "nogroup")
        port = free_port()
        values = {"base": base, "certificate": certificate, "programs": programs, "port": port}
        values["search_engine"] = search_engine
        (base / "imapd.conf").write_text(dedent(_IMAPD_CONF).format(**values))
        (base / "cyrus.conf").write_text(dedent(_CYRUS_CONF).format(**values))
        libraries = next(common.glob("usr/lib/*/libcyrus.so.0")).parent
        environment = {**os.environ, "LD_LIBRARY_PATH": str(libraries)}

        def index(user: str) -> None:
            command = [str(programs / "squatter"), "-C", str(base / "imapd.conf"), "-r", f"user/{user}"]
            subprocess.run(command, env=environment, check=True, capture_output=True, timeout=60)

        process = subprocess.Popen(
            [
                programs / "master",
                *("-C", base / "imapd.conf", "-M", base / "cyrus.conf", "-p", base / "master.pid", "-D"),
            ],
            env=environment,
            stderr=subprocess.DEVNULL,
            # When it ends it ends its process group, of which another Cyrus is not to be.
            start_new_session=True,
        )
        try:
            wait_for_port(port, process)
            context = ssl.create_default_context(cafile=certificate.authority)
            yield Product("Cyrus", port, context, index=index)
        finally:
            stop(process)


# pymap


@contextlib.contextmanager
def pymap_running(certificate: Certificate) -> Iterator[Product]:
    """Run a pymap, whose mailboxes are in memory, until the end of the block."""
    program = Path(sys.executable).parent / "pymap"
    if not program.exists():
        _missing("pymap")
    port = free_port()
    command: list[str | Path] = [
        *(program, "--no-service", "admin", "--host", "127.0.0.1", "--port", str(port)),
        *("--cert", certificate.chain, "--key", certificate.key, "dict", "--demo-data"),
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for_port(port, process)
        context = ssl.create_default_context(cafile=certificate.authority)
        yield Product("pymap", port, context, "demouser", "demopass")
    finally:
        stop(process)


# Our clients


class Blocking:
    """An object of the asyncio client whose awaitable results are waited for."""

    def __init__(self, loop: asyncio.AbstractEventLoop, target: Any) -> None:
        self._loop = loop
        self._target = target

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._target, name)
        return self._wrapped(value) if inspect.isroutine(value) else value

    def __iter__(self) -> Iterator[Any]:
        while True:
            try:
                value = self._loop.run_until_complete(_value(anext(self._target)))
            except StopAsyncIteration:
                return
            yield value

    def _wrapped(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            result = method(*args, **kwargs)
            if hasattr(result, "__aenter__"):
                return self._opened(result)
            if inspect.isawaitable(result):
                return self._loop.run_until_complete(_value(result))
            return Blocking(self._loop, result) if hasattr(result, "__aiter__") else result

        return call

    @contextlib.contextmanager
    def _opened(self, opening: Any) -> Iterator[Any]:
        opened = self._loop.run_until_complete(opening.__aenter__())
        is_part = hasattr(opened, "__aiter__")
        try:
            yield Blocking(self._loop, opened) if is_part else opened
        finally:
            self._loop.run_until_complete(opening.__aexit__(None, None, None))


async def _value(awaitable: Any) -> Any:
    return await awaitable


_NUMBERS = itertools.count(1)


@dataclass
class Connection:
    """A client, whose methods block whatever kind it is, the user it is for, and a mailbox of its own."""

    kind: str
    product: Product
    imap: Any
    sent: bytearray
    user: str
    mailbox: str
    uids: list[int] = field(default_factory=list)

    def login(self) -> None:
        self.imap.login(self.user, self.product.password, allow_cleartext=True)

    def fill(self, messages: Sequence[bytes]) -> None:
        """Make the mailbox with these messages, whose UIDs are `uids` then, and select it."""
        self.imap.create(self.mailbox)
        for message in messages:
            self.uids.append(self.imap.append(self.mailbox, message).uid)
        self.imap.select(self.mailbox)

    @contextlib.contextmanager
    def other(self) -> Iterator[imaplib.IMAP4]:
        """Yield another connection of the same user, of a client that is not ours."""
        with imaplib.IMAP4("127.0.0.1", self.product.port, timeout=20) as other:
            other.login(self.user, self.product.password)
            yield other


@contextlib.contextmanager
def open_connection(kind: str, product: Product, tls: str = "none") -> Iterator[Connection]:
    """Connect a client of one kind; it is closed at the end."""
    number = next(_NUMBERS)
    sent = bytearray()

    def trace(direction: str, octets: bytes) -> None:
        if direction == "sent":
            sent.extend(octets)

    options: dict[str, Any] = {"tls": tls, "timeout": 20, "trace": trace}
    if tls != "none":
        options["ssl_context"] = product.context
    user = product.user or f"user{number}"
    with contextlib.ExitStack() as stack:
        if kind == "sync":
            imap: Any = mailproto.sync.IMAPClient.connect("localhost", product.port, **options)
            stack.callback(imap.close)
        else:
            loop = asyncio.new_event_loop()
            stack.callback(loop.close)
            opening = mailproto.asyncio.IMAPClient.connect("localhost", product.port, **options)
            client = loop.run_until_complete(_value(opening))
            stack.callback(loop.run_until_complete, asyncio.sleep(0))
            stack.callback(client.close)
            imap = Blocking(loop, client)
        yield Connection(kind, product, imap, sent, user, f"box{number}")


@contextlib.contextmanager
def reopened(at: Connection) -> Iterator[Connection]:
    """Connect another client of the same kind, as the same user."""
    with open_connection(at.kind, at.product) as again:
        again.user = at.user
        yield again
