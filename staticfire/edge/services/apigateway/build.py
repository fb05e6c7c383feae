"""API Gateway put together: one store, two control planes, the kinds of APIs that are served."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from staticfire.edge.aws.emulator import Emulator
from staticfire.edge.aws.signed_callers import SignedCallers
from staticfire.edge.http1.client import Client
from staticfire.edge.http1.messages import Request, Response
from staticfire.edge.services.lambda_ import Functions
from staticfire.edge.traces import Traces

from .common.service_calls import ServiceCalls
from .domains.address import Addresses, api_domain
from .domains.first_generation import FirstGeneration
from .domains.mappings import Mappings
from .domains.names import DomainNames
from .domains.own_names import OwnNames
from .http.handler import HttpApis
from .http.prepared import Neighbours
from .http.tokens import KeySource
from .rest.control import LateChanges, RestControlPlane
from .rest.records import RestRecords
from .rest.serving import RestServing, Trials
from .service import ApiGateway
from .v2.control_plane import V2ControlPlane
from .v2.records import DOMAIN_NAMES, V2Records
from .websocket import WebSocketApis
from .websocket.service import Passage


def api_gateway(
    records: V2Records,
    rest_records: RestRecords,
    emulator: Emulator,
    functions: Functions,
    callers: SignedCallers,
    services: ServiceCalls,
    *,
    public_host: str,
    hosts: Iterable[str],
    port: int,
    gate: Passage,
    guard: Callable[[Request], Response | None],
    client: Client | None = None,
    traces: Traces | None = None,
) -> ApiGateway:
    """`services` has to be told the router once that is there. `hosts`: all names of the endpoint."""
    client = client or Client()
    domain = api_domain(public_host)
    names = DomainNames(records, OwnNames(hosts))
    mappings = Mappings(records, names)
    second = V2ControlPlane(records, f"{domain}:{port}", mappings.domains_of)
    second.add({**names.table(), **mappings.table()})
    rest = RestServing(rest_records, emulator, functions, callers, services, port=port, client=client, traces=traces)
    first = RestControlPlane(rest_records, f"{domain}:{port}", mappings.domains_of, Trials(rest))
    first.add(
        FirstGeneration(records, names, mappings).table(),
        tags={"domainnames": ("domain-name", "Tags", lambda: records.changing(DOMAIN_NAMES))},
    )
    neighbours = Neighbours(functions, client, KeySource(client, emulator), services, callers)
    http = HttpApis(records, neighbours, emulator, port=port, traces=traces)
    web_sockets = WebSocketApis(
        records,
        rest_records,
        functions,
        callers,
        emulator,
        port=port,
        gate=gate,
        guard=guard,
        client=client,
        traces=traces,
    )
    addresses = Addresses(domain, records, mappings)
    return ApiGateway(records, addresses, [http, rest, web_sockets], second, first, rest, LateChanges(rest_records))
