from __future__ import annotations

import pytest

from mailproto._secret import Secret
from mailproto.address import NULL_PATH, Mailbox, Path
from mailproto.errors import Defect, LocalProtocolError, RemoteProtocolError
from mailproto.smtp import (
    Auth,
    Bdat,
    BodyData,
    BodyEnded,
    Burl,
    ChunkData,
    Data,
    Ehlo,
    Incomplete,
    InvalidCommand,
    Mail,
    Noop,
    Opaque,
    Quit,
    Reply,
    SASLResponse,
    StartTLS,
    parse_commands,
    parse_replies,
    serialize,
)


def test_replies() -> None:
    data = b"220 a\r\n250-b\r\n250 c\n5"
    parsed = parse_replies(data)
    assert parsed == [Reply(220, ("a",)), Reply(250, ("b", "c")), Incomplete(b"5")]
    assert [getattr(value, "defects", ()) for value in parsed] == [(), (Defect("bare-lf", 19, b"\n"),), ()]
    assert parsed[-1] == Incomplete(b"5", 20)
    assert b"".join(serialize(value) for value in parsed if not isinstance(value, Opaque)) == data.replace(
        b"c\n", b"c\r\n"
    )


def test_half_a_reply_is_incomplete_from_its_first_line_on() -> None:
    assert parse_replies(b"250 a\r\n250-b\r\n250") == [Reply(250, ("a",)), Incomplete(b"250-b\r\n250", 7)]
    assert parse_replies(b"") == []


def test_replies_stop_where_framing_is_lost() -> None:
    assert parse_replies(b"250 a\r\nwhat\r\n250 b\r\n") == [Reply(250, ("a",)), Opaque(7)]
    with pytest.raises(RemoteProtocolError, match="expected a line of a reply") as caught:
        parse_replies(b"250 a\r\nwhat\r\n", strict=True)
    assert caught.value.offset == 7
    with pytest.raises(RemoteProtocolError, match="bare-lf"):
        parse_replies(b"250 a\n", strict=True)


def test_replies_stop_at_tls() -> None:
    data = b"220 a\r\n250 b\r\n220 go\r\n\x16\x03"
    assert parse_replies(data) == [Reply(220, ("a",)), Reply(250, ("b",)), Reply(220, ("go",)), Opaque(22)]
    assert parse_replies(data[:22])[-1] == Reply(220, ("go",))


def test_commands() -> None:
    data = b"EHLO a\r\nMAIL FROM: <>\r\nDATA\r\n..x\r\ny\r\n.\r\nQUIT\r\nNO"
    parsed = parse_commands(data)
    assert parsed == [
        Ehlo("a"),
        Mail(NULL_PATH),
        Data(),
        BodyData(b".x\r\ny\r\n"),
        BodyEnded(7),
        Quit(),
        Incomplete(b"NO"),
    ]
    assert isinstance(parsed[1], Mail)
    assert parsed[1].defects == (Defect("space-before-path", 18, b" <>"),)
    values = [value for value in parsed if not isinstance(value, InvalidCommand | Opaque)]
    assert b"".join(map(serialize, values)) == data.replace(b": <>", b":<>")


def test_an_empty_message() -> None:
    assert parse_commands(b"DATA\r\n.\r\n") == [Data(), BodyEnded(0)]
    assert serialize(BodyEnded(0)) == b".\r\n"


CHUNKS: list[tuple[bytes, list[object]]] = [
    (
        b"BDAT 4\r\n.\r\n.BDAT 0\r\nBDAT 5 LAST\r\nQUIT\nQUIT\r\n",
        [Bdat(4), ChunkData(b".\r\n."), Bdat(0), Bdat(5, last=True), ChunkData(b"QUIT\n"), Quit()],
    ),
    (b"BDAT 0 LAST\r\n", [Bdat(0, last=True)]),
    (b"BDAT 2\r\n\xff\0NOOP\r\n", [Bdat(2), ChunkData(b"\xff\0"), Noop()]),
    (b"BDAT 5\r\nQUIT", [Bdat(5), Incomplete(b"QUIT")]),
    (b"BDAT 5\r\n", [Bdat(5)]),
    (b"BURL imap://h/a;uid=1\r\nBDAT 1 LAST\r\nx", [
        Burl("imap://h/a;uid=1"), Bdat(1, last=True), ChunkData(b"x"),
    ]),
]  # fmt: skip


