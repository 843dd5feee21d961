from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto._secret import Secret
from mailproto.errors import LocalProtocolError
from mailproto.imap.commands import (
    COMMANDS,
    Append,
    Authenticate,
    Capability,
    Check,
    Close,
    Command,
    Copy,
    Create,
    Delete,
    Examine,
    Expunge,
    Fetch,
    List,
    Login,
    Logout,
    LSub,
    Noop,
    Rename,
    Search,
    Select,
    StartTLS,
    Status,
    Store,
    StoreAction,
    Subscribe,
    TaggedCommand,
    UIDCopy,
    UIDFetch,
    UIDSearch,
    UIDStore,
    UnknownCommand,
    Unsubscribe,
    parse_command,
    write_command,
)
from mailproto.imap.cursor import ParseError
from mailproto.imap.fetch import FLAGS, BodySection
from mailproto.imap.search import From, Seen
from mailproto.imap.sequence import SequenceSet, UIDSet
from mailproto.imap.values import Message, Omitted, Streamed
from mailproto.imap.writer import GATE, LiteralForm, SecretOctets, StreamedLiteral, Writer
from support_imap_strategies import commands
from support_imap_wire import command_octets, frame, parse_octets

PDT = timezone(timedelta(hours=-7))
SEEN = frozenset({"\\Seen"})
BOTH = frozenset({"\\Deleted", "$Junk"})

CASES: list[tuple[bytes, Command]] = [
    (b"CAPABILITY", Capability()),
    (b"NOOP", Noop()),
    (b"LOGOUT", Logout()),
    (b"STARTTLS", StartTLS()),
    (b"CHECK", Check()),
    (b"CLOSE", Close()),
    (b"EXPUNGE", Expunge()),
    (b"AUTHENTICATE GSSAPI", Authenticate("gssapi")),
    (b"AUTHENTICATE PLAIN dGVzdAB0ZXN0AHRlc3Q=", Authenticate("PLAIN", Secret(b"test\0test\0test"))),
    (b"AUTHENTICATE EXTERNAL =", Authenticate("EXTERNAL", Secret(b""))),
    (b'LOGIN smith "sesame"', Login("smith", Secret("sesame"))),
    (b'LOGIN "" ""', Login("", Secret(""))),
    (b"LOGIN {3}\r\n\xff\r\n {3}\r\na\r\n", Login("\udcff\r\n", Secret("a\r\n"))),
    (b"SELECT INBOX", Select("inbox")),
    (b"EXAMINE blurdybloop", Examine("blurdybloop")),
    (b"CREATE owatagusiam/", Create("owatagusiam/")),
    (b"DELETE foo", Delete("foo")),
    (b"RENAME INBOX old-mail", Rename("InBox", "old-mail")),
    (b"SUBSCRIBE #news.comp.mail.mime", Subscribe("#news.comp.mail.mime")),
    (b"UNSUBSCRIBE #news.comp.mail.mime", Unsubscribe("#news.comp.mail.mime")),
    (b'LIST "" ""', List("", "")),
    (b"LIST ~/Mail/ %", List("~/Mail/", "%")),
    (b'LSUB "" "* &- \\\\"', LSub("", "* & \\")),
    (b"STATUS blurdybloop (UIDNEXT MESSAGES)", Status("blurdybloop", ("uidnext", "MESSAGES"))),
    (b"STATUS x (HIGHESTMODSEQ)", Status("x", ("HIGHESTMODSEQ",))),
    (b"APPEND saved-messages (\\Seen) {4}\r\na\r\nb", Append("saved-messages", b"a\r\nb", SEEN)),
    (
        b'APPEND x " 7-Feb-1994 21:52:25 -0700" {0}\r\n',
        Append("x", b"", internal_date=datetime(1994, 2, 7, 21, 52, 25, tzinfo=PDT)),
    ),
    (
        b'APPEND x ($Junk \\Deleted) "17-Jul-1996 02:44:25 +0000" {1}\r\n"',
        Append("x", b'"', BOTH, internal_date=datetime(1996, 7, 17, 2, 44, 25, tzinfo=UTC)),
    ),
    (b"SEARCH SEEN", Search(Seen())),
    (b"UID SEARCH SEEN FROM Smith", UIDSearch(Seen() & From("Smith"))),
    (b"FETCH 2:4 FLAGS", Fetch(SequenceSet("2:4"), (FLAGS,))),
    (b"FETCH 2:4 (FLAGS BODY.PEEK[HEADER])", Fetch(SequenceSet("2:4"), (FLAGS, BodySection((), "HEADER")))),
    (b"UID FETCH 4827313:* FLAGS", UIDFetch(UIDSet("4827313:*"), (FLAGS,))),
    (b"STORE 2:4 +FLAGS (\\Seen)", Store(SequenceSet("2:4"), StoreAction.ADD, SEEN)),
    (b"STORE * FLAGS ()", Store(SequenceSet("*"), StoreAction.REPLACE, frozenset())),
    (
        b"UID STORE 9 -FLAGS.SILENT ($Junk \\Deleted)",
        UIDStore(UIDSet("9"), StoreAction.REMOVE, BOTH, silent=True),
    ),
    (b"COPY 2:4 MEETING", Copy(SequenceSet("2:4"), "MEETING")),
    (b"UID COPY 4:2 INBOX", UIDCopy(UIDSet("4:2"), "INBOX")),
    (b'XFROB a "b" (1 NIL) {1}\r\n\n', UnknownCommand("xfrob", ("a", b"b", (1, None), b"\n"))),
    (b"UID XFROB 5", UnknownCommand("UID XFROB", (5,))),
    (b'UID "x"', UnknownCommand("UID", (b"x",))),
]


