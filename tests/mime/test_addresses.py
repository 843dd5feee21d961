from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.mime.addresses import EnvelopeAddress, _Reader, parse_addresses


def at(
    mailbox: bytes, host: bytes = b"", name: bytes | None = None, adl: bytes | None = None
) -> EnvelopeAddress:
    return EnvelopeAddress(name, adl, mailbox, host)


def group(name: bytes) -> EnvelopeAddress:
    return EnvelopeAddress(None, None, name, None)


END = EnvelopeAddress(None, None, None, None)

CASES: dict[bytes, tuple[EnvelopeAddress, ...]] = {
    # RFC 5322 appendix A.1
    b'"Joe Q. Public" <john.q.public@example.com>': (at(b"john.q.public", b"example.com", b"Joe Q. Public"),),
    b"Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>": (
        at(b"mary", b"x.test", b"Mary Smith"),
        at(b"jdoe", b"example.org"),
        at(b"one", b"y.test", b"Who?"),
    ),
    b'<boss@nil.test>, "Giant; \\"Big\\" Box" <sysservices@example.net>': (
        at(b"boss", b"nil.test"),
        at(b"sysservices", b"example.net", b'Giant; "Big" Box'),
    ),
    b"A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;": (
        group(b"A Group"),
        at(b"c", b"a.test", b"Ed Jones"),
        at(b"joe", b"where.test"),
        at(b"jdoe", b"one.test", b"John"),
        END,
    ),
    b"Undisclosed recipients:;": (group(b"Undisclosed recipients"), END),
    # RFC 5322 appendix A.5
    b"Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>": (at(b"pete", b"silly.test", b"Pete"),),
    b"A Group(Some people)     :Chris Jones <c@(Chris's host.)public.example>,         joe@example.org,"
    b"  John <jdoe@one.test> (my dear friend); (the end of the group)": (
        group(b"A Group"),
        at(b"c", b"public.example", b"Chris Jones"),
        at(b"joe", b"example.org"),
        at(b"jdoe", b"one.test", b"John"),
        END,
    ),
    b"(Empty list)(start)Hidden recipients  :(nested(comment))   ;": (group(b"Hidden recipients"), END),
    # RFC 5322 appendix A.6
    b"Joe Q. Public <john.q.public@example.com>": (at(b"john.q.public", b"example.com", b"Joe Q. Public"),),
    b"Mary Smith <@node.test:mary@example.net>, , jdoe@test  . example": (
        at(b"mary", b"example.net", b"Mary Smith", b"@node.test"),
        at(b"jdoe", b"test.example"),
    ),
    b"John Doe <jdoe@machine(comment).  example>": (at(b"jdoe", b"machine.example", b"John Doe"),),
    # Names
    b"joe@example.com (Joe Bloggs)": (at(b"joe", b"example.com", b"Joe Bloggs"),),
    b"joe@example.com (a (nested \\( ) name)": (at(b"joe", b"example.com", b"a (nested ( ) name"),),
    b"Jane <jane@example.com> (not a name)": (at(b"jane", b"example.com", b"Jane"),),
    b'"" <a@b>': (at(b"a", b"b"),),
    b'"Bloggs, Joe"<a@b>': (at(b"a", b"b", b"Bloggs, Joe"),),
    b'Joe "the Boss" Bloggs <a@b>': (at(b"a", b"b", b"Joe the Boss Bloggs"),),
    b"Joe\t  Bloggs <a@b>": (at(b"a", b"b", b"Joe Bloggs"),),
    b"a@b.c <a@b.c>": (at(b"a", b"b.c", b"a@b.c"),),
    b"=?utf-8?q?J=C3=B6rg?= <a@b>": (at(b"a", b"b", b"=?utf-8?q?J=C3=B6rg?="),),
    b"=?utf-8?q?Bloggs,_Joe?= <a@b>": (at(b"a", b"b", b"=?utf-8?q?Bloggs,_Joe?="),),
    "Jörg <jörg@exämple.de>".encode(): (at("jörg".encode(), "exämple.de".encode(), "Jörg".encode()),),
    b"\xff\xfe <\x80@\x81>": (at(b"\x80", b"\x81", b"\xff\xfe"),),
    # Local parts and domains
    b'"joe bloggs"@example.com': (at(b"joe bloggs", b"example.com"),),
    b'"a@b"@c': (at(b"a@b", b"c"),),
    b"joe . bloggs @ example . com": (at(b"joe.bloggs", b"example.com"),),
    b"joe@[192.0.2.1]": (at(b"joe", b"[192.0.2.1]"),),
    b"joe@[IPv6:2001:db8::1]": (at(b"joe", b"[IPv6:2001:db8::1]"),),
    b"<@a,@b:c@d>": (at(b"c", b"d", adl=b"@a,@b"),),
    b"<@a:b>": (at(b"b", b"", adl=b"@a"),),
    # Garbage
    b"": (),
    b" , ,;, ": (),
    b"(only a comment)": (),
    b"<>": (at(b""),),
    b"postmaster": (at(b"postmaster"),),
    b"<postmaster>": (at(b"postmaster"),),
    b"Joe Bloggs": (at(b"Joe Bloggs"),),
    b"<@host>": (at(b"", b"host"),),
    b"joe@": (at(b"joe"),),
    b"@": (at(b""),),
    b"joe bloggs@example.com": (at(b"joe bloggs", b"example.com"),),
    b"a@b@c": (at(b"a@b", b"c"),),
    b"<<a@b>>": (at(b"a", b"b"),),
    b"x <a@b> y, z@w": (at(b"a", b"b", b"x"), at(b"z", b"w")),
    b"x <a@b> <c@d>": (at(b"a", b"b", b"x"),),
    b"x <a@b": (at(b"a", b"b", b"x"),),
    b"x <a@b, c@d": (at(b"a", b"b", b"x"), at(b"c", b"d")),
    b"a@b;c@d": (at(b"a", b"b"), at(b"c", b"d")),
    b"g: a@b": (group(b"g"), at(b"a", b"b"), END),
    b"g: a@b, h: c@d;": (group(b"g"), at(b"a", b"b"), END, group(b"h"), at(b"c", b"d"), END),
    b"<a@b>: c@d": (at(b"a", b"b"), at(b"c", b"d")),
    b'"unclosed <a@b>': (at(b"unclosed <a@b>"),),
    b"a@b (unclosed": (at(b"a", b"b", b"unclosed"),),
    b") > \\": (at(b") \\"),),
    b"a@[unclosed": (at(b"a", b"[unclosed"),),
}


