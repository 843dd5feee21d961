from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from mailproto.errors import IMAPStatusError, ItemMissing, LimitReached, LocalProtocolError, ServerUnavailable
from mailproto.imap.client import IMAPClientConnection
from mailproto.imap.codec import parse_commands, parse_responses, serialize
from mailproto.imap.codes import ResponseCode
from mailproto.imap.commands import Command, Fetch, TaggedCommand, parse_command
from mailproto.imap.conversion import (
    BadConversion,
    BadParameters,
    Conversion,
    ConversionFailure,
    IncompleteConversion,
    MissingParameters,
    OtherFailure,
    TemporaryFailure,
)
from mailproto.imap.convert_flows import Converting
from mailproto.imap.cursor import ParseError
from mailproto.imap.events import InvalidCommand, LiteralData, LiteralEnded, LiteralStarted
from mailproto.imap.ext.binary import BinarySection, BinarySize
from mailproto.imap.ext.convert import (
    TEMPFAIL,
    AvailableConversions,
    BodyPartStructure,
    ConversionData,
    Conversions,
    Convert,
    ConvertedData,
    MaxConvertMessagesCode,
    MaxConvertPartsCode,
    UIDConvert,
)
from mailproto.imap.fetch import FLAGS, UID, BodySection, OtherItem
from mailproto.imap.pipelining import conflict
from mailproto.imap.responses import EnabledData, ExpungeData, Response, UnreadResponse
from mailproto.imap.sequence import SequenceSet, UIDSet
from mailproto.imap.status import Bad, No, Ok
from mailproto.imap.values import Omitted, Streamed
from mailproto.limits import IMAPLimits
from mailproto.mime.body_structure import BasicPart, SinglePartExtension
from support_imap import (
    client_events,
    feed,
    logged_in_client,
    logged_in_server,
    selected_client,
    selected_server,
    sent,
    server_events,
)
from support_imap_ext import check_code
from support_imap_scripts import ADAPTERS, converse
from support_imap_strategies import convert_responses, converts
from support_imap_wire import (
    check_command,
    check_response,
    command_octets,
    frame,
    parse_octets,
    read_response,
)
from support_inbox import Line

ONE, PDF = SequenceSet("2"), Conversion("APPLICATION/PDF")
PART = BinarySection((3,), peek=False)
JPEG = BasicPart(type=b"IMAGE", subtype=b"JPEG", encoding=b"8bit", size=4182)

COMMANDS: list[tuple[bytes, Command]] = [
    (b'CONVERT 2 ("APPLICATION/PDF") BINARY[3]', Convert(ONE, PDF, (PART,))),
    (
        b'CONVERT 2 ("text/plain" ("charset" "us-ascii" "unknown-character-replacement" "?")) BINARY[]',
        Convert(
            ONE,
            Conversion("text/plain", (("charset", "us-ascii"), ("unknown-character-replacement", "?"))),
            (BinarySection(peek=False),),
        ),
    ),
    (
        b'CONVERT 1:* (NIL ("PIX-X" "128")) (BINARY[4]<2001.1000> BODYPARTSTRUCTURE[2.1] BINARY.SIZE[])',
        Convert(
            SequenceSet("1:*"),
            Conversion(None, (("PIX-X", "128"),)),
            (
                BinarySection((4,), partial=(2001, 1000), peek=False),
                BodyPartStructure((2, 1)),
                BinarySize(),
            ),
        ),
    ),
    (
        b"UID CONVERT 100 (NIL) (UID BODY[HEADER] BODY[1.MIME] BODY[2.HEADER] "
        b"AVAILABLECONVERSIONS[2] X-NEW[1])",
        UIDConvert(
            UIDSet("100"),
            Conversion(),
            (
                UID,
                BodySection((), "HEADER", peek=False),
                BodySection((1,), "MIME", peek=False),
                BodySection((2,), "HEADER", peek=False),
                AvailableConversions((2,)),
                OtherItem("X-NEW[1]"),
            ),
        ),
    ),
    (b'CONVERSIONS "image/gif" "image/jpeg"', Conversions("image/gif", "image/jpeg")),
    (b'CONVERSIONS "*" "text/*"', Conversions("*", "text/*")),
]


@pytest.mark.parametrize(("wire", "command"), COMMANDS)
def test_commands_in_both_directions(wire: bytes, command: Command) -> None:
    check_command(wire, command)


READ: list[tuple[bytes, Command]] = [
    (b'convert 2 ("a/b") (binary[3])', Convert(ONE, Conversion("a/b"), (PART,))),
    (
        b"CONVERT 2 (nil (CHARSET {5}\r\nutf-8)) body[header]",
        Convert(ONE, Conversion(None, (("CHARSET", "utf-8"),)), (BodySection((), "HEADER", peek=False),)),
    ),
    (b"CONVERSIONS image/gif {1}\r\n*", Conversions("image/gif", "*")),
]


