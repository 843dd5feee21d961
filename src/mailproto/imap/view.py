"""What a client knows of its selected mailbox, kept from the responses (RFC 3501 sections 6.3.1, 7.2, 7.3).

The view sees every response before the application does. Sequence numbers are mapped to UIDs as far as FETCH
responses have told them; EXPUNGE moves the numbers above it down.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from operator import lt
from typing import Final, Never, final

from mailproto import _ranges
from mailproto._ranges import Ranges
from mailproto.imap.codes import (
    PermanentFlagsCode,
    ResponseCode,
    SimpleCode,
    UIDNextCode,
    UIDValidityCode,
    UnseenCode,
)
from mailproto.imap.ext.annotate import AnnotationsCode
from mailproto.imap.ext.condstore import NOMODSEQ, HighestModSeqCode
from mailproto.imap.ext.objectid import MailboxIDCode
from mailproto.imap.ext.qresync import VanishedData
from mailproto.imap.fetch_data import numbers_and_uids
from mailproto.imap.responses import (
    ExistsData,
    ExpungeData,
    FetchData,
    FlagsData,
    ListData,
    RecentData,
    Response,
)
from mailproto.imap.status import Bad, No, Ok, StatusResponse

__all__ = ["MailboxView", "NumberMap"]

MAX_RUNS: Final = 1_024
"""Runs of neighbouring numbers that a map keeps: scattered ones beyond it are forgotten, not wrong."""

MAX_RUN: Final = 16_384
"""Numbers in one run; what is told or expunged in the middle moves no more than these."""

MAX_UID: Final = 2**32 - 1


class _Run:
    """Neighbouring sequence numbers whose UIDs are known: `first`, `first + 1`, ..."""

    __slots__ = ("first", "uids")

    def __init__(self, first: int, uid: int) -> None:
        self.first = first
        self.uids = array("I", (uid,))

    @property
    def end(self) -> int:
        return self.first + len(self.uids)

    @property
    def has_room(self) -> bool:
        return len(self.uids) < MAX_RUN


def _first(run: _Run) -> int:
    return run.first


def _without(uids: array[int], gone: Ranges) -> array[int] | None:
    """Return *uids* without those in *gone*, which must all be among them; None if they are not."""
    if not gone:
        return uids
    kept = array("I")
    place = 0
    for low, high in gone:
        start = bisect_left(uids, low, place)
        stop = bisect_right(uids, high, start)
        if stop - start != high - low + 1:
            return None
        kept.extend(uids[place:start])
        place = stop
    kept.extend(uids[place:])
    return kept


def _may_join(run: _Run, first: int, uids: array[int]) -> bool:
    """Whether *uids*, from the number *first* on, are the neighbours of *run* and fit into it."""
    return run.end == first and len(run.uids) + len(uids) <= MAX_RUN


def _are_neighbours(numbers: list[int]) -> bool:
    return numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def _follow(run: _Run, numbers: list[int], uids: list[int]) -> bool:
    """Whether these can be put behind *run*, which is the last one, without more ado."""
    return (
        numbers[0] == run.end
        and len(run.uids) + len(uids) <= MAX_RUN
        and uids[-1] <= MAX_UID
        and _are_neighbours(numbers)
        and all(map(lt, [run.uids[-1], *uids], uids))
    )


def _append(runs: list[_Run], first: int, uids: array[int]) -> None:
    """Add a run behind *runs*, or to the last one if they are neighbours and fit."""
    if runs and _may_join(runs[-1], first, uids):
        runs[-1].uids.extend(uids)
    else:
        run = _Run(first, uids[0])
        run.uids = uids
        runs.append(run)


def _low(pair: tuple[int, int]) -> int:
    return pair[0]


def _first_uid(run: _Run) -> int:
    return run.uids[0]


@final
class NumberMap:
    """Which UID has which sequence number, as far as it is known.

    Memory grows with what was told, not with the numbers. A lookup is two binary searches, an expunge one
    pass over at most `MAX_RUNS` runs. What contradicts the ascending order of UIDs empties the map.
    """

    __slots__ = ("_runs",)

    def __init__(self) -> None:
        self._runs: list[_Run] = []

    def __len__(self) -> int:
        """Return for how many messages the UID is known."""
        return sum(len(run.uids) for run in self._runs)

    def uid(self, sequence_number: int) -> int | None:
        """Return the UID of the message with this number, or None if no response told it."""
        run = self._run_at(sequence_number)
        return None if run is None else run.uids[sequence_number - run.first]

    def sequence_number(self, uid: int) -> int | None:
        """Return the number of the message with this UID, or None if no response told it."""
        index = bisect_right(self._runs, uid, key=_first_uid) - 1
        if index < 0:
            return None
        run = self._runs[index]
        place = bisect_left(run.uids, uid)
        return run.first + place if place < len(run.uids) and run.uids[place] == uid else None

    def put(self, sequence_number: int, uid: int) -> None:
        """Note that the message with this number has this UID."""
        last = self._runs[-1] if self._runs else None
        if (
            last is not None
            and sequence_number == last.first + len(last.uids)
            and last.has_room
            and last.uids[-1] < uid <= MAX_UID
        ):
            # What a FETCH of many messages brings, one after the other.
            last.uids.append(uid)
            return
        if not 0 < uid <= MAX_UID or sequence_number < 1:
            return
        index = bisect_right(self._runs, sequence_number, key=_first) - 1
        before = self._runs[index] if index >= 0 else None
        if before is not None and sequence_number < before.end:
            if before.uids[sequence_number - before.first] != uid:
                self._runs.clear()
            return
        after = self._runs[index + 1] if index + 1 < len(self._runs) else None
        if (before is not None and before.uids[-1] >= uid) or (after is not None and after.uids[0] <= uid):
            self._runs.clear()
            before = after = None
            index = -1
        self._insert(index, before, after, sequence_number, uid)

    def _insert(
        self, index: int, before: _Run | None, after: _Run | None, sequence_number: int, uid: int
    ) -> None:
        if before is not None and before.end == sequence_number and before.has_room:
            before.uids.append(uid)
            self._join(index)
        elif after is not None and after.first == sequence_number + 1 and after.has_room:
            after.uids.insert(0, uid)
            after.first = sequence_number
        elif len(self._runs) < MAX_RUNS:
            self._runs.insert(index + 1, _Run(sequence_number, uid))

    def _join(self, index: int) -> None:
        """Make one run of that at *index* and the next one, if they are neighbours now and fit."""
        if not 0 <= index < len(self._runs) - 1:
            return
        after = self._runs[index + 1]
        if _may_join(self._runs[index], after.first, after.uids):
            self._runs[index].uids.extend(after.uids)
            del self._runs[index + 1]

    def put_all(self, numbers: list[int], uids: list[int]) -> None:
        """Do what `put` does for each of these numbers with its UID, one after the other."""
        last = self._runs[-1] if self._runs else None
        if last is not None and _follow(last, numbers, uids):
            last.uids.extend(uids)
        elif not self._knows(numbers, uids):
            for number, uid in zip(numbers, uids, strict=True):
                self.put(number, uid)

    def _knows(self, numbers: list[int], uids: list[int]) -> bool:
        """Whether all this was noted before."""
        run = self._run_at(numbers[0])
        if run is None or not _are_neighbours(numbers):
            return False
        place = numbers[0] - run.first
        return run.uids[place : place + len(uids)].tolist() == uids

    def expunge(self, sequence_number: int) -> None:
        """Drop the message with this number; those above it move down by one."""
        index = bisect_right(self._runs, sequence_number, key=_first) - 1
        for run in self._runs[index + 1 :]:
            run.first -= 1
        if index >= 0 and sequence_number < self._runs[index].end:
            run = self._runs[index]
            del run.uids[sequence_number - run.first]
            if not run.uids:
                del self._runs[index]
                index -= 1
        self._join(index)

    def vanish(self, gone: Ranges) -> None:
        """Drop the messages with these UIDs (ascending, disjoint); those above each move down by one.

        A message that is gone stood between two neighbours of a run only if the run had it: else the map is
        wrong, and emptied. It is one pass over the runs and *gone*.
        """
        kept: list[_Run] = []
        passed = below = 0
        for run in self._runs:
            low, high = run.uids[0], run.uids[-1]
            while passed < len(gone) and gone[passed][1] < low:
                below += gone[passed][1] - gone[passed][0] + 1
                passed += 1
            near = gone[passed : bisect_right(gone, high, passed, key=_low)]
            first = run.first - below - (max(0, low - near[0][0]) if near else 0)
            uids = _without(run.uids, _ranges.intersection(near, ((low, high),)))
            if uids is None or first < 1:
                self._runs.clear()
                return
            if uids:
                _append(kept, first, uids)
        self._runs = kept

    def truncate(self, count: int) -> None:
        """Forget the numbers above *count*."""
        while self._runs and self._runs[-1].end > count + 1:
            run = self._runs[-1]
            if run.first > count:
                self._runs.pop()
            else:
                del run.uids[count + 1 - run.first :]

    def clear(self) -> None:
        """Forget everything."""
        self._runs.clear()

    def _run_at(self, sequence_number: int) -> _Run | None:
        index = bisect_right(self._runs, sequence_number, key=_first) - 1
        if index < 0 or sequence_number >= self._runs[index].end:
            return None
        return self._runs[index]


@final
class MailboxView:
    """The selected mailbox; numbers are None until a response told them.

    `mailbox` is the name as it was selected. `is_read_only` follows EXAMINE and the READ-ONLY and READ-WRITE
    codes. `unseen` is the first unseen message as SELECT told it. `permanent_flags` holds "\\*" if new
    keywords can be made. `listing` is the LIST response that IMAP4rev2 sends with SELECT: it has the name
    that the server gives the mailbox (RFC 9051 section 6.3.2). `mailbox_id` is the object identifier of RFC
    8474. `expunged_uid` is that of the last EXPUNGE, if it was known. `highest_mod_seq` is as HIGHESTMODSEQ
    told it last (RFC 7162); `has_mod_seqs` is False after NOMODSEQ, None while nothing was said.
    `annotations` is what ANNOTATIONS said of the mailbox (RFC 5257). The connection keeps it; applications
    only read.

    After ENABLE UIDONLY (RFC 9586) no response tells a sequence number: `numbers` stays empty, so `uid` and
    `sequence_number` return None. The counts stay right: EXISTS comes, and VANISHED lowers it.
    """

    __slots__ = (
        "annotations",
        "exists",
        "expunged_uid",
        "flags",
        "has_mod_seqs",
        "highest_mod_seq",
        "is_read_only",
        "listing",
        "mailbox",
        "mailbox_id",
        "numbers",
        "permanent_flags",
        "recent",
        "uid_next",
        "uid_not_sticky",
        "uid_validity",
        "unseen",
    )

    def __init__(self, mailbox: str, *, is_read_only: bool) -> None:
        self.mailbox: str = mailbox
        self.is_read_only: bool = is_read_only
        self.listing: ListData | None = None
        self.annotations: AnnotationsCode | None = None
        self.mailbox_id: str | None = None
        self.exists: int | None = None
        self.expunged_uid: int | None = None
        self.recent: int | None = None
        self.unseen: int | None = None
        self.uid_next: int | None = None
        self.uid_validity: int | None = None
        self.uid_not_sticky: bool = False
        self.highest_mod_seq: int | None = None
        self.has_mod_seqs: bool | None = None
        self.flags: frozenset[str] = frozenset()
        self.permanent_flags: frozenset[str] | None = None
        self.numbers: NumberMap = NumberMap()

    def uid(self, sequence_number: int) -> int | None:
        """Return the UID of the message with this number, or None if no response told it."""
        return self.numbers.uid(sequence_number)

    def sequence_number(self, uid: int) -> int | None:
        """Return the number of the message with this UID, or None if no response told it."""
        return self.numbers.sequence_number(uid)

    def known_uid(self, data: FetchData) -> int | None:
        """Return the UID of the message that *data* is about, or None if nothing told it."""
        uid = data.known_uid
        return self.numbers.uid(data.number) if uid is None else uid

    def feed(self, response: Response) -> None:
        """Take in what *response* says of the mailbox."""
        update = _UPDATES.get(type(response))
        if update is not None:
            update(self, response)  # type: ignore[arg-type]  # the table is keyed by the type

    def feed_fetched(self, fetched: list[FetchData]) -> None:
        """Do what `feed` does for each of these FETCH responses, one after the other."""
        numbers, uids = numbers_and_uids(fetched)
        if numbers:
            self.numbers.put_all(numbers, uids)


def _fetch(view: MailboxView, response: FetchData) -> None:
    uid = response.known_uid
    if uid is not None:
        view.numbers.put(response.sequence_number, uid)


def _exists(view: MailboxView, response: ExistsData) -> None:
    if view.exists is not None and response.count < view.exists:
        view.numbers.truncate(response.count)
    view.exists = response.count


def _recent(view: MailboxView, response: RecentData) -> None:
    view.recent = response.count


def _list(view: MailboxView, response: ListData) -> None:
    if view.mailbox in (response.mailbox, response.old_name):
        view.listing = response


def _flags(view: MailboxView, response: FlagsData) -> None:
    view.flags = response.flags


def _expunge(view: MailboxView, response: ExpungeData) -> None:
    if view.exists:
        view.exists -= 1
    view.expunged_uid = view.numbers.uid(response.sequence_number)
    view.numbers.expunge(response.sequence_number)


def _vanished(view: MailboxView, response: VanishedData) -> None:
    # Section 3.2.10.1: for what vanished earlier a client "MUST NOT decrement message sequence numbers".
    if response.is_earlier:
        return
    if view.exists is not None:
        view.exists = max(0, view.exists - len(response.uids))
    view.numbers.vanish(response.uids.merged)


def _status(view: MailboxView, status: StatusResponse) -> None:
    update = _UPDATES_BY_CODE.get(type(status.code))
    if update is not None:
        update(view, status.code)  # type: ignore[arg-type]  # the table is keyed by the type


def _uid_validity(view: MailboxView, code: UIDValidityCode) -> None:
    if view.uid_validity not in (None, code.uid_validity):
        view.numbers.clear()
    view.uid_validity = code.uid_validity


def _uid_next(view: MailboxView, code: UIDNextCode) -> None:
    view.uid_next = code.uid


def _unseen(view: MailboxView, code: UnseenCode) -> None:
    view.unseen = code.sequence_number


def _mailbox_id(view: MailboxView, code: MailboxIDCode) -> None:
    view.mailbox_id = code.object_id


def _annotations(view: MailboxView, code: AnnotationsCode) -> None:
    view.annotations = code


def _permanent_flags(view: MailboxView, code: PermanentFlagsCode) -> None:
    view.permanent_flags = code.flags


def _highest_mod_seq(view: MailboxView, code: HighestModSeqCode) -> None:
    view.highest_mod_seq = code.mod_seq
    view.has_mod_seqs = True


def _simple(view: MailboxView, code: SimpleCode) -> None:
    if code.name == "UIDNOTSTICKY":
        view.uid_not_sticky = True
    elif code == NOMODSEQ:
        view.has_mod_seqs = False
    else:
        view.is_read_only = _READ_ONLY.get(code.name, view.is_read_only)


_READ_ONLY: Final = {"READ-ONLY": True, "READ-WRITE": False}

_UPDATES: Final[dict[type, Callable[[MailboxView, Never], None]]] = {
    FetchData: _fetch,
    ExistsData: _exists,
    RecentData: _recent,
    FlagsData: _flags,
    ListData: _list,
    ExpungeData: _expunge,
    VanishedData: _vanished,
    **dict.fromkeys((Ok, No, Bad), _status),
}
_UPDATES_BY_CODE: Final[dict[type[ResponseCode] | type[None], Callable[[MailboxView, Never], None]]] = {
    UIDValidityCode: _uid_validity,
    UIDNextCode: _uid_next,
    UnseenCode: _unseen,
    PermanentFlagsCode: _permanent_flags,
    MailboxIDCode: _mailbox_id,
    AnnotationsCode: _annotations,
    HighestModSeqCode: _highest_mod_seq,
    SimpleCode: _simple,
}
