"""Whatever octets come: the documented errors, bounded memory, linear time, and the next connection works."""

from __future__ import annotations

import random
import time
import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.errors import LimitExceeded, RemoteProtocolError
from mailproto.imap.client import IMAPClientConnection
from mailproto.imap.codec import parse_commands, parse_responses
from mailproto.imap.command import COMMANDS as REGISTERED
from mailproto.imap.commands import Authenticate, Logout, Noop, TaggedCommand
from mailproto.imap.events import ConnectionLost, IdleDone, InvalidCommand, SASLResponse
from mailproto.imap.ext.idle import Idle
from mailproto.imap.offering import CARRIED_CAPABILITIES
from mailproto.imap.responses import FetchData, UnknownData, UnreadResponse
from mailproto.imap.server import IMAPServerConnection, ServerEvent
from mailproto.limits import IMAPLimits
from mailproto.wants import Wants
from support_imap import (
    complete,
    feed,
    greeted_client,
    greeted_server,
    logged_in_client,
    logged_in_server,
    pull,
    selected_client,
    selected_server,
    sent,
)

MIB = 1_048_576
COMMANDS = [
    b"a LOGIN {4}\r\nfred {4+}\r\npass\r\n",
    b"a AUTHENTICATE PLAIN\r\nAHUAcA==\r\n",
    b"a STARTTLS\r\n",
    b"a LOGOUT\r\n",
    b"a SELECT INBOX\r\n",
    b"a APPEND x (\\Seen) {30+}\r\n" + b"m" * 30 + b"\r\n",
    b'a SEARCH CHARSET UTF-8 OR TEXT {3}\r\nabc NOT (1:5 FROM "x")\r\n',
    b"a UID FETCH 1:* (FLAGS BODY.PEEK[HEADER.FIELDS (To {2}\r\nCc)]<0.10>)\r\n",
    b"a STORE 1,3:* -FLAGS.SILENT (\\Deleted x)\r\n",
    b'a LIST "" {1+}\r\n%\r\n',
    b"a IDLE\r\nDONE\r\n",
    b'a ID ("name" "x" "version" NIL)\r\n',
    b"a XYZZY (a (b {1}\r\nc) NIL) 5\r\n",
    b"a CAPABILITY\r\n",
    b"a NOOP\r\n",
    b"a CHECK\r\n",
    b"a CLOSE\r\n",
    b"a UNSELECT\r\n",
    b"a EXPUNGE\r\n",
    b"a NAMESPACE\r\n",
    b"a EXAMINE {3}\r\na b\r\n",
    b'a CREATE "a&-b"\r\n',
    b"a DELETE {3+}\r\nfoo\r\n",
    b"a RENAME {3}\r\nfoo {4+}\r\nbars\r\n",
    b"a SUBSCRIBE #news\r\n",
    b'a UNSUBSCRIBE "#news"\r\n',
    b'a LSUB {1}\r\n# "*"\r\n',
    b"a STATUS {3}\r\nfoo (MESSAGES UIDNEXT)\r\n",
    b"a FETCH 2:4 (ENVELOPE BODY[1.2.MIME])\r\n",
    b"a UID SEARCH UID 1:* SENTSINCE 1-Feb-1994\r\n",
    b"a UID STORE 1 FLAGS \\Seen x\r\n",
    b"a COPY 1:* {3}\r\nfoo\r\n",
    b"a UID COPY 1:* foo\r\n",
    b"a MOVE 1 {3+}\r\nfoo\r\n",
    b"a UID MOVE 1 foo\r\n",
    b"a UID EXPUNGE 1:3\r\n",
    b"a ENABLE CONDSTORE X-Y\r\n",
    b"a APPEND x (\\Seen) ~{30+}\r\n" + b"m\0" * 15 + b"\r\n",
    b"a APPEND x {3+}\r\nabc CATENATE (URL {3+}\r\nfoo TEXT {30+}\r\n" + b"m" * 30 + b")\r\n",
    b"a APPEND x UTF8 (~{30+}\r\n" + b"m" * 30 + b")\r\n",
    b'a ENABLE UTF8=ACCEPT\r\nb CREATE "\xc3\xa9"\r\n',
    b"a REPLACE 4 x {30+}\r\n" + b"m" * 30 + b"\r\n",
    b"a UID REPLACE * x (\\Seen) {3}\r\nabc\r\n",
    b"a FETCH 1 (BINARY.PEEK[1.2]<0.5> BINARY.SIZE[1])\r\n",
    b'a XLIST "" {1+}\r\n%\r\n',
    b"a COMPRESS DEFLATE\r\n",
    b"a UID STORE 1:* +X-GM-LABELS (\\Inbox {3+}\r\na b)\r\n",
    b"a RESETKEY {3}\r\na b INTERNAL XSAMPLE\r\n",
    b'a GENURLAUTH "imap://joe@h/m/;uid=20;urlauth=submit+fred" INTERNAL {3+}\r\na b X\r\n',
    b'a URLFETCH "imap://joe@h/m/;uid=20;urlauth=submit+fred:internal:0123" {3}\r\na b\r\n',
    b"a UNAUTHENTICATE\r\n",
    b'a RLIST {1+}\r\nx "*"\r\n',
    b'a RLSUB "" {1}\r\n%\r\n',
    b'a LANGUAGE {2+}\r\nde "default"\r\n',
    b'a COMPARATOR "cz;*" {7}\r\ni;basic\r\n',
    b"a GETJMAPACCESS\r\n",
    b"a GETQUOTA {3}\r\na b\r\n",
    b"a GETQUOTAROOT {3+}\r\na b\r\n",
    b'a SETQUOTA "" (STORAGE 512 MESSAGE 5)\r\n',
    b"a SETACL x {3+}\r\na b +lr\r\n",
    b"a DELETEACL x {3+}\r\na b\r\n",
    b"a GETACL {3}\r\na b\r\n",
    b"a LISTRIGHTS {3+}\r\na b y\r\n",
    b"a MYRIGHTS x\r\n",
    b'a GETMETADATA (MAXSIZE 5 X (a {1+}\r\nb) DEPTH 1) "" (/a {4+}\r\n/a b)\r\n',
    b"a STORE 1 ANNOTATION (/a (value.priv {30+}\r\n"
    + b"n" * 30
    + b' value.shared ~{3+}\r\n\0\0\0 x.priv "y"))\r\n',
    b"a APPEND x ANNOTATION (/a (value.priv {30+}\r\n"
    + b"n" * 30
    + b" value.shared NIL)) {30+}\r\n"
    + b"m" * 30
    + b"\r\n",
    b'a FETCH 1 (ANNOTATION ((/% "/a b" *) (value {4+}\r\nsize)))\r\n',
    b'a SORT (REVERSE ANNOTATION {2+}\r\n/a value.priv) UTF-8 ANNOTATION /% value "x"\r\n',
    b"a SETMETADATA x (/a {30+}\r\n" + b"m" * 30 + b" /b ~{3+}\r\n\0\0\0 /c NIL)\r\n",
    b"a SELECT {3}\r\nfoo (QRESYNC (1 2 1:5 (1:2 7:8)) X-Y (a {1}\r\nb))\r\n",
    b"a SORT RETURN (COUNT PARTIAL 1:5) (REVERSE DATE) UTF-8 TEXT {1}\r\nx\r\n",
    b"a UID SORT (SUBJECT) US-ASCII ALL\r\n",
    b"a THREAD REFERENCES UTF-8 FROM {3}\r\nfoo\r\n",
    b"a UID THREAD REFERENCES UTF-8 ALL\r\n",
    b"a ESEARCH IN (mailboxes ({3}\r\nfoo bar) personal) RETURN (ALL) ALL\r\n",
    b'a CANCELUPDATE "b" "c"\r\n',
    b'a LIST (SUBSCRIBED X (a)) "" ({3}\r\nfoo %) RETURN (STATUS (MESSAGES) METADATA (/a {2}\r\n/b))\r\n',
    b"a CREATE {3}\r\nfoo (USE (\\Sent \\X))\r\n",
]
RESPONSES = [
    b'* 12 FETCH (FLAGS (\\Seen) UID 4 ENVELOPE ("d" "s" (("a" NIL "b" "c")) '
    b'NIL NIL NIL NIL NIL NIL "i"))\r\n',
    b"* 12 FETCH (BODY[1.TEXT]<0> {30}\r\n" + b"m" * 30 + b" UID 3)\r\n",
    b'* LIST (\\Noselect) "/" {3}\r\na/b\r\n',
    b"* OK [BADCHARSET ({5}\r\nUTF-8)] {3}\r\n",
    b'* ESEARCH (TAG "a" MAILBOX {3}\r\nfoo) UID ALL 1:5 ADDTO (0 7) X (a)\r\n* VANISHED (EARLIER) 1:5\r\n',
    b'* LIST () "/" foo ("CHILDINFO" ("SUBSCRIBED") OLDNAME ({1}\r\na) X (b))\r\n',
    b"* THREAD (2)(3 6 (4 23)(44 7 96))\r\n* SORT 5 3 (MODSEQ 9)\r\n",
    b"* SEARCH 1 2 3\r\n* 5 EXPUNGE\r\n+ go\r\n",
    b"A1 NO [ALERT] no\r\n",
    b'* QUOTA "" (STORAGE 10 512)\r\n* QUOTAROOT {3}\r\na b ""\r\n',
    b'* ACL x {3}\r\na b lr\r\n* LISTRIGHTS x y "" l r\r\n* MYRIGHTS x lr\r\n',
    b"* 1 FETCH (ANNOTATION (/a (value.priv {30}\r\n"
    + b"n" * 30
    + b' size.priv "30") /b (value.priv NIL)))\r\n'
    b"* 2 FETCH (ANNOTATION (/a /b) FLAGS ())\r\n* OK [ANNOTATIONS 20480 NOPRIVATE] x\r\n",
    b"* METADATA x (/a {30}\r\n" + b"m" * 30 + b' /b ~{3}\r\n\0\0\0 /c "x")\r\n* METADATA "" /a /b\r\n',
    b'* URLFETCH "imap://h/m/;uid=1" {30}\r\n' + b"m" * 30 + b' b NIL\r\n* GENURLAUTH "a b" c\r\n',
    b'* LANGUAGE (EN {2}\r\nDE)\r\n* COMPARATOR i;basic ("x")\r\n* JMAPACCESS "https://x/"\r\n',
    b'* OK [INPROGRESS ("a" 5 9)] x\r\n* BYE [REFERRAL imap://x/ imap://y/] z\r\n',
    b"* OK [URLMECH INTERNAL XSAMPLE=P34OKhO7VEkCbsiYY8rGEg==] done\r\n",
    b"A1 NO [METADATA MAXSIZE 5] no\r\n",
    b"A1 NO [ANNOTATE TOOBIG] no\r\n",
    b"* 12 FETCH (BINARY[1]<0> ~{30}\r\n" + b"m\0" * 15 + b" BINARY.SIZE[1] 30)\r\n",
]


