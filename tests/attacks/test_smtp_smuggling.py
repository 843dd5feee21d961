"""Only CRLF.CRLF ends a message, and a message that seems to hold another end is refused."""

from __future__ import annotations

import pytest

from mailproto.smtp import (
    BodyData,
    BodyEnded,
    InvalidCommand,
    Mail,
    Noop,
    ServerEvent,
    SMTPServerConnection,
)
from mailproto.smtp.data import NewlinePolicy
from support_smtp import ready_server, serve
from support_split import for_every_split

ENVELOPE = b"MAIL FROM:<a@x.example>\r\nRCPT TO:<b@x.example>\r\nDATA\r\n"
SMUGGLED = b"MAIL FROM:<evil@x.example>\r\nRCPT TO:<b@x.example>\r\nDATA\r\nevil\r\n"
FALSE_ENDS = [
    b"\n.\n",
    b"\n.\r\n",
    b"\n.\r",
    b"\r.\r",
    b"\r.\n",
    b"\r.\r\n",
    b"\r\n.\n",
    b"\r\n.\r",
    b"\r\r\n.\n",
    b"\n\n.\n",
    b"\r\n.\r\r\n",
    b"\r\n\x00.\r\n\n",
    b"\r\n. \r\n\n",
    b"\r\n.\0\r\n\r",
    b"\n\r.\n\r",
]


def run(newlines: NewlinePolicy, pieces: list[bytes]) -> list[ServerEvent]:
    conn = SMTPServerConnection(hostname="mx.example", newlines=newlines)
    return serve(ready_server(conn), pieces)


@pytest.mark.parametrize("end", FALSE_ENDS, ids=repr)
@pytest.mark.parametrize("newlines", ["reject", "accept"])
def test_a_false_end_ends_nothing(end: bytes, newlines: NewlinePolicy) -> None:
    octets = ENVELOPE + b"harmless" + end + SMUGGLED + b".\r\nNOOP\r\n"
    events = for_every_split(octets, lambda pieces: run(newlines, pieces))
    assert [type(event) for event in events].count(Mail) == 1
    assert events[-1] == Noop()
    answer = events[-2]
    if newlines == "reject":
        assert isinstance(answer, InvalidCommand)
        assert (answer.reply.code, answer.name) == (550, "message")
    else:
        assert isinstance(answer, BodyEnded)
        data = events[-3]
        assert isinstance(data, BodyData)
        assert data.data.endswith(SMUGGLED)


def test_the_true_end_does() -> None:
    events = for_every_split(ENVELOPE + b"x\r\n.\r\n" + b"NOOP\r\n", lambda pieces: run("reject", pieces))
    assert events[-2:] == [BodyEnded(3), Noop()]
