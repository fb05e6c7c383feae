"""Domain names by both generations of the API: CreateDomainName and its like of apigatewayv2 and of apigateway.

The document has apigatewayv2's shape; apigateway's is made of it. Names are unique over all accounts, as on AWS.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from staticfire.edge.aws.calls import AwsError, Call, Scope
from staticfire.edge.aws.protocol import Params
from staticfire.edge.aws.protocol.operations import Carry
from staticfire.edge.services.apigateway.common.tags import check_tags
from staticfire.edge.services.apigateway.v2.called import arn_of, bad_request, conflict, merged, missing, now, page_of
from staticfire.edge.services.apigateway.v2.records import DOMAIN_NAMES, Keys, Record, V2Records

from .own_names import OwnNames

KIND, MAPPING = "domain-name", "mapping"
SELECTION = "$request.basepath"
NO_DOMAIN = "The domain name resource specified in the request was not found."
TAKEN = "The domain name you provided already exists."
# Where Route 53 aliases lead: CloudFront's zone, and that of a region's API Gateway (us-east-1's stands for all).
EDGE_ZONE, REGIONAL_ZONE = "Z2FDTNDATAQYW2", "Z1UJRXOUMOOFQ8"
_NAME = re.compile(r"(?:\*\.)?(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")


class DomainNames:
    def __init__(self, records: V2Records, own: OwnNames) -> None:
        self._records = records
        self._own = own

    def table(self) -> dict[str, Carry]:
        """Those of apigatewayv2."""
        return {
            "CreateDomainName": self.create,
            "GetDomainName": self.get,
            "GetDomainNames": self.list_all,
            "UpdateDomainName": self.update,
            "DeleteDomainName": self.delete,
        }

    async def create(self, call: Call, params: Params) -> Record:
        if params.get("RoutingMode", "API_MAPPING_ONLY") != "API_MAPPING_ONLY":
            raise AwsError(501, "NotImplementedException", "Routing rules are not available here: API mappings are.")
        configurations = params.get("DomainNameConfigurations") or [{}]
        if len(configurations) != 1:
            raise bad_request("A domain name has one domain name configuration")
        content = {name: params[name] for name in ("MutualTlsAuthentication",) if params.get(name)}
        tags = params.get("Tags") or {}
        return await self.make(call.scope, params["DomainName"], configurations, content, tags, conflict(TAKEN))

    async def make(
        self,
        scope: Scope,
        name: str,
        configurations: list[Record],
        content: Mapping[str, Any],
        tags: Mapping[str, str],
        taken: AwsError,
    ) -> Record:
        """A new name; `taken` is raised where it is somebody's."""
        name = name.lower()
        if not _NAME.fullmatch(name):
            raise bad_request(f"Invalid domain name: {name}")
        if self._own.has(name):
            raise bad_request(f"Invalid domain name: {name} is, or covers, a name of this endpoint itself.")
        check_tags(tags)
        async with self._records.changing(DOMAIN_NAMES):
            if any(key.id == name for key in self._records.everywhere(KIND)):
                raise taken
            domain: Record = {
                "ApiMappingSelectionExpression": SELECTION,
                "DomainName": name,
                "DomainNameArn": arn_of(scope, "domainnames", name),
                "DomainNameConfigurations": [_configured(scope, name, one) for one in configurations],
                "RoutingMode": "API_MAPPING_ONLY",
                "Tags": dict(tags),
                **content,
            }
            await self._records.put(scope, KIND, name, record=domain)
        return domain

    async def get(self, call: Call, params: Params) -> Record:
        return self.named(call.scope, params["DomainName"])

    async def list_all(self, call: Call, params: Params) -> Record:
        return page_of(self._records.list(call.scope, KIND), params, "DomainName")

    async def update(self, call: Call, params: Params) -> Record:
        scope = call.scope
        if params.get("RoutingMode", "API_MAPPING_ONLY") != "API_MAPPING_ONLY":
            raise AwsError(501, "NotImplementedException", "Routing rules are not available here: API mappings are.")
        async with self._records.changing(DOMAIN_NAMES):
            before = self.named(scope, params["DomainName"])
            configurations = params.get("DomainNameConfigurations")
            changes = {name: params[name] for name in ("MutualTlsAuthentication",) if name in params}
            domain = merged(before, changes)
            if not (domain.get("MutualTlsAuthentication") or {}).get("TruststoreUri"):
                domain.pop("MutualTlsAuthentication", None)
            if configurations:
                [old] = before["DomainNameConfigurations"][:1]
                domain["DomainNameConfigurations"] = [
                    _configured(scope, domain["DomainName"], {**old, **one}) for one in configurations
                ]
            await self._records.put(scope, KIND, domain["DomainName"], record=domain)
        return domain

    async def put(self, scope: Scope, domain: Record) -> None:
        await self._records.put(scope, KIND, domain["DomainName"], record=domain)

    async def delete(self, call: Call, params: Params) -> None:
        """Its mappings go with it."""
        async with self._records.changing(DOMAIN_NAMES):
            name = self.named(call.scope, params["DomainName"])["DomainName"]
            mappings = self._records.list(call.scope, MAPPING, name)
            keys: Keys = [self._records.key(call.scope, MAPPING, name, one["ApiMappingId"]) for one in mappings]
            await self._records.write(deletes=[self._records.key(call.scope, KIND, name), *keys])

    def named(self, scope: Scope, name: str) -> Record:
        domain = self._records.get(scope, KIND, name.lower())
        if domain is None:
            raise missing(NO_DOMAIN)
        return domain


def configured_for(scope: Scope, name: str, endpoint: str, certificate: str | None, policy: str | None) -> Record:
    """A configuration as either generation writes it."""
    content = {"CertificateArn": certificate, "EndpointType": endpoint, "SecurityPolicy": policy}
    return _configured(scope, name, {member: value for member, value in content.items() if value})


def _configured(scope: Scope, name: str, content: Mapping[str, Any]) -> Record:
    endpoint = content.get("EndpointType") or "REGIONAL"
    digest = hashlib.sha256(f"{scope.account}/{scope.region}/{name}/{endpoint}".encode()).hexdigest()
    regional = endpoint == "REGIONAL"
    host = f"d-{digest[:10]}.execute-api.{scope.region}.amazonaws.com" if regional else f"d{digest[:13]}.cloudfront.net"
    settled = {key: value for key, value in content.items() if value != ""}
    return {
        "CertificateUploadDate": now(),
        "IpAddressType": "ipv4",
        "SecurityPolicy": "TLS_1_2",
        **settled,
        "ApiGatewayDomainName": host,
        "DomainNameStatus": "AVAILABLE",
        "EndpointType": endpoint,
        "HostedZoneId": REGIONAL_ZONE if regional else EDGE_ZONE,
    }
