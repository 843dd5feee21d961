from __future__ import annotations

from collections.abc import Callable

import pytest

from mailproto.errors import LocalProtocolError
from mailproto.imap.commands import (
    Command,
    Copy,
    Fetch,
    Search,
    Store,
    StoreAction,
    UIDFetch,
    UIDSearch,
    parse_command,
)
from mailproto.imap.cursor import ParseError
from mailproto.imap.events import InvalidCommand
from mailproto.imap.ext.esearch import COUNT, ESearchData
from mailproto.imap.ext.move import UIDMove
from mailproto.imap.ext.searchres import NOTSAVED, SAVE
from mailproto.imap.ext.uidplus import UIDExpunge
from mailproto.imap.fetch import FLAGS
from mailproto.imap.search import UID, Deleted, Seen, SequenceNumbers, Smaller, UnknownKey
from mailproto.imap.sequence import SequenceSet, UIDSet
from mailproto.imap.status import No
from support_imap import feed, selected_client, selected_server
from support_imap_scripts import ADAPTERS, converse
from support_imap_wire import check_command, check_response, frame

NUMBERS = SequenceSet("$")
UIDS = UIDSet("$")

COMMANDS: list[tuple[bytes, Command]] = [
    (b"SEARCH RETURN (SAVE) DELETED", Search(Deleted(), returning=(SAVE,))),
    (b"UID SEARCH RETURN (SAVE COUNT) DELETED", UIDSearch(Deleted(), returning=(SAVE, COUNT))),
    (b"FETCH $ FLAGS", Fetch(NUMBERS, (FLAGS,))),
    (b"UID FETCH $ FLAGS", UIDFetch(UIDS, (FLAGS,))),
    (
        b"STORE $ +FLAGS.SILENT (\\Deleted)",
        Store(NUMBERS, StoreAction.ADD, frozenset({"\\Deleted"}), silent=True),
    ),
    (b'COPY $ "Other Messages"', Copy(NUMBERS, "Other Messages")),
    (b"UID MOVE $ Junk", UIDMove(UIDS, "Junk")),
    (b"UID EXPUNGE $", UIDExpunge(UIDS)),
    (b"UID SEARCH UID $ SMALLER 4096", UIDSearch(UID(UIDS) & Smaller(4096))),
    (
        b"SEARCH OR $ 1,3000:3021",
        Search(SequenceNumbers(NUMBERS) | SequenceNumbers(SequenceSet("1,3000:3021"))),
    ),
]


@pytest.mark.parametrize(("wire", "command"), COMMANDS)
def test_commands_in_both_directions(wire: bytes, command: Command) -> None:
    check_command(wire, command)


@pytest.mark.parametrize("wire", [b"FETCH $,1 FLAGS", b"FETCH 1,$ FLAGS", b"FETCH $:5 FLAGS", b"SEARCH $$"])
def test_what_is_no_command(wire: bytes) -> None:
    with pytest.raises(ParseError):
        parse_command(frame(b"a " + wire + b"\r\n"))


def test_a_server_may_refuse_to_remember() -> None:
    check_response(b"* NO [NOTSAVED] too many", No("too many", NOTSAVED))


ATTACKS: list[Callable[[], object]] = [
    lambda: len(UIDS),
    lambda: list(UIDS),
    lambda: UIDS.resolve(5),
    lambda: UIDS | UIDSet("5"),
    lambda: UIDSet("5") | UIDS,
    lambda: UIDS & UIDSet("5"),
    lambda: UIDS.last(5),
    lambda: SequenceSet("$,1"),
    lambda: SequenceSet.from_ranges(((2**32 + 1, 2**32 + 1),)),
    lambda: UnknownKey("$"),
]


@pytest.mark.parametrize("build", ATTACKS)
def test_nobody_but_the_server_knows_what_it_holds(build: Callable[[], object]) -> None:
    with pytest.raises(LocalProtocolError):
        build()


def test_a_set_that_is_saved() -> None:
    assert (UIDS.is_saved, UIDS.has_star, bool(UIDS), 5 in UIDS, str(UIDS)) == (True, True, True, False, "$")
    assert not UIDSet("1:*").is_saved
    assert UIDSet("$") == UIDS
    assert hash(UIDS) == hash(UIDSet("$"))


USES = [
    b"SEARCH RETURN (SAVE) SEEN",
    b"FETCH $ FLAGS",
    b"STORE $ FLAGS ()",
    b"COPY $ x",
    b"UID EXPUNGE $",
    b"SEARCH NOT $",
    b"SEARCH UID $",
]


@pytest.mark.parametrize("use", USES)
def test_what_needs_searchres(use: bytes) -> None:
    server = selected_server(capabilities=("IMAP4rev1", "ESEARCH", "UIDPLUS"))
    events = feed(server, b"a " + use + b"\r\n")
    assert [
        event.status.text.partition(" needs ")[2] for event in events if isinstance(event, InvalidCommand)
    ] == ["SEARCHRES, which is not offered"]
    server = selected_server(capabilities=("IMAP4rev1", "ESEARCH", "SEARCHRES", "UIDPLUS"))
    assert not any(isinstance(event, InvalidCommand) for event in feed(server, b"a " + use + b"\r\n"))


def test_it_is_pipelined_where_numbers_would_not_be() -> None:
    client = selected_client("IMAP4rev1 ESEARCH SEARCHRES")
    client.send_command(Search(Seen(), returning=(SAVE,)))
    client.send_command(Copy(NUMBERS, "Junk"))
    client.send_command(Store(NUMBERS, StoreAction.ADD, frozenset({"\\Deleted"}), silent=True))
    client.send_command(Search(~SequenceNumbers(NUMBERS), returning=()))
    with pytest.raises(LocalProtocolError, match="sequence numbers may change while COPY"):
        client.send_command(Fetch(SequenceSet("1"), (FLAGS,)))


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_client_saves_and_uses(adapter: str) -> None:
    found, said = converse(
        adapter,
        "ESEARCH SEARCHRES",
        [b"{tag} OK done\r\n"],
        lambda imap: imap.esearch(Seen(), returning=["SAVE"]),
    )
    assert isinstance(found, ESearchData)
    assert found.results == ()
    assert said == [b"SEARCH RETURN (SAVE) SEEN"]
    answers = [b"* 2 FETCH (UID 14 FLAGS ())\r\n* 84 FETCH (UID 100 FLAGS ())\r\n{tag} OK done\r\n"]
    messages, said = converse(adapter, "SEARCHRES", answers, lambda imap: imap.uid_fetch("$", FLAGS).all())
    assert [message.uid for message in messages] == [14, 100]
    assert said == [b"UID FETCH $ FLAGS"]


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_client_does_not_send_what_is_not_offered(adapter: str) -> None:
    with pytest.raises(LocalProtocolError, match="COPY: \\$ needs SEARCHRES, which is not offered"):
        converse(adapter, "ESEARCH", [], lambda imap: imap.copy("$", "x"))
