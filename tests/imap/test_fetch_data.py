from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from unittest import mock

import pytest
from bench.fetch_corpus import responses
from hypothesis import given
from hypothesis import strategies as st

from mailproto.errors import Defect, ItemMissing, LocalProtocolError
from mailproto.imap.cursor import Cursor, ParseError
from mailproto.imap.ext.condstore import MODSEQ
from mailproto.imap.fetch import (
    BODY,
    BODYSTRUCTURE,
    ENVELOPE,
    FLAGS,
    INTERNALDATE,
    RFC822,
    RFC822_HEADER,
    RFC822_SIZE,
    RFC822_TEXT,
    UID,
    Answer,
    BodySection,
    FetchItem,
    OtherItem,
    SectionData,
)
from mailproto.imap.fetch_data import FetchData, PreparedFetch, PreparedItem, prepare
from mailproto.imap.responses import UnreadResponse, parse_response, serialize_response
from mailproto.imap.sections import Section
from mailproto.imap.values import Content, Message, Omitted, Streamed
from mailproto.imap.writer import StreamedLiteral
from mailproto.mime.addresses import EnvelopeAddress
from mailproto.mime.body_structure import BasicPart, MultiPart, TextPart
from mailproto.mime.envelope import Envelope
from support_fetch import DAMAGE, fetch_data_values, general_path
from support_imap_wire import frame

ENVELOPE_OCTETS = b'("d" "s" (("n" NIL "m" "h")) NIL NIL NIL NIL NIL NIL "<i>")'
ENVELOPE_VALUE = Envelope(
    date=b"d", subject=b"s", from_=(EnvelopeAddress(b"n", None, b"m", b"h"),), message_id=b"<i>"
)
BODY_OCTETS = b'("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 3028 92)'
BODY_VALUE = TextPart(parameters=((b"CHARSET", b"US-ASCII"),), size=3028, lines=92)
DATE = datetime(1996, 7, 17, 2, 44, 25, tzinfo=timezone(-timedelta(hours=7)))

CASES: list[tuple[bytes, FetchData]] = [
    # RFC 3501 section 7.4.2
    (
        b"* 23 FETCH (FLAGS (\\Seen) RFC822.SIZE 44827)",
        FetchData(23, FLAGS.answer(frozenset({"\\Seen"})), RFC822_SIZE.answer(44827)),
    ),
    (b"* 1 FETCH (UID 4294967295)", FetchData(1, UID.answer(4294967295))),
    (b"* 4294967295 FETCH (UID 1)", FetchData(4294967295, UID.answer(1))),
    (b"* 1 FETCH (FLAGS ())", FetchData(1, FLAGS.answer(frozenset()))),
    (b"* 1 FETCH (FLAGS ($Junk \\Recent))", FetchData(1, FLAGS.answer(frozenset({"$Junk", "\\Recent"})))),
    (b'* 1 FETCH (INTERNALDATE "17-Jul-1996 02:44:25 -0700")', FetchData(1, INTERNALDATE.answer(DATE))),
    (
        b'* 1 FETCH (INTERNALDATE " 7-Jul-1996 02:44:25 +0000")',
        FetchData(1, INTERNALDATE.answer(datetime(1996, 7, 7, 2, 44, 25, tzinfo=UTC))),
    ),
    (b"* 12 FETCH (ENVELOPE %b)" % ENVELOPE_OCTETS, FetchData(12, ENVELOPE.answer(ENVELOPE_VALUE))),
    (b"* 12 FETCH (BODY %b)" % BODY_OCTETS, FetchData(12, BODY.answer(BODY_VALUE))),
    (b"* 12 FETCH (BODYSTRUCTURE %b)" % BODY_OCTETS, FetchData(12, BODYSTRUCTURE.answer(BODY_VALUE))),
    (
        b"* 12 FETCH (BODY[HEADER] {5}\r\nA: b\n UID 7 BODY[]<10> {0}\r\n BODY[3] NIL)",
        FetchData(
            12,
            BodySection((), "HEADER").answer(b"A: b\n"),
            UID.answer(7),
            BodySection(partial=(10, 1)).answer(b""),
            BodySection((3,)).answer(None),
        ),
    ),
    (
        b"* 12 FETCH (RFC822 {1}\r\na RFC822.HEADER {1}\r\nb RFC822.TEXT NIL)",
        FetchData(12, RFC822.answer(b"a"), RFC822_HEADER.answer(b"b"), Answer("RFC822.TEXT", None)),
    ),
    (
        b'* 12 FETCH (X-LABELS (\\Inbox "a b") MODSEQ (5) X.SIZE[1.2] 7 X NIL)',
        FetchData(
            12,
            OtherItem("X-LABELS").answer(("\\Inbox", b"a b")),
            MODSEQ.answer(5),
            OtherItem("X.SIZE[1.2]").answer(7),
            OtherItem("X").answer(None),
        ),
    ),
]

