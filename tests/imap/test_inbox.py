from __future__ import annotations

import pytest

from mailproto.errors import ConnectionClosed, IMAPStatusError, LocalProtocolError, RemoteProtocolError
from mailproto.flow import Flow, Receive, Received
from mailproto.imap.answers import FetchInbox, Inbox
from mailproto.imap.client_flows import exchange, list_mailboxes, mailbox_status, noop, run, search, select
from mailproto.imap.commands import (
    Close,
    Fetch,
    List,
    Logout,
    Select,
    Status,
    StoreAction,
    UIDFetch,
    UIDStore,
)
from mailproto.imap.ext.unselect import Unselect
from mailproto.imap.fetch import BODYSTRUCTURE, ENVELOPE, FLAGS, RFC822_SIZE, UID, BodySection
from mailproto.imap.fetch_data import FetchData
from mailproto.imap.holding import Holding
from mailproto.imap.idling import poll
from mailproto.imap.inbox import Inboxes
from mailproto.imap.responses import ExistsData, ListData, StatusData
from mailproto.imap.search import All, Seen
from mailproto.imap.sequence import SequenceSet, UIDSet
from mailproto.imap.sharing import Solitary
from mailproto.imap.status import No, Ok
from mailproto.imap.updates import Alert, Expunged, FlagsChanged, MailboxChanged
from mailproto.limits import IMAPLimits
from support_inbox import Line


def fetch_command(line: Line, numbers: str, *items: object) -> Flow[Inbox]:
    """Send UID FETCH and return its inbox."""
    keys = frozenset(item.key for item in items)  # type: ignore[attr-defined]  # they are fetch items
    return line.session.send(UIDFetch(UIDSet(numbers), items), keys=keys)  # type: ignore[arg-type]  # as above


def open_fetch(line: Line, numbers: str, *items: object) -> FetchInbox:
    task = line.start(fetch_command(line, numbers, *items))
    assert task.error is None
    inbox = task.result
    assert isinstance(inbox, FetchInbox)
    return inbox


def numbers_of(line: Line, inbox: Inbox) -> list[int]:
    return [event.sequence_number for event in line.session.take(inbox) if isinstance(event, FetchData)]


def test_completions_are_routed_by_tag_and_data_by_the_table() -> None:
    line = Line()
    listing = line.start(list_mailboxes(line.session, "", "*"))
    status = line.start(mailbox_status(line.session, "Sent", ["MESSAGES"]))
    other = line.start(mailbox_status(line.session, "Drafts", ["MESSAGES"]))
    assert [sent.split()[1] for sent in line.sent()] == [b"LIST", b"STATUS", b"STATUS"]
    line.feed(
        b"* STATUS Drafts (MESSAGES 5)",
        b'* LIST () "/" Sent',
        b"* STATUS Sent (MESSAGES 7)",
        b"A4 OK done",
        b"A3 OK done",
    )
    assert other.result.messages == 5
    assert status.result.messages == 7
    assert not listing.is_done
    line.feed(b"A2 OK done")
    assert listing.result == (ListData(frozenset(), "/", "Sent"),)


def test_who_waits_takes_over_when_the_reader_has_what_it_wants() -> None:
    line = Line()
    first = line.start(noop(line.session))
    second = line.start(noop(line.session))
    assert isinstance(first.waits_for, Receive)
    assert not isinstance(second.waits_for, Receive)
    line.feed(b"A2 OK done")
    assert first.is_done
    assert isinstance(second.waits_for, Receive)
    line.feed(b"A3 OK done")
    assert second.is_done
    assert second.error is None


def test_who_waits_takes_over_when_the_reader_is_cancelled() -> None:
    line = Line()
    first = line.start(list_mailboxes(line.session, "", "*"))
    second = line.start(noop(line.session))
    first.throw(InterruptedError())
    assert isinstance(first.error, InterruptedError)
    assert isinstance(second.waits_for, Receive)
    line.feed(b'* LIST () "/" INBOX', b"A2 OK done", b"A3 OK done")
    assert second.is_done
    assert list(line.session.news) == []


def test_who_waits_may_be_cancelled_too() -> None:
    line = Line()
    first = line.start(noop(line.session))
    second = line.start(noop(line.session))
    third = line.start(noop(line.session))
    second.throw(InterruptedError())
    line.feed(b"A2 OK done")
    assert first.is_done
    assert isinstance(third.waits_for, Receive)
    line.feed(b"A3 OK done", b"A4 OK done")
    assert third.is_done


