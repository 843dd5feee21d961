from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.errors import LocalProtocolError
from mailproto.imap.codec import parse_responses, serialize
from mailproto.imap.commands import Command, Fetch, Search
from mailproto.imap.ext.savedate import SAVEDATE, SaveDateSupported, SavedBefore, SavedOn, SavedSince
from mailproto.imap.fetch_data import FetchData
from mailproto.imap.responses import Response
from mailproto.imap.search import SearchKey
from mailproto.imap.sequence import SequenceSet
from support_imap_ext import check_items, check_key, check_refused, check_response, defects_of
from support_imap_strategies import date_times

DAY = date(2014, 12, 28)
MOMENT = datetime(2015, 1, 1, 18, 50, 53, tzinfo=timezone(timedelta(hours=1)))

RESPONSES: list[tuple[bytes, Response]] = [
    (b'998 FETCH (SAVEDATE " 1-Jan-2015 18:50:53 +0100")', FetchData(998, SAVEDATE.answer(MOMENT))),
    (b"998 FETCH (SAVEDATE NIL)", FetchData(998, SAVEDATE.answer(None))),
]
KEYS: list[tuple[bytes, SearchKey]] = [
    (b"SAVEDON 28-Dec-2014", SavedOn(DAY)),
    (b"SAVEDSINCE 28-Dec-2014", SavedSince(DAY)),
    (b"NOT SAVEDBEFORE 28-Dec-2014", ~SavedBefore(DAY)),
    (b"SAVEDATESUPPORTED", SaveDateSupported()),
]


def test_items() -> None:
    check_items(b"SAVEDATE", (SAVEDATE,))


@pytest.mark.parametrize(("wire", "response"), RESPONSES)
def test_responses(wire: bytes, response: Response) -> None:
    check_response(wire, response)


@pytest.mark.parametrize(("wire", "key"), KEYS)
def test_keys(wire: bytes, key: SearchKey) -> None:
    check_key(wire, key)


@pytest.mark.parametrize("wire", [b'1 FETCH (SAVEDATE "yesterday")', b"1 FETCH (SAVEDATE 5)"])
def test_what_is_no_date_is_a_defect(wire: bytes) -> None:
    assert defects_of(wire) == 1


def test_a_date_needs_a_zone() -> None:
    with pytest.raises(LocalProtocolError):
        SAVEDATE.answer(datetime(2015, 1, 1))  # the mistake


@given(st.none() | date_times)
def test_round_trip(moment: datetime | None) -> None:
    data = FetchData(1, SAVEDATE.answer(moment))
    assert parse_responses(serialize(data), strict=True) == [data]


@pytest.mark.parametrize(
    "command",
    [Fetch(SequenceSet("1"), (SAVEDATE,)), *(Search(key) for _, key in KEYS)],
    ids=repr,
)
def test_a_server_refuses_what_it_does_not_offer(command: Command) -> None:
    check_refused(command, "SAVEDATE")
