"""The codec without a connection, in both directions."""

from __future__ import annotations

import pytest

from mailproto._secret import Secret
from mailproto.errors import Defect, LocalProtocolError, RemoteProtocolError
from mailproto.imap.codec import Done, Incomplete, Opaque, parse_commands, parse_responses, serialize
from mailproto.imap.commands import Append, Authenticate, Login, Noop, StartTLS, TaggedCommand
from mailproto.imap.events import InvalidCommand, SASLResponse
from mailproto.imap.ext.idle import Idle
from mailproto.imap.fetch import BodySection
from mailproto.imap.responses import (
    ContinuationRequest,
    ExistsData,
    FetchData,
    TaggedStatus,
    UnreadResponse,
)
from mailproto.imap.status import Bad, Ok
from mailproto.imap.values import Streamed
from mailproto.imap.writer import LiteralForm

RESPONSES = [
    (b"* OK ready {3}\r\n", [Ok("ready {3}")]),
    (b"* 3 EXISTS\r\na1 OK done\r\n", [ExistsData(3), TaggedStatus("a1", Ok("done"))]),
    (b"+ go\r\n* 1 EX", [ContinuationRequest("go"), Incomplete(b"* 1 EX")]),
    (b"* 1 FETCH (BODY[] {5}\r\nhello)\r\n", [FetchData(1, BodySection().answer(b"hello"))]),
    (b"* 1 FETCH (BODY[] {5}\r\nhel", [Incomplete(b"* 1 FETCH (BODY[] {5}\r\nhel")]),
    (b"a OK go\r\n\x16\x03\x01", [TaggedStatus("a", Ok("go")), Opaque(9)]),
    (b"", []),
]

COMMANDS = [
    (b"a NOOP\r\n", [TaggedCommand("a", Noop())]),
    (b"a LOGIN u {3}\r\np w\r\n", [TaggedCommand("a", Login("u", Secret("p w")))]),
    (b"a LOGIN u {3}\r\np", [Incomplete(b"a LOGIN u {3}\r\np")]),
    (b"a IDLE\r\nDONE\r\n", [TaggedCommand("a", Idle()), Done()]),
    (b"a IDLE\r\nDO", [TaggedCommand("a", Idle()), Incomplete(b"DO")]),
    (b"a STARTTLS\r\n", [TaggedCommand("a", StartTLS())]),
    (b"a STARTTLS\r\n\x16\x03", [TaggedCommand("a", StartTLS()), Opaque(12)]),
    (b"a APPEND x {3}\r\nabc\r\n", [TaggedCommand("a", Append("x", b"abc"))]),
]


@pytest.mark.parametrize("octets, values", RESPONSES)
def test_responses(octets: bytes, values: list[object]) -> None:
    assert parse_responses(octets) == values
    assert parse_responses(octets, strict=True) == values
    written = b"".join(serialize(value) for value in parse_responses(octets) if not isinstance(value, Opaque))
    assert octets.startswith(written)


@pytest.mark.parametrize("octets, values", COMMANDS)
def test_commands(octets: bytes, values: list[object]) -> None:
    assert parse_commands(octets) == values
    assert parse_commands(octets, strict=True) == values


def test_commands_are_written_in_each_literal_form() -> None:
    command = TaggedCommand("a", Append("x", b"abc"))
    assert serialize(command) == b"a APPEND x {3}\r\nabc\r\n"
    assert serialize(command, literal_form=LiteralForm.PLUS) == b"a APPEND x {3+}\r\nabc\r\n"
    with pytest.raises(LocalProtocolError):
        serialize(TaggedCommand("a", Append("x", Streamed(3))))


def test_sasl_responses_are_counted_by_the_caller() -> None:
    octets = b"a AUTHENTICATE PLAIN\r\nAHUAcA==\r\n*\r\nb NOOP\r\n"
    values = parse_commands(octets, exchanges=2)
    assert values == [
        TaggedCommand("a", Authenticate("PLAIN")),
        SASLResponse("a", Secret(b"\0u\0p")),
        SASLResponse("a", None),
        TaggedCommand("b", Noop()),
    ]
    assert b"".join(map(serialize, values)) == octets  # type: ignore[arg-type]  # nothing is opaque here
    assert serialize(Done()) == b"DONE\r\n"
    assert parse_commands(b"a AUTHENTICATE PLAIN\r\n*\r\nb NOOP\r\n", exchanges=2)[2] == TaggedCommand(
        "b", Noop()
    )


@pytest.mark.parametrize(
    "octets, tag",
    [
        (b"a LOGIN x\r\n", "a"),
        (b"\r\n", "*"),
        (b"a IDLE\r\nwhat\r\n", "a"),
        (b"a AUTHENTICATE PLAIN\r\nwh@t\r\n", "a"),
    ],
)
def test_malformed_commands(octets: bytes, tag: str) -> None:
    value = parse_commands(octets, exchanges=1)[-1]
    assert isinstance(value, InvalidCommand)
    assert (value.tag, type(value.status)) == (tag, Bad)
    with pytest.raises(RemoteProtocolError):
        parse_commands(octets, exchanges=1, strict=True)


def test_offsets_of_defects_count_in_the_data() -> None:
    octets = b"* 1 EXISTS\r\n* 1 FETCH (BODY[] {5}\r\nhello  UID 3)\n"
    _, fetch = parse_responses(octets)
    assert isinstance(fetch, FetchData)
    assert sorted((defect.offset, octets[defect.offset : defect.offset + 1]) for defect in fetch.defects) == [
        (octets.index(b"  UID"), b" "),
        (len(octets) - 1, b"\n"),
    ]
    command = parse_commands(b"a NOOP\r\nb NOOP\n")[1]
    assert isinstance(command, TaggedCommand)
    assert command.defects == (Defect("CRLF at the end of a line", 14, b"\n"),)
    with pytest.raises(RemoteProtocolError) as caught:
        parse_responses(b"* 1 EXISTS\r\nwhat\r\n", strict=True)
    assert caught.value.offset == 12


def test_what_cannot_be_read_is_kept() -> None:
    (value,) = parse_responses(b"what\r\n")
    assert isinstance(value, UnreadResponse)
    assert parse_responses(b"* LIST {99999999999999999999999999999}\r\nx")[0] == Incomplete(
        b"* LIST {99999999999999999999999999999}\r\nx"
    )
