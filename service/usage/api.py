"""The HTTP API's function: POST /usage and GET /stats/average."""

from decimal import Decimal
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.metrics import MetricUnit
from servicekit.clients import client
from servicekit.database import Database
from servicekit.http import Answer, Event
from servicekit.resolver import Resolver, answer
from servicekit.table import Table

from usage.ledger import Ledger
from usage.projection import Projection
from usage.recording import Recorder
from usage.validation import read

logger = Logger()
metrics = Metrics()
app = Resolver()
recorder = Recorder(Ledger(Database.from_environment()), Projection(Table.from_environment(client("dynamodb"))))


@app.post("/usage")
def post_usage() -> Response[Any]:
    usage = read(app.current_event.raw_event)
    recorded = recorder.record(usage)
    metrics.add_metric("EventsReplayed" if recorded.replayed else "EventsRecorded", MetricUnit.Count, 1)
    metrics.flush_metrics()
    content = {"id": recorded.id, "user": usage.user, "usage": usage.usage, "recorded_at": recorded.recorded_at}
    return answer(201, content, {"idempotent-replayed": "true"} if recorded.replayed else None)


@app.get("/stats/average")
def get_average() -> dict[str, Any]:
    grand = recorder.ledger.grand_totals()
    return {
        "average": _ratio(grand.total, grand.events),
        "average_per_user": _ratio(grand.total, grand.users),
        "users": grand.users,
        "events": grand.events,
        "total": grand.total,
    }


def _ratio(total: Decimal, count: int) -> Decimal | None:
    return total / count if count else None


@logger.inject_lambda_context
def handler(event: Event, context: Any) -> Answer:
    return app.resolve(event, context)
