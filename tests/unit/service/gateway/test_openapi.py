"""The OpenAPI document says what the code and the Terraform do: the same routes, the same body."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from servicekit.errors import Refused

from tests.unit.service import openapi

DOCUMENT = openapi.read("gateway")
STACK = Path(__file__).parents[4] / "infra/stacks/gateway/main.tf"


def test_the_document_has_the_routes_of_the_code() -> None:
    from gateway.api import OWN_ROUTES

    assert openapi.routes(DOCUMENT) == set(OWN_ROUTES)


def test_the_http_api_has_the_routes_of_the_code() -> None:
    from gateway.api import OWN_ROUTES

    [listed] = re.findall(r"own_routes = \[(.*?)\]", STACK.read_text(encoding="utf-8"), re.DOTALL)

    assert set(re.findall(r'"(.+?)"', listed)) == {*OWN_ROUTES, "ANY /", "ANY /{proxy+}"}


def test_the_document_itself_is_right() -> None:
    for name in DOCUMENT["components"]["schemas"]:
        Draft202012Validator.check_schema(openapi.schema(DOCUMENT, name).schema)


@given(
    st.dictionaries(
        st.sampled_from(["seconds", "user"]), st.integers(-1, 600) | st.sampled_from([None, True, "60", 1.5, [], {}])
    )
)
def test_the_document_and_the_code_take_the_same_bodies(body: dict[str, Any]) -> None:
    is_valid = openapi.schema(DOCUMENT, "LogIn").is_valid(body)

    assert takes(body) == is_valid


def takes(body: dict[str, Any]) -> bool:
    from gateway.api import log_in_seconds

    try:
        log_in_seconds(json.dumps(body).encode(), 600)
    except Refused:
        return False
    return True
