"""The first lines in a function's process: make the place an execution environment, then become the runtime.

It uses the standard library only. A Python function's runs under the runtime's own Python and hands over to
`awslambdaric` in the same process: a second interpreter start would cost as much as the runtime itself. Any other
function's runs under the edge's Python, and becomes the runtime's program.

    python launch.py DESCRIPTOR   become the runtime; the pipe of that number has the settings, marshalled
    python launch.py probe        exit 0 if execution environments can be isolated on this machine, 1 if they cannot
"""

from __future__ import annotations

import marshal
import os
import resource
import sys

# The module `typing` takes milliseconds to import; only type checkers read this.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NotRequired, TypedDict

    from . import isolation, program

    class Pipes(TypedDict):
        """What is shared with the edge (isolation.enter); filled in as the process starts."""

        report: int
        status: int
        edge: int
        records: NotRequired[int]

    class Debug(TypedDict):
        """Where debugpy lies, the port it listens at, and whether the code waits for a debugger."""

        path: str
        port: int
        waits: bool

    class LaunchSettings(TypedDict):
        """What the edge says; `place` where the process is isolated; `layers` is empty without layers; `program`
        where the runtime is not this Python; `bootstrap` is what an exec wrapper of a Python function is to start, or
        what is started anew. `variables` are those that it must not start with (start_variables.py)."""

        handler: str
        task_root: str
        layers: str
        memory_mb: int
        extensions: list[str]
        bootstrap: NotRequired[str]
        program: NotRequired[program.Program]
        place: NotRequired[isolation.Place]
        debug: NotRequired[Debug]
        pipes: NotRequired[Pipes]
        variables: NotRequired[dict[str, str]]

else:
    import isolation  # this file is run by its path: its neighbours are found as a script's are
    import program


def enter(settings: LaunchSettings) -> None:
    isolation.enter(settings.get("place"), extensions=settings["extensions"], **settings["pipes"])
    os.chdir(settings["task_root"])


def limit(settings: LaunchSettings) -> None:
    """What keeps a runaway function from hurting the machine: its memory is watched from outside besides."""
    lower(resource.RLIMIT_CORE, 0)
    lower(resource.RLIMIT_DATA, (settings["memory_mb"] + 2048) * 1024 * 1024)
    lower(resource.RLIMIT_NOFILE, 1024)
    lower(resource.RLIMIT_MEMLOCK, 65536)
    if "place" in settings and kernel() >= (5, 14):  # there its own processes alone are counted, not all of the user's
        lower(resource.RLIMIT_NPROC, 742)
    if sys.platform == "linux":
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")
        yield_to_the_edge()


def lower(kind: int, limit: int) -> None:
    hard = resource.getrlimit(kind)[1]
    if hard == resource.RLIM_INFINITY or hard > limit:
        resource.setrlimit(kind, (limit, limit))


def kernel() -> tuple[int, ...]:
    return tuple(int("".join(filter(str.isdigit, part)) or "0") for part in os.uname().release.split(".")[:2])


def yield_to_the_edge() -> None:
    """A function that gets its next event does not push aside the edge, which has others to hand out."""
    try:
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    except OSError:
        return  # a sandbox may refuse it, which costs speed and nothing else


def search(settings: LaunchSettings) -> None:
    """Where modules are looked for. Nothing that this file imported beside the standard library stays in the way."""
    del sys.modules["isolation"], sys.modules["program"]
    version = "python{}.{}".format(*sys.version_info[:2])
    layers = settings["layers"]
    paths = [f"{layers}/python/lib/{version}/site-packages", f"{layers}/python"] if layers else []
    own = os.environ.get("PYTHONPATH")
    # An isolated process did not start with it, so that it is not there yet.
    of_user = own.split(os.pathsep) if own and "place" in settings else []
    sys.path[:1] = [settings["task_root"], *paths, *filter(None, of_user)]
    # For what the function starts itself. Set earlier, it would have this process search there for every module.
    runtime = os.environ["LAMBDA_RUNTIME_DIR"]
    os.environ["PYTHONPATH"] = f"{own}{os.pathsep}{runtime}" if own else runtime


def carry_debugger(debug: Debug) -> None:
    """Listen for a debugger on this machine alone; its modules are found by nothing but this."""
    from importlib import import_module

    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"  # a warning about Python's own modules
    sys.path.append(debug["path"])
    try:
        debugpy = import_module("debugpy")
        debugpy.configure(subProcess=False, python=sys.executable)
        debugpy.listen(("127.0.0.1", debug["port"]))
    except (ImportError, OSError, RuntimeError) as error:
        print(f"The debugger cannot listen at 127.0.0.1:{debug['port']}: {error}", flush=True)
        sys.exit(1)
    finally:
        sys.path.remove(debug["path"])
    if debug["waits"]:
        debugpy.wait_for_client()


def lambdas_python() -> str:
    """This interpreter as Lambda names it, where that is seen."""
    path = "/var/lang/bin/python{}.{}".format(*sys.version_info[:2])
    return path if os.path.exists(path) else sys.executable


def name_files_as_lambda(bootstrap: Any) -> None:
    """Stack traces tell Lambda's own places of the interpreter's files and of the client's, wherever they lie here."""
    client = os.path.dirname(os.path.dirname(bootstrap.__file__))
    places = ((client, "/var/runtime"), (sys.base_prefix, "/var/lang"))
    extract = bootstrap.extract_traceback

    def named(file: str) -> str:
        for place, name in places:
            if file.startswith(f"{place}/"):
                return name + file[len(place) :]
        return file

    bootstrap.extract_traceback = lambda trace: [(named(file), *where) for file, *where in extract(trace)]


def become_runtime(settings: LaunchSettings) -> None:
    """What awslambdaric's own main does, except that for Python 3.12 and newer it would poll in a new thread for every
    invocation, so that signals get through while it waits. Nothing sends any here, and the thread would cost as much as
    all else that the runtime does.
    """
    from importlib import import_module  # which the client needs anyway

    sys.argv = ["bootstrap", settings["handler"]]
    runtime = import_module("awslambdaric.lambda_runtime_client")
    bootstrap = import_module("awslambdaric.bootstrap")
    client = runtime.LambdaRuntimeClient(os.environ["AWS_LAMBDA_RUNTIME_API"])
    name_files_as_lambda(bootstrap)
    bootstrap.run(settings["handler"], client)


def main() -> None:
    with open(int(sys.argv[1]), "rb") as file:
        settings: LaunchSettings = marshal.loads(file.read())
    os.environ.update(settings.get("variables", {}))  # nothing reads them before what they mean is in its place
    enter(settings)
    limit(settings)
    if "program" in settings:
        isolation.restore_signals()
        program.become(settings["program"])
    wrapper = os.environ.get("AWS_LAMBDA_EXEC_WRAPPER")
    if wrapper:
        program.become_wrapper(wrapper, [lambdas_python(), settings["bootstrap"]])
    if "bootstrap" in settings:
        os.execv(lambdas_python(), [lambdas_python(), settings["bootstrap"]])
    search(settings)
    if "debug" in settings:
        carry_debugger(settings["debug"])
    become_runtime(settings)


if sys.argv[1] == "probe":
    sys.exit(isolation.probe())
else:
    main()
