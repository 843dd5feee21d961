from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from mailproto.errors import (
    ConnectionClosed,
    LocalProtocolError,
    MailProtoError,
    SMTPAuthenticationFailed,
    SMTPReplyError,
    TLSUnavailable,
)
from mailproto.sasl import AuthenticationAborted, ExternalClient, LoginClient, PlainClient
from mailproto.smtp import (
    Data,
    Noop,
    Reply,
    Rset,
    SMTPClientConnection,
    StartTLS,
    Vrfy,
)
from mailproto.smtp.session_flows import authenticate, command, exchange, open_session, quit_session
from mailproto.wants import Wants
from support_flows import END, run_script
from support_smtp import OFFER, ready_client

PLAIN = b"250 mx.example\r\n"
PIPELINING = b"250-mx.example\r\n250-PIPELINING\r\n250-SIZE 100\r\n250 8BITMIME\r\n"
GREETING = b"220 mx.example ESMTP\r\n"

Script = list[tuple[bytes | None, Any]]


class TestOpening:
    def run(self, script: Script, *, lmtp: bool = False, **arguments: Any) -> SMTPClientConnection:
        conn = SMTPClientConnection(lmtp=lmtp)
        run_script(conn, open_session(conn, "me.example", **arguments), script)
        return conn

    def test_ehlo(self) -> None:
        conn = self.run([(b"", GREETING), (b"EHLO me.example\r\n", OFFER)])
        assert conn.extensions.pipelining
        assert conn.extensions.size == 1_000_000

    def test_lhlo(self) -> None:
        assert self.run([(b"", GREETING), (b"LHLO me.example\r\n", OFFER)], lmtp=True).extensions.pipelining

    @pytest.mark.parametrize("code", [500, 501, 502, 504, 550, 554])
    def test_falls_back_to_helo(self, code: int) -> None:
        conn = self.run(
            [
                (b"", GREETING),
                (b"EHLO me.example\r\n", b"%d what?\r\n" % code),
                (b"HELO me.example\r\n", b"250-mx\r\n250 PIPELINING\r\n"),
            ],
            tls="opportunistic",
        )
        assert not conn.extensions.pipelining

    def test_no_fallback_where_tls_is_asked_for(self) -> None:
        with pytest.raises(TLSUnavailable):
            self.run([(b"", GREETING), (b"EHLO me.example\r\n", b"502 what?\r\n")], tls="starttls")

    def test_no_fallback_in_lmtp(self) -> None:
        with pytest.raises(SMTPReplyError, match="LHLO: 500 what"):
            self.run([(b"", GREETING), (b"LHLO me.example\r\n", b"500 what?\r\n")], lmtp=True)

    def test_no_fallback_from_a_transient_refusal(self) -> None:
        with pytest.raises(SMTPReplyError) as caught:
            self.run([(b"", GREETING), (b"EHLO me.example\r\n", b"451 later\r\n")])
        assert caught.value.is_transient

    def test_helo_refused_too(self) -> None:
        script: Script = [
            (b"", GREETING),
            (b"EHLO me.example\r\n", b"500 what?\r\n"),
            (b"HELO me.example\r\n", b"550 go\r\n"),
        ]
        with pytest.raises(SMTPReplyError, match="HELO: 550 go"):
            self.run(script)

    @pytest.mark.parametrize("code", [554, 521])
    @pytest.mark.parametrize("answer", [b"221 bye\r\n", b"521 I said no\r\n", END], ids=["221", "521", "end"])
    def test_refused_by_the_greeting(self, code: int, answer: Any) -> None:
        script: Script = [(b"", b"%d no mail here\r\n" % code), (b"QUIT\r\n", answer)]
        with pytest.raises(SMTPReplyError, match=f"connect: {code} no mail here") as caught:
            self.run(script)
        assert (caught.value.code, caught.value.is_transient) == (code, False)

    @pytest.mark.parametrize("greeting", [b"421 too busy\r\n", END], ids=["421", "end"])
    def test_closed_by_the_greeting(self, greeting: Any) -> None:
        with pytest.raises(ConnectionClosed):
            self.run([(b"", greeting)])

    def test_421_in_place_of_an_answer(self) -> None:
        with pytest.raises(ConnectionClosed, match="421 too busy") as caught:
            self.run([(b"", GREETING), (b"EHLO me.example\r\n", b"421 too busy\r\n")])
        cause = caught.value.__cause__
        assert isinstance(cause, SMTPReplyError)
        assert cause.code == 421