def test_an_error_reaches_everybody() -> None:
    for octets, kind in ((b"* OK {9999999999999999999999}\r\nx", None), (None, ConnectionClosed)):
        line = Line()
        tasks = [line.start(noop(line.session)) for _ in range(3)]
        if octets is None:
            line.feed_eof()
        else:
            line.feed_octets(b"+ nobody asked\r\n")
        assert all(task.is_done for task in tasks)
        assert isinstance(tasks[0].error, kind or RemoteProtocolError)
        assert all(isinstance(task.error, ConnectionClosed) for task in tasks[1:])
        late = line.start(noop(line.session))
        assert isinstance(late.error, ConnectionClosed)


def test_an_error_of_the_driver_reaches_everybody() -> None:
    line = Line()
    first, second = line.start(noop(line.session)), line.start(noop(line.session))
    error = ConnectionClosed("reset", phase="read")
    first.throw(error)
    line.go_on()
    assert first.error is error
    assert isinstance(second.error, ConnectionClosed)
    assert second.error.__cause__ is error


def test_bye_ends_the_session_with_its_text() -> None:
    line = Line()
    task = line.start(noop(line.session))
    line.feed(b"* BYE maintenance")
    assert isinstance(task.error, ConnectionClosed)
    assert "maintenance" in str(task.error)


def test_commands_whose_answers_look_alike_wait_for_one_another() -> None:
    line = Line()
    first = line.start(search(line.session, [Seen()]))
    second = line.start(search(line.session, [All()]))
    assert len(line.sent()) == 1
    line.feed(b"* SEARCH 1 2", b"A2 OK done")
    assert first.result == SequenceSet("1:2")
    assert line.sent() == [b"A3 SEARCH ALL"]
    line.feed(b"* SEARCH 3", b"A3 OK done")
    assert second.result == SequenceSet("3")


def test_a_limit_of_waiting_is_told_to_the_flow() -> None:
    line = Line()

    def flow() -> Flow[bool]:
        inbox = yield from line.session.send(Status("Sent", ("MESSAGES",)))
        return (yield from line.session.wait(inbox, timeout=5))

    task = line.start(flow())
    assert task.waits_for == Receive(5)
    task.step(Received.TIMED_OUT)
    assert task.result is False


# FETCH


def test_whole_answers_are_given_as_they_come() -> None:
    line = Line()
    inbox = open_fetch(line, "1:*", FLAGS, RFC822_SIZE)
    line.conn.receive_data(
        b"* 1 FETCH (UID 11 FLAGS () RFC822.SIZE 9)\r\n* 2 FETCH (UID 12 FLAGS () RFC822.SI"
    )
    line.session.pump()
    assert inbox.is_ready
    assert numbers_of(line, inbox) == [1]
    assert not inbox.is_ready


def test_answers_in_pieces_are_joined() -> None:
    line = Line()
    inbox = open_fetch(line, "1:*", FLAGS, RFC822_SIZE)
    line.feed(
        b"* 1 FETCH (UID 11 FLAGS ())",
        b"* 2 FETCH (FLAGS (\\Seen))",
        b"* 1 FETCH (RFC822.SIZE 9)",
        b"* 2 FETCH (UID 12 RFC822.SIZE 8 FLAGS ())",
    )
    line.session.pump()
    first, second = (event for event in line.session.take(inbox) if isinstance(event, FetchData))
    assert (first.uid, first.flags, first.size) == (11, frozenset(), 9)
    assert (second.uid, second.flags, second.size) == (12, frozenset(), 8)


def test_flags_that_nobody_asked_for_are_news() -> None:
    line = Line()
    inbox = open_fetch(line, "1:*", RFC822_SIZE)
    line.feed(b"* 1 FETCH (FLAGS (\\Seen))", b"* 1 FETCH (UID 11 RFC822.SIZE 9)", b"A2 OK done")
    line.session.pump()
    assert numbers_of(line, inbox) == [1]
    assert list(line.session.news) == [FlagsChanged(1, None, frozenset({r"\Seen"}))]


def test_flags_without_the_rest_are_news_in_the_end() -> None:
    line = Line()
    inbox = open_fetch(line, "1:*", FLAGS, RFC822_SIZE)
    line.feed(
        b"* 1 FETCH (UID 11 FLAGS () RFC822.SIZE 9)",
        b"* 1 FETCH (FLAGS (\\Seen) UID 11)",
        b"* 2 FETCH (UID 12 RFC822.SIZE 1)",
        b"A2 OK done",
    )
    line.session.pump()
    assert numbers_of(line, inbox) == [1, 2]
    assert list(line.session.news) == [FlagsChanged(1, 11, frozenset({r"\Seen"}))]


