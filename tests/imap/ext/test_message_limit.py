from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given

from mailproto.errors import LimitReached, LocalProtocolError, MailProtoError, OverQuota
from mailproto.flow import Flow
from mailproto.imap import client_flows as flows
from mailproto.imap import parts, searching
from mailproto.imap.capability import Capabilities
from mailproto.imap.codes import ResponseCode, UnknownCode, parse_resp_text_code, write_resp_text_code
from mailproto.imap.commands import Command, Copy, Search, StoreAction, UIDCopy, UIDSearch, parse_command
from mailproto.imap.cursor import ParseError
from mailproto.imap.events import InvalidCommand
from mailproto.imap.ext.condstore import MODSEQ
from mailproto.imap.ext.message_limit import (
    MessageLimitCode,
    UIDAfter,
    UIDBefore,
    message_limit,
    save_limit,
)
from mailproto.imap.ext.move import Move, UIDMove
from mailproto.imap.ext.sort import UIDSort, sort_criteria
from mailproto.imap.ext.thread import UIDThread
from mailproto.imap.ext.uidplus import CopyUIDCode
from mailproto.imap.fetch import FLAGS, UID, FetchItem
from mailproto.imap.fetching import Fetching, fetch_modifiers
from mailproto.imap.inbox import Inboxes
from mailproto.imap.parameters import SEARCH_RETURNS
from mailproto.imap.search import Seen
from mailproto.imap.search_flows import esearch, search_command, sort, thread
from mailproto.imap.sequence import SequenceSet, UIDSet
from support_imap import feed, selected_server
from support_imap_dialogue import Step, Told, tell_in_pieces
from support_imap_scripts import ADAPTERS, converse
from support_imap_strategies import message_limit_codes, message_limit_keys
from support_imap_wire import check_command, command_octets, cursor_at, frame, parse_octets, written
from support_inbox import Line

COMMANDS: list[tuple[bytes, Command]] = [
    (b"UID SEARCH UIDAFTER 25000 SEEN", UIDSearch(UIDAfter(25000) & Seen())),
    (b"UID SEARCH NOT UIDBEFORE 1", UIDSearch(~UIDBefore(1))),
]


@pytest.mark.parametrize(("wire", "command"), COMMANDS)
def test_commands_in_both_directions(wire: bytes, command: Command) -> None:
    check_command(wire, command)


@pytest.mark.parametrize(
    "wire", [b"SEARCH UIDAFTER", b"SEARCH UIDAFTER 0", b"SEARCH UIDBEFORE *", b"SEARCH UIDBEFORE 1:2"]
)
def test_what_is_no_command(wire: bytes) -> None:
    with pytest.raises(ParseError):
        parse_command(frame(b"a " + wire + b"\r\n"))


CODES: list[tuple[bytes, ResponseCode]] = [
    (b"MESSAGELIMIT 1000 23221", MessageLimitCode(1000, 23221)),
    (b"MESSAGELIMIT 1000", MessageLimitCode(1000)),
]


@pytest.mark.parametrize(("wire", "code"), CODES)
def test_codes_in_both_directions(wire: bytes, code: ResponseCode) -> None:
    assert parse_resp_text_code(cursor_at(wire + b"]", strict=True)) == code
    assert written(lambda writer: write_resp_text_code(writer, code)) == wire


@pytest.mark.parametrize("text", [b"0", b"a", b"1 0", b"1 2 3"])
def test_other_arguments_are_kept_with_a_defect(text: bytes) -> None:
    cursor = cursor_at(b"MESSAGELIMIT " + text + b"]")
    assert parse_resp_text_code(cursor) == UnknownCode.of_parsed("MESSAGELIMIT", text)
    assert len(cursor.defects) == 1


@given(message_limit_keys)
def test_keys_round_trip(key: UIDAfter | UIDBefore) -> None:
    assert parse_octets(command_octets(UIDSearch(key))) == UIDSearch(key)


@given(message_limit_codes)
def test_codes_round_trip(code: MessageLimitCode) -> None:
    octets = written(lambda writer: write_resp_text_code(writer, code))
    assert parse_resp_text_code(cursor_at(octets + b"]", strict=True)) == code


