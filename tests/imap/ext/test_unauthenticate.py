from __future__ import annotations

import pytest

from mailproto._secret import Secret
from mailproto.errors import LocalProtocolError
from mailproto.flow import Flow
from mailproto.imap.client import IMAPClientConnection
from mailproto.imap.commands import Login, Noop, Select, TaggedCommand
from mailproto.imap.events import CommandCompleted, InvalidCommand
from mailproto.imap.ext.compress import Compress
from mailproto.imap.ext.unauthenticate import Unauthenticate
from mailproto.imap.responses import EnabledData
from mailproto.imap.server import IMAPServerConnection
from mailproto.imap.session_flows import unauthenticate
from mailproto.imap.state import State
from mailproto.imap.status import Bad, Bye, No, Ok
from mailproto.sasl import PasswordAuthenticator
from mailproto.store import MemoryStore, StoreSession
from support_imap import (
    client_events,
    feed,
    logged_in_client,
    logged_in_server,
    now,
    selected_client,
    selected_server,
    sent,
    server_events,
)
from support_imap_admin import check_command_at_both_ends, check_no_command, check_not_sent
from support_imap_ext import check_refused
from support_imap_server import NOW, OFFERED, Client
from support_inbox import Line

OFFER = [
    "IMAP4rev1",
    "ENABLE",
    "UTF8=ACCEPT",
    "LITERAL+",
    "UNAUTHENTICATE",
    "COMPRESS=DEFLATE",
    "AUTH=PLAIN",
    "SASL-IR",
]


def client_with_all() -> IMAPClientConnection:
    return selected_client("IMAP4rev1 ENABLE UTF8=ACCEPT UNAUTHENTICATE")


def server_with_all() -> IMAPServerConnection:
    return selected_server(capabilities=OFFER)


def test_the_command() -> None:
    check_command_at_both_ends(b"UNAUTHENTICATE", Unauthenticate(), "UNAUTHENTICATE")
    check_no_command(b"UNAUTHENTICATE x")
    check_refused(Unauthenticate(), "UNAUTHENTICATE")


def test_a_client_forgets_all_but_tls() -> None:
    client = logged_in_client("IMAP4rev1 ENABLE UTF8=ACCEPT UNAUTHENTICATE")
    feed(client, b"* ENABLED UTF8=ACCEPT\r\n")
    client.send_command(Select("INBOX"), "s")
    feed(client, b"* 3 EXISTS\r\ns OK [READ-WRITE] done\r\n")
    client.send_command(Unauthenticate(), "a")
    assert now(client.next_state) is State.NOT_AUTHENTICATED
    assert now(client.state) is State.SELECTED
    assert client.is_utf8
    assert feed(client, b"a OK done\r\n") == [
        CommandCompleted(tag="a", command=Unauthenticate(), status=Ok("done"))
    ]
    assert now(client.state) is now(client.next_state) is State.NOT_AUTHENTICATED
    assert (client.capabilities, client.enabled, client.view) == (None, frozenset(), None)
    client.send_command(Login("é", Secret("x")), "b")
    assert sent(client).endswith(b"b LOGIN {2}\r\n")


def test_the_capabilities_that_the_answer_brings() -> None:
    client = client_with_all()
    client.send_command(Unauthenticate(), "a")
    feed(client, b"a OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] done\r\n")
    assert client.capabilities == {"IMAP4REV1", "AUTH=PLAIN"}


def test_events_of_a_client_however_they_come() -> None:
    def make() -> IMAPClientConnection:
        client = client_with_all()
        client.send_command(Unauthenticate(), "a")
        client.send_command(Login("u", Secret("p")), "b")
        return client

    completed = client_events(b"a OK done\r\nb OK in\r\n", make)
    assert [event.tag for event in completed if isinstance(event, CommandCompleted)] == ["a", "b"]


def test_a_login_may_follow_at_once() -> None:
    client = client_with_all()
    client.send_command(Unauthenticate(), "a")
    client.send_command(Login("u", Secret("p")), "b")
    assert sent(client) == b'a UNAUTHENTICATE\r\nb LOGIN u "p"\r\n'
    feed(client, b"a OK done\r\nb NO no\r\n")
    assert client.state is State.NOT_AUTHENTICATED


def test_nothing_follows_while_something_is_enabled() -> None:
    client = client_with_all()
    feed(client, b"* ENABLED UTF8=ACCEPT\r\n")
    client.send_command(Unauthenticate(), "a")
    with pytest.raises(LocalProtocolError, match="UNAUTHENTICATE"):
        client.send_command(Login("u", Secret("p")))
    feed(client, b"a OK done\r\n")
    client.send_command(Login("u", Secret("p")))


def test_a_refusal_changes_nothing() -> None:
    client = client_with_all()
    client.send_command(Unauthenticate(), "a")
    feed(client, b"a BAD what?\r\n")
    assert client.state is client.next_state is State.SELECTED
    assert client.capabilities is not None
    assert client.view is not None


@pytest.mark.parametrize("state", [State.NOT_AUTHENTICATED, State.AUTHENTICATED])
def test_it_is_legal_after_login_only(state: State) -> None:
    client = IMAPClientConnection()
    greeting = b"* OK hi\r\n" if state is State.NOT_AUTHENTICATED else b"* PREAUTH hi\r\n"
    feed(client, greeting)
    if state is State.AUTHENTICATED:
        client.send_command(Unauthenticate())
    else:
        with pytest.raises(LocalProtocolError, match="state"):
            client.send_command(Unauthenticate())


