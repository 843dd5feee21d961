"""Just enough of DER to find parts of a certificate: elements one behind the other (X.690 section 8.1).

Nothing is decoded but tags and lengths, and nothing is copied but the part that was asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mailproto.errors import RemoteProtocolError

__all__ = ["Element", "read_element", "read_sequence", "subject_public_key_info"]

INTEGER: Final = 0x02
BIT_STRING: Final = 0x03
SEQUENCE: Final = 0x30
VERSION: Final = 0xA0
"""The tag of the one optional field in front of the public key: `[0] EXPLICIT Version DEFAULT v1`."""

_MAX_LENGTH_OCTETS: Final = 4


@dataclass(frozen=True, slots=True)
class Element:
    """Where in the octets an element with its tag begins, where its contents begin, and where it ends."""

    tag: int
    start: int
    contents: int
    end: int


def read_element(der: bytes, start: int, stop: int) -> Element:
    """Return the element that begins at *start* and ends at *stop* at the latest.

    Raises RemoteProtocolError for what DER does not allow: indefinite lengths, and such as are longer than
    they need be; and for tags of several octets, of which a certificate has none.
    """
    if stop - start < 2:
        raise RemoteProtocolError("DER: expected an element", offset=start)
    tag, size = der[start], der[start + 1]
    if tag & 0x1F == 0x1F:
        raise RemoteProtocolError("DER: expected a tag of one octet", offset=start)
    contents = start + 2
    if size >= 0x80:
        contents += size & 0x7F
        size = _long_length(der, start + 2, contents, stop)
    if size > stop - contents:
        raise RemoteProtocolError("DER: the element is longer than what it is in", offset=start)
    return Element(tag, start, contents, contents + size)


def _long_length(der: bytes, start: int, end: int, stop: int) -> int:
    if not 1 <= end - start <= _MAX_LENGTH_OCTETS or end > stop:
        raise RemoteProtocolError("DER: expected a definite length of one to four octets", offset=start)
    size = int.from_bytes(der[start:end])
    if size < 0x80 or not der[start]:
        raise RemoteProtocolError("DER: expected the shortest form of a length", offset=start)
    return size


def read_sequence(der: bytes, start: int, stop: int, tags: tuple[int, ...]) -> list[Element]:
    """Return the elements of *tags*, which follow one another from *start*. Raises RemoteProtocolError."""
    found: list[Element] = []
    for tag in tags:
        element = read_element(der, start, stop)
        if element.tag != tag:
            raise RemoteProtocolError(
                f"DER: expected the tag {tag:#04x}, got {element.tag:#04x}", offset=start
            )
        found.append(element)
        start = element.end
    return found


def subject_public_key_info(certificate: bytes) -> bytes:
    """Return the SubjectPublicKeyInfo of a certificate in DER, tag and length too (RFC 5280 section 4.1).

    Raises RemoteProtocolError for what is not framed as a certificate.
    """
    (outer,) = read_sequence(certificate, 0, len(certificate), (SEQUENCE,))
    if outer.end != len(certificate):
        raise RemoteProtocolError("DER: expected the end of the certificate", offset=outer.end)
    tags = (SEQUENCE, SEQUENCE, BIT_STRING)
    signed, _, _ = read_sequence(certificate, outer.contents, outer.end, tags)
    start = signed.contents
    first = read_element(certificate, start, signed.end)
    if first.tag == VERSION:
        start = first.end
    # serialNumber, signature, issuer, validity, subject, subjectPublicKeyInfo
    *_, key = read_sequence(certificate, start, signed.end, (INTEGER, *[SEQUENCE] * 5))
    return certificate[key.start : key.end]
