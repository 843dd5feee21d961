from __future__ import annotations

import io
from collections.abc import AsyncIterator, Callable, Iterable
from email.message import EmailMessage
from typing import Any

import pytest

from mailproto.errors import (
    IMAPStatusError,
    ItemMissing,
    LocalProtocolError,
    MailboxMissing,
)
from mailproto.flow import Flow, Received
from mailproto.imap import client_flows as flows
from mailproto.imap.client import IMAPClientConnection
from mailproto.imap.client_flows import Appended
from mailproto.imap.commands import Append, Authenticate, StoreAction, UIDCopy, UIDStore
from mailproto.imap.ext.idle import Idle
from mailproto.imap.ext.move import UIDMove
from mailproto.imap.ext.objectid import EMAILID, EmailID
from mailproto.imap.ext.uidplus import CopyUIDCode
from mailproto.imap.fetching import Fetching
from mailproto.imap.inbox import Inboxes
from mailproto.imap.responses import ListData
from mailproto.imap.search import Seen, Subject
from mailproto.imap.sequence import SequenceSet, UIDSet
from mailproto.imap.updates import MailboxChanged
from mailproto.imap.values import Streamed
from mailproto.limits import IMAPLimits
from mailproto.wants import Wants
from support_flows import FlowRun
from support_inbox import Line

Script = Iterable[tuple[bytes | None, object]]


# Commands


def answer(flow: Flow[object], line: Line, *lines: bytes) -> object:
    """Run *flow*, feed it the lines, and return what it returns."""
    task = line.start(flow)
    line.feed(*lines)
    assert task.is_done
    if task.error is not None:
        raise task.error
    return task.result


def test_a_refusal_is_an_error_of_its_family() -> None:
    line = Line()
    with pytest.raises(MailboxMissing):
        answer(flows.select(line.session, "nowhere"), line, b"A2 NO [NONEXISTENT] none")
    with pytest.raises(IMAPStatusError):
        answer(flows.noop(line.session), line, b"A3 BAD what?")


def test_lists_and_numbers() -> None:
    line = Line()
    found = answer(flows.list_subscribed(line.session, "", "*"), line, b'* LSUB () "/" INBOX', b"A2 OK .")
    assert [data.mailbox for data in found] == ["INBOX"]  # type: ignore[attr-defined]  # a tuple of data
    with pytest.raises(ItemMissing, match="STATUS"):
        answer(flows.mailbox_status(line.session, "Sent", ("MESSAGES",)), line, b"A3 OK .")
    names = answer(flows.capabilities(line.session), line, b"* CAPABILITY IMAP4rev1 X", b"A4 OK .")
    assert names == {"IMAP4REV1", "X"}


def test_extensions() -> None:
    line = Line(selected=None)
    assert answer(flows.enable(line.session, ["X-1"]), line, b"* ENABLED X-1", b"A1 OK .") == {"X-1"}
    spaces = answer(flows.namespace(line.session), line, b'* NAMESPACE (("" "/")) NIL NIL', b"A2 OK .")
    assert spaces.personal[0].prefix == ""  # type: ignore[attr-defined]  # NamespaceData
    said = answer(flows.identify(line.session, {"name": "me"}), line, b'* ID ("name" "you")', b"A3 OK .")
    assert said == (("name", "you"),)
    assert answer(flows.identify(line.session, None), line, b"* ID NIL", b"A4 OK .") == ()


def test_create_gives_the_identifier_of_the_mailbox() -> None:
    line = Line(selected=None)
    assert answer(flows.create(line.session, "x"), line, b"A1 OK [MAILBOXID (F1)] done") == "F1"
    assert answer(flows.create(line.session, "y"), line, b"A2 OK done") is None


def test_what_the_server_does_not_offer_is_not_sent() -> None:
    line = Line()
    for flow in (
        flows.search(line.session, (EmailID("M1"),)),
        flows.mailbox_status(line.session, "x", ("MAILBOXID",)),
        Fetching(line.session, SequenceSet("1"), (EMAILID,)).fill(),
    ):
        with pytest.raises(LocalProtocolError, match="needs OBJECTID, which is not offered"):
            answer(flow, line)
    assert line.sent() == []
    line.conn.receive_data(b"* CAPABILITY IMAP4rev1 OBJECTID\r\n")
    found = answer(flows.search(line.session, (EmailID("M1"),)), line, b"* SEARCH 2", b"A2 OK .")
    assert found == SequenceSet("2")


