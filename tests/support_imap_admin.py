"""What the tests of extensions that administer a server share: one row, its octets, and both connections."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mailproto.errors import LocalProtocolError
from mailproto.flow import Flow
from mailproto.imap.commands import Command, TaggedCommand, parse_command
from mailproto.imap.cursor import ParseError
from mailproto.imap.inbox import Inboxes
from mailproto.imap.responses import Response, UnreadResponse, parse_response
from support_imap import client_events, logged_in_client, logged_in_server, server_events
from support_imap_ext import check_response
from support_imap_wire import command_octets, frame, parse_octets
from support_inbox import Line

__all__ = [
    "ask",
    "check_command_at_both_ends",
    "check_no_command",
    "check_not_sent",
    "check_refusal_to_build",
    "check_response_at_both_ends",
    "check_unread",
]


def check_command_at_both_ends(wire: bytes, command: Command, capability: str) -> None:
    """Check a command and its octets in both directions, and that a server reads them however they come."""
    octets = b"a " + wire + b"\r\n"
    assert parse_octets(octets) == command
    assert command_octets(command) == octets

    def make() -> Any:
        return logged_in_server(capabilities=["IMAP4rev1", *capability.split()], strict=True)

    assert server_events(octets, make) == [TaggedCommand("a", command)]


def check_response_at_both_ends(wire: bytes, response: Response) -> None:
    """Check a response and its octets in both directions, and that a client reads them however they come."""
    check_response(wire, response)
    assert client_events(b"* " + wire + b"\r\n", lambda: logged_in_client(strict=True)) == [response]


def check_no_command(wire: bytes) -> None:
    """Check that *wire* is no valid command."""
    with pytest.raises(ParseError):
        parse_command(frame(b"a " + wire + b"\r\n"))


def check_unread(wire: bytes) -> None:
    """Check that nothing can be read of a response, and that there is a defect that says so."""
    response = parse_response(frame(b"* " + wire + b"\r\n"))
    assert isinstance(response, UnreadResponse)
    assert len(response.defects) == 1


def check_refusal_to_build(build: Callable[[], object]) -> None:
    """Check that there is no such value."""
    with pytest.raises(LocalProtocolError):
        build()


def ask(
    call: Callable[[Inboxes], Flow[Any]], capabilities: str, *answers: bytes, selected: str | None = None
) -> tuple[Any, list[bytes]]:
    """Return what a flow gives for these answers, and the lines that it sent; `A1` is its tag.

    With a mailbox *selected* the tag is `A2`.
    """
    line = Line(selected=selected)
    line.conn.receive_data(f"* CAPABILITY IMAP4rev1 {capabilities}\r\n".encode())
    task = line.start(call(line.session))
    sent = line.sent()
    line.feed(*answers)
    assert task.is_done
    if task.error is not None:
        raise task.error
    return task.result, sent


def check_not_sent(call: Callable[[Inboxes], Flow[Any]], capability: str) -> None:
    """Check that a flow sends nothing to a server that does not offer *capability*, and names it."""
    line = Line(selected=None)
    error = line.start(call(line.session)).error
    assert isinstance(error, LocalProtocolError)
    assert capability in str(error)
    assert line.sent() == []
