from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailproto.errors import Denial, LocalProtocolError
from mailproto.limits import SASLLimits
from mailproto.sasl import (
    BINDINGS,
    SCRAM_MECHANISMS,
    Accepted,
    AuthenticationAborted,
    Authorize,
    Challenge,
    Credentials,
    Need,
    NoVerifier,
    PasswordAuthenticator,
    Refused,
    ScramClient,
    ScramServer,
    ScramVerifier,
    Secret,
    Setting,
    Stored,
)
from mailproto.sasl.scram import binding_of
from mailproto.sasl.verifier import made_up_octets
from support_sasl import SECRET, FakeChannel, answered, exchange, nonces, setting

HASHES = {"SCRAM-SHA-1": "sha1", "SCRAM-SHA-256": "sha256", "SCRAM-SHA-512": "sha512"}
USERS: dict[str, Stored] = {"user": "pencil", "jürgen": Secret("I\u00adX"), "a=b,c": "x"}
BOUND = FakeChannel(channel_bindings={"tls-unique": b"\0\xffunique", "tls-server-end-point": b"hash"})


def independent(mechanism: str, client_first: str, server_first: str, binding: bytes) -> tuple[bytes, bytes]:
    """Return client-final-message and server-final-message for the password "pencil", by the formulas."""
    name = HASHES[mechanism]

    def mac(key: bytes, data: bytes) -> bytes:
        return hmac.new(key, data, name).digest()

    fields = dict(field.split("=", 1) for field in server_first.split(","))
    salted = hashlib.pbkdf2_hmac(name, b"pencil", base64.b64decode(fields["s"]), int(fields["i"]))
    key = mac(salted, b"Client Key")
    without_proof = f"c={base64.b64encode(binding).decode()},r={fields['r']}"
    message = f"{client_first},{server_first},{without_proof}".encode()
    signature = mac(hashlib.new(name, key).digest(), message)
    proof = bytes(one ^ other for one, other in zip(key, signature, strict=True))
    final = f"{without_proof},p={base64.b64encode(proof).decode()}".encode()
    return final, b"v=" + base64.b64encode(mac(mac(salted, b"Server Key"), message))


# RFC 5802 section 5 and RFC 7677 section 3, with the nonces of client and server, salt, proof, signature.
VECTORS = {
    "SCRAM-SHA-1": (
        "fyko+d2lbbFgONRv9qkxdawL",
        "3rfcNHYJY1ZVvWVs7j",
        "QSXCR+Q6sek8bf92",
        "v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
        "rmF9pqV8S7suAoZWja4dJRkFsKQ=",
    ),
    "SCRAM-SHA-256": (
        "rOprNGfwEbeRWgbNEkqO",
        "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
        "W22ZaJ0SNY7soEsUEjb6gQ==",
        "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
        "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
    ),
}
NONCE, SERVER_NONCE = VECTORS["SCRAM-SHA-1"][:2]


@pytest.mark.parametrize("mechanism", VECTORS)
def test_the_examples_of_the_rfcs(mechanism: str) -> None:
    nonce, server_nonce, salt, proof, signature = VECTORS[mechanism]
    first = f"n=user,r={nonce}"
    challenge = f"r={nonce}{server_nonce},s={salt},i=4096".encode()
    final = f"c=biws,r={nonce}{server_nonce},p={proof}".encode()
    client = ScramClient("user", "pencil", mechanism)
    assert client.initial_response(nonces(nonce)) == f"n,,{first}".encode()
    assert client.respond(challenge) == final
    assert client.respond(f"v={signature}".encode()) == b""
    client.finish()

    server = ScramServer(mechanism, nonces(server_nonce))
    verifier = ScramVerifier.of_password(
        "pencil", salt=base64.b64decode(salt), mechanism=mechanism, iterations=4096
    )
    assert server.step(f"n,,{first}".encode()) == Need(Credentials("user", mechanism))
    assert server.resume(verifier) == Challenge(challenge)
    assert server.step(final) == Need(Authorize("user"))
    assert server.resume("user") == Accepted("user", "user", f"v={signature}".encode())
    assert independent(mechanism, first, challenge.decode(), b"n,,") == (final, f"v={signature}".encode())


