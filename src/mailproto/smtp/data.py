"""The octets behind DATA: dot-stuffing and its reverse (RFC 5321 section 4.5.2), and bare CR and LF.

Only CRLF.CRLF ends a message, whatever becomes of a bare CR or LF. All is done in bulk: a chunk without a
line that begins with a dot passes through as the object that it is.
"""

from __future__ import annotations

import contextlib
from typing import Final, Literal, TypeAlias, final, get_args

from mailproto.errors import LocalProtocolError
from mailproto.smtp._grammar import find_bare_newline, is_bare_newline_in

__all__ = [
    "ChunkEncoder",
    "Decoded",
    "DotDecoder",
    "DotEncoder",
    "NewlineNormalizer",
    "NewlinePolicy",
    "require_newline_policy",
]

NewlinePolicy: TypeAlias = Literal["reject", "normalize", "pass"]
"""What a server does with a bare CR or LF in a message.

Refuse the message, give it out with a CRLF in place of each, or give it out as it is.
"""

_DOT_LINE: Final = b"\r\n."
_END: Final = b"\r\n.\r\n"
_EDGES: Final = (b"\r\n.\r", b"\r\n.", b"\r\n", b"\r")
"""What the end of a chunk can have begun, the longest first."""
_RELEASED: Final = {b"\r\n.\r": 2, b"\r\n.": 2, b"\r\n": 2, b"\r": 1, b"": 0}
"""How many octets of an edge were given out already: a dot is held back until it is known what it is."""
_MAX_EDGE_STEP: Final = 4_096
"""Octets that are copied at most where a dot stands at the edge of a chunk."""


_NEWLINE_POLICIES: Final = frozenset(get_args(NewlinePolicy))


def require_newline_policy(policy: str) -> None:
    """Raise LocalProtocolError if *policy* is no `NewlinePolicy`."""
    if policy not in _NEWLINE_POLICIES:
        raise LocalProtocolError(f"newlines: expected reject, normalize or pass, got {policy[:40]!r}")


@final
class ChunkEncoder:
    """Looks at what is sent behind BDAT, of a message that is not BINARYMIME: nothing is changed.

    "Text messages sent with the BDAT command MUST be sent in the canonical MIME format with lines delimited
    with a <CR><LF>" (RFC 3030 section 2).
    """

    __slots__ = ("_after_cr",)

    def __init__(self) -> None:
        self._after_cr = False

    def check(self, chunk: bytes, is_end: bool) -> None:
        """Raise LocalProtocolError for a bare CR or LF; then nothing has changed.

        A CR at the end is judged by the next chunk, unless *is_end* says that the message ends there.
        """
        after_cr = chunk.endswith(b"\r") if chunk else self._after_cr
        if is_bare_newline_in(chunk, self._after_cr) or (is_end and after_cr):
            raise LocalProtocolError("expected CRLF at the end of each line, got a bare CR or LF")
        self._after_cr = after_cr


@final
class DotEncoder:
    """Turns a message, given in chunks cut anywhere, into what is sent behind DATA."""

    __slots__ = ("_ahead", "_tail")

    def __init__(self) -> None:
        self._tail = b"\r\n"
        self._ahead: tuple[bytes, list[bytes]] | None = None

    def look_ahead(self, chunk: bytes) -> None:
        """Encode *chunk*, with which the message begins, before its turn.

        `encode` gives the result, if the same object is what comes; it raises what is to be raised, too.
        """
        with contextlib.suppress(LocalProtocolError):
            self._ahead = chunk, DotEncoder().encode(chunk)

    def encode(self, chunk: bytes) -> list[bytes]:
        """Return what to send for *chunk*: the chunk itself, uncopied, if nothing needs a dot.

        Raises LocalProtocolError for a bare CR or LF; then nothing has changed. A CR at the end is judged
        by the next chunk, or by `finish`.
        """
        if not chunk:
            return []
        tail = self._tail
        if self._ahead is not None:
            ahead, pieces = self._ahead
            self._ahead = None
            if ahead is chunk:
                self._tail = (tail + chunk[-2:])[-2:]
                return pieces
        if is_bare_newline_in(chunk, after_cr=tail[-1:] == b"\r"):
            raise LocalProtocolError("expected CRLF at the end of each line, got a bare CR or LF")
        self._tail = (tail + chunk[-2:])[-2:]
        pieces = []
        if tail == b"\r\n" and chunk[:1] == b".":
            pieces.append(b".")
        elif tail[-1:] == b"\r" and chunk[:2] == b"\n.":
            pieces.append(b"\n.")
            chunk = chunk[1:]
        has_dot_line = b"." in chunk and chunk.rfind(_DOT_LINE) >= 0
        pieces.append(chunk.replace(b"\r\n.", b"\r\n..") if has_dot_line else chunk)
        return pieces

    def finish(self) -> bytes:
        """Return the end of the message, with the CRLF that it may lack. Raises LocalProtocolError."""
        if self._tail[-1:] == b"\r":
            raise LocalProtocolError("expected CRLF at the end of each line, got a bare CR")
        return b".\r\n" if self._tail == b"\r\n" else _END


