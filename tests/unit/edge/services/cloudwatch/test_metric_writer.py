"""What a metric's values become until they are published: few numbers, of which CloudWatch can tell percentiles."""

from __future__ import annotations

import math

from staticfire.edge.services.cloudwatch.metric_writer import Distribution


def spread(distribution: Distribution) -> list[float]:
    return sorted(value for value, count in distribution.values().items() for _ in range(count))


def test_number_sum_least_and_most_are_exact_and_percentiles_nearly() -> None:
    distribution, values = Distribution(), [1.5 + (number * 7919 % 1000) / 3 for number in range(1000)]
    for value in values:
        distribution.add(value)
    occurred = spread(distribution)
    assert len(distribution.values()) < 150
    assert (len(occurred), occurred[0], occurred[-1]) == (1000, min(values), max(values))
    assert math.isclose(sum(occurred), sum(values))
    for share in (500, 900, 990):
        assert math.isclose(occurred[share], sorted(values)[share], rel_tol=0.05)


def test_few_values_are_told_as_they_are() -> None:
    distribution = Distribution()
    for value in (0.0, 3.25, 250.0, 3.25):
        distribution.add(value)
    assert spread(distribution) == [0.0, 3.25, 3.25, 250.0]


def test_two_together_are_all_that_both_had() -> None:
    one, other = Distribution(), Distribution()
    one.merge(other)
    assert (one.count, spread(one)) == (0, [])
    other.add(5.0)
    one.merge(other)
    one.add(2.0)
    one.merge(other)
    assert (one.count, spread(one)) == (3, [2.0, 5.0, 5.0])
