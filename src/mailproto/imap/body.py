"""BODY and BODYSTRUCTURE on the wire (RFC 3501 sections 7.4.2 and 9, `body`).

The values are in `mailproto.mime.body_structure`. What nearly all servers send is read by a few fused
patterns, one a part; what they do not match is read production by production, and what no production matches,
as a tree.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Final, NamedTuple, TypeVar

from mailproto.errors import LocalProtocolError
from mailproto.imap._loose import (
    Repairs,
    as_nstring,
    as_number,
    as_string,
    is_word,
    parse_or_recover,
)
from mailproto.imap.cursor import Cursor
from mailproto.imap.envelope import envelope_of_tree, parse_exact_envelope, unescaped, write_envelope
from mailproto.imap.values import MAX_DEPTH, Message, Value
from mailproto.imap.writer import Writer
from mailproto.mime.body_structure import (
    BasicPart,
    BodyStructure,
    Disposition,
    ExtensionValue,
    MessagePart,
    MultiPart,
    MultiPartExtension,
    Parameters,
    SinglePartExtension,
    TextPart,
)
from mailproto.mime.envelope import Envelope

__all__ = ["parse_body", "parse_exact_body", "without_extension", "write_body"]

T = TypeVar("T")

MAX_CACHED: Final = 256
"""Octets of extension data up to which they are remembered."""

_QUOTED: Final = rb'"[^"\\\r\n\x00\x80-\xff]*+(?:\\["\\][^"\\\r\n\x00\x80-\xff]*+)*+"'
_NIL: Final = rb"[Nn][Ii][Ll]"
_NUMBER: Final = rb"[0-9]{1,18}"
_PLAIN: Final = rb'"([^"\\\r\n\x00\x80-\xff]*+)"'
# The same two where a cursor is plain.
_QUOTES: Final = rb'"[^"]*+"'
_BETWEEN: Final = rb'"([^"]*+)"'


def _rest_pattern(string: bytes) -> bytes:
    # [SP body-fld-dsp [SP body-fld-lang [SP body-fld-loc]]]
    disposition = rb"(?:%b|\(%b %b\))" % (_NIL, string, _parameters_pattern(string))
    language = rb"(?:%b|%b|\(%b(?: %b)*\))" % (_NIL, string, string, string)
    location = rb"(?:%b|%b)" % (_NIL, string)
    return rb"(?: %b(?: %b(?: %b)?)?)?" % (disposition, language, location)


def _parameters_pattern(string: bytes) -> bytes:
    # body-fld-param  = "(" string SP string *(SP string SP string) ")" / nil
    return rb"(?:%b|\(%b %b(?: %b %b)*\))" % (_NIL, string, string, string, string)


def _leaf_pattern(string: bytes, plain: bytes) -> re.Pattern[bytes]:
    """Return what matches a part that is neither a multipart nor a message, nothing escaped outside of lists.

    Its groups are the fields, the lines of a text, and the extension data.
    """
    return re.compile(
        rb'\((?!"[Mm][Ee][Ss][Ss][Aa][Gg][Ee]")'
        rb"%b %b (%b) (?:%b|%b) (?:%b|%b) %b (%b)(?: (%b))?((?: NIL NIL NIL NIL(?=\))| (?:%b|%b)%b)?)\)"
        % (
            *(plain, plain, _parameters_pattern(string)),
            *(_NIL, plain, _NIL, plain, plain, _NUMBER, _NUMBER),
            *(_NIL, string, _rest_pattern(string)),
        )
    )


_LEAF: Final = _leaf_pattern(_QUOTED, _PLAIN)
_PLAIN_LEAF: Final = _leaf_pattern(_QUOTES, _BETWEEN)
_PARAMETERS: Final = re.compile(_parameters_pattern(_QUOTED))
# The extension data of an attachment, whose file name makes it another one in each message.
_ATTACHED: Final = re.compile(
    rb" %b \(%b (%b)\)(?: %b){0,2}" % (_NIL, _PLAIN, _parameters_pattern(_QUOTED), _NIL)
)
# What stands behind the parts of a multipart: the subtype, the parameters and the other extension data.
_MULTI_END: Final = re.compile(
    rb" %b(?: (%b)(%b))?\)" % (_PLAIN, _parameters_pattern(_QUOTED), _rest_pattern(_QUOTED))
)
# The commonest of these: with a boundary and nothing else.
_BOUNDED_END: Final = re.compile(rb" %b \(%b %b\) NIL NIL NIL\)" % ((_PLAIN,) * 3))
_PLAIN_BOUNDED_END: Final = re.compile(rb" %b \(%b %b\) NIL NIL NIL\)" % ((_BETWEEN,) * 3))
# A parameter of a list that _PARAMETERS has accepted, in which nothing is escaped.
_PLAIN_PAIR: Final = re.compile(rb'"([^"]*+)" "([^"]*+)"')
_STRINGS: Final = re.compile(_QUOTED)
_basic: Final = BasicPart.of_parsed
_text: Final = TextPart.of_parsed
_BACKSLASH: Final = 0x5C


def parse_body(cursor: Cursor) -> BodyStructure:
    """Read a `body`; what is against the grammar in it is a defect, or ParseError when strict."""
    return parse_or_recover(cursor, parse_exact_body, _body_of_tree, "a body structure as the grammar has it")


def parse_exact_body(cursor: Cursor) -> BodyStructure:
    """Read a `body`; raises ParseError where the grammar does not match."""
    return _parse_part(cursor, cursor.max_depth)


def _parse_part(cursor: Cursor, depth: int) -> BodyStructure:
    if depth < 0:
        raise cursor.error(f"at most {cursor.max_depth} levels of parts")
    if cursor.text[cursor.position : cursor.position + 2] == b"((":
        return _parse_multi(cursor, depth)
    leaf = _parse_leaf(cursor)
    if leaf is not None:
        return leaf
    cursor.expect(b"(")
    part = _parse_single(cursor, depth)
    cursor.expect(b")")
    return part


class _Fields(NamedTuple):
    # body-fields     = body-fld-param SP body-fld-id SP body-fld-desc SP body-fld-enc SP body-fld-octets
    type: bytes
    subtype: bytes
    parameters: Parameters
    content_id: bytes | None
    description: bytes | None
    encoding: bytes
    size: int


def _basic_part(fields: _Fields, extension: SinglePartExtension | None) -> BasicPart:
    return BasicPart.of_parsed(*fields, extension)


def _text_part(fields: _Fields, lines: int, extension: SinglePartExtension | None) -> TextPart:
    return TextPart.of_parsed(*fields, lines, extension)


def _message_part(
    fields: _Fields,
    envelope: Envelope,
    body: BodyStructure,
    lines: int,
    extension: SinglePartExtension | None,
) -> MessagePart:
    type_, subtype, parameters, content_id, description, encoding, size = fields
    return MessagePart(
        type=type_,
        subtype=subtype,
        parameters=parameters,
        content_id=content_id,
        description=description,
        encoding=encoding,
        size=size,
        envelope=envelope,
        body=body,
        lines=lines,
        extension=extension,
    )


def _parse_leaf(cursor: Cursor) -> BodyStructure | None:
    pattern = _PLAIN_LEAF if cursor.position >= cursor.plain_from else _LEAF
    match = pattern.match(cursor.text, cursor.position)
    if match is None:
        return None
    type_, subtype, parameters, content_id, description, encoding, size, lines, extension = match.groups()
    if (type_.upper() == b"TEXT") != (lines is not None):
        return None
    cursor.position = match.end()
    known = _known_parameters if len(parameters) <= MAX_CACHED else _parameters_of
    more = _EMPTY if extension == _NO_EXTENSION else _single_extension_of(extension)
    fields = known(parameters)
    if lines is None:
        return _basic(type_, subtype, fields, content_id, description, encoding, int(size), more)
    return _text(type_, subtype, fields, content_id, description, encoding, int(size), int(lines), more)


def _remembered(parse: Callable[[Cursor], T]) -> Callable[[bytes], T]:
    """Return *parse* for octets that a pattern has accepted; the same few come with every message."""

    def parse_octets(octets: bytes) -> T:
        return parse(Cursor(Message(octets)))

    remembering = lru_cache(maxsize=1_024)(parse_octets)

    def recall(octets: bytes) -> T:
        return remembering(octets) if len(octets) <= MAX_CACHED else parse_octets(octets)

    return recall


# body-type-mpart = 1*body SP media-subtype [SP body-ext-mpart]
def _parse_multi(cursor: Cursor, depth: int) -> MultiPart:
    """Read a multipart, at whose parenthesis the cursor is."""
    text = cursor.text
    cursor.position += 1
    parts = [_parse_part(cursor, depth - 1)]
    while text[cursor.position : cursor.position + 1] == b"(":
        parts.append(_parse_part(cursor, depth - 1))
    pattern = _PLAIN_BOUNDED_END if cursor.position >= cursor.plain_from else _BOUNDED_END
    match = pattern.match(cursor.text, cursor.position)
    if match is not None:
        cursor.position = match.end()
        subtype, name, value = match.groups()
        return MultiPart.of_parsed(
            tuple(parts), subtype, MultiPartExtension.of_parsed(((name, value),), None, (), None, ())
        )
    match = cursor.accept_match(_MULTI_END)
    if match is not None:
        subtype, parameters, rest = match.groups()
        extension = None if parameters is None else _multi_extension(parameters, rest)
        return MultiPart.of_parsed(tuple(parts), subtype, extension)
    cursor.sp()
    subtype, extension = cursor.string(), _parse_multi_extension(cursor)
    cursor.expect(b")")
    return MultiPart.of_parsed(tuple(parts), subtype, extension)


def _multi_extension(parameters: bytes, rest: bytes) -> MultiPartExtension:
    # The boundary is another one in each message: nothing to remember.
    return MultiPartExtension.of_parsed(_parameters_of(parameters), *_rest_of(rest))


# body-type-1part = (body-type-basic / body-type-msg / body-type-text) [SP body-ext-1part]
def _parse_single(cursor: Cursor, depth: int) -> BodyStructure:
    fields = _parse_fields(cursor)
    if fields.type.upper() == b"TEXT":
        cursor.sp()
        return _text_part(fields, cursor.number64(), _parse_single_extension(cursor))
    if _is_message(fields) and (fields.subtype.upper() == b"RFC822" or _is_at_list(cursor)):
        return _parse_message(cursor, fields, depth)
    return _basic_part(fields, _parse_single_extension(cursor))


def _parse_fields(cursor: Cursor) -> _Fields:
    type_ = cursor.string()
    cursor.sp()
    subtype = cursor.string()
    cursor.sp()
    parameters = _parse_parameters(cursor)
    cursor.sp()
    content_id = cursor.nstring()
    cursor.sp()
    description = cursor.nstring()
    cursor.sp()
    encoding = cursor.string()
    cursor.sp()
    return _Fields(type_, subtype, parameters, content_id, description, encoding, cursor.number64())


def _is_message(fields: _Fields) -> bool:
    return fields.type.upper() == b"MESSAGE" and fields.subtype.upper() in (b"RFC822", b"GLOBAL")


def _is_at_list(cursor: Cursor) -> bool:
    # message/global has the form of a message under RFC 9051, and none under RFC 3501.
    return cursor.text.startswith(b" (", cursor.position)


# body-type-msg   = media-message SP body-fields SP envelope SP body SP body-fld-lines
def _parse_message(cursor: Cursor, fields: _Fields, depth: int) -> MessagePart:
    cursor.sp()
    envelope = parse_exact_envelope(cursor)
    cursor.sp()
    body = _parse_part(cursor, depth - 1)
    cursor.sp()
    return _message_part(fields, envelope, body, cursor.number64(), _parse_single_extension(cursor))


def _parse_parameters(cursor: Cursor) -> Parameters:
    match = cursor.accept_match(_PARAMETERS)
    if match is not None:
        return _parameters_of(match.group())
    if cursor.accept_word(b"NIL"):
        return ()
    cursor.expect(b"(")
    pairs = [_parse_pair(cursor)]
    while not cursor.accept(b")"):
        cursor.sp()
        pairs.append(_parse_pair(cursor))
    return tuple(pairs)


def _parameters_of(octets: bytes) -> Parameters:
    if _BACKSLASH not in octets:
        return tuple(_PLAIN_PAIR.findall(octets))
    strings = map(_string, _STRINGS.findall(octets))
    return tuple(zip(strings, strings, strict=True))


_known_parameters: Final = lru_cache(maxsize=1_024)(_parameters_of)


def _string(token: bytes) -> bytes:
    return unescaped(token) if _BACKSLASH in token else token[1:-1]


def _parse_pair(cursor: Cursor) -> tuple[bytes, bytes]:
    name = cursor.string()
    cursor.sp()
    return name, cursor.string()


class _Rest(NamedTuple):
    # [SP body-fld-dsp [SP body-fld-lang [SP body-fld-loc *(SP body-extension)]]]
    disposition: Disposition | None
    language: tuple[bytes, ...]
    location: bytes | None
    more: tuple[ExtensionValue, ...]


def _parse_rest(cursor: Cursor) -> _Rest:
    return _Rest(
        _parse_disposition(cursor) if cursor.accept(b" ") else None,
        _parse_language(cursor) if cursor.accept(b" ") else (),
        cursor.nstring() if cursor.accept(b" ") else None,
        _parse_more(cursor),
    )


# body-ext-1part  = body-fld-md5 [SP body-fld-dsp [SP body-fld-lang [SP body-fld-loc *(SP body-extension)]]]
def _parse_single_extension(cursor: Cursor) -> SinglePartExtension | None:
    if not cursor.accept(b" "):
        return None
    md5 = cursor.nstring()
    disposition, language, location, more = _parse_rest(cursor)
    return SinglePartExtension.of_parsed(md5, disposition, language, location, more)


# body-ext-mpart  = body-fld-param [SP body-fld-dsp [SP body-fld-lang [SP body-fld-loc *(SP body-extension)]]]
def _parse_multi_extension(cursor: Cursor) -> MultiPartExtension | None:
    if not cursor.accept(b" "):
        return None
    return MultiPartExtension.of_parsed(_parse_parameters(cursor), *_parse_rest(cursor))


def _parse_disposition(cursor: Cursor) -> Disposition | None:
    if cursor.accept_word(b"NIL"):
        return None
    cursor.expect(b"(")
    type_ = cursor.string()
    cursor.sp()
    disposition = Disposition(type_, _parse_parameters(cursor))
    cursor.expect(b")")
    return disposition


def _parse_language(cursor: Cursor) -> tuple[bytes, ...]:
    if not cursor.accept(b"("):
        language = cursor.nstring()
        return () if language is None else (language,)
    languages = [cursor.string()]
    while not cursor.accept(b")"):
        cursor.sp()
        languages.append(cursor.string())
    return tuple(languages)


def _parse_more(cursor: Cursor) -> tuple[ExtensionValue, ...]:
    more: list[ExtensionValue] = []
    while cursor.accept(b" "):
        more.append(_parse_extension(cursor, cursor.max_depth))
    return tuple(more)


# body-extension  = nstring / number / "(" body-extension *(SP body-extension) ")"
def _parse_extension(cursor: Cursor, depth: int) -> ExtensionValue:
    if cursor.peek().isdigit():
        return cursor.number64()
    if not cursor.accept(b"("):
        return cursor.nstring()
    if depth <= 0:
        raise cursor.error(f"at most {cursor.max_depth} levels of nesting")
    members = [_parse_extension(cursor, depth - 1)]
    while not cursor.accept(b")"):
        cursor.sp()
        members.append(_parse_extension(cursor, depth - 1))
    return tuple(members)


_NO_EXTENSION: Final = b" NIL NIL NIL NIL"
_EMPTY: Final = SinglePartExtension()

_known_single_extension: Final = _remembered(_parse_single_extension)


def _single_extension_of(octets: bytes) -> SinglePartExtension | None:
    match = _ATTACHED.fullmatch(octets)
    if match is None:
        return _known_single_extension(octets)
    disposition, parameters = match.groups()
    return SinglePartExtension.of_parsed(
        None, Disposition(disposition, _parameters_of(parameters)), (), None, ()
    )


_rest_of: Final = _remembered(_parse_rest)


# Where `body-fields` has its size, and where a part has it from which both media types are missing.
_SIZE: Final = 6
_SIZE_WITHOUT_TYPES: Final = 4


def _body_of_tree(tree: tuple[Value, ...], repairs: Repairs) -> BodyStructure:
    if not _has_type(tree):
        return _multi_of_tree(tree, repairs)
    typed = _with_types(tree)
    if _is_childless(typed):
        return _childless_of_tree(typed, repairs)
    fields = _fields_of_tree((*typed, *(None,) * 7), repairs)
    if len(typed) <= _SIZE:
        repairs.append("a body structure of all its fields")
    rest = typed[_SIZE + 1 :]
    if _is_message(fields):
        return _message_of_tree(fields, rest, repairs)
    if fields.type.upper() == b"TEXT":
        return _text_of_tree(fields, rest, repairs)
    return _basic_part(fields, _extension_of_tree(rest, repairs))


def _has_type(tree: tuple[Value, ...]) -> bool:
    """Whether *tree* is one part, and no multipart: that begins with parts."""
    if not tree:
        return False
    is_number = len(tree) > _SIZE_WITHOUT_TYPES and isinstance(tree[_SIZE_WITHOUT_TYPES], int)
    return not isinstance(tree[0], tuple) or is_number


def _with_types(tree: tuple[Value, ...]) -> tuple[Value, ...]:
    """Return *tree* with NIL for media types that are missing before the parameters."""
    if isinstance(tree[0], tuple):
        # Only a text has a number behind its size.
        has_lines = len(tree) > _SIZE_WITHOUT_TYPES + 1 and isinstance(tree[_SIZE_WITHOUT_TYPES + 1], int)
        return (b"TEXT" if has_lines else None, None, *tree)
    if len(tree) > 1 and isinstance(tree[1], tuple):
        return (tree[0], None, *tree[1:])
    return tree


def _is_childless(tree: tuple[Value, ...]) -> bool:
    """Whether *tree*, of which the second type is missing, is the end of a multipart without parts."""
    return len(tree) > 2 and tree[1] is None and isinstance(tree[2], tuple) and _has_boundary(tree[2])


def _has_boundary(parameters: tuple[Value, ...]) -> bool:
    return any(isinstance(name, bytes) and name.lower() == b"boundary" for name in parameters[::2])


def _childless_of_tree(tree: tuple[Value, ...], repairs: Repairs) -> BodyStructure:
    return _without_parts(as_string(tree[0], repairs), _parameters_of_tree(tree[2], repairs), repairs)


def _without_parts(subtype: bytes, parameters: Parameters, repairs: Repairs) -> BasicPart:
    """Return a multipart without parts, which has no form on the wire, as a part of that type."""
    repairs.append("a multipart with a part")
    return _basic_part(_Fields(b"MULTIPART", subtype, parameters, None, None, b"7BIT", 0), None)


def _multi_of_tree(tree: tuple[Value, ...], repairs: Repairs) -> BodyStructure:
    count = next((index for index, member in enumerate(tree) if not isinstance(member, tuple)), len(tree))
    parts = tuple(_body_of_tree(part, repairs) for part in tree[:count] if isinstance(part, tuple) and part)
    subtype = as_string(tree[count], repairs) if tree[count:] else b"MIXED"
    extension = _multi_extension_of_tree(tree[count + 1 :], repairs)
    if not parts:
        return _without_parts(subtype, extension.parameters if extension else (), repairs)
    if len(parts) < count or not subtype:
        repairs.append("a body structure of all its fields")
    return MultiPart.of_parsed(parts, subtype or b"MIXED", extension)


def _fields_of_tree(members: tuple[Value, ...], repairs: Repairs) -> _Fields:
    type_, subtype, parameters, content_id, description, encoding, size, *_ = members
    if type_ is None or subtype is None:
        repairs.append("a media type and a subtype")
    if encoding is None:
        repairs.append("a transfer encoding")
    name = as_nstring(type_, repairs) or b"APPLICATION"
    return _Fields(
        name,
        as_nstring(subtype, repairs) or _SUBTYPES.get(name.upper(), b"OCTET-STREAM"),
        _parameters_of_tree(parameters, repairs),
        as_nstring(content_id, repairs),
        as_nstring(description, repairs),
        as_nstring(encoding, repairs) or b"7BIT",
        0 if size is None else as_number(size, repairs),
    )


_SUBTYPES: Final = {b"TEXT": b"PLAIN", b"MULTIPART": b"MIXED", b"MESSAGE": b"RFC822"}
"""Media type -> the subtype of one that comes without."""


def _text_of_tree(fields: _Fields, rest: tuple[Value, ...], repairs: Repairs) -> TextPart:
    lines, rest = _lines_of_tree(rest, repairs)
    return _text_part(fields, lines, _extension_of_tree(rest, repairs))


def _lines_of_tree(rest: tuple[Value, ...], repairs: Repairs) -> tuple[int, tuple[Value, ...]]:
    """Return the number of lines, and what follows it."""
    if not rest or rest[0] is None:
        repairs.append("a number of lines")
        return 0, rest[1:]
    return as_number(rest[0], repairs), rest[1:]


def _message_of_tree(fields: _Fields, rest: tuple[Value, ...], repairs: Repairs) -> MessagePart:
    if len(rest) < 2 or not isinstance(rest[0], tuple) or not isinstance(rest[1], tuple):
        return _sealed_message(fields, rest, repairs)
    body = _body_of_tree(rest[1], repairs) if rest[1] else _missing_body(repairs)
    envelope = envelope_of_tree(rest[0], repairs)
    lines, rest = _lines_of_tree(rest[2:], repairs)
    return _message_part(fields, envelope, body, lines, _extension_of_tree(rest, repairs))


def _missing_body(repairs: Repairs) -> BodyStructure:
    repairs.append("a message with its envelope and its body")
    return TextPart()


def _sealed_message(fields: _Fields, rest: tuple[Value, ...], repairs: Repairs) -> MessagePart:
    """Return a message of which the server does not say what is inside."""
    body = _missing_body(repairs)
    lines, rest = (rest[0], rest[1:]) if rest and isinstance(rest[0], int) else (0, rest)
    return _message_part(fields, Envelope(), body, lines, _extension_of_tree(rest, repairs))


def _parameters_of_tree(tree: Value, repairs: Repairs) -> Parameters:
    if tree is None:
        return ()
    if not tree or not isinstance(tree, tuple):
        repairs.append("NIL for no parameters")
        return ()
    if len(tree) % 2:
        repairs.append("parameters of a name and a value")
    strings = (as_string(member, repairs) for member in tree)
    return tuple(zip(strings, strings, strict=False))


class _RestOfTree(NamedTuple):
    disposition: Disposition | None
    language: tuple[bytes, ...]
    location: bytes | None


def _extension_of_tree(members: tuple[Value, ...], repairs: Repairs) -> SinglePartExtension | None:
    if members and isinstance(members[0], int):
        repairs.append("a number of lines only of text")
        members = members[1:]
    if not members:
        return None
    md5, *others = _in_order(members, repairs)
    rest = _rest_of_tree(others, repairs)
    return SinglePartExtension(
        md5=as_nstring(md5, repairs),
        disposition=rest.disposition,
        language=rest.language,
        location=rest.location,
    )


def _multi_extension_of_tree(members: tuple[Value, ...], repairs: Repairs) -> MultiPartExtension | None:
    if not members:
        return None
    parameters, *others = _in_order(members, repairs)
    return MultiPartExtension.of_parsed(
        _parameters_of_tree(parameters, repairs), *_rest_of_tree(others, repairs), ()
    )


def _in_order(members: tuple[Value, ...], repairs: Repairs) -> list[Value]:
    """Return four fields of extension data, the disposition second wherever it stands."""
    fields = list((*members, *(None,) * 3)[:4])
    place = next((index for index, field in enumerate(fields) if _is_disposition(field)), 1)
    if place != 1:
        repairs.append("extension fields in their order")
        fields.insert(1, fields.pop(place))
    return fields


def _is_disposition(tree: Value) -> bool:
    """Whether *tree* has the form of a disposition, which no other extension field has."""
    if not isinstance(tree, tuple) or len(tree) != 2:
        return False
    return is_word(tree[0]) and (tree[1] is None or isinstance(tree[1], tuple))


def _rest_of_tree(fields: list[Value], repairs: Repairs) -> _RestOfTree:
    disposition, language, location = fields
    return _RestOfTree(
        _disposition_of_tree(disposition, repairs),
        _language_of_tree(language, repairs),
        as_nstring(location, repairs),
    )


def _disposition_of_tree(tree: Value, repairs: Repairs) -> Disposition | None:
    if tree is None:
        return None
    if not _is_disposition(tree):
        repairs.append("a disposition of a type and parameters")
    type_, parameters = (*tree, None, None)[:2] if isinstance(tree, tuple) else (tree, None)
    if not is_word(type_):
        return None
    return Disposition(as_string(type_, repairs), _parameters_of_tree(parameters, repairs))


def _language_of_tree(tree: Value, repairs: Repairs) -> tuple[bytes, ...]:
    members = tree if isinstance(tree, tuple) else (tree,)
    if not members:
        repairs.append("NIL for no language")
    languages = [as_nstring(member, repairs) for member in members]
    return tuple(language for language in languages if language is not None)


def without_extension(body: BodyStructure) -> BodyStructure:
    """Return *body* as the BODY item has it: without extension data at any level (RFC 3501 section 7.4.2)."""
    if isinstance(body, MultiPart):
        return replace(body, parts=tuple(map(without_extension, body.parts)), extension=None)
    if isinstance(body, MessagePart):
        return replace(body, body=without_extension(body.body), extension=None)
    return replace(body, extension=None)


def write_body(writer: Writer, body: BodyStructure) -> None:
    """Write a `body`. Raises LocalProtocolError for NUL in a string, and for more than `MAX_DEPTH` levels.

    A level is a part around another: what `mailproto.mime.scanner` opens can be written, its leaves too.
    """
    _write_part(writer, body, MAX_DEPTH)


def _write_part(writer: Writer, body: BodyStructure, depth: int) -> None:
    if depth < 0:
        raise LocalProtocolError(f"expected at most {MAX_DEPTH} levels of parts, got more")
    writer.write(b"(")
    if isinstance(body, MultiPart):
        _write_multi(writer, body, depth)
    else:
        _write_single(writer, body, depth)
    writer.write(b")")


def _write_multi(writer: Writer, body: MultiPart, depth: int) -> None:
    for part in body.parts:
        _write_part(writer, part, depth - 1)
    writer.write(b" ")
    writer.string(body.subtype)
    if body.extension is not None:
        writer.write(b" ")
        _write_parameters(writer, body.extension.parameters)
        _write_common_extension(writer, body.extension)


def _write_single(writer: Writer, body: TextPart | MessagePart | BasicPart, depth: int) -> None:
    _write_fields(writer, body)
    if isinstance(body, MessagePart):
        writer.write(b" ")
        write_envelope(writer, body.envelope)
        writer.write(b" ")
        _write_part(writer, body.body, depth - 1)
    if not isinstance(body, BasicPart):
        writer.write(b" ")
        _write_number(writer, body.lines)
    if body.extension is not None:
        writer.write(b" ")
        writer.nstring(body.extension.md5)
        _write_common_extension(writer, body.extension)


def _write_fields(writer: Writer, body: TextPart | MessagePart | BasicPart) -> None:
    writer.string(body.type)
    writer.write(b" ")
    writer.string(body.subtype)
    writer.write(b" ")
    _write_parameters(writer, body.parameters)
    writer.write(b" ")
    writer.nstring(body.content_id)
    writer.write(b" ")
    writer.nstring(body.description)
    writer.write(b" ")
    writer.string(body.encoding)
    writer.write(b" ")
    _write_number(writer, body.size)


def _write_number(writer: Writer, number: int) -> None:
    if not 0 <= number < 2**63:
        raise LocalProtocolError(f"expected a size or a number of lines of 63 bits, got {str(number)[:40]}")
    writer.number(number)


def _write_parameters(writer: Writer, parameters: Parameters) -> None:
    if not parameters:
        writer.write(b"NIL")
        return
    for index, (name, value) in enumerate(parameters):
        writer.write(b" " if index else b"(")
        writer.string(name)
        writer.write(b" ")
        writer.string(value)
    writer.write(b")")


def _write_common_extension(writer: Writer, extension: SinglePartExtension | MultiPartExtension) -> None:
    writer.write(b" ")
    _write_disposition(writer, extension.disposition)
    writer.write(b" ")
    _write_language(writer, extension.language)
    writer.write(b" ")
    writer.nstring(extension.location)
    for value in extension.more:
        writer.write(b" ")
        _write_extension(writer, value, MAX_DEPTH)


def _write_disposition(writer: Writer, disposition: Disposition | None) -> None:
    if disposition is None:
        writer.write(b"NIL")
        return
    writer.write(b"(")
    writer.string(disposition.type)
    writer.write(b" ")
    _write_parameters(writer, disposition.parameters)
    writer.write(b")")


def _write_language(writer: Writer, language: tuple[bytes, ...]) -> None:
    if len(language) <= 1:
        writer.nstring(next(iter(language), None))
        return
    for index, name in enumerate(language):
        writer.write(b" " if index else b"(")
        writer.string(name)
    writer.write(b")")


def _write_extension(writer: Writer, value: ExtensionValue, depth: int) -> None:
    if isinstance(value, tuple):
        _write_extension_list(writer, value, depth)
    elif isinstance(value, int):
        _write_number(writer, value)
    else:
        writer.nstring(value)


def _write_extension_list(writer: Writer, members: tuple[ExtensionValue, ...], depth: int) -> None:
    if depth <= 0 or not members:
        raise LocalProtocolError("expected extension data that is not empty and not too deep")
    for index, member in enumerate(members):
        writer.write(b" " if index else b"(")
        _write_extension(writer, member, depth - 1)
    writer.write(b")")
