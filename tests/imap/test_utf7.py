from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.errors import LocalProtocolError
from mailproto.imap import utf7

CASES = [
    (b"", ""),
    (b"INBOX", "INBOX"),
    (b"a b", "a b"),
    (b"A&-B", "A&B"),
    (b"&-&-", "&&"),
    (b"&AOk-", "é"),
    (b"Entw&APw-rfe", "Entwürfe"),
    (b"~peter/mail/&U,BTFw-/&ZeVnLIqe-", "~peter/mail/台北/日本語"),
    (b"&2D3cCQ-", "\U0001f409"),
    (b"&AOk-&-", "é&"),
    (b"&-&AOk-", "&é"),
    (b"a&AA0ACg-b", "a\r\nb"),
    (b"&AH8-", "\x7f"),
]

RAW = [
    (b"&", "\udc26"),
    (b"Foo&Bar", "Foo\udc26Bar"),
    (b"&AOk", "\udc26AOk"),
    (b"&AGE-", "\udc26AGE-"),
    (b"&AOl-", "\udc26AOl-"),
    (b"&A-", "\udc26A-"),
    (b"&AAAA-", "\udc26AAAA-"),
    (b"&2D0-", "\udc262D0-"),
    (b"&U/BTFw-", "\udc26U/BTFw-"),
    (b"&AOk-&AOk-", "é\udc26AOk-"),
    (b"caf\xc3\xa9", "caf\udcc3\udca9"),
    (b"a\r\nb", "a\udc0d\udc0ab"),
    (b"\x7f\t", "\udc7f\udc09"),
]


@pytest.mark.parametrize(("octets", "name"), CASES + RAW)
def test_both_directions(octets: bytes, name: str) -> None:
    assert utf7.decode(octets) == name
    assert utf7.encode(name) == octets


@pytest.mark.parametrize(
    "name", ["\ud800", "\udcff\ud83d", "a\udd00", "\udc26AOk-", "x\udc41", "a\udc26-"], ids=ascii
)
def test_what_no_octets_say_is_a_local_error(name: str) -> None:
    with pytest.raises(LocalProtocolError):
        utf7.encode(name)


@pytest.mark.parametrize("name", ["a\0", "\udc00"])
def test_check_refuses_nul(name: str) -> None:
    with pytest.raises(LocalProtocolError):
        utf7.check(name)


@given(
    st.binary()
    | st.lists(st.sampled_from([b"&", b"-", b"AOk", b"a", b"&AOk-", b"\xff", b"&-"])).map(b"".join)
)
def test_any_octets_come_back(octets: bytes) -> None:
    assert utf7.encode(utf7.decode(octets)) == octets


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_name_comes_back_from_ascii(name: str) -> None:
    octets = utf7.encode(name)
    assert octets.decode("ascii").isprintable() or not octets
    assert utf7.decode(octets) == name


@pytest.mark.parametrize(
    "octets", [b"&" * 300_000, b"&a" * 200_000, b"&" + b"A" * 1_000_000, b"\xff" * 300_000]
)
def test_hostile_octets_take_linear_time(octets: bytes) -> None:
    started = time.process_time()
    assert utf7.encode(utf7.decode(octets)) == octets
    assert time.process_time() - started < 5
