"""CR, LF, NUL and `{n+}` in every argument of all that the tables know, found by looking into the values.

test_imap_injection.py names the arguments one by one; here each string of each value is replaced in turn, so
that an argument which an extension adds is attacked without being named.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mailproto.errors import LocalProtocolError, RemoteProtocolError
from mailproto.imap._response import NUMBERED_ROWS, RESPONSE_ROWS
from mailproto.imap.client import IMAPClientConnection
from mailproto.imap.codec import Opaque, parse_commands, parse_responses, serialize
from mailproto.imap.codes import CODES
from mailproto.imap.command import COMMANDS as REGISTERED
from mailproto.imap.commands import Noop, TaggedCommand
from mailproto.imap.fetch import ITEMS
from mailproto.imap.offering import CARRIED_CAPABILITIES
from mailproto.imap.responses import FetchData, TaggedStatus
from mailproto.imap.search import KEYS, SearchKey
from mailproto.imap.search_commands import KeyedCommand
from mailproto.imap.server import IMAPServerConnection
from mailproto.imap.status import Ok
from mailproto.imap.writer import LiteralForm
from mailproto.limits import IMAPLimits
from mailproto.wants import Wants
from support_imap import (
    client_events,
    feed,
    greeted_client,
    logged_in_client,
    selected_client,
    selected_server,
    sent,
    serve,
    server_events,
)
from support_imap_corpus import (
    COMMAND_LINES,
    RESPONSE_LINES,
    commands_in,
    copies,
    responses_in,
    transcripts,
)

EVIL = [
    "\r\nz NOOP",
    "x\ny",
    "x\ry",
    "\0",
    '"\r\nz NOOP',
    "{5}\r\nz NOOP",
    "x {5+}\r\nz NOOP",
    "{5+}",
    "é\r\n",
]

COMMANDS = commands_in(*COMMAND_LINES, *transcripts("C"))
RESPONSES = responses_in(*RESPONSE_LINES, *transcripts("S"))


def test_copies_change_one_argument_each() -> None:
    [command] = commands_in(b'a LIST "r" ("p" q) RETURN (STATUS (MESSAGES))\r\n')
    texts = [serialize(TaggedCommand("a", copy())) for copy in copies(command, "evil")]
    assert texts == [
        b"a LIST evil (p q) RETURN (STATUS (MESSAGES))\r\n",
        b"a LIST r (evil q) RETURN (STATUS (MESSAGES))\r\n",
        b"a LIST r (p evil) RETURN (STATUS (MESSAGES))\r\n",
        b"a LIST r (p q) RETURN (STATUS (EVIL))\r\n",
    ]


def keys_in(key: SearchKey) -> Iterator[str]:
    yield getattr(key, "name", "")
    for child in key.children:
        yield from keys_in(child)


def test_nothing_that_a_table_knows_is_without_a_value() -> None:
    searches = [command for command in COMMANDS if isinstance(command, KeyedCommand)]
    fetched = [response for response in RESPONSES if isinstance(response, FetchData)]
    statuses = [getattr(response, "status", response) for response in RESPONSES]
    assert set(REGISTERED) <= {command.name for command in COMMANDS}
    assert set(KEYS) <= {name for command in searches for name in keys_in(command.key)}
    assert {*RESPONSE_ROWS, *NUMBERED_ROWS} <= {getattr(response, "name", "") for response in RESPONSES}
    assert set(ITEMS) <= {key for data in fetched for key in data.keys}
    assert set(CODES) <= {getattr(status, "code_name", None) for status in statuses}


def check_command(command: Any, utf8: bool) -> None:
    """Assert that *command* is refused, or stands in its line alone and is read as what it is."""
    try:
        octets = serialize(TaggedCommand("a", command), utf8=utf8)
    except LocalProtocolError:
        return
    [read, behind] = parse_commands(octets + b"y NOOP\r\n", utf8=utf8)
    assert isinstance(read, TaggedCommand)
    assert serialize(read, utf8=utf8) == octets
    assert behind == TaggedCommand("y", Noop())


@pytest.mark.parametrize("utf8", [False, True])
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: str(command.name))
def test_every_argument_of_every_command(command: Any, utf8: bool) -> None:
    for evil in EVIL:
        for copy in copies(command, evil):
            try:
                changed = copy()
            except LocalProtocolError:
                continue
            check_command(changed, utf8)


@pytest.mark.parametrize("utf8", [False, True])
@pytest.mark.parametrize("response", RESPONSES, ids=lambda response: type(response).__name__)
def test_every_argument_of_every_response(response: Any, utf8: bool) -> None:
    for evil in EVIL:
        for copy in copies(response, evil):
            try:
                changed = copy()
                octets = serialize(changed, utf8=utf8)
            except LocalProtocolError:
                continue
            [read, behind] = parse_responses(octets + b"y OK x\r\n", utf8=utf8)
            assert not isinstance(read, Opaque)
            assert type(read) is type(changed)
            assert serialize(read, utf8=utf8) == octets
            assert behind == TaggedStatus("y", Ok("x"))


# The same on the wire, cut at every octet


HIDDEN = "x {5+}\r\nz NOOP"


def full_server() -> IMAPServerConnection:
    return selected_server(capabilities=tuple(CARRIED_CAPABILITIES))


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: str(command.name))
def test_no_cut_makes_a_command_of_an_argument(command: Any) -> None:
    for copy in copies(command, HIDDEN):
        try:
            octets = serialize(TaggedCommand("a", copy()), literal_form=LiteralForm.PLUS)
        except LocalProtocolError:
            continue
        if HIDDEN.encode() in octets:
            events = server_events(octets + b"y NOOP\r\n", full_server)
            assert {getattr(event, "tag", "a") for event in events} <= {"a", "y"}


@pytest.mark.parametrize("response", RESPONSES, ids=lambda response: type(response).__name__)
def test_no_cut_makes_a_response_of_an_argument(response: Any) -> None:
    if isinstance(response, TaggedStatus):
        # It answers nothing here, and has no string that could be a literal.
        return
    for copy in copies(response, "x {9}\r\n* 9 EXISTS"):
        try:
            octets = serialize(copy())
        except LocalProtocolError:
            continue
        if b"* 9 EXISTS" in octets:
            events = client_events(octets + b"* 3 RECENT\r\n", logged_in_client)
            assert "EXISTS" not in [getattr(event, "name", "") for event in events]
            assert getattr(events[-1], "name", "") == "RECENT"


STRANGE = [b"\0", b"\r", b"\n", b"\r\n", b"{3+}\r\n", b"{3}\r\n"]


@pytest.mark.parametrize("strange", STRANGE, ids=repr)
@pytest.mark.parametrize("line", COMMAND_LINES, ids=repr)
def test_octets_that_no_argument_may_have(line: bytes, strange: bytes) -> None:
    """At each place of each command: what is read can be said again, or is refused."""
    limits = IMAPLimits(max_bad_commands=10**9)
    for at in range(len(line)):
        server = selected_server(limits, capabilities=tuple(CARRIED_CAPABILITIES))
        try:
            events = serve(server, line[:at] + strange + line[at:])
        except RemoteProtocolError:
            assert (server.wants, server.buffered) == (Wants.CLOSED, 0)
            continue
        for event in events:
            if isinstance(event, TaggedCommand) and "Streamed" not in repr(event):
                octets = serialize(event, utf8=server.is_utf8)
                assert parse_commands(octets, utf8=server.is_utf8, exchanges=1)[0] == event


# A literal that needs no consent


# Some octets, and more than LITERAL- may have without consent.
TEXTS = ("x\r\ny", "y\r\n" + "y" * 6_000)
NONSYNC = re.compile(rb"\{[0-9]+\+\}\r\n")
FORMS = [
    (LiteralForm.SYNCHRONIZING, 0),
    (LiteralForm.MINUS, 4_096),
    (LiteralForm.PLUS, 10**9),
]


@pytest.mark.parametrize("form, most", FORMS, ids=lambda value: str(value))
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: str(command.name))
def test_a_literal_goes_without_consent_only_as_was_offered(
    command: Any, form: LiteralForm, most: int
) -> None:
    for text in TEXTS:
        for copy in copies(command, text):
            try:
                octets = serialize(TaggedCommand("a", copy()), literal_form=form)
            except LocalProtocolError:
                continue
            for mark in NONSYNC.findall(octets):
                assert int(mark[1:-4]) <= most


OFFERED = " ".join(name for name in CARRIED_CAPABILITIES if not name.startswith(("LITERAL", "IMAP4rev2")))
OFFERS: dict[str, tuple[Callable[[], IMAPClientConnection], int]] = {
    "not told yet": (lambda: greeted_client(b"* PREAUTH hi\r\n"), 0),
    "neither": (lambda: selected_client(OFFERED), 0),
    "LITERAL-": (lambda: selected_client(f"{OFFERED} LITERAL-"), 4_096),
    "LITERAL+": (lambda: selected_client(f"{OFFERED} LITERAL+"), 10**9),
}
WAITING = re.compile(rb"~?\{[0-9]+\}\r\n\Z")


@pytest.mark.parametrize("offer", OFFERS)
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: str(command.name))
def test_a_client_waits_for_consent_unless_it_was_offered(command: Any, offer: str) -> None:
    """Line by line: behind each mark without consent nothing is said until the server says +."""
    make, most = OFFERS[offer]
    for text in TEXTS:
        for copy in copies(command, text):
            client = make()
            try:
                client.send_command(copy(), "a")
            except LocalProtocolError:
                continue
            said = sent(client)
            while WAITING.search(said):
                check_marks(said, most)
                feed(client, b"+ \r\n")
                said = sent(client)
            check_marks(said, most)


def check_marks(said: bytes, most: int) -> None:
    assert all(int(mark[1:-4]) <= most for mark in NONSYNC.findall(said))
    # A mark that waits is the last that is said.
    assert all(mark.end() == len(said) for mark in re.finditer(rb"\{[0-9]+\}\r\n", said))
