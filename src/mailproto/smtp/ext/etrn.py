"""ETRN: asks a server to start the queue of messages for a node (RFC 1985).

The row is not in `EXTENSIONS`: a server that has a queue names it. What the answers mean stands in
`mailproto.smtp.etrn_answer`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Final, Literal, TypeAlias, cast

from mailproto.address import AddressError, parse_domain_or_literal
from mailproto.errors import LocalProtocolError
from mailproto.smtp._grammar import CommandSyntaxError
from mailproto.smtp._value import Defects, Value
from mailproto.smtp.rows import Extension

__all__ = ["ETRN", "Etrn", "EtrnOption", "parse_etrn"]

EtrnOption: TypeAlias = Literal["", "@", "#"]
"""What a node is: a domain; with `@` that domain and all below it; with `#` the name of a queue."""

# The RFC leaves the name of a queue to the server; a command line leaves it no space and no control.
_IS_QUEUE: Final = re.compile(r"[!-~]{1,255}").fullmatch
_NO_NODE: Final = "expected a fully qualified domain, or # and the name of a queue"

ETRN: Final = Extension("ETRN")
"""The row for a server that has a queue and a handler with `etrn`."""


@dataclass(frozen=True, slots=True)
class Etrn(Value):
    """ETRN: asks to send now what waits for `node` (RFC 1985 section 5); legal outside a transaction.

    `node` is a domain of A-labels with at least one dot. With the option "@" that domain and all below it
    are meant; with "#" the node is the name of a queue, visible ASCII. Raises LocalProtocolError.
    """

    name: ClassVar[str] = "ETRN"
    node: str
    option: EtrnOption = ""

    def __post_init__(self) -> None:
        if self.option not in ("", "@", "#") or not _is_node(self.node, self.option):
            raise LocalProtocolError(f"{_NO_NODE}, got {self.option[:1]!r} and {self.node[:40]!r}")

    def serialize(self) -> bytes:
        return f"ETRN {self.option}{self.node}\r\n".encode("ascii")


def parse_etrn(line: bytes, arguments: bytes, defects: Defects, offset: int) -> Etrn:
    """Read the command. Raises CommandSyntaxError: 500 without a node, else 501 (RFC 1985 section 7)."""
    if not arguments:
        raise CommandSyntaxError("expected a node", code=500, enhanced_code="5.5.2", offset=len(line))
    start = len(line) - len(arguments)
    text = arguments.strip(b" ").decode("ascii", "replace")
    option = text[:1] if text[:1] in ("@", "#") else ""
    node = text[len(option) :]
    if not _is_node(node, option):
        raise CommandSyntaxError(_NO_NODE, offset=start)
    return Etrn._parsed(defects, node=node, option=cast(EtrnOption, option))


def _is_node(node: str, option: str) -> bool:
    if option == "#":
        return _IS_QUEUE(node) is not None
    # "The specified node name must be a fully qualified domain name" (section 5)
    if not node.isascii() or "." not in node or node.startswith("["):
        return False
    try:
        parse_domain_or_literal(node)
    except AddressError:
        return False
    return True
