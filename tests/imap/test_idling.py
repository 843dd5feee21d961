from __future__ import annotations

from mailproto.errors import IMAPStatusError, LocalProtocolError
from mailproto.flow import Receive, Received
from mailproto.imap.client_flows import noop
from mailproto.imap.idling import REISSUE, Idling, poll
from mailproto.imap.sequence import UIDSet
from mailproto.imap.updates import Expunged, FlagsChanged, NewMessages
from support_inbox import Line


def begin(line: Line) -> Idling:
    idling = Idling(line.session)
    assert line.start(idling.open()).error is None
    return idling


def test_updates_come_while_idling() -> None:
    line = Line()
    idling = begin(line)
    task = line.start(idling.fill())
    assert line.sent() == [b"A2 IDLE"]
    line.feed(b"+ idling", b"* 1 FETCH (UID 11 FLAGS (\\Seen))")
    assert task.result is True
    assert list(idling.ready) == [FlagsChanged(1, 11, frozenset({r"\Seen"}))]
    idling.ready.clear()
    task.run(idling.fill())
    line.feed(b"* 1 EXPUNGE")
    assert list(idling.ready) == [Expunged(1, 11)]
    assert line.sent() == []


def test_the_uids_of_new_messages_are_asked_for_and_idle_goes_on() -> None:
    line = Line()
    idling = begin(line)
    task = line.start(idling.fill())
    line.feed(b"+ idling", b"* 4 EXISTS")
    assert line.sent() == [b"A2 IDLE", b"DONE"]
    line.feed(b"* 2 EXPUNGE", b"* 5 EXISTS", b"A2 OK done")
    assert line.sent() == [b"A3 FETCH 3:5 UID"]
    line.feed(b"* 3 FETCH (UID 14)", b"* 4 FETCH (UID 15)", b"* 5 FETCH (UID 16)", b"A3 OK done")
    assert task.is_done
    assert list(idling.ready) == [Expunged(2, None), NewMessages(UIDSet("14:16"), 5)]
    idling.ready.clear()
    task.run(idling.fill())
    assert line.sent() == [b"A4 IDLE"]


def test_new_messages_whose_uids_the_server_refuses_to_tell() -> None:
    line = Line()
    idling = begin(line)
    line.start(idling.fill())
    line.feed(b"+ idling", b"* 4 EXISTS")
    line.feed(b"A2 OK done")
    line.feed(b"A3 NO not now")
    assert list(idling.ready) == [NewMessages(UIDSet(), 4)]


def test_a_message_that_came_and_went() -> None:
    line = Line()
    task = line.start(poll(line.session))
    line.feed(b"* 4 EXISTS", b"* 4 EXPUNGE", b"A2 OK done")
    assert task.result == (Expunged(4, None),)


def test_idle_is_issued_anew_in_time() -> None:
    line = Line()
    idling = begin(line)
    task = line.start(idling.fill())
    line.feed(b"+ idling")
    assert task.waits_for == Receive(REISSUE)
    line.sent()
    task.step(Received.TIMED_OUT)
    assert line.sent() == [b"DONE"]
    line.feed(b"A2 OK done")
    assert line.sent() == [b"A3 IDLE"]


def test_a_limit_of_waiting() -> None:
    line = Line()
    idling = begin(line)
    task = line.start(idling.fill(5))
    assert task.waits_for == Receive(5)
    task.step(Received.TIMED_OUT)
    assert task.result is False


def test_lines_that_say_nothing_do_not_start_the_clocks_again() -> None:
    line = Line()
    idling = begin(line)
    task = line.start(idling.fill())
    for minutes in range(2, 28, 2):
        line.clock = minutes * 60
        line.feed(b"* OK Still here")
        assert task.waits_for == Receive(REISSUE - line.clock)
    task.throw(InterruptedError())
    task.run(idling.fill(100))
    assert task.waits_for == Receive(100)
    line.clock += 60
    line.feed(b"* OK Still here")
    assert task.waits_for == Receive(40)
    task.step(Received.TIMED_OUT)
    assert task.result is False
    task.run(idling.fill(100))
    assert task.waits_for == Receive(60)


def test_a_command_of_another_task_ends_idle_and_it_goes_on_after() -> None:
    line = Line()
    idling = begin(line)
    task = line.start(idling.fill())
    line.feed(b"+ idling")
    other = line.start(noop(line.session))
    assert line.sent() == [b"A2 IDLE", b"DONE", b"A3 NOOP"]
    line.feed(b"A2 OK done", b"A3 OK done")
    assert other.is_done
    assert not task.is_done
    assert line.sent() == [b"A4 IDLE"]


def test_a_command_between_two_updates() -> None:
    line = Line()
    idling = begin(line)
    task = line.start(noop(line.session))
    line.feed(b"+ idling", b"* 1 EXPUNGE", b"A2 OK done", b"A3 OK done")
    task.run(idling.fill())
    assert list(idling.ready) == [Expunged(1, None)]


def test_a_command_is_sent_while_idle_is_not_completed() -> None:
    line = Line()
    idling = begin(line)
    task = line.start(noop(line.session))
    line.feed(b"+ idling")
    task.throw(InterruptedError())
    task.run(idling.fill())
    line.feed(b"A2 OK done", b"A3 OK done")
    assert line.sent()[-1] == b"A4 IDLE"


def test_closing_says_done() -> None:
    line = Line()
    idling = begin(line)
    line.feed(b"+ idling")
    task = line.start(idling.close())
    assert line.sent() == [b"A2 IDLE", b"DONE"]
    line.feed(b"A2 OK done")
    assert task.is_done
    task.run(idling.close())
    assert task.is_done


def test_idle_that_is_not_offered_or_refused() -> None:
    line = Line()
    idling = begin(line)
    task = line.start(idling.fill())
    line.feed(b"A2 NO not now")
    assert isinstance(task.error, IMAPStatusError)
    line.conn.receive_data(b"* CAPABILITY IMAP4rev1\r\n")
    line.session.pump()
    assert isinstance(line.start(Idling(line.session).open()).error, LocalProtocolError)
