"""Load on the chat service's HTTP API: clients read what was said in the rooms.

    locust -f loadtests/chat.py --headless --profile steady --rate 100
    staticfire load chat --profile ramp

The host (`--host`) is a running stack's endpoint, whose API named `chat` is looked up, or the URL of the API itself, as
on AWS. Connections and messages of the WebSocket API are measured by benchmarks/websockets.py.
"""

from __future__ import annotations

import random

from locust import task

from staticfire.load import kit

ROOMS = 100

ok = kit.status(200)


class ChatClient(kit.HttpUser):
    api = "chat"

    @task
    def get_messages(self) -> None:
        self.read("GET /rooms/{room}/messages", ok, at={"room": f"room-{random.randrange(ROOMS)}"})
