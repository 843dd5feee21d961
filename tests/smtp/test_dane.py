from __future__ import annotations

import hashlib

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from mailproto._der import subject_public_key_info
from mailproto.errors import LimitExceeded, LocalProtocolError, RemoteProtocolError
from mailproto.limits import RouteLimits
from mailproto.smtp.dane import (
    TLSA,
    TLSAMatch,
    TLSAOutcome,
    is_name_matched,
    match_certificates,
    reference_identifiers,
    tlsa_bases,
    tlsa_name,
)
from mailproto.smtp.route import Host, Route


def chain_of(authority: trustme.CA) -> tuple[bytes, bytes]:
    """Return the server's certificate and that of the authority, in DER."""
    leaf = authority.issue_cert("mx.example").cert_chain_pems[0]
    pems = (leaf.bytes(), authority.cert_pem.bytes())
    server, anchor = (x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER) for pem in pems)
    return server, anchor


SERVER, ANCHOR = CHAIN = chain_of(trustme.CA())
OTHER, OTHER_ANCHOR = chain_of(trustme.CA())
OUTCOME = TLSAOutcome
DIGEST, LONG_DIGEST = bytes(32), bytes(64)


def record(certificate: bytes, usage: int, selector: int, matching_type: int) -> TLSA:
    return TLSA.of_certificate(certificate, usage=usage, selector=selector, matching_type=matching_type)


RECORDS = [
    (b"\x03\x01\x01" + DIGEST, TLSA(3, 1, 1, DIGEST), "3 1 1 " + "00" * 32),
    (b"\x02\x00\x02" + LONG_DIGEST, TLSA(2, 0, 2, LONG_DIGEST), "2 0 2 " + "00" * 64),
    (b"\xff\xfe\xfd", TLSA(255, 254, 253, b""), "255 254 253 "),
]


@pytest.mark.parametrize("octets, value, text", RECORDS)
def test_records(octets: bytes, value: TLSA, text: str) -> None:
    assert TLSA.parse(octets) == value
    assert value.serialize() == octets
    assert str(value) == text


@pytest.mark.parametrize("octets", [b"", b"\x03", b"\x03\x01"])
def test_what_is_no_record(octets: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="TLSA: expected three octets"):
        TLSA.parse(octets)


def test_numbers_are_octets() -> None:
    for numbers in ((-1, 0, 0), (0, 256, 0), (0, 0, 1_000)):
        with pytest.raises(LocalProtocolError):
            TLSA(*numbers, b"")


@pytest.mark.parametrize("selector", [0, 1])
@pytest.mark.parametrize("matching_type", [0, 1, 2])
def test_the_record_of_a_certificate(selector: int, matching_type: int) -> None:
    selected = SERVER if selector == 0 else subject_public_key_info(SERVER)
    expected = {
        0: selected,
        1: hashlib.sha256(selected).digest(),
        2: hashlib.sha512(selected).digest(),
    }[matching_type]
    published = record(SERVER, 3, selector, matching_type)
    assert published == TLSA(3, selector, matching_type, expected)
    assert match_certificates([published], CHAIN) == TLSAMatch(OUTCOME.END_ENTITY, published, 0)
    anchor = record(ANCHOR, 2, selector, matching_type)
    assert match_certificates([anchor], CHAIN) == TLSAMatch(OUTCOME.TRUST_ANCHOR, anchor, 1)


def test_the_record_that_is_recommended() -> None:
    key = hashlib.sha256(subject_public_key_info(SERVER)).digest()
    assert TLSA.of_certificate(SERVER) == TLSA(3, 1, 1, key)


def test_a_record_that_cannot_be_made() -> None:
    for selector, matching_type in ((2, 1), (1, 3)):
        with pytest.raises(LocalProtocolError):
            record(SERVER, 3, selector, matching_type)
    with pytest.raises(RemoteProtocolError):
        TLSA.of_certificate(SERVER[:-1])


UNUSABLE = {
    "PKIX-TA": record(ANCHOR, 0, 0, 1),
    "PKIX-EE": record(SERVER, 1, 1, 1),
    "private usage": record(SERVER, 255, 1, 1),
    "unknown selector": TLSA(3, 2, 1, DIGEST),
    "unknown matching type": TLSA(3, 1, 3, DIGEST),
    "short digest": TLSA(3, 1, 1, DIGEST[1:]),
    "long digest": TLSA(3, 1, 1, LONG_DIGEST),
    "short SHA-512": TLSA(3, 1, 2, DIGEST),
    "nothing in full": TLSA(3, 0, 0, b""),
}


