from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given

from mailproto.errors import ItemMissing, LocalProtocolError
from mailproto.imap.admin_flows import delete_acl, get_acl, list_rights, my_rights, set_acl
from mailproto.imap.codec import parse_responses, serialize
from mailproto.imap.commands import Command, StoreAction
from mailproto.imap.ext.acl import (
    ANYONE,
    RIGHTS,
    ACLData,
    DeleteACL,
    GetACL,
    ListRights,
    ListRightsData,
    MyRights,
    MyRightsData,
    SetACL,
    right_set,
)
from mailproto.imap.responses import Response
from support_imap_admin import (
    ask,
    check_command_at_both_ends,
    check_no_command,
    check_not_sent,
    check_refusal_to_build,
    check_response_at_both_ends,
    check_unread,
)
from support_imap_ext import check_refused
from support_imap_strategies import acl_responses
from support_imap_wire import parse_octets

COMMANDS: list[tuple[bytes, Command]] = [
    (b"SETACL INBOX/Drafts David lrswida", SetACL("INBOX/Drafts", "David", right_set("dalrswi"))),
    (b"SETACL INBOX Chris +cda", SetACL("inbox", "Chris", right_set("cda"), StoreAction.ADD)),
    (b"SETACL INBOX -Fred -w0", SetACL("INBOX", "-Fred", right_set("w0"), StoreAction.REMOVE)),
    (b'SETACL x anyone ""', SetACL("x", ANYONE, frozenset())),
    (b"SETACL x anyone +", SetACL("x", ANYONE, frozenset(), StoreAction.ADD)),
    (b"DELETEACL INBOX Fred", DeleteACL("INBOX", "Fred")),
    (b"DELETEACL Entw&APw-rfe {2}\r\n\xc3\xa9", DeleteACL("Entwürfe", "é")),
    (b"GETACL INBOX/Drafts", GetACL("INBOX/Drafts")),
    (b"LISTRIGHTS ~/Mail/saved smith", ListRights("~/Mail/saved", "smith")),
    (b'LISTRIGHTS x "a b"', ListRights("x", "a b")),
    (b"MYRIGHTS INBOX", MyRights("inbox")),
]
RESPONSES: list[tuple[bytes, Response]] = [
    (
        b"ACL INBOX Fred lrwipxteda -Fred wted $team w",
        ACLData(
            "INBOX",
            (("Fred", right_set("rwipxtedal")), ("-Fred", right_set("wetd")), ("$team", right_set("w"))),
        ),
    ),
    (b"ACL x", ACLData("x")),
    (b'ACL &AOk- "a b" ""', ACLData("é", (("a b", frozenset()),))),
    (
        b"LISTRIGHTS ~/Mail/saved smith la r swikxtecd",
        ListRightsData("~/Mail/saved", "smith", right_set("al"), (right_set("r"), right_set("swicdkxte"))),
    ),
    (
        b'LISTRIGHTS archive.imap anyone "" l 0 9',
        ListRightsData("archive.imap", ANYONE, frozenset(), (right_set("l"), right_set("0"), right_set("9"))),
    ),
    (b"LISTRIGHTS x y lr", ListRightsData("x", "y", right_set("lr"))),
    (b"MYRIGHTS INBOX lrswipxteda", MyRightsData("INBOX", right_set("rwiptsldaex"))),
    (b'MYRIGHTS x ""', MyRightsData("x", frozenset())),
    (b"MYRIGHTS x l05qz", MyRightsData("x", right_set("50zql"))),
]


@pytest.mark.parametrize(("wire", "command"), COMMANDS)
def test_commands(wire: bytes, command: Command) -> None:
    check_command_at_both_ends(wire, command, "ACL RIGHTS=texk LITERAL+")
    check_refused(command, "ACL")


@pytest.mark.parametrize(("wire", "response"), RESPONSES)
def test_responses(wire: bytes, response: Response) -> None:
    check_response_at_both_ends(wire, response)


def test_rights_are_a_set_in_any_order_and_form() -> None:
    assert parse_octets(b'a SETACL x y "wrl"\r\n') == SetACL("x", "y", right_set("lrw"))
    assert parse_octets(b"a SETACL x y {3}\r\n-wr\r\n") == SetACL(
        "x", "y", right_set(["r", "w"]), StoreAction.REMOVE
    )
    assert [*RIGHTS] == [*"lrswipkxtecdan"]


@pytest.mark.parametrize(
    "wire",
    [
        b"SETACL INBOX John lrQswicda",
        b"SETACL INBOX John",
        b"SETACL INBOX John +-l",
        b"SETACL INBOX John l+",
        b'SETACL INBOX John "l r"',
        b"SETACL INBOX John {3}\r\nl\r\n",
        b"SETACL INBOX John l r",
        b"DELETEACL INBOX",
        b"DELETEACL INBOX {3}\r\na\0b",
        b"GETACL",
        b"GETACL x y",
        b"LISTRIGHTS x",
        b"MYRIGHTS",
    ],
)
def test_what_is_no_command(wire: bytes) -> None:
    check_no_command(wire)


