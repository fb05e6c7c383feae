"""AWS_LAMBDA_EXEC_WRAPPER: the program that a layer puts before the runtime, as those of Datadog and ADOT do."""

from __future__ import annotations

import json

import pytest

from staticfire.edge.services.lambda_ import Functions
from tests.unit.edge.services.lambda_.kit import Lab, Said

APP = (
    "import boto3, os, sys\n"
    "def handler(event, context):\n"
    "    return {'wrapped': os.environ.get('WRAPPED'), 'arguments': os.environ.get('ARGUMENTS'), 'event': event}\n"
)
OTHER = "import app\ndef handler(event, context): return {**app.handler(event, context), 'handler': 'other'}\n"
WRAPPER = '#!/bin/bash\nexport WRAPPED=yes ARGUMENTS="$*"\n{}exec "$@"\n'


@pytest.fixture(params=["namespaces", "none"])
def isolation(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both kinds of machine; one that refuses namespaces is simulated."""
    if request.param == "none":

        async def refused(*_: object) -> bool:
            return False

        monkeypatch.setattr("staticfire.edge.services.lambda_.runtimes.Runtimes.isolate", refused)
    return str(request.param)


async def wrapped(lab: Lab, said: Said, wrapper: str, path: str = "wrapper", **files: str) -> object:
    ref = lab.deploy(
        {"app.py": APP, "other.py": OTHER, "wrapper": wrapper, **files},
        Environment={"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": path}},
    )
    async with lab.running() as functions:
        return said(await functions.invoke(ref, b'{"n": 1}'))


async def test_the_wrapper_gets_the_runtimes_command_and_starts_it(lab: Lab, said: Said, isolation: str) -> None:
    answer = await wrapped(lab, said, WRAPPER.format(""))
    assert isinstance(answer, dict)
    assert (answer["wrapped"], answer["event"]) == ("yes", {"n": 1})
    python, bootstrap = answer["arguments"].split(" ")
    if isolation == "namespaces":
        assert (python, bootstrap) == (f"/var/lang/bin/python{lab.version}", "/var/runtime/bootstrap.py")


async def test_the_wrapper_is_where_lambda_has_it(lab: Lab, said: Said, isolation: str) -> None:
    answer = await wrapped(lab, said, WRAPPER.format(""), path="/var/task/wrapper")
    assert isinstance(answer, dict)
    assert answer["wrapped"] == "yes"


async def test_the_wrapper_may_put_its_own_handler_before(lab: Lab, said: Said, isolation: str) -> None:
    answer = await wrapped(lab, said, WRAPPER.format("export _HANDLER=other.handler\n"))
    assert isinstance(answer, dict)
    assert answer["handler"] == "other"


async def test_the_wrapper_may_add_arguments_before_the_last_one(lab: Lab, said: Said, isolation: str) -> None:
    wrapper = WRAPPER.replace('exec "$@"', 'exec "${{@:1:$#-1}}" -X importtime "${{@: -1}}"').format("")
    answer = await wrapped(lab, said, wrapper)
    assert isinstance(answer, dict)
    assert answer["wrapped"] == "yes"


async def test_a_wrapper_that_is_not_there_ends_the_runtime_with_127(lab: Lab) -> None:
    ref = lab.deploy(APP, Environment={"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/not-there"}})
    async with lab.running() as functions:
        outcome = await functions.invoke(ref, b"{}")
    assert outcome.error == "Unhandled"
    assert json.loads(outcome.payload) == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: {outcome.request_id} Error: Runtime exited with error: exit status 127",
    }


async def test_a_layers_wrapper_finds_the_layers_modules(lab: Lab, said: Said, isolation: str) -> None:
    lab.add_layer("arn:aws:lambda:us-east-1:000000000000:layer:tracing:1", {"python/tracing.py": "LEVEL = 7\n"})
    ref = lab.deploy(
        {"app.py": "import tracing\ndef handler(e, c): return tracing.LEVEL\n", "wrapper": WRAPPER.format("")},
        Environment={"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": "wrapper"}},
        Layers=[{"Arn": "arn:aws:lambda:us-east-1:000000000000:layer:tracing:1"}],
    )
    async with lab.running() as functions:
        assert isinstance(functions, Functions)
        assert said(await functions.invoke(ref, b"{}")) == 7


async def test_a_node_function_is_wrapped_too(lab: Lab, said: Said, isolation: str) -> None:
    ref = lab.deploy(
        {
            "index.mjs": "export const handler = async (event) => [event, process.env.WRAPPED];\n",
            "wrapper": WRAPPER.format(""),
        },
        Runtime="nodejs24.x",
        Handler="index.handler",
        Environment={"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": "wrapper"}},
    )
    async with lab.running() as functions:
        assert said(await functions.invoke(ref, b"1")) == [1, "yes"]
