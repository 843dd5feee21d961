"""What a server refuses before the application sees it."""

from __future__ import annotations

import pytest

from mailproto._secret import Secret
from mailproto.imap.capability import Capabilities
from mailproto.imap.codes import PRIVACYREQUIRED, TOOBIG, ResponseCode
from mailproto.imap.commands import (
    Authenticate,
    Check,
    Command,
    Login,
    Noop,
    Select,
    StartTLS,
    UnknownCommand,
)
from mailproto.imap.ext.idle import Idle
from mailproto.imap.framer import Mark
from mailproto.imap.refusals import refusal_of_command, refusal_of_literal
from mailproto.imap.state import State
from mailproto.imap.status import Bad, No
from mailproto.limits import IMAPLimits

KNOWN = Capabilities(("IMAP4rev1", "IDLE", "SASL-IR", "AUTH=PLAIN", "AUTH=X-TOKEN"))
BEFORE, AFTER, SELECTED = State.NOT_AUTHENTICATED, State.AUTHENTICATED, State.SELECTED
LOGIN = Login("u", Secret("p"))

COMMANDS: list[tuple[Command, State, str, type[No | Bad] | None, ResponseCode | None]] = [
    (Noop(), BEFORE, "", None, None),
    (LOGIN, BEFORE, "", None, None),
    (LOGIN, BEFORE, "LOGINDISABLED", No, PRIVACYREQUIRED),
    (LOGIN, AFTER, "", Bad, None),
    (Select("x"), BEFORE, "", Bad, None),
    (Select("x"), AFTER, "", None, None),
    (Check(), AFTER, "", Bad, None),
    (Check(), SELECTED, "", None, None),
    (StartTLS(), BEFORE, "", Bad, None),
    (StartTLS(), BEFORE, "STARTTLS", None, None),
    (StartTLS(), BEFORE, "IMAP4rev2", Bad, None),
    (Idle(), AFTER, "", Bad, None),
    (Idle(), AFTER, "IDLE", None, None),
    (Idle(), AFTER, "IMAP4rev2", None, None),
    (Authenticate("X-TOKEN"), BEFORE, "AUTH=X-TOKEN", None, None),
    (Authenticate("x-token"), BEFORE, "AUTH=X-TOKEN", None, None),
    (Authenticate("PLAIN"), BEFORE, "AUTH=X-TOKEN", No, PRIVACYREQUIRED),
    (Authenticate("OTHER"), BEFORE, "AUTH=X-TOKEN", No, None),
    (Authenticate("X-TOKEN", Secret(b"")), BEFORE, "AUTH=X-TOKEN", Bad, None),
    (Authenticate("X-TOKEN", Secret(b"")), BEFORE, "AUTH=X-TOKEN SASL-IR", None, None),
    (Authenticate("X-TOKEN"), AFTER, "AUTH=X-TOKEN", Bad, None),
    (UnknownCommand("XYZZY"), AFTER, "", Bad, None),
]


@pytest.mark.parametrize("command, state, offered, kind, code", COMMANDS, ids=repr)
def test_commands(
    command: Command, state: State, offered: str, kind: type[No | Bad] | None, code: ResponseCode | None
) -> None:
    refusal = refusal_of_command(command, state, Capabilities(offered.split()), KNOWN)
    if kind is None:
        assert refusal is None
    else:
        assert refusal is not None
        assert (type(refusal), refusal.code) == (kind, code)


def _mark(size: int, kind: str = "") -> Mark:
    return Mark(size, is_synchronizing=kind != "+", is_well_placed=kind != "misplaced")


LITERALS: list[tuple[Mark, str, State, str, type[No | Bad] | None, ResponseCode | None]] = [
    (_mark(4_096), "LOGIN", BEFORE, "", None, None),
    (_mark(4_097), "LOGIN", BEFORE, "", Bad, TOOBIG),
    (_mark(4_000_000_000), "APPEND", BEFORE, "", Bad, TOOBIG),
    (_mark(4), "LOGIN", BEFORE, "LOGINDISABLED", No, PRIVACYREQUIRED),
    (_mark(4), "APPEND", BEFORE, "", Bad, None),
    (_mark(4), "XYZZY", AFTER, "", None, None),
    (_mark(4), "", AFTER, "", Bad, None),
    (_mark(4, "misplaced"), "LOGIN", BEFORE, "", Bad, None),
    (_mark(2**63), "APPEND", AFTER, "", Bad, None),
    (_mark(50_000_000), "APPEND", AFTER, "", None, None),
    (_mark(52_428_801), "APPEND", AFTER, "", No, TOOBIG),
    (_mark(500), "APPEND", AFTER, "APPENDLIMIT=500", None, None),
    (_mark(501), "APPEND", AFTER, "APPENDLIMIT=500", No, TOOBIG),
    (_mark(501), "UID REPLACE", AFTER, "REPLACE APPENDLIMIT=500", No, TOOBIG),
    (_mark(1), "APPEND", AFTER, "APPENDLIMIT=0", No, TOOBIG),
    (_mark(501), "SEARCH", State.SELECTED, "APPENDLIMIT=500", None, None),
    (_mark(4, "+"), "LOGIN", BEFORE, "", Bad, None),
    (_mark(4_096, "+"), "APPEND", AFTER, "LITERAL-", None, None),
    (_mark(4_097, "+"), "APPEND", AFTER, "LITERAL-", Bad, TOOBIG),
    (_mark(4_097), "APPEND", AFTER, "LITERAL-", None, None),
    (_mark(4_097, "+"), "APPEND", AFTER, "LITERAL+", None, None),
]


@pytest.mark.parametrize("mark, name, state, offered, kind, code", LITERALS)
def test_literals(
    mark: Mark,
    name: str,
    state: State,
    offered: str,
    kind: type[No | Bad] | None,
    code: ResponseCode | None,
) -> None:
    refusal = refusal_of_literal(mark, name, state, Capabilities(offered.split()), IMAPLimits())
    if kind is None:
        assert refusal is None
    else:
        assert refusal is not None
        assert (type(refusal), refusal.code) == (kind, code)
