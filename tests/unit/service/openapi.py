"""A service's OpenAPI document, to be compared with its code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from aws_lambda_powertools.event_handler import ApiGatewayResolver
from jsonschema import Draft202012Validator

SERVICE = Path(__file__).parents[3] / "service"
METHODS = {"get", "put", "post", "delete", "patch", "head", "options"}

Document = dict[str, Any]


def read(service: str) -> Document:
    document: Document = yaml.safe_load((SERVICE / service / "openapi.yaml").read_text(encoding="utf-8"))
    return document


def routes(document: Document) -> set[str]:
    """As an HTTP API has them: `GET /things/{id}`."""
    return {
        f"{method.upper()} {path}" for path, item in document["paths"].items() for method in METHODS.intersection(item)
    }


def routes_of(app: ApiGatewayResolver) -> set[str]:
    """Of a service's code, as an HTTP API has them."""
    routes = [*app._static_routes, *app._dynamic_routes]
    return {f"{route.method} {route.path.replace('<', '{').replace('>', '}')}" for route in routes}


def schema(document: Document, name: str) -> Draft202012Validator:
    return Draft202012Validator({**_ends_exactly(document), "$ref": f"#/components/schemas/{name}"})


def _ends_exactly(value: Any) -> Any:
    """Patterns are ECMAScript's, whose `$` is the end; Python's is also before a line break at the end."""
    if isinstance(value, dict):
        return {
            name: member.removesuffix("$") + r"\Z" if name == "pattern" else _ends_exactly(member)
            for name, member in value.items()
        }
    return [_ends_exactly(member) for member in value] if isinstance(value, list) else value
