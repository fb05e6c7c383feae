"""Bodies in pieces."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable


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


async def ended(stream: AsyncIterator[bytes], sending: Awaitable[None]) -> None:
    """Wait for the sending; a generator that it does not read to its end is closed."""
    try:
        await sending
    finally:
        if isinstance(stream, AsyncGenerator):
            await stream.aclose()
