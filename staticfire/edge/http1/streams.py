"""Bodies in pieces. Asynchronous generators, and nothing else: mypyc, which compiles their callers, cannot do these."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable


async def whole(data: bytes) -> AsyncIterator[bytes]:
    if data:
        yield data


async def pieces(following: Callable[[], Awaitable[bytes]]) -> AsyncIterator[bytes]:
    while piece := await following():
        yield piece


async def closing(stream: AsyncIterator[bytes], close: Callable[[], None]) -> AsyncIterator[bytes]:
    try:
        async for piece in stream:
            yield piece
    finally:
        close()
