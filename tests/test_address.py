from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.address import (
    NULL_PATH,
    AddressError,
    Mailbox,
    Path,
    match_path,
    parse_domain_or_literal,
    to_a_label,
    to_u_label,
)
from mailproto.errors import LocalProtocolError

# Read and written as the same octets.
CASES = {
    "plain": (b"<Smith@bar.com>", Mailbox("Smith", "bar.com")),
    "dots": (b"<a.b.c@x.example>", Mailbox("a.b.c", "x.example")),
    "every atext": (b"<!#$%&'*+-/=?^_`{|}~@x.example>", Mailbox("!#$%&'*+-/=?^_`{|}~", "x.example")),
    "one label": (b"<root@localhost>", Mailbox("root", "localhost")),
    "digits and hyphens": (b"<1@3-a--b.4>", Mailbox("1", "3-a--b.4")),
    "space": (b'<"a b"@x.example>', Mailbox("a b", "x.example")),
    "at sign in quotes": (b'<"a@b"@x.example>', Mailbox("a@b", "x.example")),
    "angle in quotes": (b'<"a>b"@x.example>', Mailbox("a>b", "x.example")),
    "escaped quote and backslash": (rb'<"a\"b\\c"@x.example>', Mailbox('a"b\\c', "x.example")),
    "two dots": (b'<"a..b"@x.example>', Mailbox("a..b", "x.example")),
    "dot at the end": (b'<"a."@x.example>', Mailbox("a.", "x.example")),
    "empty local part": (b'<""@x.example>', Mailbox("", "x.example")),
    "IPv4": (b"<a@[123.255.37.2]>", Mailbox("a", "[123.255.37.2]")),
    "IPv6 full": (b"<a@[IPv6:1:2:3:4:5:6:7:abCD]>", Mailbox("a", "[IPv6:1:2:3:4:5:6:7:abCD]")),
    "IPv6 compressed": (b"<a@[IPv6:2001:db8::1]>", Mailbox("a", "[IPv6:2001:db8::1]")),
    "IPv6 any": (b"<a@[ipv6:::]>", Mailbox("a", "[ipv6:::]")),
    "IPv6 six groups": (b"<a@[IPv6:1:2:3::4:5:6]>", Mailbox("a", "[IPv6:1:2:3::4:5:6]")),
    "IPv6 with IPv4": (b"<a@[IPv6:1:2:3:4:5:6:1.2.3.4]>", Mailbox("a", "[IPv6:1:2:3:4:5:6:1.2.3.4]")),
    "IPv6 compressed with IPv4": (b"<a@[IPv6:::ffff:1.2.3.4]>", Mailbox("a", "[IPv6:::ffff:1.2.3.4]")),
    "general literal": (b"<a@[X-tag:any%thing]>", Mailbox("a", "[X-tag:any%thing]")),
    "UTF-8 local part": ("<björn@x.example>".encode(), Mailbox("björn", "x.example")),
    "UTF-8 quoted": ('<"bj örn"@x.example>'.encode(), Mailbox("bj örn", "x.example")),
    "U-label": ("<a@bücher.example>".encode(), Mailbox("a", "bücher.example")),
    "U-label in capitals": ("<a@BÜCHER.example>".encode(), Mailbox("a", "BÜCHER.example")),
    "A-label": (b"<a@xn--bcher-kva.example>", Mailbox("a", "xn--bcher-kva.example")),
    "Chinese": ("<用户@例え.テスト>".encode(), Mailbox("用户", "例え.テスト")),
    "postmaster": (b"<Postmaster>", Mailbox("Postmaster", "")),
    "postmaster small": (b"<postmaster>", Mailbox("postmaster", "")),
    "long domain": (
        b"<a@" + b".".join([b"x" * 63] * 3) + b".example>",
        Mailbox("a", ".".join(["x" * 63] * 3) + ".example"),
    ),
}

# Read, but written in another way.
OTHER_FORMS = {
    "needless quotes": (b'<"Smith"@bar.com>', b"<Smith@bar.com>"),
    "needless escapes": (rb'<"Joe\,\S"@bar.com>', b'<"Joe,S"@bar.com>'),
    "route": (b"<@a.example,@b.example:Smith@bar.com>", b"<Smith@bar.com>"),
    "route of one": (b"<@a:Smith@bar.com>", b"<Smith@bar.com>"),
    "route and quotes": (b'<@a:"S m"@bar.com>', b'<"S m"@bar.com>'),
    "quoted postmaster": (b'<"postmaster">', b"<postmaster>"),
}

