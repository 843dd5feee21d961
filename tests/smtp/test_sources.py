from __future__ import annotations

import io
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage, Message
from typing import Any

import pytest

from mailproto.errors import LocalProtocolError
from mailproto.flow import Flow
from mailproto.smtp import SMTPClientConnection
from mailproto.smtp.outgoing import Needs
from mailproto.smtp.sources import CHUNK, ChunksSource, FileSource, OctetsSource, Pieces, source_of
from support_flows import FlowRun


def run(flow: Flow[Any]) -> Any:
    done = FlowRun(SMTPClientConnection(), flow)
    if done.error is not None:
        raise done.error
    assert done.is_done
    return done.result


def read_all(source: OctetsSource | FileSource | ChunksSource) -> list[bytes]:
    chunks = []
    while (chunk := run(source.read())) is not None:
        chunks.append(chunk)
    assert run(source.read()) is None
    return chunks


KINDS: dict[str, tuple[Any, type]] = {
    "bytes": (b"x", OctetsSource),
    "EmailMessage": (EmailMessage(), OctetsSource),
    "file": (io.BytesIO(), FileSource),
    "list": ([b"x"], ChunksSource),
    "iterator": (iter([b"x"]), ChunksSource),
}


@pytest.mark.parametrize("message, kind", KINDS.values(), ids=KINDS)
def test_kinds(message: Any, kind: type) -> None:
    assert type(source_of(message, "convert")) is kind


class TextPipe(io.StringIO):
    """A file of text that cannot seek."""

    def seekable(self) -> bool:
        return False


NO_MESSAGES = {
    "text": "text",
    "nothing": None,
    "a number": 1,
    "octets that may change": bytearray(b"x"),
    "a view of octets": memoryview(b"x"),
    "a file of text": io.StringIO("x"),
    "a file of text that cannot seek": TextPipe("x"),
    "a mapping": {b"x": b"y"},
}


@pytest.mark.parametrize("message", NO_MESSAGES.values(), ids=NO_MESSAGES)
def test_no_message(message: Any) -> None:
    with pytest.raises(LocalProtocolError, match=r"message: expected octets, a file or chunks"):
        source_of(message, "convert")


def test_small_octets_are_not_copied() -> None:
    octets = b"a\r\n" * 1_000
    [chunk] = read_all(source_of(octets, "convert"))
    assert chunk is octets


