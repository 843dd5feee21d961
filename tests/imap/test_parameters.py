from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given

from mailproto.errors import LocalProtocolError
from mailproto.imap.capability import Capabilities
from mailproto.imap.commands import (
    Command,
    Create,
    Examine,
    Fetch,
    List,
    Rename,
    Search,
    Select,
    Store,
    StoreAction,
    UIDFetch,
    UIDSearch,
    UIDStore,
    parse_command,
)
from mailproto.imap.cursor import Cursor, ParseError
from mailproto.imap.events import InvalidCommand
from mailproto.imap.fetch import FLAGS
from mailproto.imap.needs import Need, reason_against, with_implied
from mailproto.imap.parameters import Parameters, ParameterTable, UnknownParameter
from mailproto.imap.search import Seen
from mailproto.imap.sequence import SequenceSet, UIDSet
from mailproto.imap.status import Bad
from support_imap import selected_server, server_events
from support_imap_strategies import unknown_parameters
from support_imap_wire import command_octets, cursor_at, frame, parse_octets, written

X = UnknownParameter("X-ONE")
N = UnknownParameter("X-TWO", 17)
S = UnknownParameter("X-SET", "4:19,21,28")
L = UnknownParameter("X-LIST", ("RESPONSES", b"UID Responses", ()))

ONE = SequenceSet("1")
SEEN = frozenset({"\\Seen"})

CASES: list[tuple[bytes, Command]] = [
    (b"SELECT x (X-ONE)", Select("x", (X,))),
    (b"SELECT x (X-TWO 17 X-ONE)", Select("x", (N, X))),
    (b'EXAMINE INBOX (X-LIST (RESPONSES "UID Responses" ()) X-ONE)', Examine("INBOX", (L, X))),
    (b"CREATE x (X-LIST ())", Create("x", (UnknownParameter("X-LIST", ()),))),
    (b"RENAME a b (X-ONE X-SET 4:19,21,28)", Rename("a", "b", (X, S))),
    (b"FETCH 1 FLAGS (X-TWO 17)", Fetch(ONE, (FLAGS,), modifiers=(N,))),
    (b"UID FETCH 1 FLAGS (X-ONE)", UIDFetch(UIDSet("1"), (FLAGS,), modifiers=(X,))),
    (b"STORE 1 (X-TWO 17) +FLAGS (\\Seen)", Store(ONE, StoreAction.ADD, SEEN, modifiers=(N,))),
    (
        b"UID STORE 1 (X-ONE) FLAGS.SILENT ()",
        UIDStore(UIDSet("1"), StoreAction.REPLACE, frozenset(), silent=True, modifiers=(X,)),
    ),
    (b"SEARCH RETURN () SEEN", Search(Seen(), returning=())),
    (b"SEARCH RETURN (X-ONE X-TWO 17) CHARSET UTF-8 SEEN", Search(Seen(), "UTF-8", returning=(X, N))),
    (b"UID SEARCH RETURN (X-SET 4:19,21,28) SEEN", UIDSearch(Seen(), returning=(S,))),
    (b'LIST () "" %', List("", "%", selection=())),
    (b'LIST (X-ONE) "" % RETURN (X-TWO 17)', List("", "%", selection=(X,), returning=(N,))),
    (b'LIST "" (INBOX Drafts Sent/%)', List("", "INBOX", more_patterns=("Drafts", "Sent/%"))),
    (b'LIST "" % RETURN ()', List("", "%", returning=())),
]


@pytest.mark.parametrize(("wire", "command"), CASES)
def test_both_directions(wire: bytes, command: Command) -> None:
    assert parse_octets(b"a " + wire + b"\r\n") == command
    assert command_octets(command) == b"a " + wire + b"\r\n"


OTHER_SPELLINGS: list[tuple[bytes, Command]] = [
    (b"select x (x-One)", Select("x", (X,))),
    (b"SEARCH return (x-one) seen", Search(Seen(), returning=(X,))),
    (b'LIST "" (%)', List("", "%")),
    (b'LIST "" % return ()', List("", "%", returning=())),
    (b"SELECT x (X-LIST ({2}\r\n\r\n))", Select("x", (UnknownParameter("X-LIST", (b"\r\n",)),))),
]


@pytest.mark.parametrize(("wire", "command"), OTHER_SPELLINGS)
def test_other_spellings_are_read(wire: bytes, command: Command) -> None:
    assert parse_octets(b"a " + wire + b"\r\n") == command