@pytest.mark.parametrize(("wire", "command"), READ)
def test_other_forms_are_read(wire: bytes, command: Command) -> None:
    assert parse_octets(b"a " + wire + b"\r\n") == command


@pytest.mark.parametrize(
    "wire",
    [
        b"CONVERT",
        b"CONVERT 2",
        b"CONVERT 2 BINARY[3]",
        b'CONVERT 2 ("a/b")',
        b'CONVERT 2 ("a/b") ()',
        b'CONVERT 2 "a/b" BINARY[3]',
        b"CONVERT 2 (a/b) BINARY[3]",
        b'CONVERT 2 ("*") BINARY[3]',
        b'CONVERT 2 ("image/*") BINARY[3]',
        b'CONVERT 2 ("image") BINARY[3]',
        b'CONVERT 2 ("a/b" ()) BINARY[3]',
        b'CONVERT 2 ("a/b" (x)) BINARY[3]',
        b'CONVERT 2 ("a/b" (x y z)) BINARY[3]',
        b'CONVERT 2 ("a/b" (x y X z)) BINARY[3]',
        b'CONVERT 2 ("a/b" ("" z)) BINARY[3]',
        b'CONVERT 2 ("a/b") BINARY[3.TEXT]',
        b'CONVERT 2 ("a/b") BINARY.PEEK[3]',
        b'CONVERT 2 ("a/b") BINARY',
        b'CONVERT 2 ("a/b") BODYPARTSTRUCTURE',
        b'CONVERT 2 ("a/b") BODY[HEADER]',
        b"CONVERT 2 (NIL) BODY[]",
        b"CONVERT 2 (NIL) BODY[TEXT]",
        b"CONVERT 2 (NIL) BODY[HEADER.FIELDS (To)]",
        b"CONVERT 2 (NIL) BODY[HEADER]<0.5>",
        b"CONVERT 2 (NIL) FLAGS",
        b"CONVERT 2 (NIL) RFC822.SIZE",
        b"UID CONVERT 0 (NIL) UID",
        b"CONVERSIONS",
        b"CONVERSIONS *",
        b'CONVERSIONS "*" "*/*"',
        b'CONVERSIONS "*" "*/gif"',
        b'CONVERSIONS "*" "image"',
    ],
)
def test_what_is_no_command(wire: bytes) -> None:
    with pytest.raises(ParseError):
        parse_command(frame(b"a " + wire + b"\r\n"))


BAD = BadParameters((BadConversion("text/html", "text/plain", (("charset", "us-ascii"),)),))

RESPONSES: list[tuple[bytes, Response]] = [
    (
        b'* CONVERSION "image/gif" "image/jpeg" ("pix-y" "pix-x")',
        ConversionData("image/gif", "image/jpeg", ("pix-y", "pix-x")),
    ),
    (b'* CONVERSION "image/gif" "image/png"', ConversionData("image/gif", "image/png")),
    (b'* 2 CONVERTED (TAG "a001") (BINARY[3] {2}\r\nhi)', ConvertedData(2, "a001", ((PART, b"hi"),))),
    (
        b'* 2 CONVERTED (TAG "a") (UID 100 BINARY[2] ~{3}\r\n\0\r\n BINARY.SIZE[] 0 BINARY[1]<9> NIL)',
        ConvertedData(
            2,
            "a",
            (
                (UID, 100),
                (BinarySection((2,)), b"\0\r\n"),
                (BinarySize(), 0),
                (BinarySection((1,), partial=(9, 5)), None),
            ),
        ),
    ),
    (
        b'* 2 CONVERTED (TAG "a") (BODYPARTSTRUCTURE[2] ("IMAGE" "JPEG" NIL NIL NIL "8bit" 4182))',
        ConvertedData(2, "a", ((BodyPartStructure((2,)), JPEG),)),
    ),
    (
        b'* 2 CONVERTED (TAG "a") (BODY[1.MIME] {2}\r\n\r\n X-NEW[2] (1 "a"))',
        ConvertedData(2, "a", ((BodySection((1,), "MIME"), b"\r\n"), ("X-NEW[2]", (1, b"a")))),
    ),
    (
        b'* 2 CONVERTED (TAG "a") (AVAILABLECONVERSIONS[2] (("IMAGE/JPEG" "a/b")) '
        b"AVAILABLECONVERSIONS[] (()))",
        ConvertedData(
            2, "a", ((AvailableConversions((2,)), ("IMAGE/JPEG", "a/b")), (AvailableConversions(), ()))
        ),
    ),
    (
        b'* 2 CONVERTED (TAG "a") (BINARY[3] (ERROR "non us-ascii" BADPARAMETERS "text/html" "text/plain" '
        b'("charset" "us-ascii")))',
        ConvertedData(2, "a", ((PART, ConversionFailure("non us-ascii", BAD)),)),
    ),
    (
        b'* 2 CONVERTED (TAG "a") (BODYPARTSTRUCTURE[9] (ERROR "none" BADPARAMETERS NIL "a/b" "c/d" "a/b"))',
        ConvertedData(
            2,
            "a",
            (
                (
                    BodyPartStructure((9,)),
                    ConversionFailure(
                        "none", BadParameters((BadConversion(None, "a/b"), BadConversion("c/d", "a/b")))
                    ),
                ),
            ),
        ),
    ),
    (
        b'* 2 CONVERTED (TAG "a") (BINARY[3] (ERROR "x" MISSINGPARAMETERS "c/d" "a/b" ("charset" "x")))',
        ConvertedData(
            2,
            "a",
            (
                (
                    PART,
                    ConversionFailure(
                        "x", MissingParameters((IncompleteConversion("c/d", "a/b", ("charset", "x")),))
                    ),
                ),
            ),
        ),
    ),
    (
        b'* 2 CONVERTED (TAG "a") (BINARY.SIZE[3] (ERROR "x" TEMPFAIL 5) AVAILABLECONVERSIONS[3] '
        b'(ERROR "y" TEMPFAIL) BINARY[4] (ERROR "z" X-NEW 1 (2)))',
        ConvertedData(
            2,
            "a",
            (
                (BinarySize((3,)), ConversionFailure("x", TemporaryFailure(5))),
                (AvailableConversions((3,)), ConversionFailure("y", TemporaryFailure())),
                (BinarySection((4,)), ConversionFailure("z", OtherFailure("X-NEW", (1, (2,))))),
            ),
        ),
    ),
]


