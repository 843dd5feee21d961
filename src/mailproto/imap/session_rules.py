"""Deviations that no response shows alone: what comes at the wrong time, for something else, or not at all.

Each rule is that of a row of `mailproto.imap.quirks.SESSION_QUIRKS`. The client's connection asks before a
response changes what it knows, and puts the rule among the defects of the event, or raises it under strict.
What was sent unchecked may be anything: while that is in progress nothing is said against a response.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Never, TypeAlias, final

from mailproto.imap.capability import Capabilities
from mailproto.imap.commands import Command, Copy, List, Logout, UIDCopy
from mailproto.imap.ext.enable import Enable
from mailproto.imap.ext.esearch import ESearchData
from mailproto.imap.ext.move import Move, UIDMove
from mailproto.imap.ext.namespace import Namespace
from mailproto.imap.ext.qresync import VanishedData
from mailproto.imap.ext.sort import Sort, SortData, UIDSort
from mailproto.imap.ext.uidonly import UIDONLY, UIDFetchData
from mailproto.imap.ext.uidplus import CopyUIDCode
from mailproto.imap.fetch_data import FetchData
from mailproto.imap.needs import reason_against
from mailproto.imap.pipelining import answers_of
from mailproto.imap.responses import EnabledData, ExpungeData, Response, SearchData, TaggedStatus
from mailproto.imap.state import row_of
from mailproto.imap.status import Bad, Bye, Ok

__all__ = ["HAVE_RULES", "HAVE_RULES_BY_UID", "HAVE_RULES_OF_COMPLETION", "Before", "SessionRules"]

InProgress: TypeAlias = Mapping[str, Command]
"""Tag -> command that was sent and is not completed, the oldest first."""


@final
@dataclass(frozen=True, slots=True)
class Before:
    """What stood when a response came: the commands in progress, and what is offered and enabled.

    `exists` is the number of messages; None: not known. `has_certain_numbers` is that of the client.
    """

    commands: InProgress
    exists: int | None
    offered: Capabilities
    enabled: frozenset[str] = field(kw_only=True)
    has_certain_numbers: bool = field(default=True, kw_only=True)


@final
class SessionRules:
    """What has to be remembered to tell which rule a response breaks."""

    __slots__ = ("_byes", "_has_enabled")

    def __init__(self) -> None:
        self._has_enabled = False
        self._byes = 0

    def broken(self, response: Response, before: Before) -> str | None:
        """Return the rule that *response* breaks, None if it breaks none."""
        return _RULES[type(response)](self, response, before)  # type: ignore[arg-type]  # the table is keyed by the type

    def broken_by_end(self, commands: InProgress) -> str | None:
        """Return the rule that a server breaks which closes while *commands* are in progress.

        After one BYE it breaks none: that may have announced the end before it had read them.
        """
        oldest = next(iter(commands.values()), None)
        return None if self._byes == 1 else _AT_THE_END.get(type(oldest))

    def _part(self, _response: Bye, _before: Before) -> None:
        self._byes += 1

    def _note_enabled(self, _response: EnabledData, _before: Before) -> None:
        self._has_enabled = True

    def _complete(self, response: TaggedStatus, before: Before) -> str | None:
        command = before.commands.get(response.tag)
        if isinstance(command, Enable):
            has_enabled, self._has_enabled = self._has_enabled, False
            # RFC 5161 section 3.1: "the server MUST send an untagged ENABLED response".
            return _ENABLED if isinstance(response.status, Ok) and not has_enabled else None
        if isinstance(command, List) and isinstance(response.status, Bad):
            is_offered = reason_against(command.needs, before.offered, before.enabled) is None
            return _LIST if command.needs and is_offered else None
        return None

    def _expunge(self, response: ExpungeData, before: Before) -> str | None:
        if before.exists is not None and response.sequence_number > before.exists:
            return "an EXPUNGE only of messages that exist"
        return _rule_against_expunge(before)

    def _vanish(self, response: VanishedData, before: Before) -> str | None:
        return None if response.is_earlier else _rule_against_expunge(before)

    def _find(self, response: SearchData | SortData, before: Before) -> str | None:
        commands = before.commands.values()
        if any(response.name in answers_of(command) for command in commands):
            return None
        is_instead = any(
            "ESEARCH" in answers_of(command) and response.name in row_of(command.name).answers
            for command in commands
        )
        return "ESEARCH in answer to a search with RETURN" if is_instead else None

    def _find_extended(self, response: ESearchData, before: Before) -> str | None:
        found = response.all
        if not found or not isinstance(before.commands.get(response.tag or ""), Sort | UIDSort):
            return None
        # RFC 5267 section 3.2: within a range the numbers ascend, however it is written.
        is_right = response.min in (None, min(found.ranges[0])) and response.max in (
            None,
            max(found.ranges[-1]),
        )
        return None if is_right else "MIN and MAX of a sorted search as its first and its last"

    def _tell(self, response: Ok, before: Before) -> str | None:
        if not isinstance(response.code, CopyUIDCode):
            return None
        commands = before.commands.values()
        # RFC 6851 section 4.3 has it in an untagged OK, for a MOVE.
        if any(isinstance(command, Move | UIDMove) for command in commands):
            return None
        is_copying = any(isinstance(command, Copy | UIDCopy) for command in commands)
        return "COPYUID in the tagged OK" if is_copying else None

    # RFC 9586 section 3: with UIDONLY no response has a sequence number, and section 3.3 has UIDFETCH then.
    def _fetch(self, _response: FetchData, before: Before) -> str | None:
        return "UIDFETCH, not FETCH, after ENABLE UIDONLY" if UIDONLY in before.enabled else None

    def _fetch_by_uid(self, _response: UIDFetchData, before: Before) -> str | None:
        return None if UIDONLY in before.enabled else "FETCH, not UIDFETCH, before ENABLE UIDONLY"


def _rule_against_expunge(before: Before) -> str | None:
    # RFC 3501 section 7.4.1: "MUST NOT be sent when no command is in progress, nor while responding to a
    # FETCH, STORE, or SEARCH command". NOTIFY may have asked for it at any time (RFC 5465 section 5.3).
    is_protected = all(row_of(command.name).keeps_numbers for command in before.commands.values())
    if is_protected and before.has_certain_numbers:
        return "EXPUNGE only while a command is in progress that allows it"
    return None


_ENABLED: Final = "ENABLED in answer to ENABLE"
_LIST: Final = "a LIST with the options that are offered"

_RULES: Final[dict[type, Callable[[SessionRules, Never, Before], str | None]]] = {
    EnabledData: SessionRules._note_enabled,
    TaggedStatus: SessionRules._complete,
    ExpungeData: SessionRules._expunge,
    VanishedData: SessionRules._vanish,
    SearchData: SessionRules._find,
    SortData: SessionRules._find,
    ESearchData: SessionRules._find_extended,
    Ok: SessionRules._tell,
    Bye: SessionRules._part,
    FetchData: SessionRules._fetch,
    UIDFetchData: SessionRules._fetch_by_uid,
}
"""Kind of response -> what tells which rule it breaks."""

HAVE_RULES: Final = frozenset(_RULES) - {FetchData}
HAVE_RULES_BY_UID: Final = frozenset(_RULES) - {UIDFetchData}
"""Kinds of response that may break one, without UIDONLY and with it: not the one that comes all the time."""

HAVE_RULES_OF_COMPLETION: Final = (Enable, List)
"""Commands whose completion may break one: not those of which thousands are in progress."""

_AT_THE_END: Final[dict[type, str]] = {
    Logout: "a tagged answer to LOGOUT",
    Namespace: "an answer to NAMESPACE",
}
"""Kind of the oldest command in progress -> the rule that is broken if the server closes."""
