"""The message that a server receives: its size by RFC 1870, and what is wrong with it whoever reads it."""

from __future__ import annotations

from typing import Final

from mailproto.errors import Defect
from mailproto.limits import SMTPLimits
from mailproto.smtp.data import DotDecoder, NewlineNormalizer
from mailproto.smtp.reply import Reply

__all__ = ["TOO_BIG", "BinaryBody", "Body", "NormalizedBody"]

TOO_BIG: Final = Reply.of(552, "5.3.4", "message too big")
_BARE_NEWLINE: Final = Reply.of(550, "5.6.0", "bare CR or LF in the message")
_TEXT_LINE_TOO_LONG: Final = Reply.of(500, "5.6.0", "line of the message too long")


class Body:
    """The message that is being received: its size by RFC 1870, and what is wrong with it."""

    __slots__ = ("_limits", "_line", "_longest", "_unmarked", "decoder", "size")

    def __init__(self, limits: SMTPLimits) -> None:
        self._limits = limits
        self._line = 0
        self._longest = 0
        self._unmarked = 0
        self.decoder = DotDecoder()
        self.size = 0

    @property
    def given(self) -> int:
        """Octets that the application was given."""
        return self.size

    def count(self, octets: int) -> None:
        """Count *octets* that did not come over this connection."""
        self.size += octets

    def take(self, data: bytes) -> bytes:
        """Count *data* and return what the application gets of it: nothing beyond `max_message`."""
        room = self._limits.max_message - self.size if self._limits.max_message else len(data)
        self.size += len(data)
        if self._limits.max_text_line is not None:
            self._measure(data)
        return data if len(data) <= room else data[: max(0, room)]

    def take_chunk(self, data: bytes) -> bytes:
        """Count *data*, which stand behind BDAT, and return what the application gets of it: all."""
        self.size += len(data)
        self.decoder.watch(data)
        if self._limits.max_text_line is not None:
            self._measure(data)
        return data

    def end_chunks(self) -> bytes:
        """Note that the last BDAT has come; return what the application gets besides, once."""
        self.decoder.end_watch()
        return b""

    def _measure(self, data: bytes) -> None:
        first, *more = data.split(b"\n")
        self._longest = max(self._longest, self._line + len(first) + bool(more), *(len(x) + 1 for x in more))
        self._line = len(more[-1]) if more else self._line + len(first)

    def is_progress(self, octets: int) -> bool:
        """Return whether with *octets* more there are `min_body_progress` since this was last so."""
        self._unmarked += octets
        if self._unmarked < self._limits.min_body_progress:
            return False
        self._unmarked = 0
        return True

    @property
    def defects(self) -> tuple[Defect, ...]:
        """The bare CR or LF that the policy let pass."""
        at = self.decoder.bare_newline
        return () if at is None else (Defect("bare-newline", at),)

    def refusal(self, rejects_bare: bool) -> Reply | None:
        """Return the reply that the message gets whatever the application thinks of it, or None."""
        if self.size > self._limits.max_message > 0:
            return TOO_BIG
        if self.decoder.bare_newline is not None and rejects_bare:
            return _BARE_NEWLINE
        if self._longest > (self._limits.max_text_line or self._longest):
            return _TEXT_LINE_TOO_LONG
        return None


class NormalizedBody(Body):
    """A message whose bare CR and LF become CRLF. Its size and its lines are judged as they came."""

    __slots__ = ("_given", "_newlines")

    def __init__(self, limits: SMTPLimits) -> None:
        super().__init__(limits)
        self._newlines = NewlineNormalizer()
        self._given = 0

    @property
    def given(self) -> int:
        return self._given

    def count(self, octets: int) -> None:
        Body.count(self, octets)
        self._given += octets

    def take(self, data: bytes) -> bytes:
        return self._give(self._newlines.convert(Body.take(self, data)))

    def take_chunk(self, data: bytes) -> bytes:
        return self._give(self._newlines.convert(Body.take_chunk(self, data)))

    def end_chunks(self) -> bytes:
        last, self._newlines = self._newlines.finish(), NewlineNormalizer()
        return self._give(Body.end_chunks(self) + last)

    def _give(self, data: bytes) -> bytes:
        self._given += len(data)
        return data


class BinaryBody(Body):
    """A message that is BINARYMIME: it has no lines, and each CR and each LF stands for itself."""

    __slots__ = ()

    def take_chunk(self, data: bytes) -> bytes:
        self.size += len(data)
        return data

    def end_chunks(self) -> bytes:
        return b""
