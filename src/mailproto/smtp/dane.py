"""DANE for SMTP: TLSA records, and whether the certificates of a server match them (RFC 6698, 7671, 7672).

What is promised here is that one of the records has the certificate, or its public key. With DANE-EE(3) that
authenticates the server: it "MUST be considered authenticated even if none of the names in the certificate
match", and its expiry is ignored (RFC 7672 section 3.1.1). With DANE-TA(2) it does not yet: that the matching
certificate has signed the server's, that neither has expired, and that the server's has one of the
`reference_identifiers`, is left to the `SSLContext` of the caller, made to trust that certificate alone.

Records count only if DNSSEC has validated them; others must not be given to `match_certificates`.
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from mailproto._der import subject_public_key_info
from mailproto.errors import LimitExceeded, LocalProtocolError, RemoteProtocolError
from mailproto.limits import RouteLimits
from mailproto.smtp._host_names import host_name_or_none, matches_pattern
from mailproto.smtp.route import Host, Route

__all__ = [
    "TLSA",
    "TLSAMatch",
    "TLSAOutcome",
    "is_name_matched",
    "match_certificates",
    "reference_identifiers",
    "tlsa_bases",
    "tlsa_name",
]

_DEFAULT_LIMITS: Final = RouteLimits()

_TRUST_ANCHOR: Final = 2
_END_ENTITY: Final = 3
_USAGES: Final = frozenset({_TRUST_ANCHOR, _END_ENTITY})
"""Usable with SMTP: PKIX-TA(0) and PKIX-EE(1) are not (RFC 7672 section 3.1.3)."""


def _whole(octets: bytes) -> bytes:
    return octets


def _sha_256(octets: bytes) -> bytes:
    return hashlib.sha256(octets).digest()


def _sha_512(octets: bytes) -> bytes:
    return hashlib.sha512(octets).digest()


_SELECTORS: Final[dict[int, Callable[[bytes], bytes]]] = {0: _whole, 1: subject_public_key_info}
"""What of a certificate is compared: Cert(0), SPKI(1) (RFC 6698 section 2.1.2)."""
_MATCHING_TYPES: Final[dict[int, Callable[[bytes], bytes]]] = {0: _whole, 1: _sha_256, 2: _sha_512}
"""In what form: Full(0), SHA2-256(1), SHA2-512(2) (RFC 6698 section 2.1.3)."""
_DIGEST_SIZES: Final = {1: 32, 2: 64}


@dataclass(frozen=True, slots=True)
class TLSA:
    """A TLSA record (RFC 6698 section 2.1); numbers from 0 to 255, also such as mean nothing here."""

    usage: int
    selector: int
    matching_type: int
    data: bytes

    def __post_init__(self) -> None:
        for number in (self.usage, self.selector, self.matching_type):
            if not 0 <= number <= 255:
                raise LocalProtocolError(f"TLSA: expected numbers from 0 to 255, got {number}")

    @classmethod
    def parse(cls, octets: bytes) -> TLSA:
        """Read the RDATA of a record. Raises RemoteProtocolError if it is too short."""
        if len(octets) < 3:
            raise RemoteProtocolError(f"TLSA: expected three octets and data, got {octets!r}")
        return cls(octets[0], octets[1], octets[2], octets[3:])

    @classmethod
    def of_certificate(
        cls, certificate: bytes, *, usage: int = 3, selector: int = 1, matching_type: int = 1
    ) -> TLSA:
        """Return the record to publish for a *certificate* in DER; "3 1 1" is what RFC 7672 recommends.

        Raises LocalProtocolError for a selector or a matching type that is not defined, RemoteProtocolError
        for what is no certificate.
        """
        if selector not in _SELECTORS or matching_type not in _MATCHING_TYPES:
            raise LocalProtocolError(f"TLSA: {selector} {matching_type} is not defined")
        return cls(usage, selector, matching_type, _association(certificate, selector, matching_type))

    def serialize(self) -> bytes:
        """Return the RDATA."""
        return bytes((self.usage, self.selector, self.matching_type)) + self.data

    def __str__(self) -> str:
        return f"{self.usage} {self.selector} {self.matching_type} {self.data.hex()}"

    @property
    def is_usable(self) -> bool:
        """Whether a server can be authenticated by it (RFC 6698 section 4.1, RFC 7672 section 3.1)."""
        if self.usage not in _USAGES or self.selector not in _SELECTORS:
            return False
        if self.matching_type in _DIGEST_SIZES:
            return len(self.data) == _DIGEST_SIZES[self.matching_type]
        return self.matching_type == 0 and bool(self.data)


class TLSAOutcome(enum.Enum):
    """What the records of a server say of its certificates."""

    NO_RECORDS = "no records"
    """Nothing: opportunistic TLS, as without DANE."""
    UNUSABLE = "unusable"
    """There are records and none is usable: TLS is required, and need not be authenticated."""
    MISMATCH = "mismatch"
    """There are usable records, and no certificate matches: do not deliver to this server."""
    END_ENTITY = "end entity"
    """The server's certificate matches DANE-EE(3): it is authenticated, whatever its names and expiry."""
    TRUST_ANCHOR = "trust anchor"
    """A certificate above the server's matches DANE-TA(2): path and names remain to be verified."""