ATTACKS: list[Callable[[], object]] = [
    lambda: MessageLimitCode(0),
    lambda: MessageLimitCode(1, 0),
    lambda: MessageLimitCode(1, 2**32),
    lambda: UIDAfter(0),
    lambda: UIDBefore(True),
]


@pytest.mark.parametrize("build", ATTACKS)
def test_attacks(build: Callable[[], object]) -> None:
    with pytest.raises(LocalProtocolError):
        build()


def test_what_a_server_says() -> None:
    capabilities = Capabilities(["IMAP4rev1", "MESSAGELIMIT=1000", "SAVELIMIT=5000"])
    assert (message_limit(capabilities), save_limit(capabilities)) == (1000, 5000)
    strange = Capabilities(["MESSAGELIMIT", "SAVELIMIT=many"])
    assert (message_limit(strange), save_limit(strange)) == (None, None)


@pytest.mark.parametrize(("offered", "is_taken"), [("SAVELIMIT=1000", False), ("MESSAGELIMIT=1000", True)])
def test_the_keys_need_it(offered: str, is_taken: bool) -> None:
    server = selected_server(capabilities=("IMAP4rev1", offered))
    events = feed(server, b"a UID SEARCH UIDAFTER 5\r\n")
    assert [isinstance(event, InvalidCommand) for event in events] == [not is_taken]


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_client_fetches_what_is_left(adapter: str) -> None:
    answers = [
        b"* 9 FETCH (UID 50 FLAGS ())\r\n* 8 FETCH (UID 40 FLAGS ())\r\n"
        b"{tag} OK [MESSAGELIMIT 2 40] partial\r\n",
        b"* 7 FETCH (UID 30 FLAGS ())\r\n{tag} OK done\r\n",
    ]
    found, said = converse(
        adapter, "MESSAGELIMIT=2", answers, lambda imap: imap.uid_fetch("10:60", FLAGS).all()
    )
    assert [message.uid for message in found] == [50, 40, 30]
    assert said == [b"UID FETCH 10:60 FLAGS", b"UID FETCH 10:39 FLAGS"]


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_client_searches_what_is_left(adapter: str) -> None:
    answers = [
        b"* SEARCH 50 41\r\n{tag} OK [MESSAGELIMIT 5 40] partial\r\n",
        b"* SEARCH 30\r\n{tag} OK [MESSAGELIMIT 5 1] partial\r\n",
    ]
    found, said = converse(adapter, "MESSAGELIMIT=5", answers, lambda imap: imap.uid_search(Seen()))
    assert found == UIDSet("30,41,50")
    assert said == [b"UID SEARCH SEEN", b"UID SEARCH SEEN UID 1:39"]
    answers = [b"* SEARCH 9\r\n{tag} OK [MESSAGELIMIT 5 40] partial\r\n", b"* SEARCH 3\r\n{tag} OK done\r\n"]
    found, said = converse(adapter, "MESSAGELIMIT=5", answers, lambda imap: imap.search(Seen()))
    assert found == SequenceSet("3,9")


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_limit_that_does_not_move_ends_the_search(adapter: str) -> None:
    answers = [
        b"* SEARCH 50\r\n{tag} OK [MESSAGELIMIT 5 40] x\r\n",
        b"* SEARCH\r\n{tag} OK [MESSAGELIMIT 5 40] x\r\n",
    ]
    found, said = converse(adapter, "MESSAGELIMIT=5", answers, lambda imap: imap.uid_search(Seen()))
    assert found == UIDSet("50")
    assert len(said) == 2
    answers = [
        b"* 9 FETCH (UID 50 FLAGS ())\r\n{tag} OK [MESSAGELIMIT 1 50] x\r\n",
        b"{tag} OK [MESSAGELIMIT 1 50] x\r\n",
    ]
    found, said = converse(
        adapter, "MESSAGELIMIT=1", answers, lambda imap: imap.uid_fetch("1:60", FLAGS).all()
    )
    assert [message.uid for message in found] == [50]
    assert len(said) == 2


# What a client makes of the limit, with the dialogues of section 3.1, fewer responses in each.

CAPABILITIES = "MESSAGELIMIT=1000 ESEARCH SORT ESORT THREAD=REFERENCES UIDPLUS MOVE CONDSTORE PARTIAL IDLE"


