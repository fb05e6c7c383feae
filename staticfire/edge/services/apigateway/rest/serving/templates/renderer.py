"""Templates rendered within bounds: a moment on the event loop, then in a thread, one at a time for an API.

    parsed (kept) -> rendered within a few steps -> done
                            | not enough
                            +-> rendered anew in a thread, within the whole budget -> done, or refused

A thread, and not a process: a rendering has no way out of its nodes, counts its own steps and the sizes of all it
makes, and so ends by itself within half a second. The event loop goes on meanwhile.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from staticfire.edge.services.apigateway.rest.serving.patterns import PatternFailed, PatternTooSlow, for_a_moment

from .budget import STEPS, Budget, OutOfBudget, TemplateFailed
from .nodes import Break, Rendering, Stop
from .parser import parsed
from .variables import UTIL, Input, Parameters

# What is done at once on the event loop: about two milliseconds.
FIRST_STEPS = 2_000
# A longer payload is read in a thread.
FIRST_CHARACTERS = 128 * 1024

_threads = ThreadPoolExecutor(2, thread_name_prefix="templates")


class Rendered(NamedTuple):
    """The text, and `$context` as the template left it: it may hold overrides."""

    text: str
    context: dict[str, Any]


class Renderer:
    """The templates of one API."""

    def __init__(self) -> None:
        self._one = asyncio.Lock()

    async def render(
        self,
        template: str,
        *,
        body: str,
        parameters: Parameters,
        context: Mapping[str, Any],
        stage_variables: Mapping[str, str],
    ) -> Rendered:
        """TemplateFailed says why there is nothing to show."""
        if len(body) <= FIRST_CHARACTERS and len(template) <= FIRST_CHARACTERS:
            try:
                with for_a_moment():
                    return render(template, body, parameters, context, stage_variables, FIRST_STEPS)
            except OutOfBudget:
                pass
        async with self._one:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(
                _threads, render, template, body, parameters, context, stage_variables, STEPS
            )


def render(
    template: str,
    body: str,
    parameters: Parameters,
    context: Mapping[str, Any],
    stage_variables: Mapping[str, str],
    steps: int = STEPS,
) -> Rendered:
    own = {name: copy.deepcopy(value) if isinstance(value, dict) else value for name, value in context.items()}
    variables: dict[str, Any] = {
        "input": Input(body, parameters),
        "util": UTIL,
        "context": own,
        "stageVariables": dict(stage_variables),
    }
    run = Rendering(variables, Budget(steps))
    try:
        parsed(template).render(run)
    except (Stop, Break):
        pass
    except RecursionError as error:
        raise OutOfBudget("the mapping template is nested too deeply") from error
    except PatternTooSlow as error:
        raise OutOfBudget(str(error)) from error
    except PatternFailed as error:
        raise TemplateFailed(str(error)) from error
    return Rendered("".join(run.out), own)