@pytest.mark.parametrize("mechanism", HASHES)
@pytest.mark.parametrize("plus", ["", "-PLUS"])
def test_against_an_implementation_of_the_formulas(mechanism: str, plus: str) -> None:
    where = nonces(NONCE, channel=BOUND if plus else None)
    client = ScramClient("user", "pencil", mechanism + plus, authzid="else")
    header = "p=tls-unique,a=else," if plus else "n,a=else,"
    assert client.initial_response(where) == f"{header}n=user,r={NONCE}".encode()
    challenge = f"r={NONCE}{SERVER_NONCE},s=QSXCR+Q6sek8bf92,i=5000"
    binding = header.encode() + (b"\0\xffunique" if plus else b"")
    final, proof = independent(mechanism, f"n=user,r={NONCE}", challenge, binding)
    assert client.respond(challenge.encode()) == final
    assert client.respond(proof) == b""
    client.finish()


@pytest.mark.parametrize("mechanism", SCRAM_MECHANISMS)
@pytest.mark.parametrize("user, password", [("user", "pencil"), ("ju\u0308rgen", "\u2168"), ("a=b,c", "x")])
def test_both_ends(mechanism: str, user: str, password: str) -> None:
    client = ScramClient(user, password, mechanism)
    where = setting(BOUND, *SCRAM_MECHANISMS)
    name = "jürgen" if user.startswith("j") else user
    for _ in range(2):
        server = ScramServer(mechanism, where)
        outcome = exchange(client, server, PasswordAuthenticator(USERS), where)
        assert isinstance(outcome, Accepted)
        assert (outcome.identity, outcome.authcid) == (name, name)


texts = st.text(st.characters(codec="ascii", categories=("L", "N", "P", "S", "Zs")), min_size=1, max_size=20)


@settings(max_examples=25, deadline=None)
@given(texts, texts, texts, st.sampled_from(SCRAM_MECHANISMS))
def test_any_name_and_password(user: str, password: str, wrong: str, mechanism: str) -> None:
    where = setting(BOUND, *SCRAM_MECHANISMS)
    users = PasswordAuthenticator({user: password})
    outcome = exchange(ScramClient(user, password, mechanism), ScramServer(mechanism, where), users, where)
    assert isinstance(outcome, Accepted)
    if wrong != password:
        client = ScramClient(user, wrong, mechanism)
        outcome = exchange(client, ScramServer(mechanism, where), users, where)
        assert outcome == Refused("the password is not right")


SERVER_FIRST = f"r={NONCE}{SERVER_NONCE},s=QSXCR+Q6sek8bf92,i=4096"


def begun(limits: SASLLimits | None = None) -> ScramClient:
    client = ScramClient("user", "pencil", "SCRAM-SHA-1", limits=limits)
    client.initial_response(nonces(NONCE))
    return client


CHALLENGES = {
    "extension": (SERVER_FIRST + ",x=y,z=ä", True),
    "empty": ("", False),
    "mandatory extension": ("m=x," + SERVER_FIRST, False),
    "mandatory extension behind": (SERVER_FIRST + ",m=x", False),
    "another nonce": (SERVER_FIRST.replace("fyko", "fykO"), False),
    "our nonce alone": (f"r={NONCE},s=QSXCR+Q6sek8bf92,i=4096", False),
    "no salt": (SERVER_FIRST.replace("QSXCR+Q6sek8bf92", ""), False),
    "salt without padding": (SERVER_FIRST.replace("bf92", "bf9"), False),
    "few iterations": (SERVER_FIRST.replace("4096", "4095"), False),
    "no iterations": (SERVER_FIRST.replace("4096", "0"), False),
    "leading zero": (SERVER_FIRST.replace("4096", "04096"), False),
    "many iterations": (SERVER_FIRST.replace("4096", "600001"), False),
    "a number without end": (SERVER_FIRST.replace("4096", "9" * 5000), False),
    "order": (f"s=QSXCR+Q6sek8bf92,r={NONCE}{SERVER_NONCE},i=4096", False),
    "line end": (SERVER_FIRST + "\n", False),
    "empty extension": (SERVER_FIRST + ",x=", False),
    "the last message first": ("v=rmF9pqV8S7suAoZWja4dJRkFsKQ=", False),
}