@pytest.mark.parametrize(("wire", "response"), RESPONSES)
def test_responses_in_both_directions(wire: bytes, response: Response) -> None:
    check_response(wire, response)


READ_RESPONSES: list[tuple[bytes, Response]] = [
    (b'* 2 converted (tag "a") (binary[3] "hi")', ConvertedData(2, "a", ((PART, b"hi"),))),
    (b"* 2 CONVERTED (TAG {1}\r\na) (BINARY[3] ~{2}\r\nhi)", ConvertedData(2, "a", ((PART, b"hi"),))),
    (
        b'* 2 CONVERTED (TAG "a") (BINARY[3] (ERROR "x" MISSINGPARAMETERS (CHARSET)))',
        ConvertedData(
            2,
            "a",
            (
                (
                    PART,
                    ConversionFailure(
                        "x", MissingParameters((IncompleteConversion(None, None, ("CHARSET",)),))
                    ),
                ),
            ),
        ),
    ),
    (
        b'* 2 CONVERTED (TAG "a") (BINARY[3] (ERROR "x" MISSINGPARAMETERS "c/d" "a/b"(charset)))',
        ConvertedData(
            2,
            "a",
            (
                (
                    PART,
                    ConversionFailure(
                        "x", MissingParameters((IncompleteConversion("c/d", "a/b", ("charset",)),))
                    ),
                ),
            ),
        ),
    ),
    (b'* CONVERSION "a/b" "c/d" (pix-x)', ConversionData("a/b", "c/d", ("pix-x",))),
]


@pytest.mark.parametrize(("wire", "response"), READ_RESPONSES)
def test_other_forms_of_responses_are_read(wire: bytes, response: Response) -> None:
    assert read_response(wire) == response


@pytest.mark.parametrize(
    "wire",
    [
        b'* 0 CONVERTED (TAG "a") (BINARY[3] NIL)',
        b"* 2 CONVERTED (BINARY[3] NIL)",
        b'* 2 CONVERTED (TOG "a") (BINARY[3] NIL)',
        b'* 2 CONVERTED (TAG "a b") (BINARY[3] NIL)',
        b'* 2 CONVERTED (TAG "a") BINARY[3] NIL',
        b'* 2 CONVERTED (TAG "a") ()',
        b'* 2 CONVERTED (TAG "a") (BINARY[3])',
        b'* 2 CONVERTED (TAG "a") (BINARY NIL)',
        b'* 2 CONVERTED (TAG "a") (BINARY[TEXT] NIL)',
        b'* CONVERSION "a/b"',
        b'* CONVERSION "a" "b/c"',
        b'* CONVERSION "a/b" "c/d" ()',
        b'* CONVERSION NIL "c/d"',
    ],
)
def test_what_cannot_be_read(wire: bytes) -> None:
    assert isinstance(read_response(wire, strict=False), UnreadResponse)


