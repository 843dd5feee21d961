from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto._secret import Secret
from mailproto.address import NULL_PATH, Mailbox, Path
from mailproto.errors import Defect, LocalProtocolError
from mailproto.smtp import (
    TEMPORARILY_UNAVAILABLE,
    UNAVAILABLE,
    Attributes,
    Auth,
    Bdat,
    Burl,
    Command,
    Data,
    Ehlo,
    Etrn,
    Expn,
    Helo,
    Help,
    Lhlo,
    Mail,
    MessageBody,
    Noop,
    Parameters,
    Quit,
    Rcpt,
    Rset,
    SASLResponse,
    StartTLS,
    Unchecked,
    UnknownCommand,
    Vrfy,
    XClient,
    XForward,
)
from mailproto.smtp._grammar import CommandSyntaxError
from mailproto.smtp.commands import add_defects, parse_command, parse_sasl_response

ALICE = Path(Mailbox("alice", "a.example"))
POSTMASTER = Path(Mailbox("Postmaster", ""))

CASES: list[tuple[bytes, Command]] = [
    (b"EHLO me.example", Ehlo("me.example")),
    (b"EHLO [192.0.2.1]", Ehlo("[192.0.2.1]")),
    (b"EHLO [IPv6:2001:db8::1]", Ehlo("[IPv6:2001:db8::1]")),
    (b"HELO me.example", Helo("me.example")),
    (b"LHLO me.example", Lhlo("me.example")),
    (b"MAIL FROM:<>", Mail(NULL_PATH)),
    (b"MAIL FROM:<alice@a.example>", Mail(ALICE)),
    (b'MAIL FROM:<"a b"@a.example>', Mail(Path(Mailbox("a b", "a.example")))),
    (
        b"MAIL FROM:<alice@a.example> SIZE=100 BODY=8BITMIME X-NEW X=y",
        Mail(ALICE, Parameters([("SIZE", "100"), ("BODY", "8BITMIME"), ("X-NEW", None), ("X", "y")])),
    ),
    (b"RCPT TO:<alice@a.example>", Rcpt(ALICE)),
    (b"RCPT TO:<Postmaster>", Rcpt(POSTMASTER)),
    (b"RCPT TO:<alice@a.example> NOTIFY=NEVER", Rcpt(ALICE, Parameters([("NOTIFY", "NEVER")]))),
    (b"DATA", Data()),
    (b"RSET", Rset()),
    (b"QUIT", Quit()),
    (b"STARTTLS", StartTLS()),
    (b"NOOP", Noop()),
    (b"NOOP a b", Noop("a b")),
    (b"HELP", Help()),
    (b"HELP MAIL", Help("MAIL")),
    (b"VRFY alice", Vrfy("alice")),
    (b'VRFY "a b"', Vrfy('"a b"')),
    ("VRFY jürgen".encode(), Vrfy("jürgen")),
    (b"EXPN list", Expn("list")),
    ("VRFY jürgen SMTPUTF8".encode(), Vrfy("jürgen", smtputf8=True)),
    (b'VRFY "a SMTPUTF8"', Vrfy('"a SMTPUTF8"')),
    (b"VRFY SMTPUTF8", Vrfy("SMTPUTF8")),
    (b"EXPN list SMTPUTF8", Expn("list", smtputf8=True)),
    (b"AUTH PLAIN", Auth("PLAIN")),
    (b"AUTH PLAIN =", Auth("PLAIN", Secret(b""))),
    (b"AUTH SCRAM-SHA-256 AGEAYg==", Auth("SCRAM-SHA-256", Secret(b"\0a\0b"))),
    (b"ETRN a.example", Etrn("a.example")),
    (b"ETRN @a.example", Etrn("a.example", "@")),
    (b"ETRN #uucp", Etrn("uucp", "#")),
    (b"ETRN ##@a[", Etrn("#@a[", "#")),
    (b"XCLIENT ADDR=192.0.2.1", XClient.of(addr="192.0.2.1")),
    (
        b"XCLIENT NAME=c.example ADDR=IPV6:2001:db8::1 PORT=1025 PROTO=ESMTP HELO=[192.0.2.1] LOGIN=t+20im "
        b"DESTADDR=192.0.2.2 DESTPORT=25 REVERSE_NAME=[TEMPUNAVAIL]",
        XClient.of(
            name="c.example",
            addr="2001:db8::1",
            port=1025,
            proto="ESMTP",
            helo="[192.0.2.1]",
            login="t im",
            destaddr="192.0.2.2",
            destport=25,
            reverse_name=TEMPORARILY_UNAVAILABLE,
        ),
    ),
    (b"XCLIENT LOGIN=j+C3+BCrgen+3D+2B", XClient(Attributes([("LOGIN", "jürgen=+")]))),
    (b"XCLIENT NAME=[UNAVAILABLE] LOGIN=[UNAVAILABLE]", XClient.of(name=None, login=None)),
    (
        b"XFORWARD NAME=[TEMPUNAVAIL] ADDR=[UNAVAILABLE] PORT=65535 PROTO=UUCP HELO=<x> "
        b"IDENT=1+20a SOURCE=LOCAL",
        XForward.of(
            name=TEMPORARILY_UNAVAILABLE,
            addr=None,
            port=65_535,
            proto="UUCP",
            helo="<x>",
            ident="1 a",
            source="LOCAL",
        ),
    ),
    (b"XFORWARD SOURCE=[UNAVAILABLE]", XForward.of(source=UNAVAILABLE)),
    (b"XFORWARD IDENT=" + b"x" * 255, XForward.of(ident="x" * 255)),
    (b"XFOO NAME=x", UnknownCommand("XFOO", "NAME=x")),
    (b"BDAT 0", Bdat(0)),
    (b"BDAT 0 LAST", Bdat(0, last=True)),
    (b"BDAT 86 LAST", Bdat(86, last=True)),
    (b"BDAT 99999999999999999999", Bdat(10**20 - 1)),
    (b"BURL imap://a@h/b;uid=1 LAST", Burl("imap://a@h/b;uid=1", last=True)),
    (
        b"BURL imap://h/a;uid=1;urlauth=submit+a:internal:91",
        Burl("imap://h/a;uid=1;urlauth=submit+a:internal:91"),
    ),
    (b"BURL http://[::1]/%20?a=b", Burl("http://[::1]/%20?a=b")),
    (b"TURN", UnknownCommand("TURN")),
]


