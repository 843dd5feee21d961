from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given

from mailproto.errors import AnnotationRefused, LocalProtocolError
from mailproto.imap.annotate_flows import AnnotationValues, annotations_of, store_annotations
from mailproto.imap.annotating import reason_against_annotations
from mailproto.imap.appending import AppendMessage
from mailproto.imap.client_flows import append, exchange, noop, select, store
from mailproto.imap.codec import parse_responses, serialize
from mailproto.imap.codes import ResponseCode, UnknownCode, parse_resp_text_code
from mailproto.imap.commands import (
    Append,
    Command,
    Examine,
    Fetch,
    Search,
    Select,
    Store,
    StoreAction,
    TaggedCommand,
    parse_command,
)
from mailproto.imap.condstore_flows import Stored
from mailproto.imap.cursor import ParseError
from mailproto.imap.events import (
    CommandCompleted,
    InvalidCommand,
    LiteralData,
    LiteralEnded,
    LiteralOffered,
    LiteralStarted,
    LiteralWanted,
)
from mailproto.imap.ext.annotate import (
    ANNOTATE,
    ANNOTATION,
    CHANGED_ANNOTATIONS,
    AnnotateCode,
    AnnotateReason,
    Annotation,
    AnnotationCriterion,
    Annotations,
    AnnotationsCode,
    AppendAnnotations,
    FetchAnnotations,
    HasAnnotation,
    StoreAnnotations,
    UIDStoreAnnotations,
)
from mailproto.imap.ext.binary import BinaryMessage
from mailproto.imap.ext.catenate import Catenate, TextLiteral, URLPart
from mailproto.imap.ext.condstore import MODSEQ, ChangedSince, UnchangedSince
from mailproto.imap.ext.multiappend import MultiAppend
from mailproto.imap.ext.multisearch import ESearch
from mailproto.imap.ext.replace import Replace
from mailproto.imap.ext.sort import Sort, SortCriterion, UIDSort, sort_criteria
from mailproto.imap.fetch import FLAGS, UID, FetchItem, ItemValue, OtherItem
from mailproto.imap.fetch_data import FetchData, PreparedFetch, prepare
from mailproto.imap.fetching import Fetching
from mailproto.imap.items_flows import MessageToAppend, append_messages
from mailproto.imap.mailbox_filter import MailboxFilter
from mailproto.imap.parameters import UnknownParameter
from mailproto.imap.pipelining import conflict
from mailproto.imap.responses import Response
from mailproto.imap.search import All, SearchKey
from mailproto.imap.sequence import SequenceSet, UIDSet
from mailproto.imap.server import IMAPServerConnection
from mailproto.imap.status import Bad, No, Ok
from mailproto.imap.updates import AnnotationsChanged, FlagsChanged
from mailproto.imap.values import Message, Omitted, Streamed
from mailproto.limits import IMAPLimits
from support_imap import (
    client_events,
    complete_select,
    feed,
    selected_client,
    selected_server,
    sent,
    server_events,
)
from support_imap_admin import check_no_command, check_refusal_to_build, check_response_at_both_ends
from support_imap_ext import check_code, check_items, check_key, check_refused
from support_imap_scripts import ADAPTERS, converse
from support_imap_strategies import annotations_answers
from support_imap_wire import command_octets, cursor_at, parse_octets
from support_inbox import Line

CAPABILITY = "ANNOTATE-EXPERIMENT-1"
ONE = SequenceSet("1")
COMMENT = (Annotation("/comment", (("value.priv", b"mine"),)),)
BOTH = (
    Annotation("/comment", (("value.priv", b"My new comment"), ("value.shared", None))),
    Annotation("/1.2/flags/seen", (("value.shared", b"1"),)),
)

ITEMS: list[tuple[bytes, tuple[FetchItem[object], ...]]] = [
    (b"ANNOTATION (/* value)", (ANNOTATION,)),
    (b"ANNOTATION (/comment value)", (FetchAnnotations(("/comment",)),)),
    (
        b"(UID ANNOTATION (/* (value.priv size.priv)))",
        (UID, FetchAnnotations(("/*",), ("value.priv", "size.priv"))),
    ),
    (b"ANNOTATION (/% value.shared)", (FetchAnnotations(("/%",), ("value.shared",)),)),
    (
        b"ANNOTATION ((/comment /altsubject) value.priv)",
        (FetchAnnotations(("/comment", "/altsubject"), ("value.priv",)),),
    ),
    (b"ANNOTATION ((* /1.2/%) (value x.y))", (FetchAnnotations(("*", "/1.2/%"), ("value", "x.y")),)),
    (b'ANNOTATION ("/a b" "nil")', (FetchAnnotations(("/a b",), ("nil",)),)),
]

COMMANDS: list[tuple[bytes, Command]] = [
    (b"SELECT INBOX (ANNOTATE)", Select("INBOX", (ANNOTATE,))),
    (b"EXAMINE x (ANNOTATE X)", Examine("x", (ANNOTATE, UnknownParameter("X")))),
    (b'STORE 1 ANNOTATION (/comment (value.priv "mine"))', StoreAnnotations(ONE, COMMENT)),
    (
        b'UID STORE 7:9 ANNOTATION (/comment (value.priv "My new comment" value.shared NIL) '
        b'/1.2/flags/seen (value.shared "1"))',
        UIDStoreAnnotations(UIDSet("7:9"), BOTH),
    ),
    (
        b'UID STORE $ (UNCHANGEDSINCE 5 X (1)) ANNOTATION (/comment (value.priv "mine"))',
        UIDStoreAnnotations(UIDSet("$"), COMMENT, modifiers=(UnchangedSince(5), UnknownParameter("X", (1,)))),
    ),
    (
        b"STORE 1 ANNOTATION (/vendor/x.y/z (value.priv ~{3}\r\na\0b value.shared {4}\r\nc\r\nd))",
        StoreAnnotations(
            ONE, (Annotation("/vendor/x.y/z", (("value.priv", b"a\0b"), ("value.shared", b"c\r\nd"))),)
        ),
    ),
    (
        b'STORE 1 ANNOTATION ({5}\r\n/a\r\nb ("x y.priv" ""))',
        StoreAnnotations(ONE, (Annotation("/a\r\nb", (("x y.priv", b""),)),)),
    ),
    (
        b'APPEND drafts ANNOTATION (/comment (value.priv "mine")) {3}\r\nabc',
        Append("drafts", b"abc", options=(AppendAnnotations(COMMENT),)),
    ),
    (
        b'APPEND x (\\Seen) " 2-Feb-2026 10:00:00 +0000" ANNOTATION (/comment (value.priv "mine")) '
        b"~{1}\r\n\0",
        Append(
            "x",
            BinaryMessage(b"\0"),
            frozenset({"\\Seen"}),
            internal_date=datetime(2026, 2, 2, 10, tzinfo=UTC),
            options=(AppendAnnotations(COMMENT),),
        ),
    ),
    (
        b'APPEND x {1}\r\na (\\Seen) ANNOTATION (/comment (value.priv "mine")) {1}\r\nb',
        MultiAppend(
            "x",
            (
                AppendMessage(b"a"),
                AppendMessage(b"b", frozenset({"\\Seen"}), options=(AppendAnnotations(COMMENT),)),
            ),
        ),
    ),
    (
        b'APPEND x (\\Seen) ANNOTATION (/comment (value.priv "mine")) CATENATE (URL /u TEXT {1}\r\na)',
        Append(
            "x",
            Catenate((URLPart("/u"), TextLiteral(b"a"))),
            frozenset({"\\Seen"}),
            options=(AppendAnnotations(COMMENT),),
        ),
    ),
    (
        b'REPLACE 4 x ANNOTATION (/comment (value.priv "mine")) {1}\r\na',
        Replace(4, "x", AppendMessage(b"a", options=(AppendAnnotations(COMMENT),))),
    ),
    (
        b"SORT (ANNOTATION /altsubject value.shared) UTF-8 ALL",
        Sort((AnnotationCriterion("/altsubject", "value.shared"),), All()),
    ),
    (
        b'UID SORT (DATE REVERSE ANNOTATION "/a b" value.priv SUBJECT) UTF-8 ALL',
        UIDSort(
            (
                SortCriterion("DATE"),
                AnnotationCriterion("/a b", "value.priv", reverse=True),
                SortCriterion("SUBJECT"),
            ),
            All(),
        ),
    ),
]

