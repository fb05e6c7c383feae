"""Functions are described by the edge: MiniStack's services ask it for them, and CloudFormation makes them there.

Whatever in MiniStack looks for a function finds a record with its configuration alone: the edge runs it.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

Record = dict[str, Any]
# A call of the Lambda API as an account, in a region: method, path, body; the status and the document answered.
Call = Callable[[str, str, str, str, Any], tuple[int, Record]]

FUNCTIONS = "/2015-03-31/functions"
ACTIVE_SECONDS = 30.0

# What a template may write as a text.
_NUMBERS = frozenset(
    (
        *("BatchSize", "MaxAge", "MaximumBatchingWindowInSeconds", "MaximumConcurrency", "MaximumEventAgeInSeconds"),
        *("MaximumRecordAgeInSeconds", "MaximumRetryAttempts", "MemorySize", "ParallelizationFactor"),
        *("ProvisionedConcurrentExecutions", "ReservedConcurrentExecutions", "Size", "Timeout"),
        "TumblingWindowInSeconds",
    )
)
_FLAGS = frozenset(("AllowCredentials", "BisectBatchOnFunctionError", "Enabled", "Ipv6AllowedForDualStack"))


def correct(call: Call) -> None:
    """Put the edge in the place of what MiniStack describes."""
    from ministack.core.arn import ArnParseError, parse_arn
    from ministack.core.responses import get_account_id, get_region
    from ministack.services import lambda_svc
    from ministack.services.cloudformation import provisioners

    def described(reference: str, account: str = "", region: str = "") -> Record | None:
        """A function's configuration, under the name by which it is referred to."""
        owner = account or get_account_id(), region or get_region()
        if reference.startswith("arn:"):
            try:
                arn = parse_arn(reference)
            except ArnParseError:
                return None
            owner = arn.account_id or owner[0], arn.region or owner[1]
        status, configuration = call(*owner, "GET", f"{FUNCTIONS}/{quote(reference, safe='')}/configuration", None)
        return configuration if status == 200 else None

    def found(reference: str) -> tuple[Record | None, Record | None, str]:
        name = lambda_svc._resolve_name(reference)
        configuration = described(reference)
        return (None, None, name) if configuration is None else (_record(configuration), configuration, name)

    def of_qualifier(name: str, qualifier: str | None) -> tuple[Record | None, Record | None]:
        record, configuration, _ = found(f"{name}:{qualifier}" if qualifier else name)
        return record, configuration

    class Functions:
        """By name, in the account and region of the call under way."""

        def get(self, name: str, default: Any = None) -> Any:
            configuration = described(name)
            return default if configuration is None else _record(configuration)

        def get_scoped(self, account: str, region: str, name: str, default: Any = None) -> Any:
            configuration = described(name, account, region)
            return default if configuration is None else _record(configuration)

        def __contains__(self, name: str) -> bool:
            return described(name) is not None

        def __getitem__(self, name: str) -> Record:
            return _record(described(name) or {})

        def __iter__(self) -> Any:
            return iter(())

        def clear(self) -> None:
            """There is nothing of MiniStack's own."""

        keys = values = items = all_items = __iter__

    lambda_svc._functions = Functions()
    lambda_svc._get_func_record_for_ref = lambda_svc._get_base_func_record_for_ref = found
    lambda_svc._get_func_record_for_qualifier = of_qualifier
    lambda_svc._function_qualifier_exists = lambda function, qualifier: function is not None

    def make(method: str, path: str, body: Any = None) -> Record:
        status, answer = call(get_account_id(), get_region(), method, path, body)
        if status >= 400:
            raise ValueError(str(answer.get("message") or answer.get("Message") or answer))
        return answer

    templates = _Templates(make, provisioners)
    provisioners._RESOURCE_HANDLERS.update(templates.handlers())


def _record(configuration: Record) -> Record:
    nothing: Record = {"versions": {}, "aliases": {}, "tags": {}, "event_invoke_configs": {}, "layers": []}
    return {"config": configuration, "code_zip": None, "concurrency": None, **nothing}


