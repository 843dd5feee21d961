"""Many calls into a store as one `Call`: each costs a driver a lock, a change of thread, or a task.

A procedure is a flow that yields nothing but `Call`. `in_one_call` hands the whole of it to the driver as one
function, which goes on as a coroutine from the first awaitable that a store returns. Since no other call into
that store comes between, a procedure over a store that is not async is also atomic.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar, cast

from mailproto.flow import Call, Flow, Instruction

__all__ = ["in_one_call"]

ResultT = TypeVar("ResultT")


def in_one_call(procedure: Flow[ResultT], owner: object) -> Flow[ResultT]:
    """Carry out *procedure* as one call into the store *owner* and return its result."""
    return cast(ResultT, (yield Call(_run, (procedure,), owner)))


def _run(procedure: Flow[object]) -> object:
    is_done, result = _advance(procedure, partial(next, procedure))
    return result if is_done else _run_on(procedure, cast(Awaitable[object], result))


async def _run_on(procedure: Flow[object], awaitable: Awaitable[object]) -> object:
    is_done = False
    result: object = awaitable
    while not is_done:
        is_done, result = _advance(procedure, await _outcome(procedure, cast(Awaitable[object], result)))
    return result


async def _outcome(procedure: Flow[object], awaitable: Awaitable[object]) -> Callable[[], Instruction]:
    try:
        return partial(procedure.send, await awaitable)
    except BaseException as error:
        return partial(procedure.throw, error)


def _advance(procedure: Flow[object], resume: Callable[[], Instruction]) -> tuple[bool, object]:
    """Go on to the end, (True, result), or to the next awaitable, (False, awaitable)."""
    while True:
        try:
            instruction = resume()
        except StopIteration as stop:
            return True, stop.value
        try:
            result = cast(Call, instruction).function(*cast(Call, instruction).args)
        except BaseException as error:
            resume = partial(procedure.throw, error)
            continue
        if hasattr(result, "__await__"):
            return False, result
        resume = partial(procedure.send, result)
