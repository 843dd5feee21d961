"""ACL: who may do what with a mailbox (RFC 4314).

Rights are sets of single characters: lower-case letters with the meaning of `RIGHTS`, and digits that a site
defines. The capability `RIGHTS=` names those beyond RFC 2086; there `c` and `d` stood for several of them,
and servers still send both beside the rights that they stand for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import ClassVar, Final, Self, TypeAlias, final

from mailproto.errors import Defect, LocalProtocolError
from mailproto.imap._response import DataResponse, register_response
from mailproto.imap.capability import Capabilities
from mailproto.imap.command import Command, parse_text, register_command, text_octets
from mailproto.imap.commands import MailboxCommand, StoreAction
from mailproto.imap.cursor import Cursor
from mailproto.imap.mailbox import check_mailbox, parse_mailbox, write_mailbox
from mailproto.imap.writer import Writer

__all__ = [
    "ANYONE",
    "RIGHTS",
    "VIRTUAL_RIGHTS",
    "ACLData",
    "DeleteACL",
    "GetACL",
    "ListRights",
    "ListRightsData",
    "MyRights",
    "MyRightsData",
    "Rights",
    "SetACL",
    "known_rights",
    "right_set",
]

Rights: TypeAlias = frozenset[str]
"""Single characters; `frozenset("lrs")` is one."""

RIGHTS: Final = {
    "l": "see the mailbox in LIST, subscribe to it",
    "r": "select the mailbox, ask for its STATUS",
    "s": "set and clear \\Seen",
    "w": "set and clear other flags than \\Seen and \\Deleted",
    "i": "append messages, copy them into the mailbox",
    "p": "post to the submission address of the mailbox",
    "k": "create mailboxes below it",
    "x": "delete or rename the mailbox",
    "t": "set and clear \\Deleted",
    "e": "expunge",
    "c": "create: k, at some servers of RFC 2086 with x",
    "d": "delete: e and t, at some servers of RFC 2086 with x",
    "a": "administer: SETACL, DELETEACL, GETACL, LISTRIGHTS",
    "n": "set shared annotations of messages (RFC 5257 section 3.4)",
}
"""Each right of RFC 4314 section 2.1 and what it allows, and `n`, in the order in which they are written."""

VIRTUAL_RIGHTS: Final[Rights] = frozenset("cd")
"""Rights of RFC 2086, to be ignored where there are those that they stand for (section 2.1.1)."""

ANYONE: Final = "anyone"
"""The identifier of everybody, anonymous users too (section 2)."""

_ORDER: Final = {right: index for index, right in enumerate(RIGHTS)}

# rights          = astring        ;; only lowercase ASCII letters and digits
_RIGHTS: Final = re.compile(r"[a-z0-9]*\Z")
_RIGHTS_CHANGED: Final = re.compile(rb"([+-]?)([a-z0-9]*)\Z")


def right_set(rights: Iterable[str]) -> Rights:
    """Return *rights*, a string or single characters, as a set. Raises LocalProtocolError."""
    return frozenset(map(_checked_right, rights))


def known_rights(rights: Rights, offered: Capabilities) -> Rights:
    """Return *rights* without the two of RFC 2086, where there are those that they stand for (2.1.1)."""
    return rights - VIRTUAL_RIGHTS if offered.values("RIGHTS") else rights


def _checked_right(right: object) -> str:
    if not isinstance(right, str) or len(right) != 1 or not _RIGHTS.match(right):
        raise LocalProtocolError(f"expected lower-case letters and digits as rights, got {right!r:.40}")
    return right


def _written(rights: Rights) -> bytes:
    return "".join(sorted(rights, key=lambda right: (_ORDER.get(right, len(_ORDER)), right))).encode("ascii")


def _parse_rights(cursor: Cursor) -> Rights:
    start = cursor.position
    text = cursor.astring().decode("latin-1")
    if not _RIGHTS.match(text):
        raise cursor.error("lower-case letters and digits as rights", start)
    return frozenset(text)


@dataclass(frozen=True, slots=True)
class _OfIdentifier(Command):
    """A command about one identifier of the ACL of a mailbox."""

    mailbox: str
    identifier: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "mailbox", check_mailbox(self.mailbox))
        text_octets(self.identifier, "identifier")

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `SP mailbox SP identifier`."""
        return cls(*_parse_pair(cursor))

    def write(self, writer: Writer) -> None:
        """Write the mailbox and the identifier."""
        _write_pair(writer, self.mailbox, self.identifier)


def _parse_pair(cursor: Cursor) -> tuple[str, str]:
    cursor.sp()
    mailbox = parse_mailbox(cursor)
    cursor.sp()
    return mailbox, parse_text(cursor)


def _write_pair(writer: Writer, mailbox: str, identifier: str) -> None:
    writer.write(b" ")
    write_mailbox(writer, mailbox)
    writer.write(b" ")
    writer.astring(text_octets(identifier, "identifier"))