@pytest.mark.parametrize("size", [CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_octets_and_files_come_in_chunks(size: int) -> None:
    octets = b"x" * size
    for message in (octets, io.BytesIO(octets)):
        chunks = [chunk for chunk in read_all(source_of(message, "convert")) if chunk]
        assert b"".join(chunks) == octets
        assert [len(chunk) for chunk in chunks[:-1]] == [CHUNK] * ((size - 1) // CHUNK)


@pytest.mark.parametrize("times", [1, CHUNK], ids=["small", "large"])
def test_a_file_is_surveyed_and_then_read(times: int) -> None:
    file = io.BytesIO(b"skipped" + b"a\n\xe4\r" * times)
    file.seek(len(b"skipped"))
    source = source_of(file, "convert")
    assert run(source.survey()) == Needs(6 * times, True)
    assert b"".join(read_all(source)) == b"a\r\n\xe4\r\n" * times


@pytest.mark.parametrize("octets", [b"\r\n" * CHUNK, b"x\r\n" * CHUNK, b"xy\r\n" * CHUNK], ids=len)
def test_a_file_with_right_line_ends_is_sent_as_it_is(octets: bytes) -> None:
    source = source_of(io.BytesIO(octets), "convert")
    assert run(source.survey()) == Needs(len(octets), False)
    chunks = read_all(source)
    assert b"".join(chunks) == octets
    assert {len(chunk) for chunk in chunks[:-1]} == {CHUNK}


@pytest.mark.parametrize("last", [b"\r", b"\n", b"\n\r"], ids=repr)
def test_one_bare_newline_at_the_end_of_a_large_file(last: bytes) -> None:
    source = source_of(io.BytesIO(b"x\r\n" * CHUNK + b"y" + last), "convert")
    ends = last.count(b"\r") + last.count(b"\n")
    assert run(source.survey()) == Needs(3 * CHUNK + 1 + 2 * ends, False)
    assert b"".join(read_all(source)) == b"x\r\n" * CHUNK + b"y" + b"\r\n" * ends


class Counting(io.BytesIO):
    reads = 0

    def read(self, size: int | None = -1) -> bytes:
        self.reads += 1
        return super().read(size)


def test_a_small_file_is_read_once() -> None:
    file = Counting(b"text")
    source = source_of(file, "convert")
    run(source.survey())
    assert file.reads == 2
    assert b"".join(read_all(source)) == b"text"
    assert file.reads == 2


class Trickle(io.RawIOBase):
    """A raw file that gives ten octets at a time; `ends` counts how often it was found to be at its end."""

    def __init__(self, octets: bytes, *, can_seek: bool) -> None:
        self.rest = octets
        self.can_seek = can_seek
        self.ends = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self.can_seek

    def tell(self) -> int:
        return 0

    def readinto(self, buffer: Any) -> int:
        given, self.rest = self.rest[:10], self.rest[10:]
        buffer[: len(given)] = given
        self.ends += not given
        return len(given)


@pytest.mark.parametrize("can_seek, ends", [(True, 1), (False, 2)])
def test_a_buffered_file_is_read_to_its_end_and_where_it_can_seek_not_again(
    can_seek: bool, ends: int
) -> None:
    raw = Trickle(b"text\r\n" * 10, can_seek=can_seek)
    source = source_of(io.BufferedReader(raw), "convert")
    run(source.survey())
    assert b"".join(read_all(source)) == b"text\r\n" * 10
    assert raw.ends == ends


def test_chunks_are_read_once_and_not_before() -> None:
    def chunks() -> Iterator[bytes]:
        seen.append(1)
        yield b"a\r"
        seen.append(2)
        yield b"\nb"

    seen: list[int] = []
    source = source_of(chunks(), "convert")
    assert run(source.survey()) == Needs()
    assert seen == []
    assert run(source.read()) == b"a\r"
    assert seen == [1]
    assert b"".join(read_all(source)) == b"\nb"


def test_envelope_takes_bcc_away() -> None:
    source = source_of(b"From: a@x\nTo: b@x\nBcc: c@x\n\ntext\n", "convert")
    envelope = source.take_envelope()
    assert (envelope.reverse_path, envelope.forward_paths) == ("a@x", ("b@x", "c@x"))
    assert b"".join(read_all(source)) == b"From: a@x\r\nTo: b@x\r\n\r\ntext\r\n"


def test_envelope_of_a_message_that_keeps_its_newlines() -> None:
    """Bare ones in the body change nothing; in the header they would hide a Bcc, or find one in the body."""
    source = source_of(b"From: a@x\r\nTo: b@x\r\nBcc: c@x\r\n\r\n\nBcc: d@x\n\r", "keep")
    envelope = source.take_envelope()
    assert (envelope.reverse_path, envelope.forward_paths) == ("a@x", ("b@x", "c@x"))
    assert b"".join(read_all(source)) == b"From: a@x\r\nTo: b@x\r\n\r\n\nBcc: d@x\n\r"
    for newline in (b"\n", b"\r"):
        octets = b"From: a@x\nTo: b@x\nBcc: c@x\n\ntext\nBcc: d@x\n".replace(b"\n", newline)
        with pytest.raises(LocalProtocolError, match="reverse_path and forward_paths: needed"):
            source_of(octets, "keep").take_envelope()


def read_pieces(source: Any, *, is_text: bool) -> list[tuple[bytes, bool]]:
    pieces = Pieces(source, is_text=is_text)
    read: list[tuple[bytes, bool]] = []
    while not read or not read[-1][1]:
        read.append(run(pieces.read()))
    return read


PIECES: dict[str, tuple[list[bytes], bool, list[int]]] = {
    "none": ([], True, [0]),
    "empty ones": ([b"", b""], False, [0]),
    "small ones": ([b"a", b"", b"b", b"c\r\n"], True, [5]),
    "as many octets as go": ([b"x" * CHUNK], False, [CHUNK]),
    "one more": ([b"x" * CHUNK, b"y"], False, [CHUNK, 1]),
    "and the CRLF that it lacks": ([b"x" * CHUNK], True, [CHUNK, 2]),
    "half a CRLF": ([b"x\r", b"\n"], True, [3]),
    "a large one": ([b"x" * (2 * CHUNK + 1)], False, [CHUNK, CHUNK, 1]),
    "a large one between small ones": ([b"a", b"x" * (CHUNK + 1), b"b"], False, [1, CHUNK, 2]),
}


@pytest.mark.parametrize("chunks, is_text, sizes", PIECES.values(), ids=PIECES)
def test_pieces(chunks: list[bytes], is_text: bool, sizes: list[int]) -> None:
    read = read_pieces(source_of(iter(chunks), "keep"), is_text=is_text)
    assert [len(piece) for piece, _ in read] == sizes
    assert [is_last for _, is_last in read] == [*[False] * (len(sizes) - 1), True]
    whole = b"".join(chunks)
    lacks = is_text and whole != b"" and not whole.endswith(b"\r\n")
    assert b"".join(piece for piece, _ in read) == whole + (b"\r\n" if lacks else b"")


def test_a_piece_that_is_given_alone_is_not_copied() -> None:
    piece = b"x" * CHUNK
    assert read_pieces(source_of(iter([piece, piece]), "keep"), is_text=False)[0][0] is piece


def test_an_email_message_is_converted_whatever_is_asked_for() -> None:
    message = EmailMessage()
    message.set_content("text")
    for octets in read_all(source_of(message, "keep")):
        assert b"\n" not in octets.replace(b"\r\n", b"")


def test_seven_bit() -> None:
    message = EmailMessage()
    message.set_content("blåbær", cte="8bit")
    assert source_of(message, "convert").to_seven_bit()
    assert not source_of(message.as_bytes(), "convert").to_seven_bit()
    assert not source_of(io.BytesIO(b"\xe4"), "convert").to_seven_bit()


PARTS = b"""\
Subject: x
MIME-Version: 1.0
Content-Type: multipart/%b; boundary=B
Content-Transfer-Encoding: 8bit

--B
Content-Type: text/plain; charset="utf-8"
Content-Transfer-Encoding: %b

%b
--B
Content-Type: message/rfc822
Content-Transfer-Encoding: %b

Subject: y
MIME-Version: 1.0
Content-Type: text/plain; charset="utf-8"
Content-Transfer-Encoding: %b

%b
--B--
"""


def parts(kind: bytes, *, encoding: bytes, inner: bytes, outer: bytes, text: bytes) -> bytes:
    return PARTS % (kind, encoding, text, outer, inner, text)


def parsed(octets: bytes) -> EmailMessage:
    message = message_from_bytes(octets, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def test_seven_bit_inside_a_message_inside_a_multipart() -> None:
    octets = parts(b"mixed", encoding=b"8bit", inner=b"8bit", outer=b"8bit", text=b"bl\xc3\xa5")
    message = parsed(octets)
    source = source_of(message, "convert")
    assert source.to_seven_bit()
    expected = parts(b"mixed", encoding=b"base64", inner=b"base64", outer=b"7bit", text=b"YmzDpQ==\n")
    expected = expected.replace(
        b"boundary=B\nContent-Transfer-Encoding: 8bit", b"boundary=B\nContent-Transfer-Encoding: 7bit"
    )
    assert b"".join(read_all(source)) == expected.replace(b"\n", b"\r\n")
    assert message.as_bytes() == octets


@pytest.mark.parametrize("is_nested", [False, True])
def test_what_is_signed_is_not_encoded_anew(*, is_nested: bool) -> None:
    message = parsed(parts(b"signed", encoding=b"8bit", inner=b"8bit", outer=b"8bit", text=b"bl\xc3\xa5"))
    if is_nested:
        outer = EmailMessage()
        outer.set_content("text")
        outer.add_attachment(message)
        message = outer
    source = source_of(message, "convert")
    before = message.as_bytes().replace(b"\n", b"\r\n")
    with pytest.raises(LocalProtocolError, match="the signed message needs"):
        source.to_seven_bit()
    assert b"".join(read_all(source)) == before


@pytest.mark.parametrize("label, text", [(b"7bit", b"a  \n=3D"), (b"8bit", b"text")])
def test_what_is_signed_and_ascii_stays_as_it_is_beside_what_is_not(label: bytes, text: bytes) -> None:
    signed = parts(b"signed", encoding=label, inner=label, outer=label, text=text).replace(
        b"boundary=B\nContent-Transfer-Encoding: 8bit", b"boundary=B"
    )
    message = EmailMessage()
    message.set_content("bl\xe5", cte="8bit")
    message.add_attachment(parsed(signed))
    source = source_of(message, "convert")
    assert source.to_seven_bit()
    assert signed.replace(b"\n", b"\r\n") in b"".join(read_all(source))


def test_the_header_of_what_is_signed_is_not_signed() -> None:
    octets = parts(b"signed", encoding=b"7bit", inner=b"7bit", outer=b"7bit", text=b"text")
    source = source_of(parsed(octets.replace(b"Subject: x", b"Subject: bl\xe5")), "convert")
    assert source.to_seven_bit()
    assert b"".join(read_all(source)).endswith(octets[octets.index(b"--B") :].replace(b"\n", b"\r\n"))


OCTETS = b"bl\xc3\xa5 \xff\r\n.\n\0" * 20
EIGHT_BIT_PARTS = {
    "UTF-8": (b"text/plain; charset=utf-8", b"8bit"),
    "no charset": (b"text/plain", b"8bit"),
    "a charset that is none": (b"text/html; charset=us-ascii", b"8bit"),
    "a charset that is not known": (b"text/plain; charset=x-none", b"8bit"),
    "binary": (b"application/octet-stream", b"binary"),
    "a wrong label": (b"image/png", b"7bit"),
}


@pytest.mark.parametrize("kind, encoding", EIGHT_BIT_PARTS.values(), ids=EIGHT_BIT_PARTS)
def test_seven_bit_keeps_the_octets_of_each_part(kind: bytes, encoding: bytes) -> None:
    """Whatever its label says (RFC 6152 section 3: no information may be lost); lines of text get CRLF."""
    part = b"Content-Type: %b\nContent-Transfer-Encoding: %b\n\n%b" % (kind, encoding, OCTETS)
    top = b"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=B\n\n--B\n%b\n--B--\n" % part
    for octets in (b"MIME-Version: 1.0\n" + part, top):
        source = source_of(parsed(octets), "convert")
        assert source.to_seven_bit()
        sent = b"".join(read_all(source))
        assert max(map(len, sent.splitlines())) <= 76
        seen = parsed(sent)
        leaf = next(part for part in seen.walk() if not part.is_multipart())
        is_text = kind.startswith(b"text/")
        expected = OCTETS.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") if is_text else OCTETS
        assert (leaf["Content-Transfer-Encoding"], leaf.get_payload(decode=True)) == ("base64", expected)


def test_seven_bit_of_attachments_that_were_given_as_octets() -> None:
    message = EmailMessage()
    message.set_content("text")
    for encoding in ("8bit", "binary"):
        message.add_attachment(OCTETS, maintype="image", subtype="png", cte=encoding)
    source = source_of(message, "convert")
    assert source.to_seven_bit()
    seen = parsed(b"".join(read_all(source)))
    assert [part.get_content() for part in seen.iter_attachments()] == [OCTETS, OCTETS]


def test_a_message_without_mime_becomes_one() -> None:
    source = source_of(parsed(b"Subject: x\n\nbl\xe5\n"), "convert")
    assert source.to_seven_bit()
    assert b"".join(read_all(source)) == (
        b"Subject: x\r\nContent-Transfer-Encoding: base64\r\nMIME-Version: 1.0\r\n\r\nYmzlDQo=\r\n"
    )


@pytest.mark.parametrize("kind", [b"text/plain", b"text/plain; charset=x-none", b"image/png"])
def test_what_is_signed_is_not_encoded_anew_whatever_its_label(kind: bytes) -> None:
    octets = parts(b"signed", encoding=b"8bit", inner=b"8bit", outer=b"8bit", text=b"bl\xe5")
    source = source_of(parsed(octets.replace(b'text/plain; charset="utf-8"', kind)), "convert")
    with pytest.raises(LocalProtocolError, match="the signed message needs"):
        source.to_seven_bit()


def test_a_preamble_can_have_no_encoding() -> None:
    octets = b"Content-Type: multipart/mixed; boundary=B\n\nbl\xe5\n--B\n\ntext\n--B--\n"
    assert not source_of(parsed(octets), "convert").to_seven_bit()


class Failing:
    """Is like an EmailMessage that cannot be written."""

    def as_bytes(self) -> bytes:
        raise KeyError("x")


def unencodable() -> Message:
    message = Message()
    message.set_payload("bl\xe5")
    return message


def injecting() -> Message:
    message = Message()
    message["Subject"] = "x\r\nBcc: evil@x"
    return message


@pytest.mark.parametrize("make", [Failing, unencodable, injecting])
def test_an_email_message_that_cannot_be_written(make: Any) -> None:
    with pytest.raises(LocalProtocolError, match="message: expected what can be written as octets") as caught:
        source_of(make(), "convert")
    assert caught.value.__cause__ is not None
