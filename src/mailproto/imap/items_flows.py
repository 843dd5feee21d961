"""The client's procedures of extensions that add items, keys and forms of APPEND.

Each is a flow as those of `mailproto.imap.client_flows`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from mailproto.errors import LocalProtocolError
from mailproto.flow import Flow
from mailproto.imap.appending import AppendOctets
from mailproto.imap.client_flows import Numbers, data_of, run, sequence_set, uid_set
from mailproto.imap.commands import StoreAction
from mailproto.imap.ext.binary import BinaryMessage
from mailproto.imap.ext.gmail import X_GM_LABELS, StoreLabels, UIDStoreLabels, label_set
from mailproto.imap.ext.xlist import XList, XListData
from mailproto.imap.fetch_data import FetchData
from mailproto.imap.inbox import Inboxes
from mailproto.imap.sequence import SequenceSet, UIDSet
from mailproto.imap.values import Streamed

__all__ = ["append_form", "labels_action", "store_labels", "uid_store_labels", "xlist"]

_ACTIONS: Final = {f"{action.value}{X_GM_LABELS.name}": action for action in StoreAction}


def append_form(*, binary: bool) -> Callable[[bytes | Streamed], AppendOctets]:
    """Return what makes of the octets of a message how they travel in APPEND."""
    return BinaryMessage if binary else _as_it_is


def _as_it_is(octets: bytes | Streamed) -> AppendOctets:
    return octets


def labels_action(action: StoreAction | str) -> StoreAction:
    """Return the action that is meant: "X-GM-LABELS", "+X-GM-LABELS" and "-X-GM-LABELS" stand for it."""
    if isinstance(action, StoreAction):
        return action
    found = _ACTIONS.get(action.upper())
    if found is None:
        raise LocalProtocolError(f"action: expected one of {', '.join(_ACTIONS)}, got {action[:40]!r}")
    return found


def _labels(labels: str | Iterable[str]) -> frozenset[str]:
    return label_set((labels,) if isinstance(labels, str) else labels)


def store_labels(
    session: Inboxes,
    numbers: SequenceSet | Numbers,
    action: StoreAction | str,
    labels: str | Iterable[str],
    *,
    silent: bool,
) -> Flow[tuple[FetchData, ...]]:
    """Change Gmail's labels and return the messages with their new ones; none if it is silent."""
    command = StoreLabels(sequence_set(numbers), labels_action(action), _labels(labels), silent=silent)
    return (yield from _store(session, command))


def uid_store_labels(
    session: Inboxes,
    uids: UIDSet | Numbers,
    action: StoreAction | str,
    labels: str | Iterable[str],
    *,
    silent: bool,
) -> Flow[tuple[FetchData, ...]]:
    """Change Gmail's labels by UID, as `store_labels`."""
    command = UIDStoreLabels(uid_set(uids), labels_action(action), _labels(labels), silent=silent)
    return (yield from _store(session, command))


def _store(session: Inboxes, command: StoreLabels | UIDStoreLabels) -> Flow[tuple[FetchData, ...]]:
    keys = frozenset[str]() if command.silent else frozenset({X_GM_LABELS.key})
    inbox = yield from run(session, command, keys)
    return data_of(session, inbox, FetchData)


def xlist(session: Inboxes, reference: str, pattern: str) -> Flow[tuple[XListData, ...]]:
    """Return the mailboxes whose names match, with what they are for."""
    inbox = yield from run(session, XList(reference, pattern))
    return data_of(session, inbox, XListData)
