"""Tests of coroutine functions, without a plugin."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any


def run_async(function: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Make a test of a coroutine function; no loop outlives it."""

    @wraps(function)
    def test(*args: Any, **kwargs: Any) -> None:
        async def main() -> None:
            await function(*args, **kwargs)

        asyncio.run(main())

    return test
