from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given

from mailproto.errors import LocalProtocolError
from mailproto.imap.commands import Command, Examine, Fetch, Select, UIDFetch, parse_command
from mailproto.imap.cursor import ParseError
from mailproto.imap.events import InvalidCommand
from mailproto.imap.ext.condstore import MODSEQ, NOMODSEQ, ChangedSince, HighestModSeqCode
from mailproto.imap.ext.qresync import VANISHED, QResync, VanishedData
from mailproto.imap.fetch import FLAGS
from mailproto.imap.responses import EnabledData, ExpungeData, Response, UnreadResponse
from mailproto.imap.sequence import SequenceSet, UIDSet
from mailproto.imap.server import IMAPServerConnection
from mailproto.imap.status import Bad, Ok
from mailproto.imap.updates import Vanished
from support_imap import feed, logged_in_server, sent
from support_imap_scripts import ADAPTERS, converse
from support_imap_strategies import qresyncs
from support_imap_wire import (
    check_command,
    check_response,
    command_octets,
    frame,
    parse_octets,
    read_response,
)

SAMPLE = (SequenceSet("5000,7500,9000,9990:9999"), UIDSet("15000,22500,27000,29970:29979"))
CHANGED = ChangedSince(12345)

COMMANDS: list[tuple[bytes, Command]] = [
    (
        b"SELECT INBOX (QRESYNC (67890007 20050715194045000 41,43:211,214:541))",
        Select("INBOX", (QResync(67890007, 20050715194045000, UIDSet("41,43:211,214:541")),)),
    ),
    (b"EXAMINE x (QRESYNC (1 2))", Examine("x", (QResync(1, 2),))),
    (
        b"SELECT x (QRESYNC (1 2 1:29997 (5000,7500,9000,9990:9999 15000,22500,27000,29970:29979)))",
        Select("x", (QResync(1, 2, UIDSet("1:29997"), matches=SAMPLE),)),
    ),
    (
        b"SELECT x (QRESYNC (1 2 (1:2 7:8)))",
        Select("x", (QResync(1, 2, matches=(SequenceSet("1:2"), UIDSet("7:8"))),)),
    ),
    (
        b"UID FETCH 300:500 FLAGS (CHANGEDSINCE 12345 VANISHED)",
        UIDFetch(UIDSet("300:500"), (FLAGS,), modifiers=(CHANGED, VANISHED)),
    ),
]


@pytest.mark.parametrize(("wire", "command"), COMMANDS)
def test_commands_in_both_directions(wire: bytes, command: Command) -> None:
    check_command(wire, command)


@pytest.mark.parametrize(
    "wire",
    [
        b"SELECT x (QRESYNC)",
        b"SELECT x (QRESYNC ())",
        b"SELECT x (QRESYNC (1))",
        b"SELECT x (QRESYNC (0 2))",
        b"SELECT x (QRESYNC (1 0))",
        b"SELECT x (QRESYNC (1 2 1:*))",
        b"SELECT x (QRESYNC (1 2 5 5))",
        b"SELECT x (QRESYNC (1 2 (1:2)))",
        b"SELECT x (QRESYNC (1 2 (1:2 7)))",
        b"SELECT x (QRESYNC (1 2 (2,1 7:8)))",
        b"SELECT x (QRESYNC (1 2 (1:2 8:7)))",
        b"SELECT x (QRESYNC (1 2 (1,* 7:8)))",
        b"SELECT x (QRESYNC (1 2) QRESYNC (1 2))",
        b"UID FETCH 1 FLAGS (VANISHED)",
        b"FETCH 1 FLAGS (CHANGEDSINCE 5 VANISHED)",
    ],
)
def test_what_is_no_command(wire: bytes) -> None:
    with pytest.raises(ParseError):
        parse_command(frame(b"a " + wire + b"\r\n"))


RESPONSES: list[tuple[bytes, Response]] = [
    (b"* VANISHED 405,407,410,425", VanishedData(UIDSet("405,407,410,425"))),
    (b"* VANISHED (EARLIER) 41,43:116,118", VanishedData(UIDSet("41,43:116,118"), is_earlier=True)),
]


@pytest.mark.parametrize(("wire", "response"), RESPONSES)
def test_responses_in_both_directions(wire: bytes, response: Response) -> None:
    check_response(wire, response)


@pytest.mark.parametrize("wire", [b"* VANISHED", b"* VANISHED 1:*", b"* VANISHED (LATER) 5", b"* VANISHED 0"])
def test_what_cannot_be_read(wire: bytes) -> None:
    assert isinstance(read_response(wire, strict=False), UnreadResponse)


@given(qresyncs)
def test_a_round_trip(known: QResync) -> None:
    command = Select("x", (known,))
    assert parse_octets(command_octets(command)) == command


