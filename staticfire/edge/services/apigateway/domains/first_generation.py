"""Domain names and base path mappings as apigateway (the first generation) tells them: the same documents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from staticfire.edge.aws.calls import Call
from staticfire.edge.aws.protocol import Params
from staticfire.edge.aws.protocol.operations import Carry
from staticfire.edge.services.apigateway.v2.called import bad_request, conflict, missing
from staticfire.edge.services.apigateway.v2.records import DOMAIN_NAMES, Record, Records, V2Records

from .mappings import Mappings
from .names import KIND, TAKEN, DomainNames, configured_for

NONE = "(none)"
PAGE = 25
MOST = 500
_NO_MAPPING = "Invalid base path mapping identifier specified"


class FirstGeneration:
    """The operations of apigateway on domain names and base path mappings."""

    def __init__(self, records: V2Records, names: DomainNames, mappings: Mappings) -> None:
        self._records = records
        self._names = names
        self._mappings = mappings

    def table(self) -> dict[str, Carry]:
        return {
            "CreateDomainName": self._create,
            "GetDomainName": self._get,
            "GetDomainNames": self._list,
            "UpdateDomainName": self._update,
            "DeleteDomainName": self._delete,
            "CreateBasePathMapping": self._create_mapping,
            "GetBasePathMapping": self._get_mapping,
            "GetBasePathMappings": self._list_mappings,
            "UpdateBasePathMapping": self._update_mapping,
            "DeleteBasePathMapping": self._delete_mapping,
        }

    async def _create(self, call: Call, params: Params) -> Record:
        name, endpoint = params["domainName"].lower(), _endpoint(params)
        if endpoint == "PRIVATE":
            raise bad_request("Private custom domain names are not available here: REGIONAL and EDGE ones are.")
        certificate = params.get("certificateArn" if endpoint == "EDGE" else "regionalCertificateArn")
        configuration = configured_for(call.scope, name, endpoint, certificate, params.get("securityPolicy"))
        content: Record = {}
        if mutual := params.get("mutualTlsAuthentication"):
            content["MutualTlsAuthentication"] = _capitals(mutual)
        own = ("certificateName", "regionalCertificateName", "ownershipVerificationCertificateArn", "policy")
        content["_v1"] = {member: params[member] for member in own if params.get(member)}
        tags = params.get("tags") or {}
        made = await self._names.make(call.scope, name, [configuration], content, tags, bad_request(TAKEN))
        return _told(made)

    async def _get(self, call: Call, params: Params) -> Record:
        return _told(self._names.named(call.scope, params["domainName"]))

    async def _list(self, call: Call, params: Params) -> Record:
        return _page([_told(one) for one in self._records.list(call.scope, KIND)], params)

    async def _update(self, call: Call, params: Params) -> Record:
        async with self._records.changing(DOMAIN_NAMES):
            domain = self._names.named(call.scope, params["domainName"])
            for operation in params.get("patchOperations") or ():
                domain = self._patched(call, domain, operation)
            await self._names.put(call.scope, domain)
        return _told(domain)

    def _patched(self, call: Call, domain: Record, operation: Mapping[str, str]) -> Record:
        path, value = operation.get("path", ""), operation.get("value", "")
        [configuration] = domain["DomainNameConfigurations"][:1]
        if operation.get("op") not in ("replace", "add", "remove"):
            raise bad_request("Invalid patch operation specified. Must be one of: [add, remove, replace]")
        if path in ("/certificateArn", "/regionalCertificateArn"):
            configuration = {**configuration, "CertificateArn": value}
        elif path == "/securityPolicy":
            configuration = {**configuration, "SecurityPolicy": value}
        elif path.startswith("/endpointConfiguration/types/"):
            configuration = configured_for(
                call.scope,
                domain["DomainName"],
                value,
                configuration.get("CertificateArn"),
                configuration["SecurityPolicy"],
            )
        elif path.startswith("/mutualTlsAuthentication/"):
            member = path.rpartition("/")[2]
            mutual = {**(domain.get("MutualTlsAuthentication") or {}), member[:1].upper() + member[1:]: value}
            left = {key: inner for key, inner in mutual.items() if inner}
            domain = {**domain, "MutualTlsAuthentication": left}
        elif path in (
            "/certificateName",
            "/regionalCertificateName",
            "/policy",
            "/ownershipVerificationCertificateArn",
        ):
            domain = {**domain, "_v1": {**(domain.get("_v1") or {}), path[1:]: value}}
        else:
            raise bad_request(f"Invalid patch path '{path}' specified for op '{operation['op']}'")
        return {**domain, "DomainNameConfigurations": [configuration]}

    async def _delete(self, call: Call, params: Params) -> None:
        await self._names.delete(call, {"DomainName": params["domainName"]})

    async def _create_mapping(self, call: Call, params: Params) -> Record:
        key = _key(params.get("basePath"))
        if "/" in key:
            raise bad_request(
                "API Gateway V1 doesn't support the slash character (/) in base path mappings. To create a multi-level "
                "base path mapping, use API Gateway V2."
            )
        content: Record = {"ApiId": params["restApiId"], "ApiMappingKey": key}
        if params.get("stage"):
            content["Stage"] = params["stage"]
        taken = conflict("Base path already exists for this domain name")
        return _mapping(await self._mappings.make(call.scope, params["domainName"], content, taken))

    async def _get_mapping(self, call: Call, params: Params) -> Record:
        return _mapping(self._mapping_of(call, params))

    async def _list_mappings(self, call: Call, params: Params) -> Record:
        name = self._names.named(call.scope, params["domainName"])["DomainName"]
        return _page([_mapping(one) for one in self._mappings.of(call.scope, name)], params)

    async def _update_mapping(self, call: Call, params: Params) -> Record:
        before, changes = self._mapping_of(call, params), {}
        members = {"/basePath": "ApiMappingKey", "/stage": "Stage", "/restapiId": "ApiId"}
        for operation in params.get("patchOperations") or ():
            member = members.get(operation.get("path", ""))
            if member is None or operation.get("op") != "replace":
                raise bad_request(f"Invalid patch path {operation.get('path')}")
            value = operation.get("value", "")
            changes[member] = _key(value) if member == "ApiMappingKey" else value
        taken = conflict("Base path already exists for this domain name")
        return _mapping(await self._mappings.change(call.scope, params["domainName"], before, changes, taken))

    async def _delete_mapping(self, call: Call, params: Params) -> None:
        await self._mappings.remove(call.scope, params["domainName"], self._mapping_of(call, params))

    def _mapping_of(self, call: Call, params: Params) -> Record:
        name, key = self._names.named(call.scope, params["domainName"])["DomainName"], _key(params["basePath"])
        for mapping in self._mappings.of(call.scope, name):
            if mapping["ApiMappingKey"] == key:
                return mapping
        raise missing(_NO_MAPPING)


def _endpoint(params: Mapping[str, Any]) -> str:
    types = (params.get("endpointConfiguration") or {}).get("types") or ()
    if types:
        return str(types[0])
    return "REGIONAL" if params.get("regionalCertificateArn") else "EDGE"


def _key(base_path: str | None) -> str:
    return "" if base_path in (None, NONE) else str(base_path)


def _mapping(mapping: Record) -> Record:
    return {"basePath": mapping["ApiMappingKey"] or NONE, "restApiId": mapping["ApiId"], "stage": mapping.get("Stage")}


def _told(domain: Record) -> Record:
    [configuration] = domain["DomainNameConfigurations"][:1]
    endpoint = configuration["EndpointType"]
    names: Record = (
        {
            "certificateArn": configuration.get("CertificateArn"),
            "distributionDomainName": configuration["ApiGatewayDomainName"],
            "distributionHostedZoneId": configuration["HostedZoneId"],
        }
        if endpoint == "EDGE"
        else {
            "regionalCertificateArn": configuration.get("CertificateArn"),
            "regionalDomainName": configuration["ApiGatewayDomainName"],
            "regionalHostedZoneId": configuration["HostedZoneId"],
        }
    )
    mutual = domain.get("MutualTlsAuthentication")
    return {
        "domainName": domain["DomainName"],
        "domainNameArn": domain["DomainNameArn"],
        "domainNameStatus": configuration["DomainNameStatus"],
        "certificateUploadDate": configuration.get("CertificateUploadDate"),
        "endpointConfiguration": {"types": [endpoint], "ipAddressType": configuration["IpAddressType"]},
        "securityPolicy": configuration["SecurityPolicy"],
        "tags": domain["Tags"],
        "routingMode": domain["RoutingMode"],
        **names,
        **(
            {"mutualTlsAuthentication": {key[:1].lower() + key[1:]: inner for key, inner in mutual.items()}}
            if mutual
            else {}
        ),
        **(domain.get("_v1") or {}),
    }


def _capitals(members: Mapping[str, Any]) -> Record:
    return {name[:1].upper() + name[1:]: value for name, value in members.items()}


def _page(items: Records, params: Mapping[str, Any]) -> Record:
    """Pages as apigateway has them: `position` is where the next one begins."""
    position = params.get("position") or "0"
    if not position.isdecimal():
        raise bad_request("Invalid position specified")
    start, size = int(position), max(1, min(params.get("limit") or PAGE, MOST))
    more = {"position": str(start + size)} if start + size < len(items) else {}
    return {"items": items[start : start + size], **more}
