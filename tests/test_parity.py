"""The two adapters have the same names and signatures, less `async`, of three kinds and no other."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest

import mailproto.asyncio
import mailproto.sync

CLASSES = ["Converted", "Download", "IMAPClient", "Messages", "Mirror", "SMTPClient", "Server", "Updates"]
FUNCTIONS = ["serve_imap", "serve_smtp"]

OPENED = {
    "IMAPClient": {"connect", "selected", "download", "idle", "watch"},
    "SMTPClient": {"connect"},
}
"""What is awaited or entered; the sync counterpart is a context manager."""

ONLY_SYNC = {"SelectedMailbox"}
ONLY_ASYNCIO = {"Opening"}
"""How each says "await or enter"."""

UNLIKE = {"Server": {"start", "drop", "factory", "context", "certificate"}}
"""What only a server that is started by `await` has."""

SAME_KIND = {"close", "convert", "fetch", "mirror", "uid_convert", "uid_fetch"}
"""Without IO of their own: iterators, and closing without a word."""


def public(value: object) -> set[str]:
    return {name for name in dir(value) if not name.startswith("_")}


def signature(function: Any) -> tuple[list[tuple[str, Any, Any]], str]:
    """Return parameters and result as they are written, with asyncio's types for sync's."""
    found = inspect.signature(function)
    parameters = [(p.name, p.kind, p.default) for p in found.parameters.values()]
    types = ", ".join(str(p.annotation) for p in found.parameters.values())
    result = re.sub(r"Opening\[(.*)\]", r"\1", str(found.return_annotation))
    return parameters, f"({types}) -> {result}"


def methods_of(name: str) -> list[str]:
    return sorted(public(getattr(mailproto.sync, name)) - UNLIKE.get(name, set()))


METHODS = [(name, method) for name in CLASSES for method in methods_of(name)]


def test_the_packages_have_the_same_names() -> None:
    assert set(mailproto.sync.__all__) - ONLY_SYNC == set(mailproto.asyncio.__all__) - ONLY_ASYNCIO
    assert set(CLASSES) | set(FUNCTIONS) <= set(mailproto.sync.__all__)


@pytest.mark.parametrize("name", CLASSES)
def test_the_classes_have_the_same_names(name: str) -> None:
    unlike = UNLIKE.get(name, set())
    assert public(getattr(mailproto.asyncio, name)) - unlike == public(getattr(mailproto.sync, name)) - unlike


@pytest.mark.parametrize("name, method", METHODS)
def test_a_method_is_of_one_of_three_kinds(name: str, method: str) -> None:
    ours = inspect.getattr_static(getattr(mailproto.sync, name), method)
    theirs = inspect.getattr_static(getattr(mailproto.asyncio, name), method)
    assert type(ours) is type(theirs)
    if isinstance(ours, property):
        return
    assert name == "Server" or inspect.getdoc(ours) == inspect.getdoc(theirs)
    sync_function, asyncio_function = getattr(ours, "__func__", ours), getattr(theirs, "__func__", theirs)
    parameters, types = signature(sync_function)
    other_parameters, other_types = signature(asyncio_function)
    assert parameters == other_parameters
    if method in OPENED.get(name, ()):
        assert "Opening[" in str(inspect.signature(asyncio_function).return_annotation)
    elif method in SAME_KIND and not inspect.iscoroutinefunction(asyncio_function):
        assert types == other_types
    else:
        assert inspect.iscoroutinefunction(asyncio_function)
        assert not inspect.iscoroutinefunction(sync_function)
        assert types == other_types


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_functions_have_the_same_signatures(name: str) -> None:
    assert signature(getattr(mailproto.sync, name)) == signature(getattr(mailproto.asyncio, name))
