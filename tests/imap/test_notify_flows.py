"""NOTIFY as a flow, and what a session makes of what it is told by it."""

from __future__ import annotations

import pytest

from mailproto.errors import LocalProtocolError, NotifyRefused
from mailproto.flow import Flow
from mailproto.imap.client_flows import exchange, select
from mailproto.imap.ext.notify import (
    FLAG_CHANGE,
    MAILBOX_NAME,
    MESSAGE_EXPUNGE,
    MESSAGE_NEW,
    BadEventCode,
    EventGroup,
    Notify,
    NotifyEvent,
)
from mailproto.imap.fetch import ENVELOPE, FLAGS, UID, BodySection
from mailproto.imap.fetch_data import FetchData
from mailproto.imap.fetching import Fetching
from mailproto.imap.idling import poll, take_news
from mailproto.imap.inbox import Inboxes
from mailproto.imap.mailbox_filter import MailboxFilter
from mailproto.imap.notify_flows import UNTIL_NOTIFY, Notified, notify
from mailproto.imap.responses import ListData, StatusData
from mailproto.imap.sequence import UIDSet
from mailproto.imap.updates import (
    AnnotationsChanged,
    Expunged,
    FlagsChanged,
    MailboxChanged,
    NewMessages,
    NotificationsStopped,
    Update,
    Vanished,
)
from mailproto.limits import IMAPLimits
from support_inbox import Line

BOTH = (MESSAGE_NEW, MESSAGE_EXPUNGE)
SELECTED, DELAYED = MailboxFilter("selected"), MailboxFilter("selected-delayed")
OTHERS = EventGroup(MailboxFilter("personal"), (*BOTH, MAILBOX_NAME))
SEEN = frozenset({"\\Seen"})


def offering(**limits: int) -> Line:
    line = Line(IMAPLimits(**limits))
    line.conn.receive_data(b"* CAPABILITY IMAP4rev1 NOTIFY IDLE\r\n")
    line.session.pump()
    return line


def told(*items: object, **limits: int) -> Line:
    """Return a line on which NOTIFY is in effect, with *items* of new messages; there are 3 messages."""
    line = offering(**limits)
    event = NotifyEvent("MessageNew", items)  # type: ignore[arg-type]  # items
    task = line.start(notify(line.session, [EventGroup(SELECTED, (event, MESSAGE_EXPUNGE, FLAG_CHANGE))]))
    line.feed(b"A2 OK done")
    assert task.error is None
    line.sent()
    return line


def updates(line: Line, *lines: bytes) -> list[Update]:
    line.conn.receive_data(b"".join(one + b"\r\n" for one in lines))
    line.session.pump()
    task = line.start(take_news(line.session))
    assert line.sent() == []
    assert task.error is None
    result: list[Update] = task.result
    return result


# The flow.


def test_what_it_sends_and_gives() -> None:
    line = offering()
    task = line.start(notify(line.session, [EventGroup(SELECTED, BOTH), OTHERS], status=True))
    assert line.sent() == [
        b"A2 NOTIFY SET STATUS (selected (MessageNew (UID) MessageExpunge))"
        b" (personal (MessageNew MessageExpunge MailboxName))"
    ]
    line.feed(
        b"* STATUS a (MESSAGES 5)",
        b'* LIST (\\NoAccess) "/" shut',
        b'* LIST () "/" new',
        b"* STATUS b (MESSAGES 0)",
        b"A2 OK done",
    )
    assert task.result == Notified(
        (StatusData("a", (("MESSAGES", 5),)), StatusData("b", (("MESSAGES", 0),))),
        (ListData(frozenset({"\\NoAccess"}), "/", "shut"),),
    )
    assert updates(line) == [MailboxChanged(ListData(frozenset(), "/", "new"))]


