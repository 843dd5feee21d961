"""MTA-STS: what a domain demands of TLS, told by a TXT record and a policy file (RFC 8461).

Here are the two texts, the rule for MX hosts, and what follows from a policy. Fetching the TXT record and the
file (by HTTPS with a verified certificate, status 200, no redirects: section 3.3) is the caller's business,
and so are clocks: *now* is seconds of whatever clock the caller keeps. TLS reports (RFC 8460) are not here.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from mailproto.address import AddressError
from mailproto.errors import LimitExceeded, LocalProtocolError, RemoteProtocolError, excerpt
from mailproto.limits import RouteLimits
from mailproto.smtp._host_names import host_name_or_none, matches_pattern, normal_host_name

__all__ = [
    "CachedPolicy",
    "Demand",
    "MAX_AGE",
    "REFRESH_INTERVAL",
    "STSMode",
    "STSPolicy",
    "STSRecord",
    "policy_url",
    "record_name",
    "select_record",
    "should_fetch",
]

MAX_AGE: Final = 31_557_600
"""Seconds that a policy lives at most, which is a year (RFC 8461 section 3.2)."""
REFRESH_INTERVAL: Final = 86_400.0
"""Seconds after which a policy should be fetched anew, well before it expires (RFC 8461 section 3.3)."""

_DEFAULT_LIMITS: Final = RouteLimits()

# sts-field-delim = *WSP ";" *WSP
_DELIMITER: Final = re.compile(r"[ \t]*;[ \t]*")
# sts-ext-name "=" sts-ext-value ;  sts-ext-name = (ALPHA / DIGIT) *31(ALPHA / DIGIT / "_" / "-" / ".")
# sts-ext-value = 1*(%x21-3A / %x3C / %x3E-7E)
_match_field: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9_.-]{0,31})=([!-:<>-~]+)", re.ASCII).fullmatch
# sts-id = %s"id=" 1*32(ALPHA / DIGIT)
_is_id: Final = re.compile(r"[A-Za-z0-9]{1,32}", re.ASCII).fullmatch
# sts-policy-field = sts-policy-ext-name ":" *WSP sts-policy-ext-value
# sts-policy-ext-value = vchar [*(%x20 / vchar) vchar] ;  vchar = %x21-7E / UTF8-2 / UTF8-3 / UTF8-4
_VCHAR: Final = r"!-~\x80-\ud7ff\ue000-\U0010ffff"
_match_line: Final = re.compile(
    rf"([A-Za-z0-9][A-Za-z0-9_.-]{{0,31}}):[ \t]*([{_VCHAR}](?:[ {_VCHAR}]*[{_VCHAR}])?)[ \t]*"
).fullmatch
# sts-policy-max-age-value = 1*10(DIGIT)
_is_max_age: Final = re.compile(r"[0-9]{1,10}", re.ASCII).fullmatch

_KNOWN: Final = ("version", "mode", "max_age", "mx")


class STSMode(enum.Enum):
    """What a sender does when a host is not as the policy says (RFC 8461 section 5)."""

    ENFORCE = "enforce"
    """It does not deliver to that host."""
    TESTING = "testing"
    """It delivers all the same, and may report."""
    NONE = "none"
    """It acts as if there were no policy."""


class Demand(enum.Enum):
    """What a policy asks of the delivery to one host."""

    NOTHING = "nothing"
    """Deliver as without a policy: opportunistic TLS."""
    ATTEMPT = "attempt"
    """Deliver as without a policy; what fails of `REQUIRE` is worth a report."""
    REQUIRE = "require"
    """Deliver only behind STARTTLS, with a certificate that is valid for the host's name (section 4.2)."""
    REFUSE = "refuse"
    """Do not deliver to this host: go on to the next, and treat the failure as transient (section 5)."""

    @property
    def may_deliver(self) -> bool:
        """False if the host must be passed over."""
        return self is not Demand.REFUSE

    @property
    def is_tls_required(self) -> bool:
        """True if there must be verified TLS."""
        return self is Demand.REQUIRE


_DEMANDS: Final = {
    (STSMode.ENFORCE, True): Demand.REQUIRE,
    (STSMode.ENFORCE, False): Demand.REFUSE,
    (STSMode.TESTING, True): Demand.ATTEMPT,
    (STSMode.TESTING, False): Demand.ATTEMPT,
    (STSMode.NONE, True): Demand.NOTHING,
    (STSMode.NONE, False): Demand.NOTHING,
}
"""By mode, and whether the host is one of the policy's."""


