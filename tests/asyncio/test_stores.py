from __future__ import annotations

import asyncio
import gc
import threading
from typing import Any

import pytest

from mailproto.asyncio._stores import _TURNS, _WORKERS, call_in_turn
from support_asyncio import run_async


class Store:
    """Notes when calls begin and end."""

    blocking = False
    concurrent = False

    def __init__(self, **attributes: bool) -> None:
        vars(self).update(attributes)
        self.events: list[str] = []

    def plain(self, name: str) -> str:
        self.events.append(name)
        if name == "bad":
            raise KeyError(name)
        return name

    async def late(self, name: str) -> str:
        self.events.append(f"{name} began")
        await asyncio.sleep(0.01)
        self.events.append(f"{name} ended")
        return self.plain(name) if name == "bad" else name


class SlottedStore:
    __slots__ = ()
    blocking = True


async def result_of(value: object) -> Any:
    return await value if hasattr(value, "__await__") else value


@run_async
async def test_a_plain_call_is_made_at_once() -> None:
    store = Store()
    assert call_in_turn(store, store.plain, ("a",)) == "a"
    with pytest.raises(KeyError):
        call_in_turn(store, store.plain, ("bad",))


@run_async
async def test_calls_wait_for_one_that_is_awaited() -> None:
    store = Store()
    calls = [
        call_in_turn(store, store.late, ("a",)),
        call_in_turn(store, store.plain, ("b",)),
        call_in_turn(store, store.plain, ("bad",)),
        call_in_turn(store, store.late, ("bad",)),
        call_in_turn(store, store.late, ("c",)),
    ]
    results = await asyncio.gather(*map(result_of, calls), return_exceptions=True)
    assert [str(result) for result in results] == ["a", "b", "'bad'", "'bad'", "c"]
    assert store.events == [
        "a began",
        "a ended",
        "b",
        "bad",
        "bad began",
        "bad ended",
        "bad",
        "c began",
        "c ended",
    ]
    assert _TURNS == {}


@run_async
async def test_what_was_asked_for_is_done_though_the_asker_is_cancelled() -> None:
    store = Store()
    first, second = (
        asyncio.ensure_future(result_of(call_in_turn(store, store.late, (name,)))) for name in "ab"
    )
    await asyncio.sleep(0)
    first.cancel()
    second.cancel()
    last = call_in_turn(store, store.plain, ("c",))
    assert await result_of(last) == "c"
    assert store.events == ["a began", "a ended", "b began", "b ended", "c"]


@run_async
async def test_a_call_that_is_cancelled_inside() -> None:
    async def cancelled() -> None:
        await asyncio.sleep(0)
        raise asyncio.CancelledError

    store = Store()
    first = call_in_turn(store, store.late, ("a",))
    second = call_in_turn(store, cancelled, ())
    results = await asyncio.gather(result_of(first), result_of(second), return_exceptions=True)
    assert results[0] == "a"
    assert isinstance(results[1], asyncio.CancelledError)


@run_async
async def test_a_concurrent_store_is_called_at_once() -> None:
    store = Store(concurrent=True)
    calls = [call_in_turn(store, store.late, (name,)) for name in "ab"]
    await asyncio.gather(*map(result_of, calls))
    assert store.events == ["a began", "b began", "a ended", "b ended"]


@run_async
async def test_a_blocking_store_has_one_thread() -> None:
    store = Store(blocking=True)
    threads = {await result_of(call_in_turn(store, threading.get_ident, ())) for _ in range(3)}
    assert len(threads) == 1
    assert threading.get_ident() not in threads
    identity = id(store)
    assert identity in _WORKERS
    del store
    gc.collect()
    assert identity not in _WORKERS


@run_async
async def test_a_blocking_store_that_is_concurrent() -> None:
    store = Store(blocking=True, concurrent=True)
    barrier = threading.Barrier(2)
    await asyncio.gather(*(result_of(call_in_turn(store, barrier.wait, (5,))) for _ in "ab"))


@run_async
async def test_a_blocking_store_without_weak_references() -> None:
    store = SlottedStore()
    assert await result_of(call_in_turn(store, len, ("abc",))) == 3
