"""Resources of templates that the edge makes: what those of every kind of API share, as MiniStack's engine takes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

Record = dict[str, Any]
# A call of API Gateway as an account, in a region: method, path, body; the status and the document answered.
Call = Callable[[str, str, str, str, Any], tuple[int, Record]]


class Make(Protocol):
    """A call of API Gateway as whoever the stack is of: the document answered, or a `TemplateRefusal`."""

    def __call__(self, method: str, path: str, body: Any = None) -> Record: ...


class TemplateRefusal(ValueError):
    """What the edge answers a call that it does not carry out."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def maker(call: Call) -> Make:
    from ministack.core.responses import get_account_id, get_region

    def make(method: str, path: str, body: Any = None) -> Record:
        status, answer = call(get_account_id(), get_region(), method, path, body)
        if status >= 400:
            raise TemplateRefusal(status, str(answer.get("message") or answer.get("Message") or answer))
        return answer

    return make


class TemplateResource:
    """One type of resource, made, changed and removed."""

    def __init__(self, make: Make) -> None:
        self._make = make

    def handlers(self) -> Record:
        return {
            "create": self.create,
            "update": self.update,
            "update_with_logical_id": True,
            "delete": self.delete,
        }

    def create(self, logical_id: str, properties: Record, stack: str) -> tuple[str, Record]:
        raise NotImplementedError

    def update(
        self, physical_id: str, before: Record, after: Record, stack: str, logical_id: str | None = None
    ) -> tuple[str, Record]:
        return self.create(logical_id or physical_id, after, stack)  # the engine removes the one before

    def delete(self, physical_id: str, properties: Record) -> None:
        raise NotImplementedError

    def _remove(self, path: str) -> None:
        """What is gone already is no reason for a stack to stay."""
        try:
            self._make("DELETE", path)
        except TemplateRefusal as refusal:
            if refusal.status != 404:
                raise
