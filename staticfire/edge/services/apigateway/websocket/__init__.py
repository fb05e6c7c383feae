"""WebSocket APIs, served: `WebSocketApis` on the store's description of them.

service      the handshake, messages, the end of a connection
socket       one WebSocket: frames, limits, what waits to be sent
connection   a client from `$connect` to `$disconnect`
management   `@connections`
model        what a stage serves; selection: selection expressions; occasion: events and `$context`
authorizers, integration, measures
"""

from .service import WebSocketApis
from .socket import SocketLimits

__all__ = ["SocketLimits", "WebSocketApis"]
