"""Responses about the server itself: CAPABILITY (RFC 3501 section 7.2.1), ENABLED (RFC 5161), ID (RFC 2971)
and NAMESPACE (RFC 2342)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import ClassVar, Final, Self, final

from mailproto.errors import Defect, LocalProtocolError
from mailproto.imap import utf7
from mailproto.imap._response import DataResponse, register_response
from mailproto.imap.capability import Capabilities, parse_capabilities, write_capabilities
from mailproto.imap.cursor import Cursor
from mailproto.imap.ext.id import (
    IDParameters,
    check_id_parameters,
    parse_id_parameters,
    write_id_parameters,
)
from mailproto.imap.mailbox import check_list_mailbox, name_octets, name_of
from mailproto.imap.mailbox_data import check_delimiter, parse_delimiter, write_delimiter
from mailproto.imap.values import check_octets
from mailproto.imap.writer import Writer

__all__ = ["CapabilityData", "EnabledData", "IDData", "NamespaceData", "NamespacePrefix"]


@dataclass(frozen=True, slots=True)
class _CapabilitiesData(DataResponse):
    capabilities: Capabilities
    defects: tuple[Defect, ...] = field(default=(), compare=False, repr=False, kw_only=True)

    def __init__(self, capabilities: Iterable[str] = (), *, defects: tuple[Defect, ...] = ()) -> None:
        object.__setattr__(self, "capabilities", Capabilities(capabilities))
        object.__setattr__(self, "defects", defects)

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `*(SP capability)`."""
        return cls(parse_capabilities(cursor))

    def write(self, writer: Writer) -> None:
        """Write the name and the capabilities."""
        writer.atom(self.name)
        write_capabilities(writer, self.capabilities)


@final
@register_response
@dataclass(frozen=True, slots=True, init=False)
class CapabilityData(_CapabilitiesData):
    """CAPABILITY: what the server can do, in the state it is in (RFC 3501 section 7.2.1)."""

    name: ClassVar[str] = "CAPABILITY"


@final
@register_response
@dataclass(frozen=True, slots=True, init=False)
class EnabledData(_CapabilitiesData):
    """ENABLED: what ENABLE has switched on just now (RFC 5161 section 3.2)."""

    name: ClassVar[str] = "ENABLED"


@final
@register_response
@dataclass(frozen=True, slots=True)
class IDData(DataResponse):
    """ID: what software the server is (RFC 2971 section 3.2); None is NIL."""

    name: ClassVar[str] = "ID"
    parameters: IDParameters | None = None
    defects: tuple[Defect, ...] = field(default=(), compare=False, repr=False, kw_only=True)

    def __post_init__(self) -> None:
        if self.parameters is not None:
            object.__setattr__(self, "parameters", check_id_parameters(self.parameters))

    @classmethod
    def parse(cls, cursor: Cursor) -> IDData:
        """Read `SP id-params-list`. What is beyond the limits of RFC 2971 is a defect."""
        cursor.sp()
        start = cursor.position
        parameters = parse_id_parameters(cursor)
        try:
            return cls(parameters)
        except LocalProtocolError:
            cursor.defect("parameters within the limits of RFC 2971", start)
        new = cls()
        object.__setattr__(new, "parameters", parameters)
        return new

    def write(self, writer: Writer) -> None:
        """Write the name and the parameters."""
        writer.write(b"ID ")
        write_id_parameters(writer, self.parameters)


@final
@dataclass(frozen=True, slots=True)
class NamespacePrefix:
    """One namespace: what its names begin with, and the delimiter (None: flat).

    `extensions` are pairs of a name and of strings, as written.
    """

    prefix: str
    delimiter: str | None
    extensions: tuple[tuple[bytes, tuple[bytes, ...]], ...] = ()

    def __post_init__(self) -> None:
        check_list_mailbox(self.prefix)
        check_delimiter(self.delimiter)
        for name, values in self.extensions:
            if not values:
                raise LocalProtocolError("expected a namespace extension with a value, got none")
            for octets in (name, *values):
                check_octets(octets, "namespace extension")

    @property
    def translation(self) -> str | None:
        """The prefix in the language of the session (RFC 5255 section 3.4); None if it has none."""
        values = {name.upper(): values for name, values in self.extensions}.get(b"TRANSLATION")
        return None if values is None else utf7.decode(values[0])


