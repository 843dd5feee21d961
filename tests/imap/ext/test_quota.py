from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given

from mailproto.errors import ItemMissing, LocalProtocolError
from mailproto.imap.admin_flows import get_quota, get_quota_root, set_quota
from mailproto.imap.capability import Capabilities
from mailproto.imap.codec import parse_responses, serialize
from mailproto.imap.commands import Command, Status
from mailproto.imap.ext.quota import (
    MESSAGE,
    STORAGE,
    GetQuota,
    GetQuotaRoot,
    QuotaData,
    QuotaResource,
    QuotaRootData,
    SetQuota,
)
from mailproto.imap.responses import Response, StatusData
from support_imap_admin import (
    ask,
    check_command_at_both_ends,
    check_no_command,
    check_not_sent,
    check_refusal_to_build,
    check_response_at_both_ends,
    check_unread,
)
from support_imap_ext import check_refused, defects_of
from support_imap_strategies import quota_responses
from support_imap_wire import command_octets, parse_octets

LARGEST = 2**63 - 1

COMMANDS: list[tuple[bytes, Command]] = [
    (b"GETQUOTA !partition/sda4", GetQuota("!partition/sda4")),
    (b'GETQUOTA ""', GetQuota("")),
    (b'GETQUOTA "a (b)"', GetQuota("a (b)")),
    (b"GETQUOTA {2}\r\n\xc3\xa9", GetQuota("é")),
    (b"GETQUOTAROOT INBOX", GetQuotaRoot("inbox")),
    (b"GETQUOTAROOT Entw&APw-rfe", GetQuotaRoot("Entwürfe")),
    (b"SETQUOTA #user/alice (STORAGE 510)", SetQuota("#user/alice", ((STORAGE, 510),))),
    (b'SETQUOTA "" (X-A 0 MESSAGE 9223372036854775807)', SetQuota("", (("x-a", 0), (MESSAGE, LARGEST)))),
    (b'SETQUOTA "" ()', SetQuota("", ())),
]
RESPONSES: list[tuple[bytes, Response]] = [
    (b'QUOTA "" (STORAGE 10 512)', QuotaData("", (QuotaResource(STORAGE, 10, 512),))),
    (
        b"QUOTA #user/alice (STORAGE 54 111 MESSAGE 42 1000)",
        QuotaData("#user/alice", (QuotaResource("storage", 54, 111), QuotaResource("Message", 42, 1000))),
    ),
    (b"QUOTA x ()", QuotaData("x")),
    (
        b"QUOTA {2}\r\n\xc3\xa9 (X-Y 0 9223372036854775807)",
        QuotaData("é", (QuotaResource("X-Y", 0, LARGEST),)),
    ),
    (b'QUOTAROOT INBOX ""', QuotaRootData("INBOX", ("",))),
    (b"QUOTAROOT comp.mail.mime", QuotaRootData("comp.mail.mime")),
    (b'QUOTAROOT &AOk- #user/alice "a b"', QuotaRootData("é", ("#user/alice", "a b"))),
    (
        b"STATUS INBOX (MESSAGES 12 DELETED 4 DELETED-STORAGE 9223372036854775807)",
        StatusData("INBOX", (("MESSAGES", 12), ("DELETED", 4), ("DELETED-STORAGE", LARGEST))),
    ),
]


@pytest.mark.parametrize(("wire", "command"), COMMANDS)
def test_commands(wire: bytes, command: Command) -> None:
    check_command_at_both_ends(wire, command, "QUOTA LITERAL+")
    check_refused(command, "QUOTA")


@pytest.mark.parametrize(("wire", "response"), RESPONSES)
def test_responses(wire: bytes, response: Response) -> None:
    check_response_at_both_ends(wire, response)


@pytest.mark.parametrize(
    "wire",
    [
        b"GETQUOTA",
        b"GETQUOTA a b",
        b"GETQUOTA (a)",
        b"GETQUOTA {3}\r\na\0b",
        b"GETQUOTAROOT",
        b"SETQUOTA x",
        b"SETQUOTA x STORAGE 5",
        b"SETQUOTA x (STORAGE)",
        b"SETQUOTA x (STORAGE 5",
        b"SETQUOTA x (STORAGE 5  MESSAGE 5)",
        b"SETQUOTA x (STORAGE -1)",
        b"SETQUOTA x (STORAGE 9223372036854775808)",
        b'SETQUOTA x ("STORAGE" 5)',
    ],
)
def test_what_is_no_command(wire: bytes) -> None:
    check_no_command(wire)


@pytest.mark.parametrize(
    "wire",
    [
        b"QUOTA",
        b"QUOTA x",
        b"QUOTA x (STORAGE 10)",
        b"QUOTA x (STORAGE 10 9223372036854775808)",
        b"QUOTA x (STORAGE -1 5)",
        b"QUOTA x (STORAGE 1 5",
        b"QUOTA x NIL",
        b"QUOTAROOT",
        b"QUOTAROOT x ",
        b"QUOTAROOT x (y)",
    ],
)
def test_what_cannot_be_read(wire: bytes) -> None:
    check_unread(wire)


