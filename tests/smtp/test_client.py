from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mailproto._secret import Secret
from mailproto.address import NULL_PATH, Mailbox, Path
from mailproto.errors import LimitExceeded, LocalProtocolError, RemoteProtocolError
from mailproto.limits import SMTPLimits
from mailproto.smtp import (
    Auth,
    ClientEvent,
    Command,
    ConnectionLost,
    Data,
    Ehlo,
    Helo,
    Lhlo,
    Mail,
    MessageBody,
    Noop,
    Parameters,
    Quit,
    Rcpt,
    Reply,
    Rset,
    SASLResponse,
    SMTPClientConnection,
    StartTLS,
    State,
    Unchecked,
    UnknownCommand,
    Vrfy,
)
from mailproto.wants import Wants
from support_smtp import OFFER, greeted_client, pull, ready_client, sent
from support_split import for_every_split

A, B, C = (Path(Mailbox(name, "x.example")) for name in "abc")


def answered(conn: SMTPClientConnection, octets: bytes) -> list[tuple[int, object]]:
    """Feed *octets*; return code and command of each reply."""
    conn.receive_data(octets)
    return [(event.code, event.command) for event in pull(conn) if isinstance(event, Reply)]


def in_body(conn: SMTPClientConnection | None = None) -> SMTPClientConnection:
    client = ready_client(conn)
    for command in (Mail(A), Rcpt(B), Data()):
        client.send_command(command)
    sent(client)
    client.receive_data(b"250 \r\n250 \r\n354 \r\n")
    assert len(pull(client)) == 3
    assert client.wants is Wants.BODY
    return client


def test_a_session() -> None:
    client = SMTPClientConnection()
    assert (client.state, client.wants, client.timeout, client.pending) == (
        State.GREETING,
        Wants.DATA,
        300.0,
        1,
    )
    greeted_client(client)
    assert (client.timeout, client.pending, client.can_pipeline) == (None, 0, True)
    client.send_command(Ehlo("me.example"))
    assert sent(client) == b"EHLO me.example\r\n"
    assert (client.timeout, client.pending, client.can_pipeline) == (300.0, 1, False)
    assert answered(client, OFFER) == [(250, Ehlo("me.example"))]
    assert client.extensions.size == 1000000
    for command, can_pipeline in ((Mail(A, Parameters.of(size=3)), True), (Rcpt(B), True), (Data(), False)):
        client.send_command(command)
        assert client.can_pipeline is can_pipeline
    assert sent(client) == b"MAIL FROM:<a@x.example> SIZE=3\r\nRCPT TO:<b@x.example>\r\nDATA\r\n"
    assert answered(client, b"250 \r\n250 \r\n") == [(250, Mail(A, Parameters.of(size=3))), (250, Rcpt(B))]
    assert (client.recipients, client.timeout) == ((B,), 120.0)
    assert answered(client, b"354 \r\n") == [(354, Data())]
    assert (client.wants, client.timeout, client.state) == (Wants.BODY, 180.0, State.BODY)
    client.send_body(b".x")
    client.end_body()
    assert sent(client) == b"..x\r\n.\r\n"
    assert (client.wants, client.timeout) == (Wants.DATA, 600.0)
    assert answered(client, b"250 2.0.0 queued\r\n") == [(250, MessageBody())]
    client.send_command(Quit())
    assert answered(client, b"221 bye\r\n") == [(221, Quit())]
    assert (client.wants, client.timeout, client.next_event()) == (Wants.CLOSED, None, None)
    assert client.max_buffered == client.limits.max_buffered
    assert client.max_unsent == client.limits.max_unsent


def test_replies_come_the_same_however_they_are_cut() -> None:
    octets = b"250-x\r\n250 2.1.0 y\r\n550 5.1.1 no\n250\r\n354-\r\n354 go\r\n421 \xff\r\n"

    def run(pieces: list[bytes]) -> list[ClientEvent]:
        client = ready_client()
        for command in (Mail(A), Rcpt(B), Rcpt(C), Data()):
            client.send_command(command)
        events = []
        for piece in pieces:
            client.receive_data(piece)
            events += pull(client)
        client.receive_eof()
        assert client.wants is Wants.CLOSED
        return [*events, *pull(client)]

    events = for_every_split(octets, run)
    assert [event.code for event in events if isinstance(event, Reply)] == [250, 550, 250, 354, 421]


