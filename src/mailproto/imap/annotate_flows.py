"""The client's procedures of annotations of messages, as those of `mailproto.imap.client_flows`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from mailproto.errors import LocalProtocolError
from mailproto.flow import Flow
from mailproto.imap.appending import AppendOption
from mailproto.imap.ext.annotate import (
    Annotation,
    AppendAnnotations,
    StoreAnnotations,
    UIDStoreAnnotations,
)
from mailproto.imap.inbox import Inboxes
from mailproto.imap.parts import Part, in_parts
from mailproto.imap.sequence import SequenceSet, UIDSet

__all__ = ["AnnotationValues", "annotations_command", "annotations_of", "append_options", "store_annotations"]

AnnotationValues: TypeAlias = Mapping[str, Mapping[str, bytes | str | None]]
"""Entry -> attribute -> value: octets, text that goes as UTF-8, or None, which removes it."""


def annotations_of(values: AnnotationValues) -> tuple[Annotation, ...]:
    """Return what *values* say. Raises LocalProtocolError."""
    _check_mapping(values)
    return tuple(_annotation(entry, attributes) for entry, attributes in values.items())


def _check_mapping(values: object) -> None:
    if not isinstance(values, Mapping):
        raise LocalProtocolError(f"expected a mapping of entries to mappings, got {str(values)[:40]!r}")


def _annotation(entry: str, attributes: Mapping[str, bytes | str | None]) -> Annotation:
    _check_mapping(attributes)
    return Annotation(entry, tuple((name, _octets(value)) for name, value in attributes.items()))


def _octets(value: bytes | str | None) -> bytes | None:
    return value.encode("utf-8") if isinstance(value, str) else value


def append_options(values: AnnotationValues | None) -> tuple[AppendOption, ...]:
    """Return the options of an APPEND with these annotations."""
    return (AppendAnnotations(annotations_of(values)),) if values else ()


def annotations_command(
    numbers: SequenceSet | UIDSet, values: AnnotationValues
) -> StoreAnnotations | UIDStoreAnnotations:
    """Return the STORE or UID STORE of annotations for *numbers*. Raises LocalProtocolError."""
    if isinstance(numbers, UIDSet):
        return UIDStoreAnnotations(numbers, annotations_of(values))
    return StoreAnnotations(numbers, annotations_of(values))


def store_annotations(
    session: Inboxes, numbers: SequenceSet | UIDSet, values: AnnotationValues
) -> Flow[None]:
    """Set annotations of messages; no message answers it (RFC 5257 section 4.5)."""
    yield from in_parts(session, annotations_command(numbers, values), _nothing)


def _nothing(_parts: tuple[Part, ...]) -> None:
    return None
