from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.errors import LocalProtocolError
from mailproto.imap.body import parse_body, without_extension, write_body
from mailproto.imap.codec import parse_responses, serialize
from mailproto.imap.cursor import Cursor, ParseError
from mailproto.imap.fetch import BODY, BODYSTRUCTURE, NamedItem
from mailproto.imap.responses import FetchData
from mailproto.imap.values import Message, Omitted, Streamed
from mailproto.imap.writer import LiteralForm
from mailproto.mime.body_structure import (
    BasicPart,
    BodyStructure,
    Disposition,
    MessagePart,
    MultiPart,
    MultiPartExtension,
    SinglePartExtension,
    TextPart,
)
from mailproto.mime.envelope import Envelope
from mailproto.mime.scanner import MAX_DEPTH, scan
from mailproto.mime.structure import build_body_structure
from support_fetch import DAMAGE, bodies, general_path
from support_imap_wire import cursor_at, frame, written

US_ASCII = ((b"CHARSET", b"US-ASCII"),)
NIL_ENVELOPE = b"(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"

CASES: list[tuple[bytes, BodyStructure]] = [
    # RFC 3501 sections 7.4.2 and 8
    (
        b'("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 3028 92)',
        TextPart(parameters=US_ASCII, size=3028, lines=92),
    ),
    (
        b'(("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 1152 23)'
        b'("TEXT" "PLAIN" ("CHARSET" "US-ASCII" "NAME" "cc.diff")'
        b' "<960723163407.20117h@cac.washington.edu>" "Compiler diff" "BASE64" 4554 73) "MIXED")',
        MultiPart(
            parts=(
                TextPart(parameters=US_ASCII, size=1152, lines=23),
                TextPart(
                    parameters=(*US_ASCII, (b"NAME", b"cc.diff")),
                    content_id=b"<960723163407.20117h@cac.washington.edu>",
                    description=b"Compiler diff",
                    encoding=b"BASE64",
                    size=4554,
                    lines=73,
                ),
            ),
        ),
    ),
    (
        b'("image" "png" ("name" "a \\"b\\"") NIL NIL "base64" 7'
        b' "md5" ("attachment" ("filename" "\\\\")) "de" "u:")',
        BasicPart(
            type=b"image",
            subtype=b"png",
            parameters=((b"name", b'a "b"'),),
            encoding=b"base64",
            size=7,
            extension=SinglePartExtension(
                md5=b"md5",
                disposition=Disposition(b"attachment", ((b"filename", b"\\"),)),
                language=(b"de",),
                location=b"u:",
            ),
        ),
    ),
    (
        b'("image" "png" NIL NIL NIL "base64" 7 NIL ("inline" NIL) ("de" "en") NIL 5 (NIL ("x" 6)) "y")',
        BasicPart(
            type=b"image",
            subtype=b"png",
            encoding=b"base64",
            size=7,
            extension=SinglePartExtension(
                disposition=Disposition(b"inline"),
                language=(b"de", b"en"),
                more=(5, (None, (b"x", 6)), b"y"),
            ),
        ),
    ),
    (
        b'(("TEXT" "PLAIN" NIL NIL NIL "7BIT" 0 0 NIL NIL NIL NIL) "mixed"'
        b' ("boundary" "b") ("x" NIL) NIL "l" NIL)',
        MultiPart(
            parts=(TextPart(extension=SinglePartExtension()),),
            subtype=b"mixed",
            extension=MultiPartExtension(
                parameters=((b"boundary", b"b"),),
                disposition=Disposition(b"x"),
                location=b"l",
                more=(None,),
            ),
        ),
    ),
    (
        b'("MESSAGE" "RFC822" NIL NIL NIL "7BIT" 9 %b'
        b' ("TEXT" "PLAIN" NIL NIL NIL "7BIT" 5 1) 3 NIL NIL NIL NIL)' % NIL_ENVELOPE,
        MessagePart(
            envelope=Envelope(),
            body=TextPart(size=5, lines=1),
            size=9,
            lines=3,
            extension=SinglePartExtension(),
        ),
    ),
    (
        b'("MESSAGE" "GLOBAL" NIL NIL NIL "8BIT" 9 %b ("TEXT" "PLAIN" NIL NIL NIL "7BIT" 5 1) 3)'
        % NIL_ENVELOPE,
        MessagePart(
            subtype=b"GLOBAL",
            envelope=Envelope(),
            body=TextPart(size=5, lines=1),
            encoding=b"8BIT",
            size=9,
            lines=3,
        ),
    ),
    (
        b'("message" "global" NIL NIL NIL "8bit" 9)',
        BasicPart(type=b"message", subtype=b"global", encoding=b"8bit", size=9),
    ),
    (
        b'("message" "partial" ("id" {2}\r\na\n) {1}\r\n\r NIL "8bit" 9 NIL NIL NIL NIL)',
        BasicPart(
            type=b"message",
            subtype=b"partial",
            parameters=((b"id", b"a\n"),),
            content_id=b"\r",
            encoding=b"8bit",
            size=9,
            extension=SinglePartExtension(),
        ),
    ),
    (
        b'(("TEXT" {1}\r\n\n NIL NIL {2}\r\n\xc3\xa9 "7BIT" 0 0) {1}\r\n\r)',
        MultiPart(parts=(TextPart(subtype=b"\n", description=b"\xc3\xa9"),), subtype=b"\r"),
    ),
]

