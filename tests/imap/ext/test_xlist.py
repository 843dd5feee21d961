from __future__ import annotations

import pytest
from hypothesis import given

from mailproto.errors import LocalProtocolError
from mailproto.imap.commands import parse_command
from mailproto.imap.cursor import ParseError
from mailproto.imap.ext.xlist import XList, XListData
from mailproto.imap.items_flows import xlist
from mailproto.imap.responses import Response
from support_imap_ext import check_refused, check_response, defects_of
from support_imap_strategies import mailboxes
from support_imap_wire import command_octets, frame, parse_octets
from support_inbox import Line

RESPONSES: list[tuple[bytes, Response]] = [
    (
        b'XLIST (\\HasNoChildren \\Inbox) "/" Posteingang',
        XListData(frozenset({"\\HasNoChildren", "\\Inbox"}), "/", "Posteingang"),
    ),
    (
        b'XLIST (\\AllMail) "/" "[Gmail]/Alle Nachrichten"',
        XListData(frozenset({"\\AllMail"}), "/", "[Gmail]/Alle Nachrichten"),
    ),
]


@pytest.mark.parametrize(("wire", "response"), RESPONSES)
def test_responses(wire: bytes, response: Response) -> None:
    check_response(wire, response)


def test_the_command() -> None:
    assert parse_octets(b'a xlist "" "*"\r\n') == XList("", "*")
    assert command_octets(XList("", "*")) == b'a XLIST "" *\r\n'


@pytest.mark.parametrize("wire", [b"XLIST", b'XLIST ""', b'XLIST "" * x'])
def test_what_is_no_command(wire: bytes) -> None:
    with pytest.raises(ParseError):
        parse_command(frame(b"a " + wire + b"\r\n"))


def test_a_delimiter_that_is_none_is_a_defect() -> None:
    assert defects_of(b'XLIST () "ab" x') == 1


def test_attacks() -> None:
    with pytest.raises(LocalProtocolError):
        XList("a\0", "*")
    with pytest.raises(LocalProtocolError):
        XListData(frozenset(), "/", "a\0")


@given(mailboxes, mailboxes)
def test_round_trip(reference: str, pattern: str) -> None:
    command = XList(reference, pattern)
    assert parse_octets(command_octets(command)) == command


def test_a_server_refuses_what_it_does_not_offer() -> None:
    check_refused(XList("", "*"), "XLIST")


def test_a_client_lists() -> None:
    line = Line(selected=None)
    line.conn.receive_data(b"* CAPABILITY IMAP4rev1 XLIST\r\n")
    task = line.start(xlist(line.session, "", "*"))
    assert line.sent() == [b'A1 XLIST "" *']
    line.feed(b'* XLIST (\\Inbox) "/" Posteingang', b'* LIST () "/" other', b"A1 OK done")
    assert task.result == (XListData(frozenset({"\\Inbox"}), "/", "Posteingang"),)


def test_a_client_does_not_send_what_is_not_offered() -> None:
    line = Line(selected=None)
    with pytest.raises(LocalProtocolError, match="XLIST"):
        raise line.start(xlist(line.session, "", "*")).error or AssertionError("no error")
    assert line.sent() == []
