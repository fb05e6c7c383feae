"""Load on the todos service: each client is a user who makes, finishes, deletes and looks at todos.

    locust -f loadtests/todos.py --headless --profile steady --rate 100
    staticfire load todos --profile ramp

The host (`--host`) is a running stack's endpoint, whose API named `todos` is looked up, or the URL of the API itself,
as on AWS. Without one it is the stack that `staticfire up todos` started. A client has the user that it made at its
start, and at most KEPT todos: what comes over that is deleted, so that a long run reads pages of the same size.
"""

from __future__ import annotations

import random
import uuid
from typing import Any

from locust import task

from staticfire.load import kit

KEPT = 50

ok, created, gone = kit.status(200), kit.status(201), kit.status(204)


class TodosClient(kit.HttpUser):
    api = "todos"

    def on_start(self) -> None:
        super().on_start()
        self.todos: list[str] = []
        self.user: dict[str, str] | None = None

    @task(5)
    def post_todo(self) -> None:
        body = {"title": f"todo {len(self.todos)}"}
        answer = self.write("POST /users/{id}/todos", body, sent=body, check=created, at=self.at)
        if answer is not None:
            self.todos.append(answer["id"])
        if len(self.todos) > KEPT:
            self.delete_todo()

    @task(3)
    def put_todo(self) -> None:
        if self.todos:
            todo = random.choice(self.todos)
            body = {"title": "changed", "done": random.random() < 0.5}
            self.write("PUT /todos/{id}", body, sent={"id": todo, **body}, check=ok, at={"id": todo})

    @task(2)
    def delete_todo(self) -> None:
        if self.todos:
            todo = self.todos.pop(random.randrange(len(self.todos)))
            self.read("DELETE /todos/{id}", gone, at={"id": todo})

    @task(4)
    def get_todos(self) -> None:
        self.read("GET /users/{id}/todos", ok, at=self.at)

    @task(4)
    def get_dashboard(self) -> None:
        self.read("GET /dashboard/{id}", ok, at=self.at)

    @property
    def at(self) -> dict[str, str]:
        """The client's own user, made when it is first needed, and again until it could be made."""
        while self.user is None:
            body: dict[str, Any] = {"email": f"{uuid.uuid4().hex}@load.example", "name": "Load"}
            answer = self.write("POST /users", body, sent=body, check=created)
            if answer is not None:
                self.user = {"id": answer["id"]}
            else:
                self.wait()  # type: ignore[no-untyped-call]  # Locust's
        return self.user