STARTTLS = b"250-mx.example\r\n250 STARTTLS\r\n"
OPEN: Script = [(b"", GREETING), (b"EHLO me.example\r\n", STARTTLS)]


class TestStartTLS:
    def run(self, script: Script, tls: str = "starttls") -> SMTPClientConnection:
        conn = SMTPClientConnection()
        run_script(conn, open_session(conn, "me.example", tls=tls, server_hostname="mx.example"), script)  # type: ignore[arg-type]  # parametrized
        return conn

    @pytest.mark.parametrize("tls", ["starttls", "opportunistic"])
    def test_upgrade(self, tls: str) -> None:
        conn = self.run(
            [*OPEN, (b"STARTTLS\r\n", b"220 go\r\n"), (b"", b"TLS"), (b"EHLO me.example\r\n", OFFER)], tls
        )
        assert conn.is_tls_active
        assert conn.extensions.auth == ("PLAIN", "LOGIN")

    def test_offered_and_not_wanted(self) -> None:
        assert not self.run(OPEN, "none").is_tls_active

    def test_not_offered(self) -> None:
        with pytest.raises(TLSUnavailable, match="does not offer"):
            self.run([(b"", GREETING), (b"EHLO me.example\r\n", PLAIN)])

    def test_not_offered_and_not_needed(self) -> None:
        script: Script = [(b"", GREETING), (b"EHLO me.example\r\n", PLAIN)]
        assert not self.run(script, "opportunistic").is_tls_active

    def test_refused(self) -> None:
        with pytest.raises(TLSUnavailable, match="454 not now"):
            self.run([*OPEN, (b"STARTTLS\r\n", b"454 not now\r\n")])

    def test_refused_and_not_needed(self) -> None:
        conn = self.run([*OPEN, (b"STARTTLS\r\n", b"454 not now\r\n")], "opportunistic")
        assert conn.extensions.start_tls
        assert not conn.is_tls_active

    def test_injection_ends_the_session(self) -> None:
        conn = SMTPClientConnection()
        with pytest.raises(MailProtoError, match="in the clear"):
            run_script(
                conn,
                open_session(conn, "me.example", tls="opportunistic"),
                [*OPEN, (b"STARTTLS\r\n", b"220 go\r\n250 injected\r\n")],
            )
        assert conn.wants is Wants.CLOSED

    def test_ehlo_refused_behind_tls(self) -> None:
        with pytest.raises(TLSUnavailable):
            self.run(
                [
                    *OPEN,
                    (b"STARTTLS\r\n", b"220 go\r\n"),
                    (b"", b"TLS"),
                    (b"EHLO me.example\r\n", b"500 no\r\n"),
                ]
            )