@pytest.mark.parametrize(
    "line, command", CASES, ids=lambda case: case.decode() if isinstance(case, bytes) else ""
)
def test_reads_and_writes(line: bytes, command: Command) -> None:
    parsed = parse_command(line)
    assert parsed == command
    assert type(parsed) is type(command)
    assert parsed.defects == ()
    assert hash(parsed) == hash(command)
    assert command.serialize() == line + b"\r\n"
    assert command.name.removesuffix(" LAST") == line.split(b" ")[0].decode()


DEFECTS: list[tuple[bytes, Command, tuple[Defect, ...]]] = [
    (b"mail from:<alice@a.example>", Mail(ALICE), ()),
    (b"MAIL FROM: <>", Mail(NULL_PATH), (Defect("space-before-path", 10, b" <>"),)),
    (b"MAIL  FROM:<>", Mail(NULL_PATH), (Defect("space-before-argument", 5, b" FROM:<>"),)),
    (b"MAIL FROM :<>", Mail(NULL_PATH), (Defect("space-before-colon", 9, b" :<>"),)),
    (
        b"MAIL FROM:alice@a.example SIZE=1",
        Mail(ALICE, Parameters([("SIZE", "1")])),
        (Defect("path-without-brackets", 10, b"alice@a.example SIZE=1"),),
    ),
    (
        b"RCPT TO: alice@a.example",
        Rcpt(ALICE),
        (
            Defect("space-before-path", 8, b" alice@a.example"),
            Defect("path-without-brackets", 9, b"alice@a.example"),
        ),
    ),
    (b"QUIT  ", Quit(), (Defect("trailing-white-space", 4, b"  "),)),
    (b"NOOP\t", Noop(), (Defect("trailing-white-space", 4, b"\t"),)),
    (b"MAIL FROM:<> ", Mail(NULL_PATH), (Defect("trailing-white-space", 12, b" "),)),
]