NOT_CASES = {
    "empty": (b"", 0),
    "no bracket": (b"a@b", 0),
    "no closing bracket": (b"<a@b", 4),
    "no closing bracket of null": (b"<", 1),
    "no domain": (b"<a>", 2),
    "empty domain": (b"<a@>", 3),
    "no local part": (b"<@b>", 1),
    "dot at the front": (b"<.a@b>", 1),
    "dot at the end": (b"<a.@b>", 2),
    "two dots": (b"<a..b@c>", 2),
    "two at signs": (b"<a@b@c>", 4),
    "space": (b"<a b@c>", 2),
    "space behind": (b"<a@b >", 4),
    "comment": (b"<a(c)@b>", 2),
    "domain with a dot at the end": (b"<a@b.>", 4),
    "domain with two dots": (b"<a@b..c>", 4),
    "domain with a dot at the front": (b"<a@.b>", 3),
    "hyphen at the front": (b"<a@-b>", 3),
    "hyphen at the end": (b"<a@b->", 4),
    "underscore": (b"<a@b_c>", 4),
    "long label": (b"<a@" + b"x" * 64 + b">", 3),
    "long domain": (b"<a@" + b"x." * 128 + b"x>", 258),
    "literal without brackets": (b"<a@IPv6:::1>", 7),
    "Snum of 256": (b"<a@[1.2.3.256]>", 4),
    "IPv4 of three": (b"<a@[1.2.3]>", 4),
    "IPv4 of five": (b"<a@[1.2.3.4.5]>", 4),
    "IPv6 without tag": (b"<a@[::1]>", 4),
    "IPv6 of seven": (b"<a@[IPv6:1:2:3:4:5:6:7]>", 9),
    "IPv6 compressed twice": (b"<a@[IPv6:1::2::3]>", 9),
    "IPv6 of five hexdigits": (b"<a@[IPv6:12345::]>", 9),
    "IPv6 compressed of seven": (b"<a@[IPv6:1:2:3:4::5:6:7]>", 9),
    "IPv6 with IPv4, compressed of five": (b"<a@[IPv6:1:2:3::4:5:1.2.3.4]>", 9),
    "IPv6 with IPv4 in front": (b"<a@[IPv6:1.2.3.4::]>", 9),
    "general without content": (b"<a@[tag:]>", 4),
    "general with bracket": (b"<a@[tag:[]>", 3),
    "empty literal": (b"<a@[]>", 3),
    "open literal": (b"<a@[1.2.3.4>", 3),
    "literal in a route": (b"<@[1.2.3.4]:a@b>", 1),
    "open quotes": (b'<"a@b>', 1),
    "quote inside": (b'<a"b"@c>', 2),
    "dot behind quotes": (b'<"a".b@c>', 4),
    "quotes in quotes": (b'<""a""@c>', 3),
    "backslash at the end": (b'<"a\\"@c>', 1),
    "not UTF-8": (b"<a\xff@b>", 2),
    "not UTF-8 in quotes": (b'<"a \xc3"@b>', 4),
    "not UTF-8 in the domain": (b"<a@b\xff>", 4),
    "surrogate in UTF-8": (b"<\xed\xa0\x80@b>", 1),
    "no U-label": ("<a@\u2028b.example>".encode(), 3),
    "other dot": ("<a@b\u3002c>".encode(), 3),
    "octets behind": (b"<a@b>x", 5),
    "null path and octets": (b"<>x", 2),
}

INJECTIONS = {"CR": "\r", "LF": "\n", "CRLF": "\r\n", "NUL": "\0", "TAB": "\t", "DEL": "\x7f", "ESC": "\x1b"}
ATTACKS = {
    f"{name} {place}": text.replace("%", octet)
    for name, octet in INJECTIONS.items()
    for place, text in {
        "in the local part": "a%b@c",
        "in quotes": '"a%b"@c',
        "escaped in quotes": '"a\\%b"@c',
        "in the domain": "a@b%c",
        "in a literal": "a@[tag:%x]",
        "in front": "%a@b",
        "behind": "a@b%",
        "in a route": "@x%y:a@b",
    }.items()
}


@pytest.mark.parametrize("octets, mailbox", CASES.values(), ids=CASES)
def test_path_both_ways(octets: bytes, mailbox: Mailbox) -> None:
    assert Path.parse(octets) == Path(mailbox)
    assert Path(mailbox).serialize() == octets
    assert Mailbox.parse(octets[1:-1]) == mailbox
    assert Mailbox.parse(octets[1:-1].decode()) == mailbox
    assert mailbox.serialize() == octets[1:-1]


@pytest.mark.parametrize("octets, written", OTHER_FORMS.values(), ids=OTHER_FORMS)
def test_path_is_written_in_its_shortest_form(octets: bytes, written: bytes) -> None:
    assert Path.parse(octets).serialize() == written
    assert Path.parse(octets) == Path.parse(written)


