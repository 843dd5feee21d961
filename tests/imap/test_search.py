from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime
from functools import reduce
from operator import or_

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.errors import LocalProtocolError
from mailproto.imap.commands import Search, UIDSearch, parse_command
from mailproto.imap.cursor import ParseError
from mailproto.imap.search import (
    CHARSETS,
    KEYS,
    UID,
    All,
    And,
    Answered,
    Bcc,
    Before,
    Body,
    Cc,
    Deleted,
    Draft,
    Flagged,
    From,
    Header,
    Keyword,
    Larger,
    New,
    Not,
    Old,
    On,
    Or,
    Recent,
    SearchKey,
    Seen,
    SentBefore,
    SentOn,
    SentSince,
    SequenceNumbers,
    Since,
    Smaller,
    Subject,
    Text,
    To,
    Unanswered,
    Undeleted,
    Undraft,
    Unflagged,
    Unkeyword,
    UnknownKey,
    Unseen,
    all_of,
    any_of,
)
from mailproto.imap.sequence import SequenceSet, UIDSet
from mailproto.imap.values import MAX_DEPTH
from support_imap_strategies import keys
from support_imap_wire import command_octets, frame, parse_octets

DAY = date(1994, 2, 1)

CASES: list[tuple[bytes, SearchKey]] = [
    (b"ALL", All()),
    (b"ANSWERED", Answered()),
    (b"BCC joe", Bcc("joe")),
    (b"BEFORE 1-Feb-1994", Before(DAY)),
    (b'BODY "a b"', Body("a b")),
    (b"CC joe", Cc("joe")),
    (b"DELETED", Deleted()),
    (b"DRAFT", Draft()),
    (b"FLAGGED", Flagged()),
    (b"FROM Smith", From("Smith")),
    (b'FROM ""', From("")),
    (b"HEADER Message-ID <1@x>", Header("Message-ID", "<1@x>")),
    (b'HEADER X-Spam ""', Header("X-Spam", "")),
    (b"KEYWORD $Junk", Keyword("$Junk")),
    (b"LARGER 4294967295", Larger(4294967295)),
    (b"LARGER 9223372036854775807", Larger(2**63 - 1)),
    (b"NEW", New()),
    (b"NOT ALL", Not(All())),
    (b"OLD", Old()),
    (b"ON 1-Feb-1994", On(DAY)),
    (b"OR SEEN FLAGGED", Or(Seen(), Flagged())),
    (b"RECENT", Recent()),
    (b"SEEN", Seen()),
    (b"SENTBEFORE 1-Feb-1994", SentBefore(DAY)),
    (b"SENTON 1-Feb-1994", SentOn(DAY)),
    (b"SENTSINCE 1-Feb-1994", SentSince(DAY)),
    (b"SINCE 1-Feb-1994", Since(DAY)),
    (b"SMALLER 0", Smaller(0)),
    (b"SUBJECT {2}\r\n\r\n", Subject("\r\n")),
    (b'TEXT "NIL"', Text("NIL")),
    (b"TO joe", To("joe")),
    (b"UID 1:*", UID(UIDSet("1:*"))),
    (b"UNANSWERED", Unanswered()),
    (b"UNDELETED", Undeleted()),
    (b"UNDRAFT", Undraft()),
    (b"UNFLAGGED", Unflagged()),
    (b"UNKEYWORD $Junk", Unkeyword("$Junk")),
    (b"UNSEEN", Unseen()),
    (b"2,4:7,*", SequenceNumbers(SequenceSet("2,4:7,*"))),
    (b"*", SequenceNumbers(SequenceSet("*"))),
    (b"FLAGGED SINCE 1-Feb-1994 NOT FROM Smith", Flagged() & Since(DAY) & ~From("Smith")),
    (
        b"OR (SEEN FLAGGED) NOT (DRAFT 1:3)",
        Or(Seen() & Flagged(), ~(Draft() & SequenceNumbers(SequenceSet("1:3")))),
    ),
    (b"(SEEN FLAGGED) DRAFT", And((And((Seen(), Flagged())), Draft()))),
    (b"(X-AGE 3600 (a NIL))", UnknownKey("X-AGE", (3600, ("a", None)))),
    (b"SEEN (X-AGE)", And((Seen(), UnknownKey("X-AGE")))),
]


