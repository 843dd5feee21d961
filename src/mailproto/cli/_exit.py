"""Exit codes, and the failure that carries one."""

from __future__ import annotations

import enum

__all__ = ["Exit", "Failure"]


class Exit(enum.IntEnum):
    """What a script can tell from the exit code."""

    DONE = 0
    REFUSED = 1
    USAGE = 2
    NO_CONNECTION = 3
    NOT_INSTALLED = 4
    INTERRUPTED = 130


class Failure(Exception):
    """A subcommand cannot go on: one sentence, and the exit code."""

    def __init__(self, message: str, code: Exit = Exit.USAGE) -> None:
        super().__init__(message)
        self.code = code
