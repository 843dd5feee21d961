from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.errors import Defect, LocalProtocolError
from mailproto.imap.cursor import Cursor, ParseError
from mailproto.imap.envelope import MAX_CACHED, MAX_KNOWN, parse_envelope, write_envelope
from mailproto.imap.values import Message, Omitted, Streamed
from mailproto.imap.writer import LiteralForm
from mailproto.mime.addresses import EnvelopeAddress
from mailproto.mime.envelope import Envelope
from support_fetch import DAMAGE, envelopes, general_path
from support_imap_wire import cursor_at, frame, written

GRAY = EnvelopeAddress(b"Terry Gray", None, b"gray", b"cac.washington.edu")
NILS = b"NIL NIL NIL NIL NIL NIL NIL NIL"

# RFC 3501 section 8
RFC_OCTETS = (
    b'("Wed, 17 Jul 1996 02:23:25 -0700 (PDT)" "IMAP4rev1 WG mtg summary and minutes"'
    b' (("Terry Gray" NIL "gray" "cac.washington.edu"))'
    b' (("Terry Gray" NIL "gray" "cac.washington.edu"))'
    b' (("Terry Gray" NIL "gray" "cac.washington.edu"))'
    b' ((NIL NIL "imap" "cac.washington.edu"))'
    b' ((NIL NIL "minutes" "CNRI.Reston.VA.US")("John Klensin" NIL "KLENSIN" "MIT.EDU"))'
    b' NIL NIL "<B27397-0100000@cac.washington.edu>")'
)
RFC_ENVELOPE = Envelope(
    date=b"Wed, 17 Jul 1996 02:23:25 -0700 (PDT)",
    subject=b"IMAP4rev1 WG mtg summary and minutes",
    from_=(GRAY,),
    sender=(GRAY,),
    reply_to=(GRAY,),
    to=(EnvelopeAddress(None, None, b"imap", b"cac.washington.edu"),),
    cc=(
        EnvelopeAddress(None, None, b"minutes", b"CNRI.Reston.VA.US"),
        EnvelopeAddress(b"John Klensin", None, b"KLENSIN", b"MIT.EDU"),
    ),
    message_id=b"<B27397-0100000@cac.washington.edu>",
)

CASES: list[tuple[bytes, Envelope]] = [
    (RFC_OCTETS, RFC_ENVELOPE),
    (b"(NIL NIL %b)" % NILS, Envelope()),
    (b'("" "" %b)' % NILS, Envelope(date=b"", subject=b"")),
    (rb'("NIL" "a \"b\" \\" %b)' % NILS, Envelope(date=b"NIL", subject=rb'a "b" ' + b"\\")),
    (b"(NIL {6}\r\na\r\n b\xff %b)" % NILS, Envelope(subject=b"a\r\n b\xff")),
    (
        b'({2}\r\n\xc3\xa9 NIL (({1}\r\n\xe9 NIL "a\\"b" "h")({1}\r\n\n NIL NIL NIL))'
        b" NIL NIL NIL NIL NIL {1}\r\n\r NIL)",
        Envelope(
            date=b"\xc3\xa9",
            from_=(EnvelopeAddress(b"\xe9", None, b'a"b', b"h"), EnvelopeAddress(b"\n", None, None, None)),
            in_reply_to=b"\r",
        ),
    ),
]

OTHER_SPELLINGS: list[tuple[bytes, Envelope]] = [
    (b"(nil Nil %b)" % NILS.lower(), Envelope()),
    (b"(NIL ~{1}\r\nx %b)" % NILS, Envelope(subject=b"x")),
    (b"(NIL { 1 }\r\nx %b)" % NILS, Envelope(subject=b"x")),
]

# what servers send against the grammar; what is read; rule and offset of the defects
DEVIATIONS: list[tuple[bytes, Envelope, list[tuple[str, int]]]] = [
    (b'("d" "s")', Envelope(date=b"d", subject=b"s"), [("an envelope of ten fields", 8)]),
    (b"()", Envelope(), [("an envelope of ten fields", 1)]),
    (b'("d"  "s" %b)' % NILS, Envelope(date=b"d", subject=b"s"), [("an envelope as the grammar has it", 5)]),
    (b"(date 5 %b)" % NILS, Envelope(date=b"date", subject=b"5"), [("a string or NIL", 1)]),
    (b'(("x") "s" %b)' % NILS, Envelope(subject=b"s"), [("a string or NIL", 1)]),
    (b'(NIL "s" () NIL NIL NIL NIL NIL NIL NIL)', Envelope(subject=b"s"), [("NIL for no addresses", 10)]),
    (
        b'(NIL "s" "x" NIL NIL NIL NIL NIL NIL NIL)',
        Envelope(subject=b"s"),
        [("NIL for no addresses", 9)],
    ),
    (
        b'(NIL NIL (("n" NIL "m")) NIL NIL NIL NIL NIL NIL NIL)',
        Envelope(from_=(EnvelopeAddress(b"n", None, b"m", None),)),
        [("an address of four fields", 22)],
    ),
    (
        b'(NIL NIL ("n" NIL "m" "h") NIL NIL NIL NIL NIL NIL NIL)',
        Envelope(from_=(EnvelopeAddress(b"n", None, b"m", b"h"),)),
        [("addresses in two pairs of parentheses", 10)],
    ),
    (
        b'(NIL NIL ((NIL NIL "m" "h") (NIL NIL "n" "h")) NIL NIL NIL NIL NIL NIL NIL)',
        Envelope(from_=(EnvelopeAddress(None, None, b"m", b"h"), EnvelopeAddress(None, None, b"n", b"h"))),
        [("an envelope as the grammar has it", 27)],
    ),
    (b'("\xe9" NIL %b)' % NILS, Envelope(date=b"\xe9"), [("7-bit octets in a quoted string", 1)]),
    (
        b'("a\\b" NIL %b)' % NILS,
        Envelope(date=b"ab"),
        [("a backslash only before a quote or a backslash", 1)],
    ),
    (b"({3}\r\na\0b NIL %b)" % NILS, Envelope(date=b"a\0b"), [("a literal without NUL", 1)]),
]