@pytest.mark.parametrize(("wire", "key"), CASES)
def test_both_directions(wire: bytes, key: SearchKey) -> None:
    assert command_octets(Search(key)) == b"a SEARCH " + wire + b"\r\n"
    assert parse_octets(b"a SEARCH " + wire + b"\r\n") == Search(key)
    assert parse_octets(b"a UID SEARCH " + wire + b"\r\n") == UIDSearch(key)


OTHER_SPELLINGS: list[tuple[bytes, SearchKey]] = [
    (b"(UNSEEN)", Unseen()),
    (b"((SEEN FLAGGED))", And((Seen(), Flagged()))),
    (b"unseen from {3}\r\njoe", And((Unseen(), From("joe")))),
    (b'SINCE "1-feb-1994"', Since(DAY)),
    (b"NOT (((ALL)))", Not(All())),
    (b"X-AGE 3600 UNSEEN", UnknownKey("X-AGE", (3600, "UNSEEN"))),
    (b"NOT X-AGE 1", Not(UnknownKey("X-AGE", (1,)))),
]


@pytest.mark.parametrize(("wire", "key"), OTHER_SPELLINGS)
def test_other_spellings_are_read(wire: bytes, key: SearchKey) -> None:
    assert parse_octets(b"a SEARCH " + wire + b"\r\n") == Search(key)


NOT_CASES = [
    b"",
    b" ",
    b"ALL ",
    b"ALL  SEEN",
    b"()",
    b"(ALL",
    b"ALL)",
    b"FROM",
    b"FROM (a)",
    b"HEADER a",
    b"HEADER {1}\r\n\xe9 a",
    b"KEYWORD \\Seen",
    b"KEYWORD \\*",
    b"LARGER -1",
    b"LARGER 9223372036854775808",
    b"SINCE 31-Feb-1994",
    b"SINCE yesterday",
    b"UID 0",
    b"UID a",
    b"NOT",
    b"OR ALL",
    b"OR X-AGE 1 ALL",
    b"1:2:3",
    b"CHARSET UTF-8",
    b"CHARSET ALL",
    b"CHARSET {1}\r\n\xe9 ALL",
    b"FROM {3}\r\na\0b",
    b'"ALL"',
]


@pytest.mark.parametrize("wire", NOT_CASES)
def test_what_is_no_search(wire: bytes) -> None:
    with pytest.raises(ParseError) as caught:
        parse_command(frame(b"a SEARCH " + wire + b"\r\n"))
    assert caught.value.tag == "a"


def test_operators_build_the_tree_that_they_say() -> None:
    assert Unseen() & From("a") & All() == And((Unseen(), From("a"), All()))
    assert (Unseen() & From("a")) & (All() & Seen()) == And((Unseen(), From("a"), All(), Seen()))
    assert Unseen() | From("a") | All() == Or(Or(Unseen(), From("a")), All())
    assert ~~Unseen() == Unseen()
    assert ~(Unseen() | Seen()) == Not(Or(Unseen(), Seen()))


def test_all_of_and_any_of() -> None:
    assert all_of([]) == All()
    assert all_of([Seen()]) == Seen()
    assert all_of([Seen() & Draft(), All()]) == And((Seen(), Draft(), All()))
    assert any_of([]) == Not(All())
    assert any_of([Seen()]) == Seen()
    assert any_of([Seen(), Draft(), All()]) == Or(Or(Seen(), Draft()), All())
    assert any_of(Subject(str(number)) for number in range(1000)).depth == 10


def test_keys_know_their_parts() -> None:
    key = Or(Seen() & Header("a", "b"), ~From("c"))
    assert key.children == (Seen() & Header("a", "b"), Not(From("c")))
    assert key.depth == 2
    assert (From("c").texts, Header("a", "b").texts, key.texts) == (("c",), ("b",), ())


