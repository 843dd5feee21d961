from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given

from mailproto.errors import IMAPStatusError, LocalProtocolError
from mailproto.imap.codes import ResponseCode, UnknownCode, parse_resp_text_code, write_resp_text_code
from mailproto.imap.commands import (
    Command,
    Examine,
    Fetch,
    Search,
    Select,
    Status,
    Store,
    StoreAction,
    UIDFetch,
    UIDSearch,
    UIDStore,
    parse_command,
)
from mailproto.imap.condstore_flows import Stored
from mailproto.imap.cursor import ParseError
from mailproto.imap.events import InvalidCommand
from mailproto.imap.ext.condstore import (
    CONDSTORE,
    HIGHESTMODSEQ,
    MODSEQ,
    NOMODSEQ,
    ChangedSince,
    HighestModSeqCode,
    ModifiedCode,
    ModSeq,
    UnchangedSince,
)
from mailproto.imap.fetch import FLAGS, UID
from mailproto.imap.parameters import UnknownParameter
from mailproto.imap.responses import FetchData, PreparedFetch, Response, SearchData, StatusData
from mailproto.imap.search import From, SearchKey
from mailproto.imap.sequence import SequenceSet, UIDSet
from mailproto.imap.status import No, Ok
from support_imap import complete, feed, now, selected_client, selected_server, server_events
from support_imap_scripts import ADAPTERS, converse
from support_imap_strategies import condstore_codes, condstore_keys
from support_imap_wire import (
    check_command,
    check_response,
    command_octets,
    cursor_at,
    frame,
    parse_octets,
    read_response,
    written,
)

MAX = 2**63 - 1
BIG = str(MAX).encode()
DELETED = frozenset({"\\Deleted"})

COMMANDS: list[tuple[bytes, Command]] = [
    (b"SELECT INBOX (CONDSTORE)", Select("INBOX", (CONDSTORE,))),
    (b"EXAMINE x (X-Y CONDSTORE)", Examine("x", (UnknownParameter("X-Y"), CONDSTORE))),
    (b"STATUS blurdybloop (UIDNEXT HIGHESTMODSEQ)", Status("blurdybloop", ("UIDNEXT", HIGHESTMODSEQ))),
    (b"FETCH 1:3 MODSEQ", Fetch(SequenceSet("1:3"), (MODSEQ,))),
    (
        b"UID FETCH 1:* FLAGS (CHANGEDSINCE 12345)",
        UIDFetch(UIDSet("1:*"), (FLAGS,), modifiers=(ChangedSince(12345),)),
    ),
    (
        b"FETCH 1 FLAGS (CHANGEDSINCE %b)" % BIG,
        Fetch(SequenceSet("1"), (FLAGS,), modifiers=(ChangedSince(MAX),)),
    ),
    (
        b"STORE 7,5,9 (UNCHANGEDSINCE 0) +FLAGS.SILENT (\\Deleted)",
        Store(SequenceSet("7,5,9"), StoreAction.ADD, DELETED, silent=True, modifiers=(UnchangedSince(0),)),
    ),
    (
        b"UID STORE 6,4,8 (UNCHANGEDSINCE 12121230045) FLAGS (\\Deleted)",
        UIDStore(UIDSet("6,4,8"), StoreAction.REPLACE, DELETED, modifiers=(UnchangedSince(12121230045),)),
    ),
    (b"SEARCH MODSEQ 620162338", Search(ModSeq(620162338))),
    (b"UID SEARCH MODSEQ 0 FROM a", UIDSearch(ModSeq(0) & From("a"))),
    (
        b'SEARCH MODSEQ "/flags/\\\\Draft" all 620162338',
        Search(ModSeq(620162338, "\\draft")),
    ),
    (b'SEARCH MODSEQ "/flags/$MDNSent" priv 5', Search(ModSeq(5, "$MDNSent", "priv"))),
]


@pytest.mark.parametrize(("wire", "command"), COMMANDS)
def test_commands_in_both_directions(wire: bytes, command: Command) -> None:
    check_command(wire, command)


