"""What the tests of IMAP extensions share: each checks one value and its octets, in both directions."""

from __future__ import annotations

from mailproto.imap.codec import serialize
from mailproto.imap.codes import ResponseCode, parse_resp_text_code, write_resp_text_code
from mailproto.imap.commands import Command, Fetch, Search, Status
from mailproto.imap.events import InvalidCommand
from mailproto.imap.fetch import FetchItem
from mailproto.imap.responses import Response, parse_response
from mailproto.imap.search import SearchKey
from mailproto.imap.sequence import SequenceSet
from support_imap import feed, selected_server
from support_imap_wire import command_octets, cursor_at, frame, parse_octets, written

__all__ = [
    "check_code",
    "check_items",
    "check_key",
    "check_refused",
    "check_response",
    "check_status_items",
    "defects_of",
]


def check_items(wire: bytes, items: tuple[FetchItem[object], ...]) -> None:
    """Check what FETCH asks for."""
    command = Fetch(SequenceSet("1"), items)
    assert parse_octets(b"a FETCH 1 " + wire + b"\r\n") == command
    assert command_octets(command) == b"a FETCH 1 " + wire + b"\r\n"


def check_key(wire: bytes, key: SearchKey) -> None:
    """Check a search key that stands beside another one."""
    command = Search(key)
    assert parse_octets(b"a SEARCH " + wire + b"\r\n") == command
    assert command_octets(command) == b"a SEARCH " + wire + b"\r\n"


def check_code(wire: bytes, code: ResponseCode) -> None:
    """Check a response code, without its brackets."""
    assert parse_resp_text_code(cursor_at(wire + b"]", strict=True)) == code
    assert written(lambda writer: write_resp_text_code(writer, code)) == wire


def check_response(wire: bytes, response: Response) -> None:
    """Check an untagged response, `*` and the end of the line left out."""
    octets = b"* " + wire + b"\r\n"
    assert parse_response(frame(octets), strict=True) == response
    assert serialize(response) == octets


def check_status_items(wire: bytes, items: tuple[str, ...]) -> None:
    """Check what STATUS asks for."""
    assert parse_octets(b"a STATUS x (" + wire + b")\r\n") == Status("x", items)
    assert command_octets(Status("x", items)) == b"a STATUS x (" + wire + b")\r\n"


def defects_of(wire: bytes) -> int:
    """Return how many defects an untagged response has."""
    response = parse_response(frame(b"* " + wire + b"\r\n"))
    return len(response.defects)


def check_refused(command: Command, capability: str) -> None:
    """Check that a server that does not offer *capability* answers BAD, and that one that does carries it."""
    for offered in ("", capability):
        server = selected_server(capabilities=["IMAP4rev1", *offered.split()])
        (event,) = feed(server, command_octets(command))
        assert isinstance(event, InvalidCommand) is (offered == "")
