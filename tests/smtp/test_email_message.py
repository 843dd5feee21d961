from __future__ import annotations

from email import message_from_bytes, message_from_string, policy
from email.headerregistry import Address, Group
from email.message import EmailMessage, Message
from typing import Any

import pytest

from mailproto.errors import LocalProtocolError, MailProtoError
from mailproto.smtp import SMTPClientConnection
from mailproto.smtp.client_flows import SendResult, send_message
from mailproto.smtp.email_message import to_ascii_header, to_utf8_header
from support_flows import FlowRun
from support_smtp import ready_client

ASCII_OFFER = b"250-mx.example\r\n250-PIPELINING\r\n250 8BITMIME\r\n"
SEVEN_BIT_OFFER = b"250-mx.example\r\n250 PIPELINING\r\n"
UTF8_OFFER = b"250-mx.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n"

POLICIES = {"default": policy.default, "SMTPUTF8": policy.SMTPUTF8}


def message(rules: Any = policy.SMTPUTF8, **fields: object) -> EmailMessage:
    made = EmailMessage(policy=rules)
    for name, value in {"From": "a@x", "To": "b@x", "Subject": "b\u00fc", **fields}.items():
        made[name.replace("_", "-")] = value
    made.set_content("text\n")
    return made


def send(conn: SMTPClientConnection, made: Any, **arguments: Any) -> tuple[bytes, bytes]:
    """Return what was said before the message, and the message without its dot."""
    run = FlowRun[SendResult](conn, send_message(conn, made, **arguments))
    if run.error is not None:
        raise run.error
    envelope = run.take_sent()
    run.feed(b"250\r\n250\r\n354\r\n")
    octets = run.take_sent()
    run.feed(b"250\r\n")
    assert run.result is not None
    return envelope, octets.removesuffix(b".\r\n")


def fields_of(octets: bytes) -> list[bytes]:
    return octets.partition(b"\r\n\r\n")[0].split(b"\r\n")[:3]


def test_utf8_where_it_is_offered() -> None:
    envelope, octets = send(ready_client(offer=UTF8_OFFER), message())
    assert envelope == b"MAIL FROM:<a@x> BODY=8BITMIME SMTPUTF8\r\nRCPT TO:<b@x>\r\nDATA\r\n"
    assert fields_of(octets) == [b"From: a@x", b"To: b@x", "Subject: b\u00fc".encode()]


@pytest.mark.parametrize("offer", [ASCII_OFFER, SEVEN_BIT_OFFER], ids=["8BITMIME", "nothing"])
def test_encoded_words_where_it_is_not(offer: bytes) -> None:
    made = message()
    before = made.as_bytes()
    envelope, octets = send(ready_client(offer=offer), made)
    assert envelope == b"MAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nDATA\r\n"
    assert fields_of(octets) == [b"From: a@x", b"To: b@x", b"Subject: =?utf-8?q?b=C3=BC?="]
    assert made.as_bytes() == before


def test_header_and_body_are_both_encoded() -> None:
    made = message()
    made.set_content("gr\u00fcn\n", cte="8bit")
    _, octets = send(ready_client(offer=SEVEN_BIT_OFFER), made)
    assert octets.isascii()
    assert octets.endswith(b"Content-Transfer-Encoding: base64\r\n\r\nZ3LDvG4NCg==\r\n")


def test_it_is_left_alone_for_a_relay() -> None:
    _, octets = send(ready_client(offer=ASCII_OFFER), message(), smtputf8=False)
    assert fields_of(octets)[2] == "Subject: b\u00fc".encode()


@pytest.mark.parametrize("rules", POLICIES.values(), ids=POLICIES)
def test_a_domain_goes_as_its_a_label_in_envelope_and_header(rules: Any) -> None:
    made = message(rules, To="B\u00fc <b@b\u00fccher.example>")
    envelope, octets = send(ready_client(offer=ASCII_OFFER), made)
    assert envelope == b"MAIL FROM:<a@x>\r\nRCPT TO:<b@xn--bcher-kva.example>\r\nDATA\r\n"
    assert fields_of(octets)[1] == b"To: =?utf-8?q?B=C3=BC?= <b@xn--bcher-kva.example>"