def test_other_spellings_are_read() -> None:
    assert parse_octets(b'a search modseq "/flags/\\\\seen" ALL 5\r\n') == Search(ModSeq(5, "\\Seen"))
    assert parse_octets(b"a fetch 1 (flags modseq) (changedsince 5)\r\n") == Fetch(
        SequenceSet("1"), (FLAGS, MODSEQ), modifiers=(ChangedSince(5),)
    )


@pytest.mark.parametrize(
    "wire",
    [
        b"SELECT x (CONDSTORE 5)",
        b"SELECT x (CONDSTORE CONDSTORE)",
        b"FETCH 1 FLAGS (CHANGEDSINCE)",
        b"FETCH 1 FLAGS (CHANGEDSINCE 0)",
        b"FETCH 1 FLAGS (CHANGEDSINCE %d)" % 2**63,
        b"FETCH 1 FLAGS (UNCHANGEDSINCE 5 CHANGEDSINCE 5 CHANGEDSINCE 6)",
        b"STORE 1 (UNCHANGEDSINCE -1) FLAGS ()",
        b"STORE 1 (CHANGEDSINCE 5 CHANGEDSINCE 5) FLAGS ()",
        b"SEARCH MODSEQ",
        b"SEARCH MODSEQ a",
        b'SEARCH MODSEQ "/flags/a" 5',
        b'SEARCH MODSEQ "/flags/a" other 5',
        b'SEARCH MODSEQ "/flags/\\\\Recent" all 5',
        b'SEARCH MODSEQ "/other/a" all 5',
        b'SEARCH MODSEQ "/flags/a b" all 5',
    ],
)
def test_what_is_no_command(wire: bytes) -> None:
    with pytest.raises(ParseError):
        parse_command(frame(b"a " + wire + b"\r\n"))


RESPONSES: list[tuple[bytes, Response]] = [
    (b"* SEARCH 2 5 6 (MODSEQ 917162500)", SearchData((2, 5, 6), mod_seq=917162500)),
    (b"* SEARCH", SearchData()),
    (b"* 1 FETCH (MODSEQ (624140003))", FetchData(1, MODSEQ.answer(624140003))),
    (b"* 2 FETCH (UID 7 MODSEQ (%b))" % BIG, FetchData(2, UID.answer(7), MODSEQ.answer(MAX))),
    (
        b"* STATUS blurdybloop (MESSAGES 231 HIGHESTMODSEQ 7011231777)",
        StatusData("blurdybloop", (("MESSAGES", 231), ("HIGHESTMODSEQ", 7011231777))),
    ),
    (b"* OK [HIGHESTMODSEQ 715194045007] Highest", Ok("Highest", HighestModSeqCode(715194045007))),
    (b"* OK [NOMODSEQ] Sorry", Ok("Sorry", NOMODSEQ)),
]


@pytest.mark.parametrize(("wire", "response"), RESPONSES)
def test_responses_in_both_directions(wire: bytes, response: Response) -> None:
    check_response(wire, response)


DEVIATIONS: list[tuple[bytes, Response]] = [
    (b"* SEARCH (MODSEQ 5)", SearchData()),
    (b"* SEARCH 1 (MODSEQ 0)", SearchData((1,))),
    (b"* SEARCH  1 2 (MODSEQ 5)", SearchData((1, 2), mod_seq=5)),
    (b"* 1 FETCH (UID 5 MODSEQ (0))", FetchData.of_parsed(1, {"UID": 5, "MODSEQ": 0}, ())),
    (b"* OK [HIGHESTMODSEQ 0] x", Ok.of_parsed("x", UnknownCode.of_parsed("HIGHESTMODSEQ", b"0"))),
]


@pytest.mark.parametrize(("wire", "response"), DEVIATIONS)
def test_deviations_are_defects(wire: bytes, response: Response) -> None:
    read = read_response(wire, strict=False)
    assert read == response
    assert not isinstance(read, PreparedFetch)
    assert len(read.defects) == 1