def limited(call: Callable[[Inboxes], Flow[Any]], *steps: Step) -> Told:
    return tell_in_pieces(call, *steps, capabilities=CAPABILITIES, value=_values)


def _values(told: Told) -> object:
    error = told.error
    known = (error.done, error.result) if isinstance(error, MailProtoError) else ()
    return told.result, repr(error), known


def fetch(numbers: SequenceSet | UIDSet, *items: FetchItem[Any], **modifiers: Any) -> Any:
    def run(session: Inboxes) -> Flow[list[int]]:
        fetching = Fetching(session, numbers, items, fetch_modifiers(**modifiers))
        found: list[int] = []
        while not fetching.is_finished:
            yield from fetching.fill()
            found += (data.sequence_number for data in fetching.ready)
            fetching.ready.clear()
        return found

    return run


FETCHED = b"* 14589 FETCH (UID 25000 FLAGS (\\Seen))\r\n* 13590 FETCH (UID 23221 FLAGS ())\r\n"


def test_a_fetch_by_number_goes_on_below_the_number_of_the_uid() -> None:
    told = limited(
        fetch(SequenceSet("10000:14589"), UID, FLAGS),
        ([b"A2 FETCH 10000:14589 (UID FLAGS)"], FETCHED + b"A2 OK [MESSAGELIMIT 1000 23221] partial\r\n"),
        (
            [b"A3 FETCH 10000:13589 (UID FLAGS)"],
            b"* 10000 FETCH (UID 20000 FLAGS ())\r\nA3 OK done\r\n",
        ),
    )
    assert told.result == [14589, 13590, 10000]


def test_a_number_that_no_answer_told_is_asked_for() -> None:
    told = limited(
        fetch(SequenceSet("10000:14589"), FLAGS),
        (
            [b"A2 FETCH 10000:14589 FLAGS"],
            b"* 13590 FETCH (FLAGS ())\r\nA2 OK [MESSAGELIMIT 1000 23221] partial\r\n",
        ),
        ([b"A3 SEARCH UID 23221"], b"* SEARCH 13590\r\nA3 OK done\r\n"),
        ([b"A4 FETCH 10000:13589 FLAGS"], b"* 10000 FETCH (FLAGS ())\r\nA4 OK done\r\n"),
    )
    assert told.result == [13590, 10000]


def test_the_limit_stands_in_an_untagged_no_beside_expungeissued() -> None:
    told = limited(
        fetch(SequenceSet("10000:14589"), UID, FLAGS),
        (
            [b"A2 FETCH 10000:14589 (UID FLAGS)"],
            FETCHED + b"* NO [MESSAGELIMIT 1000 23221] FETCH completed with 1000 partial results\r\n"
            b"A2 OK [EXPUNGEISSUED] Some messages were also expunged\r\n",
        ),
        ([b"A3 FETCH 10000:13589 (UID FLAGS)"], b"A3 OK done\r\n"),
    )
    assert told.result == [14589, 13590]
    assert list(told.line.session.news) == []


def test_a_star_is_the_last_message() -> None:
    told = limited(
        fetch(SequenceSet("1:*"), UID),
        ([b"A2 FETCH 1:* UID"], b"* 3 FETCH (UID 9)\r\nA2 OK [MESSAGELIMIT 1 9] partial\r\n"),
        ([b"A3 FETCH 1:2 UID"], b"* 2 FETCH (UID 8)\r\nA3 OK [MESSAGELIMIT 1 8] partial\r\n"),
        ([b"A4 FETCH 1 UID"], b"* 1 FETCH (UID 7)\r\nA4 OK done\r\n"),
    )
    assert told.result == [3, 2, 1]


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"A2 OK [MESSAGELIMIT 1000] partial\r\n", id="no uid"),
        pytest.param(b"A2 NO [MESSAGELIMIT 1000] FETCH exceeds the limit\r\n", id="refused"),
    ],
)
def test_what_is_left_and_cannot_be_named_is_an_error(answer: bytes) -> None:
    told = limited(fetch(SequenceSet("1:9"), FLAGS), ([b"A2 FETCH 1:9 FLAGS"], answer))
    assert isinstance(told.error, LimitReached)