@pytest.mark.parametrize(
    "group, expected",
    [
        (EventGroup(SELECTED, BOTH), (UID,)),
        (EventGroup(SELECTED, (NotifyEvent("MessageNew", (FLAGS,)), MESSAGE_EXPUNGE)), (UID, FLAGS)),
        (EventGroup(DELAYED, (NotifyEvent("MessageNew", (FLAGS, UID)), MESSAGE_EXPUNGE)), (FLAGS, UID)),
        (EventGroup(DELAYED, (NotifyEvent("MessageNew", (FLAGS,)), MESSAGE_EXPUNGE)), (UID, FLAGS)),
        (EventGroup(DELAYED, BOTH), ()),
        (OTHERS, ()),
    ],
)
def test_uid_is_added_where_it_is_needed(group: EventGroup, expected: object) -> None:
    line = offering()
    line.start(notify(line.session, [group]))
    line.feed(b"A2 OK done")
    [asked] = line.conn.notifications or ()
    assert asked.events[0].items == expected
    assert [event.name for event in asked.events] == [event.name for event in group.events]


def test_nothing_is_notify_none() -> None:
    line = offering()
    line.start(notify(line.session, ()))
    assert line.sent() == [b"A2 NOTIFY NONE"]


def test_a_server_that_does_not_offer_it() -> None:
    line = Line()
    error = line.start(notify(line.session, [OTHERS])).error
    assert isinstance(error, LocalProtocolError)
    assert "NOTIFY: the server does not offer NOTIFY" in str(error)
    assert line.sent() == []


def test_a_refusal_says_which_events_there_are() -> None:
    line = offering()
    task = line.start(notify(line.session, [OTHERS]))
    line.feed(b"A2 NO [BADEVENT (MessageNew MessageExpunge)] no MailboxName")
    assert isinstance(task.error, NotifyRefused)
    assert task.error.code == BadEventCode(("MessageNew", "MessageExpunge"))


# What is told.


def test_new_messages_are_told_with_their_uids_and_nothing_is_asked() -> None:
    line = told()
    assert updates(line, b"* 4 EXISTS") == []
    assert updates(line, b"* 4 FETCH (UID 14)", b"* 5 EXISTS", b"* 5 FETCH (UID 17)") == [
        NewMessages(UIDSet("14,17"), 5)
    ]


def test_what_was_asked_for_of_new_messages_comes_with_them() -> None:
    line = told(FLAGS)
    first = FetchData(4, UID.answer(14), FLAGS.answer(SEEN))
    second = FetchData(5, UID.answer(15), FLAGS.answer(frozenset()))
    octets = b"* 5 EXISTS", b"* 4 FETCH (UID 14 FLAGS (\\Seen))", b"* 5 FETCH (UID 15 FLAGS ())"
    assert updates(line, *octets) == [NewMessages(UIDSet("14:15"), 5, (first, second))]
    assert updates(line, b"* 5 FETCH (UID 15 FLAGS (\\Seen))") == [FlagsChanged(5, 15, SEEN)]


def test_our_own_messages_are_not_told_and_others_behind_them_are() -> None:
    line = told()
    assert updates(line, b"* 4 EXISTS", b"* 5 EXISTS", b"* 5 FETCH (UID 15)") == [
        NewMessages(UIDSet("15"), 5)
    ]


def test_our_own_message_that_is_gone() -> None:
    line = told()
    assert updates(line, b"* 4 EXISTS", b"* 4 EXPUNGE") == [Expunged(4, None)]
    assert updates(line, b"* 4 EXISTS", b"* 4 FETCH (UID 15)") == [NewMessages(UIDSet("15"), 4)]


def test_a_message_that_came_and_went_is_told_in_this_order() -> None:
    line = told()
    lines = b"* 4 EXISTS", b"* 4 FETCH (UID 14)", b"* 4 EXPUNGE", b"* 4 EXISTS", b"* 4 FETCH (UID 15)"
    assert updates(line, *lines) == [
        NewMessages(UIDSet("14"), 4),
        Expunged(4, 14),
        NewMessages(UIDSet("15"), 4),
    ]


