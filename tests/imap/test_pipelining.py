"""Which commands may be in flight together (RFC 3501 section 5.5)."""

from __future__ import annotations

import pytest

from mailproto.imap.codec import parse_commands
from mailproto.imap.commands import Command, TaggedCommand
from mailproto.imap.pipelining import conflict


def command_of(text: str) -> Command:
    (tagged,) = parse_commands(f"a {text}\r\n".encode())
    assert isinstance(tagged, TaggedCommand), text
    return tagged.command


CASES = [
    ("FETCH 1 FLAGS + STORE 2 FLAGS (x) + SEARCH ALL + CHECK", True),
    ("STORE 1 FLAGS (x) + COPY 1 x + EXPUNGE", True),
    ("FETCH 1 FLAGS + NOOP + STORE 2 FLAGS (x)", False),
    ("STORE 1 FLAGS (x) + COPY 1 x + FETCH 1 FLAGS", False),
    ("COPY 1 x + COPY 2 x", False),
    ("CHECK + FETCH 1 FLAGS", False),
    ("UID FETCH 1 FLAGS + SEARCH 1:5", False),
    ("UID FETCH 1 FLAGS + UID SEARCH NOT (1:5)", False),
    ("UID FETCH 1 FLAGS + UID SEARCH UID 1:5", True),
    ("UID FETCH 1 FLAGS + MOVE 1 x", False),
    ("UID SEARCH ALL + UID SEARCH ALL", False),
    ("SEARCH ALL + UID SEARCH ALL", False),
    ('LIST "" * + LIST "" %', False),
    ('LIST "" * + LSUB "" *', True),
    ("STATUS a (MESSAGES) + STATUS b (MESSAGES)", True),
    ("STATUS INBOX (MESSAGES) + STATUS inbox (RECENT)", False),
    ("UID FETCH 1:5 FLAGS + UID FETCH 6:9 FLAGS", True),
    ("UID FETCH 1:5 FLAGS + UID FETCH 5 FLAGS", False),
    ("UID FETCH 1:5 FLAGS + UID FETCH 6:* FLAGS", False),
    ("UID FETCH 1:5 (UID FLAGS) + UID FETCH 5 (UID ENVELOPE)", True),
    ("UID FETCH 1:5 UID + UID FETCH 5 (UID FLAGS)", False),
    ("FETCH 1 FLAGS + UID FETCH 9 FLAGS", False),
    ("UID STORE 1 FLAGS (x) + UID FETCH 1 FLAGS", False),
    ("UID STORE 1 FLAGS.SILENT (x) + UID FETCH 1 FLAGS", True),
    ("UID MOVE 1 x + UID MOVE 2 x", False),
    ("CREATE a + CREATE b + XYZ", True),
]


@pytest.mark.parametrize("text, is_legal", CASES, ids=[text for text, _ in CASES])
def test_conflicts(text: str, is_legal: bool) -> None:
    *pending, last = [command_of(part) for part in text.split(" + ")]
    assert (conflict(last, pending) is None) is is_legal
