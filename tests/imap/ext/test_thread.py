from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given

from mailproto.errors import LocalProtocolError
from mailproto.imap.codec import serialize
from mailproto.imap.commands import Command, parse_command
from mailproto.imap.cursor import ParseError
from mailproto.imap.events import InvalidCommand
from mailproto.imap.ext.thread import Thread, ThreadBranch, ThreadData, UIDThread
from mailproto.imap.responses import ExpungeData, Response, UnreadResponse
from mailproto.imap.search import All, Text, Unseen
from support_imap import feed, selected_server
from support_imap_scripts import ADAPTERS, converse
from support_imap_strategies import thread_data
from support_imap_wire import check_command, check_response, frame, read_response

COMMANDS: list[tuple[bytes, Command]] = [
    (b'THREAD ORDEREDSUBJECT US-ASCII TEXT "gewp"', Thread("orderedsubject", Text("gewp"), "US-ASCII")),
    (b"THREAD REFERENCES UTF-8 ALL", Thread("REFERENCES", All())),
    (b"UID THREAD X-NEW UTF-8 UNSEEN", UIDThread("X-NEW", Unseen())),
]


@pytest.mark.parametrize(("wire", "command"), COMMANDS)
def test_commands_in_both_directions(wire: bytes, command: Command) -> None:
    if wire.endswith(b'"gewp"'):
        wire = wire.replace(b'"gewp"', b"gewp")
    check_command(wire, command)


@pytest.mark.parametrize(
    "wire", [b"THREAD", b"THREAD UTF-8 ALL", b"THREAD (REFERENCES) UTF-8 ALL", b"THREAD X UTF-8"]
)
def test_what_is_no_command(wire: bytes) -> None:
    with pytest.raises(ParseError):
        parse_command(frame(b"a " + wire + b"\r\n"))


SPLIT = ThreadBranch((3, 6), (ThreadBranch((4, 23)), ThreadBranch((44, 7, 96))))
SIBLINGS = ThreadBranch((), (ThreadBranch((3,)), ThreadBranch((5,))))

RESPONSES: list[tuple[bytes, Response]] = [
    (b"* THREAD", ThreadData()),
    (b"* THREAD (2)(3 6 (4 23)(44 7 96))", ThreadData((ThreadBranch((2,)), SPLIT))),
    (b"* THREAD ((3)(5))", ThreadData((SIBLINGS,))),
    (b"* THREAD (1 ((3)(5))(7))", ThreadData((ThreadBranch((1,), (SIBLINGS, ThreadBranch((7,)))),))),
]


@pytest.mark.parametrize(("wire", "response"), RESPONSES)
def test_responses_in_both_directions(wire: bytes, response: Response) -> None:
    check_response(wire, response)


@pytest.mark.parametrize(
    "wire",
    [
        b"* THREAD ()",
        b"* THREAD (0)",
        b"* THREAD (1",
        b"* THREAD (1 )",
        b"* THREAD (1  2)",
        b"* THREAD (1(2)(3))",
        b"* THREAD (1 (2)3)",
        b"* THREAD (a)",
        b"* THREAD " + b"(1 (2)" * 200,
        b"* THREAD " + b"(1 (2)" * 150 + b"(3)" + b")" * 150,
    ],
)
def test_what_cannot_be_read(wire: bytes) -> None:
    assert isinstance(read_response(wire, strict=False), UnreadResponse)


def test_a_long_line_of_answers_is_not_deep() -> None:
    numbers = tuple(range(1, 20_001))
    wire = b"* THREAD (" + " ".join(map(str, numbers)).encode() + b")"
    assert read_response(wire) == ThreadData((ThreadBranch(numbers),))


def test_the_levels_of_a_thread() -> None:
    assert list(SPLIT.walk()) == [(0, 3), (1, 6), (2, 4), (3, 23), (2, 44), (3, 7), (4, 96)]
    assert list(SIBLINGS.walk()) == [(1, 3), (1, 5)]
    assert (SPLIT.depth, SIBLINGS.depth, ThreadBranch((1, 2)).depth) == (2, 2, 1)


@given(thread_data)
def test_a_round_trip(data: ThreadData) -> None:
    assert read_response(serialize(data)[:-2]) == data


def nested(levels: int) -> ThreadBranch:
    branch = ThreadBranch((1,))
    for _ in range(levels):
        branch = ThreadBranch((), (branch, ThreadBranch((2,))))
    return branch


ATTACKS: list[Callable[[], object]] = [
    lambda: Thread("a b", All()),
    lambda: Thread("X", Text("é"), "US-ASCII"),
    lambda: ThreadBranch(),
    lambda: ThreadBranch((0,)),
    lambda: ThreadBranch((1,), (ThreadBranch((2,)),)),
    lambda: ThreadBranch((1,), (2, 3)),  # type: ignore[arg-type]  # the mistake
    lambda: ThreadData((1,)),  # type: ignore[arg-type]  # the mistake
    lambda: nested(100),
]


@pytest.mark.parametrize("build", ATTACKS)
def test_attacks(build: Callable[[], object]) -> None:
    with pytest.raises(LocalProtocolError):
        build()


@pytest.mark.parametrize(
    ("offered", "is_taken"), [("SORT", False), ("THREAD=ORDEREDSUBJECT", False), ("THREAD=REFERENCES", True)]
)
def test_an_algorithm_is_a_capability(offered: str, is_taken: bool) -> None:
    server = selected_server(capabilities=("IMAP4rev1", offered))
    events = feed(server, b"a THREAD REFERENCES UTF-8 ALL\r\n")
    assert [isinstance(event, InvalidCommand) for event in events] == [not is_taken]
    if is_taken:
        with pytest.raises(LocalProtocolError, match="EXPUNGE"):
            server.send(ExpungeData(1))


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_client_threads(adapter: str) -> None:
    answers = [b"* THREAD (2)(3 6 (4 23)(44 7 96))\r\n{tag} OK done\r\n"]
    found, said = converse(adapter, "THREAD=REFERENCES", answers, lambda imap: imap.thread(Unseen()))
    assert found == (ThreadBranch((2,)), SPLIT)
    assert said == [b"THREAD REFERENCES UTF-8 UNSEEN"]
    found, said = converse(
        adapter, "THREAD=REFS", answers, lambda imap: imap.uid_thread(algorithm="REFS", charset="US-ASCII")
    )
    assert found == (ThreadBranch((2,)), SPLIT)
    assert said == [b"UID THREAD REFS US-ASCII ALL"]
    with pytest.raises(LocalProtocolError, match="REFERENCES needs THREAD=REFERENCES, which is not offered"):
        converse(adapter, "THREAD=REFS", [], lambda imap: imap.thread())