def test_421_at_any_point() -> None:
    octets = b"421 4.3.2 closing\r\n"
    client = SMTPClientConnection()
    assert answered(client, octets) == [(421, None)]
    assert client.wants is Wants.CLOSED
    client = ready_client()
    assert answered(client, octets) == [(421, None)]
    client = ready_client()
    client.send_command(Mail(A))
    client.send_command(Rcpt(B))
    assert answered(client, octets) == [(421, Mail(A))]
    client = in_body()
    client.send_body(b"x")
    assert answered(client, octets) == [(421, None)]
    assert client.wants is Wants.CLOSED
    with pytest.raises(LocalProtocolError):
        client.send_body(b"y")


def test_354_although_all_recipients_were_refused() -> None:
    client = ready_client()
    for command in (Mail(A), Rcpt(B), Data()):
        client.send_command(command)
    assert answered(client, b"250 \r\n550 \r\n354 \r\n") == [(250, Mail(A)), (550, Rcpt(B)), (354, Data())]
    assert (client.wants, client.recipients) == (Wants.BODY, ())
    sent(client)
    client.end_body()
    assert sent(client) == b".\r\n"
    assert answered(client, b"554 \r\n") == [(554, MessageBody())]
    client.send_command(Mail(A))


CHUNK = b".a\r\nb\r\n"


def test_a_message_is_looked_at_while_the_server_is_at_work() -> None:
    client = ready_client()
    for command in (Mail(A), Rcpt(B), Data()):
        client.send_command(command)
    client.look_ahead(CHUNK)
    assert sent(client) == b"MAIL FROM:<a@x.example>\r\nRCPT TO:<b@x.example>\r\nDATA\r\n"
    assert [code for code, _ in answered(client, b"250 \r\n250 \r\n354 \r\n")] == [250, 250, 354]
    client.send_body(CHUNK)
    client.send_body(CHUNK)
    client.end_body()
    assert sent(client) == b"..a\r\nb\r\n" * 2 + b".\r\n"


def test_what_was_looked_at_for_a_refused_message_is_not_sent_in_another_one() -> None:
    client = ready_client()
    for command in (Mail(A), Rcpt(B), Data()):
        client.send_command(command)
    client.look_ahead(CHUNK)
    assert [code for code, _ in answered(client, b"250 \r\n250 \r\n451 \r\n")] == [250, 250, 451]
    client.send_command(Rset())
    answered(client, b"250 \r\n")
    for command in (Mail(A), Rcpt(B), Data()):
        client.send_command(command)
    sent(client)
    answered(client, b"250 \r\n250 \r\n354 \r\n")
    client.send_body(b"c\r\n")
    client.end_body()
    assert sent(client) == b"c\r\n.\r\n"


def test_354_although_mail_was_refused() -> None:
    client = ready_client()
    for command in (Mail(A), Rcpt(B), Data()):
        client.send_command(command)
    assert [code for code, _ in answered(client, b"550 \r\n503 \r\n354 \r\n")] == [550, 503, 354]
    assert client.wants is Wants.BODY


def test_a_refused_group_leaves_the_state_of_before() -> None:
    client = ready_client()
    for command in (Mail(A), Rcpt(B), Data()):
        client.send_command(command)
    answered(client, b"550 \r\n503 \r\n503 \r\n")
    assert client.state is State.READY
    with pytest.raises(LocalProtocolError, match="RCPT: not legal in the state 'ready'"):
        client.send_command(Rcpt(B))
    client.send_command(Mail(A))


def test_order_is_checked_against_the_state_to_come() -> None:
    client = ready_client()
    client.send_command(Mail(A))
    client.send_command(Rcpt(B))
    assert answered(client, b"250 \r\n450 \r\n")[1][0] == 450
    with pytest.raises(LocalProtocolError, match="DATA: not legal in the state 'transaction'"):
        client.send_command(Data())