class TestCommands:
    def test_positive(self) -> None:
        conn = ready_client()
        assert run_script(conn, command(conn, Noop()), [(b"NOOP\r\n", b"250 fine\r\n")]) == Reply(
            250, ("fine",)
        )

    @pytest.mark.parametrize("answer", [b"550 no\r\n", b"450 no\r\n"])
    def test_negative(self, answer: bytes) -> None:
        conn = ready_client()
        with pytest.raises(SMTPReplyError, match=r"VRFY: .50 no"):
            run_script(conn, command(conn, Vrfy("x")), [(b"VRFY x\r\n", answer)])
        assert run_script(conn, command(conn, Rset()), [(b"RSET\r\n", b"250\r\n")]).code == 250

    def test_421_at_any_point_and_then_nothing(self) -> None:
        conn = ready_client()
        with pytest.raises(ConnectionClosed):
            run_script(conn, command(conn, Noop()), [(b"NOOP\r\n", b"421 bye\r\n")])
        with pytest.raises(LocalProtocolError):
            run_script(conn, command(conn, Noop()), [])

    def test_lost(self) -> None:
        conn = ready_client()
        with pytest.raises(ConnectionClosed):
            run_script(conn, command(conn, Noop()), [(b"NOOP\r\n", END)])

    def test_exchange(self) -> None:
        conn = ready_client()
        assert run_script(conn, exchange(conn, Vrfy("x")), [(b"VRFY x\r\n", b"550 no\r\n")]).code == 550
        assert run_script(conn, exchange(conn, b"DATA x\r\n"), [(b"DATA x\r\n", b"501 no\r\n")]).code == 501
        two = exchange(conn, b"NOOP\r\nRSET\r\n", 2)
        assert run_script(conn, two, [(b"NOOP\r\nRSET\r\n", b"250 one\r\n250 two\r\n")]) == Reply(
            250, ("two",)
        )
        assert run_script(conn, exchange(conn, Noop()), [(b"NOOP\r\n", b"421 bye\r\n")]).code == 421

    @pytest.mark.parametrize("request_", [Data(), StartTLS()], ids=["DATA", "STARTTLS"])
    def test_exchange_refuses_what_has_its_own_flow(self, request_: Any) -> None:
        conn = ready_client()
        with pytest.raises(LocalProtocolError):
            run_script(conn, exchange(conn, request_), [])

    @pytest.mark.parametrize("answer", [b"221 bye\r\n", b"421 bye\r\n", b"500 what?\r\n", END])
    def test_quit(self, answer: Any) -> None:
        conn = ready_client()
        run_script(conn, quit_session(conn), [(b"QUIT\r\n", answer)])
        assert conn.wants is Wants.CLOSED
        run_script(conn, quit_session(conn), [])


AUTH_OFFER = b"250-mx.example\r\n250 AUTH LOGIN PLAIN EXTERNAL X-OTHER\r\n"


