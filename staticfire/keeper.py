"""The keeper: applies the stacks again whenever the emulator lost what was applied, without anybody's help.

`python -m staticfire.keeper` is a service of compose.yaml. LocalStack keeps nothing over a restart, and neither does
the filler over one of the edge; Terraform brings back what they described, and the stacks' `rebuild` functions what
only they held. `python -m staticfire.keeper --check` is its health check: all is well, and every stack is applied to
what runs now.
"""

from __future__ import annotations

import logging
import signal
import sys
import time

from .errors import StaticfireError
from .layout import Layout, command_lock
from .progress import Progress
from .settings import Settings, load
from .stack import Stack
from .targets import target

log = logging.getLogger(__name__)

PATIENCE = 2.0


def unapplied(settings: Settings) -> list[Stack]:
    """The stacks that what runs now knows nothing of; an error while it is not well."""
    running = target(settings).describe()
    if running is None:
        raise StaticfireError(f"Nothing answers at {settings.endpoint}.")
    if running.health.sick or not running.instance:
        raise StaticfireError(f"Not well at {settings.endpoint}: {', '.join(running.health.sick)}.")
    stacks = (Stack(settings, name, running) for name in settings.stacks)
    return [stack for stack in stacks if stack.applied is None]


def keep(settings: Settings) -> None:
    trouble = ""
    while True:
        try:
            for stack in unapplied(settings):
                with command_lock(Layout.of(settings), "keeper"):
                    stack.up(Progress())
            said = ""
        except StaticfireError as error:
            said = str(error)
        if said and said != trouble:
            log.warning("%s Asked again until it is well.", said)
        trouble = said
        time.sleep(PATIENCE)


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    settings = load()
    if "--check" in sys.argv:
        try:
            missing = unapplied(settings)
        except StaticfireError as error:
            print(error)
            return 1
        print(f"not applied: {', '.join(stack.name for stack in missing)}" if missing else "well")
        return 1 if missing else 0
    try:
        keep(settings)
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
