"""What happens on a WebSocket in traces: each message is one of its own, and so is the handshake."""

from __future__ import annotations

import time

from staticfire.edge.traces import Traces
from staticfire.edge.traces.requests import Served, note_request

from .occasion import Occasion


def note(traces: Traces, occasion: Occasion) -> None:
    client, stage = occasion.client, occasion.stage
    served = Served(
        "websocket",
        stage.scope.account,
        stage.scope.region,
        stage.api_id,
        stage.name,
        occasion.route_key,
        client.domain_name,
        client.request.peer,
        occasion.error_kind,
        occasion.integration_error or occasion.error_message,
        occasion.integration_latency,
        occasion.integration_status,
        occasion.integration_request_id,
        occasion.authorizer_latency,
        occasion.authorizer_error,
    )
    note_request(
        traces,
        occasion.trace_id,
        occasion.request_id,
        occasion.kind,
        occasion.route_key,
        client.request.query,
        client.request.headers.items(),
        occasion.body.encode(),
        occasion.status,
        (),
        b"",
        occasion.now,
        time.time(),
        served,
    )
