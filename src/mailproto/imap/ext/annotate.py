"""ANNOTATE-EXPERIMENT-1: annotations of messages and of their parts, private and shared (RFC 5257).

An annotation is an entry, such as `/comment` or `/1.2/flags/seen`, with attributes: `value` and `size`, each
in a form for the user alone, `value.priv`, and one for all, `value.shared`. Names are case-sensitive. COPY
takes the user's own and the shared annotations along (section 4.6); who may change the shared ones of a
mailbox has the right `n` of `mailproto.imap.ext.acl`. What a mailbox takes is in `annotating`.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import ClassVar, Final, Literal, Self, TypeAlias, TypeVar, cast, final

from mailproto.errors import LocalProtocolError
from mailproto.imap._grammar import LIST_CHARS, PLAIN_LIST_MAILBOX
from mailproto.imap._response import NamedContents, filled
from mailproto.imap.appending import APPEND_OPTIONS, AppendOption
from mailproto.imap.charset import decoded, encoded
from mailproto.imap.codes import ResponseCode, check_nz_number, register_code
from mailproto.imap.command import STREAMED_COMMANDS, several
from mailproto.imap.cursor import Cursor
from mailproto.imap.ext.sort import SORT_READERS, SortCriterion, register_sort_key
from mailproto.imap.fetch import Answer, FetchItem, ItemData, ItemValues, register_item_reader
from mailproto.imap.fetch_data import DATA_READERS, parse_space
from mailproto.imap.message_commands import SetT, StoreCommand, register_store
from mailproto.imap.parameters import SELECT_PARAMETERS, Parameters
from mailproto.imap.search import KeyReader, SearchKey, register_key
from mailproto.imap.sequence import NumberSet, SequenceSet, UIDSet
from mailproto.imap.streaming import NESTED_STREAMS
from mailproto.imap.values import Content, Streamed, check_ncontent
from mailproto.imap.writer import MAX_QUOTED, Writer

__all__ = [
    "ANNOTATE",
    "ANNOTATION",
    "CHANGED_ANNOTATIONS",
    "AnnotateCode",
    "AnnotateReason",
    "Annotation",
    "AnnotationCriterion",
    "Annotations",
    "AnnotationsCode",
    "AppendAnnotations",
    "ChangedAnnotations",
    "FetchAnnotations",
    "HasAnnotation",
    "SearchedAttribute",
    "SortedAttribute",
    "StoreAnnotations",
    "StoreAnnotationsCommand",
    "UIDStoreAnnotations",
]

CAPABILITY: Final = "ANNOTATE-EXPERIMENT-1"

ANNOTATE: Final = SELECT_PARAMETERS.simple("ANNOTATE", CAPABILITY)
"""The parameter of SELECT with which a server tells which annotations others change (section 4.2)."""

# Section 3.2: components behind slashes, none of them empty, without "*", "%", NUL, and what is not ASCII.
_ENTRY: Final = re.compile(rb"(?:/[^\x00*%/\x80-\xff]+)+\Z")
# The same with wildcards, of which one may stand for the first slash too.
_PATTERN: Final = re.compile(rb"(?=[/*%])[^\x00/\x80-\xff]*(?:/[^\x00/\x80-\xff]+)*\Z")
_FIRST: Final = re.compile(rb"/([0-9][^/*%]*)(?=[/]|\Z)")
# section-part    = nz-number *("." nz-number)
_SECTION_PART: Final = re.compile(rb"[1-9][0-9]{0,9}(?:\.[1-9][0-9]{0,9})*\Z")
# Section 3.5: "reserved for future use and MUST NOT be used by clients or servers". It can be read.
_RESERVED: Final = re.compile(rb"/flags(?:/|\Z)")
_PART_FLAG: Final = re.compile(r"/[0-9.]+/flags/(?:seen|answered|flagged|forwarded)\Z")
_FLAG_VALUES: Final = (b"0", b"1", None)

# Components with periods between; the last one may say whose the attribute is, and no other one.
_COMPONENT = rb"(?!(?:priv|shared)(?:\.|\Z))[^\x00*%.\x80-\xff]+"
_ATTRIBUTE: Final = re.compile(rb"%b(?:\.%b)*(\.(?:priv|shared))?\Z" % (_COMPONENT, _COMPONENT))


def _is_entry(octets: bytes) -> bool:
    return _ENTRY.match(octets) is not None and _has_good_part(octets)


def _is_pattern(octets: bytes) -> bool:
    return _PATTERN.match(octets) is not None and _has_good_part(octets)


def _has_good_part(octets: bytes) -> bool:
    """Whether the number of a body part, if *octets* begin with one, is a `section-part` (section 3.2.1)."""
    first = _FIRST.match(octets)
    return first is None or _SECTION_PART.match(first[1]) is not None


def _is_attribute(octets: bytes) -> bool:
    return _ATTRIBUTE.match(octets) is not None


def _checked(name: object, is_good: Callable[[bytes], bool], expected: str) -> str:
    if not isinstance(name, str) or not is_good(name.encode("utf-8", "surrogatepass")):
        raise LocalProtocolError(f"expected {expected}, got {str(name)[:40]!r}")
    return name


def _checked_entry(entry: object, is_good: Callable[[bytes], bool] = _is_entry) -> str:
    checked = _checked(entry, is_good, "an entry of annotations")
    if _RESERVED.match(checked.encode("ascii")):
        raise LocalProtocolError(
            f"expected an entry outside of /flags, which is reserved, got {checked[:40]!r}"
        )
    return checked


def _checked_attribute(attribute: object) -> str:
    return _checked(attribute, _is_attribute, "an attribute of annotations")


def _checked_all(names: object, check: Callable[[object], str]) -> tuple[str, ...]:
    checked = tuple(map(check, several(names, "names")))
    if not checked:
        raise LocalProtocolError("expected a name or more, got none")
    return checked


def _parse_name(cursor: Cursor, is_good: Callable[[bytes], bool], expected: str) -> str:
    start = cursor.position
    octets = cursor.astring(LIST_CHARS) if is_good is _is_pattern else cursor.astring()
    if not is_good(octets):
        raise cursor.error(expected, start)
    return octets.decode("ascii")


def _parse_entry(cursor: Cursor) -> str:
    return _parse_name(cursor, _is_entry, "an entry of annotations")


def _parse_pattern(cursor: Cursor) -> str:
    return _parse_name(cursor, _is_pattern, "an entry of annotations")


def _parse_attribute(cursor: Cursor) -> str:
    return _parse_name(cursor, _is_attribute, "an attribute of annotations")


def _write_name(writer: Writer, name: str) -> None:
    writer.astring(name.encode("ascii"))


def _write_pattern(writer: Writer, pattern: str) -> None:
    octets = pattern.encode("ascii")
    if len(octets) <= MAX_QUOTED and PLAIN_LIST_MAILBOX.match(octets):
        writer.write(octets)
    else:
        writer.string(octets)


ItemT = TypeVar("ItemT")


def _parse_list(cursor: Cursor, read: Callable[[Cursor], ItemT]) -> tuple[ItemT, ...]:
    """Read `"(" x *(SP x) ")"`."""
    cursor.expect(b"(")
    found = [read(cursor)]
    while not cursor.accept(b")"):
        cursor.sp()
        found.append(read(cursor))
    return tuple(found)


def _parse_some(cursor: Cursor, read: Callable[[Cursor], str]) -> tuple[str, ...]:
    """Read one, or a list."""
    return _parse_list(cursor, read) if cursor.peek() == b"(" else (read(cursor),)


def _write_list(writer: Writer, values: Iterable[ItemT], write: Callable[[Writer, ItemT], None]) -> None:
    for index, value in enumerate(values):
        writer.write(b" " if index else b"(")
        write(writer, value)
    writer.write(b")")


def _write_some(writer: Writer, names: tuple[str, ...], write: Callable[[Writer, str], None]) -> None:
    """Write one bare, several as a list."""
    if len(names) == 1:
        write(writer, names[0])
    else:
        _write_list(writer, names, write)


# Annotations with values.


@final
@dataclass(frozen=True, slots=True)
class Annotation:
    """An entry of a message, and the attributes of it that are told or set, with their values.

    A value is octets, NUL among them too, None for NIL, or `Streamed(size)` where it travels in chunks.
    Raises LocalProtocolError for names that section 3.2 does not have, or an attribute twice.
    """

    entry: str
    values: NamedContents

    def __post_init__(self) -> None:
        _checked_entry(self.entry)
        values = tuple((_checked_attribute(name), check_ncontent(value)) for name, value in self.values)
        if not values or len(dict(values)) < len(values):
            raise LocalProtocolError("expected an attribute or more, each once")
        object.__setattr__(self, "values", values)

    @classmethod
    def of_parsed(cls, entry: str, values: NamedContents) -> Self:
        """Return an annotation as it was read; skips validation."""
        new = cls.__new__(cls)
        object.__setattr__(new, "entry", entry)
        object.__setattr__(new, "values", values)
        return new

    def get(self, attribute: str) -> bytes | None:
        """Return the value of an attribute; None if it has none, or one that is not here."""
        value = dict(self.values).get(attribute)
        return value if isinstance(value, bytes) else None

    # entry-att         = entry SP "(" att-value *(SP att-value) ")"
    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read an `entry-att`."""
        entry = _parse_entry(cursor)
        cursor.sp()
        return cls.of_parsed(entry, _parse_list(cursor, _parse_value))

    def write(self, writer: Writer) -> None:
        """Write an `entry-att`."""
        _write_name(writer, self.entry)
        writer.write(b" ")
        _write_list(writer, self.values, _write_value)