class TestAuthentication:
    def client(self, offer: bytes = AUTH_OFFER) -> SMTPClientConnection:
        conn = SMTPClientConnection()
        conn.tls_started()
        return ready_client(conn, offer)

    def test_strongest_common_mechanism(self) -> None:
        conn = self.client()
        flow = authenticate(conn, [ExternalClient("me"), PlainClient("tim", "x")])
        assert run_script(conn, flow, [(b"AUTH EXTERNAL bWU=\r\n", b"235 yes\r\n")]).code == 235
        assert conn.is_authenticated

    def test_one_that_is_not_offered_is_passed_over(self) -> None:
        conn = self.client(b"250-mx.example\r\n250 AUTH login\r\n")
        flow = authenticate(conn, [PlainClient("tim", "x"), LoginClient("tim", "x")])
        run_script(
            conn,
            flow,
            [
                (b"AUTH LOGIN\r\n", b"334 VXNlcm5hbWU6\r\n"),
                (b"dGlt\r\n", b"334 UGFzc3dvcmQ6\r\n"),
                (b"eA==\r\n", b"235 yes\r\n"),
            ],
        )

    def test_one_that_the_server_does_not_know_after_all(self) -> None:
        conn = self.client()
        flow = authenticate(conn, [PlainClient("tim", "x"), ExternalClient()])
        script: Script = [
            (b"AUTH PLAIN AHRpbQB4\r\n", b"504 what?\r\n"),
            (b"AUTH EXTERNAL =\r\n", b"235 yes\r\n"),
        ]
        assert run_script(conn, flow, script).code == 235

    def test_refused(self) -> None:
        conn = self.client()
        flow = authenticate(conn, [PlainClient("tim", "x"), LoginClient("tim", "x")])
        with pytest.raises(SMTPAuthenticationFailed, match="AUTH: 535 no"):
            run_script(conn, flow, [(b"AUTH PLAIN AHRpbQB4\r\n", b"535 no\r\n")])
        assert run_script(conn, command(conn, Noop()), [(b"NOOP\r\n", b"250\r\n")]).code == 250

    def test_long_initial_response_goes_behind_a_challenge(self) -> None:
        conn = self.client()
        flow = authenticate(conn, [PlainClient("tim", "x" * 400)])
        script: Script = [
            (b"AUTH PLAIN\r\n", b"334 \r\n"),
            (b64encode(b"\0tim\0" + b"x" * 400) + b"\r\n", b"235 yes\r\n"),
        ]
        assert run_script(conn, flow, script).code == 235

    @pytest.mark.parametrize("size, is_early", [(372, True), (373, False)])
    def test_a_command_has_512_octets_at_most(self, size: int, is_early: bool) -> None:
        """RFC 4954 section 4: "AUTH EXTERNAL ", 496 octets of base64, CRLF."""
        conn = self.client()
        text = b64encode(b"x" * size)
        early: Script = [(b"AUTH EXTERNAL " + text + b"\r\n", b"235 yes\r\n")]
        late: Script = [(b"AUTH EXTERNAL\r\n", b"334 \r\n"), (text + b"\r\n", b"235 yes\r\n")]
        assert (len(early[0][0] or b"") == 512) is is_early
        run_script(conn, authenticate(conn, [ExternalClient("x" * size)]), early if is_early else late)

    def test_third_prompt_cancels(self) -> None:
        conn = self.client()
        script: Script = [
            (b"AUTH LOGIN\r\n", b"334 \r\n"),
            (b"dGlt\r\n", b"334 \r\n"),
            (b"eA==\r\n", b"334 \r\n"),
            (b"*\r\n", b"501 cancelled\r\n"),
        ]
        with pytest.raises(AuthenticationAborted):
            run_script(conn, authenticate(conn, [LoginClient("tim", "x")]), script)
        assert run_script(conn, command(conn, Noop()), [(b"NOOP\r\n", b"250\r\n")]).code == 250

    def test_challenge_that_is_no_base64_cancels(self) -> None:
        conn = self.client()
        script: Script = [(b"AUTH LOGIN\r\n", b"334 Username:\r\n"), (b"*\r\n", b"501 cancelled\r\n")]
        with pytest.raises(AuthenticationAborted):
            run_script(conn, authenticate(conn, [LoginClient("tim", "x")]), script)

    def test_nothing_in_common(self) -> None:
        conn = self.client(PLAIN)
        with pytest.raises(LocalProtocolError, match="offered are none"):
            run_script(conn, authenticate(conn, [PlainClient("tim", "x")]), [])

    def test_clear_text_needs_tls(self) -> None:
        conn = ready_client(offer=AUTH_OFFER)
        with pytest.raises(LocalProtocolError, match="allow_cleartext=True"):
            run_script(conn, authenticate(conn, [PlainClient("tim", "x"), LoginClient("tim", "x")]), [])
        script: Script = [(b"AUTH EXTERNAL =\r\n", b"235 yes\r\n")]
        run_script(conn, authenticate(conn, [PlainClient("tim", "x"), ExternalClient()]), script)

    def test_clear_text_allowed(self) -> None:
        conn = ready_client(offer=AUTH_OFFER)
        script: Script = [(b"AUTH PLAIN AHRpbQB4\r\n", b"235 yes\r\n")]
        run_script(conn, authenticate(conn, [PlainClient("tim", "x")], allow_cleartext=True), script)

    def test_server_that_proves_nothing_is_left(self) -> None:
        class Doubtful(ExternalClient):
            def finish(self) -> None:
                raise AuthenticationAborted("the server has not proved itself")

        conn = self.client()
        with pytest.raises(AuthenticationAborted):
            run_script(conn, authenticate(conn, [Doubtful()]), [(b"AUTH EXTERNAL =\r\n", b"235 yes\r\n")])
        assert conn.wants is Wants.CLOSED