class _Templates:
    """CloudFormation's resources of Lambda, each by the calls that make, change and remove it on AWS."""

    def __init__(self, make: Callable[..., Record], provisioners: Any) -> None:
        self._make = make
        self._provisioners = provisioners

    def handlers(self) -> dict[str, Record]:
        kinds = {
            "Function": (self._create_function, self._update_function, self._delete_function),
            "Version": (self._create_version, None, self._delete_version),
            "Alias": (self._create_alias, self._update_alias, self._delete_alias),
            "Permission": (self._create_permission, None, self._delete_permission),
            "Url": (self._create_url, self._update_url, self._delete_url),
            "EventInvokeConfig": (self._put_event_config, self._update_event_config, self._delete_event_config),
            "EventSourceMapping": (self._create_mapping, self._update_mapping, self._delete_mapping),
            "LayerVersion": (self._create_layer, None, self._delete_layer),
            "LayerVersionPermission": (self._create_layer_permission, None, self._delete_layer_permission),
        }
        handlers = {}
        for kind, (create, update, delete) in kinds.items():
            handlers[f"AWS::Lambda::{kind}"] = {"create": create, "delete": delete}
            if update is not None:
                handlers[f"AWS::Lambda::{kind}"]["update"] = update
        return handlers

    def _create_function(self, logical_id: str, properties: Record, stack: str) -> tuple[str, Record]:
        name = properties.get("FunctionName") or self._provisioners._physical_name(stack, logical_id, max_len=64)
        body = _typed({**properties, "FunctionName": name, "Code": self._code(properties)})
        body["Tags"] = _tags(properties)
        reserved = body.pop("ReservedConcurrentExecutions", None)
        arn = self._make("POST", FUNCTIONS, body)["FunctionArn"]
        self._until_active(name)
        if reserved is not None:
            self._reserve(name, reserved)
        return name, {"Arn": arn}

    def _update_function(self, name: str, before: Record, after: Record, stack: str) -> tuple[str, Record]:
        path = f"{FUNCTIONS}/{name}"
        if self._code(after) != self._code(before) or after.get("Architectures") != before.get("Architectures"):
            code = {**self._code(after), "Architectures": after.get("Architectures") or ["x86_64"]}
            self._make("PUT", f"{path}/code", _typed(code))
            self._until_active(name)
        absent = {
            "Description": "",
            "Environment": {"Variables": {}},
            "Layers": [],
            "MemorySize": 128,
            "Timeout": 3,
            "TracingConfig": {"Mode": "PassThrough"},
        }
        left_out = ("FunctionName", "Code", "Tags", "Architectures", "PackageType", "ReservedConcurrentExecutions")
        body = {member: value for member, value in {**absent, **after}.items() if member not in left_out}
        answer = self._make("PUT", f"{path}/configuration", _typed(body))
        self._until_active(name)
        arn = answer["FunctionArn"]
        reserved = _typed(after).get("ReservedConcurrentExecutions")
        if reserved != _typed(before).get("ReservedConcurrentExecutions"):
            self._reserve(name, reserved)
        old, new = _tags(before), _tags(after)
        if gone := old.keys() - new.keys():
            keys = "&".join(f"tagKeys={quote(key)}" for key in gone)
            self._make("DELETE", f"/2017-03-31/tags/{quote(arn, safe='')}?{keys}")
        if new != old and new:
            self._make("POST", f"/2017-03-31/tags/{quote(arn, safe='')}", {"Tags": new})
        return name, {"Arn": arn}

    def _delete_function(self, name: str, properties: Record) -> None:
        self._remove(f"{FUNCTIONS}/{name}")

    def _create_version(self, logical_id: str, properties: Record, stack: str) -> tuple[str, Record]:
        body = {name: properties[name] for name in ("CodeSha256", "Description") if properties.get(name)}
        answer = self._make("POST", f"{_function(properties)}/versions", body)
        return answer["FunctionArn"], {"Version": answer["Version"], "FunctionArn": answer["FunctionArn"]}

    def _delete_version(self, arn: str, properties: Record) -> None:
        function, _, version = arn.rpartition(":")
        self._remove(f"{FUNCTIONS}/{quote(function, safe='')}?Qualifier={version}")

    def _create_alias(self, logical_id: str, properties: Record, stack: str) -> tuple[str, Record]:
        answer = self._make("POST", f"{_function(properties)}/aliases", _alias(properties))
        self._provision(properties)
        return answer["AliasArn"], {"AliasArn": answer["AliasArn"]}

    def _update_alias(self, arn: str, before: Record, after: Record, stack: str) -> tuple[str, Record]:
        self._make("PUT", f"{_function(after)}/aliases/{after['Name']}", {"RoutingConfig": {}, **_alias(after)})
        self._provision(after)
        return arn, {"AliasArn": arn}

    def _delete_alias(self, arn: str, properties: Record) -> None:
        self._remove(f"{_function(properties)}/aliases/{properties['Name']}")

    def _provision(self, properties: Record) -> None:
        wanted = (properties.get("ProvisionedConcurrencyConfig") or {}).get("ProvisionedConcurrentExecutions")
        if wanted is not None:
            path = f"/2019-09-30{_function(properties)[11:]}/provisioned-concurrency?Qualifier={properties['Name']}"
            self._make("PUT", path, {"ProvisionedConcurrentExecutions": int(wanted)})

    def _create_permission(self, logical_id: str, properties: Record, stack: str) -> tuple[str, Record]:
        identity = f"{stack}-{logical_id}-{base64.b32encode(str(time.time_ns()).encode()).decode()[-13:].strip('=')}"
        left_out = ("FunctionName", "Id")
        body = {name: value for name, value in properties.items() if name not in left_out}
        self._make("POST", f"{_function(properties)}/policy", {**body, "StatementId": identity})
        return identity, {"Id": identity}

    def _delete_permission(self, identity: str, properties: Record) -> None:
        self._remove(f"{_function(properties)}/policy/{identity}")

    def _create_url(self, logical_id: str, properties: Record, stack: str) -> tuple[str, Record]:
        answer = self._make("POST", _url(properties), _url_body(properties))
        return answer["FunctionArn"], {name: answer[name] for name in ("FunctionArn", "FunctionUrl")}

    def _update_url(self, arn: str, before: Record, after: Record, stack: str) -> tuple[str, Record]:
        answer = self._make("PUT", _url(after), _url_body(after))
        return arn, {name: answer[name] for name in ("FunctionArn", "FunctionUrl")}

    def _delete_url(self, arn: str, properties: Record) -> None:
        self._remove(_url(properties))

    def _put_event_config(self, logical_id: str, properties: Record, stack: str) -> tuple[str, Record]:
        left_out = ("FunctionName", "Qualifier")
        body = _typed({name: value for name, value in properties.items() if name not in left_out})
        self._make("PUT", _event_config(properties), body)
        return f"{properties['FunctionName']}|{properties.get('Qualifier', '$LATEST')}", {}

    def _update_event_config(self, identity: str, before: Record, after: Record, stack: str) -> tuple[str, Record]:
        return self._put_event_config("", after, stack)

    def _delete_event_config(self, identity: str, properties: Record) -> None:
        self._remove(_event_config(properties))

    def _create_mapping(self, logical_id: str, properties: Record, stack: str) -> tuple[str, Record]:
        body = _typed(properties) | ({"Tags": _tags(properties)} if properties.get("Tags") else {})
        answer = self._make("POST", "/2015-03-31/event-source-mappings", body)
        return answer["UUID"], {"Id": answer["UUID"], "EventSourceMappingArn": answer.get("EventSourceMappingArn", "")}

    def _update_mapping(self, identity: str, before: Record, after: Record, stack: str) -> tuple[str, Record]:
        body = {name: value for name, value in _typed(after).items() if name not in ("EventSourceArn", "Tags")}
        self._make("PUT", f"/2015-03-31/event-source-mappings/{identity}", body)
        return identity, {"Id": identity}

    def _delete_mapping(self, identity: str, properties: Record) -> None:
        self._remove(f"/2015-03-31/event-source-mappings/{identity}")

    def _create_layer(self, logical_id: str, properties: Record, stack: str) -> tuple[str, Record]:
        name = properties.get("LayerName") or self._provisioners._physical_name(stack, logical_id, max_len=140)
        body = {member: value for member, value in properties.items() if member != "LayerName"}
        answer = self._make("POST", f"/2018-10-31/layers/{quote(name, safe='')}/versions", body)
        return answer["LayerVersionArn"], {"LayerVersionArn": answer["LayerVersionArn"]}

    def _delete_layer(self, arn: str, properties: Record) -> None:
        self._remove(_layer_version(arn))

    def _create_layer_permission(self, logical_id: str, properties: Record, stack: str) -> tuple[str, Record]:
        body = {name: value for name, value in properties.items() if name != "LayerVersionArn"}
        path = f"{_layer_version(properties['LayerVersionArn'])}/policy"
        self._make("POST", path, {**body, "StatementId": f"{stack}-{logical_id}"[:100]})
        return f"{properties['LayerVersionArn']}#{stack}-{logical_id}", {}

    def _delete_layer_permission(self, identity: str, properties: Record) -> None:
        arn, _, statement = identity.partition("#")
        self._remove(f"{_layer_version(arn)}/policy/{statement[:100]}")

    def _code(self, properties: Record) -> Record:
        """Inline source becomes a zip with one file; a time would make each another."""
        code = dict(properties.get("Code") or {})
        if code.get("ZipFile"):
            handler, runtime = properties.get("Handler", "index.handler"), properties.get("Runtime", "")
            source = self._provisioners._zip_inline(code["ZipFile"], handler, runtime)
            code["ZipFile"] = base64.b64encode(source).decode()
        return code

    def _until_active(self, name: str) -> None:
        """As CloudFormation waits, so that what comes next finds it ready."""
        deadline = time.monotonic() + ACTIVE_SECONDS
        while time.monotonic() < deadline:
            configuration = self._make("GET", f"{FUNCTIONS}/{name}/configuration")
            if configuration["State"] == "Active" and configuration.get("LastUpdateStatus") != "InProgress":
                return
            time.sleep(0.05)
        raise ValueError(f"the function {name} did not become active in {ACTIVE_SECONDS:.0f} s")

    def _reserve(self, name: str, reserved: int | None) -> None:
        path = f"/2017-10-31/functions/{name}/concurrency"
        if reserved is None:
            self._make("DELETE", path)
        else:
            self._make("PUT", path, {"ReservedConcurrentExecutions": reserved})

    def _remove(self, path: str) -> None:
        """What is gone already is no reason for a stack to stay."""
        try:
            self._make("DELETE", path)
        except ValueError as error:
            if not any(word in str(error).lower() for word in ("not found", "not exist", "no policy", "cannot find")):
                raise


