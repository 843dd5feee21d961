"""Delivery of accepted SMTP and LMTP messages into mail stores (RFC 5321 sections 4.4 and 6.1, RFC 2033).

A message is spooled while it arrives and appended to the mailbox of each recipient when it is complete; only
then is it accepted. Before its octets come the Return-Path and Received lines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from mailproto.address import Mailbox
from mailproto.flow import Call, Flow
from mailproto.imap.sequence import UIDSet
from mailproto.smtp.commands import Rcpt
from mailproto.smtp.handler import MessageSink, SMTPHandler, SMTPSession
from mailproto.smtp.reply import Reply
from mailproto.store._protocol import MailStore, StoreError
from mailproto.store._spool import new_spool

__all__ = ["Delivery", "Destination", "received_lines"]

_UNKNOWN = Reply.of(550, "5.1.1", "no such user here")
_DELIVERED = Reply.of(250, "2.0.0", "delivered")
_FAILED = Reply.of(451, "4.3.0", "it could not be stored, try again later")
_REPLIES: Final = {
    "NONEXISTENT": Reply.of(550, "5.2.1", "there is no such mailbox"),
    "OVERQUOTA": Reply.of(452, "4.2.2", "the mailbox is full"),
    "TOOBIG": Reply.of(552, "5.3.4", "the message is too big for the mailbox"),
}
"""What the codes of `StoreError` become; all others are transient, so that nothing is lost."""

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Destination(NamedTuple):
    """Where the messages of a recipient go: a mailbox of a store."""

    store: MailStore
    mailbox: str = "INBOX"


class Delivery(SMTPHandler):
    """An `SMTPHandler` that delivers.

    `route` says where a recipient's messages go, None for unknown ones (550 5.1.1); it is plain and quick.
    Recipients with the same destination get one copy. `hostname` stands in the Received line, and `clock`
    gives the time with its zone; by default it is the system's.
    """

    def __init__(
        self,
        route: Callable[[Mailbox], Destination | None],
        *,
        hostname: str,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        self._route = route
        self._hostname = hostname
        self._clock = clock or _local_time

    def rcpt(self, session: SMTPSession, rcpt: Rcpt) -> Reply | None:
        """Refuse who is unknown."""
        return None if self._destination(rcpt) else _UNKNOWN

    def message(self, session: SMTPSession) -> MessageSink:
        """Return a sink that spools, then delivers."""
        recipients = session.transaction.recipients if session.transaction else []
        now = self._clock()
        prefix = received_lines(session, self._hostname, now)
        return _Spool([self._destination(rcpt) for rcpt in recipients], prefix, now, session.is_lmtp)

    def _destination(self, rcpt: Rcpt) -> Destination | None:
        mailbox = rcpt.forward_path.mailbox
        return None if mailbox is None else self._route(mailbox)


def _local_time() -> datetime:
    return datetime.now().astimezone()


class _Spool:
    """One message: its octets, and where they go, for each recipient in order."""

    __slots__ = ("_appended", "_date", "_destinations", "_file", "_is_lmtp")

    def __init__(
        self, destinations: list[Destination | None], prefix: bytes, date: datetime, is_lmtp: bool
    ) -> None:
        self._destinations = destinations
        self._date = date
        self._is_lmtp = is_lmtp
        self._appended: list[tuple[Destination, int]] = []
        self._file = new_spool()
        self._file.write(prefix)

    def write(self, chunk: bytes, /) -> None:
        self._file.write(chunk)

    def abort(self) -> None:
        self._file.close()

    def finish(self) -> Flow[Reply | tuple[Reply, ...]]:
        try:
            results: list[Reply] = []
            for destination in _distinct(self._destinations):
                results.append((yield from self._deliver(destination)))
                if not self._is_lmtp and results[-1] is not _DELIVERED:
                    yield from self._undo()
                    return results[-1]
        finally:
            self._file.close()
        by_destination = dict(zip(map(_key, _distinct(self._destinations)), results, strict=True))
        replies = tuple(by_destination[_key(destination)] for destination in self._destinations)
        return replies if self._is_lmtp else _DELIVERED

    def _deliver(self, destination: Destination | None) -> Flow[Reply]:
        if destination is None:
            return _UNKNOWN
        store, mailbox = destination
        self._file.seek(0)
        try:
            uid = yield Call(store.append, (mailbox, self._file, frozenset(), self._date), store)
        except StoreError as error:
            return _REPLIES.get(error.code, _FAILED)
        except Exception:
            return _FAILED
        self._appended.append((destination, uid))
        return _DELIVERED

    def _undo(self) -> Flow[None]:
        """Take back what was delivered, since SMTP has one reply for all and the client will send again."""
        for (store, mailbox), uid in self._appended:
            try:
                yield Call(store.expunge, (mailbox, UIDSet.of([uid])), store)
            except Exception:
                continue


def _key(destination: Destination | None) -> object:
    return None if destination is None else (id(destination.store), destination.mailbox)


def _distinct(destinations: list[Destination | None]) -> Iterator[Destination | None]:
    return iter({_key(destination): destination for destination in destinations}.values())


def received_lines(session: SMTPSession, hostname: str, now: datetime) -> bytes:
    """Return the Return-Path and Received fields for the message of `session.transaction`.

    The `for` clause is there if there is one recipient only, so that nobody learns of others.
    """
    transaction = session.transaction
    lines = [b"Return-Path: " + (transaction.mail.reverse_path.serialize() if transaction else b"<>")]
    lines.append(b"Received: from " + _client(session))
    lines.append(f"\tby {hostname} with {session.protocol}".encode())
    if transaction and len(transaction.recipients) == 1:
        lines.append(b"\tfor " + transaction.recipients[0].forward_path.serialize())
    lines[-1] += b";"
    lines.append(b"\t" + date_time(now).encode())
    return b"\r\n".join(lines) + b"\r\n"


def _client(session: SMTPSession) -> bytes:
    """Return the `Extended-Domain` of the from clause (RFC 5321 section 4.4)."""
    name = session.hello.domain if session.hello else "unknown"
    host = session.peer[0] if isinstance(session.peer, tuple) else ""
    host = host.partition("%")[0]
    literal = f" ([IPv6:{host}])" if ":" in host else f" ([{host}])" if host else ""
    return (name + literal).encode()


def date_time(value: datetime) -> str:
    """Return *value* as RFC 5322 section 3.3 writes it, in English whatever the locale."""
    minutes = (value.utcoffset() or timedelta()) // timedelta(minutes=1)
    sign = "-" if minutes < 0 else "+"
    zone = f"{sign}{abs(minutes) // 60:02}{abs(minutes) % 60:02}"
    day = f"{_DAYS[value.weekday()]}, {value.day} {_MONTHS[value.month - 1]} {value.year:04}"
    return f"{day} {value:%H:%M:%S} {zone}"
