"""The calls of the Lambda API that the edge answers itself: invocations. The rest is the emulator's."""

from __future__ import annotations

import re
from urllib.parse import unquote

from staticfire.edge.aws.calls import Call, Scope
from staticfire.edge.http1.messages import Response

from .invocations import Invocations
from .model import FunctionRef, json_object
from .service import Functions

PATH = re.compile(r"/(?P<version>\d{4}-\d{2}-\d{2})/functions/(?P<name>[^/]+)(?P<rest>/.*)?")

FUNCTIONS = re.compile(r"/\d{4}-\d{2}-\d{2}/functions")


class LambdaApi:
    """The `lambda` service: what it does not answer goes to the emulator, and it hears of what went through."""

    def __init__(self, functions: Functions) -> None:
        self._functions = functions
        invocations = Invocations(functions)
        self._operations = {
            "/invocations": invocations.invoke,
            "/invoke-async": invocations.invoke_async,
            "/response-streaming-invocations": invocations.stream,
        }

    async def answer(self, call: Call) -> Response | None:
        """The answer to an invocation; None for every other call."""
        match = PATH.fullmatch(call.request.path)
        if match is None or call.request.method != "POST":
            return None
        invoke = self._operations.get((match["rest"] or "").rstrip("/"))
        return await invoke(call, unquote(match["name"])) if invoke is not None else None

    async def passed(self, call: Call, status: int) -> None:
        """A write went through: the function whose settings or code it changed is told."""
        request = call.request
        if request.method in ("GET", "HEAD") or status >= 400:
            return
        if FUNCTIONS.fullmatch(unquote(request.path).rstrip("/")):
            name = json_object(await request.body()).get("FunctionName")
            if isinstance(name, str):
                await self._functions.changed(_unqualified(name, call.scope), code=True)
            return
        match = PATH.fullmatch(request.path)
        if match is None:
            return
        ref, operation = _unqualified(unquote(match["name"]), call.scope), (match["rest"] or "").rstrip("/")
        if request.method != "DELETE" or operation:
            await self._functions.changed(ref, code=operation in ("/code", "/versions"))
        elif "Qualifier=" in request.query:
            await self._functions.changed(ref)
        else:
            await self._functions.deleted(ref)


def _unqualified(name: str, scope: Scope) -> FunctionRef:
    """The function itself, whichever version or alias of it is named."""
    return FunctionRef.parse(name, scope)._replace(scope=scope, qualifier=None)
