"""Clients of SMTP in each state, and each request that a client can await the answer to."""

from __future__ import annotations

from typing import Any, get_args

from mailproto._secret import Secret
from mailproto.address import Path
from mailproto.smtp import (
    Auth,
    Bdat,
    Burl,
    Command,
    Data,
    Ehlo,
    Etrn,
    Expn,
    Helo,
    Help,
    Lhlo,
    Mail,
    Noop,
    Parameters,
    Quit,
    Rcpt,
    Rset,
    SMTPClientConnection,
    StartTLS,
    State,
    UnknownCommand,
    Vrfy,
    XClient,
    XForward,
)
from support_smtp import OFFER, greeted_client, pull, ready_client, sent

__all__ = ["FULL_OFFER", "LOGIN", "REQUESTS", "A", "B", "client_in", "client_that_awaits", "say"]

A, B = Path.of("a@x.example"), Path.of("b@x.example")
FULL_OFFER = OFFER.replace(
    b"250 ENH",
    b"250-ETRN\r\n250-CHUNKING\r\n250-BURL imap\r\n250-PRDR\r\n"
    b"250-XCLIENT ADDR\r\n250-XFORWARD ADDR\r\n250 ENH",
)
LOGIN = Auth("PLAIN", Secret(b"\0a\0b"))

_TO_RECIPIENTS: list[tuple[Command, bytes]] = [
    (LOGIN, b"235\r\n"),
    (Mail(A), b"250\r\n"),
    (Rcpt(B), b"250\r\n"),
]
_STEPS: dict[State, list[tuple[Command, bytes]]] = {
    State.READY: [],
    State.TRANSACTION: [(Mail(A), b"250\r\n")],
    State.RECIPIENTS: _TO_RECIPIENTS,
    State.CHUNKS: [*_TO_RECIPIENTS, (Bdat(0), b"250\r\n")],
    State.FAILED: [*_TO_RECIPIENTS, (Bdat(0), b"550\r\n")],
    State.BODY: [*_TO_RECIPIENTS, (Data(), b"354\r\n")],
    State.AUTH: [(Auth("PLAIN"), b"334 \r\n")],
}


def client_in(state: State, **arguments: Any) -> SMTPClientConnection:
    """Return a client in *state*, to which no reply is due."""
    client = SMTPClientConnection(**arguments)
    if state is State.START:
        return greeted_client(client)
    if state is State.REFUSED:
        client.receive_data(b"554 no\r\n")
        pull(client)
        return client
    ready_client(client, FULL_OFFER)
    return _asked(client, state, _STEPS[state])


def _asked(
    client: SMTPClientConnection, state: State, steps: list[tuple[Command, bytes]]
) -> SMTPClientConnection:
    for request, answer in steps:
        client.send_command(request)
        client.receive_data(answer)
        pull(client)
    assert client.state is state
    sent(client)
    return client


_COMMANDS: list[tuple[State, tuple[Command, ...]]] = [
    (State.START, (Ehlo("me.example"), Helo("me.example"), Lhlo("me.example"))),
    (State.READY, (Mail(A), Rset(), Noop(), Quit(), Vrfy("a"), Expn("a"), Help(), StartTLS())),
    (State.READY, (Auth("PLAIN"), Etrn("x.example"), XClient.of(addr=None), XForward.of(addr=None))),
    (State.READY, (UnknownCommand("XFOO"),)),
    (State.TRANSACTION, (Rcpt(B),)),
    (State.RECIPIENTS, (Data(), Bdat(0), Bdat(0, last=True), Burl("a:b"), Burl("a:b", last=True))),
]
REQUESTS: dict[str, tuple[State, Command | None]] = {
    **{request.name: (state, request) for state, requests in _COMMANDS for request in requests},
    "greeting": (State.GREETING, None),
    "SASL response": (State.AUTH, None),
    "message": (State.BODY, None),
    "message by PRDR": (State.BODY, None),
    "message by LMTP": (State.BODY, None),
}
"""What a client awaits the answer to, by name, and the state before it; None where it is no command."""

assert {type(command) for _, command in REQUESTS.values() if command} == set(get_args(Command))


def client_that_awaits(name: str, **arguments: Any) -> SMTPClientConnection:
    """Return a client that has said all of the request *name*, and awaits the first answer to it."""
    state, _ = REQUESTS[name]
    if name == "greeting":
        return SMTPClientConnection(**arguments)
    client = _with_recipients(name, arguments) if name in _RECIPIENTS else _in_state(name, state, arguments)
    say(client, name)
    sent(client)
    return client


def say(client: SMTPClientConnection, name: str) -> None:
    """Queue all of the request *name*, a message of one line included."""
    state, command = REQUESTS[name]
    if command is not None:
        client.send_command(command)
    elif state is State.AUTH:
        client.send_sasl(b"x")
    else:
        client.send_body(b"x\r\n")
        client.end_body()


def _in_state(name: str, state: State, arguments: dict[str, Any]) -> SMTPClientConnection:
    return client_in(state, lmtp=name == "LHLO", **arguments)


_RECIPIENTS = {"message by PRDR", "message by LMTP"}


def _with_recipients(name: str, arguments: dict[str, Any]) -> SMTPClientConnection:
    """Return a client that sends a message for two recipients, each of which gets an answer."""
    is_lmtp = name.endswith("LMTP")
    client = ready_client(SMTPClientConnection(lmtp=is_lmtp, **arguments), FULL_OFFER)
    mail = Mail(A) if is_lmtp else Mail(A, Parameters([("PRDR", None)]))
    steps: list[tuple[Command, bytes]] = [
        (mail, b"250\r\n"),
        (Rcpt(A), b"250\r\n"),
        (Rcpt(B), b"250\r\n"),
        (Data(), b"354\r\n"),
    ]
    return _asked(client, State.BODY, steps)
