"""A client of the todos service: it asks every endpoint of a running stack, and prints what it sees.

    python -m scenarios.todos.demo                     the stack that `staticfire up todos` started
    python -m scenarios.todos.demo --url https://...   another one, as on AWS: the `api_url` of its outputs

It ends with 0 when every answer was the right one, and deletes what it made.
"""

import argparse
import json
import sys
import uuid
from typing import Any

from urllib3.exceptions import HTTPError

from staticfire.errors import StaticfireError
from staticfire.settings import load
from staticfire.stacks.stack import Stack
from staticfire.targets.base import require_running
from staticfire.testing.kit import ApiAnswer, ApiClient

STACK = "todos"


class Client:
    """Asks, shows the question and the answer, and insists on the status that the answer should have."""

    def __init__(self, url: str) -> None:
        self._api = ApiClient(url)
        self.asked = 0

    def ask(self, title: str, method: str, path: str, expected: int, body: dict[str, Any] | None = None) -> Any:
        print(f"\n{title}\n  {method} {path}{' ' + json.dumps(body, ensure_ascii=False) if body else ''}")
        try:
            answer = self._api.request(method, path, json=body)
        except HTTPError as error:
            raise StaticfireError(
                f"{method} {self._api.url}{path} has no answer: {error}",
                remedy="Check the URL; `staticfire status` tells what runs here, and at which.",
            ) from error
        content = _content(answer)
        shown = json.dumps(content, indent=2, ensure_ascii=False) if content is not None else answer.text
        print("\n".join(f"  {line}" for line in f"{answer.status} {shown}".rstrip().splitlines()))
        self.asked += 1
        if answer.status != expected or (content is None and answer.body):
            raise StaticfireError(
                f"{method} {path} answered {answer.status}; right were {expected}, and JSON if anything.",
                checked=[str(answer)],
                remedy=f"The reason is in the function's log: `staticfire logs --function {STACK}-api`.",
            )
        return content


def drive(client: Client) -> None:
    """Every endpoint, right and wrong."""
    ask = client.ask
    email = f"ada.{uuid.uuid4().hex[:8]}@example.com"

    ask("Are both stores well?", "GET", "/health", 200)
    user = ask("A user is made.", "POST", "/users", 201, {"email": email, "name": "Ada"})["id"]
    try:
        same = {"email": email.upper(), "name": "Somebody else"}
        ask("An address is one user's, however it is spelt.", "POST", "/users", 409, same)
        ask("What is wrong is named, all of it.", "POST", "/users", 400, {"email": "nobody", "nickname": "Ada"})
        ask("The user is found.", "GET", f"/users/{user}", 200)

        todos = [
            ask("A todo is made.", "POST", f"/users/{user}/todos", 201, {"title": title})["id"]
            for title in ("Read Babbage", "Compute Bernoulli numbers", "Publish the notes")
        ]
        page = ask("They are listed, the newest first.", "GET", f"/users/{user}/todos?limit=2", 200)
        ask("The list goes on.", "GET", f"/users/{user}/todos?limit=2&cursor={page['next']}", 200)
        done = {"title": "Read Babbage, twice", "done": True}
        ask("A todo is replaced.", "PUT", f"/todos/{todos[0]}", 200, done)
        ask("A todo is deleted.", "DELETE", f"/todos/{todos[1]}", 204)
        ask("It is gone.", "DELETE", f"/todos/{todos[1]}", 404)
        ask("The dashboard: profile, counts, latest todos.", "GET", f"/dashboard/{user}", 200)
    finally:
        ask("The user is deleted, and the todos with them.", "DELETE", f"/users/{user}", 204)
    ask("The user is gone.", "GET", f"/users/{user}", 404)
    ask("A todo of nobody is refused.", "POST", f"/users/{user}/todos", 404, {"title": "whose?"})


def running_url() -> str:
    """Of the API that runs here, as `staticfire status` tells it."""
    settings = load()
    url = Stack(settings, STACK, require_running(settings)).url
    assert url is not None, "the stack's outputs name its API"
    return url


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m scenarios.todos.demo", description="Ask every endpoint of todos.")
    parser.add_argument("--url", help="the API's URL; default: the stack that `staticfire up todos` started")
    options = parser.parse_args(arguments)
    try:
        url = options.url or running_url()
        print(f"The todos service at {url}")
        client = Client(url)
        drive(client)
    except StaticfireError as error:
        print(f"demo: {error}", file=sys.stderr)
        return error.exit_code
    print(f"\n{client.asked} answers, all as they should be.")
    return 0


def _content(answer: ApiAnswer) -> Any:
    """The answer's JSON; None where it is none."""
    try:
        return json.loads(answer.body)
    except ValueError:
        return None


if __name__ == "__main__":
    sys.exit(main())