@pytest.mark.parametrize(("wire", "command"), CASES)
def test_both_directions(wire: bytes, command: Command) -> None:
    assert parse_octets(b"a " + wire + b"\r\n") == command
    assert command_octets(command) == b"a " + wire + b"\r\n"


OTHER_SPELLINGS: list[tuple[bytes, Command]] = [
    (b"noop", Noop()),
    (b"uid fetch 1 (flags)", UIDFetch(UIDSet("1"), (FLAGS,))),
    (b"LOGIN {11}\r\nFRED FOOBAR {7}\r\nfat man", Login("FRED FOOBAR", Secret("fat man"))),
    (b"LOGIN {4+}\r\nfred pass", Login("fred", Secret("pass"))),
    (b'SELECT "inBOX"', Select("INBOX")),
    (
        b"STORE 1 +flags \\seen $Junk",
        Store(SequenceSet("1"), StoreAction.ADD, frozenset({"\\Seen", "$Junk"})),
    ),
    (b"STORE 1 Flags.Silent \\SEEN", Store(SequenceSet("1"), StoreAction.REPLACE, SEEN, silent=True)),
]


@pytest.mark.parametrize(("wire", "command"), OTHER_SPELLINGS)
def test_other_spellings_are_read(wire: bytes, command: Command) -> None:
    assert parse_octets(b"a " + wire + b"\r\n") == command


NOT_CASES = [
    b"",
    b"(",
    b"NOOP ",
    b"NOOP x",
    b" NOOP",
    b"SELECT",
    b"SELECT ",
    b"SELECT  a",
    b"SELECT a b",
    b"SELECT (a)",
    b"SELECT a*",
    b'SELECT "a',
    b"SELECT {3}\r\na\0b",
    b"RENAME a",
    b"LIST a",
    b"STATUS a ()",
    b"STATUS a MESSAGES",
    b"STATUS a (MESSAGES",
    b'STATUS a ("x")',
    b"LOGIN a",
    b"LOGIN a b c",
    b"LOGIN a {3}\r\na\0b",
    b"AUTHENTICATE",
    b"AUTHENTICATE PLAIN !",
    b"AUTHENTICATE PLAIN AA",
    b"AUTHENTICATE PLAIN ",
    b"APPEND x",
    b'APPEND x "abc"',
    b"APPEND x abc",
    b"APPEND x (a(b) {1}\r\na",
    b"APPEND x (\\*) {1}\r\na",
    b'APPEND x "40-Jan-2001 00:00:00 +0000" {1}\r\na',
    b"APPEND x {1}\r\na b",
    b"FETCH 0 FLAGS",
    b"FETCH 1",
    b"FETCH 4294967296 FLAGS",
    b"FETCH 1 ()",
    b"STORE 1 FLAGS",
    b"STORE 1 FLAG (\\Seen)",
    b"STORE 1 +-FLAGS (\\Seen)",
    b"STORE 1 FLAGS.LOUD (\\Seen)",
    b"STORE 1 FLAGS (\\*)",
    b"COPY 1",
    b"COPY a b",
    b"UID ",
    b"UID FETCH",
    b"UID  FETCH 1 FLAGS",
    b"XFROB  a",
    b"XFROB (a",
    b"XFROB a)",
    b'XFROB "a',
]