OTHER_SPELLINGS: list[tuple[bytes, BodyStructure]] = [
    (b'("text" "plain" nil Nil NIL "7BIT" 007 1)', TextPart(type=b"text", subtype=b"plain", size=7, lines=1)),
    (
        b'("image" "gif" NIL NIL NIL "x" 1 NIL)',
        BasicPart(type=b"image", subtype=b"gif", encoding=b"x", size=1, extension=SinglePartExtension()),
    ),
    (
        b'("image" "gif" NIL NIL NIL "x" 1 NIL NIL ("de"))',
        BasicPart(
            type=b"image",
            subtype=b"gif",
            encoding=b"x",
            size=1,
            extension=SinglePartExtension(language=(b"de",)),
        ),
    ),
    (
        b'({4}\r\nTEXT "PLAIN" NIL NIL NIL "7BIT" 7 1)',
        TextPart(size=7, lines=1),
    ),
]

TEXT = TextPart(type=b"text", subtype=b"plain", encoding=b"7bit", size=5, lines=1)
DEVIATIONS: list[tuple[bytes, BodyStructure, list[str], int]] = [
    (
        b'("text" "plain" NIL NIL NIL "7bit" 5)',
        TEXT.__class__(type=b"text", subtype=b"plain", encoding=b"7bit", size=5),
        ["a number of lines"],
        36,
    ),
    (b'("text" "plain" NIL NIL NIL "7bit" 5  1)', TEXT, ["a body structure as the grammar has it"], 37),
    (
        b'("text" "plain" NIL NIL NIL "7bit" -5 1)',
        TextPart(type=b"text", subtype=b"plain", encoding=b"7bit", lines=1),
        ["a size of 0 or more"],
        35,
    ),
    (
        b'("text" "plain" NIL NIL NIL NIL "5" 1)',
        TextPart(type=b"text", subtype=b"plain", encoding=b"7BIT", size=5, lines=1),
        ["a transfer encoding", "a size in digits"],
        28,
    ),
    (
        b'("text" NIL NIL NIL NIL "7bit" 5 1)',
        TextPart(type=b"text", subtype=b"PLAIN", encoding=b"7bit", size=5, lines=1),
        ["a media type and a subtype"],
        8,
    ),
    (b'("text" "plain" ("charset") NIL NIL "7bit" 5 1)', TEXT, ["parameters of a name and a value"], 26),
    (
        b'("text" "plain" ("charset" NIL) NIL NIL "7bit" 5 1)',
        TextPart(
            type=b"text", subtype=b"plain", parameters=((b"charset", b""),), encoding=b"7bit", size=5, lines=1
        ),
        ["a string, not NIL"],
        27,
    ),
    (b'("text" "plain" () NIL NIL "7bit" 5 1)', TEXT, ["NIL for no parameters"], 17),
    (
        b'("text" "plain")',
        TextPart(type=b"text", subtype=b"plain"),
        ["a transfer encoding", "a body structure of all its fields", "a number of lines"],
        15,
    ),
    (
        b'("text" "plain" NIL NIL NIL "7bit" 5 1 NIL "inline" ("de" 5) (1))',
        TextPart(
            type=b"text",
            subtype=b"plain",
            encoding=b"7bit",
            size=5,
            lines=1,
            extension=SinglePartExtension(disposition=Disposition(b"inline"), language=(b"de", b"5")),
        ),
        ["a disposition of a type and parameters", "a string or NIL"],
        43,
    ),
    (
        b'("text" "plain" NIL NIL NIL "7bit" 5 1 NIL ("inline") NIL)',
        TextPart(
            type=b"text",
            subtype=b"plain",
            encoding=b"7bit",
            size=5,
            lines=1,
            extension=SinglePartExtension(disposition=Disposition(b"inline")),
        ),
        ["a disposition of a type and parameters"],
        52,
    ),
    (
        b'("text" "plain" NIL NIL NIL "7bit" 5 1 NIL () NIL)',
        TextPart(
            type=b"text", subtype=b"plain", encoding=b"7bit", size=5, lines=1, extension=SinglePartExtension()
        ),
        ["a disposition of a type and parameters"],
        44,
    ),
    (
        b"(NIL NIL)",
        BasicPart(type=b"APPLICATION", subtype=b"OCTET-STREAM"),
        ["a media type and a subtype", "a transfer encoding", "a body structure of all its fields"],
        1,
    ),
    (b"()", BasicPart(type=b"MULTIPART", subtype=b"MIXED"), ["a multipart with a part"], 1),
    (
        b'(() "alternative" ("boundary" "x"))',
        BasicPart(type=b"MULTIPART", subtype=b"alternative", parameters=((b"boundary", b"x"),)),
        ["a multipart with a part"],
        2,
    ),
    (
        b'((("text" "plain" NIL NIL NIL "7bit" 5 1)) "mixed" NIL)',
        MultiPart(parts=(MultiPart(parts=(TEXT,)),), subtype=b"mixed", extension=MultiPartExtension()),
        ["a body structure as the grammar has it"],
        41,
    ),
    (
        b'(("text" "plain" NIL NIL NIL "7bit" 5 1) ("text" "plain" NIL NIL NIL "7bit" 5 1) "mixed")',
        MultiPart(parts=(TEXT, TEXT), subtype=b"mixed"),
        ["a body structure as the grammar has it"],
        41,
    ),
    (
        b'(("text" "plain" NIL NIL NIL "7bit" 5 1) "mixed" ("boundary" "b") ("inline" NIL) "de" x)',
        MultiPart(
            parts=(TEXT,),
            subtype=b"mixed",
            extension=MultiPartExtension(
                parameters=((b"boundary", b"b"),),
                disposition=Disposition(b"inline"),
                language=(b"de",),
                location=b"x",
            ),
        ),
        ["a string or NIL"],
        86,
    ),
    (
        b'("message" "rfc822" NIL NIL NIL "7bit" 5)',
        MessagePart(
            type=b"message", subtype=b"rfc822", encoding=b"7bit", size=5, envelope=Envelope(), body=TextPart()
        ),
        ["a message with its envelope and its body"],
        40,
    ),
    (
        b'("message" "rfc822" NIL NIL NIL "7bit" 5 (NIL "s") ("text" "plain" NIL NIL NIL "7bit" 5 1) 2 NIL)',
        MessagePart(
            type=b"message",
            subtype=b"rfc822",
            encoding=b"7bit",
            size=5,
            lines=2,
            envelope=Envelope(subject=b"s"),
            body=TEXT,
            extension=SinglePartExtension(),
        ),
        ["an envelope of ten fields"],
        49,
    ),
]