def test_flags_alone_are_answered_once() -> None:
    line = Line()
    inbox = open_fetch(line, "11", FLAGS)
    line.feed(
        b"* 1 FETCH (UID 11 FLAGS ())",
        b"* 2 FETCH (UID 12 FLAGS (\\Seen))",
        b"* 1 FETCH (UID 11 FLAGS (\\Answered))",
    )
    line.session.pump()
    assert numbers_of(line, inbox) == [1]
    assert list(line.session.news) == [
        FlagsChanged(2, 12, frozenset({r"\Seen"})),
        FlagsChanged(1, 11, frozenset({r"\Answered"})),
    ]


def test_two_fetches_at_once() -> None:
    line = Line()
    sizes = open_fetch(line, "11", RFC822_SIZE)
    envelopes = open_fetch(line, "12:13", RFC822_SIZE)
    structures = open_fetch(line, "11:13", BODYSTRUCTURE)
    line.feed(
        b"* 2 FETCH (UID 12 RFC822.SIZE 2)",
        b"* 1 FETCH (UID 11 RFC822.SIZE 1)",
        b"* 2 FETCH (RFC822.SIZE 2 X 5)",
        b'* 3 FETCH (UID 13 BODYSTRUCTURE ("text" "plain" NIL NIL NIL "7bit" 1 1))',
    )
    line.session.pump()
    assert numbers_of(line, sizes) == [1]
    assert numbers_of(line, envelopes) == [2]
    assert numbers_of(line, structures) == [3]


def test_an_expunge_moves_what_waits_for_its_rest() -> None:
    line = Line()
    inbox = open_fetch(line, "1:*", FLAGS, RFC822_SIZE)
    line.feed(
        b"* 2 FETCH (UID 12 RFC822.SIZE 1)",
        b"* 3 FETCH (UID 13 RFC822.SIZE 3)",
        b"* 2 EXPUNGE",
        b"* 2 FETCH (FLAGS ())",
        b"A2 OK done",
    )
    line.session.pump()
    [data] = [event for event in line.session.take(inbox) if isinstance(event, FetchData)]
    assert (data.uid, data.size, data.flags) == (13, 3, frozenset())
    assert list(line.session.news) == [Expunged(2, 12)]


def test_sequence_numbers_match_their_set() -> None:
    line = Line()
    command = Fetch(SequenceSet("1,3"), (FLAGS,))
    inbox = line.start(line.session.send(command, keys=frozenset({"FLAGS"}))).result
    line.feed(b"* 2 FETCH (FLAGS ())", b"* 3 FETCH (FLAGS ())")
    line.session.pump()
    assert numbers_of(line, inbox) == [3]


def test_a_store_is_answered_by_flags() -> None:
    line = Line()
    task = line.start(
        run(
            line.session, UIDStore(UIDSet("11"), StoreAction.ADD, frozenset({r"\Seen"})), frozenset({"FLAGS"})
        )
    )
    line.feed(b"* 1 FETCH (UID 11 FLAGS (\\Seen))", b"* 2 FETCH (UID 12 FLAGS ())", b"A2 OK done")
    assert numbers_of(line, task.result) == [1]
    assert list(line.session.news) == [FlagsChanged(2, 12, frozenset())]


def test_a_large_section_is_put_together() -> None:
    limits = IMAPLimits(max_inline_literal=4, max_section=10)
    line = Line(limits)
    section, header = BodySection(), BodySection((), "HEADER")
    inbox = open_fetch(line, "1:*", section, header)
    line.feed_octets(b"* 1 FETCH (UID 11 BODY[] {8}\r\n1234")
    line.session.pump()
    line.feed_octets(b"5678 BODY[HEADER] {12}\r\n123456789012)\r\n")
    line.session.pump()
    [data] = line.session.take(inbox)
    assert isinstance(data, FetchData)
    assert data[section] == b"12345678"
    with pytest.raises(LookupError, match="download"):
        data[header]


def test_a_large_section_that_nobody_wants_is_thrown_away() -> None:
    line = Line(IMAPLimits(max_inline_literal=4))
    inbox = open_fetch(line, "1:*", BodySection())
    line.session.drain(inbox)
    line.feed_octets(b"* 1 FETCH (UID 11 BODY[] {8}\r\n12345678)\r\nA2 OK done\r\n")
    line.session.pump()
    assert line.session.take(inbox) == []
    assert list(line.session.news) == []


