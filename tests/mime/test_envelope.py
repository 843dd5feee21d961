from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.mime.envelope import Envelope, EnvelopeAddress, build_envelope
from mailproto.mime.scanner import scan


def build(octets: bytes) -> Envelope:
    return build_envelope(octets, scan(octets).header_span)


def at(mailbox: bytes, host: bytes, name: bytes | None = None) -> EnvelopeAddress:
    return EnvelopeAddress(name, None, mailbox, host)


TERRY = (at(b"gray", b"cac.washington.edu", b"Terry Gray"),)
ALICE, BOB, CAROL = (at(name, b"example.org") for name in (b"alice", b"bob", b"carol"))

# RFC 3501 section 8.
RFC3501_HEADER = b"""\
Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r
From: Terry Gray <gray@cac.washington.edu>\r
Subject: IMAP4rev1 WG mtg summary and minutes\r
To: imap@cac.washington.edu\r
cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>\r
Message-Id: <B27397-0100000@cac.washington.edu>\r
MIME-Version: 1.0\r
Content-Type: TEXT/PLAIN; CHARSET=US-ASCII\r
\r
"""

CASES: dict[str, tuple[bytes, Envelope]] = {
    "RFC 3501 section 8": (
        RFC3501_HEADER,
        Envelope(
            date=b"Wed, 17 Jul 1996 02:23:25 -0700 (PDT)",
            subject=b"IMAP4rev1 WG mtg summary and minutes",
            from_=TERRY,
            sender=TERRY,
            reply_to=TERRY,
            to=(at(b"imap", b"cac.washington.edu"),),
            cc=(at(b"minutes", b"CNRI.Reston.VA.US"), at(b"KLENSIN", b"MIT.EDU", b"John Klensin")),
            message_id=b"<B27397-0100000@cac.washington.edu>",
        ),
    ),
    "nothing": (b"", Envelope()),
    "no blank line": (b"Subject: x", Envelope(subject=b"x")),
    "empty fields": (
        b"Date:\r\nSubject: \r\nFrom:\r\nTo: \r\nIn-Reply-To:\r\nMessage-ID:\r\n\r\n",
        Envelope(date=b"", subject=b"", in_reply_to=b"", message_id=b""),
    ),
    "sender and reply-to": (
        b"From: alice@example.org\r\nSender: bob@example.org\r\nReply-To: carol@example.org\r\n\r\n",
        Envelope(from_=(ALICE,), sender=(BOB,), reply_to=(CAROL,)),
    ),
    "empty sender and reply-to are those of From": (
        b"From: alice@example.org\r\nSender:\r\nReply-To: ,\r\n\r\n",
        Envelope(from_=(ALICE,), sender=(ALICE,), reply_to=(ALICE,)),
    ),
    "address fields that come twice": (
        b"To: alice@example.org\r\nBcc: carol@example.org\r\nTo: bob@example.org\r\n\r\n",
        Envelope(to=(ALICE, BOB), bcc=(CAROL,)),
    ),
    "text fields that come twice": (b"Subject: one\nSubject: two\n\n", Envelope(subject=b"one")),
    "folded and 8-bit": (
        b"Subject: a\r\n b \xff\r\nTo: alice@example.org,\r\n\tbob@example.org\r\n\r\n",
        Envelope(subject=b"a b \xff", to=(ALICE, BOB)),
    ),
    "NUL": (b"Subject: a\0b\r\n\r\n", Envelope(subject=b"a\x80b")),
    "references": (
        b"In-Reply-To: <a@b>\r\n <c@d>\r\n\r\n",
        Envelope(in_reply_to=b"<a@b> <c@d>"),
    ),
    "the body is not looked at": (b"Subject: x\r\n\r\nFrom: alice@example.org\r\n", Envelope(subject=b"x")),
}


@pytest.mark.parametrize("octets, envelope", CASES.values(), ids=CASES.keys())
def test_envelope(octets: bytes, envelope: Envelope) -> None:
    assert build(octets) == envelope


def test_decoded_views() -> None:
    envelope = build(RFC3501_HEADER)
    zone = timezone(timedelta(hours=-7))
    assert envelope.parsed_date() == datetime(1996, 7, 17, 2, 23, 25, tzinfo=zone)
    assert Envelope(subject=b"=?utf-8?q?=C3=A4?=").subject_text == "ä"
    assert (Envelope().subject_text, Envelope().parsed_date()) == (None, None)


def test_values_can_be_kept() -> None:
    envelope = build(RFC3501_HEADER)
    assert pickle.loads(pickle.dumps(envelope)) == envelope
    assert hash(envelope) == hash(build(RFC3501_HEADER))


PIECES = [b"From", b"Subject", b": ", b"<", b"a@b", b",", b'"', b"\r\n", b" ", b"\0"]


@given(st.lists(st.sampled_from(PIECES)).map(b"".join))
def test_any_header_has_an_envelope_without_nul(octets: bytes) -> None:
    envelope = build_envelope(octets, (0, len(octets)))
    assert b"\0" not in (envelope.subject or b"")
    assert b"\0" not in b"".join(part or b"" for address in envelope.from_ for part in address)


def test_what_was_read_is_as_what_was_built() -> None:
    parsed = Envelope.of_parsed(b"d", b"s", TERRY, (), (ALICE,), (BOB,), (CAROL,), (), b"<r>", b"<i>")
    built = Envelope(
        date=b"d",
        subject=b"s",
        from_=TERRY,
        reply_to=(ALICE,),
        to=(BOB,),
        cc=(CAROL,),
        in_reply_to=b"<r>",
        message_id=b"<i>",
    )
    assert type(parsed) is Envelope
    assert (parsed, hash(parsed), repr(parsed)) == (built, hash(built), repr(built))
    assert pickle.loads(pickle.dumps(parsed)) == built
    with pytest.raises(FrozenInstanceError):
        parsed.subject = b""  # type: ignore[misc]  # it is frozen
