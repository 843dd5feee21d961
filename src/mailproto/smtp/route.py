"""Which hosts take the mail for a domain: MX records and addresses (RFC 5321 section 5.1, RFC 7505).

`find_route` is a generator: it yields each DNS question as a `Query`, is sent the answer as a value, and
returns a `Route` or raises `RouteError`. Which question comes next depends on the last answer, so the
procedure stands here once, and whoever resolves, blocking or not, needs a short loop and no other code::

    search = find_route("example.org", shuffle=random.shuffle)
    try:
        query = next(search)
        while True:
            query = search.send(resolve(query))     # or: await resolve(query)
    except StopIteration as found:
        route = found.value

Caching, DNSSEC and the DNS itself are the resolver's business. See `mailproto.smtp.mta_sts` and
`mailproto.smtp.dane` for how a host of the route must be met.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Final, TypeAlias, TypeVar

from mailproto.address import AddressError, Mailbox, Path
from mailproto.errors import LocalProtocolError, MailProtoError
from mailproto.limits import RouteLimits
from mailproto.smtp._host_names import host_name_or_none, literal_address, normal_address, normal_host_name
from mailproto.smtp.reply import DOMAIN_ACCEPTS_NO_MAIL, Reply

__all__ = [
    "Addresses",
    "Alias",
    "Answer",
    "Host",
    "LookupFailed",
    "MX",
    "MXRecords",
    "NoData",
    "NoSuchName",
    "Query",
    "RecordType",
    "Route",
    "RouteError",
    "RouteFailure",
    "Skipped",
    "Unusable",
    "find_route",
    "group_by_domain",
]

RecipientT = TypeVar("RecipientT", bound=str | bytes | Mailbox | Path)
ResultT = TypeVar("ResultT")

_DEFAULT_LIMITS: Final = RouteLimits()


class RecordType(enum.Enum):
    """A type of DNS records that is asked for."""

    MX = "MX"
    A = "A"
    AAAA = "AAAA"


@dataclass(frozen=True, slots=True)
class Query:
    """A question for the resolver: the records of one type of *name*, which is fully qualified."""

    name: str
    type: RecordType


@dataclass(frozen=True, slots=True)
class MX:
    """An MX record: `preference` from 0 to 65,535, the least first; `exchange` a name, "." in a null MX."""

    preference: int
    exchange: str

    def __post_init__(self) -> None:
        if not 0 <= self.preference <= 65_535:
            raise LocalProtocolError(f"preference: expected 0 to 65535, got {self.preference}")

    @property
    def is_null(self) -> bool:
        """True for a record of the domain without a mail exchanger (RFC 7505 section 3)."""
        return self.exchange in ("", ".")


@dataclass(frozen=True, slots=True)
class MXRecords:
    """The answer to an MX query. `name` is where aliases led, if the resolver followed any.

    `is_secure`: DNSSEC has validated all of it, aliases included (RFC 7672 section 2.1.1).
    """

    records: tuple[MX, ...]
    name: str | None = None
    is_secure: bool = False


@dataclass(frozen=True, slots=True)
class Addresses:
    """The answer to an A or AAAA query, in the order in which they are to be tried.

    `name` and `is_secure` as in `MXRecords`; `is_alias_secure`: at least the first alias is validated. Raises
    AddressError for what is no IP address.
    """

    addresses: tuple[str, ...]
    name: str | None = None
    is_secure: bool = False
    is_alias_secure: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "addresses", tuple(map(normal_address, self.addresses)))


@dataclass(frozen=True, slots=True)
class Alias:
    """A CNAME, from a resolver that does not follow aliases; the same question is asked of *target* then."""

    target: str
    is_secure: bool = False


@dataclass(frozen=True, slots=True)
class NoData:
    """The name exists and has no records of the type."""


@dataclass(frozen=True, slots=True)
class NoSuchName:
    """The name does not exist (NXDOMAIN)."""


@dataclass(frozen=True, slots=True)
class LookupFailed:
    """There is no answer now: a timeout, SERVFAIL, a record that DNSSEC finds bogus."""

    reason: str = ""


Answer: TypeAlias = MXRecords | Addresses | Alias | NoData | NoSuchName | LookupFailed
"""What a resolver may answer a `Query`."""

Search: TypeAlias = Generator[Query, Answer, ResultT]


class RouteFailure(enum.Enum):
    """Why there is no route; the value is the reply to give, and what a notification should say."""

    NULL_MX = DOMAIN_ACCEPTS_NO_MAIL
    """The domain has a null MX (RFC 7505)."""
    NO_SUCH_DOMAIN = Reply.of(550, "5.1.2", "no such domain")
    """The domain does not exist."""
    NO_HOST = Reply.of(550, "5.4.4", "no usable mail host for the domain")
    """No host is usable and none will be: no addresses, or no names."""
    LOOP = Reply.of(554, "5.4.6", "mail for the domain would loop back to this host")
    """This host is among the most preferred itself."""
    LOOKUP_FAILED = Reply.of(451, "4.4.3", "the DNS gives no answer")
    """The DNS did not answer: the message "MUST be queued and retried later" (RFC 5321 section 5.1)."""


class RouteError(MailProtoError):
    """There is no host to send to. `failure` says why, `reply` how to say it, `domain` for which domain."""

    def __init__(self, domain: str, failure: RouteFailure, detail: str = "") -> None:
        super().__init__(f"{domain}: {detail or failure.value.text}")
        self.domain = domain
        self.failure = failure

    @property
    def reply(self) -> Reply:
        """The negative reply for a client that gave such a recipient."""
        return self.failure.value

    @property
    def is_transient(self) -> bool:
        """True if there may be a route later."""
        return self.reply.is_transient


class Unusable(enum.Enum):
    """Why a host of the MX records is not in the route."""

    NOT_A_NAME = "the exchange is no host name"
    NO_ADDRESS = "the host has no address"
    LOOKUP_FAILED = "the lookup of its addresses failed"
    ALIAS = "the exchange is an alias"


@dataclass(frozen=True, slots=True)
class Skipped:
    """A host that was left out."""

    name: str
    preference: int
    reason: Unusable


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A host that takes the mail, with its `addresses` in the order of trial.

    `name` is the name of the MX record, for the certificate and for SNI (but for DANE see `tlsa_bases`); an
    address literal stands as it is. `canonical_name` is where aliases led, else the same. `is_secure` and
    `is_alias_secure` are those of the addresses, see `Addresses`.
    """

    name: str
    addresses: tuple[str, ...]
    canonical_name: str
    preference: int = 0
    is_secure: bool = False
    is_alias_secure: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where the mail for `domain` goes: at least one host, with at least one address each.

    `canonical_domain` is where aliases of the domain led. `is_implicit`: there is no MX record, and the
    domain is the host. `is_secure`: DNSSEC has validated the MX records. `skipped` has the hosts that are
    unusable.
    """

    domain: str
    hosts: tuple[Host, ...]
    canonical_domain: str
    is_implicit: bool = False
    is_secure: bool = False
    skipped: tuple[Skipped, ...] = ()

    @property
    def is_literal(self) -> bool:
        """True if the domain is an address literal, which no DNS and no policy knows."""
        return self.domain.startswith("[")

    def attempts(self) -> Iterator[tuple[Host, str]]:
        """Yield each address with its host, in the order of trial."""
        return ((host, address) for host in self.hosts for address in host.addresses)


def find_route(
    domain: str,
    *,
    shuffle: Callable[[list[MX]], object],
    own_names: Iterable[str] = (),
    own_addresses: Iterable[str] = (),
    types: tuple[RecordType, ...] = (RecordType.AAAA, RecordType.A),
    limits: RouteLimits = _DEFAULT_LIMITS,
    strict: bool = False,
) -> Search[Route]:
    """Yield the DNS questions for *domain*, a domain or an address literal, and return where its mail goes.

    *shuffle* puts records of one preference in random order, in place: "the sender-SMTP MUST randomize them".
    What stands at or behind the preference of one of *own_names* or *own_addresses* is dropped: mail would
    loop. *types* are the addresses that are asked for, in their order. With *strict* an exchange that is an
    alias is skipped, as RFC 2181 section 10.3 has it; without it is used, as others do.

    Raises RouteError, AddressError if *domain* is none, LocalProtocolError for an answer to another question.
    """
    own = _Own(frozenset(map(normal_host_name, own_names)), frozenset(map(normal_address, own_addresses)))
    if domain.startswith("["):
        return _literal_route(domain, own)
    name = normal_host_name(domain)
    exchanges = yield from _find_exchanges(name, limits)
    is_implicit = not exchanges.records
    records = exchanges.records or (MX(0, name),)
    search = _HostSearch(name, own, types, limits, strict)
    yield from search.run(_ordered(records, shuffle))
    return Route(
        domain=name,
        hosts=search.result(),
        canonical_domain=host_name_or_none(exchanges.name or "") or name,
        is_implicit=is_implicit,
        is_secure=exchanges.is_secure,
        skipped=tuple(search.skipped),
    )


def group_by_domain(recipients: Iterable[RecipientT]) -> dict[str, tuple[RecipientT, ...]]:
    """Return *recipients* by domain, since one transaction can only go where all of it goes.

    Domains are normal: A-labels in lower case, literals in lower case; "" for a Postmaster without a domain,
    who is at home. The order is that of the first of each. Raises AddressError for what is no mailbox.
    """
    groups: dict[str, list[RecipientT]] = {}
    for recipient in recipients:
        mailbox = Path.of(recipient).mailbox
        if mailbox is None:
            raise AddressError("expected a mailbox, got the null path")
        groups.setdefault(_normal_domain(mailbox.domain), []).append(recipient)
    return {domain: tuple(group) for domain, group in groups.items()}


def _normal_domain(domain: str) -> str:
    return domain.lower() if not domain or domain.startswith("[") else normal_host_name(domain)


@dataclass(frozen=True, slots=True)
class _Own:
    """What this host is called."""

    names: frozenset[str]
    addresses: frozenset[str]

    def is_it(self, host: Host) -> bool:
        """Return whether *host* is this one."""
        return host.canonical_name in self.names or not self.addresses.isdisjoint(host.addresses)


def _literal_route(literal: str, own: _Own) -> Route:
    address = literal_address(literal)
    if address is None:
        raise RouteError(literal, RouteFailure.NO_HOST, "an address literal of an unknown kind")
    if address in own.addresses:
        raise RouteError(literal, RouteFailure.LOOP)
    host = Host(name=literal, addresses=(address,), canonical_name=literal)
    return Route(domain=literal, hosts=(host,), canonical_domain=literal)


def _find_exchanges(name: str, limits: RouteLimits) -> Search[MXRecords]:
    """Return the MX records of *name*, none if it is its own mail host; null ones are left out."""
    answer = yield from _ask(Query(name, RecordType.MX), limits)
    match answer:
        case MXRecords(records=records):
            named = tuple(record for record in records if not record.is_null)
            if records and not named:
                raise RouteError(name, RouteFailure.NULL_MX)
            return replace(answer, records=named)
        case NoData():
            return MXRecords(())
        case NoSuchName():
            raise RouteError(name, RouteFailure.NO_SUCH_DOMAIN)
        case LookupFailed(reason=reason):
            raise RouteError(name, RouteFailure.LOOKUP_FAILED, reason)
    raise LocalProtocolError(f"MX: expected an answer to it, got {answer!r:.80}")


def _ask(
    query: Query, limits: RouteLimits
) -> Search[MXRecords | Addresses | NoData | NoSuchName | LookupFailed]:
    """Return the answer to *query*; the target of an alias "is processed as if it were the initial name"."""
    aliases: list[Alias] = []
    answer = yield query
    while isinstance(answer, Alias):
        if len(aliases) >= limits.max_aliases:
            return LookupFailed(f"more than {limits.max_aliases} aliases")
        target = host_name_or_none(answer.target)
        if target is None:
            return NoData()
        aliases.append(answer)
        query = Query(target, query.type)
        answer = yield query
    if not aliases or not isinstance(answer, MXRecords | Addresses):
        return answer
    followed = replace(
        answer,
        name=answer.name or query.name,
        is_secure=answer.is_secure and all(alias.is_secure for alias in aliases),
    )
    return (
        replace(followed, is_alias_secure=aliases[0].is_secure)
        if isinstance(followed, Addresses)
        else followed
    )


def _ordered(records: Iterable[MX], shuffle: Callable[[list[MX]], object]) -> Iterator[MX]:
    """Yield *records* by preference, those of one preference as *shuffle* has it, and no exchange twice."""
    seen: set[str] = set()
    for _, level in groupby(sorted(records, key=_preference), key=_preference):
        shuffled = list(level)
        shuffle(shuffled)
        for record in shuffled:
            key = record.exchange.lower().removesuffix(".")
            if key not in seen:
                seen.add(key)
                yield record


def _preference(record: MX) -> int:
    return record.preference


class _HostSearch:
    """Looks up the addresses of hosts, the most preferred first, up to this host or to a limit."""

    def __init__(
        self, domain: str, own: _Own, types: tuple[RecordType, ...], limits: RouteLimits, strict: bool
    ) -> None:
        self._domain = domain
        self._own = own
        self._types = types
        self._limits = limits
        self._strict = strict
        self._hosts: list[Host] = []
        self._is_loop = False
        self.skipped: list[Skipped] = []

    def run(self, ordered: Iterator[MX]) -> Search[None]:
        """Look up the addresses of the hosts that are no more preferred than this one."""
        records = self._without_own_names(list(ordered))
        for record in records[: self._limits.max_hosts]:
            host = yield from self._look_up(record)
            if host is None:
                continue
            if self._own.is_it(host):
                self._drop_from(record.preference)
                return
            self._hosts.append(host)

    def result(self) -> tuple[Host, ...]:
        """Return the hosts, with as many addresses as may be tried. Raises RouteError if there is none."""
        if not self._hosts:
            raise RouteError(self._domain, self._failure())
        room = self._limits.max_addresses
        hosts = []
        for host in self._hosts:
            if room:
                hosts.append(replace(host, addresses=host.addresses[:room]))
                room -= len(hosts[-1].addresses)
        return tuple(hosts)

    def _failure(self) -> RouteFailure:
        if any(skipped.reason is Unusable.LOOKUP_FAILED for skipped in self.skipped):
            return RouteFailure.LOOKUP_FAILED
        return RouteFailure.NO_HOST if self.skipped or not self._is_loop else RouteFailure.LOOP

    def _without_own_names(self, records: list[MX]) -> list[MX]:
        """Drop "all records at that preference level and higher-numbered ones" (RFC 5321 section 5.1)."""
        own = [
            record.preference for record in records if host_name_or_none(record.exchange) in self._own.names
        ]
        if not own:
            return records
        self._is_loop = True
        return [record for record in records if record.preference < min(own)]

    def _drop_from(self, preference: int) -> None:
        self._is_loop = True
        self._hosts = [host for host in self._hosts if host.preference < preference]
        self.skipped = [skipped for skipped in self.skipped if skipped.preference < preference]

    def _look_up(self, record: MX) -> Search[Host | None]:
        name = host_name_or_none(record.exchange)
        if name is None:
            self._skip(record, Unusable.NOT_A_NAME)
            return None
        found: list[Addresses] = []
        reason = Unusable.NO_ADDRESS
        for type_ in self._types:
            answer = yield from _ask(Query(name, type_), self._limits)
            if isinstance(answer, MXRecords):
                raise LocalProtocolError(f"{type_.value}: expected addresses, got MX records")
            if isinstance(answer, Addresses) and answer.addresses:
                found.append(answer)
            elif isinstance(answer, LookupFailed):
                reason = Unusable.LOOKUP_FAILED
            elif isinstance(answer, NoSuchName):
                break
        host = _host_of(name, record.preference, found)
        if host is None:
            self._skip(record, reason)
        elif self._strict and host.canonical_name != name:
            self._skip(record, Unusable.ALIAS)
            return None
        return host

    def _skip(self, record: MX, reason: Unusable) -> None:
        self.skipped.append(Skipped(record.exchange, record.preference, reason))


def _host_of(name: str, preference: int, found: list[Addresses]) -> Host | None:
    """Return the host of all its addresses, which are only as secure as the least of the answers."""
    if not found:
        return None
    aliases = {host_name_or_none(answer.name or "") or name for answer in found}
    return Host(
        name=name,
        addresses=tuple(dict.fromkeys(address for answer in found for address in answer.addresses)),
        canonical_name=aliases.pop() if len(aliases) == 1 else name,
        preference=preference,
        is_secure=all(answer.is_secure for answer in found),
        is_alias_secure=all(answer.is_secure or answer.is_alias_secure for answer in found),
    )
