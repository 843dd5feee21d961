"""Only CRLF.CRLF ends a message, whatever the policy for bare newlines is and however the octets are cut."""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import copy
from pathlib import Path as FilePath
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.address import Path
from mailproto.smtp import (
    Bdat,
    BodyData,
    BodyEnded,
    ChunkEnded,
    Data,
    DotEncoder,
    InvalidCommand,
    Mail,
    Noop,
    Rcpt,
    Reply,
    ServerEvent,
    SMTPServerConnection,
)
from mailproto.smtp.data import DotDecoder, NewlinePolicy
from mailproto.smtp.server_flow import Service, serve
from support_flows import FlowRun
from support_smtp import ready_server
from support_smtp import serve as accept_all
from support_smtp_servers import Accepting
from support_smuggling import FALSE_ENDS, STRINGS, TRUE_ENDS, count_up_to
from support_split import for_every_split, join_data, splits

POLICIES: tuple[NewlinePolicy, ...] = get_args(NewlinePolicy)
ENVELOPE = b"MAIL FROM:<a@x.example>\r\nRCPT TO:<b@x.example>\r\nDATA\r\n"
SMUGGLED = b"MAIL FROM:<evil@x.example>\r\nRCPT TO:<c@x.example>\r\nDATA\r\nevil\r\n"
BEGUN: list[ServerEvent] = [Mail(Path.of("a@x.example")), Rcpt(Path.of("b@x.example")), Data()]
EVIL: list[ServerEvent] = [Mail(Path.of("evil@x.example")), Rcpt(Path.of("c@x.example")), Data()]
REFUSED = Reply.of(550, "5.6.0", "bare CR or LF in the message")

_BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n")
_ANY_NEWLINE = re.compile(rb"\r\n?|\n")
_ANY_END = re.compile(rb"(?:\r\n?|\n)\.(?:\r\n?|\n)")


def run(newlines: NewlinePolicy, pieces: list[bytes]) -> list[ServerEvent]:
    conn = SMTPServerConnection(hostname="mx.example", newlines=newlines)
    return accept_all(ready_server(conn), pieces)


def unstuffed(wire: bytes) -> bytes:
    """Return the message of *wire*, read with a pattern: a dot behind CRLF is taken out."""
    return re.sub(rb"\A\.|(?<=\r\n)\.", b"", wire)


def given_out(message: bytes, newlines: NewlinePolicy) -> bytes:
    return _ANY_NEWLINE.sub(b"\r\n", message) if newlines == "normalize" else message


@pytest.mark.parametrize("newlines", POLICIES)
@pytest.mark.parametrize("end", FALSE_ENDS.values(), ids=FALSE_ENDS)
def test_a_false_end_ends_nothing(end: bytes, newlines: NewlinePolicy) -> None:
    wire = b"harmless" + end + SMUGGLED
    events = for_every_split(ENVELOPE + wire + b".\r\nNOOP\r\n", lambda pieces: run(newlines, pieces))
    message = unstuffed(wire)
    given = BodyData(given_out(message, newlines))
    is_refused = newlines == "reject" and _ANY_NEWLINE.sub(b"\r\n", message) != message
    answer = InvalidCommand(b"", REFUSED, "message") if is_refused else BodyEnded(len(given.data))
    assert events == [*BEGUN, given, answer, Noop()]


@pytest.mark.parametrize("newlines", POLICIES)
@pytest.mark.parametrize("end", TRUE_ENDS.values(), ids=TRUE_ENDS)
def test_a_true_end_ends_it(end: bytes, newlines: NewlinePolicy) -> None:
    """What follows a true end are commands: nothing of them is in the message, nothing is lost."""
    octets = ENVELOPE + b"harmless" + end + SMUGGLED + b".\r\nNOOP\r\n"
    events = for_every_split(octets, lambda pieces: run(newlines, pieces))
    message = unstuffed(b"harmless" + end.removesuffix(b".\r\n"))
    given = BodyData(given_out(message, newlines))
    is_refused = newlines == "reject" and _ANY_NEWLINE.sub(b"\r\n", message) != message
    answer = InvalidCommand(b"", REFUSED, "message") if is_refused else BodyEnded(len(given.data))
    assert events == [*BEGUN, given, answer, *EVIL, BodyData(b"evil\r\n"), BodyEnded(6), Noop()]


