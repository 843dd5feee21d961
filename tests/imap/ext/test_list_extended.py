"""LIST-EXTENDED, SPECIAL-USE, and what LIST returns besides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given

from mailproto.errors import IMAPStatusError, LocalProtocolError
from mailproto.imap.codec import serialize
from mailproto.imap.commands import Command, Create, List, Status, parse_command
from mailproto.imap.cursor import ParseError
from mailproto.imap.events import InvalidCommand
from mailproto.imap.ext.acl import MyRightsData
from mailproto.imap.ext.list_extended import CHILDREN, RECURSIVEMATCH, REMOTE, SUBSCRIBED
from mailproto.imap.ext.list_status import MYRIGHTS, ReturnMetadata, ReturnStatus
from mailproto.imap.ext.special_use import SPECIAL_USE, USEATTR, Use
from mailproto.imap.list_flows import Listed
from mailproto.imap.parameters import UnknownParameter
from mailproto.imap.responses import ListData, Response, StatusData
from mailproto.imap.status import No
from support_imap import feed, logged_in_client, logged_in_server
from support_imap_scripts import ADAPTERS, converse
from support_imap_strategies import extended_lists, listed
from support_imap_wire import (
    check_command,
    check_response,
    command_octets,
    frame,
    parse_octets,
    read_response,
)

COMMANDS: list[tuple[bytes, Command]] = [
    (b'LIST (SUBSCRIBED) "" *', List("", "*", selection=(SUBSCRIBED,))),
    (b'LIST () "" % RETURN (CHILDREN)', List("", "%", selection=(), returning=(CHILDREN,))),
    (
        b'LIST (REMOTE RECURSIVEMATCH SUBSCRIBED) "" % RETURN (SUBSCRIBED CHILDREN)',
        List("", "%", selection=(REMOTE, RECURSIVEMATCH, SUBSCRIBED), returning=(SUBSCRIBED, CHILDREN)),
    ),
    (
        b'LIST (RECURSIVEMATCH X-BASE) "" %',
        List("", "%", selection=(RECURSIVEMATCH, UnknownParameter("X-BASE"))),
    ),
    (b'LIST "" (INBOX Drafts Sent/%)', List("", "INBOX", more_patterns=("Drafts", "Sent/%"))),
    (
        b'LIST "" % RETURN (STATUS (MESSAGES UNSEEN))',
        List("", "%", returning=(ReturnStatus(("MESSAGES", "unseen")),)),
    ),
    (
        b'LIST (SPECIAL-USE) "" * RETURN (SPECIAL-USE)',
        List("", "*", selection=(SPECIAL_USE,), returning=(SPECIAL_USE,)),
    ),
    (b'LIST "" % RETURN (MYRIGHTS)', List("", "%", returning=(MYRIGHTS,))),
    (
        b'LIST "" % RETURN (METADATA (/shared/color "/private/a b"))',
        List("", "%", returning=(ReturnMetadata(("/shared/color", "/private/a b")),)),
    ),
    (
        b"CREATE MySpecial (USE (\\Drafts \\Sent))",
        Create("MySpecial", (Use(frozenset({"\\drafts", "\\Sent"})),)),
    ),
    (b"CREATE None (USE ())", Create("None", (Use(frozenset()),))),
]


@pytest.mark.parametrize(("wire", "command"), COMMANDS)
def test_commands_in_both_directions(wire: bytes, command: Command) -> None:
    check_command(wire, command)


@pytest.mark.parametrize(
    ("wire", "once"),
    [
        (b'LIST (SUBSCRIBED REMOTE subscribed) "" %', b'LIST (SUBSCRIBED REMOTE) "" %'),
        (b'LIST "" % RETURN (CHILDREN CHILDREN)', b'LIST "" % RETURN (CHILDREN)'),
        (b'LIST "" % RETURN (STATUS (A) CHILDREN STATUS (a))', b'LIST "" % RETURN (STATUS (A) CHILDREN)'),
        (b'LIST "" % RETURN (X-NEW (a "b") X-NEW (a "b"))', b'LIST "" % RETURN (X-NEW (a "b"))'),
    ],
)
def test_an_option_that_is_repeated_counts_once(wire: bytes, once: bytes) -> None:
    """RFC 5258 section 3, RFC 9051 section 6.3.9."""
    assert parse_octets(b"a " + wire + b"\r\n") == parse_octets(b"a " + once + b"\r\n")


@pytest.mark.parametrize(
    "wire",
    [
        b'LIST "" % RETURN (STATUS (A) STATUS (B))',
        b'LIST (RECURSIVEMATCH) "" %',
        b'LIST (REMOTE RECURSIVEMATCH) "" %',
        b'LIST (SUBSCRIBED 5) "" %',
        b'LIST (CHILDREN (a)) "" % RETURN (CHILDREN (a))',
        b'LIST "" % RETURN (STATUS)',
        b'LIST "" % RETURN (STATUS ())',
        b'LIST "" % RETURN (STATUS MESSAGES)',
        b'LIST "" % RETURN (METADATA ())',
        b'LIST "" % RETURN (METADATA (color))',
        b"CREATE x (USE \\Sent)",
        b"CREATE x (USE (Sent))",
        b"CREATE x (USE)",
    ],
)
def test_what_is_no_command(wire: bytes) -> None:
    with pytest.raises(ParseError):
        parse_command(frame(b"a " + wire + b"\r\n"))


RESPONSES: list[tuple[bytes, Response]] = [
    (
        b'* LIST (\\NonExistent \\Subscribed) "/" Fruit/Peach',
        ListData(frozenset({"\\subscribed", "\\NONEXISTENT"}), "/", "Fruit/Peach"),
    ),
    (
        b'* LIST (\\HasChildren \\Remote) "/" Meat',
        ListData(frozenset({"\\HasChildren", "\\Remote"}), "/", "Meat"),
    ),
    (
        b'* LIST (\\Drafts \\Marked) "/" MyDrafts',
        ListData(frozenset({"\\Marked", "\\Drafts"}), "/", "MyDrafts"),
    ),
    (
        b'* LIST () "/" Foo ("CHILDINFO" ("SUBSCRIBED" "X"))',
        ListData(frozenset(), "/", "Foo", extended=(("CHILDINFO", ("SUBSCRIBED", "X")),)),
    ),
    (
        b'* LIST () "/" NewMailbox ("OLDNAME" ("Entw&APw-rfe b"))',
        ListData(frozenset(), "/", "NewMailbox", extended=(("OLDNAME", "Entwürfe b"),)),
    ),
    (
        b'* LIST () "/" Foo ("X-NEW" 5 "X-LIST" (a "b" NIL))',
        ListData(frozenset(), "/", "Foo", extended=(("X-NEW", 5), ("X-LIST", ("a", b"b", None)))),
    ),
    (b'* LIST () "/" Foo ()', ListData(frozenset(), "/", "Foo", extended=())),
    (b"* NO [USEATTR] \\All not supported", No("\\All not supported", USEATTR)),
]


@pytest.mark.parametrize(("wire", "response"), RESPONSES)
def test_responses_in_both_directions(wire: bytes, response: Response) -> None:
    check_response(wire, response)


def test_other_spellings_are_read() -> None:
    read = read_response(b'* list (\\SUBSCRIBED) "/" a (childinfo (subscribed) OLDNAME (inbox))')
    assert read == ListData(
        frozenset({"\\Subscribed"}),
        "/",
        "a",
        extended=(("CHILDINFO", ("SUBSCRIBED",)), ("OLDNAME", "INBOX")),
    )


@pytest.mark.parametrize("value", [b"()", b'"SUBSCRIBED"', b'("a b")', b"(())"])
def test_an_item_that_cannot_be_read_is_left_out(value: bytes) -> None:
    read = read_response(b'* LIST () "/" a ("CHILDINFO" ' + value + b" X 5)", strict=False)
    assert read == ListData(frozenset(), "/", "a", extended=(("X", 5),))
    assert isinstance(read, ListData)
    assert [defect.rule for defect in read.defects] == ["a value as its name has it"]


def test_what_a_mailbox_is() -> None:
    gone = ListData(frozenset({"\\NonExistent", "\\Sent", "\\Subscribed"}), "/", "a")
    assert (gone.is_selectable, gone.child_info, gone.old_name) == (False, (), None)
    assert gone.special_uses == {"\\Sent"}
    renamed = ListData(frozenset(), "/", "a", extended=(("CHILDINFO", ("X",)), ("OLDNAME", "b")))
    assert (renamed.is_selectable, renamed.child_info, renamed.old_name) == (True, ("X",), "b")


@given(extended_lists)
def test_commands_round_trip(command: List) -> None:
    assert parse_octets(command_octets(command)) == command


@given(listed)
def test_data_round_trip(data: ListData) -> None:
    assert read_response(serialize(data)[:-2]) == data


ATTACKS: list[Callable[[], object]] = [
    lambda: List("", "%", selection=(RECURSIVEMATCH,)),
    lambda: List("", "%", selection=(CHILDREN,)),
    lambda: List("", "%", returning=(REMOTE,)),
    lambda: ReturnStatus(()),
    lambda: ReturnStatus(("A B",)),
    lambda: ReturnStatus("MESSAGES"),  # type: ignore[arg-type]  # the mistake
    lambda: ReturnMetadata(()),
    lambda: ReturnMetadata(("color",)),
    lambda: ReturnMetadata(("/a\0",)),
    lambda: ReturnMetadata("/a"),  # type: ignore[arg-type]  # the mistake
    lambda: Use(frozenset({"Sent"})),
    lambda: Use(frozenset({"\\a b"})),
    lambda: Use("\\Sent"),  # type: ignore[arg-type]  # the mistake
    lambda: ListData(frozenset(), "/", "a", extended=(("CHILDINFO", ()),)),
    lambda: ListData(frozenset(), "/", "a", extended=(("CHILDINFO", ("a b",)),)),
    lambda: ListData(frozenset(), "/", "a", extended=(("OLDNAME", "\0"),)),
    lambda: ListData(frozenset(), "/", "a", extended=(("A B", 5),)),
    lambda: ListData(frozenset(), "/", "a", extended=(("X", "a b"),)),
]


@pytest.mark.parametrize("build", ATTACKS)
def test_attacks(build: Callable[[], object]) -> None:
    with pytest.raises(LocalProtocolError):
        build()


NEEDS: list[tuple[bytes, str, bool]] = [
    (b'LIST (SUBSCRIBED) "" %', "CHILDREN", False),
    (b'LIST (SUBSCRIBED) "" % RETURN (CHILDREN)', "LIST-EXTENDED", True),
    (b'LIST (SUBSCRIBED) "" % RETURN (CHILDREN)', "IMAP4rev2", True),
    (b'LIST "" (a b)', "LIST-STATUS", False),
    (b'LIST "" % RETURN (STATUS (MESSAGES))', "LIST-EXTENDED", False),
    (b'LIST "" % RETURN (STATUS (MESSAGES))', "LIST-STATUS", True),
    (b'LIST "" % RETURN (STATUS (HIGHESTMODSEQ))', "LIST-STATUS", False),
    (b'LIST "" % RETURN (SPECIAL-USE)', "LIST-EXTENDED", False),
    (b'LIST (SPECIAL-USE) "" %', "SPECIAL-USE", True),
    (b'LIST "" % RETURN (MYRIGHTS)', "LIST-EXTENDED ACL", False),
    (b'LIST "" % RETURN (MYRIGHTS)', "LIST-MYRIGHTS", True),
    (b'LIST "" % RETURN (METADATA (/a))', "LIST-METADATA", True),
    (b'LIST "" % RETURN (METADATA (/a))', "METADATA", False),
    (b"CREATE x (USE (\\Sent))", "SPECIAL-USE", False),
    (b"CREATE x (USE (\\Sent))", "CREATE-SPECIAL-USE", True),
]


@pytest.mark.parametrize(("wire", "offered", "is_taken"), NEEDS)
def test_what_is_needed(wire: bytes, offered: str, is_taken: bool) -> None:
    server = logged_in_server(capabilities=("IMAP4rev1", *offered.split()))
    events = feed(server, b"a " + wire + b"\r\n")
    assert [isinstance(event, InvalidCommand) for event in events] == [not is_taken]


def test_its_answers_are_told_from_those_of_status() -> None:
    client = logged_in_client("IMAP4rev1 LIST-STATUS")
    client.send_command(List("", "%", returning=(ReturnStatus(("MESSAGES",)),)))
    with pytest.raises(LocalProtocolError, match="STATUS: its answers could not be told"):
        client.send_command(Status("x", ("MESSAGES",)))


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_client_lists_with_what_it_wants(adapter: str) -> None:
    answer = (
        b'* LIST () "." INBOX\r\n* STATUS INBOX (MESSAGES 17 UNSEEN 16)\r\n* MYRIGHTS INBOX lrs\r\n'
        b'* LIST () "." foo (CHILDINFO ("SUBSCRIBED"))\r\n* STATUS other (MESSAGES 5)\r\n{tag} OK done\r\n'
    )
    found, said = converse(
        adapter,
        "LIST-EXTENDED LIST-STATUS LIST-MYRIGHTS",
        [answer],
        lambda imap: imap.list_extended(
            "%",
            "Sent/%",
            selection=["SUBSCRIBED", "RECURSIVEMATCH"],
            returning=["STATUS (MESSAGES UNSEEN)", "MYRIGHTS"],
        ),
        selected=False,
    )
    assert said == [
        b'LIST (SUBSCRIBED RECURSIVEMATCH) "" (% Sent/%) RETURN (STATUS (MESSAGES UNSEEN) MYRIGHTS)'
    ]
    inbox, foo = found
    assert (inbox.data.mailbox, inbox.status.messages) == ("INBOX", 17)
    assert inbox.get(MyRightsData).mailbox == "INBOX"
    assert foo == Listed(ListData(frozenset(), ".", "foo", extended=(("CHILDINFO", ("SUBSCRIBED",)),)))
    assert (foo.status, foo.data.child_info) == (None, ("SUBSCRIBED",))


@pytest.mark.parametrize("adapter", ADAPTERS)
@pytest.mark.parametrize(("offered", "rights"), [("", "lrkxtecd"), ("RIGHTS=kxte", "lrkxte")])
def test_old_rights_are_left_out_as_of_myrights(adapter: str, offered: str, rights: str) -> None:
    (one,), _ = converse(
        adapter,
        f"LIST-EXTENDED LIST-MYRIGHTS ACL {offered}",
        [b'* LIST () "." x\r\n* MYRIGHTS x lrkxtecd\r\n{tag} OK done\r\n'],
        lambda imap: imap.list_extended("x", returning=["MYRIGHTS"]),
        selected=False,
    )
    assert one.get(MyRightsData) == MyRightsData("x", frozenset(rights))


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_client_lists_all(adapter: str) -> None:
    found, said = converse(
        adapter,
        "",
        [b'* LIST () "/" a\r\n{tag} OK done\r\n'],
        lambda imap: imap.list_extended(),
        selected=False,
    )
    assert found == (Listed(ListData(frozenset(), "/", "a")),)
    assert said == [b'LIST "" *']


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_client_creates_for_a_use(adapter: str) -> None:
    offered = "CREATE-SPECIAL-USE"
    _, said = converse(
        adapter,
        offered,
        [b"{tag} OK done\r\n"],
        lambda imap: imap.create("x", special_uses=["\\Sent"]),
        selected=False,
    )
    assert said == [b"CREATE x (USE (\\Sent))"]
    with pytest.raises(IMAPStatusError, match="USEATTR"):
        converse(
            adapter,
            offered,
            [b"{tag} NO [USEATTR] no\r\n"],
            lambda imap: imap.create("x", special_uses=["\\All"]),
            selected=False,
        )


CALLS: list[tuple[str, Callable[[Any], Any]]] = [
    ("more than one pattern needs LIST-EXTENDED", lambda imap: imap.list_extended("a", "b")),
    ("SUBSCRIBED needs LIST-EXTENDED", lambda imap: imap.list_extended(selection=["SUBSCRIBED"])),
    ("STATUS needs LIST-STATUS", lambda imap: imap.list_extended(returning=["STATUS (MESSAGES)"])),
    ("USE needs CREATE-SPECIAL-USE", lambda imap: imap.create("x", special_uses=())),
]


@pytest.mark.parametrize("adapter", ADAPTERS)
@pytest.mark.parametrize(("reason", "call"), CALLS)
def test_a_client_does_not_send_what_is_not_offered(
    adapter: str, reason: str, call: Callable[[Any], Any]
) -> None:
    with pytest.raises(LocalProtocolError, match=reason):
        converse(adapter, "IDLE", [], call, selected=False)


def test_the_answer_of_a_listed_mailbox() -> None:
    status = StatusData("a", (("MESSAGES", 5),))
    data = ListData(frozenset(), "/", "a")
    assert Listed(data, (status,)).status == status