@pytest.mark.parametrize(
    "line, command, defects", DEFECTS, ids=lambda case: repr(case) if isinstance(case, bytes) else ""
)
def test_reads_what_peers_really_send(line: bytes, command: Command, defects: tuple[Defect, ...]) -> None:
    parsed = parse_command(line)
    assert parsed == command
    assert parsed.defects == defects


def test_a_hello_that_is_no_domain_is_a_defect() -> None:
    parsed = parse_command(b"EHLO my_host", 100)
    assert isinstance(parsed, Ehlo)
    assert parsed.domain == "my_host"
    assert parsed.defects == (Defect("hello-not-a-domain", 107, b"_host"),)
    assert parsed.serialize() == b"EHLO my_host\r\n"


def test_source_routes_are_dropped() -> None:
    assert parse_command(b"RCPT TO:<@x.example,@y.example:alice@a.example>") == Rcpt(ALICE)


NOT_CASES = [
    (b"", 500),
    (b" NOOP", 500),
    (b"\x00\xff", 500),
    (b"MA\rIL FROM:<>", 500),
    (b"EHLO", 501),
    (b"EHLO a b", 501),
    (b"EHLO \xff", 501),
    ("EHLO münchen.example".encode(), 501),
    (b"MAIL", 501),
    (b"MAIL FROM", 501),
    (b"MAIL FROM:", 501),
    (b"MAIL FROM:  ", 501),
    (b"MAIL TO:<a@b>", 501),
    (b"MAIL FROM:<a@b", 501),
    (b"MAIL FROM:<a@b>x", 501),
    (b"MAIL FROM:a@", 501),
    (b"MAIL FROM:<Postmaster>", 501),
    (b"MAIL FROM:<a@b> SIZE=", 501),
    (b"MAIL FROM:<a@b> SIZE=x", 501),
    (b"MAIL FROM:<a@b> SIZE", 501),
    (b"MAIL FROM:<a@b> SIZE=123456789012345678901", 501),
    (b"MAIL FROM:<a@b> SIZE=1 size=2", 501),
    (b"MAIL FROM:<a@b> =1", 501),
    (b"MAIL FROM:<a@b> X=\xff", 501),
    (b"MAIL FROM:<a\x00@b>", 501),
    (b"RCPT TO:<>", 501),
    (b"RCPT FROM:<a@b>", 501),
    (b"DATA x", 501),
    (b"RSET x", 501),
    (b"QUIT x", 501),
    (b"STARTTLS x", 501),
    (b"NOOP a\rb", 501),
    (b"NOOP a\x00b", 501),
    (b"NOOP \xff", 501),
    (b"VRFY", 501),
    (b"EXPN", 501),
    (b"AUTH", 501),
    (b"AUTH PLAIN a b", 501),
    (b"AUTH PLAIN AA", 501),
    (b"AUTH PLAIN A A=", 501),
    (b"AUTH PL+AIN", 501),
    (b"AUTH " + b"A" * 21, 501),
    (b"XFOO \x01", 501),
    (b"ETRN", 500),
    (b"ETRN localname", 501),
    (b"ETRN @", 501),
    (b"ETRN @com", 501),
    (b"ETRN #", 501),
    (b"ETRN # x", 501),
    (b"ETRN #" + b"x" * 256, 501),
    (b"ETRN a.example b.example", 501),
    (b"ETRN [192.0.2.1]", 501),
    (b"ETRN a..example", 501),
    (b"ETRN \xff.example", 501),
    (b"ETRN a.example\x00", 501),
    (b"XCLIENT", 501),
    (b"XCLIENT NAME", 501),
    (b"XCLIENT NAME=", 501),
    (b"XCLIENT =x", 501),
    (b"XCLIENT NAME=a NAME=b", 501),
    (b"XCLIENT NAME=a name=b", 501),
    (b"XCLIENT IDENT=x", 501),
    (b"XCLIENT FOO=x", 501),
    (b"XCLIENT NAME=a+b", 501),
    (b"XCLIENT NAME=a+2", 501),
    (b"XCLIENT NAME=a+2e", 501),
    (b"XCLIENT NAME=a=b", 501),
    (b"XCLIENT NAME=\xff", 501),
    (b"XCLIENT NAME=a+20b", 501),
    (b"XCLIENT NAME=" + b"x" * 256, 501),
    (b"XCLIENT LOGIN=+C3", 501),
    (b"XCLIENT LOGIN=a+0Db", 501),
    (b"XCLIENT LOGIN=a+0Ab", 501),
    (b"XCLIENT LOGIN=a+00b", 501),
    (b"XCLIENT LOGIN=a+7Fb", 501),
    (b"XCLIENT LOGIN=[TEMPUNAVAIL]+0D", 501),
    (b"XCLIENT HELO=a+20b", 501),
    (b"XCLIENT HELO=+C3+BC", 501),
    (b"XCLIENT ADDR=192.0.2.256", 501),
    (b"XCLIENT ADDR=2001:db8::1", 501),
    (b"XCLIENT ADDR=IPV6:192.0.2.1", 501),
    (b"XCLIENT ADDR=IPV6:2001:db8:::1", 501),
    (b"XCLIENT ADDR=X:1", 501),
    (b"XCLIENT ADDR=192.0.2.1]", 501),
    (b"XCLIENT ADDR=host.example", 501),
    (b"XCLIENT PORT=65536", 501),
    (b"XCLIENT PORT=-1", 501),
    (b"XCLIENT PORT=+D9+A3", 501),
    (b"XCLIENT PROTO=LMTP", 501),
    (b"XCLIENT PROTO=[UNAVAILABLE]", 501),
    (b"XCLIENT PROTO=+C5+BFMTP", 501),
    (b"XFORWARD LOGIN=x", 501),
    (b"XFORWARD IDENT=" + b"x" * 256, 501),
    (b"XFORWARD PROTO=" + b"x" * 65, 501),
    (b"XFORWARD SOURCE=ELSEWHERE", 501),
    (b"BDAT", 421),
    (b"BDAT ", 421),
    (b"BDAT x", 421),
    (b"BDAT -1", 421),
    (b"BDAT +1", 421),
    (b"BDAT 1_0", 421),
    (b"BDAT 0x10", 421),
    ("BDAT \u0661".encode(), 421),
    (b"BDAT 5LAST", 421),
    (b"BDAT 5 LAST LAST", 421),
    (b"BDAT 5 FIRST", 421),
    (b"BDAT LAST", 421),
    (b"BDAT 5\tLAST", 421),
    (b"BDAT 5\r", 421),
    (b"BDAT 100000000000000000000", 421),
    (b"BURL", 501),
    (b"BURL LAST", 501),
    (b"BURL imap:", 501),
    (b"BURL //h/a", 501),
    (b"BURL imap://h/a#b", 501),
    (b"BURL imap://h/%2", 501),
    (b"BURL imap://h/a FIRST", 501),
    (b"BURL imap://h/a LAST LAST", 501),
    (b"BURL imap://h/\xc3\xbc", 501),
]


