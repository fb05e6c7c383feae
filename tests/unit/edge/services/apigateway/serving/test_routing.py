"""Which method of a REST API a path means, where several resources fit it."""

from __future__ import annotations

import pytest

from staticfire.edge.services.apigateway.rest.serving.routing import ResourceTable

TABLE = ResourceTable(
    [
        ("/", {"GET": "root"}),
        ("/test", {"POST": "test"}),
        ("/test/any", {"ANY": "any"}),
        ("/test/{id}", {"GET": "id"}),
        ("/{proxy+}", {"OPTIONS": "proxy", "GET": "proxy"}),
    ]
)


@pytest.mark.parametrize(
    ("verb", "path", "method", "parameters"),
    [
        ("POST", "/test", "test", {}),
        ("OPTIONS", "/test", "proxy", {"proxy": "test"}),
        ("OPTIONS", "/test/any", "any", {}),
        ("GET", "/test/7", "id", {"id": "7"}),
        ("OPTIONS", "/test/7", "proxy", {"proxy": "test/7"}),
        ("GET", "/test/7/more", "proxy", {"proxy": "test/7/more"}),
    ],
)
def test_a_resource_without_the_method_leaves_it_to_the_next(
    verb: str, path: str, method: str, parameters: dict[str, str]
) -> None:
    assert TABLE.match(verb, path) == (method, parameters)


@pytest.mark.parametrize(("verb", "path"), [("PATCH", "/test"), ("POST", "/"), ("DELETE", "/a/b")])
def test_what_no_resource_has_is_not_there(verb: str, path: str) -> None:
    assert TABLE.match(verb, path) is None