def test_what_cannot_be_read_in_a_status_is_a_defect() -> None:
    assert defects_of(b"STATUS x (MESSAGES 1 DELETED 4294967296)") == 1
    assert defects_of(b"STATUS x (MESSAGES 1 DELETED-STORAGE x)") == 1


ATTACKS: list[Callable[[], object]] = [
    lambda: GetQuota("a\0"),
    lambda: GetQuota("\ud800"),
    lambda: GetQuota(5),  # type: ignore[arg-type]  # the mistake
    lambda: GetQuotaRoot("a\0"),
    lambda: SetQuota("a\0", ()),
    lambda: SetQuota("a", (("a b", 1),)),
    lambda: SetQuota("a", ((STORAGE, -1),)),
    lambda: SetQuota("a", ((STORAGE, LARGEST + 1),)),
    lambda: SetQuota("a", ((STORAGE, True),)),
    lambda: QuotaResource("", 0, 0),
    lambda: QuotaResource(STORAGE, -1, 0),
    lambda: QuotaResource(STORAGE, 0, LARGEST + 1),
    lambda: QuotaData("a\0"),
    lambda: QuotaData("a", ((STORAGE, 1, 2),)),  # type: ignore[arg-type]  # the mistake
    lambda: QuotaRootData("a\0"),
    lambda: QuotaRootData("a", ("\0",)),
    lambda: QuotaRootData("a", "root"),  # type: ignore[arg-type]  # the mistake
    lambda: StatusData("a", (("DELETED", LARGEST),)),
    lambda: StatusData("a", (("DELETED-STORAGE", "x"),)),
]


@pytest.mark.parametrize("build", ATTACKS)
def test_attacks(build: Callable[[], object]) -> None:
    check_refusal_to_build(build)


@given(quota_responses)
def test_round_trip(response: Response) -> None:
    assert parse_responses(serialize(response), strict=True) == [response]


def test_setquota_is_offered_by_a_server_of_rfc_2087() -> None:
    check_refused(SetQuota("x", ()), "QUOTASET")
    assert Capabilities(["QUOTA"]).offers("QUOTASET")
    assert Capabilities(["QUOTA=RES-STORAGE"]).offers("QUOTA")
    assert not Capabilities(["QUOTA=RES-STORAGE"]).offers("QUOTASET")


def test_what_data_says() -> None:
    data = QuotaData("", (QuotaResource(STORAGE, 10, 512),))
    assert data.get("storage") == QuotaResource(STORAGE, 10, 512)
    assert data.get(MESSAGE) is None
    status = StatusData("x", (("DELETED", 4), ("DELETED-STORAGE", 8)))
    assert (status.deleted, status.deleted_storage) == (4, 8)
    with pytest.raises(ItemMissing, match="DELETED"):
        _ = StatusData("x", ()).deleted
    wire = b"a STATUS x (DELETED DELETED-STORAGE)\r\n"
    assert parse_octets(wire) == Status("x", ("DELETED", "DELETED-STORAGE"))
    assert command_octets(Status("x", ("deleted", "deleted-storage"))) == wire


def test_a_client_asks() -> None:
    answers = (b"* QUOTA other ()", b'* QUOTA "" (STORAGE 10 512)', b"A1 OK .")
    quota, said = ask(lambda session: get_quota(session, ""), "QUOTA", *answers)
    assert said == [b'A1 GETQUOTA ""']
    assert quota == QuotaData("", (QuotaResource(STORAGE, 10, 512),))


def test_a_client_asks_for_the_roots() -> None:
    answers = (b'* QUOTAROOT INBOX a "b c"', b"* QUOTA a (MESSAGE 42 1000)", b"A1 OK .")
    quotas, said = ask(lambda session: get_quota_root(session, "INBOX"), "QUOTA=RES-MESSAGE", *answers)
    assert said == [b"A1 GETQUOTAROOT INBOX"]
    assert quotas == (QuotaData("a", (QuotaResource(MESSAGE, 42, 1000),)), QuotaData("b c"))


def test_a_client_sets() -> None:
    answers = (b"* QUOTA x (STORAGE 58 512)", b"A1 OK Rounded quota")
    quota, said = ask(lambda session: set_quota(session, "x", {"STORAGE": 510}), "QUOTASET", *answers)
    assert said == [b"A1 SETQUOTA x (STORAGE 510)"]
    assert quota == QuotaData("x", (QuotaResource(STORAGE, 58, 512),))
    quota, said = ask(lambda session: set_quota(session, "x", [(MESSAGE, 5)]), "QUOTA", b"A1 OK done")
    assert (quota, said) == (QuotaData("x"), [b"A1 SETQUOTA x (MESSAGE 5)"])


def test_a_client_does_not_send_what_is_not_offered() -> None:
    check_not_sent(lambda session: get_quota(session, ""), "QUOTA")
    check_not_sent(lambda session: get_quota_root(session, "x"), "QUOTA")
    check_not_sent(lambda session: set_quota(session, "x", {}), "QUOTASET")


@pytest.mark.parametrize("root", [None, b"x"])
def test_a_mistake_is_found_before_anything_is_sent(root: object) -> None:
    with pytest.raises(LocalProtocolError):
        ask(lambda session: get_quota(session, root), "QUOTA")  # type: ignore[arg-type]  # the mistake
