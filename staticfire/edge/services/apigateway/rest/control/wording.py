"""Where AWS, as it was recorded, words otherwise than by its published model."""

from __future__ import annotations

from staticfire.edge.aws.protocol import Wording

# In the order in which AWS lists them.
_GATEWAY_RESPONSES = (
    *("REQUEST_TOO_LARGE", "RESOURCE_NOT_FOUND", "AUTHORIZER_CONFIGURATION_ERROR", "MISSING_AUTHENTICATION_TOKEN"),
    *("BAD_REQUEST_BODY", "INVALID_SIGNATURE", "INVALID_API_KEY", "BAD_REQUEST_PARAMETERS", "AUTHORIZER_FAILURE"),
    *("UNAUTHORIZED", "INTEGRATION_TIMEOUT", "ACCESS_DENIED", "DEFAULT_4XX", "DEFAULT_5XX", "WAF_FILTERED"),
    *("QUOTA_EXCEEDED", "THROTTLED", "API_CONFIGURATION_ERROR", "UNSUPPORTED_MEDIA_TYPE", "INTEGRATION_FAILURE"),
    "EXPIRED_TOKEN",
)
_DOCUMENTATION_PARTS = (
    *("RESPONSE_BODY", "RESPONSE", "METHOD", "MODEL", "AUTHORIZER", "RESPONSE_HEADER", "RESOURCE", "PATH_PARAMETER"),
    *("REQUEST_BODY", "QUERY_PARAMETER", "API", "REQUEST_HEADER"),
)
WORDING = Wording(
    enums={"GatewayResponseType": _GATEWAY_RESPONSES, "DocumentationPartType": _DOCUMENTATION_PARTS},
    body_limits={"PutRestApi": 10_485_760, "ImportRestApi": 10_485_760},
    older=True,
)
