from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.errors import LocalProtocolError
from mailproto.smtp.outgoing import Needs, Newlines, Survey, envelope_of, newlines_of, without_bcc
from support_split import splits

CONVERTED = {
    "nothing": (b"", b""),
    "CRLF": (b"a\r\nb\r\n", b"a\r\nb\r\n"),
    "LF": (b"a\nb\n", b"a\r\nb\r\n"),
    "CR": (b"a\rb\r", b"a\r\nb\r\n"),
    "CR at the end": (b"a\r", b"a\r\n"),
    "CR LF": (b"\r\r\n\n", b"\r\n\r\n\r\n"),
    "as many as there should be, in the wrong places": (b"\n\r", b"\r\n\r\n"),
    "mixed": (b"a\rb\nc\r\nd", b"a\r\nb\r\nc\r\nd"),
}


def cuts(octets: bytes) -> list[list[bytes]]:
    """Return *octets* whole, octet by octet, and cut at each place."""
    pieces = [[octets], [octets[at : at + 1] for at in range(len(octets))]]
    return pieces + [[octets[:at], octets[at:]] for at in range(len(octets) + 1)]


@pytest.mark.parametrize("octets, expected", CONVERTED.values(), ids=CONVERTED)
def test_convert(octets: bytes, expected: bytes) -> None:
    for pieces in cuts(octets):
        newlines = newlines_of("convert")
        assert b"".join([newlines.convert(piece) for piece in pieces] + [newlines.finish()]) == expected


@pytest.mark.parametrize("octets, expected", CONVERTED.values(), ids=CONVERTED)
def test_reject(octets: bytes, expected: bytes) -> None:
    for pieces in cuts(octets):
        newlines = newlines_of("reject")
        if octets == expected:
            assert b"".join([newlines.convert(piece) for piece in pieces] + [newlines.finish()]) == octets
        else:
            with pytest.raises(LocalProtocolError, match="bare CR or LF"):
                b"".join([newlines.convert(piece) for piece in pieces] + [newlines.finish()])


def test_well_formed_octets_are_not_copied() -> None:
    octets = b"a\r\n" * 100
    assert newlines_of("convert").convert(octets) is octets
    assert newlines_of("reject").convert(octets) is octets


def test_an_empty_chunk_behind_a_cr_changes_nothing() -> None:
    newlines = newlines_of("convert")
    assert b"".join(map(newlines.convert, (b"a\r", b"", b"\nb\r", b"", b"c"))) == b"a\r\nb\r\nc"
    newlines = newlines_of("reject")
    assert b"".join(map(newlines.convert, (b"a\r", b"", b"\nb\r"))) == b"a\r\nb\r"
    newlines.convert(b"")
    with pytest.raises(LocalProtocolError, match="bare CR or LF"):
        newlines.convert(b"c")


def test_unknown_policy() -> None:
    with pytest.raises(LocalProtocolError, match="'drop'"):
        newlines_of("drop")  # type: ignore[arg-type]  # what is tested


@given(st.lists(st.binary(max_size=8)))
def test_convert_gives_what_reject_takes(chunks: list[bytes]) -> None:
    newlines, check = newlines_of("convert"), newlines_of("reject")
    for chunk in [*[newlines.convert(chunk) for chunk in chunks], newlines.finish()]:
        check.convert(chunk)
    check.finish()


SURVEYED = {
    "empty": (b"", Needs(0, False)),
    "lines": (b"a\r\nb\r\n", Needs(6, False)),
    "no CRLF at the end": (b"a\r\nb", Needs(6, False)),
    "8-bit": (b"\x80", Needs(3, True)),
}


@pytest.mark.parametrize("octets, needs", SURVEYED.values(), ids=SURVEYED)
def test_survey(octets: bytes, needs: Needs) -> None:
    for pieces in cuts(octets):
        survey = Survey()
        for piece in pieces:
            survey.see(piece)
        assert survey.needs() == needs