# att-value         = attrib SP value
# value             = nstring / literal8
def _parse_value(cursor: Cursor) -> tuple[str, Content | None]:
    attribute = _parse_attribute(cursor)
    cursor.sp()
    return attribute, cursor.ncontent()


def _write_value(writer: Writer, pair: tuple[str, Content | None]) -> None:
    attribute, value = pair
    _write_name(writer, attribute)
    writer.write(b" ")
    writer.ncontent(value)


def _write_annotations(writer: Writer, annotations: tuple[Annotation, ...]) -> None:
    _write_list(writer, annotations, lambda out, annotation: annotation.write(out))


def _checked_annotations(annotations: Iterable[Annotation]) -> tuple[Annotation, ...]:
    checked = tuple(annotations)
    if not checked or not all(isinstance(annotation, Annotation) for annotation in checked):
        raise LocalProtocolError("expected an Annotation or more")
    if len({annotation.entry for annotation in checked}) < len(checked):
        raise LocalProtocolError("expected each entry once")
    return checked


def _settable(annotations: Iterable[Annotation]) -> tuple[Annotation, ...]:
    """Return *annotations* if they can be set. Raises LocalProtocolError."""
    checked = _checked_annotations(annotations)
    for annotation in checked:
        for attribute, value in annotation.values:
            _check_settable(annotation.entry, attribute, value)
    return checked


