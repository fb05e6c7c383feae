"""One WebSocket on a connection that HTTP handed over: frames by the library `websockets` (its part without I/O).

    open -> closing (a close frame is out, or came) -> ended (the TCP connection is gone: told once)

Bounded: a frame and a message by AWS's limits, what waits to be sent by `buffer`. While the client takes nothing,
nothing more is read from it; one that takes nothing for `write_seconds` is cut off.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import Protocol, cast

from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import SERVER, State
from websockets.protocol import Protocol as Frames

log = logging.getLogger(__name__)

# What the library says at DEBUG and INFO of each frame is nobody's business here.
_quiet = logging.getLogger(f"{__name__}.frames")
_quiet.setLevel(logging.ERROR)

NOT_SET = "Client-side close frame status not set"


@dataclass(frozen=True, slots=True)
class SocketLimits:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html"""

    message: int = 128 * 1024
    frame: int = 32 * 1024
    idle_seconds: float = 600.0
    longest_seconds: float = 7200.0
    buffer: int = 512 * 1024
    write_seconds: float = 60.0
    closing_seconds: float = 5.0


class SocketOwner(Protocol):
    """What hears of a WebSocket."""

    def opened(self) -> None: ...

    def received(self, text: str) -> bool:
        """A whole message; False: no more for now, until `WebSocket.go_on`."""

    def ended(self, code: int, reason: str) -> None: ...


class BufferFull(Exception):
    """The client takes what is sent to it too slowly."""


class WebSocket(asyncio.Protocol):
    def __init__(self, owner: SocketOwner, limits: SocketLimits) -> None:
        self._owner = owner
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._frames = Frames(SERVER, max_size=(limits.message, limits.frame), logger=_quiet)
        self._transport = cast(asyncio.Transport, None)
        self._pieces: list[bytes] = []
        self._timer: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None
        self._opened_at = self._loop.time()
        self._used_at = self._opened_at
        self._blocked = False
        self._held = False
        self._ended = False
        self._by_us: tuple[int, str] | None = None
        self.last_active = time.time()

    @property
    def open(self) -> bool:
        return self._frames.state is State.OPEN and not self._ended

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=64 * 1024)
        self._watch()
        self._owner.opened()

    def data_received(self, data: bytes) -> None:
        if self._frames.eof_sent and self._frames.state is State.CLOSED:
            return
        self._used()
        self._frames.receive_data(data)
        self._after_input()

    def eof_received(self) -> bool:
        self._frames.receive_eof()
        self._after_input()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._timer, self._stalled):
            if timer is not None:
                timer.cancel()
        self._timer = self._stalled = None
        if not self._ended:
            self._ended = True
            self._pieces = []
            self._owner.ended(*self._how_it_ended())

    def pause_writing(self) -> None:
        """Its client lags: what it sends, pings too, makes nothing more to be sent to it."""
        self._blocked = True
        self._balance()
        self._stalled = self._loop.call_later(self._limits.write_seconds, self._cut_off)

    def resume_writing(self) -> None:
        self._blocked = False
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None
        self._balance()

    # What its owner calls.

    def send(self, data: bytes, *, binary: bool = False) -> None:
        """A message. Raises BufferFull; one to a WebSocket that is closing goes nowhere."""
        if not self.open:
            return
        if self._transport.get_write_buffer_size() > self._limits.buffer:
            raise BufferFull
        # As AWS does, what is longer than a frame may be goes in several.
        frame = self._limits.frame
        pieces = [data[start : start + frame] for start in range(0, len(data), frame)] or [b""]
        first = self._frames.send_binary if binary else self._frames.send_text
        for place, piece in enumerate(pieces):
            write = self._frames.send_continuation if place else first
            write(piece, fin=place == len(pieces) - 1)
        self._used()
        self._flush()

    def close(self, code: int, reason: str = "") -> None:
        if self.open:
            self._by_us = code, reason
            self._frames.send_close(code, reason)
            self._flush()
            self._end_soon()

    def abort(self) -> None:
        if not self._ended:
            self._transport.abort()

    def go_on(self) -> None:
        """Messages are taken again."""
        self._held = False
        self._balance()

    # Within.

    def _used(self) -> None:
        self._used_at = self._loop.time()
        self.last_active = time.time()

    def _after_input(self) -> None:
        for event in self._frames.events_received():
            if isinstance(event, Frame):
                self._take(event)
        self._flush()
        if self._frames.state is not State.OPEN:
            self._end_soon()
        self._balance()

    def _take(self, frame: Frame) -> None:
        if self._frames.state is not State.OPEN or frame.opcode not in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            return
        if frame.opcode is Opcode.BINARY:
            # https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-develop-binary-media-types.html
            self._fail(CloseCode.UNSUPPORTED_DATA, "Binary frames are not supported")
            return
        self._pieces.append(bytes(frame.data))
        if not frame.fin:
            return
        data, self._pieces = b"".join(self._pieces), []
        try:
            text = data.decode()
        except UnicodeDecodeError:
            self._fail(CloseCode.INVALID_DATA, "The message is not UTF-8")
            return
        if not self._owner.received(text):
            self._held = True

    def _fail(self, code: CloseCode, reason: str) -> None:
        self._by_us = code, reason
        self._frames.fail(code, reason)

    def _flush(self) -> None:
        if self._ended:
            return
        pieces = self._frames.data_to_send()
        data = b"".join(pieces)
        if data and not self._transport.is_closing():
            self._transport.write(data)
        if b"" in pieces and self._transport.can_write_eof() and not self._transport.is_closing():
            self._transport.write_eof()

    def _balance(self) -> None:
        if self._transport.is_closing():
            return
        # While it is closing, what still comes is read, and thrown away by the library.
        if self._blocked or (self._held and self.open):
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def _end_soon(self) -> None:
        """The client closes its side, or is cut off."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(self._limits.closing_seconds, self._cut_off)
        self._balance()

    def _cut_off(self) -> None:
        self._transport.abort()

    def _watch(self) -> None:
        """Close what is idle, or here for too long; else look again when the next of the two may be."""
        now, limits = self._loop.time(), self._limits
        due = min(self._used_at + limits.idle_seconds, self._opened_at + limits.longest_seconds)
        if now >= due:
            self.close(CloseCode.GOING_AWAY, "Going away")
        elif self.open:
            self._timer = self._loop.call_later(due - now, self._watch)

    def _how_it_ended(self) -> tuple[int, str]:
        """AWS's `disconnectStatusCode` and `disconnectReason`."""
        frames = self._frames
        if self._by_us is not None:
            return self._by_us
        if frames.close_rcvd is not None and frames.close_rcvd_then_sent is not False:
            code, reason = frames.close_rcvd.code, frames.close_rcvd.reason
            return code, NOT_SET if code == CloseCode.NO_STATUS_RCVD else reason
        if frames.close_sent is not None:
            return frames.close_sent.code, frames.close_sent.reason
        return CloseCode.ABNORMAL_CLOSURE, "Connection closed abnormally"