@pytest.mark.parametrize(
    "value",
    [
        b"(ERROR",
        b'(ERROR "x")',
        b'(ERROR "x" BADPARAMETERS)',
        b'(ERROR "x" BADPARAMETERS "a/b")',
        b'(ERROR "x" BADPARAMETERS NIL NIL)',
        b'(ERROR "x" MISSINGPARAMETERS)',
        b'(ERROR "x" MISSINGPARAMETERS "a/b" "c/d")',
        b'(ERROR "x" MISSINGPARAMETERS NIL "c/d" (x))',
        b'(ERROR "x" TEMPFAIL 0)',
        b"(1 2)",
        b"-5",
    ],
)
def test_a_value_that_cannot_be_read_is_left_out(value: bytes) -> None:
    data = read_response(b'* 2 CONVERTED (TAG "a") (UID 7 BINARY.SIZE[3] ' + value + b")", strict=False)
    if value == b"(ERROR":
        assert isinstance(data, UnreadResponse)
        return
    assert isinstance(data, ConvertedData)
    assert data.items == (("UID", 7),)
    assert [defect.rule for defect in data.defects] == ["a value as its name has it"]


def test_an_item_that_comes_twice_is_a_defect() -> None:
    data = read_response(b'* 2 CONVERTED (TAG "a") (UID 7 BINARY.SIZE[3] 5 BINARY.SIZE[3] 6)', strict=False)
    assert isinstance(data, ConvertedData)
    assert data.items == (("UID", 7), ("BINARY.SIZE[3]", 6))
    assert [defect.rule for defect in data.defects] == ["each item only once"]


def test_a_response_of_which_nothing_is_left_cannot_be_sent() -> None:
    data = read_response(b'* 2 CONVERTED (TAG "a") (BINARY.SIZE[3] x)', strict=False)
    assert isinstance(data, ConvertedData)
    assert data.items == ()
    with pytest.raises(LocalProtocolError, match="expected an item"):
        serialize(data)


def test_depth_is_bounded() -> None:
    deep = b"(" * 200 + b")" * 200
    data = read_response(b'* 2 CONVERTED (TAG "a") (X-NEW ' + deep + b")", strict=False)
    assert isinstance(data, UnreadResponse)


CODES: list[tuple[bytes, ResponseCode]] = [
    (b"TEMPFAIL", TEMPFAIL),
    (b"MAXCONVERTMESSAGES 1", MaxConvertMessagesCode(1)),
    (b"MAXCONVERTPARTS 4294967295", MaxConvertPartsCode(4294967295)),
]


@pytest.mark.parametrize(("wire", "code"), CODES)
def test_codes_in_both_directions(wire: bytes, code: ResponseCode) -> None:
    check_code(wire, code)


@given(converts)
def test_commands_round_trip(command: Command) -> None:
    octets = serialize(TaggedCommand("a", command))
    assert parse_commands(octets, strict=True) == [TaggedCommand("a", command)]


@given(convert_responses)
def test_responses_round_trip(response: Response) -> None:
    assert parse_responses(serialize(response), strict=True) == [response]


ATTACKS: list[Callable[[], object]] = [
    lambda: Conversion("image/*"),
    lambda: Conversion("image"),
    lambda: Conversion("a/b\r\nz NOOP"),
    lambda: Conversion("a/" + "b" * 128),
    lambda: Conversion(None, (("x", "1"), ("X", "2"))),
    lambda: Conversion(None, (("", "1"),)),
    lambda: Conversion(None, (("x", "\0"),)),
    lambda: Conversion(None, (("x", 5),)),  # type: ignore[arg-type]  # the mistake
    lambda: Convert(ONE, Conversion(), ()),
    lambda: Convert(ONE, "a/b", (PART,)),  # type: ignore[arg-type]  # the mistake
    lambda: Convert(UIDSet("2"), Conversion(), (PART,)),  # type: ignore[arg-type]  # the mistake
    lambda: Convert(ONE, Conversion(), (FLAGS,)),
    lambda: Convert(ONE, Conversion(), (BodySection(),)),
    lambda: Convert(ONE, Conversion(), (BodySection((), "HEADER", partial=(0, 1)),)),
    lambda: Convert(ONE, Conversion("a/b"), (BodySection((), "HEADER"),)),
    lambda: Convert(ONE, Conversion(), (OtherItem("BODYPARTSTRUCTURE[1]"),)),
    lambda: Convert(ONE, Conversion(), (OtherItem("X", (b"a",)),)),
    lambda: Fetch(ONE, (BodyPartStructure((1,)),)),  # type: ignore[arg-type]  # the mistake
    lambda: BodyPartStructure((0,)),
    lambda: Conversions("*/*"),
    lambda: Conversions("*", "*\r\n"),
    lambda: ConversionData("image/*", "a/b"),
    lambda: ConversionData("a/b", "c/d", "charset"),  # type: ignore[arg-type]  # the mistake
    lambda: ConvertedData(0, "a", ((PART, b""),)),
    lambda: ConvertedData(1, "a b", ((PART, b""),)),
    lambda: ConvertedData(1, "a", ()),
    lambda: ConvertedData(1, "a", ((PART, b""), (PART, None))),
    lambda: ConvertedData(1, "a", ((PART, b""), (UID, 5))),
    lambda: ConvertedData(1, "a", ((UID, 0),)),
    lambda: ConvertedData(1, "a", ((UID, ConversionFailure("x", TemporaryFailure())),)),
    lambda: ConvertedData(1, "a", ((PART, 5),)),
    lambda: ConvertedData(1, "a", ((BinarySize(), -1),)),
    lambda: ConvertedData(1, "a", ((BodySection((), "HEADER"), b"\0"),)),
    lambda: ConvertedData(1, "a", ((BodyPartStructure(), b"x"),)),
    lambda: ConvertedData(1, "a", ((AvailableConversions(), ["a/b"]),)),
    lambda: ConvertedData(1, "a", ((AvailableConversions(), ("a/*",)),)),
    lambda: ConvertedData(1, "a", (("BINARY", b"x"),)),
    lambda: ConvertedData(1, "a", (("binary[1]", b"x"),)),
    lambda: ConvertedData(1, "a", (("BINARY[01]", b"x"),)),
    lambda: ConversionFailure("x\0", TemporaryFailure()),
    lambda: ConversionFailure("x", "TEMPFAIL"),  # type: ignore[arg-type]  # the mistake
    lambda: TemporaryFailure(0),
    lambda: BadParameters(()),
    lambda: BadParameters(("a/b",)),  # type: ignore[arg-type]  # the mistake
    lambda: BadConversion(None, None),
    lambda: BadConversion("a/b", None, (("x", "y"),)),
    lambda: MissingParameters(()),
    lambda: IncompleteConversion("a/b", "c/d", ()),
    lambda: IncompleteConversion(None, "c/d", ("x",)),
    lambda: IncompleteConversion(None, None, ("",)),
    lambda: OtherFailure("TEMPFAIL"),
    lambda: OtherFailure("X Y"),
    lambda: MaxConvertMessagesCode(0),
    lambda: MaxConvertPartsCode(2**32),
]


