"""Replies (RFC 5321 section 4.2) with their enhanced status codes (RFC 2034), read and written.

A reply without text and one with an empty text are the same value: `lines` is empty. The enhanced code
stands on every line of the wire form and is taken off the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from mailproto.errors import Defect, LimitExceeded, LocalProtocolError, RemoteProtocolError, excerpt
from mailproto.limits import SMTPLimits
from mailproto.sasl import _base64
from mailproto.smtp._grammar import decode_text, match_reply_line, require_text
from mailproto.smtp.commands import Rcpt, Request
from mailproto.smtp.status_codes import STATUS_CODES, SUBJECTS

__all__ = [
    "DOMAIN_ACCEPTS_NO_MAIL",
    "EnhancedCode",
    "HOST_ACCEPTS_NO_MAIL",
    "Reply",
    "ReplyReader",
    "SENDER_ACCEPTS_NO_MAIL",
]

# status-code = class "." subject "." detail                                    (RFC 2034 section 4)
# class = "2" / "4" / "5" ;  subject = 1*3DIGIT ;  detail = 1*3DIGIT
_ENHANCED: Final = re.compile(r"([245])\.([0-9]{1,3})\.([0-9]{1,3})(?: |$)", re.ASCII)

_MAX_USUAL: Final = 80
"""Octets of a line up to which a reply of one line is remembered."""

_new: Final = object.__new__
_set: Final = object.__setattr__


@dataclass(frozen=True, slots=True)
class EnhancedCode:
    """An enhanced status code (RFC 3463): `klass` 2, 4 or 5; `subject` and `detail` from 0 to 999."""

    klass: int
    subject: int
    detail: int

    def __post_init__(self) -> None:
        if self.klass not in (2, 4, 5) or not 0 <= self.subject <= 999 or not 0 <= self.detail <= 999:
            raise LocalProtocolError(f"expected an enhanced status code, got {self}")

    @classmethod
    def parse(cls, text: str) -> EnhancedCode:
        """Read a whole `5.1.1`. Raises LocalProtocolError."""
        found = _ENHANCED.fullmatch(text)
        if found is None or text.endswith(" "):
            raise LocalProtocolError(f"expected an enhanced status code, got {text[:40]!r}")
        return cls(int(found[1]), int(found[2]), int(found[3]))

    @property
    def name(self) -> str | None:
        """The registered name of the subject and detail in words; None if there is none."""
        registered = STATUS_CODES.get((self.subject, self.detail))
        return None if registered is None else registered.name

    @property
    def description(self) -> str:
        """The name; of a code without one what its subject is about, which is all that is known of it."""
        return self.name or SUBJECTS.get(self.subject, SUBJECTS[0])

    def __str__(self) -> str:
        return f"{self.klass}.{self.subject}.{self.detail}"


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of a server: `code` from 200 to 599, `lines` of text, an enhanced status code.

    Text is UTF-8, read as Latin-1 if it is not. `command` says what it answers (None: the greeting, or
    nothing that was asked); it and `defects` count in no comparison. An enhanced code that stands in front
    of the text is taken off it. Raises LocalProtocolError for controls in the text, CR and LF included, and
    for an enhanced code of another class than the code.
    """

    code: int
    lines: tuple[str, ...] = ()
    enhanced_code: EnhancedCode | None = None
    command: Request | None = field(default=None, compare=False, repr=False, kw_only=True)
    defects: tuple[Defect, ...] = field(default=(), compare=False, repr=False, kw_only=True)
    # A server says the same few replies again and again.
    _octets: bytes | None = field(default=None, init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        if not 200 <= self.code <= 599:
            raise LocalProtocolError(f"expected a reply code from 200 to 599, got {self.code}")
        for line in self.lines:
            require_text(line, "reply text")
        if self.enhanced_code is None:
            enhanced_code, lines, _ = _split_enhanced(self.code, self.lines)
            _set(self, "enhanced_code", enhanced_code)
            _set(self, "lines", lines)
        elif self.enhanced_code.klass != self.code // 100:
            raise LocalProtocolError(f"{self.enhanced_code}: expected the class of the code {self.code}")
        if self.lines == ("",):
            _set(self, "lines", ())

    @classmethod
    def _parsed(
        cls,
        code: int,
        lines: tuple[str, ...],
        enhanced_code: EnhancedCode | None,
        command: Request | None,
        defects: tuple[Defect, ...],
    ) -> Reply:
        """Build one of what a parser has accepted, without validating it again."""
        reply = _new(cls)
        _set_code(reply, code)
        _set_lines(reply, lines)
        _set_enhanced_code(reply, enhanced_code)
        _set_command(reply, command)
        _set_defects(reply, defects)
        _set_octets(reply, None)
        return reply

    @classmethod
    def of(cls, code: int, enhanced_code: str | None = None, *lines: str) -> Reply:
        """Build a reply with the enhanced code as text: `Reply.of(550, "5.1.1", "no such user")`."""
        return cls(code, lines, None if enhanced_code is None else EnhancedCode.parse(enhanced_code))

    @classmethod
    def of_challenge(cls, data: bytes) -> Reply:
        """Build the 334 that carries the SASL challenge *data*, which is octets (RFC 4954 section 4)."""
        return cls(334, (_base64.encode(data).decode("ascii"),))

    @property
    def challenge(self) -> bytes | None:
        """The SASL challenge of a 334, as octets; None if it is none or no base64."""
        if self.code != 334 or len(self.lines) > 1:
            return None
        try:
            return _base64.decode("".join(self.lines).encode())
        except ValueError:
            return None

    @property
    def text(self) -> str:
        """All the text, its lines joined by a line feed."""
        return "\n".join(self.lines)

    @property
    def is_positive(self) -> bool:
        """True for 2yz: done."""
        return self.code < 300

    @property
    def is_intermediate(self) -> bool:
        """True for 3yz: more is awaited from the client."""
        return 300 <= self.code < 400

    @property
    def is_transient(self) -> bool:
        """True for 4yz, and for 552 in answer to RCPT: it may succeed later.

        RFC 821 had 552 for too many recipients; a client takes it as 452 (RFC 5321 section 4.5.3.1.10).
        """
        return 400 <= self.code < 500 or (self.code == 552 and isinstance(self.command, Rcpt))

    @property
    def is_permanent(self) -> bool:
        """True for 5yz, but for what `is_transient` takes of it: it will not succeed."""
        return self.code >= 500 and not self.is_transient

    @property
    def is_negative(self) -> bool:
        """True for 4yz and 5yz."""
        return self.code >= 400

    def answering(self, command: Request | None) -> Reply:
        """Return the same reply as the answer to *command*."""
        reply = _new(Reply)
        _set_code(reply, self.code)
        _set_lines(reply, self.lines)
        _set_enhanced_code(reply, self.enhanced_code)
        _set_command(reply, command)
        _set_defects(reply, self.defects)
        _set_octets(reply, self._octets)
        return reply

    def serialize(self) -> bytes:
        """Return all lines with their CRLF; a space stands behind the code even if there is no text."""
        if self._octets is None:
            _set(self, "_octets", self._serialize())
        return self._octets or b""

    def _serialize(self) -> bytes:
        enhanced = f"{self.enhanced_code} " if self.enhanced_code is not None else ""
        *first, last = self.lines or ("",)
        more = "".join(f"{self.code}-{enhanced}{line}\r\n" for line in first)
        return f"{more}{self.code} {enhanced}{last}\r\n".encode()


# A slot's own setter takes a third of the time of object.__setattr__, and replies are read all the time.
_set_code: Final = Reply.__dict__["code"].__set__
_set_lines: Final = Reply.__dict__["lines"].__set__
_set_enhanced_code: Final = Reply.__dict__["enhanced_code"].__set__
_set_command: Final = Reply.__dict__["command"].__set__
_set_defects: Final = Reply.__dict__["defects"].__set__
_set_octets: Final = Reply.__dict__["_octets"].__set__

HOST_ACCEPTS_NO_MAIL: Final = Reply.of(521, "5.3.2", "host does not accept mail")
"""The greeting of a host that never accepts mail, whoever asks (RFC 7504 section 3); else 554 is the code.

A client may still say QUIT. To every other command a server answers the same again.
"""

DOMAIN_ACCEPTS_NO_MAIL: Final = Reply.of(556, "5.1.10", "domain does not accept mail")
"""The answer of a relay to RCPT, where the domain of the recipient has a null MX (RFC 7504, 7505)."""

SENDER_ACCEPTS_NO_MAIL: Final = Reply.of(550, "5.7.27", "domain of the sender does not accept mail")
"""The answer to MAIL whose domain has a null MX, so that no notification could be sent (RFC 7505 4.1)."""


class ReplyReader:
    """Puts the lines of replies together, one at a time, within `max_reply_line` and `max_reply_lines`."""

    __slots__ = ("_codes", "_defects", "_limits", "_lines", "_offset", "_size")

    def __init__(self, limits: SMTPLimits, offset: int = 0) -> None:
        """Count offsets of the first reply from *offset*, those of later ones from 0."""
        self._limits = limits
        self._begin(offset)

    def _begin(self, offset: int) -> None:
        self._lines: list[str] = []
        self._codes: set[bytes] = set()
        self._defects: list[Defect] = []
        self._offset = offset
        self._size = 0

    @property
    def is_inside(self) -> bool:
        """True if a reply has begun and not ended."""
        return bool(self._codes)

    def read_line(self, line: bytes, command: Request | None = None) -> Reply | None:
        """Read *line*, which ends in LF; return the reply that it completes, as the answer to *command*.

        Raises RemoteProtocolError for what is no
        line of a reply, LimitExceeded for too many.
        """
        if not self._codes and len(line) <= _MAX_USUAL and (usual := _usual_reply(line)) is not None:
            return usual.answering(command)
        start = self._offset + self._size
        self._size += len(line)
        content = line[:-2] if line.endswith(b"\r\n") else self._without_bare_lf(line, start)
        found = match_reply_line(content)
        if found is None:
            raise RemoteProtocolError(f"expected a line of a reply, got {excerpt(content)!r}", offset=start)
        code, separator, octets = found.groups()
        self._note_code(code, start, content)
        if len(self._lines) >= self._limits.max_reply_lines:
            maximum = self._limits.max_reply_lines
            raise LimitExceeded("max_reply_lines", maximum + 1, maximum, offset=start)
        self._lines.append(self._text_of(octets, start + 4) if octets else "")
        return None if separator == b"-" else self._complete(int(code), command)

    def _without_bare_lf(self, line: bytes, start: int) -> bytes:
        self._defects.append(Defect("bare-lf", start + len(line) - 1, b"\n"))
        return line[:-1]

    def _note_code(self, code: bytes, start: int, content: bytes) -> None:
        if code[1] > 0x35:
            self._defects.append(Defect("reply-code", start, excerpt(content)))
        if self._codes and code not in self._codes:
            self._defects.append(Defect("reply-codes-differ", start, excerpt(content)))
        self._codes.add(code)

    def _text_of(self, octets: bytes, start: int) -> str:
        text, rules = decode_text(octets)
        self._defects.extend(Defect(rule, start, excerpt(octets)) for rule in rules)
        return text

    def _complete(self, code: int, command: Request | None) -> Reply:
        lines = tuple(self._lines)
        enhanced_code, lines, is_on_all = _split_enhanced(code, lines)
        if not is_on_all:
            self._defects.append(Defect("enhanced-codes-differ", self._offset, b""))
        reply = Reply._parsed(
            code, () if lines == ("",) else lines, enhanced_code, command, tuple(self._defects)
        )
        self._begin(0)
        return reply


@lru_cache(maxsize=256)
def _usual_reply(line: bytes) -> Reply | None:
    """Return the reply that *line* alone is; None if there is more of it, or anything odd about it.

    A server says the same few lines again and again.
    """
    found = match_reply_line(line[:-2]) if line.endswith(b"\r\n") else None
    if found is None or found[2] == b"-" or line[1] > 0x35:
        return None
    text, rules = decode_text(found[3] or b"")
    code = int(found[1])
    enhanced_code, lines, _ = _split_enhanced(code, (text,))
    return None if rules else Reply._parsed(code, () if lines == ("",) else lines, enhanced_code, None, ())


def _split_enhanced(code: int, lines: tuple[str, ...]) -> tuple[EnhancedCode | None, tuple[str, ...], bool]:
    """Take the enhanced code of the first line off each line that has it; say whether all had it.

    The class must be the first digit of the code, which also keeps it away from 3yz.
    """
    found = _ENHANCED.match(lines[0]) if lines else None
    if found is None or ord(found[1]) - 48 != code // 100:
        return None, lines, True
    prefix = found[0].rstrip(" ")
    stripped = tuple(_without_prefix(line, prefix) for line in lines)
    enhanced_code = EnhancedCode(int(found[1]), int(found[2]), int(found[3]))
    return enhanced_code, tuple(new for new, _ in stripped), all(had for _, had in stripped)


def _without_prefix(line: str, prefix: str) -> tuple[str, bool]:
    if line.startswith(prefix + " "):
        return line[len(prefix) + 1 :], True
    return ("", True) if line == prefix else (line, False)