def answer(server: IMAPServerConnection, event: ServerEvent) -> None:
    """Answer as a server would, and leave where the client says LOGOUT or the end of an exchange."""
    match event:
        case TaggedCommand(command=Authenticate()):
            server.challenge(b"")
        case TaggedCommand(command=Idle()):
            server.accept_idle()
        case TaggedCommand(command=Logout()) | SASLResponse() | IdleDone():
            server.abort()
        case _:
            complete(server, event)


def serve(server: IMAPServerConnection, *pieces: bytes) -> list[ServerEvent]:
    events: list[ServerEvent] = []
    for piece in pieces:
        server.receive_data(piece)
        while (event := server.next_event()) is not None:
            events.append(event)
            answer(server, event)
    return events


def small_server() -> IMAPServerConnection:
    capabilities = (*CARRIED_CAPABILITIES, "AUTH=PLAIN")
    return greeted_server(IMAPLimits(max_inline_literal=20), capabilities=capabilities)


def small_selected_server() -> IMAPServerConnection:
    return selected_server(IMAPLimits(max_inline_literal=20), capabilities=tuple(CARRIED_CAPABILITIES))


def test_every_command_is_in_the_table() -> None:
    values = [parse_commands(octets, exchanges=1)[0] for octets in COMMANDS]
    assert {value.command.name for value in values if isinstance(value, TaggedCommand)} == {
        *REGISTERED,
        "XYZZY",
    }