@pytest.mark.parametrize("build", ATTACKS)
def test_attacks(build: Callable[[], object]) -> None:
    with pytest.raises(LocalProtocolError):
        build()


def test_items_never_make_a_message_seen() -> None:
    command = Convert(ONE, Conversion(), (BinarySection((3,)), BodySection((), "HEADER")))
    assert command == Convert(
        ONE, Conversion(), (BinarySection((3,), peek=False), BodySection((), "HEADER", peek=False))
    )
    assert command_octets(command) == b"a CONVERT 2 (NIL) (BINARY[3] BODY[HEADER])\r\n"


def test_values_are_typed() -> None:
    failure = ConversionFailure("no such part", TemporaryFailure(5))
    size, structure, types = BinarySize((3,)), BodyPartStructure((3,)), AvailableConversions((3,))
    data = ConvertedData(
        2,
        "a",
        (
            (UID, 100),
            (PART, b"%PDF"),
            (size, 4),
            (structure, JPEG),
            (types, ("a/b",)),
            (BinarySection((4,)), failure),
            (BinarySection((5,)), None),
            (BinarySection((6,)), Streamed(9)),
            (BinarySection((7,)), Omitted(9)),
        ),
    )
    assert (data.uid, data[PART], data[BinarySection((3,))], data[size]) == (100, b"%PDF", b"%PDF", 4)
    assert (data[structure].subtype, data[types]) == (b"JPEG", ("a/b",))
    assert data.failure(BinarySection((4,))) == failure
    assert data.failure(PART) is None
    assert data.failures == (("BINARY[4]", failure),)
    assert failure.is_transient
    assert not ConversionFailure("x", BAD).is_transient
    for part, reason in (
        (4, "could not convert it: no such part"),
        (5, "NIL"),
        (6, "download"),
        (7, "download"),
        (8, "did not send it"),
    ):
        with pytest.raises(ItemMissing, match=reason):
            _ = data[BinarySection((part,))]
        assert data.get(BinarySection((part,))) is None
    assert data.get(size) == 4
    assert pickle.loads(pickle.dumps(data)) == data
    assert len({data, data.replaced({})}) == 1
    filled = data.replaced({"BINARY[6]": b"x" * 9, "BINARY[7]": b"y", "X": b"z"})
    assert filled[BinarySection((6,))] == b"x" * 9
    assert filled.get(BinarySection((7,))) is None
    with pytest.raises(ItemMissing):
        _ = ConvertedData(2, "a", ((PART, b""),)).uid


# Connections

OFFERED = ("IMAP4rev1", "BINARY", "CONVERT", "ENABLE", "UIDONLY")
CONVERT = b'a CONVERT 2 ("APPLICATION/PDF") BINARY[3]\r\n'
UID_CONVERT = b'a UID CONVERT 100 ("APPLICATION/PDF") BINARY[3]\r\n'


