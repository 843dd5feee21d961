"""Our client never sends the end of a message but at its end, nor a bare CR or LF, whatever it is given."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from email.message import EmailMessage, Message
from email.policy import SMTP, compat32, default
from typing import Any, get_args

import pytest

from mailproto.address import Path
from mailproto.errors import LocalProtocolError
from mailproto.smtp import Data, Mail, Rcpt
from mailproto.smtp.client_flows import send_message
from mailproto.smtp.outgoing import Newlines
from support_flows import FlowRun
from support_smtp import pull, ready_client, sent
from support_smtp_clients import CLIENTS, connected
from support_smtp_servers import Accepting, serving
from support_smuggling import FALSE_ENDS, TRUE_ENDS
from support_split import splits

SMUGGLED = b"MAIL FROM:<evil@x.example>\r\nRCPT TO:<c@x.example>\r\nDATA\r\nevil\r\n.\r\nQUIT\r\n"
ENDS = FALSE_ENDS | TRUE_ENDS
MESSAGES = {name: b"Subject: x\r\n\r\nharmless" + end + SMUGGLED for name, end in ENDS.items()} | {
    "begins with a dot": b".\r\n" + SMUGGLED,
    "begins with LF and a dot": b"\n.\n" + SMUGGLED,
    "begins with CR and a dot": b"\r.\r" + SMUGGLED,
    "ends in CR": b"x\r\n.\r",
    "ends in a dot": b"x\r\n.",
    "ends in LF and a dot": b"x\n.",
    "is a dot": b".",
    "is CR": b"\r",
    "is nothing": b"",
}
ENVELOPE: dict[str, Any] = {"reverse_path": "a@x.example", "forward_paths": ["b@x.example"]}

_NEWLINE = re.compile(rb"\r\n?|\n")
_BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n")
_ANY_END = re.compile(rb"(?:\A|\r\n?|\n)\.(?:\r\n?|\n)")


class Raw:
    """What is like an EmailMessage and gives whatever octets it has."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets

    def as_bytes(self) -> bytes:
        return self._octets


class Pipe(io.BytesIO):
    """A file that cannot seek."""

    def seekable(self) -> bool:
        return False


def body_sent(message: Any, newlines: Newlines) -> tuple[bytes, bool]:
    """Return what is sent behind DATA, and whether that was all of the message."""
    client = ready_client()
    run: Any = FlowRun(client, send_message(client, message, **ENVELOPE, body="8BITMIME", newlines=newlines))
    if run.is_done:
        assert isinstance(run.error, LocalProtocolError)
        assert run.take_sent() == b""
        return b"", False
    assert run.take_sent().endswith(b"\r\nRCPT TO:<b@x.example>\r\nDATA\r\n")
    run.feed(b"250 ok\r\n250 ok\r\n354 go\r\n")
    octets = run.take_sent()
    if run.is_done:
        assert isinstance(run.error, LocalProtocolError)
        return octets, False
    run.feed(b"250 ok\r\n")
    assert run.error is None
    assert run.take_sent() == b""
    return octets, True


def check(message: Any, octets: bytes, newlines: Newlines) -> None:
    """See that *message*, which has *octets*, is sent as one message, or not at all."""
    body, is_whole = body_sent(message, newlines)
    assert _BARE.search(body.removesuffix(b"\r")) is None
    ends = [found.end() for found in _ANY_END.finditer(body)]
    assert is_whole or newlines != "convert"
    assert ends == ([len(body)] if is_whole else [])
    if is_whole:
        is_converted = newlines == "convert" or (newlines == "keep" and hasattr(message, "as_bytes"))
        assert is_converted or _BARE.search(octets) is None
        expected = _NEWLINE.sub(b"\r\n", octets)
        expected += b"" if expected.endswith(b"\r\n") or not expected else b"\r\n"
        assert re.sub(rb"(?m)^\.", b"", body.removesuffix(b".\r\n")) == expected


FORMS: dict[str, Callable[[bytes], Any]] = {
    "octets": lambda octets: octets,
    "file": io.BytesIO,
    "file that cannot seek": Pipe,
    "iterator": lambda octets: iter([octets]),
    "octet by octet": lambda octets: (octets[at : at + 1] for at in range(len(octets))),
    "EmailMessage": Raw,
}


@pytest.mark.parametrize("newlines", get_args(Newlines))
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_in_any_form(name: str, form: str, newlines: Newlines) -> None:
    check(FORMS[form](MESSAGES[name]), MESSAGES[name], newlines)


@pytest.mark.parametrize("newlines", get_args(Newlines))
@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_cut_anywhere(name: str, newlines: Newlines) -> None:
    for pieces in splits(MESSAGES[name]):
        check(iter(pieces), MESSAGES[name], newlines)


@pytest.mark.parametrize("name", MESSAGES)
def test_a_connection_refuses_what_is_not_safe(name: str) -> None:
    octets = MESSAGES[name]
    for pieces in splits(octets):
        client = ready_client()
        for command in (Mail(Path.of("a@x")), Rcpt(Path.of("b@x")), Data()):
            client.send_command(command)
        client.receive_data(b"250 ok\r\n250 ok\r\n354 go\r\n")
        pull(client)
        sent(client)
        is_whole = True
        try:
            for piece in pieces:
                client.send_body(piece)
            client.end_body()
        except LocalProtocolError:
            is_whole = False
        body = sent(client)
        assert is_whole is (_BARE.search(octets) is None)
        assert _BARE.search(body.removesuffix(b"\r")) is None
        assert [found.end() for found in _ANY_END.finditer(body)] == ([len(body)] if is_whole else [])


def composed(policy: Any, text: str) -> Message:
    message: Message = EmailMessage(policy) if policy is not compat32 else Message()
    message["Subject"] = "x"
    message.set_payload(text)
    return message


@pytest.mark.parametrize("policy", [default, SMTP, compat32], ids=["default", "SMTP", "compat32"])
@pytest.mark.parametrize("name", [name for name, octets in MESSAGES.items() if octets.isascii()])
def test_a_real_email_message(name: str, policy: Any) -> None:
    message = composed(policy, MESSAGES[name].decode())
    check(message, message.as_bytes(), "convert")


@pytest.mark.parametrize("client", CLIENTS)
def test_over_sockets_one_message_arrives_for_each_that_is_sent(client: str) -> None:
    handler = Accepting()
    with serving("sync", handler) as server, connected(client, server.port) as smtp:
        for octets in MESSAGES.values():
            smtp.send_message(octets, **ENVELOPE)
        assert smtp.noop().code == 250
    assert [(envelope, to) for envelope, to, _ in handler.taken] == [
        ("<a@x.example>", ["<b@x.example>"])
    ] * len(MESSAGES)