def test_search() -> None:
    line = Line()
    assert answer(flows.search(line.session, ()), line, b"* SEARCH 3 1 2", b"A2 OK .") == SequenceSet("1:3")
    flow = flows.uid_search(line.session, (Seen(), Subject("a")))
    assert answer(flow, line, b"* SEARCH", b"A3 OK .") == UIDSet()
    assert line.sent() == [b"A2 SEARCH ALL", b"A3 UID SEARCH SEEN SUBJECT a"]


def test_a_search_that_esearch_answers() -> None:
    """In IMAP4rev2, where nothing was said of what to return (RFC 9051 section 6.4.4)."""
    line = Line()
    line.conn.receive_data(b"* ENABLED IMAP4rev2\r\n")
    flow = flows.uid_search(line.session, ())
    lines = (b'* ESEARCH (TAG "A2") UID ALL 1:4294967295', b"A2 OK .")
    assert answer(flow, line, *lines) == UIDSet("1:4294967295")
    nothing = answer(flows.search(line.session, ()), line, b'* ESEARCH (TAG "A3")', b"A3 OK .")
    assert nothing == SequenceSet()
    other = answer(flows.search(line.session, ()), line, b'* ESEARCH (TAG "x") ALL 1', b"A4 OK .")
    assert other == SequenceSet()
    assert line.sent() == [b"A2 UID SEARCH ALL", b"A3 SEARCH ALL", b"A4 SEARCH ALL"]


def test_the_list_response_of_select_is_no_news() -> None:
    line = Line()
    said = (b"* OK [CLOSED] .", b"* 1 EXISTS", b'* LIST (\\Sent) "/" Sent', b'* LIST () "/" new')
    selecting = line.start(flows.select(line.session, "Sent"))
    line.feed(*said)
    assert [news.data for news in line.session.news if isinstance(news, MailboxChanged)] == [
        ListData(frozenset(), "/", "new")
    ]
    line.feed(b"A2 OK [READ-WRITE] done")
    assert selecting.result.listing == ListData(frozenset({"\\Sent"}), "/", "Sent")


def test_store() -> None:
    line = Line()
    command = flows.store_command(UIDSet("11"), StoreAction.ADD, r"\Seen", silent=False)
    assert command == UIDStore(UIDSet("11"), StoreAction.ADD, frozenset({r"\Seen"}))
    found = answer(flows.store(line.session, command), line, b"* 1 FETCH (UID 11 FLAGS (\\Seen))", b"A2 OK .")
    assert found[0].flags == {r"\Seen"}  # type: ignore[index]  # a tuple of FetchData
    silent = flows.store_command(SequenceSet("1"), StoreAction.REMOVE, ["a", "b"], silent=True)
    assert answer(flows.store(line.session, silent), line, b"* 1 FETCH (FLAGS ())", b"A3 OK .") == ()
    assert len(line.session.news) == 1


def test_copy_and_move() -> None:
    line = Line()
    code = CopyUIDCode(5, UIDSet("11"), UIDSet("20"))
    command = UIDCopy(UIDSet("11"), "Sent")
    assert answer(flows.copy(line.session, command), line, b"A2 OK [COPYUID 5 11 20] .") == code
    assert answer(flows.copy(line.session, command), line, b"A3 OK done") is None
    move = UIDMove(UIDSet("11"), "Sent")
    lines = (b"* OK [COPYUID 5 11 20] .", b"* 1 EXPUNGE", b"A4 OK done")
    assert answer(flows.move(line.session, move), line, *lines) == code


def test_move_without_the_extension() -> None:
    line = Line()
    line.conn.receive_data(b"* CAPABILITY IMAP4rev1\r\n")
    line.session.pump()
    with pytest.raises(LocalProtocolError, match="MOVE"):
        answer(flows.move(line.session, UIDMove(UIDSet("1"), "a")), line)


def test_what_has_a_dialogue_is_no_exchange() -> None:
    line = Line()
    for command in (Idle(), Authenticate("PLAIN"), Append("a", Streamed(5))):
        with pytest.raises(LocalProtocolError):
            answer(flows.exchange(line.session, command), line)


