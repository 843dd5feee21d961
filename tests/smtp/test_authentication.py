"""AUTH (RFC 4954) in the flows of both ends: what mechanisms bring with them beyond names and passwords."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from mailproto.errors import Denial, LimitExceeded, LocalProtocolError, OAuthFailure, SMTPAuthenticationFailed
from mailproto.flow import TLSInfo
from mailproto.limits import SMTPLimits
from mailproto.sasl import (
    AuthenticationAborted,
    OAuthBearerClient,
    PasswordAuthenticator,
    ScramClient,
    XOAuth2Client,
)
from mailproto.smtp import Auth, Reply, SMTPClientConnection, SMTPHandler, SMTPServerConnection, SMTPSession
from mailproto.smtp.server_flow import HandlerFailed, Report, Service, serve
from mailproto.smtp.session_flows import authenticate, open_session
from mailproto.wants import Wants
from support_flows import TLS, FlowRun, run_script, run_to_end
from support_sasl import MISTAKES, Answering, Everybody, entropy, nonces, setting, unmade

USERS = PasswordAuthenticator({"tim": "secret"}, tokens=lambda request: OAuthFailure("expired", "mail"))
BOUND = TLSInfo(version="TLSv1.3", cipher="x", channel_bindings={"tls-exporter": b"exported"})


class Noting(SMTPHandler):
    def __init__(self) -> None:
        self.identity: str | None = None

    def closed(self, session: SMTPSession) -> None:
        self.identity = session.identity


def server(
    authenticator: Any = USERS,
    handler: SMTPHandler | None = None,
    tls: TLSInfo = TLS,
    report: Report | None = None,
    **limits: Any,
) -> FlowRun[None]:
    conn = SMTPServerConnection(SMTPLimits(**limits), hostname="mx.example")
    conn.tls_started()
    service = Service(handler=handler or SMTPHandler(), authenticator=authenticator, entropy=entropy())
    return FlowRun(conn, serve(conn, service, tls=tls, report=report))


def say(run: FlowRun[None], octets: bytes) -> bytes:
    run.feed(octets)
    return run.take_sent()


def greeted(*arguments: Any, **options: Any) -> FlowRun[None]:
    run = server(*arguments, **options)
    say(run, b"EHLO me\r\n")
    return run


def line(octets: bytes) -> bytes:
    return b64encode(octets) + b"\r\n"


# RFC 4954 section 6
REPLIES = {
    Denial.CREDENTIALS: b"535 5.7.8 credentials not accepted\r\n",
    Denial.AUTHORIZATION: b"535 5.7.8 not allowed to act as that user\r\n",
    Denial.EXPIRED: b"535 5.7.8 credentials have expired\r\n",
    Denial.TRANSITION: b"432 4.7.12 a password transition is needed\r\n",
    Denial.TOO_WEAK: b"534 5.7.9 mechanism is too weak\r\n",
    Denial.ENCRYPTION: b"538 5.7.11 encryption required for this mechanism\r\n",
    Denial.UNAVAILABLE: b"454 4.7.0 temporary authentication failure\r\n",
    Denial.OTHER: b"535 5.7.0 authentication failed\r\n",
}


@pytest.mark.parametrize("denial", Denial)
def test_a_denial_has_its_reply(denial: Denial) -> None:
    run = greeted(Answering(denial))
    assert say(run, b"AUTH PLAIN " + line(b"\0tim\0x")) == REPLIES[denial]


def test_what_a_server_offers() -> None:
    names = b"SCRAM-SHA-512 SCRAM-SHA-256 SCRAM-SHA-1 OAUTHBEARER XOAUTH2 PLAIN LOGIN\r\n"
    assert b"250-AUTH " + names in say(server(), b"EHLO me\r\n")
    plus = b"SCRAM-SHA-512-PLUS SCRAM-SHA-256-PLUS SCRAM-SHA-1-PLUS "
    assert b"250-AUTH " + plus + names in say(server(tls=BOUND), b"EHLO me\r\n")


def scram(run: FlowRun[None]) -> bytes:
    """Log in as tim up to the last challenge, and return it."""
    client = ScramClient("tim", "secret")
    first = client.initial_response(nonces("client"))
    assert first is not None
    challenge = say(run, b"AUTH SCRAM-SHA-256 " + line(first))
    return say(run, line(client.respond(Reply(334, (challenge[4:-2].decode(),)).challenge or b"")))


ENDS = {
    "empty": (b"\r\n", b"235 2.7.0 authenticated\r\n", "tim"),
    "empty, spelled": (b"=\r\n", b"235 2.7.0 authenticated\r\n", "tim"),
    "not empty": (b"eA==\r\n", REPLIES[Denial.CREDENTIALS], None),
    "cancelled": (b"*\r\n", b"501 5.7.0 authentication cancelled\r\n", None),
    "no base64": (b"!\r\n", b"501 5.5.2 expected base64\r\n", None),
}


@pytest.mark.parametrize("octets, answer, identity", ENDS.values(), ids=ENDS)
def test_nobody_is_logged_in_before_the_last_empty_response(
    octets: bytes, answer: bytes, identity: str | None
) -> None:
    handler = Noting()
    run = greeted(USERS, handler)
    assert scram(run).startswith(b"334 dj")
    assert say(run, octets) == answer
    say(run, b"QUIT\r\n")
    assert handler.identity == identity


AFTER_A_REASON = {
    "empty": (b"\r\n", REPLIES[Denial.CREDENTIALS]),
    "not empty": (b"eA==\r\n", REPLIES[Denial.CREDENTIALS]),
    "control-A": (line(b"\1"), REPLIES[Denial.CREDENTIALS]),
    # "it MUST reject the AUTH command by sending a 501 reply" (RFC 4954 section 4)
    "cancelled": (b"*\r\n", b"501 5.7.0 authentication cancelled\r\n"),
}


@pytest.mark.parametrize("octets, answer", AFTER_A_REASON.values(), ids=AFTER_A_REASON)
def test_a_refusal_stays_one_whatever_is_said_to_it(octets: bytes, answer: bytes) -> None:
    run = greeted(max_bad_logins=3)
    for _ in range(3):
        challenge = say(run, b"AUTH OAUTHBEARER " + line(b"n,,\1auth=Bearer x\1\1"))
        assert challenge.startswith(b"334 ")
        assert say(run, octets) == answer
    assert say(run, b"AUTH PLAIN\r\n") == b"421 4.7.0 too many failed logins\r\n"


def test_a_token_is_refused_with_its_reason() -> None:
    run = greeted()
    challenge = say(run, b"AUTH OAUTHBEARER " + line(b"n,,\1auth=Bearer x\1\1"))
    assert challenge == b"334 " + line(b'{"status":"expired","scope":"mail"}')
    assert say(run, line(b"\1")) == REPLIES[Denial.CREDENTIALS]


def test_a_line_that_is_too_long() -> None:
    run = greeted()
    say(run, b"AUTH PLAIN\r\n")
    assert say(run, b"A" * 12_287 + b"\r\n") == b"500 5.5.6 line too long\r\n"
    say(run, b"AUTH PLAIN\r\n")
    assert say(run, b"A" * 12_284 + b"\r\n") == b"535 5.7.8 credentials not accepted\r\n"
    assert say(run, b"NOOP\r\n") == b"250 2.0.0 nothing done\r\n"


FAILED = b"454 4.7.0 the login cannot be checked now, try again later\r\n"


@pytest.mark.parametrize("response", [name for name in MISTAKES if name], ids=bytes.decode)
def test_a_mechanism_that_fails_costs_one_login(response: bytes) -> None:
    reported: list[HandlerFailed] = []
    run = greeted(Everybody(), report=reported.append)
    assert say(run, b"AUTH X-OWN\r\n") == b"334 aGk=\r\n"
    assert say(run, line(response)) == FAILED
    assert len(reported) == 1
    # Nothing is left of it, least of all a login that only its last response was due to.
    assert say(run, b"AUTH X-OWN\r\n") == b"334 aGk=\r\n"
    assert say(run, b"\r\n") == FAILED


def test_so_does_one_that_cannot_be_made() -> None:
    reported: list[HandlerFailed] = []
    run = greeted(Everybody(unmade), report=reported.append)
    assert say(run, b"AUTH X-OWN\r\n") == FAILED
    assert [repr(failure.__cause__) for failure in reported] == ["KeyError('made')"]


@pytest.mark.parametrize("octets", [b"=\r\n", line(b"tim b913a602c7eda7a495b4e6e7334d3890")], ids=repr)
def test_nobody_begins_where_the_server_does(octets: bytes) -> None:
    """Of a "mechanism in which the client does not begin" an initial response is 501 (RFC 4954 section 4)."""
    run = greeted(PasswordAuthenticator({"tim": "secret"}, mechanisms=["CRAM-MD5"]))
    assert say(run, b"AUTH CRAM-MD5 " + octets) == b"501 5.7.0 the server begins this exchange\r\n"
    assert say(run, b"AUTH CRAM-MD5\r\n").startswith(b"334 ")


# The client's flow.


def client(offer: bytes = b"OAUTHBEARER XOAUTH2 SCRAM-SHA-1 PLAIN", **limits: Any) -> SMTPClientConnection:
    conn = SMTPClientConnection(SMTPLimits(**limits))
    conn.tls_started()
    script = [(b"", b"220 hi\r\n"), (b"EHLO me.example\r\n", b"250-x\r\n250 AUTH " + offer + b"\r\n")]
    run_script(conn, open_session(conn, "me.example"), script)
    return conn


def test_why_a_token_is_refused_is_on_the_error() -> None:
    """RFC 7628 section 4.4."""
    conn = client()
    failure = b'{"status":"invalid_token","schemes":"bearer mac","scope":"https://mail.example.com/"}'
    message = b"n,a=tim,\1auth=Bearer t0ken\1\1"
    with pytest.raises(SMTPAuthenticationFailed) as caught:
        run_script(
            conn,
            authenticate(conn, [OAuthBearerClient("tim", "t0ken")]),
            [
                (b"AUTH OAUTHBEARER " + line(message), b"334 " + line(failure)),
                (b"AQ==\r\n", b"535-5.7.1 not accepted\r\n535 5.7.1 http://support.example.com/\r\n"),
            ],
        )
    assert caught.value.oauth == OAuthFailure("invalid_token", "https://mail.example.com/")
    assert caught.value.reason is Denial.CREDENTIALS
    with pytest.raises(SMTPAuthenticationFailed) as caught:
        run_script(
            conn,
            authenticate(conn, [XOAuth2Client("tim", "t0ken")]),
            [
                (
                    b"AUTH XOAUTH2 " + line(b"user=tim\1auth=Bearer t0ken\1\1"),
                    b"334 " + line(b'{"status":"401"}'),
                ),
                (b"\r\n", b"535 no\r\n"),
            ],
        )
    assert caught.value.oauth == OAuthFailure("401")


def test_a_token_that_is_too_long_for_the_command_follows_it() -> None:
    conn = client()
    token = "t" * 5_000
    script = [
        (b"AUTH XOAUTH2\r\n", b"334 \r\n"),
        (line(b"user=tim\1auth=Bearer %b\1\1" % token.encode()), b"235 yes\r\n"),
    ]
    assert run_script(conn, authenticate(conn, [XOAuth2Client("tim", token)]), script).code == 235


def test_a_token_that_follows_the_command_is_shown_once() -> None:
    conn = client()
    script = [
        (b"AUTH XOAUTH2\r\n", b"334 \r\n"),
        (None, b"334 " + line(b'{"status":"401"}')),
        (b"\r\n", b"535 no\r\n"),
    ]
    with pytest.raises(SMTPAuthenticationFailed) as caught:
        run_script(conn, authenticate(conn, [XOAuth2Client("tim", "t" * 5_000)]), script)
    assert caught.value.oauth == OAuthFailure("401")


def test_a_token_that_is_too_long_for_a_line_cancels() -> None:
    conn = client()
    script = [(b"AUTH XOAUTH2\r\n", b"334 \r\n"), (b"*\r\n", b"501 cancelled\r\n")]
    with pytest.raises(LocalProtocolError, match="at most 12288 octets"):
        run_script(conn, authenticate(conn, [XOAuth2Client("tim", "t" * 10_000)]), script)


@pytest.mark.parametrize("last", [b"", b"\r\n"], ids=["unfinished", "whole"])
def test_how_long_a_challenge_may_be(last: bytes) -> None:
    conn = client()
    conn.send_command(Auth("SCRAM-SHA-1"))
    conn.receive_data(b"334 " + b"A" * 12_280 + b"\r\n")
    assert conn.next_event() is not None
    conn = client()
    conn.send_command(Auth("SCRAM-SHA-1"))
    conn.receive_data(b"334 " + b"A" * 12_285 + last)
    with pytest.raises(LimitExceeded, match="max_auth_line"):
        conn.next_event()


def test_other_replies_may_not_be_so_long() -> None:
    for command_is_auth, reply in ((True, b"535 "), (False, b"334 ")):
        conn = client()
        if command_is_auth:
            conn.send_command(Auth("SCRAM-SHA-1"))
        conn.receive_data(reply + b"A" * 5_000)
        with pytest.raises(LimitExceeded, match="max_reply_line"):
            conn.next_event()


def test_a_server_may_send_a_long_challenge() -> None:
    conn = SMTPServerConnection(hostname="mx.example", auth_mechanisms=("PLAIN",))
    conn.send_reply(Reply(220))
    conn.receive_data(b"EHLO me\r\nAUTH PLAIN\r\n")
    assert conn.next_event() is not None
    conn.send_reply(conn.ehlo_reply())
    assert conn.next_event() is not None
    conn.send_reply(Reply.of_challenge(b"x" * 9_000))
    assert len(b"".join(conn.data_to_send())) > 12_000


def test_a_server_that_proves_nothing_is_left() -> None:
    conn = client()
    mechanism = ScramClient("tim", "secret", "SCRAM-SHA-1")
    script = [(b"AUTH SCRAM-SHA-1 " + line(b"n,,n=tim,r=abc"), b"235 welcome\r\n")]
    with pytest.raises(AuthenticationAborted, match="proved nothing"):
        run_script(conn, authenticate(conn, [mechanism], setting=nonces("abc")), script)
    assert conn.next_event() is None


def test_a_client_that_does_not_like_the_challenge_cancels() -> None:
    conn = client()
    script = [
        (b"AUTH SCRAM-SHA-1 " + line(b"n,,n=tim,r=abc"), b"334 " + line(b"r=abcd,s=AAAA,i=1")),
        (b"*\r\n", b"501 cancelled\r\n"),
    ]
    mechanism = ScramClient("tim", "secret", "SCRAM-SHA-1")
    with pytest.raises(AuthenticationAborted, match="expected 4096 to 600000 iterations, got 1"):
        run_script(conn, authenticate(conn, [mechanism], setting=nonces("abc")), script)


@pytest.mark.parametrize("answer", [b"235 welcome\r\n", b"334 \r\n"], ids=repr)
def test_a_server_that_goes_on_after_a_cancel_is_left(answer: bytes) -> None:
    """It "MUST reject the AUTH command by sending a 501 reply" (RFC 4954 section 4)."""
    conn = client()
    script = [
        (b"AUTH SCRAM-SHA-1 " + line(b"n,,n=tim,r=abc"), b"334 " + line(b"r=abcd,s=AAAA,i=4096")),
        (None, b"334 " + line(b"v=" + b64encode(bytes(20)))),
        (b"*\r\n", answer),
    ]
    mechanism = ScramClient("tim", "secret", "SCRAM-SHA-1")
    with pytest.raises(AuthenticationAborted, match="does not know the password either"):
        run_script(conn, authenticate(conn, [mechanism], setting=nonces("abc")), script)
    assert conn.wants is Wants.CLOSED


@pytest.mark.parametrize("tls", [TLS, BOUND], ids=["bare", "bound"])
@pytest.mark.parametrize("password", ["secret", "wrong"])
def test_both_ends(tls: TLSInfo, password: str) -> None:
    conn = SMTPClientConnection()
    conn.tls_started()
    name = "SCRAM-SHA-256-PLUS" if tls is BOUND else "SCRAM-SHA-256"

    def session() -> Any:
        yield from open_session(conn, "me.example")
        where = setting(tls)  # type: ignore[arg-type]  # a channel
        return (yield from authenticate(conn, [ScramClient("tim", password, name)], setting=where))

    run = FlowRun(conn, session())
    if password == "secret":
        assert run_to_end(run, server(tls=tls)).code == 235
    else:
        with pytest.raises(SMTPAuthenticationFailed):
            run_to_end(run, server(tls=tls))


def test_secrets_do_not_show_in_the_service() -> None:
    service = Service(handler=SMTPHandler(), authenticator=USERS, entropy=lambda size: b"s" * size)
    assert "ssss" not in repr(service)
    assert service.secret is not None
    assert service.secret.reveal() == b"s" * 32