@pytest.mark.parametrize("line, code", NOT_CASES, ids=repr)
def test_refuses(line: bytes, code: int) -> None:
    with pytest.raises(CommandSyntaxError) as caught:
        parse_command(line)
    assert caught.value.code == code
    assert 0 <= caught.value.offset <= max(len(line), 5)


SASL_CASES = [
    (b"*", SASLResponse(None)),
    (b"", SASLResponse(Secret(b""))),
    (b"YQ==", SASLResponse(Secret(b"a"))),
]


@pytest.mark.parametrize("line, response", SASL_CASES)
def test_sasl_responses(line: bytes, response: SASLResponse) -> None:
    assert parse_sasl_response(line) == response
    assert response.serialize() == line + b"\r\n"


@pytest.mark.parametrize("line", [b"YQ", b"Y Q=", b"**", b"\xff", b"YQ=="[:3]])
def test_malformed_sasl_responses(line: bytes) -> None:
    with pytest.raises(CommandSyntaxError) as caught:
        parse_sasl_response(line)
    assert (caught.value.code, caught.value.enhanced_code) == (501, "5.5.2")


def test_secrets_are_not_shown() -> None:
    assert Auth("PLAIN", Secret(b"pw")).shown() == b"AUTH PLAIN ***\r\n"
    assert Auth("LOGIN").shown() == b"AUTH LOGIN\r\n"
    assert SASLResponse(Secret(b"pw")).shown() == b"***\r\n"
    assert SASLResponse(None).shown() == b"*\r\n"
    assert "pw" not in repr(Auth("PLAIN", Secret(b"pw")))
    assert Noop("x").shown() == b"NOOP x\r\n"


