"""INPROGRESS: a server says how far it is with a command that takes long (RFC 9585)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self, final

from mailproto.errors import LocalProtocolError
from mailproto.imap._response import check_count
from mailproto.imap.codes import ResponseCode, check_nz_number, register_code
from mailproto.imap.command import check_tag
from mailproto.imap.cursor import Cursor
from mailproto.imap.writer import Writer

__all__ = ["InProgressCode"]


@final
@register_code
@dataclass(frozen=True, slots=True)
class InProgressCode(ResponseCode):
    """INPROGRESS: so many items of so many are done; it stands in an untagged OK only (RFC 9585 section 4).

    `tag` is that of the command, None if the server does not say. `goal` is more than `progress`; None if it
    is not known. A tag with `]` cannot be named. What breaks these rules comes as an `UnknownCode`.
    """

    name: ClassVar[str] = "INPROGRESS"
    tag: str | None = None
    progress: int | None = None
    goal: int | None = None

    def __post_init__(self) -> None:
        if self.tag is not None:
            check_tag(self.tag)
            if "]" in self.tag:
                raise LocalProtocolError(f"expected a tag without ], got {self.tag[:40]!r}")
        if self.progress is not None:
            check_count(self.progress)
        if self.goal is not None:
            check_nz_number(self.goal)
            if self.progress is None or self.progress >= self.goal:
                raise LocalProtocolError("expected a goal above the progress")

    # "INPROGRESS" [ SP "(" inprogress-tag SP inprogress-state ")" ]
    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `[SP "(" (quoted / nil) SP (number / nil) SP (nz-number / nil) ")"]`."""
        if not cursor.accept(b" "):
            return cls()
        cursor.expect(b"(")
        tag = None if cursor.accept_word(b"NIL") else cursor.quoted().decode("latin-1")
        cursor.sp()
        progress = None if cursor.accept_word(b"NIL") else cursor.number()
        cursor.sp()
        goal = None if cursor.accept_word(b"NIL") else cursor.nz_number()
        cursor.expect(b")")
        return cls(tag, progress, goal)

    def write(self, writer: Writer) -> None:
        """Write the three, or nothing if there is none."""
        if self.tag is None and self.progress is None:
            return
        writer.write(b" (")
        writer.nstring(None if self.tag is None else self.tag.encode("ascii"))
        for number in (self.progress, self.goal):
            writer.write(b" NIL" if number is None else b" %d" % number)
        writer.write(b")")