@pytest.mark.parametrize("wire", NOT_CASES)
def test_what_is_no_command_and_still_has_a_tag(wire: bytes) -> None:
    with pytest.raises(ParseError) as caught:
        parse_command(frame(b"a " + wire + b"\r\n"))
    assert caught.value.tag == "a"


def test_a_message_with_nul_is_read_with_a_defect_and_not_sent() -> None:
    tagged = parse_command(frame(b"a APPEND x {3}\r\na\0b\r\n"))
    assert isinstance(tagged.command, Append)
    assert tagged.command.message == b"a\0b"
    assert len(tagged.defects) == 1
    with pytest.raises(LocalProtocolError):
        command_octets(tagged.command)


def test_a_streamed_message_is_read_from_the_head() -> None:
    tagged = parse_command(Message(b"a APPEND x (\\Seen) {310}\r\n", (Streamed(310),)))
    assert tagged.command == Append("x", Streamed(310), SEEN)


@pytest.mark.parametrize(
    ("text", "literal"),
    [
        (b"a APPEND {310}\r\n", Streamed(310)),
        (b"a LOGIN {310}\r\n x", Streamed(310)),
        (b"a SEARCH FROM {310}\r\n", Streamed(310)),
        (b"a APPEND x {310}\r\n", Omitted(310)),
    ],
)
def test_other_literals_must_be_kept(text: bytes, literal: Streamed | Omitted) -> None:
    with pytest.raises(ParseError):
        parse_command(Message(text, (literal,)))


def _fragments(command: Command, form: LiteralForm) -> list[object]:
    writer = Writer(form)
    write_command(writer, TaggedCommand("a", command))
    return list(writer.fragments())


def test_fragments_of_a_streamed_append() -> None:
    command = Append("x", Streamed(5_000), SEEN)
    for form in (LiteralForm.SYNCHRONIZING, LiteralForm.PLUS):
        assert _fragments(command, form) == [
            b"a APPEND x (\\Seen) {5000}\r\n",
            GATE,
            StreamedLiteral(5_000),
            b"\r\n",
        ]
    assert _fragments(Append("x", Streamed(4_096)), LiteralForm.PLUS) == [
        b"a APPEND x {4096+}\r\n",
        StreamedLiteral(4_096),
        b"\r\n",
    ]


def test_passwords_are_hidden() -> None:
    login = Login("joe", Secret("s3cret"))
    assert _fragments(login, LiteralForm.PLUS) == [b"a LOGIN joe ", SecretOctets(b'"s3cret"'), b"\r\n"]
    assert "s3cret" not in repr(login)
    plain = Authenticate("PLAIN", Secret(b"s3cret"))
    assert _fragments(plain, LiteralForm.PLUS) == [
        b"a AUTHENTICATE PLAIN ",
        SecretOctets(b"czNjcmV0"),
        b"\r\n",
    ]
    assert "s3cret" not in repr(plain)
    assert "octets" not in repr(Append("x", b"octets of a message"))


ONE = SequenceSet("1")
UID_1 = UIDSet("1")

TEXTS: list[tuple[str, Callable[[str], Command]]] = [
    ("LOGIN user", lambda text: Login(text, Secret("x"))),
    ("LOGIN password", lambda text: Login("x", Secret(text))),
    ("SELECT", Select),
    ("EXAMINE", Examine),
    ("CREATE", Create),
    ("DELETE", Delete),
    ("SUBSCRIBE", Subscribe),
    ("UNSUBSCRIBE", Unsubscribe),
    ("RENAME", lambda text: Rename(text, "x")),
    ("RENAME new", lambda text: Rename("x", text)),
    ("LIST reference", lambda text: List(text, "x")),
    ("LIST pattern", lambda text: List("x", text)),
    ("LSUB reference", lambda text: LSub(text, "x")),
    ("LSUB pattern", lambda text: LSub("x", text)),
    ("STATUS", lambda text: Status(text, ("MESSAGES",))),
    ("APPEND", lambda text: Append(text, b"x")),
    ("APPEND message", lambda text: Append("x", text.encode())),
    ("COPY", lambda text: Copy(ONE, text)),
    ("UID COPY", lambda text: UIDCopy(UID_1, text)),
    ("SEARCH", lambda text: Search(From(text))),
    ("unknown, string", lambda text: UnknownCommand("X", (text.encode(),))),
]
ATOMS: list[tuple[str, Callable[[str], Command]]] = [
    ("AUTHENTICATE", Authenticate),
    ("STATUS item", lambda text: Status("x", (text,))),
    ("APPEND flag", lambda text: Append("x", b"x", frozenset({text}))),
    ("STORE flag", lambda text: Store(ONE, StoreAction.ADD, frozenset({text}))),
    ("UID STORE flag", lambda text: UIDStore(UID_1, StoreAction.ADD, frozenset({text}))),
    ("SEARCH charset", lambda text: Search(From("x"), text)),
    ("unknown, name", UnknownCommand),
    ("unknown, atom", lambda text: UnknownCommand("X", (text,))),
    ("FETCH set", lambda text: Fetch(SequenceSet(text), (FLAGS,))),
]
ATTACKS = [
    "a\r\nb LOGOUT",
    "\r",
    "\n",
    "a\nb",
    'a"\r\nb',
    "{5}\r\n",
    "a {3+}\r\nabc",
    ") (",
    "\\",
    '"',
    "{5}",
    "\x7f",
]