def test_sets_as_callers_write_them() -> None:
    assert flows.uid_set("1:*") == UIDSet("1:*")
    assert flows.uid_set(5) == UIDSet("5")
    assert flows.uid_set(range(1, 4)) == UIDSet("1:3")
    assert flows.sequence_set(SequenceSet("2")) == SequenceSet("2")
    with pytest.raises(LocalProtocolError, match="SequenceSet"):
        flows.sequence_set(UIDSet("2"))


# APPEND


def test_append_of_octets() -> None:
    line = Line()
    flow = flows.append(line.session, "Sent", b"message", (r"\Seen",))
    assert answer(flow, line, b"A2 OK [APPENDUID 5 20] done") == Appended(5, 20)
    assert line.sent() == [b"A2 APPEND Sent (\\Seen) {7+}", b"message"]
    assert answer(flows.append(line.session, "Sent", b"x"), line, b"A3 OK done") is None


def test_append_of_an_email_message_has_right_line_ends() -> None:
    message = EmailMessage()
    message["Subject"] = "hello"
    message.set_content("line\n")
    line = Line()
    answer(flows.append(line.session, "Sent", message), line, b"A2 OK done")
    sent = b"\r\n".join(line.sent())
    assert b"\n" not in sent.replace(b"\r\n", b"")
    assert b"Subject: hello\r\n" in sent


SOURCES = [
    pytest.param(lambda octets: io.BytesIO(octets), None, id="file"),
    pytest.param(lambda octets: io.BytesIO(octets), 200_000, id="file and size"),
    pytest.param(lambda octets: iter((octets[:5], octets[5:])), 200_000, id="chunks"),
]


@pytest.mark.parametrize("source, size", SOURCES)
def test_append_streams(source: object, size: int | None) -> None:
    octets = b"0123456789" * 20_000
    line = Line()
    flow = flows.append(line.session, "Sent", source(octets), size=size)  # type: ignore[operator]  # a maker
    task = line.start(flow)
    assert line.sent() == [b"A2 APPEND Sent {200000}"]
    line.feed(b"+ go")
    assert b"".join(line.sent()) == octets
    line.feed(b"A2 OK [APPENDUID 5 20] done")
    assert task.result == Appended(5, 20)


def test_a_streamed_append_that_is_refused_leaves_the_session_usable() -> None:
    line = Line()
    with pytest.raises(IMAPStatusError):
        answer(flows.append(line.session, "Sent", io.BytesIO(b"x" * 9_000)), line, b"A2 NO [TRYCREATE] none")
    answer(flows.noop(line.session), line, b"A3 OK done")


WRONG_SIZES = [
    pytest.param(lambda: iter([b"x" * 5_000]), 9_000, b"x" * 5_000, "4000 octets too early", id="fewer"),
    pytest.param(lambda: io.BytesIO(b"x" * 5_000), 9_000, b"x" * 5_000, "too early", id="file, fewer"),
    pytest.param(lambda: iter([b"x" * 5_000, b"y" * 5_000]), 9_000, b"x" * 5_000, "beyond", id="more"),
    pytest.param(
        lambda: iter([b"x" * 5_000, b"y" * 4_000, b"", b"z"]), 9_000, b"x" * 5_000, "beyond", id="then"
    ),
    pytest.param(lambda: io.BytesIO(b"x" * 9_001), 9_000, b"", "beyond", id="file, more"),
    pytest.param(lambda: io.BytesIO(b"x" * 70_000), 65_536, b"", "beyond", id="file, a chunk"),
    pytest.param(lambda: iter([b"", b"x" * 9_000, b"y"]), 9_000, b"", "beyond", id="empty first"),
]


@pytest.mark.parametrize(("source", "size", "sent", "reason"), WRONG_SIZES)
def test_a_message_of_another_size_than_said_is_never_sent_whole(
    source: Callable[[], Any], size: int, sent: bytes, reason: str
) -> None:
    line = Line()
    task = line.start(flows.append(line.session, "Sent", source(), size=size))
    assert line.sent() == [b"A2 APPEND Sent {%d}" % size]
    line.conn.receive_data(b"+ go\r\n")
    task.step(Received.RECEIVED)
    assert b"".join(line.conn.data_to_send()) == sent
    assert isinstance(task.error, LocalProtocolError)
    assert reason in str(task.error)
    assert line.conn.wants is Wants.CLOSED
    assert isinstance(line.start(flows.noop(line.session)).error, LocalProtocolError)