OTHER_SPELLINGS: list[tuple[bytes, FetchData]] = [
    (b"* 1 fetch (uid 5 Flags (\\SEEN))", FetchData(1, UID.answer(5), FLAGS.answer(frozenset({"\\Seen"})))),
    (b'* 1 FETCH (BODY[TEXT] "abc")', FetchData(1, BodySection((), "TEXT").answer(b"abc"))),
    (
        b'* 1 FETCH (body[header.fields ("From")] {2}\r\n\r\n)',
        FetchData(1, BodySection((), "HEADER.FIELDS", ("From",)).answer(b"\r\n")),
    ),
    (
        b'* 1 FETCH (INTERNALDATE "17-jul-1996 02:44:25 -0700")',
        FetchData(1, INTERNALDATE.answer(DATE)),
    ),
    (
        b'* 1 FETCH (INTERNALDATE "17-Jul-1996 02:44:25 -0660")',
        FetchData(1, INTERNALDATE.answer(DATE)),
    ),
]

UID_5 = UID.answer(5)
SEEN = FLAGS.answer(frozenset({"\\Seen"}))

# what servers send; what can be read; rule and offset of each defect
DEVIATIONS: list[tuple[bytes, list[Answer], list[tuple[str, int]]]] = [
    (b"* 1 FETCH ()", [], [("a fetch item", 11)]),
    (b"* 1 FETCH (UID 5", [UID_5], [("one space or a closing parenthesis", 16)]),
    (b"* 1 FETCH (UID 5 ", [UID_5], [("a fetch item", 17)]),
    (b"* 1 FETCH (UID 5 )", [UID_5], [("one space or a closing parenthesis", 16)]),
    (b"* 1 FETCH ( UID 5)", [], [("a fetch item", 11)]),
    (b"* 1 FETCH (UID 5  FLAGS (\\Seen))", [UID_5, SEEN], [("one space or a closing parenthesis", 16)]),
    (b"* 1 FETCH (UID 5x FLAGS (\\Seen))", [UID_5, SEEN], [("one space or a closing parenthesis", 16)]),
    (b"* 1 FETCH (UID 5) ", [UID_5], [("the end of the response", 17)]),
    (b"* 1 FETCH (UID 5)x", [UID_5], [("the end of the response", 17)]),
    (b"* 1 FETCH (UID 0 FLAGS (\\Seen))", [SEEN], [("a 32-bit number other than 0", 15)]),
    (b"* 1 FETCH (UID NIL FLAGS (\\Seen))", [SEEN], [("a 32-bit number other than 0", 15)]),
    (b"* 1 FETCH (UID  5 FLAGS (\\Seen))", [UID_5, SEEN], [("one space before a value", 14)]),
    (
        b"* 1 FETCH (X  5 UID  0 FLAGS (\\Seen))",
        [OtherItem("X").answer(5), SEEN],
        [("one space before a value", 12), ("a 32-bit number other than 0", 21)],
    ),
    (b"* 1 FETCH (UID 5 UID 6)", [UID.answer(6)], [("each item only once", 17)]),
    (b"* 1 FETCH (RFC822.SIZE -17 UID 5)", [RFC822_SIZE.answer(0), UID_5], [("a size of 0 or more", 23)]),
    (b"* 1 FETCH (FLAGS (\\Seen  \\Seen) UID 5)", [SEEN, UID_5], [("flags with one space between them", 17)]),
    (
        b'* 1 FETCH (INTERNALDATE "31-Feb-1996 02:44:25 -0700" UID 5)',
        [UID_5],
        [("a date-time that exists", 24)],
    ),
    (b"* 1 FETCH (INTERNALDATE NIL UID 5)", [UID_5], [("a date-time", 24)]),
    (b"* 1 FETCH (ENVELOPE NIL UID 5)", [UID_5], [("b'('", 20)]),
    (
        b'* 1 FETCH (ENVELOPE ("d" "s") UID 5)',
        [ENVELOPE.answer(Envelope(date=b"d", subject=b"s")), UID_5],
        [("an envelope of ten fields", 28)],
    ),
    (b"* 1 FETCH (BODYSTRUCTURE NIL UID 5)", [UID_5], [("b'('", 25)]),
    (
        b'* 1 FETCH (BODYSTRUCTURE (() "mixed") UID 5)',
        [BODYSTRUCTURE.answer(BasicPart(type=b"MULTIPART", subtype=b"mixed")), UID_5],
        [("a multipart with a part", 27)],
    ),
    (
        b"* 1 FETCH (ENVELOPE %b UID 5)" % (b"(" * 2_000 + b")" * 2_000),
        [UID_5],
        [("at most 100 levels of nesting", 120)],
    ),
    (
        b"* 1 FETCH (BODYSTRUCTURE %b UID 5)" % (b"(" * 2_000 + b")" * 2_000),
        [UID_5],
        [("at most 100 levels of nesting", 125)],
    ),
    (b"* 1 FETCH (UID 5 X %b)" % (b"(" * 2_000), [UID_5], [("at most 100 levels of nesting", 119)]),
    (b"* 1 FETCH (BODY[0] {3}\r\nabc UID 5)", [UID_5], [("b']'", 16)]),
    (b'* 1 FETCH (BODY[X "a] b" UID 5)', [], [("b']'", 16)]),
    (b"* 1 FETCH (BODY.PEEK[] {3}\r\nabc UID 5)", [UID_5], [("a fetch item", 11)]),
    (b'* 1 FETCH ("UID" 5)', [], [("a fetch item", 11)]),
    (b'* 1 FETCH (UID 5 X "abc)', [UID_5], [("a quoted string", 19)]),
    (b'* 1 FETCH (X "a\\', [], [("a quoted string", 13)]),
    (
        b'* 1 FETCH (BODY[] "\xe9")',
        [BodySection().answer(b"\xe9")],
        [("7-bit octets in a quoted string", 18)],
    ),
]

