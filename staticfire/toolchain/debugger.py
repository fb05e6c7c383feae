"""debugpy, pinned, for the Python that runs a function: made when a function is first debugged."""

from __future__ import annotations

from pathlib import Path

from staticfire.layout import Layout
from staticfire.progress import Progress
from staticfire.settings import Settings

from .runtimes import install_runtimes
from .venvs import lock_file, virtual_environment


def debugpy_for(runtime: str, settings: Settings, layout: Layout, progress: Progress) -> Path:
    """The directory that holds the module `debugpy`."""
    interpreter = install_runtimes(settings, layout, progress)[runtime].interpreter
    with progress.step(f"Debugger of {runtime}", brief=True):
        name = f"debugpy-{interpreter.minor}"
        python = virtual_environment(name, lock_file("debugpy"), interpreter.path, layout)
    return python.parent.parent / "lib" / f"python{interpreter.minor}" / "site-packages"
