"""What tests that run peers have in common."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["run_of"]


@contextmanager
def run_of(name: str) -> Iterator[None]:
    """Let go of sockets that the peer *name* leaves open in the block; mailproto must not leave any.

    Else a later test is blamed for them, whichever it is when garbage is collected.
    """
    yield
    if name == "mailproto":
        gc.collect()
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