def test_messages_that_vanish() -> None:
    line = told()
    lines = b"* VANISHED 11:12", b"* 2 EXISTS", b"* 2 FETCH (UID 15)"
    assert updates(line, *lines) == [Vanished(UIDSet("11:12")), NewMessages(UIDSet("15"), 2)]


def test_changes_that_come_before_the_answer_to_notify() -> None:
    line = offering()
    task = line.start(notify(line.session, [EventGroup(SELECTED, BOTH)]))
    line.feed(b"* 1 FETCH (UID 11 FLAGS (\\Seen))", b"* 4 EXISTS", b"* 4 FETCH (UID 14)", b"A2 OK done")
    assert task.is_done
    line.sent()
    assert updates(line) == [FlagsChanged(1, 11, SEEN), NewMessages(UIDSet("14"), 4)]


def test_what_came_before_notify_and_is_not_told_again_has_no_certain_number() -> None:
    line = offering()
    line.conn.receive_data(b"* 4 EXISTS\r\n")
    line.session.pump()
    line.start(notify(line.session, [EventGroup(SELECTED, BOTH)]))
    line.feed(b"* 5 EXISTS", b"* 5 FETCH (UID 15)", b"A2 OK done")
    line.sent()
    assert updates(line) == [NewMessages(UIDSet(), 5)]


def test_what_came_before_a_delayed_notify_is_asked_for() -> None:
    line = offering()
    line.conn.receive_data(b"* 4 EXISTS\r\n")
    line.session.pump()
    line.start(notify(line.session, [EventGroup(DELAYED, BOTH)]))
    line.feed(b"A2 OK done")
    line.sent()
    task = line.start(take_news(line.session))
    assert line.sent() == [b"A3 FETCH 4 UID"]
    line.feed(b"* 4 FETCH (UID 14)", b"A3 OK done")
    assert task.result == [NewMessages(UIDSet("14"), 4)]


def test_a_refused_notify_changes_nothing() -> None:
    line = offering()
    line.start(notify(line.session, [EventGroup(SELECTED, BOTH)]))
    line.feed(b"* 4 EXISTS", b"* 1 FETCH (UID 11 FLAGS (\\Seen))", b"A2 NO no")
    line.sent()
    task = line.start(take_news(line.session))
    assert line.sent() == [b"A3 FETCH 4 UID"]
    line.feed(b"* 4 FETCH (UID 14)", b"A3 OK done")
    assert task.result == [FlagsChanged(1, 11, SEEN), NewMessages(UIDSet("14"), 4)]


def test_notify_by_hand_without_uids() -> None:
    line = offering()
    task = line.start(exchange(line.session, Notify((EventGroup(SELECTED, BOTH),))))
    line.feed(b"A2 OK done")
    assert task.error is None
    line.sent()
    assert updates(line, b"* 4 EXISTS") == [NewMessages(UIDSet(), 4)]


def test_uidfetch_that_nobody_has_enabled_is_no_new_message() -> None:
    """It has no sequence number (RFC 9586), by which a new message would be known."""
    line = told()
    octets = b"* 14 UIDFETCH (UID 14 FLAGS (\\Seen))", b"* 4 EXISTS", b"* 4 FETCH (UID 14)"
    assert updates(line, *octets) == [FlagsChanged(None, 14, SEEN), NewMessages(UIDSet("14"), 4)]


def test_changed_annotations_are_told_too() -> None:
    line = told()
    assert updates(line, b"* 2 FETCH (UID 12 ANNOTATION (/comment))") == [
        AnnotationsChanged(2, 12, ("/comment",))
    ]


def test_a_response_that_is_an_answer_and_tells_of_a_new_message() -> None:
    line = told()
    fetching = Fetching(line.session, UIDSet("11:20"), (FLAGS,))
    line.start(fetching.fill())
    line.feed(b"* 4 EXISTS", b"* 1 FETCH (UID 11 FLAGS ())", b"* 4 FETCH (UID 14 FLAGS ())", b"A3 OK done")
    line.sent()
    assert [message.uid for message in fetching.ready] == [11, 14]
    [new] = updates(line)
    assert isinstance(new, NewMessages)
    assert new.uids == UIDSet("14")


