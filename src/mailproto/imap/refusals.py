"""What a server refuses before the application sees it: commands and literals, by state and capabilities.

The status that a refusal suggests goes to the client as it is. Grammar is not judged here.
"""

from __future__ import annotations

from typing import Final

from mailproto.imap.capability import REV2, Capabilities
from mailproto.imap.codes import CANNOT, PRIVACYREQUIRED, TOOBIG
from mailproto.imap.commands import Authenticate, Command, Login, UnknownCommand
from mailproto.imap.ext.appendlimit import append_limit
from mailproto.imap.ext.uidonly import UIDONLY, UIDREQUIRED
from mailproto.imap.ext.utf8 import UTF8_ACCEPT
from mailproto.imap.framer import MAX_SIZE, Mark
from mailproto.imap.needs import reason_against
from mailproto.imap.state import State, row_of
from mailproto.imap.status import Bad, No
from mailproto.imap.without_numbers import reason_against_number
from mailproto.imap.writer import MAX_MINUS, LiteralForm
from mailproto.limits import IMAPLimits

__all__ = ["refusal_of_command", "refusal_of_literal"]

_WITH_MESSAGE: Final = frozenset({"APPEND", "REPLACE", "UID REPLACE"})
"""Commands whose literals are a message, or parts of one."""

_WITHOUT_UTF8: Final = frozenset(
    {"CAPABILITY", "COMPRESS", "ENABLE", "ID", "LOGOUT", "NOOP", "UNAUTHENTICATE"}
)
"""Commands that no string of a mail store is part of, nor of their answers."""


def refusal_of_command(
    command: Command,
    state: State,
    offered: Capabilities,
    known: Capabilities,
    *,
    enabled: frozenset[str] = frozenset(),
) -> No | Bad | None:
    """Return why *command* is not carried out in *state*, or None.

    *offered* is what the client was told, *known* what it would be told with TLS, *enabled* what it wants.
    """
    if isinstance(command, UnknownCommand):
        return Bad("unknown command")
    refusal = _refusal_of_name(command.name, state, offered, enabled)
    if refusal is not None:
        return refusal
    if isinstance(command, Authenticate):
        return _refusal_of_mechanism(command, offered, known)
    if command.needs_selected and state is not State.SELECTED:
        return Bad(f"{command.name} needs a selected mailbox")
    reason = reason_against_number(command) if UIDONLY in enabled else None
    if reason is not None:
        return Bad(reason, UIDREQUIRED)
    reason = reason_against(command.needs, offered, enabled)
    return None if reason is None else Bad(f"{command.name}: {reason}")


def _refusal_of_name(
    name: str, state: State, offered: Capabilities, enabled: frozenset[str]
) -> No | Bad | None:
    row = row_of(name)
    if row.capability and not offered.offers(row.capability):
        return Bad(f"{name} is not offered now")
    if state not in row.legal:
        return Bad(f"{name} is not legal in the state {state.value!r}")
    if name == Login.name and "LOGINDISABLED" in offered:
        return No("LOGIN needs TLS", PRIVACYREQUIRED)
    if "UTF8=ONLY" in offered and UTF8_ACCEPT not in enabled and _may_need_utf8(name, state):
        return No("ENABLE UTF8=ACCEPT first", CANNOT)
    return None


def _may_need_utf8(name: str, state: State) -> bool:
    """Whether a server of UTF8=ONLY refuses the command until UTF-8 is enabled (RFC 9755 section 7)."""
    return state is not State.NOT_AUTHENTICATED and name not in _WITHOUT_UTF8


def _refusal_of_mechanism(
    command: Authenticate, offered: Capabilities, known: Capabilities
) -> No | Bad | None:
    name = f"AUTH={command.mechanism.upper()}"
    if command.initial_response is not None and not offered.offers("SASL-IR"):
        return Bad("an initial response needs SASL-IR, which is not offered")
    if name in offered:
        return None
    if name in known:
        return No("this mechanism needs TLS", PRIVACYREQUIRED)
    return No("no such mechanism")


def refusal_of_literal(
    mark: Mark,
    name: str,
    state: State,
    offered: Capabilities,
    limits: IMAPLimits,
    *,
    enabled: frozenset[str] = frozenset(),
) -> No | Bad | None:
    """Return why the literal at *mark* is refused before an octet of it is read, or None.

    *name* is that of the command so far, "" if it has none. What fits into memory is not judged here.
    """
    if not mark.is_well_placed or mark.size > MAX_SIZE or not name:
        return Bad("expected a literal only where a string can stand")
    if state is State.NOT_AUTHENTICATED and mark.size > limits.max_literal_before_login:
        return Bad("a literal of this size only after login", TOOBIG)
    refusal = None if mark.is_synchronizing else _refusal_of_nonsync(mark.size, offered)
    if refusal is not None:
        return refusal
    most = _most_of_message(offered, limits) if name in _WITH_MESSAGE else None
    if most is not None and mark.size > most:
        return No(f"expected a message of at most {most} octets", TOOBIG)
    return _refusal_of_name(name, state, offered, enabled)


def _most_of_message(offered: Capabilities, limits: IMAPLimits) -> int | None:
    """Return how many octets a message may have: what was announced counts (RFC 7889 section 4)."""
    announced = append_limit(offered)
    return announced if announced is not None else limits.max_append or None


def _refusal_of_nonsync(size: int, offered: Capabilities) -> Bad | None:
    # Where both revisions are offered, a client may take either for spoken before it says ENABLE.
    form = LiteralForm.offered_by(offered, rev2=REV2 in offered)
    if form is LiteralForm.SYNCHRONIZING:
        return Bad("non-synchronizing literals are not offered")
    if form is LiteralForm.MINUS and size > MAX_MINUS:
        return Bad(f"expected a non-synchronizing literal of at most {MAX_MINUS} octets", TOOBIG)
    return None