BINARY = {
    "NUL": (b"a\0\r\n", True, False),
    "998 octets": (b"a\r\n" + b"x" * 998 + b"\r\nb", False, False),
    "999 octets": (b"a\r\n" + b"x" * 999 + b"\r\nb", True, False),
    "998 octets at the end": (b"a\r\n" + b"x" * 998, False, False),
    "999 octets at the end, the last a CR": (b"a\r\n" + b"x" * 998 + b"\r", False, True),
    "999 octets at the end": (b"a\r\n" + b"x" * 999, True, False),
    "1,001 octets at the end": (b"a\r\n" + b"x" * 1_001, True, False),
    "many lines": (b"x" * 997 + b"\r\n" + b"\r\n" * 5 + b"y" * 998 + b"\r\n", False, False),
    "bare LF": (b"a\nb\r\n", False, True),
    "bare CR": (b"a\rb\r\n", False, True),
    "bare CR at the end": (b"a\r\nb\r", False, True),
    "line ends": (b"\r\n\r\n", False, False),
}


@pytest.mark.parametrize("octets, is_binary, is_bare", BINARY.values(), ids=BINARY)
def test_what_needs_binarymime(octets: bytes, is_binary: bool, is_bare: bool) -> None:
    for pieces in splits(octets):
        policies: tuple[Newlines, ...] = ("convert", "keep")
        for newlines in policies:
            survey = Survey(newlines)
            for piece in pieces:
                survey.see(piece)
            needs = survey.needs()
            has_bare = is_bare and newlines == "keep"
            assert (needs.is_binary, needs.has_bare_newline) == (is_binary or has_bare, has_bare)


ENVELOPES = {
    "all": (
        b"From: z@x\r\nSender: a@x\r\nTo: b@x\r\nCC: c@x\r\nbcc: d@x\r\n\r\nTo: e@x\r\n",
        ("a@x", ("b@x", "c@x", "d@x")),
    ),
    "each once": (b"From: a@x\r\nTo: b@x, b@x\r\nTo: b@x\r\n\r\n", ("a@x", ("b@x",))),
    "folded": (b"From:\r\n a@x\r\nTo: b@x,\r\n\tc@x\r\n", ("a@x", ("b@x", "c@x"))),
    "quoted": (b'From: a@x\r\nTo: "b b"@x\r\n\r\n', ("a@x", ('"b b"@x',))),
    "nobody": (b"From: a@x\r\n\r\n", ("a@x", ())),
    "UTF-8": ("From: ä@ö.example\r\n\r\n".encode(), ("ä@ö.example", ())),
    "resent": (
        b"Resent-Date: now\r\nResent-Sender: a@x\r\nResent-Cc: b@x\r\nFrom: z@x\r\nTo: z@x\r\n\r\n",
        ("a@x", ("b@x",)),
    ),
    "resent, without the date that it needs": (
        b"Resent-From: a@x\r\nResent-To: b@x\r\nFrom: z@x\r\nTo: z@x\r\n\r\n",
        ("a@x", ("b@x",)),
    ),
    "resent to nobody who can be seen": (
        b"Resent-From: a@x\r\nResent-Bcc: b@x\r\nFrom: z@x\r\nTo: z@x\r\nBcc: z@x\r\n\r\n",
        ("a@x", ("b@x",)),
    ),
    "what else was resent": (
        b"Resent-Message-ID: <1@x>\r\nFrom: a@x\r\nTo: b@x\r\n\r\n",
        ("a@x", ("b@x",)),
    ),
}


def envelope(octets: bytes) -> tuple[str, tuple[str, ...]]:
    found = envelope_of(octets)
    return found.reverse_path, found.forward_paths