@pytest.mark.parametrize("rules", POLICIES.values(), ids=POLICIES)
def test_an_address_in_utf8_where_it_is_offered(rules: Any) -> None:
    envelope, octets = send(ready_client(offer=UTF8_OFFER), message(rules, To="b\u00fc@b\u00fccher.example"))
    assert envelope.split(b"\r\n")[:2] == [
        b"MAIL FROM:<a@x> BODY=8BITMIME SMTPUTF8",
        "RCPT TO:<b\u00fc@b\u00fccher.example>".encode(),
    ]
    assert fields_of(octets)[1] == "To: b\u00fc@b\u00fccher.example".encode()


@pytest.mark.parametrize("rules", POLICIES.values(), ids=POLICIES)
@pytest.mark.parametrize(
    "envelope", [{}, {"reverse_path": "a@x", "forward_paths": "b@x"}], ids=["own", "given"]
)
def test_a_local_part_in_utf8_is_a_clear_error(rules: Any, envelope: dict[str, Any]) -> None:
    conn = ready_client(offer=ASCII_OFFER)
    with pytest.raises(
        LocalProtocolError, match="SMTPUTF8: the server does not offer it, which b\u00fc@x needs"
    ):
        send(conn, message(rules, To="b\u00fc@x"), **envelope)
    assert (conn.mail_count, conn.unsent) == (0, 0)


TEXT = "From: a@x\nTo: B\u00fc\n <b@b\u00fccher.example>\nSubject: b\u00fc\n\ntext\n"


PARSED = {
    "octets": message_from_bytes(TEXT.encode(), policy=policy.default),
    "octets under SMTPUTF8": message_from_bytes(TEXT.encode(), policy=policy.SMTPUTF8),
    "text under SMTPUTF8": message_from_string(TEXT, policy=policy.SMTPUTF8),
}


@pytest.mark.parametrize("made", PARSED.values(), ids=PARSED)
def test_a_message_that_was_parsed(made: Any) -> None:
    envelope, octets = send(ready_client(offer=ASCII_OFFER), made)
    assert envelope == b"MAIL FROM:<a@x>\r\nRCPT TO:<b@xn--bcher-kva.example>\r\nDATA\r\n"
    to, subject = b"=?utf-8?q?B=C3=BC?= <b@xn--bcher-kva.example>", b"=?utf-8?q?b=C3=BC?="
    assert fields_of(octets) == [b"From: a@x", b"To: " + to, b"Subject: " + subject]


def test_groups_keep_their_form() -> None:
    group = Group("gr\u00fcn", (Address("B", "b", "b\u00fccher.example"), Address("", "c", "x")))
    changed = to_ascii_header(message(To=(group, Address("", "d", "x"))))
    assert changed is not None
    assert fields_of(changed.as_bytes())[1] == (
        b"To: =?utf-8?q?gr=C3=BCn?=: B <b@xn--bcher-kva.example>, c@x;, d@x"
    )


def test_a_message_inside_has_a_header_too() -> None:
    outer = message()
    outer.add_attachment(message(To="b@b\u00fccher.example"))
    changed = to_ascii_header(outer)
    assert changed is not None
    assert b"To: b@xn--bcher-kva.example\r\n" in changed.as_bytes()
    assert changed.as_bytes().isascii()


def test_a_repeated_field_cannot_be_changed() -> None:
    made = message()
    made["Resent-To"] = "b@b\u00fccher.example"
    made["Resent-To"] = "c@b\u00fccher.example"
    with pytest.raises(LocalProtocolError, match=r"SMTPUTF8: .* which a repeated Resent-To needs"):
        to_ascii_header(made)


