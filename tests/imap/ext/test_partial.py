from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given

from mailproto.errors import LocalProtocolError
from mailproto.imap.commands import Command, Fetch, Search, UIDFetch, UIDSearch, parse_command
from mailproto.imap.cursor import ParseError
from mailproto.imap.events import InvalidCommand
from mailproto.imap.ext.condstore import ChangedSince
from mailproto.imap.ext.esearch import ALL, COUNT, ESearchData
from mailproto.imap.ext.partial import Partial, PartialFetch, PartialResults
from mailproto.imap.fetch import FLAGS, UID
from mailproto.imap.responses import Response
from mailproto.imap.search import Seen
from mailproto.imap.sequence import SequenceSet, UIDSet
from support_imap import feed, selected_server
from support_imap_scripts import ADAPTERS, converse
from support_imap_strategies import partials
from support_imap_wire import (
    check_command,
    check_response,
    command_octets,
    frame,
    parse_octets,
    read_response,
)

COMMANDS: list[tuple[bytes, Command]] = [
    (b"UID SEARCH RETURN (PARTIAL -1:-100) SEEN", UIDSearch(Seen(), returning=(Partial(-1, -100),))),
    (b"SEARCH RETURN (COUNT PARTIAL 500:400) SEEN", Search(Seen(), returning=(COUNT, Partial(500, 400)))),
    (
        b"UID FETCH 25900:26600 (UID FLAGS) (PARTIAL -1:-30 CHANGEDSINCE 98305)",
        UIDFetch(UIDSet("25900:26600"), (UID, FLAGS), modifiers=(PartialFetch(-1, -30), ChangedSince(98305))),
    ),
]


@pytest.mark.parametrize(("wire", "command"), COMMANDS)
def test_commands_in_both_directions(wire: bytes, command: Command) -> None:
    check_command(wire, command)


@pytest.mark.parametrize(
    "wire",
    [
        b"SEARCH RETURN (PARTIAL) SEEN",
        b"SEARCH RETURN (PARTIAL 5) SEEN",
        b"SEARCH RETURN (PARTIAL 0:5) SEEN",
        b"SEARCH RETURN (PARTIAL 1:-5) SEEN",
        b"SEARCH RETURN (PARTIAL -1:5) SEEN",
        b"SEARCH RETURN (PARTIAL 1:*) SEEN",
        b"SEARCH RETURN (PARTIAL 1:4294967296) SEEN",
        b"SEARCH RETURN (ALL PARTIAL 1:5) SEEN",
        b"SEARCH RETURN (PARTIAL 1:5 PARTIAL 6:9) SEEN",
        b"FETCH 1 FLAGS (PARTIAL 1:5)",
    ],
)
def test_what_is_no_command(wire: bytes) -> None:
    with pytest.raises(ParseError):
        parse_command(frame(b"a " + wire + b"\r\n"))


RESPONSES: list[tuple[bytes, Response]] = [
    (
        b'* ESEARCH (TAG "A01") UID PARTIAL (-1:-100 200:250,252:300)',
        ESearchData("A01", (("PARTIAL", PartialResults(-1, -100, UIDSet("200:250,252:300"))),), True),
    ),
    (
        b'* ESEARCH (TAG "A04") PARTIAL (24000:24500 NIL)',
        ESearchData("A04", (("PARTIAL", PartialResults(24000, 24500, None)),)),
    ),
]


@pytest.mark.parametrize(("wire", "response"), RESPONSES)
def test_responses_in_both_directions(wire: bytes, response: Response) -> None:
    check_response(wire, response)


@pytest.mark.parametrize("value", [b"(1:5)", b"(1:5 1:*)", b"(0:5 1)", b"(1:-5 1)", b"5", b"(1:5 ())"])
def test_what_cannot_be_read_is_a_defect(value: bytes) -> None:
    read = read_response(b'* ESEARCH (TAG "a") PARTIAL ' + value + b" COUNT 5", strict=False)
    assert read == ESearchData("a", (("COUNT", 5),))
    assert isinstance(read, ESearchData)
    assert len(read.defects) == 1


