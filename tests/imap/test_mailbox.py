from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.errors import LocalProtocolError
from mailproto.imap.cursor import ParseError
from mailproto.imap.mailbox import (
    check_list_mailbox,
    check_mailbox,
    net_unicode,
    parse_list_mailbox,
    parse_mailbox,
    write_list_mailbox,
    write_mailbox,
)
from support_imap_strategies import mailboxes
from support_imap_wire import cursor_at, frame, written

CASES = [
    (b"INBOX", "INBOX"),
    (b"saved-messages", "saved-messages"),
    (b'""', ""),
    (b'"NIL"', "NIL"),
    (b'"Sent Items"', "Sent Items"),
    (b"[Gmail]/All", "[Gmail]/All"),
    (b'"a%b*"', "a%b*"),
    (b"Entw&APw-rfe", "Entwürfe"),
    (b"~peter/mail/&U,BTFw-/&ZeVnLIqe-", "~peter/mail/台北/日本語"),
    (b"INBOX/x", "INBOX/x"),
    (b"{5}\r\ncaf\xc3\xa9", "caf\udcc3\udca9"),
    (b"a&b", "a\udc26b"),
    (b"{3}\r\na\r\n", "a\udc0d\udc0a"),
    (b"a&AA0ACg-", "a\r\n"),
]


@pytest.mark.parametrize(("wire", "name"), CASES)
def test_names_in_both_directions(wire: bytes, name: str) -> None:
    message = frame(wire + b"\r\n")
    cursor = cursor_at(message.text, *message.literals, strict=True)
    assert parse_mailbox(cursor) == name
    cursor.expect_end()
    assert written(lambda writer: write_mailbox(writer, check_mailbox(name))) == wire


@pytest.mark.parametrize("name", ["inbox", "iNbOx", "INBOX"])
def test_inbox_has_one_spelling(name: str) -> None:
    assert check_mailbox(name) == "INBOX"
    assert parse_mailbox(cursor_at(b'"' + name.encode() + b'"')) == "INBOX"
    assert check_mailbox(name + "x") == name + "x"


PATTERNS = [
    (b"%", "%"),
    (b"*", "*"),
    (b"INBOX.%", "INBOX.%"),
    (b'""', ""),
    (b'"a *"', "a *"),
    (b"inbox", "inbox"),
]


@pytest.mark.parametrize(("wire", "pattern"), PATTERNS)
def test_patterns_in_both_directions(wire: bytes, pattern: str) -> None:
    cursor = cursor_at(wire, strict=True)
    assert parse_list_mailbox(cursor) == pattern
    assert cursor.is_at_end
    assert written(lambda writer: write_list_mailbox(writer, check_list_mailbox(pattern))) == wire


def test_octets_in_eight_bit_without_quotes_are_kept_with_a_defect() -> None:
    cursor = cursor_at("Entwürfe".encode())
    assert parse_mailbox(cursor) == "Entw\udcc3\udcbcrfe"
    assert len(cursor.defects) == 1


@pytest.mark.parametrize("name", ["a\0b", "a\udc00", "\ud800", 5, b"INBOX", None], ids=repr)
def test_what_is_no_name_is_a_local_error(name: str) -> None:
    with pytest.raises(LocalProtocolError):
        check_mailbox(name)
    with pytest.raises(LocalProtocolError):
        check_list_mailbox(name)


def test_nul_from_a_peer_is_refused() -> None:
    with pytest.raises(ParseError):
        parse_mailbox(cursor_at(b"{3}\r\n", b"a\0b"))


@given(mailboxes)
def test_round_trip(name: str) -> None:
    checked = check_mailbox(name)
    message = frame(written(lambda writer: write_mailbox(writer, checked)) + b"\r\n")
    assert parse_mailbox(cursor_at(message.text, *message.literals, strict=True)) == checked


@given(st.binary().filter(lambda octets: b"\0" not in octets and octets.upper() != b"INBOX"))
def test_any_octets_come_back(octets: bytes) -> None:
    name = parse_mailbox(cursor_at(b"{%d}\r\n" % len(octets), octets))
    message = frame(written(lambda writer: write_mailbox(writer, check_mailbox(name))) + b"\r\n")
    assert cursor_at(message.text, *message.literals).astring() == octets


@pytest.mark.parametrize(
    ("name", "normalized"),
    [
        ("Entwu\u0308rfe", "Entwürfe"),
        ("Entwürfe", "Entwürfe"),
        ("\u212b", "\u00c5"),
        ("\u1112\u1161\u11ab", "\ud55c"),
        ("inbox", "INBOX"),
        ("a/b &-%", "a/b &-%"),
    ],
)
def test_net_unicode(name: str, normalized: str) -> None:
    assert net_unicode(name) == normalized
    assert net_unicode(normalized) == normalized


@pytest.mark.parametrize("name", ["a\r\nb", "\0", "a\x7f", "\x85", "a\u2028b", "\u2029", "\udce9", "\ud800"])
def test_what_no_name_of_rev2_holds(name: str) -> None:
    with pytest.raises(LocalProtocolError, match="mailbox name"):
        net_unicode(name)
