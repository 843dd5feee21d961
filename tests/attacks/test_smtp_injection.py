"""No argument of any command or reply can carry another line (RFC 5321 section 4.1.1).

Commands are found by introspection: one without a sample here fails.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any, get_args

import pytest

from mailproto._secret import Secret
from mailproto.address import Mailbox, Path
from mailproto.errors import LocalProtocolError, RemoteProtocolError
from mailproto.smtp import (
    AUTH,
    BODY,
    ENVID,
    EXTENSIONS,
    ORCPT,
    PARAMETERS,
    SOLICIT,
    AnnouncedLimits,
    Attributes,
    Auth,
    Bdat,
    Burl,
    Command,
    Data,
    Ehlo,
    EnhancedCode,
    Etrn,
    EtrnAnswer,
    EtrnOutcome,
    Expn,
    Extension,
    Extensions,
    Helo,
    Help,
    InvalidCommand,
    Lhlo,
    Mail,
    Noop,
    OriginalRecipient,
    Parameter,
    Parameters,
    Quit,
    Rcpt,
    Reply,
    Rset,
    SASLResponse,
    SMTPHandler,
    SMTPServerConnection,
    SMTPSession,
    StartTLS,
    UnknownCommand,
    Vrfy,
    XClient,
    XForward,
    capability_lines,
    mt_priority,
    no_soliciting,
)
from mailproto.smtp._grammar import CommandSyntaxError
from mailproto.smtp.commands import parse_command
from mailproto.smtp.server_flow import Service, serve
from support_flows import FlowRun
from support_smtp import pull, ready_client, ready_server, replies_of
from support_smtp import serve as accept_all
from support_split import for_every_split

ALICE = Path(Mailbox("alice", "a.example"))
NEW = Parameters([("X-NEW", "y"), ("X-FLAG", None)])
SAMPLES: list[Any] = [
    Ehlo("me.example"),
    Helo("[192.0.2.1]"),
    Lhlo("[IPv6:2001:db8::1]"),
    Mail(ALICE, NEW),
    Rcpt(Path(Mailbox("a b", "[192.0.2.1]")), NEW),
    Data(),
    Rset(),
    Noop("a"),
    Quit(),
    Vrfy("a"),
    Expn("a"),
    Help("a"),
    StartTLS(),
    Auth("PLAIN", Secret(b"\0a\0b")),
    Bdat(86, last=True),
    Burl("imap://h/a;uid=1;urlauth=b:c:d", last=True),
    Etrn("a.example"),
    Etrn("a.example", "@"),
    Etrn("a", "#"),
    XClient.of(
        name="c.example",
        addr="192.0.2.1",
        port=25,
        proto="SMTP",
        helo="c.example",
        login="tim",
        destaddr="2001:db8::1",
        destport=25,
        reverse_name="c.example",
    ),
    XForward.of(
        name="c.example", addr="192.0.2.1", port=25, proto="SMTP", helo="c", ident="1", source="LOCAL"
    ),
    UnknownCommand("XFOO", "a"),
]
ATTACKS = ["\r\nRSET", "\nRSET", "\rRSET", "\r\n", "\n", "\r", "\0", "\x1b[2J", "\x7f", "\x08", "\ud800"]
BAD = [*ATTACKS, "\x85", "\u2028", "\xff"]
CONTROLS = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


def with_bad(value: Any, bad: str) -> Iterator[Callable[[], Any]]:
    """Yield what builds *value* anew with *bad* in front of, inside, behind and in place of each text."""
    if isinstance(value, str):
        middle = len(value) // 2
        texts = (bad + value, value[:middle] + bad + value[middle:], value + bad, bad)
        yield from (lambda text=text: text for text in texts)
    elif isinstance(value, Secret):
        yield lambda: Secret(value.reveal() + bad.encode("utf-8", "surrogatepass"))
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            for build in with_bad(item, bad):
                yield (
                    lambda index=index, build=build: type(value)(  # type: ignore[misc]  # each its own
                        [*value[:index], build(), *value[index + 1 :]]
                    )
                )
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            if field.init and field.name != "defects":
                for build in with_bad(getattr(value, field.name), bad):
                    yield lambda field=field, build=build: replace(value, **{field.name: build()})  # type: ignore[misc]  # each its own


def test_every_command_has_a_sample_and_every_argument_is_attacked() -> None:
    assert {type(sample) for sample in SAMPLES} == set(get_args(Command))
    for sample in SAMPLES:
        arguments = [getattr(sample, field.name) for field in fields(sample) if field.name != "defects"]
        # A number is no text.
        has_text = any(not isinstance(argument, int) for argument in arguments)
        assert any(True for _ in with_bad(sample, "x")) is has_text, sample


@pytest.mark.parametrize("bad", BAD, ids=repr)
@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.serialize().decode().strip())
def test_a_command_cannot_inject(sample: Any, bad: str) -> None:
    """Either it cannot be built, or it is one line, which reads as the same command."""
    for build in with_bad(sample, bad):
        try:
            command = build()
        except LocalProtocolError:
            continue
        octets = command.serialize()
        assert octets.endswith(b"\r\n")
        assert CONTROLS.search(octets[:-2]) is None
        assert octets.decode().encode() == octets
        assert parse_command(octets[:-2]) == command


GIVEN = [
    b"MAIL FROM:<a@b> SIZE=1", b"MAIL FROM:<a@b> BODY=8BITMIME", b"MAIL FROM:<a@b> AUTH=c@d",
    b"MAIL FROM:<a@b> SMTPUTF8", b"MAIL FROM:<a@b> RET=HDRS ENVID=a+2Bb", b"MAIL FROM:<a@b> BY=60;R",
    b"MAIL FROM:<a@b> HOLDFOR=1", b"MAIL FROM:<a@b> HOLDUNTIL=2026-01-01T00:00:00Z",
    b"MAIL FROM:<a@b> MT-PRIORITY=3", b"MAIL FROM:<a@b> REQUIRETLS", b"MAIL FROM:<a@b> SOLICIT=a.example:ADV",
    b"MAIL FROM:<a@b> CONPERM", b"MAIL FROM:<a@b> MTRK=AAECAw:60", b"MAIL FROM:<a@b> PRDR",
    b"RCPT TO:<a@b> NOTIFY=DELAY", b"RCPT TO:<a@b> ORCPT=rfc822;a@b",
    b"RCPT TO:<a@b> RRVS=2014-04-03T23:01:00Z;C", b"RCPT TO:<a@b> CONNEG",
]  # fmt: skip
"""Each parameter that is known, with a value if it has one."""
PAIRS = [tuple(pair.partition(b"=")[::2]) for line in GIVEN for pair in line.partition(b"> ")[2].split(b" ")]


def test_every_parameter_is_given() -> None:
    assert {keyword.decode() for keyword, _ in PAIRS} == set(PARAMETERS)
    for line in GIVEN:
        assert parse_command(line).serialize() == line + b"\r\n"


@pytest.mark.parametrize("bad", ATTACKS, ids=repr)
@pytest.mark.parametrize("keyword, value", PAIRS, ids=repr)
def test_a_parameter_cannot_inject(keyword: bytes, value: bytes, bad: str) -> None:
    key, text = keyword.decode(), value.decode()
    for given in (bad, bad + text, text[:1] + bad + text[1:], text + bad):
        for pair in ((key, given), (key + given, None), (key + given, text), (given, text)):
            with pytest.raises(LocalProtocolError):
                Parameters([pair])


LINES = [*(sample.serialize()[:-2] for sample in SAMPLES), *GIVEN]
BAD_OCTETS = [b"\r", b"\0", b"\x7f", b"\x08", b"\x1b", b"\xff", b"\xc3", b"\xed\xa0\x80"]


@pytest.mark.parametrize("bad", BAD_OCTETS, ids=repr)
@pytest.mark.parametrize("line", LINES, ids=repr)
def test_a_received_command_holds_no_control_at_any_place(line: bytes, bad: bytes) -> None:
    for at in range(len(line) + 1):
        octets = line[:at] + bad + line[at:]
        with pytest.raises(CommandSyntaxError) as caught:
            parse_command(octets)
        assert caught.value.code in ((500, 421) if line.startswith(b"BDAT") else (500, 501))


def placed(line: bytes, bad: bytes) -> set[bytes]:
    """Return *line* with *bad* in front of, inside, behind and in place of each of its arguments."""
    found = set()
    for argument in re.finditer(rb"[^ :=<>@,]+", line.partition(b" ")[2]):
        start, end = (at + line.index(b" ") + 1 for at in argument.span())
        places = ((start, start), ((start + end) // 2,) * 2, (end, end), (start, end))
        found |= {line[:first] + bad + line[last:] for first, last in places}
    return found


def taken(pieces: list[bytes], **options: Any) -> list[Any]:
    """Return the events of a server that is fed with *pieces*, and accepts what it can."""
    return accept_all(ready_server(SMTPServerConnection(hostname="mx.example", **options)), pieces)


@pytest.mark.parametrize("bad", [b"\r", b"\0", b"\x7f", b"\x80", b"\xff"], ids=repr)
@pytest.mark.parametrize("line", [line for line in LINES if b" " in line], ids=repr)
def test_a_control_in_an_argument_is_refused_at_every_cut(line: bytes, bad: bytes) -> None:
    """CR, NUL, DEL and 8-bit: one line, one refusal, and what follows is read as what it is."""
    for octets in placed(line, bad):
        refused, *rest = for_every_split(octets + b"\r\nNOOP\r\n", taken)
        assert isinstance(refused, InvalidCommand), octets
        assert bad.decode("latin-1") not in refused.reply.text
        # Behind a BDAT that cannot be read nothing is.
        assert rest == ([] if line.startswith(b"BDAT") else [Noop()])


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("line", [line for line in LINES if b" " in line and line[:4] != b"BDAT"], ids=repr)
def test_an_lf_in_an_argument_ends_the_line_at_every_cut(line: bytes, strict: bool) -> None:
    """What is in front of it and behind it are two lines; under strict the first is refused for it."""
    for octets in placed(line, b"\n"):
        first, behind = octets.split(b"\n")
        events = for_every_split(octets + b"\r\nNOOP\r\n", lambda pieces: taken(pieces, strict=strict))
        alone = taken([first + b"\n"], strict=strict)
        assert len(alone) == 1
        assert not strict or isinstance(alone[0], InvalidCommand)
        assert events == [*alone, *taken([behind + b"\r\nNOOP\r\n"], strict=strict)]


@pytest.mark.parametrize("bad", [b"\r", b"\0", b"\x7f", b"\x80", b"\xff", b"\x1b"], ids=repr)
def test_a_control_in_a_reply_stays_in_it_at_every_cut(bad: bytes) -> None:
    """A client shows it as what it is not, and sees one reply; in the code it ends the connection."""
    octets = b"250-one 1\r\n250 two 2\r\n"
    for at in range(len(octets) - 1):
        replies: list[Any] = []

        def run(pieces: list[bytes], replies: list[Any] = replies) -> list[Any]:
            client = ready_client()
            client.send_command(Noop())
            replies.clear()
            try:
                for piece in pieces:
                    client.receive_data(piece)
                    replies += pull(client)
            except RemoteProtocolError as error:
                return [str(error)]
            assert (client.pending, client.buffered) == (0, 0)
            return list(replies)

        (seen,) = for_every_split(octets[:at] + bad + octets[at:], run)
        if isinstance(seen, Reply):
            assert len(seen.lines) == 2
            assert all(CONTROLS.search(line) is None for line in seen.serialize().split(b"\r\n"))
        else:
            assert seen.startswith("expected a line of a reply")


HEX = [b"+0D", b"+0A", b"+0D+0A", b"+00", b"+7F", b"+FF", b"+C2+85", b"+E2+80+A8", b"+ED+A0+80"]
NAMES = [(sample.name.encode(), name.encode()) for sample in SAMPLES[-3:-1] for name, _ in sample.attributes]


@pytest.mark.parametrize("hidden", HEX, ids=repr)
@pytest.mark.parametrize("verb, name", NAMES, ids=repr)
def test_no_control_is_hidden_in_xtext(verb: bytes, name: bytes, hidden: bytes) -> None:
    for value in (hidden, b"a" + hidden + b"b", b"[UNAVAILABLE]" + hidden, b"IPV6:" + hidden, b"1" + hidden):
        with pytest.raises(CommandSyntaxError) as caught:
            parse_command(b"%b %b=%b" % (verb, name, value))
        assert caught.value.code == 501


EMBEDDED = [rb"\x{0D}\x{0A}", rb"\x{A}", rb"\x{00}", rb"\x{0}", rb"\x{1B}", rb"\x{D800}", rb"\x{110000}"]
DECODED: dict[str, tuple[bytes, Parameter[Any]]] = {
    "ENVID": (b"MAIL FROM:<a@b> ENVID=a%bb", ENVID),
    "AUTH": (b"MAIL FROM:<a@b> AUTH=a%bb@x.example", AUTH),
    "AUTH in a domain": (b"MAIL FROM:<a@b> AUTH=a@x%b.example", AUTH),
    "AUTH in quotes": (b"MAIL FROM:<a@b> AUTH=+22a%bb+22@x.example", AUTH),
    "ORCPT": (b"RCPT TO:<a@b> ORCPT=rfc822;a%bb@x.example", ORCPT),
    "ORCPT in UTF-8": (b"RCPT TO:<a@b> ORCPT=utf-8;a%bb@x.example", ORCPT),
    "ORCPT of another type": (b"RCPT TO:<a@b> ORCPT=x400;a%bb", ORCPT),
    "type of ORCPT": (b"RCPT TO:<a@b> ORCPT=x%b;a", ORCPT),
}


@pytest.mark.parametrize("hidden", [*HEX, *EMBEDDED], ids=repr)
@pytest.mark.parametrize("line, parameter", DECODED.values(), ids=DECODED)
def test_no_control_comes_out_of_a_parameter(line: bytes, parameter: Parameter[Any], hidden: bytes) -> None:
    """What is decoded goes to logs, headers and reports: it is refused, or no line can be made of it."""
    try:
        command = parse_command(line % hidden)
    except CommandSyntaxError as error:
        assert error.code == 501
        return
    assert isinstance(command, Mail | Rcpt)
    value = command.parameters.value(parameter)
    assert value is not None
    text = str(value) if isinstance(value, str | Path) else f"{value.address_type};{value.address}"
    # DEL is no control here: RFC 6533 section 3 lets it be embedded.
    assert CONTROLS.search(text.replace("\x7f", "").encode()) is None


ARGUMENTS: dict[str, Callable[[str], Command]] = {
    "MAIL address": lambda bad: Mail(Path.of(f"a@b>{bad}")),
    "MAIL raw parameter": lambda bad: Mail(ALICE, ((f"X{bad}", "y"),)),
    "MAIL BODY": lambda bad: Mail(ALICE, Parameters.of(body=f"7BIT{bad}")),
    "RCPT address": lambda bad: Rcpt(Path.of(f"<a@b{bad}>")),
    "XCLIENT raw attribute": lambda bad: XClient(((f"NAME{bad}", "y"),)),  # type: ignore[arg-type]  # a careless caller
    "XCLIENT": lambda bad: XClient.of(login=f"a{bad}"),
    "XFORWARD": lambda bad: XForward.of(ident=f"{bad}a"),
    "BURL": lambda bad: Burl(f"imap://h/a{bad}"),
    "ETRN option": lambda bad: Etrn("a.example", f"@{bad}"),  # type: ignore[arg-type]  # a careless caller
}


@pytest.mark.parametrize("bad", ATTACKS, ids=repr)
@pytest.mark.parametrize("argument", ARGUMENTS)
def test_a_careless_caller_changes_nothing(argument: str, bad: str) -> None:
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
        lambda: EnhancedCode.parse(f"5.1.1{bad}"),
        lambda: Extensions((("X", f"a{bad}b"),)),
        lambda: Extensions(((f"X{bad}", ""),)),
        lambda: EtrnAnswer(EtrnOutcome.NOT_ALLOWED, reason=f"a{bad}b").reply(Etrn("x.example")),
        server.ehlo_reply,
    ):
        with pytest.raises(LocalProtocolError):
            build()


@pytest.mark.parametrize("bad", BAD, ids=repr)
def test_a_reply_that_can_be_built_is_whole_lines(bad: str) -> None:
    sample = Reply(550, ("a", "b"), EnhancedCode(5, 1, 1))
    for build in with_bad(sample.lines, bad):
        try:
            reply = replace(sample, lines=build())
        except LocalProtocolError:
            continue
        lines = reply.serialize().split(b"\r\n")
        assert [line[:10] for line in lines] == [b"550-5.1.1 ", b"550 5.1.1 ", b""]
        assert all(CONTROLS.search(line) is None for line in lines)


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


@pytest.mark.parametrize("line", LINES, ids=repr)
def test_no_suggested_reply_echoes_input(line: bytes) -> None:
    for octets in (line + b"\0evil\r\n", line + b" evil \xff\r\n", line + b" evil" * 3_000 + b"\r\n"):
        server = ready_server()
        server.receive_data(octets)
        event: Any = server.next_event()
        reply = getattr(event, "reply", None)
        if reply is not None:
            assert "evil" not in reply.text
            server.send_reply(reply)


def test_attributes_are_pairs_that_cannot_inject() -> None:
    for bad in ATTACKS:
        with pytest.raises(LocalProtocolError):
            XForward(Attributes([("IDENT", f"a{bad}")]))


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
