from __future__ import annotations

import base64
from collections.abc import Iterable

import pytest

from mailproto._secret import Secret
from mailproto.errors import AuthenticationFailed, ConnectionClosed, LocalProtocolError, TLSUnavailable
from mailproto.flow import Flow
from mailproto.imap import client_flows as flows
from mailproto.imap import session_flows
from mailproto.imap.client import IMAPClientConnection
from mailproto.imap.commands import Noop
from mailproto.imap.inbox import Inboxes
from mailproto.sasl import AuthenticationAborted, PlainClient, Setting
from support_flows import END, run_script

Script = Iterable[tuple[bytes | None, object]]


class Session:
    """A connection and its inboxes; `run` runs a flow against a script."""

    def __init__(self) -> None:
        self.conn = IMAPClientConnection()
        self.session = Inboxes(self.conn)

    def run(self, flow: Flow[object], *script: tuple[bytes | None, object]) -> object:
        return run_script(self.conn, flow, script)

    def open(self, greeting: bytes = b"* OK [CAPABILITY IMAP4rev1] ready\r\n") -> Session:
        self.run(session_flows.open_session(self.session), (b"", greeting))
        return self


# Opening


def test_the_greeting_brings_the_capabilities() -> None:
    session = Session().open()
    assert session.conn.capabilities == {"IMAP4REV1"}


def test_capabilities_are_asked_for_if_the_greeting_has_none() -> None:
    session = Session()
    session.run(
        session_flows.open_session(session.session),
        (b"", b"* OK ready\r\n"),
        (b"A1 CAPABILITY\r\n", b"* CAPABILITY IMAP4rev1 IDLE\r\nA1 OK done\r\n"),
    )
    assert session.conn.capabilities == {"IMAP4REV1", "IDLE"}


def test_a_server_that_says_bye() -> None:
    with pytest.raises(ConnectionClosed, match="too busy") as caught:
        Session().open(b"* BYE too busy\r\n")
    assert caught.value.phase == "connect"


def test_a_server_that_says_nothing() -> None:
    session = Session()
    with pytest.raises(ConnectionClosed):
        session.run(session_flows.open_session(session.session), (b"", END))


def test_implicit_tls_is_told_to_the_connection() -> None:
    session = Session()
    session.run(
        session_flows.open_session(session.session, tls="implicit"), (b"", b"* OK [CAPABILITY X] .\r\n")
    )
    assert session.conn.is_tls


