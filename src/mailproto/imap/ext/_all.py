"""Every extension, imported so that its rows are in the tables; a new one adds its line here."""

from __future__ import annotations

from mailproto.imap.ext import (
    acl,
    appendlimit,
    binary,
    catenate,
    enable,
    filters,
    fuzzy,
    gmail,
    id,
    idle,
    metadata,
    move,
    multiappend,
    namespace,
    objectid,
    preview,
    quota,
    replace,
    savedate,
    status_size,
    uidplus,
    unselect,
    urlauth,
    utf8,
    within,
    xlist,
)

__all__ = ["EXTENSIONS"]

EXTENSIONS = (
    acl,
    appendlimit,
    binary,
    catenate,
    enable,
    filters,
    fuzzy,
    gmail,
    id,
    idle,
    metadata,
    move,
    multiappend,
    namespace,
    objectid,
    preview,
    quota,
    replace,
    savedate,
    status_size,
    uidplus,
    unselect,
    urlauth,
    utf8,
    within,
    xlist,
)
"""The modules."""
