from __future__ import annotations

from typing import Any

import pytest

from mailproto.address import NULL_PATH, Path
from mailproto.flow import TLSInfo
from mailproto.smtp import (
    DiscardingSink,
    Ehlo,
    Helo,
    Lhlo,
    Mail,
    Noop,
    Parameters,
    Quit,
    Rcpt,
    Reply,
    SMTPHandler,
    SMTPSession,
    Transaction,
    UnknownCommand,
    WholeMessages,
)
from mailproto.smtp.commands import Expn, Help, Vrfy
from mailproto.smtp.commands import Mail as MailCommand
from support_flows import TLS

# RFC 3848, and RFC 5321 section 4.4 for the first
PROTOCOLS: dict[str, tuple[Any, bool, TLSInfo | None, str | None]] = {
    "SMTP": (Helo("me"), False, None, None),
    "ESMTP": (Ehlo("me"), False, None, None),
    "ESMTPS": (Ehlo("me"), False, TLS, None),
    "ESMTPA": (Ehlo("me"), False, None, "tim"),
    "ESMTPSA": (Ehlo("me"), False, TLS, "tim"),
    "LMTP": (Lhlo("me"), True, None, None),
    "LMTPS": (Lhlo("me"), True, TLS, None),
    "LMTPA": (Lhlo("me"), True, None, "tim"),
    "LMTPSA": (Lhlo("me"), True, TLS, "tim"),
}


@pytest.mark.parametrize("name", PROTOCOLS)
def test_protocol_of_a_session(name: str) -> None:
    hello, is_lmtp, tls, identity = PROTOCOLS[name]
    session = SMTPSession(is_lmtp=is_lmtp, hello=hello, tls=tls, identity=identity)
    assert session.protocol == name


# RFC 6531 section 4.3
UTF8_PROTOCOLS = {
    "SMTP": "SMTP",
    "ESMTP": "UTF8SMTP", "ESMTPS": "UTF8SMTPS", "ESMTPA": "UTF8SMTPA", "ESMTPSA": "UTF8SMTPSA",
    "LMTP": "UTF8LMTP", "LMTPS": "UTF8LMTPS", "LMTPA": "UTF8LMTPA", "LMTPSA": "UTF8LMTPSA",
}  # fmt: skip


@pytest.mark.parametrize("name", PROTOCOLS)
def test_protocol_of_a_message_that_is_smtputf8(name: str) -> None:
    hello, is_lmtp, tls, identity = PROTOCOLS[name]
    session = SMTPSession(is_lmtp=is_lmtp, hello=hello, tls=tls, identity=identity)
    session.transaction = Transaction(Mail(NULL_PATH))
    assert session.protocol == name
    session.transaction = Transaction(Mail(NULL_PATH, Parameters.of(smtputf8=True)))
    assert session.protocol == UTF8_PROTOCOLS[name]


def test_defaults_accept() -> None:
    handler, session = SMTPHandler(), SMTPSession()
    rcpt = Rcpt(Path.of("b@x"))
    assert handler.connect(session) is None
    assert handler.hello(session, Ehlo("me")) is None
    assert handler.auth(session, "tim", "PLAIN") is None
    assert handler.quit(session, Quit()) is None
    assert handler.mail(session, Mail(Path.of("a@x"))) is None
    assert handler.rcpt(session, rcpt) is None
    assert handler.vrfy(session, Vrfy("x")) is None
    assert handler.expn(session, Expn("x")) is None
    assert handler.help(session, Help()) is None
    assert handler.noop(session, Noop()) is None
    assert handler.unknown(session, UnknownCommand("XFOO")) is None
    assert handler.reset(session) is None
    assert handler.closed(session) is None
    assert isinstance(handler.message(session), DiscardingSink)


def test_discarding_sink() -> None:
    sink = DiscardingSink()
    sink.write(b"x")
    sink.abort()
    assert sink.finish() is None


@pytest.mark.parametrize("chunks", [[], [b"whole"], [b"in ", b"two"]], ids=repr)
def test_whole_messages(chunks: list[bytes]) -> None:
    seen: list[tuple[SMTPSession, bytes]] = []

    def take(session: SMTPSession, octets: bytes) -> Reply:
        seen.append((session, octets))
        return Reply(250, ("mine",))

    session = SMTPSession(transaction=Transaction(MailCommand(Path.of("a@x"))))
    sink = WholeMessages(take).message(session)
    for chunk in chunks:
        sink.write(chunk)
    assert sink.finish() == Reply(250, ("mine",))
    assert seen == [(session, b"".join(chunks))]


def test_whole_messages_aborted() -> None:
    def take(session: SMTPSession, octets: bytes) -> None:
        raise AssertionError

    sink = WholeMessages(take).message(SMTPSession())
    sink.write(b"x")
    sink.abort()