NOT_CASES = [
    b"",
    b"NIL",
    b'"x"',
    b"(",
    b'("text"',
    b"(" * 2_000,
    b"(" * 2_000 + b")" * 2_000,
    b'("text" {5}\r\n',
]


@pytest.mark.parametrize(("octets", "body"), CASES, ids=range(len(CASES)))
def test_both_directions(octets: bytes, body: BodyStructure) -> None:
    cursor = Cursor(frame(octets + b"\r\n"), strict=True)
    assert parse_body(cursor) == body
    cursor.expect_end()
    assert written(lambda writer: write_body(writer, body), LiteralForm.SERVER) == octets
    _check_equal_paths(frame(octets + b"\r\n"))


@pytest.mark.parametrize(("octets", "body"), OTHER_SPELLINGS, ids=range(len(OTHER_SPELLINGS)))
def test_other_spellings(octets: bytes, body: BodyStructure) -> None:
    cursor = Cursor(frame(octets + b"\r\n"), strict=True)
    assert parse_body(cursor) == body
    cursor.expect_end()
    _check_equal_paths(frame(octets + b"\r\n"))


@pytest.mark.parametrize(("octets", "body", "rules", "offset"), DEVIATIONS, ids=range(len(DEVIATIONS)))
def test_deviations(octets: bytes, body: BodyStructure, rules: list[str], offset: int) -> None:
    cursor = cursor_at(octets)
    assert parse_body(cursor) == body
    assert [(defect.rule, defect.offset) for defect in cursor.defects] == [(rule, offset) for rule in rules]
    cursor.expect_end()
    with pytest.raises(ParseError):
        parse_body(cursor_at(octets, strict=True))


