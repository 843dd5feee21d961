"""The state of a copy: what it may be, and its way to JSON and back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.errors import LocalProtocolError
from mailproto.imap.fetch import FLAGS, UID
from mailproto.imap.fetch_data import FetchData
from mailproto.imap.mirror_state import MAX_DIGESTS, MirrorState, StateBuilder, flags_digest
from mailproto.imap.sequence import UIDSet

NONE = "e4a6a0577479b2b4"
SEEN = flags_digest({"\\Seen"})

CASES = [
    pytest.param(
        MirrorState(),
        '{"version":1,"uid_validity":null,"uid_next":1,"mod_seq":null,"known":"","digests":{},"changes":[]}',
        id="nothing",
    ),
    pytest.param(
        MirrorState(uid_validity=7, uid_next=9, mod_seq=2**63 - 1, known=UIDSet("8,1:3")),
        '{"version":1,"uid_validity":7,"uid_next":9,"mod_seq":9223372036854775807,"known":"1:3,8",'
        '"digests":{},"changes":[]}',
        id="with mod-sequences",
    ),
    pytest.param(
        MirrorState(uid_validity=7, uid_next=9, known=UIDSet("1:3"), digests=((NONE, UIDSet("3,1,2")),)),
        '{"version":1,"uid_validity":7,"uid_next":9,"mod_seq":null,"known":"1:3",'
        f'"digests":{{"{NONE}":"1:3"}},"changes":[]}}',
        id="with flags",
    ),
]


@pytest.mark.parametrize(("state", "text"), CASES)
def test_in_both_directions(state: MirrorState, text: str) -> None:
    assert state.to_json() == text
    assert MirrorState.from_json(text) == state
    assert MirrorState.from_json(text.encode()) == state


uids = st.sets(st.integers(1, 2**32 - 1), max_size=20).map(UIDSet.of)
flags = st.frozensets(st.sampled_from(["\\Seen", "\\Deleted", "$Junk", "a"]), max_size=3)


@given(st.integers(1, 2**32 - 1), st.integers(1, 2**32 - 1), st.none() | st.integers(1, 2**63 - 1), uids)
def test_a_round_trip(uid_validity: int, uid_next: int, mod_seq: int | None, known: UIDSet) -> None:
    state = MirrorState(uid_validity=uid_validity, uid_next=uid_next, mod_seq=mod_seq, known=known)
    assert MirrorState.from_json(state.to_json()) == state
    assert StateBuilder(state).state == state


@given(st.lists(st.tuples(st.integers(1, 50), flags)))
def test_flags_that_were_noted_are_told(told: list[tuple[int, frozenset[str]]]) -> None:
    builder = StateBuilder(MirrorState(uid_validity=1))
    latest: dict[int, frozenset[str]] = {}
    for uid, names in told:
        message = FetchData(1, UID.answer(uid), FLAGS.answer(names))
        builder.add([message])
        builder.note_flags([message])
        latest[uid] = names
        assert builder.is_told(message)
        assert not builder.is_told(FetchData(1, UID.answer(uid), FLAGS.answer(names | {"x"})))
    state = MirrorState.from_json(builder.state.to_json())
    assert state == builder.state
    assert state.known == UIDSet.of(latest)
    assert {uid: digest for digest, uids in state.digests for uid in uids} == {
        uid: flags_digest(names) for uid, names in latest.items()
    }


def test_a_digest_is_of_flags_in_any_order_and_not_of_the_session() -> None:
    assert flags_digest(()) == NONE
    assert flags_digest(["\\Seen", "a"]) == flags_digest(["a", "\\Seen", "\\Recent", "a"])
    assert flags_digest(["a", "b"]) != flags_digest(["ab"])
    assert len(flags_digest(["\udcff"])) == 16


def test_combinations_of_flags_beyond_the_limit_are_not_noted() -> None:
    builder = StateBuilder(MirrorState(uid_validity=1))
    messages = [
        FetchData(1, UID.answer(n), FLAGS.answer(frozenset({f"k{n}"}))) for n in range(1, MAX_DIGESTS + 2)
    ]
    builder.note_flags(messages)
    assert [builder.is_told(message) for message in messages[-2:]] == [True, False]
    assert len(MirrorState.from_json(builder.state.to_json()).digests) == MAX_DIGESTS


VALID: dict[str, Any] = {
    "version": 1,
    "uid_validity": 7,
    "uid_next": 9,
    "mod_seq": None,
    "known": "1:3",
    "digests": {},
    "changes": [],
}

NOT_CASES: list[tuple[dict[str, object], str]] = [
    ({"version": 2}, "version: expected 1, got 2"),
    ({"version": True}, "version: expected int, got 'True'"),
    ({"version": None}, "version: expected int"),
    ({"uid_validity": 0}, "number"),
    ({"uid_validity": 2**32}, "number"),
    ({"uid_validity": "7"}, "uid_validity: expected int, got '7'"),
    ({"uid_validity": None}, "expected nothing to be known without a UIDVALIDITY"),
    ({"uid_next": 1.5}, "uid_next: expected int, got '1.5'"),
    ({"uid_next": -1}, "number"),
    ({"mod_seq": 2**63}, "expected a mod-sequence"),
    ({"mod_seq": 5, "digests": {NONE: "1"}}, "digests of flags only where there is no mod-sequence"),
    ({"known": "1:*"}, "expected a UIDSet of numbers"),
    ({"known": "$"}, "expected a UIDSet of numbers"),
    ({"known": "0"}, "expected a sequence set"),
    ({"known": "1\r\nA1 NOOP"}, "expected a sequence set"),
    ({"known": ["1"]}, "known: expected str"),
    ({"changes": {}}, "changes: expected list"),
    ({"changes": ["x"]}, "expected a change, got 'x'"),
    ({"changes": [{"change": "drop"}]}, "expected one of store, add, move, expunge"),
    ({"digests": []}, "digests: expected dict"),
    ({"digests": {"x": "1"}}, "expected a digest of flags, got 'x'"),
    ({"digests": {NONE: 1}}, f"{NONE}: expected str"),
    ({"digests": {NONE: "1:2", SEEN: "2:3"}}, "one digest of flags for a message, got two"),
    ({"digests": {f"{n:016x}": "" for n in range(1_001)}}, "at most 1000 digests"),
]


@pytest.mark.parametrize(("changes", "message"), NOT_CASES)
def test_what_is_no_state(changes: dict[str, object], message: str) -> None:
    with pytest.raises(LocalProtocolError, match=message.replace("*", r"\*")):
        MirrorState.from_json(json.dumps({**VALID, **changes}))


NO_JSON = ["", "{", "[]", "null", "7", '"x"', "[" * 100_000, '{"version":' + "9" * 10_000 + "}", b"\xff\xfe{"]


@pytest.mark.parametrize("text", NO_JSON, ids=lambda text: repr(text[:8]))
def test_what_is_no_json_object(text: str | bytes) -> None:
    with pytest.raises(LocalProtocolError, match="expected a state in JSON"):
        MirrorState.from_json(text)


def test_a_state_that_is_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailproto.imap.mirror_state.MAX_JSON", 20)
    with pytest.raises(LocalProtocolError, match="a state of at most 20 octets, got 21"):
        MirrorState.from_json("x" * 21)


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text() | st.integers(), st.lists))
def test_whatever_stands_in_a_member_the_error_is_ours(value: object) -> None:
    for name in VALID:
        try:
            MirrorState.from_json(json.dumps({**VALID, name: value}))
        except LocalProtocolError:
            continue


def test_two_digests_of_one_name() -> None:
    twice = ((NONE, UIDSet("1")), (NONE, UIDSet("2")))
    with pytest.raises(LocalProtocolError, match="none twice, got 2"):
        MirrorState(uid_validity=1, digests=twice)
