from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mailproto.errors import LocalProtocolError
from mailproto.imap.codes import UnknownCode
from mailproto.imap.commands import Command, Search, UIDSearch, parse_command
from mailproto.imap.cursor import ParseError
from mailproto.imap.events import InvalidCommand
from mailproto.imap.ext.context import CONTEXT, CancelUpdate, ContextUpdate, NoUpdateCode, UpdateResults
from mailproto.imap.ext.esearch import COUNT, ESearchData
from mailproto.imap.ext.sort import SortCriterion, UIDSort
from mailproto.imap.fetch import UID, BodySection
from mailproto.imap.responses import Response
from mailproto.imap.search import Deleted
from mailproto.imap.sequence import SequenceSet, UIDSet
from mailproto.imap.status import No, Ok
from mailproto.imap.updates import MailboxChanged
from mailproto.limits import IMAPLimits
from support_imap import feed, selected_server, sent
from support_imap_scripts import ADAPTERS, converse
from support_imap_wire import check_command, check_response, frame, read_response

TO = BodySection((), "HEADER.FIELDS", ("TO",), peek=False)

COMMANDS: list[tuple[bytes, Command]] = [
    (b"UID SEARCH RETURN (UPDATE COUNT) DELETED", UIDSearch(Deleted(), returning=(UpdateResults(), COUNT))),
    (b"SEARCH RETURN (COUNT CONTEXT) DELETED", Search(Deleted(), returning=(COUNT, CONTEXT))),
    (
        b"SEARCH RETURN (COUNT UPDATE (UID BODY[HEADER.FIELDS (TO)])) DELETED",
        Search(Deleted(), returning=(COUNT, UpdateResults((UID, TO)))),
    ),
    (b"SEARCH RETURN (UPDATE (UID)) DELETED", Search(Deleted(), returning=(UpdateResults((UID,)),))),
    (
        b"UID SORT RETURN (UPDATE COUNT) (DATE) UTF-8 DELETED",
        UIDSort((SortCriterion("DATE"),), Deleted(), returning=(UpdateResults(), COUNT)),
    ),
    (b'CANCELUPDATE "B01" "B02"', CancelUpdate(("B01", "B02"))),
]


@pytest.mark.parametrize(("wire", "command"), COMMANDS)
def test_commands_in_both_directions(wire: bytes, command: Command) -> None:
    check_command(wire, command)


@pytest.mark.parametrize(
    "wire",
    [
        b"CANCELUPDATE",
        b"CANCELUPDATE B01",
        b'CANCELUPDATE "a b"',
        b'CANCELUPDATE ""',
        b"CANCELUPDATE {1}\r\na",
        b"SEARCH RETURN (UPDATE ()) ALL",
        b"SEARCH RETURN (UPDATE 5) ALL",
        b"SEARCH RETURN (CONTEXT 5) ALL",
    ],
)
def test_what_is_no_command(wire: bytes) -> None:
    with pytest.raises(ParseError):
        parse_command(frame(b"a " + wire + b"\r\n"))


def updates(
    *pairs: tuple[int, str], kind: type[SequenceSet] | type[UIDSet] = UIDSet
) -> tuple[ContextUpdate, ...]:
    return tuple(ContextUpdate(position, kind(numbers)) for position, numbers in pairs)


RESPONSES: list[tuple[bytes, Response]] = [
    (
        b'* ESEARCH (TAG "B01") UID ADDTO (0 32768:32769)',
        ESearchData("B01", (("ADDTO", updates((0, "32768:32769"))),), True),
    ),
    (
        b'* ESEARCH (TAG "C01") UID ADDTO (1 2733) ADDTO (1 2731:2732)',
        ESearchData("C01", (("ADDTO", updates((1, "2733"))), ("ADDTO", updates((1, "2731:2732")))), True),
    ),
    (
        b'* ESEARCH (TAG "C01") ADDTO (1 2733 1 2732 1 2731) REMOVEFROM (0 5)',
        ESearchData(
            "C01",
            (
                ("ADDTO", updates((1, "2733"), (1, "2732"), (1, "2731"), kind=SequenceSet)),
                ("REMOVEFROM", updates((0, "5"), kind=SequenceSet)),
            ),
        ),
    ),
    (b'* NO [NOUPDATE "a]b"] x', No("x", NoUpdateCode("a]b"))),
    (b'* NO [NOUPDATE "B02"] Too many contexts', No("Too many contexts", NoUpdateCode("B02"))),
]


@pytest.mark.parametrize(("wire", "response"), RESPONSES)
def test_responses_in_both_directions(wire: bytes, response: Response) -> None:
    check_response(wire, response)


@pytest.mark.parametrize("value", [b"()", b"(1)", b"(1 *)", b"(1 5 2)", b"(-1 5)", b"5"])
def test_what_cannot_be_read_is_a_defect(value: bytes) -> None:
    read = read_response(b'* ESEARCH (TAG "a") ADDTO ' + value, strict=False)
    assert read == ESearchData("a")
    assert isinstance(read, ESearchData)
    assert len(read.defects) == 1


def test_a_code_without_its_tag_is_kept() -> None:
    read = read_response(b"* NO [NOUPDATE B02] x", strict=False)
    assert isinstance(read, No)
    assert read.code == UnknownCode.of_parsed("NOUPDATE", b"B02")


