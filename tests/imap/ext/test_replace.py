from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.errors import LocalProtocolError
from mailproto.imap.appending import AppendMessage
from mailproto.imap.client_flows import Appended
from mailproto.imap.codec import parse_commands, serialize
from mailproto.imap.commands import Command, Noop, TaggedCommand, parse_command
from mailproto.imap.cursor import ParseError
from mailproto.imap.events import InvalidCommand, LiteralData, LiteralEnded, LiteralOffered
from mailproto.imap.ext.replace import Replace, UIDReplace
from mailproto.imap.items_flows import replace
from mailproto.imap.pipelining import conflict
from mailproto.imap.responses import ExpungeData
from mailproto.imap.sequence import STAR
from mailproto.imap.server import IMAPServerConnection
from mailproto.imap.status import No, Ok
from mailproto.imap.values import Streamed
from mailproto.limits import IMAPLimits
from support_imap import feed, logged_in_server, selected_server, sent, server_events
from support_imap_ext import check_refused
from support_imap_scripts import ADAPTERS, converse
from support_imap_strategies import append_messages, mailboxes
from support_imap_wire import command_octets, frame, parse_octets
from support_inbox import Line

SEEN = frozenset({"\\Seen", "\\Draft"})

CASES: list[tuple[bytes, Command]] = [
    (b"REPLACE 4 Drafts (\\Draft \\Seen) {2}\r\nab", Replace(4, "Drafts", AppendMessage(b"ab", SEEN))),
    (b"UID REPLACE 2000 Drafts {0}\r\n", UIDReplace(2000, "Drafts", AppendMessage(b""))),
    (b"REPLACE * INBOX {1}\r\na", Replace(STAR, "inbox", AppendMessage(b"a"))),
]


@pytest.mark.parametrize(("wire", "command"), CASES)
def test_both_directions(wire: bytes, command: Command) -> None:
    assert parse_octets(b"a " + wire + b"\r\n") == command
    assert command_octets(command) == b"a " + wire + b"\r\n"


@pytest.mark.parametrize(
    "wire",
    [
        b"REPLACE 4 Drafts",
        b"REPLACE 0 x {1}\r\na",
        b"REPLACE 4294967296 x {1}\r\na",
        b"REPLACE 1:2 x {1}\r\na",
        b"REPLACE x {1}\r\na",
        b"REPLACE 1 x {1}\r\na {1}\r\nb",
        b'UID REPLACE 1 x "a"',
    ],
)
def test_what_is_no_command(wire: bytes) -> None:
    with pytest.raises(ParseError):
        parse_command(frame(b"a " + wire + b"\r\n"))


ATTACKS: list[Callable[[], object]] = [
    lambda: Replace(0, "x", AppendMessage(b"a")),
    lambda: UIDReplace(STAR + 1, "x", AppendMessage(b"a")),
    lambda: Replace(True, "x", AppendMessage(b"a")),
    lambda: Replace(1, "a\0", AppendMessage(b"a")),
    lambda: UIDReplace(1, "x", b"a"),  # type: ignore[arg-type]  # the mistake
]


@pytest.mark.parametrize("build", ATTACKS)
def test_attacks(build: Callable[[], object]) -> None:
    with pytest.raises(LocalProtocolError):
        build()


@given(st.integers(1, STAR), mailboxes, append_messages, st.sampled_from([Replace, UIDReplace]))
def test_round_trip(
    number: int, mailbox: str, message: AppendMessage, kind: type[Replace] | type[UIDReplace]
) -> None:
    command = TaggedCommand("a", kind(number, mailbox, message))
    assert parse_commands(serialize(command), strict=True) == [command]


@pytest.mark.parametrize(("wire", "command"), CASES)
def test_a_server_refuses_what_it_does_not_offer(wire: bytes, command: Command) -> None:
    check_refused(command, "REPLACE")


def small_server() -> IMAPServerConnection:
    limits = IMAPLimits(max_inline_literal=3, max_append=100)
    return selected_server(limits, capabilities=["IMAP4rev1", "REPLACE", "LITERAL+"])


