"""Mailbox names of an account: hierarchy, what may be created, wildcards (RFC 3501 sections 5.1 and 6.3.8).

A store has a flat list of names; that `a` stands above `a/b`, even where there is no mailbox `a`, is known
here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from mailproto.store._protocol import MailboxInfo, StoreError

__all__ = [
    "DELIMITER",
    "INBOX",
    "NamePattern",
    "canonical_name",
    "check_new_name",
    "list_names",
    "list_subscribed",
    "superiors",
]

DELIMITER: Final = "/"
INBOX: Final = "INBOX"
MAX_NAME: Final = 1_000
"""Characters of a name that can be created."""


def canonical_name(name: str) -> str:
    """Return *name* with INBOX in capitals, be it the name or its first level."""
    first, delimiter, rest = name.partition(DELIMITER)
    return INBOX + delimiter + rest if first.upper() == INBOX else name


def check_new_name(name: str) -> str:
    """Return *name* as it is created, without a delimiter at its end (RFC 3501 section 6.3.3).

    Raises StoreError("CANNOT", ...) for a name with an empty level, a control character, or too long a one.
    """
    name = canonical_name(name.removesuffix(DELIMITER))
    if "" in name.split(DELIMITER):
        raise StoreError("CANNOT", "a level of the name is empty")
    if len(name) > MAX_NAME:
        raise StoreError("CANNOT", f"the name has more than {MAX_NAME} characters")
    if not name.isprintable():
        raise StoreError("CANNOT", "the name holds a character that cannot be shown")
    return name


def superiors(name: str) -> Iterator[str]:
    """Yield the names above *name*, the nearest first."""
    while DELIMITER in name:
        name = name.rpartition(DELIMITER)[0]
        yield name


class NamePattern:
    """A mailbox name with the wildcards `*`, which matches anything, and `%`, which stops at a delimiter.

    All positions in the pattern are followed at once, as bits of one number, so that a match takes time in
    proportion to the name, whatever the wildcards.
    """

    __slots__ = ("_accepted", "_any", "_any_but_delimiter", "_literal")

    def __init__(self, pattern: str) -> None:
        tokens = list(_without_repeated_wildcards(pattern))
        self._accepted = 1 << len(tokens)
        self._any = 0
        self._any_but_delimiter = 0
        self._literal: dict[str, int] = {}
        for position, token in enumerate(tokens):
            bit = 1 << position
            if token == "*":
                self._any |= bit
            elif token == "%":
                self._any_but_delimiter |= bit
            else:
                self._literal[token] = self._literal.get(token, 0) | bit

    def matches(self, name: str) -> bool:
        """Return whether the whole of *name* matches."""
        wild = self._any | self._any_but_delimiter
        state = 1 | ((1 & wild) << 1)
        for character in name:
            loop = self._any if character == DELIMITER else wild
            state = ((state & self._literal.get(character, 0)) << 1) | (state & loop)
            state |= (state & wild) << 1
        return bool(state & self._accepted)


def _without_repeated_wildcards(pattern: str) -> Iterator[str]:
    previous = ""
    for token in pattern:
        if token == "*" and previous in ("*", "%"):
            previous = "*"
            continue
        if token == "%" and previous in ("*", "%"):
            continue
        if previous:
            yield previous
        previous = token
    if previous:
        yield previous


def list_names(mailboxes: Iterable[MailboxInfo], pattern: str) -> list[tuple[str, tuple[str, ...]]]:
    """Return the names that LIST shows, sorted, each with its attributes (RFC 3348 and 6154 included).

    A name that only stands above mailboxes is `\\\\Noselect`.
    """
    known = {info.name: info for info in mailboxes if info.exists}
    parents = {superior for name in known for superior in superiors(name)}
    matches = _matcher(pattern)
    return [
        (name, _attributes(known.get(name), name in parents))
        for name in sorted(known.keys() | parents)
        if matches(name)
    ]


def _attributes(info: MailboxInfo | None, has_children: bool) -> tuple[str, ...]:
    children = "\\HasChildren" if has_children else "\\HasNoChildren"
    if info is None:
        return ("\\Noselect", children)
    return (children, *sorted(info.special_use))


def list_subscribed(mailboxes: Iterable[MailboxInfo], pattern: str) -> list[tuple[str, tuple[str, ...]]]:
    """Return the names that LSUB shows, sorted, each with its attributes.

    Where a name does not match, but a level above it does, that level is shown with `\\\\Noselect`, as a sign
    that something below is subscribed to (RFC 3501 section 6.3.9).
    """
    names = {info.name for info in mailboxes if info.subscribed}
    matches = _matcher(pattern)
    shown: dict[str, tuple[str, ...]] = {name: () for name in names if matches(name)}
    above = {superior for name in names - shown.keys() for superior in superiors(name) if matches(superior)}
    hints: dict[str, tuple[str, ...]] = dict.fromkeys(above, ("\\Noselect",))
    return sorted((hints | shown).items())


def _matcher(pattern: str) -> Callable[[str], bool]:
    as_written = NamePattern(canonical_name(pattern)).matches
    in_capitals = NamePattern(pattern.upper()).matches
    return lambda name: as_written(name) or (name == INBOX and in_capitals(name))
