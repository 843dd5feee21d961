"""What a block of code leaves to the garbage collector."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["no_cycles_left"]


@contextmanager
def no_cycles_left() -> Iterator[None]:
    """Fail if at the end there are objects of mailproto that nobody refers to, and only the collector frees.

    What is in a cycle lives, with all that it holds, until the collector looks for it, which takes time.
    """
    was_enabled, flags = gc.isenabled(), gc.get_debug()
    gc.disable()
    # What was there before is not looked at: that takes a second, and is the business of others.
    gc.freeze()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        yield
        gc.collect()
        names = (f"{type(thing).__module__}.{type(thing).__qualname__}" for thing in gc.garbage)
        left = sorted({name for name in names if name.startswith("mailproto.")})
    finally:
        gc.set_debug(flags)
        gc.garbage.clear()
        gc.unfreeze()
        if was_enabled:
            gc.enable()
    if left:
        raise AssertionError(f"only the collector frees {', '.join(left)}")
