"""Mail stores: what a store is, one in memory, the IMAP session over a store, delivery into stores.

`MailStore` is what a store of your own must be, `StoreError` how it refuses; the `Supports...` protocols are
what it may do beyond that. `StoreSession` serves IMAP over any store, `Delivery` is an SMTP handler that puts
messages into stores.
"""

from __future__ import annotations

from mailproto.store._protocol import (
    NOTHING_SINCE,
    Body,
    Changes,
    MailboxInfo,
    MailStore,
    MessageGone,
    MessageInfo,
    Result,
    StoreError,
    SupportsCopy,
    SupportsMove,
    SupportsRecent,
    SupportsSearch,
    SupportsStructure,
    SupportsWatch,
)
from mailproto.store._structure import Structure
from mailproto.store.delivery import Delivery, Destination, received_lines
from mailproto.store.memory import MemoryStore
from mailproto.store.session import CAPABILITIES, StoreSession

__all__ = [
    # What a store is
    "MailStore",
    "MailboxInfo",
    "MessageInfo",
    "Changes",
    "NOTHING_SINCE",
    "Body",
    "Result",
    "StoreError",
    "MessageGone",
    # What a store may do beyond that
    "SupportsCopy",
    "SupportsMove",
    "SupportsRecent",
    "SupportsSearch",
    "SupportsStructure",
    "SupportsWatch",
    "Structure",
    # Stores
    "MemoryStore",
    # What serves and fills them
    "StoreSession",
    "CAPABILITIES",
    "Delivery",
    "Destination",
    "received_lines",
]
