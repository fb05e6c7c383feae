"""What editors must know to attach to a function: VS Code's launch.json, and what PyCharm asks for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from staticfire.errors import UsageError
from staticfire.host.files import write_atomically

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Attachment:
    """One function with a debugger. `places`: what the function sees, and the user's directory or file there."""

    function: str
    port: int
    runtime: str
    places: Sequence[tuple[str, Path]]

    @property
    def directories(self) -> list[tuple[str, Path]]:
        """The same without files: a mapping is one of directories."""
        pairs = [
            (str(PurePosixPath(seen).parent), place.parent) if place.is_file() else (seen, place)
            for seen, place in self.places
        ]
        return list(dict(pairs).items())

    def configuration(self, project: Path) -> dict[str, Any]:
        """An entry of `configurations` in launch.json."""
        name = f"staticfire: {self.function}"
        places = [(seen, _in_workspace(place, project)) for seen, place in self.directories]
        if self.runtime.startswith("python"):
            return {
                "name": name,
                "type": "debugpy",
                "request": "attach",
                "connect": {"host": HOST, "port": self.port},
                "pathMappings": [{"localRoot": place, "remoteRoot": seen} for seen, place in places],
                "justMyCode": True,
            }
        roots = {"localRoot": places[0][1], "remoteRoot": places[0][0]} if places else {}
        return {
            "name": name,
            "type": "node",
            "request": "attach",
            "address": HOST,
            "port": self.port,
            "restart": True,
            **roots,
        }

    def for_pycharm(self) -> str:
        """In words: PyCharm keeps its own as XML in the project."""
        if not self.runtime.startswith("python"):
            return f"WebStorm, PyCharm: Attach to Node.js/Chrome, {HOST}:{self.port}"
        mappings = ", ".join(f"{place} = {seen}" for seen, place in self.directories) or "none"
        return (
            f"PyCharm, where it has the run configuration `Attach to DAP`: {HOST}:{self.port}, path mappings {mappings}"
        )


def _in_workspace(place: Path, project: Path) -> str:
    if place.is_relative_to(project):
        relative = place.relative_to(project).as_posix()
        return "${workspaceFolder}" + (f"/{relative}" if relative != "." else "")
    return str(place)


def launch_json(configuration: dict[str, Any]) -> str:
    return json.dumps({"version": "0.2.0", "configurations": [configuration]}, indent=2)


def write_launch_json(project: Path, configuration: dict[str, Any]) -> Path:
    """Put it into .vscode/launch.json, in the place of the one of its name; all else there stays."""
    path = project / ".vscode" / "launch.json"
    document: Any = {"version": "0.2.0", "configurations": []}
    if path.exists():
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            document = None
    if not isinstance(document, dict) or not isinstance(document.get("configurations", []), list):
        raise UsageError(
            f"{path} cannot be added to: it is not plain JSON, as where it has comments.",
            remedy="Put what `staticfire debug` prints without --write into its `configurations`.",
        )
    others = [one for one in document.get("configurations", []) if one.get("name") != configuration["name"]]
    document["configurations"] = [*others, configuration]
    path.parent.mkdir(exist_ok=True)
    write_atomically(path, (json.dumps(document, indent=2) + "\n").encode())
    return path
