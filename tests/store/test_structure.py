"""Tests of mailproto.store._structure."""

from __future__ import annotations

import pickle

from mailproto.store import Structure
from support_store import MESSAGE


def test_a_structure_is_made_of_octets_as_they_are_sent() -> None:
    structure = Structure.of(MESSAGE)
    assert structure.root.header_span == (0, 43)
    assert structure.envelope == (
        b'ENVELOPE (NIL "hello" ((NIL NIL "alice" "example.org")) ((NIL NIL "alice" "example.org"))'
        b' ((NIL NIL "alice" "example.org")) NIL NIL NIL NIL NIL)'
    )
    assert structure.body == b'BODY ("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 9 1)'
    assert structure.body_structure == (
        b'BODYSTRUCTURE ("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 9 1 NIL NIL NIL NIL)'
    )


def test_a_structure_can_be_kept_on_disk() -> None:
    structure = Structure.of(MESSAGE)
    assert pickle.loads(pickle.dumps(structure)) == structure


def test_anything_has_a_structure() -> None:
    for octets in (b"", b"\0", b"\xff" * 10):
        assert Structure.of(octets).body.startswith(b"BODY (")


def test_what_is_nested_too_deep_stays_closed() -> None:
    headers = (
        b"Content-Type: multipart/mixed; boundary=b%03d\r\n\r\n--b%03d\r\n" % (n, n) for n in range(200)
    )
    structure = Structure.of(b"".join(headers))
    for octets in (structure.body, structure.body_structure):
        assert octets.count(b'"mixed"') == 100
        assert octets.count(b'"OCTET-STREAM"') == 1
