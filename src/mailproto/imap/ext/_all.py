"""Every extension, imported so that its rows are in the tables; a new one adds its line here."""

from __future__ import annotations

from mailproto.imap.ext import (
    enable,
    id,
    idle,
    move,
    namespace,
    uidplus,
    unselect,
)

__all__ = ["EXTENSIONS"]

EXTENSIONS = (enable, id, idle, move, namespace, uidplus, unselect)
"""The modules."""
