"""The usage service's handler in a plain loop, in several processes: no Lambda, no HTTP in front, the same two stores.

    PYTHON plain_loop.py PROCESSES WARM_UP SECONDS        (with the function's variables and PYTHONPATH)

It prints a JSON object with the calls a second of all processes together. Only the standard library is imported here:
the interpreter is the one that runs the functions.
"""

from __future__ import annotations

import base64
import importlib
import json
import multiprocessing
import os
import sys
import time
from typing import Any

USERS = 64


def event(user: int) -> dict[str, Any]:
    body = base64.b64encode(json.dumps({"user": f"user{user}", "usage": 150}).encode()).decode()
    context = {"stage": "v1", "requestId": "none", "http": {"method": "POST", "path": "/v1/usage"}}
    return {"rawPath": "/v1/usage", "headers": {}, "body": body, "isBase64Encoded": True, "requestContext": context}


class Context:
    """Of Lambda's context, what Powertools' logger reads."""

    function_name = invoked_function_arn = aws_request_id = "none"
    memory_limit_in_mb = 512


def loop(barrier: Any, warm_up: float, seconds: float, results: Any) -> None:
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115  # metrics and logs: to the end of the process
    handler = importlib.import_module("usage.api").handler
    events = [event(user) for user in range(USERS)]
    try:
        handler(events[0], Context())
    except BaseException:
        barrier.abort()  # or the others wait for this one
        raise
    barrier.wait()
    counted, number = 0, 0
    counts_from = time.perf_counter() + warm_up
    while (now := time.perf_counter()) < counts_from + seconds:
        answer = handler(events[number % USERS], Context())
        if answer["statusCode"] != 201:
            raise SystemExit(f"the handler answered {answer}")
        number += 1
        counted += now >= counts_from
    results.put(counted)


def main(processes: int, warm_up: float, seconds: float) -> None:
    spawn = multiprocessing.get_context("spawn")
    barrier, results = spawn.Barrier(processes), spawn.Queue()
    workers = [
        spawn.Process(target=loop, args=(barrier, warm_up, seconds, results), daemon=True) for _ in range(processes)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if any(worker.exitcode for worker in workers):
        raise SystemExit("a process of the plain loop failed")
    print(json.dumps({"rate": sum(results.get() for _ in workers) / seconds}))


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]))
