"""Functions and their versions: created, updated, published, told, deleted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from staticfire.edge.aws.calls import AwsError, Call
from staticfire.edge.aws.protocol import Params
from staticfire.edge.services.lambda_.function_records import (
    OF_A_FUNCTION,
    FunctionRecords,
    Record,
    being_created,
    being_updated,
    new_revision,
    settled,
    version_id,
)
from staticfire.edge.services.lambda_.model import LATEST, FunctionRef
from staticfire.edge.services.lambda_.pages import page_of

from .called import (
    check_revision,
    conflict,
    function_of,
    invalid,
    missing,
    ref_of,
    stamp,
)
from .code_signing import check_code_signing
from .configuration import Configurations, fingerprint
from .function_images import FunctionImages
from .packages import Locate, Package, Packages

_OTHER_SOURCES = ("S3Bucket", "S3Key", "S3ObjectVersion", "ImageUri")
NAME_LIMIT = 64
TAGS_LIMIT = 50
# A list tells of a configuration what does not change by itself.
_NOT_LISTED = ("State", "LastUpdate", "RuntimeVersionConfig")


class FunctionListener(Protocol):
    """Who hears of each change: what runs the functions."""

    async def changed(self, ref: FunctionRef) -> None:
        """What is described of it was changed: it takes effect on the next invocation."""

    async def deleted(self, ref: FunctionRef) -> None:
        """It is gone."""

    async def provision(self, ref: FunctionRef, count: int, each_seconds: float) -> bool:
        """Start execution environments of a version before it is invoked; whether their initialisation went well."""

    def initialised(self, ref: FunctionRef) -> int:
        """How many execution environments of a version are there that have initialised."""

    async def unpack(self, ref: FunctionRef) -> None:
        """Have its code ready to run."""


class FunctionOperations:
    def __init__(
        self,
        records: FunctionRecords,
        packages: Packages,
        configurations: Configurations,
        running: FunctionListener,
        locate: Locate,
    ) -> None:
        """`locate`: the address at which the caller can fetch code."""
        self._records = records
        self._packages = packages
        self._configurations = configurations
        self._running = running
        self._locate = locate
        self._images = FunctionImages(records, running.unpack)

    def resume(self) -> None:
        """Go on with the images that were not unpacked when the edge ended."""
        self._images.resume()

    async def create(self, call: Call, params: Params) -> Record:
        scope = call.scope
        ref = FunctionRef.called(params["FunctionName"], scope)
        if ref.scope.account != scope.account:
            raise AwsError(403, "AccessDeniedException", "")
        name = ref.name
        if len(name) > NAME_LIMIT:
            raise invalid(
                f"1 validation error detected: Value '{name}' at 'functionName' failed to satisfy constraint: Member "
                f"must have length less than or equal to {NAME_LIMIT}"
            )
        if len(params.get("Tags") or {}) > TAGS_LIMIT:
            raise invalid("Number of tags exceeds resource tag limit.")
        image = params.get("PackageType") == "Image"
        if not image and not (params.get("Runtime") and params.get("Handler")):
            raise invalid(
                "Runtime and Handler are mandatory parameters for functions created with deployment packages."
            )
        async with self._records.changing(scope, name):
            if self._records.get(scope, "function", name) is not None:
                raise conflict(f"Function already exist: {name}")
            begun: Record = {
                "FunctionName": name,
                "FunctionArn": ref._replace(qualifier=None).arn,
                "PackageType": "Image" if image else "Zip",
                "Architectures": params.get("Architectures") or ["x86_64"],
                "Version": LATEST,
                "LastModified": stamp(),
            }
            if params.get("CodeSigningConfigArn"):
                check_code_signing(self._records, scope, params["CodeSigningConfigArn"])
            _check_source(begun["PackageType"], params["Code"], "creating")
            configuration = await self._configurations.changed(scope, begun, params)
            package = await self._packages.take(scope, params["Code"])
            latest = self._images.awaited(being_created(_with_package(configuration, package)))
            function = {"latest": latest, "next": 1, "tags": dict(params.get("Tags") or {})}
            if params.get("CodeSigningConfigArn"):
                function["code_signing"] = params["CodeSigningConfigArn"]
            puts = {}
            if params.get("Publish"):
                version = self._images.awaited(being_created(self._version(function, ref)))
                puts[self._records.key(scope, "version", name, version_id(1))] = version
            puts[self._records.key(scope, "function", name)] = function
            await self._records.write(puts, blobs=package.blobs)
        await self._running.changed(ref._replace(qualifier=None))
        self._images.unpack(scope, name, latest)
        answer = {**latest, "Version": "1"} if params.get("Publish") else latest
        return answer

    async def update_code(self, call: Call, params: Params, package: Package | None = None) -> Record:
        """With a `package`, what was saved goes in, whatever AWS's API tells of the update before it."""
        ref = ref_of(self._records, call, params)
        scope, name = ref.scope, ref.name
        async with self._records.changing(scope, name):
            function = function_of(self._records, ref)
            latest = settled(function["latest"])
            _check_source(latest["PackageType"], params, "updating")
            saved = package is not None
            package = package or await self._packages.take(scope, params)
            check_revision(params.get("RevisionId"), latest["RevisionId"])
            changed = _with_package({**latest, "LastModified": stamp()}, package)
            if params.get("Architectures"):
                changed["Architectures"] = params["Architectures"]
            if params.get("DryRun"):
                return changed
            if not saved:
                _check_idle(ref, latest)
            function["latest"] = self._images.awaited(being_updated(changed))
            puts = {}
            if params.get("Publish"):
                number = function["next"]
                version = self._images.awaited(being_created(self._version(function, ref)))
                puts[self._records.key(scope, "version", name, version_id(number))] = version
            puts[self._records.key(scope, "function", name)] = function
            await self._records.write(puts, blobs=package.blobs)
        await self._running.changed(ref._replace(qualifier=None))
        self._images.unpack(scope, name, function["latest"])
        return version if params.get("Publish") else function["latest"]

    async def update_configuration(self, call: Call, params: Params) -> Record:
        ref = ref_of(self._records, call, params)
        scope, name = ref.scope, ref.name
        async with self._records.changing(scope, name):
            function = function_of(self._records, ref)
            latest = settled(function["latest"])
            check_revision(params.get("RevisionId"), latest["RevisionId"])
            before = {**latest, "LastModified": stamp()}
            changed = await self._configurations.changed(scope, before, params)
            _check_idle(ref, latest)
            function["latest"] = being_updated(changed)
            await self._records.put(scope, "function", name, record=function)
        await self._running.changed(ref._replace(qualifier=None))
        return dict(function["latest"])

    async def publish(self, call: Call, params: Params) -> Record:
        ref = ref_of(self._records, call, params)
        scope, name = ref.scope, ref.name
        async with self._records.changing(scope, name):
            function = function_of(self._records, ref)
            latest = settled(function["latest"])
            sha256 = params.get("CodeSha256")
            if sha256 and sha256 != latest["CodeSha256"]:
                raise invalid(
                    f"CodeSHA256 ({sha256}) is different from current CodeSHA256 in $LATEST ({latest['CodeSha256']}). "
                    "Please try again with the CodeSHA256 in $LATEST."
                )
            check_revision(params.get("RevisionId"), latest["RevisionId"])
            _check_idle(ref, latest)
            same = function.get("published") or {}
            if same.get("fingerprint") == fingerprint(latest):
                version = self._records.configuration(scope, name, same["version"])
                if version is not None:
                    return version
            number = function["next"]
            version = self._version(function, ref, params.get("Description"))
            function["latest"] = {**latest, "RevisionId": new_revision()}
            await self._records.write(
                {
                    self._records.key(scope, "version", name, version_id(number)): version,
                    self._records.key(scope, "function", name): function,
                }
            )
        return version

    async def get(self, call: Call, params: Params) -> Record:
        ref = ref_of(self._records, call, params)
        configuration = self._told(ref)
        function = function_of(self._records, ref)
        answer: Record = {"Configuration": configuration, "Code": _code(call, configuration, self._locate)}
        if function["tags"]:
            answer["Tags"] = function["tags"]
        concurrency = self._records.get(ref.scope, "reserved-concurrency", ref.name)
        if concurrency is not None:
            answer["Concurrency"] = {"ReservedConcurrentExecutions": concurrency["reserved"]}
        return answer

    async def get_configuration(self, call: Call, params: Params) -> Record:
        return self._told(ref_of(self._records, call, params))

    async def delete(self, call: Call, params: Params) -> Record:
        ref = ref_of(self._records, call, params)
        scope, name, qualifier = ref.scope, ref.name, ref.qualifier
        if qualifier == LATEST:
            raise invalid("$LATEST version cannot be deleted without deleting the function.")
        if qualifier is not None and "$" not in qualifier and not qualifier.isdigit():
            raise invalid("Deletion of aliases is not currently supported.")
        async with self._records.changing(scope, name):
            function_of(self._records, ref._replace(qualifier=None))
            if qualifier is not None:
                await self._delete_version(ref, qualifier)
            else:
                keys = [key for kind in OF_A_FUNCTION for key in self._records.keys(scope, kind, f"{name}:")]
                own = ("function", "reserved-concurrency", "policy", "function-url")
                keys += [self._records.key(scope, kind, name) for kind in own[:2]]
                await self._records.write(deletes=keys)
        await (self._running.deleted if qualifier is None else self._running.changed)(ref._replace(qualifier=None))
        return {"StatusCode": 204}

    async def list_all(self, call: Call, params: Params) -> Record:
        scope = call.scope
        functions = []
        for record in self._records.list(scope, "function"):
            latest = settled(record["latest"])
            every = params.get("FunctionVersion") == "ALL"
            functions.append(_listed(latest, qualified=every))
            if every:
                versions = self._records.list(scope, "version", f"{latest['FunctionName']}:")
                functions += [_listed(settled(version)) for version in versions]
        return page_of(functions, params, "Functions", key="FunctionArn")

    async def list_versions(self, call: Call, params: Params) -> Record:
        ref = ref_of(self._records, call, params)
        function = function_of(self._records, ref)
        versions = [_listed(settled(function["latest"]), qualified=True)]
        versions += [_listed(settled(version)) for version in self._records.list(ref.scope, "version", f"{ref.name}:")]
        return page_of(versions, params, "Versions", key="Version")

    def _told(self, ref: FunctionRef) -> Record:
        """A configuration under the name by which it is asked for."""
        qualifier = ref.qualifier
        version = qualifier or LATEST
        if qualifier is not None and qualifier != LATEST and not qualifier.isdigit():
            alias = self._records.get(ref.scope, "alias", ref.name, qualifier)
            if alias is None:
                raise missing(f"Function not found: {ref.arn}")
            version = alias["FunctionVersion"]
        configuration = self._records.configuration(ref.scope, ref.name, version)
        if configuration is None:
            raise missing(f"Function not found: {ref.arn}")
        return {**configuration, "FunctionArn": ref.arn}

    @staticmethod
    def _version(function: Record, ref: FunctionRef, description: str | None = None) -> Record:
        """The next version, made of the latest configuration; the function remembers of what."""
        latest, number = settled(function["latest"]), function["next"]
        function["next"] = number + 1
        function["published"] = {"version": str(number), "fingerprint": fingerprint(latest)}
        version = {
            **latest,
            "FunctionArn": ref._replace(qualifier=str(number)).arn,
            "Version": str(number),
            "RevisionId": new_revision(),
        }
        if description is not None:
            version["Description"] = description
        if latest["SnapStart"]["ApplyOn"] == "PublishedVersions":
            version["SnapStart"] = {**latest["SnapStart"], "OptimizationStatus": "On"}
        return version

    async def _delete_version(self, ref: FunctionRef, version: str) -> None:
        scope, name = ref.scope, ref.name
        if "$" in version or self._records.configuration(scope, name, version) is None:
            return  # AWS says that it is gone, too
        for alias in self._records.list(scope, "alias", f"{name}:"):
            weights = (alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
            if version == alias["FunctionVersion"] or version in weights:
                raise conflict(f"Version {version} is used by the alias {alias['Name']}: {alias['AliasArn']}")
        keys = [self._records.key(scope, kind, name, version) for kind in OF_A_FUNCTION if kind != "version"]
        keys.append(self._records.key(scope, "version", name, version_id(version)))
        await self._records.write(deletes=keys)


def _with_package(configuration: Record, package: Package) -> Record:
    after = {**configuration, "CodeSha256": package.sha256, "CodeSize": package.size}
    if package.image:
        after["image"] = package.image
        after.pop("RuntimeVersionConfig", None)
    return after


def _check_source(kind: str, source: Mapping[str, Any], doing: str) -> None:
    """An image comes by its address, a zip by one way."""
    if kind == "Image" and not source.get("ImageUri"):
        raise invalid(f"Please provide ImageUri when {doing} a function with packageType Image.")
    if kind == "Zip" and source.get("ImageUri"):
        raise invalid(f"Please don't provide ImageUri when {doing} a function with packageType Zip.")
    if source.get("ZipFile") is not None and any(source.get(name) for name in _OTHER_SOURCES):
        raise invalid("Please do not provide other FunctionCode parameters when providing a ZipFile.")


def _check_idle(ref: FunctionRef, latest: Record) -> None:
    """One change at a time."""
    if latest.get("LastUpdateStatus") == "InProgress":
        arn = ref._replace(qualifier=None).arn
        raise conflict(f"The operation cannot be performed at this time. An update is in progress for resource: {arn}")
    if latest.get("State") == "Pending":
        raise conflict(
            "The operation cannot be performed at this time. The function is currently in the following state: Pending"
        )


def _listed(configuration: Record, *, qualified: bool = False) -> Record:
    listed = {name: value for name, value in configuration.items() if not name.startswith(_NOT_LISTED)}
    return {**listed, "FunctionArn": f"{listed['FunctionArn']}:{LATEST}"} if qualified else listed


def _code(call: Call, configuration: Record, locate: Locate) -> Record:
    if configuration["PackageType"] == "Image":
        uri, digest = configuration["image"], configuration["CodeSha256"]
        repository = uri.partition("@")[0].rpartition(":")[0] or uri
        return {"RepositoryType": "ECR", "ImageUri": uri, "ResolvedImageUri": f"{repository}@sha256:{digest}"}
    return {"RepositoryType": "S3", "Location": locate(call, configuration["CodeSha256"])}
