"""The table of all operations of the Lambda API, but those that invoke."""

from __future__ import annotations

from collections.abc import Mapping

from staticfire.edge.aws.calls import AwsError, Call
from staticfire.edge.aws.emulator import Emulator
from staticfire.edge.aws.protocol import Operations
from staticfire.edge.aws.protocol.operations import Carry
from staticfire.edge.http1.messages import Response
from staticfire.edge.services.lambda_.code import CodeStore
from staticfire.edge.services.lambda_.code_locations import CodeLocations
from staticfire.edge.services.lambda_.function_records import FunctionRecords

from .account import AccountOperations
from .aliases import AliasOperations
from .code_signing import CodeSigningOperations
from .concurrency import ConcurrencyOperations
from .configuration import Configurations
from .event_invoke import EventInvokeOperations
from .function_url_configs import FunctionUrlOperations
from .functions import FunctionListener, FunctionOperations
from .layers import LayerOperations
from .packages import Packages, ResolveImage
from .permissions import PermissionOperations
from .tags import TagOperations
from .targets import Targets
from .wording import WORDING


class LambdaControlPlane:
    """What describes functions. `add` takes the operations that others have."""

    def __init__(
        self,
        emulator: Emulator,
        records: FunctionRecords,
        code: CodeStore,
        locations: CodeLocations,
        running: FunctionListener,
        *,
        port: int,
        account_concurrency: int,
        resolve_image: ResolveImage,
    ) -> None:
        self.packages = packages = Packages(emulator, code, resolve_image)
        self.records = records
        targets = Targets(emulator)
        self.functions = functions = FunctionOperations(
            records, packages, Configurations(emulator, records, targets), running, locations.address
        )
        layers = LayerOperations(records, packages, locations.address)
        permissions = PermissionOperations(records, running)
        self.concurrency = concurrency = ConcurrencyOperations(records, running, account_concurrency)
        self.aliases = aliases = AliasOperations(records, running, concurrency.provision)
        event_invoke = EventInvokeOperations(records, targets)
        urls = FunctionUrlOperations(records, running, port)
        signing = CodeSigningOperations(records)
        account = AccountOperations(records, concurrency, account_concurrency)
        self._other_tags: dict[str, Mapping[str, Carry]] = {}
        tags = TagOperations(records, self._other_tags)
        self._operations = Operations(
            "lambda",
            {
                "CreateFunction": functions.create,
                "UpdateFunctionCode": functions.update_code,
                "UpdateFunctionConfiguration": functions.update_configuration,
                "PublishVersion": functions.publish,
                "GetFunction": functions.get,
                "GetFunctionConfiguration": functions.get_configuration,
                "DeleteFunction": functions.delete,
                "ListFunctions": functions.list_all,
                "ListVersionsByFunction": functions.list_versions,
                "CreateAlias": aliases.create,
                "GetAlias": aliases.get,
                "UpdateAlias": aliases.update,
                "DeleteAlias": aliases.delete,
                "ListAliases": aliases.list_all,
                "PublishLayerVersion": layers.publish,
                "GetLayerVersion": layers.get,
                "GetLayerVersionByArn": layers.get_by_arn,
                "DeleteLayerVersion": layers.delete,
                "ListLayers": layers.list_all,
                "ListLayerVersions": layers.list_versions,
                "GetLayerVersionPolicy": layers.get_policy,
                "AddLayerVersionPermission": layers.add_permission,
                "RemoveLayerVersionPermission": layers.remove_permission,
                "AddPermission": permissions.add,
                "RemovePermission": permissions.remove,
                "GetPolicy": permissions.get,
                "PutFunctionConcurrency": concurrency.put_reserved,
                "GetFunctionConcurrency": concurrency.get_reserved,
                "DeleteFunctionConcurrency": concurrency.delete_reserved,
                "PutProvisionedConcurrencyConfig": concurrency.put_provisioned,
                "GetProvisionedConcurrencyConfig": concurrency.get_provisioned,
                "DeleteProvisionedConcurrencyConfig": concurrency.delete_provisioned,
                "ListProvisionedConcurrencyConfigs": concurrency.list_provisioned,
                "PutFunctionEventInvokeConfig": event_invoke.put,
                "UpdateFunctionEventInvokeConfig": event_invoke.update,
                "GetFunctionEventInvokeConfig": event_invoke.get,
                "DeleteFunctionEventInvokeConfig": event_invoke.delete,
                "ListFunctionEventInvokeConfigs": event_invoke.list_all,
                "CreateFunctionUrlConfig": urls.create,
                "GetFunctionUrlConfig": urls.get,
                "UpdateFunctionUrlConfig": urls.update,
                "DeleteFunctionUrlConfig": urls.delete,
                "ListFunctionUrlConfigs": urls.list_all,
                "CreateCodeSigningConfig": signing.create,
                "UpdateCodeSigningConfig": signing.update,
                "GetCodeSigningConfig": signing.get,
                "DeleteCodeSigningConfig": signing.delete,
                "ListCodeSigningConfigs": signing.list_all,
                "ListFunctionsByCodeSigningConfig": signing.list_functions,
                "PutFunctionCodeSigningConfig": signing.put_of_function,
                "GetFunctionCodeSigningConfig": signing.get_of_function,
                "DeleteFunctionCodeSigningConfig": signing.delete_of_function,
                "ListTags": tags.list_all,
                "TagResource": tags.tag,
                "UntagResource": tags.untag,
                "GetAccountSettings": account.settings,
                "GetFunctionRecursionConfig": account.get_recursion,
                "PutFunctionRecursionConfig": account.put_recursion,
                "GetRuntimeManagementConfig": account.get_runtime_management,
                "PutRuntimeManagementConfig": account.put_runtime_management,
            },
            WORDING,
        )

    def add(self, table: Mapping[str, Carry], *, kind: str = "", tags: Mapping[str, Carry] | None = None) -> None:
        """More operations; with those on the tags of another kind of resource, as its ARNs name it."""
        self._operations.add(table)
        if tags is not None:
            self._other_tags[kind] = tags

    async def check(self, call: Call) -> None:
        """Refuse what the model of an operation refuses of a call's path and query."""
        await self._operations.check(call)

    async def answer(self, call: Call) -> Response:
        response = await self._operations.answer(call)
        if response is None:
            request = call.request
            raise AwsError(
                501,
                "NotImplementedException",
                f"{request.method} {request.path} of the Lambda API is not available here: see docs/fidelity.md.",
            )
        return response
