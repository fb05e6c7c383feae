"""Cold starts: the first answer of a new execution environment, and a bare interpreter that imports the same."""

from __future__ import annotations

import http.client
import os
import statistics
import subprocess
import time
import uuid
from pathlib import Path
from urllib.parse import urlsplit

from .deploy import Account, unsigned
from .processes import MeasureError

IMPORTS = """
import aws_lambda_powertools.event_handler, aws_lambda_powertools.utilities.parameters, boto3, pg8000, pydantic
"""
TIMES = 3


def first_answer(account: Account, function: str) -> float:
    """Seconds from sending an invocation that needs a new execution environment to its answer; the median of a few."""
    return statistics.median(_first_answer(account, function) for _ in range(TIMES))


def _first_answer(account: Account, function: str) -> float:
    account.make_cold(function, uuid.uuid4().hex)
    return _invoke(account, function)


def _invoke(account: Account, function: str) -> float:
    connection = http.client.HTTPConnection(urlsplit(account.endpoint).netloc, timeout=60)
    connection.connect()
    try:
        begin = time.perf_counter()
        path = f"/2015-03-31/functions/{function}/invocations"
        connection.request("POST", path, b"{}", unsigned("lambda"))
        answer = connection.getresponse()
        body = answer.read()
        taken = time.perf_counter() - begin
    finally:
        connection.close()
    if answer.status != 200 or answer.headers.get("x-amz-function-error"):
        raise MeasureError(f"the function {function} failed: {body.decode(errors='replace')[:500]}")
    return taken


def bare(python: Path, path: Path) -> float:
    """Seconds that an interpreter takes to start, import the same and end; the median of a few."""
    variables = {"PATH": os.defpath, "PYTHONPATH": str(path)}
    command = [str(python), "-c", IMPORTS]
    taken = []
    for _ in range(TIMES):
        begin = time.perf_counter()
        subprocess.run(command, env=variables, check=True)
        taken.append(time.perf_counter() - begin)
    return statistics.median(taken)