UNREAD: list[tuple[bytes, tuple[str, int]]] = [
    (b"* 0 FETCH (UID 5)", ("the number of a message", 2)),
    (b"* 1 FETCH", ("a space", 9)),
    (b"* 1 FETCH UID 5", ("b'('", 10)),
    (b"* 4294967296 FETCH (UID 5)", ("a number of 32 bits", 2)),
    (b"* FETCH (UID 5", ("a space", 14)),
]


def _parsed(octets: bytes, *, strict: bool = False) -> FetchData:
    data = parse_response(frame(octets + b"\r\n"), strict=strict)
    assert isinstance(data, FetchData)
    return data


def _octets(data: FetchData | PreparedFetch) -> bytes:
    (octets,) = serialize_response(data)
    assert isinstance(octets, bytes)
    return octets


@pytest.mark.parametrize(("octets", "data"), CASES, ids=repr)
def test_both_directions(octets: bytes, data: FetchData) -> None:
    for strict in (False, True):
        parsed = _parsed(octets, strict=strict)
        assert parsed == data
        assert hash(parsed) == hash(data)
        assert parsed.defects == ()
    assert _octets(data) == octets + b"\r\n"
    assert _octets(_parsed(octets)) == octets + b"\r\n"
    with general_path():
        assert _parsed(octets) == data


@pytest.mark.parametrize(("octets", "data"), OTHER_SPELLINGS, ids=repr)
def test_other_spellings(octets: bytes, data: FetchData) -> None:
    assert _parsed(octets, strict=True) == data
    with general_path():
        assert _parsed(octets, strict=True) == data


@pytest.mark.parametrize(("octets", "answers", "defects"), DEVIATIONS, ids=lambda value: repr(value)[:60])
def test_deviations(octets: bytes, answers: list[Answer], defects: list[tuple[str, int]]) -> None:
    message = frame(octets + b"\r\n")
    data = parse_response(message)
    assert isinstance(data, FetchData)
    assert list(data.answers) == answers
    assert [(defect.rule, defect.offset) for defect in data.defects] == defects
    with general_path():
        general = parse_response(message)
        assert isinstance(general, FetchData)
        assert (general, general.defects) == (data, data.defects)
    with pytest.raises(ParseError):
        parse_response(message, strict=True)


