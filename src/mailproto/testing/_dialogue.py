"""A dialogue as people write it: lines that begin with `C: ` and `S: `, put together from chunks."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, final

__all__ = ["CLIENT", "SERVER", "Dialogue", "Speaker"]

Speaker: TypeAlias = Literal["C", "S"]
CLIENT: Final = "C"
SERVER: Final = "S"

_SPEAKER_AT_SERVER: Final[dict[str, Speaker]] = {"received": CLIENT, "sent": SERVER}


@final
class Dialogue:
    """What the trace of one connection has told, or those of both its ends."""

    __slots__ = ("_ended", "_open")

    def __init__(self) -> None:
        self._ended: list[str] = []
        self._open: dict[Speaker, bytearray] = {CLIENT: bytearray(), SERVER: bytearray()}

    def hear(self, speaker: Speaker, octets: bytes) -> None:
        """Take octets that *speaker* has said, cut anywhere."""
        line = self._open[speaker]
        first, *others = octets.split(b"\n")
        line += first
        for other in others:
            self._ended.append(_shown(speaker, line))
            line[:] = other

    def trace_server(self, direction: Literal["sent", "received"], octets: bytes) -> None:
        """Be the trace of the server's connection."""
        self.hear(_SPEAKER_AT_SERVER[direction], octets)

    def clear(self) -> None:
        """Forget all lines."""
        self._ended.clear()
        for line in self._open.values():
            line.clear()

    @property
    def lines(self) -> list[str]:
        """All lines, those at the end too that have no end yet."""
        return [*self._ended, *(_shown(speaker, line) for speaker, line in self._open.items() if line)]


def _shown(speaker: Speaker, line: bytearray) -> str:
    text = line.removesuffix(b"\r").decode("utf-8", "backslashreplace")
    return f"{speaker}: {text}"
