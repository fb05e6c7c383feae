"""TestInvokeMethod and TestInvokeAuthorizer: a method or an authorizer as it stands, tried without a stage.

Serving does it, `Trier`: what is tried is an API as it is now, and not a deployment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from staticfire.edge.aws.calls import AwsError, Call, Scope
from staticfire.edge.aws.protocol import Params
from staticfire.edge.services.apigateway.rest.records import Record, RestRecords

from .authorizers import required_authorizer
from .common import required_method, required_resource

MultiValues = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class MethodTrial:
    """What is sent to a method; `snapshot` is as a deployment's, made of the API as it is now."""

    scope: Scope
    api_id: str
    snapshot: Record
    resource: Record
    method: str
    path_with_query: str
    body: str
    headers: MultiValues
    stage_variables: Mapping[str, str]
    client_certificate_id: str | None


@dataclass(frozen=True)
class MethodTried:
    """What became of it; `log` is what AWS logs of an execution, `latency` in milliseconds."""

    status: int
    body: str
    headers: Mapping[str, Sequence[str]]
    log: str
    latency: int


@dataclass(frozen=True)
class AuthorizerTrial:
    """What is shown to an authorizer."""

    scope: Scope
    api_id: str
    authorizer: Record
    path_with_query: str
    body: str
    headers: MultiValues
    stage_variables: Mapping[str, str]
    additional_context: Mapping[str, str]


@dataclass(frozen=True)
class AuthorizerTried:
    """What it said: `client_status` is 0 where it let the caller in."""

    client_status: int
    log: str
    latency: int
    principal_id: str | None = None
    policy: str | None = None
    authorization: MultiValues = field(default_factory=dict)
    claims: Mapping[str, str] = field(default_factory=dict)


class Trier(Protocol):
    """What serving must be able to do."""

    async def method(self, trial: MethodTrial) -> MethodTried:
        """Run a method as it stands."""

    async def authorizer(self, trial: AuthorizerTrial) -> AuthorizerTried:
        """Ask an authorizer as it stands."""


class TrialOperations:
    def __init__(self, records: RestRecords, trier: Trier | None) -> None:
        self._records = records
        self._trier = trier

    async def method(self, call: Call, params: Params) -> Record:
        resource = required_resource(self._records, call.scope, params)
        required_method(resource, params)
        tried = await self._serving("TestInvokeMethod").method(
            MethodTrial(
                scope=call.scope,
                api_id=params["restApiId"],
                snapshot=self._records.snapshot(call.scope, params["restApiId"]),
                resource=resource,
                method=params["httpMethod"],
                path_with_query=params.get("pathWithQueryString") or "",
                body=params.get("body") or "",
                headers=_headers(params),
                stage_variables=params.get("stageVariables") or {},
                client_certificate_id=params.get("clientCertificateId"),
            )
        )
        return {
            "status": tried.status,
            "body": tried.body,
            "headers": {name: values[-1] for name, values in tried.headers.items() if values},
            "multiValueHeaders": {name: list(values) for name, values in tried.headers.items()},
            "log": tried.log,
            "latency": tried.latency,
        }

    async def authorizer(self, call: Call, params: Params) -> Record:
        authorizer = required_authorizer(self._records, call.scope, params)
        tried = await self._serving("TestInvokeAuthorizer").authorizer(
            AuthorizerTrial(
                scope=call.scope,
                api_id=params["restApiId"],
                authorizer=authorizer,
                path_with_query=params.get("pathWithQueryString") or "",
                body=params.get("body") or "",
                headers=_headers(params),
                stage_variables=params.get("stageVariables") or {},
                additional_context=params.get("additionalContext") or {},
            )
        )
        return {
            "clientStatus": tried.client_status,
            "log": tried.log,
            "latency": tried.latency,
            "principalId": tried.principal_id,
            "policy": tried.policy,
            "authorization": {name: list(values) for name, values in tried.authorization.items()} or None,
            "claims": dict(tried.claims) or None,
        }

    def _serving(self, operation: str) -> Trier:
        if self._trier is None:
            raise AwsError(501, "NotImplementedException", f"{operation} is not available here: see docs/fidelity.md.")
        return self._trier


def _headers(params: Mapping[str, Any]) -> dict[str, list[str]]:
    headers = {name: [value] for name, value in (params.get("headers") or {}).items()}
    return headers | {name: list(values) for name, values in (params.get("multiValueHeaders") or {}).items()}
