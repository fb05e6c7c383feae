"""What an edge is made of: MiniStack behind it, or LocalStack with MiniStack as its filler.

Each part that is started is handed to `ending`, which stops the parts in the reverse order of their start.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

from staticfire.edge.aws.access_keys import AccessKeys
from staticfire.edge.aws.calls import Service
from staticfire.edge.aws.emulator import Emulator
from staticfire.edge.aws.faults import Faults
from staticfire.edge.aws.identity_policies import IdentityPolicies
from staticfire.edge.aws.issued_keys import IssuedKeys, KeyMaker
from staticfire.edge.aws.router import Router
from staticfire.edge.aws.signed_callers import SignedCallers
from staticfire.edge.emulators.life import KeptWithEmulator
from staticfire.edge.emulators.localstack import LocalStack
from staticfire.edge.emulators.localstack.mail import LocalStackMail
from staticfire.edge.emulators.localstack.state import LocalStackState
from staticfire.edge.emulators.ministack import MiniStack
from staticfire.edge.emulators.pair import PairedEmulator, PairedState
from staticfire.edge.http1.client import Client
from staticfire.edge.services.apigateway import ApiGateway
from staticfire.edge.services.apigateway.build import api_gateway
from staticfire.edge.services.apigateway.common.service_calls import ServiceCalls
from staticfire.edge.services.apigateway.rest.records import RestRecords
from staticfire.edge.services.apigateway.v2.records import V2Records
from staticfire.edge.services.cloudwatch.embedded_metrics import EmbeddedInCalls
from staticfire.edge.services.cloudwatch.insights import Insights
from staticfire.edge.services.cloudwatch.logs import Logs
from staticfire.edge.services.cloudwatch.service import CloudWatch
from staticfire.edge.services.ecr import Ecr
from staticfire.edge.services.ecr.sources import ImageSources
from staticfire.edge.services.function_urls import FunctionUrls
from staticfire.edge.services.iam.service import Iam
from staticfire.edge.services.lambda_ import Functions, LambdaSettings
from staticfire.edge.services.lambda_.api import LambdaApi
from staticfire.edge.services.lambda_.code_locations import CodeLocations
from staticfire.edge.services.lambda_.control_plane import LambdaControlPlane
from staticfire.edge.services.lambda_.live_code import LiveCode
from staticfire.edge.services.lambda_.mappings.operations import MappingOperations
from staticfire.edge.services.lambda_.mappings.service import EventSourceMappings
from staticfire.edge.services.lambda_.mappings.writes import StreamWrites
from staticfire.edge.services.mail.mailbox import Mailbox
from staticfire.edge.services.pipes.service import Pipes
from staticfire.edge.services.rds.service import Rds
from staticfire.edge.services.sqs import TracedMessages
from staticfire.edge.services.sts.service import Sts
from staticfire.edge.services.xray import Xray
from staticfire.edge.store import Store
from staticfire.edge.traces import Traces
from staticfire.edge.traces.exporting import IntoFile, Otlp
from staticfire.edge.traces.recorder import KEEP as TRACES
from staticfire.host.files import secret
from staticfire.layout import CONTROL_TOKEN

from .app import App
from .config import EdgeConfig, EmulatorConfig
from .endpoints import Endpoints
from .gate import Gate
from .guard import LOCAL_NAMES, Guard

STORE = "edge.sqlite"


async def on_ministack(config: EdgeConfig, port: int, ending: AsyncExitStack) -> App:
    """MiniStack keeps what is not the edge's own; its alarms are evaluated here."""
    store = Store(config.state_dir / STORE)
    ending.push_async_callback(store.close)
    ministack = _ministack(config, config.emulator, port)
    ending.push_async_callback(ministack.stop)
    emulator = await ministack.start()
    cloudwatch = CloudWatch(emulator)
    ending.push_async_callback(cloudwatch.close)
    embedded_metrics = EmbeddedInCalls(emulator)
    ending.push_async_callback(embedded_metrics.close)
    insights = Insights(emulator)
    ending.push_async_callback(insights.close)
    kept = KeptWithEmulator(store)
    v2_records = V2Records(store)
    await kept.follow(await ministack.instance())
    await v2_records.follow()
    access_keys = AccessKeys(_token(config))
    iam = Identities(emulator, access_keys, store)
    traces = _traces(config, ending)
    functions = _functions(config, emulator, access_keys, port, store, traces)
    ending.push_async_callback(functions.close)
    mappings = await _mappings(store, emulator, functions, ending)
    pipes = await _pipes(store, emulator, functions, ending)
    calls = ServiceCalls(port)
    gate = Gate(functions.busy)
    rest_records = RestRecords(store)
    apis = _api_gateway(config, v2_records, rest_records, emulator, functions, iam.callers, calls, port, gate)
    ending.push_async_callback(apis.close)
    ecr = _ecr(config, store, functions, port, ending)
    mailbox = _mailbox(config)
    faults = Faults()
    locations = _locations(config, functions, port)
    lambda_api = _lambda(config, emulator, functions, mappings, locations, ecr, port)
    services: dict[str, Service] = {
        "lambda": lambda_api,
        "ecr": ecr,
        "dynamodb": StreamWrites(mappings, "dynamodb"),
        "kinesis": StreamWrites(mappings, "kinesis"),
        "pipes": pipes,
        "apigateway": apis,
        "monitoring": cloudwatch,
        "logs": Logs(embedded_metrics, insights),
        "xray": Xray(traces),
        **({"sqs": TracedMessages()} if traces.on else {}),
        **iam.services,
        **_rds(config, emulator),
    }
    router = Router(emulator, services=services, faults=faults, access_keys=access_keys, traces=traces)
    calls.through(router.handle)
    endpoints = Endpoints(
        token=_token(config),
        emulator=ministack,
        kept=kept,
        postgres=config.postgres,
        functions=functions,
        live_code=LiveCode(lambda_api.control_plane, functions),
        mappings=mappings,
        pipes=pipes,
        apis=apis,
        gate=gate,
        faults=faults,
        router=router,
        traces=traces,
        mails=mailbox,
        listeners={
            "mail": mailbox.sent,
            "notification": mailbox.notification,
            "alarm": cloudwatch.alarms.put,
            "transition": cloudwatch.actions.transition,
        },
    )
    return App(
        apis=apis,
        function_urls=FunctionUrls(functions, iam.callers, port),
        gate=gate,
        registry=ecr,
        code_locations=locations,
        guard=_guard(config),
        endpoints=endpoints,
        router=router,
    )


