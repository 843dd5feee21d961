"""AUTHENTICATE in the flows of both ends: what mechanisms bring with them beyond names and passwords."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any

import pytest

from mailproto.errors import (
    AuthenticationFailed,
    Denial,
    LimitExceeded,
    LocalProtocolError,
    OAuthFailure,
)
from mailproto.imap import Authenticate, IMAPClientConnection
from mailproto.imap.inbox import Inboxes
from mailproto.imap.server_flow import Service
from mailproto.imap.session_flows import authenticate, login, open_session
from mailproto.sasl import (
    AuthenticationAborted,
    MechanismRow,
    PasswordAuthenticator,
    PlainServer,
    ScramClient,
    XOAuth2Client,
)
from mailproto.store import MemoryStore
from mailproto.wants import Wants
from support_flows import run_script
from support_imap_server import TLS, Client
from support_sasl import MISTAKES, Answering, Everybody, entropy, nonces, unmade

USERS = PasswordAuthenticator({"tim": "secret"}, tokens=lambda request: OAuthFailure("expired", "mail"))
OFFERED = ("IMAP4rev1", "SASL-IR")


def connected(authenticator: Any = USERS, **options: Any) -> Client:
    """Return a client of a server behind TLS."""
    options = {"offered": OFFERED, "tls": TLS, "refusal_delay": 0, "max_refusals": 3, **options}
    return Client(MemoryStore(), authenticator=authenticator, entropy=entropy(), **options)


def line(octets: bytes) -> bytes:
    return b64encode(octets) + b"\r\n"


# RFC 5530 section 3
STATUSES = {
    Denial.CREDENTIALS: b"NO [AUTHENTICATIONFAILED] the credentials were not accepted\r\n",
    Denial.AUTHORIZATION: b"NO [AUTHORIZATIONFAILED] not allowed to act as that user\r\n",
    Denial.EXPIRED: b"NO [EXPIRED] the credentials have expired\r\n",
    Denial.TRANSITION: b"NO a password transition is needed\r\n",
    Denial.TOO_WEAK: b"NO the mechanism is too weak\r\n",
    Denial.ENCRYPTION: b"NO [PRIVACYREQUIRED] the mechanism needs TLS\r\n",
    Denial.UNAVAILABLE: b"NO [UNAVAILABLE] it cannot be checked now, try again later\r\n",
    Denial.OTHER: b"NO authentication failed\r\n",
}


@pytest.mark.parametrize("denial", Denial)
def test_a_denial_has_its_code(denial: Denial) -> None:
    client = connected(Answering(denial))
    assert client.say(b"a LOGIN tim x\r\n") == b"a " + STATUSES[denial]
    assert client.say(b"b AUTHENTICATE PLAIN " + line(b"\0tim\0x")) == b"b " + STATUSES[denial]


def scram(client: Client) -> bytes:
    """Log in as tim up to the last challenge, and return it."""
    mechanism = ScramClient("tim", "secret")
    first = mechanism.initial_response(nonces("client"))
    assert first is not None
    challenge = client.say(b"a AUTHENTICATE SCRAM-SHA-256 " + line(first))
    return client.say(line(mechanism.respond(_decoded(challenge))))


def _decoded(challenge: bytes) -> bytes:
    assert challenge.startswith(b"+ ")
    return b64decode(challenge[2:])


ENDS = {
    "empty": (b"\r\n", b"a OK [CAPABILITY IMAP4rev1 APPENDLIMIT=52428800] logged in\r\n"),
    "empty, spelled": (b"=\r\n", b"a OK [CAPABILITY IMAP4rev1 APPENDLIMIT=52428800] logged in\r\n"),
    "not empty": (b"eA==\r\n", b"a " + STATUSES[Denial.CREDENTIALS]),
    "cancelled": (b"*\r\n", b"a BAD cancelled\r\n"),
    "no base64": (b"!\r\n", b"a BAD expected base64\r\n"),
}


@pytest.mark.parametrize("octets, answer", ENDS.values(), ids=ENDS)
def test_nobody_is_logged_in_before_the_last_empty_response(octets: bytes, answer: bytes) -> None:
    client = connected()
    assert scram(client).startswith(b"+ dj")
    assert client.say(octets) == answer
    is_in = b" OK " in answer
    assert client.say(b"b SELECT INBOX\r\n").startswith(b"b BAD") is not is_in


@pytest.mark.parametrize("octets", [b"\r\n", b"*\r\n", b"eA==\r\n", b"!\r\n"], ids=repr)
def test_a_refusal_stays_one_whatever_is_said_to_it(octets: bytes) -> None:
    client = connected(refusal_delay=1.5)
    for count in (1, 2, 3):
        challenge = client.say(b"a AUTHENTICATE OAUTHBEARER " + line(b"n,,\1auth=Bearer x\1\1"))
        assert challenge.startswith(b"+ ")
        bye = b"* BYE too many refused logins\r\n" if count == 3 else b""
        assert client.say(octets) == b"a " + STATUSES[Denial.CREDENTIALS] + bye
        assert client.slept == 1.5 * count


@pytest.mark.parametrize("octets", [line(b"\1"), b"*\r\n"], ids=repr)
def test_a_token_is_refused_with_its_reason(octets: bytes) -> None:
    """RFC 7628 section 4.3: with the answer that is due, and with `*`."""
    client = connected()
    challenge = client.say(b"t1 AUTHENTICATE OAUTHBEARER " + line(b"n,,\1auth=Bearer x\1\1"))
    assert challenge == b"+ " + line(b'{"status":"expired","scope":"mail"}')
    assert client.say(octets) == b"t1 " + STATUSES[Denial.CREDENTIALS]


def test_a_client_that_goes_away_in_the_middle() -> None:
    for is_right in (True, False):
        client = connected()
        if is_right:
            scram(client)
        else:
            client.say(b"a AUTHENTICATE OAUTHBEARER " + line(b"n,,\1auth=Bearer x\1\1"))
        client.hang_up()
        assert client.is_done
        assert client.error is None


def test_what_is_offered_depends_on_tls() -> None:
    own = MechanismRow("X-OWN", lambda setting: PlainServer(), is_cleartext=True)
    users = PasswordAuthenticator({"tim": "x"}, mechanisms=["SCRAM-SHA-1", "CRAM-MD5", "PLAIN", own])
    safe = b"AUTH=CRAM-MD5 AUTH=SCRAM-SHA-1"
    client = connected(users, tls=None, offered=("IMAP4rev1",), start_tls=True)
    assert client.greeting == b"* OK [CAPABILITY IMAP4rev1 %b LOGINDISABLED STARTTLS] ready\r\n" % safe
    for name in (b"PLAIN", b"X-OWN"):
        answer = client.say(b"a AUTHENTICATE %b\r\n" % name)
        assert answer == b"a NO [PRIVACYREQUIRED] this mechanism needs TLS\r\n"
    client.say(b"a STARTTLS\r\n")
    client.shake_hands()
    every = b"AUTH=CRAM-MD5 AUTH=PLAIN AUTH=SCRAM-SHA-1 AUTH=X-OWN"
    assert client.say(b"a CAPABILITY\r\n") == b"* CAPABILITY IMAP4rev1 %b\r\na OK completed\r\n" % every
    assert client.say(b"a AUTHENTICATE X-OWN\r\n") == b"+ \r\n"
    assert b" OK " in client.say(line(b"\0tim\0x"))


def test_how_long_a_response_may_be() -> None:
    client = connected()
    client.say(b"a AUTHENTICATE PLAIN\r\n")
    assert client.say(b"A" * 12_284 + b"\r\n") == b"a " + STATUSES[Denial.CREDENTIALS]
    client.say(b"a AUTHENTICATE PLAIN\r\n")
    assert client.say(b"A" * 12_288 + b"\r\n") == b"* BYE max_auth_line: 12290 is more than 12288\r\n"
    assert client.is_done


@pytest.mark.parametrize(
    "response", [name for name in MISTAKES if name and not name.startswith(b"long")], ids=bytes.decode
)
def test_a_mechanism_that_fails_costs_one_login(response: bytes) -> None:
    reported: list[Exception] = []
    client = connected(Everybody(), report=reported.append)
    assert client.say(b"a AUTHENTICATE X-OWN\r\n") == b"+ aGk=\r\n"
    assert client.say(line(response)) == b"a " + STATUSES[Denial.UNAVAILABLE]
    assert len(reported) == 1
    assert client.say(b"b AUTHENTICATE X-OWN\r\n") == b"+ aGk=\r\n"


def test_so_does_one_that_cannot_be_made() -> None:
    reported: list[Exception] = []
    client = connected(Everybody(unmade), report=reported.append)
    assert client.say(b"a AUTHENTICATE X-OWN\r\n") == b"a " + STATUSES[Denial.UNAVAILABLE]
    assert [repr(failure) for failure in reported] == ["KeyError('made')"]


@pytest.mark.parametrize("octets", [b"=\r\n", line(b"tim b913a602c7eda7a495b4e6e7334d3890")], ids=repr)
def test_nobody_begins_where_the_server_does(octets: bytes) -> None:
    """RFC 4959 section 3."""
    client = connected(PasswordAuthenticator({"tim": "secret"}, mechanisms=["CRAM-MD5"]))
    answer = client.say(b"a AUTHENTICATE CRAM-MD5 " + octets)
    assert answer == b"a BAD the server begins this exchange\r\n"
    assert client.say(b"b AUTHENTICATE CRAM-MD5\r\n").startswith(b"+ ")


# The client's flow.


def opened(offer: bytes = b"SASL-IR AUTH=OAUTHBEARER AUTH=XOAUTH2 AUTH=SCRAM-SHA-1") -> Inboxes:
    session = Inboxes(IMAPClientConnection())
    script = [(b"", b"* OK [CAPABILITY IMAP4rev1 " + offer + b"] ready\r\n")]
    run_script(session.conn, open_session(session, tls="implicit"), script)
    return session


FAILURE = (
    b"eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIiwic2NvcGUiOiJleGFtcGxlX3Njb3BlIiwib3BlbmlkLWNvbmZpZ3VyYXRpb24iOiJo"
    b"dHRwczovL2V4YW1wbGUuY29tLy53ZWxsLWtub3duL29wZW5pZC1jb25maWd1cmF0aW9uIn0="
)


def test_why_a_token_is_refused_is_on_the_error() -> None:
    """RFC 7628 section 4.3."""
    session = opened()
    message = b"n,a=tim,\1auth=Bearer t0ken\1\1"
    with pytest.raises(AuthenticationFailed) as caught:
        run_script(
            session.conn,
            login(session, "tim", token="t0ken"),
            [
                (b"A1 AUTHENTICATE OAUTHBEARER " + line(message), b"+ " + FAILURE + b"\r\n"),
                (b"AQ==\r\n", b"A1 NO SASL authentication failed\r\n"),
            ],
        )
    assert caught.value.oauth == OAuthFailure(
        "invalid_token", "example_scope", "https://example.com/.well-known/openid-configuration"
    )
    assert "t0ken" not in str(caught.value)


def test_a_token_that_is_too_long_for_the_command_follows_it() -> None:
    session = opened(b"SASL-IR AUTH=XOAUTH2")
    token = "t" * 7_000
    script = [
        (b"A1 AUTHENTICATE XOAUTH2\r\n", b"+ \r\n"),
        (
            line(b"user=tim\1auth=Bearer %b\1\1" % token.encode()),
            b"A1 OK [CAPABILITY IMAP4rev1] in\r\n",
        ),
    ]
    run_script(session.conn, login(session, "tim", token=token), script)


@pytest.mark.parametrize("size, is_right", [(12_288, True), (12_292, False)])
def test_how_long_a_challenge_may_be(size: int, is_right: bool) -> None:
    session = opened()
    session.conn.send_command(Authenticate("SCRAM-SHA-1"))
    session.conn.receive_data(b"+ " + b"A" * size + b"\r\n")
    if is_right:
        assert session.conn.next_event() is not None
        return
    with pytest.raises(LimitExceeded, match="max_auth_line"):
        session.conn.next_event()


def test_a_server_that_proves_nothing_is_left() -> None:
    session = opened()
    mechanism = ScramClient("tim", "secret", "SCRAM-SHA-1")
    script = [(b"A1 AUTHENTICATE SCRAM-SHA-1 " + line(b"n,,n=tim,r=abc"), b"A1 OK welcome\r\n")]
    with pytest.raises(AuthenticationAborted, match="proved nothing"):
        run_script(session.conn, authenticate(session, mechanism, setting=nonces("abc")), script)
    with pytest.raises(LocalProtocolError):
        session.conn.send_command(Authenticate("SCRAM-SHA-1"))


def test_a_client_that_does_not_like_the_challenge_cancels() -> None:
    session = opened()
    mechanism = ScramClient("tim", "secret", "SCRAM-SHA-1")
    script = [
        (b"A1 AUTHENTICATE SCRAM-SHA-1 " + line(b"n,,n=tim,r=abc"), b"+ " + line(b"r=abcd,s=AAAA,i=700000")),
        (b"*\r\n", b"A1 BAD cancelled\r\n"),
    ]
    with pytest.raises(AuthenticationAborted, match="expected 4096 to 600000 iterations, got 700000"):
        run_script(session.conn, authenticate(session, mechanism, setting=nonces("abc")), script)


def test_a_server_that_accepts_what_was_cancelled_is_left() -> None:
    """It "MUST reject the AUTHENTICATE command by sending a tagged BAD response" (RFC 3501 section 6.2.2)."""
    session = opened()
    mechanism = ScramClient("tim", "secret", "SCRAM-SHA-1")
    script = [
        (b"A1 AUTHENTICATE SCRAM-SHA-1 " + line(b"n,,n=tim,r=abc"), b"+ " + line(b"r=abcd,s=AAAA,i=4096")),
        (None, b"+ " + line(b"v=" + b64encode(bytes(20)))),
        (b"*\r\n", b"A1 OK welcome\r\n"),
    ]
    with pytest.raises(AuthenticationAborted, match="does not know the password either"):
        run_script(session.conn, authenticate(session, mechanism, setting=nonces("abc")), script)
    assert session.conn.wants is Wants.CLOSED


def test_a_token_needs_a_mechanism() -> None:
    session = opened(b"AUTH=SCRAM-SHA-1")
    with pytest.raises(LocalProtocolError, match="AUTHENTICATE: expected one of OAUTHBEARER, XOAUTH2"):
        run_script(session.conn, login(session, "tim", token="t0ken"), [])
    with pytest.raises(LocalProtocolError, match="expected one of XOAUTH2"):
        run_script(session.conn, authenticate(session, XOAuth2Client("tim", "x")), [])


def test_secrets_do_not_show_in_the_service() -> None:
    service = Service(sessions=lambda identity: None, authenticator=USERS, entropy=lambda size: b"s" * size)
    assert "ssss" not in repr(service)
    assert service.secret is not None
    assert service.secret.reveal() == b"s" * 32
