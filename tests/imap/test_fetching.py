from __future__ import annotations

from typing import Any

import pytest

from mailproto.errors import IMAPStatusError, LocalProtocolError
from mailproto.imap.client_flows import noop, select
from mailproto.imap.fetch import FAST, FLAGS, RFC822_SIZE
from mailproto.imap.fetching import MAX_OCTETS, MAX_WIDTH, WINDOW, Fetching, Windows, fetch_modifiers
from mailproto.imap.parameters import Parameters
from mailproto.imap.sequence import SequenceSet, UIDSet
from support_imap import now
from support_imap_scripts import ADAPTERS, converse
from support_inbox import Line

CUTS = [
    pytest.param("1:*", 2501, ["1:1000", "1001:2000", "2001:4294967295"], id="star"),
    pytest.param("1:*", None, ["1:*"], id="unknown end"),
    pytest.param("5,1:2", None, ["1:2,5"], id="merged"),
    pytest.param("1:4294967295", 1001, ["1:1000", "1001:4294967295"], id="to the last"),
    pytest.param("10:*", 10, ["10:*"], id="only new ones"),
    pytest.param("20:*", 10, ["20:*"], id="beyond"),
    pytest.param("1:1500,3000", 5000, ["1:1000", "1001:1500,3000"], id="ranges"),
    pytest.param("1:1500", 14, ["1:1000", "1001:1500"], id="beyond the last"),
    pytest.param("", 5000, [], id="empty"),
]


@pytest.mark.parametrize("text, uid_next, expected", CUTS)
def test_windows(text: str, uid_next: int | None, expected: list[str]) -> None:
    windows = Windows(UIDSet(text), uid_next)
    found: list[str] = []
    while (window := windows.next(WINDOW if found else None)) is not None:
        found.append(str(window))
    assert found == expected


def test_windows_grow_where_uids_are_sparse_and_shrink_again() -> None:
    windows = Windows(UIDSet("1:*"), 2**31)
    sizes = [len(window) for found in (None, 0, 10, 5_000, 5_000, WINDOW) if (window := windows.next(found))]
    assert sizes == [1_000, 2_000, 4_000, 2_000, 1_000, 1_000]
    for _ in range(30):
        widest = windows.next(0)
    assert widest is not None
    assert len(widest) == MAX_WIDTH


@pytest.mark.parametrize("step", [2, 3])
def test_windows_fit_into_a_line(step: int) -> None:
    uids = UIDSet.from_ranges((uid, uid + step - 2) for uid in range(4_000_000_000, 4_000_009_000, step))
    windows = Windows(uids, 4_100_000_000)
    found: list[UIDSet] = []
    while (window := windows.next(None)) is not None:
        found.append(window)
    assert all(MAX_OCTETS - 30 < len(str(window)) <= MAX_OCTETS for window in found[:-1])
    assert sum(map(len, found)) == len(uids)
    assert UIDSet.from_ranges(pair for window in found for pair in window.ranges) == uids


def answers(numbers: range) -> list[bytes]:
    return [b"* %d FETCH (UID %d FLAGS ())" % (n, n) for n in numbers]


def test_flags_that_come_after_an_expunge_are_an_answer() -> None:
    line = Line()
    fetching = Fetching(line.session, UIDSet("11:13"), (FLAGS,))
    line.start(fetching.fill())
    told = (*answers(range(1, 3)), b"* 1 EXPUNGE", b"* 2 FETCH (UID 13 FLAGS ())", b"A2 OK .")
    line.feed(*(octets.replace(b"UID 1 ", b"UID 11 ").replace(b"UID 2 ", b"UID 12 ") for octets in told))
    line.start(fetching.fill())
    assert [message.uid for message in fetching.ready] == [11, 12, 13]


def test_messages_come_as_they_are_read_and_the_next_window_is_asked_for() -> None:
    line = Line()
    fetching = Fetching(line.session, UIDSet("1:1500"), (FLAGS,))
    task = line.start(fetching.fill())
    assert line.sent() == [b"A2 UID FETCH 1:1000 FLAGS"]
    line.feed(*answers(range(1, 4)))
    assert task.is_done
    assert [fetching.ready.popleft().uid for _ in range(3)] == [1, 2, 3]
    task.run(fetching.fill())
    line.feed(*answers(range(4, 1001)), b"A2 OK done")
    assert len(fetching.ready) == 997
    assert line.sent() == [b"A3 UID FETCH 1001:1500 FLAGS"]
    fetching.ready.clear()
    task.run(fetching.fill())
    line.feed(b"A3 OK done")
    assert task.is_done
    assert fetching.is_finished
    task.run(fetching.fill())
    assert task.is_done


def test_the_next_window_is_not_asked_for_in_another_mailbox() -> None:
    line = Line()
    fetching = Fetching(line.session, UIDSet("1:1500"), (FLAGS,))
    task = line.start(fetching.fill())
    line.feed(*answers(range(1, 1001)))
    selecting = line.start(select(line.session, "Sent"))
    line.feed(b"A2 OK done", b"* 1 EXISTS", b"* OK [UIDVALIDITY 2] .", b"A3 OK done")
    assert selecting.is_done
    fetching.ready.clear()
    task.run(fetching.fill())
    assert isinstance(task.error, LocalProtocolError)
    assert line.sent() == [b"A2 UID FETCH 1:1000 FLAGS", b"A3 SELECT Sent"]
    assert fetching.is_finished


def test_sequence_numbers_are_not_cut() -> None:
    line = Line()
    fetching = Fetching(line.session, SequenceSet("1:3"), (FAST, FLAGS))
    line.start(fetching.fill())
    assert line.sent() == [b"A2 FETCH 1:3 (FLAGS INTERNALDATE RFC822.SIZE FLAGS)"]
    line.feed(b"A2 OK done")
    assert fetching.is_finished


