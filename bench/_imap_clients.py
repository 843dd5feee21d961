"""The clients of IMAP that are measured: `NAME(PORT, USER, PASSWORD, ARGUMENT)` returns the work to time."""

from __future__ import annotations

import imaplib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bench._reading import ITEMS, read_fetch_data, read_imapclient
from mailproto.imap import (
    BODYSTRUCTURE,
    ENVELOPE,
    FLAGS,
    INTERNALDATE,
    RFC822_SIZE,
    UID,
    BodySection,
)
from mailproto.imap.search import All
from mailproto.sync import IMAPClient

if TYPE_CHECKING:
    from imapclient import IMAPClient as Peer

__all__ = ["IMAP_CLIENTS"]

SEARCHES: Final = 50
"""How often it is searched: one search takes a few milliseconds."""

WHOLE: Final = BodySection()

Work = Callable[[], None]


def _ours(port: int, user: str, password: str) -> IMAPClient:
    imap = IMAPClient.connect("127.0.0.1", port, tls="none")
    imap.login(user, password, allow_cleartext=True)
    imap.select("INBOX")
    return imap


def _imapclient(port: int, user: str, password: str) -> Peer:
    from imapclient import IMAPClient as Peer

    imap = Peer("127.0.0.1", port, ssl=False, use_uid=True)
    imap.login(user, password)
    imap.select_folder("INBOX")
    return imap


def _imaplib(port: int, user: str, password: str) -> imaplib.IMAP4:
    imap = imaplib.IMAP4("127.0.0.1", port)
    imap.login(user, password)
    imap.select("INBOX")
    return imap


def _check(found: int, last: str) -> None:
    if found != int(last):
        raise SystemExit(f"{found} messages of {last}")


def mailproto_fetch(port: int, user: str, password: str, last: str) -> Work:
    """Fetch the usual items of messages 1 to *last*, read every field, and keep nothing."""
    imap = _ours(port, user, password)

    def work() -> None:
        seen = 0
        for message in imap.uid_fetch(
            f"1:{last}", UID, FLAGS, INTERNALDATE, RFC822_SIZE, ENVELOPE, BODYSTRUCTURE
        ):
            read_fetch_data(message)
            seen += 1
        _check(seen, last)

    return work


def imapclient_fetch(port: int, user: str, password: str, last: str) -> Work:
    """Do the same with IMAPClient, which takes no ranges: a thousand UIDs to a command."""
    imap = _imapclient(port, user, password)

    def work() -> None:
        seen = 0
        for uids in _thousands(last):
            fetched: dict[int, Any] = imap.fetch(uids, ITEMS)
            for data in fetched.values():
                read_imapclient(data)
            seen += len(fetched)
        _check(seen, last)

    return work


def _thousands(last: str) -> list[list[int]]:
    ends = range(1, int(last) + 1, 1000)
    return [list(range(first, min(first + 1000, int(last) + 1))) for first in ends]


def mailproto_flags(port: int, user: str, password: str, last: str) -> Work:
    """Fetch the flags of messages 1 to *last*."""
    imap = _ours(port, user, password)
    return lambda: _check(sum(m.uid > 0 <= len(m.flags) for m in imap.uid_fetch(f"1:{last}", FLAGS)), last)


def imapclient_flags(port: int, user: str, password: str, last: str) -> Work:
    """Do the same with IMAPClient."""
    imap = _imapclient(port, user, password)

    def work() -> None:
        fetched = [imap.fetch(uids, ["FLAGS"]) for uids in _thousands(last)]
        _check(sum(len(data[b"FLAGS"]) >= 0 for found in fetched for data in found.values()), last)

    return work


def mailproto_bodies(port: int, user: str, password: str, last: str) -> Work:
    """Fetch messages 1 to *last* whole."""
    imap = _ours(port, user, password)
    return lambda: _check(
        sum(len(message[WHOLE]) > 0 for message in imap.uid_fetch(f"1:{last}", WHOLE)), last
    )


def imaplib_bodies(port: int, user: str, password: str, last: str) -> Work:
    """Do the same with imaplib, which takes all in one command."""
    imap = _imaplib(port, user, password)

    def work() -> None:
        _, answers = imap.uid("FETCH", f"1:{last}", "(BODY.PEEK[])")
        _check(sum(len(answer[1]) > 0 for answer in answers if isinstance(answer, tuple)), last)

    return work


def mailproto_download(port: int, user: str, password: str, uid: str) -> Work:
    """Stream one body and drop it."""
    imap = _ours(port, user, password)

    def work() -> None:
        with imap.download(uid) as part, Path("/dev/null").open("wb") as sink:
            part.write_to(sink)

    return work


def imaplib_download(port: int, user: str, password: str, uid: str) -> Work:
    """Fetch one body whole and drop it."""
    imap = _imaplib(port, user, password)

    def work() -> None:
        _, answers = imap.uid("FETCH", uid, "(BODY.PEEK[])")
        if not isinstance(answers[0], tuple):
            raise SystemExit(f"no message {uid}")
        Path("/dev/null").write_bytes(answers[0][1])

    return work


def mailproto_search(port: int, user: str, password: str, last: str) -> Work:
    """Search for all messages, again and again, and make a list of each result."""
    imap = _ours(port, user, password)

    def work() -> None:
        for _ in range(SEARCHES):
            _check(len(list(imap.uid_search(All()))), last)

    return work


def imapclient_search(port: int, user: str, password: str, last: str) -> Work:
    """Do the same with IMAPClient, whose result is a list."""
    imap = _imapclient(port, user, password)

    def work() -> None:
        for _ in range(SEARCHES):
            _check(len(imap.search("ALL")), last)

    return work


IMAP_CLIENTS: Final[dict[str, Callable[[int, str, str, str], Work]]] = {
    "mailproto-fetch": mailproto_fetch,
    "imapclient-fetch": imapclient_fetch,
    "mailproto-flags": mailproto_flags,
    "imapclient-flags": imapclient_flags,
    "mailproto-bodies": mailproto_bodies,
    "imaplib-bodies": imaplib_bodies,
    "mailproto-download": mailproto_download,
    "imaplib-download": imaplib_download,
    "mailproto-search": mailproto_search,
    "imapclient-search": imapclient_search,
}
"""Name on the command line of `bench.clients` -> the client."""
