"""Load on the usage service: many posts of usage events, now and then the average.

    locust -f loadtests/usage.py                                          the page is on http://127.0.0.1:8089
    locust -f loadtests/usage.py --headless --profile steady --rate 100   holds 100 requests a second
    locust -f loadtests/usage.py --headless -u 16 -r 16 -t 1m             16 users, ten requests a second each
    staticfire load usage --profile ramp                                  the same file, and a report

The host (`--host`) is a running stack's endpoint, whose API named `usage` is looked up, or the URL of the API itself,
as on AWS. Without one it is the stack that `staticfire up` started.

Users are drawn as popularity goes: the hottest of them writes every seventh event. Each event has a key of its own; a
share of the posts repeats one that was acknowledged, and must be answered with the same id, as a replay. In the
journal a write is its `key`, `user` and `usage` (a decimal as a string); a repeated one has `again` too.
"""

from __future__ import annotations

import random
import uuid
from typing import Any, NamedTuple

from locust import task
from locust.contrib.fasthttp import ResponseContextManager

from staticfire.load import kit

USERS = 10_000
REPLAYED_SHARE = 0.02
ROUTE = "POST /usage"


class Event(NamedTuple):
    key: str
    user: str
    usage: float
    id: str = ""


users = kit.Zipf(USERS)
replays: kit.Replays[Event] = kit.Replays(REPLAYED_SHARE)
created = kit.status(201)
ok = kit.status(200)


def replayed(event: Event) -> kit.Check:
    """The same id as at the first time, and said to be a replay."""

    def check(answer: ResponseContextManager) -> str | None:
        if problem := created(answer):
            return problem
        if kit.object_of(answer).get("id") != event.id:
            return "a replayed key was given another id"
        marked = answer.headers is not None and answer.headers.get("idempotent-replayed") == "true"
        return None if marked else "a replay was not said to be one"

    return check


class UsageClient(kit.HttpUser):
    api = "usage"

    @task(20)
    def post_usage(self) -> None:
        repeated = replays.draw()
        event = repeated or Event(uuid.uuid4().hex, f"load-{users.draw()}", random.randrange(1, 1_000_000) / 1000)
        sent: dict[str, Any] = {"key": event.key, "user": event.user, "usage": str(event.usage)}
        answer = self.write(
            ROUTE,
            {"user": event.user, "usage": event.usage},
            sent=sent | {"again": True} if repeated else sent,
            headers={"idempotency-key": event.key},
            check=replayed(repeated) if repeated else created,
        )
        if answer is not None and not repeated:
            replays.remember(event._replace(id=answer["id"]))

    @task(1)
    def read_average(self) -> None:
        self.read("GET /stats/average", ok)