def test_a_server_forgets_all_but_tls() -> None:
    server = logged_in_server(capabilities=OFFER)
    feed(server, b"a ENABLE UTF8=ACCEPT\r\n")
    server.send(EnabledData(["UTF8=ACCEPT"]))
    server.complete("a", Ok())
    feed(server, b"b SELECT x\r\n")
    server.complete("b", Ok())
    assert "AUTH=PLAIN" not in server.capabilities
    feed(server, b"c UNAUTHENTICATE\r\n")
    assert server.is_utf8
    server.complete("c", Ok())
    assert server.state is State.NOT_AUTHENTICATED
    assert server.enabled == frozenset()
    assert "AUTH=PLAIN" in server.capabilities
    (event,) = feed(server, b"d SELECT x\r\n")
    assert isinstance(event, InvalidCommand)
    server.complete("d", Bad())
    assert feed(server, b"e LOGIN u p\r\n") == [TaggedCommand("e", Login("u", Secret("p")))]


def test_events_of_a_server_however_they_come() -> None:
    octets = b"a UNAUTHENTICATE\r\nb LOGIN {1+}\r\nu p\r\nc UNAUTHENTICATE\r\n"
    assert server_events(octets, server_with_all) == [
        TaggedCommand("a", Unauthenticate()),
        TaggedCommand("b", Login("u", Secret("p"))),
        TaggedCommand("c", Unauthenticate()),
    ]


def test_a_server_says_ok_or_bye() -> None:
    server = server_with_all()
    feed(server, b"a UNAUTHENTICATE\r\n")
    sent(server)
    with pytest.raises(LocalProtocolError, match="BYE"):
        server.complete("a", No("cannot"))
    assert sent(server) == b""
    server.send(Bye("cannot"))
    assert server.state is State.LOGOUT


def test_not_where_what_is_sent_is_compressed() -> None:
    client, server = logged_in_client(" ".join(OFFER)), logged_in_server(capabilities=OFFER)
    client.send_command(Compress(), "a")
    server.receive_data(sent(client))
    server.next_event()
    assert "UNAUTHENTICATE" in server.capabilities
    server.complete("a", Ok())
    assert "UNAUTHENTICATE" not in server.capabilities
    client.receive_data(sent(server))
    client.next_event()
    with pytest.raises(LocalProtocolError, match="compressed"):
        client.send_command(Unauthenticate())
    client.send_command(Noop(), "b")
    server.receive_data(sent(client))
    assert server.next_event() == TaggedCommand("b", Noop())


def test_a_client_learns_the_capabilities_anew() -> None:
    line = Line(selected=None)
    line.conn.receive_data(b"* CAPABILITY IMAP4rev1 UNAUTHENTICATE\r\n")
    task = line.start(unauthenticate(line.session))
    line.feed(b"A1 OK done")
    assert line.sent() == [b"A1 UNAUTHENTICATE", b"A2 CAPABILITY"]
    line.feed(b"* CAPABILITY IMAP4rev1 AUTH=PLAIN", b"A2 OK done")
    assert task.is_done
    assert line.conn.capabilities == {"IMAP4REV1", "AUTH=PLAIN"}
    check_not_sent(unauthenticate, "UNAUTHENTICATE")


def test_the_news_of_the_mailbox_are_forgotten() -> None:
    line = Line()
    line.conn.receive_data(b"* CAPABILITY IMAP4rev1 UNAUTHENTICATE\r\n")
    task = line.start(unauthenticate(line.session))
    line.feed(b"* 4 EXISTS", b"A2 OK [CAPABILITY IMAP4rev1] done")
    assert task.is_done
    assert list(line.session.news) == []
    assert line.session.known_exists == 0


# The flow of the server


CLOSED: list[str] = []


class Session(StoreSession):
    """The session of one user, which notes that it was closed."""

    def close(self) -> Flow[None]:
        CLOSED.append("closed")
        return super().close()


def two_users() -> Client:
    CLOSED.clear()
    stores = {"alice": MemoryStore(), "bob": MemoryStore()}
    stores["alice"].create("of alice")
    return Client(
        stores["alice"],
        authenticator=PasswordAuthenticator({"alice": "a", "bob": "b"}),
        capabilities=(*OFFERED, "UNAUTHENTICATE"),
        allow_cleartext=True,
        sessions=lambda identity: Session(stores[identity], clock=lambda: NOW),
    )


def test_one_user_after_the_other() -> None:
    client = two_users()
    assert b"a OK" in client.say(b"a LOGIN alice a\r\n")
    assert b'* STATUS "of alice"' in client.say(b'b STATUS "of alice" (MESSAGES)\r\n')
    assert client.say(b"c UNAUTHENTICATE\r\n") == b"c OK log in again\r\n"
    assert CLOSED == ["closed"]
    assert b"d BAD" in client.say(b"d SELECT INBOX\r\n")
    assert b"e OK" in client.say(b"e LOGIN bob b\r\n")
    assert b"f NO" in client.say(b'f STATUS "of alice" (MESSAGES)\r\n')
    assert b"g OK" in client.say(b"g SELECT INBOX\r\n")


def test_one_round_trip_for_another_user() -> None:
    client = two_users()
    client.say(b"a LOGIN alice a\r\n")
    answer = client.say(b"b UNAUTHENTICATE\r\nc LOGIN bob b\r\nd NOOP\r\n")
    assert answer.startswith(b"b OK log in again\r\nc OK [CAPABILITY ")
    assert answer.endswith(b"d OK NOOP completed\r\n")
