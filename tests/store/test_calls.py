"""Tests of mailproto.store._calls."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, cast

import pytest

from mailproto.flow import Call, Flow
from mailproto.store._calls import in_one_call


def run(procedure: Flow[Any]) -> Any:
    """Carry out a flow that yields one call, and return its result."""
    flow = in_one_call(procedure, "owner")
    call = next(flow)
    assert isinstance(call, Call)
    assert call.owner == "owner"
    result = call.function(*call.args)
    if hasattr(result, "__await__"):
        result = finish(result)
    with pytest.raises(StopIteration) as stopped:
        flow.send(result)
    return stopped.value.value


def finish(coroutine: Any) -> Any:
    """Run a coroutine that does not wait."""
    with pytest.raises(StopIteration) as stopped:
        coroutine.send(None)
    return stopped.value.value


async def later(value: Any) -> Any:
    """Return or raise *value*, later."""
    if isinstance(value, Exception):
        raise value
    return value


def double(value: int) -> int:
    return value * 2


def fail() -> None:
    raise KeyError("x")


def test_plain_calls() -> None:
    def procedure() -> Flow[int]:
        first: int = yield Call(double, (3,))
        second: int = yield Call(double, (first,))
        return second

    assert run(procedure()) == 12


def test_a_procedure_without_calls() -> None:
    def procedure() -> Flow[str]:
        yield from ()
        return "done"

    assert run(procedure()) == "done"


def test_plain_and_awaitable_calls() -> None:
    def procedure() -> Flow[list[Any]]:
        results: list[Any] = []
        for value in range(4):
            results.append((yield Call(later if value % 2 else double, (value,))))
        return results

    assert run(procedure()) == [0, 1, 4, 3]


def test_errors_go_through_the_procedure() -> None:
    def procedure() -> Flow[list[str]]:
        caught: list[str] = []
        for call in (Call(fail), Call(later, (ValueError("y"),)), Call(fail)):
            try:
                yield call
            except (KeyError, ValueError) as error:
                caught.append(type(error).__name__)
        return caught

    assert run(procedure()) == ["KeyError", "ValueError", "KeyError"]


@pytest.mark.parametrize("call", [Call(fail), Call(later, (KeyError("x"),))], ids=["plain", "awaitable"])
def test_errors_come_out(call: Call) -> None:
    cleaned: list[str] = []

    def procedure() -> Flow[None]:
        try:
            yield call
        finally:
            yield Call(cleaned.append, ("done",))

    flow = in_one_call(procedure(), None)
    made = next(flow)
    assert isinstance(made, Call)
    with pytest.raises(KeyError):
        cast("Coroutine[Any, Any, None]", made.function(*made.args)).send(None)
    assert cleaned == ["done"]
