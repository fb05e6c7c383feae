from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from usage.ledger import Totals

from tests.integration.service.kit import Stack


@pytest.fixture
def projection(bare_stack: Stack) -> Any:
    from servicekit.clients import client
    from servicekit.table import Table
    from usage.projection import Projection

    return Projection(Table.from_environment(client("dynamodb")))


def test_an_earlier_version_that_comes_later_changes_nothing(bare_stack: Stack, projection: Any) -> None:
    assert projection.put(Totals("u", 3, Decimal(30)))
    assert not projection.put(Totals("u", 2, Decimal(20)))
    assert not projection.put(Totals("u", 3, Decimal(30)))
    assert bare_stack.aggregates() == {"u": (3, Decimal(30))}


def test_an_aggregate_is_replaced_only_as_it_was_seen(bare_stack: Stack, projection: Any) -> None:
    projection.put(Totals("u", 9, Decimal(90)))
    seen = projection.read(["u", "nobody"])["u"]
    projection.put(Totals("u", 10, Decimal(100)))
    assert not projection.replace(Totals("u", 1, Decimal(1)), seen)
    assert projection.replace(Totals("u", 1, Decimal(1)), projection.read(["u"])["u"])
    assert bare_stack.aggregates() == {"u": (1, Decimal(1))}


def test_totals_of_many_digits_stay_exact(bare_stack: Stack, projection: Any) -> None:
    total = Decimal("12345678901234567890123456789012.123456")
    projection.put(Totals("u", 1, total))
    assert bare_stack.aggregates() == {"u": (1, total)}
    assert projection.read(["u"])["u"].total == total