async def on_localstack(config: EdgeConfig, port: int, ending: AsyncExitStack, stop: Callable[[], None]) -> App:
    """LocalStack keeps what it can, MiniStack the rest that is not the edge's own. `stop` ends the edge."""
    store = Store(config.state_dir / STORE)
    ending.push_async_callback(store.close)
    client = Client()
    ending.callback(client.close)
    localstack = Emulator(config.emulator.url, client, name=config.emulator.name, log=config.emulator.log)
    # Half of the stack goes with the filler: whoever supervises the edge starts both afresh.
    filler = _ministack(config, config.filler, port, keep=False, died=stop)
    ending.push_async_callback(filler.stop)
    emulator = PairedEmulator(localstack, await filler.start())
    embedded_metrics = EmbeddedInCalls(emulator)
    ending.push_async_callback(embedded_metrics.close)
    insights = Insights(emulator)
    ending.push_async_callback(insights.close)
    localstack_state = LocalStackState(localstack)
    kept = KeptWithEmulator(store)
    v2_records = V2Records(store)
    if life := await localstack_state.instance():
        await kept.follow(life)
    await v2_records.follow()
    access_keys = AccessKeys(_token(config))
    iam = Identities(emulator, access_keys, store)
    traces = _traces(config, ending)
    functions = _functions(config, emulator, access_keys, port, store, traces)
    ending.push_async_callback(functions.close)
    mappings = await _mappings(store, emulator, functions, ending)
    pipes = await _pipes(store, emulator, functions, ending)
    calls = ServiceCalls(port)
    gate = Gate(functions.busy)
    rest_records = RestRecords(store)
    apis = _api_gateway(config, v2_records, rest_records, emulator, functions, iam.callers, calls, port, gate)
    ending.push_async_callback(apis.close)
    in_front = LocalStack(emulator, functions, config.state_dir)
    ending.push_async_callback(in_front.close)
    ecr = _ecr(config, store, functions, port, ending)
    mailbox = _mailbox(config)
    faults = Faults()
    locations = _locations(config, functions, port)
    lambda_api = _lambda(config, emulator, functions, mappings, locations, ecr, port)
    services: dict[str, Service] = {
        "lambda": lambda_api,
        "ecr": ecr,
        "dynamodb": StreamWrites(mappings, "dynamodb"),
        "kinesis": StreamWrites(mappings, "kinesis"),
        "pipes": pipes,
        "apigateway": apis,
        "logs": Logs(embedded_metrics, insights),
        "xray": Xray(traces),
        **({"sqs": TracedMessages()} if traces.on else {}),
        **iam.services,
        **in_front.services,
        **_rds(config, emulator),
    }
    router = Router(emulator, services=services, faults=faults, access_keys=access_keys, traces=traces)
    calls.through(router.handle)
    state = PairedState(localstack_state, filler)
    endpoints = Endpoints(
        token=_token(config),
        emulator=state,
        kept=kept,
        filler=filler,
        postgres=config.postgres,
        functions=functions,
        live_code=LiveCode(lambda_api.control_plane, functions),
        mappings=mappings,
        pipes=pipes,
        apis=apis,
        gate=gate,
        faults=faults,
        router=router,
        traces=traces,
        mails=LocalStackMail(emulator, mailbox),
        listeners={"mail": mailbox.sent, "notification": mailbox.notification},
    )

    async def lost() -> None:
        await in_front.reset()
        await kept.follow(await localstack_state.instance())
        await endpoints.forget()

    state.lost = lost
    return App(
        apis=apis,
        function_urls=FunctionUrls(functions, iam.callers, port),
        gate=gate,
        registry=ecr,
        code_locations=locations,
        guard=_guard(config),
        endpoints=endpoints,
        router=router,
    )


