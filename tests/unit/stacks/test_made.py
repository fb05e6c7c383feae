"""What `up` lists of a Terraform state."""

from __future__ import annotations

from typing import Any

import pytest

from staticfire.stacks.made import listed, made_by

ENDPOINT = "http://127.0.0.1:4566"


def state(kind: str, *attributes: dict[str, Any]) -> dict[str, Any]:
    instances = [{"attributes": values} for values in attributes]
    return {"resources": [{"mode": "managed", "type": kind, "instances": instances}]}


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("aws_cloudwatch_event_bus", "event bus  orders"),
        ("aws_cloudwatch_event_rule", "rule      orders"),
        ("aws_scheduler_schedule", "schedule  orders"),
    ],
)
def test_what_sets_functions_off_is_listed(kind: str, line: str) -> None:
    assert list(listed(made_by(state(kind, {"name": "orders"}), ENDPOINT))) == [line]


def test_more_than_four_of_a_kind_are_counted() -> None:
    rules = state("aws_cloudwatch_event_rule", *({"name": f"rule-{number}"} for number in range(5)))
    assert list(listed(made_by(rules, ENDPOINT))) == ["rule      5 of them"]
