"""Whether the `bootstrap` of a planned custom runtime can start here, where its zip is on this machine already.

A bootstrap may come from a layer, and a zip may be known after apply only: nothing is said then.
"""

from __future__ import annotations

import platform
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from .obstacle import Obstacle
from .output import Resource

BINARY_FORMATS = Path("/proc/sys/fs/binfmt_misc")
EXECUTABLE = 0o111
REBUILD = "Build it for the function's `architectures`"


def obstacles_of_bootstraps(resources: Sequence[Resource], root: Path) -> Iterator[Obstacle]:
    for resource in resources:
        if resource.type != "aws_lambda_function" or not str(resource.values.get("runtime")).startswith("provided."):
            continue
        path = _zip_of(resource, resources)
        if path and (root / path).is_file():
            yield from _of_zip(resource, root / path)


def _zip_of(function: Resource, resources: Sequence[Resource]) -> str | None:
    """The path of its zip: its own, or what a planned object of S3 is made of."""
    values = function.values
    if values.get("filename"):
        return str(values["filename"])
    place = values.get("s3_bucket"), values.get("s3_key")
    return next(
        (
            str(one.values["source"])
            for one in resources
            if one.type == "aws_s3_object"
            and (one.values.get("bucket"), one.values.get("key")) == place
            and one.values.get("source")
        ),
        None,
    )


def _of_zip(function: Resource, path: Path) -> Iterator[Obstacle]:
    # Few stacks have one, and all of Lambda's service comes with it.
    from staticfire.edge.services.lambda_.program import ELF_HEAD, elf_architecture

    try:
        with zipfile.ZipFile(path) as archive:
            entry = archive.getinfo("bootstrap")
            with archive.open(entry) as file:
                built_for = elf_architecture(file.read(ELF_HEAD))
    except zipfile.BadZipFile:
        return  # Lambda says so when it is deployed
    except KeyError:
        if not function.values.get("layers", True):
            remedy = "Put an executable file of this name at the top of its zip, or give it a layer that has one"
            yield Obstacle(function.address, f"has no `bootstrap` in {path.name}", remedy)
        return
    if not entry.external_attr >> 16 & EXECUTABLE:
        what = f"has a `bootstrap` in {path.name} that is not executable: AWS would refuse to start it too"
        yield Obstacle(function.address, what, "Pack it with its mode (chmod 755 bootstrap)")
    architecture = (function.values.get("architectures") or ["x86_64"])[0]
    machine = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())
    if built_for and built_for != architecture:
        what = f"has a `bootstrap` built for {built_for}, and its architecture is {architecture}: AWS cannot start it"
        yield Obstacle(function.address, what, REBUILD)
    elif built_for and built_for != machine and not _is_emulated(architecture):
        what = f"has a `bootstrap` built for {built_for}, and this machine is {machine}"
        remedy = f"Build it for {machine} and say so in `architectures`, or install qemu-user (binfmt) to run it"
        yield Obstacle(function.address, what, remedy)


def _is_emulated(architecture: str) -> bool:
    """Whether the user had the kernel run programs of another architecture by qemu-user."""
    name = {"arm64": "aarch64"}.get(architecture, architecture)
    return (BINARY_FORMATS / f"qemu-{name}").exists()
