from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.address import AddressError
from mailproto.errors import LimitExceeded, LocalProtocolError, RemoteProtocolError
from mailproto.limits import RouteLimits
from mailproto.smtp.mta_sts import (
    MAX_AGE,
    CachedPolicy,
    Demand,
    STSMode,
    STSPolicy,
    STSRecord,
    policy_url,
    record_name,
    select_record,
    should_fetch,
)

RECORDS = [
    (b"v=STSv1; id=20160831085700Z;", STSRecord("20160831085700Z")),
    (b"v=STSv1; id=a;", STSRecord("a")),
    (b"v=STSv1; id=1; x-y.z_=a:b<c>;", STSRecord("1", (("x-y.z_", "a:b<c>"),))),
]
LENIENT_RECORDS = [
    (b"v=STSv1;id=1", STSRecord("1")),
    (b"v=STSv1\t; \tid=1 ;", STSRecord("1")),
    (b"v=STSv1; x=1; id=1; id=2; x=2", STSRecord("1", (("x", "1"),))),
    (b"v=STSv1; id=1; v=STSv2;", STSRecord("1", (("v", "STSv2"),))),
]
NOT_RECORDS = [
    b"",
    b"v=STSv1",
    b"v=STSv1;",
    b"v=STSv1; ;id=1",
    b"v=STSv1; id=",
    b"v=STSv1; id=a-b;",
    b"v=STSv1; id=" + b"a" * 33,
    b"v=STSv1; ID=1;",
    b"V=STSv1; id=1;",
    b"v=STSv2; id=1;",
    b" v=STSv1; id=1;",
    b"id=1; v=STSv1;",
    b"v=STSv1; id=1; x",
    b"v=STSv1; id=1; x=a=b",
    b"v=STSv1; id=1; -x=a",
    b"v=STSv1; id=1; x=a b",
    b"v=STSv1; id=1;;",
    "v=STSv1; id=1; x=é".encode(),
    b"v=STSv1; id=1\n;",
]


@pytest.mark.parametrize("octets, record", RECORDS)
def test_records(octets: bytes, record: STSRecord) -> None:
    assert STSRecord.parse(octets) == record
    assert record.serialize() == octets
    assert select_record([b"v=spf1 -all", octets]) == record


@pytest.mark.parametrize("octets, record", LENIENT_RECORDS)
def test_records_that_we_write_otherwise(octets: bytes, record: STSRecord) -> None:
    assert STSRecord.parse(octets) == record
    assert STSRecord.parse(record.serialize()) == record