def signed(subject: str) -> EmailMessage:
    made = message()
    made.make_mixed()
    made.replace_header("Content-Type", "multipart/signed")
    made.attach(message(Subject=subject))
    return made


def test_a_header_that_is_signed_stays_as_it_is() -> None:
    changed = to_ascii_header(signed("ASCII"))
    assert changed is not None
    assert changed.as_bytes().isascii()
    with pytest.raises(LocalProtocolError, match=r"SMTPUTF8: .* which the signed message needs"):
        to_ascii_header(signed("b\u00fc"))


class OnlyOctets:
    def as_bytes(self) -> bytes:
        return "Subject: b\u00fc\r\n\r\n".encode()


OTHERS = {"octets": OnlyOctets().as_bytes(), "an object": OnlyOctets()}


@pytest.mark.parametrize("made", OTHERS.values(), ids=OTHERS)
def test_what_cannot_be_made_anew_is_an_error(made: Any) -> None:
    conn = ready_client(offer=ASCII_OFFER)
    with pytest.raises(
        LocalProtocolError, match="SMTPUTF8: the server does not offer it, which UTF-8 in the"
    ):
        send(conn, made, reverse_path="a@x", forward_paths="b@x")
    assert (conn.mail_count, conn.unsent) == (0, 0)


@pytest.mark.parametrize("made", [b"", OnlyOctets(), Message()], ids=["octets", "an object", "compat32"])
def test_what_has_no_such_policy(made: object) -> None:
    assert to_ascii_header(made) is None
    assert to_utf8_header(made) is None


def test_an_ascii_message_is_not_copied() -> None:
    assert to_utf8_header(message(policy.default, Subject="b\u00fc")) is None


def test_every_error_is_one_of_ours() -> None:
    with pytest.raises(MailProtoError):
        to_ascii_header(message(To=Address("", "b", "\u00fc" * 70 + ".example")))


BINARY_OFFER = b"250-mx.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-CHUNKING\r\n250 BINARYMIME\r\n"
OFFERS = {"nothing": SEVEN_BIT_OFFER, "8BITMIME": ASCII_OFFER, "BINARYMIME": BINARY_OFFER}
OCTETS = b"\0\r\n\n\r.\n\xff" * 300


@pytest.mark.parametrize("offer", OFFERS.values(), ids=OFFERS)
@pytest.mark.parametrize("is_alone", [True, False], ids=["alone", "an attachment"])
@pytest.mark.parametrize("octets", [OCTETS, b"\r"], ids=["8-bit", "a bare CR"])
def test_a_binary_part_arrives_octet_for_octet(offer: bytes, octets: bytes, *, is_alone: bool) -> None:
    """`email` writes it with other line ends, and RFC 3030 section 3 lets it not go by DATA."""
    made = message(policy.default)
    if is_alone:
        made.set_content(octets, "image", "png", cte="binary")
    else:
        made.add_attachment(octets, "image", "png", cte="binary")
        made["Content-Transfer-Encoding"] = "binary"
    said, sent = send(ready_client(offer=offer), made)
    assert said == b"MAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nDATA\r\n"
    seen: Any = message_from_bytes(sent, policy=policy.default)
    part = seen if is_alone else next(seen.iter_attachments())
    assert (part["Content-Transfer-Encoding"], part.get_content()) == ("base64", octets)
    assert seen["Content-Transfer-Encoding"] == ("base64" if is_alone else "8bit")
    assert made["Content-Transfer-Encoding"] == "binary"


def test_a_binary_part_that_is_signed_stays_as_it_is() -> None:
    made, part = signed("ASCII"), EmailMessage()
    part.set_content(b"octets", "image", "png", cte="binary")
    made.attach(part)
    _, sent = send(ready_client(offer=ASCII_OFFER), made)
    assert b"Content-Transfer-Encoding: binary\r\n" in sent
