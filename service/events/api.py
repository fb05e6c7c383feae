"""The HTTP API's function: POST /events and POST /events/batch."""

import os
from collections.abc import Sequence
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.metrics import MetricUnit
from servicekit.clients import client
from servicekit.errors import Refused, Unavailable
from servicekit.http import Answer, Event, body_of
from servicekit.kept_secret import KeptSecret
from servicekit.requests import check, read_json
from servicekit.resolver import Resolver, answer
from servicekit.table import Table

from events.signature import Signatures
from events.store import Origin, Receipt, Result, Store
from events.validation import EVENT_BODY_LIMIT, Submitted, read_batch

logger = Logger()
metrics = Metrics()
app = Resolver()

SECRET_SECONDS = 60.0


@app.post("/events")
def post_event() -> Response[Any]:
    event = app.current_event.raw_event
    body = body_of(event)
    message_id = signatures.message_id(event["headers"], body)
    submitted = check(read_json(body, EVENT_BODY_LIMIT), Submitted, name="event")
    receipt = store.put(_named(submitted, message_id), _origin_of(event))
    _count([receipt])
    return answer(202, _content_of(receipt))


@app.post("/events/batch")
def post_batch() -> Response[Any]:
    event = app.current_event.raw_event
    message_id = signatures.message_id(event["headers"], body_of(event))
    entries = read_batch(event)
    right = [
        _named(entry, message_id and f"{message_id}.{at}")
        for at, entry in enumerate(entries)
        if isinstance(entry, Submitted)
    ]
    stored = iter(store.put_all(right, _origin_of(event)))
    results: Sequence[Result] = [entry if isinstance(entry, Refused) else next(stored) for entry in entries]
    away = [result for result in results if isinstance(result, Unavailable)]
    if len(away) == len(results):
        raise away[0]
    accepted = _count(results)
    logger.info("batch", accepted=accepted, refused=len(results) - accepted, away=len(away))
    content = {
        "accepted": accepted,
        "failed": len(results) - accepted,
        "results": [{"index": at, **_result(result)} for at, result in enumerate(results)],
    }
    return answer(202 if accepted == len(results) else 207, content)


def _count(results: Sequence[Result]) -> int:
    """How many events are stored; it is a metric too."""
    accepted = sum(isinstance(result, Receipt) for result in results)
    metrics.add_metric("EventsAccepted", MetricUnit.Count, accepted)
    metrics.flush_metrics()
    return accepted


def _result(result: Result) -> dict[str, object]:
    match result:
        case Receipt():
            return {"status": 202, **_content_of(result)}
        case Refused():
            problems = {"errors": result.problems} if result.problems else {}
            return {"status": result.status, "message": result.message, **problems}
        case _:
            return {"status": 503, "message": "The event could not be stored now. Send it again."}


def _content_of(receipt: Receipt) -> dict[str, object]:
    return {"event_id": receipt.event_id, "received_at": receipt.received_at, "duplicate": receipt.duplicate}


def _named(submitted: Submitted, message_id: str | None) -> Submitted:
    """A signed message that is sent again must not be another event."""
    return submitted if submitted.id or not message_id else submitted.model_copy(update={"id": message_id})


def _origin_of(event: Event) -> Origin:
    context = event["requestContext"]
    return Origin(context["requestId"], context["http"]["sourceIp"])


def _store() -> Store:
    return Store(
        Table.from_environment(client("dynamodb")),
        retention_days=int(os.environ["RETENTION_DAYS"]),
        index_shards=int(os.environ["INDEX_SHARDS"]),
    )


def _signatures() -> Signatures:
    arn = os.environ.get("SIGNATURE_SECRET_ARN")
    secret = KeptSecret(client("secretsmanager"), arn, SECRET_SECONDS) if arn else None
    return Signatures(os.environ["SIGNATURES"], secret)


store = _store()
signatures = _signatures()


@logger.inject_lambda_context
def handler(event: Event, context: Any) -> Answer:
    return app.resolve(event, context)