ATTACKS: list[Callable[[], object]] = [
    lambda: QResync(0, 1),
    lambda: QResync(1, 2**63),
    lambda: QResync(1, 1, UIDSet()),
    lambda: QResync(1, 1, UIDSet("1:*")),
    lambda: QResync(1, 1, matches=(SequenceSet("1"), UIDSet("1:2"))),
    lambda: QResync(1, 1, matches=(SequenceSet("1:2,2:3"), UIDSet("1:4"))),
    lambda: VanishedData(UIDSet()),
    lambda: VanishedData(UIDSet("5:*")),
    lambda: VanishedData(SequenceSet("5")),  # type: ignore[arg-type]  # the mistake
    lambda: UIDFetch(UIDSet("1"), (FLAGS,), modifiers=(VANISHED,)),
    lambda: Fetch(SequenceSet("1"), (FLAGS,), modifiers=(CHANGED, VANISHED)),
]


@pytest.mark.parametrize("build", ATTACKS)
def test_attacks(build: Callable[[], object]) -> None:
    with pytest.raises(LocalProtocolError):
        build()


# Connections


def server_with_qresync() -> IMAPServerConnection:
    """Return a server that has enabled QRESYNC and has a mailbox selected."""
    server = logged_in_server(capabilities=("IMAP4rev1", "ENABLE", "QRESYNC", "UIDPLUS"))
    feed(server, b"a ENABLE QRESYNC\r\n")
    server.send(EnabledData(("QRESYNC",)))
    server.complete("a", Ok())
    feed(server, b"b SELECT INBOX\r\n")
    server.complete("b", Ok())
    sent(server)
    return server


def test_qresync_implies_condstore() -> None:
    assert server_with_qresync().enabled == {"QRESYNC", "CONDSTORE"}


def test_it_must_be_enabled_before() -> None:
    server = logged_in_server(capabilities=("IMAP4rev1", "QRESYNC"))
    events = feed(server, b"a SELECT x (QRESYNC (1 2))\r\n")
    assert [event.status for event in events if isinstance(event, InvalidCommand)] == [
        Bad("SELECT: QRESYNC needs ENABLE QRESYNC before")
    ]


def test_vanished_stands_for_expunge() -> None:
    server = server_with_qresync()
    feed(server, b"c EXPUNGE\r\n")
    with pytest.raises(LocalProtocolError, match="EXPUNGE: expected VANISHED"):
        server.send(ExpungeData(3))
    with pytest.raises(LocalProtocolError, match="EARLIER"):
        server.send(VanishedData(UIDSet("405"), is_earlier=True))
    server.send(VanishedData(UIDSet("405,407")))
    server.complete("c", Ok("expunged", HighestModSeqCode(5)))
    assert sent(server) == b"* VANISHED 405,407\r\nc OK [HIGHESTMODSEQ 5] expunged\r\n"
    feed(server, b"d FETCH 1 FLAGS\r\n")
    with pytest.raises(LocalProtocolError, match="VANISHED: not allowed now"):
        server.send(VanishedData(UIDSet("405")))


def test_a_mailbox_without_mod_sequences_has_expunge() -> None:
    server = server_with_qresync()
    feed(server, b"c SELECT other\r\n")
    server.send(Ok("no", NOMODSEQ))
    server.complete("c", Ok())
    feed(server, b"d EXPUNGE\r\n")
    with pytest.raises(LocalProtocolError, match="VANISHED: expected EXPUNGE"):
        server.send(VanishedData(UIDSet("405")))
    server.send(ExpungeData(3))
    server.complete("d", Ok())
    feed(server, b"e SELECT INBOX\r\n")
    server.complete("e", Ok())
    feed(server, b"f NOOP\r\n")
    server.send(VanishedData(UIDSet("405")))


def test_a_session_without_qresync_has_expunge() -> None:
    server = logged_in_server(capabilities=("IMAP4rev1", "QRESYNC"))
    feed(server, b"a SELECT x\r\n")
    server.complete("a", Ok())
    feed(server, b"b NOOP\r\n")
    with pytest.raises(LocalProtocolError, match="VANISHED: expected EXPUNGE"):
        server.send(VanishedData(UIDSet("405")))


@pytest.mark.parametrize(
    "command", [b"UID FETCH 1:9 FLAGS (CHANGEDSINCE 5 VANISHED)", b"SELECT x (QRESYNC (1 2))"]
)
def test_what_vanished_earlier_answers_those_who_asked(command: bytes) -> None:
    server = server_with_qresync()
    feed(server, b"c " + command + b"\r\n")
    server.send(VanishedData(UIDSet("300:310"), is_earlier=True))
    server.complete("c", Ok())
    assert sent(server) == b"* VANISHED (EARLIER) 300:310\r\nc OK completed\r\n"


# Clients

ENABLED = b"* ENABLED QRESYNC\r\n{tag} OK done\r\n"


