"""Load on the tasks service: each client makes tasks, moves them on, lists, reads and deletes them.

    locust -f loadtests/tasks.py --headless --profile steady --rate 100
    staticfire load tasks --profile ramp

The host (`--host`) is a running stack's endpoint, whose API named `tasks` is looked up, or the URL of the API itself,
as on AWS. Without one it is the stack that `staticfire up tasks` started. A client replaces its own tasks alone, so
that it knows their versions: a 412 is a failure. It keeps at most KEPT of them.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from locust import task

from staticfire.load import kit

KEPT = 50
NEXT = {"open": "in_progress", "in_progress": "done", "done": "open"}

ok, created, gone = kit.status(200), kit.status(201), kit.status(204)


@dataclass
class Task:
    id: str
    version: int = 1
    status: str = "open"


class TasksClient(kit.HttpUser):
    api = "tasks"

    def on_start(self) -> None:
        super().on_start()
        self.made: list[Task] = []

    @task(5)
    def post_task(self) -> None:
        body = {"title": f"task {len(self.made)}"}
        answer = self.write("POST /tasks", body, sent=body, check=created)
        if answer is not None:
            self.made.append(Task(answer["id"]))
        if len(self.made) > KEPT:
            self.delete_task()

    @task(5)
    def put_task(self) -> None:
        if not self.made:
            return
        mine = random.choice(self.made)
        body = {"title": "moved on", "status": NEXT[mine.status]}
        seen = {"if-match": f'"{mine.version}"'}
        answer = self.write(
            "PUT /tasks/{id}", body, sent={"id": mine.id, **body}, headers=seen, check=ok, at={"id": mine.id}
        )
        if answer is not None:
            mine.version, mine.status = answer["version"], answer["status"]
        else:  # whether it was carried out is not known
            self.made.remove(mine)

    @task(2)
    def delete_task(self) -> None:
        if self.made:
            mine = self.made.pop(random.randrange(len(self.made)))
            self.read("DELETE /tasks/{id}", gone, at={"id": mine.id})

    @task(6)
    def get_task(self) -> None:
        if self.made:
            self.read("GET /tasks/{id}", ok, at={"id": random.choice(self.made).id})

    @task(3)
    def get_tasks(self) -> None:
        self.read("GET /tasks?status=open", ok)
