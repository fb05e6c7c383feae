"""REST APIs as the recorded conversations make them, and AWS's refusals of their calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from botocore.client import BaseClient

from tests.conformance.lab import Lab
from tests.recorded.answers import Answers

INVALID = "failed to satisfy constraint: "
OPERATIONS = "Member must satisfy enum value set: [add, remove, move, test, replace, copy]"
MOCK = {"application/json": '{"statusCode": 200}'}


class RestLab:
    """A REST API of a case, what is asked of it, and what AWS said."""

    def __init__(self, lab: Lab, answers: Answers) -> None:
        self.client: BaseClient = lab.aws("apigateway")
        self.account = lab.account
        self.match = answers.match
        self._answers = answers
        api = self.client.create_rest_api(name=lab.name("rest"))
        self.api, self.root = api["id"], api["rootResourceId"]

    def refused(self, call: Callable[[], Any], code: str, text: str, status: int) -> None:
        """API Gateway tells a message beside the error."""
        self._answers.refused(call, code, text, status, message=text)

    def bad(self, call: Callable[[], Any], text: str) -> None:
        self.refused(call, "BadRequestException", text, 400)

    def missing(self, call: Callable[[], Any], text: str) -> None:
        self.refused(call, "NotFoundException", text, 404)

    def conflicts(self, call: Callable[[], Any], text: str) -> None:
        self.refused(call, "ConflictException", text, 409)

    def invalid(self, call: Callable[[], Any], *problems: str) -> None:
        number = f"{len(problems)} validation error{'s' if len(problems) > 1 else ''} detected: "
        self._answers.refused(call, "ValidationException", number + "; ".join(problems), 400)

    def no_api(self, api: str) -> str:
        return f"Invalid API identifier specified {self.account}:{api}"

    def method(self, http_method: str = "GET", **settings: Any) -> dict[str, str]:
        """A method of the root; answers what names it."""
        names = {"restApiId": self.api, "resourceId": self.root, "httpMethod": http_method}
        self.client.put_method(**{**names, "authorizationType": "NONE", **settings})
        return names

    def mock(self) -> dict[str, str]:
        """A method of the root with an integration that calls nothing."""
        names = self.method()
        self.client.put_integration(**names, type="MOCK", requestTemplates=MOCK)
        return names


def patches(*operations: tuple[str, ...]) -> list[dict[str, str]]:
    return [dict(zip(("op", "path", "value"), operation, strict=False)) for operation in operations]