@dataclass(frozen=True, slots=True)
class TLSAMatch:
    """The outcome; where there is a match, the record and which certificate of the chain it has."""

    outcome: TLSAOutcome
    record: TLSA | None = None
    index: int | None = None

    @property
    def is_tls_required(self) -> bool:
        """True if nothing may be delivered without TLS (RFC 7672 section 2.2)."""
        return self.outcome is not TLSAOutcome.NO_RECORDS

    @property
    def may_deliver(self) -> bool:
        """False if the server must be passed over; with `is_path_due` only once the path is verified."""
        return self.outcome is not TLSAOutcome.MISMATCH

    @property
    def is_authenticated(self) -> bool:
        """True if the server is who it should be, with nothing left to verify."""
        return self.outcome is TLSAOutcome.END_ENTITY

    @property
    def is_path_due(self) -> bool:
        """True if the path to `index`, and the names of the server, remain to be verified."""
        return self.outcome is TLSAOutcome.TRUST_ANCHOR


def match_certificates(
    records: Iterable[TLSA], chain: Sequence[bytes], *, limits: RouteLimits = _DEFAULT_LIMITS
) -> TLSAMatch:
    """Return what *records* say of *chain*: the server's certificates in DER, its own first, as it sent them.

    DANE-EE is tried first, since it leaves nothing to verify. Of several digests for one usage and selector
    only the strongest counts (RFC 7671 section 9). An empty chain matches nothing. Raises RemoteProtocolError
    for a certificate that is none, LimitExceeded for one that is too large.
    """
    for certificate in chain:
        if len(certificate) > limits.max_certificate:
            raise LimitExceeded("max_certificate", len(certificate), limits.max_certificate)
    all_records = tuple(records)
    if not all_records:
        return TLSAMatch(TLSAOutcome.NO_RECORDS)
    usable = _strongest([record for record in all_records if record.is_usable])
    if not usable:
        return TLSAMatch(TLSAOutcome.UNUSABLE)
    return (
        _find(usable, _END_ENTITY, chain, range(min(1, len(chain))), TLSAOutcome.END_ENTITY)
        or _find(usable, _TRUST_ANCHOR, chain, range(1, len(chain)), TLSAOutcome.TRUST_ANCHOR)
        or TLSAMatch(TLSAOutcome.MISMATCH)
    )


def _strongest(records: Iterable[TLSA]) -> list[TLSA]:
    """Drop digests beside which there is a stronger one; Full(0) is none."""
    usable = list(records)
    stronger = {(record.usage, record.selector) for record in usable if record.matching_type == 2}
    return [
        record
        for record in usable
        if record.matching_type != 1 or (record.usage, record.selector) not in stronger
    ]


def _find(
    records: Iterable[TLSA], usage: int, chain: Sequence[bytes], indexes: range, outcome: TLSAOutcome
) -> TLSAMatch | None:
    association = cache(_association)
    for record in records:
        if record.usage == usage:
            for index in indexes:
                if association(chain[index], record.selector, record.matching_type) == record.data:
                    return TLSAMatch(outcome, record, index)
    return None


def _association(certificate: bytes, selector: int, matching_type: int) -> bytes:
    return _MATCHING_TYPES[matching_type](_SELECTORS[selector](certificate))


def tlsa_bases(host: Host) -> tuple[str, ...]:
    """Return the names below which TLSA records of *host* are looked for, in order (RFC 7672 section 2.2.2).

    The first with validated records is the base domain, which is what SNI says (section 8.1). None is
    returned where DANE does not apply: the addresses are not validated, and no alias in front of them; or the
    host is an address literal.
    """
    if host.name.startswith("["):
        return ()
    if host.is_secure:
        return tuple(dict.fromkeys((host.canonical_name, host.name)))
    is_alias = host.canonical_name != host.name
    return (host.name,) if is_alias and host.is_alias_secure else ()


def tlsa_name(base: str, port: int = 25) -> str:
    """Return the name to ask for TLSA records of the server of *base* at *port* (RFC 7672 section 2.2.3)."""
    return f"_{port}._tcp.{base}"


def reference_identifiers(route: Route, host: Host, base: str) -> tuple[str, ...]:
    """Return the names of which a certificate under DANE-TA(2) must have one (RFC 7672 section 3.2.2).

    *base* is the one of `tlsa_bases` that had the records. DANE-EE(3) has no name checks.
    """
    names = [base]
    if route.is_implicit:
        names += [host.name]
    elif route.is_secure:
        names += [route.domain, route.canonical_domain]
    return tuple(dict.fromkeys(names))


def is_name_matched(presented: Iterable[str], references: Iterable[str]) -> bool:
    """Return whether one of the *presented* DNS-IDs of a certificate is one of *references*.

    `*` stands for exactly one label, the first (RFC 7672 section 3.2.3).
    """
    wanted = tuple(references)
    for pattern in presented:
        name = host_name_or_none(pattern.removeprefix("*."))
        if name is not None:
            whole = f"*.{name}" if pattern.startswith("*.") else name
            if any(matches_pattern(whole, reference) for reference in wanted):
                return True
    return False
