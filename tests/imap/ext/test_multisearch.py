from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given

from mailproto.errors import LocalProtocolError
from mailproto.imap.commands import Command, parse_command
from mailproto.imap.cursor import ParseError
from mailproto.imap.events import InvalidCommand
from mailproto.imap.ext.context import UpdateResults
from mailproto.imap.ext.esearch import COUNT, ESearchData
from mailproto.imap.ext.multisearch import ESearch
from mailproto.imap.ext.searchres import SAVE
from mailproto.imap.mailbox_filter import MailboxFilter
from mailproto.imap.parameters import UnknownParameter
from mailproto.imap.search import Seen, Subject, Unseen
from mailproto.imap.sequence import UIDSet
from mailproto.imap.status import Bad
from support_imap import feed, logged_in_client, logged_in_server, selected_server
from support_imap_scripts import ADAPTERS, converse
from support_imap_strategies import multisearches
from support_imap_wire import check_command, check_response, command_octets, frame, parse_octets

SELECTED = MailboxFilter("selected")
FOLDERS = (MailboxFilter("mailboxes", ("folder1",)), MailboxFilter("subtree-one", ("folder2",)))
PERSONAL = MailboxFilter("personal")

COMMANDS: list[tuple[bytes, Command]] = [
    (b"ESEARCH UNSEEN", ESearch(Unseen())),
    (
        b"ESEARCH IN (mailboxes folder1 subtree-one folder2) SUBJECT chad",
        ESearch(Subject("chad"), sources=FOLDERS),
    ),
    (
        b'ESEARCH IN (mailboxes (INBOX "a b") subtree ("" c)) RETURN (COUNT) CHARSET UTF-8 SEEN',
        ESearch(
            Seen(),
            "UTF-8",
            sources=(MailboxFilter("mailboxes", ("inbox", "a b")), MailboxFilter("subtree", ("", "c"))),
            returning=(COUNT,),
        ),
    ),
    (
        b"ESEARCH IN (inboxes personal subscribed (X-DEEP 5)) RETURN () SEEN",
        ESearch(
            Seen(),
            sources=(MailboxFilter("inboxes"), PERSONAL, MailboxFilter("subscribed")),
            scope=(UnknownParameter("X-DEEP", 5),),
            returning=(),
        ),
    ),
    (b"ESEARCH IN (selected) RETURN (SAVE) SEEN", ESearch(Seen(), sources=(SELECTED,), returning=(SAVE,))),
]


@pytest.mark.parametrize(("wire", "command"), COMMANDS)
def test_commands_in_both_directions(wire: bytes, command: Command) -> None:
    check_command(wire, command)


def test_other_spellings_are_read() -> None:
    assert parse_octets(b"a esearch in (PERSONAL) return (count) seen\r\n") == ESearch(
        Seen(), sources=(PERSONAL,), returning=(COUNT,)
    )


@pytest.mark.parametrize(
    "wire",
    [
        b"ESEARCH",
        b"ESEARCH IN () SEEN",
        b"ESEARCH IN (selected-delayed) SEEN",
        b"ESEARCH IN (mailboxes) SEEN",
        b"ESEARCH IN (mailboxes ()) SEEN",
        b"ESEARCH IN (everything) SEEN",
        b"ESEARCH IN (personal ()) SEEN",
        b"ESEARCH IN (personal) RETURN (SAVE) SEEN",
        b"ESEARCH IN ((X)) SEEN",
        b"ESEARCH IN (personal (X) inboxes) SEEN",
    ],
)
def test_what_is_no_command(wire: bytes) -> None:
    with pytest.raises(ParseError):
        parse_command(frame(b"a " + wire + b"\r\n"))


def test_the_answer_names_its_mailbox() -> None:
    check_response(
        b'* ESEARCH (TAG "tag1" MAILBOX folder2/banana UIDVALIDITY 503) UID ALL 3002,4004',
        ESearchData(
            "tag1", (("ALL", UIDSet("3002,4004")),), True, mailbox="folder2/banana", uid_validity=503
        ),
    )