@pytest.mark.parametrize("octets, expected", ENVELOPES.values(), ids=ENVELOPES)
def test_envelope(octets: bytes, expected: tuple[str, tuple[str, ...]]) -> None:
    assert envelope(octets) == expected


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"\r\nFrom: a@x\r\n",
        b"To: a@x\r\n\r\n",
        b"From: somebody\r\n\r\n",
        b"From: a@[1.2.3]\r\n\r\n",
        b"From: a@\xff\r\n\r\n",
        b"Resent-Date: x\r\nResent-Date: y\r\nFrom: a@x\r\n\r\n",
        b"From: a@x\r\nTo: b@x\nBcc: c@x\r\n\r\n",
        b"From: a@x\r\nTo: b@x\r\nSubject: x\rBcc: c@x\r\n\r\n",
        b"From: a@x\nTo: b@x\n\nBcc: c@x\r\n",
        b"Resent-To: b@x\r\nFrom: a@x\r\nTo: c@x\r\n\r\n",
        b"Resent-Date: x\r\nResent-From: a@x\r\nResent-To: b@x\r\nResent-To: c@x\r\n\r\n",
        b"Resent-From: a@x\r\nResent-From: b@x\r\nResent-To: c@x\r\nFrom: a@x\r\n\r\n",
    ],
    ids=repr,
)
def test_no_envelope(octets: bytes) -> None:
    with pytest.raises(LocalProtocolError):
        envelope(octets)


def test_what_is_not_asked_for_is_not_looked_at() -> None:
    """A reverse-path alone needs no To that can be read, and recipients alone no From."""
    assert envelope_of(b"From: a@x\r\nTo: undisclosed recipients\r\n\r\n").reverse_path == "a@x"
    assert envelope_of(b"From: root\r\nTo: b@x\r\n\r\n").forward_paths == ("b@x",)
    assert envelope_of(b"To: b@x\r\n\r\n").forward_paths == ("b@x",)


ADDRESSES: dict[str, tuple[str, tuple[str, ...]]] = {
    "a group": ("G: a@x, B <b@x>;, c@x", ("a@x", "b@x", "c@x")),
    "a group of nobody": ("undisclosed-recipients:;", ()),
    "a group without an end": ("G: a@x", ("a@x",)),
    "semicolons": ("a@x; b@x", ("a@x", "b@x")),
    "empty ones": (", a@x,, b@x,", ("a@x", "b@x")),
    "a name with an address in it": ("c@y <a@x>", ("a@x",)),
    "a quoted name with an address in it": ('"c@y, <d@y>" <a@x>', ("a@x",)),
    "a comment with an address in it": ("a@x (c, d@y <e@y>)", ("a@x",)),
    "a comment in front": ("(c@y) a@x", ("a@x",)),
    "an encoded word": ("=?utf-8?q?c=40y=2C?= <a@x>", ("a@x",)),
    "an encoded word with a comma in it": ("=?utf-8?Q?c,_d?= <a@x>", ("a@x",)),
    "an encoded word with a comment in it": ("=?utf-8?Q?c_(d)?= <a@x>", ("a@x",)),
    "an encoded word that is a local part": ("=?utf-8?q?c=40y=3e?=a@x", ("=?utf-8?q?c=40y=3e?=a@x",)),
    "a name of many kinds of words": ('Dr. "B." [list] M\u00fc\'ller <a@x>', ("a@x",)),
    "a quoted at sign": ('"c@y"@x', ('"c@y"@x',)),
    "a quoted quote": (r'"c\"d"@x', (r'"c\"d"@x',)),
    "a route": ("<@c,@d:a@x>", ("a@x",)),
    "white space": ("< a . b @ x . y >", ("a.b@x.y",)),
    "words of two kinds": ('a."b c"@x', ('"a.b c"@x',)),
    "dots that need quotes": ("a..b.@x", ('"a..b."@x',)),
    "literals": ("a@[192.0.2.1], a@[IPv6:2001:db8::1]", ("a@[192.0.2.1]", "a@[IPv6:2001:db8::1]")),
}


@pytest.mark.parametrize("value, expected", ADDRESSES.values(), ids=ADDRESSES)
def test_addresses(value: str, expected: tuple[str, ...]) -> None:
    assert envelope_of(f"From: a@x\r\nTo: {value}\r\n\r\n".encode()).forward_paths == expected


