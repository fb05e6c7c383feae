"""The table of all operations of REST APIs' API, but those of custom domains and their mappings."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from staticfire.edge.aws.calls import AwsError, Call
from staticfire.edge.aws.protocol import Operations, Params
from staticfire.edge.aws.protocol.operations import Carry
from staticfire.edge.http1.messages import Response
from staticfire.edge.services.apigateway.common.tags import check_tags
from staticfire.edge.services.apigateway.rest.records import RestRecords

from .account import RestAccountOperations
from .api_keys import ApiKeyOperations
from .apis import ApiOperations
from .authorizers import AuthorizerOperations
from .client_certificates import ClientCertificateOperations
from .common import MappedDomains, no_domains
from .deployments import DeploymentOperations
from .documentation import DocumentationOperations
from .documents import DocumentOperations
from .gateway_responses import GatewayResponseOperations
from .integration_responses import IntegrationResponseOperations
from .integrations import IntegrationOperations
from .method_responses import MethodResponseOperations
from .methods import MethodOperations
from .models import ModelOperations
from .resources import ResourceOperations
from .stages import StageOperations
from .tags import OtherTags, RestTagOperations
from .trying import TrialOperations, Trier
from .usage import UsageOperations
from .usage_plans import UsagePlanOperations
from .validators import ValidatorOperations
from .vpc_links import VpcLinkOperations
from .wording import WORDING


class RestControlPlane:
    """What describes REST APIs.

    `address`: the host and port below which APIs have names; `mapped`: the domains that lead to one; `trier`: serving.
    """

    def __init__(
        self, records: RestRecords, address: str, mapped: MappedDomains = no_domains, trier: Trier | None = None
    ) -> None:
        self._other_tags: dict[str, tuple[str, str, Callable[[], asyncio.Lock]]] = {}
        self._operations = Operations("apigateway", {}, WORDING, alone=True)
        for table in (
            _of_apis(records, mapped),
            _of_methods(records),
            _beside_methods(records),
            _of_stages(records, mapped),
            _of_callers(records),
            _of_account(records),
            _of_documents(records, address),
        ):
            self._operations.add({name: _with_tags_checked(carry) for name, carry in table.items()})
        tags = RestTagOperations(records, self._other_tags)
        self._operations.add({"GetTags": tags.get, "TagResource": tags.tag, "UntagResource": tags.untag})
        trials = TrialOperations(records, trier)
        self._operations.add({"TestInvokeMethod": trials.method, "TestInvokeAuthorizer": trials.authorizer})

    def add(self, table: Mapping[str, Carry], *, tags: OtherTags | None = None) -> None:
        """More operations; `tags`: further kinds of documents that have tags."""
        self._operations.add(table)
        self._other_tags |= tags or {}

    async def answer(self, call: Call) -> Response:
        response = await self._operations.answer(call)
        if response is None:
            request = call.request
            raise AwsError(
                501,
                "NotImplementedException",
                f"{request.method} {request.path} of the API Gateway API is not available here: see docs/fidelity.md.",
            )
        return response

    async def passed(self, call: Call, status: int) -> None:
        """Nothing passes."""


def _with_tags_checked(carry: Carry) -> Carry:
    """What makes something with tags refuses those that are AWS's own."""

    async def checked(call: Call, params: Params) -> Any:
        if params.get("tags"):
            check_tags(params["tags"])
        return await carry(call, params)

    return checked


def _of_apis(records: RestRecords, mapped: MappedDomains) -> dict[str, Carry]:
    apis, resources = ApiOperations(records, mapped), ResourceOperations(records)
    return {
        "CreateRestApi": apis.create,
        "GetRestApi": apis.get,
        "GetRestApis": apis.list_all,
        "UpdateRestApi": apis.update,
        "DeleteRestApi": apis.delete,
        "CreateResource": resources.create,
        "GetResource": resources.get,
        "GetResources": resources.list_all,
        "UpdateResource": resources.update,
        "DeleteResource": resources.delete,
    }


def _of_methods(records: RestRecords) -> dict[str, Carry]:
    methods, responses = MethodOperations(records), MethodResponseOperations(records)
    integrations, answers = IntegrationOperations(records), IntegrationResponseOperations(records)
    return {
        "PutMethod": methods.put,
        "GetMethod": methods.get,
        "UpdateMethod": methods.update,
        "DeleteMethod": methods.delete,
        "PutMethodResponse": responses.put,
        "GetMethodResponse": responses.get,
        "UpdateMethodResponse": responses.update,
        "DeleteMethodResponse": responses.delete,
        "PutIntegration": integrations.put,
        "GetIntegration": integrations.get,
        "UpdateIntegration": integrations.update,
        "DeleteIntegration": integrations.delete,
        "PutIntegrationResponse": answers.put,
        "GetIntegrationResponse": answers.get,
        "UpdateIntegrationResponse": answers.update,
        "DeleteIntegrationResponse": answers.delete,
    }


