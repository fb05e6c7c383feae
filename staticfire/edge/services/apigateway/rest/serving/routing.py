"""Which resource and method of a REST API a path means.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-method-settings-method-request.html: a literal
segment goes before `{name}`, that before `{name+}`, which takes one or more. A trailing slash is the same path. A
resource without the method does not end the search: on AWS `/{proxy+}` gets OPTIONS of a `/test` that has POST alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

M = TypeVar("M")
ANY = "ANY"


@dataclass(slots=True)
class _Place(Generic[M]):
    literal: dict[str, _Place[M]] = field(default_factory=dict)
    named: _Place[M] | None = None
    rest: _Place[M] | None = None
    name: str = ""
    methods: Mapping[str, M] = field(default_factory=dict)

    def method(self, verb: str) -> M | None:
        return self.methods.get(verb) or self.methods.get(ANY)


class ResourceTable(Generic[M]):
    """The resources of a deployment: their paths and methods."""

    def __init__(self, resources: Iterable[tuple[str, Mapping[str, M]]]) -> None:
        self._root: _Place[M] = _Place()
        self._by_path: dict[str, Mapping[str, M]] = {}
        for path, methods in resources:
            self._by_path[path] = methods
            if methods:
                self._add(path, methods)

    def of(self, path: str, verb: str) -> M | None:
        """The method of a resource, by the resource's own path."""
        return self._by_path.get(path, {}).get(verb)

    def _add(self, path: str, methods: Mapping[str, M]) -> None:
        place = self._root
        for part in path.strip("/").split("/") if path != "/" else ():
            if part.startswith("{") and part.endswith("+}"):
                place.rest = place.rest or _Place(name=part[1:-2])
                place = place.rest
            elif part.startswith("{") and part.endswith("}"):
                place.named = place.named or _Place(name=part[1:-1])
                place = place.named
            else:
                place = place.literal.setdefault(part, _Place())
        place.methods = methods

    def match(self, verb: str, path: str) -> tuple[M, dict[str, str]] | None:
        """The method, and the path's parameters as they were sent; None: there is none."""
        trimmed = path.strip("/")
        parts = trimmed.split("/") if trimmed else []
        parameters: dict[str, str] = {}
        method = _walk(self._root, verb, parts, 0, parameters)
        return None if method is None else (method, parameters)


def _walk(place: _Place[M], verb: str, parts: list[str], at: int, parameters: dict[str, str]) -> M | None:
    """A resource that lacks the method leaves the request to the next less specific one that has it, as on AWS."""
    if at == len(parts):
        return place.method(verb)
    below = place.literal.get(parts[at])
    if below is not None and (end := _walk(below, verb, parts, at + 1, parameters)) is not None:
        return end
    if place.named is not None and parts[at]:
        end = _walk(place.named, verb, parts, at + 1, parameters)
        if end is not None:
            parameters[place.named.name] = parts[at]
            return end
    if place.rest is not None and (rest := place.rest.method(verb)) is not None:
        parameters[place.rest.name] = "/".join(parts[at:])
        return rest
    return None