@pytest.mark.parametrize("challenge, is_right", CHALLENGES.values(), ids=CHALLENGES)
def test_what_a_client_takes_as_server_first_message(challenge: str, is_right: bool) -> None:
    client = begun()
    if is_right:
        assert client.respond(challenge.encode()).startswith(b"c=biws,")
        return
    with pytest.raises(AuthenticationAborted):
        client.respond(challenge.encode())


def test_the_limits_can_be_set() -> None:
    challenge = SERVER_FIRST.replace("4096", "100").encode()
    assert begun(SASLLimits(min_iterations=100)).respond(challenge).startswith(b"c=biws,")
    with pytest.raises(AuthenticationAborted, match="expected 50 to 99 iterations, got 100"):
        begun(SASLLimits(min_iterations=50, max_iterations=99)).respond(challenge)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"v=",
        b"v=AAAA",
        b"v=rmF9pqV8S7suAoZWja4dJRkFsKE=",
        b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=,m=x",
        b"\xff",
    ],
    ids=repr,
)
def test_a_server_that_does_not_prove_itself(message: bytes) -> None:
    client = begun()
    client.respond(SERVER_FIRST.encode())
    with pytest.raises(AuthenticationAborted):
        client.respond(message)
    with pytest.raises(AuthenticationAborted, match="proved nothing"):
        client.finish()


