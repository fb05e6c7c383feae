"""Which of a function's variables its process has from its start, and which only once it is in its place.

A process starts as a program of this machine, before it enters namespaces. What the dynamic linker and Python read at
that moment may name code (LD_PRELOAD, PYTHONPATH): out there that would be code of the machine's, or of the function's
where it is unpacked, run with all that the user may. So a process starts with what names no file, and sets the rest
itself when nothing of the machine is seen any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

# What Python and the C library read at a start, and which leads to no file.
AT_START = frozenset(
    {
        *("LANG", "LC_ALL", "LC_CTYPE", "TZ"),
        *("PYTHONASYNCIODEBUG", "PYTHONDEVMODE", "PYTHONDONTWRITEBYTECODE", "PYTHONFAULTHANDLER", "PYTHONHASHSEED"),
        *("PYTHONINTMAXSTRDIGITS", "PYTHONIOENCODING", "PYTHONMALLOC", "PYTHONNODEBUGRANGES", "PYTHONOPTIMIZE"),
        *("PYTHONPROFILEIMPORTTIME", "PYTHONTRACEMALLOC", "PYTHONUNBUFFERED", "PYTHONUTF8", "PYTHONVERBOSE"),
        *("PYTHONWARNINGS", "PYTHON_CPU_COUNT", "PYTHON_GIL"),
    }
)
LIBRARIES = "LD_LIBRARY_PATH"
OF_A_NEW_PROCESS = frozenset({"PYTHONHOME", "PYTHONPLATLIBDIR", "PYTHONPYCACHEPREFIX", "PYTHONUSERBASE"})


def split(variables: Mapping[str, str], *, own_libraries: bool) -> tuple[dict[str, str], dict[str, str]]:
    """Those from the start, and those in its place. `own_libraries`: LD_LIBRARY_PATH may be the function's own."""
    start = AT_START if own_libraries else AT_START | {LIBRARIES}
    first = {name: value for name, value in variables.items() if name in start}
    return first, {name: value for name, value in variables.items() if name not in start}


def need_a_new_process(own: Iterable[str]) -> bool:
    """Whether one of these has an effect at a process's start alone: in its place, the runtime is started anew."""
    return any(name.startswith("LD_") or name in OF_A_NEW_PROCESS for name in own)