def _check_settable(entry: str, attribute: str, value: Content | None) -> None:
    name, _, whose = attribute.rpartition(".")
    if whose not in ("priv", "shared"):
        raise LocalProtocolError(
            f"expected an attribute that ends with .priv or .shared, got {attribute[:40]!r}"
        )
    if name == "size":
        raise LocalProtocolError(f"expected an attribute that clients can set, got {attribute!r}")
    if name == "value" and _PART_FLAG.match(entry) and value not in _FLAG_VALUES:
        raise LocalProtocolError(f"{entry[:40]}: expected 0, 1 or None (section 3.2.1)")


def _parse_settable(cursor: Cursor) -> tuple[Annotation, ...]:
    """Read what is set; names and values that cannot be are a LocalProtocolError, which becomes BAD."""
    read = _parse_list(cursor, Annotation.parse)
    return _settable(Annotation(each.entry, each.values) for each in read)


def _streamed(annotations: tuple[Annotation, ...]) -> tuple[Streamed, ...]:
    values = (value for annotation in annotations for _, value in annotation.values)
    return tuple(value for value in values if isinstance(value, Streamed))


# FETCH.


@final
@dataclass(frozen=True, slots=True)
class Annotations(ItemValues):
    """The annotations of one message, as FETCH answers them (section 4.4)."""

    annotations: tuple[Annotation, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "annotations", _checked_annotations(self.annotations))

    @classmethod
    def of_parsed(cls, annotations: tuple[Annotation, ...]) -> Self:
        """Return annotations as they were read; skips validation."""
        new = cls.__new__(cls)
        object.__setattr__(new, "annotations", annotations)
        return new

    @property
    def value(self) -> Annotations:
        """The annotations."""
        return self

    @property
    def entries(self) -> tuple[str, ...]:
        """The names of the entries, in order."""
        return tuple(annotation.entry for annotation in self.annotations)

    def get(self, entry: str, attribute: str) -> bytes | None:
        """Return a value, as of "/comment" and "value.priv".

        None if there is none, or one above `max_section`.
        """
        values = (annotation.get(attribute) for annotation in self.annotations if annotation.entry == entry)
        return next((value for value in values if value is not None), None)

    @property
    def last(self) -> tuple[tuple[str, ...], Content | None]:
        """Entry and attribute of the last value, and that value."""
        annotation = self.annotations[-1]
        attribute, value = annotation.values[-1]
        return (annotation.entry, attribute), value

    def filled(self, contents: Iterator[bytes | None]) -> Self:
        """Return this with *contents*, in order, where values were streamed; None leaves one as it is."""
        return self.of_parsed(
            tuple(
                Annotation.of_parsed(each.entry, filled(each.values, contents)) for each in self.annotations
            )
        )

    def write(self, writer: Writer) -> None:
        """Write the name and the list."""
        writer.write(b"ANNOTATION ")
        _write_annotations(writer, self.annotations)


