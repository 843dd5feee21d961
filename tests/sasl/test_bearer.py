from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.errors import Denial, LocalProtocolError, OAuthFailure
from mailproto.sasl import (
    Accepted,
    AuthenticationAborted,
    Challenge,
    Need,
    OAuthBearerClient,
    OAuthBearerServer,
    PasswordAuthenticator,
    Refused,
    Secret,
    Setting,
    VerifyToken,
    XOAuth2Client,
    XOAuth2Server,
)
from mailproto.sasl._bearer import parse_failure, serialize_failure
from support_sasl import exchange, setting

TOKEN = "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="
USER = "user@example.com"
IMAP = Setting(host="server.example.com", port=143)

# RFC 7628 section 4.1, and what section 3.1 allows.
OAUTHBEARER = {
    "IMAP": (
        (USER, IMAP),
        b"n,a=user@example.com,\1host=server.example.com\1port=143\1auth=Bearer %b\1\1" % TOKEN.encode(),
    ),
    "without host": ((USER, Setting()), b"n,a=user@example.com,\1auth=Bearer %b\1\1" % TOKEN.encode()),
    "without user": ((None, Setting()), b"n,,\1auth=Bearer %b\1\1" % TOKEN.encode()),
    "escaped": (("a=b,c", Setting()), b"n,a=a=3Db=2Cc,\1auth=Bearer %b\1\1" % TOKEN.encode()),
}


@pytest.mark.parametrize("arguments, message", OAUTHBEARER.values(), ids=OAUTHBEARER)
def test_oauthbearer_at_both_ends(arguments: tuple[str | None, Setting], message: bytes) -> None:
    user, where = arguments
    client = OAuthBearerClient(user, TOKEN)
    assert client.initial_response(where) == message
    client.finish()
    request = VerifyToken(token=Secret(TOKEN), authzid=user, host=where.host, port=where.port)
    assert OAuthBearerServer().step(message) == Need(request)


# RFC 7628 section 4: "Bearer" in any case, an empty token, unknown keys.
READ = {
    "case": (b"n,,\1auth=bEARER abc\1\1", VerifyToken(token=Secret("abc"))),
    "no token": (b"n,,\1auth=\1\1", VerifyToken(token=Secret(""))),
    "an empty one": (b"n,,\1auth=Bearer \1\1", VerifyToken(token=Secret(""))),
    "unknown key": (b"n,,\1x=y=z\1auth=Bearer abc\1\1", VerifyToken(token=Secret("abc"))),
    "no port": (b"n,,\1port=x\1auth=Bearer abc\1\1", VerifyToken(token=Secret("abc"))),
    "long port": (b"n,,\1port=999999\1auth=Bearer abc\1\1", VerifyToken(token=Secret("abc"))),
}
NOT_READ = {
    "empty": b"",
    "header alone": b"n,,",
    "no pairs": b"n,,\1\1",
    "no auth": b"n,,\1host=x\1\1",
    "another scheme": b"n,,\1auth=Basic abc\1\1",
    "a token with a space": b"n,,\1auth=Bearer a b\1\1",
    "not ended": b"n,,\1auth=Bearer abc\1",
    "more behind": b"n,,\1auth=Bearer abc\1\1x",
    "no key": b"n,,\1abc\1\1",
    "binding": b"p=tls-unique,,\1auth=Bearer abc\1\1",
    "not UTF-8": b"n,a=\xff,\1auth=Bearer abc\1\1",
}


@pytest.mark.parametrize("message, request_", READ.values(), ids=READ)
def test_what_a_server_reads(message: bytes, request_: VerifyToken) -> None:
    assert OAuthBearerServer().step(message) == Need(request_)


@pytest.mark.parametrize("message", NOT_READ.values(), ids=NOT_READ)
def test_what_a_server_does_not_read(message: bytes) -> None:
    step = OAuthBearerServer().step(message)
    assert step == Refused("expected a message with a bearer token", data=b'{"status":"invalid_request"}')


def test_xoauth2_at_both_ends() -> None:
    """The example of Google's document."""
    message = b"user=someuser@example.com\1auth=Bearer ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg\1\1"
    token = "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg"
    assert XOAuth2Client("someuser@example.com", token).initial_response() == message
    assert XOAuth2Server().step(message) == Need(
        VerifyToken(token=Secret(token), authzid="someuser@example.com")
    )


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"user=\1auth=Bearer a\1\1",
        b"user=a\1auth=Bearer a\1",
        b"user=a\1auth=Basic a\1\1",
        b"\xff",
        b"auth=Bearer a\1\1",
    ],
    ids=repr,
)
def test_what_xoauth2_does_not_read(message: bytes) -> None:
    assert isinstance(XOAuth2Server().step(message), Refused)


@pytest.mark.parametrize("make", [OAuthBearerServer, XOAuth2Server])
def test_without_initial_response(make: type[OAuthBearerServer] | type[XOAuth2Server]) -> None:
    assert make().step(None) == Challenge(b"")