def record_name(domain: str) -> str:
    """Return the name whose TXT records say that *domain* has a policy. Raises AddressError."""
    return f"_mta-sts.{normal_host_name(domain)}"


def policy_url(domain: str) -> str:
    """Return where the policy of *domain* is (RFC 8461 section 3.2). Raises AddressError."""
    return f"https://mta-sts.{normal_host_name(domain)}/.well-known/mta-sts.txt"


@dataclass(frozen=True, slots=True)
class STSRecord:
    """The TXT record `v=STSv1; id=...;`: the `id` changes with the policy (RFC 8461 section 3.1).

    `extensions` are the fields that are not known here, of each name the first.
    """

    id: str
    extensions: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if _is_id(self.id) is None:
            raise LocalProtocolError(f"id: expected 1 to 32 letters and digits, got {self.id[:40]!r}")
        names = [name for name, _ in self.extensions]
        if len({*names, "id"}) <= len(names):
            raise LocalProtocolError("extensions: expected each name once, and neither id")
        for name, value in self.extensions:
            if _match_field(f"{name}={value}") is None:
                raise LocalProtocolError(f"extensions: expected a name and a value, got {name[:40]!r}")

    @classmethod
    def parse(cls, octets: bytes) -> STSRecord:
        """Read a whole record, its strings joined. Raises RemoteProtocolError."""
        version, *fields = _DELIMITER.split(_ascii(octets))
        if fields and not fields[-1]:
            fields.pop()
        if version != "v=STSv1":
            raise RemoteProtocolError(f"expected v=STSv1, got {excerpt(octets)!r}", offset=0)
        found = dict(reversed([_field(field) for field in fields]))
        if _is_id(found.get("id", "")) is None:
            raise RemoteProtocolError(f"expected an id of letters and digits, got {excerpt(octets)!r}")
        names = dict.fromkeys(name for name, _ in map(_field, fields) if name != "id")
        return cls(found["id"], tuple((name, found[name]) for name in names))

    def serialize(self) -> bytes:
        """Return the text of the record."""
        fields = "".join(f" {name}={value};" for name, value in (("id", self.id), *self.extensions))
        return f"v=STSv1;{fields}".encode()


def _ascii(octets: bytes) -> str:
    try:
        return octets.decode("ascii")
    except UnicodeDecodeError as error:
        raise RemoteProtocolError("expected US-ASCII", offset=error.start) from None


def _field(text: str) -> tuple[str, str]:
    found = _match_field(text)
    if found is None:
        raise RemoteProtocolError(f"expected name=value, got {text[:40]!r}")
    return found[1], found[2]


