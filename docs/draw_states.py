"""Directives that draw from the state tables which the connections consult.

`state-diagram` is an SVG, `pipelining-table` a table of what may stand where in a group.

States stand in a column, in the order of their enumeration. Arrows that lead down are drawn on the right,
those that lead up on the left; what leaves a state where it is stands inside its box.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from html import escape
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.application import Sphinx

from mailproto.imap import state as imap_state
from mailproto.smtp import state as smtp_state

Edge = tuple[str, str, str]
"""From a state, to a state, by an event."""

BOX_WIDTH, LINE, GAP, MIDDLE, LANE = 240, 16, 46, 520, 36


def smtp_edges() -> Iterable[Edge]:
    """Yield the transitions of SMTP: by each command, after a positive, intermediate or negative reply."""
    yield "body", "ended", "CRLF.CRLF"
    yield "tls", "start", "handshake"
    for (state, name), row in smtp_state.TRANSITIONS.items():
        outcomes = (("2yz", row.positive), ("3yz", row.intermediate), ("refused", row.negative))
        targets = {target for _, target in outcomes if target is not None}
        for reply, target in outcomes:
            if target is not None:
                label = name if len(targets) == 1 else f"{name} {reply}"
                yield state.value, target.value, label


def imap_edges() -> Iterable[Edge]:
    """Yield the transitions of IMAP: the greeting, then each command by its tagged answer."""
    yield "greeting", "not authenticated", "OK greeting"
    yield "greeting", "authenticated", "PREAUTH greeting"
    yield "greeting", "logout", "BYE greeting"
    for row in imap_state.COMMAND_ROWS.values():
        for state in imap_state.State:
            if state in row.legal:
                yield state.value, (row.after_ok or state).value, row.name
                if row.after_no not in (None, state):
                    yield state.value, str(row.after_no and row.after_no.value), f"{row.name} NO"


DIAGRAMS = {
    "smtp": ([state.value for state in smtp_state.State], smtp_edges),
    "imap": ([state.value for state in imap_state.State], imap_edges),
}


@dataclass
class Box:
    """A state: where it stands, and what leaves it as it is."""

    name: str
    top: int
    stays: list[str] = field(default_factory=list)
    exits: int = 0

    @property
    def height(self) -> int:
        """Pixels: the name, and a line for each that stays."""
        return LINE * (2 + len(self.stays))

    def next_port(self) -> int:
        """Return a height at which another arrow may touch the box."""
        self.exits += 1
        return self.top + 8 + (self.exits * 9) % max(self.height - 12, 9)


def draw(states: list[str], edges: Iterable[Edge]) -> str:
    """Return the diagram as an SVG element."""
    labels: dict[tuple[str, str], list[str]] = defaultdict(list)
    for start, end, label in edges:
        if label not in labels[start, end]:
            labels[start, end].append(label)
    boxes = place(states, labels)
    lanes: dict[bool, int] = defaultdict(int)
    parts = [draw_box(box) for box in boxes.values()]
    by_length = sorted(labels, key=lambda pair: abs(states.index(pair[0]) - states.index(pair[1])))
    for start, end in by_length:
        if start != end:
            is_down = states.index(start) < states.index(end)
            lanes[is_down] += 1
            parts.append(draw_arrow(boxes[start], boxes[end], is_down, lanes[is_down], labels[start, end]))
    last = boxes[states[-1]]
    width, height = 2 * MIDDLE, last.top + last.height + 20
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        'style="max-width: 100%; font: 11px sans-serif" fill="currentColor" stroke="none">'
        '<defs><marker id="tip" markerWidth="8" markerHeight="8" refX="7" refY="4" orient="auto">'
        '<path d="M0 0L8 4L0 8z"/></marker></defs>' + "".join(parts) + "</svg>"
    )


def place(states: list[str], labels: dict[tuple[str, str], list[str]]) -> dict[str, Box]:
    """Return a box a state, one below the other."""
    boxes: dict[str, Box] = {}
    top = 10
    for name in states:
        boxes[name] = Box(name, top, wrapped(labels.get((name, name), [])))
        top += boxes[name].height + GAP
    return boxes


def wrapped(words: list[str], width: int = 34) -> list[str]:
    """Return *words* in lines of at most *width* characters, commas between."""
    lines: list[str] = []
    for word in words:
        if lines and len(lines[-1]) + len(word) + 2 <= width:
            lines[-1] += f", {word}"
        else:
            lines.append(word)
    return lines


def draw_box(box: Box) -> str:
    """Return a box with its name and what stays."""
    left = MIDDLE - BOX_WIDTH // 2
    lines = "".join(
        f'<text x="{MIDDLE}" y="{box.top + 18 + LINE * (i + 1)}" text-anchor="middle">{escape(line)}</text>'
        for i, line in enumerate(box.stays)
    )
    return (
        f'<rect x="{left}" y="{box.top}" width="{BOX_WIDTH}" height="{box.height}" rx="6" fill="none" '
        f'stroke="currentColor"/><text x="{MIDDLE}" y="{box.top + 18}" text-anchor="middle" '
        f'font-weight="bold">{escape(box.name)}</text>{lines}'
    )


def draw_arrow(start: Box, end: Box, is_down: bool, lane: int, labels: list[str]) -> str:
    """Return an arrow on the right, leading down, or on the left, leading up, in a lane of its own."""
    side = 1 if is_down else -1
    edge = MIDDLE + side * BOX_WIDTH // 2
    far = edge + side * LANE * lane * 0.62
    begin, stop = start.next_port(), end.next_port()
    anchor = "start" if is_down else "end"
    middle = (begin + stop) / 2
    texts = "".join(
        f'<text x="{far + side * 4:.0f}" y="{middle + 12 * i:.0f}" text-anchor="{anchor}">'
        f"{escape(line)}</text>"
        for i, line in enumerate(wrapped(labels, 26))
    )
    path = f"M{edge} {begin}C{far:.0f} {begin} {far:.0f} {begin} {far:.0f} {middle:.0f}"
    path += f"S{far:.0f} {stop} {edge} {stop}"
    return f'<path d="{path}" fill="none" stroke="currentColor" marker-end="url(#tip)"/>{texts}'


class StateDiagram(Directive):
    """`.. state-diagram:: smtp` or `imap`."""

    required_arguments = 1
    option_spec: ClassVar[dict[str, object]] = {}

    def run(self) -> list[nodes.Node]:
        """Draw the diagram that is named."""
        states, edges = DIAGRAMS[self.arguments[0]]
        return [nodes.raw("", draw(states, edges()), format="html")]


def pipelining_rows() -> list[tuple[str, str, str]]:
    """Return each command, whether it may stand inside a group, and the replies that it can get."""
    outcomes: dict[str, set[str]] = defaultdict(set)
    for (_, name), row in smtp_state.TRANSITIONS.items():
        digits = {"2yz": row.positive, "3yz": row.intermediate, "refused": row.negative}
        outcomes[name] |= {digit for digit, state in digits.items() if state is not None}
    return [
        (name, "anywhere" if name in smtp_state.GROUPABLE else "at its end", ", ".join(sorted(found)))
        for name, found in outcomes.items()
        if name not in ("greeting", "SASL response")
    ]


class PipeliningTable(Directive):
    """`.. pipelining-table::`, what may stand where in a group of SMTP commands."""

    def run(self) -> list[nodes.Node]:
        """Write the table as HTML."""
        heads = ("command", "in a group", "replies")
        rows = [heads, *sorted(pipelining_rows(), key=lambda row: row[1:])]
        cells = (
            "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in row)
            for row, tag in zip(rows, ["th"] + ["td"] * len(rows), strict=False)
        )
        table = "".join(f"<tr>{row}</tr>" for row in cells)
        return [nodes.raw("", f'<table class="docutils align-default">{table}</table>', format="html")]


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directive."""
    app.add_directive("state-diagram", StateDiagram)
    app.add_directive("pipelining-table", PipeliningTable)
    return {"parallel_read_safe": True}