def chunked(newlines: NewlinePolicy, pieces: list[bytes]) -> tuple[list[ServerEvent], bytes]:
    """Return all events but the octets of chunks, and these."""
    events = run(newlines, pieces)
    octets = b"".join(event.data for event in events if isinstance(event, BodyData))
    return [event for event in events if not isinstance(event, BodyData)], octets


@pytest.mark.parametrize("newlines", POLICIES)
@pytest.mark.parametrize("end", (FALSE_ENDS | TRUE_ENDS).values(), ids=FALSE_ENDS | TRUE_ENDS)
def test_nothing_ends_a_chunk_but_its_length(end: bytes, newlines: NewlinePolicy) -> None:
    """Behind BDAT a line with a dot is a line with a dot, wherever a piece or a chunk ends (RFC 3030)."""
    message = b"x" + end + b"RSET\r\n.\r\n"
    given = given_out(message, newlines)
    is_refused = newlines == "reject" and given_out(message, "normalize") != message
    envelope = ENVELOPE.removesuffix(b"DATA\r\n")
    for at in range(len(message)):
        last = len(message) - at
        lines = b"BDAT %d\r\n%bBDAT %d LAST\r\n%bNOOP\r\n" % (at, message[:at], last, message[at:])
        ended = (
            InvalidCommand(b"BDAT %d LAST" % last, REFUSED, "BDAT LAST")
            if is_refused
            else BodyEnded(len(given))
        )
        expected = [*BEGUN[:2], Bdat(at), ChunkEnded(at), Bdat(last, last=True), ended, Noop()]
        for pieces in splits(envelope + lines) if at == 0 else short_splits(envelope + lines):
            assert chunked(newlines, pieces) == (expected, given)


def short_splits(octets: bytes) -> list[list[bytes]]:
    """Return *octets* whole, and octet by octet."""
    return [[octets], [octets[at : at + 1] for at in range(len(octets))]]


def resent(message: bytes) -> bytes:
    """Return what our own encoder sends for *message*."""
    encoder = DotEncoder()
    return b"".join([*encoder.encode(message), encoder.finish()])


@pytest.mark.parametrize("end", FALSE_ENDS.values(), ids=FALSE_ENDS)
def test_what_is_normalized_can_be_sent_on_to_a_server_that_takes_any_end(end: bytes) -> None:
    wire = ENVELOPE + b"harmless" + end + SMUGGLED + b".\r\n"
    for pieces in splits(wire):
        (message,) = [b"".join(e.data for e in run("normalize", pieces) if isinstance(e, BodyData))]
        octets = resent(message)
        assert [found.end() for found in _ANY_END.finditer(octets)] == [len(octets)]


@pytest.mark.parametrize("newlines", POLICIES)
@pytest.mark.parametrize("end", FALSE_ENDS.values(), ids=FALSE_ENDS)
def test_a_server_gives_its_handler_one_message_and_one_answer(end: bytes, newlines: NewlinePolicy) -> None:
    wire = b"harmless" + end + SMUGGLED
    message = unstuffed(wire)
    is_refused = newlines == "reject" and _ANY_NEWLINE.sub(b"\r\n", message) != message
    answer = b"550 5.6.0 bare CR or LF in the message" if is_refused else b"250 2.0.0 message accepted"
    taken = [] if is_refused else [("<a@x.example>", ["<b@x.example>"], given_out(message, newlines))]
    for pieces in splits(wire + b".\r\nNOOP\r\n"):
        handler = Accepting()
        conn = SMTPServerConnection(hostname="mx.example", newlines=newlines)
        flow = FlowRun(conn, serve(conn, Service(handler=handler)))
        flow.feed(b"EHLO me\r\n" + ENVELOPE)
        flow.take_sent()
        for piece in pieces:
            flow.feed(piece)
        assert flow.take_sent() == answer + b"\r\n250 2.0.0 nothing done\r\n"
        assert handler.taken == taken