def test_too_large_a_part_is_refused() -> None:
    told = limited(
        fetch(UIDSet("22000:25000"), UID, FLAGS, MODSEQ, partial=(-1, -1500)),
        (
            [b"A2 UID FETCH 22000:25000 (UID FLAGS MODSEQ) (PARTIAL -1:-1500)"],
            b"A2 NO [MESSAGELIMIT 1000] FETCH exceeds the maximum 1000-message limit\r\n",
        ),
    )
    assert isinstance(told.error, LimitReached)
    assert told.error.code == MessageLimitCode(1000)


def stored(kind: type[Any], numbers: str) -> Callable[[Inboxes], Flow[Any]]:
    command = flows.store_command(kind(numbers), StoreAction.ADD, r"\Seen", silent=False)
    return lambda session: flows.store(session, command)


def test_a_store_by_uid_goes_on() -> None:
    told = limited(
        stored(UIDSet, "18000:20000"),
        (
            [b"A2 UID STORE 18000:20000 +FLAGS (\\Seen)"],
            b"* 11215 FETCH (UID 20000 FLAGS (\\Seen \\Deleted))\r\n"
            b"* 10216 FETCH (UID 19578 FLAGS (\\Seen))\r\n"
            b"A2 OK [MESSAGELIMIT 1000 19578] STORE completed for the last 1000 messages\r\n",
        ),
        (
            [b"A3 UID STORE 18000:19577 +FLAGS (\\Seen)"],
            b"* 9000 FETCH (UID 18001 FLAGS (\\Seen))\r\nA3 OK done\r\n",
        ),
    )
    assert [data.uid for data in told.result] == [20000, 19578, 18001]


def test_a_store_by_number_goes_on() -> None:
    told = limited(
        stored(SequenceSet, "1:3"),
        (
            [b"A2 STORE 1:3 +FLAGS (\\Seen)"],
            b"* 3 FETCH (FLAGS (\\Seen))\r\nA2 OK [MESSAGELIMIT 1 30] partial\r\n",
        ),
        ([b"A3 SEARCH UID 30"], b"* SEARCH 3\r\nA3 OK done\r\n"),
        ([b"A4 STORE 1:2 +FLAGS (\\Seen)"], b"* 2 FETCH (FLAGS (\\Seen))\r\nA4 OK done\r\n"),
    )
    assert [data.sequence_number for data in told.result] == [3, 2]


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param([b"A2 OK [MESSAGELIMIT 1] partial\r\n"], id="no uid"),
        pytest.param([b"A2 OK [MESSAGELIMIT 1 30] partial\r\n", b"A3 OK done\r\n"], id="no such message"),
        pytest.param([b"A2 OK [MESSAGELIMIT 1 30] partial\r\n", b"A3 NO sorry\r\n"], id="not told"),
        pytest.param(
            [b"A2 OK [MESSAGELIMIT 1 30] partial\r\n", b"* SEARCH 4\r\nA3 OK done\r\n"], id="none processed"
        ),
    ],
)
def test_a_store_that_cannot_go_on_says_so(answers: list[bytes]) -> None:
    said = [[b"A2 STORE 1:3 +FLAGS (\\Seen)"], [b"A3 SEARCH UID 30"]]
    told = limited(stored(SequenceSet, "1:3"), *zip(said, answers, strict=False))
    assert isinstance(told.error, LimitReached)
    assert told.error.done == SequenceSet()


def copied(numbers: str) -> Callable[[Inboxes], Flow[Any]]:
    return lambda session: flows.copy(session, UIDCopy(UIDSet(numbers), "Trash"))


def test_a_copy_of_too_many_is_done_in_parts_in_the_order_of_the_messages() -> None:
    told = limited(
        copied("18000:21000"),
        (
            [b"A2 UID COPY 18000:21000 Trash"],
            b"A2 NO [MESSAGELIMIT 1000 20001] Too many messages to copy, try a smaller subset\r\n",
        ),
        ([b"A3 UID COPY 18000:20000 Trash"], b"A3 NO [MESSAGELIMIT 1000 19001] Too many\r\n"),
        ([b"A4 UID COPY 18000:19000 Trash"], b"A4 OK [COPYUID 7 18000 50] done\r\n"),
        ([b"A5 UID COPY 19001:20000 Trash"], b"A5 OK [COPYUID 7 19001:19002 51:52] done\r\n"),
        ([b"A6 UID COPY 20001:21000 Trash"], b"A6 OK [COPYUID 7 20001 53] done\r\n"),
    )
    assert told.result == CopyUIDCode(7, UIDSet("18000,19001:19002,20001"), UIDSet("50,51:52,53"))


