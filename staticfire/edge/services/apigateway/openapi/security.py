"""Who may call an operation of an OpenAPI document: its security schemes as authorizers, API keys and signatures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .documents import Document, listed, malformed, mapping

AUTHORIZER = "x-amazon-apigateway-authorizer"
AUTH_TYPE = "x-amazon-apigateway-authtype"
AUTH = "x-amazon-apigateway-auth"
API_KEY_HEADER = "x-api-key"

_MEMBERS = (
    *("providerARNs", "authorizerUri", "authorizerCredentials", "identityValidationExpression"),
    "authorizerResultTtlInSeconds",
)


@dataclass(frozen=True)
class Access:
    """Who may call: `authorizer` is a scheme's name."""

    authorization: str = "NONE"
    authorizer: str | None = None
    scopes: list[str] = field(default_factory=list)
    api_key: bool = False


class Security:
    """The schemes of a document. `authorizers`: what CreateAuthorizer would be extension of each, by its name."""

    def __init__(self, document: Document) -> None:
        components = mapping(document.get("components"), "components")
        schemes = {
            **mapping(document.get("securityDefinitions"), "securityDefinitions"),
            **mapping(components.get("securitySchemes"), "components.securitySchemes"),
        }
        self._schemes = {name: mapping(scheme, f"the security scheme {name}") for name, scheme in schemes.items()}
        self._everywhere = document.get("security")
        self.authorizers = {
            name: _authorizer(name, scheme) for name, scheme in self._schemes.items() if AUTHORIZER in scheme
        }

    def access(self, operation: Mapping[str, Any], where: str) -> Access:
        """Of one operation: its own security, or else the document's."""
        wants = operation.get("security", self._everywhere)
        kind, authorizer, scopes, api_key = "NONE", None, [], False
        own = operation.get(AUTH)
        if isinstance(own, dict) and str(own.get("type", "")).upper() == "AWS_IAM":
            kind = "AWS_IAM"
        for requirement in listed(wants, f"security of {where}"):
            for name, of_scheme in mapping(requirement, f"security of {where}").items():
                scheme = self._schemes.get(name)
                if scheme is None:
                    raise malformed(f"{where} needs the security scheme {name}, which is not defined")
                if name in self.authorizers:
                    is_pool = self.authorizers[name]["type"] == "COGNITO_USER_POOLS"
                    kind, authorizer = ("COGNITO_USER_POOLS" if is_pool else "CUSTOM"), name
                    scopes = [str(scope) for scope in listed(of_scheme, f"security of {where}")]
                elif str(scheme.get(AUTH_TYPE, "")).lower() == "awssigv4":
                    kind = "AWS_IAM"
                elif _is_api_key(scheme):
                    api_key = True
        return Access(kind, authorizer, scopes, api_key)


def _is_api_key(scheme: Mapping[str, Any]) -> bool:
    return scheme.get("type") == "apiKey" and str(scheme.get("name", "")).lower() == API_KEY_HEADER


def _authorizer(name: str, scheme: Mapping[str, Any]) -> dict[str, Any]:
    extension = mapping(scheme[AUTHORIZER], f"{AUTHORIZER} of {name}")
    kind = str(extension.get("type", "")).upper()
    if kind not in ("TOKEN", "REQUEST", "COGNITO_USER_POOLS"):
        raise malformed(f"{AUTHORIZER} of {name} has the type {extension.get('type')}")
    wants: dict[str, Any] = {"name": name, "type": kind}
    wants |= {member: extension[member] for member in _MEMBERS if extension.get(member) is not None}
    if scheme.get(AUTH_TYPE):
        wants["authType"] = str(scheme[AUTH_TYPE])
    source = extension.get("identitySource")
    if source is None and kind != "REQUEST" and scheme.get("name"):
        source = f"method.request.header.{scheme['name']}"
    if source is not None:
        wants["identitySource"] = str(source)
    if "authorizerResultTtlInSeconds" in wants:
        try:
            wants["authorizerResultTtlInSeconds"] = int(wants["authorizerResultTtlInSeconds"])
        except (TypeError, ValueError):
            raise malformed(f"authorizerResultTtlInSeconds of {name} is not a number") from None
    return wants