@final
@dataclass(frozen=True, slots=True)
class ChangedAnnotations(ItemData):
    """The entries of a message that somebody else has changed, without their values (section 4.4)."""

    entries: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "entries", _checked_all(self.entries, _checked_entry))

    @property
    def value(self) -> tuple[str, ...]:
        """The entries."""
        return self.entries

    def write(self, writer: Writer) -> None:
        """Write the name and the list."""
        writer.write(b"ANNOTATION ")
        _write_list(writer, self.entries, _write_name)


def _checked_pattern(entry: object) -> str:
    return _checked_entry(entry, _is_pattern)


@final
@dataclass(frozen=True, slots=True)
class FetchAnnotations(FetchItem[Annotations]):
    """ANNOTATION: these attributes of these entries (section 4.3).

    In an entry `*` stands for anything, `%` for anything but a slash. An attribute without `.priv` or
    `.shared` stands for both. `message[ANNOTATION]` has the answer to any of them.
    """

    key: ClassVar[str] = "ANNOTATION"
    capability: ClassVar[str] = CAPABILITY
    entries: tuple[str, ...] = ("/*",)
    attributes: tuple[str, ...] = ("value",)

    def __post_init__(self) -> None:
        object.__setattr__(self, "entries", _checked_all(self.entries, _checked_pattern))
        object.__setattr__(self, "attributes", _checked_all(self.attributes, _checked_attribute))

    def answer(self, value: Annotations | Iterable[Annotation]) -> Answer:
        """Return *value* checked, to build a FetchData of. Raises LocalProtocolError."""
        annotations = value.annotations if isinstance(value, Annotations) else tuple(value)
        return Answer(self.key, Annotations(annotations))

    # fetch-att         =/ "ANNOTATION" SP "(" entries SP attribs ")"
    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `SP "(" entries SP attribs ")"`."""
        cursor.expect(b" (")
        entries = _parse_some(cursor, _parse_pattern)
        cursor.sp()
        attributes = _parse_some(cursor, _parse_attribute)
        cursor.expect(b")")
        return cls(entries, attributes)

    def write(self, writer: Writer) -> None:
        """Write the `fetch-att`."""
        writer.write(b"ANNOTATION (")
        _write_some(writer, self.entries, _write_pattern)
        writer.write(b" ")
        _write_some(writer, self.attributes, _write_name)
        writer.write(b")")


ANNOTATION: Final = FetchAnnotations()
"""The values of all annotations of a message, the user's own and the shared ones."""

