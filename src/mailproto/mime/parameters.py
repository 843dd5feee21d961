"""Structured MIME field values: a token and its parameters (RFC 2045 section 5.1), read leniently.

Values are given unfolded, and come out as written, without quotes and comments. The segments of RFC 2231
are joined, as its section 6 asks of IMAP servers; decoding them is in `mailproto.mime.text`.
"""

from __future__ import annotations

import re
from typing import NamedTuple, TypeAlias

__all__ = [
    "ContentType",
    "Parameters",
    "comment_end",
    "join_segments",
    "parameter",
    "parse_content_type",
    "parse_disposition",
    "parse_languages",
    "parse_token",
    "strip_comments",
    "unquote",
]

Parameters: TypeAlias = tuple[tuple[bytes, bytes], ...]
"""Pairs of attribute and value, as written, so the extended form of RFC 2231 is not decoded."""


class ContentType(NamedTuple):
    """A Content-Type (RFC 2045 section 5.1), as written."""

    type: bytes
    subtype: bytes
    parameters: Parameters = ()

    @property
    def name(self) -> bytes:
        """Type and subtype in lower case, such as `text/plain`."""
        return b"%b/%b" % (self.type.lower(), self.subtype.lower())


_Segments = dict[int, tuple[bytes, bool]]
"""Value, and whether it is in the extended form, by the number of the segment."""

# content := type "/" subtype *(";" parameter)
_CONTENT_TYPE = re.compile(rb'\s*+([^\s/;"]++)\s*+/\s*+([^\s;"]++)')
# parameter := attribute "=" value; value := token / quoted-string. Peers leave out quotes around spaces and
# tspecials, so an unquoted value runs to the semicolon; an unclosed quoted string runs to the end.
_PARAMETER = re.compile(
    rb'[;\s]\s*+([^\s=;"]++)\s*+=\s*+(?:"([^"\\]*+(?:\\.[^"\\]*+)*+)(?:"|\\?\Z)|([^;]*+))', re.DOTALL
)
# RFC 2231 section 7: attribute [section] ["*"]; the octets that the extended form leaves as they are.
_SEGMENT = re.compile(rb"(.+)\*([0-9]{1,4})(\*?)\Z", re.DOTALL)
_NOT_ATTRIBUTE = re.compile(rb"[^A-Za-z0-9!#$&+.^_`{|}~-]")
_TOKEN = re.compile(rb'[^\s;,"]++')
_QUOTED_PAIR = re.compile(rb"\\(.)", re.DOTALL)
# Where a comment may begin, and what counts inside one, where a quotation mark does not.
_COMMENT_START = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|\\.|(\()', re.DOTALL)
_COMMENT_MARK = re.compile(rb"\\.|[()]", re.DOTALL)


def parse_content_type(value: bytes) -> ContentType | None:
    """Return the Content-Type in *value*, or None if there is no type and subtype in it."""
    value = strip_comments(value)
    match = _CONTENT_TYPE.match(value)
    if match is None:
        return None
    return ContentType(match[1], match[2], _parameters(value, match.end()))


def parse_disposition(value: bytes) -> tuple[bytes, Parameters] | None:
    """Return the type and the parameters of a Content-Disposition (RFC 2183), or None if it is empty."""
    value = strip_comments(value)
    match = _TOKEN.search(value)
    return (match[0], _parameters(value, match.end())) if match else None


def parse_token(value: bytes) -> bytes | None:
    """Return the first token in *value*, such as a Content-Transfer-Encoding, or None."""
    match = _TOKEN.search(strip_comments(value))
    return match[0] if match else None


def parse_languages(value: bytes) -> tuple[bytes, ...]:
    """Return the tags of a Content-Language (RFC 3282 section 2)."""
    return tuple(_TOKEN.findall(strip_comments(value)))


def parameter(parameters: Parameters, name: bytes) -> bytes | None:
    """Return the value, as written, of the first parameter called *name* (in lower case), or None."""
    return next((value for key, value in parameters if key.lower() == name), None)


def unquote(text: bytes) -> bytes:
    """Return the content of a quoted string with its quoted pairs resolved."""
    return _QUOTED_PAIR.sub(rb"\1", text) if b"\\" in text else text


def strip_comments(value: bytes) -> bytes:
    """Return *value* without its comments, nested ones included (RFC 5322 section 3.2.2)."""
    if b"(" not in value:
        return value
    kept: list[bytes] = []
    start = position = 0
    while found := _COMMENT_START.search(value, position):
        position = found.end()
        if found[1]:
            kept.append(value[start : found.start()])
            start = position = comment_end(value, position)[1]
    kept.append(value[start:])
    return b" ".join(kept).strip()


def comment_end(value: bytes, start: int) -> tuple[int, int]:
    """Return the offsets before and after the parenthesis that closes the comment whose text is at *start*.

    Both are the size of *value* if nothing closes it.
    """
    depth = 1
    for mark in _COMMENT_MARK.finditer(value, start):
        depth += (mark[0] == b"(") - (mark[0] == b")")
        if depth == 0:
            return mark.start(), mark.end()
    return len(value), len(value)


def join_segments(parameters: Parameters) -> Parameters:
    """Return *parameters* with the segments of RFC 2231 section 3 joined, in place of the first of them.

    They become one `name`, or `name*` where one of them is in the extended form.
    """
    if not any(b"*" in attribute for attribute, _ in parameters):
        return parameters
    segments: dict[bytes, _Segments] = {}
    whole: list[tuple[bytes, bytes | None]] = []
    for attribute, value in parameters:
        match = _SEGMENT.match(attribute)
        if match is None:
            whole.append((attribute, value))
            continue
        name = match[1].lower()
        if name not in segments:
            segments[name] = {}
            whole.append((match[1], None))
        segments[name].setdefault(int(match[2]), (value, bool(match[3])))
    return tuple(
        _joined(name, segments[name.lower()]) if value is None else (name, value) for name, value in whole
    )


def _joined(name: bytes, segments: _Segments) -> tuple[bytes, bytes]:
    ordered = [segments[number] for number in sorted(segments)]
    if not any(is_extended for _, is_extended in ordered):
        return name, b"".join(value for value, _ in ordered)
    start = b"" if ordered[0][1] else b"''"
    values = (value if is_extended else _NOT_ATTRIBUTE.sub(_percent, value) for value, is_extended in ordered)
    return name + b"*", start + b"".join(values)


def _percent(octet: re.Match[bytes]) -> bytes:
    return b"%%%02X" % octet[0][0]


def _parameters(value: bytes, start: int) -> Parameters:
    return join_segments(
        tuple(
            (match[1], match[3].strip() if match[2] is None else unquote(match[2]))
            for match in _PARAMETER.finditer(value, start)
        )
    )
