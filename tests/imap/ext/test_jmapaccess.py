from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.errors import ItemMissing
from mailproto.imap.admin_flows import jmap_access
from mailproto.imap.codec import parse_responses, serialize
from mailproto.imap.ext.jmapaccess import GetJMAPAccess, JMAPAccessData
from support_imap_admin import (
    ask,
    check_command_at_both_ends,
    check_no_command,
    check_not_sent,
    check_refusal_to_build,
    check_response_at_both_ends,
    check_unread,
)
from support_imap_ext import check_refused

URL = "https://example.com/.well-known/jmap"


def test_the_command() -> None:
    check_command_at_both_ends(b"GETJMAPACCESS", GetJMAPAccess(), "JMAPACCESS")
    check_no_command(b"GETJMAPACCESS x")
    check_refused(GetJMAPAccess(), "JMAPACCESS")


def test_the_response() -> None:
    check_response_at_both_ends(b'JMAPACCESS "' + URL.encode() + b'"', JMAPAccessData(URL))
    check_response_at_both_ends(b'JMAPACCESS "a\\"b\\\\c"', JMAPAccessData('a"b\\c'))
    check_response_at_both_ends(b'JMAPACCESS "' + b"x" * 1_000 + b'"', JMAPAccessData("x" * 1_000))


@pytest.mark.parametrize(
    "wire",
    [
        b"JMAPACCESS",
        b"JMAPACCESS x",
        b"JMAPACCESS NIL",
        b'JMAPACCESS ""',
        b'JMAPACCESS "a b"',
        b"JMAPACCESS {1}\r\na",
        b'JMAPACCESS "' + b"x" * 1_001 + b'"',
    ],
)
def test_what_cannot_be_read(wire: bytes) -> None:
    check_unread(wire)


ATTACKS: list[Callable[[], object]] = [
    lambda: JMAPAccessData(""),
    lambda: JMAPAccessData("a b"),
    lambda: JMAPAccessData("a\r\n"),
    lambda: JMAPAccessData("é"),
    lambda: JMAPAccessData("x" * 1_001),
    lambda: JMAPAccessData(b"x"),  # type: ignore[arg-type]  # the mistake
]


@pytest.mark.parametrize("build", ATTACKS)
def test_attacks(build: Callable[[], object]) -> None:
    check_refusal_to_build(build)


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=60))
def test_round_trip(url: str) -> None:
    assert parse_responses(serialize(JMAPAccessData(url)), strict=True) == [JMAPAccessData(url)]


def test_a_client_asks() -> None:
    url, said = ask(jmap_access, "JMAPACCESS", b'* JMAPACCESS "' + URL.encode() + b'"', b"A1 OK done")
    assert (url, said) == (URL, [b"A1 GETJMAPACCESS"])
    with pytest.raises(ItemMissing, match="GETJMAPACCESS"):
        ask(jmap_access, "JMAPACCESS", b"A1 OK done")
    check_not_sent(jmap_access, "JMAPACCESS")
