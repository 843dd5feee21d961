"""Our client never sends the end of a message but at its end, nor a bare CR or LF, whatever it is given."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from email.message import EmailMessage, Message
from email.policy import SMTP, compat32, default
from typing import Any, get_args

import pytest

from mailproto.address import Path
from mailproto.errors import LocalProtocolError
from mailproto.smtp import Data, DotEncoder, Mail, Rcpt, SMTPClientConnection
from mailproto.smtp.client_flows import send_message
from mailproto.smtp.data import ChunkEncoder
from mailproto.smtp.outgoing import Newlines, newlines_of
from support_flows import FlowRun
from support_smtp import pull, ready_client, sent
from support_smtp_clients import CLIENTS, connected
from support_smtp_servers import Accepting, serving
from support_smuggling import FALSE_ENDS, LONGEST, STRINGS, TRUE_ENDS, count_up_to, divisions
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
    for pieces in splits(MESSAGES[name]):
        send_all(MESSAGES[name], pieces)


def is_safe(octets: bytes) -> bool:
    """Return whether *octets*, which may go on, hold no end of a message and no bare CR or LF."""
    return _BARE.search(octets.removesuffix(b"\r")) is None and _ANY_END.search(octets) is None


def divide(encoder: DotEncoder, given: bytes, said: bytes) -> Iterator[tuple[bytes, bytes, DotEncoder]]:
    """Yield all that can be given next in all divisions into chunks: what was given and said, and the state.

    What is refused changes nothing, so that it need not be gone on from: it is as if it were not given.
    """
    yield given, said, encoder
    for chunk in STRINGS[1 : count_up_to(LONGEST - len(given))]:
        after = copy(encoder)
        try:
            octets = b"".join(after.encode(chunk))
        except LocalProtocolError:
            assert _BARE.search((given + chunk).removesuffix(b"\r")) is not None
            assert ended(after) == ended(encoder)
        else:
            yield from divide(after, given + chunk, said + octets)


def ended(encoder: DotEncoder) -> bytes | None:
    """Return how the message ends, None if it cannot: at a bare CR."""
    try:
        return encoder.finish()
    except LocalProtocolError:
        return None


def test_no_division_of_any_string_makes_an_end() -> None:
    """Every string of up to six octets of the alphabet, in every division into chunks."""
    given_whole = set()
    for given, said, encoder in divide(DotEncoder(), b"", b""):
        given_whole.add(given)
        assert is_safe(said)
        end = ended(encoder)
        assert (end is None) is given.endswith(b"\r")
        if end is None:
            continue
        body = said + end
        assert [found.end() for found in _ANY_END.finditer(body)] == [len(body)]
        line_end = b"" if given.endswith(b"\r\n") or not given else b"\r\n"
        assert re.sub(rb"(?m)^\.", b"", body.removesuffix(b".\r\n")) == given + line_end
    assert given_whole == {octets for octets in STRINGS if _BARE.search(octets.removesuffix(b"\r")) is None}


def in_body() -> SMTPClientConnection:
    client = ready_client()
    for command in (Mail(Path.of("a@x")), Rcpt(Path.of("b@x")), Data()):
        client.send_command(command)
    client.receive_data(b"250 ok\r\n250 ok\r\n354 go\r\n")
    pull(client)
    sent(client)
    return client


def send_all(octets: bytes, pieces: Sequence[bytes]) -> None:
    """See that a client sends *octets*, given in *pieces*, as one message, or leaves it without an end."""
    client = in_body()
    is_whole = True
    try:
        for piece in pieces:
            client.send_body(piece)
        client.end_body()
    except LocalProtocolError:
        is_whole = False
    body = sent(client)
    assert is_whole is (_BARE.search(octets) is None)
    assert is_safe(body) or is_whole
    assert [found.end() for found in _ANY_END.finditer(body)] == ([len(body)] if is_whole else [])


def test_a_connection_sends_no_false_end_of_any_string() -> None:
    """Whole, octet by octet, and up to four octets in every division."""
    for octets in STRINGS[1 : count_up_to(4)]:
        for pieces in divisions(octets):
            send_all(octets, pieces)
    for octets in STRINGS[count_up_to(4) :]:
        send_all(octets, [octets])
        send_all(octets, [octets[at : at + 1] for at in range(len(octets))])


@pytest.mark.parametrize("newlines", get_args(Newlines))
def test_no_treatment_of_newlines_makes_an_end_of_any_string(newlines: Newlines) -> None:
    """What the flows do before the encoder: up to five octets in every division."""
    for octets in STRINGS[1 : count_up_to(5)]:
        for pieces in divisions(octets):
            treatment, encoder = newlines_of(newlines), DotEncoder()
            said = []
            is_whole = True
            try:
                for piece in pieces:
                    said += encoder.encode(treatment.convert(piece))
                said += encoder.encode(treatment.finish())
                said.append(encoder.finish())
            except LocalProtocolError:
                is_whole = False
            body = b"".join(said)
            assert is_whole is (newlines == "convert" or _BARE.search(octets) is None)
            assert [found.end() for found in _ANY_END.finditer(body)] == ([len(body)] if is_whole else [])


def test_no_division_of_any_string_is_a_chunk_with_a_bare_newline() -> None:
    """Behind BDAT, of which the last says that the message ends: up to five octets in every division."""
    for octets in STRINGS[1 : count_up_to(5)]:
        for pieces in divisions(octets):
            encoder = ChunkEncoder()
            is_whole = True
            try:
                for at, piece in enumerate(pieces, 1):
                    encoder.check(piece, is_end=at == len(pieces))
            except LocalProtocolError:
                is_whole = False
            assert is_whole is (_BARE.search(octets) is None)


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