def test_a_section_of_an_unread_response_gets_into_no_other_message() -> None:
    line = Line(IMAPLimits(max_inline_literal=4))
    section = BodySection()
    inbox = open_fetch(line, "1:*", section)
    line.feed_octets(
        b"* 9999999999 FETCH (UID 11 BODY[] {8}\r\n12345678)\r\n* 1 FETCH (UID 11 BODY[] {3}\r\nabc)\r\n"
    )
    line.session.pump()
    [data] = line.session.take(inbox)
    assert isinstance(data, FetchData)
    assert data[section] == b"abc"


def test_of_a_section_that_comes_twice_one_is_kept() -> None:
    line = Line(IMAPLimits(max_inline_literal=4))
    section = BodySection()
    inbox = open_fetch(line, "1:*", section)
    line.feed_octets(b"* 1 FETCH (UID 11 BODY[] {8}\r\n12345678 BODY[] {8}\r\nabcdefgh)\r\n")
    line.session.pump()
    [data] = line.session.take(inbox)
    assert isinstance(data, FetchData)
    assert data[section] == b"abcdefgh"


# Backlog


def fill(line: Line, count: int) -> None:
    line.feed(
        *(b"* %d FETCH (UID %d ENVELOPE (%b))" % (n, n, b" ".join([b"NIL"] * 10)) for n in range(1, count))
    )


def test_a_command_passes_what_fits_into_the_backlog() -> None:
    line = Line()
    task = line.start(fetch_command(line, "1:*", ENVELOPE))
    inbox = task.result
    task.run(noop(line.session))
    fill(line, 100)
    line.feed(b"A2 OK done", b"A3 OK done")
    assert task.is_done
    assert task.error is None
    assert len(line.session.take(inbox)) == 99


def test_a_command_of_the_same_task_fails_at_a_full_inbox() -> None:
    line = Line(IMAPLimits(max_backlog=1_000))
    task = line.start(fetch_command(line, "1:*", ENVELOPE))
    task.run(noop(line.session))
    fill(line, 100)
    assert isinstance(task.error, LocalProtocolError)
    assert str(task.error).startswith("UID FETCH: ")


def test_another_task_waits_at_a_full_inbox() -> None:
    line = Line(IMAPLimits(max_backlog=1_000))
    owner = line.start(fetch_command(line, "1:*", ENVELOPE))
    inbox = owner.result
    other = line.start(noop(line.session))
    fill(line, 100)
    line.feed(b"A2 OK done", b"A3 OK done")
    taken = 0
    while not other.is_done:
        assert other.error is None
        before = taken
        taken += len(line.session.take(inbox))
        assert taken > before
        line.go_on()
    assert taken + len(line.session.take(inbox)) == 99


def test_an_owner_that_is_gone_makes_room() -> None:
    line = Line(IMAPLimits(max_backlog=1_000))
    owner = line.start(fetch_command(line, "1:*", ENVELOPE))
    owner.is_dead = True
    other = line.start(noop(line.session))
    fill(line, 100)
    line.feed(b"A2 OK done", b"A3 OK done")
    assert other.is_done
    assert other.error is None


@pytest.mark.parametrize("is_first", [True, False])
def test_two_that_would_wait_for_each_other_for_ever(is_first: bool) -> None:
    line = Line(IMAPLimits(max_backlog=1_000))
    owner = line.start(fetch_command(line, "1:*", ENVELOPE))
    other = line.start(noop(line.session))
    if is_first:
        owner.run(noop(line.session))
        fill(line, 100)
    else:
        fill(line, 100)
        owner.run(noop(line.session))
    assert isinstance(owner.error, LocalProtocolError)
    assert other.error is None


def test_what_comes_for_one_command_alone_is_bounded_too() -> None:
    line = Line(IMAPLimits(max_backlog=1_000))
    task = line.start(list_mailboxes(line.session, "", "*"))
    line.feed(*[b'* LIST () "/" box%d' % n for n in range(1_000)])
    line.feed(b"* NOOP")
    assert isinstance(task.error, LocalProtocolError)


# Exclusive use and held mailboxes


