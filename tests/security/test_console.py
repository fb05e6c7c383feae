"""Who is let in to the console: nobody without its token, no page of another origin, no frame, by no other name."""

from __future__ import annotations

import http.client
import json
import socket
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from staticfire.console.process import ConsoleProcess
from staticfire.settings import Settings, load

from .test_perimeter import beyond_loopback, listeners

JSON = {"content-type": "application/json"}


@dataclass(frozen=True)
class Opened:
    """A console; no stack runs behind it, which its perimeter does not need."""

    process: ConsoleProcess
    port: int
    token: str
    state: Path

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def ask(
        self, path: str, headers: Mapping[str, str] = {}, *, method: str = "GET", body: str | None = None
    ) -> tuple[int, Mapping[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(
                method, path, body, {**({"host": self.host} if "host" not in headers else {}), **headers}
            )
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def status(self, path: str, headers: Mapping[str, str] = {}, **options: str) -> int:
        return self.ask(path, headers, **options)[0]


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    project = tmp_path_factory.mktemp("project")
    (project / "infra").mkdir()
    (project / "infra" / "main.tf").write_text("")
    (project / "staticfire.toml").write_text('[stacks.app]\nroot = "infra"\n')
    settings: Settings = replace(load(project, environ={}), port=0)
    process = ConsoleProcess(settings)
    process.layout.make_state()
    address = process.start()
    port, token = address.removeprefix("http://127.0.0.1:").rstrip("/").split("/")
    yield Opened(process, int(port), token, settings.state_dir)
    process.stop()


def test_whoever_has_the_token_is_let_in(console: Opened) -> None:
    status, _, page = console.ask(f"/{console.token}/")
    assert status == 200
    assert b"<title>Staticfire</title>" in page
    assert console.status(f"/{console.token}/api/openapi.json") == 200


@pytest.mark.parametrize("path", ["/", "/api/openapi.json", "/api/live", "/app.js", "//", "/wrong/", "/%00/api/mail"])
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "DELETE"])
def test_without_the_token_nothing_is_answered(console: Opened, path: str, method: str) -> None:
    status, headers, body = console.ask(path, method=method)
    assert status == 403
    assert console.token.encode() not in body
    assert "access-control-allow-origin" not in headers


def test_a_token_that_is_nearly_right_is_wrong(console: Opened) -> None:
    for token in (console.token[:-1], console.token + "x", console.token.swapcase(), ""):
        assert console.status(f"/{token}/api/openapi.json") == 403
    assert console.status(f"/?token={console.token}") == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"origin": "http://127.0.0.1"},
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "script"},
        {"sec-fetch-site": "same-site", "sec-fetch-mode": "cors", "sec-fetch-dest": "empty"},
    ],
)
@pytest.mark.parametrize("path", ["api/openapi.json", "api/live", "app.js", ""])
def test_a_page_of_another_origin_is_refused_even_with_the_token(
    console: Opened, headers: dict[str, str], path: str
) -> None:
    assert console.status(f"/{console.token}/{path}", headers) == 403
    assert console.status(f"/{console.token}/{path}", headers, method="POST", body="{}") == 403


def test_a_link_opens_the_page_and_nothing_else(console: Opened) -> None:
    link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    assert console.status(f"/{console.token}/", link) == 200
    assert console.status(f"/{console.token}/api/openapi.json", link) == 403
    assert console.status(f"/{console.token}/", link, method="POST", body="") == 403


def test_no_page_frames_it(console: Opened) -> None:
    frame = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"}
    assert console.status(f"/{console.token}/", frame) == 403
    _, headers, _ = console.ask(f"/{console.token}/")
    assert headers["x-frame-options"] == "DENY"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "evil.example@127.0.0.1", "127.0.0.2", "0.0.0.0", "[::1", "a b"]
)
def test_another_name_of_this_machine_is_refused(console: Opened, host: str) -> None:
    """DNS rebinding: the page is one of evil.example, and its name leads here now."""
    for headers in (
        {"host": f"{host}:{console.port}"},
        {"host": f"{host}:{console.port}", "sec-fetch-site": "same-origin"},
    ):
        assert console.status(f"/{console.token}/api/openapi.json", headers) in (400, 403)


def test_the_whole_host_counts(console: Opened) -> None:
    assert console.status(f"/{console.token}/", {"host": f"localhost:{console.port}"}) == 200
    for host in ("127.0.0.1", "localhost:1", f"127.0.0.1:{console.port}0", f"127.0.0.1:{console.port}@evil.example"):
        assert console.status(f"/{console.token}/", {"host": host}) in (400, 403)


def test_two_hosts_are_refused(console: Opened) -> None:
    with socket.create_connection(("127.0.0.1", console.port)) as connection:
        lines = (
            f"GET /{console.token}/ HTTP/1.1\r\nhost: {console.host}\r\nhost: evil.example\r\nconnection: close\r\n\r\n"
        )
        connection.sendall(lines.encode())
        assert connection.recv(100).split()[1] in (b"400", b"403")


def test_a_form_of_another_kind_is_not_taken_for_json(console: Opened) -> None:
    path = f"/{console.token}/api/postgres/query"
    body = json.dumps({"database": "a", "sql": "SELECT 1"})
    assert console.status(path, {"content-type": "text/plain"}, method="POST", body=body) == 400
    assert console.status(path, JSON, method="POST", body=body) == 503  # no stack runs


def test_the_page_loads_nothing_from_elsewhere_and_runs_no_inline_script(console: Opened) -> None:
    _, headers, page = console.ask(f"/{console.token}/")
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert b"https://" not in page
    assert b"style=" not in page
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert "set-cookie" not in headers


def test_no_script_of_the_page_makes_markup_of_data_or_calls_elsewhere() -> None:
    for file in Path("staticfire/console/static").resolve().glob("*.js"):
        text = file.read_text(encoding="utf-8")
        for sink in (
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
            "DOMParser",
        ):
            assert sink not in text, f"{file.name}: {sink}"
        addresses = [line for line in text.splitlines() if "https://" in line or "http://" in line]
        assert [line for line in addresses if "www.w3.org/2000/svg" not in line] == []


@pytest.mark.parametrize(
    "path", ["../server.py", "%2e%2e/server.py", "..%2fserver.py", "./../../layout.py", "static/app.js"]
)
def test_it_serves_its_own_files_and_no_others(console: Opened, path: str) -> None:
    assert console.status(f"/{console.token}/{path}") in (403, 404)


def test_it_listens_on_loopback_alone(console: Opened) -> None:
    record = console.process.record()
    assert record is not None
    assert len(list(listeners(record.pid))) == 1
    assert beyond_loopback(record.pid) == []


def test_its_token_is_the_users_alone(console: Opened) -> None:
    record = console.process.record()
    assert record is not None
    assert console.token not in Path(f"/proc/{record.pid}/cmdline").read_text()
    assert console.token not in console.process.log.read_text()
    door = console.process.door()
    assert console.token in door.read_text()
    for path in (door, console.state / "console-token", console.state / "console-config.json"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