def test_a_copy_of_too_many_that_fails_half_way_says_what_was_copied() -> None:
    told = limited(
        copied("1:10"),
        ([b"A2 UID COPY 1:10 Trash"], b"A2 NO [MESSAGELIMIT 5 6] too many\r\n"),
        ([b"A3 UID COPY 1:5 Trash"], b"A3 OK [COPYUID 7 1:5 21:25] done\r\n"),
        ([b"A4 UID COPY 6:10 Trash"], b"A4 NO [OVERQUOTA] full\r\n"),
    )
    assert isinstance(told.error, OverQuota)
    assert told.error.done == UIDSet("1:5")
    assert told.error.result == CopyUIDCode(7, UIDSet("1:5"), UIDSet("21:25"))


def test_a_copy_is_halved_where_the_limit_says_nothing_more() -> None:
    told = limited(
        lambda session: flows.copy(session, Copy(SequenceSet("1:*"), "Trash")),
        ([b"A2 COPY 1:* Trash"], b"A2 NO [MESSAGELIMIT 2] too many\r\n"),
        ([b"A3 COPY 1 Trash"], b"A3 OK done\r\n"),
        ([b"A4 COPY 2:3 Trash"], b"A4 OK done\r\n"),
    )
    assert told.error is None


def test_a_copy_of_one_message_that_is_too_many_is_refused() -> None:
    told = limited(copied("5"), ([b"A2 UID COPY 5 Trash"], b"A2 NO [MESSAGELIMIT 1 5] too many\r\n"))
    assert isinstance(told.error, LimitReached)


def test_a_copy_that_was_done_is_not_done_again() -> None:
    told = limited(copied("1:10"), ([b"A2 UID COPY 1:10 Trash"], b"A2 OK [MESSAGELIMIT 5 1] done\r\n"))
    assert told.error is None


def test_a_move_by_uid_goes_on() -> None:
    told = limited(
        lambda session: flows.move(session, UIDMove(UIDSet("18000:21000"), "Archive")),
        (
            [b"A2 UID MOVE 18000:21000 Archive"],
            b"* OK [COPYUID 1397597919 20001:21000 22363:23362] Some messages were not moved\r\n"
            b"* 3 EXPUNGE\r\n* 2 EXPUNGE\r\n"
            b"A2 OK [MESSAGELIMIT 1000 20001] MOVE completed for the last 1000 messages\r\n",
        ),
        (
            [b"A3 UID MOVE 18000:20000 Archive"],
            b"* OK [COPYUID 1397597919 19999 23363] .\r\n* 1 EXPUNGE\r\nA3 OK done\r\n",
        ),
    )
    assert told.result == CopyUIDCode(1397597919, UIDSet("20001:21000,19999"), UIDSet("22363:23362,23363"))


def test_a_move_by_number_goes_on_with_what_is_still_there() -> None:
    told = limited(
        lambda session: flows.move(session, Move(SequenceSet("1:3"), "Archive")),
        (
            [b"A2 MOVE 1:3 Archive"],
            b"* OK [COPYUID 5 30 1] .\r\n* 3 EXPUNGE\r\nA2 OK [MESSAGELIMIT 1 30] partial\r\n",
        ),
        (
            [b"A3 MOVE 1:2 Archive"],
            b"* OK [COPYUID 5 20 2] .\r\n* 2 EXPUNGE\r\nA3 OK [MESSAGELIMIT 1 20] partial\r\n",
        ),
        ([b"A4 MOVE 1 Archive"], b"* OK [COPYUID 5 10 3] .\r\n* 1 EXPUNGE\r\nA4 OK done\r\n"),
    )
    assert told.result == CopyUIDCode(5, UIDSet("30,20,10"), UIDSet("1,2,3"))


