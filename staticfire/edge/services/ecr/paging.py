"""Pages of lists: `maxResults` and `nextToken` of AWS's API."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any

from staticfire.edge.aws.calls import AwsError
from staticfire.edge.aws.protocol import Params

PAGE = 100


def page(items: Sequence[Any], params: Params, member: str) -> dict[str, Any]:
    start = 0
    if token := params.get("nextToken"):
        try:
            start = int(base64.b64decode(token, validate=True))
        except (binascii.Error, ValueError):
            message = "Invalid parameter at 'nextToken' failed to satisfy constraint: 'Invalid nextToken'"
            raise AwsError(400, "InvalidParameterException", message) from None
    end = start + (params.get("maxResults") or PAGE)
    following = base64.b64encode(str(end).encode()).decode() if end < len(items) else None
    return {member: list(items[max(start, 0) : end]), "nextToken": following}
