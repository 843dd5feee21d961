"""Names and addresses of hosts as the DNS gives them, and the patterns that stand for them.

A host name is kept in lower case, with A-labels, without the dot of the root. The underscore is allowed: it
is no letter of RFC 5321, and there are MX records with it.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final

from mailproto.address import AddressError, parse_domain_or_literal, to_a_label

__all__ = ["host_name_or_none", "literal_address", "matches_pattern", "normal_address", "normal_host_name"]

_LABEL: Final = "[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_is_host_name: Final = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*", re.ASCII).fullmatch
_is_dotted_quad: Final = re.compile(r"[0-9.]+", re.ASCII).fullmatch


def normal_host_name(name: str) -> str:
    """Return *name* as names are compared. Raises AddressError for what is no name, an address included."""
    text = name.removesuffix(".")
    text = (text if text.isascii() else to_a_label(text)).lower()
    if _is_host_name(text) is None or _is_dotted_quad(text) is not None:
        raise AddressError(f"expected a host name, got {name[:40]!r}")
    return text


def host_name_or_none(name: str) -> str | None:
    """Return *name* as `normal_host_name` does; None for what is no name, since the DNS holds such too."""
    try:
        return normal_host_name(name)
    except AddressError:
        return None


def normal_address(address: str) -> str:
    """Return an IPv4 or IPv6 *address* as addresses are compared. Raises AddressError."""
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        raise AddressError(f"expected an IP address, got {address[:40]!r}") from None


def literal_address(literal: str) -> str | None:
    """Return the address in an address literal; None if it is of another kind (RFC 5321 section 4.1.3).

    Raises AddressError for what is no literal.
    """
    text = parse_domain_or_literal(literal)[1:-1]
    if _is_dotted_quad(text) is not None:
        # Snum may have leading zeros, and is decimal all the same.
        return ".".join(str(int(number)) for number in text.split("."))
    tag, _, address = text.partition(":")
    return normal_address(address) if tag.lower() == "ipv6" else None


def matches_pattern(pattern: str, name: str) -> bool:
    """Return whether *pattern* is *name*, both normal, or has `*` for exactly its first label.

    RFC 8461 section 4.1 and RFC 7672 section 3.2.3 have the same rule.
    """
    if pattern.startswith("*."):
        label, dot, rest = name.partition(".")
        return bool(label and dot) and rest == pattern[2:]
    return pattern == name
