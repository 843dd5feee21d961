"""What a client says from the greeting to the first command of its own: how it logs in, asks and enables."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest

from mailproto.errors import AuthenticationFailed, IMAPStatusError, LocalProtocolError
from mailproto.flow import Flow, TLSInfo
from mailproto.imap import client_flows as flows
from mailproto.imap import session_flows
from mailproto.imap.capability import Capabilities
from mailproto.imap.client import IMAPClientConnection
from mailproto.imap.commands import Capability
from mailproto.imap.ext.compress import Compress
from mailproto.imap.inbox import Inboxes
from mailproto.imap.needs import with_implied
from mailproto.imap.session_flows import ENABLED_BY_DEFAULT
from mailproto.sasl import PlainClient, Setting
from support_flows import run_script

Script = list[tuple[bytes | None, bytes]]
BOUND = TLSInfo(
    version="TLSv1.3", cipher="TLS_AES_128_GCM_SHA256", channel_bindings={"tls-exporter": b"octets"}
)


def base64_of(text: bytes) -> bytes:
    return base64.b64encode(text)


class Session:
    """A client, and what is said to it: each answer is fed whole, or one octet at a time."""

    def __init__(self, *, in_octets: bool = False) -> None:
        self.conn = IMAPClientConnection()
        self.session = Inboxes(self.conn)
        self.in_octets = in_octets

    def run(self, flow: Flow[object], script: Script) -> object:
        return run_script(self.conn, flow, [*self._cut(script)])

    def _cut(self, script: Script) -> Iterator[tuple[bytes | None, bytes]]:
        for said, answer in script:
            if not self.in_octets or answer == b"TLS":
                yield said, answer
                continue
            for place in range(len(answer)):
                yield (said if place == 0 else b""), answer[place : place + 1]


# How it logs in

PLAIN = base64_of(b"\0tim\0secret")
NONCE = base64.b64encode(b"x" * 18, b"-_")
XOAUTH2 = base64_of(b"user=tim\x01auth=Bearer t0ken\x01\x01")
BEARER = base64_of(b"n,a=tim,\x01host=mail.test\x01port=143\x01auth=Bearer t0ken\x01\x01")


def scram(name: bytes, header: bytes = b"n,,") -> bytes:
    """Return the command that begins SCRAM: the user's name and the client's nonce."""
    return b"A1 AUTHENTICATE %b %b\r\n" % (name, base64_of(header + b"n=tim,r=" + NONCE))


LOGIN = b'A1 LOGIN tim "secret"\r\n'
ALL = "AUTH=PLAIN AUTH=LOGIN AUTH=SCRAM-SHA-1 AUTH=SCRAM-SHA-256 AUTH=OAUTHBEARER AUTH=XOAUTH2 SASL-IR"
PLUS = f"{ALL} AUTH=SCRAM-SHA-256-PLUS"
PASSWORD: dict[str, Any] = {"password": "secret"}
TOKEN: dict[str, Any] = {"token": "t0ken"}
ALLOWED: dict[str, Any] = {"password": "secret", "allow_cleartext": True}

# What is offered besides IMAP4rev1, what is above TCP, what the caller has, what is said or the error.
WAYS: list[tuple[str, str, dict[str, Any], bytes | str]] = [
    (PLUS, "bound", PASSWORD, scram(b"SCRAM-SHA-256-PLUS", b"p=tls-exporter,,")),
    (PLUS, "bound", {**PASSWORD, "channel_binding": False}, scram(b"SCRAM-SHA-256")),
    (PLUS, "tls", PASSWORD, scram(b"SCRAM-SHA-256")),
    (PLUS, "clear", PASSWORD, scram(b"SCRAM-SHA-256")),
    (ALL, "bound", PASSWORD, scram(b"SCRAM-SHA-256", b"y,,")),
    ("AUTH=SCRAM-SHA-1 AUTH=PLAIN SASL-IR", "tls", PASSWORD, scram(b"SCRAM-SHA-1")),
    ("AUTH=SCRAM-SHA-256", "tls", PASSWORD, b"A1 AUTHENTICATE SCRAM-SHA-256\r\n"),
    ("AUTH=PLAIN AUTH=LOGIN SASL-IR", "tls", PASSWORD, b"A1 AUTHENTICATE PLAIN %b\r\n" % PLAIN),
    ("AUTH=PLAIN", "tls", PASSWORD, b"A1 AUTHENTICATE PLAIN\r\n"),
    ("AUTH=LOGIN SASL-IR", "tls", PASSWORD, b"A1 AUTHENTICATE LOGIN\r\n"),
    ("", "tls", PASSWORD, LOGIN),
    ("AUTH=GSSAPI", "tls", PASSWORD, LOGIN),
    ("AUTH=OAUTHBEARER AUTH=XOAUTH2", "tls", PASSWORD, LOGIN),
    ("AUTH=CRAM-MD5", "tls", PASSWORD, LOGIN),
    ("AUTH=PLAIN LOGINDISABLED SASL-IR", "tls", PASSWORD, b"A1 AUTHENTICATE PLAIN %b\r\n" % PLAIN),
    ("LOGINDISABLED", "tls", PASSWORD, "LOGINDISABLED"),
    ("LOGINDISABLED STARTTLS", "clear", PASSWORD, "LOGINDISABLED"),
    ("LOGINDISABLED STARTTLS", "clear", ALLOWED, "LOGINDISABLED"),
    ("AUTH=GSSAPI LOGINDISABLED", "tls", PASSWORD, "LOGINDISABLED"),
    ("", "clear", PASSWORD, "LOGIN: without TLS .* allow_cleartext=True"),
    ("", "clear", ALLOWED, LOGIN),
    ("AUTH=PLAIN AUTH=LOGIN", "clear", PASSWORD, "PLAIN, LOGIN without TLS needs allow_cleartext=True"),
    ("AUTH=PLAIN SASL-IR", "clear", ALLOWED, b"A1 AUTHENTICATE PLAIN %b\r\n" % PLAIN),
    (ALL, "tls", TOKEN, b"A1 AUTHENTICATE OAUTHBEARER %b\r\n" % BEARER),
    ("AUTH=XOAUTH2 AUTH=PLAIN SASL-IR", "tls", TOKEN, b"A1 AUTHENTICATE XOAUTH2 %b\r\n" % XOAUTH2),
    ("AUTH=OAUTHBEARER", "tls", TOKEN, b"A1 AUTHENTICATE OAUTHBEARER\r\n"),
    ("AUTH=PLAIN AUTH=SCRAM-SHA-256", "tls", TOKEN, "expected one of OAUTHBEARER, XOAUTH2"),
    ("", "tls", TOKEN, "expected one of OAUTHBEARER, XOAUTH2, offered are none"),
    (ALL, "clear", TOKEN, "OAUTHBEARER, XOAUTH2 without TLS needs allow_cleartext=True"),
    (ALL, "tls", {**PASSWORD, **TOKEN}, "either a password or a token"),
    (ALL, "tls", {}, "either a password or a token"),
    # SASLprep forbids it, so SCRAM cannot carry it.
    (
        "AUTH=SCRAM-SHA-256 AUTH=PLAIN SASL-IR",
        "tls",
        {"password": "a\x07"},
        b"A1 AUTHENTICATE PLAIN %b\r\n" % base64_of(b"\0tim\0a\x07"),
    ),
]


@pytest.mark.parametrize("in_octets", [False, True])
@pytest.mark.parametrize(("offered", "layer", "has", "outcome"), WAYS)
def test_the_way_in(
    offered: str, layer: str, has: dict[str, Any], outcome: bytes | str, in_octets: bool
) -> None:
    session = Session(in_octets=in_octets)
    tls = "none" if layer == "clear" else "implicit"
    greeting = f"* OK [CAPABILITY IMAP4rev1 {offered}] ready\r\n".encode().replace(b" ]", b"]")
    session.run(session_flows.open_session(session.session, tls=tls), [(b"", greeting)])  # type: ignore[arg-type]  # a mode
    channel = {"clear": None, "tls": TLSInfo(version="TLSv1.3", cipher="x"), "bound": BOUND}[layer]
    setting = Setting(channel=channel, host="mail.test", port=143, entropy=lambda size: b"x" * size)
    flow = session_flows.login(session.session, "tim", setting=setting, **has)
    if isinstance(outcome, bytes):
        with pytest.raises(AuthenticationFailed):
            session.run(flow, [(outcome, b"A1 NO [AUTHENTICATIONFAILED] no\r\n")])
    else:
        with pytest.raises(LocalProtocolError, match=outcome):
            session.run(flow, [])
    assert session.conn.data_to_send() == []


def test_what_was_meant_is_checked_before_anything_is_said() -> None:
    session = Session()
    session.session.conn.receive_data(b"* OK ready\r\n")
    session.session.pump()
    with pytest.raises(LocalProtocolError, match="either a password or a token"):
        session.run(session_flows.login(session.session, "tim"), [])


def test_a_server_of_rev2_alone_takes_an_initial_response_without_sasl_ir() -> None:
    session = Session()
    greeting = b"* OK [CAPABILITY IMAP4rev2 AUTH=PLAIN] .\r\n"
    session.run(session_flows.open_session(session.session, tls="implicit"), [(b"", greeting)])
    session.run(
        session_flows.login(session.session, "tim", "secret", enable=ENABLED_BY_DEFAULT),
        [(b"A1 AUTHENTICATE PLAIN %b\r\n" % PLAIN, b"A1 OK [CAPABILITY IMAP4rev2] in\r\n")],
    )
    assert session.conn.is_rev2


# When it asks for the capabilities

GREETING = b"* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN STARTTLS UNAUTHENTICATE COMPRESS=DEFLATE] hi\r\n"
AUTHENTICATE = b"AUTHENTICATE PLAIN " + PLAIN + b"\r\n"


@pytest.mark.parametrize("in_octets", [False, True])
def test_capabilities_are_asked_for_again_when_the_rfc_says_so(in_octets: bool) -> None:
    session = Session(in_octets=in_octets)
    session.run(
        session_flows.open_session(session.session, tls="starttls", server_hostname="a.test"),
        [
            (b"", GREETING),
            (b"A1 STARTTLS\r\n", b"A1 OK go\r\n"),
            (b"", b"TLS"),
            # RFC 9051 section 6.2.1: what was known before TLS "MUST" be discarded.
            (b"A2 CAPABILITY\r\n", b"* CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN\r\nA2 OK done\r\n"),
        ],
    )
    assert "STARTTLS" not in (session.conn.capabilities or ())
    session.run(
        session_flows.authenticate(session.session, PlainClient("tim", "secret")),
        [
            (b"A3 " + AUTHENTICATE, b"A3 OK in\r\n"),
            (b"A4 CAPABILITY\r\n", b"* CAPABILITY IMAP4rev1 COMPRESS=DEFLATE UNAUTHENTICATE\r\nA4 OK .\r\n"),
        ],
    )
    session.run(
        session_flows.unauthenticate(session.session),
        [
            (b"A5 UNAUTHENTICATE\r\n", b"A5 OK out\r\n"),
            (b"A6 CAPABILITY\r\n", b"* CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN\r\nA6 OK done\r\n"),
        ],
    )
    session.run(
        session_flows.login(session.session, "tim", "secret"),
        [(b"A7 " + AUTHENTICATE, b"A7 OK [CAPABILITY IMAP4rev1 COMPRESS=DEFLATE] in\r\n")],
    )
    session.run(flows.run(session.session, Compress()), [(b"A8 COMPRESS DEFLATE\r\n", b"A8 OK done\r\n")])
    assert session.conn.capabilities == {"IMAP4REV1", "COMPRESS=DEFLATE"}


@pytest.mark.parametrize("in_octets", [False, True])
def test_the_tagged_ok_spares_the_question(in_octets: bool) -> None:
    session = Session(in_octets=in_octets)
    session.run(session_flows.open_session(session.session, tls="implicit"), [(b"", GREETING)])
    session.run(
        session_flows.login(session.session, "tim", "secret"),
        [(b"A1 " + AUTHENTICATE, b"A1 OK [CAPABILITY IMAP4rev1 IDLE] in\r\n")],
    )
    assert session.conn.capabilities == {"IMAP4REV1", "IDLE"}
    session.run(flows.noop(session.session), [(b"A2 NOOP\r\n", b"A2 OK done\r\n")])


def test_what_came_before_the_tagged_ok_is_of_before_the_login() -> None:
    session = Session()
    session.run(session_flows.open_session(session.session, tls="implicit"), [(b"", GREETING)])
    session.run(
        session_flows.login(session.session, "tim", "secret"),
        [
            (b"A1 " + AUTHENTICATE, b"* CAPABILITY IMAP4rev1 IDLE\r\nA1 OK in\r\n"),
            (b"A2 CAPABILITY\r\n", b"* CAPABILITY IMAP4rev1 MOVE\r\nA2 OK done\r\n"),
        ],
    )
    assert session.conn.capabilities == {"IMAP4REV1", "MOVE"}


def test_a_refused_login_leaves_them_as_they_were() -> None:
    session = Session()
    session.run(session_flows.open_session(session.session, tls="implicit"), [(b"", GREETING)])
    before = session.conn.capabilities
    for tag in (b"A1 ", b"A2 "):
        with pytest.raises(AuthenticationFailed):
            session.run(
                session_flows.login(session.session, "tim", "secret", enable=ENABLED_BY_DEFAULT),
                [(tag + AUTHENTICATE, tag + b"NO no\r\n")],
            )
    assert session.conn.capabilities == before


def test_capabilities_that_are_told_unasked_count() -> None:
    session = Session()
    session.run(session_flows.open_session(session.session), [(b"", GREETING)])
    told = [(b"A1 ", b"* CAPABILITY IMAP4rev1 X\r\n"), (b"A2 ", b"* OK [CAPABILITY IMAP4rev1 Y] now\r\n")]
    for tag, said in told:
        session.run(flows.noop(session.session), [(tag + b"NOOP\r\n", said + tag + b"OK .\r\n")])
    assert session.conn.capabilities == {"IMAP4REV1", "Y"}


# What it enables

ENABLING: list[tuple[str, tuple[str, ...] | Capabilities, bytes]] = [
    (
        "IMAP4rev1 ENABLE IMAP4rev2 UTF8=ACCEPT CONDSTORE QRESYNC",
        ENABLED_BY_DEFAULT,
        b"IMAP4rev2 UTF8=ACCEPT",
    ),
    ("IMAP4rev1 IMAP4rev2", ENABLED_BY_DEFAULT, b"IMAP4rev2"),
    ("IMAP4rev1 ENABLE UTF8=ONLY", ENABLED_BY_DEFAULT, b"UTF8=ACCEPT"),
    ("IMAP4rev2", ENABLED_BY_DEFAULT, b""),
    ("IMAP4rev2 UTF8=ACCEPT", ENABLED_BY_DEFAULT, b"UTF8=ACCEPT"),
    ("IMAP4rev1", ENABLED_BY_DEFAULT, b""),
    ("IMAP4rev1 ENABLE CONDSTORE", ENABLED_BY_DEFAULT, b""),
    ("IMAP4rev1 UTF8=ACCEPT", ENABLED_BY_DEFAULT, b""),
    ("IMAP4rev1 IMAP4rev2 ENABLE", (), b""),
    ("IMAP4rev1 ENABLE CONDSTORE QRESYNC", ("QRESYNC",), b"QRESYNC"),
    ("IMAP4rev1 ENABLE QRESYNC", ("condstore", "X-NONE"), b"CONDSTORE"),
    ("IMAP4rev1 ENABLE", ("X-NONE",), b""),
]


@pytest.mark.parametrize("in_octets", [False, True])
@pytest.mark.parametrize(("offered", "wanted", "enabled"), ENABLING)
def test_enable_after_login(offered: str, wanted: tuple[str, ...], enabled: bytes, in_octets: bool) -> None:
    session = Session(in_octets=in_octets)
    session.run(session_flows.open_session(session.session, tls="implicit"), [(b"", GREETING)])
    script: Script = [(b"A1 " + AUTHENTICATE, f"A1 OK [CAPABILITY {offered}] in\r\n".encode())]
    if enabled:
        script.append((b"A2 ENABLE " + enabled + b"\r\n", b"* ENABLED " + enabled + b"\r\nA2 OK done\r\n"))
    session.run(session_flows.login(session.session, "tim", "secret", enable=wanted), script)
    assert session.conn.enabled == with_implied(enabled.decode().upper().split())


@pytest.mark.parametrize("in_octets", [False, True])
@pytest.mark.parametrize(("offered", "wanted", "enabled"), ENABLING)
def test_enable_after_preauth(offered: str, wanted: tuple[str, ...], enabled: bytes, in_octets: bool) -> None:
    session = Session(in_octets=in_octets)
    script: Script = [(b"", f"* PREAUTH [CAPABILITY {offered}] hi\r\n".encode())]
    if enabled:
        script.append((b"A1 ENABLE " + enabled + b"\r\n", b"* ENABLED " + enabled + b"\r\nA1 OK done\r\n"))
    session.run(session_flows.open_session(session.session, enable=wanted), script)
    assert session.conn.enabled == with_implied(enabled.decode().upper().split())


def test_the_whole_beginning_of_a_session() -> None:
    session = Session()
    session.run(
        session_flows.open_session(session.session, tls="implicit", enable=ENABLED_BY_DEFAULT),
        [
            (b"", b"* OK ready\r\n"),
            (b"A1 CAPABILITY\r\n", b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\nA1 OK done\r\n"),
        ],
    )
    session.run(
        session_flows.login(session.session, "tim", "secret", enable=ENABLED_BY_DEFAULT),
        [
            (b"A2 AUTHENTICATE PLAIN\r\n", b"+ \r\n"),
            (PLAIN + b"\r\n", b"A2 OK in\r\n"),
            (b"A3 CAPABILITY\r\n", b"* CAPABILITY IMAP4rev1 IMAP4rev2 ENABLE\r\nA3 OK done\r\n"),
            (b"A4 ENABLE IMAP4rev2\r\n", b"* ENABLED IMAP4rev2\r\nA4 OK done\r\n"),
        ],
    )
    session.run(
        flows.select(session.session, "Entwürfe"),
        [('A5 SELECT "Entwürfe"\r\n'.encode(), b"* 0 EXISTS\r\nA5 OK [READ-WRITE] done\r\n")],
    )


@pytest.mark.parametrize("answer", [b"* ENABLED\r\nA2 OK .\r\n", b"A2 NO no\r\n", b"A2 BAD what?\r\n"])
def test_a_server_that_enables_nothing(answer: bytes) -> None:
    session = Session()
    session.run(session_flows.open_session(session.session, tls="implicit"), [(b"", GREETING)])
    session.run(
        session_flows.login(session.session, "tim", "secret", enable=ENABLED_BY_DEFAULT),
        [
            (b"A1 " + AUTHENTICATE, b"A1 OK [CAPABILITY IMAP4rev1 IMAP4rev2 ENABLE] in\r\n"),
            (b"A2 ENABLE IMAP4rev2\r\n", answer),
        ],
    )
    assert session.conn.enabled == frozenset()
    assert not session.conn.is_rev2


def test_it_is_enabled_anew_after_the_next_login() -> None:
    session = Session()
    session.run(session_flows.open_session(session.session, tls="implicit"), [(b"", GREETING)])
    offered = b"OK [CAPABILITY IMAP4rev1 IMAP4rev2 ENABLE UNAUTHENTICATE SASL-IR AUTH=PLAIN] .\r\n"
    for number in (1, 4):
        tags = [b"A%d " % (number + index) for index in range(3)]
        session.run(
            session_flows.login(session.session, "tim", "secret", enable=ENABLED_BY_DEFAULT),
            [
                (tags[0] + AUTHENTICATE, tags[0] + offered),
                (tags[1] + b"ENABLE IMAP4rev2\r\n", b"* ENABLED IMAP4rev2\r\n" + tags[1] + b"OK .\r\n"),
            ],
        )
        assert session.conn.enabled == {"IMAP4REV2"}
        session.run(
            session_flows.unauthenticate(session.session),
            [(tags[2] + b"UNAUTHENTICATE\r\n", tags[2] + offered)],
        )
        assert session.conn.enabled == frozenset()


def test_nothing_is_enabled_twice_or_in_a_mailbox() -> None:
    session = Session()
    greeting = b"* PREAUTH [CAPABILITY IMAP4rev1 ENABLE IMAP4rev2 CONDSTORE] hi\r\n"
    session.run(session_flows.open_session(session.session), [(b"", greeting)])
    names = ("IMAP4rev2", "CONDSTORE")
    session.run(
        session_flows.enable_offered(session.session, names),
        [(b"A1 ENABLE IMAP4rev2 CONDSTORE\r\n", b"* ENABLED IMAP4rev2\r\nA1 OK .\r\n")],
    )
    session.run(
        session_flows.enable_offered(session.session, names),
        [(b"A2 ENABLE CONDSTORE\r\n", b"* ENABLED\r\nA2 OK .\r\n")],
    )
    session.run(
        flows.select(session.session, "INBOX"), [(b"A3 SELECT INBOX\r\n", b"* 0 EXISTS\r\nA3 OK .\r\n")]
    )
    session.run(session_flows.enable_offered(session.session, names), [])


def test_the_error_of_an_enable_of_ones_own_is_told() -> None:
    session = Session()
    greeting = b"* PREAUTH [CAPABILITY IMAP4rev1 ENABLE] hi\r\n"
    session.run(session_flows.open_session(session.session), [(b"", greeting)])
    with pytest.raises(IMAPStatusError):
        session.run(flows.enable(session.session, ["X"]), [(b"A1 ENABLE X\r\n", b"A1 BAD no\r\n")])
    session.run(
        flows.run(session.session, Capability()),
        [(b"A2 CAPABILITY\r\n", b"* CAPABILITY IMAP4rev1 X\r\nA2 OK .\r\n")],
    )