def test_sections_that_are_too_large_to_keep_are_left_out() -> None:
    text = BodySection((), "TEXT")
    line = told(text, max_backlog=10_000)
    lines = [b"* 6 EXISTS"]
    lines += [b"* %d FETCH (UID 1%d BODY[TEXT] {6000}\r\n%s)" % (n, n, b"x" * 6_000) for n in (4, 5, 6)]
    [new] = updates(line, *lines)
    assert isinstance(new, NewMessages)
    assert [message.get(text) for message in new.messages] == [b"x" * 6_000, None, None]
    assert new.uids == UIDSet("14:16")
    [new] = updates(line, b"* 7 EXISTS", b"* 7 FETCH (UID 17 BODY[TEXT] {6000}\r\n%s)" % (b"x" * 6_000))
    assert isinstance(new, NewMessages)
    assert new.messages[0][text] == b"x" * 6_000


def test_much_of_anything_else_is_left_out_too() -> None:
    line = told(ENVELOPE, FLAGS, max_backlog=10_000)
    who = b'((NIL NIL "a" "b"))'
    envelope = b'(NIL "%s" %s NIL NIL NIL NIL NIL NIL NIL)' % (b"x" * 6_000, who)
    lines = [b"* %d FETCH (UID 1%d FLAGS (\\Seen) ENVELOPE %s)" % (n, n, envelope) for n in (4, 5)]
    [new] = updates(line, b"* 5 EXISTS", *lines)
    assert isinstance(new, NewMessages)
    assert [ENVELOPE in message for message in new.messages] == [True, False]
    assert [message.flags for message in new.messages] == [SEEN, SEEN]


def test_a_section_that_streams_is_put_together() -> None:
    text = BodySection((), "TEXT")
    line = told(text, max_inline_literal=10)
    [new] = updates(line, b"* 4 EXISTS", b"* 4 FETCH (UID 14 BODY[TEXT] {60}\r\n%s)" % (b"x" * 60))
    assert isinstance(new, NewMessages)
    assert new.messages[0][text] == b"x" * 60


def test_a_section_that_nobody_wants_is_thrown_away() -> None:
    line = offering()
    line.conn.receive_data(b"* 1 FETCH (UID 11 BODY[] {70000}\r\n%s)\r\n" % (b"x" * 70_000))
    line.session.pump()
    assert updates(line) == []


def test_too_much_to_tell() -> None:
    line = told()
    assert updates(line, b"* OK [NOTIFICATIONOVERFLOW] sorry") == [NotificationsStopped("sorry")]
    assert line.conn.notifications == ()
    assert not line.session.is_told_of_new


def other_mailbox(session: Inboxes) -> Flow[object]:
    return select(session, "other")


def test_what_names_its_mailbox_outlives_the_selected_one() -> None:
    line = told()
    task = line.start(other_mailbox(line.session))
    line.feed(b"* STATUS a (MESSAGES 5)", b"* 1 EXPUNGE", b"* OK [NOTIFICATIONOVERFLOW] sorry", b"A3 OK done")
    assert task.error is None
    line.sent()
    assert updates(line) == [
        MailboxChanged(StatusData("a", (("MESSAGES", 5),))),
        NotificationsStopped("sorry"),
    ]


def test_poll_takes_it_too() -> None:
    line = told(ENVELOPE)
    task = line.start(poll(line.session))
    line.feed(b"* 4 EXISTS", b"* 4 FETCH (UID 14)", b"A3 OK done")
    assert task.result == (NewMessages(UIDSet("14"), 4),)


def test_as_it_was_before() -> None:
    assert (EventGroup(DELAYED, (*BOTH, FLAG_CHANGE)),) == UNTIL_NOTIFY
