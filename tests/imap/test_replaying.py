"""What was done offline is done on the server: once, wherever the connection is lost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from mailproto.errors import LocalProtocolError
from mailproto.imap.local_changes import change_of, json_of
from mailproto.imap.mirror import (
    AddMessage,
    Attempt,
    ExpungeMessages,
    InSync,
    LocalChange,
    MirrorState,
    MirrorStep,
    MoveMessages,
    Refused,
    Replayed,
    Reset,
    Started,
    StoreFlags,
    Uncertain,
)
from mailproto.imap.sequence import UIDSet
from support_mirror import KINDS, Copy, Mailbox, Server, synchronize

FULL, PLAIN = ("UIDPLUS", "MOVE"), ()
MORE = {"with UIDPLUS and MOVE": FULL, "without": PLAIN}
DATE = datetime(2024, 2, 29, 12, 0, 0, tzinfo=UTC)
MESSAGES = {"draft": b"Message-ID: <d@x>\r\n\r\ndraft", "note": b"a note", "huge": b"too big"}


def find(name: str) -> bytes:
    return MESSAGES[name]


def filled() -> Mailbox:
    box = Mailbox(highest=100)
    for number in range(1, 10):
        box.add(octets=b"message %d" % number)
    return box


class Offline:
    """A mailbox with its copy in sync, the other mailbox, and what is queued since then."""

    def __init__(self, kind: str, more: tuple[str, ...], *changes: LocalChange) -> None:
        self.kind, self.more = kind, more
        self.box, self.archive, self.copy = filled(), Mailbox(uid_validity=8), Copy()
        self.online()
        self.queue(*changes)

    def queue(self, *changes: LocalChange) -> None:
        self.copy.json = self.copy.mirrored().queued(*changes).to_json()

    def online(self, **options: Any) -> list[MirrorStep]:
        server = Server(self.box, self.kind, more=self.more, archive=self.archive)
        return synchronize(server, self.copy, batch=3, find=find, **options)


CHANGES = (
    StoreFlags(UIDSet("1:2"), frozenset({"\\Seen", "$Junk"}), frozenset({"\\Flagged"})),
    AddMessage("draft", frozenset({"\\Draft"}), message_id="<d@x>", internal_date=DATE),
    MoveMessages(UIDSet("3:4"), "Archive"),
    ExpungeMessages(UIDSet("5,7")),
)


def others_change(box: Mailbox) -> None:
    """Do what another device does meanwhile."""
    box.set_flags(1, "\\Flagged", "\\Answered")
    box.set_flags(6, "\\Deleted")
    box.expunge(4, 7)
    box.add("\\Recent", octets=b"new")


def nothing(_box: Mailbox) -> None:
    pass


@pytest.mark.parametrize("more", MORE.values(), ids=MORE.keys())
@pytest.mark.parametrize("kind", KINDS)
def test_changes_are_carried_out_in_order_and_the_copy_is_in_sync_after_it(
    kind: str, more: tuple[str, ...]
) -> None:
    at = Offline(kind, more, *CHANGES)
    others_change(at.box)
    steps = at.online()
    stored, added, moved = [step for step in steps if isinstance(step, Replayed)][:3]
    assert stored.change == CHANGES[0]
    assert (stored.vanished, stored.conflicts) == (UIDSet(), ())
    assert (added.appended is not None) is (more == FULL)
    assert moved.vanished == UIDSet("4")
    assert (moved.copied is not None) is (more == FULL)
    assert [step.vanished for step in steps if isinstance(step, Replayed)][-1] == UIDSet("7")
    assert isinstance(steps[-1], InSync)
    assert at.copy.mirrored().changes == ()
    assert at.copy.flags == at.box.flags
    assert at.box.flags == {
        1: {"\\Seen", "$Junk", "\\Answered"},
        2: {"\\Seen", "$Junk"},
        6: {"\\Deleted"},
        8: set(),
        9: set(),
        10: {"\\Recent"},
        11: {"\\Draft"},
    }
    assert at.archive.octets == {1: b"message 3"}


@pytest.mark.parametrize("more", MORE.values(), ids=MORE.keys())
@pytest.mark.parametrize("kind", KINDS)
def test_changes_are_carried_out_without_sequence_numbers(kind: str, more: tuple[str, ...]) -> None:
    """It is the same with UIDFETCH and VANISHED, wherever it is stopped (RFC 9586)."""
    plain = Offline(kind, more, *CHANGES)
    others_change(plain.box)
    steps = [type(step).__name__ for step in plain.online()]
    for stop in range(len(steps) + 1):
        at = Offline(kind, ("IMAP4rev1", "ENABLE", "UIDONLY", *more), *CHANGES)
        others_change(at.box)
        said = at.online(enabled=("UIDONLY",), stop_after=stop)
        assert [type(step).__name__ for step in said] == steps[:stop]
        at.online(enabled=("UIDONLY",))
        assert at.copy.mirrored().changes == ()
        assert at.copy.flags == at.box.flags
        assert at.box.flags == plain.box.flags
        assert at.archive.octets == plain.archive.octets


@pytest.mark.parametrize("event", [nothing, others_change])
@pytest.mark.parametrize("is_last_lost", [False, True], ids=["stored", "not stored"])
@pytest.mark.parametrize("more", MORE.values(), ids=MORE.keys())
@pytest.mark.parametrize("kind", KINDS)
def test_a_stop_at_each_step_carries_out_each_change_once(
    kind: str, more: tuple[str, ...], is_last_lost: bool, event: Callable[[Mailbox], object]
) -> None:
    whole = Offline(kind, more, *CHANGES)
    event(whole.box)
    most = len(whole.online())
    assert most > 6
    for first in range(most + 1):
        for second in (1, 2, 4):
            at = Offline(kind, more, *CHANGES)
            event(at.box)
            steps = at.online(stop_after=first, is_last_lost=is_last_lost)
            steps += at.online(stop_after=second)
            steps += at.online()
            assert at.copy.mirrored().changes == ()
            if any(isinstance(step, Uncertain) for step in steps):
                # Copied, and the connection lost: nothing is removed, nothing comes twice.
                assert more == PLAIN
                assert is_last_lost
                assert 3 in at.box.flags
            else:
                assert at.box.octets == whole.box.octets
                assert at.box.flags == whole.box.flags
            assert at.archive.octets == whole.archive.octets
            at.online()
            assert at.copy.flags == at.box.flags


def test_flags_that_others_changed_meanwhile_are_a_conflict_if_that_is_asked_for() -> None:
    for kind in KINDS:
        at = Offline(kind, FULL)
        at.box.set_flags(1, "\\Flagged")
        at.online()
        change = StoreFlags(
            UIDSet("1:4"),
            frozenset({"\\Seen"}),
            frozenset({"\\Flagged"}),
            unchanged_since=at.copy.mirrored().mod_seq or 1,
        )
        at.queue(change)
        at.box.set_flags(2, "\\Flagged")
        at.box.set_flags(3, "\\Seen", "\\Answered")
        at.box.expunge(4)
        (replayed,) = (step for step in at.online() if isinstance(step, Replayed))
        assert replayed.vanished == UIDSet("4")
        # What 3 was to get it has.
        assert [(each.uid, each.flags) for each in replayed.conflicts] == [(2, frozenset({"\\Flagged"}))]
        assert at.box.flags[1] == {"\\Seen"}
        assert at.box.flags[2] == {"\\Flagged"}
        assert at.copy.flags == at.box.flags


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_server_refuses_is_told_and_does_not_stop_the_others(kind: str) -> None:
    refused = (
        StoreFlags(UIDSet("1"), frozenset({"$Forbidden"})),
        AddMessage("huge"),
        StoreFlags(UIDSet("1"), frozenset({"$Fine"})),
    )
    at = Offline(kind, FULL, *refused)
    steps = [step for step in at.online() if isinstance(step, Refused | Replayed)]
    assert [type(step) for step in steps] == [Refused, Refused, Replayed]
    permanent, transient = steps[:2]
    assert isinstance(permanent, Refused)
    assert isinstance(transient, Refused)
    assert (permanent.error.is_transient, transient.error.is_transient) == (False, True)
    assert at.box.flags[1] == {"$Fine"}
    (left,) = at.copy.mirrored().changes
    assert isinstance(left, AddMessage)
    MESSAGES["huge"] = b"small"
    try:
        at.online()
    finally:
        MESSAGES["huge"] = b"too big"
    assert at.copy.mirrored().changes == ()
    assert at.box.octets[10] == b"small"


@pytest.mark.parametrize("kind", KINDS)
def test_a_reset_drops_what_named_messages_and_keeps_what_is_to_be_added(kind: str) -> None:
    at = Offline(kind, FULL, *CHANGES)
    at.box.reset(99)
    steps = at.online()
    (reset,) = (step for step in steps if isinstance(step, Reset))
    assert reset.dropped == (CHANGES[0], CHANGES[2], CHANGES[3])
    assert [step.change.__class__ for step in steps if isinstance(step, Replayed)] == [AddMessage]
    assert len(at.box.flags) == 10


ARRIVALS = [
    pytest.param("draft", "<d@x>", None, True, id="an identifier"),
    pytest.param("draft", "<d@x>", b"<d@x> is cited", True, id="an identifier, and others arrived"),
    pytest.param("note", None, None, False, id="nothing to tell it by"),
]


@pytest.mark.parametrize(("name", "message_id", "other", "is_known"), ARRIVALS)
def test_a_message_whose_arrival_was_not_heard_of(
    name: str, message_id: str | None, other: bytes | None, is_known: bool
) -> None:
    at = Offline("QRESYNC", FULL, AddMessage(name, message_id=message_id))
    (started, replayed) = at.online(stop_after=2, is_last_lost=True)
    assert isinstance(started, Started)
    assert isinstance(replayed, Replayed)
    assert at.box.octets[10] == MESSAGES[name]
    assert at.copy.mirrored().changes == (AddMessage(name, message_id=message_id, attempt=Attempt(7, 10)),)
    if other is not None:
        at.box.add(octets=other)
    steps = at.online()
    assert [step for step in steps if isinstance(step, Started)] == []
    (end,) = (step for step in steps if isinstance(step, Uncertain | Replayed))
    assert isinstance(end, Replayed if is_known else Uncertain)
    assert list(at.box.octets.values()).count(MESSAGES[name]) == 1
    assert at.copy.mirrored().changes == ()


def test_a_message_that_did_not_arrive_is_sent_again() -> None:
    for message_id in (None, "<d@x>"):
        change = AddMessage("draft", message_id=message_id)
        at = Offline("CONDSTORE", FULL, change)
        assert isinstance(at.online(stop_after=1)[0], Started)
        steps = at.online()
        assert [type(step) for step in steps[:2]] == [Started, Replayed]
        assert at.box.octets[10] == MESSAGES["draft"]
        assert len(at.box.octets) == 10


def test_what_was_added_just_before_is_not_taken_for_the_message() -> None:
    at = Offline("QRESYNC", FULL, AddMessage("draft"), AddMessage("note"))
    first, second, third = at.online(stop_after=3)
    assert isinstance(first, Started)
    assert isinstance(second, Replayed)
    assert isinstance(third, Started)
    assert Replayed in map(type, at.online())
    assert list(at.box.octets.values())[9:] == [MESSAGES["draft"], MESSAGES["note"]]


def test_changes_that_cannot_be_carried_out_are_refused_before_anything_is_sent() -> None:
    state = MirrorState(uid_validity=7, uid_next=3, mod_seq=1, known=UIDSet("1:2"))
    with pytest.raises(LocalProtocolError, match="expected messages that are known, got 3"):
        state.queued(ExpungeMessages(UIDSet("2:3")))
    at = Offline("flags", FULL, CHANGES[1])
    server = Server(at.box, "flags")
    with pytest.raises(LocalProtocolError, match="expected find="):
        synchronize(server, at.copy)
    with pytest.raises(LocalProtocolError, match="only read"):
        synchronize(server, at.copy, find=find, is_read_only=True)
    assert server.said == []


JSON_CASES: list[tuple[LocalChange, dict[str, object]]] = [
    (
        CHANGES[0],
        {
            "change": "store",
            "uids": "1:2",
            "add": ["$Junk", "\\Seen"],
            "remove": ["\\Flagged"],
            "unchanged_since": None,
        },
    ),
    (
        AddMessage("draft", frozenset({"a"}), internal_date=DATE, message_id="<d@x>", attempt=Attempt(7, 9)),
        {
            "change": "add",
            "message": "draft",
            "flags": ["a"],
            "internal_date": "2024-02-29T12:00:00+00:00",
            "message_id": "<d@x>",
            "attempt": {"uid_validity": 7, "uid_next": 9},
        },
    ),
    (
        MoveMessages(UIDSet("3:4"), "Archive", attempt=Attempt(1, 2)),
        {
            "change": "move",
            "uids": "3:4",
            "mailbox": "Archive",
            "attempt": {"uid_validity": 1, "uid_next": 2},
        },
    ),
    (CHANGES[3], {"change": "expunge", "uids": "5,7"}),
]


@pytest.mark.parametrize(("change", "data"), JSON_CASES)
def test_changes_in_both_directions(change: LocalChange, data: dict[str, object]) -> None:
    assert json_of(change) == data
    assert change_of(data) == change
    state = MirrorState(uid_validity=7, uid_next=9, known=UIDSet("1:8")).queued(change)
    assert MirrorState.from_json(state.to_json()) == state


ADD, MOVE = JSON_CASES[1][1], JSON_CASES[2][1]

NOT_CHANGES: list[tuple[object, str]] = [
    (7, "expected a change, got '7'"),
    ({}, "change: expected str"),
    ({"change": "drop"}, "expected one of store, add, move, expunge, got 'drop'"),
    ({"change": "expunge", "uids": "*"}, "expected a UIDSet of numbers"),
    ({"change": "expunge", "uids": ""}, "expected a UIDSet of numbers"),
    ({"change": "store", "uids": "1", "add": [], "remove": []}, "expected flags to add or to remove"),
    ({"change": "store", "uids": "1", "add": ["a"], "remove": ["a"]}, "none of them both"),
    ({"change": "store", "uids": "1", "add": ["\\Recent"], "remove": []}, "flags that clients can set"),
    ({"change": "store", "uids": "1", "add": ["a b"], "remove": []}, "flag"),
    ({"change": "store", "uids": "1", "add": [1], "remove": []}, "add: expected strings"),
    ({"change": "store", "uids": "1", "add": ["a"], "remove": [], "unchanged_since": 0}, "mod-sequence"),
    ({**ADD, "message": 1}, "message: expected str"),
    ({**ADD, "internal_date": "yesterday"}, "internal_date: expected a date, got 'yesterday'"),
    ({**ADD, "internal_date": "2024-02-29T12:00:00"}, "time zone"),
    ({**ADD, "message_id": "<a>\r\nA1 NOOP"}, "expected a Message-ID in ASCII"),
    ({**ADD, "message_id": ""}, "expected a Message-ID in ASCII"),
    ({**ADD, "attempt": 7}, "attempt: expected dict"),
    ({**ADD, "attempt": {"uid_validity": 0, "uid_next": 1}}, "number"),
    ({**MOVE, "mailbox": "a\0b"}, "mailbox"),
]


@pytest.mark.parametrize(("data", "message"), NOT_CHANGES)
def test_what_is_no_change(data: object, message: str) -> None:
    with pytest.raises(LocalProtocolError, match=message):
        change_of(data)


def test_a_message_has_a_name_and_a_queue_has_changes() -> None:
    with pytest.raises(LocalProtocolError, match="expected the name of a message, got bytes"):
        AddMessage(b"x")  # type: ignore[arg-type]  # what is tested
    with pytest.raises(LocalProtocolError, match="changes: expected StoreFlags"):
        MirrorState(changes=("x",))  # type: ignore[arg-type]  # what is tested
