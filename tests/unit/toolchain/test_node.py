"""Which Node runs a function, and where Nodes are looked for."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from staticfire.errors import PrerequisiteError, StaticfireError
from staticfire.layout import Layout
from staticfire.toolchain import node
from staticfire.toolchain.node import ClientRelease, Node, choose, install_node, machine
from staticfire.toolchain.runtimes import RUNTIME


def named(version: str) -> Node:
    return Node(version, f"/node/{version}/bin/node", [])


@pytest.mark.parametrize(
    ("runtime", "here", "chosen"),
    [
        ("nodejs20.x", ["20.20.2", "22.1.0"], "20.20.2"),
        ("nodejs20.x", ["18.1.0", "22.1.0", "24.1.0"], "22.1.0"),
        ("nodejs24.x", ["20.1.0", "22.1.0"], None),
        ("nodejs22.x", [], None),
    ],
)
def test_its_own_version_else_the_next_newer_else_none(runtime: str, here: list[str], chosen: str | None) -> None:
    chosen_node = choose(runtime, {named(version).major: named(version) for version in here})
    assert (chosen_node.version if chosen_node else None) == chosen


def fake(path: Path, version: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    said = f'{{"version": "{version}", "path": "{path}", "libraries": []}}'
    path.write_text(f"#!/bin/sh\necho '{said}'\n")
    path.chmod(0o755)


@pytest.mark.parametrize(
    "place",
    [
        ".nvm/versions/node/v{}/bin/node",
        ".local/share/fnm/node-versions/v{}/installation/bin/node",
        ".volta/tools/image/node/{}/bin/node",
        ".local/share/mise/installs/node/{}/bin/node",
        ".asdf/installs/nodejs/{}/bin/node",
    ],
)
def test_nodes_of_version_managers_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    for variable in ("NVM_DIR", "FNM_DIR", "VOLTA_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    fake(tmp_path / place.format("98.1.0"), "98.1.0")
    fake(tmp_path / place.format("98.11.0"), "98.11.0")
    assert machine()[98].version == "98.11.0", "the newer of two"


def test_a_node_that_does_not_run_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "node").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "node").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert all(Path(one.path).parent != tmp_path for one in machine().values())


def test_without_any_node_and_without_a_network_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_network(major: int, layout: Layout) -> Node:
        raise StaticfireError("The virtual environment node-22 cannot be filled")

    monkeypatch.setattr(node, "machine", dict)
    monkeypatch.setattr(node, "_of_wheel", no_network)
    with pytest.raises(PrerequisiteError, match=r"no Node for functions of the runtime nodejs22.x") as refused:
        install_node("nodejs22.x", Layout(tmp_path, tmp_path))
    assert "cannot be filled" in str(refused.value)


def test_what_npm_says_is_told_and_nothing_half_made_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node, "machine", lambda: {20: named("20.1.0")})
    complaint = [sys.executable, "-c", "import sys; sys.exit('ENOTFOUND registry')"]
    monkeypatch.setattr(node, "_npm", lambda *_: complaint)
    with pytest.raises(StaticfireError, match="ENOTFOUND registry"):
        install_node("nodejs20.x", Layout(tmp_path, tmp_path))
    assert list((tmp_path / "node").glob("runtime-*")) == []


def test_a_client_that_is_not_the_pinned_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node, "machine", lambda: {20: named("20.1.0")})
    write = "open('aws-lambda-ric-0.tgz', 'w').write('another')"
    monkeypatch.setattr(node, "_npm", lambda *_: [sys.executable, "-c", write])
    monkeypatch.setattr(node, "CLIENTS", {3: ClientRelease("0", "sha512-x", "index.mjs")})
    with pytest.raises(StaticfireError, match="another aws-lambda-ric@0 than the one that is pinned"):
        install_node("nodejs20.x", Layout(tmp_path, tmp_path))


def test_every_node_runtime_is_named_in_terraform_files() -> None:
    assert all(RUNTIME.fullmatch(runtime) for runtime in node.RUNTIMES)
