"""Stacks that are applied again whenever the emulator lost them: `python -m staticfire.stacks.reapply`.

compose.yaml runs it twice, for the stacks that are up by default. With `--once` (the service `deploy`) it applies what
changed and ends. Without a flag (the service `reapply`) it goes on watching: LocalStack keeps nothing over a restart,
and neither does the filler over one of the edge; Terraform brings back what they described, and the stacks' `rebuild`
functions what only they held. `--check` is the watching one's health check: all is well, and every stack is applied to
what runs now.
"""

from __future__ import annotations

import logging
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from staticfire.errors import DegradedError, NotRunningError, StaticfireError
from staticfire.host.locks import file_lock
from staticfire.progress import Progress
from staticfire.settings import Settings, load
from staticfire.targets.base import Running, target

from .stack import Stack

log = logging.getLogger(__name__)

INTERVAL_SECONDS = 2.0


def unapplied(settings: Settings) -> list[Stack]:
    """The stacks that what runs now knows nothing of; an error while that is not well."""
    running = target(settings).describe()
    if running is None:
        raise NotRunningError(f"Nothing answers at {settings.endpoint}.")
    if running.health.sick or not running.instance:
        parts = ", ".join(running.health.sick) or "the emulator does not say which instance it is"
        raise DegradedError(f"Not well at {settings.endpoint}: {parts}.")
    stacks = _stacks(settings, running)
    return [stack for stack in stacks if stack.applied is None or not stack.applied.seeded]


def _stacks(settings: Settings, running: Running) -> list[Stack]:
    return [Stack(settings, name, running) for name in settings.chosen()]


def apply(settings: Settings, stacks: Sequence[Stack]) -> None:
    """One at a time, whoever applies: the other one finds that nothing changed."""
    for stack in stacks:
        with file_lock(settings.state_dir / "applying"):
            stack.up(Progress())


def once(settings: Settings) -> int:
    running = target(settings).start(Progress())
    apply(settings, _stacks(settings, running))
    for stack in _stacks(settings, _from_outside(settings, running)):
        print("", *stack.summary(), sep="\n")
    return 0


def _from_outside(settings: Settings, running: Running) -> Running:
    """What runs, as the containers' host reaches it; where Postgres is there, nothing in here knows."""
    endpoint = f"http://{settings.public_host or settings.host}:{urlsplit(running.endpoint).port}"
    return replace(running, endpoint=endpoint, postgres=None)


def watch(settings: Settings) -> int:
    """Apply again what was lost, until the end of this process."""
    trouble = ""
    while True:
        previous, trouble = trouble, ""
        try:
            apply(settings, unapplied(settings))
        except StaticfireError as error:
            trouble = str(error)
        if trouble and trouble != previous:
            log.warning("%s Tried again until it is well.", trouble)
        time.sleep(INTERVAL_SECONDS)


def check(settings: Settings) -> int:
    missing = unapplied(settings)
    print(f"not applied: {', '.join(stack.name for stack in missing)}" if missing else "well")
    return 1 if missing else 0


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    command = {"--once": once, "--check": check}.get(sys.argv[-1], watch)
    try:
        return command(load())
    except StaticfireError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main())
