"""The `limits-table` directive: a row for each field of a class in `mailproto.limits`, from its docstring."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from docutils import nodes
from docutils.parsers.rst import Directive

from mailproto import limits

if TYPE_CHECKING:
    from sphinx.application import Sphinx

HEAD = ("Limit", "Default", "RFC minimum", "What it bounds")
WIDTHS = (26, 12, 24, 60)


def rows_of(name: str) -> Iterator[tuple[str, str, str, str]]:
    """Yield field, default, RFC minimum and meaning of each limit of the class *name*."""
    [found] = ast.parse(inspect.getsource(getattr(limits, name))).body
    assert isinstance(found, ast.ClassDef)
    defaults = getattr(limits, name)()
    for field, text in zip(found.body, found.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            assert isinstance(text, ast.Expr), field.target.id
            assert isinstance(text.value, ast.Constant), field.target.id
            meaning, _, minimum = " ".join(str(text.value.value).split()).partition(" RFC minimum: ")
            yield field.target.id, _shown(getattr(defaults, field.target.id)), minimum.rstrip("."), meaning


def _shown(value: float | None) -> str:
    return "none" if value is None else f"{value:,}".removesuffix(".0")


class LimitsTable(Directive):
    """`.. limits-table:: SMTPLimits`."""

    required_arguments: ClassVar[int] = 1

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        group = nodes.tgroup(cols=len(HEAD))
        group += [nodes.colspec(colwidth=width) for width in WIDTHS]
        group += nodes.thead("", _row(*HEAD))
        group += nodes.tbody("", *(self._row_of(*row) for row in rows_of(self.arguments[0])))
        return [nodes.table("", group)]

    def _row_of(self, field: str, default: str, minimum: str, meaning: str) -> nodes.row:
        text, _ = self.state.inline_text(meaning, self.lineno)
        row = nodes.row("", nodes.entry("", nodes.paragraph("", "", nodes.literal("", field))))
        row += _row(default, minimum).children
        row += nodes.entry("", nodes.paragraph("", "", *text))
        return row


def _row(*cells: str) -> nodes.row:
    return nodes.row("", *(nodes.entry("", nodes.paragraph("", cell)) for cell in cells))


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directive."""
    app.add_directive("limits-table", LimitsTable)
    return {"parallel_read_safe": True}