ATTACKS: list[Callable[[], object]] = [
    lambda: CancelUpdate(()),
    lambda: CancelUpdate("B01"),  # type: ignore[arg-type]  # the mistake
    lambda: CancelUpdate(("a b",)),
    lambda: CancelUpdate(("a\r\n",)),
    lambda: NoUpdateCode('a"'),
    lambda: UpdateResults((5,)),  # type: ignore[arg-type]  # the mistake
    lambda: ESearchData("a", (("ADDTO", ()),)),
    lambda: ESearchData("a", (("ADDTO", ((0, 5),)),)),
    lambda: ESearchData("a", (("ADDTO", updates((-1, "5"))),), True),
    lambda: ESearchData("a", (("ADDTO", updates((0, "5"))),)),
]


@pytest.mark.parametrize("build", ATTACKS)
def test_attacks(build: Callable[[], object]) -> None:
    with pytest.raises(LocalProtocolError):
        build()


NEEDS: list[tuple[bytes, str, bool]] = [
    (b"SEARCH RETURN (UPDATE) ALL", "CONTEXT=SEARCH", True),
    (b"SEARCH RETURN (UPDATE) ALL", "CONTEXT=SORT", False),
    (b"SEARCH RETURN (UPDATE (UID)) ALL", "CONTEXT=SEARCH", False),
    (b"SEARCH RETURN (UPDATE (UID)) ALL", "CONTEXT=SEARCH NOTIFY", True),
    (b"SEARCH RETURN (CONTEXT) ALL", "ESEARCH", False),
    (b'CANCELUPDATE "a"', "ESEARCH", False),
    (b'CANCELUPDATE "a"', "CONTEXT=SORT", True),
]


@pytest.mark.parametrize(("wire", "offered", "is_taken"), NEEDS)
def test_what_is_needed(wire: bytes, offered: str, is_taken: bool) -> None:
    server = selected_server(capabilities=("IMAP4rev1", *offered.split()))
    events = feed(server, b"a " + wire + b"\r\n")
    assert [isinstance(event, InvalidCommand) for event in events] == [not is_taken]


def test_a_server_keeps_so_many_searches_up_to_date() -> None:
    server = selected_server(IMAPLimits(max_contexts=2), capabilities=("IMAP4rev1", "CONTEXT=SEARCH"))

    def is_taken(tag: str) -> bool:
        (event,) = feed(server, f"{tag} SEARCH RETURN (UPDATE) DELETED\r\n".encode())
        server.complete(tag, event.status if isinstance(event, InvalidCommand) else Ok())
        return not isinstance(event, InvalidCommand)

    assert is_taken("B1")
    assert is_taken("B2")
    assert not is_taken("B3")
    assert sent(server).endswith(b"B3 NO [LIMIT] too many searches with UPDATE, cancel one\r\n")
    feed(server, b'c CANCELUPDATE "B1"\r\n')
    server.complete("c", Ok())
    assert is_taken("B3")


def test_a_tag_names_one_search_with_update() -> None:
    server = selected_server(capabilities=("IMAP4rev1", "CONTEXT=SEARCH", "CONTEXT=SORT", "ESORT", "SORT"))

    def say(tag: str, line: str) -> bool:
        events = feed(server, f"{tag} {line}\r\n".encode())
        if isinstance(events[0], InvalidCommand):
            server.complete(tag, events[0].status)
            return False
        return True

    assert say("B01", "SEARCH RETURN (UPDATE) DELETED")
    server.complete("B01", Ok())
    assert not say("B01", "SORT RETURN (UPDATE) (DATE) UTF-8 FLAGGED")
    assert sent(server).endswith(b"B01 BAD the tag is in use for a search with UPDATE\r\n")
    assert say("B01", "SEARCH DELETED")
    server.complete("B01", Ok())
    assert say("B02", "SEARCH RETURN (UPDATE) DELETED")
    server.send(No("Too many contexts", NoUpdateCode("B02")))
    server.complete("B02", Ok())
    assert say("B02", "SEARCH RETURN (UPDATE) DELETED")
    server.complete("B02", No())
    assert say("B03", 'CANCELUPDATE "B01"')
    server.complete("B03", Ok())
    assert say("B01", "SEARCH RETURN (UPDATE) DELETED")
    server.complete("B01", Ok())
    assert say("B04", "SELECT other")
    server.complete("B04", Ok())
    assert say("B01", "SEARCH RETURN (UPDATE) DELETED")


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_client_follows_its_results(adapter: str) -> None:
    answers = [
        b'* ESEARCH (TAG "{tag}") UID COUNT 74\r\n{tag} OK will notify\r\n',
        b'* ESEARCH (TAG "A2") UID ADDTO (0 32768:32769)\r\n{tag} OK done\r\n',
        b"{tag} OK no further updates\r\n",
    ]

    def call(imap: Any) -> Any:
        if adapter == "sync":
            found = imap.uid_esearch(Deleted(), returning=["UPDATE", "COUNT"])
            news = imap.poll()
            imap.cancel_update(found.tag)
            return found, news

        async def follow() -> Any:
            found = await imap.uid_esearch(Deleted(), returning=["UPDATE", "COUNT"])
            news = await imap.poll()
            await imap.cancel_update(found.tag)
            return found, news

        return follow()

    (found, news), said = converse(adapter, "CONTEXT=SEARCH ESEARCH", answers, call)
    assert (found.tag, found.count) == ("A2", 74)
    assert news == (MailboxChanged(ESearchData("A2", (("ADDTO", updates((0, "32768:32769"))),), True)),)
    assert said == [b"UID SEARCH RETURN (UPDATE COUNT) DELETED", b"NOOP", b'CANCELUPDATE "A2"']
