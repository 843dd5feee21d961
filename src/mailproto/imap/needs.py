"""Which capabilities a server must offer for a command: that of its row, and those of its arguments.

A server refuses what needs more than it offers; the flows of a client do not send it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, Never

from mailproto.imap.capability import Capabilities
from mailproto.imap.commands import Append, Command, Fetch, Search, Status, UIDFetch, UIDSearch
from mailproto.imap.ext import gmail, metadata, multiappend
from mailproto.imap.ext.gmail import StoreLabels, UIDStoreLabels
from mailproto.imap.ext.metadata import GetMetadata, SetMetadata
from mailproto.imap.ext.multiappend import MultiAppend
from mailproto.imap.ext.replace import Replace, UIDReplace
from mailproto.imap.mailbox_data import STATUS_VALUES
from mailproto.imap.search import SearchKey
from mailproto.imap.state import row_of

__all__ = ["ARGUMENT_NEEDS", "missing"]


def missing(command: Command, offered: Capabilities) -> str | None:
    """Return a capability that *command* needs and that is not *offered*, or None."""
    return next((name for name in _needs(command) if name and not offered.offers(name)), None)


def _needs(command: Command) -> Iterator[str]:
    yield row_of(command.name).capability
    arguments = ARGUMENT_NEEDS.get(type(command))
    if arguments is not None:
        yield from arguments(command)  # type: ignore[arg-type]  # the table is keyed by the type


def _of_append(command: Append) -> Iterator[str]:
    yield command.entry.capability


def _of_append_of_several(command: MultiAppend) -> Iterator[str]:
    yield multiappend.CAPABILITY
    yield from (message.capability for message in command.messages)


def _of_replace(command: Replace | UIDReplace) -> Iterator[str]:
    yield command.message.capability


def _of_items(command: Fetch | UIDFetch) -> Iterator[str]:
    return (item.capability for item in command.items)


def _of_labels(command: StoreLabels | UIDStoreLabels) -> Iterator[str]:
    yield gmail.CAPABILITY


def _of_annotations(command: GetMetadata | SetMetadata) -> Iterator[str]:
    if command.mailbox:
        yield metadata.CAPABILITY


def _of_status(command: Status) -> Iterator[str]:
    return (STATUS_VALUES[item].capability for item in command.items if item in STATUS_VALUES)


def _of_search(command: Search | UIDSearch) -> Iterator[str]:
    return _of_key(command.key)


def _of_key(key: SearchKey) -> Iterator[str]:
    yield key.capability
    for child in key.children:
        yield from _of_key(child)


ARGUMENT_NEEDS: Final[dict[type[Command], Callable[[Never], Iterator[str]]]] = {
    Append: _of_append,
    MultiAppend: _of_append_of_several,
    Replace: _of_replace,
    UIDReplace: _of_replace,
    Fetch: _of_items,
    UIDFetch: _of_items,
    Search: _of_search,
    UIDSearch: _of_search,
    Status: _of_status,
    GetMetadata: _of_annotations,
    SetMetadata: _of_annotations,
    StoreLabels: _of_labels,
    UIDStoreLabels: _of_labels,
}
"""Kind of command -> the capabilities that its arguments need, "" for none; extensions add their rows."""
