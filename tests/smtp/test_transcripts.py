"""Dialogues from the RFCs, replayed against both ends, whole and one octet at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailproto.smtp import (
    BINARYMIME,
    DSN,
    EXTENSIONS,
    PRDR_EXTENSION,
    RRVS_EXTENSION,
    Command,
    DotDecoder,
    InvalidCommand,
    Reply,
    SMTPClientConnection,
    SMTPServerConnection,
    burl,
    deliver_by,
    mt_priority,
    no_soliciting,
)
from mailproto.smtp.commands import parse_command, parse_sasl_response
from mailproto.wants import Wants
from support_smtp import lines_of, pull, read_transcript, replies_of, sent

ROWS = (
    *(*EXTENSIONS, BINARYMIME, DSN, PRDR_EXTENSION, RRVS_EXTENSION),
    *(burl("imap"), deliver_by(), mt_priority(), no_soliciting()),
)
FOLDER = Path(__file__).parent.parent / "transcripts" / "smtp"
ALL = sorted(path.name for path in FOLDER.glob("*.txt"))
# RFC 2920 shows a server that accepts DATA without a recipient; ours refuses it.
SERVER = [name for name in ALL if name != "rfc2920-4.txt"]


def turns_of(name: str) -> list[tuple[str, bytes]]:
    return read_transcript((FOLDER / name).read_text("utf-8"))


def pieces_of(octets: bytes, piece: int) -> list[bytes]:
    return [octets[at : at + piece] for at in range(0, len(octets), piece)]


def send_as_client(client: SMTPClientConnection, octets: bytes) -> None:
    while octets:
        if client.owed:
            chunk, octets = octets[: client.owed], octets[client.owed :]
            client.send_body(chunk)
            continue
        if client.wants is Wants.BODY:
            message, stop, _ = DotDecoder().decode(octets)
            client.send_body(message)
            client.end_body()
            octets = octets[stop:]
            continue
        line, _, octets = octets.partition(b"\r\n")
        if client.wants is Wants.REPLY:
            data = parse_sasl_response(line).data
            client.send_sasl(None if data is None else data.reveal())
        else:
            client.send_command(parse_command(line))


@pytest.mark.parametrize("piece", [1, 1_000_000])
@pytest.mark.parametrize("name", ALL)
def test_client_sends_and_reads_the_dialogue(name: str, piece: int) -> None:
    client = SMTPClientConnection(lmtp=name.startswith("rfc2033"))
    for side, octets in turns_of(name):
        if side == "C":
            send_as_client(client, octets)
            assert sent(client) == octets
        elif side == "TLS":
            assert client.wants is Wants.TLS
            client.tls_started()
        else:
            events = []
            for part in pieces_of(octets, piece):
                client.receive_data(part)
                events += pull(client)
            assert events == replies_of(octets.replace(b"334\r\n", b"334 \r\n"))
    assert client.pending == 0


def serve_turn(server: SMTPServerConnection, octets: bytes, piece: int, replies: list[Reply]) -> list[object]:
    events: list[object] = []
    for part in pieces_of(octets, piece):
        server.receive_data(part)
        while (event := server.next_event()) is not None:
            events.append(event)
            while server.replies_due:
                server.send_reply(replies.pop(0))
    return events


@pytest.mark.parametrize("piece", [1, 1_000_000])
@pytest.mark.parametrize("name", SERVER)
def test_server_reads_and_answers_the_dialogue(name: str, piece: int) -> None:
    turns = turns_of(name)
    replies = replies_of(lines_of(turns, "S").replace(b"334\r\n", b"334 \r\n"))
    server = SMTPServerConnection(hostname="x.example", lmtp=name.startswith("rfc2033"), extensions=ROWS)
    server.send_reply(replies.pop(0))
    for side, octets in turns:
        if side == "C":
            events = serve_turn(server, octets, piece, replies)
            invalid = [event for event in events if isinstance(event, InvalidCommand)]
            expected = 1 if name == "rfc2920-3.txt" and octets.startswith(b"MAIL") else 0
            assert len(invalid) == expected, invalid
        elif side == "TLS":
            assert server.wants is Wants.TLS
            server.tls_started()
    assert replies == []
    assert sent(server) == lines_of(turns, "S").replace(b"334\r\n", b"334 \r\n")


def test_a_command_is_what_it_was_parsed_from() -> None:
    line = b"MAIL FROM:<e=mc2@example.com> AUTH=e+3Dmc2@example.com"
    command: Command = parse_command(line)
    assert command.serialize() == line + b"\r\n"
