"""The console's server: who is let in, its files, its API, what is live."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from typing import Any

from staticfire.edge.http1.messages import BodyTooLarge, BrokenBody, Request, Response
from staticfire.errors import NotRunningError, StaticfireError

from .api import ConsoleApi, NotThere
from .aws import CallFailed
from .fields import BadInput, checked, of_body, of_query
from .live import Live, TooManyPages
from .perimeter import COMMON, POLICY, REPORT_POLICY, Perimeter
from .routes import ConsoleRoute, routes_of

log = logging.getLogger(__name__)

THREADS = 12
MAX_BODY = 8 * 1024 * 1024
FAILED = "The console failed. Its log says why: logs/console.log in the state directory."
KINDS = {
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "svg": "image/svg+xml",
    "json": "application/json",
}


class Console:
    def __init__(self, api: ConsoleApi, perimeter: Perimeter) -> None:
        self._api = api
        self._perimeter = perimeter
        self._threads = ThreadPoolExecutor(THREADS, "console")
        self._live = Live(api, self._run)
        self._files = _files()

    async def _run(self, function: Any, *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)

    async def handle(self, request: Request) -> Response:
        refusal = self._perimeter.refusal(request)
        if refusal is not None:
            return refusal
        path = self._perimeter.path(request)
        if path.startswith("/api/"):
            return await self._api_call(request, path)
        file = self._files.get("/index.html" if path == "/" else path)
        if file is None or request.method not in ("GET", "HEAD"):
            return _json(404, {"message": "There is no such page."})
        kind, data = file
        return Response(200, _headers(kind), data)

    async def _api_call(self, request: Request, path: str) -> Response:
        routes = routes_of(path)
        if not routes:
            return _json(404, {"message": f"There is no {path}."})
        route, names = next((one for one in routes if one[0].method == request.method), (None, {}))
        if route is None:
            allowed = ", ".join(sorted(route.method for route, _ in routes))
            return _json(405, {"message": f"{path} takes {allowed}."}, ("allow", allowed))
        try:
            values = await self._values(route, names, request)
            if route.name == "live":
                return Response(200, _headers(route.kind), self._live.stream())
            answer = await self._run(lambda: getattr(self._api, route.name)(**values))
        except BadInput as error:
            return _json(400, {"message": str(error)})
        except BodyTooLarge:
            return _json(413, {"message": f"The body is longer than {MAX_BODY} bytes."})
        except NotThere as error:
            return _json(404, {"message": str(error)})
        except CallFailed as error:
            return _json(422, {"message": str(error), "code": error.code})
        except (NotRunningError, TooManyPages) as error:
            return _json(503, {"message": str(error)})
        except StaticfireError as error:
            return _json(503, {"message": str(error), "code": type(error).__name__})
        except BrokenBody:
            raise
        except Exception:
            log.exception("%s %s failed", request.method, path)
            return _json(500, {"message": FAILED})
        if isinstance(answer, bytes):
            return Response(200, _headers(KINDS["html"], REPORT_POLICY), answer)
        return _json(200, answer)

    async def _values(self, route: ConsoleRoute, names: Mapping[str, str], request: Request) -> dict[str, Any]:
        values = {**checked(names, route.path_fields), **of_query(request.query, route.query)}
        if route.body is not None:
            if request.headers.get("content-type").partition(";")[0].strip().lower() != "application/json":
                raise BadInput("The body must be application/json.")
            values.update(of_body(await request.body(MAX_BODY), route.body))
        return values

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def _json(status: int, document: Any, *headers: tuple[str, str]) -> Response:
    body = json.dumps(document, allow_nan=False).encode()
    return Response(status, [*_headers(KINDS["json"]), *headers], body)


def _headers(kind: str, policy: str = POLICY) -> list[tuple[str, str]]:
    return [("content-type", kind), ("content-security-policy", policy), *COMMON]


def _files() -> dict[str, tuple[str, bytes]]:
    """The page's files, read once: by the path that they are asked for at."""
    files = {}
    for file in resources.files(__package__).joinpath("static").iterdir():
        kind = KINDS.get(file.name.rpartition(".")[2])
        if kind is not None:
            files[f"/{file.name}"] = (kind, file.read_bytes())
    return files
