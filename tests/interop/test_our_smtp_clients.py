"""Our SMTP clients, sync and asyncio, against Postfix, Exim and OpenSMTPD, and over LMTP against Dovecot."""

from __future__ import annotations

import ssl
from typing import Any

import pytest

from mailproto.errors import LocalProtocolError, SMTPAuthenticationFailed, SMTPRecipientsRefused
from mailproto.sasl import LoginClient, PlainClient
from mailproto.smtp import ENVID, NOTIFY, ORCPT, RET, Notify, OriginalRecipient, Ret
from support_arrivals import ROUTES, SAMPLES, Receiver, added_fields, unique
from support_interop import Certificate, Dovecot, fetch_all_texts
from support_mta import RunningMTA
from support_smtp_clients import connected

Receivers = dict[tuple[str, str], Receiver]

REVERSE_PATH = "a@example.net"
DOTS = SAMPLES["dots"].octets


# Name: what an MTA offers a client without TLS.
OFFERS = {
    "postfix": "PIPELINING SIZE VRFY ETRN STARTTLS ENHANCEDSTATUSCODES 8BITMIME DSN SMTPUTF8 CHUNKING",
    "exim": "SIZE 8BITMIME DSN VRFY PIPELINING PIPECONNECT AUTH CHUNKING STARTTLS PRDR SMTPUTF8 HELP",
    "opensmtpd": "8BITMIME ENHANCEDSTATUSCODES SIZE DSN HELP",
}


def test_the_offers_are_read(mta: RunningMTA, kind: str) -> None:
    with connected(f"{kind} client", mta.port) as smtp:
        assert [keyword for keyword, _ in smtp.extensions.pairs] == OFFERS[mta.name].split()
        assert smtp.extensions.size == 52_428_800
        smtp.quit()


# Name: the code of the reply to a recipient that its configuration refuses.
REFUSED = {"postfix": 554, "exim": 550, "opensmtpd": 550}


def test_one_recipient_is_refused(mta: RunningMTA, receivers: Receivers, kind: str) -> None:
    good, bad = f"{unique()}@smtp.{kind}.example", "nobody@example.org"
    with connected(f"{kind} client", mta.port) as smtp:
        result = smtp.send_message(DOTS, reverse_path=REVERSE_PATH, forward_paths=[bad, good])
        assert result.accepted == (good,)
        assert {name: reply.code for name, reply in result.refused.items()} == {bad: REFUSED[mta.name]}
        with pytest.raises(SMTPRecipientsRefused):
            smtp.send_message(DOTS, reverse_path=REVERSE_PATH, forward_paths=bad)
        assert smtp.noop().code == 250
        smtp.quit()
    receivers[kind, "smtp"].arrivals.wait(good.partition("@")[0], mta.log)


def test_many_messages_go_over_one_session(mta: RunningMTA, receivers: Receivers, kind: str) -> None:
    names = [unique() for _ in range(20)]
    with connected(f"{kind} client", mta.port) as smtp:
        for name in names:
            smtp.send_message(DOTS, reverse_path="<>", forward_paths=f"{name}@lmtp.{kind}.example")
        smtp.quit()
    for name in names:
        arrival = receivers[kind, "lmtp"].arrivals.wait(name, mta.log)
        assert arrival.mail.reverse_path.mailbox is None


def test_a_message_that_is_too_big_is_not_sent(mta: RunningMTA, kind: str) -> None:
    octets = b"Subject: big\r\n\r\n" + b"x" * 76 * 700_000
    with connected(f"{kind} client", mta.port) as smtp:
        with pytest.raises(
            LocalProtocolError, match=r"SIZE: the message has \d+ octets, the server takes 52428800"
        ):
            smtp.send_message(octets, reverse_path=REVERSE_PATH, forward_paths="b@example.org")
        assert smtp.is_open
        smtp.quit()


