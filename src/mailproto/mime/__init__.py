"""Messages as octets: structure with offsets, sections, envelope, body structure, decoded texts.

`scan` makes one pass over the raw octets of a message and keeps offsets only; everything else is made from
its result and the octets, when asked for. Malformed mail is never an error here. The values of ENVELOPE and
BODYSTRUCTURE are those that `mailproto.imap` reads and writes.

RFC 2045, 2046, 2047, 2183, 2231, 5322; RFC 3501 sections 6.4.5 and 7.4.2. Composing messages is not here.
"""

from __future__ import annotations

from mailproto.mime.addresses import EnvelopeAddress, parse_addresses
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
from mailproto.mime.dates import parse_date
from mailproto.mime.decoding import Decoder, decode, decoder
from mailproto.mime.envelope import Envelope, build_envelope
from mailproto.mime.extraction import body_texts, header_text, part_octets, part_text, texts
from mailproto.mime.headers import Span, fields, first_field, unfold
from mailproto.mime.scanner import MAX_BOUNDARY, MAX_DEPTH, MAX_PARTS, Part, scan
from mailproto.mime.sections import Section, Specifier, find_part, section
from mailproto.mime.structure import build_body_structure
from mailproto.mime.text import codec_name, decode_charset, decode_text, parameter_text

__all__ = [
    # The scanned message and what is made from it
    "Part",
    "scan",
    "MAX_BOUNDARY",
    "MAX_DEPTH",
    "MAX_PARTS",
    "Section",
    "Specifier",
    "Span",
    "find_part",
    "section",
    "build_envelope",
    "build_body_structure",
    # Values shared with IMAP
    "Envelope",
    "EnvelopeAddress",
    "BodyStructure",
    "BasicPart",
    "MessagePart",
    "MultiPart",
    "TextPart",
    "Disposition",
    "SinglePartExtension",
    "MultiPartExtension",
    "ExtensionValue",
    "Parameters",
    # Header fields
    "fields",
    "first_field",
    "parse_addresses",
    "parse_date",
    "unfold",
    # Decoding
    "Decoder",
    "decode",
    "decoder",
    "codec_name",
    "decode_charset",
    "decode_text",
    "parameter_text",
    "part_octets",
    "part_text",
    "body_texts",
    "header_text",
    "texts",
]
