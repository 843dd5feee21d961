"""What an argument of a command asks of the server: a capability, or an extension that is switched on.

A command, a fetch item, a search key and a parameter each say what they need. A server refuses what it does
not offer (RFC 4466 section 2: "must be rejected with a BAD response"), a client does not send it.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Final, NamedTuple

from mailproto.imap.capability import Capabilities

__all__ = ["IMPLIED", "Need", "reason_against", "with_implied"]

IMPLIED: Final = {"QRESYNC": "CONDSTORE"}
"""What is switched on with another extension (RFC 7162 section 3.2.3)."""


class Need(NamedTuple):
    """What one argument needs.

    `name` is that of the argument. One of `capabilities` must be offered; there is none for an argument that
    no module knows. `enabled` must have been switched on by ENABLE before, unless it is "". `enables` is what
    a command with the argument switches on, as if by ENABLE. With `is_listed` the capability must be named
    itself: another one that has a part of it, as IMAP4rev2 has of BINARY, is not enough.
    """

    name: str
    capabilities: tuple[str, ...]
    enabled: str = ""
    enables: str = ""
    is_listed: bool = False

    def is_met(self, offered: Capabilities) -> bool:
        """Return whether *offered* has one of the capabilities."""
        return any(name in offered if self.is_listed else offered.offers(name) for name in self.capabilities)


def reason_against(needs: Iterable[Need], offered: Capabilities, enabled: Container[str]) -> str | None:
    """Return why an argument with one of *needs* cannot be used now; None if all can."""
    for need in needs:
        if not need.capabilities:
            return f"{need.name} is not known"
        if not need.is_met(offered):
            return f"{need.name} needs {' or '.join(need.capabilities)}, which is not offered"
        if need.enabled and need.enabled not in enabled:
            return f"{need.name} needs ENABLE {need.enabled} before"
    return None


def with_implied(names: Iterable[str]) -> frozenset[str]:
    """Return *names*, in upper case, with what is switched on together with them."""
    known = frozenset(names)
    return known | {IMPLIED[name] for name in known if name in IMPLIED}
