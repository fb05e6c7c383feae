"""Sizes that hold for every kind of API: https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html."""

from __future__ import annotations

MAX_BODY = 10 * 1024 * 1024
