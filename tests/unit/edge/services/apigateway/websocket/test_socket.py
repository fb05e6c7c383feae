"""One WebSocket over the edge's own HTTP server: limits, slow readers, hostile bytes."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.utils import accept_key

from staticfire.edge.http1.messages import Request, Response
from staticfire.edge.http1.server import Server
from staticfire.edge.services.apigateway.websocket.socket import BufferFull, SocketLimits, WebSocket
from tests.unit.edge.kit import Wire, eventually, serving, wire

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
HANDSHAKE = (
    f"GET / HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
    f"sec-websocket-version: 13\r\nsec-websocket-key: {KEY}\r\n\r\n"
).encode()


class Echoing:
    """Sends back what it is sent; notes how it ended. While `holds`, it takes one message and no more."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.socket = WebSocket(self, house.limits)
        self.messages: list[str] = []

    def opened(self) -> None:
        self.house.present.append(self)

    def received(self, text: str) -> bool:
        self.messages.append(text)
        if not self.house.holds:
            self.socket.send(text.encode())
        return not self.house.holds

    def ended(self, code: int, reason: str) -> None:
        self.house.present.remove(self)
        self.house.ends.append((code, reason))


class House:
    """A server whose every request becomes an echoing WebSocket."""

    def __init__(self, limits: SocketLimits) -> None:
        self.limits = limits
        self.holds = False
        self.present: list[Echoing] = []
        self.ends: list[tuple[int, str]] = []
        self.refused = 0
        self.server: Server

    async def handle(self, request: Request) -> Response:
        if request.path == "/slow":
            await asyncio.sleep(0.05)
        if request.path == "/bad":
            return Response(101, [("Sec-WebSocket-Protocol", "a\r\nb: c")], takeover=self.taken_over)
        accepted = ("Sec-WebSocket-Accept", accept_key(request.headers.get("sec-websocket-key")))

        def takeover(transport: asyncio.Transport | None) -> asyncio.Protocol | None:
            return None if transport is None else Echoing(self).socket

        return Response(101, [accepted], takeover=takeover)

    def taken_over(self, transport: asyncio.Transport | None) -> asyncio.Protocol | None:
        self.refused += transport is None
        return None

    @asynccontextmanager
    async def joined(self) -> AsyncIterator[ClientConnection]:
        url = f"ws://127.0.0.1:{self.server.port}/"
        async with connect(url, compression=None, max_size=None, close_timeout=0.2) as client:
            yield client


@asynccontextmanager
async def house(**limits: float) -> AsyncIterator[House]:
    opened = House(SocketLimits(**limits))  # type: ignore[arg-type]
    async with serving(opened.handle) as server:
        opened.server = server
        yield opened
        for one in tuple(opened.present):
            one.socket.abort()


async def end_of(client: ClientConnection) -> int:
    with pytest.raises(ConnectionClosed) as closed:
        await _read_on(client)
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code


async def _talk_on(client: ClientConnection) -> None:
    while True:
        await client.send("busy")
        await client.recv()


async def _send_on(socket: WebSocket) -> None:
    for _ in range(10_000):
        socket.send(b"x" * 30_000)
        await asyncio.sleep(0)


async def _read_on(client: ClientConnection) -> None:
    while True:
        await client.recv()


def frame(opcode: int, data: bytes, *, fin: bool = True, masked: bool = True, reserved: int = 0) -> bytes:
    head = bytes([(0x80 if fin else 0) | reserved << 4 | opcode])
    mark = 0x80 if masked else 0
    if len(data) < 126:
        head += bytes([mark | len(data)])
    elif len(data) < 65536:
        head += struct.pack(">BH", mark | 126, len(data))
    else:
        head += struct.pack(">BQ", mark | 127, len(data))
    if not masked:
        return head + data
    mask = os.urandom(4)
    return head + mask + bytes(byte ^ mask[place % 4] for place, byte in enumerate(data))


async def test_what_is_sent_comes_back_and_the_end_is_told() -> None:
    async with house() as opened:
        async with opened.joined() as client:
            await client.send("héllo")
            assert await client.recv() == "héllo"
            await client.close(4001, "done")
        await eventually(lambda: opened.ends == [(4001, "done")])
        async with wire(opened.server) as raw:
            await raw.send(HANDSHAKE)
            await raw.until(b"\r\n\r\n")
            raw.abort()
            await eventually(lambda: len(opened.ends) == 2)
        assert opened.ends[1] == (1006, "Connection closed abnormally")


async def test_the_head_of_the_answer_is_a_handshakes() -> None:
    async with house() as opened, wire(opened.server) as raw:
        await raw.send(HANDSHAKE)
        head = (await raw.until(b"\r\n\r\n")).lower()
        assert head.startswith(b"http/1.1 101 switching protocols\r\n")
        assert b"\r\nupgrade: websocket\r\n" in head
        assert b"\r\nconnection: upgrade\r\n" in head
        assert b"content-length" not in head