@final
@register_command
@dataclass(frozen=True, slots=True)
class SetACL(_OfIdentifier):
    """SETACL: give an identifier these rights, or add them to those it has, or take them away (section 3.1).

    An identifier that begins with `-` takes rights away from those whom it names (section 2).
    """

    name: ClassVar[str] = "SETACL"
    rights: Rights
    action: StoreAction = StoreAction.REPLACE

    def __post_init__(self) -> None:
        _OfIdentifier.__post_init__(self)
        object.__setattr__(self, "rights", right_set(self.rights))
        if not isinstance(self.action, StoreAction):
            raise LocalProtocolError(f"expected a StoreAction, got {type(self.action).__name__}")

    # mod-rights      = astring        ;; +rights to add, -rights to remove, rights to replace
    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `SP mailbox SP identifier SP mod-rights`."""
        mailbox, identifier = _parse_pair(cursor)
        cursor.sp()
        start = cursor.position
        match = _RIGHTS_CHANGED.match(cursor.astring())
        if match is None:
            raise cursor.error("lower-case letters and digits as rights", start)
        sign, rights = (part.decode("ascii") for part in match.groups())
        return cls(mailbox, identifier, frozenset(rights), StoreAction(sign))

    def write(self, writer: Writer) -> None:
        """Write the mailbox, the identifier and the rights."""
        _write_pair(writer, self.mailbox, self.identifier)
        writer.write(b" ")
        writer.astring(self.action.value.encode("ascii") + _written(self.rights))


@final
@register_command
class DeleteACL(_OfIdentifier):
    """DELETEACL: remove an identifier and its rights (section 3.2)."""

    __slots__ = ()
    name: ClassVar[str] = "DELETEACL"


@final
@register_command
class ListRights(_OfIdentifier):
    """LISTRIGHTS: ask which rights an identifier can be given (section 3.4)."""

    __slots__ = ()
    name: ClassVar[str] = "LISTRIGHTS"


@final
@register_command
class GetACL(MailboxCommand):
    """GETACL: ask for all identifiers and their rights (section 3.3)."""

    __slots__ = ()
    name: ClassVar[str] = "GETACL"


@final
@register_command
class MyRights(MailboxCommand):
    """MYRIGHTS: ask for the rights of the user who has logged in (section 3.5)."""

    __slots__ = ()
    name: ClassVar[str] = "MYRIGHTS"


@final
@register_response
@dataclass(frozen=True, slots=True)
class ACLData(DataResponse):
    """ACL: the identifiers of a mailbox with their rights, as pairs (section 3.6)."""

    name: ClassVar[str] = "ACL"
    mailbox: str
    entries: tuple[tuple[str, Rights], ...] = ()
    defects: tuple[Defect, ...] = field(default=(), compare=False, repr=False, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "mailbox", check_mailbox(self.mailbox))
        object.__setattr__(self, "entries", tuple(_checked_entry(*entry) for entry in self.entries))

    def get(self, identifier: str) -> Rights | None:
        """Return the rights that stand beside *identifier*; None if it is not there."""
        return dict(self.entries).get(identifier)

    @classmethod
    def parse(cls, cursor: Cursor) -> ACLData:
        """Read `SP mailbox *(SP identifier SP rights)`."""
        cursor.sp()
        mailbox = parse_mailbox(cursor)
        entries: list[tuple[str, Rights]] = []
        while cursor.accept(b" "):
            identifier = parse_text(cursor)
            cursor.sp()
            entries.append((identifier, _parse_rights(cursor)))
        return cls(mailbox, tuple(entries))

    def write(self, writer: Writer) -> None:
        """Write the name, the mailbox and the pairs."""
        writer.write(b"ACL ")
        write_mailbox(writer, self.mailbox)
        for identifier, rights in self.entries:
            writer.write(b" ")
            writer.astring(text_octets(identifier, "identifier"))
            writer.write(b" ")
            writer.astring(_written(rights))


def _checked_entry(identifier: str, rights: Iterable[str]) -> tuple[str, Rights]:
    text_octets(identifier, "identifier")
    return identifier, right_set(rights)


@final
@register_response
@dataclass(frozen=True, slots=True)
class ListRightsData(DataResponse):
    """LISTRIGHTS: the rights that an identifier always has, and those that it can be given (section 3.7).

    Rights of one set of `optional` are tied: they are given together or not at all.
    """

    name: ClassVar[str] = "LISTRIGHTS"
    mailbox: str
    identifier: str
    required: Rights
    optional: tuple[Rights, ...] = ()
    defects: tuple[Defect, ...] = field(default=(), compare=False, repr=False, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "mailbox", check_mailbox(self.mailbox))
        text_octets(self.identifier, "identifier")
        object.__setattr__(self, "required", right_set(self.required))
        object.__setattr__(self, "optional", tuple(map(right_set, self.optional)))

    @classmethod
    def parse(cls, cursor: Cursor) -> ListRightsData:
        """Read `SP mailbox SP identifier SP rights *(SP rights)`."""
        mailbox, identifier = _parse_pair(cursor)
        cursor.sp()
        required = _parse_rights(cursor)
        optional: list[Rights] = []
        while cursor.accept(b" "):
            optional.append(_parse_rights(cursor))
        return cls(mailbox, identifier, required, tuple(optional))

    def write(self, writer: Writer) -> None:
        """Write the name, the mailbox, the identifier and the rights."""
        writer.write(b"LISTRIGHTS")
        _write_pair(writer, self.mailbox, self.identifier)
        for rights in (self.required, *self.optional):
            writer.write(b" ")
            writer.astring(_written(rights))


@final
@register_response
@dataclass(frozen=True, slots=True)
class MyRightsData(DataResponse):
    """MYRIGHTS: the rights of the user who has logged in (section 3.8)."""

    name: ClassVar[str] = "MYRIGHTS"
    mailbox: str
    rights: Rights
    defects: tuple[Defect, ...] = field(default=(), compare=False, repr=False, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "mailbox", check_mailbox(self.mailbox))
        object.__setattr__(self, "rights", right_set(self.rights))

    @classmethod
    def parse(cls, cursor: Cursor) -> MyRightsData:
        """Read `SP mailbox SP rights`."""
        cursor.sp()
        mailbox = parse_mailbox(cursor)
        cursor.sp()
        return cls(mailbox, _parse_rights(cursor))

    def write(self, writer: Writer) -> None:
        """Write the name, the mailbox and the rights."""
        writer.write(b"MYRIGHTS ")
        write_mailbox(writer, self.mailbox)
        writer.write(b" ")
        writer.astring(_written(self.rights))