@pytest.mark.parametrize("text", ATTACKS, ids=repr)
@pytest.mark.parametrize("build", [row[1] for row in TEXTS], ids=[row[0] for row in TEXTS])
def test_octets_in_strings_stay_one_command(build: Callable[[str], Command], text: str) -> None:
    command = build(text)
    for form in LiteralForm:
        wire = command_octets(command, form)
        message = frame(wire)
        assert b"\r" not in message.text.replace(b"}\r\n", b"")
        assert b"\n" not in message.text.replace(b"}\r\n", b"")
        assert parse_octets(wire) == command


@pytest.mark.parametrize("build", [row[1] for row in TEXTS], ids=[row[0] for row in TEXTS])
def test_nul_in_strings_is_a_local_error(build: Callable[[str], Command]) -> None:
    with pytest.raises(LocalProtocolError):
        build("a\0b")


@pytest.mark.parametrize("text", ["a\r\nb LOGOUT", "\r", "\n", "a\0b", "\0"], ids=repr)
@pytest.mark.parametrize("build", [row[1] for row in ATOMS], ids=[row[0] for row in ATOMS])
def test_line_ends_and_nul_elsewhere_are_local_errors(build: Callable[[str], Command], text: str) -> None:
    with pytest.raises(LocalProtocolError):
        build(text)


NOT_COMMANDS: list[tuple[str, Callable[[], object]]] = [
    ("no command", lambda: TaggedCommand("a", "NOOP")),  # type: ignore[arg-type]  # what an untyped caller does
    ("bare password", lambda: Login("a", "b")),  # type: ignore[arg-type]  # the mistake
    ("bare initial response", lambda: Authenticate("PLAIN", b"b")),  # type: ignore[arg-type]  # the mistake
    ("password with a lone surrogate", lambda: Login("a", Secret("\ud800"))),
    ("password that joins surrogates", lambda: Login("a", Secret("\udcc3\udca9"))),
    ("user as bytes", lambda: Login(b"a", Secret("b"))),  # type: ignore[arg-type]  # the mistake
    ("mechanism", lambda: Authenticate("A B")),
    ("mechanism as bytes", lambda: Authenticate(b"PLAIN")),  # type: ignore[arg-type]  # the mistake
    ("mailbox as bytes", lambda: Select(b"INBOX")),  # type: ignore[arg-type]  # the mistake
    ("no status items", lambda: Status("x", ())),
    ("status items as a string", lambda: Status("x", "MESSAGES")),  # type: ignore[arg-type]  # the mistake
    ("message as str", lambda: Append("x", "text")),  # type: ignore[arg-type]  # the mistake
    ("message as bytearray", lambda: Append("x", bytearray(b"text"))),  # type: ignore[arg-type]  # the mistake
    ("flags as a string", lambda: Append("x", b"", "\\Seen")),  # type: ignore[arg-type]  # the mistake
    ("naive date", lambda: Append("x", b"", internal_date=datetime(2001, 1, 1))),
    ("wildcard", lambda: Store(ONE, StoreAction.ADD, frozenset({"\\*"}))),
    ("action", lambda: Store(ONE, "+", SEEN)),  # type: ignore[arg-type]  # the mistake
    ("UIDs", lambda: Copy(UID_1, "x")),  # type: ignore[arg-type]  # the mistake
    ("sequence numbers", lambda: UIDCopy(ONE, "x")),  # type: ignore[arg-type]  # the mistake
    ("empty set", lambda: Copy(SequenceSet(), "x")),
    ("no items", lambda: Fetch(ONE, ())),
    ("others as items", lambda: Fetch(ONE, ("FLAGS",))),  # type: ignore[arg-type]  # the mistake
    ("no key", lambda: Search("ALL")),  # type: ignore[arg-type]  # the mistake
    ("known name", lambda: UnknownCommand("noop")),
    ("known name of two words", lambda: UnknownCommand("uid fetch")),
    ("known name in pieces", lambda: UnknownCommand("UID", ("FETCH",))),
    ("name in pieces", lambda: UnknownCommand("UID", (5,))),
    ("name of two words", lambda: UnknownCommand("X Y")),
    ("name as bytes", lambda: UnknownCommand(b"X")),  # type: ignore[arg-type]  # the mistake
    ("lists as arguments", lambda: UnknownCommand("X", ["a"])),  # type: ignore[arg-type]  # the mistake
]


