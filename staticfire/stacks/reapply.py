"""The keeper: applies the stacks, and again whenever the emulator lost what was applied, without anybody's help. It
keeps those that are up by default.

compose.yaml runs it twice. `python -m staticfire.stacks.reapply --once` (the service `deploy`) applies what changed and
ends. Without a flag (the service `keeper`) it goes on watching: LocalStack keeps nothing over a restart, and neither
does the filler over one of the edge; Terraform brings back what they described, and the stacks' `rebuild` functions
what only they held. `--check` is the watching one's health check: all is well, and every stack is applied to what runs
now.
"""

from __future__ import annotations

import logging
import signal
import sys
import time
from dataclasses import replace
from urllib.parse import urlsplit

from staticfire.errors import DegradedError, NotRunningError, StaticfireError
from staticfire.host.locks import file_lock
from staticfire.progress import Progress
from staticfire.settings import Settings, load
from staticfire.targets.base import Running, target

from .stack import Stack

log = logging.getLogger(__name__)

PATIENCE = 2.0


def stacks(settings: Settings) -> list[Stack]:
    """The stacks on what runs now; an error while that is not well."""
    running = target(settings).describe()
    if running is None:
        raise NotRunningError(f"Nothing answers at {settings.endpoint}.")
    if running.health.sick or not running.instance:
        parts = ", ".join(running.health.sick) or "the emulator tells no instance"
        raise DegradedError(f"Not well at {settings.endpoint}: {parts}.")
    return [Stack(settings, name, running) for name in settings.chosen()]


def unapplied(settings: Settings) -> list[Stack]:
    """The stacks that what runs now knows nothing of."""
    return [stack for stack in stacks(settings) if stack.applied is None]


def apply(settings: Settings, wanted: list[Stack]) -> None:
    """One at a time, whoever applies: the other finds that nothing changed."""
    for stack in wanted:
        with file_lock(settings.state_dir / "applying"):
            stack.up(Progress())


def once(settings: Settings) -> int:
    running = target(settings).start(Progress())
    apply(settings, [Stack(settings, name, running) for name in settings.chosen()])
    seen = replace(running, endpoint=_as_seen_from_outside(settings, running))
    for name in settings.chosen():
        stack = Stack(settings, name, seen)
        print(f"\n{name}\n  API       {stack.url or 'none'}")
        for example in stack.stack.examples if stack.url else ():
            print(f"  {example.replace('{url}', stack.url or '')}")
    return 0


def _as_seen_from_outside(settings: Settings, running: Running) -> str:
    return f"http://{settings.public_host or settings.host}:{urlsplit(running.endpoint).port}"


def keep(settings: Settings) -> int:
    trouble = ""
    while True:
        said = ""
        try:
            apply(settings, unapplied(settings))
        except StaticfireError as error:
            said = str(error)
        if said and said != trouble:
            log.warning("%s Asked again until it is well.", said)
        trouble = said
        time.sleep(PATIENCE)


def check(settings: Settings) -> int:
    missing = unapplied(settings)
    print(f"not applied: {', '.join(stack.name for stack in missing)}" if missing else "well")
    return 1 if missing else 0


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    command = {"--once": once, "--check": check}.get(sys.argv[-1], keep)
    try:
        return command(load())
    except StaticfireError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main())