# Namespace         = nil / "(" 1*( "(" string SP (<"> QUOTED_CHAR <"> / nil) *(Namespace_Response_Extension)
#                     ")" ) ")"
# Namespace_Response_Extension = SP string SP "(" string *(SP string) ")"
Namespaces = tuple[NamespacePrefix, ...]

_SPACES: Final = re.compile(rb" +")


@final
@register_response
@dataclass(frozen=True, slots=True)
class NamespaceData(DataResponse):
    """NAMESPACE: where personal, other users' and shared mailboxes begin (RFC 2342 section 5); () is NIL."""

    name: ClassVar[str] = "NAMESPACE"
    personal: Namespaces = ()
    other_users: Namespaces = ()
    shared: Namespaces = ()
    defects: tuple[Defect, ...] = field(default=(), compare=False, repr=False, kw_only=True)

    @classmethod
    def parse(cls, cursor: Cursor) -> NamespaceData:
        """Read `SP Namespace SP Namespace SP Namespace`."""
        return cls(_parse_namespace(cursor), _parse_namespace(cursor), _parse_namespace(cursor))

    def write(self, writer: Writer) -> None:
        """Write the name and the three."""
        writer.write(b"NAMESPACE")
        for namespaces in (self.personal, self.other_users, self.shared):
            writer.write(b" ")
            _write_namespace(writer, namespaces)


def _parse_namespace(cursor: Cursor) -> Namespaces:
    cursor.sp()
    _pass_spaces(cursor)
    if cursor.accept_word(b"NIL"):
        return ()
    cursor.expect(b"(")
    prefixes = [_parse_prefix(cursor)]
    while not cursor.accept(b")"):
        _pass_spaces(cursor)
        prefixes.append(_parse_prefix(cursor))
    return tuple(prefixes)


def _pass_spaces(cursor: Cursor) -> None:
    start = cursor.position
    if cursor.accept_match(_SPACES):
        cursor.defect("no space but those of the grammar", start)


def _parse_prefix(cursor: Cursor) -> NamespacePrefix:
    cursor.expect(b"(")
    prefix = name_of(cursor, cursor.string())
    cursor.sp()
    delimiter = parse_delimiter(cursor)
    extensions = []
    while not cursor.accept(b")"):
        cursor.sp()
        extensions.append(_parse_extension(cursor))
    try:
        return NamespacePrefix(prefix, delimiter, tuple(extensions))
    except LocalProtocolError:
        raise cursor.error("a namespace without NUL") from None


def _parse_extension(cursor: Cursor) -> tuple[bytes, tuple[bytes, ...]]:
    name = cursor.string()
    cursor.expect(b" (")
    values = [cursor.string()]
    while not cursor.accept(b")"):
        cursor.sp()
        values.append(cursor.string())
    return name, tuple(values)


def _write_namespace(writer: Writer, namespaces: Namespaces) -> None:
    if not namespaces:
        writer.write(b"NIL")
        return
    writer.write(b"(")
    for namespace in namespaces:
        writer.write(b"(")
        writer.string(name_octets(writer, namespace.prefix))
        writer.write(b" ")
        write_delimiter(writer, namespace.delimiter)
        for name, values in namespace.extensions:
            _write_extension(writer, name, values)
        writer.write(b")")
    writer.write(b")")


def _write_extension(writer: Writer, name: bytes, values: tuple[bytes, ...]) -> None:
    writer.write(b" ")
    writer.string(name)
    for index, value in enumerate(values):
        writer.write(b" " if index else b" (")
        writer.string(value)
    writer.write(b")")
