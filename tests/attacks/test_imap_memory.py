"""What a server can make a client keep: in inboxes, of responses that wait for their rest, and as news."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator

import pytest

from mailproto.errors import ItemMissing, LocalProtocolError
from mailproto.imap import answers
from mailproto.imap import client_flows as flows
from mailproto.imap._weight import Bounded, weight
from mailproto.imap.answers import MAX_MOVED, FetchInbox
from mailproto.imap.client_flows import Exchange
from mailproto.imap.commands import Fetch
from mailproto.imap.deflate import Deflater
from mailproto.imap.ext.compress import Compress
from mailproto.imap.fetch import FLAGS, UID, BodySection
from mailproto.imap.fetch_data import FetchData
from mailproto.imap.fetching import Fetching
from mailproto.imap.responses import ListData
from mailproto.imap.sequence import SequenceSet, UIDSet
from mailproto.imap.updates import FlagsChanged
from mailproto.limits import IMAPLimits
from support_inbox import Line, Task

MIB = 1_048_576
HEADER = BodySection(specifier="HEADER")


def compressed_line(limits: IMAPLimits | None = None) -> Line:
    """Return a line whose server has said OK to COMPRESS."""
    line = Line(limits)
    line.feed(b"* CAPABILITY IMAP4rev1 COMPRESS=DEFLATE")
    line.session.pump()
    tag = line.conn.send_command(Compress())
    line.feed(tag.encode() + b" OK compressed")
    line.session.pump()
    line.conn.data_to_send()
    return line


def feed(line: Line, *lines: bytes) -> None:
    """Give *lines* to the client, whether somebody reads or not."""
    line.feed(*lines)
    line.session.pump()


def peak_of(run: Callable[[], object]) -> int:
    """Return the most octets of memory that *run* takes at a time."""
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


# Responses that answer a command


def test_a_bomb_of_small_responses_is_counted_as_it_was_before_it_was_compressed() -> None:
    line = compressed_line(IMAPLimits(max_backlog=200_000))
    task = line.start(flows.list_mailboxes(line.session, "", "*"))
    octets = Deflater().compress([b'* LIST () "/" a\r\n' * 1_000_000])
    assert len(octets) < 50_000
    peak = peak_of(lambda: line.feed_octets(octets))
    assert isinstance(task.error, LocalProtocolError)
    assert "more than 200000 octets have come for it" in str(task.error)
    assert peak < 20 * MIB


def exchange(line: Line) -> Task:
    return line.start(flows.exchange(line.session, b"x FETCH 1:* (X)\r\n"))


def test_exchange_keeps_sections_up_to_a_limit_of_all_together() -> None:
    """One response with four sections: what is above the limit comes as `Streamed`, and says so."""
    line = Line(IMAPLimits(max_inline_literal=10, max_section=1_000, max_backlog=2_500))
    task = exchange(line)
    body = b" ".join(b"BODY[%d] {900}\r\n%b" % (part, b"m" * 900) for part in range(1, 5))
    line.feed(b"* 1 FETCH (" + body + b")", b"x OK done")
    assert isinstance(task.result, Exchange)
    [data] = task.result.responses
    assert isinstance(data, FetchData)
    assert [len(data[BodySection((part,))]) for part in (1, 2)] == [900, 900]
    for part in (3, 4):
        with pytest.raises(ItemMissing, match="its 900 octets came as events; use download"):
            _ = data[BodySection((part,))]


def test_exchange_is_told_when_responses_are_too_much_together() -> None:
    line = Line(IMAPLimits(max_inline_literal=10, max_section=1_000, max_backlog=2_500))
    task = exchange(line)
    for number in range(1, 7):
        line.feed(b"* %d FETCH (BODY[] {900}\r\n%b)" % (number, b"m" * 900))
    assert isinstance(task.error, LocalProtocolError)
    assert "more than 2500 octets have come for it" in str(task.error)


def test_exchange_counts_the_sections_of_each_response_anew() -> None:
    line = Line(IMAPLimits(max_inline_literal=10, max_section=1_000, max_backlog=2_500))
    for _ in range(5):
        task = exchange(line)
        line.feed(b"* 1 FETCH (BODY[1] {900}\r\n%b BODY[2] {900}\r\n%b)" % (b"m" * 900, b"n" * 900))
        line.feed(b"* 1 FETCH (FLAGS ( BODY[1] {900}\r\n%b" % (b"m" * 900), b"x OK done")
        data = task.result.responses[0]
        assert [len(data[BodySection((part,))]) for part in (1, 2)] == [900, 900]


# FETCH responses that wait for their rest


def fetching(line: Line) -> Fetching:
    found = Fetching(line.session, SequenceSet("1:*"), ((FLAGS, HEADER),))
    line.start(found.fill())
    return found


def halves(first: int, count: int) -> Iterator[bytes]:
    return (b"* %d FETCH (FLAGS ())" % number for number in range(first, first + count))


def test_halves_of_answers_are_kept_up_to_a_limit() -> None:
    """They count by the memory that they take, whatever was taken from the inbox meanwhile."""
    line = Line(IMAPLimits(max_backlog=300_000))
    found = fetching(line)

    def send() -> None:
        for first in range(1, 20_000, 100):
            feed(line, *halves(first, 100), b"* 4000000000 FETCH (FLAGS () BODY[HEADER] {1}\r\na)")
            found.ready.clear()
            line.session.news.clear()
            if found._inbox is not None:
                line.session.take(found._inbox)

    assert peak_of(send) < 4 * MIB


def test_one_answer_in_many_parts_counts_with_all_of_them() -> None:
    line = Line(IMAPLimits(max_backlog=300_000))
    found = fetching(line)

    def send() -> None:
        for part in range(500):
            feed(line, b'* 1 FETCH (FLAGS () X%d "%b")' % (part, b"x" * 10_000))
            found.ready.clear()
            if found._inbox is not None:
                line.session.take(found._inbox)

    assert peak_of(send) < 4 * MIB


def test_what_waited_in_vain_is_an_answer_or_news() -> None:
    line = Line(IMAPLimits(max_backlog=1_000))
    found = fetching(line)
    # What is complete does not count, however large it is.
    feed(line, b"* 9 FETCH (BODY[HEADER] {800}\r\n%b FLAGS ())" % (b"m" * 800))
    assert [data.sequence_number for data in found.ready] == [9]
    found.ready.clear()
    line.start(found.fill())
    feed(line, b"* 1 FETCH (BODY[HEADER] {1}\r\na)", b"* 2 FETCH (FLAGS (\\Seen))", *halves(3, 4))
    assert [(data.sequence_number, data[HEADER]) for data in found.ready] == [(1, b"a")]
    assert [type(news) for news in line.session.news][:1] == [FlagsChanged]


def test_an_expunge_does_not_move_many_of_them_again_and_again() -> None:
    line = Line()
    found = fetching(line)
    feed(line, *halves(1, MAX_MOVED + 2), b"* 5 EXPUNGE")
    assert len(line.session.news) == MAX_MOVED + 2
    # The EXPUNGE is told before, since the numbers of the others are those behind it.
    assert type(line.session.news[0]).__name__ == "Expunged"
    assert [news.sequence_number for news in list(line.session.news)[1:]] == list(range(1, MAX_MOVED + 2))  # type: ignore[union-attr]  # all have one
    assert not found.ready


def test_flags_of_more_messages_than_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """From then on flags that come again are answers, which costs the reader a few of them twice."""
    monkeypatch.setattr(answers, "MAX_SEEN", 100)
    inbox = FetchInbox("A1", Fetch(SequenceSet("1:*"), (FLAGS,)), None, frozenset({"FLAGS"}))
    offered = [
        inbox.offer(FetchData(number, FLAGS.answer(frozenset())), None, is_alone=True)
        for number in (*range(1, 101), 100, 101, 1, 1)
    ]
    assert offered == [True] * 100 + [False, True, True, False]


# News


def test_news_that_nobody_takes_are_bounded_by_the_memory_that_they_take() -> None:
    line = Line(IMAPLimits(max_backlog=500_000))
    flags = b" ".join(b"f%d" % number for number in range(5_000))

    def send() -> None:
        for number in range(200):
            feed(line, b"* %d FETCH (FLAGS (%b))" % (number + 1, flags))

    assert peak_of(send) < 4 * MIB
    last = line.session.news[-1]
    assert isinstance(last, FlagsChanged)
    assert last.sequence_number == 200
    assert 1 <= len(line.session.news) < 5


def test_small_news_are_bounded_by_their_number() -> None:
    line = Line()
    feed(line, *(b"* %d EXPUNGE" % (number + 1) for number in range(20_000)))
    assert len(line.session.news) == 10_000


def test_a_queue_forgets_the_oldest_but_never_the_latest() -> None:
    queue: Bounded[bytes] = Bounded(3, 1_000)
    queue.extend([b"a", b"b", b"c", b"d"])
    assert list(queue) == [b"b", b"c", b"d"]
    queue.append(b"x" * 850)
    assert list(queue) == [b"d", b"x" * 850]
    queue.append(b"y" * 5_000)
    assert list(queue) == [b"y" * 5_000]
    assert queue.popleft() == b"y" * 5_000
    queue.extend([b"x" * 400, b"y" * 400])
    assert len(queue) == 2
    queue.clear()
    queue.extend([b"x" * 400, b"y" * 400])
    assert len(queue) == 2


WEIGHED: list[tuple[object, int]] = [
    (None, 64),
    (b"abc", 67),
    (frozenset({"a", "b"}), 64 * 3 + 2),
    (UIDSet("1:2,7"), 64 * 9),
    # The value, its dictionary, the number, no defects, and the UID.
    (FetchData(1, UID.answer(9)), 64 * 5),
    # Its fields are the flags, the delimiter, the name, the items, the attributes and the defects.
    (ListData(frozenset({"\\X"}), "/", "ab"), weight(ListData(frozenset(), "/", "ab")) + 66),
]


@pytest.mark.parametrize("value, expected", WEIGHED, ids=repr)
def test_what_a_value_weighs(value: object, expected: int) -> None:
    assert weight(value) == expected
