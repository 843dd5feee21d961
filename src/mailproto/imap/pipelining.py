"""Which commands may be in flight together (RFC 3501 section 5.5).

Four rules: some commands are alone; nothing passes an ENABLE that changes how commands are written (RFC
9051, RFC 9755), nor do sequence numbers one that switches them off (RFC 9586); sequence numbers do not pass a
command that lets the server expunge; and of two commands whose answers could not be told apart the second
waits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from mailproto._ranges import intersection
from mailproto.imap.capability import REV2
from mailproto.imap.commands import (
    Command,
    Fetch,
    SetCommand,
    Status,
    Store,
    UIDFetch,
    UIDStore,
)
from mailproto.imap.ext.enable import Enable
from mailproto.imap.ext.gmail import StoreLabels, UIDStoreLabels
from mailproto.imap.ext.uidonly import UIDONLY
from mailproto.imap.ext.utf8 import UTF8_ACCEPT
from mailproto.imap.search import SearchKey, SequenceNumbers
from mailproto.imap.search_commands import KeyedCommand
from mailproto.imap.sequence import SequenceSet, UIDSet
from mailproto.imap.state import row_of
from mailproto.imap.without_numbers import reason_against_number

__all__ = ["answers_of", "conflict", "takes_numbers"]

_HOW_IT_IS_WRITTEN: Final = frozenset({UTF8_ACCEPT, REV2})
"""What ENABLE may name that decides how names and strings are written from then on."""


def conflict(command: Command, pending: Iterable[Command]) -> str | None:
    """Return why *command* has to wait for one of *pending*, or None if it need not."""
    has_numbers = takes_numbers(command)
    is_alone = row_of(command.name).is_alone
    for other in pending:
        if is_alone or row_of(other.name).is_alone:
            return f"{command.name}: {other.name} is in progress, and one of them has to be alone"
        if isinstance(other, Enable) and _depends_on(command, other):
            return f"{command.name}: how it is written depends on the answer to the ENABLE in progress"
        if has_numbers and not row_of(other.name).keeps_numbers:
            return f"{command.name}: sequence numbers may change while {other.name} is in progress"
        if _share_answers(command, other):
            return f"{command.name}: its answers could not be told from those of the {other.name} in progress"
    return None


def _depends_on(command: Command, enable: Enable) -> bool:
    if not _HOW_IT_IS_WRITTEN.isdisjoint(enable.capabilities):
        return True
    return UIDONLY in enable.capabilities and reason_against_number(command) is not None


def takes_numbers(command: Command) -> bool:
    """Return whether sequence numbers are among its arguments."""
    if isinstance(command, KeyedCommand):
        return _has_numbers(command.key)
    # RFC 5182 section 2.1: a server keeps track of what `$` stands for.
    if isinstance(command, SetCommand) and command.sequence_set.is_saved:
        return False
    return row_of(command.name).takes_numbers


def _has_numbers(key: SearchKey) -> bool:
    if isinstance(key, SequenceNumbers):
        return not key.numbers.is_saved
    return any(map(_has_numbers, key.children))


def answers_of(command: Command) -> frozenset[str]:
    """Return the names of the responses that answer *command*."""
    answers = command.answers
    named = row_of(command.name).answers if answers is None else answers
    return frozenset((*named, *(name for option in command.options for name in option.answers)))


def _share_answers(first: Command, second: Command) -> bool:
    shared = answers_of(first) & answers_of(second)
    return any(_MATCHES.get(answer, _always)(first, second) for answer in shared)


def _always(first: Command, second: Command) -> bool:
    return True


def _never(first: Command, second: Command) -> bool:
    """ESEARCH and CONVERTED name the tag of their command."""
    return False


def _same_mailbox(first: Command, second: Command) -> bool:
    if isinstance(first, Status) and isinstance(second, Status):
        return first.mailbox == second.mailbox
    # A LIST that returns STATUS may name any mailbox (RFC 5819).
    return True


def _same_messages(first: Command, second: Command) -> bool:
    if not isinstance(first, SetCommand) or not isinstance(second, SetCommand):
        return True
    keys, others = _answered_keys(first), _answered_keys(second)
    if not keys or not others or (keys - {"UID"} and others - {"UID"} and not keys & others - {"UID"}):
        return False
    return _overlap(first.sequence_set, second.sequence_set)


def _answered_keys(command: Command) -> frozenset[str]:
    """Return the names of the items that answer *command*; a silent STORE is answered by none."""
    if isinstance(command, Fetch | UIDFetch):
        return frozenset(item.key for item in command.items)
    if isinstance(command, Store | UIDStore) and not command.silent:
        return frozenset({"FLAGS"})
    if isinstance(command, StoreLabels | UIDStoreLabels) and not command.silent:
        return frozenset({"X-GM-LABELS"})
    return frozenset()


def _overlap(first: SequenceSet | UIDSet, second: SequenceSet | UIDSet) -> bool:
    if type(first) is not type(second) or first.has_star or second.has_star:
        return True
    return bool(intersection(first.merged, second.merged))


_MATCHES: Final[dict[str, Callable[[Command, Command], bool]]] = {
    "STATUS": _same_mailbox,
    "FETCH": _same_messages,
    "ESEARCH": _never,
    "CONVERTED": _never,
}
"""Name of a response -> whether it could answer both of two commands; always, for a name that is not here."""