@pytest.mark.parametrize("value", CASES, ids=repr)
def test_addresses(value: bytes) -> None:
    assert parse_addresses(value) == CASES[value]


@pytest.mark.parametrize("value", CASES, ids=repr)
def test_the_fast_path_gives_what_the_reader_gives(value: bytes) -> None:
    assert parse_addresses(value) == _Reader(value).read()


SPECIALS = [bytes((octet,)) for octet in b'<>@,:;"()[]\\. \t=?a\xff']
PIECES = st.sampled_from(
    [*SPECIALS, b"B.c", b"  ", b"x@y", b"<x@y>", b'"q, r"', b"=?utf-8?q?a,b?=", b"=?a?q?", b"?="]
)


@given(st.lists(PIECES, max_size=12).map(b"".join))
def test_any_pieces_are_read_alike_on_both_paths(value: bytes) -> None:
    assert parse_addresses(value) == _Reader(value).read()


@given(st.binary(max_size=80))
def test_random_octets_are_read_alike_on_both_paths(value: bytes) -> None:
    assert parse_addresses(value) == _Reader(value).read()


@given(st.lists(PIECES, max_size=20).map(b"".join))
def test_groups_are_balanced(value: bytes) -> None:
    depth = 0
    for address in parse_addresses(value):
        depth += address.is_group_start - address.is_group_end
        assert depth in (0, 1)
    assert depth == 0


def test_texts_of_an_address() -> None:
    address = at(b"joe", b"example.com", b"=?utf-8?q?J=C3=B6?=")
    assert (address.name_text, address.address) == ("Jö", "joe@example.com")
    assert (at(b"joe").name_text, at(b"joe").address) == (None, "joe")


def test_the_ends_of_a_group() -> None:
    assert (group(b"g").is_group_start, group(b"g").is_group_end, group(b"g").address) == (True, False, "")
    assert (END.is_group_start, END.is_group_end, END.address) == (False, True, "")
    assert (at(b"a").is_group_start, at(b"a").is_group_end) == (False, False)


@pytest.mark.parametrize(
    "unit", [b"(", b")", b'"', b"<@a,", b"a ", b"a. ", b",", b":", b"=?", b"\\", b"[", b"a@"]
)
def test_a_mebibyte_of_one_thing_takes_linear_time(unit: bytes) -> None:
    parse_addresses(unit * (2**18 // len(unit)))
