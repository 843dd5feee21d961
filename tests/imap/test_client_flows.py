from __future__ import annotations

import io
from collections.abc import Iterable
from email.message import EmailMessage

import pytest

from mailproto.errors import (
    IMAPStatusError,
    ItemMissing,
    LocalProtocolError,
    MailboxMissing,
)
from mailproto.flow import Flow
from mailproto.imap import client_flows as flows
from mailproto.imap.client_flows import Appended
from mailproto.imap.commands import Append, Authenticate, StoreAction, UIDCopy, UIDStore
from mailproto.imap.ext.idle import Idle
from mailproto.imap.ext.move import UIDMove
from mailproto.imap.ext.objectid import EMAILID, EmailID
from mailproto.imap.ext.uidplus import CopyUIDCode
from mailproto.imap.fetching import Fetching
from mailproto.imap.responses import ListData
from mailproto.imap.search import Seen, Subject
from mailproto.imap.sequence import SequenceSet, UIDSet
from mailproto.imap.updates import MailboxChanged
from mailproto.imap.values import Streamed
from mailproto.limits import IMAPLimits
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


def test_an_append_that_ends_too_early_ends_the_session() -> None:
    line = Line()
    with pytest.raises(LocalProtocolError, match="4000 octets too early"):
        answer(flows.append(line.session, "Sent", iter([b"x" * 5_000]), size=9_000), line, b"+ go")
    assert isinstance(line.start(flows.noop(line.session)).error, LocalProtocolError)


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
