from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto._secret import Secret
from mailproto.address import NULL_PATH, Mailbox, Path
from mailproto.errors import Defect, LocalProtocolError
from mailproto.limits import SMTPLimits
from mailproto.smtp import (
    EXTENSIONS,
    HOST_ACCEPTS_NO_MAIL,
    Auth,
    BodyData,
    BodyEnded,
    ChunkEnded,
    ConnectionLost,
    Data,
    Ehlo,
    Extension,
    Helo,
    InvalidCommand,
    Lhlo,
    Mail,
    Noop,
    Parameters,
    Quit,
    Rcpt,
    Reply,
    Rset,
    SASLResponse,
    ServerEvent,
    SMTPServerConnection,
    StartTLS,
    State,
    UnknownCommand,
)
from mailproto.smtp.data import NewlinePolicy
from mailproto.wants import Wants
from support_smtp import greeted_server, ready_server, sent, serve
from support_split import for_every_split

A, B = (Path(Mailbox(name, "x.example")) for name in "ab")
ENVELOPE = b"MAIL FROM:<a@x.example>\r\nRCPT TO:<b@x.example>\r\nDATA\r\n"


def server(
    limits: SMTPLimits | None = None,
    *,
    lmtp: bool = False,
    strict: bool = False,
    newlines: NewlinePolicy = "reject",
    mechanisms: tuple[str, ...] = ("PLAIN", "LOGIN"),
    start_tls: bool = True,
    extensions: tuple[Extension, ...] = EXTENSIONS,
) -> SMTPServerConnection:
    return SMTPServerConnection(
        limits or SMTPLimits(),
        hostname="mx.example",
        lmtp=lmtp,
        strict=strict,
        newlines=newlines,
        auth_mechanisms=mechanisms,
        start_tls=start_tls,
        extensions=extensions,
    )


def invalid(events: list[ServerEvent]) -> list[tuple[str, int]]:
    return [(event.name, event.reply.code) for event in events if isinstance(event, InvalidCommand)]


def test_a_session_with_pipelining_cut_anywhere() -> None:
    octets = (
        b"EHLO me.example\r\nNOOP\r\n" + ENVELOPE + b"Subject: x\r\n\r\n..dot\r\n.\r\n"
        b"RSET\r\nmail from: <>\r\nRCPT TO:<b@x.example>\r\nDATA\r\n.\r\nQUIT\r\n"
    )

    def run(pieces: list[bytes]) -> list[ServerEvent]:
        conn = greeted_server(server())
        events = serve(conn, pieces)
        assert (conn.wants, conn.timeout) == (Wants.CLOSED, 300.0)
        assert sent(conn).endswith(b"354 \r\n250 \r\n221 \r\n")
        return events

    assert for_every_split(octets, run) == [
        Ehlo("me.example"), Noop(), Mail(A), Rcpt(B), Data(),
        BodyData(b"Subject: x\r\n\r\n.dot\r\n"), BodyEnded(20),
        Rset(), Mail(NULL_PATH), Rcpt(B), Data(), BodyEnded(0), Quit(),
    ]  # fmt: skip


def test_it_stops_until_the_answer() -> None:
    conn = server()
    conn.receive_data(b"EHLO a\r\nNOOP\r\n")
    assert (conn.next_event(), conn.wants, conn.timeout, conn.replies_due) == (None, Wants.REPLY, 300.0, 1)
    conn.send_reply(Reply(220))
    assert conn.next_event() == Ehlo("a")
    assert (conn.next_event(), conn.wants) == (None, Wants.REPLY)
    conn.send_reply(conn.ehlo_reply("hello"))
    assert conn.next_event() == Noop()
    conn.send_reply(Reply(250))
    assert (conn.next_event(), conn.wants, conn.timeout) == (None, Wants.DATA, 300.0)
    assert sent(conn) == (
        b"220 \r\n250-mx.example hello\r\n"
        b"250-PIPELINING\r\n250-SIZE 52428800\r\n250-8BITMIME\r\n250-CHUNKING\r\n250-STARTTLS\r\n"
        b"250-AUTH PLAIN LOGIN\r\n250-ENHANCEDSTATUSCODES\r\n250-LIMITS RCPTMAX=1000\r\n250 HELP\r\n250 \r\n"
    )
    assert conn.max_buffered == conn.limits.max_buffered
    assert conn.max_unsent == conn.limits.max_unsent
    assert conn.extensions.auth == ("PLAIN", "LOGIN")
    assert conn.hello == Ehlo("a")


def test_helo_gets_one_line() -> None:
    conn = greeted_server(server())
    assert serve(conn, [b"HELO a\r\n"]) == [Helo("a")]
    assert sent(conn) == b"250 mx.example\r\n"
    assert invalid(serve(conn, [b"MAIL FROM:<> SIZE=1\r\n", b"AUTH PLAIN\r\n"])) == [
        ("MAIL", 555),
        ("AUTH", 502),
    ]


