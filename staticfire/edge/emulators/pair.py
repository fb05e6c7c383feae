"""Two emulators called as one: LocalStack, and MiniStack for what LocalStack's free edition cannot do here.

LocalStack answers the services in `LOCALSTACK`. MiniStack, its filler, answers everything else:

| service                                       | why                                                                  |
| --------------------------------------------- | -------------------------------------------------------------------- |
| rds, ecr, budgets, cognito-idp,               | not in the free edition ("not included in your current license")     |
| and all others that are not here              |                                                                      |
| scheduler                                     | its schedules never fire                                             |

The filler lives and dies with LocalStack's state: when that is lost, the filler is emptied before anybody hears of
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

from .localstack.state import LocalStackState
from .ministack import MiniStack

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


class PairedEmulator(Emulator):
    """LocalStack for its own services, MiniStack for all others."""

    def __init__(self, localstack: Emulator, ministack: Emulator) -> None:
        super().__init__(localstack.base_url, localstack.client, name=localstack.name, log=localstack.log)
        self._localstack = localstack
        self._ministack = ministack

    async def forward(self, scope: Scope, service: str, request: Request) -> Response:
        if service in LOCALSTACK:
            return await self._localstack.forward(scope, service, request)
        request.raw = b""  # it is signed anew on its way, so it cannot go as it came
        return await super().forward(scope, service, request)

    async def at(self, target: str, service: str, request: Request, limit: int) -> Response:
        emulator = self._localstack if service in LOCALSTACK else self._ministack
        return await emulator.at(target, service, request, limit)

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
            return await self._localstack.raw(scope, service, method, target, headers, body, as_is=as_is)
        # A session key is known to LocalStack's STS alone; MiniStack gets the account that it stands for.
        sent = [header for header in headers if header[0].lower() not in _SIGNED]
        sent.append(("authorization", anonymous_authorization(scope, service)))
        return await self._ministack.raw(scope, service, method, target, sent, body, as_is=as_is)


class PairedState:
    """The state of both as one: what names its life, and what happens when it is lost."""

    def __init__(self, localstack: LocalStackState, filler: MiniStack) -> None:
        self.lost: Callable[[], Awaitable[None]] | None = None  # awaited when LocalStack's state is gone
        self._localstack = localstack
        self._filler = filler
        self._last_life = ""
        self._asking = asyncio.Lock()

    async def health(self) -> dict[str, Any]:
        return await self._localstack.health()

    async def instance(self) -> str:
        async with self._asking:
            life = await self._localstack.instance()
            if not life:
                return ""
            if self._last_life not in ("", life):
                log.warning("LocalStack's state is gone: the filler's goes too")
                await self._filler.empty()
                if self.lost is not None:
                    await self.lost()
            self._last_life = life
            return f"{life}-{await self._filler.instance()}"

    async def save(self) -> dict[str, Any]:
        return {"kept": False}  # LocalStack's free edition keeps nothing over a restart