KEYS: list[tuple[bytes, SearchKey]] = [
    (b'ANNOTATION /comment value "IMAP4"', HasAnnotation("/comment", "value", "IMAP4")),
    (b'ANNOTATION * value.priv "IMAP4"', HasAnnotation("*", "value.priv", "IMAP4")),
    (b"ANNOTATION /1/% value.shared NIL", HasAnnotation("/1/%", "value.shared", None)),
    (b'ANNOTATION /a value "NIL"', HasAnnotation("/a", "value", "NIL")),
    (b"ANNOTATION /a value ~{3}\r\na\0b", HasAnnotation("/a", "value", "a\0b")),
    (
        b'NOT ANNOTATION /a value "" ALL',
        ~HasAnnotation("/a", "value", "") & All(),
    ),
]

RESPONSES: list[tuple[bytes, Response]] = [
    (
        b'1 FETCH (ANNOTATION (/comment (value.priv "My comment" value.shared NIL)))',
        FetchData(
            1,
            ANNOTATION.answer(
                [Annotation("/comment", (("value.priv", b"My comment"), ("value.shared", None)))]
            ),
        ),
    ),
    (
        b'12 FETCH (UID 1123 ANNOTATION (/comment (value.priv "a" size.priv "1") '
        b"/vendor/foobar/label.priv (value.priv ~{2}\r\n\0\0)) FLAGS ())",
        FetchData(
            12,
            UID.answer(1123),
            ANNOTATION.answer(
                [
                    Annotation("/comment", (("value.priv", b"a"), ("size.priv", b"1"))),
                    Annotation("/vendor/foobar/label.priv", (("value.priv", b"\0\0"),)),
                ]
            ),
            FLAGS.answer(frozenset()),
        ),
    ),
    (
        b"1 FETCH (FLAGS (\\Seen) ANNOTATION (/comment))",
        FetchData(1, FLAGS.answer(frozenset({"\\Seen"})), CHANGED_ANNOTATIONS.answer(("/comment",))),
    ),
    (
        b'1 FETCH (ANNOTATION (/comment "/a b" /1/comment) UID 5)',
        FetchData(
            1,
            CHANGED_ANNOTATIONS.answer(
                (
                    "/comment",
                    "/a b",
                    "/1/comment",
                )
            ),
            UID.answer(5),
        ),
    ),
]

CODES: list[tuple[bytes, ResponseCode]] = [
    (b"ANNOTATE TOOBIG", AnnotateCode(AnnotateReason.TOO_BIG)),
    (b"ANNOTATE TOOMANY", AnnotateCode(AnnotateReason.TOO_MANY)),
    (b"ANNOTATIONS NONE", AnnotationsCode(None, is_supported=False)),
    (b"ANNOTATIONS READ-ONLY", AnnotationsCode(None)),
    (b"ANNOTATIONS READ-ONLY NOPRIVATE", AnnotationsCode(None, has_private=False)),
    (b"ANNOTATIONS 20480", AnnotationsCode(20_480)),
    (b"ANNOTATIONS 20480 NOPRIVATE", AnnotationsCode(20_480, has_private=False)),
]


def offering(**limits: int) -> Any:
    """Return a server that offers all that the commands here need, with a mailbox selected."""
    names = f"IMAP4rev1 {CAPABILITY} CONDSTORE SORT BINARY CATENATE MULTIAPPEND REPLACE SEARCHRES LITERAL+ X"
    return selected_server(IMAPLimits(**limits), capabilities=names.split())


@pytest.mark.parametrize(("wire", "items"), ITEMS)
def test_items(wire: bytes, items: tuple[FetchItem[object], ...]) -> None:
    check_items(wire, items)
    assert items[-1].key == "ANNOTATION"


@pytest.mark.parametrize(("wire", "key"), KEYS)
def test_keys(wire: bytes, key: SearchKey) -> None:
    check_key(wire, key)


def test_a_text_of_a_key_is_in_the_charset_of_the_search() -> None:
    wire = b"a SEARCH CHARSET UTF-8 ANNOTATION /a value {2}\r\n\xc3\xa9\r\n"
    assert parse_octets(wire) == Search(HasAnnotation("/a", "value", "é"), "UTF-8")
    assert command_octets(Search(HasAnnotation("/a", "value", "é"))) == wire
    bare = Search(HasAnnotation("/a", "value", b"\xe9"), "X-UNKNOWN")
    assert parse_octets(command_octets(bare)) == bare


@pytest.mark.parametrize(("wire", "command"), COMMANDS)
def test_commands(wire: bytes, command: Command) -> None:
    octets = b"a " + wire + b"\r\n"
    assert parse_octets(octets) == command
    assert command_octets(command) == octets
    if UnknownParameter not in map(type, command.options):
        wanted = [TaggedCommand("a", command)]
        assert server_events(octets.replace(b"}\r\n", b"+}\r\n"), offering) == wanted


@pytest.mark.parametrize(("wire", "response"), RESPONSES)
def test_responses(wire: bytes, response: Response) -> None:
    check_response_at_both_ends(wire, response)


@pytest.mark.parametrize(("wire", "code"), CODES)
def test_codes(wire: bytes, code: ResponseCode) -> None:
    check_code(wire, code)


@pytest.mark.parametrize("content", [Streamed(5), Omitted(5)])
def test_a_text_of_a_key_that_is_not_here_is_none(content: Streamed | Omitted) -> None:
    with pytest.raises(ParseError, match="a text within the limit"):
        parse_command(Message(b"a SEARCH ANNOTATION /a value {5}\r\n", (content,)))


def test_words_in_any_case_and_names_in_their_own() -> None:
    assert parse_octets(b'a SEARCH annotation /Comment VALUE.Priv "x"\r\n') == Search(
        HasAnnotation("/Comment", "value.priv", "x")
    )
    assert parse_octets(b"a SORT (reverse annotation /A Value.SHARED) us-ascii ALL\r\n") == Sort(
        (AnnotationCriterion("/A", "value.shared", reverse=True),), All(), "US-ASCII"
    )
    assert parse_octets(b"a fetch 1 annotation ((/A) (Value))\r\n") == Fetch(
        ONE, (FetchAnnotations(("/A",), ("Value",)),)
    )
    assert parse_resp_text_code(cursor_at(b"annotations read-only noprivate]")) == CODES[4][1]
    assert sort_criteria("DATE REVERSE ANNOTATION /a value.priv") == (
        SortCriterion("DATE"),
        AnnotationCriterion("/a", "value.priv", reverse=True),
    )