GREETED, READY = greeted_server, ready_server
REFUSALS: list[tuple[str, Callable[[SMTPServerConnection], SMTPServerConnection], bytes, str]] = [
    ("nonsense", READY, b"\x01\x02", "500 5.5.2"),
    ("unknown", READY, b"XFOO bar", "500 5.5.1"),
    ("LHLO in SMTP", GREETED, b"LHLO a", "500 5.5.1"),
    ("syntax", READY, b"MAIL FRM:<>", "501 5.5.4"),
    ("path", READY, b"MAIL FROM:<a@@b>", "501 5.1.7"),
    ("MAIL before EHLO", GREETED, b"MAIL FROM:<>", "503 5.5.1"),
    ("AUTH before EHLO", GREETED, b"AUTH PLAIN", "503 5.5.1"),
    ("STARTTLS before EHLO", GREETED, b"STARTTLS", "503 5.5.1"),
    ("RCPT without MAIL", READY, b"RCPT TO:<a@b>", "503 5.5.1"),
    ("DATA without MAIL", READY, b"DATA", "503 5.5.1"),
    ("parameter", READY, b"MAIL FROM:<> FOO=1", "555 5.5.4"),
    ("parameter of another command", READY, b"RCPT TO:<a@b> SIZE=1", "503 5.5.1"),
    ("parameter not offered", READY, b"MAIL FROM:<> SMTPUTF8", "555 5.5.4"),
    ("too big", READY, b"MAIL FROM:<> SIZE=1001", "552 5.3.4"),
    ("not ASCII", READY, "MAIL FROM:<jürgen@x.example>".encode(), "550 5.6.7"),
    ("STARTTLS with an argument", READY, b"STARTTLS now", "501 5.5.4"),
    ("AUTH mechanism", READY, b"AUTH CRAM-MD5", "504 5.5.4"),
    ("AUTH base64", READY, b"AUTH PLAIN AA", "501 5.5.2"),
    ("too long", READY, b"NOOP " + b"x" * 600, "500 5.5.2"),
    ("too long AUTH", READY, b"AUTH PLAIN " + b"A" * 20_000, "500 5.5.2"),
]


@pytest.mark.parametrize(
    "make, line, start", [case[1:] for case in REFUSALS], ids=[case[0] for case in REFUSALS]
)
def test_refusals_by_the_table(
    make: Callable[[SMTPServerConnection], SMTPServerConnection], line: bytes, start: str
) -> None:
    limits = SMTPLimits(max_command_line=512, max_message=1_000)

    def run(pieces: list[bytes]) -> list[ServerEvent]:
        return serve(make(server(limits)), pieces)

    event, after = for_every_split(line + b"\r\nNOOP\r\n", run)
    assert after == Noop()
    assert isinstance(event, InvalidCommand)
    assert event.reply.serialize().startswith(start.encode())
    assert len(event.excerpt) <= 40


TRANSACTION_REFUSALS = [
    (b"MAIL FROM:<>\r\nMAIL FROM:<>\r\n", [("MAIL", 503)]),
    (b"MAIL FROM:<>\r\nDATA\r\n", [("DATA", 554)]),
    (b"MAIL FROM:<>\r\nAUTH PLAIN\r\n", [("AUTH", 503)]),
    (b"MAIL FROM:<>\r\nSTARTTLS\r\n", [("STARTTLS", 503)]),
    (b"MAIL FROM:<>\r\nRCPT TO:<a@b> SIZE=1\r\n", [("RCPT", 555)]),
    (b"MAIL FROM:<>\r\nRCPT TO:<>\r\n", [("RCPT", 501)]),
    ("MAIL FROM:<>\r\nRCPT TO:<jürgen@b>\r\n".encode(), [("RCPT", 553)]),
    (b"MAIL FROM:<>\r\n" + b"RCPT TO:<a@b>\r\n" * 3, [("RCPT", 452)]),
    (b"AUTH PLAIN AA==\r\nAUTH PLAIN AA==\r\n", [("AUTH", 503)]),
]


@pytest.mark.parametrize("octets, expected", TRANSACTION_REFUSALS)
def test_refusals_in_a_transaction(octets: bytes, expected: list[tuple[str, int]]) -> None:
    limits = SMTPLimits(max_recipients=2)
    assert (
        invalid(for_every_split(octets, lambda pieces: serve(ready_server(server(limits)), pieces)))
        == expected
    )


def test_what_is_not_offered_is_not_implemented() -> None:
    conn = ready_server(server(mechanisms=(), start_tls=False))
    assert invalid(serve(conn, [b"AUTH PLAIN\r\nSTARTTLS\r\n"])) == [("AUTH", 502), ("STARTTLS", 502)]


def test_what_counts_is_what_the_reply_has_said() -> None:
    conn = greeted_server(server())
    conn.receive_data(b"EHLO a\r\nMAIL FROM:<> SIZE=1\r\n")
    assert conn.next_event() == Ehlo("a")
    conn.send_reply(Reply(250, ("mx", "8BITMIME")))
    event = conn.next_event()
    assert isinstance(event, InvalidCommand)
    assert event.reply.code == 555


def test_extensions_are_rows() -> None:
    row = Extension("XTHING", verbs=frozenset({"XTHING"}), parameters=(("RCPT", "XP"),))
    conn = ready_server(server(extensions=(*EXTENSIONS, row)))
    events = serve(conn, [b"XTHING a\r\nMAIL FROM:<>\r\nXTHING\r\nRCPT TO:<a@b> XP=1\r\n"])
    assert events == [
        UnknownCommand("XTHING", "a"),
        Mail(NULL_PATH),
        UnknownCommand("XTHING"),
        Rcpt(Path(Mailbox("a", "b")), Parameters([("XP", "1")])),
    ]
    assert conn.state is State.RECIPIENTS


