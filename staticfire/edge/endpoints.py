"""The edge's own endpoints, below `/_staticfire/`: health, functions, faults, reset, and invocations handed over.

All but health want the token that lies in the state directory: in the header `x-staticfire-token`.

GET    health             each part's state; 200 when all are well, else 503
GET    functions          functions with their counters and execution environments
GET    traces             the newest; ?before, limit, text, outcome, function, source, status, slower, since choose
GET    traces/ID          one, by any of its ids, with its waterfall
DELETE traces             forget them all
POST   traces/pause       note nothing until `traces/resume`; what is kept stays: {"on"}
GET    calls              how many AWS API calls came in, by account, service and operation
GET    mail               what was sent by e-mail, newest first; ?to=ADDRESS and ?account=NUMBER choose
DELETE mail               remove mails, chosen the same way
POST   functions/invoke   an invocation that MiniStack would make itself
*      lambda/...         a call of the Lambda API that MiniStack makes, for whoever waits for it
*      apigateway/...     a call of API Gateway that MiniStack makes
POST   emulator/NAME      what MiniStack reports of alarms and mails
POST   runtimes           make a Lambda runtime before a function needs it: {"runtime": NAME}; what to say of it
POST   debug              have a function carry a debugger: {"function": ARN, "port", "waits", "debugger": DIRECTORY}
POST   debug/keep         go on with that, which ends by itself otherwise: {"function": ARN}; how it is
DELETE debug              end it: ?function=ARN
POST   functions/kill     kill -9 the process of an execution environment: {"environment": ID}
GET    layers             CodeSha256 of the layers of other accounts, by "ARN RUNTIME"
PUT    code               put a zip into functions and layers: ?function=ARN&layer=ARN, each as often as needed; with
                          base=CODESHA256 and removed=NAME what differs from that zip
PUT    layers             keep one: ?arn=ARN&runtime=RUNTIME, the zip as the body
POST   deployments        complete REST APIs' deployments by what one apply described after them: {"account", "since"}
GET    faults             the faults that are set, with how often each has struck
POST   faults             set one
DELETE faults[/ID]        clear one, or all
POST   save               have the emulator's state on the disk, where it is kept: {"kept", "seconds", "bytes", ...}
POST   shut               let no request through, once those under way have ended: {"under_way": those that have not}
POST   open               let all through again: {"was_shut": false} when it had opened by itself
POST   reset              end the execution environments, empty their queues, clear the faults, remove the mails
"""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qs

from pg8000.exceptions import DatabaseError, InterfaceError

from staticfire import __version__
from staticfire.edge.aws.calls import AwsError, Scope
from staticfire.edge.aws.faults import BadFault, Faults
from staticfire.edge.aws.router import Router
from staticfire.edge.emulators.life import KeptWithEmulator
from staticfire.edge.emulators.ministack import MiniStack
from staticfire.edge.emulators.state import EmulatorState
from staticfire.edge.http1.messages import Request, Response
from staticfire.edge.services.apigateway import ApiGateway
from staticfire.edge.services.lambda_ import FunctionRef, Functions
from staticfire.edge.services.lambda_.code import Change
from staticfire.edge.services.lambda_.debugging import DebugSession
from staticfire.edge.services.lambda_.live_code import LiveCode
from staticfire.edge.services.lambda_.mappings.service import EventSourceMappings
from staticfire.edge.services.lambda_.tracing import begun_by_event
from staticfire.edge.services.mail.mailbox import Mails
from staticfire.edge.services.pipes.service import Pipes
from staticfire.edge.services.rds.health import said_by_postgres, write_something
from staticfire.edge.traces import Traces
from staticfire.edge.traces.endpoint import answer_about_traces
from staticfire.layout import CONTROL_TOKEN

from .config import PostgresConfig
from .gate import Gate