def test_the_next_group_may_begin_with_the_message() -> None:
    client = in_body()
    client.send_body(b"x\r\n")
    client.end_body()
    client.send_command(Rset())
    client.send_command(Mail(A))
    client.send_command(Rcpt(C))
    assert sent(client).endswith(b"x\r\n.\r\nRSET\r\nMAIL FROM:<a@x.example>\r\nRCPT TO:<c@x.example>\r\n")
    assert [command for _, command in answered(client, b"250 \r\n" * 4)] == [
        MessageBody(),
        Rset(),
        Mail(A),
        Rcpt(C),
    ]
    assert client.recipients == (C,)


ILLEGAL: list[tuple[Callable[[], SMTPClientConnection], Command]] = [
    (SMTPClientConnection, Ehlo("x.example")),
    (greeted_client, Mail(A)),
    (greeted_client, StartTLS()),
    (greeted_client, Auth("PLAIN")),
    (greeted_client, Lhlo("x.example")),
    (lambda: greeted_client(SMTPClientConnection(lmtp=True)), Ehlo("x.example")),
    (ready_client, Rcpt(A)),
    (ready_client, Data()),
    (in_body, Quit()),
    (in_body, Rset()),
    (ready_client, Auth("CRAM-MD5")),
    (lambda: ready_client(offer=b"250 x\r\n"), StartTLS()),
    (lambda: ready_client(offer=b"250 x\r\n"), Auth("PLAIN")),
    (lambda: ready_client(offer=b"250 x\r\n"), Mail(A, Parameters.of(size=1))),
    (lambda: ready_client(offer=b"250 x\r\n"), Mail(A, Parameters.of(body="8BITMIME"))),
    (ready_client, Mail(Path(Mailbox("jürgen", "x.example")))),
    (ready_client, Mail(NULL_PATH, Parameters.of(smtputf8=True))),
    (ready_client, Noop("x" * 3_000)),
]


@pytest.mark.parametrize("make, command", ILLEGAL)
def test_illegal_commands_queue_nothing(make: Callable[[], SMTPClientConnection], command: Command) -> None:
    client = make()
    before = (client.state, client.wants, client.pending, client.unsent)
    with pytest.raises(LocalProtocolError):
        client.send_command(command)
    assert (client.state, client.wants, client.pending, client.unsent) == before


def test_without_pipelining_one_command_at_a_time() -> None:
    client = ready_client(offer=b"250 x\r\n")
    client.send_command(Mail(A))
    assert not client.can_pipeline
    with pytest.raises(LocalProtocolError, match="RCPT: a reply is due"):
        client.send_command(Rcpt(B))


@pytest.mark.parametrize("command", [Noop(), Ehlo("x.example"), Vrfy("a"), UnknownCommand("XFOO"), Quit()])
def test_what_must_end_a_group(command: Command) -> None:
    client = ready_client()
    client.send_command(Mail(A))
    client.send_command(command)
    with pytest.raises(LocalProtocolError):
        client.send_command(Rset())


def test_start_tls_stands_alone() -> None:
    client = in_body()
    client.end_body()
    with pytest.raises(LocalProtocolError, match="STARTTLS: a reply is due"):
        client.send_command(StartTLS())


def test_pending_commands_are_bounded() -> None:
    client = ready_client(SMTPClientConnection(SMTPLimits(max_pending=2)))
    client.send_command(Mail(A))
    client.send_command(Rcpt(A))
    with pytest.raises(LocalProtocolError, match="2 commands wait"):
        client.send_command(Rcpt(A))


def test_a_negative_greeting_leaves_quit() -> None:
    client = SMTPClientConnection()
    assert answered(client, b"554 no\r\n") == [(554, None)]
    with pytest.raises(LocalProtocolError):
        client.send_command(Ehlo("x.example"))
    client.send_command(Quit())
    assert answered(client, b"221 bye\r\n") == [(221, Quit())]