@given(partials)
def test_a_round_trip(partial: Partial) -> None:
    command = Search(Seen(), returning=(partial,))
    assert parse_octets(command_octets(command)) == command


ATTACKS: list[Callable[[], object]] = [
    lambda: Partial(0, 5),
    lambda: Partial(1, -5),
    lambda: Partial(1, 2**32),
    lambda: Partial(True, 5),
    lambda: PartialResults(1, 5, UIDSet()),
    lambda: PartialResults(1, 5, UIDSet("1:*")),
    lambda: ESearchData("a", (("PARTIAL", 5),)),
    lambda: ESearchData("a", (("PARTIAL", PartialResults(1, 5, UIDSet("1"))),)),
    lambda: Search(Seen(), returning=(ALL, Partial(1, 5))),
    lambda: Fetch(SequenceSet("1"), (FLAGS,), modifiers=(PartialFetch(1, 5),)),
    lambda: UIDFetch(UIDSet("1"), (FLAGS,), modifiers=(Partial(1, 5),)),
]


@pytest.mark.parametrize("build", ATTACKS)
def test_attacks(build: Callable[[], object]) -> None:
    with pytest.raises(LocalProtocolError):
        build()


@pytest.mark.parametrize(
    ("offered", "use", "is_refused"),
    [
        ("CONTEXT=SEARCH", b"SEARCH RETURN (PARTIAL 1:5) SEEN", False),
        ("CONTEXT=SEARCH", b"SEARCH RETURN (PARTIAL -1:-5) SEEN", True),
        ("CONTEXT=SEARCH", b"UID FETCH 1:9 FLAGS (PARTIAL 1:5)", True),
        ("PARTIAL", b"SEARCH RETURN (PARTIAL -1:-5) SEEN", False),
        ("PARTIAL", b"UID FETCH 1:9 FLAGS (PARTIAL 1:5)", False),
        ("ESEARCH", b"SEARCH RETURN (PARTIAL 1:5) SEEN", True),
    ],
)
def test_what_is_needed(offered: str, use: bytes, is_refused: bool) -> None:
    server = selected_server(capabilities=("IMAP4rev1", offered))
    assert (
        any(isinstance(event, InvalidCommand) for event in feed(server, b"a " + use + b"\r\n")) is is_refused
    )


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_client_pages(adapter: str) -> None:
    answers = [b'* ESEARCH (TAG "{tag}") UID PARTIAL (-1:-3 7:9)\r\n{tag} OK done\r\n']
    found, said = converse(
        adapter, "PARTIAL", answers, lambda imap: imap.uid_esearch(returning=["PARTIAL -1:-3"])
    )
    assert found.get("PARTIAL") == PartialResults(-1, -3, UIDSet("7:9"))
    assert said == [b"UID SEARCH RETURN (PARTIAL -1:-3) ALL"]
    answers = [b"* 8 FETCH (UID 25996 FLAGS ())\r\n* 9 FETCH (UID 26600 FLAGS ())\r\n{tag} OK done\r\n"]
    messages, said = converse(
        adapter, "PARTIAL", answers, lambda imap: imap.uid_fetch("1:*", FLAGS, partial=(-1, -2)).all()
    )
    assert [message.uid for message in messages] == [25996, 26600]
    assert said == [b"UID FETCH 1:* FLAGS (PARTIAL -1:-2)"]


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_client_does_not_send_what_is_not_offered(adapter: str) -> None:
    with pytest.raises(LocalProtocolError, match="UID FETCH: PARTIAL needs PARTIAL, which is not offered"):
        converse(adapter, "ESEARCH", [], lambda imap: imap.uid_fetch("1:*", FLAGS, partial=(1, 2)).all())
