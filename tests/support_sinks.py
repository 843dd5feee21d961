"""A sink for the tests of servers, which notes what becomes of it."""

from __future__ import annotations

from typing import Any

__all__ = ["Sink"]


class Sink:
    """Keeps the octets; `finish` answers, or raises, what it was made with."""

    def __init__(self, answer: Any = None) -> None:
        self.answer = answer
        self.octets = b""
        self.ends: list[str] = []

    def write(self, chunk: bytes, /) -> None:
        self.octets += chunk

    def finish(self) -> Any:
        self.ends.append("finish")
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def abort(self) -> None:
        self.ends.append("abort")