@pytest.mark.parametrize(
    "wire",
    [
        b"SELECT x ()",
        b"SELECT x (X-ONE",
        b"SELECT x (X-ONE  X-TWO)",
        b"SELECT x (17)",
        b'SELECT x (X-ONE "a")',
        b"SELECT x (X-ONE X-one)",
        b"SELECT x (X-ONE) (X-TWO)",
        b"CREATE x ()",
        b"FETCH 1 FLAGS ()",
        b"STORE 1 () FLAGS ()",
        b"SEARCH RETURN SEEN",
        b"SEARCH RETURN ()",
        b'LIST "" ()',
        b'LIST "" % RETURN',
        b'LIST "" % (X-ONE)',
        b"SELECT x (X-LIST " + b"(" * 200 + b")" * 200 + b")",
    ],
)
def test_what_is_no_command(wire: bytes) -> None:
    with pytest.raises(ParseError):
        parse_command(frame(b"a " + wire + b"\r\n"))


ATTACKS: list[Callable[[], object]] = [
    lambda: UnknownParameter("a b"),
    lambda: UnknownParameter("17"),
    lambda: UnknownParameter("X\r\n"),
    lambda: UnknownParameter("X", "a"),
    lambda: UnknownParameter("X", b"a"),  # type: ignore[arg-type]  # the mistake
    lambda: UnknownParameter("X", (b"\0",)),
    lambda: Select("x", (X, X)),
    lambda: Select("x", ("X-ONE",)),  # type: ignore[arg-type]  # the mistake
    lambda: List("", "%", more_patterns="%"),  # type: ignore[arg-type]  # the mistake
    lambda: List("", "%", more_patterns=("\0",)),
]


@pytest.mark.parametrize("build", ATTACKS)
def test_attacks(build: Callable[[], object]) -> None:
    with pytest.raises(LocalProtocolError):
        build()


@given(unknown_parameters)
def test_what_is_unknown_survives(parameters: Parameters) -> None:
    table = ParameterTable("parameter", least=0)
    octets = written(lambda writer: table.write(writer, parameters))
    command = parse_octets(b"a LIST " + octets + b' "" %\r\n')
    assert isinstance(command, List)
    assert command.selection == parameters


def test_a_table_knows_its_own_parameters_only() -> None:
    here, elsewhere = ParameterTable("parameter of X"), ParameterTable("parameter of Y")
    one = here.simple("ONE", "CAP")
    assert here.parse(cursor_at(b"(one)")) == (one,)
    assert one.needs == (Need("ONE", ("CAP",)),)
    with pytest.raises(LocalProtocolError, match="parameter of Y"):
        elsewhere.check((one,), "X")
    with pytest.raises(LocalProtocolError, match="ONE: expected the parameter of X of this name"):
        here.check((UnknownParameter("ONE"),), "X")


def test_a_row_may_be_a_function_of_what_follows() -> None:
    table = ParameterTable("parameter")

    def row(cursor: Cursor) -> UnknownParameter:
        cursor.expect(b" =")
        return UnknownParameter("READ", cursor.number())

    table.rows["TWO"] = row
    assert table.parse(cursor_at(b"(TWO =5)")) == (UnknownParameter("READ", 5),)


@pytest.mark.parametrize(
    ("needs", "reason"),
    [
        ((), None),
        ((Need("A", ("ONE", "TWO")),), None),
        ((Need("A", ("ESEARCH",)),), None),
        ((Need("A", ("TWO",), "TWO"),), None),
        ((Need("A", ()),), "A is not known"),
        ((Need("A", ("THREE", "FOUR")),), "A needs THREE or FOUR, which is not offered"),
        ((Need("A", ("TWO",), "ONE"),), "A needs ENABLE ONE before"),
    ],
)
def test_needs(needs: tuple[Need, ...], reason: str | None) -> None:
    assert reason_against(needs, Capabilities(("TWO", "IMAP4rev2")), {"TWO"}) == reason


def test_what_comes_with_another_one() -> None:
    assert with_implied(["QRESYNC", "X"]) == {"QRESYNC", "CONDSTORE", "X"}


def test_a_server_refuses_what_it_does_not_offer() -> None:
    octets = (
        b"a SELECT INBOX (BLURDYBLOOP)\r\n"
        b"b FETCH 1 FLAGS (X-ONE)\r\n"
        b"c UID SEARCH RETURN () SEEN\r\n"
        b'd LIST () "" %\r\n'
    )
    events = server_events(octets, selected_server)
    assert all(isinstance(event, InvalidCommand) for event in events)
    assert [event.status for event in events if isinstance(event, InvalidCommand)] == [
        Bad("SELECT: BLURDYBLOOP is not known"),
        Bad("FETCH: X-ONE is not known"),
        Bad("UID SEARCH: RETURN needs ESEARCH, which is not offered"),
        Bad("LIST: an extended LIST needs LIST-EXTENDED, which is not offered"),
    ]
