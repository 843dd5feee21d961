"""What IMAP4rev2 changes in what a server sends (RFC 9051 appendices A and E).

A server that offers both revisions speaks the older one until the client enables the newer; one that offers
IMAP4rev2 alone speaks that from its greeting on. What a *client* may not ask for then stands with the thing
itself, as a need of IMAP4rev1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, Never

from mailproto.errors import LocalProtocolError
from mailproto.imap.codes import UnseenCode
from mailproto.imap.commands import Command, LSub, TaggedCommand
from mailproto.imap.ext.esearch import ALL, COUNT, MAX, MIN, ESearchData
from mailproto.imap.ext.searchres import SAVE
from mailproto.imap.fetch import UID
from mailproto.imap.fetch_data import FetchData
from mailproto.imap.mailbox_data import FlagsData, LSubData, RecentData, SearchData
from mailproto.imap.parameters import Parameter
from mailproto.imap.responses import Response
from mailproto.imap.search_commands import Search, UIDSearch
from mailproto.imap.sequence import NumberSet, SequenceSet, UIDSet
from mailproto.imap.state import row_of
from mailproto.imap.status import Ok

__all__ = ["check_in_rev2", "search_answer"]


def check_in_rev2(response: Response, command: Command | None) -> None:
    """Raise LocalProtocolError if IMAP4rev2 has no such *response* while *command* is answered."""
    rule = _RULES.get(type(response))
    reason = rule(response, command) if rule is not None else None  # type: ignore[arg-type]  # keyed by the type
    if reason is not None:
        raise LocalProtocolError(f"{reason} in IMAP4rev2 (RFC 9051 appendix E)")


def _search(response: SearchData, command: Command | None) -> str | None:
    return "SEARCH: ESEARCH answers"


def _recent(response: RecentData, command: Command | None) -> str | None:
    return "RECENT: there is none"


def _lsub(response: LSubData, command: Command | None) -> str | None:
    return None if isinstance(command, LSub) else "LSUB: there is none"


def _flags(response: FlagsData, command: Command | None) -> str | None:
    return "FLAGS: there is no \\Recent" if "\\Recent" in response.flags else None


def _fetch(response: FetchData, command: Command | None) -> str | None:
    """Section 7.5.2: unsolicited FETCH responses "MUST include UID FETCH item"."""
    is_asked_for = command is not None and "FETCH" in row_of(command.name).answers
    return None if is_asked_for or UID in response else "FETCH: what was not asked for has a UID"


def _ok(response: Ok, command: Command | None) -> str | None:
    return "OK: there is no code UNSEEN" if isinstance(response.code, UnseenCode) else None


_RULES: Final[dict[type, Callable[[Never, Command | None], str | None]]] = {
    SearchData: _search,
    RecentData: _recent,
    LSubData: _lsub,
    FlagsData: _flags,
    FetchData: _fetch,
    Ok: _ok,
}
"""Kind of response -> what says why it may not be sent; all may that are not here."""


def search_answer(
    tagged: TaggedCommand, found: Iterable[int], *, rev2: bool, mod_seq: int | None = None
) -> SearchData | ESearchData | None:
    """Return what answers the SEARCH or UID SEARCH *tagged* that has *found* these messages.

    *rev2* is `conn.is_rev2`. SEARCH answers what has no RETURN in IMAP4rev1, else ESEARCH with what RETURN
    asks for, ALL if that is not said; None: only SAVE was asked for, and nothing is sent (RFC 9051 section
    6.4.4). *mod_seq* is the highest mod-sequence of what is returned, if the keys had MODSEQ (RFC 7162).
    Raises LocalProtocolError for an option other than MIN, MAX, ALL, COUNT and SAVE.
    """
    command = tagged.command
    if not isinstance(command, Search | UIDSearch):
        raise LocalProtocolError(f"expected SEARCH, got {command.name}")
    if command.returning is None and not rev2:
        return SearchData(tuple(found), mod_seq=mod_seq)
    is_uid = isinstance(command, UIDSearch)
    numbers = _set_of(found, is_uid=is_uid)
    wanted = command.returning or (ALL,)
    results = [result for option in wanted for result in _result(option, numbers)]
    if mod_seq is not None:
        results.append(("MODSEQ", mod_seq))
    return None if set(wanted) == {SAVE} else ESearchData(tagged.tag, tuple(results), is_uid)


def _set_of(found: Iterable[int], *, is_uid: bool) -> SequenceSet | UIDSet:
    kind: type[SequenceSet | UIDSet] = UIDSet if is_uid else SequenceSet
    return found if isinstance(found, kind) else kind.of(found)


def _result(option: Parameter, numbers: NumberSet) -> list[tuple[str, object]]:
    """Return what *option* has to say of *numbers*: nothing, where that is a number and there is none."""
    if option not in _RESULTS:
        raise LocalProtocolError(f"expected MIN, MAX, ALL, COUNT or SAVE, got {option.name[:40]}")
    value = _RESULTS[option](numbers) if numbers or option == COUNT else None
    return [] if value is None else [(option.name, value)]


_RESULTS: Final[dict[Parameter, Callable[[NumberSet], object]]] = {
    MIN: lambda numbers: numbers.merged[0][0],
    MAX: lambda numbers: numbers.merged[-1][1],
    ALL: lambda numbers: numbers,
    COUNT: len,
    SAVE: lambda numbers: None,
}
"""Option of RETURN -> what it returns of a set; None: nothing."""
