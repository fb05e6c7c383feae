"""Makes a stage ready from what its deployment froze, and what the stage itself says.

A method's steps, in AWS's order: resource policy, authorizer, API key and usage plan, throttling; then, with the body
at hand: signature (AWS_IAM), parameters, body, integration.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from staticfire.edge.aws.calls import AwsError, Scope
from staticfire.edge.aws.signed_callers import SignedCallers
from staticfire.edge.services.apigateway.common.access_log import access_log
from staticfire.edge.services.apigateway.common.settings import AccessLogSettings
from staticfire.edge.services.apigateway.common.throttle import UNLIMITED, Bucket
from staticfire.edge.services.cloudwatch.log_writer import LogStream, LogWriter
from staticfire.edge.services.lambda_ import Functions

from .authorizers.cognito import CognitoCheck, UserPoolKeys
from .authorizers.iam import IamCheck
from .authorizers.lambda_ import LambdaAuthorizerCheck
from .compiled import ApiSettings, CompiledMethod, CompiledStage, Json, MethodCheck
from .context import context_getter
from .exchange import RestExchange
from .gateway_responses import GatewayRefusal, GatewayResponses
from .integrations.choice import RestIntegrations
from .json_schemas import Schemas
from .keys import ApiKeys, KeyCheck
from .resource_policy import ResourcePolicyCheck, policy_of
from .routing import ResourceTable
from .validation import BodyCheck, ParametersCheck

log = logging.getLogger(__name__)

EXECUTION_LOGS = "API-Gateway-Execution-Logs_{api}/{stage}"


class BrokenCheck:
    """What guards the method is gone or of no use: nobody gets through."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    async def check(self, exchange: RestExchange) -> None:
        raise GatewayRefusal("AUTHORIZER_CONFIGURATION_ERROR", None, self._reason)


class MethodBuckets:
    """Throttling of methods by their stage's settings. They outlive the stage's description: writing refills none."""

    def __init__(self) -> None:
        self._buckets: dict[tuple[str, ...], tuple[float, float, Bucket]] = {}

    def get(self, place: tuple[str, ...], settings: Json) -> Bucket | None:
        rate, burst = settings.get("throttlingRateLimit"), settings.get("throttlingBurstLimit")
        rate = UNLIMITED if rate is None or rate < 0 else float(rate)
        burst = max(rate, 1.0) if burst is None or burst < 0 else float(burst)
        if rate == UNLIMITED and burst == UNLIMITED:
            return None
        kept = self._buckets.get(place)
        if kept is None or kept[:2] != (rate, burst):
            kept = self._buckets[place] = rate, burst, Bucket(rate, burst)
        return kept[2]

    def forget(self, api_id: str) -> None:
        for place in [place for place in self._buckets if place[0] == api_id]:
            del self._buckets[place]


@dataclass(frozen=True, slots=True)
class _Frozen:
    """What a deployment froze, by name."""

    api: Json
    resources: list[Json]
    authorizers: Mapping[str, Json]
    validators: Mapping[str, Json]
    models: Mapping[str, str]
    gateway_responses: Mapping[str, Json]

    @classmethod
    def of(cls, snapshot: Json) -> _Frozen:
        return cls(
            api=snapshot.get("api") or {},
            resources=list(snapshot.get("resources") or ()),
            authorizers={one["id"]: one for one in snapshot.get("authorizers") or ()},
            validators={one["id"]: one for one in snapshot.get("validators") or ()},
            models={one["name"]: one.get("schema") or "{}" for one in snapshot.get("models") or ()},
            gateway_responses={one["responseType"]: one for one in snapshot.get("gatewayResponses") or ()},
        )


class MethodSettings:
    """`methodSettings` of a stage: those of a method before those of all (`*/*`)."""

    def __init__(self, documents: Json) -> None:
        self._all = documents.get("*/*") or {}
        self._own: dict[tuple[str, str], Json] = {}
        for key, settings in documents.items():
            path, _, verb = key.replace("~1", "/").rpartition("/")
            self._own["/" + path.strip("/"), verb] = settings or {}

    def of(self, path: str, verb: str) -> Json:
        return {**self._all, **(self._own.get((path, verb)) or {})}


class StageCompiler:
    def __init__(
        self,
        integrations: RestIntegrations,
        callers: SignedCallers,
        keys: ApiKeys,
        pool_keys: UserPoolKeys,
        logs: LogWriter,
    ) -> None:
        self._integrations = integrations
        self._callers = callers
        self._keys = keys
        self._pool_keys = pool_keys
        self._logs = logs
        self._buckets = MethodBuckets()

    @property
    def functions(self) -> Functions:
        return self._integrations.functions

    def forget(self, api_id: str) -> None:
        self._buckets.forget(api_id)

    def lambda_authorizer(self, scope: Scope, document: Json) -> LambdaAuthorizerCheck:
        """An authorizer alone, that remembers nothing yet."""
        return LambdaAuthorizerCheck(document, scope, self._integrations.functions)

    def compile(self, scope: Scope, api_id: str, stage: Json, deployment: Json) -> CompiledStage:
        frozen = _Frozen.of(deployment.get("_snapshot") or {})
        settings = _settings(api_id, frozen.api)
        name = str(stage.get("stageName") or "")
        method_settings = MethodSettings(stage.get("methodSettings") or {})
        parts = _Parts(self, scope, settings, frozen, name, method_settings)
        dimensions = (("ApiName", settings.name), ("Stage", name))
        logs = stage.get("accessLogSettings") or {}
        own = AccessLogSettings(logs.get("destinationArn") or "", logs.get("format") or "")
        return CompiledStage(
            settings=settings,
            name=name,
            deployment_id=str(deployment.get("id") or ""),
            variables=stage.get("variables") or {},
            table=ResourceTable(parts.resources()),
            gateway_responses=GatewayResponses(frozen.gateway_responses),
            dimensions=dimensions,
            access_log=access_log(own, api_id, name, self._logs, context_getter)
            if own.destination and own.format
            else None,
            execution_log=LogStream(
                self._logs,
                scope,
                EXECUTION_LOGS.format(api=api_id, stage=name),
                f"{deployment.get('id') or 'none'}",
                makes_group=True,
            ),
        )


