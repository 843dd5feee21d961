from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.address import AddressError, Mailbox, Path
from mailproto.errors import LocalProtocolError
from mailproto.limits import RouteLimits
from mailproto.smtp._host_names import matches_pattern, normal_host_name
from mailproto.smtp.route import (
    MX,
    Addresses,
    Alias,
    Answer,
    Host,
    LookupFailed,
    MXRecords,
    NoData,
    NoSuchName,
    Query,
    RecordType,
    Route,
    RouteError,
    RouteFailure,
    Skipped,
    Unusable,
    find_route,
    group_by_domain,
)

Zone = Mapping[str, Answer]
"""Answers by "name type"; an address query that is not here gets NoData."""


def keep(_records: list[MX]) -> None:
    """Leave the order as it is."""


def search(domain: str, zone: Zone, **arguments: Any) -> tuple[Route, list[str]]:
    """Return the route and the questions that were asked."""
    asked: list[str] = []
    arguments.setdefault("shuffle", keep)
    steps = find_route(domain, **arguments)
    answer: Answer | None = None
    try:
        while True:
            query = next(steps) if answer is None else steps.send(answer)
            assert isinstance(query, Query)
            asked.append(f"{query.name} {query.type.value}")
            answer = zone.get(asked[-1], NoData())
    except StopIteration as found:
        return found.value, asked


def hosts(route: Route) -> list[tuple[int, str, tuple[str, ...]]]:
    return [(host.preference, host.name, host.addresses) for host in route.hosts]


def mx(*records: tuple[int, str], **arguments: Any) -> MXRecords:
    return MXRecords(tuple(MX(*record) for record in records), **arguments)


def a(*addresses: str, **arguments: Any) -> Addresses:
    return Addresses(addresses, **arguments)