def test_a_helo_does_not_break_off_what_was_refused() -> None:
    conn = ready_server(server())
    serve(conn, [b"MAIL FROM:<>\r\nRCPT TO:<a@b>\r\n"])
    conn.receive_data(b"EHLO again\r\n")
    assert conn.next_event() == Ehlo("again")
    conn.send_reply(Reply(550))
    assert (conn.state, conn.recipients) == (State.RECIPIENTS, 1)
    serve(conn, [b"EHLO again\r\n"])
    assert (conn.state, conn.recipients) == (State.READY, 0)


def test_a_budget_of_bad_commands() -> None:
    conn = ready_server(server(SMTPLimits(max_bad_commands=2)))
    events = serve(conn, [b"X1\r\nX2\r\nX3\r\nNOOP\r\n"])
    assert invalid(events) == [("X1", 500), ("X2", 500), ("X3", 421)]
    assert (len(events), conn.wants) == (3, Wants.CLOSED)
    assert sent(conn).endswith(b"421 4.7.0 too many bad commands\r\n")


def failing_logins(conn: SMTPServerConnection, octets: bytes, code: int) -> list[ServerEvent]:
    """Feed *octets*; answer AUTH and responses with *code*, whatever the table refuses as it says."""
    conn.receive_data(octets)
    events: list[ServerEvent] = []
    while (event := conn.next_event()) is not None:
        events.append(event)
        conn.send_reply(event.reply if isinstance(event, InvalidCommand) else Reply(code))
    return events


PLAIN_GUESS = b"AUTH PLAIN AGEAYg==\r\n"


@pytest.mark.parametrize("code, last", [(535, 421), (501, 421), (454, 235)])
def test_a_budget_of_bad_logins(code: int, last: int) -> None:
    conn = ready_server(server(SMTPLimits(max_bad_logins=3)))
    for _ in range(3):
        assert failing_logins(conn, PLAIN_GUESS, code)[-1] == Auth("PLAIN", Secret(b"\0a\0b"))
        assert conn.wants is Wants.DATA
    events = failing_logins(conn, PLAIN_GUESS + b"NOOP\r\n", 235 if last == 235 else 250)
    assert invalid(events) == ([("AUTH", 421)] if last == 421 else [])
    assert (conn.wants is Wants.CLOSED) is (last == 421)
    if last == 421:
        assert sent(conn).endswith(b"421 4.7.0 too many failed logins\r\n")


def test_a_login_refused_behind_a_challenge_counts_once() -> None:
    conn = ready_server(server(SMTPLimits(max_bad_logins=2)))
    for _ in range(2):
        failing_logins(conn, b"AUTH LOGIN\r\n", 334)
        failing_logins(conn, b"YQ==\r\n", 334)
        assert invalid(failing_logins(conn, b"YQ==\r\n", 535)) == []
    assert invalid(failing_logins(conn, b"AUTH LOGIN\r\n", 334)) == [("AUTH", 421)]


def test_tls_and_a_message_do_not_renew_the_budget_of_logins() -> None:
    limits = SMTPLimits(max_bad_logins=1)
    conn = ready_server(server(limits))
    failing_logins(conn, PLAIN_GUESS, 535)
    serve(conn, [b"STARTTLS\r\n", b"EHLO me\r\n" + ENVELOPE + b".\r\n"])
    assert invalid(failing_logins(conn, PLAIN_GUESS, 535)) == [("AUTH", 421)]


def test_what_pipelining_strands_does_not_count() -> None:
    conn = ready_server(server(SMTPLimits(max_bad_commands=1, max_message=10)))
    for _ in range(5):
        octets = b"MAIL FROM:<> SIZE=99\r\nRCPT TO:<a@b>\r\nRCPT TO:<a@b>\r\nDATA\r\n"
        assert [code for _, code in invalid(serve(conn, [octets]))] == [552, 503, 503, 503]


def test_an_accepted_message_clears_the_count() -> None:
    conn = ready_server(server(SMTPLimits(max_bad_commands=1)))
    for _ in range(5):
        assert invalid(serve(conn, [b"X\r\n" + ENVELOPE + b".\r\n"])) == [("X", 500)]


def test_a_line_of_a_reply_is_as_long_as_a_client_takes_at_most() -> None:
    conn = ready_server(server(SMTPLimits(max_reply_line=100)))
    conn.receive_data(b"NOOP\r\n")
    conn.next_event()
    for texts in (("x" * 95,), ("short", "x" * 95), ("x" * 95, "short")):
        with pytest.raises(LocalProtocolError, match="lines of at most 100 octets"):
            conn.send_reply(Reply(250, texts))
    assert sent(conn) == b""
    conn.send_reply(Reply(250, ("x" * 94, "y" * 94)))
    assert [len(line) for line in sent(conn).splitlines(keepends=True)] == [100, 100]


def test_too_long_a_line_takes_bounded_memory() -> None:
    conn = ready_server(server())
    for _ in range(1_000):
        conn.receive_data(b"x" * 10_000)
        assert conn.next_event() is None
        assert conn.buffered == 0
    assert invalid(serve(conn, [b"\r\nNOOP\r\n"])) == [("", 500)]