@pytest.mark.parametrize(
    "make",
    [small_server, small_selected_server],
    ids=["not authenticated", "selected"],
)
@pytest.mark.parametrize("command", COMMANDS, ids=repr)
def test_every_command_cut_at_every_octet_and_then_the_end(
    command: bytes, make: Callable[[], IMAPServerConnection]
) -> None:
    for at in range(len(command) + 1):
        server = make()
        serve(server, command[:at])
        server.receive_eof()
        events = pull(server)
        while server.wants is Wants.REPLY:
            server.abort()
        assert [type(event) for event in events] in ([ConnectionLost], [])
        assert server.wants in (Wants.CLOSED, Wants.TLS)


@pytest.mark.parametrize("response", RESPONSES, ids=repr)
def test_every_response_cut_at_every_octet_and_then_the_end(response: bytes) -> None:
    for at in range(len(response)):
        client = selected_client(limits=IMAPLimits(max_inline_literal=20))
        client.send_command(Noop(), "A1")
        client.send_unchecked(b"x\r\n")
        feed(client, response[:at])
        client.receive_eof()
        assert pull(client)[-1] == ConnectionLost(False)


OCTETS = st.one_of(
    st.binary(max_size=200),
    st.lists(
        st.sampled_from(
            [
                b"\r\n",
                b"\n",
                b" ",
                b"a",
                b"* ",
                b"+ ",
                b"{3}",
                b"{3+}",
                b"(",
                b")",
                b'"',
                b"\\",
                b"\0",
                b"\xff",
            ]
            + [
                b"1 FETCH (",
                b"BODY[",
                b"]",
                b"OK",
                b"NO [",
                b"LOGIN",
                b"UID ",
                b"APPEND x ",
                b"{30}\r\n",
                b"DONE",
            ]
        ),
        max_size=40,
    ).map(b"".join),
)