async def test_who_sends_more_before_the_answer_is_cut_off() -> None:
    async with house() as opened, wire(opened.server) as raw:
        await raw.send(HANDSHAKE.replace(b"GET /", b"GET /slow") + b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        assert await raw.to_the_end() == b""
        assert opened.present == []


async def test_an_idle_client_and_one_that_is_here_too_long_are_sent_away() -> None:
    async with house(idle_seconds=0.2) as opened, opened.joined() as client:
        assert await end_of(client) == 1001
        await eventually(lambda: opened.ends == [(1001, "Going away")])
    async with house(longest_seconds=0.3) as opened, opened.joined() as client:
        with pytest.raises(ConnectionClosed):
            await _talk_on(client)
        assert client.close_code == 1001


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (frame(1, b"x", masked=False), 1002),
        (frame(1, b"x", reserved=4), 1002),
        (frame(3, b"x"), 1002),
        (frame(0, b"x"), 1002),
        (frame(1, b"a", fin=False) + frame(1, b"b"), 1002),
        (frame(9, b"x" * 126), 1002),
        (frame(8, b"x"), 1002),
        (frame(1, b"\xff\xfe"), 1007),
        (frame(2, b"x"), 1003),
        (frame(1, b"x" * 33_000), 1009),
        (frame(1, b"x" * 32_000, fin=False) + frame(0, b"x" * 32_000, fin=False) * 4, 1009),
        (struct.pack(">BBQ", 0x81, 0xFF, 1 << 62), 1009),
    ],
    ids=range(12),  # masks are drawn: the bytes are no name
)
async def test_what_breaks_the_protocol_ends_the_connection(sent: bytes, code: int) -> None:
    async with house() as opened, wire(opened.server) as raw:
        await raw.send(HANDSHAKE)
        await raw.until(b"\r\n\r\n")
        await raw.send(sent)
        answer = await raw.to_the_end()
        assert answer[:1] == b"\x88"
        assert int.from_bytes(answer[2:4]) == code
        raw.close()
        await eventually(lambda: len(opened.ends) == 1)


async def test_a_client_that_reads_nothing_fills_a_buffer_and_no_more() -> None:
    async with house(buffer=100_000, write_seconds=0.3) as opened, opened.joined() as other:
        async with wire(opened.server) as raw:
            await raw.send(HANDSHAKE)
            await raw.until(b"\r\n\r\n")
            await eventually(lambda: len(opened.present) == 2)
            slow = opened.present[1]
            raw._reader._transport.pause_reading()  # type: ignore[attr-defined]
            with pytest.raises(BufferFull):
                await _send_on(slow.socket)
            assert slow.socket._transport.get_write_buffer_size() < 200_000
            await other.send("still here")
            assert await other.recv() == "still here"
            await eventually(lambda: len(opened.present) == 1)
        assert opened.ends[0][0] == 1006


async def test_pings_of_a_client_that_reads_nothing_are_not_all_answered() -> None:
    async with house() as opened, wire(opened.server) as raw:
        await raw.send(HANDSHAKE)
        await raw.until(b"\r\n\r\n")
        raw._reader._transport.pause_reading()  # type: ignore[attr-defined]
        (one,) = opened.present
        flood = asyncio.create_task(_pings(raw))
        await eventually(lambda: one.socket._blocked)
        await asyncio.sleep(0.1)
        assert one.socket._transport.get_write_buffer_size() < 1_000_000
        flood.cancel()


async def _pings(raw: Wire) -> None:
    while True:
        await raw.send(frame(9, b"x" * 125) * 500)


async def test_messages_wait_while_their_owner_takes_none() -> None:
    async with house() as opened, opened.joined() as client:
        await eventually(lambda: len(opened.present) == 1)
        opened.holds = True
        (one,) = opened.present
        sending = asyncio.create_task(_messages(client))
        await eventually(lambda: len(one.messages) > 0)
        await asyncio.sleep(0.1)
        # What came in one piece with the first has been read, and nothing after it.
        before = len(one.messages)
        await asyncio.sleep(0.1)
        assert len(one.messages) == before
        assert not sending.done()
        one.socket.go_on()
        await eventually(lambda: len(one.messages) > before)
        sending.cancel()


async def _messages(client: ClientConnection) -> None:
    for _ in range(10_000):
        await client.send("x" * 10_000)


@pytest.mark.parametrize("seed", range(8))
async def test_hostile_bytes_harm_nobody(seed: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    chance = random.Random(seed)
    async with house(closing_seconds=0.2) as opened, opened.joined() as other:
        for _ in range(25):
            async with wire(opened.server) as raw:
                await raw.send(HANDSHAKE)
                await raw.until(b"\r\n\r\n")
                for _ in range(chance.randrange(1, 6)):
                    await raw.send(_hostile(chance))
                if chance.random() < 0.5:
                    raw.abort()
        await other.send("still here")
        assert await other.recv() == "still here"
        await eventually(lambda: len(opened.present) == 1)
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


def _hostile(chance: random.Random) -> bytes:
    """A frame, or something like one: any opcode, bits, length, and cut or followed by noise."""
    size = chance.choice((0, 1, 125, 126, 127, 1000, 32_768, 32_769, 70_000))
    data = frame(
        chance.randrange(16),
        chance.randbytes(size),
        fin=chance.random() < 0.6,
        masked=chance.random() < 0.9,
        reserved=chance.choice((0, 0, 0, 1, 4, 7)),
    )
    if chance.random() < 0.3:
        data = data[: chance.randrange(1, len(data) + 1)]
    return data + (chance.randbytes(chance.randrange(64)) if chance.random() < 0.3 else b"")


async def test_a_head_that_cannot_be_sent_is_told_to_whoever_would_take_over() -> None:
    async with house() as opened, wire(opened.server) as client:
        await client.send(HANDSHAKE.replace(b"GET / ", b"GET /bad "))
        await eventually(lambda: opened.refused == 1)
        assert await client.to_the_end() == b""