@pytest.mark.parametrize("command", [command for _, command in COMMANDS])
def test_the_capability_is_needed(command: Command) -> None:
    for offered in ((), ("CONVERT", "BINARY")):
        server = selected_server(capabilities=("IMAP4rev1", *offered))
        (event,) = feed(server, command_octets(command))
        assert isinstance(event, InvalidCommand) is (not offered)


def test_states() -> None:
    server = logged_in_server(capabilities=OFFERED)
    events = feed(server, b'a CONVERSIONS "*" "*"\r\n')
    assert events == [TaggedCommand("a", Conversions())]
    server.complete("a", Ok())
    (event,) = feed(server, CONVERT)
    assert isinstance(event, InvalidCommand)
    client = logged_in_client(" ".join(OFFERED))
    client.send_command(Conversions())
    with pytest.raises(LocalProtocolError, match="not legal in the state"):
        client.send_command(Convert(ONE, PDF, (PART,)))


def test_commands_come_in_any_pieces() -> None:
    octets = b'a CONVERT 2 (NIL ("x" {3+}\r\na b)) BINARY[3]\r\nb CONVERSIONS {3+}\r\na/b *\r\n'
    events = server_events(
        octets.replace(b" *\r\n", b' "*"\r\n'),
        lambda: selected_server(capabilities=(*OFFERED, "LITERAL+")),
    )
    assert events == [
        TaggedCommand("a", Convert(ONE, Conversion(None, (("x", "a b"),)), (PART,))),
        TaggedCommand("b", Conversions("a/b", "*")),
    ]


def test_a_server_streams() -> None:
    server = selected_server(capabilities=OFFERED)
    feed(server, UID_CONVERT)
    server.send(ConvertedData(2, "a", ((UID, 100), (PART, Streamed(4)))))
    assert server.literal_owed == 4
    server.send_literal(b"\0PDF")
    server.complete("a", Ok("UID CONVERT COMPLETED"))
    assert sent(server) == (
        b'* 2 CONVERTED (TAG "a") (UID 100 BINARY[3] ~{4}\r\n\0PDF)\r\na OK UID CONVERT COMPLETED\r\n'
    )


def test_what_a_server_may_not_say() -> None:
    server = selected_server(capabilities=OFFERED)
    data = ConvertedData(2, "a", ((PART, b""),))
    feed(server, b"a NOOP\r\n")
    with pytest.raises(LocalProtocolError, match="expected CONVERT in progress"):
        server.send(data)
    server.complete("a", Ok())
    feed(server, CONVERT)
    with pytest.raises(LocalProtocolError, match="expected the tag 'a'"):
        server.send(ConvertedData(2, "b", ((PART, b""),)))
    with pytest.raises(LocalProtocolError, match="EXPUNGE: not allowed now"):
        server.send(ExpungeData(1))
    server.send(data)
    server.complete("a", Ok())
    feed(server, UID_CONVERT)
    with pytest.raises(LocalProtocolError, match="expected the UID"):
        server.send(data)
    server.send(ExpungeData(1))
    server.complete("a", No("x", MaxConvertMessagesCode(1)))


def test_there_is_no_convert_without_sequence_numbers() -> None:
    """CONVERTED begins with one; RFC 9586 has no other form of it."""
    server = logged_in_server(capabilities=OFFERED)
    server.send(EnabledData(("UIDONLY",)))
    feed(server, b"b SELECT INBOX\r\n")
    server.complete("b", Ok())
    for octets in (CONVERT, UID_CONVERT):
        (event,) = feed(server, octets)
        assert isinstance(event, InvalidCommand)
        assert isinstance(event.status, Bad)
        server.complete("a", event.status)
        assert b"a BAD [UIDREQUIRED]" in sent(server)
    client = selected_client(" ".join(OFFERED))
    feed(client, b"* ENABLED UIDONLY\r\n")
    for command in (Convert(ONE, PDF, (PART,)), UIDConvert(UIDSet("1"), PDF, (PART,))):
        with pytest.raises(LocalProtocolError, match="UIDONLY is on"):
            client.send_command(command)
    client.send_command(Conversions())


def test_converts_are_pipelined() -> None:
    first = Convert(ONE, PDF, (PART,))
    assert conflict(first, [first]) is None
    assert conflict(UIDConvert(UIDSet("1"), PDF, (PART,)), [first]) is None
    assert conflict(Conversions(), [Conversions()]) is not None
    assert conflict(first, [UIDConvert(UIDSet("1"), PDF, (PART,))]) is not None


def small_client() -> IMAPClientConnection:
    client = selected_client(" ".join(OFFERED), limits=IMAPLimits(max_inline_literal=8))
    client.send_command(Convert(ONE, PDF, (PART,)), "a001")
    return client


