"""Both ends of SMTP joined in memory."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto._secret import Secret
from mailproto.address import Mailbox, Path
from mailproto.errors import LocalProtocolError
from mailproto.smtp import (
    Auth,
    BodyData,
    BodyEnded,
    ClientEvent,
    Command,
    Data,
    Ehlo,
    InvalidCommand,
    Mail,
    MessageBody,
    Noop,
    Parameters,
    Quit,
    Rcpt,
    Reply,
    Rset,
    SASLResponse,
    ServerEvent,
    SMTPClientConnection,
    SMTPServerConnection,
    StartTLS,
    Vrfy,
)
from mailproto.testing import ConnectionPair
from mailproto.wants import Wants
from support_split import join_data

A, B = (Path(Mailbox(name, "x.example")) for name in "ab")


class Pair(ConnectionPair[ClientEvent, ServerEvent]):
    def __init__(self, piece: int | None = None) -> None:
        self.smtp = SMTPClientConnection()
        self.served = SMTPServerConnection(hostname="mx.example", auth_mechanisms=("LOGIN",), start_tls=True)
        super().__init__(self.smtp, self.served, piece)
        self.events: list[ServerEvent] = []
        self.served.send_reply(Reply(220))
        assert self.client_events() == [Reply(220)]

    def answer(self, codes: dict[str, int] | None = None) -> list[Reply]:
        """Let the server answer all that has come; return what the client got."""
        self.pump()
        while (event := self.served.next_event()) is not None:
            self.events.append(event)
            for _ in range(self.served.replies_due):
                self.served.send_reply(self._reply_to(event, codes or {}))
        return [event for event in self.client_events() if isinstance(event, Reply)]

    def _reply_to(self, event: ServerEvent, codes: dict[str, int]) -> Reply:
        if isinstance(event, InvalidCommand):
            return event.reply
        if isinstance(event, Ehlo):
            return self.served.ehlo_reply()
        name = "message" if isinstance(event, BodyEnded) else str(getattr(event, "name", ""))
        return Reply(
            codes.get(name, {"DATA": 354, "STARTTLS": 220, "AUTH": 334, "SASL response": 235}.get(name, 250))
        )

    def say(self, *commands: Command) -> list[Reply]:
        for command in commands:
            self.smtp.send_command(command)
        return self.answer()


@pytest.mark.parametrize("piece", [None, 1, 3])
def test_a_message_under_tls_with_auth(piece: int | None) -> None:
    pair = Pair(piece)
    pair.say(Ehlo("me.example"))
    pair.say(StartTLS())
    assert pair.smtp.wants is pair.served.wants is Wants.TLS
    pair.start_tls()
    pair.say(Ehlo("me.example"))
    pair.say(Auth("LOGIN"))
    pair.smtp.send_sasl(b"x")
    assert pair.answer() == [Reply(235)]
    assert [r.code for r in pair.say(Mail(A, Parameters.of(size=9)), Rcpt(A), Rcpt(B), Data())] == [
        250,
        250,
        250,
        354,
    ]
    pair.smtp.send_body(b".a\r\n..\r\nz")
    pair.smtp.end_body()
    (reply,) = pair.answer()
    assert reply.command == MessageBody()
    pair.say(Quit())
    assert join_data(pair.events) == [
        Ehlo("me.example"), StartTLS(), Ehlo("me.example"), Auth("LOGIN"), SASLResponse(Secret(b"x")),
        Mail(A, Parameters.of(size=9)), Rcpt(A), Rcpt(B), Data(),
        BodyData(b".a\r\n..\r\nz\r\n"), BodyEnded(11), Quit(),
    ]  # fmt: skip


@given(st.binary(max_size=300), st.integers(1, 50))
def test_any_message_arrives_as_it_was_sent(octets: bytes, piece: int) -> None:
    message = octets.replace(b"\r", b".").replace(b"\n", b"\r\n")
    pair = Pair(piece)
    pair.say(Ehlo("me.example"))
    pair.say(Mail(A), Rcpt(B), Data())
    for at in range(0, len(message), piece):
        pair.smtp.send_body(message[at : at + piece])
    pair.smtp.end_body()
    pair.answer()
    data = b"".join(event.data for event in pair.events if isinstance(event, BodyData))
    assert data == (message if message.endswith(b"\r\n") or not message else message + b"\r\n")


COMMANDS: list[Command] = [
    Mail(A),
    Rcpt(B),
    Data(),
    Rset(),
    Noop(),
    Vrfy("a"),
    Ehlo("x.example"),
    Auth("LOGIN"),
    StartTLS(),
]


@given(
    st.lists(
        st.tuples(st.sampled_from(COMMANDS), st.sampled_from([None, 250, 451, 550]), st.booleans()),
        max_size=30,
    )
)
def test_both_ends_agree_on_the_state(steps: list[tuple[Command, int | None, bool]]) -> None:
    pair = Pair()
    pair.say(Ehlo("me.example"))
    for command, code, is_drained in steps:
        try:
            pair.smtp.send_command(command)
        except LocalProtocolError:
            continue
        if not is_drained:
            continue
        codes = (
            {} if code is None or (code < 300 and command.name in ("DATA", "AUTH")) else {command.name: code}
        )
        pair.answer(codes if command.name != "STARTTLS" or (code or 0) > 400 else {})
        if pair.smtp.wants is Wants.TLS:
            pair.start_tls()
        if pair.smtp.wants is Wants.BODY:
            pair.smtp.send_body(b"x")
            pair.smtp.end_body()
            pair.answer()
        if pair.smtp.wants is Wants.REPLY:
            pair.smtp.send_sasl(None)
            pair.answer({"SASL response": 501})
        assert pair.smtp.state is pair.served.state
        assert pair.smtp.pending == 0
