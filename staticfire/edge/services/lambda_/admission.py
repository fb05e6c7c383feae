"""Admission: how many invocations run at once, of one function and of an account's functions together.

An invocation takes a lease before it runs. The lease is given back when the invocation has ended, whatever became of
its caller. Over a limit nothing waits: AWS refuses an invocation that would exceed one.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from staticfire.edge.aws.calls import AwsError, Scope

from .catalog import FunctionCatalog
from .metrics import FunctionMetrics
from .model import FunctionConfig, FunctionRef


@dataclass(slots=True)
class Concurrency:
    """How many run now, and how many were refused."""

    in_flight: int = 0
    # Of these, those of versions for which nothing is provisioned.
    on_demand: int = 0
    throttles: int = 0


@dataclass(slots=True)
class Lease:
    """The right to run once: it counts for the function, and for its account unless the function has a reservation."""

    function: Concurrency
    account: Concurrency | None
    on_demand: int

    def give_back(self) -> None:
        self.function.in_flight -= 1
        self.function.on_demand -= self.on_demand
        if self.account is not None:
            self.account.in_flight -= 1


class Admission:
    """Reserved concurrency is a function's own, and is taken off what the account's other functions share.

    What is provisioned for a version is taken off what the function has reserved for its others.
    """

    def __init__(self, catalog: FunctionCatalog, metrics: FunctionMetrics, account_concurrency: int) -> None:
        self._catalog = catalog
        self._metrics = metrics
        self._account_concurrency = account_concurrency
        self._accounts: defaultdict[Scope, Concurrency] = defaultdict(Concurrency)

    def take(self, ref: FunctionRef, config: FunctionConfig, function: Concurrency, *, waits: bool = False) -> Lease:
        """Count an invocation in, or refuse it: unless it `waits` for its turn."""
        account, on_demand = None, not config.is_provisioned
        if config.reserved is None:
            account = self._accounts[config.scope]
            if not waits and account.in_flight >= self._account_concurrency - self._catalog.reserved(config.scope):
                raise self._throttle(ref, function, "ConcurrentInvocationLimitExceeded")
            account.in_flight += 1
        elif not waits and (
            function.in_flight >= config.reserved
            or (on_demand and function.on_demand >= config.reserved - config.provisioned)
        ):
            raise self._throttle(ref, function, "ReservedFunctionConcurrentInvocationLimitExceeded")
        function.in_flight += 1
        function.on_demand += on_demand
        return Lease(function, account, on_demand)

    def _throttle(self, ref: FunctionRef, function: Concurrency, reason: str) -> AwsError:
        function.throttles += 1
        self._metrics.count(ref.scope, ref.name, ref.qualifier or "", "Throttles")
        return AwsError(429, "TooManyRequestsException", "Rate Exceeded.", fields={"Reason": reason})