@pytest.mark.parametrize(
    ("octets", "keys", "rules"),
    [
        (b"UID 5 FLAGS (\\Seen a)", ("UID", "FLAGS"), []),
        (b"FLAGS () UID 5", ("FLAGS", "UID"), []),
        (b"FLAGS (\\Seen)", ("FLAGS",), []),
        (b"UID 5 FLAGS () UID 6", ("UID", "FLAGS"), ["each item only once"]),
        (b"UID 5 FLAGS (a  b)", ("UID", "FLAGS"), ["flags with one space between them"]),
        (b"FLAGS (" + b"a" * 600 + b") UID 5", ("FLAGS", "UID"), []),
    ],
    ids=["behind a UID", "before a UID", "alone", "between two UIDs", "with a defect", "many"],
)
def test_flags_alone(octets: bytes, keys: tuple[str, ...], rules: list[str]) -> None:
    message = Message(b"* 3 FETCH (" + octets + b")")
    data = _check_equal_paths(message)
    assert isinstance(data, FetchData)
    assert (data.sequence_number, data.keys) == (3, keys)
    assert [defect.rule for defect in data.defects] == rules
    assert data.known_uid == data.get(UID)


@pytest.mark.parametrize(("octets", "defect"), UNREAD, ids=repr)
def test_unread(octets: bytes, defect: tuple[str, int]) -> None:
    message = Message(octets)
    response = parse_response(message)
    assert response == UnreadResponse(octets)
    assert isinstance(response, UnreadResponse)
    assert [(defect.rule, defect.offset) for defect in response.defects] == [defect]
    with pytest.raises(ParseError):
        parse_response(message, strict=True)


MESSAGE = FetchData(
    7,
    UID.answer(40),
    SEEN,
    INTERNALDATE.answer(DATE),
    RFC822_SIZE.answer(5),
    ENVELOPE.answer(ENVELOPE_VALUE),
    BODY.answer(BODY_VALUE),
    BODYSTRUCTURE.answer(BODY_VALUE),
    RFC822.answer(b"a"),
    RFC822_HEADER.answer(b"b"),
    RFC822_TEXT.answer(b"c"),
    BodySection((1,)).answer(b"d"),
    OtherItem("X").answer((1,)),
)

ATTRIBUTES: list[tuple[FetchItem[object], Callable[[FetchData], object], object]] = [
    (UID, lambda message: message.uid, 40),
    (FLAGS, lambda message: message.flags, frozenset({"\\Seen"})),
    (INTERNALDATE, lambda message: message.internal_date, DATE),
    (RFC822_SIZE, lambda message: message.size, 5),
    (ENVELOPE, lambda message: message.envelope, ENVELOPE_VALUE),
    (BODY, lambda message: message.body, BODY_VALUE),
    (BODYSTRUCTURE, lambda message: message.body_structure, BODY_VALUE),
    (RFC822, lambda message: message.rfc822, b"a"),
    (RFC822_HEADER, lambda message: message.rfc822_header, b"b"),
    (RFC822_TEXT, lambda message: message.rfc822_text, b"c"),
]


@pytest.mark.parametrize(("item", "attribute", "value"), ATTRIBUTES, ids=repr)
def test_attributes(item: FetchItem[object], attribute: Callable[[FetchData], object], value: object) -> None:
    assert attribute(MESSAGE) == MESSAGE[item] == MESSAGE.get(item) == value
    assert item in MESSAGE
    empty = FetchData(7, OtherItem("X").answer(1))
    assert item not in empty
    assert empty.get(item) is None
    for read in (attribute, lambda message: message[item]):
        with pytest.raises(ItemMissing) as caught:
            read(empty)
        assert caught.value.item == item.key


def test_items_beyond_attributes() -> None:
    assert MESSAGE[BodySection((1,), peek=False)] == b"d"
    assert MESSAGE[OtherItem("x")] == (1,)
    assert MESSAGE.sections == (SectionData(Section((1,)), None, b"d"),)
    assert MESSAGE.other == (("X", (1,)),)
    assert MESSAGE.keys[:2] == ("UID", "FLAGS")
    assert not hasattr(FetchData(7, UID_5), "flags")


@pytest.mark.parametrize("item", [BodySection((2,)), RFC822], ids=repr)
@pytest.mark.parametrize("content", [None, Streamed(9), Omitted(9)], ids=repr)
def test_octets_that_are_not_here(item: FetchItem[bytes], content: Streamed | Omitted | None) -> None:
    message = FetchData(7, item.answer(content))  # type: ignore[arg-type]  # what a server says may be NIL
    assert message.content(item) == content
    assert item in message
    assert message.get(item) is None
    with pytest.raises(ItemMissing, match="NIL" if content is None else "download"):
        message[item]
    assert message.replaced(item.answer(b"abc"))[item] == b"abc"