register_item_reader(FetchAnnotations.key, FetchAnnotations.parse)


@final
@dataclass(frozen=True, slots=True)
class _Changed(FetchItem["tuple[str, ...]"]):
    """What a server tells unasked; it has a key of its own, so that it never answers a FETCH."""

    key: ClassVar[str] = "ANNOTATION (changed)"
    capability: ClassVar[str] = CAPABILITY
    is_news: ClassVar[bool] = True

    def answer(self, value: Iterable[str]) -> Answer:
        """Return *value*, entries, checked, to build a FetchData of. Raises LocalProtocolError."""
        return Answer(self.key, ChangedAnnotations(several(value, "entries")))


CHANGED_ANNOTATIONS: Final[FetchItem[tuple[str, ...]]] = _Changed()
"""The entries of a message that somebody else has changed: what a server tells after SELECT with ANNOTATE."""


# msg-att-dynamic   =/ "ANNOTATION" SP ( "(" entry-att *(SP entry-att) ")" / "(" entry *(SP entry) ")" )
def _read_data(cursor: Cursor) -> tuple[str, ItemData]:
    parse_space(cursor)
    found = _parse_list(cursor, _parse_entry_or_annotation)
    changed = tuple(each for each in found if isinstance(each, str))
    if not changed:
        return ANNOTATION.key, Annotations.of_parsed(cast("tuple[Annotation, ...]", found))
    if len(changed) < len(found):
        raise cursor.error("a value behind each entry, or behind none")
    return CHANGED_ANNOTATIONS.key, _changed(changed)


def _parse_entry_or_annotation(cursor: Cursor) -> str | Annotation:
    entry = _parse_entry(cursor)
    if not cursor.text.startswith(b" (", cursor.position):
        return entry
    cursor.sp()
    return Annotation.of_parsed(entry, _parse_list(cursor, _parse_value))


def _changed(entries: tuple[str, ...]) -> ChangedAnnotations:
    new = ChangedAnnotations.__new__(ChangedAnnotations)
    object.__setattr__(new, "entries", entries)
    return new


DATA_READERS[ANNOTATION.key] = _read_data
NESTED_STREAMS[b"ANNOTATION"] = b")))"


# STORE and APPEND.


@dataclass(frozen=True, slots=True)
class StoreAnnotationsCommand(StoreCommand[SetT]):
    """A STORE that sets annotations; None as a value removes one. No FETCH answers it (section 4.5)."""

    item: ClassVar[str] = "ANNOTATION"
    capability: ClassVar[str] = CAPABILITY
    annotations: tuple[Annotation, ...]

    def __post_init__(self) -> None:
        StoreCommand.__post_init__(self)
        object.__setattr__(self, "annotations", _settable(self.annotations))

    # att-annotate      = "ANNOTATION" SP "(" entry-att *(SP entry-att) ")"
    @classmethod
    def parse_item(cls, cursor: Cursor, numbers: NumberSet, modifiers: Parameters) -> Self:
        """Read `att-annotate`."""
        if not cursor.accept_word(b"ANNOTATION "):
            raise cursor.error("ANNOTATION")
        return cls(cast("SetT", numbers), _parse_settable(cursor), modifiers=modifiers)

    def write_item(self, writer: Writer) -> None:
        """Write `att-annotate`."""
        writer.write(b"ANNOTATION ")
        _write_annotations(writer, self.annotations)

    @property
    def streamed(self) -> tuple[Streamed, ...]:
        """The values that travel in chunks, in order."""
        return _streamed(self.annotations)


@final
@register_store
class StoreAnnotations(StoreAnnotationsCommand[SequenceSet]):
    """STORE with ANNOTATION: set annotations."""

    __slots__ = ()
    name: ClassVar[str] = "STORE"
    _kind = SequenceSet


@final
@register_store
class UIDStoreAnnotations(StoreAnnotationsCommand[UIDSet]):
    """UID STORE with ANNOTATION: set annotations by UID."""

    __slots__ = ()
    name: ClassVar[str] = "UID STORE"
    _kind = UIDSet