@pytest.mark.parametrize("octets", NOT_CASES, ids=lambda octets: repr(octets[:20]))
def test_nothing_to_read(octets: bytes) -> None:
    for strict in (False, True):
        with pytest.raises(ParseError):
            parse_body(cursor_at(octets, strict=strict))


@pytest.mark.parametrize(
    ("content", "description"),
    [(Omitted(70_000), b""), (Streamed(70_000), None), (b"a\0b", b"a\0b")],
    ids=["omitted", "streamed", "NUL"],
)
def test_a_literal_that_is_not_plain_octets(
    content: Omitted | Streamed | bytes, description: bytes | None
) -> None:
    octets = b'("TEXT" "PLAIN" NIL NIL {70000}\r\n "7BIT" 0 0)'
    cursor = cursor_at(octets, content)
    body = parse_body(cursor)
    assert isinstance(body, TextPart)
    assert body.description == description
    assert [defect.offset for defect in cursor.defects] == [24]
    cursor.expect_end()


def _deep(levels: int) -> BodyStructure:
    body: BodyStructure = TextPart()
    for _ in range(levels - 1):
        body = MultiPart(parts=(body,))
    return body


def test_a_hundred_levels_around_a_leaf_and_no_more() -> None:
    body = _deep(101)
    octets = written(lambda writer: write_body(writer, body), LiteralForm.SERVER)
    assert parse_body(cursor_at(octets, strict=True)) == body
    with pytest.raises(ParseError):
        parse_body(cursor_at(b"(" + octets + b' "MIXED")'))
    with pytest.raises(LocalProtocolError):
        written(lambda writer: write_body(writer, _deep(102)))


def test_levels_of_messages_count_too() -> None:
    body: BodyStructure = TextPart()
    for _ in range(100):
        body = MessagePart(envelope=Envelope(), body=body)
    octets = written(lambda writer: write_body(writer, body), LiteralForm.SERVER)
    assert parse_body(cursor_at(octets, strict=True)) == body
    with pytest.raises(ParseError):
        parse_body(cursor_at(octets, strict=True, max_depth=99))


NESTED = {
    "multiparts": b"".join(
        b"Content-Type: multipart/mixed; boundary=b%03d\r\n\r\n--b%03d\r\n" % (level, level)
        for level in range(2 * MAX_DEPTH)
    ),
    "messages": b"Content-Type: message/rfc822\r\n\r\n" * 2 * MAX_DEPTH,
}


