"""The commands of SMTP and LMTP: one frozen value each, read and written in one place (RFC 5321, 4.1.1).

`parse_command` reads a line; `serialize()` of each value gives the line with its CRLF. Whether a command is
legal now is not decided here but in `mailproto.smtp.state`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import ClassVar, Final, Protocol, TypeAlias

from mailproto._secret import Secret
from mailproto.address import MAX_DOMAIN, AddressError, Path, match_path, parse_domain_or_literal
from mailproto.errors import Defect, LocalProtocolError, excerpt
from mailproto.sasl import _base64
from mailproto.smtp._grammar import (
    CommandSyntaxError,
    match_base64,
    match_mechanism,
    match_verb,
    require_text,
)
from mailproto.smtp._value import Defects, Value, add_defects
from mailproto.smtp.ext.attributes import attribute_parser
from mailproto.smtp.ext.burl import Burl, parse_burl
from mailproto.smtp.ext.chunking import Bdat, parse_bdat
from mailproto.smtp.ext.etrn import Etrn, parse_etrn
from mailproto.smtp.ext.xclient import XClient
from mailproto.smtp.ext.xforward import XForward
from mailproto.smtp.parameters import NO_PARAMETERS, Parameters
from mailproto.smtp.state import Condition

__all__ = [
    "Auth",
    "Bdat",
    "Burl",
    "Command",
    "Data",
    "Ehlo",
    "Etrn",
    "Expn",
    "Helo",
    "Help",
    "Lhlo",
    "Mail",
    "MessageBody",
    "Noop",
    "Quit",
    "Rcpt",
    "Request",
    "Rset",
    "SASLResponse",
    "StartTLS",
    "Unchecked",
    "UnknownCommand",
    "Vrfy",
    "XClient",
    "XForward",
    "add_defects",
    "conditions_of",
    "parse_command",
    "parse_sasl_response",
]

_new: Final = object.__new__
_set: Final = object.__setattr__


@dataclass(frozen=True, slots=True)
class _Hello(Value):
    domain: str

    def __post_init__(self) -> None:
        if not parse_domain_or_literal(self.domain).isascii():
            raise LocalProtocolError("expected a domain of A-labels or an address literal")

    def serialize(self) -> bytes:
        return f"{self.name} {self.domain}\r\n".encode("ascii")


@dataclass(frozen=True, slots=True)
class Ehlo(_Hello):
    """EHLO: who the client is, a domain of A-labels or an address literal (RFC 5321 section 4.1.1.1)."""

    name: ClassVar[str] = "EHLO"


@dataclass(frozen=True, slots=True)
class Helo(_Hello):
    """HELO: the same without extensions (RFC 5321 section 4.1.1.1)."""

    name: ClassVar[str] = "HELO"


@dataclass(frozen=True, slots=True)
class Lhlo(_Hello):
    """LHLO: what EHLO is in LMTP (RFC 2033 section 4.1)."""

    name: ClassVar[str] = "LHLO"


@dataclass(frozen=True, slots=True, init=False)
class Mail(Value):
    """MAIL: begins a transaction (RFC 5321 section 4.1.1.2). The reverse-path may be the null path."""

    name: ClassVar[str] = "MAIL"
    reverse_path: Path
    parameters: Parameters = NO_PARAMETERS

    @classmethod
    def _of_parsed(cls, path: Path, parameters: Parameters, defects: Defects) -> Mail:
        mail = _new(cls)
        _set_reverse_path(mail, path)
        _set_mail_parameters(mail, parameters)
        _set_defects(mail, defects)
        return mail

    # What dataclasses would write takes twice the time: one call more, and object.__setattr__ for each slot.
    def __init__(
        self,
        reverse_path: Path,
        parameters: Iterable[tuple[str, str | None]] = NO_PARAMETERS,
        *,
        defects: Defects = (),
    ) -> None:
        if reverse_path.mailbox is not None and not reverse_path.mailbox.domain:
            raise LocalProtocolError("expected a reverse-path with a domain")
        _set_reverse_path(self, reverse_path)
        _set_mail_parameters(self, Parameters(parameters))
        _set_defects(self, defects)

    def serialize(self) -> bytes:
        return b"MAIL FROM:%b%b\r\n" % (self.reverse_path.serialize(), self.parameters.serialize())


@dataclass(frozen=True, slots=True, init=False)
class Rcpt(Value):
    """RCPT: names one recipient (RFC 5321 section 4.1.1.3). The null path is none."""

    name: ClassVar[str] = "RCPT"
    forward_path: Path
    parameters: Parameters = NO_PARAMETERS

    @classmethod
    def _of_parsed(cls, path: Path, parameters: Parameters, defects: Defects) -> Rcpt:
        rcpt = _new(cls)
        _set_forward_path(rcpt, path)
        _set_rcpt_parameters(rcpt, parameters)
        _set_defects(rcpt, defects)
        return rcpt

    # As of Mail.
    def __init__(
        self,
        forward_path: Path,
        parameters: Iterable[tuple[str, str | None]] = NO_PARAMETERS,
        *,
        defects: Defects = (),
    ) -> None:
        if forward_path.mailbox is None:
            raise LocalProtocolError("expected a forward-path that is not null")
        _set_forward_path(self, forward_path)
        _set_rcpt_parameters(self, Parameters(parameters))
        _set_defects(self, defects)

    def serialize(self) -> bytes:
        return b"RCPT TO:%b%b\r\n" % (self.forward_path.serialize(), self.parameters.serialize())


# A slot's own setter takes a third of the time of object.__setattr__, and these two are read all the time.
_set_defects: Final = Value.__dict__["defects"].__set__
_set_reverse_path: Final = Mail.__dict__["reverse_path"].__set__
_set_mail_parameters: Final = Mail.__dict__["parameters"].__set__
_set_forward_path: Final = Rcpt.__dict__["forward_path"].__set__
_set_rcpt_parameters: Final = Rcpt.__dict__["parameters"].__set__


@dataclass(frozen=True, slots=True)
class Data(Value):
    """DATA: asks to send the message (RFC 5321 section 4.1.1.4)."""

    name: ClassVar[str] = "DATA"


@dataclass(frozen=True, slots=True)
class Rset(Value):
    """RSET: forgets the transaction (RFC 5321 section 4.1.1.5)."""

    name: ClassVar[str] = "RSET"


@dataclass(frozen=True, slots=True)
class Quit(Value):
    """QUIT: ends the session (RFC 5321 section 4.1.1.10)."""

    name: ClassVar[str] = "QUIT"


@dataclass(frozen=True, slots=True)
class StartTLS(Value):
    """STARTTLS: asks for a TLS handshake (RFC 3207)."""

    name: ClassVar[str] = "STARTTLS"


@dataclass(frozen=True, slots=True)
class _WithText(Value):
    argument: str = ""

    def __post_init__(self) -> None:
        require_text(self.argument, self.name)
        if self.argument != self.argument.strip(" \t"):
            raise LocalProtocolError(f"{self.name}: expected an argument without spaces around it")

    def serialize(self) -> bytes:
        return f"{self.name} {self.argument}".rstrip(" ").encode() + b"\r\n"


@dataclass(frozen=True, slots=True)
class Noop(_WithText):
    """NOOP, whose argument means nothing (RFC 5321 section 4.1.1.9)."""

    name: ClassVar[str] = "NOOP"


@dataclass(frozen=True, slots=True)
class Help(_WithText):
    """HELP, in general or about a command (RFC 5321 section 4.1.1.8)."""

    name: ClassVar[str] = "HELP"


@dataclass(frozen=True, slots=True)
class _WithString(_WithText):
    argument: str
    smtputf8: bool = False

    def __post_init__(self) -> None:
        _WithText.__post_init__(self)
        if not self.argument:
            raise LocalProtocolError(f"{self.name}: expected an argument")
        if _split_smtputf8(self.argument)[1]:
            raise LocalProtocolError(f"{self.name}: expected smtputf8=True instead of SMTPUTF8 at the end")

    def serialize(self) -> bytes:
        parameter = " SMTPUTF8" if self.smtputf8 else ""
        return f"{self.name} {self.argument}{parameter}\r\n".encode()


def _split_smtputf8(argument: str) -> tuple[str, bool]:
    """Return the argument of VRFY or EXPN without SMTPUTF8 behind it, and whether that was there."""
    string, _, parameter = argument.rpartition(" ")
    if not string or parameter.upper() != "SMTPUTF8":
        return argument, False
    return string.rstrip(" \t"), True


@dataclass(frozen=True, slots=True)
class Vrfy(_WithString):
    """VRFY: asks whether a user or a mailbox exists (RFC 5321 section 4.1.1.6). Quotes are kept.

    `smtputf8` allows UTF-8 in the reply (RFC 6531 section 3.7.4.2).
    """

    name: ClassVar[str] = "VRFY"


@dataclass(frozen=True, slots=True)
class Expn(_WithString):
    """EXPN: asks for the members of a list (RFC 5321 section 4.1.1.7). Quotes are kept.

    `smtputf8` allows UTF-8 in the reply (RFC 6531 section 3.7.4.2).
    """

    name: ClassVar[str] = "EXPN"


@dataclass(frozen=True, slots=True)
class Auth(Value):
    """AUTH: begins a SASL exchange (RFC 4954 section 4).

    `mechanism` is kept in capital letters. `initial_response` holds octets, not base64; None: there is
    none, which is not the same as an empty one.
    """

    name: ClassVar[str] = "AUTH"
    mechanism: str
    initial_response: Secret[bytes] | None = None

    def __post_init__(self) -> None:
        mechanism = self.mechanism.upper()
        if not self.mechanism.isascii() or match_mechanism(mechanism) is None:
            raise LocalProtocolError(f"expected the name of a SASL mechanism, got {mechanism[:40]!r}")
        _set(self, "mechanism", mechanism)

    def serialize(self) -> bytes:
        start = f"AUTH {self.mechanism}".encode("ascii")
        if self.initial_response is None:
            return start + b"\r\n"
        return b"%b %b\r\n" % (start, _base64.encode_initial(self.initial_response.reveal()))

    def shown(self) -> bytes:
        secret = "" if self.initial_response is None else " ***"
        return f"AUTH {self.mechanism}{secret}\r\n".encode("ascii")


@dataclass(frozen=True, slots=True)
class UnknownCommand(Value):
    """A command that this library does not know; `verb` is kept in capital letters."""

    verb: str
    arguments: str = ""

    def __post_init__(self) -> None:
        verb = self.verb.upper()
        if not self.verb.isascii() or match_verb(verb.encode()) is None or verb in _PARSERS:
            raise LocalProtocolError(f"expected a verb that is not known, got {verb[:40]!r}")
        _set(self, "verb", verb)
        require_text(self.arguments, verb)
        if self.arguments != self.arguments.strip(" \t"):
            raise LocalProtocolError(f"{verb}: expected arguments without spaces around them")

    @property
    def name(self) -> str:  # type: ignore[override]  # the others have it on the class
        """The verb."""
        return self.verb

    def serialize(self) -> bytes:
        return f"{self.verb} {self.arguments}".rstrip(" ").encode() + b"\r\n"


@dataclass(frozen=True, slots=True)
class SASLResponse(Value):
    """A line of a SASL exchange from the client; `data` is octets, not base64; None cancels the exchange."""

    name: ClassVar[str] = "SASL response"
    data: Secret[bytes] | None

    def serialize(self) -> bytes:
        return b"*\r\n" if self.data is None else _base64.encode(self.data.reveal()) + b"\r\n"

    def shown(self) -> bytes:
        return b"*\r\n" if self.data is None else b"***\r\n"


@dataclass(frozen=True, slots=True)
class MessageBody(Value):
    """What a reply after the end of a message answers.

    In LMTP, and behind the 353 of PRDR, `forward_path` says for which recipient it is.
    """

    name: ClassVar[str] = "message"
    forward_path: Path | None = None

    def serialize(self) -> bytes:
        """Return the line that ends a message."""
        return b".\r\n"


@dataclass(frozen=True, slots=True)
class Unchecked(Value):
    """Octets that were sent as they are by `send_unchecked`."""

    name: ClassVar[str] = "unchecked"
    octets: bytes

    def serialize(self) -> bytes:
        return self.octets


Command: TypeAlias = (
    Ehlo
    | Helo
    | Lhlo
    | Mail
    | Rcpt
    | Data
    | Rset
    | Noop
    | Quit
    | Vrfy
    | Expn
    | Help
    | StartTLS
    | Auth
    | Bdat
    | Burl
    | Etrn
    | XClient
    | XForward
    | UnknownCommand
)
"""What a line from a client can be, outside of a SASL exchange and of a message."""
Request: TypeAlias = Command | SASLResponse | MessageBody | Unchecked
"""Everything that a reply can be an answer to, the greeting aside."""


def parse_command(line: bytes, offset: int = 0) -> Command:
    """Read *line*, without its line end. Offsets of defects are counted from *offset*.

    Raises CommandSyntaxError, with the reply that is due.
    """
    defects: Defects = ()
    # "SMTP receivers SHOULD tolerate trailing white space before the terminating <CRLF>" (section 4.1.1)
    if line[-1:] in (b" ", b"\t"):
        stripped = line.rstrip(b" \t")
        defects = (Defect("trailing-white-space", offset + len(stripped), excerpt(line, len(stripped))),)
        line = stripped
    verb, _, arguments = line.partition(b" ")
    parse = _PARSERS_BY_OCTETS.get(verb) or _PARSERS_BY_OCTETS.get(verb.upper()) or _parse_unknown
    return parse(line, arguments, defects, offset)


def conditions_of(mail: Mail | None) -> frozenset[Condition]:
    """Return what *mail* makes hold in its transaction."""
    parameters = NO_PARAMETERS if mail is None else mail.parameters
    found = [
        condition
        for keyword, text in parameters
        for value, condition in _CONDITIONS.get(keyword, ())
        if value == (text and text.upper())
    ]
    return frozenset(found) if found else _NO_CONDITIONS


_CONDITIONS: Final = {
    "BODY": (("BINARYMIME", Condition.BINARY_MIME),),
    "PRDR": ((None, Condition.PRDR),),
}
_NO_CONDITIONS: Final[frozenset[Condition]] = frozenset()
_SPACE: Final = 0x20


def parse_sasl_response(line: bytes) -> SASLResponse:
    """Read a line of a SASL exchange, without its line end. Raises CommandSyntaxError."""
    if line == b"*":
        return SASLResponse(None)
    return SASLResponse(Secret(_decode_base64(line)))


class _Parse(Protocol):
    def __call__(self, line: bytes, arguments: bytes, defects: Defects, offset: int, /) -> Command: ...


@lru_cache(maxsize=256)
def _is_plain_domain(octets: bytes) -> bool:
    """Return whether *octets* are what EHLO may say and no more: the same clients come again and again."""
    try:
        return len(octets) <= MAX_DOMAIN and octets.isascii() and bool(parse_domain_or_literal(octets))
    except AddressError:
        return False


def _parse_hello(kind: type[Ehlo] | type[Helo] | type[Lhlo]) -> _Parse:
    def parse(line: bytes, arguments: bytes, defects: Defects, offset: int) -> Command:
        if _is_plain_domain(arguments):
            return kind._parsed(defects, domain=arguments.decode("ascii"))
        domain = _text_of(arguments, 5).strip(" ")
        if not domain or " " in domain or not domain.isascii():
            raise CommandSyntaxError("expected a domain or an address literal", offset=5)
        try:
            parse_domain_or_literal(domain)
        except AddressError as error:
            # "a server MUST NOT refuse to accept a message for this reason" (section 4.1.4)
            start = len(line) - len(arguments)
            at = start + min(error.offset, len(arguments))
            defects = (*defects, Defect("hello-not-a-domain", offset + at, excerpt(line, at)))
        return kind._parsed(defects, domain=domain)

    return parse


def _parse_mail(line: bytes, arguments: bytes, defects: Defects, offset: int) -> Command:
    path, end, defects = _match_path_after(b"FROM:", line, arguments, defects, offset)
    if path.mailbox is not None and not path.mailbox.domain:
        raise CommandSyntaxError("expected a reverse-path with a domain", offset=end)
    parameters = NO_PARAMETERS if end == len(line) else Parameters.parse(line[end:], end)
    return Mail._of_parsed(path, parameters, defects)


def _parse_rcpt(line: bytes, arguments: bytes, defects: Defects, offset: int) -> Command:
    path, end, defects = _match_path_after(b"TO:", line, arguments, defects, offset)
    if path.mailbox is None:
        raise CommandSyntaxError("expected a forward-path that is not null", offset=end)
    parameters = NO_PARAMETERS if end == len(line) else Parameters.parse(line[end:], end)
    return Rcpt._of_parsed(path, parameters, defects)


def _match_path_after(
    prefix: bytes, line: bytes, arguments: bytes, defects: Defects, offset: int
) -> tuple[Path, int, Defects]:
    start = len(line) - len(arguments)
    at = start + len(prefix)
    if line[start:at] != prefix:
        at, defects = _skip_prefix(prefix, line, start, defects, offset)
    try:
        if line[at : at + 1] == b"<":
            path, end = match_path(line, at)
        else:
            path, end, defects = _match_lenient_path(line, at, defects, offset)
    except AddressError as error:
        raise CommandSyntaxError("malformed path", enhanced_code="5.1.7", offset=error.offset) from None
    if end < len(line) and line[end] != _SPACE:
        raise CommandSyntaxError("expected a space behind the path", offset=end)
    return path, end, defects


def _skip_prefix(
    prefix: bytes, line: bytes, start: int, defects: Defects, offset: int
) -> tuple[int, Defects]:
    """Pass `FROM:` or `TO:` in any case, also with spaces in front of it or before its colon."""
    keyword = prefix[:-1]
    begin = len(line) - len(line[start:].lstrip(b" "))
    end = begin + len(keyword)
    colon = len(line) - len(line[end:].lstrip(b" "))
    if line[begin:end].upper() != keyword or line[colon : colon + 1] != b":":
        raise CommandSyntaxError(f"expected {prefix.decode('ascii')}", offset=begin)
    if begin != start:
        defects = (*defects, Defect("space-before-argument", offset + start, excerpt(line, start)))
    if colon != end:
        defects = (*defects, Defect("space-before-colon", offset + end, excerpt(line, end)))
    return colon + 1, defects


def _match_lenient_path(line: bytes, at: int, defects: Defects, offset: int) -> tuple[Path, int, Defects]:
    """Read a path with spaces in front of it, or without angle brackets."""
    start = len(line) - len(line[at:].lstrip(b" "))
    if start != at:
        defects = (*defects, Defect("space-before-path", offset + at, excerpt(line, at)))
    if line[start : start + 1] == b"<":
        path, end = match_path(line, start)
        return path, end, defects
    word = line[start:].partition(b" ")[0]
    if not word:
        raise AddressError("expected a path", offset=start)
    try:
        path = Path.parse(b"<%b>" % word)
    except AddressError as error:
        raise AddressError("expected a path", offset=start + max(0, error.offset - 1)) from None
    defects = (*defects, Defect("path-without-brackets", offset + start, excerpt(line, start)))
    return path, start + len(word), defects


def _parse_bare(command: Data | Rset | Quit | StartTLS) -> _Parse:
    def parse(line: bytes, arguments: bytes, defects: Defects, offset: int) -> Command:
        if arguments:
            raise CommandSyntaxError("expected no argument", offset=len(line) - len(arguments))
        return replace(command, defects=defects) if defects else command

    return parse


def _parse_text(kind: type[Noop] | type[Help]) -> _Parse:
    def parse(line: bytes, arguments: bytes, defects: Defects, offset: int) -> Command:
        return kind._parsed(defects, argument=_text_of(arguments, len(line) - len(arguments)))

    return parse


def _parse_string(kind: type[Vrfy] | type[Expn]) -> _Parse:
    def parse(line: bytes, arguments: bytes, defects: Defects, offset: int) -> Command:
        if not arguments:
            raise CommandSyntaxError("expected an argument", offset=len(line))
        argument, smtputf8 = _split_smtputf8(_text_of(arguments, len(line) - len(arguments)))
        return kind._parsed(defects, argument=argument, smtputf8=smtputf8)

    return parse


def _parse_auth(line: bytes, arguments: bytes, defects: Defects, offset: int) -> Command:
    words = arguments.split(b" ")
    mechanism = _text_of(words[0], 5).upper()
    if match_mechanism(mechanism) is None or len(words) > 2:
        raise CommandSyntaxError("expected a mechanism and at most one initial response", offset=5)
    response = Secret(_decode_base64(words[1])) if len(words) == 2 else None
    return Auth._parsed(defects, mechanism=mechanism, initial_response=response)


def _parse_unknown(line: bytes, arguments: bytes, defects: Defects, offset: int) -> Command:
    verb = line.partition(b" ")[0]
    if match_verb(verb) is None:
        raise CommandSyntaxError("expected a command", code=500, enhanced_code="5.5.2")
    text = _text_of(arguments, len(verb) + 1)
    return UnknownCommand._parsed(defects, verb=verb.decode("ascii").upper(), arguments=text)


def _text_of(octets: bytes, offset: int) -> str:
    try:
        text = octets.decode()
        require_text(text, "argument")
    except (UnicodeDecodeError, LocalProtocolError):
        raise CommandSyntaxError("expected printable text", offset=offset) from None
    return text.strip(" \t")


def _decode_base64(octets: bytes) -> bytes:
    try:
        if match_base64(octets) is None and octets != b"=":
            raise ValueError
        return _base64.decode(octets)
    except ValueError:
        raise CommandSyntaxError("expected base64", enhanced_code="5.5.2") from None


_PARSERS: Final[dict[str, Callable[[bytes, bytes, Defects, int], Command]]] = {
    "EHLO": _parse_hello(Ehlo),
    "HELO": _parse_hello(Helo),
    "LHLO": _parse_hello(Lhlo),
    "MAIL": _parse_mail,
    "RCPT": _parse_rcpt,
    "DATA": _parse_bare(Data()),
    "RSET": _parse_bare(Rset()),
    "QUIT": _parse_bare(Quit()),
    "STARTTLS": _parse_bare(StartTLS()),
    "NOOP": _parse_text(Noop),
    "HELP": _parse_text(Help),
    "VRFY": _parse_string(Vrfy),
    "EXPN": _parse_string(Expn),
    "AUTH": _parse_auth,
    "BDAT": parse_bdat,
    "BURL": parse_burl,
    "ETRN": parse_etrn,
    "XCLIENT": attribute_parser(XClient),
    "XFORWARD": attribute_parser(XForward),
}
_PARSERS_BY_OCTETS: Final = {name.encode("ascii"): parse for name, parse in _PARSERS.items()}
