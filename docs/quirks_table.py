"""The `quirks-table` directive: a row for each quirk of a table in `mailproto.imap.quirks`."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from docutils import nodes
from docutils.parsers.rst import Directive

from mailproto.imap import quirks

if TYPE_CHECKING:
    from sphinx.application import Sphinx

HEAD = ("Expected", "Seen in", "What is made of it")
WIDTHS = (36, 14, 50)


def rows_of(name: str) -> list[tuple[str, str, str]]:
    """Return rule, products and reason of each quirk in the table *name*."""
    return [(quirk.rule, quirk.products, quirk.reason) for quirk in getattr(quirks, name)]


class QuirksTable(Directive):
    """`.. quirks-table:: QUIRKS`."""

    required_arguments: ClassVar[int] = 1

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        group = nodes.tgroup(cols=len(HEAD))
        group += [nodes.colspec(colwidth=width) for width in WIDTHS]
        group += nodes.thead("", _row(HEAD))
        group += nodes.tbody("", *map(_row, rows_of(self.arguments[0])))
        return [nodes.table("", group)]


def _row(cells: tuple[str, ...]) -> nodes.row:
    return nodes.row("", *(nodes.entry("", nodes.paragraph("", cell)) for cell in cells))


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directive."""
    app.add_directive("quirks-table", QuirksTable)
    return {"parallel_read_safe": True}
