"""What is missing since the emulator lost its state is not simply not found: a client that gets a 404 believes it."""

from __future__ import annotations

from staticfire.edge.services.apigateway.common.refusal import Refused, not_yet_again
from staticfire.edge.services.apigateway.domains.address import Address
from staticfire.edge.services.apigateway.v2.records import V2Records

from .routes import RouteTable


def no_stage_here(records: V2Records, api_id: str, refused: Refused) -> Refused:
    """The refusal of a request whose stage is not there; another one while an API that is made again has none yet."""
    return not_yet_again(api_id) if refused.status == 404 and records.lost_stages(api_id) else refused


def missing_here(records: V2Records, address: Address, refused: Refused) -> Refused:
    """The refusal of a request; another one where the request was served before the state was lost."""
    api_id = address.api_id or ""
    routes = records.lost_routes(api_id)
    if refused.status != 404 or not routes:
        return refused
    table = RouteTable((route, True) for route in routes)
    paths = [address.path]
    if address.stage is None:  # the first segment may name it
        _, slash, rest = address.path[1:].partition("/")
        paths.append(f"{slash or '/'}{rest}")
    if any(table.match(address.request.method, path) is not None for path in paths):
        return not_yet_again(api_id)
    return refused
