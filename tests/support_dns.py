"""A resolver with dnspython's face and values that answers from a zone and asks nobody."""

from __future__ import annotations

from collections.abc import Mapping

import dns.flags
import dns.message
import dns.name
import dns.rdataclass
import dns.rdatatype
import dns.resolver
import dns.rrset

__all__ = ["Zone", "resolver_of"]

Zone = Mapping[tuple[str, str], list[str]]
"""Records as master files have them, by name and type."""


def resolver_of(zone: Zone) -> type:
    """Return a class to put in the place of `dns.asyncresolver.Resolver`; all it says is validated."""

    class Resolver:
        async def resolve(self, qname: str, rdtype: str) -> dns.resolver.Answer:
            name = dns.name.from_text(qname)
            response = dns.message.make_response(dns.message.make_query(name, rdtype))
            response.flags |= dns.flags.AD
            if all(dns.name.from_text(other) != name for other, _ in zone):
                raise dns.resolver.NXDOMAIN(qnames=[name], responses={name: response})
            records = zone.get((qname.removesuffix("."), rdtype))
            if records is None:
                raise dns.resolver.NoAnswer(response=response)
            kind = dns.rdatatype.from_text(rdtype)
            found = response.find_rrset(response.answer, name, dns.rdataclass.IN, kind, create=True)
            for record in dns.rrset.from_text(name, 300, "IN", rdtype, *records):
                found.add(record, 300)
            assert isinstance(response, dns.message.QueryMessage)
            return dns.resolver.Answer(name, kind, dns.rdataclass.IN, response)

    return Resolver