STREAMED_COMMANDS.update((StoreAnnotations.name, UIDStoreAnnotations.name))


@final
@dataclass(frozen=True, slots=True)
class AppendAnnotations(AppendOption):
    """ANNOTATION of APPEND: the annotations that the message has from the beginning (section 4.7)."""

    name: ClassVar[str] = "ANNOTATION"
    capabilities: ClassVar[tuple[str, ...]] = (CAPABILITY,)
    annotations: tuple[Annotation, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "annotations", _settable(self.annotations))

    @property
    def streamed(self) -> tuple[Streamed, ...]:
        """The values that travel in chunks, in order."""
        return _streamed(self.annotations)

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `SP "(" entry-att *(SP entry-att) ")"`."""
        cursor.sp()
        return cls(_parse_settable(cursor))

    def write(self, writer: Writer) -> None:
        """Write the list."""
        writer.write(b" ")
        _write_annotations(writer, self.annotations)


APPEND_OPTIONS[AppendAnnotations.name] = AppendAnnotations.parse


# SEARCH and SORT.

SearchedAttribute: TypeAlias = Literal["value", "value.priv", "value.shared"]
"""Attributes that can be searched (section 4.8)."""
SortedAttribute: TypeAlias = Literal["value.priv", "value.shared"]
"""Attributes that can be sorted by (section 4.9)."""

_SORTED: Final = ("value.priv", "value.shared")
_SEARCHED: Final = ("value", *_SORTED)


def _check_one_of(attribute: object, known: tuple[str, ...]) -> None:
    if attribute not in known:
        raise LocalProtocolError(f"expected one of {', '.join(known)}, got {str(attribute)[:40]!r}")


def _parse_one_of(cursor: Cursor, known: tuple[str, ...]) -> str:
    """Read an attribute that the grammar has as a word, whose case does not matter."""
    start = cursor.position
    attribute = cursor.astring().decode("latin-1").lower()
    if attribute not in known:
        raise cursor.error(f"one of {', '.join(known)}", start)
    return attribute


@final
@register_key
@dataclass(frozen=True, slots=True)
class HasAnnotation(SearchKey):
    """Messages with this text in an attribute of an entry that matches (section 4.8).

    In the entry `*` stands for anything, `%` for anything but a slash. `text` is str, bytes where it is not
    text in the charset of the command, and None for NIL.
    """

    name: ClassVar[str] = "ANNOTATION"
    capability: ClassVar[str] = CAPABILITY
    entry: str
    attribute: SearchedAttribute
    text: str | bytes | None

    def __post_init__(self) -> None:
        _checked_pattern(self.entry)
        _check_one_of(self.attribute, _SEARCHED)
        if self.text is not None and not isinstance(self.text, str | bytes):
            raise LocalProtocolError(f"expected a string or None, got {type(self.text).__name__}")

    @property
    def texts(self) -> tuple[str | bytes, ...]:
        """The text."""
        return () if self.text is None else (self.text,)

    # search-key        =/ "ANNOTATION" SP entry-match SP att-search SP value
    @classmethod
    def parse(cls, reader: KeyReader) -> Self:
        """Read `SP entry-match SP att-search SP value`."""
        cursor = reader.cursor
        cursor.sp()
        entry = _parse_pattern(cursor)
        cursor.sp()
        attribute = cast("SearchedAttribute", _parse_one_of(cursor, _SEARCHED))
        cursor.sp()
        start = cursor.position
        value = cursor.ncontent()
        if value is not None and not isinstance(value, bytes):
            raise cursor.error("a text within the limit", start)
        return cls(entry, attribute, None if value is None else decoded(value, reader.codec))

    def write(self, writer: Writer, codec: str | None) -> None:
        """Write the name, the entry, the attribute and the text."""
        writer.write(b"ANNOTATION ")
        _write_pattern(writer, self.entry)
        writer.write(f" {self.attribute} ".encode("ascii"))
        writer.ncontent(None if self.text is None else encoded(self.text, codec))


register_sort_key("ANNOTATION", CAPABILITY)


@final
@dataclass(frozen=True, slots=True)
class AnnotationCriterion(SortCriterion):
    """Sort by the values of an annotation, in the charset of the SORT (section 4.9)."""

    name: str = field(default="ANNOTATION", init=False)
    reverse: bool = field(default=False, kw_only=True)
    entry: str
    attribute: SortedAttribute

    def __post_init__(self) -> None:
        _checked_entry(self.entry)
        _check_one_of(self.attribute, _SORTED)

    # sort-key          =/ "ANNOTATION" SP entry SP att-sort
    @classmethod
    def parse(cls, cursor: Cursor, reverse: bool) -> Self:
        """Read `SP entry SP att-sort`."""
        cursor.sp()
        entry = _parse_entry(cursor)
        cursor.sp()
        attribute = cast("SortedAttribute", _parse_one_of(cursor, _SORTED))
        return cls(entry, attribute, reverse=reverse)

    def write_arguments(self, writer: Writer) -> None:
        """Write the entry and the attribute."""
        writer.write(b" ")
        _write_name(writer, self.entry)
        writer.write(f" {self.attribute}".encode("ascii"))


SORT_READERS["ANNOTATION"] = AnnotationCriterion.parse


# Response codes.


class AnnotateReason(enum.Enum):
    """What an `AnnotateCode` says (section 4.5)."""

    TOO_BIG = "TOOBIG"
    """The value is too large."""
    TOO_MANY = "TOOMANY"
    """The message has as many annotations as it can have."""


_REASONS: Final = {reason.value: reason for reason in AnnotateReason}


@final
@register_code
@dataclass(frozen=True, slots=True)
class AnnotateCode(ResponseCode):
    """ANNOTATE: why an annotation was not set, in a NO."""

    name: ClassVar[str] = "ANNOTATE"
    reason: AnnotateReason

    def __post_init__(self) -> None:
        if not isinstance(self.reason, AnnotateReason):
            raise LocalProtocolError(f"expected an AnnotateReason, got {type(self.reason).__name__}")

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `SP ("TOOBIG" / "TOOMANY")`."""
        cursor.sp()
        start = cursor.position
        reason = _REASONS.get(cursor.word())
        if reason is None:
            raise cursor.error("TOOBIG or TOOMANY", start)
        return cls(reason)

    def write(self, writer: Writer) -> None:
        """Write the reason."""
        writer.write(f" {self.reason.value}".encode("ascii"))


