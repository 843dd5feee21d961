from __future__ import annotations

import pytest

from mailproto.errors import LocalProtocolError
from mailproto.imap.capability import Capabilities, parse_capabilities, write_capabilities
from mailproto.imap.cursor import ParseError
from support_imap_wire import cursor_at, written

CASES = [
    (b"", Capabilities()),
    (b" IMAP4rev1 AUTH=PLAIN IDLE LITERAL+", Capabilities(["literal+", "idle", "imap4REV1", "auth=plain"])),
    (b" IMAP4 IMAP4rev1 IMAP4rev2 X-NEW=1", Capabilities(["X-New=1", "IMAP4rev2", "IMAP4", "IMAP4rev1"])),
]


@pytest.mark.parametrize(("wire", "value"), CASES)
def test_both_directions(wire: bytes, value: Capabilities) -> None:
    cursor = cursor_at(wire, strict=True)
    assert parse_capabilities(cursor) == value
    assert cursor.is_at_end
    assert written(lambda writer: write_capabilities(writer, value)) == wire


def test_membership_ignores_case_and_unknown_names_are_kept() -> None:
    capabilities = Capabilities(
        ["IMAP4rev1", "AUTH=PLAIN", "auth=Login", "THREAD=REFERENCES", "APPENDLIMIT=5"]
    )
    assert "imap4REV1" in capabilities
    assert "IDLE" not in capabilities
    assert 5 not in set[object](capabilities)
    assert capabilities.auth == {"PLAIN", "LOGIN"}
    assert capabilities.values("appendlimit") == ("5",)
    assert capabilities.values("THREAD") == ("REFERENCES",)
    assert len(capabilities) == 5


def test_they_are_values() -> None:
    assert {Capabilities(["a"]), Capabilities(["A"])} == {Capabilities(["A"])}
    assert Capabilities(["a", "b"]) == {"A", "B"}
    assert Capabilities(["a"]) != {"B"}
    assert Capabilities(["a"]) != ["A"]
    assert hash(Capabilities(["a"])) == hash(frozenset({"A"}))
    assert Capabilities(["a"]) & Capabilities(["A", "b"]) == Capabilities(["A"])
    assert repr(Capabilities(["b", "a"])) == "Capabilities(['A', 'B'])"


@pytest.mark.parametrize(
    ("wire", "stops_at", "defects"),
    [
        (b" IMAP4rev1 ", 11, 1),
        (b" IMAP4rev1  ", 12, 1),
        (b"  IMAP4rev1", 11, 1),
        (b" IMAP4rev1] hello", 10, 0),
    ],
)
def test_spaces_too_many_are_a_defect(wire: bytes, stops_at: int, defects: int) -> None:
    cursor = cursor_at(wire)
    assert parse_capabilities(cursor) == Capabilities(["IMAP4rev1"])
    assert (cursor.position, len(cursor.defects)) == (stops_at, defects)


@pytest.mark.parametrize("wire", [b' "IDLE"', b" (", b" a \xe9"])
def test_what_is_no_capability(wire: bytes) -> None:
    with pytest.raises(ParseError):
        parse_capabilities(cursor_at(wire))


@pytest.mark.parametrize("name", ["", "a b", "a\r\n", "a\0", "a]", "(", "é", "\ud800", 5], ids=repr)
def test_attacks(name: str) -> None:
    with pytest.raises(LocalProtocolError):
        Capabilities([name])


def test_a_string_is_not_a_list_of_names() -> None:
    with pytest.raises(LocalProtocolError):
        Capabilities("IDLE")
