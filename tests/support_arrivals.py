"""Messages that must arrive octet for octet, and our servers where they arrive."""

from __future__ import annotations

import contextlib
import hmac
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Final

import pytest

import support_smtp_servers
from mailproto.flow import TLSInfo
from mailproto.sasl import (
    Accepted,
    Challenge,
    Credentials,
    MechanismRow,
    Need,
    Offer,
    PasswordAuthenticator,
    Refused,
    Setting,
    Step,
)
from mailproto.smtp import (
    DSN,
    EXTENSIONS,
    PRDR_EXTENSION,
    SMTPUTF8_EXTENSION,
    Mail,
    Rcpt,
    Reply,
    SMTPSession,
    WholeMessages,
)
from support_interop import Certificate

__all__ = [
    "OFFERS",
    "ROUTES",
    "SAMPLES",
    "SERVICES",
    "USERS",
    "Arrival",
    "Arrivals",
    "Receiver",
    "Sample",
    "added_fields",
    "receiving",
    "unique",
]

SECONDS: Final = 30.0
"""How long a message may be on its way."""

USERS: Final = {"user": "pass"}
"""Who may log in."""


class CramSHA1Server:
    """A mechanism that swaks has and no RFC: CRAM-MD5 with another digest."""

    name = "CRAM-SHA1"

    def __init__(self, setting: Setting) -> None:
        self._challenge = f"<{setting.nonce()}@mx.example>".encode()
        self._authcid, self._digest = "", ""

    def step(self, response: bytes | None) -> Step:
        """Challenge, then ask for the password of the one who answers."""
        if response is None:
            return Challenge(self._challenge)
        self._authcid, _, self._digest = response.decode().rpartition(" ")
        return Need(Credentials(self._authcid))

    def resume(self, answer: object) -> Step:
        """Accept whose digest is that of the password."""
        expected = hmac.new(str(answer).encode(), self._challenge, "sha1").hexdigest()
        is_right = answer is not None and expected == self._digest
        return Accepted(self._authcid, self._authcid) if is_right else Refused("the password is not right")


OFFERS: Final[dict[str, Offer]] = {
    **{name: name for name in ("PLAIN", "LOGIN", "CRAM-MD5")},
    "CRAM-SHA1": MechanismRow("CRAM-SHA1", CramSHA1Server),
}
"""How they log in: what swaks has without further modules of Perl; CRAM-MD5 must be named to be offered."""

HEADER: Final = (
    b"From: A <a@example.net>\r\nTo: B <b@example.org>\r\nDate: Fri, 21 Nov 1997 09:55:06 -0600\r\n"
    b"Subject: octet for octet\r\nMessage-ID: <octets@example.net>\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"
    b"X-Spaces:  kept \t as they are\r\n\r\n"
)


@dataclass(frozen=True)
class Sample:
    """A message as it is handed over, and `end`: what arrives behind its last octet."""

    octets: bytes
    end: bytes = b""

    @property
    def arrived(self) -> bytes:
        """What must arrive."""
        return self.octets + self.end


SAMPLES: Final = {
    "8-bit": Sample(HEADER + "Größe: 5 µm\r\n".encode() + bytes(range(0x80, 0x100)) + b"\r\n"),
    "dots": Sample(HEADER + b".\r\n..\r\n.dot\r\n...\r\n \r\n\r\n.\r\n"),
    "empty body": Sample(HEADER),
    # "The text of a line: 1000 octets" with its CRLF (RFC 5321 section 4.5.3.1.6).
    "longest lines": Sample(HEADER + (b"." * 998 + b"\r\n") * 3 + b"x" * 998 + b"\r\n"),
    # DATA ends with CRLF.CRLF, of which the first CRLF belongs to the message (section 4.1.1.4).
    "no final line end": Sample(HEADER + b"a line without an end", b"\r\n"),
    "20 MiB": Sample(
        HEADER + b".a line of sixty-four octets, which begins with a dot and is ASCII\r\n" * 320_000
    ),
}

_numbers: Final = count()


def unique(word: str = "to") -> str:
    """Return a local part that no other test uses."""
    return f"{word}.{next(_numbers)}"


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """A message that our server took, and how it came."""

    mail: Mail
    recipients: tuple[Rcpt, ...]
    octets: bytes
    protocol: str
    tls: TLSInfo | None
    identity: str | None


def added_fields(arrived: bytes, sample: Sample) -> list[str]:
    """Return the names of the fields that stand in front of *sample*, which must have arrived unchanged."""
    front, expected = arrived[: -len(sample.arrived)], sample.arrived
    # No comparison of the whole by `==` alone: pytest would explain 20 MiB.
    is_equal = arrived.endswith(expected)
    assert is_equal, f"{len(arrived)} octets: {arrived[:1500]!r} ... {arrived[-200:]!r}"
    assert not front or front.endswith(b"\r\n")
    return [line.partition(b":")[0].decode() for line in front.splitlines() if line[:1] not in (b" ", b"\t")]