@pytest.mark.parametrize("octets, offset", NOT_CASES.values(), ids=NOT_CASES)
def test_no_path(octets: bytes, offset: int) -> None:
    with pytest.raises(AddressError) as caught:
        Path.parse(octets)
    assert caught.value.offset == offset


@pytest.mark.parametrize("text", ATTACKS.values(), ids=ATTACKS)
def test_injection(text: str) -> None:
    with pytest.raises(AddressError):
        Path.parse(b"<" + text.encode() + b">")
    with pytest.raises(AddressError):
        Path.of(text)
    with pytest.raises(AddressError):
        Mailbox.parse(text)


@pytest.mark.parametrize("octet", INJECTIONS.values(), ids=INJECTIONS)
def test_no_mailbox_with_controls_can_be_built(octet: str) -> None:
    with pytest.raises(AddressError):
        Mailbox(f"a{octet}b", "c.example")
    with pytest.raises(AddressError):
        Mailbox("a", f"c{octet}.example")
    with pytest.raises(AddressError):
        Mailbox("a", f"c.example{octet}")


@pytest.mark.parametrize(
    "local_part, domain",
    [
        ("a", ""),
        ("", ""),
        ("a", "b>"),
        ("a\udc80", "b"),
        ("a", "b\udc80"),
        ("a", "[1.2.3.4"),
        ("a" * 65, "b"),
    ],
    ids=repr,
)
def test_no_mailbox(local_part: str, domain: str) -> None:
    with pytest.raises(AddressError):
        Mailbox(local_part, domain)


def test_null_path() -> None:
    assert Path.parse(b"<>") is NULL_PATH
    assert NULL_PATH.serialize() == b"<>"
    assert str(NULL_PATH) == "<>"
    assert NULL_PATH.is_null
    assert NULL_PATH.is_ascii
    assert not Path.of("a@b").is_null


def test_match_path_says_where_it_ends() -> None:
    line = b"MAIL FROM:<a@b.example> SIZE=1"
    assert match_path(line, 10) == (Path(Mailbox("a", "b.example")), 23)
    assert match_path(b"RCPT TO:<@x:a@b>", 8) == (Path(Mailbox("a", "b")), 16)


def test_plain_and_general_patterns_agree() -> None:
    for octets, mailbox in CASES.values():
        routed = octets.replace(b"<", b"<@x:", 1)
        assert Path.parse(routed) == Path.parse(octets) == Path(mailbox)


@pytest.mark.parametrize(
    "value, path",
    [
        ("a@b", Path(Mailbox("a", "b"))),
        ("<a@b>", Path(Mailbox("a", "b"))),
        (b"a@b", Path(Mailbox("a", "b"))),
        (Mailbox("a", "b"), Path(Mailbox("a", "b"))),
        (Path(Mailbox("a", "b")), Path(Mailbox("a", "b"))),
        ("", NULL_PATH),
        ("<>", NULL_PATH),
        ("Postmaster", Path(Mailbox("Postmaster", ""))),
        ("jürgen@bücher.example", Path(Mailbox("jürgen", "bücher.example"))),
    ],
    ids=repr,
)
def test_path_of_what_a_caller_gives(value: str | bytes | Mailbox | Path, path: Path) -> None:
    assert Path.of(value) == path


@pytest.mark.parametrize("value", ["Ann <a@b>", "a", "a@b, c@d", " a@b", "a@b\udc80", b"a@\xff"], ids=repr)
def test_path_of_nonsense(value: str | bytes) -> None:
    with pytest.raises(LocalProtocolError):
        Path.of(value)


def outcome_of(value: str | bytes) -> Path | str:
    try:
        return Path.of(value)
    except AddressError as error:
        return str(error)


@pytest.mark.parametrize("local_part", ["a", "a.b", "a.", "a" * 64, "a" * 65, '"a b"', "é", "Postmaster"])
@pytest.mark.parametrize("domain", ["", "@", "@b", "@b" * 2, "@[127.0.0.1]", "@" + "b" * 63, "@" + "b" * 64])
def test_text_and_octets_are_the_same_path(local_part: str, domain: str) -> None:
    text = local_part + domain
    assert outcome_of(text) == outcome_of(text.encode())


@given(st.text(alphabet='aZ0.-_@<>" \\[]:é\n', max_size=12))
def test_any_text_and_its_octets_are_the_same_path(text: str) -> None:
    assert outcome_of(text) == outcome_of(text.encode())


