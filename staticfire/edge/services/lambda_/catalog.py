"""What a reference means: functions, versions and aliases, learned from the emulator, kept until a write.

Writes that go through the edge drop what they change. A change made behind the edge's back is seen after `reset`.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlsplit

from staticfire.edge.aws.calls import AwsError, Scope

from .code import Fetch
from .model import LATEST, FunctionConfig, FunctionRef
from .public_layers import ARN, BroughtLayers

if TYPE_CHECKING:
    from staticfire.edge.aws.emulator import Emulator

log = logging.getLogger(__name__)

T = TypeVar("T")

# A function's name in its scope.
Name = tuple[Scope, str]

# Versions behind a reference, with the share of invocations that each gets.
Weighted = tuple[tuple[FunctionConfig, float], ...]

NOT_BROUGHT = (
    "{function} uses the layer {arn} of another account, which is not here. `staticfire up` brings those that the "
    "stack's Terraform names: from PyPI, or from the file that [layers] of staticfire.toml names."
)
LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")
LOCAL_SUFFIXES = (".localhost", ".localhost.localstack.cloud")


class FunctionCatalog:
    """Answers are cached for each (function, what was asked); concurrent questions share one call."""

    def __init__(self, emulator: Emulator, public_layers: BroughtLayers) -> None:
        self._emulator = emulator
        self._public_layers = public_layers
        self._resolved: dict[FunctionRef, Weighted] = {}
        self._reserved: dict[Scope, int] = {}
        self._answers: dict[Name, dict[str, asyncio.Task[Any]]] = {}

    def cached(self, ref: FunctionRef) -> FunctionConfig | None:
        """Without a wait, where the reference has been resolved before."""
        versions = self._resolved.get(ref)
        return None if versions is None else _draw(versions)

    async def resolve(self, ref: FunctionRef) -> FunctionConfig:
        config = self.cached(ref)
        if config is not None:
            return config
        versions: Weighted = await self._ask(ref, f"resolve {ref.qualifier}", lambda: self._resolve(ref))
        return _draw(versions)

    async def event_config(self, ref: FunctionRef) -> dict[str, Any]:
        """GetFunctionEventInvokeConfig; empty if there is none."""
        qualifier = f"?Qualifier={quote(ref.qualifier)}" if ref.qualifier else ""
        path = f"/2019-09-25/functions/{ref.name}/event-invoke-config{qualifier}"
        return await self._ask(ref, path, lambda: self._optional(ref.scope, path))

    async def policy(self, ref: FunctionRef) -> dict[str, Any]:
        """GetPolicy; empty if there is none."""
        return await self._ask(ref, f"policy {ref.qualifier}", lambda: self._policy(ref))

    def forget(self, scope: Scope, name: str) -> None:
        self._answers.pop((scope, name), None)
        self._reserved.clear()
        for ref in [ref for ref in self._resolved if ref.name == name and ref.scope == scope]:
            del self._resolved[ref]

    def forget_all(self) -> None:
        self._answers.clear()
        self._resolved.clear()
        self._reserved.clear()

    def reserved(self, scope: Scope) -> int:
        """What the resolved functions of an account and region have reserved for themselves."""
        total = self._reserved.get(scope)
        if total is None:
            resolved = ((ref.name, versions) for ref, versions in self._resolved.items() if ref.scope == scope)
            reserved = {name: versions[0][0].reserved or 0 for name, versions in resolved}
            total = self._reserved[scope] = sum(reserved.values())
        return total

    def code_of(self, config: FunctionConfig) -> Fetch:
        return lambda: self.download(config.scope, config.code_location)

    async def layer(self, config: FunctionConfig, arn: str) -> tuple[str, Fetch]:
        """A layer version's CodeSha256, and how to get it."""
        owner = ARN.fullmatch(arn)
        if owner is not None and owner[1] != config.scope.account:
            public = await self._public_layers.get(arn, config.runtime)
            if public is None:
                raise AwsError(502, "InvalidLayerException", NOT_BROUGHT.format(function=config.name, arn=arn))
            return public.code_sha256, public.fetch
        path = f"/2018-10-31/layers?find=LayerVersion&Arn={quote(arn, safe='')}"
        content = (await self._emulator.rest(config.scope, "lambda", "GET", path)).get("Content", {})
        if "CodeSha256" not in content:
            raise AwsError(
                502,
                "InvalidLayerException",
                f"{config.name} uses the layer {arn}, which is not here. Make one of the same content in the stack.",
            )
        return content["CodeSha256"], lambda: self.download(config.scope, content["Location"])

    async def download(self, scope: Scope, location: str) -> bytes:
        """An emulator names itself in such a URL as its clients may see it; here it is asked at its own address."""
        url = urlsplit(location)
        host = url.hostname or ""
        if host not in LOCAL_HOSTS and not host.endswith(LOCAL_SUFFIXES):
            raise AwsError(
                500, "InvalidCodeException", f"The code's location is not at the emulator but at {host!r}: not fetched."
            )
        target = f"{url.path}?{url.query}" if url.query else url.path
        response = await self._emulator.raw(scope, "lambda", "GET", target, [("host", url.netloc)], b"")
        data = await self._emulator.whole(response)
        if response.status != 200:
            raise AwsError(
                500, "InvalidCodeException", f"The emulator answered {response.status} to the download of {url.path}"
            )
        return data

    async def _resolve(self, ref: FunctionRef) -> Weighted:
        qualifier = ref.qualifier or LATEST
        weights = {qualifier: 1.0}
        if qualifier != LATEST and not qualifier.isdigit():
            weights = await self._versions(ref, qualifier)
        versions = tuple([(await self._describe(ref, version), weight) for version, weight in weights.items()])
        if f"resolve {ref.qualifier}" in self._answers.get((ref.scope, ref.name), {}):
            self._resolved[ref] = versions
            self._reserved.clear()
        return versions

    async def _versions(self, ref: FunctionRef, alias: str) -> dict[str, float]:
        try:
            path = f"/2015-03-31/functions/{ref.name}/aliases/{quote(alias)}"
            described = await self._emulator.rest(ref.scope, "lambda", "GET", path)
        except AwsError as error:
            if error.status == 404:
                raise AwsError(404, "ResourceNotFoundException", f"Function not found: {ref.arn}") from error
            raise
        extra: dict[str, float] = (described.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
        return {described["FunctionVersion"]: 1.0 - sum(extra.values()), **extra}

    async def _describe(self, ref: FunctionRef, version: str) -> FunctionConfig:
        query = "" if version == LATEST else f"?Qualifier={version}"
        path = f"/2015-03-31/functions/{ref.name}{query}"
        try:
            return FunctionConfig.read(ref.scope, await self._emulator.rest(ref.scope, "lambda", "GET", path))
        except AwsError as error:
            if error.status == 404:
                raise AwsError(404, "ResourceNotFoundException", f"Function not found: {ref.arn}") from error
            raise

    async def _policy(self, ref: FunctionRef) -> dict[str, Any]:
        qualifier = f"?Qualifier={quote(ref.qualifier)}" if ref.qualifier and ref.qualifier != LATEST else ""
        return await self._optional(ref.scope, f"/2015-03-31/functions/{ref.name}/policy{qualifier}")

    async def _optional(self, scope: Scope, path: str) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = await self._emulator.rest(scope, "lambda", "GET", path)
        except AwsError as error:
            if error.status == 404:
                return {}
            raise
        return answer

    async def _ask(self, ref: FunctionRef, question: str, call: Callable[[], Awaitable[T]]) -> T:
        answers = self._answers.setdefault((ref.scope, ref.name), {})
        task = answers.get(question)
        if task is None:
            task = answers[question] = asyncio.ensure_future(call())
            task.add_done_callback(lambda task: self._answered(ref, question, task))
        answer: T = task.result() if task.done() else await asyncio.shield(task)
        return answer

    def _answered(self, ref: FunctionRef, question: str, task: asyncio.Task[Any]) -> None:
        """Errors are not kept: callers name functions that do not exist, without an end."""
        answers = self._answers.get((ref.scope, ref.name), {})
        if (task.cancelled() or task.exception() is not None) and answers.get(question) is task:
            del answers[question]
            if not answers:
                del self._answers[ref.scope, ref.name]


def _draw(versions: Weighted) -> FunctionConfig:
    if len(versions) == 1:
        return versions[0][0]
    return random.choices([config for config, _ in versions], [weight for _, weight in versions])[0]
