from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.errors import LocalProtocolError
from mailproto.imap.codec import parse_responses, serialize
from mailproto.imap.commands import Fetch, parse_command
from mailproto.imap.cursor import ParseError
from mailproto.imap.ext.condstore import ChangedSince
from mailproto.imap.ext.preview import PREVIEW, PREVIEW_LAZY, Preview
from mailproto.imap.fetch import RFC822_SIZE, FetchItem, OtherItem
from mailproto.imap.fetch_data import FetchData
from mailproto.imap.responses import Response
from mailproto.imap.sequence import SequenceSet
from support_imap_ext import check_items, check_refused, check_response, defects_of
from support_imap_strategies import texts
from support_imap_wire import command_octets, frame, parse_octets

ONE = SequenceSet("1")

ITEMS: list[tuple[bytes, tuple[FetchItem[object], ...]]] = [
    (b"PREVIEW", (PREVIEW,)),
    (b"(RFC822.SIZE PREVIEW)", (RFC822_SIZE, PREVIEW)),
    (b"PREVIEW (LAZY)", (PREVIEW_LAZY,)),
    (b"(PREVIEW (LAZY) RFC822.SIZE)", (PREVIEW_LAZY, RFC822_SIZE)),
]
RESPONSES: list[tuple[bytes, Response]] = [
    (b'1 FETCH (PREVIEW "Preview text!")', FetchData(1, PREVIEW.answer("Preview text!"))),
    (b'1 FETCH (PREVIEW "")', FetchData(1, PREVIEW.answer(""))),
    (b"1 FETCH (PREVIEW NIL)", FetchData(1, PREVIEW_LAZY.answer(None))),
    (b"1 FETCH (PREVIEW {4}\r\na\r\nb)", FetchData(1, PREVIEW.answer("a\r\nb"))),
    (b"1 FETCH (PREVIEW {2}\r\n\xc3\xa9)", FetchData(1, PREVIEW.answer("é"))),
    (b"1 FETCH (PREVIEW {1}\r\n\xe9)", FetchData(1, PREVIEW.answer("\udce9"))),
]


@pytest.mark.parametrize(("wire", "items"), ITEMS)
def test_items(wire: bytes, items: tuple[FetchItem[object], ...]) -> None:
    check_items(wire, items)


@pytest.mark.parametrize(("wire", "response"), RESPONSES)
def test_responses(wire: bytes, response: Response) -> None:
    check_response(wire, response)


def test_modifiers_in_other_spellings() -> None:
    assert parse_octets(b"a FETCH 1 preview (lazy)\r\n") == Fetch(ONE, (PREVIEW_LAZY,))
    assert parse_octets(b"a FETCH 1 preview (LAZY LAZY)\r\n") == Fetch(ONE, (Preview(lazy=True),))


@pytest.mark.parametrize("wire", [b"PREVIEW ()", b"PREVIEW (EAGER)", b"PREVIEW (LAZY", b"(PREVIEW (LAZY X))"])
def test_what_is_no_modifier(wire: bytes) -> None:
    with pytest.raises(ParseError):
        parse_command(frame(b"a FETCH 1 " + wire + b"\r\n"))


def test_a_list_in_its_place_is_a_defect() -> None:
    assert defects_of(b"1 FETCH (PREVIEW (x))") == 1


@pytest.mark.parametrize("text", ["a\0", "x" * 257, "\ud800", 5], ids=repr)
def test_attacks(text: str) -> None:
    with pytest.raises(LocalProtocolError):
        PREVIEW.answer(text)


def test_it_is_no_item_that_nobody_knows() -> None:
    with pytest.raises(LocalProtocolError):
        OtherItem("PREVIEW")


@given(st.none() | texts)
def test_round_trip(text: str | None) -> None:
    data = FetchData(1, PREVIEW.answer(text))
    assert parse_responses(serialize(data), strict=True) == [data]
    assert data[PREVIEW] == data[PREVIEW_LAZY] == text


@pytest.mark.parametrize("item", [PREVIEW, PREVIEW_LAZY])
def test_a_server_refuses_what_it_does_not_offer(item: Preview) -> None:
    check_refused(Fetch(ONE, (item,)), "PREVIEW")


@pytest.mark.parametrize("item", [PREVIEW, PREVIEW_LAZY, OtherItem("X-NEW"), OtherItem("X-NEW", ("LAZY",))])
def test_what_follows_is_no_modifier_of_the_item(item: FetchItem[object]) -> None:
    command = Fetch(SequenceSet("1"), (item,), modifiers=(ChangedSince(5),))
    octets = command_octets(command)
    assert octets.endswith(b") (CHANGEDSINCE 5)\r\n")
    assert parse_octets(octets) == command