ROUTES: list[tuple[str, Zone, dict[str, Any], list[tuple[int, str, tuple[str, ...]]]]] = [
    (
        "by preference",
        {
            "x.example MX": mx((20, "b.example."), (10, "A.Example."), (30, "c.example")),
            "a.example A": a("192.0.2.1"),
            "b.example A": a("192.0.2.2"),
            "c.example AAAA": a("2001:DB8::3"),
        },
        {},
        [
            (10, "a.example", ("192.0.2.1",)),
            (20, "b.example", ("192.0.2.2",)),
            (30, "c.example", ("2001:db8::3",)),
        ],
    ),
    (
        "one preference is shuffled, the levels are not",
        {
            "x.example MX": mx((10, "a.example"), (10, "b.example"), (5, "c.example")),
            "a.example A": a("192.0.2.1"),
            "b.example A": a("192.0.2.2"),
            "c.example A": a("192.0.2.3"),
        },
        {"shuffle": list.reverse},
        [
            (5, "c.example", ("192.0.2.3",)),
            (10, "b.example", ("192.0.2.2",)),
            (10, "a.example", ("192.0.2.1",)),
        ],
    ),
    (
        "the order of the resolver, IPv6 first",
        {
            "x.example MX": mx((10, "a.example")),
            "a.example A": a("192.0.2.9", "192.0.2.1"),
            "a.example AAAA": a("2001:db8::1"),
        },
        {},
        [(10, "a.example", ("2001:db8::1", "192.0.2.9", "192.0.2.1"))],
    ),
    (
        "only IPv4 is asked for",
        {
            "x.example MX": mx((10, "a.example")),
            "a.example A": a("192.0.2.1"),
            "a.example AAAA": a("2001:db8::1"),
        },
        {"types": (RecordType.A,)},
        [(10, "a.example", ("192.0.2.1",))],
    ),
    ("no MX: the domain itself", {"x.example A": a("192.0.2.1")}, {}, [(0, "x.example", ("192.0.2.1",))]),
    (
        "an empty answer is no MX",
        {"x.example MX": mx(), "x.example A": a("192.0.2.1")},
        {},
        [(0, "x.example", ("192.0.2.1",))],
    ),
    (
        "MX records are there: the address of the domain is not used",
        {
            "x.example MX": mx((10, "a.example"), (20, "b.example")),
            "x.example A": a("192.0.2.9"),
            "b.example A": a("192.0.2.2"),
        },
        {},
        [(20, "b.example", ("192.0.2.2",))],
    ),
    (
        "what fails is passed over",
        {
            "x.example MX": mx((10, "a.example"), (20, "b.example")),
            "a.example AAAA": LookupFailed(),
            "b.example AAAA": LookupFailed(),
            "b.example A": a("192.0.2.2"),
        },
        {},
        [(20, "b.example", ("192.0.2.2",))],
    ),
    (
        "own name: it and what is no more preferred is dropped",
        {
            "x.example MX": mx((10, "a.example"), (20, "me.example"), (20, "b.example"), (30, "c.example")),
            "a.example A": a("192.0.2.1"),
            "b.example A": a("192.0.2.2"),
        },
        {"own_names": ["ME.example."]},
        [(10, "a.example", ("192.0.2.1",))],
    ),
    (
        "own address, found after a host of its level",
        {
            "x.example MX": mx((10, "a.example"), (20, "b.example"), (20, "c.example"), (30, "d.example")),
            "a.example A": a("192.0.2.1"),
            "b.example A": a("192.0.2.2"),
            "c.example AAAA": a("2001:db8:0::1"),
            "d.example A": a("192.0.2.4"),
        },
        {"own_addresses": ["2001:0db8::0001"]},
        [(10, "a.example", ("192.0.2.1",))],
    ),
    (
        "own name behind an alias",
        {
            "x.example MX": mx((10, "a.example"), (20, "b.example")),
            "a.example A": a("192.0.2.1"),
            "b.example A": a("192.0.2.2", name="me.example"),
        },
        {"own_names": ["me.example"]},
        [(10, "a.example", ("192.0.2.1",))],
    ),
    (
        "a null record among others means nothing",
        {"x.example MX": mx((0, "."), (10, "a.example")), "a.example A": a("192.0.2.1")},
        {},
        [(10, "a.example", ("192.0.2.1",))],
    ),
    (
        "an exchange twice",
        {"x.example MX": mx((10, "a.example"), (20, "A.example.")), "a.example A": a("192.0.2.1")},
        {},
        [(10, "a.example", ("192.0.2.1",))],
    ),
    (
        "an exchange with an underscore",
        {"x.example MX": mx((10, "mail_1.example")), "mail_1.example A": a("192.0.2.1")},
        {},
        [(10, "mail_1.example", ("192.0.2.1",))],
    ),
    (
        "as many addresses as may be tried",
        {
            "x.example MX": mx((10, "a.example"), (20, "b.example"), (30, "c.example")),
            "a.example A": a("192.0.2.1"),
            "b.example A": a("192.0.2.2", "192.0.2.3", "192.0.2.4"),
            "c.example A": a("192.0.2.5"),
        },
        {"limits": RouteLimits(max_addresses=3)},
        [(10, "a.example", ("192.0.2.1",)), (20, "b.example", ("192.0.2.2", "192.0.2.3"))],
    ),
    (
        "as many hosts as may be looked up",
        {
            "x.example MX": mx((10, "a.example"), (20, "b.example")),
            "a.example A": a("192.0.2.1"),
            "b.example A": a("192.0.2.2"),
        },
        {"limits": RouteLimits(max_hosts=1)},
        [(10, "a.example", ("192.0.2.1",))],
    ),
    (
        "an answer without an address is none",
        {
            "x.example MX": mx((10, "a.example"), (20, "b.example")),
            "a.example AAAA": a(),
            "a.example A": a(),
            "b.example A": a("192.0.2.2"),
        },
        {},
        [(20, "b.example", ("192.0.2.2",))],
    ),
    (
        "own name behind an alias that the resolver does not follow",
        {
            "x.example MX": mx((10, "a.example"), (20, "b.example")),
            "a.example A": a("192.0.2.1"),
            "b.example AAAA": Alias("me.example"),
            "me.example AAAA": a("2001:db8::1"),
        },
        {"own_names": ["me.example"]},
        [(10, "a.example", ("192.0.2.1",))],
    ),
    (
        "an alias that the resolver does not follow",
        {
            "x.example MX": Alias("y.example."),
            "y.example MX": mx((10, "a.example")),
            "a.example A": Alias("b.example"),
            "b.example A": a("192.0.2.1"),
        },
        {},
        [(10, "a.example", ("192.0.2.1",))],
    ),
]


@pytest.mark.parametrize(
    "zone, arguments, expected", [case[1:] for case in ROUTES], ids=[c[0] for c in ROUTES]
)
def test_routes(
    zone: Zone, arguments: dict[str, Any], expected: list[tuple[int, str, tuple[str, ...]]]
) -> None:
    route, _ = search("X.example", zone, **arguments)
    assert hosts(route) == expected
    assert route.domain == "x.example"
    assert route.is_secure is False
    alias = zone.get("x.example MX")
    assert route.canonical_domain == ("y.example" if isinstance(alias, Alias) else "x.example")
    assert list(route.attempts()) == [(host, address) for host in route.hosts for address in host.addresses]


