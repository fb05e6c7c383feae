"""Token buckets."""

from __future__ import annotations

import pytest

from staticfire.edge.services.apigateway.common.settings import RouteSettings
from staticfire.edge.services.apigateway.common.throttle import Bucket, Buckets


def test_a_full_bucket_gives_its_burst_and_then_its_rate() -> None:
    bucket = Bucket(rate=2, burst=3)
    assert [bucket.take(10.0) for _ in range(4)] == [True, True, True, False]
    assert [bucket.take(10.5) for _ in range(2)] == [True, False]
    assert [bucket.take(100.0) for _ in range(4)] == [True, True, True, False]


@pytest.mark.parametrize(("rate", "burst"), [(0, 5), (5, 0), (0, 0)])
def test_a_limit_of_zero_refuses_everything(rate: int, burst: int) -> None:
    bucket = Bucket(rate, burst)
    assert [bucket.take(now) for now in (0.0, 1000.0)] == [False, False]


def test_without_a_limit_there_is_no_bucket() -> None:
    assert Buckets().get("api", "stage", "GET /", RouteSettings()) is None


def test_a_bucket_outlives_its_description_until_its_limits_change() -> None:
    buckets = Buckets()
    first = buckets.get("api", "s", "GET /", RouteSettings(rate=1, burst=1))
    assert buckets.get("api", "s", "GET /", RouteSettings(rate=1, burst=1, detailed_metrics=True)) is first
    assert buckets.get("api", "s", "GET /", RouteSettings(rate=2, burst=1)) is not first
    assert buckets.get("api", "s", "GET /b", RouteSettings(rate=2, burst=1)) is not first


def test_a_deleted_apis_buckets_are_gone() -> None:
    buckets = Buckets()
    first = buckets.get("api", "s", "GET /", RouteSettings(rate=1, burst=1))
    buckets.forget("api")
    assert buckets.get("api", "s", "GET /", RouteSettings(rate=1, burst=1)) is not first