def test_helo_after_ehlo_was_refused() -> None:
    client = greeted_client()
    client.send_command(Ehlo("x.example"))
    assert answered(client, b"500 what\r\n") == [(500, Ehlo("x.example"))]
    client.send_command(Helo("x.example"))
    assert answered(client, b"250-x\r\n250 PIPELINING\r\n") == [(250, Helo("x.example"))]
    assert client.extensions.pairs == ()
    client.send_command(Mail(A))


def test_helo_behind_ehlo_forgets_the_extensions() -> None:
    client = ready_client()
    assert client.extensions.pipelining
    client.send_command(Helo("x.example"))
    answered(client, b"250 x\r\n")
    assert client.extensions.pairs == ()


def test_unknown_commands_change_nothing() -> None:
    client = ready_client()
    client.send_command(Mail(A))
    answered(client, b"250 \r\n")
    client.send_command(UnknownCommand("XFOO", "bar"))
    assert sent(client).endswith(b"XFOO bar\r\n")
    assert answered(client, b"250 \r\n") == [(250, UnknownCommand("XFOO", "bar"))]
    assert client.state is State.TRANSACTION


def test_tls() -> None:
    client = ready_client()
    client.send_command(StartTLS())
    assert answered(client, b"220 go\r\n") == [(220, StartTLS())]
    assert (client.wants, client.timeout) == (Wants.TLS, 300.0)
    client.tls_started()
    assert (client.state, client.is_tls_active, client.extensions.pairs) == (State.START, True, ())
    client.send_command(Ehlo("x.example"))
    answered(client, OFFER)
    with pytest.raises(LocalProtocolError, match="TLS is active"):
        client.send_command(StartTLS())
    with pytest.raises(LocalProtocolError, match="no handshake is due"):
        client.tls_started()


def test_tls_refused() -> None:
    client = ready_client()
    client.send_command(StartTLS())
    assert answered(client, b"454 4.7.0 later\r\n") == [(454, StartTLS())]
    client.send_command(Mail(A))


def test_implicit_tls() -> None:
    client = SMTPClientConnection()
    client.tls_started()
    greeted_client(client)
    assert client.is_tls_active
    with pytest.raises(LocalProtocolError):
        client.tls_started()


def test_auth() -> None:
    client = ready_client()
    dialogue: list[tuple[str, bytes]] = []
    client.trace = lambda direction, octets: dialogue.append((direction, octets))
    client.send_command(Auth("PLAIN", Secret(b"\0u\0p")))
    assert sent(client) == b"AUTH PLAIN AHUAcA==\r\n"
    assert answered(client, b"334 \r\n") == [(334, Auth("PLAIN", Secret(b"\0u\0p")))]
    assert (client.wants, client.state, client.timeout) == (Wants.REPLY, State.AUTH, None)
    with pytest.raises(LocalProtocolError):
        client.send_command(Noop())
    client.send_sasl(b"secret")
    assert client.wants is Wants.DATA
    with pytest.raises(LocalProtocolError):
        client.send_sasl(b"twice")
    assert sent(client) == b"c2VjcmV0\r\n"
    assert answered(client, b"235 \r\n") == [(235, SASLResponse(Secret(b"secret")))]
    assert client.is_authenticated
    assert dialogue == [
        ("sent", b"AUTH PLAIN ***\r\n"),
        ("received", b"334 \r\n"),
        ("sent", b"***\r\n"),
        ("received", b"235 \r\n"),
    ]
    with pytest.raises(LocalProtocolError, match="not legal when authenticated"):
        client.send_command(Auth("PLAIN"))
    client.send_command(Mail(A))


def test_auth_cancelled_and_failed() -> None:
    client = ready_client()
    client.send_command(Auth("LOGIN"))
    answered(client, b"334 VXNlcm5hbWU6\r\n")
    sent(client)
    client.send_sasl(None)
    assert sent(client) == b"*\r\n"
    assert answered(client, b"501 cancelled\r\n") == [(501, SASLResponse(None))]
    assert (client.state, client.is_authenticated) == (State.READY, False)
    client.send_command(Auth("LOGIN"))
    assert answered(client, b"535 no\r\n")[0][0] == 535


