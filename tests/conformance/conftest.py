"""The endpoint under test, what most cases share, and cases that need time.

A case whose behaviour is time (the 30 seconds of an integration, a schedule) is marked `begins(work=...)`: the work
begins with the run, in a thread of its own, and the case asks for its result at the run's end.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from http.server import ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from staticfire.targets.base import Running
from tests.conformance import fidelity
from tests.conformance.lab import Api, Lab, without_streams
from tests.conformance.rest_backend import Backend

ECHO = """
    import json

    def handler(event, context):
        return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": json.dumps(event)}
"""

DICTATED = """
    import json

    def handler(event, context):
        return json.loads(event["body"])
"""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fidelity", metavar="FILE", help="write the table of documented behaviours to FILE")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "streams(service): reads streams of `dynamodb` or `kinesis`")
    config.addinivalue_line("markers", "begins(work): what the case asks for at the end of the run: work(lab)")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.get_closest_marker("begins") is not None)


def pytest_collection_finish(session: pytest.Session) -> None:
    target = session.config.getoption("--fidelity")
    if target:
        fidelity.write(session.items, Path(target))


@pytest.fixture(scope="session")
def endpoint(staticfire_running: Running) -> str:
    """The endpoint under test: one started for this run, shared by its workers."""
    return staticfire_running.endpoint


@pytest.fixture(scope="session")
def lab(endpoint: str, staticfire_running: Running) -> Lab:
    """One account of the endpoint: cases never share an account with another worker."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    server = staticfire_running.postgres
    reached = {server.inside: (server.host, server.port)} if server is not None and server.inside else {}
    return Lab(endpoint, f"2000000000{int(worker):02d}", reached=reached)


@pytest.fixture(autouse=True)
def _possible(request: pytest.FixtureRequest, staticfire_target: str) -> None:
    why = request.node.get_closest_marker("documented").kwargs["elsewhere"].get(staticfire_target)
    if why:
        pytest.skip(why)
    streams = request.node.get_closest_marker("streams")
    if streams is not None and staticfire_target != "embedded":
        missing = request.getfixturevalue("missing_streams")(*streams.args)
        if missing:
            pytest.skip(missing)


@pytest.fixture(scope="session")
def missing_streams(lab: Lab) -> Callable[[str], str]:
    """Why streams of a service cannot be read; nothing where they can."""
    return cache(lambda service: without_streams(lab, service))


@pytest.fixture(scope="session")
def in_a_container(staticfire_target: str) -> bool:
    """Whether the endpoint runs in a container, and sees this machine through the engine's gateway."""
    return staticfire_target == "compose"


@pytest.fixture(scope="session")
def this_machine(in_a_container: bool) -> tuple[str, str]:
    """Where a server of a case listens, and the host by which the endpoint reaches it."""
    return ("0.0.0.0", "host.docker.internal") if in_a_container else ("127.0.0.1", "127.0.0.1")


@pytest.fixture(scope="session")
def backend(this_machine: tuple[str, str]) -> Iterator[str]:
    """The address of a server that tells what it got."""
    listening, host = this_machine
    server = ThreadingHTTPServer((listening, 0), Backend)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://{host}:{server.server_port}"
    Backend.ended.set()
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def client_ip(in_a_container: bool, echoing: Api) -> str:
    """The address that requests of this machine come from, as the endpoint sees it."""
    if not in_a_container:
        return "127.0.0.1"
    seen = echoing.event("GET", "/")["requestContext"]["http"]["sourceIp"]
    assert ipaddress.ip_address(seen).is_private
    return str(seen)


@pytest.fixture(scope="session", autouse=True)
def _works(request: pytest.FixtureRequest, lab: Lab) -> Iterator[dict[str, Future[Any]]]:
    marked = [(item.nodeid, item.get_closest_marker("begins")) for item in request.session.items]
    works = {name: mark.kwargs["work"] for name, mark in marked if mark is not None}
    with ThreadPoolExecutor(len(works) + 1) as pool:
        yield {name: pool.submit(work, lab) for name, work in works.items()}


@pytest.fixture
def begun(request: pytest.FixtureRequest, _works: dict[str, Future[Any]]) -> Callable[[], Any]:
    """The result of the work that the case began with the run."""
    return _works[request.node.nodeid].result


@pytest.fixture(scope="session")
def echo(lab: Lab) -> str:
    """A function that answers, over HTTP, the event it received."""
    return lab.function(ECHO)


@pytest.fixture(scope="session")
def dictated(lab: Lab) -> str:
    """A function that returns what the request's body says."""
    return lab.function(DICTATED)


@pytest.fixture(scope="session")
def echoing(lab: Lab, echo: str) -> Api:
    """An API whose every request reaches the echo function, in payload format 2.0."""
    return lab.api({"$default": echo})


@pytest.fixture(scope="session")
def dictating(lab: Lab, dictated: str) -> Api:
    return lab.api({"$default": dictated})
