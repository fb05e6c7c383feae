"""For which runtimes and architectures a zip is: by staticfire.toml, else by the stack's Terraform."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from staticfire import hcl
from staticfire.hcl import Block
from staticfire.roots import modules_of
from staticfire.settings import Settings, StackSettings, Zip
from staticfire.toolchain.runtimes import interpreters, nearest
from staticfire.toolchain.wheels import WheelTarget

PYTHON_RUNTIME = re.compile(r"\bpython(3\.\d{1,2})\b")
ARCHITECTURE = re.compile(r'"(arm64|x86_64)"')
FUNCTIONS_ON_THIS_MACHINE = {"embedded", "containers"}
DEPLOYING = {"aws_lambda_function", "aws_lambda_layer_version", "module"}
# Of a variable's block: what it may be, which is not what it is.
NO_VALUES = {"description", "error_message", "condition"}


@dataclass(frozen=True)
class Compatibility:
    """Several, where it is not said of this zip and the stack has several."""

    pythons: tuple[str, ...]
    architectures: tuple[str, ...]

    def on_aws(self) -> list[WheelTarget]:
        return [WheelTarget.on_aws(python, machine) for python in self.pythons for machine in self.architectures]


def local_targets(pythons: Iterable[str], settings: Settings) -> list[WheelTarget]:
    """For the Pythons that run these: here the nearest, where one is missing; an edge elsewhere has its own."""
    if settings.target in FUNCTIONS_ON_THIS_MACHINE:
        machine = interpreters()
        pythons = sorted({nearest(f"python{python}", machine).minor for python in pythons})
    return [WheelTarget.here(python) for python in pythons]


def compatibility(package: Zip, stack: StackSettings) -> Compatibility:
    modules = [hcl.module_in(directory) for directory in modules_of(stack.root)]
    own = "\n".join(text for module in modules for text in _deploying(module, package.name))
    every = "\n".join([*(text for module in modules for text in _texts(module)), *_variables(stack)])
    return Compatibility(
        (package.runtime.removeprefix("python"),)
        if package.runtime
        else _of(PYTHON_RUNTIME, own) or _of(PYTHON_RUNTIME, every) or (f"3.{sys.version_info[1]}",),
        (package.architecture,)
        if package.architecture
        else _of(ARCHITECTURE, own) or _of(ARCHITECTURE, every) or ("x86_64",),
    )


def _of(pattern: re.Pattern[str], text: str) -> tuple[str, ...]:
    return tuple(sorted(set(pattern.findall(text)), key=lambda name: (len(name), name)))


def _deploying(module: Block, zip_name: str) -> Iterator[str]:
    """The arguments of the functions, layers and modules that are given this zip by its name."""
    naming = re.compile(rf'\bpackages(?:\.{re.escape(zip_name)}\b(?!-)|\["{re.escape(zip_name)}"\])')
    for block in module.blocks:
        if DEPLOYING & {block.type, *block.labels[:1]}:
            texts = list(_texts(block))
            if any(map(naming.search, texts)):
                yield from texts


def _texts(block: Block) -> Iterator[str]:
    yield from (text for name, text in block.arguments.items() if name not in NO_VALUES)
    for inner in block.blocks:
        yield from _texts(inner)


def _variables(stack: StackSettings) -> Iterator[str]:
    yield json.dumps(stack.variables)
    yield from (json.dumps(assignment.partition("=")[2].strip('"')) for assignment in stack.assignments)
    for file in (*stack.root.glob("**/*.tfvars"), *stack.var_files):
        yield file.read_text(errors="replace")