def test_a_sasl_response_is_bounded() -> None:
    client = ready_client()
    client.send_command(Auth("LOGIN"))
    answered(client, b"334 \r\n")
    sent(client)
    with pytest.raises(LocalProtocolError):
        client.send_sasl(b"x" * 10_000)
    assert client.unsent == 0


def test_a_body_cut_anywhere() -> None:
    client = in_body()
    for chunk in (b"", b"a\r", b"\n.b", b"\r\n", b".", b"\r\n.\r\n"):
        client.send_body(chunk)
    client.end_body()
    assert sent(client) == b"a\r\n..b\r\n..\r\n..\r\n.\r\n"


def test_chunks_go_out_as_the_objects_that_they_are() -> None:
    client = in_body()
    chunk = b"x" * 70_000 + b"\r\n"
    client.send_body(chunk)
    assert client.data_to_send()[0] is chunk


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_octets_that_may_change_are_no_chunk(kind: Any) -> None:
    """They could become what is never sent, after they were looked at and before they are drained."""
    client = in_body()
    with pytest.raises(LocalProtocolError, match=f"^message: expected bytes, got {kind.__name__}$"):
        client.send_body(kind(b"text\r\n"))
    client.end_body()
    assert sent(client) == b".\r\n"


def test_progress_counts_octets_of_the_body() -> None:
    client = in_body(SMTPClientConnection(SMTPLimits(min_body_progress=10)))
    before = client.progress
    client.send_body(b"x" * 9)
    assert client.progress == before
    client.send_body(b"x")
    assert client.progress == before + 1


def test_progress_starts_with_the_first_command_of_a_group() -> None:
    client = ready_client()
    before = client.progress
    client.send_command(Mail(A))
    client.send_command(Rcpt(A))
    assert client.progress == before + 1
    client.receive_data(b"25")
    assert client.next_event() is None
    assert client.progress == before + 1


@pytest.mark.parametrize("bad", [b"a\nb", b"a\rb", b"\n"])
def test_a_bare_newline_queues_nothing(bad: bytes) -> None:
    client = in_body()
    with pytest.raises(LocalProtocolError):
        client.send_body(bad)
    assert client.unsent == 0
    client.send_body(b"a\r")
    with pytest.raises(LocalProtocolError):
        client.end_body()
    assert client.wants is Wants.BODY


def test_an_early_refusal_of_the_message_leaves_only_closing() -> None:
    client = in_body()
    client.send_body(b"x")
    assert answered(client, b"552 too big\r\n") == [(552, MessageBody())]
    assert client.wants is Wants.CLOSED
    with pytest.raises(LocalProtocolError):
        client.end_body()


def test_an_early_acceptance_is_lost_order() -> None:
    client = in_body()
    client.receive_data(b"250 ok\r\n")
    with pytest.raises(RemoteProtocolError, match="expected no reply, got 250"):
        client.next_event()
    assert client.wants is Wants.CLOSED


def test_abort_never_finishes() -> None:
    client = in_body()
    client.send_body(b"x")
    client.abort()
    assert (client.wants, client.next_event()) == (Wants.CLOSED, None)
    assert b".\r\n" not in sent(client)
    with pytest.raises(LocalProtocolError):
        client.end_body()
    with pytest.raises(LocalProtocolError, match="the connection is closed"):
        client.send_command(Quit())
    with pytest.raises(LocalProtocolError, match="the connection is closed"):
        client.send_unchecked(b"x")


def test_lmtp_has_one_reply_for_each_recipient() -> None:
    client = ready_client(SMTPClientConnection(lmtp=True))
    assert client.is_lmtp
    for command in (Mail(A), Rcpt(A), Rcpt(B), Rcpt(C), Data()):
        client.send_command(command)
    answered(client, b"250 \r\n250 \r\n550 \r\n250 \r\n354 \r\n")
    client.end_body()
    assert client.pending == 2
    for octets, code, path, state in ((b"450 \r\n", 450, A, State.ENDED), (b"250 \r\n", 250, C, State.READY)):
        assert answered(client, octets) == [(code, MessageBody(path))]
        assert client.state is state