def test_a_move_that_moves_nothing_ends() -> None:
    told = limited(
        lambda session: flows.move(session, Move(SequenceSet("1:3"), "Archive")),
        ([b"A2 MOVE 1:3 Archive"], b"A2 OK [MESSAGELIMIT 1 30] partial\r\n"),
    )
    assert isinstance(told.error, LimitReached)


@pytest.mark.parametrize(
    ("code", "second"), [(b"MESSAGELIMIT 1000 11627", b"11000:11626"), (b"MESSAGELIMIT 1000", b"11000:13000")]
)
def test_an_expunge_by_uid_goes_on(code: bytes, second: bytes) -> None:
    told = limited(
        lambda session: flows.uid_expunge(session, UIDSet("11000:13000")),
        (
            [b"A2 UID EXPUNGE 11000:13000"],
            b"* 3 EXPUNGE\r\n* 2 EXPUNGE\r\nA2 OK [" + code + b"] done for the last 1000 messages\r\n",
        ),
        ([b"A3 UID EXPUNGE " + second], b"* 1 EXPUNGE\r\nA3 OK done\r\n"),
    )
    assert told.error is None
    assert told.line.conn.view is not None
    assert told.line.conn.view.exists == 0


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_clients_go_on(adapter: str) -> None:
    answers = [
        b"* 9 FETCH (UID 90 FLAGS (a))\r\n{tag} OK [MESSAGELIMIT 1 90] partial\r\n",
        b"* 8 FETCH (UID 80 FLAGS (a))\r\n{tag} OK done\r\n",
    ]
    found, said = converse(
        adapter, "MESSAGELIMIT=1000", answers, lambda imap: imap.uid_store("1:*", "+FLAGS", "a")
    )
    assert [message.uid for message in found] == [90, 80]
    assert said == [b"UID STORE 1:* +FLAGS (a)", b"UID STORE 1:89 +FLAGS (a)"]
    answers = [b"{tag} OK [MESSAGELIMIT 1000 50] partial\r\n", b"{tag} OK done\r\n"]
    _, said = converse(adapter, "MESSAGELIMIT=1000 UIDPLUS", answers, lambda imap: imap.uid_expunge("10:90"))
    assert said == [b"UID EXPUNGE 10:90", b"UID EXPUNGE 10:49"]


def esearched(kind: type[Any], *returning: str) -> Callable[[Inboxes], Flow[Any]]:
    command = search_command(kind, (Seen(),), returning, None)
    return lambda session: esearch(session, command)


def test_an_extended_search_goes_on_and_has_the_results_of_one() -> None:
    told = limited(
        esearched(UIDSearch, "MIN", "MAX", "COUNT", "ALL"),
        (
            [b"A2 UID SEARCH RETURN (MIN MAX COUNT ALL) SEEN"],
            b'* ESEARCH (TAG "A2") UID MIN 50 MAX 90 COUNT 3 ALL 50,70,90\r\n'
            b"A2 OK [MESSAGELIMIT 1000 40] partial\r\n",
        ),
        (
            [b"A3 UID SEARCH RETURN (MIN MAX COUNT ALL) SEEN UID 1:39"],
            b'* ESEARCH (TAG "A3") UID COUNT 0\r\nA3 OK [MESSAGELIMIT 1000 20] partial\r\n',
        ),
        (
            [b"A4 UID SEARCH RETURN (MIN MAX COUNT ALL) SEEN UID 1:19"],
            b'* ESEARCH (TAG "A4") UID MIN 2 MAX 5 COUNT 4 ALL 2:5\r\nA4 OK done\r\n',
        ),
    )
    data = told.result
    assert (data.min, data.max, data.count, data.all) == (2, 90, 7, UIDSet("2:5,50,70,90"))
    assert data.is_uid


def test_an_extended_search_by_number_has_the_numbers_of_its_end() -> None:
    line = Line()
    line.conn.receive_data(b"* CAPABILITY IMAP4rev1 ESEARCH\r\n")
    task = line.start(esearched(Search, "ALL", "MAX")(line.session))
    line.start(flows.noop(line.session))
    line.feed(b'* ESEARCH (TAG "A2") MAX 9 ALL 7,9', b"A2 OK [MESSAGELIMIT 5 60] partial")
    line.feed(b"* 8 EXPUNGE", b"A3 OK done", b'* ESEARCH (TAG "A4") MAX 3 ALL 3', b"A4 OK done")
    assert line.sent()[-1] == b"A4 SEARCH RETURN (ALL MAX) SEEN UID 1:59"
    assert (task.result.max, task.result.all) == (8, SequenceSet("3,7:8"))