# RFC 7628 sections 3.2.2 and 4.3
FAILURE = OAuthFailure("invalid_token", "example_scope", "https://example.com/.well-known/openid-config")
JSON = (
    b'{"status":"invalid_token","scope":"example_scope",'
    b'"openid-configuration":"https://example.com/.well-known/openid-config"}'
)
FAILURES = {
    "all": (FAILURE, JSON),
    "status": (OAuthFailure("401"), b'{"status":"401"}'),
    "none": (OAuthFailure(), b"{}"),
}
MALFORMED = {
    "empty": b"",
    "no JSON": b"sorry",
    "a list": b"[1]",
    "no texts": b'{"status":1,"scope":null,"openid-configuration":[]}',
    "not UTF-8": b'{"status":"\xff"}',
    "deep": b"[" * 9_000,
    "deep object": b'{"status":' * 5_000,
}


@pytest.mark.parametrize("failure, octets", FAILURES.values(), ids=FAILURES)
def test_failures(failure: OAuthFailure, octets: bytes) -> None:
    assert serialize_failure(failure) == octets
    assert parse_failure(octets) == failure
    assert (
        parse_failure(b'{"schemes":"bearer", ' + octets[1:].lstrip() if len(octets) > 2 else octets)
        == failure
    )


@pytest.mark.parametrize("octets", MALFORMED.values(), ids=MALFORMED)
def test_a_failure_that_cannot_be_read(octets: bytes) -> None:
    assert parse_failure(octets) == OAuthFailure()


def check(request: VerifyToken) -> object:
    answers = {
        TOKEN: request.authzid or "whoever the token says",
        "": OAuthFailure(scope="mail"),
        "old": FAILURE,
        "later": Denial.UNAVAILABLE,
    }
    return answers.get(request.token.reveal())


USERS = PasswordAuthenticator({}, tokens=check)


@pytest.mark.parametrize("token, failure", [("old", FAILURE), ("wrong", None), ("later", None)])
def test_refusals_say_why(token: str, failure: OAuthFailure | None) -> None:
    for client, server, status, farewell in (
        (OAuthBearerClient(USER, token), OAuthBearerServer(), "invalid_token", b"\1"),
        (XOAuth2Client(USER, token), XOAuth2Server(), "401", b""),
    ):
        outcome = exchange(client, server, USERS, setting())
        assert isinstance(outcome, Refused)
        assert outcome.denial is (Denial.UNAVAILABLE if token == "later" else Denial.CREDENTIALS)
        assert client.failure == (failure or OAuthFailure(status))
        with pytest.raises(AuthenticationAborted):
            client.respond(b"")
        client.initial_response()
        assert client.respond(b"{}") == farewell
        assert client.failure == OAuthFailure()


@pytest.mark.parametrize("make", [OAuthBearerClient, XOAuth2Client])
def test_accepted(make: type[OAuthBearerClient] | type[XOAuth2Client]) -> None:
    server = OAuthBearerServer() if make is OAuthBearerClient else XOAuth2Server()
    assert exchange(make(USER, Secret(TOKEN)), server, USERS, setting()) == Accepted(USER, USER)


def test_the_token_says_who_it_is() -> None:
    outcome = exchange(OAuthBearerClient(None, TOKEN), OAuthBearerServer(), USERS, setting())
    assert outcome == Accepted("whoever the token says", "")


def test_a_client_that_asks_what_is_needed() -> None:
    server = OAuthBearerServer()
    step = server.step(b"n,,\1auth=\1\1")
    assert isinstance(step, Need)
    assert server.resume(USERS.answer(step.request)) == Refused(
        "the token was not accepted", data=b'{"status":"invalid_token","scope":"mail"}'
    )


@pytest.mark.parametrize("make", [OAuthBearerClient, XOAuth2Client])
def test_clients_refuse(make: type[OAuthBearerClient] | type[XOAuth2Client]) -> None:
    for token in ("", "a b", "a\r\nb", "a\1", "ä", "a\0"):
        with pytest.raises(LocalProtocolError, match="token: expected") as caught:
            make(USER, token)
        assert not token or token not in str(caught.value)
    for user in ("", "a\1auth=x", "a\0b", "\udc80"):
        with pytest.raises(LocalProtocolError, match="authzid"):
            make(user, TOKEN)


def test_tokens_are_not_shown() -> None:
    for client in (OAuthBearerClient(USER, TOKEN), XOAuth2Client(USER, TOKEN)):
        step = OAuthBearerServer().step(client.initial_response())
        assert TOKEN not in repr(client) + repr(vars(client)) + repr(step)


@given(st.binary(max_size=60))
def test_random_octets(message: bytes) -> None:
    for server in (OAuthBearerServer(), XOAuth2Server()):
        assert isinstance(server.step(message), Need | Refused)


@given(st.binary(max_size=60))
def test_random_failures(octets: bytes) -> None:
    assert isinstance(parse_failure(octets), OAuthFailure)