def test_lmtp_without_a_recipient() -> None:
    client = ready_client(SMTPClientConnection(lmtp=True))
    for command in (Mail(A), Rcpt(A), Data()):
        client.send_command(command)
    answered(client, b"250 \r\n550 \r\n354 \r\n")
    client.end_body()
    assert (client.pending, client.state, client.wants) == (0, State.READY, Wants.DATA)


@pytest.mark.parametrize("octets", [b"250 x\r\n", b"550 x\r\n", b"354 x\r\n"])
def test_unasked_replies_are_lost_order(octets: bytes) -> None:
    client = ready_client()
    client.receive_data(octets)
    with pytest.raises(RemoteProtocolError, match="expected no reply"):
        client.next_event()
    with pytest.raises(RemoteProtocolError, match="expected no reply"):
        client.next_event()


@pytest.mark.parametrize(
    "command, octets", [(Mail(A), b"354 \r\n"), (Quit(), b"334 \r\n"), (Noop(), b"399 \r\n")]
)
def test_replies_that_answer_nothing(command: Command, octets: bytes) -> None:
    client = ready_client()
    client.send_command(command)
    client.receive_data(octets)
    with pytest.raises(RemoteProtocolError, match=f"expected an answer to {command.name}"):
        client.next_event()


def test_250_to_data_is_no_answer() -> None:
    client = ready_client()
    for command in (Mail(A), Rcpt(B), Data()):
        client.send_command(command)
    client.receive_data(b"250 \r\n250 \r\n250 \r\n")
    assert len([client.next_event(), client.next_event()]) == 2
    with pytest.raises(RemoteProtocolError, match="expected an answer to DATA, got 250"):
        client.next_event()


def test_strict_makes_a_defect_an_error() -> None:
    client = SMTPClientConnection(strict=True)
    client.receive_data(b"220 \xff\r\n")
    with pytest.raises(RemoteProtocolError, match="text-not-utf-8"):
        client.next_event()


def test_lines_are_bounded() -> None:
    for octets in (b"220 " + b"x" * 100, b"220 " + b"x" * 100 + b"\r\n"):
        client = SMTPClientConnection(SMTPLimits(max_reply_line=50))
        client.receive_data(octets)
        with pytest.raises(LimitExceeded, match="max_reply_line"):
            client.next_event()


@pytest.mark.parametrize("octets, clean", [(b"", True), (b"2", False), (b"250-x\r\n", False)])
def test_the_end_of_the_input(octets: bytes, clean: bool) -> None:
    client = ready_client()
    client.receive_data(octets)
    client.receive_eof()
    assert pull(client) == [ConnectionLost(clean)]
    assert (client.wants, client.next_event()) == (Wants.CLOSED, None)


def test_the_end_while_an_answer_is_due() -> None:
    client = ready_client()
    client.send_command(Mail(A))
    client.send_command(Rcpt(B))
    client.receive_data(b"250 \r\n")
    client.receive_eof()
    assert pull(client) == [Reply(250), ConnectionLost(False)]
    client = in_body()
    client.receive_eof()
    assert pull(client) == [ConnectionLost(False)]


def test_unchecked_octets() -> None:
    client = ready_client()
    client.send_unchecked(b"DATA\nMAIL\n", replies=2)
    assert not client.can_pipeline
    assert sent(client) == b"DATA\nMAIL\n"
    first, second = answered(client, b"354 \r\n250 \r\n")
    assert first == (354, Unchecked(b"DATA\nMAIL\n"))
    assert second == (250, Unchecked(b"DATA\nMAIL\n"))
    assert (client.state, client.wants) == (State.READY, Wants.DATA)


def test_unchecked_octets_before_the_greeting() -> None:
    client = SMTPClientConnection()
    client.send_unchecked(b"EHLO early\r\n")
    assert answered(client, b"220 \r\n503 \r\n") == [(220, None), (503, Unchecked(b"EHLO early\r\n"))]