@pytest.mark.parametrize("octets", NOT_RECORDS)
def test_what_is_no_record(octets: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        STSRecord.parse(octets)
    assert select_record([octets]) is None


def test_one_record_counts_and_two_do_not() -> None:
    assert select_record([]) is None
    assert select_record([b"v=STSv1; id=1;", b"v=STSv1; id=2;"]) is None
    assert select_record([b"v=STSv1; id=1;", b"v=STSv2; id=2;"]) == STSRecord("1")
    assert select_record([b"v=STSv1; id=1;", b"v=STSv1;"]) is None


def test_a_record_that_cannot_be_written() -> None:
    bad: list[tuple[str, tuple[tuple[str, str], ...]]] = [
        ("", ()),
        ("a;b", ()),
        ("1\n", ()),
        ("1", (("id", "2"),)),
        ("1", (("x", "1"), ("x", "2"))),
        ("1", (("x", "a;b"),)),
    ]
    for arguments in bad:
        with pytest.raises(LocalProtocolError):
            STSRecord(*arguments)


ENFORCE = STSPolicy(
    mode=STSMode.ENFORCE,
    max_age=604_800,
    mx=("mail.example.com", "*.example.net", "backupmx.example.com"),
)
POLICIES = [
    (
        b"version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.example.net\r\n"
        b"mx: backupmx.example.com\r\nmax_age: 604800\r\n",
        ENFORCE,
    ),
    (b"version: STSv1\r\nmode: none\r\nmax_age: 0\r\n", STSPolicy(mode=STSMode.NONE, max_age=0)),
    (
        b"version: STSv1\r\nmode: testing\r\nmx: a.example\r\nmax_age: 31557600\r\n"
        + "x-note: grüß dich\r\n".encode(),
        STSPolicy(
            mode=STSMode.TESTING, max_age=MAX_AGE, mx=("a.example",), extensions=(("x-note", "grüß dich"),)
        ),
    ),
]
NONE = STSPolicy(mode=STSMode.NONE, max_age=5)
LENIENT_POLICIES = [
    (b"version:STSv1\nmode:none\nmax_age:5", NONE),
    (b"max_age: 5 \t\nversion:\t STSv1\r\nmode: none\n", NONE),
    (b"version: STSv1\nmode: none\nmode: enforce\nmax_age: 5\nmax_age: 6\nversion: STSv2", NONE),
    (
        b"version: STSv1\nmode: none\nmax_age: 9999999999\nmx: A.Example\nMode: x\nx: 1\nx: 2",
        STSPolicy(
            mode=STSMode.NONE, max_age=MAX_AGE, mx=("a.example",), extensions=(("Mode", "x"), ("x", "1"))
        ),
    ),
]
NOT_POLICIES = [
    b"",
    b"\r\n",
    b"<html>",
    b"version: STSv1\nmode: none",
    b"mode: none\nmax_age: 5",
    b"version: STSv1\nmax_age: 5",
    b"version: STSv2\nmode: none\nmax_age: 5",
    b"version: STSv1\nmode: Enforce\nmax_age: 5\nmx: a.example",
    b"version: STSv1\nmode: enforce\nmax_age: 5",
    b"version: STSv1\nmode: testing\nmax_age: 5",
    b"version: STSv1\nmode: none\nmax_age: -5",
    b"version: STSv1\nmode: none\nmax_age: 12345678901",
    b"version: STSv1\nmode: none\nmax_age: 5s",
    b"version: STSv1\nmode: none\nmax_age: \xd9\xa5",
    b"version: STSv1\nmode: none\nmode\nmax_age: 5",
    b"version: STSv1\nmode: none\nmax_age: 5\nx:",
    b"version: STSv1\nmode: none\nmax_age: 5\nx: a\tb",
    b"version: STSv1\nmode: none\nmax_age: 5\nx: \xff",
    b"version: STSv1\nmode: none\nmax_age: 5\r\rx: 1",
    b"version: STSv1\nmode: none\nmax_age: 5\n" + b"x" * 33 + b": 1",
    b"version: STSv1\nmode: enforce\nmax_age: 5\nmx: *",
    b"version: STSv1\nmode: enforce\nmax_age: 5\nmx: *.*.example",
    b"version: STSv1\nmode: enforce\nmax_age: 5\nmx: a*.example",
    b"version: STSv1\nmode: enforce\nmax_age: 5\nmx: a b",
    "version: STSv1\nmode: enforce\nmax_age: 5\nmx: é.example".encode(),
]


@pytest.mark.parametrize("octets, policy", POLICIES)
def test_policies(octets: bytes, policy: STSPolicy) -> None:
    assert STSPolicy.parse(octets, strict=True) == policy
    assert policy.serialize() == octets


@pytest.mark.parametrize("octets, policy", LENIENT_POLICIES)
def test_policies_that_we_write_otherwise(octets: bytes, policy: STSPolicy) -> None:
    assert STSPolicy.parse(octets) == policy
    assert STSPolicy.parse(policy.serialize()) == policy


@pytest.mark.parametrize("octets", NOT_POLICIES)
def test_what_is_no_policy(octets: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        STSPolicy.parse(octets)


def test_every_cut_of_a_policy_is_refused_or_read() -> None:
    octets = POLICIES[0][0]
    for at in range(len(octets)):
        try:
            policy = STSPolicy.parse(octets[:at])
        except RemoteProtocolError:
            continue
        assert octets[:at].startswith(octets[: octets.index(b"max_age: ") + 10])
        assert policy.mx == ENFORCE.mx


def test_empty_lines() -> None:
    octets = b"version: STSv1\n\nmode: none\r\n \t\r\nmax_age: 5\n\n"
    assert STSPolicy.parse(octets) == NONE
    with pytest.raises(RemoteProtocolError) as caught:
        STSPolicy.parse(octets, strict=True)
    assert caught.value.offset == 15


def test_a_policy_has_a_greatest_size() -> None:
    octets = b"version: STSv1\nmode: none\nmax_age: 5"
    limits = RouteLimits(max_policy=len(octets))
    assert STSPolicy.parse(octets, limits=limits) == NONE
    with pytest.raises(LimitExceeded, match="max_policy"):
        STSPolicy.parse(octets + b"\n", limits=limits)


def test_a_policy_that_cannot_be_written() -> None:
    bad: list[tuple[STSMode, int, tuple[str, ...], tuple[tuple[str, str], ...]]] = [
        (STSMode.NONE, -1, (), ()),
        (STSMode.NONE, MAX_AGE + 1, (), ()),
        (STSMode.ENFORCE, 5, (), ()),
        (STSMode.ENFORCE, 5, ("a.example\r\nmx: b.example",), ()),
        (STSMode.NONE, 5, (), (("mode", "enforce"),)),
        (STSMode.NONE, 5, (), (("x", "1"), ("x", "2"))),
        (STSMode.NONE, 5, (), (("x", "1\nmode: enforce"),)),
        (STSMode.NONE, 5, (), (("x", "1 "),)),
        (STSMode.NONE, 5, (), (("x", "\ud800"),)),
    ]
    for mode, max_age, mx, extensions in bad:
        with pytest.raises(LocalProtocolError):
            STSPolicy(mode=mode, max_age=max_age, mx=mx, extensions=extensions)


@pytest.mark.parametrize(
    "name, expected",
    [
        ("mail.example.com", True),
        ("MAIL.Example.COM.", True),
        ("other.example.com", False),
        ("a.example.net", True),
        ("example.net", False),
        ("a.b.example.net", False),
        ("[192.0.2.1]", False),
        ("", False),
    ],
)
def test_hosts(name: str, expected: bool) -> None:
    assert ENFORCE.is_host(name) is expected
    assert ENFORCE.demand_of(name) is (Demand.REQUIRE if expected else Demand.REFUSE)


@pytest.mark.parametrize(
    "mode, known, unknown",
    [
        (STSMode.ENFORCE, Demand.REQUIRE, Demand.REFUSE),
        (STSMode.TESTING, Demand.ATTEMPT, Demand.ATTEMPT),
        (STSMode.NONE, Demand.NOTHING, Demand.NOTHING),
    ],
)
def test_demands(mode: STSMode, known: Demand, unknown: Demand) -> None:
    policy = STSPolicy(mode=mode, max_age=5, mx=("a.example",))
    assert (policy.demand_of("a.example"), policy.demand_of("b.example")) == (known, unknown)


def test_what_a_demand_means() -> None:
    assert [(demand.may_deliver, demand.is_tls_required) for demand in Demand] == [
        (True, False),
        (True, False),
        (True, True),
        (False, False),
    ]


def test_cached_policies() -> None:
    cached = CachedPolicy(STSPolicy(mode=STSMode.NONE, max_age=100_000), "1", 1_000.0)
    assert cached.expires_at == 101_000.0
    assert [cached.is_fresh(now) for now in (1_000.0, 101_000.0, 101_000.5)] == [True, True, False]
    assert [cached.is_refresh_due(now) for now in (1_000.0, 87_399.0, 87_400.0)] == [False, False, True]
    assert CachedPolicy(NONE, "1", 0.0).is_refresh_due(6.0)


CACHED = CachedPolicy(NONE, "1", 100.0)


@pytest.mark.parametrize(
    "cached, record, now, expected",
    [
        (None, None, 100.0, False),
        (None, STSRecord("1"), 100.0, True),
        (CACHED, STSRecord("1"), 105.0, False),
        (CACHED, STSRecord("1"), 106.0, True),
        (CACHED, STSRecord("2"), 105.0, True),
        (CACHED, None, 106.0, False),
    ],
)
def test_when_to_fetch(
    cached: CachedPolicy | None, record: STSRecord | None, now: float, expected: bool
) -> None:
    assert should_fetch(cached, record, now) is expected


def test_where_a_policy_is() -> None:
    assert record_name("Example.com.") == "_mta-sts.example.com"
    assert policy_url("grüße.example") == "https://mta-sts.xn--gre-6ka8l.example/.well-known/mta-sts.txt"
    for wrong in ("[192.0.2.1]", "a/b", "a\r\nb"):
        with pytest.raises(AddressError):
            policy_url(wrong)


@given(st.binary(max_size=200))
def test_nothing_but_a_protocol_error_comes_out(octets: bytes) -> None:
    for parse in (STSRecord.parse, STSPolicy.parse):
        try:
            value = parse(octets)
        except RemoteProtocolError:
            continue
        assert parse(value.serialize()) == value


names = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_.", max_size=20).map(lambda text: f"x{text}")
values = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=20)


@given(
    st.sampled_from(STSMode),
    st.integers(0, MAX_AGE),
    st.lists(st.sampled_from(["a.example", "*.b.example", "xn--gre-6ka8l.example"]), min_size=1, max_size=5),
    st.dictionaries(names, values.filter(lambda text: text == text.strip(" \t")), max_size=3),
)
def test_what_is_written_is_read(
    mode: STSMode, max_age: int, mx: list[str], extensions: dict[str, str]
) -> None:
    policy = STSPolicy(mode=mode, max_age=max_age, mx=tuple(mx), extensions=tuple(extensions.items()))
    assert STSPolicy.parse(policy.serialize(), strict=True) == policy