NOT_CASES = [
    b"",
    b"NIL",
    b'"x"',
    b"(",
    b'("x',
    b'("x" "y" ((((',
    b"(NIL {3}\r\nabc",
    b"(" * 2_000,
    b"{1}\r\nx",
]


@pytest.mark.parametrize(("octets", "envelope"), CASES, ids=range(len(CASES)))
def test_both_directions(octets: bytes, envelope: Envelope) -> None:
    cursor = Cursor(frame(octets + b"\r\n"), strict=True)
    assert parse_envelope(cursor) == envelope
    cursor.expect_end()
    assert written(lambda writer: write_envelope(writer, envelope), LiteralForm.SERVER) == octets


@pytest.mark.parametrize(("octets", "envelope"), OTHER_SPELLINGS, ids=repr)
def test_other_spellings(octets: bytes, envelope: Envelope) -> None:
    content, _, text = octets.rpartition(b"x") if b"{" in octets else (b"", b"", octets)
    cursor = cursor_at(content + text, *([b"x"] if content else []), strict=True)
    assert parse_envelope(cursor) == envelope
    cursor.expect_end()


@pytest.mark.parametrize(("octets", "envelope", "defects"), DEVIATIONS, ids=range(len(DEVIATIONS)))
def test_deviations(octets: bytes, envelope: Envelope, defects: list[tuple[str, int]]) -> None:
    message = frame(octets + b"\r\n")
    cursor = Cursor(message)
    assert parse_envelope(cursor) == envelope
    assert [(defect.rule, defect.offset) for defect in cursor.defects] == defects
    cursor.expect_end()
    with pytest.raises(ParseError):
        parse_envelope(Cursor(message, strict=True))


@pytest.mark.parametrize("octets", NOT_CASES, ids=lambda octets: repr(octets[:20]))
def test_nothing_to_read(octets: bytes) -> None:
    for strict in (False, True):
        with pytest.raises(ParseError):
            parse_envelope(cursor_at(octets, b"abc", strict=strict))


@pytest.mark.parametrize("content", [Omitted(70_000), Streamed(70_000)], ids=repr)
def test_a_literal_that_was_not_kept_is_a_defect(content: Omitted | Streamed) -> None:
    cursor = cursor_at(
        b'("d" {70000}\r\n (({1}\r\n NIL NIL NIL)) NIL NIL NIL NIL NIL NIL NIL)', content, b"n"
    )
    envelope = parse_envelope(cursor)
    assert envelope.date == b"d"
    assert not envelope.subject
    assert envelope.from_ == (EnvelopeAddress(b"n", None, None, None),)
    assert [defect.offset for defect in cursor.defects] == [5]
    cursor.expect_end()


def test_a_mark_without_its_literal() -> None:
    with pytest.raises(ParseError):
        parse_envelope(cursor_at(b"(NIL {1}\r\n %b)" % NILS))


def test_nul_cannot_be_sent() -> None:
    with pytest.raises(LocalProtocolError):
        written(lambda writer: write_envelope(writer, Envelope(subject=b"a\0")))


@given(envelopes)
def test_round_trip_and_equal_paths(envelope: Envelope) -> None:
    octets = written(lambda writer: write_envelope(writer, envelope), LiteralForm.SERVER)
    _check_equal_paths(frame(octets + b"\r\n"))
    assert parse_envelope(Cursor(frame(octets + b"\r\n"), strict=True)) == envelope


@given(envelopes, st.data())
def test_equal_paths_for_damaged_octets(envelope: Envelope, data: st.DataObject) -> None:
    octets = written(lambda writer: write_envelope(writer, envelope), LiteralForm.SERVER)
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
        return parse_envelope(cursor), cursor.position, cursor.literal_index, cursor.defects
    except ParseError as error:
        return str(error)


def test_address_lists_that_are_many_or_long_are_read_as_all_others() -> None:
    for number in range(MAX_KNOWN + 2):
        host = b"h%d" % number if number else b"h" * MAX_CACHED
        octets = b'(NIL NIL ((NIL NIL "m" "%b")) NIL NIL NIL NIL NIL NIL NIL)' % host
        assert parse_envelope(cursor_at(octets)).from_ == (EnvelopeAddress(None, None, b"m", host),)


def test_the_same_defect_is_found_at_the_same_place() -> None:
    cursor = cursor_at(b'x ("d" "s")')
    cursor.position = 2
    parse_envelope(cursor)
    assert cursor.defects == [Defect("an envelope of ten fields", 10, b")")]