def test_pseudo_commands_serialize() -> None:
    assert MessageBody().serialize() == b".\r\n"
    assert Unchecked(b"x\n").serialize() == b"x\n"


def test_a_token_is_not_shown() -> None:
    burl = Burl("imap://h/a;uid=1;URLAUTH=submit+a:internal:91354a", last=True)
    assert burl.shown() == b"BURL imap://h/a;uid=1;URLAUTH=submit+a:*** LAST\r\n"
    assert repr(burl) == "Burl('imap://h/a;uid=1;URLAUTH=submit+a:***', last=True)"
    assert Burl("imap://h/a;uid=1").shown() == b"BURL imap://h/a;uid=1\r\n"


def test_names_of_the_last_ones() -> None:
    chunks = (Bdat(1), Bdat(1, last=True), Burl("a:b"), Burl("a:b", last=True))
    assert [chunk.name for chunk in chunks] == ["BDAT", "BDAT LAST", "BURL", "BURL LAST"]


@pytest.mark.parametrize("line", [b"BDAT  5 LAST", b"bdat 5  last", b"BDAT 5 LAST "])
def test_spaces_around_the_size_leave_no_doubt(line: bytes) -> None:
    command = parse_command(line)
    assert command == Bdat(5, last=True)
    assert len(command.defects) == 1


def test_names_are_kept_in_capital_letters() -> None:
    assert Auth("plain") == Auth("PLAIN")
    assert UnknownCommand("xfoo") == UnknownCommand("XFOO")
    assert parse_command(b"xfoo a") == UnknownCommand("XFOO", "a")
    assert parse_command(b"xclient  name=[unavailable] addr=ipv6:::1") == XClient.of(
        name=None, addr="ipv6:::1"
    )


def test_defects_count_in_no_comparison_and_can_be_added() -> None:
    command = add_defects(parse_command(b"RCPT TO: <alice@a.example>"), (Defect("bare-lf", 20),))
    assert command == Rcpt(ALICE)
    assert [defect.rule for defect in command.defects] == ["space-before-path", "bare-lf"]


