"""VPC links: described. Nothing here leads into a VPC, so an integration over one says so when it is called."""

from __future__ import annotations

from staticfire.edge.aws.calls import Call
from staticfire.edge.aws.protocol import Params
from staticfire.edge.services.apigateway.common.tags import check_tags

from .called import bad_request, merged, missing, new_id, now, page_of
from .records import Record, V2Records


class V2VpcLinkOperations:
    def __init__(self, records: V2Records) -> None:
        self._records = records

    async def create(self, call: Call, params: Params) -> Record:
        check_tags(params.get("Tags") or {})
        async with self._records.changing():
            taken = (str(link["VpcLinkId"]) for link in self._records.list(call.scope, "vpc-link"))
            link: Record = {
                "CreatedDate": now(),
                "Name": params["Name"],
                "SecurityGroupIds": params.get("SecurityGroupIds") or [],
                "SubnetIds": params["SubnetIds"],
                "Tags": params.get("Tags") or {},
                "VpcLinkId": new_id(taken, 6),
                "VpcLinkStatus": "AVAILABLE",
                "VpcLinkStatusMessage": "VPC link is ready to route traffic",
                "VpcLinkVersion": "V2",
            }
            await self._records.put(call.scope, "vpc-link", link["VpcLinkId"], record=link)
        return link

    async def get(self, call: Call, params: Params) -> Record:
        return self._named(call, params)

    async def list_all(self, call: Call, params: Params) -> Record:
        return page_of(self._records.list(call.scope, "vpc-link"), params, "VpcLinkId")

    async def update(self, call: Call, params: Params) -> Record:
        async with self._records.changing():
            link = merged(self._named(call, params), {"Name": params["Name"]} if "Name" in params else {})
            if not link.get("Name"):
                raise bad_request("Name must not be empty")
            await self._records.put(call.scope, "vpc-link", params["VpcLinkId"], record=link)
        return link

    async def delete(self, call: Call, params: Params) -> None:
        async with self._records.changing():
            self._named(call, params)
            await self._records.delete(call.scope, "vpc-link", params["VpcLinkId"])

    def _named(self, call: Call, params: Params) -> Record:
        link = self._records.get(call.scope, "vpc-link", params["VpcLinkId"])
        if link is None:
            raise missing("Invalid VpcLink identifier specified")
        return link