@pytest.mark.parametrize(
    "wire",
    [
        b"ACL",
        b"ACL x y",
        b"ACL x y L",
        b"ACL x y l z",
        b"ACL x y l ",
        b"LISTRIGHTS x y",
        b"LISTRIGHTS x y l R",
        b"MYRIGHTS x",
        b"MYRIGHTS x (l)",
        b"MYRIGHTS x {3}\r\nl\r\n",
    ],
)
def test_what_cannot_be_read(wire: bytes) -> None:
    check_unread(wire)


ATTACKS: list[Callable[[], object]] = [
    lambda: SetACL("x", "y", "lR"),  # type: ignore[arg-type]  # the mistake
    lambda: SetACL("x", "y", frozenset({"lr"})),
    lambda: SetACL("x", "y", frozenset({""})),
    lambda: SetACL("x", "y", frozenset({"\n"})),
    lambda: SetACL("x", "y", frozenset({"+"})),
    lambda: SetACL("x", "y", frozenset("l"), "+"),  # type: ignore[arg-type]  # the mistake
    lambda: SetACL("x\0", "y", frozenset("l")),
    lambda: DeleteACL("x", "y\0"),
    lambda: DeleteACL("x", 5),  # type: ignore[arg-type]  # the mistake
    lambda: GetACL("x\0"),
    lambda: ListRights("x", "\ud800"),
    lambda: ACLData("x", (("y\0", frozenset()),)),
    lambda: ACLData("x", (("y", frozenset("é")),)),
    lambda: ListRightsData("x", "y", frozenset("-")),
    lambda: ListRightsData("x", "y", frozenset(), (frozenset("L"),)),
    lambda: MyRightsData("x", frozenset({5})),  # type: ignore[arg-type]  # the mistake
]


@pytest.mark.parametrize("build", ATTACKS)
def test_attacks(build: Callable[[], object]) -> None:
    check_refusal_to_build(build)


@given(acl_responses)
def test_round_trip(response: Response) -> None:
    assert parse_responses(serialize(response), strict=True) == [response]


@pytest.mark.parametrize(
    ("rights", "line"),
    [
        ("lrs", b"A1 SETACL x y lrs"),
        ("+w", b"A1 SETACL x y +w"),
        ("-w", b"A1 SETACL x y -w"),
        ("", b'A1 SETACL x y ""'),
        (frozenset("wr"), b"A1 SETACL x y rw"),
        (["l", "r"], b"A1 SETACL x y lr"),
    ],
)
def test_a_client_gives_rights(rights: str | list[str], line: bytes) -> None:
    _, said = ask(lambda session: set_acl(session, "x", "y", rights), "ACL", b"A1 OK .")
    assert said == [line]


@pytest.mark.parametrize("rights", ["+L", "++", "l+", ["+", "l"], {"lr"}])
def test_what_are_no_rights_is_not_sent(rights: str | list[str]) -> None:
    with pytest.raises(LocalProtocolError, match="rights"):
        ask(lambda session: set_acl(session, "x", "y", rights), "ACL")


def test_a_client_asks() -> None:
    _, said = ask(lambda session: delete_acl(session, "x", "y"), "ACL", b"A1 OK .")
    assert said == [b"A1 DELETEACL x y"]
    acl, said = ask(lambda session: get_acl(session, "x"), "ACL", b"* ACL x y lc z ld", b"A1 OK .")
    assert said == [b"A1 GETACL x"]
    assert acl.get("y") == {"l", "c"}
    assert acl.get("q") is None
    mine, _ = ask(lambda session: my_rights(session, "x"), "ACL", b"* MYRIGHTS x lrcd", b"A1 OK .")
    assert mine == frozenset("lrcd")
    with pytest.raises(ItemMissing, match="MYRIGHTS"):
        ask(lambda session: my_rights(session, "x"), "ACL", b"A1 OK .")


def test_a_client_ignores_what_stands_for_other_rights() -> None:
    offered = "ACL RIGHTS=texk"
    mine, _ = ask(lambda session: my_rights(session, "x"), offered, b"* MYRIGHTS x lrkxcetd", b"A1 OK .")
    assert mine == frozenset("lrkxet")
    acl, _ = ask(lambda session: get_acl(session, "x"), offered, b"* ACL x y lctd", b"A1 OK .")
    assert acl == ACLData("x", (("y", frozenset("lt")),))
    answers = (b'* LISTRIGHTS x y "" lr swted i k x c', b"A1 OK .")
    rights, said = ask(lambda session: list_rights(session, "x", "y"), offered, *answers)
    assert said == [b"A1 LISTRIGHTS x y"]
    optional = (frozenset("lr"), frozenset("swte"), frozenset("i"), frozenset("k"), frozenset("x"))
    assert rights == ListRightsData("x", "y", frozenset(), optional)


def test_a_client_does_not_send_what_is_not_offered() -> None:
    check_not_sent(lambda session: set_acl(session, "x", "y", "l"), "ACL")
    check_not_sent(lambda session: delete_acl(session, "x", "y"), "ACL")
    check_not_sent(lambda session: get_acl(session, "x"), "ACL")
    check_not_sent(lambda session: list_rights(session, "x", "y"), "ACL")
    check_not_sent(lambda session: my_rights(session, "x"), "ACL")
