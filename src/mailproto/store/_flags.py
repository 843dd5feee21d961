"""Changes of flags, which are one whatever their case (RFC 3501 section 2.3.2)."""

from __future__ import annotations

__all__ = ["changed_flags"]


def changed_flags(before: frozenset[str], add: frozenset[str], remove: frozenset[str]) -> frozenset[str]:
    """Return *before* without the flags *remove* and with the flags *add*, compared without regard to case.

    A flag that is there already keeps its spelling; what is both added and removed is there.
    """
    added = {flag.lower() for flag in add}
    removed = {flag.lower() for flag in remove} - added
    flags = {flag.lower(): flag for flag in before if flag.lower() not in removed}
    for flag in add:
        flags.setdefault(flag.lower(), flag)
    return frozenset(flags.values())
