"""Two emulators called as one: LocalStack, and MiniStack for what LocalStack's free edition lacks or cannot do here.

LocalStack answers the services in `LOCALSTACK`. Everything else is the filler's:

| service                                       | why                                                                  |
| --------------------------------------------- | -------------------------------------------------------------------- |
| apigateway (HTTP APIs), rds, ecr, budgets,    | not in the free edition ("not included in your current license")     |
| cognito-idp, and all others that are not here |                                                                      |
| lambda                                        | without a Docker socket no function of it ever becomes Active        |
| scheduler                                     | its schedules never fire                                             |

The filler lives and dies with LocalStack's state: when that is lost, the filler is emptied before anybody is told of
the new instance, so that Terraform, whose state is in LocalStack's S3, never meets half of an earlier stack.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any

from staticfire.edge.aws.calls import Scope, anonymous_authorization
from staticfire.edge.aws.emulator import Emulator
from staticfire.edge.http1.client import ClientResponse
from staticfire.edge.http1.messages import Request, Response

from .ministack import External, MiniStack

log = logging.getLogger(__name__)

# Names as in a signature's credential scope.
LOCALSTACK = frozenset(
    (
        "acm",
        "cloudformation",
        "config",
        "dynamodb",
        "ec2",
        "es",
        "events",
        "firehose",
        "iam",
        "kinesis",
        "kms",
        "logs",
        "monitoring",
        "redshift",
        "resource-groups",
        "route53",
        "route53resolver",
        "s3",
        "secretsmanager",
        "ses",
        "sns",
        "sqs",
        "ssm",
        "states",
        "sts",
        "support",
        "swf",
        "tagging",
        "transcribe",
    )
)

_SIGNED = ("authorization", "x-amz-security-token")


class Backends(Emulator):
    """The emulator for its own services, the filler for all others."""

    def __init__(self, emulator: Emulator, filler: Emulator) -> None:
        super().__init__(emulator.base_url, emulator.client, name=emulator.name, log=emulator.log)
        self._emulator = emulator
        self._filler = filler

    async def forward(self, scope: Scope, service: str, request: Request) -> Response:
        if service in LOCALSTACK:
            return await self._emulator.forward(scope, service, request)
        request.raw = b""  # it is signed anew on its way, so it cannot go as it came
        return await super().forward(scope, service, request)

    async def raw(
        self,
        scope: Scope,
        service: str,
        method: str,
        target: str,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes | AsyncIterator[bytes] = b"",
        *,
        as_is: bool = False,
    ) -> ClientResponse:
        if service in LOCALSTACK:
            return await self._emulator.raw(scope, service, method, target, headers, body, as_is=as_is)
        # A session key is known to LocalStack's STS alone; the filler is told the account that it stands for.
        sent = [header for header in headers if header[0].lower() not in _SIGNED]
        sent.append(("authorization", anonymous_authorization(scope, service)))
        return await self._filler.raw(scope, service, method, target, sent, body, as_is=as_is)


class Pair:
    """The state of both as one: what names its life, and what happens when it is lost."""

    def __init__(self, external: External, filler: MiniStack) -> None:
        self.lost: Callable[[], Awaitable[None]] | None = None  # awaited when the emulator's state was found gone
        self.invoke_token = filler.invoke_token
        self._external = external
        self._filler = filler
        self._seen = ""
        self._asking = asyncio.Lock()

    async def health(self) -> dict[str, Any]:
        return await self._external.health()

    async def instance(self) -> str:
        """Empty while it cannot be told."""
        await self._asking.acquire()
        try:
            found = await self._external.instance()
            if not found:
                return ""
            if self._seen not in ("", found):
                log.warning("the emulator's state is gone: the filler's goes too")
                await self._filler.empty()
                if self.lost is not None:
                    await self.lost()
            self._seen = found
            return f"{found}-{await self._filler.instance()}"
        finally:
            self._asking.release()

    def emptied(self) -> None:
        self._filler.emptied()