@pytest.mark.parametrize("item", [BODY, BODYSTRUCTURE], ids=repr)
@pytest.mark.parametrize("octets", NESTED.values(), ids=NESTED)
def test_what_the_scanner_opens_can_be_sent_and_read(octets: bytes, item: NamedItem[BodyStructure]) -> None:
    data = FetchData(1, item.answer(build_body_structure(octets, scan(octets))))
    (read,) = parse_responses(serialize(data), strict=True)
    assert read == data
    assert isinstance(read, FetchData)
    assert len(list(read[item].walk())) == MAX_DEPTH + 1


def test_levels_of_extension_data() -> None:
    octets = b'("a" "b" NIL NIL NIL "7BIT" 0 NIL NIL NIL NIL ' + b"(" * 200 + b"1" + b")" * 201
    with pytest.raises(ParseError):
        parse_body(cursor_at(octets))
    value: object = 5
    for _ in range(200):
        value = (value,)
    extension = SinglePartExtension(more=(value,))  # type: ignore[arg-type]  # built in a loop
    for wrong in (extension, SinglePartExtension(more=((),))):
        part = BasicPart(type=b"a", subtype=b"b", extension=wrong)
        with pytest.raises(LocalProtocolError):
            written(lambda writer, part=part: write_body(writer, part))  # type: ignore[misc]  # bound now


@pytest.mark.parametrize("size", [-1, 2**63])
def test_a_size_out_of_range_cannot_be_sent(size: int) -> None:
    with pytest.raises(LocalProtocolError):
        written(lambda writer: write_body(writer, TextPart(size=size)))


def test_reading_takes_linear_time() -> None:
    leaf = b'("TEXT" "PLAIN" NIL NIL NIL "7BIT" 0 0)'
    texts = [b"(((" + leaf * count for count in (200, 2_000)]
    times = []
    for text in texts:
        start = time.perf_counter()
        for _ in range(3):
            with pytest.raises(ParseError):
                parse_body(cursor_at(text))
        times.append(time.perf_counter() - start)
    assert times[1] < 100 * times[0] + 1


def test_without_extension() -> None:
    extension = SinglePartExtension(md5=b"m")
    inner = TextPart(extension=extension)
    message = MessagePart(envelope=Envelope(), body=inner, extension=extension)
    body = MultiPart(parts=(inner, message), extension=MultiPartExtension())
    assert without_extension(body) == MultiPart(
        parts=(TextPart(), MessagePart(envelope=Envelope(), body=TextPart()))
    )


@given(bodies)
def test_round_trip(body: BodyStructure) -> None:
    octets = written(lambda writer: write_body(writer, body), LiteralForm.SERVER)
    message = frame(octets + b"\r\n")
    cursor = Cursor(message, strict=True)
    assert parse_body(cursor) == body
    cursor.expect_end()
    _check_equal_paths(message)


@given(bodies, st.data())
def test_equal_paths_for_damaged_octets(body: BodyStructure, data: st.DataObject) -> None:
    octets = written(lambda writer: write_body(writer, body), LiteralForm.SERVER)
    message = frame(octets + b"\r\n")
    place = data.draw(st.integers(0, len(message.text)))
    piece = data.draw(st.sampled_from(DAMAGE))
    text = message.text[:place] + piece + message.text[place + data.draw(st.integers(0, 2)) :]
    _check_equal_paths(Message(text, message.literals))


def _check_equal_paths(message: Message) -> None:
    fused = _outcome(message)
    assert _outcome(message, looks_ahead=True) == fused
    with general_path():
        assert _outcome(message) == fused


def _outcome(message: Message, *, looks_ahead: bool = False) -> object:
    cursor = Cursor(message)
    if looks_ahead:
        cursor.look_ahead()
    try:
        return parse_body(cursor), cursor.position, cursor.literal_index, cursor.defects
    except ParseError as error:
        return str(error)