def test_nothing_is_asked_for_an_empty_set() -> None:
    line = Line()
    for numbers in (UIDSet(), SequenceSet()):
        fetching = Fetching(line.session, numbers, (FLAGS,))
        assert fetching.is_finished
        line.start(fetching.fill())
    assert line.sent() == []
    with pytest.raises(LocalProtocolError):
        Fetching(line.session, UIDSet("1"), ())


def test_what_came_before_a_refusal_is_not_lost() -> None:
    line = Line()
    fetching = Fetching(line.session, SequenceSet("1:2"), (FLAGS,))
    task = line.start(fetching.fill())
    line.feed(b"* 1 FETCH (FLAGS ())", b"A2 NO not now")
    assert now(task.error) is None
    assert [message.number for message in fetching.ready] == [1]
    fetching.ready.clear()
    task.run(fetching.fill())
    assert isinstance(task.error, IMAPStatusError)
    assert fetching.is_finished


def test_a_refusal_ends_it() -> None:
    line = Line()
    fetching = Fetching(line.session, UIDSet("11"), (FLAGS,))
    task = line.start(fetching.fill())
    line.feed(b"A2 NO not now")
    assert isinstance(task.error, IMAPStatusError)
    assert fetching.is_finished


def test_closing_throws_the_rest_away() -> None:
    line = Line()
    fetching = Fetching(line.session, UIDSet("1:*"), (RFC822_SIZE,))
    task = line.start(fetching.fill())
    line.feed(b"* 1 FETCH (UID 11 RFC822.SIZE 1)")
    fetching.close()
    assert not fetching.ready
    fetching.close()
    task.run(noop(line.session))
    line.feed(b"* 2 FETCH (UID 12 RFC822.SIZE 1)", b"A2 OK done", b"A3 OK done")
    assert task.is_done
    assert task.error is None
    assert not fetching.ready


def test_a_cancelled_fill_drains() -> None:
    line = Line()
    fetching = Fetching(line.session, UIDSet("1:*"), (RFC822_SIZE,))
    task = line.start(fetching.fill())
    task.throw(InterruptedError())
    assert fetching.is_finished
    line.feed(b"* 1 FETCH (UID 11 RFC822.SIZE 1)", b"A2 OK done")
    line.session.pump()
    assert line.session.error is None


PROGRESS = [
    pytest.param(UIDSet("11:13"), (), [(2, 3), (3, 3)], id="UIDs"),
    pytest.param(UIDSet("1:*"), (), [(2, 3), (3, 3)], id="all"),
    pytest.param(UIDSet("11:13,99"), (), [(2, 3), (3, 3)], id="no more than there are"),
    pytest.param(UIDSet("12"), (), [(2, 2), (3, 3)], id="more than can be"),
    pytest.param(SequenceSet("1:*"), (), [(2, 3), (3, 3)], id="sequence numbers"),
    pytest.param(UIDSet("1:*"), fetch_modifiers(5), [(2, None), (3, None)], id="only changes"),
]


@pytest.mark.parametrize(("numbers", "modifiers", "expected"), PROGRESS)
def test_progress(
    numbers: UIDSet | SequenceSet, modifiers: Parameters, expected: list[tuple[int, int | None]]
) -> None:
    line = Line()
    line.conn.receive_data(b"* CAPABILITY IMAP4rev1 CONDSTORE\r\n")
    told: list[tuple[int, int | None]] = []
    fetching = Fetching(
        line.session, numbers, (RFC822_SIZE,), modifiers, lambda done, most: told.append((done, most))
    )
    task = line.start(fetching.fill())
    for uids in ((11, 12), (13,)):
        line.feed(*(b"* %d FETCH (UID %d RFC822.SIZE 1)" % (uid - 10, uid) for uid in uids))
        fetching.ready.clear()
        task.run(fetching.fill())
    line.feed(b"A2 OK .")
    assert fetching.is_finished
    assert told == expected


def test_what_progress_raises_ends_a_fetch() -> None:
    line = Line()

    def progress(done: int, most: int | None) -> None:
        raise KeyboardInterrupt

    fetching = Fetching(line.session, UIDSet("11"), (RFC822_SIZE,), progress=progress)
    task = line.start(fetching.fill())
    line.feed(b"* 1 FETCH (UID 11 RFC822.SIZE 1)")
    assert isinstance(task.error, KeyboardInterrupt)
    assert fetching.is_finished
    task.run(noop(line.session))
    line.feed(b"A2 OK .", b"A3 OK .")
    assert task.error is None


@pytest.mark.parametrize("method", ["fetch", "uid_fetch"])
@pytest.mark.parametrize("adapter", ADAPTERS)
def test_both_clients_tell_progress(adapter: str, method: str) -> None:
    told: list[tuple[int, int | None]] = []

    def progress(done: int, most: int | None) -> None:
        told.append((done, most))

    async def aprogress(done: int, most: int | None) -> None:
        told.append((done, most))

    def fetch(imap: Any) -> Any:
        callback = progress if adapter == "sync" else aprogress
        return getattr(imap, method)("1:2", FLAGS, progress=callback).all()

    answer = b"* 1 FETCH (UID 1 FLAGS ())\r\n* 2 FETCH (UID 2 FLAGS ())\r\n{tag} OK done\r\n"
    found, _ = converse(adapter, "IDLE", [answer], fetch)
    assert [message.uid for message in found] == [1, 2]
    assert told == [(2, 2)]