@pytest.mark.parametrize("unusable", UNUSABLE.values(), ids=UNUSABLE)
def test_unusable_records(unusable: TLSA) -> None:
    assert not unusable.is_usable
    assert match_certificates([unusable], CHAIN) == TLSAMatch(OUTCOME.UNUSABLE)
    good = record(SERVER, 3, 1, 1)
    assert match_certificates([unusable, good], CHAIN) == TLSAMatch(OUTCOME.END_ENTITY, good, 0)
    bad = record(OTHER, 3, 1, 1)
    assert match_certificates([unusable, bad], CHAIN) == TLSAMatch(OUTCOME.MISMATCH)


MATCHES = {
    "no records": ([], CHAIN, OUTCOME.NO_RECORDS, None),
    "no records and no certificate": ([], (), OUTCOME.NO_RECORDS, None),
    "no certificate": ([record(SERVER, 3, 1, 1)], (), OUTCOME.MISMATCH, None),
    "another key": ([record(OTHER, 3, 1, 1)], CHAIN, OUTCOME.MISMATCH, None),
    "another authority": ([record(OTHER_ANCHOR, 2, 0, 1)], CHAIN, OUTCOME.MISMATCH, None),
    "the authority as DANE-EE": ([record(ANCHOR, 3, 0, 1)], CHAIN, OUTCOME.MISMATCH, None),
    "the server as DANE-TA": ([record(SERVER, 2, 0, 1)], CHAIN, OUTCOME.MISMATCH, None),
    "the authority was not sent": ([record(ANCHOR, 2, 0, 1)], (SERVER,), OUTCOME.MISMATCH, None),
    "one of two keys": ([record(OTHER, 3, 1, 1), record(SERVER, 3, 1, 1)], CHAIN, OUTCOME.END_ENTITY, 0),
    "DANE-EE counts first": (
        [record(ANCHOR, 2, 0, 1), record(SERVER, 3, 1, 1)],
        CHAIN,
        OUTCOME.END_ENTITY,
        0,
    ),
    "DANE-TA beside a wrong DANE-EE": (
        [record(OTHER, 3, 1, 1), record(ANCHOR, 2, 1, 1)],
        CHAIN,
        OUTCOME.TRUST_ANCHOR,
        1,
    ),
    "further up": ([record(ANCHOR, 2, 0, 2)], (SERVER, OTHER, ANCHOR), OUTCOME.TRUST_ANCHOR, 2),
    "a stronger digest takes the weaker's place": (
        [record(SERVER, 3, 1, 1), record(OTHER, 3, 1, 2)],
        CHAIN,
        OUTCOME.MISMATCH,
        None,
    ),
    "but not for another selector": (
        [record(SERVER, 3, 0, 1), record(OTHER, 3, 1, 2)],
        CHAIN,
        OUTCOME.END_ENTITY,
        0,
    ),
    "nor for a record in full": (
        [record(SERVER, 3, 1, 0), record(OTHER, 3, 1, 2)],
        CHAIN,
        OUTCOME.END_ENTITY,
        0,
    ),
    "nor if it is unusable": (
        [record(SERVER, 3, 1, 1), TLSA(3, 1, 2, DIGEST)],
        CHAIN,
        OUTCOME.END_ENTITY,
        0,
    ),
}


@pytest.mark.parametrize("records, chain, outcome, index", MATCHES.values(), ids=MATCHES)
def test_matches(
    records: list[TLSA], chain: tuple[bytes, ...], outcome: TLSAOutcome, index: int | None
) -> None:
    found = match_certificates(records, chain)
    assert (found.outcome, found.index) == (outcome, index)
    assert (found.record is None) == (index is None)


def test_what_an_outcome_means() -> None:
    meant = {
        outcome: (match.is_tls_required, match.may_deliver, match.is_authenticated, match.is_path_due)
        for outcome in OUTCOME
        for match in [TLSAMatch(outcome)]
    }
    assert meant == {
        OUTCOME.NO_RECORDS: (False, True, False, False),
        OUTCOME.UNUSABLE: (True, True, False, False),
        OUTCOME.MISMATCH: (True, False, False, False),
        OUTCOME.END_ENTITY: (True, True, True, False),
        OUTCOME.TRUST_ANCHOR: (True, True, False, True),
    }