def _beside_methods(records: RestRecords) -> dict[str, Carry]:
    models, validators = ModelOperations(records), ValidatorOperations(records)
    authorizers, responses = AuthorizerOperations(records), GatewayResponseOperations(records)
    return {
        "CreateModel": models.create,
        "GetModel": models.get,
        "GetModels": models.list_all,
        "GetModelTemplate": models.template,
        "UpdateModel": models.update,
        "DeleteModel": models.delete,
        "CreateRequestValidator": validators.create,
        "GetRequestValidator": validators.get,
        "GetRequestValidators": validators.list_all,
        "UpdateRequestValidator": validators.update,
        "DeleteRequestValidator": validators.delete,
        "CreateAuthorizer": authorizers.create,
        "GetAuthorizer": authorizers.get,
        "GetAuthorizers": authorizers.list_all,
        "UpdateAuthorizer": authorizers.update,
        "DeleteAuthorizer": authorizers.delete,
        "PutGatewayResponse": responses.put,
        "GetGatewayResponse": responses.get,
        "GetGatewayResponses": responses.list_all,
        "UpdateGatewayResponse": responses.update,
        "DeleteGatewayResponse": responses.delete,
    }


def _of_stages(records: RestRecords, mapped: MappedDomains) -> dict[str, Carry]:
    deployments, stages = DeploymentOperations(records), StageOperations(records, mapped)
    return {
        "CreateDeployment": deployments.create,
        "GetDeployment": deployments.get,
        "GetDeployments": deployments.list_all,
        "UpdateDeployment": deployments.update,
        "DeleteDeployment": deployments.delete,
        "CreateStage": stages.create,
        "GetStage": stages.get,
        "GetStages": stages.list_all,
        "UpdateStage": stages.update,
        "DeleteStage": stages.delete,
        "FlushStageCache": stages.flush,
        "FlushStageAuthorizersCache": stages.flush,
    }


def _of_callers(records: RestRecords) -> dict[str, Carry]:
    keys, plans, usage = ApiKeyOperations(records), UsagePlanOperations(records), UsageOperations(records)
    return {
        "CreateApiKey": keys.create,
        "GetApiKey": keys.get,
        "GetApiKeys": keys.list_all,
        "UpdateApiKey": keys.update,
        "DeleteApiKey": keys.delete,
        "ImportApiKeys": keys.import_all,
        "CreateUsagePlan": plans.create,
        "GetUsagePlan": plans.get,
        "GetUsagePlans": plans.list_all,
        "UpdateUsagePlan": plans.update,
        "DeleteUsagePlan": plans.delete,
        "CreateUsagePlanKey": plans.create_key,
        "GetUsagePlanKey": plans.get_key,
        "GetUsagePlanKeys": plans.list_keys,
        "DeleteUsagePlanKey": plans.delete_key,
        "GetUsage": usage.get,
        "UpdateUsage": usage.update,
    }


def _of_account(records: RestRecords) -> dict[str, Carry]:
    account, links = RestAccountOperations(records), VpcLinkOperations(records)
    certificates = ClientCertificateOperations(records)
    return {
        "GetAccount": account.get,
        "UpdateAccount": account.update,
        "GenerateClientCertificate": certificates.generate,
        "GetClientCertificate": certificates.get,
        "GetClientCertificates": certificates.list_all,
        "UpdateClientCertificate": certificates.update,
        "DeleteClientCertificate": certificates.delete,
        "CreateVpcLink": links.create,
        "GetVpcLink": links.get,
        "GetVpcLinks": links.list_all,
        "UpdateVpcLink": links.update,
        "DeleteVpcLink": links.delete,
    }


def _of_documents(records: RestRecords, address: str) -> dict[str, Carry]:
    documents, documentation = DocumentOperations(records, address), DocumentationOperations(records)
    return {
        "PutRestApi": documents.put,
        "ImportRestApi": documents.import_api,
        "GetExport": documents.export,
        "GetSdk": documents.sdk,
        "ImportDocumentationParts": documents.import_parts,
        "CreateDocumentationPart": documentation.create_part,
        "GetDocumentationPart": documentation.get_part,
        "GetDocumentationParts": documentation.list_parts,
        "UpdateDocumentationPart": documentation.update_part,
        "DeleteDocumentationPart": documentation.delete_part,
        "CreateDocumentationVersion": documentation.create_version,
        "GetDocumentationVersion": documentation.get_version,
        "GetDocumentationVersions": documentation.list_versions,
        "UpdateDocumentationVersion": documentation.update_version,
        "DeleteDocumentationVersion": documentation.delete_version,
    }