@pytest.mark.parametrize(
    "wire",
    [
        b"SELECT x (ANNOTATE 5)",
        b"FETCH 1 ANNOTATION",
        b"FETCH 1 ANNOTATION ()",
        b"FETCH 1 ANNOTATION (/a)",
        b"FETCH 1 ANNOTATION (/a ())",
        b"FETCH 1 ANNOTATION (() value)",
        b"FETCH 1 ANNOTATION (/a value",
        b"FETCH 1 ANNOTATION (/a value size)",
        b"FETCH 1 ANNOTATION (a value)",
        b"FETCH 1 ANNOTATION (/a/ value)",
        b"FETCH 1 ANNOTATION (/a//b value)",
        b"FETCH 1 ANNOTATION (/flags value)",
        b"FETCH 1 ANNOTATION (/flags/% value)",
        b"FETCH 1 ANNOTATION (/0/comment value)",
        b"FETCH 1 ANNOTATION (/1./comment value)",
        b"FETCH 1 ANNOTATION (/1a/comment value)",
        b"FETCH 1 ANNOTATION (/a value*)",
        b"FETCH 1 ANNOTATION (/a .value)",
        b"FETCH 1 ANNOTATION (/a value.)",
        b"FETCH 1 ANNOTATION (/a priv)",
        b"FETCH 1 ANNOTATION (/a priv.value)",
        b"FETCH 1 ANNOTATION (/a value.priv.shared)",
        b"FETCH 1 ANNOTATION ({3}\r\n/\xc3\xa9 value)",
        b"STORE 1 ANNOTATION",
        b"STORE 1 ANNOTATION ()",
        b"STORE 1 ANNOTATION (/a)",
        b"STORE 1 ANNOTATION (/a ())",
        b"STORE 1 ANNOTATION (/a (value.priv))",
        b"STORE 1 ANNOTATION (/a (value.priv x))",
        b'STORE 1 ANNOTATION (/a (value "x"))',
        b'STORE 1 ANNOTATION (/a (size.priv "5"))',
        b'STORE 1 ANNOTATION (/% (value.priv "x"))',
        b'STORE 1 ANNOTATION (/flags/x (value.priv "x"))',
        b'STORE 1 ANNOTATION (/1/flags/seen (value.priv "2"))',
        b'STORE 1 ANNOTATION (/a (value.priv "x" value.priv "y"))',
        b'STORE 1 ANNOTATION (/a (value.priv "x") /a (value.shared "y"))',
        b'STORE 1 ANNOTATION (/a (value.priv "x")',
        b'STORE 1 +ANNOTATION (/a (value.priv "x"))',
        b'STORE 1 ANNOTATION.SILENT (/a (value.priv "x"))',
        b'STORE 1 FLAGS () ANNOTATION (/a (value.priv "x"))',
        b"APPEND x ANNOTATION () {0}\r\n",
        b'APPEND x ANNOTATION (/a (value.priv "x"))',
        b'APPEND x ANNOTATION (/a (value.priv "x")) (\\Seen) {0}\r\n',
        b'APPEND x ANNOTATION (/a (value.priv "x")) ANNOTATION (/b (value.priv "x")) {0}\r\n',
        b'APPEND x ANNOTATION (/a (value "x")) {0}\r\n',
        b"SEARCH ANNOTATION /a value",
        b"SEARCH ANNOTATION /a value x",
        b'SEARCH ANNOTATION /a size.priv "5"',
        b'SEARCH ANNOTATION /a/ value "5"',
        b'SEARCH ANNOTATION /flags value "5"',
        b"SORT (ANNOTATION) UTF-8 ALL",
        b"SORT (ANNOTATION /a) UTF-8 ALL",
        b"SORT (ANNOTATION /a value) UTF-8 ALL",
        b"SORT (ANNOTATION /a size.priv) UTF-8 ALL",
        b"SORT (ANNOTATION /* value.priv) UTF-8 ALL",
    ],
)
def test_what_is_no_command(wire: bytes) -> None:
    check_no_command(wire)


@pytest.mark.parametrize(
    "item",
    [
        b"ANNOTATION",
        b"ANNOTATION ()",
        b"ANNOTATION NIL",
        b"ANNOTATION (a)",
        b"ANNOTATION (/a/)",
        b"ANNOTATION (/a ())",
        b"ANNOTATION (/a (value.priv))",
        b"ANNOTATION (/a (value.priv x))",
        b'ANNOTATION (/a (value* "x"))',
        b'ANNOTATION (/a (value.priv "x") /b)',
        b'ANNOTATION (/b /a (value.priv "x"))',
    ],
)
def test_what_cannot_be_read_is_left_out(item: bytes) -> None:
    (data,) = parse_responses(b"* 1 FETCH (UID 5 " + item + b" FLAGS ())\r\n")
    assert isinstance(data, FetchData)
    assert data == FetchData(1, UID.answer(5), FLAGS.answer(frozenset()))
    assert len(data.defects) == 1


def test_what_is_reserved_can_be_read() -> None:
    """Section 3.5: it "is reserved for future use", so it may come one day."""
    octets = b'* 1 FETCH (ANNOTATION (/flags/x (value.priv "1")))\r\n'
    (data,) = parse_responses(octets, strict=True)
    assert isinstance(data, FetchData)
    assert data[ANNOTATION].get("/flags/x", "value.priv") == b"1"
    assert serialize(data) == octets


@pytest.mark.parametrize(
    "code",
    [
        b"ANNOTATE",
        b"ANNOTATE X",
        b"ANNOTATIONS",
        b"ANNOTATIONS 0",
        b"ANNOTATIONS NONE NOPRIVATE",
        b"ANNOTATIONS 5 X",
    ],
)
def test_other_codes_are_kept(code: bytes) -> None:
    cursor = cursor_at(code + b"]")
    name, _, text = code.partition(b" ")
    assert parse_resp_text_code(cursor) == UnknownCode.of_parsed(name.decode(), text)
    assert len(cursor.defects) == 1


BAD_ENTRIES = ["", "/", "a", "/a/", "//a", "/a\0", "/é", "/\ud800", "/flags", "/flags/a", "/1x/a", "/00", 5]

