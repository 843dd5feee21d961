"""`mirror` of both clients, each step with its state, over a socket."""

from __future__ import annotations

from typing import Any

import pytest

from mailproto.errors import LocalProtocolError
from mailproto.imap import RFC822_SIZE, BodySection
from mailproto.imap.client_flows import Appended
from mailproto.imap.mirror import (
    AddMessage,
    Changed,
    InSync,
    MirrorState,
    New,
    Replayed,
    Started,
    StoreFlags,
    Vanished,
)
from mailproto.imap.sequence import UIDSet
from support_imap_scripts import ADAPTERS, converse

SELECTED = (
    b"* 3 EXISTS\r\n* OK [UIDVALIDITY 7] .\r\n* OK [UIDNEXT 6] .\r\n* OK [HIGHESTMODSEQ 90] .\r\n"
    b"* VANISHED (EARLIER) 1:2\r\n* 1 FETCH (UID 3 FLAGS (\\Seen) MODSEQ (80))\r\n"
    b"{tag} OK [READ-WRITE] done\r\n"
)
ANSWERS = [
    b"* ENABLED QRESYNC\r\n{tag} OK done\r\n",
    SELECTED,
    b"* 2 FETCH (UID 4 FLAGS () RFC822.SIZE 5 BODY[] {5}\r\nhello)\r\n"
    b'* 3 FETCH (UID 5 FLAGS () RFC822.SIZE 2 BODY[] "hi")\r\n{tag} OK done\r\n',
    b"{tag} OK done\r\n",
]
KNOWN = MirrorState(uid_validity=7, uid_next=4, mod_seq=50, known=UIDSet("1:3"))


def mirrored(imap: Any, adapter: str, **options: Any) -> Any:
    """Return all steps, and what a NOOP after them gives."""
    mirror = imap.mirror("INBOX", KNOWN, RFC822_SIZE, BodySection(), **options)
    if adapter == "sync":
        return [*mirror, imap.noop()]

    async def steps() -> Any:
        return [*[step async for step in mirror], await imap.noop()]

    return steps()


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_steps_come_with_their_states(adapter: str) -> None:
    steps, said = converse(
        adapter,
        "ENABLE QRESYNC",
        ANSWERS,
        lambda imap: mirrored(imap, adapter, batch=1),
        selected=False,
    )
    assert said == [
        b"ENABLE QRESYNC",
        b"SELECT INBOX (QRESYNC (7 50 1:3))",
        b"UID FETCH 4:5 (FLAGS RFC822.SIZE BODY.PEEK[])",
        b"NOOP",
    ]
    gone, changed, first, second, end, _ = steps
    assert gone == Vanished(
        UIDSet("1:2"), MirrorState(uid_validity=7, uid_next=4, mod_seq=50, known=UIDSet("3"))
    )
    assert isinstance(changed, Changed)
    assert [(message.uid, message.flags) for message in changed.messages] == [(3, frozenset({"\\Seen"}))]
    assert changed.state == gone.state
    assert isinstance(first, New)
    assert [message[BodySection()] for message in (*first.messages, *second.messages)] == [b"hello", b"hi"]
    assert first.state == MirrorState(uid_validity=7, uid_next=4, mod_seq=90, known=UIDSet("3:4"))
    assert end == InSync(MirrorState(uid_validity=7, uid_next=6, mod_seq=90, known=UIDSet("3:5")))


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_mirror_that_is_closed_lets_go_of_the_mailbox(adapter: str) -> None:
    def given_up(imap: Any) -> Any:
        mirror = imap.mirror("INBOX", is_read_only=True)
        if adapter == "sync":
            next(mirror)
            with pytest.raises(LocalProtocolError, match="the mailbox is held"):
                imap.select("Other")
            mirror.close()
            assert list(mirror) == []
            return imap.noop()

        async def both() -> Any:
            await anext(mirror)
            with pytest.raises(LocalProtocolError, match="the mailbox is held"):
                await imap.select("Other")
            mirror.close()
            assert [step async for step in mirror] == []
            return await imap.noop()

        return both()

    plain = [b"* 1 EXISTS\r\n* OK [UIDVALIDITY 7] .\r\n* OK [UIDNEXT 2] .\r\n{tag} OK done\r\n"]
    fetched = [b"* 1 FETCH (UID 1 FLAGS ())\r\n{tag} OK done\r\n", b"{tag} OK done\r\n"]
    _, said = converse(adapter, "IDLE", plain + fetched, given_up, selected=False)
    assert said == [b"EXAMINE INBOX", b"UID FETCH 1 FLAGS", b"NOOP"]


SELECTED_AGAIN = b"* 2 EXISTS\r\n* OK [UIDVALIDITY 7] .\r\n* OK [UIDNEXT %d] .\r\n{tag} OK done\r\n"
FLAGS_OF_ALL = b"* 1 FETCH (UID 1 FLAGS (\\Seen))\r\n{tag} OK done\r\n"


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_what_was_done_offline_is_done_on_the_server(adapter: str) -> None:
    changes = StoreFlags(UIDSet("1"), frozenset({"\\Seen"})), AddMessage("draft", frozenset({"\\Draft"}))
    state = MirrorState(uid_validity=7, uid_next=2, known=UIDSet("1")).queued(*changes)
    answers = [
        SELECTED_AGAIN % 2,
        b"* 1 FETCH (UID 1 FLAGS ())\r\n{tag} OK done\r\n",
        b"{tag} OK done\r\n",
        b"+ go on\r\n",
        b"A4 OK [APPENDUID 7 2] done\r\n",
        SELECTED_AGAIN % 3,
        FLAGS_OF_ALL,
        b"* 2 FETCH (UID 2 FLAGS (\\Draft))\r\n{tag} OK done\r\n",
    ]

    def find(name: str) -> bytes:
        return name.encode()

    async def afind(name: str) -> bytes:
        return name.encode()

    def offline(imap: Any) -> Any:
        if adapter == "sync":
            return list(imap.mirror("INBOX", state, find=find))

        async def steps() -> Any:
            return [step async for step in imap.mirror("INBOX", state, find=afind)]

        return steps()

    steps, said = converse(adapter, "UIDPLUS", answers, offline, selected=False)
    assert said == [
        b"SELECT INBOX",
        b"UID FETCH 1 FLAGS",
        b"UID STORE 1 +FLAGS.SILENT (\\Seen)",
        b"APPEND INBOX (\\Draft) {5}",
        b"",
        b"SELECT INBOX",
        b"UID FETCH 1 FLAGS",
        b"UID FETCH 2 FLAGS",
    ]
    assert [type(step) for step in steps] == [Changed, Replayed, Started, Replayed, Changed, New, InSync]
    assert steps[3].appended == Appended(7, 2)
    assert (steps[-1].state.known, steps[-1].state.changes) == (UIDSet("1:2"), ())