@pytest.mark.parametrize(("name", "kind"), [(b"REPLACE", Replace), (b"UID REPLACE", UIDReplace)])
def test_a_large_message_streams(name: bytes, kind: type[Replace] | type[UIDReplace]) -> None:
    command = kind(4, "Drafts", AppendMessage(Streamed(5)))
    assert server_events(b"a " + name + b" 4 Drafts {5+}\r\nabcde\r\n", small_server) == [
        LiteralOffered("a", command, 0, 5, is_synchronizing=False),
        LiteralData(b"abcde"),
        LiteralEnded(5),
        TaggedCommand("a", command),
    ]


@pytest.mark.parametrize("name", [b"REPLACE", b"UID REPLACE"])
def test_what_is_larger_than_the_limit_is_refused(name: bytes) -> None:
    (event,) = feed(small_server(), b"a " + name + b" 4 Drafts {101}\r\n")
    assert isinstance(event, InvalidCommand)
    assert isinstance(event.status, No)
    assert event.status.code_name == "TOOBIG"


def test_it_is_legal_only_with_a_mailbox_selected() -> None:
    server = logged_in_server(capabilities=["IMAP4rev1", "REPLACE", "LITERAL+"])
    (event,) = feed(server, b"a REPLACE 1 x {1+}\r\na\r\n")
    assert isinstance(event, InvalidCommand)


def test_a_server_may_expunge_while_it_replaces() -> None:
    server = selected_server(capabilities=["IMAP4rev1", "REPLACE", "LITERAL+"])
    feed(server, b"a REPLACE 4 x {1+}\r\na\r\n")
    server.send(ExpungeData(4))
    server.complete("a", Ok("Replace completed"))
    assert sent(server) == b"* 4 EXPUNGE\r\na OK Replace completed\r\n"


def test_numbers_do_not_pass_what_may_expunge() -> None:
    command = Replace(1, "x", AppendMessage(b"a"))
    assert conflict(command, [Noop()]) is not None
    assert conflict(command, [command]) is not None
    assert conflict(UIDReplace(1, "x", AppendMessage(b"a")), [Noop()]) is None


def test_a_client_replaces() -> None:
    line = Line()
    line.conn.receive_data(b"* CAPABILITY IMAP4rev1 REPLACE\r\n")
    task = line.start(replace(line.session, UIDReplace, 2000, "Drafts", io.BytesIO(b"new"), ["\\Draft"]))
    assert line.sent() == [b"A2 UID REPLACE 2000 Drafts (\\Draft) {3}"]
    line.feed(b"+ go")
    assert line.sent() == [b"new"]
    line.feed(
        b"* OK [APPENDUID 1 2001] Replacement Message ready", b"* 3 EXPUNGE", b"A2 OK Replace completed"
    )
    assert task.result == Appended(1, 2001)
    task = line.start(replace(line.session, Replace, 1, "Drafts", b"x"))
    line.feed(b"+ go", b"A3 OK done")
    assert task.result is None


@pytest.mark.parametrize("adapter", ADAPTERS)
@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda imap: imap.replace(4, "x", b"a\0", binary=True), b"REPLACE 4 x ~{2+}"),
        (lambda imap: imap.uid_replace(4, "x", b"\xc3\xa9", utf8=True), b"UID REPLACE 4 x UTF8 (~{2+}"),
    ],
)
def test_a_client_replaces_by_other_forms_of_a_message(
    adapter: str, call: Callable[[Any], Any], said: bytes
) -> None:
    offered = "BINARY LITERAL+ REPLACE UTF8=ACCEPT"
    _, lines = converse(adapter, offered, [b"{tag} OK done\r\n"], call)
    assert lines[0] == said


def test_what_is_not_offered_is_not_sent() -> None:
    line = Line()
    task = line.start(replace(line.session, Replace, 1, "x", b"a"))
    assert isinstance(task.error, LocalProtocolError)
    assert "REPLACE" in str(task.error)
    assert line.sent() == []
