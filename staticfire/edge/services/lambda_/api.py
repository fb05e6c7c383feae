"""The calls of the Lambda API: invocations by the shortest way, all others by the control plane."""

from __future__ import annotations

import re
from urllib.parse import unquote

from staticfire.edge.aws.calls import Call
from staticfire.edge.http1.messages import Response

from .control_plane import LambdaControlPlane
from .invocations import Invocations
from .service import Functions

PATH = re.compile(r"/\d{4}-\d{2}-\d{2}/functions/(?P<name>[^/]+)(?P<operation>/[^/]+)/?")
# A name that needs no second look.
PLAIN = re.compile(r"[a-zA-Z0-9-_]{1,64}")


class LambdaApi:
    """The `lambda` service, all of it."""

    def __init__(self, functions: Functions, control_plane: LambdaControlPlane) -> None:
        self.control_plane = control_plane
        invocations = Invocations(functions)
        self._invocations = {
            "/invocations": invocations.invoke,
            "/invoke-async": invocations.invoke_async,
            "/response-streaming-invocations": invocations.stream,
        }

    async def answer(self, call: Call) -> Response:
        match = PATH.fullmatch(call.request.path) if call.request.method == "POST" else None
        invoke = self._invocations.get(match["operation"]) if match is not None else None
        if match is None or invoke is None:
            return await self.control_plane.answer(call)
        name = unquote(match["name"])
        if not PLAIN.fullmatch(name) or "Qualifier=" in call.request.query:
            await self.control_plane.check(call)
        return await invoke(call, name)

    async def passed(self, call: Call, status: int) -> None:
        """Nothing passes."""