def test_starttls() -> None:
    session = Session()
    session.run(
        session_flows.open_session(session.session, tls="starttls", server_hostname="a.test"),
        (b"", b"* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n"),
        (b"A1 STARTTLS\r\n", b"A1 OK go\r\n"),
        (b"", b"TLS"),
        (b"A2 CAPABILITY\r\n", b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\nA2 OK done\r\n"),
    )
    assert session.conn.is_tls
    assert session.conn.capabilities == {"IMAP4REV1", "AUTH=PLAIN"}


NO_TLS = [
    pytest.param([(b"", b"* OK [CAPABILITY IMAP4rev1] ready\r\n")], id="not offered"),
    pytest.param([(b"", b"* PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n")], id="PREAUTH"),
    pytest.param(
        [(b"", b"* OK [CAPABILITY STARTTLS] ready\r\n"), (b"A1 STARTTLS\r\n", b"A1 NO not now\r\n")],
        id="refused",
    ),
]


@pytest.mark.parametrize("script", NO_TLS)
def test_starttls_is_never_given_up(script: list[tuple[bytes, bytes]]) -> None:
    session = Session()
    with pytest.raises(TLSUnavailable):
        session.run(session_flows.open_session(session.session, tls="starttls"), *script)


# Login

PLAIN = base64.b64encode(b"\0user\0secret")


def test_login_takes_plain_with_an_initial_response() -> None:
    session = Session().open(b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] ready\r\n")
    session.run(
        session_flows.login(session.session, "user", "secret", allow_cleartext=True),
        (b"A1 AUTHENTICATE PLAIN " + PLAIN + b"\r\n", b"A1 OK [CAPABILITY IMAP4rev1] in\r\n"),
    )
    assert session.conn.capabilities == {"IMAP4REV1"}


def test_login_without_sasl_ir_answers_the_empty_challenge() -> None:
    session = Session().open(b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready\r\n")
    session.run(
        session_flows.login(session.session, "user", Secret("secret"), allow_cleartext=True),
        (b"A1 AUTHENTICATE PLAIN\r\n", b"+ \r\n"),
        (PLAIN + b"\r\n", b"A1 OK in\r\n"),
        (b"A2 CAPABILITY\r\n", b"* CAPABILITY IMAP4rev1\r\nA2 OK done\r\n"),
    )


def test_login_falls_back_to_the_command() -> None:
    session = Session().open()
    session.run(
        session_flows.login(session.session, "user", "secret", allow_cleartext=True),
        (b'A1 LOGIN user "secret"\r\n', b"A1 OK [CAPABILITY IMAP4rev1] in\r\n"),
    )


def test_a_refused_login() -> None:
    session = Session().open()
    with pytest.raises(AuthenticationFailed):
        session.run(
            session_flows.login(session.session, "user", "wrong", allow_cleartext=True),
            (None, b"A1 NO no\r\n"),
        )


@pytest.mark.parametrize("offer", [b"", b" AUTH=PLAIN"])
def test_a_password_in_the_clear_must_be_allowed(offer: bytes) -> None:
    session = Session().open(b"* OK [CAPABILITY IMAP4rev1" + offer + b"] ready\r\n")
    with pytest.raises(LocalProtocolError, match="allow_cleartext"):
        session.run(session_flows.login(session.session, "user", "secret"))
    assert session.conn.data_to_send() == []


def test_a_mechanism_that_is_not_offered() -> None:
    session = Session().open()
    with pytest.raises(LocalProtocolError, match="PLAIN"):
        session.run(session_flows.authenticate(session.session, PlainClient("user", "secret")))


class Cautious:
    """A mechanism that answers one challenge and no second one."""

    name = "CAUTIOUS"
    is_cleartext = False

    def __init__(self) -> None:
        self.is_finished = False

    def initial_response(self, setting: Setting) -> bytes | None:
        return None

    def respond(self, challenge: bytes) -> bytes:
        if challenge != b"first":
            raise AuthenticationAborted("no more")
        return b"answer"

    def finish(self) -> None:
        self.is_finished = True


@pytest.mark.parametrize("challenge", [b"+ c2Vjb25k\r\n", b"+ not base64!\r\n"])
def test_a_mechanism_that_gives_up_cancels(challenge: bytes) -> None:
    session = Session().open(b"* OK [CAPABILITY IMAP4rev1 AUTH=CAUTIOUS] ready\r\n")
    mechanism = Cautious()
    with pytest.raises(AuthenticationAborted):
        session.run(
            session_flows.authenticate(session.session, mechanism),
            (b"A1 AUTHENTICATE CAUTIOUS\r\n", b"+ Zmlyc3Q=\r\n"),
            (b"YW5zd2Vy\r\n", challenge),
            (b"*\r\n", b"A1 BAD cancelled\r\n"),
        )
    assert not mechanism.is_finished
    session.run(flows.noop(session.session), (b"A2 NOOP\r\n", b"A2 OK done\r\n"))


def test_a_login_that_is_cancelled_ends_the_session() -> None:
    session = Session().open(b"* OK [CAPABILITY IMAP4rev1 AUTH=CAUTIOUS] ready\r\n")
    with pytest.raises(InterruptedError):
        session.run(session_flows.authenticate(session.session, Cautious()), (None, InterruptedError()))
    with pytest.raises(LocalProtocolError):
        session.conn.send_command(Noop())


def test_logout() -> None:
    for answer in (b"* BYE bye\r\nA1 OK done\r\n", b"* BYE bye\r\n", END):
        session = Session().open()
        script: list[tuple[bytes | None, object]] = [(b"A1 LOGOUT\r\n", answer)]
        if answer == b"* BYE bye\r\n":
            script.append((b"", END))
        session.run(session_flows.logout(session.session), *script)