def test_a_server_that_accepts_too_early_or_says_too_much() -> None:
    for messages in ((), (SERVER_FIRST,)):
        client = begun()
        for message in messages:
            client.respond(message.encode())
        with pytest.raises(AuthenticationAborted, match="proved nothing"):
            client.finish()
    client = begun()
    for said in (SERVER_FIRST.encode(), b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ="):
        client.respond(said)
    with pytest.raises(AuthenticationAborted, match="no further challenge"):
        client.respond(b"")


@pytest.mark.parametrize("steps", [0, 1])
def test_an_error_of_the_server(steps: int) -> None:
    client = begun()
    for _ in range(steps):
        client.respond(SERVER_FIRST.encode())
    assert client.respond(b"e=unknown-user,x=y") == b""
    assert client.server_error == "unknown-user"
    assert client.note == "SCRAM-SHA-1: the server says 'unknown-user'"
    with pytest.raises(AuthenticationAborted, match="proved nothing"):
        client.finish()
    with pytest.raises(AuthenticationAborted, match="no further challenge"):
        client.respond(SERVER_FIRST.encode())
    client.initial_response(nonces(NONCE))
    assert client.server_error is None


CLIENT_FIRSTS: dict[str, tuple[bytes, str | None]] = {
    "plain": (b"n,,n=user,r=abc", None),
    "extension": (b"n,,n=user,r=abc,x=y", None),
    "escaped": (b"n,,n=us=3Der=2C,r=abc", None),
    "empty": (b"", "invalid-encoding"),
    "not UTF-8": (b"n,,n=\xff,r=abc", "invalid-encoding"),
    "no header": (b"n=user,r=abc", "invalid-encoding"),
    "unknown flag": (b"x,,n=user,r=abc", "invalid-encoding"),
    "no name": (b"n,,n=,r=abc", "invalid-encoding"),
    "wrong escape": (b"n,,n=us=2Der,r=abc", "invalid-encoding"),
    "no nonce": (b"n,,n=user,r=", "invalid-encoding"),
    "nonce with a space": (b"n,,n=user,r=a b", "invalid-encoding"),
    "mandatory extension": (b"n,,m=x,n=user,r=abc", "extensions-not-supported"),
    "mandatory extension behind": (b"n,,n=user,r=abc,m=x", "invalid-encoding"),
    "name of nothing": (b"n,,n=\xc2\xad,r=abc", "invalid-username-encoding"),
    "prohibited name": (b"n,,n=\xee\x80\x80,r=abc", "invalid-username-encoding"),
    "binding without PLUS": (b"p=tls-unique,,n=user,r=abc", "channel-binding-not-supported"),
}


@pytest.mark.parametrize("message, error", CLIENT_FIRSTS.values(), ids=CLIENT_FIRSTS)
def test_what_a_server_takes_as_client_first_message(message: bytes, error: str | None) -> None:
    step = ScramServer("SCRAM-SHA-256", setting()).step(message)
    if error is None:
        assert isinstance(step, Need)
    else:
        assert isinstance(step, Refused)
        assert step.data == b"e=" + error.encode()


def test_a_server_asks_for_the_first_message() -> None:
    server = ScramServer("SCRAM-SHA-256", setting())
    assert server.step(None) == Challenge(b"")
    assert isinstance(server.step(b"n,,n=user,r=abc"), Need)


def final_of(change: Callable[[bytes], bytes], password: str = "pencil") -> Refused | Accepted:
    """Return the outcome if the client's last message is changed."""
    where = setting()
    return exchange(
        ScramClient("user", password),
        ScramServer("SCRAM-SHA-256", where),
        PasswordAuthenticator(USERS),
        where,
        tamper=lambda number, message: change(message) if number == 2 else message,
    )


FINALS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda message: b"", "invalid-encoding"),
    "not UTF-8": (lambda message: b"\xff", "invalid-encoding"),
    "no proof": (lambda message: message.partition(b",p=")[0], "invalid-encoding"),
    "empty proof": (lambda message: message.partition(b",p=")[0] + b",p=", "invalid-encoding"),
    "proof without padding": (lambda message: message.rstrip(b"="), "invalid-encoding"),
    "short proof": (lambda message: message.partition(b",p=")[0] + b",p=AAAA", ""),
    "proof of another": (lambda message: message[:-20] + b"AAAAAAAAAAAAAAAAAAA=", ""),
    "extension that is not proved": (lambda message: message.replace(b",p=", b",x=y,p="), ""),
    "mandatory extension": (lambda message: message.replace(b",p=", b",m=y,p="), "invalid-encoding"),
    "another nonce": (lambda message: message.replace(b",r=", b",r=x"), "other-error"),
    "another header": (lambda message: message.replace(b"biws", b"eSws"), "channel-bindings-dont-match"),
}


@pytest.mark.parametrize("change, error", FINALS.values(), ids=FINALS)
def test_what_a_server_refuses_as_client_final_message(change: Callable[[bytes], bytes], error: str) -> None:
    outcome = final_of(change)
    assert isinstance(outcome, Refused)
    assert outcome.denial is Denial.CREDENTIALS
    assert outcome.data == (b"e=" + error.encode() if error else None)


# Channel binding (RFC 5802 section 6).

UNIQUE = FakeChannel(channel_bindings={"tls-unique": b"unique"})
EXPORTER = FakeChannel(channel_bindings={"tls-exporter": b"exported", "tls-server-end-point": b"hash"})
END_POINT = FakeChannel(channel_bindings={"tls-server-end-point": b"hash", "tls-other": b"x"})
NO_BINDING = FakeChannel(channel_bindings={"tls-other": b"x", "tls-unique": b""})

