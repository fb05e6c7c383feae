"""`staticfire url`: the address of a stack's API, alone, for a shell: `curl "$(staticfire url)/hello"`."""

from __future__ import annotations

import argparse

from staticfire.errors import UsageError
from staticfire.settings import Settings
from staticfire.stacks.made import WITH_URL
from staticfire.stacks.stack import Stack, chosen_stacks
from staticfire.targets.base import require_running


def configure(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_url)
    parser.add_argument("name", nargs="?", help="a stack's, an API's or a function's name (default: the only address)")


def _url(settings: Settings, arguments: argparse.Namespace) -> int:
    print(_address(chosen_stacks(settings, require_running(settings)), arguments.name))
    return 0


def _address(stacks: list[Stack], name: str | None) -> str:
    stacks = [stack for stack in stacks if stack.applied is not None]
    for stack in stacks:
        if "api_id" in stack.outputs and (name == stack.name or (name is None and len(stacks) == 1)):
            return str(stack.url)
    there = [(stack.name, resource) for stack in stacks for resource in stack.made if resource.kind in WITH_URL]
    fitting = [(stack, one) for stack, one in there if name in (None, stack, one.name, one.id)]
    urls = list(dict.fromkeys(resource.url for _, resource in fitting))
    if len(urls) == 1:
        return urls[0]
    raise UsageError(
        f"{'Several addresses fit' if fitting else 'No address fits'}{f' the name {name!r}' if name else ''}.",
        checked=[f"{stack}: {resource.kind} {resource.name} {resource.url}" for stack, resource in fitting or there],
        remedy="Name one of these." if there else "Bring a stack with an API up: `staticfire up`.",
    )
