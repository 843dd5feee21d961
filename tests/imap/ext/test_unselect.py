from __future__ import annotations

import pytest

from mailproto.imap.commands import parse_command
from mailproto.imap.cursor import ParseError
from mailproto.imap.ext.unselect import Unselect
from support_imap_wire import command_octets, frame, parse_octets


def test_both_directions() -> None:
    assert parse_octets(b"a unselect\r\n") == Unselect()
    assert command_octets(Unselect()) == b"a UNSELECT\r\n"


def test_it_takes_no_arguments() -> None:
    with pytest.raises(ParseError):
        parse_command(frame(b"a UNSELECT INBOX\r\n"))
