"""What tests that run peers have in common."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["leaving_sockets_open"]


@contextmanager
def leaving_sockets_open() -> Iterator[None]:
    """Let go of sockets that a peer leaves open in the block, so that no later test is blamed for them."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
