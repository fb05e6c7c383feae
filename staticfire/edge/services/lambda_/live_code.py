"""Code that is put into functions and layers as somebody saves it, without a deployment of Terraform.

A function's code is updated as UpdateFunctionCode does it: what runs ends on the old code, the next invocation is on
the new one. Where an alias names the newest version, a version is published and the alias moved to it, so that whoever
invokes by the alias runs what was saved. A layer version keeps its number, and gets other content: nothing that refers
to it has to change. What has the old code in common with the new one is not unpacked again; where the watcher says what
changed, nothing else is sent or read either. All is unpacked before the function has it, so that no invocation waits
for that. What was warm is so again: an execution environment is started for it before somebody invokes. A save does
not wait for the one before it: that an update is under way for half a second is what AWS's API tells, no more.

Each save leaves a zip and a tree: the last KEPT of them stay, for what still runs.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence

from staticfire.edge.aws.calls import AwsError, Call, Scope
from staticfire.edge.http1.messages import Request

from .brought_layers import ARN
from .code import Change
from .control_plane import LambdaControlPlane
from .control_plane.packages import Package
from .function_records import Record, version_id
from .model import FunctionRef
from .service import Functions
from .zip_changes import CannotSplice

log = logging.getLogger(__name__)

KEPT = 10


class LiveCode:
    """See the module's text."""

    def __init__(self, control_plane: LambdaControlPlane, functions: Functions) -> None:
        self._control_plane = control_plane
        self._records = control_plane.records
        self._functions = functions
        self._put: deque[str] = deque()

    async def put(self, request: Request, functions: Sequence[str], layers: Sequence[str], data: bytes) -> Record:
        """Put one zip into all of these, by their ARNs; what became of each."""
        package = await self._control_plane.packages.keep(data)
        await self._unpack(functions, package.sha256)
        return await self._put_package(request, functions, layers, package)

    async def change(
        self, request: Request, functions: Sequence[str], layers: Sequence[str], change: Change
    ) -> Record | None:
        """The same with what differs from the zip that they have; None: it has to come as a whole."""
        try:
            sha256, made = await self._functions.code.splice(change)
        except CannotSplice as error:
            log.debug("The zip comes as a whole: %s", error)
            return None
        if sha256 == change.base:
            return {"CodeSha256": sha256, "functions": [], "layers": []}
        # A tree that is made of the change does not wait until the zip is on the disk.
        keeping = asyncio.create_task(self._control_plane.packages.keep_spliced(sha256, made))
        if not made.is_plain:
            await asyncio.wait([keeping])
        try:
            await self._unpack(functions, sha256)
        finally:
            package = await keeping
        return await self._put_package(request, functions, layers, package)

    async def _put_package(
        self, request: Request, functions: Sequence[str], layers: Sequence[str], package: Package
    ) -> Record:
        updated = await asyncio.gather(*(self._update(request, arn, package) for arn in functions))
        for arn in layers:
            await self._replace(arn, package.sha256, package.size)
        await self._drop_what_is_old(package.sha256)
        return {"CodeSha256": package.sha256, "functions": updated, "layers": layers}

    async def _unpack(self, functions: Sequence[str], sha256: str) -> None:
        refs = [FunctionRef.parse(arn, Scope())._replace(qualifier=None) for arn in functions]
        await asyncio.gather(*(self._functions.unpack(ref, code=sha256) for ref in refs))

    async def _update(self, request: Request, arn: str, package: Package) -> Record:
        ref = FunctionRef.parse(arn, Scope())._replace(qualifier=None)
        before = self._records.configuration(ref.scope, ref.name)
        function = self._records.get(ref.scope, "function", ref.name)
        if before is None or function is None:
            raise AwsError(404, "ResourceNotFoundException", f"Function not found: {ref.arn}")
        newest = str(function["next"] - 1)
        aliases = list(self._records.list(ref.scope, "alias", f"{ref.name}:"))
        following = [alias for alias in aliases if alias["FunctionVersion"] == newest]
        params = {"FunctionName": ref.name, "Publish": bool(following)}
        operations = self._control_plane
        call = _call(request, ref, "UpdateFunctionCode")
        described = await operations.functions.update_code(call, params, package)
        for alias in following:
            moved = {"FunctionName": ref.name, "Name": alias["Name"], "FunctionVersion": described["Version"]}
            await operations.aliases.update(_call(request, ref, "UpdateAlias"), moved)
        for version, name in [("$LATEST", None), *((newest, alias["Name"]) for alias in following)]:
            await self._functions.start_ahead(ref._replace(qualifier=name), version)
        return {
            "arn": arn,
            "version": described["Version"] if following else "",
            "aliases": [alias["Name"] for alias in following],
            "fixed_versions": int(newest) if not following else 0,
        }

    async def _replace(self, arn: str, sha256: str, size: int) -> None:
        match = ARN.fullmatch(arn)
        if match is None:
            raise AwsError(400, "InvalidParameterValueException", f"{arn!r} is not the ARN of a layer version")
        _, region, account, name, version = match.groups()
        scope, number = Scope(account, region), version_id(version)
        async with self._records.changing(scope, f"layer:{name}"):
            record = self._records.get(scope, "layer-version", name, number)
            if record is None:
                raise AwsError(404, "ResourceNotFoundException", f"Layer version not found: {arn}")
            before = record["Content"]["CodeSha256"]
            content = {"CodeSha256": sha256, "CodeSize": size}
            await self._records.put(scope, "layer-version", name, number, record={**record, "Content": content})
        for key, function in self._records.everywhere("function"):
            latest = function["latest"]
            if any(layer["Arn"] == arn for layer in latest.get("Layers") or ()):
                ref = FunctionRef(Scope(key.account, key.region), latest["FunctionName"])
                await self._functions.unpack(ref, layers_before={arn: before})
        self._functions.renew_layer(arn)

    async def _drop_what_is_old(self, sha256: str) -> None:
        if sha256 in self._put:
            self._put.remove(sha256)
        self._put.append(sha256)
        while len(self._put) > KEPT:
            oldest = self._put.popleft()
            if oldest not in self._records.code() and not self._functions.runs(oldest):
                await self._functions.code.forget(oldest)


def _call(request: Request, ref: FunctionRef, operation: str) -> Call:
    return Call(request, "lambda", ref.scope, carried_out=operation)