ATTACKS: list[Callable[[], object]] = [
    *(lambda entry=entry: Annotation(entry, (("value.priv", b""),)) for entry in [*BAD_ENTRIES, "/a*", "/%"]),
    *(lambda entry=entry: FetchAnnotations((entry,)) for entry in BAD_ENTRIES),
    *(lambda entry=entry: HasAnnotation(entry, "value", "x") for entry in BAD_ENTRIES),
    *(lambda entry=entry: AnnotationCriterion(entry, "value.priv") for entry in [*BAD_ENTRIES, "/a*", "/%"]),
    *(lambda entry=entry: CHANGED_ANNOTATIONS.answer((entry,)) for entry in [*BAD_ENTRIES, "/a*"]),
    *(
        lambda name=name: Annotation("/a", ((name, b""),))
        for name in ("", "a.", ".a", "a..b", "priv", "shared.a", "a.priv.b", "a*", "a%", "a\0", "é", 5)
    ),
    *(
        lambda name=name: StoreAnnotations(ONE, (Annotation("/a", ((name, b""),)),))
        for name in ("value", "size.priv", "size.shared", "size")
    ),
    *(
        lambda value=value: AppendAnnotations((Annotation("/2/flags/forwarded", (("value.priv", value),)),))
        for value in (b"", b"2", b"01", Streamed(1))
    ),
    lambda: Annotation("/a", ()),
    lambda: Annotation("/a", (("value.priv", b""), ("value.priv", b""))),
    lambda: Annotation("/a", (("value.priv", "text"),)),  # type: ignore[arg-type]  # the mistake
    lambda: Annotations(()),
    lambda: Annotations((COMMENT[0], COMMENT[0])),
    lambda: Annotations((("/a", ()),)),  # type: ignore[arg-type]  # the mistake
    lambda: ANNOTATION.answer([]),
    lambda: CHANGED_ANNOTATIONS.answer(()),
    lambda: CHANGED_ANNOTATIONS.answer("/a"),  # type: ignore[arg-type]  # the mistake
    lambda: FetchAnnotations(()),
    lambda: FetchAnnotations("/a"),  # type: ignore[arg-type]  # the mistake
    lambda: FetchAnnotations(("/a",), "value"),  # type: ignore[arg-type]  # the mistake
    lambda: FetchAnnotations(("/a",), ("value*",)),
    lambda: Fetch(ONE, (CHANGED_ANNOTATIONS,)),
    lambda: OtherItem("ANNOTATION"),
    lambda: StoreAnnotations(ONE, ()),
    lambda: StoreAnnotations(UIDSet("1"), COMMENT),  # type: ignore[arg-type]  # the mistake
    lambda: UIDStoreAnnotations(UIDSet(), COMMENT),
    lambda: StoreAnnotations(ONE, COMMENT, modifiers=(ChangedSince(5),)),
    lambda: AppendAnnotations(()),
    lambda: Append("x", b"", options=(AppendAnnotations(COMMENT), AppendAnnotations(COMMENT))),
    lambda: Append("x", b"", options=COMMENT),  # type: ignore[arg-type]  # the mistake
    lambda: AppendMessage(b"", options=[AppendAnnotations(COMMENT)]),  # type: ignore[arg-type]  # the mistake
    lambda: HasAnnotation("/a", "size", "x"),  # type: ignore[arg-type]  # the mistake
    lambda: HasAnnotation("/a", "value", 5),  # type: ignore[arg-type]  # the mistake
    lambda: AnnotationCriterion("/a", "value"),  # type: ignore[arg-type]  # the mistake
    lambda: SortCriterion("ANNOTATION"),
    lambda: sort_criteria("ANNOTATION /a"),
    lambda: AnnotateCode("TOOBIG"),  # type: ignore[arg-type]  # the mistake
    lambda: AnnotationsCode(0),
    lambda: AnnotationsCode(5, is_supported=False),
    lambda: AnnotationsCode(None, is_supported=False, has_private=False),
    lambda: annotations_of({"/a": "x"}),  # type: ignore[dict-item]  # the mistake
    lambda: annotations_of([("/a", "x")]),  # type: ignore[arg-type]  # the mistake
]


@pytest.mark.parametrize("build", ATTACKS)
def test_attacks(build: Callable[[], object]) -> None:
    check_refusal_to_build(build)


@given(annotations_answers)
def test_round_trip_of_responses(answer: Any) -> None:
    data = FetchData(1, UID.answer(5), answer)
    assert parse_responses(serialize(data), strict=True) == [data]


def test_values_by_name() -> None:
    data = RESPONSES[1][1]
    assert isinstance(data, FetchData)
    found = data[FetchAnnotations(("/x",))]
    assert found.entries == ("/comment", "/vendor/foobar/label.priv")
    assert found.get("/comment", "value.priv") == b"a"
    assert found.get("/comment", "size.priv") == b"1"
    assert found.get("/comment", "value.shared") is None
    assert found.get("/Comment", "value.priv") is None
    assert data.get(CHANGED_ANNOTATIONS) is None
    changed = RESPONSES[2][1]
    assert isinstance(changed, FetchData)
    assert changed[CHANGED_ANNOTATIONS] == ("/comment",)
    assert changed.get(ANNOTATION) is None


# What a server refuses, and does not send


@pytest.mark.parametrize(
    "command",
    [
        Fetch(ONE, (ANNOTATION,)),
        StoreAnnotations(ONE, COMMENT),
        UIDStoreAnnotations(UIDSet("1"), COMMENT),
        Search(HasAnnotation("*", "value", "x")),
        Select("x", (ANNOTATE,)),
        Append("x", b"abc", options=(AppendAnnotations(COMMENT),)),
    ],
    ids=lambda command: command.name,
)
def test_a_server_refuses_what_it_does_not_offer(command: Command) -> None:
    check_refused(command, f"{CAPABILITY} LITERAL+")


@pytest.mark.parametrize(
    ("offered", "is_refused"), [("SORT", True), (CAPABILITY, True), (f"SORT {CAPABILITY}", False)]
)
def test_sorting_needs_both(offered: str, is_refused: bool) -> None:
    server = selected_server(capabilities=["IMAP4rev1", *offered.split()])
    (event,) = feed(server, b"a SORT (ANNOTATION /a value.priv) UTF-8 ALL\r\n")
    assert isinstance(event, InvalidCommand) is is_refused


NEWS = FetchData(1, CHANGED_ANNOTATIONS.answer(("/comment",)))
VALUES = FetchData(1, ANNOTATION.answer(COMMENT))


def annotating_server(select: bytes = b"EXAMINE x (ANNOTATE)") -> Any:
    server = offering()
    feed(server, b"s " + select + b"\r\n")
    complete_select(server, "s")
    sent(server)
    return server


def test_news_only_where_they_were_asked_for() -> None:
    server = annotating_server()
    server.send(NEWS)
    server.send(PreparedFetch(1, (prepare(UID.answer(5)), CHANGED_ANNOTATIONS.answer(("/a",)))))
    assert sent(server) == b"* 1 FETCH (ANNOTATION (/comment))\r\n* 1 FETCH (UID 5 ANNOTATION (/a))\r\n"
    feed(server, b"a SELECT x\r\n")
    complete_select(server, "a")
    with pytest.raises(LocalProtocolError, match="SELECT with ANNOTATE before"):
        server.send(NEWS)


@pytest.mark.parametrize("then", [b"SELECT y", b"CLOSE", b"SELECT y (ANNOTATE)"])
def test_what_was_asked_for_ends_with_the_mailbox(then: bytes) -> None:
    server = annotating_server()
    feed(server, b"a " + then + b"\r\n")
    if then == b"SELECT y":
        complete_select(server, "a")
    else:
        server.complete("a", No() if b"ANNOTATE" in then else Ok())
    feed(server, b"b SELECT x\r\n")
    with pytest.raises(LocalProtocolError, match="ANNOTATE"):
        server.send(PreparedFetch(1, (CHANGED_ANNOTATIONS.answer(("/a",)),)))