def test_exclusive_use_refuses_its_owner_and_lets_others_wait() -> None:
    line = Line()
    owner = line.start(line.session.send(List("", "*"), is_exclusive=True))
    inbox = owner.result
    other = line.start(noop(line.session))
    assert len(line.sent()) == 1
    owner.run(noop(line.session))
    assert isinstance(owner.error, LocalProtocolError)
    line.session.release(inbox)
    line.go_on()
    assert line.sent() == [b"A3 NOOP"]
    assert not other.is_done


def test_exclusive_use_of_one_who_is_gone_ends() -> None:
    line = Line()
    owner = line.start(line.session.send(List("", "*"), is_exclusive=True))
    owner.is_dead = True
    line.start(noop(line.session))
    assert line.sent() == [b'A2 LIST "" *', b"A3 NOOP"]


def test_a_held_mailbox_is_not_left() -> None:
    line = Line()
    holding = Holding(line.session, "inbox")
    owner = line.start(holding.open())
    assert owner.result is line.conn.view
    same = line.start(select(line.session, "inbox"))
    line.feed(b"* 3 EXISTS", b"A2 OK done")
    assert same.error is None
    other = line.start(select(line.session, "Sent"))
    closing = line.start(run(line.session, Close()))
    assert len(line.sent()) == 1
    for flow in (select(line.session, "Sent"), run(line.session, Unselect())):
        owner.run(flow)
        assert isinstance(owner.error, LocalProtocolError)
    holding.close()
    holding.close()
    line.go_on()
    assert line.sent() == [b"A3 SELECT Sent", b"A4 CLOSE"]
    line.feed(b"* 1 EXISTS", b"A3 OK done")
    assert other.result.exists == 1
    assert line.session.known_exists == 1
    line.feed(b"A4 OK done")
    assert closing.is_done


def test_a_mailbox_is_held_after_the_one_that_is_being_selected() -> None:
    line = Line()
    other = line.start(select(line.session, "Sent"))
    holder = line.start(Holding(line.session, "INBOX").open())
    assert line.sent() == [b"A2 SELECT Sent"]
    line.feed(b"* 1 EXISTS", b"A2 OK done")
    assert other.result.mailbox == "Sent"
    assert line.sent() == [b"A3 SELECT INBOX"]
    late = line.start(select(line.session, "Sent"))
    line.feed(b"* 3 EXISTS", b"A3 OK done")
    assert holder.result.mailbox == "INBOX"
    assert not late.is_done
    assert line.sent() == []


def test_who_waits_to_leave_a_mailbox_looks_again_whether_it_is_held() -> None:
    line = Line()
    owner = line.start(line.session.send(List("", "*"), is_exclusive=True))
    other = line.start(select(line.session, "Sent"))
    line.session.release(owner.result)
    line.start(Holding(line.session, "INBOX").open())
    line.go_on()
    assert line.sent() == [b'A2 LIST "" *']
    assert not other.is_done


def test_a_mailbox_that_cannot_be_selected_is_not_held() -> None:
    line = Line()
    task = line.start(Holding(line.session, "Sent").open())
    line.feed(b"A2 NO there is none")
    assert isinstance(task.error, IMAPStatusError)
    line.start(select(line.session, "Drafts"))
    assert line.sent() == [b"A2 SELECT Sent", b"A3 SELECT Drafts"]


def test_a_mailbox_held_by_one_who_is_gone_is_free() -> None:
    line = Line()
    line.start(Holding(line.session, "INBOX").open()).is_dead = True
    line.start(select(line.session, "Sent"))
    assert line.sent() == [b"A2 SELECT Sent"]


# News and exchange


def test_news() -> None:
    line = Line()
    task = line.start(noop(line.session))
    line.feed(
        b"* 1 FETCH (UID 11)",
        b"* 2 FETCH (UID 12 FLAGS (\\Seen))",
        b"* 2 EXPUNGE",
        b"* 4 EXISTS",
        b"* 0 RECENT",
        b"* CAPABILITY IMAP4rev1",
        b"* OK [ALERT] read this",
        b"* OK nothing",
        b"* NO disk is nearly full",
        b"* STATUS Sent (MESSAGES 1)",
        b"* )",
        b"A2 OK done",
    )
    assert task.is_done
    assert list(line.session.news) == [
        FlagsChanged(2, 12, frozenset({r"\Seen"})),
        Expunged(2, 12),
        ExistsData(4),
        Alert("read this"),
        Alert("disk is nearly full"),
        MailboxChanged(StatusData("Sent", (("MESSAGES", 1),))),
    ]