@given(st.lists(OCTETS, max_size=4), st.booleans(), st.booleans())
def test_random_octets_at_a_server(pieces: list[bytes], is_logged_in: bool, strict: bool) -> None:
    make = logged_in_server if is_logged_in else greeted_server
    server = make(IMAPLimits(max_inline_literal=20, max_line=300), strict=strict)
    try:
        serve(server, *pieces)
        server.receive_eof()
        serve(server, b"")
    except RemoteProtocolError:
        assert server.wants is Wants.CLOSED
    sent(server)


@given(st.lists(OCTETS, max_size=4), st.booleans())
def test_random_octets_at_a_client(pieces: list[bytes], strict: bool) -> None:
    client = logged_in_client(limits=IMAPLimits(max_inline_literal=20, max_line=300), strict=strict)
    client.send_command(Noop(), "a")
    try:
        feed(client, *pieces)
        client.receive_eof()
        assert isinstance(pull(client)[-1], ConnectionLost)
    except RemoteProtocolError:
        assert client.wants is Wants.CLOSED


@given(OCTETS)
def test_random_octets_at_the_codec(octets: bytes) -> None:
    parse_responses(octets)
    parse_commands(octets, exchanges=1)


@given(st.integers(0, 2**32))
def test_changed_octets_of_a_dialogue(seed: int) -> None:
    source = random.Random(seed)
    octets = bytearray(b"".join(RESPONSES) if seed % 2 else b"".join(COMMANDS))
    for _ in range(source.randrange(1, 6)):
        octets[source.randrange(len(octets))] = source.choice(b'\r\n {}()"\\\0\xff19[]')
    try:
        if seed % 2:
            client = selected_client()
            client.send_unchecked(b"A1 X\r\n", replies=9)
            feed(client, bytes(octets))
        else:
            serve(small_selected_server(), bytes(octets))
    except RemoteProtocolError:
        pass


