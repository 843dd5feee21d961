"""No argument of any command or reply can carry another line (RFC 5321 section 4.1.1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mailproto._secret import Secret
from mailproto.address import Mailbox, Path
from mailproto.errors import LocalProtocolError
from mailproto.smtp import (
    BODY,
    ENVID,
    EXTENSIONS,
    ORCPT,
    SOLICIT,
    AnnouncedLimits,
    Auth,
    Command,
    Ehlo,
    EnhancedCode,
    Expn,
    Extension,
    Extensions,
    Helo,
    Help,
    Lhlo,
    Mail,
    Noop,
    OriginalRecipient,
    Parameters,
    Rcpt,
    Reply,
    SASLResponse,
    SMTPHandler,
    SMTPServerConnection,
    SMTPSession,
    UnknownCommand,
    Vrfy,
    capability_lines,
    mt_priority,
    no_soliciting,
)
from mailproto.smtp.server_flow import Service, serve
from support_flows import FlowRun
from support_smtp import ready_client, replies_of

ALICE = Path(Mailbox("alice", "a.example"))
ATTACKS = ["\r\nRSET", "\nRSET", "\rRSET", "\r\n", "\n", "\r", "\0", "\x1b[2J", "\x7f", "\x08", "\ud800"]
ARGUMENTS: dict[str, Callable[[str], Command]] = {
    "EHLO domain": lambda bad: Ehlo(f"x{bad}.example"),
    "HELO domain": lambda bad: Helo(f"x{bad}.example"),
    "LHLO domain": lambda bad: Lhlo(f"[192.0.2.1{bad}]"),
    "MAIL local part": lambda bad: Mail(Path(Mailbox(f"a{bad}b", "x.example"))),
    "MAIL domain": lambda bad: Mail(Path(Mailbox("a", f"x{bad}.example"))),
    "MAIL address": lambda bad: Mail(Path.of(f"a@b>{bad}")),
    "MAIL parameter": lambda bad: Mail(ALICE, Parameters([(f"X{bad}", None)])),
    "MAIL value": lambda bad: Mail(ALICE, Parameters([("X", f"y{bad}")])),
    "MAIL raw parameter": lambda bad: Mail(ALICE, ((f"X{bad}", "y"),)),  # type: ignore[arg-type]  # a careless caller
    "MAIL BODY": lambda bad: Mail(ALICE, Parameters.of(body=f"7BIT{bad}")),
    "RCPT address": lambda bad: Rcpt(Path.of(f"<a@b{bad}>")),
    "RCPT parameter": lambda bad: Rcpt(ALICE, Parameters([("X", f"{bad}y")])),
    "VRFY": lambda bad: Vrfy(f"a{bad}b"),
    "EXPN": lambda bad: Expn(f"a{bad}b"),
    "HELP": lambda bad: Help(f"a{bad}b"),
    "NOOP": lambda bad: Noop(f"a{bad}b"),
    "AUTH mechanism": lambda bad: Auth(f"PLAIN{bad}"),
    "unknown verb": lambda bad: UnknownCommand(f"XFOO{bad}"),
    "unknown arguments": lambda bad: UnknownCommand("XFOO", f"a{bad}b"),
}


@pytest.mark.parametrize("bad", ATTACKS, ids=repr)
@pytest.mark.parametrize("argument", ARGUMENTS)
def test_commands_cannot_inject(argument: str, bad: str) -> None:
    client = ready_client()
    before = (client.state, client.pending, client.unsent)
    with pytest.raises(LocalProtocolError):
        client.send_command(ARGUMENTS[argument](bad))
    assert (client.state, client.pending, client.unsent) == before


VALUES: dict[str, Callable[[str], object]] = {
    "BODY": lambda bad: BODY.pair(f"7BIT{bad}"),
    "ENVID": lambda bad: ENVID.pair(f"a{bad}b"),
    "ORCPT type": lambda bad: ORCPT.pair(OriginalRecipient(f"rfc822{bad}", "a")),
    "ORCPT address": lambda bad: ORCPT.pair(OriginalRecipient("rfc822", f"a{bad}b")),
    "SOLICIT": lambda bad: SOLICIT.pair(("a", f"b{bad}")),
    "MT-PRIORITY profile": lambda bad: mt_priority(f"MIXER{bad}"),
    "NO-SOLICITING class": lambda bad: no_soliciting(f"a{bad}"),
    "LIMITS name": lambda bad: AnnouncedLimits(others=((f"X{bad}", None),)),
    "LIMITS value": lambda bad: AnnouncedLimits(others=(("X", f"a{bad}"),)),
}


@pytest.mark.parametrize("bad", ATTACKS, ids=repr)
@pytest.mark.parametrize("value", VALUES)
def test_values_of_extensions_cannot_inject(value: str, bad: str) -> None:
    with pytest.raises(LocalProtocolError):
        VALUES[value](bad)


@pytest.mark.parametrize("bad", ATTACKS, ids=repr)
def test_what_an_address_in_utf_8_can_hold_is_encoded(bad: str) -> None:
    try:
        written = OriginalRecipient("utf-8", f"a{bad}b").serialize_utf8()
    except LocalProtocolError:
        return
    assert written.isprintable()
    assert written != f"utf-8;a{bad}b"


@pytest.mark.parametrize("text", ["(a\r\n(b", "(a\n(b", "(a\r(b", "(a\x0b(b", "(a\u2028(b"])
def test_lines_of_a_capability_stand_alone(text: str) -> None:
    assert Reply(250, ("ok", *capability_lines(text))).lines == ("ok", "CONNEG (a", "CONNEG (b")


@pytest.mark.parametrize("bad", ATTACKS, ids=repr)
def test_replies_cannot_inject(bad: str) -> None:
    server = SMTPServerConnection(hostname=f"mx{bad}.example")
    for build in (
        lambda: Reply(220, (f"a{bad}b",)),
        lambda: Reply(220, ("a", f"{bad}")),
        lambda: Reply.of(550, f"5.1.1{bad}"),
        lambda: Reply(550, (f"5.1.1 a{bad}b",)),
        lambda: Extensions((("X", f"a{bad}b"),)),
        lambda: Extensions(((f"X{bad}", ""),)),
        server.ehlo_reply,
    ):
        with pytest.raises(LocalProtocolError):
            build()


@pytest.mark.parametrize("octets", [b"\r\nRSET\r\n", b"\n", b"\0", bytes(range(256))])
def test_secrets_travel_in_base64(octets: bytes) -> None:
    for value in (Auth("PLAIN", Secret(octets)), SASLResponse(Secret(octets)), Reply.of_challenge(octets)):
        line = value.serialize()
        assert line.count(b"\r\n") == line.count(b"\r") == line.count(b"\n") == 1
        assert line.isascii()
        assert b"\0" not in line


def test_a_received_reply_cannot_carry_a_line_on() -> None:
    client = ready_client()
    client.send_command(Noop())
    client.receive_data(b"250 a\r\0\x0bb\r\n")
    reply = client.next_event()
    assert isinstance(reply, Reply)
    assert reply.serialize() == "250 a\ufffd\ufffd\ufffdb\r\n".encode()
    assert EnhancedCode(2, 0, 0) != reply.enhanced_code


def test_no_suggested_reply_echoes_input() -> None:
    server = SMTPServerConnection(hostname="mx.example")
    server.send_reply(Reply(220))
    for line in (b"EHLO a\rb\r\n", b"X\x00evil\r\n", b"MAIL FROM:<evil\r>\r\n", b"evil " * 1_000 + b"\r\n"):
        server.receive_data(line)
        event = server.next_event()
        reply = getattr(event, "reply", None)
        assert isinstance(reply, Reply)
        assert "evil" not in reply.text
        server.send_reply(reply)


class Echoing(SMTPHandler):
    """Says back whatever it was told, which no handler should do and many will."""

    def hello(self, session: SMTPSession, hello: Any) -> Reply:
        return Reply(250, (hello.domain,))

    def mail(self, session: SMTPSession, mail: Mail) -> Reply:
        return Reply(250, (f"{mail.reverse_path} {mail.parameters}",))

    def rcpt(self, session: SMTPSession, rcpt: Rcpt) -> Reply:
        return Reply(550, (f"{rcpt.forward_path} {rcpt.parameters}",))

    def vrfy(self, session: SMTPSession, vrfy: Vrfy) -> Reply:
        return Reply(550, (vrfy.argument,))

    def expn(self, session: SMTPSession, expn: Expn) -> Reply:
        return Reply(550, (expn.argument,))

    def help(self, session: SMTPSession, help_: Help) -> Reply:
        return Reply(214, (help_.argument,))

    def noop(self, session: SMTPSession, noop: Noop) -> Reply:
        return Reply(250, (noop.argument,))

    def unknown(self, session: SMTPSession, command: UnknownCommand) -> Reply:
        return Reply(250, (f"{command.verb} {command.arguments}",))


ECHOED = [
    b"EHLO a%b.example",
    b"EHLO [IPv6:::1%b]",
    b"HELO a%b.example",
    b"MAIL FROM:<a%b@x.example>",
    b'MAIL FROM:<"a%b"@x.example>',
    b"MAIL FROM:<a@x%b.example>",
    b"MAIL FROM:<a@x.example> X%b=1",
    b"MAIL FROM:<a@x.example> BODY=8BITMIME%b",
    b"MAIL FROM:<a@x.example> SOLICIT=a%b.example:ADV",
    b"RCPT TO:<b%b@x.example>",
    b"RCPT TO:<b@x.example> ORCPT=rfc822;b%b@x.example",
    b"VRFY a%b",
    b"EXPN a%b",
    b"HELP a%b",
    b"NOOP a%b",
    b"XFOO a%b",
    b"XFOO%b",
    b"AUTH PLAIN%b",
    b"AUTH PLAIN a%b",
    b"%bNOOP",
]
HOSTILE = [
    b"\r",
    b"\r250 ok",
    b"\0",
    b"\x0b",
    b"\x0c",
    b"\x1b[2J",
    b"\x7f",
    b"\x85",
    b"\xff",
    b"\xe2\x80\xa8",
]


@pytest.mark.parametrize("bad", HOSTILE, ids=repr)
@pytest.mark.parametrize("line", ECHOED, ids=repr)
def test_no_reply_carries_a_line_of_the_input(line: bytes, bad: bytes) -> None:
    rows = (*EXTENSIONS, Extension("XFOO", verbs=frozenset({"XFOO"}), parameters=(("MAIL", "X"),)))
    conn = SMTPServerConnection(hostname="mx.example", auth_mechanisms=("PLAIN",), extensions=rows)
    run = FlowRun(conn, serve(conn, Service(handler=Echoing())))
    run.feed(b"EHLO me\r\n" + (b"MAIL FROM:<a@x>\r\n" if line.startswith(b"RCPT") else b""))
    run.take_sent()
    run.feed(line % bad + b"\r\n")
    said = run.take_sent()
    assert len(replies_of(said)) == 1
    # CR and LF stand only together, at the end of a line of the reply, and no other control at all.
    assert said.replace(b"\r\n", b"").translate(None, bytes(range(32)) + b"\x7f") == said.replace(
        b"\r\n", b""
    )