@pytest.mark.parametrize("mta", ["postfix", "exim"], indirect=True)
@pytest.mark.parametrize("sample", SAMPLES)
def test_a_message_goes_by_bdat_octet_for_octet(
    mta: RunningMTA, receivers: Receivers, kind: str, sample: str
) -> None:
    """20 MiB go in many chunks, the others in one."""
    name, verbs = unique(), []
    with connected(
        f"{kind} client", mta.port, timeout=60, trace=lambda _, octets: verbs.append(octets[:4])
    ) as smtp:
        smtp.send_message(
            SAMPLES[sample].octets,
            reverse_path=REVERSE_PATH,
            forward_paths=f"{name}@smtp.{kind}.example",
            chunking=True,
        )
        smtp.quit()
    assert b"DATA" not in verbs
    assert (verbs.count(b"BDAT") > 1) is (sample == "20 MiB")
    arrival = receivers[kind, "smtp"].arrivals.wait(name, mta.log)
    assert added_fields(arrival.octets, SAMPLES[sample]) == ["Received"]


def test_exim_refuses_one_of_two_under_prdr(exim: RunningMTA, receivers: Receivers, kind: str) -> None:
    good, bad = f"{unique()}@smtp.{kind}.example", f"{unique('full')}@smtp.{kind}.example"
    with connected(f"{kind} client", exim.port) as smtp:
        result = smtp.send_message(DOTS, reverse_path=REVERSE_PATH, forward_paths=[good, bad])
        assert result.accepted == (good,)
        assert {name: reply.code for name, reply in result.refused.items()} == {bad: 550}
        smtp.quit()
    arrival = receivers[kind, "smtp"].arrivals.wait(good.partition("@")[0], exim.log)
    assert [str(rcpt.forward_path) for rcpt in arrival.recipients] == [f"<{good}>"]


@pytest.mark.parametrize("mta", ["postfix", "exim"], indirect=True)
def test_messages_go_over_tls(
    mta: RunningMTA, receivers: Receivers, certificate: Certificate, kind: str
) -> None:
    context = ssl.create_default_context(cafile=str(certificate.authority))
    name = unique()
    with connected(f"{kind} client", mta.port, tls="starttls", ssl_context=context, timeout=60) as smtp:
        assert smtp.tls.version == "TLSv1.3"
        assert "STARTTLS" not in smtp.extensions
        smtp.send_message(
            SAMPLES["20 MiB"].octets,
            reverse_path=REVERSE_PATH,
            forward_paths=f"{name}@smtp.{kind}.example",
        )
        smtp.quit()
    arrival = receivers[kind, "smtp"].arrivals.wait(name, mta.log)
    assert added_fields(arrival.octets, SAMPLES["20 MiB"]) == ["Received"]


# The mechanisms of Exim, by a name and a password.
MECHANISMS = {"PLAIN": PlainClient, "LOGIN": LoginClient}


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_exim_takes_a_login(exim: RunningMTA, kind: str, mechanism: str) -> None:
    with connected(f"{kind} client", exim.port) as smtp:
        assert mechanism in smtp.extensions.auth
        with pytest.raises(SMTPAuthenticationFailed, match="535"):
            smtp.authenticate(MECHANISMS[mechanism]("user", "wrong"), allow_cleartext=True)
        reply = smtp.authenticate(MECHANISMS[mechanism]("user", "pass"), allow_cleartext=True)
        assert reply.code == 235
        smtp.quit()


def test_exim_takes_the_strongest_mechanism(exim: RunningMTA, certificate: Certificate, kind: str) -> None:
    context = ssl.create_default_context(cafile=str(certificate.authority))
    with connected(f"{kind} client", exim.port, tls="starttls", ssl_context=context) as smtp:
        assert smtp.login("user", "pass").code == 235
        smtp.quit()


# Name: the codes of the replies to VRFY, EXPN, HELP, NOOP and RSET.
REPLIES = {
    "postfix": (252, 500, 500, 250, 250),
    "exim": (250, 550, 214, 250, 250),
    "opensmtpd": (500, 500, 214, 250, 250),
}


def test_the_other_commands_are_answered(mta: RunningMTA, kind: str) -> None:
    with connected(f"{kind} client", mta.port) as smtp:
        commands = (b"VRFY b@smtp.sync.example", b"EXPN list", b"HELP", b"NOOP", b"RSET")
        codes = tuple(smtp.exchange(command + b"\r\n").code for command in commands)
        assert codes == REPLIES[mta.name]
        smtp.quit()


# MTA and route: what is logged of a message with a UTF-8 address that does not arrive. The services "smtp" do
# not offer SMTPUTF8; what Exim has for LMTP on a Unix socket does not ask for it.
NO_UTF8 = {
    ("postfix", "smtp"): "status=bounced (SMTPUTF8 is required, but was not offered",
    ("exim", "smtp"): "utf8 support required but not offered",
    ("exim", "unix"): "553 5.6.7 non-ASCII address without SMTPUTF8",
}


