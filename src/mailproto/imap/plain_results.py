"""What an extended search returns, made of the numbers of SEARCH or SORT: the answer of an older server.

RFC 4731 has ESEARCH in answer to a search with RETURN; `mailproto.imap.quirks` has this as one of a session.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final, Never, cast

from mailproto.imap.commands import Command, Search, UIDSearch
from mailproto.imap.ext.esearch import ALL, ESearchData
from mailproto.imap.ext.partial import Partial, PartialResults
from mailproto.imap.ext.sort import SortData
from mailproto.imap.parameters import Parameter
from mailproto.imap.responses import SearchData
from mailproto.imap.sequence import NumberSet, SequenceSet, UIDSet

__all__ = ["results_of_numbers"]


def results_of_numbers(tag: str, command: Command, plain: Sequence[SearchData | SortData]) -> ESearchData:
    """Return what *command* asked for, made of the numbers that came, with the defects of these."""
    numbers = [number for data in plain for number in data.numbers]
    if isinstance(command, Search | UIDSearch):
        numbers = sorted(set(numbers))
    is_uid = command.name.startswith("UID ")
    results = [
        (option.name, _made_of(numbers, UIDSet if is_uid else SequenceSet, option))
        for option in command.options or (ALL,)
    ]
    results.append(
        ("MODSEQ", max((data.mod_seq for data in plain if data.mod_seq is not None), default=None))
    )
    told = tuple(result for result in results if result[1] is not None)
    defects = tuple(defect for data in plain for defect in data.defects)
    return ESearchData(tag, told, is_uid, defects=defects)


def _made_of(numbers: Sequence[int], kind: type[NumberSet], option: Parameter) -> object:
    make = _MADE_OF_NUMBERS.get(option.name)
    return None if make is None else make(numbers, kind, option)  # type: ignore[arg-type]  # the table is keyed by the option


def _set_of(numbers: Sequence[int], kind: type[NumberSet]) -> NumberSet | None:
    """Return *numbers*, in their order, which `in_order` gives; None if there are none."""
    if all(first < second for first, second in pairwise(numbers)):
        return kind.of(numbers) or None
    return kind.of_parsed(tuple((number, number) for number in numbers))


def _partial(numbers: Sequence[int], kind: type[NumberSet], option: Partial) -> PartialResults:
    low, high = sorted((option.first, option.last))
    if low < 0:
        # -1 is the last one.
        low, high = max(1, len(numbers) + low + 1), len(numbers) + high + 1
    part = _set_of(numbers[low - 1 : max(0, high)], kind)
    return PartialResults(option.first, option.last, cast("SequenceSet | UIDSet | None", part))


_MADE_OF_NUMBERS: Final[dict[str, Callable[[Sequence[int], type[NumberSet], Never], object]]] = {
    "MIN": lambda numbers, kind, option: numbers[0] if numbers else None,
    "MAX": lambda numbers, kind, option: numbers[-1] if numbers else None,
    "COUNT": lambda numbers, kind, option: len(numbers),
    "ALL": lambda numbers, kind, option: _set_of(numbers, kind),
    "PARTIAL": _partial,
}
"""Option of RETURN -> its result, from the numbers that were found in their order; None: there is none.

RFC 5267 section 3.1: MIN is the "lowest sorted message", and the first of numbers that ascend.
"""