def select_record(records: Iterable[bytes]) -> STSRecord | None:
    """Return the one valid record of all TXT records of the name, each with its strings joined.

    None: the domain "does not have an available MTA-STS Policy" (RFC 8461 section 3.1), since none of them
    begins with `v=STSv1;`, or more than one does, or it is malformed. That takes no cached policy away.
    """
    found = [record for record in records if record.startswith(b"v=STSv1;")]
    if len(found) != 1:
        return None
    try:
        return STSRecord.parse(found[0])
    except RemoteProtocolError:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class STSPolicy:
    """A policy (RFC 8461 section 3.2). Raises LocalProtocolError for what no file can say.

    The `mx` are host names, or `*.` and a name, which stands for exactly one label more. `max_age` is in
    seconds, at most `MAX_AGE`. Only a policy of the mode "none" may name no host. `extensions` are the fields
    that are not known here, of each name the first.
    """

    mode: STSMode
    max_age: int
    mx: tuple[str, ...] = ()
    extensions: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.max_age <= MAX_AGE:
            raise LocalProtocolError(f"max_age: expected 0 to {MAX_AGE}, got {self.max_age}")
        if not self.mx and self.mode is not STSMode.NONE:
            raise LocalProtocolError(f"mx: a policy of the mode {self.mode.value!r} needs one")
        object.__setattr__(self, "mx", tuple(map(_normal_pattern, self.mx)))
        names = [name for name, _ in self.extensions]
        if len({*names, *_KNOWN}) < len(names) + len(_KNOWN):
            raise LocalProtocolError("extensions: expected each name once, and none that is known")
        for name, value in self.extensions:
            if _match_line(f"{name}: {value}") is None or value != value.strip(" \t"):
                raise LocalProtocolError(f"extensions: expected a name and a value, got {name[:40]!r}")

    @classmethod
    def parse(
        cls, octets: bytes, *, limits: RouteLimits = _DEFAULT_LIMITS, strict: bool = False
    ) -> STSPolicy:
        """Read a whole policy file; of a name that stands there twice, `mx` aside, the first counts.

        A `max_age` beyond `MAX_AGE` is read as that. Empty lines are passed over unless *strict*. Raises
        RemoteProtocolError for what is no policy, which is then as good as not there, and LimitExceeded.
        """
        if len(octets) > limits.max_policy:
            raise LimitExceeded("max_policy", len(octets), limits.max_policy)
        pairs = list(_lines(octets, strict))
        first = dict(reversed(pairs))
        if first.get("version") != "STSv1":
            raise RemoteProtocolError("version: expected STSv1")
        if _is_max_age(first.get("max_age", "")) is None:
            raise RemoteProtocolError("max_age: expected one to ten digits")
        names = dict.fromkeys(name for name, _ in pairs if name not in _KNOWN)
        try:
            return cls(
                mode=STSMode(first.get("mode", "")),
                max_age=min(int(first["max_age"]), MAX_AGE),
                mx=tuple(value for name, value in pairs if name == "mx"),
                extensions=tuple((name, first[name]) for name in names),
            )
        except (ValueError, LocalProtocolError) as error:
            raise RemoteProtocolError(str(error)) from error

    def serialize(self) -> bytes:
        """Return the policy file, its lines ended by CRLF."""
        pairs = [
            ("version", "STSv1"),
            ("mode", self.mode.value),
            *(("mx", pattern) for pattern in self.mx),
            ("max_age", str(self.max_age)),
            *self.extensions,
        ]
        return "".join(f"{name}: {value}\r\n" for name, value in pairs).encode()

    def is_host(self, name: str) -> bool:
        """Return whether *name*, that of the MX record, is one of the policy's (RFC 8461 section 4.1)."""
        host = host_name_or_none(name)
        return host is not None and any(matches_pattern(pattern, host) for pattern in self.mx)

    def demand_of(self, name: str) -> Demand:
        """Return what the policy asks of the delivery to the host of that *name*."""
        return _DEMANDS[self.mode, self.is_host(name)]


def _normal_pattern(pattern: str) -> str:
    if not pattern.isascii():
        raise LocalProtocolError(f"mx: expected A-labels, got {pattern[:40]!r}")
    wildcard = "*." if pattern.startswith("*.") else ""
    try:
        return wildcard + normal_host_name(pattern.removeprefix("*."))
    except AddressError:
        raise LocalProtocolError(f"mx: expected a host name, got {pattern[:40]!r}") from None


def _lines(octets: bytes, strict: bool) -> Iterable[tuple[str, str]]:
    """Yield names and values; a line ends in LF or CRLF, the last one also without."""
    offset = 0
    *lines, last = octets.split(b"\n")
    for line in [*lines, *([last] if last else [])]:
        content = line.removesuffix(b"\r")
        if content.strip(b" \t") or strict:
            yield _pair(content, offset)
        offset += len(line) + 1


def _pair(line: bytes, offset: int) -> tuple[str, str]:
    try:
        found = _match_line(line.decode())
    except UnicodeDecodeError:
        found = None
    if found is None:
        raise RemoteProtocolError(f"expected name: value, got {excerpt(line)!r}", offset=offset)
    return found[1], found[2]


@dataclass(frozen=True, slots=True)
class CachedPolicy:
    """A policy as a sender keeps it: with the `id` of the record that led to it, and when it was fetched."""

    policy: STSPolicy
    id: str
    fetched_at: float

    @property
    def expires_at(self) -> float:
        """From when on the policy says nothing."""
        return self.fetched_at + self.policy.max_age

    def is_fresh(self, now: float) -> bool:
        """Return whether the policy is in force: "time-since-fetch has not exceeded its max_age"."""
        return now <= self.expires_at

    def is_refresh_due(self, now: float, interval: float = REFRESH_INTERVAL) -> bool:
        """Return whether it is time to fetch it anew although it has not changed."""
        return now - self.fetched_at >= interval or not self.is_fresh(now)


def should_fetch(cached: CachedPolicy | None, record: STSRecord | None, now: float) -> bool:
    """Return whether the policy file is to be fetched: there is a *record*, and nothing fresh with its id.

    Whatever comes of it: a policy that is cached and fresh stays in force until another one is there (RFC
    8461 section 3.3). After a failure wait five minutes before the next attempt with the same id.
    """
    if record is None:
        return False
    return cached is None or cached.id != record.id or not cached.is_fresh(now)