@pytest.mark.parametrize("source", [lambda: iter([b"x"]), lambda: io.BytesIO(b"x")])
def test_a_message_of_no_octets_has_none(source: Callable[[], Any]) -> None:
    line = Line()
    task = line.start(flows.append(line.session, "Sent", source(), size=0))
    assert isinstance(task.error, LocalProtocolError)
    assert line.sent() == []
    line.start(flows.append(line.session, "Sent", iter([b""]), size=0))
    assert line.sent() == [b"A2 APPEND Sent {0+}", b""]


async def later(octets: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(octets), 3_000):
        yield octets[start : start + 3_000]
        yield b""


TOLD_SOURCES = [
    pytest.param(
        lambda octets: octets, [(65_536, 150_000), (131_072, 150_000), (150_000, 150_000)], id="octets"
    ),
    pytest.param(io.BytesIO, [(65_536, 150_000), (131_072, 150_000), (150_000, 150_000)], id="file"),
    pytest.param(
        lambda octets: iter([octets[:10], b"", octets[10:]]), [(10, 150_000), (150_000, 150_000)], id="chunks"
    ),
    pytest.param(later, [(sent, 150_000) for sent in range(3_000, 150_001, 3_000)], id="async"),
]


@pytest.mark.parametrize(("source", "expected"), TOLD_SOURCES)
def test_progress_of_an_append(source: Callable[[bytes], Any], expected: list[tuple[int, int]]) -> None:
    octets = b"0123456789" * 15_000
    conn = IMAPClientConnection()
    conn.receive_data(b"* PREAUTH [CAPABILITY IMAP4rev1] ready\r\n")
    session = Inboxes(conn)
    session.pump()
    told: list[tuple[int, int | None]] = []
    flow = flows.append(
        session,
        "Sent",
        source(octets),
        size=len(octets),
        progress=lambda done, total: told.append((done, total)),
    )
    run = FlowRun(conn, flow)
    assert run.take_sent() == b"A1 APPEND Sent {150000}\r\n"
    run.feed(b"+ go\r\n")
    assert run.take_sent() == octets + b"\r\n"
    run.feed(b"A1 OK [APPENDUID 5 20] done\r\n")
    assert run.result == Appended(5, 20)
    assert told == expected


def test_nul_in_octets_whose_progress_is_told_is_refused_before_anything_is_sent() -> None:
    line = Line()
    task = line.start(flows.append(line.session, "Sent", b"a\0b", progress=print))
    assert isinstance(task.error, LocalProtocolError)
    assert line.sent() == []
    assert line.start(flows.noop(line.session)).error is None


@pytest.mark.parametrize(("chunks", "is_usable"), [([b"x" * 10], True), ([b"x" * 5, b"y" * 5], False)])
def test_what_progress_raises_ends_an_append(chunks: list[bytes], is_usable: bool) -> None:
    def stop(_done: int, _total: int | None) -> None:
        raise ZeroDivisionError

    line = Line()
    task = line.start(flows.append(line.session, "Sent", iter(chunks), size=10, progress=stop))
    line.feed(b"+ go")
    assert isinstance(task.error, ZeroDivisionError)
    # With all octets sent the message is added; with some, that would be another one.
    assert (line.conn.wants is not Wants.CLOSED) is is_usable
    if is_usable:
        other = line.start(flows.noop(line.session))
        line.feed(b"A2 OK done", b"A3 OK done")
        assert other.is_done


def test_chunks_need_a_size() -> None:
    line = Line()
    with pytest.raises(LocalProtocolError, match="size"):
        answer(flows.append(line.session, "Sent", iter([b"x"])), line)
    assert line.sent() == []


def test_others_wait_while_a_message_is_streamed() -> None:
    line = Line(IMAPLimits(max_nonsync=1))
    task = line.start(flows.append(line.session, "Sent", io.BytesIO(b"x" * 9_000)))
    other = line.start(flows.noop(line.session))
    assert line.sent() == [b"A2 APPEND Sent {9000}"]
    line.feed(b"+ go")
    line.feed(b"A2 OK done", b"A3 OK done")
    assert task.is_done
    assert other.is_done
    assert other.error is None