@pytest.mark.parametrize(("returning", "is_known"), [("ALL", True), ("MIN", False)])
def test_a_message_that_was_found_and_is_gone(returning: str, is_known: bool) -> None:
    line = Line()
    line.conn.receive_data(b"* CAPABILITY IMAP4rev1 ESEARCH\r\n")
    task = line.start(esearched(Search, returning)(line.session))
    line.start(flows.noop(line.session))
    line.feed(b'* ESEARCH (TAG "A2") %b 8' % returning.encode(), b"A2 OK [MESSAGELIMIT 5 60] partial")
    line.feed(b"* 8 EXPUNGE", b"A3 OK done", b"A4 OK done")
    if is_known:
        assert task.result.all is None
    else:
        assert isinstance(task.error, LocalProtocolError)


def test_nothing_is_found_in_parts() -> None:
    told = limited(
        esearched(UIDSearch, "MIN", "ALL"),
        ([b"A2 UID SEARCH RETURN (MIN ALL) SEEN"], b"A2 OK [MESSAGELIMIT 1000 40] partial\r\n"),
        ([b"A3 UID SEARCH RETURN (MIN ALL) SEEN UID 1:39"], b'* ESEARCH (TAG "A3") UID\r\nA3 OK done\r\n'),
    )
    assert (told.result.min, told.result.all, told.result.count) == (None, None, None)


SORTS: list[tuple[Callable[[Inboxes], Flow[Any]], bytes]] = [
    (lambda session: sort(session, UIDSort(sort_criteria("DATE"), Seen())), b"UID SORT (DATE) UTF-8 SEEN"),
    (lambda session: thread(session, UIDThread("REFERENCES", Seen())), b"UID THREAD REFERENCES UTF-8 SEEN"),
    (
        lambda session: esearch(
            session, UIDSort(sort_criteria("DATE"), Seen(), returning=SEARCH_RETURNS.of(["ALL"]))
        ),
        b"UID SORT RETURN (ALL) (DATE) UTF-8 SEEN",
    ),
]


@pytest.mark.parametrize(("call", "wire"), SORTS)
def test_a_part_of_what_is_to_be_sorted_is_no_result(
    call: Callable[[Inboxes], Flow[Any]], wire: bytes
) -> None:
    told = limited(call, ([b"A2 " + wire], b"A2 OK [MESSAGELIMIT 1000 40] partial\r\n"))
    assert isinstance(told.error, LimitReached)


def test_a_result_that_cannot_be_put_together_is_refused_if_not_all_was_searched() -> None:
    told = limited(
        esearched(UIDSearch, "PARTIAL 1:50"),
        (
            [b"A2 UID SEARCH RETURN (PARTIAL 1:50) SEEN"],
            b'* ESEARCH (TAG "A2") UID PARTIAL (1:50 7)\r\nA2 OK [MESSAGELIMIT 1000 40] partial\r\n',
        ),
    )
    assert isinstance(told.error, LimitReached)


# A server that stops after each message, for ever.


@pytest.mark.parametrize("name", ["store", "copy", "search"])
def test_the_parts_of_a_command_are_bounded(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (parts, searching):
        monkeypatch.setattr(module, "MAX_PARTS", 20)
    call, answer = {
        "store": (stored(UIDSet, "1:4294967295"), b"OK [MESSAGELIMIT 1 %d] partial"),
        "copy": (copied("1:4294967295"), b"NO [MESSAGELIMIT 1 %d] too many"),
        "search": (lambda session: flows.uid_search(session, (Seen(),)), b"OK [MESSAGELIMIT 1 %d] partial"),
    }[name]
    line = Line()
    line.conn.receive_data(f"* CAPABILITY IMAP4rev1 {CAPABILITIES}\r\n".encode())
    task = line.start(call(line.session))
    for step in range(30):
        if task.is_done:
            break
        line.feed(b"A%d " % (step + 2) + answer % (4_294_967_295 - step))
    assert isinstance(task.error, LimitReached)
    assert 19 <= len(line.sent()) <= 22
