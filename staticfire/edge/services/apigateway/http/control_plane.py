"""API Gateway's own API (`/v2/apis/...`) as the emulator answers it, made whole.

Two things the emulator cannot know or does not keep: where its APIs are served (`apiEndpoint`: here), and fields that
it takes without storing them (MiniStack: `integrationSubtype`, `connectionId`, ...). What a write sent and its answer
lacks is remembered beside the emulator, so that reading gives back what was written, to Terraform as to the edge.

WebSocket APIs are refused: nothing here would serve one.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import unquote

from staticfire.edge.aws.calls import AwsError, Call, Scope
from staticfire.edge.aws.emulator import Emulator
from staticfire.edge.http1.hop_by_hop import end_to_end
from staticfire.edge.http1.messages import Response

from . import quick_create

SERVICE = "apigateway"

Seen = Callable[[str, Scope], None]

_ID_KEYS = {
    "authorizers": "authorizerId",
    "integrations": "integrationId",
    "routes": "routeId",
    "stages": "stageName",
}


def _document(body: bytes) -> dict[str, Any]:
    """What a write sends; the emulator says what is wrong with anything but an object."""
    try:
        sent = json.loads(body or b"{}")
    except ValueError:
        return {}
    return sent if isinstance(sent, dict) else {}


def _split(path: str) -> list[str]:
    return path.partition("?")[0].strip("/").split("/")


class ControlPlane:
    """`authority` is where APIs are served; `seen` is called for each HTTP API in an answer, with whose it is."""

    def __init__(self, emulator: Emulator, authority: str, seen: Seen) -> None:
        self._emulator = emulator
        self._authority = authority
        self._seen = seen
        self._forgotten: dict[tuple[Scope, str, str, str], dict[str, Any]] = {}

    async def get(self, scope: Scope, path: str) -> Any:
        """Read a description or one page of a list."""
        return self._completed(scope, _split(path), await self._emulator.rest(scope, SERVICE, "GET", path))

    async def pass_on(self, call: Call) -> tuple[int, Response]:
        """A caller's call with the emulator's answer, made whole."""
        request, body = call.request, await call.body()
        sent = _document(body)
        if sent.get("protocolType") == "WEBSOCKET":
            raise AwsError(501, "NotImplementedException", "WebSocket APIs are not available here: HTTP APIs are.")
        parts = _split(request.path)
        finish = await self._quick_create(call.scope, request.method, parts, sent)
        headers = [header for header in request.headers if header[0] in ("content-type", "accept")]
        answer = await self._emulator.raw(call.scope, SERVICE, request.method, request.target, headers, body)
        content = await self._emulator.whole(answer)
        if answer.status < 300 and content:
            data = json.loads(content)
            self._remember(call.scope, parts, sent, data)
            if finish is not None:
                await finish(data["apiId"])
            content = json.dumps(self._completed(call.scope, parts, data)).encode()
        elif answer.status < 300 and request.method == "DELETE" and len(parts) == 5:
            self._forgotten.pop((call.scope, parts[2], parts[3], unquote(parts[4])), None)
        kept = [header for header in end_to_end(answer.headers) if header[0] not in ("content-length", "date")]
        return answer.status, Response(answer.status, kept, content)

    async def _quick_create(
        self, scope: Scope, method: str, parts: list[str], sent: dict[str, Any]
    ) -> Callable[[str], Awaitable[None]] | None:
        """Check what the call says of quick create; what there is to do once the API itself is written."""

        async def rest(method: str, path: str, body: dict[str, Any] | None) -> Any:
            answered = await self._emulator.rest(scope, SERVICE, method, path, body)
            if body is not None:
                self._remember(scope, _split(path), body, answered)
            return self._completed(scope, _split(path), answered)

        if method == "DELETE" and len(parts) == 5 and parts[3] == "integrations":
            await quick_create.refuse_to_delete(rest, "/" + "/".join(parts))
        if parts[:2] != ["v2", "apis"] or len(parts) > 3 or method not in ("POST", "PATCH"):
            return None
        integration = quick_create.checked(sent)
        if method == "PATCH":
            await quick_create.update(rest, parts[2], integration, sent)
        elif integration is not None:
            return lambda api_id: quick_create.create(rest, api_id, integration, sent)
        return None

    def deleted(self, api_id: str) -> None:
        for key in [key for key in self._forgotten if key[1] == api_id]:
            del self._forgotten[key]

    def reset(self) -> None:
        self._forgotten.clear()

    def _remember(self, scope: Scope, parts: list[str], sent: dict[str, Any], answered: dict[str, Any]) -> None:
        id_key = _ID_KEYS.get(parts[3]) if 4 <= len(parts) <= 5 else None
        if id_key is None or id_key not in answered:
            return
        forgotten = self._forgotten.setdefault((scope, parts[2], parts[3], answered[id_key]), {})
        for name, value in sent.items():
            if value in (None, "", {}, []):
                forgotten.pop(name, None)
            elif name not in answered:
                forgotten[name] = value

    def _completed(self, scope: Scope, parts: list[str], data: Any) -> Any:
        if parts[:2] != ["v2", "apis"] or not isinstance(data, dict):
            return data
        items = data.get("items", [data])
        for item in items:
            if len(parts) <= 3:
                self._locate(scope, item)
            elif (id_key := _ID_KEYS.get(parts[3])) is not None:
                forgotten = self._forgotten.get((scope, parts[2], parts[3], item.get(id_key)), {})
                item.update({name: value for name, value in forgotten.items() if name not in item})
        return data

    def _locate(self, scope: Scope, api: dict[str, Any]) -> None:
        if "apiId" in api and api.get("protocolType", "HTTP") == "HTTP":
            self._seen(api["apiId"], scope)
            api["apiEndpoint"] = f"http://{api['apiId']}.{self._authority}"
