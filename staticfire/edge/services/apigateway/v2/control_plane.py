"""The table of all operations of apigatewayv2."""

from __future__ import annotations

from collections.abc import Mapping

from staticfire.edge.aws.calls import AwsError, Call
from staticfire.edge.aws.protocol import Operations, Wording
from staticfire.edge.aws.protocol.operations import Carry
from staticfire.edge.http1.messages import Response

from . import kinds
from .apis import MappedDomains, V2ApiOperations
from .called import api_of, missing
from .changes import Changes
from .deployments import V2DeploymentOperations
from .documents import V2DocumentOperations
from .parts import PartOperations
from .quick_create import QuickCreate
from .records import V2Records
from .stages import V2StageOperations
from .tags import V2TagOperations
from .templates import ModelTemplates
from .vpc_links import V2VpcLinkOperations


class V2ControlPlane:
    """What describes HTTP and WebSocket APIs. `add` takes the operations that others have (domain names)."""

    def __init__(self, records: V2Records, authority: str, mapped: MappedDomains) -> None:
        self._records = records
        changes = Changes(records)
        parts = {kind.kind: PartOperations(records, changes, kind) for kind in kinds.KINDS}
        quick = QuickCreate(changes, parts["route"], parts["integration"])
        apis = V2ApiOperations(records, changes, quick, authority, mapped)
        stages = V2StageOperations(records, changes, mapped)
        deployments = V2DeploymentOperations(records, changes)
        links = V2VpcLinkOperations(records)
        tags = V2TagOperations(records)
        documents = V2DocumentOperations(records, changes, apis, parts)
        self._changes = changes
        table: dict[str, Carry] = {
            "CreateApi": apis.create,
            "GetApi": apis.get,
            "GetApis": apis.list_all,
            "UpdateApi": apis.update,
            "DeleteApi": apis.delete,
            "DeleteCorsConfiguration": apis.delete_cors,
            "CreateStage": stages.create,
            "GetStage": stages.get,
            "GetStages": stages.list_all,
            "UpdateStage": stages.update,
            "DeleteStage": stages.delete,
            "DeleteRouteSettings": stages.delete_route_settings,
            "DeleteAccessLogSettings": stages.delete_access_logs,
            "CreateDeployment": deployments.create,
            "GetDeployment": deployments.get,
            "GetDeployments": deployments.list_all,
            "UpdateDeployment": deployments.update,
            "DeleteDeployment": deployments.delete,
            "CreateVpcLink": links.create,
            "GetVpcLink": links.get,
            "GetVpcLinks": links.list_all,
            "UpdateVpcLink": links.update,
            "DeleteVpcLink": links.delete,
            "ImportApi": documents.create,
            "ReimportApi": documents.replace,
            "ExportApi": documents.export,
            "GetTags": tags.get,
            "TagResource": tags.tag,
            "UntagResource": tags.untag,
            "GetModelTemplate": ModelTemplates(records).get,
            "DeleteRouteRequestParameter": self._delete_request_parameter,
            "ResetAuthorizersCache": self._reset_authorizers,
        }
        for operations in parts.values():
            table |= operations.table()
        self._operations = Operations("apigatewayv2", table, Wording(error="BadRequestException"), alone=True)

    def add(self, table: Mapping[str, Carry]) -> None:
        """More operations of the same service."""
        self._operations.add(table)

    async def answer(self, call: Call) -> Response:
        response = await self._operations.answer(call)
        if response is None:
            request = call.request
            raise AwsError(
                501,
                "NotImplementedException",
                f"{request.method} {request.path} of apigatewayv2 is not available here: see docs/fidelity.md.",
            )
        return response

    async def _delete_request_parameter(self, call: Call, params: dict[str, str]) -> None:
        api_id, key = params["ApiId"], params["RequestParameterKey"]
        async with self._records.changing(api_id):
            api_of(self._records, call, api_id)
            route = self._records.get(call.scope, "route", api_id, params["RouteId"])
            parameters = dict((route or {}).get("RequestParameters") or {})
            if route is None or parameters.pop(key, None) is None:
                raise missing("Invalid Route identifier or request parameter specified")
            changed = {**route, "RequestParameters": parameters}
            if not parameters:
                del changed["RequestParameters"]
            place = self._records.key(call.scope, "route", api_id, params["RouteId"])
            await self._changes.write(call.scope, api_id, {place: changed})

    async def _reset_authorizers(self, call: Call, params: dict[str, str]) -> None:
        """What authorizers remember goes with what is compiled of the stage."""
        api_id = params["ApiId"]
        async with self._records.changing(api_id):
            api_of(self._records, call, api_id)
            stage = self._records.get(call.scope, "stage", api_id, params["StageName"])
            if stage is None:
                raise missing("Invalid stage identifier specified")
            await self._records.put(call.scope, "stage", api_id, params["StageName"], record=stage)