RFC_3501 = [
    "ALL",
    "ANSWERED",
    "BCC",
    "BEFORE",
    "BODY",
    "CC",
    "DELETED",
    "DRAFT",
    "FLAGGED",
    "FROM",
    "HEADER",
    "KEYWORD",
    "LARGER",
    "NEW",
    "NOT",
    "OLD",
    "ON",
    "OR",
    "RECENT",
    "SEEN",
    "SENTBEFORE",
    "SENTON",
    "SENTSINCE",
    "SINCE",
    "SMALLER",
    "SUBJECT",
    "TEXT",
    "TO",
    "UID",
    "UNANSWERED",
    "UNDELETED",
    "UNDRAFT",
    "UNFLAGGED",
    "UNKEYWORD",
    "UNSEEN",
]


def test_every_key_of_rfc_3501_has_its_row_and_its_case() -> None:
    assert set(RFC_3501) <= set(KEYS)
    assert set(RFC_3501) == {key.name for _, key in CASES if key.name in KEYS}


def test_text_outside_ascii_makes_the_charset_utf_8() -> None:
    command = Search(Subject("é") & From("joe"))
    assert command.charset == "UTF-8"
    assert command_octets(command) == b"a SEARCH CHARSET UTF-8 SUBJECT {2}\r\n\xc3\xa9 FROM joe\r\n"
    assert Search(Subject("e")).charset is None


CHARSET_CASES: list[tuple[bytes, Search]] = [
    (b"CHARSET UTF-8 ALL", Search(All(), "utf-8")),
    (b"CHARSET US-ASCII FROM joe", Search(From("joe"), "US-ASCII")),
    (b"CHARSET ISO-8859-1 FROM {1}\r\n\xe9", Search(From("é"), "iso-8859-1")),
    (b"CHARSET ISO-2022-JP TEXT {8}\r\n\x1b$BF|\x1b(B", Search(Text("日"), "ISO-2022-JP")),
    (b"CHARSET KLINGON FROM joe", Search(From(b"joe"), "klingon")),
    (b"CHARSET UTF-8 FROM {1}\r\n\xe9", Search(From(b"\xe9"), "UTF-8")),
    (b"FROM {1}\r\n\xe9", Search(From(b"\xe9"))),
    (b'CHARSET "" ALL', Search(All(), "")),
]


@pytest.mark.parametrize(("wire", "command"), CHARSET_CASES)
def test_charsets_in_both_directions(wire: bytes, command: Search) -> None:
    parsed = parse_octets(b"a SEARCH " + wire + b"\r\n")
    assert parsed == command
    if b"\x1b" not in wire:
        assert command_octets(command) == b"a SEARCH " + wire + b"\r\n"
    assert parse_octets(command_octets(command)) == command


@pytest.mark.parametrize("charset", CHARSETS)
def test_each_known_charset_carries_ascii_and_comes_back(charset: str) -> None:
    command = Search(From("joe"), charset)
    assert parse_octets(command_octets(command)) == command


