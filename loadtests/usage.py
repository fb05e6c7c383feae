"""Load on the usage service: many posts of usage events, now and then the average.

    locust -f loadtests/usage.py                                   the page is on http://127.0.0.1:8089
    locust -f loadtests/usage.py --headless -u 16 -r 16 -t 1m      lines on the terminal
    docker compose --profile load up --wait --scale locust-worker=4

The host (`--host`) is a running stack's endpoint, whose API named `usage` is looked up, or the URL of the API itself,
as on AWS. Without one it is AWS_ENDPOINT_URL (`eval "$(staticfire env)"` sets it), else http://127.0.0.1:4566.

An answer other than the documented one is a failure: 201 to a post, 200 to the average.
"""

from __future__ import annotations

import json
import os
import random
import urllib.request
import uuid
from functools import cache
from typing import Any

from locust import FastHttpUser, constant_throughput, task

API = "usage"
USERS = 1000


def ask(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return json.load(answer)


@cache
def base_url(host: str) -> str:
    """The API's own URL: the host's, unless the host is a stack that has many."""
    if "execute-api" in host:
        return host
    found = [api for api in ask(f"{host}/v2/apis")["items"] if api["name"] == API]
    if not found:
        raise SystemExit(f"There is no HTTP API named {API!r} at {host}. Apply the stack first: `staticfire up`.")
    identity = found[0]["apiId"]
    stage = ask(f"{host}/v2/apis/{identity}/stages")["items"][0]["stageName"]
    return f"{host}/_aws/execute-api/{identity}/{stage}"


class UsageClient(FastHttpUser):
    """One client: ten requests a second at the most, so that the number of users is the load that is asked for."""

    host = os.environ.get("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    wait_time = constant_throughput(10)

    def on_start(self) -> None:
        self.base = base_url((self.host or "").rstrip("/"))

    @task(20)
    def post_usage(self) -> None:
        body = {"user": f"load-{random.randrange(USERS)}", "usage": random.randrange(1, 1_000_000) / 1000}
        headers = {"Idempotency-Key": uuid.uuid4().hex}
        with self.client.post(
            f"{self.base}/usage", json=body, headers=headers, name="POST /usage", catch_response=True
        ) as answer:
            if answer.status_code != 201:
                answer.failure(f"{answer.status_code}: {answer.text}")

    @task(1)
    def read_average(self) -> None:
        with self.client.get(f"{self.base}/stats/average", name="GET /stats/average", catch_response=True) as answer:
            if answer.status_code != 200:
                answer.failure(f"{answer.status_code}: {answer.text}")