def test_long_addresses_are_read_but_not_built() -> None:
    octets = b"<" + b"a" * 65 + b"@b.example>"
    assert Path.parse(octets).serialize() == octets
    with pytest.raises(AddressError):
        Path.of(octets)
    with pytest.raises(AddressError):
        Path.of(Mailbox.parse(octets[1:-1]))
    long_path = b"<" + b"a" * 64 + b"@" + b"b." * 95 + b"c>"
    assert len(Path.parse(long_path).serialize()) == 258
    with pytest.raises(AddressError):
        Path.of(long_path)
    assert len(Path.of(b"<" + b"a" * 64 + b"@" + b"b." * 94 + b"c>").serialize()) == 256


def test_equal_and_hashable() -> None:
    parsed = Path.parse(b'<"Smith"@bar.com>')
    assert {parsed, Path(Mailbox("Smith", "bar.com"))} == {parsed}
    assert Mailbox("a", "b") != Mailbox("A", "b")


@pytest.mark.parametrize(
    "text, is_ascii", [("a@b", True), ("ä@b", False), ("a@ä.example", False), ("postmaster", True)], ids=repr
)
def test_is_ascii(text: str, is_ascii: bool) -> None:
    assert Mailbox.parse(text).is_ascii is is_ascii
    assert Path.of(text).is_ascii is is_ascii


def test_to_ascii() -> None:
    assert Mailbox("a", "Bücher.example").to_ascii() == Mailbox("a", "xn--bcher-kva.example")
    plain = Mailbox("a", "b.example")
    assert plain.to_ascii() is plain
    with pytest.raises(LocalProtocolError):
        Mailbox("ä", "b.example").to_ascii()


@pytest.mark.parametrize(
    "u_label, a_label",
    [
        ("bücher.example", "xn--bcher-kva.example"),
        ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
        ("plain.example", "plain.example"),
        ("[1.2.3.4]", "[1.2.3.4]"),
    ],
    ids=repr,
)
def test_labels_both_ways(u_label: str, a_label: str) -> None:
    assert to_a_label(u_label) == a_label
    assert to_u_label(a_label) == u_label


def test_broken_labels() -> None:
    assert to_u_label("xn--\u00fc.example") == "xn--\u00fc.example"
    assert to_u_label("xn--99999999.example") == "xn--99999999.example"
    for domain in ("a..b", "", "a b", "\u2028.example", "ü" * 64):
        with pytest.raises(LocalProtocolError):
            to_a_label(domain)


@pytest.mark.parametrize(
    "text", ["mx.example.org", b"mx", "[127.0.0.1]", "[IPv6:::1]", "bücher.example"], ids=repr
)
def test_domain_or_literal(text: str | bytes) -> None:
    expected = text if isinstance(text, str) else text.decode()
    assert parse_domain_or_literal(text) == expected


@pytest.mark.parametrize("text", ["", "a b", "a_b", "[1.2.3.4]x", "[127.0.0.1", "a\r\n", "\udc80"], ids=repr)
def test_no_domain_or_literal(text: str) -> None:
    with pytest.raises(AddressError):
        parse_domain_or_literal(text)


@pytest.mark.parametrize(
    "octets",
    [
        b'<"' + b"\\a" * 500_000,
        b"<" + b"a." * 500_000,
        b"<" + b"@a," * 300_000,
        b"<a@" + b"b-" * 500_000,
        b"<a@" + b"b." * 500_000 + b">",
        b"<a@[IPv6:" + b"1:" * 500_000 + b"]>",
        b"<" + b'"' * 1_000_000,
        b"<a@" + "ü".encode() * 500_000 + b">",
    ],
    ids=lambda octets: repr(octets[:12]),
)
def test_a_mebibyte_takes_no_time(octets: bytes) -> None:
    begin = time.process_time()
    with pytest.raises(AddressError):
        Path.parse(octets)
    assert time.process_time() - begin < 1


LOCAL_PARTS = st.text(
    st.characters(min_codepoint=32, exclude_characters="\x7f", exclude_categories=["Cs"]), max_size=16
)
DOMAINS = st.lists(
    st.from_regex(r"[a-z0-9](?:[a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True), min_size=1, max_size=5
).map(".".join)


@given(LOCAL_PARTS, DOMAINS)
def test_round_trip(local_part: str, domain: str) -> None:
    mailbox = Mailbox(local_part, domain)
    assert Mailbox.parse(mailbox.serialize()) == mailbox
    path = Path(mailbox)
    assert match_path(b"x" + path.serialize() + b" y", 1) == (path, 1 + len(path.serialize()))


@given(st.binary(max_size=64))
def test_random_octets(octets: bytes) -> None:
    for candidate in (octets, b"<" + octets + b">", b"<a@" + octets + b">"):
        with contextlib.suppress(AddressError):
            path = Path.parse(candidate)
            assert Path.parse(path.serialize()) == path
