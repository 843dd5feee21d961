from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.errors import IMAPStatusError, ItemMissing, LocalProtocolError, OverQuota
from mailproto.imap.capability import Capabilities
from mailproto.imap.codec import parse_responses, serialize
from mailproto.imap.codes import TOOBIG
from mailproto.imap.commands import Append, TaggedCommand
from mailproto.imap.events import InvalidCommand
from mailproto.imap.ext.appendlimit import append_limit
from mailproto.imap.ext.catenate import URLPart
from mailproto.imap.responses import StatusData
from mailproto.imap.status import No, Ok
from mailproto.limits import IMAPLimits
from support_imap import feed, selected_server
from support_imap_ext import check_code, check_response, check_status_items, defects_of
from support_imap_scripts import ADAPTERS, converse


@pytest.mark.parametrize("limit", [None, 0, 257890, 2**32 - 1])
def test_both_directions(limit: int | None) -> None:
    data = StatusData("INBOX", (("APPENDLIMIT", limit),))
    check_response(f"STATUS INBOX (APPENDLIMIT {'NIL' if limit is None else limit})".encode(), data)
    assert data.append_limit == limit


def test_status_asks_for_it() -> None:
    check_status_items(b"APPENDLIMIT", ("APPENDLIMIT",))
    with pytest.raises(ItemMissing, match="APPENDLIMIT"):
        _ = StatusData("x", ()).append_limit


@pytest.mark.parametrize(
    ("capabilities", "limit"),
    [
        ("IMAP4rev1 ID APPENDLIMIT=257890", 257890),
        ("APPENDLIMIT=0", 0),
        ("APPENDLIMIT APPENDLIMIT=5", 5),
        ("APPENDLIMIT", None),
        ("IMAP4rev1", None),
        ("APPENDLIMIT=x", None),
        ("APPENDLIMIT=" + "9" * 5000, None),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_the_limit_of_all_mailboxes(capabilities: str, limit: int | None) -> None:
    assert append_limit(Capabilities(capabilities.split())) == limit


@pytest.mark.parametrize("wire", [b"4294967296", b"-1", b"x", b"(5)"])
def test_what_is_no_limit_is_a_defect(wire: bytes) -> None:
    assert defects_of(b"STATUS x (APPENDLIMIT " + wire + b")") == 1


@pytest.mark.parametrize("limit", [-1, 2**32, "5", True, ()], ids=repr)
def test_attacks(limit: int) -> None:
    with pytest.raises(LocalProtocolError):
        StatusData("x", (("APPENDLIMIT", limit),))


@given(st.none() | st.integers(0, 2**32 - 1))
def test_round_trip(limit: int | None) -> None:
    data = StatusData("x", (("APPENDLIMIT", limit),))
    assert parse_responses(serialize(data), strict=True) == [data]


@pytest.mark.parametrize("offered", ["APPENDLIMIT", "APPENDLIMIT=500"])
def test_a_server_refuses_what_it_does_not_offer(offered: str) -> None:
    for names, is_refused in (("IDLE", True), (offered, False)):
        server = selected_server(IMAPLimits(max_append=0), capabilities=["IMAP4rev1", names])
        (event,) = feed(server, b"a STATUS x (APPENDLIMIT)\r\n")
        assert isinstance(event, InvalidCommand) is is_refused


def test_a_server_says_and_refuses_what_is_too_large() -> None:
    server = selected_server(IMAPLimits(max_append=10), capabilities=["IMAP4rev1", "LITERAL+"])
    assert append_limit(server.capabilities) == 10
    (event,) = feed(server, b"a APPEND x {10+}\r\n0123456789\r\n")
    assert event == TaggedCommand("a", Append("x", b"0123456789"))
    server.complete("a", Ok())
    (event,) = feed(server, b"b APPEND x {11+}\r\n0123456789a\r\n")
    assert isinstance(event, InvalidCommand)
    assert event.status == No("expected a message of at most 10 octets", TOOBIG)


FILE = b"0123456789a"
TOO_LARGE: list[tuple[str, Callable[[Any], Any]]] = [
    ("APPEND", lambda imap: imap.append("x", FILE)),
    ("APPEND", lambda imap: imap.append("x", FILE, binary=True)),
    ("APPEND", lambda imap: imap.append("x", io.BytesIO(FILE))),
    ("APPEND", lambda imap: imap.append("x", [FILE], size=11)),
    ("APPEND", lambda imap: imap.append_messages("x", [b"small", FILE])),
    ("APPEND", lambda imap: imap.catenate("x", [b"012345", URLPart("/x"), b"6789a"])),
    ("REPLACE", lambda imap: imap.replace(1, "x", FILE)),
    ("UID REPLACE", lambda imap: imap.uid_replace(1, "x", FILE)),
]


@pytest.mark.parametrize("adapter", ADAPTERS)
@pytest.mark.parametrize(("command", "call"), TOO_LARGE)
def test_a_client_sends_no_message_that_is_too_large(
    adapter: str, command: str, call: Callable[[Any], Any]
) -> None:
    names = "APPENDLIMIT=10 BINARY CATENATE MULTIAPPEND REPLACE"
    reason = f"{command}: the message has 11 octets, the server takes 10 (APPENDLIMIT)"
    with pytest.raises(LocalProtocolError, match=re.escape(reason)):
        converse(adapter, names, [], call)


@pytest.mark.parametrize("adapter", ADAPTERS)
@pytest.mark.parametrize("offered", ["APPENDLIMIT=11", "APPENDLIMIT", "IDLE"])
def test_a_client_sends_what_the_server_takes(adapter: str, offered: str) -> None:
    _, said = converse(
        adapter, f"{offered} LITERAL+", [b"{tag} OK done\r\n"], lambda imap: imap.append("x", b"")
    )
    assert said == [b"APPEND x {0+}"]


def test_the_code_of_a_message_that_is_too_large() -> None:
    check_code(b"TOOBIG", TOOBIG)
    assert isinstance(IMAPStatusError.of(No("too big", TOOBIG), "APPEND"), OverQuota)