CODES: list[tuple[bytes, ResponseCode]] = [
    (b"HIGHESTMODSEQ 1", HighestModSeqCode(1)),
    (b"MODIFIED 7,9", ModifiedCode(SequenceSet("7,9"))),
    (b"MODIFIED 101:105", ModifiedCode(UIDSet("101:105"))),
]


@pytest.mark.parametrize(("wire", "code"), CODES)
def test_codes_in_both_directions(wire: bytes, code: ResponseCode) -> None:
    assert parse_resp_text_code(cursor_at(wire + b"]", strict=True)) == code
    assert written(lambda writer: write_resp_text_code(writer, code)) == wire


def test_only_the_command_says_what_was_modified() -> None:
    code = ModifiedCode(UIDSet("7,9"))
    assert code == ModifiedCode(SequenceSet("7,9"))
    assert code.uids == UIDSet("7,9")
    assert code.sequence_set == SequenceSet("7,9")


@given(condstore_keys)
def test_keys_round_trip(key: SearchKey) -> None:
    assert parse_octets(command_octets(Search(key))) == Search(key)


@given(condstore_codes)
def test_codes_round_trip(code: ResponseCode) -> None:
    octets = written(lambda writer: write_resp_text_code(writer, code))
    assert parse_resp_text_code(cursor_at(octets + b"]", strict=True)) == code


ATTACKS: list[Callable[[], object]] = [
    lambda: ChangedSince(0),
    lambda: ChangedSince(2**63),
    lambda: ChangedSince(True),
    lambda: UnchangedSince(-1),
    lambda: ModSeq(-1),
    lambda: ModSeq(5, "\\Recent"),
    lambda: ModSeq(5, "a\r\n"),
    lambda: ModSeq(5, "a", "x"),  # type: ignore[arg-type]  # the mistake
    lambda: ModSeq(5, None, "priv"),
    lambda: HighestModSeqCode(0),
    lambda: ModifiedCode(SequenceSet()),
    lambda: ModifiedCode(UIDSet("1:*")),
    lambda: SearchData((), mod_seq=5),
    lambda: SearchData((1,), mod_seq=0),
    lambda: MODSEQ.answer(0),
    lambda: Fetch(SequenceSet("1"), (FLAGS,), modifiers=(UnchangedSince(5),)),
    lambda: Store(SequenceSet("1"), StoreAction.ADD, DELETED, modifiers=(ChangedSince(5),)),
]


@pytest.mark.parametrize("build", ATTACKS)
def test_attacks(build: Callable[[], object]) -> None:
    with pytest.raises(LocalProtocolError):
        build()


# Connections


USES = [
    b"FETCH 1 MODSEQ",
    b"FETCH 1 FLAGS (CHANGEDSINCE 5)",
    b"STORE 1 (UNCHANGEDSINCE 5) FLAGS ()",
    b"SEARCH MODSEQ 5",
    b"STATUS x (HIGHESTMODSEQ)",
    b"SELECT x (CONDSTORE)",
]


@pytest.mark.parametrize("use", USES)
def test_what_enables_condstore(use: bytes) -> None:
    server = selected_server(capabilities=("IMAP4rev1", "CONDSTORE"))
    feed(server, b"a " + use + b"\r\n")
    assert server.enabled == set()
    server.complete("a", Ok())
    assert server.enabled == {"CONDSTORE"}
    client = selected_client("IMAP4rev1 CONDSTORE")
    client.send_command(parse_octets(b"a " + use + b"\r\n"), "a")
    feed(client, b"a OK done\r\n")
    assert client.enabled == {"CONDSTORE"}


@pytest.mark.parametrize("use", USES)
def test_a_server_without_it_says_bad(use: bytes) -> None:
    events = server_events(b"a " + use + b"\r\n", selected_server, complete)
    assert [type(event) for event in events] == [InvalidCommand]
    assert isinstance(events[0], InvalidCommand)
    assert events[0].status.text.endswith("needs CONDSTORE, which is not offered")