@pytest.mark.parametrize("build", [row[1] for row in NOT_COMMANDS], ids=[row[0] for row in NOT_COMMANDS])
def test_what_cannot_be_built(build: Callable[[], object]) -> None:
    with pytest.raises(LocalProtocolError):
        build()


def test_errors_of_constructors_show_no_password() -> None:
    with pytest.raises(LocalProtocolError) as caught:
        Login("joe", Secret("s3cret\0"))
    assert "s3cret" not in str(caught.value)


RFC_3501 = [
    "CAPABILITY",
    "NOOP",
    "LOGOUT",
    "STARTTLS",
    "AUTHENTICATE",
    "LOGIN",
    "SELECT",
    "EXAMINE",
    "CREATE",
    "DELETE",
    "RENAME",
    "SUBSCRIBE",
    "UNSUBSCRIBE",
    "LIST",
    "LSUB",
    "STATUS",
    "APPEND",
    "CHECK",
    "CLOSE",
    "EXPUNGE",
    "SEARCH",
    "FETCH",
    "STORE",
    "COPY",
    "UID SEARCH",
    "UID FETCH",
    "UID STORE",
    "UID COPY",
]


def test_every_command_of_rfc_3501_has_its_row_and_its_case() -> None:
    assert set(RFC_3501) <= set(COMMANDS)
    assert set(RFC_3501) == {command.name for _, command in CASES if command.name in COMMANDS}


def test_the_same_moment_in_two_zones_is_not_the_same_append() -> None:
    moment = datetime(2001, 1, 1, 12, tzinfo=UTC)
    first = Append("x", b"", internal_date=moment)
    assert first == Append("x", b"", internal_date=moment)
    assert hash(first) == hash(Append("x", b"", internal_date=moment))
    assert first != Append("x", b"", internal_date=moment.astimezone(PDT))
    assert first != "x"


def test_commands_are_values() -> None:
    assert len({Select("inbox"), Select("INBOX"), Examine("INBOX"), Noop(), Noop(), Check()}) == 4


@pytest.mark.parametrize(
    "wire",
    [
        b"XFROB " + b"(" * 2_000 + b")" * 2_000,
        b"FETCH " + b"1," * 30_000 + b"1:2:3 FLAGS",
        b"STATUS x (" + b"A " * 30_000,
        b"STORE 1 FLAGS " + b"a " * 30_000,
        b"LOGIN a {4000000000}",
        b"LOGIN a {" + b"9" * 60_000 + b"}",
        b"UID " * 20_000,
        b'SELECT "' + b'\\"' * 30_000,
        b"APPEND x (" + b"\\a " * 30_000,
    ],
    ids=lambda wire: wire[:12].decode(),
)
def test_hostile_commands_are_refused_in_linear_time(wire: bytes) -> None:
    started = time.process_time()
    with pytest.raises(ParseError):
        parse_command(Message(b"a " + wire))
    assert time.process_time() - started < 2


@given(commands)
def test_round_trip(command: Command) -> None:
    for form in LiteralForm:
        wire = command_octets(command, form)
        parsed = parse_octets(wire)
        assert parsed == command
        assert type(parsed) is type(command)
        assert command_octets(parsed, form) == wire


@given(commands, st.integers(0, 200))
def test_a_command_cut_anywhere_is_read_or_refused(command: Command, size: int) -> None:
    message = frame(command_octets(command))
    with suppress(ParseError):
        assert parse_command(Message(message.text[:size], message.literals)).tag == "a"


@given(st.binary(max_size=80), st.sampled_from([b"", *(name.encode() + b" " for name in RFC_3501)]))
def test_any_octets_are_read_or_refused(octets: bytes, name: bytes) -> None:
    for strict in (False, True):
        with suppress(ParseError):
            assert parse_command(Message(b"a " + name + octets, (b"x", b"\0")), strict=strict).tag == "a"
