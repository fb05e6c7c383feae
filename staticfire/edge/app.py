"""One request: for an HTTP API, a function URL, the registry of images, the edge itself, or an AWS API call.

What steers the emulator past AWS's APIs (`/_ministack/reset`) wants the token that the edge's own endpoints want.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from staticfire.edge.aws.router import Router
from staticfire.edge.emulators import ministack
from staticfire.edge.http1.messages import Request, Response
from staticfire.edge.services.apigateway import ApiGateway
from staticfire.edge.services.ecr import Ecr
from staticfire.edge.services.function_urls import FunctionUrls
from staticfire.edge.services.lambda_.code_locations import CodeLocations

from .endpoints import NOT_PERMITTED, PREFIX, Endpoints
from .gate import Gate
from .guard import Guard

# What an emulator lets be steered; what answers CloudFormation and nodes of EKS has a token of its own in its path.
STEERS = re.compile(r"/+_(?:ministack/(?!cfn-response/|cfn-signal/|eks-auth/)|localstack/)")
READING = ("GET", "HEAD")


class App:
    def __init__(
        self,
        *,
        apis: ApiGateway,
        function_urls: FunctionUrls,
        gate: Gate,
        registry: Ecr,
        code_locations: CodeLocations,
        guard: Guard,
        endpoints: Endpoints,
        router: Router,
    ) -> None:
        self._apis = apis
        self._function_urls = function_urls
        self._gate = gate
        self._registry = registry
        self._code_locations = code_locations
        self._guard = guard
        self._endpoints = endpoints
        self._router = router

    async def handle(self, request: Request) -> Response:
        if request.path.startswith(PREFIX):
            return await self._handle(request)
        await self._gate.enter(request)
        try:
            return await self._handle(request)
        finally:
            self._gate.leave()

    async def _handle(self, request: Request) -> Response:
        address = self._apis.match(request)
        if address is not None:
            return await self._apis.serve(address)
        answer = await self._function_urls.serve(request)
        if answer is not None:
            return answer
        refusal = self._guard.refusal(request)
        if refusal is not None:
            return refusal
        if request.path.startswith(PREFIX):
            return await self._endpoints.handle(request)
        answer = await self._code_locations.serve(request)
        if answer is not None:
            return answer
        answer = await self._registry.serve(request)
        if answer is not None:
            return answer
        steers = request.method not in READING and STEERS.match(unquote(request.path))
        if steers and not self._endpoints.permits(request):
            return Response(403, [("content-type", "text/plain")], f"{NOT_PERMITTED}\n".encode())
        response = await self._router.handle(request)
        if steers and unquote(request.path) == ministack.RESET:
            await self._endpoints.emptied()
        return response