@final
@register_code
@dataclass(frozen=True, slots=True)
class AnnotationsCode(ResponseCode):
    """ANNOTATIONS: what the selected mailbox has of annotations, in an OK to SELECT (section 4.1).

    `max_size` is how many octets a value may have, None where no annotation can be set: NONE if not
    `is_supported`, else READ-ONLY. `has_private` is False with NOPRIVATE: there are shared ones only. A
    server sends it before each OK to SELECT and EXAMINE, with 1,024 octets or more, and is held to it.
    """

    name: ClassVar[str] = "ANNOTATIONS"
    max_size: int | None
    is_supported: bool = field(default=True, kw_only=True)
    has_private: bool = field(default=True, kw_only=True)

    def __post_init__(self) -> None:
        if self.max_size is not None:
            check_nz_number(self.max_size)
        if not self.is_supported and (self.max_size is not None or not self.has_private):
            raise LocalProtocolError("expected nothing else of a mailbox without annotations")

    # ann-size          = "NONE" / (("READ-ONLY" / nz-number) [SP "NOPRIVATE"])
    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `SP ann-size`."""
        cursor.sp()
        if cursor.accept_word(b"NONE"):
            return cls(None, is_supported=False)
        size = None if cursor.accept_word(b"READ-ONLY") else cursor.nz_number()
        return cls(size, has_private=not cursor.accept_word(b" NOPRIVATE"))

    def write(self, writer: Writer) -> None:
        """Write `ann-size`."""
        size = (
            "NONE" if not self.is_supported else "READ-ONLY" if self.max_size is None else str(self.max_size)
        )
        writer.write(f" {size}{'' if self.has_private else ' NOPRIVATE'}".encode("ascii"))
