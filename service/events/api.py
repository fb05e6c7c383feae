"""The HTTP API's function: POST /events and POST /events/batch."""

import logging
import os
from collections.abc import Sequence
from dataclasses import replace

from servicekit import aws
from servicekit.app import Route, application
from servicekit.dynamodb import Table
from servicekit.errors import Refused, Unavailable
from servicekit.http import Answer, Event, answer, body_of
from servicekit.kept_secret import KeptSecret
from servicekit.validation import read_json

from events.signature import Signatures
from events.store import Origin, Receipt, Result, Store
from events.validation import EVENT_BODY_LIMIT, Submitted, read_batch, read_event

logger = logging.getLogger(__name__)
logger.setLevel(logging.INFO)

SECRET_SECONDS = 60.0


def post_event(event: Event) -> Answer:
    body = body_of(event)
    message_id = signatures.message_id(event["headers"], body)
    submitted = read_event(read_json(body, EVENT_BODY_LIMIT))
    return answer(202, _content_of(store.put(_named(submitted, message_id), _origin_of(event))))


def post_batch(event: Event) -> Answer:
    body = body_of(event)
    message_id = signatures.message_id(event["headers"], body)
    entries = read_batch(body)
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
    accepted = sum(isinstance(result, Receipt) for result in results)
    logger.info("batch", extra={"accepted": accepted, "refused": len(results) - accepted, "away": len(away)})
    content = {
        "accepted": accepted,
        "failed": len(results) - accepted,
        "results": [{"index": at, **_result(result)} for at, result in enumerate(results)],
    }
    return answer(202 if accepted == len(results) else 207, content)


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
    return replace(submitted, id=message_id) if submitted.id is None and message_id is not None else submitted


def _origin_of(event: Event) -> Origin:
    context = event["requestContext"]
    return Origin(context["requestId"], context["http"]["sourceIp"])


def _store() -> Store:
    return Store(
        lambda: Table.from_environment(aws.dynamodb()),
        retention_days=int(os.environ["RETENTION_DAYS"]),
        index_shards=int(os.environ["INDEX_SHARDS"]),
    )


def _signatures() -> Signatures:
    arn = os.environ.get("SIGNATURE_SECRET_ARN")
    secret = KeptSecret(aws.secrets_manager(), arn, SECRET_SECONDS) if arn else None
    return Signatures(os.environ["SIGNATURES"], secret)


ROUTES: dict[str, Route] = {"POST /events": post_event, "POST /events/batch": post_batch}
store = _store()
signatures = _signatures()
handler = application(ROUTES)
