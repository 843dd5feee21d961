from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError, fields

import pytest

from mailproto.errors import LocalProtocolError
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
from mailproto.mime.envelope import Envelope

TEXT = TextPart(parameters=((b"Charset", b"UTF-8"),))
IMAGE = BasicPart(type=b"IMAGE", subtype=b"PNG")


@pytest.mark.parametrize("type_, subtype", [(b"text", b"plain"), (b"Text", b"x"), (b"Message", b"RFC822")])
def test_a_basic_part_has_no_type_with_a_form_of_its_own(type_: bytes, subtype: bytes) -> None:
    with pytest.raises(LocalProtocolError, match="a BasicPart cannot be of this type"):
        BasicPart(type=type_, subtype=subtype)


def test_a_text_part_is_text() -> None:
    with pytest.raises(LocalProtocolError, match="image/plain: a TextPart must be of type text"):
        TextPart(type=b"IMAGE")


def test_a_message_part_is_a_message() -> None:
    assert MessagePart(subtype=b"Global", envelope=Envelope(), body=TEXT).content_type == "message/global"
    with pytest.raises(LocalProtocolError, match="message/partial: a MessagePart must be"):
        MessagePart(subtype=b"PARTIAL", envelope=Envelope(), body=TEXT)


def test_a_multipart_has_a_part() -> None:
    with pytest.raises(LocalProtocolError, match="a MultiPart needs a part"):
        MultiPart(parts=())


WALKS: list[tuple[BodyStructure, list[str]]] = [
    (TEXT, ["1"]),
    (MultiPart(parts=(TEXT, IMAGE)), ["TEXT", "1", "2"]),
    (MessagePart(envelope=Envelope(), body=TEXT), ["1", "1.1"]),
    (MessagePart(envelope=Envelope(), body=MultiPart(parts=(TEXT,))), ["1", "1.TEXT", "1.1"]),
    (
        MultiPart(parts=(MultiPart(parts=(TEXT, IMAGE)), MessagePart(envelope=Envelope(), body=TEXT))),
        ["TEXT", "1", "1.1", "1.2", "2", "2.1"],
    ),
]


@pytest.mark.parametrize("structure, numbers", WALKS)
def test_walk(structure: BodyStructure, numbers: list[str]) -> None:
    assert [number for number, _ in structure.walk()] == numbers


def test_types() -> None:
    assert (TEXT.content_type, TEXT.charset) == ("text/plain", "utf-8")
    assert (IMAGE.content_type, IMAGE.charset) == ("image/png", None)
    multipart = MultiPart(parts=(TEXT,), subtype=b"Mixed")
    assert (multipart.type, multipart.content_type, multipart.parameters) == (
        b"MULTIPART",
        "multipart/mixed",
        (),
    )


def test_parameters_of_a_multipart_are_extension_data() -> None:
    extension = MultiPartExtension(parameters=((b"boundary", b"b"),), disposition=Disposition(b"INLINE"))
    multipart = MultiPart(parts=(TEXT,), extension=extension)
    assert (multipart.parameters, multipart.disposition) == (((b"boundary", b"b"),), "inline")
    assert MultiPart(parts=(TEXT,)).disposition is None


FILENAMES: list[tuple[tuple[tuple[bytes, bytes], ...], Disposition | None, str | None]] = [
    ((), None, None),
    (((b"NAME", b"a.txt"),), None, "a.txt"),
    (((b"name", b"a.txt"),), Disposition(b"inline"), "a.txt"),
    (((b"name", b"a.txt"),), Disposition(b"attachment", ((b"FileName", b"b.txt"),)), "b.txt"),
    ((), Disposition(b"attachment", ((b"filename*", b"utf-8''%C3%A4.txt"), (b"filename", b"?"))), "ä.txt"),
    ((), Disposition(b"attachment", ((b"filename*0*", b"utf-8''%C3"), (b"filename*1*", b"%A4"))), "ä"),
    ((), Disposition(b"attachment", ((b"filename", b"=?utf-8?q?=C3=A4?="),)), "ä"),
]


@pytest.mark.parametrize("parameters, disposition, filename", FILENAMES)
def test_filename(
    parameters: tuple[tuple[bytes, bytes], ...], disposition: Disposition | None, filename: str | None
) -> None:
    extension = SinglePartExtension(disposition=disposition)
    assert TextPart(parameters=parameters, extension=extension).filename == filename


def test_decoded_views() -> None:
    extension = SinglePartExtension(disposition=Disposition(b"Attachment"))
    part = TextPart(description=b"=?utf-8?q?=C3=A4?=", extension=extension)
    assert (part.description_text, part.disposition) == ("ä", "attachment")
    assert (TEXT.description_text, TEXT.disposition, TEXT.filename) == (None, None, None)
    assert TextPart(extension=SinglePartExtension()).disposition is None


def test_values_can_be_kept() -> None:
    extension = SinglePartExtension(language=(b"de",), more=(None, 3, b"x", (b"y", (1, None))))
    structure = MultiPart(
        parts=(TextPart(extension=extension), MessagePart(envelope=Envelope(subject=b"x"), body=IMAGE)),
        extension=MultiPartExtension(more=(b"x",)),
    )
    assert pickle.loads(pickle.dumps(structure)) == structure
    assert hash(pickle.loads(pickle.dumps(structure))) == hash(structure)
    assert structure != MultiPart(parts=structure.parts)


PARSED = [
    (
        TextPart.of_parsed(
            b"text", b"x", ((b"a", b"b"),), b"<i>", b"d", b"8bit", 5, 1, SinglePartExtension()
        ),
        TextPart(
            type=b"text",
            subtype=b"x",
            parameters=((b"a", b"b"),),
            content_id=b"<i>",
            description=b"d",
            encoding=b"8bit",
            size=5,
            lines=1,
            extension=SinglePartExtension(),
        ),
    ),
    (
        BasicPart.of_parsed(b"image", b"png", (), None, None, b"base64", 7, None),
        BasicPart(type=b"image", subtype=b"png", encoding=b"base64", size=7),
    ),
    (MultiPart.of_parsed((TEXT,), b"mixed", None), MultiPart(parts=(TEXT,), subtype=b"mixed")),
    (
        MultiPartExtension.of_parsed(((b"a", b"b"),), Disposition(b"inline"), (b"en",), b"l", (1,)),
        MultiPartExtension(
            parameters=((b"a", b"b"),),
            disposition=Disposition(b"inline"),
            language=(b"en",),
            location=b"l",
            more=(1,),
        ),
    ),
]


@pytest.mark.parametrize(("parsed", "built"), PARSED, ids=lambda value: type(value).__name__)
def test_what_was_read_is_as_what_was_built(
    parsed: TextPart | BasicPart | MultiPart | MultiPartExtension, built: object
) -> None:
    assert type(parsed) is type(built)
    assert (parsed, hash(parsed), repr(parsed)) == (built, hash(built), repr(built))
    assert pickle.loads(pickle.dumps(parsed)) == built
    with pytest.raises(FrozenInstanceError):
        setattr(parsed, fields(parsed)[0].name, None)
