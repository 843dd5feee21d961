"""The `quirks-table` directive: a row for each quirk of a table in `mailproto.imap.quirks`."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from docutils import nodes
from docutils.parsers.rst import Directive
from quirk_sources import SOURCES

from mailproto.imap import quirks

if TYPE_CHECKING:
    from sphinx.application import Sphinx

HEAD = ("Expected", "Seen in", "What is made of it", "Known from")
WIDTHS = (28, 12, 34, 26)


def rows_of(name: str) -> list[tuple[str, str, str, str]]:
    """Return rule, products, reason and sources of each quirk in the table *name*."""
    return [(quirk.rule, quirk.products, quirk.reason, sources_of(quirk)) for quirk in getattr(quirks, name)]


def sources_of(quirk: quirks.Quirk) -> str:
    """Return where the products of *quirk* are known from, each with its name if there are several."""
    sources = SOURCES.get(quirk.rule)
    if sources is None:
        return "the field; products unknown"
    if len(sources) == 1:
        return next(iter(sources.values()))
    return ". ".join(f"{product}: {source}" for product, source in sources.items())


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