Decoded: TypeAlias = tuple[bytes, int, bool]
"""What `DotDecoder.decode` found: octets of the message, where it stopped reading, whether it ended."""


@final
class DotDecoder:
    """Turns what came behind DATA, in chunks cut anywhere, into the message; notes bare CR and LF."""

    __slots__ = ("_after_cr", "_edge", "_size", "bare_newline")

    def __init__(self) -> None:
        self._edge = b"\r\n"
        self._after_cr = False
        self._size = 0
        self.bare_newline: int | None = None
        """Where in the message the first CR without LF, or LF without CR, is; None: there is none so far."""

    def decode(self, octets: bytes, start: int = 0) -> Decoded:
        """Read *octets* from *start* on, up to the end of the message or of the octets, or to less.

        Where it stops at the end of *octets* and *start* is 0, the data are *octets* itself if nothing was
        taken out.
        """
        edge = self._edge
        if edge and (edge + octets[start : start + 2]).startswith(_DOT_LINE):
            data, stop, is_end = self._decode_edge(edge, octets[start : start + _MAX_EDGE_STEP])
            stop += start
        else:
            data, stop, is_end = _unstuff(octets, start)
        self._edge = b"" if is_end else _edge_of((edge + octets[max(start, stop - 4) : stop])[-4:])
        self._check(data)
        return data, stop, is_end

    def watch(self, octets: bytes) -> None:
        """Look for a bare CR or LF in *octets* behind a BDAT, which are the message as they stand."""
        self._check(octets)

    def end_watch(self) -> None:
        """Note that the message ends, perhaps with a bare CR."""
        if self._after_cr and self.bare_newline is None:
            self.bare_newline = self._size - 1

    def _decode_edge(self, edge: bytes, octets: bytes) -> Decoded:
        """Read on where a line may begin with a dot, of which some is in the edge."""
        data, stop, is_end = _unstuff(edge + octets, 0)
        return data[_RELEASED[edge] :], stop - len(edge), is_end

    def _check(self, data: bytes) -> None:
        if not data or self.bare_newline is not None:
            return
        if is_bare_newline_in(data, self._after_cr):
            self.bare_newline = self._size + self._find_bare_newline(data)
        self._size += len(data)
        self._after_cr = data[-1:] == b"\r"

    def _find_bare_newline(self, data: bytes) -> int:
        if self._after_cr and data[0] != 10:
            return -1
        return find_bare_newline(data, int(self._after_cr), len(data))


@final
class NewlineNormalizer:
    """Makes each bare CR and each bare LF a CRLF, in a message that comes in chunks cut anywhere."""

    __slots__ = ("_after_cr",)

    def __init__(self) -> None:
        self._after_cr = False

    def convert(self, chunk: bytes) -> bytes:
        """Return what *chunk* becomes: the object itself, unless it has a bare CR or LF.

        A CR at its end is given out; the next chunk, or `finish`, brings the LF.
        """
        if not chunk:
            return chunk
        after_cr, self._after_cr = self._after_cr, chunk.endswith(b"\r")
        return _normalized(chunk, after_cr) if is_bare_newline_in(chunk, after_cr) else chunk

    def finish(self) -> bytes:
        """Return the LF that a CR at the very end needs."""
        return b"\n" if self._after_cr else b""


def _normalized(chunk: bytes, after_cr: bool) -> bytes:
    rest = chunk.removeprefix(b"\n") if after_cr else chunk
    lines = rest.removesuffix(b"\r")
    whole = lines.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
    return b"%b%b%b" % (b"\n" if after_cr else b"", whole, rest[len(lines) :])


def _edge_of(octets: bytes) -> bytes:
    if octets[-1:] not in (b"\r", b"\n", b"."):
        return b""
    return next((edge for edge in _EDGES if octets.endswith(edge)), b"")


def _unstuff(octets: bytes, start: int) -> Decoded:
    first = _find_dot_line(octets, start)
    if first < 0:
        whole = octets if start == 0 else octets[start:]
        return whole, len(octets), False
    end = octets.find(_END, first)
    if end >= 0:
        return _without_dots(octets, start, first, end + 2), end + 5, True
    held = next((edge for edge in _EDGES[:2] if octets.endswith(edge, start)), b"")
    stop = len(octets) - (len(held) - 2 if held else 0)
    return _without_dots(octets, start, first, stop), len(octets), False


def _find_dot_line(octets: bytes, start: int) -> int:
    """Return where the first line that begins with a dot has the line end before it, or -1.

    Without a dot there is none, and that is found out at the speed of memory. Else CPython searches backwards
    at four times the speed of forwards, and most chunks have no such line, or only the one at the end.
    """
    dot = octets.find(b".", start)
    if dot < 0:
        return -1
    start = max(start, dot - 2)
    last = octets.rfind(_DOT_LINE, start)
    if last < 0 or last == dot - 2 or octets.rfind(_DOT_LINE, start, last + 2) < 0:
        return last
    return octets.find(_DOT_LINE, start, last)


def _without_dots(octets: bytes, start: int, first: int, stop: int) -> bytes:
    data = octets[start:stop]
    return data if first + 2 >= stop else data.replace(_DOT_LINE, b"\r\n")
