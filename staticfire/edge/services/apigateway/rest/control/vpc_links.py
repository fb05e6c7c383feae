"""VPC links of REST APIs, as they are described: there is no VPC here that one could lead into."""

from __future__ import annotations

from staticfire.edge.aws.calls import Call, Scope
from staticfire.edge.aws.protocol import Params
from staticfire.edge.services.apigateway.rest.records import Record, RestRecords

from . import patches
from .common import bad_request, in_order, made, new_id, not_found, page, with_tags

PATHS = ("/name", "/description")
READY = "Your vpc link is ready for use"


class VpcLinkOperations:
    def __init__(self, records: RestRecords) -> None:
        self._records = records

    async def create(self, call: Call, params: Params) -> Record:
        if not params["name"]:
            raise bad_request("Name cannot be empty")
        for arn in params["targetArns"]:
            if len(arn.split(":", 5)) != 6 or not arn.startswith("arn:"):
                raise bad_request(f"Invalid ARN. ARN is not well formed {arn}")
        link = made({"id": new_id(), "name": params["name"], "targetArns": params["targetArns"]})
        link |= {member: params[member] for member in ("description", "tags") if params.get(member)}
        ready = {**link, "status": "AVAILABLE", "statusMessage": READY}
        await self._records.put(call.scope, "rest-vpc-link", link["id"], record=ready)
        return {**link, "status": "PENDING"}

    async def get(self, call: Call, params: Params) -> Record:
        return with_tags(self._required(call.scope, params))

    async def list_all(self, call: Call, params: Params) -> Record:
        return page(in_order(self._records.list(call.scope, "rest-vpc-link")), params)

    async def update(self, call: Call, params: Params) -> Record:
        async with self._records.changing(call.scope):
            link = self._required(call.scope, params)
            for patch in patches.read(params):
                patches.supported(patch, PATHS)
                if patch.top == "name" and not patch.value:
                    raise bad_request("Name cannot be empty")
                patches.set_or_drop(link, patch.top, patch.value)
            await self._records.put(call.scope, "rest-vpc-link", link["id"], record=link)
        return with_tags(link)

    async def delete(self, call: Call, params: Params) -> None:
        self._required(call.scope, params)
        await self._records.delete(call.scope, "rest-vpc-link", params["vpcLinkId"])

    def _required(self, scope: Scope, params: Params) -> Record:
        link = self._records.get(scope, "rest-vpc-link", params["vpcLinkId"])
        if link is None:
            raise not_found("Invalid Vpc Link identifier specified")
        return link
