"""What the rows of extensions are: a parameter of MAIL or RCPT, and an EHLO keyword that a server offers.

The rows themselves stand in `mailproto.smtp.ext`, one module for each RFC.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeAlias, TypeVar

from mailproto.errors import LocalProtocolError

__all__ = ["Check", "Extension", "Given", "MAIL", "Offer", "Offered", "Parameter", "RCPT", "flag"]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

MAIL: Final = frozenset({"MAIL"})
RCPT: Final = frozenset({"RCPT"})


class Given(Protocol):
    """The parameters of a command, as a rule sees them: `mailproto.smtp.Parameters`."""

    def value(self, row: Parameter[T], /) -> T | None:
        """Return the value of *row*, None if it is not there."""

    def get(self, keyword: str, /) -> str | None:
        """Return the value as it was sent."""


class Offered(Protocol):
    """What an EHLO reply offered, as a rule sees it: `mailproto.smtp.Extensions`."""

    def get(self, keyword: str, /) -> str | None:
        """Return the parameters of an EHLO keyword, None if it was not offered."""


Check: TypeAlias = Callable[[Given, Offered], None]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Parameter(Generic[T_co]):
    """A parameter of MAIL or RCPT whose value is of type T; equal only to itself.

    `extensions` are the EHLO keywords of which any allows it. `form` returns something true for the text of
    a value; None: the parameter has no value. `parse` reads what `form` accepts and `serialize` writes it.
    `commands` are the verbs that take it. `check` sees all parameters of the command and what the EHLO reply
    has offered, at either end, and raises CommandSyntaxError, with the reply that is due. `needs_tls` makes
    a client refuse it in the clear. `refusal` is the code of the reply where it is not offered.
    """

    keyword: str
    extensions: tuple[str, ...]
    form: Callable[[str], object] | None
    parse: Callable[[str], T_co]
    serialize: Callable[[T_co], str]
    commands: frozenset[str] = MAIL
    check: Check | None = None
    needs_tls: bool = False
    refusal: int = 555

    def __repr__(self) -> str:
        return f"<Parameter {self.keyword}>"

    def accepts(self, text: str | None) -> bool:
        """Return whether *text* is a value of it; None stands for no value."""
        if text is None or self.form is None:
            return text is None and self.form is None
        return bool(self.form(text))

    def read(self, text: str | None) -> T_co:
        """Return the value that *text* is. Raises LocalProtocolError if it is none."""
        if not self.accepts(text):
            raise LocalProtocolError(f"{self.keyword}: expected a value of it, got {(text or '')[:40]!r}")
        return self.parse(text or "")

    def pair(self, value: T_co) -> tuple[str, str | None]:  # type: ignore[misc]  # who builds has the row
        """Return what `Parameters` is built of. Raises LocalProtocolError for what no command can carry."""
        text = None if self.form is None else self.serialize(value)
        if not self.accepts(text) or (self.form is None and value is not True):
            raise LocalProtocolError(f"{self.keyword}: expected a value of it, got {repr(value)[:40]}")
        return self.keyword, text


def flag(
    keyword: str,
    extension: str,
    commands: frozenset[str] = MAIL,
    *,
    needs_tls: bool = False,
    refusal: int = 555,
) -> Parameter[bool]:
    """Return the row of a parameter that has no value: it is True where it stands."""
    return Parameter(
        keyword,
        (extension,),
        None,
        parse=lambda text: True,
        serialize=str,
        commands=commands,
        needs_tls=needs_tls,
        refusal=refusal,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a server has when it answers EHLO; each row decides by it. Numbers are 0 for no bound."""

    start_tls: bool
    auth_mechanisms: tuple[str, ...]
    max_message: int
    is_tls_active: bool = False
    is_authenticated: bool = False
    max_transactions: int = 0
    max_recipients: int = 0
    max_recipient_domains: int = 0


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Extension:
    """An extension that a server can offer: its EHLO keyword, when, and what it adds; equal only to itself.

    `offered` returns the parameters of the keyword as text, None if it is not offered now. `verbs` are the
    commands that it adds: the server gives them as `UnknownCommand` and does not answer 500 by itself.
    `parameters` maps MAIL and RCPT to keywords that are allowed beside those of `PARAMETERS`. `needs` are the
    keywords of those without which it must not be offered.
    """

    keyword: str
    offered: Callable[[Offer], str | None] = lambda offer: ""
    verbs: frozenset[str] = frozenset()
    parameters: tuple[tuple[str, str], ...] = ()
    needs: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<Extension {self.keyword}>"
