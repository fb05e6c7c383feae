"""Native modules of a package: for which Python and which architecture they are, by their names and first bytes."""

from __future__ import annotations

import platform
import re
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

# What machines call themselves, and what Lambda calls them.
ARCHITECTURES: Mapping[str, str] = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}
SUFFIXES = (".so", ".pyd", ".dylib")
TAG = re.compile(r"\.(?:cpython-|cp)3(\d{1,2})\b")
ELF_MACHINES = {0x3E: "x86_64", 0xB7: "arm64"}
MACH_O = (b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"\xce\xfa\xed\xfe")
HEAD = 20
LAYERED = re.compile(r"^python/(?:lib/python3\.\d+/site-packages/)?")


@dataclass(frozen=True)
class NativeModule:
    """`python` is a minor version, or empty where any will do; `architecture` may be another system's name."""

    name: str
    python: str
    architecture: str

    @property
    def package(self) -> str:
        return LAYERED.sub("", self.name).partition("/")[0].partition(".")[0]


def this_architecture() -> str:
    """This machine's, as Lambda calls it."""
    return ARCHITECTURES.get(platform.machine(), platform.machine())


def _read(name: str, head: bytes) -> NativeModule:
    tag = TAG.search(name.rpartition("/")[2])
    architecture = ""
    if head.startswith(b"\x7fELF") and len(head) >= HEAD:
        machine = int.from_bytes(head[18:20], "little" if head[5] == 1 else "big")
        architecture = ELF_MACHINES.get(machine, f"ELF machine {machine}")
    elif head.startswith(MACH_O):
        architecture = "macOS"
    elif head.startswith(b"MZ"):
        architecture = "Windows"
    return NativeModule(name, f"3.{tag[1]}" if tag else "", architecture)


def modules_in(place: Path) -> Iterator[NativeModule]:
    """The native modules of a directory, or of a zip."""
    if place.is_dir():
        for path in sorted(place.rglob("*")):
            if path.suffix in SUFFIXES and path.is_file():
                with path.open("rb") as file:
                    yield _read(path.relative_to(place).as_posix(), file.read(HEAD))
        return
    with zipfile.ZipFile(place) as archive:
        for name in sorted(archive.namelist()):
            if name.endswith(SUFFIXES):
                with archive.open(name) as member:
                    yield _read(name, member.read(HEAD))


def misfits(place: Path, python: str, architecture: str) -> Iterator[str]:
    """What of a directory or a zip cannot be imported by that Python on that architecture: a sentence a package."""
    alternatives: dict[str, list[NativeModule]] = defaultdict(list)
    for module in modules_in(place):
        directory, _, file = module.name.rpartition("/")
        alternatives[f"{directory}/{file.partition('.')[0]}"].append(module)
    unfit = [
        modules for modules in alternatives.values() if not any(_fits(one, python, architecture) for one in modules)
    ]
    yield from dict.fromkeys(_sentence(modules, python, architecture) for modules in unfit)


def _fits(module: NativeModule, python: str, architecture: str) -> bool:
    return module.python in ("", python) and module.architecture in ("", architecture)


def _sentence(modules: Iterable[NativeModule], python: str, architecture: str) -> str:
    nearest = max(modules, key=lambda module: (module.python in ("", python), module.architecture == architecture))
    has = [f"cpython-{nearest.python.replace('.', '')}"] if nearest.python not in ("", python) else []
    needs = [f"python{python}"] if has else []
    if nearest.architecture not in ("", architecture):
        has.append(nearest.architecture)
        needs.append(architecture)
    return f"the native module of {nearest.package} is for {' on '.join(has)}, not for {' on '.join(needs)}"