def test_a_view_knows_mod_sequences() -> None:
    client = selected_client("IMAP4rev1 CONDSTORE")
    view = client.view
    assert view is not None
    assert (view.has_mod_seqs, view.highest_mod_seq) == (None, None)
    feed(client, b"* OK [HIGHESTMODSEQ 5] x\r\n")
    assert now((view.has_mod_seqs, view.highest_mod_seq)) == (True, 5)
    feed(client, b"* OK [NOMODSEQ] x\r\n")
    assert view.has_mod_seqs is False


# Clients


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_client_selects_and_fetches_what_changed(adapter: str) -> None:
    answers = [
        b"* 9 EXISTS\r\n* OK [HIGHESTMODSEQ 715194045007] x\r\n{tag} OK [READ-WRITE] done\r\n",
        b"* 1 FETCH (UID 4 FLAGS (\\Seen) MODSEQ (65402))\r\n{tag} OK done\r\n",
    ]

    def select(imap: Any) -> Any:
        return imap.select("INBOX", condstore=True)

    view, said = converse(adapter, "CONDSTORE", answers[:1], select, selected=False)
    assert view.highest_mod_seq == 715194045007
    assert said == [b"SELECT INBOX (CONDSTORE)"]
    found, said = converse(
        adapter, "CONDSTORE", answers[1:], lambda imap: imap.uid_fetch("1:9", FLAGS, changed_since=5).all()
    )
    assert [(message.uid, message[MODSEQ]) for message in found] == [(4, 65402)]
    assert said == [b"UID FETCH 1:9 FLAGS (CHANGEDSINCE 5)"]


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_client_stores_what_did_not_change(adapter: str) -> None:
    answers = [
        b"* 5 FETCH (MODSEQ (320162350))\r\n{tag} OK [MODIFIED 7,9] Conditional STORE failed\r\n",
    ]
    stored, said = converse(
        adapter,
        "CONDSTORE",
        answers,
        lambda imap: imap.store_unchanged("7,5,9", 320162338, "+FLAGS", "\\Deleted", silent=True),
    )
    assert stored == Stored((FetchData(5, MODSEQ.answer(320162350)),), SequenceSet("7,9"))
    assert said == [b"STORE 7,5,9 (UNCHANGEDSINCE 320162338) +FLAGS.SILENT (\\Deleted)"]
    answers = [
        b"* 5 FETCH (UID 50 FLAGS (a) MODSEQ (9))\r\n{tag} OK done\r\n",
    ]
    stored, said = converse(
        adapter, "CONDSTORE", answers, lambda imap: imap.uid_store_unchanged(50, 8, "FLAGS", "a")
    )
    assert [message.uid for message in stored.messages] == [50]
    assert stored.modified == UIDSet()
    assert said == [b"UID STORE 50 (UNCHANGEDSINCE 8) FLAGS (a)"]


@pytest.mark.parametrize("adapter", ADAPTERS)
@pytest.mark.parametrize(
    "call",
    [
        lambda imap: imap.select("x", condstore=True),
        lambda imap: imap.fetch(1, FLAGS, changed_since=5).all(),
        lambda imap: imap.store_unchanged(1, 5, "FLAGS", "a"),
        lambda imap: imap.search(ModSeq(5)),
        lambda imap: imap.status("x", "HIGHESTMODSEQ"),
    ],
)
def test_a_client_does_not_send_what_is_not_offered(adapter: str, call: Callable[[Any], Any]) -> None:
    with pytest.raises(LocalProtocolError, match="needs CONDSTORE, which is not offered"):
        converse(adapter, "IDLE", [], call)


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_refused_store_says_what_was_modified(adapter: str) -> None:
    with pytest.raises(IMAPStatusError) as raised:
        converse(
            adapter,
            "CONDSTORE",
            [b"{tag} NO [MODIFIED 7] failed\r\n"],
            lambda imap: imap.store_unchanged(7, 5, "FLAGS", "a"),
        )
    assert raised.value.status == No("failed", ModifiedCode(SequenceSet("7")))