@given(multisearches)
def test_a_round_trip(command: ESearch) -> None:
    assert parse_octets(command_octets(command)) == command


ATTACKS: list[Callable[[], object]] = [
    lambda: MailboxFilter("everything"),  # type: ignore[arg-type]  # the mistake
    lambda: MailboxFilter("mailboxes"),
    lambda: MailboxFilter("mailboxes", "INBOX"),  # type: ignore[arg-type]  # the mistake
    lambda: MailboxFilter("personal", ("INBOX",)),
    lambda: MailboxFilter("mailboxes", ("\0",)),
    lambda: ESearch(Seen(), sources=("personal",)),  # type: ignore[arg-type]  # the mistake
    lambda: ESearch(Seen(), sources=(MailboxFilter("selected-delayed"),)),
    lambda: ESearch(Seen(), scope=(UnknownParameter("X"),)),
    lambda: ESearch(Seen(), sources=(PERSONAL,), returning=(SAVE,)),
]


@pytest.mark.parametrize("build", ATTACKS)
def test_attacks(build: Callable[[], object]) -> None:
    with pytest.raises(LocalProtocolError):
        build()


OFFERED = ("IMAP4rev1", "MULTISEARCH", "ESEARCH", "CONTEXT=SEARCH")


@pytest.mark.parametrize(
    "command",
    [
        ESearch(Seen()),
        ESearch(Seen(), sources=(PERSONAL, SELECTED)),
        ESearch(Seen(), sources=(PERSONAL,), returning=(UpdateResults(),)),
    ],
)
def test_some_need_a_selected_mailbox(command: ESearch) -> None:
    octets = command_octets(command)
    events = feed(logged_in_server(capabilities=OFFERED), octets)
    assert [event.status for event in events if isinstance(event, InvalidCommand)] == [
        Bad("ESEARCH needs a selected mailbox")
    ]
    assert not any(
        isinstance(event, InvalidCommand) for event in feed(selected_server(capabilities=OFFERED), octets)
    )
    with pytest.raises(LocalProtocolError, match="ESEARCH: expected a selected mailbox"):
        logged_in_client(" ".join(OFFERED)).send_command(command)


def test_others_do_not() -> None:
    server = logged_in_server(capabilities=OFFERED)
    events = feed(server, b"a ESEARCH IN (personal) SEEN\r\n")
    assert not any(isinstance(event, InvalidCommand) for event in events)
    client = logged_in_client(" ".join(OFFERED))
    client.send_command(ESearch(Seen(), sources=(PERSONAL,)))
    client.send_command(ESearch(Unseen(), sources=(PERSONAL,)))
    assert len(client.pending) == 2


def test_a_server_without_it_says_bad() -> None:
    events = feed(logged_in_server(), b"a ESEARCH IN (personal) SEEN\r\n")
    assert [event.status for event in events if isinstance(event, InvalidCommand)] == [
        Bad("ESEARCH is not offered now")
    ]


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_client_searches_in_several_mailboxes(adapter: str) -> None:
    answer = (
        b'* ESEARCH (TAG "{tag}" MAILBOX "folder1" UIDVALIDITY 1) UID ALL 4001,4003\r\n'
        b'* ESEARCH (TAG "{tag}" MAILBOX "folder2/peach" UIDVALIDITY 3) UID ALL 921691\r\n'
        b"{tag} OK done\r\n"
    )
    found, said = converse(
        adapter,
        "MULTISEARCH ESEARCH",
        [answer],
        lambda imap: imap.search_mailboxes(Unseen(), sources=FOLDERS),
        selected=False,
    )
    assert [(data.mailbox, data.uid_validity, data.all) for data in found] == [
        ("folder1", 1, UIDSet("4001,4003")),
        ("folder2/peach", 3, UIDSet("921691")),
    ]
    assert said == [b"ESEARCH IN (mailboxes folder1 subtree-one folder2) RETURN (ALL) UNSEEN"]
    with pytest.raises(LocalProtocolError, match="ESEARCH: the server does not offer MULTISEARCH"):
        converse(adapter, "ESEARCH", [], lambda imap: imap.search_mailboxes(sources=FOLDERS), selected=False)