FLAGS = {
    "no TLS": (None, ("SCRAM-SHA-256",), "SCRAM-SHA-256", "n"),
    "no binding": (NO_BINDING, ("SCRAM-SHA-256",), "SCRAM-SHA-256", "n"),
    "hidden from us, or not there": (UNIQUE, ("SCRAM-SHA-256",), "SCRAM-SHA-256", "y"),
    "we were told to do without": (UNIQUE, ("SCRAM-SHA-256-PLUS",), "SCRAM-SHA-256", "n"),
    "up to TLS 1.2": (UNIQUE, (), "SCRAM-SHA-256-PLUS", "p=tls-unique"),
    "from TLS 1.3 on": (EXPORTER, (), "SCRAM-SHA-256-PLUS", "p=tls-exporter"),
    "what Python has": (END_POINT, (), "SCRAM-SHA-256-PLUS", "p=tls-server-end-point"),
}


@pytest.mark.parametrize("channel, offered, mechanism, flag", FLAGS.values(), ids=FLAGS)
def test_the_flag_of_a_client(
    channel: FakeChannel | None, offered: tuple[str, ...], mechanism: str, flag: str
) -> None:
    where = setting(channel, *offered)
    first = ScramClient("user", "pencil", mechanism).initial_response(where)
    assert first is not None
    assert first.startswith(flag.encode() + b",,n=user,r=")


def test_a_binding_that_the_server_may_not_know_is_noted() -> None:
    notes = []
    for channel in (EXPORTER, END_POINT):
        client = ScramClient("user", "pencil", "SCRAM-SHA-1-PLUS")
        client.initial_response(setting(channel))
        notes.append(client.note)
    assert notes == [
        None,
        "SCRAM-SHA-1-PLUS: a server need not know tls-server-end-point; see channel_binding",
    ]


def test_the_order_of_the_bindings() -> None:
    assert BINDINGS == ("tls-unique", "tls-exporter", "tls-server-end-point")
    assert binding_of({}) is None


@pytest.mark.parametrize("channel", [None, NO_BINDING])
def test_plus_needs_a_binding(channel: FakeChannel | None) -> None:
    with pytest.raises(LocalProtocolError, match="no binding"):
        ScramClient("user", "pencil", "SCRAM-SHA-1-PLUS").initial_response(setting(channel))


def test_randomness_is_needed() -> None:
    with pytest.raises(LocalProtocolError, match="entropy"):
        ScramClient("user", "pencil").initial_response(Setting())


@pytest.mark.parametrize("name", BINDINGS)
def test_a_relayed_exchange_is_refused(name: str) -> None:
    """Somebody in the middle has a TLS connection with each end, so the bindings differ."""
    client_side = setting(FakeChannel(channel_bindings={name: b"one"}), "SCRAM-SHA-256-PLUS")
    server_side = setting(FakeChannel(channel_bindings={name: b"other"}), "SCRAM-SHA-256-PLUS")
    client, server = (
        ScramClient("user", "pencil", "SCRAM-SHA-256-PLUS"),
        ScramServer("SCRAM-SHA-256-PLUS", server_side),
    )
    outcome = exchange(client, server, PasswordAuthenticator(USERS), client_side)
    assert isinstance(outcome, Refused)
    assert client.server_error == "channel-bindings-dont-match"


DOWNGRADES = {
    "PLUS was taken out of the offer": (b"y,,", "SCRAM-SHA-256", "server-does-support-channel-binding"),
    "PLUS without a binding": (b"n,,", "SCRAM-SHA-256-PLUS", "other-error"),
    "PLUS and y": (b"y,,", "SCRAM-SHA-256-PLUS", "other-error"),
    "unknown binding": (b"p=tls-new,,", "SCRAM-SHA-256-PLUS", "unsupported-channel-binding-type"),
    "binding that is not there": (
        b"p=tls-exporter,,",
        "SCRAM-SHA-256-PLUS",
        "unsupported-channel-binding-type",
    ),
}


@pytest.mark.parametrize("header, mechanism, error", DOWNGRADES.values(), ids=DOWNGRADES)
def test_a_downgrade_is_refused(header: bytes, mechanism: str, error: str) -> None:
    server = ScramServer(mechanism, setting(UNIQUE, "SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"))
    step = server.step(header + b"n=user,r=abc")
    assert isinstance(step, Refused)
    assert step.data == b"e=" + error.encode()


