"""What a conversion of a body part asks for, and why one has failed (RFC 5259 sections 6, 7 and 9).

The commands and responses in which these stand are in `mailproto.imap.ext.convert`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias, TypeVar, final

from mailproto.errors import LocalProtocolError
from mailproto.imap.codes import check_nz_number
from mailproto.imap.command import checked_atom, parse_text, several, text_octets
from mailproto.imap.cursor import Cursor
from mailproto.imap.values import Value, check_value
from mailproto.imap.writer import Writer

__all__ = [
    "BadConversion",
    "BadParameters",
    "Conversion",
    "ConversionFailure",
    "ConversionParameters",
    "FailureReason",
    "IncompleteConversion",
    "MissingParameters",
    "OtherFailure",
    "TemporaryFailure",
    "accept_failure",
    "check_mime_type",
    "check_names",
    "parse_mime_type",
    "parse_names",
    "write_failure",
    "write_mime_type",
    "write_names",
]

T = TypeVar("T")

ConversionParameters: TypeAlias = tuple[tuple[str, str], ...]
"""Names, which are media feature tags (RFC 2506), and their values, in order."""

# concrete-mime-type = type-name "/" subtype-name
# reg-name = 1*127reg-name-chars (RFC 4288 section 4.2)
_NAME: Final = r"[A-Za-z0-9!#$&.+^_-]{1,127}"
_CONCRETE: Final = re.compile(rf"{_NAME}/{_NAME}")


def check_mime_type(mime_type: object) -> str:
    """Return *mime_type* if it is a type and a subtype, "image/jpeg". Raises LocalProtocolError."""
    if not isinstance(mime_type, str) or not _CONCRETE.fullmatch(mime_type):
        raise LocalProtocolError(f"expected a MIME type, got {str(mime_type)[:40]!r}")
    return mime_type


def parse_mime_type(cursor: Cursor) -> str:
    """Read `DQUOTE concrete-mime-type DQUOTE`."""
    start = cursor.position
    mime_type = cursor.quoted().decode("utf-8", "surrogateescape")
    if not _CONCRETE.fullmatch(mime_type):
        raise cursor.error("a MIME type in quotes", start)
    return mime_type


def write_mime_type(writer: Writer, mime_type: str | None) -> None:
    """Write `DQUOTE concrete-mime-type DQUOTE`, or NIL."""
    writer.nstring(None if mime_type is None else mime_type.encode("ascii"))


def _parse_any_mime_type(cursor: Cursor) -> str | None:
    return None if cursor.accept_word(b"NIL") else parse_mime_type(cursor)


def check_names(names: object) -> tuple[str, ...]:
    """Return the names of parameters as a tuple. Raises LocalProtocolError."""
    checked = several(names, "names of parameters")
    for name in checked:
        _check_name(name)
    return checked


def _check_name(name: object) -> None:
    if not text_octets(name, "the name of a parameter"):
        raise LocalProtocolError("expected the name of a parameter, got nothing")


# "(" transcoding-param-name *(SP transcoding-param-name) ")"
def parse_names(cursor: Cursor) -> tuple[str, ...]:
    """Read one name or more in parentheses."""
    cursor.expect(b"(")
    names = [parse_text(cursor)]
    while not cursor.accept(b")"):
        cursor.sp()
        names.append(parse_text(cursor))
    return tuple(names)


def write_names(writer: Writer, names: Iterable[str]) -> None:
    """Write the names in parentheses, each in quotes: `%` may stand in one."""
    writer.write(b"(")
    for index, name in enumerate(names):
        if index:
            writer.write(b" ")
        writer.string(text_octets(name, "the name of a parameter"))
    writer.write(b")")


def _checked_parameters(parameters: Iterable[tuple[str, str]]) -> ConversionParameters:
    checked = tuple((name, value) for name, value in parameters)
    for name, value in checked:
        _check_name(name)
        text_octets(value, name)
    return checked


# "(" transcoding-param *(SP transcoding-param) ")"
def _parse_parameters(cursor: Cursor) -> ConversionParameters:
    cursor.expect(b"(")
    pairs: list[tuple[str, str]] = []
    while not pairs or not cursor.accept(b")"):
        if pairs:
            cursor.sp()
        name = parse_text(cursor)
        cursor.sp()
        pairs.append((name, parse_text(cursor)))
    return tuple(pairs)


def _accept_parameters(cursor: Cursor) -> ConversionParameters:
    """Read `[SP "(" transcoding-params ")"]`."""
    if not cursor.accept(b" ("):
        return ()
    cursor.position -= 1
    return _parse_parameters(cursor)


def _write_parameters(writer: Writer, parameters: ConversionParameters) -> None:
    """Write `SP "(" transcoding-params ")"`; nothing if there is none."""
    if parameters:
        writer.write(b" ")
        write_names(writer, (text for pair in parameters for text in pair))


@final
@dataclass(frozen=True, slots=True)
class Conversion:
    """To what a part is converted, and how (section 6).

    `mime_type` None is the default conversion: the server chooses. `parameters` are pairs of a name and a
    value, each name once in any case of letters: `(("charset", "utf-8"),)`, `(("pix-x", "128"),)`.
    """

    mime_type: str | None = None
    parameters: ConversionParameters = ()

    def __post_init__(self) -> None:
        if self.mime_type is not None:
            check_mime_type(self.mime_type)
        object.__setattr__(self, "parameters", _checked_parameters(self.parameters))
        if len({name.lower() for name, _ in self.parameters}) < len(self.parameters):
            raise LocalProtocolError("expected each parameter of a conversion once")

    # convert-params = "(" (quoted-to-mime-type / default-conversion) [SP "(" transcoding-params ")"] ")"
    @classmethod
    def parse(cls, cursor: Cursor) -> Conversion:
        """Read `convert-params`."""
        cursor.expect(b"(")
        mime_type = _parse_any_mime_type(cursor)
        parameters = _accept_parameters(cursor)
        cursor.expect(b")")
        return cls(mime_type, parameters)

    def write(self, writer: Writer) -> None:
        """Write `convert-params`."""
        writer.write(b"(")
        write_mime_type(writer, self.mime_type)
        _write_parameters(writer, self.parameters)
        writer.write(b")")


# Why a conversion has failed.


@final
@dataclass(frozen=True, slots=True)
class TemporaryFailure:
    """TEMPFAIL: it may succeed later, after so many minutes if the server says it."""

    minutes: int | None = None

    def __post_init__(self) -> None:
        if self.minutes is not None:
            check_nz_number(self.minutes)

    @classmethod
    def parse(cls, cursor: Cursor) -> TemporaryFailure:
        """Read `[SP nz-number]`."""
        return cls(cursor.nz_number() if cursor.accept(b" ") else None)

    def write(self, writer: Writer) -> None:
        """Write the name and the minutes."""
        writer.write(b"TEMPFAIL" if self.minutes is None else b"TEMPFAIL %d" % self.minutes)


@final
@dataclass(frozen=True, slots=True)
class BadConversion:
    """A conversion that is not done: with `parameters` because of these, without for no such conversion.

    `source` is None if there is no such part. Servers that name no types at all, as in the examples of
    section 9, have None for both.
    """

    source: str | None
    target: str | None
    parameters: ConversionParameters = ()

    def __post_init__(self) -> None:
        _check_types(self.source, self.target)
        object.__setattr__(self, "parameters", _checked_parameters(self.parameters))
        if self.target is None and not self.parameters:
            raise LocalProtocolError("expected a target or parameters, got neither")

    # (quoted-from-mime-type / nil) SP quoted-to-mime-type [SP "(" transcoding-params ")"]
    @classmethod
    def parse(cls, cursor: Cursor) -> BadConversion:
        """Read source, target and parameters; or the parameters alone."""
        if cursor.peek() == b"(":
            return cls(None, None, _parse_parameters(cursor))
        source = _parse_any_mime_type(cursor)
        cursor.sp()
        target = parse_mime_type(cursor)
        return cls(source, target, _accept_parameters(cursor))

    def write(self, writer: Writer) -> None:
        """Write source, target and parameters, with a leading space."""
        _write_types(writer, self.source, self.target)
        _write_parameters(writer, self.parameters)


@final
@dataclass(frozen=True, slots=True)
class IncompleteConversion:
    """A conversion that needs parameters with these `names`, one or more, which the command has not.

    Servers that name no types, as in the examples of section 9, have None for both.
    """

    source: str | None
    target: str | None
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        _check_types(self.source, self.target)
        object.__setattr__(self, "names", check_names(self.names))
        if not self.names or (self.source is None and self.target is not None):
            raise LocalProtocolError("expected names of parameters, and a source beside a target")

    # quoted-from-mime-type SP quoted-to-mime-type [SP] "(" transcoding-param-names ")"
    @classmethod
    def parse(cls, cursor: Cursor) -> IncompleteConversion:
        """Read source, target and names; or the names alone. The grammar has no space before the names."""
        if cursor.peek() == b"(":
            return cls(None, None, parse_names(cursor))
        source = parse_mime_type(cursor)
        cursor.sp()
        target = parse_mime_type(cursor)
        cursor.accept(b" ")
        return cls(source, target, parse_names(cursor))

    def write(self, writer: Writer) -> None:
        """Write source, target and names, with a leading space."""
        _write_types(writer, self.source, self.target)
        writer.write(b" ")
        write_names(writer, self.names)


def _check_types(source: str | None, target: str | None) -> None:
    for mime_type in (source, target):
        if mime_type is not None:
            check_mime_type(mime_type)
    if source is not None and target is None:
        raise LocalProtocolError("expected a target beside a source")


def _write_types(writer: Writer, source: str | None, target: str | None) -> None:
    if target is not None:
        writer.write(b" ")
        write_mime_type(writer, source)
        writer.write(b" ")
        write_mime_type(writer, target)


@final
@dataclass(frozen=True, slots=True)
class BadParameters:
    """BADPARAMETERS: conversions, one or more, that cannot be done as they were asked for."""

    conversions: tuple[BadConversion, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "conversions", _several(self.conversions, BadConversion))

    @classmethod
    def parse(cls, cursor: Cursor) -> BadParameters:
        """Read `1*(SP ...)`."""
        return cls(_parse_several(cursor, BadConversion.parse))

    def write(self, writer: Writer) -> None:
        """Write the name and the conversions."""
        writer.write(b"BADPARAMETERS")
        for conversion in self.conversions:
            conversion.write(writer)


@final
@dataclass(frozen=True, slots=True)
class MissingParameters:
    """MISSINGPARAMETERS: conversions, one or more, for which parameters are missing."""

    conversions: tuple[IncompleteConversion, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "conversions", _several(self.conversions, IncompleteConversion))

    @classmethod
    def parse(cls, cursor: Cursor) -> MissingParameters:
        """Read `1*(SP ...)`."""
        return cls(_parse_several(cursor, IncompleteConversion.parse))

    def write(self, writer: Writer) -> None:
        """Write the name and the conversions."""
        writer.write(b"MISSINGPARAMETERS")
        for conversion in self.conversions:
            conversion.write(writer)


def _several(values: Iterable[T], kind: type[T]) -> tuple[T, ...]:
    checked = tuple(values)
    if not checked or not all(isinstance(value, kind) for value in checked):
        raise LocalProtocolError(f"expected one {kind.__name__} or more")
    return checked


def _parse_several(cursor: Cursor, parse: Callable[[Cursor], T]) -> tuple[T, ...]:
    values: list[T] = []
    while cursor.accept(b" "):
        values.append(parse(cursor))
    return tuple(values)


@final
@dataclass(frozen=True, slots=True)
class OtherFailure:
    """A reason that RFC 5259 does not have: its name in upper case, and what follows it."""

    name: str
    arguments: tuple[Value, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", checked_atom(self.name, "the name of a reason"))
        if self.name in _REASONS:
            raise LocalProtocolError(f"{self.name}: expected the class of this reason")
        check_value(self.arguments)

    def write(self, writer: Writer) -> None:
        """Write the name and the arguments."""
        writer.atom(self.name)
        writer.values(self.arguments)


FailureReason: TypeAlias = TemporaryFailure | BadParameters | MissingParameters | OtherFailure

_REASONS: Final[dict[str, Callable[[Cursor], FailureReason]]] = {
    "TEMPFAIL": TemporaryFailure.parse,
    "BADPARAMETERS": BadParameters.parse,
    "MISSINGPARAMETERS": MissingParameters.parse,
}
"""Name of each `convert-error-code` -> what reads all behind it."""


@final
@dataclass(frozen=True, slots=True)
class ConversionFailure:
    """ERROR: it stands in place of what could not be converted (section 9). `text` is for people."""

    text: str
    reason: FailureReason

    def __post_init__(self) -> None:
        text_octets(self.text, "ERROR")
        if not isinstance(self.reason, FailureReason):
            raise LocalProtocolError(f"expected a reason, got {type(self.reason).__name__}")

    @property
    def is_transient(self) -> bool:
        """Whether the same may succeed later."""
        return isinstance(self.reason, TemporaryFailure)


# A body structure begins with a string or a list, a list of MIME types with a list.
_ERROR: Final = re.compile(rb"\(ERROR (?=[\"{])", re.IGNORECASE)


# converterror-phrase = "(" "ERROR" SP convert-err-descript SP convert-error-code ")"
def accept_failure(cursor: Cursor) -> ConversionFailure | None:
    """Read a `converterror-phrase` if one stands here; None if it is something else."""
    if not cursor.accept_match(_ERROR):
        return None
    text = cursor.string().decode("utf-8", "surrogateescape")
    cursor.sp()
    name = cursor.word()
    read = _REASONS.get(name)
    reason = OtherFailure(name, cursor.values()) if read is None else read(cursor)
    cursor.expect(b")")
    return ConversionFailure(text, reason)


def write_failure(writer: Writer, failure: ConversionFailure) -> None:
    """Write a `converterror-phrase`."""
    writer.write(b"(ERROR ")
    writer.string(text_octets(failure.text, "ERROR"))
    writer.write(b" ")
    failure.reason.write(writer)
    writer.write(b")")