FAILURES: list[tuple[str, Zone, dict[str, Any], RouteFailure, bytes]] = [
    ("null MX", {"x.example MX": mx((0, "."))}, {}, RouteFailure.NULL_MX, b"556 5.1.10"),
    ("null MX without a dot", {"x.example MX": mx((0, ""))}, {}, RouteFailure.NULL_MX, b"556 5.1.10"),
    ("no such domain", {"x.example MX": NoSuchName()}, {}, RouteFailure.NO_SUCH_DOMAIN, b"550 5.1.2"),
    ("no answer", {"x.example MX": LookupFailed("late")}, {}, RouteFailure.LOOKUP_FAILED, b"451 4.4.3"),
    ("neither MX nor address", {}, {}, RouteFailure.NO_HOST, b"550 5.4.4"),
    (
        "the address of the domain is not to be had",
        {"x.example A": LookupFailed()},
        {},
        RouteFailure.LOOKUP_FAILED,
        b"451 4.4.3",
    ),
    (
        "MX without address, although the domain has one",
        {"x.example MX": mx((10, "a.example")), "x.example A": a("192.0.2.1")},
        {},
        RouteFailure.NO_HOST,
        b"550 5.4.4",
    ),
    (
        "one of them fails for the moment",
        {"x.example MX": mx((10, "a.example"), (20, "b.example")), "b.example A": LookupFailed()},
        {},
        RouteFailure.LOOKUP_FAILED,
        b"451 4.4.3",
    ),
    (
        "an address in place of a name",
        {"x.example MX": mx((10, "192.0.2.1")), "192.0.2.1 A": a("192.0.2.1")},
        {},
        RouteFailure.NO_HOST,
        b"550 5.4.4",
    ),
    (
        "this host is the best",
        {"x.example MX": mx((10, "me.example"), (10, "b.example"), (20, "c.example"))},
        {"own_names": ["me.example"]},
        RouteFailure.LOOP,
        b"554 5.4.6",
    ),
    (
        "this host is the best, by address",
        {"x.example MX": mx((10, "b.example"), (10, "a.example")), "a.example A": a("192.0.2.1")},
        {"own_addresses": ["192.0.2.1"]},
        RouteFailure.LOOP,
        b"554 5.4.6",
    ),
    (
        "this host is the domain",
        {"x.example A": a("192.0.2.1")},
        {"own_names": ["x.example"]},
        RouteFailure.LOOP,
        b"554 5.4.6",
    ),
    (
        "what is better than this host may come back",
        {"x.example MX": mx((10, "a.example"), (20, "me.example")), "a.example A": LookupFailed()},
        {"own_names": ["me.example"]},
        RouteFailure.LOOKUP_FAILED,
        b"451 4.4.3",
    ),
    (
        "what is better than this host does not exist",
        {"x.example MX": mx((10, "a.example"), (20, "me.example"))},
        {"own_names": ["me.example"]},
        RouteFailure.NO_HOST,
        b"550 5.4.4",
    ),
    (
        "aliases in a circle",
        {"x.example MX": Alias("y.example"), "y.example MX": Alias("x.example")},
        {},
        RouteFailure.LOOKUP_FAILED,
        b"451 4.4.3",
    ),
    (
        "an alias of the domain that leads nowhere",
        {"x.example MX": Alias("y.example"), "y.example MX": NoSuchName()},
        {},
        RouteFailure.NO_SUCH_DOMAIN,
        b"550 5.1.2",
    ),
    ("an alias to no name", {"x.example MX": Alias("a b")}, {}, RouteFailure.NO_HOST, b"550 5.4.4"),
]


@pytest.mark.parametrize(
    "zone, arguments, failure, start", [case[1:] for case in FAILURES], ids=[c[0] for c in FAILURES]
)
def test_failures(zone: Zone, arguments: dict[str, Any], failure: RouteFailure, start: bytes) -> None:
    with pytest.raises(RouteError, match=r"^x\.example: ") as caught:
        search("x.example", zone, **arguments)
    assert (caught.value.domain, caught.value.failure) == ("x.example", failure)
    assert caught.value.reply.serialize().startswith(start)
    assert caught.value.is_transient is (failure is RouteFailure.LOOKUP_FAILED)


