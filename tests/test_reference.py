"""Each public name has a docstring, and stands in `docs/reference`."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import mailproto.address
import mailproto.asyncio
import mailproto.errors
import mailproto.flow
import mailproto.limits
import mailproto.proxy_protocol
import mailproto.sasl
import mailproto.smtp
import mailproto.sync
import mailproto.testing

docstrings = importlib.import_module("value_docstrings")
"""A module of `docs`."""

REFERENCE = Path(__file__).parents[1] / "docs/reference"
DIRECTIVE = re.compile(r"^\.\. auto(module|data):: (\S+)\n((?: +:.*\n)*)", re.MULTILINE)
MODULES = [
    *(mailproto.address, mailproto.errors, mailproto.flow, mailproto.limits, mailproto.proxy_protocol),
    *(mailproto.sasl, mailproto.smtp, mailproto.testing, mailproto.sync, mailproto.asyncio),
]


def directives() -> Iterator[tuple[ModuleType, list[str]]]:
    """Return what the pages document: of a module all that it defines and is public, or some names."""
    for page in REFERENCE.glob("*.rst"):
        for kind, path, options in DIRECTIVE.findall(page.read_text()):
            if kind == "data":
                name = path.rpartition(".")[2]
                yield importlib.import_module(path.removesuffix(f".{name}")), [name]
                continue
            module = importlib.import_module(path)
            members = re.search(r":members: (.*)", options)
            names = members[1].split(", ") if members else module.__all__
            yield module, [name for name in names if docstrings.origin_of(path, name)[0] == path]


def public_names(module: ModuleType) -> dict[str, Any]:
    return {name: getattr(module, name) for name in module.__all__}


def has_signature(value: object) -> bool:
    return inspect.isclass(value) or inspect.isroutine(value)


def is_protocol(value: object) -> bool:
    """What some values have in common, where these have the docstrings."""
    return bool(getattr(value, "_is_protocol", False))


def is_property(value: object) -> bool:
    return isinstance(value, property)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_each_class_and_function_has_a_docstring_of_its_own(module: ModuleType) -> None:
    signed = {name: value for name, value in public_names(module).items() if has_signature(value)}
    assert [
        name for name, value in signed.items() if (value.__doc__ or f"{name}(").startswith(f"{name}(")
    ] == []
    members = {
        f"{name}.{attribute}": getattr(value, attribute)
        for name, value in signed.items()
        if inspect.isclass(value) and not is_protocol(value)
        for attribute in vars(value)
        if not attribute.startswith("_")
    }
    said = {name: member for name, member in members.items() if has_signature(member) or is_property(member)}
    assert [name for name, member in said.items() if not inspect.getdoc(member)] == []


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_the_reference_has_each_module(module: ModuleType) -> None:
    assert module in [named for named, _ in directives()]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_the_reference_has_each_value(module: ModuleType) -> None:
    """By a directive of its own, or where the module that it comes from is documented."""
    documented = {(named.__name__, name) for named, names in directives() for name in names}
    values = {name for name, value in public_names(module).items() if not has_signature(value)}
    places = {name: {(module.__name__, name), docstrings.origin_of(module.__name__, name)} for name in values}
    assert {name for name in values if not places[name] & documented} == set()
    assert {name for name in values if not docstrings.docstring_of(module.__name__, name)} == set()


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_a_section_is_of_a_document_that_is_named(module: ModuleType) -> None:
    """The reference does not show the docstring of a module from which a package has taken a value."""
    values = public_names(module).items()
    taken = {name: value for name, value in values if getattr(value, "__module__", "") != module.__name__}
    docstring = {name: value.__doc__ or "" for name, value in taken.items()}
    assert {
        name
        for name, text in docstring.items()
        if "(section " in text and not re.search(r"RFC \d|draft-", text)
    } == set()
