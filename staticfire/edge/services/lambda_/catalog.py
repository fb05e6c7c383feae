"""What a reference means: functions, versions and aliases as the store describes them, kept until a write.

Reading is the store's, which waits for nothing; what an invocation asks is kept besides, so that a warm one reads none.
"""

from __future__ import annotations

import json
import random
from typing import Any

from staticfire.edge.aws.calls import AwsError, Scope
from staticfire.edge.store import Store

from .brought_layers import content_for
from .code import Fetch
from .function_records import FunctionRecords, Record
from .model import LATEST, FunctionConfig, FunctionRef

# Versions behind a reference, with the share of invocations that each gets.
Weighted = tuple[tuple[FunctionConfig, float], ...]

NOT_BROUGHT = (
    "{function} uses the layer {arn} of another account, which is not here. `staticfire up` brings those that the "
    "stack's Terraform names: from PyPI, or from the file that [layers] of staticfire.toml names."
)


class FunctionCatalog:
    def __init__(self, store: Store) -> None:
        self.records = FunctionRecords(store)
        self._resolved: dict[FunctionRef, Weighted] = {}
        self._policies: dict[FunctionRef, Record] = {}
        self._reserved: dict[Scope, int] = {}

    def cached(self, ref: FunctionRef) -> FunctionConfig | None:
        """What was resolved before."""
        versions = self._resolved.get(ref)
        return None if versions is None else _draw(versions)

    async def resolve(self, ref: FunctionRef) -> FunctionConfig:
        config = self.cached(ref)
        if config is not None:
            return config
        versions = self._resolved[ref] = self._resolve(ref)
        return _draw(versions)

    async def event_config(self, ref: FunctionRef) -> dict[str, Any]:
        """GetFunctionEventInvokeConfig; empty if there is none."""
        return self.records.get(ref.scope, "event-invoke-config", ref.name, ref.qualifier or LATEST) or {}

    async def policy(self, ref: FunctionRef) -> dict[str, Any]:
        """GetPolicy; empty if there is none."""
        policy = self._policies.get(ref)
        if policy is None:
            qualifier = "" if ref.qualifier in (None, LATEST) else ref.qualifier
            policy = told_policy(self.records.get(ref.scope, "policy", ref.name, qualifier or ""))
            self._policies[ref] = policy
        return policy

    def forget(self, scope: Scope, name: str) -> None:
        self._reserved.pop(scope, None)
        for kept in (self._resolved, self._policies):
            for ref in [ref for ref in kept if ref.name == name and ref.scope == scope]:
                del kept[ref]

    def forget_all(self) -> None:
        self._resolved.clear()
        self._policies.clear()
        self._reserved.clear()

    def reserved(self, scope: Scope) -> int:
        """What the functions of an account and region have reserved for themselves."""
        total = self._reserved.get(scope)
        if total is None:
            reservations = self.records.list(scope, "reserved-concurrency")
            total = self._reserved[scope] = sum(reservation["reserved"] for reservation in reservations)
        return total

    def code_of(self, config: FunctionConfig) -> Fetch:
        return lambda: _lost(config.name)

    async def layer(self, config: FunctionConfig, arn: str) -> tuple[str, Fetch]:
        """A layer version's CodeSha256, and how to get it where it does not lie among the code."""
        *_, region, account, _, layer, version = arn.split(":")
        record = self.records.get(Scope(account, region), "layer-version", layer, version.zfill(10))
        content = None if record is None else content_for(record, config.runtime)
        if content is None and account != config.scope.account:
            raise AwsError(502, "InvalidLayerException", NOT_BROUGHT.format(function=config.name, arn=arn))
        if content is None:
            raise AwsError(
                400,
                "InvalidLayerException",
                f"{config.name} uses the layer {arn}, which is not here. Make one of the same content in the stack.",
            )
        return content["CodeSha256"], lambda: _lost(arn)

    def _resolve(self, ref: FunctionRef) -> Weighted:
        qualifier = ref.qualifier or LATEST
        weights = {qualifier: 1.0}
        if qualifier != LATEST and not qualifier.isdigit():
            alias = self.records.get(ref.scope, "alias", ref.name, qualifier)
            if alias is None:
                raise not_found(ref)
            extra: dict[str, float] = (alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
            weights = {alias["FunctionVersion"]: 1.0 - sum(extra.values()), **extra}
        return tuple([(self._described(ref, version), weight) for version, weight in weights.items()])

    def _described(self, ref: FunctionRef, version: str) -> FunctionConfig:
        described = self.records.described(ref.scope, ref.name, version)
        if described is None:
            raise not_found(ref)
        return FunctionConfig.read(ref.scope, described)


def not_found(ref: FunctionRef) -> AwsError:
    arn = ref._replace(qualifier=ref.qualifier or LATEST).arn
    return AwsError(404, "ResourceNotFoundException", f"Function not found: {arn}")


def told_policy(policy: Record | None) -> Record:
    """As GetPolicy tells it; empty where there is none."""
    if policy is None:
        return {}
    document = {"Version": "2012-10-17", "Id": "default", "Statement": policy["statements"]}
    return {"Policy": json.dumps(document, separators=(",", ":")), "RevisionId": policy["revision"]}


async def _lost(what: str) -> bytes:
    raise AwsError(
        500, "InvalidCodeException", f"The code of {what} is not in the state directory any more: deploy it again."
    )


def _draw(versions: Weighted) -> FunctionConfig:
    if len(versions) == 1:
        return versions[0][0]
    return random.choices([config for config, _ in versions], [weight for _, weight in versions])[0]
