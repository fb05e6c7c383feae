"""The HTTP APIs, compiled from what the store has of them: no request reads it.

unknown -> asked for -> read and prepared -> (a write to the API is committed) -> unknown
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from staticfire.edge.services.apigateway.v2.records import Record, V2Records

from .model import Api, Authorizer, Integration, Route, Stage
from .prepared import Definition, Description, PreparedApi

log = logging.getLogger(__name__)

Prepare = Callable[[Description], PreparedApi]


class ApiCatalog:
    """`forgotten` hears of an API that is deleted."""

    def __init__(self, records: V2Records, prepare: Prepare, forgotten: Callable[[str], None]) -> None:
        self._records = records
        self._prepare = prepare
        self._forgotten = forgotten
        self._apis: dict[str, PreparedApi] = {}
        self._others: set[str] = set()
        records.listen(self._changed)

    def prepared(self, api_id: str) -> PreparedApi | None:
        """The API, ready to serve; None when there is no HTTP API of that id."""
        api = self._apis.get(api_id)
        if api is None and api_id not in self._others and self._records.owner(api_id) is not None:
            return self._read(api_id)
        return api

    def _read(self, api_id: str) -> PreparedApi | None:
        owned = self._records.api(api_id)
        if owned is None:
            return None
        scope, api = owned
        if api["ProtocolType"] != "HTTP":
            self._others.add(api_id)
            return None
        stages = {}
        for record in self._records.list(scope, "stage", api_id):
            stage = Stage.parse(record)
            definition = self._records.served(scope, api_id, record)
            if definition is None:
                log.warning("API %s, stage %s: nothing is deployed to it: it serves 404", api_id, stage.name)
            stages[stage.name] = stage, None if definition is None else _definition(definition)
        prepared = self._prepare(Description(scope, Api.parse(api), stages))
        self._apis[api_id] = prepared
        return prepared

    def _changed(self, api_id: str) -> None:
        if not api_id:
            self._apis.clear()
            self._others.clear()
            return
        was = self._apis.pop(api_id, None)
        self._others.discard(api_id)
        if was is not None and self._records.owner(api_id) is None:
            self._forgotten(api_id)


def _definition(parts: Record) -> Definition:
    integrations = [Integration.parse(data) for data in parts["Integrations"]]
    authorizers = [Authorizer.parse(data) for data in parts["Authorizers"]]
    return Definition(
        tuple(Route.parse(data) for data in parts["Routes"]),
        {integration.id: integration for integration in integrations},
        {authorizer.id: authorizer for authorizer in authorizers},
    )