NOT_COMMANDS: list[tuple[str, Callable[[], object]]] = [
    ("text that the charset cannot say", lambda: Search(From("日"), "ISO-8859-1")),
    ("str in an unknown charset", lambda: Search(From("a"), "KLINGON")),
    ("bytes that are text", lambda: Search(From(b"joe"))),
    ("bytes that are text in UTF-8", lambda: Search(From("é".encode()), "UTF-8")),
    ("lone surrogate", lambda: Search(From("\ud800"))),
    ("charset with a line end", lambda: Search(From("\u00e9"), "UTF-8\r\n")),
    ("charset with NUL", lambda: Search(All(), "\0")),
    ("charset in 8 bit", lambda: Search(All(), "é")),
    ("charset as bytes", lambda: Search(All(), b"UTF-8")),  # type: ignore[arg-type]  # what an untyped caller does
    ("no key", lambda: Search("ALL")),  # type: ignore[arg-type]  # what an untyped caller does
    ("NUL", lambda: From("a\0b")),
    ("NUL in bytes", lambda: From(b"a\0b")),
    ("number as text", lambda: From(5)),  # type: ignore[arg-type]  # what an untyped caller does
    ("NUL in a field name", lambda: Header("a\0", "b")),
    ("8 bit in a field name", lambda: Header("é", "b")),
    ("field name as bytes", lambda: Header(b"a", "b")),  # type: ignore[arg-type]  # what an untyped caller does
    ("NUL in a field", lambda: Header("a", "\0")),
    ("keyword with a space", lambda: Keyword("a b")),
    ("keyword with a line end", lambda: Unkeyword("a\r\nb")),
    ("system flag as keyword", lambda: Keyword("\\Seen")),
    ("size below 0", lambda: Larger(-1)),
    ("size above 63 bits", lambda: Smaller(2**63)),
    ("size as bool", lambda: Smaller(True)),
    ("date as text", lambda: Since("1-Feb-1994")),  # type: ignore[arg-type]  # what an untyped caller does
    ("UIDs as sequence numbers", lambda: SequenceNumbers(UIDSet("1"))),  # type: ignore[arg-type]  # the mistake
    ("sequence numbers as UIDs", lambda: UID(SequenceSet("1"))),  # type: ignore[arg-type]  # the mistake
    ("empty set", lambda: UID(UIDSet())),
    ("And of one", lambda: And((All(),))),
    ("And of others", lambda: And((All(), "ALL"))),  # type: ignore[arg-type]  # what an untyped caller does
    ("Not of others", lambda: Not("ALL")),  # type: ignore[arg-type]  # what an untyped caller does
    ("Or of others", lambda: Or(All(), None)),  # type: ignore[arg-type]  # what an untyped caller does
    *(
        (f"UnknownKey {name!r}", lambda name=name: UnknownKey(name))
        for name in ("", "a b", "a\r\n", "\0", "5a", "(", "seen", "é", "\ud800")
    ),
    ("UnknownKey of bytes", lambda: UnknownKey(b"X")),  # type: ignore[arg-type]  # what an untyped caller does
    ("UnknownKey with a bad value", lambda: UnknownKey("X", ("a b",))),
]


@pytest.mark.parametrize("build", [case[1] for case in NOT_COMMANDS], ids=[case[0] for case in NOT_COMMANDS])
def test_attacks(build: Callable[[], object]) -> None:
    with pytest.raises(LocalProtocolError):
        build()


def test_a_datetime_is_its_day() -> None:
    assert Since(datetime(1994, 2, 1, 23, tzinfo=UTC)) == Since(DAY)


def test_keys_nested_too_deeply_are_not_built() -> None:
    key: SearchKey = All()
    for _ in range(MAX_DEPTH):
        key = Not(key)
    assert parse_octets(command_octets(Search(key))) == Search(key)
    with pytest.raises(LocalProtocolError, match="any_of"):
        Not(key)
    with pytest.raises(LocalProtocolError):
        reduce(or_, [Seen()] * 200)


@pytest.mark.parametrize(
    "wire",
    [
        b"(" * 2_000 + b"ALL" + b")" * 2_000,
        b"NOT " * 2_000 + b"ALL",
        b"OR " * 2_000 + b"ALL " * 2_000 + b"ALL",
        b"NOT (" * 1_000 + b"ALL" + b")" * 1_000,
        b"X-KEY " + b"(" * 2_000 + b")" * 2_000,
        b"NOT " * 100 + b"X-KEY (a)",
    ],
    ids=["parentheses", "NOT", "OR", "both", "unknown", "unknown below NOT"],
)
def test_deep_nesting_is_refused(wire: bytes) -> None:
    with pytest.raises(ParseError):
        parse_command(frame(b"a SEARCH " + wire + b"\r\n"))


def test_many_keys_take_linear_time() -> None:
    started = time.process_time()
    parsed = parse_octets(b"a SEARCH" + b" SEEN" * 50_000 + b"\r\n")
    assert isinstance(parsed, Search)
    assert parsed.key == And((Seen(),) * 50_000)
    assert time.process_time() - started < 10


@given(keys)
def test_round_trip(key: SearchKey) -> None:
    command = Search(key)
    wire = command_octets(command)
    assert parse_octets(wire) == command
    assert command_octets(parse_octets(wire)) == wire


@given(st.binary(max_size=60).filter(lambda octets: b"\r" not in octets and b"\n" not in octets))
def test_any_octets_are_read_or_refused(octets: bytes) -> None:
    with suppress(ParseError):
        assert parse_command(frame(b"a SEARCH " + octets + b"\r\n")).tag == "a"
