from __future__ import annotations

import pytest

from mailproto.errors import LocalProtocolError
from mailproto.imap.capability import Capabilities
from mailproto.imap.commands import parse_command
from mailproto.imap.cursor import ParseError
from mailproto.imap.ext.enable import Enable
from support_imap_wire import command_octets, frame, parse_octets


def test_both_directions() -> None:
    command = Enable(Capabilities(["X-GOOD-IDEA", "condstore"]))
    assert parse_octets(b"a ENABLE CONDSTORE X-GOOD-IDEA\r\n") == command
    assert command_octets(command) == b"a ENABLE CONDSTORE X-GOOD-IDEA\r\n"


@pytest.mark.parametrize("wire", [b"ENABLE", b"ENABLE ", b"ENABLE (a)", b'ENABLE "a"'])
def test_what_is_no_command(wire: bytes) -> None:
    with pytest.raises(ParseError):
        parse_command(frame(b"a " + wire + b"\r\n"))


@pytest.mark.parametrize("names", [[], ["a b"], ["a\r\nb"], ["\0"], "IDLE"], ids=repr)
def test_attacks(names: list[str]) -> None:
    with pytest.raises(LocalProtocolError):
        Enable(names)  # type: ignore[arg-type]  # any iterable will do
