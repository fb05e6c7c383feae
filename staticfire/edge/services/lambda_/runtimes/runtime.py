"""The interface of a Lambda runtime: how it prepares code, and how a function's process is started."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ..model import FunctionConfig

if TYPE_CHECKING:
    from ..program import Program

# AWS's status is 502, which SDKs try five times: here nothing passes with time.
NOT_RUNNABLE = 400


@dataclass(frozen=True, slots=True)
class Paths:
    """Where a function finds its code, its layers (empty without any), and the runtime."""

    task: str
    opt: str
    runtime: str
    lang: str


@dataclass(frozen=True, slots=True)
class View:
    """What an isolated function sees of the machine for its runtime's sake: see isolation.Place."""

    shown: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)


class Runtime(Protocol):
    """One way to run functions, found on this machine."""

    @property
    def name(self) -> str:
        """What runs: `python3.13`, `nodejs20`, `provided.al2023`; unpacked code is kept apart by it."""

    @property
    def label(self) -> str:
        """As Lambda's INIT_START line has it."""

    @property
    def launcher(self) -> tuple[str, ...]:
        """The Python that launch.py runs under."""

    @property
    def home(self) -> str:
        """What an isolated function sees as /var/runtime; empty where there is nothing."""

    @property
    def lang(self) -> str:
        """The directory whose `bin` has the runtime's programs, where the function is not isolated; or empty."""

    async def finish(self, tree: Path, fresh: Sequence[Path] | None = None) -> None:
        """Do with unpacked code what makes starts faster; with `fresh`, with these files of it only."""

    def view(self, layers: Path | None) -> View | None:
        """None: what launch.py's own Python needs."""

    def lay(self, directory: Path, layers: Path | None) -> None:
        """Where it is not isolated: put beside the function's code, in `directory`, what is looked for there."""

    def program(self, config: FunctionConfig, paths: Paths) -> Program | None:
        """None: launch.py's own Python goes on."""

    def variables(self, config: FunctionConfig, paths: Paths) -> Mapping[str, str]:
        """Those that Lambda sets for this runtime; the function's own come before them."""
