"""API Gateway: HTTP, REST and WebSocket APIs.

service  an address to the kind that serves it, a call to its control plane
v2       HTTP and WebSocket APIs described
domains  custom domain names, mappings, and which API, stage and path an address means
http     HTTP APIs served
common   what is there once for all kinds
"""

from .domains.address import Address
from .service import ApiGateway

__all__ = ["Address", "ApiGateway"]