def test_two_thousand_parentheses() -> None:
    server = selected_server()
    nested = b"(" * 2_000
    for command in (b"SEARCH ", b"XYZZY ", b"FETCH 1 ", b"STORE 1 FLAGS ", b"ID ", b"APPEND x "):
        (event,) = feed(server, b"a " + command + nested + b")" * 2_000 + b"\r\n")
        assert isinstance(event, InvalidCommand)
        server.complete("a", event.status)
    (event,) = feed(server, b"a SEARCH " + b"NOT " * 2_000 + b"ALL\r\n")
    assert isinstance(event, InvalidCommand)
    client = selected_client()
    for start in (b"* 1 FETCH (BODYSTRUCTURE ", b"* 1 FETCH (ENVELOPE ", b"* 1 FETCH (X ", b"* X "):
        (response,) = feed(client, start + nested + b")" * 2_001 + b"\r\n")
        assert isinstance(response, FetchData | UnreadResponse | UnknownData)
        assert response.defects
    assert feed(client, b"* OK x\r\n")


@pytest.mark.parametrize("octet", [b"a", b"\0", b"(", b'"', b"{", b"\r"])
def test_ten_mebibytes_without_a_line_end(octet: bytes) -> None:
    for make in (greeted_server, greeted_client):
        conn = make()
        chunk = octet * 65_536
        tracemalloc.start()
        with pytest.raises(LimitExceeded):
            for _ in range(160):
                conn.receive_data(chunk)
                conn.next_event()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < MIB
        assert conn.wants is Wants.CLOSED
        conn.receive_data(chunk)
        assert conn.buffered == 0
    assert isinstance(serve(greeted_server(), b"a NOOP\r\n")[0], TaggedCommand)


def test_ten_mebibytes_at_once_without_a_line_end() -> None:
    server = greeted_server()
    server.receive_data(b"a" * (10 * MIB))
    with pytest.raises(LimitExceeded):
        server.next_event()
    assert (server.buffered, sent(server)) == (0, b"* BYE max_line: 10485760 is more than 8192\r\n")


@pytest.mark.parametrize(
    "command", [b"a NO\0OP\r\n", b"a LOGIN x\0 y\r\n", b'a LOGIN "\0" y\r\n', b"a LOGIN {1+}\r\n\0 x\r\n"]
)
def test_nul_is_a_bad_command(command: bytes) -> None:
    server = greeted_server()
    (event,) = feed(server, command)
    assert isinstance(event, InvalidCommand)
    server.complete(event.tag, event.status)
    assert feed(server, b"b NOOP\r\n") == [TaggedCommand("b", Noop())]


def test_many_short_lines_take_linear_time() -> None:
    def seconds(count: int) -> float:
        client = logged_in_client()
        client.receive_data(b"* 1 EXISTS\r\n" * count)
        start = time.process_time()
        for _ in iter(client.next_event, None):
            pass
        return time.process_time() - start

    seconds(1_000)
    assert seconds(40_000) < 12 * seconds(10_000)


def test_a_line_in_single_octets_takes_linear_time() -> None:
    client = IMAPClientConnection()
    start = time.process_time()
    for octet in [b"x"] * 60_000:
        client.receive_data(octet)
        assert client.next_event() is None
    assert time.process_time() - start < 5


def test_a_hostile_view_costs_what_was_sent() -> None:
    client = selected_client(exists=2**32 - 1)
    tracemalloc.start()
    feed(client, b"* 4294967295 FETCH (UID 4294967295)\r\n* 4294967294 EXPUNGE\r\n")
    for number in range(2, 10_000, 2):
        feed(client, b"* %d FETCH (UID %d)\r\n" % (number, number))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < MIB