class Arrivals(WholeMessages):
    """A handler that keeps what arrives, by the local part of the first recipient.

    It refuses recipients that begin with "refused" at once. A message for one that begins with "late" is
    refused after it, in LMTP and under PRDR for that recipient alone; one for "busy" is put off the
    first time.
    """

    def __init__(self) -> None:
        super().__init__(self._take)
        self._changed = threading.Condition()
        self._arrived: dict[str, Arrival] = {}
        self._put_off: set[str] = set()
        self.dialogue: list[bytes] = []

    def trace(self, direction: str, octets: bytes) -> None:
        """Keep the beginning of each line that came."""
        if direction == "received":
            self.dialogue.append(octets[:80])

    def rcpt(self, session: SMTPSession, rcpt: Rcpt) -> Reply | None:
        """Refuse, or put off, those whose name says so."""
        name = _local_part(rcpt)
        if name.startswith("refused"):
            return Reply.of(550, "5.1.1", "nobody of that name here")
        if name.startswith("busy") and name not in self._put_off:
            self._put_off.add(name)
            return Reply.of(450, "4.2.1", "come again later")
        return None

    def _take(self, session: SMTPSession, octets: bytes) -> tuple[Reply, ...] | None:
        transaction = session.transaction
        assert transaction is not None
        arrival = Arrival(
            mail=transaction.mail,
            recipients=tuple(transaction.recipients),
            octets=octets,
            protocol=session.protocol,
            tls=session.tls,
            identity=session.identity,
        )
        with self._changed:
            for rcpt in transaction.recipients:
                self._arrived[_local_part(rcpt)] = arrival
            self._changed.notify_all()
        if not any(_local_part(rcpt).startswith("late") for rcpt in transaction.recipients):
            return None
        return tuple(
            Reply.of(552, "5.2.2", "mailbox is full")
            if _local_part(rcpt).startswith("late")
            else Reply.of(250, "2.0.0", "taken")
            for rcpt in transaction.recipients
        )

    def wait(self, name: str, explain: Callable[[], str] = str) -> Arrival:
        """Return what arrived for the local part *name*; *explain* says why it did not."""
        with self._changed:
            if not self._changed.wait_for(lambda: name in self._arrived, SECONDS):
                pytest.fail(f"nothing arrived for {name}:\n{explain()}")
            return self._arrived.pop(name)


def _local_part(rcpt: Rcpt) -> str:
    mailbox = rcpt.forward_path.mailbox
    return "" if mailbox is None else mailbox.local_part


@dataclass(frozen=True)
class Receiver:
    """One of our servers: its handler, and the port or the Unix socket where it listens."""

    arrivals: Arrivals
    port: int
    path: Path | None
    lmtp: bool


SERVICES: Final = ("smtp", "extended", "smtps", "lmtp", "lmtp-unix")
"""The services that `receiving` knows; all but "smtps", which is implicit TLS, offer STARTTLS.

"extended" is SMTP with what a server does not offer by itself.
"""

ROUTES: Final = {
    "smtp": "smtp",
    "tls": "smtp",
    "extended": "extended",
    "lmtp": "lmtp",
    "unix": "lmtp-unix",
}
"""First labels of the domains for which an MTA relays, and the service behind each."""

OPTIONS: Final[dict[str, dict[str, Any]]] = {
    "extended": {"extensions": (*EXTENSIONS, DSN, SMTPUTF8_EXTENSION, PRDR_EXTENSION)},
    "lmtp": {"extensions": (*EXTENSIONS, SMTPUTF8_EXTENSION)},
    "lmtp-unix": {"extensions": (*EXTENSIONS, SMTPUTF8_EXTENSION)},
    "smtps": {"tls": "implicit"},
}
"""What a service has that the others have not."""


@contextlib.contextmanager
def receiving(kind: str, service: str, certificate: Certificate, folder: Path) -> Iterator[Receiver]:
    """Serve *service* by the sync or the asyncio adapter until the end of the block."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.chain, certificate.key)
    arrivals = Arrivals()
    is_lmtp = service.startswith("lmtp")
    options: dict[str, Any] = dict(OPTIONS.get(service, {}))
    path = folder / f"{kind}.sock" if service == "lmtp-unix" else None
    if path is not None:
        options["path"] = path
    with support_smtp_servers.serving(
        kind,
        arrivals,
        lmtp=is_lmtp,
        ssl_context=context,
        authenticator=PasswordAuthenticator(USERS, mechanisms=OFFERS.values()),
        allow_cleartext=True,
        trace=arrivals.trace,
        **options,
    ) as running:
        if path is not None:
            path.chmod(0o666)
        yield Receiver(arrivals, 0 if path else running.port, path, is_lmtp)
