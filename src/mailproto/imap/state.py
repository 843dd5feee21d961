"""The session states of IMAP and which command is legal where (RFC 3501 section 3), as rows without a role.

Both connections and the diagrams of the documentation read the same table. How two commands in flight get in
each other's way (section 5.5) is in `mailproto.imap.pipelining`, from columns of this table.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

from mailproto.imap.capability import REV1

__all__ = ["ANYTIME", "COMMAND_ROWS", "CommandRow", "State", "row_of"]


class State(enum.Enum):
    """Where a session stands (RFC 3501 section 3)."""

    GREETING = "greeting"
    """The connection is made and the server's greeting is still to come."""
    NOT_AUTHENTICATED = "not authenticated"
    """The client must say who it is."""
    AUTHENTICATED = "authenticated"
    """The client must select a mailbox before commands that touch messages."""
    SELECTED = "selected"
    """A mailbox is selected."""
    LOGOUT = "logout"
    """The session ends: LOGOUT succeeded, or BYE was said."""


_BEFORE_LOGIN: Final = frozenset({State.NOT_AUTHENTICATED})
_AFTER_LOGIN: Final = frozenset({State.AUTHENTICATED, State.SELECTED})
_SELECTED: Final = frozenset({State.SELECTED})
_UNSELECTED: Final = frozenset({State.AUTHENTICATED})
_ANY: Final = _BEFORE_LOGIN | _AFTER_LOGIN


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandRow:
    """One command: the states in which it is legal, and the states that its tagged OK and NO lead to.

    None as a state: it stays. `is_alone`: sent only when nothing is pending, and nothing is queued behind it.
    `takes_numbers`: its arguments are sequence numbers. `keeps_numbers`: no EXPUNGE comes while it is in
    progress (RFC 3501 section 7.4.1). `answers` names the untagged responses that answer it. `capability` is
    what a server must offer for it, "" if it is a command of both revisions that needs none.
    """

    name: str
    legal: frozenset[State]
    after_ok: State | None = None
    after_no: State | None = None
    is_alone: bool = False
    takes_numbers: bool = False
    keeps_numbers: bool = False
    answers: tuple[str, ...] = ()
    capability: str = ""

    @property
    def is_by_number(self) -> bool:
        """Whether sequence numbers are what it takes or what answers it: a UID command stands beside it.

        The server keeps them as they are while they are what answers.
        """
        return self.takes_numbers or self.keeps_numbers


def _plain(legal: frozenset[State], *names: str) -> tuple[CommandRow, ...]:
    return tuple(CommandRow(name=name, legal=legal) for name in names)


def _answered(legal: frozenset[State], *rows: tuple[str, str]) -> tuple[CommandRow, ...]:
    return tuple(CommandRow(name=name, legal=legal, answers=(answer,)) for name, answer in rows)