@pytest.mark.parametrize("data, values", CHUNKS, ids=lambda case: repr(case)[:40])
def test_octets_behind_bdat(data: bytes, values: list[object]) -> None:
    parsed = parse_commands(data)
    assert parsed == values
    assert (
        b"".join(serialize(value) for value in parsed if not isinstance(value, InvalidCommand | Opaque))
        == data
    )


def test_behind_a_size_that_cannot_be_read_all_is_opaque() -> None:
    bad, *rest = parse_commands(b"BDAT five\r\nQUIT\r\n")
    assert isinstance(bad, InvalidCommand)
    assert (bad.name, bad.reply.code) == ("BDAT", 421)
    assert rest == [Opaque(11)]
    assert len(parse_commands(b"BDAT five\r\n")) == 1
    with pytest.raises(RemoteProtocolError, match="cannot tell"):
        parse_commands(b"BDAT five\r\nQUIT\r\n", strict=True)


def test_chunk_data_is_not_stuffed() -> None:
    assert serialize(ChunkData(b".a\n.b")) == b".a\n.b"
    assert isinstance(ChunkData(b""), BodyData)
    assert ChunkData(b"a") != BodyData(b"a")


@pytest.mark.parametrize("rest", [b"x", b"x\r\n", b"x\r\n.", b"x\r\n.\r", b"QUIT\r\n"])
def test_half_a_message_is_incomplete(rest: bytes) -> None:
    assert parse_commands(b"DATA\r\n" + rest) == [Data(), Incomplete(rest)]


def test_bare_newlines_in_a_message() -> None:
    parsed = parse_commands(b"DATA\r\nab\ncd\r\n.\r\n")
    assert parsed == [Data(), BodyData(b"ab\ncd\r\n"), BodyEnded(7)]
    assert isinstance(parsed[2], BodyEnded)
    assert parsed[2].defects == (Defect("bare-newline", 8, b"\ncd\r\n.\r\n"),)
    with pytest.raises(RemoteProtocolError, match="bare-newline"):
        parse_commands(b"DATA\r\nab\ncd\r\n.\r\n", strict=True)
    with pytest.raises(LocalProtocolError):
        serialize(BodyData(b"ab\ncd\r\n"))


def test_malformed_commands() -> None:
    good, bad, quit_ = parse_commands(b"NOOP\r\nMAIL x\r\nQUIT\r\n")
    assert (good, quit_) == (Noop(), Quit())
    assert isinstance(bad, InvalidCommand)
    assert (bad.excerpt, bad.reply.code, bad.name) == (b"MAIL x", 501, "MAIL")
    with pytest.raises(RemoteProtocolError) as caught:
        parse_commands(b"NOOP\r\nMAIL x\r\n", strict=True)
    assert caught.value.offset == 11
    with pytest.raises(RemoteProtocolError, match="bare-lf"):
        parse_commands(b"NOOP\n", strict=True)
    assert parse_commands(b"NOOP\n") == [Noop()]


def test_exchanges() -> None:
    data = b"AUTH LOGIN\r\ndXNlcg==\r\ncGFzcw==\r\nNOOP\r\n"
    responses = [SASLResponse(Secret(b"user")), SASLResponse(Secret(b"pass"))]
    assert parse_commands(data, exchanges=2) == [Auth("LOGIN"), *responses, Noop()]
    assert parse_commands(b"AUTH LOGIN\r\n*\r\nNOOP\r\n", exchanges=2) == [
        Auth("LOGIN"),
        SASLResponse(None),
        Noop(),
    ]
    assert parse_commands(b"AUTH LOGIN\r\ndXN", exchanges=2) == [Auth("LOGIN"), Incomplete(b"dXN", 12)]
    _, bad = parse_commands(b"AUTH LOGIN\r\n!\r\n", exchanges=1)
    assert isinstance(bad, InvalidCommand)
    assert (bad.excerpt, bad.name) == (b"***", "SASL response")


def test_credentials_are_not_shown() -> None:
    (bad,) = parse_commands(b"AUTH PLAIN secret x\r\n")
    assert isinstance(bad, InvalidCommand)
    assert bad.excerpt == b"AUTH ***"


def test_commands_stop_at_tls() -> None:
    assert parse_commands(b"STARTTLS\r\n\x16\x03\r\nQUIT\r\n") == [StartTLS(), Opaque(10)]
    assert parse_commands(b"STARTTLS\r\n") == [StartTLS()]


def test_serialize_stuffs_dots() -> None:
    assert serialize(BodyData(b".a\r\n.b")) == b"..a\r\n..b"
    assert serialize(Mail(Path(Mailbox("a", "b")))) == b"MAIL FROM:<a@b>\r\n"
