"""Dialogues from the RFCs, carried between our two ends, whole and in pieces of one octet and of more."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from pathlib import Path

import pytest

from mailproto.imap.capability import Capabilities
from mailproto.imap.client import ClientEvent, IMAPClientConnection
from mailproto.imap.codec import Done, ParsedResponse, parse_commands, parse_responses
from mailproto.imap.codes import CapabilityCode
from mailproto.imap.commands import Authenticate, TaggedCommand
from mailproto.imap.events import CommandCompleted, ContinuationRequested, SASLResponse
from mailproto.imap.ext.idle import Idle
from mailproto.imap.responses import ContinuationRequest, TaggedStatus
from mailproto.imap.server import DEFAULT_CAPABILITIES, IMAPServerConnection, ServerEvent
from mailproto.imap.status import Bye, Ok, PreAuth
from mailproto.testing import ConnectionPair
from mailproto.wants import Wants

FOLDER = Path(__file__).parent.parent / "transcripts" / "imap"
ALL = sorted(path.name for path in FOLDER.glob("*.txt"))
EXCHANGES = {"rfc3501-authenticate.txt": 1, "rfc9051-8.txt": 2}


def said_by(name: str, side: str) -> bytes:
    lines = (FOLDER / name).read_text("utf-8").split("\n")
    said = [line.removeprefix(f"{side}:").removeprefix(" ") for line in lines if line.startswith(f"{side}:")]
    return b"".join(line.encode() + b"\r\n" for line in said)


def greeted_with(answers: list[ParsedResponse]) -> Iterable[str]:
    """Return the capabilities that a greeting names."""
    code = getattr(answers[0], "code", None)
    return code.capabilities if isinstance(code, CapabilityCode) else ()


def is_exchange(command: object) -> bool:
    """Whether a challenge may answer *command*."""
    if isinstance(command, TaggedCommand):
        return isinstance(command.command, Authenticate)
    return isinstance(command, SASLResponse)


class Dialogue:
    """Sends the commands of a dialogue from a client, and its answers from a server."""

    def __init__(self, name: str, piece: int | None) -> None:
        client = IMAPClientConnection(strict=True)
        self.answers = parse_responses(said_by(name, "S"), strict=True)
        greeted = Capabilities(greeted_with(self.answers))
        others = () if greeted.is_rev2_only else (*DEFAULT_CAPABILITIES, "AUTH=PLAIN")
        capabilities = (*others, *greeted)
        server = IMAPServerConnection(capabilities=capabilities, allow_cleartext=True, strict=True)
        self.pair: ConnectionPair[ClientEvent, ServerEvent] = ConnectionPair(client, server, piece)
        self.client = client
        self.server = server
        self.commands = parse_commands(
            said_by(name, "C"), exchanges=EXCHANGES.get(name, 0), rev2=greeted.is_rev2_only, strict=True
        )
        self.received: list[ClientEvent] = []
        self.served: list[ServerEvent] = []

    def run(self) -> None:
        answers: list[object] = list(self.answers)
        greeting = answers.pop(0)
        assert isinstance(greeting, Ok | PreAuth | Bye)
        self.server.send_greeting(greeting)
        self.carry()
        for command in self.commands:
            self.give(command)
            self.carry()
            self.answer(command, answers)
            self.carry()
        assert answers == []

    def give(self, command: object) -> None:
        match command:
            case TaggedCommand():
                self.client.send_command(command.command, command.tag)
            case SASLResponse():
                self.client.send_sasl(None if command.data is None else command.data.reveal())
            case Done():
                self.client.send_done()
            case _:
                raise AssertionError(command)

    def answer(self, command: object, answers: list[object]) -> None:
        """Answer with all up to the tagged status, or to where the client speaks next."""
        while answers:
            answer = answers.pop(0)
            match answer:
                case TaggedStatus():
                    self.server.complete(answer.tag, answer.status)
                    return
                case ContinuationRequest():
                    self.begin(command, answer.text)
                    if is_exchange(command):
                        return
                case _:
                    self.server.send(answer)  # type: ignore[arg-type]  # the codec gives what can be sent
            if self.server.wants is Wants.DATA and answers and isinstance(answers[0], TaggedStatus):
                return

    def begin(self, command: object, text: str) -> None:
        """Say `+` to AUTHENTICATE and IDLE; that to a literal the connection has said."""
        if is_exchange(command):
            self.server.challenge(base64.b64decode(text))
        elif isinstance(command, TaggedCommand) and isinstance(command.command, Idle):
            self.server.accept_idle()

    def carry(self) -> None:
        for _ in range(6):
            self.served += self.pair.server_events()
            self.received += self.pair.client_events()


@pytest.mark.parametrize("piece", [None, 1, 2, 3, 7])
@pytest.mark.parametrize("name", ALL)
def test_a_dialogue_at_both_ends(name: str, piece: int | None) -> None:
    dialogue = Dialogue(name, piece)
    dialogue.run()
    assert [value for value in dialogue.served if isinstance(value, TaggedCommand)] == [
        value for value in dialogue.commands if isinstance(value, TaggedCommand)
    ]
    received = [event for event in dialogue.received if not isinstance(event, ContinuationRequested)]
    assert [as_sent(event) for event in received] == [
        answer for answer in dialogue.answers if not isinstance(answer, ContinuationRequest)
    ]


def as_sent(event: ClientEvent) -> object:
    return TaggedStatus(event.tag, event.status) if isinstance(event, CommandCompleted) else event