def test_a_streamed_literal_keeps_its_place() -> None:
    text = b"* 7 FETCH (BODY[] {70000}\r\n UID 5)"
    data = parse_response(Message(text, (Streamed(70_000),)))
    assert data == FetchData(7, BodySection().answer(Streamed(70_000)), UID_5)
    assert serialize_response(data) == [
        b"* 7 FETCH (BODY[] {70000}\r\n",
        StreamedLiteral(70_000),
        b" UID 5)\r\n",
    ]


def test_an_omitted_literal_is_a_defect() -> None:
    data = parse_response(Message(b"* 7 FETCH (BODY[] {70000}\r\n UID 5)", (Omitted(70_000),)))
    assert isinstance(data, FetchData)
    assert data.answers == (BodySection().answer(Omitted(70_000)), UID_5)
    assert data.defects == (Defect("a literal within the limit", 18, b"{70000}\r\n UID 5)"),)
    with pytest.raises(LocalProtocolError):
        serialize_response(data)


def test_a_large_body_is_not_copied() -> None:
    octets = bytes(range(1, 256)) * 100
    fragments = serialize_response(FetchData(7, BodySection().answer(octets)))
    assert fragments[1] is octets


def test_joined() -> None:
    first = FetchData(7, UID_5, FLAGS.answer(frozenset()))
    assert first.joined(FetchData(7, SEEN, RFC822_SIZE.answer(3))) == FetchData(
        7, UID_5, SEEN, RFC822_SIZE.answer(3)
    )


def test_equality() -> None:
    assert FetchData(1, UID_5) != FetchData(2, UID_5)
    assert FetchData(1, UID_5, SEEN) != FetchData(1, SEEN, UID_5)
    assert FetchData(1, UID_5) != FetchData(1, UID.answer(6))
    assert FetchData(1, UID_5) != "x"
    elsewhere = DATE.astimezone(UTC)
    assert elsewhere == DATE
    assert FetchData(1, INTERNALDATE.answer(DATE)) != FetchData(1, INTERNALDATE.answer(elsewhere))
    assert FetchData.of_parsed(1, {"UID": 5}, (Defect("x", 0),)) == FetchData(1, UID_5)


def test_it_does_not_change() -> None:
    message = FetchData(1, UID_5)
    with pytest.raises(AttributeError):
        message.number = 2
    with pytest.raises(AttributeError):
        del message.defects
    assert repr(message) == "FetchData(1, UID=5)"


def test_it_can_be_copied_and_pickled() -> None:
    message = _parsed(b"* 12 FETCH (UID 5 BODYSTRUCTURE %b)" % BODY_OCTETS)
    assert pickle.loads(pickle.dumps(message)) == copy.copy(message) == copy.deepcopy(message) == message


def test_a_section_with_many_fields() -> None:
    fields = tuple(f"X-Field-{number}" for number in range(100))
    data = FetchData(1, BodySection((), "HEADER.FIELDS", fields).answer(b""))
    assert parse_response(frame(_octets(data)), strict=True) == data


@pytest.mark.parametrize(
    ("number", "answers"), [(0, [UID_5]), (2**32, [UID_5]), (1, []), (1, [UID_5, UID_5])], ids=repr
)
def test_what_cannot_be_built(number: int, answers: list[Answer]) -> None:
    with pytest.raises(LocalProtocolError):
        FetchData(number, *answers)


@pytest.mark.parametrize("key", ["X\r\nY", "X Y", "", "body[]"])
def test_a_forged_answer_cannot_be_sent(key: str) -> None:
    with pytest.raises(LocalProtocolError):
        serialize_response(FetchData(1, Answer(key, 5)))


def test_nothing_left_cannot_be_sent() -> None:
    with pytest.raises(LocalProtocolError):
        serialize_response(_parsed(b"* 1 FETCH ()"))


def test_prepared() -> None:
    kept = prepare(UID.answer(40), ENVELOPE.answer(ENVELOPE_VALUE))
    assert kept == PreparedItem(b"UID 40 ENVELOPE " + ENVELOPE_OCTETS)
    octets = _octets(PreparedFetch(7, (kept, SEEN, prepare(RFC822_SIZE.answer(3)))))
    assert octets == b"* 7 FETCH (UID 40 ENVELOPE %b FLAGS (\\Seen) RFC822.SIZE 3)\r\n" % ENVELOPE_OCTETS
    assert _parsed(octets[:-2], strict=True).uid == 40
    streamed = serialize_response(PreparedFetch(7, (kept, BodySection().answer(Streamed(9)))))
    assert streamed[1:] == [StreamedLiteral(9), b")\r\n"]
    with pytest.raises(LocalProtocolError):
        prepare(BodySection().answer(Streamed(9)))