@given(
    st.lists(st.sampled_from([b"\r", b"\n", b".", b"a", b"\0", b"\r\n", b"\r\n.\r\n"]), max_size=12),
    st.data(),
)
def test_any_octets_are_one_message_up_to_the_first_true_end(parts: list[bytes], data: st.DataObject) -> None:
    newlines = data.draw(st.sampled_from(POLICIES[1:]))
    wire = b"".join(parts) + b"\r\n.\r\n"
    end = (b"\r\n" + wire).index(b"\r\n.\r\n")
    message = unstuffed(wire[:end])
    at = data.draw(st.integers(0, len(wire)))
    events = run(newlines, [ENVELOPE, wire[:at], wire[at:]])
    given = b""
    for event in events[3:]:
        if isinstance(event, BodyEnded):
            break
        assert isinstance(event, BodyData)
        given += event.data
    assert given == given_out(message, newlines)


def true_end(wire: bytes) -> int | None:
    """Return how many octets of *wire* the message has whose end is in it, dots and last CRLF counted."""
    found = (b"\r\n" + wire).find(b"\r\n.\r\n")
    return None if found < 0 else found


def decode(decoder: DotDecoder, octets: bytes) -> tuple[bytes, int | None]:
    """Return what *decoder* gives out for *octets*, and where behind the end of the message they go on."""
    data, at, is_end = b"", 0, False
    while at < len(octets) and not is_end:
        piece, at, is_end = decoder.decode(octets, at)
        data += piece
    return data, at if is_end else None


def divide(decoder: DotDecoder, wire: bytes, message: bytes) -> Iterator[tuple[bytes, bytes, DotDecoder]]:
    """Yield all that can come in all divisions into chunks: the octets, what they gave, and the state."""
    yield wire, message, decoder
    for chunk in STRINGS[1 : count_up_to(5 - len(wire))]:
        after = copy(decoder)
        data, behind = decode(after, chunk)
        end = true_end(wire + chunk)
        if end is None:
            assert behind is None
            yield from divide(after, wire + chunk, message + data)
        else:
            assert behind == end + 3 - len(wire)
            assert message + data == unstuffed((wire + chunk)[:end])


def test_no_division_of_any_octets_ends_a_message_but_at_its_end() -> None:
    """Every string of up to five octets of the alphabet, in every division into chunks, and then an end."""
    last = b"\r\n.\r\n"
    for wire, message, decoder in divide(DotDecoder(), b"", b""):
        ending = copy(decoder)
        data, behind = decode(ending, last)
        end = true_end(wire + last)
        assert end is not None
        assert behind == end + 3 - len(wire)
        whole = unstuffed((wire + last)[:end])
        assert message + data == whole
        bare = _BARE.search(whole)
        assert ending.bare_newline == (None if bare is None else bare.start())


@pytest.mark.parametrize("newlines", POLICIES)
def test_a_server_takes_any_octets_for_one_message_up_to_its_end(newlines: NewlinePolicy) -> None:
    """Up to four octets of the alphabet, whole and octet by octet."""
    for octets in STRINGS[: count_up_to(4)]:
        wire = octets + b"\r\n.\r\n"
        end = true_end(wire)
        assert end is not None
        message = unstuffed(wire[:end])
        given = given_out(message, newlines)
        is_refused = newlines == "reject" and _BARE.search(message) is not None
        answer = InvalidCommand(b"", REFUSED, "message") if is_refused else BodyEnded(len(given))
        expected = [*BEGUN, *([BodyData(given)] if given else []), answer, Noop()]
        for pieces in short_splits(ENVELOPE + wire[: end + 3] + b"NOOP\r\n"):
            assert join_data(run(newlines, pieces)) == expected


PAGE = FilePath(__file__).parents[2] / "docs" / "topics" / "smuggling.rst"
ROW = re.compile(r"^   \* - (.+)\n     - (.+)\n     - (.+)\n     - (.+)$", re.MULTILINE)


def outcome(end: bytes, newlines: NewlinePolicy) -> str:
    """Return in a word what a server does with *end* and what follows it."""
    events = run(newlines, [ENVELOPE + b"harmless" + end + SMUGGLED + b".\r\nNOOP\r\n"])
    what = "end" if events.count(Data()) == 2 else "text"
    return f"{what}, refused" if REFUSED in [getattr(event, "reply", None) for event in events] else what


def test_the_table_of_the_documentation_is_what_happens() -> None:
    documented = {name: tuple(words) for name, *words in ROW.findall(PAGE.read_text())}
    assert documented.pop("Octets") == POLICIES
    ends = FALSE_ENDS | TRUE_ENDS
    assert documented == {name: tuple(outcome(end, p) for p in POLICIES) for name, end in ends.items()}
