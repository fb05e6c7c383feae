"""API Gateway: HTTP, REST and WebSocket APIs.

http    HTTP APIs' data plane
domains which API, stage and path an address means
common  what is there once for all kinds
"""

from .domains.address import Address
from .http.handler import HttpApis

__all__ = ["Address", "HttpApis"]
