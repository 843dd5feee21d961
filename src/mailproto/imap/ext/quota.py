"""QUOTA: what the mailboxes of a quota root may use, and use (RFC 9208 and the older RFC 2087).

A server names each resource that it limits as a capability `QUOTA=RES-...`; one of RFC 2087 offers `QUOTA`
alone. The code is `mailproto.imap.codes.OVERQUOTA`; the STATUS items DELETED and DELETED-STORAGE say what an
EXPUNGE would free.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import ClassVar, Final, Self, cast, final

from mailproto.errors import Defect, LocalProtocolError
from mailproto.imap._response import DataResponse, register_response
from mailproto.imap.capability import IMPLIED_BY
from mailproto.imap.command import Command, checked_atom, parse_text, register_command, text_octets
from mailproto.imap.commands import MailboxCommand
from mailproto.imap.cursor import MAX_NUMBER, MAX_NUMBER64, Cursor
from mailproto.imap.mailbox import check_mailbox, parse_mailbox, write_mailbox
from mailproto.imap.mailbox_data import StatusItem, register_status_item
from mailproto.imap.values import Value
from mailproto.imap.writer import Writer

__all__ = [
    "ANNOTATION_STORAGE",
    "MAILBOX",
    "MESSAGE",
    "STORAGE",
    "GetQuota",
    "GetQuotaRoot",
    "QuotaData",
    "QuotaResource",
    "QuotaRootData",
    "SetQuota",
]

STORAGE: Final = "STORAGE"
"""The space that the mailboxes take, in units of 1,024 octets."""
MESSAGE: Final = "MESSAGE"
"""The number of messages."""
MAILBOX: Final = "MAILBOX"
"""The number of mailboxes."""
ANNOTATION_STORAGE: Final = "ANNOTATION-STORAGE"
"""The space that the annotations of messages take, in units of 1,024 octets."""

# RFC 9208 section 1: "QUOTA" alone denotes a server of RFC 2087, which has SETQUOTA without QUOTASET.
IMPLIED_BY["QUOTASET"] = "QUOTA"


def _checked_number(number: object, most: int) -> int:
    if type(number) is not int or not 0 <= number <= most:
        raise LocalProtocolError(f"expected a number from 0 to {most}, got {str(number)[:40]}")
    return number


def _check_deleted(value: Value) -> int:
    return _checked_number(value, MAX_NUMBER)


def _check_deleted_storage(value: Value) -> int:
    return _checked_number(value, MAX_NUMBER64)


def _write_number(writer: Writer, value: Value) -> None:
    writer.number(cast(int, value))


# No capability is asked for: a server of IMAP4rev2 has the first one without QUOTA (RFC 9051 section 6.3.11).
register_status_item(StatusItem("DELETED", "", Cursor.number, _write_number, check=_check_deleted))
register_status_item(
    StatusItem("DELETED-STORAGE", "", Cursor.number64, _write_number, check=_check_deleted_storage)
)


@final
@dataclass(frozen=True, slots=True)
class QuotaResource:
    """One resource of a quota root: what is used of it, and its limit; both up to 63 bits."""

    name: str
    usage: int
    limit: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", checked_atom(self.name, "the name of a resource"))
        _checked_number(self.usage, MAX_NUMBER64)
        _checked_number(self.limit, MAX_NUMBER64)


@final
@register_command
@dataclass(frozen=True, slots=True)
class GetQuota(Command):
    """GETQUOTA: ask what a quota root uses and may use (RFC 9208 section 4.1.1)."""

    name: ClassVar[str] = "GETQUOTA"
    root: str

    def __post_init__(self) -> None:
        text_octets(self.root, "quota root")

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `SP quota-root-name`."""
        cursor.sp()
        return cls(parse_text(cursor))

    def write(self, writer: Writer) -> None:
        """Write the quota root."""
        writer.write(b" ")
        writer.astring(text_octets(self.root, "quota root"))


@final
@register_command
class GetQuotaRoot(MailboxCommand):
    """GETQUOTAROOT: ask for the quota roots of a mailbox, which need not exist (section 4.1.2)."""

    __slots__ = ()
    name: ClassVar[str] = "GETQUOTAROOT"