@pytest.mark.parametrize("route", ["smtp", "extended", "lmtp", "unix"])
def test_a_utf8_address_arrives_or_is_an_error(
    mta: RunningMTA, receivers: Receivers, kind: str, route: str
) -> None:
    """It arrives where all offer SMTPUTF8; else our client refuses, or the MTA sends the message back."""
    receiver, name = receivers[kind, ROUTES[route]], unique("größe")
    address = f"{name}@{route}.{kind}.example"
    octets = DOTS.replace(b"octet for octet", "Größe".encode())
    with connected(f"{kind} client", mta.port) as smtp:
        if "SMTPUTF8" not in smtp.extensions:
            with pytest.raises(LocalProtocolError, match="SMTPUTF8: the server does not offer it"):
                smtp.send_message(octets, reverse_path=REVERSE_PATH, forward_paths=address)
            assert smtp.noop().code == 250
            return
        smtp.send_message(octets, reverse_path=REVERSE_PATH, forward_paths=address)
        smtp.quit()
    if (mta.name, route) in NO_UTF8:
        mta.wait_for_log(name, NO_UTF8[mta.name, route])
        return
    arrival = receiver.arrivals.wait(name, mta.log)
    assert arrival.mail.parameters.has("SMTPUTF8")
    assert [str(rcpt.forward_path) for rcpt in arrival.recipients] == [f"<{address}>"]
    assert arrival.octets.endswith(octets)


def test_what_is_asked_of_reports_is_passed_on(mta: RunningMTA, receivers: Receivers, kind: str) -> None:
    name = unique()
    address = f"{name}@extended.{kind}.example"
    asked = Notify.FAILURE | Notify.DELAY
    original = OriginalRecipient("rfc822", "the+one@example.org")
    with connected(f"{kind} client", mta.port) as smtp:
        smtp.send_message(
            DOTS,
            reverse_path=REVERSE_PATH,
            forward_paths=address,
            mail_parameters=[RET.pair(Ret.HDRS), ENVID.pair("order+66")],
            rcpt_parameters=[NOTIFY.pair(asked), ORCPT.pair(original)],
        )
        smtp.quit()
    arrival = receivers[kind, "extended"].arrivals.wait(name, mta.log)
    assert arrival.mail.parameters.value(RET) is Ret.HDRS
    assert arrival.mail.parameters.value(ENVID) == "order+66"
    [rcpt] = arrival.recipients
    assert rcpt.parameters.value(NOTIFY) == asked
    assert rcpt.parameters.value(ORCPT) == original


@pytest.mark.parametrize("by", ["port", "path"])
def test_dovecot_takes_no_utf8_address(dovecot_server: Dovecot, kind: str, by: str) -> None:
    target: dict[str, Any] = {"path": dovecot_server.lmtp_path} if by == "path" else {}
    with connected(f"{kind} client", dovecot_server.lmtp_port, lmtp=True, **target) as lmtp:
        with pytest.raises(LocalProtocolError, match="SMTPUTF8: the server does not offer it"):
            lmtp.send_message(DOTS, reverse_path=REVERSE_PATH, forward_paths="größe@example.org")
        assert lmtp.noop().code == 250
        lmtp.quit()


@pytest.mark.parametrize("by", ["port", "path"])
@pytest.mark.parametrize("sample", SAMPLES)
def test_dovecot_gets_the_very_octets(dovecot_server: Dovecot, kind: str, by: str, sample: str) -> None:
    user = f"{unique()}@example.org"
    target: dict[str, Any] = {"path": dovecot_server.lmtp_path} if by == "path" else {}
    with connected(f"{kind} client", dovecot_server.lmtp_port, lmtp=True, timeout=60, **target) as lmtp:
        result = lmtp.send_message(
            SAMPLES[sample].octets, reverse_path=REVERSE_PATH, forward_paths=[user, "nobody@example.org"]
        )
        assert result.accepted == (user,)
        assert [(name, reply.code) for name, reply in result.refused.items()] == [("nobody@example.org", 550)]
        lmtp.quit()
    [octets] = fetch_all_texts(dovecot_server.imap_port, user)
    assert added_fields(octets, SAMPLES[sample]) == ["Return-Path", "Delivered-To", "Received"]
