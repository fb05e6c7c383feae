"""The user's own file behind a path that a function sees: /var/task/shop/api.py is src/shop/api.py.

sources = Sources.of(stacks)
sources.user_file("shop-api", "/var/task/shop/api.py")  # Path, or None where it is not the user's
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from .deployed import OPT, TASK, CodePackage, Deployed
from .stack import Stack


class Sources:
    """`places`: by a function's name, the path that it sees and the user's directory or file, the deepest first."""

    def __init__(self, places: Mapping[str, Sequence[tuple[str, Path]]]) -> None:
        self._places = places

    @classmethod
    def of(cls, stacks: Iterable[Stack]) -> Sources:
        """What the states of these stacks say now."""
        places: dict[str, Sequence[tuple[str, Path]]] = {}
        for stack in stacks:
            places |= _places(Deployed.of(stack))
        return cls(places)

    def __contains__(self, function: str) -> bool:
        return function in self._places

    def of_function(self, function: str) -> Sequence[tuple[str, Path]]:
        """The paths that a function sees, with what is there of the user's."""
        return self._places.get(function, ())

    def user_file(self, function: str, path: str) -> Path | None:
        """The user's file that a function sees at `path`; None where it is none of theirs, or is gone."""
        for seen, place in self.of_function(function):
            if path == seen and place.is_file():
                return place
            if PurePosixPath(path).is_relative_to(seen):
                file = place / PurePosixPath(path).relative_to(seen)
                if file.is_file():
                    return file
        return None


def _places(deployed: Deployed) -> dict[str, Sequence[tuple[str, Path]]]:
    of_layers = {arn: package for package in deployed.packages for arn in package.layers}
    layers_of = deployed.layers_of or {}
    places: dict[str, Sequence[tuple[str, Path]]] = {arn.rpartition(":")[2]: [] for arn in layers_of}
    for package in deployed.packages:
        for arn in package.functions:
            seen = dict(_seen(package, TASK))
            for layer in layers_of.get(arn, ()):
                if layer in of_layers:
                    seen |= _seen(of_layers[layer], OPT)
            places[arn.rpartition(":")[2]] = sorted(seen.items(), key=lambda place: -len(place[0]))
    return places


def _seen(package: CodePackage, root: str) -> Mapping[str, Path]:
    return package.contents.seen(root) if package.contents is not None else {}