def _settings(api_id: str, api: Json) -> ApiSettings:
    kinds = (api.get("endpointConfiguration") or {}).get("types") or ["EDGE"]
    return ApiSettings(
        api_id=api_id,
        name=str(api.get("name") or api_id),
        binary_media_types=tuple(api.get("binaryMediaTypes") or ()),
        key_source=api.get("apiKeySource") or "HEADER",
        edge_optimized="EDGE" in kinds,
        endpoint_disabled=bool(api.get("disableExecuteApiEndpoint")),
        private="PRIVATE" in kinds,
        minimum_compression_size=api.get("minimumCompressionSize"),
    )


class _Parts:
    """The methods of one stage on their way to be ready."""

    def __init__(
        self,
        compiler: StageCompiler,
        scope: Scope,
        settings: ApiSettings,
        frozen: _Frozen,
        stage: str,
        method_settings: MethodSettings,
    ) -> None:
        self._compiler = compiler
        self._scope = scope
        self._settings = settings
        self._frozen = frozen
        self._stage = stage
        self._method_settings = method_settings
        self._authorizers: dict[str, MethodCheck] = {}
        self._schemas = Schemas(frozen.models, settings.api_id)
        try:
            self._policy = policy_of(frozen.api.get("_policy") or frozen.api.get("policy"))
            self._policy_broken: MethodCheck | None = None
        except GatewayRefusal as refusal:
            self._policy, self._policy_broken = None, BrokenCheck(str(refusal))

    def resources(self) -> list[tuple[str, dict[str, CompiledMethod]]]:
        made: list[tuple[str, dict[str, CompiledMethod]]] = []
        for resource in self._frozen.resources:
            methods = resource.get("resourceMethods") or {}
            path = resource.get("path") or "/"
            made.append(
                (path, {verb: self._method(resource, path, verb, document) for verb, document in methods.items()})
            )
        return made

    def _method(self, resource: Json, path: str, verb: str, document: Json) -> CompiledMethod:
        settings = self._method_settings.of(path, verb)
        place = (self._settings.api_id, self._stage, path, verb)
        before, after = self._guards(document)
        key_required = bool(document.get("apiKeyRequired"))
        if key_required and document.get("authorizationType") != "AWS_IAM":
            before.append(KeyCheck(self._compiler._keys, self._settings.key_source))
        elif key_required:
            after.append(KeyCheck(self._compiler._keys, self._settings.key_source))
        return CompiledMethod(
            resource_id=str(resource.get("id") or ""),
            path=path,
            verb=verb,
            checks=tuple(before),
            after_body=(*after, *self._validation(document)),
            responder=self._compiler._integrations.responder(
                document.get("methodIntegration"), self._settings, self._scope
            ),
            key_required=key_required,
            bucket=self._compiler._buckets.get(place, settings),
            log_level=settings.get("loggingLevel") or "OFF",
            data_trace=bool(settings.get("dataTraceEnabled")),
            dimensions=(
                ("ApiName", self._settings.name),
                ("Method", verb),
                ("Resource", path),
                ("Stage", self._stage),
            )
            if settings.get("metricsEnabled")
            else None,
        )

    def _guards(self, document: Json) -> tuple[list[MethodCheck], list[MethodCheck]]:
        """What checks who calls: before the body is here, and with it."""
        kind = document.get("authorizationType") or "NONE"
        before: list[MethodCheck] = []
        if self._policy_broken is not None:
            before.append(self._policy_broken)
        if self._policy is not None and kind != "AWS_IAM":
            before.append(ResourcePolicyCheck(self._policy, must_allow=kind in ("NONE", "COGNITO_USER_POOLS")))
        if kind == "NONE":
            return before, []
        if kind == "AWS_IAM":
            return before, [IamCheck(self._compiler._callers, self._policy)]
        return [*before, self._authorizer(document)], []

    def _authorizer(self, document: Json) -> MethodCheck:
        identifier = document.get("authorizerId") or ""
        authorizer = self._frozen.authorizers.get(identifier)
        if authorizer is None:
            return BrokenCheck(f"the method names the authorizer {identifier}, which does not exist")
        if authorizer.get("type") == "COGNITO_USER_POOLS":
            return CognitoCheck(authorizer, document.get("authorizationScopes") or (), self._compiler._pool_keys)
        if identifier not in self._authorizers:
            try:
                self._authorizers[identifier] = LambdaAuthorizerCheck(authorizer, self._scope, self._compiler.functions)
            except AwsError as error:
                self._authorizers[identifier] = BrokenCheck(f"authorizer {identifier}: {error.message}")
        return self._authorizers[identifier]

    def _validation(self, document: Json) -> list[MethodCheck]:
        validator = self._frozen.validators.get(document.get("requestValidatorId") or "")
        checks: list[MethodCheck] = []
        if validator is None:
            return checks
        if validator.get("validateRequestParameters"):
            checks.append(ParametersCheck(document.get("requestParameters") or {}))
        if validator.get("validateRequestBody") and document.get("requestModels"):
            checks.append(BodyCheck(document["requestModels"], self._schemas))
        return checks
