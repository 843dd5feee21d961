"""The values of BODY and BODYSTRUCTURE (RFC 3501 section 7.4.2), read by clients and made by servers.

How they are made from a message is in `mailproto.mime.structure`; their wire format is in `mailproto.imap`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias, cast

from mailproto.errors import LocalProtocolError
from mailproto.mime._open import opened
from mailproto.mime.envelope import Envelope
from mailproto.mime.parameters import Parameters
from mailproto.mime.text import charset_name, decode_text, parameter_text

__all__ = [
    "BasicPart",
    "BodyStructure",
    "Disposition",
    "ExtensionValue",
    "MessagePart",
    "MultiPart",
    "MultiPartExtension",
    "Parameters",
    "SinglePartExtension",
    "TextPart",
]

ExtensionValue: TypeAlias = "bytes | int | None | tuple[ExtensionValue, ...]"
"""What may follow the defined extension data: a string, a number, NIL, or a list of these."""


@dataclass(frozen=True, slots=True)
class Disposition:
    """A Content-Disposition (RFC 2183): its type and its parameters, as written."""

    type: bytes
    parameters: Parameters = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SinglePartExtension:
    """The extension data of a part that is not a multipart (`body-ext-1part`).

    `more` holds what RFC 3501 does not define. A field that was not sent is None or empty.
    """

    md5: bytes | None = None
    disposition: Disposition | None = None
    language: tuple[bytes, ...] = ()
    location: bytes | None = None
    more: tuple[ExtensionValue, ...] = ()

    @staticmethod
    def of_parsed(
        md5: bytes | None,
        disposition: Disposition | None,
        language: tuple[bytes, ...],
        location: bytes | None,
        more: tuple[ExtensionValue, ...],
    ) -> SinglePartExtension:
        """Return extension data as it was read: what the constructor does, in a quarter of its time."""
        new = _new(_OPEN_SINGLE_EXTENSION)
        new.md5 = md5
        new.disposition = disposition
        new.language = language
        new.location = location
        new.more = more
        new.__class__ = SinglePartExtension  # type: ignore[assignment]  # the parent of the class it has
        return new  # type: ignore[return-value]  # it is one now


@dataclass(frozen=True, slots=True, kw_only=True)
class MultiPartExtension:
    """The extension data of a multipart (`body-ext-mpart`).

    `more` holds what RFC 3501 does not define. A field that was not sent is None or empty.
    """

    parameters: Parameters = ()
    disposition: Disposition | None = None
    language: tuple[bytes, ...] = ()
    location: bytes | None = None
    more: tuple[ExtensionValue, ...] = ()

    @staticmethod
    def of_parsed(
        parameters: Parameters,
        disposition: Disposition | None,
        language: tuple[bytes, ...],
        location: bytes | None,
        more: tuple[ExtensionValue, ...],
    ) -> MultiPartExtension:
        """Return extension data as it was read: what the constructor does, in a quarter of its time."""
        new = _new(_OPEN_EXTENSION)
        new.parameters = parameters
        new.disposition = disposition
        new.language = language
        new.location = location
        new.more = more
        new.__class__ = MultiPartExtension  # type: ignore[assignment]  # the parent of the class it has
        return new  # type: ignore[return-value]  # it is one now


@dataclass(frozen=True, slots=True, kw_only=True)
class _SinglePart:
    """What every part that is not a multipart has (`body-fields`), and decoded views of it."""

    type: bytes
    """The media type as written, such as `TEXT`."""
    subtype: bytes
    """The media subtype as written."""
    parameters: Parameters = ()
    """The parameters of the Content-Type."""
    content_id: bytes | None = None
    """The Content-ID, with its angle brackets."""
    description: bytes | None = None
    """The Content-Description, encoded words as they are."""
    encoding: bytes = b"7BIT"
    """The Content-Transfer-Encoding."""
    size: int = 0
    """Octets of the body in its transfer encoding."""
    extension: SinglePartExtension | None = None
    """The extension data; None where the BODY form was fetched, or none was sent."""

    @property
    def content_type(self) -> str:
        """The media type in lower case, such as `text/plain`."""
        return _content_type(self.type, self.subtype)

    @property
    def charset(self) -> str | None:
        """The charset parameter in lower case, or None."""
        return charset_name(self.parameters)

    @property
    def disposition(self) -> str | None:
        """The disposition type in lower case, such as `attachment`; None if none was sent."""
        return _disposition_type(self.extension)

    @property
    def filename(self) -> str | None:
        """The decoded file name: `filename` of the disposition, else `name` of the type (RFC 2183, 2231)."""
        stated = self.extension.disposition if self.extension else None
        name = parameter_text(stated.parameters, "filename") if stated else None
        return parameter_text(self.parameters, "name") if name is None else name

    @property
    def description_text(self) -> str | None:
        """The decoded description."""
        return None if self.description is None else decode_text(self.description)

    def walk(self) -> Iterator[tuple[str, BodyStructure]]:
        """Yield (number, part) for this part and all inside it, in order, through message/rfc822.

        The number is what stands in BODY[number]. The multipart that is the body of a whole message has no
        part number of its own: it comes as `TEXT`, or `2.TEXT` inside part 2.
        """
        return _walk(cast("BodyStructure", self))  # only the subclasses are ever built


@dataclass(frozen=True, slots=True, kw_only=True)
class BasicPart(_SinglePart):
    """A part of any type that has no form of its own (`body-type-basic`)."""

    def __post_init__(self) -> None:
        if self.type.upper() == b"TEXT" or self.content_type == "message/rfc822":
            raise LocalProtocolError(f"{self.content_type}: a BasicPart cannot be of this type")

    @staticmethod
    def of_parsed(
        type_: bytes,
        subtype: bytes,
        parameters: Parameters,
        content_id: bytes | None,
        description: bytes | None,
        encoding: bytes,
        size: int,
        extension: SinglePartExtension | None,
    ) -> BasicPart:
        """Return a part as it was read, its type not checked: in a sixth of the time of the constructor."""
        new = _new(_OPEN_BASIC)
        new.type = type_
        new.subtype = subtype
        new.parameters = parameters
        new.content_id = content_id
        new.description = description
        new.encoding = encoding
        new.size = size
        new.extension = extension
        new.__class__ = BasicPart  # type: ignore[assignment]  # the parent of the class it has
        return new  # type: ignore[return-value]  # it is one now


@dataclass(frozen=True, slots=True, kw_only=True)
class TextPart(_SinglePart):
    """A part of type text (`body-type-text`)."""

    type: bytes = b"TEXT"
    subtype: bytes = b"PLAIN"
    lines: int = 0
    """Lines of the body in its transfer encoding."""

    def __post_init__(self) -> None:
        if self.type.upper() != b"TEXT":
            raise LocalProtocolError(f"{self.content_type}: a TextPart must be of type text")

    @staticmethod
    def of_parsed(
        type_: bytes,
        subtype: bytes,
        parameters: Parameters,
        content_id: bytes | None,
        description: bytes | None,
        encoding: bytes,
        size: int,
        lines: int,
        extension: SinglePartExtension | None,
    ) -> TextPart:
        """Return a part as it was read, its type not checked: in a sixth of the time of the constructor."""
        new = _new(_OPEN_TEXT)
        new.type = type_
        new.subtype = subtype
        new.parameters = parameters
        new.content_id = content_id
        new.description = description
        new.encoding = encoding
        new.size = size
        new.lines = lines
        new.extension = extension
        new.__class__ = TextPart  # type: ignore[assignment]  # the parent of the class it has
        return new  # type: ignore[return-value]  # it is one now


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagePart(_SinglePart):
    """A part that is a message (`body-type-msg`): message/rfc822, and message/global under RFC 9051."""

    type: bytes = b"MESSAGE"
    subtype: bytes = b"RFC822"
    envelope: Envelope
    """The envelope of the enclosed message."""
    body: BodyStructure
    """The body structure of the enclosed message."""
    lines: int = 0
    """Lines of the enclosed message."""

    def __post_init__(self) -> None:
        if self.content_type not in ("message/rfc822", "message/global"):
            raise LocalProtocolError(
                f"{self.content_type}: a MessagePart must be message/rfc822 or message/global"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class MultiPart:
    """A multipart (`body-type-mpart`): one part or more, and the subtype as written."""

    parts: tuple[BodyStructure, ...]
    subtype: bytes = b"MIXED"
    extension: MultiPartExtension | None = None
    """The extension data; None where the BODY form was fetched, or none was sent."""

    def __post_init__(self) -> None:
        if not self.parts:
            raise LocalProtocolError("a MultiPart needs a part")

    @staticmethod
    def of_parsed(
        parts: tuple[BodyStructure, ...], subtype: bytes, extension: MultiPartExtension | None
    ) -> MultiPart:
        """Return a multipart as it was read, with one part or more: in a third of the constructor's time."""
        new = _new(_OPEN_MULTI)
        new.parts = parts
        new.subtype = subtype
        new.extension = extension
        new.__class__ = MultiPart  # type: ignore[assignment]  # the parent of the class it has
        return new  # type: ignore[return-value]  # it is one now

    @property
    def type(self) -> bytes:
        """`MULTIPART`, which is not on the wire."""
        return b"MULTIPART"

    @property
    def parameters(self) -> Parameters:
        """The parameters of the Content-Type; they are extension data, so () where that was not sent."""
        return self.extension.parameters if self.extension else ()

    @property
    def content_type(self) -> str:
        """The media type in lower case, such as `multipart/mixed`."""
        return _content_type(b"multipart", self.subtype)

    @property
    def disposition(self) -> str | None:
        """The disposition type in lower case; None if there is none or none was sent."""
        return _disposition_type(self.extension)

    def walk(self) -> Iterator[tuple[str, BodyStructure]]:
        """Yield (number, part) for this part and all inside it, in order, through message/rfc822.

        The number is what stands in BODY[number]. The multipart that is the body of a whole message has no
        part number of its own: it comes as `TEXT`, or `2.TEXT` inside part 2.
        """
        return _walk(self)


