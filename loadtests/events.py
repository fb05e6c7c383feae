"""Load on the events service: telemetry one by one, and now and then a batch.

    locust -f loadtests/events.py --headless --profile steady --rate 200
    staticfire load events --profile ramp

The host (`--host`) is a running stack's endpoint, whose API named `events` is looked up, or the URL of the API itself,
as on AWS. Without one it is the stack that `staticfire up events` started.

Types and sources are drawn as popularity goes: the first type is a large part of all events, which is what the index's
shards are for. A share of the posts repeats an event that was acknowledged, and must be answered as a duplicate. In
the journal a write is its `id`, `type` and `source`; a repeated one has `again` too, and a batch is its `ids`.
"""

from __future__ import annotations

import random
import uuid
from typing import Any

from locust import task
from locust.contrib.fasthttp import ResponseContextManager

from staticfire.load import kit

TYPES = 50
SOURCES = 1000
BATCH = 25
REPLAYED_SHARE = 0.02

types, sources = kit.Zipf(TYPES), kit.Zipf(SOURCES)
replays: kit.Replays[dict[str, Any]] = kit.Replays(REPLAYED_SHARE)
accepted = kit.status(202)


def event() -> dict[str, Any]:
    return {
        "id": uuid.uuid4().hex,
        "type": f"load.type-{types.draw()}",
        "source": f"source-{sources.draw()}",
        "data": {"value": random.randrange(1_000_000) / 1000, "unit": "ms", "labels": ["load", "test"]},
    }


def said_to_be(duplicate: bool) -> kit.Check:
    def check(answer: ResponseContextManager) -> str | None:
        if problem := accepted(answer):
            return problem
        said = kit.object_of(answer).get("duplicate")
        return None if said is duplicate else f"duplicate is {said}, not {duplicate}"

    return check


class EventsClient(kit.HttpUser):
    api = "events"

    @task(20)
    def post_event(self) -> None:
        repeated = replays.draw()
        body = repeated or event()
        sent = {name: body[name] for name in ("id", "type", "source")}
        answer = self.write(
            "POST /events",
            body,
            sent=sent | {"again": True} if repeated else sent,
            check=said_to_be(repeated is not None),
        )
        if answer is not None and not repeated:
            replays.remember(body)

    @task(1)
    def post_batch(self) -> None:
        batch = [event() for _ in range(BATCH)]
        self.write(
            "POST /events/batch", {"events": batch}, sent={"ids": [body["id"] for body in batch]}, check=accepted
        )
