"""What is happening now: a live display on a terminal, plain lines with the time elsewhere.

`progress.step("Apply shop")` opens a step; its `note` says what it is at, and closing it prints how long it took.
Steps may run in several threads at once. Everything goes to standard error: standard output belongs to the command's
result.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.progress import TaskID

HEARTBEAT_SECONDS = 10.0
BRIEF_SECONDS = 2.0


class Step:
    """One piece of work under way: `latest` is what it is at, `result` what its closing line will say."""

    def __init__(self, progress: Progress, title: str, *, brief: bool = False) -> None:
        self.title = title
        self.brief = brief
        self.latest = ""
        self.result = ""
        self._progress = progress

    def note(self, text: str) -> None:
        self.latest = text
        self._progress.noted(self)

    def done(self, text: str) -> None:
        self.result = text


class Progress:
    """Plain lines: `[  12.3s] text`. A step that stays silent is shown again, so that nobody thinks it hangs."""

    def __init__(self, *, verbose: bool = False, stream: TextIO | None = None) -> None:
        self.verbose = verbose
        self._stream = stream or sys.stderr
        self._begun = time.monotonic()
        self._lock = threading.Lock()

    def line(self, text: str) -> None:
        with self._lock:
            print(f"[{time.monotonic() - self._begun:6.1f}s] {text}", file=self._stream, flush=True)

    def noted(self, step: Step) -> None:
        if self.verbose:
            self.line(f"  {step.title}: {step.latest}")

    @contextlib.contextmanager
    def step(self, title: str, *, brief: bool = False) -> Iterator[Step]:
        """A piece of work; one that is `brief`, as where nothing is to be done, is shown only once it takes a while."""
        step = Step(self, title, brief=brief and not self.verbose)
        begun = time.monotonic()
        with self._shown(step):
            try:
                yield step
            except BaseException:
                self.line(f"{title}: failed after {time.monotonic() - begun:.1f} s")
                raise
        seconds = time.monotonic() - begun
        if not step.brief or seconds >= BRIEF_SECONDS:
            self.line(f"{title}: {step.result or 'done'} ({seconds:.1f} s)")

    @contextlib.contextmanager
    def _shown(self, step: Step) -> Iterator[None]:
        ended = threading.Event()
        if not step.brief:
            self.line(f"{step.title} ...")

        def heartbeat() -> None:
            if step.brief and not ended.wait(BRIEF_SECONDS):
                self.line(f"{step.title} ...")
            while not ended.wait(HEARTBEAT_SECONDS):
                self.line(f"{step.title}: {step.latest or 'still at it'}")

        threading.Thread(target=heartbeat, name="heartbeat", daemon=True).start()
        try:
            yield
        finally:
            ended.set()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        return None


class LiveProgress(Progress):
    """The same steps on a terminal: a spinner each while they run, a line each when they are done."""

    def __init__(self, *, verbose: bool = False) -> None:
        from rich.console import Console  # not at the top: only a terminal waits for it
        from rich.progress import Progress as RichProgress
        from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

        super().__init__(verbose=verbose)
        self._live = RichProgress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            TimeElapsedColumn(),
            TextColumn("{task.fields[latest]}", style="dim", markup=False),
            console=Console(stderr=True),
            transient=True,
        )
        self._tasks: dict[Step, TaskID] = {}

    def line(self, text: str) -> None:
        self._live.console.print(text, markup=False, highlight=False)

    def noted(self, step: Step) -> None:
        super().noted(step)
        self._live.update(self._tasks[step], latest=step.latest)

    @contextlib.contextmanager
    def _shown(self, step: Step) -> Iterator[None]:
        task = self._tasks[step] = self._live.add_task(step.title, total=None, latest="")
        try:
            yield
        finally:
            self._live.remove_task(task)

    def __enter__(self) -> Progress:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()


def progress(*, verbose: bool = False) -> Progress:
    """The display that fits standard error."""
    return LiveProgress(verbose=verbose) if sys.stderr.isatty() else Progress(verbose=verbose)