def test_a_malformed_certificate_matches_nothing_and_raises_nothing_else() -> None:
    records = [record(SERVER, 3, 1, 1), record(ANCHOR, 2, 1, 1)]
    for at in range(len(SERVER)):
        with pytest.raises(RemoteProtocolError):
            match_certificates(records, (SERVER[:at], ANCHOR))
    assert match_certificates([record(SERVER, 3, 0, 1)], (SERVER[:-1],)).outcome is OUTCOME.MISMATCH


def test_a_certificate_has_a_greatest_size() -> None:
    limits = RouteLimits(max_certificate=len(SERVER))
    assert match_certificates([record(SERVER, 3, 1, 1)], (SERVER,), limits=limits).is_authenticated
    with pytest.raises(LimitExceeded, match="max_certificate"):
        match_certificates([record(SERVER, 3, 1, 1)], (SERVER + b"x",), limits=limits)


def host(**arguments: object) -> Host:
    defaults: dict[str, object] = {"name": "mx.example", "canonical_name": "mx.example"}
    return Host(addresses=("192.0.2.1",), **{**defaults, **arguments})  # type: ignore[arg-type]  # by keyword


@pytest.mark.parametrize(
    "of, expected",
    [
        (host(), ()),
        (host(is_secure=True), ("mx.example",)),
        (host(is_secure=True, canonical_name="a.example"), ("a.example", "mx.example")),
        (host(is_alias_secure=True, canonical_name="a.example"), ("mx.example",)),
        (host(canonical_name="a.example"), ()),
        (host(is_alias_secure=True), ()),
        (host(name="[192.0.2.1]", canonical_name="[192.0.2.1]", is_secure=True), ()),
    ],
)
def test_where_the_records_are(of: Host, expected: tuple[str, ...]) -> None:
    assert tlsa_bases(of) == expected


def test_the_name_of_the_records() -> None:
    assert tlsa_name("mx.example") == "_25._tcp.mx.example"
    assert tlsa_name("mx.example", 2525) == "_2525._tcp.mx.example"


@pytest.mark.parametrize(
    "is_implicit, is_secure, canonical_domain, base, expected",
    [
        (False, True, "x.example", "mx.example", ("mx.example", "x.example")),
        (False, True, "y.example", "mx.example", ("mx.example", "x.example", "y.example")),
        (False, False, "y.example", "mx.example", ("mx.example",)),
        (True, False, "x.example", "x.example", ("x.example",)),
        (True, False, "y.example", "y.example", ("y.example", "x.example")),
    ],
)
def test_reference_identifiers(
    is_implicit: bool, is_secure: bool, canonical_domain: str, base: str, expected: tuple[str, ...]
) -> None:
    of = host(name="x.example" if is_implicit else "mx.example")
    route = Route(
        domain="x.example",
        hosts=(of,),
        canonical_domain=canonical_domain,
        is_implicit=is_implicit,
        is_secure=is_secure,
    )
    assert reference_identifiers(route, of, base) == expected


@pytest.mark.parametrize(
    "presented, expected",
    [
        (["mx1.example.com"], True),
        (["other.example", "MX1.Example.com"], True),
        (["*.example.com"], True),
        (["*.com"], False),
        (["mx*.example.com"], False),
        (["*mx1.example.com"], False),
        (["*.*.com"], False),
        (["", "*.", "a\r\nb"], False),
        ([], False),
    ],
)
def test_names_of_a_certificate(presented: list[str], expected: bool) -> None:
    assert is_name_matched(presented, ("x.example", "mx1.example.com")) is expected


@given(st.tuples(*[st.integers(0, 255)] * 3), st.binary(max_size=100))
def test_what_is_written_is_read(numbers: tuple[int, int, int], data: bytes) -> None:
    value = TLSA(*numbers, data)
    assert TLSA.parse(value.serialize()) == value
    assert match_certificates([value], CHAIN).outcome in (OUTCOME.UNUSABLE, OUTCOME.MISMATCH)