LOCAL_ERRORS = [
    lambda: Ehlo(""),
    lambda: Ehlo("my_host"),
    lambda: Ehlo("münchen.example"),
    lambda: Mail(POSTMASTER),
    lambda: Mail(ALICE, Parameters([("SIZE", "x")])),
    lambda: Vrfy("a SMTPUTF8"),
    lambda: Expn("a smtputf8"),
    lambda: Rcpt(NULL_PATH),
    lambda: Vrfy(""),
    lambda: Noop(" x"),
    lambda: Auth("PL AIN"),
    lambda: Auth("ſcram"),
    lambda: Bdat(-1),
    lambda: Bdat(10**20),
    lambda: Burl(""),
    lambda: Burl("LAST"),
    lambda: Burl("imap://h/a b"),
    lambda: Burl("imap://h/a LAST\r\nRSET"),
    lambda: Burl("imap://h/ü"),
    lambda: UnknownCommand("MAIL"),
    lambda: UnknownCommand("ETRN"),
    lambda: UnknownCommand("xclient"),
    lambda: Etrn("localname"),
    lambda: Etrn("com", "@"),
    lambda: Etrn("a.example", "*"),  # type: ignore[arg-type]  # a careless caller
    lambda: Etrn("@a.example"),
    lambda: Etrn("", "#"),
    lambda: XClient(Attributes()),
    lambda: XClient.of(),
    lambda: XClient.of(name=""),
    lambda: XClient.of(foo="x"),
    lambda: XClient.of(addr="x"),
    lambda: XClient.of(proto=None),
    lambda: XClient.of(port=65_536),
    lambda: XClient.of(login="\ud800"),
    lambda: XClient(Attributes([("NAME", "a"), ("name", "b")])),
    lambda: XForward.of(login="x"),
    lambda: XForward.of(ident="x" * 256),
    lambda: UnknownCommand("BDAT", "5"),
    lambda: UnknownCommand("data"),
    lambda: UnknownCommand("X", "a "),
    lambda: UnknownCommand(""),
]


@pytest.mark.parametrize("build", LOCAL_ERRORS)
def test_what_cannot_be_written_cannot_be_built(build: object) -> None:
    assert callable(build)
    with pytest.raises(LocalProtocolError):
        build()


texts = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=20).map(
    lambda text: text.strip(" \t")
)
local_parts = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)
paths = st.builds(lambda local: Path(Mailbox(local, "d.example")), local_parts)
values = st.text(
    st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="="), min_size=1, max_size=9
)
keywords = st.from_regex(r"X[A-Z0-9-]{0,8}", fullmatch=True)
parameters = st.dictionaries(keywords, st.none() | values).map(lambda pairs: Parameters(pairs.items()))
printable = st.text(max_size=60).filter(lambda text: bool(text) and text.isprintable())
urls = st.from_regex(r"imap://[a-z.]{1,9}/(?:[A-Za-z0-9;=:+]|%2F){0,9}", fullmatch=True)
secrets = st.binary(max_size=20).map(Secret)
commands = st.one_of(
    st.builds(Mail, paths | st.just(NULL_PATH), parameters),
    st.builds(Rcpt, paths, parameters),
    st.builds(Noop, texts),
    st.builds(Help, texts),
    st.builds(Vrfy, texts.filter(bool)),
    st.builds(Bdat, st.integers(0, 10**20 - 1), st.booleans()),
    st.builds(Burl, urls, st.booleans()),
    st.builds(Expn, texts.filter(bool)),
    st.builds(Auth, st.from_regex(r"[A-Z0-9_-]{1,20}", fullmatch=True), st.none() | secrets),
    st.builds(UnknownCommand, keywords, texts),
    st.builds(Etrn, st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1), st.just("#")),
    st.builds(lambda text: XClient.of(login=text), printable),
    st.builds(lambda text: XForward.of(ident=text, name=None), printable),
    st.sampled_from([Data(), Rset(), Quit(), StartTLS(), Ehlo("x.example"), Helo("[192.0.2.1]"), Lhlo("y")]),
)


@given(commands)
def test_what_is_written_reads_the_same(command: Command) -> None:
    octets = command.serialize()
    assert octets.endswith(b"\r\n")
    assert octets.count(b"\n") == octets.count(b"\r") == 1
    parsed = parse_command(octets[:-2])
    assert parsed == command
    assert parsed.defects == ()
    assert parsed.serialize() == octets