@pytest.mark.parametrize("mark", [b"{12}", b"~{12}"])
def test_a_client_streams(mark: bytes) -> None:
    octets = (
        b'* 2 CONVERTED (TAG "a001") (UID 7 BINARY.SIZE[3] 12 BINARY[3]<5> ' + mark + b"\r\nhello, world)\r\n"
    )
    item = BinarySection((3,), partial=(5, 12))
    assert client_events(octets, small_client) == [
        LiteralStarted(2, item, 12, tag="a001"),
        LiteralData(b"hello, world"),
        LiteralEnded(12),
        ConvertedData(2, "a001", ((UID, 7), (BinarySize((3,)), 12), (item, Streamed(12)))),
    ]


def test_a_header_streams() -> None:
    octets = b'* 2 CONVERTED (tag "a001") (BODY[HEADER] {9}\r\nTo: x@y\r\n)\r\n'
    header = BodySection((), "HEADER")
    events = client_events(octets, small_client)
    assert events[-1] == ConvertedData(2, "a001", ((header, Streamed(9)),))
    assert events[0] == LiteralStarted(2, header, 9, tag="a001")


@pytest.mark.parametrize(
    "octets",
    [
        b'* 2 CONVERTED (TAG "a001") (BINARY[3] (ERROR {12}\r\nhello, world TEMPFAIL))\r\n',
        b"* 2 CONVERTED (TAG {4}\r\na001) (BINARY[3] {12}\r\nhello, world)\r\n",
    ],
)
def test_elsewhere_a_large_literal_is_left_out(octets: bytes) -> None:
    (event,) = client_events(octets, small_client)
    assert isinstance(event, ConvertedData)
    assert [defect.rule for defect in event.defects] == ["a literal within the limit"]


# Clients


def line_with_convert(limits: IMAPLimits | None = None) -> Line:
    line = Line(limits)
    line.conn.receive_data(b"* CAPABILITY IMAP4rev1 BINARY CONVERT IDLE\r\n")
    line.session.pump()
    return line


def converting(line: Line, numbers: SequenceSet | UIDSet, *items: Any) -> Converting:
    return Converting(line.session, numbers, "a/b", items or (PART,), {})


def test_answers_are_told_apart_by_tag() -> None:
    line = line_with_convert(IMAPLimits(max_inline_literal=4))
    first, second = converting(line, SequenceSet("1:2")), converting(line, SequenceSet("1:2"))
    line.start(first.fill())
    line.start(second.fill())
    assert line.sent() == [b'A2 CONVERT 1:2 ("a/b") BINARY[3]', b'A3 CONVERT 1:2 ("a/b") BINARY[3]']
    line.feed(
        b'* 1 CONVERTED (TAG "A3") (BINARY[3] {6}',
        b"second)",
        b'* 1 CONVERTED (TAG "A2") (BINARY[3] {5}',
        b"first)",
        b"A3 OK done",
        b"A2 OK done",
    )
    assert [data[PART] for data in first.ready] == [b"first"]
    assert [data[PART] for data in second.ready] == [b"second"]


def test_what_nobody_wants_is_not_kept() -> None:
    line = line_with_convert(IMAPLimits(max_inline_literal=4, max_section=8))
    results = converting(line, SequenceSet("1:2"))
    task = line.start(results.fill())
    line.feed(b'* 1 CONVERTED (TAG "A2") (BINARY[3] {9}', b"too large)")
    (data,) = results.ready
    assert data.get(PART) is None
    results.close()
    line.feed(b'* 2 CONVERTED (TAG "A2") (BINARY[3] {6}', b"closed)", b'* 2 CONVERTED (TAG "Z") (UID 6)')
    line.feed(b"A2 OK done")
    assert task.is_done
    assert list(results.ready) == []


def test_octets_of_an_unread_response_do_not_get_into_the_next_one() -> None:
    line = line_with_convert(IMAPLimits(max_inline_literal=4))
    results = converting(line, SequenceSet("1:2"))
    task = line.start(results.fill())
    line.feed(b'* 1 CONVERTED (TAG "A2") (BINARY[3] {6}', b"closed BINARY NIL)")
    line.feed(b'* 2 CONVERTED (TAG "A2") (BINARY[3] NIL)', b"A2 OK done")
    assert task.is_done
    assert [(data.sequence_number, data.items) for data in results.ready] == [(2, (("BINARY[3]", None),))]


def test_a_long_set_of_uids_goes_in_windows() -> None:
    line = line_with_convert()
    results = converting(line, UIDSet("1:3000"))
    task = line.start(results.fill())
    assert line.sent() == [b'A2 UID CONVERT 1:1000 ("a/b") BINARY[3]']
    line.feed(b'* 1 CONVERTED (TAG "A2") (UID 5 BINARY[3] {1}', b"x)", b"A2 OK done")
    assert line.sent() == [b'A3 UID CONVERT 1001:3000 ("a/b") BINARY[3]']
    task.run(results.fill())
    results.ready.clear()
    task.run(results.fill())
    line.feed(b"A3 OK done")
    assert results.is_finished


