"""Compile modules with mypyc. It runs in the compiler's environment, in the directory that the modules' package is in.

    python -I mypyc_main.py TARGET SCRATCH MODULE ...

The shared objects go below TARGET, all else below SCRATCH. setuptools compiles the C files of one library one
after the other; here they are spread over the cores, which takes a third of the time away on two.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import Any

from mypyc.build import mypycify
from setuptools import Distribution
from setuptools.command.build_ext import build_ext

CORES = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


class Build(build_ext):
    def build_extensions(self) -> None:
        compile_in_turn = self.compiler.compile

        def compile_at_once(sources: Sequence[str], *arguments: Any, **options: Any) -> list[str]:
            made = pool.map(lambda source: compile_in_turn([source], *arguments, **options), sources, chunksize=1)
            return [file for files in made for file in files]

        self.compiler.compile = compile_at_once
        with ThreadPool(CORES) as pool:
            super().build_extensions()


def main(target: Path, scratch: Path, modules: Sequence[str]) -> None:
    # No configuration of the user's or the project's: what passes the project's own check must compile everywhere.
    options = ["--config-file=", "--ignore-missing-imports", f"--cache-dir={scratch / 'mypy'}"]
    sources = [f"{module.replace('.', '/')}.py" for module in modules]
    extensions = mypycify(
        [*options, *sources], opt_level="2", debug_level="0", multi_file=True, target_dir=str(scratch / "c")
    )
    for extension in extensions:
        extension.extra_compile_args.append("-Wno-error")  # a newer compiler warns of what mypyc has not heard of yet
    build = Build(Distribution({"name": "edge", "ext_modules": extensions}))
    build.build_lib = str(target)
    build.build_temp = str(scratch / "objects")
    build.parallel = CORES
    build.ensure_finalized()
    build.run()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it at once: its threads would finish all files first
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