def test_values_only_where_they_were_asked_for() -> None:
    server = annotating_server()
    with pytest.raises(LocalProtocolError, match="no values that were not asked for"):
        server.send(VALUES)
    feed(server, b"a FETCH 1 FLAGS\r\n")
    with pytest.raises(LocalProtocolError, match="no values that were not asked for"):
        server.send(VALUES)
    server.complete("a", Ok())
    feed(server, b"b UID FETCH 1 (FLAGS ANNOTATION (/% value))\r\n")
    server.send(VALUES)
    assert sent(server).endswith(b'* 1 FETCH (ANNOTATION (/comment (value.priv "mine")))\r\n')


# What a server says of a mailbox, and holds its client to (section 4.1)


@pytest.mark.parametrize("command", [b"SELECT x", b"EXAMINE x (ANNOTATE)"])
def test_a_mailbox_is_selected_with_what_it_has_of_annotations(command: bytes) -> None:
    server = offering()
    feed(server, b"a " + command + b"\r\n")
    with pytest.raises(LocalProtocolError, match="expected ANNOTATIONS before the OK"):
        server.complete("a", Ok())
    assert sent(server) == b""
    server.complete("a", Ok("done", AnnotationsCode(1_024)))
    feed(server, b"b " + command + b"\r\n")
    server.send(Ok("told", AnnotationsCode(None, is_supported=False)))
    server.complete("b", Bad("what?"))
    feed(server, b"c " + command + b"\r\n")
    with pytest.raises(LocalProtocolError, match="expected ANNOTATIONS before the OK"):
        server.complete("c", Ok())
    server.complete("c", No("no such mailbox"))


def test_a_server_without_annotations_says_nothing_of_them() -> None:
    server = selected_server(capabilities=["IMAP4rev1"])
    feed(server, b"a SELECT x\r\n")
    with pytest.raises(LocalProtocolError, match=f"{CAPABILITY} is not offered"):
        server.send(Ok("told", AnnotationsCode(1_024)))
    server.complete("a", Ok())


@pytest.mark.parametrize("status", [Ok, No])
def test_what_a_mailbox_has_is_said_when_it_is_selected(status: type[Ok] | type[No]) -> None:
    server = offering()
    feed(server, b"a NOOP\r\n")
    with pytest.raises(LocalProtocolError, match="expected in answer to SELECT or EXAMINE"):
        server.send(status("told", AnnotationsCode(1_024)))
    with pytest.raises(LocalProtocolError, match="expected in answer to SELECT or EXAMINE"):
        server.complete("a", status("told", AnnotationsCode(1_024)))


def test_a_server_takes_1024_octets_or_none() -> None:
    server = offering()
    feed(server, b"a SELECT x\r\n")
    with pytest.raises(LocalProtocolError, match="expected 1024 octets or more"):
        server.send(Ok("told", AnnotationsCode(1_023)))
    server.send(Ok("told", AnnotationsCode(None)))
    server.complete("a", Ok())


SHARED_1024, PRIVATE_1024 = AnnotationsCode(1_024, has_private=False), AnnotationsCode(1_024)
LARGE = b'STORE 1 ANNOTATION (/a (value.shared "%b"))' % (b"x" * 1_025)

HELD_TO = {
    "private ones where there are none": (
        SHARED_1024,
        b'STORE 1 ANNOTATION (/a (value.priv "b"))',
        No("STORE: value.priv: the mailbox has no private annotations"),
    ),
    "private ones of a message that is added": (
        SHARED_1024,
        b'APPEND x ANNOTATION (/a (value.priv "b")) {1+}\r\na',
        No("APPEND: value.priv: the mailbox has no private annotations"),
    ),
    "too large": (
        PRIVATE_1024,
        LARGE,
        No(
            "STORE: value.shared has 1025 octets, the mailbox takes 1024",
            AnnotateCode(AnnotateReason.TOO_BIG),
        ),
    ),
    "only read": (
        AnnotationsCode(None),
        b"UID STORE 1 ANNOTATION (/a (value.shared NIL))",
        No("UID STORE: annotations of the mailbox cannot be changed"),
    ),
    "none at all": (
        AnnotationsCode(None, is_supported=False),
        b"STORE 1 ANNOTATION (/a (value.shared NIL))",
        No("STORE: the mailbox has no annotations"),
    ),
}
ALLOWED = [
    (SHARED_1024, b"FETCH 1 (ANNOTATION (/a value.priv))"),
    (SHARED_1024, b'STORE 1 ANNOTATION (/a (value.shared "b"))'),
    (SHARED_1024, b'APPEND other ANNOTATION (/a (value.priv "b")) {1+}\r\na'),
    (PRIVATE_1024, b'STORE 1 ANNOTATION (/a (value.priv "%b"))' % (b"x" * 1_024)),
    (AnnotationsCode(None, is_supported=False), b"FETCH 1 (ANNOTATION (/a value.priv))"),
]


def saying(support: AnnotationsCode) -> IMAPServerConnection:
    server: IMAPServerConnection = offering()
    feed(server, b"s SELECT x\r\n")
    server.send(Ok("told", support))
    server.complete("s", Ok())
    sent(server)
    return server


@pytest.mark.parametrize(("support", "wire", "refusal"), HELD_TO.values(), ids=HELD_TO)
def test_a_server_refuses_what_it_has_said_that_it_does_not_take(
    support: AnnotationsCode, wire: bytes, refusal: No
) -> None:
    events = server_events(b"a " + wire + b"\r\n", lambda: saying(support))
    assert isinstance(events[-1], InvalidCommand)
    assert events[-1].status == refusal
    left = saying(support)
    feed(left, b"s CLOSE\r\n")
    left.complete("s", Ok())
    (event,) = feed(left, b"a APPEND x ANNOTATION (/a (value.priv NIL)) {1+}\r\na\r\n")
    assert isinstance(event, TaggedCommand)


@pytest.mark.parametrize(("support", "wire"), ALLOWED)
def test_a_server_takes_what_it_has_said(support: AnnotationsCode, wire: bytes) -> None:
    events = server_events(b"a " + wire + b"\r\n", lambda: saying(support))
    assert [type(event) for event in events] == [TaggedCommand]


# Values that stream


def test_large_values_stream_to_a_server() -> None:
    octets = (
        b"a STORE 1 ANNOTATION (/a (value.priv {5+}\r\nabcde value.shared {2+}\r\nxy) "
        b"/b (c.priv ~{4+}\r\n\0\0\0\0))\r\n"
    )
    first = Annotation("/a", (("value.priv", Streamed(5)),))
    whole = StoreAnnotations(
        ONE,
        (
            Annotation("/a", (("value.priv", Streamed(5)), ("value.shared", b"xy"))),
            Annotation("/b", (("c.priv", Streamed(4)),)),
        ),
    )
    assert server_events(octets, lambda: offering(max_inline_literal=3)) == [
        LiteralOffered("a", StoreAnnotations(ONE, (first,)), 0, 5, is_synchronizing=False),
        LiteralData(b"abcde"),
        LiteralEnded(5),
        LiteralOffered("a", whole, 1, 4, is_synchronizing=False),
        LiteralData(b"\0\0\0\0"),
        LiteralEnded(4),
        TaggedCommand("a", whole),
    ]
    assert whole.streamed == (Streamed(5), Streamed(4))