@given(fetch_data_values)
def test_round_trip_and_equal_paths(data: FetchData) -> None:
    octets = b"".join(map(_fragment, serialize_response(data)))
    message = frame(octets)
    assert parse_response(message, strict=True) == data
    parsed = parse_response(message)
    assert parsed == data
    assert b"".join(map(_fragment, serialize_response(parsed))) == octets
    _check_equal_paths(message)


def _fragment(fragment: object) -> bytes:
    assert isinstance(fragment, bytes)
    return fragment


@given(fetch_data_values, st.data())
def test_equal_paths_for_damaged_octets(data: FetchData, draw: st.DataObject) -> None:
    message = frame(b"".join(map(_fragment, serialize_response(data))))
    place = draw.draw(st.integers(0, len(message.text)))
    piece = draw.draw(st.sampled_from((*DAMAGE, b"[", b"]")))
    text = message.text[:place] + piece + message.text[place + draw.draw(st.integers(0, 2)) :]
    _check_equal_paths(Message(text, message.literals))


RICH = (
    b'* 1 FETCH (UID 2 FLAGS (a) ENVELOPE ("d" "s" (("n" NIL "m" "h")("n" NIL "m" "h"))'
    b" NIL NIL NIL NIL NIL NIL NIL)"
    b' BODYSTRUCTURE (("text" "plain" ("a" "b") NIL "e" "7bit" 1 2 NIL NIL NIL NIL)'
    b'("a" "b" NIL NIL NIL "c" 3 NIL ("d" ("f" "g")) NIL NIL) "mixed" ("boundary" "x") NIL NIL NIL))'
)


@pytest.mark.parametrize("subject", [b'"s"', b"{3}\r\n"])
@pytest.mark.parametrize("piece", DAMAGE)
def test_equal_paths_for_what_is_damaged_anywhere(piece: bytes, subject: bytes) -> None:
    text = RICH.replace(b'"s"', subject)
    assert not _defects(_check_equal_paths(Message(text, (b"a\nb",))))
    for place in range(len(b"* 1 FETCH ("), len(text)):
        _check_equal_paths(Message(text[:place] + piece + text[place:], (b"a\nb", b"x")))


@pytest.mark.parametrize("literals", [(), (b"a\0b",), (Omitted(3),), (Streamed(3),)])
def test_equal_paths_for_a_subject_that_is_not_there(literals: tuple[Content, ...]) -> None:
    _check_equal_paths(Message(RICH.replace(b'"s"', b"{3}\r\n"), literals))


def test_equal_paths_for_the_corpus() -> None:
    for message in responses(300):
        data = _check_equal_paths(message)
        assert isinstance(data, FetchData)
        assert data.defects == ()
        assert data == parse_response(message, strict=True)
        assert isinstance(data.body_structure, MultiPart | TextPart)


ITEM_OCTETS = st.sampled_from(
    (
        b"UID 5",
        b"UID 0",
        b"FLAGS (\\Seen)",
        b"FLAGS (a  b)",
        b'INTERNALDATE "17-Jul-1996 02:44:25 -0700"',
        b'INTERNALDATE "31-Feb-1996 02:44:25 -0700"',
        b'INTERNALDATE "17-Foo-1996 02:44:25 -0700"',
        b"RFC822.SIZE 3",
        b"RFC822.SIZE x",
        b"X-A 1",
        b"",
    )
)


@given(st.lists(ITEM_OCTETS, max_size=6))
def test_equal_paths_for_items_in_any_order(items: list[bytes]) -> None:
    _check_equal_paths(Message(b"* 1 FETCH (%b)" % b" ".join(items)))


def _check_equal_paths(message: Message) -> object:
    fused = parse_response(message)
    with mock.patch.object(Cursor, "look_ahead"):
        unseen = parse_response(message)
    with general_path():
        general = parse_response(message)
    assert fused == unseen == general
    assert _defects(fused) == _defects(unseen) == _defects(general)
    return fused


def _defects(response: object) -> object:
    return getattr(response, "defects", None)


@given(st.binary(max_size=60))
def test_any_octets_are_a_response(octets: bytes) -> None:
    message = Message(b"* 1 FETCH (" + octets)
    assert _check_equal_paths(message) is not None
