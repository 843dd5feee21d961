"""BODY and BODYSTRUCTURE (RFC 3501 section 7.4.2) made from a scanned message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias, TypedDict, final

from mailproto.mime.body_structure import (
    BasicPart,
    BodyStructure,
    Disposition,
    MessagePart,
    MultiPart,
    MultiPartExtension,
    SinglePartExtension,
    TextPart,
)
from mailproto.mime.envelope import build_envelope
from mailproto.mime.headers import content_fields
from mailproto.mime.parameters import (
    ContentType,
    Parameters,
    parse_content_type,
    parse_disposition,
    parse_languages,
    parse_token,
)
from mailproto.mime.scanner import Part

__all__ = ["Header", "build_body_structure", "stated_content_type", "stated_encoding"]

Header: TypeAlias = Mapping[bytes, bytes]
"""Unfolded values of the Content fields by name in lower case."""

# RFC 2045 section 5.2: what is assumed where the Content-Type is absent or cannot be read.
_DEFAULT_PARAMETERS: Final = {b"text/plain": ((b"CHARSET", b"US-ASCII"),)}


def build_body_structure(octets: bytes, part: Part, *, with_extension: bool = True) -> BodyStructure:
    """Return the body structure of *part*, which was scanned from *octets*; never raises.

    Without *with_extension* it is the BODY form. The time is linear in the size of the part.
    """
    return _Builder(octets, part, with_extension).build(part)


def stated_content_type(header: Header, part: Part) -> ContentType:
    """Return the Content-Type as written in *header*, or the default that *part* was given instead."""
    stated = parse_content_type(header.get(b"content-type", b""))
    if stated is not None and stated.name == part.content_type:
        return stated
    type_, _, subtype = part.content_type.upper().partition(b"/")
    return ContentType(type_, subtype, _DEFAULT_PARAMETERS.get(part.content_type, ()))


def stated_encoding(header: Header) -> bytes:
    """Return the Content-Transfer-Encoding as written in *header*, or `7BIT` (RFC 2045 section 6.1)."""
    value = header.get(b"content-transfer-encoding")
    return (parse_token(value) if value else None) or b"7BIT"


class _SharedFields(TypedDict):
    type: bytes
    subtype: bytes
    parameters: Parameters
    content_id: bytes | None
    description: bytes | None
    encoding: bytes
    size: int
    extension: SinglePartExtension | None


@final
class _Builder:
    def __init__(self, octets: bytes, root: Part, with_extension: bool) -> None:
        self._octets = octets
        self._with_extension = with_extension
        self._lines = _line_numbers(octets, root)

    def build(self, part: Part) -> BodyStructure:
        header = content_fields(self._octets, part.header_span)
        content_type = stated_content_type(header, part)
        if part.is_multipart:
            return self._multipart(header, content_type, part)
        return self._single_part(header, content_type, part)

    def _multipart(self, header: Header, content_type: ContentType, part: Part) -> MultiPart:
        return MultiPart(
            parts=tuple(map(self.build, part.children)),
            subtype=content_type.subtype,
            extension=self._multipart_extension(header, content_type),
        )

    def _single_part(self, header: Header, content_type: ContentType, part: Part) -> BodyStructure:
        shared = self._shared_fields(header, content_type, part)
        if part.is_message:
            message = part.children[0]
            return MessagePart(
                **shared,
                envelope=build_envelope(self._octets, message.header_span),
                body=self.build(message),
                lines=self._body_lines(part),
            )
        if part.content_type.startswith(b"text/"):
            return TextPart(**shared, lines=self._body_lines(part))
        return BasicPart(**shared)

    def _shared_fields(self, header: Header, content_type: ContentType, part: Part) -> _SharedFields:
        return {
            "type": content_type.type,
            "subtype": content_type.subtype,
            "parameters": content_type.parameters,
            "content_id": header.get(b"content-id"),
            "description": header.get(b"content-description"),
            "encoding": stated_encoding(header),
            "size": part.end - part.body,
            "extension": self._extension(header),
        }

    def _body_lines(self, part: Part) -> int:
        return self._lines[part.end] - self._lines[part.body]

    def _extension(self, header: Header) -> SinglePartExtension | None:
        if not self._with_extension:
            return None
        return SinglePartExtension(
            md5=header.get(b"content-md5"),
            disposition=_disposition(header),
            language=_languages(header),
            location=header.get(b"content-location"),
        )

    def _multipart_extension(self, header: Header, content_type: ContentType) -> MultiPartExtension | None:
        if not self._with_extension:
            return None
        return MultiPartExtension(
            parameters=content_type.parameters,
            disposition=_disposition(header),
            language=_languages(header),
            location=header.get(b"content-location"),
        )


def _disposition(header: Header) -> Disposition | None:
    value = header.get(b"content-disposition")
    parsed = parse_disposition(value) if value else None
    return Disposition(*parsed) if parsed else None


def _languages(header: Header) -> tuple[bytes, ...]:
    value = header.get(b"content-language")
    return parse_languages(value) if value else ()


def _line_numbers(octets: bytes, root: Part) -> dict[int, int]:
    """Return the number of line ends before each offset where a body begins or ends.

    Each octet is looked at once, however deep it lies.
    """
    numbers: dict[int, int] = {}
    previous = lines = 0
    for offset in sorted({offset for part in root.walk() for offset in part.body_span}):
        lines += octets.count(b"\n", previous, offset)
        numbers[offset] = lines
        previous = offset
    return numbers