def test_large_values_of_append_stream_before_the_message() -> None:
    octets = b"a APPEND x ANNOTATION (/a (value.priv {5+}\r\nabcde)) {4+}\r\nwxyz\r\n"
    options = (AppendAnnotations((Annotation("/a", (("value.priv", Streamed(5)),)),)),)
    assert server_events(octets, lambda: offering(max_inline_literal=3)) == [
        LiteralOffered("a", Append("x", b"", options=options), 0, 5, is_synchronizing=False),
        LiteralData(b"abcde"),
        LiteralEnded(5),
        LiteralOffered("a", Append("x", Streamed(4), options=options), 1, 4, is_synchronizing=False),
        LiteralData(b"wxyz"),
        LiteralEnded(4),
        TaggedCommand("a", Append("x", Streamed(4), options=options)),
    ]
    assert Append("x", Streamed(4), options=options).streamed == (Streamed(5), Streamed(4))
    assert Append("x", BinaryMessage(Streamed(4)), options=options).streamed == (Streamed(5), Streamed(4))


@pytest.mark.parametrize(
    ("start", "index"),
    [(b"APPEND x {4+}\r\nwxyz ", 1), (b"REPLACE 1 x (\\Seen) ", 0)],
    ids=["several", "REPLACE"],
)
def test_large_values_of_other_forms_of_append_stream(start: bytes, index: int) -> None:
    octets = b"a " + start + b"ANNOTATION (/a (value.priv {5+}\r\nabcde)) {1+}\r\nb\r\n"
    events = server_events(octets, lambda: offering(max_inline_literal=3))
    (offered,) = (event for event in events if isinstance(event, LiteralOffered) and event.size == 5)
    assert offered.index == index
    assert offered.command.streamed[-1] == Streamed(5)
    assert events[-4:-1] == [offered, LiteralData(b"abcde"), LiteralEnded(5)]
    assert isinstance(events[-1], TaggedCommand)
    assert events[-1].command.streamed == offered.command.streamed


def test_a_server_says_that_a_value_is_too_large_before_it_comes() -> None:
    server = offering(max_inline_literal=3)
    (offer,) = feed(server, b"a UID STORE 1 ANNOTATION (/a (value.priv {50}\r\n")
    assert isinstance(offer, LiteralOffered)
    server.reject(No("too large", AnnotateCode(AnnotateReason.TOO_BIG)))
    assert sent(server) == b"a NO [ANNOTATE TOOBIG] too large\r\n"


@pytest.mark.parametrize(
    "start", [b"STORE 1 ANNOTATION ({5}\r\n", b"STORE 1 ANNOTATION (/a ({5}\r\n", b"STORE 1 FLAGS ({5}\r\n"]
)
def test_large_names_do_not_stream(start: bytes) -> None:
    (event,) = feed(offering(max_inline_literal=3), b"a " + start)
    assert isinstance(event, InvalidCommand)


def test_a_large_value_streams_from_a_client() -> None:
    client = selected_client(f"IMAP4rev1 {CAPABILITY} LITERAL+", limits=IMAPLimits(max_nonsync=3))
    command = StoreAnnotations(ONE, (Annotation("/a", (("value.priv", Streamed(5)),)),))
    client.send_command(command, "a")
    assert sent(client) == b"a STORE 1 ANNOTATION (/a (value.priv {5}\r\n"
    assert feed(client, b"+ go\r\n") == [LiteralWanted("a", 0, 5)]
    client.send_literal(b"abcde")
    assert sent(client) == b"abcde))\r\n"
    assert feed(client, b"a OK done\r\n") == [CommandCompleted(tag="a", command=command, status=Ok("done"))]


def small_client() -> Any:
    return selected_client(limits=IMAPLimits(max_inline_literal=3))


def test_large_values_stream_to_a_client() -> None:
    octets = (
        b"* 4 FETCH (UID 5 ANNOTATION (/a (value.priv {5}\r\nabcde value.shared NIL) "
        b"/b (value.priv {3}\r\nabc value.shared ~{4}\r\n\0\0\0\0)))\r\n"
    )
    assert client_events(octets, small_client) == [
        LiteralStarted(4, ItemValue("ANNOTATION", ("/a", "value.priv")), 5),
        LiteralData(b"abcde"),
        LiteralEnded(5),
        LiteralStarted(4, ItemValue("ANNOTATION", ("/b", "value.shared")), 4),
        LiteralData(b"\0\0\0\0"),
        LiteralEnded(4),
        FetchData(
            4,
            UID.answer(5),
            ANNOTATION.answer(
                [
                    Annotation("/a", (("value.priv", Streamed(5)), ("value.shared", None))),
                    Annotation("/b", (("value.priv", b"abc"), ("value.shared", Streamed(4)))),
                ]
            ),
        ),
    ]


@pytest.mark.parametrize(
    "start",
    [
        b"* 4 FETCH (ANNOTATION ({5}\r\n/abcd",
        b"* 4 FETCH (ANNOTATION (/a ({5}\r\nabcde",
        b"* 4 FETCH (ANNOTATION () {5}\r\nabcde",
        b"* 4 FETCH (ANNOTATION {5}\r\nabcde",
        b"* 4 FETCH (X (ANNOTATION (/a (value.priv {5}\r\nabcde",
        b'* 4 FETCH (ANNOTATION (/a (value.priv "x")) X {5}\r\nabcde',
    ],
)
def test_what_is_no_value_does_not_stream(start: bytes) -> None:
    events = feed(small_client(), start + b" NIL)))\r\n")
    assert not any(isinstance(event, LiteralStarted) for event in events)
    assert len(events) == 1


def test_no_value_streams_behind_much_text() -> None:
    long = b"/" + b"a" * 70_000
    client = selected_client(limits=IMAPLimits(max_inline_literal=3, max_line=100_000))
    (data,) = feed(client, b"* 4 FETCH (ANNOTATION (" + long + b" (value.priv {5}\r\nabcde)))\r\n")
    assert isinstance(data, FetchData)
    assert data[ANNOTATION].annotations[0].values == (("value.priv", Omitted(5)),)
    assert data[ANNOTATION].get(long.decode(), "value.priv") is None
    assert len(data.defects) == 1


def line_with(octets: bytes = b"", **limits: int) -> Line:
    line = Line(IMAPLimits(**limits))
    names = f"IMAP4rev1 IDLE MOVE {CAPABILITY} CONDSTORE SORT MULTIAPPEND UIDPLUS LITERAL+"
    line.conn.receive_data(f"* CAPABILITY {names}\r\n".encode() + octets)
    line.session.pump()
    return line


def fetched(line: Line, *items: FetchItem[object]) -> tuple[Any, Fetching]:
    fetching = Fetching(line.session, SequenceSet("1:9"), items)
    return line.start(fetching.fill()), fetching


def test_a_large_value_is_put_together() -> None:
    line = line_with(max_inline_literal=3, max_section=5)
    task, fetching = fetched(line, ANNOTATION)
    line.feed_octets(b"* 1 FETCH (ANNOTATION (/a (value.priv {5}\r\nab")
    line.feed_octets(b"cde) /b (value.priv {6}\r\nabcdef value.shared {4}\r\nwxyz)))\r\n")
    assert task.is_done
    (message,) = fetching.ready
    assert message[ANNOTATION].get("/a", "value.priv") == b"abcde"
    assert message[ANNOTATION].get("/b", "value.shared") == b"wxyz"
    assert message[ANNOTATION].get("/b", "value.priv") is None
    assert message[ANNOTATION].annotations[1].values[0] == ("value.priv", Streamed(6))