class Identities:
    """Who signs what, and what they may: keys that IAM and STS made, and IAM's policies."""

    def __init__(self, emulator: Emulator, access_keys: AccessKeys, store: Store) -> None:
        issued, policies = IssuedKeys(store), IdentityPolicies(emulator)
        keys = KeyMaker(emulator, issued)
        self.callers = SignedCallers(access_keys, issued, policies)
        self.services: dict[str, Service] = {"iam": Iam(keys, policies), "sts": Sts(emulator, access_keys, keys)}


def _ministack(
    config: EdgeConfig,
    ministack: EmulatorConfig,
    port: int,
    *,
    keep: bool = True,
    died: Callable[[], None] = lambda: None,
) -> MiniStack:
    return MiniStack(
        ministack.python,
        config.state_dir,
        edge_port=port,
        token=_token(config),
        public_host=config.public_host,
        enforce_iam=config.enforce_iam,
        keep=keep,
        died=died,
    )


def _traces(config: EdgeConfig, ending: AsyncExitStack) -> Traces:
    traces = Traces(TRACES if config.traces else 0)
    if traces.on and config.traces_file:
        ending.push_async_callback(IntoFile(traces, Path(config.traces_file)).close)
    if traces.on and config.otlp:
        ending.push_async_callback(Otlp(traces, config.otlp).close)
    return traces


def _functions(
    config: EdgeConfig, emulator: Emulator, access_keys: AccessKeys, port: int, store: Store, traces: Traces
) -> Functions:
    settings = LambdaSettings(
        state_dir=config.state_dir,
        endpoint=f"http://127.0.0.1:{port}",
        runtimes=config.runtimes,
        node=config.node,
        account_concurrency=config.account_concurrency,
        idle_seconds=config.idle_seconds,
        enforce_iam=config.enforce_iam,
    )
    functions = Functions(emulator, settings, access_keys, store, traces)
    functions.resume()
    return functions


def _locations(config: EdgeConfig, functions: Functions, port: int) -> CodeLocations:
    return CodeLocations(functions.code, _token(config), f"http://{config.public_host}:{port}")


def _lambda(
    config: EdgeConfig,
    emulator: Emulator,
    functions: Functions,
    mappings: EventSourceMappings,
    locations: CodeLocations,
    ecr: Ecr,
    port: int,
) -> LambdaApi:
    control_plane = LambdaControlPlane(
        emulator,
        functions.records,
        functions.code,
        locations,
        functions,
        port=port,
        account_concurrency=config.account_concurrency,
        resolve_image=ImageSources(ecr.images, functions.image_trees).resolve,
    )
    control_plane.functions.resume()
    control_plane.concurrency.resume()
    of_mappings = MappingOperations(mappings, functions, emulator)
    control_plane.add(of_mappings.table(), kind="event-source-mapping", tags=of_mappings.tag_table())
    return LambdaApi(functions, control_plane)


def _ecr(config: EdgeConfig, store: Store, functions: Functions, port: int, ending: AsyncExitStack) -> Ecr:
    endpoint = f"{config.public_host}:{port}"
    ecr = Ecr(store, functions.blobs, _token(config), endpoint, functions.records.images)
    ending.push_async_callback(ecr.close)
    ecr.start()
    return ecr


async def _mappings(
    store: Store, emulator: Emulator, functions: Functions, ending: AsyncExitStack
) -> EventSourceMappings:
    """What was read when the edge ended, is read on."""
    mappings = EventSourceMappings(store, emulator, functions)
    ending.push_async_callback(mappings.close)
    await mappings.start()
    return mappings


async def _pipes(store: Store, emulator: Emulator, functions: Functions, ending: AsyncExitStack) -> Pipes:
    pipes = Pipes(store, emulator, functions)
    ending.push_async_callback(pipes.close)
    await pipes.start()
    return pipes


def _api_gateway(
    config: EdgeConfig,
    records: V2Records,
    rest_records: RestRecords,
    emulator: Emulator,
    functions: Functions,
    callers: SignedCallers,
    calls: ServiceCalls,
    port: int,
    gate: Gate,
) -> ApiGateway:
    return api_gateway(
        records,
        rest_records,
        emulator,
        functions,
        callers,
        calls,
        public_host=config.public_host,
        hosts=(*LOCAL_NAMES, config.public_host, *config.allow_hosts),
        port=port,
        gate=gate,
        guard=_guard(config).refusal,
        traces=functions.traces,
    )


def _token(config: EdgeConfig) -> str:
    return secret(config.state_dir / CONTROL_TOKEN)


def _mailbox(config: EdgeConfig) -> Mailbox:
    return Mailbox(config.state_dir / "mail.jsonl")


def _rds(config: EdgeConfig, emulator: Emulator) -> dict[str, Service]:
    """Without a Postgres, RDS is the emulator's alone."""
    return {} if config.postgres is None else {"rds": Rds(emulator, config.postgres)}


def _guard(config: EdgeConfig) -> Guard:
    return Guard((config.public_host, *config.allow_hosts), config.allow_origins)
