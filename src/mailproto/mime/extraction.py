"""The texts of a message, decoded, as SEARCH BODY and SEARCH TEXT look at them (RFC 3501 section 6.4.4)."""

from __future__ import annotations

from collections.abc import Iterator

from mailproto.mime.decoding import decode
from mailproto.mime.headers import Span, content_fields, fields
from mailproto.mime.scanner import Part
from mailproto.mime.structure import stated_content_type, stated_encoding
from mailproto.mime.text import charset_name, decode_charset, decode_text

__all__ = ["body_texts", "header_text", "part_octets", "part_text", "texts"]


def part_octets(octets: bytes, part: Part) -> bytes:
    """Return the body of *part* with its content-transfer encoding taken off."""
    encoding = stated_encoding(content_fields(octets, part.header_span))
    return decode(octets[part.body : part.end], encoding)


def part_text(octets: bytes, part: Part) -> str:
    """Return the body of *part* as text by its encoding and its charset; never raises."""
    header = content_fields(octets, part.header_span)
    charset = charset_name(stated_content_type(header, part).parameters)
    return decode_charset(decode(octets[part.body : part.end], stated_encoding(header)), charset)


def header_text(octets: bytes, span: Span) -> str:
    """Return the header unfolded and decoded, a field on each line, names in lower case."""
    return "".join(f"{decode_text(name)}: {decode_text(value)}\n" for name, value in fields(octets, span))


def body_texts(octets: bytes, root: Part) -> Iterator[str]:
    """Yield what SEARCH BODY looks at: each text part, and the header of each enclosed message or part."""
    for part in root.walk():
        if part is not root:
            yield header_text(octets, part.header_span)
        if part.content_type.startswith(b"text/"):
            yield part_text(octets, part)


def texts(octets: bytes, root: Part) -> Iterator[str]:
    """Yield what SEARCH TEXT looks at: the header of the message, then as `body_texts`."""
    yield header_text(octets, root.header_span)
    yield from body_texts(octets, root)
