"""Tags of APIs, stages, VPC links and domain names, by their ARNs."""

from __future__ import annotations

import re

from staticfire.edge.aws.calls import Call, Scope
from staticfire.edge.aws.protocol import Params
from staticfire.edge.services.apigateway.common.tags import check_tags
from staticfire.edge.store import Key

from .called import bad_request, missing
from .records import DOMAIN_NAMES, Record, V2Records

_ARN = re.compile(r"arn:aws[a-z-]*:apigateway:(?P<region>[^:]*)::/(?P<path>.+)")
_PATHS = (
    (re.compile(r"apis/([^/]+)/stages/([^/]+)"), "stage"),
    (re.compile(r"apis/([^/]+)"), "api"),
    (re.compile(r"vpclinks/([^/]+)"), "vpc-link"),
    (re.compile(r"domainnames/([^/]+)"), "domain-name"),
)
# The locks of what belongs to no API.
_LOCKS = {"vpc-link": "", "domain-name": DOMAIN_NAMES}


class V2TagOperations:
    def __init__(self, records: V2Records) -> None:
        self._records = records

    async def get(self, call: Call, params: Params) -> Record:
        _, record = self._tagged(call.scope, params["ResourceArn"])
        return {"Tags": _tags(record)}

    async def tag(self, call: Call, params: Params) -> None:
        await self._change(call.scope, params["ResourceArn"], params.get("Tags") or {}, [])

    async def untag(self, call: Call, params: Params) -> None:
        await self._change(call.scope, params["ResourceArn"], {}, params["TagKeys"])

    async def _change(self, scope: Scope, arn: str, added: dict[str, str], removed: list[str]) -> None:
        key, _ = self._tagged(scope, arn)
        async with self._records.changing(_LOCKS.get(key.kind, key.id.partition(":")[0])):
            key, record = self._tagged(scope, arn)
            tags = {name: value for name, value in {**_tags(record), **added}.items() if name not in removed}
            check_tags(tags)
            await self._records.write({key: {**record, "Tags": tags}})

    def _tagged(self, scope: Scope, arn: str) -> tuple[Key, Record]:
        match = _ARN.fullmatch(arn)
        if match is None:
            raise bad_request(f"Invalid resource ARN specified: {arn}")
        place = Scope(scope.account, match["region"] or scope.region)
        for pattern, kind in _PATHS:
            if (parts := pattern.fullmatch(match["path"])) is None:
                continue
            key = self._records.key(place, kind, *parts.groups())
            record = self._records.get(place, kind, *parts.groups())
            if record is None:
                raise missing(f"Invalid resource ARN specified: nothing is there that {arn} names")
            return key, record
        raise bad_request(f"Invalid resource ARN specified: {arn} names nothing that has tags")


def _tags(record: Record) -> dict[str, str]:
    return dict(record.get("Tags") or {})
