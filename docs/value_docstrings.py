"""Gives autodoc the docstrings of values that a package imports: in a module, below the values."""

from __future__ import annotations

import ast
import importlib
import inspect
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx

__all__ = ["docstring_of", "origin_of", "setup"]


def origin_of(module: str, name: str) -> tuple[str, str]:
    """Return the module, and the name in it, of what *module* has as *name*."""
    for node in _statements(module):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            for alias in node.names:
                if name == (alias.asname or alias.name):
                    return origin_of(node.module, alias.name)
    return module, name


def docstring_of(module: str, name: str) -> str:
    """Return the docstring below the assignment to *name*, wherever it is; "" if there is none."""
    module, name = origin_of(module, name)
    for node, after in pairwise(_statements(module)):
        is_text = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
        if is_text and name in _names_assigned(node):
            return inspect.cleandoc(str(after.value.value))
    return ""


@cache
def _statements(module: str) -> list[ast.stmt]:
    return ast.parse(inspect.getsource(importlib.import_module(module))).body


def _names_assigned(node: ast.stmt) -> set[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return {target.id for target in targets if isinstance(target, ast.Name)}


def _put_docstring(app: Sphinx, what: str, name: str, value: Any, options: Any, lines: list[str]) -> None:
    if what == "data":
        module, _, attribute = name.rpartition(".")
        lines[:] = [*docstring_of(module, attribute).splitlines(), ""]


def setup(app: Sphinx) -> dict[str, bool]:
    """Listen to autodoc."""
    app.connect("autodoc-process-docstring", _put_docstring)
    return {"parallel_read_safe": True}