@pytest.mark.parametrize(
    "value",
    [
        "a@x b@evil",
        "a b@evil",
        "a@x@evil",
        "a@x)b@evil",
        "a@x]b@evil",
        "a@x[b@evil",
        'a@x"b@evil',
        "a@x\\b@evil",
        "<a@x>b@evil",
        "<a@x> <b@evil>",
        "A <a@x> B <b@evil>",
        "A <a@x b@evil>",
        "A <a@x> (c) b@evil",
        "a@x:b@evil:25",
        "a@x>",
        "<a@x",
        '"a@x',
        "@x",
        "<>",
        "root",
        "a@x, root",
        "a@x\0",
        "a@",
        "a@x.",
        "a@x y",
    ],
)
@pytest.mark.parametrize("field", ["From", "To"])
def test_what_can_be_read_in_two_ways_is_no_envelope(field: str, value: str) -> None:
    """A reader that guesses may see another recipient than whoever has checked the header."""
    other = "To" if field == "From" else "From"
    with pytest.raises(LocalProtocolError, match="in the header"):
        envelope(f"{other}: c@x\r\n{field}: {value}\r\n\r\n".encode())


@pytest.mark.parametrize("unit", [b"(", b'"', b"a ", b"<", b"a@", b"=?", b":", b'\\"', b"@a,", b" ", b"a."])
def test_a_hostile_field_takes_no_time(unit: bytes) -> None:
    begin = time.process_time()
    with contextlib.suppress(LocalProtocolError):
        envelope(b"From: a@x\r\nTo: <" + unit * 50_000 + b"\r\n\r\n")
    assert time.process_time() - begin < 2


BCC = {
    "none": (b"To: a\r\n\r\nBcc: b\r\n", b"To: a\r\n\r\nBcc: b\r\n"),
    "first": (b"Bcc: b\r\nTo: a\r\n\r\nx", b"To: a\r\n\r\nx"),
    "folded, last": (b"To: a\r\nBCC: b,\r\n c\r\n\r\nx", b"To: a\r\n\r\nx"),
    "several": (b"Bcc: a\r\nTo: b\r\nResent-Bcc: c\r\nbcc: d\r\n\r\n", b"To: b\r\n\r\n"),
    "header only": (b"To: a\r\nBcc: b\r\n", b"To: a\r\n"),
    "no header": (b"\r\nBcc: b\r\n", b"\r\nBcc: b\r\n"),
}


@pytest.mark.parametrize("octets, expected", BCC.values(), ids=BCC)
def test_without_bcc(octets: bytes, expected: bytes) -> None:
    assert without_bcc(octets) == expected


def test_a_mebibyte_takes_no_time() -> None:
    begin = time.process_time()
    for octets in (b"\r" * 1_048_576, b"\n\r" * 524_288):
        newlines = newlines_of("convert")
        for at in range(0, len(octets), 1_024):
            newlines.convert(octets[at : at + 1_024])
    assert time.process_time() - begin < 2


@pytest.mark.parametrize(
    "octets, expected",
    [
        ("Subject: b\u00fc\r\n\r\nb".encode(), True),
        ("Subject: b\r\n\r\nb\u00fc".encode(), False),
        (b"Subject: b\xfc\r\n\r\nb", False),
        ("\r\nSubject: b\u00fc\r\n\r\n".encode(), False),
    ],
    ids=["header", "body", "Latin-1", "no header"],
)
def test_utf8_in_the_header_cut_at_each_place(octets: bytes, expected: bool) -> None:
    for cut in range(len(octets) + 1):
        survey = Survey()
        survey.see(octets[:cut])
        survey.see(octets[cut:])
        assert survey.needs().has_utf8_header is expected
    survey = Survey()
    for octet in octets:
        survey.see(bytes([octet]))
    assert survey.needs().has_utf8_header is expected
