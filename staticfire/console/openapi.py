"""The OpenAPI document of the console's API, made from its table: `python -m staticfire.console.openapi` prints it."""

from __future__ import annotations

import json
from typing import Any

from staticfire import __version__

from .fields import Field
from .routes import ROUTES, ConsoleRoute

FAILURES = {
    400: "The call cannot be meant: a field is missing, unknown or wrong.",
    403: "Without the token, by another name of this machine, or from a page of another origin.",
    404: "There is no such thing.",
    413: "The body is too long.",
    422: "AWS, Postgres or the edge refused it.",
    503: "The running stack does not answer.",
}
FAILURE = {
    "type": "object",
    "required": ["message"],
    "properties": {"message": {"type": "string"}, "code": {"type": "string"}},
}


def document() -> dict[str, Any]:
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Staticfire's console",
            "version": __version__,
            "description": "What the console's page calls. It is at the address that `staticfire open --print` prints: "
            "the token is the first part of the path.",
        },
        "servers": [
            {
                "url": "http://127.0.0.1:{port}/{token}",
                "variables": {"port": {"default": "4567"}, "token": {"default": "TOKEN"}},
            }
        ],
        "paths": paths,
        "components": {"schemas": {"Failure": FAILURE}},
    }


def _operation(route: ConsoleRoute) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.says,
        "parameters": [
            *({**_parameter(field, "path"), "required": True} for field in route.path_fields),
            *(_parameter(field, "query") for field in route.query),
        ],
        "responses": {
            "200": {
                "description": "It was done.",
                "content": {route.kind: {"schema": route.answer if route.kind == "application/json" else {}}},
            },
            **{
                str(status): {
                    "description": FAILURES[status],
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Failure"}}},
                }
                for status in sorted({400, *route.failures, *((413,) if route.body is not None else ())})
            },
        },
    }
    if route.body is not None:
        schema = {
            "type": "object",
            "additionalProperties": False,
            "required": [field.name for field in route.body if field.required],
            "properties": {field.name: field.schema for field in route.body},
        }
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return operation


def _parameter(field: Field, place: str) -> dict[str, Any]:
    return {
        "name": field.name,
        "in": place,
        "required": field.required,
        "description": field.says,
        "schema": {name: value for name, value in field.schema.items() if name != "description"},
    }


if __name__ == "__main__":
    print(json.dumps(document(), indent=2))
