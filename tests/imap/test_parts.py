"""STORE, COPY, MOVE, UID EXPUNGE, FETCH and SEARCH of more than one command can be about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mailproto.errors import (
    CommandError,
    ConnectionClosed,
    IMAPStatusError,
    LocalProtocolError,
    MailProtoError,
    OverQuota,
)
from mailproto.flow import Flow
from mailproto.imap import client_flows as flows
from mailproto.imap.commands import Copy, StoreAction, UIDCopy
from mailproto.imap.condstore_flows import store_unchanged
from mailproto.imap.ext.gmail import X_GM_LABELS
from mailproto.imap.ext.move import UIDMove
from mailproto.imap.ext.uidplus import CopyUIDCode
from mailproto.imap.fetch import FLAGS, FetchItem
from mailproto.imap.fetching import Fetching
from mailproto.imap.inbox import Inboxes
from mailproto.imap.items_flows import uid_store_labels
from mailproto.imap.search import UID, Not, Seen, SequenceNumbers, Text
from mailproto.imap.sequence import SequenceSet, UIDSet
from mailproto.limits import IMAPLimits
from support_imap_dialogue import Told, tell, tell_in_pieces
from support_imap_scripts import ADAPTERS, converse
from support_inbox import Line

SHORT = IMAPLimits(max_command_line=60)
"""A line in which a few ranges have room, or one of the longest."""

Call = Callable[[Inboxes], Flow[Any]]


def uid_store(uids: str, *, silent: bool = False) -> Call:
    command = flows.store_command(UIDSet(uids), StoreAction.ADD, "x", silent=silent)
    return lambda session: flows.store(session, command)


def store(numbers: str) -> Call:
    command = flows.store_command(SequenceSet(numbers), StoreAction.ADD, "x", silent=False)
    return lambda session: flows.store(session, command)


def fetch(numbers: SequenceSet | UIDSet, *items: FetchItem[Any]) -> Call:
    def fetch_all(session: Inboxes) -> Flow[list[tuple[int, Any]]]:
        fetching = Fetching(session, numbers, items or (FLAGS,))
        found: list[tuple[int, Any]] = []
        while not fetching.is_finished:
            yield from fetching.fill()
            found += ((data.sequence_number, data[(items or (FLAGS,))[0]]) for data in fetching.ready)
            fetching.ready.clear()
        return found

    return fetch_all


UIDS = "100000001,100000003,100000005,100000007"


def values(told: Told) -> object:
    """What a flow gave, and what is said of a failure."""
    error = told.error
    known = (error.done, error.result) if isinstance(error, MailProtoError) else ()
    return told.result, repr(error), known, getattr(error, "__notes__", None)


# Lines that would be too long.


def test_a_uid_store_is_sent_in_parts_that_travel_together() -> None:
    told = tell_in_pieces(
        uid_store(UIDS),
        (
            [
                b"A2 UID STORE 100000001,100000003 +FLAGS (x)",
                b"A3 UID STORE 100000005,100000007 +FLAGS (x)",
            ],
            b"* 1 FETCH (UID 100000001 FLAGS (x))\r\n* 2 FETCH (UID 100000003 FLAGS (x))\r\nA2 OK done\r\n"
            b"* 3 FETCH (UID 100000005 FLAGS (x))\r\nA3 OK done\r\n",
        ),
        limits=SHORT,
    )
    assert [data.uid for data in told.result] == [100000001, 100000003, 100000005]


def test_what_others_have_modified_is_collected() -> None:
    command = flows.store_command(UIDSet(UIDS), StoreAction.ADD, "x", silent=True)
    told = tell_in_pieces(
        lambda session: store_unchanged(session, command, 5),
        (
            [
                b"A2 UID STORE 100000001,100000003 (UNCHANGEDSINCE 5) +FLAGS.SILENT (x)",
                b"A3 UID STORE 100000005,100000007 (UNCHANGEDSINCE 5) +FLAGS.SILENT (x)",
            ],
            b"* 2 FETCH (UID 100000003 MODSEQ (6))\r\nA2 OK [MODIFIED 100000001] some\r\n"
            b"* 4 FETCH (UID 100000007 MODSEQ (7))\r\nA3 OK [MODIFIED 100000005] some\r\n",
        ),
        capabilities="CONDSTORE",
        limits=IMAPLimits(max_command_line=80),
    )
    assert told.result.modified == UIDSet("100000001,100000005")
    assert [data.uid for data in told.result.messages] == [100000003, 100000007]


def test_labels_are_stored_in_parts() -> None:
    told = tell(
        lambda session: uid_store_labels(session, UIDSet(UIDS), "+X-GM-LABELS", "a", silent=False),
        (
            [
                b"A2 UID STORE 100000001,100000003 +X-GM-LABELS (a)",
                b"A3 UID STORE 100000005,100000007 +X-GM-LABELS (a)",
            ],
            b"* 1 FETCH (UID 100000001 X-GM-LABELS (a))\r\nA2 OK done\r\nA3 OK done\r\n",
        ),
        capabilities="X-GM-EXT-1",
        limits=IMAPLimits(max_command_line=64),
    )
    assert [data[X_GM_LABELS] for data in told.result] == [{"a"}]


def test_an_expunge_by_uid_is_sent_in_parts() -> None:
    told = tell_in_pieces(
        lambda session: flows.uid_expunge(session, UIDSet(UIDS)),
        (
            [b"A2 UID EXPUNGE 100000001,100000003", b"A3 UID EXPUNGE 100000005,100000007"],
            b"* 1 EXPUNGE\r\nA2 OK done\r\n* 1 EXPUNGE\r\nA3 OK done\r\n",
        ),
        limits=IMAPLimits(max_command_line=50),
    )
    assert told.error is None
    assert told.line.conn.view is not None
    assert told.line.conn.view.exists == 1


COPIES = [
    (flows.copy, UIDCopy, b"UID COPY", b"%s OK [COPYUID 9 %s %s] done\r\n"),
    (flows.move, UIDMove, b"UID MOVE", b"* OK [COPYUID 9 %s %s] done\r\n%s OK done\r\n"),
]


def copied(tag: bytes, form: bytes, source: bytes, destination: bytes) -> bytes:
    tagged = (tag, source, destination) if form.startswith(b"%s OK") else (source, destination, tag)
    return form % tagged


@pytest.mark.parametrize(("flow", "kind", "name", "form"), COPIES, ids=["copy", "move"])
def test_copies_are_sent_one_after_the_other(flow: Any, kind: Any, name: bytes, form: bytes) -> None:
    told = tell_in_pieces(
        lambda session: flow(session, kind(UIDSet(UIDS), "Sent")),
        (
            [b"A2 " + name + b" 100000001,100000003 Sent"],
            copied(b"A2", form, b"100000001,100000003", b"50,60"),
        ),
        ([b"A3 " + name + b" 100000005,100000007 Sent"], copied(b"A3", form, b"100000007", b"61")),
        limits=IMAPLimits(max_command_line=51),
    )
    assert told.result == CopyUIDCode(9, UIDSet("100000001,100000003,100000007"), UIDSet("50,60,61"))


@pytest.mark.parametrize(("flow", "kind", "name", "form"), COPIES, ids=["copy", "move"])
def test_a_copy_that_fails_half_way_says_what_was_copied(
    flow: Any, kind: Any, name: bytes, form: bytes
) -> None:
    told = tell_in_pieces(
        lambda session: flow(session, kind(UIDSet(UIDS), "Sent")),
        (
            [b"A2 " + name + b" 100000001,100000003 Sent"],
            copied(b"A2", form, b"100000001,100000003", b"50,60"),
        ),
        ([b"A3 " + name + b" 100000005,100000007 Sent"], b"A3 NO [OVERQUOTA] full\r\n"),
        limits=IMAPLimits(max_command_line=51),
        value=values,
    )
    assert isinstance(told.error, OverQuota)
    assert told.error.done == UIDSet("100000001,100000003")
    assert told.error.result == CopyUIDCode(9, UIDSet("100000001,100000003"), UIDSet("50,60"))
    assert told.error.__notes__ == [f"{name.decode()}: done before for 100000001,100000003"]
    assert told.line.start(flows.noop(told.line.session)).error is None


def test_a_copy_that_fails_at_once_has_done_nothing() -> None:
    told = tell(
        lambda session: flows.copy(session, UIDCopy(UIDSet(UIDS), "Sent")),
        ([b"A2 UID COPY 100000001,100000003 Sent"], b"A2 NO [OVERQUOTA] full\r\n"),
        limits=IMAPLimits(max_command_line=51),
    )
    assert isinstance(told.error, OverQuota)
    assert (told.error.done, told.error.result) == ((), None)
    assert not hasattr(told.error, "__notes__")


def test_a_connection_that_is_lost_half_way_says_what_was_copied() -> None:
    told = tell(
        lambda session: flows.copy(session, UIDCopy(UIDSet(UIDS), "Sent")),
        ([b"A2 UID COPY 100000001,100000003 Sent"], b"A2 OK done\r\n"),
        ([b"A3 UID COPY 100000005,100000007 Sent"], b"* BYE going down\r\n"),
        limits=IMAPLimits(max_command_line=51),
    )
    assert isinstance(told.error, ConnectionClosed)
    assert told.error.done == UIDSet("100000001,100000003")


def test_all_parts_of_a_store_are_completed_before_a_refusal_is_raised() -> None:
    told = tell_in_pieces(
        uid_store(UIDS),
        (
            [
                b"A2 UID STORE 100000001,100000003 +FLAGS (x)",
                b"A3 UID STORE 100000005,100000007 +FLAGS (x)",
            ],
            b"A2 NO [NOPERM] no\r\n* 3 FETCH (UID 100000005 FLAGS (x))\r\nA3 OK done\r\n",
        ),
        limits=SHORT,
        value=values,
    )
    assert isinstance(told.error, CommandError)
    assert str(told.error) == "UID STORE: NO [NOPERM] no"
    assert told.error.done == UIDSet("100000005,100000007")


def test_no_more_parts_are_sent_after_a_refusal() -> None:
    uids = UIDSet.of(range(100000001, 100000041, 2))
    command = flows.store_command(uids, StoreAction.ADD, "x", silent=True)
    line = Line(SHORT)
    task = line.start(flows.store(line.session, command))
    sent = line.sent()
    assert len(sent) == 8
    line.feed(b"A2 NO no")
    assert line.sent() == []
    line.feed(*(b"A%d OK done" % number for number in range(3, 10)))
    assert line.sent() == []
    assert isinstance(task.error, IMAPStatusError)


def test_a_flow_that_is_cancelled_drains_all_its_parts() -> None:
    line = Line(SHORT)
    task = line.start(uid_store(UIDS)(line.session))
    task.throw(KeyboardInterrupt())
    assert isinstance(task.error, KeyboardInterrupt)
    other = line.start(flows.uid_search(line.session, ()))
    line.feed(b"* 1 FETCH (UID 100000001 FLAGS (x))", b"A2 OK .", b"A3 OK .", b"* SEARCH 5", b"A4 OK .")
    assert other.result == UIDSet("5")
    assert list(line.session.news) == []


def test_a_store_by_number_travels_together_since_no_number_can_change() -> None:
    told = tell_in_pieces(
        store("1,3,5,7,9,11,13,15,17,19,21,23"),
        (
            [b"A2 STORE 1,3,5,7,9,11,13,15,17 +FLAGS (x)", b"A3 STORE 19,21,23 +FLAGS (x)"],
            b"* 1 FETCH (FLAGS (x))\r\nA2 OK done\r\n* 19 FETCH (FLAGS (x))\r\nA3 OK done\r\n",
        ),
        limits=IMAPLimits(max_command_line=46),
    )
    assert [data.sequence_number for data in told.result] == [1, 19]


def test_a_copy_by_number_means_the_messages_of_the_beginning() -> None:
    told = tell_in_pieces(
        lambda session: flows.copy(session, Copy(SequenceSet("1,3,5,7,9,11,13,15,17,19,21"), "Sent")),
        ([b"A2 COPY 1,3,5,7,9,11,13,15,17 Sent"], b"* 2 EXPUNGE\r\n* 15 EXPUNGE\r\nA2 OK done\r\n"),
        # Those that were 2 and 16 are gone.
        ([b"A3 COPY 17,19 Sent"], b"A3 OK done\r\n"),
        limits=IMAPLimits(max_command_line=43),
    )
    assert told.error is None


def test_a_part_whose_messages_are_gone_is_not_sent() -> None:
    told = tell(
        lambda session: flows.copy(session, Copy(SequenceSet("1,3,5,7,9,11,13,15,17,19"), "Sent")),
        ([b"A2 COPY 1,3,5,7,9,11,13,15,17 Sent"], b"* 19 EXPUNGE\r\nA2 OK done\r\n"),
        limits=IMAPLimits(max_command_line=43),
    )
    assert told.error is None


def test_numbers_that_are_not_known_any_more_are_not_sent() -> None:
    told = tell(
        lambda session: flows.copy(session, Copy(SequenceSet("1,3,5,7,9,11,13,15,17,19"), "Sent")),
        ([b"A2 COPY 1,3,5,7,9,11,13,15,17 Sent"], b"* VANISHED 5\r\nA2 OK done\r\n"),
        limits=IMAPLimits(max_command_line=43),
    )
    assert isinstance(told.error, LocalProtocolError)
    assert told.error.done == SequenceSet("1,3,5,7,9,11,13,15,17")


def test_a_number_that_moves_while_a_command_waits_means_the_same_message() -> None:
    line = Line()
    first = line.start(flows.noop(line.session))
    second = line.start(flows.copy(line.session, Copy(SequenceSet("3"), "Sent")))
    assert line.sent() == [b"A2 NOOP"]
    line.feed(b"* 1 EXPUNGE", b"A2 OK done")
    assert first.is_done
    assert line.sent() == [b"A3 COPY 2 Sent"]
    line.feed(b"A3 OK done")
    assert second.is_done
    assert second.error is None


def test_who_wants_another_mailbox_waits_until_all_parts_are_done() -> None:
    line = Line(IMAPLimits(max_command_line=51))
    task = line.start(flows.copy(line.session, UIDCopy(UIDSet(UIDS), "Sent")))
    other = line.start(flows.select(line.session, "Other"))
    assert line.sent() == [b"A2 UID COPY 100000001,100000003 Sent"]
    line.feed(b"A2 OK done")
    assert line.sent() == [b"A3 UID COPY 100000005,100000007 Sent"]
    line.feed(b"A3 OK done")
    assert task.is_done
    assert line.sent() == [b"A4 SELECT Other"]
    line.feed(b"A4 OK done")
    assert other.error is None


def test_the_rest_is_not_sent_in_another_mailbox() -> None:
    line = Line()
    task = line.start(uid_store("1:9")(line.session))
    other = line.start(flows.select(line.session, "Other"))
    assert line.sent() == [b"A2 UID STORE 1:9 +FLAGS (x)", b"A3 SELECT Other"]
    line.feed(b"A2 OK [MESSAGELIMIT 5 5] done")
    assert line.sent() == []
    assert isinstance(task.error, LocalProtocolError)
    assert task.error.done == UIDSet("5:9")
    line.feed(b"A3 OK done")
    assert other.error is None


def test_all_parts_follow_a_mailbox_that_is_being_selected() -> None:
    line = Line(SHORT)
    line.start(flows.select(line.session, "Other"))
    task = line.start(uid_store(UIDS, silent=True)(line.session))
    assert len(line.sent()) == 3
    line.feed(b"* 1 EXISTS", b"* OK [UIDVALIDITY 77] .", b"A2 OK done", b"A3 OK done", b"A4 OK done")
    assert task.is_done
    assert task.error is None


LONG_SETS = [
    pytest.param(uid_store("100000001,100000003,100000005:*"), id="star"),
    pytest.param(
        lambda session: flows.uid_search(session, (Not(UID(UIDSet(UIDS))), Text("x" * 20))), id="in a key"
    ),
    pytest.param(lambda session: flows.uid_search(session, (Text("x" * 60),)), id="text"),
    pytest.param(lambda session: flows.create(session, "x" * 60), id="name"),
    pytest.param(
        lambda session: flows.uid_search(session, (SequenceNumbers(SequenceSet(UIDS)), Text("x" * 20))),
        id="numbers",
    ),
]


@pytest.mark.parametrize("call", LONG_SETS)
def test_what_cannot_be_cut_is_refused_before_anything_is_sent(call: Call) -> None:
    told = tell(call, limits=SHORT)
    assert isinstance(told.error, LocalProtocolError)
    assert told.line.start(flows.noop(told.line.session)).error is None


# Searches.


def test_a_search_by_uid_is_sent_in_parts() -> None:
    told = tell_in_pieces(
        lambda session: flows.uid_search(session, (Seen(), UID(UIDSet(UIDS)))),
        ([b"A2 UID SEARCH SEEN UID 100000001,100000003"], b"* SEARCH 100000003\r\nA2 OK done\r\n"),
        ([b"A3 UID SEARCH SEEN UID 100000005,100000007"], b"* SEARCH 100000005\r\nA3 OK done\r\n"),
        limits=IMAPLimits(max_command_line=72),
    )
    assert told.result == UIDSet("100000003,100000005")


def test_the_numbers_that_a_search_in_parts_gives_are_those_at_its_end() -> None:
    line = Line(SHORT)
    task = line.start(flows.search(line.session, (UID(UIDSet(UIDS)),)))
    line.start(flows.noop(line.session))
    assert line.sent() == [b"A2 SEARCH UID 100000001,100000003", b"A3 NOOP"]
    line.feed(b"* SEARCH 3 5", b"A2 OK done")
    assert line.sent() == [b"A4 SEARCH UID 100000005,100000007"]
    line.feed(b"* 3 EXPUNGE", b"A3 OK done", b"* SEARCH 7", b"A4 OK done")
    assert task.result == SequenceSet("4,7")


def test_a_search_in_three_parts_takes_account_of_each_expunge_once() -> None:
    line = Line(SHORT)
    uids = UIDSet("100000001,100000003,100000005,100000007,100000009")
    task = line.start(flows.search(line.session, (UID(uids),)))
    line.start(flows.noop(line.session))
    line.feed(b"* SEARCH 30", b"A2 OK done")
    line.feed(b"* 3 EXPUNGE", b"A3 OK done", b"* SEARCH 40", b"A4 OK done")
    line.start(flows.noop(line.session))
    line.feed(b"* SEARCH 50", b"A5 OK done", b"* 3 EXPUNGE", b"A6 OK done")
    assert task.result == SequenceSet("28,39,49")


def test_a_search_in_parts_in_rev2() -> None:
    told = tell_in_pieces(
        lambda session: flows.uid_search(session, (UID(UIDSet(UIDS)),)),
        (
            [b"A2 UID SEARCH UID 100000001,100000003"],
            b'* ESEARCH (TAG "A2") UID ALL 100000003\r\nA2 OK done\r\n',
        ),
        (
            [b"A3 UID SEARCH UID 100000005,100000007"],
            b'* ESEARCH (TAG "A3") UID ALL 100000005:100000007\r\nA3 OK done\r\n',
        ),
        capabilities="ESEARCH",
        limits=IMAPLimits(max_command_line=68),
    )
    assert told.result == UIDSet("100000003,100000005:100000007")


def test_what_a_search_has_found_is_lost_if_the_numbers_are() -> None:
    line = Line(SHORT)
    task = line.start(flows.search(line.session, (UID(UIDSet(UIDS)),)))
    line.start(flows.noop(line.session))
    line.feed(b"* SEARCH 3 5", b"A2 OK done")
    line.feed(b"* VANISHED 9", b"A3 OK done", b"* SEARCH 7", b"A4 OK done")
    assert isinstance(task.error, LocalProtocolError)


def test_a_search_is_not_continued_in_another_mailbox() -> None:
    line = Line(SHORT)
    task = line.start(flows.uid_search(line.session, (UID(UIDSet(UIDS)),)))
    line.start(flows.select(line.session, "Other"))
    line.feed(b"* SEARCH", b"A2 OK done", b"A3 OK done")
    assert isinstance(task.error, LocalProtocolError)


def test_a_search_in_parts_follows_a_mailbox_that_is_being_selected() -> None:
    line = Line(IMAPLimits(max_command_line=68))
    line.start(flows.select(line.session, "Other"))
    task = line.start(flows.uid_search(line.session, (UID(UIDSet(UIDS)),)))
    line.feed(b"* 1 EXISTS", b"* OK [UIDVALIDITY 77] .", b"A2 OK done")
    line.feed(b"* SEARCH 100000003", b"A3 OK done")
    line.feed(b"* SEARCH 100000005", b"A4 OK done")
    assert task.result == UIDSet("100000003,100000005")


def test_numbers_among_the_keys_that_have_moved_are_not_sent() -> None:
    line = Line()
    line.start(flows.noop(line.session))
    task = line.start(flows.search(line.session, (SequenceNumbers(SequenceSet("3")),)))
    line.feed(b"* 1 EXPUNGE", b"A2 OK done")
    assert isinstance(task.error, LocalProtocolError)
    assert line.sent() == [b"A2 NOOP"]


# FETCH.


def test_a_fetch_by_uid_is_sent_in_windows_that_fit() -> None:
    told = tell_in_pieces(
        fetch(UIDSet(UIDS)),
        (
            [b"A2 UID FETCH 100000001,100000003,100000005 FLAGS"],
            b"* 1 FETCH (UID 100000001 FLAGS (a))\r\nA2 OK done\r\n",
        ),
        (
            [b"A3 UID FETCH 100000007 FLAGS"],
            b"* 3 FETCH (UID 100000007 FLAGS (b))\r\nA3 OK done\r\n",
        ),
        limits=IMAPLimits(max_command_line=72),
    )
    assert told.result == [(1, {"a"}), (3, {"b"})]


def test_a_fetch_by_number_means_the_messages_of_the_beginning() -> None:
    line = Line(IMAPLimits(max_command_line=40))
    fetching = Fetching(line.session, SequenceSet("1,3,5,7,9,11,13,15,17,19,21"), (FLAGS,))
    task = line.start(fetching.fill())
    assert line.sent() == [b"A2 FETCH 1,3,5,7,9,11,13,15,17 FLAGS"]
    other = line.start(flows.noop(line.session))
    line.feed(b"* 1 FETCH (FLAGS (a))", b"A2 OK done", b"* 4 EXPUNGE", b"* 18 EXPUNGE", b"A3 OK done")
    assert other.is_done
    fetching.ready.clear()
    task.run(fetching.fill())
    assert line.sent()[-1] == b"A4 FETCH 19 FLAGS"


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_clients_send_parts(adapter: str) -> None:
    uids = UIDSet.of(range(1_000_000_001, 1_000_002_001, 2))
    answers = [b"{tag} OK [COPYUID 1 1000000001 5] done\r\n", b"{tag} OK [COPYUID 1 1000001999 6] done\r\n"]
    code, said = converse(adapter, "UIDPLUS", answers, lambda imap: imap.uid_copy(uids, "Sent"))
    assert code == CopyUIDCode(1, UIDSet("1000000001,1000001999"), UIDSet("5,6"))
    assert len(said) == 2
    assert all(len(line) + len("A2 \r\n") <= 8_192 for line in said)
    sets = [UIDSet(line.split()[2].decode()) for line in said]
    assert UIDSet.of((*sets[0], *sets[1])) == uids
    assert [line.split()[:2] + line.split()[3:] for line in said] == [[b"UID", b"COPY", b"Sent"]] * 2
