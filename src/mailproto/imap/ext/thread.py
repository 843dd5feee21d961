"""THREAD: messages as trees of a message and its answers (RFC 5256)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar, Self, final

from mailproto.errors import Defect, LocalProtocolError
from mailproto.imap._response import DataResponse, check_sequence_number, register_response
from mailproto.imap.command import checked_atom, register_command
from mailproto.imap.cursor import Cursor
from mailproto.imap.needs import Need
from mailproto.imap.search import SearchKey, check_charset, check_key, parse_charset, parse_keys, write_keys
from mailproto.imap.search_commands import KeyedCommand
from mailproto.imap.values import MAX_DEPTH
from mailproto.imap.writer import Writer

__all__ = ["Thread", "ThreadBranch", "ThreadData", "UIDThread"]


@dataclass(frozen=True, slots=True)
class _ThreadCommand(KeyedCommand):
    algorithm: str
    key: SearchKey
    charset: str = "UTF-8"

    def __post_init__(self) -> None:
        object.__setattr__(self, "algorithm", checked_atom(self.algorithm, "a threading algorithm"))
        check_key(self.key)
        object.__setattr__(self, "charset", check_charset(self.key, self.charset) or "UTF-8")

    # thread          = ["UID" SP] "THREAD" SP thread-alg SP search-criteria
    # search-criteria = charset 1*(SP search-key)
    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `SP thread-alg SP charset 1*(SP search-key)`."""
        cursor.sp()
        algorithm = cursor.atom()
        cursor.sp()
        charset = parse_charset(cursor)
        cursor.sp()
        return cls(algorithm, parse_keys(cursor, charset), charset)

    def write(self, writer: Writer) -> None:
        """Write the algorithm, the charset and the keys."""
        writer.write(f" {self.algorithm} ".encode("ascii"))
        writer.astring(self.charset.encode("ascii"))
        writer.write(b" ")
        write_keys(writer, self.key, self.charset)

    @property
    def needs(self) -> tuple[Need, ...]:
        """The algorithm, which is a capability, and what the keys need."""
        return (Need(self.algorithm, (f"THREAD={self.algorithm}",)), *self.key.needs)


@final
@register_command
class Thread(_ThreadCommand):
    """THREAD: the messages that *key* matches, as trees (RFC 5256 section 3).

    `algorithm` is "ORDEREDSUBJECT", "REFERENCES" or another one for which there is a capability. `charset` is
    in upper case.
    """

    __slots__ = ()
    name: ClassVar[str] = "THREAD"


@final
@register_command
class UIDThread(_ThreadCommand):
    """UID THREAD: as THREAD, answered with UIDs."""

    __slots__ = ()
    name: ClassVar[str] = "UID THREAD"


@final
@dataclass(frozen=True, slots=True)
class ThreadBranch:
    """A line of messages, each the answer to the one before it, and the branches into which it splits.

    Without `numbers` the branches are siblings whose parent is not there. There are no branches, or two and
    more.
    """

    numbers: tuple[int, ...] = ()
    branches: tuple[ThreadBranch, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "numbers", tuple(self.numbers))
        object.__setattr__(self, "branches", tuple(self.branches))
        for number in self.numbers:
            check_sequence_number(number)
        if len(self.branches) == 1 or not (self.numbers or self.branches):
            raise LocalProtocolError("expected messages, and no branches or two and more")
        if not all(isinstance(branch, ThreadBranch) for branch in self.branches):
            raise LocalProtocolError("expected branches of a thread")
        if self.depth > MAX_DEPTH:
            raise LocalProtocolError(f"expected at most {MAX_DEPTH} levels of branches, got more")

    @property
    def depth(self) -> int:
        """Levels of branches, 1 if there are none."""
        return 1 + max((branch.depth for branch in self.branches), default=0)

    def walk(self, level: int = 0) -> Iterator[tuple[int, int]]:
        """Yield (level, number) of each message, a parent before its answers; the first has *level*."""
        for number in self.numbers:
            yield level, number
            level += 1
        for branch in self.branches:
            yield from branch.walk(level if self.numbers else level + 1)


# thread-list     = "(" (thread-members / thread-nested) ")"
# thread-members  = nz-number *(SP nz-number) [SP thread-nested]
# thread-nested   = 2*thread-list
def _parse_branch(cursor: Cursor, depth: int) -> ThreadBranch:
    if depth <= 0:
        raise cursor.error(f"at most {cursor.max_depth} levels of branches")
    cursor.expect(b"(")
    numbers = [] if cursor.peek() == b"(" else _parse_members(cursor)
    branches: list[ThreadBranch] = []
    start = cursor.position
    while not cursor.accept(b")"):
        branches.append(_parse_branch(cursor, depth - 1))
    if len(branches) == 1:
        cursor.defect("a thread that splits into two or more", start)
        numbers += branches[0].numbers
        branches = list(branches[0].branches)
    return ThreadBranch(tuple(numbers), tuple(branches))


def _parse_members(cursor: Cursor) -> list[int]:
    """Read `nz-number *(SP nz-number) [SP]`: what is left is the end, or behind a space the branches."""
    numbers = [cursor.nz_number()]
    while cursor.peek() != b")":
        cursor.sp()
        if cursor.peek() == b"(":
            break
        numbers.append(cursor.nz_number())
    return numbers


def _write_branch(writer: Writer, branch: ThreadBranch) -> None:
    writer.write(b"(" + " ".join(map(str, branch.numbers)).encode("ascii"))
    if branch.numbers and branch.branches:
        writer.write(b" ")
    for inner in branch.branches:
        _write_branch(writer, inner)
    writer.write(b")")


@final
@register_response
@dataclass(frozen=True, slots=True)
class ThreadData(DataResponse):
    """THREAD: the threads that were found; sequence numbers or UIDs as asked (RFC 5256 section 4)."""

    name: ClassVar[str] = "THREAD"
    threads: tuple[ThreadBranch, ...] = ()
    defects: tuple[Defect, ...] = field(default=(), compare=False, repr=False, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "threads", tuple(self.threads))
        if not all(isinstance(thread, ThreadBranch) for thread in self.threads):
            raise LocalProtocolError("expected threads")

    # thread-data     = "THREAD" [SP 1*thread-list]
    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `[SP 1*thread-list]`."""
        threads: list[ThreadBranch] = []
        if cursor.accept(b" "):
            threads.append(_parse_branch(cursor, cursor.max_depth))
        while cursor.peek() == b"(":
            threads.append(_parse_branch(cursor, cursor.max_depth))
        return cls(tuple(threads))

    def write(self, writer: Writer) -> None:
        """Write the name and the threads."""
        writer.write(b"THREAD " if self.threads else b"THREAD")
        for thread in self.threads:
            _write_branch(writer, thread)