def test_what_is_skipped_is_told() -> None:
    zone: Zone = {
        "x.example MX": mx((1, "a..b"), (2, "none.example"), (3, "late.example"), (4, "ok.example")),
        "late.example AAAA": LookupFailed(),
        "ok.example AAAA": a("2001:db8::1"),
    }
    route, _ = search("x.example", zone)
    assert route.skipped == (
        Skipped("a..b", 1, Unusable.NOT_A_NAME),
        Skipped("none.example", 2, Unusable.NO_ADDRESS),
        Skipped("late.example", 3, Unusable.LOOKUP_FAILED),
    )


def test_questions() -> None:
    zone: Zone = {
        "x.example MX": mx((1, "gone.example"), (2, "a.example")),
        "gone.example AAAA": NoSuchName(),
    }
    with pytest.raises(RouteError):
        search("x.example", zone)
    _, asked = search("x.example", {**zone, "a.example A": a("192.0.2.1")})
    assert asked == ["x.example MX", "gone.example AAAA", "a.example AAAA", "a.example A"]
    _, asked = search("Grüße.example", {"xn--gre-6ka8l.example A": a("192.0.2.1")})
    assert asked == [f"xn--gre-6ka8l.example {kind}" for kind in ("MX", "AAAA", "A")]


def test_an_exchange_that_is_an_alias() -> None:
    zone: Zone = {
        "x.example MX": mx((1, "a.example"), (2, "b.example")),
        "a.example A": a("192.0.2.1", name="c.example."),
        "b.example A": a("192.0.2.2"),
    }
    route, _ = search("x.example", zone)
    assert [(host.name, host.canonical_name) for host in route.hosts] == [
        ("a.example", "c.example"),
        ("b.example", "b.example"),
    ]
    follows: Zone = {**zone, "a.example A": Alias("c.example."), "c.example A": a("192.0.2.1")}
    for each in (zone, follows):
        route, _ = search("x.example", each, strict=True)
        assert hosts(route) == [(2, "b.example", ("192.0.2.2",))]
        assert route.skipped == (Skipped("a.example", 1, Unusable.ALIAS),)


def test_an_exchange_that_is_two_aliases_has_no_name_but_its_own() -> None:
    zone: Zone = {
        "x.example MX": mx((1, "a.example")),
        "a.example AAAA": a("2001:db8::1", name="b.example"),
        "a.example A": a("192.0.2.1", name="c.example"),
    }
    route, _ = search("x.example", zone)
    assert [host.canonical_name for host in route.hosts] == ["a.example"]


def test_an_alias_to_no_name_is_not_asked_for() -> None:
    _, asked = search("x.example", {"x.example MX": Alias("a b"), "x.example A": a("192.0.2.1")})
    assert asked == ["x.example MX", "x.example AAAA", "x.example A"]


SECURE, INSECURE = {"is_secure": True}, {"is_secure": False}


@pytest.mark.parametrize(
    "ipv6, ipv4, expected",
    [
        (NoData(), a("192.0.2.1", **SECURE), (True, True)),
        (a("2001:db8::1", **SECURE), a("192.0.2.1", **SECURE), (True, True)),
        (a("2001:db8::1", **INSECURE), a("192.0.2.1", **SECURE), (False, False)),
        (NoData(), a("192.0.2.1"), (False, False)),
        (NoData(), a("192.0.2.1", name="b.example", is_alias_secure=True), (False, True)),
        (Alias("b.example", is_secure=True), NoData(), (True, True)),
        (Alias("c.example", is_secure=True), NoData(), (False, True)),
        (Alias("b.example"), NoData(), (False, False)),
    ],
)
def test_what_dnssec_says_of_a_host(ipv6: Answer, ipv4: Answer, expected: tuple[bool, bool]) -> None:
    zone: Zone = {
        "x.example MX": mx((1, "a.example"), is_secure=True, name="y.example."),
        "a.example AAAA": ipv6,
        "a.example A": ipv4,
        "b.example AAAA": a("2001:db8::2", is_secure=True),
        "c.example AAAA": Alias("b.example"),
    }
    route, _ = search("x.example", zone)
    assert (route.is_secure, route.canonical_domain, route.is_implicit) == (True, "y.example", False)
    host = route.hosts[0]
    assert (host.is_secure, host.is_alias_secure) == expected