@pytest.mark.parametrize("leave", ["SELECT", "CLOSE", "UNSELECT"])
def test_news_of_a_mailbox_that_was_left_are_forgotten_but_no_alert(leave: str) -> None:
    line = Line()
    line.conn.receive_data(b"* CAPABILITY IMAP4rev1 UNSELECT\r\n")
    line.start(run(line.session, {"SELECT": Select("Sent"), "CLOSE": Close(), "UNSELECT": Unselect()}[leave]))
    line.feed(b"* 5 EXISTS", b"* 1 EXPUNGE", b"* OK [ALERT] read this", b"A2 OK done")
    assert list(line.session.news) == [Alert("read this")]
    task = line.start(poll(line.session))
    line.feed(b"A3 OK done")
    assert task.result == (Alert("read this"),)


def test_news_of_other_mailboxes_outlive_the_selected_one() -> None:
    line = Line()
    line.start(run(line.session, Select("Sent")))
    line.feed(
        b'* LIST () "/" New ("OLDNAME" (Old))',
        b"* STATUS Work (MESSAGES 1)",
        b"* FLAGS (x)",
        b"A2 OK done",
    )
    listed, status = (news.data for news in line.session.news if isinstance(news, MailboxChanged))
    assert isinstance(listed, ListData)
    assert (listed.mailbox, listed.old_name) == ("New", "Old")
    assert status == StatusData("Work", (("MESSAGES", 1),))


def test_a_limit_of_waiting_holds_for_one_who_does_not_read() -> None:
    line = Line()
    reader = line.start(noop(line.session))
    other = line.start(line.session.wait_until(lambda: False, 5))
    line.clock = 4
    line.feed(b"* OK nothing")
    assert not other.is_done
    line.clock = 5
    line.session.sharing.waiter()
    other.step(None)
    assert other.result is False
    assert not reader.is_done


def test_a_command_sent_while_another_task_reads_wakes_the_reader() -> None:
    line = Line()
    woken: list[None] = []

    class Wake:
        def set(self) -> None:
            woken.append(None)

    line.session.wake = wake = Wake()
    reader = line.start(noop(line.session))
    assert reader.waits_for == Receive(None, wake)
    assert not woken
    line.start(noop(line.session))
    assert woken == [None]
    reader.step(Received.WOKEN)
    assert reader.waits_for == Receive(None, wake)


def test_exchange_takes_all_that_nobody_else_asked_for() -> None:
    line = Line()
    task = line.start(exchange(line.session, b"x1 XYZZY\r\n"))
    other = line.start(list_mailboxes(line.session, "", "*"))
    line.feed(
        b'* LIST () "/" INBOX',
        b"* XYZZY 1",
        b"* 4 EXISTS",
        b"* OK [ALERT] hello",
        b"x1 NO not here",
        b"A3 OK done",
    )
    assert task.result.status == No("not here")
    assert [type(response).__name__ for response in task.result.responses] == [
        "UnknownData",
        "ExistsData",
        "Ok",
    ]
    assert list(line.session.news) == [ExistsData(4), Alert("hello")]
    assert len(other.result) == 1


def test_exchange_of_a_command_keeps_large_literals() -> None:
    line = Line(IMAPLimits(max_inline_literal=4))
    task = line.start(exchange(line.session, Fetch(SequenceSet("1"), (BodySection(),))))
    line.feed_octets(b"* 1 FETCH (BODY[] {8}\r\n12345678)\r\nA2 OK done\r\n")
    assert task.result.status == Ok("done")
    assert task.result.responses[0][BodySection()] == b"12345678"


def test_exchange_that_is_cancelled_is_drained() -> None:
    line = Line()
    task = line.start(exchange(line.session, Logout()))
    task.throw(InterruptedError())
    line.feed(b"* BYE bye", b"A2 OK done")
    line.session.pump()
    assert isinstance(task.error, InterruptedError)


def test_a_solitary_user_waits_for_nobody() -> None:
    sharing = Solitary()
    assert sharing.is_live(sharing.owner())
    with pytest.raises(LocalProtocolError):
        sharing.waiter()
    assert Inboxes(Line().conn).sharing.owner() is None


def test_uid_alone_can_be_asked_for() -> None:
    line = Line()
    inbox = open_fetch(line, "1:*", UID)
    line.feed(b"* 1 FETCH (UID 11)", b"* 2 FETCH (UID 12)", b"A2 OK done")
    line.session.pump()
    assert numbers_of(line, inbox) == [1, 2]
