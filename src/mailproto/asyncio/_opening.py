"""One object that can be awaited or entered: what `connect`, `selected`, `idle` and the others return."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from types import TracebackType
from typing import Any, Generic, Protocol, TypeVar, cast, final

__all__ = ["Opening"]


class _Closable(Protocol):
    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> object: ...


OpenedT = TypeVar("OpenedT")


@final
class Opening(Generic[OpenedT]):
    """Something that is opened by `await`, and opened and closed again by `async with`.

    Nothing happens before; each of the two can be used once. What is opened is closed by *close_it*, without
    that by its own `__aexit__`.
    """

    __slots__ = ("_close", "_open", "_opened")

    def __init__(
        self,
        open_it: Callable[[], Awaitable[OpenedT]],
        close_it: Callable[[OpenedT], Awaitable[None]] | None = None,
    ) -> None:
        self._open = open_it
        self._close = close_it
        self._opened: OpenedT | None = None

    def __await__(self) -> Generator[Any, Any, OpenedT]:
        return self._open().__await__()

    async def __aenter__(self) -> OpenedT:
        self._opened = await self._open()
        return self._opened

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        opened, self._opened = self._opened, None
        if opened is None:
            return
        if self._close is not None:
            await self._close(opened)
        else:
            await cast(_Closable, opened).__aexit__(kind, error, traceback)
