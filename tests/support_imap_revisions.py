"""A small IMAP session that speaks both revisions as they want it, for tests of the connections."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from mailproto.flow import Flow, Wake
from mailproto.imap.capability import REV2
from mailproto.imap.codes import (
    CLOSED,
    NONEXISTENT,
    READ_WRITE,
    PermanentFlagsCode,
    UIDNextCode,
    UIDValidityCode,
    UnseenCode,
)
from mailproto.imap.commands import (
    Check,
    Close,
    Command,
    Create,
    Fetch,
    List,
    LSub,
    Noop,
    Search,
    Select,
    Status,
    UIDFetch,
    UIDSearch,
)
from mailproto.imap.events import LiteralOffered
from mailproto.imap.ext.binary import BinarySection, BinarySize
from mailproto.imap.ext.enable import Enable
from mailproto.imap.fetch import FLAGS, RFC822, UID, Answer
from mailproto.imap.fetch_data import FetchData
from mailproto.imap.mailbox import net_unicode
from mailproto.imap.responses import (
    EnabledData,
    ExistsData,
    FlagsData,
    ListData,
    LSubData,
    RecentData,
    StatusData,
)
from mailproto.imap.revisions import search_answer
from mailproto.imap.sequence import UIDSet
from mailproto.imap.server import IMAPServerConnection
from mailproto.imap.session import LiteralSink
from mailproto.imap.session import Status as Completion
from mailproto.imap.status import No, Ok

__all__ = ["OCTETS", "BothRevisions"]

OCTETS: Final = b"Subject: x\r\n\r\n\0\r\n"
FLAGS_THERE: Final = frozenset({"\\Seen", "\\Deleted"})
UIDS: Final = (11, 12, 13)


class BothRevisions:
    """Three messages in INBOX and `Entwürfe`; the first has not been seen."""

    poll_interval: float | None = None

    def __init__(self) -> None:
        self.names = ["INBOX", "Entwürfe"]
        self.saved: UIDSet = UIDSet()

    def offer(self, offer: LiteralOffered) -> Flow[LiteralSink | No]:
        yield from ()
        return No("no messages, please")

    def handle(
        self, conn: IMAPServerConnection, command: Command, literals: tuple[LiteralSink, ...]
    ) -> Flow[Completion]:
        yield from ()
        return _HANDLERS[type(command)](self, conn, command)

    def push(self, conn: IMAPServerConnection) -> Flow[None]:
        yield from ()

    def notify(self, wake: Wake | None) -> None:
        """Have nothing to tell."""

    def close(self) -> Flow[None]:
        yield from ()

    def done(self, conn: IMAPServerConnection, command: Command) -> Completion:
        return Ok("done")

    def enable(self, conn: IMAPServerConnection, command: Enable) -> Completion:
        known = {REV2} if REV2 in conn.capabilities else set()
        conn.send(EnabledData(command.capabilities & known))
        return Ok("enabled")

    def select(self, conn: IMAPServerConnection, command: Select) -> Completion:
        normalize = net_unicode if conn.is_rev2 else partial(unicodedata.normalize, "NFC")
        name = normalize(command.mailbox)
        if conn.is_rev2 and conn.state.name == "SELECTED":
            conn.send(Ok("the other one is closed", CLOSED))
        if name not in self.names:
            return No("there is none", NONEXISTENT)
        conn.send(FlagsData(FLAGS_THERE))
        conn.send(ExistsData(len(UIDS)))
        for code in (UIDValidityCode(1), UIDNextCode(14), PermanentFlagsCode(FLAGS_THERE)):
            conn.send(Ok("so it is", code))
        if conn.is_rev2:
            conn.send(self.listing(name, command.mailbox))
        else:
            conn.send(RecentData(0))
            conn.send(Ok("so it is", UnseenCode(1)))
        return Ok("selected", READ_WRITE)

    def listing(self, name: str, asked: str) -> ListData:
        old = (("OLDNAME", asked),) if asked != name else None
        return ListData(frozenset({"\\HasNoChildren"}), "/", name, extended=old)

    def create(self, conn: IMAPServerConnection, command: Create) -> Completion:
        name = net_unicode(command.mailbox)
        self.names.append(name)
        if conn.is_rev2 and name != command.mailbox:
            conn.send(self.listing(name, command.mailbox))
        return Ok("created")

    def list_(self, conn: IMAPServerConnection, command: List) -> Completion:
        for name in self.names:
            conn.send(ListData(frozenset(), "/", name))
        return Ok("listed")

    def lsub(self, conn: IMAPServerConnection, command: LSub) -> Completion:
        conn.send(LSubData(frozenset(), "/", self.names[-1]))
        return Ok("listed")

    def status(self, conn: IMAPServerConnection, command: Status) -> Completion:
        numbers = {"MESSAGES": 3, "DELETED": 0, "SIZE": 2**33, "RECENT": 0}
        conn.send(StatusData(command.mailbox, tuple((item, numbers[item]) for item in command.items)))
        return Ok("so it is")

    def search(self, conn: IMAPServerConnection, command: Search | UIDSearch) -> Completion:
        assert conn.command is not None
        found = UIDS if isinstance(command, UIDSearch) else range(1, 4)
        answer = search_answer(conn.command, found, rev2=conn.is_rev2)
        if answer is not None:
            conn.send(answer)
        self.saved = UIDSet.of(UIDS)
        return Ok("searched")

    def fetch(self, conn: IMAPServerConnection, command: Fetch | UIDFetch) -> Completion:
        asked = self.saved if command.sequence_set.is_saved else command.sequence_set
        for number, uid in enumerate(UIDS, start=1):
            if (uid if isinstance(asked, UIDSet) else number) in asked:
                answers = (_ANSWERS[type(item)](item, uid) for item in command.items if item is not UID)
                conn.send(FetchData(number, UID.answer(uid), *answers))
        return Ok("fetched")

    def noop(self, conn: IMAPServerConnection, command: Command) -> Completion:
        if conn.state.name == "SELECTED":
            conn.send(FetchData(2, UID.answer(UIDS[1]), FLAGS.answer(frozenset({"\\Seen"}))))
        return Ok("nothing else")


_ANSWERS: Final[dict[type, Callable[[Any, int], Answer]]] = {
    BinarySection: lambda item, uid: item.answer(OCTETS),
    BinarySize: lambda item, uid: item.answer(len(OCTETS)),
    type(FLAGS): lambda item, uid: (
        item.answer(OCTETS.replace(b"\0", b"")) if item is RFC822 else item.answer(frozenset())
    ),
}

_HANDLERS: Final[dict[type[Command], Callable[[BothRevisions, IMAPServerConnection, Any], Completion]]] = {
    Check: BothRevisions.done,
    Close: BothRevisions.done,
    Noop: BothRevisions.noop,
    Enable: BothRevisions.enable,
    Select: BothRevisions.select,
    Create: BothRevisions.create,
    List: BothRevisions.list_,
    LSub: BothRevisions.lsub,
    Status: BothRevisions.status,
    Search: BothRevisions.search,
    UIDSearch: BothRevisions.search,
    Fetch: BothRevisions.fetch,
    UIDFetch: BothRevisions.fetch,
}