def test_a_server_that_offers_no_binding_takes_y() -> None:
    server = ScramServer("SCRAM-SHA-256", setting(UNIQUE, "SCRAM-SHA-256"))
    assert isinstance(server.step(b"y,,n=user,r=abc"), Need)


# Users.


def test_a_verifier_is_enough() -> None:
    where = setting()
    for mechanism in HASHES:
        verifier = ScramVerifier.of_password("pencil", salt=b"0123456789abcdef", mechanism=mechanism)
        users = PasswordAuthenticator({"user": verifier})
        for password, kind in (("pencil", Accepted), ("Pencil", Refused)):
            client, server = ScramClient("user", password, mechanism), ScramServer(mechanism, where)
            assert isinstance(exchange(client, server, users, where), kind)
        other = next(name for name in HASHES if name != mechanism)
        outcome = exchange(ScramClient("user", "pencil", other), ScramServer(other, where), users, where)
        assert isinstance(outcome, Refused)


VERIFIER = ScramVerifier.of_password("pencil", salt=b"0123456789", iterations=5_000)
STORES: dict[str, dict[str, Stored]] = {
    "passwords": {"user": "pencil"},
    "verifiers": {"user": VERIFIER},
}


@pytest.mark.parametrize("secret", [None, b"kept over a restart"])
@pytest.mark.parametrize("users", STORES.values(), ids=STORES)
def test_an_unknown_user_is_treated_alike(
    users: dict[str, Stored], secret: bytes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    authenticator = PasswordAuthenticator(users, secret=secret)
    work: list[int] = []
    derive = hashlib.pbkdf2_hmac
    challenges, outcomes, effort = [], [], []
    for name in ("user", "nobody", "nobody"):
        server = ScramServer("SCRAM-SHA-256", nonces("server"))
        work.clear()

        def count(*arguments: Any) -> bytes:
            work.append(arguments[3])
            return derive(*arguments)

        with monkeypatch.context() as patch:
            patch.setattr(hashlib, "pbkdf2_hmac", count)
            step = answered(server, server.step(b"n,,n=%b,r=client" % name.encode()), authenticator)
        assert isinstance(step, Challenge)
        fields = dict(field.split("=", 1) for field in step.data.decode().split(","))
        challenges.append((len(base64.b64decode(fields["s"])), fields["i"], fields["r"]))
        effort.append(list(work))
        final = f"c=biws,r={fields['r']},p={'A' * 43}=".encode()
        outcomes.append((step.data, answered(server, server.step(final), authenticator)))
    assert challenges[0] == challenges[1] == challenges[2]
    assert effort[0] == effort[1]
    assert outcomes[1] == outcomes[2]
    assert outcomes[0][0] != outcomes[1][0]
    assert {repr(outcome) for _, outcome in outcomes} == {repr(Refused("the password is not right"))}


def test_nobody_knows_the_password_of_a_user_who_does_not_exist() -> None:
    """Not even somebody who can make up the same verifier."""
    server = ScramServer("SCRAM-SHA-256", nonces("server"))
    server.step(b"n,,n=nobody,r=client")
    made_up = NoVerifier().made_up("SCRAM-SHA-256", "nobody", SECRET)
    step = server.resume(NoVerifier())
    assert isinstance(step, Challenge)
    without_proof = "c=biws,r=clientserver"
    message = f"n=nobody,r=client,{step.data.decode()},{without_proof}".encode()
    key = hmac.new(made_up.stored_key, message, "sha256").digest()
    proof = base64.b64encode(key).decode()
    assert isinstance(server.step(f"{without_proof},p={proof}".encode()), Refused)


def test_the_password_that_is_made_up_for_nobody_is_of_no_use() -> None:
    where = nonces("nonce")
    password = made_up_octets(SECRET, "password", "nobody").hex()
    server = ScramServer("SCRAM-SHA-256", where)
    assert exchange(ScramClient("nobody", password), server, PasswordAuthenticator(USERS), where) == Refused(
        "the password is not right"
    )


def test_acting_as_another() -> None:
    class Admins(PasswordAuthenticator):
        def answer(self, request: object) -> object:
            if isinstance(request, Authorize) and request.authzid is not None:
                return request.authzid if request.authcid == "user" else None
            return super().answer(request)  # type: ignore[arg-type]  # narrowed away

    where = setting()
    client = ScramClient("user", "pencil", authzid="a,b=c")
    outcome = exchange(client, ScramServer("SCRAM-SHA-256", where), Admins(USERS), where)
    assert isinstance(outcome, Accepted)
    assert (outcome.identity, outcome.authcid) == ("a,b=c", "user")
    outcome = exchange(client, ScramServer("SCRAM-SHA-256", where), PasswordAuthenticator(USERS), where)
    assert isinstance(outcome, Refused)
    assert (outcome.denial, outcome.data) == (Denial.AUTHORIZATION, None)


@pytest.mark.parametrize("denial", Denial)
def test_an_authenticator_may_say_why(denial: Denial) -> None:
    for when in (Credentials, Authorize):

        class Unwilling(PasswordAuthenticator):
            def answer(self, request: object, when: type = when) -> object:
                return denial if isinstance(request, when) else super().answer(request)  # type: ignore[arg-type]  # narrowed

        where = setting()
        outcome = exchange(
            ScramClient("user", "pencil"), ScramServer("SCRAM-SHA-256", where), Unwilling(USERS), where
        )
        assert isinstance(outcome, Refused)
        assert outcome.denial is denial


@pytest.mark.parametrize("answer", [1, b"pencil", "", "\ue000"], ids=ascii)
def test_a_password_that_cannot_be_used_is_as_good_as_none(answer: object) -> None:
    server = ScramServer("SCRAM-SHA-256", setting())
    server.step(b"n,,n=user,r=abc")
    assert isinstance(server.resume(answer), Challenge)


# Arguments, secrets, garbage.


@pytest.mark.parametrize("value", ["", "a\0b", "\udc80", "\ue000", "\u00ad"], ids=ascii)
def test_a_client_refuses(value: str) -> None:
    for arguments in ((value, "x"), ("x", value)):
        with pytest.raises(LocalProtocolError) as caught:
            ScramClient(*arguments)
        assert not value or value not in str(caught.value)
    with pytest.raises(LocalProtocolError, match="mechanism"):
        ScramClient("x", "x", value)
    if value in ("", "a\0b", "\udc80"):
        with pytest.raises(LocalProtocolError, match="authzid"):
            ScramClient("x", "x", authzid=value)


def test_secrets_are_not_shown() -> None:
    where = setting(UNIQUE)
    client = ScramClient("user", "pencil")
    server = ScramServer("SCRAM-SHA-256", where)
    exchange(client, server, PasswordAuthenticator(USERS), where)
    for thing in (client, server, where, PasswordAuthenticator(USERS), VERIFIER):
        for secret in ("pencil", repr(SECRET.reveal()), repr(VERIFIER.stored_key), repr(VERIFIER.server_key)):
            assert secret not in repr(thing)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 3),
    st.integers(0, 200),
    st.binary(max_size=3),
    st.sampled_from(["SCRAM-SHA-1", "SCRAM-SHA-1-PLUS"]),
)
def test_a_message_that_is_cut_or_garbled(which: int, position: int, instead: bytes, mechanism: str) -> None:
    where = setting(UNIQUE, mechanism)
    is_changed = False

    def tamper(number: int, message: bytes) -> bytes:
        nonlocal is_changed
        if number != which:
            return message
        changed = message[: position % (len(message) + 1)] + instead
        is_changed = changed != message
        return changed

    client, server = ScramClient("user", "pencil", mechanism), ScramServer(mechanism, where)
    try:
        outcome = exchange(client, server, PasswordAuthenticator(USERS), where, tamper=tamper)
    except AuthenticationAborted:
        assert is_changed
    else:
        assert isinstance(outcome, Refused if is_changed else Accepted)
