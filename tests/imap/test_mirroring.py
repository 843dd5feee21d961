"""A mailbox and its copy, without IO: each of the three ways, stopped everywhere, while others change it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mailproto.errors import IMAPStatusError, LocalProtocolError
from mailproto.flow import Flow
from mailproto.imap.client_flows import noop
from mailproto.imap.commands import Command, Select
from mailproto.imap.ext.message_limit import MessageLimitCode
from mailproto.imap.fetch import FLAGS, RFC822_SIZE
from mailproto.imap.fetch_data import FetchData
from mailproto.imap.inbox import Inboxes
from mailproto.imap.mirror import InSync, MirrorState, MirrorStep, New, Vanished, flags_digest
from mailproto.imap.mirroring import Mirroring
from mailproto.imap.sequence import UIDSet
from mailproto.imap.status import No, Ok
from mailproto.limits import IMAPLimits
from support_imap_dialogue import Step, Told, tell, tell_in_pieces
from support_inbox import Line
from support_mirror import KINDS, Copy, Link, Mailbox, Server, synchronize


def filled(count: int = 9) -> Mailbox:
    """Return a mailbox with gaps among its UIDs."""
    box = Mailbox(highest=1_000)
    for _ in range(count):
        box.add()
    box.expunge(2, 5)
    return box


def change(box: Mailbox) -> None:
    """Do what other clients do: flags there and back, new messages, old ones gone."""
    low, high = min(box.flags), max(box.flags)
    box.set_flags(low, "\\Seen")
    box.set_flags(high, "\\Flagged", "$Forwarded")
    box.expunge(sorted(box.flags)[2])
    box.add("\\Answered")
    box.add()
    box.expunge(box.add())


def names(steps: list[MirrorStep]) -> list[str]:
    return [type(step).__name__ for step in steps]


SAID = {
    "QRESYNC": ["ENABLE", "SELECT", "UID FETCH"],
    "CONDSTORE": ["SELECT", "UID FETCH", "UID SEARCH", "UID FETCH"],
    "flags": ["SELECT", "UID FETCH", "UID FETCH"],
}


@pytest.mark.parametrize("piece", [1, 7, 65_536])
@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_gets_what_is_new_then_what_changed(kind: str, piece: int) -> None:
    box, copy = filled(), Copy()
    assert names(synchronize(Server(box, kind), copy, piece=piece)) == ["New", "InSync"]
    assert copy.flags == box.flags
    change(box)
    server = Server(box, kind)
    steps = synchronize(server, copy, piece=piece)
    assert sorted(names(steps)) == ["Changed", "InSync", "New", "Vanished"]
    assert server.said == SAID[kind]
    assert copy.flags == box.flags
    state = copy.mirrored()
    assert (state.uid_next, state.known) == (box.uid_next, UIDSet.of(box.flags))
    assert state.mod_seq == (None if kind == "flags" else box.highest)
    assert bool(state.digests) is (kind == "flags")


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_the_same_in_pieces_of_any_size(kind: str) -> None:
    told = set()
    for piece in (*range(1, 120), 65_536):
        box, copy = filled(), Copy()
        synchronize(Server(box, kind), copy, piece=piece)
        change(box)
        told.add((tuple(names(synchronize(Server(box, kind), copy, piece=piece))), copy.json))
        assert copy.flags == box.flags
    assert len(told) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_what_has_not_changed_is_not_told_again(kind: str) -> None:
    box, copy = filled(), Copy()
    synchronize(Server(box, kind), copy)
    before = copy.json
    server = Server(box, kind)
    assert names(synchronize(server, copy)) == ["InSync"]
    assert copy.json == before
    assert server.said == {"QRESYNC": ["ENABLE", "SELECT"], "CONDSTORE": ["SELECT"]}.get(
        kind, ["SELECT", "UID FETCH"]
    )


def most_steps(kind: str, *events: Callable[[Mailbox], object]) -> int:
    """Return how many steps there are at most in a synchronization after each event."""
    box, copy = filled(), Copy()
    counts = [len(synchronize(Server(box, kind), copy, batch=2))]
    for event in events:
        event(box)
        counts.append(len(synchronize(Server(box, kind), copy, batch=2)))
    return max(counts)


def reset(box: Mailbox) -> None:
    box.reset(box.uid_validity + 1)


def nothing(box: Mailbox) -> None:
    pass


def lose_mod_seqs(box: Mailbox) -> None:
    box.set_flags(min(box.flags), "\\Draft")
    box.has_mod_seqs = not box.has_mod_seqs


def go_back(box: Mailbox) -> None:
    """Be restored from a backup, as far as mod-sequences go."""
    before = box.highest
    change(box)
    box.highest = before - 1
    box.mod_seqs = dict.fromkeys(box.mod_seqs, 1)
    box.tombstones = dict.fromkeys(box.tombstones, 1)


EVENTS = {
    "changes": change,
    "another UIDVALIDITY": reset,
    "mod-sequences come and go": lose_mod_seqs,
    "mod-sequences go back": go_back,
}


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS.keys())
@pytest.mark.parametrize("kind", KINDS)
def test_a_stop_after_each_step_loses_nothing_and_doubles_nothing(
    kind: str, event: Callable[[Mailbox], object]
) -> None:
    most = most_steps(kind, event, change)
    assert most > 4
    for first in range(most + 1):
        # That mod-sequences went back and beyond where they were, nobody can tell.
        for second in range(event is go_back, most + 1):
            for between in (nothing, change, lose_mod_seqs):
                box, copy = filled(), Copy()
                synchronize(Server(box, kind), copy, batch=2, stop_after=first)
                event(box)
                synchronize(Server(box, kind), copy, batch=2, stop_after=second)
                between(box)
                assert isinstance(synchronize(Server(box, kind), copy, batch=2)[-1], InSync)
                assert copy.flags == box.flags, (first, second, between)
                assert copy.mirrored().uid_next == box.uid_next


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS.keys())
@pytest.mark.parametrize("ways", [("QRESYNC", "flags"), ("flags", "CONDSTORE"), ("CONDSTORE", "QRESYNC")])
def test_a_server_may_learn_and_forget(ways: tuple[str, str], event: Callable[[Mailbox], object]) -> None:
    box, copy = filled(), Copy()
    for stop in range(5):
        for kind in (*ways, *ways):
            synchronize(Server(box, kind), copy, batch=2, stop_after=stop)
            event(box)
            synchronize(Server(box, kind), copy, batch=2)
            assert copy.flags == box.flags


@pytest.mark.parametrize("kind", KINDS)
def test_others_change_the_mailbox_meanwhile(kind: str) -> None:
    """Whatever command it is before which something happens, the next synchronization has it all."""
    for moment in range(6):
        box, copy = filled(), Copy()
        synchronize(Server(box, kind), copy)
        change(box)
        left = iter(range(moment, -10, -1))

        def before(_command: Command, box: Mailbox = box, left: Iterator[int] = left) -> None:
            if next(left) == 0:
                change(box)
                box.expunge(max(box.flags), min(box.flags))

        steps = synchronize(Server(box, kind, before), copy, batch=2)
        assert isinstance(steps[-1], InSync)
        synchronize(Server(box, kind), copy, batch=2)
        assert copy.flags == box.flags


def test_messages_and_their_items_come_in_batches_and_in_windows() -> None:
    box, copy = Mailbox(), Copy()
    for number in range(2_400):
        box.add(*["\\Seen"] * (number % 2))
    server = Server(box, "QRESYNC")
    steps = synchronize(server, copy)
    assert [len(step.messages) for step in steps if isinstance(step, New)] == [500] * 4 + [400]
    assert server.said.count("UID FETCH") == 3
    assert len(copy.json) < 200


@pytest.mark.parametrize("kind", KINDS)
def test_known_uids_that_are_too_long_for_a_line(kind: str) -> None:
    box, copy = Mailbox(), Copy()
    for _ in range(3_000):
        box.add()
    box.expunge(*range(1, 3_000, 2))
    synchronize(Server(box, kind), copy)
    box.expunge(*range(2, 100, 2), *range(2_000, 2_100, 2))
    box.set_flags(1_000, "\\Seen")
    server = Server(box, kind)
    synchronize(server, copy, limits=IMAPLimits(max_command_line=200))
    assert copy.flags == box.flags
    assert copy.mirrored().known == UIDSet.of(box.flags)


def test_a_select_that_tells_too_much_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailproto.imap.mirroring.MAX_CHANGED", 5)
    box, copy = filled(20), Copy()
    synchronize(Server(box, "QRESYNC"), copy)
    for uid in list(box.flags)[:8]:
        box.set_flags(uid, "\\Seen")
    box.expunge(7)
    server = Server(box, "QRESYNC")
    assert names(synchronize(server, copy)) == ["Changed", "Vanished", "InSync"]
    assert server.said == ["ENABLE", "SELECT", "UID FETCH"]
    assert copy.flags == box.flags


class WithoutUID(Server):
    """A server that tells flags of a message, and not of which one."""

    def carry_out(self, command: Command) -> Ok | No:
        status = super().carry_out(command)
        if isinstance(command, Select):
            self.conn.send(FetchData(1, FLAGS.answer(frozenset())))
        return status


class InPart(Server):
    """A server that says that it has not told all."""

    def carry_out(self, command: Command) -> Ok | No:
        status = super().carry_out(command)
        return Ok("in part", MessageLimitCode(5, 3)) if isinstance(command, Select) else status


@pytest.mark.parametrize("kind_of_server", [WithoutUID, InPart])
def test_a_select_that_does_not_tell_all_is_asked_again(kind_of_server: type[Server]) -> None:
    box, copy = filled(), Copy()
    synchronize(Server(box, "QRESYNC"), copy)
    box.set_flags(1, "\\Seen")
    server = kind_of_server(box, "QRESYNC", more=("MESSAGELIMIT=5",))
    assert names(synchronize(server, copy)) == ["Changed", "InSync"]
    assert server.said == ["ENABLE", "SELECT", "UID FETCH"]
    assert copy.flags == box.flags


def test_a_uid_validity_that_stays_though_uids_begin_anew_resets_too() -> None:
    box, copy = filled(), Copy()
    synchronize(Server(box, "QRESYNC"), copy)
    box.reset(box.uid_validity)
    box.highest = 100
    steps = synchronize(Server(box, "QRESYNC"), copy)
    assert names(steps) == ["Reset", "New", "InSync"]
    assert copy.flags == box.flags


def test_a_message_that_was_passed_over_comes_with_the_next_time() -> None:
    """A server that left a message out, or a copy that lost it, gets in step where the server tells all."""
    for kind in ("CONDSTORE", "flags"):
        box, copy = filled(), Copy()
        synchronize(Server(box, kind), copy)
        lost = copy.mirrored()
        del copy.flags[4]
        known = lost.known - UIDSet("4")
        digests = tuple((digest, uids - UIDSet("4")) for digest, uids in lost.digests)
        copy.json = MirrorState(
            uid_validity=7, uid_next=10, mod_seq=lost.mod_seq, known=known, digests=digests
        ).to_json()
        assert names(synchronize(Server(box, kind), copy)) == ["New", "InSync"]
        assert copy.flags == box.flags


def test_the_mailbox_is_held_until_the_end() -> None:
    link = Link(Server(filled(), "QRESYNC"))
    mirroring = Mirroring(link.session, "INBOX")
    link.run(mirroring.fill())
    with pytest.raises(LocalProtocolError, match="the mailbox is held"):
        link.run(link.session.send(Select("Other")))
    mirroring.close()
    mirroring.close()
    link.run(link.session.send(Select("Other")))
    assert mirroring.is_finished
    link.run(mirroring.fill())


def test_a_batch_has_one_message_or_more() -> None:
    link = Link(Server(filled(), "flags"))
    with pytest.raises(LocalProtocolError, match="batch: expected 1 or more, got 0"):
        Mirroring(link.session, "INBOX", batch=0)


# Against a script


def steps_of(session: Inboxes, state: MirrorState | None = None, **options: Any) -> Flow[list[MirrorStep]]:
    mirroring = Mirroring(session, "INBOX", state, **options)
    steps: list[MirrorStep] = []
    try:
        while not mirroring.is_finished:
            yield from mirroring.fill()
            steps += mirroring.ready
            mirroring.ready.clear()
    finally:
        assert mirroring.is_finished
        # Nothing is held any more.
        session.let_go(session.hold("Other"))
    return steps


def shown(told: Told) -> object:
    """Return what was told, and the state at the end."""
    if told.error is not None:
        return type(told.error), str(told.error)
    rows = [
        (type(step).__name__, str(step.uids))
        if isinstance(step, Vanished)
        else (type(step).__name__, [message.uid for message in getattr(step, "messages", ())])
        for step in told.result
    ]
    return rows, told.result[-1].state.to_json()


def state_of(known: str, uid_next: int, mod_seq: int | None = None, uid_validity: int = 7) -> MirrorState:
    return MirrorState(uid_validity=uid_validity, uid_next=uid_next, mod_seq=mod_seq, known=UIDSet(known))


def json_of(known: str, uid_next: int, mod_seq: int | None = None, uid_validity: int = 7) -> str:
    return state_of(known, uid_next, mod_seq, uid_validity).to_json()


SEEN = flags_digest({"\\Seen"})
NONE = flags_digest(())


def selected(exists: int, *codes: str, tag: str = "A2") -> bytes:
    lines = [f"* {exists} EXISTS", *(f"* OK [{code}] ." for code in codes), f"{tag} OK [READ-WRITE] done"]
    return "".join(f"{line}\r\n" for line in lines).encode()


DIALOGUES = {
    "condstore": (
        "CONDSTORE",
        state_of("1:3,8", 9, 50),
        (
            (
                [b"A2 SELECT INBOX (CONDSTORE)"],
                b"* 2 FETCH (FLAGS ())\r\n* VANISHED 3\r\n* OK [CLOSED] .\r\n"
                + selected(4, "UIDVALIDITY 7", "UIDNEXT 11", "HIGHESTMODSEQ 90"),
            ),
            (
                [b"A3 UID FETCH 1:8 FLAGS (CHANGEDSINCE 50)"],
                b"* 2 FETCH (UID 3 FLAGS (\\Seen) MODSEQ (77))\r\nA3 OK done\r\n",
            ),
            ([b"A4 UID SEARCH UID 1:8"], b"* SEARCH 1 3 8\r\nA4 OK done\r\n"),
            (
                [b"A5 UID FETCH 9:10 (FLAGS RFC822.SIZE)"],
                b"* 9 FETCH (UID x FLAGS () RFC822.SIZE 44)\r\n"
                b"* 4 FETCH (UID 10 FLAGS () RFC822.SIZE 44)\r\nA5 OK done\r\n",
            ),
        ),
        [("Changed", [3]), ("Vanished", "2"), ("New", [10]), ("InSync", [])],
        json_of("1,3,8,10", 11, 90),
    ),
    "condstore, nothing new and nobody gone": (
        "CONDSTORE",
        state_of("1:3,8", 9, 50),
        (
            (
                [b"A2 SELECT INBOX (CONDSTORE)"],
                selected(4, "UIDVALIDITY 7", "UIDNEXT 9", "HIGHESTMODSEQ 90"),
            ),
            ([b"A3 UID FETCH 1:8 FLAGS (CHANGEDSINCE 50)"], b"A3 OK done\r\n"),
        ),
        [("InSync", [])],
        json_of("1:3,8", 9, 90),
    ),
    "flags": (
        "IDLE",
        MirrorState(
            uid_validity=7,
            uid_next=9,
            known=UIDSet("1:3,8"),
            digests=((SEEN, UIDSet("1:3")), (NONE, UIDSet("8"))),
        ),
        (
            ([b"A2 SELECT INBOX"], selected(4, "UIDVALIDITY 7", "UIDNEXT 11")),
            (
                [b"A3 UID FETCH 1:8 FLAGS"],
                b"* 1 FETCH (UID 1 FLAGS (\\Seen \\Recent))\r\n* 2 FETCH (UID 3 FLAGS ())\r\n"
                b"* 3 FETCH (FLAGS () UID 8)\r\nA3 OK done\r\n",
            ),
            (
                [b"A4 UID FETCH 9:10 (FLAGS RFC822.SIZE)"],
                b"* 4 FETCH (UID 10 FLAGS (\\Seen) RFC822.SIZE 9)\r\nA4 OK done\r\n",
            ),
        ),
        [("Changed", [3]), ("Vanished", "2"), ("New", [10]), ("InSync", [])],
        MirrorState(
            uid_validity=7,
            uid_next=11,
            known=UIDSet("1,3,8,10"),
            digests=((SEEN, UIDSet("1,10")), (NONE, UIDSet("3,8"))),
        ).to_json(),
    ),
    "no mod-sequences": (
        "CONDSTORE",
        state_of("1", 2, 50),
        (
            ([b"A2 SELECT INBOX (CONDSTORE)"], selected(1, "UIDVALIDITY 7", "UIDNEXT 2", "NOMODSEQ")),
            ([b"A3 UID FETCH 1 FLAGS"], b"* 1 FETCH (UID 1 FLAGS (\\Seen))\r\nA3 OK done\r\n"),
        ),
        [("Changed", [1]), ("InSync", [])],
        MirrorState(uid_validity=7, uid_next=2, known=UIDSet("1"), digests=((SEEN, UIDSet("1")),)).to_json(),
    ),
    "mod-sequences go back": (
        "CONDSTORE",
        state_of("1", 2, 50),
        (
            (
                [b"A2 SELECT INBOX (CONDSTORE)"],
                selected(1, "UIDVALIDITY 7", "UIDNEXT 2", "HIGHESTMODSEQ 49"),
            ),
            ([b"A3 UID FETCH 1 FLAGS"], b"* 1 FETCH (UID 1 FLAGS (\\Seen))\r\nA3 OK done\r\n"),
        ),
        [("Changed", [1]), ("InSync", [])],
        json_of("1", 2, 49),
    ),
    "UIDs that do not last": (
        "IDLE",
        state_of("1:3", 4, 50),
        (
            ([b"A2 SELECT INBOX"], selected(1, "UIDVALIDITY 7", "UIDNEXT 4", "UIDNOTSTICKY")),
            (
                [b"A3 UID FETCH 1:3 (FLAGS RFC822.SIZE)"],
                b"* 1 FETCH (UID 2 FLAGS () RFC822.SIZE 1)\r\nA3 OK .\r\n",
            ),
        ),
        [("Reset", []), ("New", [2]), ("InSync", [])],
        MirrorState(uid_validity=7, uid_next=4, known=UIDSet("2"), digests=((NONE, UIDSet("2")),)).to_json(),
    ),
    "a server that does not say UIDNEXT": (
        "CONDSTORE",
        state_of("1:3", 4, 50),
        (
            ([b"A2 SELECT INBOX (CONDSTORE)"], selected(4, "UIDVALIDITY 7", "HIGHESTMODSEQ 50")),
            ([b"A3 UID SEARCH UID 1:3"], b"* SEARCH 1 2 3\r\nA3 OK .\r\n"),
            (
                [b"A4 UID FETCH 4:4294967295 (FLAGS RFC822.SIZE)"],
                b"* 4 FETCH (UID 9 FLAGS () RFC822.SIZE 1)\r\nA4 OK .\r\n",
            ),
        ),
        [("New", [9]), ("InSync", [])],
        json_of("1:3,9", 10, 50),
    ),
    "the last UID that there can be": (
        "CONDSTORE",
        state_of("1", 2, 50),
        (
            ([b"A2 SELECT INBOX (CONDSTORE)"], selected(2, "UIDVALIDITY 7", "HIGHESTMODSEQ 50")),
            ([b"A3 UID SEARCH UID 1"], b"* SEARCH 1\r\nA3 OK .\r\n"),
            (
                [b"A4 UID FETCH 2:4294967295 (FLAGS RFC822.SIZE)"],
                b"* 2 FETCH (UID 4294967295 FLAGS () RFC822.SIZE 1)\r\nA4 OK .\r\n",
            ),
        ),
        [("New", [4294967295]), ("InSync", [])],
        json_of("1,4294967295", 4294967295, 50),
    ),
    "an empty mailbox": (
        "CONDSTORE",
        MirrorState(),
        (
            (
                [b"A2 SELECT INBOX (CONDSTORE)"],
                selected(0, "UIDVALIDITY 7", "UIDNEXT 40", "HIGHESTMODSEQ 1"),
            ),
        ),
        [("InSync", [])],
        MirrorState(uid_validity=7, uid_next=40, mod_seq=1).to_json(),
    ),
    "a server that answers in parts": (
        "CONDSTORE MESSAGELIMIT=2",
        state_of("1", 2, 50),
        (
            (
                [b"A2 SELECT INBOX (CONDSTORE)"],
                selected(4, "UIDVALIDITY 7", "UIDNEXT 5", "HIGHESTMODSEQ 50"),
            ),
            ([b"A3 UID SEARCH UID 1"], b"* SEARCH 1\r\nA3 OK .\r\n"),
            (
                [b"A4 UID FETCH 2:4 (FLAGS RFC822.SIZE)"],
                b"* 4 FETCH (UID 4 FLAGS () RFC822.SIZE 1)\r\n* 3 FETCH (UID 3 FLAGS () RFC822.SIZE 1)\r\n"
                b"A4 OK [MESSAGELIMIT 2 3] .\r\n",
            ),
            (
                [b"A5 UID FETCH 2 (FLAGS RFC822.SIZE)"],
                b"* 2 FETCH (UID 2 FLAGS () RFC822.SIZE 1)\r\nA5 OK .\r\n",
            ),
        ),
        [("New", [4, 3, 2]), ("InSync", [])],
        json_of("1:4", 5, 50),
    ),
    "a message goes while it is asked for": (
        "CONDSTORE",
        state_of("1", 2, 50),
        (
            (
                [b"A2 SELECT INBOX (CONDSTORE)"],
                selected(3, "UIDVALIDITY 7", "UIDNEXT 4", "HIGHESTMODSEQ 50"),
            ),
            ([b"A3 UID SEARCH UID 1"], b"* SEARCH 1\r\nA3 OK .\r\n"),
            (
                [b"A4 UID FETCH 2:3 (FLAGS RFC822.SIZE)"],
                b"* 2 EXPUNGE\r\n* 2 FETCH (UID 3 FLAGS () RFC822.SIZE 1)\r\n* 3 EXISTS\r\n"
                b"* 1 FETCH (FLAGS (\\Seen) MODSEQ (60))\r\nA4 OK .\r\n",
            ),
        ),
        [("New", [3]), ("InSync", [])],
        json_of("1,3", 4, 50),
    ),
}


@pytest.mark.parametrize(
    ("capabilities", "state", "said", "told", "json"), DIALOGUES.values(), ids=DIALOGUES.keys()
)
def test_dialogues(
    capabilities: str, state: MirrorState, said: tuple[Step, ...], told: object, json: str
) -> None:
    found = tell_in_pieces(
        lambda session: steps_of(session, state, items=(RFC822_SIZE,)),
        *said,
        capabilities=capabilities,
        value=shown,
    )
    assert shown(found) == (told, json)


REFUSED = {
    "no such mailbox": (b"A2 NO [NONEXISTENT] gone\r\n", IMAPStatusError, "gone"),
    "no UIDVALIDITY": (selected(3, "UIDNEXT 4"), LocalProtocolError, "INBOX: the server says no UIDVALIDITY"),
}


@pytest.mark.parametrize(("answer", "error", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_ends_a_synchronization(answer: bytes, error: type[Exception], message: str) -> None:
    told = tell(
        lambda session: steps_of(session, is_read_only=True),
        ([b"A2 EXAMINE INBOX"], answer),
        capabilities="IDLE",
    )
    assert isinstance(told.error, error)
    assert message in str(told.error)


def test_a_synchronization_that_is_given_up_leaves_the_session_usable() -> None:
    line = Line()
    mirroring = Mirroring(line.session, "INBOX")
    task = line.start(mirroring.fill())
    assert line.sent() == [b"A2 SELECT INBOX"]
    task.throw(KeyboardInterrupt())
    assert isinstance(task.error, KeyboardInterrupt)
    assert mirroring.is_finished
    line.feed(*selected(1, "UIDVALIDITY 3").split(b"\r\n")[:-1])
    task.run(noop(line.session))
    line.feed(b"A3 OK done")
    assert task.is_done
    assert task.error is None


@pytest.mark.parametrize("lines_before", [0, 2, 4, 5])
def test_a_synchronization_that_another_task_closes_while_one_waits(lines_before: int) -> None:
    """Whoever waits gets no step, and the connection goes on with what was on its way."""
    line = Line()
    mirroring = Mirroring(line.session, "INBOX")
    task = line.start(mirroring.fill())
    answer = selected(1, "UIDVALIDITY 3", "UIDNEXT 9").split(b"\r\n")[:-1]
    answer += [b"* 1 FETCH (UID 8 FLAGS ())", b"A3 OK done"]
    line.feed(*answer[:lines_before])
    was_done = task.is_done
    mirroring.close()
    line.feed(*answer[lines_before : 4 if lines_before < 4 else 6])
    assert task.is_done
    assert task.error is None
    assert bool(mirroring.ready) is was_done
    line.sent()
    task.run(noop(line.session))
    (said,) = line.sent()
    line.feed(said.partition(b" ")[0] + b" OK done")
    assert task.is_done
    assert task.error is None


# Without sequence numbers (RFC 9586): UIDFETCH for FETCH, VANISHED for EXPUNGE.

UID_ONLY = ("IMAP4rev1", "ENABLE", "UIDONLY")


def by_uid(box: Mailbox, kind: str, *, has_uid_item: bool) -> Server:
    return Server(box, kind, more=UID_ONLY, has_uid_item=has_uid_item)


@pytest.mark.parametrize("piece", [1, 7, 65_536])
@pytest.mark.parametrize("has_uid_item", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_without_sequence_numbers(kind: str, has_uid_item: bool, piece: int) -> None:
    box, copy = filled(), Copy()
    asked: dict[str, Any] = {"enabled": ("UIDONLY",), "piece": piece}
    assert names(synchronize(by_uid(box, kind, has_uid_item=has_uid_item), copy, **asked)) == [
        "New",
        "InSync",
    ]
    assert copy.flags == box.flags
    change(box)
    server = by_uid(box, kind, has_uid_item=has_uid_item)
    steps = synchronize(server, copy, **asked)
    assert sorted(names(steps)) == ["Changed", "InSync", "New", "Vanished"]
    assert server.said == ["ENABLE", *SAID[kind]]
    assert copy.flags == box.flags
    assert names(synchronize(by_uid(box, kind, has_uid_item=has_uid_item), copy, **asked)) == ["InSync"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_stop_after_each_step_without_sequence_numbers(kind: str) -> None:
    for stop in range(6):
        box, copy = filled(), Copy()
        for stop_after in (stop, None):
            server = by_uid(box, kind, has_uid_item=False)
            synchronize(server, copy, batch=2, stop_after=stop_after, enabled=("UIDONLY",))
            change(box)
        synchronize(by_uid(box, kind, has_uid_item=False), copy, enabled=("UIDONLY",))
        assert copy.flags == box.flags


@pytest.mark.parametrize("kind", KINDS)
def test_others_change_the_mailbox_meanwhile_without_sequence_numbers(kind: str) -> None:
    for moment in range(6):
        box, copy = filled(), Copy()
        synchronize(by_uid(box, kind, has_uid_item=False), copy, enabled=("UIDONLY",))
        change(box)
        left = iter(range(moment, -10, -1))

        def before(_command: Command, box: Mailbox = box, left: Iterator[int] = left) -> None:
            if next(left) == 0:
                change(box)
                box.expunge(max(box.flags), min(box.flags))

        steps = synchronize(Server(box, kind, before, more=UID_ONLY), copy, batch=2, enabled=("UIDONLY",))
        assert isinstance(steps[-1], InSync)
        synchronize(by_uid(box, kind, has_uid_item=False), copy, enabled=("UIDONLY",))
        assert copy.flags == box.flags
