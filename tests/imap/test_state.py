"""The table of states, and both ends against it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mailproto._secret import Secret
from mailproto.errors import LocalProtocolError
from mailproto.imap.capability import Capabilities
from mailproto.imap.client import IMAPClientConnection
from mailproto.imap.codec import parse_commands
from mailproto.imap.commands import COMMANDS, Command, Examine, Select, TaggedCommand
from mailproto.imap.events import CommandCompleted, InvalidCommand
from mailproto.imap.ext import _all
from mailproto.imap.offering import CARRIED_CAPABILITIES
from mailproto.imap.server import DEFAULT_CAPABILITIES, IMAPServerConnection
from mailproto.imap.state import ANYTIME, COMMAND_ROWS, State, row_of
from mailproto.imap.status import Bad, Bye, No, Ok, PreAuth
from mailproto.testing import ConnectionPair
from support_imap import complete_select

LINES = (
    "CAPABILITY",
    "NOOP",
    "ID NIL",
    "LOGOUT",
    "LOGIN u p",
    "ENABLE X",
    "SELECT x",
    "EXAMINE x",
    "CREATE x",
    "DELETE x",
    "RENAME x y",
    "SUBSCRIBE x",
    "UNSUBSCRIBE x",
    'LIST "" *',
    'LSUB "" *',
    'XLIST "" *',
    "STATUS x (MESSAGES)",
    "SETACL x y +l",
    "DELETEACL x y",
    "GETACL x",
    "LISTRIGHTS x y",
    "MYRIGHTS x",
    "GETMETADATA x /a",
    "SETMETADATA x (/a NIL)",
    "RESETKEY x",
    "GENURLAUTH x INTERNAL",
    "URLFETCH x",
    "UNAUTHENTICATE",
    "LANGUAGE de",
    "COMPARATOR",
    'RLIST "" *',
    'RLSUB "" *',
    "GETJMAPACCESS",
    "GETQUOTA x",
    "GETQUOTAROOT x",
    "SETQUOTA x (STORAGE 1)",
    "NAMESPACE",
    "CLOSE",
    "UNSELECT",
    "CHECK",
    "EXPUNGE",
    "SEARCH ALL",
    "FETCH 1 FLAGS",
    "STORE 1 FLAGS (x)",
    "COPY 1 x",
    "MOVE 1 x",
    "UID EXPUNGE 1",
    "UID SEARCH ALL",
    "UID FETCH 1 FLAGS",
    "UID STORE 1 FLAGS (x)",
    "UID COPY 1 x",
    "UID MOVE 1 x",
)


def command_of(text: str) -> Command:
    (tagged,) = parse_commands(f"a {text}\r\n".encode())
    assert isinstance(tagged, TaggedCommand), text
    return tagged.command


def test_each_command_has_a_row() -> None:
    assert _all.EXTENSIONS
    assert set(COMMAND_ROWS) == set(COMMANDS)
    assert row_of("XYZZY") is ANYTIME


def test_each_row_leads_to_a_state_from_which_there_is_a_way_out() -> None:
    for row in COMMAND_ROWS.values():
        for state in {row.after_ok, row.after_no} - {None, State.LOGOUT}:
            assert any(state in other.legal and other.after_ok for other in COMMAND_ROWS.values())


@given(
    st.booleans(),
    st.lists(st.tuples(st.sampled_from(LINES), st.sampled_from([Ok(), No(), Bad()])), max_size=12),
)
def test_both_ends_agree_on_the_state(is_logged_in: bool, steps: list[tuple[str, Ok | No | Bad]]) -> None:
    client = IMAPClientConnection()
    server = IMAPServerConnection(capabilities=CARRIED_CAPABILITIES, allow_cleartext=True)
    pair = ConnectionPair(client, server)
    server.send_greeting(PreAuth() if is_logged_in else Ok())
    pair.client_events()
    for line, status in steps:
        command = command_of(line)
        legal = client.state in row_of(command.name).legal
        if not legal:
            try:
                client.send_command(command)
            except LocalProtocolError:
                continue
            raise AssertionError(line)
        tag = client.send_command(command)
        assert pair.server_events() == [TaggedCommand(tag, command)]
        if line == "UNAUTHENTICATE" and isinstance(status, No):
            status = Bad()
        if line == "LOGOUT" and isinstance(status, Ok):
            server.send(Bye())
        if isinstance(command, Select | Examine) and isinstance(status, Ok):
            complete_select(server, tag, status)
        else:
            server.complete(tag, status)
        assert pair.client_events()[-1] == CommandCompleted(tag=tag, command=command, status=status)
        assert client.state is client.next_state is server.state


@given(
    st.sampled_from(LINES), st.sampled_from([State.NOT_AUTHENTICATED, State.AUTHENTICATED, State.SELECTED])
)
def test_a_server_refuses_what_the_table_does_not_have(line: str, state: State) -> None:
    server = IMAPServerConnection(capabilities=CARRIED_CAPABILITIES, allow_cleartext=True)
    server.send_greeting(Ok() if state is State.NOT_AUTHENTICATED else PreAuth())
    if state is State.SELECTED:
        server.receive_data(b"s SELECT x\r\n")
        server.next_event()
        complete_select(server, "s")
    server.receive_data(f"a {line}\r\n".encode())
    event = server.next_event()
    expected = TaggedCommand if state in row_of(command_of(line).name).legal else InvalidCommand
    assert type(event) is expected


def test_what_a_server_can_carry_has_its_capability() -> None:
    needed = {row.capability for row in COMMAND_ROWS.values()} - {""}
    assert needed <= set(CARRIED_CAPABILITIES)
    assert isinstance(DEFAULT_CAPABILITIES, Capabilities)
    assert Secret("x") == Secret("x")