def test_sequence_numbers_are_followed() -> None:
    line = line_with_convert(IMAPLimits(max_command_line=60))
    results = converting(line, SequenceSet.of(range(1, 60, 2)))
    task = line.start(results.fill())
    (first,) = line.sent()
    line.feed(b"A2 OK done", b"* 1 EXPUNGE")
    assert first.startswith(b"A2 CONVERT 1,3,5,7,")
    assert not task.is_done
    assert all(len(command) < 60 for command in line.sent())


def both(adapter: str, results: Any) -> Any:
    """Return all results, and the error that ended them if one did."""
    if adapter == "sync":
        found: list[Any] = []
        try:
            found.extend(results)
        except IMAPStatusError as error:
            return found, error
        return found, None

    async def read() -> Any:
        found = []
        try:
            async for one in results:
                found.append(one)
        except IMAPStatusError as error:
            return found, error
        return found, None

    return read()


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_clients_convert(adapter: str) -> None:
    answer = (
        b'* 2 CONVERTED (TAG "{tag}") (UID 100 BINARY[2] ~{4}\r\n\0JPG BODYPARTSTRUCTURE[2] '
        b'("IMAGE" "JPEG" NIL NIL NIL "8bit" 4182 NIL NIL NIL))\r\n{tag} OK done\r\n'
    )
    items = (BinarySection((2,)), BodyPartStructure((2,)))
    (found, error), said = converse(
        adapter,
        "BINARY CONVERT",
        [answer],
        lambda imap: both(adapter, imap.uid_convert(100, "image/jpeg", *items, parameters={"pix-x": "128"})),
    )
    assert said == [b'UID CONVERT 100 ("image/jpeg" ("pix-x" "128")) (BINARY[2] BODYPARTSTRUCTURE[2])']
    (data,) = found
    assert error is None
    assert (data.uid, data[items[0]]) == (100, b"\0JPG")
    assert data[items[1]] == replace(JPEG, extension=SinglePartExtension())


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_clients_are_told_why_it_failed(adapter: str) -> None:
    answer = (
        b'* 2 CONVERTED (TAG "{tag}") (BINARY[3] (ERROR "Source text has non us-ascii" BADPARAMETERS '
        b'"text/html" "text/plain" ("charset" "us-ascii")))\r\n{tag} NO All conversions failed\r\n'
    )
    (found, error), said = converse(
        adapter,
        "BINARY CONVERT",
        [answer],
        lambda imap: both(adapter, imap.convert(2, "text/plain", PART, parameters={"charset": "us-ascii"})),
    )
    assert said == [b'CONVERT 2 ("text/plain" ("charset" "us-ascii")) BINARY[3]']
    assert [data.failure(PART).reason for data in found] == [BAD]
    assert str(error) == "CONVERT: NO All conversions failed"


@pytest.mark.parametrize(
    ("code", "family", "is_transient"),
    [
        (b"TEMPFAIL", ServerUnavailable, True),
        (b"MAXCONVERTMESSAGES 1", LimitReached, False),
        (b"MAXCONVERTPARTS 1", LimitReached, False),
    ],
)
@pytest.mark.parametrize("adapter", ADAPTERS)
def test_refusals(adapter: str, code: bytes, family: type[IMAPStatusError], is_transient: bool) -> None:
    with pytest.raises(family) as caught:
        converse(
            adapter,
            "BINARY CONVERT",
            [b"{tag} NO [" + code + b"] failed\r\n"],
            lambda imap: imap.convert(2, None, BinarySize((3,))).all(),
        )
    assert caught.value.is_transient is is_transient


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_clients_ask_for_conversions(adapter: str) -> None:
    answer = (
        b'* CONVERSION "image/gif" "image/jpeg" ("pix-y")\r\n* CONVERSION "image/gif" "image/png"\r\n'
        b"{tag} OK done\r\n"
    )
    found, said = converse(adapter, "BINARY CONVERT", [answer], lambda imap: imap.conversions("image/gif"))
    assert found == (
        ConversionData("image/gif", "image/jpeg", ("pix-y",)),
        ConversionData("image/gif", "image/png"),
    )
    assert said == [b'CONVERSIONS "image/gif" "*"']


CALLS: dict[str, Callable[[Any], Any]] = {
    "convert": lambda imap: imap.convert(2, None, PART).all(),
    "uid_convert": lambda imap: imap.uid_convert(2, None, PART).all(),
    "conversions": lambda imap: imap.conversions(),
}


@pytest.mark.parametrize("adapter", ADAPTERS)
@pytest.mark.parametrize("name", CALLS)
def test_clients_need_the_capability(name: str, adapter: str) -> None:
    with pytest.raises(LocalProtocolError, match="does not offer CONVERT"):
        converse(adapter, "BINARY", [], CALLS[name])
