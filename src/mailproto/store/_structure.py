"""What scanning a message gives: worth keeping beside it, since messages never change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from mailproto.imap.fetch import BODY, BODYSTRUCTURE, ENVELOPE
from mailproto.imap.fetch_data import prepare
from mailproto.mime.envelope import build_envelope
from mailproto.mime.scanner import Part, scan
from mailproto.mime.structure import build_body_structure

__all__ = ["Structure", "without_nul"]


@dataclass(frozen=True, slots=True)
class Structure:
    """The parts of a message as offsets, and its ENVELOPE, BODY and BODYSTRUCTURE items as they are sent.

    Plain octets and numbers: a store that keeps it may pickle it.
    """

    root: Part
    envelope: bytes
    body: bytes
    body_structure: bytes

    @classmethod
    def of(cls, octets: bytes) -> Self:
        """Scan the message *octets*; never raises for their content."""
        root = scan(octets)
        envelope = prepare(ENVELOPE.answer(build_envelope(octets, root.header_span)))
        structure = build_body_structure(octets, root)
        body, body_structure = prepare(BODY.answer(structure)), prepare(BODYSTRUCTURE.answer(structure))
        return cls(root, envelope.octets, body.octets, body_structure.octets)


def without_nul(octets: bytes) -> bytes:
    """Return *octets* with 0x80 for each NUL, which no literal can hold (RFC 3501 section 9, CHAR8)."""
    return octets.replace(b"\0", b"\x80") if b"\0" in octets else octets