def enabled(call: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return *call* behind `enable("QRESYNC")`, for either adapter."""

    def both(imap: Any) -> Any:
        result = imap.enable("QRESYNC")
        if isinstance(result, frozenset):
            return call(imap)

        async def after() -> Any:
            await result
            found = call(imap)
            return await found if hasattr(found, "__await__") else found

        return after()

    return both


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_client_resynchronizes(adapter: str) -> None:
    answer = (
        b"* 100 EXISTS\r\n* OK [UIDVALIDITY 67890007] x\r\n* OK [HIGHESTMODSEQ 90060115205545359] x\r\n"
        b"* VANISHED (EARLIER) 41,43:116\r\n"
        b"* 49 FETCH (UID 117 FLAGS (\\Seen) MODSEQ (90060115194045001))\r\n"
        b"{tag} OK [READ-WRITE] mailbox selected\r\n"
    )
    found, said = converse(
        adapter,
        "ENABLE QRESYNC",
        [ENABLED, answer],
        enabled(lambda imap: imap.resync("INBOX", 67890007, 90060115194045000, "41:211,214:541")),
        selected=False,
    )
    assert said == [
        b"ENABLE QRESYNC",
        b"SELECT INBOX (QRESYNC (67890007 90060115194045000 41:211,214:541))",
    ]
    assert (found.view.exists, found.view.highest_mod_seq) == (100, 90060115205545359)
    assert found.view.sequence_number(117) == 49
    assert found.vanished == UIDSet("41,43:116")
    assert [(message.uid, message[MODSEQ]) for message in found.changed] == [(117, 90060115194045001)]


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_without_known_uids_all_that_is_told_counts(adapter: str) -> None:
    answer = b"* OK [UIDVALIDITY 7] x\r\n* VANISHED (EARLIER) 2:5\r\n{tag} OK done\r\n"
    call = enabled(lambda imap: imap.resync("INBOX", 7, 9, is_read_only=True))
    found, said = converse(adapter, "ENABLE QRESYNC", [ENABLED, answer], call, selected=False)
    assert said[1] == b"EXAMINE INBOX (QRESYNC (7 9))"
    assert (found.vanished, found.changed) == (UIDSet("2:5"), ())


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_known_uids_that_are_too_many_for_a_line_are_asked_about_with_their_neighbours(adapter: str) -> None:
    known = UIDSet.of((*range(1, 20_000, 2), *range(30_001, 30_009, 2)))
    answer = (
        b"* OK [UIDVALIDITY 7] x\r\n* VANISHED (EARLIER) 2:5,30002:30003\r\n"
        b"* 1 FETCH (UID 7 FLAGS ())\r\n* 2 FETCH (UID 8 FLAGS ())\r\n{tag} OK done\r\n"
    )
    found, said = converse(
        adapter,
        "ENABLE QRESYNC",
        [ENABLED, answer],
        enabled(lambda imap: imap.resync("INBOX", 7, 9, known)),
        selected=False,
    )
    assert said[1] == b"SELECT INBOX (QRESYNC (7 9 1:19999,30001:30007))"
    assert found.vanished == UIDSet("3,5,30003")
    assert [message.uid for message in found.changed] == [7]


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_client_is_told_what_vanished(adapter: str) -> None:
    answers = [
        ENABLED,
        b"* 9 EXISTS\r\n{tag} OK done\r\n",
        b"* VANISHED (EARLIER) 300:310,405\r\n"
        b"* 1 FETCH (UID 404 FLAGS () MODSEQ (65402))\r\n{tag} OK done\r\n",
        b"* VANISHED 404,406\r\n{tag} OK done\r\n",
    ]

    def call(imap: Any) -> Any:
        def fetch() -> Any:
            return imap.uid_fetch("300:500", FLAGS, changed_since=12345, vanished=True)

        if adapter == "sync":
            imap.select("INBOX")
            messages = fetch()
            found = [message.uid for message in messages]
            return found, messages.vanished, imap.poll(), imap.mailbox.exists

        async def both() -> Any:
            await imap.select("INBOX")
            messages = fetch()
            found = [message.uid async for message in messages]
            return found, messages.vanished, await imap.poll(), imap.mailbox.exists

        return both()

    found, said = converse(adapter, "ENABLE QRESYNC", answers, enabled(call), selected=False)
    assert found == ([404], UIDSet("300:310,405"), (Vanished(UIDSet("404,406")),), 7)
    assert said[2] == b"UID FETCH 300:500 FLAGS (CHANGEDSINCE 12345 VANISHED)"


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_client_asks_only_after_enable(adapter: str) -> None:
    with pytest.raises(LocalProtocolError, match="QRESYNC needs ENABLE QRESYNC before"):
        converse(adapter, "QRESYNC", [], lambda imap: imap.resync("INBOX", 1, 2))
    with pytest.raises(LocalProtocolError, match="QRESYNC needs QRESYNC, which is not offered"):
        converse(adapter, "CONDSTORE", [], lambda imap: imap.resync("INBOX", 1, 2))
