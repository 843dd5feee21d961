"""A mailbox with a server of CONDSTORE and QRESYNC in memory, and a copy that stores what it is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from mailproto.flow import Call, Flow, Receive, Received
from mailproto.imap import search
from mailproto.imap.capability import Capabilities
from mailproto.imap.client import IMAPClientConnection
from mailproto.imap.client_flows import enable
from mailproto.imap.codes import (
    CANNOT,
    UNAVAILABLE,
    CapabilityCode,
    ResponseCode,
    UIDNextCode,
    UIDValidityCode,
)
from mailproto.imap.commands import (
    Append,
    Command,
    Examine,
    Expunge,
    Select,
    Status,
    StoreAction,
    TaggedCommand,
    UIDCopy,
    UIDFetch,
    UIDSearch,
    UIDStore,
)
from mailproto.imap.ext.condstore import (
    MODSEQ,
    NOMODSEQ,
    ChangedSince,
    HighestModSeqCode,
    ModifiedCode,
    UnchangedSince,
)
from mailproto.imap.ext.enable import Enable
from mailproto.imap.ext.move import UIDMove
from mailproto.imap.ext.qresync import VANISHED, QResync, VanishedData
from mailproto.imap.ext.uidonly import UIDONLY, UIDFetchData
from mailproto.imap.ext.uidplus import AppendUIDCode, CopyUIDCode, UIDExpunge
from mailproto.imap.fetch import FLAGS, UID, Answer
from mailproto.imap.fetch_data import FetchData
from mailproto.imap.inbox import Inboxes
from mailproto.imap.mirror import Changed, MirrorState, MirrorStep, New, Reset, Vanished
from mailproto.imap.mirroring import Mirroring
from mailproto.imap.responses import EnabledData, ExistsData, ExpungeData, SearchData, StatusData
from mailproto.imap.search import SearchKey
from mailproto.imap.sequence import UIDSet
from mailproto.imap.server import IMAPServerConnection
from mailproto.imap.status import No, Ok, PreAuth
from mailproto.limits import IMAPLimits

__all__ = ["KINDS", "Copy", "Link", "Mailbox", "Server", "synchronize"]

KINDS: Final = {
    "QRESYNC": ("IMAP4rev1", "ENABLE", "CONDSTORE", "QRESYNC"),
    "CONDSTORE": ("IMAP4rev1", "CONDSTORE"),
    "flags": ("IMAP4rev1",),
}
"""What a server offers, by the way in which a mailbox is brought in sync with it."""


@dataclass
class Mailbox:
    """Messages as UID and flags, and the mod-sequences of their changes; `tombstones` has the expunged."""

    uid_validity: int = 7
    uid_next: int = 1
    highest: int = 1
    has_mod_seqs: bool = True
    flags: dict[int, frozenset[str]] = field(default_factory=dict)
    mod_seqs: dict[int, int] = field(default_factory=dict)
    tombstones: dict[int, int] = field(default_factory=dict)
    octets: dict[int, bytes] = field(default_factory=dict)

    def add(self, *flags: str, octets: bytes = b"") -> int:
        uid, self.uid_next = self.uid_next, self.uid_next + 1
        self.set_flags(uid, *flags)
        self.octets[uid] = octets
        return uid

    def set_flags(self, uid: int, *flags: str) -> None:
        self.highest += 1
        self.flags[uid], self.mod_seqs[uid] = frozenset(flags), self.highest

    def expunge(self, *uids: int) -> None:
        self.highest += 1
        for uid in uids:
            del self.flags[uid], self.mod_seqs[uid], self.octets[uid]
            self.tombstones[uid] = self.highest

    def reset(self, uid_validity: int) -> None:
        """Be another mailbox with the same name: messages get new UIDs."""
        messages = [(flags, self.octets[uid]) for uid, flags in self.flags.items()]
        self.__init__(uid_validity, has_mod_seqs=self.has_mod_seqs)  # type: ignore[misc]  # begins anew
        for flags, octets in messages:
            self.add(*flags, octets=octets)


class Server:
    """One connection to a mailbox; `before` is called with each command before it is carried out.

    `said` are the names of the commands. *more* is offered beside what is of its kind. A name that is not
    INBOX stands for the mailbox *archive*. Under UIDONLY a UIDFETCH says the UID in its items only if
    *has_uid_item*.
    """

    def __init__(
        self,
        mailbox: Mailbox,
        kind: str,
        before: Callable[[Command], object] = lambda _command: None,
        *,
        more: tuple[str, ...] = (),
        archive: Mailbox | None = None,
        has_uid_item: bool = False,
    ) -> None:
        self.mailbox = mailbox
        self.has_uid_item = has_uid_item
        self.archive = archive or Mailbox(uid_validity=8)
        self.before = before
        self.said: list[str] = []
        self.numbers: list[int] = []
        self.conn = IMAPServerConnection(capabilities=(*KINDS[kind], *more))
        self.conn.send_greeting(PreAuth("hi", CapabilityCode(Capabilities((*KINDS[kind], *more)))))

    def feed(self, octets: bytes) -> bytes:
        """Return what is answered to *octets*."""
        self.conn.receive_data(octets)
        while (event := self.conn.next_event()) is not None:
            assert isinstance(event, TaggedCommand), event
            self.before(event.command)
            self.said.append(event.command.name)
            self.conn.complete(event.tag, self.carry_out(event.command))
        return b"".join(self.conn.data_to_send())

    def carry_out(self, command: Command) -> Ok | No:
        code = _ANSWERS[type(command)](self, command)
        if isinstance(code, No):
            return code
        if command.name.startswith("UID") or command.name == "EXPUNGE":
            self.report()
        return Ok("done", code)

    def enable(self, command: Enable) -> None:
        self.conn.send(EnabledData(command.capabilities))

    def select(self, command: Select | Examine) -> None:
        box, send = self.mailbox, self.conn.send
        self.numbers = sorted(box.flags)
        send(ExistsData(len(self.numbers)))
        send(Ok("told", UIDValidityCode(box.uid_validity)))
        send(Ok("told", UIDNextCode(box.uid_next)))
        send(Ok("told", HighestModSeqCode(box.highest) if box.has_mod_seqs else NOMODSEQ))
        asked = next((each for each in command.parameters if isinstance(each, QResync)), None)
        if asked is not None and asked.uid_validity == box.uid_validity and box.has_mod_seqs:
            assert asked.known_uids is not None
            self.send_vanished(asked.known_uids, asked.mod_seq)
            self.send_flags(asked.known_uids, asked.mod_seq)

    def send_vanished(self, uids: UIDSet, since: int) -> None:
        gone = [uid for uid, mod_seq in self.mailbox.tombstones.items() if mod_seq > since and uid in uids]
        if gone:
            self.conn.send(VanishedData(UIDSet.of(gone), is_earlier=True))

    def send_flags(self, uids: UIDSet, since: int = 0) -> None:
        box = self.mailbox
        for number, uid in enumerate(self.numbers, 1):
            if uid in uids and box.mod_seqs.get(uid, 0) > since:
                mod_seq = (MODSEQ.answer(box.mod_seqs[uid]),) if since else ()
                self.send_message(number, uid, FLAGS.answer(box.flags[uid]), *mod_seq)

    def send_message(self, number: int, uid: int, *answers: Answer) -> None:
        if UIDONLY not in self.conn.enabled:
            self.conn.send(FetchData(number, UID.answer(uid), *answers))
        elif self.has_uid_item:
            self.conn.send(UIDFetchData(uid, UID.answer(uid), *answers))
        else:
            self.conn.send(UIDFetchData(uid, *answers))

    def fetch(self, command: UIDFetch) -> None:
        since = next((each.mod_seq for each in command.modifiers if isinstance(each, ChangedSince)), 0)
        if VANISHED in command.modifiers:
            self.send_vanished(command.sequence_set, since)
        self.send_flags(command.sequence_set, since)

    def search(self, command: UIDSearch) -> None:
        keys = command.key.keys if isinstance(command.key, search.And) else (command.key,)
        there = [uid for uid in self.numbers if uid in self.mailbox.flags]
        self.conn.send(SearchData(tuple(uid for uid in there if all(self.matches(uid, key) for key in keys))))

    def matches(self, uid: int, key: SearchKey) -> bool:
        if isinstance(key, search.UID):
            return uid in _numbers(key.uids, self.numbers)
        if isinstance(key, search.Header):
            return str(key.value).encode() in self.mailbox.octets[uid]
        assert key == search.Deleted()
        return "\\Deleted" in self.mailbox.flags[uid]

    def store(self, command: UIDStore) -> ModifiedCode | No | None:
        box = self.mailbox
        since = next((each.mod_seq for each in command.modifiers if isinstance(each, UnchangedSince)), None)
        if "$Forbidden" in command.flags:
            return No("not this one", CANNOT)
        uids = [uid for uid in command.sequence_set if uid in box.flags]
        modified = [uid for uid in uids if since is not None and box.mod_seqs[uid] > since]
        for uid in uids:
            if uid not in modified:
                is_added = command.action is StoreAction.ADD
                flags = box.flags[uid] | command.flags if is_added else box.flags[uid] - command.flags
                box.set_flags(uid, *flags)
        return ModifiedCode(UIDSet.of(modified)) if modified else None

    def uid_expunge(self, command: UIDExpunge) -> None:
        self.expunge_deleted(command.uids)

    def expunge(self, _command: Expunge) -> None:
        self.expunge_deleted(UIDSet.of(self.numbers))

    def expunge_deleted(self, uids: UIDSet) -> None:
        box = self.mailbox
        gone = [uid for uid in uids if "\\Deleted" in box.flags.get(uid, ())]
        if gone:
            box.expunge(*gone)

    def copy(self, command: UIDCopy | UIDMove) -> CopyUIDCode | None:
        box = self.mailbox
        uids = [uid for uid in command.sequence_set if uid in box.flags]
        new = [self.archive.add(*box.flags[uid], octets=box.octets[uid]) for uid in uids]
        if isinstance(command, UIDMove) and uids:
            box.expunge(*uids)
        has_code = "UIDPLUS" in self.conn.capabilities and uids
        code = CopyUIDCode(self.archive.uid_validity, UIDSet.of(uids), UIDSet.of(new)) if has_code else None
        if code is not None and isinstance(command, UIDMove):
            self.conn.send(Ok("moved", code))
            return None
        return code

    def append(self, command: Append) -> AppendUIDCode | No | None:
        assert isinstance(command.message, bytes)
        if command.message == b"too big":
            return No("not now", UNAVAILABLE)
        uid = self.mailbox.add(*command.flags, octets=command.message)
        has_code = "UIDPLUS" in self.conn.capabilities
        return AppendUIDCode(self.mailbox.uid_validity, UIDSet.of((uid,))) if has_code else None

    def status(self, command: Status) -> None:
        box = self.archive
        items = (("UIDNEXT", box.uid_next), ("UIDVALIDITY", box.uid_validity))
        self.conn.send(StatusData(command.mailbox, items))

    def report(self) -> None:
        """Say what happened meanwhile: what is gone, and how many messages there are now."""
        gone = [uid for uid in self.numbers if uid not in self.mailbox.flags]
        is_qresync = "QRESYNC" in self.conn.enabled and self.mailbox.has_mod_seqs
        is_by_uid = is_qresync or UIDONLY in self.conn.enabled
        if gone and is_by_uid:
            self.conn.send(VanishedData(UIDSet.of(gone)))
        for uid in gone:
            if not is_by_uid:
                self.conn.send(ExpungeData(self.numbers.index(uid) + 1))
            self.numbers.remove(uid)
        if new := sorted(self.mailbox.flags.keys() - set(self.numbers)):
            self.numbers += new
            self.conn.send(ExistsData(len(self.numbers)))


def _numbers(uids: UIDSet, there: list[int]) -> list[int]:
    """Return the numbers of *uids*, in which `*` is the last of *there*."""
    ranges = uids.resolve(max(there, default=0))
    return [uid for uid in there if any(low <= uid <= high for low, high in ranges)]


_ANSWERS: Final[dict[type[Command], Callable[..., ResponseCode | No | None]]] = {
    Enable: Server.enable,
    Select: Server.select,
    Examine: Server.select,
    UIDFetch: Server.fetch,
    UIDSearch: Server.search,
    UIDStore: Server.store,
    UIDExpunge: Server.uid_expunge,
    Expunge: Server.expunge,
    UIDCopy: Server.copy,
    UIDMove: Server.copy,
    Append: Server.append,
    Status: Server.status,
}


class Copy:
    """A copy of the mailbox: what it was told, and the state in JSON as it was stored last."""

    def __init__(self) -> None:
        self.flags: dict[int, frozenset[str]] = {}
        self.json = MirrorState().to_json()

    def store(self, step: MirrorStep) -> None:
        """Store a step with its state, as one transaction would; nothing may be told twice."""
        match step:
            case New():
                told = [message.uid for message in step.messages]
                assert len(set(told)) == len(told)
                assert self.flags.keys().isdisjoint(told)
            case Changed():
                assert self.flags.keys() >= {message.uid for message in step.messages}
            case Vanished():
                for uid in step.uids:
                    del self.flags[uid]
            case Reset():
                self.flags.clear()
        if isinstance(step, New | Changed):
            self.flags.update((message.uid, message.flags) for message in step.messages)
        assert set(step.state.known) == self.flags.keys()
        assert MirrorState.from_json(step.state.to_json()) == step.state
        self.json = step.state.to_json()

    def mirrored(self) -> MirrorState:
        """Return the state that was stored."""
        return MirrorState.from_json(self.json)


class Link:
    """A client's connection to a server, whose octets arrive in pieces of *piece*."""

    def __init__(self, server: Server, piece: int = 65_536, limits: IMAPLimits | None = None) -> None:
        self.server = server
        self.piece = piece
        self.conn = IMAPClientConnection(limits)
        self.session = Inboxes(self.conn, limits)
        self._arriving = server.feed(b"")
        while self._arriving:
            self._receive()
        self.session.pump()

    def run(self, flow: Flow[Any]) -> Any:
        """Run *flow* to its end; the server answers when it waits."""
        resume: Callable[[Any], object] = flow.send
        value: object = None
        while True:
            try:
                instruction = resume(value)
            except StopIteration as stop:
                return stop.value
            resume, value = flow.send, None
            if isinstance(instruction, Call):
                value = instruction.function(*instruction.args)
            elif isinstance(instruction, Receive):
                self._arriving += self.server.feed(b"".join(self.conn.data_to_send()))
                assert self._arriving, "the client waits, and the server has nothing to say"
                self._receive()
                value = Received.RECEIVED

    def _receive(self) -> None:
        self.conn.receive_data(self._arriving[: self.piece])
        self._arriving = self._arriving[self.piece :]


def synchronize(
    server: Server,
    copy: Copy,
    *,
    stop_after: int | None = None,
    is_last_lost: bool = False,
    piece: int = 65_536,
    limits: IMAPLimits | None = None,
    enabled: tuple[str, ...] = (),
    **options: Any,
) -> list[MirrorStep]:
    """Bring *copy* in sync over a new connection, and return the steps.

    What *enabled* names is enabled before. With *stop_after* the connection is lost after so many steps; with
    *is_last_lost* the last one is not stored any more.
    """
    link = Link(server, piece, limits)
    if enabled:
        link.run(enable(link.session, enabled))
    mirroring = Mirroring(link.session, "INBOX", copy.mirrored(), **options)
    steps: list[MirrorStep] = []
    while not mirroring.is_finished and len(steps) != stop_after:
        link.run(mirroring.fill())
        while mirroring.ready and len(steps) != stop_after:
            steps.append(mirroring.ready.popleft())
            if not is_last_lost or len(steps) != stop_after:
                copy.store(steps[-1])
    mirroring.close()
    return steps