@pytest.mark.parametrize(
    "literal, address",
    [
        ("[192.0.2.1]", "192.0.2.1"),
        ("[192.000.02.001]", "192.0.2.1"),
        ("[IPv6:2001:DB8::1]", "2001:db8::1"),
        ("[ipv6:2001:db8::192.0.2.1]", "2001:db8::c000:201"),
    ],
)
def test_address_literals_ask_nobody(literal: str, address: str) -> None:
    route, asked = search(literal, {})
    assert asked == []
    assert route.is_literal
    assert route.hosts == (Host(name=literal, addresses=(address,), canonical_name=literal),)
    with pytest.raises(RouteError) as caught:
        search(literal, {}, own_addresses=[address])
    assert caught.value.failure is RouteFailure.LOOP


def test_an_address_literal_of_another_kind() -> None:
    with pytest.raises(RouteError) as caught:
        search("[x400:abc]", {})
    assert caught.value.failure is RouteFailure.NO_HOST


@pytest.mark.parametrize(
    "domain", ["", ".", "a..b", "a b", "[1.2.3]", "-a.example", "192.0.2.1", "x\r\n.example"]
)
def test_what_is_no_domain(domain: str) -> None:
    with pytest.raises(AddressError):
        search(domain, {})


@pytest.mark.parametrize(
    "zone",
    [
        {"x.example MX": a("192.0.2.1")},
        {"x.example A": mx((10, "a.example"))},
    ],
)
def test_an_answer_to_another_question(zone: Zone) -> None:
    with pytest.raises(LocalProtocolError):
        search("x.example", zone)


def test_values_are_checked() -> None:
    for preference in (-1, 65_536):
        with pytest.raises(LocalProtocolError):
            MX(preference, "a.example")
    with pytest.raises(AddressError):
        a("mx.example")


def test_recipients_by_domain() -> None:
    mailbox = Mailbox("c", "X.example")
    recipients: list[str | bytes | Mailbox | Path] = [
        "a@x.example",
        b"b@grxn--x.example",
        mailbox,
        Path(Mailbox("d", "[IPv6:::1]")),
        "<postmaster>",
    ]
    assert group_by_domain(recipients) == {
        "x.example": ("a@x.example", mailbox),
        "grxn--x.example": (b"b@grxn--x.example",),
        "[ipv6:::1]": (Path(Mailbox("d", "[IPv6:::1]")),),
        "": ("<postmaster>",),
    }
    assert group_by_domain(["a@grüße.example", "b@XN--gre-6ka8l.example"]) == {
        "xn--gre-6ka8l.example": ("a@grüße.example", "b@XN--gre-6ka8l.example")
    }
    for wrong in ("<>", "a@@b"):
        with pytest.raises(AddressError):
            group_by_domain([wrong])


@pytest.mark.parametrize(
    "pattern, name, expected",
    [
        ("mail.example", "mail.example", True),
        ("mail.example", "a.mail.example", False),
        ("*.example", "mail.example", True),
        ("*.example", "a.mail.example", False),
        ("*.example", "example", False),
        ("*.example", ".example", False),
        ("m*.example", "mail.example", False),
        ("*", "example", False),
    ],
)
def test_patterns(pattern: str, name: str, expected: bool) -> None:
    assert matches_pattern(pattern, name) is expected


@pytest.mark.parametrize("name", ["a" * 64 + ".example", ".".join(["a" * 60] * 5), "a_.-b", "a\n", "é..x"])
def test_what_is_no_host_name(name: str) -> None:
    with pytest.raises(AddressError):
        normal_host_name(name)


@given(
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from("abcdefg")), min_size=1, max_size=12),
    st.integers(0, 2**32),
    st.sampled_from([*"abcdefg", None]),
)
def test_no_host_is_as_little_preferred_as_this_one(
    records: list[tuple[int, str]], seed: int, own: str | None
) -> None:
    zone: dict[str, Answer] = {
        f"{name}.example A": a(f"192.0.2.{number}") for number, name in enumerate("abcdefg")
    }
    zone["x.example MX"] = mx(*((preference, f"{name}.example") for preference, name in records))
    own_names = [] if own is None else [f"{own}.example"]
    best: dict[str, int] = {}
    for preference, name in records:
        best[name] = min(preference, best.get(name, 9))
    expected = {name for name, preference in best.items() if own is None or preference < best.get(own, 9)}
    try:
        route, _ = search("x.example", zone, own_names=own_names, shuffle=random.Random(seed).shuffle)
    except RouteError as error:
        assert error.failure is RouteFailure.LOOP
        assert not expected
        return
    assert {host.name for host in route.hosts} == {f"{name}.example" for name in expected}
    preferences = [host.preference for host in route.hosts]
    assert preferences == sorted(preferences)
