"""Which mark announces a literal, and which literal may stream."""

from __future__ import annotations

import pytest

from mailproto.imap.fetch import RFC822, RFC822_HEADER, RFC822_TEXT, BodySection
from mailproto.imap.streaming import MAX_TEXT, StreamedItem, is_free_text, streamed_command, streamed_item

FREE = [
    (b"* OK {3}\r\n", True),
    (b"* ok {3}\r\n", True),
    (b"*  OK {3}\r\n", True),
    (b"* PREAUTH {3}\r\n", True),
    (b"* OKAY {3}\r\n", False),
    (b"* LIST {3}\r\n", False),
    (b"* 1 FETCH (X {3}\r\n", False),
    (b"+ {3}\r\n", True),
    (b"+{3}\r\n", True),
    (b"a OK {3}\r\n", True),
    (b"what{3}\r\n", True),
    (b"*what {3}\r\n", True),
    (b"{3}\r\n", True),
    (b"* NO [BADCHARSET ({3}\r\n", False),
    (b"a NO [badcharset ({3}\r\n", False),
    (b"a BAD [BADCHARSET (x)] {3}\r\n", True),
    (b'a BAD [BADCHARSET ("]" {3}\r\n', False),
    (b"* NO [ALERT {3}\r\n", True),
    (b"* OK [CAPABILITY {3}\r\n", True),
]


@pytest.mark.parametrize("text, expected", FREE)
def test_free_text(text: bytes, expected: bool) -> None:
    assert is_free_text(text, text) is expected


HEADER = BodySection((), "HEADER")


@pytest.mark.parametrize(
    "text, expected",
    [
        (b"* 3 FETCH (BODY[] {9}\r\n", StreamedItem(3, None, BodySection())),
        (b"* 3 FETCH (FLAGS (a) RFC822 {9}\r\n", StreamedItem(3, None, RFC822)),
        (b"* 3 FETCH (RFC822.HEADER {9}\r\n", StreamedItem(3, None, RFC822_HEADER)),
        (b"* 3 FETCH (rfc822.text {9}\r\n", StreamedItem(3, None, RFC822_TEXT)),
        (b'* 3 FETCH (X ")" BODY[2] {9}\r\n', StreamedItem(3, None, BodySection((2,)))),
        (b"* 3 FETCH (BODY[]<7> {9}\r\n", StreamedItem(3, None, BodySection(partial=(7, 9)))),
        (b"* 3 UIDFETCH (BODY[] {9}\r\n", StreamedItem(None, 3, BodySection())),
        (b"* 3 uidfetch (FLAGS (a) RFC822 {9}\r\n", StreamedItem(None, 3, RFC822)),
        (b"* 3 UID FETCH (BODY[] {9}\r\n", None),
        (b'* 3 CONVERTED (TAG "A1") (BODY[HEADER] {9}\r\n', StreamedItem(3, None, HEADER, "A1")),
        (b'* 3 converted (tag "A1") (UID 5 RFC822 {9}\r\n', StreamedItem(3, None, RFC822, "A1")),
        (b'* 3 CONVERTED (TAG "A 1") (BODY[] {9}\r\n', None),
        (b'* 3 CONVERTED (TAG "") (BODY[] {9}\r\n', None),
        (b"* 3 CONVERTED (BODY[] {9}\r\n", None),
        (b"* 3 FETCH (BODY[WHAT] {9}\r\n", None),
        (b"* 3 FETCH (XBODY[] {9}\r\n", None),
        (b"* 3 FETCH (RFC822.SIZE {9}\r\n", None),
        (b"* 3 FETCH (ENVELOPE (BODY[] {9}\r\n", None),
        (b"* 3 STORE (BODY[] {9}\r\n", None),
        (b"* 3 FETCH {9}\r\n", None),
        (b"* 3 FETCH (X%b BODY[] {9}\r\n" % bytes(MAX_TEXT), None),
    ],
)
def test_streamed_items(text: bytes, expected: object) -> None:
    assert streamed_item(text, (), 9) == expected


@pytest.mark.parametrize(
    "text, streams",
    [
        (b"a APPEND x {9}\r\n", True),
        (b"a append x (\\Seen) {9}\r\n", True),
        (b"a APPEND {9}\r\n", False),
        (b"a APPEND x (a {9}\r\n", False),
        (b"a SEARCH TEXT {9}\r\n", False),
        (b"a XYZ {9}\r\n", False),
        (b"{9}\r\n", False),
    ],
)
def test_streamed_commands(text: bytes, streams: bool) -> None:
    assert (streamed_command(text, (), 9) is not None) is streams