def test_too_big_a_message_is_read_and_refused() -> None:
    conn = ready_server(server(SMTPLimits(max_message=100)))
    serve(conn, [ENVELOPE])
    before = conn.progress
    assert serve(conn, [b"x" * 80, b"y" * 80]) == [BodyData(b"x" * 80), BodyData(b"y" * 20)]
    assert conn.progress == before
    for _ in range(100):
        assert serve(conn, [b"z" * 10_000]) == []
        assert conn.buffered == 0
    assert conn.progress > before
    assert invalid(serve(conn, [b"\r\n.\r\nNOOP\r\n"])) == [("message", 552)]
    assert conn.state is State.READY


@pytest.mark.parametrize("size, codes", [(98, []), (99, [("message", 552)])])
def test_the_limit_counts_octets_of_the_message(size: int, codes: list[tuple[str, int]]) -> None:
    octets = ENVELOPE + b"..\r\n" + b"x" * (size - 5) + b"\r\n.\r\n"
    conn = ready_server(server(SMTPLimits(max_message=98)))
    assert invalid(serve(conn, [octets])) == codes


def test_no_limit() -> None:
    conn = ready_server(server(SMTPLimits(max_message=0)))
    events = serve(conn, [b"MAIL FROM:<> SIZE=99999999999\r\nRCPT TO:<a@b>\r\nDATA\r\nx\r\n.\r\n"])
    assert events[-1] == BodyEnded(3)


@pytest.mark.parametrize("line, codes", [(b"x" * 10, []), (b"x" * 11, [("message", 500)])])
def test_lines_of_text_are_bounded_if_asked_for(line: bytes, codes: list[tuple[str, int]]) -> None:
    octets = ENVELOPE + b"a\r\n" + line + b"\r\nb\r\n.\r\n"

    def run(pieces: list[bytes]) -> list[ServerEvent]:
        return serve(ready_server(server(SMTPLimits(max_text_line=12))), pieces)

    assert invalid(for_every_split(octets, run)) == codes


def test_a_bare_newline_is_rejected() -> None:
    octets = ENVELOPE + b"a\nb\r\n.\r\n"
    rejected = for_every_split(octets, lambda pieces: serve(ready_server(server()), pieces))
    assert invalid(rejected) == [("message", 550)]


GIVEN: dict[NewlinePolicy, bytes] = {"pass": b"a\nb\r\n", "normalize": b"a\r\nb\r\n"}


@pytest.mark.parametrize("policy, data", GIVEN.items())
def test_a_bare_newline_that_the_policy_lets_in(policy: NewlinePolicy, data: bytes) -> None:
    octets = ENVELOPE + b"a\nb\r\n.\r\n"
    events = for_every_split(octets, lambda pieces: serve(ready_server(server(newlines=policy)), pieces))
    assert events[-2:] == [BodyData(data), BodyEnded(len(data))]
    ended = events[-1]
    assert isinstance(ended, BodyEnded)
    assert ended.defects == (Defect("bare-newline", 1),)
    strict = serve(ready_server(server(newlines=policy, strict=True)), [octets])
    assert invalid(strict) == [("message", 550)]


def test_an_unknown_policy() -> None:
    with pytest.raises(LocalProtocolError, match="expected reject, normalize or pass, got 'accept'"):
        server(newlines="accept")  # type: ignore[arg-type]  # what is tested


SIZES = {
    "as long as allowed": (b"12345678\r\n", []),
    "one octet too long": (b"123456789\r\n", [("message", 552)]),
    "dots that are stuffed do not count": (b"..2\r\n..6\r\n", []),
    "bare newlines count as they come": (b"\n\n\r4\n6\n8\r\n", []),
    "and no less": (b"\n\n\r4\n6\n89\r\n", [("message", 552)]),
}


