"""The HTTP API's function: POST /usage and GET /stats/average."""

import logging
from decimal import Decimal

from servicekit import aws
from servicekit.app import application
from servicekit.database import Database
from servicekit.errors import Unavailable
from servicekit.http import Answer, Event, answer, body_of

from usage.ledger import Ledger, Outcome
from usage.projection import Projection
from usage.validation import Usage, parse

logger = logging.getLogger(__name__)
logger.setLevel(logging.INFO)

REPLAYED = {"idempotent-replayed": "true"}

ledger = Ledger(Database.from_environment())
projection = Projection.from_environment(aws.dynamodb())


def post_usage(event: Event) -> Answer:
    usage = parse(body_of(event), event["headers"].get("idempotency-key"))
    try:
        receipt = ledger.record(usage)
    except Unavailable:
        if usage.key is None:
            raise
        return _replay_from_mark(usage, usage.key)
    if receipt.outcome is Outcome.CONFLICT:
        return _conflict()
    projection.put(receipt.totals)
    if usage.key is not None:
        try:
            projection.put_mark(usage.key, usage, receipt)
        except Unavailable as error:  # the event is counted; the mark only helps while Postgres is away
            logger.warning("the key's mark was not written", extra={"problem": str(error)})
    return _created(usage, receipt.id, receipt.recorded_at, replayed=receipt.outcome is Outcome.REPLAYED)


def get_average(event: Event) -> Answer:
    grand = ledger.grand_totals()
    return answer(
        200,
        {
            "average": _ratio(grand.total, grand.events),
            "average_per_user": _ratio(grand.total, grand.users),
            "users": grand.users,
            "events": grand.events,
            "total": grand.total,
        },
    )


def _replay_from_mark(usage: Usage, key: str) -> Answer:
    """Postgres is away: a mark shows that this key was counted in both stores, and what it was answered."""
    mark = projection.mark(key)
    if mark is None:
        raise Unavailable("Postgres cannot be reached, and the key has no mark")
    if (mark.user, mark.usage) != (usage.user, usage.usage):
        return _conflict()
    return _created(usage, mark.id, mark.recorded_at, replayed=True)


def _created(usage: Usage, event_id: str, recorded_at: str, *, replayed: bool) -> Answer:
    content = {"id": event_id, "user": usage.user, "usage": usage.usage, "recorded_at": recorded_at}
    return answer(201, content, REPLAYED if replayed else None)


def _conflict() -> Answer:
    return answer(409, {"message": "This Idempotency-Key was used with another body."})


def _ratio(total: Decimal, count: int) -> Decimal | None:
    return total / count if count else None


ROUTES = {"POST /usage": post_usage, "GET /stats/average": get_average}
handler = application(ROUTES)
