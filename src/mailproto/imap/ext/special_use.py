"""SPECIAL-USE and CREATE-SPECIAL-USE: what a mailbox is for (RFC 6154, RFC 8457)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, Self, final

from mailproto.errors import LocalProtocolError
from mailproto.imap.codes import SimpleCode
from mailproto.imap.cursor import Cursor
from mailproto.imap.flags import flag_set, parse_flag_list, write_flag_list
from mailproto.imap.mailbox_data import SPECIAL_USES, register_list_attributes
from mailproto.imap.parameters import CREATE_PARAMETERS, LIST_RETURNS, LIST_SELECTIONS, Parameter
from mailproto.imap.writer import Writer

__all__ = ["SPECIAL_USE", "USEATTR", "Use"]

register_list_attributes(*SPECIAL_USES)

SPECIAL_USE: Final = LIST_SELECTIONS.simple("SPECIAL-USE", "SPECIAL-USE")
"""As selection: only mailboxes with a special use. In RETURN: say which have one (sections 2 and 3)."""
LIST_RETURNS.simple("SPECIAL-USE", "SPECIAL-USE")

USEATTR: Final = SimpleCode("USEATTR")
"""The mailbox cannot have that use (section 3)."""


@final
@CREATE_PARAMETERS.register
@dataclass(frozen=True, slots=True)
class Use(Parameter):
    """USE: create the mailbox for these uses, attributes such as `\\\\Drafts`; none: for no special one."""

    name: ClassVar[str] = "USE"
    capabilities: ClassVar[tuple[str, ...]] = ("CREATE-SPECIAL-USE",)
    attributes: frozenset[str]

    def __post_init__(self) -> None:
        attributes = flag_set(self.attributes)
        object.__setattr__(self, "attributes", frozenset(map(_spelled, attributes)))
        if not all(attribute.startswith("\\") for attribute in attributes):
            raise LocalProtocolError("expected attributes that begin with a backslash")

    # create-param   =/  "USE" SP "(" [use-attr *(SP use-attr)] ")"
    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `SP "(" [use-attr *(SP use-attr)] ")"`."""
        cursor.sp()
        return cls(parse_flag_list(cursor))

    def write(self, writer: Writer) -> None:
        """Write the attributes, sorted."""
        writer.write(b" ")
        write_flag_list(writer, self.attributes)


_SPELLING: Final = {attribute.lower(): attribute for attribute in SPECIAL_USES}


def _spelled(attribute: str) -> str:
    return _SPELLING.get(attribute.lower(), attribute)