_ROWS: Final = (
    *_plain(_ANY, "NOOP"),
    *_answered(_ANY, ("CAPABILITY", "CAPABILITY")),
    CommandRow(name="ID", legal=_ANY, answers=("ID",), capability="ID"),
    CommandRow(name="LOGOUT", legal=_ANY, after_ok=State.LOGOUT),
    CommandRow(name="STARTTLS", legal=_BEFORE_LOGIN, is_alone=True, capability="STARTTLS"),
    # Not before login: for who is not known a server spends no memory on it.
    CommandRow(name="COMPRESS", legal=_AFTER_LOGIN, is_alone=True, capability="COMPRESS=DEFLATE"),
    CommandRow(name="AUTHENTICATE", legal=_BEFORE_LOGIN, after_ok=State.AUTHENTICATED),
    CommandRow(name="LOGIN", legal=_BEFORE_LOGIN, after_ok=State.AUTHENTICATED),
    # RFC 5161 section 3.1: "The ENABLE command is only valid in the authenticated state".
    CommandRow(name="ENABLE", legal=_UNSELECTED, answers=("ENABLED",), capability="ENABLE"),
    # RFC 3501 section 6.3.1: a SELECT that fails leaves no mailbox selected.
    CommandRow(
        name="SELECT",
        legal=_AFTER_LOGIN,
        after_ok=State.SELECTED,
        after_no=State.AUTHENTICATED,
        answers=("EXISTS",),
    ),
    CommandRow(
        name="EXAMINE",
        legal=_AFTER_LOGIN,
        after_ok=State.SELECTED,
        after_no=State.AUTHENTICATED,
        answers=("EXISTS",),
    ),
    *_plain(_AFTER_LOGIN, "CREATE", "DELETE", "RENAME", "SUBSCRIBE", "UNSUBSCRIBE", "APPEND"),
    *_answered(_AFTER_LOGIN, ("LIST", "LIST"), ("STATUS", "STATUS")),
    # RFC 9051 appendix E: IMAP4rev2 has neither LSUB nor CHECK.
    CommandRow(name="LSUB", legal=_AFTER_LOGIN, answers=("LSUB",), capability=REV1),
    CommandRow(name="CHECK", legal=_SELECTED, capability=REV1),
    CommandRow(name="NAMESPACE", legal=_AFTER_LOGIN, answers=("NAMESPACE",), capability="NAMESPACE"),
    CommandRow(name="XLIST", legal=_AFTER_LOGIN, answers=("XLIST",), capability="XLIST"),
    CommandRow(name="IDLE", legal=_AFTER_LOGIN, capability="IDLE"),
    CommandRow(name="NOTIFY", legal=_AFTER_LOGIN, capability="NOTIFY"),
    CommandRow(name="ESEARCH", legal=_AFTER_LOGIN, answers=("ESEARCH",), capability="MULTISEARCH"),
    CommandRow(name="CLOSE", legal=_SELECTED, after_ok=State.AUTHENTICATED),
    CommandRow(name="UNSELECT", legal=_SELECTED, after_ok=State.AUTHENTICATED, capability="UNSELECT"),
    *_plain(_SELECTED, "EXPUNGE", "UID COPY"),
    CommandRow(name="UID EXPUNGE", legal=_SELECTED, capability="UIDPLUS"),
    *_answered(_SELECTED, ("UID SEARCH", "SEARCH"), ("UID FETCH", "FETCH"), ("UID STORE", "FETCH")),
    CommandRow(name="UID REPLACE", legal=_SELECTED, answers=("APPENDUID",), capability="REPLACE"),
    CommandRow(
        name="REPLACE", legal=_SELECTED, takes_numbers=True, answers=("APPENDUID",), capability="REPLACE"
    ),
    CommandRow(name="UID MOVE", legal=_SELECTED, answers=("COPYUID",), capability="MOVE"),
    CommandRow(name="SEARCH", legal=_SELECTED, keeps_numbers=True, answers=("SEARCH",)),
    # RFC 5256 section 3: EXPUNGE is "not permitted while the server is responding to a SORT command, but ...
    # permitted during a UID SORT command". The capability of THREAD is that of its algorithm.
    CommandRow(name="SORT", legal=_SELECTED, keeps_numbers=True, answers=("SORT",), capability="SORT"),
    CommandRow(name="THREAD", legal=_SELECTED, keeps_numbers=True, answers=("THREAD",)),
    CommandRow(name="UID SORT", legal=_SELECTED, answers=("SORT",), capability="SORT"),
    *_answered(_SELECTED, ("UID THREAD", "THREAD")),
    *_plain(_SELECTED, "CANCELUPDATE"),
    CommandRow(name="FETCH", legal=_SELECTED, keeps_numbers=True, takes_numbers=True, answers=("FETCH",)),
    CommandRow(name="STORE", legal=_SELECTED, keeps_numbers=True, takes_numbers=True, answers=("FETCH",)),
    # RFC 5259 section 6: EXPUNGE "MUST NOT be sent while responding to a CONVERT", "MAY" during UID CONVERT.
    CommandRow(
        name="CONVERT",
        legal=_SELECTED,
        keeps_numbers=True,
        takes_numbers=True,
        answers=("CONVERTED",),
        capability="CONVERT",
    ),
    CommandRow(name="UID CONVERT", legal=_SELECTED, answers=("CONVERTED",), capability="CONVERT"),
    CommandRow(name="CONVERSIONS", legal=_AFTER_LOGIN, answers=("CONVERSION",), capability="CONVERT"),
    CommandRow(name="COPY", legal=_SELECTED, takes_numbers=True),
    CommandRow(name="MOVE", legal=_SELECTED, takes_numbers=True, answers=("COPYUID",), capability="MOVE"),
)