def test_an_exchange_has_the_large_value() -> None:
    line = line_with(max_inline_literal=3)
    task = line.start(exchange(line.session, Fetch(ONE, (ANNOTATION,))))
    line.feed(b"* 1 FETCH (ANNOTATION (/a (value.priv {5}", b"abcde)))", b"A2 OK done")
    (message,) = task.result.responses
    assert message[ANNOTATION].get("/a", "value.priv") == b"abcde"


def test_what_nobody_wants_or_can_read_is_in_no_other_message() -> None:
    line = line_with(max_inline_literal=3)
    task = line.start(noop(line.session))
    line.feed(b"* 1 FETCH (ANNOTATION (/a (value.priv {4}", b"abcd)))", b"A2 OK done")
    task, fetching = fetched(line, ANNOTATION)
    line.feed(b"* 1 FETCH (ANNOTATION (/a (value.priv {4}", b"abcd // UID 5)")
    line.feed(b"* 2 FETCH (ANNOTATION (/b (value.priv {4}", b"efgh)))", b"A3 OK done")
    assert task.is_done
    assert fetching.ready.popleft() == FetchData.of_parsed(1, {}, ())
    task = line.start(fetching.fill())
    assert fetching.ready[-1] == FetchData(
        2, ANNOTATION.answer([Annotation("/b", (("value.priv", b"efgh"),))])
    )


# News, and what answers a FETCH


def test_news_are_no_answer_to_a_fetch() -> None:
    line = line_with()
    task, fetching = fetched(line, ANNOTATION)
    line.feed(b"* 1 FETCH (ANNOTATION (/comment))")
    assert not task.is_done
    line.feed(b'* 1 FETCH (ANNOTATION (/comment (value.priv "x")))')
    assert task.is_done
    assert list(fetching.ready) == [
        FetchData(1, ANNOTATION.answer([Annotation("/comment", (("value.priv", b"x"),))]))
    ]
    assert list(line.session.news) == [AnnotationsChanged(1, None, ("/comment",))]


def test_what_others_have_changed_is_news() -> None:
    line = line_with()
    task = line.start(select(line.session, "x", parameters=(ANNOTATE,)))
    assert line.sent() == [b"A2 SELECT x (ANNOTATE)"]
    line.feed(b"* 2 EXISTS", b"* OK [ANNOTATIONS 20480 NOPRIVATE] .", b"A2 OK [READ-WRITE] done")
    assert task.result.annotations == AnnotationsCode(20_480, has_private=False)
    line.feed(b"* 2 FETCH (UID 7)")
    task = line.start(store(line.session, Store(SequenceSet("2"), StoreAction.ADD, frozenset({"\\Seen"}))))
    line.feed(b"* 2 FETCH (FLAGS (\\Seen) ANNOTATION (/comment /a))", b"A3 OK done")
    (stored,) = task.result
    assert stored[CHANGED_ANNOTATIONS] == ("/comment", "/a")
    assert list(line.session.news) == [AnnotationsChanged(2, 7, ("/comment", "/a"))]
    line.conn.receive_data(b"* 1 FETCH (UID 5 FLAGS () ANNOTATION (/b))\r\n* 1 FETCH (ANNOTATION (/c))\r\n")
    line.session.pump()
    assert list(line.session.news)[1:] == [
        AnnotationsChanged(1, 5, ("/b",)),
        FlagsChanged(1, 5, frozenset()),
        AnnotationsChanged(1, 5, ("/c",)),
    ]


# What a client does not send

STORED = StoreAnnotations(ONE, (Annotation("/a", (("value.priv", b"12345"), ("value.shared", None))),))
SHARED = StoreAnnotations(ONE, (Annotation("/a", (("value.shared", b"12345"),)),))
IN_BOX = AppendAnnotations(STORED.annotations)
NONE, READ_ONLY = AnnotationsCode(None, is_supported=False), AnnotationsCode(None)
FOUR, FIVE, SHARED_ONLY = AnnotationsCode(4), AnnotationsCode(5), AnnotationsCode(5, has_private=False)

REASONS: list[tuple[Command, AnnotationsCode, str | None]] = [
    (STORED, NONE, "no annotations"),
    (Fetch(ONE, (UID, ANNOTATION)), NONE, "no annotations"),
    (Search(~HasAnnotation("*", "value", "x")), NONE, "no annotations"),
    (Sort((AnnotationCriterion("/a", "value.priv"),), All()), NONE, "no annotations"),
    (ESearch(HasAnnotation("*", "value", "x"), sources=(MailboxFilter("inboxes"),)), NONE, None),
    (Select("box", (ANNOTATE,)), NONE, None),
    (Examine("box", (ANNOTATE,)), NONE, None),
    (Fetch(ONE, (UID,)), NONE, None),
    (STORED, READ_ONLY, "cannot be changed"),
    (Fetch(ONE, (ANNOTATION,)), READ_ONLY, None),
    (STORED, FOUR, "value.priv has 5 octets, the mailbox takes 4"),
    (STORED, FIVE, None),
    (STORED, SHARED_ONLY, "no private annotations"),
    (SHARED, SHARED_ONLY, None),
    (StoreAnnotations(ONE, (Annotation("/a", (("value.priv", Streamed(5)),)),)), FOUR, "has 5 octets"),
    (UIDStoreAnnotations(UIDSet("1"), STORED.annotations), FOUR, "has 5 octets"),
    (Append("box", b"", options=(IN_BOX,)), NONE, "no annotations"),
    (Append("box", b"", options=(IN_BOX,)), FOUR, "has 5 octets"),
    (Append("box", b""), NONE, None),
    (Append("other", b"", options=(IN_BOX,)), NONE, None),
    (MultiAppend("box", (AppendMessage(b"a"), AppendMessage(b"b", options=(IN_BOX,)))), FOUR, "has 5 octets"),
    (Replace(1, "box", AppendMessage(b"a", options=(IN_BOX,))), READ_ONLY, "cannot be changed"),
]


@pytest.mark.parametrize(("command", "support", "expected"), REASONS)
def test_reasons_not_to_send(command: Command, support: AnnotationsCode, expected: str | None) -> None:
    reason = reason_against_annotations(command, "box", support)
    assert (reason is None) is (expected is None)
    assert (expected or "") in (reason or "")


def test_a_client_does_not_set_what_the_mailbox_does_not_take() -> None:
    line = line_with(b"* OK [ANNOTATIONS 4] .\r\n")
    task = line.start(store_annotations(line.session, ONE, {"/a": {"value.priv": "12345"}}))
    assert isinstance(task.error, LocalProtocolError)
    assert str(task.error) == "STORE: value.priv has 5 octets, the mailbox takes 4"
    assert line.sent() == []
    task = line.start(store_annotations(line.session, ONE, {"/a": {"value.priv": "1234"}}))
    assert line.sent() == [b'A2 STORE 1 ANNOTATION (/a (value.priv "1234"))']