BodyStructure: TypeAlias = TextPart | MessagePart | BasicPart | MultiPart
"""The body structure of a message or of a part."""


class _SingleFields:
    """The fields of a part that is not a multipart, for the type checker: open to assignment."""

    type: bytes
    subtype: bytes
    parameters: Parameters
    content_id: bytes | None
    description: bytes | None
    encoding: bytes
    size: int
    extension: SinglePartExtension | None


class _TextFields(_SingleFields):
    lines: int


class _MultiFields:
    parts: tuple[BodyStructure, ...]
    subtype: bytes
    extension: MultiPartExtension | None


class _SingleExtensionFields:
    md5: bytes | None
    disposition: Disposition | None
    language: tuple[bytes, ...]
    location: bytes | None
    more: tuple[ExtensionValue, ...]


class _ExtensionFields:
    parameters: Parameters
    disposition: Disposition | None
    language: tuple[bytes, ...]
    location: bytes | None
    more: tuple[ExtensionValue, ...]


_OPEN_BASIC: Final[type[_SingleFields]] = opened(BasicPart)
_OPEN_TEXT: Final[type[_TextFields]] = opened(TextPart)
_OPEN_MULTI: Final[type[_MultiFields]] = opened(MultiPart)
_OPEN_SINGLE_EXTENSION: Final[type[_SingleExtensionFields]] = opened(SinglePartExtension)
_OPEN_EXTENSION: Final[type[_ExtensionFields]] = opened(MultiPartExtension)
_new: Final = object.__new__


def _content_type(type_: bytes, subtype: bytes) -> str:
    return f"{type_.decode('latin-1')}/{subtype.decode('latin-1')}".lower()


def _disposition_type(extension: SinglePartExtension | MultiPartExtension | None) -> str | None:
    if extension is None or extension.disposition is None:
        return None
    return extension.disposition.type.decode("latin-1").lower()


def _walk(root: BodyStructure) -> Iterator[tuple[str, BodyStructure]]:
    waiting = [_numbered_body("", root)]
    while waiting:
        prefix, number, part = waiting.pop()
        yield number, part
        if isinstance(part, MultiPart):
            waiting += [(f"{prefix}{n}.", f"{prefix}{n}", child) for n, child in enumerate(part.parts, 1)][
                ::-1
            ]
        elif isinstance(part, MessagePart):
            waiting.append(_numbered_body(prefix, part.body))


def _numbered_body(prefix: str, body: BodyStructure) -> tuple[str, str, BodyStructure]:
    """Number the body of a message (RFC 3501 section 6.4.5): a multipart's parts count on, others are 1."""
    if isinstance(body, MultiPart):
        return prefix, f"{prefix}TEXT", body
    return f"{prefix}1.", f"{prefix}1", body