# Commands that administer a server.
_ADMIN_ROWS: Final = (
    CommandRow(
        name="UNAUTHENTICATE",
        legal=_AFTER_LOGIN,
        after_ok=State.NOT_AUTHENTICATED,
        capability="UNAUTHENTICATE",
    ),
    # RFC 5255 section 3.2: a change of the language may come with the translated namespaces.
    CommandRow(name="LANGUAGE", legal=_ANY, answers=("LANGUAGE", "NAMESPACE"), capability="LANGUAGE"),
    CommandRow(name="COMPARATOR", legal=_AFTER_LOGIN, answers=("COMPARATOR",), capability="I18NLEVEL=2"),
    CommandRow(name="RLIST", legal=_AFTER_LOGIN, answers=("LIST",), capability="MAILBOX-REFERRALS"),
    CommandRow(name="RLSUB", legal=_AFTER_LOGIN, answers=("LSUB",), capability="MAILBOX-REFERRALS"),
    CommandRow(name="GETJMAPACCESS", legal=_AFTER_LOGIN, answers=("JMAPACCESS",), capability="JMAPACCESS"),
    CommandRow(name="SETACL", legal=_AFTER_LOGIN, answers=("ACL",), capability="ACL"),
    CommandRow(name="DELETEACL", legal=_AFTER_LOGIN, answers=("ACL",), capability="ACL"),
    CommandRow(name="GETACL", legal=_AFTER_LOGIN, answers=("ACL",), capability="ACL"),
    CommandRow(name="LISTRIGHTS", legal=_AFTER_LOGIN, answers=("LISTRIGHTS",), capability="ACL"),
    CommandRow(name="MYRIGHTS", legal=_AFTER_LOGIN, answers=("MYRIGHTS",), capability="ACL"),
    CommandRow(name="GETMETADATA", legal=_AFTER_LOGIN, answers=("METADATA",), capability="METADATA-SERVER"),
    CommandRow(name="SETMETADATA", legal=_AFTER_LOGIN, capability="METADATA-SERVER"),
    CommandRow(name="GETQUOTA", legal=_AFTER_LOGIN, answers=("QUOTA",), capability="QUOTA"),
    CommandRow(name="GETQUOTAROOT", legal=_AFTER_LOGIN, answers=("QUOTAROOT", "QUOTA"), capability="QUOTA"),
    CommandRow(name="SETQUOTA", legal=_AFTER_LOGIN, answers=("QUOTA",), capability="QUOTASET"),
    CommandRow(name="RESETKEY", legal=_AFTER_LOGIN, answers=("URLMECH",), capability="URLAUTH"),
    CommandRow(name="GENURLAUTH", legal=_AFTER_LOGIN, answers=("GENURLAUTH",), capability="URLAUTH"),
    CommandRow(name="URLFETCH", legal=_AFTER_LOGIN, answers=("URLFETCH",), capability="URLAUTH"),
)

COMMAND_ROWS: Final[dict[str, CommandRow]] = {row.name: row for row in (*_ROWS, *_ADMIN_ROWS)}
"""Row by name; the file of an extension adds its own with `COMMAND_ROWS[row.name] = row`."""

ANYTIME: Final = CommandRow(name="", legal=_ANY)
"""The row of commands that no file knows: legal once the greeting was said, they change no state."""


def row_of(name: str) -> CommandRow:
    """Return the row of the command *name*, given in upper case; `ANYTIME` if there is none."""
    return COMMAND_ROWS.get(name, ANYTIME)
