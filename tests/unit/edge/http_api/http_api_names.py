"""The account and the region that the tests work in."""

from __future__ import annotations

from staticfire.edge.aws import Scope

ACCOUNT = "123456789012"
REGION = "eu-west-1"
SCOPE = Scope(ACCOUNT, REGION)