def _function(properties: Record) -> str:
    return f"{FUNCTIONS}/{quote(properties['FunctionName'], safe='')}"


def _alias(properties: Record) -> Record:
    members = ("Name", "FunctionVersion", "Description")
    body: Record = {name: properties[name] for name in members if name in properties}
    weights = (properties.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or []
    if weights:
        by_version = {weight["FunctionVersion"]: float(weight["FunctionWeight"]) for weight in weights}
        body["RoutingConfig"] = {"AdditionalVersionWeights": by_version}
    return body


def _url(properties: Record) -> str:
    qualifier = f"?Qualifier={properties['Qualifier']}" if properties.get("Qualifier") else ""
    return f"/2021-10-31/functions/{quote(properties['TargetFunctionArn'], safe='')}/url{qualifier}"


def _url_body(properties: Record) -> Record:
    body: Record = {name: properties[name] for name in ("AuthType", "Cors", "InvokeMode") if name in properties}
    return dict(_typed(body))


def _event_config(properties: Record) -> str:
    name, qualifier = quote(properties["FunctionName"], safe=""), properties.get("Qualifier", "$LATEST")
    return f"/2019-09-25/functions/{name}/event-invoke-config?Qualifier={quote(qualifier)}"


def _layer_version(arn: str) -> str:
    layer, _, version = arn.rpartition(":")
    return f"/2018-10-31/layers/{quote(layer, safe='')}/versions/{version}"


def _tags(properties: Record) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in properties.get("Tags") or ()}


def _typed(value: Any, name: str = "") -> Any:
    """A template's numbers and flags may be texts."""
    if isinstance(value, Mapping):
        if name in ("Variables", "Tags"):
            return {key: str(inner) for key, inner in value.items()}
        return {key: _typed(inner, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [_typed(inner) for inner in value]
    if name in _NUMBERS and isinstance(value, str):
        return int(value)
    if name in _FLAGS and isinstance(value, str):
        return value.lower() == "true"
    return json.loads(json.dumps(value))
