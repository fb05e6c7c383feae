"""Subscription filters of log groups: functions get AWS's event, as an asynchronous invocation that is retried."""

from __future__ import annotations

import base64
import gzip
import json
import threading
from collections.abc import Callable
from typing import Any


def correct(enqueue: Callable[[str, Any], None]) -> None:
    """`enqueue` hands an event for a function over to the edge."""
    from ministack.core.responses import get_account_id
    from ministack.services import cloudwatch_logs

    def fan_out(group: str, stream: str, lines: list[dict[str, Any]]) -> None:
        filters = (cloudwatch_logs._log_groups.get(group) or {}).get("subscriptionFilters") or {}
        for one in filters.values():
            destination = one.get("destinationArn", "")
            function = destination.partition(":function:")[2].partition(":")[0]
            # A function that hears of its own lines would never be done.
            if not function or group == f"/aws/lambda/{function}":
                continue
            pattern = one.get("filterPattern", "")
            matched = [
                {"id": line["eventId"], "timestamp": line["timestamp"], "message": line["message"]}
                for line in lines
                if cloudwatch_logs._subscription_pattern_matches(pattern, line["message"])
            ]
            if matched:
                event = _event(get_account_id(), group, stream, one.get("filterName", ""), matched)
                threading.Thread(target=enqueue, args=(destination, event), daemon=True).start()

    cloudwatch_logs._fanout_to_subscription_filters = fan_out


def _event(account: str, group: str, stream: str, name: str, lines: list[dict[str, Any]]) -> Any:
    data = {
        "messageType": "DATA_MESSAGE",
        "owner": account,
        "logGroup": group,
        "logStream": stream,
        "subscriptionFilters": [name],
        "logEvents": lines,
    }
    return {"awslogs": {"data": base64.b64encode(gzip.compress(json.dumps(data).encode())).decode()}}