def test_what_another_mailbox_takes_is_not_known_while_it_is_being_selected() -> None:
    line = line_with(b"* OK [ANNOTATIONS 4] .\r\n")
    line.start(select(line.session, "x"))
    line.start(store_annotations(line.session, UIDSet("1"), {"/a": {"value.priv": "12345"}}))
    assert line.sent() == [b"A2 SELECT x", b'A3 UID STORE 1 ANNOTATION (/a (value.priv "12345"))']


def test_which_commands_may_be_in_flight_together() -> None:
    flags = Store(ONE, StoreAction.ADD, frozenset({"x"}))
    assert conflict(STORED, [flags, Fetch(ONE, (FLAGS,)), STORED]) is None
    other = Fetch(ONE, (FetchAnnotations(("/b",)),))
    assert "could not be told" in str(conflict(Fetch(ONE, (ANNOTATION,)), [other]))


# The methods of the clients


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_client_sets_annotations(adapter: str) -> None:
    values: AnnotationValues = {
        "/comment": {"value.priv": "é", "value.shared": None},
        "/a": {"value.priv": b"x"},
    }
    offered = f"{CAPABILITY} LITERAL- CONDSTORE"
    said = b'ANNOTATION (/comment (value.priv "mine"))'
    mine = {"/comment": {"value.priv": "mine"}}
    result, lines = converse(
        adapter, offered, [b"{tag} OK done\r\n"], lambda imap: imap.store_annotations("1:3", mine)
    )
    assert (result, lines) == (None, [b"STORE 1:3 " + said])
    result, lines = converse(
        adapter, offered, [b"{tag} OK done\r\n"], lambda imap: imap.uid_store_annotations([5, 7], mine)
    )
    assert (result, lines) == (None, [b"UID STORE 5,7 " + said])
    assert annotations_of(values) == (
        Annotation("/comment", (("value.priv", b"\xc3\xa9"), ("value.shared", None))),
        Annotation("/a", (("value.priv", b"x"),)),
    )


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_client_sets_annotations_of_what_did_not_change(adapter: str) -> None:
    offered, mine = f"{CAPABILITY} CONDSTORE", {"/comment": {"value.priv": "mine"}}
    stored, said = converse(
        adapter,
        offered,
        [b"* 2 FETCH (MODSEQ (9))\r\n{tag} OK [MODIFIED 3] some\r\n"],
        lambda imap: imap.store_annotations_unchanged("2:3", 5, mine),
    )
    assert stored == Stored((FetchData(2, MODSEQ.answer(9)),), SequenceSet("3"))
    assert said == [b'STORE 2:3 (UNCHANGEDSINCE 5) ANNOTATION (/comment (value.priv "mine"))']
    stored, said = converse(
        adapter,
        offered,
        [b"* 2 FETCH (UID 20 MODSEQ (9))\r\n{tag} OK [MODIFIED 30] some\r\n"],
        lambda imap: imap.uid_store_annotations_unchanged([20, 30], 5, mine),
    )
    assert ([message.uid for message in stored.messages], stored.modified) == ([20], UIDSet("30"))
    assert said == [b'UID STORE 20,30 (UNCHANGEDSINCE 5) ANNOTATION (/comment (value.priv "mine"))']


@pytest.mark.parametrize("adapter", ADAPTERS)
@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda imap: imap.select("x", annotate=True), b"SELECT x (ANNOTATE)"),
        (lambda imap: imap.examine("x", condstore=True, annotate=True), b"EXAMINE x (CONDSTORE ANNOTATE)"),
        (
            lambda imap: imap.append("x", b"", annotations={"/a": {"value.shared": "b"}}),
            b'APPEND x ANNOTATION (/a (value.shared "b")) {0+}',
        ),
        (
            lambda imap: imap.catenate("x", [URLPart("/u")], annotations={"/a": {"value.shared": "b"}}),
            b'APPEND x ANNOTATION (/a (value.shared "b")) CATENATE (URL /u)',
        ),
        (
            lambda imap: imap.catenate(
                "x",
                [URLPart("/u")],
                ["\\Seen"],
                datetime(1996, 7, 17, 9, 44, 25, tzinfo=UTC),
                annotations={"/a": {"value.priv": None}},
            ),
            b'APPEND x (\\Seen) "17-Jul-1996 09:44:25 +0000" '
            b"ANNOTATION (/a (value.priv NIL)) CATENATE (URL /u)",
        ),
        (
            lambda imap: imap.replace(2, "x", b"", annotations={"/a": {"value.shared": "b"}}),
            b'REPLACE 2 x ANNOTATION (/a (value.shared "b")) {0+}',
        ),
        (
            lambda imap: imap.uid_replace(
                20, "x", b"", ["\\Seen"], binary=True, annotations={"/a": {"value.shared": "b"}}
            ),
            b'UID REPLACE 20 x (\\Seen) ANNOTATION (/a (value.shared "b")) ~{0+}',
        ),
        (
            lambda imap: imap.uid_sort("REVERSE ANNOTATION /a value.priv"),
            b"UID SORT (REVERSE ANNOTATION /a value.priv) UTF-8 ALL",
        ),
        (
            lambda imap: imap.uid_search(HasAnnotation("/a", "value", "b")),
            b'UID SEARCH ANNOTATION /a value "b"',
        ),
    ],
)
def test_methods(adapter: str, call: Callable[[Any], Any], said: bytes) -> None:
    others = "BINARY CATENATE CONDSTORE SORT LITERAL+ REPLACE"
    _, lines = converse(adapter, f"{CAPABILITY} {others}", [b"{tag} OK done\r\n"], call)
    assert lines == [said]
    with pytest.raises(LocalProtocolError, match=f"needs {CAPABILITY}, which is not offered"):
        converse(adapter, others, [], call)


def test_a_message_of_several_has_its_annotations() -> None:
    line = line_with()
    messages: list[MessageToAppend | bytes] = [
        b"a",
        MessageToAppend(b"b", annotations={"/a": {"value.priv": "c"}}),
    ]
    task = line.start(append_messages(line.session, "x", messages))
    assert line.sent() == [b"A2 APPEND x {1+}", b'a ANNOTATION (/a (value.priv "c")) {1+}', b"b"]
    line.feed(b"A2 NO [ANNOTATE TOOMANY] no")
    assert isinstance(task.error, AnnotationRefused)
    assert task.error.status.code == AnnotateCode(AnnotateReason.TOO_MANY)


def test_a_streamed_message_has_its_annotations() -> None:
    line = line_with()
    options = (AppendAnnotations(COMMENT),)
    task = line.start(append(line.session, "x", iter([b"ab", b"c"]), size=3, options=options))
    assert line.sent() == [b'A2 APPEND x ANNOTATION (/comment (value.priv "mine")) {3+}', b"abc"]
    line.feed(b"A2 OK done")
    assert (task.is_done, task.error) == (True, None)


def test_a_store_of_many_is_sent_in_parts() -> None:
    line = line_with(max_command_line=70)
    uids = UIDSet.of(range(1, 60, 2))
    task = line.start(store_annotations(line.session, uids, {"/a": {"value.priv": "b"}}))
    lines = line.sent()
    assert len(lines) > 2
    assert all(len(one) <= 70 and one.endswith(b' ANNOTATION (/a (value.priv "b"))') for one in lines)
    line.feed(*(one.split(b" ")[0] + b" OK done" for one in lines))
    while not task.is_done:
        line.feed(*(one.split(b" ")[0] + b" OK done" for one in line.sent()))
    assert task.error is None
