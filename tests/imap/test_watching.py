"""Watching mailboxes by what a server offers: NOTIFY, IDLE, NOOP and STATUS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mailproto.errors import IMAPStatusError, LocalProtocolError
from mailproto.flow import Flow, Receive, Received
from mailproto.imap.client_flows import noop
from mailproto.imap.ext.notify import MESSAGE_EXPUNGE, MESSAGE_NEW, EventGroup
from mailproto.imap.ext.preview import PREVIEW
from mailproto.imap.fetch import ENVELOPE, FLAGS, UID, BodySection
from mailproto.imap.fetch_data import FetchData
from mailproto.imap.fetching import Items
from mailproto.imap.idling import MAX_TOLD, REISSUE, poll
from mailproto.imap.mailbox_filter import MailboxFilter
from mailproto.imap.notify_flows import Notified, notify
from mailproto.imap.responses import ListData, StatusData
from mailproto.imap.sequence import UIDSet
from mailproto.imap.updates import Expunged, FlagsChanged, MailboxChanged, NewMessages, NotificationsStopped
from mailproto.imap.watching import Watching
from mailproto.limits import IMAPLimits
from support_imap_scripts import ADAPTERS, converse
from support_inbox import Line, Task

SEEN = frozenset({"\\Seen"})
DELAYED = b"NOTIFY SET (selected-delayed (MessageNew (UID) MessageExpunge FlagChange))"
OTHERS = b" (mailboxes other (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange))"
AS_BEFORE = b"NOTIFY SET (selected-delayed (MessageNew MessageExpunge FlagChange))"
ASK_OTHER = b"STATUS other (MESSAGES UIDNEXT UIDVALIDITY UNSEEN)"


def status(messages: int, mailbox: str = "other") -> StatusData:
    return StatusData(mailbox, (("MESSAGES", messages),))


def told_status(messages: int, mailbox: bytes = b"other") -> bytes:
    return b"* STATUS %s (MESSAGES %d)" % (mailbox, messages)


class Watched:
    """One who watches over a line whose server is a script; commands have the tags A2, A3, ..."""

    def __init__(
        self,
        capabilities: str,
        *mailboxes: str,
        items: tuple[Items, ...] = (),
        interval: float = 60.0,
        selected: str | None = "INBOX",
        limits: IMAPLimits | None = None,
    ) -> None:
        self.line = Line(limits, selected=selected)
        self.line.conn.receive_data(f"* CAPABILITY IMAP4rev1 {capabilities}\r\n".encode())
        self.line.session.pump()
        self.watching = Watching(self.line.session, mailboxes, items, interval)
        self.task = Task(self.line)
        self.line.tasks.append(self.task)

    def open(self, *answers: tuple[bytes, ...]) -> list[bytes]:
        """Begin, with the lines that answer one command after the other; return what was sent, less tags."""
        self.task.run(self.watching.open())
        return self.answer(*answers)

    def answer(self, *answers: tuple[bytes, ...]) -> list[bytes]:
        said = self.said()
        for lines in answers:
            self.line.feed(*lines)
            said += self.said()
        return said

    def said(self) -> list[bytes]:
        return [sent.partition(b" ")[2] or sent for sent in self.line.sent()]

    def fill(self, timeout: float | None = None) -> Task:
        self.watching.ready.clear()
        return self.task.run(self.watching.fill(timeout))

    def pass_time(self) -> None:
        """Let all the seconds pass for which the flow waits."""
        waits = self.task.waits_for
        assert isinstance(waits, Receive)
        assert waits.timeout is not None
        self.line.clock += waits.timeout
        self.task.step(Received.TIMED_OUT)

    @property
    def ready(self) -> list[object]:
        return list(self.watching.ready)


# NOTIFY, and IDLE beside it.


def test_a_server_with_notify_tells_all_in_order() -> None:
    at = Watched("NOTIFY IDLE", "other")
    assert at.open((b"A2 OK done",), (b"+ idling",)) == [DELAYED + OTHERS, b"IDLE"]
    found: list[object] = []
    for line in (
        b"* 4 EXISTS",
        b"* 4 FETCH (UID 14)",
        b"* 1 FETCH (UID 11 FLAGS (\\Seen))",
        b"* 2 EXPUNGE",
        told_status(5),
        b'* LIST () "/" moved ("OLDNAME" ("other"))',
    ):
        task = at.fill()
        at.line.feed(line)
        found += at.ready
        if not task.is_done:
            assert not at.ready
    assert found == [
        NewMessages(UIDSet("14"), 4),
        FlagsChanged(1, 11, SEEN),
        Expunged(2, None),
        MailboxChanged(status(5)),
        MailboxChanged(ListData(frozenset(), "/", "moved", extended=(("OLDNAME", "other"),))),
    ]
    assert at.said() == []


def test_the_selected_mailbox_alone() -> None:
    at = Watched("NOTIFY IDLE")
    assert at.open((b"A2 OK done",)) == [DELAYED, b"IDLE"]


def test_other_mailboxes_alone() -> None:
    at = Watched("NOTIFY IDLE", "other", selected=None)
    assert at.open((b"A1 OK done",)) == [DELAYED + OTHERS, b"IDLE"]


def test_notify_and_idle_have_no_end_but_that_of_idle() -> None:
    at = Watched("NOTIFY IDLE", "other")
    at.open((b"A2 OK done",), (b"+ idling",))
    task = at.fill()
    assert task.waits_for == Receive(REISSUE)
    at.pass_time()
    assert at.answer((b"A3 OK done",)) == [b"DONE", b"IDLE"]


def test_items_of_new_messages_are_asked_for_by_notify() -> None:
    at = Watched("NOTIFY IDLE", items=((UID, FLAGS), ENVELOPE, FLAGS))
    [said, _] = at.open((b"A2 OK done",), (b"+ idling",))
    assert said == DELAYED.replace(b"(UID)", b"(UID FLAGS ENVELOPE)")
    at.fill()
    at.line.feed(b"* 4 EXISTS", b"* 4 FETCH (UID 14 FLAGS (\\Seen))")
    message = FetchData(4, UID.answer(14), FLAGS.answer(SEEN))
    assert at.ready == [NewMessages(UIDSet("14"), 4, (message,))]


def test_notify_without_idle_is_listened_to_and_the_session_is_kept() -> None:
    at = Watched("NOTIFY", "other")
    assert at.open((b"A2 OK done",)) == [DELAYED.replace(b"-delayed", b"") + OTHERS]
    task = at.fill()
    assert task.waits_for == Receive(REISSUE)
    at.line.feed(told_status(5))
    assert at.ready == [MailboxChanged(status(5))]
    at.fill()
    at.pass_time()
    assert at.said() == [b"NOOP"]
    at.line.feed(b"A3 OK done", b"* 2 EXPUNGE")
    assert at.ready == [Expunged(2, None)]
    assert at.said() == []


def test_a_command_of_another_task_while_one_listens() -> None:
    at = Watched("NOTIFY")
    at.open((b"A2 OK done",))
    task = at.fill()
    other = at.line.start(noop(at.line.session))
    assert at.said() == [b"NOOP"]
    at.line.feed(b"* 2 EXPUNGE", b"A3 OK done")
    assert other.is_done
    assert task.is_done
    assert at.ready == [Expunged(2, None)]


def test_mailboxes_that_are_kept_shut() -> None:
    at = Watched("NOTIFY IDLE", "other")
    at.open((b'* LIST (\\NoAccess) "/" other', b"A2 OK done"))
    assert at.ready == [MailboxChanged(ListData(frozenset({"\\NoAccess"}), "/", "other"))]


def test_messages_that_came_before_are_asked_for_first() -> None:
    at = Watched("NOTIFY IDLE")
    at.line.conn.receive_data(b"* 4 EXISTS\r\n")
    at.line.session.pump()
    said = at.open((b"* 4 FETCH (UID 14)", b"A2 OK done"), (b"A3 OK done",))
    assert said == [b"FETCH 4 UID", DELAYED, b"IDLE"]
    assert at.ready == [NewMessages(UIDSet("14"), 4)]


@pytest.mark.parametrize(
    "refusal",
    [
        b"A2 NO [NOTIFICATIONOVERFLOW] too much",
        b"A2 NO [BADEVENT (MessageNew MessageExpunge)] no",
        b"A2 BAD what",
    ],
)
def test_a_refused_notify_is_done_without(refusal: bytes) -> None:
    at = Watched("NOTIFY IDLE", "other")
    said = at.open((refusal,), (told_status(5), b"A3 OK done"))
    assert said == [DELAYED + OTHERS, ASK_OTHER, b"IDLE"]


def test_a_server_that_stops_telling_is_asked() -> None:
    at = Watched("NOTIFY IDLE", "other")
    at.open((b"A2 OK done",), (b"+ idling",))
    at.fill()
    at.line.feed(b"* OK [NOTIFICATIONOVERFLOW] too much")
    assert at.ready == [NotificationsStopped("too much")]
    task = at.fill()
    assert at.answer((b"A3 OK done",), (told_status(7), b"A4 OK done")) == [b"DONE", ASK_OTHER]
    # What has changed since NOTIFY is not known, so that it is told.
    assert at.ready == [MailboxChanged(status(7))]
    assert task.is_done
    at.fill()
    assert at.said() == [b"IDLE"]
    at.task.throw(InterruptedError())
    close = at.line.start(at.watching.close())
    at.line.feed(b"+ idling", b"A5 OK done")
    assert close.is_done
    assert at.said() == [b"DONE"]


# IDLE alone.


def test_without_notify_the_selected_mailbox_is_idled_in() -> None:
    at = Watched("IDLE")
    assert at.open() == [b"IDLE"]
    task = at.fill()
    assert task.waits_for == Receive(REISSUE)
    assert at.answer((b"+ idling", b"* 4 EXISTS"), (b"A2 OK done",)) == [b"DONE", b"FETCH 4 UID"]
    at.line.feed(b"* 4 FETCH (UID 14)", b"A3 OK done")
    assert at.ready == [NewMessages(UIDSet("14"), 4)]


def test_items_of_new_messages_are_asked_for_by_fetch() -> None:
    at = Watched("IDLE", items=(FLAGS,))
    at.open((b"+ idling",))
    at.fill()
    assert at.answer((b"* 4 EXISTS",), (b"A2 OK done",)) == [b"DONE", b"FETCH 4 (UID FLAGS)"]
    at.line.feed(b"* 4 FETCH (UID 14 FLAGS (\\Seen))", b"A3 OK done")
    message = FetchData(4, UID.answer(14), FLAGS.answer(SEEN))
    assert at.ready == [NewMessages(UIDSet("14"), 4, (message,))]


def test_of_very_many_new_messages_only_the_uids_are_asked_for() -> None:
    at = Watched("IDLE", items=(FLAGS,))
    at.open((b"+ idling",))
    at.fill()
    exists = 3 + MAX_TOLD + 1
    said = at.answer((b"* %d EXISTS" % exists,), (b"A2 OK done",))
    assert said == [b"DONE", b"FETCH 4:%d UID" % exists]


def test_sections_that_are_too_large_to_keep_are_left_out() -> None:
    text = BodySection((), "TEXT")
    at = Watched("IDLE", items=(text,), limits=IMAPLimits(max_backlog=10_000))
    at.open((b"+ idling",))
    at.fill()
    at.answer((b"* 5 EXISTS",), (b"A2 OK done",))
    for number in (4, 5):
        at.line.feed(b"* %d FETCH (UID 1%d BODY[TEXT] {6000}\r\n%s)" % (number, number, b"x" * 6_000))
    at.line.feed(b"A3 OK done")
    [new] = at.ready
    assert isinstance(new, NewMessages)
    assert [message.get(text) for message in new.messages] == [b"x" * 6_000, None]


def test_other_mailboxes_are_asked_for_now_and_then() -> None:
    at = Watched("IDLE", "other", "inbox", interval=30)
    # INBOX is the selected one, of which STATUS is not to be asked.
    assert at.open((told_status(5), b"A2 OK done"), (b"+ idling",)) == [ASK_OTHER, b"IDLE"]
    task = at.fill()
    assert task.waits_for == Receive(30)
    at.pass_time()
    assert at.answer((b"A3 OK done",), (told_status(5), b"A4 OK done")) == [b"DONE", ASK_OTHER, b"IDLE"]
    assert at.ready == []
    at.line.feed(b"+ idling")
    at.pass_time()
    at.answer((b"A5 OK done",), (told_status(6), b"A6 OK done"))
    assert task.is_done
    assert at.ready == [MailboxChanged(status(6))]


def test_a_mailbox_that_is_deleted_and_made_again() -> None:
    at = Watched("", "other", interval=30)
    gone = b" NO [NONEXISTENT] no such mailbox"
    at.open((told_status(5), b"A2 OK done"))
    found: list[object] = []
    answers = [(b"A4" + gone,), (b"A6" + gone,), (told_status(0), b"A8 OK done")]
    for number, answer in zip((3, 5, 7), answers, strict=True):
        if not found or at.task.is_done:
            at.fill()
        at.pass_time()
        at.answer((b"A%d OK done" % number,), answer)
        found += at.ready
        at.watching.ready.clear()
    assert found == [
        MailboxChanged(ListData(frozenset({"\\NonExistent"}), None, "other")),
        MailboxChanged(status(0)),
    ]


def test_a_mailbox_that_is_not_there_yet_is_no_mistake() -> None:
    at = Watched("", "other")
    assert at.open((b"A2 NO [NONEXISTENT] no such mailbox",)) == [ASK_OTHER]
    assert at.task.error is None


def test_a_refusal_without_a_code_does_not_say_whether_it_is_there() -> None:
    at = Watched("", "other")
    assert at.open((b"A2 NO what?",), (b'* LIST () "/" otherwise', b"A3 OK done")) == [
        ASK_OTHER,
        b'LIST "" other',
    ]
    assert at.task.error is None


@pytest.mark.parametrize(
    "answers",
    [
        [(b"A2 NO [NOPERM] no",)],
        [(b"A2 NO what?",), (b'* LIST (\\Noselect) "/" other', b"A3 OK done")],
    ],
)
def test_another_refusal_is_one(answers: list[tuple[bytes, ...]]) -> None:
    at = Watched("", "other")
    at.open(*answers)
    assert isinstance(at.task.error, IMAPStatusError)
    assert "STATUS: NO" in str(at.task.error)


def test_only_others_are_watched_and_idle_would_tell_nothing() -> None:
    at = Watched("IDLE", "other", selected=None)
    assert at.open((told_status(5), b"A1 OK done")) == [ASK_OTHER]
    task = at.fill()
    assert task.waits_for == Receive(60)


# Neither.


def test_without_idle_the_server_is_asked() -> None:
    at = Watched("", "other", interval=10)
    assert at.open((told_status(5), b"A2 OK done")) == [ASK_OTHER]
    task = at.fill()
    assert task.waits_for == Receive(10)
    at.pass_time()
    said = at.answer((b"* 2 EXPUNGE", b"A3 OK done"), (told_status(6), b"A4 OK done"))
    assert said == [b"NOOP", ASK_OTHER]
    assert at.ready == [MailboxChanged(status(6))]
    at.fill()
    assert at.ready == [Expunged(2, None)]


def test_what_a_server_says_by_itself_is_heard() -> None:
    at = Watched("")
    at.open()
    task = at.fill()
    at.line.feed(b"* 1 EXPUNGE")
    assert task.is_done
    assert at.ready == [Expunged(1, None)]


# Time, and the end.


@pytest.mark.parametrize("capabilities", ["NOTIFY IDLE", "NOTIFY", "IDLE", ""])
def test_a_limit_of_waiting(capabilities: str) -> None:
    at = Watched(capabilities)
    at.open(*([(b"A2 OK done",)] if "NOTIFY" in capabilities else []))
    task = at.fill(5)
    assert task.waits_for == Receive(5)
    at.pass_time()
    assert task.result is False
    assert at.ready == []


def test_a_short_wait_does_not_put_off_the_asking() -> None:
    at = Watched("", interval=10)
    at.open()
    for expected in (4, 4):
        task = at.fill(4)
        assert task.waits_for == Receive(expected)
        at.pass_time()
        assert task.result is False
    task = at.fill(4)
    assert task.waits_for == Receive(2)
    at.pass_time()
    assert at.answer((b"A2 OK done",)) == [b"NOOP"]
    assert task.waits_for == Receive(2)


def test_closing_leaves_it_as_it_was() -> None:
    at = Watched("NOTIFY IDLE", items=(FLAGS,))
    at.open((b"A2 OK done",), (b"+ idling",))
    close = at.line.start(at.watching.close())
    assert at.answer((b"A3 OK done",), (b"A4 OK done",)) == [b"DONE", AS_BEFORE]
    assert close.is_done
    assert at.line.session.wanted_of_new == ()
    poll_task = at.line.start(poll(at.line.session))
    said = at.answer((b"* 4 EXISTS", b"A5 OK done"), (b"* 4 FETCH (UID 14)", b"A6 OK done"))
    assert said == [b"NOOP", b"FETCH 4 UID"]
    assert poll_task.result == (NewMessages(UIDSet("14"), 4),)


def test_an_opening_that_fails_leaves_it_as_it_was() -> None:
    at = Watched("NOTIFY IDLE", items=(FLAGS,), limits=IMAPLimits(max_pending=1))
    session = at.line.session

    def noop_once_told() -> Flow[None]:
        yield from session.wait_until(lambda: bool(session.conn.notifications))
        yield from noop(session)

    other = Task(at.line)
    at.line.tasks.insert(0, other)
    other.run(noop_once_told())
    at.task.run(at.watching.open())
    assert at.answer((b"A2 OK done",), (b"A3 OK done",), (b"A4 OK done",)) == [
        DELAYED.replace(b"(UID)", b"(UID FLAGS)"),
        b"NOOP",
        AS_BEFORE,
    ]
    assert isinstance(at.task.error, LocalProtocolError)
    assert "in flight" in str(at.task.error)
    assert session.wanted_of_new == ()


@pytest.mark.parametrize("restored", [b"A4 OK done", b"A4 NO not now"])
def test_an_idle_that_is_refused_leaves_it_as_it_was(restored: bytes) -> None:
    at = Watched("NOTIFY IDLE")
    at.open((b"A2 OK done",))
    task = at.fill()
    assert at.answer((b"A3 NO not now",), (restored,)) == [AS_BEFORE]
    assert isinstance(task.error, IMAPStatusError)
    assert task.error.command == "IDLE"
    close = at.line.start(at.watching.close())
    assert (close.is_done, close.error, at.said()) == (True, None, [])


def test_the_end_of_the_session_in_an_opening() -> None:
    at = Watched("NOTIFY IDLE")
    at.task.run(at.watching.open())
    at.said()
    at.line.feed_octets(b"A2 OK done\r\n* BYE gone\r\n")
    assert isinstance(at.task.error, LocalProtocolError)
    assert at.said() == []


def test_closing_restores_what_was_asked_for_before() -> None:
    at = Watched("NOTIFY IDLE")
    at.line.start(notify(at.line.session, ()))
    at.line.feed(b"A2 OK done")
    at.said()
    at.open((b"A3 OK done",), (b"+ idling",))
    at.line.start(at.watching.close())
    assert at.answer((b"A4 OK done",)) == [b"DONE", b"NOTIFY NONE"]


def test_closing_leaves_what_was_asked_for_meanwhile() -> None:
    at = Watched("NOTIFY IDLE")
    at.open((b"A2 OK done",), (b"+ idling",))
    at.line.start(notify(at.line.session, ()))
    at.line.feed(b"A3 OK done", b"A4 OK done")
    at.said()
    close = at.line.start(at.watching.close())
    assert close.is_done
    assert at.said() == []


def test_closing_after_the_end_of_the_session() -> None:
    at = Watched("NOTIFY IDLE")
    at.open((b"A2 OK done",), (b"+ idling",))
    task = at.fill()
    at.line.feed_eof()
    assert task.error is not None
    at.said()
    close = at.line.start(at.watching.close())
    assert close.error is None
    assert at.said() == []


def test_nothing_to_watch() -> None:
    at = Watched("NOTIFY IDLE", selected=None)
    at.open()
    assert isinstance(at.task.error, LocalProtocolError)
    assert "expected a selected mailbox, or names of others" in str(at.task.error)
    assert at.said() == []


MISTAKES: list[dict[str, Any]] = [
    {"interval": 0},
    {"interval": -1},
    {"interval": float("nan")},
    {"items": ("FLAGS",)},
    {"mailboxes": ("\0",)},
]


@pytest.mark.parametrize("arguments", MISTAKES)
def test_attacks(arguments: dict[str, Any]) -> None:
    with pytest.raises(LocalProtocolError):
        Watching(Line().session, **arguments)


@pytest.mark.parametrize("capabilities", ["NOTIFY IDLE", "IDLE", ""])
def test_an_item_that_the_server_does_not_offer(capabilities: str) -> None:
    at = Watched(capabilities, items=(PREVIEW,))
    at.open()
    assert isinstance(at.task.error, LocalProtocolError)
    assert "PREVIEW" in str(at.task.error)
    assert at.said() == []
    assert at.line.session.wanted_of_new == ()


def test_a_beginning_that_fails_leaves_nothing() -> None:
    at = Watched("IDLE", "other", items=(FLAGS,))
    at.open((b"A2 NO [NOPERM] no",))
    assert at.task.error is not None
    assert at.line.session.wanted_of_new == ()


# The adapters.


def watched(adapter: str) -> Callable[[Any], Any]:
    """Return what takes the first update, and waits for another one that does not come."""

    def sync(imap: Any) -> list[object]:
        with imap.watch("other", items=[FLAGS]) as updates:
            return [next(updates), updates.wait(0.01)]

    async def asyncio(imap: Any) -> list[object]:
        async with imap.watch("other", items=[FLAGS]) as updates:
            return [await anext(updates), await updates.wait(0.01)]

    return {"sync": sync, "asyncio": asyncio}[adapter]


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_both_adapters_watch(adapter: str) -> None:
    answers = [b"{tag} OK done\r\n", b"+ idling\r\n* STATUS other (MESSAGES 5)\r\n", b"A3 OK done\r\n"]
    found, said = converse(adapter, "NOTIFY IDLE", [*answers, b"{tag} OK done\r\n"], watched(adapter))
    assert found == [MailboxChanged(status(5)), None]
    assert said == [DELAYED.replace(b"(UID)", b"(UID FLAGS)") + OTHERS, b"IDLE", b"", AS_BEFORE]


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_waiting_on_purpose_is_longer_than_a_wait_for_an_answer(adapter: str) -> None:
    """Nothing is in progress while one listens: the `timeout` of the client is not for that."""

    def sync(imap: Any) -> object:
        with imap.watch() as updates:
            return updates.wait(0.3)

    async def asyncio(imap: Any) -> object:
        async with imap.watch() as updates:
            return await updates.wait(0.3)

    call: Callable[[Any], Any] = {"sync": sync, "asyncio": asyncio}[adapter]
    found, _ = converse(adapter, "NOTIFY", [b"{tag} OK done\r\n"] * 2, call, timeout=0.1)
    assert found is None


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_both_adapters_notify(adapter: str) -> None:
    group = EventGroup(MailboxFilter("personal"), (MESSAGE_NEW, MESSAGE_EXPUNGE))
    answer = b"* STATUS other (MESSAGES 5)\r\n{tag} OK done\r\n"
    found, said = converse(adapter, "NOTIFY", [answer], lambda imap: imap.notify(group, status=True))
    assert found == Notified((status(5),), ())
    assert said == [b"NOTIFY SET STATUS (personal (MessageNew MessageExpunge))"]
    with pytest.raises(LocalProtocolError, match="NOTIFY: the server does not offer NOTIFY"):
        converse(adapter, "IDLE", [], lambda imap: imap.notify(group))