@pytest.mark.parametrize("wire, codes", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("policy", ["normalize", "pass"])
def test_what_counts_as_the_size(wire: bytes, codes: list[object], policy: NewlinePolicy) -> None:
    """RFC 1870 section 5: CRLF counts, what dot-stuffing adds does not; the policy changes nothing of it."""
    limits = SMTPLimits(max_message=10)

    def run(pieces: list[bytes]) -> list[ServerEvent]:
        return serve(ready_server(server(limits, newlines=policy)), pieces)

    events = for_every_split(ENVELOPE + wire + b".\r\n", run)
    assert invalid(events) == codes
    given = [event.data for event in events if isinstance(event, BodyData)]
    ended = [event.size for event in events if isinstance(event, BodyEnded)]
    assert ended == ([] if codes else [len(b"".join(given))])


def test_a_chunk_without_a_bare_newline_passes_uncopied_under_each_policy() -> None:
    chunk = b"x" * 70 + b"\r\n"
    for policy in get_args(NewlinePolicy):
        conn = ready_server(server(newlines=policy))
        serve(conn, [ENVELOPE, b"\n"])
        for data in (chunk * 1_000, chunk * 1_000 + b"\r", b"\n" + chunk * 1_000):
            conn.receive_data(data)
            event = conn.next_event()
            assert isinstance(event, BodyData)
            assert event.data is data


def test_chunks_come_as_the_objects_that_they_are() -> None:
    conn = ready_server(server())
    serve(conn, [ENVELOPE])
    chunk = b"x" * 100_000
    conn.receive_data(chunk)
    event = conn.next_event()
    assert isinstance(event, BodyData)
    assert event.data is chunk


def test_one_octet_at_a_time_is_no_progress() -> None:
    conn = ready_server(server(SMTPLimits(min_body_progress=10)))
    serve(conn, [ENVELOPE])
    before = conn.progress
    serve(conn, [b"x"] * 9)
    assert conn.progress == before
    serve(conn, [b"x"])
    assert conn.progress == before + 1


@pytest.mark.parametrize(
    "line, defects",
    [
        (b"NOOP\n", ("bare-lf",)),
        (b"NOOP \n", ("trailing-white-space", "bare-lf")),
        (b"MAIL FROM: <>\r\n", ("space-before-path",)),
    ],
)
def test_defects_and_strict(line: bytes, defects: tuple[str, ...]) -> None:
    (event,) = serve(ready_server(server()), [line])
    assert not isinstance(event, InvalidCommand | ConnectionLost | BodyData | ChunkEnded)
    assert tuple(defect.rule for defect in event.defects) == defects
    (event,) = serve(ready_server(server(strict=True)), [line])
    assert isinstance(event, InvalidCommand)
    assert event.reply.code == 501


def test_tls_forgets() -> None:
    conn = ready_server(server())
    serve(conn, [b"AUTH PLAIN AA==\r\n"])
    assert conn.is_authenticated
    conn.receive_data(b"STARTTLS\r\n")
    assert conn.next_event() == StartTLS()
    conn.send_reply(Reply(220))
    assert (conn.wants, conn.timeout) == (Wants.TLS, 300.0)
    conn.tls_started()
    assert (conn.is_tls_active, conn.is_authenticated, conn.hello, conn.state) == (
        True,
        False,
        None,
        State.START,
    )
    serve(conn, [b"EHLO a\r\n"])
    assert not conn.extensions.start_tls
    conn.start_tls = True
    assert invalid(serve(conn, [b"STARTTLS\r\n"])) == [("STARTTLS", 503)]
    with pytest.raises(LocalProtocolError):
        conn.tls_started()


def test_implicit_tls() -> None:
    conn = server()
    conn.tls_started()
    ready_server(conn)
    assert conn.is_tls_active


def test_tls_declined() -> None:
    conn = ready_server(server())
    conn.receive_data(b"STARTTLS\r\nNOOP\r\n")
    assert conn.next_event() == StartTLS()
    conn.send_reply(Reply(454))
    assert (conn.next_event(), conn.dropped) == (Noop(), 0)


def test_auth_dialogue() -> None:
    octets = b"AUTH LOGIN\r\ndXNlcg==\r\n\r\nEHLO\r\n"
    shown: list[bytes] = []

    def run(pieces: list[bytes]) -> list[ServerEvent]:
        conn = ready_server(server())
        shown.clear()
        conn.trace = lambda direction, line: shown.append(line)
        events: list[ServerEvent] = []
        for piece in pieces:
            conn.receive_data(piece)
            while (event := conn.next_event()) is not None:
                events.append(event)
                responses = sum(isinstance(event, SASLResponse) for event in events)
                if isinstance(event, InvalidCommand):
                    conn.send_reply(event.reply)
                else:
                    conn.send_reply(Reply(235) if responses == 2 else Reply.of_challenge(b"x"))
        assert conn.is_authenticated
        return events

    events = for_every_split(octets, run)
    assert events[:3] == [Auth("LOGIN"), SASLResponse(Secret(b"user")), SASLResponse(Secret(b""))]
    assert invalid(events) == [("EHLO", 501)]
    assert b"".join(shown).startswith(b"AUTH LOGIN\r\n334 eA==\r\n***\r\n334 eA==\r\n***\r\n235 \r\nEHLO")


@pytest.mark.parametrize(
    "line, event, code",
    [
        (b"*\r\n", SASLResponse(None), 501),
        (b"!!!\r\n", None, 501),
        (b"A" * 13_000 + b"\r\n", None, 500),
    ],
)
def test_auth_that_fails(line: bytes, event: SASLResponse | None, code: int) -> None:
    conn = ready_server(server())
    conn.receive_data(b"AUTH PLAIN\r\n" + line + b"NOOP\r\n")
    assert conn.next_event() == Auth("PLAIN")
    conn.send_reply(Reply(334))
    got = conn.next_event()
    if event is None:
        assert isinstance(got, InvalidCommand)
        assert (got.excerpt, got.reply.code, got.name) == (b"***", code, "SASL response")
        conn.send_reply(got.reply)
    else:
        assert got == event
        conn.send_reply(Reply(code))
    assert (conn.state, conn.is_authenticated, conn.next_event()) == (State.READY, False, Noop())


def test_auth_strict_about_line_ends() -> None:
    conn = ready_server(server(strict=True))
    conn.receive_data(b"AUTH PLAIN\r\nAA==\n")
    conn.next_event()
    conn.send_reply(Reply(334))
    event = conn.next_event()
    assert isinstance(event, InvalidCommand)
    conn = ready_server(server())
    conn.receive_data(b"AUTH PLAIN\r\nAA==\n")
    conn.next_event()
    conn.send_reply(Reply(334))
    event = conn.next_event()
    assert isinstance(event, SASLResponse)
    assert event.defects == (Defect("bare-lf", 4, b"\n"),)


@pytest.mark.parametrize(
    "line",
    [
        b"AUTH PLAIN secret\r\n",
        b"auth plain secret x\r\n",
        b" AUTH PLAIN secret\r\n",
        b"AUTH\tPLAIN secret\r\n",
        b"AUTH PLAIN c2VjcmV0\r\n",
        b"AUTH PLAIN " + b"s" * 20_000 + b"\r\n",
    ],
)
def test_credentials_are_never_shown(line: bytes) -> None:
    conn = ready_server(server(mechanisms=()))
    shown: list[bytes] = []
    conn.trace = lambda direction, octets: shown.append(octets)
    conn.receive_data(line)
    event = conn.next_event()
    assert isinstance(event, InvalidCommand)
    assert event.excerpt == b"AUTH ***"
    assert b"secret" not in b"".join(shown)
    assert b"c2Vj" not in b"".join(shown)
    assert "secret" not in repr(event)


def test_lmtp() -> None:
    conn = ready_server(server(lmtp=True))
    assert conn.is_lmtp
    assert conn.hello == Lhlo("me.example")
    assert invalid(serve(conn, [b"EHLO a\r\nHELO a\r\n"])) == [("EHLO", 500), ("HELO", 500)]
    assert invalid(serve(conn, [b"MAIL FROM:<>\r\nDATA\r\nRSET\r\n"])) == [("DATA", 503)]
    serve(conn, [b"MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nRCPT TO:<b@b>\r\nDATA\r\n"])
    conn.receive_data(b".\r\nNOOP\r\n")
    assert conn.next_event() == BodyEnded(0)
    assert conn.replies_due == 2
    conn.send_reply(Reply(250))
    assert (conn.next_event(), conn.wants) == (None, Wants.REPLY)
    conn.send_reply(Reply(550))
    assert conn.next_event() == Noop()
    assert conn.recipients == 0


def test_lmtp_refuses_a_message_for_each_recipient() -> None:
    conn = ready_server(server(lmtp=True))
    serve(conn, [b"MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nRCPT TO:<b@b>\r\nDATA\r\n"])
    sent(conn)
    assert invalid(serve(conn, [b"\n\r\n.\r\n"])) == [("message", 550)]
    assert sent(conn).count(b"550 5.6.0") == 2


BAD_REPLIES = [
    (b"NOOP\r\n", 354), (b"MAIL FROM:<>\r\n", 354), (b"X\r\n", 354), (b"AUTH PLAIN\r\n", None),
]  # fmt: skip


@pytest.mark.parametrize("line, code", BAD_REPLIES)
def test_replies_that_are_no_answer(line: bytes, code: int | None) -> None:
    conn = ready_server(server())
    conn.receive_data(line)
    conn.next_event()
    if code is not None:
        with pytest.raises(LocalProtocolError, match="354 is no answer to it"):
            conn.send_reply(Reply(code))
    assert (conn.wants, conn.unsent) == (Wants.REPLY, 0)
    conn.send_reply(Reply(550))


def test_replies_are_checked() -> None:
    conn = server()
    with pytest.raises(LocalProtocolError, match="greeting: 354 is no answer to it"):
        conn.send_reply(Reply(354))
    with pytest.raises(LocalProtocolError, match="at most 4096 octets"):
        conn.send_reply(Reply(220, ("x" * 5_000,)))
    greeted_server(conn)
    with pytest.raises(LocalProtocolError, match="no command waits for 250"):
        conn.send_reply(Reply(250))
    serve(conn, [b"EHLO a\r\n", ENVELOPE[:-6]])
    conn.receive_data(b"DATA\r\n")
    assert conn.next_event() == Data()
    with pytest.raises(LocalProtocolError, match="DATA: 250 is no answer to it"):
        conn.send_reply(Reply(250))
    conn.send_reply(Reply(451))
    assert conn.state is State.RECIPIENTS


def test_421_at_any_time() -> None:
    for octets in (b"", b"NOOP\r\n", ENVELOPE + b"abc"):
        conn = ready_server(server())
        serve(conn, [octets])
        conn.send_reply(Reply(421))
        assert (conn.wants, conn.next_event()) == (Wants.CLOSED, None)
        with pytest.raises(LocalProtocolError, match="the connection is closed"):
            conn.send_reply(Reply(421))
        with pytest.raises(LocalProtocolError, match="the connection is closed"):
            conn.send_unchecked(b"x")


REFUSED_GREETINGS = [
    (Reply(554), 503),
    (Reply(450), 503),
    (HOST_ACCEPTS_NO_MAIL, 521),
    (Reply(521, ("never",)), 521),
]
AFTER_A_REFUSAL = (
    b"EHLO a\r\nLHLO a\r\nMAIL FRM:\r\nXFOO\r\nNOOP\r\n\x01\r\nRSET\r\n" + b"x" * 3_000 + b"\r\n"
)


@pytest.mark.parametrize("greeting, code", REFUSED_GREETINGS)
def test_after_a_refused_greeting_only_quit_is_answered_otherwise(greeting: Reply, code: int) -> None:
    def run(pieces: list[bytes]) -> list[ServerEvent]:
        conn = server()
        conn.send_reply(greeting)
        events = serve(conn, pieces)
        assert conn.wants is Wants.CLOSED
        return events

    *refused, quit_ = for_every_split(AFTER_A_REFUSAL + b"QUIT\r\n", run)
    assert [code for _, code in invalid(refused)] == [code] * 8
    assert quit_ == Quit()
    if code == 521:
        assert {event.reply for event in refused if isinstance(event, InvalidCommand)} == {greeting}


@pytest.mark.parametrize("lmtp", [False, True])
@pytest.mark.parametrize("greeting, code", REFUSED_GREETINGS)
def test_chunks_after_a_refused_greeting_are_read_and_refused(greeting: Reply, code: int, lmtp: bool) -> None:
    octets = b"BDAT 6\r\nQUIT\r\nBDAT 1 LAST\r\naBURL imap://x/a\r\nBURL imap://x/a LAST\r\nQUIT\r\n"

    def run(pieces: list[bytes]) -> list[ServerEvent]:
        conn = server(lmtp=lmtp)
        conn.send_reply(greeting)
        return serve(conn, pieces)

    *refused, quit_ = for_every_split(octets, run)
    names = ("BDAT", "BDAT LAST", "BURL", "BURL LAST")
    assert invalid(refused) == [(name, code) for name in names]
    assert quit_ == Quit()


def test_a_521_later_on_changes_nothing() -> None:
    conn = ready_server(server())
    conn.receive_data(b"MAIL FROM:<>\r\nDATA\r\n")
    assert conn.next_event() == Mail(Path(None))
    conn.send_reply(HOST_ACCEPTS_NO_MAIL)
    event = conn.next_event()
    assert isinstance(event, InvalidCommand)
    assert event.reply.code == 503


@pytest.mark.parametrize(
    "octets, clean",
    [
        (b"", True),
        (b"NOOP\r\n", True),
        (b"NOO", False),
        (b"MAIL FROM:<>\r\n", False),
        (ENVELOPE, False),
        (ENVELOPE + b"x\r\n.\r", False),
        (ENVELOPE + b"x\r\n.\r\n", True),
        (b"x" * 5_000, False),
    ],
)
def test_the_end_of_the_input(octets: bytes, clean: bool) -> None:
    conn = ready_server(server())
    conn.receive_data(octets)
    conn.receive_eof()
    events = serve(conn, [b""])
    assert events[-1] == ConnectionLost(clean)
    assert [event for event in events[:-1] if isinstance(event, ConnectionLost)] == []
    assert (conn.wants, conn.next_event()) == (Wants.CLOSED, None)


def test_buffered_commands_are_answered_after_the_end() -> None:
    conn = ready_server(server())
    conn.receive_data(b"NOOP\r\nRSET\r\n")
    conn.receive_eof()
    assert serve(conn, [b""]) == [Noop(), Rset(), ConnectionLost(True)]
    assert sent(conn) == b"250 \r\n250 \r\n"


def test_abort() -> None:
    conn = ready_server(server())
    serve(conn, [ENVELOPE])
    conn.abort()
    conn.receive_data(b"x\r\n.\r\n")
    assert (conn.wants, conn.next_event()) == (Wants.CLOSED, None)


@pytest.mark.parametrize(
    "octets, state",
    [
        (b"250 ok\n", State.READY),
        (b"250-ok\r\n250 ok\r\n", State.READY),
        (b"rubbish\r\n", State.START),
        (b"250", State.START),
        (b"354 x\r\n", State.START),
    ],
)
def test_unchecked_octets_have_the_effect_of_the_reply_that_they_are(octets: bytes, state: State) -> None:
    conn = greeted_server(server())
    conn.receive_data(b"EHLO a\r\nNOOP\r\n")
    conn.next_event()
    conn.send_unchecked(octets)
    assert sent(conn) == octets
    assert conn.state is state
    assert conn.next_event() == Noop()


def test_unchecked_octets_end_a_message_too() -> None:
    conn = ready_server(server())
    conn.receive_data(ENVELOPE + b".\r\nNOOP\r\n")
    for _ in range(3):
        conn.next_event()
        conn.send_reply(Reply(354 if conn.state is State.RECIPIENTS else 250))
    assert conn.next_event() == BodyEnded(0)
    conn.send_unchecked(b"?\r\n")
    assert conn.next_event() == Noop()


LINES = [
    b"EHLO a\r\n",
    b"HELO a\r\n",
    b"MAIL FROM:<>\r\n",
    b"RCPT TO:<a@b>\r\n",
    b"DATA\r\n",
    b"RSET\r\n",
    b"NOOP\r\n",
    b"AUTH PLAIN\r\n",
    b"AUTH PLAIN AA==\r\n",
    b"STARTTLS\r\n",
    b"x\r\n.\r\n",
    b"*\r\n",
    b"XFOO\r\n",
    b"VRFY a\r\n",
    b"\n",
]


@given(
    st.lists(
        st.tuples(st.sampled_from(LINES), st.sampled_from([220, 235, 250, 334, 354, 421, 451, 550])),
        max_size=25,
    )
)
def test_any_command_with_any_answer(steps: list[tuple[bytes, int]]) -> None:
    conn = greeted_server(server())
    for line, code in steps:
        conn.receive_data(line)
        while (event := conn.next_event()) is not None:
            for _ in range(conn.replies_due):
                try:
                    conn.send_reply(Reply(code))
                except LocalProtocolError:
                    conn.send_reply(event.reply if isinstance(event, InvalidCommand) else Reply(550))
        if conn.wants is Wants.TLS:
            conn.tls_started()
        assert conn.wants in (Wants.DATA, Wants.CLOSED)


REQUIRED = {
    # command: (with require_tls, with require_auth); None: it is not refused for that
    b"EHLO a": (None, None),
    b"HELO a": (530, None),
    b"NOOP": (None, None),
    b"QUIT": (None, None),
    b"STARTTLS": (None, None),
    b"RSET": (530, None),
    b"HELP": (530, None),
    b"AUTH PLAIN AA==": (530, None),
    b"MAIL FROM:<>": (530, 530),
    b"RCPT TO:<a@b>": (530, 530),
    b"DATA": (530, 530),
    b"VRFY a": (530, 530),
    b"EXPN a": (530, 530),
    b"LHLO a": (500, 500),
    b"XFOO": (500, 500),
}
REQUIRED_REPLIES = {
    "require_tls": Reply.of(530, "5.7.0", "STARTTLS is required first"),
    "require_auth": Reply.of(530, "5.7.0", "AUTH is required first"),
}


def requiring(*names: str, limits: SMTPLimits | None = None) -> SMTPServerConnection:
    return SMTPServerConnection(
        limits or SMTPLimits(),
        hostname="mx.example",
        auth_mechanisms=("PLAIN",),
        start_tls=True,
        require_tls="require_tls" in names,
        require_auth="require_auth" in names,
    )


@pytest.mark.parametrize("line", REQUIRED, ids=repr)
@pytest.mark.parametrize("requirement", REQUIRED_REPLIES)
def test_what_is_refused_without_tls_or_login(line: bytes, requirement: str) -> None:
    def run(pieces: list[bytes]) -> list[ServerEvent]:
        return serve(ready_server(requiring(requirement)), pieces)

    (event,) = for_every_split(line + b"\r\n", run)
    expected = REQUIRED[line][requirement == "require_auth"]
    assert (event.reply.code if isinstance(event, InvalidCommand) else None) == expected
    if expected == 530:
        assert isinstance(event, InvalidCommand)
        assert event.reply == REQUIRED_REPLIES[requirement]


def test_requirements_that_are_met_refuse_nothing() -> None:
    conn = greeted_server(requiring(*REQUIRED_REPLIES))
    octets = b"EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\nSTARTTLS\r\n"
    assert invalid(serve(conn, [octets])) == [("MAIL", 530), ("RCPT", 530), ("DATA", 530)]
    octets = b"EHLO a\r\nMAIL FROM:<>\r\nAUTH PLAIN AA==\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\n"
    assert invalid(serve(conn, [octets])) == [("MAIL", 530)]
    assert conn.state is State.RECIPIENTS


def test_a_group_behind_a_mail_that_needs_more_is_one_bad_command() -> None:
    conn = ready_server(requiring("require_tls", limits=SMTPLimits(max_bad_commands=1)))
    codes = [code for _, code in invalid(serve(conn, [b"MAIL FROM:<>\r\n" + b"RCPT TO:<a@b>\r\n" * 9]))]
    assert codes == [530] * 10
    assert invalid(serve(conn, [b"MAIL FROM:<>\r\n"])) == [("MAIL", 421)]


@pytest.mark.parametrize("most", [1, 2])
def test_messages_of_a_session(most: int) -> None:
    conn = ready_server(server(SMTPLimits(max_transactions=most)))
    assert invalid(serve(conn, [(ENVELOPE + b".\r\n") * most])) == []
    assert invalid(serve(conn, [b"MAIL FROM:<>\r\n"])) == [("MAIL", 421)]
    assert sent(conn).endswith(b"421 4.7.0 too many transactions\r\n")
    assert conn.wants is Wants.CLOSED


def test_a_time_for_each_phase() -> None:
    conn = server(SMTPLimits(command_timeout=1, body_timeout=2, write_timeout=3))
    assert (conn.wants, conn.timeout) == (Wants.REPLY, 3)
    ready_server(conn)
    assert (conn.wants, conn.timeout) == (Wants.DATA, 1)
    conn.receive_data(b"NOOP\r\n")
    conn.next_event()
    assert (conn.wants, conn.timeout) == (Wants.REPLY, 3)
    conn.send_reply(Reply(250))
    serve(conn, [ENVELOPE])
    assert (conn.wants, conn.timeout) == (Wants.DATA, 2)
    conn.abort()
    assert (conn.wants, conn.timeout) == (Wants.CLOSED, 3)


@pytest.mark.parametrize("envelope", [b"MAIL FROM:<>\r\nRCPT TO:<b@x>\r\n", b""], ids=["taken", "dropped"])
def test_the_octets_of_a_chunk_have_the_time_of_a_body(envelope: bytes) -> None:
    conn = ready_server(server(SMTPLimits(command_timeout=1, body_timeout=2)))
    serve(conn, [envelope, b"BDAT 2\r\na"])
    assert (conn.wants, conn.timeout) == (Wants.DATA, 2)
    serve(conn, [b"b"])
    assert (conn.wants, conn.timeout) == (Wants.DATA, 1)