@final
@register_command
@dataclass(frozen=True, slots=True)
class SetQuota(Command):
    """SETQUOTA: replace all limits of a quota root (section 4.1.3); `limits` are pairs of name and limit."""

    name: ClassVar[str] = "SETQUOTA"
    root: str
    limits: tuple[tuple[str, int], ...]

    def __post_init__(self) -> None:
        text_octets(self.root, "quota root")
        object.__setattr__(self, "limits", _checked_limits(self.limits))

    # setquota-list   = "(" [setquota-resource *(SP setquota-resource)] ")"
    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `SP quota-root-name SP setquota-list`."""
        cursor.sp()
        root = parse_text(cursor)
        cursor.expect(b" (")
        limits: list[tuple[str, int]] = []
        while not cursor.accept(b")"):
            if limits:
                cursor.sp()
            name = cursor.atom()
            cursor.sp()
            limits.append((name, cursor.number64()))
        return cls(root, tuple(limits))

    def write(self, writer: Writer) -> None:
        """Write the quota root and the limits."""
        writer.write(b" ")
        writer.astring(text_octets(self.root, "quota root"))
        pairs = " ".join(f"{name} {limit}" for name, limit in self.limits)
        writer.write(f" ({pairs})".encode("ascii"))


def _checked_limits(limits: Iterable[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    return tuple(
        (checked_atom(name, "the name of a resource"), _checked_number(limit, MAX_NUMBER64))
        for name, limit in limits
    )


@final
@register_response
@dataclass(frozen=True, slots=True)
class QuotaData(DataResponse):
    """QUOTA: the resources of a quota root that are limited (section 4.2.1); none is no limit."""

    name: ClassVar[str] = "QUOTA"
    root: str
    resources: tuple[QuotaResource, ...] = ()
    defects: tuple[Defect, ...] = field(default=(), compare=False, repr=False, kw_only=True)

    def __post_init__(self) -> None:
        text_octets(self.root, "quota root")
        object.__setattr__(self, "resources", tuple(self.resources))
        for resource in self.resources:
            if not isinstance(resource, QuotaResource):
                raise LocalProtocolError(f"expected a QuotaResource, got {type(resource).__name__}")

    def get(self, name: str) -> QuotaResource | None:
        """Return the resource with this name; None if it is not limited."""
        return next((resource for resource in self.resources if resource.name == name.upper()), None)

    # quota-list      = "(" [quota-resource *(SP quota-resource)] ")"
    @classmethod
    def parse(cls, cursor: Cursor) -> QuotaData:
        """Read `SP quota-root-name SP quota-list`, the list as RFC 2087 has it: it may be empty."""
        cursor.sp()
        root = parse_text(cursor)
        cursor.expect(b" (")
        resources: list[QuotaResource] = []
        while not cursor.accept(b")"):
            if resources:
                cursor.sp()
            resources.append(_parse_resource(cursor))
        return cls(root, tuple(resources))

    def write(self, writer: Writer) -> None:
        """Write the name, the quota root and the resources."""
        writer.write(b"QUOTA ")
        writer.astring(text_octets(self.root, "quota root"))
        triples = " ".join(f"{entry.name} {entry.usage} {entry.limit}" for entry in self.resources)
        writer.write(f" ({triples})".encode("ascii"))


def _parse_resource(cursor: Cursor) -> QuotaResource:
    name = cursor.atom()
    cursor.sp()
    usage = cursor.number64()
    cursor.sp()
    return QuotaResource(name, usage, cursor.number64())


@final
@register_response
@dataclass(frozen=True, slots=True)
class QuotaRootData(DataResponse):
    """QUOTAROOT: the quota roots of a mailbox, of which it can have none (section 4.2.2)."""

    name: ClassVar[str] = "QUOTAROOT"
    mailbox: str
    roots: tuple[str, ...] = ()
    defects: tuple[Defect, ...] = field(default=(), compare=False, repr=False, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "mailbox", check_mailbox(self.mailbox))
        object.__setattr__(self, "roots", _checked_roots(self.roots))

    @classmethod
    def parse(cls, cursor: Cursor) -> QuotaRootData:
        """Read `SP mailbox *(SP quota-root-name)`."""
        cursor.sp()
        mailbox = parse_mailbox(cursor)
        roots: list[str] = []
        while cursor.accept(b" "):
            roots.append(parse_text(cursor))
        return cls(mailbox, tuple(roots))

    def write(self, writer: Writer) -> None:
        """Write the name, the mailbox and the quota roots."""
        writer.write(b"QUOTAROOT ")
        write_mailbox(writer, self.mailbox)
        for root in self.roots:
            writer.write(b" ")
            writer.astring(text_octets(root, "quota root"))


def _checked_roots(roots: Iterable[str]) -> tuple[str, ...]:
    if isinstance(roots, str):
        raise LocalProtocolError(f"expected several quota roots, got the string {roots[:40]!r}")
    names = tuple(roots)
    for root in names:
        text_octets(root, "quota root")
    return names