PREFIX = "/_staticfire/"
TOKEN_HEADER = "x-staticfire-token"
NOT_PERMITTED = (
    f"This wants the token of the state directory ({CONTROL_TOKEN}), in the header {TOKEN_HEADER}. The commands of "
    "staticfire send it. If the file is lost, `staticfire down` and `staticfire up` make another."
)
MAX_BODY = 32 * 1024 * 1024
MAX_LAYER = 512 * 1024 * 1024
POSTGRES_SECONDS = 3.0
# The start of Postgres' protocol: a server answers it with S (TLS) or N before anybody logs in.
SSL_REQUEST = bytes.fromhex("0000000804d2162f")


Listener = Callable[[Mapping[str, Any]], Awaitable[None]]


class Endpoints:
    def __init__(
        self,
        *,
        token: str,
        emulator: EmulatorState,
        kept: KeptWithEmulator,
        filler: MiniStack | None = None,
        postgres: PostgresConfig | None,
        functions: Functions,
        live_code: LiveCode,
        mappings: EventSourceMappings,
        pipes: Pipes,
        apis: ApiGateway,
        gate: Gate,
        faults: Faults,
        router: Router,
        traces: Traces | None = None,
        mails: Mails,
        listeners: Mapping[str, Listener],
    ) -> None:
        """`listeners`: who takes what MiniStack reports, by its name."""
        self._token = token.encode()
        self._emulator = emulator
        self._kept = kept
        self._filler = filler
        self._postgres = postgres
        self._functions = functions
        self._live_code = live_code
        self._mappings = mappings
        self._pipes = pipes
        self._apis = apis
        self._gate = gate
        self._faults = faults
        self._router = router
        self._traces = traces if traces is not None else Traces(0)
        self._mails = mails
        self._listeners = listeners

    async def handle(self, request: Request) -> Response:
        method, name = request.method, request.path.removeprefix(PREFIX).rstrip("/")
        route = (method, name)
        if route == ("GET", "health"):
            return await self._health()
        if not self.permits(request):
            return _json(403, {"message": f"{NOT_PERMITTED} /_staticfire/health alone is open."})
        if route == ("GET", "functions"):
            return _json(200, self._functions.snapshot())
        if route == ("GET", "calls"):
            return _json(200, {"calls": self._router.calls()})
        if name == "traces" or name.startswith("traces/"):
            return answer_about_traces(self._traces, request, name.removeprefix("traces").removeprefix("/"))
        if name == "mail" and method in ("GET", "DELETE"):
            return await self._mail(request)
        if name.startswith(("lambda/", "apigateway/")):
            request.path = f"/{name.partition('/')[2]}"
            return await self._router.handle(request)
        if method == "POST" and name.startswith("emulator/"):
            return await self._reported(request, name.removeprefix("emulator/"))
        if route == ("POST", "functions/invoke"):
            return await self._invoke(request)
        if route == ("POST", "runtimes"):
            return await self._prepare(request)
        if route == ("POST", "functions/kill"):
            return await self._kill(request)
        if route == ("GET", "layers"):
            return _json(200, self._functions.brought_layers.kept())
        if name in ("debug", "debug/keep") and method in ("POST", "DELETE"):
            return await self._debug(request, name)
        if route == ("PUT", "code"):
            return await self._put_code(request)
        if route == ("POST", "deployments"):
            return await self._complete_deployments(request)
        if route == ("PUT", "layers"):
            return await self._keep_layer(request)
        if route == ("GET", "faults"):
            return _json(200, {"faults": [fault.describe() for fault in self._faults]})
        if route == ("POST", "faults"):
            return await self._add_fault(request)
        if route == ("DELETE", "faults"):
            return _json(200, {"cleared": self._faults.clear()})
        if method == "DELETE" and name.startswith("faults/"):
            return _json(200, {"cleared": self._faults.clear(name.removeprefix("faults/"))})
        if route == ("POST", "save"):
            said = await self._emulator.save()
            return _json(500 if "error" in said else 200, said)
        if route == ("POST", "shut"):
            return _json(200, {"under_way": await self._gate.shut()})
        if route == ("POST", "open"):
            return _json(200, {"was_shut": self._gate.open()})
        if route == ("POST", "reset"):
            return await self._reset()
        return _json(404, {"message": f"There is no {method} {PREFIX}{name}."})

    def permits(self, request: Request) -> bool:
        """Whether who sends it may steer: it shows the token."""
        return hmac.compare_digest(request.headers.get(TOKEN_HEADER).encode(), self._token)

    async def _reset(self) -> Response:
        self._faults.clear()
        self._traces.clear()
        await self._functions.reset()
        try:
            await self._mails.remove()
        except AwsError as error:
            return _json(error.status, {"message": error.message})
        return _json(200, {})

    async def emptied(self) -> None:
        """The emulator's state is gone: nothing that was learned of it holds."""
        await self._kept.follow(await self._emulator.instance())
        await self.forget()

    async def forget(self) -> None:
        await self._mappings.reset()
        await self._pipes.reset()
        await self._apis.reset()
        await self._functions.forget()

    async def _health(self) -> Response:
        emulator, postgres = await asyncio.gather(self._emulator.health(), self._postgres_health())
        parts = {
            "edge": {"state": "running"},
            "emulator": emulator,
            "postgres": postgres,
            "functions": {"state": "running", "isolation": self._functions.isolation},
        }
        if self._filler is not None:
            parts["filler"] = await self._filler.health()
        well = all(part["state"] in ("running", "none") for part in parts.values())
        instance = await self._emulator.instance() if emulator["state"] == "running" else ""
        document = {
            "version": __version__,
            "state": "running" if well else "degraded",
            "instance": instance,
            "parts": parts,
        }
        return _json(200 if well else 503, document)

    async def _postgres_health(self) -> dict[str, Any]:
        server = self._postgres
        if server is None:
            return {"state": "none"}
        health: dict[str, Any] = {"state": "running", "host": server.host, "port": server.port}
        try:
            async with asyncio.timeout(POSTGRES_SECONDS):
                reader, writer = await asyncio.open_connection(server.host, server.port)
                try:
                    writer.write(SSL_REQUEST)
                    answer = await reader.read(1)
                finally:
                    writer.close()
        except OSError as error:
            return health | {"state": "dead", "why": f"it does not answer at {server.host}:{server.port}: {error}"}
        if answer not in (b"S", b"N"):
            return health | {"state": "dead", "why": f"what answers at {server.host}:{server.port} is not Postgres"}
        health["tls"] = answer == b"S"
        try:
            await asyncio.to_thread(write_something, server)
        except (DatabaseError, InterfaceError, OSError) as error:
            return health | {"state": "refusing", "why": f"it does not take a write: {said_by_postgres(error)}"}
        return health

    async def _kill(self, request: Request) -> Response:
        try:
            identity = json.loads(await request.body(MAX_BODY))["environment"]
        except (ValueError, KeyError, TypeError):
            return _json(400, {"message": 'The body names an execution environment: {"environment": ID}.'})
        return _json(200, {"killed": self._functions.kill(identity)})

    async def _keep_layer(self, request: Request) -> Response:
        parameters = parse_qs(request.query)
        arn, runtime = (parameters.get(name, [""])[0] for name in ("arn", "runtime"))
        try:
            changed = await self._functions.keep_layer(arn, runtime, await request.body(MAX_LAYER))
        except AwsError as error:
            return _json(error.status, {"message": error.message})
        return _json(200, {"changed": changed})

    async def _debug(self, request: Request, name: str) -> Response:
        try:
            if request.method == "DELETE":
                ref = FunctionRef.parse(parse_qs(request.query)["function"][0], Scope())
                return _json(200, {"ended": self._functions.end_debugging(ref)})
            asked_for = json.loads(await request.body(MAX_BODY))
            ref = FunctionRef.parse(asked_for["function"], Scope())
            if name == "debug":
                session: DebugSession | None = await self._functions.debug(
                    ref, int(asked_for["port"]), waits=bool(asked_for["waits"]), debugger=str(asked_for["debugger"])
                )
            else:
                session = self._functions.debugged(ref)
        except (ValueError, KeyError, TypeError, IndexError):
            example = '{"function": ARN, "port": 5678, "waits": false, "debugger": DIRECTORY}'
            message = f"The body says what to debug: {example}."
            return _json(400, {"message": message})
        except AwsError as error:
            return _json(error.status, {"code": error.code, "message": error.message})
        if session is None:
            return _json(404, {"message": f"{ref.name} is not debugged."})
        session.keep()
        return _json(200, session.describe())

    async def _put_code(self, request: Request) -> Response:
        parameters = parse_qs(request.query)
        functions, layers = parameters.get("function", []), parameters.get("layer", [])
        base, removed = parameters.get("base", [""])[0], parameters.get("removed", [])
        try:
            body = await request.body(MAX_LAYER)
            if not base:
                return _json(200, await self._live_code.put(request, functions, layers, body))
            change = Change(base, body, frozenset(removed))
            answer = await self._live_code.change(request, functions, layers, change)
        except AwsError as error:
            return _json(error.status, {"message": error.message})
        if answer is None:
            return _json(409, {"message": "The zip cannot be changed that way: put it as a whole."})
        return _json(200, answer)

    async def _complete_deployments(self, request: Request) -> Response:
        try:
            body = json.loads(await request.body(MAX_BODY))
            account, since = str(body["account"]), float(body["since"])
        except (ValueError, KeyError, TypeError):
            message = 'The body says whose deployments, and since when: {"account": NUMBER, "since": SECONDS}.'
            return _json(400, {"message": message})
        return _json(200, {"completed": await self._apis.complete(account, since)})

    async def _prepare(self, request: Request) -> Response:
        try:
            name = json.loads(await request.body(MAX_BODY))["runtime"]
        except (ValueError, KeyError, TypeError):
            return _json(400, {"message": 'The body names a runtime: {"runtime": NAME}.'})
        try:
            return _json(200, {"note": await self._functions.prepare(name)})
        except AwsError as error:
            return _json(error.status, {"message": error.message})

    async def _add_fault(self, request: Request) -> Response:
        try:
            description = json.loads(await request.body(MAX_BODY))
            if not isinstance(description, dict):
                raise BadFault("a fault is a JSON object")
            fault = await asyncio.to_thread(self._faults.add, description)  # AWS's models are read from files
        except ValueError as error:
            return _json(400, {"message": f"This is not a fault: {error}."})
        return _json(201, fault.describe())

    async def _mail(self, request: Request) -> Response:
        parameters = parse_qs(request.query)
        unknown = parameters.keys() - {"to", "account"}
        if unknown:
            return _json(400, {"message": f"Mails are chosen by to and account, not by {', '.join(sorted(unknown))}."})
        to, account = (parameters.get(name, [""])[0] for name in ("to", "account"))
        try:
            if request.method == "DELETE":
                return _json(200, {"removed": await self._mails.remove(to, account)})
            return _json(200, {"mails": [mail.document() for mail in await self._mails.find(to, account)]})
        except AwsError as error:
            return _json(error.status, {"message": error.message})

    async def _reported(self, request: Request, name: str) -> Response:
        listener = self._listeners.get(name)
        if listener is None:
            return _json(404, {"message": f"Nothing here listens to {name}."})
        await listener(json.loads(await request.body(MAX_BODY)))
        return _json(200, {})

    async def _invoke(self, request: Request) -> Response:
        invocation = json.loads(await request.body(MAX_BODY))
        payload = str(invocation["payload"]).encode()
        try:
            ref = FunctionRef.parse(invocation["function"], Scope())
            trace_id = begun_by_event(self._traces, payload, invocation.get("cause"))
            if invocation["type"] == "Event":
                return _json(202, {"request_id": await self._functions.enqueue(ref, payload, trace_id=trace_id)})
            outcome = await self._functions.invoke(ref, payload, tail=True, trace_id=trace_id)
        except AwsError as error:
            return _json(error.status, {"__type": error.code, "message": error.message, **error.fields})
        answer = {
            "request_id": outcome.request_id,
            "payload": outcome.payload.decode(),
            "error": outcome.error,
            "version": outcome.version,
            "log": outcome.log_tail,
        }
        return _json(200, answer)


def _json(status: int, document: Mapping[str, Any]) -> Response:
    return Response(status, [("content-type", "application/json")], json.dumps(document).encode())
